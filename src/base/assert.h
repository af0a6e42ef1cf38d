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

/* FT_MIN and FT_MAX evaluate each argument once; both must be of one type. The locals have a number
   each, so that one may stand inside another. */
#define FT_PICK_(op, a, b, x, y)                                                                   \
    __extension__({                                                                                \
        __typeof__(a) x = (a);                                                                     \
        __typeof__(b) y = (b);                                                                     \
        (void)(&x == &y);                                                                          \
        x op y ? x : y;                                                                            \
    })
#define FT_PICK(op, a, b, n)               FT_PICK_N(op, a, b, n)
#define FT_PICK_N(op, a, b, n)             FT_PICK_(op, a, b, ft_pick_a##n, ft_pick_b##n)

#define FT_MIN(a, b)                       FT_PICK(<, a, b, __COUNTER__)
#define FT_MAX(a, b)                       FT_PICK(>, a, b, __COUNTER__)

/* The struct of which @ptr points at @member. */
#define ft_container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define FT_ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))

#endif
