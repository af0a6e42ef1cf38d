/* SPDX-License-Identifier: MIT */
/*
 * Datagrams going out: copied and summed when the caller hands them over, built into frames when a
 * link asks, in fragments if the path is too narrow, and queued again where they were when a frame
 * was not sent. RFC 768, RFC 1122 4.1.3, RFC 8200 8.1.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/addr.h"
#include "base/hash.h"
#include "base/sum.h"
#include "wire/be.h"
#include "wire/csum.h"
#include "wire/ip.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/udp.h"

#include "priv.h"

#define PAYLOAD4_MAX (65535u - IP4_HDR_LEN - UDP_HDR_LEN)
#define PAYLOAD6_MAX (65535u - UDP_HDR_LEN)

/* Payload that is copied into the frame rather than lent to the link. */
#define COPY_MAX     256u

/* Datagrams that one send is cut into at most (UDP_MAX_SEGMENTS of Linux). */
#define SEGMENTS_MAX 128u

/* ---- the call ---------------------------------------------------------------------------------
 */

/* Octets of all pieces; -EMSGSIZE: more than any datagram has. */
static ssize_t iov_len(const struct msghdr *msg)
{
    size_t len = 0;

    for (size_t i = 0; i < msg->msg_iovlen; i++) {
        if (msg->msg_iov[i].iov_len > PAYLOAD6_MAX - len)
            return -EMSGSIZE;
        len += msg->msg_iov[i].iov_len;
    }
    return (ssize_t)len;
}

/* Where the datagram is for, by the call or by connect(). */
static int read_dest(const struct ft_udp *udp, const struct ft_udp_sock *sock,
                     const struct msghdr *msg, struct udp_dest *ret_dest)
{
    bool connected = (sock->flags & FT_UDP_CONNECTED) != 0;
    const struct sockaddr *name = msg->msg_name;
    struct ft_endpoint peer = {.addr = sock->conn.remote, .port = sock->conn.remote_port};
    const struct ft_addr *own = connected ? &sock->conn.local : &sock->name.addr;
    int err = 0;

    if (sock->ipv6 && name && msg->msg_namelen >= sizeof(name->sa_family) &&
        name->sa_family == AF_UNSPEC)
        name = NULL; /* as Linux has it for IPv6 */
    if (name)
        err = udp_read_peer(sock, name, msg->msg_namelen, &peer);
    else if (!connected)
        err = -EDESTADDRREQ;
    else
        peer.ifindex = sock->conn.ifindex;
    if (err)
        return err == -EAFNOSUPPORT && sock->ipv6 ? -ENETUNREACH : err;
    if (peer.port == 0)
        return -EINVAL;
    *ret_dest = (struct udp_dest){
        .addr = peer.addr,
        .port = peer.port,
        .src = *own,
        .bound_if = udp_bound_if(sock) ? udp_bound_if(sock) : peer.ifindex,
        .ttl = -1,
        .tos = -1,
        .segment = sock->segment,
    };
    err = udp_cmsg_read(msg, ret_dest);
    /* RFC 1122 3.2.1.3: nobody speaks in another's name. */
    if (!err && !addr_is_any(&ret_dest->src) && !addr_eq(&ret_dest->src, own) &&
        ft_addr_classify(udp->net, &ret_dest->src) != FT_ADDR_LOCAL)
        err = -EINVAL;
    return err;
}

/* The hop limit that the socket or the call says; 0: the default; -1: it must not leave. */
static int choose_ttl(const struct ft_udp_sock *sock, const struct udp_dest *dest,
                      const struct ft_path *path)
{
    bool v4 = addr_is_v4(&dest->addr);
    int ttl = dest->ttl;

    if (!v4 && addr_is_multicast(&dest->addr) && addr_scope6(&dest->addr) <= 1 && !path->local)
        return -1; /* RFC 4291 2.7: never beyond the interface */
    if (ttl < 0 && addr_is_multicast(&dest->addr))
        ttl = v4 ? sock->mcast_ttl : sock->mcast_hops;
    else if (ttl < 0)
        return v4 ? sock->ttl : sock->hops < 0 ? 0 : sock->hops == 0 ? -1 : sock->hops;
    if (ttl < 0)
        return 0;
    return ttl == 0 && !path->local ? -1 : ttl; /* to all of this host is not beyond it */
}

/* Whether this host hears what it sends: on loopback it comes back by itself. */
static bool loops(const struct ft_udp *udp, const struct ft_udp_sock *sock,
                  const struct udp_dest *dest, const struct ft_path *path)
{
    uint32_t flag = addr_is_v4(&dest->addr) ? FT_UDP_MCAST_LOOP : FT_UDP_MCAST_LOOP6;

    if (path->local)
        return false;
    if (!addr_is_multicast(&dest->addr))
        return ft_addr_classify(udp->net, &dest->addr) == FT_ADDR_BROADCAST;
    return (sock->flags & flag) && ft_net_in_group(udp->net, path->ifindex, &dest->addr);
}

/* RFC 6437 3: a label for the flow, which tells nothing of the key. */
static uint32_t flow_label(const struct ft_udp *udp, const struct udp_tx_dgram *dgram)
{
    uint8_t octets[36];

    if (addr_is_v4(&dgram->dst))
        return 0;
    addr_store16(octets, &dgram->src);
    addr_store16(octets + 16, &dgram->dst);
    memcpy(octets + 32, dgram->l4, 4);
    return (uint32_t)ft_siphash(udp->flow_key, octets, sizeof(octets)) & 0xfffff;
}

/* Octets of a caller, taken from the front. */
struct pieces {
    const struct iovec *iov;
    size_t off; /* octets of the first that are taken */
};

/* Copies as much payload as there is room for behind the header, and writes the header with its
   checksum. */
static void fill(struct ft_udp *udp, struct udp_tx_dgram *dgram, const struct udp_hdr *ports,
                 struct pieces *from)
{
    struct udp_hdr hdr = {
        .src_port = ports->src_port, .dst_port = ports->dst_port, .len = (uint16_t)dgram->len};
    uint64_t sum = csum_pseudo(&dgram->src, &dgram->dst, IP_PROTO_UDP, dgram->len);
    size_t at = UDP_HDR_LEN;

    while (at < dgram->len) {
        size_t n = FT_MIN(from->iov->iov_len - from->off, dgram->len - at);
        const uint8_t *data = from->iov->iov_base;

        if (n == 0) {
            from->iov++;
            from->off = 0;
            continue;
        }
        sum = ft_sum_add_at(sum, ft_sum_copy(dgram->l4 + at, data + from->off, n, 0), at);
        at += n;
        from->off += n;
    }
    (void)udp_emit(dgram->l4, UDP_HDR_LEN, &hdr);
    hdr.csum = udp_csum_finish(ft_sum(dgram->l4, UDP_HDR_LEN, sum));
    (void)udp_emit(dgram->l4, UDP_HDR_LEN, &hdr);
    dgram->flow_label = flow_label(udp, dgram);
    udp->env->counters.steps_octets_copied += dgram->len;
}

/* What IP_MTU_DISCOVER or IPV6_MTU_DISCOVER says; from IP_PMTUDISC_PROBE on what is known of the
   path does not count, only the link. */
static uint8_t udp_pmtudisc(const struct ft_udp_sock *sock, const struct ft_addr *dst)
{
    return addr_is_v4(dst) ? sock->pmtudisc : sock->pmtudisc6;
}

static struct udp_tx_dgram *new_dgram(struct ft_udp *udp, struct ft_udp_sock *sock,
                                      const struct udp_dest *dest, size_t len)
{
    size_t room = sizeof(struct udp_tx_dgram) + UDP_HDR_LEN + len;
    struct udp_tx_dgram *dgram = ft_mem_alloc_data(&udp->env->mem, room, FT_MEM_LEAVE);
    bool v4 = addr_is_v4(&dest->addr);
    uint8_t pmtudisc = udp_pmtudisc(sock, &dest->addr);

    if (!dgram)
        return NULL;
    *dgram = (struct udp_tx_dgram){
        .sock = sock,
        .src = dest->src,
        .dst = dest->addr,
        .len = (uint32_t)(UDP_HDR_LEN + len),
        .size = (uint32_t)(room + UDP_ALLOC_COST),
        .bound_if = dest->bound_if,
        .tos = dest->tos >= 0 ? (uint8_t)dest->tos
               : v4           ? sock->tos
                              : sock->tclass,
        .may_frag = pmtudisc == IP_PMTUDISC_DONT || pmtudisc > IP_PMTUDISC_PROBE,
        .may_split = pmtudisc < IP_PMTUDISC_DO || pmtudisc > IP_PMTUDISC_INTERFACE,
        .by_link = pmtudisc >= IP_PMTUDISC_PROBE,
        .queued = true,
    };
    list_init(&dgram->node);
    return dgram;
}

static uint32_t ip_hdr_len(const struct ft_addr *dst)
{
    return addr_is_v4(dst) ? IP4_HDR_LEN : IP6_HDR_LEN;
}

int udp_check_send(struct ft_udp_sock *sock, const struct udp_dest *dest,
                   const struct ft_path *path, size_t len)
{
    bool v4 = addr_is_v4(&dest->addr);
    uint8_t pmtudisc = udp_pmtudisc(sock, &dest->addr);
    uint32_t mtu = pmtudisc >= IP_PMTUDISC_PROBE ? path->if_mtu : path->mtu;
    bool may_split = pmtudisc < IP_PMTUDISC_DO || pmtudisc > IP_PMTUDISC_INTERFACE;
    size_t part = dest->segment ? FT_MIN(len, (size_t)dest->segment) : len;

    if (len > (v4 ? PAYLOAD4_MAX : PAYLOAD6_MAX))
        return -EMSGSIZE;
    /* As on Linux, what UDP_SEGMENT cuts is never cut again. */
    if ((!may_split || dest->segment) && ip_hdr_len(&dest->addr) + UDP_HDR_LEN + part > mtu)
        return -EMSGSIZE;
    if (dest->segment && len > (size_t)dest->segment * SEGMENTS_MAX)
        return -EINVAL;
    if (sock->error)
        return udp_take_error(sock);
    if (sock->flags & FT_UDP_SEND_SHUT)
        return -EPIPE;
    return sock->tx_size >= sock->tx_max ? -EAGAIN : 0;
}

static void free_unsent(struct ft_udp *udp, struct ft_list *dgrams)
{
    ft_list_for_each (node, dgrams) {
        struct udp_tx_dgram *dgram = ft_container_of(node, struct udp_tx_dgram, node);

        list_remove(&dgram->node);
        ft_mem_free(&udp->env->mem, dgram, sizeof(*dgram) + dgram->len);
    }
}

/* Makes the datagrams of one send. Return: 0; -ENOBUFS: and there are none. */
static int make_all(struct ft_udp *udp, struct ft_udp_sock *sock, const struct udp_dest *dest,
                    struct pieces *from, size_t len, struct ft_list *ret_dgrams)
{
    struct udp_hdr ports = {.src_port = sock->name.port, .dst_port = dest->port};
    size_t part = dest->segment ? FT_MIN(len, (size_t)dest->segment) : len, at = 0;

    do {
        size_t n = FT_MIN(part, len - at);
        struct udp_tx_dgram *dgram = new_dgram(udp, sock, dest, n);

        if (!dgram) {
            free_unsent(udp, ret_dgrams);
            return -ENOBUFS;
        }
        fill(udp, dgram, &ports, from);
        list_push_back(ret_dgrams, &dgram->node);
        at += n;
    } while (at < len);
    return 0;
}

static void enqueue(struct ft_udp *udp, struct udp_tx_dgram *dgram, int ifindex)
{
    struct ft_udp_sock *sock = dgram->sock;

    list_remove(&dgram->node);
    dgram->seq = sock->tx_seq++;
    sock->tx_size += dgram->size;
    if (sock->flow.place == FT_FLOW_WAIT)
        ft_flow_idle(udp->net, &sock->flow); /* this one may be for somebody else */
    if (list_empty(&sock->tx) || sock->flow.place == FT_FLOW_IDLE)
        ft_flow_ready(udp->net, &sock->flow, ifindex);
    list_push_back(&sock->tx, &dgram->node);
}

int udp_post(struct ft_udp *udp, struct ft_udp_sock *sock, const struct udp_dest *dest,
             const struct iovec *iov, size_t len)
{
    struct pieces from = {.iov = iov};
    struct udp_dest to = *dest;
    struct ft_list dgrams;
    struct ft_path path;
    int err = udp_find_path(udp, sock, &to, &path), ttl;
    bool looped;

    if (err)
        return err;
    ttl = choose_ttl(sock, &to, &path);
    looped = loops(udp, sock, &to, &path);
    if (ttl < 0 && !looped)
        return 0; /* as far as this host, where nobody has joined */
    to.src = path.src;
    list_init(&dgrams);
    err = make_all(udp, sock, &to, &from, len, &dgrams);
    if (err)
        return err;
    ft_list_for_each (node, &dgrams) {
        struct udp_tx_dgram *dgram = ft_container_of(node, struct udp_tx_dgram, node);

        dgram->ttl = ttl < 0 ? 0 : (uint8_t)ttl;
        if (looped)
            udp_loop_back(udp, dgram, path.ifindex);
        if (ttl >= 0)
            enqueue(udp, dgram, path.ifindex);
    }
    free_unsent(udp, &dgrams);
    return 0;
}

static int post_at_once(struct ft_udp *udp, struct ft_udp_sock *sock, const struct udp_dest *dest,
                        const struct msghdr *msg, size_t len)
{
    struct udp_dest to = *dest;
    struct ft_path path;
    int err = udp_find_path(udp, sock, &to, &path);

    if (!err)
        err = udp_check_send(sock, &to, &path, len);
    return err ? err : udp_post(udp, sock, dest, msg->msg_iov, len);
}

ssize_t ft_udp_sendmsg(struct ft_udp *udp, struct ft_udp_sock *sock, const struct msghdr *msg,
                       int flags)
{
    bool more = (flags & MSG_MORE) || (sock->flags & FT_UDP_CORK);
    ssize_t len = iov_len(msg);
    struct udp_dest dest = {.port = 0};
    int err = 0;

    if (flags & MSG_OOB)
        return -EOPNOTSUPP;
    if (len < 0)
        return len;
    if (!sock->cork)
        err = read_dest(udp, sock, msg, &dest);
    if (!err)
        err = udp_autobind(udp, sock);
    if (err)
        return err;
    if (!more && !sock->cork) {
        err = post_at_once(udp, sock, &dest, msg, (size_t)len);
    } else {
        err = udp_cork_add(udp, sock, &dest, msg, (size_t)len);
        if (!err && !more)
            err = udp_cork_push(udp, sock);
    }
    return err ? err : len;
}

/* ---- output -----------------------------------------------------------------------------------
 */

static void free_dgram(struct ft_udp *udp, struct udp_tx_dgram *dgram)
{
    struct ft_udp_sock *sock = dgram->sock;
    bool was_full = sock->tx_size >= sock->tx_max / 2;

    ft_assert(dgram->refs == 0);
    list_remove(&dgram->node);
    sock->tx_size -= dgram->size;
    ft_mem_free(&udp->env->mem, dgram, sizeof(*dgram) + dgram->len);
    if (was_full && sock->tx_size < sock->tx_max / 2)
        ft_ready_raise(udp->slots, sock->slot, FT_WRITABLE);
}

/* No frame of it is to be built any more. */
static void unqueue(struct udp_tx_dgram *dgram)
{
    list_remove(&dgram->node);
    list_push_back(&dgram->sock->tx_out, &dgram->node);
    dgram->queued = false;
}

/* Gives a datagram up. One of which fragments are with the link goes when they come back. */
static void give_up(struct ft_udp *udp, struct udp_tx_dgram *dgram)
{
    dgram->dead = true;
    unqueue(dgram);
    if (dgram->refs == 0)
        free_dgram(udp, dgram);
}

static void fail(struct ft_udp *udp, struct udp_tx_dgram *dgram, int error, uint32_t mtu)
{
    struct ft_udp_sock *sock = dgram->sock;
    struct udp_err err = {
        .dst = dgram->dst,
        .from = dgram->src,
        .dst_port = be16_load(dgram->l4 + 2),
        .error = error,
        .mtu = mtu,
        .local = true,
    };

    give_up(udp, dgram);
    udp_report(udp, sock, &err, false);
}

/* Writes transport header and payload behind the IP header. */
static void put_whole(struct ft_udp *udp, struct udp_tx_dgram *dgram, struct ft_frame *frame)
{
    uint32_t payload = dgram->len - UDP_HDR_LEN;
    bool copy = (frame->flags & FT_FRAME_LINEAR) || payload <= COPY_MAX;
    uint32_t n;

    if (frame->cap - frame->len < dgram->len)
        copy = false;
    n = copy ? dgram->len : UDP_HDR_LEN;
    ft_assert(n <= frame->cap - frame->len); /* ft_output has seen to cap */
    memcpy(frame->buf + frame->len, dgram->l4, n);
    frame->len += n;
    udp->env->counters.steps_octets_copied += n;
    if (n < dgram->len) {
        frame->spans[0] = (struct ft_span){.data = dgram->l4 + n, .len = dgram->len - n};
        frame->n_spans = 1;
    }
    dgram->offset = dgram->len;
}

static struct ft_ip_tx ip_of(const struct udp_tx_dgram *dgram)
{
    return (struct ft_ip_tx){
        .src = dgram->src,
        .dst = dgram->dst,
        .l4_len = dgram->len,
        .flow_label = dgram->flow_label,
        .bound_if = dgram->bound_if,
        .proto = IP_PROTO_UDP,
        .ttl = dgram->ttl,
        .tos = dgram->tos,
        .may_frag = dgram->may_frag,
    };
}

/* @waiter: waits for the neighbour, if it is not known; NULL: nobody does */
static enum ft_tx_result build(struct ft_udp *udp, struct udp_tx_dgram *dgram,
                               const struct ft_path *path, struct ft_flow *waiter,
                               struct ft_frame *frame)
{
    struct ft_ip_tx tx = ip_of(dgram);
    enum ft_tx_result result;

    if (dgram->offset == 0 && ip_hdr_len(&dgram->dst) + dgram->len <= path->mtu) {
        result = ft_ip_begin(udp->net, path, &tx, waiter, frame);
        if (result == FT_TX_READY)
            put_whole(udp, dgram, frame);
        return result;
    }
    if (dgram->offset == 0)
        dgram->frag_id = ft_ip_frag_id(udp->net, &dgram->src, &dgram->dst);
    return ft_ip_fragment(udp->net, path, &tx, dgram->l4, dgram->frag_id, waiter, frame,
                          &dgram->offset);
}

/* Whether a datagram lets those behind it pass while its neighbour is asked for: the last of them
   goes by another one, and nobody is told of an error. A connected socket has one neighbour at a
   time. */
static bool steps_aside(struct ft_udp *udp, const struct udp_tx_dgram *dgram,
                        const struct ft_path *path)
{
    const struct ft_udp_sock *sock = dgram->sock;
    const struct udp_tx_dgram *last = ft_container_of(sock->tx.prev, struct udp_tx_dgram, node);
    struct ft_path other;

    if (dgram->offset > 0 || addr_eq(&last->dst, &dgram->dst) ||
        (sock->flags & (FT_UDP_CONNECTED | FT_UDP_RECVERR | FT_UDP_RECVERR6)))
        return false;
    return !ft_path_find(udp->net, &last->dst, &last->src, last->bound_if, &other) &&
           !addr_eq(&other.next_hop, &path->next_hop);
}

/* It waits among the replies for its neighbour, whose number is bounded. */
static void wait_aside(struct ft_udp *udp, struct udp_tx_dgram *dgram)
{
    struct ft_ip_tx tx = ip_of(dgram);

    (void)ft_ctl_send(udp->net, &tx, dgram->l4); /* no room: it is lost, as any may be */
    give_up(udp, dgram);
}

/* Builds a frame of the first datagram. Return: whether to stop, and if so *ret_built. */
static bool output_first(struct ft_udp *udp, struct udp_tx_dgram *dgram, int ifindex,
                         struct ft_frame *frame, struct ft_udp_sent *ret_sent, bool *ret_built)
{
    struct ft_path path;
    uint32_t offset = dgram->offset;
    int err = ft_path_find(udp->net, &dgram->dst, &dgram->src, dgram->bound_if, &path);
    bool aside;

    *ret_built = false;
    if (err) {
        fail(udp, dgram, -err, 0);
        return false;
    }
    if (path.ifindex != ifindex) {
        ft_flow_ready(udp->net, &dgram->sock->flow, path.ifindex);
        return true;
    }
    if (dgram->by_link)
        path.mtu = path.if_mtu;
    if (!dgram->may_split && ip_hdr_len(&dgram->dst) + dgram->len > path.mtu) {
        fail(udp, dgram, EMSGSIZE, path.mtu);
        return false;
    }
    aside = steps_aside(udp, dgram, &path);
    switch (build(udp, dgram, &path, aside ? NULL : &dgram->sock->flow, frame)) {
    case FT_TX_READY:
        dgram->refs++;
        *ret_sent = (struct ft_udp_sent){.dgram = dgram, .offset = offset};
        *ret_built = true;
        if (dgram->offset == dgram->len)
            unqueue(dgram);
        return true;
    case FT_TX_WAIT:
        if (aside)
            wait_aside(udp, dgram);
        return !aside;
    case FT_TX_FAIL:
        fail(udp, dgram, EHOSTUNREACH, 0);
        return false;
    case FT_TX_FULL:
        fail(udp, dgram, ENOBUFS, 0);
        return false;
    }
    return true;
}

bool ft_udp_output(struct ft_udp *udp, struct ft_udp_sock *sock, int ifindex,
                   struct ft_frame *frame, struct ft_udp_sent *ret_sent)
{
    struct ft_list *node;
    bool built;

    ft_assert(sock->flow.place == FT_FLOW_IDLE);
    while ((node = list_first(&sock->tx)) != NULL) {
        struct udp_tx_dgram *dgram = ft_container_of(node, struct udp_tx_dgram, node);

        if (output_first(udp, dgram, ifindex, frame, ret_sent, &built))
            return built;
    }
    udp_free_if_done(udp, sock);
    return false;
}

/* Queues a datagram again where it was. */
static void requeue(struct ft_udp *udp, struct udp_tx_dgram *dgram)
{
    struct ft_udp_sock *sock = dgram->sock;
    struct ft_list *at = sock->tx.next;

    if (dgram->queued)
        return;
    for (; at != &sock->tx; at = at->next) {
        if ((int32_t)(ft_container_of(at, struct udp_tx_dgram, node)->seq - dgram->seq) > 0)
            break;
        udp->env->counters.steps_list_nodes++;
    }
    list_remove(&dgram->node);
    list_push_back(at, &dgram->node); /* in front of the node at hand */
    dgram->queued = true;
    ft_flow_ready(udp->net, &sock->flow, sock->flow.ifindex);
}

void ft_udp_done(struct ft_udp *udp, const struct ft_udp_sent *sent, bool was_sent)
{
    struct udp_tx_dgram *dgram = sent->dgram;
    struct ft_udp_sock *sock = dgram->sock;

    ft_assert(dgram->refs > 0);
    dgram->refs--;
    if (!was_sent && !dgram->dead) {
        dgram->offset = FT_MIN(dgram->offset, sent->offset);
        requeue(udp, dgram);
    }
    if (dgram->refs > 0 || dgram->queued)
        return;
    if (!dgram->dead) {
        sock->n_out++;
        sock->octets_out += dgram->len - UDP_HDR_LEN;
        udp->env->counters.udp_out++;
    }
    free_dgram(udp, dgram);
    udp_free_if_done(udp, sock);
}

void udp_tx_drop_all(struct ft_udp *udp, struct ft_udp_sock *sock)
{
    list_splice_back(&sock->tx, &sock->tx_out);
    ft_list_for_each (node, &sock->tx) {
        struct udp_tx_dgram *dgram = ft_container_of(node, struct udp_tx_dgram, node);

        dgram->refs = 0;
        free_dgram(udp, dgram);
    }
    ft_flow_idle(udp->net, &sock->flow);
}
