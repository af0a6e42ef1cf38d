/* SPDX-License-Identifier: MIT */
/*
 * What a connection is: the TCB in its three parts, and the compact forms of one that is not yet or
 * no longer a connection, with what can be computed of them.
 *
 * Hot: five cache lines that a segment touches. Cold: options, RTT, counters. Busy: what only a
 * connection with octets under way needs; taken in ft_send, given back when all is acknowledged.
 */
#ifndef TCP_TCB_H
#define TCP_TCB_H

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include "base/addr.h"
#include "base/assert.h"
#include "base/env.h"
#include "base/ranges.h"
#include "base/seq.h"
#include "base/sum.h"
#include "net/net.h"
#include "sock/sock.h"
#include "tcp/tcp.h"
#include "wire/tcp.h"

#include "auth.h"
#include "cc.h"
#include "delack.h"
#include "ecn.h"
#include "fastopen.h"
#include "marks.h"
#include "miser.h"
#include "notes.h"
#include "passive.h"
#include "past.h"
#include "sent.h"

/* ---- constants, Linux's where it has one ----------------------------------------------------- */

#define TCP_RTO_INIT       (1 * FT_SEC)   /* RFC 6298 2.1 */
#define TCP_RTO_INIT_LOST  (3 * FT_SEC)   /* RFC 6298 5.7: after a SYN was lost */
#define TCP_RTO_MIN        (200 * FT_MS)  /* Linux; RFC 6298 2.4 would have 1 s */
#define TCP_RTO_MAX        (120 * FT_SEC) /* RFC 6298 2.5 */
#define TCP_DELACK         (40 * FT_MS)   /* an ACK waits so long at first ... */
#define TCP_DELACK_MAX     (200 * FT_MS)  /* ... and never longer than this; delack.c */
#define TCP_CORK_MAX       (200 * FT_MS)  /* a corked partial segment waits no longer */
#define TCP_TIME_WAIT      (60 * FT_SEC)
#define TCP_TIME_WAIT_RFC  (240 * FT_SEC) /* RFC 9293 3.4.2: MSL is 2 minutes */
#define TCP_FIN_WAIT_2     (60 * FT_SEC)  /* of an orphan (net.ipv4.tcp_fin_timeout) */
#define TCP_RETRIES1       3              /* R1 (RFC 9293 SHLD-10) */
#define TCP_RETRIES2       15             /* R2, about 15 minutes (SHLD-11) */
#define TCP_ORPHAN_RETRIES 8              /* R2 of an orphan */
#define TCP_SYN_RETRIES    6              /* about 127 s; see ft_tcp_timer for MUST-23 */
#define TCP_SYNACK_RETRIES 5
#define TCP_INIT_SEGS      10   /* RFC 6928 */
#define TCP_QUICK_ACKS     16   /* at the start, and after a silence, no ACK waits */
#define TCP_WSCALE_MAX     14   /* RFC 7323 2.3 */
#define TCP_BACKLOG_MAX    4096 /* net.core.somaxconn */
#define TCP_MSS_DEFAULT4   536  /* RFC 9293 MUST-15 */
#define USER_MSS_MIN       88   /* TCP_MAXSEG, as on Linux ... */
#define USER_MSS_MAX       32767
#define WINDOW_CLAMP_MIN   1152u /* TCP_WINDOW_CLAMP: half of the least receive buffer */
#define TCP_MSS_DEFAULT6   1220  /* RFC 9293 MUST-15 */
#define TCP_PAWS_IDLE      (24 * 86400 * FT_SEC) /* RFC 7323 5.5 */
#define TCP_SSTHRESH_NONE  UINT32_MAX
#define TCP_GAPS_MAX       256 /* ranges of octets beyond a gap, at either side */

/* ---- options set by the user ----------------------------------------------------------------- */

enum tcp_opt_flag {
    OPT_NODELAY = 1 << 0,
    OPT_CORK = 1 << 1,
    OPT_KEEPALIVE = 1 << 2,
    OPT_REUSE_ADDR = 1 << 3,
    OPT_REUSE_PORT = 1 << 4,
    OPT_V6ONLY = 1 << 5,
    OPT_IPV6 = 1 << 6,      /* an AF_INET6 socket */
    OPT_OOBINLINE = 1 << 7, /* remembered; urgent octets are always inline */
    OPT_LINGER = 1 << 8,
    OPT_RCVBUF_SET = 1 << 9,  /* SO_RCVBUF was set: it does not grow by itself */
    OPT_SNDBUF_SET = 1 << 11, /* SO_SNDBUF was set: it does not grow by itself */
    OPT_RECVERR = 1 << 10,    /* soft errors are reported at once (IP_RECVERR) */
    OPT_FASTOPEN = 1 << 12,   /* TCP_FASTOPEN_CONNECT: connect() waits for the first octets */
    OPT_NO_COOKIE = 1 << 13,  /* TCP_FASTOPEN_NO_COOKIE */
    OPT_INQ = 1 << 14,        /* TCP_INQ: recvmsg() tells how much waits */
    OPT_ZEROCOPY = 1 << 15,   /* SO_ZEROCOPY: MSG_ZEROCOPY is notified of */
};

/* A passive socket hands them on to its connections. */
struct tcp_opts {
    uint32_t snd_buf;         /* SO_SNDBUF as read back (twice what was set), octets */
    uint32_t rcv_buf;         /* SO_RCVBUF as read back, octets */
    uint32_t user_timeout_ms; /* TCP_USER_TIMEOUT; 0: R2 decides */
    uint32_t notsent_lowat;   /* TCP_NOTSENT_LOWAT; 0, UINT32_MAX: none */
    uint32_t window_clamp;    /* TCP_WINDOW_CLAMP; 0: none */
    uint32_t max_pacing_rate; /* SO_MAX_PACING_RATE, octets a second; UINT32_MAX: none */
    int32_t linger_s;         /* SO_LINGER's time, with OPT_LINGER */
    uint32_t stamping;        /* SO_TIMESTAMPING and its like, enum ft_stamping */
    uint32_t rcv_lowat;       /* SO_RCVLOWAT, at least 1 */
    uint16_t keep_idle_s;     /* TCP_KEEPIDLE */
    uint16_t keep_intvl_s;    /* TCP_KEEPINTVL */
    uint16_t flags;           /* enum tcp_opt_flag */
    uint16_t user_mss;        /* TCP_MAXSEG; 0: none */
    uint16_t bound_if;        /* SO_BINDTODEVICE; 0: none */
    uint16_t defer_accept_s;  /* TCP_DEFER_ACCEPT; lifetime.h */
    int16_t linger2_s;        /* TCP_LINGER2; 0: the default, -1: not at all */
    uint8_t keep_cnt;         /* TCP_KEEPCNT */
    uint8_t syn_retries;      /* TCP_SYNCNT */
    uint8_t ttl;              /* IP_TTL; 0: the default */
    uint8_t tos;              /* IP_TOS, IPV6_TCLASS */
    uint8_t priority;         /* SO_PRIORITY */
    uint8_t cc;               /* TCP_CONGESTION, a number of ft_cc_find() */
};

/* ---- the connection -------------------------------------------------------------------------- */

/* On what sending takes its time, as Linux tells it: the later ones count before the first. */
enum tcp_spent {
    SPENT_BUSY,   /* octets are queued or under way */
    SPENT_WINDOW, /* the peer's window is too small */
    SPENT_BUFFER, /* the send buffer is, which the user would fill */
    SPENT_N,
    SPENT_NOTHING = SPENT_N,
};

enum tcb_flag {
    TCB_ACK_NOW = 1 << 0,      /* an ACK is owed at once */
    TCB_ACK_DELAYED = 1 << 1,  /* an ACK is owed when delack_at comes */
    TCB_SYN_OUT = 1 << 2,      /* a SYN or SYN-ACK is to be sent (again) */
    TCB_RETX_UNA = 1 << 3,     /* the segment at snd_una is to be sent again */
    TCB_PROBE = 1 << 4,        /* a zero-window probe is to be sent, or any once more */
    TCB_KEEPALIVE = 1 << 5,    /* a keep-alive probe is to be sent */
    TCB_FIN_QUEUED = 1 << 6,   /* FIN follows the last octet of the send ring */
    TCB_FIN_RECEIVED = 1 << 7, /* the peer's FIN has been taken */
    TCB_RCV_SHUT = 1 << 8,     /* the user reads no more (SHUT_RD) */
    TCB_SND_SHUT = 1 << 9,     /* the user sends no more */
    TCB_ACTIVE = 1 << 10,      /* came from an active OPEN (MUST-11) */
    TCB_DONE = 1 << 11,        /* CLOSED after having been something else */
    TCB_URG_OUT = 1 << 12,     /* snd_up is ahead of snd_una */
    TCB_URG_IN = 1 << 13,      /* rcv_up is ahead of what was read */
    TCB_TS = 1 << 14,          /* timestamps were agreed on (RFC 7323) */
    TCB_SACK = 1 << 15,        /* SACK was agreed on (RFC 2018) */
    TCB_RECOVERY = 1 << 16,    /* in fast recovery (RFC 6582) */
    TCB_LOSS = 1 << 17,        /* after a timeout, until recover is acknowledged */
    TCB_PERSIST = 1 << 18,     /* retx_at is the persist timer's (RFC 9293 3.8.6.1) */
    TCB_IN_TABLE = 1 << 19,    /* in the four-tuple table */
    TCB_PORT_HELD = 1 << 20,   /* its port is held by ft_port_hold, not by a name */
    TCB_QUEUED = 1 << 21,      /* in the backlog of a passive socket */
    TCB_ORPHAN = 1 << 22,      /* counted in n_orphans */
    TCB_UNFINISHED = 1 << 23,  /* counted in n_unfinished */
    TCB_MORE = 1 << 24,        /* the last send said MSG_MORE */
    TCB_NAGLE_OFF = 1 << 25,   /* push out the partial segment once (uncork, timer, NODELAY) */
    TCB_CONN_TOLD = 1 << 26,   /* connect() has answered 0 once */
    TCB_FIN_ACKED = 1 << 27,   /* our FIN has been acknowledged */
    TCB_AGAIN = 1 << 30,       /* an ACK is owed for what has come again (RFC 2883) */
    TCB_TLP = 1 << 29,         /* a tail loss probe is to be sent (RFC 8985 7.3) */
    TCB_STARVED = 1 << 28,     /* memory was refused; writable again when octets are acknowledged */
};

struct tcp_cold;
struct tcp_busy;
struct tcp_gaps;
struct tcp_pin;

struct ft_tcb {
    /* Identity. */
    struct ft_conn conn;   /* the four-tuple; conn.state is written by state.c only */
    struct tcp_cold *cold; /* never NULL */
    struct tcp_busy *busy; /* NULL when nothing is outstanding */
    uint32_t slot;         /* index of the descriptor, or FT_NO_SLOT */
    uint32_t flags;        /* enum tcb_flag */

    /* Send space (RFC 9293 3.3.1). */
    ft_seq iss;                /* initial send sequence number */
    ft_seq snd_una;            /* oldest not acknowledged */
    ft_seq snd_nxt;            /* next to send; snd_max once the connection is synchronized */
    ft_seq snd_max;            /* one past the highest ever sent */
    ft_seq snd_wl1;            /* SEG.SEQ of the last window update */
    ft_seq snd_wl2;            /* SEG.ACK of the last window update */
    ft_seq snd_up;             /* one past the urgent octet, with TCB_URG_OUT */
    ft_seq recover;            /* snd_max when the last loss was found (RFC 6582) */
    uint32_t snd_wnd;          /* the peer's window, scaled (REC-1) */
    uint32_t snd_wnd_max;      /* the largest of them (MAX.SND.WND) */
    uint32_t cwnd;             /* congestion window, octets; written by cc and recovery */
    uint32_t ssthresh;         /* octets */
    uint16_t snd_mss;          /* octets of payload in a full segment, options taken off */
    uint16_t peer_mss;         /* the MSS that the peer announced, or the default */
    uint16_t mtu;              /* of the path when snd_mss was computed, at most 65535 */
    uint8_t snd_wscale;        /* shift of windows that arrive */
    uint8_t rcv_wscale;        /* shift of windows that are sent */
    uint32_t cc_acked;         /* octets acknowledged towards the next increase (RFC 3465) */
    struct tcp_rack_keep rack; /* what RACK has learnt of the path */

    /* Receive space. */
    ft_seq irs;            /* initial receive sequence number */
    ft_seq rcv_nxt;        /* next expected */
    ft_seq rcv_adv;        /* right edge of the window that was promised */
    ft_seq rcv_up;         /* one past the peer's urgent octet, with TCB_URG_IN */
    ft_seq rcv_fin;        /* of an out-of-order FIN, with fin_seen */
    ft_seq last_ack_sent;  /* Last.ACK.sent (RFC 7323 4.3) */
    uint32_t ts_recent;    /* TS.Recent */
    uint32_t ts_recent_s;  /* when it was taken, seconds of the stack's time */
    uint16_t rcv_mss;      /* the largest segment that the peer sent lately */
    uint16_t acks_owed;    /* ACKs to be sent one by one (duplicates for lost segments) */
    uint8_t ato_ms;        /* how long an ACK may wait; 0: no octets came yet */
    uint8_t delack;        /* enum delack_flag */
    uint8_t quick_acks;    /* ACKs left that do not wait */
    uint8_t dupacks;       /* duplicate ACKs in a row, saturating */
    uint8_t retries;       /* timeouts in a row without progress */
    uint8_t probes;        /* window probes or keep-alives in a row without an answer */
    bool fin_seen;         /* rcv_fin is set: nothing from there on is taken */
    uint8_t challenges;    /* challenge ACKs in the present second */
    uint32_t challenge_s;  /* the second that challenges counts in */
    struct tcp_gaps *gaps; /* out-of-order octets; NULL when there are none */
    struct tcp_pin *pin;   /* what ft_peek or ft_reserve showed; NULL: nothing */

    /* Rings. */
    struct ft_ring snd;   /* octets from snd_una on (SYN and FIN not among them) */
    struct ft_ring rcv;   /* octets for the user; out-of-order ones lie ahead of its length */
    ft_time keep_at;      /* keep-alive; in FIN-WAIT-2 of an orphan: its end */
    uint32_t last_rcv_ms; /* when the peer was last heard, ms of the stack's time */
    uint32_t segs_in;     /* segments taken in, all of them */

    /* Timer and flow. */
    struct ft_timer timer; /* armed at or before the earliest of the deadlines */
    struct ft_flow flow;   /* ready when there is something to send */
    ft_time retx_at;       /* retransmission or, with TCB_PERSIST, persist timer */
    ft_time delack_at;     /* delayed ACK */
};

static_assert(offsetof(struct ft_tcb, iss) == 64, "identity is a line");
static_assert(offsetof(struct ft_tcb, irs) == 128, "send space is a line");
static_assert(offsetof(struct ft_tcb, snd) == 192, "receive space is a line");
static_assert(offsetof(struct ft_tcb, timer) == 256, "the rings are a line");
static_assert(sizeof(struct ft_tcb) == 320, "hot is five cache lines");

/* Of a connection that waits for accept(), with TCB_QUEUED. */
struct tcp_waiting {
    struct ft_list node;          /* in the backlog of its passive socket */
    struct ft_listener *listener; /* that one */
    struct ft_tcb *tcb;           /* whose it is */
};

/* What sending octets leaves behind, which begins once somebody has the connection: without
   TCB_QUEUED. Read it by tcb_sending() where it may wait still. */
struct tcp_sending {
    ft_time sent_at;            /* when octets last left: restart after idle */
    uint64_t octets_retrans;    /* octets sent again */
    uint32_t data_out;          /* segments that carried octets */
    uint32_t spent_ms[SPENT_N]; /* on what sending took its time, while busy; spent.c */
};

/* What few connections have. Read it by tcb_name() and the like. */
struct tcp_rare {
    struct ft_name *name;    /* from ft_bind(); NULL: the port is held, or there is none */
    struct tcp_auth *auth;   /* keys of TCP MD5 and TCP-AO; NULL: none; auth.h */
    struct tcp_tfo *tfo;     /* Fast Open under way, or asked for; NULL: none; fastopen.h */
    struct tcp_notes *notes; /* the error queue; NULL: nothing was asked for; notes.h */
    struct tcp_ecn *ecn;     /* NULL: ECN was not agreed on, nor asked for; ecn.h */
};

/* What a segment seldom touches. */
struct tcp_cold {
    struct tcp_opts opts;
    uint32_t flow_label;         /* IPv6 */
    uint32_t rto_ms;             /* how long repairing took after timeouts */
    uint32_t srtt_us, rttvar_us; /* RFC 6298; srtt 0: no sample yet */
    uint32_t rto_us;             /* before backoff */
    uint32_t ts_offset;          /* added to the clock in TSval (RFC 7323 5.4) */
    union {
        struct tcp_waiting waiting; /* with TCB_QUEUED */
        struct tcp_sending sending; /* without */
    };
    struct tcp_rare *rare;     /* NULL: nothing of it */
    struct tcp_past *past;     /* NULL until there is something to remember */
    uint64_t octets_acked;     /* octets of the stream that the peer has acknowledged */
    uint64_t octets_received;  /* octets taken in order */
    uint32_t segs_out;         /* segments sent, all of them */
    uint32_t segs_retrans;     /* segments sent again */
    uint32_t data_in;          /* of all segments taken in, those that brought octets */
    int16_t error;             /* SO_ERROR: positive errno, told once */
    int16_t soft_error;        /* the last soft ICMP error (MUST-47) */
    bool syn_data;             /* octets of a SYN were acknowledged, theirs or ours */
    uint8_t tfo_fail;          /* why Fast Open failed, enum tfo_fail */
    uint16_t ahead_in;         /* segments that came ahead of a gap, saturating */
    uint16_t total_rto;        /* retransmission timeouts so far, saturating ... */
    uint16_t rto_episodes;     /* ... and how often one followed progress */
    uint32_t delivered;        /* segments that the peer has said it has, the SYN among them */
    uint32_t last_data_ms;     /* when octets last came in order, ms of the stack's time */
    uint32_t min_rtt_us;       /* the least of the last five minutes; 0: none yet */
    uint32_t min_rtt_s;        /* when it was taken, seconds of the stack's time */
    ft_seq again_lo, again_hi; /* octets that have come again, with TCB_AGAIN */
};

static_assert(sizeof(struct tcp_cold) <= 192, "cold is small");

/* What only a connection with octets under way needs. */
struct tcp_busy {
    ft_time rtt_at;      /* when our SYN left, with rtt_timing */
    ft_time cork_at;     /* a corked partial segment leaves then */
    ft_time progress_at; /* when the peer last acknowledged something, or since when it owes */
    ft_seq rtt_seq;      /* octets from here on may be timed: one sample a round trip */
    ft_seq sml;          /* one past the last partial segment sent (Minshall's Nagle) */
    bool rtt_timing;     /* the SYN is being timed (Karn: it was sent once) */
    struct tcp_sents sents;
    struct tcp_rack rack;
    struct tcp_recovery recovery;
    struct tcp_cc cc;
    struct tcp_marks marks;
    struct tcp_miser miser;
    struct ft_tcb *tcb;      /* whose it is */
    uint32_t spent_since_ms; /* since when ... */
    uint8_t spent_on;        /* ... sending takes its time on this; enum tcp_spent */
    bool full;               /* the user has found no room in the send buffer */
    uint32_t rto_at_ms;      /* when a timeout began the present repair; 0: none did */
};

/* Octets beyond a gap, which lie in the ring already. */
struct tcp_gaps {
    struct ft_ranges ranges;
    struct ft_range storage[TCP_GAPS_MAX];
};

/* What ft_peek or ft_reserve showed. */
struct tcp_pin {
    struct ft_chunk *chunks[FT_SPANS_MAX]; /* a reference each */
    uint32_t n_chunks;
    uint32_t len;   /* octets shown */
    bool writing;   /* of ft_reserve */
    uint32_t index; /* the descriptor, for after ft_close */
};

/* ---- what is not yet, or no longer, a connection --------------------------------------------- */

enum tcp_embryo_flag {
    EMB_TS = 1,
    EMB_SACK = 2,
    EMB_WSCALE = 4,
    EMB_ACKED = 8,     /* its ACK came when the backlog was full */
    EMB_AGAIN = 128,   /* its SYN-ACK left more than once: no round trip is timed (Karn) */
    EMB_WAITING = 16,  /* not answered yet: relisten.c */
    EMB_ORPHAN = 32,   /* answered, but its listener is closed: it waits for the next; relisten.c */
    EMB_TFO = 256,     /* the SYN-ACK brings a Fast Open cookie ... */
    EMB_TFO_EXP = 512, /* ... in the experimental form */
    EMB_AO = 1024,     /* the SYN was signed by TCP-AO, and so is what follows */
    EMB_CLEAN = 2048,  /* nothing was sent again before its ACK, and octets are waited for */
    EMB_DOUBTED = 64,  /* something that did not fit has been answered since its timer fired */
};

/* A half-open connection of a passive socket. It holds no buffer, and no port: while the passive
   socket listens its name does, and after it nobody is to be kept off the port. */
struct tcp_embryo {
    struct ft_conn conn;
    struct ft_timer timer; /* SYN-ACK again, or give up */
    ft_seq iss, irs;
    uint32_t ts_recent;
    uint32_t listener_slot; /* the passive socket's descriptor */
    uint32_t listener_id;   /* and its id, since descriptors are used again */
    uint16_t peer_mss;
    uint16_t flags; /* enum tcp_embryo_flag */
    uint8_t snd_wscale;
    uint8_t retries;     /* SYN-ACKs sent again */
    uint8_t rcv_wscale;  /* the window's scale that the SYN-ACK has told */
    uint8_t ecn;         /* enum embryo_ecn */
    uint8_t ao_key_id;   /* with EMB_AO: the KeyID of the SYN ... */
    uint8_t ao_rnext_id; /* ... and its RNextKeyID */
};

static_assert(sizeof(struct tcp_embryo) <= 96, "an embryo is small");

/* A TIME-WAIT entry. One that was replaced stays in the queue with conn.kind 0. */
struct ft_time_wait {
    struct ft_conn conn;
    struct ft_time_wait *next; /* the next younger */
    ft_seq snd_nxt, rcv_nxt;
    uint32_t ts_recent;  /* meaningful with TW_TS */
    uint32_t expires_ms; /* stack's time in ms; the lowest bits are enum tw_flag */
};

enum tw_flag {
    TW_TS = 1,    /* timestamps were agreed on */
    TW_REUSE = 2, /* SO_REUSEADDR: how its port is held */
    TW_MORE = 4,  /* it is a struct tcp_time_wait_more */
    TW_AWAY = 8,  /* no TIME-WAIT: the connection was exported, and nobody answers here */
    TW_FLAGS = 15,
};

static_assert(sizeof(struct ft_time_wait) <= 64, "TIME-WAIT is a cache line");

/* Of a connection that was imported, whose timestamps have an offset of their own, or whose
   segments are signed. */
struct tcp_time_wait_more {
    struct ft_time_wait tw; /* with TW_MORE */
    struct tcp_auth *auth;  /* NULL: not signed */
    ft_seq iss, irs;
    uint32_t ts_offset;
};

/* A passive socket. No octet passes through it. */
struct ft_listener {
    struct ft_name *name;   /* owner is this */
    struct tcp_opts opts;   /* handed on to its connections */
    struct ft_list backlog; /* established connections, by tcp_waiting.node */
    uint32_t slot;
    uint32_t id; /* unique for the stack's life, as far as 32 bits go */
    uint32_t backlog_max;
    uint32_t n_backlog;
    uint32_t n_half_open;  /* embryos of this one */
    struct tcp_auth *auth; /* keys of its peers; NULL: none; auth.h */
    struct tcp_tfo *tfo;   /* NULL: Fast Open was never set up for it; fastopen.h */
    bool cookies;          /* cookies have been sent ... */
    uint8_t cookie_wscale; /* ... with this scale of our windows */
    ft_time cookies_at;    /* ... last at this time */
};

/* ---- helpers --------------------------------------------------------------------------------- */

/* A segment in input processing: parsed, with its payload where it lies. */
struct tcp_in {
    struct ft_tcp_seg seg;
    const struct ft_rx *rx;
    const uint8_t *data; /* contiguous payload, data_len octets; the rest is in rx->spans */
    uint32_t data_len;
    uint32_t skip;                       /* payload octets trimmed off the front */
    bool advanced;                       /* the ACK moved snd_una */
    bool reopens;                        /* it opens anew what was in TIME-WAIT ... */
    ft_seq old_nxt;                      /* ... and had come so far */
    bool was_syn;                        /* it carried a SYN, which has been trimmed off */
    const struct tcp_verified *verified; /* NULL: it was not signed, or nobody looked */
};

enum tcp_verdict {
    TCP_NEXT, /* go on to the next step */
    TCP_DROP, /* done with the segment */
    TCP_GONE, /* done, and the TCB is freed or CLOSED */
};

static inline enum ft_tcp_state tcb_state(const struct ft_tcb *tcb)
{
    return (enum ft_tcp_state)tcb->conn.state;
}

/* What few connections have; NULL: not this one. */
static inline struct ft_name *tcb_name(const struct ft_tcb *tcb)
{
    return tcb->cold->rare ? tcb->cold->rare->name : NULL;
}

static inline struct tcp_auth *tcb_auth(const struct ft_tcb *tcb)
{
    return tcb->cold->rare ? tcb->cold->rare->auth : NULL;
}

static inline struct tcp_tfo *tcb_tfo(const struct ft_tcb *tcb)
{
    return tcb->cold->rare ? tcb->cold->rare->tfo : NULL;
}

static inline struct tcp_notes *tcb_notes(const struct ft_tcb *tcb)
{
    return tcb->cold->rare ? tcb->cold->rare->notes : NULL;
}

static inline struct tcp_ecn *tcb_ecn(const struct ft_tcb *tcb)
{
    return tcb->cold->rare ? tcb->cold->rare->ecn : NULL;
}

/* A passive open whose SYN brought a valid Fast Open cookie: octets may flow though the handshake
   is not over (RFC 7413 4.2.2). */
static inline bool tcb_early(const struct ft_tcb *tcb)
{
    return tcb_state(tcb) == FT_TCP_SYN_RECEIVED && tcb_tfo(tcb) &&
           (tcb_tfo(tcb)->flags & TFO_CHILD);
}

/* What sending octets has left behind: nothing while the connection waits for accept(). */
static inline struct tcp_sending tcb_sending(const struct ft_tcb *tcb)
{
    return (tcb->flags & TCB_QUEUED) ? (struct tcp_sending){0} : tcb->cold->sending;
}

/* Connected in the sense that octets can flow or have flowed. */
static inline bool tcb_synchronized(const struct ft_tcb *tcb)
{
    enum ft_tcp_state s = tcb_state(tcb);
    return s != FT_TCP_CLOSED && s != FT_TCP_SYN_SENT && s != FT_TCP_SYN_RECEIVED;
}

static inline bool tcb_is_v4(const struct ft_tcb *tcb)
{
    return tcb->conn.remote.hi == 0 && tcb->conn.remote.lo >> 32 == 0xffff;
}

/* The interface that the path of a connection is to be asked for by; 0: any. The name of the
   connection has only one of a link-local peer. */
static inline int tcb_bound_if(const struct ft_tcb *tcb)
{
    return tcb->cold->opts.bound_if ? tcb->cold->opts.bound_if : tcb->conn.ifindex;
}

/* Sequence number of position 0 of the send ring: the SYN takes one that is not in it. The state
   tells whether it is acknowledged; snd_una comes by iss again after 4 GiB. */
static inline ft_seq tcb_snd_base(const struct ft_tcb *tcb)
{
    return tcb_synchronized(tcb) ? tcb->snd_una : seq_add(tcb->iss, 1);
}

/* One past the last octet queued; FIN, if queued, has this number. */
static inline ft_seq tcb_snd_end(const struct ft_tcb *tcb)
{
    return seq_add(tcb_snd_base(tcb), ft_ring_len(&tcb->snd));
}

/* One past the last octet received in order; the peer's FIN, if it has come, has this number. */
static inline ft_seq tcb_rcv_end(const struct ft_tcb *tcb)
{
    return seq_sub(tcb->rcv_nxt, (tcb->flags & TCB_FIN_RECEIVED) ? 1 : 0);
}

/* Where the user has read to. */
static inline ft_seq tcb_read_to(const struct ft_tcb *tcb)
{
    return seq_sub(tcb_rcv_end(tcb), ft_ring_len(&tcb->rcv));
}

/* Whether our FIN has left at least once. */
static inline bool tcb_fin_sent(const struct ft_tcb *tcb)
{
    return (tcb->flags & TCB_FIN_ACKED) ||
           ((tcb->flags & TCB_FIN_QUEUED) && seq_gt(tcb->snd_max, tcb_snd_end(tcb)));
}

/* SEG.WND in octets; that of a SYN is not scaled (RFC 7323 2.2). */
static inline uint32_t tcp_in_wnd(const struct ft_tcb *tcb, const struct tcp_in *in)
{
    return in->was_syn ? in->seg.wnd : (uint32_t)in->seg.wnd << tcb->snd_wscale;
}

/* The number of a segment that carries no octet. snd_nxt may be behind, after a timeout: the peer
   has what lies there already, and would not look at the ACK of a segment that begins there (RFC
   9293 3.10.7.4). Not beyond the window either, if the peer has taken some of it back. */
static inline ft_seq tcb_ack_seq(const struct ft_tcb *tcb)
{
    ft_seq edge = seq_add(tcb->snd_una, tcb->snd_wnd);
    return tcb_synchronized(tcb) && seq_lt(edge, tcb->snd_max) ? edge : tcb->snd_max;
}

/* Octets (SYN and FIN count) sent and not acknowledged. */
static inline uint32_t tcb_flight(const struct ft_tcb *tcb)
{
    return (uint32_t)seq_diff(tcb->snd_max, tcb->snd_una);
}

/* Octets in the network: neither held by the peer nor lost (RFC 6675 4, "pipe"). */
static inline uint32_t tcb_pipe(const struct ft_tcb *tcb)
{
    uint32_t flight = tcb_flight(tcb);
    uint32_t gone = tcb->busy ? tcb->busy->sents.sacked + tcb->busy->sents.lost : 0;
    return flight > gone ? flight - gone : 0;
}

/* The window that the peer was promised and has not used. */
static inline uint32_t tcb_rcv_wnd(const struct ft_tcb *tcb)
{
    int32_t wnd = seq_diff(tcb->rcv_adv, tcb->rcv_nxt);
    return wnd > 0 ? (uint32_t)wnd : 0;
}

/* Octets of options in each segment: what a full one carries less. */
static inline uint32_t tcb_options_len(const struct ft_tcb *tcb)
{
    return ((tcb->flags & TCB_TS) ? 12 : 0) + (tcb_auth(tcb) ? ft_auth_room(tcb) : 0);
}

/* Octets that the send buffer may still take. */
static inline uint32_t tcb_send_room(const struct ft_tcb *tcb)
{
    uint32_t max = tcb->cold->opts.snd_buf / 2;
    uint32_t len = ft_ring_len(&tcb->snd);
    return len < max ? max - len : 0;
}

/* Less than a quarter of the budget is left. Who holds octets then gets no room for more, so that
   misers leave some for those who come, unless others have given way (miser.h). */
static inline bool tcp_short_of_memory(const struct ft_tcp *tcp)
{
    const struct ft_mem *mem = &tcp->env->mem;
    return mem->used > mem->max - mem->max / 4;
}

/* RFC 7323: the timestamp clock ticks every millisecond. */
static inline uint32_t tcp_now_ms(const struct ft_tcp *tcp)
{
    return (uint32_t)(tcp->env->now / FT_MS);
}

#endif
