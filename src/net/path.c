/* SPDX-License-Identifier: MIT */
/*
 * Paths: from a destination to interface, next hop, source address and MTU. A small direct-mapped
 * cache answers on the hot path; each change of addresses, routes, MTUs or interfaces makes all of
 * it stale by a number. RFC 1122 3.3.1.2, RFC 4861 5.2.
 */
#include <errno.h>

#include "priv.h"

struct ask {
    const struct ft_addr *dst, *src;
    int bound_if;
};

/* A cache line of the table can only be fought over, not made long, so a cheap mix does. */
static struct net_path_slot *slot_of(struct ft_net *net, const struct ask *ask)
{
    uint64_t x = ask->dst->hi * UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ (x >> 29) ^ ask->dst->lo) * UINT64_C(0xbf58476d1ce4e5b9);
    x ^= (ask->src->lo + (uint64_t)(unsigned)ask->bound_if) * UINT64_C(0x94d049bb133111eb);
    return &net->paths[(x ^ x >> 32 ^ x >> 48) % NET_PATH_SLOTS];
}

/* The interface for a multicast or broadcast destination that no route names. */
static struct net_iface *group_iface(const struct ft_net *net, const struct ask *ask)
{
    if (ask->bound_if)
        return ft_iface_get(net, ask->bound_if);
    for (uint32_t i = 0; i < net->n_ifs; i++) {
        struct net_iface *iface = net->ifs[i];

        if (iface->type == FT_IF_LOOPBACK)
            continue;
        ft_list_for_each (node, &iface->addrs) {
            const struct net_addr *a = ft_container_of(node, struct net_addr, node);

            if (addr_is_v4(&a->addr) == addr_is_v4(ask->dst) && ft_addr_usable(a))
                return iface;
        }
    }
    return NULL;
}

/* Interface and next hop. */
static struct net_iface *next_hop(struct ft_net *net, const struct ask *ask,
                                  enum ft_addr_class class, struct ft_addr *ret_hop,
                                  ft_time *ret_expires)
{
    const struct net_route *r = NULL;
    bool scoped = !addr_is_v4(ask->dst) && addr_is_link_local(ask->dst);

    *ret_hop = *ask->dst;
    if (class == FT_ADDR_MULTICAST || addr_is_broadcast(ask->dst)) {
        if (!ask->bound_if)
            r = ft_route_find(net, ask->dst, 0);
        return r ? ft_iface_get(net, r->ifindex) : group_iface(net, ask);
    }
    r = ft_route_find(net, ask->dst, ask->bound_if);
    if (r && !(scoped && ask->bound_if)) {
        if (!addr_is_any(&r->gateway))
            *ret_hop = r->gateway;
        *ret_expires = FT_MIN(*ret_expires, r->expires_at);
        return ft_iface_get(net, r->ifindex);
    }
    /* A link-local address is on the link that was named. So is, as in Linux, every IPv4 address
       for a socket that is bound to an interface on which no route leads there. */
    if (ask->bound_if && (scoped || addr_is_v4(ask->dst)))
        return ft_iface_get(net, ask->bound_if);
    return NULL;
}

static void fill(struct ft_path *path, const struct net_iface *iface, const struct ft_addr *dst)
{
    path->ifindex = iface->ifindex;
    path->mtu = path->if_mtu = ft_iface_mtu(iface, dst);
    path->gso_max = iface->gso_max;
    path->if_flags = iface->flags;
}

static int find_local(const struct ft_net *net, const struct ask *ask, struct ft_path *path)
{
    if (!net->loopback)
        return -ENETUNREACH;
    fill(path, net->loopback, ask->dst);
    path->local = true;
    path->next_hop = *ask->dst;
    path->src = *ask->src;
    if (addr_is_any(ask->src)) {
        path->src = *ask->dst;
        if (addr_is_v4(ask->dst) && addr_is_loopback(ask->dst))
            path->src = addr_v4(0x7f000001);
    }
    return 0;
}

/* A group on the loopback interface: among sockets of this host (IP_MULTICAST_IF 127.0.0.1). */
static int group_on_loopback(const struct net_iface *iface, const struct ask *ask,
                             struct ft_path *path)
{
    fill(path, iface, ask->dst);
    path->local = true;
    path->next_hop = *ask->dst;
    path->src = *ask->src;
    if (addr_is_any(ask->src))
        path->src = addr_is_v4(ask->dst) ? addr_v4(0x7f000001) : (struct ft_addr){.hi = 0, .lo = 1};
    return 0;
}

static int find_slow(struct ft_net *net, const struct ask *ask, struct ft_path *path,
                     ft_time *ret_expires)
{
    const struct net_iface *bound = ft_iface_get(net, ask->bound_if);
    enum ft_addr_class class = ft_addr_class_on(net, bound, ask->dst);
    const struct net_addr *src;
    struct net_iface *iface;

    if (class == FT_ADDR_ANY || (ask->bound_if && !bound))
        return -ENETUNREACH;
    if (class == FT_ADDR_LOCAL)
        return find_local(net, ask, path);
    iface = next_hop(net, ask, class, &path->next_hop, ret_expires);
    /* RFC 1122 3.2.1.3 (g): loopback addresses stay inside the host. */
    if (!iface)
        return -ENETUNREACH;
    if (iface->type == FT_IF_LOOPBACK && class == FT_ADDR_MULTICAST)
        return group_on_loopback(iface, ask, path);
    if (iface->type == FT_IF_LOOPBACK || addr_is_loopback(ask->src))
        return -ENETUNREACH;
    fill(path, iface, ask->dst);
    path->src = *ask->src;
    if (addr_is_any(ask->src)) {
        src = ft_srcaddr_choose(net, iface, ask->dst, &path->next_hop);
        if (!src)
            return -EADDRNOTAVAIL;
        path->src = src->addr;
    }
    *ret_expires = FT_MIN(*ret_expires, ft_pmtu_get(net, ask->dst, path));
    return 0;
}

int ft_path_find(struct ft_net *net, const struct ft_addr *dst, const struct ft_addr *src,
                 int bound_if, struct ft_path *ret_path)
{
    const struct ask ask = {.dst = dst, .src = src, .bound_if = bound_if};
    struct net_path_slot *slot = slot_of(net, &ask);
    struct ft_path path = {.ifindex = 0};
    ft_time expires = FT_TIME_NEVER;
    int err;

    if (slot->gen == net->gen && slot->expires_at > net->env->now && addr_eq(&slot->dst, dst) &&
        addr_eq(&slot->src, src) && slot->bound_if == bound_if) {
        *ret_path = slot->path;
        return 0;
    }
    err = find_slow(net, &ask, &path, &expires);
    if (err < 0)
        return err;
    ft_assert(path.ifindex != 0);
    *slot = (struct net_path_slot){
        .dst = *dst,
        .src = *src,
        .expires_at = expires,
        .gen = net->gen,
        .bound_if = bound_if,
        .path = path,
    };
    *ret_path = path;
    return 0;
}

static struct net_neigh *neigh_of(struct ft_net *net, const struct ft_addr *dst, int bound_if)
{
    struct ft_addr any = addr_any();
    struct net_iface *iface;
    struct ft_path path;

    if (ft_path_find(net, dst, &any, bound_if, &path) < 0 || path.local)
        return NULL;
    iface = ft_iface_get(net, path.ifindex);
    return iface->neighs ? ft_neigh_find(net, iface, &path.next_hop) : NULL;
}

void ft_path_confirm(struct ft_net *net, const struct ft_addr *dst, int bound_if)
{
    struct net_neigh *n = neigh_of(net, dst, bound_if);

    if (n)
        ft_neigh_confirm(net, n);
}

void ft_path_doubt(struct ft_net *net, const struct ft_addr *dst, int bound_if)
{
    struct net_neigh *n = neigh_of(net, dst, bound_if);

    if (n)
        ft_neigh_doubt(net, n);
}
