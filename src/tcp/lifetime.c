/* SPDX-License-Identifier: MIT */
/*
 * TCP_DEFER_ACCEPT: a passive socket's connection is nothing to wake a server for until its first
 * octets come. TCP_LINGER2: how long an orphan waits for its peer's FIN in FIN-WAIT-2. Both have no
 * RFC; Linux's rules hold.
 */
#include "lifetime.h"

#include "priv.h"

#define LINGER2_MAX_S 120
#define DEFER_MAX     255

/* Timeouts of a SYN-ACK, which double, that make so many seconds. */
static unsigned timeouts_of(unsigned seconds)
{
    unsigned rto = TCP_RTO_INIT / FT_SEC;
    unsigned n = seconds > 0 ? 1 : 0;
    for (unsigned period = rto; n > 0 && seconds > period && n < DEFER_MAX; n++) {
        rto = FT_MIN(2 * rto, (unsigned)(TCP_RTO_MAX / FT_SEC));
        period += rto;
    }
    return n;
}

int ft_defer_seconds(const struct tcp_opts *opts)
{
    unsigned rto = TCP_RTO_INIT / FT_SEC;
    unsigned period = 0;
    for (unsigned n = timeouts_of(opts->defer_accept_s); n > 0; n--) {
        period += rto;
        rto = FT_MIN(2 * rto, (unsigned)(TCP_RTO_MAX / FT_SEC));
    }
    return (int)period;
}

bool ft_defer_holds(const struct ft_listener *listener, struct tcp_embryo *embryo,
                    const struct ft_tcp_seg *seg)
{
    if (embryo->retries >= timeouts_of(listener->opts.defer_accept_s))
        return false;
    if (seg->len > 0 || (seg->flags & SEG_FIN) || !seq_eq(seg->seq, seq_add(embryo->irs, 1)))
        return false;
    if (!(embryo->flags & EMB_ACKED) && embryo->retries == 0)
        embryo->flags |= EMB_CLEAN;
    embryo->flags |= EMB_ACKED;
    return true;
}

/* While octets are waited for nothing is sent; at the end the SYN-ACK gives the peer a last chance
   to show that it is there. */
bool ft_defer_waits(const struct ft_listener *listener, struct tcp_embryo *embryo, bool *ret_again)
{
    unsigned n = embryo->retries;
    unsigned defer = timeouts_of(listener->opts.defer_accept_s);
    bool acked = embryo->flags & EMB_ACKED;
    *ret_again = defer == 0 || !acked || n + 1 >= defer;
    if (n >= TCP_SYNACK_RETRIES && (!acked || n >= defer))
        return false;
    if (*ret_again)
        embryo->flags &= (uint16_t)~EMB_CLEAN;
    return true;
}

void ft_defer_over(struct tcp_embryo *embryo)
{
    if (embryo->flags & EMB_CLEAN)
        embryo->retries = 0;
}

void ft_linger2_set(struct tcp_opts *opts, int seconds)
{
    opts->linger2_s = (int16_t)(seconds < 0 ? -1 : FT_MIN(seconds, LINGER2_MAX_S));
}

int ft_linger2_get(const struct tcp_opts *opts)
{
    return opts->linger2_s ? opts->linger2_s : (int)(TCP_FIN_WAIT_2 / FT_SEC);
}

bool ft_orphan_waits(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    int seconds = ft_linger2_get(&tcb->cold->opts);
    if (seconds < 0) {
        ft_tcp_send_reset(tcp, tcb);
        ft_tcb_kill(tcp, tcb, 0);
        return false;
    }
    /* Not before what is under way could have come: three and a half timeouts. */
    ft_time rto = ft_tcp_rto(tcb, 0);
    tcb->keep_at = tcp->env->now + FT_MAX((ft_time)seconds * FT_SEC, 4 * rto - rto / 2);
    ft_tcb_arm(tcp, tcb);
    return true;
}
