/* SPDX-License-Identifier: MIT */
/*
 * Delayed ACKs (RFC 9293 3.8.6.3, RFC 5681 4.2) that adapt, as Linux's do. The wait (ato) follows
 * the pace of what comes, from 40 ms up to 200 ms, and is no longer than a round trip. No ACK waits
 * at the beginning, nor when octets come after a silence longer than the RTO: the peer is in slow
 * start then, and ACKs are what opens its window. A user who answers within the wait makes the
 * connection interactive, and its ACKs go with the answers, until one does not come in time.
 */
#include "delack.h"

#include "priv.h"

#define ATO_MIN_MS ((uint32_t)(TCP_DELACK / FT_MS))
#define ATO_MAX_MS ((uint32_t)(TCP_DELACK_MAX / FT_MS))

static_assert(TCP_DELACK_MAX < 500 * FT_MS, "RFC 9293 MUST-40");
static_assert(TCP_DELACK_MAX / FT_MS <= UINT8_MAX, "it fits ato_ms");

static bool is_interactive(const struct ft_tcb *tcb)
{
    return tcb->delack & DELACK_INTERACTIVE;
}

static void set_interactive(struct ft_tcb *tcb, bool on)
{
    tcb->delack =
        (uint8_t)(on ? tcb->delack | DELACK_INTERACTIVE : tcb->delack & ~DELACK_INTERACTIVE);
}

/* A wait that is longer than the retransmission timeout would be taken for a loss by a peer that
   measures the same path. */
static uint8_t bounded(const struct ft_tcb *tcb, uint32_t ms)
{
    uint32_t rto_ms = tcb->cold->rto_us / 1000;
    return (uint8_t)FT_MAX(FT_MIN(FT_MIN(ms, rto_ms), ATO_MAX_MS), 1u);
}

/* Linux makes it fewer where the window is small; then each of them counts. */
static void more_quick(struct ft_tcb *tcb, uint8_t n)
{
    if (tcb->quick_acks < n)
        tcb->quick_acks = n;
}

void ft_delack_quick(struct ft_tcb *tcb, uint8_t n)
{
    more_quick(tcb, n);
    set_interactive(tcb, false);
    tcb->ato_ms = ATO_MIN_MS;
}

void ft_delack_arrived(const struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in)
{
    uint32_t gap_ms = tcp_now_ms(tcp) - tcb->cold->last_data_ms;
    /* The first octets; a mark on them may have asked for quick ACKs before. */
    if (tcb->ato_ms == 0 || tcb->cold->octets_received == in->seg.len) {
        more_quick(tcb, TCP_QUICK_ACKS);
        tcb->ato_ms = ATO_MIN_MS;
    } else if (gap_ms <= ATO_MIN_MS / 2) {
        tcb->ato_ms = (uint8_t)(tcb->ato_ms / 2 + ATO_MIN_MS / 2);
    } else if (gap_ms < tcb->ato_ms) {
        tcb->ato_ms = bounded(tcb, tcb->ato_ms / 2 + gap_ms);
    } else if (gap_ms > tcb->cold->rto_us / 1000) {
        more_quick(tcb, TCP_QUICK_ACKS);
    }
    if (in->seg.len < tcb->rcv_mss)
        tcb->delack |= (tcb->delack & DELACK_SHORT) ? DELACK_SHORTS : DELACK_SHORT;
}

static void ack_now(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    tcb->flags |= TCB_ACK_NOW;
    ft_tcb_wake(tcp, tcb);
}

/* Above the least a round trip is long enough: the peer's ACK clock must not run dry. */
static ft_time wait_of(const struct ft_tcb *tcb)
{
    ft_time wait = tcb->ato_ms * FT_MS;
    ft_time rtt = tcb->cold->srtt_us * FT_US;
    if (rtt && wait > TCP_DELACK)
        wait = FT_MIN(wait, FT_MAX(rtt, TCP_DELACK));
    return wait;
}

static void owe_later(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    ft_time now = tcp->env->now;
    ft_time at = now + wait_of(tcb);
    if ((tcb->flags & TCB_ACK_DELAYED) && tcb->delack_at <= now + tcb->ato_ms * FT_MS / 4) {
        ack_now(tcp, tcb); /* it was about to leave */
        return;
    }
    if (!(tcb->flags & TCB_ACK_DELAYED) || at < tcb->delack_at)
        tcb->delack_at = at;
    tcb->flags |= TCB_ACK_DELAYED;
    ft_tcb_arm(tcp, tcb);
}

/* RFC 5681 4.2; RFC 9293 MUST-40, SHLD-18, SHLD-19: octets count, not segments, so that two full
   segments are acknowledged at once, and short ones when they are more than a full one together. */
void ft_delack_owe(struct ft_tcp *tcp, struct ft_tcb *tcb, bool filled_gap)
{
    bool quick = tcb->quick_acks > 0 && !is_interactive(tcb);
    if (filled_gap || quick || seq_diff(tcb->rcv_nxt, tcb->last_ack_sent) > tcb->rcv_mss)
        ack_now(tcp, tcb);
    else
        owe_later(tcp, tcb);
}

void ft_delack_read(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (!(tcb->flags & TCB_ACK_DELAYED) || ft_ring_len(&tcb->rcv) > 0)
        return;
    if ((tcb->delack & DELACK_SHORTS) || ((tcb->delack & DELACK_SHORT) && !is_interactive(tcb)))
        ack_now(tcp, tcb);
}

void ft_delack_answered(const struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (tcp_now_ms(tcp) - tcb->cold->last_data_ms < tcb->ato_ms)
        set_interactive(tcb, true);
}

void ft_delack_sent(struct ft_tcb *tcb)
{
    bool owed = tcb->flags & (TCB_ACK_NOW | TCB_ACK_DELAYED);
    tcb->flags &= ~(uint32_t)(TCB_ACK_NOW | TCB_ACK_DELAYED);
    tcb->delack &= DELACK_INTERACTIVE;
    tcb->delack_at = FT_TIME_NEVER;
    tcb->last_ack_sent = tcb->rcv_nxt;
    if (!owed || tcb->quick_acks == 0)
        return;
    tcb->quick_acks--;
    if (tcb->quick_acks == 0)
        tcb->ato_ms = ATO_MIN_MS;
}

void ft_delack_handshake(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (!tcb->cold->opts.defer_accept_s && !is_interactive(tcb)) {
        tcb->flags |= TCB_ACK_NOW;
        return;
    }
    ft_delack_quick(tcb, TCP_QUICK_ACKS);
    tcb->flags |= TCB_ACK_DELAYED;
    tcb->delack_at = tcp->env->now + TCP_DELACK_MAX;
    ft_tcb_arm(tcp, tcb);
}

void ft_delack_fired(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    tcb->delack_at = FT_TIME_NEVER;
    if (!(tcb->flags & TCB_ACK_DELAYED))
        return;
    tcb->flags &= ~(uint32_t)TCB_ACK_DELAYED;
    tcb->ato_ms = is_interactive(tcb) ? ATO_MIN_MS : bounded(tcb, 2u * tcb->ato_ms);
    set_interactive(tcb, false); /* no answer has come in time */
    tcp->env->counters.tcp_delayed_acks++;
    ack_now(tcp, tcb);
}

void ft_delack_set(struct ft_tcp *tcp, struct ft_tcb *tcb, bool quick)
{
    set_interactive(tcb, !quick);
    if (quick && (tcb->flags & TCB_ACK_DELAYED))
        ack_now(tcp, tcb);
}

bool ft_delack_get(const struct ft_tcb *tcb)
{
    return !is_interactive(tcb);
}
