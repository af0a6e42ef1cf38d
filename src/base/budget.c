/* SPDX-License-Identifier: MIT */
/*
 * The memory budget of one stack. It calls the caller's allocator, and nothing else does.
 */
#include "base/budget.h"

#include <string.h>

#include "base/assert.h"

void *ft_mem_alloc_raw(struct ft_mem *mem, size_t size)
{
    void *ptr = NULL;

    ft_assert(size > 0);
    if (mem->used <= mem->max && size <= mem->max - mem->used)
        ptr = mem->alloc(mem->ctx, size);
    if (!ptr) {
        mem->n_failed++;
        return NULL;
    }
    mem->used += size;
    return ptr;
}

void *ft_mem_alloc(struct ft_mem *mem, size_t size)
{
    void *ptr = ft_mem_alloc_raw(mem, size);

    if (ptr)
        memset(ptr, 0, size);
    return ptr;
}

void *ft_mem_alloc_data(struct ft_mem *mem, size_t size, unsigned leave)
{
    uint64_t max = mem->max - mem->max / leave;

    if (mem->used > max || size > max - mem->used) {
        mem->n_failed++;
        return NULL;
    }
    return ft_mem_alloc_raw(mem, size);
}

void ft_mem_free(struct ft_mem *mem, void *ptr, size_t size)
{
    if (!ptr)
        return;
    ft_assert(size <= mem->used);
    mem->used -= size;
    mem->free(mem->ctx, ptr, size);
}
