/* SPDX-License-Identifier: MIT */
/*
 * The life of a datagram socket: names, connecting and dissolving, shutdown, close, events.
 */
#include "two.h"

static char text[64];

/* RFC 768: what one sends is what the other reads, with the sender's name. */
static void a_datagram_crosses_in_both_families(void **state)
{
    static const struct {
        int family;
        const char *to, *from;
    } cases[] = {
        {AF_INET, "10.7.0.2", "10.7.0.1"},
        {AF_INET6, "fd07::2", "fd07::1"},
        {AF_INET6, "::ffff:10.7.0.2", "::ffff:10.7.0.1"},
        {AF_INET6, "fe80::2%2", "fe80::1%2"},
    };

    (void)state;
    for (size_t i = 0; i < FT_ARRAY_LEN(cases); i++) {
        ft_sock ca = host_socket(&a, cases[i].family), sb = host_socket(&b, cases[i].family);
        struct sockaddr_storage from, want = sa(cases[i].from, 7000);
        char buf[16];

        assert_int_equal(a.wire, 2);
        assert_int_equal(host_bind(&b, sb, cases[i].family == AF_INET ? "0.0.0.0" : "::", 53), 0);
        assert_int_equal(host_bind(&a, ca, cases[i].family == AF_INET ? "0.0.0.0" : "::", 7000), 0);
        assert_int_equal(host_recv(&b, sb, buf, sizeof(buf), 0, &from), -EAGAIN);
        assert_int_equal(host_send(&a, ca, "hello", 5, cases[i].to, 53), 5);
        carry(&a, &b);
        assert_int_equal(b.verdict, FT_RX_DATAGRAM);
        assert_int_equal(host_recv(&b, sb, buf, sizeof(buf), 0, &from), 5);
        assert_memory_equal(buf, "hello", 5);
        assert_memory_equal(&from, &want, sizeof(struct sockaddr_in6));
        ft_udp_close(&a.udp, host_sock(&a, ca));
        ft_udp_close(&b.udp, host_sock(&b, sb));
    }
}

static void names_are_told_as_on_linux(void **state)
{
    ft_sock s4 = host_socket(&a, AF_INET), s6 = host_socket(&a, AF_INET6);
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);

    (void)state;
    assert_string_equal(host_name(&a, s4, text), "0.0.0.0 0");
    assert_string_equal(host_name(&a, s6, text), ":: 0");
    assert_int_equal(ft_udp_getpeername(host_sock(&a, s4), (struct sockaddr *)&peer, &len),
                     -ENOTCONN);
    assert_int_equal(host_bind(&a, s4, "10.7.0.9", 1), -EADDRNOTAVAIL);
    assert_int_equal(host_bind(&a, s4, "127.0.0.1", 1000), 0);
    assert_int_equal(host_bind(&a, s4, "127.0.0.1", 1001), -EINVAL);
    assert_string_equal(host_name(&a, s4, text), "127.0.0.1 1000");
    assert_int_equal(host_bind(&a, s6, "127.0.0.1", 1), -EINVAL);
    assert_int_equal(host_bind(&a, s6, "fe80::1", 1), -EINVAL);
    assert_int_equal(host_bind(&a, s6, "fe80::1%77", 1), -ENODEV);
    assert_int_equal(host_bind(&a, s6, "::ffff:127.0.0.1", 1000), -EADDRINUSE);
    assert_int_equal(host_bind(&a, s6, "fe80::1%2", 1000), 0);
    assert_string_equal(host_name(&a, s6, text), "fe80::1 1000");
}

static void connecting_picks_address_and_port_and_dissolving_drops_them(void **state)
{
    struct sockaddr unspec = {.sa_family = AF_UNSPEC};
    ft_sock fd = host_socket(&a, AF_INET);
    struct sockaddr_storage peer, want = sa("10.7.0.2", 53);
    socklen_t len = sizeof(peer);

    (void)state;
    assert_int_equal(host_connect(&a, fd, "10.7.0.2", 53), 0);
    host_name(&a, fd, text);
    assert_int_equal(strncmp(text, "10.7.0.1 ", 9), 0);
    assert_in_range(atoi(text + 9), 32768, 60999);
    assert_int_equal(ft_udp_getpeername(host_sock(&a, fd), (struct sockaddr *)&peer, &len), 0);
    assert_int_equal(len, sizeof(struct sockaddr_in));
    assert_memory_equal(&peer, &want, len);
    /* Connecting again changes the peer. */
    assert_int_equal(host_connect(&a, fd, "127.0.0.1", 53), 0);
    assert_int_equal(strncmp(host_name(&a, fd, text), "127.0.0.1 ", 10), 0);
    assert_int_equal(ft_udp_connect(&a.udp, host_sock(&a, fd), &unspec, sizeof(unspec)), 0);
    assert_string_equal(host_name(&a, fd, text), "0.0.0.0 0");
    assert_int_equal(host_send(&a, fd, "x", 1, NULL, 0), -EDESTADDRREQ);
    /* A port that was asked for stays. */
    assert_int_equal(host_bind(&a, fd, "0.0.0.0", 5000), 0);
    assert_int_equal(host_connect(&a, fd, "0.0.0.0", 53), 0);
    assert_string_equal(host_name(&a, fd, text), "127.0.0.1 5000");
    assert_int_equal(ft_udp_connect(&a.udp, host_sock(&a, fd), &unspec, sizeof(unspec)), 0);
    assert_string_equal(host_name(&a, fd, text), "0.0.0.0 5000");
    /* One that was not goes, though an address was bound. */
    fd = host_socket(&a, AF_INET);
    assert_int_equal(host_bind(&a, fd, "10.7.0.1", 0), 0);
    assert_int_equal(host_connect(&a, fd, "10.7.0.2", 53), 0);
    assert_int_equal(ft_udp_connect(&a.udp, host_sock(&a, fd), &unspec, sizeof(unspec)), 0);
    assert_string_equal(host_name(&a, fd, text), "10.7.0.1 0");
    /* getaddrinfo() asks for a source address by connecting to port 0. */
    assert_int_equal(host_connect(&a, fd, "10.7.0.2", 0), 0);
}

static void connect_tells_what_is_wrong(void **state)
{
    ft_sock s4 = host_socket(&a, AF_INET), s6 = host_socket(&a, AF_INET6);

    (void)state;
    assert_int_equal(host_connect(&a, s4, "192.0.2.1", 53), -ENETUNREACH);
    assert_int_equal(host_connect(&a, s4, "fd07::2", 53), -EAFNOSUPPORT);
    assert_int_equal(host_connect(&a, s4, "255.255.255.255", 53), -EACCES);
    assert_int_equal(host_connect(&a, s4, "10.7.0.255", 53), -EACCES);
    assert_int_equal(host_set(&a, s4, SOL_SOCKET, SO_BROADCAST, 1), 0);
    assert_int_equal(host_connect(&a, s4, "10.7.0.255", 53), 0);
    assert_int_equal(host_set(&a, s6, IPPROTO_IPV6, IPV6_V6ONLY, 1), 0);
    assert_int_equal(host_connect(&a, s6, "::ffff:10.7.0.2", 53), -ENETUNREACH);
    assert_int_equal(host_connect(&a, s6, "10.7.0.2", 53), -EAFNOSUPPORT);
    assert_int_equal(host_set(&a, s6, IPPROTO_IPV6, IPV6_V6ONLY, 0), 0);
    assert_int_equal(host_connect(&a, s6, "10.7.0.2", 53), 0);
    assert_int_equal(strncmp(host_name(&a, s6, text), "::ffff:10.7.0.1 ", 16), 0);
    assert_int_equal(host_set(&a, s6, IPPROTO_IPV6, IPV6_V6ONLY, 1), -EINVAL);
}

/* DESIGN.md 1: four-tuple first, then socket name (specific before wildcard), then nobody. */
static void the_connected_socket_comes_before_the_named_one(void **state)
{
    ft_sock peer = host_socket(&a, AF_INET), stranger = host_socket(&a, AF_INET);
    ft_sock named = host_socket(&b, AF_INET), connected = host_socket(&b, AF_INET);
    char buf[8];

    (void)state;
    assert_int_equal(host_bind(&a, peer, "0.0.0.0", 7000), 0);
    assert_int_equal(host_bind(&a, stranger, "0.0.0.0", 7001), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(host_set(&b, i ? named : connected, SOL_SOCKET, SO_REUSEADDR, 1), 0);
        assert_int_equal(host_bind(&b, i ? named : connected, "0.0.0.0", 53), 0);
    }
    assert_int_equal(host_connect(&b, connected, "10.7.0.1", 7000), 0);
    assert_int_equal(host_send(&a, peer, "p", 1, "10.7.0.2", 53), 1);
    assert_int_equal(host_send(&a, stranger, "s", 1, "10.7.0.2", 53), 1);
    carry(&a, &b);
    assert_int_equal(host_recv(&b, connected, buf, 8, 0, NULL), 1);
    assert_int_equal(buf[0], 'p');
    assert_int_equal(host_recv(&b, connected, buf, 8, 0, NULL), -EAGAIN);
    assert_int_equal(host_recv(&b, named, buf, 8, 0, NULL), 1);
    assert_int_equal(buf[0], 's');
    /* A connected socket hears its peer only. */
    ft_udp_close(&b.udp, host_sock(&b, named));
    assert_int_equal(host_send(&a, stranger, "s", 1, "10.7.0.2", 53), 1);
    carry(&a, &b);
    assert_int_equal(host_recv(&b, connected, buf, 8, 0, NULL), -EAGAIN);
    assert_int_equal(b.verdict, FT_RX_NO_SOCKET);
}

static void several_sockets_may_be_connected_alike(void **state)
{
    ft_sock peer = host_socket(&a, AF_INET), s[3];
    char buf[8];

    (void)state;
    assert_int_equal(host_bind(&a, peer, "0.0.0.0", 7000), 0);
    for (int i = 0; i < 3; i++) {
        s[i] = host_socket(&b, AF_INET);
        assert_int_equal(host_set(&b, s[i], SOL_SOCKET, SO_REUSEADDR, 1), 0);
        assert_int_equal(host_bind(&b, s[i], "0.0.0.0", 53), 0);
        assert_int_equal(host_connect(&b, s[i], "10.7.0.1", 7000), 0);
    }
    /* The newest hears another device only; the next one does then. */
    assert_int_equal(
        ft_udp_setsockopt(&b.udp, host_sock(&b, s[2]), SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
    assert_int_equal(host_send(&a, peer, "x", 1, "10.7.0.2", 53), 1);
    carry(&a, &b);
    assert_int_equal(host_recv(&b, s[2], buf, 8, 0, NULL), -EAGAIN);
    assert_int_equal(host_recv(&b, s[1], buf, 8, 0, NULL), 1);
    assert_int_equal(
        ft_udp_setsockopt(&b.udp, host_sock(&b, s[2]), SOL_SOCKET, SO_BINDTODEVICE, "", 0), 0);
    for (int i = 0; i < 3; i++) { /* the middle one goes first, then the newest */
        static const int order[] = {1, 2, 0}, gets[] = {2, 2, 0};

        assert_int_equal(host_send(&a, peer, "x", 1, "10.7.0.2", 53), 1);
        carry(&a, &b);
        assert_int_equal(host_recv(&b, s[gets[i]], buf, 8, 0, NULL), 1);
        ft_udp_close(&b.udp, host_sock(&b, s[order[i]]));
    }
}

static void a_bound_device_hears_only_that_device(void **state)
{
    ft_sock on_lo = host_socket(&b, AF_INET), peer = host_socket(&a, AF_INET);
    char buf[8];

    (void)state;
    assert_int_equal(
        ft_udp_setsockopt(&b.udp, host_sock(&b, on_lo), SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
    assert_int_equal(host_bind(&b, on_lo, "0.0.0.0", 53), 0);
    assert_int_equal(host_send(&a, peer, "x", 1, "10.7.0.2", 53), 1);
    carry(&a, &b);
    assert_int_equal(b.verdict, FT_RX_NO_SOCKET);
    /* Bound anew while it has its name. */
    assert_int_equal(
        ft_udp_setsockopt(&b.udp, host_sock(&b, on_lo), SOL_SOCKET, SO_BINDTODEVICE, "wire0", 6),
        0);
    assert_int_equal(host_send(&a, peer, "x", 1, "10.7.0.2", 53), 1);
    carry(&a, &b);
    assert_int_equal(host_recv(&b, on_lo, buf, 8, 0, NULL), 1);
}

static void shutdown_ends_reading_and_writing(void **state)
{
    ft_sock fd = host_socket(&a, AF_INET);
    char buf[8];

    (void)state;
    assert_int_equal(host_ready(&a, fd), FT_WRITABLE);
    assert_int_equal(ft_udp_shutdown(&a.udp, host_sock(&a, fd), 7), -EINVAL);
    assert_int_equal(host_connect(&a, fd, "127.0.0.1", 9), 0);
    assert_int_equal(ft_udp_shutdown(&a.udp, host_sock(&a, fd), SHUT_WR), 0);
    assert_int_equal(host_send(&a, fd, "x", 1, NULL, 0), -EPIPE);
    assert_int_equal(host_recv(&a, fd, buf, 8, 0, NULL), -EAGAIN);
    assert_int_equal(ft_udp_shutdown(&a.udp, host_sock(&a, fd), SHUT_RD), 0);
    assert_int_equal(host_recv(&a, fd, buf, 8, 0, NULL), 0);
    assert_int_equal(host_ready(&a, fd), FT_WRITABLE | FT_READABLE | FT_RDHUP | FT_HANGUP);
}

/* What was queued is still sent, though nobody holds the socket any more. */
static void closing_loses_nothing_that_was_sent(void **state)
{
    ft_sock fd = host_socket(&a, AF_INET), sb = host_socket(&b, AF_INET);
    char buf[8];

    (void)state;
    assert_int_equal(host_bind(&b, sb, "0.0.0.0", 514), 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(host_send(&a, fd, "bye", 3, "10.7.0.2", 514), 3);
    ft_udp_close(&a.udp, host_sock(&a, fd));
    assert_int_equal(a.slots.n_used, 0);
    a.n_lost_last = 3; /* the link gives some back, and is asked again */
    carry(&a, &b);
    a.n_lost_last = 0;
    carry(&a, &b);
    for (int i = 0; i < 20; i++)
        assert_int_equal(host_recv(&b, sb, buf, 8, 0, NULL), 3);
    assert_int_equal(host_recv(&b, sb, buf, 8, 0, NULL), -EAGAIN);
    assert_true(list_empty(&a.udp.all));
}

static void events_tell_of_datagrams_and_room(void **state)
{
    ft_sock sa_ = host_socket(&a, AF_INET), sb = host_socket(&b, AF_INET);
    static uint8_t big[60000];
    struct ft_event ev;
    int mark;

    (void)state;
    assert_int_equal(host_bind(&b, sb, "0.0.0.0", 53), 0);
    ft_ready_watch(&b.slots, ft_slot_index(sb), FT_READABLE, &mark, 0);
    ft_ready_watch(&a.slots, ft_slot_index(sa_), FT_WRITABLE, &mark, 0);
    while (host_send(&a, sa_, big, sizeof(big), "10.7.0.2", 53) > 0)
        assert_int_equal(ft_ready_take(&a.slots, &ev, 1), 0);
    assert_int_equal(host_send(&a, sa_, big, 1, "10.7.0.2", 53), -EAGAIN);
    assert_int_equal(host_ready(&a, sa_), 0);
    carry(&a, &b);
    assert_int_equal(ft_ready_take(&a.slots, &ev, 1), 1);
    assert_int_equal(ev.mask, FT_WRITABLE);
    assert_int_equal(ft_ready_take(&b.slots, &ev, 1), 1);
    assert_int_equal(ev.mask, FT_READABLE);
    assert_int_equal(ft_ready_take(&b.slots, &ev, 1), 0);
    assert_int_equal(host_ready(&b, sb), FT_READABLE | FT_WRITABLE);
}

static void the_socket_table_tells_what_it_is(void **state)
{
    ft_sock fd = host_socket(&a, AF_INET);
    struct ft_sock_info info;

    (void)state;
    assert_int_equal(host_bind(&a, fd, "0.0.0.0", 53), 0);
    ft_udp_info(&a.udp, host_sock(&a, fd), &info);
    assert_int_equal(info.protocol, IPPROTO_UDP);
    assert_int_equal(info.state, FT_TCP_CLOSED);
    assert_int_equal(info.local_port, 53);
    assert_true(info.sock == fd);
    assert_int_equal(host_send(&a, fd, "1234567", 7, "127.0.0.1", 53), 7);
    carry(&a, NULL);
    ft_udp_info(&a.udp, host_sock(&a, fd), &info);
    assert_int_equal(info.recv_q, 7);
    assert_int_equal(info.send_q, 0);
    assert_int_equal(info.segs_in, 1);
    assert_int_equal(info.segs_out, 1);
    assert_int_equal(info.octets_sent, 7);
    assert_int_equal(host_connect(&a, fd, "10.7.0.2", 9), 0);
    ft_udp_info(&a.udp, host_sock(&a, fd), &info);
    assert_int_equal(info.state, FT_TCP_ESTABLISHED);
    assert_int_equal(info.remote_port, 9);
    assert_true(info.local.lo == (ADDR_V4_MARK | 0x0a070001));
}

/* The n-th allocation fails, for every n: the call says so and nothing leaks. */
static void refused_memory_is_survived_everywhere(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 30; n++) {
        struct sockaddr_storage to = sa("127.0.0.1", 7);
        struct ip_mreq mreq = {.imr_multiaddr.s_addr = htonl(0xef010203)};
        ft_sock fd;
        char buf[8];

        a.t.heap.fail_in = n;
        fd = ft_udp_new_sock(&a.udp, false);
        if (fd < 0) {
            assert_int_equal(fd, -ENOBUFS);
            continue;
        }
        (void)host_bind(&a, fd, "0.0.0.0", 7);
        (void)host_set(&a, fd, IPPROTO_IP, IP_RECVERR, 1);
        (void)ft_udp_connect(&a.udp, host_sock(&a, fd), (struct sockaddr *)&to, sizeof(to));
        (void)host_send(&a, fd, "x", 1, "127.0.0.1", 7);
        (void)host_send(&a, fd, "x", 1, "127.0.0.1", 9);
        (void)host_send_flags(&a, fd, "x", 1, "127.0.0.1", 9, MSG_MORE);
        (void)host_set(&a, fd, IPPROTO_UDP, UDP_SEGMENT, 1);
        (void)host_send(&a, fd, "xyz", 3, "127.0.0.1", 9);
        carry(&a, NULL);
        (void)host_send_flags(&a, fd, "x", 1, "127.0.0.1", 9, MSG_MORE);
        (void)ft_udp_setsockopt(&a.udp, host_sock(&a, fd), IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreq,
                                sizeof(mreq));
        (void)host_recv(&a, fd, buf, 8, 0, NULL);
        a.t.heap.fail_in = 0;
        ft_udp_close(&a.udp, host_sock(&a, fd));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_hosts, close_hosts)
    const struct CMUnitTest tests[] = {
        TEST(a_datagram_crosses_in_both_families),
        TEST(names_are_told_as_on_linux),
        TEST(connecting_picks_address_and_port_and_dissolving_drops_them),
        TEST(connect_tells_what_is_wrong),
        TEST(the_connected_socket_comes_before_the_named_one),
        TEST(several_sockets_may_be_connected_alike),
        TEST(a_bound_device_hears_only_that_device),
        TEST(shutdown_ends_reading_and_writing),
        TEST(closing_loses_nothing_that_was_sent),
        TEST(events_tell_of_datagrams_and_room),
        TEST(the_socket_table_tells_what_it_is),
        TEST(refused_memory_is_survived_everywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
