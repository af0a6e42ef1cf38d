/* SPDX-License-Identifier: MIT */
/*
 * The user's calls: RFC 9293 3.10.1 (OPEN) to 3.10.5 (ABORT), and 3.9.1.1.
 */
#include "ladder.h"

static int connect_to(struct ladder *t, const struct ft_addr *addr, uint16_t port)
{
    struct sockaddr_storage name;
    socklen_t len = ladder_name(t, addr, port, &name);

    t->peer->sock = ft_socket(t->stack, t->v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    assert_true(t->peer->sock >= 0);
    return ft_connect(t->stack, t->peer->sock, (struct sockaddr *)&name, len);
}

/* RFC 9293 3.9.1.1: an active OPEN without a local address gets one from IP before its SYN, and all
   segments of the connection use that one, whatever addresses come. */
/* proves: MUST-44 MUST-45 */
static void an_active_open_keeps_the_address_it_was_given(void **state)
{
    struct ft_addr newer = addr_v4(0x0a070003);
    struct sockaddr_in name;
    socklen_t len = sizeof(name);
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1460);
    assert_int_equal(ft_getsockname(t.stack, t.peer->sock, (struct sockaddr *)&name, &len), 0);
    assert_int_equal(ntohl(name.sin_addr.s_addr), 0x0a070001);
    assert_int_equal(ft_addr_add(t.stack, t.eth, &newer, 32, 0), 0);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 10);
    assert_memory_equal(t.last.octets + 14 + 12, &name.sin_addr, 4);
    after_ms(&t, 200);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 10);
    assert_memory_equal(t.last.octets + 14 + 12, &name.sin_addr, 4);
    ladder_close(&t);
}

/* Names of 169.254/16 have no interface in them: the answer to a SYN found nobody, and was reset.
 */
static void link_local_addresses_of_ipv4_are_names_like_others(void **state)
{
    const struct ft_addr us = addr_v4(0xa9fe0101);
    static uint8_t image[65536];
    struct ladder t;
    ssize_t len;

    (void)state;
    ladder_open(&t);
    assert_int_equal(ft_addr_add(t.stack, t.eth, &us, 16, 0), 0);
    after_ms(&t, 5000);
    (void)ladder_forget(&t);
    t.us = us;
    t.them = addr_v4(0xa9fe0102);
    stack_connects(&t, .mss = 1460);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 10);
    len = ft_export(t.stack, t.peer->sock, image, sizeof(image));
    assert_true(len > 0);
    t.peer->sock = ft_import(t.stack, image, (size_t)len);
    assert_true(t.peer->sock >= 0);
    (void)ladder_forget(&t);
    ladder_close(&t);
}

/* As on Linux: of a connection that is over a socket keeps what was set, and no measure or count.
 */
static void a_socket_that_connects_again_begins_anew(void **state)
{
    const struct sockaddr none = {.sa_family = AF_UNSPEC};
    struct ft_sock_info info;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1460, .sack_ok = 1);
    user_sets(&t, IPPROTO_TCP, TCP_NODELAY, 1);
    user_writes(&t, 100);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 100);
    after_ms(&t, 20);
    peer_sends(&t, SEG_ACK, .ack = 101, .len = 50);
    user_reads(&t, 50);
    (void)ladder_forget(&t);
    assert_int_equal(ft_connect(t.stack, t.peer->sock, &none, sizeof(none)), 0);
    stack_sends(&t, SEG_RST | SEG_ACK, .seq = 101);
    t.peer->iss_known = false;
    t.peer->nxt = LADDER_PEER_ISN;
    t.peer->written = t.peer->read = 0;
    after_ms(&t, 5);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    info = stack_info(&t);
    assert_int_equal(info.octets_acked, 0);
    assert_int_equal(info.octets_received, 0);
    assert_int_equal(info.segs_in, 0);
    assert_int_equal(info.segs_out, 1);
    assert_int_equal(info.srtt_us, 0);
    assert_int_equal(info.min_rtt_us, 0);
    assert_int_equal(user_gets(&t, IPPROTO_TCP, TCP_NODELAY), 1);
    ladder_close(&t);
}

/* RFC 9293 3.9.1.1: OPEN to a broadcast or multicast address is an error. */
/* proves: MUST-46 */
static void an_open_to_many_is_an_error(void **state)
{
    const struct ft_addr all = addr_v4(0xffffffff), net = addr_v4(0x0a0700ff);
    const struct ft_addr group = addr_v4(0xe0000001);
    const struct ft_addr group6 = {UINT64_C(0xff02000000000000), 1};
    struct ladder t;

    (void)state;
    ladder_open(&t);
    assert_int_equal(connect_to(&t, &all, 80), -EACCES);
    assert_int_equal(ft_close(t.stack, t.peer->sock), 0);
    assert_int_equal(connect_to(&t, &net, 80), -EACCES);
    assert_int_equal(ft_close(t.stack, t.peer->sock), 0);
    assert_int_equal(connect_to(&t, &group, 80), -ENETUNREACH);
    stack_sends_nothing(&t);
    ladder_close(&t);
    ladder_open6(&t);
    assert_true(connect_to(&t, &group6, 80) < 0);
    stack_sends_nothing(&t);
    ladder_close(&t);
}

/* RFC 9293 3.6.1: closing with octets unread is a reset, so that the peer learns of the loss; so is
   the answer to octets that come after the close. */
/* proves: SHLD-3 MAY-1 */
static void octets_that_nobody_reads_are_answered_by_a_reset(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_ACK, .len = 10);
    stack_sends(&t, SEG_ACK, .ack = 111);
    user_closes(&t);
    stack_sends(&t, SEG_RST | SEG_ACK, .seq = 1);
    assert_int_equal(stack_counts(&t).now_connections, 0);
    ladder_peer(&t, 1);
    peer_connects(&t, .mss = 1460);
    user_closes(&t);
    stack_sends(&t, SEG_ACK | SEG_FIN, .seq = 1);
    peer_sends(&t, SEG_ACK);
    peer_sends(&t, SEG_ACK, .len = 10);
    assert_verdict(&t, FT_RX_DROP_CLOSED);
    stack_sends(&t, SEG_RST | SEG_ACK, .seq = 2);
    assert_int_equal(stack_counts(&t).now_connections, 0);
    ladder_close(&t);
}

/* RFC 9293 3.10.5: ABORT sends a reset and drops what is queued. */
static void an_abort_sends_a_reset(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460, .wnd = 0);
    user_writes(&t, 5000);
    assert_int_equal(ft_abort(t.stack, t.peer->sock), 0);
    t.peer->sock = -1;
    stack_sends(&t, SEG_RST | SEG_ACK, .seq = 1, .ack = 101);
    stack_sends_nothing(&t);
    assert_int_equal(stack_counts(&t).now_connections, 0);
    ladder_close(&t);
}

/* SO_LINGER {1, 0} makes a close an abort. */
static void a_close_that_lingers_for_nothing_is_an_abort(void **state)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    assert_int_equal(
        ft_setsockopt(t.stack, t.peer->sock, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
    user_closes(&t);
    stack_sends(&t, SEG_RST | SEG_ACK, .seq = 1);
    ladder_close(&t);
}

/* RFC 9293 3.10.4, SYN-SENT: CLOSE gives the attempt up. */
static void a_close_in_syn_sent_gives_up(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    user_closes(&t);
    after_ms(&t, 10000);
    stack_sends_nothing(&t);
    assert_int_equal(stack_counts(&t).now_connections, 0);
    peer_sends(&t, SEG_SYN | SEG_ACK, .mss = 1460);
    stack_sends(&t, SEG_RST, .seq = 1);
    ladder_close(&t);
}

/* RFC 9293 3.10.4, SYN-RECEIVED: FIN waits for the handshake and follows it. */
static void a_close_before_the_handshake_ends_follows_it(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    peer_sends(&t, SEG_SYN, .seq = 300, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 301);
    user_closes(&t);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .seq = 301);
    stack_sends(&t, SEG_ACK | SEG_FIN, .seq = 1, .ack = 301);
    peer_sends(&t, SEG_ACK | SEG_FIN, .seq = 301);
    stack_sends(&t, SEG_ACK, .seq = 2, .ack = 302);
    ladder_close(&t);
}

/* RFC 9293 3.10.4: what is queued when the user closes is still delivered, and the FIN after it. */
static void a_close_delivers_what_is_queued(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000, .wnd = 1000);
    user_writes(&t, 2500);
    user_closes(&t);
    assert_int_equal(stack_counts(&t).now_orphans, 1);
    assert_int_equal(stack_counts(&t).now_unfinished, 1);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    peer_sends(&t, SEG_ACK);
    stack_sends(&t, SEG_ACK, .seq = 1001, .len = 1000);
    peer_sends(&t, SEG_ACK);
    stack_sends(&t, SEG_ACK | SEG_FIN, .seq = 2001, .len = 500);
    peer_sends(&t, SEG_ACK);
    assert_int_equal(stack_counts(&t).now_unfinished, 0);
    after_ms(&t, 60100);
    assert_int_equal(stack_counts(&t).now_orphans, 0);
    ladder_close(&t);
}

/* connect() tells how it goes, as Linux's does. */
static void connect_tells_how_it_goes(void **state)
{
    struct sockaddr_storage name;
    socklen_t len;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    len = ladder_name(&t, NULL, LADDER_PEER_PORT, &name);
    user_connects(&t);
    assert_int_equal(ft_connect(t.stack, t.peer->sock, (struct sockaddr *)&name, len), -EALREADY);
    assert_int_equal(ft_ready(t.stack, t.peer->sock) & FT_WRITABLE, 0);
    stack_sends(&t, SEG_SYN, .seq = 0);
    peer_sends(&t, SEG_SYN | SEG_ACK, .mss = 1460);
    assert_true(ft_ready(t.stack, t.peer->sock) & FT_WRITABLE);
    assert_int_equal(ft_connect(t.stack, t.peer->sock, (struct sockaddr *)&name, len), 0);
    assert_int_equal(ft_connect(t.stack, t.peer->sock, (struct sockaddr *)&name, len), -EISCONN);
    ladder_close(&t);
}

/* RFC 6056: the port of an active OPEN is not to be guessed from the last one. */
static void ephemeral_ports_do_not_follow_each_other(void **state)
{
    unsigned near = 0;
    unsigned last = 0;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    for (unsigned i = 0; i < 8; i++) {
        unsigned port;

        ladder_peer(&t, i);
        user_connects(&t);
        port = t.peer->stack_port;
        assert_in_range(port, t.config.port_min, t.config.port_max);
        near += (port > last ? port - last : last - port) < 16;
        last = port;
    }
    assert_true(near < 3);
    ladder_close(&t);
}

/* A client that tries again and again where nobody listens must not be answered by itself one day
   (RFC 9293 3.5, simultaneous open); who binds the name that it connects to wants just that. */
static void an_ephemeral_port_never_connects_a_socket_to_itself(void **state)
{
    struct sockaddr_in self = {
        .sin_family = AF_INET, .sin_port = htons(40000), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct sockaddr *name = (const struct sockaddr *)&self;
    struct ladder t;
    ft_sock sock;

    (void)state;
    ladder_init(&t);
    t.config.port_min = t.config.port_max = 40000;
    ladder_start(&t);
    sock = ft_socket(t.stack, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(ft_connect(t.stack, sock, name, sizeof(self)), -EADDRNOTAVAIL);
    assert_int_equal(ft_bind(t.stack, sock, name, sizeof(self)), 0);
    assert_int_equal(ft_connect(t.stack, sock, name, sizeof(self)), -EINPROGRESS);
    after_ms(&t, 1);
    assert_int_equal(ft_connect(t.stack, sock, name, sizeof(self)), 0);
    assert_int_equal(ft_abort(t.stack, sock), 0);
    ladder_close(&t);
}

/* A connection gives its port back as it holds it, though SO_REUSEADDR changed in between. */
static void a_change_of_reuseaddr_while_connected_keeps_the_port_right(void **state)
{
    struct ladder t;
    int on = 1, off = 0;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1460);
    assert_int_equal(
        ft_setsockopt(t.stack, t.peer->sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    ft_stack_check(t.stack);
    assert_int_equal(
        ft_setsockopt(t.stack, t.peer->sock, SOL_SOCKET, SO_REUSEADDR, &off, sizeof(off)), 0);
    assert_int_equal(
        ft_setsockopt(t.stack, t.peer->sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    assert_int_equal(ft_abort(t.stack, t.peer->sock), 0);
    stack_sends(&t, SEG_RST | SEG_ACK, .seq = 1);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ephemeral_port_never_connects_a_socket_to_itself),
        cmocka_unit_test(an_active_open_keeps_the_address_it_was_given),
        cmocka_unit_test(link_local_addresses_of_ipv4_are_names_like_others),
        cmocka_unit_test(a_socket_that_connects_again_begins_anew),
        cmocka_unit_test(an_open_to_many_is_an_error),
        cmocka_unit_test(a_change_of_reuseaddr_while_connected_keeps_the_port_right),
        cmocka_unit_test(octets_that_nobody_reads_are_answered_by_a_reset),
        cmocka_unit_test(an_abort_sends_a_reset),
        cmocka_unit_test(a_close_that_lingers_for_nothing_is_an_abort),
        cmocka_unit_test(a_close_in_syn_sent_gives_up),
        cmocka_unit_test(a_close_before_the_handshake_ends_follows_it),
        cmocka_unit_test(a_close_delivers_what_is_queued),
        cmocka_unit_test(connect_tells_how_it_goes),
        cmocka_unit_test(ephemeral_ports_do_not_follow_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
