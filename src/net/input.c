/* SPDX-License-Identifier: MIT */
/*
 * A frame comes in: the link header, whom it is for, and octets in one piece where headers are to
 * be read. Then it is the affair of IPv4, IPv6 or ARP.
 */
#include <string.h>

#include "priv.h"

uint8_t *ft_in_scratch(struct ft_net *net)
{
    if (!net->scratch)
        net->scratch = ft_mem_alloc(&net->env->mem, NET_SCRATCH_LEN);
    return net->scratch;
}

bool ft_in_linearize(struct ft_net *net, struct net_in *in)
{
    size_t at = in->contig;
    uint8_t *scratch;

    if (in->linear)
        return true;
    scratch = in->total <= NET_SCRATCH_LEN ? ft_in_scratch(net) : NULL;
    if (!scratch)
        return false;
    memcpy(scratch, in->l3, at);
    for (size_t i = 0; i < in->frame->n_spans; i++) {
        const struct ft_span *span = &in->frame->spans[i];

        if (span->len)
            memcpy(scratch + at, span->data, span->len);
        at += span->len;
    }
    ft_assert(at == in->total);
    net->env->counters.steps_octets_copied += at;
    in->l3 = scratch;
    in->contig = at;
    in->linear = true;
    return true;
}

void ft_in_payload(struct ft_net *net, struct net_in *in, size_t off, size_t end)
{
    struct ft_rx *rx = in->rx;
    size_t left;

    ft_assert(off <= end && end <= in->total && off <= in->contig);
    rx->l3 = in->l3;
    rx->l4 = in->l3 + off;
    rx->l4_len = end - off;
    rx->l4_contig = FT_MIN(in->contig, end) - off;
    rx->spans = net->spans;
    rx->n_spans = 0;
    left = rx->l4_len - rx->l4_contig;
    /* Padding behind the packet is not handed up, so the spans are copied and cut. */
    for (size_t i = 0; left > 0; i++) {
        struct ft_span span = in->frame->spans[i];

        ft_assert(i < in->frame->n_spans);
        span.len = FT_MIN(span.len, left);
        left -= span.len;
        net->spans[rx->n_spans++] = span;
    }
}

/* Strip the link header. False: the packet ends here. */
static bool strip_ether(struct net_in *in, uint16_t *ret_type)
{
    struct eth_hdr eth;

    if (eth_parse(in->l3, in->contig, &eth) < 0 || eth_is_group(eth.src)) {
        in->verdict = FT_RX_DROP_FRAME;
        return false;
    }
    if (eth_is_group(eth.dst)) {
        in->rx->l2_multicast = true;
    } else if (memcmp(eth.dst, in->iface->mac, ETH_ADDR_LEN) != 0) {
        in->verdict = FT_RX_DROP_NOT_MINE;
        return false;
    }
    memcpy(in->mac, eth.src, ETH_ADDR_LEN);
    in->l3 += eth.hdr_len;
    in->contig -= eth.hdr_len;
    in->total -= eth.hdr_len;
    *ret_type = eth.ethertype;
    return true;
}

/* A bare IP packet says by its version what it is. */
static uint16_t type_by_version(const struct net_in *in)
{
    if (in->contig > 0 && in->l3[0] >> 4 == 4)
        return ETH_TYPE_IP4;
    if (in->contig > 0 && in->l3[0] >> 4 == 6)
        return ETH_TYPE_IP6;
    return 0;
}

static bool begin(struct ft_net *net, struct net_in *in, const struct ft_frame *frame)
{
    in->l3 = frame->buf;
    in->contig = frame->len;
    in->total = frame->len;
    if (frame->n_spans > FT_SPANS_MAX)
        return false;
    for (size_t i = 0; i < frame->n_spans; i++) {
        if (frame->spans[i].len > NET_SCRATCH_LEN)
            return false;
        in->total += frame->spans[i].len;
    }
    in->linear = in->contig == in->total;
    /* Headers in one piece are used where they are. */
    return in->linear || in->contig >= NET_CONTIG_MIN || ft_in_linearize(net, in);
}

enum ft_net_verdict ft_net_input(struct ft_net *net, int ifindex, const struct ft_frame *frame,
                                 struct ft_rx *ret_rx, enum ft_verdict *ret_verdict)
{
    struct net_in in = {
        .frame = frame, .iface = ft_iface_get(net, ifindex), .rx = ret_rx, .verdict = FT_RX_N};
    enum ft_net_verdict result = FT_NET_DONE;
    uint16_t type;

    *ret_rx = (struct ft_rx){
        .n_segs = frame->n_segs ? frame->n_segs : 1,
        .ifindex = ifindex,
        .csum_good = (frame->flags & (FT_FRAME_CSUM_GOOD | FT_FRAME_CSUM_PARTIAL)) != 0,
        .l2_multicast = (frame->flags & FT_FRAME_L2_MULTICAST) != 0,
    };
    if (!in.iface || !begin(net, &in, frame)) {
        *ret_verdict = FT_RX_DROP_FRAME;
        return FT_NET_DONE;
    }
    type = type_by_version(&in);
    if (in.iface->type == FT_IF_ETHER && !strip_ether(&in, &type)) {
        *ret_verdict = in.verdict;
        return FT_NET_DONE;
    }
    if (type == ETH_TYPE_IP4)
        result = ft_ip4_input(net, &in);
    else if (type == ETH_TYPE_IP6)
        result = ft_ip6_input(net, &in);
    else if (type == ETH_TYPE_ARP)
        result = ft_arp_input(net, &in);
    else
        in.verdict = FT_RX_DROP_ETHERTYPE;
    ft_assert((result == FT_NET_DONE) == (in.verdict != FT_RX_N));
    *ret_verdict = in.verdict;
    return result;
}
