/* SPDX-License-Identifier: MIT */
/*
 * The round-trip time and the retransmission timeout (RFC 6298). Microseconds, integers.
 */
#include "priv.h"

/* A sample above a minute is no round trip that one would wait for. */
#define RTT_MAX (60 * FT_SEC)

/* RFC 9293 MUST-18; RFC 6298 2.3: alpha 1/8, beta 1/4, K 4. */
void ft_tcp_rtt_sample(struct ft_tcb *tcb, ft_time rtt)
{
    struct tcp_cold *cold = tcb->cold;
    uint32_t r = (uint32_t)(FT_MIN(rtt, (ft_time)RTT_MAX) / FT_US);
    if (r == 0)
        r = 1;
    if (cold->srtt_us == 0) {
        cold->srtt_us = r;
        cold->rttvar_us = r / 2;
    } else {
        uint32_t err = r > cold->srtt_us ? r - cold->srtt_us : cold->srtt_us - r;
        cold->rttvar_us = cold->rttvar_us - cold->rttvar_us / 4 + err / 4;
        cold->srtt_us = cold->srtt_us - cold->srtt_us / 8 + r / 8;
        if (cold->srtt_us == 0)
            cold->srtt_us = 1;
    }
    ft_tcp_rto_compute(cold);
}

void ft_tcp_rto_compute(struct tcp_cold *cold)
{
    if (cold->srtt_us == 0) {
        cold->rto_us = (uint32_t)(TCP_RTO_INIT / FT_US);
        return;
    }
    /* RFC 6298 RTO-4. Deviation: as on Linux the floor is 200 ms, on the variance and not on the
       sum; a second would let short paths stand still. */
    uint32_t var = FT_MAX(4 * cold->rttvar_us, (uint32_t)(TCP_RTO_MIN / FT_US));
    cold->rto_us = cold->srtt_us + var;
}

void ft_tcp_rtt_handshake(const struct ft_tcp *tcp, struct ft_tcb *tcb, ft_time rtt)
{
    ft_tcp_rtt_sample(tcb, rtt);
    tcb->cold->min_rtt_us = tcb->cold->srtt_us;
    tcb->cold->min_rtt_s = (uint32_t)(tcp->env->now / FT_SEC);
}

ft_time ft_tcp_rto(const struct ft_tcb *tcb, unsigned backoff)
{
    ft_time rto = (ft_time)tcb->cold->rto_us * FT_US;
    ft_assert(rto > 0);
    /* RFC 9293 MUST-19; RFC 6298 5.5, with 2.5's bound; 17 doublings of the smallest RTO pass it.
     */
    if (backoff > 17)
        return TCP_RTO_MAX;
    return FT_MIN(rto << backoff, (ft_time)TCP_RTO_MAX);
}
