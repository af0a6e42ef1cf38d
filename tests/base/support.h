/* SPDX-License-Identifier: MIT */
/*
 * What tests of the base share: seeded pseudo-random numbers, and an allocator over malloc that can
 * be told to refuse and that knows when memory is given back with a wrong size.
 */
#ifndef TESTS_BASE_SUPPORT_H
#define TESTS_BASE_SUPPORT_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"

struct test_heap {
    uint64_t n_live;      /* allocations not yet freed */
    uint64_t fail_in;     /* 1: the next allocation fails; 0: none does */
    unsigned align_shift; /* memory lies this many times 16 octets off a cache line */
};

/** The next number of a fixed sequence. */
static inline uint64_t test_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/** An alloc of ft_mem: not zeroed, aligned to 16 and to no more; remembers the size. */
static inline void *heap_alloc(void *ctx, size_t size)
{
    struct test_heap *heap = ctx;
    size_t shift = 64 + (size_t)16 * (heap->align_shift++ % 4);

    if (heap->fail_in > 0 && --heap->fail_in == 0)
        return NULL;
    uint8_t *raw = aligned_alloc(64, (shift + size + 63) & ~(size_t)63);
    if (!raw)
        return NULL;
    memset(raw, 0xa5, shift + size);
    memcpy(raw + shift - 16, &size, sizeof(size));
    memcpy(raw + shift - 8, &shift, sizeof(shift));
    heap->n_live++;
    return raw + shift;
}

/** The free of heap_alloc(): aborts when @size is not what was asked for. */
static inline void heap_free(void *ctx, void *ptr, size_t size)
{
    struct test_heap *heap = ctx;
    uint8_t *mem = ptr;
    size_t asked;
    size_t shift;

    memcpy(&asked, mem - 16, sizeof(asked));
    memcpy(&shift, mem - 8, sizeof(shift));
    if (asked != size || heap->n_live == 0)
        abort();
    memset(mem, 0x5a, size);
    heap->n_live--;
    free(mem - shift);
}

/** A budget over @heap, of @max octets. */
static inline struct ft_mem test_mem(struct test_heap *heap, uint64_t max)
{
    *heap = (struct test_heap){.n_live = 0};
    return (struct ft_mem){.alloc = heap_alloc, .free = heap_free, .ctx = heap, .max = max};
}

#endif
