/* SPDX-License-Identifier: MIT */
/*
 * A server on the C API, to be timed from outside: by the kernel's own client over a TAP, or by
 * another host of a wire.
 *
 *   build/bench/server --net tap:IFNAME --addr CIDR [--gateway IP] [--link IMPAIRMENT] [--pcap
 * FILE]
 *
 *   5001 sink: takes everything      5002 source: sends for ever, once it has got an octet
 *   5003 echo                        5004 hold: accepts, and does nothing more
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <netinet/in.h>

#include <fourtuple.h>

#include "host/conf.h"
#include "host/loop.h"
#include "host/status.h"

#define CHUNK   65536
#define BACKLOG 4096

enum service { SINK, SOURCE, ECHO, HOLD, N_SERVICES };

static const uint16_t ports[N_SERVICES] = {5001, 5002, 5003, 5004};

struct connection {
    enum service service;
    bool passive;
    bool started; /* SOURCE: the octet has come */
};

static const char chunk[CHUNK];

static void end(struct ft_stack *stack, ft_sock sock, struct connection *connection)
{
    (void)ft_close(stack, sock); /* a reset that came meanwhile is no matter */
    free(connection);
}

/* Whether a call may be tried again later. */
static bool waits(ssize_t result)
{
    return result == -EAGAIN;
}

/* Takes all that is there, without a copy. Returns 0 at the end, -EAGAIN when it is empty. */
static ssize_t sink(struct ft_stack *stack, ft_sock sock)
{
    struct ft_span spans[16];
    ssize_t n;

    while ((n = ft_peek(stack, sock, spans, 16)) > 0) {
        size_t len = 0;

        for (ssize_t i = 0; i < n; i++)
            len += spans[i].len;
        n = ft_consume(stack, sock, len);
        if (n < 0)
            return n;
    }
    return n;
}

/* Sends for ever once an octet has come; the end of the other direction is the end of this one. */
static ssize_t source(struct ft_stack *stack, ft_sock sock, struct connection *connection)
{
    char octets[64];
    ssize_t n;

    while ((n = ft_recv(stack, sock, octets, sizeof(octets), 0)) > 0)
        connection->started = true;
    if (!waits(n) || !connection->started)
        return n;
    while ((n = ft_send(stack, sock, chunk, CHUNK, 0)) > 0)
        continue;
    return n;
}

/* Sends back out of the receive buffer. */
static ssize_t echo(struct ft_stack *stack, ft_sock sock)
{
    struct ft_span spans[16];
    ssize_t n;

    while ((n = ft_peek(stack, sock, spans, 16)) > 0) {
        size_t sent = 0;
        ssize_t one = 0;

        for (ssize_t i = 0; i < n; i++) {
            one = ft_send(stack, sock, spans[i].data, spans[i].len, 0);
            if (one > 0)
                sent += (size_t)one;
            if (one < 0 || (size_t)one < spans[i].len)
                break;
        }
        (void)ft_consume(stack, sock, sent); /* not more than was shown */
        if (one < 0)
            return one;
    }
    return n;
}

static void accept_all(struct ft_stack *stack, ft_sock passive, enum service service)
{
    ft_sock sock;

    while ((sock = ft_accept(stack, passive, NULL, NULL)) >= 0) {
        struct connection *connection = calloc(1, sizeof(*connection));

        if (connection == NULL) {
            (void)ft_abort(stack, sock); /* it was just made */
            continue;
        }
        connection->service = service;
        if (ft_watch(stack, sock, FT_READABLE | FT_WRITABLE | FT_RDHUP, connection) != 0)
            end(stack, sock, connection);
    }
}

static void serve(struct ft_stack *stack, const struct ft_event *event)
{
    struct connection *connection = event->user;
    ssize_t n = -EAGAIN;

    if (connection->passive) {
        accept_all(stack, event->sock, connection->service);
        return;
    }
    switch (connection->service) {
    case SINK:
    case HOLD:
        n = sink(stack, event->sock);
        break;
    case SOURCE:
        n = source(stack, event->sock, connection);
        break;
    case ECHO:
        n = echo(stack, event->sock);
        break;
    case N_SERVICES:
        break;
    }
    if (!waits(n))
        end(stack, event->sock, connection);
}

static void on_events(void *ctx, struct host *host, const struct ft_event *events, size_t n)
{
    (void)ctx;
    for (size_t i = 0; i < n; i++)
        serve(host_stack(host), &events[i]);
}

static void on_round(void *ctx, struct host *host)
{
    char err[CONF_ERR_MAX];

    if (conf_ready(ctx, host, err) < 0) {
        (void)fprintf(stderr, "fourtuple: %s\n", err);
        host_stop(host);
    }
}

static void on_signal(struct host *host, struct host_fd *watch, uint32_t events)
{
    (void)watch;
    (void)events;
    host_stop(host);
}

static int listen_all(struct ft_stack *stack)
{
    static struct connection passive[N_SERVICES];

    for (unsigned i = 0; i < N_SERVICES; i++) {
        struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(ports[i])};
        ft_sock sock = ft_socket(stack, AF_INET6, SOCK_STREAM, 0);
        int error;

        if (sock < 0)
            return (int)sock;
        passive[i] = (struct connection){.passive = true, .service = (enum service)i};
        error = ft_bind(stack, sock, (const struct sockaddr *)&any, sizeof(any));
        if (error == 0)
            error = ft_listen(stack, sock, BACKLOG);
        if (error == 0)
            error = ft_watch(stack, sock, FT_READABLE, &passive[i]);
        if (error != 0)
            return error;
    }
    return 0;
}

/* Frees what belongs to connections that are open at the end. */
static void forget_all(struct ft_stack *stack)
{
    struct ft_sock_info infos[64];
    uint32_t cursor = 0;

    do {
        size_t n = ft_sockets(stack, infos, 64, &cursor);

        for (size_t i = 0; i < n; i++) {
            struct connection *connection = infos[i].sock < 0 ? NULL : infos[i].user;

            if (connection != NULL && !connection->passive)
                free(connection);
        }
    } while (cursor != 0);
}

static int read_arguments(struct conf *conf, int argc, char **argv)
{
    char err[CONF_ERR_MAX];

    conf_init(conf);
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc)
            (void)snprintf(err, sizeof(err), "%s: a value must follow", argv[i]);
        if (i + 1 == argc || conf_option(conf, argv[i], argv[i + 1], err) != 0) {
            (void)fprintf(stderr, "fourtuple: %s\n", err);
            return 2;
        }
    }
    return 0;
}

static int set_up(struct host *host, struct conf *conf, struct host_fd *signals,
                  struct status **ret_status)
{
    char err[CONF_ERR_MAX] = "cannot start";
    sigset_t set;
    int error = conf_open(conf, host, err);

    if (error == 0)
        error = status_open(host, conf->name, ret_status, err, sizeof(err));
    if (error == 0)
        error = listen_all(host_stack(host));
    if (error != 0) {
        (void)fprintf(stderr, "fourtuple: %s\n", err);
        return 125;
    }
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    *signals = (struct host_fd){.fd = signalfd(-1, &set, SFD_CLOEXEC), .ready = on_signal};
    return signals->fd < 0 || host_fd_set(host, signals, EPOLLIN) != 0 ? 125 : 0;
}

int main(int argc, char **argv)
{
    struct host_hooks hooks = {.events = on_events, .round = on_round};
    struct status *status = NULL;
    struct ft_config config;
    struct host_fd signals;
    struct host *host;
    struct conf conf;
    int result = read_arguments(&conf, argc, argv);

    if (result != 0)
        return result;
    hooks.ctx = &conf;
    if (conf_stack(&config) != 0 || host_new(&config, &hooks, &host) != 0) {
        (void)fprintf(stderr, "fourtuple: cannot start\n");
        return 125;
    }
    result = set_up(host, &conf, &signals, &status);
    if (result == 0)
        result = host_run(host) == 0 ? 0 : 125;
    forget_all(host_stack(host));
    status_close(status);
    host_free(host);
    return result;
}
