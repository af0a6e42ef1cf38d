/* SPDX-License-Identifier: MIT */
/*
 * On what a connection spends its time, and which segments carried octets.
 */
#include "ladder.h"

static struct ft_sock_info info_of(const struct ladder *t)
{
    struct ft_sock_info info;

    assert_int_equal(ft_sock_info(t->stack, t->peer->sock, &info), 0);
    return info;
}

static void time_is_busy_while_something_is_under_way(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000);
    after_ms(&t, 100);
    assert_int_equal(info_of(&t).busy_ms, 0);
    user_writes(&t, 100);
    (void)ladder_forget(&t);
    after_ms(&t, 20);
    assert_in_range(info_of(&t).busy_ms, 19, 21);
    peer_sends(&t, SEG_ACK, .ack = 101);
    after_ms(&t, 100);
    assert_in_range(info_of(&t).busy_ms, 19, 21); /* and idle since */
    assert_int_equal(info_of(&t).window_limited_ms, 0);
    assert_int_equal(info_of(&t).buffer_limited_ms, 0);
    ladder_close(&t);
}

static void the_peers_window_is_told_apart(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000, .wnd = 2000);
    user_writes(&t, 5000);
    (void)ladder_forget(&t);
    after_ms(&t, 30);
    peer_sends(&t, SEG_ACK, .ack = 2001, .wnd = 20000);
    (void)ladder_forget(&t);
    after_ms(&t, 10);
    assert_in_range(info_of(&t).window_limited_ms, 29, 31);
    assert_in_range(info_of(&t).busy_ms, 39, 41);
    ladder_close(&t);
}

static void a_small_send_buffer_is_told_apart(void **state)
{
    static uint8_t octets[20000];
    struct ladder t;
    ssize_t n;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000, .wnd = 60000);
    user_sets(&t, SOL_SOCKET, SO_SNDBUF, 4000);
    for (size_t i = 0; i < sizeof(octets); i++)
        octets[i] = 0;
    n = ft_send(t.stack, t.peer->sock, octets, sizeof(octets), 0);
    assert_in_range(n, 1000, 8000);
    assert_int_equal(ft_send(t.stack, t.peer->sock, octets, 1, 0), -EAGAIN);
    after_ms(&t, 1);
    (void)ladder_forget(&t);
    after_ms(&t, 40);
    assert_in_range(info_of(&t).buffer_limited_ms, 39, 42);
    assert_int_equal(info_of(&t).window_limited_ms, 0);
    peer_sends(&t, SEG_ACK, .ack = n + 1);
    after_ms(&t, 40);
    assert_in_range(info_of(&t).buffer_limited_ms, 39, 42);
    ladder_close(&t);
}

static void timeouts_and_their_repair_are_counted(void **state)
{
    struct ft_sock_info info;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000);
    user_writes(&t, 100);
    (void)ladder_forget(&t);
    after_ms(&t, 1500);
    (void)ladder_forget(&t);
    info = info_of(&t);
    assert_true(info.total_rto >= 2);
    assert_int_equal(info.rto_episodes, 1);
    assert_int_equal(info.rto_ms, 0); /* told when it is over */
    peer_sends(&t, SEG_ACK, .ack = 101);
    assert_in_range(info_of(&t).rto_ms, 1200, 1400);
    ladder_close(&t);
}

static void segments_with_octets_are_counted(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_connects(&t, .mss = 1000);
    user_writes(&t, 2500);
    stack_sends(&t, SEG_ACK, .len = 1000);
    stack_sends(&t, SEG_ACK, .len = 1000);
    stack_sends(&t, SEG_ACK, .len = 500);
    peer_sends(&t, SEG_ACK, .ack = 2501);
    peer_sends(&t, SEG_ACK, .len = 300);
    (void)ladder_forget(&t);
    assert_int_equal(info_of(&t).data_segs_out, 3);
    assert_int_equal(info_of(&t).data_segs_in, 1);
    assert_true(info_of(&t).segs_in > info_of(&t).data_segs_in);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_is_busy_while_something_is_under_way),
        cmocka_unit_test(the_peers_window_is_told_apart),
        cmocka_unit_test(a_small_send_buffer_is_told_apart),
        cmocka_unit_test(timeouts_and_their_repair_are_counted),
        cmocka_unit_test(segments_with_octets_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
