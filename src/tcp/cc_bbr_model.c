/* SPDX-License-Identifier: MIT */
/*
 * BBR's model of the path (draft-ietf-ccwg-bbr 5.2 to 5.5 as to rounds, bandwidth, delay, losses
 * and aggregation): what is known, not what is done about it.
 */
#include "cc_bbr.h"

#define FULL_BW_GROWTH   5 / 4 /* growth that counts */
#define FULL_BW_ROUNDS   3
#define NOISE_SEGS       2 /* losses that are none, of eight times as much at least */
#define NOISE_SHARE      8
#define EVENTS           3 /* losses told by one ACK are one event, and fewer are noise */
#define BURST_SHARE      4 /* ... unless so much of a round trip is lost */
#define EXTRA_ROUNDS     5 /* half of BBR.ExtraAckedFilterLen */
#define MIN_RTT_MS       10000
#define PROBE_RTT_MS     5000
#define INITIAL_SEGMENTS TCP_INIT_SEGS

/* ---- round trips ----------------------------------------------------------------------------- */

void ft_bbr_start_round(struct bbr *bbr, const struct tcp_ack_sample *sample)
{
    bbr->next_round_delivered = sample->delivered;
}

static void update_round(struct bbr *bbr, const struct tcp_ack_sample *sample)
{
    bbr->round_start =
        sample->has_prior && (int32_t)(sample->prior_delivered - bbr->next_round_delivered) >= 0;
    if (!bbr->round_start)
        return;
    ft_bbr_start_round(bbr, sample);
    if (bbr->rounds_since < UINT8_MAX)
        bbr->rounds_since++;
}

/* ---- bandwidth ------------------------------------------------------------------------------- */

uint64_t ft_bbr_rate(const struct tcp_ack_sample *sample)
{
    if (sample->interval_us == 0)
        return 0;
    return (uint64_t)sample->rate_octets * 1000000 / sample->interval_us;
}

uint64_t ft_bbr_max_bw(const struct bbr *bbr)
{
    return FT_MAX(bbr->max_bw[0], bbr->max_bw[1]);
}

void ft_bbr_next_cycle(struct bbr *bbr)
{
    if (bbr->max_bw[1] == 0)
        return; /* nothing was measured in this one */
    bbr->max_bw[0] = bbr->max_bw[1];
    bbr->max_bw[1] = 0;
}

static void update_max_bw(struct bbr *bbr, const struct tcp_ack_sample *sample)
{
    uint64_t rate = ft_bbr_rate(sample);
    update_round(bbr, sample);
    if (rate > 0 && (rate >= ft_bbr_max_bw(bbr) || !sample->app_limited))
        bbr->max_bw[1] = FT_MAX(bbr->max_bw[1], rate);
}

void ft_bbr_reset_full_bw(struct bbr *bbr, uint64_t now)
{
    bbr->full_bw = now;
    bbr->full_bw_count = 0;
    bbr->full_bw_now = false;
}

void ft_bbr_check_full_bw(struct bbr *bbr, const struct tcp_ack_sample *sample)
{
    uint64_t rate = ft_bbr_rate(sample);
    if (bbr->full_bw_now || sample->app_limited || rate == 0)
        return;
    if (rate >= bbr->full_bw * FULL_BW_GROWTH) {
        ft_bbr_reset_full_bw(bbr, rate);
        return;
    }
    if (!bbr->round_start || ++bbr->full_bw_count < FULL_BW_ROUNDS)
        return;
    bbr->full_bw_now = true;
    bbr->full_bw_reached = true;
}

/* ---- losses ---------------------------------------------------------------------------------- */

bool ft_bbr_too_high(const struct ft_tcb *tcb, uint32_t lost, uint32_t tx_in_flight)
{
    bool noise = lost <= NOISE_SEGS * (uint32_t)tcb->snd_mss && lost <= tx_in_flight / NOISE_SHARE;
    return lost > tx_in_flight / BBR_LOSS_SHARE && !noise;
}

void ft_bbr_reset_signals(struct bbr *bbr)
{
    bbr->loss_in_round = bbr->mark_in_round = false;
    bbr->loss_events = 0;
    bbr->bw_latest = 0;
    bbr->inflight_latest = 0;
}

void ft_bbr_reset_short_term(struct bbr *bbr)
{
    bbr->bw_lo = BBR_BW_NONE;
    bbr->inflight_lo = BBR_NONE;
}

void ft_bbr_note(struct bbr *bbr, const struct ft_tcb *tcb)
{
    if (!bbr->loss_in_round && !bbr->mark_in_round)
        bbr->loss_round_delivered = tcb->busy->cc.rate.delivered;
}

static void lower_rate(struct bbr *bbr)
{
    if (bbr->bw_lo == BBR_BW_NONE)
        bbr->bw_lo = ft_bbr_max_bw(bbr);
    bbr->bw_lo = FT_MAX(bbr->bw_latest, BBR_BETA(bbr->bw_lo));
}

static void lower_inflight(struct bbr *bbr, const struct ft_tcb *tcb)
{
    if (bbr->inflight_lo == BBR_NONE)
        bbr->inflight_lo = tcb->cwnd;
    bbr->inflight_lo = FT_MAX(bbr->inflight_latest, BBR_BETA(bbr->inflight_lo));
}

/* AdaptLowerBoundsFromCongestion(): not while we probe and losses are our own doing. Deviation: nor
   when fewer were lost in the round trip than are taken for too many elsewhere, or in a burst.
   Else each round trip with a loss by chance, which is every one on a long path, lowers the bounds
   a little until the next probe, and 1 % of losses costs a fifth of the rate, in bursts more. A
   burst says nothing of how long the queue is; CheckStartupHighLoss() filters it in the same way.

   The draft has no rule for marks. As in the third version of Linux those of a round trip lower
   what may be under way, which is what makes the queue, and not the rate. */
static void adapt_lower_bounds(struct bbr *bbr, const struct ft_tcb *tcb,
                               const struct tcp_ack_sample *sample)
{
    uint32_t lost = tcb->busy->cc.rate.lost - bbr->loss_round_lost;
    uint32_t all = sample->delivered - bbr->loss_round_from + lost;
    bbr->loss_round_lost += lost;
    bbr->loss_round_from = sample->delivered;
    bool probing = bbr->state == BBR_STARTUP || bbr->state == BBR_REFILL || bbr->state == BBR_UP;
    if (probing)
        return;
    bool burst = bbr->loss_events < EVENTS && lost < all / BURST_SHARE;
    if (bbr->loss_in_round && !burst && ft_bbr_too_high(tcb, lost, all)) {
        lower_rate(bbr);
        lower_inflight(bbr, tcb);
    } else if (bbr->mark_in_round) {
        lower_inflight(bbr, tcb);
    }
}

void ft_bbr_signals(struct bbr *bbr, const struct ft_tcb *tcb, const struct tcp_ack_sample *sample)
{
    bbr->bw_latest = FT_MAX(bbr->bw_latest, ft_bbr_rate(sample));
    bbr->inflight_latest = FT_MAX(bbr->inflight_latest, sample->rate_octets);
    bbr->loss_round_start =
        sample->has_prior && (int32_t)(sample->prior_delivered - bbr->loss_round_delivered) >= 0;
    if (bbr->loss_round_start)
        bbr->loss_round_delivered = sample->delivered;
    update_max_bw(bbr, sample);
    if (sample->lost > 0 && bbr->loss_events < UINT8_MAX)
        bbr->loss_events++;
    if (bbr->loss_round_start)
        adapt_lower_bounds(bbr, tcb, sample);
}

void ft_bbr_signals_done(struct bbr *bbr, const struct tcp_ack_sample *sample)
{
    if (bbr->loss_round_start) {
        bbr->loss_in_round = bbr->mark_in_round = false;
        bbr->loss_events = 0;
        bbr->bw_latest = ft_bbr_rate(sample);
        bbr->inflight_latest = sample->rate_octets;
    }
    bbr->bw = FT_MIN(ft_bbr_max_bw(bbr), bbr->bw_lo);
}

/* ---- aggregation ----------------------------------------------------------------------------- */

void ft_bbr_aggregation(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_ack_sample *sample)
{
    struct bbr *bbr = bbr_of(tcb);
    uint32_t now_us = (uint32_t)(tcp->env->now / FT_US);
    uint32_t interval = now_us - bbr->acked_from_us;
    uint64_t expected = bbr->bw / 1000 * interval / 1000;
    if (bbr->round_start && ++bbr->extra_rounds >= (bbr->full_bw_reached ? EXTRA_ROUNDS : 1)) {
        bbr->extra_acked[0] = bbr->extra_acked[1];
        bbr->extra_acked[1] = 0;
        bbr->extra_rounds = 0;
    }
    if (bbr->acked_octets <= expected) {
        bbr->acked_octets = 0;
        bbr->acked_from_us = now_us;
        expected = 0;
    }
    uint64_t acked = (uint64_t)bbr->acked_octets + sample->newly_delivered;
    bbr->acked_octets = (uint32_t)FT_MIN(acked, (uint64_t)CC_CWND_MAX);
    uint64_t extra = acked > expected ? acked - expected : 0;
    uint32_t bounded = (uint32_t)FT_MIN(extra, (uint64_t)tcb->cwnd);
    bbr->extra_acked[1] = FT_MAX(bbr->extra_acked[1], bounded);
}

uint32_t ft_bbr_extra_acked(const struct bbr *bbr)
{
    return FT_MAX(bbr->extra_acked[0], bbr->extra_acked[1]);
}

/* ---- delay ----------------------------------------------------------------------------------- */

bool ft_bbr_min_rtt(struct bbr *bbr, uint32_t rtt_us, uint32_t now_ms)
{
    bool probe = now_ms - bbr->probe_rtt_min_at_ms > PROBE_RTT_MS;
    bool old = now_ms - bbr->min_rtt_at_ms > MIN_RTT_MS;
    if (rtt_us && (bbr->probe_rtt_min_us == 0 || rtt_us < bbr->probe_rtt_min_us || probe)) {
        bbr->probe_rtt_min_us = rtt_us;
        bbr->probe_rtt_min_at_ms = now_ms;
    }
    if (bbr->probe_rtt_min_us &&
        (bbr->min_rtt_us == 0 || bbr->probe_rtt_min_us < bbr->min_rtt_us || old)) {
        bbr->min_rtt_us = bbr->probe_rtt_min_us;
        bbr->min_rtt_at_ms = bbr->probe_rtt_min_at_ms;
    }
    return probe;
}

uint32_t ft_bbr_bdp(const struct ft_tcb *tcb, uint64_t bw, uint32_t gain)
{
    const struct bbr *bbr = bbr_of(tcb);
    uint64_t bdp;
    if (bbr->min_rtt_us == 0 || bw == 0)
        bdp = INITIAL_SEGMENTS * (uint64_t)tcb->snd_mss;
    else
        bdp = bw / 1000 * bbr->min_rtt_us / 1000 + bw % 1000 * bbr->min_rtt_us / 1000000;
    return (uint32_t)FT_MIN(bdp * gain / 100, (uint64_t)CC_CWND_MAX);
}
