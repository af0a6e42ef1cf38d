/* SPDX-License-Identifier: MIT */
/*
 * Slow start and congestion avoidance (RFC 5681 3.1), counted in octets (RFC 3465), with the
 * initial window of RFC 6928. What to do about a loss is recovery.c's affair.
 */
#include "priv.h"

/* RFC 3465 2.3: at most so many segments of growth an ACK in slow start. */
#define ABC_LIMIT 2

void ft_cc_init(struct ft_tcb *tcb)
{
    /* RFC 6928 2. */
    uint32_t mss = tcb->snd_mss;
    tcb->cwnd = FT_MIN(TCP_INIT_SEGS * mss, FT_MAX(2 * mss, 14600u));
    if (tcb->retries > 0)
        tcb->cwnd = mss; /* RFC 5681 3.1: the SYN was lost */
    tcb->ssthresh = TCP_SSTHRESH_NONE;
    tcb->cc_acked = 0;
    tcb->inflate = 0;
}

/* RFC 7661 in its simplest form: a window that was not used does not grow. */
static bool was_limiting(const struct ft_tcb *tcb, uint32_t flight)
{
    if (tcb->cwnd < tcb->ssthresh)
        return tcb->cwnd < 2 * flight;
    return flight + tcb->snd_mss > tcb->cwnd;
}

void ft_cc_acked(struct ft_tcb *tcb, uint32_t acked, uint32_t flight)
{
    uint32_t mss = tcb->snd_mss;
    uint32_t cap = UINT32_MAX / 4;
    if (!was_limiting(tcb, flight) || tcb->cwnd >= cap)
        return;
    if (tcb->cwnd < tcb->ssthresh) {
        /* One ACK for a batch stands for many segments: grow by what it acknowledges, at most
           doubling in a round trip. After a timeout RFC 3465's limit holds. */
        uint32_t limit = (tcb->flags & TCB_LOSS) ? ABC_LIMIT * mss : acked;
        tcb->cwnd += FT_MIN(acked, limit);
        if (tcb->cwnd > tcb->ssthresh)
            tcb->cwnd = tcb->ssthresh;
        return;
    }
    tcb->cc_acked += acked;
    if (tcb->cc_acked >= tcb->cwnd) {
        tcb->cc_acked -= tcb->cwnd;
        tcb->cwnd += mss;
    }
    if (tcb->cc_acked > tcb->cwnd)
        tcb->cc_acked = tcb->cwnd; /* at most a segment a round trip */
}

uint32_t ft_cc_ssthresh(const struct ft_tcb *tcb, uint32_t flight)
{
    return FT_MAX(flight / 2, 2u * tcb->snd_mss);
}

void ft_cc_restart(struct ft_tcb *tcb)
{
    uint32_t initial =
        FT_MIN(TCP_INIT_SEGS * (uint32_t)tcb->snd_mss, FT_MAX(2u * tcb->snd_mss, 14600u));
    tcb->cwnd = FT_MIN(tcb->cwnd, initial);
    tcb->cc_acked = 0;
}
