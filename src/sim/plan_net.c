/* SPDX-License-Identifier: MIT */
/*
 * The network of a plan: LANs and the routers between them, what each cable does to frames, where
 * the hosts are. Half of the worlds are one subnet with a trunk in its middle; the others are trees
 * of up to six subnets, each with an MTU of its own, and the bottleneck is at one of the routers.
 */
#include <string.h>

#include "plan.h"
#include "priv.h"

#define MTU_ANY 9000 /* of the two switches without routers: as large as anybody's */

/* A cable between a host and its switch: short, mostly good. */
static void draw_access(struct sim_plan *plan, uint64_t seed, uint32_t i)
{
    struct impair_config *c = &plan->access[i];
    struct sim_rand rand;

    sim_rand_init(&rand, seed, DRAW_CABLE, i);
    c->delay = FT_US * sim_rand_size(&rand, 8); /* up to 0.26 ms */
    c->rate = sim_rand_chance(&rand, 50) ? 0 : UINT64_C(1000000000);
    c->queue = UINT64_C(4) << 20;
    c->l2_len = 14;
    c->seed = sim_mix(seed + i + 1);
    if (sim_rand_chance(&rand, 10))
        c->loss = (uint32_t)sim_rand_below(&rand, PPB_PERCENT);
}

/* The bottleneck, where most of the harm is done. */
static void draw_trunk(struct impair_config *c, uint64_t seed)
{
    struct sim_rand rand;

    sim_rand_init(&rand, seed, DRAW_CABLE, TRUNK);
    c->delay = FT_US * sim_rand_size(&rand, 17); /* up to 131 ms */
    c->jitter = sim_rand_chance(&rand, 50) ? sim_rand_below(&rand, c->delay / 2 + 1) : 0;
    c->rate = UINT64_C(512000) << sim_rand_below(&rand, 12);
    c->queue = UINT64_C(8192) << sim_rand_below(&rand, 7);
    c->l2_len = 14;
    c->seed = sim_mix(seed);
    if (sim_rand_chance(&rand, 60))
        c->loss = (uint32_t)sim_rand_size(&rand, 26); /* up to 6.7 % */
    if (c->loss != 0 && sim_rand_chance(&rand, 30))
        c->burst = (uint32_t)sim_rand_range(&rand, 2, 8);
    if (sim_rand_chance(&rand, 40))
        c->dup = (uint32_t)sim_rand_below(&rand, 3 * PPB_PERCENT);
    if (sim_rand_chance(&rand, 40))
        c->reorder = (uint32_t)sim_rand_below(&rand, 8 * PPB_PERCENT);
    if (sim_rand_chance(&rand, 30))
        c->corrupt = (uint32_t)sim_rand_below(&rand, 2 * PPB_PERCENT);
}

/* Old duplicates: some packets come a second time when nobody expects them any more. */
static void draw_late(struct sim_plan *plan, uint64_t seed)
{
    struct impair_config *c = &plan->late;
    struct sim_rand rand;

    sim_rand_init(&rand, seed, DRAW_LATE, 0);
    c->loss = IMPAIR_SHARE_ALL;
    c->l2_len = 14;
    c->seed = sim_mix(~seed);
    if (!sim_rand_chance(&rand, 30))
        return;
    c->loss -= (uint32_t)sim_rand_size(&rand, 24); /* up to 1.7 % come again */
    c->delay = FT_MS * sim_rand_size(&rand, 15);   /* up to 33 s */
    c->jitter = c->delay;
}

/* A cable of a router that is not the bottleneck. */
static void draw_plain(struct impair_config *c, struct sim_rand *rand)
{
    c->delay = FT_US * sim_rand_size(rand, 12); /* up to 4 ms */
    c->rate = sim_rand_chance(rand, 50) ? 0 : UINT64_C(100000000);
    c->queue = UINT64_C(8192) << sim_rand_below(rand, 9);
    c->l2_len = 14;
    c->seed = sim_rand_next(rand);
    if (sim_rand_chance(rand, 20))
        c->loss = (uint32_t)sim_rand_below(rand, PPB_PERCENT);
}

static void draw_lans(struct sim_plan *plan, struct sim_rand *rand)
{
    static const uint32_t mtus[] = {1500, 1500, 1500, 1500, 1500, 9000,
                                    9000, 1492, 1400, 1280, 1280, 576};
    bool chain = sim_rand_chance(rand, 50);

    plan->n_lans = (uint32_t)sim_rand_range(rand, 2, SIM_LANS_MAX);
    plan->n_routers = plan->n_lans - 1;
    for (uint32_t i = 0; i < plan->n_lans; i++) {
        struct sim_lan_plan *lan = &plan->lan[i];

        lan->mtu = mtus[sim_rand_below(rand, sizeof(mtus) / sizeof(mtus[0]))];
        if (i > 0)
            lan->parent = (uint8_t)(chain ? i - 1 : sim_rand_below(rand, i));
    }
    for (uint32_t i = 0; i < plan->n_hosts; i++) {
        struct sim_host_plan *host = &plan->host[i];

        host->lan = (uint8_t)sim_rand_below(rand, plan->n_lans);
        if (host->mtu > plan->lan[host->lan].mtu)
            host->mtu = plan->lan[host->lan].mtu;
    }
}

static void draw_routers(struct sim_plan *plan, uint64_t seed)
{
    struct sim_rand rand;
    uint32_t worst;

    sim_rand_init(&rand, seed, DRAW_ROUTER, 0);
    worst = (uint32_t)sim_rand_below(&rand, plan->n_routers);
    for (uint32_t i = 0; i < plan->n_routers; i++) {
        struct sim_router_plan *router = &plan->router[i];

        router->mtu[0] = plan->lan[plan->lan[i + 1].parent].mtu;
        router->mtu[1] = plan->lan[i + 1].mtu;
        draw_plain(&router->up, &rand);
        router->down.l2_len = 14;
        router->down.delay = FT_US;
        if (i == worst)
            router->up = plan->trunk;
    }
}

void ft_sim_plan_flat(struct sim_plan *plan)
{
    plan->nat = 0;
    plan->n_routers = 0;
    plan->n_lans = 2;
    for (uint32_t i = 0; i < plan->n_lans; i++)
        plan->lan[i] = (struct sim_lan_plan){.mtu = MTU_ANY};
    for (uint32_t i = 0; i < plan->n_hosts; i++)
        plan->host[i].lan = plan->host[i].is_server ? 1 : 0;
}

void ft_sim_plan_net(struct sim_plan *plan, uint64_t seed)
{
    struct sim_rand rand;

    sim_rand_init(&rand, seed, DRAW_LAN, 0);
    draw_trunk(&plan->trunk, seed);
    draw_late(plan, seed);
    for (uint32_t i = 0; i < plan->n_hosts; i++)
        draw_access(plan, seed, i);
    if (sim_rand_chance(&rand, 50)) {
        draw_lans(plan, &rand);
        draw_routers(plan, seed);
        return;
    }
    ft_sim_plan_flat(plan);
}

/* ---- ways ---- */

bool ft_sim_plan_is_behind(const struct sim_plan *plan, uint32_t lan, uint32_t root)
{
    while (lan > root)
        lan = plan->lan[lan].parent;
    return lan == root;
}

uint32_t ft_sim_plan_router(const struct sim_plan *plan, uint32_t from, uint32_t to)
{
    if (!ft_sim_plan_is_behind(plan, to, from))
        return from - 1;
    while (plan->lan[to].parent != from)
        to = plan->lan[to].parent;
    return to - 1;
}

/* The narrowest that a port of a router ever is for a family. */
static uint32_t narrowest(const struct sim_plan *plan, uint32_t router, uint32_t port)
{
    uint32_t mtu = plan->router[router].mtu[port];

    for (uint32_t i = 0; i < plan->n_faults; i++) {
        const struct sim_fault_plan *fault = &plan->fault[i];

        if (fault->kind == SIM_FAULT_SHRINK && !fault->absent && fault->pipe == 2 * router + port &&
            fault->value < mtu)
            mtu = (uint32_t)fault->value;
    }
    return mtu;
}

bool ft_sim_plan_has_hole(const struct sim_plan *plan, uint32_t from, uint32_t to)
{
    uint32_t at = plan->host[from].lan;
    uint32_t end = plan->host[to].lan;
    uint32_t mtu =
        plan->host[from].mtu < plan->host[to].mtu ? plan->host[from].mtu : plan->host[to].mtu;

    while (plan->n_routers > 0 && at != end) {
        uint32_t router = ft_sim_plan_router(plan, at, end);
        uint32_t port = at == router + 1 ? 0 : 1;

        if (plan->router[router].mute == SIM_MUTE_FOR_EVER && narrowest(plan, router, port) < mtu)
            return true;
        at = port == 0 ? plan->lan[at].parent : router + 1;
    }
    return false;
}

uint32_t ft_sim_plan_mtu(const struct sim_plan *plan, uint32_t a, uint32_t b)
{
    uint32_t at = plan->host[a].lan;
    uint32_t to = plan->host[b].lan;
    uint32_t mtu = plan->host[a].mtu < plan->host[b].mtu ? plan->host[a].mtu : plan->host[b].mtu;

    while (plan->n_routers > 0 && at != to) {
        uint32_t router = ft_sim_plan_router(plan, at, to);

        at = at == router + 1 ? plan->lan[at].parent : router + 1;
        mtu = plan->lan[at].mtu < mtu ? plan->lan[at].mtu : mtu;
    }
    return mtu;
}
