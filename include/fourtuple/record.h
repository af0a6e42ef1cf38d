/* SPDX-License-Identifier: MIT */
/*
 * Recording: everything that enters a stack (its configuration and seed, frames, times, the calls
 * that change its state, memory that was refused) and a mark of everything that leaves it. From a
 * recording the stack can be run again, instruction for instruction, anywhere: see
 * `fourtuple replay` and doc/replay.md, which also has the format.
 *
 * A recording holds the stack's secrets and all octets that its programs sent and received.
 */
#ifndef FOURTUPLE_RECORD_H
#define FOURTUPLE_RECORD_H

#include <fourtuple/types.h>

FT_BEGIN_DECLS

/* Where a recording goes. What is written before a call of the stack begins is handed over before
   it begins, so that of a stack that aborts in it, the call is known. */
struct ft_record_sink {
    /* Take the next octets of the recording; borrowed until it returns. It must not call the
       stack. Return: 0, or a negative errno, after which it is not called again. */
    int (*write)(void *ctx, const void *data, size_t len);
    void *ctx;
};

/**
 * Begin to record. It must be the first call after ft_stack_new().
 *
 * @sink: copied; what its ctx points to must be there until ft_record_stop()
 *
 * Return: 0; -EINVAL: no sink; -EALREADY: a recording is under way; -EBUSY: the stack has been used
 * already; -ENOMEM; or what the sink answered.
 */
FT_PUBLIC int ft_record_start(struct ft_stack *stack, const struct ft_record_sink *sink);

/**
 * End the recording, as ft_stack_free() does too.
 *
 * Return: 0; -ENOENT: there is none; or the first error of the sink: what it has is then all that
 * was whole before.
 */
FT_PUBLIC int ft_record_stop(struct ft_stack *stack);

/**
 * What the core was built from: a hash of its sources. Only a core of the same sources is sure to
 * do the same again.
 *
 * Return: a constant string, "unknown" where the build did not say.
 */
FT_PUBLIC const char *ft_record_build(void);

FT_END_DECLS

#endif
