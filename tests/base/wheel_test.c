/* SPDX-License-Identifier: MIT */
/*
 * Timers fire in order, never early, and idle time costs nothing however long it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/support.h"
#include "base/wheel.h"

#define YEAR (FT_SEC * 86400 * 366)

static struct ft_wheel wheel;

static int start(void **state)
{
    (void)state;
    ft_wheel_init(&wheel, 5 * FT_SEC);
    return 0;
}

static int fired_kind(ft_time now)
{
    struct ft_timer *t = ft_wheel_expire(&wheel, now);

    return t ? ft_timer_kind(t) : -1;
}

static void a_timer_never_fires_before_its_instant(void **state)
{
    struct ft_timer t;

    ft_timer_init(&t, 9);
    for (ft_time after = 1; after < YEAR; after = after * 3 + 1) {
        (void)start(state);
        ft_time at = 5 * FT_SEC + after;
        ft_wheel_arm(&wheel, &t, at);
        assert_true(ft_timer_at(&t) >= at && ft_timer_at(&t) - at < FT_WHEEL_TICK);
        assert_int_equal(fired_kind(at - 1), -1);
        assert_int_equal(fired_kind(ft_timer_at(&t) - 1), -1);
        assert_int_equal(fired_kind(ft_timer_at(&t) + (ft_time)ft_timer_armed(&t) - 1), 9);
        assert_false(ft_timer_armed(&t));
        assert_true(ft_wheel_deadline(&wheel) == FT_TIME_NEVER);
    }
}

/* The first was armed from far, at a high level, the second when its instant was near. */
static void ties_fire_in_the_order_of_arming(void **state)
{
    struct ft_timer t[3];
    ft_time at = 105 * FT_SEC;

    (void)start(state);
    for (uint8_t i = 0; i < 3; i++)
        ft_timer_init(&t[i], i);
    ft_wheel_arm(&wheel, &t[0], at);
    assert_int_equal(fired_kind(at - FT_SEC), -1);
    ft_wheel_arm(&wheel, &t[1], at);
    assert_int_equal(fired_kind(at - 20 * FT_US), -1);
    ft_wheel_arm(&wheel, &t[2], at);
    assert_int_equal(fired_kind(at + FT_SEC), 0);
    assert_int_equal(fired_kind(at + FT_SEC), 1);
    assert_int_equal(fired_kind(at + FT_SEC), 2);
    assert_int_equal(fired_kind(at + FT_SEC), -1);
}

static void a_timer_armed_for_the_past_fires_at_the_next_call(void **state)
{
    struct ft_timer t;

    (void)start(state);
    ft_timer_init(&t, 1);
    ft_wheel_arm(&wheel, &t, FT_SEC);
    assert_true(ft_wheel_deadline(&wheel) <= 5 * FT_SEC);
    assert_int_equal(fired_kind(5 * FT_SEC), 1);
    assert_int_equal(fired_kind(5 * FT_SEC), -1);
}

/* Otherwise a handler that arms itself for now would hold its caller for ever. */
static void a_timer_armed_in_a_round_fires_in_the_next_one(void **state)
{
    struct ft_timer a;
    struct ft_timer b;
    ft_time now = 6 * FT_SEC / FT_WHEEL_TICK * FT_WHEEL_TICK;

    (void)start(state);
    ft_timer_init(&a, 1);
    ft_timer_init(&b, 2);
    ft_wheel_arm(&wheel, &a, now);
    ft_wheel_arm(&wheel, &b, now);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(fired_kind(now), 1);
        ft_wheel_arm(&wheel, &a, now);
        assert_int_equal(fired_kind(now), 2);
        ft_wheel_arm(&wheel, &b, now - FT_SEC);
        assert_int_equal(fired_kind(now), -1);
    }
}

static void an_armed_timer_can_be_moved_and_cancelled(void **state)
{
    struct ft_timer t;

    (void)start(state);
    ft_timer_init(&t, 3);
    ft_wheel_cancel(&wheel, &t);
    ft_wheel_arm(&wheel, &t, 6 * FT_SEC);
    ft_wheel_arm(&wheel, &t, 8 * FT_SEC);
    assert_int_equal(fired_kind(7 * FT_SEC), -1);
    ft_wheel_arm(&wheel, &t, 15 * FT_SEC / 2);
    ft_wheel_check(&wheel);
    assert_int_equal(fired_kind(15 * FT_SEC / 2 + FT_MS), 3);
    ft_wheel_arm(&wheel, &t, 9 * FT_SEC);
    ft_wheel_cancel(&wheel, &t);
    assert_false(ft_timer_armed(&t));
    assert_true(ft_wheel_deadline(&wheel) == FT_TIME_NEVER);
    assert_int_equal(fired_kind(10 * FT_SEC), -1);
    ft_wheel_check(&wheel);
}

static void never_is_not_armed(void **state)
{
    struct ft_timer t;

    (void)start(state);
    ft_timer_init(&t, 3);
    ft_wheel_arm(&wheel, &t, 6 * FT_SEC);
    ft_wheel_arm(&wheel, &t, FT_TIME_NEVER);
    assert_false(ft_timer_armed(&t));
    assert_true(ft_timer_at(&t) == FT_TIME_NEVER);
    ft_wheel_arm(&wheel, &t, FT_TIME_NEVER - 3 * FT_WHEEL_TICK);
    assert_true(ft_timer_armed(&t) && ft_wheel_deadline(&wheel) != FT_TIME_NEVER);
    assert_int_equal(fired_kind(FT_TIME_NEVER - 3 * FT_WHEEL_TICK - 1), -1);
    assert_int_equal(fired_kind(FT_TIME_NEVER - 1), 3);
}

/* Work is counted in wake-ups: at most one a level on the way to a single timer. */
static void following_the_deadline_takes_one_step_a_level(void **state)
{
    struct ft_timer t;
    uint64_t random = 11;

    ft_timer_init(&t, 3);
    for (int i = 0; i < 1000; i++) {
        (void)start(state);
        ft_time at = 6 * FT_SEC + (test_random(&random) >> (1 + i % 40));
        int n_steps = 0;
        ft_wheel_arm(&wheel, &t, at);
        ft_time last = 0;
        while (ft_timer_armed(&t)) {
            ft_time now = ft_wheel_deadline(&wheel);
            assert_true(now > last && now <= ft_timer_at(&t));
            last = now;
            n_steps++;
            while (ft_wheel_expire(&wheel, now)) {
                /* Until the round ends. */
            }
        }
        assert_true(last >= at && last - at < FT_WHEEL_TICK);
        assert_in_range(n_steps, 1, FT_WHEEL_LEVELS);
    }
}

#define N_MANY 50000

/* Instants of all magnitudes, a third cancelled or moved, taken in uneven steps. */
static void many_timers_fire_in_order_and_once(void **state)
{
    static struct ft_timer t[N_MANY];
    uint64_t random = 7;
    unsigned n_armed = N_MANY;
    unsigned n_fired = 0;

    (void)start(state);
    for (unsigned i = 0; i < N_MANY; i++) {
        ft_timer_init(&t[i], (uint8_t)i);
        ft_wheel_arm(&wheel, &t[i], 5 * FT_SEC + (test_random(&random) >> (14 + i % 30)));
    }
    for (unsigned i = 0; i < N_MANY; i += 3) {
        if (i % 2) {
            ft_wheel_cancel(&wheel, &t[i]);
            n_armed--;
        } else {
            ft_wheel_arm(&wheel, &t[i], 5 * FT_SEC + (test_random(&random) >> 20));
        }
    }
    ft_wheel_check(&wheel);
    ft_time now = 5 * FT_SEC;
    while (ft_wheel_deadline(&wheel) != FT_TIME_NEVER) {
        now = FT_MAX(now, ft_wheel_deadline(&wheel)) + (test_random(&random) >> (20 + now % 30));
        ft_time last = 0;
        struct ft_timer *fired;
        while ((fired = ft_wheel_expire(&wheel, now))) {
            ft_time at = fired->at_kind & ~(FT_WHEEL_TICK - 1);
            assert_true(at <= now && at >= last);
            last = at;
            n_fired++;
        }
        for (unsigned k = 0; k < 50; k++) {
            unsigned i = (unsigned)(test_random(&random) % N_MANY);
            assert_true(ft_timer_at(&t[i]) > now);
        }
    }
    assert_int_equal(n_fired, n_armed);
}

/* A timer that knows when it was armed, among all. */
struct ranked {
    struct ft_timer timer;
    uint64_t rank;
};

#define N_CROWD 21000

/*
 * Follows the deadline until nothing is armed. Each call moves a bounded number of timers, none is
 * late, and of one tick they come in the order of arming.
 *
 * Return: the calls that it took.
 */
static unsigned follow_crowd(ft_time from, unsigned n_armed)
{
    uint64_t last_tick = 0, last_rank = 0;
    unsigned n_calls = 0, n_fired = 0;
    ft_time now = from;

    while (ft_wheel_deadline(&wheel) != FT_TIME_NEVER) {
        uint64_t moved = wheel.n_moved;
        struct ft_timer *t;

        now = FT_MAX(now, ft_wheel_deadline(&wheel));
        while ((t = ft_wheel_expire(&wheel, now))) {
            const struct ranked *r = ft_container_of(t, struct ranked, timer);
            uint64_t tick = t->at_kind >> FT_WHEEL_TICK_SHIFT;

            assert_true(tick == now >> FT_WHEEL_TICK_SHIFT); /* not late by a tick */
            assert_true(tick > last_tick || r->rank > last_rank);
            last_tick = tick;
            last_rank = r->rank;
            n_fired++;
        }
        assert_in_range(wheel.n_moved - moved, 0, (FT_WHEEL_LEVELS + 1) * FT_WHEEL_BATCH);
        n_calls++;
        if (n_calls % 64 == 0)
            ft_wheel_check(&wheel);
    }
    assert_int_equal(n_fired, n_armed);
    return n_calls;
}

/*
 * A slot of a high level was spread in one call, however many timers it had: 21,000 took 7 ms. They
 * stand @apart from each other, from @after on; a tick may have many.
 */
static void crowd(ft_time after, ft_time apart, unsigned calls_max)
{
    static struct ranked t[N_CROWD];
    uint64_t rank = 0, random = 3;
    unsigned n_armed = N_CROWD;

    (void)start(NULL);
    for (unsigned i = 0; i < N_CROWD; i++) {
        ft_timer_init(&t[i].timer, 1);
        t[i].rank = ++rank;
        ft_wheel_arm(&wheel, &t[i].timer, 5 * FT_SEC + after + i / 4 * apart);
    }
    for (unsigned i = 0; i < N_CROWD; i += 5) {
        if (test_random(&random) % 2) {
            ft_wheel_cancel(&wheel, &t[i].timer);
            n_armed--;
        } else {
            t[i].rank = ++rank;
            ft_wheel_arm(&wheel, &t[i].timer, 5 * FT_SEC + after + (N_CROWD - i) / 4 * apart);
        }
    }
    ft_wheel_check(&wheel);
    assert_in_range(follow_crowd(5 * FT_SEC, n_armed), 1, calls_max);
}

static void no_call_moves_a_crowd(void **state)
{
    (void)state;
    crowd(100 * FT_SEC, 0, 2000);                   /* all of one tick */
    crowd(100 * FT_SEC, 10 * FT_US, 8000);          /* 50 ms of them */
    crowd(7200 * FT_SEC, 100 * FT_US, 8000);        /* keep-alives of half a second */
    crowd(YEAR, FT_MS, 12000);                      /* of five seconds */
    crowd(2500 * FT_MS, 1, 2000);                   /* of five microseconds */
    crowd(64 * FT_WHEEL_TICK, FT_WHEEL_TICK, 8000); /* one to a tick, from the next slot on */
}

/* Who comes late finds all that is due, in order, though the crowd was not thinned out in time. */
static void a_late_call_finds_a_crowd_in_order(void **state)
{
    static struct ranked t[N_CROWD];
    uint64_t random = 5, last_at = 0, last_rank = 0;
    ft_time now = 5 * FT_SEC, at = now + 1000 * FT_SEC;
    unsigned n = 0, armed = 0;
    struct ft_timer *fired;

    (void)start(state);
    while (n < N_CROWD) {
        /* More are armed all the way, for ticks that others have. */
        for (unsigned i = 0; i < N_CROWD / 50 && armed < N_CROWD; i++, armed++) {
            ft_timer_init(&t[armed].timer, 1);
            t[armed].rank = armed + 1;
            ft_wheel_arm(&wheel, &t[armed].timer, at + test_random(&random) % 7 * 3 * FT_MS);
        }
        now += test_random(&random) % (now < at - FT_SEC ? (at - now) / 8 : 5 * FT_MS);
        while ((fired = ft_wheel_expire(&wheel, now))) {
            const struct ranked *r = ft_container_of(fired, struct ranked, timer);
            ft_time tick = fired->at_kind & ~(FT_WHEEL_TICK - 1);

            assert_true(tick <= now);
            assert_true(tick > last_at || (tick == last_at && r->rank > last_rank));
            last_at = tick;
            last_rank = r->rank;
            n++;
        }
        ft_wheel_check(&wheel);
        if (now >= at)
            at += armed < N_CROWD ? 30 * FT_MS : 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_never_fires_before_its_instant),
        cmocka_unit_test(ties_fire_in_the_order_of_arming),
        cmocka_unit_test(a_timer_armed_for_the_past_fires_at_the_next_call),
        cmocka_unit_test(a_timer_armed_in_a_round_fires_in_the_next_one),
        cmocka_unit_test(an_armed_timer_can_be_moved_and_cancelled),
        cmocka_unit_test(never_is_not_armed),
        cmocka_unit_test(following_the_deadline_takes_one_step_a_level),
        cmocka_unit_test(many_timers_fire_in_order_and_once),
        cmocka_unit_test(no_call_moves_a_crowd),
        cmocka_unit_test(a_late_call_finds_a_crowd_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
