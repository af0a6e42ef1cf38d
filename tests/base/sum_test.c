/* SPDX-License-Identifier: MIT */
/*
 * The Internet checksum equals the plain definition at every length and alignment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/sum.h"
#include "base/support.h"

#define DATA 4200

static uint8_t data[DATA];

/* RFC 1071 1, word by word. */
static uint16_t naive(const uint8_t *p, size_t len)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < len; i++) {
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
        sum = (sum >> 16) + (sum & 0xffff);
    }
    return (uint16_t)sum;
}

static int fill(void **state)
{
    uint64_t random = 3;

    (void)state;
    for (size_t i = 0; i < DATA; i++)
        data[i] = (uint8_t)test_random(&random);
    return 0;
}

/* RFC 1071 3, the numerical example. */
static void example_of_rfc_1071_comes_out(void **state)
{
    static const uint8_t octets[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

    (void)state;
    assert_int_equal(ft_sum_fold(ft_sum(octets, sizeof(octets), 0)), 0xddf2);
    assert_int_equal(ft_sum_fold(0x0001 + 0xf203 + 0xf4f5 + 0xf6f7), 0xddf2);
}

static void every_length_and_alignment_agrees_with_the_definition(void **state)
{
    static uint8_t copy[DATA + 64];

    (void)fill(state);
    for (size_t len = 0; len <= 2100; len = len < 300 ? len + 1 : len + 37) {
        for (size_t at = 0; at < 18; at++) {
            uint16_t expected = naive(data + at, len);
            assert_int_equal(ft_sum_fold(ft_sum(data + at, len, 0)), expected);
            memset(copy, 0xee, sizeof(copy));
            uint64_t sum = ft_sum_copy(copy + (at * 7) % 16, data + at, len, 0);
            assert_int_equal(ft_sum_fold(sum), expected);
            assert_memory_equal(copy + (at * 7) % 16, data + at, len);
            assert_int_equal(copy[(at * 7) % 16 + len], 0xee);
        }
    }
}

static void zero_comes_out_of_zeros_only(void **state)
{
    static uint8_t ones[70000];

    (void)state;
    memset(ones, 0, sizeof(ones));
    assert_int_equal(ft_sum_fold(ft_sum(ones, sizeof(ones), 0)), 0);
    memset(ones, 0xff, sizeof(ones));
    for (size_t len = 2; len <= sizeof(ones); len = len * 3 / 2 / 2 * 2 + 2)
        assert_int_equal(ft_sum_fold(ft_sum(ones, len, 0)), 0xffff);
    assert_int_equal(ft_sum_fold(UINT64_MAX), 0xffff);
    assert_int_equal(ft_sum_fold(0xffff0000), 0xffff);
}

static void a_sum_continues_where_the_last_one_ended(void **state)
{
    (void)fill(state);
    for (size_t cut = 0; cut <= 200; cut += 2) {
        uint64_t sum = ft_sum(data + cut, 301 - cut, ft_sum(data, cut, 0));
        assert_int_equal(ft_sum_fold(sum), naive(data, 301));
        assert_true(sum <= 2 * 0xffff);
    }
}

static void pieces_at_odd_offsets_are_swapped(void **state)
{
    (void)fill(state);
    for (size_t cut = 0; cut <= 200; cut++) {
        uint64_t sum = ft_sum(data, cut, 0);
        sum = ft_sum_add_at(sum, ft_sum(data + cut, 55, 0), cut);
        sum = ft_sum_add_at(sum, ft_sum(data + cut + 55, 300, 0), cut + 55);
        assert_int_equal(ft_sum_fold(sum), naive(data, cut + 355));
    }
}

static void host_order_fields_are_simply_added(void **state)
{
    static const uint8_t octets[] = {10, 7, 0, 1, 0x12, 0x34};

    (void)state;
    assert_int_equal(ft_sum_fold(ft_sum(octets, 6, 0)),
                     ft_sum_fold((uint64_t)UINT32_C(0x0a070001) + 0x1234));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_of_rfc_1071_comes_out),
        cmocka_unit_test(every_length_and_alignment_agrees_with_the_definition),
        cmocka_unit_test(zero_comes_out_of_zeros_only),
        cmocka_unit_test(a_sum_continues_where_the_last_one_ended),
        cmocka_unit_test(pieces_at_odd_offsets_are_swapped),
        cmocka_unit_test(host_order_fields_are_simply_added),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
