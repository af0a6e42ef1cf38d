/* SPDX-License-Identifier: MIT */
/*
 * What both sides of asking a host know: where its socket is.
 */
#ifndef HOST_STATUS_PRIV_H
#define HOST_STATUS_PRIV_H

#include <stddef.h>

#define STATUS_NAME_MAX 48 /* a host's name with ".99" and NUL */

struct sockaddr_un;

/**
 * The path of a host's socket, or of the directory of all.
 *
 * @name:    of the host; NULL: the directory
 * @len:     room, PATH_MAX
 * @err:     on failure one sentence
 *
 * Return: 0 or a -errno.
 */
int status_path(const char *name, char *ret_path, size_t len, char *err, size_t err_len);

/** A path as a socket address. Return: 0; -ENAMETOOLONG. */
int status_address(const char *path, struct sockaddr_un *ret_sun);

#endif
