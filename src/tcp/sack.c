/* SPDX-License-Identifier: MIT */
/*
 * The SACK blocks of an ACK that has arrived (RFC 2018 5): which of them can be, in ascending order
 * to the records; and what a D-SACK tells (RFC 2883 5).
 */
#include "priv.h"

/* RFC 2883 4: the first block is a D-SACK if it lies below the ACK, or within the second block. */
static bool is_dsack(const struct ft_tcp_seg *seg)
{
    if (seg->n_sack == 0 || !seq_lt(seg->sack[0].lo, seg->sack[0].hi))
        return false;
    if (seq_lt(seg->sack[0].lo, seg->ack))
        return true;
    return seg->n_sack > 1 && seq_ge(seg->sack[0].lo, seg->sack[1].lo) &&
           seq_le(seg->sack[0].hi, seg->sack[1].hi);
}

static void take_dsack(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_tcp_seg *seg,
                       struct tcp_told *told)
{
    ft_seq lo = seg->sack[0].lo;
    ft_seq hi = seg->sack[0].hi;
    /* of what was sent at some time, and not so long ago. */
    if (seq_gt(hi, tcb->snd_max) || seq_lt(lo, seq_sub(tcb->snd_una, tcb->snd_wnd_max)))
        return;
    uint32_t len = (uint32_t)seq_diff(hi, lo);
    told->dsack = true;
    told->dsack_lo = lo;
    told->dsack_hi = hi;
    struct tcp_past *past = ft_tcb_past(tcp, tcb);
    if (past)
        past->dsack_dups += (len + tcb->snd_mss - 1) / tcb->snd_mss;
    struct tcp_recovery *recovery = tcb->busy ? &tcb->busy->recovery : NULL;
    if (recovery && seq_gt(hi, recovery->undo_una))
        recovery->undo_octets -= FT_MIN(recovery->undo_octets, len);
}

void ft_sack_take(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_tcp_seg *seg,
                  struct tcp_told *told)
{
    struct ft_range blocks[TCP_SACKS_MAX];
    unsigned n = 0;
    if (!(tcb->flags & TCB_SACK) || seg->n_sack == 0)
        return;
    if (is_dsack(seg))
        take_dsack(tcp, tcb, seg, told);
    for (unsigned i = told->dsack ? 1 : 0; tcb->busy && i < seg->n_sack; i++) {
        ft_seq lo = seg->sack[i].lo;
        ft_seq hi = seg->sack[i].hi;
        /* what cannot be is not looked at. */
        if (!seq_gt(lo, tcb->snd_una) || !seq_lt(lo, tcb->snd_max) || !seq_lt(lo, hi) ||
            !seq_le(hi, tcb->snd_max))
            continue;
        unsigned at = n++;
        for (; at > 0 && seq_gt(blocks[at - 1].lo, lo); at--)
            blocks[at] = blocks[at - 1];
        blocks[at] = (struct ft_range){.lo = lo, .hi = hi};
    }
    /* Ascending: in one ACK nothing overtakes anything. */
    for (unsigned i = 0; i < n; i++)
        ft_sent_sacked(tcp, tcb, blocks[i].lo, blocks[i].hi, told);
}
