/* SPDX-License-Identifier: MIT */
/*
 * What the auditor remembers of each connection: what either end has sent, and what has reached it.
 * All positions are offsets from the initial sequence number of the end that they belong to: SYN is
 * at 0, the first octet at 1. Streams here are far shorter than 2^31.
 */
#ifndef SIM_AUDIT_PRIV_H
#define SIM_AUDIT_PRIV_H

#include "sim/audit.h"

#define AUDIT_RANGES_MAX 512  /* gaps of one direction that are told apart */
#define AUDIT_RECENT_MAX 1024 /* arrivals that a reset may answer, once a neighbour is found */

struct audit_range {
    uint32_t lo, hi;
};

#define AUDIT_OFFERS_MAX 4
#define AUDIT_ISNS_MAX   4

/* A segment that has arrived and may be answered by a reset. */
struct audit_recent {
    uint32_t seq, ack, seq_len;
    uint8_t flags;
};

enum audit_ecn_mode { AUDIT_ECN_NONE, AUDIT_ECN_CLASSIC, AUDIT_ECN_ACCURATE };

/* What an end has said and heard of ECN. ECN flags are AE, CWR, ECE as one number. */
struct audit_ecn {
    uint8_t mode;       /* enum audit_ecn_mode, as far as it knows */
    uint8_t heard;      /* ECN flags of the SYNs that have reached it: 1 << flags */
    uint8_t syn_fields; /* ECN fields of SYNs and SYN-ACKs that have reached it: 1 << field */
    bool plain;         /* it has sent a SYN or SYN-ACK without */
    bool serves;        /* it has agreed on accurate ECN by a SYN-ACK */
    bool owes_echo;     /* classic: a mark that must be echoed once echo_at is acknowledged */
    uint32_t asked;     /* ECN flags of its SYN */
    uint32_t n_marked;  /* segments that have reached it with a mark */
    uint32_t n_synacks; /* SYN-ACKs that have reached it */
    uint32_t synacks;   /* of those, which it has not told of */
    uint32_t told;      /* accurate: marks that it has told of, as far as can be known */
    uint32_t echo_at;   /* offset of the peer */
};

/* One end of a connection. */
struct audit_end {
    uint32_t host;
    struct ft_addr addr;
    uint16_t port;

    /* what it has sent */
    bool syn_sent, fin_sent, reset_sent;
    ft_time said_at;              /* when it last sent anything but a reset */
    ft_time silence;              /* how long ago that was at its first reset */
    bool is_passive;              /* its first SYN had an ACK */
    bool dead;                    /* its host has crashed since */
    bool has_ws, has_ts, sack_ok; /* offered on its SYN */
    uint8_t ws;
    uint16_t mss; /* announced; 0: not yet */
    uint32_t isn;
    uint32_t
        offers[AUDIT_OFFERS_MAX]; /* others that it has offered: a SYN cookie, or an embryo's */
    uint32_t n_offers;
    uint32_t max_sent;       /* offset after the last that it ever sent */
    uint32_t max_taken;      /* the same of what its link took */
    uint32_t fin_at;         /* offset of its FIN */
    uint32_t acked;          /* its highest ACK, offset of the peer */
    uint32_t announced_edge; /* right edge of the window that it announced, offset of the peer */
    uint32_t tsval;          /* last sent */
    bool ts_seen, ack_seen;
    uint8_t *octets; /* its stream, from offset 1 on */
    size_t octets_cap;

    /* what has reached it */
    bool syn_arrived, reset_arrived;
    bool owes_ack; /* new octets have come, and nothing was acknowledged since */
    ft_time owes_since;
    uint32_t told_ack;    /* highest ACK of the peer, own offset */
    uint32_t told_before; /* the one before it */
    uint32_t told_again;  /* empty segments that have acknowledged nothing more */
    bool told_sack;       /* an ACK with SACK blocks has come: what is in flight is unknown */
    uint32_t told_edge;   /* furthest right edge it was ever given, own offset ... */
    uint32_t last_edge;   /* ... and that which came last with the highest ACK */
    uint32_t ts_arrived;
    bool ts_arrived_seen;
    uint32_t ts_recent; /* that TS.Recent is at least (RFC 7323 4.3), with ts_recent_seen */
    uint32_t ts_edge;   /* oldest TSval on what has filled the place at acked, with ts_edge_seen */
    bool ts_recent_seen, ts_edge_seen;
    bool ts_edge_unsure;                         /* that place was full before it was the edge */
    struct audit_range ranges[AUDIT_RANGES_MAX]; /* of the peer's space; sorted, disjoint */
    uint32_t n_ranges;
    struct audit_recent recent[AUDIT_RECENT_MAX];
    uint32_t n_recent;

    /* ACKs that say the same again, beyond one for each arrival */
    uint32_t same_acks;
    uint32_t ack_credit; /* arrivals that were not answered yet */
    struct sight_tcp last_ack;

    struct audit_ecn ecn;

    uint32_t isns[AUDIT_ISNS_MAX]; /* of its last SYNs, of older incarnations too: signed by them */
    uint32_t n_isns;
};

struct audit_conn {
    struct audit_conn *next; /* of the same hash */
    struct audit_end end[2];
    uint32_t incarnation; /* 0: the first of this four-tuple */
    uint32_t idle_acks;   /* pure ACKs of both ends since the last octet, SYN, FIN */
    ft_time idle_since;
    uint16_t nat_port; /* of the NAT's name of its inner end, as the outer one was told it */
    bool split;        /* the NAT has given another: the outer end is two connections by now */
    bool kept;         /* goes along with a host that is being replaced */
    bool finished;     /* both FINs acknowledged, or reset */
    ft_time finished_at;
};

#define AUDIT_BUCKETS   1024
#define AUDIT_PATHS_MAX 64

/* What a host has been told of the MTU to a destination. */
struct audit_path {
    struct ft_addr dst;
    uint32_t mtu;
    ft_time at;
};

struct sim_audit {
    struct sim_audit_host hosts[SIM_AUDIT_HOSTS_MAX];
    uint32_t n_hosts;
    bool hurry, cookies;
    sim_audit_name *name; /* NULL: no NAT */
    const void *name_ctx;
    sim_audit_key_of *key_of; /* NULL: nothing is signed */
    const void *key_ctx;
    struct audit_path paths[SIM_AUDIT_HOSTS_MAX][AUDIT_PATHS_MAX];
    uint32_t n_paths[SIM_AUDIT_HOSTS_MAX];
    struct audit_conn *buckets[AUDIT_BUCKETS];
    char sentence[256];
};

/**
 * Note that [@lo, @hi) of the peer's space has reached an end. When there are too many gaps, the
 * nearest two ranges become one: the auditor then believes more, never less.
 */
void audit_range_add(struct audit_end *end, uint32_t lo, uint32_t hi);

/** Whether an end may have come of a SYN cookie: it remembers nothing but what that says. */
bool audit_by_cookie(const struct sim_audit *audit, const struct audit_end *end);

/**
 * Note that an end acknowledges up to @ack, an offset of its peer: what has filled the place at its
 * last ACK has set TS.Recent (RFC 7323 4.3).
 *
 * @probes: the segment may probe; what it acknowledges need not count as Last.ACK.sent, since
 *          nobody looks at it
 */
void audit_note_ack(struct audit_end *end, uint32_t ack, bool probes);

/** How far the peer's space has reached an end without a gap. */
uint32_t audit_contiguous(const struct audit_end *end);

/** Whether all of [@lo, @hi) has reached an end. */
bool audit_has_arrived(const struct audit_end *end, uint32_t lo, uint32_t hi);

/**
 * Judge a TCP segment that is being sent.
 *
 * @from: 0 or 1: which end of @conn sends it
 *
 * Return: NULL, or a sentence.
 */
const char *audit_segment(struct sim_audit *audit, struct audit_conn *conn, int from,
                          const struct sight *s, const struct sim_audit_frame *frame);

/**
 * Judge the ECN field and flags of a segment that is being sent, before what it takes is noted.
 *
 * Return: NULL, or a sentence.
 */
const char *audit_ecn_sent(struct sim_audit *audit, struct audit_conn *conn, int from,
                           const struct sight *s);

/** Learn what a segment that reaches end @at tells of ECN, before its octets are noted. */
void audit_ecn_arrived(const struct sim_audit *audit, struct audit_conn *conn, int at,
                       const struct sight *s);

/**
 * Verify the signature of a segment, or that there is none where there is no key.
 *
 * @from: 0 or 1: which end of @conn has sent it
 *
 * Return: NULL, or what it is in place of a segment that is signed as it must be.
 */
const char *audit_signature(const struct sim_audit *audit, const struct audit_conn *conn, int from,
                            const struct sight *s);

/** Note the number of a SYN that an end sends: signatures hang on it. */
void audit_note_isn(struct audit_end *end, const struct sight_tcp *t);

/** Say what rule was broken. Return: the sentence, kept in @audit. */
const char *audit_say(struct sim_audit *audit, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
