/* SPDX-License-Identifier: MIT */
/*
 * Neighbour discovery for IPv6: solicitations and advertisements, sent and answered. What routers
 * say goes to slaac.c, what is learnt of neighbours to neigh.c; redirects are not followed.
 * RFC 4861 7, RFC 4862 5.4, RFC 4429, RFC 6980, RFC 7527.
 */
#include "wire/ndp.h"

#include <string.h>

#include "base/rng.h"
#include "wire/icmp6.h"
#include "wire/ip.h"

#include "priv.h"

#define ND_HOP_LIMIT 255

static const struct ft_addr all_nodes = {UINT64_C(0xff02) << 48, 1};

/* Send a message. @mac: to whom; NULL: as the next hop resolves. */
static void send_msg(struct ft_net *net, struct net_iface *iface, const struct ip6_hdr *ip,
                     const uint8_t *mac, const struct ndp_msg *msg)
{
    uint8_t buf[NDP_MSG_LEN_MAX];
    size_t len = ndp_emit(buf, sizeof(buf), ip, msg);
    struct ft_ip_tx tx = {
        .src = ip->src,
        .dst = ip->dst,
        .l4_len = (uint32_t)len,
        .proto = IP_PROTO_ICMP6,
        .ttl = ND_HOP_LIMIT,
    };
    struct net_ctl_ip out = {.tx = &tx, .next_hop = &ip->dst, .mac = mac, .l4 = buf, .vital = true};

    ft_assert(len > 0);
    (void)ft_ctl_send_on(net, iface, &out); /* dropped and counted if the queue is full */
}

void ft_ndp_solicit(struct ft_net *net, struct net_iface *iface, const struct ft_addr *target,
                    const uint8_t *mac)
{
    const struct net_addr *src = ft_srcaddr_choose(net, iface, target, target);
    struct ndp_msg msg = {.type = ICMP6_NS, .target = *target};
    struct ip6_hdr ip = {.dst = mac ? *target : addr_solicited_node(target)};

    if (!src)
        return;
    ip.src = src->addr;
    /* RFC 4429 3.2: not while the address may turn out to be somebody else's. */
    msg.has_sllao = src->state != FT_ADDR_OPTIMISTIC;
    memcpy(msg.sllao, iface->mac, ETH_ADDR_LEN);
    send_msg(net, iface, &ip, mac, &msg);
}

void ft_ndp_probe(struct ft_net *net, struct net_addr *a)
{
    struct ndp_msg msg = {.type = ICMP6_NS, .target = a->addr, .has_nonce = true};
    struct ip6_hdr ip = {.src = addr_any(), .dst = addr_solicited_node(&a->addr)};

    ft_rng_bytes(&net->env->rng, a->nonce, sizeof(a->nonce));
    memcpy(msg.nonce, a->nonce, sizeof(msg.nonce));
    send_msg(net, a->iface, &ip, NULL, &msg);
}

/* An advertisement of an address of ours. @dst: all nodes if nobody in particular asked. @mac: as
   for send_msg(). */
static void advertise(struct ft_net *net, const struct net_addr *a, const struct ft_addr *dst,
                      const uint8_t *mac)
{
    struct ndp_msg msg = {
        .type = ICMP6_NA,
        .target = a->addr,
        .solicited = !addr_is_multicast(dst),
        .override = a->state != FT_ADDR_OPTIMISTIC, /* RFC 4429 3.3 */
        .has_tllao = true,
    };
    struct ip6_hdr ip = {.src = a->addr, .dst = *dst};

    memcpy(msg.tllao, a->iface->mac, ETH_ADDR_LEN);
    send_msg(net, a->iface, &ip, mac, &msg);
}

void ft_ndp_announce(struct ft_net *net, const struct net_addr *a)
{
    advertise(net, a, &all_nodes, NULL);
}

/* RFC 4862 5.4.3: somebody probes for an address of ours. */
static void probed(struct ft_net *net, struct net_in *in, struct net_addr *a,
                   const struct ndp_msg *msg)
{
    bool looped = memcmp(in->mac, in->iface->mac, ETH_ADDR_LEN) == 0;

    /* RFC 7527 4.2: our own probe, come back. */
    if (msg->has_nonce)
        looped = a->n_probes > 0 && memcmp(msg->nonce, a->nonce, sizeof(a->nonce)) == 0;
    if (looped)
        return;
    if (a->state == FT_ADDR_TENTATIVE)
        ft_dad_conflict(net, a);
    else
        /* Also when optimistic, so that who came first keeps it. */
        advertise(net, a, &all_nodes, NULL);
}

static enum ft_net_verdict solicited(struct ft_net *net, struct net_in *in,
                                     const struct ip6_hdr *ip, const struct ndp_msg *msg)
{
    struct net_addr *a = ft_addr_find(net, in->iface, &msg->target);
    bool known;

    if (!a || a->state == FT_ADDR_DUPLICATE)
        return ft_in_done(in, FT_RX_DROP_CONTROL);
    if (addr_is_any(&ip->src)) {
        probed(net, in, a, msg);
        return ft_in_done(in, FT_RX_CONTROL);
    }
    /* RFC 4862 5.4.3: a tentative address has no neighbours yet. RFC 4861 7.1.1: who asks is on
       the link. */
    if (!ft_addr_usable(a) || !ft_route_on_link(net, in->iface->ifindex, &ip->src))
        return ft_in_done(in, FT_RX_DROP_CONTROL);
    if (msg->has_sllao)
        ft_neigh_learn(net, in->iface, &ip->src, msg->sllao);
    /* One that is optimistic may not say where it is (RFC 4429 3.2). Were we to ask in turn, being
       optimistic too, both would wait for each other; so the answer goes back the way the question
       came. No entry is made of it. */
    known = ft_neigh_known(net, in->iface, &ip->src);
    advertise(net, a, &ip->src, known || !eth_is_station(in->mac) ? NULL : in->mac);
    return ft_in_done(in, FT_RX_CONTROL);
}

static enum ft_net_verdict advertised(struct ft_net *net, struct net_in *in,
                                      const struct ndp_msg *msg)
{
    struct net_addr *a = ft_addr_find(net, in->iface, &msg->target);
    struct net_neigh_news news = {
        .addr = msg->target,
        .mac = msg->has_tllao ? msg->tllao : NULL,
        .solicited = msg->solicited,
        .override = msg->override,
        .is_router = msg->router,
    };

    if (a && a->state != FT_ADDR_DUPLICATE) {
        /* RFC 4862 5.4.4. Our own announcement, come back, is no conflict. */
        if (memcmp(in->mac, in->iface->mac, ETH_ADDR_LEN) != 0)
            ft_dad_conflict(net, a);
        return ft_in_done(in, FT_RX_DROP_CONTROL);
    }
    ft_neigh_advert(net, in->iface, &news);
    return ft_in_done(in, FT_RX_CONTROL);
}

enum ft_net_verdict ft_ndp_input(struct ft_net *net, struct net_in *in, const struct ip6_hdr *ip)
{
    struct ndp_msg msg;

    /* RFC 6980 5: never in fragments. */
    if (in->had_frag || in->iface->type != FT_IF_ETHER)
        return ft_in_done(in, FT_RX_DROP_CONTROL);
    if (ndp_parse(ip, in->rx->l4, in->rx->l4_len, &msg) < 0)
        return ft_in_done(in, FT_RX_DROP_CONTROL);
    if (msg.type == ICMP6_NA)
        return advertised(net, in, &msg);
    /* Nobody else speaks with our address; see ft_ip6_input(). */
    if (ft_addr_class_on(net, in->iface, &ip->src) == FT_ADDR_LOCAL)
        return ft_in_done(in, FT_RX_DROP_MARTIAN);
    if (msg.type == ICMP6_NS)
        return solicited(net, in, ip, &msg);
    if (msg.type == ICMP6_RA && in->iface->flags & FT_IF_SLAAC)
        return ft_slaac_advert(net, in, &ip->src, &msg);
    return ft_in_done(in, FT_RX_DROP_CONTROL);
}
