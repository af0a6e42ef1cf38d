/* SPDX-License-Identifier: MIT */
/*
 * The timing wheel against a model that keeps every timer's instant and order in a plain array.
 * Four octets of input are one step: arm, cancel, let time pass, or take expired timers.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/wheel.h"

#include "support.h"

#define N_TIMERS 24

struct model_timer {
    struct ft_timer timer;
    bool armed;
    bool due;      /* the round that is open will return it */
    uint64_t tick; /* when it fires; the present if it was armed for the past */
    ft_time at;    /* what was asked for */
    uint64_t order;
};

struct model {
    struct ft_wheel wheel;
    struct model_timer t[N_TIMERS];
    ft_time now;
    bool in_round;
    uint64_t n_armed; /* gives the order of arming */
};

static void arm(struct model *m, unsigned i, ft_time at)
{
    struct model_timer *t = &m->t[i];
    uint64_t now_tick = m->now / FT_WHEEL_TICK;

    ft_wheel_arm(&m->wheel, &t->timer, at);
    t->armed = ft_timer_armed(&t->timer);
    must(t->armed == (at <= FT_TIME_NEVER - 2 * FT_WHEEL_TICK));
    if (!t->armed)
        return;
    uint64_t tick = at / FT_WHEEL_TICK + (at % FT_WHEEL_TICK != 0);
    must(ft_timer_at(&t->timer) == tick * FT_WHEEL_TICK);
    must(ft_timer_kind(&t->timer) == i);
    t->due = false;
    t->at = at;
    t->tick = tick > now_tick ? tick : now_tick;
    t->order = m->n_armed++;
}

static void cancel(struct model *m, unsigned i)
{
    ft_wheel_cancel(&m->wheel, &m->t[i].timer);
    must(!ft_timer_armed(&m->t[i].timer));
    m->t[i].armed = false;
}

static struct model_timer *first_due(struct model *m)
{
    struct model_timer *first = NULL;

    for (unsigned i = 0; i < N_TIMERS; i++) {
        struct model_timer *t = &m->t[i];
        if (!t->armed || !t->due)
            continue;
        if (!first || t->tick < first->tick || (t->tick == first->tick && t->order < first->order))
            first = t;
    }
    return first;
}

static void begin(struct model *m)
{
    for (unsigned i = 0; i < N_TIMERS; i++)
        m->t[i].due = m->t[i].armed && m->t[i].tick <= m->now / FT_WHEEL_TICK;
    m->in_round = true;
}

static bool expire(struct model *m)
{
    if (!m->in_round)
        begin(m);
    struct ft_timer *fired = ft_wheel_expire(&m->wheel, m->now);
    struct model_timer *expected = first_due(m);
    must(fired == (expected ? &expected->timer : NULL));
    if (!fired) {
        m->in_round = false;
        return false;
    }
    must(expected->at <= m->now);
    must(!ft_timer_armed(fired) && ft_timer_at(fired) == FT_TIME_NEVER);
    expected->armed = false;
    return true;
}

static void check(const struct model *m)
{
    ft_time deadline = ft_wheel_deadline(&m->wheel);
    ft_time first = FT_TIME_NEVER;

    for (unsigned i = 0; i < N_TIMERS; i++) {
        must(ft_timer_armed(&m->t[i].timer) == m->t[i].armed);
        if (m->t[i].armed && m->t[i].tick * FT_WHEEL_TICK < first)
            first = m->t[i].tick * FT_WHEEL_TICK;
    }
    must((deadline == FT_TIME_NEVER) == (first == FT_TIME_NEVER));
    must(deadline <= first || deadline <= m->now);
    ft_wheel_check(&m->wheel);
}

/* The model rounds down the present when it arms in the past, so time enters the wheel at once. */
static void pass(struct model *m, ft_time now)
{
    m->now = now;
    ft_wheel_begin(&m->wheel, m->now);
    begin(m);
}

static void step(struct model *m, const uint8_t *op)
{
    unsigned i = op[1] % N_TIMERS;
    ft_time delta = (ft_time)(op[2] | 1u << 8) << (op[3] % 55) >> 8;

    switch (op[0] % 8) {
    case 0:
    case 1:
        arm(m, i, m->now > FT_TIME_NEVER - delta ? FT_TIME_NEVER : m->now + delta);
        break;
    case 2:
        arm(m, i, m->now > delta ? m->now - delta : op[2]);
        break;
    case 3:
        cancel(m, i);
        break;
    case 4:
        if (m->now < FT_TIME_NEVER / 2)
            pass(m, m->now + delta);
        break;
    case 5:
        if (ft_wheel_deadline(&m->wheel) != FT_TIME_NEVER && ft_wheel_deadline(&m->wheel) > m->now)
            pass(m, ft_wheel_deadline(&m->wheel));
        break;
    case 6:
        (void)expire(m);
        break;
    default:
        while (expire(m)) {
            /* Until the round ends. */
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct model m;

    m = (struct model){.now = size > 0 ? (ft_time)data[0] << (data[0] % 50) : 0};
    ft_wheel_init(&m.wheel, m.now);
    for (unsigned i = 0; i < N_TIMERS; i++)
        ft_timer_init(&m.t[i].timer, (uint8_t)i);
    for (size_t at = 1; at + 4 <= size; at += 4) {
        step(&m, data + at);
        check(&m);
    }
    return 0;
}
