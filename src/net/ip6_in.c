/* SPDX-License-Identifier: MIT */
/*
 * IPv6 comes in: RFC 8200, up to the transport header. The chain of extension headers is walked in
 * wire/ip6.c; here is who may send to whom, what becomes of the result, and reassembly's place in
 * it.
 */
#include "wire/icmp6.h"
#include "wire/ip.h"

#include "priv.h"

#define L4_CONTIG 60u

/* Sources that cannot be. Our own address is let through to neighbour discovery, which must see
   that somebody else speaks with it; so is "::". */
static bool source_martian(struct ft_net *net, const struct net_in *in, const struct ip6_hdr *ip)
{
    if (in->iface->type == FT_IF_LOOPBACK)
        return ft_addr_class_on(net, NULL, &ip->src) != FT_ADDR_LOCAL;
    switch (ft_addr_class_on(net, in->iface, &ip->src)) {
    case FT_ADDR_UNICAST:
        return false;
    case FT_ADDR_ANY:
    case FT_ADDR_LOCAL:
        return addr_is_loopback(&ip->src) || ip->next == IP_PROTO_TCP || ip->next == IP_PROTO_UDP;
    case FT_ADDR_BROADCAST:
    case FT_ADDR_MULTICAST:
        break;
    }
    return true;
}

/* RFC 4291 2.7 and its erratum 3480: scope 0 is reserved, and scope 1 does not leave a node. */
static bool group_martian(const struct net_in *in, const struct ft_addr *dst)
{
    unsigned scope = addr_scope6(dst);

    return scope == 0 || (scope == 1 && in->iface->type != FT_IF_LOOPBACK);
}

/* Whether the packet is for us; else in->verdict says why not. */
static bool destination_ours(struct ft_net *net, struct net_in *in, const struct ft_addr *dst)
{
    struct ft_rx *rx = in->rx;
    bool loopback = in->iface->type == FT_IF_LOOPBACK;

    rx->dst_class = ft_addr_class_on(net, loopback ? NULL : in->iface, dst);
    if ((rx->dst_class == FT_ADDR_LOCAL &&
         (rx->l2_multicast || (addr_is_loopback(dst) && !loopback))) ||
        (rx->dst_class == FT_ADDR_MULTICAST && group_martian(in, dst))) {
        in->verdict = FT_RX_DROP_MARTIAN;
        return false;
    }
    if (rx->dst_class == FT_ADDR_LOCAL ||
        (rx->dst_class == FT_ADDR_MULTICAST && ft_group_has(net, in->iface, dst)))
        return true;
    in->verdict = FT_RX_DROP_NOT_MINE;
    return false;
}

static enum ft_verdict verdict_of(enum ip6_why why)
{
    switch (why) {
    case IP6_TOO_MANY:
    case IP6_PADDING:
    case IP6_BAD_OPTION:
    case IP6_UNKNOWN_OPT:
    case IP6_ROUTED:
        return FT_RX_DROP_OPTIONS;
    case IP6_FRAG_TWICE:
    case IP6_FRAG_LEN:
    case IP6_FRAG_LONG:
    case IP6_FRAG_SHORT:
        return FT_RX_DROP_REASSEMBLY;
    case IP6_OK:
    case IP6_TRUNCATED:
    case IP6_HBH_LATE:
    case IP6_N_WHY:
        break;
    }
    return FT_RX_DROP_HEADER;
}

static struct net_piece piece_of(const struct ip6_hdr *ip, const struct ip6_chain *chain)
{
    uint32_t data_off = chain->frag_at + IP6_FRAG_HDR_LEN;

    return (struct net_piece){
        .id = chain->frag.id,
        .offset = chain->frag.off,
        .data_off = data_off,
        .len = IP6_HDR_LEN + (uint32_t)ip->payload_len - data_off,
        .hdr_len = chain->frag_at,
        .next_at = chain->frag_prev,
        .proto = chain->frag.next,
        .more = chain->frag.more,
        .ecn = ip->tclass & IP_ECN_MASK,
    };
}

/* Whether the packet is from somebody who may be answered: source_martian() lets others through. */
static bool has_source(const struct ft_net *net, const struct net_in *in, const struct ip6_hdr *ip)
{
    if (addr_is_any(&ip->src))
        return false;
    return in->iface->type == FT_IF_LOOPBACK ||
           ft_addr_class_on(net, in->iface, &ip->src) == FT_ADDR_UNICAST;
}

/* The walk ended early: tell the source, if the walk says so. */
static enum ft_net_verdict chain_bad(struct ft_net *net, struct net_in *in,
                                     const struct ip6_hdr *ip, const struct ip6_chain *chain)
{
    struct net_icmp_out out = {
        .type = ICMP6_PARAM_PROBLEM,
        .code = chain->icmp_code,
        .rest = chain->pointer,
        .multicast_too = chain->icmp_code == ICMP6_PARAM_OPTION,
    };

    if (chain->why == IP6_FRAG_LONG) {
        struct net_piece piece = piece_of(ip, chain);

        ft_frag_kill(net, in, &piece);
    }
    if (!has_source(net, in, ip))
        return ft_in_done(in, FT_RX_DROP_MARTIAN);
    if (chain->send) {
        ft_in_payload(net, in, IP6_HDR_LEN, IP6_HDR_LEN + (size_t)ip->payload_len);
        ft_icmp_send_error(net, in->rx, &out);
    }
    return ft_in_done(in, verdict_of(chain->why));
}

/* A fragment that is not atomic. False: in->verdict says what became of it. */
static bool reassemble(struct ft_net *net, struct net_in *in, struct ip6_hdr *ip,
                       struct ip6_chain *chain)
{
    struct net_piece piece = piece_of(ip, chain);

    if (!ft_in_linearize(net, in)) {
        in->verdict = FT_RX_DROP_MEMORY;
        return false;
    }
    if (!ft_frag_input(net, in, &piece))
        return false;
    if (ip6_parse(in->l3, in->total, ip) < 0) {
        in->verdict = FT_RX_DROP_HEADER;
        return false;
    }
    in->rx->tos = ip->tclass;
    if (ip6_walk(in->l3, in->total, ip, chain) != IP6_OK) {
        (void)chain_bad(net, in, ip, chain);
        return false;
    }
    /* One pass of reassembly only. */
    if (chain->has_frag)
        in->verdict = FT_RX_DROP_REASSEMBLY;
    return !chain->has_frag;
}

static enum ft_net_verdict deliver(struct ft_net *net, struct net_in *in, const struct ip6_hdr *ip,
                                   const struct ip6_chain *chain)
{
    struct net_icmp_out unknown = {
        .type = ICMP6_PARAM_PROBLEM, .code = ICMP6_PARAM_NEXT, .rest = chain->next_at};

    ft_in_payload(net, in, chain->off, IP6_HDR_LEN + (size_t)ip->payload_len);
    in->rx->proto = chain->proto;
    if (chain->proto != IP_PROTO_ICMP6 && !has_source(net, in, ip))
        return ft_in_done(in, FT_RX_DROP_MARTIAN);
    switch (chain->proto) {
    case IP_PROTO_TCP:
        if (in->rx->dst_class != FT_ADDR_LOCAL)
            return ft_in_done(in, FT_RX_DROP_MARTIAN);
        return FT_NET_TCP;
    case IP_PROTO_UDP:
        return FT_NET_UDP;
    case IP_PROTO_ICMP6:
        return ft_icmp6_input(net, in, ip, chain->router_alert);
    case IP_PROTO_NONE:
        return ft_in_done(in, FT_RX_DROP_PROTOCOL);
    default:
        ft_icmp_send_error(net, in->rx, &unknown);
        return ft_in_done(in, FT_RX_DROP_PROTOCOL);
    }
}

enum ft_net_verdict ft_ip6_input(struct ft_net *net, struct net_in *in)
{
    struct ip6_chain chain;
    struct ip6_hdr ip;
    size_t len;

    if (ip6_parse_split(in->l3, in->contig, in->total, &ip) < 0)
        return ft_in_done(in, FT_RX_DROP_HEADER);
    in->rx->src = ip.src;
    in->rx->dst = ip.dst;
    in->rx->ttl = ip.hop_limit;
    in->rx->tos = ip.tclass;
    if (source_martian(net, in, &ip))
        return ft_in_done(in, FT_RX_DROP_MARTIAN);
    if (!destination_ours(net, in, &ip.dst))
        return FT_NET_DONE;
    len = IP6_HDR_LEN + (size_t)ip.payload_len;
    if ((ip.next != IP_PROTO_TCP || in->contig < FT_MIN(len, (size_t)IP6_HDR_LEN + L4_CONTIG)) &&
        !ft_in_linearize(net, in))
        return ft_in_done(in, FT_RX_DROP_MEMORY);
    if (ip6_walk(in->l3, in->contig, &ip, &chain) != IP6_OK)
        return chain_bad(net, in, &ip, &chain);
    in->had_frag = chain.has_frag;
    /* RFC 6946: an atomic fragment is a packet by itself, and is never looked up. */
    if (chain.has_frag && (chain.frag.more || chain.frag.off) && !reassemble(net, in, &ip, &chain))
        return FT_NET_DONE;
    return deliver(net, in, &ip, &chain);
}
