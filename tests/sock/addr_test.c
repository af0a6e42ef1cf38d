/* SPDX-License-Identifier: MIT */
/*
 * Socket addresses at the border: lengths and families as Linux takes them, scopes and v4-mapped
 * forms, and cut answers.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/addr.h"
#include "sock/sock.h"

static void an_ipv4_address_goes_in_and_out(void **state)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(8080)}, out;
    struct ft_endpoint e;
    socklen_t len = sizeof(out);

    (void)state;
    sin.sin_addr.s_addr = htonl(0x0a070001);
    assert_int_equal(ft_endpoint_read((struct sockaddr *)&sin, sizeof(sin), false, &e), 0);
    assert_int_equal(e.port, 8080);
    assert_true(e.addr.hi == 0 && e.addr.lo == (ADDR_V4_MARK | 0x0a070001));
    ft_endpoint_write(&e, false, (struct sockaddr *)&out, &len);
    assert_int_equal(len, sizeof(out));
    assert_memory_equal(&out, &sin, sizeof(out));
}

static void lengths_and_families_are_refused_as_linux_does(void **state)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(1)};
    struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htons(2)};
    struct ft_endpoint e;

    (void)state;
    assert_int_equal(ft_endpoint_read((struct sockaddr *)&sin, 15, false, &e), -EINVAL);
    assert_int_equal(ft_endpoint_read((struct sockaddr *)&sin, sizeof(sin), true, &e), -EINVAL);
    assert_int_equal(ft_endpoint_read((struct sockaddr *)&sin6, 23, true, &e), -EINVAL);
    assert_int_equal(ft_endpoint_read((struct sockaddr *)&sin6, 24, true, &e), 0);
    assert_int_equal(ft_endpoint_read((struct sockaddr *)&sin6, sizeof(sin6), false, &e),
                     -EAFNOSUPPORT);
    assert_int_equal(ft_endpoint_read((struct sockaddr *)&sin, (socklen_t)-1, false, &e), -EINVAL);
    assert_int_equal(ft_endpoint_read(NULL, 16, false, &e), -EINVAL);
    sin6.sin6_family = AF_INET;
    assert_int_equal(ft_endpoint_read((struct sockaddr *)&sin6, sizeof(sin6), true, &e),
                     -EAFNOSUPPORT);
    /* A forgotten family is taken with INADDR_ANY only. */
    sin.sin_family = AF_UNSPEC;
    assert_int_equal(ft_endpoint_read((struct sockaddr *)&sin, sizeof(sin), false, &e), 0);
    assert_true(e.addr.lo == ADDR_V4_MARK);
    sin.sin_addr.s_addr = htonl(1);
    assert_int_equal(ft_endpoint_read((struct sockaddr *)&sin, sizeof(sin), false, &e),
                     -EAFNOSUPPORT);
}

static void a_scope_counts_for_link_local_only(void **state)
{
    struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_scope_id = 3};
    struct ft_endpoint e;

    (void)state;
    inet_pton(AF_INET6, "fe80::1", &sin6.sin6_addr);
    assert_int_equal(ft_endpoint_read((struct sockaddr *)&sin6, sizeof(sin6), true, &e), 0);
    assert_int_equal(e.ifindex, 3);
    assert_int_equal(ft_endpoint_read((struct sockaddr *)&sin6, 24, true, &e), 0);
    assert_int_equal(e.ifindex, 0);
    sin6.sin6_scope_id = 65536;
    assert_int_equal(ft_endpoint_read((struct sockaddr *)&sin6, sizeof(sin6), true, &e), -EINVAL);
    inet_pton(AF_INET6, "fd07::1", &sin6.sin6_addr);
    assert_int_equal(ft_endpoint_read((struct sockaddr *)&sin6, sizeof(sin6), true, &e), 0);
    assert_int_equal(e.ifindex, 0);
}

static void an_ipv4_peer_of_an_ipv6_socket_is_v4_mapped(void **state)
{
    struct ft_endpoint e = {.addr = addr_v4(0x7f000001), .port = 53};
    struct sockaddr_in6 out, want = {.sin6_family = AF_INET6, .sin6_port = htons(53)};
    socklen_t len = 10;

    (void)state;
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &want.sin6_addr);
    memset(&out, 0xee, sizeof(out));
    ft_endpoint_write(&e, true, (struct sockaddr *)&out, &len);
    assert_int_equal(len, sizeof(out)); /* the true length, though cut */
    assert_memory_equal(&out, &want, 10);
    assert_int_equal(((uint8_t *)&out)[10], 0xee);
    ft_endpoint_write(&e, true, (struct sockaddr *)&out, &len);
    assert_memory_equal(&out, &want, sizeof(want));
    ft_endpoint_write(&e, true, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ipv4_address_goes_in_and_out),
        cmocka_unit_test(lengths_and_families_are_refused_as_linux_does),
        cmocka_unit_test(a_scope_counts_for_link_local_only),
        cmocka_unit_test(an_ipv4_peer_of_an_ipv6_socket_is_v4_mapped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
