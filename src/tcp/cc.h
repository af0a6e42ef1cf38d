/* SPDX-License-Identifier: MIT */
/*
 * Congestion control as loss recovery sees it, and an algorithm as congestion control sees it.
 *
 * Recovery says what an ACK told (struct tcp_ack_sample), when congestion was met, when that was a
 * mistake. The algorithm answers with cwnd, ssthresh and perhaps a pacing rate. To add one: a file
 * cc_NAME.c with a struct tcp_cc_ops, and a line in the table of cc.c.
 *
 * State lives in the busy part, so an idle connection has none. What must outlive idle an algorithm
 * gives to ft_cc_keep() when its state is given back, and asks ft_cc_recall() for when it has one
 * again.
 */
#ifndef TCP_CC_H
#define TCP_CC_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include <fourtuple/types.h>

#include "base/seq.h"

struct ft_frame;
struct ft_path;
struct ft_tcb;
struct ft_tcp;

#define CC_NAME_MAX    16 /* octets of a name, its end among them, as in Linux */
#define CC_STATE_WORDS 24 /* of private state, eight octets each */
#define CC_KEEP_WORDS  8  /* of what outlives idle, four octets each */
#define CC_PACE_NONE   UINT64_MAX

/* ---- what is measured -------------------------------------------------------------------------*/

/* Carried by each sent record, written by ft_rate_sent(): how far delivery had come when it left
   last (draft-ietf-ccwg-bbr 4.1.2.2). Counts of octets and of microseconds are modulo 2^32. */
struct tcp_rate_stamp {
    uint32_t delivered;    /* P.delivered */
    uint32_t delivered_us; /* P.delivered_time */
    uint32_t first_us;     /* P.first_send_time */
    uint32_t sent_us;      /* P.send_time */
    uint32_t lost;         /* P.lost */
    uint32_t in_flight;    /* P.tx_in_flight, itself among them */
    bool app_limited;      /* P.is_app_limited */
};

/* What one ACK told. Recovery begins it with ft_rate_begin(), fills in the upper half, calls
   ft_rate_delivered() for each record that has newly been acknowledged or SACKed, and hands it to
   ft_cc_acked(), which does the rest. */
struct tcp_ack_sample {
    uint32_t acked;        /* octets that SEG.ACK has newly acknowledged */
    uint32_t sacked;       /* octets that blocks have newly told of */
    uint32_t lost;         /* octets newly taken for lost */
    uint32_t prior_flight; /* octets in the network before this ACK */
    uint32_t flight;       /* and after it */
    uint32_t rtt_us;       /* of the latest segment never sent again; 0: none */
    uint32_t ce_octets;    /* octets that the peer says were marked (ECN); 0 without ECN */
    bool ece;              /* SEG.ECE (RFC 3168) */
    bool in_recovery;      /* recovery is under way, so cwnd is not the algorithm's to open */
    bool after_timeout;    /* sending again after a timeout (RFC 3465 2.3's limit holds) */

    /* By the delivery rate's estimator. */
    uint32_t delivered;       /* C.delivered, modulo 2^32 */
    uint32_t newly_delivered; /* octets delivered by this ACK: acknowledged or SACKed */
    uint32_t prior_delivered; /* P.delivered of the newest segment that it told of */
    uint32_t tx_in_flight;    /* P.tx_in_flight of that */
    uint32_t prior_lost;      /* P.lost of that */
    uint32_t lost_since;      /* octets lost between its sending and now */
    uint32_t rate_octets;     /* delivered over ... */
    uint32_t interval_us;     /* ... this; 0: there is no sample of the rate */
    uint32_t prior_us;        /* P.delivered_time of that segment ... */
    uint32_t newest_sent_us;  /* ... and P.send_time: for the estimator only */
    bool has_prior;           /* a record has been delivered */
    bool app_limited;         /* the sample says less than the path can */
};

/* C.*, in the busy part. */
struct tcp_rate {
    uint32_t delivered;    /* octets delivered so far, modulo 2^32 */
    uint32_t delivered_us; /* when that was */
    uint32_t first_us;     /* when the first segment of the flight being sampled left */
    uint32_t lost;         /* octets lost so far, modulo 2^32 */
    uint32_t last_octets;  /* of the last sample that counts: delivered ... */
    uint32_t last_us;      /* ... in this; 0: none yet */
    uint32_t app_until;    /* delivered: samples up to it are application-limited */
    bool app_limited;      /* app_until counts */
    bool last_limited;     /* of the last sample that counts: it says less than the path can */
};

/* ---- what an algorithm is ---------------------------------------------------------------------*/

enum tcp_cc_flag {
    CC_OWNS_CWND = 1, /* cwnd is the algorithm's in recovery, too: no PRR, no cut to ssthresh, and
                         on_ack is asked for every ACK */
    CC_NEEDS_ECN = 2, /* its sockets ask for ECN and accept it, whatever the configuration; where
                         ECN is classic, what they receive is echoed mark by mark (RFC 8257 3.2) */
};

enum tcp_cc_event {
    CC_EVENT_START,     /* octets are about to leave with none in the network */
    CC_EVENT_RECOVERED, /* all that was out when loss was found has been acknowledged */
};

struct tcp_cc_ops {
    char name[CC_NAME_MAX];
    uint32_t flags; /* enum tcp_cc_flag */

    /* State has been taken and is zero; ft_cc_recall() knows what release kept. cwnd and ssthresh
       stand. May be NULL, as all that follow but on_ack and on_congestion. */
    void (*init)(struct ft_tcp *tcp, struct ft_tcb *tcb);
    /* State is about to be given back: what must outlive idle goes to ft_cc_keep(). */
    void (*release)(struct ft_tcp *tcp, struct ft_tcb *tcb);
    /* Before on_ack, and in recovery, too: for who counts marks. */
    void (*on_feedback)(struct ft_tcp *tcp, struct ft_tcb *tcb,
                        const struct tcp_ack_sample *sample);
    /* Which of the words that ft_cc_keep() keeps are instants, in ms of the stack's time. */
    uint32_t kept_instants;
    /* Whether words from outside can be what release kept. NULL: it keeps nothing. */
    bool (*kept_fits)(const uint32_t kept[CC_KEEP_WORDS]);
    /* An ACK has told something; outside of recovery only, unless CC_OWNS_CWND. */
    void (*on_ack)(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_ack_sample *sample);
    /* Congestion was met for the first time in a window. Return: the new ssthresh. @flight: octets
       in the network. There may be no state (tcb->busy is NULL). */
    uint32_t (*on_congestion)(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t flight);
    /* A mark (ECN) has come back for the first time in a window. Return: the new ssthresh. NULL: as
       on_congestion. */
    uint32_t (*on_mark)(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t flight);
    /* The retransmission timer has fired; cwnd is a segment and ssthresh set already, unless
       CC_OWNS_CWND. */
    void (*on_rto)(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t flight);
    /* Octets of one record have been found lost. @stamp: of its last transmission. */
    void (*on_lost)(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_rate_stamp *stamp,
                    uint32_t octets);
    /* The last on_congestion or on_rto was a mistake; cwnd and ssthresh are restored. */
    void (*undo)(struct ft_tcp *tcp, struct ft_tcb *tcb);
    /* Nothing was sent for longer than the RTO; cwnd has been lowered, unless CC_OWNS_CWND. */
    void (*on_idle_restart)(struct ft_tcp *tcp, struct ft_tcb *tcb);
    void (*cwnd_event)(struct ft_tcp *tcp, struct ft_tcb *tcb, enum tcp_cc_event event);
};

/* Of a connection, in the busy part. */
struct tcp_cc {
    uint32_t prior_cwnd;     /* before congestion was met, for undo; 0: nothing to undo */
    uint32_t prior_ssthresh; /* then, too */
    uint64_t pace_rate;      /* octets a second; CC_PACE_NONE: not paced by the algorithm */
    bool begun;              /* ft_cc_begin_flight() has been called, and nothing has left since */
    ft_time pace_wake;       /* when a connection that is held back is woken */
    uint32_t pipe;           /* most octets in the network in this round trip (RFC 7661) ... */
    uint32_t pipe_before;    /* ... and in the one before */
    bool limited;            /* cwnd held the sender back in this round trip ... */
    bool limited_before;     /* ... and in the one before */
    uint32_t valid_s;        /* when half of cwnd was used last, seconds of the stack's time */
    ft_seq pipe_end;         /* an ACK from there on ends the round trip */
    struct tcp_rate rate;
    uint64_t state[CC_STATE_WORDS]; /* the algorithm's own */
};

/* The private state of an algorithm. @type must fit: static_assert(sizeof(type) <= CC_STATE_MAX) */
#define CC_STATE_MAX        (CC_STATE_WORDS * sizeof(uint64_t))
#define CC_STATE(tcb, type) ((type *)(void *)(tcb)->busy->cc.state)

/* ---- for who has a TCB ------------------------------------------------------------------------*/

/** The algorithm that a number in struct tcp_opts stands for. */
const struct tcp_cc_ops *ft_cc_ops(uint8_t cc);

/** The number of the algorithm of a name that need not end. Return: -ENOENT: there is none. */
int ft_cc_find(const char *name, size_t len);

/** The connection is established: the initial window (RFC 6928); a segment if its SYN was lost. */
void ft_cc_start(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Use another algorithm from now on. @cc: of ft_cc_find() */
void ft_cc_switch(struct ft_tcp *tcp, struct ft_tcb *tcb, uint8_t cc);

/** The busy part has been taken: the algorithm has state now. */
void ft_cc_attach(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** The busy part is about to be given back. */
void ft_cc_detach(struct ft_tcp *tcp, struct ft_tcb *tcb);

/* ---- for recovery -----------------------------------------------------------------------------*/

/** Whether cwnd is the algorithm's in recovery, too: no PRR then. */
bool ft_cc_owns_cwnd(const struct ft_tcb *tcb);

/**
 * An ACK has been processed: the delivery rate is taken, then cwnd may open. Once for each ACK that
 * acknowledged or SACKed something or found something lost, in recovery, too, after snd_una, the
 * records and the marks have been brought up to date.
 *
 * @sample: begun by ft_rate_begin(); the rest is filled in here
 */
void ft_cc_acked(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_ack_sample *sample);

/**
 * Congestion was met for the first time in a window by a loss: sets ssthresh and
 * remembers cwnd and ssthresh for ft_cc_undo(). cwnd is then recovery's to bring there.
 *
 * @flight: octets in the network
 */
void ft_cc_congestion(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t flight);

/**
 * Congestion was met for the first time in a window by a mark (ECN): sets ssthresh. It is never
 * undone.
 *
 * @flight: octets in the network
 */
void ft_cc_mark(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t flight);

/**
 * The retransmission timer has fired.
 *
 * @flight: octets in the network
 * @again:  of an episode that has lowered ssthresh already (RFC 5681 equation 4): it stays
 */
void ft_cc_rto(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t flight, bool again);

/** The last of the two was a mistake: cwnd, ssthresh and what the algorithm knew come back. */
void ft_cc_undo(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Recovery or what followed a timeout is over, and cwnd stands where recovery wants it. */
void ft_cc_recovered(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Octets leave with none in the network: after a pause longer than the RTO the window shrinks
    (RFC 5681 4.1; by half for each RTO, as on Linux). Before what leaves is planned. */
void ft_cc_begin_flight(struct ft_tcp *tcp, struct ft_tcb *tcb);

/* ---- for algorithms ---------------------------------------------------------------------------*/

#define CC_CWND_MAX (UINT32_MAX / 4) /* no window opens further */

/** Whether the window was what held the sender back (RFC 7661). @flight: octets out before. */
bool ft_cc_limited(const struct ft_tcb *tcb, uint32_t flight);

/** Slow start up to ssthresh (RFC 5681 3.1). Return: octets acknowledged that were not used. */
uint32_t ft_cc_slow_start(struct ft_tcb *tcb, const struct tcp_ack_sample *sample);

/** Open cwnd by a segment for every @per_segment octets acknowledged (RFC 3465 2.1). */
void ft_cc_avoid(struct ft_tcb *tcb, uint32_t acked, uint32_t per_segment);

/**
 * The window that congestion was met with: cwnd, or what was used of it when that is less than half
 * (RFC 7661 4.4.1, the non-validated phase). An initial window needs no use to be justified: who
 * sent a segment at a time and lost one goes on as on Linux. @flight: octets in the network
 */
uint32_t ft_cc_base(const struct ft_tcb *tcb, uint32_t flight);

/** Keep octets of state while the connection is idle. @len: at most CC_KEEP_WORDS * 4 */
void ft_cc_keep(struct ft_tcp *tcp, struct ft_tcb *tcb, const void *data, size_t len);

/** What was kept last; left as it is if nothing was, zero if it was of another algorithm. */
void ft_cc_recall(const struct ft_tcb *tcb, void *ret_data, size_t len);

/** What an algorithm keeps while idle, for another stack: instants are spans up to now. Return:
    whether there is something. */
bool ft_cc_export(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t ret_kept[CC_KEEP_WORDS]);

/** Whether words can be that of an algorithm. @cc: of ft_cc_find() */
bool ft_cc_import_fits(uint8_t cc, const uint32_t kept[CC_KEEP_WORDS]);

/** Take it over, before there is state. Return: 0; -ENOBUFS. */
int ft_cc_import(struct ft_tcp *tcp, struct ft_tcb *tcb, const uint32_t kept[CC_KEEP_WORDS]);

extern const struct tcp_cc_ops ft_cc_bbr;   /* cc_bbr.c */
extern const struct tcp_cc_ops ft_cc_cubic; /* cc_cubic.c */
extern const struct tcp_cc_ops ft_cc_dctcp; /* cc_dctcp.c */
extern const struct tcp_cc_ops ft_cc_reno;  /* cc_reno.c */

/* ---- rate.c: the delivery rate (draft-cheng-iccrg-delivery-rate-estimation) -------------------
 */

/**
 * A segment leaves, for the first time or again.
 *
 * @before:    octets in the network without it; 0: a new flight begins
 * @len:       its octets
 * @ret_stamp: to be kept with its record
 */
void ft_rate_sent(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t before, uint32_t len,
                  struct tcp_rate_stamp *ret_stamp);

/** Zero a sample. Call before the records are looked at. */
void ft_rate_begin(const struct ft_tcb *tcb, struct tcp_ack_sample *sample);

/** Octets of one record have newly been acknowledged or SACKed. @len: how many */
void ft_rate_delivered(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_rate_stamp *stamp,
                       uint32_t len, struct tcp_ack_sample *sample);

/** Octets of one record have newly been taken for lost. @stamp: of its last transmission */
void ft_rate_lost(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_rate_stamp *stamp,
                  uint32_t len);

/** All records of an ACK have been told of: the rate over the interval. For ft_cc_acked() only. */
void ft_rate_finish(struct ft_tcb *tcb, struct tcp_ack_sample *sample);

/** The rate as measured last, octets a second; 0: not yet, or nothing is under way. */
uint64_t ft_rate_measured(const struct ft_tcb *tcb);

/** The user is about to queue octets: if what was queued before did not fill cwnd, samples say less
    than the path can. */
void ft_rate_before_write(struct ft_tcb *tcb);

/** There is room in cwnd and nothing to send: samples say less than the path can. @flight: octets
    in the network */
void ft_rate_app_limited(struct ft_tcb *tcb, uint32_t flight);

/* ---- pace.c: departures -----------------------------------------------------------------------
 */

/** The rate at which octets may leave, octets a second; CC_PACE_NONE: as they come. */
uint64_t ft_pace_rate(const struct ft_tcb *tcb);

/** Octets that may leave at once, at least a segment; UINT32_MAX: not paced. */
uint32_t ft_pace_quantum(const struct ft_tcb *tcb);

/**
 * Octets of payload that a frame may have: one segment, or many for a link that cuts them, as far
 * as they leave in a millisecond of the rate, paced or what cwnd makes in a round trip (Linux's TSO
 * autosizing).
 */
uint32_t ft_frame_room(const struct ft_tcp *tcp, const struct ft_tcb *tcb,
                       const struct ft_path *path, const struct ft_frame *frame);

/** Whether data must wait; then the timer is armed for its departure. */
bool ft_pace_holds(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Octets leave, for the first time or again. */
void ft_pace_sent(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t len);

/** The link gave them back. */
void ft_pace_unsent(struct ft_tcb *tcb, uint32_t len);

/** The connection's timer has fired: what was held back may go on if its time has come. */
void ft_pace_fired(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** The rate is another from now on, or what leaves next (after a timeout) must not wait. */
void ft_pace_reset(struct ft_tcp *tcp, struct ft_tcb *tcb);

#endif
