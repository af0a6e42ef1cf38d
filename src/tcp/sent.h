/* SPDX-License-Identifier: MIT */
/*
 * Sent records: what is known of each range of octets that has left and is not acknowledged. When
 * it left last, how often, whether the peer holds it (RFC 2018), whether it is taken for lost. RACK
 * (RFC 8985 5.2) and the delivery rate read them.
 *
 * A record is a range, not a packet: a frame that is segmented on its way is one, and is cut only
 * at the boundaries of its segments, when a part of it fares otherwise than the rest.
 *
 *     by sequence  first ──> . ──> . ──> . ──> last      every record
 *     frames       ring of pointers to the first record of each frame that left: binary search
 *     by_time      what is in the network, in the order in which it left last
 *     lost         what is to be sent again
 */
#ifndef TCP_SENT_H
#define TCP_SENT_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include <fourtuple/types.h>

#include "base/list.h"
#include "base/seq.h"

#include "cc.h"

struct ft_tcb;
struct ft_tcp;
struct ft_tcp_seg;

#define SENT_SEGS_MAX    64    /* segments of a frame: what a search may walk within one */
#define SENT_FEW         8     /* frames that need no ring of their own */
#define SENT_SPARE_MAX   64    /* records that a connection keeps for the next frames */
#define SENT_RECORDS_MAX 32768 /* records of a connection */
#define SENT_SHARE       8     /* records of all take no more than this part of the budget */

enum sent_flag {
    SENT_SACKED = 1, /* the peer holds it: in neither list */
    SENT_LOST = 2,   /* in the list of the lost */
    SENT_AGAIN = 4,  /* what is in the network of it was sent again */
    SENT_OWN = 8,    /* it is the one that the busy part holds */
    SENT_PROBE = 16, /* one segment, larger than others, that probes the path's MTU */
};

struct tcp_sent {
    struct ft_list node;   /* in by_time or lost */
    struct tcp_sent *next; /* the one that begins where this ends; NULL: it is the last */
    ft_time sent_at;       /* when it left last (RFC 8985 4) */
    ft_seq seq;            /* its first octet */
    uint32_t len;          /* octets; a FIN is one more */
    union {
        uint32_t order; /* counts transmissions: later ones have more */
        ft_seq run_hi;  /* of a SACKed one: all up to here is known to be SACKed */
    };
    struct tcp_rate_stamp stamp; /* for the delivery rate */
    uint16_t mss;                /* octets of its segments when it left last */
    uint16_t gone;               /* octets of the first segment that are acknowledged */
    uint8_t times;               /* how often it left, saturating */
    uint8_t flags;               /* enum sent_flag */
};

static_assert(sizeof(struct tcp_sent) <= 80, "a record is small");

struct tcp_sents {
    struct tcp_sent *first, *last; /* by sequence; NULL: none */
    struct tcp_sent **frames;      /* ring of @cap pointers; @few, or of its own */
    uint32_t cap;                  /* a power of two */
    uint32_t head;                 /* place of the oldest frame, counted without end */
    uint32_t n_frames;
    uint32_t n;           /* records */
    uint32_t sacked;      /* octets that the peer holds; without SACK: that duplicates speak of */
    uint32_t lost;        /* octets in the list of the lost */
    uint32_t again;       /* octets in the network that were sent again */
    uint32_t sacked_segs; /* segments that SACK told of */
    uint32_t order;       /* transmissions so far */
    uint32_t n_changes;   /* of records: lengths, marks, how many there are */
    uint32_t n_checked;   /* n_changes when each was checked */
    struct ft_list by_time;
    struct ft_list losses;
    struct tcp_sent *spare; /* list of a few for the next frames */
    uint32_t n_spare;
    bool own_used; /* @own is a record */
    struct tcp_sent *few[SENT_FEW];
    struct tcp_sent own; /* so that one frame can always leave */
};

/* The transmission of a segment, for comparing. RFC 8985 6.2, RACK_sent_after(); the count of
   transmissions stands for the time, since many leave in one instant. */
struct tcp_xmit {
    ft_time at; /* RACK.xmit_ts; 0: none */
    uint32_t order;
    ft_seq end; /* RACK.end_seq */
};

/* RACK-TLP (RFC 8985 5.2, 7.1). */
struct tcp_rack {
    struct tcp_xmit newest; /* RACK.xmit_ts, RACK.end_seq */
    ft_time rtt;            /* RACK.rtt */
    ft_time reo_at;         /* the reordering timer */
    ft_time probe_at;       /* the probe timer (PTO) */
    ft_seq fack;            /* RACK.fack */
    ft_seq dsack_round;     /* RACK.dsack_round, with @in_round */
    ft_seq probe_end;       /* TLP.end_seq, with @probing */
    bool in_round;
    bool probing;     /* a probe is not accounted for yet */
    bool probe_again; /* TLP.is_retrans */
    bool unsampled;   /* no round-trip time was taken since the last probe */
};

/* An episode of recovery. */
struct tcp_recovery {
    uint32_t prr_delivered; /* RFC 9937 6 */
    uint32_t prr_out;
    uint32_t recover_fs;
    ft_seq undo_una;      /* snd_una when it began */
    uint32_t undo_octets; /* sent again in this episode, and not known to be duplicates */
    uint32_t again_ts;    /* the timestamp of the first that was, with @again */
    bool undo;            /* the episode may still turn out to be a mistake */
    bool again;           /* something has been sent again in it */
    bool cwr;             /* the window shrinks because of a mark (ECN), and nothing is lost */
    bool more;            /* octets from recover on were lost as well */
    uint8_t frto;         /* F-RTO (RFC 5682): 1: wait for an ACK; 2: new octets were let go */
};

/* What outlives idle, in the hot part. */
struct tcp_rack_keep {
    uint8_t reo_mult;    /* RACK.reo_wnd_mult less one */
    uint8_t reo_persist; /* RACK.reo_wnd_persist */
    uint8_t reordering;  /* the widest reordering seen, segments, saturating; 0: none */
    bool reo_seen;       /* RACK.reordering_seen */
};

/* What one ACK has told, gathered while the records are marked. */
struct tcp_told {
    struct tcp_ack_sample sample;
    struct tcp_xmit newest;    /* of what it delivered, the transmission that was last */
    ft_time last_sent_at;      /* when the last one left that was never sent again; 0: none */
    ft_time first_sent_at;     /* of the first octet acknowledged that may be timed; 0: none */
    ft_seq fack;               /* the highest end delivered before this ACK */
    uint32_t delivered;        /* octets acknowledged or SACKed that were not before */
    uint32_t tsecr;            /* its timestamp echo; 0: none */
    bool advanced;             /* snd_una has moved */
    bool duplicate;            /* it is a duplicate (RFC 5681 2) */
    bool first_try;            /* octets below recover, never sent again, were delivered */
    bool again;                /* octets that had been sent again were acknowledged */
    bool reordered;            /* octets below others that came before, never sent again */
    bool dsack;                /* it has a D-SACK block (RFC 2883) ... */
    ft_seq dsack_lo, dsack_hi; /* ... of these octets */
};

/** Make an empty set of zeroed memory. */
void ft_sent_init(struct tcp_sents *sents);

/** Free all records. */
void ft_sent_fini(struct ft_tcp *tcp, struct tcp_sents *sents);

/** Whether a frame may leave: there is a record for it. If not, sending pauses until an ACK. */
bool ft_sent_reserve(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Octets leave for the first time, from snd_max on; ft_sent_reserve() has been asked. */
void ft_sent_new(struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq seq, uint32_t len);

/** Octets leave again in one frame, from the beginning of @sent on: records as far as @len goes are
    in the network anew. */
void ft_sent_again(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_sent *sent, uint32_t len);

/**
 * Cut a record in two.
 *
 * @len: octets that stay in @sent, less than it has; the next one has the rest
 *
 * Return: false: there is no memory for it, and nothing has changed.
 */
bool ft_sent_cut(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_sent *sent, uint32_t len);

/** The record that holds @seq, which is outstanding; NULL: there are no records. */
struct tcp_sent *ft_sent_find(struct ft_tcp *tcp, const struct ft_tcb *tcb, ft_seq seq);

/** Octets below @ack are acknowledged: their records go. */
void ft_sent_acked(struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq ack, struct tcp_told *told);

/** The peer holds octets @lo to @hi, which are outstanding. */
void ft_sent_sacked(struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq lo, ft_seq hi,
                    struct tcp_told *told);

/** The peer has taken back what it told of: no record is SACKed any more; those are lost. */
void ft_sent_renege(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Take a record that is in the network for lost; it is to be sent again. */
void ft_sent_lose(struct tcp_sents *sents, struct tcp_sent *sent);

/** What was taken for lost and has not been sent again is in the network after all. */
void ft_sent_unlose(struct tcp_sents *sents);

/** The link gave back what was to leave first from @seq on, the newest of all: as if never sent. */
void ft_sent_take_back(struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq seq);

/** Take what left in segments above the present size for lost: it will be sent in smaller ones. */
void ft_sent_too_big(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Take all that is in the network for lost. */
void ft_sent_lose_all(struct tcp_sents *sents);

/** The link gave back octets @seq to @end that had been sent before: they are sent again at once.
 */
void ft_sent_unsent(struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq seq, ft_seq end);

/* What is under way, in segments, for TCP_INFO. */
struct tcp_sent_segs {
    uint32_t out, sacked, again; /* all of it; of that, with the mark */
    uint32_t lost;               /* was taken for lost, and has not arrived as far as is known */
};

/** Count what is under way in segments. Without records: all zero. */
void ft_sent_segs(const struct ft_tcb *tcb, struct tcp_sent_segs *ret_segs);

/** Assert the invariants of the records. @all: of each of them, even if none has changed since the
    last time. */
void ft_sent_check(const struct ft_tcb *tcb, bool all);

/* ---- rack.c: RFC 8985 ------------------------------------------------------------------------ */

/** An ACK has been looked at: steps 1 to 4 of 6.2. */
void ft_rack_update(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_told *told);

/** Take for lost what must be by now (step 5), and set the reordering timer for the rest. Return:
    octets found lost. */
uint32_t ft_rack_detect(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** The retransmission timer has fired (6.3): what is older than a round trip is lost. */
void ft_rack_timeout(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** What a D-SACK tells of the reordering window (step 4); there may be nothing outstanding. */
void ft_rack_adapt(struct ft_tcb *tcb, const struct tcp_told *told);

/** Fast recovery or what followed a timeout has ended. */
void ft_rack_recovered(struct ft_tcb *tcb);

/** Set the probe timer (7.2), if it is to run. */
void ft_tlp_schedule(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** The probe timer has fired (7.3): a probe is to be sent. */
void ft_tlp_timer(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Which segment probes: the last one sent, by itself; NULL: none. */
struct tcp_sent *ft_tlp_segment(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** A probe has been sent. @again: octets that had been sent before */
void ft_tlp_sent(struct ft_tcp *tcp, struct ft_tcb *tcb, bool again);

/** An ACK has been looked at (7.4). Return: the probe repaired a loss. */
bool ft_tlp_acked(struct ft_tcb *tcb, const struct tcp_told *told, bool has_sack);

/* ---- recovery.c ------------------------------------------------------------------------------ */

/** An ACK has been looked at, and the records are marked. @has_sack: it has SACK blocks. */
void ft_tcp_recovery_acked(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_told *told,
                           bool has_sack);

/** The window need not shrink any further because of a mark: it stands at ssthresh. */
void ft_tcp_end_cwr(struct ft_tcb *tcb);

/** Octets have left. @again: they had left before. */
void ft_tcp_recovery_sent(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t len, bool again);

/** Whether new octets go before those that were lost (RFC 5682 3.1 step 2). */
bool ft_tcp_prefers_new(const struct ft_tcb *tcb);

/** The reordering timer has fired (RFC 8985 6.3). */
void ft_tcp_reorder_timer(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** The retransmission timer has fired (RFC 5681 3.1, RFC 6298 5.4). */
void ft_tcp_recovery_timeout(struct ft_tcp *tcp, struct ft_tcb *tcb);

/* ---- sack.c ---------------------------------------------------------------------------------- */

/** Take the SACK blocks of an acceptable ACK (RFC 2018 5); snd_una has moved already. */
void ft_sack_take(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_tcp_seg *seg,
                  struct tcp_told *told);

#endif
