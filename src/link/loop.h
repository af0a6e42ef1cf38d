/* SPDX-License-Identifier: MIT */
/*
 * Loopback: what a stack sends over its FT_IF_LOOPBACK interface comes back into it, by reference,
 * without a copy and without a checksum being computed twice.
 */
#ifndef LINK_LOOP_H
#define LINK_LOOP_H

#include <stdbool.h>

#include <fourtuple/types.h>

#define LINK_LOOP_MTU 65535u

struct link_loop; /* the frames of one loopback interface */

/**
 * Make a loopback interface on a stack, with 127.0.0.1/8 and ::1/128.
 *
 * @ret_loop: to be freed by link_loop_free()
 *
 * Return: its ifindex, or the -errno of ft_if_add() or ft_addr_add().
 */
int link_loop_new(struct ft_stack *stack, struct link_loop **ret_loop);

/**
 * Free it; the interface stays with the stack.
 *
 * @loop: may be NULL
 */
void link_loop_free(struct link_loop *loop);

/**
 * Move what is to be sent back into the stack.
 *
 * @n_max: frames to move at most
 *
 * Return: frames moved; @n_max: there may be more.
 */
size_t link_loop_pump(struct link_loop *loop, size_t n_max, ft_time now);

#endif
