/* SPDX-License-Identifier: MIT */
/*
 * A TAP device: Ethernet between this process and the kernel's own network stack.
 */
#ifndef LINK_TAP_H
#define LINK_TAP_H

#include <stddef.h>

#include "link/link.h"

/**
 * Open a TAP device; it is made, and brought up, if it is missing and the caller may do that.
 *
 * @ifname:   1 to 15 octets; borrowed
 * @ret_link: to be closed by link_close()
 * @ret_err:  on failure one sentence that says what to do
 *
 * Return: 0 or a -errno.
 */
int link_tap_open(const char *ifname, struct link **ret_link, char *ret_err, size_t err_len);

#endif
