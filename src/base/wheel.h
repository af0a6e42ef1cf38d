/* SPDX-License-Identifier: MIT */
/*
 * A hierarchical timing wheel: nine levels of 64 slots over the whole of ft_time, in ticks of 2^13
 * ns (8.192 us). Arming and cancelling are O(1); the next deadline and skipping idle time, however
 * long, are O(levels). It knows nothing of what a timer is for but the owner's `kind`.
 *
 * A timer is armed at the level of the first digit (base 64) in which its tick differs from the
 * current one, and moves to lower levels when time enters its slot. A slot with many timers is
 * begun earlier, FT_WHEEL_BATCH a call, so that no call moves a crowd: a level has room for two
 * rounds, the present one and the one that such timers wait for. Timers of one tick always keep the
 * order in which they were armed.
 */
#ifndef FT_BASE_WHEEL_H
#define FT_BASE_WHEEL_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fourtuple/types.h>

#include "base/list.h"

#define FT_WHEEL_TICK_SHIFT 13
#define FT_WHEEL_TICK       (UINT64_C(1) << FT_WHEEL_TICK_SHIFT)
#define FT_WHEEL_LEVELS     9
#define FT_WHEEL_SLOTS      64
/* Timers that time finds in a slot of a level at most, if the calls come at the deadlines. */
#define FT_WHEEL_BATCH      128

struct ft_timer {
    struct ft_list node; /* in a slot of the wheel, or unlinked; written by the wheel only */
    uint64_t at_kind;    /* the instant, a multiple of 2^13 ns; in the bits below, from the lowest:
                            8 of the kind, 4 of the level */
};

static_assert(sizeof(struct ft_timer) <= 24 || sizeof(void *) > 8, "a timer is 24 octets");

struct ft_wheel {
    uint64_t now_tick;   /* ticks up to this one have been moved to @due */
    uint64_t wake;       /* before this tick there is nothing to do but for @held */
    uint64_t n_moved;    /* work: timers moved to a lower level */
    uint32_t n_armed;    /* timers in it, in all lists together */
    uint16_t levels;     /* bit n: level n has a timer */
    bool in_round;       /* a round has begun and ft_wheel_expire has not said NULL yet */
    struct ft_list due;  /* fire in this round */
    struct ft_list held; /* armed at or before now: fire in the next round */
    uint64_t occupied[FT_WHEEL_LEVELS][2]; /* bit n: slot n of the level's round has a timer */
    /* A round of a level is even or odd: the low bit of the digits above its own. */
    struct ft_list slots[FT_WHEEL_LEVELS][2 * FT_WHEEL_SLOTS];
    uint32_t n_in[FT_WHEEL_LEVELS][2 * FT_WHEEL_SLOTS]; /* timers of a slot; not of level 0 */
};

/** Make an empty wheel that stands at @now. */
void ft_wheel_init(struct ft_wheel *w, ft_time now);

/** Make @t a timer that is not armed. @kind is the owner's, for its dispatcher. */
static inline void ft_timer_init(struct ft_timer *t, uint8_t kind)
{
    list_init(&t->node);
    t->at_kind = kind;
}

/** The kind that ft_timer_init() gave to @t. */
static inline uint8_t ft_timer_kind(const struct ft_timer *t)
{
    return (uint8_t)t->at_kind;
}

/** Whether @t is armed: it will be returned by ft_wheel_expire(), once. */
static inline bool ft_timer_armed(const struct ft_timer *t)
{
    return list_linked(&t->node);
}

/**
 * When @t fires: the instant that it was last armed for, rounded up to a tick; FT_TIME_NEVER when
 * it is not armed.
 */
static inline ft_time ft_timer_at(const struct ft_timer *t)
{
    return ft_timer_armed(t) ? t->at_kind & ~(FT_WHEEL_TICK - 1) : FT_TIME_NEVER;
}

/**
 * Arm or re-arm a timer. O(1).
 *
 * @w:  the wheel
 * @t:  initialised; stays where it is in memory until it has fired or is cancelled
 * @at: the instant, rounded up to a tick. In the past: it fires in the next round.
 *      FT_TIME_NEVER (and the last two ticks before it): the timer is cancelled instead.
 */
void ft_wheel_arm(struct ft_wheel *w, struct ft_timer *t, ft_time at);

/** Disarm @t, if it is armed. O(1). */
void ft_wheel_cancel(struct ft_wheel *w, struct ft_timer *t);

/**
 * When to call ft_wheel_expire() again.
 *
 * Return: an instant not later than that of any armed timer, perhaps earlier; the present (which
 * has passed: call at once) when a timer is due already; FT_TIME_NEVER when none is armed.
 */
ft_time ft_wheel_deadline(const struct ft_wheel *w);

/**
 * Begin a round: collect the timers whose instant is at or before @now. It moves at most
 * FT_WHEEL_BATCH timers a level, and so many more, if no call comes later than the deadline said.
 *
 * @w:   the wheel
 * @now: never less than before (a lesser one counts as the one before)
 *
 * ft_wheel_expire() begins a round by itself, so calling this is needed only to begin one before
 * the last has ended; what was not taken yet stays in front.
 */
void ft_wheel_begin(struct ft_wheel *w, ft_time now);

/**
 * Take one expired timer.
 *
 * @w:   the wheel
 * @now: used at the beginning of a round, as by ft_wheel_begin()
 *
 * Return: a timer that has just been disarmed, or NULL, which ends the round. Timers are returned
 * in the order of their ticks, those of one tick in the order of arming, never before their
 * instant. A timer armed during the round fires in a later one, even if its instant has passed: so
 * a round always ends. The next call after NULL begins a new round.
 */
struct ft_timer *ft_wheel_expire(struct ft_wheel *w, ft_time now);

/** Assert that the wheel's lists and bitmaps agree. O(slots + timers). */
void ft_wheel_check(const struct ft_wheel *w);

/**
 * Assert the same of all slots that are said to have timers, and that they have all. O(timers): a
 * slot that is said to be empty is not looked at, but a timer in it would be missing elsewhere.
 */
void ft_wheel_check_timers(const struct ft_wheel *w);

#endif
