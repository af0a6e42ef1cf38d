/* SPDX-License-Identifier: MIT */
/*
 * ICMP of both families comes in: echo requests are answered, errors are read as far as the socket
 * that they concern and handed up, the rest is ignored. Source quench (MUST-55), redirects,
 * masks, router discovery and time stamps of IPv4 do nothing.
 * RFC 1122 3.2.2, RFC 4443, RFC 5927.
 */
#include "wire/icmp.h"

#include <errno.h>

#include "wire/icmp4.h"
#include "wire/icmp6.h"
#include "wire/ip.h"

#include "priv.h"

struct meaning {
    int error;
    bool hard;
};

/* What Linux tells a program of "destination unreachable" of IPv4, by code. */
static const struct meaning unreach4[] = {
    {ENETUNREACH, false},  {EHOSTUNREACH, false}, {ENOPROTOOPT, true},  {ECONNREFUSED, true},
    {EMSGSIZE, false},     {EOPNOTSUPP, false},   {ENETUNREACH, true},  {EHOSTDOWN, true},
    {ENONET, true},        {ENETUNREACH, true},   {EHOSTUNREACH, true}, {ENETUNREACH, false},
    {EHOSTUNREACH, false}, {EHOSTUNREACH, true},  {EHOSTUNREACH, true}, {EHOSTUNREACH, true},
};

/* The same of IPv6. */
static const struct meaning unreach6[] = {
    {ENETUNREACH, false}, {EACCES, true}, {EHOSTUNREACH, false}, {EHOSTUNREACH, false},
    {ECONNREFUSED, true}, {EACCES, true}, {EACCES, true},
};

static struct meaning meaning4(uint8_t type, uint8_t code)
{
    if (type == ICMP4_UNREACH && code < FT_ARRAY_LEN(unreach4))
        return unreach4[code];
    if (type == ICMP4_PARAM_PROBLEM)
        return (struct meaning){EPROTO, true};
    return (struct meaning){EHOSTUNREACH, false};
}

static struct meaning meaning6(uint8_t type, uint8_t code)
{
    if (type == ICMP6_UNREACH && code < FT_ARRAY_LEN(unreach6))
        return unreach6[code];
    if (type == ICMP6_TOO_BIG)
        return (struct meaning){EMSGSIZE, false};
    if (type == ICMP6_PARAM_PROBLEM)
        return (struct meaning){EPROTO, true};
    return (struct meaning){EHOSTUNREACH, false};
}

/* An error about a packet that we are said to have sent. */
static enum ft_net_verdict error_input(struct ft_net *net, struct net_in *in,
                                       const struct icmp_msg *msg)
{
    struct ft_rx *rx = in->rx;
    bool is_v4 = addr_is_v4(&rx->src);
    struct meaning meaning =
        is_v4 ? meaning4(msg->type, msg->code) : meaning6(msg->type, msg->code);
    struct icmp_quote q;

    if (rx->dst_class != FT_ADDR_LOCAL || icmp_quote_parse(msg->body, msg->body_len, &q) < 0)
        return ft_in_done(in, FT_RX_DROP_CONTROL);
    if (!q.has_ports || addr_is_v4(&q.src) != is_v4 || addr_is_v4(&q.dst) != is_v4 ||
        ft_addr_classify(net, &q.src) != FT_ADDR_LOCAL)
        return ft_in_done(in, FT_RX_DROP_CONTROL);
    rx->err = (struct ft_icmp_err){
        .src = q.src,
        .dst = q.dst,
        .src_port = q.src_port,
        .dst_port = q.dst_port,
        .seq = q.has_seq ? q.seq.v : 0,
        .error = meaning.error,
        .hard = meaning.hard,
        .proto = q.proto,
        .type = msg->type,
        .code = msg->code,
        .from = rx->src,
    };
    if (meaning.error == EMSGSIZE)
        rx->err.mtu = is_v4 ? msg->rest & 0xffff : msg->rest;
    return FT_NET_ERROR;
}

/* RFC 1122 3.2.2.6, RFC 4443 4.2. One to a group or in a multicast frame is not answered. */
static enum ft_net_verdict echo_input(struct ft_net *net, struct net_in *in,
                                      const struct icmp_msg *req)
{
    const struct ft_rx *rx = in->rx;
    bool is_v4 = addr_is_v4(&rx->src);
    struct icmp6_path path = {.src = rx->dst, .dst = rx->src};
    size_t cap = ICMP_HDR_LEN + req->body_len;
    struct ft_ip_tx tx = {
        .src = rx->dst,
        .dst = rx->src,
        .bound_if = addr_is_link_local(&rx->src) ? rx->ifindex : 0,
        .proto = rx->proto,
        .tos = (uint8_t)(rx->tos & ~IP_ECN_MASK),
        .may_frag = true,
    };
    uint8_t *buf;
    size_t len;

    if (rx->dst_class != FT_ADDR_LOCAL || rx->l2_multicast)
        return ft_in_done(in, FT_RX_DROP_CONTROL);
    buf = ft_mem_alloc(&net->env->mem, cap);
    if (!buf)
        return ft_in_done(in, FT_RX_DROP_MEMORY);
    len =
        is_v4 ? icmp4_echo_reply_emit(buf, cap, req) : icmp6_echo_reply_emit(buf, cap, &path, req);
    ft_assert(len == cap);
    net->env->counters.steps_octets_copied += len;
    tx.l4_len = (uint32_t)len;
    (void)ft_ctl_send(net, &tx, buf); /* without a way back or room there is no reply */
    ft_mem_free(&net->env->mem, buf, cap);
    return ft_in_done(in, FT_RX_CONTROL);
}

enum ft_net_verdict ft_icmp4_input(struct ft_net *net, struct net_in *in)
{
    struct icmp_msg msg;
    int err = icmp4_parse(in->rx->l4, in->rx->l4_len, &msg);

    if (err < 0)
        return ft_in_done(in, err == -EBADMSG ? FT_RX_DROP_CHECKSUM : FT_RX_DROP_HEADER);
    switch (msg.type) {
    case ICMP4_ECHO:
        return echo_input(net, in, &msg);
    case ICMP4_UNREACH:
    case ICMP4_TIME_EXCEEDED:
    case ICMP4_PARAM_PROBLEM:
        return error_input(net, in, &msg);
    default:
        return ft_in_done(in, FT_RX_DROP_CONTROL);
    }
}

enum ft_net_verdict ft_icmp6_input(struct ft_net *net, struct net_in *in, const struct ip6_hdr *ip,
                                   bool router_alert)
{
    struct icmp_msg msg;
    int err = icmp6_parse(&ip->src, &ip->dst, in->rx->l4, in->rx->l4_len, &msg);
    bool ours = ft_addr_class_on(net, in->iface, &ip->src) != FT_ADDR_UNICAST;

    if (err < 0)
        return ft_in_done(in, err == -EBADMSG ? FT_RX_DROP_CHECKSUM : FT_RX_DROP_HEADER);
    switch (msg.type) {
    case ICMP6_RS:
    case ICMP6_RA:
    case ICMP6_NS:
    case ICMP6_NA:
    case ICMP6_REDIRECT:
        return ft_ndp_input(net, in, ip);
    case ICMP6_MLD_QUERY:
    case ICMP6_MLD_REPORT:
    case ICMP6_MLD_DONE:
    case ICMP6_MLD2_REPORT:
        return ft_group_mld(net, in, ip, router_alert);
    default:
        break;
    }
    if (ours && in->iface->type != FT_IF_LOOPBACK)
        return ft_in_done(in, FT_RX_DROP_MARTIAN);
    switch (msg.type) {
    case ICMP6_ECHO:
        return echo_input(net, in, &msg);
    case ICMP6_UNREACH:
    case ICMP6_TOO_BIG:
    case ICMP6_TIME_EXCEED:
    case ICMP6_PARAM_PROBLEM:
        return error_input(net, in, &msg);
    default:
        return ft_in_done(in, FT_RX_DROP_CONTROL);
    }
}
