/* SPDX-License-Identifier: MIT */
/*
 * What a TCP socket means: each test is named by a sentence of doc/architecture.md (names, passive
 * and active sockets, the ways in which connect() fails, who gets a segment), through the C API.
 */
#include "tcp/ladder.h"

static ft_sock stream(struct ladder *t)
{
    ft_sock sock = ft_socket(t->stack, t->v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);

    assert_true(sock >= 0);
    return sock;
}

static int bind_to(struct ladder *t, ft_sock sock, const struct ft_addr *addr, uint16_t port)
{
    struct sockaddr_storage name;
    socklen_t len = ladder_name(t, addr, port, &name);

    return ft_bind(t->stack, sock, (struct sockaddr *)&name, len);
}

static int connect_to(struct ladder *t, ft_sock sock, const struct ft_addr *addr, uint16_t port)
{
    struct sockaddr_storage name;
    socklen_t len = ladder_name(t, addr, port, &name);

    return ft_connect(t->stack, sock, (struct sockaddr *)&name, len);
}

static int error_of(struct ladder *t, ft_sock sock)
{
    int value = 0;
    socklen_t len = sizeof(value);

    assert_int_equal(ft_getsockopt(t->stack, sock, SOL_SOCKET, SO_ERROR, &value, &len), 0);
    return value;
}

static ft_sock listener_on(struct ladder *t, const struct ft_addr *addr, uint16_t port)
{
    ft_sock sock = stream(t);

    assert_int_equal(bind_to(t, sock, addr, port), 0);
    assert_int_equal(ft_listen(t->stack, sock, 8), 0);
    return sock;
}

/* ---- passive sockets ------------------------------------------------------------------------- */

/* No octet ever passes through a passive socket. */
static void a_passive_socket_refuses_octets(void **state)
{
    struct ft_span span;
    struct ladder t;
    uint8_t octet = 0;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    assert_int_equal(ft_send(t.stack, t.listener, &octet, 1, 0), -EPIPE);
    assert_int_equal(ft_recv(t.stack, t.listener, &octet, 1, 0), -ENOTCONN);
    assert_int_equal(ft_peek(t.stack, t.listener, &span, 1), -ENOTCONN);
    assert_int_equal(ft_reserve(t.stack, t.listener, 10, &span, 1), -EPIPE);
    assert_int_equal(ft_shutdown(t.stack, t.listener, SHUT_WR), -ENOTCONN);
    assert_int_equal(connect_to(&t, t.listener, NULL, 80), -EISCONN);
    /* Not after it has made connections either. */
    peer_connects(&t, .mss = 1460);
    assert_int_equal(ft_send(t.stack, t.listener, &octet, 1, 0), -EPIPE);
    assert_int_equal(ft_recv(t.stack, t.listener, &octet, 1, 0), -ENOTCONN);
    ladder_close(&t);
}

/* A socket that is neither passive nor connected carries nothing either. */
static void an_unconnected_socket_refuses_octets(void **state)
{
    struct ladder t;
    uint8_t octet = 0;
    ft_sock sock;

    (void)state;
    ladder_open(&t);
    sock = stream(&t);
    assert_int_equal(ft_send(t.stack, sock, &octet, 1, 0), -EPIPE);
    assert_int_equal(ft_recv(t.stack, sock, &octet, 1, 0), -ENOTCONN);
    assert_int_equal(ft_close(t.stack, sock), 0);
    ladder_close(&t);
}

/* While a passive socket listens nobody else takes the same name, whatever options are set, save by
   SO_REUSEPORT on both. */
static void a_name_that_is_listened_on_is_taken(void **state)
{
    struct ft_addr any = addr_v4(0), ours = addr_v4(0x0a070001);
    struct ladder t;
    ft_sock a, b;
    int on = 1;

    (void)state;
    ladder_open(&t);
    a = listener_on(&t, &any, 80);
    b = stream(&t);
    assert_int_equal(bind_to(&t, b, &any, 80), -EADDRINUSE);
    assert_int_equal(bind_to(&t, b, &ours, 80), -EADDRINUSE);
    assert_int_equal(ft_setsockopt(t.stack, b, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    assert_int_equal(bind_to(&t, b, &any, 80), -EADDRINUSE);
    assert_int_equal(bind_to(&t, b, &any, 81), 0);
    assert_int_equal(ft_close(t.stack, a), 0);
    assert_int_equal(ft_close(t.stack, b), 0);
    a = listener_on(&t, &any, 80);
    assert_int_equal(ft_close(t.stack, a), 0);
    a = stream(&t);
    b = stream(&t);
    assert_int_equal(ft_setsockopt(t.stack, a, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
    assert_int_equal(ft_setsockopt(t.stack, b, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
    assert_int_equal(bind_to(&t, a, &any, 80), 0);
    assert_int_equal(bind_to(&t, b, &any, 80), 0);
    assert_int_equal(ft_listen(t.stack, a, 8), 0);
    assert_int_equal(ft_listen(t.stack, b, 8), 0);
    assert_int_equal(ft_close(t.stack, a), 0);
    assert_int_equal(ft_close(t.stack, b), 0);
    ladder_close(&t);
}

/* ---- active sockets -------------------------------------------------------------------------- */

/* Thousands of active sockets share one local name; each is its own conversation. */
static void thousands_of_active_sockets_share_one_name(void **state)
{
    enum { N = 3000 };
    static ft_sock socks[N];
    struct sockaddr_in name, peer;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    t.unchecked = true;
    for (unsigned i = 0; i < N; i++) {
        socklen_t len = sizeof(name);

        t.peer->port = (uint16_t)(10000 + i);
        t.peer->iss_known = false;
        t.peer->nxt = 100;
        peer_connects(&t, .seq = 100, .mss = 1460);
        socks[i] = t.peer->sock;
        assert_int_equal(ft_getsockname(t.stack, socks[i], (struct sockaddr *)&name, &len), 0);
        assert_int_equal(ntohs(name.sin_port), LADDER_PORT);
        assert_int_equal(ft_getpeername(t.stack, socks[i], (struct sockaddr *)&peer, &len), 0);
        assert_int_equal(ntohs(peer.sin_port), 10000 + i);
        peer_sends(&t, SEG_ACK, .len = 1, .salt = i);
        assert_true(ladder_take(&t));
    }
    assert_int_equal(stack_counts(&t).now_connections, N);
    for (unsigned i = 0; i < N; i++) {
        uint8_t octet;

        assert_int_equal(ft_recv(t.stack, socks[i], &octet, 1, 0), 1);
        assert_int_equal(octet, (uint8_t)(ladder_octet(true, 0) + i));
        assert_int_equal(ft_abort(t.stack, socks[i]), 0);
        if (i % 64 == 0)
            (void)ladder_forget(&t);
    }
    t.peer->sock = -1;
    t.unchecked = false;
    ladder_close(&t);
}

/* ---- connect() fails in ways that a program can tell apart ----------------------------------- */

static void connect_tells_that_the_host_does_not_answer(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    after_ms(&t, 130000);
    assert_int_equal(connect_to(&t, t.peer->sock, NULL, t.peer->port), -ETIMEDOUT);
    ladder_close(&t);
}

static void connect_tells_that_no_neighbour_answers(void **state)
{
    struct ladder t;

    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        ladder_init(&t);
        t.v6 = v6;
        t.silent = true;
        ladder_start(&t);
        user_connects(&t);
        after_ms(&t, 5000);
        stack_sends_nothing(&t);
        assert_true(t.n_asked >= 3);
        assert_true(ft_ready(t.stack, t.peer->sock) & FT_ERROR);
        assert_int_equal(connect_to(&t, t.peer->sock, NULL, t.peer->port), -EHOSTUNREACH);
        ladder_close(&t);
    }
}

static void connect_tells_what_icmp_says_of_the_host(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    peer_icmp(&t, NULL, ICMP4_UNREACH, ICMP4_UNREACH_HOST, 0);
    assert_int_equal(connect_to(&t, t.peer->sock, NULL, t.peer->port), -EHOSTUNREACH);
    ladder_close(&t);
    ladder_open6(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    peer_icmp(&t, NULL, ICMP6_UNREACH, ICMP6_UNREACH_ADDR, 0);
    assert_int_equal(connect_to(&t, t.peer->sock, NULL, t.peer->port), -EHOSTUNREACH);
    ladder_close(&t);
}

static void connect_tells_that_no_route_leads_there(void **state)
{
    struct ft_addr far = addr_v4(0x08080808);
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.no_gateway = true;
    ladder_start(&t);
    t.peer->sock = stream(&t);
    assert_int_equal(connect_to(&t, t.peer->sock, &far, 80), -ENETUNREACH);
    stack_sends_nothing(&t);
    /* It may try another address. */
    assert_int_equal(connect_to(&t, t.peer->sock, NULL, 80), -EINPROGRESS);
    ladder_close(&t);
}

static void connect_tells_that_the_host_refuses(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    peer_sends(&t, SEG_RST | SEG_ACK, .seq = 0, .ack = 1);
    assert_int_equal(connect_to(&t, t.peer->sock, NULL, t.peer->port), -ECONNREFUSED);
    ladder_close(&t);
}

static void a_reset_just_after_accepting_is_told_at_the_first_use(void **state)
{
    uint8_t octet = 0;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_RST, .seq = 101);
    assert_int_equal(ft_recv(t.stack, t.peer->sock, &octet, 1, 0), -ECONNRESET);
    ladder_close(&t);
    ladder_open(&t);
    stack_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_RST, .seq = 101);
    assert_int_equal(ft_send(t.stack, t.peer->sock, &octet, 1, 0), -ECONNRESET);
    assert_int_equal(ft_send(t.stack, t.peer->sock, &octet, 1, 0), -EPIPE);
    ladder_close(&t);
}

/* The same by SO_ERROR, which tells it once. */
static void so_error_tells_how_an_attempt_failed_once(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    peer_sends(&t, SEG_RST | SEG_ACK, .seq = 0, .ack = 1);
    assert_int_equal(error_of(&t, t.peer->sock), ECONNREFUSED);
    assert_int_equal(error_of(&t, t.peer->sock), 0);
    ladder_close(&t);
}

/* ---- every segment is examined: four-tuple, name, nobody ------------------------------------- */

static void a_segment_is_for_its_four_tuple_then_for_its_name_then_for_nobody(void **state)
{
    struct ft_counters c;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    c = stack_counts(&t);
    peer_sends(&t, SEG_ACK, .len = 5);
    assert_verdict(&t, FT_RX_ACTIVE);
    assert_true(t.verdict_sock == t.peer->sock);
    assert_int_equal(stack_counts(&t).verdicts[FT_RX_ACTIVE], c.verdicts[FT_RX_ACTIVE] + 1);
    (void)ladder_forget(&t);
    ladder_peer(&t, 1);
    peer_sends(&t, SEG_SYN, .mss = 1460);
    assert_verdict(&t, FT_RX_PASSIVE);
    assert_true(t.verdict_sock == t.listener);
    assert_int_equal(stack_counts(&t).verdicts[FT_RX_PASSIVE], c.verdicts[FT_RX_PASSIVE] + 1);
    (void)ladder_forget(&t);
    peer_sends(&t, SEG_SYN, .dport = 81);
    assert_verdict(&t, FT_RX_NO_SOCKET);
    assert_true(t.verdict_sock == -1);
    assert_int_equal(stack_counts(&t).verdicts[FT_RX_NO_SOCKET], c.verdicts[FT_RX_NO_SOCKET] + 1);
    stack_sends(&t, SEG_RST | SEG_ACK, .sport = 81);
    ladder_close(&t);
}

/* A specific address comes before the wildcard. Two names of one port need SO_REUSEADDR and only
   one of them listening, or SO_REUSEPORT. */
static void a_specific_address_comes_before_the_wildcard(void **state)
{
    struct ft_addr any = addr_v4(0), ours = addr_v4(0x0a070001);
    struct ladder t;
    ft_sock socks[2];
    int on = 1;

    (void)state;
    ladder_open(&t);
    for (unsigned i = 0; i < 2; i++) {
        socks[i] = stream(&t);
        assert_int_equal(
            ft_setsockopt(t.stack, socks[i], SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
        assert_int_equal(bind_to(&t, socks[i], i ? &ours : &any, 80), 0);
        assert_int_equal(ft_listen(t.stack, socks[i], 8), 0);
    }
    peer_sends(&t, SEG_SYN, .mss = 1460);
    assert_verdict(&t, FT_RX_PASSIVE);
    assert_true(t.verdict_sock == socks[1]);
    (void)ladder_forget(&t);
    peer_sends(&t, SEG_RST);
    assert_int_equal(ft_close(t.stack, socks[1]), 0);
    peer_sends(&t, SEG_SYN, .seq = 5000, .mss = 1460);
    assert_true(t.verdict_sock == socks[0]);
    (void)ladder_forget(&t);
    assert_int_equal(ft_close(t.stack, socks[0]), 0);
    ladder_close(&t);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

/* A descriptor that was closed is -EBADF for ever, though its place is used again. */
static void a_stale_descriptor_is_bad_for_ever(void **state)
{
    struct sockaddr_storage name;
    socklen_t len = sizeof(name);
    struct ladder t;
    uint8_t octet = 0;
    ft_sock first;

    (void)state;
    ladder_open(&t);
    first = stream(&t);
    assert_int_equal(ft_close(t.stack, first), 0);
    for (unsigned i = 0; i < 1000; i++) {
        ft_sock sock = stream(&t);

        assert_true(sock != first);
        assert_int_equal(ft_close(t.stack, first), -EBADF);
        assert_int_equal(ft_close(t.stack, sock), 0);
    }
    assert_int_equal(ft_send(t.stack, first, &octet, 1, 0), -EBADF);
    assert_int_equal(ft_recv(t.stack, first, &octet, 1, 0), -EBADF);
    assert_int_equal(ft_listen(t.stack, first, 1), -EBADF);
    assert_int_equal(ft_accept(t.stack, first, NULL, NULL), -EBADF);
    assert_int_equal(ft_abort(t.stack, first), -EBADF);
    assert_int_equal(ft_shutdown(t.stack, first, SHUT_WR), -EBADF);
    assert_int_equal(ft_getsockname(t.stack, first, (struct sockaddr *)&name, &len), -EBADF);
    assert_int_equal(ft_watch(t.stack, first, FT_READABLE, NULL), -EBADF);
    assert_int_equal(ft_unpin(t.stack, first), -EBADF);
    assert_int_equal(ft_ready(t.stack, first), 0);
    assert_int_equal(ft_close(t.stack, -1), -EBADF);
    assert_int_equal(ft_close(t.stack, INT64_MAX), -EBADF);
    ladder_close(&t);
}

/* After a close no event of the socket comes; after a reset it stays valid until it is closed. */
static void no_event_comes_after_a_close_and_a_reset_leaves_the_descriptor(void **state)
{
    struct ft_event event;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    assert_int_equal(ft_watch(t.stack, t.peer->sock, FT_READABLE, &t), 0);
    peer_sends(&t, SEG_RST, .seq = 101);
    assert_int_equal(ft_events(t.stack, &event, 1), 1);
    assert_true(event.user == &t && event.sock == t.peer->sock);
    assert_true(event.mask & FT_HANGUP);
    assert_int_equal(error_of(&t, t.peer->sock), ECONNRESET);
    ladder_peer(&t, 1);
    peer_connects(&t, .mss = 1460);
    assert_int_equal(ft_watch(t.stack, t.peer->sock, FT_READABLE, &t), 0);
    peer_sends(&t, SEG_ACK, .len = 1);
    user_closes(&t);
    assert_int_equal(ft_events(t.stack, &event, 1), 0);
    (void)ladder_forget(&t);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_passive_socket_refuses_octets),
        cmocka_unit_test(an_unconnected_socket_refuses_octets),
        cmocka_unit_test(a_name_that_is_listened_on_is_taken),
        cmocka_unit_test(thousands_of_active_sockets_share_one_name),
        cmocka_unit_test(connect_tells_that_the_host_does_not_answer),
        cmocka_unit_test(connect_tells_that_no_neighbour_answers),
        cmocka_unit_test(connect_tells_what_icmp_says_of_the_host),
        cmocka_unit_test(connect_tells_that_no_route_leads_there),
        cmocka_unit_test(connect_tells_that_the_host_refuses),
        cmocka_unit_test(a_reset_just_after_accepting_is_told_at_the_first_use),
        cmocka_unit_test(so_error_tells_how_an_attempt_failed_once),
        cmocka_unit_test(a_segment_is_for_its_four_tuple_then_for_its_name_then_for_nobody),
        cmocka_unit_test(a_specific_address_comes_before_the_wildcard),
        cmocka_unit_test(a_stale_descriptor_is_bad_for_ever),
        cmocka_unit_test(no_event_comes_after_a_close_and_a_reset_leaves_the_descriptor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
