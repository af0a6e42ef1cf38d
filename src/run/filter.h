/* SPDX-License-Identifier: MIT */
/*
 * The seccomp filter that a program runs under: which system calls stop and come to us.
 */
#ifndef FT_RUN_FILTER_H
#define FT_RUN_FILTER_H

/**
 * Put the calling process, and all that descend from it, under the filter. Sets no_new_privs.
 *
 * Return: the descriptor on which stopped calls are told (close-on-exec); -errno.
 */
int filter_install(void);

#endif
