/* SPDX-License-Identifier: MIT */
/*
 * Segment sizes and windows: RFC 9293 3.7.1 and 3.8.6, RFC 7323 2.
 */
#include "ladder.h"

/* ---- 3.7.1 MSS ------------------------------------------------------------------------------- */

/* RFC 9293 3.7.1: MSS is sent in every SYN and is what the link carries less 40, or 60 over IPv6;
   what the peer announces bounds what it is sent. Other segments carry no MSS. */
/* proves: MUST-14 MUST-65 MUST-67 SHLD-5 MAY-3 */
static void mss_is_announced_and_obeyed(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1000);
    stack_sends(&t, SEG_SYN | SEG_ACK, .mss = 1460);
    peer_sends(&t, SEG_ACK);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    user_writes(&t, 1500);
    stack_sends(&t, SEG_ACK, .len = 1000, .mss = NONE);
    stack_sends(&t, SEG_ACK, .len = 500, .mss = NONE);
    peer_sends(&t, SEG_ACK | SEG_FIN);
    stack_sends(&t, SEG_ACK, .mss = NONE);
    ladder_peer(&t, 1);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .mss = 1460);
    ladder_close(&t);
    ladder_open6(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .mss = 1440);
    ladder_close(&t);
}

/* RFC 9293 3.7.1: what is announced follows from what IP can receive over the link, down to the
   smallest MTU that it has. */
/* proves: MUST-67 SHLD-6 */
static void the_announced_mss_follows_the_links_mtu(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.eth_config.mtu = 9000;
    ladder_start(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .mss = 8960);
    assert_int_equal(ft_if_set_mtu(t.stack, t.eth, 1300), 0);
    ladder_peer(&t, 1);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .mss = 1260);
    ladder_close(&t);
}

/* RFC 9293 3.7.1: without an MSS from the peer 536 octets are assumed, over IPv6 1220. */
/* proves: MUST-15 */
static void without_an_mss_the_default_is_assumed(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = ANY);
    user_writes(&t, 600);
    stack_sends(&t, SEG_ACK, .len = 536);
    stack_sends(&t, SEG_ACK, .len = 64);
    ladder_peer(&t, 1);
    stack_connects(&t, .mss = ANY);
    user_writes(&t, 600);
    stack_sends(&t, SEG_ACK, .len = 536);
    stack_sends(&t, SEG_ACK, .len = 64);
    ladder_close(&t);
    ladder_open6(&t);
    peer_connects(&t, .mss = ANY);
    user_writes(&t, 1300);
    stack_sends(&t, SEG_ACK, .len = 1220);
    stack_sends(&t, SEG_ACK, .len = 80);
    ladder_close(&t);
}

/* RFC 9293 3.7.1: a segment is at most the lesser of the peer's MSS and what IP can send, less the
   octets of options. */
/* proves: MUST-16 */
static void options_come_off_the_segment_size(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460, .tsval = 5);
    user_writes(&t, 1500);
    stack_sends(&t, SEG_ACK, .len = 1448, .ts = 1);
    stack_sends(&t, SEG_ACK, .len = 52);
    ladder_peer(&t, 1);
    peer_connects(&t, .mss = 9000);
    user_writes(&t, 1500);
    stack_sends(&t, SEG_ACK, .len = 1460);
    stack_sends(&t, SEG_ACK, .len = 40);
    ladder_close(&t);
}

/* ---- windows that arrive --------------------------------------------------------------------- */

/* RFC 9293 3.1: the window is unsigned: 40000 is more than 32767, not less than nothing. */
/* proves: MUST-1 */
static void a_window_with_its_highest_bit_set_is_large(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460, .wnd = 40000);
    user_writes(&t, 40000);
    for (unsigned i = 0; i < 10; i++)
        stack_sends(&t, SEG_ACK, .len = 1460);
    peer_sends(&t, SEG_ACK, .wnd = 40000);
    for (unsigned i = 0; i < 17; i++)
        stack_sends(&t, SEG_ACK, .len = 1460);
    ladder_close(&t);
}

/* RFC 9293 3.1, RFC 7323 2.2: windows are kept in 32 bits; a scaled one exceeds 16. */
/* proves: REC-1 */
static void a_scaled_window_is_kept_in_32_bits(void **state)
{
    struct ft_sock_info info;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460, .wscale = 14, .wnd = 65535);
    assert_int_equal(ft_sock_info(t.stack, t.peer->sock, &info), 0);
    assert_int_equal(info.snd_wnd, 65535u << 14);
    ladder_close(&t);
}

/* RFC 7323 2.3: a shift above 14 counts as 14. */
/* proves: TS-3 */
static void a_shift_above_14_counts_as_14(void **state)
{
    struct ft_sock_info info;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460, .wscale = 255, .wnd = 3);
    assert_int_equal(ft_sock_info(t.stack, t.peer->sock, &info), 0);
    assert_int_equal(info.snd_wnd, 3u << 14);
    ladder_close(&t);
}

/* RFC 7323 1.3, 2.2: windows are scaled only if both SYNs said so, and that of a SYN never is. */
/* proves: TS-1 TS-2 */
static void windows_are_scaled_only_if_both_say_so(void **state)
{
    struct ft_sock_info info;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_sends(&t, SEG_SYN, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .wscale = NONE);
    peer_sends(&t, SEG_RST);
    peer_sends(&t, SEG_SYN, .seq = 1000, .mss = 1460, .wscale = 7, .wnd = 500);
    stack_sends(&t, SEG_SYN | SEG_ACK, .wscale = 10, .wnd = 65535);
    peer_sends(&t, SEG_ACK, .wnd = 500);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    assert_int_equal(ft_sock_info(t.stack, t.peer->sock, &info), 0);
    assert_int_equal(info.snd_wnd, 500 << 7);
    ladder_peer(&t, 1);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .wscale = 10, .wnd = 65535);
    peer_sends(&t, SEG_SYN | SEG_ACK, .wscale = 7, .wnd = 500);
    stack_sends(&t, SEG_ACK);
    assert_int_equal(ft_sock_info(t.stack, t.peer->sock, &info), 0);
    assert_int_equal(info.snd_wnd, 500);
    ladder_close(&t);
}

/* ---- windows that are sent ------------------------------------------------------------------- */

/* The right edge of the window that the last segment promised. */
static uint32_t edge_of(const struct ladder *t, unsigned shift)
{
    return t->seg.ack.v + (t->seg.wnd << shift);
}

/* RFC 9293 3.8.6: the receiver does not take back window that it has promised, not even when the
   user makes the buffer smaller. */
/* proves: SHLD-14 */
static void the_right_edge_never_moves_left(void **state)
{
    struct ladder t;
    uint32_t edge;
    unsigned rest = 40000;

    (void)state;
    ladder_init(&t);
    t.config.limits.recv_buffer = 100000;
    ladder_start(&t);
    peer_connects(&t, .mss = 1460, .wscale = 2);
    edge = 101 + 50000;
    for (unsigned i = 0; rest > 0; i++) {
        unsigned n = i % 3 ? 1000 : 37;

        n = n < rest ? n : rest;
        rest -= n;
        peer_sends(&t, SEG_ACK, .len = n);
        while (ladder_take(&t)) {
            assert_true(edge_of(&t, 10) >= edge);
            edge = edge_of(&t, 10);
        }
        if (i == 10)
            user_sets(&t, SOL_SOCKET, SO_RCVBUF, 5000);
    }
    ladder_close(&t);
}

/* RFC 9293 3.8.6.2.2: the window is not opened in drops, but by a segment or half the buffer. */
/* proves: MUST-39 */
static void a_closed_window_opens_by_a_segment_at_least(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.limits.recv_buffer = 20000;
    ladder_start(&t);
    peer_connects(&t, .mss = 1460);
    for (unsigned i = 0; i < 10; i++)
        peer_sends(&t, SEG_ACK, .len = 1000);
    (void)ladder_forget(&t);
    assert_int_equal(t.seg.wnd, 0);
    for (unsigned i = 0; i < 9; i++) {
        user_reads(&t, 100);
        stack_sends_nothing(&t);
    }
    user_reads(&t, 600);
    stack_sends(&t, SEG_ACK, .ack = 10101, .wnd = 1500);
    /* A segment of the peer meanwhile is no occasion to open it by a drop. */
    peer_sends(&t, SEG_ACK, .len = 1500);
    stack_sends(&t, SEG_ACK, .wnd = 0);
    user_reads(&t, 100);
    peer_sends(&t, SEG_ACK, .len = 1);
    stack_sends(&t, SEG_ACK, .wnd = 0);
    ladder_close(&t);
}

/* RFC 7323 2.4: a field that counts in units is rounded. Octets one by one gain by it each time,
   but a user who does not read holds no more than the largest window. */
static void rounding_does_not_keep_a_window_open_for_ever(void **state)
{
    struct ladder t;
    unsigned n = 0;

    (void)state;
    ladder_init(&t);
    t.config.limits.recv_buffer = 20000;
    t.config.limits.recv_buffer_max = t.config.limits.recv_buffer_auto_max = 200000;
    ladder_start(&t);
    peer_connects(&t, .mss = 1460, .wscale = 1);
    t.unchecked = true;
    do {
        peer_sends(&t, SEG_ACK, .len = 1);
        (void)ladder_forget(&t);
    } while (t.seg.wnd > 0 && ++n < 400000);
    assert_int_equal(t.seg.wnd, 0);
    assert_in_range(stack_info(&t).recv_q, 10000, 4 * 65535);
    ladder_close(&t);
}

/* A read makes a segment only if the window field can then say more than before. */
static void a_window_that_cannot_be_told_is_not_told(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    for (unsigned i = 0; i < 15; i++) {
        peer_sends(&t, SEG_ACK, .len = 1000);
        stack_sends(&t, SEG_ACK);
        user_reads(&t, 1000);
        stack_sends_nothing(&t);
    }
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mss_is_announced_and_obeyed),
        cmocka_unit_test(the_announced_mss_follows_the_links_mtu),
        cmocka_unit_test(without_an_mss_the_default_is_assumed),
        cmocka_unit_test(options_come_off_the_segment_size),
        cmocka_unit_test(a_window_with_its_highest_bit_set_is_large),
        cmocka_unit_test(a_scaled_window_is_kept_in_32_bits),
        cmocka_unit_test(a_shift_above_14_counts_as_14),
        cmocka_unit_test(windows_are_scaled_only_if_both_say_so),
        cmocka_unit_test(the_right_edge_never_moves_left),
        cmocka_unit_test(rounding_does_not_keep_a_window_open_for_ever),
        cmocka_unit_test(a_closed_window_opens_by_a_segment_at_least),
        cmocka_unit_test(a_window_that_cannot_be_told_is_not_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
