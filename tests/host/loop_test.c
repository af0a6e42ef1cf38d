/* SPDX-License-Identifier: MIT */
/*
 * A host's loop sleeps when there is nothing to do, calls whom it should, and what people typed
 * comes true on the wire. Hosts are driven a round at a time, in this thread.
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
#include <sys/epoll.h>
#include <unistd.h>

#include "diag/addr.h"
#include "diag/socket.h"
#include "host/conf.h"
#include "host/loop.h"
#include "host/status.h"

#include "../diag/name.h"

#define PATIENCE (10 * FT_SEC)

static char base[] = "/tmp/ft-loop-XXXXXX";

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

struct node {
    struct host *host;
    struct conf conf;
    unsigned n_rounds, n_events;
};

static void on_round(void *ctx, struct host *host)
{
    struct node *node = ctx;

    (void)host;
    node->n_rounds++;
}

static void on_events(void *ctx, struct host *host, const struct ft_event *events, size_t n)
{
    struct node *node = ctx;

    (void)host;
    (void)events;
    node->n_events += (unsigned)n;
}

static void process(void *ctx, const struct ft_sock_info *info, char *ret_text, size_t len)
{
    (void)ctx;
    (void)snprintf(ret_text, len, "users:((\"port\",pid=%u,fd=3))", info->local_port);
}

/* Options are pairs, ended by NULL. */
static void start(struct node *node, const char *const *options)
{
    struct host_hooks hooks = {
        .ctx = node, .events = on_events, .round = on_round, .process = process};
    char err[CONF_ERR_MAX] = "";
    struct ft_config config;

    memset(node, 0, sizeof(*node));
    assert_int_equal(conf_stack(&config), 0);
    assert_int_equal(host_new(&config, &hooks, &node->host), 0);
    conf_init(&node->conf);
    for (; options[0] != NULL; options += 2) {
        if (conf_option(&node->conf, options[0], options[1], err) != 0)
            fail_msg("%s", err);
    }
    if (conf_open(&node->conf, node->host, err) != 0)
        fail_msg("%s", err);
}

/* Rounds of both until a condition holds; returns how long it took. */
static ft_time drive(struct node *a, struct node *b, bool (*done)(struct node *a, struct node *b))
{
    ft_time from = host_now(a->host);

    while (!done(a, b)) {
        (void)host_round(a->host, FT_MS);
        if (b != NULL)
            (void)host_round(b->host, FT_MS);
        if (host_now(a->host) - from > PATIENCE)
            fail_msg("it does not come to pass");
    }
    return host_now(a->host) - from;
}

static void an_idle_host_sleeps(void **state)
{
    static const char *const options[] = {"--net", "idle", "--addr", "10.7.0.1/24", NULL};
    struct node node;
    ft_time from;

    (void)state;
    start(&node, options);
    /* Announcements and probes of the first seconds are some dozens of rounds. */
    from = host_now(node.host);
    while (host_now(node.host) - from < 300 * FT_MS)
        (void)host_round(node.host, 50 * FT_MS);
    assert_in_range(node.n_rounds, 5, 100);
    host_free(node.host);
}

struct bell {
    struct host_fd first, second;
    int pipes[2][2];
    unsigned n_calls;
};

static void ring(struct host *host, struct host_fd *watch, uint32_t events)
{
    struct bell *bell = watch->ctx;

    assert_true((events & EPOLLIN) != 0);
    bell->n_calls++;
    host_fd_del(host, &bell->first);
    host_fd_del(host, &bell->second);
    host_stop(host);
}

static void a_descriptor_that_was_taken_out_is_not_called(void **state)
{
    static const char *const options[] = {NULL};
    struct bell bell = {.n_calls = 0};
    struct node node;

    (void)state;
    start(&node, options);
    for (int i = 0; i < 2; i++) {
        struct host_fd *watch = i == 0 ? &bell.first : &bell.second;

        assert_int_equal(pipe(bell.pipes[i]), 0);
        assert_int_equal(write(bell.pipes[i][1], "x", 1), 1);
        *watch = (struct host_fd){.fd = bell.pipes[i][0], .ready = ring, .ctx = &bell};
        assert_int_equal(host_fd_set(node.host, watch, EPOLLIN), 0);
    }
    /* Both are ready in one round; whoever comes first takes out the other. */
    assert_int_equal(host_run(node.host), 0);
    assert_int_equal(bell.n_calls, 1);
    for (int i = 0; i < 4; i++)
        (void)close(bell.pipes[i / 2][i % 2]);
    host_free(node.host);
}

static void a_wish_to_be_woken_is_kept(void **state)
{
    static const char *const options[] = {NULL};
    struct node node;
    ft_time from;

    (void)state;
    start(&node, options);
    (void)host_round(node.host, 0);
    from = host_now(node.host);
    host_wake_at(node.host, from + 20 * FT_MS);
    (void)host_round(node.host, PATIENCE);
    assert_in_range(host_now(node.host) - from, 0, 500 * FT_MS);
    host_free(node.host);
}

/* --- datagrams between two hosts ---------------------------------------------------------------
 */

static ft_sock sender, receiver;

static ft_sock datagrams(struct node *node, const char *name)
{
    struct ft_stack *stack = host_stack(node->host);
    ft_sock sock = ft_socket(stack, AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_storage addr;
    struct ft_addr ip;
    uint16_t port;
    socklen_t len;

    assert_true(sock >= 0);
    parse_name(name, &ip, &port);
    len = addr_to_sockaddr(&ip, port, AF_INET, 0, &addr);
    assert_int_equal(ft_bind(stack, sock, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(ft_watch(stack, sock, FT_READABLE, NULL), 0);
    return sock;
}

static void send_to(struct node *node, const char *name)
{
    struct sockaddr_storage addr;
    struct ft_addr ip;
    uint16_t port;

    parse_name(name, &ip, &port);
    (void)addr_to_sockaddr(&ip, port, AF_INET, 0, &addr);
    assert_int_equal(ft_connect(host_stack(node->host), sender, (struct sockaddr *)&addr,
                                sizeof(struct sockaddr_in)),
                     0);
    assert_int_equal(ft_send(host_stack(node->host), sender, "ping", 4, 0), 4);
}

static bool has_arrived(struct node *a, struct node *b)
{
    (void)a;
    return (ft_ready(host_stack(b->host), receiver) & FT_READABLE) != 0;
}

static void a_cable_delays_as_was_typed(void **state)
{
    static const char *const plain[] = {"--net", "cable", "--addr", "10.7.0.1/24", NULL};
    static const char *const slow[] = {"--net",  "cable",      "--addr", "10.7.0.2/24",
                                       "--link", "delay=30ms", NULL};
    struct node a, b;
    char octets[10];

    (void)state;
    start(&a, plain);
    start(&b, slow);
    sender = datagrams(&a, "10.7.0.1:1000");
    receiver = datagrams(&b, "10.7.0.2:2000");
    send_to(&a, "10.7.0.2:2000");
    /* The ARP request there, its answer back, the datagram there. */
    assert_true(drive(&a, &b, has_arrived) >= 90 * FT_MS);
    assert_int_equal(ft_recv(host_stack(b.host), receiver, octets, sizeof(octets), 0), 4);
    assert_true(b.n_events > 0);
    /* Now the neighbour is known. */
    send_to(&a, "10.7.0.2:2000");
    assert_true(drive(&a, &b, has_arrived) >= 30 * FT_MS);
    assert_true(host_impair(b.host, b.conf.nets[0].ifindex, false)->n_in >= 3);
    assert_null(host_impair(a.host, a.conf.nets[0].ifindex, false));
    host_free(a.host);
    host_free(b.host);
}

static void a_capture_has_both_directions(void **state)
{
    char path[100], command[300], text[1000];
    const char *options[] = {"--net", "cap", "--addr", "10.7.0.1/24", "--pcap", path, NULL};
    static const char *const plain[] = {"--net", "cap", "--addr", "10.7.0.2/24", NULL};
    struct node a, b;
    FILE *out;
    size_t n;

    (void)state;
    if (system("command -v tshark >/dev/null") != 0) {
        print_message("tshark is not installed\n");
        skip();
    }
    (void)snprintf(path, sizeof(path), "%s/cap.pcapng", base);
    start(&a, options);
    start(&b, plain);
    sender = datagrams(&a, "10.7.0.1:1000");
    receiver = datagrams(&b, "10.7.0.2:2000");
    send_to(&a, "10.7.0.2:2000");
    (void)drive(&a, &b, has_arrived);
    host_free(a.host);
    host_free(b.host);
    (void)snprintf(command, sizeof(command),
                   "tshark -r %s -Y 'arp.opcode == 2 or udp' -T fields -e frame.interface_name "
                   "-e frame.packet_flags_direction -e _ws.col.Protocol 2>/dev/null",
                   path);
    out = popen(command, "r");
    assert_non_null(out);
    n = fread(text, 1, sizeof(text) - 1, out);
    text[n] = '\0';
    assert_int_equal(pclose(out), 0);
    assert_non_null(strstr(text, "eth0\t0x00000001\tARP\n"));
    assert_non_null(strstr(text, "eth0\t0x00000002\tUDP\n"));
}

/* --- addresses ---------------------------------------------------------------------------------
 */

static char conflict[CONF_ERR_MAX];

static bool is_in_conflict(struct node *a, struct node *b)
{
    char err[CONF_ERR_MAX];

    assert_true(conf_ready(&a->conf, a->host, err) >= 0);
    return conf_ready(&b->conf, b->host, conflict) == -EADDRINUSE;
}

static void of_two_hosts_with_one_address_the_later_gives_up(void **state)
{
    static const char *const options[] = {"--net", "twice", "--addr", "10.7.0.1/24", NULL};
    struct node a, b;

    (void)state;
    start(&a, options);
    start(&b, options);
    (void)drive(&a, &b, is_in_conflict);
    assert_string_equal(conflict, "--addr: 10.7.0.1 belongs to another host on twice");
    host_free(a.host);
    host_free(b.host);
}

static bool are_ready(struct node *a, struct node *b)
{
    char err[CONF_ERR_MAX];
    int first = conf_ready(&a->conf, a->host, err);
    int second = b == NULL ? 1 : conf_ready(&b->conf, b->host, err);

    if (first < 0 || second < 0)
        fail_msg("%s", err);
    return first == 1 && second == 1;
}

static void hosts_that_choose_the_same_address_end_with_two(void **state)
{
    static const char *const options[] = {"--net", "choose", "--name", "same", NULL};
    struct node a, b;
    char text[ADDR_TEXT_MAX];

    (void)state;
    start(&a, options);
    (void)drive(&a, NULL, are_ready);
    start(&b, options);
    (void)drive(&a, &b, are_ready);
    assert_true(a.conf.nets[0].addrs[0].addr.lo != b.conf.nets[0].addrs[0].addr.lo);
    (void)addr_format(&b.conf.nets[0].addrs[0].addr, text);
    assert_memory_equal(text, "10.77.", 6);
    host_free(a.host);
    host_free(b.host);
}

/* --- asking ------------------------------------------------------------------------------------
 */

struct answer {
    unsigned n_lines;
    char last[SOCKET_FIELDS][SOCKET_LINE_MAX];
    bool done;
    int result;
};

static void take_line(void *ctx, const char *host, char *const *fields, size_t n_fields)
{
    struct answer *answer = ctx;

    assert_string_equal(host, "web");
    answer->n_lines++;
    for (size_t i = 0; i < n_fields && i < SOCKET_FIELDS; i++)
        (void)snprintf(answer->last[i], sizeof(answer->last[i]), "%s", fields[i]);
}

static void *ask(void *ctx)
{
    static const char *const names[] = {"web"};
    struct answer *answer = ctx;
    char err[300] = "";

    answer->result = status_ask(names, 1, "sockets", take_line, answer, err, sizeof(err));
    __atomic_store_n(&answer->done, true, __ATOMIC_RELEASE);
    return NULL;
}

static void a_host_tells_its_sockets(void **state)
{
    static const char *const options[] = {"--addr", "10.7.0.1/24", NULL};
    static const char *const names[] = {"web"};
    static struct answer answer;
    struct status *status = NULL, *again = NULL;
    char err[300] = "";
    pthread_t thread;
    struct node node;

    (void)state;
    start(&node, options);
    for (int i = 0; i < 100; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "10.7.0.1:%d", 1000 + i);
        (void)datagrams(&node, name);
    }
    assert_int_equal(status_open(node.host, "web", &status, err, sizeof(err)), 0);
    assert_int_equal(status_open(node.host, "web", &again, err, sizeof(err)), 0);
    assert_string_equal(status_name(again), "web.2");
    assert_int_equal(pthread_create(&thread, NULL, ask, &answer), 0);
    while (!__atomic_load_n(&answer.done, __ATOMIC_ACQUIRE))
        (void)host_round(node.host, 10 * FT_MS);
    (void)pthread_join(thread, NULL);
    assert_int_equal(answer.result, 1);
    assert_int_equal(answer.n_lines, 100);
    assert_string_equal(answer.last[SOCKET_NETID], "udp");
    assert_string_equal(answer.last[SOCKET_STATE], "UNCONN");
    assert_memory_equal(answer.last[SOCKET_LOCAL], "10.7.0.1:10", 11);
    assert_memory_equal(answer.last[SOCKET_PROCESS], "users:((\"port\",pid=10", 21);
    status_close(status);
    status_close(again);
    host_free(node.host);
    assert_int_equal(status_ask(names, 1, "sockets", take_line, &answer, err, sizeof(err)),
                     -ENOENT);
    assert_string_equal(err, "web: no host of this name is running");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_host_sleeps),
        cmocka_unit_test(a_descriptor_that_was_taken_out_is_not_called),
        cmocka_unit_test(a_wish_to_be_woken_is_kept),
        cmocka_unit_test(a_cable_delays_as_was_typed),
        cmocka_unit_test(a_capture_has_both_directions),
        cmocka_unit_test(of_two_hosts_with_one_address_the_later_gives_up),
        cmocka_unit_test(hosts_that_choose_the_same_address_end_with_two),
        cmocka_unit_test(a_host_tells_its_sockets),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
