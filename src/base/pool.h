/* SPDX-License-Identifier: MIT */
/*
 * Pools of objects of one size, cut from slabs of about 64 KiB. No object has a header: a small
 * table finds the slab of an address. Objects whose size is a multiple of 64 lie on cache lines,
 * others on 16 octets. A slab without objects is given back, save one that is kept as a spare.
 */
#ifndef FT_BASE_POOL_H
#define FT_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct ft_mem;
struct pool_slab;

struct ft_pool {
    struct ft_mem *mem;       /* where slabs come from; set by ft_pool_init */
    struct ft_list partial;   /* slabs with a free object, those in use first */
    struct pool_slab **table; /* every slab, hashed by address; NULL before the first */
    size_t slab_size;         /* octets of a slab as allocated */
    uint32_t table_len;       /* slots of @table, 0 or a power of two, at least twice @n_slabs */
    uint32_t obj_size;        /* octets of an object, rounded up to 16 */
    uint32_t n_per_slab;      /* objects of a slab */
    uint32_t n_max;           /* objects that may be out at a time */
    uint32_t n_used;          /* objects out now; read by anyone */
    uint32_t n_slabs;         /* slabs held now */
    uint32_t n_empty;         /* of them, slabs without an object: 0 or 1 between calls */
    uint32_t shift;           /* log2 of the granule by which @table is hashed */
};

/**
 * Make an empty pool. Nothing is allocated until the first ft_pool_get().
 *
 * @pool:     the caller's memory
 * @mem:      where slabs come from; outlives the pool
 * @obj_size: octets of an object, 1 to 65,536
 * @n_max:    objects that may be out at a time
 */
void ft_pool_init(struct ft_pool *pool, struct ft_mem *mem, size_t obj_size, uint32_t n_max);

/** Free the memory of @pool. Every object must have been put back. */
void ft_pool_fini(struct ft_pool *pool);

/**
 * Take an object.
 *
 * Return: a zeroed object, or NULL when @n_max are out or memory was refused.
 * Give it back by ft_pool_put().
 */
void *ft_pool_get(struct ft_pool *pool);

/** Give back @obj, which came from ft_pool_get() of the same @pool. O(1). */
void ft_pool_put(struct ft_pool *pool, void *obj);

#endif
