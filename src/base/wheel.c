/* SPDX-License-Identifier: MIT */
/*
 * The timing wheel. A slot is a list in order of arming, and a bitmap says which slots of a level
 * have timers, so idle time is skipped from one occupied slot to the next.
 *
 * Why order holds: a timer is armed into the present round of its level, at the back of its slot,
 * and leaves it from the front. Of two timers of one tick the earlier armed one is therefore at the
 * same slot, in front, or at a lower level, if that was begun early, or was armed at a higher level
 * and has come down to this one before time let anything else be armed here. When time enters slots
 * of several levels at once, the lower one, which was begun earlier, goes first.
 */
#include "base/wheel.h"

#include <assert.h>

#include "base/assert.h"

#define DIGIT_BITS  6
#define LEVEL_SHIFT 8
#define LEVEL_MASK  15u
#define TICK_MAX    ((UINT64_C(1) << (64 - FT_WHEEL_TICK_SHIFT)) - 1)

static_assert(FT_WHEEL_SLOTS == 1 << DIGIT_BITS, "a slot is a digit");
static_assert(FT_WHEEL_LEVELS * DIGIT_BITS >= 64 - FT_WHEEL_TICK_SHIFT, "levels cover all ticks");
static_assert(FT_WHEEL_LEVELS <= LEVEL_MASK, "a timer has four bits for its level");
static_assert(LEVEL_SHIFT + 4 <= FT_WHEEL_TICK_SHIFT, "and they are below its tick");

static struct ft_timer *timer_of(struct ft_list *node)
{
    return ft_container_of(node, struct ft_timer, node);
}

static uint64_t tick_of(const struct ft_timer *t)
{
    return t->at_kind >> FT_WHEEL_TICK_SHIFT;
}

/* Of 128: the digit, and in front of it whether its round is odd. */
static unsigned slot_of(uint64_t tick, unsigned level)
{
    return (unsigned)(tick >> (level * DIGIT_BITS)) & (2 * FT_WHEEL_SLOTS - 1);
}

static unsigned level_of(const struct ft_timer *t)
{
    return (unsigned)(t->at_kind >> LEVEL_SHIFT) & LEVEL_MASK;
}

void ft_wheel_init(struct ft_wheel *w, ft_time now)
{
    *w = (struct ft_wheel){.now_tick = now >> FT_WHEEL_TICK_SHIFT, .wake = UINT64_MAX};
    list_init(&w->due);
    list_init(&w->held);
    for (unsigned level = 0; level < FT_WHEEL_LEVELS; level++) {
        for (unsigned slot = 0; slot < 2 * FT_WHEEL_SLOTS; slot++)
            list_init(&w->slots[level][slot]);
    }
}

static void mark_slot(struct ft_wheel *w, unsigned level, unsigned slot)
{
    w->occupied[level][slot / FT_WHEEL_SLOTS] |= UINT64_C(1) << slot % FT_WHEEL_SLOTS;
    w->levels = (uint16_t)(w->levels | (1u << level));
}

static void clear_slot(struct ft_wheel *w, unsigned level, unsigned slot)
{
    w->occupied[level][slot / FT_WHEEL_SLOTS] &= ~(UINT64_C(1) << slot % FT_WHEEL_SLOTS);
    if (!w->occupied[level][0] && !w->occupied[level][1])
        w->levels = (uint16_t)(w->levels & ~(1u << level));
}

static void put(struct ft_wheel *w, struct ft_timer *t, unsigned level)
{
    unsigned slot = slot_of(tick_of(t), level);

    t->at_kind &= ~((uint64_t)LEVEL_MASK << LEVEL_SHIFT);
    t->at_kind |= (uint64_t)level << LEVEL_SHIFT;
    list_push_back(&w->slots[level][slot], &t->node);
    mark_slot(w, level, slot);
    if (level > 0 && ++w->n_in[level][slot] > FT_WHEEL_BATCH)
        w->wake = w->now_tick;
    w->wake = FT_MIN(w->wake, tick_of(t) >> (level * DIGIT_BITS) << (level * DIGIT_BITS));
}

/* Into the level of the highest digit in which the tick differs from now. */
static void place(struct ft_wheel *w, struct ft_timer *t)
{
    uint64_t diff = tick_of(t) ^ w->now_tick;

    ft_assert(tick_of(t) >= w->now_tick);
    put(w, t, diff ? (63 - (unsigned)__builtin_clzll(diff)) / DIGIT_BITS : 0);
}

void ft_wheel_cancel(struct ft_wheel *w, struct ft_timer *t)
{
    struct ft_list *head = t->node.next;
    uintptr_t offset = (uintptr_t)head - (uintptr_t)&w->slots[0][0];
    unsigned level = level_of(t);

    if (!ft_timer_armed(t))
        return;
    list_remove(&t->node);
    w->n_armed--;
    if (level > 0)
        w->n_in[level][slot_of(tick_of(t), level)]--;
    /* It was alone if its neighbour is the head of a list that is empty now. */
    if (!list_empty(head) || offset >= sizeof(w->slots))
        return;
    size_t i = offset / sizeof(struct ft_list);
    clear_slot(w, (unsigned)(i / (2 * FT_WHEEL_SLOTS)), (unsigned)(i % (2 * FT_WHEEL_SLOTS)));
}

void ft_wheel_arm(struct ft_wheel *w, struct ft_timer *t, ft_time at)
{
    ft_wheel_cancel(w, t);
    if (at > FT_TIME_NEVER - 2 * FT_WHEEL_TICK)
        return;
    uint64_t tick = (at + FT_WHEEL_TICK - 1) >> FT_WHEEL_TICK_SHIFT;
    t->at_kind = tick << FT_WHEEL_TICK_SHIFT | ft_timer_kind(t);
    w->n_armed++;
    if (tick <= w->now_tick)
        list_push_back(&w->held, &t->node);
    else
        place(w, t);
}

/* The first occupied slot of a level that has one, as a tick without the digits below the level. */
static uint64_t first_slot(const struct ft_wheel *w, unsigned level)
{
    uint64_t now = w->now_tick >> (level * DIGIT_BITS);
    unsigned half = slot_of(w->now_tick, level) / FT_WHEEL_SLOTS;
    unsigned digit = (unsigned)now % FT_WHEEL_SLOTS;
    uint64_t rest = w->occupied[level][half] >> digit;

    if (rest)
        return now + (unsigned)__builtin_ctzll(rest);
    rest = w->occupied[level][!half];
    ft_assert(rest != 0); /* nothing is behind the present */
    return now - digit + FT_WHEEL_SLOTS + (unsigned)__builtin_ctzll(rest);
}

/* The slot that time enters first, and of several the one of the lowest level; there is one. */
static uint64_t next_slot(const struct ft_wheel *w, unsigned *ret_level)
{
    uint64_t next = UINT64_MAX;

    for (unsigned left = w->levels; left; left &= left - 1) {
        unsigned level = (unsigned)__builtin_ctz(left);
        uint64_t start = first_slot(w, level) << (level * DIGIT_BITS);

        if (start < next) {
            next = start;
            *ret_level = level;
        }
    }
    return next;
}

/*
 * When a slot that is more than a batch is to be gone on with: not before the one in front of it,
 * then evenly, so that half of that one is left for whoever comes late.
 */
static uint64_t crowd_at(const struct ft_wheel *w, unsigned level, uint64_t slot, uint32_t n)
{
    unsigned shift = level * DIGIT_BITS;
    uint64_t half = UINT64_C(1) << (shift - 1), ready = (slot << shift) - half;
    uint64_t n_steps = (n - 1) / FT_WHEEL_BATCH;

    if (w->now_tick >> shift < slot - 1)
        return (slot - 1) << shift;
    if (w->now_tick >= ready)
        return w->now_tick;
    return w->now_tick + FT_MAX((ready - w->now_tick) / n_steps, UINT64_C(1));
}

/* The tick at which there is something to do; some level must be occupied. */
static uint64_t next_tick(const struct ft_wheel *w)
{
    uint64_t next = UINT64_MAX;

    for (unsigned left = w->levels; left; left &= left - 1) {
        unsigned level = (unsigned)__builtin_ctz(left);
        uint64_t slot = first_slot(w, level);
        uint32_t n = w->n_in[level][slot % (2 * FT_WHEEL_SLOTS)];

        next = FT_MIN(next, slot << (level * DIGIT_BITS));
        if (n > FT_WHEEL_BATCH)
            next = FT_MIN(next, crowd_at(w, level, slot, n));
    }
    return next;
}

ft_time ft_wheel_deadline(const struct ft_wheel *w)
{
    if (!list_empty(&w->due) || !list_empty(&w->held))
        return w->now_tick << FT_WHEEL_TICK_SHIFT;
    return w->levels ? next_tick(w) << FT_WHEEL_TICK_SHIFT : FT_TIME_NEVER;
}

/* Takes the first timer of a slot. */
static struct ft_timer *take(struct ft_wheel *w, unsigned level, unsigned slot)
{
    struct ft_list *node = list_pop_front(&w->slots[level][slot]);

    ft_assert(w->n_in[level][slot] > 0);
    w->n_in[level][slot]--;
    w->n_moved++;
    if (list_empty(&w->slots[level][slot]))
        clear_slot(w, level, slot);
    return timer_of(node);
}

/* Time enters a slot: its timers move to lower levels, or are due when it is of the lowest. */
static void open_slot(struct ft_wheel *w, unsigned level)
{
    unsigned slot = slot_of(w->now_tick, level);

    if (level == 0) {
        list_splice_back(&w->due, &w->slots[0][slot]);
        clear_slot(w, 0, slot);
        return;
    }
    while (!list_empty(&w->slots[level][slot]))
        place(w, take(w, level, slot));
}

/* Begin slots that are more than a batch while time is in the one in front of them. */
static void thin_out(struct ft_wheel *w)
{
    uint32_t left = FT_WHEEL_BATCH;

    for (unsigned levels = w->levels & ~1u; levels && left > 0; levels &= levels - 1) {
        unsigned level = (unsigned)__builtin_ctz(levels);
        uint64_t first = first_slot(w, level);
        unsigned slot = (unsigned)first % (2 * FT_WHEEL_SLOTS);

        if (first != (w->now_tick >> (level * DIGIT_BITS)) + 1)
            continue;
        for (; left > 0 && w->n_in[level][slot] > FT_WHEEL_BATCH; left--)
            put(w, take(w, level, slot), level - 1);
    }
}

void ft_wheel_begin(struct ft_wheel *w, ft_time now)
{
    uint64_t now_tick = now >> FT_WHEEL_TICK_SHIFT;
    unsigned level = 0;

    w->in_round = true;
    list_splice_back(&w->due, &w->held);
    while (w->levels && w->wake <= now_tick) {
        uint64_t start = next_slot(w, &level);

        if (start > now_tick)
            break;
        ft_assert(start >= w->now_tick);
        w->now_tick = start;
        open_slot(w, level);
    }
    w->now_tick = FT_MAX(w->now_tick, now_tick);
    if (w->wake > now_tick)
        return;
    thin_out(w);
    w->wake = w->levels ? next_tick(w) : UINT64_MAX;
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
    w->n_armed--;
    return timer_of(node);
}

static uint32_t list_len(const struct ft_list *head)
{
    uint32_t n = 0;

    ft_list_for_each (node, head) {
        ft_assert(node->next->prev == node);
        n++;
    }
    return n;
}

/* A slot that has timers. Return: how many. */
static uint32_t check_slot(const struct ft_wheel *w, unsigned level, unsigned slot)
{
    const struct ft_list *head = &w->slots[level][slot];
    unsigned shift = level * DIGIT_BITS;
    uint32_t n = 0;

    ft_list_for_each (node, head) {
        const struct ft_timer *t = timer_of(node);
        uint64_t tick = tick_of(t);

        ft_assert(node->next->prev == node);
        ft_assert(tick > w->now_tick && tick <= TICK_MAX);
        ft_assert(level_of(t) == level && slot_of(tick, level) == slot);
        ft_assert(tick >> shift != w->now_tick >> shift);
        /* Of the present round of the level, or of the next. */
        ft_assert((tick >> shift >> DIGIT_BITS) - (w->now_tick >> shift >> DIGIT_BITS) <= 1);
        n++;
    }
    ft_assert(n > 0 && w->n_in[level][slot] == (level > 0 ? n : 0));
    return n;
}

void ft_wheel_check_timers(const struct ft_wheel *w)
{
    uint32_t n = list_len(&w->due) + list_len(&w->held);

    ft_assert(!w->levels || w->wake <= next_tick(w));
    for (unsigned level = 0; level < FT_WHEEL_LEVELS; level++) {
        const uint64_t *occupied = w->occupied[level];

        ft_assert((occupied[0] || occupied[1]) == (w->levels >> level & 1));
        for (unsigned half = 0; half < 2; half++) {
            for (uint64_t left = occupied[half]; left; left &= left - 1)
                n += check_slot(w, level, half * FT_WHEEL_SLOTS + (unsigned)__builtin_ctzll(left));
        }
    }
    ft_assert(n == w->n_armed);
}

void ft_wheel_check(const struct ft_wheel *w)
{
    ft_wheel_check_timers(w);
    for (unsigned level = 0; level < FT_WHEEL_LEVELS; level++) {
        for (unsigned slot = 0; slot < 2 * FT_WHEEL_SLOTS; slot++) {
            bool occupied = w->occupied[level][slot / FT_WHEEL_SLOTS] >> slot % FT_WHEEL_SLOTS & 1;

            ft_assert(list_empty(&w->slots[level][slot]) == !occupied);
            ft_assert(occupied || w->n_in[level][slot] == 0);
        }
    }
}
