/* SPDX-License-Identifier: MIT */
/*
 * The memory of one stack: the caller's allocator and a budget that no allocation exceeds. Every
 * octet of the core comes from here, by its true size.
 */
#ifndef FT_BASE_BUDGET_H
#define FT_BASE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ft_mem {
    void *(*alloc)(void *ctx, size_t size); /* the caller's; aligned to 16; NULL: refused */
    void (*free)(void *ctx, void *ptr, size_t size); /* @size as it was given to alloc */
    void *ctx;                                       /* handed to both */
    uint64_t used;                                   /* octets allocated now; written here only */
    uint64_t max;                                    /* octets that @used may reach */
    uint64_t n_failed; /* allocations refused since the start; written here only */
};

/**
 * Allocate zeroed memory within the budget.
 *
 * @mem:  with alloc, free and max set by the owner, and the rest zero at the start
 * @size: octets, not 0
 *
 * Return: memory aligned to 16 octets, or NULL when @mem->used would pass @mem->max or the
 * allocator refuses. Give it back by ft_mem_free() with the same size.
 */
void *ft_mem_alloc(struct ft_mem *mem, size_t size);

/** As ft_mem_alloc(), but the memory is not zeroed. */
void *ft_mem_alloc_raw(struct ft_mem *mem, size_t size);

/* Shares of the budget (1/n of it) that octets of users and peers leave alone, so that who fills
   buffers keeps no connection from being made, no reply from being sent, and nobody who has little
   from having a little. */
#define FT_MEM_LEAVE        8u
#define FT_MEM_LEAVE_LITTLE 16u

/** As ft_mem_alloc_raw(), but refused where less than 1/@leave of the budget would be left. */
void *ft_mem_alloc_data(struct ft_mem *mem, size_t size, unsigned leave);

/**
 * Give memory back.
 *
 * @mem:  where @ptr was allocated
 * @ptr:  of ft_mem_alloc(), or NULL, which does nothing
 * @size: as it was allocated
 */
void ft_mem_free(struct ft_mem *mem, void *ptr, size_t size);

#endif
