/* SPDX-License-Identifier: MIT */
/*
 * Link and IP headers of what leaves, whole or in fragments. Every octet of a header is written.
 * Packets that may not be fragmented have identification 0, so that no counter can be watched
 * (RFC 6864 4.1, RFC 7739). RFC 791 3.2, RFC 8200 4.5.
 */
#include <string.h>

#include "base/rng.h"
#include "wire/ip.h"

#include "priv.h"

void ft_frame_reset(const struct ft_net *net, struct ft_frame *frame)
{
    frame->len = 0;
    frame->n_spans = 0;
    frame->flags &= FT_FRAME_LINEAR;
    frame->csum_start = 0;
    frame->csum_offset = 0;
    frame->gso_type = FT_GSO_NONE;
    frame->gso_size = 0;
    frame->n_segs = 1;
    frame->at = net->env->now;
    frame->cookie = 0;
}

size_t ft_link_header(const struct net_iface *iface, const uint8_t *mac, uint16_t ethertype,
                      struct ft_frame *frame)
{
    struct eth_hdr eth = {.ethertype = ethertype};
    size_t n;

    if (iface->type != FT_IF_ETHER)
        return iface->headroom;
    ft_assert(frame->cap >= iface->headroom);
    memcpy(eth.dst, mac, ETH_ADDR_LEN);
    memcpy(eth.src, iface->mac, ETH_ADDR_LEN);
    n = eth_emit(frame->buf + iface->headroom, frame->cap - iface->headroom, &eth);
    ft_assert(n == ETH_HDR_LEN);
    return iface->headroom + n;
}

static uint8_t ttl_of(const struct ft_net *net, const struct net_iface *iface,
                      const struct ft_ip_tx *tx)
{
    if (tx->ttl)
        return tx->ttl;
    if (addr_is_multicast(&tx->dst))
        return 1; /* RFC 1112 6.1; the same for IPv6, as in Linux */
    if (iface->hop_limit && !addr_is_v4(&tx->dst))
        return iface->hop_limit;
    return net->env->config.ttl;
}

static size_t header4(struct ft_net *net, const struct net_iface *iface, const struct ft_ip_tx *tx,
                      const struct net_ip_hdr *hdr, uint8_t *buf, size_t cap)
{
    bool df = !tx->may_frag && !hdr->is_frag;
    size_t hdr_len = IP4_HDR_LEN + (tx->router_alert ? IP4_ROUTER_ALERT_LEN : 0u);
    struct ip4_hdr ip = {
        .src = tx->src,
        .dst = tx->dst,
        .total_len = (uint16_t)(hdr_len + hdr->payload_len),
        .id = (uint16_t)hdr->id,
        .frag_off = (uint16_t)hdr->offset,
        .tos = tx->tos,
        .ttl = ttl_of(net, iface, tx),
        .proto = tx->proto,
        .df = df,
        .mf = hdr->more,
        .router_alert = tx->router_alert,
    };

    ft_assert(hdr_len + hdr->payload_len <= IP4_PKT_LEN_MAX);
    if (!df && !hdr->is_frag)
        ip.id = (uint16_t)ft_rng_u32(&net->env->rng);
    return ip4_emit(buf, cap, &ip);
}

static size_t header6(struct ft_net *net, const struct net_iface *iface, const struct ft_ip_tx *tx,
                      const struct net_ip_hdr *hdr, uint8_t *buf, size_t cap)
{
    uint32_t ext = hdr->is_frag ? IP6_FRAG_HDR_LEN : 0;
    struct ip6_hdr ip = {
        .src = tx->src,
        .dst = tx->dst,
        .flow = tx->flow_label & 0xfffff,
        .payload_len = (uint16_t)(hdr->payload_len + ext),
        .tclass = tx->tos,
        .next = hdr->is_frag ? IP_PROTO_FRAGMENT : tx->proto,
        .hop_limit = ttl_of(net, iface, tx),
    };
    struct ip6_frag frag = {
        .id = hdr->id,
        .off = (uint16_t)hdr->offset,
        .next = tx->proto,
        .more = hdr->more,
    };
    size_t n;

    ft_assert(hdr->payload_len + ext <= UINT16_MAX);
    n = ip6_emit(buf, cap, &ip);
    if (n && hdr->is_frag)
        n += ip6_frag_emit(buf + n, cap - n, &frag);
    return n;
}

size_t ft_ip_header(struct ft_net *net, const struct net_iface *iface, const struct ft_ip_tx *tx,
                    const struct net_ip_hdr *hdr, uint8_t *buf, size_t cap)
{
    if (addr_is_v4(&tx->dst))
        return header4(net, iface, tx, hdr, buf, cap);
    return header6(net, iface, tx, hdr, buf, cap);
}

/* The link header, once the neighbour is known; else the flow waits for it. */
static enum ft_tx_result begin_link(struct ft_net *net, struct net_iface *iface,
                                    const struct ft_path *path, struct ft_flow *waiter,
                                    struct ft_frame *frame)
{
    uint8_t mac[ETH_ADDR_LEN] = {0};
    struct net_neigh *n = NULL;
    enum ft_tx_result result = ft_link_resolve(net, iface, &path->next_hop, mac, &n);
    bool is_v4 = addr_is_v4(&path->next_hop);

    if (result == FT_TX_WAIT && waiter) {
        ft_flow_idle(net, waiter);
        waiter->place = FT_FLOW_WAIT;
        waiter->ifindex = (uint16_t)iface->ifindex;
        list_push_back(&n->flows, &waiter->node);
    }
    if (result != FT_TX_READY)
        return result;
    ft_frame_reset(net, frame);
    frame->len = (uint32_t)ft_link_header(iface, mac, is_v4 ? ETH_TYPE_IP4 : ETH_TYPE_IP6, frame);
    return FT_TX_READY;
}

enum ft_tx_result ft_ip_begin(struct ft_net *net, const struct ft_path *path,
                              const struct ft_ip_tx *tx, struct ft_flow *waiter,
                              struct ft_frame *frame)
{
    struct net_iface *iface = ft_iface_get(net, path->ifindex);
    struct net_ip_hdr hdr = {.payload_len = tx->l4_len};
    enum ft_tx_result result;
    size_t n;

    ft_assert(iface != NULL);
    result = begin_link(net, iface, path, waiter, frame);
    if (result != FT_TX_READY)
        return result;
    n = ft_ip_header(net, iface, tx, &hdr, frame->buf + frame->len, frame->cap - frame->len);
    ft_assert(n > 0); /* ft_output has seen to cap */
    frame->len += (uint32_t)n;
    return FT_TX_READY;
}

uint32_t ft_ip_frag_room(const struct ft_ip_tx *tx, uint32_t mtu)
{
    uint32_t hdr_len = addr_is_v4(&tx->dst) ? IP4_HDR_LEN : IP6_HDR_LEN + IP6_FRAG_HDR_LEN;

    ft_assert(mtu >= IP4_MTU_MIN && mtu > hdr_len + 8);
    return (mtu - hdr_len) & ~7u;
}

uint32_t ft_ip_frag_id(struct ft_net *net, const struct ft_addr *src, const struct ft_addr *dst)
{
    /* RFC 7739 5.3: a random number each time depends on nothing that others can see. */
    (void)src;
    (void)dst;
    return ft_rng_u32(&net->env->rng);
}

enum ft_tx_result ft_ip_fragment(struct ft_net *net, const struct ft_path *path,
                                 const struct ft_ip_tx *tx, const uint8_t *l4, uint32_t id,
                                 struct ft_flow *waiter, struct ft_frame *frame, uint32_t *offset)
{
    struct net_iface *iface = ft_iface_get(net, path->ifindex);
    struct net_ip_hdr hdr = {.id = id, .offset = *offset, .is_frag = true};
    enum ft_tx_result result;
    size_t n;

    ft_assert(iface != NULL);
    ft_assert(*offset < tx->l4_len);
    hdr.payload_len = FT_MIN(ft_ip_frag_room(tx, path->mtu), tx->l4_len - *offset);
    hdr.more = *offset + hdr.payload_len < tx->l4_len;
    result = begin_link(net, iface, path, waiter, frame);
    if (result != FT_TX_READY)
        return result;
    n = ft_ip_header(net, iface, tx, &hdr, frame->buf + frame->len, frame->cap - frame->len);
    ft_assert(n > 0); /* ft_output has seen to cap */
    frame->len += (uint32_t)n;
    if (frame->cap - frame->len >= hdr.payload_len) {
        memcpy(frame->buf + frame->len, l4 + *offset, hdr.payload_len);
        net->env->counters.steps_octets_copied += hdr.payload_len;
        frame->len += hdr.payload_len;
    } else if (frame->flags & FT_FRAME_LINEAR) {
        return FT_TX_FAIL; /* less than ft_if_config says that it takes */
    } else {
        frame->spans[0] = (struct ft_span){(uint8_t *)(uintptr_t)l4 + *offset, hdr.payload_len};
        frame->n_spans = 1;
    }
    net->env->counters.fragments_out++;
    *offset += hdr.payload_len;
    return FT_TX_READY;
}
