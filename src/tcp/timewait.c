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

/* Both kinds of entries together keep to the limit. */
static struct ft_time_wait *get(struct ft_tcp *tcp, bool more)
{
    uint32_t max = tcp->env->config.limits.time_wait_max;
    if (tcp->time_waits.n_used + tcp->time_waits_more.n_used >= max)
        return NULL;
    return ft_pool_get(more ? &tcp->time_waits_more : &tcp->time_waits);
}

static struct tcp_time_wait_more *more_of(struct ft_time_wait *tw)
{
    return (tw->expires_ms & TW_MORE) ? ft_container_of(tw, struct tcp_time_wait_more, tw) : NULL;
}

static void put(struct ft_tcp *tcp, struct ft_time_wait *tw)
{
    struct tcp_time_wait_more *more = more_of(tw);
    if (more)
        ft_auth_free(tcp, &more->auth);
    ft_pool_put(more ? &tcp->time_waits_more : &tcp->time_waits, tw);
}

static void pop(struct ft_tcp *tcp)
{
    struct ft_time_wait *tw = tcp->tw_head;
    tcp->tw_head = tw->next;
    if (!tcp->tw_head)
        tcp->tw_tail = NULL;
    if (tw->conn.kind)
        ft_time_wait_end(tcp, tw);
    put(tcp, tw);
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

bool ft_time_wait_new(struct ft_tcp *tcp, struct ft_conn *old, struct ft_time_wait *as)
{
    struct tcp_time_wait_more *more = more_of(as);
    struct ft_time_wait *tw = get(tcp, more);
    if (!tw && tcp->tw_head) {
        /* Full: the oldest gives way. It may be the one that is to be replaced. */
        if (&tcp->tw_head->conn == old)
            return false;
        tcp->env->counters.tcp_time_wait_evicted += tcp->tw_head->conn.kind ? 1 : 0;
        pop(tcp);
        tw = get(tcp, more);
    }
    if (!tw)
        return false;
    tw->expires_ms = as->expires_ms;
    if (ft_port_hold(tcp->names, IPPROTO_TCP, &old->local, old->local_port, holds_reuse(as))) {
        put(tcp, tw);
        return false;
    }
    if (more) {
        *more_of(tw) = *more;
        more->auth = NULL; /* the keys are the new one's */
    } else {
        *tw = *as;
    }
    tw->next = NULL;
    tw->conn = *old;
    tw->conn.kind = FT_CONN_TIME_WAIT;
    tw->conn.state = FT_TCP_TIME_WAIT;
    tw->expires_ms =
        ((tcp_now_ms(tcp) + lasts_ms(tcp)) & ~(uint32_t)TW_FLAGS) | (as->expires_ms & TW_FLAGS);
    ft_table_replace(tcp->table, old, &tw->conn);
    push(tcp, tw);
    if (!(as->expires_ms & TW_AWAY))
        tcp->env->counters.tcp_time_waits++;
    return true;
}

/* It holds its port and its place no more, and stays in the queue until its time comes. */
static void retire(struct ft_tcp *tcp, struct ft_time_wait *tw)
{
    ft_port_drop(tcp->names, IPPROTO_TCP, tw->conn.local_port, holds_reuse(tw));
    tw->conn.kind = 0;
    tcp->n_time_wait--;
}

void ft_time_wait_yield(struct ft_tcp *tcp, struct ft_time_wait *tw, struct ft_conn *now)
{
    ft_table_replace(tcp->table, &tw->conn, now);
    retire(tcp, tw);
}

void ft_time_wait_end(struct ft_tcp *tcp, struct ft_time_wait *tw)
{
    ft_assert(tw->conn.kind == FT_CONN_TIME_WAIT);
    ft_table_remove(tcp->table, &tw->conn);
    retire(tcp, tw);
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

/* The entry stands where the connection stood, and has its keys. */
static void take_place(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    bool own = tcb->cold->ts_offset == ft_tcp_ts_offset(tcp, &tcb->conn);
    bool more = tcb_auth(tcb) || ((tcb->flags & TCB_TS) && !own);
    struct tcp_time_wait_more as = {
        .tw.snd_nxt = tcb->snd_nxt,
        .tw.rcv_nxt = tcb->rcv_nxt,
        .tw.ts_recent = tcb->ts_recent,
        .tw.expires_ms = ((tcb->flags & TCB_TS) ? TW_TS : 0u) |
                         ((tcb->cold->opts.flags & OPT_REUSE_ADDR) ? TW_REUSE : 0u) |
                         (more ? TW_MORE : 0u),
        .auth = tcb_auth(tcb),
        .iss = tcb->iss,
        .irs = tcb->irs,
        .ts_offset = tcb->cold->ts_offset,
    };
    if (!ft_time_wait_new(tcp, &tcb->conn, &as.tw))
        return;
    tcb->flags &= ~(uint32_t)TCB_IN_TABLE;
    if (tcb->cold->rare)
        tcb->cold->rare->auth = NULL;
}

void ft_tcp_enter_time_wait(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    ft_metrics_save(tcp, tcb);
    tcb_enter(tcp, tcb, FT_TCP_TIME_WAIT);
    /* The FIN that brought us here is acknowledged at once. */
    uint16_t wnd = (uint16_t)(tcb_rcv_wnd(tcb) >> tcb->rcv_wscale);
    struct ft_tcp_seg seg = {
        .src_port = tcb->conn.local_port,
        .dst_port = tcb->conn.remote_port,
        .seq = tcb->snd_nxt,
        .ack = tcb->rcv_nxt,
        .wnd = wnd,
        .flags = SEG_ACK | ft_ecn_flags(tcb, false),
        .has_ts = tcb->flags & TCB_TS,
        .tsval = tcp_now_ms(tcp) + tcb->cold->ts_offset,
        .tsecr = tcb->ts_recent,
    };
    if (tcb->flags & TCB_ACK_NOW)
        ft_tcp_send_alone(tcp, tcb, &seg);
    take_place(tcp, tcb);
    ft_tcb_kill(tcp, tcb, 0);
}

static uint32_t ts_offset(const struct ft_tcp *tcp, struct ft_time_wait *tw)
{
    const struct tcp_time_wait_more *more = more_of(tw);
    return more ? more->ts_offset : ft_tcp_ts_offset(tcp, &tw->conn);
}

struct tcp_auth *ft_time_wait_keys(struct ft_time_wait *tw, struct tcp_ends *ret_ends)
{
    const struct tcp_time_wait_more *more = more_of(tw);
    *ret_ends = (struct tcp_ends){.conn = &tw->conn};
    if (!more || !more->auth)
        return NULL;
    *ret_ends = (struct tcp_ends){
        .conn = &tw->conn,
        .snd_isn = more->iss,
        .rcv_isn = more->irs,
        .has_snd_isn = true,
        .has_rcv_isn = true,
        .snd_pos = more->auth->snd_pos,
        .rcv_pos = more->auth->rcv_pos,
    };
    return more->auth;
}

/* RFC 6191 at the side that opens, net.ipv4.tcp_tw_reuse: the clock of the timestamps has moved on
   since the last segment, so whoever knows the old connection takes the SYN for a newer one, and
   nothing old passes (PAWS). As on Linux a second must be over where the stack picks the port; who
   names it means it. The clock is read in ms, and the entry is as old as its 16 ms tell. */
bool ft_time_wait_may_yield(const struct ft_tcp *tcp, const struct ft_conn *old, bool named)
{
    enum ft_tw_reuse reuse = (enum ft_tw_reuse)tcp->env->config.tw_reuse;
    if (old->kind != FT_CONN_TIME_WAIT)
        return false;
    const struct ft_time_wait *tw = ft_container_of(old, const struct ft_time_wait, conn);
    if (!(tw->expires_ms & TW_TS) || (tw->expires_ms & TW_AWAY))
        return false;
    bool loopback = addr_is_loopback(&old->local) || addr_is_loopback(&old->remote);
    if (!named && (reuse == FT_TW_REUSE_OFF || (reuse == FT_TW_REUSE_LOOPBACK && !loopback)))
        return false;
    uint32_t begun_ms = (tw->expires_ms & ~(uint32_t)TW_FLAGS) - lasts_ms(tcp);
    return tcp_now_ms(tcp) - begun_ms > (named ? TW_FLAGS + 1u : 1000u + TW_FLAGS);
}

void ft_time_wait_succeed(struct ft_tcp *tcp, struct ft_conn *old, struct ft_tcb *tcb)
{
    struct ft_time_wait *tw = ft_container_of(old, struct ft_time_wait, conn);
    tcb->iss =
        seq_add(tw->snd_nxt, 65535 + 2); /* as Linux: beyond any window that was not scaled */
    tcb->cold->ts_offset = ts_offset(tcp, tw);
    ft_time_wait_yield(tcp, tw, &tcb->conn);
    tcp->env->counters.tcp_time_wait_reused++;
}

static void answer(struct ft_tcp *tcp, struct ft_time_wait *tw)
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
        .tsval = has_ts ? tcp_now_ms(tcp) + ts_offset(tcp, tw) : 0,
        .tsecr = tw->ts_recent,
    };
    struct tcp_signer signer;
    struct tcp_ends ends;
    struct tcp_auth *auth = ft_time_wait_keys(tw, &ends);
    if (ft_auth_prepare(tcp, auth, &ends, &seg, &signer))
        ft_tcp_send_bare(tcp, &tw->conn, &seg, NULL, &signer);
}

/* MAY-2, SHLD-4, RFC 6191: a SYN that is surely newer opens the connection anew. */
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
    *ret_reopen = false;
    if (tw->expires_ms & TW_AWAY)
        return FT_RX_DROP_AWAY;
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
    if (ft_time_wait_new(tcp, &tw->conn, tw))
        retire(tcp, tw);
    return FT_RX_ACTIVE;
}
