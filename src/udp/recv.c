/* SPDX-License-Identifier: MIT */
/*
 * Datagrams coming in: verified, given to the socket of their four-tuple, else of their name, else
 * to nobody; kept, by their true size, until they are read. And the ICMP errors that come back.
 * RFC 768, RFC 1122 4.1.3, RFC 8200 8.1; attacks.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/addr.h"
#include "wire/udp.h"

#include "priv.h"

/* What UDP_GRO reads as one: octets at most. */
#define MERGED_MAX ((size_t)65535)

/* ---- input ------------------------------------------------------------------------------------
 */

/* Copies a datagram into the queue of a socket. */
static enum ft_verdict deliver(struct ft_udp *udp, struct ft_udp_sock *sock, const struct ft_rx *rx,
                               const struct udp_hdr *hdr)
{
    uint32_t len = hdr->len - (uint32_t)UDP_HDR_LEN;
    size_t room = sizeof(struct udp_rx_dgram) + len;
    uint32_t size = (uint32_t)room + UDP_ALLOC_COST;
    struct udp_rx_dgram *dgram;

    /* One datagram always fits, or a small buffer would be deaf for large ones. */
    if (sock->rx_size > 0 &&
        (sock->rx_size > sock->rx_max || size > sock->rx_max - sock->rx_size)) {
        sock->drops++;
        udp->env->counters.udp_buffer_full++;
        return FT_RX_DROP_BUFFER;
    }
    dgram = ft_mem_alloc_data(&udp->env->mem, room, FT_MEM_LEAVE);
    if (!dgram) {
        sock->drops++;
        return FT_RX_DROP_MEMORY;
    }
    *dgram = (struct udp_rx_dgram){
        .src = rx->src,
        .dst = rx->dst,
        .len = len,
        .size = size,
        .at = udp->env->now,
        .ifindex = rx->ifindex,
        .src_port = hdr->src_port,
        .ttl = rx->ttl,
        .tos = rx->tos,
    };
    list_init(&dgram->node);
    if (len > 0)
        memcpy(dgram->data, rx->l4 + UDP_HDR_LEN, len);
    list_push_back(&sock->rx, &dgram->node);
    sock->rx_size += size;
    sock->rx_octets += len;
    sock->n_in++;
    sock->octets_in += len;
    udp->env->counters.udp_in++;
    udp->env->counters.steps_octets_copied += len;
    ft_ready_raise(udp->slots, sock->slot, FT_READABLE);
    return FT_RX_DATAGRAM;
}

static struct ft_conn conn_name(const struct ft_addr *local, uint16_t local_port,
                                const struct ft_addr *remote, uint16_t remote_port)
{
    return (struct ft_conn){
        .local = *local,
        .remote = *remote,
        .local_port = local_port,
        .remote_port = remote_port,
    };
}

static bool hears(const struct ft_udp_sock *sock, int ifindex)
{
    return !sock->bound_if || sock->bound_if == ifindex;
}

/* The last socket of a four-tuple that is not bound to another interface. */
static struct ft_udp_sock *find_connected(const struct ft_udp *udp, struct ft_conn *name,
                                          int ifindex, uint64_t *ret_hash)
{
    struct ft_udp_sock *sock;
    struct ft_conn *conn;

    if (addr_needs_scope(&name->local) || addr_needs_scope(&name->remote))
        name->ifindex = (uint16_t)ifindex;
    *ret_hash = ft_table_hash(udp->table, name);
    conn = ft_table_find_hashed(udp->table, name, *ret_hash);
    if (!conn)
        return NULL;
    sock = ft_container_of(conn, struct ft_udp_sock, conn);
    while (sock && !hears(sock, ifindex))
        sock = sock->under;
    return sock;
}

/* Unless it is for a group that the socket does not want to hear. */
static enum ft_verdict deliver_if_heard(struct ft_udp *udp, struct ft_udp_sock *sock,
                                        const struct ft_rx *rx, const struct udp_hdr *hdr)
{
    if (rx->dst_class == FT_ADDR_MULTICAST && !udp_hears_group(sock, &rx->dst, rx->ifindex))
        return FT_RX_NO_SOCKET;
    return deliver(udp, sock, rx, hdr);
}

/* RFC 1122 4.1.3.1 leaves it open; as on Linux each socket that matches gets a copy. */
static enum ft_verdict deliver_to_all(struct ft_udp *udp, struct ft_udp_sock *connected,
                                      const struct ft_rx *rx, const struct udp_hdr *hdr)
{
    enum ft_verdict verdict = FT_RX_NO_SOCKET;
    struct ft_name *name = NULL;

    for (; connected; connected = connected->under) {
        enum ft_verdict one = hears(connected, rx->ifindex)
                                  ? deliver_if_heard(udp, connected, rx, hdr)
                                  : FT_RX_NO_SOCKET;

        verdict = verdict == FT_RX_NO_SOCKET ? one : verdict;
    }
    while ((name = ft_name_match_next(udp->names, IPPROTO_UDP, &rx->dst, hdr->dst_port, rx->ifindex,
                                      name)) != NULL) {
        enum ft_verdict one = deliver_if_heard(udp, name->owner, rx, hdr);

        if (one == FT_RX_DATAGRAM || verdict == FT_RX_NO_SOCKET)
            verdict = one;
    }
    return verdict;
}

void udp_loop_back(struct ft_udp *udp, const struct udp_tx_dgram *dgram, int ifindex)
{
    struct ft_rx rx = {
        .src = dgram->src,
        .dst = dgram->dst,
        .l4 = dgram->l4,
        .l4_contig = dgram->len,
        .l4_len = dgram->len,
        .ttl = dgram->ttl,
        .tos = dgram->tos,
        .ifindex = ifindex,
        .dst_class = addr_is_multicast(&dgram->dst) ? FT_ADDR_MULTICAST : FT_ADDR_BROADCAST,
    };
    struct udp_hdr hdr;
    struct ft_conn conn;
    uint64_t hash;

    if (udp_parse(dgram->l4, dgram->len, &hdr) < 0)
        return;      /* it is ours: it is right */
    if (rx.ttl == 0) /* the default, which net writes */
        rx.ttl = rx.dst_class == FT_ADDR_MULTICAST ? 1 : udp->env->config.ttl;
    conn = conn_name(&rx.dst, hdr.dst_port, &rx.src, hdr.src_port);
    /* Who has no room has none, as on the wire. */
    (void)deliver_to_all(udp, find_connected(udp, &conn, ifindex, &hash), &rx, &hdr);
}

enum ft_verdict ft_udp_input(struct ft_udp *udp, const struct ft_rx *rx)
{
    struct ft_udp_sock *sock;
    struct ft_name *name;
    struct ft_conn conn;
    struct udp_hdr hdr;
    uint64_t hash;

    ft_assert(rx->l4_contig == rx->l4_len); /* net puts datagrams in one piece */
    /* the length is believed between 8 and what IP delivered. A-19: port 0 is nobody's. */
    if (udp_parse(rx->l4, rx->l4_len, &hdr) < 0 || hdr.src_port == 0 || hdr.dst_port == 0)
        return FT_RX_DROP_HEADER;
    /* before anybody is woken. RFC 8200 8.1: over IPv6 there is always a checksum. */
    if (hdr.csum == 0 ? !addr_is_v4(&rx->dst)
                      : !rx->csum_good && !udp_csum_ok(&rx->src, &rx->dst, rx->l4, hdr.len))
        return FT_RX_DROP_CHECKSUM;
    conn = conn_name(&rx->dst, hdr.dst_port, &rx->src, hdr.src_port);
    sock = find_connected(udp, &conn, rx->ifindex, &hash);
    if (rx->dst_class != FT_ADDR_LOCAL)
        return deliver_to_all(udp, sock, rx, &hdr);
    if (!sock) {
        name = ft_name_match(udp->names, IPPROTO_UDP, &rx->dst, hdr.dst_port, rx->ifindex, hash);
        sock = name ? name->owner : NULL;
    }
    if (sock)
        return deliver(udp, sock, rx, &hdr);
    ft_icmp_port_unreachable(udp->net, rx);
    return FT_RX_NO_SOCKET;
}

/* ---- the call ---------------------------------------------------------------------------------
 */

/* Copies octets into the pieces behind the first @skip that they hold. Return: how many went in. */
static size_t copy_out(const struct msghdr *msg, size_t skip, const uint8_t *data, size_t len)
{
    size_t at = 0;

    for (size_t i = 0; i < msg->msg_iovlen && at < len; i++) {
        size_t off = FT_MIN(skip, msg->msg_iov[i].iov_len);
        size_t n = FT_MIN(msg->msg_iov[i].iov_len - off, len - at);

        if (n > 0)
            memcpy((uint8_t *)msg->msg_iov[i].iov_base + off, data + at, n);
        skip -= off;
        at += n;
    }
    return at;
}

static size_t room_of(const struct msghdr *msg)
{
    size_t room = 0;

    for (size_t i = 0; i < msg->msg_iovlen && room < MERGED_MAX; i++)
        room += FT_MIN(msg->msg_iov[i].iov_len, MERGED_MAX);
    return room;
}

static void put_name(const struct ft_udp_sock *sock, const struct ft_endpoint *endpoint,
                     struct msghdr *msg)
{
    if (!msg->msg_name) {
        msg->msg_namelen = 0;
        return;
    }
    ft_endpoint_write(endpoint, sock->ipv6, msg->msg_name, &msg->msg_namelen);
}

static void free_rx(struct ft_udp *udp, struct ft_udp_sock *sock, struct udp_rx_dgram *dgram)
{
    list_remove(&dgram->node);
    sock->rx_size -= dgram->size;
    sock->rx_octets -= dgram->len;
    ft_mem_free(&udp->env->mem, dgram, sizeof(*dgram) + dgram->len);
}

static bool merges(const struct udp_rx_dgram *first, const struct udp_rx_dgram *next)
{
    return next->len > 0 && next->len <= first->len && next->src_port == first->src_port &&
           next->ifindex == first->ifindex && next->tos == first->tos && next->ttl == first->ttl &&
           addr_eq(&next->src, &first->src) && addr_eq(&next->dst, &first->dst);
}

/*
 * UDP_GRO: datagrams of one sender and one size (the last may be shorter) are read as one, as far
 * as there is room for whole ones.
 *
 * Return: octets written, behind those of the first.
 */
static size_t merge(struct ft_udp *udp, struct ft_udp_sock *sock, const struct udp_rx_dgram *first,
                    const struct msghdr *msg)
{
    size_t room = FT_MIN(room_of(msg), MERGED_MAX), at = first->len;

    while (first->node.next != &sock->rx) {
        struct udp_rx_dgram *next = ft_container_of(first->node.next, struct udp_rx_dgram, node);
        uint32_t len = next->len;

        if (!merges(first, next) || len > room - at)
            break;
        at += copy_out(msg, at, next->data, len);
        free_rx(udp, sock, next);
        if (len < first->len)
            break;
    }
    return at - first->len;
}

ssize_t ft_udp_recvmsg(struct ft_udp *udp, struct ft_udp_sock *sock, struct msghdr *msg, int flags)
{
    struct ft_list *node = list_first(&sock->rx);
    struct udp_rx_dgram *dgram;
    struct ft_endpoint from;
    size_t n, len, merged = 0;

    if (flags & MSG_ERRQUEUE)
        return udp_recv_error(udp, sock, msg);
    if (sock->error)
        return udp_take_error(sock);
    if (!node && !(sock->flags & FT_UDP_RECV_SHUT))
        return -EAGAIN;
    msg->msg_flags = 0;
    if (!node) {
        msg->msg_namelen = 0;
        msg->msg_controllen = 0;
        return 0;
    }
    dgram = ft_container_of(node, struct udp_rx_dgram, node);
    len = dgram->len;
    n = copy_out(msg, 0, dgram->data, len);
    if ((sock->flags & FT_UDP_GRO) && !(flags & MSG_PEEK) && n == len && len > 0)
        merged = merge(udp, sock, dgram, msg);
    udp->env->counters.steps_octets_copied += n + merged;
    from = (struct ft_endpoint){.addr = dgram->src, .port = dgram->src_port};
    if (addr_needs_scope(&from.addr))
        from.ifindex = (uint16_t)dgram->ifindex;
    put_name(sock, &from, msg);
    udp_cmsg_write(udp, sock, dgram, merged ? (int)len : 0, msg);
    if (n < len)
        msg->msg_flags |= MSG_TRUNC;
    if (!(flags & MSG_PEEK))
        free_rx(udp, sock, dgram);
    return (ssize_t)((flags & MSG_TRUNC ? len : n) + merged);
}

/* ---- errors -----------------------------------------------------------------------------------
 */

static uint32_t err_size(void)
{
    return (uint32_t)sizeof(struct udp_err) + UDP_ALLOC_COST;
}

static void queue_error(struct ft_udp *udp, struct ft_udp_sock *sock, const struct udp_err *err)
{
    struct udp_err *copy;

    if (sock->rx_size > sock->rx_max || err_size() > sock->rx_max - sock->rx_size)
        return;
    copy = ft_mem_alloc_raw(&udp->env->mem, sizeof(*copy));
    if (!copy)
        return;
    *copy = *err;
    list_init(&copy->node);
    list_push_back(&sock->errs, &copy->node);
    sock->rx_size += err_size();
}

void udp_report(struct ft_udp *udp, struct ft_udp_sock *sock, const struct udp_err *err, bool hard)
{
    uint32_t wants = addr_is_v4(&err->dst) ? FT_UDP_RECVERR : FT_UDP_RECVERR6;

    if (sock->slot == FT_NO_SLOT)
        return;
    if (sock->flags & wants)
        queue_error(udp, sock, err);
    else if (!hard || !(sock->flags & FT_UDP_CONNECTED))
        return;
    sock->error = err->error;
    /* Waiting calls return with the error, so both directions are ready. */
    ft_ready_raise(udp->slots, sock->slot, FT_ERROR | FT_READABLE | FT_WRITABLE);
}

static void free_err(struct ft_udp *udp, struct ft_udp_sock *sock, struct udp_err *err)
{
    list_remove(&err->node);
    sock->rx_size -= err_size();
    ft_mem_free(&udp->env->mem, err, sizeof(*err));
}

ssize_t udp_recv_error(struct ft_udp *udp, struct ft_udp_sock *sock, struct msghdr *msg)
{
    struct ft_list *node = list_pop_front(&sock->errs);
    struct ft_endpoint dst;
    struct udp_err *err;

    if (!node)
        return -EAGAIN;
    err = ft_container_of(node, struct udp_err, node);
    dst = (struct ft_endpoint){.addr = err->dst, .port = err->dst_port};
    if (addr_needs_scope(&dst.addr))
        dst.ifindex = (uint16_t)err->ifindex;
    put_name(sock, &dst, msg);
    msg->msg_flags = MSG_ERRQUEUE;
    udp_cmsg_write_error(err, msg);
    free_err(udp, sock, err);
    /* As on Linux the next record becomes the pending error. */
    node = list_first(&sock->errs);
    sock->error = node ? ft_container_of(node, struct udp_err, node)->error : 0;
    return 0; /* of the datagram nothing was kept */
}

/* Whose error it is: that of the socket which such a datagram would be for. */
static struct ft_udp_sock *find_sender(struct ft_udp *udp, const struct ft_rx *rx)
{
    const struct ft_icmp_err *err = &rx->err;
    struct ft_conn conn = conn_name(&err->src, err->src_port, &err->dst, err->dst_port);
    struct ft_udp_sock *sock;
    struct ft_name *name;
    uint64_t hash;

    if (err->src_port == 0 || err->dst_port == 0)
        return NULL;
    sock = find_connected(udp, &conn, rx->ifindex, &hash);
    if (sock)
        return sock;
    name = ft_name_match(udp->names, IPPROTO_UDP, &err->src, err->src_port, rx->ifindex, hash);
    return name ? name->owner : NULL;
}

bool ft_udp_error(struct ft_udp *udp, const struct ft_rx *rx)
{
    const struct ft_icmp_err *icmp = &rx->err;
    struct ft_udp_sock *sock = find_sender(udp, rx);
    struct udp_err err = {
        .dst = icmp->dst,
        .from = icmp->from,
        .mtu = icmp->mtu,
        .error = icmp->error,
        .ifindex = rx->ifindex,
        .dst_port = icmp->dst_port,
        .type = icmp->type,
        .code = icmp->code,
    };
    bool hard = icmp->hard;

    if (!sock)
        return false;
    if (icmp->error == EMSGSIZE) {
        uint8_t pmtudisc = addr_is_v4(&icmp->dst) ? sock->pmtudisc : sock->pmtudisc6;

        if (pmtudisc <= IP_PMTUDISC_PROBE)
            (void)ft_path_set_mtu(udp->net, &icmp->dst, udp_bound_if(sock), icmp->mtu);
        if (pmtudisc == IP_PMTUDISC_DONT)
            return true;
        hard = true;
    }
    udp_report(udp, sock, &err, hard);
    return true;
}

void udp_errs_drop(struct ft_udp *udp, struct ft_udp_sock *sock)
{
    ft_list_for_each (node, &sock->errs) {
        free_err(udp, sock, ft_container_of(node, struct udp_err, node));
    }
}

void udp_rx_drop_all(struct ft_udp *udp, struct ft_udp_sock *sock)
{
    ft_list_for_each (node, &sock->rx) {
        free_rx(udp, sock, ft_container_of(node, struct udp_rx_dgram, node));
    }
    udp_errs_drop(udp, sock);
    sock->error = 0;
}
