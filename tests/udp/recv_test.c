/* SPDX-License-Identifier: MIT */
/*
 * Datagrams coming in: what is delivered and what is not, the queue, and the errors that come back.
 */
#include "raw.h"

#include <stddef.h>

#include "many.h"
#include "two.h"

static uint8_t buf[70000];

static ft_sock bound(struct host *h, int family, uint16_t port)
{
    ft_sock fd = host_socket(h, family);

    assert_int_equal(host_set(h, fd, SOL_SOCKET, SO_REUSEADDR, 1), 0);
    assert_int_equal(host_bind(h, fd, family == AF_INET ? "0.0.0.0" : "::", port), 0);
    return fd;
}

/* RFC 768: the length counts header and data; CVE-2023-35846. */
/* proves: A-51 */
static void only_consistent_lengths_are_delivered(void **state)
{
    ft_sock fd = bound(&b, AF_INET6, 53);

    (void)state;
    for (uint32_t payload = 0; payload <= 40; payload += 8) {
        for (uint32_t len = 0; len <= payload + 16; len++) {
            for (int ipv6 = 0; ipv6 < 2; ipv6++) {
                struct raw raw = {.ipv6 = ipv6,
                                  .src_port = 9,
                                  .dst_port = 53,
                                  .payload = payload,
                                  .udp_len = len};
                bool good = len >= 8 && len <= payload + 8;

                raw_input(&b, &raw);
                assert_int_equal(b.verdict, good ? FT_RX_DATAGRAM : FT_RX_DROP_HEADER);
                assert_int_equal(host_recv(&b, fd, buf, sizeof(buf), 0, NULL),
                                 good ? (int)len - 8 : -EAGAIN);
            }
        }
    }
    for (uint8_t cut = 0; cut < 8; cut++) { /* fewer than eight octets */
        struct raw raw = {.proto = IP_PROTO_UDP, .l4 = buf, .l4_len = cut};

        raw_input(&b, &raw);
        assert_int_equal(b.verdict, FT_RX_DROP_HEADER);
    }
}

/* Nothing of a datagram to a closed port stays. CVE-2011-2013. */
/* proves: A-52 */
static void a_datagram_to_nobody_leaves_nothing(void **state)
{
    struct raw raw = {.src_port = 9, .dst_port = 53, .payload = 100, .udp_len = UINT32_MAX};
    uint64_t used = 0, n_live = 0;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        raw.ipv6 = i & 1;
        raw_input(&b, &raw);
        assert_int_equal(b.verdict, FT_RX_NO_SOCKET);
        if (i % 1000 == 0) {
            while (host_output(&b, b.wire) > 0) /* port unreachable */
                host_done(&b, 1, 1);
            if (i == 1000) {
                used = b.t.env.mem.used;
                n_live = b.t.heap.n_live;
            }
            assert_true(i <= 1000 || (b.t.env.mem.used == used && b.t.heap.n_live == n_live));
        }
    }
}

/* CVE-2015-5364: nobody is woken by a wrong checksum. RFC 8200 8.1: IPv6 must have one. */
/* proves: A-53 */
static void a_wrong_checksum_wakes_nobody(void **state)
{
    ft_sock fd = bound(&b, AF_INET6, 53);
    struct raw raw = {.src_port = 9, .dst_port = 53, .payload = 33, .udp_len = UINT32_MAX};
    struct ft_event ev;
    int mark;

    (void)state;
    ft_ready_watch(&b.slots, ft_slot_index(fd), FT_READABLE, &mark, 0);
    for (int i = 0; i < MANY(1000000, 100000); i++) {
        raw.ipv6 = i % 3 != 0;
        raw.csum = i % 3 == 2 ? RAW_ZERO : RAW_BAD;
        raw_input(&b, &raw);
        assert_int_equal(b.verdict, FT_RX_DROP_CHECKSUM);
    }
    assert_int_equal(ft_ready_take(&b.slots, &ev, 1), 0);
    assert_int_equal(host_ready(&b, fd), FT_WRITABLE);
    assert_int_equal(host_recv(&b, fd, buf, sizeof(buf), 0, NULL), -EAGAIN);
    raw.csum = RAW_GOOD;
    raw_input(&b, &raw);
    assert_int_equal(ft_ready_take(&b.slots, &ev, 1), 1);
    assert_int_equal(host_recv(&b, fd, buf, sizeof(buf), 0, NULL), 33);
    raw.csum = RAW_ZERO; /* RFC 1122 4.1.3.4: over IPv4 it may be missing */
    raw.ipv6 = false;
    raw_input(&b, &raw);
    assert_int_equal(host_recv(&b, fd, buf, sizeof(buf), 0, NULL), 33);
}

/* CVE-2019-11683: empty and padded datagrams in between are what they are. */
/* proves: A-54 */
static void empty_and_padded_datagrams_keep_their_number_and_size(void **state)
{
    ft_sock fd = bound(&b, AF_INET, 53);
    uint64_t seed = 1;

    (void)state;
    for (int round = 0; round < 200; round++) {
        uint32_t lens[100];

        for (size_t i = 0; i < FT_ARRAY_LEN(lens); i++) {
            struct raw raw = {.src_port = 9, .dst_port = 53, .fill = (uint8_t)i};

            lens[i] = test_random(&seed) % 2 ? 0 : (uint32_t)(test_random(&seed) % 64);
            raw.payload = lens[i] + test_random(&seed) % 20; /* padding within IP's length */
            raw.udp_len = 8 + lens[i];
            raw_input(&b, &raw);
        }
        for (size_t i = 0; i < FT_ARRAY_LEN(lens); i++) {
            assert_int_equal(host_recv(&b, fd, buf, sizeof(buf), 0, NULL), lens[i]);
            for (size_t k = 0; k < lens[i]; k++)
                assert_int_equal(buf[k], i);
        }
        assert_int_equal(host_recv(&b, fd, buf, sizeof(buf), 0, NULL), -EAGAIN);
    }
}

/* The queue is bounded by what datagrams truly cost, and one socket's flood is not another's. */
/* proves: A-99 */
static void a_flood_of_one_octet_stays_within_the_receive_buffer(void **state)
{
    ft_sock flooded = bound(&b, AF_INET, 53), other = bound(&b, AF_INET, 54);
    struct raw raw = {.src_port = 9, .dst_port = 53, .payload = 1, .udp_len = UINT32_MAX};
    uint64_t before = b.t.env.mem.used;
    uint32_t n = 0;

    (void)state;
    for (int i = 0; i < 212992; i++)
        raw_input(&b, &raw);
    assert_int_equal(b.verdict, FT_RX_DROP_BUFFER);
    assert_true(b.t.env.mem.used - before <= 212992);
    assert_true(b.t.env.counters.udp_buffer_full > 100000);
    raw.dst_port = 54;
    for (int i = 0; i < 100; i++) {
        raw_input(&b, &raw);
        assert_int_equal(b.verdict, FT_RX_DATAGRAM);
        assert_int_equal(host_recv(&b, other, buf, 1, 0, NULL), 1);
    }
    while (host_recv(&b, flooded, buf, 1, 0, NULL) == 1)
        n++;
    assert_true(n > 1000);
    assert_int_equal(b.t.env.mem.used, before);
    raw.dst_port = 53;
    raw_input(&b, &raw);
    assert_int_equal(b.verdict, FT_RX_DATAGRAM);
    /* A buffer too small for it still takes one datagram. */
    assert_int_equal(host_recv(&b, flooded, buf, 1, 0, NULL), 1);
    assert_int_equal(host_set(&b, flooded, SOL_SOCKET, SO_RCVBUF, 1), 0);
    raw.payload = 9000;
    raw_input(&b, &raw);
    assert_int_equal(b.verdict, FT_RX_DATAGRAM);
    raw_input(&b, &raw);
    assert_int_equal(b.verdict, FT_RX_DROP_BUFFER);
}

/* CVE-2023-7060: port 0 names nobody. */
static void port_zero_is_nobodys(void **state)
{
    struct raw raw = {.src_port = 0, .dst_port = 53, .payload = 1, .udp_len = UINT32_MAX};

    (void)state;
    (void)bound(&b, AF_INET, 53);
    raw_input(&b, &raw);
    assert_int_equal(b.verdict, FT_RX_DROP_HEADER);
    raw = (struct raw){.src_port = 9, .dst_port = 0, .payload = 1, .udp_len = UINT32_MAX};
    raw_input(&b, &raw);
    assert_int_equal(b.verdict, FT_RX_DROP_HEADER);
    assert_int_equal(host_output(&b, b.wire), 0);
}

/* DESIGN.md 6: UDP multicast and broadcast reach every matching socket. */
static void a_broadcast_reaches_every_matching_socket(void **state)
{
    ft_sock any[3], other = bound(&b, AF_INET, 54), sender = host_socket(&a, AF_INET);

    (void)state;
    for (int i = 0; i < 3; i++)
        any[i] = bound(&b, i == 2 ? AF_INET6 : AF_INET, 53);
    assert_int_equal(host_send(&a, sender, "x", 1, "10.7.0.255", 53), -EACCES);
    assert_int_equal(host_set(&a, sender, SOL_SOCKET, SO_BROADCAST, 1), 0);
    assert_int_equal(host_send(&a, sender, "x", 1, "10.7.0.255", 53), 1);
    carry(&a, &b);
    assert_int_equal(b.verdict, FT_RX_DATAGRAM);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(host_recv(&b, any[i], buf, 8, 0, NULL), 1);
        assert_int_equal(host_recv(&b, any[i], buf, 8, 0, NULL), -EAGAIN);
    }
    assert_int_equal(host_recv(&b, other, buf, 8, 0, NULL), -EAGAIN);
    /* RFC 1122 3.2.2: a broadcast to nobody is not answered. */
    assert_int_equal(host_send(&a, sender, "x", 1, "10.7.0.255", 99), 1);
    carry(&a, &b);
    assert_int_equal(b.verdict, FT_RX_NO_SOCKET);
    assert_int_equal(host_output(&b, b.wire), 0);
}

/* RFC 1122 3.2.1.3 (a), RFC 2131 4.1: it has no address yet, and is not answered by ICMP. */
static void a_dhcp_server_hears_a_host_without_an_address(void **state)
{
    ft_sock server = bound(&b, AF_INET, 67);
    struct raw raw = {.dst = addr_v4(UINT32_MAX),
                      .src_port = 68,
                      .dst_port = 67,
                      .payload = 300,
                      .udp_len = UINT32_MAX,
                      .csum = RAW_ZERO};
    struct sockaddr_storage from;
    size_t len;

    (void)state;
    for (int i = 0; i < 2; i++) {
        len = raw_emit(&raw, buf, sizeof(buf));
        be32_store(buf + 12, 0);
        be16_store(buf + 10, 0);
        be16_store(buf + 10, csum_of(buf, IP4_HDR_LEN));
        host_input(&b, b.wire, buf, len);
        assert_int_equal(b.verdict, i ? FT_RX_NO_SOCKET : FT_RX_DATAGRAM);
        raw.dst_port = 69; /* where nobody is */
    }
    assert_int_equal(host_recv(&b, server, buf, sizeof(buf), 0, &from), 300);
    assert_int_equal(from.ss_family, AF_INET);
    assert_int_equal(((struct sockaddr_in *)&from)->sin_addr.s_addr, 0);
    assert_int_equal(((struct sockaddr_in *)&from)->sin_port, htons(68));
    assert_int_equal(host_output(&b, b.wire), 0);
}

static void peeking_takes_nothing_and_cutting_is_told(void **state)
{
    ft_sock fd = bound(&b, AF_INET, 53);
    struct raw raw = {
        .src_port = 9, .dst_port = 53, .payload = 30, .udp_len = UINT32_MAX, .fill = 0x5a};
    struct iovec iov[3] = {{buf, 4}, {NULL, 0}, {buf + 100, 6}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 3};
    struct ft_udp_sock *sock = host_sock(&b, fd);

    (void)state;
    raw_input(&b, &raw);
    memset(buf, 0, 200);
    assert_int_equal(ft_udp_recvmsg(&b.udp, sock, &msg, MSG_PEEK), 10);
    assert_int_equal(msg.msg_flags, MSG_TRUNC);
    assert_int_equal(buf[3], 0x5a);
    assert_int_equal(buf[4], 0);
    assert_int_equal(buf[105], 0x5a);
    assert_int_equal(buf[106], 0);
    assert_int_equal(ft_udp_recvmsg(&b.udp, sock, &msg, MSG_PEEK | MSG_TRUNC), 30);
    assert_int_equal(host_recv(&b, fd, buf, 100, 0, NULL), 30);
    assert_int_equal(host_recv(&b, fd, buf, 100, MSG_PEEK, NULL), -EAGAIN);
}

/* RFC 1122 4.1.3.3, as Linux tells it: a connected socket learns of a hard error, once. */
static void a_connected_socket_learns_that_nobody_is_there(void **state)
{
    ft_sock connected = host_socket(&a, AF_INET), not_connected = host_socket(&a, AF_INET);

    (void)state;
    assert_int_equal(host_connect(&a, connected, "10.7.0.2", 53), 0);
    assert_int_equal(host_send(&a, connected, "x", 1, NULL, 0), 1);
    assert_int_equal(host_send(&a, not_connected, "x", 1, "10.7.0.2", 53), 1);
    carry(&a, &b);
    assert_int_equal(host_ready(&a, connected), FT_ERROR | FT_WRITABLE);
    assert_int_equal(host_recv(&a, connected, buf, 1, 0, NULL), -ECONNREFUSED);
    assert_int_equal(host_recv(&a, connected, buf, 1, 0, NULL), -EAGAIN);
    assert_int_equal(host_recv(&a, not_connected, buf, 1, 0, NULL), -EAGAIN);
    assert_int_equal(host_send(&a, connected, "x", 1, NULL, 0), 1);
    carry(&a, &b);
    assert_int_equal(host_send(&a, connected, "x", 1, NULL, 0), -ECONNREFUSED);
    assert_int_equal(host_send(&a, connected, "x", 1, NULL, 0), 1);
    carry(&a, &b);
    assert_int_equal(host_get(&a, connected, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
    assert_int_equal(host_get(&a, connected, SOL_SOCKET, SO_ERROR), 0);
}

static void the_error_queue_says_whose_datagram_it_was(void **state)
{
    (void)state;
    for (int six = 0; six < 2; six++) {
        ft_sock fd = host_socket(&a, six ? AF_INET6 : AF_INET);
        const char *to = six ? "fd07::2" : "10.7.0.2";
        struct sockaddr_storage name, want = sa(to, 53);
        char control[128] __attribute__((aligned(8)));
        struct msghdr msg = {.msg_name = &name,
                             .msg_namelen = sizeof(name),
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
        struct cmsghdr *cmsg;
        uint32_t error;

        assert_int_equal(
            host_set(&a, fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_RECVERR : IP_RECVERR, 1),
            0);
        assert_int_equal(host_recv(&a, fd, buf, 1, MSG_ERRQUEUE, NULL), -EAGAIN);
        assert_int_equal(host_send(&a, fd, "x", 1, to, 53), 1);
        carry(&a, &b);
        assert_int_equal(host_ready(&a, fd), FT_ERROR | FT_WRITABLE);
        assert_int_equal(ft_udp_recvmsg(&a.udp, host_sock(&a, fd), &msg, MSG_ERRQUEUE), 0);
        assert_int_equal(msg.msg_flags, MSG_ERRQUEUE);
        assert_memory_equal(&name, &want, msg.msg_namelen);
        cmsg = CMSG_FIRSTHDR(&msg);
        assert_non_null(cmsg);
        assert_int_equal(cmsg->cmsg_type, six ? IPV6_RECVERR : IP_RECVERR);
        memcpy(&error, CMSG_DATA(cmsg), sizeof(error));
        assert_int_equal(error, ECONNREFUSED);
        assert_int_equal(CMSG_DATA(cmsg)[4], six ? 3 : 2);               /* origin: ICMP */
        assert_int_equal(CMSG_DATA(cmsg)[5], six ? 1 : 3);               /* type */
        assert_int_equal(CMSG_DATA(cmsg)[6], six ? 4 : 3);               /* code */
        assert_int_equal(CMSG_DATA(cmsg)[16], six ? AF_INET6 : AF_INET); /* the offender */
        assert_int_equal(host_ready(&a, fd), FT_WRITABLE);
        ft_udp_close(&a.udp, host_sock(&a, fd));
    }
}

/* An ICMP error of host 2's about a datagram of host 1's. */
static void too_big(struct host *h, uint16_t src_port, uint16_t mtu)
{
    struct raw quoted = {
        .src_port = src_port, .dst_port = 53, .payload = 20, .udp_len = UINT32_MAX};
    uint8_t icmp[100] = {3, 4};
    size_t len = 8 + raw_emit(&quoted, icmp + 8, sizeof(icmp) - 8);
    struct raw raw = {.src = addr_v4(0x0a070002),
                      .dst = addr_v4(0x0a070001),
                      .proto = IP_PROTO_ICMP4,
                      .l4 = icmp,
                      .l4_len = len};

    be16_store(icmp + 6, mtu);
    be16_store(icmp + 2, csum_of(icmp, len));
    raw_input(h, &raw);
}

/* RFC 1191, CVE-2004-1060: only for a datagram that a socket of ours may have sent. */
static void a_smaller_path_is_believed_only_of_a_sender(void **state)
{
    ft_sock fd = host_socket(&a, AF_INET);

    (void)state;
    assert_int_equal(host_bind(&a, fd, "0.0.0.0", 7000), 0);
    assert_int_equal(host_connect(&a, fd, "10.7.0.2", 53), 0);
    assert_int_equal(host_get(&a, fd, IPPROTO_IP, IP_MTU), 1500);
    too_big(&a, 7001, 1300);
    assert_int_equal(a.verdict, FT_RX_DROP_CONTROL);
    assert_int_equal(host_get(&a, fd, IPPROTO_IP, IP_MTU), 1500);
    too_big(&a, 7000, 1300);
    assert_int_equal(a.verdict, FT_RX_CONTROL);
    assert_int_equal(host_get(&a, fd, IPPROTO_IP, IP_MTU), 1300);
    assert_int_equal(host_get(&a, fd, SOL_SOCKET, SO_ERROR), EMSGSIZE);
    /* It is used: what was too large leaves in pieces now. */
    memset(buf, 7, 1400);
    b.max_len = 0;
    assert_int_equal(host_send(&a, fd, buf, 1400, NULL, 0), 1400);
    ft_sock sink = bound(&b, AF_INET, 53);
    carry(&a, &b);
    assert_in_range(b.max_len, 1000, 1300);
    assert_int_equal(host_recv(&b, sink, buf, sizeof(buf), 0, NULL), 1400);
    assert_int_equal(host_set(&a, fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO), 0);
    assert_int_equal(host_send(&a, fd, buf, 1400, NULL, 0), -EMSGSIZE);
    /* Who probes goes by the link: QUIC, tracepath. */
    for (int how = IP_PMTUDISC_PROBE; how <= IP_PMTUDISC_OMIT; how++) {
        b.max_len = 0;
        assert_int_equal(host_set(&a, fd, IPPROTO_IP, IP_MTU_DISCOVER, how), 0);
        assert_int_equal(host_send(&a, fd, buf, 1400, NULL, 0), 1400);
        carry(&a, &b);
        assert_int_equal(b.max_len, 1428);
    }
}

/* What UDP_GRO says of the next read: its octets, and the size of the datagrams it is made of. */
static ssize_t read_merged(ft_sock fd, size_t room, int flags, int *ret_segment)
{
    static char octets[4000], control[64] __attribute__((aligned(8)));
    struct iovec iov[2] = {{octets, room / 3}, {octets + room / 3, room - room / 3}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
    struct cmsghdr hdr;
    ssize_t n;

    msg.msg_control = control;
    msg.msg_controllen = sizeof(control);
    n = ft_udp_recvmsg(&b.udp, host_sock(&b, fd), &msg, flags);
    *ret_segment = 0;
    if (n >= 0 && msg.msg_controllen > 0) {
        memcpy(&hdr, control, sizeof(hdr));
        assert_int_equal(hdr.cmsg_level, IPPROTO_UDP);
        assert_int_equal(hdr.cmsg_type, UDP_GRO);
        memcpy(ret_segment, control + CMSG_LEN(0), sizeof(*ret_segment));
    }
    for (ssize_t i = 0; i < n; i++)
        assert_int_equal((uint8_t)octets[i], (uint8_t)i);
    return n;
}

/* UDP_GRO: equal datagrams of one sender are read as one, as far as whole ones fit. */
static void equal_datagrams_are_read_as_one_if_asked(void **state)
{
    ft_sock from = host_socket(&a, AF_INET), other = host_socket(&a, AF_INET);
    ft_sock fd = bound(&b, AF_INET, 53);
    uint8_t octets[300];
    int segment;

    (void)state;
    for (size_t i = 0; i < sizeof(octets); i++)
        octets[i] = (uint8_t)i;
    assert_int_equal(host_set(&b, fd, IPPROTO_UDP, UDP_GRO, 1), 0);
    assert_int_equal(host_set(&a, from, IPPROTO_UDP, UDP_SEGMENT, 100), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(host_send(&a, from, octets, 250, "10.7.0.2", 53), 250);
    carry(&a, &b);
    assert_int_equal(host_send(&a, other, octets, 50, "10.7.0.2", 53), 50);
    assert_int_equal(host_send(&a, other, octets, 0, "10.7.0.2", 53), 0);
    carry(&a, &b);
    assert_int_equal(read_merged(fd, 4000, MSG_PEEK, &segment), 100);
    assert_int_equal(read_merged(fd, 4000, 0, &segment), 250); /* a shorter one is the last */
    assert_int_equal(segment, 100);
    assert_int_equal(read_merged(fd, 299, 0, &segment), 250);
    assert_int_equal(segment, 100);
    assert_int_equal(read_merged(fd, 4000, 0, &segment), 50); /* another's are never among them */
    assert_int_equal(segment, 0);
    assert_int_equal(read_merged(fd, 4000, 0, &segment), 0);
    assert_int_equal(read_merged(fd, 4000, 0, &segment), -EAGAIN);
    /* Nothing is cut that a second read could have had. */
    assert_int_equal(host_send(&a, from, octets, 200, "10.7.0.2", 53), 200);
    carry(&a, &b);
    assert_int_equal(read_merged(fd, 199, 0, &segment), 100);
    assert_int_equal(segment, 0);
    assert_int_equal(host_recv(&b, fd, buf, 8, 0, NULL), 8);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_hosts, close_hosts)
    const struct CMUnitTest tests[] = {
        TEST(only_consistent_lengths_are_delivered),
        TEST(a_datagram_to_nobody_leaves_nothing),
        TEST(a_wrong_checksum_wakes_nobody),
        TEST(empty_and_padded_datagrams_keep_their_number_and_size),
        TEST(a_flood_of_one_octet_stays_within_the_receive_buffer),
        TEST(port_zero_is_nobodys),
        TEST(a_broadcast_reaches_every_matching_socket),
        TEST(a_dhcp_server_hears_a_host_without_an_address),
        TEST(peeking_takes_nothing_and_cutting_is_told),
        TEST(a_connected_socket_learns_that_nobody_is_there),
        TEST(the_error_queue_says_whose_datagram_it_was),
        TEST(a_smaller_path_is_believed_only_of_a_sender),
        TEST(equal_datagrams_are_read_as_one_if_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
