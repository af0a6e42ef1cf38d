/* SPDX-License-Identifier: MIT */
/*
 * How values pass through getsockopt and setsockopt: Linux's rules for lengths, shared by all
 * transports. It knows no option.
 */
#ifndef SOCK_OPT_H
#define SOCK_OPT_H

#include <stddef.h>
#include <sys/socket.h>

/**
 * Read an int that setsockopt was given.
 *
 * @value: borrowed
 * @len:   octets of it; more than an int is allowed, the rest is not looked at
 * @ret:   the int
 *
 * Return: 0; -EINVAL: shorter than an int; -EFAULT: no value.
 */
int ft_opt_get_int(const void *value, socklen_t len, int *ret);

/** As ft_opt_get_int(), but one octet will do: so are the options of IPPROTO_IP. */
int ft_opt_get_small(const void *value, socklen_t len, int *ret);

/**
 * Read a struct that setsockopt was given.
 *
 * @value: borrowed
 * @len:   octets of it, at least @size; the rest is not looked at
 * @ret:   @size octets are written
 *
 * Return: 0; -EINVAL: too short; -EFAULT: no value.
 */
int ft_opt_get(const void *value, socklen_t len, void *ret, size_t size);

/**
 * Answer a getsockopt by an int, cut to the room that there is.
 *
 * @ret_value: up to *@len octets
 * @len:       in: room; out: octets written
 *
 * Return: 0; -EINVAL: the room is negative; -EFAULT: no room was given.
 */
int ft_opt_put_int(void *ret_value, socklen_t *len, int v);

/** As ft_opt_put_int(), but with room for less than an int one octet is written if it suffices. */
int ft_opt_put_small(void *ret_value, socklen_t *len, int v);

/** Answer a getsockopt by the first octets of a struct of @size octets. As ft_opt_put_int(). */
int ft_opt_put(void *ret_value, socklen_t *len, const void *data, size_t size);

#endif
