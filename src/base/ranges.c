/* SPDX-License-Identifier: MIT */
/*
 * Ranges of sequence numbers in a sorted array. Found by binary search; adding or removing moves at
 * most the capacity, which is small.
 */
#include "base/ranges.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"

static uint32_t range_len(const struct ft_range *r)
{
    return (uint32_t)seq_diff(r->hi, r->lo);
}

/* The first range that ends at @seq or later; n when there is none. */
static unsigned find_end(const struct ft_ranges *rs, ft_seq seq)
{
    unsigned lo = 0;
    unsigned hi = rs->n;

    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (seq_lt(rs->r[mid].hi, seq))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Replace the ranges from @i up to @j (exclusive) by @r, or by nothing when it is NULL. */
static void replace(struct ft_ranges *rs, unsigned i, unsigned j, const struct ft_range *r)
{
    unsigned to = r ? i + 1 : i;

    ft_assert(i <= j && j <= rs->n);
    ft_assert(rs->n - j + to <= rs->cap);
    memmove(rs->r + to, rs->r + j, (rs->n - j) * sizeof(*rs->r));
    if (r)
        rs->r[i] = *r;
    rs->n = (uint16_t)(rs->n - j + to);
}

void ft_ranges_init(struct ft_ranges *rs, struct ft_range *storage, uint16_t cap)
{
    ft_assert(cap > 0);
    *rs = (struct ft_ranges){.r = storage, .cap = cap};
}

int ft_ranges_add(struct ft_ranges *rs, ft_seq lo, ft_seq hi)
{
    struct ft_range merged = {.lo = lo, .hi = hi};
    uint32_t held = 0;
    unsigned i = find_end(rs, lo);
    unsigned j = i;

    ft_assert(seq_lt(lo, hi));
    for (; j < rs->n && seq_le(rs->r[j].lo, hi); j++) {
        held += range_len(&rs->r[j]);
        merged.lo = seq_min(merged.lo, rs->r[j].lo);
        merged.hi = seq_max(merged.hi, rs->r[j].hi);
    }
    if (i == j && rs->n == rs->cap)
        return -ENOBUFS;
    merged.stamp = ++rs->clock;
    replace(rs, i, j, &merged);
    return (int)(range_len(&merged) - held);
}

bool ft_ranges_fits(const struct ft_ranges *rs, ft_seq lo, ft_seq hi)
{
    unsigned i = find_end(rs, lo);

    return rs->n < rs->cap || (i < rs->n && seq_le(rs->r[i].lo, hi));
}

void ft_ranges_remove_below(struct ft_ranges *rs, ft_seq seq)
{
    unsigned i = find_end(rs, seq);

    if (i < rs->n && seq_eq(rs->r[i].hi, seq))
        i++;
    replace(rs, 0, i, NULL);
    if (rs->n > 0)
        rs->r[0].lo = seq_max(rs->r[0].lo, seq);
}

const struct ft_range *ft_ranges_find(const struct ft_ranges *rs, ft_seq seq)
{
    unsigned i = find_end(rs, seq_add(seq, 1));

    return i < rs->n && seq_le(rs->r[i].lo, seq) ? &rs->r[i] : NULL;
}

bool ft_ranges_gap(const struct ft_ranges *rs, ft_seq lo, ft_seq hi, struct ft_range *ret_gap)
{
    unsigned i = find_end(rs, seq_add(lo, 1));
    struct ft_range gap = {.lo = lo, .hi = hi};

    /* Neighbours never touch, so behind a range there is always a gap. */
    if (i < rs->n && seq_le(rs->r[i].lo, lo))
        gap.lo = rs->r[i++].hi;
    if (i < rs->n)
        gap.hi = seq_min(hi, rs->r[i].lo);
    if (seq_ge(gap.lo, gap.hi))
        return false;
    *ret_gap = gap;
    return true;
}

const struct ft_range *ft_ranges_first(const struct ft_ranges *rs)
{
    return rs->n > 0 ? &rs->r[0] : NULL;
}

const struct ft_range *ft_ranges_recent(const struct ft_ranges *rs, unsigned k)
{
    const struct ft_range *found = NULL;
    uint32_t found_age = 0;

    /* Ages differ, so each pass finds the youngest of those older than the one before. */
    for (unsigned pass = 0; pass <= k; pass++) {
        const struct ft_range *next = NULL;
        uint32_t next_age = 0;
        for (unsigned i = 0; i < rs->n; i++) {
            uint32_t age = rs->clock - rs->r[i].stamp;
            if ((!found || age > found_age) && (!next || age < next_age)) {
                next = &rs->r[i];
                next_age = age;
            }
        }
        if (!next)
            return NULL;
        found = next;
        found_age = next_age;
    }
    return found;
}

uint32_t ft_ranges_octets(const struct ft_ranges *rs)
{
    uint32_t n = 0;

    for (unsigned i = 0; i < rs->n; i++)
        n += range_len(&rs->r[i]);
    return n;
}
