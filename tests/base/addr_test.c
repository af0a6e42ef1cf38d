/* SPDX-License-Identifier: MIT */
/*
 * Classes of addresses and prefixes, for both families and at their edges.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/addr.h"

static struct ft_addr v6(uint64_t hi, uint64_t lo)
{
    return (struct ft_addr){hi, lo};
}

static void v4_is_the_mapped_form(void **state)
{
    struct ft_addr a = addr_v4(0xc0a80001);
    struct ft_addr any = addr_any();

    (void)state;
    assert_true(a.hi == 0 && a.lo == UINT64_C(0xffffc0a80001));
    assert_true(addr_is_v4(&a));
    assert_int_equal(addr_v4_of(&a), 0xc0a80001);
    assert_false(addr_is_v4(&any));
}

static void any_is_both_unspecified_addresses_and_no_other(void **state)
{
    struct ft_addr yes[] = {v6(0, 0), addr_v4(0)};
    struct ft_addr no[] = {v6(0, 1), addr_v4(1), v6(1, 0)};

    (void)state;
    for (size_t i = 0; i < 2; i++)
        assert_true(addr_is_any(&yes[i]));
    for (size_t i = 0; i < 3; i++)
        assert_false(addr_is_any(&no[i]));
    assert_false(addr_eq(&yes[0], &yes[1]));
}

static void loopback_is_127_slash_8_and_one(void **state)
{
    struct ft_addr yes[] = {addr_v4(0x7f000000), addr_v4(0x7fffffff), v6(0, 1)};
    struct ft_addr no[] = {addr_v4(0x7effffff), addr_v4(0x80000000), v6(0, 2), v6(1, 1)};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_true(addr_is_loopback(&yes[i]));
    for (size_t i = 0; i < 4; i++)
        assert_false(addr_is_loopback(&no[i]));
}

static void groups_end_where_their_prefix_ends(void **state)
{
    struct ft_addr yes[] = {addr_v4(0xe0000000), addr_v4(0xefffffff), v6(UINT64_C(0xff) << 56, 0)};
    struct ft_addr no[] = {addr_v4(0xdfffffff), addr_v4(0xf0000000), addr_v4(UINT32_MAX),
                           v6(UINT64_C(0xfe) << 56, 0)};
    struct ft_addr bcast = addr_v4(UINT32_MAX);

    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_true(addr_is_multicast(&yes[i]));
    for (size_t i = 0; i < 4; i++)
        assert_false(addr_is_multicast(&no[i]));
    assert_true(addr_is_broadcast(&bcast));
    assert_false(addr_is_broadcast(&yes[0]));
}

static void link_local_is_fe80_slash_10_and_169_254(void **state)
{
    struct ft_addr yes[] = {v6(UINT64_C(0xfe80) << 48, 1), v6(UINT64_C(0xfebf) << 48, 1),
                            addr_v4(0xa9fe0001)};
    struct ft_addr no[] = {v6(UINT64_C(0xfec0) << 48, 1), v6(UINT64_C(0xfe7f) << 48, 1),
                           addr_v4(0xa9fd0001)};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_true(addr_is_link_local(&yes[i]));
        assert_false(addr_is_link_local(&no[i]));
    }
}

static void flip_bit(struct ft_addr *addr, unsigned bit)
{
    if (bit < 64)
        addr->hi ^= UINT64_C(1) << (63 - bit);
    else
        addr->lo ^= UINT64_C(1) << (127 - bit);
}

static void a_prefix_sees_exactly_its_own_bits(void **state)
{
    struct ft_addr p6 = v6(UINT64_C(0xfd07123456789abc), UINT64_C(0xdef0112233445566));
    struct ft_addr p4 = addr_v4(0x0a070001);

    (void)state;
    for (unsigned len = 0; len <= 128; len++) {
        for (unsigned bit = 0; bit < 128; bit++) {
            struct ft_addr a = p6;

            flip_bit(&a, bit);
            assert_int_equal(addr_in_prefix(&a, &p6, len), bit >= len);
        }
        assert_true(addr_in_prefix(&p6, &p6, len));
    }
    for (unsigned len = 0; len <= 32; len++)
        for (unsigned bit = 0; bit < 32; bit++) {
            struct ft_addr a = p4;

            flip_bit(&a, 96 + bit);
            assert_int_equal(addr_in_prefix(&a, &p4, len), bit >= len);
        }
}

static void a_prefix_holds_its_own_family_only(void **state)
{
    struct ft_addr p4 = addr_v4(0);
    struct ft_addr p6 = addr_any();
    struct ft_addr a4 = addr_v4(0x01020304);
    struct ft_addr a6 = v6(1, 1);

    (void)state;
    assert_true(addr_in_prefix(&a4, &p4, 0));
    assert_true(addr_in_prefix(&a6, &p6, 0));
    assert_false(addr_in_prefix(&a6, &p4, 0));
    assert_false(addr_in_prefix(&a4, &p6, 0));
}

static void solicited_node_keeps_the_low_24_bits(void **state)
{
    struct ft_addr a = v6(UINT64_C(0xfe80) << 48, UINT64_C(0x02aabbfffeccddee));
    struct ft_addr group = addr_solicited_node(&a);

    (void)state;
    assert_true(group.hi == UINT64_C(0xff02000000000000));
    assert_true(group.lo == UINT64_C(0x00000001ffccddee));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v4_is_the_mapped_form),
        cmocka_unit_test(any_is_both_unspecified_addresses_and_no_other),
        cmocka_unit_test(loopback_is_127_slash_8_and_one),
        cmocka_unit_test(groups_end_where_their_prefix_ends),
        cmocka_unit_test(link_local_is_fe80_slash_10_and_169_254),
        cmocka_unit_test(a_prefix_sees_exactly_its_own_bits),
        cmocka_unit_test(a_prefix_holds_its_own_family_only),
        cmocka_unit_test(solicited_node_keeps_the_low_24_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
