/* SPDX-License-Identifier: MIT */
/*
 * The user's calls: RFC 9293 3.10.1 (OPEN) to 3.10.6 (STATUS is info.c), in their order. They
 * answer as Linux's calls do. Moving octets is stream.c.
 */
#include "lifetime.h"
#include "notes.h"
#include "priv.h"
#include "relisten.h"

/* ---- 3.10.1 OPEN ----------------------------------------------------------------------------- */

ft_sock ft_tcp_socket(struct ft_tcp *tcp, int domain)
{
    struct tcp_opts opts;
    ft_tcp_opts_init(tcp, &opts, domain);
    struct ft_tcb *tcb = ft_tcb_new(tcp, &opts);
    if (!tcb)
        return -ENOBUFS;
    ft_sock sock = ft_slot_open(tcp->slots, FT_KIND_TCB, tcb);
    if (sock < 0) {
        ft_tcb_free(tcp, tcb);
        return sock;
    }
    tcb->slot = ft_slot_index(sock);
    return sock;
}

static int check_local(struct ft_tcp *tcp, const struct ft_tcb *tcb,
                       const struct ft_endpoint *endpoint)
{
    bool v4 = addr_is_v4(&endpoint->addr);
    if ((tcb->cold->opts.flags & OPT_V6ONLY) && v4 && (tcb->cold->opts.flags & OPT_IPV6))
        return -EINVAL;
    if (addr_needs_scope(&endpoint->addr) && !endpoint->ifindex)
        return -EINVAL;
    if (endpoint->ifindex && !ft_net_if_exists(tcp->net, endpoint->ifindex))
        return -ENODEV;
    enum ft_addr_class class = ft_addr_classify(tcp->net, &endpoint->addr);
    return class == FT_ADDR_ANY || class == FT_ADDR_LOCAL ? 0 : -EADDRNOTAVAIL;
}

static void fill_name(struct ft_name *name, const struct ft_tcb *tcb,
                      const struct ft_endpoint *endpoint)
{
    uint16_t flags = tcb->cold->opts.flags;
    *name = (struct ft_name){
        .addr = endpoint->addr,
        .owner = (void *)(uintptr_t)tcb,
        .ifindex = addr_needs_scope(&endpoint->addr) ? endpoint->ifindex : tcb->cold->opts.bound_if,
        .protocol = IPPROTO_TCP,
        .ipv6 = flags & OPT_IPV6,
        .v6only = flags & OPT_V6ONLY,
        .reuse_addr = flags & OPT_REUSE_ADDR,
        .reuse_port = flags & OPT_REUSE_PORT,
    };
}

/* MUST-43; the address stays the connection's (MUST-45). */
int ft_tcp_bind(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct sockaddr *addr, socklen_t len)
{
    struct ft_endpoint endpoint;
    int err = ft_endpoint_read(addr, len, tcb->cold->opts.flags & OPT_IPV6, &endpoint);
    if (err)
        return err;
    if (tcb_name(tcb) || tcb_state(tcb) != FT_TCP_CLOSED || (tcb->flags & TCB_DONE))
        return -EINVAL;
    err = check_local(tcp, tcb, &endpoint);
    if (err)
        return err;
    struct tcp_rare *rare = ft_tcb_rare(tcp, tcb);
    struct ft_name *name = rare ? ft_mem_alloc(&tcp->env->mem, sizeof *name) : NULL;
    if (!name)
        return -ENOBUFS;
    fill_name(name, tcb, &endpoint);
    err = ft_name_bind(tcp->names, name, endpoint.port);
    if (err) {
        ft_mem_free(&tcp->env->mem, name, sizeof *name);
        return err;
    }
    rare->name = name;
    tcb->conn.local = name->addr;
    tcb->conn.local_port = name->port;
    if (addr_needs_scope(&name->addr))
        tcb->conn.ifindex = name->ifindex;
    return 0;
}

static int bind_any(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct sockaddr_in6 any6 = {.sin6_family = AF_INET6};
    struct sockaddr_in any4 = {.sin_family = AF_INET};
    if (tcb->cold->opts.flags & OPT_IPV6)
        return ft_tcp_bind(tcp, tcb, (const struct sockaddr *)&any6, sizeof any6);
    return ft_tcp_bind(tcp, tcb, (const struct sockaddr *)&any4, sizeof any4);
}

static uint32_t backlog_of(int backlog)
{
    return backlog < 0 || backlog > TCP_BACKLOG_MAX ? TCP_BACKLOG_MAX : (uint32_t)backlog;
}

/* Passive OPEN: the TCB gives way to a passive socket, which holds the name and no more. It touches
   no connection (MUST-41), and attempts at the same port are none of its business (MUST-42). */
int ft_tcp_listen(struct ft_tcp *tcp, struct ft_tcb *tcb, int backlog)
{
    if (tcb_state(tcb) != FT_TCP_CLOSED || (tcb->flags & TCB_DONE))
        return -EINVAL;
    if (!tcb_name(tcb)) {
        int err = bind_any(tcp, tcb);
        if (err)
            return err;
    }
    struct ft_listener *listener = ft_pool_get(&tcp->listeners);
    if (!listener)
        return -ENOBUFS;
    struct tcp_rare *rare = tcb->cold->rare;
    int err = ft_name_listen(tcp->names, rare->name);
    if (err) {
        ft_pool_put(&tcp->listeners, listener);
        return err;
    }
    listener->name = rare->name;
    listener->name->owner = listener;
    listener->opts = tcb->cold->opts;
    listener->slot = tcb->slot;
    listener->id = ++tcp->listener_ids;
    listener->backlog_max = backlog_of(backlog);
    list_init(&listener->backlog);
    ft_tfo_listen(tcp, listener, tcb);
    listener->auth = rare->auth;
    rare->auth = NULL;
    if (listener->auth)
        listener->auth->current = listener->auth->rnext = NULL;
    ft_slot_set(tcp->slots, tcb->slot, FT_KIND_LISTENER, listener);
    rare->name = NULL;
    tcb->slot = FT_NO_SLOT;
    ft_tcb_free(tcp, tcb);
    return 0;
}

int ft_tcp_listen_again(struct ft_listener *listener, int backlog)
{
    listener->backlog_max = backlog_of(backlog);
    return 0;
}

ft_sock ft_tcp_accept(struct ft_tcp *tcp, struct ft_listener *listener, struct sockaddr *ret_addr,
                      socklen_t *len)
{
    struct ft_tcb *tcb = ft_tcb_first_waiting(listener);
    if (!tcb)
        return -EAGAIN;
    ft_sock sock = ft_slot_open(tcp->slots, FT_KIND_TCB, tcb);
    if (sock < 0)
        return sock;
    ft_tcb_leave_backlog(tcb);
    tcb->slot = ft_slot_index(sock);
    if (ret_addr)
        (void)ft_tcp_peer(tcb, ret_addr, len); /* a peer that is gone already leaves it as it is */
    return sock;
}

/* RFC 9293 MUST-46: no broadcast or multicast; "any" means this host, as on Linux. */
static int check_remote(struct ft_tcp *tcp, const struct ft_tcb *tcb, struct ft_endpoint *peer)
{
    uint16_t flags = tcb->cold->opts.flags;
    if (addr_is_any(&peer->addr)) {
        bool v4 = addr_is_v4(&peer->addr) || !(flags & OPT_IPV6);
        peer->addr = v4 ? addr_v4(0x7f000001) : (struct ft_addr){0, 1};
    }
    if ((flags & OPT_IPV6) && (flags & OPT_V6ONLY) && addr_is_v4(&peer->addr))
        return -ENETUNREACH;
    switch (ft_addr_classify(tcp->net, &peer->addr)) {
    case FT_ADDR_BROADCAST:
        return -EACCES;
    case FT_ADDR_MULTICAST:
    case FT_ADDR_ANY:
        return -ENETUNREACH;
    case FT_ADDR_LOCAL:
    case FT_ADDR_UNICAST:
        break;
    }
    if (addr_needs_scope(&peer->addr) && !peer->ifindex && !tcb->cold->opts.bound_if)
        return -EINVAL;
    return peer->port ? 0 : -EADDRNOTAVAIL;
}

/* Whether the local name is the remote one: only who binds it so connects a socket to itself. */
static bool is_itself(const struct ft_conn *conn)
{
    return conn->local_port == conn->remote_port && addr_eq(&conn->local, &conn->remote);
}

/* An ephemeral port with which the four-tuple is free, or of a connection that is over. */
static int pick_port(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct ft_port_walk walk;
    ft_port_walk_begin(tcp->env, &walk);
    while (ft_port_walk_next(&walk, &tcb->conn.local_port)) {
        if (is_itself(&tcb->conn) || ft_port_named(tcp->names, IPPROTO_TCP, tcb->conn.local_port))
            continue;
        const struct ft_conn *old = ft_table_find(tcp->table, &tcb->conn);
        if (old && !ft_time_wait_may_yield(tcp, old, false))
            continue;
        int err = ft_port_hold(tcp->names, IPPROTO_TCP, &tcb->conn.local, tcb->conn.local_port,
                               tcb->cold->opts.flags & OPT_REUSE_ADDR);
        tcb->flags |= err ? 0 : TCB_PORT_HELD;
        return err;
    }
    tcb->conn.local_port = 0;
    return -EADDRNOTAVAIL;
}

/* The place of the four-tuple in the table, and the numbers that go with it: of one's own (RFC
   6528, RFC 7323 5.4), or those that follow the connection that was there (RFC 6191). */
static int take_place(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct ft_conn *old = ft_table_find(tcp->table, &tcb->conn);
    if (old && ft_time_wait_may_yield(tcp, old, tcb_name(tcb))) {
        ft_time_wait_succeed(tcp, old, tcb);
    } else {
        int err = ft_table_insert(tcp->table, &tcb->conn);
        if (err)
            return err;
        tcb->iss = ft_tcp_isn(tcp, &tcb->conn);
        tcb->cold->ts_offset = ft_tcp_ts_offset(tcp, &tcb->conn);
    }
    tcb->flags |= TCB_IN_TABLE;
    return 0;
}

/* Give the connection its four-tuple and enter it in the table. */
static int name_conn(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_endpoint *peer,
                     const struct ft_path *path)
{
    struct ft_addr old_local = tcb->conn.local;
    tcb->conn.local = path->src; /* MUST-44 */
    tcb->conn.remote = peer->addr;
    tcb->conn.remote_port = peer->port;
    tcb->conn.ifindex = addr_needs_scope(&peer->addr) ? (uint16_t)path->ifindex : 0;
    int err = tcb_name(tcb) ? 0 : pick_port(tcp, tcb);
    if (!err)
        err = take_place(tcp, tcb);
    if (err) {
        ft_tcb_leave_table(tcp, tcb);
        tcb->conn.local = old_local;
        return err == -EADDRINUSE ? -EADDRNOTAVAIL : err;
    }
    return 0;
}

static void start_syn(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_path *path)
{
    tcb->snd_una = tcb->snd_nxt = tcb->snd_max = tcb->snd_up = tcb->recover = tcb->iss;
    ft_notes_begin(tcb);
    tcb->cold->flow_label = ft_tcp_flow_label(tcp, &tcb->conn);
    tcb->peer_mss = tcb_is_v4(tcb) ? TCP_MSS_DEFAULT4 : TCP_MSS_DEFAULT6;
    tcb->rcv_wscale = ft_tcp_wscale_for(tcp, &tcb->cold->opts);
    tcb->rcv_adv = seq_make(0); /* no window has been told; see fill_syn() */
    tcb->busy->progress_at = tcp->env->now;
    ft_tcp_set_mss(tcp, tcb, path->mtu);
    ft_ecn_open(tcp, tcb);
    tcb->flags |= TCB_SYN_OUT | TCB_ACTIVE;
    tcb_enter(tcp, tcb, FT_TCP_SYN_SENT);
    ft_flow_ready(tcp->net, &tcb->flow, path->ifindex);
}

int ft_tcp_connect_answer(struct ft_tcb *tcb)
{
    struct tcp_cold *cold = tcb->cold;
    if (cold->error) {
        int err = cold->error;
        cold->error = 0;
        return -err;
    }
    enum ft_tcp_state state = tcb_state(tcb);
    if (state == FT_TCP_SYN_SENT || state == FT_TCP_SYN_RECEIVED)
        return -EALREADY;
    if (!(tcb->flags & TCB_DONE) && (tcb->flags & TCB_ACTIVE) && !(tcb->flags & TCB_CONN_TOLD)) {
        tcb->flags |= TCB_CONN_TOLD;
        return 0;
    }
    return tcb->flags & TCB_DONE ? -ECONNABORTED : -EISCONN;
}

/* A socket whose attempt failed, or whose connection is over, may try again, as on Linux. Of what
   was it keeps what the user has set, and an error that nobody has read. */
static void begin_again(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct tcp_cold *cold = tcb->cold;
    ft_ring_fini(&tcb->rcv, &tcp->env->chunks);
    ft_ring_init(&tcb->rcv, &tcp->env->chunks);
    ft_tcb_drop_past(tcp, tcb);
    *cold = (struct tcp_cold){.opts = cold->opts,
                              .rare = cold->rare,
                              .error = cold->error,
                              .rto_us = (uint32_t)(TCP_RTO_INIT / FT_US)};
    tcb->flags = 0;
    tcb->retries = tcb->probes = tcb->dupacks = 0;
    tcb->acks_owed = 0;
    tcb->fin_seen = false;
    tcb->ato_ms = tcb->delack = tcb->quick_acks = 0;
    tcb->segs_in = tcb->cc_acked = 0;
    tcb->ssthresh = TCP_SSTHRESH_NONE;
    tcb->rcv_mss = TCP_MSS_DEFAULT4;
    tcb->rack = (struct tcp_rack_keep){0};
    if (tcb->pin)
        tcb->pin->len = 0; /* its octets are of the connection that was */
    if (tcb_tfo(tcb))
        tcb_tfo(tcb)->flags = 0;
    tcb->conn.local = tcb_name(tcb) ? tcb_name(tcb)->addr : addr_any();
    tcb->conn.remote = addr_any();
    tcb->conn.remote_port = 0;
    if (!tcb_name(tcb))
        tcb->conn.local_port = 0;
}

int ft_tcp_open(struct ft_tcp *tcp, struct ft_tcb *tcb, struct ft_endpoint *peer)
{
    struct ft_path path;
    if (tcb->flags & TCB_DONE)
        begin_again(tcp, tcb);
    int err = check_remote(tcp, tcb, peer);
    if (err)
        return err;
    int bound = tcb->cold->opts.bound_if ? tcb->cold->opts.bound_if : peer->ifindex;
    err = ft_path_find(tcp->net, &peer->addr, &tcb->conn.local, bound, &path);
    if (err)
        return err;
    err = ft_auth_connect(tcp, tcb_auth(tcb), &peer->addr);
    if (err)
        return err;
    err = ft_tcb_make_busy(tcp, tcb); /* its round trip is timed */
    if (!err)
        err = name_conn(tcp, tcb, peer, &path);
    if (err) {
        ft_tcb_drop_busy(tcp, tcb);
        return err;
    }
    start_syn(tcp, tcb, &path);
    return -EINPROGRESS;
}

int ft_tcp_connect(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct sockaddr *addr,
                   socklen_t len)
{
    struct ft_endpoint peer;
    struct tcp_cold *cold = tcb->cold;
    if (len >= sizeof addr->sa_family && addr->sa_family == AF_UNSPEC) {
        if (tcb_state(tcb) != FT_TCP_CLOSED) {
            ft_tcp_send_reset(tcp, tcb);
            ft_tcb_kill(tcp, tcb, 0);
        }
        begin_again(tcp, tcb);
        return 0;
    }
    int err = ft_endpoint_read(addr, len, cold->opts.flags & OPT_IPV6, &peer);
    if (err)
        return err;
    if (ft_tfo_deferred(tcb))
        return -EISCONN; /* as Linux */
    if (tcb_state(tcb) != FT_TCP_CLOSED || cold->error)
        return ft_tcp_connect_answer(tcb);
    if (tcb->flags & TCB_DONE)
        begin_again(tcp, tcb);
    err = check_remote(tcp, tcb, &peer);
    if (err)
        return err;
    return ft_tfo_defers(tcp, tcb, &peer) ? 0 : ft_tcp_open(tcp, tcb, &peer);
}

/* ---- 3.10.4 CLOSE ---------------------------------------------------------------------------- */

/* FIN follows what is queued. */
static void close_sending(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (tcb->flags & TCB_SND_SHUT)
        return;
    tcb->flags |= TCB_SND_SHUT | TCB_FIN_QUEUED;
    switch (tcb_state(tcb)) {
    case FT_TCP_ESTABLISHED:
        tcb_enter(tcp, tcb, FT_TCP_FIN_WAIT_1);
        break;
    case FT_TCP_CLOSE_WAIT:
        tcb_enter(tcp, tcb, FT_TCP_LAST_ACK);
        break;
    case FT_TCP_SYN_RECEIVED: /* the FIN waits for the handshake */
    case FT_TCP_SYN_SENT:
    case FT_TCP_FIN_WAIT_1:
    case FT_TCP_FIN_WAIT_2:
    case FT_TCP_TIME_WAIT:
    case FT_TCP_CLOSED:
    case FT_TCP_LAST_ACK:
    case FT_TCP_LISTEN:
    case FT_TCP_CLOSING:
        break;
    }
    ft_tcb_wake(tcp, tcb);
}

int ft_tcp_shutdown(struct ft_tcp *tcp, struct ft_tcb *tcb, int how)
{
    enum ft_tcp_state state = tcb_state(tcb);
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
        return -EINVAL;
    if (state == FT_TCP_CLOSED)
        return -ENOTCONN;
    if (state == FT_TCP_SYN_SENT) {
        /* As Linux: the attempt is given up. */
        ft_tcb_kill(tcp, tcb, 0);
        return 0;
    }
    if (how != SHUT_RD)
        close_sending(tcp, tcb);
    if (how != SHUT_WR) {
        tcb->flags |= TCB_RCV_SHUT;
        ft_tcb_raise(tcp, tcb, FT_READABLE | FT_RDHUP);
    }
    if ((tcb->flags & TCB_SND_SHUT) && (tcb->flags & TCB_RCV_SHUT))
        ft_tcb_raise(tcp, tcb, FT_HANGUP | FT_WRITABLE);
    else if (tcb->flags & TCB_SND_SHUT)
        ft_tcb_raise(tcp, tcb, FT_WRITABLE);
    return 0;
}

/* Whether close() must be a reset: octets that nobody will read, or SO_LINGER {1, 0}. */
static bool close_resets(const struct ft_tcb *tcb)
{
    const struct tcp_opts *opts = &tcb->cold->opts;
    if ((opts->flags & OPT_LINGER) && opts->linger_s == 0)
        return true;
    return ft_ring_len(&tcb->rcv) > 0; /* SHLD-3 */
}

static void forget_slot(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (tcb->pin) {
        /* What was pinned stays until ft_unpin(); the descriptor answers nothing else. */
        tcb->pin->index = tcb->slot;
        ft_slot_set(tcp->slots, tcb->slot, FT_KIND_CLOSED, tcb->pin);
        ft_ready_watch(tcp->slots, tcb->slot, 0, NULL, 0);
        tcb->pin = NULL;
    } else {
        ft_slot_close(tcp->slots, tcb->slot);
    }
    tcb->slot = FT_NO_SLOT;
}

void ft_tcp_abort(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    forget_slot(tcp, tcb);
    if (tcb_state(tcb) == FT_TCP_CLOSED) {
        ft_tcb_free(tcp, tcb);
        return;
    }
    ft_tcp_send_reset(tcp, tcb);
    ft_tcb_kill(tcp, tcb, 0);
}

void ft_tcp_close(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    enum ft_tcp_state state = tcb_state(tcb);
    if (!tcb_synchronized(tcb) && state != FT_TCP_SYN_RECEIVED) {
        forget_slot(tcp, tcb);
        if (state == FT_TCP_CLOSED)
            ft_tcb_free(tcp, tcb);
        else
            ft_tcb_kill(tcp, tcb, 0);
        return;
    }
    if (close_resets(tcb)) {
        ft_tcp_abort(tcp, tcb);
        return;
    }
    close_sending(tcp, tcb);
    forget_slot(tcp, tcb);
    tcb->flags |= TCB_RCV_SHUT | TCB_ORPHAN;
    tcp->n_orphans++;
    tcb->keep_at = FT_TIME_NEVER;
    if (tcb_state(tcb) == FT_TCP_FIN_WAIT_2 && !ft_orphan_waits(tcp, tcb))
        return;
    ft_tcb_count_unfinished(tcp, tcb);
    if (tcp->n_orphans > tcp->env->config.limits.orphans_max) {
        tcp->env->counters.tcp_orphans_killed++; /* */
        ft_tcp_send_reset(tcp, tcb);
        ft_tcb_kill(tcp, tcb, 0);
    }
}

/* Reset what waits in the backlog. Embryos find out when their timer fires or a segment comes. */
static void drop_backlog(struct ft_tcp *tcp, struct ft_listener *listener)
{
    struct ft_tcb *tcb;
    while ((tcb = ft_tcb_first_waiting(listener))) {
        ft_tcb_leave_backlog(tcb);
        if (tcb_state(tcb) == FT_TCP_CLOSED) {
            ft_tcb_free(tcp, tcb);
            continue;
        }
        ft_tcp_send_reset(tcp, tcb);
        ft_tcb_kill(tcp, tcb, 0);
    }
    ft_assert(listener->n_backlog == 0);
}

int ft_tcp_listener_end(struct ft_tcp *tcp, struct ft_listener *listener)
{
    struct ft_tcb *tcb = ft_tcb_new(tcp, &listener->opts);
    if (!tcb)
        return -ENOBUFS;
    struct tcp_rare *rare = ft_tcb_rare(tcp, tcb);
    if (!rare) {
        ft_tcb_free(tcp, tcb);
        return -ENOBUFS;
    }
    drop_backlog(tcp, listener);
    *rare = (struct tcp_rare){.tfo = listener->tfo, .auth = listener->auth, .name = listener->name};
    rare->name->owner = tcb;
    ft_name_unlisten(tcp->names, rare->name);
    tcb->conn.local = rare->name->addr;
    tcb->conn.local_port = rare->name->port;
    tcb->slot = listener->slot;
    ft_slot_set(tcp->slots, tcb->slot, FT_KIND_TCB, tcb);
    ft_pool_put(&tcp->listeners, listener);
    ft_tcb_raise(tcp, tcb, FT_READABLE | FT_WRITABLE | FT_HANGUP | FT_RDHUP);
    return 0;
}

void ft_tcp_listener_close(struct ft_tcp *tcp, struct ft_listener *listener)
{
    ft_slot_close(tcp->slots, listener->slot);
    drop_backlog(tcp, listener);
    ft_relisten_closed(tcp, listener->name);
    ft_name_release(tcp->names, listener->name);
    ft_mem_free(&tcp->env->mem, listener->name, sizeof *listener->name);
    if (listener->tfo)
        ft_pool_put(&tcp->tfos, listener->tfo);
    ft_auth_free(tcp, &listener->auth);
    ft_pool_put(&tcp->listeners, listener);
}
