/* SPDX-License-Identifier: MIT */
/*
 * How soon octets in order are acknowledged: at once, or with what follows.
 */
#ifndef TCP_DELACK_H
#define TCP_DELACK_H

#include <stdbool.h>
#include <stdint.h>

#include <fourtuple/types.h>

struct ft_tcb;
struct ft_tcp;
struct tcp_in;

enum delack_flag {
    DELACK_INTERACTIVE = 1, /* the user answers soon: the ACK goes with the answer */
    DELACK_SHORT = 2,       /* a segment that was not full has come since the last ACK ... */
    DELACK_SHORTS = 4,      /* ... and another one */
    DELACK_FLAGS_ALL = 7,
};

/** Octets have come in order: measure their pace. Before last_data_ms is written. */
void ft_delack_arrived(const struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in);

/** Owe an ACK for octets that have come in order: it leaves at once, with the next segment, or when
    the delay is over. @filled_gap: there were octets beyond them, so the sender waits */
void ft_delack_owe(struct ft_tcp *tcp, struct ft_tcb *tcb, bool filled_gap);

/** The user has read: if nothing is left, and the user is not one who answers, what was short is
    acknowledged. */
void ft_delack_read(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Octets of ours leave: if soon after the peer's, the user is one who answers. */
void ft_delack_answered(const struct ft_tcp *tcp, struct ft_tcb *tcb);

/** A segment leaves that acknowledges all there is, so nothing is owed any more. */
void ft_delack_sent(struct ft_tcb *tcb);

/** The handshake's ACK is owed. With TCP_DEFER_ACCEPT, or TCP_QUICKACK off, it waits for what the
    user is about to write, as on Linux; else it leaves at once. */
void ft_delack_handshake(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** An ACK that waited is due: it leaves now, and the next one waits twice as long. */
void ft_delack_fired(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Something went wrong on the way: the next @n ACKs leave at once, at least. */
void ft_delack_quick(struct ft_tcb *tcb, uint8_t n);

/** setsockopt(TCP_QUICKACK). @quick: one that waits leaves, and the next ones do not wait; else
    they may, for a user who answers. What comes and goes changes it again. */
void ft_delack_set(struct ft_tcp *tcp, struct ft_tcb *tcb, bool quick);

/** getsockopt(TCP_QUICKACK): whether ACKs leave at once now. */
bool ft_delack_get(const struct ft_tcb *tcb);

#endif
