/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic of the Internet checksum (RFC 1071) over octets of any length and alignment. It knows
 * nothing of headers.
 *
 * A partial sum is the plain sum, as a host-order integer, of 16-bit words read big-endian (the
 * first octet is the high one; a last odd octet is followed by a zero). So host-order values of
 * header fields are simply added to it: 16-bit fields as they are, 32-bit fields whole or as two
 * halves, because 2^16 counts as 1. The same on machines of either byte order.
 */
#ifndef FT_BASE_SUM_H
#define FT_BASE_SUM_H

#include <stddef.h>
#include <stdint.h>

/**
 * Add octets to a partial sum.
 *
 * @p:   octets, any alignment; the first counts as the high one of a word
 * @len: octets, below 2^31; an odd number only at the end of what is summed, or see ft_sum_add_at()
 * @sum: partial sum so far, 0 at the start
 *
 * Return: @sum plus at most 0xffff. 2^47 calls do not overflow it.
 */
uint64_t ft_sum(const void *p, size_t len, uint64_t sum);

/** As ft_sum() of @src, and copies the octets to @dst in the same pass. They must not overlap. */
uint64_t ft_sum_copy(void *dst, const void *src, size_t len, uint64_t sum);

/**
 * Fold a partial sum to 16 bits (ones' complement sum, not complemented).
 *
 * Return: a host-order integer. A checksum field is (uint16_t)~ft_sum_fold(sum), stored big-endian;
 * data summed with a right checksum inside gives 0xffff. 0 comes out only of a @sum of 0.
 */
static inline uint16_t ft_sum_fold(uint64_t sum)
{
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)((sum >> 16) + (sum & 0xffff));
}

/**
 * Add the partial sum of a piece that was summed by itself.
 *
 * @sum:     partial sum of what surrounds the piece
 * @partial: partial sum of the piece as if it began at an even offset
 * @offset:  where the piece begins; when that is odd, high and low octets change places
 *
 * Return: the partial sum of both.
 */
static inline uint64_t ft_sum_add_at(uint64_t sum, uint64_t partial, size_t offset)
{
    uint32_t folded = ft_sum_fold(partial);

    if (offset & 1)
        folded = (folded >> 8) | ((folded & 0xff) << 8);
    return sum + folded;
}

#endif
