/* SPDX-License-Identifier: MIT */
/*
 * Socket calls that wait (<fourtuple/host.h>). A call is a request on its caller's stack. The
 * loop's thread tries it; what cannot be done yet is parked at its socket and tried again at each
 * event of that socket, until it is done, its time has run out, the socket is closed or the host
 * ends.
 */
#include <fourtuple/host.h>

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <fourtuple.h>

#include "host/cmdq.h"
#include "host/conf.h"
#include "host/loop.h"
#include "host/status.h"

enum call {
    CALL_SOCKET,
    CALL_BIND,
    CALL_LISTEN,
    CALL_ACCEPT,
    CALL_CONNECT,
    CALL_SEND,
    CALL_RECV,
    CALL_SHUTDOWN,
    CALL_CLOSE,
    CALL_GETSOCKNAME,
    CALL_GETPEERNAME,
    CALL_GETSOCKOPT,
    CALL_SETSOCKOPT,
    CALL_COUNTERS,
    CALL_END,
};

struct request {
    enum call call;
    ft_sock sock;
    int a, b, c;        /* the plain arguments, in their order */
    const void *in;     /* what is read: an address, octets, a value */
    void *out;          /* what is written */
    size_t len;         /* of in or out */
    socklen_t *len_out; /* in: room; out: length */
    size_t done;        /* CALL_SEND: octets queued */
    ft_time timeout;    /* as the caller gave it */
    ft_time give_up_at; /* once parked */
    int64_t result;
    sem_t finished;
    struct request *prev, *next; /* among those parked at a socket */
};

/* A socket that this file made: who waits for it. It is the user of ft_watch(). */
struct waiting {
    struct request *first, *last;
    bool closing;                /* it lingers: nobody but the one who closes it may use it */
    struct waiting *prev, *next; /* among all sockets */
};

struct ft_host {
    struct host *host;
    struct conf conf;
    struct status *status;
    struct cmdq queue;
    struct host_fd bell;
    pthread_t thread;
    struct waiting *sockets; /* all of them */
    unsigned n_closing;      /* of them, those that linger */
    ft_time next_give_up;    /* not after the earliest give_up_at */
    bool ending;
    ft_time end_at; /* linger is over */
};

#define WATCHED (FT_READABLE | FT_WRITABLE | FT_RDHUP | FT_URGENT)
#define BATCH   32

static void finish(struct request *request, int64_t result)
{
    request->result = result;
    (void)sem_post(&request->finished); /* valid until the caller has seen it */
}

/* --- sockets and who waits for them ------------------------------------------------------------
 */

static struct waiting *waiting_of(struct ft_host *self, ft_sock sock)
{
    struct ft_sock_info info;

    return ft_sock_info(host_stack(self->host), sock, &info) == 0 ? info.user : NULL;
}

/* Takes a new socket in, or gives it up. */
static ft_sock adopt(struct ft_host *self, ft_sock sock)
{
    struct waiting *waiting;
    int error;

    if (sock < 0)
        return sock;
    waiting = calloc(1, sizeof(*waiting));
    error = waiting == NULL ? -ENOBUFS : ft_watch(host_stack(self->host), sock, WATCHED, waiting);
    if (error != 0) {
        (void)ft_close(host_stack(self->host), sock); /* it was there a moment ago */
        free(waiting);
        return error;
    }
    waiting->next = self->sockets;
    if (self->sockets != NULL)
        self->sockets->prev = waiting;
    self->sockets = waiting;
    return sock;
}

static void unpark(struct waiting *waiting, struct request *request)
{
    if (request->prev != NULL)
        request->prev->next = request->next;
    else
        waiting->first = request->next;
    if (request->next != NULL)
        request->next->prev = request->prev;
    else
        waiting->last = request->prev;
}

static void park(struct ft_host *self, struct waiting *waiting, struct request *request)
{
    request->prev = waiting->last;
    request->next = NULL;
    if (waiting->last != NULL)
        waiting->last->next = request;
    else
        waiting->first = request;
    waiting->last = request;
    if (request->give_up_at < self->next_give_up)
        self->next_give_up = request->give_up_at;
}

static void cancel_all(struct waiting *waiting, int error)
{
    while (waiting->first != NULL) {
        struct request *request = waiting->first;

        unpark(waiting, request);
        finish(request, error);
    }
}

static void forget(struct ft_host *self, struct waiting *waiting, int error)
{
    cancel_all(waiting, error);
    if (waiting->prev != NULL)
        waiting->prev->next = waiting->next;
    else
        self->sockets = waiting->next;
    if (waiting->next != NULL)
        waiting->next->prev = waiting->prev;
    free(waiting);
}

/* --- calls ----------------------------------------------------------------------------------- */

/* Sends what is left. -EAGAIN: some is still left. */
static int64_t try_send(struct ft_stack *stack, struct request *request)
{
    while (request->done < request->len || request->len == 0) {
        ssize_t n = ft_send(stack, request->sock, (const char *)request->in + request->done,
                            request->len - request->done, request->a);

        if (n == -EAGAIN)
            return -EAGAIN;
        if (n < 0)
            return request->done > 0 ? (int64_t)request->done : n;
        request->done += (size_t)n;
        if (request->len == 0)
            break;
    }
    return (int64_t)request->done;
}

static int64_t try_connect(struct ft_stack *stack, struct request *request)
{
    int error = ft_connect(stack, request->sock, request->in, (socklen_t)request->len);

    /* The first call begins it; when parked, the next ones ask how it went. */
    return error == -EINPROGRESS || error == -EALREADY ? -EAGAIN : error;
}

/* Those that may have to wait; -EAGAIN: not yet. */
static int64_t try_waiting(struct ft_host *self, struct request *request)
{
    struct ft_stack *stack = host_stack(self->host);

    if (request->call == CALL_ACCEPT)
        return adopt(self, ft_accept(stack, request->sock, request->out, request->len_out));
    if (request->call == CALL_CONNECT)
        return try_connect(stack, request);
    if (request->call == CALL_SEND)
        return try_send(stack, request);
    return ft_recv(stack, request->sock, request->out, request->len, request->a);
}

/* How long SO_LINGER lets a close wait. */
static ft_time linger_of(struct ft_host *self, ft_sock sock)
{
    struct linger linger = {0};
    socklen_t len = sizeof(linger);
    int error = ft_getsockopt(host_stack(self->host), sock, SOL_SOCKET, SO_LINGER, &linger, &len);

    return error == 0 && linger.l_onoff && linger.l_linger > 0 ? (ft_time)linger.l_linger * FT_SEC
                                                               : 0;
}

/* Whether something, the FIN included, is not acknowledged yet. What came and is not read makes the
   close a reset, for which nobody waits. */
static bool is_unfinished(struct ft_host *self, ft_sock sock)
{
    struct ft_sock_info info;

    if (ft_sock_info(host_stack(self->host), sock, &info) != 0 || info.recv_q > 0)
        return false;
    return info.protocol == IPPROTO_TCP &&
           (info.state == FT_TCP_FIN_WAIT_1 || info.state == FT_TCP_CLOSING ||
            info.state == FT_TCP_LAST_ACK);
}

/* Calls that wait end at once. With SO_LINGER the FIN leaves, and the descriptor stays until it is
   acknowledged. -EAGAIN: it is not yet. */
static int64_t begin_close(struct ft_host *self, struct request *request)
{
    struct ft_stack *stack = host_stack(self->host);
    struct waiting *waiting = waiting_of(self, request->sock);
    struct ft_sock_info info;
    int error;

    request->timeout = linger_of(self, request->sock);
    if (request->timeout > 0 && waiting != NULL && ft_sock_info(stack, request->sock, &info) == 0 &&
        info.recv_q == 0 && ft_shutdown(stack, request->sock, SHUT_RDWR) == 0 &&
        is_unfinished(self, request->sock)) {
        cancel_all(waiting, -EBADF);
        waiting->closing = true;
        self->n_closing++;
        return -EAGAIN;
    }
    error = ft_close(stack, request->sock);
    if (error == 0 && waiting != NULL)
        forget(self, waiting, -EBADF);
    return error;
}

/* One who lingers is done, or has waited long enough: as on Linux close() is content with that, and
   what is left goes on in the background. */
static void end_close(struct ft_host *self, struct waiting *waiting)
{
    struct request *request = waiting->first;

    unpark(waiting, request);
    (void)ft_close(host_stack(self->host), request->sock); /* it is there */
    finish(request, 0);
    self->n_closing--;
    forget(self, waiting, -EBADF);
}

static int64_t end_host(struct ft_host *self, const struct request *request)
{
    cmdq_close(&self->queue);
    while (self->sockets != NULL) {
        if (self->sockets->closing)
            end_close(self, self->sockets);
        else
            forget(self, self->sockets, -ECANCELED);
    }
    self->ending = true;
    self->end_at = request->timeout == 0 ? 0 : host_now(self->host) + request->timeout;
    return 0;
}

/* Those that are done at once. */
static int64_t call_now(struct ft_host *self, struct request *r)
{
    struct ft_stack *stack = host_stack(self->host);

    switch (r->call) {
    case CALL_SOCKET:
        return adopt(self, ft_socket(stack, r->a, r->b, r->c));
    case CALL_BIND:
        return ft_bind(stack, r->sock, r->in, (socklen_t)r->len);
    case CALL_LISTEN:
        return ft_listen(stack, r->sock, r->a);
    case CALL_SHUTDOWN:
        return ft_shutdown(stack, r->sock, r->a);
    case CALL_CLOSE:
        return begin_close(self, r);
    case CALL_GETSOCKNAME:
        return ft_getsockname(stack, r->sock, r->out, r->len_out);
    case CALL_GETPEERNAME:
        return ft_getpeername(stack, r->sock, r->out, r->len_out);
    case CALL_GETSOCKOPT:
        return ft_getsockopt(stack, r->sock, r->a, r->b, r->out, r->len_out);
    case CALL_SETSOCKOPT:
        return ft_setsockopt(stack, r->sock, r->a, r->b, r->in, (socklen_t)r->len);
    case CALL_COUNTERS:
        ft_counters(stack, r->out);
        return 0;
    case CALL_END:
        return end_host(self, r);
    case CALL_ACCEPT:
    case CALL_CONNECT:
    case CALL_SEND:
    case CALL_RECV:
        return try_waiting(self, r);
    }
    return -ENOSYS;
}

/* What a call that ran out of time answers: what SO_RCVTIMEO and SO_SNDTIMEO give on Linux. */
static int64_t too_late(const struct request *request)
{
    if (request->call == CALL_CONNECT)
        return -EINPROGRESS;
    return request->done > 0 ? (int64_t)request->done : -EAGAIN;
}

/* Whether a call is about a socket that is being closed. */
static bool is_closing(struct ft_host *self, const struct request *request)
{
    const struct waiting *waiting;

    if (self->n_closing == 0 || request->call == CALL_SOCKET || request->call == CALL_COUNTERS ||
        request->call == CALL_END)
        return false;
    waiting = waiting_of(self, request->sock);
    return waiting != NULL && waiting->closing;
}

static void begin(struct ft_host *self, struct request *request)
{
    bool may_wait = request->call == CALL_ACCEPT || request->call == CALL_CONNECT ||
                    request->call == CALL_SEND || request->call == CALL_RECV ||
                    request->call == CALL_CLOSE;
    int64_t result = self->ending                ? -ECANCELED
                     : is_closing(self, request) ? -EBADF
                                                 : call_now(self, request);
    ft_time now = host_now(self->host);
    struct waiting *waiting;

    if (result != -EAGAIN || !may_wait) {
        finish(request, result);
        return;
    }
    waiting = request->timeout == 0 ? NULL : waiting_of(self, request->sock);
    if (waiting == NULL) {
        finish(request, too_late(request));
        return;
    }
    request->give_up_at =
        request->timeout >= FT_TIME_NEVER - now ? FT_TIME_NEVER : now + request->timeout;
    park(self, waiting, request);
}

/* --- the loop's thread ------------------------------------------------------------------------ */

static void on_bell(struct host *host, struct host_fd *watch, uint32_t events)
{
    struct ft_host *self = watch->ctx;
    void *requests[BATCH];
    size_t n = cmdq_take(&self->queue, requests, BATCH);

    (void)events;
    (void)host;
    for (size_t i = 0; i < n; i++)
        begin(self, requests[i]);
}

static void on_events(void *ctx, struct host *host, const struct ft_event *events, size_t n)
{
    struct ft_host *self = ctx;

    (void)host;
    for (size_t i = 0; i < n; i++) {
        struct waiting *waiting = events[i].user;
        struct request *request = self->ending ? NULL : waiting->first, *next;

        if (request != NULL && waiting->closing) {
            if (!is_unfinished(self, request->sock))
                end_close(self, waiting);
            continue;
        }
        for (; request != NULL; request = next) {
            int64_t result = try_waiting(self, request);

            next = request->next;
            if (result == -EAGAIN)
                continue;
            unpark(waiting, request);
            finish(request, result);
        }
    }
}

/* Ends the calls whose time has run out, and finds the next such time. */
static void give_up(struct ft_host *self, ft_time now)
{
    self->next_give_up = FT_TIME_NEVER;
    for (struct waiting *waiting = self->sockets, *other; waiting != NULL; waiting = other) {
        struct request *request = waiting->first, *next;

        other = waiting->next;
        if (waiting->closing && request->give_up_at <= now) {
            end_close(self, waiting);
            continue;
        }
        for (; request != NULL; request = next) {
            next = request->next;
            if (request->give_up_at <= now) {
                unpark(waiting, request);
                finish(request, too_late(request));
            } else if (request->give_up_at < self->next_give_up) {
                self->next_give_up = request->give_up_at;
            }
        }
    }
}

static void on_round(void *ctx, struct host *host)
{
    struct ft_host *self = ctx;
    ft_time now = host_now(host);

    if (now >= self->next_give_up)
        give_up(self, now);
    host_wake_at(host, self->next_give_up);
    if (!self->ending)
        return;
    if (now >= self->end_at || !host_unfinished(host))
        host_stop(host);
    else
        host_wake_at(host, self->end_at);
}

static void *run(void *ctx)
{
    struct ft_host *self = ctx;
    void *request;

    /* Fails only when epoll does, which has nothing that could fail here. */
    (void)host_run(self->host);
    while (cmdq_take(&self->queue, &request, 1) > 0)
        finish(request, -ECANCELED);
    return NULL;
}

/* --- the callers' side ------------------------------------------------------------------------ */

static int64_t call(struct ft_host *self, struct request *request)
{
    int error;

    (void)sem_init(&request->finished, 0, 0); /* cannot fail with these arguments */
    error = cmdq_post(&self->queue, request);
    if (error == 0) {
        while (sem_wait(&request->finished) != 0)
            continue; /* a signal came */
        error = 0;
    } else {
        request->result = error;
    }
    (void)sem_destroy(&request->finished);
    return request->result;
}

static int wait_for_addresses(struct ft_host *self, char *err)
{
    for (;;) {
        int error, ready = conf_ready(&self->conf, self->host, err);

        if (ready != 0)
            return ready < 0 ? ready : 0;
        error = host_round(self->host, 10 * FT_MS);
        if (error != 0 && error != -EINTR)
            return error;
    }
}

static int open_nets(struct ft_host *self, const struct ft_host_config *config, char *err)
{
    conf_init(&self->conf);
    if (config->n_options % 2 != 0) {
        (void)snprintf(err, CONF_ERR_MAX, "%s: a value must follow",
                       config->options[config->n_options - 1]);
        return -EINVAL;
    }
    for (size_t i = 0; i < config->n_options; i += 2) {
        if (conf_option(&self->conf, config->options[i], config->options[i + 1], err) != 0)
            return -EINVAL;
    }
    return conf_open(&self->conf, self->host, err);
}

static int start(struct ft_host *self, const struct ft_host_config *config, char *err)
{
    int error = open_nets(self, config, err);

    if (error == 0)
        error = wait_for_addresses(self, err);
    if (error == 0)
        error = status_open(self->host, self->conf.name, &self->status, err, CONF_ERR_MAX);
    if (error == 0)
        error = host_fd_set(self->host, &self->bell, EPOLLIN);
    if (error == 0)
        error = -pthread_create(&self->thread, NULL, run, self);
    return error;
}

static void release(struct ft_host *self)
{
    status_close(self->status);
    host_free(self->host);
    cmdq_fini(&self->queue);
    free(self);
}

int ft_host_new(const struct ft_host_config *config, struct ft_host **ret_host, char *ret_err,
                size_t err_len)
{
    struct host_hooks hooks = {.events = on_events, .round = on_round};
    struct ft_host *self = calloc(1, sizeof(*self));
    char err[CONF_ERR_MAX] = "the host cannot be made";
    struct ft_config stack;
    int error;

    if (self == NULL)
        return -ENOMEM;
    if (config->size != sizeof(*config) || cmdq_init(&self->queue) != 0) {
        free(self);
        return -EINVAL;
    }
    self->next_give_up = FT_TIME_NEVER;
    self->bell = (struct host_fd){.fd = self->queue.eventfd, .ready = on_bell, .ctx = self};
    hooks.ctx = self;
    error = conf_stack(&stack);
    if (error == 0)
        error = host_new(&stack, &hooks, &self->host);
    if (error == 0)
        error = start(self, config, err);
    if (error != 0) {
        if (ret_err != NULL)
            (void)snprintf(ret_err, err_len, "%s", err);
        release(self);
        return error;
    }
    *ret_host = self;
    return 0;
}

void ft_host_free(struct ft_host *host, ft_time linger)
{
    struct request request = {.call = CALL_END, .timeout = linger};

    if (host == NULL)
        return;
    (void)call(host, &request);             /* nobody else closes the ring */
    (void)pthread_join(host->thread, NULL); /* it was started */
    release(host);
}

ft_sock ft_host_socket(struct ft_host *host, int domain, int type, int protocol)
{
    struct request request = {.call = CALL_SOCKET, .a = domain, .b = type, .c = protocol};

    return call(host, &request);
}

int ft_host_bind(struct ft_host *host, ft_sock sock, const struct sockaddr *addr, socklen_t len)
{
    struct request request = {.call = CALL_BIND, .sock = sock, .in = addr, .len = len};

    return (int)call(host, &request);
}

int ft_host_listen(struct ft_host *host, ft_sock sock, int backlog)
{
    struct request request = {.call = CALL_LISTEN, .sock = sock, .a = backlog};

    return (int)call(host, &request);
}

ft_sock ft_host_accept(struct ft_host *host, ft_sock sock, struct sockaddr *ret_addr,
                       socklen_t *len, ft_time timeout)
{
    struct request request = {
        .call = CALL_ACCEPT, .sock = sock, .out = ret_addr, .len_out = len, .timeout = timeout};

    return call(host, &request);
}

int ft_host_connect(struct ft_host *host, ft_sock sock, const struct sockaddr *addr, socklen_t len,
                    ft_time timeout)
{
    struct request request = {
        .call = CALL_CONNECT, .sock = sock, .in = addr, .len = len, .timeout = timeout};

    return (int)call(host, &request);
}

ssize_t ft_host_send(struct ft_host *host, ft_sock sock, const void *data, size_t len, int flags,
                     ft_time timeout)
{
    struct request request = {
        .call = CALL_SEND, .sock = sock, .in = data, .len = len, .a = flags, .timeout = timeout};

    return (ssize_t)call(host, &request);
}

ssize_t ft_host_recv(struct ft_host *host, ft_sock sock, void *ret_data, size_t len, int flags,
                     ft_time timeout)
{
    struct request request = {.call = CALL_RECV,
                              .sock = sock,
                              .out = ret_data,
                              .len = len,
                              .a = flags,
                              .timeout = timeout};

    return (ssize_t)call(host, &request);
}

int ft_host_shutdown(struct ft_host *host, ft_sock sock, int how)
{
    struct request request = {.call = CALL_SHUTDOWN, .sock = sock, .a = how};

    return (int)call(host, &request);
}

int ft_host_close(struct ft_host *host, ft_sock sock)
{
    struct request request = {.call = CALL_CLOSE, .sock = sock};

    return (int)call(host, &request);
}

int ft_host_getsockname(struct ft_host *host, ft_sock sock, struct sockaddr *ret_addr,
                        socklen_t *len)
{
    struct request request = {
        .call = CALL_GETSOCKNAME, .sock = sock, .out = ret_addr, .len_out = len};

    return (int)call(host, &request);
}

int ft_host_getpeername(struct ft_host *host, ft_sock sock, struct sockaddr *ret_addr,
                        socklen_t *len)
{
    struct request request = {
        .call = CALL_GETPEERNAME, .sock = sock, .out = ret_addr, .len_out = len};

    return (int)call(host, &request);
}

int ft_host_getsockopt(struct ft_host *host, ft_sock sock, int level, int name, void *ret_value,
                       socklen_t *len)
{
    struct request request = {.call = CALL_GETSOCKOPT,
                              .sock = sock,
                              .a = level,
                              .b = name,
                              .out = ret_value,
                              .len_out = len};

    return (int)call(host, &request);
}

int ft_host_setsockopt(struct ft_host *host, ft_sock sock, int level, int name, const void *value,
                       socklen_t len)
{
    struct request request = {
        .call = CALL_SETSOCKOPT, .sock = sock, .a = level, .b = name, .in = value, .len = len};

    return (int)call(host, &request);
}

int ft_host_counters(struct ft_host *host, struct ft_counters *ret_counters)
{
    struct request request = {.call = CALL_COUNTERS, .out = ret_counters};

    return (int)call(host, &request);
}
