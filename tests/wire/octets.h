/* SPDX-License-Identifier: MIT */
/*
 * What the tests of parsers share: seeded random numbers, copies of exactly the octets under test
 * (a sanitizer then sees a read one octet too far), and the check that an emitter writes every
 * octet that it counts.
 */
#ifndef TESTS_WIRE_OCTETS_H
#define TESTS_WIRE_OCTETS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/be.h"

/** The next number of a seeded stream. */
static inline uint64_t rnd(uint64_t *seed)
{
    uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/** Random octets. */
static inline void rnd_fill(uint64_t *seed, void *p, size_t len)
{
    uint8_t *octets = p;

    for (size_t i = 0; i < len; i++)
        octets[i] = (uint8_t)rnd(seed);
}

/** A random IPv6 address that is not v4-mapped. */
static inline struct ft_addr rnd_addr6(uint64_t *seed)
{
    return (struct ft_addr){.hi = rnd(seed) | 1, .lo = rnd(seed)};
}

/** A random IPv4 address. */
static inline struct ft_addr rnd_addr4(uint64_t *seed)
{
    return addr_v4((uint32_t)rnd(seed));
}

/** A heap copy of exactly `len` octets; the caller frees it. */
static inline uint8_t *exact(const void *p, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);

    assert_non_null(copy);
    if (len > 0)
        memcpy(copy, p, len);
    return copy;
}

/** The Internet checksum by the book, RFC 1071 4.1, a word at a time. */
static inline uint16_t naive_csum(const uint8_t *p, size_t len)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < len; i++)
        sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/** Two images of one emission into rooms that were filled differently are the same. */
static inline void assert_all_written(const uint8_t *a, const uint8_t *b, size_t len)
{
    assert_memory_equal(a, b, len);
}

#endif
