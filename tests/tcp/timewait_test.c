/* SPDX-License-Identifier: MIT */
/*
 * TIME-WAIT: RFC 9293 3.6.1 and 3.10.7.4, RFC 1337, RFC 6191.
 */
#include "ladder.h"

/* A connection that we closed first: the entry stands, with SND.NXT 2 and RCV.NXT 102. */
static void open_and_close(struct ladder *t, int64_t tsval)
{
    peer_connects(t, .seq = 100, .mss = 1460, .tsval = tsval);
    user_closes(t);
    stack_sends(t, SEG_ACK | SEG_FIN, .seq = 1, .ack = 101);
    peer_sends(t, SEG_ACK | SEG_FIN, .seq = 101, .tsval = tsval,
               .tsecr = tsval == ANY ? ANY : t->seg.tsval);
    stack_sends(t, SEG_ACK, .seq = 2, .ack = 102);
    assert_int_equal(stack_counts(t).now_time_wait, 1);
    assert_int_equal(stack_counts(t).now_connections, 0);
}

/* RFC 9293 3.6.1: who closes first waits for 2 MSL, and Linux's MSL is 30 s. */
static void time_wait_lasts_a_minute(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    open_and_close(&t, ANY);
    after_ms(&t, 59900);
    assert_int_equal(stack_counts(&t).now_time_wait, 1);
    after_ms(&t, 200);
    assert_int_equal(stack_counts(&t).now_time_wait, 0);
    ladder_close(&t);
}

/* RFC 9293 3.6.1 with 3.4.2: under the RFC's profile MSL is 2 minutes. */
/* proves: MUST-13 */
static void under_the_rfc_profile_time_wait_lasts_four_minutes(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.profile = FT_PROFILE_RFC;
    ladder_start(&t);
    open_and_close(&t, ANY);
    after_ms(&t, 239900);
    assert_int_equal(stack_counts(&t).now_time_wait, 1);
    after_ms(&t, 200);
    assert_int_equal(stack_counts(&t).now_time_wait, 0);
    ladder_close(&t);
}

/* RFC 9293 3.10.7.4, eighth, TIME-WAIT: a FIN that comes again is acknowledged and restarts the
   timer. */
static void a_fin_that_comes_again_restarts_the_wait(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    open_and_close(&t, ANY);
    after_ms(&t, 50000);
    peer_sends(&t, SEG_ACK | SEG_FIN, .seq = 101, .ack = 2);
    stack_sends(&t, SEG_ACK, .seq = 2, .ack = 102);
    after_ms(&t, 50000);
    assert_int_equal(stack_counts(&t).now_time_wait, 1);
    after_ms(&t, 10100);
    assert_int_equal(stack_counts(&t).now_time_wait, 0);
    ladder_close(&t);
}

/* RFC 9293 3.6.1: a SYN above the old numbers may open the connection anew; an old duplicate may
   not, and is answered by an ACK. */
/* proves: MAY-2 */
static void a_newer_syn_opens_the_connection_anew(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    open_and_close(&t, ANY);
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460);
    stack_sends(&t, SEG_ACK, .seq = 2, .ack = 102);
    assert_int_equal(stack_counts(&t).now_time_wait, 1);
    peer_sends(&t, SEG_SYN, .seq = 5000, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 5001);
    assert_int_equal(stack_counts(&t).now_time_wait, 0);
    peer_sends(&t, SEG_ACK);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    assert_true(t.peer->sock >= 0);
    ladder_close(&t);
}

/* RFC 6191: with timestamps it is the later one that counts, whatever the sequence number. */
/* proves: SHLD-4 */
static void a_later_timestamp_opens_the_connection_anew(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    open_and_close(&t, 1000);
    peer_sends(&t, SEG_SYN, .seq = 5000, .mss = 1460, .tsval = 900);
    stack_sends(&t, SEG_ACK, .seq = 2, .ack = 102);
    peer_sends(&t, SEG_SYN, .seq = 50, .mss = 1460, .tsval = 1001);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 51, .tsecr = 1001);
    ladder_close(&t);
}

/* RFC 1337: a reset does not end TIME-WAIT. */
static void a_reset_does_not_end_the_wait(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    open_and_close(&t, ANY);
    peer_sends(&t, SEG_RST, .seq = 102);
    stack_sends_nothing(&t);
    assert_int_equal(stack_counts(&t).now_time_wait, 1);
    ladder_close(&t);
}

/* The entries are bounded: the oldest gives way. */
static void the_oldest_entry_gives_way(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.limits.time_wait_max = 2;
    ladder_start(&t);
    for (unsigned i = 0; i < 4; i++) {
        ladder_peer(&t, i);
        peer_connects(&t, .mss = 1460);
        user_closes(&t);
        stack_sends(&t, SEG_ACK | SEG_FIN, .seq = 1);
        peer_sends(&t, SEG_ACK | SEG_FIN);
        stack_sends(&t, SEG_ACK, .seq = 2);
    }
    assert_int_equal(stack_counts(&t).now_time_wait, 2);
    assert_int_equal(stack_counts(&t).tcp_time_wait_evicted, 2);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_wait_lasts_a_minute),
        cmocka_unit_test(under_the_rfc_profile_time_wait_lasts_four_minutes),
        cmocka_unit_test(a_fin_that_comes_again_restarts_the_wait),
        cmocka_unit_test(a_newer_syn_opens_the_connection_anew),
        cmocka_unit_test(a_later_timestamp_opens_the_connection_anew),
        cmocka_unit_test(a_reset_does_not_end_the_wait),
        cmocka_unit_test(the_oldest_entry_gives_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
