/* SPDX-License-Identifier: MIT */
/*
 * Congestion control in whole stacks, over a path with a rate, a delay, a queue and losses: that
 * pipes are filled, queues are not, and shares are fair.
 */
#include "pair.h"

#define MBIT 125000u /* octets a second */

static void start(struct pair *p, const char *name, uint64_t rate, ft_time rtt, uint64_t queue)
{
    pair_init(p);
    for (unsigned i = 0; i < 2; i++) {
        memset(p->config[i].congestion, 0, sizeof(p->config[i].congestion));
        memcpy(p->config[i].congestion, name, strlen(name));
        p->pipe[i].rate = rate;
        p->pipe[i].delay = rtt / 2;
        p->pipe[i].queue_max = queue;
    }
    pair_start(p);
}

/* Octets a second of one flow over a span. */
static uint64_t speed(struct pair *p, unsigned flow, ft_time span)
{
    uint64_t before = p->flow[flow].received;

    pair_run(p, span);
    return (p->flow[flow].received - before) * FT_SEC / span;
}

/* The mean time in the queue over a span, microseconds. */
static uint64_t queueing(struct pair *p, ft_time span)
{
    struct pair_pipe before = p->pipe[0];

    pair_run(p, span);
    return (p->pipe[0].wait_sum - before.wait_sum) / FT_US /
           (p->pipe[0].n_frames - before.n_frames + 1);
}

/* HyStart++ and, under Linux's profile, trains of ACKs: a queue as large as the path is not overrun
   in slow start, and the pipe is full after it. */
static void cubic_leaves_slow_start_without_a_loss(void **state)
{
    struct pair p;

    (void)state;
    start(&p, "cubic", 100 * MBIT, 60 * FT_MS, 750000);
    (void)pair_flow(&p, 0, UINT64_MAX);
    pair_run(&p, 100 * FT_MS);
    for (unsigned i = 0; i < 300 && pair_info(&p, 0, 0).ssthresh == UINT32_MAX; i++)
        pair_run(&p, 10 * FT_MS);
    assert_int_not_equal(pair_info(&p, 0, 0).ssthresh, UINT32_MAX);
    pair_run(&p, 120 * FT_MS); /* until what left in slow start has arrived */
    assert_int_equal(p.pipe[0].n_dropped, 0);
    assert_in_range(pair_info(&p, 0, 0).cwnd, 700000, 1500000);
    pair_run(&p, 2 * FT_SEC);
    assert_true(speed(&p, 0, 5 * FT_SEC) > 93 * MBIT);
    pair_end(&p);
}

static void cubic_fills_the_pipe_through_losses_of_its_own(void **state)
{
    struct pair p;

    (void)state;
    start(&p, "cubic", 100 * MBIT, 20 * FT_MS, 250000);
    (void)pair_flow(&p, 0, UINT64_MAX);
    pair_run(&p, 5 * FT_SEC);
    assert_true(speed(&p, 0, 20 * FT_SEC) > 93 * MBIT);
    assert_true(p.pipe[0].n_dropped > 0);
    assert_true(p.pipe[0].n_dropped * 200 < p.pipe[0].n_frames);
    pair_end(&p);
}

/* Two flows, the second four seconds later: Jain's index over the last forty seconds. */
static void two_cubic_flows_share_alike(void **state)
{
    struct pair p;
    double a, b;

    (void)state;
    start(&p, "cubic", 20 * MBIT, 40 * FT_MS, 100000);
    (void)pair_flow(&p, 0, UINT64_MAX);
    (void)pair_flow(&p, 4 * FT_SEC, UINT64_MAX);
    pair_run(&p, 20 * FT_SEC);
    a = (double)p.flow[0].received;
    b = (double)p.flow[1].received;
    pair_run(&p, 40 * FT_SEC);
    a = (double)p.flow[0].received - a;
    b = (double)p.flow[1].received - b;
    assert_true((a + b) * (a + b) / (2 * (a * a + b * b)) > 0.9);
    assert_true((a + b) / 40 > 18 * MBIT);
    pair_end(&p);
}

/* draft-ietf-ccwg-bbr: the pipe is full and the queue is not, though it could hold 800 ms. */
static void bbr_fills_the_pipe_and_not_the_queue(void **state)
{
    struct pair p;

    (void)state;
    start(&p, "bbr", 100 * MBIT, 40 * FT_MS, 10000000);
    (void)pair_flow(&p, 0, UINT64_MAX);
    pair_run(&p, 2 * FT_SEC);
    assert_true(speed(&p, 0, 10 * FT_SEC) > 90 * MBIT);
    assert_true(queueing(&p, 5 * FT_SEC) < 15000);
    assert_int_equal(p.pipe[0].n_dropped, 0);
    pair_end(&p);
}

static void bbr_bears_losses_by_chance(void **state)
{
    struct pair p;

    (void)state;
    start(&p, "bbr", 100 * MBIT, 40 * FT_MS, 1000000);
    p.pipe[0].loss_ppm = 10000;
    (void)pair_flow(&p, 0, UINT64_MAX);
    pair_run(&p, 2 * FT_SEC);
    assert_true(speed(&p, 0, 20 * FT_SEC) > 80 * MBIT);
    pair_end(&p);
}

static void bbr_lives_with_a_short_queue(void **state)
{
    struct pair p;

    (void)state;
    start(&p, "bbr", 100 * MBIT, 40 * FT_MS, 60000);
    (void)pair_flow(&p, 0, UINT64_MAX);
    pair_run(&p, 3 * FT_SEC);
    assert_true(speed(&p, 0, 20 * FT_SEC) > 75 * MBIT);
    pair_end(&p);
}

/* RFC 8985 6.2, RFC 2883: by D-SACKs the reordering window learns how far segments overtake each
   other; after that none are sent again for it, and the pipe is full. */
static void segments_that_overtake_others_cost_little(void **state)
{
    static const char *const names[] = {"bbr", "cubic", "reno"};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct pair p;
        uint64_t before;

        start(&p, names[i], 100 * MBIT, 20 * FT_MS, 500000);
        p.pipe[0].skip_ppm = 10000;
        (void)pair_flow(&p, 0, UINT64_MAX);
        pair_run(&p, 8 * FT_SEC);
        before = pair_info(&p, 0, 0).segs_retrans;
        assert_true(speed(&p, 0, 10 * FT_SEC) > (i ? 93 : 85) * MBIT);
        assert_true(pair_info(&p, 0, 0).segs_retrans - before < 1000); /* of 80,000 */
        pair_end(&p);
    }
}

/* SO_MAX_PACING_RATE bounds BBR's own rate, and CUBIC, which has none. */
static void a_pacing_rate_bounds_every_algorithm(void **state)
{
    static const char *const names[] = {"bbr", "cubic", "reno"};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct pair p;
        uint32_t rate = 2 * MBIT;

        start(&p, names[i], 100 * MBIT, 20 * FT_MS, 1000000);
        (void)pair_flow(&p, 0, UINT64_MAX);
        pair_run(&p, 500 * FT_MS);
        assert_int_equal(ft_setsockopt(p.stack[0], p.flow[0].sock[0], SOL_SOCKET,
                                       SO_MAX_PACING_RATE, &rate, sizeof(rate)),
                         0);
        pair_run(&p, FT_SEC);
        assert_in_range(speed(&p, 0, 5 * FT_SEC), 2 * MBIT * 9 / 10, 2 * MBIT * 101 / 100);
        assert_true(queueing(&p, FT_SEC) < 1000);
        pair_end(&p);
    }
}

/* Another algorithm in mid-flight. */
static void an_algorithm_may_be_changed_under_way(void **state)
{
    static const char *const names[] = {"cubic", "bbr", "reno", "bbr", "cubic"};
    struct pair p;

    (void)state;
    start(&p, "reno", 20 * MBIT, 20 * FT_MS, 50000);
    (void)pair_flow(&p, 0, UINT64_MAX);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(speed(&p, 0, 2 * FT_SEC) > 14 * MBIT);
        assert_int_equal(ft_setsockopt(p.stack[0], p.flow[0].sock[0], IPPROTO_TCP, TCP_CONGESTION,
                                       names[i], (socklen_t)strlen(names[i])),
                         0);
    }
    assert_true(speed(&p, 0, 2 * FT_SEC) > 14 * MBIT);
    pair_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cubic_leaves_slow_start_without_a_loss),
        cmocka_unit_test(cubic_fills_the_pipe_through_losses_of_its_own),
        cmocka_unit_test(two_cubic_flows_share_alike),
        cmocka_unit_test(bbr_fills_the_pipe_and_not_the_queue),
        cmocka_unit_test(bbr_bears_losses_by_chance),
        cmocka_unit_test(bbr_lives_with_a_short_queue),
        cmocka_unit_test(segments_that_overtake_others_cost_little),
        cmocka_unit_test(a_pacing_rate_bounds_every_algorithm),
        cmocka_unit_test(an_algorithm_may_be_changed_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
