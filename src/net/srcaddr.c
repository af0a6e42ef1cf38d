/* SPDX-License-Identifier: MIT */
/*
 * Which address of ours a packet is to come from: RFC 6724 5, in its order, for both families. The
 * longest common prefix (rule 8) does not count for IPv4, where the prefix of the next hop (rule
 * 5.5) decides, as in Linux. Home addresses (rule 4) and temporary addresses (rule 7) do not exist
 * here.
 */
#include "priv.h"

/* RFC 6724 3.1 and 3.2: as in the second octet of a multicast address. */
static unsigned scope_of(const struct ft_addr *addr)
{
    if (!addr_is_v4(addr) && addr_is_multicast(addr))
        return (unsigned)(addr->hi >> 48) & 0xf;
    if (addr_is_link_local(addr) || addr_is_loopback(addr))
        return 0x2;
    if (!addr_is_v4(addr) && addr->hi >> 54 == (UINT64_C(0xfec0) >> 6))
        return 0x5;
    return 0xe;
}

/* RFC 6724 2.1: the labels of the default policy table, longest prefix first. */
static unsigned label_of(const struct ft_addr *addr)
{
    if (addr_is_v4(addr))
        return 4;
    if (addr->hi == 0 && addr->lo == 1)
        return 0;
    if (addr->hi == 0 && addr->lo >> 32 == 0)
        return 3;
    if (addr->hi >> 32 == 0x20010000)
        return 5;
    if (addr->hi >> 48 == 0x2002)
        return 2;
    if (addr->hi >> 48 == 0x3ffe)
        return 12;
    if (addr->hi >> 54 == (UINT64_C(0xfec0) >> 6))
        return 11;
    if (addr->hi >> 57 == (UINT64_C(0xfc00) >> 9))
        return 13;
    return 1;
}

/* RFC 6724 2.2: the leading bits in common, no more than the source's prefix has. */
static unsigned common_bits(const struct net_addr *a, const struct ft_addr *dst)
{
    unsigned max = a->prefix_len + (addr_is_v4(&a->addr) ? 96u : 0u);
    uint64_t hi = a->addr.hi ^ dst->hi;
    uint64_t lo = a->addr.lo ^ dst->lo;
    unsigned n = 128;

    if (hi)
        n = (unsigned)__builtin_clzll(hi);
    else if (lo)
        n = 64 + (unsigned)__builtin_clzll(lo);
    return FT_MIN(n, max);
}

struct want {
    const struct net_iface *iface;
    const struct ft_addr *dst, *next_hop;
    unsigned scope, label;
};

/* Rule 2: the smallest scope that is not too small. */
static int by_scope(const struct want *w, const struct net_addr *a, const struct net_addr *b)
{
    unsigned sa = scope_of(&a->addr), sb = scope_of(&b->addr);

    if (sa == sb)
        return 0;
    if (sa < sb)
        return sa < w->scope ? -1 : 1;
    return sb < w->scope ? 1 : -1;
}

/* Rule 3, and RFC 4429 3.1: a preferred address before an optimistic one before a deprecated. */
static int by_state(const struct net_addr *a, const struct net_addr *b)
{
    int ra = a->state == FT_ADDR_PREFERRED ? 2 : a->state == FT_ADDR_OPTIMISTIC;
    int rb = b->state == FT_ADDR_PREFERRED ? 2 : b->state == FT_ADDR_OPTIMISTIC;

    return ra - rb;
}

/* Positive: a is better. */
static int compare(const struct want *w, const struct net_addr *a, const struct net_addr *b)
{
    int d = addr_eq(&a->addr, w->dst) - addr_eq(&b->addr, w->dst); /* rule 1 */

    if (d == 0)
        d = by_scope(w, a, b);
    if (d == 0)
        d = by_state(a, b);
    if (d == 0) /* rule 5 */
        d = (a->iface == w->iface) - (b->iface == w->iface);
    if (d == 0) /* rule 5.5: the prefix of the next hop */
        d = addr_in_prefix(w->next_hop, &a->addr, a->prefix_len) -
            addr_in_prefix(w->next_hop, &b->addr, b->prefix_len);
    if (d == 0) /* rule 6 */
        d = (label_of(&a->addr) == w->label) - (label_of(&b->addr) == w->label);
    if (d == 0 && !addr_is_v4(w->dst)) /* rule 8 */
        d = (int)common_bits(a, w->dst) - (int)common_bits(b, w->dst);
    return d;
}

static const struct net_addr *best_of(const struct ft_net *net, const struct net_iface *iface,
                                      const struct want *w, const struct net_addr *best)
{
    ft_list_for_each (node, (struct ft_list *)&iface->addrs) {
        const struct net_addr *a = ft_container_of(node, struct net_addr, node);

        net->env->counters.steps_list_nodes++;
        if (!ft_addr_usable(a) || addr_is_v4(&a->addr) != addr_is_v4(w->dst))
            continue;
        if (addr_is_loopback(&a->addr) && !addr_is_loopback(w->dst))
            continue;
        /* An address of another link's scope would mean nobody here. */
        if (iface != w->iface && scope_of(&a->addr) == 0x2)
            continue;
        if (!best || compare(w, a, best) > 0)
            best = a;
    }
    return best;
}

const struct net_addr *ft_srcaddr_choose(const struct ft_net *net, const struct net_iface *iface,
                                         const struct ft_addr *dst, const struct ft_addr *next_hop)
{
    struct want w = {
        .iface = iface,
        .dst = dst,
        .next_hop = next_hop,
        .scope = scope_of(dst),
        .label = label_of(dst),
    };
    const struct net_addr *best = best_of(net, iface, &w, NULL);

    /* RFC 6724 4: candidates are those of the outgoing interface. Without any, or with a link-local
       one for a destination beyond the link, a host with one address elsewhere uses that. */
    if (best && scope_of(&best->addr) >= FT_MIN(w.scope, 0xeu))
        return best;
    for (uint32_t i = 0; i < net->n_ifs; i++)
        best = best_of(net, net->ifs[i], &w, best);
    return best;
}
