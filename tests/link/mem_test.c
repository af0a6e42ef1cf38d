/* SPDX-License-Identifier: MIT */
/*
 * Cables in memory and loopback carry every octet, copied or by reference, and keep the rules of
 * ownership of frames.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>

#include <fourtuple.h>
#include <fourtuple/malloc.h>

#include "link/loop.h"
#include "link/mem.h"

#define N_OCTETS 400000
#define ROUNDS   20000

static struct ft_stack *make_stack(uint8_t seed)
{
    struct ft_stack *stack = NULL;
    struct ft_config config;

    ft_config_init(&config);
    ft_config_use_malloc(&config);
    memset(config.seed, seed, sizeof(config.seed));
    assert_int_equal(ft_stack_new(&config, &stack), 0);
    ft_advance(stack, FT_SEC);
    return stack;
}

static int add_interface(struct ft_stack *stack, uint8_t number, uint32_t flags)
{
    struct ft_if_config config = {.size = sizeof(config),
                                  .name = "mem",
                                  .type = FT_IF_ETHER,
                                  .mac = {2, 0, 0, 0, 0, number},
                                  .mtu = 1500,
                                  .gso_max = 65535,
                                  .flags = FT_IF_NO_DAD | flags};
    struct ft_addr addr = {0, UINT64_C(0xffff0a070000) | number};
    int ifindex = ft_if_add(stack, &config);

    assert_true(ifindex > 0);
    assert_int_equal(ft_addr_add(stack, ifindex, &addr, 24, 0), 0);
    return ifindex;
}

static struct sockaddr_in name_of(uint32_t ip, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(ip)}};
}

/* What moves frames between the two ends of a conversation, and the time. */
struct way {
    struct link_mem *mem;
    struct link_loop *loop;
    struct ft_stack *stacks[2];
    ft_time now;
};

static void pump(struct way *way)
{
    way->now += FT_MS;
    ft_advance(way->stacks[0], way->now);
    ft_advance(way->stacks[1], way->now);
    if (way->mem != NULL)
        (void)link_mem_pump(way->mem, way->now);
    else
        (void)link_loop_pump(way->loop, 64, way->now);
}

static uint8_t octet_at(size_t at)
{
    return (uint8_t)(at * 7 + at / 253);
}

/* Connects to stacks[1] at @ip, sends N_OCTETS and compares what arrives. */
static void converse(struct way *way, uint32_t ip)
{
    struct sockaddr_in name = name_of(ip, 80);
    struct ft_stack *a = way->stacks[0], *b = way->stacks[1];
    ft_sock listener = ft_socket(b, AF_INET, SOCK_STREAM, 0), sock = -EAGAIN;
    ft_sock client = ft_socket(a, AF_INET, SOCK_STREAM, 0);
    static uint8_t octets[N_OCTETS], got[N_OCTETS + 1];
    size_t sent = 0, n_got = 0;

    for (size_t i = 0; i < N_OCTETS; i++)
        octets[i] = octet_at(i);
    assert_int_equal(ft_bind(b, listener, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(ft_listen(b, listener, 5), 0);
    assert_int_equal(ft_connect(a, client, (struct sockaddr *)&name, sizeof(name)), -EINPROGRESS);
    for (int i = 0; i < ROUNDS && n_got < N_OCTETS; i++) {
        ssize_t n = ft_send(a, client, octets + sent, N_OCTETS - sent, 0);

        sent += n > 0 ? (size_t)n : 0;
        pump(way);
        if (sock < 0)
            sock = ft_accept(b, listener, NULL, NULL);
        n = sock < 0 ? -EAGAIN : ft_recv(b, sock, got + n_got, sizeof(got) - n_got, 0);
        n_got += n > 0 ? (size_t)n : 0;
    }
    assert_int_equal(n_got, N_OCTETS);
    assert_memory_equal(got, octets, N_OCTETS);
    ft_stack_check(a);
    ft_stack_check(b);
}

static void over_a_cable(bool linear, bool csum_good, uint32_t if_flags)
{
    struct link_mem_config config = {
        .frame_max = 65535 + FT_HEADERS_MAX, .linear = linear, .csum_good = csum_good};
    struct way way = {.now = FT_SEC};

    for (uint8_t i = 0; i < 2; i++) {
        way.stacks[i] = config.stacks[i] = make_stack((uint8_t)(i + 1));
        config.ifindexes[i] = add_interface(way.stacks[i], (uint8_t)(i + 1), if_flags);
    }
    assert_int_equal(link_mem_new(&config, &way.mem), 0);
    converse(&way, 0x0a070002);
    link_mem_free(way.mem);
    ft_stack_free(way.stacks[0]);
    ft_stack_free(way.stacks[1]);
}

static void a_cable_carries_copies(void **state)
{
    (void)state;
    over_a_cable(true, false, 0);
}

static void a_cable_carries_references(void **state)
{
    (void)state;
    over_a_cable(false, false, 0);
}

static void a_cable_carries_frames_that_stand_for_many(void **state)
{
    (void)state;
    over_a_cable(false, true, FT_IF_TX_CSUM | FT_IF_TSO);
}

static void loopback_carries_what_it_sends_to_itself(void **state)
{
    struct way way = {.now = FT_SEC};

    (void)state;
    way.stacks[0] = way.stacks[1] = make_stack(3);
    assert_true(link_loop_new(way.stacks[0], &way.loop) > 0);
    converse(&way, 0x7f000001);
    link_loop_free(way.loop);
    ft_stack_free(way.stacks[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cable_carries_copies),
        cmocka_unit_test(a_cable_carries_references),
        cmocka_unit_test(a_cable_carries_frames_that_stand_for_many),
        cmocka_unit_test(loopback_carries_what_it_sends_to_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
