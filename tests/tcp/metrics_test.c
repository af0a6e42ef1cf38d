/* SPDX-License-Identifier: MIT */
/*
 * What a connection leaves to the next one to the same host (RFC 9040), and RTO restart (RFC 7765),
 * which is about the same timer.
 */
#include "ladder.h"

#define MSS 1460

/* A connection of the peer @n whose segments take @ms there and back; closed in order. The
   handshake takes no time. */
static void one_connection(struct ladder *t, unsigned n, uint64_t ms, unsigned segs)
{
    ladder_peer(t, n);
    peer_connects(t, .seq = 100, .mss = MSS);
    for (unsigned i = 0; i < segs; i++) {
        user_writes(t, MSS);
        stack_sends(t, SEG_ACK, .len = MSS);
        after_ms(t, ms);
        (void)ladder_forget(t);
        peer_sends(t, SEG_ACK, .ack = 1 + MSS * (int64_t)(i + 1));
    }
}

static void closes_in_order(struct ladder *t)
{
    user_closes(t);
    (void)ladder_forget(t);
    peer_sends(t, SEG_ACK | SEG_FIN);
    (void)ladder_forget(t);
}

/* RFC 9040 4: the next connection's timeout is what the last one needed, as Linux computes it. */
static void the_next_connection_knows_the_round_trip(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    one_connection(&t, 0, 150, 12);
    closes_in_order(&t);
    one_connection(&t, 1, 0, 0);
    assert_in_range(stack_info(&t).rto_us, 320000, 460000);
    ladder_close(&t);
}

/* RFC 6298 5.7: under the RFC's profile octets begin with three seconds when the SYN was lost,
   however short the round trips of others were; on Linux not. */
/* proves: RTO-10 */
static void a_lost_syn_is_no_sign_of_short_round_trips(void **state)
{
    struct ladder t;

    (void)state;
    for (int rfc = 0; rfc <= 1; rfc++) {
        ladder_init(&t);
        t.config.profile = rfc ? FT_PROFILE_RFC : FT_PROFILE_LINUX;
        ladder_start(&t);
        stack_listens(&t);
        one_connection(&t, 0, 1, 20);
        closes_in_order(&t);
        ladder_peer(&t, 1);
        user_connects(&t);
        stack_sends(&t, SEG_SYN);
        after_ms(&t, 1000);
        stack_sends(&t, SEG_SYN);
        peer_sends(&t, SEG_SYN | SEG_ACK, .ack = 1, .mss = 1000);
        if (rfc)
            assert_int_equal(stack_info(&t).rto_us, 3000000);
        else
            assert_in_range(stack_info(&t).rto_us, 200000, 210000);
        (void)ladder_forget(&t);
        ladder_close(&t);
    }
}

/* net.ipv4.tcp_no_metrics_save. */
static void it_knows_nothing_if_that_is_switched_off(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.tcp_without = FT_TCP_NO_METRICS;
    ladder_start(&t);
    one_connection(&t, 0, 150, 12);
    closes_in_order(&t);
    one_connection(&t, 1, 0, 0);
    assert_in_range(stack_info(&t).rto_us, 200000, 210000);
    ladder_close(&t);
}

/* RFC 9040 8 (security): one who resets, or has carried little, leaves nothing. */
static void only_a_good_end_after_enough_octets_writes(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    one_connection(&t, 0, 150, 12);
    peer_sends(&t, SEG_RST);
    one_connection(&t, 1, 150, 9);
    closes_in_order(&t);
    one_connection(&t, 2, 0, 0);
    assert_in_range(stack_info(&t).rto_us, 200000, 210000);
    ladder_close(&t);
}

/* RFC 9040 8: who delays his answers on purpose makes others behind his address wait for three
   seconds at most. */
static void what_is_believed_is_bounded(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    one_connection(&t, 0, 150, 1);
    for (unsigned i = 1; i < 12; i++) {
        user_writes(&t, MSS);
        after_ms(&t, 20000);
        (void)ladder_forget(&t);
        peer_sends(&t, SEG_ACK, .ack = 1 + MSS * (int64_t)(i + 1));
    }
    closes_in_order(&t);
    one_connection(&t, 1, 0, 0);
    assert_true(stack_info(&t).rto_us <= 3000000);
    ladder_close(&t);
}

/* An hour later the path may be another. */
static void what_is_known_grows_old(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    one_connection(&t, 0, 150, 12);
    closes_in_order(&t);
    after_ms(&t, 3601000);
    (void)ladder_forget(&t);
    one_connection(&t, 1, 0, 0);
    assert_in_range(stack_info(&t).rto_us, 200000, 210000);
    ladder_close(&t);
}

/* RFC 9040 4.2 under the RFC's profile: the slow start threshold is shared; on Linux it is not. */
static void the_threshold_is_shared_under_the_rfc_profile_only(void **state)
{
    (void)state;
    for (unsigned rfc = 0; rfc < 2; rfc++) {
        struct ladder t;
        uint32_t ssthresh;

        ladder_init(&t);
        t.config.profile = rfc ? FT_PROFILE_RFC : FT_PROFILE_LINUX;
        ladder_start(&t);
        one_connection(&t, 0, 20, 12);
        user_writes(&t, 8 * MSS);
        (void)ladder_forget(&t);
        for (unsigned i = 0; i < 4; i++)
            peer_sends(&t, SEG_ACK, .ack = 1 + 12 * MSS);
        (void)ladder_forget(&t);
        peer_sends(&t, SEG_ACK, .ack = 1 + 20 * MSS);
        ssthresh = stack_info(&t).ssthresh;
        assert_true(ssthresh < UINT32_MAX);
        closes_in_order(&t);
        one_connection(&t, 1, 0, 0);
        if (rfc)
            assert_in_range(stack_info(&t).ssthresh, 2 * MSS, 2 * (uint64_t)ssthresh);
        else
            assert_int_equal(stack_info(&t).ssthresh, UINT32_MAX);
        ladder_close(&t);
    }
}

/* Two segments, 150 ms apart; the first is acknowledged, the second lost. Return: when it is sent
   again, ms after it left. */
static uint64_t again_after(struct ladder *t, unsigned segs)
{
    ft_time left;

    one_connection(t, 0, 100, 12);
    user_sets(t, IPPROTO_TCP, TCP_NODELAY, 1);
    user_writes(t, MSS);
    stack_sends(t, SEG_ACK, .len = MSS);
    user_writes(t, MSS * segs);
    for (unsigned i = 0; i < segs; i++)
        stack_sends(t, SEG_ACK, .len = MSS);
    left = t->now;
    after_ms(t, 100);
    peer_sends(t, SEG_ACK, .ack = 1 + 13 * MSS);
    while (!ladder_pump(t)) {
        after_ms(t, 1);
        assert_true(t->now - left < 2 * FT_SEC);
    }
    return (t->now - left) / FT_MS;
}

/* RFC 7765 4: the timer counts from when the segment left, not from the last ACK. */
static void with_few_segments_the_timer_counts_from_the_first(void **state)
{
    struct ladder t;
    uint64_t few, many;

    (void)state;
    ladder_open(&t);
    few = again_after(&t, 3);
    ladder_close(&t);
    ladder_open(&t);
    many = again_after(&t, 4);
    ladder_close(&t);
    assert_in_range(many - few, 95, 105);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_connection_knows_the_round_trip),
        cmocka_unit_test(a_lost_syn_is_no_sign_of_short_round_trips),
        cmocka_unit_test(it_knows_nothing_if_that_is_switched_off),
        cmocka_unit_test(only_a_good_end_after_enough_octets_writes),
        cmocka_unit_test(what_is_believed_is_bounded),
        cmocka_unit_test(what_is_known_grows_old),
        cmocka_unit_test(the_threshold_is_shared_under_the_rfc_profile_only),
        cmocka_unit_test(with_few_segments_the_timer_counts_from_the_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
