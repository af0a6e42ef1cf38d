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

/** Owe an ACK for them, now or later. @filled_gap: they did */
void ft_delack_owe(struct ft_tcp *tcp, struct ft_tcb *tcb, bool filled_gap);

/** The user has read: if nothing is left, and the user is not one who answers, what was short is
    acknowledged. */
void ft_delack_read(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Octets of ours leave. */
void ft_delack_answered(const struct ft_tcp *tcp, struct ft_tcb *tcb);

/** A segment with an ACK of all leaves. */
void ft_delack_sent(struct ft_tcb *tcb);

/** The ACK of the handshake waits for what the user is about to write. */
void ft_delack_handshake(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** An ACK that waited is due. */
void ft_delack_fired(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Something went wrong on the way: the next @n ACKs leave at once, at least. */
void ft_delack_quick(struct ft_tcb *tcb, uint8_t n);

/** TCP_QUICKACK. */
void ft_delack_set(struct ft_tcp *tcp, struct ft_tcb *tcb, bool quick);

/** TCP_QUICKACK as read back. */
bool ft_delack_get(const struct ft_tcb *tcb);

#endif
