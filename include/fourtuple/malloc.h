/* SPDX-License-Identifier: MIT */
/*
 * The allocator most programs want: libc's. It is inline, so that the core library itself names
 * neither malloc nor free.
 */
#ifndef FOURTUPLE_MALLOC_H
#define FOURTUPLE_MALLOC_H

#include <stdlib.h>

#include <fourtuple/config.h>

/** malloc(3) in the allocator's form. @ctx: unused. @size: octets. Return: memory or NULL. */
static inline void *ft_libc_alloc(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size);
}

/** free(3) in the allocator's form. @ctx and @size: unused. @ptr: from ft_libc_alloc, or NULL. */
static inline void ft_libc_free(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    (void)size;
    free(ptr);
}

/**
 * Let a stack allocate by malloc(3).
 *
 * @config: its allocator is overwritten
 */
static inline void ft_config_use_malloc(struct ft_config *config)
{
    config->allocator.alloc = ft_libc_alloc;
    config->allocator.free = ft_libc_free;
    config->allocator.ctx = NULL;
}

#endif
