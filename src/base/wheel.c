/* SPDX-License-Identifier: MIT */
/*
 * The timing wheel. A slot is a list in order of arming, and a bitmap says which slots of a level
 * have timers, so idle time is skipped from one occupied slot to the next.
 *
 * Why order holds: of two timers of one tick the earlier armed one is at the same level or a higher
 * one, since time only comes nearer. A slot is spread over the lower levels in the moment that time
 * enters it, from its front, before anything else can be armed at those levels.
 */
#include "base/wheel.h"

#include <assert.h>

#include "base/assert.h"

#define DIGIT_BITS 6
#define TICK_MAX   ((UINT64_C(1) << (64 - FT_WHEEL_TICK_SHIFT)) - 1)

static_assert(FT_WHEEL_SLOTS == 1 << DIGIT_BITS, "a slot is a digit");
static_assert(FT_WHEEL_LEVELS * DIGIT_BITS >= 64 - FT_WHEEL_TICK_SHIFT, "levels cover all ticks");
static_assert(FT_WHEEL_LEVELS <= 16, "the level bitmap has 16 bits");

static struct ft_timer *timer_of(struct ft_list *node)
{
    return ft_container_of(node, struct ft_timer, node);
}

static uint64_t tick_of(const struct ft_timer *t)
{
    return t->at_kind >> FT_WHEEL_TICK_SHIFT;
}

static unsigned digit(uint64_t tick, unsigned level)
{
    return (unsigned)(tick >> (level * DIGIT_BITS)) & (FT_WHEEL_SLOTS - 1);
}

void ft_wheel_init(struct ft_wheel *w, ft_time now)
{
    *w = (struct ft_wheel){.now_tick = now >> FT_WHEEL_TICK_SHIFT};
    list_init(&w->due);
    list_init(&w->held);
    for (unsigned level = 0; level < FT_WHEEL_LEVELS; level++) {
        for (unsigned slot = 0; slot < FT_WHEEL_SLOTS; slot++)
            list_init(&w->slots[level][slot]);
    }
}

static void mark_slot(struct ft_wheel *w, unsigned level, unsigned slot)
{
    w->occupied[level] |= UINT64_C(1) << slot;
    w->levels = (uint16_t)(w->levels | (1u << level));
}

static void clear_slot(struct ft_wheel *w, unsigned level, unsigned slot)
{
    w->occupied[level] &= ~(UINT64_C(1) << slot);
    if (!w->occupied[level])
        w->levels = (uint16_t)(w->levels & ~(1u << level));
}

/* Into the level of the highest digit in which the tick differs from now. */
static void place(struct ft_wheel *w, struct ft_timer *t)
{
    uint64_t tick = tick_of(t);
    uint64_t diff = tick ^ w->now_tick;
    unsigned level = diff ? (63 - (unsigned)__builtin_clzll(diff)) / DIGIT_BITS : 0;
    unsigned slot = digit(tick, level);

    ft_assert(tick >= w->now_tick);
    list_push_back(&w->slots[level][slot], &t->node);
    mark_slot(w, level, slot);
}

void ft_wheel_cancel(struct ft_wheel *w, struct ft_timer *t)
{
    struct ft_list *head = t->node.next;
    uintptr_t offset = (uintptr_t)head - (uintptr_t)&w->slots[0][0];

    if (!ft_timer_armed(t))
        return;
    list_remove(&t->node);
    /* It was alone if its neighbour is the head of a list that is empty now. */
    if (!list_empty(head) || offset >= sizeof(w->slots))
        return;
    size_t i = offset / sizeof(struct ft_list);
    clear_slot(w, (unsigned)(i / FT_WHEEL_SLOTS), (unsigned)(i % FT_WHEEL_SLOTS));
}

void ft_wheel_arm(struct ft_wheel *w, struct ft_timer *t, ft_time at)
{
    ft_wheel_cancel(w, t);
    if (at > FT_TIME_NEVER - 2 * FT_WHEEL_TICK)
        return;
    uint64_t tick = (at + FT_WHEEL_TICK - 1) >> FT_WHEEL_TICK_SHIFT;
    t->at_kind = tick << FT_WHEEL_TICK_SHIFT | ft_timer_kind(t);
    if (tick <= w->now_tick)
        list_push_back(&w->held, &t->node);
    else
        place(w, t);
}

/* The first tick of the lowest occupied slot; some level must be occupied. */
static uint64_t next_slot(const struct ft_wheel *w, unsigned *ret_level, unsigned *ret_slot)
{
    unsigned level = (unsigned)__builtin_ctz(w->levels);
    unsigned slot = (unsigned)__builtin_ctzll(w->occupied[level]);
    unsigned above = (level + 1) * DIGIT_BITS; /* the digits above are those of now */

    *ret_level = level;
    *ret_slot = slot;
    return w->now_tick >> above << above | (uint64_t)slot << (level * DIGIT_BITS);
}

ft_time ft_wheel_deadline(const struct ft_wheel *w)
{
    unsigned level;
    unsigned slot;

    if (!list_empty(&w->due) || !list_empty(&w->held))
        return w->now_tick << FT_WHEEL_TICK_SHIFT;
    if (!w->levels)
        return FT_TIME_NEVER;
    return next_slot(w, &level, &slot) << FT_WHEEL_TICK_SHIFT;
}

/* Time enters a slot: its timers move to lower levels, or are due when it is of the lowest. */
static void open_slot(struct ft_wheel *w, unsigned level, unsigned slot)
{
    struct ft_list *head = &w->slots[level][slot];
    struct ft_list moving;

    list_init(&moving);
    list_splice_back(&moving, head);
    clear_slot(w, level, slot);
    if (level == 0) {
        list_splice_back(&w->due, &moving);
        return;
    }
    while (!list_empty(&moving))
        place(w, timer_of(list_pop_front(&moving)));
}

void ft_wheel_begin(struct ft_wheel *w, ft_time now)
{
    uint64_t now_tick = now >> FT_WHEEL_TICK_SHIFT;
    unsigned level;
    unsigned slot;

    w->in_round = true;
    list_splice_back(&w->due, &w->held);
    while (w->levels) {
        uint64_t start = next_slot(w, &level, &slot);
        if (start > now_tick)
            break;
        ft_assert(start >= w->now_tick);
        w->now_tick = start;
        open_slot(w, level, slot);
    }
    w->now_tick = FT_MAX(w->now_tick, now_tick);
}

struct ft_timer *ft_wheel_expire(struct ft_wheel *w, ft_time now)
{
    if (!w->in_round)
        ft_wheel_begin(w, now);
    struct ft_list *node = list_pop_front(&w->due);
    if (!node) {
        w->in_round = false;
        return NULL;
    }
    return timer_of(node);
}

static void check_slot(const struct ft_wheel *w, unsigned level, unsigned slot)
{
    const struct ft_list *head = &w->slots[level][slot];

    ft_assert(list_empty(head) == !(w->occupied[level] >> slot & 1));
    ft_list_for_each (node, head) {
        uint64_t tick = tick_of(timer_of(node));
        ft_assert(node->next->prev == node);
        ft_assert(tick > w->now_tick && tick <= TICK_MAX);
        ft_assert(digit(tick, level) == slot);
        ft_assert((tick ^ w->now_tick) >> (level * DIGIT_BITS) < FT_WHEEL_SLOTS);
        ft_assert((tick ^ w->now_tick) >> (level * DIGIT_BITS) != 0);
    }
}

void ft_wheel_check(const struct ft_wheel *w)
{
    for (unsigned level = 0; level < FT_WHEEL_LEVELS; level++) {
        ft_assert((w->occupied[level] != 0) == (w->levels >> level & 1));
        for (unsigned slot = 0; slot < FT_WHEEL_SLOTS; slot++)
            check_slot(w, level, slot);
    }
}
