/* SPDX-License-Identifier: MIT */
/*
 * The simulator's routers: they forward by the plan, count down, fragment what may be fragmented,
 * and tell the truth about what they drop. What they send is judged by the auditor's parser.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/priv.h"

#define ETHER 14

struct lab {
    struct sim_world *world;
    uint8_t in[SIM_FRAME_MAX];
    uint8_t out[SIM_FRAME_MAX];
    size_t len; /* of out */
    struct sight sight;
};

static void put16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static uint16_t sum(const uint8_t *p, size_t len)
{
    uint32_t s = 0;

    for (size_t i = 0; i < len; i++)
        s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return (uint16_t)~s;
}

/* Host 0 in LAN 0 and host 1 in LAN 1, of MTU 1500 and 1280, a router between. */
static void open_lab(struct lab *lab)
{
    struct sim_options options = {.seed = 1};
    struct sim_plan *plan;

    memset(lab, 0, sizeof(*lab));
    for (;; options.seed++) {
        lab->world = ft_sim_world_new(&options);
        assert_non_null(lab->world);
        plan = &lab->world->plan;
        if (plan->n_routers == 1 && plan->host[0].lan == 0 && plan->host[1].lan == 1)
            break;
        ft_sim_world_free(lab->world);
    }
    lab->world->router[0].mtu[0] = 1500;
    lab->world->router[0].mtu[1] = 1280;
}

/* What leaves by a port next; len 0: nothing. */
static void take(struct lab *lab, uint32_t port)
{
    struct sim_pipe *pipe = &lab->world->pipe[lab->world->router[0].out[port]];

    lab->len = impair_take(&pipe->imp, 100 * FT_SEC, lab->out, sizeof(lab->out));
    if (lab->len > 0)
        assert_null(ft_sim_sight(&lab->sight, lab->out, lab->len));
}

static void quiet_cables(struct lab *lab)
{
    for (uint32_t i = 0; i < lab->world->n_pipes; i++) {
        struct impair_config *config = &lab->world->pipe[i].imp.config;

        memset(config, 0, sizeof(*config));
        config->l2_len = ETHER;
        config->queue = UINT64_C(1) << 20;
        config->packets_max = 1000;
        config->octets_max = UINT64_C(1) << 20;
        lab->world->pipe[i].late.config.loss = IMPAIR_SHARE_ALL;
    }
}

/* A UDP-less IPv4 packet of protocol 253 from host 0 to @dst. @flags: DF, MF and offset. */
static void give4(struct lab *lab, const struct ft_addr *dst, size_t len, unsigned flags,
                  uint8_t ttl)
{
    uint8_t *ip = lab->in + ETHER;
    uint64_t src = lab->world->host[0].addr4.lo;

    memset(lab->in, 0x77, ETHER + len);
    memcpy(lab->in, lab->world->router[0].mac[0], 6);
    memcpy(lab->in + 6, lab->world->host[0].mac, 6);
    put16(lab->in + 12, 0x0800);
    memset(ip, 0, 20);
    ip[0] = 0x45;
    put16(ip + 2, len);
    put16(ip + 4, 4711);
    put16(ip + 6, flags);
    ip[8] = ttl;
    ip[9] = 253;
    for (int i = 0; i < 4; i++) {
        ip[12 + i] = (uint8_t)(src >> (24 - 8 * i));
        ip[16 + i] = (uint8_t)(dst->lo >> (24 - 8 * i));
    }
    put16(ip + 10, sum(ip, 20));
    quiet_cables(lab);
    ft_sim_router_input(lab->world, 0, 0, lab->in, ETHER + len);
}

static void a_packet_loses_one_hop_on_its_way(void **state)
{
    struct lab lab;

    (void)state;
    open_lab(&lab);
    give4(&lab, &lab.world->host[1].addr4, 100, 0x4000, 64);
    take(&lab, 1);
    assert_int_equal(lab.len, ETHER + 100);
    assert_int_equal(lab.sight.ttl, 63);
    assert_memory_equal(lab.sight.dst_mac, lab.world->host[1].mac, 6);
    assert_memory_equal(lab.sight.src_mac, lab.world->router[0].mac[1], 6);
    ft_sim_world_free(lab.world);
}

static void the_last_hop_is_told_of(void **state)
{
    struct lab lab;

    (void)state;
    open_lab(&lab);
    give4(&lab, &lab.world->host[1].addr4, 100, 0x4000, 1);
    take(&lab, 1);
    assert_int_equal(lab.len, 0);
    take(&lab, 0);
    assert_int_equal(lab.out[ETHER + 20], 11);
    assert_int_equal(lab.sight.dst.lo, lab.world->host[0].addr4.lo);
    ft_sim_world_free(lab.world);
}

static void what_may_be_fragmented_is(void **state)
{
    struct lab lab;
    uint8_t whole[1500];
    size_t total = 0;
    unsigned n = 0;

    (void)state;
    open_lab(&lab);
    give4(&lab, &lab.world->host[1].addr4, 1500, 0x2000 | 100, 64); /* itself a fragment */
    memcpy(whole, lab.in + ETHER, sizeof(whole));
    for (take(&lab, 1); lab.len > 0; take(&lab, 1)) {
        const uint8_t *ip = lab.out + ETHER;
        size_t at = (((size_t)(ip[6] & 0x1f) << 8 | ip[7]) - 100) * 8;

        assert_true(lab.sight.ip_len <= 1280);
        assert_true(ip[6] & 0x20); /* more: the last of a middle part too */
        assert_int_equal(at, total);
        assert_memory_equal(ip + 20, whole + 20 + at, lab.sight.ip_len - 20);
        total += lab.sight.ip_len - 20;
        n++;
    }
    assert_int_equal(n, 2);
    assert_int_equal(total, 1480);
    ft_sim_world_free(lab.world);
}

static void what_may_not_be_fragmented_is_told_of_with_the_mtu(void **state)
{
    struct lab lab;

    (void)state;
    open_lab(&lab);
    give4(&lab, &lab.world->host[1].addr4, 1281, 0x4000, 64);
    take(&lab, 1);
    assert_int_equal(lab.len, 0);
    take(&lab, 0);
    assert_int_equal(lab.out[ETHER + 20], 3);
    assert_int_equal(lab.out[ETHER + 21], 4);
    assert_int_equal(lab.out[ETHER + 26] << 8 | lab.out[ETHER + 27], 1280);
    assert_memory_equal(lab.out + ETHER + 28, lab.in + ETHER, 100);
    ft_sim_world_free(lab.world);
}

static void a_packet_for_nobody_is_told_of_and_an_error_is_not(void **state)
{
    struct ft_addr nobody;
    struct lab lab;

    (void)state;
    open_lab(&lab);
    nobody = ft_sim_addr(&lab.world->plan, 1, 4, SIM_NOBODY);
    give4(&lab, &nobody, 100, 0x4000, 64);
    take(&lab, 0);
    assert_int_equal(lab.out[ETHER + 20], 3);
    assert_int_equal(lab.out[ETHER + 21], 1);
    memcpy(lab.in, lab.out, lab.len); /* the error itself, sent to nobody */
    memcpy(lab.in, lab.world->router[0].mac[0], 6);
    for (int i = 0; i < 4; i++)
        lab.in[ETHER + 16 + i] = (uint8_t)(nobody.lo >> (24 - 8 * i));
    put16(lab.in + ETHER + 10, 0);
    put16(lab.in + ETHER + 10, sum(lab.in + ETHER, 20));
    ft_sim_router_input(lab.world, 0, 0, lab.in, lab.len);
    take(&lab, 0);
    assert_int_equal(lab.len, 0);
    ft_sim_world_free(lab.world);
}

static void a_damaged_header_goes_no_further(void **state)
{
    struct lab lab;

    (void)state;
    open_lab(&lab);
    give4(&lab, &lab.world->host[1].addr4, 100, 0x4000, 64);
    take(&lab, 1);
    lab.in[ETHER + 8] = 64;
    lab.in[ETHER + 19] ^= 1;
    ft_sim_router_input(lab.world, 0, 0, lab.in, ETHER + 100);
    take(&lab, 1);
    assert_int_equal(lab.len, 0);
    take(&lab, 0);
    assert_int_equal(lab.len, 0);
    ft_sim_world_free(lab.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_loses_one_hop_on_its_way),
        cmocka_unit_test(the_last_hop_is_told_of),
        cmocka_unit_test(what_may_be_fragmented_is),
        cmocka_unit_test(what_may_not_be_fragmented_is_told_of_with_the_mtu),
        cmocka_unit_test(a_packet_for_nobody_is_told_of_and_an_error_is_not),
        cmocka_unit_test(a_damaged_header_goes_no_further),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
