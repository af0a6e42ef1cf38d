/* SPDX-License-Identifier: MIT */
/*
 * Groups: who joins and leaves as on Linux, who hears, what comes back to the sender's own host.
 */
#include <stdio.h>

#include "two.h"

static char buf[64];

static struct in_addr in4(const char *text)
{
    struct in_addr addr;

    assert_int_equal(inet_pton(AF_INET, text, &addr), 1);
    return addr;
}

/* IP_ADD_MEMBERSHIP or IP_DROP_MEMBERSHIP with a struct ip_mreqn. */
static int member4(struct host *h, ft_sock fd, int name, const char *group, const char *by, int ifx)
{
    struct ip_mreqn mreq = {
        .imr_multiaddr = in4(group), .imr_address = in4(by), .imr_ifindex = ifx};

    return ft_udp_setsockopt(&h->udp, host_sock(h, fd), IPPROTO_IP, name, &mreq, sizeof(mreq));
}

static int join4(struct host *h, ft_sock fd, const char *group)
{
    return member4(h, fd, IP_ADD_MEMBERSHIP, group, "0.0.0.0", 0);
}

static int member6(struct host *h, ft_sock fd, int name, const char *group, int ifx)
{
    struct ipv6_mreq mreq = {.ipv6mr_interface = (unsigned)ifx};

    assert_int_equal(inet_pton(AF_INET6, group, &mreq.ipv6mr_multiaddr), 1);
    return ft_udp_setsockopt(&h->udp, host_sock(h, fd), IPPROTO_IPV6, name, &mreq, sizeof(mreq));
}

static int group_req(struct host *h, ft_sock fd, int name, const char *group, int ifx)
{
    struct group_req req;
    struct sockaddr_storage addr = sa(group, 0);
    int level = host_sock(h, fd)->ipv6 ? IPPROTO_IPV6 : IPPROTO_IP;

    memset(&req, 0, sizeof(req));
    req.gr_interface = (uint32_t)ifx;
    memcpy(&req.gr_group, &addr, sizeof(addr));
    return ft_udp_setsockopt(&h->udp, host_sock(h, fd), level, name, &req, sizeof(req));
}

static ft_sock bound(struct host *h, int family, uint16_t port)
{
    ft_sock fd = host_socket(h, family);

    assert_int_equal(host_set(h, fd, SOL_SOCKET, SO_REUSEADDR, 1), 0);
    assert_int_equal(host_bind(h, fd, family == AF_INET ? "0.0.0.0" : "::", port), 0);
    return fd;
}

/* How many datagrams wait. */
static unsigned heard(struct host *h, ft_sock fd)
{
    unsigned n = 0;

    while (host_recv(h, fd, buf, sizeof(buf), 0, NULL) >= 0)
        n++;
    return n;
}

static void say(struct host *h, ft_sock fd, const char *to, uint16_t port)
{
    assert_int_equal(host_send(h, fd, "x", 1, to, port), 1);
    carry(&a, &b);
}

static void membership_is_refused_as_on_linux(void **state)
{
    ft_sock fd = host_socket(&a, AF_INET);
    struct ip_mreq mreq = {.imr_multiaddr = in4("239.1.2.3"), .imr_interface = in4("10.7.0.1")};
    struct ft_udp_sock *sock = host_sock(&a, fd);

    (void)state;
    assert_int_equal(join4(&a, fd, "10.7.0.2"), -EINVAL);
    assert_int_equal(member4(&a, fd, IP_ADD_MEMBERSHIP, "239.1.2.3", "0.0.0.0", 99), -ENODEV);
    assert_int_equal(member4(&a, fd, IP_ADD_MEMBERSHIP, "239.1.2.3", "10.9.9.9", 0), -ENODEV);
    assert_int_equal(ft_udp_setsockopt(&a.udp, sock, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreq, 7),
                     -EINVAL);
    assert_int_equal(ft_udp_setsockopt(&a.udp, sock, IPPROTO_IP, IP_ADD_MEMBERSHIP, NULL, 8),
                     -EFAULT);
    assert_int_equal(member4(&a, fd, IP_DROP_MEMBERSHIP, "239.1.2.3", "0.0.0.0", 0),
                     -EADDRNOTAVAIL);
    assert_int_equal(ft_udp_setsockopt(&a.udp, sock, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreq, 8), 0);
    assert_int_equal(join4(&a, fd, "239.1.2.3"), -EADDRINUSE); /* the same interface by its route */
    assert_int_equal(member4(&a, fd, IP_ADD_MEMBERSHIP, "239.1.2.3", "0.0.0.0", a.lo), 0);
    assert_int_equal(ft_udp_setsockopt(&a.udp, sock, IPPROTO_IP, IP_DROP_MEMBERSHIP, &mreq, 8), 0);
    assert_int_equal(ft_udp_setsockopt(&a.udp, sock, IPPROTO_IP, IP_DROP_MEMBERSHIP, &mreq, 8),
                     -EADDRNOTAVAIL);
    /* Source-specific membership is not known. */
    for (int name = IP_UNBLOCK_SOURCE; name <= IP_MSFILTER; name++)
        assert_int_equal(host_set(&a, fd, IPPROTO_IP, name, 1), -ENOPROTOOPT);
    assert_int_equal(host_set(&a, fd, IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, 1), -ENOPROTOOPT);
    assert_int_equal(member6(&a, fd, IPV6_JOIN_GROUP, "ff02::7", a.wire), -ENOPROTOOPT);
}

static void membership_of_ipv6_is_refused_as_on_linux(void **state)
{
    ft_sock fd = host_socket(&a, AF_INET6);

    (void)state;
    assert_int_equal(member6(&a, fd, IPV6_JOIN_GROUP, "fd07::2", 0), -EINVAL);
    assert_int_equal(member6(&a, fd, IPV6_JOIN_GROUP, "::ffff:239.1.2.3", 0), -EINVAL);
    assert_int_equal(member6(&a, fd, IPV6_JOIN_GROUP, "ff02::7", 99), -ENODEV);
    assert_int_equal(member6(&a, fd, IPV6_JOIN_GROUP, "ff02::7", a.wire), 0);
    assert_int_equal(member6(&a, fd, IPV6_JOIN_GROUP, "ff02::7", 0), -EADDRINUSE);
    assert_int_equal(member6(&a, fd, IPV6_JOIN_GROUP, "ff02::7", a.lo), 0);
    assert_int_equal(member6(&a, fd, IPV6_LEAVE_GROUP, "ff02::8", 0), -EADDRNOTAVAIL);
    assert_int_equal(member6(&a, fd, IPV6_LEAVE_GROUP, "ff02::7", a.lo), 0);
    assert_int_equal(member6(&a, fd, IPV6_LEAVE_GROUP, "ff02::7", a.lo), -EADDRNOTAVAIL);
    assert_int_equal(member6(&a, fd, IPV6_LEAVE_GROUP, "ff02::7", 0), 0);
    /* RFC 3678 5.1, at either level. An AF_INET6 socket may join groups of IPv4. */
    assert_int_equal(group_req(&a, fd, MCAST_JOIN_GROUP, "ff05::7", 0), 0);
    assert_int_equal(group_req(&a, fd, MCAST_JOIN_GROUP, "239.1.2.3", 0), -EADDRNOTAVAIL);
    assert_int_equal(group_req(&a, fd, MCAST_LEAVE_GROUP, "ff05::7", 0), 0);
    assert_int_equal(join4(&a, fd, "239.1.2.3"), 0);
    fd = host_socket(&a, AF_INET);
    assert_int_equal(group_req(&a, fd, MCAST_JOIN_GROUP, "ff05::7", 0), -EINVAL);
    assert_int_equal(group_req(&a, fd, MCAST_JOIN_GROUP, "239.1.2.3", a.wire), 0);
    assert_int_equal(group_req(&a, fd, MCAST_LEAVE_GROUP, "239.1.2.3", 0), 0);
}

/* net.ipv4.igmp_max_memberships */
static void memberships_are_bounded_and_given_up_at_close(void **state)
{
    ft_sock fd = host_socket(&a, AF_INET6);
    struct ft_addr group = addr_v4(0xef010200);
    char text[32];

    (void)state;
    for (int i = 0; i < 20; i++) {
        (void)snprintf(text, sizeof(text), "239.1.2.%d", i);
        assert_int_equal(join4(&a, fd, text), 0);
    }
    assert_int_equal(join4(&a, fd, "239.1.2.77"), -ENOBUFS);
    assert_int_equal(member6(&a, fd, IPV6_JOIN_GROUP, "ff02::7", a.wire), 0); /* counted apart */
    assert_true(ft_net_in_group(a.net, a.wire, &group));
    ft_udp_close(&a.udp, host_sock(&a, fd));
    assert_false(ft_net_in_group(a.net, a.wire, &group));
}

static void members_hear_and_others_do_not(void **state)
{
    ft_sock from = host_socket(&a, AF_INET), one = bound(&b, AF_INET, 53);
    ft_sock two = bound(&b, AF_INET, 53), other = bound(&b, AF_INET, 54);

    (void)state;
    say(&a, from, "239.1.2.3", 53);
    assert_int_equal(heard(&b, one) + heard(&b, two), 0);
    assert_int_equal(join4(&b, one, "239.1.2.3"), 0);
    /* As on Linux who has joined nothing hears what others have joined, unless it says no. */
    say(&a, from, "239.1.2.3", 53);
    assert_int_equal(heard(&b, one), 1);
    assert_int_equal(heard(&b, two), 1);
    assert_int_equal(heard(&b, other), 0);
    assert_int_equal(host_set(&b, two, IPPROTO_IP, IP_MULTICAST_ALL, 0), 0);
    assert_int_equal(host_get(&b, two, IPPROTO_IP, IP_MULTICAST_ALL), 0);
    assert_int_equal(host_set(&b, two, IPPROTO_IP, IP_MULTICAST_ALL, 2), -EINVAL);
    say(&a, from, "239.1.2.3", 53);
    assert_int_equal(heard(&b, one), 1);
    assert_int_equal(heard(&b, two), 0);
    assert_int_equal(join4(&b, two, "239.1.2.3"), 0);
    assert_int_equal(member4(&b, one, IP_DROP_MEMBERSHIP, "239.1.2.3", "0.0.0.0", 0), 0);
    say(&a, from, "239.1.2.3", 53);
    assert_int_equal(heard(&b, two), 1); /* the other's leaving is not ours */
    assert_int_equal(heard(&b, one), 1); /* which left, but hears all (IP_MULTICAST_ALL) */
    ft_udp_close(&b.udp, host_sock(&b, two));
    say(&a, from, "239.1.2.3", 53);
    assert_int_equal(heard(&b, one), 0);
}

/* Bound to the group itself it hears nothing else (as multicast DNS does). */
static void a_name_may_be_a_group(void **state)
{
    ft_sock from = host_socket(&a, AF_INET), fd = host_socket(&b, AF_INET);

    (void)state;
    assert_int_equal(host_bind(&b, fd, "239.1.2.3", 53), 0);
    assert_int_equal(join4(&b, fd, "239.1.2.3"), 0);
    assert_int_equal(join4(&b, fd, "239.1.2.4"), 0);
    say(&a, from, "239.1.2.4", 53);
    say(&a, from, "10.7.0.2", 53);
    assert_int_equal(heard(&b, fd), 0);
    say(&a, from, "239.1.2.3", 53);
    assert_int_equal(heard(&b, fd), 1);
    /* What it sends has an address of its own, not the group's. */
    from = bound(&a, AF_INET, 54);
    say(&b, fd, "10.7.0.1", 54);
    assert_int_equal(heard(&a, from), 1);
}

/* RFC 1112 6.1: the sender's own host is a member like any other. */
static void a_sender_hears_itself_if_it_wants(void **state)
{
    ft_sock fd = bound(&a, AF_INET, 53), peer = bound(&b, AF_INET, 53);
    struct sockaddr_storage from;

    (void)state;
    say(&a, fd, "239.1.2.3", 53);
    assert_int_equal(heard(&a, fd), 0); /* nobody here has joined */
    assert_int_equal(join4(&a, fd, "239.1.2.3"), 0);
    assert_int_equal(join4(&b, peer, "239.1.2.3"), 0);
    assert_int_equal(host_send(&a, fd, "x", 1, "239.1.2.3", 53), 1);
    assert_int_equal(host_recv(&a, fd, buf, 8, 0, &from), 1);
    assert_int_equal(((struct sockaddr_in *)&from)->sin_addr.s_addr, in4("10.7.0.1").s_addr);
    carry(&a, &b);
    assert_int_equal(heard(&b, peer), 1);
    assert_int_equal(host_set(&a, fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0), 0);
    say(&a, fd, "239.1.2.3", 53);
    assert_int_equal(heard(&a, fd), 0);
    assert_int_equal(heard(&b, peer), 1);
    /* TTL 0 goes as far as this host. */
    assert_int_equal(host_set(&a, fd, IPPROTO_IP, IP_MULTICAST_LOOP, 1), 0);
    assert_int_equal(host_set(&a, fd, IPPROTO_IP, IP_MULTICAST_TTL, 0), 0);
    say(&a, fd, "239.1.2.3", 53);
    assert_int_equal(heard(&a, fd), 1);
    assert_int_equal(heard(&b, peer), 0);
}

static void groups_of_ipv6_reach_members_on_the_link_that_is_named(void **state)
{
    ft_sock from = bound(&a, AF_INET6, 53), to = bound(&b, AF_INET6, 53);
    struct sockaddr_storage name;
    char text[32];

    (void)state;
    assert_int_equal(member6(&b, to, IPV6_ADD_MEMBERSHIP, "ff02::fb", b.wire), 0);
    assert_int_equal(member6(&a, from, IPV6_ADD_MEMBERSHIP, "ff02::fb", a.wire), 0);
    (void)snprintf(text, sizeof(text), "ff02::fb%%%d", a.wire);
    say(&a, from, text, 53);
    assert_int_equal(host_recv(&b, to, buf, 8, 0, &name), 1);
    assert_int_equal(((struct sockaddr_in6 *)&name)->sin6_scope_id, (uint32_t)b.wire);
    assert_int_equal(heard(&a, from), 1);
    assert_int_equal(host_set(&a, from, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0), 0);
    assert_int_equal(host_set(&a, from, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 2), -EINVAL);
    assert_int_equal(host_set(&a, from, IPPROTO_IPV6, IPV6_MULTICAST_IF, a.wire), 0);
    say(&a, from, "ff02::fb", 53);
    assert_int_equal(heard(&a, from), 0);
    assert_int_equal(heard(&b, to), 1);
    /* RFC 4291 2.7: the scope of an interface ends there. */
    assert_int_equal(host_set(&a, from, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1), 0);
    assert_int_equal(member6(&a, from, IPV6_JOIN_GROUP, "ff01::fb", a.wire), 0);
    assert_int_equal(member6(&b, to, IPV6_JOIN_GROUP, "ff01::fb", b.wire), 0);
    say(&a, from, "ff01::fb", 53);
    assert_int_equal(heard(&a, from), 1);
    assert_int_equal(heard(&b, to), 0);
    assert_int_equal(host_set(&b, to, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0), 0);
    say(&a, from, "ff02::1", 53); /* all-nodes, that nobody joins */
    assert_int_equal(heard(&b, to), 0);
    to = host_socket(&b, AF_INET6);
    assert_int_equal(host_bind(&b, to, "ff02::fb", 99), -EINVAL); /* without its link */
}

/* IP_MULTICAST_IF 127.0.0.1: among programs of one host. */
static void a_group_on_loopback_stays_there(void **state)
{
    ft_sock fd = bound(&a, AF_INET, 53), peer = bound(&b, AF_INET, 53);
    struct in_addr lo = in4("127.0.0.1");

    (void)state;
    assert_int_equal(member4(&a, fd, IP_ADD_MEMBERSHIP, "239.1.2.3", "127.0.0.1", 0), 0);
    assert_int_equal(join4(&b, peer, "239.1.2.3"), 0);
    say(&a, fd, "239.1.2.3", 53);
    assert_int_equal(heard(&a, fd), 0); /* it went by the wire */
    assert_int_equal(heard(&b, peer), 1);
    assert_int_equal(
        ft_udp_setsockopt(&a.udp, host_sock(&a, fd), IPPROTO_IP, IP_MULTICAST_IF, &lo, sizeof(lo)),
        0);
    say(&a, fd, "239.1.2.3", 53);
    assert_int_equal(heard(&a, fd), 1);
    assert_int_equal(heard(&b, peer), 0);
    assert_int_equal(host_set(&a, fd, IPPROTO_IP, IP_MULTICAST_TTL, 0), 0); /* this host only */
    say(&a, fd, "239.1.2.3", 53);
    assert_int_equal(heard(&a, fd), 1);
}

/* As on Linux, whoever listens for broadcasts here hears those of this host. */
static void a_broadcast_is_heard_at_home_too(void **state)
{
    ft_sock fd = bound(&a, AF_INET, 53), peer = bound(&b, AF_INET, 53);

    (void)state;
    assert_int_equal(host_send(&a, fd, "x", 1, "255.255.255.255", 53), -EACCES);
    assert_int_equal(host_connect(&a, fd, "10.7.0.255", 53), -EACCES);
    assert_int_equal(host_set(&a, fd, SOL_SOCKET, SO_BROADCAST, 1), 0);
    say(&a, fd, "255.255.255.255", 53);
    say(&a, fd, "10.7.0.255", 53);
    assert_int_equal(heard(&a, fd), 2);
    assert_int_equal(heard(&b, peer), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_hosts, close_hosts)
    const struct CMUnitTest tests[] = {
        TEST(membership_is_refused_as_on_linux),
        TEST(membership_of_ipv6_is_refused_as_on_linux),
        TEST(memberships_are_bounded_and_given_up_at_close),
        TEST(members_hear_and_others_do_not),
        TEST(a_name_may_be_a_group),
        TEST(a_sender_hears_itself_if_it_wants),
        TEST(groups_of_ipv6_reach_members_on_the_link_that_is_named),
        TEST(a_group_on_loopback_stays_there),
        TEST(a_broadcast_is_heard_at_home_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
