/* SPDX-License-Identifier: MIT */
/*
 * The life of a datagram socket: made, bound, connected, shut down, closed. Being connected, it is
 * found by its four-tuple and by no name; else by its name. What goes through it is in send.c and
 * recv.c. RFC 768, RFC 1122 4.1.3.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/addr.h"

#include "priv.h"

/* net.core.rmem_default and wmem_default, if the limits do not say less. */
#define BUFFER_DEFAULT 212992u

/* ---- life -------------------------------------------------------------------------------------
 */

int ft_udp_init(struct ft_udp *udp, struct ft_env *env, struct ft_net *net, struct ft_slots *slots,
                struct ft_names *names)
{
    const struct ft_limits *limits = &env->config.limits;
    uint64_t n_max = (uint64_t)limits->sockets_max + limits->orphans_max;

    *udp = (struct ft_udp){.env = env, .net = net, .slots = slots, .names = names};
    list_init(&udp->all);
    ft_pool_init(&udp->socks, &env->mem, sizeof(struct ft_udp_sock),
                 n_max > UINT32_MAX ? UINT32_MAX : (uint32_t)n_max);
    udp->table = ft_table_new(env, "udp-table");
    if (!udp->table)
        return -ENOMEM; /* ft_udp_fini() frees what there is */
    ft_derive(env->config.seed, "udp-flow-label", udp->flow_key, sizeof(udp->flow_key));
    return 0;
}

static void sock_init(struct ft_udp *udp, struct ft_udp_sock *sock, bool ipv6)
{
    const struct ft_limits *limits = &udp->env->config.limits;

    list_init(&sock->node);
    list_init(&sock->tx);
    list_init(&sock->tx_out);
    list_init(&sock->rx);
    list_init(&sock->errs);
    list_init(&sock->members);
    list_init(&sock->name.node);
    ft_flow_init(&sock->flow, FT_FLOW_UDP);
    sock->ipv6 = ipv6;
    sock->conn.kind = FT_CONN_UDP;
    sock->name.owner = sock;
    sock->name.protocol = IPPROTO_UDP;
    sock->name.ipv6 = ipv6;
    sock->name.addr = ipv6 ? addr_any() : addr_v4(0);
    sock->flags = FT_UDP_MCAST_LOOP | FT_UDP_MCAST_LOOP6 | FT_UDP_MCAST_ALL | FT_UDP_MCAST_ALL6;
    sock->tx_max = FT_MIN(limits->send_buffer, BUFFER_DEFAULT);
    sock->rx_max = FT_MIN(limits->recv_buffer, BUFFER_DEFAULT);
    sock->hops = -1;
    sock->mcast_hops = -1;
    sock->mcast_ttl = 1;
    sock->pmtudisc = IP_PMTUDISC_WANT;
    sock->pmtudisc6 = IPV6_PMTUDISC_WANT;
}

ft_sock ft_udp_new_sock(struct ft_udp *udp, bool ipv6)
{
    struct ft_udp_sock *sock = ft_pool_get(&udp->socks);
    ft_sock fd;

    if (!sock)
        return -ENOBUFS;
    sock_init(udp, sock, ipv6);
    fd = ft_slot_open(udp->slots, FT_KIND_UDP, sock);
    if (fd < 0) {
        ft_pool_put(&udp->socks, sock);
        return fd;
    }
    sock->slot = ft_slot_index(fd);
    list_push_back(&udp->all, &sock->node);
    return fd;
}

void udp_free_if_done(struct ft_udp *udp, struct ft_udp_sock *sock)
{
    if (sock->slot != FT_NO_SLOT || !list_empty(&sock->tx) || !list_empty(&sock->tx_out))
        return;
    ft_assert(sock->tx_size == 0 && sock->rx_size == 0);
    ft_flow_idle(udp->net, &sock->flow);
    list_remove(&sock->node);
    ft_pool_put(&udp->socks, sock);
}

/* ---- the four-tuple table ---------------------------------------------------------------------
 */

static struct ft_udp_sock *sock_of(struct ft_conn *conn)
{
    return ft_container_of(conn, struct ft_udp_sock, conn);
}

/* Several sockets may be connected by one four-tuple; as on Linux the last gets the datagrams. */
static int enter_table(struct ft_udp *udp, struct ft_udp_sock *sock)
{
    int err = ft_table_insert(udp->table, &sock->conn);

    if (err != -EADDRINUSE)
        return err;
    sock->under = sock_of(ft_table_find(udp->table, &sock->conn));
    ft_table_replace(udp->table, &sock->under->conn, &sock->conn);
    return 0;
}

static void leave_table(struct ft_udp *udp, struct ft_udp_sock *sock)
{
    struct ft_udp_sock *top = sock_of(ft_table_find(udp->table, &sock->conn));

    if (top != sock) {
        while (top->under != sock) {
            udp->env->counters.steps_list_nodes++;
            top = top->under;
        }
        top->under = sock->under;
    } else if (sock->under) {
        ft_table_replace(udp->table, &sock->conn, &sock->under->conn);
    } else {
        ft_table_remove(udp->table, &sock->conn);
    }
    sock->under = NULL;
}

/* ---- bind -------------------------------------------------------------------------------------
 */

static int bind_name(struct ft_udp *udp, struct ft_udp_sock *sock, uint16_t port)
{
    sock->name.listening = true;
    return ft_name_bind(udp->names, &sock->name, port);
}

int udp_autobind(struct ft_udp *udp, struct ft_udp_sock *sock)
{
    int err;

    if (sock->name.port != 0)
        return 0;
    err = bind_name(udp, sock, 0);
    return err == -EADDRINUSE ? -EAGAIN : err; /* as Linux when there is no port left */
}

static int check_bind(const struct ft_udp *udp, const struct ft_udp_sock *sock,
                      const struct ft_endpoint *endpoint)
{
    if (endpoint->ifindex && !ft_net_if_exists(udp->net, endpoint->ifindex))
        return -ENODEV;
    if (sock->ipv6 && addr_is_v4(&endpoint->addr) && sock->name.v6only)
        return -EINVAL;
    if (addr_needs_scope(&endpoint->addr) && !endpoint->ifindex && !sock->bound_if)
        return -EINVAL;
    if (sock->flags & FT_UDP_FREEBIND)
        return 0;
    if (ft_addr_classify(udp->net, &endpoint->addr) == FT_ADDR_UNICAST)
        return -EADDRNOTAVAIL;
    return 0;
}

int ft_udp_bind(struct ft_udp *udp, struct ft_udp_sock *sock, const struct sockaddr *addr,
                socklen_t len)
{
    struct ft_name *name = &sock->name;
    struct ft_endpoint endpoint;
    int err = ft_endpoint_read(addr, len, sock->ipv6, &endpoint);

    if (!err)
        err = check_bind(udp, sock, &endpoint);
    if (err)
        return err;
    if (name->port != 0)
        return -EINVAL;
    name->addr = endpoint.addr;
    name->ifindex = (uint16_t)sock->bound_if;
    if (endpoint.ifindex && addr_needs_scope(&endpoint.addr)) {
        name->ifindex = endpoint.ifindex;
        sock->flags |= FT_UDP_SCOPED;
    }
    err = bind_name(udp, sock, endpoint.port);
    if (err) {
        name->addr = sock->ipv6 ? addr_any() : addr_v4(0);
        name->ifindex = (uint16_t)sock->bound_if;
        sock->flags &= ~(uint32_t)FT_UDP_SCOPED;
        return err;
    }
    if (endpoint.port != 0)
        sock->flags |= FT_UDP_PORT_LOCKED;
    return 0;
}

/* ---- connect ----------------------------------------------------------------------------------
 */

int udp_read_peer(const struct ft_udp_sock *sock, const struct sockaddr *addr, socklen_t len,
                  struct ft_endpoint *ret_endpoint)
{
    /* Unlike bind(), an AF_INET6 socket takes an AF_INET peer. */
    bool as_v4 = sock->ipv6 && len >= sizeof(struct sockaddr_in) && addr->sa_family == AF_INET;
    int err = ft_endpoint_read(addr, len, sock->ipv6 && !as_v4, ret_endpoint);

    if (err)
        return err;
    if (addr_is_any(&ret_endpoint->addr)) {
        bool v4 = addr_is_v4(&ret_endpoint->addr);

        ret_endpoint->addr = v4 ? addr_v4(INADDR_LOOPBACK) : (struct ft_addr){.hi = 0, .lo = 1};
    }
    if (addr_is_v4(&ret_endpoint->addr) && sock->name.v6only)
        return as_v4 ? -EAFNOSUPPORT : -ENETUNREACH;
    return 0;
}

int udp_find_path(struct ft_udp *udp, const struct ft_udp_sock *sock, struct udp_dest *dest,
                  struct ft_path *ret_path)
{
    enum ft_addr_class class = ft_addr_classify(udp->net, &dest->addr);
    enum ft_addr_class own = ft_addr_classify(udp->net, &dest->src);
    bool v4 = addr_is_v4(&dest->addr);

    if (own == FT_ADDR_BROADCAST || own == FT_ADDR_MULTICAST)
        dest->src = addr_any(); /* a name to be heard by, and no source */
    if (class == FT_ADDR_BROADCAST && !(sock->flags & FT_UDP_BROADCAST))
        return -EACCES;
    if (class == FT_ADDR_MULTICAST) {
        if (!dest->bound_if)
            dest->bound_if = v4 ? sock->mcast_if : sock->mcast_if6;
        if (v4 && addr_is_any(&dest->src))
            dest->src = sock->mcast_src;
    }
    if (addr_is_any(&dest->src))
        dest->src = addr_any();
    else if (addr_is_v4(&dest->src) != v4)
        return v4 ? -EINVAL : -ENETUNREACH;
    return ft_path_find(udp->net, &dest->addr, &dest->src, dest->bound_if, ret_path);
}

static int dissolve(struct ft_udp *udp, struct ft_udp_sock *sock)
{
    if (!(sock->flags & FT_UDP_CONNECTED))
        return 0;
    leave_table(udp, sock);
    sock->flags &= ~(uint32_t)FT_UDP_CONNECTED;
    memset(&sock->conn, 0, sizeof(sock->conn));
    sock->conn.kind = FT_CONN_UDP;
    /* A port that nobody asked for goes with the peer. */
    if (!(sock->flags & FT_UDP_PORT_LOCKED)) {
        ft_name_release(udp->names, &sock->name);
        return 0;
    }
    return ft_name_listen(udp->names, &sock->name);
}

static struct ft_conn conn_to(const struct ft_udp_sock *sock, const struct ft_endpoint *peer,
                              const struct udp_dest *dest, const struct ft_path *path)
{
    struct ft_conn conn = {
        .local = addr_is_any(&sock->name.addr) ? path->src : sock->name.addr,
        .remote = peer->addr,
        .local_port = sock->name.port,
        .remote_port = peer->port,
        .kind = FT_CONN_UDP,
    };

    if (addr_needs_scope(&peer->addr) || addr_needs_scope(&conn.local))
        conn.ifindex = (uint16_t)(dest->bound_if ? dest->bound_if : path->ifindex);
    return conn;
}

int ft_udp_connect(struct ft_udp *udp, struct ft_udp_sock *sock, const struct sockaddr *addr,
                   socklen_t len)
{
    struct ft_endpoint peer;
    struct ft_path path;
    struct udp_dest dest;
    int err;

    if (!addr || len < sizeof(addr->sa_family))
        return -EINVAL;
    if (addr->sa_family == AF_UNSPEC)
        return dissolve(udp, sock);
    err = udp_read_peer(sock, addr, len, &peer);
    if (err)
        return err;
    dest = (struct udp_dest){
        .addr = peer.addr,
        .src = sock->name.addr,
        .bound_if = udp_bound_if(sock) ? udp_bound_if(sock) : peer.ifindex,
    };
    err = udp_find_path(udp, sock, &dest, &path);
    if (!err)
        err = udp_autobind(udp, sock);
    if (err)
        return err;
    if (sock->flags & FT_UDP_CONNECTED)
        leave_table(udp, sock);
    sock->conn = conn_to(sock, &peer, &dest, &path);
    err = enter_table(udp, sock);
    if (err) {
        sock->flags &= ~(uint32_t)FT_UDP_CONNECTED;
        (void)ft_name_listen(udp->names, &sock->name); /* without memory it hears nothing */
        return err;
    }
    ft_name_unlisten(udp->names, &sock->name);
    sock->flags |= FT_UDP_CONNECTED;
    return 0;
}

/* ---- shutdown and close -----------------------------------------------------------------------
 */

int ft_udp_shutdown(struct ft_udp *udp, struct ft_udp_sock *sock, int how)
{
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
        return -EINVAL;
    if (how != SHUT_WR)
        sock->flags |= FT_UDP_RECV_SHUT;
    if (how != SHUT_RD)
        sock->flags |= FT_UDP_SEND_SHUT;
    ft_ready_raise(udp->slots, sock->slot,
                   ft_udp_ready(sock) & (FT_READABLE | FT_RDHUP | FT_HANGUP));
    /* As on Linux the directions are shut even so. */
    return sock->flags & FT_UDP_CONNECTED ? 0 : -ENOTCONN;
}

void ft_udp_close(struct ft_udp *udp, struct ft_udp_sock *sock)
{
    ft_assert(sock->slot != FT_NO_SLOT);
    ft_slot_close(udp->slots, sock->slot);
    sock->slot = FT_NO_SLOT;
    if (sock->flags & FT_UDP_CONNECTED)
        leave_table(udp, sock);
    sock->flags &= ~(uint32_t)FT_UDP_CONNECTED;
    ft_name_release(udp->names, &sock->name);
    udp_cork_drop(udp, sock);
    udp_groups_leave_all(udp, sock);
    udp_rx_drop_all(udp, sock);
    udp_free_if_done(udp, sock);
}

void ft_udp_fini(struct ft_udp *udp)
{
    ft_list_for_each (node, &udp->all) {
        struct ft_udp_sock *sock = ft_container_of(node, struct ft_udp_sock, node);

        udp_tx_drop_all(udp, sock);
        if (sock->slot != FT_NO_SLOT)
            ft_udp_close(udp, sock);
        else
            udp_free_if_done(udp, sock);
    }
    ft_assert(list_empty(&udp->all));
    ft_pool_fini(&udp->socks);
    ft_table_free(udp->table);
    udp->table = NULL;
}

/* ---- looking ----------------------------------------------------------------------------------
 */

int ft_udp_getname(const struct ft_udp_sock *sock, struct sockaddr *ret_addr, socklen_t *len)
{
    struct ft_endpoint endpoint = {
        .addr = sock->flags & FT_UDP_CONNECTED ? sock->conn.local : sock->name.addr,
        .port = sock->name.port,
    };

    if (addr_needs_scope(&endpoint.addr))
        endpoint.ifindex = sock->flags & FT_UDP_CONNECTED ? sock->conn.ifindex : sock->name.ifindex;
    ft_endpoint_write(&endpoint, sock->ipv6, ret_addr, len);
    return 0;
}

int ft_udp_getpeername(const struct ft_udp_sock *sock, struct sockaddr *ret_addr, socklen_t *len)
{
    struct ft_endpoint endpoint = {.addr = sock->conn.remote, .port = sock->conn.remote_port};

    if (!(sock->flags & FT_UDP_CONNECTED) || sock->conn.remote_port == 0)
        return -ENOTCONN;
    if (addr_needs_scope(&endpoint.addr))
        endpoint.ifindex = sock->conn.ifindex;
    ft_endpoint_write(&endpoint, sock->ipv6, ret_addr, len);
    return 0;
}

int udp_take_error(struct ft_udp_sock *sock)
{
    int err = sock->error;

    sock->error = 0;
    return -err;
}

uint32_t ft_udp_ready(const struct ft_udp_sock *sock)
{
    uint32_t bits = 0;

    if (!list_empty(&sock->rx))
        bits |= FT_READABLE;
    if (sock->flags & FT_UDP_RECV_SHUT)
        bits |= FT_READABLE | FT_RDHUP;
    if ((sock->flags & FT_UDP_RECV_SHUT) && (sock->flags & FT_UDP_SEND_SHUT))
        bits |= FT_HANGUP;
    if (sock->error || !list_empty(&sock->errs))
        bits |= FT_ERROR;
    if (sock->tx_size < sock->tx_max / 2)
        bits |= FT_WRITABLE;
    return bits;
}

void ft_udp_info(const struct ft_udp *udp, const struct ft_udp_sock *sock,
                 struct ft_sock_info *ret_info)
{
    bool connected = (sock->flags & FT_UDP_CONNECTED) != 0;

    *ret_info = (struct ft_sock_info){
        .sock = ft_slot_sock(udp->slots, sock->slot),
        .protocol = IPPROTO_UDP,
        .state = connected ? FT_TCP_ESTABLISHED : FT_TCP_CLOSED,
        .family = sock->ipv6 ? AF_INET6 : AF_INET,
        .local_port = sock->name.port,
        .remote_port = sock->conn.remote_port,
        .local = connected ? sock->conn.local : sock->name.addr,
        .remote = connected ? sock->conn.remote : addr_any(),
        .ifindex = connected && sock->conn.ifindex ? sock->conn.ifindex : sock->name.ifindex,
        .recv_q = sock->rx_octets,
        .send_q = sock->tx_size,
        .ssthresh = UINT32_MAX,
        .octets_sent = sock->octets_out,
        .octets_received = sock->octets_in,
        .segs_out = sock->n_out,
        .segs_in = sock->n_in,
        .user = ft_slot_user(udp->slots, sock->slot),
    };
    if (!connected && !sock->ipv6)
        ret_info->remote = addr_v4(0);
}

void ft_udp_check(const struct ft_udp *udp, const struct ft_udp_sock *sock)
{
    bool connected = (sock->flags & FT_UDP_CONNECTED) != 0;
    uint32_t tx_size = 0, rx_octets = 0, last_seq = 0;

    ft_list_for_each (node, (struct ft_list *)&sock->tx) {
        const struct udp_tx_dgram *dgram = ft_container_of(node, struct udp_tx_dgram, node);

        ft_assert(dgram->queued && dgram->sock == sock && dgram->offset < dgram->len);
        ft_assert(tx_size == 0 || (int32_t)(dgram->seq - last_seq) > 0);
        last_seq = dgram->seq;
        tx_size += dgram->size;
    }
    ft_list_for_each (node, (struct ft_list *)&sock->tx_out) {
        const struct udp_tx_dgram *dgram = ft_container_of(node, struct udp_tx_dgram, node);

        ft_assert(!dgram->queued && dgram->refs > 0);
        tx_size += dgram->size;
    }
    ft_list_for_each (node, (struct ft_list *)&sock->rx) {
        rx_octets += ft_container_of(node, struct udp_rx_dgram, node)->len;
    }
    ft_assert(tx_size == sock->tx_size && rx_octets == sock->rx_octets);
    ft_assert(!list_empty(&sock->tx) || sock->flow.place == FT_FLOW_IDLE ||
              sock->flow.place == FT_FLOW_READY || sock->flow.place == FT_FLOW_WAIT);
    ft_assert(list_empty(&sock->tx) || sock->flow.place != FT_FLOW_IDLE);
    ft_assert(connected || !sock->under);
    ft_assert(!connected || (sock->name.port != 0 && !sock->name.listening));
    ft_assert(!connected || ft_table_find(udp->table, &sock->conn));
    ft_assert(sock->slot != FT_NO_SLOT || (sock->name.port == 0 && list_empty(&sock->rx)));
    ft_assert(sock->slot != FT_NO_SLOT || list_empty(&sock->members));
}
