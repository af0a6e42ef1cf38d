/* SPDX-License-Identifier: MIT */
/*
 * Datagrams going out: pieces, sizes, fragments, frames that come back unsent, neighbours that do
 * not answer.
 */
#include "raw.h"

#include <stddef.h>
#include <stdio.h>

#include "two.h"

static uint8_t out[70000], in[70000];

static int open_and_fill(void **state)
{
    for (size_t i = 0; i < sizeof(out); i++)
        out[i] = (uint8_t)(i * 7 + i / 256);
    return open_hosts(state);
}

static ft_sock sink(int family, uint16_t port)
{
    ft_sock fd = host_socket(&b, family);

    assert_int_equal(host_set(&b, fd, SOL_SOCKET, SO_RCVBUF, 200000), 0);
    assert_int_equal(host_bind(&b, fd, family == AF_INET ? "0.0.0.0" : "::", port), 0);
    return fd;
}

/* The checksum is summed over pieces of any length; host 2 verifies it. */
static void pieces_make_one_datagram(void **state)
{
    ft_sock fd = host_socket(&a, AF_INET6), to = sink(AF_INET6, 53);
    struct sockaddr_storage name = sa("fd07::2", 53);
    uint64_t seed = 1;

    (void)state;
    for (int round = 0; round < 300; round++) {
        struct iovec iov[6];
        struct msghdr msg = {.msg_iov = iov,
                             .msg_iovlen = test_random(&seed) % 7,
                             .msg_name = &name,
                             .msg_namelen = sizeof(struct sockaddr_in6)};
        size_t len = 0;

        for (size_t i = 0; i < msg.msg_iovlen; i++) {
            iov[i] = (struct iovec){out + len, test_random(&seed) % 50};
            len += iov[i].iov_len;
        }
        assert_int_equal(ft_udp_sendmsg(&a.udp, host_sock(&a, fd), &msg, 0), len);
        carry(&a, &b);
        assert_int_equal(host_recv(&b, to, in, sizeof(in), 0, NULL), len);
        assert_memory_equal(in, out, len);
    }
}

/* RFC 768: a computed checksum of zero is sent as all ones. */
static void a_checksum_of_zero_is_never_sent(void **state)
{
    ft_sock fd = host_socket(&a, AF_INET), to = sink(AF_INET, 53);
    bool seen = false;

    (void)state;
    assert_int_equal(host_bind(&a, fd, "0.0.0.0", 7000), 0);
    for (uint32_t i = 0; i < 65536; i++) {
        uint8_t two[2] = {(uint8_t)(i >> 8), (uint8_t)i};
        size_t n;

        assert_int_equal(host_send(&a, fd, two, 2, "10.7.0.2", 53), 2);
        n = host_output(&a, a.wire);
        assert_int_equal(n, 1);
        const uint8_t *csum = a.frames[0].buf + IP4_HDR_LEN + UDP_CSUM_AT;
        assert_true(csum[0] || csum[1]);
        if (csum[0] == 0xff && csum[1] == 0xff) {
            seen = true;
            host_input(&b, b.wire, a.frames[0].buf, a.frames[0].len);
        }
        host_done(&a, n, n);
    }
    assert_true(seen);
    assert_int_equal(host_recv(&b, to, in, 2, 0, NULL), 2);
}

static void sizes_up_to_the_largest_arrive(void **state)
{
    static const struct {
        int family;
        const char *to;
        size_t max;
    } cases[] = {{AF_INET, "10.7.0.2", 65507}, {AF_INET6, "fd07::2", 65527}};
    static const size_t lens[] = {0,    1,    255,  256,  257,   1452, 1453,
                                  1472, 1473, 2944, 9000, 30000, 65507};

    (void)state;
    for (size_t c = 0; c < FT_ARRAY_LEN(cases) * 2; c++) {
        const char *to = cases[c / 2].to;
        ft_sock fd = host_socket(&a, cases[c / 2].family);
        ft_sock from = sink(cases[c / 2].family, 53);

        a.linear = c % 2;
        for (size_t i = 0; i <= FT_ARRAY_LEN(lens); i++) {
            size_t len = i < FT_ARRAY_LEN(lens) ? lens[i] : cases[c / 2].max;

            b.max_len = 0;
            assert_int_equal(host_send(&a, fd, out, len, to, 53), len);
            carry(&a, &b);
            assert_true(b.max_len <= 1500);
            assert_int_equal(host_recv(&b, from, in, sizeof(in), 0, NULL), len);
            assert_memory_equal(in, out, len);
        }
        assert_int_equal(host_send(&a, fd, out, cases[c / 2].max + 1, to, 53), -EMSGSIZE);
        ft_udp_close(&a.udp, host_sock(&a, fd));
        ft_udp_close(&b.udp, host_sock(&b, from));
    }
}

/* DESIGN.md 4: of frames that a link did not take, datagrams stay queued, in their order. */
static void what_was_not_sent_is_sent_later_in_order(void **state)
{
    ft_sock fd = host_socket(&a, AF_INET), to = sink(AF_INET, 53);
    uint64_t seed = 3;
    uint32_t next = 0, got = 0;

    (void)state;
    for (int round = 0; round < 400; round++) {
        for (uint64_t n = test_random(&seed) % 5; n > 0; n--) {
            size_t len = test_random(&seed) % 4 ? 4 + test_random(&seed) % 500 : 5000;

            memcpy(out, &next, sizeof(next));
            if (host_send(&a, fd, out, len, "10.7.0.2", 53) > 0)
                next++;
        }
        a.n_lost_last = (uint32_t)(test_random(&seed) % (BATCH + 2));
        carry(&a, &b);
        while (host_recv(&b, to, in, sizeof(in), 0, NULL) > 0) {
            uint32_t which;

            memcpy(&which, in, sizeof(which));
            assert_int_equal(which, got);
            got++;
        }
    }
    a.n_lost_last = 0;
    carry(&a, &b);
    while (host_recv(&b, to, in, sizeof(in), 0, NULL) > 0)
        got++;
    assert_int_equal(got, next);
    assert_int_equal(host_sock(&a, fd)->tx_size, 0);
    assert_int_equal(a.t.env.counters.udp_out, next);
}

/* A flow is in one place at a time, though its datagrams go by different interfaces. */
static void one_socket_sends_by_several_interfaces(void **state)
{
    ft_sock fd = host_socket(&a, AF_INET), to = sink(AF_INET, 53), self;

    (void)state;
    self = host_socket(&a, AF_INET);
    assert_int_equal(host_bind(&a, self, "0.0.0.0", 53), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(host_send(&a, fd, "x", 1, i % 2 ? "127.0.0.1" : "10.7.0.2", 53), 1);
    carry(&a, &b);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(host_recv(&a, self, in, 8, 0, NULL), 1);
        assert_int_equal(host_recv(&b, to, in, 8, 0, NULL), 1);
    }
}

/* RFC 1191 as Linux does it: DF is set on what fits, unless the socket says otherwise. */
static void df_is_set_as_asked(void **state)
{
    static const struct {
        int pmtudisc;
        size_t len;
        bool df, sent;
    } cases[] = {
        {IP_PMTUDISC_WANT, 100, true, true},       {IP_PMTUDISC_WANT, 2000, false, true},
        {IP_PMTUDISC_DONT, 100, false, true},      {IP_PMTUDISC_DO, 100, true, true},
        {IP_PMTUDISC_DO, 2000, false, false},      {IP_PMTUDISC_PROBE, 1472, true, true},
        {IP_PMTUDISC_PROBE, 1473, false, false},   {IP_PMTUDISC_OMIT, 2000, false, true},
        {IP_PMTUDISC_INTERFACE, 100, false, true},
    };

    (void)state;
    for (size_t i = 0; i < FT_ARRAY_LEN(cases); i++) {
        ft_sock fd = host_socket(&a, AF_INET);
        size_t n;

        assert_int_equal(host_set(&a, fd, IPPROTO_IP, IP_MTU_DISCOVER, cases[i].pmtudisc), 0);
        assert_int_equal(host_send(&a, fd, out, cases[i].len, "10.7.0.2", 53),
                         cases[i].sent ? (int)cases[i].len : -EMSGSIZE);
        n = host_output(&a, a.wire);
        assert_int_equal(n > 0, cases[i].sent);
        if (n > 0)
            assert_int_equal((a.frames[0].buf[6] & 0x40) != 0, cases[i].df);
        host_done(&a, n, n);
        ft_udp_close(&a.udp, host_sock(&a, fd));
    }
}

/* RFC 6437: a flow has one label, which is not that of another flow or of another start. */
static void a_flow_has_a_label_of_its_own(void **state)
{
    ft_sock fd = host_socket(&a, AF_INET6);
    uint32_t labels[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        size_t n;

        assert_int_equal(host_send(&a, fd, "x", 1, "fd07::2", i == 2 ? 54 : 53), 1);
        n = host_output(&a, a.wire);
        assert_int_equal(n, 1);
        labels[i] = be32_load(a.frames[0].buf) & 0xfffff;
        host_done(&a, n, n);
    }
    assert_true(labels[0] != 0);
    assert_int_equal(labels[0], labels[1]);
    assert_true(labels[0] != labels[2]);
}

static void time_passes(struct host *h, ft_time t)
{
    ft_time until = h->t.env.now + t;

    while (ft_wheel_deadline(&h->t.env.wheel) <= until) {
        struct ft_timer *timer;

        if (ft_wheel_deadline(&h->t.env.wheel) > h->t.env.now)
            h->t.env.now = ft_wheel_deadline(&h->t.env.wheel);
        while ((timer = ft_wheel_expire(&h->t.env.wheel, h->t.env.now)))
            ft_net_timer(h->net, timer);
    }
    h->t.env.now = until;
}

/* A datagram waits for its neighbour, built only when it has answered; one that does not answer is
   an error for who asked for errors. */
static void a_neighbour_that_does_not_answer_is_an_error(void **state)
{
    struct ft_if_config eth = {.size = sizeof(eth),
                               .name = "eth0",
                               .type = FT_IF_ETHER,
                               .mac = {2, 0, 0, 0, 0, 1},
                               .mtu = 1500,
                               .flags = FT_IF_NO_DAD};
    struct ft_addr addr = addr_v4(0x0a080001);
    ft_sock asks = host_socket(&a, AF_INET), silent = host_socket(&a, AF_INET);
    int ifindex = ft_net_if_add(a.net, &eth);

    (void)state;
    assert_true(ifindex > 0);
    assert_int_equal(ft_net_addr_add(a.net, ifindex, &addr, 24, 0), 0);
    time_passes(&a, FT_SEC);
    assert_int_equal(host_set(&a, asks, IPPROTO_IP, IP_RECVERR, 1), 0);
    assert_int_equal(host_send(&a, asks, "x", 1, "10.8.0.9", 53), 1);
    assert_int_equal(host_send(&a, silent, "x", 1, "10.8.0.9", 53), 1);
    ft_udp_close(&a.udp, host_sock(&a, silent));
    for (int i = 0; i < 10; i++) {
        size_t n = host_output(&a, ifindex);

        for (size_t k = 0; k < n; k++)
            assert_false(a.is_udp[k]);
        host_done(&a, n, n);
        time_passes(&a, FT_SEC);
    }
    assert_int_equal(host_recv(&a, asks, in, 8, 0, NULL), -EHOSTUNREACH);
    assert_int_equal(host_recv(&a, asks, in, 8, 0, NULL), -EAGAIN);
    assert_int_equal(host_sock(&a, asks)->tx_size, 0);
    ft_udp_close(&a.udp, host_sock(&a, asks));
    assert_true(list_empty(&a.udp.all));
}

/* Linux queues datagrams for each neighbour. One that is not there held up all that an unconnected
   socket sent, for three seconds each. */
static void a_neighbour_that_is_not_there_holds_up_nobody_else(void **state)
{
    struct ft_if_config eth = {.size = sizeof(eth),
                               .name = "eth0",
                               .type = FT_IF_ETHER,
                               .mac = {2, 0, 0, 0, 0, 1},
                               .mtu = 1500,
                               .flags = FT_IF_NO_DAD};
    struct ft_addr addr = addr_v4(0x0a080001);
    ft_sock fd = host_socket(&a, AF_INET), to = sink(AF_INET, 53);
    int ifindex = ft_net_if_add(a.net, &eth);
    char text[16];

    (void)state;
    assert_int_equal(ft_net_addr_add(a.net, ifindex, &addr, 24, 0), 0);
    time_passes(&a, FT_SEC);
    for (int i = 0; i < 200; i++) {
        (void)snprintf(text, sizeof(text), "10.8.0.%d", 9 + i);
        assert_int_equal(host_send(&a, fd, out, 700, text, 53), 700);
        assert_int_equal(host_send(&a, fd, &out[i], 1, "10.7.0.2", 53), 1);
        host_done(&a, host_output(&a, ifindex), 0);
        carry(&a, &b);
        assert_int_equal(host_recv(&b, to, in, sizeof(in), 0, NULL), 1);
        assert_int_equal(in[0], out[i]);
    }
    time_passes(&a, 10 * FT_SEC);
    assert_int_equal(host_sock(&a, fd)->tx_size, 0);
}

/* A frame with room for headers alone gets the octets of a fragment beside it. */
static void fragments_need_no_more_room_than_headers(void **state)
{
    ft_sock fd = host_socket(&a, AF_INET6), to = sink(AF_INET6, 53);

    (void)state;
    a.cap = FT_HEADERS_MAX;
    for (int v6 = 0; v6 <= 1; v6++) {
        assert_int_equal(host_send(&a, fd, out, 5000, v6 ? "fd07::2" : "::ffff:10.7.0.2", 53),
                         5000);
        carry(&a, &b);
        assert_int_equal(host_recv(&b, to, in, sizeof(in), 0, NULL), 5000);
        assert_memory_equal(in, out, 5000);
    }
    a.linear = true; /* which needs room for all: it is lost, and no more */
    assert_int_equal(host_send(&a, fd, out, 5000, "fd07::2", 53), 5000);
    carry(&a, &b);
    assert_int_equal(host_recv(&b, to, in, sizeof(in), 0, NULL), -EAGAIN);
}

static void send_tells_what_is_wrong(void **state)
{
    ft_sock s4 = host_socket(&a, AF_INET), s6 = host_socket(&a, AF_INET6);
    struct iovec iov[2] = {{out, SIZE_MAX}, {out, 2}};
    struct sockaddr_storage to = sa("10.7.0.2", 53);
    struct msghdr msg = {.msg_iov = iov,
                         .msg_iovlen = 2,
                         .msg_name = &to,
                         .msg_namelen = sizeof(struct sockaddr_in)};

    (void)state;
    assert_int_equal(host_send(&a, s4, "x", 1, NULL, 0), -EDESTADDRREQ);
    assert_int_equal(host_send(&a, s4, "x", 1, "10.7.0.2", 0), -EINVAL);
    assert_int_equal(host_send(&a, s4, "x", 1, "192.0.2.1", 53), -ENETUNREACH);
    assert_int_equal(host_send(&a, s4, "x", 1, "fd07::2", 53), -EAFNOSUPPORT);
    assert_int_equal(ft_udp_sendmsg(&a.udp, host_sock(&a, s4), &msg, 0), -EMSGSIZE);
    iov[0].iov_len = 2;
    assert_int_equal(ft_udp_sendmsg(&a.udp, host_sock(&a, s4), &msg, MSG_OOB), -EOPNOTSUPP);
    assert_int_equal(ft_udp_sendmsg(&a.udp, host_sock(&a, s4), &msg, 0), 4);
    assert_int_equal(ft_udp_sendmsg(&a.udp, host_sock(&a, s6), &msg, 0), 4);
    assert_int_equal(host_bind(&a, s6, "fd07::1", 0), -EINVAL);   /* it has a port already */
    assert_int_equal(host_send(&a, s4, "x", 1, "0.0.0.0", 9), 1); /* means this host */
    carry(&a, NULL);
}

/* The datagrams that wait at a socket of b, by their sizes. */
static void arrive(ft_sock to, size_t n, const ssize_t *sizes)
{
    carry(&a, &b);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(host_recv(&b, to, in, sizeof(in), 0, NULL), sizes[i]);
    assert_int_equal(host_recv(&b, to, in, sizeof(in), 0, NULL), -EAGAIN);
}

/* UDP_SEGMENT: one send is cut into datagrams, all of one size but the last. */
static void one_send_is_cut_into_segments(void **state)
{
    ft_sock fd = host_socket(&a, AF_INET), to = sink(AF_INET, 53);
    char control[CMSG_SPACE(sizeof(uint16_t))] __attribute__((aligned(8))) = {0};
    struct iovec iov[3] = {{out, 1000}, {out, 0}, {out + 1000, 1500}};
    struct sockaddr_storage name = sa("10.7.0.2", 53);
    struct cmsghdr hdr = {
        .cmsg_len = CMSG_LEN(2), .cmsg_level = IPPROTO_UDP, .cmsg_type = UDP_SEGMENT};
    struct msghdr msg = {.msg_name = &name, .msg_namelen = sizeof(struct sockaddr_in)};
    uint16_t segment = 1200;

    (void)state;
    msg.msg_iov = iov;
    msg.msg_iovlen = 3;
    msg.msg_control = control;
    msg.msg_controllen = sizeof(control);
    memcpy(control, &hdr, sizeof(hdr));
    memcpy(control + CMSG_LEN(0), &segment, sizeof(segment));
    for (size_t i = 0; i < 2500; i++)
        out[i] = (uint8_t)(i / 7);
    assert_int_equal(ft_udp_sendmsg(&a.udp, host_sock(&a, fd), &msg, 0), 2500);
    carry(&a, &b);
    assert_int_equal(host_recv(&b, to, in, sizeof(in), 0, NULL), 1200);
    assert_memory_equal(in, out, 1200);
    assert_int_equal(host_recv(&b, to, in, sizeof(in), 0, NULL), 1200);
    assert_memory_equal(in, out + 1200, 1200);
    assert_int_equal(host_recv(&b, to, in, sizeof(in), 0, NULL), 100);
    assert_memory_equal(in, out + 2400, 100);
    assert_int_equal(host_send(&a, fd, out, 2500, "10.7.0.2", 53), 2500); /* for that send only */
    arrive(to, 1, (ssize_t[]){2500});
    /* The option holds for each send. */
    assert_int_equal(host_set(&a, fd, IPPROTO_UDP, UDP_SEGMENT, 1000), 0);
    assert_int_equal(host_send(&a, fd, out, 2000, "10.7.0.2", 53), 2000);
    arrive(to, 2, (ssize_t[]){1000, 1000});
    assert_int_equal(host_send(&a, fd, out, 999, "10.7.0.2", 53), 999);
    arrive(to, 1, (ssize_t[]){999});
    assert_int_equal(host_send(&a, fd, out, 0, "10.7.0.2", 53), 0);
    arrive(to, 1, (ssize_t[]){0});
    /* As Linux: no segment in fragments, at most 128 of them. */
    assert_int_equal(host_set(&a, fd, IPPROTO_UDP, UDP_SEGMENT, 1473), 0);
    assert_int_equal(host_send(&a, fd, out, 2000, "10.7.0.2", 53), -EMSGSIZE);
    assert_int_equal(host_send(&a, fd, out, 1472, "10.7.0.2", 53), 1472);
    assert_int_equal(host_set(&a, fd, IPPROTO_UDP, UDP_SEGMENT, 10), 0);
    assert_int_equal(host_send(&a, fd, out, 1281, "10.7.0.2", 53), -EINVAL);
    assert_int_equal(host_send(&a, fd, out, 1280, "10.7.0.2", 53), 1280);
    hdr.cmsg_len--;
    memcpy(control, &hdr, sizeof(hdr));
    assert_int_equal(ft_udp_sendmsg(&a.udp, host_sock(&a, fd), &msg, 0), -EINVAL);
    carry(&a, &b);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_and_fill, close_hosts)
    const struct CMUnitTest tests[] = {
        TEST(pieces_make_one_datagram),
        TEST(a_checksum_of_zero_is_never_sent),
        TEST(sizes_up_to_the_largest_arrive),
        TEST(what_was_not_sent_is_sent_later_in_order),
        TEST(one_socket_sends_by_several_interfaces),
        TEST(df_is_set_as_asked),
        TEST(a_flow_has_a_label_of_its_own),
        TEST(a_neighbour_that_does_not_answer_is_an_error),
        TEST(a_neighbour_that_is_not_there_holds_up_nobody_else),
        TEST(fragments_need_no_more_room_than_headers),
        TEST(send_tells_what_is_wrong),
        TEST(one_send_is_cut_into_segments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
