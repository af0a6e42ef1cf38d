/* SPDX-License-Identifier: MIT */
/*
 * What the files of stack/ share.
 */
#ifndef STACK_PRIV_H
#define STACK_PRIV_H

#include "base/assert.h"
#include "stack/stack.h"

/** Whether a configuration is sensible. */
bool ft_config_ok(const struct ft_config *config);

/* What looking ahead has found out about a frame. */
struct stack_ahead {
    uint64_t hash; /* ft_table_hash() of its four-tuple */
    bool known;
};

/* Frames that are looked at before the first of them is worked on. */
#define STACK_AHEAD 16

/**
 * Guess the four-tuples of frames and let their connections come from memory (ahead.c).
 *
 * @n:   at most STACK_AHEAD
 * @ret: @n of them are written
 */
void ft_stack_look_ahead(const struct ft_stack *stack, int ifindex, const struct ft_frame *frames,
                         size_t n, struct stack_ahead *ret);

#endif
