/* SPDX-License-Identifier: MIT */
/*
 * Datagrams out of several calls (MSG_MORE, UDP_CORK), as Linux puts them together.
 */
#include "two.h"

static char in[70000], out[70000];

static ft_sock sink(uint16_t port)
{
    ft_sock fd = host_socket(&b, AF_INET);

    assert_int_equal(host_bind(&b, fd, "0.0.0.0", port), 0);
    return fd;
}

/* What arrives next; NULL: nothing. */
static void arrives(ft_sock fd, const char *text)
{
    ssize_t n;

    carry(&a, &b);
    n = host_recv(&b, fd, in, sizeof(in), 0, NULL);
    assert_int_equal(n, text ? (ssize_t)strlen(text) : -EAGAIN);
    if (text)
        assert_memory_equal(in, text, (size_t)n);
}

static ssize_t send_more(ft_sock fd, const char *text, const char *to)
{
    return host_send_flags(&a, fd, text, strlen(text), to, 53, MSG_MORE);
}

static void more_is_added_until_a_call_says_no_more(void **state)
{
    ft_sock fd = host_socket(&a, AF_INET), to = sink(53);

    (void)state;
    assert_int_equal(send_more(fd, "one ", "10.7.0.2"), 4);
    assert_int_equal(send_more(fd, "two ", "10.7.0.2"), 4);
    arrives(to, NULL);
    assert_int_equal(host_send(&a, fd, "three", 5, "10.7.0.2", 53), 5);
    arrives(to, "one two three");
    arrives(to, NULL);
    assert_int_equal(host_send(&a, fd, "alone", 5, "10.7.0.2", 53), 5);
    arrives(to, "alone");
    /* The first call says where it goes; the others need not. */
    assert_int_equal(send_more(fd, "x", "10.7.0.2"), 1);
    assert_int_equal(host_send(&a, fd, "y", 1, NULL, 0), 1);
    arrives(to, "xy");
}

static void a_cork_holds_until_it_is_drawn(void **state)
{
    ft_sock fd = host_socket(&a, AF_INET), to = sink(53);

    (void)state;
    assert_int_equal(host_connect(&a, fd, "10.7.0.2", 53), 0);
    assert_int_equal(host_set(&a, fd, IPPROTO_UDP, UDP_CORK, 1), 0);
    assert_int_equal(host_send(&a, fd, "one", 3, NULL, 0), 3);
    assert_int_equal(host_send(&a, fd, "two", 3, NULL, 0), 3);
    arrives(to, NULL);
    assert_int_equal(host_set(&a, fd, IPPROTO_UDP, UDP_CORK, 0), 0);
    arrives(to, "onetwo");
    assert_int_equal(host_set(&a, fd, IPPROTO_UDP, UDP_CORK, 0), 0); /* nothing is there */
    arrives(to, NULL);
    assert_int_equal(host_send(&a, fd, "loose", 5, NULL, 0), 5);
    arrives(to, "loose");
}

/* As on Linux what goes wrong, and closing, lose what there was. */
static void what_goes_wrong_loses_all_of_it(void **state)
{
    ft_sock fd = host_socket(&a, AF_INET), to = sink(53);

    (void)state;
    assert_int_equal(host_send_flags(&a, fd, out, 65000, "10.7.0.2", 53, MSG_MORE), 65000);
    assert_int_equal(host_send_flags(&a, fd, out, 508, "10.7.0.2", 53, MSG_MORE), -EMSGSIZE);
    assert_int_equal(host_send(&a, fd, "next", 4, "10.7.0.2", 53), 4);
    arrives(to, "next");
    assert_int_equal(host_send_flags(&a, fd, out, 65000, "10.7.0.2", 53, MSG_MORE), 65000);
    assert_int_equal(host_send(&a, fd, out, 507, "10.7.0.2", 53), 507); /* the largest there is */
    carry(&a, &b);
    assert_int_equal(host_recv(&b, to, in, sizeof(in), 0, NULL), 65507);
    assert_int_equal(send_more(fd, "gone", "10.7.0.2"), 4);
    ft_udp_close(&a.udp, host_sock(&a, fd));
    arrives(to, NULL);
}

/* UDP_SEGMENT cuts what has been put together. */
static void what_is_put_together_may_be_cut(void **state)
{
    ft_sock fd = host_socket(&a, AF_INET), to = sink(53);

    (void)state;
    assert_int_equal(host_set(&a, fd, IPPROTO_UDP, UDP_SEGMENT, 5), 0);
    assert_int_equal(send_more(fd, "abc", "10.7.0.2"), 3);
    assert_int_equal(host_send(&a, fd, "defghijk", 8, NULL, 0), 8);
    arrives(to, "abcde");
    arrives(to, "fghij");
    arrives(to, "k");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_hosts, close_hosts)
    const struct CMUnitTest tests[] = {
        TEST(more_is_added_until_a_call_says_no_more),
        TEST(a_cork_holds_until_it_is_drawn),
        TEST(what_goes_wrong_loses_all_of_it),
        TEST(what_is_put_together_may_be_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
