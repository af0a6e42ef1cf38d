/* SPDX-License-Identifier: MIT */
/*
 * What is known of the MTU of paths: a table of sets, keyed, with random eviction, so that nobody
 * can fill it on purpose or learn from it. Entries are looked at when they are used and end after
 * ten minutes. RFC 1191 6.3, RFC 8201 5.3. Only called for destinations that we send to.
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

static struct net_pmtu *find(const struct ft_net *net, const struct ft_addr *dst)
{
    struct net_pmtu *set;

    if (!net->pmtus)
        return NULL;
    set = set_of(net, dst);
    for (size_t i = 0; i < NET_PMTU_WAYS; i++)
        if (set[i].expires_at > net->env->now && addr_eq(&set[i].dst, dst))
            return &set[i];
    return NULL;
}

uint32_t ft_pmtu_get(const struct ft_net *net, const struct ft_addr *dst, ft_time *ret_expires)
{
    const struct net_pmtu *p = find(net, dst);

    if (!p)
        return 0;
    *ret_expires = p->expires_at;
    return p->mtu;
}

static struct net_pmtu *make(struct ft_net *net, const struct ft_addr *dst)
{
    struct net_pmtu *set = set_of(net, dst);

    for (size_t i = 0; i < NET_PMTU_WAYS; i++)
        if (set[i].expires_at <= net->env->now)
            return &set[i];
    return &set[ft_rng_below(&net->env->rng, NET_PMTU_WAYS)];
}

bool ft_path_set_mtu(struct ft_net *net, const struct ft_addr *dst, uint32_t mtu)
{
    struct net_pmtu *p;
    struct ft_path path;
    struct ft_addr any = addr_any();

    /* RFC 8021: below 1280 IPv6 would need atomic fragments, which are never sent. */
    if (mtu < (addr_is_v4(dst) ? PMTU_MIN4 : IP6_MTU_MIN) || !net->pmtus)
        return false;
    if (ft_path_find(net, dst, &any, 0, &path) < 0 || path.local || mtu >= path.mtu)
        return false;
    p = find(net, dst);
    if (p && mtu >= p->mtu)
        return false;
    if (!p)
        p = make(net, dst);
    *p = (struct net_pmtu){.dst = *dst, .expires_at = net->env->now + PMTU_LIFE, .mtu = mtu};
    ft_net_changed(net);
    return true;
}
