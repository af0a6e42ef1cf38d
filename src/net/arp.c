/* SPDX-License-Identifier: MIT */
/*
 * ARP: asking, answering, and noticing who claims an address of ours. What it learns goes to the
 * neighbour table; it makes an entry only for one who asks for us (attacks ).
 * RFC 826, RFC 1122 2.3.2, RFC 5227.
 */
#include "wire/arp.h"

#include <string.h>

#include "priv.h"

static const uint8_t everybody[ETH_ADDR_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void send_pkt(struct ft_net *net, struct net_iface *iface, const uint8_t *to,
                     const struct arp_pkt *pkt)
{
    uint8_t buf[ARP_PKT_LEN];
    size_t n = arp_emit(buf, sizeof(buf), pkt);

    ft_assert(n == ARP_PKT_LEN);
    ft_ctl_send_link(net, iface, to, buf, n);
}

void ft_arp_solicit(struct ft_net *net, struct net_iface *iface, const struct ft_addr *target,
                    const uint8_t *mac)
{
    const struct net_addr *src = ft_srcaddr_choose(net, iface, target, target);
    struct arp_pkt pkt = {.tpa = *target, .op = ARP_OP_REQUEST};

    if (!src)
        return;
    pkt.spa = src->addr;
    memcpy(pkt.sha, iface->mac, ETH_ADDR_LEN);
    send_pkt(net, iface, mac ? mac : everybody, &pkt);
}

void ft_arp_claim(struct ft_net *net, const struct net_addr *a, bool probe)
{
    struct arp_pkt pkt = {.spa = a->addr, .tpa = a->addr, .op = ARP_OP_REQUEST};

    if (probe)
        pkt.spa = addr_v4(0);
    memcpy(pkt.sha, a->iface->mac, ETH_ADDR_LEN);
    send_pkt(net, a->iface, everybody, &pkt);
}

static void reply(struct ft_net *net, struct net_iface *iface, const struct arp_pkt *req)
{
    struct arp_pkt pkt = {.spa = req->tpa, .tpa = req->spa, .op = ARP_OP_REPLY};

    memcpy(pkt.sha, iface->mac, ETH_ADDR_LEN);
    memcpy(pkt.tha, req->sha, ETH_ADDR_LEN);
    send_pkt(net, iface, req->sha, &pkt);
}

/* RFC 5227 2.1.1 and 2.4: somebody uses our address, or probes for one that we probe for. One that
   is in use optimistically is defended by the ordinary reply instead, so that who came first
   keeps it. */
static struct net_addr *conflicting(struct ft_net *net, struct net_iface *iface,
                                    const struct arp_pkt *pkt)
{
    struct net_addr *a;

    if (memcmp(pkt->sha, iface->mac, ETH_ADDR_LEN) == 0)
        return NULL;
    a = ft_addr_find(net, iface, &pkt->spa);
    if (a) /* one that we gave up is its owner's */
        return a->state != FT_ADDR_DUPLICATE ? a : NULL;
    if (!addr_is_any(&pkt->spa) || pkt->op != ARP_OP_REQUEST)
        return NULL;
    a = ft_addr_find(net, iface, &pkt->tpa);
    return a && a->state == FT_ADDR_TENTATIVE ? a : NULL;
}

static bool sender_sane(struct ft_net *net, const struct net_iface *iface,
                        const struct ft_addr *spa)
{
    if (addr_is_any(spa))
        return true;
    if (ft_addr_class_on(net, iface, spa) != FT_ADDR_UNICAST || addr_v4_of(spa) >> 28 == 0xf)
        return false;
    return addr_v4_of(spa) >> 24 != 0 && ft_route_on_link(net, iface->ifindex, spa);
}

enum ft_net_verdict ft_arp_input(struct ft_net *net, struct net_in *in)
{
    struct net_iface *iface = in->iface;
    struct net_addr *a;
    struct arp_pkt pkt;
    bool answer;

    if (!ft_in_linearize(net, in))
        return ft_in_done(in, FT_RX_DROP_MEMORY);
    if (arp_parse(in->l3, in->total, &pkt) < 0 || !eth_is_station(pkt.sha))
        return ft_in_done(in, FT_RX_DROP_CONTROL);
    a = conflicting(net, iface, &pkt);
    if (a) {
        ft_dad_conflict(net, a);
        return ft_in_done(in, FT_RX_DROP_CONTROL);
    }
    if (!sender_sane(net, iface, &pkt.spa))
        return ft_in_done(in, FT_RX_DROP_CONTROL);
    a = ft_addr_find(net, iface, &pkt.tpa);
    if (a && !ft_addr_usable(a))
        a = NULL;
    answer = a && pkt.op == ARP_OP_REPLY && memcmp(pkt.tha, iface->mac, ETH_ADDR_LEN) == 0;
    if (!addr_is_any(&pkt.spa)) {
        ft_neigh_claim(net, iface, &pkt.spa, pkt.sha, answer);
        if (a && pkt.op == ARP_OP_REQUEST && !ft_neigh_find(net, iface, &pkt.spa))
            ft_neigh_learn(net, iface, &pkt.spa, pkt.sha);
    }
    if (a && pkt.op == ARP_OP_REQUEST)
        reply(net, iface, &pkt);
    return ft_in_done(in, FT_RX_CONTROL);
}
