/* SPDX-License-Identifier: MIT */
/*
 * What an observer could learn or guess: initial sequence numbers, ports, timestamps, where things
 * lie in the table; and churn, which uses all of these up.
 */
#include "honest.h"

#include <fourtuple/malloc.h>

#include "wire/be.h"
#include "wire/eth.h"

/* The peer's SYN from a port, answered and reset. Return: the initial sequence number. */
static uint32_t isn_of(struct ladder *t, uint16_t port, uint32_t *ret_tsval)
{
    ladder_peer(t, 7);
    t->peer->port = port;
    t->peer->nxt = LADDER_PEER_ISN;
    t->peer->iss_known = false;
    peer_sends(t, SEG_SYN, .mss = 1460, .tsval = 1);
    assert_true(ladder_take(t));
    assert_int_equal(t->seg.flags, SEG_SYN | SEG_ACK);
    if (ret_tsval)
        *ret_tsval = t->seg.tsval;
    uint32_t isn = t->seg.seq.v;
    peer_sends(t, SEG_RST, .seq = LADDER_PEER_ISN + 1);
    return isn;
}

/* Sum of (n_i - expected)^2 / expected over 256 cells, for the octet at @shift. */
static uint64_t chi_square(const uint32_t *values, unsigned n, unsigned shift)
{
    uint64_t cells[256] = {0}, sum = 0;

    for (unsigned i = 0; i < n; i++)
        cells[values[i] >> shift & 255]++;
    for (unsigned i = 0; i < 256; i++) {
        int64_t d = (int64_t)cells[i] * 256 - n;

        sum += (uint64_t)(d * d);
    }
    return sum / 256 / n;
}

enum { N = MANY(100000, 20000) };
static uint32_t isns[N], offsets[N];

/* RFC 6528: of other four-tuples a number tells nothing, of the same it only grows. */
/* proves: A-76 A-85 */
static void initial_numbers_and_clocks_tell_nothing_of_others(void **state)
{
    struct ladder t;
    unsigned n_near = 0, n_same = 0;
    uint32_t tsval;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    for (unsigned i = 0; i < N; i++) {
        check_some(&t, i);
        t.them = addr_v4(0x0a080000 + i / 50000);
        isns[i] = isn_of(&t, (uint16_t)(1024 + i % 50000), &offsets[i]);
        n_near += i > 0 && isns[i] - isns[i - 1] + 500 < 1000;
        n_same += i > 0 && offsets[i] - offsets[i - 1] + 500 < 1000;
        if (i % 500 == 0)
            after_ms(&t, 1000); /* the limit of answers to one host */
    }
    assert_true(n_near <= 1 && n_same <= 1);
    for (unsigned shift = 0; shift < 32; shift += 8) {
        assert_in_range(chi_square(isns, N, shift), 160, 360);
        assert_in_range(chi_square(offsets, N, shift), 160, 360);
    }
    t.unchecked = false;
    t.them = addr_v4(0x0a080000);
    uint32_t was = isn_of(&t, 1024, &tsval);
    for (unsigned i = 1; i < 50; i++) {
        uint32_t tsval_now, now;

        after_ms(&t, 40);
        now = isn_of(&t, 1024, &tsval_now);
        /* A tick of 4.096 us. */
        assert_in_range(now - was, 9700, 9900);
        assert_in_range(tsval_now - tsval, 39, 41);
        was = now;
        tsval = tsval_now;
    }
    ladder_close(&t);
}

static void first_secrets(uint8_t seed, uint32_t *ret)
{
    struct ladder t;

    ladder_init(&t);
    memset(t.config.seed, seed, sizeof(t.config.seed));
    ladder_start(&t);
    stack_listens(&t);
    ret[0] = isn_of(&t, 5000, &ret[1]);
    ladder_peer(&t, 0);
    user_connects(&t);
    ret[2] = t.peer->stack_port;
    (void)ladder_forget(&t);
    ladder_close(&t);
}

/* Two stacks that start at one instant share nothing but what was seeded alike. */
/* proves: A-56 A-55 */
static void another_seed_gives_other_secrets(void **state)
{
    struct ft_config config;
    struct ft_stack *stack;
    uint32_t a[3], b[3], again[3];

    (void)state;
    first_secrets(1, a);
    first_secrets(2, b);
    first_secrets(1, again);
    assert_memory_equal(a, again, sizeof(a));
    for (unsigned i = 0; i < 3; i++)
        assert_true(a[i] != b[i]);
    /* Without entropy there is no stack. */
    ft_config_init(&config);
    ft_config_use_malloc(&config);
    assert_int_equal(ft_stack_new(&config, &stack), -EINVAL);
}

/* RFC 6056: no stride and no order in the ports of one destination, or between two. */
/* proves: A-55 */
static void ephemeral_ports_have_no_stride(void **state)
{
    enum { M = 4000 };
    static uint32_t ports[2][M];
    struct ladder t;
    unsigned n_same_stride = 0, n_shared = 0;

    (void)state;
    ladder_open(&t);
    for (unsigned i = 0; i < M; i++) {
        for (unsigned which = 0; which < 2; which++) {
            ladder_peer(&t, which);
            user_connects(&t);
            ports[which][i] = t.peer->stack_port;
            assert_in_range(ports[which][i], 32768, 60999);
            assert_int_equal(ft_abort(t.stack, t.peer->sock), 0);
            t.peer->sock = -1;
        }
        if (i >= 2) {
            n_same_stride +=
                ports[0][i] - ports[0][i - 1] == ports[0][i - 1] - ports[0][i - 2] ? 1 : 0;
            n_shared += ports[0][i] - ports[0][i - 1] == ports[1][i] - ports[1][i - 1] ? 1 : 0;
        }
        (void)ladder_forget(&t);
    }
    assert_true(n_same_stride < 10);
    assert_true(n_shared < 10);
    ladder_close(&t);
}

/* CVE-2003-0244: names that a hash without a key would put together lie apart. */
/* proves: A-97 */
static void chosen_tuples_build_no_chains(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.limits.icmp_per_s = 1000000;
    ladder_start(&t);
    stack_listens(&t);
    assert_int_equal(ft_listen(t.stack, t.listener, 4096), 0);
    ft_time calm = honest_time(&t, NULL);
    ladder_peer(&t, 7);
    for (uint32_t i = 0; i < 4000; i++) {
        /* Address and port cancel out in a sum and in an exclusive or. */
        struct ft_addr src = addr_v4(0x0a070000 + 10 + (i & 63));

        t.peer->port = (uint16_t)(20000 - (i & 63) + (i >> 6) * 256);
        t.peer->nxt = LADDER_PEER_ISN;
        t.batch = i % 64 != 0;
        peer_sends(&t, SEG_SYN, .src = &src, .mss = 1460);
        if (!t.batch)
            (void)ladder_forget(&t);
    }
    (void)ladder_forget(&t);
    honest_has_half_its_speed(&t, NULL, calm);
    ladder_peer(&t, 7);
    uint64_t before = stack_counts(&t).steps_table_probes;
    for (uint32_t i = 0; i < 4000; i++) {
        struct ft_addr src = addr_v4(0x0a070000 + 10 + (i & 63));

        t.peer->port = (uint16_t)(20000 - (i & 63) + (i >> 6) * 256);
        peer_sends(&t, SEG_RST, .src = &src, .seq = 5);
    }
    /* A bucket, sometimes two. */
    assert_true(stack_counts(&t).steps_table_probes - before <= 4000 * 2);
    ladder_close(&t);
}

/* RFC 6056, RFC 6191: TIME-WAIT is capped, and ports are found while there are any. */
/* proves: A-95 */
static void churn_finds_a_port_while_one_is_free(void **state)
{
    enum { N_CONNECTS = MANY(1000000, 20000) };
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.port_min = 40000;
    t.config.port_max = 40199;
    t.config.limits.time_wait_max = 100;
    ladder_start(&t);
    stack_listens(&t);
    ft_time calm = honest_time(&t, NULL);
    for (unsigned i = 0; i < N_CONNECTS; i++) {
        uint64_t nodes = stack_counts(&t).steps_table_probes;

        check_some(&t, i);
        ladder_peer(&t, 0);
        t.peer->nxt = LADDER_PEER_ISN;
        t.peer->sock = -1;
        stack_connects(&t, .mss = 1460);
        assert_true(stack_counts(&t).steps_table_probes - nodes <= 2000);
        user_closes(&t);
        (void)ladder_forget(&t);
        peer_sends(&t, SEG_ACK | SEG_FIN);
        (void)ladder_forget(&t);
        assert_true(stack_counts(&t).now_time_wait <= 100);
        after_ms(&t, 10);
    }
    assert_true(stack_counts(&t).tcp_time_wait_evicted > 0);
    t.unchecked = false;
    honest_has_half_its_speed(&t, NULL, calm);
    ladder_close(&t);
}

static uint32_t label_of_last(const struct ladder *t)
{
    return be32_load(t->last.octets + ETH_HDR_LEN) & 0xfffff;
}

/* RFC 6437 3: all segments of a flow bear one label, whatever part of the stack sends them. */
/* proves: A-37 */
static void a_flow_keeps_its_label(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open6(&t);
    stack_listens(&t);
    peer_sends(&t, SEG_SYN, .mss = 1440);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0);
    uint32_t label = label_of_last(&t);
    assert_true(label != 0);
    peer_sends(&t, SEG_ACK);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .len = 10);
    assert_int_equal(label_of_last(&t), label);
    peer_sends(&t, SEG_RST | SEG_ACK);
    peer_sends(&t, SEG_ACK, .len = 1);
    stack_sends(&t, SEG_RST, .seq = 11);
    assert_int_equal(label_of_last(&t), label);
    ladder_close(&t);
}

/* The flow labels of the stack's SYN-ACKs to ports of the peer, under a seed. */
static void labels_of(uint8_t seed, unsigned n, uint32_t *ret)
{
    struct ladder t;

    ladder_init(&t);
    t.v6 = true;
    memset(t.config.seed, seed, sizeof(t.config.seed));
    ladder_start(&t);
    stack_listens(&t);
    for (unsigned i = 0; i < n; i++) {
        (void)isn_of(&t, (uint16_t)(1024 + i), NULL);
        ret[i] = label_of_last(&t);
        if (i % 500 == 0)
            after_ms(&t, 1000);
    }
    ladder_close(&t);
}

/* RFC 6437: a label is a keyed function of its flow: the same in each segment of it, another under
   another seed, with even bits, and not linear in what an observer knows. */
/* proves: A-37 */
static void flow_labels_tell_nothing_of_others(void **state)
{
    enum { M = 4096 };
    static uint32_t labels[M], again[M], other[M];
    unsigned n_same = 0, n_linear = 0;

    (void)state;
    labels_of(1, M, labels);
    labels_of(1, M, again);
    labels_of(2, M, other);
    assert_memory_equal(labels, again, sizeof(labels));
    for (unsigned i = 0; i < M; i++)
        n_same += labels[i] == other[i];
    assert_true(n_same <= 1);
    for (unsigned bit = 0; bit < 20; bit++) {
        unsigned n_ones = 0;

        for (unsigned i = 0; i < M; i++)
            n_ones += labels[i] >> bit & 1;
        assert_in_range(n_ones, M / 2 - 96, M / 2 + 96); /* 3 sigma */
    }
    /* A function that is linear over the ports has the same sum over every such square. */
    for (unsigned i = 0; i + 3 < M; i += 4) {
        uint32_t sum = labels[i] ^ labels[i + 1] ^ labels[i + 2] ^ labels[i + 3];

        n_linear += sum == (labels[0] ^ labels[1] ^ labels[2] ^ labels[3]);
    }
    assert_int_equal(n_linear, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(initial_numbers_and_clocks_tell_nothing_of_others),
        cmocka_unit_test(another_seed_gives_other_secrets),
        cmocka_unit_test(ephemeral_ports_have_no_stride),
        cmocka_unit_test(chosen_tuples_build_no_chains),
        cmocka_unit_test(churn_finds_a_port_while_one_is_free),
        cmocka_unit_test(a_flow_keeps_its_label),
        cmocka_unit_test(flow_labels_tell_nothing_of_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
