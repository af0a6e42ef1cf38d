/* SPDX-License-Identifier: MIT */
/*
 * Control messages of datagrams, in Linux's layouts: where one came from and how, how one is to be
 * sent, and what an error record says. RFC 3542 4 to 6.
 */
#define _GNU_SOURCE /* in_pktinfo and in6_pktinfo */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#include "base/addr.h"
#include "sock/cmsg.h"
#include "wire/be.h"

#include "priv.h"

/* ---- to be sent -------------------------------------------------------------------------------
 */

static bool get_int(const uint8_t *data, size_t len, int *ret)
{
    if (len != sizeof(*ret))
        return false;
    memcpy(ret, data, sizeof(*ret));
    return true;
}

static int read_pktinfo4(const uint8_t *data, size_t len, struct udp_dest *dest)
{
    struct in_pktinfo info;

    if (len != sizeof(info))
        return -EINVAL;
    memcpy(&info, data, sizeof(info));
    if (info.ipi_ifindex)
        dest->bound_if = info.ipi_ifindex;
    if (info.ipi_spec_dst.s_addr)
        dest->src = addr_v4(be32_host((ft_be32){info.ipi_spec_dst.s_addr}));
    return 0;
}

static int read_pktinfo6(const uint8_t *data, size_t len, struct udp_dest *dest)
{
    struct in6_pktinfo info;
    struct ft_addr src;

    if (len != sizeof(info))
        return -EINVAL;
    memcpy(&info, data, sizeof(info));
    if (info.ipi6_ifindex > INT32_MAX)
        return -EINVAL;
    if (info.ipi6_ifindex)
        dest->bound_if = (int)info.ipi6_ifindex;
    src = addr_load16(info.ipi6_addr.s6_addr);
    if (!addr_is_any(&src))
        dest->src = src;
    return 0;
}

static int read_ip(int type, const uint8_t *data, size_t len, struct udp_dest *dest)
{
    int v;

    switch (type) {
    case IP_PKTINFO:
        return read_pktinfo4(data, len, dest);
    case IP_TTL:
        if (!get_int(data, len, &v) || v < 1 || v > 255)
            return -EINVAL;
        dest->ttl = v;
        return 0;
    case IP_TOS:
        if (len == 1)
            v = data[0];
        else if (!get_int(data, len, &v))
            return -EINVAL;
        if (v < 0 || v > 255)
            return -EINVAL;
        dest->tos = v;
        return 0;
    default:
        return -EINVAL;
    }
}

static int read_ip6(int type, const uint8_t *data, size_t len, struct udp_dest *dest)
{
    int v;

    switch (type) {
    case IPV6_PKTINFO:
        return read_pktinfo6(data, len, dest);
    case IPV6_HOPLIMIT:
        if (!get_int(data, len, &v) || v < -1 || v > 255)
            return -EINVAL;
        dest->ttl = v;
        return 0;
    case IPV6_TCLASS:
        if (!get_int(data, len, &v) || v < -1 || v > 255)
            return -EINVAL;
        dest->tos = v;
        return 0;
    default:
        return -EINVAL;
    }
}

static int read_udp(int type, const uint8_t *data, size_t len, struct udp_dest *dest)
{
    if (type != UDP_SEGMENT || len != sizeof(dest->segment))
        return -EINVAL;
    memcpy(&dest->segment, data, len);
    return 0;
}

int udp_cmsg_read(const struct msghdr *msg, struct udp_dest *dest)
{
    const uint8_t *at = msg->msg_control;
    size_t left = msg->msg_control ? msg->msg_controllen : 0;
    int err = 0;

    while (err == 0 && left >= sizeof(struct cmsghdr)) {
        struct cmsghdr hdr;
        size_t len, step;

        memcpy(&hdr, at, sizeof(hdr));
        if (hdr.cmsg_len < sizeof(hdr) || hdr.cmsg_len > left)
            return -EINVAL;
        len = hdr.cmsg_len - CMSG_LEN(0);
        if (hdr.cmsg_level == IPPROTO_IP)
            err = read_ip(hdr.cmsg_type, at + CMSG_LEN(0), len, dest);
        else if (hdr.cmsg_level == IPPROTO_IPV6)
            err = read_ip6(hdr.cmsg_type, at + CMSG_LEN(0), len, dest);
        else if (hdr.cmsg_level == IPPROTO_UDP)
            err = read_udp(hdr.cmsg_type, at + CMSG_LEN(0), len, dest);
        step = FT_MIN(CMSG_ALIGN(hdr.cmsg_len), left);
        at += step;
        left -= step;
    }
    return err;
}

/* ---- received ---------------------------------------------------------------------------------
 */

static void put_int(struct ft_control *control, int level, int type, int v)
{
    ft_control_put(control, level, type, &v, sizeof(v));
}

static struct in_addr in_addr_of(const struct ft_addr *addr)
{
    return (struct in_addr){.s_addr = be32_make(addr_v4_of(addr)).v};
}

/* The address of ours that an answer comes from: what it was sent to, if that is one. */
static struct ft_addr answers_from(const struct ft_udp *udp, const struct udp_rx_dgram *dgram)
{
    struct ft_addr any = addr_any();
    struct ft_path path;

    if (ft_addr_classify(udp->net, &dgram->dst) == FT_ADDR_LOCAL)
        return dgram->dst;
    if (ft_path_find(udp->net, &dgram->src, &any, dgram->ifindex, &path))
        return addr_v4(INADDR_ANY);
    return path.src;
}

static void put_ip(const struct ft_udp *udp, struct ft_control *control, uint32_t flags,
                   const struct udp_rx_dgram *dgram)
{
    struct in_pktinfo info;
    uint8_t tos = dgram->tos;

    if (flags & FT_UDP_PKTINFO) {
        struct ft_addr own = answers_from(udp, dgram);

        memset(&info, 0, sizeof(info));
        info.ipi_ifindex = dgram->ifindex;
        info.ipi_addr = in_addr_of(&dgram->dst);
        info.ipi_spec_dst = in_addr_of(&own);
        ft_control_put(control, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    }
    if (flags & FT_UDP_RECVTTL)
        put_int(control, IPPROTO_IP, IP_TTL, dgram->ttl);
    if (flags & FT_UDP_RECVTOS)
        ft_control_put(control, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
}

void udp_cmsg_write(const struct ft_udp *udp, const struct ft_udp_sock *sock,
                    const struct udp_rx_dgram *dgram, int segment, struct msghdr *msg)
{
    struct ft_control control = ft_control_begin(msg);
    struct in6_pktinfo info;

    ft_control_put_times(&control, sock->stamping, dgram->at + udp->env->config.wall_offset);
    if (segment)
        put_int(&control, IPPROTO_UDP, UDP_GRO, segment);
    /* IPv4 comes to an AF_INET6 socket with its address mapped. */
    if (sock->flags & FT_UDP_PKTINFO6) {
        memset(&info, 0, sizeof(info));
        addr_store16(info.ipi6_addr.s6_addr, &dgram->dst);
        info.ipi6_ifindex = (unsigned)dgram->ifindex;
        ft_control_put(&control, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
    }
    if (addr_is_v4(&dgram->dst)) {
        put_ip(udp, &control, sock->flags, dgram);
    } else {
        if (sock->flags & FT_UDP_RECVHOPS)
            put_int(&control, IPPROTO_IPV6, IPV6_HOPLIMIT, dgram->ttl);
        if (sock->flags & FT_UDP_RECVTCLASS)
            put_int(&control, IPPROTO_IPV6, IPV6_TCLASS, dgram->tos);
    }
    ft_control_end(&control);
}

/* struct sock_extended_err of Linux, and the address of who sent the error behind it. */
struct error_message {
    uint32_t error;
    uint8_t origin, type, code, pad;
    uint32_t info, data;
    union {
        struct sockaddr_in sin;
        struct sockaddr_in6 sin6;
    } offender;
};

enum { ORIGIN_LOCAL = 1, ORIGIN_ICMP = 2, ORIGIN_ICMP6 = 3 };

void udp_cmsg_write_error(const struct udp_err *err, struct msghdr *msg)
{
    struct ft_control control = ft_control_begin(msg);
    bool v4 = addr_is_v4(&err->dst);
    struct error_message message;
    size_t len = offsetof(struct error_message, offender);

    memset(&message, 0, sizeof(message));
    message.error = (uint32_t)err->error;
    message.origin = err->local ? ORIGIN_LOCAL : v4 ? ORIGIN_ICMP : ORIGIN_ICMP6;
    message.type = err->type;
    message.code = err->code;
    message.info = err->mtu;
    if (v4) {
        message.offender.sin.sin_family = err->local ? AF_UNSPEC : AF_INET;
        message.offender.sin.sin_addr = in_addr_of(&err->from);
        len += sizeof(message.offender.sin);
    } else {
        message.offender.sin6.sin6_family = err->local ? AF_UNSPEC : AF_INET6;
        addr_store16(message.offender.sin6.sin6_addr.s6_addr, &err->from);
        len += sizeof(message.offender.sin6);
    }
    ft_control_put(&control, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR,
                   &message, len);
    ft_control_end(&control);
}
