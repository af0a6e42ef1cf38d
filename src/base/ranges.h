/* SPDX-License-Identifier: MIT */
/*
 * A bounded, sorted set of disjoint half-open ranges of sequence numbers: out-of-order octets of a
 * receiver and the SACK blocks of them (RFC 2018), or what a sender has been told of. All members
 * of a set lie less than 2^31 apart; the caller sees to that by its window check.
 */
#ifndef FT_BASE_RANGES_H
#define FT_BASE_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"

#define FT_RANGES_MAX 64 /* the usual capacity */

struct ft_range {
    ft_seq lo;      /* first octet */
    ft_seq hi;      /* one past the last octet */
    uint32_t stamp; /* the set's clock when a segment last fell into this range */
};

struct ft_ranges {
    struct ft_range *r; /* the caller's array; ascending, with a gap between neighbours */
    uint16_t n;         /* ranges now */
    uint16_t cap;       /* ranges that @r has room for */
    uint32_t clock;     /* additions so far */
};

/**
 * Make an empty set.
 *
 * @rs:      the caller's memory
 * @storage: room for @cap ranges, lent until the set is no longer used
 * @cap:     at least 1
 */
void ft_ranges_init(struct ft_ranges *rs, struct ft_range *storage, uint16_t cap);

/**
 * Add the octets from @lo to @hi (exclusive), merging with what they overlap or touch.
 *
 * @rs: the set
 * @lo: before @hi
 * @hi: one past the last octet
 *
 * Return: octets that were not in the set before, 0 if it held all of them; -ENOBUFS when a range
 * more would be needed and there is no room: nothing is changed then. In the other cases the range
 * which now holds the octets becomes the most recent one.
 */
int ft_ranges_add(struct ft_ranges *rs, ft_seq lo, ft_seq hi);

/** Whether ft_ranges_add() of @lo to @hi would succeed. */
bool ft_ranges_fits(const struct ft_ranges *rs, ft_seq lo, ft_seq hi);

/** Remove all octets before @seq. */
void ft_ranges_remove_below(struct ft_ranges *rs, ft_seq seq);

/**
 * Find the first gap within an interval.
 *
 * @rs:      the set
 * @lo:      where to begin
 * @hi:      where to stop
 * @ret_gap: the first run of octets between @lo and @hi that are not in the set, as long as
 *           possible within them
 *
 * Return: whether there is one. Continue at @ret_gap->hi for the next.
 */
bool ft_ranges_gap(const struct ft_ranges *rs, ft_seq lo, ft_seq hi, struct ft_range *ret_gap);

/** The range that holds @seq; NULL when none does. */
const struct ft_range *ft_ranges_find(const struct ft_ranges *rs, ft_seq seq);

/** The lowest range; NULL when the set is empty. */
const struct ft_range *ft_ranges_first(const struct ft_ranges *rs);

/**
 * The @k-th most recently changed range, 0 being the one that the last addition fell into.
 *
 * Return: NULL when there are no more than @k. Costs (@k + 1) * n steps; RFC 2018 needs k < 4.
 */
const struct ft_range *ft_ranges_recent(const struct ft_ranges *rs, unsigned k);

/** Octets in the set. O(n). */
uint32_t ft_ranges_octets(const struct ft_ranges *rs);

#endif
