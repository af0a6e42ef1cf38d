/* SPDX-License-Identifier: MIT */
/*
 * IPv4 comes in: RFC 1122 3.2.1 in its order, up to the transport header. A packet from or to an
 * address that cannot be is dropped before anything is made of it; options are
 * verified and then ignored (MUST-50), source routes drop the packet.
 */
#include <errno.h>

#include "wire/icmp4.h"
#include "wire/ip.h"

#include "priv.h"

/* The longest TCP header must lie in one piece. */
#define L4_CONTIG 60u

/* RFC 1122 3.2.1.3 (a): a host that does not know its address yet asks all for it, by UDP
   (RFC 2131 4.1). Nobody answers to such a source: ft_icmp_send_error() does not. */
static bool asks_for_address(const struct ip4_hdr *ip)
{
    return addr_is_any(&ip->src) && addr_is_broadcast(&ip->dst) && ip->proto == IP_PROTO_UDP;
}

/* RFC 1122 3.2.1.3: a host's own address, 127/8, a group or broadcast never sends to us. */
static bool source_martian(struct ft_net *net, const struct net_in *in, const struct ip4_hdr *ip)
{
    const struct ft_addr *src = &ip->src;
    uint32_t v4 = addr_v4_of(src);

    if (in->iface->type == FT_IF_LOOPBACK)
        return ft_addr_class_on(net, NULL, src) != FT_ADDR_LOCAL;
    if (asks_for_address(ip))
        return false;
    if (v4 >> 24 == 0 || v4 >> 28 == 0xf)
        return true;
    return ft_addr_class_on(net, in->iface, src) != FT_ADDR_UNICAST;
}

/* Whether the packet is for us; else in->verdict says why not. */
static bool destination_ours(struct ft_net *net, struct net_in *in, const struct ft_addr *dst)
{
    struct ft_rx *rx = in->rx;
    bool loopback = in->iface->type == FT_IF_LOOPBACK;

    rx->dst_class = ft_addr_class_on(net, loopback ? NULL : in->iface, dst);
    in->verdict = FT_RX_DROP_NOT_MINE;
    switch (rx->dst_class) {
    case FT_ADDR_LOCAL:
        /* A unicast packet in a multicast frame makes many answer. */
        if (rx->l2_multicast || (addr_is_loopback(dst) && !loopback)) {
            in->verdict = FT_RX_DROP_MARTIAN;
            return false;
        }
        break;
    case FT_ADDR_MULTICAST:
        if (!ft_group_has(net, in->iface, dst))
            return false;
        break;
    case FT_ADDR_BROADCAST:
        break;
    case FT_ADDR_ANY:
    case FT_ADDR_UNICAST:
        return false;
    }
    in->verdict = FT_RX_N;
    return true;
}

/* RFC 791 3.2. False: in->verdict says what became of the fragment. */
static bool reassemble(struct ft_net *net, struct net_in *in, struct ip4_hdr *ip)
{
    struct net_piece piece = {
        .id = ip->id,
        .offset = ip->frag_off,
        .data_off = ip->hdr_len,
        .len = (uint32_t)ip->total_len - ip->hdr_len,
        .hdr_len = ip->hdr_len,
        .proto = ip->proto,
        .more = ip->mf,
        .ecn = ip->tos & IP_ECN_MASK,
    };

    if (!ft_in_linearize(net, in)) {
        in->verdict = FT_RX_DROP_MEMORY;
        return false;
    }
    if (piece.offset + piece.len + IP4_HDR_LEN > IP4_PKT_LEN_MAX) {
        ft_frag_kill(net, in, &piece);
        in->verdict = FT_RX_DROP_REASSEMBLY;
        return false;
    }
    if (piece.len == 0 || (piece.more && piece.len % 8 != 0)) {
        in->verdict = FT_RX_DROP_HEADER;
        return false;
    }
    if (!ft_frag_input(net, in, &piece))
        return false;
    return ip4_parse(in->l3, in->total, ip) == 0;
}

static enum ft_net_verdict deliver(struct ft_net *net, struct net_in *in, const struct ip4_hdr *ip)
{
    struct net_icmp_out unreachable = {.type = ICMP4_UNREACH, .code = ICMP4_UNREACH_PROTO};
    bool whole = ip->proto == IP_PROTO_TCP &&
                 in->contig >= FT_MIN((size_t)ip->total_len, ip->hdr_len + (size_t)L4_CONTIG);

    if (!whole && !ft_in_linearize(net, in))
        return ft_in_done(in, FT_RX_DROP_MEMORY);
    ft_in_payload(net, in, ip->hdr_len, ip->total_len);
    switch (ip->proto) {
    case IP_PROTO_TCP:
        /* RFC 9293 MUST-57: to a broadcast or multicast address there is no TCP. */
        if (in->rx->dst_class != FT_ADDR_LOCAL)
            return ft_in_done(in, FT_RX_DROP_MARTIAN);
        return FT_NET_TCP;
    case IP_PROTO_UDP:
        return FT_NET_UDP;
    case IP_PROTO_ICMP4:
        return ft_icmp4_input(net, in);
    case IP_PROTO_IGMP:
        return ft_group_igmp(net, in);
    default:
        ft_icmp_send_error(net, in->rx, &unreachable);
        return ft_in_done(in, FT_RX_DROP_PROTOCOL);
    }
}

enum ft_net_verdict ft_ip4_input(struct ft_net *net, struct net_in *in)
{
    struct ip4_hdr ip;
    int err = ip4_parse_split(in->l3, in->contig, in->total, &ip);

    if (err < 0)
        return ft_in_done(in, err == -EBADMSG ? FT_RX_DROP_CHECKSUM : FT_RX_DROP_HEADER);
    in->rx->src = ip.src;
    in->rx->dst = ip.dst;
    if (source_martian(net, in, &ip))
        return ft_in_done(in, FT_RX_DROP_MARTIAN);
    if (!destination_ours(net, in, &ip.dst))
        return FT_NET_DONE;
    if (ip.has_source_route)
        return ft_in_done(in, FT_RX_DROP_OPTIONS);
    in->rx->proto = ip.proto;
    in->rx->ttl = ip.ttl;
    in->rx->tos = ip.tos;
    if ((ip.mf || ip.frag_off) && !reassemble(net, in, &ip))
        return FT_NET_DONE;
    in->rx->tos = ip.tos;
    return deliver(net, in, &ip);
}
