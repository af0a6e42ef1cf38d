/* SPDX-License-Identifier: MIT */
/*
 * How long connections may stay that nobody uses yet or any more, and what limits what one holds:
 * TCP_DEFER_ACCEPT, TCP_LINGER2, TCP_NOTSENT_LOWAT, memory. Linux's rules hold.
 */
#include "ladder.h"

#define MSS 1460

static void listens_deferring(struct ladder *t, int seconds)
{
    ladder_open(t);
    stack_listens(t);
    assert_int_equal(ft_setsockopt(t->stack, t->listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds,
                                   sizeof(seconds)),
                     0);
    peer_sends(t, SEG_SYN, .seq = 100, .mss = MSS);
    stack_sends(t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 101);
}

/* tcp(7), TCP_DEFER_ACCEPT: a listener wakes when data arrives, not when the handshake is over. */
static void a_deferring_listener_waits_for_octets(void **state)
{
    struct ladder t;

    (void)state;
    listens_deferring(&t, 3);
    peer_sends(&t, SEG_ACK, .seq = 101, .ack = 1);
    stack_sends_nothing(&t);
    assert_int_equal(ft_accept(t.stack, t.listener, NULL, NULL), -EAGAIN);
    after_ms(&t, 300);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 10, .ack = 1);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    assert_true(t.peer->sock >= 0);
    user_reads(&t, 10);
    stack_sends(&t, SEG_ACK, .ack = 111);
    assert_int_equal(stack_info(&t).cwnd, 10 * MSS);
    ladder_close(&t);
}

/* As Linux: nothing is sent again while it waits; at the end the SYN-ACK is, once, and its ACK
   makes the connection. */
static void at_the_end_of_its_time_an_ack_is_enough(void **state)
{
    struct ladder t;

    (void)state;
    listens_deferring(&t, 5); /* three timeouts: 1, 2 and 4 seconds */
    peer_sends(&t, SEG_ACK, .seq = 101, .ack = 1);
    after_ms(&t, 2900);
    stack_sends_nothing(&t);
    after_ms(&t, 200); /* the second timeout, the last but one */
    peer_sends(&t, SEG_ACK, .seq = 101, .ack = 1);
    stack_sends_nothing(&t);
    assert_int_equal(ft_accept(t.stack, t.listener, NULL, NULL), -EAGAIN);
    after_ms(&t, 4000);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 101);
    peer_sends(&t, SEG_ACK, .seq = 101, .ack = 1);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    assert_true(t.peer->sock >= 0);
    ladder_close(&t);
}

/* It reads back in whole timeouts. */
static void deferring_reads_back_in_timeouts(void **state)
{
    static const int set_get[][2] = {{0, 0}, {1, 1}, {2, 3}, {3, 3}, {4, 7}, {8, 15}, {60, 63}};
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = MSS);
    for (size_t i = 0; i < sizeof(set_get) / sizeof(set_get[0]); i++) {
        user_sets(&t, IPPROTO_TCP, TCP_DEFER_ACCEPT, set_get[i][0]);
        assert_int_equal(user_gets(&t, IPPROTO_TCP, TCP_DEFER_ACCEPT), set_get[i][1]);
    }
    ladder_close(&t);
}

/* On a client it joins the ACK of the handshake to the first octets. */
static void a_deferring_client_saves_an_ack(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    t.peer->sock = ft_socket(t.stack, AF_INET, SOCK_STREAM, 0);
    user_sets(&t, IPPROTO_TCP, TCP_DEFER_ACCEPT, 1);
    user_connects(&t);
    stack_sends(&t, SEG_SYN);
    peer_sends(&t, SEG_SYN | SEG_ACK, .seq = 100, .ack = 1, .mss = MSS);
    after_ms(&t, 150);
    stack_sends_nothing(&t);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .seq = 1, .ack = 101, .len = 10);
    ladder_close(&t);
}

/* tcp(7), TCP_LINGER2: how long an orphan stays in FIN-WAIT-2. */
static void linger2_bounds_fin_wait_2(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .seq = 100, .mss = MSS);
    user_sets(&t, IPPROTO_TCP, TCP_LINGER2, 5);
    assert_int_equal(user_gets(&t, IPPROTO_TCP, TCP_LINGER2), 5);
    user_closes(&t);
    stack_sends(&t, SEG_ACK | SEG_FIN, .seq = 1);
    peer_sends(&t, SEG_ACK, .ack = 2);
    after_ms(&t, 4900);
    assert_int_equal(stack_counts(&t).now_connections, 1);
    after_ms(&t, 200);
    assert_int_equal(stack_counts(&t).now_connections, 0);
    ladder_close(&t);
}

/* Below 0 there is no FIN-WAIT-2 for an orphan: it is reset, whether its FIN was acknowledged
   before close() or after. */
static void a_negative_linger2_resets(void **state)
{
    (void)state;
    for (unsigned before = 0; before < 2; before++) {
        struct ladder t;

        ladder_open(&t);
        peer_connects(&t, .seq = 100, .mss = MSS);
        user_sets(&t, IPPROTO_TCP, TCP_LINGER2, -7);
        assert_int_equal(user_gets(&t, IPPROTO_TCP, TCP_LINGER2), -1);
        if (before)
            assert_int_equal(ft_shutdown(t.stack, t.peer->sock, SHUT_WR), 0);
        else
            user_closes(&t);
        stack_sends(&t, SEG_ACK | SEG_FIN, .seq = 1);
        peer_sends(&t, SEG_ACK, .ack = 2);
        if (before)
            user_closes(&t);
        stack_sends(&t, SEG_RST | SEG_ACK, .seq = 2);
        assert_int_equal(stack_counts(&t).now_connections, 0);
        ladder_close(&t);
    }
}

/* tcp(7), TCP_NOTSENT_LOWAT: it limits what a write takes, too, and reads back as it was set. */
static void notsent_lowat_limits_a_write(void **state)
{
    static uint8_t octets[200000];
    struct ladder t;
    ssize_t got;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .seq = 100, .mss = MSS, .wnd = 20000);
    assert_int_equal(user_gets(&t, IPPROTO_TCP, TCP_NOTSENT_LOWAT), 0);
    user_sets(&t, IPPROTO_TCP, TCP_NOTSENT_LOWAT, -1);
    assert_int_equal(user_gets(&t, IPPROTO_TCP, TCP_NOTSENT_LOWAT), -1);
    user_sets(&t, SOL_SOCKET, SO_SNDBUF, 400000);
    user_sets(&t, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 1);
    got = ft_send(t.stack, t.peer->sock, octets, sizeof(octets), 0);
    assert_in_range(got, 10 * MSS, 10 * MSS + 16384 + 1); /* the window, and a piece */
    assert_int_equal(ft_send(t.stack, t.peer->sock, octets, 1, 0), -EAGAIN);
    user_sets(&t, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0);
    assert_true(ft_send(t.stack, t.peer->sock, octets, 100000, 0) > 50000);
    t.batch = true;
    ladder_close(&t);
}

/* Linux's tcp_prune_ofo_queue(): octets in order are worth more than those beyond a gap. */
static void octets_beyond_a_gap_give_way_first(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .seq = 100, .mss = MSS, .sack_ok = 1, .wscale = 7);
    peer_sends(&t, SEG_ACK, .seq = 101 + 20000, .len = 1000);
    stack_sends(&t, SEG_ACK, .ack = 101, .n_sack = 1, .sack = {{20101, 21101}});
    t.fail_at = t.n_allocs + 1; /* the chunk of the octets in order, once */
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 1000);
    t.fail_at = 0;
    assert_verdict(&t, FT_RX_ACTIVE);
    stack_sends(&t, SEG_ACK, .ack = 1101, .n_sack = 0);
    assert_int_equal(stack_counts(&t).tcp_pruned, 1);
    user_reads(&t, 1000);
    peer_sends(&t, SEG_ACK, .seq = 1101, .len = 1000);
    user_reads(&t, 1000);
    ladder_close(&t);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deferring_listener_waits_for_octets),
        cmocka_unit_test(at_the_end_of_its_time_an_ack_is_enough),
        cmocka_unit_test(deferring_reads_back_in_timeouts),
        cmocka_unit_test(a_deferring_client_saves_an_ack),
        cmocka_unit_test(linger2_bounds_fin_wait_2),
        cmocka_unit_test(a_negative_linger2_resets),
        cmocka_unit_test(notsent_lowat_limits_a_write),
        cmocka_unit_test(octets_beyond_a_gap_give_way_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
