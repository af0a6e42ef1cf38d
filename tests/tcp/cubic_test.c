/* SPDX-License-Identifier: MIT */
/*
 * CUBIC (RFC 9438) and HyStart++ (RFC 9406): the integers against the same formulas in doubles, and
 * the algorithm driven by acknowledgements in virtual time, without a stack around it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tcp/cc_cubic.h"
#include "tcp/cc_hystart.h"
#include "tcp/priv.h"

#define MSS 1448u

/* A connection of which only what congestion control reads is there. */
struct drive {
    struct ft_env env;
    struct ft_tcp tcp;
    struct ft_tcb tcb;
    struct tcp_cold cold;
    struct tcp_busy busy;
    struct tcp_past past;
    uint32_t rtt_us;
};

static void begin(struct drive *d, uint32_t cwnd_segs, uint32_t rtt_us)
{
    memset(d, 0, sizeof(*d));
    d->tcp.env = &d->env;
    d->env.now = 1000 * FT_SEC;
    d->tcb.cold = &d->cold;
    d->tcb.busy = &d->busy;
    d->cold.past = &d->past;
    d->tcb.conn.state = FT_TCP_CLOSED;
    d->tcb.snd_mss = MSS;
    d->tcb.cwnd = cwnd_segs * MSS;
    d->tcb.ssthresh = TCP_SSTHRESH_NONE;
    d->cold.opts.cc = (uint8_t)ft_cc_find("cubic", 5);
    d->cold.srtt_us = rtt_us;
    d->cold.rto_us = 1000000;
    d->rtt_us = rtt_us;
    ft_cc_attach(&d->tcp, &d->tcb);
}

/* So many octets are under way at a time, for a round trip; they are acknowledged one by one. */
static void round_trip_using(struct drive *d, uint32_t used)
{
    bool all = used == d->tcb.cwnd;
    uint32_t segs = used / MSS;
    ft_time start = d->env.now;

    if (!all)
        d->tcb.snd_una = d->tcb.snd_max; /* what was under way before has come through */
    for (uint32_t i = 0; i < segs; i++) {
        struct tcp_ack_sample sample;
        uint32_t flight = (all ? d->tcb.cwnd : used) / MSS * MSS;

        d->env.now = start + (ft_time)d->rtt_us * FT_US * (i + 1) / segs;
        d->tcb.snd_max = seq_add(d->tcb.snd_una, flight);
        d->tcb.snd_una = seq_add(d->tcb.snd_una, MSS);
        ft_rate_begin(&d->tcb, &sample);
        sample.acked = MSS;
        sample.prior_flight = flight;
        sample.rtt_us = d->rtt_us;
        ft_cc_acked(&d->tcp, &d->tcb, &sample);
    }
}

static void round_trip(struct drive *d)
{
    round_trip_using(d, d->tcb.cwnd);
}

static void lose(struct drive *d)
{
    ft_cc_congestion(&d->tcp, &d->tcb, d->tcb.cwnd);
    d->tcb.cwnd = d->tcb.ssthresh;
}

static double root3(double x)
{
    double y = x > 1 ? x : 1;

    for (int i = 0; i < 200; i++)
        y = y - (y * y * y - x) / (3 * y * y);
    return y;
}

static double distance(double a, double b)
{
    return a > b ? a - b : b - a;
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

static void the_cube_root_is_exact(void **state)
{
    uint64_t x = 1;

    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t root = ft_cubic_root(x >> (i % 64));

        assert_true(root * root * root <= x >> (i % 64));
        assert_true(root == 2642245 || (root + 1) * (root + 1) * (root + 1) > x >> (i % 64));
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    }
    for (uint64_t n = 1; n < 3000; n++) {
        assert_int_equal(ft_cubic_root(n * n * n), n);
        assert_int_equal(ft_cubic_root(n * n * n - 1), n - 1);
    }
    assert_int_equal(ft_cubic_root(UINT64_MAX), 2642245);
    assert_int_equal(ft_cubic_root(0), 0);
}

/* RFC 9438 equations 1 and 2, from ten segments to a million, at 64 instants each. */
/* proves: CUBIC-1 */
static void the_curve_is_that_of_exact_arithmetic(void **state)
{
    (void)state;
    for (uint32_t segs = 10; segs <= 500000; segs = segs * 7 / 3) {
        struct ft_cubic_curve curve = {.w_max = segs * MSS, .mss = MSS};
        uint32_t cwnd = (uint32_t)(curve.w_max * 0.7);
        double k = root3((curve.w_max - cwnd) / (double)MSS / 0.4);

        curve.k_ms = ft_cubic_k_ms(curve.w_max, cwnd, MSS);
        assert_true(distance(curve.k_ms, k * 1000) <= 1.0);
        for (uint32_t i = 0; i < 64; i++) {
            uint32_t t_ms = (uint32_t)(k * 1000 * 2 * i / 64);
            double s = t_ms / 1000.0 - curve.k_ms / 1000.0;
            double w = 0.4 * MSS * s * s * s + curve.w_max;

            assert_true(distance(ft_cubic_window(&curve, t_ms), w) <= 2.0);
        }
    }
}

/* ---- RFC 9438 4 ------------------------------------------------------------------------------ */

/* RFC 9438 4.6: beta is 0.7; 4.2: the window comes back to W_max at K, and goes on beyond it along
   the same curve. */
/* proves: CUBIC-1 CUBIC-3 */
static void the_window_follows_the_curve_after_a_loss(void **state)
{
    struct drive d;
    double k = root3(1000 * 0.3 / 0.4);
    ft_time start;

    (void)state;
    begin(&d, 1000, 100000);
    lose(&d);
    assert_int_equal(d.tcb.ssthresh, 700 * MSS);
    round_trip(&d); /* the epoch begins with its first ACK */
    start = d.env.now - 100 * FT_MS;
    while (d.tcb.cwnd < 1600 * MSS) {
        double s, w;

        round_trip(&d);
        s = (double)(d.env.now - start) / FT_SEC - k;
        w = 1000 + 0.4 * s * s * s;
        /* It is where the curve is, or will be a round trip later. */
        assert_true(d.tcb.cwnd >= (w - 4) * MSS);
        s += 0.1;
        assert_true(d.tcb.cwnd <= (1000 + 0.4 * s * s * s + 4) * MSS);
    }
    assert_true((double)(d.env.now - start) / FT_SEC > k);
}

/* RFC 9438 4.3: where CUBIC's curve is below Reno's (small windows, short round trips), the window
   grows by alpha_cubic segments a round trip, and by one once it is where the loss was. */
/* proves: CUBIC-2 */
static void small_windows_grow_as_renos_do(void **state)
{
    struct drive d;
    double est = 14;

    (void)state;
    begin(&d, 20, 10000);
    lose(&d);
    assert_int_equal(d.tcb.cwnd, 14 * MSS);
    for (unsigned i = 0; i < 60; i++) {
        uint32_t segs = d.tcb.cwnd / MSS;

        for (uint32_t n = 0; n < segs; n++)
            est += (est >= 20 ? 1 : 9.0 / 17) / (d.tcb.cwnd / (double)MSS);
        round_trip(&d);
        assert_true(distance(d.tcb.cwnd / (double)MSS, est) < 1.0);
    }
    assert_true(est > 35);
}

/* RFC 9438 4.7: with a loss below the last W_max more is given up, for others to take. */
/* proves: CUBIC-4 */
static void a_loss_below_the_last_one_gives_up_more(void **state)
{
    struct drive d;
    const uint32_t *w_max;

    (void)state;
    begin(&d, 1000, 100000);
    w_max = (const uint32_t *)(const void *)d.busy.cc.state; /* the first field */
    lose(&d);
    assert_int_equal(*w_max, 1000 * MSS);
    lose(&d);
    assert_int_equal(d.tcb.cwnd, 490 * MSS);
    assert_true(distance(*w_max, 700 * 0.85 * MSS) <= 20);
}

/* RFC 9438 4.8: after a timeout K is 0 and W_max the window at which avoidance begins: the curve is
   flat there, not on its way back to what was. */
/* proves: CUBIC-5 */
static void after_a_timeout_the_curve_begins_flat(void **state)
{
    struct drive d;

    (void)state;
    begin(&d, 1000, 100000);
    d.env.config.profile = FT_PROFILE_RFC; /* Linux explores by 5 % in a round trip, see below */
    ft_cc_rto(&d.tcp, &d.tcb, d.tcb.cwnd, false);
    assert_int_equal(d.tcb.cwnd, MSS);
    assert_int_equal(d.tcb.ssthresh, 700 * MSS);
    while (d.tcb.cwnd < d.tcb.ssthresh)
        round_trip(&d);
    for (unsigned i = 0; i < 10; i++)
        round_trip(&d);
    /* In a second 0.4 segments by the curve, 10 by Reno's line. */
    assert_true(d.tcb.cwnd >= 704 * MSS && d.tcb.cwnd <= 712 * MSS);
}

/* Under Linux's profile the window grows by 5 % in a round trip while W_max is not known, before
   the first loss (buffer-10 of bench/recovery, beside a flow that left slow start by a loss) and
   after a timeout; then by the curve. */
static void what_is_not_known_is_explored_as_on_linux(void **state)
{
    struct drive d;

    (void)state;
    begin(&d, 1000, 100000);
    d.tcb.ssthresh = 1000 * MSS; /* HyStart has left slow start */
    for (unsigned i = 0; i < 10; i++)
        round_trip(&d);
    assert_in_range(d.tcb.cwnd, 1600 * MSS, 1640 * MSS); /* 1.05^10 is 1.63 */
    lose(&d);
    for (unsigned i = 0; i < 10; i++)
        round_trip(&d);
    assert_true(d.tcb.cwnd < 1300 * MSS); /* on the way back to 1630, K is 10 s */
    ft_cc_rto(&d.tcp, &d.tcb, d.tcb.cwnd, false);
    while (d.tcb.cwnd < d.tcb.ssthresh)
        round_trip(&d);
    uint32_t cwnd = d.tcb.cwnd;
    round_trip(&d);
    round_trip(&d);
    assert_in_range(d.tcb.cwnd, cwnd / 100 * 109, cwnd / 100 * 111);
}

/* RFC 9438 4.9: when congestion was none, window, threshold and the place on the curve come back.
 */
/* proves: CUBIC-6 */
static void undo_brings_the_curve_back(void **state)
{
    struct drive d;
    uint64_t before[CC_STATE_WORDS];
    uint32_t cwnd, ssthresh;

    (void)state;
    begin(&d, 1000, 100000);
    lose(&d);
    for (unsigned i = 0; i < 40; i++)
        round_trip(&d);
    cwnd = d.tcb.cwnd;
    ssthresh = d.tcb.ssthresh;
    memcpy(before, d.busy.cc.state, sizeof(before));
    ft_cc_rto(&d.tcp, &d.tcb, cwnd, false);
    ft_cc_rto(&d.tcp, &d.tcb, cwnd, true);
    assert_int_equal(d.tcb.cwnd, MSS);
    ft_cc_undo(&d.tcp, &d.tcb);
    assert_int_equal(d.tcb.cwnd, cwnd);
    assert_int_equal(d.tcb.ssthresh, ssthresh);
    assert_memory_equal(d.busy.cc.state, before, 7 * sizeof(uint32_t));
    /* Once: what is undone is not undone again. */
    d.tcb.cwnd = 10 * MSS;
    ft_cc_undo(&d.tcp, &d.tcb);
    assert_int_equal(d.tcb.cwnd, 10 * MSS);
}

/* RFC 7661 4.4.1: a window of which little was used says nothing about the path: what was used
   does. */
/* proves: CUBIC-8 */
static void a_loss_with_a_window_not_used_falls_to_what_was(void **state)
{
    struct drive d;

    (void)state;
    begin(&d, 1000, 100000);
    d.tcb.ssthresh = 500 * MSS;
    for (unsigned i = 0; i < 4; i++)
        round_trip_using(&d, 100 * MSS);
    assert_int_equal(d.tcb.cwnd, 1000 * MSS); /* it did not grow */
    ft_cc_congestion(&d.tcp, &d.tcb, 90 * MSS);
    assert_true(d.tcb.ssthresh <= 71 * MSS && d.tcb.ssthresh >= 69 * MSS);
}

/* Not below what any connection begins with: a request of one segment was lost, and an answer of
   many follows. packetdrill's cubic-rto-ss-ca-cwnd-bump crept on from two segments. */
static void a_loss_of_one_segment_leaves_most_of_an_initial_window(void **state)
{
    struct drive d;

    (void)state;
    for (unsigned cwnd = 2; cwnd <= 30; cwnd++) {
        unsigned base = cwnd <= 20 ? cwnd : 10;

        begin(&d, cwnd, 100000);
        round_trip_using(&d, MSS);
        ft_cc_congestion(&d.tcp, &d.tcb, MSS);
        assert_int_equal(d.tcb.ssthresh, FT_MAX(base * MSS * 7 / 10, 2 * MSS));
    }
}

/* RFC 7661 4.4.3: and after five minutes it is believed less by half, but not below what was
   begun with. */
static void a_window_not_used_for_five_minutes_is_halved(void **state)
{
    struct drive d;

    (void)state;
    begin(&d, 40, 100000);
    d.tcb.ssthresh = 20 * MSS;
    for (unsigned i = 0; i < 2900; i++)
        round_trip_using(&d, 5 * MSS);
    assert_int_equal(d.tcb.cwnd, 40 * MSS);
    for (unsigned i = 0; i < 200; i++)
        round_trip_using(&d, 5 * MSS);
    assert_int_equal(d.tcb.cwnd, 20 * MSS);
    assert_int_equal(d.tcb.ssthresh, 30 * MSS);
    for (unsigned i = 0; i < 9000; i++)
        round_trip_using(&d, MSS);
    assert_int_equal(d.tcb.cwnd, 10 * MSS);
}

/* RFC 9438 5.8: a minute in which the window was not used, and a minute of silence, are not time on
   the curve: no jump follows. */
/* proves: CUBIC-8 */
static void time_that_was_not_used_is_not_on_the_curve(void **state)
{
    struct drive d;
    uint32_t cwnd;

    (void)state;
    begin(&d, 1000, 100000);
    lose(&d);
    for (unsigned i = 0; i < 30; i++)
        round_trip(&d);
    for (unsigned i = 0; i < 3; i++)
        round_trip_using(&d, 10 * MSS);
    cwnd = d.tcb.cwnd;
    for (unsigned i = 0; i < 600; i++)
        round_trip_using(&d, 10 * MSS);
    assert_int_equal(d.tcb.cwnd, cwnd);
    round_trip(&d);
    assert_true(d.tcb.cwnd < cwnd + 30 * MSS);
    cwnd = d.tcb.cwnd;
    /* Everything is acknowledged: state is given back, and taken again a minute later. */
    d.cold.sending.sent_at = d.env.now;
    ft_cc_detach(&d.tcp, &d.tcb);
    memset(&d.busy, 0x5a, sizeof(d.busy));
    memset(&d.busy.cc.rate, 0, sizeof(d.busy.cc.rate)); /* as the pool gives it; attach keeps it */
    d.env.now += 60 * FT_SEC;
    d.cold.rto_us = 1u << 30; /* the window itself stays */
    ft_cc_attach(&d.tcp, &d.tcb);
    d.tcb.conn.state = FT_TCP_ESTABLISHED;
    ft_cc_begin_flight(&d.tcp, &d.tcb);
    round_trip(&d);
    assert_true(d.tcb.cwnd >= cwnd && d.tcb.cwnd < cwnd + 30 * MSS);
}

/* ---- RFC 9406 -------------------------------------------------------------------------------- */

/* RFC 9406 4.2: round trips that grow by an eighth (4 ms at least) lead to conservative slow start,
   which grows by a quarter; after five rounds of it slow start is over, without a loss. */
/* proves: CUBIC-7 */
static void slow_start_ends_when_round_trips_grow(void **state)
{
    struct drive d;
    uint32_t cwnd;

    (void)state;
    begin(&d, 10, 40000);
    d.env.config.profile = FT_PROFILE_RFC; /* by round trips alone */
    for (unsigned i = 0; i < 4; i++)
        round_trip(&d);
    assert_int_equal(d.tcb.cwnd, 160 * MSS);
    d.rtt_us = 46000;
    round_trip(&d);
    round_trip(&d); /* the first whole one among the longer ones */
    assert_int_equal(d.tcb.ssthresh, TCP_SSTHRESH_NONE);
    for (unsigned i = 0; i < 3; i++) {
        cwnd = d.tcb.cwnd;
        round_trip(&d);
        assert_true(d.tcb.cwnd <= cwnd + cwnd / 4 + MSS && d.tcb.cwnd >= cwnd + cwnd / 4 - MSS);
    }
    for (unsigned i = 0; i < 2; i++)
        round_trip(&d);
    assert_int_not_equal(d.tcb.ssthresh, TCP_SSTHRESH_NONE);
    cwnd = d.tcb.cwnd;
    round_trip(&d);
    assert_true(d.tcb.cwnd <= cwnd + MSS);
}

/* As on Linux: ACKs that follow each other closely for half a round trip end slow start at once;
   with gaps between them they do not. */
static void slow_start_ends_when_acks_fill_half_a_round_trip(void **state)
{
    struct drive d;

    (void)state;
    begin(&d, 40, 40000);
    round_trip(&d);
    assert_in_range(d.tcb.ssthresh, 58 * MSS, 63 * MSS);
    assert_in_range(d.tcb.cwnd, d.tcb.ssthresh, d.tcb.ssthresh + MSS);
    begin(&d, 12, 40000);
    round_trip(&d);
    assert_int_equal(d.tcb.cwnd, 24 * MSS);
    assert_int_equal(d.tcb.ssthresh, TCP_SSTHRESH_NONE);
    begin(&d, 40, 40000);
    d.env.config.profile = FT_PROFILE_RFC;
    round_trip(&d);
    assert_int_equal(d.tcb.cwnd, 80 * MSS);
}

/* bench/recovery, rtt-300: who is woken some milliseconds late sees a gap in a train, which is
   small beside the silence between two; slow start overran the path by half. */
static void a_train_may_have_gaps_that_are_short_beside_the_round_trip(void **state)
{
    struct drive d;

    (void)state;
    begin(&d, 40, 320000); /* an ACK in 8 ms */
    round_trip(&d);
    assert_in_range(d.tcb.ssthresh, 58 * MSS, 63 * MSS);
    begin(&d, 24, 320000); /* in 13 ms */
    round_trip(&d);
    assert_int_equal(d.tcb.ssthresh, TCP_SSTHRESH_NONE);
}

/* RFC 9406 4.2: growth below the threshold is noise. */
static void slow_start_goes_on_when_round_trips_grow_little(void **state)
{
    struct drive d;

    (void)state;
    begin(&d, 10, 40000);
    d.env.config.profile = FT_PROFILE_RFC; /* by round trips alone */
    for (unsigned i = 0; i < 8; i++) {
        round_trip(&d);
        d.rtt_us += 4000;
    }
    assert_int_equal(d.tcb.cwnd, 2560 * MSS);
}

/* RFC 9406 4.2: when round trips are short again there was no queue, and slow start resumes. */
static void slow_start_resumes_when_round_trips_shrink(void **state)
{
    struct drive d;
    uint32_t cwnd;

    (void)state;
    begin(&d, 10, 40000);
    d.env.config.profile = FT_PROFILE_RFC; /* by round trips alone */
    for (unsigned i = 0; i < 3; i++)
        round_trip(&d);
    d.rtt_us = 50000;
    round_trip(&d);
    cwnd = d.tcb.cwnd;
    round_trip(&d);
    assert_true(d.tcb.cwnd < cwnd + cwnd / 3);
    d.rtt_us = 40000;
    round_trip(&d);
    cwnd = d.tcb.cwnd;
    round_trip(&d);
    assert_true(d.tcb.cwnd > cwnd + cwnd * 9 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cube_root_is_exact),
        cmocka_unit_test(the_curve_is_that_of_exact_arithmetic),
        cmocka_unit_test(the_window_follows_the_curve_after_a_loss),
        cmocka_unit_test(small_windows_grow_as_renos_do),
        cmocka_unit_test(a_loss_below_the_last_one_gives_up_more),
        cmocka_unit_test(after_a_timeout_the_curve_begins_flat),
        cmocka_unit_test(what_is_not_known_is_explored_as_on_linux),
        cmocka_unit_test(undo_brings_the_curve_back),
        cmocka_unit_test(a_loss_with_a_window_not_used_falls_to_what_was),
        cmocka_unit_test(a_loss_of_one_segment_leaves_most_of_an_initial_window),
        cmocka_unit_test(a_window_not_used_for_five_minutes_is_halved),
        cmocka_unit_test(time_that_was_not_used_is_not_on_the_curve),
        cmocka_unit_test(slow_start_ends_when_round_trips_grow),
        cmocka_unit_test(slow_start_ends_when_acks_fill_half_a_round_trip),
        cmocka_unit_test(a_train_may_have_gaps_that_are_short_beside_the_round_trip),
        cmocka_unit_test(slow_start_goes_on_when_round_trips_grow_little),
        cmocka_unit_test(slow_start_resumes_when_round_trips_shrink),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
