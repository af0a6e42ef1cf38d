/* SPDX-License-Identifier: MIT */
/*
 * Control messages: what comes with a datagram, cut as Linux cuts it, and what a caller may say.
 */
#include "raw.h"

#include <stddef.h>

#include "two.h"

struct received {
    char control[256] __attribute__((aligned(8)));
    struct msghdr msg;
};

static void receive(struct host *h, ft_sock fd, struct received *r, size_t room)
{
    static char buf[100];
    struct iovec iov = {buf, sizeof(buf)};

    memset(r, 0xee, sizeof(*r));
    r->msg = (struct msghdr){
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = r->control, .msg_controllen = room};
    assert_true(ft_udp_recvmsg(&h->udp, host_sock(h, fd), &r->msg, 0) >= 0);
    r->msg.msg_iov = NULL;
}

static const struct cmsghdr *find(struct received *r, int level, int type)
{
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&r->msg);

    while (cmsg && (cmsg->cmsg_level != level || cmsg->cmsg_type != type))
        cmsg = CMSG_NXTHDR(&r->msg, cmsg);
    return cmsg;
}

static int int_of(struct received *r, int level, int type)
{
    const struct cmsghdr *cmsg = find(r, level, type);
    int v = 0;

    assert_non_null(cmsg);
    memcpy(&v, CMSG_DATA(cmsg), cmsg->cmsg_len - CMSG_LEN(0));
    return v;
}

static void ipv4_tells_address_interface_ttl_and_tos(void **state)
{
    ft_sock fd = host_socket(&b, AF_INET);
    struct raw raw = {.src_port = 9, .dst_port = 53, .payload = 1, .udp_len = UINT32_MAX};
    struct in_pktinfo info;
    struct received r;

    (void)state;
    assert_int_equal(host_bind(&b, fd, "0.0.0.0", 53), 0);
    raw_input(&b, &raw);
    receive(&b, fd, &r, sizeof(r.control));
    assert_int_equal(r.msg.msg_controllen, 0);
    assert_int_equal(host_set(&b, fd, IPPROTO_IP, IP_PKTINFO, 1), 0);
    assert_int_equal(host_set(&b, fd, IPPROTO_IP, IP_RECVTTL, 1), 0);
    assert_int_equal(host_set(&b, fd, IPPROTO_IP, IP_RECVTOS, 1), 0);
    raw_input(&b, &raw);
    receive(&b, fd, &r, sizeof(r.control));
    assert_int_equal(r.msg.msg_flags, 0);
    memcpy(&info, CMSG_DATA(find(&r, IPPROTO_IP, IP_PKTINFO)), sizeof(info));
    assert_int_equal(info.ipi_ifindex, b.wire);
    assert_int_equal(ntohl(info.ipi_addr.s_addr), 0x0a070002);
    assert_int_equal(ntohl(info.ipi_spec_dst.s_addr), 0x0a070002);
    assert_int_equal(int_of(&r, IPPROTO_IP, IP_TTL), 61);
    assert_int_equal(find(&r, IPPROTO_IP, IP_TOS)->cmsg_len, CMSG_LEN(1));
    assert_int_equal(int_of(&r, IPPROTO_IP, IP_TOS), 0x48);
}

static void ipv6_tells_address_interface_and_hops(void **state)
{
    ft_sock fd = host_socket(&b, AF_INET6);
    struct in6_pktinfo info;
    struct received r;

    (void)state;
    assert_int_equal(host_bind(&b, fd, "::", 53), 0);
    assert_int_equal(host_set(&b, fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1), 0);
    assert_int_equal(host_set(&b, fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1), 0);
    assert_int_equal(host_set(&b, fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1), 0);
    for (int six = 0; six < 2; six++) {
        struct raw raw = {
            .ipv6 = six, .src_port = 9, .dst_port = 53, .payload = 1, .udp_len = UINT32_MAX};
        struct sockaddr_storage want = sa(six ? "fd07::2" : "::ffff:10.7.0.2", 0);

        raw_input(&b, &raw);
        receive(&b, fd, &r, sizeof(r.control));
        memcpy(&info, CMSG_DATA(find(&r, IPPROTO_IPV6, IPV6_PKTINFO)), sizeof(info));
        assert_memory_equal(&info.ipi6_addr, &((struct sockaddr_in6 *)&want)->sin6_addr, 16);
        assert_int_equal(info.ipi6_ifindex, b.wire);
        if (six) {
            assert_int_equal(int_of(&r, IPPROTO_IPV6, IPV6_HOPLIMIT), 61);
            assert_int_equal(int_of(&r, IPPROTO_IPV6, IPV6_TCLASS), 0);
        }
    }
}

static void what_does_not_fit_is_cut_and_told(void **state)
{
    ft_sock fd = host_socket(&b, AF_INET);
    struct raw raw = {.src_port = 9, .dst_port = 53, .payload = 1, .udp_len = UINT32_MAX};
    size_t all = CMSG_SPACE(sizeof(struct in_pktinfo)) + CMSG_SPACE(sizeof(int));

    (void)state;
    assert_int_equal(host_bind(&b, fd, "0.0.0.0", 53), 0);
    assert_int_equal(host_set(&b, fd, IPPROTO_IP, IP_PKTINFO, 1), 0);
    assert_int_equal(host_set(&b, fd, IPPROTO_IP, IP_RECVTTL, 1), 0);
    for (size_t room = 0; room <= all; room++) {
        struct received r;

        raw_input(&b, &raw);
        receive(&b, fd, &r, room);
        assert_int_equal((r.msg.msg_flags & MSG_CTRUNC) == 0, room >= all - 4);
        assert_true(r.msg.msg_controllen <= room);
        assert_int_equal((uint8_t)r.control[room], 0xee); /* not one octet too far */
    }
}

static ssize_t send_with(ft_sock fd, const char *to, int level, int type, const void *data,
                         size_t len)
{
    char control[64] __attribute__((aligned(8))) = {0};
    struct cmsghdr hdr = {.cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(len)};
    struct sockaddr_storage name = sa(to, 53);
    struct msghdr msg = {.msg_name = &name,
                         .msg_namelen = sizeof(struct sockaddr_in6),
                         .msg_control = control,
                         .msg_controllen = CMSG_SPACE(len)};

    memcpy(control, &hdr, sizeof(hdr));
    memcpy(control + CMSG_LEN(0), data, len);
    return ft_udp_sendmsg(&a.udp, host_sock(&a, fd), &msg, 0);
}

static void a_caller_may_say_how_one_datagram_is_sent(void **state)
{
    ft_sock s4 = host_socket(&a, AF_INET), s6 = host_socket(&a, AF_INET6);
    ft_sock to = host_socket(&b, AF_INET6);
    struct in_pktinfo info4 = {.ipi_ifindex = a.wire};
    struct in6_pktinfo info6 = {.ipi6_ifindex = (unsigned)a.wire};
    struct received r;
    int v = 7;

    (void)state;
    assert_int_equal(host_bind(&b, to, "::", 53), 0);
    assert_int_equal(host_set(&b, to, IPPROTO_IP, IP_RECVTTL, 1), 0);
    assert_int_equal(host_set(&b, to, IPPROTO_IP, IP_RECVTOS, 1), 0);
    assert_int_equal(host_set(&b, to, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1), 0);
    assert_int_equal(host_set(&b, to, IPPROTO_IPV6, IPV6_RECVTCLASS, 1), 0);
    assert_int_equal(send_with(s4, "10.7.0.2", IPPROTO_IP, IP_TTL, &v, sizeof(v)), 0);
    carry(&a, &b);
    receive(&b, to, &r, sizeof(r.control));
    assert_int_equal(int_of(&r, IPPROTO_IP, IP_TTL), 7);
    v = 0x28;
    assert_int_equal(send_with(s4, "10.7.0.2", IPPROTO_IP, IP_TOS, &v, sizeof(v)), 0);
    carry(&a, &b);
    receive(&b, to, &r, sizeof(r.control));
    assert_int_equal(int_of(&r, IPPROTO_IP, IP_TOS), 0x28);
    assert_int_equal(send_with(s6, "fd07::2", IPPROTO_IPV6, IPV6_TCLASS, &v, sizeof(v)), 0);
    carry(&a, &b);
    receive(&b, to, &r, sizeof(r.control));
    assert_int_equal(int_of(&r, IPPROTO_IPV6, IPV6_TCLASS), 0x28);
    assert_int_equal(send_with(s6, "fd07::2", IPPROTO_IPV6, IPV6_HOPLIMIT, &v, sizeof(v)), 0);
    carry(&a, &b);
    receive(&b, to, &r, sizeof(r.control));
    assert_int_equal(int_of(&r, IPPROTO_IPV6, IPV6_HOPLIMIT), 0x28);
    /* The interface: a link-local peer is reached by it. */
    assert_int_equal(send_with(s6, "fe80::2", IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6)),
                     0);
    carry(&a, &b);
    receive(&b, to, &r, sizeof(r.control));
    info4.ipi_spec_dst.s_addr = htonl(0x0a070001);
    assert_int_equal(send_with(s4, "10.7.0.2", IPPROTO_IP, IP_PKTINFO, &info4, sizeof(info4)), 0);
    carry(&a, &b);
    receive(&b, to, &r, sizeof(r.control));
}

/* RFC 1122 3.2.1.3: nobody speaks in another's name, nor in that of all. */
static void only_addresses_of_ours_are_sources(void **state)
{
    static const char *const wrong4[] = {"8.8.8.8", "239.1.1.1", "255.255.255.255", "10.7.0.255",
                                         "10.7.0.2"};
    ft_sock s4 = host_socket(&a, AF_INET), s6 = host_socket(&a, AF_INET6);
    struct in_pktinfo info4 = {.ipi_ifindex = a.wire};
    struct in6_pktinfo info6 = {.ipi6_ifindex = (unsigned)a.wire};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong4) / sizeof(wrong4[0]); i++) {
        assert_int_equal(inet_pton(AF_INET, wrong4[i], &info4.ipi_spec_dst), 1);
        assert_int_equal(send_with(s4, "10.7.0.2", IPPROTO_IP, IP_PKTINFO, &info4, sizeof(info4)),
                         -EINVAL);
    }
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::bad", &info6.ipi6_addr), 1);
    assert_int_equal(send_with(s6, "fd07::2", IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6)),
                     -EINVAL);
    assert_int_equal(host_output(&a, a.wire), 0);
}

/* What came to all of a subnet is answered by the interface's address; and who is bound to such a
   name sends, and connects, from that address, too. */
static void the_address_of_a_subnet_is_no_source(void **state)
{
    struct raw raw = {.src_port = 9, .dst_port = 53, .payload = 1, .udp_len = UINT32_MAX};
    ft_sock fd = host_socket(&b, AF_INET), all = host_socket(&b, AF_INET);
    ft_sock to = host_socket(&a, AF_INET);
    struct sockaddr_storage from;
    struct in_pktinfo info;
    struct received r;
    char text[64];

    (void)state;
    assert_int_equal(host_bind(&a, to, "0.0.0.0", 9), 0);
    assert_int_equal(host_bind(&b, fd, "0.0.0.0", 53), 0);
    assert_int_equal(host_set(&b, fd, IPPROTO_IP, IP_PKTINFO, 1), 0);
    raw.dst = addr_v4(0x0a0700ff);
    raw_input(&b, &raw);
    receive(&b, fd, &r, sizeof(r.control));
    memcpy(&info, CMSG_DATA(find(&r, IPPROTO_IP, IP_PKTINFO)), sizeof(info));
    assert_int_equal(ntohl(info.ipi_addr.s_addr), 0x0a0700ff);
    assert_int_equal(ntohl(info.ipi_spec_dst.s_addr), 0x0a070002);
    assert_int_equal(host_bind(&b, all, "10.7.0.255", 54), 0);
    assert_int_equal(host_send(&b, all, "x", 1, "10.7.0.1", 9), 1);
    carry(&a, &b);
    assert_int_equal(host_recv(&a, to, text, sizeof(text), 0, &from), 1);
    assert_int_equal(ntohl(((struct sockaddr_in *)&from)->sin_addr.s_addr), 0x0a070002);
    assert_int_equal(host_connect(&b, all, "10.7.0.1", 9), 0);
    assert_int_equal(host_send(&b, all, "x", 1, NULL, 0), 1);
    carry(&a, &b);
    assert_int_equal(host_recv(&a, to, text, sizeof(text), 0, &from), 1);
    assert_int_equal(ntohl(((struct sockaddr_in *)&from)->sin_addr.s_addr), 0x0a070002);
}

static void control_messages_that_make_no_sense_are_refused(void **state)
{
    ft_sock s4 = host_socket(&a, AF_INET);
    char control[64] __attribute__((aligned(8))) = {0};
    struct sockaddr_storage name = sa("10.7.0.2", 53);
    struct msghdr msg = {
        .msg_name = &name, .msg_namelen = sizeof(struct sockaddr_in), .msg_control = control};
    int v = 256;

    (void)state;
    assert_int_equal(send_with(s4, "10.7.0.2", IPPROTO_IP, IP_TTL, &v, sizeof(v)), -EINVAL);
    assert_int_equal(send_with(s4, "10.7.0.2", IPPROTO_IP, IP_TTL, &v, 3), -EINVAL);
    assert_int_equal(send_with(s4, "10.7.0.2", IPPROTO_IP, IP_TOS, &v, sizeof(v)), -EINVAL);
    assert_int_equal(send_with(s4, "10.7.0.2", IPPROTO_IP, 77, &v, sizeof(v)), -EINVAL);
    assert_int_equal(send_with(s4, "10.7.0.2", IPPROTO_IPV6, IPV6_HOPLIMIT, &v, 4), -EINVAL);
    assert_int_equal(send_with(s4, "10.7.0.2", SOL_SOCKET, 77, &v, sizeof(v)), 0);
    for (size_t len = 0; len < 64; len++) { /* every length, with less room than it says */
        for (size_t room = 0; room <= 64; room++) {
            struct cmsghdr hdr = {.cmsg_level = IPPROTO_IP, .cmsg_type = IP_TTL, .cmsg_len = len};
            bool none = room < sizeof(hdr), ttl = len == CMSG_LEN(sizeof(v)) && room >= len;

            memset(control, 0, sizeof(control));
            memcpy(control, &hdr, sizeof(hdr));
            control[sizeof(hdr)] = 7; /* a TTL, if its message is whole and nothing follows */
            msg.msg_controllen = room;
            assert_int_equal(ft_udp_sendmsg(&a.udp, host_sock(&a, s4), &msg, 0),
                             none || (ttl && room < 24 + sizeof(hdr)) ? 0 : -EINVAL);
        }
        carry(&a, NULL);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_hosts, close_hosts)
    const struct CMUnitTest tests[] = {
        TEST(ipv4_tells_address_interface_ttl_and_tos),
        TEST(ipv6_tells_address_interface_and_hops),
        TEST(what_does_not_fit_is_cut_and_told),
        TEST(a_caller_may_say_how_one_datagram_is_sent),
        TEST(only_addresses_of_ours_are_sources),
        TEST(the_address_of_a_subnet_is_no_source),
        TEST(control_messages_that_make_no_sense_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
