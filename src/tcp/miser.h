/* SPDX-License-Identifier: MIT */
/*
 * Connections whose peer has no window for what is queued, and how they give way to others when
 * memory is short (A-92, RFC 6429).
 */
#ifndef TCP_MISER_H
#define TCP_MISER_H

#include <stdbool.h>
#include <stdint.h>

#include <fourtuple/types.h>

#include "base/list.h"

struct ft_tcb;
struct ft_tcp;

/* So long the window must have been shut: persist has probed it by then, and a reader who pauses
   for a moment loses nothing. */
#define TCP_MISER_TIME     (5 * FT_SEC)

/* So many give way at once, for one call or segment, and so much later the next, if memory is still
   short. Each was a handshake once, so all the work is bounded by that as well. */
#define TCP_MISERS_AT_ONCE 16
#define TCP_MISERS_GAP     FT_MS

/* In the busy part of a connection. */
struct tcp_miser {
    struct ft_list node; /* in ft_tcp.misers, the longest-standing first, if it is one */
    ft_time since;       /* when the window was found shut */
};

/** The peer's window holds octets back. */
void ft_miser_begin(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** The peer has acknowledged @octets at once. */
void ft_miser_acked(struct ft_tcb *tcb, uint32_t octets);

/**
 * Octets or a connection want memory. If it is short, misers are reset.
 *
 * @tcb: for whom; if it is a miser itself nobody gives way to it. NULL: one that is not yet made
 *
 * Return: whether somebody was. Then this call or segment may have memory though it is still short.
 */
bool ft_misers_give_way(struct ft_tcp *tcp, const struct ft_tcb *tcb);

/** Assert the list's invariants. */
void ft_misers_check(const struct ft_tcp *tcp);

#endif
