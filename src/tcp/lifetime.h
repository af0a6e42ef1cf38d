/* SPDX-License-Identifier: MIT */
/*
 * How long a connection that somebody does not use yet, or no longer, may stay: TCP_DEFER_ACCEPT
 * and TCP_LINGER2, as Linux has them.
 */
#ifndef TCP_LIFETIME_H
#define TCP_LIFETIME_H

#include <stdbool.h>
#include <stdint.h>

#include <fourtuple/types.h>

struct ft_listener;
struct ft_tcb;
struct ft_tcp;
struct ft_tcp_seg;
struct tcp_embryo;
struct tcp_opts;

/** TCP_DEFER_ACCEPT as it is read back: what was set, rounded up to whole timeouts of a SYN-ACK. */
int ft_defer_seconds(const struct tcp_opts *opts);

/** Whether an ACK that completes the handshake is not enough, since octets are waited for; the
    embryo then knows. */
bool ft_defer_holds(const struct ft_listener *listener, struct tcp_embryo *embryo,
                    const struct ft_tcp_seg *seg);

/** The embryo's timer has fired. @ret_again: its SYN-ACK is to be sent again. Return: false: its
   time is over. */
bool ft_defer_waits(const struct ft_listener *listener, struct tcp_embryo *embryo, bool *ret_again);

/** The handshake is over after all: what its loss would say of the path is forgotten, if nothing
   was sent again. */
void ft_defer_over(struct tcp_embryo *embryo);

/** Take TCP_LINGER2. */
void ft_linger2_set(struct tcp_opts *opts, int seconds);

/** TCP_LINGER2 as it is read back. */
int ft_linger2_get(const struct tcp_opts *opts);

/** An orphan is in FIN-WAIT-2 from now on. Return: false: it was reset and is gone (TCP_LINGER2
   below 0). */
bool ft_orphan_waits(struct ft_tcp *tcp, struct ft_tcb *tcb);

#endif
