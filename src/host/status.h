/* SPDX-License-Identifier: MIT */
/*
 * Asking a running host: each host listens on a socket in the user's directory, hosts/NAME, and
 * tells its socket table and its counters to whoever may enter there (fourtuple ss).
 *
 * The client sends one line: "sockets" or "counters". The host answers lines of fields that are
 * separated by tabs, and closes.
 */
#ifndef HOST_STATUS_H
#define HOST_STATUS_H

#include <stddef.h>

#include "host/loop.h"

struct status; /* the listening side */

/**
 * Begin to answer.
 *
 * @name:       of the host; when a living host has it, "NAME.2" and so on is taken
 * @ret_status: to be ended by status_close(), before host_free()
 * @ret_err:    on failure one sentence
 *
 * Return: 0 or a -errno.
 */
int status_open(struct host *host, const char *name, struct status **ret_status, char *ret_err,
                size_t err_len);

/** End answering and remove the socket. @status: may be NULL. */
void status_close(struct status *status);

/** The name that was taken. */
const char *status_name(const struct status *status);

/**
 * Ask the hosts of this user, those named or all; names of dead ones are removed.
 *
 * @names:   hosts to ask; @n_names 0: all
 * @request: "sockets" or "counters"
 * @line:    called for each line of each host; fields are NUL-terminated
 * @ret_err: on failure one sentence
 *
 * Return: how many hosts answered; -ENOENT: a host that was named does not run; another -errno.
 */
int status_ask(const char *const *names, size_t n_names, const char *request,
               void (*line)(void *ctx, const char *host, char *const *fields, size_t n_fields),
               void *ctx, char *ret_err, size_t err_len);

#endif
