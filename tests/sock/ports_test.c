/* SPDX-License-Identifier: MIT */
/*
 * Ephemeral ports: they cannot be predicted (RFC 6056), are shared by connections to different
 * peers, run out only when every one is taken, and cost few probes until then.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/addr.h"
#include "sock/sock.h"
#include "sock/support.h"

struct world {
    struct test_env t;
    struct ft_names *names;
    struct ft_table *table;
};

static void world_init(struct world *w, uint8_t seed, uint16_t min, uint16_t max)
{
    test_env_init(&w->t, seed);
    w->t.env.config.port_min = min;
    w->t.env.config.port_max = max;
    w->names = ft_names_new(&w->t.env);
    w->table = ft_table_new(&w->t.env, "test");
}

static void world_fini(struct world *w)
{
    ft_names_check(w->names);
    ft_table_free(w->table);
    ft_names_free(w->names);
    assert_int_equal(w->t.heap.n_live, 0);
}

static struct ft_conn to_peer(uint32_t peer)
{
    return (struct ft_conn){
        .local = addr_v4(0x0a070001), .remote = addr_v4(peer), .remote_port = 80};
}

static int connect_to(struct world *w, struct ft_conn *conn)
{
    struct ft_port_walk walk;

    ft_port_walk_begin(&w->t.env, &walk);
    while (ft_port_walk_next(&walk, &conn->local_port)) {
        if (ft_port_named(w->names, IPPROTO_TCP, conn->local_port) || ft_table_find(w->table, conn))
            continue;
        assert_int_equal(ft_port_hold(w->names, IPPROTO_TCP, &conn->local, conn->local_port, false),
                         0);
        assert_int_equal(ft_table_insert(w->table, conn), 0);
        return 0;
    }
    conn->local_port = 0;
    return -EADDRNOTAVAIL;
}

static void hang_up(struct world *w, struct ft_conn *conn)
{
    ft_table_remove(w->table, conn);
    ft_port_drop(w->names, IPPROTO_TCP, conn->local_port, false);
}

/* RFC 6056 3.3, CVE-2022-1012, CVE-2022-32296: from the ports that one peer sees, those that
   another sees do not follow. */
/* proves: A-55 */
static void ports_cannot_be_predicted(void **state)
{
    enum { N = 100000, BINS = 64 };
    struct world w, reboot;
    unsigned bins[BINS] = {0}, steps[BINS] = {0}, n_same = 0;
    uint16_t last = 0;

    (void)state;
    world_init(&w, 1, 32768, 65535);
    world_init(&reboot, 2, 32768, 65535);
    for (uint32_t i = 0; i < N; i++) {
        struct ft_conn conn = to_peer(i % 2 ? 0x0a080001 : 0x0a080002), again = conn;

        assert_int_equal(connect_to(&w, &conn), 0);
        assert_in_range(conn.local_port, 32768, 65535);
        bins[conn.local_port % BINS]++;
        steps[(uint16_t)(conn.local_port - last) % 32768 / (32768 / BINS)]++;
        assert_int_equal(connect_to(&reboot, &again), 0);
        n_same += again.local_port == conn.local_port;
        last = conn.local_port;
        hang_up(&w, &conn);
        hang_up(&reboot, &again);
    }
    for (int i = 0; i < BINS; i++) { /* 1562 expected, five sigma are 198 */
        assert_in_range(bins[i], 1362, 1762);
        assert_in_range(steps[i], 1362, 1762);
    }
    assert_true(n_same < 20);
    world_fini(&w);
    world_fini(&reboot);
}

/* No spurious EADDRNOTAVAIL while a free tuple exists, and flat cost at 95 % occupancy. */
/* proves: A-95 */
static void every_port_can_be_used_and_few_are_tried(void **state)
{
    enum { N = 28232 };
    struct ft_conn *conns = calloc(N, sizeof(*conns));
    uint64_t at_95 = 0, n_at_95 = 0;
    struct ft_conn one_more = to_peer(0x0a080001), elsewhere = to_peer(0x0a080009);
    struct world w;

    (void)state;
    assert_non_null(conns);
    world_init(&w, 3, 32768, 32768 + N - 1);
    for (uint32_t i = 0; i < N; i++) {
        uint64_t before = w.t.env.counters.steps_list_nodes;

        conns[i] = to_peer(0x0a080001);
        assert_int_equal(connect_to(&w, &conns[i]), 0);
        if (i >= N / 100 * 94 && i < N / 100 * 95) {
            at_95 += w.t.env.counters.steps_list_nodes - before;
            n_at_95++;
        }
    }
    assert_true(at_95 / n_at_95 <= 25);
    assert_int_equal(connect_to(&w, &one_more), -EADDRNOTAVAIL);
    assert_int_equal(one_more.local_port, 0);
    /* Ports are shared by connections to different peers. */
    assert_int_equal(connect_to(&w, &elsewhere), 0);
    hang_up(&w, &elsewhere);
    hang_up(&w, &conns[777]);
    assert_int_equal(connect_to(&w, &one_more), 0);
    assert_int_equal(one_more.local_port, conns[777].local_port);
    conns[777] = one_more;
    ft_table_replace(w.table, &one_more, &conns[777]);
    for (uint32_t i = 0; i < N; i++)
        hang_up(&w, &conns[i]);
    free(conns);
    world_fini(&w);
}

static void a_named_port_is_not_picked(void **state)
{
    struct ft_name held = {.protocol = IPPROTO_TCP, .addr = addr_v4(0x7f000001)};
    struct ft_conn a = to_peer(1), b = a;
    struct world w;

    (void)state;
    world_init(&w, 4, 50000, 50001);
    assert_int_equal(ft_name_bind(w.names, &held, 50000), 0);
    assert_int_equal(connect_to(&w, &a), 0);
    assert_int_equal(a.local_port, 50001);
    assert_int_equal(connect_to(&w, &b), -EADDRNOTAVAIL);
    /* The other way round: a name with port 0 gets none that a connection of its address uses. */
    ft_name_release(w.names, &held);
    held.addr = a.local;
    assert_int_equal(ft_name_bind(w.names, &held, 0), 0);
    assert_int_equal(held.port, 50000);
    hang_up(&w, &a);
    ft_name_release(w.names, &held);
    world_fini(&w);
}

static void names_share_a_picked_port_only_if_no_packet_is_for_both(void **state)
{
    struct ft_name a = {.protocol = IPPROTO_UDP, .addr = addr_v4(1), .reuse_addr = true};
    struct ft_name b = a, c = a;
    struct world w;

    (void)state;
    world_init(&w, 5, 50000, 50000);
    c.addr = addr_v4(2);
    assert_int_equal(ft_name_bind(w.names, &a, 0), 0);
    assert_int_equal(ft_name_bind(w.names, &b, 0), -EADDRINUSE);
    assert_int_equal(ft_name_bind(w.names, &c, 0), 0);
    ft_name_release(w.names, &a);
    ft_name_release(w.names, &c);
    world_fini(&w);
}

/* Ports are split among the shards: none is used by two. */
static void shards_use_ports_of_their_own(void **state)
{
    static uint8_t owner[65536];

    (void)state;
    for (uint16_t shard = 0; shard < 3; shard++) {
        struct ft_conn conns[40];
        struct world w;
        uint32_t n = 0;

        world_init(&w, 6, 40000, 40099);
        w.t.env.config.shard = shard;
        w.t.env.config.n_shards = 3;
        for (; n < 40; n++) {
            conns[n] = to_peer(1);
            if (connect_to(&w, &conns[n]) < 0)
                break;
            assert_in_range(conns[n].local_port, 40000, 40099);
            assert_int_equal(owner[conns[n].local_port], 0);
            owner[conns[n].local_port] = (uint8_t)(shard + 1);
        }
        assert_in_range(n, 33, 34);
        while (n > 0)
            hang_up(&w, &conns[--n]);
        world_fini(&w);
    }
    for (int port = 40000; port < 40100; port++)
        assert_true(owner[port] != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_cannot_be_predicted),
        cmocka_unit_test(every_port_can_be_used_and_few_are_tried),
        cmocka_unit_test(a_named_port_is_not_picked),
        cmocka_unit_test(names_share_a_picked_port_only_if_no_packet_is_for_both),
        cmocka_unit_test(shards_use_ports_of_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
