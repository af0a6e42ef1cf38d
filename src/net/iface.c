/* SPDX-License-Identifier: MIT */
/*
 * Interfaces, the life of the network layer, and the dispatch of its timers. It knows what a link
 * is told about (MTU, link address, headroom) and nothing of what goes over it.
 */
#include "net/net.h"

#include <errno.h>
#include <string.h>

#include "base/rng.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

#include "priv.h"

#define REACHABLE_BASE (30 * FT_SEC) /* RFC 4861 10: REACHABLE_TIME */
#define RETRANS_TIMER  (1 * FT_SEC)  /* RFC 4861 10: RETRANS_TIMER; Linux uses it for ARP too */
#define IF_MTU_MAX     65535u

struct net_iface *ft_iface_get(const struct ft_net *net, int ifindex)
{
    unsigned slot;

    if (ifindex < 1 || ifindex > NET_IFINDEX_MAX)
        return NULL;
    slot = net->by_index[ifindex];
    return slot ? net->ifs[slot - 1] : NULL;
}

uint32_t ft_iface_mtu(const struct net_iface *iface, const struct ft_addr *addr)
{
    if (iface->mtu6 && !addr_is_v4(addr))
        return FT_MIN(iface->mtu6, iface->mtu);
    return iface->mtu;
}

ft_time ft_net_random(struct ft_net *net, ft_time lo, ft_time hi)
{
    uint32_t us = (uint32_t)((hi - lo) / FT_US);

    ft_assert(lo <= hi && hi - lo < 3600 * FT_SEC);
    return lo + ft_rng_below(&net->env->rng, us + 1) * FT_US;
}

/* The tables whose size the limits say. False: refused; some may be there. */
static bool alloc_tables(struct ft_net *net)
{
    const struct ft_limits *limits = &net->env->config.limits;
    struct ft_mem *mem = &net->env->mem;
    uint32_t n_sets = 1;

    while (n_sets <= limits->pmtu_max / (NET_PMTU_WAYS * 2)) /* so that it cannot overflow */
        n_sets *= 2;
    net->n_pmtu_sets = n_sets;
    net->classes = ft_mem_alloc(mem, NET_CLASS_SLOTS * sizeof(*net->classes));
    if (!net->classes)
        return false;
    if (limits->pmtu_max >= NET_PMTU_WAYS) {
        net->pmtus = ft_mem_alloc(mem, n_sets * NET_PMTU_WAYS * sizeof(*net->pmtus));
        if (!net->pmtus)
            return false;
    }
    if (limits->routes_max > 0)
        net->routes = ft_mem_alloc(mem, limits->routes_max * sizeof(*net->routes));
    return net->routes || limits->routes_max == 0;
}

struct ft_net *ft_net_new(struct ft_env *env)
{
    struct ft_net *net = ft_mem_alloc(&env->mem, sizeof(*net));

    if (!net)
        return NULL;
    net->env = env;
    net->gen = 1;
    ft_derive(env->config.seed, "net tables", net->key, sizeof(net->key));
    ft_derive(env->config.seed, "net slaac", net->slaac_key, sizeof(net->slaac_key));
    for (size_t i = 0; i < NET_ADDR_BUCKETS; i++)
        list_init(&net->names[i]);
    for (size_t i = 0; i < NET_FRAG_BUCKETS; i++)
        list_init(&net->frags[i]);
    for (size_t i = 0; i < NET_FRAG_SOURCES; i++)
        list_init(&net->frag_sources[i]);
    list_init(&net->frag_age);
    ft_timer_init(&net->frag_timer, FT_TIMER_FRAG);
    if (!alloc_tables(net)) {
        ft_net_free(net);
        return NULL;
    }
    return net;
}

static void free_iface(struct ft_net *net, struct net_iface *iface)
{
    ft_list_for_each (node, &iface->addrs)
        ft_addr_free(net, ft_container_of(node, struct net_addr, node));
    ft_neigh_free_all(net, iface);
    ft_list_for_each (node, &iface->ready)
        ft_flow_idle(net, ft_container_of(node, struct ft_flow, node));
    ft_list_for_each (node, &iface->ctl)
        ft_ctl_free(net, iface, ft_container_of(node, struct net_ctl, node));
    ft_assert(iface->n_ctl == 0);
    ft_wheel_cancel(&net->env->wheel, &iface->router_timer);
    ft_group_free_all(net, iface);
    ft_mem_free(&net->env->mem, iface, sizeof(*iface));
}

void ft_net_free(struct ft_net *net)
{
    struct ft_env *env;

    if (!net)
        return;
    env = net->env;
    ft_frag_free_all(net);
    for (uint32_t i = 0; i < net->n_ifs; i++)
        free_iface(net, net->ifs[i]);
    ft_mem_free(&env->mem, net->classes, NET_CLASS_SLOTS * sizeof(*net->classes));
    if (net->pmtus)
        ft_mem_free(&env->mem, net->pmtus, net->n_pmtu_sets * NET_PMTU_WAYS * sizeof(*net->pmtus));
    if (net->routes)
        ft_mem_free(&env->mem, net->routes, env->config.limits.routes_max * sizeof(*net->routes));
    ft_mem_free(&env->mem, net->scratch, NET_SCRATCH_LEN);
    ft_mem_free(&env->mem, net, sizeof(*net));
}

/* ---- interfaces ------------------------------------------------------------------------------ */

static bool name_ends(const char name[FT_IF_NAME_MAX])
{
    for (size_t i = 0; i < FT_IF_NAME_MAX; i++)
        if (name[i] == '\0')
            return true;
    return false;
}

static bool config_sane(const struct ft_if_config *config)
{
    if (config->size != sizeof(*config) || !name_ends(config->name))
        return false;
    if (config->mtu < IP4_MTU_MIN || config->mtu > IF_MTU_MAX)
        return false;
    if (config->type != FT_IF_ETHER && config->type != FT_IF_IP && config->type != FT_IF_LOOPBACK)
        return false;
    if (config->type == FT_IF_ETHER && !eth_is_station(config->mac))
        return false;
    if (config->ifindex < 0 || config->ifindex > NET_IFINDEX_MAX || config->headroom > 4096)
        return false;
    return !(config->flags & FT_IF_TSO) ||
           (config->gso_max >= config->mtu && config->gso_max <= IP4_PKT_LEN_MAX);
}

static int choose_index(const struct ft_net *net, int wished)
{
    if (wished)
        return net->by_index[wished] ? -EEXIST : wished;
    for (int i = 1; i <= NET_IFINDEX_MAX; i++)
        if (!net->by_index[i])
            return i;
    return -ENOBUFS;
}

/* The bucket array is for the most entries that there may be, so it never grows. */
static bool make_neighs(struct ft_net *net, struct net_iface *iface)
{
    uint32_t n = 16;

    while (n < net->env->config.limits.neighbours_max && n < 65536)
        n *= 2;
    iface->neighs = ft_mem_alloc(&net->env->mem, n * sizeof(*iface->neighs));
    if (!iface->neighs)
        return false;
    iface->n_buckets = n;
    for (uint32_t i = 0; i < n; i++)
        list_init(&iface->neighs[i]);
    return true;
}

static void init_iface(struct ft_net *net, struct net_iface *iface,
                       const struct ft_if_config *config)
{
    iface->type = config->type;
    iface->mtu = config->mtu;
    iface->headroom = config->headroom;
    iface->gso_max = config->flags & FT_IF_TSO ? config->gso_max : 0;
    iface->flags = config->flags;
    memcpy(iface->mac, config->mac, sizeof(iface->mac));
    memcpy(iface->name, config->name, sizeof(iface->name));
    list_init(&iface->ready);
    list_init(&iface->ctl);
    list_init(&iface->addrs);
    for (size_t i = 0; i < NEIGH_N_CLASSES; i++)
        list_init(&iface->neigh_age[i]);
    for (size_t i = 0; i < NET_GROUP_BUCKETS; i++)
        list_init(&iface->groups[i]);
    iface->reachable_base = REACHABLE_BASE;
    iface->reachable = ft_net_random(net, REACHABLE_BASE / 2, REACHABLE_BASE / 2 * 3);
    iface->retrans = RETRANS_TIMER;
    iface->solicit_at = FT_TIME_NEVER;
    ft_timer_init(&iface->router_timer, FT_TIMER_ROUTER);
    ft_timer_init(&iface->group_timer, FT_TIMER_GROUP);
}

int ft_net_if_add(struct ft_net *net, const struct ft_if_config *config)
{
    struct net_iface *iface;
    int ifindex;

    if (!config_sane(config))
        return -EINVAL;
    ifindex = choose_index(net, config->ifindex);
    if (ifindex < 0)
        return ifindex;
    if (net->n_ifs == NET_IFS_MAX)
        return -ENOBUFS;
    iface = ft_mem_alloc(&net->env->mem, sizeof(*iface));
    if (!iface)
        return -ENOBUFS;
    init_iface(net, iface, config);
    if (config->type == FT_IF_ETHER && !make_neighs(net, iface)) {
        ft_mem_free(&net->env->mem, iface, sizeof(*iface));
        return -ENOBUFS;
    }
    iface->ifindex = ifindex;
    net->ifs[net->n_ifs++] = iface;
    net->by_index[ifindex] = (uint8_t)net->n_ifs;
    if (config->type == FT_IF_LOOPBACK && !net->loopback)
        net->loopback = iface;
    ft_net_changed(net);
    if (config->flags & FT_IF_SLAAC && config->type == FT_IF_ETHER && config->mtu >= IP6_MTU_MIN)
        ft_slaac_start(net, iface);
    return ifindex;
}

int ft_net_if_set_mtu(struct ft_net *net, int ifindex, uint32_t mtu)
{
    struct net_iface *iface = ft_iface_get(net, ifindex);

    if (!iface)
        return -ENODEV;
    if (mtu < IP4_MTU_MIN || mtu > IF_MTU_MAX || (iface->gso_max && mtu > iface->gso_max))
        return -EINVAL;
    iface->mtu = mtu;
    ft_net_changed(net);
    return 0;
}

bool ft_net_if_exists(const struct ft_net *net, int ifindex)
{
    return ft_iface_get(net, ifindex) != NULL;
}

int ft_net_link_header(const struct ft_net *net, int ifindex)
{
    const struct net_iface *iface = ft_iface_get(net, ifindex);

    if (!iface)
        return -1;
    return iface->type == FT_IF_ETHER ? ETH_HDR_LEN : 0;
}

uint32_t ft_net_headroom(const struct ft_net *net, int ifindex)
{
    const struct net_iface *iface = ft_iface_get(net, ifindex);

    return iface ? iface->headroom : 0;
}

static bool name_is(const char *have, const char *name)
{
    for (size_t i = 0; i < FT_IF_NAME_MAX; i++) {
        if (have[i] != name[i])
            return false;
        if (!name[i])
            return true;
    }
    return false;
}

int ft_net_if_named(const struct ft_net *net, const char *name)
{
    for (uint32_t i = 0; i < net->n_ifs; i++)
        if (name_is(net->ifs[i]->name, name))
            return net->ifs[i]->ifindex;
    return 0;
}

int ft_net_if_of(const struct ft_net *net, const struct ft_addr *addr)
{
    const struct net_addr *a = ft_addr_find(net, NULL, addr);

    if (a)
        return a->iface->ifindex;
    return addr_is_loopback(addr) && net->loopback ? net->loopback->ifindex : 0;
}

const char *ft_net_if_name(const struct ft_net *net, int ifindex)
{
    const struct net_iface *iface = ft_iface_get(net, ifindex);

    return iface ? iface->name : NULL;
}

/* ---- timers ---------------------------------------------------------------------------------- */

void ft_net_timer(struct ft_net *net, struct ft_timer *timer)
{
    switch ((enum ft_timer_kind)ft_timer_kind(timer)) {
    case FT_TIMER_NEIGH:
        ft_neigh_timer(net, ft_container_of(timer, struct net_neigh, timer));
        break;
    case FT_TIMER_ADDR:
        ft_dad_timer(net, ft_container_of(timer, struct net_addr, timer));
        break;
    case FT_TIMER_ROUTER:
        ft_slaac_timer(net, ft_container_of(timer, struct net_iface, router_timer));
        break;
    case FT_TIMER_GROUP:
        ft_group_timer(net, ft_container_of(timer, struct net_iface, group_timer));
        break;
    case FT_TIMER_FRAG:
        ft_frag_timer(net);
        break;
    case FT_TIMER_PMTU: /* entries are looked at when they are used; no timer is armed */
    case FT_TIMER_TCB:
    case FT_TIMER_EMBRYO:
    case FT_TIMER_TIME_WAIT:
    case FT_TIMER_MISER:
        ft_assert(false);
        break;
    }
}

/* ---- invariants ------------------------------------------------------------------------------ */

static void check_iface(const struct ft_net *net, const struct net_iface *iface)
{
    uint32_t n_addrs = 0;

    ft_list_for_each (node, &iface->addrs) {
        const struct net_addr *a = ft_container_of(node, struct net_addr, node);

        ft_assert(a->iface == iface);
        ft_assert(list_linked(&a->name.hash));
        ft_assert(a->state >= FT_ADDR_TENTATIVE && a->state <= FT_ADDR_DUPLICATE);
        n_addrs++;
    }
    ft_assert(n_addrs == iface->n_addrs);
    ft_assert(n_addrs <= net->env->config.limits.addrs_max);
    ft_assert(iface->n_ctl <= net->env->config.limits.control_max);
    ft_assert(iface->n_ctl_waiting <= iface->n_ctl);
    ft_list_for_each (node, &iface->ready) {
        const struct ft_flow *flow = ft_container_of(node, struct ft_flow, node);

        ft_assert(flow->place == FT_FLOW_READY);
        ft_assert(flow->ifindex == iface->ifindex);
    }
    ft_neigh_check(net, iface);
    ft_group_check(net, iface);
}

void ft_net_check(const struct ft_net *net)
{
    ft_assert(net->n_ifs <= NET_IFS_MAX);
    for (uint32_t i = 0; i < net->n_ifs; i++) {
        ft_assert(net->by_index[net->ifs[i]->ifindex] == i + 1);
        check_iface(net, net->ifs[i]);
    }
    ft_assert(net->n_routes <= net->env->config.limits.routes_max);
    for (uint32_t i = 0; i < net->n_routes; i++)
        ft_assert(ft_iface_get(net, net->routes[i].ifindex) != NULL);
    ft_frag_check(net);
}
