/* SPDX-License-Identifier: MIT */
/*
 * What is known of the MTU of paths: a table of sets, keyed, with random eviction, so that nobody
 * can fill it on purpose or learn from it. Entries are looked at when they are used and end after
 * ten minutes. RFC 1191 6.3, RFC 8201 5.3, RFC 4821 5.2. Only called for destinations that we send
 * to.
 */
#include "base/rng.h"

#include "priv.h"

#define PMTU_LIFE (600 * FT_SEC)
#define PMTU_MIN4 552u /* as Linux's min_pmtu */

static struct net_pmtu *set_of(const struct ft_net *net, const struct ft_addr *dst)
{
    uint64_t set = ft_net_hash(net, dst, 1) & (net->n_pmtu_sets - 1);

    return &net->pmtus[set * NET_PMTU_WAYS];
}

static bool is_live(const struct ft_net *net, const struct net_pmtu *p)
{
    return p->expires_at > net->env->now || p->pl_expires_at > net->env->now;
}

static struct net_pmtu *find(const struct ft_net *net, const struct ft_addr *dst)
{
    struct net_pmtu *set;

    if (!net->pmtus)
        return NULL;
    set = set_of(net, dst);
    for (size_t i = 0; i < NET_PMTU_WAYS; i++)
        if (is_live(net, &set[i]) && addr_eq(&set[i].dst, dst))
            return &set[i];
    return NULL;
}

ft_time ft_pmtu_get(const struct ft_net *net, const struct ft_addr *dst, struct ft_path *path)
{
    const struct net_pmtu *p = find(net, dst);
    ft_time expires = FT_TIME_NEVER;

    if (!p)
        return expires;
    if (p->expires_at > net->env->now && p->mtu < path->mtu) {
        path->mtu = p->mtu;
        expires = p->expires_at;
    }
    if (p->pl_expires_at > net->env->now && p->pl_low < path->mtu) {
        path->plpmtu = p->pl_low;
        path->plpmtu_high = p->pl_high;
        expires = FT_MIN(expires, p->pl_expires_at);
    }
    return expires;
}

/* The entry of a destination, made if there is none. */
static struct net_pmtu *make(struct ft_net *net, const struct ft_addr *dst)
{
    struct net_pmtu *p = find(net, dst);
    struct net_pmtu *set = set_of(net, dst);

    if (p)
        return p;
    p = &set[ft_rng_below(&net->env->rng, NET_PMTU_WAYS)];
    for (size_t i = 0; i < NET_PMTU_WAYS; i++)
        if (!is_live(net, &set[i])) {
            p = &set[i];
            break;
        }
    *p = (struct net_pmtu){.dst = *dst};
    return p;
}

bool ft_path_set_mtu(struct ft_net *net, const struct ft_addr *dst, int bound_if, uint32_t mtu)
{
    struct net_pmtu *p;
    struct ft_path path;
    struct ft_addr any = addr_any();

    /* RFC 8021: below 1280 IPv6 would need atomic fragments, which are never sent. */
    if (mtu < (addr_is_v4(dst) ? PMTU_MIN4 : IP6_MTU_MIN) || !net->pmtus)
        return false;
    if (ft_path_find(net, dst, &any, bound_if, &path) < 0 || path.local || mtu >= path.mtu)
        return false;
    p = find(net, dst);
    if (p && p->expires_at > net->env->now && mtu >= p->mtu)
        return false;
    p = make(net, dst);
    p->expires_at = net->env->now + PMTU_LIFE;
    p->mtu = mtu;
    ft_net_changed(net);
    return true;
}

void ft_path_set_plpmtu(struct ft_net *net, const struct ft_addr *dst, int bound_if, uint32_t low,
                        uint32_t high)
{
    struct net_pmtu *p = find(net, dst);
    struct ft_path path;
    struct ft_addr any = addr_any();

    ft_assert(low <= high && high <= UINT16_MAX);
    if (!net->pmtus || ft_path_find(net, dst, &any, bound_if, &path) < 0 || path.local)
        return;
    if (low == 0 || low >= path.mtu) {
        if (p)
            p->pl_expires_at = 0;
    } else {
        p = make(net, dst);
        p->pl_expires_at = net->env->now + PMTU_LIFE;
        p->pl_low = (uint16_t)low;
        p->pl_high = (uint16_t)high;
    }
    ft_net_changed(net);
}
