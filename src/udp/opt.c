/* SPDX-License-Identifier: MIT */
/*
 * The options of a datagram socket, with Linux's names, values and errors. What is not listed here
 * answers -ENOPROTOOPT, as Linux does for what it does not know.
 */
#define _GNU_SOURCE /* SO_BINDTODEVICE */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#include "base/addr.h"
#include "sock/cmsg.h"
#include "sock/opt.h"
#include "wire/be.h"

#include "priv.h"

#define RCVBUF_MIN 2304 /* SOCK_MIN_RCVBUF of Linux on 64 bits */
#define SNDBUF_MIN 4608 /* SOCK_MIN_SNDBUF */

/* Options that are one bit of flags. */
struct bit_option {
    int level, name;
    uint32_t flag;
    bool strict; /* 0 and 1 are all that it may be */
};

static const struct bit_option bit_options[] = {
    {SOL_SOCKET, SO_BROADCAST, FT_UDP_BROADCAST, false},
    {IPPROTO_IP, IP_PKTINFO, FT_UDP_PKTINFO, false},
    {IPPROTO_IP, IP_RECVTTL, FT_UDP_RECVTTL, false},
    {IPPROTO_IP, IP_RECVTOS, FT_UDP_RECVTOS, false},
    {IPPROTO_IP, IP_RECVERR, FT_UDP_RECVERR, false},
    {IPPROTO_IP, IP_MULTICAST_LOOP, FT_UDP_MCAST_LOOP, false},
    {IPPROTO_IP, IP_MULTICAST_ALL, FT_UDP_MCAST_ALL, true},
    {IPPROTO_IP, IP_FREEBIND, FT_UDP_FREEBIND, false},
    {IPPROTO_IPV6, IPV6_RECVPKTINFO, FT_UDP_PKTINFO6, false},
    {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, FT_UDP_RECVHOPS, false},
    {IPPROTO_IPV6, IPV6_RECVTCLASS, FT_UDP_RECVTCLASS, false},
    {IPPROTO_IPV6, IPV6_RECVERR, FT_UDP_RECVERR6, false},
    {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, FT_UDP_MCAST_LOOP6, true},
    {IPPROTO_IPV6, IPV6_MULTICAST_ALL, FT_UDP_MCAST_ALL6, false},
    {IPPROTO_IPV6, IPV6_FREEBIND, FT_UDP_FREEBIND, false},
    {IPPROTO_UDP, UDP_CORK, FT_UDP_CORK, false},
    {IPPROTO_UDP, UDP_GRO, FT_UDP_GRO, false},
};

static const struct bit_option *find_bit(int level, int name)
{
    for (size_t i = 0; i < FT_ARRAY_LEN(bit_options); i++)
        if (bit_options[i].level == level && bit_options[i].name == name)
            return &bit_options[i];
    return NULL;
}

/* ---- SOL_SOCKET -------------------------------------------------------------------------------
 */

static void set_device(struct ft_udp *udp, struct ft_udp_sock *sock, int ifindex)
{
    bool listening = sock->name.listening;

    if (sock->name.port != 0)
        ft_name_unlisten(udp->names, &sock->name);
    sock->bound_if = ifindex;
    sock->flags &= ~(uint32_t)FT_UDP_SCOPED;
    sock->name.ifindex = (uint16_t)ifindex;
    if (sock->name.port != 0 && listening)
        (void)ft_name_listen(udp->names, &sock->name); /* without memory it hears nothing */
}

static int set_bindtodevice(struct ft_udp *udp, struct ft_udp_sock *sock, const void *value,
                            socklen_t len)
{
    char name[FT_IF_NAME_MAX] = {0};
    int ifindex = 0;

    if (len > INT32_MAX)
        return -EINVAL;
    if (len > 0 && !value)
        return -EFAULT;
    if (len > 0)
        memcpy(name, value, FT_MIN((size_t)len, sizeof(name) - 1));
    if (name[0]) {
        ifindex = ft_net_if_named(udp->net, name);
        if (ifindex <= 0)
            return -ENODEV;
    }
    set_device(udp, sock, ifindex);
    return 0;
}

static int get_bindtodevice(const struct ft_udp *udp, const struct ft_udp_sock *sock,
                            void *ret_value, socklen_t *len)
{
    const char *name = sock->bound_if ? ft_net_if_name(udp->net, sock->bound_if) : NULL;
    size_t n = 0;

    if (!name)
        return ft_opt_put(ret_value, len, "", 0);
    if (len && *len < FT_IF_NAME_MAX)
        return -EINVAL;
    while (n < FT_IF_NAME_MAX - 1 && name[n])
        n++;
    return ft_opt_put(ret_value, len, name, n + 1);
}

static uint32_t buffer_size(int v, uint32_t max, uint32_t min)
{
    /* As Linux: what is asked for is bounded, then doubled for its own overhead. */
    uint64_t size = 2 * (uint64_t)FT_MIN((uint32_t)v, max);

    if (size > INT32_MAX)
        size = INT32_MAX;
    return size < min ? min : (uint32_t)size;
}

static int set_socket(struct ft_udp *udp, struct ft_udp_sock *sock, int name, int v)
{
    const struct ft_limits *limits = &udp->env->config.limits;

    if (ft_stamping_is_opt(name))
        return ft_stamping_set(&sock->stamping, name, v);
    switch (name) {
    case SO_REUSEADDR:
        sock->name.reuse_addr = v != 0;
        return 0;
    case SO_REUSEPORT:
        sock->name.reuse_port = v != 0;
        return 0;
    case SO_RCVBUF:
        sock->rx_max = buffer_size(v, limits->recv_buffer_max, RCVBUF_MIN);
        return 0;
    case SO_SNDBUF:
        sock->tx_max = buffer_size(v, limits->send_buffer_max, SNDBUF_MIN);
        if (ft_udp_ready(sock) & FT_WRITABLE)
            ft_ready_raise(udp->slots, sock->slot, FT_WRITABLE);
        return 0;
    case SO_PRIORITY:
        sock->priority = (uint32_t)v;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static int get_socket(struct ft_udp_sock *sock, int name, int *ret)
{
    switch (name) {
    case SO_TIMESTAMP:
    case SO_TIMESTAMPNS:
    case SO_TIMESTAMPING:
        *ret = ft_stamping_get(sock->stamping, name);
        return 0;
    case SO_REUSEADDR:
        *ret = sock->name.reuse_addr;
        return 0;
    case SO_REUSEPORT:
        *ret = sock->name.reuse_port;
        return 0;
    case SO_RCVBUF:
        *ret = (int)sock->rx_max;
        return 0;
    case SO_SNDBUF:
        *ret = (int)sock->tx_max;
        return 0;
    case SO_PRIORITY:
        *ret = (int)sock->priority;
        return 0;
    case SO_TYPE:
        *ret = SOCK_DGRAM;
        return 0;
    case SO_DOMAIN:
        *ret = sock->ipv6 ? AF_INET6 : AF_INET;
        return 0;
    case SO_PROTOCOL:
        *ret = IPPROTO_UDP;
        return 0;
    case SO_ACCEPTCONN:
        *ret = 0;
        return 0;
    case SO_ERROR:
        *ret = -udp_take_error(sock);
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

/* ---- IPPROTO_IP -------------------------------------------------------------------------------
 */

static int set_ip(struct ft_udp_sock *sock, int name, int v)
{
    switch (name) {
    case IP_TTL:
        if (v != -1 && (v < 1 || v > 255))
            return -EINVAL;
        sock->ttl = v == -1 ? 0 : (uint8_t)v;
        return 0;
    case IP_TOS:
        sock->tos = (uint8_t)v;
        return 0;
    case IP_MTU_DISCOVER:
        if (v < IP_PMTUDISC_DONT || v > IP_PMTUDISC_OMIT)
            return -EINVAL;
        sock->pmtudisc = (uint8_t)v;
        return 0;
    case IP_MULTICAST_TTL:
        if (v < -1 || v > 255)
            return -EINVAL;
        sock->mcast_ttl = v == -1 ? 1 : (uint8_t)v;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static int get_mtu(const struct ft_udp *udp, const struct ft_udp_sock *sock, int *ret)
{
    struct ft_path path;
    int err;

    if (!(sock->flags & FT_UDP_CONNECTED))
        return -ENOTCONN;
    err = ft_path_find(udp->net, &sock->conn.remote, &sock->conn.local, udp_bound_if(sock), &path);
    if (!err)
        *ret = (int)path.mtu;
    return err;
}

static int get_ip(const struct ft_udp *udp, const struct ft_udp_sock *sock, int name, int *ret)
{
    switch (name) {
    case IP_TTL:
        *ret = sock->ttl ? sock->ttl : udp->env->config.ttl;
        return 0;
    case IP_TOS:
        *ret = sock->tos;
        return 0;
    case IP_MTU_DISCOVER:
        *ret = sock->pmtudisc;
        return 0;
    case IP_MULTICAST_TTL:
        *ret = sock->mcast_ttl;
        return 0;
    case IP_MTU:
        return get_mtu(udp, sock, ret);
    default:
        return -ENOPROTOOPT;
    }
}

/* ---- IPPROTO_IPV6 -----------------------------------------------------------------------------
 */

static int set_hops(int16_t *hops, int v)
{
    if (v < -1 || v > 255)
        return -EINVAL;
    *hops = (int16_t)v;
    return 0;
}

static int set_ip6(struct ft_udp *udp, struct ft_udp_sock *sock, int name, int v)
{
    switch (name) {
    case IPV6_V6ONLY:
        if (sock->name.port != 0)
            return -EINVAL;
        sock->name.v6only = v != 0;
        return 0;
    case IPV6_UNICAST_HOPS:
        return set_hops(&sock->hops, v);
    case IPV6_MULTICAST_HOPS:
        return set_hops(&sock->mcast_hops, v);
    case IPV6_TCLASS:
        if (v < -1 || v > 255)
            return -EINVAL;
        sock->tclass = v == -1 ? 0 : (uint8_t)v;
        return 0;
    case IPV6_MTU_DISCOVER:
        if (v < IPV6_PMTUDISC_DONT || v > IPV6_PMTUDISC_OMIT)
            return -EINVAL;
        sock->pmtudisc6 = (uint8_t)v;
        return 0;
    case IPV6_MULTICAST_IF:
        if (v != 0 && sock->bound_if && v != sock->bound_if)
            return -EINVAL;
        if (v != 0 && !ft_net_if_exists(udp->net, v))
            return -ENODEV;
        sock->mcast_if6 = v;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static int get_ip6(const struct ft_udp *udp, const struct ft_udp_sock *sock, int name, int *ret)
{
    switch (name) {
    case IPV6_V6ONLY:
        *ret = sock->name.v6only;
        return 0;
    case IPV6_UNICAST_HOPS:
        *ret = sock->hops < 0 ? udp->env->config.ttl : sock->hops;
        return 0;
    case IPV6_MULTICAST_HOPS:
        *ret = sock->mcast_hops < 0 ? 1 : sock->mcast_hops;
        return 0;
    case IPV6_TCLASS:
        *ret = sock->tclass;
        return 0;
    case IPV6_MTU_DISCOVER:
        *ret = sock->pmtudisc6;
        return 0;
    case IPV6_MULTICAST_IF:
        *ret = sock->mcast_if6;
        return 0;
    case IPV6_MTU:
        return get_mtu(udp, sock, ret);
    default:
        return -ENOPROTOOPT;
    }
}

/* ---- IPPROTO_UDP ------------------------------------------------------------------------------
 */

static int set_udp(struct ft_udp_sock *sock, int name, int v)
{
    if (name != UDP_SEGMENT)
        return -ENOPROTOOPT;
    if (v < 0 || v > UINT16_MAX)
        return -EINVAL;
    sock->segment = (uint16_t)v;
    return 0;
}

static int get_udp(const struct ft_udp_sock *sock, int name, int *ret)
{
    if (name != UDP_SEGMENT)
        return -ENOPROTOOPT;
    *ret = sock->segment;
    return 0;
}

/* ---- the calls --------------------------------------------------------------------------------
 */

/* What turning an option on or off does beyond its bit. */
static void set_bit_option(struct ft_udp *udp, struct ft_udp_sock *sock,
                           const struct bit_option *option, bool on)
{
    sock->flags = on ? sock->flags | option->flag : sock->flags & ~option->flag;
    if (option->flag == FT_UDP_CORK && !on)
        (void)udp_cork_push(udp, sock); /* as on Linux nobody is told what goes wrong */
    if (option->flag != FT_UDP_RECVERR && option->flag != FT_UDP_RECVERR6)
        return;
    /* As on Linux, errors that wait go when nobody wants them any more. */
    if (!(sock->flags & (FT_UDP_RECVERR | FT_UDP_RECVERR6)))
        udp_errs_drop(udp, sock);
}

static bool level_known(const struct ft_udp_sock *sock, int level)
{
    return level == SOL_SOCKET || level == IPPROTO_IP || level == IPPROTO_UDP ||
           (level == IPPROTO_IPV6 && sock->ipv6);
}

int ft_udp_setsockopt(struct ft_udp *udp, struct ft_udp_sock *sock, int level, int name,
                      const void *value, socklen_t len)
{
    const struct bit_option *bit = find_bit(level, name);
    int v = 0, err;

    if (!level_known(sock, level))
        return -ENOPROTOOPT;
    if (level == SOL_SOCKET && name == SO_BINDTODEVICE)
        return set_bindtodevice(udp, sock, value, len);
    if (udp_mcast_known(level, name))
        return udp_mcast_set(udp, sock, level, name, value, len);
    err = level == IPPROTO_IP ? ft_opt_get_small(value, len, &v) : ft_opt_get_int(value, len, &v);
    if (err)
        return err;
    if (bit && bit->strict && v != 0 && v != 1)
        return -EINVAL;
    if (bit) {
        set_bit_option(udp, sock, bit, v != 0);
        return 0;
    }
    if (level == IPPROTO_IP)
        return set_ip(sock, name, v);
    if (level == IPPROTO_IPV6)
        return set_ip6(udp, sock, name, v);
    if (level == IPPROTO_UDP)
        return set_udp(sock, name, v);
    return set_socket(udp, sock, name, v);
}

int ft_udp_getsockopt(struct ft_udp *udp, struct ft_udp_sock *sock, int level, int name,
                      void *ret_value, socklen_t *len)
{
    const struct bit_option *bit = find_bit(level, name);
    int v = 0, err;

    /* For reading, AF_INET of Linux has another word for a level that it does not know. */
    if (!level_known(sock, level))
        return sock->ipv6 ? -ENOPROTOOPT : -EOPNOTSUPP;
    if (level == SOL_SOCKET && name == SO_BINDTODEVICE)
        return get_bindtodevice(udp, sock, ret_value, len);
    if (level == IPPROTO_IP && name == IP_MULTICAST_IF)
        return udp_mcast_get_if(sock, ret_value, len);
    err = 0;
    if (bit)
        v = (sock->flags & bit->flag) != 0;
    else if (level == IPPROTO_IP)
        err = get_ip(udp, sock, name, &v);
    else if (level == IPPROTO_IPV6)
        err = get_ip6(udp, sock, name, &v);
    else if (level == IPPROTO_UDP)
        err = get_udp(sock, name, &v);
    else
        err = get_socket(sock, name, &v);
    if (err)
        return err;
    return level == IPPROTO_IP ? ft_opt_put_small(ret_value, len, v)
                               : ft_opt_put_int(ret_value, len, v);
}
