/* SPDX-License-Identifier: MIT */
/*
 * The client of the store: one request after the other, each asked again until it is answered. How
 * it asks again is the example's point: see ask().
 */
#include "kv.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define ANSWER_WITHIN (400 * FT_MS)
#define PAUSE_MAX     (300 * FT_MS)

static void connect_again(struct ft_sim_host *host, void *ctx);

static void set_timer(struct ft_sim_host *host, struct kv_client *c, ft_time delay,
                      ft_sim_host_call *call)
{
    if (c->timer > 0)
        (void)ft_sim_cancel(ft_sim_world(host), c->timer);
    c->timer = call == NULL ? 0 : ft_sim_after(host, delay, call, c);
}

/* Drop the connection, and ask again a little later. */
static void give_up(struct ft_sim_host *host, struct kv_client *c, const char *why)
{
    ft_sim_log(host, "try %u of request %ld: %s", c->n_tries, c->n_answered + 1, why);
    if (c->sock >= 0)
        (void)ft_abort(ft_sim_stack(host), c->sock);
    c->sock = -1;
    set_timer(host, c, 1 + ft_sim_random(host, PAUSE_MAX), connect_again);
}

static void too_late(struct ft_sim_host *host, void *ctx)
{
    struct kv_client *c = ctx;

    c->timer = 0;
    give_up(host, c, "no answer");
}

/* Put the present request into the buffer. */
static void ask(struct kv_client *c)
{
    int len;

    if (c->fixed)
        len = snprintf(c->out.octets, KV_LINE_MAX, "add %s %ld %u %ld\n", c->key, c->step, c->id,
                       c->n_answered + 1);
    else /* The mistake: the server cannot tell a request that comes again from a new one. */
        len = snprintf(c->out.octets, KV_LINE_MAX, "add %s %ld\n", c->key, c->step);
    c->out.len = (size_t)len;
}

static void next_request(struct ft_sim_host *host, struct kv_client *c)
{
    if (c->n_answered == c->n_want) {
        (void)ft_close(ft_sim_stack(host), c->sock);
        c->sock = -1;
        set_timer(host, c, 0, NULL);
        return;
    }
    c->step = 1 + (long)ft_sim_random(host, 9);
    c->n_tries = 1;
    ask(c);
    set_timer(host, c, ANSWER_WITHIN, too_late);
}

static void got_answer(struct ft_sim_host *host, struct kv_client *c, const char *line)
{
    long total;

    if (sscanf(line, "ok %ld", &total) != 1) {
        ft_sim_fail(ft_sim_world(host), "%s was answered \"%s\"", ft_sim_host_name(host), line);
        return;
    }
    c->n_answered++;
    c->sum += c->step;
    /* Nobody else adds to this key, so it is what we have added: the oracle on the spot. */
    if (total != c->sum)
        ft_sim_fail(ft_sim_world(host), "%s has added %ld to %s, and the store says %ld",
                    ft_sim_host_name(host), c->sum, c->key, total);
    next_request(host, c);
}

static void ready(struct ft_sim_host *host, ft_sock sock, uint32_t mask, void *ctx)
{
    struct kv_client *c = ctx;
    struct ft_stack *stack = ft_sim_stack(host);
    ssize_t n = 0;
    char *end;

    (void)mask;
    for (;;) {
        while (c->out.len > 0 && (n = ft_send(stack, sock, c->out.octets, c->out.len, 0)) > 0) {
            c->out.len -= (size_t)n;
            memmove(c->out.octets, c->out.octets + n, c->out.len);
        }
        if (n < 0 && n != -EAGAIN)
            break;
        n = ft_recv(stack, sock, c->in.octets + c->in.len, KV_LINE_MAX - c->in.len, 0);
        if (n <= 0)
            break;
        c->in.len += (size_t)n;
        end = memchr(c->in.octets, '\n', c->in.len);
        if (end == NULL)
            continue;
        *end = '\0';
        c->in.len = 0; /* there is one answer at a time */
        got_answer(host, c, c->in.octets);
        if (c->sock < 0)
            return;
    }
    if (n != -EAGAIN)
        give_up(host, c, n == 0 ? "the server hung up" : "the connection broke");
}

static void connect_again(struct ft_sim_host *host, void *ctx)
{
    struct kv_client *c = ctx;
    struct ft_stack *stack = ft_sim_stack(host);
    struct sockaddr_storage name;
    socklen_t len = ft_sim_sockaddr(c->server, AF_INET, KV_PORT, &name);
    int error;

    c->timer = 0;
    c->n_tries++;
    c->in.len = 0;
    ask(c);
    c->sock = ft_socket(stack, AF_INET, SOCK_STREAM, 0);
    if (c->sock < 0) {
        give_up(host, c, "no socket");
        return;
    }
    error = ft_connect(stack, c->sock, (struct sockaddr *)&name, len);
    if (error != 0 && error != -EINPROGRESS) {
        give_up(host, c, "no connection");
        return;
    }
    c->watch = (struct ft_sim_watch){ready, c};
    (void)ft_watch(stack, c->sock, FT_READABLE | FT_WRITABLE, &c->watch);
    set_timer(host, c, ANSWER_WITHIN, too_late);
}

static void start(struct ft_sim_host *host, void *ctx)
{
    struct kv_client *c = ctx;

    c->sock = -1;
    c->step = 1 + (long)ft_sim_random(host, 9);
    connect_again(host, c);
}

struct ft_sim_app kv_client_app(struct kv_client *client)
{
    return (struct ft_sim_app){start, NULL, client};
}
