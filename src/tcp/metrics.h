/* SPDX-License-Identifier: MIT */
/*
 * What connections leave to those after them about the path to a destination (RFC 9040, temporal
 * sharing): the round-trip time and the slow start threshold.
 */
#ifndef TCP_METRICS_H
#define TCP_METRICS_H

struct ft_tcb;
struct ft_tcp;

/** A connection ends in good order: what it has learnt is kept. */
void ft_metrics_save(struct ft_tcp *tcp, const struct ft_tcb *tcb);

/** A connection is established, and the round trip of its handshake, if known, is taken: it begins
    with what others have learnt. */
void ft_metrics_use(const struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Free the table. */
void ft_metrics_fini(struct ft_tcp *tcp);

#endif
