/* SPDX-License-Identifier: MIT */
/*
 * The delivery rate (draft-cheng-iccrg-delivery-rate-estimation) and BBR version 3
 * (draft-ietf-ccwg-bbr), on a path in virtual time that has a rate, a delay, a queue and losses;
 * the sender around them is a few lines here, not a stack.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tcp/cc_bbr.h"
#include "tcp/priv.h"

#define MSS        1448u
#define FLYING_MAX 65536

struct flying {
    struct tcp_rate_stamp stamp;
    ft_time sent_at, back_at;
    bool lost;
};

struct path {
    struct ft_env env;
    struct ft_tcp tcp;
    struct ft_tcb tcb;
    struct tcp_cold cold;
    struct tcp_past past;
    struct tcp_busy busy;
    uint64_t rate;               /* octets a second */
    ft_time delay;               /* there and back, without the queue */
    uint64_t queue;              /* octets that may wait */
    uint32_t loss_ppm;           /* by chance */
    uint32_t burst_every, burst; /* of so many segments so many one after the other; 0: none */
    bool batch;                  /* ACKs come for 16 segments at a time */
    uint64_t app_rate;           /* what the user writes, octets a second; 0: all that fits */
    ft_time free_at, next_at;
    struct flying *flying;
    uint32_t head, tail;
    uint32_t flight; /* octets in the network */
    uint64_t delivered, dropped, sent;
    uint64_t dice;
    ft_time wait_max; /* the longest wait in the queue since it was zeroed */
    double written;
    ft_time burst_back_at;
};

static void begin(struct path *p, uint64_t rate, ft_time delay, uint64_t queue)
{
    memset(p, 0, sizeof(*p));
    p->tcp.env = &p->env;
    p->env.now = 1000 * FT_SEC;
    p->tcb.conn.state = FT_TCP_CLOSED;
    p->tcb.cold = &p->cold;
    p->tcb.busy = &p->busy;
    p->cold.past = &p->past;
    p->tcb.snd_mss = MSS;
    p->tcb.cwnd = 10 * MSS;
    p->tcb.ssthresh = TCP_SSTHRESH_NONE;
    p->cold.opts.cc = (uint8_t)ft_cc_find("bbr", 3);
    p->cold.opts.max_pacing_rate = UINT32_MAX;
    p->cold.srtt_us = (uint32_t)(delay / FT_US);
    p->cold.opts.snd_buf = 1u << 30;
    p->rate = rate;
    p->delay = delay;
    p->queue = queue;
    p->dice = 88172645463325252u;
    p->flying = calloc(FLYING_MAX, sizeof(*p->flying));
    ft_cc_attach(&p->tcp, &p->tcb);
}

static void end(struct path *p)
{
    free(p->flying);
}

static bool unlucky(struct path *p)
{
    p->dice ^= p->dice << 13;
    p->dice ^= p->dice >> 7;
    p->dice ^= p->dice << 17;
    return p->dice % 1000000 < p->loss_ppm;
}

/* What comes behind a burst tells of all of it at once. */
static void in_burst(struct path *p, struct flying *f)
{
    uint32_t place = p->tail % p->burst_every;

    if (place == 0)
        p->burst_back_at = f->back_at + p->burst * 2 * MSS * FT_SEC / p->rate;
    if (place >= p->burst)
        return;
    f->lost = true;
    f->back_at = p->burst_back_at;
}

static void send_one(struct path *p)
{
    struct flying *f = &p->flying[p->tail++ % FLYING_MAX];
    ft_time now = p->env.now;
    ft_time wait = p->free_at > now ? p->free_at - now : 0;

    assert_true(p->tail - p->head < FLYING_MAX);
    if (p->flight == 0)
        ft_rate_app_limited(&p->tcb, 0);
    *f = (struct flying){.sent_at = now};
    ft_rate_sent(&p->tcp, &p->tcb, p->flight, MSS, &f->stamp);
    p->flight += MSS;
    p->sent += MSS;
    p->tcb.snd_max = seq_add(p->tcb.snd_max, MSS);
    f->lost = wait * p->rate / FT_SEC + MSS > p->queue || unlucky(p);
    if (wait * p->rate / FT_SEC + MSS <= p->queue) {
        p->wait_max = wait > p->wait_max ? wait : p->wait_max;
        p->free_at = now + wait + MSS * FT_SEC / p->rate;
    }
    f->back_at = now + wait + MSS * FT_SEC / p->rate + p->delay;
    if (p->burst_every)
        in_burst(p, f);
    p->next_at = (p->next_at > now ? p->next_at : now) + MSS * FT_SEC / p->busy.cc.pace_rate;
}

/* The ACK of what has come back by now; what was lost among it is found out by it. */
static void ack(struct path *p)
{
    struct tcp_ack_sample sample;
    uint32_t prior = p->flight;

    ft_rate_begin(&p->tcb, &sample);
    while (p->head != p->tail && p->flying[p->head % FLYING_MAX].back_at <= p->env.now) {
        struct flying *f = &p->flying[p->head++ % FLYING_MAX];

        p->flight -= MSS;
        p->tcb.snd_una = seq_add(p->tcb.snd_una, MSS);
        if (f->lost) {
            p->dropped++;
            sample.lost += MSS;
            ft_rate_lost(&p->tcp, &p->tcb, &f->stamp, MSS);
            continue;
        }
        p->delivered += MSS;
        sample.acked += MSS;
        sample.rtt_us = (uint32_t)((p->env.now - f->sent_at) / FT_US);
        ft_rate_delivered(&p->tcp, &p->tcb, &f->stamp, MSS, &sample);
    }
    sample.prior_flight = prior;
    sample.flight = p->flight;
    sample.in_recovery = sample.lost > 0 || (p->tcb.flags & TCB_RECOVERY);
    if (sample.lost > 0 && !(p->tcb.flags & TCB_RECOVERY))
        ft_cc_congestion(&p->tcp, &p->tcb, prior);
    ft_cc_acked(&p->tcp, &p->tcb, &sample);
}

static bool may_send(const struct path *p)
{
    return p->flight + MSS <= p->tcb.cwnd && (!p->app_rate || p->written >= MSS);
}

static void run(struct path *p, ft_time span)
{
    ft_time until = p->env.now + span;

    while (p->env.now < until) {
        ft_time at = until;

        while (may_send(p) && p->next_at <= p->env.now) {
            p->written -= p->app_rate ? MSS : 0;
            send_one(p);
        }
        if (p->app_rate && !may_send(p) && p->flight + MSS <= p->tcb.cwnd)
            ft_rate_app_limited(&p->tcb, p->flight);
        if (may_send(p) && p->next_at < at)
            at = p->next_at;
        if (p->app_rate && p->env.now + FT_MS < at)
            at = p->env.now + FT_MS;
        if (p->head != p->tail) {
            uint32_t n = p->batch && p->tail - p->head > 16 ? 15 : 0;
            ft_time back = p->flying[(p->head + n) % FLYING_MAX].back_at;

            at = back < at ? back : at;
        }
        p->written += p->app_rate ? (double)p->app_rate * (double)(at - p->env.now) / FT_SEC : 0;
        p->env.now = at;
        if (p->head != p->tail && p->flying[p->head % FLYING_MAX].back_at <= at)
            ack(p);
    }
}

/* Octets a second over a span. */
static uint64_t speed(struct path *p, ft_time span)
{
    uint64_t before = p->delivered;

    run(p, span);
    return (p->delivered - before) * FT_SEC / span;
}

static struct bbr *bbr(struct path *p)
{
    return bbr_of(&p->tcb);
}

/* ---- the delivery rate ----------------------------------------------------------------------- */

/* The draft, 3.1.3: the rate is over the longer of the times of sending and of
   acknowledgement; 2.3: what the user held back is marked; a sample shorter than any round trip is
   none. */
static void the_delivery_rate_is_the_slower_of_sending_and_acknowledging(void **state)
{
    struct path p;
    struct tcp_rate_stamp a, b;
    struct tcp_ack_sample s;

    (void)state;
    begin(&p, 1, FT_SEC, 1);
    ft_rate_sent(&p.tcp, &p.tcb, 0, 1000, &a);
    p.env.now += 10 * FT_MS;
    ft_rate_sent(&p.tcp, &p.tcb, 1000, 1000, &b);
    p.env.now += 90 * FT_MS;
    ft_rate_begin(&p.tcb, &s);
    ft_rate_delivered(&p.tcp, &p.tcb, &a, 1000, &s);
    ft_rate_finish(&p.tcb, &s);
    assert_int_equal(s.interval_us, 100000);
    assert_int_equal(s.rate_octets, 1000);
    p.env.now += 10 * FT_MS;
    ft_rate_begin(&p.tcb, &s);
    ft_rate_delivered(&p.tcp, &p.tcb, &b, 1000, &s);
    ft_rate_finish(&p.tcb, &s);
    assert_int_equal(s.rate_octets, 2000);
    assert_int_equal(s.interval_us, 110000);
    assert_false(s.app_limited);
    /* The sender was slower: 300 ms between two segments that are acknowledged together. */
    ft_rate_sent(&p.tcp, &p.tcb, 0, 1000, &a);
    p.env.now += 300 * FT_MS;
    ft_rate_app_limited(&p.tcb, 1000);
    ft_rate_sent(&p.tcp, &p.tcb, 1000, 1000, &b);
    p.env.now += 10 * FT_MS;
    ft_rate_begin(&p.tcb, &s);
    ft_rate_delivered(&p.tcp, &p.tcb, &b, 1000, &s);
    ft_rate_delivered(&p.tcp, &p.tcb, &a, 1000, &s);
    ft_rate_finish(&p.tcb, &s);
    assert_int_equal(s.rate_octets, 2000);
    assert_int_equal(s.interval_us, 310000);
    assert_true(s.app_limited);
    p.cold.min_rtt_us = 400000;
    ft_rate_begin(&p.tcb, &s);
    ft_rate_sent(&p.tcp, &p.tcb, 0, 1000, &a);
    p.env.now += 10 * FT_MS;
    ft_rate_delivered(&p.tcp, &p.tcb, &a, 1000, &s);
    ft_rate_finish(&p.tcb, &s);
    assert_int_equal(s.interval_us, 0);
    end(&p);
}

/* ---- BBR ------------------------------------------------------------------------------------- */

/* Startup finds the bandwidth in a few round trips, Drain empties the queue, ProbeBW keeps both. */
static void bbr_fills_the_pipe_and_little_more(void **state)
{
    struct path p;

    (void)state;
    begin(&p, 12500000, 40 * FT_MS, 4 << 20);
    run(&p, FT_SEC);
    assert_true(bbr(&p)->full_bw_reached);
    assert_true(bbr_in_probe_bw(bbr(&p)));
    assert_in_range(ft_bbr_max_bw(bbr(&p)), 12250000, 12750000);
    assert_in_range(bbr(&p)->min_rtt_us, 40000, 40300);
    p.wait_max = 0;
    assert_true((double)speed(&p, 20 * FT_SEC) > 12500000 * 0.95);
    assert_true(p.wait_max < 50 * FT_MS); /* CUBIC would fill 330 ms */
    assert_int_equal(p.dropped, 0);
    end(&p);
}

/* 5.3.3: the cycle goes round: down, cruise, refill, up, every two to three seconds or 62 rounds.
 */
static void the_cycle_goes_through_all_its_phases(void **state)
{
    struct path p;
    unsigned seen = 0, ups = 0, last = BBR_STARTUP;

    (void)state;
    begin(&p, 1250000, 50 * FT_MS, 1 << 20);
    for (unsigned i = 0; i < 20000; i++) {
        run(&p, FT_MS);
        seen |= 1u << bbr(&p)->state;
        ups += bbr(&p)->state == BBR_UP && last != BBR_UP;
        last = bbr(&p)->state;
    }
    assert_int_equal(seen, 127);
    assert_in_range(ups, 6, 12);
    end(&p);
}

/* 5.3.4: after five seconds without a lower round trip the pipe is half emptied for 200 ms. */
static void probe_rtt_comes_every_five_seconds(void **state)
{
    struct path p;
    unsigned n = 0, ms = 0, last = BBR_STARTUP;

    (void)state;
    begin(&p, 1250000, 50 * FT_MS, 1 << 20);
    for (unsigned i = 0; i < 30000; i++) {
        run(&p, FT_MS);
        n += bbr(&p)->state == BBR_PROBE_RTT && last != BBR_PROBE_RTT;
        ms += bbr(&p)->state == BBR_PROBE_RTT;
        last = bbr(&p)->state;
    }
    assert_in_range(n, 4, 6);
    assert_in_range(ms, n * 200, n * 450);
    end(&p);
}

/* A longer path is believed within ten seconds and a little. */
static void a_longer_path_is_believed_after_ten_seconds(void **state)
{
    struct path p;

    (void)state;
    begin(&p, 1250000, 20 * FT_MS, 1 << 20);
    run(&p, 3 * FT_SEC);
    p.delay = 80 * FT_MS;
    run(&p, 22 * FT_SEC);
    assert_in_range(bbr(&p)->min_rtt_us, 80000, 90000);
    assert_true((double)speed(&p, 10 * FT_SEC) > 1250000 * 0.9);
    end(&p);
}

/* Chosen in mid-transfer it counts round trips from there on, whatever was delivered before. */
static void who_changes_to_bbr_late_leaves_startup_too(void **state)
{
    struct path p;

    (void)state;
    begin(&p, 12500000, 20 * FT_MS, 250000);
    p.busy.cc.rate.delivered = 0x80100000u;
    p.busy.cc.rate.lost = 1000 * MSS;
    ft_cc_attach(&p.tcp, &p.tcb);
    assert_int_equal(p.busy.cc.rate.delivered, 0x80100000u);
    run(&p, FT_SEC);
    assert_true(bbr_in_probe_bw(bbr(&p)));
    end(&p);
}

/* When the path gets faster the rate follows by the probes of ProbeBW; when slower, at once by what
   is lost and measured. */
static void bbr_follows_the_bandwidth(void **state)
{
    struct path p;

    (void)state;
    begin(&p, 1250000, 40 * FT_MS, 1 << 20);
    run(&p, 3 * FT_SEC);
    p.rate = 2500000;
    run(&p, 20 * FT_SEC);
    assert_true((double)speed(&p, 5 * FT_SEC) > 2500000 * 0.9);
    p.rate = 625000;
    run(&p, 20 * FT_SEC);
    assert_true((double)speed(&p, 5 * FT_SEC) > 625000 * 0.9);
    p.wait_max = 0;
    run(&p, 4 * FT_SEC);
    assert_true(p.wait_max < 60 * FT_MS);
    end(&p);
}

/* Losses by chance below 2 % do not slow it down. */
static void one_per_cent_of_losses_costs_little(void **state)
{
    struct path p;

    (void)state;
    begin(&p, 12500000, 40 * FT_MS, 4 << 20);
    p.loss_ppm = 10000;
    run(&p, 3 * FT_SEC);
    assert_true((double)speed(&p, 20 * FT_SEC) > 12500000 * 0.9);
    end(&p);
    /* Where one loss is more than 2 % of what is under way. */
    begin(&p, 1250000, 20 * FT_MS, 100000);
    p.loss_ppm = 10000;
    run(&p, 3 * FT_SEC);
    assert_true((double)speed(&p, 20 * FT_SEC) > 1250000 * 0.85);
    end(&p);
}

/* Nor does a burst of eight in five round trips, though it is 5 % of one (bench/recovery, burst-8).
   When all the round trips have several, the bounds fall. */
static void a_burst_is_no_congestion(void **state)
{
    struct path p;
    unsigned steps = 0;

    (void)state;
    begin(&p, 12500000, 20 * FT_MS, 1 << 20);
    p.burst_every = 800;
    p.burst = 8;
    run(&p, 3 * FT_SEC);
    assert_true((double)speed(&p, 20 * FT_SEC) > 12500000 * 0.93);
    while (bbr(&p)->state != BBR_CRUISE || bbr(&p)->bw_lo != BBR_BW_NONE) {
        assert_true(steps++ < 10000);
        run(&p, FT_MS);
    }
    p.burst_every = 40;
    run(&p, 200 * FT_MS);
    assert_true(bbr(&p)->bw_lo != BBR_BW_NONE && bbr(&p)->inflight_lo != BBR_NONE);
    end(&p);
}

static void until_state(struct path *p, enum bbr_state wanted)
{
    unsigned steps = 0;

    while (bbr(p)->state != wanted) {
        assert_true(steps++ < 100000);
        run(p, FT_MS / 10);
    }
}

/* Marks of a round trip lower what may be under way at its end, and not the rate; in the probe they
   bound it for long. */
static void marks_lower_what_is_under_way(void **state)
{
    struct path p;

    (void)state;
    begin(&p, 12500000, 20 * FT_MS, 1 << 20);
    run(&p, FT_SEC);
    until_state(&p, BBR_CRUISE);
    run(&p, 100 * FT_MS);
    assert_int_equal(bbr(&p)->state, BBR_CRUISE);
    ft_cc_mark(&p.tcp, &p.tcb, p.flight);
    assert_int_equal(bbr(&p)->inflight_lo, BBR_NONE);
    run(&p, 50 * FT_MS);
    assert_true(bbr(&p)->inflight_lo < 500000);
    assert_true(bbr(&p)->inflight_lo > 200000);
    assert_true(bbr(&p)->bw_lo == BBR_BW_NONE);
    until_state(&p, BBR_UP);
    assert_int_equal(bbr(&p)->inflight_lo, BBR_NONE);
    ft_cc_mark(&p.tcp, &p.tcb, p.flight);
    assert_int_equal(bbr(&p)->state, BBR_DOWN);
    assert_true(bbr(&p)->inflight_hi != BBR_NONE);
    end(&p);
}

/* HandleSpuriousLossDetection(): the bounds are what they were before the first loss, and what
   ended by it begins again, Startup or a probe. */
static void losses_that_were_none_are_forgotten(void **state)
{
    struct path p;
    unsigned steps = 0;

    (void)state;
    begin(&p, 125000000, 20 * FT_MS, 4 << 20);
    run(&p, 60 * FT_MS);
    p.loss_ppm = 100000;
    while (p.dropped == 0)
        run(&p, FT_MS / 10);
    p.tcb.flags |= TCB_RECOVERY;
    until_state(&p, BBR_DRAIN);
    assert_true(bbr(&p)->inflight_hi != BBR_NONE);
    ft_cc_undo(&p.tcp, &p.tcb);
    assert_int_equal(bbr(&p)->state, BBR_STARTUP);
    assert_false(bbr(&p)->full_bw_reached);
    assert_int_equal(bbr(&p)->inflight_hi, BBR_NONE);
    end(&p);
    begin(&p, 12500000, 20 * FT_MS, 1 << 20);
    run(&p, FT_SEC);
    until_state(&p, BBR_UP);
    p.loss_ppm = 200000;
    while (bbr(&p)->state == BBR_UP) {
        assert_true(steps++ < 10000);
        run(&p, FT_MS / 10);
    }
    assert_true(bbr(&p)->inflight_hi != BBR_NONE);
    ft_cc_undo(&p.tcp, &p.tcb);
    assert_int_equal(bbr(&p)->state, BBR_REFILL);
    assert_int_equal(bbr(&p)->inflight_hi, BBR_NONE);
    end(&p);
}

/* A queue of a tenth of the path: inflight_hi learns it, few octets are lost, and the headroom does
   not leave the path idle (bench/recovery, buffer-0.1). */
static void a_short_queue_bounds_what_is_under_way(void **state)
{
    struct path p;
    uint64_t sent, dropped;

    (void)state;
    begin(&p, 12500000, 40 * FT_MS, 50000);
    run(&p, 5 * FT_SEC);
    assert_true(bbr(&p)->inflight_hi != BBR_NONE);
    sent = p.sent;
    dropped = p.dropped;
    assert_true((double)speed(&p, 20 * FT_SEC) > 12500000 * 0.93);
    assert_true((p.dropped - dropped) * MSS * 100 < p.sent - sent);
    end(&p);
}

/* ACKs for sixteen segments at a time do not starve it. */
static void aggregated_acks_do_not_starve_it(void **state)
{
    struct path p;

    (void)state;
    begin(&p, 12500000, 10 * FT_MS, 1 << 20);
    p.batch = true;
    run(&p, 2 * FT_SEC);
    assert_true((double)speed(&p, 10 * FT_SEC) > 12500000 * 0.9);
    end(&p);
}

/* What the user holds back does not lower what is known of the path, nor does idle, in which the
   state is given back. */
static void the_model_outlives_a_slow_user_and_idle(void **state)
{
    struct path p;

    (void)state;
    begin(&p, 12500000, 40 * FT_MS, 4 << 20);
    run(&p, 3 * FT_SEC);
    p.app_rate = 500000;
    run(&p, 8 * FT_SEC);
    assert_true(ft_bbr_max_bw(bbr(&p)) > 12000000);
    assert_true(bbr_in_probe_bw(bbr(&p)) || bbr(&p)->state == BBR_PROBE_RTT);
    p.app_rate = 1;
    p.written = -1e9;
    run(&p, FT_SEC);
    assert_int_equal(p.flight, 0);
    ft_cc_detach(&p.tcp, &p.tcb);
    memset(&p.busy, 0x5a, sizeof(p.busy));
    memset(&p.busy.cc.rate, 0, sizeof(p.busy.cc.rate)); /* as the pool gives it; attach keeps it */
    p.env.now += 2 * FT_SEC;
    ft_cc_attach(&p.tcp, &p.tcb);
    assert_true(bbr(&p)->full_bw_reached);
    assert_true(p.busy.cc.pace_rate > 11000000);
    p.app_rate = 0;
    p.next_at = 0;
    assert_true((double)speed(&p, 2 * FT_SEC) > 12500000 * 0.9);
    end(&p);
}

/* Losses before ProbeRTT, and a recovery that is over within it: the window that both have lowered
   comes back in the end. */
static void a_recovery_that_ends_in_probe_rtt_forgets_no_window(void **state)
{
    struct path p;
    uint32_t before;

    (void)state;
    begin(&p, 12500000, 20 * FT_MS, 250000);
    until_state(&p, BBR_PROBE_RTT);
    before = bbr(&p)->prior_cwnd;
    assert_true(before > 0);
    ft_cc_bbr.cwnd_event(&p.tcp, &p.tcb, CC_EVENT_RECOVERED);
    assert_int_equal(bbr(&p)->prior_cwnd, before);
    end(&p);
}

/* A timeout that was a mistake, and one that was not: the window comes back. */
static void a_timeout_keeps_the_model(void **state)
{
    struct path p;
    uint32_t cwnd;

    (void)state;
    begin(&p, 12500000, 40 * FT_MS, 4 << 20);
    run(&p, 3 * FT_SEC);
    cwnd = p.tcb.cwnd;
    ft_cc_rto(&p.tcp, &p.tcb, p.flight, false);
    assert_int_equal(p.tcb.cwnd, MSS);
    ft_cc_undo(&p.tcp, &p.tcb);
    assert_true(p.tcb.cwnd >= cwnd);
    ft_cc_rto(&p.tcp, &p.tcb, p.flight, false);
    ft_cc_recovered(&p.tcp, &p.tcb);
    assert_true(p.tcb.cwnd >= cwnd);
    assert_true((double)speed(&p, 2 * FT_SEC) > 12500000 * 0.9);
    end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_delivery_rate_is_the_slower_of_sending_and_acknowledging),
        cmocka_unit_test(bbr_fills_the_pipe_and_little_more),
        cmocka_unit_test(the_cycle_goes_through_all_its_phases),
        cmocka_unit_test(probe_rtt_comes_every_five_seconds),
        cmocka_unit_test(a_longer_path_is_believed_after_ten_seconds),
        cmocka_unit_test(who_changes_to_bbr_late_leaves_startup_too),
        cmocka_unit_test(bbr_follows_the_bandwidth),
        cmocka_unit_test(one_per_cent_of_losses_costs_little),
        cmocka_unit_test(a_burst_is_no_congestion),
        cmocka_unit_test(marks_lower_what_is_under_way),
        cmocka_unit_test(losses_that_were_none_are_forgotten),
        cmocka_unit_test(a_short_queue_bounds_what_is_under_way),
        cmocka_unit_test(aggregated_acks_do_not_starve_it),
        cmocka_unit_test(the_model_outlives_a_slow_user_and_idle),
        cmocka_unit_test(a_recovery_that_ends_in_probe_rtt_forgets_no_window),
        cmocka_unit_test(a_timeout_keeps_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
