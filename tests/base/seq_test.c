/* SPDX-License-Identifier: MIT */
/*
 * Sequence numbers compare and subtract across the wrap (RFC 9293 3.4).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/seq.h"

/* RFC 9293 3.4: all arithmetic dealing with sequence numbers is performed modulo 2^32. */
static void order_holds_across_the_wrap(void **state)
{
    ft_seq before = seq_make(0xfffffff0);
    ft_seq after = seq_add(before, 0x20);

    (void)state;
    assert_int_equal(after.v, 0x10);
    assert_true(seq_lt(before, after) && seq_le(before, after));
    assert_false(seq_lt(after, before) || seq_le(after, before));
    assert_true(seq_gt(after, before) && seq_ge(after, before));
    assert_int_equal(seq_diff(after, before), 0x20);
    assert_int_equal(seq_diff(before, after), -0x20);
    assert_true(seq_eq(seq_sub(after, 0x20), before));
    assert_true(seq_eq(seq_max(before, after), after));
    assert_true(seq_eq(seq_min(before, after), before));
}

static void equal_numbers_are_neither_before_nor_after(void **state)
{
    ft_seq s = seq_make(0x80000000);

    (void)state;
    assert_false(seq_lt(s, s) || seq_gt(s, s));
    assert_true(seq_le(s, s) && seq_ge(s, s) && seq_eq(s, s));
}

static void order_reaches_to_half_of_the_circle(void **state)
{
    (void)state;
    for (uint32_t at = 0; at < 64; at++) {
        ft_seq s = seq_make(at * 0x04000001u);
        assert_true(seq_lt(s, seq_add(s, 0x7fffffff)));
        assert_true(seq_gt(s, seq_sub(s, 0x7fffffff)));
    }
}

static void between_takes_the_first_and_not_the_last(void **state)
{
    ft_seq lo = seq_make(0xfffffffe);
    ft_seq hi = seq_make(3);

    (void)state;
    assert_true(seq_between(lo, lo, hi));
    assert_true(seq_between(lo, seq_make(2), hi));
    assert_false(seq_between(lo, hi, hi));
    assert_false(seq_between(lo, seq_sub(lo, 1), hi));
    assert_false(seq_between(lo, lo, lo));
    assert_true(seq_between(lo, seq_add(lo, 0xf0000000), seq_sub(lo, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_holds_across_the_wrap),
        cmocka_unit_test(equal_numbers_are_neither_before_nor_after),
        cmocka_unit_test(order_reaches_to_half_of_the_circle),
        cmocka_unit_test(between_takes_the_first_and_not_the_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
