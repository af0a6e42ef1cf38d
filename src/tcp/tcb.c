/* SPDX-License-Identifier: MIT */
/*
 * The life of a TCB: its parts, its place in the table, its timers, and how it ends.
 */
#include "priv.h"

void ft_tcp_opts_init(const struct ft_tcp *tcp, struct tcp_opts *opts, int domain)
{
    const struct ft_limits *limits = &tcp->env->config.limits;
    *opts = (struct tcp_opts){
        .snd_buf = limits->send_buffer,
        .rcv_buf = limits->recv_buffer,
        .max_pacing_rate = UINT32_MAX,
        .rcv_lowat = 1,
        .cc = tcp->cc_default,
        .keep_idle_s = 7200, /* RFC 9293 MUST-28 */
        .keep_intvl_s = 75,
        .keep_cnt = 9,
        .syn_retries = TCP_SYN_RETRIES,
        .flags = domain == AF_INET6 ? OPT_IPV6 : 0,
    };
}

struct ft_tcb *ft_tcb_new(struct ft_tcp *tcp, const struct tcp_opts *opts)
{
    (void)ft_misers_give_way(tcp, NULL);
    struct ft_tcb *tcb = ft_pool_get(&tcp->tcbs);
    if (!tcb)
        return NULL;
    tcb->cold = ft_pool_get(&tcp->colds);
    if (!tcb->cold) {
        ft_pool_put(&tcp->tcbs, tcb);
        return NULL;
    }
    tcb->cold->opts = *opts;
    tcb->cold->rto_us = (uint32_t)(TCP_RTO_INIT / FT_US);
    tcb->keep_at = FT_TIME_NEVER;
    tcb->conn.kind = FT_CONN_TCB;
    tcb->conn.state = FT_TCP_CLOSED;
    tcb->slot = FT_NO_SLOT;
    tcb->retx_at = FT_TIME_NEVER;
    tcb->delack_at = FT_TIME_NEVER;
    tcb->ssthresh = TCP_SSTHRESH_NONE;
    tcb->rcv_mss = TCP_MSS_DEFAULT4;
    ft_ring_init(&tcb->snd, &tcp->env->chunks);
    ft_ring_init(&tcb->rcv, &tcp->env->chunks);
    ft_timer_init(&tcb->timer, FT_TIMER_TCB);
    ft_flow_init(&tcb->flow, FT_FLOW_TCP);
    return tcb;
}

int ft_tcb_make_busy(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (tcb->busy)
        return 0;
    tcb->busy = ft_pool_get(&tcp->busys);
    if (!tcb->busy)
        return -ENOBUFS;
    tcb->busy->tcb = tcb;
    list_init(&tcb->busy->miser.node);
    tcb->busy->spent_on = SPENT_NOTHING;
    tcb->busy->sml = tcb->snd_una;
    tcb->busy->rtt_seq = tcb->busy->rack.fack = tcb->snd_una;
    tcb->busy->progress_at = tcp->env->now;
    tcb->busy->rack.reo_at = tcb->busy->rack.probe_at = tcb->busy->cork_at = FT_TIME_NEVER;
    ft_sent_init(&tcb->busy->sents);
    ft_cc_attach(tcp, tcb);
    return 0;
}

void ft_tcb_drop_busy(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (!tcb->busy)
        return;
    list_remove(&tcb->busy->miser.node);
    ft_spent_end(tcp, tcb);
    ft_spent_repaired(tcp, tcb);
    ft_cc_detach(tcp, tcb);
    ft_sent_fini(tcp, &tcb->busy->sents);
    ft_marks_fini(tcp, &tcb->busy->marks);
    ft_pool_put(&tcp->busys, tcb->busy);
    tcb->busy = NULL;
    tcb->flags &= ~(uint32_t)TCB_TLP;
}

struct tcp_past *ft_tcb_past(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (!tcb->cold->past)
        tcb->cold->past = ft_pool_get(&tcp->pasts);
    return tcb->cold->past;
}

void ft_tcb_drop_past(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (tcb->cold->past)
        ft_pool_put(&tcp->pasts, tcb->cold->past);
    tcb->cold->past = NULL;
    tcb->flags &= ~(uint32_t)TCB_AGAIN;
}

void ft_tcb_leave_table(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (tcb->flags & TCB_IN_TABLE)
        ft_table_remove(tcp->table, &tcb->conn);
    if (tcb->flags & TCB_PORT_HELD)
        ft_port_drop(tcp->names, IPPROTO_TCP, tcb->conn.local_port,
                     tcb->cold->opts.flags & OPT_REUSE_ADDR);
    tcb->flags &= ~(uint32_t)(TCB_IN_TABLE | TCB_PORT_HELD);
}

static void drop_queue(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    /* What ft_reserve() lent is held by its pin. */
    ft_ring_fini(&tcb->snd, &tcp->env->chunks);
    ft_ring_init(&tcb->snd, &tcp->env->chunks);
    ft_tcb_drop_busy(tcp, tcb);
    ft_tcp_drop_gaps(tcp, tcb);
}

void ft_tcb_enter_backlog(struct ft_tcb *tcb, struct ft_listener *listener)
{
    struct tcp_waiting *waiting = &tcb->cold->waiting;
    ft_assert(!(tcb->flags & TCB_QUEUED) && tcb->cold->sending.sent_at == 0);
    *waiting = (struct tcp_waiting){.listener = listener, .tcb = tcb};
    list_push_back(&listener->backlog, &waiting->node);
    listener->n_backlog++;
    tcb->flags |= TCB_QUEUED;
}

struct ft_tcb *ft_tcb_first_waiting(const struct ft_listener *listener)
{
    struct ft_list *node = list_first(&listener->backlog);
    return node ? ft_container_of(node, struct tcp_waiting, node)->tcb : NULL;
}

void ft_tcb_leave_backlog(struct ft_tcb *tcb)
{
    struct tcp_waiting *waiting = &tcb->cold->waiting;
    ft_assert(tcb->flags & TCB_QUEUED);
    list_remove(&waiting->node);
    waiting->listener->n_backlog--;
    tcb->flags &= ~(uint32_t)TCB_QUEUED;
    tcb->cold->sending = (struct tcp_sending){0};
}

struct tcp_rare *ft_tcb_rare(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (!tcb->cold->rare)
        tcb->cold->rare = ft_pool_get(&tcp->rares);
    return tcb->cold->rare;
}

static void drop_rare(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct tcp_rare *rare = tcb->cold->rare;
    if (rare->name) {
        ft_name_release(tcp->names, rare->name);
        ft_mem_free(&tcp->env->mem, rare->name, sizeof *rare->name);
    }
    ft_tfo_drop(tcp, tcb, false);
    ft_ecn_drop(tcp, tcb);
    ft_notes_drop(tcp, tcb);
    ft_auth_free(tcp, &rare->auth);
    ft_pool_put(&tcp->rares, rare);
    tcb->cold->rare = NULL;
}

void ft_tcb_free(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    ft_assert(tcb->slot == FT_NO_SLOT);
    ft_tcb_leave_table(tcp, tcb);
    if (tcb->flags & TCB_QUEUED)
        ft_tcb_leave_backlog(tcb);
    drop_queue(tcp, tcb);
    if (tcb->pin)
        ft_tcp_pin_free(tcp, tcb->pin);
    ft_ring_fini(&tcb->snd, &tcp->env->chunks);
    ft_ring_fini(&tcb->rcv, &tcp->env->chunks);
    ft_wheel_cancel(&tcp->env->wheel, &tcb->timer);
    ft_flow_idle(tcp->net, &tcb->flow);
    if (tcb->flags & TCB_ORPHAN)
        tcp->n_orphans--;
    if (tcb->flags & TCB_UNFINISHED)
        tcp->n_unfinished--;
    ft_tcb_drop_past(tcp, tcb);
    if (tcb->cold->rare)
        drop_rare(tcp, tcb);
    ft_pool_put(&tcp->colds, tcb->cold);
    ft_pool_put(&tcp->tcbs, tcb);
}

void ft_tcb_kill(struct ft_tcp *tcp, struct ft_tcb *tcb, int error)
{
    if (tcb_early(tcb))
        ft_tfo_drop(tcp, tcb, error != 0);
    if (tcb_state(tcb) != FT_TCP_CLOSED)
        tcb_enter(tcp, tcb, FT_TCP_CLOSED);
    ft_tcb_leave_table(tcp, tcb);
    drop_queue(tcp, tcb);
    ft_flow_idle(tcp->net, &tcb->flow);
    ft_wheel_cancel(&tcp->env->wheel, &tcb->timer);
    tcb->retx_at = tcb->delack_at = FT_TIME_NEVER;
    tcb->keep_at = FT_TIME_NEVER;
    tcb->flags &= ~(uint32_t)(TCB_ACK_NOW | TCB_ACK_DELAYED | TCB_SYN_OUT | TCB_RETX_UNA |
                              TCB_PROBE | TCB_KEEPALIVE | TCB_PERSIST);
    tcb->acks_owed = 0;
    tcb->flags |= TCB_DONE | TCB_RCV_SHUT | TCB_SND_SHUT;
    if (tcb->slot == FT_NO_SLOT && !(tcb->flags & TCB_QUEUED)) {
        ft_tcb_free(tcp, tcb);
        return;
    }
    tcb->cold->error = (int16_t)error;
    uint32_t bits = FT_READABLE | FT_WRITABLE | FT_HANGUP | FT_RDHUP;
    ft_tcb_raise(tcp, tcb, error ? bits | FT_ERROR : bits);
}

/* There is no way to the peer now. Nobody says when there is one again: the timer tries. */
static void try_later(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    bool fin = (tcb->flags & TCB_FIN_QUEUED) && !(tcb->flags & TCB_FIN_ACKED);
    if (tcb->retx_at != FT_TIME_NEVER || (ft_ring_len(&tcb->snd) == 0 && !fin))
        return;
    tcb->retx_at = ft_tcb_rto_at(tcp, tcb);
    ft_tcb_arm(tcp, tcb);
}

void ft_tcb_wake(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct ft_path path;
    if (tcb->flow.ifindex) {
        ft_flow_ready(tcp->net, &tcb->flow, tcb->flow.ifindex);
        return;
    }
    int err = ft_path_find(tcp->net, &tcb->conn.remote, &tcb->conn.local, tcb_bound_if(tcb), &path);
    if (err) {
        tcb->cold->soft_error = (int16_t)-err;
        try_later(tcp, tcb);
    } else {
        ft_flow_ready(tcp->net, &tcb->flow, path.ifindex);
    }
}

void ft_tcb_trace(const struct ft_tcp *tcp, const struct ft_tcb *tcb, struct ft_trace_event *event)
{
    event->sock = ft_slot_sock(tcp->slots, tcb->slot);
    event->local = tcb->conn.local;
    event->remote = tcb->conn.remote;
    event->local_port = tcb->conn.local_port;
    event->remote_port = tcb->conn.remote_port;
    ft_env_trace(tcp->env, event);
}

void ft_tcb_raise(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t bits)
{
    if (tcb->slot != FT_NO_SLOT)
        ft_ready_raise(tcp->slots, tcb->slot, bits);
}

void ft_tcb_arm(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    ft_time at = FT_MIN(tcb->retx_at, tcb->delack_at);
    at = FT_MIN(at, tcb->keep_at);
    if (tcb->busy) {
        at = FT_MIN(at, FT_MIN(tcb->busy->cc.pace_wake, tcb->busy->cork_at));
        at = FT_MIN(at, FT_MIN(tcb->busy->rack.reo_at, tcb->busy->rack.probe_at));
    }
    /* A deadline that moved later costs nothing: the timer fires and finds nothing due. */
    if (at < ft_timer_at(&tcb->timer))
        ft_wheel_arm(&tcp->env->wheel, &tcb->timer, at);
}

ft_time ft_tcb_rto_at(const struct ft_tcp *tcp, const struct ft_tcb *tcb)
{
    ft_time now = tcp->env->now;
    ft_time at = now + ft_tcp_rto(tcb, tcb->retries);
    ft_time max = tcb->cold->opts.user_timeout_ms * FT_MS;
    if (!max || !tcb->busy)
        return at;
    return FT_MIN(at, FT_MAX(tcb->busy->progress_at + max, now + FT_MS));
}

void ft_tcb_restart_rto(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    tcb->flags &= ~(uint32_t)TCB_PERSIST;
    if (tcb_flight(tcb) == 0) {
        tcb->retx_at = FT_TIME_NEVER;
        return;
    }
    tcb->retx_at = ft_tcb_rto_at(tcp, tcb);
    ft_tcb_arm(tcp, tcb);
}

/* RFC 9293 3.8.4, MUST-24 to MUST-28. */
void ft_tcb_restart_keepalive(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (tcb->slot == FT_NO_SLOT && !(tcb->flags & TCB_QUEUED))
        return; /* keep_at is the end of FIN-WAIT-2 */
    if (!(tcb->cold->opts.flags & OPT_KEEPALIVE) || !tcb_synchronized(tcb)) {
        tcb->keep_at = FT_TIME_NEVER;
        return;
    }
    ft_time idle = tcb->probes ? tcb->cold->opts.keep_intvl_s : tcb->cold->opts.keep_idle_s;
    tcb->keep_at = tcp->env->now + idle * FT_SEC;
    ft_tcb_arm(tcp, tcb);
}

void ft_tcb_count_unfinished(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    bool unfinished = (tcb->flags & TCB_ORPHAN) && !(tcb->flags & TCB_FIN_ACKED) &&
                      tcb_state(tcb) != FT_TCP_CLOSED;
    if (unfinished == !!(tcb->flags & TCB_UNFINISHED))
        return;
    tcb->flags ^= TCB_UNFINISHED;
    tcp->n_unfinished += unfinished ? 1 : UINT32_MAX;
}

/* Nobody has it who could send: what lies where it waits is not written meanwhile. */
static void check_waiting(const struct ft_tcb *tcb)
{
    ft_assert(tcb->slot == FT_NO_SLOT);
    ft_assert(tcb->cold->waiting.tcb == tcb);
    ft_assert(tcb->cold->waiting.listener && list_linked(&tcb->cold->waiting.node));
    ft_assert(ft_ring_len(&tcb->snd) == 0 && !(tcb->flags & TCB_FIN_QUEUED));
}

void ft_tcb_check(const struct ft_tcb *tcb, bool all)
{
    ft_assert(tcb->conn.kind == FT_CONN_TCB);
    ft_assert(tcb->cold != NULL);
    if (tcb->flags & TCB_QUEUED)
        check_waiting(tcb);
    if (tcb_state(tcb) == FT_TCP_CLOSED) {
        ft_assert(!(tcb->flags & TCB_IN_TABLE));
        ft_assert(tcb->retx_at == FT_TIME_NEVER);
        return;
    }
    ft_assert(tcb->flags & TCB_IN_TABLE);
    ft_assert(seq_le(tcb->snd_una, tcb->snd_nxt));
    ft_assert(seq_le(tcb->snd_nxt, tcb->snd_max));
    ft_assert(!tcb_synchronized(tcb) || seq_eq(tcb->snd_nxt, tcb->snd_max));
    ft_assert(tcb_flight(tcb) <= ft_ring_len(&tcb->snd) + 2);
    ft_assert(tcb->snd_mss > 0);
    ft_assert(!tcb_synchronized(tcb) || tcb->cwnd >= tcb->snd_mss);
    ft_assert(!(tcb->gaps && tcb->gaps->ranges.n == 0));
    ft_assert(!tcb->gaps || seq_gt(tcb->gaps->ranges.r[0].lo, tcb->rcv_nxt));
    if (tcb->busy)
        ft_sent_check(tcb, all);
    ft_assert(!tcb->busy || tcb->busy->tcb == tcb);
    ft_assert(!tcb->busy || !list_linked(&tcb->busy->miser.node) || ft_ring_len(&tcb->snd) > 0);
    /* Something is out or waits for a window: a timer watches over it. */
    bool waits = tcb_flight(tcb) > 0 || (tcb->flags & TCB_PERSIST);
    ft_assert(!waits || tcb->retx_at != FT_TIME_NEVER || tcb->flow.place != FT_FLOW_IDLE);
    ft_time at = FT_MIN(tcb->retx_at, tcb->delack_at);
    ft_assert(at == FT_TIME_NEVER || ft_timer_armed(&tcb->timer));
}
