/* SPDX-License-Identifier: MIT */
/*
 * What the files of sock/ share: the slot of a descriptor and how its events are kept.
 */
#ifndef SOCK_PRIV_H
#define SOCK_PRIV_H

#include <assert.h>

#include "base/assert.h"
#include "sock/sock.h"

#define SLOT_SEGMENT_SHIFT 8 /* slots of a segment: 8 KiB of them */
#define SLOT_SEGMENT_LEN   (1u << SLOT_SEGMENT_SHIFT)
#define SLOT_GEN_MAX       INT32_MAX /* the last generation; the slot is retired after it */

enum {
    SLOT_QUEUED = 1 << 0, /* in the list of slots with events */
};

struct ft_slot {
    void *obj;      /* what the descriptor stands for */
    void *user;     /* of ft_watch() */
    uint32_t gen;   /* generation of the descriptor that is open or opens next; 1 and up */
    uint32_t next;  /* of the free list, or of the list of slots with events; FT_NO_SLOT: none */
    uint32_t prev;  /* of the list of slots with events */
    uint8_t kind;   /* enum ft_sock_kind; FT_KIND_NONE: free */
    uint8_t mask;   /* what is watched for, packed by slot_pack(); 0: not watched */
    uint8_t events; /* what has become true since the last event, packed */
    uint8_t flags;  /* SLOT_* */
};

static_assert(sizeof(struct ft_slot) <= 32, "two slots a cache line");

/** The slot of an index below the number of slots. */
static inline struct ft_slot *slot_of(const struct ft_slots *slots, uint32_t index)
{
    return &slots->segments[index >> SLOT_SEGMENT_SHIFT][index & (SLOT_SEGMENT_LEN - 1)];
}

/** How many slots there are, open and free. */
static inline uint32_t slot_count(const struct ft_slots *slots)
{
    return slots->n_segments << SLOT_SEGMENT_SHIFT;
}

/** FT_READABLE ... in eight bits: FT_RDHUP moves to bit 5. */
static inline uint8_t slot_pack(uint32_t bits)
{
    return (uint8_t)((bits & 0x1f) | (bits & FT_RDHUP ? 0x20u : 0));
}

/** The inverse of slot_pack(). */
static inline uint32_t slot_unpack(uint8_t packed)
{
    return (packed & 0x1fu) | (packed & 0x20 ? (uint32_t)FT_RDHUP : 0);
}

/** Take a slot out of the list of those with events, if it is in it, and forget its events. */
void ft_ready_forget(struct ft_slots *slots, uint32_t index);

/** Assert that the list of slots with events is sound. */
void ft_ready_check(const struct ft_slots *slots);

#endif
