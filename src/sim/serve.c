/* SPDX-License-Identifier: MIT */
/*
 * The passive side and the crowd: passive sockets of the servers, who of the conversations an
 * accepted connection belongs to, the sorting of events to applications, and the datagram
 * applications (an echo, and a client that knows what it must get back).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "priv.h"

#define PORT_PLAIN    80 /* one passive socket for each family */
#define PORT_DUAL     81 /* one for both */
#define PORT_ECHO     7
#define NAMES         9 /* of passive sockets, those with keys among them */
#define NAMES_ALWAYS  5
#define ECHO_WAIT     (5 * FT_SEC) /* for the last echo */
#define DATAGRAM_HEAD 16

/* ---- passive sockets ---- */

/* Its stack has just been made. */
static int listener_open(struct sim_world *world, struct sim_listener *l)
{
    struct ft_stack *stack = world->host[l->host].stack;
    int domain = l->family == 6 ? AF_INET6 : AF_INET;
    int only = l->port == PORT_DUAL ? 0 : 1;
    struct sim_host any = {0};
    struct sockaddr_storage name;
    socklen_t len;
    int error = 0;

    if (l->family == 4)
        any.addr4.lo = UINT64_C(0xffff00000000);
    l->sock = ft_socket(stack, domain, l->is_udp ? SOCK_DGRAM : SOCK_STREAM, 0);
    if (l->sock < 0)
        return (int)l->sock;
    if (l->family == 6)
        error = ft_setsockopt(stack, l->sock, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
    len = ft_sim_name(&any, l->family, l->port, &name);
    if (error == 0)
        error = ft_bind(stack, l->sock, (struct sockaddr *)&name, len);
    if (error == 0 && (l->port == SIM_PORT_MD5 || l->port == SIM_PORT_AO))
        error = ft_sim_set_keys(world, l);
    if (error == 0 && !l->is_udp)
        error = ft_listen(stack, l->sock, (int)world->plan.host[l->host].backlog);
    if (error == 0)
        error = ft_watch(stack, l->sock, FT_READABLE, &l->watch);
    return error;
}

static int listener_new(struct sim_world *world, uint32_t host, uint16_t port, uint8_t family)
{
    struct sim_listener *l = &world->listener[world->n_listeners];

    *l = (struct sim_listener){{true, world->n_listeners}, host, port,         family,
                               port == PORT_ECHO,          -1,   FT_TIME_NEVER};
    world->n_listeners++;
    return listener_open(world, l);
}

void ft_sim_apps_boot(struct sim_world *world, struct sim_host *host)
{
    for (uint32_t i = 0; i < world->n_listeners && world->phase == SIM_PHASE_RUN; i++) {
        struct sim_listener *l = &world->listener[i];
        int error = l->host == host->index ? listener_open(world, l) : 0;

        if (error != 0)
            ft_sim_halt(world, NULL, "no passive socket for port %u after a boot: %d", l->port,
                        error);
    }
}

static int serve(struct sim_world *world, uint32_t host)
{
    static const struct {
        uint16_t port;
        uint8_t family;
    } names[NAMES] = {{PORT_PLAIN, 4},   {PORT_PLAIN, 6},  {PORT_DUAL, 6},
                      {PORT_ECHO, 4},    {PORT_ECHO, 6},   {SIM_PORT_MD5, 4},
                      {SIM_PORT_MD5, 6}, {SIM_PORT_AO, 4}, {SIM_PORT_AO, 6}};

    for (size_t i = 0; i < NAMES; i++) {
        int error = 0;

        if (i < NAMES_ALWAYS || ft_sim_plan_signs_at(&world->plan, host, names[i].port))
            error = listener_new(world, host, names[i].port, names[i].family);
        if (error != 0) {
            ft_sim_halt(world, NULL, "no passive socket for port %u: %d", names[i].port, error);
            return 0;
        }
    }
    return 0;
}

int ft_sim_apps_new(struct sim_world *world)
{
    const struct sim_plan *plan = &world->plan;

    world->listener = calloc((size_t)NAMES * plan->n_servers, sizeof(world->listener[0]));
    if (world->listener == NULL)
        return -1;
    for (uint32_t i = 0; i < plan->n_hosts; i++) {
        if (plan->host[i].is_server && !plan->host[i].absent && serve(world, i) != 0)
            return -1;
        world->host[i].baseline = world->host[i].octets_held;
    }
    for (uint32_t i = 0; i < 2 * plan->n_conns; i++) {
        struct sim_app *app = &world->app[i];

        app->watch.index = i;
        app->world = world;
        app->conn = i / 2;
        app->side = (uint8_t)(i % 2);
        app->host = plan->conn[i / 2].host[i % 2];
        app->sock = -1;
        app->wake = FT_TIME_NEVER;
        if (plan->conn[i / 2].absent) {
            app->state = SIM_APP_DONE;
            world->n_done++;
        } else if (app->side == 0 || plan->conn[i / 2].kind == SIM_SIMULTANEOUS) {
            ft_sim_wake(world, &app->wake, SIM_EVENT_APP, i, plan->conn[i / 2].start);
        }
    }
    return 0;
}

void ft_sim_listeners_close(struct sim_world *world)
{
    for (uint32_t i = 0; i < world->n_listeners; i++) {
        struct sim_listener *l = &world->listener[i];

        if (l->sock >= 0)
            (void)ft_close(world->host[l->host].stack, l->sock);
        l->sock = -1;
    }
}

/* The client that has this name now. */
static struct sim_app *client_of(struct sim_world *world, const struct sim_listener *l,
                                 const struct ft_addr *addr, uint16_t port)
{
    struct sim_app *gone = NULL; /* or one that does not know of it */

    for (uint32_t i = 0; i < world->plan.n_conns; i++) {
        struct sim_app *app = &world->app[2 * i];
        const struct sim_conn_plan *conn = &world->plan.conn[i];

        if (conn->kind != SIM_STREAM || conn->host[1] != l->host || conn->port != l->port ||
            app->local_port != port || app->local.hi != addr->hi || app->local.lo != addr->lo ||
            app[1].attempts != 0)
            continue;
        if (app->state == SIM_APP_OPEN)
            return app;
        if (gone == NULL || app->state == SIM_APP_CONNECTING)
            gone = app;
    }
    return gone;
}

static void accepted(struct sim_world *world, const struct sim_listener *l, ft_sock sock,
                     const struct sockaddr_storage *name)
{
    struct ft_stack *stack = world->host[l->host].stack;
    struct sim_app *client;
    struct sim_app *app;
    struct ft_addr addr;
    uint16_t port;

    ft_sim_unname(name, &addr, &port);
    ft_sim_nat_inside(world, &addr, &port);
    client = client_of(world, l, &addr, port);
    if (client == NULL && world->has_cookies) {
        (void)ft_abort(stack, sock); /* a cookie that came again */
        return;
    }
    if (client == NULL) {
        ft_sim_halt(world, NULL, "%s accepted a connection from port %u, which nobody has made",
                    world->host[l->host].name, port);
        return;
    }
    app = client + 1;
    app->attempts = 1;
    if (app->state == SIM_APP_DONE) {
        (void)ft_abort(stack, sock); /* its client was gone long before */
        return;
    }
    app->sock = sock;
    ft_sim_app_accepted(app);
    (void)ft_watch(stack, sock, FT_READABLE | FT_WRITABLE | FT_RDHUP, &app->watch);
    ft_sim_app_step(app);
}

static void accept_all(struct sim_world *world, struct sim_listener *l)
{
    struct ft_stack *stack = world->host[l->host].stack;

    while (!world->failed) {
        struct sockaddr_storage name = {0};
        socklen_t len = sizeof(name);
        ft_sock sock = ft_accept(stack, l->sock, (struct sockaddr *)&name, &len);

        if (sock == -EAGAIN)
            return;
        if (sock == -ENOBUFS) {
            ft_sim_wake(world, &l->wake, SIM_EVENT_LISTENER, l->watch.index,
                        world->now + SIM_POOR_AGAIN);
            return;
        }
        if (sock < 0)
            ft_sim_halt(world, NULL, "ft_accept() says %lld", (long long)sock);
        else
            accepted(world, l, sock, &name);
    }
}

void ft_sim_accept_waiting(struct sim_world *world, struct sim_host *host)
{
    for (uint32_t i = 0; i < world->n_listeners && !world->failed; i++) {
        struct sim_listener *l = &world->listener[i];

        if (l->host == host->index && !l->is_udp && l->sock >= 0)
            accept_all(world, l);
    }
}

void ft_sim_listener_event(struct sim_world *world, uint32_t index)
{
    struct sim_listener *l = &world->listener[index];
    struct sim_host *host = &world->host[l->host];

    if (l->sock < 0)
        return;
    ft_advance(host->stack, world->now);
    accept_all(world, l);
    ft_sim_host_run(world, host);
}

bool ft_sim_apps_poll(struct sim_world *world, struct sim_host *host)
{
    struct ft_event events[4];
    size_t n = ft_events(host->stack, events, sizeof(events) / sizeof(events[0]));

    for (size_t i = 0; i < n && !world->failed; i++) {
        const struct sim_watch *watch = events[i].user;
        struct sim_listener *l;

        if (!watch->is_listener) {
            struct sim_app *app = &world->app[watch->index];

            if (events[i].sock == app->sock)
                ft_sim_app_step(app);
            continue;
        }
        l = &world->listener[watch->index];
        if (l->is_udp)
            ft_sim_datagram_echo(world, l);
        else if (world->plan.host[host->index].accept_gap == 0)
            accept_all(world, l);
        else
            ft_sim_wake(world, &l->wake, SIM_EVENT_LISTENER, watch->index,
                        world->now + world->plan.host[host->index].accept_gap);
    }
    return n > 0;
}

/* ---- datagrams ---- */

static void note_echo(struct sim_world *world, const struct sockaddr_storage *name, ssize_t n)
{
    struct sim_app *client;
    struct ft_addr addr;
    uint16_t port;

    ft_sim_unname(name, &addr, &port);
    client = ft_sim_datagram_client(world, &addr, port);
    if (client == NULL || n < DATAGRAM_HEAD)
        return;
    ft_sim_copy_taken(client + 1, ft_sim_datagram_number(world->scratch));
    client[1].datagrams_taken++;
}

void ft_sim_datagram_echo(struct sim_world *world, struct sim_listener *l)
{
    struct ft_stack *stack = world->host[l->host].stack;

    while (!world->failed) {
        struct sockaddr_storage name = {0};
        struct iovec iov = {world->scratch, sizeof(world->scratch)};
        struct msghdr msg = {
            .msg_name = &name, .msg_namelen = sizeof(name), .msg_iov = &iov, .msg_iovlen = 1};
        ssize_t n = ft_recvmsg(stack, l->sock, &msg, 0);

        if (n < 0)
            return;
        note_echo(world, &name, n);
        iov.iov_len = (size_t)n;
        msg.msg_flags = 0;
        (void)ft_sendmsg(stack, l->sock, &msg, 0); /* full is lost, as the wire might have it */
    }
}

static void fill_datagram(const struct sim_app *app, uint64_t number, uint8_t *ret, size_t len)
{
    memset(ret, 0, DATAGRAM_HEAD);
    for (int i = 0; i < 8; i++)
        ret[i] = (uint8_t)(number >> (8 * i));
    ft_sim_stream(app->world->plan.conn[app->conn].key[0], number << 16, ret + DATAGRAM_HEAD,
                  len - DATAGRAM_HEAD);
}

static size_t datagram_len(const struct sim_app *app, uint64_t number)
{
    uint64_t max = app->world->plan.conn[app->conn].side[0].write_max;

    if (max < DATAGRAM_HEAD)
        max = DATAGRAM_HEAD;
    return (size_t)(DATAGRAM_HEAD + sim_mix(number ^ app->conn) % (max - DATAGRAM_HEAD + 1));
}

static void read_echoes(struct sim_app *app)
{
    struct sim_world *world = app->world;
    struct ft_stack *stack = world->host[app->host].stack;

    while (!world->failed) {
        ssize_t n = ft_recv(stack, app->sock, world->scratch, sizeof(world->scratch), 0);
        uint64_t number = 0;

        if (n == -EAGAIN || n == -EBADF)
            return;
        if (n < 0)
            continue; /* an ICMP error, told once */
        if (n >= DATAGRAM_HEAD)
            number = ft_sim_datagram_number(world->scratch);
        if (n >= DATAGRAM_HEAD && number < app->sent && (size_t)n == datagram_len(app, number))
            fill_datagram(app, number, world->expected, (size_t)n);
        else
            world->expected[0] = (uint8_t)~world->scratch[0];
        if (memcmp(world->scratch, world->expected, n > 0 ? (size_t)n : 1) == 0 &&
            (app->echoed >> number & 1) && !ft_sim_plan_duplicates(&world->plan))
            ft_sim_halt(world, NULL,
                        "conversation %u: %s received a datagram twice, though nothing is "
                        "duplicated",
                        app->conn, world->host[app->host].name);
        ft_sim_copy_taken(app, number);
        app->echoed |= UINT64_C(1) << (number & 63);
        if (memcmp(world->scratch, world->expected, n > 0 ? (size_t)n : 1) != 0)
            ft_sim_halt(world, NULL,
                        "conversation %u: %s received a datagram of %zd octets that "
                        "was never sent",
                        app->conn, world->host[app->host].name, n);
        app->datagrams_taken++;
        world->octets += (uint64_t)n;
    }
}

static void datagram_open(struct sim_app *app)
{
    struct sim_world *world = app->world;
    const struct sim_conn_plan *conn = &world->plan.conn[app->conn];
    struct ft_stack *stack = world->host[app->host].stack;
    struct sockaddr_storage name;
    socklen_t len = ft_sim_name(&world->host[conn->host[1]], conn->family, conn->port, &name);
    const int may_frag = IP_PMTUDISC_DONT; /* routers may fragment */
    int error = 0;

    app->sock = ft_socket(stack, conn->family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
    if (app->sock >= 0 && conn->family == 4 && conn->side[0].nodelay)
        error = ft_setsockopt(stack, app->sock, IPPROTO_IP, IP_MTU_DISCOVER, &may_frag,
                              sizeof(may_frag));
    if (app->sock >= 0 && error == 0)
        error = ft_connect(stack, app->sock, (struct sockaddr *)&name, len);
    if (app->sock == -ENOBUFS || error == -ENOBUFS) {
        if (app->sock >= 0)
            (void)ft_close(stack, app->sock);
        app->sock = -1;
        ft_sim_wake(world, &app->wake, SIM_EVENT_APP, 2 * app->conn, world->now + SIM_POOR_AGAIN);
        return;
    }
    if (app->sock < 0 || error != 0) {
        ft_sim_halt(world, NULL, "no datagram socket: %lld, %d", (long long)app->sock, error);
        return;
    }
    ft_sim_app_learn_local(app);
    app->state = SIM_APP_OPEN;
    (void)ft_watch(stack, app->sock, FT_READABLE, &app->watch);
}

void ft_sim_datagram_step(struct sim_app *app)
{
    struct sim_world *world = app->world;
    const struct sim_side_plan *side = &world->plan.conn[app->conn].side[0];
    struct ft_stack *stack = world->host[app->host].stack;

    if (app->state == SIM_APP_DONE)
        return;
    if (app->state == SIM_APP_IDLE)
        datagram_open(app);
    if (world->failed || app->state != SIM_APP_OPEN)
        return;
    if (app->sent < side->octets && world->now >= app->write_at) {
        size_t len = datagram_len(app, app->sent);

        fill_datagram(app, app->sent, world->scratch, len);
        app->sent++;
        (void)ft_send(stack, app->sock, world->scratch, len, 0); /* may be lost, like any */
        app->write_at = world->now + (app->sent < side->octets ? side->write_gap : ECHO_WAIT);
    }
    read_echoes(app);
    if (world->failed)
        return;
    if (app->sent == side->octets && world->now >= app->write_at)
        ft_sim_app_done(app, 0);
    else /* said each time: a step may come before the one that was asked for, at its instant */
        ft_sim_wake(world, &app->wake, SIM_EVENT_APP, 2 * app->conn, app->write_at);
}
