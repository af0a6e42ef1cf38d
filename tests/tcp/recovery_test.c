/* SPDX-License-Identifier: MIT */
/*
 * Loss and congestion: RFC 6298 (RTO), RFC 5681 (slow start, avoidance, fast retransmit), RFC 6582
 * (NewReno), RFC 3042 (limited transmit), as RFC 9293 3.8.1 and 3.8.2 ask for.
 */
#include "ladder.h"

/* ---- RFC 6298 -------------------------------------------------------------------------------- */

/* RFC 6298 2.2: the first sample R gives SRTT = R, RTTVAR = R/2; 2.3: the next ones are smoothed by
   1/8 and 1/4; RTO = SRTT + 4 RTTVAR. */
/* proves: MUST-18 RTO-2 RTO-3 RTO-7 */
static void the_rto_follows_the_round_trip_time(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    assert_int_equal(stack_info(&t).rto_us, 1000000);
    after_ms(&t, 400);
    peer_sends(&t, SEG_SYN | SEG_ACK, .mss = 1460);
    stack_sends(&t, SEG_ACK);
    assert_int_equal(stack_info(&t).srtt_us, 400000);
    assert_int_equal(stack_info(&t).rttvar_us, 200000);
    assert_int_equal(stack_info(&t).rto_us, 1200000);
    user_writes(&t, 100);
    stack_sends(&t, SEG_ACK, .len = 100);
    after_ms(&t, 480);
    peer_sends(&t, SEG_ACK);
    assert_int_equal(stack_info(&t).srtt_us, 410000);
    assert_int_equal(stack_info(&t).rttvar_us, 170000);
    assert_int_equal(stack_info(&t).rto_us, 1090000);
    ladder_close(&t);
}

/* RFC 6298 3, Karn: no sample is taken of what was sent more than once; 5.5: each timeout doubles
   the RTO; the doubling stays until something new is acknowledged. */
/* proves: MUST-18 MUST-19 RTO-6 RTO-9 */
static void what_was_sent_twice_gives_no_sample_and_backs_off(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    after_ms(&t, 100);
    peer_sends(&t, SEG_SYN | SEG_ACK, .mss = 1460);
    stack_sends(&t, SEG_ACK);
    assert_int_equal(stack_info(&t).rto_us, 300000);
    user_writes(&t, 100);
    stack_sends(&t, SEG_ACK, .len = 100);
    for (unsigned i = 0; i < 5; i++) {
        after_ms(&t, (300u << i) - 1);
        stack_sends_nothing(&t);
        after_ms(&t, 1);
        stack_sends(&t, SEG_ACK, .seq = 1, .len = 100);
    }
    after_ms(&t, 50);
    peer_sends(&t, SEG_ACK);
    assert_int_equal(stack_info(&t).srtt_us, 100000);
    assert_int_equal(stack_info(&t).rto_us, 300000);
    ladder_close(&t);
}

/* RFC 6298 5.7: if the SYN had to be sent again, the RTO begins with 3 seconds. */
/* proves: RTO-10 CC-3 */
static void after_a_lost_syn_the_rto_begins_with_three_seconds(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    after_ms(&t, 1000);
    stack_sends(&t, SEG_SYN, .seq = 0);
    peer_sends(&t, SEG_SYN | SEG_ACK, .mss = 1460);
    stack_sends(&t, SEG_ACK);
    assert_int_equal(stack_info(&t).rto_us, 3000000);
    assert_int_equal(stack_info(&t).cwnd, 1460);
    ladder_close(&t);
}

/* RFC 6298 5.3: an ACK of something new starts the timer anew. With four segments out: with fewer
   RFC 7765 has it otherwise (metrics_test.c). */
/* proves: RTO-8 */
static void an_ack_of_something_new_restarts_the_timer(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1000);
    user_writes(&t, 5000);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    stack_sends(&t, SEG_ACK, .seq = 1001, .len = 1000);
    (void)ladder_forget(&t);
    after_ms(&t, 150);
    peer_sends(&t, SEG_ACK, .ack = 1001);
    after_ms(&t, 150);
    stack_sends_nothing(&t);
    after_ms(&t, 250);
    stack_sends(&t, SEG_ACK, .seq = 1001, .len = 1000);
    ladder_close(&t);
}

/* ---- RFC 5681 -------------------------------------------------------------------------------- */

/* RFC 6928: at most ten segments before the first ACK; RFC 5681 3.1: in slow start the window grows
   by what is acknowledged. */
/* proves: MUST-19 CC-1 CC-2 */
static void slow_start_begins_with_ten_segments_and_doubles(void **state)
{
    struct ladder t;
    unsigned n = 0;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1000, .wscale = 4);
    user_writes(&t, 100000);
    while (ladder_take(&t))
        n++;
    assert_int_equal(n, 10);
    peer_sends(&t, SEG_ACK, .wnd = 65535);
    for (n = 0; ladder_take(&t); n++)
        ;
    assert_int_equal(n, 20);
    assert_int_equal(stack_info(&t).cwnd, 20000);
    ladder_close(&t);
}

/* RFC 5681 3.1: after a timeout one segment, ssthresh is half of what was out; then slow start up
   to ssthresh and one segment a round trip from there on. */
/* proves: MUST-19 MAY-18 CC-1 CC-5 CC-6 */
static void after_a_timeout_slow_start_and_then_avoidance(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1000, .wscale = 4);
    user_writes(&t, 100000);
    assert_int_equal(ladder_forget(&t), 10);
    after_ms(&t, 200);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    stack_sends_nothing(&t);
    assert_int_equal(stack_info(&t).cwnd, 1000);
    assert_int_equal(stack_info(&t).ssthresh, 5000);
    peer_sends(&t, SEG_ACK, .ack = 10001);
    assert_int_equal(ladder_forget(&t), 5);
    peer_sends(&t, SEG_ACK);
    assert_int_equal(ladder_forget(&t), 6);
    peer_sends(&t, SEG_ACK);
    assert_int_equal(ladder_forget(&t), 7);
    ladder_close(&t);
}

/* RFC 5681 3.2: the third duplicate ACK sends the segment again without waiting for the timer;
   RFC 3042: the first two each let a new one go. */
/* proves: MUST-19 CC-8 CC-9 CC-11 PIPE-7 */
static void the_third_duplicate_ack_repairs_a_loss(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1000);
    user_writes(&t, 30000);
    assert_int_equal(ladder_forget(&t), 10);
    peer_sends(&t, SEG_ACK, .ack = 1);
    stack_sends(&t, SEG_ACK, .seq = 10001, .len = 1000);
    peer_sends(&t, SEG_ACK, .ack = 1);
    stack_sends(&t, SEG_ACK, .seq = 11001, .len = 1000);
    peer_sends(&t, SEG_ACK, .ack = 1);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    assert_int_equal(stack_info(&t).ca_state, 3);
    assert_int_equal(stack_counts(&t).tcp_fast_retransmits, 1);
    /* RFC 6582 3.2: a full acknowledgement ends recovery at ssthresh at most. */
    peer_sends(&t, SEG_ACK, .ack = 12001);
    assert_int_equal(stack_info(&t).ca_state, 0);
    assert_true(stack_info(&t).cwnd <= stack_info(&t).ssthresh);
    ladder_close(&t);
}

/* RFC 6582 3.2: a partial acknowledgement tells of the next hole, which is sent at once. */
/* proves: CC-11 CC-15 */
static void a_partial_ack_sends_the_next_hole(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1000);
    user_writes(&t, 10000);
    assert_int_equal(ladder_forget(&t), 10);
    for (unsigned i = 0; i < 3; i++)
        peer_sends(&t, SEG_ACK, .ack = 1);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    for (unsigned i = 0; i < 5; i++)
        peer_sends(&t, SEG_ACK, .ack = 1);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .ack = 3001);
    stack_sends(&t, SEG_ACK, .seq = 3001, .len = 1000);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .ack = 10001);
    stack_sends_nothing(&t);
    assert_int_equal(stack_counts(&t).tcp_fast_retransmits, 1);
    assert_int_equal(stack_counts(&t).tcp_rto, 0);
    ladder_close(&t);
}

/* RFC 8985 6.2: what left before a segment that was delivered is lost when three were SACKed, or a
   quarter of the round trip has passed; each hole is filled as PRR allows, without waiting for the
   ACK of the hole before; none is sent twice. */
/* proves: SACK-6 PIPE-2 PIPE-3 PIPE-5 PIPE-8 */
static void sack_blocks_show_every_hole(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1000, .sack_ok = 1);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 101);
    after_ms(&t, 100);
    peer_sends(&t, SEG_ACK);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    user_writes(&t, 10000);
    for (unsigned i = 0; i < 10; i++)
        stack_sends(&t, SEG_ACK, .seq = 1 + 1000 * i, .len = 1000);
    /* The first, third and fifth were lost. */
    after_ms(&t, 100);
    peer_sends(&t, SEG_ACK, .ack = 1, .sack = {{1001, 2001}}, .n_sack = 1);
    peer_sends(&t, SEG_ACK, .ack = 1, .sack = {{3001, 4001}, {1001, 2001}}, .n_sack = 2);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .ack = 1, .sack = {{5001, 6001}, {3001, 4001}, {1001, 2001}},
               .n_sack = 3);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .ack = 1, .sack = {{5001, 9001}, {3001, 4001}, {1001, 2001}},
               .n_sack = 3);
    stack_sends(&t, SEG_ACK, .seq = 2001, .len = 1000);
    stack_sends(&t, SEG_ACK, .seq = 4001, .len = 1000);
    stack_sends_nothing(&t);
    after_ms(&t, 100);
    peer_sends(&t, SEG_ACK, .ack = 2001, .sack = {{5001, 10001}, {3001, 4001}}, .n_sack = 2);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .ack = 10001);
    assert_int_equal(stack_info(&t).ca_state, 0);
    assert_int_equal(stack_counts(&t).tcp_rto, 0);
    ladder_close(&t);
}

/* RFC 2018 4: blocks of octets that are not outstanding (old ones, D-SACK) say nothing of a gap,
   also when nothing is outstanding and octets wait for a window. */
static void blocks_of_old_octets_are_not_taken(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000, .sack_ok = 1);
    user_writes(&t, 5000);
    assert_int_equal(ladder_forget(&t), 5);
    peer_sends(&t, SEG_ACK, .ack = 5001, .wnd = 0);
    user_writes(&t, 1000);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .ack = 5001, .wnd = 0, .sack = {{1001, 2001}}, .n_sack = 1);
    peer_sends(&t, SEG_ACK, .ack = 5001, .wnd = 65535);
    stack_sends(&t, SEG_ACK, .seq = 5001, .len = 1000);
    peer_sends(&t, SEG_ACK, .ack = 6001);
    ladder_close(&t);
}

/* RFC 5681 2: what is not a duplicate ACK: one with text, with another window, or with nothing
   outstanding. */
static void acks_with_text_or_another_window_are_no_duplicates(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1000);
    for (unsigned i = 0; i < 10; i++)
        peer_sends(&t, SEG_ACK, .ack = 1);
    user_writes(&t, 10000);
    assert_int_equal(ladder_forget(&t), 10);
    for (unsigned i = 0; i < 5; i++)
        peer_sends(&t, SEG_ACK, .ack = 1, .len = 10);
    for (unsigned i = 0; i < 5; i++)
        peer_sends(&t, SEG_ACK, .ack = 1, .wnd = 60000 + i);
    (void)ladder_forget(&t);
    assert_int_equal(stack_counts(&t).tcp_fast_retransmits, 0);
    assert_int_equal(stack_counts(&t).tcp_retrans_segs, 0);
    ladder_close(&t);
}

/* RFC 5681 4.1: after a pause longer than the RTO the window is the initial one again. */
/* proves: CC-12 */
static void a_pause_brings_the_window_back_to_its_beginning(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1000, .wscale = 8);
    for (unsigned i = 0; i < 4; i++) {
        user_writes(&t, 40000);
        while (ladder_forget(&t) > 0)
            peer_sends(&t, SEG_ACK);
    }
    assert_true(stack_info(&t).cwnd > 10000);
    after_ms(&t, 3000);
    user_writes(&t, 40000);
    assert_int_equal(ladder_forget(&t), 10);
    ladder_close(&t);
}

/* ---- the receiver's part --------------------------------------------------------------------- */

/* RFC 5681 4.2: a segment out of order is answered at once by a duplicate ACK; so is one that fills
   a gap, by an ACK of all that is there now. */
/* proves: CC-7 */
static void a_gap_makes_duplicate_acks_at_once(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    user_sets(&t, IPPROTO_TCP, TCP_QUICKACK, 0);
    for (unsigned i = 1; i < 4; i++)
        peer_sends(&t, SEG_ACK, .seq = 101 + i * 100, .len = 100);
    for (unsigned i = 1; i < 4; i++)
        stack_sends(&t, SEG_ACK, .ack = 101, .n_sack = 0);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 100);
    stack_sends(&t, SEG_ACK, .ack = 501);
    ladder_close(&t);
}

/* RFC 2018 4: SACK blocks, if they were agreed on; first the one with the segment that came last.
 */
/* proves: SACK-1 SACK-2 SACK-3 */
static void sack_blocks_tell_what_is_held(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460, .sack_ok = 1);
    peer_sends(&t, SEG_ACK, .seq = 301, .len = 100);
    stack_sends(&t, SEG_ACK, .ack = 101, .n_sack = 1, .sack = {{301, 401}});
    peer_sends(&t, SEG_ACK, .seq = 501, .len = 100);
    stack_sends(&t, SEG_ACK, .ack = 101, .n_sack = 2, .sack = {{501, 601}, {301, 401}});
    peer_sends(&t, SEG_ACK, .seq = 401, .len = 50);
    stack_sends(&t, SEG_ACK, .ack = 101, .n_sack = 2, .sack = {{301, 451}, {501, 601}});
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 200);
    stack_sends(&t, SEG_ACK, .ack = 451, .n_sack = 1, .sack = {{501, 601}});
    peer_sends(&t, SEG_ACK, .seq = 451, .len = 50);
    stack_sends(&t, SEG_ACK, .ack = 601, .n_sack = 0);
    user_reads(&t, 500);
    ladder_close(&t);
}

/* RFC 9293 3.4: octets that came before keep their values, whatever comes again for their place. */
static void the_first_octet_for_a_place_stays(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_ACK, .seq = 151, .len = 50);
    peer_sends(&t, SEG_ACK, .seq = 141, .len = 10);
    peer_sends(&t, SEG_ACK, .seq = 145, .len = 50, .salt = 9);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 40);
    (void)ladder_forget(&t);
    user_reads(&t, 100);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rto_follows_the_round_trip_time),
        cmocka_unit_test(what_was_sent_twice_gives_no_sample_and_backs_off),
        cmocka_unit_test(after_a_lost_syn_the_rto_begins_with_three_seconds),
        cmocka_unit_test(an_ack_of_something_new_restarts_the_timer),
        cmocka_unit_test(slow_start_begins_with_ten_segments_and_doubles),
        cmocka_unit_test(after_a_timeout_slow_start_and_then_avoidance),
        cmocka_unit_test(the_third_duplicate_ack_repairs_a_loss),
        cmocka_unit_test(blocks_of_old_octets_are_not_taken),
        cmocka_unit_test(sack_blocks_show_every_hole),
        cmocka_unit_test(a_partial_ack_sends_the_next_hole),
        cmocka_unit_test(acks_with_text_or_another_window_are_no_duplicates),
        cmocka_unit_test(a_pause_brings_the_window_back_to_its_beginning),
        cmocka_unit_test(a_gap_makes_duplicate_acks_at_once),
        cmocka_unit_test(sack_blocks_tell_what_is_held),
        cmocka_unit_test(the_first_octet_for_a_place_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
