/* SPDX-License-Identifier: MIT */
/*
 * Readiness: a first-in first-out list of the watched sockets for which something has become true.
 * A socket is in it once; bits gather until they are taken. It knows slots and no sockets.
 */
#include "priv.h"

static void enqueue(struct ft_slots *slots, uint32_t index)
{
    struct ft_slot *slot = slot_of(slots, index);

    if (slot->flags & SLOT_QUEUED)
        return;
    slot->flags |= SLOT_QUEUED;
    slot->next = FT_NO_SLOT;
    slot->prev = slots->ready_tail;
    if (slots->ready_tail == FT_NO_SLOT)
        slots->ready_head = index;
    else
        slot_of(slots, slots->ready_tail)->next = index;
    slots->ready_tail = index;
}

static void dequeue(struct ft_slots *slots, uint32_t index)
{
    struct ft_slot *slot = slot_of(slots, index);

    ft_assert(slot->flags & SLOT_QUEUED);
    if (slot->prev == FT_NO_SLOT)
        slots->ready_head = slot->next;
    else
        slot_of(slots, slot->prev)->next = slot->next;
    if (slot->next == FT_NO_SLOT)
        slots->ready_tail = slot->prev;
    else
        slot_of(slots, slot->next)->prev = slot->prev;
    slot->next = FT_NO_SLOT;
    slot->prev = FT_NO_SLOT;
    slot->flags = (uint8_t)(slot->flags & ~SLOT_QUEUED);
}

void ft_ready_forget(struct ft_slots *slots, uint32_t index)
{
    struct ft_slot *slot = slot_of(slots, index);

    if (slot->flags & SLOT_QUEUED)
        dequeue(slots, index);
    slot->events = 0;
}

void ft_ready_watch(struct ft_slots *slots, uint32_t index, uint32_t mask, void *user, uint32_t now)
{
    struct ft_slot *slot;

    ft_assert(index < slot_count(slots));
    slot = slot_of(slots, index);
    ft_assert(slot->kind != FT_KIND_NONE);
    ft_ready_forget(slots, index);
    slot->mask = mask ? slot_pack(mask | FT_ERROR | FT_HANGUP) : 0;
    slot->user = mask ? user : NULL;
    ft_ready_raise(slots, index, now);
}

void ft_ready_raise(struct ft_slots *slots, uint32_t index, uint32_t bits)
{
    struct ft_slot *slot;
    uint8_t events;

    if (index == FT_NO_SLOT)
        return;
    ft_assert(index < slot_count(slots));
    slot = slot_of(slots, index);
    events = slot_pack(bits) & slot->mask;
    if (!events)
        return;
    slot->events |= events;
    enqueue(slots, index);
}

size_t ft_ready_take(struct ft_slots *slots, struct ft_event *ret_events, size_t n)
{
    size_t n_taken = 0;

    while (n_taken < n && slots->ready_head != FT_NO_SLOT) {
        uint32_t index = slots->ready_head;
        struct ft_slot *slot = slot_of(slots, index);

        ret_events[n_taken++] = (struct ft_event){
            .sock = ft_slot_sock(slots, index),
            .user = slot->user,
            .mask = slot_unpack(slot->events),
        };
        ft_ready_forget(slots, index);
    }
    return n_taken;
}

uint32_t ft_ready_check(const struct ft_slots *slots)
{
    uint32_t n_listed = 0, prev = FT_NO_SLOT;

    for (uint32_t i = slots->ready_head; i != FT_NO_SLOT; i = slot_of(slots, i)->next) {
        const struct ft_slot *slot = slot_of(slots, i);

        ft_assert(slot->flags & SLOT_QUEUED);
        ft_assert(slot->prev == prev);
        ft_assert(slot->events != 0);
        ft_assert(++n_listed <= slot_count(slots));
        prev = i;
    }
    ft_assert(slots->ready_tail == prev);
    return n_listed;
}
