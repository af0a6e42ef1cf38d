/* SPDX-License-Identifier: MIT */
/*
 * What goes wrong in a plan, and when: cables are cut, slow or far away for a while, paths become
 * narrow, hosts crash and come up without memory, strangers send segments. Then what follows from
 * it for each conversation: whether an end may vanish without a word, whether a path has a hole.
 */
#include "plan.h"
#include "priv.h"

#define CUTS_MAX    16
#define MTU_MIN_IP6 1280
#define GIVE_UP_LATER                                                                              \
    (1500 * FT_SEC)    /* R2 (RFC 9293 3.8.3), as Linux counts it, and a keep-alive */
#define DOWN_MAX_MS 14 /* bits: up to 16 s */

/* An attacker off the path, who has guessed almost everything. */
static void draw_forgeries(struct sim_plan *plan, uint64_t seed)
{
    struct sim_rand rand;
    uint64_t n;

    sim_rand_init(&rand, seed, DRAW_FORGERY, 0);
    if (!sim_rand_chance(&rand, 30))
        return;
    n = sim_rand_size(&rand, 7);
    for (uint64_t i = 0; i < n && plan->n_faults < SIM_FAULTS_MAX; i++) {
        struct sim_fault_plan *fault = &plan->fault[plan->n_faults++];

        fault->kind = SIM_FAULT_FORGE;
        fault->at = FT_SEC + sim_rand_below(&rand, 2 * plan->length);
        fault->pipe = (uint32_t)sim_rand_next(&rand);
    }
}

/* One who is on the path and keeps what he sees. */
static void draw_replays(struct sim_plan *plan, uint64_t seed)
{
    struct sim_rand rand;
    uint64_t n;

    sim_rand_init(&rand, seed, DRAW_REPLAY, 0);
    if (!sim_rand_chance(&rand, 20))
        return;
    n = sim_rand_size(&rand, 6);
    for (uint64_t i = 0; i < n && plan->n_faults < SIM_FAULTS_MAX; i++) {
        struct sim_fault_plan *fault = &plan->fault[plan->n_faults++];

        fault->kind = SIM_FAULT_REPLAY;
        fault->at = 2 * FT_SEC + sim_rand_below(&rand, 3 * plan->length);
        fault->pipe = (uint32_t)sim_rand_next(&rand);
    }
}

/* A router with clients behind it, and no server, may be a NAT; and it may forget. */
static void draw_nat(struct sim_plan *plan, uint64_t seed)
{
    struct sim_rand rand;
    uint64_t n;

    sim_rand_init(&rand, seed, DRAW_NAT, 0);
    if (plan->n_routers == 0 || !sim_rand_chance(&rand, 50))
        return;
    for (uint32_t lan = 1; lan < plan->n_lans && plan->nat == 0; lan++) {
        bool clients = false;
        bool servers = false;

        for (uint32_t i = 0; i < plan->n_hosts; i++) {
            bool behind = ft_sim_plan_is_behind(plan, plan->host[i].lan, lan);

            clients = clients || (behind && !plan->host[i].is_server);
            servers = servers || (behind && plan->host[i].is_server);
        }
        if (clients && !servers)
            plan->nat = lan;
    }
    n = sim_rand_below(&rand, 4);
    while (plan->nat != 0 && n-- > 0 && plan->n_faults < SIM_FAULTS_MAX) {
        struct sim_fault_plan *fault = &plan->fault[plan->n_faults++];

        fault->kind = SIM_FAULT_FORGET;
        fault->pipe = plan->nat - 1;
        fault->at = FT_SEC + sim_rand_below(&rand, 2 * plan->length);
    }
}

/* From a stream of its own: few of those behind a NAT would speak IPv6 otherwise, since every MTU
   on their way must be large enough. */
static void draw_nat_families(struct sim_plan *plan, uint64_t seed)
{
    struct sim_rand rand;

    sim_rand_init(&rand, seed, DRAW_NAT_FAMILY, 0);
    for (uint32_t i = 0; i < plan->n_conns && plan->nat != 0; i++) {
        struct sim_conn_plan *conn = &plan->conn[i];

        if (sim_rand_chance(&rand, 60) && conn->bound == 0 &&
            ft_sim_nat_is_between(plan, conn->host[0], conn->host[1]) &&
            ft_sim_plan_mtu(plan, conn->host[0], conn->host[1]) >= MTU_MIN_IP6)
            conn->family = 6;
    }
}

/* A pipe: often one between LANs. */
static uint32_t draw_pipe(const struct sim_plan *plan, struct sim_rand *rand)
{
    uint32_t n_between = plan->n_routers > 0 ? 4 * plan->n_routers : 2;

    if (sim_rand_chance(rand, 50))
        return 2 * (plan->n_hosts + (uint32_t)sim_rand_below(rand, n_between / 2));
    return (uint32_t)sim_rand_below(rand, 2 * (uint64_t)plan->n_hosts + n_between);
}

bool ft_sim_add_pair(struct sim_plan *plan, const struct sim_fault_plan *fault, uint8_t end,
                     ft_time until)
{
    struct sim_fault_plan *slot = &plan->fault[plan->n_faults];

    if (plan->n_faults + 2 > SIM_FAULTS_MAX || until >= plan->heal_at)
        return false;
    slot[0] = *fault;
    slot[1] = *fault;
    slot[1].kind = end;
    slot[1].at = until;
    plan->n_faults += 2;
    return true;
}

static void draw_cuts(struct sim_plan *plan, uint64_t seed)
{
    struct sim_rand rand;
    ft_time at = FT_SEC;

    sim_rand_init(&rand, seed, DRAW_FAULT, 0);
    if (!sim_rand_chance(&rand, 35))
        return;
    for (int i = 0; i < CUTS_MAX; i++) {
        struct sim_fault_plan cut = {.kind = SIM_FAULT_CUT};

        at += sim_rand_below(&rand, plan->length);
        cut.at = at;
        if (sim_rand_chance(&rand, 40))
            cut.kind = SIM_FAULT_CUT_ONE;
        cut.pipe = draw_pipe(plan, &rand);
        at += FT_MS * sim_rand_size(&rand, 14);
        if (!ft_sim_add_pair(plan, &cut, SIM_FAULT_HEAL, at))
            return;
    }
}

/* Spikes of delay and changes of rate; one pipe may have several at once, the first end ends all.
 */
static void draw_changes(struct sim_plan *plan, uint64_t seed)
{
    struct sim_rand rand;
    uint64_t n;

    sim_rand_init(&rand, seed, DRAW_CHANGE, 0);
    if (!sim_rand_chance(&rand, 25))
        return;
    n = sim_rand_range(&rand, 1, 8);
    while (n-- > 0) {
        struct sim_fault_plan fault = {.kind = SIM_FAULT_RATE};

        fault.pipe = draw_pipe(plan, &rand);
        fault.at = FT_SEC + sim_rand_below(&rand, plan->length + 20 * FT_SEC);
        fault.value = UINT64_C(128000) << sim_rand_below(&rand, 10);
        if (sim_rand_chance(&rand, 50)) {
            fault.kind = SIM_FAULT_SPIKE;
            fault.value = FT_MS * sim_rand_size(&rand, 12); /* up to 4 s */
        }
        (void)ft_sim_add_pair(plan, &fault, SIM_FAULT_RESTORE,
                              fault.at + FT_MS * sim_rand_size(&rand, 14));
    }
}

/* Paths become narrow; some routers say nothing of it, a few for ever. */
static void draw_shrinks(struct sim_plan *plan, uint64_t seed)
{
    static const uint32_t mtus[] = {1492, 1400, 1300, 1280, 1280, 1006, 576};
    struct sim_rand rand;
    uint64_t n;

    sim_rand_init(&rand, seed, DRAW_SHRINK, 0);
    if (plan->n_routers == 0 || !sim_rand_chance(&rand, 40))
        return;
    n = sim_rand_range(&rand, 1, 3);
    while (n-- > 0 && plan->n_faults < SIM_FAULTS_MAX) {
        struct sim_fault_plan *fault = &plan->fault[plan->n_faults++];
        uint32_t router = (uint32_t)sim_rand_below(&rand, plan->n_routers);

        fault->kind = SIM_FAULT_SHRINK;
        fault->pipe = 2 * router + (uint32_t)sim_rand_below(&rand, 2);
        fault->at = sim_rand_below(&rand, 2 * plan->length);
        fault->value = mtus[sim_rand_below(&rand, sizeof(mtus) / sizeof(mtus[0]))];
        if (sim_rand_chance(&rand, 25))
            plan->router[router].mute =
                sim_rand_chance(&rand, 75) ? SIM_MUTE_AT_FIRST : SIM_MUTE_FOR_EVER;
    }
}

static void draw_crashes(struct sim_plan *plan, uint64_t seed)
{
    struct sim_rand rand;
    uint64_t n;

    sim_rand_init(&rand, seed, DRAW_CRASH, 0);
    if (!sim_rand_chance(&rand, 15))
        return;
    n = sim_rand_range(&rand, 1, 3);
    while (n-- > 0) {
        struct sim_fault_plan fault = {.kind = SIM_FAULT_CRASH};

        fault.pipe = (uint32_t)sim_rand_below(&rand, plan->n_hosts);
        fault.at = FT_SEC + sim_rand_below(&rand, 2 * plan->length);
        (void)ft_sim_add_pair(plan, &fault, SIM_FAULT_BOOT,
                              fault.at + FT_MS * sim_rand_size(&rand, DOWN_MAX_MS));
    }
}

void ft_sim_plan_faults(struct sim_plan *plan, uint64_t seed)
{
    draw_cuts(plan, seed);
    draw_forgeries(plan, seed);
    draw_changes(plan, seed);
    draw_shrinks(plan, seed);
    draw_crashes(plan, seed);
    draw_replays(plan, seed);
    draw_nat(plan, seed);
    draw_nat_families(plan, seed);
    ft_sim_plan_migrations(plan, seed);
}

/* ---- what follows ---- */

/* Or is replaced, and some of its connections are lost. */
static bool crashes(const struct sim_plan *plan, uint32_t host)
{
    for (uint32_t i = 0; i < plan->n_faults; i++) {
        const struct sim_fault_plan *fault = &plan->fault[i];

        if ((fault->kind == SIM_FAULT_CRASH || fault->kind == SIM_FAULT_MIGRATE) &&
            fault->pipe == host && !fault->absent)
            return true;
    }
    return false;
}

/* Nobody can begin a connection to one behind a NAT. */
static void settle_nat(const struct sim_plan *plan, struct sim_conn_plan *conn)
{
    conn->mapped = ft_sim_nat_is_between(plan, conn->host[0], conn->host[1]);
    if (!conn->mapped)
        return;
    if (conn->kind == SIM_SIMULTANEOUS) {
        conn->kind = SIM_STREAM;
        conn->port = 80;
    }
    if (conn->key_kind != SIM_KEY_NONE)
        ft_sim_sign(conn, SIM_KEY_NONE);
}

void ft_sim_plan_settle(struct sim_plan *plan)
{
    plan->patience = 0;
    for (uint32_t i = 0; i < plan->n_conns; i++) {
        struct sim_conn_plan *conn = &plan->conn[i];

        settle_nat(plan, conn);
        conn->hole = ft_sim_plan_has_hole(plan, conn->host[0], conn->host[1]) ||
                     ft_sim_plan_has_hole(plan, conn->host[1], conn->host[0]);
        conn->keep_alive = conn->may_reset || conn->idle != 0 ||
                           (conn->mapped && ft_sim_plan_has(plan, SIM_FAULT_FORGET)) ||
                           crashes(plan, conn->host[0]) || crashes(plan, conn->host[1]);
        /* A signed segment for nobody is met with silence: nobody could sign the answer. */
        if ((conn->mapped && ft_sim_plan_has(plan, SIM_FAULT_FORGET)) ||
            conn->key_kind != SIM_KEY_NONE)
            plan->patience = GIVE_UP_LATER;
    }
}
