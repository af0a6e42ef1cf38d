/* SPDX-License-Identifier: MIT */
/*
 * How an address comes into use and is kept: probing, announcing, defending, and its lifetimes.
 * Unless it is to be probed first, it is used at once and probed meanwhile.
 * RFC 4862 5.4 and 5.5.4, RFC 4429, RFC 5227 2, RFC 7527.
 */
#include "priv.h"

#define PROBE_WAIT        (1 * FT_SEC) /* RFC 5227 1.1; RFC 4861: MAX_RTR_SOLICITATION_DELAY */
#define PROBE_NUM         3
#define PROBE_MIN         (1 * FT_SEC)
#define PROBE_MAX         (2 * FT_SEC)
#define ANNOUNCE_WAIT     (2 * FT_SEC)
#define ANNOUNCE_NUM      2
#define ANNOUNCE_INTERVAL (2 * FT_SEC)
#define DEFEND_INTERVAL   (10 * FT_SEC)
#define DUP_TRANSMITS     1 /* RFC 4862 5.1: DupAddrDetectTransmits */
#define IDGEN_RETRIES     3 /* RFC 7217 7 */

/* On a virtual wire all times are a tenth: nobody there is asleep. */
static ft_time scaled(const struct net_addr *a, ft_time t)
{
    return a->iface->flags & FT_IF_FAST_DAD ? t / 10 : t;
}

static void arm_after(struct ft_net *net, struct net_addr *a, ft_time after)
{
    ft_net_arm(net, &a->timer, net->env->now + after);
}

static void set_state(struct ft_net *net, struct net_addr *a, enum ft_addr_state state)
{
    if (a->state == state)
        return;
    a->state = (uint8_t)state;
    ft_net_changed(net);
}

void ft_dad_settle(struct ft_net *net, struct net_addr *a)
{
    bool preferred = a->preferred_until > net->env->now;

    ft_assert(a->phase != ADDR_PROBING);
    set_state(net, a, preferred ? FT_ADDR_PREFERRED : FT_ADDR_DEPRECATED);
    if (a->phase == ADDR_SETTLED)
        ft_net_arm(net, &a->timer, preferred ? a->preferred_until : a->valid_until);
}

static void announce(struct ft_net *net, struct net_addr *a)
{
    if (addr_is_v4(&a->addr))
        ft_arp_claim(net, a, false);
    else
        ft_ndp_announce(net, a);
}

void ft_dad_start(struct ft_net *net, struct net_addr *a)
{
    ft_time wait = 0;

    if (!addr_is_v4(&a->addr))
        ft_group_changed(net, a->iface);
    if (a->iface->type != FT_IF_ETHER || a->iface->flags & FT_IF_NO_DAD) {
        a->phase = ADDR_SETTLED;
        ft_dad_settle(net, a);
        return;
    }
    a->phase = ADDR_PROBING;
    a->n_probes = 0;
    if (!a->probe_first)
        set_state(net, a, FT_ADDR_OPTIMISTIC);
    else
        wait = ft_net_random(net, 0, scaled(a, PROBE_WAIT));
    arm_after(net, a, wait);
}

static void passed(struct ft_net *net, struct net_addr *a)
{
    a->phase = ADDR_ANNOUNCING;
    a->n_announced = 0;
    ft_dad_settle(net, a);
}

static void probe(struct ft_net *net, struct net_addr *a)
{
    bool is_v4 = addr_is_v4(&a->addr);

    if (a->n_probes == (is_v4 ? PROBE_NUM : DUP_TRANSMITS)) {
        passed(net, a);
        return;
    }
    a->n_probes++;
    if (!is_v4) {
        ft_ndp_probe(net, a);
        arm_after(net, a, scaled(a, a->iface->retrans));
        return;
    }
    ft_arp_claim(net, a, true);
    if (a->n_probes < PROBE_NUM)
        arm_after(net, a, ft_net_random(net, scaled(a, PROBE_MIN), scaled(a, PROBE_MAX)));
    else
        arm_after(net, a, scaled(a, ANNOUNCE_WAIT));
}

void ft_dad_timer(struct ft_net *net, struct net_addr *a)
{
    ft_time now = net->env->now;

    if (a->valid_until <= now) {
        ft_addr_free(net, a);
        return;
    }
    ft_assert(a->state != FT_ADDR_DUPLICATE);
    if (a->phase == ADDR_PROBING)
        probe(net, a);
    if (a->phase == ADDR_ANNOUNCING) {
        announce(net, a);
        a->n_announced++;
        if (a->n_announced == (addr_is_v4(&a->addr) ? ANNOUNCE_NUM : 1))
            a->phase = ADDR_SETTLED;
        else
            arm_after(net, a, scaled(a, ANNOUNCE_INTERVAL));
    }
    if (a->phase == ADDR_SETTLED)
        ft_dad_settle(net, a);
}

/* RFC 7217 7: the next interface identifier of the same prefix. */
static void try_next(struct ft_net *net, struct net_addr *a)
{
    struct ft_addr prefix = {.hi = a->addr.hi, .lo = 0};
    struct net_iface *iface = a->iface;
    struct net_addr_spec spec = {
        .prefix_len = a->prefix_len,
        .flags = a->probe_first ? FT_ADDR_PROBE_FIRST : 0,
        .preferred_until = a->preferred_until,
        .valid_until = a->valid_until,
        .n_tries = (uint8_t)(a->n_tries + 1),
        .slaac = true,
    };

    spec.addr = ft_slaac_addr(net, iface, &prefix, spec.n_tries);
    ft_addr_free(net, a);
    (void)ft_addr_new(net, iface, &spec); /* the next advertisement tries again */
}

void ft_dad_conflict(struct ft_net *net, struct net_addr *a)
{
    ft_time now = net->env->now;

    if (a->state == FT_ADDR_DUPLICATE)
        return;
    net->env->counters.addr_conflicts++;
    if (a->phase == ADDR_PROBING) {
        if (a->slaac && a->n_tries + 1 < IDGEN_RETRIES) {
            try_next(net, a);
            return;
        }
        set_state(net, a, FT_ADDR_DUPLICATE);
        /* It keeps its place, so that it is not tried again, for as long as it is advertised. */
        ft_net_arm(net, &a->timer, a->valid_until);
        return;
    }
    /* RFC 5227 2.4 (c): it is kept, for who could take it away from us by one packet could always
       do so; it is defended, but no oftener than DEFEND_INTERVAL. */
    if (a->defended_at && now < a->defended_at + DEFEND_INTERVAL)
        return;
    a->defended_at = FT_MAX(now, (ft_time)1);
    announce(net, a);
}
