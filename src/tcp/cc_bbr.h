/* SPDX-License-Identifier: MIT */
/*
 * The state of BBR version 3 (draft-ietf-ccwg-bbr), with the draft's names, between the file that
 * knows the network (cc_bbr_model.c) and the one that decides by it (cc_bbr.c). Octets, octets a
 * second, milliseconds and microseconds modulo 2^32; shares are per cent.
 */
#ifndef TCP_CC_BBR_H
#define TCP_CC_BBR_H

#include "priv.h"

#define BBR_NONE       UINT32_MAX /* of octets: no bound */
#define BBR_BW_NONE    UINT64_MAX /* of rates: no bound */
#define BBR_UNDO_NONE  UINT8_MAX  /* of states: none was left */
#define BBR_BETA(x)    ((x) / 10 * 7 + (x) % 10 * 7 / 10)
#define BBR_LOSS_SHARE 50 /* BBR.LossThresh: one in so many, 2 % */

enum bbr_state {
    BBR_STARTUP,
    BBR_DRAIN,
    BBR_DOWN, /* ProbeBW, in the order of its cycle */
    BBR_CRUISE,
    BBR_REFILL,
    BBR_UP,
    BBR_PROBE_RTT,
};

enum bbr_ack_phase {
    BBR_ACKS_INIT,
    BBR_ACKS_REFILLING,
    BBR_ACKS_PROBE_STARTING,
    BBR_ACKS_PROBE_FEEDBACK,
    BBR_ACKS_PROBE_STOPPING,
};

struct bbr {
    uint64_t max_bw[2];  /* BBR.MaxBwFilter: of the cycle before and of the present one */
    uint64_t bw;         /* the least of what bounds it */
    uint64_t bw_lo;      /* BBR.bw_shortterm */
    uint64_t bw_latest;  /* of the present round trip of losses */
    uint64_t full_bw;    /* to see growth against */
    uint64_t undo_bw_lo; /* before congestion was met last */

    uint32_t inflight_hi;     /* BBR.inflight_longterm */
    uint32_t inflight_lo;     /* BBR.inflight_shortterm */
    uint32_t inflight_latest; /* of the present round trip of losses */
    uint32_t undo_inflight_hi, undo_inflight_lo;
    uint32_t prior_cwnd; /* before ProbeRTT or a timeout */

    uint32_t min_rtt_us;           /* 0: none yet */
    uint32_t min_rtt_at_ms;        /* BBR.min_rtt_stamp */
    uint32_t probe_rtt_min_us;     /* BBR.probe_rtt_min_delay; 0: none yet */
    uint32_t probe_rtt_min_at_ms;  /* BBR.probe_rtt_min_stamp */
    uint32_t probe_rtt_done_at_ms; /* with probe_rtt_timing */

    uint32_t next_round_delivered;
    uint32_t loss_round_delivered;
    uint32_t loss_round_from; /* C.delivered when the present round of losses began ... */
    uint32_t loss_round_lost; /* ... and C.lost */
    uint32_t cycle_at_ms;     /* BBR.cycle_stamp */
    uint32_t probe_wait_ms;   /* BBR.bw_probe_wait */
    uint32_t probe_up_acks;   /* BBR.bw_probe_up_acks */
    uint32_t probe_up_cnt;    /* so many octets acknowledged raise inflight_hi by one; 0: none do */

    uint32_t acked_from_us;  /* BBR.extra_acked_interval_start */
    uint32_t acked_octets;   /* BBR.extra_acked_delivered */
    uint32_t extra_acked[2]; /* BBR.ExtraACKedFilter: of the five rounds before and of these */
    uint8_t extra_rounds;    /* rounds in the second */

    uint8_t state;           /* enum bbr_state */
    uint8_t ack_phase;       /* enum bbr_ack_phase */
    uint8_t rounds_since;    /* BBR.rounds_since_bw_probe, saturating */
    uint8_t probe_up_rounds; /* BBR.bw_probe_up_rounds */
    uint8_t full_bw_count;   /* rounds without growth */
    uint8_t loss_events;     /* ACKs that told of losses in this round trip */
    uint8_t undo_state;      /* enum bbr_state that a loss has ended, or BBR_UNDO_NONE */
    bool full_bw_reached;    /* the pipe has been filled once */
    bool full_bw_now;        /* it does not grow now */
    bool round_start;        /* this ACK begins a round trip */
    bool loss_round_start;   /* and one of losses */
    bool loss_in_round;      /* something was lost in this one */
    bool mark_in_round;      /* a mark was told of in this one */
    bool undo_saved;         /* of an episode of losses that has begun, but is no recovery yet */
    bool probe_samples;      /* BBR.bw_probe_samples: losses now are of our probing */
    bool idle_restart;       /* octets leave after a pause */
    bool probe_rtt_timing;   /* BBR.probe_rtt_done_stamp is set */
    bool probe_rtt_round;    /* BBR.probe_rtt_round_done */
};

static_assert(sizeof(struct bbr) <= CC_STATE_MAX, "state is bounded");

static inline struct bbr *bbr_of(const struct ft_tcb *tcb)
{
    return CC_STATE(tcb, struct bbr);
}

static inline bool bbr_in_probe_bw(const struct bbr *bbr)
{
    return bbr->state >= BBR_DOWN && bbr->state <= BBR_UP;
}

/** BBRStartRound(). */
void ft_bbr_start_round(struct bbr *bbr, const struct tcp_ack_sample *sample);

/** The rate of a sample, octets a second; 0: it has none. */
uint64_t ft_bbr_rate(const struct tcp_ack_sample *sample);

/** BBR.max_bw. */
uint64_t ft_bbr_max_bw(const struct bbr *bbr);

/** BBRAdvanceMaxBwFilter(). */
void ft_bbr_next_cycle(struct bbr *bbr);

/** BBRUpdateLatestDeliverySignals() and BBRUpdateCongestionSignals(). */
void ft_bbr_signals(struct bbr *bbr, const struct ft_tcb *tcb, const struct tcp_ack_sample *sample);

/** BBRAdvanceLatestDeliverySignals() and BBRBoundBWForModel(), after all else. */
void ft_bbr_signals_done(struct bbr *bbr, const struct tcp_ack_sample *sample);

/** NoteLoss(): a loss or a mark is the first in its round of losses, which begins with it. */
void ft_bbr_note(struct bbr *bbr, const struct ft_tcb *tcb);

/** BBRResetCongestionSignals(). */
void ft_bbr_reset_signals(struct bbr *bbr);

/** BBRResetShortTermModel(). */
void ft_bbr_reset_short_term(struct bbr *bbr);

/** BBRResetFullBW(). @now: what growth is seen against from now on */
void ft_bbr_reset_full_bw(struct bbr *bbr, uint64_t now);

/** BBRCheckFullBWReached(). */
void ft_bbr_check_full_bw(struct bbr *bbr, const struct tcp_ack_sample *sample);

/** BBRUpdateACKAggregation(). */
void ft_bbr_aggregation(struct ft_tcp *tcp, struct ft_tcb *tcb,
                        const struct tcp_ack_sample *sample);

/** BBR.extra_acked. */
uint32_t ft_bbr_extra_acked(const struct bbr *bbr);

/** BBRUpdateMinRTT(). Return: whether ProbeRTT is due. */
bool ft_bbr_min_rtt(struct bbr *bbr, uint32_t rtt_us, uint32_t now_ms);

/** BBRBDPMultiple(): @gain per cent of the octets that fill the path at a rate. */
uint32_t ft_bbr_bdp(const struct ft_tcb *tcb, uint64_t bw, uint32_t gain);

/**
 * BBRIsInflightTooHigh(), with octets. Deviation: two segments lost are noise where many are under
 * way, though they may be more than 2 %: on a path of twenty segments each loss by chance would
 * count.
 */
bool ft_bbr_too_high(const struct ft_tcb *tcb, uint32_t lost, uint32_t tx_in_flight);

#endif
