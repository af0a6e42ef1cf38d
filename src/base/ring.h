/* SPDX-License-Identifier: MIT */
/*
 * A ring of octets on a table of chunks of 16 KiB: the send and receive buffers. It is a window of
 * a stream; positions count from its head, the first octet that it still holds. Octets may be
 * written beyond the in-order length (out-of-order arrivals go straight to their place); which of
 * those are there the owner knows. Chunks are taken when they are first written and given back when
 * they are drained. They are counted by reference, so that octets which a link still borrows
 * survive being dropped here. Growing copies no octet, except once from the small chunk (2 KiB)
 * that a ring starts with.
 */
#ifndef FT_BASE_RING_H
#define FT_BASE_RING_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include <fourtuple/types.h>

struct ft_mem;

#define FT_CHUNK_SHIFT 14
#define FT_CHUNK_SIZE  (1u << FT_CHUNK_SHIFT)
#define FT_CHUNK_SMALL 2048u      /* octets of the chunk that a ring starts with */
#define FT_RING_MAX    (1u << 30) /* no octet lies at this position or beyond */

struct ft_chunk {
    uint32_t refs;         /* rings and borrowers that hold it; written by ft_chunk_* only */
    uint32_t size;         /* octets of @data: FT_CHUNK_SIZE or FT_CHUNK_SMALL */
    struct ft_chunk *next; /* while in a list of spare chunks */
    uint8_t data[];
};

struct ft_chunks {
    struct ft_mem *mem;       /* where chunks and tables come from */
    struct ft_chunk *free[2]; /* spare chunks, full and small ones */
    uint32_t n_free[2];       /* how many of each */
    uint32_t n_spare;         /* at most so many of each are kept */
    uint32_t n_used;          /* chunks held by somebody; read by anyone */
    uint32_t n_max;           /* limit of @n_used */
};

struct ft_ring {
    union {
        struct ft_chunk *one;     /* @n_slots is 1 */
        struct ring_table *table; /* @n_slots is more */
    };
    uint32_t n_slots; /* slots for chunks: 0 (nothing was written yet), 1 or a power of two */
    uint32_t head;    /* where position 0 lies in the slots, counted in octets */
    uint32_t len;     /* octets in order; read it by ft_ring_len() */
    uint32_t top;     /* one past the highest position written or reserved; at least @len */
};

static_assert(sizeof(struct ft_ring) <= 24, "an idle connection has two of them");

/**
 * Make a source of chunks.
 *
 * @chunks:  the caller's memory
 * @mem:     where they come from; outlives @chunks
 * @n_max:   chunks that may be held at a time
 * @n_spare: chunks of each size that are kept when given back
 */
void ft_chunks_init(struct ft_chunks *chunks, struct ft_mem *mem, uint32_t n_max, uint32_t n_spare);

/** Free the spare chunks. No chunk may be held any more. */
void ft_chunks_fini(struct ft_chunks *chunks);

/** Free the spare chunks, to make room in the budget. */
void ft_chunks_trim(struct ft_chunks *chunks);

/**
 * Take a chunk with one reference.
 *
 * @chunks: the source
 * @size:   octets that it must hold, at most FT_CHUNK_SIZE
 *
 * Return: a chunk of FT_CHUNK_SMALL or FT_CHUNK_SIZE octets, not zeroed; NULL when @n_max are held
 * or memory is refused. Give it back by ft_chunk_put().
 */
struct ft_chunk *ft_chunk_get(struct ft_chunks *chunks, size_t size);

/** Add a reference to @chunk. */
void ft_chunk_ref(struct ft_chunk *chunk);

/** Drop a reference to @chunk; the last one gives it back to @chunks, where it came from. */
void ft_chunk_put(struct ft_chunks *chunks, struct ft_chunk *chunk);

/** Make an empty ring, which holds no memory. @chunks is not kept. */
void ft_ring_init(struct ft_ring *ring, struct ft_chunks *chunks);

/** Give back all that @ring holds. It may be initialised or written again. */
void ft_ring_fini(struct ft_ring *ring, struct ft_chunks *chunks);

/** Octets in order, from position 0. */
static inline uint32_t ft_ring_len(const struct ft_ring *ring)
{
    return ring->len;
}

/** Octets of memory that @ring holds, its table included: the true size to account. O(1). */
size_t ft_ring_size(const struct ft_ring *ring);

/** Chunks held now. O(1). */
uint32_t ft_ring_chunks(const struct ft_ring *ring);

/**
 * Write octets at a position.
 *
 * @ring:   the ring
 * @chunks: where missing chunks come from
 * @off:    position; beyond the length is allowed, what lies between stays undefined
 * @data:   copied
 * @len:    octets, may be 0
 *
 * Return: 0; -ENOBUFS when a chunk cannot be had or the end would pass FT_RING_MAX: nothing is
 * changed then. The in-order length stays: see ft_ring_extend().
 */
int ft_ring_write(struct ft_ring *ring, struct ft_chunks *chunks, uint32_t off, const void *data,
                  size_t len);

/** Declare that the in-order length grew by @n: the octets have been written or reserved. */
void ft_ring_extend(struct ft_ring *ring, uint32_t n);

/** Write @len octets behind the last one in order, and extend. Return: as ft_ring_write(). */
int ft_ring_append(struct ft_ring *ring, struct ft_chunks *chunks, const void *data, size_t len);

/** Copy @len octets from position @off to @dst. They must have been written. */
void ft_ring_read(const struct ft_ring *ring, uint32_t off, void *dst, size_t len);

/**
 * Copy octets out and add up their Internet checksum in the same pass.
 *
 * @ring:    the ring
 * @off:     position of the first octet
 * @dst:     gets the octets
 * @len:     octets; they must have been written
 * @ret_sum: partial sum as base/sum.h defines it, at most 0xffff, the first octet being even
 */
void ft_ring_copy_sum(const struct ft_ring *ring, uint32_t off, void *dst, size_t len,
                      uint32_t *ret_sum);

/**
 * Drop octets from the head. Drained chunks are given back; a ring of which nothing is left, in
 * order or beyond, holds no chunk.
 *
 * @ring:   the ring
 * @chunks: where its chunks came from
 * @n:      octets, at most ft_ring_len()
 */
void ft_ring_consume(struct ft_ring *ring, struct ft_chunks *chunks, uint32_t n);

/**
 * Drop whatever was written or reserved beyond the in-order length, and give back its chunks. To
 * be called when out-of-order octets are discarded, or less was used than was reserved.
 */
void ft_ring_trim(struct ft_ring *ring, struct ft_chunks *chunks);

/**
 * Borrow octets in place.
 *
 * @ring:       the ring
 * @off:        position of the first octet
 * @len:        octets; they must have been written
 * @ret_spans:  at most @n_max spans, in order, none empty
 * @ret_chunks: the chunk of each span, for ft_chunk_ref(); may be NULL
 * @n_max:      spans that there is room for
 *
 * Return: spans written; they cover fewer than @len octets if @n_max did not suffice. They stay
 * valid until the ring is changed; with a reference to the chunks until that is put.
 */
size_t ft_ring_spans(const struct ft_ring *ring, uint32_t off, size_t len,
                     struct ft_span *ret_spans, struct ft_chunk **ret_chunks, size_t n_max);

/**
 * Make room that the caller then fills.
 *
 * @ring:      the ring
 * @chunks:    where missing chunks come from
 * @off:       position, usually ft_ring_len()
 * @len:       octets
 * @ret_spans: at most @n_max writable spans, in order
 * @n_max:     spans that there is room for
 *
 * Return: spans written, which cover fewer than @len octets if @n_max did not suffice; -ENOBUFS as
 * by ft_ring_write(). The spans stay in place until they are consumed or trimmed. Fill them, then
 * call ft_ring_extend(), and ft_ring_trim() if less was used and nothing is out of order. For the
 * chunks of the spans ask ft_ring_spans().
 */
int ft_ring_reserve(struct ft_ring *ring, struct ft_chunks *chunks, uint32_t off, size_t len,
                    struct ft_span *ret_spans, size_t n_max);

#endif
