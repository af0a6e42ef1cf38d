/* SPDX-License-Identifier: MIT */
/*
 * What goes into one frame that the link cuts into segments, and where PSH is set: as Linux has
 * both (TSO autosizing), so that a flow is no longer a burst than it would be there.
 */
#include "ladder.h"

/* A link that cuts, and a handshake that takes @ms. */
static void connect_over(struct ladder *t, unsigned ms)
{
    t->eth_config.flags |= FT_IF_TSO;
    t->eth_config.gso_max = 65535;
    ladder_start(t);
    stack_listens(t);
    peer_sends(t, SEG_SYN, .seq = 100, .wnd = 65535, .mss = 1000, .sack_ok = 1, .wscale = 7);
    stack_sends(t, SEG_SYN | SEG_ACK, .ack = 101);
    after_ms(t, ms);
    peer_sends(t, SEG_ACK);
    t->peer->sock = ft_accept(t->stack, t->listener, NULL, NULL);
    assert_true(t->peer->sock >= 0);
}

/* Ten segments in 100 ms are less than two in a millisecond: two it is. */
static void a_frame_on_a_slow_path_is_two_segments(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    connect_over(&t, 100);
    user_writes(&t, 10000);
    for (unsigned i = 0; i < 5; i++)
        stack_sends(&t, SEG_ACK, .seq = 1 + 2000 * i, .len = 2000, .psh = 1);
    ladder_close(&t);
}

/* On a near path nothing but cwnd bounds it: half of that, so that ACKs keep coming. */
static void a_frame_on_a_near_path_is_half_a_window(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    connect_over(&t, 0);
    user_writes(&t, 10000);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 5000);
    stack_sends(&t, SEG_ACK, .seq = 5001, .len = 5000);
    ladder_close(&t);
}

/* net.ipv4.tcp_min_tso_segs. */
static void the_least_of_a_frame_can_be_configured(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.min_frame_segs = 4;
    connect_over(&t, 100);
    user_writes(&t, 10000);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 4000);
    stack_sends(&t, SEG_ACK, .seq = 4001, .len = 4000);
    stack_sends(&t, SEG_ACK, .seq = 8001, .len = 2000);
    ladder_close(&t);
}

/* On Linux each packet of the retransmission queue is sent again by itself: what is left of two
   that were cut is one segment each, and does not push. */
static void what_is_left_of_two_frames_does_not_push(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    connect_over(&t, 100);
    user_writes(&t, 10000);
    assert_int_equal(ladder_pump(&t), 5);
    (void)ladder_forget(&t);
    after_ms(&t, 100);
    peer_sends(&t, SEG_ACK, .ack = 1001, .n_sack = 1, .sack = {{3001, 10001}});
    stack_sends(&t, SEG_ACK, .seq = 1001, .len = 2000, .psh = 0);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_on_a_slow_path_is_two_segments),
        cmocka_unit_test(a_frame_on_a_near_path_is_half_a_window),
        cmocka_unit_test(the_least_of_a_frame_can_be_configured),
        cmocka_unit_test(what_is_left_of_two_frames_does_not_push),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
