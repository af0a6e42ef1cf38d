/* SPDX-License-Identifier: MIT */
/*
 * The round-trip time and what it makes of the retransmission timeout: RFC 6298 2 and 5, as
 * TCP_INFO tells it and as the timeouts come.
 */
#include "ladder.h"

static void assert_times(const struct ladder *t, uint32_t srtt_us, uint32_t rttvar_us,
                         uint32_t rto_us)
{
    struct tcp_info info = stack_tcp_info(t);

    assert_int_equal(info.tcpi_rtt, srtt_us);
    assert_int_equal(info.tcpi_rttvar, rttvar_us);
    assert_int_equal(info.tcpi_rto, rto_us);
}

/* An active open whose SYN is answered after @ms; without timestamps. */
static void connect_in(struct ladder *t, uint64_t ms)
{
    ladder_open(t);
    user_connects(t);
    stack_sends(t, SEG_SYN);
    after_ms(t, ms);
    peer_sends(t, SEG_SYN | SEG_ACK, .seq = 100, .ack = 1, .mss = 1460);
    stack_sends(t, SEG_ACK, .ack = 101);
}

/* Octets that are acknowledged after @ms. */
static void exchange(struct ladder *t, uint64_t ms)
{
    user_writes(t, 100);
    stack_sends(t, SEG_ACK, .len = 100);
    after_ms(t, ms);
    peer_sends(t, SEG_ACK);
}

/* RFC 6298 2.2: SRTT <- R, RTTVAR <- R/2; 2.3: alpha 1/8, beta 1/4, K 4. */
/* proves: RTO-2 RTO-3 */
static void samples_are_smoothed_as_rfc_6298_has_it(void **state)
{
    struct ladder t;

    (void)state;
    connect_in(&t, 100);
    assert_times(&t, 100000, 50000, 300000);
    exchange(&t, 200);
    assert_times(&t, 112500, 62500, 362500);
    exchange(&t, 60);
    /* 112500 - 14062 + 7500; 62500 - 15625 + 52500 / 4, in whole microseconds. */
    assert_times(&t, 105938, 60000, 345938);
    ladder_close(&t);
}

/* RFC 6298 2.4, as Linux: the variance counts as at least 200 ms. */
static void a_steady_path_keeps_a_floor(void **state)
{
    struct ladder t;

    (void)state;
    connect_in(&t, 10);
    for (unsigned i = 0; i < 100; i++)
        exchange(&t, 10);
    assert_in_range(stack_tcp_info(&t).tcpi_rtt, 9900, 10100);
    assert_in_range(stack_tcp_info(&t).tcpi_rttvar, 0, 100);
    assert_in_range(stack_tcp_info(&t).tcpi_rto, 209900, 210100);
    ladder_close(&t);
}

/* RFC 6298 5.5: the timeout doubles; 2.5: up to a bound, which is two minutes. */
/* proves: RTO-5 RTO-9 */
static void the_timeout_doubles_up_to_two_minutes(void **state)
{
    uint64_t rto_ms = 300, late_ms = 0;
    struct ladder t;

    (void)state;
    connect_in(&t, 100);
    user_writes(&t, 100);
    stack_sends(&t, SEG_ACK, .len = 100);
    for (unsigned i = 0; i < 12; i++) {
        after_ms(&t, rto_ms - 1 - late_ms);
        stack_sends_nothing(&t);
        after_ms(&t, 2);
        stack_sends(&t, SEG_ACK, .seq = 1, .len = 100);
        late_ms = 1; /* it left a millisecond ago */
        rto_ms = rto_ms * 2 > 120000 ? 120000 : rto_ms * 2;
    }
    assert_int_equal(rto_ms, 120000);
    ladder_close(&t);
}

/* Karn: of what was sent twice nobody knows which was acknowledged. The timeout stays backed off
   until something that was sent once is. */
/* proves: RTO-6 */
static void what_was_sent_again_is_no_sample(void **state)
{
    struct ladder t;

    (void)state;
    connect_in(&t, 100);
    user_writes(&t, 100);
    stack_sends(&t, SEG_ACK, .len = 100);
    after_ms(&t, 301);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 100);
    after_ms(&t, 50);
    peer_sends(&t, SEG_ACK, .ack = 101);
    assert_times(&t, 100000, 50000, 300000);
    exchange(&t, 100);
    assert_times(&t, 100000, 37500, 300000);
    ladder_close(&t);
}

/* RFC 6298 5.7: when the SYN itself was lost, the timeout begins at three seconds. */
/* proves: RTO-10 */
static void a_lost_syn_makes_one_wait_longer(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN);
    after_ms(&t, 1001);
    stack_sends(&t, SEG_SYN);
    peer_sends(&t, SEG_SYN | SEG_ACK, .seq = 100, .ack = 1, .mss = 1460);
    stack_sends(&t, SEG_ACK, .ack = 101);
    assert_int_equal(stack_tcp_info(&t).tcpi_rto, 3000000);
    exchange(&t, 80);
    assert_times(&t, 80000, 40000, 280000);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_smoothed_as_rfc_6298_has_it),
        cmocka_unit_test(a_steady_path_keeps_a_floor),
        cmocka_unit_test(the_timeout_doubles_up_to_two_minutes),
        cmocka_unit_test(what_was_sent_again_is_no_sample),
        cmocka_unit_test(a_lost_syn_makes_one_wait_longer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
