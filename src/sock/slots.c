/* SPDX-License-Identifier: MIT */
/*
 * Descriptors: slots in segments of fixed size, so that none ever moves, with a generation that a
 * stale descriptor does not have. It does not know what the objects are.
 */
#include <errno.h>
#include <string.h>

#include "base/env.h"
#include "priv.h"

#define SEGMENT_SIZE      (SLOT_SEGMENT_LEN * sizeof(struct ft_slot))
#define DIRECTORY_MIN     8u
#define DIRECTORY_MAX     ((UINT32_MAX >> SLOT_SEGMENT_SHIFT) - 1)
#define DIRECTORY_AT(cap) ((size_t)(cap) * sizeof(struct ft_slot *))

void ft_slots_init(struct ft_slots *slots, struct ft_env *env)
{
    memset(slots, 0, sizeof(*slots));
    slots->env = env;
    slots->free_head = FT_NO_SLOT;
    slots->ready_head = FT_NO_SLOT;
    slots->ready_tail = FT_NO_SLOT;
}

void ft_slots_fini(struct ft_slots *slots)
{
    struct ft_mem *mem = &slots->env->mem;

    for (uint32_t i = 0; i < slots->n_segments; i++)
        ft_mem_free(mem, slots->segments[i], SEGMENT_SIZE);
    ft_mem_free(mem, slots->segments, DIRECTORY_AT(slots->cap_segments));
    ft_slots_init(slots, slots->env);
}

/* The directory doubles; the segments that it points to stay where they are. */
static int grow_directory(struct ft_slots *slots)
{
    struct ft_mem *mem = &slots->env->mem;
    uint32_t cap = slots->cap_segments ? 2 * slots->cap_segments : DIRECTORY_MIN;
    struct ft_slot **segments;

    if (slots->n_segments >= DIRECTORY_MAX)
        return -ENOBUFS;
    segments = ft_mem_alloc(mem, DIRECTORY_AT(cap));
    if (!segments)
        return -ENOBUFS;
    if (slots->n_segments > 0)
        memcpy(segments, slots->segments, DIRECTORY_AT(slots->n_segments));
    ft_mem_free(mem, slots->segments, DIRECTORY_AT(slots->cap_segments));
    slots->segments = segments;
    slots->cap_segments = cap;
    return 0;
}

static int add_segment(struct ft_slots *slots)
{
    uint32_t first = slot_count(slots);
    struct ft_slot *segment;

    if (slots->n_segments == slots->cap_segments && grow_directory(slots) < 0)
        return -ENOBUFS;
    segment = ft_mem_alloc(&slots->env->mem, SEGMENT_SIZE);
    if (!segment)
        return -ENOBUFS;
    for (uint32_t i = 0; i < SLOT_SEGMENT_LEN; i++) {
        segment[i].gen = 1;
        segment[i].next = first + i + 1;
        segment[i].prev = FT_NO_SLOT;
    }
    segment[SLOT_SEGMENT_LEN - 1].next = slots->free_head;
    slots->free_head = first;
    slots->segments[slots->n_segments++] = segment;
    slots->n_changes++;
    return 0;
}

ft_sock ft_slot_open(struct ft_slots *slots, enum ft_sock_kind kind, void *obj)
{
    struct ft_slot *slot;
    uint32_t index;

    ft_assert(kind != FT_KIND_NONE);
    ft_assert(obj);
    if (slots->n_used >= slots->env->config.limits.sockets_max)
        return -EMFILE;
    if (slots->free_head == FT_NO_SLOT && add_segment(slots) < 0)
        return -ENOBUFS;
    index = slots->free_head;
    slot = slot_of(slots, index);
    ft_assert(slot->kind == FT_KIND_NONE);
    slots->free_head = slot->next;
    slot->next = FT_NO_SLOT;
    slot->kind = (uint8_t)kind;
    slot->obj = obj;
    slots->n_used++;
    slots->n_changes++;
    return ft_slot_sock(slots, index);
}

void ft_slot_close(struct ft_slots *slots, uint32_t index)
{
    struct ft_slot *slot;

    ft_assert(index < slot_count(slots));
    slot = slot_of(slots, index);
    ft_assert(slot->kind != FT_KIND_NONE);
    ft_ready_forget(slots, index);
    slot->kind = FT_KIND_NONE;
    slot->mask = 0;
    slot->obj = NULL;
    slot->user = NULL;
    slots->n_used--;
    slots->n_changes++;
    /* A slot whose last generation is spent is never opened again. */
    if (slot->gen++ == SLOT_GEN_MAX)
        return;
    slot->next = slots->free_head;
    slots->free_head = index;
}

static struct ft_slot *open_slot(const struct ft_slots *slots, ft_sock sock)
{
    uint32_t index = (uint32_t)sock;
    struct ft_slot *slot;

    if (sock < 0 || index >= slot_count(slots))
        return NULL;
    slot = slot_of(slots, index);
    if (slot->kind == FT_KIND_NONE || slot->gen != (uint32_t)((uint64_t)sock >> 32))
        return NULL;
    return slot;
}

void *ft_slot_find(const struct ft_slots *slots, ft_sock sock, enum ft_sock_kind *ret_kind)
{
    const struct ft_slot *slot = open_slot(slots, sock);

    if (!slot)
        return NULL;
    *ret_kind = (enum ft_sock_kind)slot->kind;
    return slot->obj;
}

void ft_slot_set(struct ft_slots *slots, uint32_t index, enum ft_sock_kind kind, void *obj)
{
    struct ft_slot *slot;

    ft_assert(index < slot_count(slots));
    ft_assert(kind != FT_KIND_NONE && obj);
    slot = slot_of(slots, index);
    ft_assert(slot->kind != FT_KIND_NONE);
    slot->kind = (uint8_t)kind;
    slot->obj = obj;
}

ft_sock ft_slot_sock(const struct ft_slots *slots, uint32_t index)
{
    if (index == FT_NO_SLOT)
        return -1;
    ft_assert(index < slot_count(slots));
    return (ft_sock)((uint64_t)slot_of(slots, index)->gen << 32 | index);
}

void *ft_slot_user(const struct ft_slots *slots, uint32_t index)
{
    return index == FT_NO_SLOT ? NULL : slot_of(slots, index)->user;
}

bool ft_slot_at(const struct ft_slots *slots, uint32_t index, enum ft_sock_kind *ret_kind,
                void **ret_obj)
{
    const struct ft_slot *slot;

    if (index >= slot_count(slots))
        return false;
    slot = slot_of(slots, index);
    *ret_kind = (enum ft_sock_kind)slot->kind;
    *ret_obj = slot->obj;
    return true;
}

bool ft_slot_next(const struct ft_slots *slots, uint32_t *index, enum ft_sock_kind *ret_kind,
                  void **ret_obj)
{
    while (ft_slot_at(slots, *index, ret_kind, ret_obj)) {
        if (*ret_kind != FT_KIND_NONE)
            return true;
        (*index)++;
    }
    return false;
}

static void check_open(const struct ft_slot *slot)
{
    ft_assert(slot->kind != FT_KIND_NONE && slot->obj != NULL);
    ft_assert(slot->gen <= SLOT_GEN_MAX);
    ft_assert((slot->events & ~slot->mask) == 0);
    ft_assert(slot->mask || !(slot->flags & SLOT_QUEUED));
}

static void check_free(const struct ft_slot *slot)
{
    ft_assert(slot->kind == FT_KIND_NONE && slot->obj == NULL);
    ft_assert(slot->events == 0 && !(slot->flags & SLOT_QUEUED));
}

/* The free ones by their list. Return: how many. */
static uint32_t check_all_free(const struct ft_slots *slots)
{
    uint32_t n = 0;

    for (uint32_t i = slots->free_head; i != FT_NO_SLOT; i = slot_of(slots, i)->next) {
        check_free(slot_of(slots, i));
        ft_assert(++n <= slot_count(slots));
    }
    return n;
}

/* The open ones in their order, until all are found. Return: those passed by that have spent their
   generations. */
static uint32_t check_all_open(const struct ft_slots *slots)
{
    uint32_t n_retired = 0, n_queued = 0, n_open = 0;

    for (uint32_t i = 0; n_open < slots->n_used; i++) {
        ft_assert(i < slot_count(slots));
        const struct ft_slot *slot = slot_of(slots, i);
        if (slot->kind == FT_KIND_NONE) {
            n_retired += slot->gen > SLOT_GEN_MAX;
            continue;
        }
        check_open(slot);
        n_queued += (slot->flags & SLOT_QUEUED) != 0;
        n_open++;
    }
    ft_assert(ft_ready_check(slots) == n_queued);
    return n_retired;
}

/* Each slot is looked at once. What is neither open nor in the free list has spent its generations.
 */
void ft_slots_check(const struct ft_slots *slots)
{
    uint32_t n_free = check_all_free(slots);

    ft_assert(slots->n_segments <= slots->cap_segments);
    ft_assert(slots->n_used + n_free + check_all_open(slots) <= slot_count(slots));
}

/* Events are of open slots, and change without being counted: those are looked at each time. One
   raised for a free slot would be in the list of events, and missing among the open ones. */
void ft_slots_check_changes(struct ft_slots *slots)
{
    if (slots->n_checked == slots->n_changes) {
        (void)check_all_open(slots);
        return;
    }
    ft_slots_check(slots);
    slots->n_checked = slots->n_changes;
}
