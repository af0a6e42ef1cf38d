/* SPDX-License-Identifier: MIT */
/*
 * The ring. Slots for chunks form a circle; position p lies at octet head + p of it. One slot is
 * kept in the ring itself, more in a table of a power of two.
 *
 *      slots  | NULL | chunk | chunk | NULL | chunk | NULL |
 *                       ^head      ^len        ^  ^top
 *
 * A small chunk exists only in the slot of the head: rings begin with it, and octets beyond its
 * size replace it by a full one.
 */
#include "base/ring.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/assert.h"
#include "base/budget.h"
#include "base/sum.h"

struct ring_table {
    uint32_t n_chunks; /* slots that are not NULL */
    struct ft_chunk *slot[];
};

/* A run of slots, relative to the one of the head, and how the last of them is used. */
struct touch {
    uint32_t first;
    uint32_t last;
    uint32_t last_end; /* one past the last octet touched in the last chunk */
    bool full;         /* small chunks will not do */
};

static size_t table_size(uint32_t n_slots)
{
    return n_slots > 1 ? sizeof(struct ring_table) + n_slots * sizeof(struct ft_chunk *) : 0;
}

/* The slot that lies @i slots behind that of the head. */
static struct ft_chunk **slot_at(const struct ft_ring *ring, uint32_t i)
{
    ft_assert(ring->n_slots > 0);
    if (ring->n_slots == 1)
        return (struct ft_chunk **)&ring->one;
    return &ring->table->slot[((ring->head >> FT_CHUNK_SHIFT) + i) & (ring->n_slots - 1)];
}

static uint32_t head_in_chunk(const struct ft_ring *ring)
{
    return ring->head & (FT_CHUNK_SIZE - 1);
}

static void set_slot(struct ft_ring *ring, uint32_t i, struct ft_chunk *chunk)
{
    struct ft_chunk **slot = slot_at(ring, i);

    if (ring->n_slots > 1)
        ring->table->n_chunks += (uint32_t)(chunk != NULL) - (uint32_t)(*slot != NULL);
    *slot = chunk;
}

static void drop_slot(struct ft_ring *ring, struct ft_chunks *chunks, uint32_t i)
{
    struct ft_chunk *chunk = *slot_at(ring, i);

    if (!chunk)
        return;
    set_slot(ring, i, NULL);
    ft_chunk_put(chunks, chunk);
}

void ft_ring_init(struct ft_ring *ring, struct ft_chunks *chunks)
{
    (void)chunks; /* nothing is taken before the first write */
    *ring = (struct ft_ring){.n_slots = 0};
}

void ft_ring_fini(struct ft_ring *ring, struct ft_chunks *chunks)
{
    if (ring->n_slots > 0) {
        uint32_t n = (head_in_chunk(ring) + ring->top + FT_CHUNK_SIZE - 1) >> FT_CHUNK_SHIFT;
        for (uint32_t i = 0; i < FT_MAX(n, 1u); i++)
            drop_slot(ring, chunks, i);
    }
    ft_assert(ft_ring_chunks(ring) == 0);
    if (ring->n_slots > 1)
        ft_mem_free(chunks->mem, ring->table, table_size(ring->n_slots));
    ft_ring_init(ring, chunks);
}

uint32_t ft_ring_chunks(const struct ft_ring *ring)
{
    if (ring->n_slots > 1)
        return ring->table->n_chunks;
    return ring->n_slots == 1 && ring->one ? 1 : 0;
}

size_t ft_ring_size(const struct ft_ring *ring)
{
    uint32_t n = ft_ring_chunks(ring);
    size_t size = table_size(ring->n_slots) + n * (sizeof(struct ft_chunk) + FT_CHUNK_SIZE);

    if (n > 0 && *slot_at(ring, 0) && (*slot_at(ring, 0))->size == FT_CHUNK_SMALL)
        size -= FT_CHUNK_SIZE - FT_CHUNK_SMALL;
    return size;
}

/* Have at least @n slots. Chunks keep their order; the head's becomes the first. */
static int grow_slots(struct ft_ring *ring, struct ft_chunks *chunks, uint32_t n)
{
    uint32_t n_old = ring->n_slots;
    uint32_t n_new = n > 1 ? 1u << (32 - __builtin_clz(n - 1)) : 1;

    if (n <= n_old)
        return 0;
    if (n_new > 1) {
        struct ring_table *table = ft_mem_alloc(chunks->mem, table_size(n_new));
        if (!table)
            return -ENOBUFS;
        table->n_chunks = ft_ring_chunks(ring);
        for (uint32_t i = 0; i < n_old; i++)
            table->slot[i] = *slot_at(ring, i);
        if (n_old > 1)
            ft_mem_free(chunks->mem, ring->table, table_size(n_old));
        ring->table = table;
    } else {
        ring->one = NULL;
    }
    ring->head = head_in_chunk(ring);
    ring->n_slots = n_new;
    return 0;
}

/* Whether the chunk in slot @i of a touched run must be taken or replaced. */
static bool wants_chunk(const struct ft_ring *ring, const struct touch *touch, uint32_t i)
{
    const struct ft_chunk *chunk = *slot_at(ring, i);

    if (!chunk)
        return true;
    if (chunk->size == FT_CHUNK_SIZE)
        return false;
    return touch->full || i < touch->last || touch->last_end > chunk->size;
}

/* Take all chunks that a run needs, chained, or none. */
static int take_chunks(const struct ft_ring *ring, struct ft_chunks *chunks,
                       const struct touch *touch, struct ft_chunk **ret_chain)
{
    bool small = ring->n_slots == 1 && !touch->full && touch->last_end <= FT_CHUNK_SMALL;
    struct ft_chunk *chain = NULL;

    for (uint32_t i = touch->first; i <= touch->last; i++) {
        if (!wants_chunk(ring, touch, i))
            continue;
        struct ft_chunk *chunk = ft_chunk_get(chunks, small ? FT_CHUNK_SMALL : FT_CHUNK_SIZE);
        if (!chunk)
            goto undo;
        chunk->next = chain;
        chain = chunk;
    }
    *ret_chain = chain;
    return 0;
undo:
    while (chain) {
        struct ft_chunk *chunk = chain;
        chain = chunk->next;
        ft_chunk_put(chunks, chunk);
    }
    return -ENOBUFS;
}

static void put_in_slot(struct ft_ring *ring, struct ft_chunks *chunks, uint32_t i,
                        struct ft_chunk *chunk)
{
    struct ft_chunk *old = *slot_at(ring, i);

    chunk->next = NULL;
    if (old) {
        /* Who borrows octets of the small chunk goes on reading them there. */
        ft_assert(old->size == FT_CHUNK_SMALL && chunk->size == FT_CHUNK_SIZE);
        memcpy(chunk->data, old->data, FT_CHUNK_SMALL);
        ft_chunk_put(chunks, old);
    }
    set_slot(ring, i, chunk);
}

/* Have chunks under positions @off to @off + @len. */
static int prepare(struct ft_ring *ring, struct ft_chunks *chunks, uint32_t off, size_t len,
                   bool full)
{
    struct ft_chunk *chain;

    if (off > FT_RING_MAX || len > FT_RING_MAX - off)
        return -ENOBUFS;
    uint32_t begin = head_in_chunk(ring) + off;
    uint32_t end = begin + (uint32_t)len;
    struct touch touch = {.first = begin >> FT_CHUNK_SHIFT,
                          .last = (end - 1) >> FT_CHUNK_SHIFT,
                          .last_end = ((end - 1) & (FT_CHUNK_SIZE - 1)) + 1,
                          .full = full};
    int err = grow_slots(ring, chunks, touch.last + 1);
    if (!err)
        err = take_chunks(ring, chunks, &touch, &chain);
    if (err) {
        if (ring->top == 0)
            ft_ring_fini(ring, chunks);
        return err;
    }
    for (uint32_t i = touch.first; i <= touch.last; i++) {
        if (!wants_chunk(ring, &touch, i))
            continue;
        struct ft_chunk *chunk = chain;
        chain = chunk->next;
        put_in_slot(ring, chunks, i, chunk);
    }
    ring->top = FT_MAX(ring->top, off + (uint32_t)len);
    return 0;
}

/* The octets from position @off that lie in one chunk, at most @len, and that chunk. */
static struct ft_span span_at(const struct ft_ring *ring, uint32_t off, size_t len,
                              struct ft_chunk **ret_chunk)
{
    uint32_t at = head_in_chunk(ring) + off;
    uint32_t in_chunk = at & (FT_CHUNK_SIZE - 1);
    struct ft_chunk *chunk = *slot_at(ring, at >> FT_CHUNK_SHIFT);

    ft_assert(chunk != NULL);
    size_t n = FT_MIN(len, (size_t)(FT_CHUNK_SIZE - in_chunk));
    ft_assert(in_chunk + n <= chunk->size);
    *ret_chunk = chunk;
    return (struct ft_span){.data = chunk->data + in_chunk, .len = n};
}

static void assert_written(const struct ft_ring *ring, uint32_t off, size_t len)
{
    ft_assert(off <= ring->top);
    ft_assert(len <= ring->top - off);
}

int ft_ring_write(struct ft_ring *ring, struct ft_chunks *chunks, uint32_t off, const void *data,
                  size_t len)
{
    const uint8_t *src = data;
    struct ft_chunk *chunk;

    if (len == 0)
        return 0;
    int err = prepare(ring, chunks, off, len, false);
    if (err)
        return err;
    while (len > 0) {
        struct ft_span span = span_at(ring, off, len, &chunk);
        memcpy(span.data, src, span.len);
        src += span.len;
        off += (uint32_t)span.len;
        len -= span.len;
    }
    return 0;
}

void ft_ring_extend(struct ft_ring *ring, uint32_t n)
{
    ft_assert(n <= ring->top - ring->len);
    ring->len += n;
}

int ft_ring_append(struct ft_ring *ring, struct ft_chunks *chunks, const void *data, size_t len)
{
    int err = ft_ring_write(ring, chunks, ring->len, data, len);

    if (!err)
        ft_ring_extend(ring, (uint32_t)len);
    return err;
}

void ft_ring_read(const struct ft_ring *ring, uint32_t off, void *dst, size_t len)
{
    uint8_t *to = dst;
    struct ft_chunk *chunk;

    assert_written(ring, off, len);
    while (len > 0) {
        struct ft_span span = span_at(ring, off, len, &chunk);
        memcpy(to, span.data, span.len);
        to += span.len;
        off += (uint32_t)span.len;
        len -= span.len;
    }
}

void ft_ring_copy_sum(const struct ft_ring *ring, uint32_t off, void *dst, size_t len,
                      uint32_t *ret_sum)
{
    uint8_t *to = dst;
    size_t done = 0;
    uint64_t sum = 0;
    struct ft_chunk *chunk;

    assert_written(ring, off, len);
    while (done < len) {
        struct ft_span span = span_at(ring, off + (uint32_t)done, len - done, &chunk);
        uint64_t partial = ft_sum_copy(to + done, span.data, span.len, 0);
        sum = ft_sum_add_at(sum, partial, done);
        done += span.len;
    }
    *ret_sum = ft_sum_fold(sum);
}

void ft_ring_consume(struct ft_ring *ring, struct ft_chunks *chunks, uint32_t n)
{
    ft_assert(n <= ring->len);
    if (n == 0)
        return;
    uint32_t n_drained = (head_in_chunk(ring) + n) >> FT_CHUNK_SHIFT;
    for (uint32_t i = 0; i < n_drained; i++)
        drop_slot(ring, chunks, i);
    ring->head = (ring->head + n) & ((ring->n_slots << FT_CHUNK_SHIFT) - 1);
    ring->len -= n;
    ring->top -= n;
    if (ring->top == 0)
        ft_ring_fini(ring, chunks);
}

void ft_ring_trim(struct ft_ring *ring, struct ft_chunks *chunks)
{
    if (ring->len == 0) {
        ft_ring_fini(ring, chunks);
        return;
    }
    uint32_t last = (head_in_chunk(ring) + ring->len - 1) >> FT_CHUNK_SHIFT;
    uint32_t top = (head_in_chunk(ring) + ring->top - 1) >> FT_CHUNK_SHIFT;
    for (uint32_t i = last + 1; i <= top; i++)
        drop_slot(ring, chunks, i);
    ring->top = ring->len;
}

size_t ft_ring_spans(const struct ft_ring *ring, uint32_t off, size_t len,
                     struct ft_span *ret_spans, struct ft_chunk **ret_chunks, size_t n_max)
{
    struct ft_chunk *chunk;
    size_t n = 0;

    assert_written(ring, off, len);
    for (; n < n_max && len > 0; n++) {
        ret_spans[n] = span_at(ring, off, len, &chunk);
        if (ret_chunks)
            ret_chunks[n] = chunk;
        off += (uint32_t)ret_spans[n].len;
        len -= ret_spans[n].len;
    }
    return n;
}

int ft_ring_reserve(struct ft_ring *ring, struct ft_chunks *chunks, uint32_t off, size_t len,
                    struct ft_span *ret_spans, size_t n_max)
{
    if (len == 0)
        return 0;
    int err = prepare(ring, chunks, off, len, true);
    if (err)
        return err;
    return (int)ft_ring_spans(ring, off, len, ret_spans, NULL, n_max);
}
