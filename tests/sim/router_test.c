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

/* ---- a NAT: host 1 is behind it ---- */

struct end {
    struct ft_addr addr;
    uint16_t port;
};

static void put_be(uint8_t *p, uint64_t value, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        p[i] = (uint8_t)value;
        value >>= 8;
    }
}

static void put_addr(uint8_t *p, const struct ft_addr *addr)
{
    if (addr->hi == 0) {
        put_be(p, addr->lo, 4);
        return;
    }
    put_be(p, addr->hi, 8);
    put_be(p + 8, addr->lo, 8);
}

/* Over a pseudo-header (RFC 8200 8.1; of IPv4 the same words count) and what follows it; 0: right.
   @addrs: source and destination as they stand in the header. */
static uint16_t sum_below(const uint8_t *addrs, size_t addrs_len, uint8_t protocol,
                          const uint8_t *data, size_t len)
{
    uint8_t all[200] = {0};

    assert_true(addrs_len + 4 + len <= sizeof(all));
    memcpy(all, addrs, addrs_len);
    put16(all + addrs_len, len);
    all[addrs_len + 3] = protocol;
    memcpy(all + addrs_len + 4, data, len);
    return sum(all, addrs_len + 4 + len);
}

/* Return: octets of the IP header that was written. */
static size_t put_header(uint8_t *ip, const struct ft_addr *src, const struct ft_addr *dst,
                         uint8_t protocol, size_t len)
{
    bool is_ip6 = src->hi != 0;

    memset(ip, 0, is_ip6 ? 40 : 20);
    ip[0] = is_ip6 ? 0x60 : 0x45;
    ip[is_ip6 ? 7 : 8] = 64;
    ip[is_ip6 ? 6 : 9] = protocol;
    put16(ip + (is_ip6 ? 4 : 2), is_ip6 ? len : 20 + len);
    put_addr(ip + (is_ip6 ? 8 : 12), src);
    put_addr(ip + (is_ip6 ? 24 : 16), dst);
    if (!is_ip6)
        put16(ip + 10, sum(ip, 20));
    return is_ip6 ? 40 : 20;
}

static void frame_comes(struct lab *lab, uint32_t port, bool is_ip6, size_t len)
{
    memcpy(lab->in, lab->world->router[0].mac[port], 6);
    memcpy(lab->in + 6, lab->world->host[port].mac, 6);
    put16(lab->in + 12, is_ip6 ? 0x86dd : 0x0800);
    quiet_cables(lab);
    ft_sim_router_input(lab->world, 0, port, lab->in, ETHER + len);
}

/* A datagram of 9 octets comes to a port of the router. */
static void udp_comes(struct lab *lab, uint32_t port, const struct end *src, const struct end *dst)
{
    bool is_ip6 = src->addr.hi != 0;
    uint8_t *ip = lab->in + ETHER;
    size_t header = put_header(ip, &src->addr, &dst->addr, 17, 17);
    uint8_t *udp = ip + header;

    memset(udp, 0x55, 17);
    put16(udp, src->port);
    put16(udp + 2, dst->port);
    put16(udp + 4, 17);
    put16(udp + 6, 0);
    put16(udp + 6, sum_below(ip + (is_ip6 ? 8 : 12), is_ip6 ? 32 : 8, 17, udp, 17));
    if (udp[6] == 0 && udp[7] == 0)
        put16(udp + 6, 0xffff); /* RFC 768 */
    frame_comes(lab, port, is_ip6, header + 17);
}

/* What leaves by a port is a datagram from one end to another, and its sums are right. */
static void udp_leaves(struct lab *lab, uint32_t port, const struct end *src, const struct end *dst)
{
    const uint8_t *ip = lab->out + ETHER;
    bool is_ip6 = src->addr.hi != 0;

    take(lab, port);
    assert_int_equal(lab->len, ETHER + (is_ip6 ? 40U : 20U) + 17);
    assert_true(lab->sight.src.hi == src->addr.hi && lab->sight.src.lo == src->addr.lo);
    assert_true(lab->sight.dst.hi == dst->addr.hi && lab->sight.dst.lo == dst->addr.lo);
    assert_int_equal(lab->sight.src_port, src->port);
    assert_int_equal(lab->sight.dst_port, dst->port);
    if (!is_ip6)
        assert_int_equal(sum(ip, 20), 0);
    assert_int_equal(
        sum_below(ip + (is_ip6 ? 8 : 12), is_ip6 ? 32 : 8, 17, ip + (is_ip6 ? 40 : 20), 17), 0);
}

struct nat_lab {
    struct lab lab;
    struct end inner, name, outer; /* host 1, as the NAT names it, host 0 */
};

static void open_nat(struct nat_lab *n, bool is_ip6)
{
    open_lab(&n->lab);
    n->lab.world->plan.nat = 1;
    n->inner.addr = is_ip6 ? n->lab.world->host[1].addr6 : n->lab.world->host[1].addr4;
    n->outer.addr = is_ip6 ? n->lab.world->host[0].addr6 : n->lab.world->host[0].addr4;
    n->name.addr = ft_sim_nat_addr(&n->lab.world->plan, is_ip6 ? 6 : 4);
    n->inner.port = 4711;
    n->outer.port = 53;
    n->name.port = SIM_NAT_PORT;
}

/* What host 1 sends comes out under its name. */
static void passes_out(struct nat_lab *n)
{
    udp_comes(&n->lab, 1, &n->inner, &n->outer);
    udp_leaves(&n->lab, 0, &n->name, &n->outer);
}

static void a_nat_gives_a_name_and_knows_it_until_it_forgets(void **state)
{
    struct nat_lab n;

    (void)state;
    for (int is_ip6 = 0; is_ip6 < 2; is_ip6++) {
        open_nat(&n, is_ip6);
        passes_out(&n);
        udp_comes(&n.lab, 0, &n.outer, &n.name);
        udp_leaves(&n.lab, 1, &n.outer, &n.inner);
        ft_sim_nat_forget(n.lab.world);
        udp_comes(&n.lab, 0, &n.outer, &n.name);
        take(&n.lab, 1);
        assert_int_equal(n.lab.len, 0);
        n.name.port++;
        passes_out(&n);
        ft_sim_world_free(n.lab.world);
    }
}

/* Whatever the words are: also where a sum comes out as 0, which says that there is none. */
static void a_nat_keeps_the_sum_right_for_every_port(void **state)
{
    struct nat_lab n;

    (void)state;
    for (int is_ip6 = 0; is_ip6 < 2; is_ip6++) {
        open_nat(&n, is_ip6);
        passes_out(&n);
        for (uint32_t port = 1; port < 65536; port++) {
            n.outer.port = (uint16_t)port;
            passes_out(&n);
            assert_true((n.lab.out[ETHER + (is_ip6 ? 46 : 26)] |
                         n.lab.out[ETHER + (is_ip6 ? 47 : 27)]) != 0);
        }
        ft_sim_world_free(n.lab.world);
    }
}

static void a_port_of_the_other_family_is_nobodys(void **state)
{
    struct nat_lab n;

    (void)state;
    open_nat(&n, false);
    passes_out(&n);
    n.outer.addr = n.lab.world->host[0].addr6;
    n.name.addr = ft_sim_nat_addr(&n.lab.world->plan, 6);
    udp_comes(&n.lab, 0, &n.outer, &n.name);
    take(&n.lab, 1);
    assert_int_equal(n.lab.len, 0);
    take(&n.lab, 0); /* it was not sent on to some other address either */
    assert_int_equal(n.lab.len, 0);
    ft_sim_world_free(n.lab.world);
}

/* An error says of a datagram what its sender knows of it (RFC 5508 4.2). */
static void an_error_about_a_name_comes_to_whom_it_stands_for(void **state)
{
    struct nat_lab n;

    (void)state;
    for (int is_ip6 = 0; is_ip6 < 2; is_ip6++) {
        size_t header = is_ip6 ? 40 : 20;
        size_t len = 8 + header + 17;
        uint8_t *ip = n.lab.in + ETHER;
        uint8_t *icmp = ip + header;
        const uint8_t *quote = n.lab.out + ETHER + header + 8;
        uint8_t inner[16];

        open_nat(&n, is_ip6);
        passes_out(&n);
        memset(icmp, 0, 8);
        memcpy(icmp + 8, n.lab.out + ETHER, header + 17);
        icmp[0] = is_ip6 ? 2 : 3; /* too big, and the MTU */
        icmp[1] = is_ip6 ? 0 : 4;
        put16(icmp + 6, 1280);
        put_header(ip, &n.outer.addr, &n.name.addr, is_ip6 ? 58 : 1, len);
        put16(icmp + 2, is_ip6 ? sum_below(ip + 8, 32, 58, icmp, len) : sum(icmp, len));
        frame_comes(&n.lab, 0, is_ip6, header + len);
        take(&n.lab, 1);
        assert_int_equal(n.lab.len, ETHER + header + len);
        assert_true(n.lab.sight.dst.hi == n.inner.addr.hi && n.lab.sight.dst.lo == n.inner.addr.lo);
        put_addr(inner, &n.inner.addr);
        assert_memory_equal(quote + (is_ip6 ? 8 : 12), inner, is_ip6 ? 16 : 4);
        assert_int_equal(quote[header] << 8 | quote[header + 1], 4711);
        icmp = n.lab.out + ETHER + header;
        assert_int_equal(
            is_ip6 ? sum_below(n.lab.out + ETHER + 8, 32, 58, icmp, len) : sum(icmp, len), 0);
        ft_sim_world_free(n.lab.world);
    }
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
        cmocka_unit_test(a_nat_gives_a_name_and_knows_it_until_it_forgets),
        cmocka_unit_test(a_nat_keeps_the_sum_right_for_every_port),
        cmocka_unit_test(a_port_of_the_other_family_is_nobodys),
        cmocka_unit_test(an_error_about_a_name_comes_to_whom_it_stands_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
