/* SPDX-License-Identifier: MIT */
/*
 * What the peer has told of octets that it holds beyond a gap (RFC 2018): the scoreboard of
 * recovery, and how many octets are in the network by it (RFC 6675, with every hole below the
 * highest of them counted as lost). Forgotten at a timeout, since the peer may take it back.
 */
#include "priv.h"

bool ft_sack_active(const struct ft_tcb *tcb)
{
    return tcb->busy && tcb->busy->sacked;
}

void ft_sack_forget(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (!ft_sack_active(tcb))
        return;
    ft_pool_put(&tcp->gaps, tcb->busy->sacked);
    tcb->busy->sacked = NULL;
}

void ft_sack_take(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_tcp_seg *seg)
{
    if (!(tcb->flags & TCB_SACK) || !tcb->busy)
        return;
    for (unsigned i = 0; i < seg->n_sack; i++) {
        ft_seq lo = seg->sack[i].lo;
        ft_seq hi = seg->sack[i].hi;
        /* what cannot be is not looked at; D-SACK lies below. */
        if (!seq_gt(lo, tcb->snd_una) || !seq_lt(lo, tcb->snd_max) || !seq_lt(lo, hi) ||
            !seq_le(hi, tcb->snd_max))
            continue;
        if (!tcb->busy->sacked) {
            tcb->busy->sacked = ft_pool_get(&tcp->gaps);
            if (!tcb->busy->sacked)
                return; /* then recovery goes without */
            ft_ranges_init(&tcb->busy->sacked->ranges, tcb->busy->sacked->storage, TCP_GAPS_MAX);
        }
        (void)ft_ranges_add(&tcb->busy->sacked->ranges, lo, hi); /* full: it is told again */
    }
}

void ft_sack_advance(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (!ft_sack_active(tcb))
        return;
    ft_ranges_remove_below(&tcb->busy->sacked->ranges, tcb->snd_una);
    if (tcb->busy->sacked->ranges.n == 0)
        ft_sack_forget(tcp, tcb);
}

uint32_t ft_sack_octets(const struct ft_tcb *tcb)
{
    return ft_sack_active(tcb) ? ft_ranges_octets(&tcb->busy->sacked->ranges) : 0;
}

/* Holes from a place on. Return: octets in them, the first in *ret_first. */
static uint32_t holes(const struct ft_tcb *tcb, struct ft_range *ret_first)
{
    const struct ft_ranges *ranges = &tcb->busy->sacked->ranges;
    ft_seq at = seq_max(tcb->snd_una, tcb->busy->retx_nxt);
    uint32_t octets = 0;
    for (unsigned i = 0; i < ranges->n; i++) {
        if (seq_gt(ranges->r[i].lo, at)) {
            if (octets == 0)
                *ret_first = (struct ft_range){.lo = at, .hi = ranges->r[i].lo};
            octets += (uint32_t)seq_diff(ranges->r[i].lo, at);
        }
        at = seq_max(at, ranges->r[i].hi);
    }
    return octets;
}

uint32_t ft_sack_pipe(const struct ft_tcb *tcb)
{
    struct ft_range first;
    uint32_t gone = ft_sack_octets(tcb) + holes(tcb, &first);
    uint32_t flight = tcb_flight(tcb);
    return flight > gone ? flight - gone : 0;
}

bool ft_sack_hole(const struct ft_tcb *tcb, struct ft_range *ret_hole)
{
    return ft_sack_active(tcb) && holes(tcb, ret_hole) > 0;
}
