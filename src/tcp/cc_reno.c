/* SPDX-License-Identifier: MIT */
/*
 * NewReno: slow start and congestion avoidance (RFC 5681 3.1), counted in octets (RFC 3465). It
 * keeps no state but cwnd, ssthresh and cc_acked.
 */
#include "priv.h"

/* RFC 3465 2.3: at most so many segments of growth an ACK in slow start. */
#define ABC_LIMIT 2

/* RFC 9293 MUST-19, here and below. */
uint32_t ft_cc_slow_start(struct ft_tcb *tcb, const struct tcp_ack_sample *sample)
{
    /* RFC 5681 CC-4. Deviation: not one segment an ACK at most, as on Linux and by RFC 9438 4.10.
       One ACK for a batch stands for many segments: grow by what it acknowledges, at most
       doubling in a round trip. After a timeout RFC 3465's limit holds. */
    uint32_t mss = tcb->snd_mss;
    uint32_t grow = sample->after_timeout ? FT_MIN(sample->acked, ABC_LIMIT * mss) : sample->acked;
    uint32_t room = tcb->ssthresh > tcb->cwnd ? tcb->ssthresh - tcb->cwnd : 0;
    uint32_t used = FT_MIN(grow, room);
    tcb->cwnd += used;
    return grow - used;
}

void ft_cc_avoid(struct ft_tcb *tcb, uint32_t acked, uint32_t per_segment)
{
    tcb->cc_acked += acked;
    if (tcb->cc_acked >= per_segment) {
        tcb->cc_acked -= per_segment;
        tcb->cwnd += tcb->snd_mss;
    }
    if (tcb->cc_acked > per_segment)
        tcb->cc_acked = per_segment; /* at most a segment an ACK */
}

static void on_ack(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_ack_sample *sample)
{
    (void)tcp; /* for who asks for the time */
    if (!ft_cc_limited(tcb, sample->prior_flight) || tcb->cwnd >= CC_CWND_MAX)
        return;
    if (tcb->cwnd < tcb->ssthresh)
        (void)ft_cc_slow_start(tcb, sample);
    else
        ft_cc_avoid(tcb, sample->acked, tcb->cwnd);
}

/* RFC 5681 equation 4. */
static uint32_t on_congestion(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t flight)
{
    (void)tcp;
    return FT_MAX(flight / 2, 2u * tcb->snd_mss);
}

/* RFC 8511 3: 0.8 in congestion avoidance. */
static uint32_t on_mark(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t flight)
{
    if (tcb->cwnd < tcb->ssthresh)
        return on_congestion(tcp, tcb, flight);
    return FT_MAX(flight / 5 * 4, 2u * tcb->snd_mss);
}

const struct tcp_cc_ops ft_cc_reno = {
    .name = "reno",
    .on_ack = on_ack,
    .on_congestion = on_congestion,
    .on_mark = on_mark,
};
