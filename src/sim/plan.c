/* SPDX-License-Identifier: MIT */
/*
 * The plan of a world: hosts, cables, conversations and faults, all drawn from the seed before the
 * first event. Nothing that happens later changes it, so a plan can be printed, and cut down.
 */
#include <string.h>

#include "plan.h"
#include "priv.h"

#define LENGTH_DEFAULT (8 * FT_SEC)
#define REST_AFTER     (30 * FT_SEC) /* faults go on so long after the last beginning */
#define REUSE_MAX      4             /* conversations of one name */
#define PORT_REUSED    9999          /* of their client */
#define STORM_OCTETS   2000
#define BACKLOG_PLENTY 128
#define MTU_MIN_IP6    1280

static void draw_host(struct sim_plan *plan, uint64_t seed, uint32_t i)
{
    static const uint32_t mtus[] = {1500, 1500, 1500, 1500, 9000, 1280, 1400, 576};
    struct sim_host_plan *host = &plan->host[i];
    struct sim_rand rand;

    sim_rand_init(&rand, seed, DRAW_HOST, i);
    host->mtu = mtus[sim_rand_below(&rand, sizeof(mtus) / sizeof(mtus[0]))];
    host->is_server = i >= plan->n_clients;
    host->linear = sim_rand_chance(&rand, 50);
    if (sim_rand_chance(&rand, 30))
        host->if_flags |= FT_IF_TX_CSUM;
    if ((host->if_flags & FT_IF_TX_CSUM) && !host->linear && sim_rand_chance(&rand, 60))
        host->if_flags |= FT_IF_TSO;
    host->if_flags |= sim_rand_chance(&rand, 70) ? FT_IF_NO_DAD : FT_IF_FAST_DAD;
    if (sim_rand_chance(&rand, 30))
        host->refuse_ppm = (uint32_t)sim_rand_size(&rand, 17);
    if (sim_rand_chance(&rand, 8)) {
        host->poor_ppm = (uint32_t)sim_rand_size(&rand, 19);
        host->poor_from = FT_SEC + sim_rand_below(&rand, plan->length);
        host->poor_until = host->poor_from + FT_MS * sim_rand_size(&rand, 14);
    } else if (sim_rand_chance(&rand, 8)) {
        host->poor_from = FT_SEC + sim_rand_below(&rand, plan->length);
        host->poor_nth = (uint32_t)sim_rand_size(&rand, 10);
    }
    if (host->is_server && sim_rand_chance(&rand, 25))
        host->accept_gap = FT_US * sim_rand_size(&rand, 20); /* up to 1 s */
    host->backlog =
        sim_rand_chance(&rand, 70) ? BACKLOG_PLENTY : (uint32_t)sim_rand_range(&rand, 1, 4);
}

/* From a stream of its own: what else a seed means does not hang on it. */
static void draw_congestion(struct sim_plan *plan, uint64_t seed, uint32_t i)
{
    static const char *const names[] = {"cubic", "reno", "bbr"};
    struct sim_rand rand;

    sim_rand_init(&rand, seed, DRAW_CONGESTION, i);
    plan->host[i].congestion = names[sim_rand_below(&rand, sizeof(names) / sizeof(names[0]))];
}

/* Who asks for ECN, who accepts it, and who knows nothing of it. */
static void draw_ecn(struct sim_plan *plan, uint64_t seed, uint32_t i)
{
    struct sim_rand rand;

    sim_rand_init(&rand, seed, DRAW_ECN, i);
    plan->host[i].ecn = (uint8_t)(1 + sim_rand_below(&rand, FT_ECN_ACCEPT_ACCURATE + 1));
    if (sim_rand_chance(&rand, 12))
        plan->host[i].congestion = "dctcp";
}

/* A queue that marks, and boxes that make something else of the ECN field. */
static void draw_marks(struct impair_config *c, uint64_t seed)
{
    struct sim_rand rand;

    sim_rand_init(&rand, seed, DRAW_ECN, TRUNK);
    if (sim_rand_chance(&rand, 50))
        c->mark = c->queue >> sim_rand_range(&rand, 1, 4);
    if (c->mark != 0 && sim_rand_chance(&rand, 50))
        c->mark_all = c->queue;
    if (sim_rand_chance(&rand, 15))
        c->ecn = (uint32_t)sim_rand_range(&rand, IMPAIR_ECN_BLEACH, IMPAIR_ECN_CE);
}

/* How one side moves its octets; slow ones have fewer, so that none needs more than a minute. */
static void draw_manner(struct sim_rand *rand, struct sim_side_plan *side)
{
    side->octets = sim_rand_size(rand, 20);
    side->write_max = (uint32_t)sim_rand_size(rand, 16);
    side->read_max = (uint32_t)sim_rand_size(rand, 16);
    if (side->write_max < 64 && side->octets > 65536)
        side->octets = 65536;
    side->nodelay = sim_rand_chance(rand, 30);
    side->zero_copy = sim_rand_chance(rand, 25);
    if (sim_rand_chance(rand, 15))
        side->sndbuf = (int32_t)sim_rand_range(rand, 2048, 65536);
    if (sim_rand_chance(rand, 15))
        side->rcvbuf = (int32_t)sim_rand_range(rand, 2048, 65536);
    if (sim_rand_chance(rand, 10)) {
        side->write_max = (uint32_t)sim_rand_range(rand, 1, 3);
        side->write_gap = FT_US * sim_rand_size(rand, 15); /* up to 33 ms */
        side->octets = sim_rand_range(rand, 1, 1000);
    }
}

/* A slow reader: paces what the other side sends. */
static void draw_slowness(struct sim_rand *rand, struct sim_side_plan *side, uint64_t octets)
{
    uint64_t reads;

    if (sim_rand_chance(rand, side->rcvbuf != 0 ? 50 : 10))
        side->read_after = FT_MS * sim_rand_size(rand, 14); /* up to 16 s */
    if (!sim_rand_chance(rand, 15))
        return;
    side->read_gap = FT_US * sim_rand_size(rand, 19); /* up to 0.5 s */
    reads = 60 * FT_SEC / side->read_gap;
    if (octets / side->read_max > reads)
        side->read_max = (uint32_t)(octets / reads + 1);
}

static void draw_rude(struct sim_rand *rand, struct sim_conn_plan *conn)
{
    struct sim_side_plan *side = &conn->side[sim_rand_below(rand, 2)];

    conn->may_reset = true;
    side->ending = sim_rand_chance(rand, 50) ? SIM_END_ABORT : SIM_END_CLOSE;
    side->abort_at = sim_rand_below(rand, conn->side[0].octets + conn->side[1].octets + 1);
}

/* Which side closes first, and how the other one answers. */
static void draw_endings(struct sim_rand *rand, struct sim_conn_plan *conn)
{
    uint32_t first = (uint32_t)sim_rand_below(rand, 2);

    if (sim_rand_chance(rand, 15)) {
        draw_rude(rand, conn);
        return;
    }
    conn->side[first].ending = SIM_END_SHUTDOWN;
    conn->side[1 - first].ending = sim_rand_chance(rand, 70) ? SIM_END_AFTER_EOF : SIM_END_SHUTDOWN;
    if (sim_rand_chance(rand, 20)) {
        conn->side[first].ending = SIM_END_CLOSE;
        conn->side[1 - first].ending = SIM_END_AFTER_EOF;
        conn->side[1 - first].octets = 0;
    }
}

static void draw_turns(struct sim_rand *rand, struct sim_conn_plan *conn)
{
    uint64_t n = sim_rand_range(rand, 1, 30);

    for (int i = 0; i < 2; i++) {
        conn->side[i].turn = sim_rand_size(rand, 13);
        conn->side[i].octets = n * conn->side[i].turn;
        conn->side[i].write_gap = 0;
        conn->side[i].write_max = 65536;
    }
}

static void draw_stream(struct sim_rand *rand, struct sim_conn_plan *conn)
{
    draw_manner(rand, &conn->side[0]);
    draw_manner(rand, &conn->side[1]);
    if (sim_rand_chance(rand, 35))
        draw_turns(rand, conn);
    else if (sim_rand_chance(rand, 50))
        conn->side[sim_rand_below(rand, 2)].octets = 0;
    draw_endings(rand, conn);
    draw_slowness(rand, &conn->side[0], conn->side[1].octets);
    draw_slowness(rand, &conn->side[1], conn->side[0].octets);
    if (conn->side[0].ending == SIM_END_CLOSE || conn->side[1].ending == SIM_END_CLOSE) {
        conn->side[0].turn = 0;
        conn->side[1].turn = 0;
    }
}

static void draw_datagrams(struct sim_rand *rand, struct sim_conn_plan *conn)
{
    conn->kind = SIM_DATAGRAMS;
    conn->port = 7;
    conn->side[0].octets = sim_rand_range(rand, 1, 40); /* datagrams */
    conn->side[0].write_max =
        (uint32_t)sim_rand_range(rand, 16, sim_rand_chance(rand, 60) ? 500 : 8000);
    conn->side[0].write_gap = FT_US * sim_rand_size(rand, 17);
    conn->side[0].nodelay = sim_rand_chance(rand, 50); /* here: without DF */
}

/* The ACK of a SYN cookie may be lost, and leave a client waiting for a server that knows nothing
   of it (RFC 4987 3.6): a client of a small backlog, or of a host whose memory may fail, has
   something to say. */
void ft_sim_let_client_speak(struct sim_conn_plan *conn)
{
    if (conn->side[0].octets > 0)
        return;
    conn->side[0].octets = 1;
    if (conn->side[1].ending == SIM_END_CLOSE && !conn->may_reset)
        conn->side[1].ending = SIM_END_SHUTDOWN;
}

static void draw_conn(struct sim_plan *plan, uint64_t seed, uint32_t i)
{
    struct sim_conn_plan *conn = &plan->conn[i];
    struct sim_rand rand;
    uint64_t kind;

    sim_rand_init(&rand, seed, DRAW_CONN, i);
    conn->host[0] = (uint8_t)sim_rand_below(&rand, plan->n_clients);
    conn->host[1] = (uint8_t)(plan->n_clients + sim_rand_below(&rand, plan->n_servers));
    conn->start = FT_SEC + sim_rand_below(&rand, plan->length);
    conn->key[0] = sim_rand_next(&rand);
    conn->key[1] = sim_rand_next(&rand);
    conn->family = sim_rand_chance(&rand, 40) ? 6 : 4;
    if (ft_sim_plan_mtu(plan, conn->host[0], conn->host[1]) < MTU_MIN_IP6)
        conn->family = 4;
    kind = sim_rand_below(&rand, 100);
    conn->port = kind < 50 ? 80 : 81;
    draw_stream(&rand, conn);
    if (plan->host[conn->host[1]].backlog < BACKLOG_PLENTY ||
        sim_is_poor(&plan->host[conn->host[1]]))
        ft_sim_let_client_speak(conn);
    if (kind >= 90) {
        draw_datagrams(&rand, conn);
    } else if (kind >= 85) {
        conn->kind = SIM_SIMULTANEOUS;
        conn->port = (uint16_t)(20000 + i);
    } else if (kind >= 83) {
        conn->kind = SIM_REFUSED;
        conn->port = 9;
    } else if (kind >= 82) {
        conn->kind = SIM_UNREACHABLE;
    }
}

bool ft_sim_plan_duplicates(const struct sim_plan *plan)
{
    bool any = plan->trunk.dup != 0 || plan->late.loss != IMPAIR_SHARE_ALL;

    for (uint32_t i = 0; i < plan->n_routers; i++)
        any = any || plan->router[i].up.dup != 0 || plan->router[i].down.dup != 0;
    for (uint32_t i = 0; i < plan->n_hosts; i++)
        any = any || plan->access[i].dup != 0;
    return any;
}

bool ft_sim_plan_is_calm(const struct sim_plan *plan)
{
    /* A full backlog does not take what comes in order (so it counts as a loss). */
    bool calm = plan->trunk.loss == 0 && plan->trunk.corrupt == 0 && plan->n_faults == 0 &&
                !ft_sim_plan_has_cookies(plan);

    for (uint32_t i = 0; i < plan->n_hosts; i++)
        calm = calm && plan->access[i].loss == 0 && !sim_is_poor(&plan->host[i]);
    for (uint32_t i = 0; i < plan->n_routers; i++) {
        const struct sim_router_plan *router = &plan->router[i];

        calm = calm && router->up.loss == 0 && router->up.corrupt == 0 &&
               router->mute == SIM_MUTE_NEVER;
    }
    return calm;
}

/* A client that asks for the same port again and again, and so takes up a four-tuple of which the
   network may still hold segments (RFC 9293 3.4.3, 3.6.1). Polite ones only: the port is free when
   both ends are done. */
static void draw_reuse(struct sim_plan *plan, uint64_t seed)
{
    const struct sim_conn_plan *first = &plan->conn[0];
    struct sim_rand rand;

    sim_rand_init(&rand, seed, DRAW_REUSE, 0);
    if (!sim_rand_chance(&rand, 15) || plan->host[first->host[1]].accept_gap != 0 ||
        plan->host[first->host[1]].backlog < BACKLOG_PLENTY)
        return;
    for (uint32_t i = 0; i < plan->n_conns && i < REUSE_MAX; i++) {
        struct sim_conn_plan *conn = &plan->conn[i];

        if (conn->kind != SIM_STREAM || conn->may_reset || conn->side[0].ending == SIM_END_CLOSE ||
            conn->side[1].ending == SIM_END_CLOSE)
            continue;
        conn->host[0] = first->host[0];
        conn->host[1] = first->host[1];
        conn->family = first->family;
        conn->port = 80;
        conn->bound = PORT_REUSED;
    }
}

/* Clients that say nothing for minutes: keep-alives alone keep them in touch (RFC 9293 3.8.4). */
static void draw_idle(struct sim_plan *plan, uint64_t seed)
{
    struct sim_rand rand;

    sim_rand_init(&rand, seed, DRAW_IDLE, 0);
    for (uint32_t i = 0; i < plan->n_conns; i++) {
        struct sim_conn_plan *conn = &plan->conn[i];

        if (sim_rand_chance(&rand, 5) && conn->kind == SIM_STREAM && conn->bound == 0)
            conn->idle = FT_SEC * sim_rand_size(&rand, 8); /* up to 256 s */
    }
}

/* A storm: many short conversations at once, most of them with one server. */
static void draw_storm(struct sim_plan *plan, uint64_t seed)
{
    struct sim_rand rand;
    ft_time within;

    sim_rand_init(&rand, seed, DRAW_STORM, 0);
    if (!sim_rand_chance(&rand, 12))
        return;
    within = FT_US * sim_rand_size(&rand, 16); /* up to 65 ms */
    for (uint32_t i = 0; i < plan->n_conns; i++) {
        struct sim_conn_plan *conn = &plan->conn[i];

        conn->start = 2 * FT_SEC + sim_rand_below(&rand, within);
        for (int k = 0; k < 2; k++) {
            struct sim_side_plan *side = &conn->side[k];

            if (side->octets > STORM_OCTETS && side->turn == 0)
                side->octets = STORM_OCTETS;
            side->abort_at %= conn->side[0].octets + 1;
        }
    }
}

bool ft_sim_plan_has(const struct sim_plan *plan, enum sim_fault_kind kind)
{
    for (uint32_t i = 0; i < plan->n_faults; i++) {
        if (plan->fault[i].kind == kind && !plan->fault[i].absent)
            return true;
    }
    return false;
}

bool ft_sim_plan_has_cookies(const struct sim_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_hosts; i++) {
        if (plan->host[i].is_server && plan->host[i].backlog < plan->n_conns)
            return true;
    }
    return ft_sim_plan_has(plan, SIM_FAULT_FLOOD);
}

void ft_sim_plan(struct sim_plan *plan, uint64_t seed, ft_time length)
{
    struct sim_rand rand;
    uint64_t n;

    memset(plan, 0, sizeof(*plan));
    sim_rand_init(&rand, seed, DRAW_SHAPE, 0);
    plan->length = length != 0 ? length : LENGTH_DEFAULT;
    plan->heal_at = plan->length + REST_AFTER;
    plan->limit = plan->heal_at + LIMIT_AFTER;
    plan->n_clients = (uint32_t)sim_rand_range(&rand, 1, sim_rand_chance(&rand, 15) ? 11 : 6);
    plan->n_servers = (uint32_t)sim_rand_range(&rand, 1, sim_rand_chance(&rand, 15) ? 5 : 3);
    plan->n_hosts = plan->n_clients + plan->n_servers;
    n = sim_rand_size(&rand, 4) * (plan->length / LENGTH_DEFAULT + 1);
    if (sim_rand_chance(&rand, 15))
        n += 40;
    plan->n_conns = (uint32_t)(n < SIM_CONNS_MAX ? n : SIM_CONNS_MAX);
    for (uint32_t i = 0; i < plan->n_hosts; i++) {
        draw_host(plan, seed, i);
        draw_congestion(plan, seed, i);
        draw_ecn(plan, seed, i);
    }
    ft_sim_plan_net(plan, seed);
    draw_marks(&plan->trunk, seed);
    for (uint32_t i = 0; i < plan->n_routers; i++)
        draw_marks(&plan->router[i].up, seed + i);
    for (uint32_t i = 0; i < plan->n_conns; i++)
        draw_conn(plan, seed, i);
    draw_storm(plan, seed);
    draw_reuse(plan, seed);
    draw_idle(plan, seed);
    ft_sim_plan_faults(plan, seed);
    ft_sim_plan_keys(plan, seed);
}
