/* SPDX-License-Identifier: MIT */
/*
 * Assertions, which stay on in release, and the few macros that every folder uses. It knows nothing
 * of networks.
 */
#ifndef FT_BASE_ASSERT_H
#define FT_BASE_ASSERT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Stop the process: one of our own invariants is broken.
 *
 * @expr: text of the condition
 * @file: source file
 * @line: line in @file
 *
 * It prints nothing, because the core has no output. The arguments are kept where a debugger or a
 * core dump shows them.
 */
_Noreturn void ft_assert_fail(const char *expr, const char *file, int line);

/* States what only a mistake of ours can break. Never on octets from the wire, on arguments of the
   user, or on memory being available. */
#define ft_assert(cond)                                                                            \
    ((__builtin_expect(!(cond), 0)) ? ft_assert_fail(#cond, __FILE__, __LINE__) : (void)0)

/* Each argument is evaluated once; both must be of one type. */
#define FT_MIN(a, b)                                                                               \
    __extension__({                                                                                \
        __typeof__(a) ft_min_a = (a);                                                              \
        __typeof__(b) ft_min_b = (b);                                                              \
        (void)(&ft_min_a == &ft_min_b);                                                            \
        ft_min_a < ft_min_b ? ft_min_a : ft_min_b;                                                 \
    })

#define FT_MAX(a, b)                                                                               \
    __extension__({                                                                                \
        __typeof__(a) ft_max_a = (a);                                                              \
        __typeof__(b) ft_max_b = (b);                                                              \
        (void)(&ft_max_a == &ft_max_b);                                                            \
        ft_max_a > ft_max_b ? ft_max_a : ft_max_b;                                                 \
    })

/* The struct of which @ptr points at @member. */
#define ft_container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define FT_ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))

#endif
