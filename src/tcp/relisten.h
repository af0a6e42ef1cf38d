/* SPDX-License-Identifier: MIT */
/*
 * The gap between a passive socket and the next one of its name (relisten.c): what waits for it.
 */
#ifndef FT_TCP_RELISTEN_H
#define FT_TCP_RELISTEN_H

#include <stdbool.h>

struct ft_conn;
struct ft_listener;
struct ft_name;
struct ft_tcp;
struct tcp_in;
struct tcp_embryo;

/** A passive socket is being closed: SYNs for its name may wait for the next one. */
void ft_relisten_closed(struct ft_tcp *tcp, const struct ft_name *name);

/**
 * The passive socket that has taken the place of the one that answered this embryo's SYN: the
 * embryo is its own from now on. Only where SYNs may wait for it, too.
 *
 * Return: it; NULL: there is none (yet).
 */
struct ft_listener *ft_relisten_inherit(struct ft_tcp *tcp, struct tcp_embryo *embryo);

/** Whether an embryo, whose listener is closed, waits from now on for the next one. */
bool ft_relisten_keep(struct ft_tcp *tcp, struct tcp_embryo *embryo);

/** Whether a segment that matched nobody is a SYN that waits from now on. */
bool ft_relisten_hold(struct ft_tcp *tcp, const struct ft_conn *conn, const struct tcp_in *in);

/** A SYN that waits has its passive socket, waits on, or is refused. */
void ft_relisten_timer(struct ft_tcp *tcp, struct tcp_embryo *embryo);

#endif
