/* SPDX-License-Identifier: MIT */
/*
 * Pools of objects of one size. The allocator aligns to 16 octets only, and aligning slabs to their
 * size would waste half of the memory. So slabs lie where they fall, each is at most one granule
 * (64 KiB) long, and a hash table keyed by the granule of a slab's first octet finds it: an
 * object's slab begins in the granule of the object or in the one before. Costs about 112 octets a
 * slab and at most 64 octets of table.
 */
#include "base/pool.h"

#include <stdbool.h>
#include <string.h>

#include "base/assert.h"
#include "base/budget.h"

#define POOL_SHIFT     16 /* a granule is 64 KiB */
#define POOL_LINE      64
#define POOL_TABLE_MIN 16

struct pool_slab {
    struct ft_list node; /* in the pool's partial list, unless full */
    void *free;          /* objects that were put back, chained by their first word */
    uint8_t *objs;       /* the first object */
    uint32_t n_used;     /* objects out */
    uint32_t n_fresh;    /* objects that were ever out; those behind were never touched */
};

static struct pool_slab *slab_of(struct ft_list *node)
{
    return ft_container_of(node, struct pool_slab, node);
}

static uintptr_t granule_of(const struct ft_pool *pool, const void *ptr)
{
    return (uintptr_t)ptr >> pool->shift;
}

/* Eight neighbouring granules share a cache line of the table; the lines are scattered. */
static uint32_t table_slot(const struct ft_pool *pool, uintptr_t granule)
{
    uint64_t line = ((uint64_t)granule >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 32;

    return ((uint32_t)(line << 3) | (uint32_t)(granule & 7)) & (pool->table_len - 1);
}

static void table_add(struct ft_pool *pool, struct pool_slab *slab)
{
    uint32_t i = table_slot(pool, granule_of(pool, slab));

    while (pool->table[i])
        i = (i + 1) & (pool->table_len - 1);
    pool->table[i] = slab;
}

/* Where in the table the slab lies that holds @ptr and begins in @granule; table_len: nowhere. */
static uint32_t table_find(const struct ft_pool *pool, const void *ptr, uintptr_t granule)
{
    uint32_t i = table_slot(pool, granule);

    for (; pool->table[i]; i = (i + 1) & (pool->table_len - 1)) {
        if ((uintptr_t)ptr - (uintptr_t)pool->table[i] < pool->slab_size)
            return i;
    }
    return pool->table_len;
}

/* Removal closes the hole, so that probing may stop at the first empty slot. */
static void table_remove(struct ft_pool *pool, struct pool_slab *slab)
{
    uint32_t mask = pool->table_len - 1;
    uint32_t hole = table_find(pool, slab, granule_of(pool, slab));
    uint32_t i = hole;

    ft_assert(hole < pool->table_len);
    for (;;) {
        i = (i + 1) & mask;
        if (!pool->table[i])
            break;
        uint32_t home = table_slot(pool, granule_of(pool, pool->table[i]));
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            pool->table[hole] = pool->table[i];
            hole = i;
        }
    }
    pool->table[hole] = NULL;
}

/* The table is at most half full, so that probes stay short. */
static bool table_make_room(struct ft_pool *pool)
{
    struct pool_slab **old = pool->table;
    uint32_t old_len = pool->table_len;
    uint32_t new_len = old_len ? old_len * 2 : POOL_TABLE_MIN;

    if ((pool->n_slabs + 1) * 2 <= old_len)
        return true;
    struct pool_slab **table = ft_mem_alloc(pool->mem, new_len * sizeof(struct pool_slab *));
    if (!table)
        return false;
    pool->table = table;
    pool->table_len = new_len;
    for (uint32_t i = 0; i < old_len; i++) {
        if (old[i])
            table_add(pool, old[i]);
    }
    ft_mem_free(pool->mem, old, old_len * sizeof(struct pool_slab *));
    return true;
}

static struct pool_slab *find_slab(const struct ft_pool *pool, const void *obj)
{
    uintptr_t granule = granule_of(pool, obj);
    uint32_t i = table_find(pool, obj, granule);

    if (i == pool->table_len)
        i = table_find(pool, obj, granule - 1);
    ft_assert(i < pool->table_len);
    return pool->table[i];
}

static struct pool_slab *slab_new(struct ft_pool *pool)
{
    uintptr_t align = pool->obj_size % POOL_LINE == 0 ? POOL_LINE : 16;

    if (!table_make_room(pool))
        return NULL;
    struct pool_slab *slab = ft_mem_alloc_raw(pool->mem, pool->slab_size);
    if (!slab)
        return NULL;
    uintptr_t first = (uintptr_t)slab + sizeof(*slab);
    slab->free = NULL;
    slab->objs = (uint8_t *)slab + sizeof(*slab) + (-first & (align - 1));
    slab->n_used = 0;
    slab->n_fresh = 0;
    list_init(&slab->node);
    list_push_front(&pool->partial, &slab->node);
    table_add(pool, slab);
    pool->n_slabs++;
    pool->n_empty++;
    return slab;
}

static void slab_free(struct ft_pool *pool, struct pool_slab *slab)
{
    ft_assert(slab->n_used == 0);
    table_remove(pool, slab);
    list_remove(&slab->node);
    pool->n_slabs--;
    pool->n_empty--;
    ft_mem_free(pool->mem, slab, pool->slab_size);
}

void ft_pool_init(struct ft_pool *pool, struct ft_mem *mem, size_t obj_size, uint32_t n_max)
{
    uint32_t size = (uint32_t)(obj_size + 15) & ~15u;
    uint32_t spent = (uint32_t)sizeof(struct pool_slab) + (size % POOL_LINE == 0 ? POOL_LINE : 16);
    uint32_t shift = POOL_SHIFT;

    ft_assert(obj_size > 0 && obj_size <= 65536);
    while ((1u << shift) < spent + 8 * size)
        shift++;
    *pool = (struct ft_pool){.mem = mem, .obj_size = size, .n_max = n_max, .shift = shift};
    list_init(&pool->partial);
    pool->n_per_slab = ((1u << shift) - spent) / size;
    if (n_max > 0 && n_max < pool->n_per_slab)
        pool->n_per_slab = n_max;
    pool->slab_size = spent + (size_t)pool->n_per_slab * size;
}

void ft_pool_fini(struct ft_pool *pool)
{
    ft_assert(pool->n_used == 0);
    while (!list_empty(&pool->partial))
        slab_free(pool, slab_of(pool->partial.next));
    ft_assert(pool->n_slabs == 0);
    ft_mem_free(pool->mem, pool->table, pool->table_len * sizeof(struct pool_slab *));
    pool->table = NULL;
    pool->table_len = 0;
}

void *ft_pool_get(struct ft_pool *pool)
{
    struct ft_list *node = list_first(&pool->partial);
    void *obj;

    if (pool->n_used >= pool->n_max)
        return NULL;
    struct pool_slab *slab = node ? slab_of(node) : slab_new(pool);
    if (!slab)
        return NULL;
    if (slab->free) {
        obj = slab->free;
        memcpy(&slab->free, obj, sizeof(slab->free));
    } else {
        ft_assert(slab->n_fresh < pool->n_per_slab);
        obj = slab->objs + (size_t)slab->n_fresh * pool->obj_size;
        slab->n_fresh++;
    }
    if (slab->n_used == 0)
        pool->n_empty--;
    slab->n_used++;
    pool->n_used++;
    if (slab->n_used == pool->n_per_slab)
        list_remove(&slab->node);
    memset(obj, 0, pool->obj_size);
    return obj;
}

void ft_pool_put(struct ft_pool *pool, void *obj)
{
    ft_assert(pool->n_used > 0);
    struct pool_slab *slab = find_slab(pool, obj);
    size_t offset = (size_t)((uint8_t *)obj - slab->objs);

    ft_assert(slab->n_used > 0);
    ft_assert((uint8_t *)obj >= slab->objs);
    ft_assert(offset % pool->obj_size == 0 && offset / pool->obj_size < slab->n_fresh);
    memcpy(obj, &slab->free, sizeof(slab->free));
    slab->free = obj;
    if (slab->n_used == pool->n_per_slab)
        list_push_front(&pool->partial, &slab->node);
    slab->n_used--;
    pool->n_used--;
    if (slab->n_used > 0)
        return;
    /* Empty: last in the list, so that slabs in use are filled first; one is kept. */
    list_remove(&slab->node);
    list_push_back(&pool->partial, &slab->node);
    pool->n_empty++;
    if (pool->n_empty > 1)
        slab_free(pool, slab);
}
