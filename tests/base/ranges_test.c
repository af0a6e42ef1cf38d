/* SPDX-License-Identifier: MIT */
/*
 * Sets of ranges: what the fuzz target does not say by comparing with its model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/ranges.h"
#include "base/support.h"

static struct ft_range storage[FT_RANGES_MAX];

static struct ft_ranges empty_set(uint16_t cap)
{
    struct ft_ranges rs;

    ft_ranges_init(&rs, storage, cap);
    return rs;
}

static int add(struct ft_ranges *rs, uint32_t lo, uint32_t hi)
{
    return ft_ranges_add(rs, seq_make(lo), seq_make(hi));
}

static void assert_range(const struct ft_range *r, uint32_t lo, uint32_t hi)
{
    assert_non_null(r);
    assert_int_equal(r->lo.v, lo);
    assert_int_equal(r->hi.v, hi);
}

static void touching_and_overlapping_ranges_merge(void **state)
{
    struct ft_ranges rs = empty_set(8);

    (void)state;
    assert_int_equal(add(&rs, 100, 200), 100);
    assert_int_equal(add(&rs, 300, 400), 100);
    assert_int_equal(add(&rs, 500, 600), 100);
    assert_int_equal(add(&rs, 200, 250), 50);
    assert_range(&rs.r[0], 100, 250);
    assert_int_equal(add(&rs, 240, 550), 50 + 100);
    assert_int_equal(rs.n, 1);
    assert_range(&rs.r[0], 100, 600);
    assert_int_equal(add(&rs, 150, 160), 0);
}

static void ranges_lie_across_the_wrap(void **state)
{
    struct ft_ranges rs = empty_set(8);

    (void)state;
    assert_int_equal(add(&rs, 10, 20), 10);
    assert_int_equal(add(&rs, 0xffffff00, 0xffffff80), 0x80);
    assert_int_equal(add(&rs, 0xfffffff0, 5), 0x15);
    assert_int_equal(rs.n, 3);
    assert_range(ft_ranges_first(&rs), 0xffffff00, 0xffffff80);
    assert_range(ft_ranges_find(&rs, seq_make(2)), 0xfffffff0, 5);
    ft_ranges_remove_below(&rs, seq_make(2));
    assert_range(ft_ranges_first(&rs), 2, 5);
}

/* A full set refuses a new range but still takes what only extends or joins those it has. */
static void a_full_set_refuses_and_is_unchanged(void **state)
{
    struct ft_ranges rs = empty_set(FT_RANGES_MAX);

    (void)state;
    for (uint32_t i = 0; i < FT_RANGES_MAX; i++)
        assert_int_equal(add(&rs, i * 10, i * 10 + 5), 5);
    assert_int_equal(add(&rs, 7, 9), -ENOBUFS);
    assert_int_equal(rs.n, FT_RANGES_MAX);
    assert_range(&rs.r[0], 0, 5);
    assert_range(&rs.r[1], 10, 15);
    assert_false(ft_ranges_fits(&rs, seq_make(7), seq_make(9)));
    assert_true(ft_ranges_fits(&rs, seq_make(5), seq_make(9)));
    assert_int_equal(add(&rs, 5, 9), 4);
    assert_int_equal(add(&rs, 9, 10), 1);
    assert_int_equal(rs.n, FT_RANGES_MAX - 1);
    assert_int_equal(add(&rs, 5000, 5001), 1);
}

/* RFC 2018 4: the first SACK block holds the segment that has just arrived, and the next ones
   repeat the most recently reported blocks. */
static void recent_ranges_come_first(void **state)
{
    struct ft_ranges rs = empty_set(8);

    (void)state;
    (void)add(&rs, 100, 110);
    (void)add(&rs, 300, 310);
    (void)add(&rs, 200, 210);
    assert_range(ft_ranges_recent(&rs, 0), 200, 210);
    assert_range(ft_ranges_recent(&rs, 1), 300, 310);
    assert_range(ft_ranges_recent(&rs, 2), 100, 110);
    assert_null(ft_ranges_recent(&rs, 3));
    (void)add(&rs, 102, 105); /* a duplicate counts as an arrival too */
    assert_range(ft_ranges_recent(&rs, 0), 100, 110);
    assert_range(ft_ranges_recent(&rs, 1), 200, 210);
    (void)add(&rs, 210, 300);
    assert_range(ft_ranges_recent(&rs, 0), 200, 310);
    assert_range(ft_ranges_recent(&rs, 1), 100, 110);
    ft_ranges_remove_below(&rs, seq_make(250));
    assert_range(ft_ranges_recent(&rs, 0), 250, 310);
    assert_null(ft_ranges_recent(&rs, 1));
}

static void gaps_of_an_interval_are_found_one_by_one(void **state)
{
    struct ft_ranges rs = empty_set(8);
    struct ft_range gap;

    (void)state;
    (void)add(&rs, 100, 200);
    (void)add(&rs, 300, 400);
    assert_true(ft_ranges_gap(&rs, seq_make(50), seq_make(500), &gap));
    assert_range(&gap, 50, 100);
    assert_true(ft_ranges_gap(&rs, gap.hi, seq_make(500), &gap));
    assert_range(&gap, 200, 300);
    assert_true(ft_ranges_gap(&rs, gap.hi, seq_make(500), &gap));
    assert_range(&gap, 400, 500);
    assert_false(ft_ranges_gap(&rs, gap.hi, seq_make(500), &gap));
    assert_false(ft_ranges_gap(&rs, seq_make(120), seq_make(200), &gap));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(touching_and_overlapping_ranges_merge),
        cmocka_unit_test(ranges_lie_across_the_wrap),
        cmocka_unit_test(a_full_set_refuses_and_is_unchanged),
        cmocka_unit_test(recent_ranges_come_first),
        cmocka_unit_test(gaps_of_an_interval_are_found_one_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
