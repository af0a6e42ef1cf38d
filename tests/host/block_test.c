/* SPDX-License-Identifier: MIT */
/*
 * Threads call hosts that run in threads of their own, over a virtual wire, and whoever waits is
 * woken: by the outcome, by its time, by a close, by the end of the host.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <fourtuple/host.h>

#include "diag/addr.h"

#include "../diag/name.h"

#define N_OCTETS  3000000
#define N_THREADS 20

static char base[] = "/tmp/ft-block-XXXXXX";

static int begin(void **state)
{
    (void)state;
    return mkdtemp(base) == NULL || setenv("XDG_RUNTIME_DIR", base, 1) != 0;
}

static int end(void **state)
{
    char command[100];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf %s", base);
    return system(command);
}

static struct ft_host *start(const char *net, const char *addr)
{
    const char *const options[] = {"--net", net, "--addr", addr};
    struct ft_host_config config = {sizeof(config), options, 4};
    struct ft_host *host = NULL;
    char err[400] = "";

    if (ft_host_new(&config, &host, err, sizeof(err)) != 0)
        fail_msg("%s", err);
    return host;
}

static socklen_t name_of(const char *text, struct sockaddr_storage *ret)
{
    struct ft_addr addr;
    uint16_t port;

    parse_name(text, &addr, &port);
    return addr_to_sockaddr(&addr, port, AF_INET, 0, ret);
}

static ft_sock passive(struct ft_host *host, const char *name)
{
    ft_sock sock = ft_host_socket(host, AF_INET, SOCK_STREAM, 0);
    struct sockaddr_storage addr;
    socklen_t len = name_of(name, &addr);

    assert_true(sock >= 0);
    assert_int_equal(ft_host_bind(host, sock, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(ft_host_listen(host, sock, 100), 0);
    return sock;
}

static ft_sock active(struct ft_host *host, const char *name)
{
    ft_sock sock = ft_host_socket(host, AF_INET, SOCK_STREAM, 0);
    struct sockaddr_storage addr;
    socklen_t len = name_of(name, &addr);
    int error;

    assert_true(sock >= 0);
    error = ft_host_connect(host, sock, (struct sockaddr *)&addr, len, 10 * FT_SEC);
    assert_int_equal(error, 0);
    return sock;
}

struct side {
    struct ft_host *host;
    ft_sock sock;
    const char *name;
    int64_t result;
};

static uint8_t octet_at(size_t at)
{
    return (uint8_t)(at * 31 + at / 251);
}

static void *send_many(void *ctx)
{
    struct side *side = ctx;
    uint8_t *data = malloc(N_OCTETS);

    for (size_t i = 0; i < N_OCTETS; i++)
        data[i] = octet_at(i);
    side->result = ft_host_send(side->host, side->sock, data, N_OCTETS, 0, 60 * FT_SEC);
    if (side->result == N_OCTETS)
        side->result = ft_host_close(side->host, side->sock);
    free(data);
    return NULL;
}

static void octets_pass_between_threads(void **state)
{
    struct ft_host *a = start("pass", "10.7.0.1/24"), *b = start("pass", "10.7.0.2/24");
    ft_sock listener = passive(a, "0.0.0.0:80"), sock;
    struct side side = {.host = b};
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    uint8_t buffer[10000];
    size_t total = 0;
    pthread_t thread;
    ssize_t n;

    (void)state;
    side.sock = active(b, "10.7.0.1:80");
    sock = ft_host_accept(a, listener, (struct sockaddr *)&peer, &len, 10 * FT_SEC);
    assert_true(sock >= 0);
    assert_int_equal(((struct sockaddr_in *)&peer)->sin_addr.s_addr, htonl(0x0a070002));
    assert_int_equal(pthread_create(&thread, NULL, send_many, &side), 0);
    while ((n = ft_host_recv(a, sock, buffer, sizeof(buffer), 0, 60 * FT_SEC)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            assert_int_equal(buffer[i], octet_at(total + (size_t)i));
        total += (size_t)n;
    }
    (void)pthread_join(thread, NULL);
    assert_int_equal(side.result, 0);
    assert_int_equal(n, 0);
    assert_int_equal(total, N_OCTETS);
    ft_host_free(b, FT_SEC);
    ft_host_free(a, 0);
}

static void *ping_pong(void *ctx)
{
    struct side *side = ctx;
    char octet = 'x';

    side->sock = active(side->host, side->name);
    for (int i = 0; i < 20; i++) {
        if (ft_host_send(side->host, side->sock, &octet, 1, 0, 10 * FT_SEC) != 1 ||
            ft_host_recv(side->host, side->sock, &octet, 1, 0, 10 * FT_SEC) != 1)
            return NULL;
    }
    side->result = ft_host_close(side->host, side->sock) == 0;
    return NULL;
}

static void *echo(void *ctx)
{
    struct side *side = ctx;
    char octet;

    while (ft_host_recv(side->host, side->sock, &octet, 1, 0, 10 * FT_SEC) == 1)
        (void)ft_host_send(side->host, side->sock, &octet, 1, 0, 10 * FT_SEC);
    side->result = ft_host_close(side->host, side->sock);
    return NULL;
}

static void many_threads_share_a_host(void **state)
{
    struct ft_host *a = start("many", "10.7.0.1/24"), *b = start("many", "10.7.0.2/24");
    ft_sock listener = passive(a, "0.0.0.0:80");
    pthread_t clients[N_THREADS], servers[N_THREADS];
    struct side there[N_THREADS], here[N_THREADS];

    (void)state;
    for (int i = 0; i < N_THREADS; i++) {
        there[i] = (struct side){.host = b, .name = "10.7.0.1:80"};
        assert_int_equal(pthread_create(&clients[i], NULL, ping_pong, &there[i]), 0);
    }
    for (int i = 0; i < N_THREADS; i++) {
        here[i] = (struct side){.host = a};
        here[i].sock = ft_host_accept(a, listener, NULL, NULL, 10 * FT_SEC);
        assert_true(here[i].sock >= 0);
        assert_int_equal(pthread_create(&servers[i], NULL, echo, &here[i]), 0);
    }
    for (int i = 0; i < N_THREADS; i++) {
        (void)pthread_join(clients[i], NULL);
        (void)pthread_join(servers[i], NULL);
        assert_int_equal(there[i].result, 1);
        assert_int_equal(here[i].result, 0);
    }
    ft_host_free(a, 0);
    ft_host_free(b, 0);
}

static void time_runs_out_as_the_caller_said(void **state)
{
    struct ft_host *host = start("late", "10.7.0.1/24");
    ft_sock listener = passive(host, "0.0.0.0:80"), sock;
    struct sockaddr_storage addr;
    socklen_t len;

    (void)state;
    assert_int_equal(ft_host_accept(host, listener, NULL, NULL, 0), -EAGAIN);
    assert_int_equal(ft_host_accept(host, listener, NULL, NULL, 20 * FT_MS), -EAGAIN);
    /* Nobody has this address: the neighbour is still being looked for. */
    sock = ft_host_socket(host, AF_INET, SOCK_STREAM, 0);
    len = name_of("10.7.0.9:80", &addr);
    assert_int_equal(ft_host_connect(host, sock, (struct sockaddr *)&addr, len, 20 * FT_MS),
                     -EINPROGRESS);
    assert_int_equal(ft_host_recv(host, sock, &addr, 1, 0, 20 * FT_MS), -EAGAIN);
    ft_host_free(host, 0);
}

static void refusal_and_bad_descriptors_are_told(void **state)
{
    struct ft_host *a = start("refuse", "10.7.0.1/24"), *b = start("refuse", "10.7.0.2/24");
    struct sockaddr_storage addr;
    socklen_t len = name_of("10.7.0.1:9", &addr);
    ft_sock sock = ft_host_socket(b, AF_INET, SOCK_STREAM, 0);

    (void)state;
    assert_int_equal(ft_host_connect(b, sock, (struct sockaddr *)&addr, len, 10 * FT_SEC),
                     -ECONNREFUSED);
    assert_int_equal(ft_host_close(b, sock), 0);
    assert_int_equal(ft_host_close(b, sock), -EBADF);
    assert_int_equal(ft_host_recv(b, sock, &addr, 1, 0, FT_TIME_NEVER), -EBADF);
    ft_host_free(a, 0);
    ft_host_free(b, 0);
}

static void *wait_for_a_connection(void *ctx)
{
    struct side *side = ctx;

    side->result = ft_host_accept(side->host, side->sock, NULL, NULL, FT_TIME_NEVER);
    return NULL;
}

/* Whether a call waits cannot be seen from outside; it is as right when it comes too late. */
static void a_close_wakes_those_who_wait(void **state)
{
    struct ft_host *host = start("wake", "10.7.0.1/24");
    struct side side = {.host = host, .sock = passive(host, "0.0.0.0:80")};
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_a_connection, &side), 0);
    assert_int_equal(ft_host_accept(host, side.sock, NULL, NULL, 20 * FT_MS), -EAGAIN);
    assert_int_equal(ft_host_close(host, side.sock), 0);
    (void)pthread_join(thread, NULL);
    assert_int_equal(side.result, -EBADF);
    ft_host_free(host, 0);
}

static void the_end_of_a_host_wakes_those_who_wait(void **state)
{
    struct ft_host *host = start("end", "10.7.0.1/24");
    struct side side = {.host = host, .sock = passive(host, "0.0.0.0:80")};
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_a_connection, &side), 0);
    /* Once this has waited, the other has long begun. */
    assert_int_equal(ft_host_accept(host, side.sock, NULL, NULL, 200 * FT_MS), -EAGAIN);
    ft_host_free(host, 0);
    (void)pthread_join(thread, NULL);
    assert_int_equal(side.result, -ECANCELED);
}

static void lingers(struct ft_host *host, ft_sock sock, int seconds)
{
    struct linger linger = {.l_onoff = 1, .l_linger = seconds};

    assert_int_equal(ft_host_setsockopt(host, sock, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)),
                     0);
}

static void *close_it(void *ctx)
{
    struct side *side = ctx;

    side->result = ft_host_close(side->host, side->sock);
    return NULL;
}

/* It lingers from then on. */
static void until_it_closes(const struct side *side)
{
    int type = 0, error;
    socklen_t len = sizeof(type);

    do {
        error = ft_host_getsockopt(side->host, side->sock, SOL_SOCKET, SO_TYPE, &type, &len);
    } while (error == 0);
    assert_int_equal(error, -EBADF);
}

/* SO_LINGER: close() waits for the acknowledgement of all, which a peer that reads nothing does not
   give; meanwhile the descriptor is nobody's. */
static void a_close_lingers_until_all_is_acknowledged(void **state)
{
    struct ft_host *a = start("linger", "10.7.0.1/24"), *b = start("linger", "10.7.0.2/24");
    ft_sock listener = passive(a, "0.0.0.0:80");
    struct side side = {.host = b, .sock = active(b, "10.7.0.1:80"), .result = -1};
    ft_sock peer = ft_host_accept(a, listener, NULL, NULL, 10 * FT_SEC);
    char *data = calloc(1, N_OCTETS);
    int64_t n, total = 0, got = 0;
    struct ft_counters counters;
    pthread_t thread;

    (void)state;
    lingers(b, side.sock, 30);
    while ((n = ft_host_send(b, side.sock, data, N_OCTETS, 0, 200 * FT_MS)) > 0)
        total += n;
    assert_int_equal(n, -EAGAIN);
    assert_int_equal(pthread_create(&thread, NULL, close_it, &side), 0);
    until_it_closes(&side);
    assert_int_equal(ft_host_counters(b, &counters), 0);
    assert_int_equal(counters.now_connections, 1);
    assert_int_equal(counters.now_orphans, 0); /* it lingers */
    assert_int_equal(ft_host_close(b, side.sock), -EBADF);
    while ((n = ft_host_recv(a, peer, data, N_OCTETS, 0, 10 * FT_SEC)) > 0)
        got += n;
    (void)pthread_join(thread, NULL);
    assert_int_equal(side.result, 0);
    assert_int_equal(got, total);
    assert_int_equal(ft_host_counters(b, &counters), 0);
    assert_int_equal(counters.now_unfinished, 0);
    free(data);
    ft_host_free(a, 0);
    ft_host_free(b, 0);
}

/* Its time is over: the rest goes on in the background. The end of a host ends the wait, too. */
static void a_close_lingers_no_longer_than_it_was_told(void **state)
{
    struct ft_host *a = start("linger", "10.7.0.1/24"), *b = start("linger", "10.7.0.2/24");
    ft_sock listener = passive(a, "0.0.0.0:80"), sock = active(b, "10.7.0.1:80");
    struct side side = {.host = b, .sock = active(b, "10.7.0.1:80"), .result = -1};
    char *data = calloc(1, N_OCTETS);
    struct ft_counters counters;
    pthread_t thread;

    (void)state;
    lingers(b, sock, 1);
    while (ft_host_send(b, sock, data, N_OCTETS, 0, 200 * FT_MS) > 0)
        continue;
    assert_int_equal(ft_host_close(b, sock), 0);
    assert_int_equal(ft_host_counters(b, &counters), 0);
    assert_int_equal(counters.now_unfinished, 1);
    lingers(b, side.sock, 600);
    while (ft_host_send(b, side.sock, data, N_OCTETS, 0, 200 * FT_MS) > 0)
        continue;
    assert_int_equal(pthread_create(&thread, NULL, close_it, &side), 0);
    until_it_closes(&side);
    ft_host_free(b, 0);
    (void)pthread_join(thread, NULL);
    assert_int_equal(side.result, 0);
    (void)ft_host_close(a, listener); /* there is nothing left to ask of it */
    free(data);
    ft_host_free(a, 0);
}

static void wrong_options_are_told(void **state)
{
    const char *const options[] = {"--net", "lab", "--addr", "10.7.0.300/24"};
    struct ft_host_config config = {sizeof(config), options, 4};
    struct ft_host *host = NULL;
    char err[400] = "";

    (void)state;
    assert_int_equal(ft_host_new(&config, &host, err, sizeof(err)), -EINVAL);
    assert_string_equal(err, "--addr: 10.7.0.300/24 is not an address; write it as 10.7.0.2/24");
    config.n_options = 3;
    assert_int_equal(ft_host_new(&config, &host, err, sizeof(err)), -EINVAL);
    assert_string_equal(err, "--addr: a value must follow");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(octets_pass_between_threads),
        cmocka_unit_test(many_threads_share_a_host),
        cmocka_unit_test(time_runs_out_as_the_caller_said),
        cmocka_unit_test(refusal_and_bad_descriptors_are_told),
        cmocka_unit_test(a_close_wakes_those_who_wait),
        cmocka_unit_test(the_end_of_a_host_wakes_those_who_wait),
        cmocka_unit_test(a_close_lingers_until_all_is_acknowledged),
        cmocka_unit_test(a_close_lingers_no_longer_than_it_was_told),
        cmocka_unit_test(wrong_options_are_told),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
