/* SPDX-License-Identifier: MIT */
/*
 * Options: defaults, what may be set, what is read back and what the errors are, as a Linux 6.18
 * kernel answered the same calls.
 */
#include "harness.h"

#include <stddef.h>

#define NONE 999

static struct host a;

static int open_hosts(void **state)
{
    (void)state;
    host_open(&a, 1);
    return 0;
}

static int close_hosts(void **state)
{
    (void)state;
    host_close(&a);
    return 0;
}

static void defaults_are_those_of_linux(void **state)
{
    static const struct {
        int level, name, v4, v6; /* values; negative errors */
    } cases[] = {
        {SOL_SOCKET, SO_TYPE, SOCK_DGRAM, SOCK_DGRAM},
        {SOL_SOCKET, SO_DOMAIN, AF_INET, AF_INET6},
        {SOL_SOCKET, SO_PROTOCOL, IPPROTO_UDP, IPPROTO_UDP},
        {SOL_SOCKET, SO_ERROR, 0, 0},
        {SOL_SOCKET, SO_ACCEPTCONN, 0, 0},
        {SOL_SOCKET, SO_REUSEADDR, 0, 0},
        {SOL_SOCKET, SO_REUSEPORT, 0, 0},
        {SOL_SOCKET, SO_BROADCAST, 0, 0},
        {SOL_SOCKET, SO_SNDBUF, 212992, 212992},
        {SOL_SOCKET, SO_RCVBUF, 212992, 212992},
        {SOL_SOCKET, SO_PRIORITY, 0, 0},
        {SOL_SOCKET, 250, -ENOPROTOOPT, -ENOPROTOOPT},
        {IPPROTO_IP, IP_TOS, 0, 0},
        {IPPROTO_IP, IP_TTL, 64, 64},
        {IPPROTO_IP, IP_PKTINFO, 0, 0},
        {IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT, IP_PMTUDISC_WANT},
        {IPPROTO_IP, IP_RECVERR, 0, 0},
        {IPPROTO_IP, IP_RECVTTL, 0, 0},
        {IPPROTO_IP, IP_RECVTOS, 0, 0},
        {IPPROTO_IP, IP_MTU, -ENOTCONN, -ENOTCONN},
        {IPPROTO_IP, IP_MULTICAST_IF, 0, 0},
        {IPPROTO_IP, IP_MULTICAST_TTL, 1, 1},
        {IPPROTO_IP, IP_MULTICAST_LOOP, 1, 1},
        {IPPROTO_IP, 250, -ENOPROTOOPT, -ENOPROTOOPT},
        {IPPROTO_IPV6, IPV6_UNICAST_HOPS, -EOPNOTSUPP, 64},
        {IPPROTO_IPV6, IPV6_MULTICAST_IF, -EOPNOTSUPP, 0},
        {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, -EOPNOTSUPP, 1},
        {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, -EOPNOTSUPP, 1},
        {IPPROTO_IPV6, IPV6_MTU_DISCOVER, -EOPNOTSUPP, IPV6_PMTUDISC_WANT},
        {IPPROTO_IPV6, IPV6_MTU, -EOPNOTSUPP, -ENOTCONN},
        {IPPROTO_IPV6, IPV6_RECVERR, -EOPNOTSUPP, 0},
        {IPPROTO_IPV6, IPV6_V6ONLY, -EOPNOTSUPP, 0},
        {IPPROTO_IPV6, IPV6_RECVPKTINFO, -EOPNOTSUPP, 0},
        {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, -EOPNOTSUPP, 0},
        {IPPROTO_IPV6, IPV6_RECVTCLASS, -EOPNOTSUPP, 0},
        {IPPROTO_IPV6, IPV6_TCLASS, -EOPNOTSUPP, 0},
        {IPPROTO_IPV6, 250, -EOPNOTSUPP, -ENOPROTOOPT},
        {IPPROTO_UDP, 250, -ENOPROTOOPT, -ENOPROTOOPT},
        {IPPROTO_TCP, 1, -EOPNOTSUPP, -ENOPROTOOPT},
    };
    ft_sock fds[2] = {host_socket(&a, AF_INET), host_socket(&a, AF_INET6)};

    (void)state;
    for (size_t i = 0; i < FT_ARRAY_LEN(cases) * 2; i++) {
        struct ft_udp_sock *sock = host_sock(&a, fds[i % 2]);
        int want = i % 2 ? cases[i / 2].v6 : cases[i / 2].v4, v = NONE;
        socklen_t len = sizeof(v);
        int err = ft_udp_getsockopt(&a.udp, sock, cases[i / 2].level, cases[i / 2].name, &v, &len);

        assert_int_equal(err, want < 0 ? want : 0);
        assert_int_equal(v, want < 0 ? NONE : want);
    }
}

static void what_is_set_is_read_back_as_on_linux(void **state)
{
    static const struct {
        int level, name, set, err, get;
    } cases[] = {
        {SOL_SOCKET, SO_RCVBUF, 1, 0, 2304},
        {SOL_SOCKET, SO_RCVBUF, 100000, 0, 200000},
        {SOL_SOCKET, SO_RCVBUF, -1, 0, 2 * 212992},
        {SOL_SOCKET, SO_SNDBUF, 1, 0, 4608},
        {SOL_SOCKET, SO_SNDBUF, 100000, 0, 200000},
        {SOL_SOCKET, SO_BROADCAST, 5, 0, 1},
        {SOL_SOCKET, SO_REUSEADDR, 5, 0, 1},
        {SOL_SOCKET, SO_REUSEPORT, 5, 0, 1},
        {SOL_SOCKET, SO_PRIORITY, 5, 0, 5},
        {SOL_SOCKET, SO_TYPE, 5, -ENOPROTOOPT, SOCK_DGRAM},
        {IPPROTO_IP, IP_TTL, 0, -EINVAL, 64},
        {IPPROTO_IP, IP_TTL, 255, 0, 255},
        {IPPROTO_IP, IP_TTL, 256, -EINVAL, 255},
        {IPPROTO_IP, IP_TTL, -1, 0, 64},
        {IPPROTO_IP, IP_TOS, 0x48, 0, 0x48},
        {IPPROTO_IP, IP_TOS, 256, 0, 0},
        {IPPROTO_IP, IP_TOS, -1, 0, 255},
        {IPPROTO_IP, IP_MTU_DISCOVER, -1, -EINVAL, 1},
        {IPPROTO_IP, IP_MTU_DISCOVER, 5, 0, 5},
        {IPPROTO_IP, IP_MTU_DISCOVER, 6, -EINVAL, 5},
        {IPPROTO_IP, IP_MULTICAST_TTL, 0, 0, 0},
        {IPPROTO_IP, IP_MULTICAST_TTL, 255, 0, 255},
        {IPPROTO_IP, IP_MULTICAST_TTL, 256, -EINVAL, 255},
        {IPPROTO_IP, IP_MULTICAST_TTL, -1, 0, 1},
        {IPPROTO_IPV6, IPV6_UNICAST_HOPS, -2, -EINVAL, 64},
        {IPPROTO_IPV6, IPV6_UNICAST_HOPS, 255, 0, 255},
        {IPPROTO_IPV6, IPV6_UNICAST_HOPS, 256, -EINVAL, 255},
        {IPPROTO_IPV6, IPV6_UNICAST_HOPS, -1, 0, 64},
        {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 255, 0, 255},
        {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, -1, 0, 1},
        {IPPROTO_IPV6, IPV6_TCLASS, -2, -EINVAL, 0},
        {IPPROTO_IPV6, IPV6_TCLASS, 255, 0, 255},
        {IPPROTO_IPV6, IPV6_TCLASS, -1, 0, 0},
        {IPPROTO_IPV6, IPV6_MTU_DISCOVER, 6, -EINVAL, 1},
        {IPPROTO_IPV6, IPV6_MTU_DISCOVER, 5, 0, 5},
        {IPPROTO_IPV6, IPV6_MULTICAST_IF, 99, -ENODEV, 0},
        {IPPROTO_IPV6, IPV6_MULTICAST_IF, 1, 0, 1},
        {IPPROTO_IPV6, IPV6_V6ONLY, 1, 0, 1},
        {IPPROTO_UDP, UDP_SEGMENT, -1, -EINVAL, 0},
        {IPPROTO_UDP, UDP_SEGMENT, 65536, -EINVAL, 0},
        {IPPROTO_UDP, UDP_SEGMENT, 1200, 0, 1200},
        {IPPROTO_UDP, UDP_GRO, 1, 0, 1},
        {IPPROTO_UDP, UDP_CORK, 7, 0, 1},
    };
    ft_sock fd = host_socket(&a, AF_INET6), v4 = host_socket(&a, AF_INET);

    (void)state;
    for (size_t i = 0; i < FT_ARRAY_LEN(cases); i++) {
        assert_int_equal(host_set(&a, fd, cases[i].level, cases[i].name, cases[i].set),
                         cases[i].err);
        assert_int_equal(host_get(&a, fd, cases[i].level, cases[i].name), cases[i].get);
    }
    assert_int_equal(host_set(&a, v4, IPPROTO_IPV6, IPV6_TCLASS, 1), -ENOPROTOOPT);
    assert_int_equal(host_set(&a, v4, IPPROTO_IP, 250, 1), -ENOPROTOOPT);
    assert_int_equal(host_set(&a, v4, IPPROTO_UDP, UDP_ENCAP, 1), -ENOPROTOOPT);
}

static void lengths_are_taken_as_on_linux(void **state)
{
    ft_sock fd = host_socket(&a, AF_INET6);
    struct ft_udp_sock *sock = host_sock(&a, fd);
    unsigned char octet = 5, room[4] = {0, 0xee, 0xee, 0xee};
    socklen_t len = 1;

    (void)state;
    assert_int_equal(ft_udp_setsockopt(&a.udp, sock, SOL_SOCKET, SO_REUSEADDR, &octet, 1), -EINVAL);
    assert_int_equal(ft_udp_setsockopt(&a.udp, sock, IPPROTO_IPV6, IPV6_TCLASS, &octet, 1),
                     -EINVAL);
    assert_int_equal(ft_udp_setsockopt(&a.udp, sock, IPPROTO_IP, IP_TTL, &octet, 1), 0);
    assert_int_equal(ft_udp_getsockopt(&a.udp, sock, IPPROTO_IP, IP_TTL, room, &len), 0);
    assert_int_equal(len, 1);
    assert_int_equal(room[0], 5);
    assert_int_equal(room[1], 0xee);
}

static void a_device_is_named_and_told(void **state)
{
    ft_sock fd = host_socket(&a, AF_INET);
    struct ft_udp_sock *sock = host_sock(&a, fd);
    char name[16] = "";
    socklen_t len = sizeof(name);

    (void)state;
    assert_int_equal(ft_udp_setsockopt(&a.udp, sock, SOL_SOCKET, SO_BINDTODEVICE, "nope", 5),
                     -ENODEV);
    assert_int_equal(ft_udp_getsockopt(&a.udp, sock, SOL_SOCKET, SO_BINDTODEVICE, name, &len), 0);
    assert_int_equal(len, 0);
    assert_int_equal(ft_udp_setsockopt(&a.udp, sock, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2), 0);
    len = sizeof(name);
    assert_int_equal(ft_udp_getsockopt(&a.udp, sock, SOL_SOCKET, SO_BINDTODEVICE, name, &len), 0);
    assert_int_equal(len, 3);
    assert_string_equal(name, "lo");
    len = 4;
    assert_int_equal(ft_udp_getsockopt(&a.udp, sock, SOL_SOCKET, SO_BINDTODEVICE, name, &len),
                     -EINVAL);
    assert_int_equal(ft_udp_setsockopt(&a.udp, sock, SOL_SOCKET, SO_BINDTODEVICE, "", 0), 0);
    assert_int_equal(sock->bound_if, 0);
}

static void the_multicast_interface_is_one_of_ours(void **state)
{
    ft_sock fd = host_socket(&a, AF_INET);
    struct ft_udp_sock *sock = host_sock(&a, fd);
    struct in_addr ours = {htonl(0x0a070001)}, not_ours = {htonl(0x01020304)}, got;
    struct ip_mreqn mreqn = {.imr_ifindex = 99};
    socklen_t len = sizeof(got);

    (void)state;
    assert_int_equal(
        ft_udp_setsockopt(&a.udp, sock, IPPROTO_IP, IP_MULTICAST_IF, &not_ours, sizeof(ours)),
        -EADDRNOTAVAIL);
    assert_int_equal(
        ft_udp_setsockopt(&a.udp, sock, IPPROTO_IP, IP_MULTICAST_IF, &mreqn, sizeof(mreqn)),
        -EADDRNOTAVAIL);
    assert_int_equal(
        ft_udp_setsockopt(&a.udp, sock, IPPROTO_IP, IP_MULTICAST_IF, &ours, sizeof(ours)), 0);
    assert_int_equal(ft_udp_getsockopt(&a.udp, sock, IPPROTO_IP, IP_MULTICAST_IF, &got, &len), 0);
    assert_int_equal(got.s_addr, ours.s_addr);
    assert_int_equal(sock->mcast_if, a.wire);
    /* It leaves there, as far as the TTL says: by default one hop, and 0 none at all. */
    assert_int_equal(host_send(&a, fd, "x", 1, "239.1.2.3", 53), 1);
    assert_int_equal(host_output(&a, a.wire), 1);
    assert_int_equal(a.frames[0].buf[8], 1);
    host_done(&a, 1, 1);
    assert_int_equal(host_set(&a, fd, IPPROTO_IP, IP_MULTICAST_TTL, 0), 0);
    assert_int_equal(host_send(&a, fd, "x", 1, "239.1.2.3", 53), 1);
    assert_int_equal(host_output(&a, a.wire), 0);
    mreqn.imr_ifindex = 0;
    assert_int_equal(
        ft_udp_setsockopt(&a.udp, sock, IPPROTO_IP, IP_MULTICAST_IF, &mreqn, sizeof(mreqn)), 0);
    assert_int_equal(sock->mcast_if, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_hosts, close_hosts)
    const struct CMUnitTest tests[] = {
        TEST(defaults_are_those_of_linux),
        TEST(what_is_set_is_read_back_as_on_linux),
        TEST(lengths_are_taken_as_on_linux),
        TEST(a_device_is_named_and_told),
        TEST(the_multicast_interface_is_one_of_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
