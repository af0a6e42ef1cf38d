/* SPDX-License-Identifier: MIT */
/*
 * Explicit congestion notification: RFC 3168 and RFC 9768, with what a connection keeps for it.
 * Most connections have not agreed on it and hold a pointer of NULL; the calls below that say "if"
 * do nothing then.
 *
 * The ECN bits of a packet come up in struct ft_rx (tos) and go down in struct ft_ip_tx (tos); the
 * flags ECE and CWR are part of struct ft_tcp_seg.
 */
#ifndef FT_TCP_ECN_H
#define FT_TCP_ECN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"
#include "wire/tcp.h"

struct ft_tcb;
struct ft_tcp;
struct tcp_embryo;
struct tcp_in;
struct tcp_opts;
struct tcp_told;

enum tcp_ecn_mode {
    ECN_ASKED = 1,      /* our SYN asks for it (RFC 3168 6.1.1), and nobody has answered */
    ECN_ASKED_ACCURATE, /* for the accurate kind (RFC 9768 3.1.1) */
    ECN_CLASSIC,        /* agreed on */
    ECN_ACCURATE,
};

enum tcp_ecn_flag {
    ECN_ECHO = 1,       /* receiver: a mark has come, and CWR has not: every ACK says ECE */
    ECN_CWR = 2,        /* sender: the window was reduced, the next new octets say so */
    ECN_NO_ECT = 4,     /* what we send is not marked as ECN-capable: a SYN without ECN was seen */
    ECN_SEEN = 8,       /* a packet has come that was ECN-capable */
    ECN_REDUCED = 16,   /* the window was reduced, and `reduced` is not acknowledged yet */
    ECN_FLAGS_ALL = 31, /* those of classic ECN */

    /* Accurate ECN only. */
    ECN_SERVER = 32,              /* we have answered the peer's SYN */
    ECN_SYN_MARKED = 64,          /* our SYN came marked, says the SYN-ACK */
    ECN_SYNACK_MARKED = 128,      /* the SYN-ACK came marked, which is counted */
    ECN_TELL_SYNACK = 256,        /* the next ACK tells how the SYN-ACK came */
    ECN_LAST_MARKED = 512,        /* the last packet came marked */
    ECN_HEARD = 1024,             /* an ACK has come since it was agreed on */
    ECN_FIRST = 2048,             /* no counter has come yet */
    ECN_DEAF = 4096,              /* what the peer tells of marks is not believed */
    ECN_OPTION_DUE = 8192,        /* a counter of octets has changed since the last option */
    ECN_OPTION_NEW = 16384,       /* options have all fields, to try the path */
    ECN_OPTION_SEEN = 32768,      /* the peer's options come through */
    ECN_NO_OPTION = 0x10000,      /* ours do not, perhaps */
    ECN_BAD_OPTION = 0x20000,     /* the peer's are mangled */
    ECN_FLAGS_ACCURATE = 0x3ffff, /* all there are */
};

#define ECN_OWED_MAX 4 /* ACKs of their own that wait; beyond, one ACK tells all */

/* An ACK that is owed by itself, since the next one says something else of marks. */
struct ecn_owed {
    ft_seq ack;
    uint16_t flags; /* enum seg_flag, those of ECN */
};

/* Counters of octets, by the ECN field that they came with. */
enum ecn_octets { ECN_E0B, ECN_CEB, ECN_E1B };

/* What a connection keeps for ECN, from the SYN that asks for it on. */
struct tcp_ecn {
    uint32_t flags;        /* enum tcp_ecn_flag */
    uint8_t mode;          /* enum tcp_ecn_mode */
    uint8_t field;         /* accurate: the ECN field that the peer's SYN or SYN-ACK came with */
    ft_seq reduced;        /* with ECN_REDUCED: snd_max when the window was reduced */
    uint32_t ce_in;        /* segments that came with a mark */
    uint32_t delivered_ce; /* segments of ours that the peer has told to be marked */
    uint8_t n_owed;
    struct ecn_owed owed[ECN_OWED_MAX]; /* oldest first */

    /* Accurate ECN (RFC 9768 3.2): counters of what comes, and of what the peer tells. */
    uint32_t r_cep, s_cep;             /* packets that were marked */
    uint32_t r_octets[3], s_octets[3]; /* octets, by enum ecn_octets; s: modulo 2^24 */
    uint32_t untold;                   /* octets counted since the last option */
    uint32_t ts_last;                  /* timestamp of the last ACK */
    uint32_t segs_at;                  /* segs_out when nothing was outstanding */
    uint32_t round_all, round_marked;  /* octets delivered in this round trip, and of these */
    ft_seq round_end;                  /* ... which ends there */
    uint16_t acked_avg;                /* segments that an ACK acknowledges, times 16 */
    uint8_t rounds;                    /* round trips of nothing but marks, and one */
    uint8_t n_marks;                   /* marks that came since the last ACK */
};

/* What an embryo keeps: tcp_embryo.ecn. */
enum embryo_ecn {
    EMBRYO_ECN_CLASSIC = 1, /* the SYN asked for it, and the SYN-ACK agrees */
    EMBRYO_ECN_PLAIN = 2,   /* a SYN without ECN has come as well */
    EMBRYO_ECN_ACCURATE = 4,
    EMBRYO_ECN_FIELD = 4, /* shift: the ECN field that the last SYN came with */
};

/* AE, CWR and ECE as a number, as RFC 9768's tables write them. */
static inline unsigned ecn_bits(uint16_t flags)
{
    return ((flags & SEG_AE) ? 4u : 0u) | ((flags & SEG_CWR) ? 2u : 0u) |
           ((flags & SEG_ECE) ? 1u : 0u);
}

static inline uint16_t ecn_flags_of(unsigned bits)
{
    return (uint16_t)(((bits & 4) ? SEG_AE : 0) | ((bits & 2) ? SEG_CWR : 0) |
                      ((bits & 1) ? SEG_ECE : 0));
}

/** Whether the congestion control of these options cannot do without ECN. @opts: may be NULL. */
bool ft_ecn_needed(const struct tcp_opts *opts);

/* ---- ecn_syn.c: the handshake (RFC 3168 6.1.1, RFC 9768 3.1) --------------------------------- */

/** RFC 9768 tables 2 and 3: AE, CWR and ECE that tell how a SYN or SYN-ACK came. */
unsigned ft_ecn_answer(uint8_t field);

/** An active OPEN: our SYN asks if the configuration or the congestion control wants it to. */
void ft_ecn_open(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** The ECN flags of our SYN or SYN-ACK, which has not yet left, or leaves @again. */
uint16_t ft_ecn_syn_flags(const struct ft_tcb *tcb, bool answer, bool again);

/** A SYN without ECN has left after one that asked, if there was one. */
void ft_ecn_syn_sent(struct ft_tcb *tcb, uint16_t flags);

/** The peer's SYN-ACK, or its SYN in a simultaneous open, tells what is agreed on. */
void ft_ecn_take_syn(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in);

/** What a SYN to a passive socket asks for. @opts: of the socket; NULL: not known yet. Return: for
    tcp_embryo.ecn. */
uint8_t ft_ecn_read_syn(const struct ft_tcp *tcp, const struct tcp_opts *opts,
                        const struct tcp_in *in);

/** The SYN of an embryo has come again. Return: false: it asks in another way, so the attempt is to
    be reset (RFC 9768 3.1.5). */
bool ft_ecn_syn_again(const struct ft_tcp *tcp, struct tcp_embryo *embryo, const struct tcp_in *in);

/** What the SYN-ACK of an embryo says of ECN. */
void ft_ecn_fill_synack(const struct tcp_embryo *embryo, struct ft_tcp_seg *seg);

/** What an ACK that brings a SYN cookie back tells by itself. Return: for tcp_embryo.ecn. */
uint8_t ft_ecn_read_cookie(const struct ft_tcp *tcp, const struct ft_tcp_seg *seg);

/** A TCB is made of an embryo: it takes over what that has agreed on. Return: false: no memory. */
bool ft_ecn_made(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_embryo *from);

/** Whether the peer says that our SYN came marked, which counts as its loss. */
bool ft_ecn_syn_marked(const struct ft_tcb *tcb);

/** Make what a connection knows of ECN, as new. Return: it, or NULL. */
struct tcp_ecn *ft_ecn_make(struct ft_tcp *tcp, struct ft_tcb *tcb, enum tcp_ecn_mode mode);

/** The connection has no ECN any more. */
void ft_ecn_drop(struct ft_tcp *tcp, struct ft_tcb *tcb);

/* ---- receiver (RFC 3168 6.1.3) --------------------------------------------------------------- */

/** An acceptable segment has come, if ECN is agreed on. Before its text is taken. */
void ft_ecn_arrived(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in);

/** What has come in order so far is to be acknowledged by itself, with these ECN flags. */
void ft_ecn_owe(struct ft_tcb *tcb, uint16_t flags);

/** The oldest ACK that is owed by itself, before any other; NULL: none. */
const struct ecn_owed *ft_ecn_owed(const struct ft_tcb *tcb);

/** Write it: it acknowledges less than has come by now, up to the right edge that was told last. */
void ft_ecn_fill_owed(struct ft_tcb *tcb, struct ft_tcp_seg *seg);

/** It has left. */
void ft_ecn_owed_sent(struct ft_tcb *tcb);

/** None of them is owed any more. */
void ft_ecn_owes_nothing(struct ft_tcb *tcb);

/* ---- sender (RFC 3168 6.1.2) ----------------------------------------------------------------- */

/** What an acceptable ACK tells of marks. After the records have been brought up to date. */
void ft_ecn_told(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in,
                 struct tcp_told *told);

/** Whether an ACK tells of congestion that has not been answered by a smaller window yet. */
bool ft_ecn_asks_less(const struct ft_tcb *tcb, const struct tcp_told *told);

/** Whether the window was reduced, and octets that left after it are not acknowledged yet. */
bool ft_ecn_shrinks(const struct ft_tcb *tcb);

/** The window has been reduced, for whatever reason: the peer is told, and marks of this window are
    answered by it. */
void ft_ecn_reduced(struct ft_tcb *tcb);

/** That was a mistake: the peer need not know. */
void ft_ecn_unreduced(struct ft_tcb *tcb);

/* ---- output ---------------------------------------------------------------------------------- */

/** The ECN flags of a segment that is no SYN. @fresh: it carries octets, none of them again. */
uint16_t ft_ecn_flags(const struct ft_tcb *tcb, bool fresh);

/** The ECN field of its IP header (RFC 3168 5, 6.1.5, 6.1.6): of new octets only. */
uint8_t ft_ecn_field(const struct ft_tcb *tcb, bool fresh);

/** Whether a segment of new octets leaves by itself, since its flags are not those of the next. */
bool ft_ecn_single(const struct ft_tcb *tcb);

/** Whether these flags tell that the window was reduced. */
bool ft_ecn_tells(const struct ft_tcb *tcb, uint16_t flags);

/** The link gave it back: the next new octets tell it. */
void ft_ecn_untold(struct ft_tcb *tcb);

/** Write the ECN flags and option of a segment that is no SYN, with @len octets. */
void ft_ecn_fill(const struct ft_tcb *tcb, struct ft_tcp_seg *seg, uint32_t len, bool fresh);

/** It has left. */
void ft_ecn_sent(struct ft_tcb *tcb, const struct ft_tcp_seg *seg, uint32_t len);

/* ---- accecn.c: accurate feedback (RFC 9768 3.2) -----------------------------------------------*/

/** It is agreed on: the counters begin (3.2.1). */
void ft_accecn_start(struct tcp_ecn *ecn);

/** The ECN field of what we send is mangled: nothing is ECN-capable from now on. @deaf: nor is what
    the peer tells of marks believed. */
void ft_accecn_mangled(struct ft_tcp *tcp, struct tcp_ecn *ecn, bool deaf);

/** A SYN-ACK has come, for the first time or again: the next ACK tells how (3.2.2.1), if. */
void ft_accecn_synack(struct ft_tcb *tcb, const struct tcp_in *in);

/** Whether an ACK that tells so is owed, before anything else. */
bool ft_accecn_tells_synack(const struct ft_tcb *tcb);

/** Whether an ACK has to leave before octets: marks or many octets are to be told by an option, for
    which full segments have no room (RFC 9768 3.2.3.3). */
bool ft_accecn_first(const struct ft_tcb *tcb);

/** An acceptable segment has come (3.2.2.5.1). */
void ft_accecn_arrived(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in);

/** The ACE field, as flags. */
uint16_t ft_accecn_ace(const struct tcp_ecn *ecn);

/** Write the option of a SYN-ACK (3.2.3.2.1). */
void ft_accecn_fill_new(struct ft_tcp_seg *seg);

/** Write an option beside the others if one is due and fits (3.2.3.3), if. */
void ft_accecn_fill(const struct ft_tcb *tcb, struct ft_tcp_seg *seg, uint32_t len);

/** A segment has left with @len octets. */
void ft_accecn_sent(struct tcp_ecn *ecn, const struct ft_tcp_seg *seg, uint32_t len);

/** The first segment in which the peer's option may be (3.2.3.2.3, 3.2.3.2.4). */
void ft_accecn_read_first(struct tcp_ecn *ecn, const struct ft_tcp_seg *seg);

/** What an acceptable ACK tells (3.2.2.2). */
void ft_accecn_told(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in,
                    struct tcp_told *told);

#endif
