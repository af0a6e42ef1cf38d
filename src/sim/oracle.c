/* SPDX-License-Identifier: MIT */
/*
 * The oracles: what must be true of any network of correct hosts, whatever the wire did. They
 * compare the two ends of each conversation with each other and with the plan, and know nothing of
 * the stack's insides beyond its public counters.
 *
 * Which ends may believe what is the table below; an end of file is only read where the peer closed
 * its direction, and after its last octet, whatever happened to others.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "priv.h"

#define SILENCE_MAX (60 * FT_SEC) /* a keep-alive that faults have kept from hearing is over */
#define MISER_TIME                                                                                 \
    (5 * FT_SEC) /* the least for which a window is shut that others must pay for                  \
                  */
#define MEMORY_SLACK (UINT64_C(4) << 20) /* slabs and caches that a stack may keep */

static const char *side_name(const struct sim_app *app)
{
    return app->side == 0 ? "client" : "server";
}

static struct sim_app *peer_of(struct sim_app *app)
{
    return &app->world->app[2 * app->conn + (1U - app->side)];
}

static void blame(struct sim_app *app, const char *what)
{
    struct sim_tuple tuple = ft_sim_app_tuple(app);

    ft_sim_halt(app->world, &tuple, "conversation %u: the %s (%s) %s", app->conn, side_name(app),
                app->world->host[app->host].name, what);
}

void ft_sim_oracle_octets(struct sim_app *app, const uint8_t *octets, size_t len)
{
    struct sim_world *world = app->world;
    const struct sim_app *peer = peer_of(app);
    uint64_t key = world->plan.conn[app->conn].key[1 - app->side];

    if (app->received + len > peer->sent) {
        blame(app, "received octets that the other has not sent yet");
        return;
    }
    while (len > 0) {
        size_t n = len < sizeof(world->expected) ? len : sizeof(world->expected);

        ft_sim_stream(key, app->received, world->expected, n);
        if (memcmp(octets, world->expected, n) != 0) {
            size_t i = 0;

            while (octets[i] == world->expected[i])
                i++;
            app->received += i;
            ft_sim_app_note(app, "received a wrong octet at", (int64_t)app->received);
            blame(app, "received an octet that differs from the one sent");
            return;
        }
        app->received += n;
        world->octets += n;
        octets += n;
        len -= n;
    }
}

void ft_sim_oracle_eof(struct sim_app *app)
{
    const struct sim_app *peer = peer_of(app);

    if (!peer->fin_asked)
        blame(app, "read an end of file that the other did not send");
    else if (app->received != peer->sent)
        blame(app, "read the end of file before the last octet");
}

/* Why an end may have ended otherwise than by an end of file: facts of the run, not hopes. */
enum excuse {
    EXCUSE_RUDE = 1,      /* the peer has aborted, or closed with nobody to read on */
    EXCUSE_CRASH = 2,     /* one of the two hosts has crashed in the middle */
    EXCUSE_GAVE_UP = 8,   /* the peer has given up, which is judged by itself */
    EXCUSE_SILENCE = 16,  /* it asked whether the peer is there, and faults kept it from hearing */
    EXCUSE_DEAF = 32,     /* nobody listens there, or no longer: both began, one is gone */
    EXCUSE_NOBODY = 64,   /* nobody has the address */
    EXCUSE_NAT = 256,     /* the NAT between the two has forgotten the names meanwhile */
    EXCUSE_UNFOUND = 512, /* it may time out, and its own link has told it of a reason */
    EXCUSE_LIED = 128,    /* it may time out, and a stranger has told it of a reason */
    EXCUSE_FULL = 1024,   /* it never got out of a passive socket whose backlog was full */
    EXCUSE_MISER = 2048,  /* memory was short where octets waited for one that read late: it gave
                             way (RFC 6429) */
};

/* An attempt to connect is made again while faults last; what is judged is what came out at last.
 */
static const struct {
    int error;
    uint32_t excuses;
    const char *else_it;
} endings[] = {
    {ECONNRESET,
     EXCUSE_RUDE | EXCUSE_CRASH | EXCUSE_NAT | EXCUSE_GAVE_UP | EXCUSE_FULL | EXCUSE_MISER,
     "was reset, though nobody was rude"},
    {EPIPE, EXCUSE_RUDE | EXCUSE_CRASH | EXCUSE_NAT | EXCUSE_GAVE_UP | EXCUSE_FULL | EXCUSE_MISER,
     "was reset, though nobody was rude"},
    {ECONNREFUSED, EXCUSE_DEAF | EXCUSE_LIED, "was refused, though somebody listens"},
    {EHOSTUNREACH, EXCUSE_NOBODY | EXCUSE_CRASH | EXCUSE_UNFOUND,
     "was told that there is no such host"},
    {ETIMEDOUT, EXCUSE_RUDE | EXCUSE_CRASH | EXCUSE_NAT | EXCUSE_SILENCE | EXCUSE_MISER,
     "gave up, though the wire has healed"},
};

static struct ft_counters counters_of(const struct sim_app *app)
{
    const struct ft_stack *stack = app->world->host[app->host].stack;
    struct ft_counters counters = {0};

    if (stack != NULL)
        ft_counters(stack, &counters);
    return counters;
}

/* RFC 9293 3.9.2.2: what was told of the path while nobody answered is the reason that is reported;
   that a neighbour does not answer is told by the host itself (RFC 4861 7.2.2). */
static bool was_unfound(const struct sim_app *app)
{
    return counters_of(app).neighbours_failed > 0;
}

/* Whether a server has never heard of the conversation. */
static bool is_unheard(const struct sim_app *server)
{
    return server->local_port == 0 && server->attempts == 0;
}

/* When at the latest its stack gave up; an application that reads slowly hears of it later, and the
   peer may have been reset by it before, or have given up at the same time. */
static ft_time gave_up_by(struct sim_app *app)
{
    const struct sim_app *peer = peer_of(app);

    return peer->error != 0 && peer->done_at < app->done_at ? peer->done_at : app->done_at;
}

/* Its stack asked whether the other is there. Had it read the end of file by then, it was told of
   nothing more. */
static bool ended_by_silence(const struct sim_app *app)
{
    return app->eof_seen && counters_of(app).tcp_keepalives > 0;
}

/* Clients that all come back at the same moments find a short backlog full each time; the cookie
   of their SYN-ACK is of no use after two minutes, and a reset says so. */
static bool was_full(const struct sim_app *server)
{
    return counters_of(server).tcp_backlog_full > 0 && is_unheard(server);
}

bool ft_sim_oracle_unheard(const struct sim_app *server)
{
    const struct sim_app *client = server - 1;

    return is_unheard(server) && (client->error != 0 || client->aborted || server->shaken ||
                                  server->forgotten || was_full(server));
}

/* Whether it has gone on asking until it gave up: a probe may have been refused by its link, or not
   have left while the neighbour did not answer. */
static bool asked(const struct sim_app *app)
{
    struct sim_tuple t = ft_sim_app_tuple(app);
    const struct sim_audit *audit = app->world->audit;
    ft_time silence = app->side == 0 ? ft_sim_audit_silence(audit, &t.a, t.a_port, &t.b, t.b_port)
                                     : ft_sim_audit_silence(audit, &t.b, t.b_port, &t.a, t.a_port);

    return silence <= 2 * SIM_KEEP_INTVL_S * FT_SEC || was_unfound(app);
}

/* Whether octets of @from may have been thrown away because @to did not take them for long. */
static bool may_give_way(const struct sim_app *from, const struct sim_app *to)
{
    const struct sim_conn_plan *conn = &to->world->plan.conn[to->conn];

    return conn->side[to->side].read_after >= MISER_TIME &&
           counters_of(from).tcp_misers_evicted > 0;
}

static uint32_t excuses_of(struct sim_app *app)
{
    const struct sim_world *world = app->world;
    const struct sim_conn_plan *conn = &world->plan.conn[app->conn];
    const struct sim_app *peer = peer_of(app);
    uint32_t excuses = 0;

    if (conn->may_reset && peer->aborted)
        excuses |= EXCUSE_RUDE;
    if (app->shaken)
        excuses |= EXCUSE_CRASH;
    if (conn->keep_alive && (peer->error != 0 || ended_by_silence(peer)))
        excuses |= EXCUSE_GAVE_UP;
    if (conn->keep_alive && asked(app) && gave_up_by(app) < world->plan.heal_at + SILENCE_MAX)
        excuses |= EXCUSE_SILENCE;
    if (conn->kind == SIM_REFUSED ||
        (conn->kind == SIM_SIMULTANEOUS && (conn->may_reset || app->shaken)))
        excuses |= EXCUSE_DEAF;
    if (conn->kind == SIM_UNREACHABLE)
        excuses |= EXCUSE_NOBODY;
    if (conn->kind == SIM_STREAM && app->side == 0 && was_full(peer))
        excuses |= EXCUSE_FULL;
    if (may_give_way(app, peer) || may_give_way(peer, app))
        excuses |= EXCUSE_MISER;
    if (app->forgotten)
        excuses |= EXCUSE_NAT;
    if (app->lied_to && (excuses & (EXCUSE_RUDE | EXCUSE_CRASH | EXCUSE_SILENCE)))
        excuses |= EXCUSE_LIED;
    if ((excuses & (EXCUSE_RUDE | EXCUSE_NAT | EXCUSE_SILENCE)) && was_unfound(app))
        excuses |= EXCUSE_UNFOUND;
    return excuses;
}

/* What an end may report as its error. */
static void judge_error(struct sim_app *app)
{
    if (app->error == 0)
        return;
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        if (endings[i].error != app->error)
            continue;
        if ((endings[i].excuses & excuses_of(app)) == 0)
            blame(app, endings[i].else_it);
        return;
    }
    ft_sim_app_note(app, "ended with errno", app->error);
    blame(app, "ended with an error that nothing explains");
}

static void judge_whole(struct sim_app *app)
{
    const struct sim_conn_plan *conn = &app->world->plan.conn[app->conn];
    const struct sim_app *peer = peer_of(app);

    if (app->aborted || app->error != 0 || app->died)
        return;
    if (app->side == 1 && ft_sim_oracle_unheard(app))
        return; /* a server that was never told; the client's error is judged by itself */
    if (app->sent != conn->side[app->side].octets && !conn->may_reset)
        blame(app, "ended without having sent everything");
    else if (app->eof_seen && app->received != peer->sent)
        blame(app, "ended without having received everything");
}

static bool queues_had_room(const struct sim_world *world)
{
    for (uint32_t i = 0; i < world->n_pipes; i++) {
        if (world->pipe[i].imp.counters.n_queue_full > 0)
            return false;
    }
    return true;
}

/* RFC 768: what reaches a host is given to its socket, of which one at least has room; and where
   nothing is lost, cut or refused, by a full queue or otherwise, one comes back. */
static void judge_datagrams(struct sim_app *client)
{
    if (client->died || client->shaken || client->error != 0)
        return;
    for (int side = 0; side < 2; side++) {
        if (client[side].whole > 0 && client[side].datagrams_taken == 0 &&
            !sim_is_poor(&client->world->plan.host[client[side].host])) {
            blame(&client[side], "was given no datagram, though some have reached its host");
            return;
        }
    }
    if (client->sent > 0 && client->datagrams_taken == 0 &&
        ft_sim_plan_is_calm(&client->world->plan) && queues_had_room(client->world))
        blame(client, "has sent datagrams, and not one has come back");
}

void ft_sim_oracle_pair(struct sim_world *world, uint32_t index)
{
    const struct sim_conn_plan *conn = &world->plan.conn[index];
    struct sim_app *client = &world->app[2 * index];

    if (conn->kind == SIM_REFUSED && !client->died && client->error != ECONNREFUSED)
        blame(client, "was not told that nobody listens");
    else if (conn->kind == SIM_UNREACHABLE && !client->died && client->error != EHOSTUNREACH)
        blame(client, "was not told that there is no such host");
    else if (conn->kind == SIM_DATAGRAMS)
        judge_datagrams(client);
    for (int side = 0; side < 2; side++) {
        judge_error(&client[side]);
        if (conn->kind == SIM_STREAM || conn->kind == SIM_SIMULTANEOUS)
            judge_whole(&client[side]);
    }
}

void ft_sim_oracle_late(struct sim_world *world)
{
    for (uint32_t i = 0; i < 2 * world->plan.n_conns; i++) {
        struct sim_app *app = &world->app[i];

        if (app->state == SIM_APP_DONE)
            continue;
        ft_sim_app_note(app, "is stuck; octets sent", (int64_t)app->sent);
        ft_sim_app_note(app, "is stuck; octets received", (int64_t)app->received);
        blame(app, "has not ended, long after the last fault");
        return;
    }
}

void ft_sim_oracle_rest(struct sim_world *world)
{
    for (uint32_t i = 0; i < world->plan.n_hosts && !world->failed; i++) {
        const struct sim_host *host = &world->host[i];
        struct ft_counters c;

        if (host->stack == NULL)
            continue;
        ft_counters(host->stack, &c);
        if (c.now_connections + c.now_half_open + c.now_orphans + c.now_unfinished != 0)
            ft_sim_halt(world, NULL,
                        "%s still has %" PRIu64 " connections, %" PRIu64 " of them unfinished, and "
                        "%" PRIu64 " half open, after all has ended",
                        host->name, c.now_connections, c.now_unfinished, c.now_half_open);
        else if (c.now_time_wait != 0)
            ft_sim_halt(world, NULL, "%s still has %" PRIu64 " entries in TIME-WAIT after 5 min",
                        host->name, c.now_time_wait);
        else if (c.now_sockets != 0)
            ft_sim_halt(world, NULL, "%s still has %" PRIu64 " sockets, though all are closed",
                        host->name, c.now_sockets);
        else if (c.now_memory > host->octets_held)
            ft_sim_halt(world, NULL, "%s counts %" PRIu64 " octets of memory and holds %" PRIu64,
                        host->name, c.now_memory, host->octets_held);
        else if (host->octets_held > host->baseline + MEMORY_SLACK)
            ft_sim_halt(world, NULL,
                        "%s holds %" PRIu64 " octets of memory at the end, %" PRIu64
                        " at the beginning",
                        host->name, host->octets_held, host->baseline);
    }
}
