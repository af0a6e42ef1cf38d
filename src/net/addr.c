/* SPDX-License-Identifier: MIT */
/*
 * The addresses of this host: their table and what an address is to us. How an address comes into
 * use is in dad.c, which one is a source in srcaddr.c. RFC 1122 3.2.1.3, RFC 4291 2.8.
 */
#include <errno.h>

#include "priv.h"

static struct ft_list *bucket_of(const struct ft_net *net, const struct ft_addr *addr)
{
    size_t slot = (size_t)(ft_net_hash(net, addr, 0) % NET_ADDR_BUCKETS);

    return (struct ft_list *)&net->names[slot];
}

static void name_add(struct ft_net *net, struct net_name *name)
{
    list_push_back(bucket_of(net, &name->addr), &name->hash);
}

struct net_addr *ft_addr_find(const struct ft_net *net, const struct net_iface *iface,
                              const struct ft_addr *addr)
{
    ft_list_for_each (node, bucket_of(net, addr)) {
        struct net_name *name = ft_container_of(node, struct net_name, hash);
        struct net_addr *a = name->owner;

        net->env->counters.steps_list_nodes++;
        if (name == &a->name && addr_eq(&name->addr, addr) && (!iface || a->iface == iface))
            return a;
    }
    return NULL;
}

/* Ours or a broadcast address of ours, by one look into the table. */
static enum ft_addr_class class_by_table(const struct ft_net *net, const struct net_iface *iface,
                                         const struct ft_addr *addr)
{
    bool scoped = iface && !addr_is_v4(addr) && addr_is_link_local(addr);

    ft_list_for_each (node, bucket_of(net, addr)) {
        struct net_name *name = ft_container_of(node, struct net_name, hash);
        struct net_addr *a = name->owner;

        net->env->counters.steps_list_nodes++;
        if (!addr_eq(&name->addr, addr) || (scoped && a->iface != iface))
            continue;
        if (name == &a->bcast)
            return FT_ADDR_BROADCAST;
        if (ft_addr_usable(a))
            return FT_ADDR_LOCAL;
    }
    return FT_ADDR_UNICAST;
}

/* Both addresses of every packet are looked up, mostly the same ones again. Who chooses addresses
   so that they share a slot gains no more than the look into the table. */
static enum ft_addr_class class_by_cache(const struct ft_net *net, const struct net_iface *iface,
                                         const struct ft_addr *addr)
{
    uint64_t x = (addr->hi ^ addr->lo) * UINT64_C(0x9e3779b97f4a7c15);
    struct net_class_slot *slot = &net->classes[x >> 32 & (NET_CLASS_SLOTS - 1)];

    if (slot->gen != net->gen || slot->iface != iface || !addr_eq(&slot->addr, addr))
        *slot = (struct net_class_slot){
            .addr = *addr,
            .iface = iface,
            .gen = net->gen,
            .class = class_by_table(net, iface, addr),
        };
    return slot->class;
}

enum ft_addr_class ft_addr_class_on(const struct ft_net *net, const struct net_iface *iface,
                                    const struct ft_addr *addr)
{
    if (addr_is_any(addr))
        return FT_ADDR_ANY;
    if (addr_is_loopback(addr))
        return FT_ADDR_LOCAL;
    if (addr_is_multicast(addr))
        return FT_ADDR_MULTICAST;
    if (addr_is_broadcast(addr))
        return FT_ADDR_BROADCAST;
    return class_by_cache(net, iface, addr);
}

enum ft_addr_class ft_addr_classify(const struct ft_net *net, const struct ft_addr *addr)
{
    return ft_addr_class_on(net, NULL, addr);
}

/* ---- adding and removing --------------------------------------------------------------------- */

static struct net_route prefix_route(const struct net_addr *a)
{
    struct ft_addr mask = addr_mask(a->prefix_len + (addr_is_v4(&a->addr) ? 96u : 0u));
    struct net_route route = {
        .prefix = {.hi = a->addr.hi & mask.hi, .lo = a->addr.lo & mask.lo},
        .gateway = addr_any(),
        .expires_at = FT_TIME_NEVER,
        .ifindex = a->iface->ifindex,
        .plen = a->prefix_len,
        .origin = ROUTE_CONNECTED,
    };

    return route;
}

/* A prefix of one address only needs no route. RFC 5942: neither does one that a router did not
   call on-link, so addresses that were formed bring none along. */
static bool has_route(const struct net_addr *a)
{
    if (a->slaac && !addr_is_link_local(&a->addr))
        return false;
    return a->prefix_len < (addr_is_v4(&a->addr) ? 32 : 128);
}

static void init_addr(struct net_addr *a, struct net_iface *iface, const struct net_addr_spec *spec)
{
    a->iface = iface;
    a->addr = spec->addr;
    a->prefix_len = (uint8_t)spec->prefix_len;
    a->preferred_until = spec->preferred_until;
    a->valid_until = spec->valid_until;
    a->slaac = spec->slaac;
    a->n_tries = spec->n_tries;
    a->probe_first = (spec->flags & FT_ADDR_PROBE_FIRST) != 0;
    a->state = FT_ADDR_TENTATIVE;
    a->name = (struct net_name){.addr = spec->addr, .owner = a};
    a->bcast.owner = a;
    list_init(&a->node);
    list_init(&a->name.hash);
    list_init(&a->bcast.hash);
    ft_timer_init(&a->timer, FT_TIMER_ADDR);
    /* RFC 3021: a prefix of 31 bits has no broadcast address. */
    if (addr_is_v4(&a->addr) && a->prefix_len < 31)
        a->bcast.addr = addr_v4(addr_v4_of(&a->addr) | (UINT32_MAX >> a->prefix_len));
}

int ft_addr_new(struct ft_net *net, struct net_iface *iface, const struct net_addr_spec *spec)
{
    struct net_addr *a;
    struct net_route route;

    if (ft_addr_find(net, iface, &spec->addr))
        return -EEXIST;
    if (iface->n_addrs >= net->env->config.limits.addrs_max)
        return -ENOBUFS;
    a = ft_mem_alloc(&net->env->mem, sizeof(*a));
    if (!a)
        return -ENOBUFS;
    init_addr(a, iface, spec);
    route = prefix_route(a);
    if (has_route(a) && ft_route_insert(net, &route) < 0) {
        ft_mem_free(&net->env->mem, a, sizeof(*a));
        return -ENOBUFS;
    }
    list_push_back(&iface->addrs, &a->node);
    iface->n_addrs++;
    iface->n_slaac += a->slaac;
    name_add(net, &a->name);
    if (!addr_is_any(&a->bcast.addr))
        name_add(net, &a->bcast);
    ft_net_changed(net);
    ft_dad_start(net, a);
    return 0;
}

void ft_addr_free(struct ft_net *net, struct net_addr *a)
{
    struct net_route like = prefix_route(a);
    struct net_route *route = has_route(a) ? ft_route_get(net, &like) : NULL;
    bool is_v4 = addr_is_v4(&a->addr);

    if (route)
        ft_route_remove(net, route);
    ft_wheel_cancel(&net->env->wheel, &a->timer);
    list_remove(&a->node);
    list_remove(&a->name.hash);
    list_remove(&a->bcast.hash);
    a->iface->n_addrs--;
    a->iface->n_slaac -= a->slaac;
    if (!is_v4)
        ft_group_changed(net, a->iface);
    ft_mem_free(&net->env->mem, a, sizeof(*a));
    ft_net_changed(net);
}

/* ---- the calls ------------------------------------------------------------------------------- */

static bool spec_sane(const struct net_iface *iface, const struct ft_addr *addr,
                      unsigned prefix_len)
{
    uint32_t v4 = addr_v4_of(addr);

    if (addr_is_any(addr) || addr_is_multicast(addr) || addr_is_broadcast(addr))
        return false;
    if (addr_is_loopback(addr) && iface->type != FT_IF_LOOPBACK)
        return false;
    if (prefix_len < 1 || prefix_len > (addr_is_v4(addr) ? 32u : 128u))
        return false;
    if (!addr_is_v4(addr))
        return iface->mtu >= IP6_MTU_MIN;
    if (v4 >> 28 == 0xf || v4 >> 24 == 0)
        return false;
    return prefix_len >= 31 || (v4 | UINT32_MAX >> prefix_len) != v4;
}

int ft_net_addr_add(struct ft_net *net, int ifindex, const struct ft_addr *addr,
                    unsigned prefix_len, unsigned flags)
{
    struct net_iface *iface = ft_iface_get(net, ifindex);
    struct net_addr_spec spec = {
        .addr = *addr,
        .prefix_len = prefix_len,
        .flags = flags,
        .preferred_until = FT_TIME_NEVER,
        .valid_until = FT_TIME_NEVER,
    };

    if (!iface)
        return -ENODEV;
    if (!spec_sane(iface, addr, prefix_len) || flags & ~(unsigned)FT_ADDR_PROBE_FIRST)
        return -EINVAL;
    return ft_addr_new(net, iface, &spec);
}

int ft_net_addr_del(struct ft_net *net, int ifindex, const struct ft_addr *addr)
{
    struct net_iface *iface = ft_iface_get(net, ifindex);
    struct net_addr *a;

    if (!iface)
        return -ENODEV;
    a = ft_addr_find(net, iface, addr);
    if (!a)
        return -EADDRNOTAVAIL;
    ft_addr_free(net, a);
    return 0;
}

int ft_net_addr_state(const struct ft_net *net, int ifindex, const struct ft_addr *addr)
{
    const struct net_iface *iface = ft_iface_get(net, ifindex);
    const struct net_addr *a;

    if (!iface)
        return -ENODEV;
    a = ft_addr_find(net, iface, addr);
    return a ? a->state : -EADDRNOTAVAIL;
}

int ft_net_addrs(const struct ft_net *net, int ifindex, struct ft_addr_info *ret_addrs, size_t n)
{
    const struct net_iface *iface = ft_iface_get(net, ifindex);
    size_t i = 0;

    if (!iface)
        return -ENODEV;
    ft_list_for_each (node, &iface->addrs) {
        const struct net_addr *a = ft_container_of(node, struct net_addr, node);

        if (i < n)
            ret_addrs[i] = (struct ft_addr_info){
                .addr = a->addr, .prefix_len = a->prefix_len, .state = a->state};
        i++;
    }
    return (int)i;
}
