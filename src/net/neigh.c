/* SPDX-License-Identifier: MIT */
/*
 * Neighbours of both families: RFC 4861 7.3, with ARP as another way to ask. What waits for a
 * neighbour waits here, flows by their own node and control records within a limit. An entry is
 * made by those who send, or by one who asks for us; no stranger evicts one that is in use
 * (RFC 6583, attacks ).
 */
#include <string.h>

#include "priv.h"

#define SOLICIT_MAX    3             /* MAX_MULTICAST_SOLICIT, MAX_UNICAST_SOLICIT */
#define DELAY_FIRST    (5 * FT_SEC)  /* DELAY_FIRST_PROBE_TIME */
#define STALE_LIFE     (60 * FT_SEC) /* as Linux's gc_stale_time */
#define FAILED_LIFE    (3 * FT_SEC)  /* senders are told for so long */
#define FAILED_GATEWAY (30 * FT_SEC) /* another router is preferred for so long */
#define LOCK_TIME      (1 * FT_SEC)  /* as Linux's locktime */
#define EVICT_LOOKS    8             /* entries looked at to find one to evict */

static enum net_neigh_class class_of(enum net_neigh_state state)
{
    switch (state) {
    case NEIGH_INCOMPLETE:
    case NEIGH_FAILED:
        return NEIGH_PENDING;
    case NEIGH_STALE:
        return NEIGH_IDLE;
    case NEIGH_REACHABLE:
    case NEIGH_DELAY:
    case NEIGH_PROBE:
        break;
    }
    return NEIGH_LIVE;
}

static struct ft_list *bucket_of(const struct ft_net *net, const struct net_iface *iface,
                                 const struct ft_addr *addr)
{
    return &iface->neighs[ft_net_hash(net, addr, 2) & (iface->n_buckets - 1)];
}

struct net_neigh *ft_neigh_find(struct ft_net *net, struct net_iface *iface,
                                const struct ft_addr *addr)
{
    if (iface->neigh_last && addr_eq(&iface->neigh_last->addr, addr))
        return iface->neigh_last;
    if (!iface->neighs)
        return NULL;
    ft_list_for_each (node, bucket_of(net, iface, addr)) {
        struct net_neigh *n = ft_container_of(node, struct net_neigh, hash);

        net->env->counters.steps_list_nodes++;
        if (addr_eq(&n->addr, addr)) {
            iface->neigh_last = n;
            return n;
        }
    }
    return NULL;
}

/* What waited may go on: flows to the ready list, records to the control queue, where they come
   before what was said later. */
static void release(struct ft_net *net, struct net_neigh *n)
{
    struct net_iface *iface = n->iface;
    struct ft_list *node;

    while ((node = list_pop_front(&n->flows))) {
        struct ft_flow *flow = ft_container_of(node, struct ft_flow, node);

        ft_assert(flow->place == FT_FLOW_WAIT);
        flow->place = FT_FLOW_IDLE;
        ft_flow_ready(net, flow, iface->ifindex);
    }
    list_splice_back(&n->ctls, &iface->ctl);
    list_splice_back(&iface->ctl, &n->ctls);
    iface->n_ctl_waiting -= n->n_ctls;
    n->n_ctls = 0;
}

static void drop_ctls(struct ft_net *net, struct net_neigh *n)
{
    ft_list_for_each (node, &n->ctls)
        ft_ctl_drop(net, n->iface, ft_container_of(node, struct net_ctl, node));
    n->iface->n_ctl_waiting -= n->n_ctls;
    n->n_ctls = 0;
}

static void free_neigh(struct ft_net *net, struct net_neigh *n)
{
    struct net_iface *iface = n->iface;

    drop_ctls(net, n);
    release(net, n);
    ft_wheel_cancel(&net->env->wheel, &n->timer);
    list_remove(&n->hash);
    list_remove(&n->age);
    iface->n_neighs--;
    if (class_of(n->state) == NEIGH_PENDING)
        iface->n_pending--;
    if (iface->neigh_last == n)
        iface->neigh_last = NULL;
    ft_mem_free(&net->env->mem, n, sizeof(*n));
}

void ft_neigh_free_all(struct ft_net *net, struct net_iface *iface)
{
    if (!iface->neighs)
        return;
    for (size_t i = 0; i < NEIGH_N_CLASSES; i++) {
        ft_list_for_each (node, &iface->neigh_age[i])
            free_neigh(net, ft_container_of(node, struct net_neigh, age));
    }
    ft_assert(iface->n_neighs == 0 && iface->n_pending == 0);
    ft_mem_free(&net->env->mem, iface->neighs, iface->n_buckets * sizeof(*iface->neighs));
    iface->neighs = NULL;
}

/* ---- states ---------------------------------------------------------------------------------- */

static void solicit(struct ft_net *net, struct net_neigh *n)
{
    const uint8_t *mac = n->state == NEIGH_PROBE ? n->mac : NULL;

    n->n_probes++;
    if (addr_is_v4(&n->addr))
        ft_arp_solicit(net, n->iface, &n->addr, mac);
    else
        ft_ndp_solicit(net, n->iface, &n->addr, mac);
    ft_net_arm(net, &n->timer, net->env->now + n->iface->retrans);
}

static void enter(struct ft_net *net, struct net_neigh *n, enum net_neigh_state state)
{
    struct net_iface *iface = n->iface;
    ft_time now = net->env->now;

    iface->n_pending -= class_of(n->state) == NEIGH_PENDING;
    iface->n_pending += class_of(state) == NEIGH_PENDING;
    n->state = (uint8_t)state;
    n->n_probes = 0;
    list_remove(&n->age);
    list_push_back(&iface->neigh_age[class_of(state)], &n->age);
    switch (state) {
    case NEIGH_INCOMPLETE:
    case NEIGH_PROBE:
        solicit(net, n);
        break;
    case NEIGH_REACHABLE:
        n->confirmed_at = now;
        ft_net_arm(net, &n->timer, now + iface->reachable);
        break;
    case NEIGH_STALE:
        ft_net_arm(net, &n->timer, now + STALE_LIFE);
        break;
    case NEIGH_DELAY:
        ft_net_arm(net, &n->timer, now + DELAY_FIRST);
        break;
    case NEIGH_FAILED:
        n->changed_at = now;
        ft_net_arm(net, &n->timer,
                   now + (ft_route_has_gateway(net, iface->ifindex, &n->addr) ? FAILED_GATEWAY
                                                                              : FAILED_LIFE));
        break;
    }
}

static void take_mac(struct ft_net *net, struct net_neigh *n, const uint8_t *mac)
{
    memcpy(n->mac, mac, ETH_ADDR_LEN);
    n->changed_at = net->env->now;
}

static void resolved(struct ft_net *net, struct net_neigh *n, const uint8_t *mac,
                     enum net_neigh_state state)
{
    bool failed = n->state == NEIGH_FAILED;

    take_mac(net, n, mac);
    enter(net, n, state);
    release(net, n);
    if (failed)
        ft_net_changed(net); /* a router that was passed over */
}

static void fail(struct ft_net *net, struct net_neigh *n)
{
    net->env->counters.neighbours_failed++;
    enter(net, n, NEIGH_FAILED);
    drop_ctls(net, n);
    release(net, n);
    ft_net_changed(net);
}

void ft_neigh_timer(struct ft_net *net, struct net_neigh *n)
{
    ft_time now = net->env->now;

    switch ((enum net_neigh_state)n->state) {
    case NEIGH_INCOMPLETE:
        if (n->n_probes < SOLICIT_MAX)
            solicit(net, n);
        else
            fail(net, n);
        break;
    case NEIGH_PROBE:
        if (n->n_probes < SOLICIT_MAX) {
            solicit(net, n);
        } else {
            /* RFC 4861 7.3.3: the entry goes, and who still sends asks everybody. */
            free_neigh(net, n);
            ft_net_changed(net);
        }
        break;
    case NEIGH_REACHABLE:
        if (n->confirmed_at + n->iface->reachable > now)
            ft_net_arm(net, &n->timer, n->confirmed_at + n->iface->reachable);
        else
            enter(net, n, NEIGH_STALE);
        break;
    case NEIGH_DELAY:
        enter(net, n, NEIGH_PROBE);
        break;
    case NEIGH_STALE:
        /* A gateway stays; with few of them no timer is needed. */
        if (!ft_route_has_gateway(net, n->iface->ifindex, &n->addr))
            free_neigh(net, n);
        break;
    case NEIGH_FAILED:
        free_neigh(net, n);
        ft_net_changed(net);
        break;
    }
}

/* ---- making and using ------------------------------------------------------------------------ */

/* Whether an entry may go for a new one: none for which a flow waits, none that was asked for in
   the last second (so that requests stay at one a second and entry), no gateway. */
static bool evictable(struct ft_net *net, const struct net_neigh *n)
{
    if (!list_empty(&n->flows))
        return false;
    if (n->state == NEIGH_INCOMPLETE && n->changed_at + FT_SEC > net->env->now)
        return false;
    return !ft_route_has_gateway(net, n->iface->ifindex, &n->addr);
}

static bool evict(struct ft_net *net, struct net_iface *iface, enum net_neigh_class class)
{
    int looks = 0;

    ft_list_for_each (node, &iface->neigh_age[class]) {
        struct net_neigh *n = ft_container_of(node, struct net_neigh, age);

        net->env->counters.steps_list_nodes++;
        if (evictable(net, n)) {
            free_neigh(net, n);
            return true;
        }
        if (++looks == EVICT_LOOKS)
            break;
    }
    return false;
}

static struct net_neigh *make_neigh(struct ft_net *net, struct net_iface *iface,
                                    const struct ft_addr *addr, enum net_neigh_state state)
{
    uint32_t max = net->env->config.limits.neighbours_max;
    struct net_neigh *n;

    /* RFC 6583 7.1: those who do not answer may take half of the table. */
    if (state == NEIGH_INCOMPLETE && iface->n_pending >= max / 2 &&
        !evict(net, iface, NEIGH_PENDING))
        return NULL;
    if (iface->n_neighs >= max && !evict(net, iface, NEIGH_PENDING) &&
        !evict(net, iface, NEIGH_IDLE))
        return NULL;
    n = ft_mem_alloc(&net->env->mem, sizeof(*n));
    if (!n)
        return NULL;
    n->iface = iface;
    n->addr = *addr;
    n->changed_at = net->env->now;
    n->state = NEIGH_STALE; /* until enter(), for its count of pending ones */
    ft_timer_init(&n->timer, FT_TIMER_NEIGH);
    list_init(&n->hash);
    list_init(&n->age);
    list_init(&n->flows);
    list_init(&n->ctls);
    list_push_back(bucket_of(net, iface, addr), &n->hash);
    iface->n_neighs++;
    enter(net, n, state);
    return n;
}

static enum ft_tx_result use(struct ft_net *net, struct net_neigh *n)
{
    switch ((enum net_neigh_state)n->state) {
    case NEIGH_FAILED:
        if (n->changed_at + FAILED_LIFE > net->env->now)
            return FT_TX_FAIL;
        n->changed_at = net->env->now;
        enter(net, n, NEIGH_INCOMPLETE);
        return FT_TX_WAIT;
    case NEIGH_INCOMPLETE:
        return FT_TX_WAIT;
    case NEIGH_STALE:
        enter(net, n, NEIGH_DELAY);
        return FT_TX_READY;
    case NEIGH_REACHABLE:
    case NEIGH_DELAY:
    case NEIGH_PROBE:
        break;
    }
    return FT_TX_READY;
}

/* A group has a fixed link address (RFC 1112 6.4, RFC 2464 7). */
static bool group_mac(const struct ft_net *net, const struct net_iface *iface,
                      const struct ft_addr *next_hop, uint8_t *ret_mac)
{
    const struct ft_addr all = addr_v4(UINT32_MAX);

    if (addr_is_multicast(next_hop)) {
        eth_group_of(next_hop, ret_mac);
        return true;
    }
    if (ft_addr_class_on(net, iface, next_hop) != FT_ADDR_BROADCAST)
        return false;
    eth_group_of(&all, ret_mac);
    return true;
}

bool ft_neigh_known(struct ft_net *net, struct net_iface *iface, const struct ft_addr *addr)
{
    const struct net_neigh *n = ft_neigh_find(net, iface, addr);

    return n && class_of(n->state) != NEIGH_PENDING;
}

enum ft_tx_result ft_link_resolve(struct ft_net *net, struct net_iface *iface,
                                  const struct ft_addr *next_hop, uint8_t *ret_mac,
                                  struct net_neigh **ret_neigh)
{
    enum ft_tx_result result;
    struct net_neigh *n;

    if (iface->type != FT_IF_ETHER)
        return FT_TX_READY;
    n = ft_neigh_find(net, iface, next_hop);
    if (!n) {
        if (group_mac(net, iface, next_hop, ret_mac))
            return FT_TX_READY;
        n = make_neigh(net, iface, next_hop, NEIGH_INCOMPLETE);
        if (!n)
            return FT_TX_FULL;
    }
    result = use(net, n);
    if (result == FT_TX_READY)
        memcpy(ret_mac, n->mac, ETH_ADDR_LEN);
    *ret_neigh = n;
    return result;
}

/* ---- what neighbours say --------------------------------------------------------------------- */

void ft_neigh_learn(struct ft_net *net, struct net_iface *iface, const struct ft_addr *addr,
                    const uint8_t *mac)
{
    struct net_neigh *n = ft_neigh_find(net, iface, addr);

    if (!eth_is_station(mac))
        return;
    if (!n) {
        n = make_neigh(net, iface, addr, NEIGH_STALE);
        if (n)
            take_mac(net, n, mac);
    } else if (class_of(n->state) == NEIGH_PENDING) {
        resolved(net, n, mac, NEIGH_STALE);
    } else if (memcmp(n->mac, mac, ETH_ADDR_LEN) != 0) {
        take_mac(net, n, mac);
        enter(net, n, NEIGH_STALE);
    }
}

void ft_neigh_claim(struct ft_net *net, struct net_iface *iface, const struct ft_addr *addr,
                    const uint8_t *mac, bool answer)
{
    struct net_neigh *n = ft_neigh_find(net, iface, addr);
    bool same, locked;

    if (!n || !eth_is_station(mac))
        return;
    same = memcmp(n->mac, mac, ETH_ADDR_LEN) == 0;
    locked = n->changed_at + LOCK_TIME > net->env->now;
    switch ((enum net_neigh_state)n->state) {
    case NEIGH_INCOMPLETE:
        resolved(net, n, mac, answer ? NEIGH_REACHABLE : NEIGH_STALE);
        break;
    case NEIGH_FAILED:
        resolved(net, n, mac, NEIGH_STALE);
        break;
    case NEIGH_PROBE:
        if (same && answer)
            enter(net, n, NEIGH_REACHABLE);
        break;
    case NEIGH_STALE:
        if (!same && !locked)
            take_mac(net, n, mac);
        break;
    case NEIGH_REACHABLE:
    case NEIGH_DELAY:
        if (!same && !locked)
            enter(net, n, NEIGH_PROBE);
        break;
    }
}

static void set_router(struct ft_net *net, struct net_neigh *n, bool is_router)
{
    if (n->is_router && !is_router)
        ft_slaac_router_gone(net, n->iface, &n->addr);
    n->is_router = is_router;
}

void ft_neigh_advert(struct ft_net *net, struct net_iface *iface, const struct net_neigh_news *news)
{
    struct net_neigh *n = ft_neigh_find(net, iface, &news->addr);
    bool same;

    if (!n || (news->mac && !eth_is_station(news->mac)))
        return;
    if (class_of(n->state) == NEIGH_PENDING) {
        if (!news->mac)
            return;
        n->is_router = news->is_router;
        resolved(net, n, news->mac, news->solicited ? NEIGH_REACHABLE : NEIGH_STALE);
        return;
    }
    same = !news->mac || memcmp(n->mac, news->mac, ETH_ADDR_LEN) == 0;
    if (!same && !news->override) {
        if (n->state == NEIGH_REACHABLE)
            enter(net, n, NEIGH_STALE);
        return;
    }
    if (!same)
        take_mac(net, n, news->mac);
    if (news->solicited)
        enter(net, n, NEIGH_REACHABLE);
    else if (!same)
        enter(net, n, NEIGH_STALE);
    set_router(net, n, news->is_router);
}

void ft_neigh_confirm(struct ft_net *net, struct net_neigh *n)
{
    if (class_of(n->state) == NEIGH_PENDING)
        return;
    if (n->state == NEIGH_REACHABLE)
        n->confirmed_at = net->env->now; /* the timer finds that out when it fires */
    else
        enter(net, n, NEIGH_REACHABLE);
}

void ft_neigh_doubt(struct ft_net *net, struct net_neigh *n)
{
    if (n->state == NEIGH_STALE || n->state == NEIGH_REACHABLE || n->state == NEIGH_DELAY)
        enter(net, n, NEIGH_PROBE);
}

/* ---- invariants ------------------------------------------------------------------------------ */

static void check_neigh(const struct ft_net *net, const struct net_neigh *n)
{
    uint32_t n_ctls = 0;

    ft_assert(list_linked(&n->hash));
    ft_list_for_each (node, &n->ctls)
        n_ctls++;
    ft_assert(n_ctls == n->n_ctls);
    ft_assert(n_ctls <= net->env->config.limits.neighbour_queue_max);
    ft_assert(n->state == NEIGH_INCOMPLETE || (list_empty(&n->flows) && n_ctls == 0));
    ft_assert(n->state == NEIGH_STALE || ft_timer_armed(&n->timer));
    ft_list_for_each (node, &n->flows) {
        const struct ft_flow *flow = ft_container_of(node, struct ft_flow, node);

        ft_assert(flow->place == FT_FLOW_WAIT);
    }
}

void ft_neigh_check(const struct ft_net *net, const struct net_iface *iface)
{
    uint32_t n_neighs = 0;
    uint32_t n_pending = 0;

    for (size_t i = 0; i < NEIGH_N_CLASSES; i++) {
        ft_list_for_each (node, &iface->neigh_age[i]) {
            const struct net_neigh *n = ft_container_of(node, struct net_neigh, age);

            ft_assert(n->iface == iface);
            ft_assert(class_of(n->state) == i);
            check_neigh(net, n);
            n_neighs++;
            n_pending += i == NEIGH_PENDING;
        }
    }
    ft_assert(n_neighs == iface->n_neighs);
    ft_assert(n_pending == iface->n_pending);
    ft_assert(n_neighs <= net->env->config.limits.neighbours_max);
}
