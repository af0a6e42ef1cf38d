/* SPDX-License-Identifier: MIT */
/*
 * The control queue of an interface: replies that no socket stands behind, as bounded records.
 * Full means drop and count. It knows how a record becomes a frame, not what is in it.
 */
#include <errno.h>
#include <string.h>

#include "wire/be.h"
#include "wire/ip.h"

#include "priv.h"

#define TCP_SEQ_END   8u  /* ports and sequence number */
#define TCP_FLAGS_END 14u /* up to the flags */
#define TCP_KIND_MASK 0x3fu

static struct net_ctl *ctl_new(struct ft_net *net, struct net_iface *iface, size_t len, bool vital)
{
    uint32_t max = net->env->config.limits.control_max;
    struct net_ctl *ctl = NULL;

    /* ARP and ND answer even when strangers have made us fill the rest with replies. */
    if (iface->n_ctl < (vital ? max : max - max / 4))
        ctl = ft_mem_alloc(&net->env->mem, sizeof(*ctl) + len);
    if (!ctl) {
        net->env->counters.control_dropped++;
        return NULL;
    }
    list_init(&ctl->node);
    ctl->len = (uint32_t)len;
    iface->n_ctl++;
    return ctl;
}

void ft_ctl_free(struct ft_net *net, struct net_iface *iface, struct net_ctl *ctl)
{
    ft_assert(iface->n_ctl > 0);
    list_remove(&ctl->node);
    iface->n_ctl--;
    ft_mem_free(&net->env->mem, ctl, sizeof(*ctl) + ctl->len);
}

void ft_ctl_drop(struct ft_net *net, struct net_iface *iface, struct net_ctl *ctl)
{
    net->env->counters.control_dropped++;
    ft_ctl_free(net, iface, ctl);
}

void ft_ctl_send_link(struct ft_net *net, struct net_iface *iface, const uint8_t *mac,
                      const uint8_t *arp, size_t len)
{
    struct net_ctl *ctl = ctl_new(net, iface, len, true);

    if (!ctl)
        return;
    ctl->has_mac = true;
    ctl->ethertype = ETH_TYPE_ARP;
    memcpy(ctl->mac, mac, ETH_ADDR_LEN);
    memcpy(ctl->data, arp, len);
    list_push_back(&iface->ctl, &ctl->node);
}

/* One packet, or one fragment of it, as a record. */
static int queue_part(struct ft_net *net, struct net_iface *iface, const struct net_ctl_ip *ip,
                      const struct net_ip_hdr *hdr)
{
    bool is_v4 = addr_is_v4(&ip->tx->dst);
    size_t room = is_v4 ? IP4_HDR_LEN + (ip->tx->router_alert ? IP4_ROUTER_ALERT_LEN : 0u)
                        : IP6_HDR_LEN + (hdr->is_frag ? IP6_FRAG_HDR_LEN : 0u);
    struct net_ctl *ctl = ctl_new(net, iface, room + hdr->payload_len, ip->vital);
    size_t len;

    if (!ctl)
        return -ENOBUFS;
    ctl->next_hop = *ip->next_hop;
    ctl->ethertype = is_v4 ? ETH_TYPE_IP4 : ETH_TYPE_IP6;
    if (ip->mac) {
        ctl->has_mac = true;
        memcpy(ctl->mac, ip->mac, ETH_ADDR_LEN);
    }
    len = ft_ip_header(net, iface, ip->tx, hdr, ctl->data, room);
    ft_assert(len == room);
    memcpy(ctl->data + len, ip->l4 + hdr->offset, hdr->payload_len);
    net->env->counters.steps_octets_copied += hdr->payload_len;
    list_push_back(&iface->ctl, &ctl->node);
    return 0;
}

int ft_ctl_send_on(struct ft_net *net, struct net_iface *iface, const struct net_ctl_ip *ip)
{
    struct net_ip_hdr hdr = {.payload_len = ip->tx->l4_len};

    if (ip->tx->l4_len > IP4_PKT_LEN_MAX - IP4_HDR_LEN)
        return -ENOBUFS;
    return queue_part(net, iface, ip, &hdr);
}

/* A long echo reply leaves in fragments. All of them fit, or none is queued. */
static int send_fragments(struct ft_net *net, struct net_iface *iface, uint32_t mtu,
                          const struct net_ctl_ip *ip)
{
    uint32_t room = ft_ip_frag_room(ip->tx, mtu);
    uint32_t n = (ip->tx->l4_len + room - 1) / room;
    uint32_t max = net->env->config.limits.control_max;
    struct net_ip_hdr hdr = {.is_frag = true};

    if (ip->tx->l4_len > IP4_PKT_LEN_MAX - IP4_HDR_LEN || iface->n_ctl + n > max - max / 4) {
        net->env->counters.control_dropped++;
        return -ENOBUFS;
    }
    hdr.id = ft_ip_frag_id(net, &ip->tx->src, &ip->tx->dst);
    for (; hdr.offset < ip->tx->l4_len; hdr.offset += room) {
        hdr.payload_len = FT_MIN(room, ip->tx->l4_len - hdr.offset);
        hdr.more = hdr.offset + hdr.payload_len < ip->tx->l4_len;
        if (queue_part(net, iface, ip, &hdr) < 0)
            return -ENOBUFS;
        net->env->counters.fragments_out++;
    }
    return 0;
}

int ft_ctl_send(struct ft_net *net, const struct ft_ip_tx *tx, const uint8_t *l4)
{
    struct ft_ip_tx full = *tx;
    struct net_ctl_ip ip = {.tx = &full, .l4 = l4};
    struct ft_path path;
    uint32_t hdr_len = addr_is_v4(&tx->dst) ? IP4_HDR_LEN : IP6_HDR_LEN;
    int err = ft_path_find(net, &tx->dst, &tx->src, tx->bound_if, &path);

    if (err < 0)
        return -ENETUNREACH;
    full.src = path.src;
    ip.next_hop = &path.next_hop;
    if (tx->l4_len + hdr_len > path.mtu && tx->proto != IP_PROTO_TCP)
        return send_fragments(net, ft_iface_get(net, path.ifindex), path.mtu, &ip);
    return ft_ctl_send_on(net, ft_iface_get(net, path.ifindex), &ip);
}

/* What a segment is: its flags but for those of ECN, and of AE in the octet before, in which a
   SYN-ACK that is made again may differ from the first. */
static uint8_t kind_of(const uint8_t *tcp)
{
    return tcp[TCP_FLAGS_END - 1] & TCP_KIND_MASK;
}

/* Whether two records say the same of the same TCP connection: all but acknowledgement, window and
   options are equal. */
static bool says_the_same(const struct net_ctl *a, const struct net_ctl *b)
{
    bool is_v4 = a->ethertype == ETH_TYPE_IP4;
    size_t hdr = is_v4 ? IP4_HDR_LEN : IP6_HDR_LEN;
    size_t addrs = is_v4 ? 12 : 8;

    if (a->ethertype != b->ethertype || FT_MIN(a->len, b->len) < hdr + TCP_FLAGS_END)
        return false;
    if (a->data[is_v4 ? 9 : 6] != IP_PROTO_TCP || b->data[is_v4 ? 9 : 6] != IP_PROTO_TCP)
        return false;
    return memcmp(a->data + addrs, b->data + addrs, hdr - addrs + TCP_SEQ_END) == 0 &&
           kind_of(a->data + hdr) == kind_of(b->data + hdr);
}

/* A SYN-ACK that was made again while its neighbour was asked for: both would leave together, and
   the old one, held up, after what followed it, with a timestamp that goes back (RFC 7323 3.2). */
static void drop_older(struct ft_net *net, struct net_iface *iface, struct net_neigh *n,
                       const struct net_ctl *ctl)
{
    ft_list_for_each (node, &n->ctls) {
        struct net_ctl *old = ft_container_of(node, struct net_ctl, node);

        net->env->counters.steps_list_nodes++;
        if (says_the_same(old, ctl)) {
            n->n_ctls--;
            iface->n_ctl_waiting--;
            ft_ctl_drop(net, iface, old);
            return;
        }
    }
}

/* Whether the record is the TCP segment with these addresses, ports, number and flags. */
static bool is_segment(const struct net_ctl *ctl, const struct ft_ip_tx *tx, const uint8_t *tcp)
{
    bool is_v4 = addr_is_v4(&tx->dst);
    size_t hdr = is_v4 ? IP4_HDR_LEN : IP6_HDR_LEN;
    uint8_t addrs[32];

    if (ctl->ethertype != (is_v4 ? ETH_TYPE_IP4 : ETH_TYPE_IP6) || ctl->len < hdr + TCP_FLAGS_END ||
        ctl->data[is_v4 ? 9 : 6] != IP_PROTO_TCP)
        return false;
    if (is_v4) {
        addr_store4(addrs, &tx->src);
        addr_store4(addrs + 4, &tx->dst);
    } else {
        addr_store16(addrs, &tx->src);
        addr_store16(addrs + 16, &tx->dst);
    }
    return memcmp(ctl->data + (is_v4 ? 12 : 8), addrs, is_v4 ? 8 : 32) == 0 &&
           memcmp(ctl->data + hdr, tcp, TCP_SEQ_END) == 0 &&
           kind_of(ctl->data + hdr) == kind_of(tcp);
}

void ft_ctl_cancel(struct ft_net *net, const struct ft_ip_tx *tx, const uint8_t *tcp)
{
    struct ft_path path;

    if (ft_path_find(net, &tx->dst, &tx->src, tx->bound_if, &path) < 0)
        return;
    struct net_iface *iface = ft_iface_get(net, path.ifindex);
    ft_list_for_each (node, &iface->ctl) {
        struct net_ctl *ctl = ft_container_of(node, struct net_ctl, node);

        net->env->counters.steps_list_nodes++;
        if (is_segment(ctl, tx, tcp))
            ft_ctl_free(net, iface, ctl);
    }
}

/* Those that wait take half of the queue at most: what strangers make us say to hosts that are not
   there (a flood of SYNs in the names of neighbours, A-90) leaves room for the others. */
static bool may_wait(const struct ft_net *net, const struct net_iface *iface,
                     const struct net_neigh *n)
{
    const struct ft_limits *limits = &net->env->config.limits;

    return n->n_ctls < limits->neighbour_queue_max &&
           iface->n_ctl_waiting < limits->control_max / 2;
}

/* Whether the record is in the frame. Else it waits for its neighbour, or is gone. */
static bool output_one(struct ft_net *net, struct net_iface *iface, struct net_ctl *ctl,
                       struct ft_frame *frame)
{
    enum ft_tx_result result = FT_TX_READY;
    struct net_neigh *n = NULL;

    if (iface->headroom + ETH_HDR_LEN + (size_t)ctl->len > frame->cap)
        result = FT_TX_FAIL;
    else if (!ctl->has_mac)
        result = ft_link_resolve(net, iface, &ctl->next_hop, ctl->mac, &n);
    if (result == FT_TX_WAIT)
        drop_older(net, iface, n, ctl);
    if (result == FT_TX_WAIT && may_wait(net, iface, n)) {
        list_push_back(&n->ctls, &ctl->node);
        n->n_ctls++;
        iface->n_ctl_waiting++;
        return false;
    }
    if (result != FT_TX_READY) {
        ft_ctl_drop(net, iface, ctl);
        return false;
    }
    ft_frame_reset(net, frame);
    frame->len = (uint32_t)ft_link_header(iface, ctl->mac, ctl->ethertype, frame);
    memcpy(frame->buf + frame->len, ctl->data, ctl->len);
    frame->len += ctl->len;
    ft_ctl_free(net, iface, ctl);
    return true;
}

bool ft_ctl_output(struct ft_net *net, int ifindex, struct ft_frame *frame)
{
    struct net_iface *iface = ft_iface_get(net, ifindex);
    struct ft_list *node;

    while (iface && (node = list_pop_front(&iface->ctl)))
        if (output_one(net, iface, ft_container_of(node, struct net_ctl, node), frame))
            return true;
    return false;
}
