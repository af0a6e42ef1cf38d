/* SPDX-License-Identifier: MIT */
/*
 * The side of a running host: answers those who ask. The socket is in a directory that only the
 * user can enter, so whoever reaches it may know. An answer is made a piece at a time as the client
 * takes it, so neither a million sockets nor a client that does not read costs more than a buffer.
 */
#include "host/status.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "diag/counters.h"
#include "diag/socket.h"
#include "host/priv.h"
#include "host/status_priv.h"
#include "link/wire.h"

#define CLIENTS_MAX 8
#define ASK_MAX     32
#define SOCKETS_ONE 32 /* sockets a piece */
#define OUT_MAX     (SOCKETS_ONE * (SOCKET_LINE_MAX + 1))
#define NAME_TRIES  100

enum client_state { CLIENT_ASKS, CLIENT_SOCKETS, CLIENT_LAST };

struct client {
    struct host_fd watch; /* fd -1: unused */
    struct status *status;
    enum client_state state;
    uint32_t cursor; /* of ft_sockets() */
    char ask[ASK_MAX];
    size_t n_ask;
    size_t n_out, at; /* of out: filled, and already sent */
    char out[OUT_MAX];
};

struct status {
    struct host *host;
    struct host_fd listen;
    char name[STATUS_NAME_MAX];
    char path[PATH_MAX];
    struct client *clients[CLIENTS_MAX];
};

static void client_end(struct host *host, struct client *client)
{
    struct status *status = client->status;

    host_fd_del(host, &client->watch);
    (void)close(client->watch.fd); /* a reader sees the end */
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (status->clients[i] == client)
            status->clients[i] = NULL;
    }
    free(client);
}

static void add_counter(void *ctx, const char *name, uint64_t value, const char *text)
{
    struct client *client = ctx;
    size_t room = sizeof(client->out) - client->n_out;
    int n = snprintf(client->out + client->n_out, room, "%s\t%llu\t%s\n", name,
                     (unsigned long long)value, text);

    if (n > 0 && (size_t)n < room)
        client->n_out += (size_t)n;
}

/* What the links and cables of a host count, under the interface's number. */
static void add_links(struct host *host, struct client *client)
{
    char name[80];

    for (unsigned i = 0; i < host->n_ports; i++) {
        const struct port *port = &host->ports[i];
        const struct impair *cables[2] = {&port->in, &port->out};

        (void)snprintf(name, sizeof(name), "link%d_dropped", port->ifindex);
        add_counter(client, name, port->link->counters.n_dropped,
                    "frames that the link could not pass on");
        for (unsigned j = 0; j < 2 && port->impaired; j++) {
            const char *way = j == 0 ? "in" : "out";

            (void)snprintf(name, sizeof(name), "link%d_%s_lost", port->ifindex, way);
            add_counter(client, name, cables[j]->counters.n_lost, "frames lost by --link loss");
            (void)snprintf(name, sizeof(name), "link%d_%s_queue_full", port->ifindex, way);
            add_counter(client, name, cables[j]->counters.n_queue_full,
                        "frames that found the queue of --link rate full");
        }
    }
}

static void fill_counters(struct client *client)
{
    struct host *host = client->status->host;
    struct ft_counters counters;

    ft_counters(host->stack, &counters);
    counters_each(&counters, add_counter, client);
    add_links(host, client);
    client->state = CLIENT_LAST;
}

static void fill_sockets(struct client *client)
{
    struct host *host = client->status->host;
    struct ft_sock_info infos[SOCKETS_ONE];
    size_t n = ft_sockets(host->stack, infos, SOCKETS_ONE, &client->cursor);

    for (size_t i = 0; i < n; i++) {
        char process[200] = "";

        if (host->hooks.queued != NULL)
            host->hooks.queued(host->hooks.ctx, &infos[i]);
        if (host->hooks.process != NULL)
            host->hooks.process(host->hooks.ctx, &infos[i], process, sizeof(process));
        client->n_out += socket_line(&infos[i], process, client->out + client->n_out);
        client->out[client->n_out++] = '\n';
    }
    if (client->cursor == 0)
        client->state = CLIENT_LAST;
}

/* Sends, and fills again, until the client is full or has all. */
static void answer(struct host *host, struct client *client)
{
    for (;;) {
        ssize_t n;

        if (client->at == client->n_out) {
            client->at = client->n_out = 0;
            if (client->state == CLIENT_LAST)
                break;
            fill_sockets(client);
            continue;
        }
        n = send(client->watch.fd, client->out + client->at, client->n_out - client->at,
                 MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN && host_fd_set(host, &client->watch, EPOLLOUT) == 0)
            return;
        if (n < 0)
            break;
        client->at += (size_t)n;
    }
    client_end(host, client);
}

static void read_question(struct host *host, struct client *client)
{
    ssize_t n = recv(client->watch.fd, client->ask + client->n_ask,
                     sizeof(client->ask) - 1 - client->n_ask, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        client_end(host, client);
        return;
    }
    client->n_ask += (size_t)n;
    client->ask[client->n_ask] = '\0';
    if (strcmp(client->ask, "sockets\n") == 0) {
        client->state = CLIENT_SOCKETS;
        answer(host, client);
    } else if (strcmp(client->ask, "counters\n") == 0) {
        fill_counters(client);
        answer(host, client);
    } else if (strchr(client->ask, '\n') != NULL || client->n_ask == sizeof(client->ask) - 1) {
        client_end(host, client);
    }
}

static void client_ready(struct host *host, struct host_fd *watch, uint32_t events)
{
    struct client *client = watch->ctx;

    if ((events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0)
        client_end(host, client);
    else if (client->state == CLIENT_ASKS)
        read_question(host, client);
    else
        answer(host, client);
}

static void listen_ready(struct host *host, struct host_fd *watch, uint32_t events)
{
    struct status *status = watch->ctx;
    int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct client *client;

    (void)events;
    if (fd < 0)
        return;
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (status->clients[i] != NULL)
            continue;
        client = calloc(1, sizeof(*client));
        if (client == NULL)
            break;
        client->status = status;
        client->watch = (struct host_fd){.fd = fd, .ready = client_ready, .ctx = client};
        if (host_fd_set(host, &client->watch, EPOLLIN) != 0) {
            free(client);
            break;
        }
        status->clients[i] = client;
        return;
    }
    (void)close(fd); /* too many ask at once: this one may ask again */
}

int status_path(const char *name, char *ret_path, size_t len, char *err, size_t err_len)
{
    int error = link_wire_base(ret_path, len - STATUS_NAME_MAX - 8, err, err_len);

    if (error != 0)
        return error;
    strcat(ret_path, "/hosts");
    error = link_wire_private_dir(ret_path, err, err_len);
    if (error == 0 && name != NULL) {
        strcat(ret_path, "/");
        strncat(ret_path, name, STATUS_NAME_MAX - 1);
    }
    return error;
}

int status_address(const char *path, struct sockaddr_un *ret_sun)
{
    memset(ret_sun, 0, sizeof(*ret_sun));
    ret_sun->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof(ret_sun->sun_path))
        return -ENAMETOOLONG;
    strcpy(ret_sun->sun_path, path);
    return 0;
}

/* Whether a host answers at an address. Its name is removed when it is dead. */
static bool is_alive(const struct sockaddr_un *sun)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool alive = true;

    if (fd < 0)
        return true;
    if (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) != 0 && errno == ECONNREFUSED) {
        (void)unlink(sun->sun_path); /* another may have been faster */
        alive = false;
    }
    (void)close(fd); /* nothing was sent on it */
    return alive;
}

/* Listens under a hidden name, and tells it: who finds a name that nobody listens at takes the host
   for dead and removes it. */
static int listen_hidden(const struct status *status, char *ret_path, size_t len, char *err,
                         size_t err_len)
{
    struct sockaddr_un sun;
    char hidden[32];
    int error;

    (void)snprintf(hidden, sizeof(hidden), ".%d.%d", (int)getpid(), status->listen.fd);
    error = status_path(hidden, ret_path, len, err, err_len);
    if (error == 0)
        error = status_address(ret_path, &sun);
    if (error != 0)
        return error;
    (void)unlink(ret_path); /* of a process that had our number and died here */
    if (bind(status->listen.fd, (const struct sockaddr *)&sun, sizeof(sun)) != 0 ||
        listen(status->listen.fd, CLIENTS_MAX) != 0)
        return -errno;
    return 0;
}

/* Shows what listens at PATH under its name, or the next free "NAME.2" and so on. */
static int show(struct status *status, const char *path, const char *name, char *err,
                size_t err_len)
{
    for (unsigned i = 1; i < NAME_TRIES; i++) {
        struct sockaddr_un sun;
        int error;

        if (i == 1)
            (void)snprintf(status->name, sizeof(status->name), "%.32s", name);
        else
            (void)snprintf(status->name, sizeof(status->name), "%.32s.%u", name, i);
        error = status_path(status->name, status->path, sizeof(status->path), err, err_len);
        if (error == 0)
            error = status_address(status->path, &sun);
        if (error != 0)
            return error;
        for (unsigned again = 0; again < 2; again++) {
            if (link(path, status->path) == 0)
                return 0;
            if (errno != EEXIST)
                return -errno;
            if (is_alive(&sun))
                break;
        }
    }
    return -EADDRINUSE;
}

static int bind_name(struct status *status, const char *name, char *err, size_t err_len)
{
    char hidden[PATH_MAX];
    int error = listen_hidden(status, hidden, sizeof(hidden), err, err_len);

    if (error != 0)
        return error;
    error = show(status, hidden, name, err, err_len);
    (void)unlink(hidden); /* was ours */
    return error;
}

int status_open(struct host *host, const char *name, struct status **ret_status, char *ret_err,
                size_t err_len)
{
    struct status *status = calloc(1, sizeof(*status));
    int error;

    if (status == NULL)
        return -ENOMEM;
    ret_err[0] = '\0';
    status->host = host;
    status->listen.ready = listen_ready;
    status->listen.ctx = status;
    status->listen.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    error = status->listen.fd < 0 ? -errno : bind_name(status, name, ret_err, err_len);
    if (error == 0) {
        error = host_fd_set(host, &status->listen, EPOLLIN);
        if (error != 0)
            (void)unlink(status->path); /* was ours */
    }
    if (error != 0) {
        if (ret_err[0] == '\0')
            (void)snprintf(ret_err, err_len, "%s cannot be made: %s", status->path,
                           strerror(-error));
        if (status->listen.fd >= 0)
            (void)close(status->listen.fd); /* nobody knew of it */
        free(status);
        return error;
    }
    *ret_status = status;
    return 0;
}

void status_close(struct status *status)
{
    if (status == NULL)
        return;
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (status->clients[i] != NULL)
            client_end(status->host, status->clients[i]);
    }
    host_fd_del(status->host, &status->listen);
    (void)unlink(status->path);     /* was ours */
    (void)close(status->listen.fd); /* nobody is waited for */
    free(status);
}

const char *status_name(const struct status *status)
{
    return status->name;
}
