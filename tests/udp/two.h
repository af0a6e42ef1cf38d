/* SPDX-License-Identifier: MIT */
/*
 * The two hosts that a test speaks of, new for each test. To be included last.
 */
#ifndef TESTS_UDP_TWO_H
#define TESTS_UDP_TWO_H

#include "harness.h"

static struct host a, b;

/** Make both, before a test. */
static int open_hosts(void **state)
{
    (void)state;
    host_open(&a, 1);
    host_open(&b, 2);
    return 0;
}

/** Free both, after it. */
static int close_hosts(void **state)
{
    (void)state;
    host_close(&a);
    host_close(&b);
    return 0;
}

#endif
