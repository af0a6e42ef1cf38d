/* SPDX-License-Identifier: MIT */
/*
 * The seccomp filter that a program runs under: which system calls stop and come to us.
 */
#ifndef FT_RUN_FILTER_H
#define FT_RUN_FILTER_H

#include <stddef.h>

struct sock_filter;

/**
 * The filter as instructions.
 *
 * @ret_ins: room for @n
 *
 * Return: how many it has; more than @n: they did not fit.
 */
size_t filter_build(struct sock_filter *ret_ins, size_t n);

/**
 * Put the calling process, and all that descend from it, under the filter. Sets no_new_privs.
 *
 * Return: the descriptor on which stopped calls are told (close-on-exec); -errno.
 */
int filter_install(void);

#endif
