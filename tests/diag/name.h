/* SPDX-License-Identifier: MIT */
/*
 * ADDRESS:PORT as tests write it, with IPv6 addresses in brackets.
 */
#ifndef TEST_DIAG_NAME_H
#define TEST_DIAG_NAME_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "diag/addr.h"

static inline void parse_name(const char *text, struct ft_addr *ret_addr, uint16_t *ret_port)
{
    const char *colon = strrchr(text, ':');
    char addr[ADDR_TEXT_MAX];
    int brackets = text[0] == '[';

    (void)snprintf(addr, sizeof(addr), "%.*s", (int)(colon - text) - 2 * brackets, text + brackets);
    assert_int_equal(addr_parse(addr, ret_addr), 0);
    *ret_port = (uint16_t)atoi(colon + 1);
}

#endif
