/* SPDX-License-Identifier: MIT */
/*
 * The routing table: a small array in the order of preference (longest prefix, then smallest
 * metric, then age), so that the first match is the best. A gateway that does not answer is passed
 * over while there is another. RFC 1122 3.3.1, RFC 4861 6.3.6.
 */
#include <errno.h>
#include <string.h>

#include "priv.h"

static bool route_is(const struct net_route *r, const struct net_route *like)
{
    return addr_eq(&r->prefix, &like->prefix) && addr_eq(&r->gateway, &like->gateway) &&
           r->plen == like->plen && r->ifindex == like->ifindex && r->origin == like->origin;
}

struct net_route *ft_route_get(struct ft_net *net, const struct net_route *like)
{
    for (uint32_t i = 0; i < net->n_routes; i++)
        if (route_is(&net->routes[i], like))
            return &net->routes[i];
    return NULL;
}

/* Whether a goes before b. Prefix lengths of the two families need not be compared, since no
   address matches both. */
static bool route_before(const struct net_route *a, const struct net_route *b)
{
    if (a->plen != b->plen)
        return a->plen > b->plen;
    return a->metric < b->metric;
}

int ft_route_insert(struct ft_net *net, const struct net_route *route)
{
    uint32_t at = 0;

    /* Two addresses may share a prefix, and each brings its own route. */
    if (route->origin != ROUTE_CONNECTED && ft_route_get(net, route))
        return -EEXIST;
    if (net->n_routes >= net->env->config.limits.routes_max)
        return -ENOBUFS;
    while (at < net->n_routes && !route_before(route, &net->routes[at]))
        at++;
    memmove(&net->routes[at + 1], &net->routes[at], (net->n_routes - at) * sizeof(*route));
    net->routes[at] = *route;
    net->n_routes++;
    ft_net_changed(net);
    return 0;
}

void ft_route_remove(struct ft_net *net, struct net_route *route)
{
    size_t at = (size_t)(route - net->routes);

    ft_assert(at < net->n_routes);
    memmove(route, route + 1, (net->n_routes - at - 1) * sizeof(*route));
    net->n_routes--;
    ft_net_changed(net);
}

static bool gateway_dead(struct ft_net *net, const struct net_route *r)
{
    struct net_iface *iface;
    const struct net_neigh *n;

    if (addr_is_any(&r->gateway))
        return false;
    iface = ft_iface_get(net, r->ifindex);
    n = iface ? ft_neigh_find(net, iface, &r->gateway) : NULL;
    return n && n->state == NEIGH_FAILED;
}

const struct net_route *ft_route_find(struct ft_net *net, const struct ft_addr *dst, int ifindex)
{
    const struct net_route *best = NULL;

    for (uint32_t i = 0; i < net->n_routes; i++) {
        const struct net_route *r = &net->routes[i];

        net->env->counters.steps_list_nodes++;
        if (best && r->plen != best->plen)
            break;
        if ((ifindex && r->ifindex != ifindex) || r->expires_at <= net->env->now ||
            !addr_in_prefix(dst, &r->prefix, r->plen))
            continue;
        if (!gateway_dead(net, r))
            return r;
        if (!best)
            best = r;
    }
    return best;
}

bool ft_route_on_link(struct ft_net *net, int ifindex, const struct ft_addr *addr)
{
    const struct net_route *r;

    if (!addr_is_v4(addr) && addr_is_link_local(addr))
        return true;
    r = ft_route_find(net, addr, ifindex);
    return r && addr_is_any(&r->gateway);
}

bool ft_route_has_gateway(const struct ft_net *net, int ifindex, const struct ft_addr *gateway)
{
    for (uint32_t i = 0; i < net->n_routes; i++)
        if (net->routes[i].ifindex == ifindex && addr_eq(&net->routes[i].gateway, gateway))
            return true;
    return false;
}

/* ---- the calls ------------------------------------------------------------------------------- */

static int route_of(const struct ft_route_config *config, struct net_route *ret)
{
    bool is_v4 = addr_is_v4(&config->prefix);
    struct ft_addr mask;

    if (config->size != sizeof(*config) || config->prefix_len > (is_v4 ? 32 : 128))
        return -EINVAL;
    if (!addr_is_any(&config->gateway) && addr_is_v4(&config->gateway) != is_v4)
        return -EINVAL;
    if (addr_is_multicast(&config->gateway) || addr_is_broadcast(&config->gateway) ||
        addr_is_loopback(&config->gateway))
        return -EINVAL;
    mask = addr_mask(config->prefix_len + (is_v4 ? 96u : 0u));
    *ret = (struct net_route){
        .prefix = {.hi = config->prefix.hi & mask.hi, .lo = config->prefix.lo & mask.lo},
        .gateway = addr_is_any(&config->gateway) ? addr_any() : config->gateway,
        .expires_at = FT_TIME_NEVER,
        .metric = config->metric,
        .ifindex = config->ifindex,
        .plen = config->prefix_len,
        .origin = ROUTE_STATIC,
    };
    return 0;
}

int ft_net_route_add(struct ft_net *net, const struct ft_route_config *config)
{
    struct net_route route;

    if (!ft_iface_get(net, config->ifindex))
        return -ENODEV;
    if (route_of(config, &route) < 0)
        return -EINVAL;
    if (!addr_is_any(&route.gateway) && !ft_route_on_link(net, route.ifindex, &route.gateway))
        return -ENETUNREACH;
    return ft_route_insert(net, &route);
}

int ft_net_route_del(struct ft_net *net, const struct ft_route_config *config)
{
    struct net_route like;
    struct net_route *route;

    if (route_of(config, &like) < 0)
        return -ESRCH;
    route = ft_route_get(net, &like);
    if (!route)
        return -ESRCH;
    ft_route_remove(net, route);
    return 0;
}

int ft_net_routes(const struct ft_net *net, struct ft_route_config *ret_routes, size_t n)
{
    size_t i = 0;

    for (uint32_t k = 0; k < net->n_routes; k++) {
        const struct net_route *r = &net->routes[k];

        if (r->expires_at <= net->env->now)
            continue;
        if (i < n)
            ret_routes[i] = (struct ft_route_config){
                .size = sizeof(ret_routes[i]),
                .prefix = r->prefix,
                .prefix_len = r->plen,
                .gateway = r->gateway,
                .ifindex = r->ifindex,
                .metric = r->metric,
            };
        i++;
    }
    return (int)i;
}
