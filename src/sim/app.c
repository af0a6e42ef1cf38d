/* SPDX-License-Identifier: MIT */
/*
 * The applications: the two ends of each conversation, driven by the events of their stack and by
 * their own pauses, through the public socket calls only. They act on events alone, so that an
 * event that is lost shows as a conversation that never ends. What they see goes to the oracles.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "diag/addr.h"
#include "priv.h"

#define RETRY_AFTER  FT_SEC         /* an attempt that faults have foiled is made again */
#define RETRY_GRACE  (300 * FT_SEC) /* so long after the last fault */
#define TAKEN_GRACE  (600 * FT_SEC) /* for a port that others use before, with their TIME-WAIT */
#define ORPHAN_WAIT  (200 * FT_SEC) /* a server is not told of a client that gave up early */
#define UNHEARD_WAIT (400 * FT_SEC) /* nor of one that was done before it got through a backlog */
#define KEEP_IDLE_S  10
#define KEEP_CNT     4
#define SPANS        4

static const struct sim_conn_plan *conn_of(const struct sim_app *app)
{
    return &app->world->plan.conn[app->conn];
}

static const struct sim_side_plan *plan_of(const struct sim_app *app)
{
    return &conn_of(app)->side[app->side];
}

static struct ft_stack *stack_of(const struct sim_app *app)
{
    return app->world->host[app->host].stack;
}

static struct sim_app *peer_of(const struct sim_app *app)
{
    return &app->world->app[2 * app->conn + (1U - app->side)];
}

static void wake_at(struct sim_app *app, ft_time at)
{
    ft_sim_wake(app->world, &app->wake, SIM_EVENT_APP, 2 * app->conn + app->side, at);
}

/* ---- names and streams ---- */

socklen_t ft_sim_name(const struct sim_host *host, uint8_t family, uint16_t port,
                      struct sockaddr_storage *ret)
{
    return addr_to_sockaddr(family == 6 ? &host->addr6 : &host->addr4, port,
                            family == 6 ? AF_INET6 : AF_INET, 0, ret);
}

void ft_sim_unname(const struct sockaddr_storage *name, struct ft_addr *ret_addr,
                   uint16_t *ret_port)
{
    *ret_addr = (struct ft_addr){0, 0};
    *ret_port = 0;
    (void)addr_from_sockaddr((const struct sockaddr *)name, sizeof(*name), ret_addr, ret_port);
}

/* The same octets on any machine; compilers make one store of it. */
static void put_word(uint8_t *p, uint64_t word)
{
    p[0] = (uint8_t)word;
    p[1] = (uint8_t)(word >> 8);
    p[2] = (uint8_t)(word >> 16);
    p[3] = (uint8_t)(word >> 24);
    p[4] = (uint8_t)(word >> 32);
    p[5] = (uint8_t)(word >> 40);
    p[6] = (uint8_t)(word >> 48);
    p[7] = (uint8_t)(word >> 56);
}

void ft_sim_stream(uint64_t key, uint64_t at, uint8_t *ret, size_t len)
{
    size_t i = 0;

    while (i < len) {
        uint64_t word = sim_mix(key ^ sim_mix(at / 8));

        if (at % 8 == 0 && len - i >= 8) {
            put_word(ret + i, word);
            i += 8;
            at += 8;
            continue;
        }
        word >>= 8 * (at % 8);
        do {
            ret[i++] = (uint8_t)word;
            word >>= 8;
            at++;
        } while (i < len && at % 8 != 0);
    }
}

struct sim_tuple ft_sim_app_tuple(const struct sim_app *app)
{
    const struct sim_app *client = app->side == 0 ? app : peer_of(app);
    const struct sim_conn_plan *conn = conn_of(app);
    const struct sim_host *server = &app->world->host[conn->host[1]];
    struct sim_tuple tuple = {client->local, conn->family == 6 ? server->addr6 : server->addr4,
                              client->local_port, conn->port};

    return tuple;
}

void ft_sim_app_note(struct sim_app *app, const char *text, int64_t value)
{
    struct sim_tuple tuple = ft_sim_app_tuple(app);
    struct sim_note note = {.kind = SIM_NOTE_APP, .host = (uint8_t)app->host, .text = text};

    note.src = tuple.a;
    note.dst = tuple.b;
    note.src_port = tuple.a_port;
    note.dst_port = tuple.b_port;
    note.value = value;
    ft_sim_note(app->world, &note);
}

/* ---- the end of an application ---- */

static void count_done(struct sim_app *app)
{
    app->state = SIM_APP_DONE;
    app->world->n_done++;
    if (peer_of(app)->state == SIM_APP_DONE)
        ft_sim_oracle_pair(app->world, app->conn);
}

void ft_sim_app_done(struct sim_app *app, int error)
{
    struct sim_app *peer = peer_of(app);
    uint8_t kind = conn_of(app)->kind;

    if (app->sock >= 0)
        (void)ft_close(stack_of(app), app->sock);
    app->sock = -1;
    app->error = error;
    app->done_at = app->world->now;
    ft_sim_app_note(app, error != 0 ? "done, with errno" : "done", error);
    count_done(app);
    if (app->side != 0 || peer->state != SIM_APP_IDLE)
        return;
    /* Whether a server ever sees a client that is gone again depends on what is still under way. */
    if (kind != SIM_STREAM && kind != SIM_SIMULTANEOUS)
        count_done(peer);
    else if (error != 0 || app->aborted)
        ft_sim_app_orphan(peer);
    else
        wake_at(peer, app->world->now + UNHEARD_WAIT);
}

void ft_sim_app_orphan(struct sim_app *server)
{
    if (conn_of(server)->kind == SIM_STREAM && server->state == SIM_APP_IDLE)
        wake_at(server, server->world->now + ORPHAN_WAIT);
}

/* Its host has crashed, or its peer's, in the middle of a conversation. */
static void shake(struct sim_app *app, const struct sim_host *host)
{
    app->shaken = true;
    if (&app->world->host[app->host] != host || app->sock < 0)
        return;
    app->sock = -1; /* gone with the stack */
    app->died = true;
    app->done_at = app->world->now;
    ft_sim_app_note(app, "died after", (int64_t)app->sent);
    count_done(app);
}

void ft_sim_apps_crash(struct sim_world *world, struct sim_host *host)
{
    for (uint32_t i = 0; i < world->n_listeners; i++) {
        if (world->listener[i].host == host->index)
            world->listener[i].sock = -1;
    }
    for (uint32_t i = 0; i < world->plan.n_conns && !world->failed; i++) {
        struct sim_app *app = &world->app[2 * i];
        const struct sim_conn_plan *conn = &world->plan.conn[i];
        bool is_over = app[0].state == SIM_APP_DONE && app[1].state == SIM_APP_DONE;
        bool has_begun = app[0].sock >= 0 || app[0].attempts + app[1].attempts > 0;

        if (conn->absent || is_over || !has_begun)
            continue;
        if (app[world->app[2 * i].host == host->index ? 0 : 1].image != NULL)
            continue; /* it goes along */
        if (conn->host[0] != host->index && conn->host[1] != host->index)
            continue;
        shake(&app[0], host);
        shake(&app[1], host);
        ft_sim_app_orphan(&app[1]);
        if (conn->kind != SIM_STREAM && conn->kind != SIM_SIMULTANEOUS && app[0].died &&
            app[1].state == SIM_APP_IDLE)
            count_done(&app[1]);
    }
}

/* ---- the beginning ---- */

static void set_int(struct sim_app *app, int level, int name, int value)
{
    int error = ft_setsockopt(stack_of(app), app->sock, level, name, &value, sizeof(value));

    if (error != 0) {
        ft_sim_app_note(app, "setsockopt failed; -errno", error);
        ft_sim_halt(app->world, NULL, "ft_setsockopt(%d, %d, %d) says %d", level, name, value,
                    error);
    }
}

static void set_options(struct sim_app *app)
{
    const struct sim_side_plan *side = plan_of(app);

    if (side->sndbuf != 0)
        set_int(app, SOL_SOCKET, SO_SNDBUF, side->sndbuf);
    if (side->rcvbuf != 0)
        set_int(app, SOL_SOCKET, SO_RCVBUF, side->rcvbuf);
    if (side->nodelay)
        set_int(app, IPPROTO_TCP, TCP_NODELAY, 1);
    if (!conn_of(app)->keep_alive)
        return;
    /* A reset may be lost: only a probe finds out then. */
    set_int(app, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_int(app, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
    set_int(app, IPPROTO_TCP, TCP_KEEPINTVL, SIM_KEEP_INTVL_S);
    set_int(app, IPPROTO_TCP, TCP_KEEPCNT, KEEP_CNT);
}

void ft_sim_app_learn_local(struct sim_app *app)
{
    struct sockaddr_storage name = {0};
    socklen_t len = sizeof(name);

    if (ft_getsockname(stack_of(app), app->sock, (struct sockaddr *)&name, &len) == 0)
        ft_sim_unname(&name, &app->local, &app->local_port);
}

static void become_open(struct sim_app *app)
{
    app->state = SIM_APP_OPEN;
    app->read_at = app->world->now + plan_of(app)->read_after;
    if (app->side == 0)
        app->write_at = app->world->now + conn_of(app)->idle;
    ft_sim_app_note(app, app->side == 0 ? "connected" : "accepted", app->attempts);
    if (app->read_at > app->world->now)
        wake_at(app, app->read_at);
}

void ft_sim_app_accepted(struct sim_app *app)
{
    set_options(app);
    become_open(app);
}

static void connect_failed(struct sim_app *app, int error)
{
    const struct sim_conn_plan *conn = conn_of(app);
    bool taken = conn->bound != 0 && (error == EADDRINUSE || error == EADDRNOTAVAIL);
    bool retry = taken || error == EHOSTUNREACH || error == ETIMEDOUT || error == ENOBUFS ||
                 (error == ECONNREFUSED && conn->kind == SIM_SIMULTANEOUS && !peer_of(app)->died);

    ft_sim_app_note(app, "could not connect, errno", error);
    if ((conn->kind == SIM_UNREACHABLE && error != ENOBUFS) ||
        app->world->now > app->world->plan.heal_at + (taken ? TAKEN_GRACE : RETRY_GRACE))
        retry = false;
    if (!retry) {
        ft_sim_app_done(app, error);
        return;
    }
    if (app->sock >= 0)
        (void)ft_close(stack_of(app), app->sock);
    app->sock = -1;
    app->state = SIM_APP_IDLE;
    /* On the full second, so that both ends of a simultaneous open meet. */
    wake_at(app, (app->world->now / RETRY_AFTER + 1) * RETRY_AFTER);
}

/* Both names of a simultaneous open are known beforehand. */
static int bind_first(struct sim_app *app)
{
    const struct sim_conn_plan *conn = conn_of(app);
    struct sockaddr_storage name;
    uint16_t port = app->side == 0 ? (uint16_t)(SIM_BOTH_PORT + app->conn) : conn->port;
    socklen_t len;

    if (conn->kind != SIM_SIMULTANEOUS && conn->bound == 0)
        return 0;
    if (conn->bound != 0)
        port = conn->bound;
    set_int(app, SOL_SOCKET, SO_REUSEADDR, 1);
    len = ft_sim_name(&app->world->host[app->host], conn->family, port, &name);
    return ft_bind(stack_of(app), app->sock, (struct sockaddr *)&name, len);
}

/* Before it connects: the SYN is signed. */
static int sign(struct sim_app *app)
{
    const struct sim_conn_plan *conn = conn_of(app);
    struct sim_pair pair = {conn->key_kind, conn->family, app->host, conn->host[1 - app->side]};

    return conn->key_kind == SIM_KEY_NONE ? 0 : ft_sim_set_key(app->world, app->sock, &pair);
}

static socklen_t name_of_peer(const struct sim_app *app, struct sockaddr_storage *ret)
{
    const struct sim_conn_plan *conn = conn_of(app);
    struct sim_host nobody = app->world->host[conn->host[1 - app->side]];
    uint16_t port = conn->port;

    if (conn->kind == SIM_UNREACHABLE) {
        uint32_t lan = app->world->plan.host[conn->host[1]].lan;

        nobody.addr4 = ft_sim_addr(&app->world->plan, lan, 4, SIM_NOBODY);
        nobody.addr6 = ft_sim_addr(&app->world->plan, lan, 6, SIM_NOBODY);
    } else if (conn->kind == SIM_SIMULTANEOUS && app->side == 1) {
        port = (uint16_t)(SIM_BOTH_PORT + app->conn);
    }
    return ft_sim_name(&nobody, conn->family, port, ret);
}

static void begin(struct sim_app *app)
{
    const struct sim_conn_plan *conn = conn_of(app);
    struct ft_stack *stack = stack_of(app);
    int domain = conn->family == 6 ? AF_INET6 : AF_INET;
    struct sockaddr_storage name;
    socklen_t len;
    int error;

    app->attempts++;
    app->sock = ft_socket(stack, domain, SOCK_STREAM, 0);
    if (app->sock == -ENOBUFS) {
        wake_at(app, app->world->now + SIM_POOR_AGAIN);
        return;
    }
    if (app->sock < 0) {
        ft_sim_halt(app->world, NULL, "ft_socket() says %lld", (long long)app->sock);
        return;
    }
    set_options(app);
    error = sign(app);
    if (error == 0)
        error = bind_first(app);
    len = name_of_peer(app, &name);
    if (error == 0)
        error = ft_connect(stack, app->sock, (struct sockaddr *)&name, len);
    if (error == 0 || error == -EINPROGRESS)
        ft_sim_app_learn_local(app);
    ft_sim_app_note(app, "connects; -errno", error);
    if (error != 0 && error != -EINPROGRESS) {
        connect_failed(app, -error);
        return;
    }
    app->state = SIM_APP_CONNECTING;
    (void)ft_watch(stack, app->sock, FT_READABLE | FT_WRITABLE | FT_RDHUP, &app->watch);
}

static void ask_connected(struct sim_app *app)
{
    struct sockaddr_storage name;
    socklen_t len = name_of_peer(app, &name);
    int error = ft_connect(stack_of(app), app->sock, (struct sockaddr *)&name, len);

    if (error == -EALREADY || error == -EINPROGRESS)
        return;
    if (error == 0 || error == -EISCONN)
        become_open(app);
    else
        connect_failed(app, -error);
}

/* ---- octets ---- */

/* How much an application may have sent by now: with turns, one answer for each question. */
static uint64_t may_send(const struct sim_app *app)
{
    const struct sim_side_plan *mine = plan_of(app);
    const struct sim_side_plan *theirs = &conn_of(app)->side[1 - app->side];
    uint64_t turns;

    if (mine->turn == 0 || theirs->turn == 0)
        return mine->octets;
    turns = app->received / theirs->turn + (app->side == 0 ? 1 : 0);
    return turns * mine->turn < mine->octets ? turns * mine->turn : mine->octets;
}

static ssize_t write_spans(struct sim_app *app, size_t len)
{
    struct ft_span spans[SPANS];
    uint64_t key = conn_of(app)->key[app->side];
    ssize_t n = ft_reserve(stack_of(app), app->sock, len, spans, SPANS);
    size_t total = 0;
    int error;

    if (n < 0)
        return n;
    for (ssize_t i = 0; i < n; i++) {
        ft_sim_stream(key, app->sent + total, spans[i].data, spans[i].len);
        total += spans[i].len;
    }
    if (total > len || n > SPANS)
        ft_sim_halt(app->world, NULL, "ft_reserve() gave %zu octets for %zu", total, len);
    error = ft_commit(stack_of(app), app->sock, total);
    return error != 0 ? error : (ssize_t)total;
}

static ssize_t write_some(struct sim_app *app, size_t len)
{
    struct sim_world *world = app->world;

    if (len > sizeof(world->scratch))
        len = sizeof(world->scratch);
    if (plan_of(app)->zero_copy)
        return write_spans(app, len);
    ft_sim_stream(conn_of(app)->key[app->side], app->sent, world->scratch, len);
    return ft_send(stack_of(app), app->sock, world->scratch, len, 0);
}

/* -EAGAIN and readiness must not contradict each other. */
static void check_ready(struct sim_app *app, uint32_t mask)
{
    uint32_t ready = ft_ready(stack_of(app), app->sock);

    if ((ready & mask) != 0 && (ready & (FT_ERROR | FT_HANGUP)) == 0) {
        struct sim_tuple tuple = ft_sim_app_tuple(app);

        ft_sim_halt(app->world, &tuple, "a socket is ready (%#x) and answers -EAGAIN", ready);
    }
}

/* Return: whether anything moved; *ret_error: what ended it, an errno. */
static bool write_now(struct sim_app *app, int *ret_error)
{
    const struct sim_side_plan *side = plan_of(app);
    bool moved = false;

    while (app->sent < may_send(app) && !app->fin_asked && !app->world->failed) {
        uint64_t left = may_send(app) - app->sent;
        ssize_t n;

        if (app->write_at > app->world->now) {
            wake_at(app, app->write_at);
            break;
        }
        n = write_some(app, left < side->write_max ? (size_t)left : side->write_max);
        if (n == -EAGAIN)
            check_ready(app, FT_WRITABLE);
        else if (n == -ENOBUFS)
            wake_at(app, app->world->now + SIM_POOR_AGAIN);
        else if (n < 0)
            *ret_error = (int)-n;
        if (n <= 0)
            break;
        app->sent += (uint64_t)n;
        app->write_at = app->world->now + side->write_gap;
        moved = true;
    }
    return moved;
}

static ssize_t read_spans(struct sim_app *app, size_t len)
{
    struct ft_span spans[SPANS];
    ssize_t n = ft_peek(stack_of(app), app->sock, spans, SPANS);
    size_t total = 0;
    int error;

    if (n <= 0)
        return n;
    for (ssize_t i = 0; i < n && total < len; i++) {
        size_t part = spans[i].len < len - total ? spans[i].len : len - total;

        ft_sim_oracle_octets(app, spans[i].data, part);
        total += part;
    }
    error = ft_consume(stack_of(app), app->sock, total);
    return error != 0 ? error : (ssize_t)total;
}

static ssize_t read_some(struct sim_app *app, size_t len)
{
    struct sim_world *world = app->world;
    ssize_t n;

    if (len > sizeof(world->scratch))
        len = sizeof(world->scratch);
    if (plan_of(app)->zero_copy)
        return read_spans(app, len);
    n = ft_recv(stack_of(app), app->sock, world->scratch, len, 0);
    if (n > (ssize_t)len)
        ft_sim_halt(world, NULL, "ft_recv() gave %zd octets for %zu", n, len);
    else if (n > 0)
        ft_sim_oracle_octets(app, world->scratch, (size_t)n);
    return n;
}

static bool read_now(struct sim_app *app, int *ret_error)
{
    const struct sim_side_plan *side = plan_of(app);
    bool moved = false;

    while (!app->eof_seen && !app->world->failed) {
        ssize_t n;

        if (app->read_at > app->world->now) {
            wake_at(app, app->read_at);
            break;
        }
        n = read_some(app, side->read_max);
        if (n == -EAGAIN)
            check_ready(app, FT_READABLE);
        else if (n == -ENOBUFS)
            wake_at(app, app->world->now + SIM_POOR_AGAIN);
        else if (n < 0)
            *ret_error = (int)-n;
        if (n < 0)
            break;
        if (n == 0) {
            app->eof_seen = true;
            ft_sim_app_note(app, "read the end of file after", (int64_t)app->received);
            ft_sim_oracle_eof(app);
        }
        app->read_at = app->world->now + side->read_gap;
        moved = true;
    }
    return moved;
}

/* ---- the end ---- */

static void end_by_close(struct sim_app *app)
{
    app->fin_asked = true;
    ft_sim_app_done(app, 0);
}

static void end_by_abort(struct sim_app *app)
{
    app->aborted = true;
    (void)ft_abort(stack_of(app), app->sock);
    app->sock = -1;
    ft_sim_app_note(app, "aborts after", (int64_t)app->sent);
    ft_sim_app_done(app, 0);
}

static void maybe_end(struct sim_app *app)
{
    const struct sim_side_plan *side = plan_of(app);

    if (side->ending == SIM_END_ABORT && app->sent + app->received >= side->abort_at) {
        end_by_abort(app);
        return;
    }
    if (app->sent < side->octets)
        return;
    if (side->ending == SIM_END_CLOSE) {
        app->aborted = conn_of(app)->may_reset;
        end_by_close(app);
        return;
    }
    if (side->ending == SIM_END_SHUTDOWN && !app->fin_asked) {
        int error = ft_shutdown(stack_of(app), app->sock, SHUT_WR);

        app->fin_asked = true;
        ft_sim_app_note(app, "shuts its direction; -errno", error);
        if (error != 0 && !conn_of(app)->may_reset)
            ft_sim_halt(app->world, NULL, "ft_shutdown() says %d", error);
    }
    if (app->eof_seen)
        end_by_close(app);
}

static void talk(struct sim_app *app)
{
    int error = 0;
    bool moved;

    do {
        moved = read_now(app, &error);
        moved = write_now(app, &error) || moved;
    } while (moved && error == 0 && !app->world->failed);
    if (app->world->failed)
        return;
    if (error != 0)
        ft_sim_app_done(app, error);
    else
        maybe_end(app);
}

void ft_sim_app_step(struct sim_app *app)
{
    const struct sim_conn_plan *conn = conn_of(app);

    if (conn->kind == SIM_DATAGRAMS) {
        ft_sim_datagram_step(app);
        return;
    }
    switch ((enum sim_app_state)app->state) {
    case SIM_APP_IDLE:
        if (app->side == 0 || conn->kind == SIM_SIMULTANEOUS)
            begin(app);
        else if (peer_of(app)->state == SIM_APP_DONE && ft_sim_oracle_unheard(app))
            count_done(app);
        else
            wake_at(app, app->world->now + ORPHAN_WAIT);
        break;
    case SIM_APP_CONNECTING:
        ask_connected(app);
        if (app->state == SIM_APP_OPEN)
            talk(app);
        break;
    case SIM_APP_OPEN:
        talk(app);
        break;
    case SIM_APP_DONE:
        break;
    }
}
