/* SPDX-License-Identifier: MIT */
/*
 * The echo protocol of the tests: a server that answers with what it gets, and a client that
 * counts.
 */
#include "lib_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#define PORT 7

/* ---- a small protocol: a client sends a number of octets, the server echoes them ---- */

static void server_ready(struct ft_sim_host *host, ft_sock sock, uint32_t mask, void *ctx)
{
    struct lib_echo *e = ctx;
    char buf[512];
    ssize_t n;

    (void)mask;
    while ((n = ft_recv(ft_sim_stack(host), sock, buf, sizeof(buf), 0)) > 0)
        (void)ft_send(ft_sim_stack(host), sock, buf, (size_t)n, 0);
    if (n == 0) {
        (void)ft_close(ft_sim_stack(host), sock);
        e->server = -1;
    }
}

static void listener_ready(struct ft_sim_host *host, ft_sock sock, uint32_t mask, void *ctx)
{
    struct lib_echo *e = ctx;
    ft_sock got;

    (void)mask;
    while ((got = ft_accept(ft_sim_stack(host), sock, NULL, NULL)) >= 0) {
        e->server = got;
        e->on_server = (struct ft_sim_watch){server_ready, e};
        (void)ft_watch(ft_sim_stack(host), got, FT_READABLE, &e->on_server);
        ft_sim_log(host, "accepted");
    }
}

static void datagram_ready(struct ft_sim_host *host, ft_sock sock, uint32_t mask, void *ctx)
{
    struct sockaddr_storage name;
    char buf[512];
    struct iovec iov = {buf, sizeof(buf)};
    struct msghdr msg = {
        .msg_name = &name, .msg_namelen = sizeof(name), .msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n = ft_recvmsg(ft_sim_stack(host), sock, &msg, 0);

    (void)mask;
    (void)ctx;
    if (n < 0)
        return;
    iov.iov_len = (size_t)n;
    (void)ft_sendmsg(ft_sim_stack(host), sock, &msg, 0);
}

static void server_start(struct ft_sim_host *host, void *ctx)
{
    struct lib_echo *e = ctx;
    struct sockaddr_storage name;
    socklen_t len = ft_sim_sockaddr(host, e->family, PORT, &name);

    e->n_starts++;
    assert_true(len > 0);
    e->listener = ft_socket(ft_sim_stack(host), e->family, e->type, 0);
    assert_true(e->listener >= 0);
    assert_int_equal(ft_bind(ft_sim_stack(host), e->listener, (struct sockaddr *)&name, len), 0);
    if (e->type == SOCK_STREAM)
        assert_int_equal(ft_listen(ft_sim_stack(host), e->listener, 8), 0);
    e->on_listener =
        (struct ft_sim_watch){e->type == SOCK_STREAM ? listener_ready : datagram_ready, e};
    (void)ft_watch(ft_sim_stack(host), e->listener, FT_READABLE, &e->on_listener);
}

static void server_crash(struct ft_sim_host *host, void *ctx)
{
    struct lib_echo *e = ctx;

    assert_null(ft_sim_stack(host));
    e->n_crashes++;
}

static void client_ready(struct ft_sim_host *host, ft_sock sock, uint32_t mask, void *ctx)
{
    struct lib_echo *e = ctx;
    struct ft_stack *stack = ft_sim_stack(host);
    char buf[512];
    ssize_t n = -EAGAIN;

    memset(buf, 'x', sizeof(buf));
    if ((mask & FT_WRITABLE) && e->connected_at == 0)
        e->connected_at = ft_sim_now(ft_sim_world(host));
    while (e->n_sent < e->n_want) {
        size_t len = e->n_want - e->n_sent < sizeof(buf) ? e->n_want - e->n_sent : sizeof(buf);

        n = ft_send(stack, sock, buf, len, 0);
        if (n < 0)
            break;
        e->n_sent += (uint32_t)n;
    }
    if (n != -EAGAIN && n < 0)
        e->error = (int)n;
    while ((n = ft_recv(stack, sock, buf, sizeof(buf), 0)) > 0)
        e->n_back += (uint32_t)n;
    if (n != -EAGAIN && n < 0 && e->error == 0)
        e->error = (int)n;
    if (e->n_back == e->n_want && e->done_at == 0) {
        e->done_at = ft_sim_now(ft_sim_world(host));
        ft_sim_log(host, "has all %u octets", e->n_back);
        (void)ft_close(stack, sock);
    }
}

static void client_start(struct ft_sim_host *host, void *ctx)
{
    struct lib_echo *e = ctx;
    struct sockaddr_storage name;
    socklen_t len = ft_sim_sockaddr(e->server_host, e->family, PORT, &name);
    int error;

    e->client = ft_socket(ft_sim_stack(host), e->family, e->type, 0);
    assert_true(e->client >= 0);
    error = ft_connect(ft_sim_stack(host), e->client, (struct sockaddr *)&name, len);
    assert_true(error == -EINPROGRESS || error == 0);
    e->on_client = (struct ft_sim_watch){client_ready, e};
    (void)ft_watch(ft_sim_stack(host), e->client, FT_READABLE | FT_WRITABLE, &e->on_client);
}

/* ---- worlds ---- */

struct ft_sim *lib_world(uint64_t seed)
{
    struct ft_sim_config config;
    struct ft_sim *sim = NULL;

    ft_sim_config_init(&config);
    config.seed = seed;
    config.check = true;
    assert_int_equal(ft_sim_new(&config, &sim), 0);
    return sim;
}

struct ft_sim_host *lib_add_host(struct ft_sim *sim, const char *name)
{
    struct ft_sim_host *host = NULL;

    assert_int_equal(ft_sim_host_add(sim, name, NULL, 0, &host), 0);
    return host;
}

void lib_play(struct lib_echo *e, struct ft_sim_host *client, struct ft_sim_host *server)
{
    struct ft_sim_app serve = {server_start, server_crash, e};
    struct ft_sim_app ask = {client_start, NULL, e};

    e->server_host = server;
    if (e->family == 0)
        e->family = AF_INET;
    if (e->type == 0)
        e->type = SOCK_STREAM;
    assert_int_equal(ft_sim_app_add(server, &serve), 0);
    assert_int_equal(ft_sim_app_add(client, &ask), 0);
}

void lib_scenario(struct ft_sim *sim, const char *text)
{
    char why[200] = "";

    if (ft_sim_scenario(sim, text, why, sizeof(why)) != 0)
        fail_msg("%s", why);
}

char *lib_story(const struct ft_sim *sim, char *ret, size_t len, unsigned n)
{
    FILE *out = tmpfile();

    assert_non_null(out);
    ft_sim_print(sim, out, n);
    rewind(out);
    ret[fread(ret, 1, len - 1, out)] = '\0';
    (void)fclose(out);
    return ret;
}
