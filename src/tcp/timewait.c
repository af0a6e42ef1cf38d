/* SPDX-License-Identifier: MIT */
/*
 * TIME-WAIT (RFC 9293 3.6.1, 3.10.7.4, RFC 1337, RFC 6191): a cache line a connection, in one queue
 * by age with one timer, since all last equally long.
 */
#include "metrics.h"
#include "priv.h"

/* RFC 9293 MUST-13. Deviation: TIME-WAIT lasts 60 s, not 4 min, because Linux's does; under the
   RFC's profile it lasts 4 min. */
static uint32_t lasts_ms(const struct ft_tcp *tcp)
{
    bool rfc = tcp->env->config.profile == FT_PROFILE_RFC;
    return (uint32_t)((rfc ? TCP_TIME_WAIT_RFC : TCP_TIME_WAIT) / FT_MS);
}

static void arm(struct ft_tcp *tcp)
{
    if (!tcp->tw_head)
        return;
    uint32_t left = (tcp->tw_head->expires_ms & ~(uint32_t)TW_FLAGS) - tcp_now_ms(tcp);
    if (left > lasts_ms(tcp) + 2)
        left = 0;
    ft_wheel_arm(&tcp->env->wheel, &tcp->tw_timer, tcp->env->now + left * FT_MS);
}

static void pop(struct ft_tcp *tcp)
{
    struct ft_time_wait *tw = tcp->tw_head;
    tcp->tw_head = tw->next;
    if (!tcp->tw_head)
        tcp->tw_tail = NULL;
    if (tw->conn.kind)
        ft_time_wait_end(tcp, tw);
    ft_pool_put(&tcp->time_waits, tw);
}

static void push(struct ft_tcp *tcp, struct ft_time_wait *tw)
{
    if (tcp->tw_tail)
        tcp->tw_tail->next = tw;
    else
        tcp->tw_head = tw;
    tcp->tw_tail = tw;
    tcp->n_time_wait++;
    if (!ft_timer_armed(&tcp->tw_timer))
        arm(tcp);
}

static bool holds_reuse(const struct ft_time_wait *tw)
{
    return tw->expires_ms & TW_REUSE;
}

bool ft_time_wait_new(struct ft_tcp *tcp, struct ft_conn *old, const struct ft_time_wait *as)
{
    struct ft_time_wait *tw = ft_pool_get(&tcp->time_waits);
    if (!tw && tcp->tw_head) {
        /* Full: the oldest gives way. It may be the one that is to be replaced. */
        if (&tcp->tw_head->conn == old)
            return false;
        tcp->env->counters.tcp_time_wait_evicted += tcp->tw_head->conn.kind ? 1 : 0;
        pop(tcp);
        tw = ft_pool_get(&tcp->time_waits);
    }
    if (!tw)
        return false;
    if (ft_port_hold(tcp->names, IPPROTO_TCP, &old->local, old->local_port, holds_reuse(as))) {
        ft_pool_put(&tcp->time_waits, tw);
        return false;
    }
    *tw = *as;
    tw->next = NULL;
    tw->conn = *old;
    tw->conn.kind = FT_CONN_TIME_WAIT;
    tw->conn.state = FT_TCP_TIME_WAIT;
    tw->expires_ms =
        ((tcp_now_ms(tcp) + lasts_ms(tcp)) & ~(uint32_t)TW_FLAGS) | (as->expires_ms & TW_FLAGS);
    ft_table_replace(tcp->table, old, &tw->conn);
    push(tcp, tw);
    tcp->env->counters.tcp_time_waits++;
    return true;
}

void ft_time_wait_end(struct ft_tcp *tcp, struct ft_time_wait *tw)
{
    ft_assert(tw->conn.kind == FT_CONN_TIME_WAIT);
    ft_table_remove(tcp->table, &tw->conn);
    ft_port_drop(tcp->names, IPPROTO_TCP, tw->conn.local_port, holds_reuse(tw));
    tw->conn.kind = 0;
    tcp->n_time_wait--;
}

void ft_time_wait_timer(struct ft_tcp *tcp)
{
    while (tcp->tw_head) {
        const struct ft_time_wait *tw = tcp->tw_head;
        if (tw->conn.kind &&
            (int32_t)((tw->expires_ms & ~(uint32_t)TW_FLAGS) - tcp_now_ms(tcp)) > 0)
            break;
        pop(tcp);
    }
    arm(tcp);
}

void ft_time_wait_fini(struct ft_tcp *tcp)
{
    while (tcp->tw_head)
        pop(tcp);
    ft_wheel_cancel(&tcp->env->wheel, &tcp->tw_timer);
}

void ft_tcp_enter_time_wait(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    ft_metrics_save(tcp, tcb);
    tcb_enter(tcp, tcb, FT_TCP_TIME_WAIT);
    struct ft_time_wait as = {
        .snd_nxt = tcb->snd_nxt,
        .rcv_nxt = tcb->rcv_nxt,
        .ts_recent = tcb->ts_recent,
        .expires_ms = ((tcb->flags & TCB_TS) ? TW_TS : 0u) |
                      ((tcb->cold->opts.flags & OPT_REUSE_ADDR) ? TW_REUSE : 0u),
    };
    if (ft_time_wait_new(tcp, &tcb->conn, &as))
        tcb->flags &= ~(uint32_t)TCB_IN_TABLE;
    /* The FIN that brought us here is acknowledged at once. */
    uint16_t wnd = (uint16_t)(tcb_rcv_wnd(tcb) >> tcb->rcv_wscale);
    struct ft_tcp_seg seg = {
        .src_port = tcb->conn.local_port,
        .dst_port = tcb->conn.remote_port,
        .seq = tcb->snd_nxt,
        .ack = tcb->rcv_nxt,
        .wnd = wnd,
        .flags = SEG_ACK,
        .has_ts = tcb->flags & TCB_TS,
        .tsval = tcp_now_ms(tcp) + tcb->cold->ts_offset,
        .tsecr = tcb->ts_recent,
    };
    if (tcb->flags & TCB_ACK_NOW)
        ft_tcp_send_bare(tcp, &tcb->conn, &seg, &tcb->cold->opts);
    ft_tcb_kill(tcp, tcb, 0);
}

static void answer(struct ft_tcp *tcp, const struct ft_time_wait *tw)
{
    bool has_ts = tw->expires_ms & TW_TS;
    struct ft_tcp_seg seg = {
        .src_port = tw->conn.local_port,
        .dst_port = tw->conn.remote_port,
        .seq = tw->snd_nxt,
        .ack = tw->rcv_nxt,
        .wnd = 0,
        .flags = SEG_ACK,
        .has_ts = has_ts,
        .tsval = has_ts ? tcp_now_ms(tcp) + ft_tcp_ts_offset(tcp, &tw->conn) : 0,
        .tsecr = tw->ts_recent,
    };
    ft_tcp_send_bare(tcp, &tw->conn, &seg, NULL);
}

/* MAY-2, RFC 6191: a SYN that is surely newer opens the connection anew. */
static bool may_reopen(const struct ft_time_wait *tw, const struct ft_tcp_seg *seg)
{
    if ((seg->flags & (SEG_SYN | SEG_RST | SEG_ACK | SEG_FIN)) != SEG_SYN)
        return false;
    if ((tw->expires_ms & TW_TS) && seg->has_ts)
        return (int32_t)(seg->tsval - tw->ts_recent) > 0;
    return seq_gt(seg->seq, tw->rcv_nxt);
}

/* How often an entry may begin anew: each time leaves a dead one in the queue until it expires, and
   a peer that repeats its FIN must not crowd out the others with them. */
#define RESTART_MS 1000u

static bool may_restart(const struct ft_tcp *tcp, const struct ft_time_wait *tw)
{
    uint32_t left = (tw->expires_ms & ~(uint32_t)TW_FLAGS) - tcp_now_ms(tcp);
    return left + RESTART_MS <= lasts_ms(tcp);
}

enum ft_verdict ft_time_wait_input(struct ft_tcp *tcp, struct ft_time_wait *tw, struct tcp_in *in,
                                   bool listens, bool *ret_reopen)
{
    const struct ft_tcp_seg *seg = &in->seg;
    /* With nobody to take the SYN it would only be the end of the entry. */
    *ret_reopen = listens && may_reopen(tw, seg);
    if (*ret_reopen) {
        in->reopens = true;
        in->old_nxt = tw->snd_nxt;
        ft_time_wait_end(tcp, tw);
        return FT_RX_PASSIVE;
    }
    if (seg->flags & SEG_RST)
        return FT_RX_DROP_SEQUENCE; /* RFC 1337 */
    bool again = (seg->flags & SEG_FIN) && seq_eq(seq_add(seg->seq, seg->len + 1), tw->rcv_nxt);
    /* A pure ACK that fits says nothing new; the rest is old or not for this connection. */
    if (seg->len == 0 && !(seg->flags & (SEG_FIN | SEG_SYN)) && seq_eq(seg->seq, tw->rcv_nxt))
        return FT_RX_ACTIVE;
    if (!again && !ft_icmp_allow(tcp->net, &in->rx->src))
        return FT_RX_DROP_LIMIT;
    answer(tcp, tw);
    if (!again)
        return FT_RX_DROP_SEQUENCE;
    if (!may_restart(tcp, tw))
        return FT_RX_ACTIVE;
    /* A retransmitted FIN restarts the 2 MSL timer: a new entry takes this one's place. */
    if (ft_time_wait_new(tcp, &tw->conn, tw)) {
        ft_port_drop(tcp->names, IPPROTO_TCP, tw->conn.local_port, holds_reuse(tw));
        tw->conn.kind = 0;
        tcp->n_time_wait--;
    }
    return FT_RX_ACTIVE;
}
