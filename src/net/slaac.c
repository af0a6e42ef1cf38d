/* SPDX-License-Identifier: MIT */
/*
 * What routers advertise: default routers, prefixes, addresses formed on them, MTU and hop limit.
 * Who comes first stays; later ones find the limits; values that would only harm are
 * ignored. RFC 4861 6.3, RFC 4862 5.5, RFC 5942, RFC 7217.
 *
 * The interface identifier is RFC 7217's: a keyed hash of prefix, link address and a count of
 * conflicts. The key derives from the seed, so it is as stable as the seed is.
 */
#include "wire/icmp6.h"
#include "wire/ip.h"
#include "wire/ndp.h"

#include <string.h>

#include "priv.h"

#define SOLICIT_DELAY_MAX (1 * FT_SEC) /* MAX_RTR_SOLICITATION_DELAY */
#define SOLICIT_INTERVAL  (4 * FT_SEC) /* RTR_SOLICITATION_INTERVAL */
#define SOLICITATIONS     3            /* MAX_RTR_SOLICITATIONS */
#define ROUTERS_MAX       4
#define PREFIXES_MAX      8
#define ADDRS_MAX         16u
#define HOP_LIMIT_MIN     32
#define REACHABLE_MAX_MS  3600000u /* RFC 4861 6.2.1 */
#define RETRANS_MIN_MS    1000u
#define RETRANS_MAX_MS    10000u
#define TWO_HOURS         (7200 * FT_SEC)
#define METRIC_ROUTER     1024 /* as Linux's */
#define METRIC_PREFIX     256

static const struct ft_addr all_routers = {UINT64_C(0xff02) << 48, 2};

struct ft_addr ft_slaac_addr(const struct ft_net *net, const struct net_iface *iface,
                             const struct ft_addr *prefix, uint8_t n_tries)
{
    uint64_t mac = 0;
    uint64_t words[3];
    uint64_t iid;

    for (size_t i = 0; i < ETH_ADDR_LEN; i++)
        mac = mac << 8 | iface->mac[i];
    words[0] = prefix->hi;
    words[1] = mac;
    words[2] = n_tries;
    iid = ft_siphash(net->slaac_key, words, sizeof(words));
    /* RFC 5453: not the anycast identifiers. */
    if (iid == 0 || iid >> 7 == UINT64_C(0xfdffffffffffff80) >> 7)
        iid ^= UINT64_C(1) << 40;
    return (struct ft_addr){.hi = prefix->hi, .lo = iid};
}

/* ---- solicitation ---------------------------------------------------------------------------- */

/* One timer serves the solicitations and the end of what was learnt. */
static void arm(struct ft_net *net, struct net_iface *iface)
{
    ft_time at = iface->solicit_at;

    for (uint32_t i = 0; i < net->n_routes; i++) {
        const struct net_route *r = &net->routes[i];

        if (r->ifindex == iface->ifindex)
            at = FT_MIN(at, r->expires_at);
    }
    ft_net_arm(net, &iface->router_timer, at);
}

static ft_time scaled(const struct net_iface *iface, ft_time t)
{
    return iface->flags & FT_IF_FAST_DAD ? t / 10 : t;
}

void ft_slaac_start(struct ft_net *net, struct net_iface *iface)
{
    struct ft_addr link_local = {.hi = UINT64_C(0xfe80) << 48, .lo = 0};
    struct net_addr_spec spec = {
        .addr = ft_slaac_addr(net, iface, &link_local, 0),
        .prefix_len = 64,
        .preferred_until = FT_TIME_NEVER,
        .valid_until = FT_TIME_NEVER,
        .slaac = true,
    };

    if (!(iface->flags & FT_IF_OWN_LINK_LOCAL))
        (void)ft_addr_new(net, iface, &spec); /* without room there is no autoconfiguration */
    iface->solicit_at = net->env->now + ft_net_random(net, 0, scaled(iface, SOLICIT_DELAY_MAX));
    arm(net, iface);
}

static void solicit(struct ft_net *net, struct net_iface *iface)
{
    const struct net_addr *src = ft_srcaddr_choose(net, iface, &all_routers, &all_routers);
    struct ndp_msg msg = {.type = ICMP6_RS};
    struct ip6_hdr ip = {.src = addr_any(), .dst = all_routers};
    uint8_t buf[NDP_MSG_LEN_MAX];
    struct ft_ip_tx tx = {.proto = IP_PROTO_ICMP6, .ttl = 255};
    struct net_ctl_ip out = {.tx = &tx, .next_hop = &all_routers, .l4 = buf, .vital = true};

    /* RFC 4429 3.2: an optimistic address says nothing of where it is. */
    if (src && src->state != FT_ADDR_OPTIMISTIC) {
        ip.src = src->addr;
        msg.has_sllao = true;
        memcpy(msg.sllao, iface->mac, ETH_ADDR_LEN);
    }
    tx.src = ip.src;
    tx.dst = ip.dst;
    tx.l4_len = (uint32_t)ndp_emit(buf, sizeof(buf), &ip, &msg);
    ft_assert(tx.l4_len > 0);
    (void)ft_ctl_send_on(net, iface, &out); /* dropped and counted if the queue is full */
}

void ft_slaac_timer(struct ft_net *net, struct net_iface *iface)
{
    ft_time now = net->env->now;

    if (iface->solicit_at <= now) {
        solicit(net, iface);
        iface->n_solicits++;
        iface->solicit_at = iface->n_solicits < SOLICITATIONS
                                ? now + scaled(iface, SOLICIT_INTERVAL)
                                : FT_TIME_NEVER;
    }
    for (uint32_t i = 0; i < net->n_routes;) {
        struct net_route *r = &net->routes[i];

        if (r->ifindex == iface->ifindex && r->expires_at <= now)
            ft_route_remove(net, r);
        else
            i++;
    }
    arm(net, iface);
}

/* ---- advertisements -------------------------------------------------------------------------- */

static unsigned count_routes(const struct ft_net *net, const struct net_iface *iface,
                             enum net_route_origin origin)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < net->n_routes; i++)
        n += net->routes[i].ifindex == iface->ifindex && net->routes[i].origin == origin;
    return n;
}

static ft_time until(const struct ft_net *net, uint32_t lifetime_s)
{
    return lifetime_s == UINT32_MAX ? FT_TIME_NEVER : net->env->now + lifetime_s * FT_SEC;
}

/* Learn a route, change when it ends, or end it. */
static void learn_route(struct ft_net *net, struct net_route *route, unsigned max)
{
    struct net_route *known = ft_route_get(net, route);
    const struct net_iface *iface = ft_iface_get(net, route->ifindex);

    if (known && route->expires_at <= net->env->now) {
        ft_route_remove(net, known);
    } else if (known) {
        known->expires_at = route->expires_at;
        ft_net_changed(net);
    } else if (route->expires_at > net->env->now &&
               count_routes(net, iface, (enum net_route_origin)route->origin) < max) {
        (void)ft_route_insert(net, route); /* no room: as if it had not been advertised */
    }
}

static void learn_router(struct ft_net *net, struct net_iface *iface, const struct ft_addr *router,
                         uint16_t lifetime_s)
{
    struct net_route route = {
        .gateway = *router,
        .expires_at = until(net, lifetime_s),
        .metric = METRIC_ROUTER,
        .ifindex = iface->ifindex,
        .origin = ROUTE_ROUTER,
    };

    learn_route(net, &route, ROUTERS_MAX);
}

void ft_slaac_router_gone(struct ft_net *net, struct net_iface *iface, const struct ft_addr *router)
{
    learn_router(net, iface, router, 0);
}

static void learn_prefix(struct ft_net *net, struct net_iface *iface, const struct ndp_prefix *p)
{
    struct ft_addr mask = addr_mask(p->len);
    struct net_route route = {
        .prefix = {.hi = p->prefix.hi & mask.hi, .lo = p->prefix.lo & mask.lo},
        .expires_at = until(net, p->valid_s),
        .metric = METRIC_PREFIX,
        .ifindex = iface->ifindex,
        .plen = p->len,
        .origin = ROUTE_PREFIX,
    };

    learn_route(net, &route, PREFIXES_MAX);
}

/* RFC 4862 5.5.3 (e): no advertisement takes away an address at once. */
static ft_time two_hour_rule(const struct ft_net *net, ft_time old, ft_time advertised)
{
    ft_time now = net->env->now;

    if (advertised > now + TWO_HOURS || advertised > old)
        return advertised;
    if (old <= now + TWO_HOURS)
        return old;
    return now + TWO_HOURS;
}

static void renew_addr(struct ft_net *net, struct net_addr *a, const struct ndp_prefix *p)
{
    a->valid_until = two_hour_rule(net, a->valid_until, until(net, p->valid_s));
    a->preferred_until = FT_MIN(until(net, p->preferred_s), a->valid_until);
    if (a->state == FT_ADDR_DUPLICATE)
        ft_net_arm(net, &a->timer, a->valid_until);
    else if (a->phase != ADDR_PROBING)
        ft_dad_settle(net, a);
}

/* RFC 4862 5.5.3: an address on an advertised prefix. */
static void learn_addr(struct ft_net *net, struct net_iface *iface, const struct ndp_prefix *p)
{
    struct net_addr_spec spec = {
        .prefix_len = 64,
        .preferred_until = until(net, p->preferred_s),
        .valid_until = until(net, p->valid_s),
        .slaac = true,
    };

    if (p->preferred_s > p->valid_s || p->len != 64)
        return;
    ft_list_for_each (node, &iface->addrs) {
        struct net_addr *a = ft_container_of(node, struct net_addr, node);

        net->env->counters.steps_list_nodes++;
        if (a->slaac && a->addr.hi == p->prefix.hi) {
            renew_addr(net, a, p);
            return;
        }
    }
    if (p->valid_s == 0 ||
        iface->n_slaac >= FT_MIN(ADDRS_MAX, net->env->config.limits.addrs_max / 2))
        return;
    spec.addr = ft_slaac_addr(net, iface, &p->prefix, 0);
    (void)ft_addr_new(net, iface, &spec); /* no room: as if it had not been advertised */
}

static bool prefix_sane(const struct ndp_prefix *p)
{
    return !addr_is_link_local(&p->prefix) && !addr_is_multicast(&p->prefix) &&
           !(p->prefix.hi == 0 && p->len >= 64);
}

static void learn_parameters(struct ft_net *net, struct net_iface *iface, const struct ndp_msg *msg)
{
    if (msg->cur_hop_limit >= HOP_LIMIT_MIN)
        iface->hop_limit = msg->cur_hop_limit;
    if (msg->reachable_ms > 0 && msg->reachable_ms <= REACHABLE_MAX_MS &&
        msg->reachable_ms * FT_MS != iface->reachable_base) {
        iface->reachable_base = msg->reachable_ms * FT_MS;
        iface->reachable =
            ft_net_random(net, iface->reachable_base / 2, iface->reachable_base / 2 * 3);
    }
    if (msg->retrans_ms >= RETRANS_MIN_MS && msg->retrans_ms <= RETRANS_MAX_MS)
        iface->retrans = msg->retrans_ms * FT_MS;
    if (msg->has_mtu && msg->mtu >= IP6_MTU_MIN && msg->mtu <= iface->mtu &&
        msg->mtu != iface->mtu6) {
        iface->mtu6 = msg->mtu;
        ft_net_changed(net);
    }
}

enum ft_net_verdict ft_slaac_advert(struct ft_net *net, struct net_in *in,
                                    const struct ft_addr *router, const struct ndp_msg *msg)
{
    struct net_iface *iface = in->iface;
    struct net_neigh *n;

    /* RFC 4861 6.3.7: one has answered that is a default router. */
    if (msg->lifetime_s > 0)
        iface->solicit_at = FT_TIME_NEVER;
    learn_parameters(net, iface, msg);
    learn_router(net, iface, router, msg->lifetime_s);
    if (msg->has_sllao)
        ft_neigh_learn(net, iface, router, msg->sllao);
    n = ft_neigh_find(net, iface, router);
    if (n)
        n->is_router = true;
    for (size_t i = 0; i < msg->n_prefixes; i++) {
        const struct ndp_prefix *p = &msg->prefixes[i];

        if (!prefix_sane(p))
            continue;
        if (p->on_link)
            learn_prefix(net, iface, p);
        if (p->autonomous)
            learn_addr(net, iface, p);
    }
    arm(net, iface);
    return ft_in_done(in, FT_RX_CONTROL);
}
