/* SPDX-License-Identifier: MIT */
/*
 * Marks in the send stream: where a record ends (MSG_EOR), and which octet's way the user wants to
 * be told of (SO_TIMESTAMPING). They lie in the busy part, in order, and go when the octet before
 * them is acknowledged; most connections have none, and hold no memory for them.
 */
#ifndef TCP_MARKS_H
#define TCP_MARKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"

struct ft_tcb;
struct ft_tcp;

#define MARKS_FIRST 8u    /* room for so many is taken at first ... */
#define MARKS_MAX   4096u /* ... and for so many at most */

enum tcp_mark_flag {
    MARK_EOR = 1,   /* no segment holds octets of both sides */
    MARK_SCHED = 2, /* to be told: it is taken into a frame */
    MARK_SND = 4,   /* to be told: the link has the frame */
    MARK_ACK = 8,   /* to be told: it is acknowledged */
};

struct tcp_mark {
    ft_seq end;     /* one past the octet */
    uint32_t flags; /* enum tcp_mark_flag */
};

struct tcp_marks {
    struct tcp_mark *ring; /* of @cap, a power of two; NULL: none yet */
    uint32_t cap;
    uint32_t head; /* place of the oldest, counted without end */
    uint32_t n;
};

/** Take room for one more mark. Return: 0; -ENOBUFS: none is left, or MARKS_MAX are there. */
int ft_marks_reserve(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Mark the end of what is queued; ft_marks_reserve() has answered 0. @flags: enum tcp_mark_flag */
void ft_marks_add(struct ft_tcb *tcb, uint32_t flags);

/** How many of @most octets from @seq on may go in one segment: up to the end of their record. */
uint32_t ft_marks_room(const struct ft_tcb *tcb, ft_seq seq, uint32_t most);

/** Whether a record ends right before @seq. */
bool ft_marks_ends(const struct ft_tcb *tcb, ft_seq seq);

/** Octets have left, or have left again: who wants to know of the first time is told. */
void ft_marks_left(struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq seq, uint32_t len);

/** Octets below @una are acknowledged: their marks go. */
void ft_marks_acked(struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq una);

/** Give the memory back. */
void ft_marks_fini(struct ft_tcp *tcp, struct tcp_marks *marks);

#endif
