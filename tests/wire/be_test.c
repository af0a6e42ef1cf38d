/* SPDX-License-Identifier: MIT */
/*
 * Loads and stores in network order, at every alignment.
 */
#include "octets.h"

static void the_first_octet_is_the_most_significant(void **state)
{
    const uint8_t p[] = {1, 2, 3, 4, 5, 6, 7, 8};

    (void)state;
    assert_int_equal(be16_load(p), 0x0102);
    assert_int_equal(be32_load(p), 0x01020304);
    assert_true(be64_load(p) == UINT64_C(0x0102030405060708));
}

static void what_is_stored_is_loaded_at_any_alignment(void **state)
{
    uint64_t seed = 1;
    uint8_t buf[32];

    (void)state;
    for (size_t at = 0; at < 8; at++) {
        uint64_t v = rnd(&seed);

        be64_store(buf + at, v);
        assert_true(be64_load(buf + at) == v);
        be32_store(buf + at, (uint32_t)v);
        assert_int_equal(be32_load(buf + at), (uint32_t)v);
        be16_store(buf + at, (uint16_t)v);
        assert_int_equal(be16_load(buf + at), (uint16_t)v);
    }
}

static void sockaddr_integers_hold_the_octets_of_the_wire(void **state)
{
    const uint8_t octets[] = {0x1f, 0x90, 0x0a, 0x07};
    ft_be16 port = be16_make(0x1f90);
    ft_be32 addr = be32_make(0x1f900a07);

    (void)state;
    assert_memory_equal(&port, octets, 2);
    assert_memory_equal(&addr, octets, 4);
    assert_int_equal(be16_host(port), 0x1f90);
    assert_int_equal(be32_host(addr), 0x1f900a07);
}

static void addresses_come_back_as_they_went(void **state)
{
    uint64_t seed = 2;
    uint8_t buf[16];

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        struct ft_addr a6 = rnd_addr6(&seed);
        struct ft_addr a4 = rnd_addr4(&seed);
        struct ft_addr b;

        addr_store16(buf, &a6);
        b = addr_load16(buf);
        assert_true(addr_eq(&a6, &b));
        addr_store4(buf, &a4);
        b = addr_load4(buf);
        assert_true(addr_eq(&a4, &b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_octet_is_the_most_significant),
        cmocka_unit_test(what_is_stored_is_loaded_at_any_alignment),
        cmocka_unit_test(sockaddr_integers_hold_the_octets_of_the_wire),
        cmocka_unit_test(addresses_come_back_as_they_went),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
