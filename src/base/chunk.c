/* SPDX-License-Identifier: MIT */
/*
 * Chunks for rings: counted references, and a bounded list of spare ones of each size.
 */
#include "base/assert.h"
#include "base/budget.h"
#include "base/ring.h"

enum chunk_class { CHUNK_FULL, CHUNK_SMALL };

static enum chunk_class class_of(uint32_t size)
{
    return size == FT_CHUNK_SMALL ? CHUNK_SMALL : CHUNK_FULL;
}

static size_t true_size(const struct ft_chunk *chunk)
{
    return sizeof(*chunk) + chunk->size;
}

void ft_chunks_init(struct ft_chunks *chunks, struct ft_mem *mem, uint32_t n_max, uint32_t n_spare)
{
    *chunks = (struct ft_chunks){.mem = mem, .n_max = n_max, .n_spare = n_spare};
}

void ft_chunks_trim(struct ft_chunks *chunks)
{
    for (unsigned class = 0; class < FT_ARRAY_LEN(chunks->free); class ++) {
        while (chunks->free[class]) {
            struct ft_chunk *chunk = chunks->free[class];
            chunks->free[class] = chunk->next;
            chunks->n_free[class]--;
            ft_mem_free(chunks->mem, chunk, true_size(chunk));
        }
        ft_assert(chunks->n_free[class] == 0);
    }
}

void ft_chunks_fini(struct ft_chunks *chunks)
{
    ft_assert(chunks->n_used == 0);
    ft_chunks_trim(chunks);
}

static struct ft_chunk *take_spare(struct ft_chunks *chunks, enum chunk_class class)
{
    struct ft_chunk *chunk = chunks->free[class];

    if (chunk) {
        chunks->free[class] = chunk->next;
        chunks->n_free[class]--;
    }
    return chunk;
}

static struct ft_chunk *make(struct ft_chunks *chunks, uint32_t size, unsigned leave)
{
    struct ft_chunk *chunk = ft_mem_alloc_data(chunks->mem, sizeof(*chunk) + size, leave);

    if (chunk)
        chunk->size = size;
    return chunk;
}

struct ft_chunk *ft_chunk_get(struct ft_chunks *chunks, size_t size)
{
    uint32_t real = size <= FT_CHUNK_SMALL ? FT_CHUNK_SMALL : FT_CHUNK_SIZE;
    bool small = real == FT_CHUNK_SMALL;
    struct ft_chunk *chunk;

    ft_assert(size <= FT_CHUNK_SIZE);
    if (chunks->n_used >= chunks->n_max)
        return NULL;
    chunk = take_spare(chunks, class_of(real));
    if (!chunk)
        chunk = make(chunks, real, small ? FT_MEM_LEAVE_LITTLE : FT_MEM_LEAVE);
    if (!chunk && small)
        chunk = take_spare(chunks, CHUNK_FULL); /* larger than asked for, and here already */
    if (!chunk)
        return NULL;
    chunk->next = NULL;
    chunk->refs = 1;
    chunks->n_used++;
    return chunk;
}

void ft_chunk_ref(struct ft_chunk *chunk)
{
    ft_assert(chunk->refs > 0 && chunk->refs < UINT32_MAX);
    chunk->refs++;
}

void ft_chunk_put(struct ft_chunks *chunks, struct ft_chunk *chunk)
{
    enum chunk_class class = class_of(chunk->size);

    ft_assert(chunk->refs > 0);
    ft_assert(chunks->n_used > 0);
    if (--chunk->refs > 0)
        return;
    chunks->n_used--;
    if (chunks->n_free[class] >= chunks->n_spare) {
        ft_mem_free(chunks->mem, chunk, true_size(chunk));
        return;
    }
    chunk->next = chunks->free[class];
    chunks->free[class] = chunk;
    chunks->n_free[class]++;
}
