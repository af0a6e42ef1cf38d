/* SPDX-License-Identifier: MIT */
/*
 * The text of a segment (RFC 9293 3.10.7.4, seventh), in order or not. Octets go straight to their
 * place in the receive ring; what lies ahead of a gap is remembered as ranges, which are also the
 * SACK blocks (RFC 2018). The first octet accepted for a place stays.
 */
#include "priv.h"

/* Copy octets lo to hi of the segment to their place in the ring. They are held by nobody yet. */
static int place(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in, ft_seq lo,
                 ft_seq hi)
{
    uint32_t off = ft_ring_len(&tcb->rcv) + (uint32_t)seq_diff(lo, tcb->rcv_nxt);
    uint32_t skip = in->skip + (uint32_t)seq_diff(lo, in->seg.seq);
    uint32_t len = (uint32_t)seq_diff(hi, lo);
    tcp->env->counters.steps_octets_copied += len;
    const uint8_t *data = in->data;
    uint32_t have = in->data_len;
    for (unsigned i = 0; len > 0; i++) {
        if (skip < have) {
            uint32_t n = FT_MIN(len, have - skip);
            int err = ft_ring_write(&tcb->rcv, &tcp->env->chunks, off, data + skip, n);
            if (err)
                return err;
            off += n;
            len -= n;
            skip += n;
        }
        skip -= FT_MIN(skip, have);
        if (len == 0)
            break;
        ft_assert(i < in->rx->n_spans);
        data = in->rx->spans[i].data;
        have = (uint32_t)in->rx->spans[i].len;
    }
    return 0;
}

void ft_tcp_drop_gaps(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (!tcb->gaps)
        return;
    ft_pool_put(&tcp->gaps, tcb->gaps);
    tcb->gaps = NULL;
}

/* rcv_nxt has reached the first range: its octets are in order now. */
static void close_gaps(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    while (tcb->gaps) {
        const struct ft_range *first = ft_ranges_first(&tcb->gaps->ranges);
        if (!first) {
            ft_tcp_drop_gaps(tcp, tcb);
            break;
        }
        if (seq_gt(first->lo, tcb->rcv_nxt))
            break;
        ft_seq hi = first->hi;
        if (seq_gt(hi, tcb->rcv_nxt)) {
            uint32_t len = (uint32_t)seq_diff(hi, tcb->rcv_nxt);
            ft_ring_extend(&tcb->rcv, len);
            tcb->cold->octets_received += len;
            tcb->rcv_nxt = hi;
        }
        ft_ranges_remove_below(&tcb->gaps->ranges, tcb->rcv_nxt);
    }
}

/* RFC 2883 4: the first run of octets of a segment that are held already. */
static void note_twice(struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq lo, ft_seq end)
{
    const struct ft_ranges *ranges = &tcb->gaps->ranges;
    struct ft_range gap;
    if (!ft_ranges_gap(ranges, lo, end, &gap)) {
        ft_tcp_came_again(tcp, tcb, lo, end);
    } else if (seq_gt(gap.lo, lo)) {
        ft_tcp_came_again(tcp, tcb, lo, gap.lo);
    } else if (seq_lt(gap.hi, end)) {
        ft_seq from = gap.hi;
        ft_tcp_came_again(tcp, tcb, from, ft_ranges_gap(ranges, from, end, &gap) ? gap.lo : end);
    }
}

/* What of a segment in order is held already keeps its octets: write the holes only. */
static int place_holes(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in, ft_seq end)
{
    struct ft_range gap;
    ft_seq at = in->seg.seq;
    int err = 0;
    while (!err && seq_lt(at, end) && ft_ranges_gap(&tcb->gaps->ranges, at, end, &gap)) {
        tcp->env->counters.steps_list_nodes++;
        err = place(tcp, tcb, in, gap.lo, gap.hi);
        at = gap.hi;
    }
    return err;
}

/* Memory was refused for octets in order. Those beyond a gap give way, as on Linux: the peer still
   has them (RFC 2018 8), and the connection goes on. */
static int prune(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in, ft_seq end)
{
    ft_tcp_drop_gaps(tcp, tcb);
    ft_ring_trim(&tcb->rcv, &tcp->env->chunks);
    tcp->env->counters.tcp_pruned++;
    return place(tcp, tcb, in, in->seg.seq, end);
}

/* How large a full segment of the peer seems to be. A short one says nothing of that; a peer that
   takes only small segments is thought to send no larger ones, so that every second one of its is
   acknowledged (RFC 9293 MUST-40). */
static uint16_t full_size(const struct ft_tcb *tcb, const struct tcp_in *in)
{
    uint32_t least = FT_MIN((uint32_t)tcb->snd_mss, (uint32_t)TCP_MSS_DEFAULT4);
    return (uint16_t)FT_MAX(FT_MIN(in->seg.len / in->rx->n_segs, 65535u), least);
}

static enum ft_verdict in_order(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in)
{
    ft_seq end = seq_add(in->seg.seq, in->seg.len);
    bool had_gaps = tcb->gaps != NULL;
    int err;
    if (had_gaps) {
        note_twice(tcp, tcb, in->seg.seq, end);
        err = place_holes(tcp, tcb, in, end);
        if (err)
            err = prune(tcp, tcb, in, end);
    } else {
        err = place(tcp, tcb, in, in->seg.seq, end);
    }
    if (err)
        return FT_RX_DROP_MEMORY;
    ft_ring_extend(&tcb->rcv, in->seg.len);
    tcb->cold->octets_received += in->seg.len;
    ft_delack_arrived(tcp, tcb, in);
    tcb->cold->last_data_ms = tcp_now_ms(tcp);
    tcb->rcv_nxt = end;
    if (in->seg.len > tcb->rcv_mss || in->rx->n_segs == 1)
        tcb->rcv_mss = full_size(tcb, in);
    close_gaps(tcp, tcb);
    ft_notes_arrived(tcp, tcb);
    ft_tune_arrived(tcp, tcb, in);
    /* Duplicates that were owed for octets before these would now tell of a loss beyond them. */
    tcb->acks_owed = 0;
    ft_delack_owe(tcp, tcb, had_gaps);
    ft_tcb_raise(tcp, tcb, FT_READABLE);
    return FT_RX_ACTIVE;
}

/* RFC 9293 SHLD-31: held for later. RFC 5681 4.2: a duplicate ACK at once. */
static enum ft_verdict out_of_order(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in)
{
    ft_seq lo = in->seg.seq;
    ft_seq end = seq_add(lo, in->seg.len);
    tcp->env->counters.tcp_out_of_order++;
    tcb->cold->ahead_in = (uint16_t)FT_MIN(tcb->cold->ahead_in + in->rx->n_segs, UINT16_MAX);
    /* With SACK one ACK tells all of a batch; without, the sender counts them. */
    if (tcb->flags & TCB_SACK)
        tcb->flags |= TCB_ACK_NOW;
    else if (tcb->acks_owed < UINT16_MAX)
        tcb->acks_owed++;
    ft_tcb_wake(tcp, tcb);
    if (!tcb->gaps) {
        tcb->gaps = ft_pool_get(&tcp->gaps);
        if (!tcb->gaps)
            return FT_RX_DROP_MEMORY;
        ft_ranges_init(&tcb->gaps->ranges, tcb->gaps->storage, TCP_GAPS_MAX);
    }
    struct ft_ranges *ranges = &tcb->gaps->ranges;
    enum ft_verdict verdict = FT_RX_ACTIVE;
    struct ft_range gap;
    ft_seq at = lo;
    if (!ft_ranges_fits(ranges, lo, end))
        verdict = FT_RX_DROP_BUFFER;
    note_twice(tcp, tcb, lo, end);
    while (verdict == FT_RX_ACTIVE && seq_lt(at, end) && ft_ranges_gap(ranges, at, end, &gap)) {
        tcp->env->counters.steps_list_nodes++;
        if (place(tcp, tcb, in, gap.lo, gap.hi))
            verdict = FT_RX_DROP_MEMORY;
        at = gap.hi;
    }
    if (verdict == FT_RX_ACTIVE)
        (void)ft_ranges_add(ranges, lo, end); /* it fits: asked above */
    if (ranges->n == 0)
        ft_tcp_drop_gaps(tcp, tcb);
    return verdict;
}

enum ft_verdict ft_tcp_text(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_in *in)
{
    ft_assert(seq_ge(in->seg.seq, tcb->rcv_nxt));
    ft_assert(in->seg.len > 0);
    bool gained = ft_misers_give_way(tcp, tcb);
    bool fills = seq_eq(in->seg.seq, tcb->rcv_nxt);
    bool holds = ft_ring_len(&tcb->rcv) > 0 || (tcb->gaps && !fills);
    if (holds && !gained && tcp_short_of_memory(tcp))
        return FT_RX_DROP_MEMORY;
    if (seq_eq(in->seg.seq, tcb->rcv_nxt))
        return in_order(tcp, tcb, in);
    return out_of_order(tcp, tcb, in);
}

/* ---- RFC 2018, RFC 2883 ---------------------------------------------------------------------- */

void ft_tcp_came_again(struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq lo, ft_seq hi)
{
    struct tcp_cold *cold = tcb->cold;
    lo = seq_max(lo, seq_add(tcb->irs, 1)); /* the SYN is no octet */
    if (!(tcb->flags & TCB_SACK) || seq_ge(lo, hi))
        return;
    ft_tcb_wake(tcp, tcb);
    if (!(tcb->flags & TCB_AGAIN)) {
        tcb->flags |= TCB_AGAIN;
        cold->again_lo = lo;
        cold->again_hi = hi;
    } else if (seq_le(lo, cold->again_hi) && seq_ge(hi, cold->again_lo)) {
        cold->again_lo = seq_min(lo, cold->again_lo);
        cold->again_hi = seq_max(hi, cold->again_hi);
    } else {
        /* none is made for it. Without room it is acknowledged only. */
        struct tcp_past *past = cold->past;
        if (past && past->n_again < AGAIN_MAX)
            past->again[past->n_again++] = (struct ft_range){.lo = lo, .hi = hi};
    }
}

void ft_tcp_told_again(struct ft_tcb *tcb)
{
    struct tcp_past *past = tcb->cold->past;
    if (!past || past->n_again == 0) {
        tcb->flags &= ~(uint32_t)TCB_AGAIN;
        return;
    }
    past->n_again--;
    tcb->cold->again_lo = past->again[past->n_again].lo;
    tcb->cold->again_hi = past->again[past->n_again].hi;
}

/* A block; a FIN right behind what is held is held, too. */
static void put_block(const struct ft_tcb *tcb, struct ft_tcp_seg *seg, const struct ft_range *r)
{
    bool fin = tcb->fin_seen && seq_eq(r->hi, tcb->rcv_fin);
    seg->sack[seg->n_sack].lo = r->lo;
    seg->sack[seg->n_sack].hi = fin ? seq_add(r->hi, 1) : r->hi;
    seg->n_sack++;
}

/* RFC 2883 4: first what came twice; if it lies beyond a gap, then the block that holds it. */
static const struct ft_range *put_dsack(const struct ft_tcb *tcb, struct ft_tcp_seg *seg)
{
    const struct tcp_cold *cold = tcb->cold;
    const struct ft_range *holds = NULL;
    if (!(tcb->flags & TCB_AGAIN))
        return NULL;
    if (seq_gt(cold->again_lo, tcb->rcv_nxt)) {
        holds = tcb->gaps ? ft_ranges_find(&tcb->gaps->ranges, cold->again_lo) : NULL;
        if (!holds)
            return NULL;
    }
    seg->sack[0].lo = cold->again_lo;
    seg->sack[0].hi = cold->again_hi;
    seg->n_sack = 1;
    if (holds)
        put_block(tcb, seg, holds);
    return holds;
}

void ft_tcp_sack_blocks(const struct ft_tcb *tcb, struct ft_tcp_seg *seg)
{
    if (!(tcb->flags & TCB_SACK))
        return;
    const struct ft_range *first = put_dsack(tcb, seg);
    /* RFC 2018 4: the block with the segment that caused this ACK first. */
    for (unsigned k = 0; tcb->gaps && seg->n_sack < TCP_SACKS_MAX; k++) {
        const struct ft_range *r = ft_ranges_recent(&tcb->gaps->ranges, k);
        if (!r)
            break;
        if (r != first)
            put_block(tcb, seg, r);
    }
    if (seg->n_sack > 0)
        seg->n_sack = tcp_sacks_fit(seg);
}
