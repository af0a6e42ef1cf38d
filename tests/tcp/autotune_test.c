/* SPDX-License-Identifier: MIT */
/*
 * Buffers that grow by themselves: far and fast without options set, no further than the limits,
 * and not for a user who does not read or has said how much.
 */
#include "pair.h"

static int buffer_of(struct ft_stack *stack, ft_sock sock, int name)
{
    int value = 0;
    socklen_t len = sizeof(value);

    assert_int_equal(ft_getsockopt(stack, sock, SOL_SOCKET, name, &value, &len), 0);
    return value;
}

static void start(struct pair *p, ft_time delay)
{
    pair_init(p);
    p->pipe[0].delay = p->pipe[1].delay = delay;
    p->if_flags |= FT_IF_TX_CSUM | FT_IF_TSO;
}

/* 1 Gbit/s over 100 ms is 12.5 MB under way; with the headers 94.9 % of it are the user's. */
static void one_connection_fills_a_gigabit_over_100_ms(void **state)
{
    struct pair p;
    uint64_t before;

    (void)state;
    start(&p, 50 * FT_MS);
    pair_start(&p);
    (void)pair_flow(&p, 0, UINT64_MAX);
    pair_run(&p, 3 * FT_SEC);
    before = p.flow[0].received;
    pair_run(&p, 5 * FT_SEC);
    assert_true((p.flow[0].received - before) / 5 > 115000000);
    assert_in_range(buffer_of(p.stack[1], p.flow[0].sock[1], SO_RCVBUF), 25000000, 48 << 20);
    assert_in_range(buffer_of(p.stack[0], p.flow[0].sock[0], SO_SNDBUF), 25000000, 48 << 20);
    pair_end(&p);
}

/* A slow and near path needs little: the queue of the sender follows cwnd, not the other way round.
 */
static void buffers_stay_small_on_a_short_path(void **state)
{
    struct pair p;

    (void)state;
    start(&p, 100 * FT_US);
    p.config[1].limits.recv_buffer = 131072;
    p.config[0].limits.send_buffer = 16384;
    p.if_flags = FT_IF_NO_DAD;
    p.pipe[0].rate = 1250000;
    p.pipe[0].queue_max = 30000;
    pair_start(&p);
    (void)pair_flow(&p, 0, UINT64_MAX);
    pair_run(&p, 5 * FT_SEC);
    assert_true(p.flow[0].received > 5000000);
    assert_true(buffer_of(p.stack[1], p.flow[0].sock[1], SO_RCVBUF) < 4000000);
    assert_true(buffer_of(p.stack[0], p.flow[0].sock[0], SO_SNDBUF) < 1000000);
    pair_end(&p);
}

/* octets that nobody reads get no more room, however fast the peer is. */
static void who_does_not_read_gets_no_more_room(void **state)
{
    struct pair p;

    (void)state;
    start(&p, 5 * FT_MS);
    p.config[1].limits.recv_buffer = 200000;
    p.lazy = true;
    pair_start(&p);
    (void)pair_flow(&p, 0, UINT64_MAX);
    pair_run(&p, 5 * FT_SEC);
    assert_int_equal(buffer_of(p.stack[1], p.flow[0].sock[1], SO_RCVBUF), 200000);
    /* Half of it is for octets. Each ACK may round the window up to a unit of its scale, since none
       takes back what another has promised; all that has room in the other half. */
    assert_in_range(pair_info(&p, 0, 1).recv_q, 100000, 200000);
    pair_end(&p);
}

/* As Linux: SO_SNDBUF and SO_RCVBUF are doubled, bounded, and fixed from then on; the limits of
   growth hold as well. */
static void what_is_set_is_doubled_and_stays(void **state)
{
    struct pair p;
    int size = 100000;

    (void)state;
    start(&p, 20 * FT_MS);
    p.config[0].limits.send_buffer_auto_max = 500000;
    pair_start(&p);
    assert_int_equal(
        ft_setsockopt(p.stack[1], p.listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
    (void)pair_flow(&p, 0, UINT64_MAX);
    pair_run(&p, FT_SEC);
    assert_int_equal(buffer_of(p.stack[1], p.flow[0].sock[1], SO_RCVBUF), 200000);
    assert_int_equal(
        ft_setsockopt(p.stack[0], p.flow[0].sock[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)),
        0);
    size = 100000000;
    assert_int_equal(
        ft_setsockopt(p.stack[1], p.flow[0].sock[1], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)),
        0);
    pair_run(&p, 2 * FT_SEC);
    assert_int_equal(buffer_of(p.stack[0], p.flow[0].sock[0], SO_SNDBUF), 200000);
    assert_int_equal(buffer_of(p.stack[1], p.flow[0].sock[1], SO_RCVBUF),
                     2 * p.config[1].limits.recv_buffer_max);
    pair_end(&p);

    start(&p, 20 * FT_MS);
    p.config[0].limits.send_buffer = p.config[1].limits.recv_buffer = 100000;
    p.config[0].limits.send_buffer_auto_max = 300000;
    p.config[1].limits.recv_buffer_auto_max = 1000000;
    pair_start(&p);
    (void)pair_flow(&p, 0, UINT64_MAX);
    pair_run(&p, 2 * FT_SEC);
    assert_int_equal(buffer_of(p.stack[0], p.flow[0].sock[0], SO_SNDBUF), 300000);
    assert_in_range(buffer_of(p.stack[1], p.flow[0].sock[1], SO_RCVBUF), 200000, 1000000);
    pair_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_connection_fills_a_gigabit_over_100_ms),
        cmocka_unit_test(buffers_stay_small_on_a_short_path),
        cmocka_unit_test(who_does_not_read_gets_no_more_room),
        cmocka_unit_test(what_is_set_is_doubled_and_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
