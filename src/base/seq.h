/* SPDX-License-Identifier: MIT */
/*
 * Sequence numbers: arithmetic modulo 2^32 (RFC 9293 3.4). A wrapped struct, so that the operators
 * <, - and == on sequence numbers do not compile. Comparisons hold for numbers less than 2^31
 * apart; it knows nothing of segments or windows.
 */
#ifndef FT_BASE_SEQ_H
#define FT_BASE_SEQ_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint32_t v;
} ft_seq;

/** The sequence number of value @v. */
static inline ft_seq seq_make(uint32_t v)
{
    return (ft_seq){v};
}

/** @s advanced by @n octets. */
static inline ft_seq seq_add(ft_seq s, uint32_t n)
{
    return (ft_seq){s.v + n};
}

/** @s moved back by @n octets. */
static inline ft_seq seq_sub(ft_seq s, uint32_t n)
{
    return (ft_seq){s.v - n};
}

/** How far @a lies after @b in octets; negative when it lies before. */
static inline int32_t seq_diff(ft_seq a, ft_seq b)
{
    return (int32_t)(a.v - b.v);
}

/** Whether @a lies before @b. */
static inline bool seq_lt(ft_seq a, ft_seq b)
{
    return seq_diff(a, b) < 0;
}

/** Whether @a lies before @b or equals it. */
static inline bool seq_le(ft_seq a, ft_seq b)
{
    return seq_diff(a, b) <= 0;
}

/** Whether @a lies after @b. */
static inline bool seq_gt(ft_seq a, ft_seq b)
{
    return seq_diff(a, b) > 0;
}

/** Whether @a lies after @b or equals it. */
static inline bool seq_ge(ft_seq a, ft_seq b)
{
    return seq_diff(a, b) >= 0;
}

/** Whether @a equals @b. */
static inline bool seq_eq(ft_seq a, ft_seq b)
{
    return a.v == b.v;
}

/** The later of @a and @b. */
static inline ft_seq seq_max(ft_seq a, ft_seq b)
{
    return seq_lt(a, b) ? b : a;
}

/** The earlier of @a and @b. */
static inline ft_seq seq_min(ft_seq a, ft_seq b)
{
    return seq_lt(b, a) ? b : a;
}

/**
 * Whether @x lies in the half-open interval from @lo to @hi (@lo <= @x < @hi).
 *
 * The interval may be up to 2^32 - 1 octets long: distances from @lo are compared, not halves of
 * the circle. An empty interval (@lo equals @hi) holds nothing.
 */
static inline bool seq_between(ft_seq lo, ft_seq x, ft_seq hi)
{
    return x.v - lo.v < hi.v - lo.v;
}

#endif
