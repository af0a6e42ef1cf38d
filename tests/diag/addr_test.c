/* SPDX-License-Identifier: MIT */
/*
 * Addresses are read as people write them, and written as they can be read again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>

#include "diag/addr.h"
#include "name.h"

static void addresses_read_and_written_are_the_same(void **state)
{
    static const char *const texts[] = {"0.0.0.0", "10.7.0.2", "255.255.255.255",     "::", "::1",
                                        "fd07::2", "fe80::1",  "2001:db8:0:1:1:1:1:1"};
    char text[ADDR_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct ft_addr addr;

        assert_int_equal(addr_parse(texts[i], &addr), 0);
        assert_string_equal(addr_format(&addr, text), texts[i]);
    }
}

static void ip4_is_v4_mapped_inside(void **state)
{
    struct ft_addr addr;

    (void)state;
    assert_int_equal(addr_parse("10.7.0.2", &addr), 0);
    assert_true(addr.hi == 0 && addr.lo == UINT64_C(0xffff0a070002));
    assert_true(addr_is_ip4(&addr));
    assert_int_equal(addr_parse("fe80::1", &addr), 0);
    assert_true(addr_is_link_local(&addr));
    assert_false(addr_is_ip4(&addr));
}

static void prefixes_have_their_limits(void **state)
{
    static const char *const bad[] = {"10.7.0.300/24", "10.7.0.2/33", "10.7.0.2/", "10.7.0.2/0",
                                      "fd07::2/129",   "10.7.0.2/1x", "/24",       "",
                                      "10.7.0.2/-1"};
    struct ft_addr addr;
    unsigned len;

    (void)state;
    assert_int_equal(addr_parse_cidr("10.7.0.2/24", &addr, &len), 0);
    assert_int_equal(len, 24);
    assert_int_equal(addr_parse_cidr("fd07::2/64", &addr, &len), 0);
    assert_int_equal(len, 64);
    assert_int_equal(addr_parse_cidr("fd07::2", &addr, &len), 0);
    assert_int_equal(len, 128);
    assert_int_equal(addr_parse_cidr("0.0.0.0/0", &addr, &len), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(addr_parse_cidr(bad[i], &addr, &len), -EINVAL);
}

static void socket_names_are_written_with_brackets(void **state)
{
    static const char *const good[] = {"10.7.0.2:80", "[::1]:80", "0.0.0.0:0", "[fd07::2]:65535"};
    char text[ADDR_TEXT_MAX];
    struct ft_addr addr;
    uint16_t port;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        parse_name(good[i], &addr, &port);
        assert_string_equal(addr_format_name(&addr, port, text), good[i]);
    }
}

static void sockaddrs_there_and_back_are_the_same(void **state)
{
    static const char *const names[] = {"10.7.0.2:80", "[fd07::2]:443"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct sockaddr_storage sa;
        struct ft_addr addr, back;
        uint16_t port, port_back;
        socklen_t len;

        parse_name(names[i], &addr, &port);
        len = addr_to_sockaddr(&addr, port, i == 0 ? AF_INET : AF_INET6, 0, &sa);
        assert_int_equal(addr_from_sockaddr((const struct sockaddr *)&sa, len, &back, &port_back),
                         0);
        assert_memory_equal(&addr, &back, sizeof(addr));
        assert_int_equal(port, port_back);
        assert_int_equal(
            addr_from_sockaddr((const struct sockaddr *)&sa, len - 1, &back, &port_back), -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_read_and_written_are_the_same),
        cmocka_unit_test(ip4_is_v4_mapped_inside),
        cmocka_unit_test(prefixes_have_their_limits),
        cmocka_unit_test(socket_names_are_written_with_brackets),
        cmocka_unit_test(sockaddrs_there_and_back_are_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
