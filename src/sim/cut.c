/* SPDX-License-Identifier: MIT */
/*
 * A plan cut down: what is left of a world when hosts, conversations, faults or octets are taken
 * out of it. What is left keeps its number, and with it its addresses and its random streams, so
 * that a failure often survives; whoever is gone leaves a gap. A plan that was cut is as lawful as
 * one that was drawn: every oracle holds for it.
 */
#include <assert.h>
#include <string.h>

#include "priv.h"

#define MTU_PLAIN   1500
#define MTU_MIN_IP6 1280
#define BACKLOG     128

/* ---- one trouble each ---- */

/* Every cable of the world in turn. Return: NULL after the last. */
static struct impair_config *cable(struct sim_plan *plan, uint32_t i)
{
    if (i < plan->n_hosts)
        return &plan->access[i];
    i -= plan->n_hosts;
    if (i < plan->n_routers)
        return &plan->router[i].up;
    i -= plan->n_routers;
    if (i < plan->n_routers)
        return &plan->router[i].down;
    return i == plan->n_routers ? &plan->trunk : NULL;
}

static void no_loss(struct sim_plan *plan)
{
    struct impair_config *c;

    for (uint32_t i = 0; (c = cable(plan, i)) != NULL; i++) {
        c->loss = 0;
        c->burst = 0;
    }
}

static void no_dup(struct sim_plan *plan)
{
    struct impair_config *c;

    for (uint32_t i = 0; (c = cable(plan, i)) != NULL; i++)
        c->dup = 0;
}

static void no_reorder(struct sim_plan *plan)
{
    struct impair_config *c;

    for (uint32_t i = 0; (c = cable(plan, i)) != NULL; i++)
        c->reorder = 0;
}

static void no_corrupt(struct sim_plan *plan)
{
    struct impair_config *c;

    for (uint32_t i = 0; (c = cable(plan, i)) != NULL; i++)
        c->corrupt = 0;
}

static void no_mangling(struct sim_plan *plan)
{
    struct impair_config *c;

    for (uint32_t i = 0; (c = cable(plan, i)) != NULL; i++)
        c->ecn = IMPAIR_ECN_KEEP;
}

static void no_marks(struct sim_plan *plan)
{
    struct impair_config *c;

    for (uint32_t i = 0; (c = cable(plan, i)) != NULL; i++) {
        c->mark = 0;
        c->mark_all = 0;
    }
}

static void no_jitter(struct sim_plan *plan)
{
    struct impair_config *c;

    for (uint32_t i = 0; (c = cable(plan, i)) != NULL; i++)
        c->jitter = 0;
}

static void no_rate(struct sim_plan *plan)
{
    struct impair_config *c;

    for (uint32_t i = 0; (c = cable(plan, i)) != NULL; i++)
        c->rate = 0;
}

static void no_late(struct sim_plan *plan)
{
    plan->late.loss = IMPAIR_SHARE_ALL;
}

static void drop(struct sim_plan *plan, enum sim_fault_kind kind)
{
    for (uint32_t i = 0; i < plan->n_faults; i++) {
        if (plan->fault[i].kind == kind)
            plan->fault[i].absent = true;
    }
}

static void no_cuts(struct sim_plan *plan)
{
    drop(plan, SIM_FAULT_CUT);
    drop(plan, SIM_FAULT_CUT_ONE);
    drop(plan, SIM_FAULT_HEAL);
}

static void no_changes(struct sim_plan *plan)
{
    drop(plan, SIM_FAULT_RATE);
    drop(plan, SIM_FAULT_SPIKE);
    drop(plan, SIM_FAULT_RESTORE);
}

static void no_shrinks(struct sim_plan *plan)
{
    drop(plan, SIM_FAULT_SHRINK);
}

static void no_holes(struct sim_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_routers; i++)
        plan->router[i].mute = SIM_MUTE_NEVER;
}

static void no_crashes(struct sim_plan *plan)
{
    drop(plan, SIM_FAULT_CRASH);
    drop(plan, SIM_FAULT_BOOT);
}

static void no_migrations(struct sim_plan *plan)
{
    drop(plan, SIM_FAULT_MIGRATE);
    drop(plan, SIM_FAULT_ARRIVE);
}

static void no_rotations(struct sim_plan *plan)
{
    drop(plan, SIM_FAULT_REKEY);
}

static void no_forgeries(struct sim_plan *plan)
{
    drop(plan, SIM_FAULT_FORGE);
}

static void no_replays(struct sim_plan *plan)
{
    drop(plan, SIM_FAULT_REPLAY);
}

static void no_nat(struct sim_plan *plan)
{
    plan->nat = 0;
    drop(plan, SIM_FAULT_FORGET);
}

static void no_reuse(struct sim_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_conns; i++)
        plan->conn[i].bound = 0;
}

static void no_floods(struct sim_plan *plan)
{
    drop(plan, SIM_FAULT_FLOOD);
}

static void no_keys(struct sim_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_conns; i++) {
        if (plan->conn[i].key_kind != SIM_KEY_NONE)
            ft_sim_sign(&plan->conn[i], SIM_KEY_NONE);
    }
}

static void no_refusals(struct sim_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_hosts; i++)
        plan->host[i].refuse_ppm = 0;
}

static void no_poverty(struct sim_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_hosts; i++) {
        plan->host[i].poor_ppm = plan->host[i].poor_nth = 0;
        plan->host[i].memory = 0;
    }
}

static void no_backlog(struct sim_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_hosts; i++) {
        plan->host[i].backlog = BACKLOG;
        plan->host[i].accept_gap = 0;
    }
}

static void no_card(struct sim_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_hosts; i++) {
        plan->host[i].if_flags &= ~(uint32_t)(FT_IF_TX_CSUM | FT_IF_TSO);
        plan->host[i].linear = true;
    }
}

static void no_mtu(struct sim_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_hosts; i++)
        plan->host[i].mtu = MTU_PLAIN;
    for (uint32_t i = 0; i < plan->n_lans; i++)
        plan->lan[i].mtu = MTU_PLAIN;
    for (uint32_t i = 0; i < plan->n_routers; i++) {
        plan->router[i].mtu[0] = MTU_PLAIN;
        plan->router[i].mtu[1] = MTU_PLAIN;
    }
}

static void no_buffers(struct sim_plan *plan)
{
    for (uint32_t i = 0; i < 2 * plan->n_conns; i++) {
        struct sim_side_plan *side = &plan->conn[i / 2].side[i % 2];

        side->sndbuf = 0;
        side->rcvbuf = 0;
    }
}

static void no_pauses(struct sim_plan *plan)
{
    for (uint32_t i = 0; i < 2 * plan->n_conns; i++) {
        struct sim_side_plan *side = &plan->conn[i / 2].side[i % 2];

        if (plan->conn[i / 2].kind == SIM_DATAGRAMS)
            continue;
        plan->conn[i / 2].idle = 0;
        side->write_gap = 0;
        side->read_gap = 0;
        side->read_after = 0;
    }
}

static void no_spans(struct sim_plan *plan)
{
    for (uint32_t i = 0; i < 2 * plan->n_conns; i++)
        plan->conn[i / 2].side[i % 2].zero_copy = false;
}

static const struct {
    const char *name, *text;
    void (*take_out)(struct sim_plan *plan);
} troubles[] = {
    {"loss", "frames that are lost, one by one or in bursts", no_loss},
    {"dup", "frames that come twice", no_dup},
    {"reorder", "frames that overtake others", no_reorder},
    {"corrupt", "frames with a bit flipped", no_corrupt},
    {"jitter", "delay that varies", no_jitter},
    {"marks", "queues that mark what is ECN-capable", no_marks},
    {"mangling", "boxes that make something else of the ECN field", no_mangling},
    {"rate", "limits of rate, with their queues", no_rate},
    {"late", "copies that come again much later", no_late},
    {"cut", "cables that are cut and heal, both ways or one way", no_cuts},
    {"forgery", "segments of an attacker off the path", no_forgeries},
    {"flood", "SYNs from hosts that are not there", no_floods},
    {"replay", "old segments that somebody on the path sends again", no_replays},
    {"nat", "a router that gives those behind it other names, and forgets them", no_nat},
    {"reuse", "clients that take the same port again", no_reuse},
    {"refusal", "links that take no more for a moment", no_refusals},
    {"poverty", "allocations that are refused", no_poverty},
    {"backlog", "servers with a small backlog, or slow to accept", no_backlog},
    {"card", "cards that take spans, fill in checksums, cut segments", no_card},
    {"mtu", "MTUs other than 1500", no_mtu},
    {"buffers", "socket buffers other than the default", no_buffers},
    {"pauses", "slow and stalled readers, slow writers", no_pauses},
    {"changes", "rates and delays that change for a while", no_changes},
    {"shrink", "paths whose MTU becomes smaller", no_shrinks},
    {"holes", "routers that do not say what was too big", no_holes},
    {"crash", "hosts that crash and come up without memory", no_crashes},
    {"migration", "hosts that are replaced in mid-conversation", no_migrations},
    {"keys", "conversations that are signed (TCP MD5, TCP-AO)", no_keys},
    {"rotation", "keys of TCP-AO that change in mid-conversation", no_rotations},
    {"zero-copy", "applications that reserve and peek", no_spans},
};

#define N_TROUBLES (sizeof(troubles) / sizeof(troubles[0]))

const char *ft_sim_trouble(uint32_t i, const char **ret_text)
{
    if (i >= N_TROUBLES)
        return NULL;
    if (ret_text != NULL)
        *ret_text = troubles[i].text;
    return troubles[i].name;
}

/* ---- hosts, conversations, faults, octets ---- */

/* The host that takes over for one that is gone: of the same kind, by turns. */
static uint8_t successor(const struct sim_plan *plan, uint8_t host)
{
    uint32_t first = plan->host[host].is_server ? plan->n_clients : 0;
    uint32_t n = plan->host[host].is_server ? plan->n_servers : plan->n_clients;

    while (plan->host[host].absent)
        host = (uint8_t)(first + (host - first + 1U) % n);
    return host;
}

/* How many of each kind stay if there may be @n hosts: a third of them servers. */
static void share(const struct sim_plan *plan, uint32_t n, uint32_t ret[2])
{
    ret[1] = plan->n_servers < n / 3 ? plan->n_servers : n / 3;
    if (ret[1] == 0)
        ret[1] = 1;
    ret[0] = n - ret[1];
}

/* Return: whether one of each kind is left. */
static bool mark_hosts(struct sim_plan *plan, const struct sim_cut *cut)
{
    uint32_t n_left[2] = {0, 0};
    uint32_t n_most[2] = {SIM_HOSTS_MAX, SIM_HOSTS_MAX};

    if (cut->n_hosts != 0 && cut->n_hosts < plan->n_clients + plan->n_servers)
        share(plan, cut->n_hosts, n_most);
    for (uint32_t i = 0; i < plan->n_clients + plan->n_servers; i++) {
        struct sim_host_plan *host = &plan->host[i];
        uint32_t number = host->is_server ? i - plan->n_clients : i;

        host->absent = (cut->only_hosts && !sim_bit(&cut->hosts[host->is_server], number)) ||
                       number >= n_most[host->is_server];
        n_left[host->is_server] += host->absent ? 0 : 1;
    }
    return n_left[0] > 0 && n_left[1] > 0;
}

static bool cut_hosts(struct sim_plan *plan, const struct sim_cut *cut)
{
    if (!mark_hosts(plan, cut))
        return false;
    for (uint32_t i = 0; i < plan->n_conns; i++) {
        struct sim_conn_plan *conn = &plan->conn[i];

        conn->host[0] = successor(plan, conn->host[0]);
        conn->host[1] = successor(plan, conn->host[1]);
        if (ft_sim_plan_mtu(plan, conn->host[0], conn->host[1]) < MTU_MIN_IP6)
            conn->family = 4;
        if (plan->host[conn->host[1]].backlog < BACKLOG)
            ft_sim_let_client_speak(conn);
    }
    return true;
}

/* Without its heal a cable would stay cut, so the two go together. */
static void cut_faults(struct sim_plan *plan, const struct sim_cut *cut)
{
    for (uint32_t i = 0; i < plan->n_faults; i++) {
        struct sim_fault_plan *fault = &plan->fault[i];

        fault->absent = fault->absent || !sim_bit(cut->faults, i);
        if (i + 1 < plan->n_faults && sim_fault_is_end(fault[1].kind)) {
            fault[1].absent = fault->absent;
            i++;
        }
    }
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void cut_octets(struct sim_conn_plan *conn, uint64_t max)
{
    struct sim_side_plan *side = conn->side;
    uint64_t turns = max;

    for (int i = 0; i < 2 && side[i].turn != 0; i++) {
        turns = smaller(turns, side[i].octets / side[i].turn);
        side[i].turn = smaller(side[i].turn, max);
        turns = smaller(turns, max / side[i].turn);
    }
    for (int i = 0; i < 2; i++)
        side[i].octets = side[i].turn != 0 ? turns * side[i].turn : smaller(side[i].octets, max);
    for (int i = 0; i < 2; i++)
        side[i].abort_at = smaller(side[i].abort_at, side[0].octets + side[1].octets);
}

/* The same plan, but other frames are lost, late, damaged. */
static void vary(struct sim_plan *plan, uint32_t number)
{
    struct impair_config *c;

    for (uint32_t i = 0; (c = cable(plan, i)) != NULL; i++)
        c->seed = sim_mix(c->seed ^ number);
    plan->late.seed = sim_mix(plan->late.seed ^ number);
}

bool ft_sim_cut(struct sim_plan *plan, const struct sim_cut *cut)
{
    if ((cut->only_hosts || cut->n_hosts != 0) && !cut_hosts(plan, cut))
        return false;
    for (uint32_t i = 0; cut->only_conns && i < plan->n_conns; i++)
        plan->conn[i].absent = !sim_bit(cut->conns, i);
    for (uint32_t i = 0; i < N_TROUBLES; i++) {
        if (cut->without >> i & 1)
            troubles[i].take_out(plan);
    }
    if (cut->vary != 0)
        vary(plan, cut->vary);
    if (cut->only_faults)
        cut_faults(plan, cut);
    for (uint32_t i = 0; cut->octets != 0 && i < plan->n_conns; i++)
        cut_octets(&plan->conn[i], cut->octets);
    while (plan->n_faults > 0 && plan->fault[plan->n_faults - 1].absent)
        plan->n_faults--;
    return true;
}

static void put(uint64_t *set, uint32_t i)
{
    set[i / 64] |= UINT64_C(1) << (i % 64);
}

void ft_sim_what_is_left(const struct sim_world *world, struct sim_cut *ret)
{
    const struct sim_plan *plan = &world->plan;

    memset(ret, 0, sizeof(*ret));
    ret->only_hosts = true;
    ret->only_conns = true;
    ret->only_faults = true;
    for (uint32_t i = 0; i < plan->n_clients + plan->n_servers; i++) {
        bool is_server = plan->host[i].is_server;

        if (!plan->host[i].absent)
            put(&ret->hosts[is_server], is_server ? i - plan->n_clients : i);
    }
    for (uint32_t i = 0; i < plan->n_conns; i++) {
        if (!plan->conn[i].absent)
            put(ret->conns, i);
    }
    for (uint32_t i = 0; i < plan->n_faults; i++) {
        if (!plan->fault[i].absent && !sim_fault_is_end(plan->fault[i].kind))
            put(ret->faults, i);
    }
}

static_assert(SIM_CONNS_MAX <= SIM_CUT_CONNS, "every conversation has a bit");
static_assert(SIM_FAULTS_MAX <= SIM_CUT_FAULTS, "every fault has a bit");
static_assert(SIM_HOSTS_MAX >= SIM_CUT_HOSTS_MAX, "every host has a bit");
static_assert(N_TROUBLES <= 64, "every trouble has a bit");
