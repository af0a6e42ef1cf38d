/* SPDX-License-Identifier: MIT */
/*
 * The end of a process whose invariants are broken: the only abort in the core.
 */
#include "base/assert.h"

#include <stdlib.h>

void ft_assert_fail(const char *expr, const char *file, int line)
{
    /* Volatile, so that they are on the stack when a core dump is read. */
    const char *volatile failed_expr = expr;
    const char *volatile failed_file = file;
    volatile int failed_line = line;

    (void)failed_expr;
    (void)failed_file;
    (void)failed_line;
    abort();
}
