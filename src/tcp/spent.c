/* SPDX-License-Identifier: MIT */
/*
 * On what a connection spends its time, for TCP_INFO: how long it was busy, how long the peer's
 * window or the send buffer held it back, how long it repaired what timeouts had found. As Linux
 * tells them apart, in whole milliseconds of the stack's clock, so that short spans add up. Sums
 * are in the cold part, what is running is in the busy part.
 */
#include "priv.h"

static void turn(const struct ft_tcp *tcp, struct ft_tcb *tcb, enum tcp_spent what)
{
    struct tcp_busy *busy = tcb->busy;
    uint32_t now = tcp_now_ms(tcp);
    ft_assert(!(tcb->flags & TCB_QUEUED));
    if (busy->spent_on != SPENT_NOTHING)
        tcb->cold->sending.spent_ms[busy->spent_on] += now - busy->spent_since_ms;
    busy->spent_since_ms = now;
    busy->spent_on = (uint8_t)what;
}

void ft_spent_begin(const struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (tcb->busy->spent_on == SPENT_NOTHING)
        turn(tcp, tcb, SPENT_BUSY);
}

void ft_spent_on(const struct ft_tcp *tcp, struct ft_tcb *tcb, bool window, bool dry)
{
    struct tcp_busy *busy = tcb->busy;
    if (!busy || busy->spent_on == SPENT_NOTHING)
        return;
    enum tcp_spent what = window ? SPENT_WINDOW : SPENT_BUSY;
    /* All has left, congestion control would let more go, and the user was refused room. */
    if (dry && busy->full && tcb_pipe(tcb) < tcb->cwnd)
        what = SPENT_BUFFER;
    else if (busy->spent_on == SPENT_BUFFER && busy->full)
        what = SPENT_BUFFER; /* until there is room, whatever else comes */
    if (what != busy->spent_on)
        turn(tcp, tcb, what);
}

void ft_spent_room(const struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (!tcb->busy)
        return;
    tcb->busy->full = false;
    if (tcb->busy->spent_on == SPENT_BUFFER)
        turn(tcp, tcb, SPENT_BUSY);
}

void ft_spent_end(const struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (tcb->busy && tcb->busy->spent_on != SPENT_NOTHING)
        turn(tcp, tcb, SPENT_NOTHING);
}

uint32_t ft_spent_ms(const struct ft_tcp *tcp, const struct ft_tcb *tcb, enum tcp_spent what)
{
    const struct tcp_sending sending = tcb_sending(tcb);
    const struct tcp_busy *busy = tcb->busy;
    uint32_t total = 0;
    for (unsigned i = 0; i < SPENT_N; i++) {
        if (what != SPENT_BUSY && what != i)
            continue;
        total += sending.spent_ms[i];
        if (busy && busy->spent_on == i)
            total += tcp_now_ms(tcp) - busy->spent_since_ms;
    }
    return total;
}

/* ---- timeouts -------------------------------------------------------------------------------- */

void ft_spent_timeout(const struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct tcp_cold *cold = tcb->cold;
    if (cold->total_rto < UINT16_MAX)
        cold->total_rto++;
    if (tcb->retries > 0)
        return;
    if (cold->rto_episodes < UINT16_MAX)
        cold->rto_episodes++;
    if (tcb->busy && tcb->busy->rto_at_ms == 0)
        tcb->busy->rto_at_ms = FT_MAX(tcp_now_ms(tcp), 1u);
}

void ft_spent_repaired(const struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (!tcb->busy || tcb->busy->rto_at_ms == 0)
        return;
    tcb->cold->rto_ms += tcp_now_ms(tcp) - tcb->busy->rto_at_ms;
    tcb->busy->rto_at_ms = 0;
}
