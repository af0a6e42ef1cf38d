/* SPDX-License-Identifier: MIT */
/*
 * What a loss does: fast retransmit and recovery (NewReno, RFC 6582; by the holes that SACK tells
 * of, RFC 6675), limited transmit (RFC 3042), and the retransmission timeout (RFC 5681 3.1).
 */
#include "priv.h"

static void enter_recovery(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    uint32_t flight = tcb_flight(tcb);
    /* RFC 5681 3.2: less what limited transmit has sent beyond cwnd. */
    if (flight > tcb->cwnd)
        flight -= FT_MIN(flight - tcb->cwnd, tcb->inflate);
    ft_cc_congestion(tcp, tcb, flight);
    tcb->cwnd = tcb->ssthresh;
    /* RFC 6582 3.2 step 3; with SACK the octets in the network are counted instead. */
    tcb->inflate = ft_sack_active(tcb) ? 0 : 3u * tcb->snd_mss;
    if (tcb->busy)
        tcb->busy->retx_nxt = tcb->snd_una;
    tcb->recover = tcb->snd_max;
    tcb->flags |= TCB_RECOVERY | TCB_RETX_UNA;
    tcp->env->counters.tcp_fast_retransmits++;
    ft_tcb_wake(tcp, tcb);
}

static void leave_recovery(struct ft_tcb *tcb)
{
    /* RFC 6582 3.2 step 3, full acknowledgement, option 1: no burst. */
    uint32_t room = FT_MAX(tcb_flight(tcb), (uint32_t)tcb->snd_mss) + tcb->snd_mss;
    tcb->cwnd = FT_MAX(FT_MIN(tcb->ssthresh, room), (uint32_t)tcb->snd_mss);
    tcb->inflate = 0;
    tcb->flags &= ~(uint32_t)(TCB_RECOVERY | TCB_RETX_UNA);
}

/* One ACK of a receiver that merges them stands for as many duplicates as segments it SACKs. */
void ft_tcp_recovery_dupack(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_tcp_seg *seg)
{
    uint32_t sacked = ft_sack_octets(tcb) / tcb->snd_mss;
    if ((tcb->flags & TCB_SACK) && seg->n_sack == 0)
        return; /* it tells of no segment that has left */
    uint8_t before = tcb->dupacks;
    tcb->dupacks = (uint8_t)FT_MIN(FT_MAX(before + 1u, sacked), 255u);
    if ((tcb->flags & TCB_RECOVERY) && ft_sack_active(tcb)) {
        ft_tcb_wake(tcp, tcb);
        return;
    }
    if (tcb->flags & TCB_RECOVERY) {
        /* Each tells that a segment has left. No more can have left than were out when the loss was
           found, which is twice ssthresh; what is sent on their word must not count. */
        tcb->inflate =
            FT_MIN(tcb->inflate + tcb->snd_mss, FT_MIN(tcb_flight(tcb), 2 * tcb->ssthresh));
        ft_tcb_wake(tcp, tcb);
        return;
    }
    if (tcb->flags & TCB_LOSS)
        return;
    if (tcb->dupacks < 3) {
        /* RFC 3042: a new segment for each of the first two. */
        tcb->inflate = tcb->dupacks * (uint32_t)tcb->snd_mss;
        ft_tcb_wake(tcp, tcb);
        return;
    }
    /* RFC 6582 3.2 step 2: not again for what was sent before the last loss was found. */
    if (before < 3 && seq_gt(tcb->snd_una, tcb->recover))
        enter_recovery(tcp, tcb);
}

/* Outside of recovery the window may open. */
static void open_window(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t acked, uint32_t flight)
{
    struct tcp_ack_sample sample;
    ft_rate_begin(tcb, &sample);
    sample.acked = sample.newly_delivered = acked;
    sample.prior_flight = flight;
    sample.flight = tcb_flight(tcb);
    sample.after_timeout = tcb->flags & TCB_LOSS;
    ft_cc_acked(tcp, tcb, &sample);
}

void ft_tcp_recovery_acked(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t acked, uint32_t flight)
{
    tcb->dupacks = 0;
    if (!(tcb->flags & TCB_RECOVERY)) {
        tcb->inflate = 0;
        if ((tcb->flags & TCB_LOSS) && seq_ge(tcb->snd_una, tcb->recover))
            tcb->flags &= ~(uint32_t)TCB_LOSS;
        /* It follows, or 2 GiB later it would seem to lie ahead. */
        if (seq_gt(tcb->snd_una, tcb->recover))
            tcb->recover = seq_sub(tcb->snd_una, 1);
        open_window(tcp, tcb, acked, flight);
        return;
    }
    if (seq_ge(tcb->snd_una, tcb->recover)) {
        leave_recovery(tcb);
        ft_cc_recovered(tcp, tcb);
        return;
    }
    if (ft_sack_active(tcb)) {
        /* The holes are known: only what no block tells of is found by the ACK itself. */
        if (seq_ge(tcb->snd_una, tcb->busy->retx_nxt))
            tcb->flags |= TCB_RETX_UNA;
        tcb->inflate = 0;
        ft_tcb_wake(tcp, tcb);
        return;
    }
    /* RFC 6582 3.2 step 3, partial acknowledgement: the next hole, and deflate by what left. */
    tcb->inflate = tcb->inflate > acked ? tcb->inflate - acked : 0;
    if (acked >= tcb->snd_mss)
        tcb->inflate += tcb->snd_mss;
    tcb->inflate = FT_MIN(tcb->inflate, tcb_flight(tcb));
    tcb->flags |= TCB_RETX_UNA;
    ft_tcb_wake(tcp, tcb);
}

void ft_tcp_recovery_timeout(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    /* RFC 5681 equation 4, and only the first time for a segment. */
    ft_cc_rto(tcp, tcb, FT_MIN(tcb_flight(tcb), tcb->cwnd), tcb->retries > 0);
    tcb->inflate = 0;
    tcb->dupacks = 0;
    tcb->recover = tcb->snd_max; /* RFC 6582 3.2 step 4 */
    tcb->flags &= ~(uint32_t)(TCB_RECOVERY | TCB_RETX_UNA);
    tcb->flags |= TCB_LOSS;
    tcb->snd_nxt = tcb->snd_una;
}
