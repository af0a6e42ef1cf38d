/* SPDX-License-Identifier: MIT */
/*
 * Passive opens: RFC 9293 3.10.7.2, and 3.10.7.4 while a connection is half open.
 */
#include <fourtuple/tune.h>

#include "ladder.h"

/* A passive socket, and a connection of it that is half open: the SYN-ACK has been sent. */
static void open_half(struct ladder *t)
{
    ladder_open(t);
    stack_listens(t);
    peer_sends(t, SEG_SYN, .seq = 100, .mss = 1460);
    stack_sends(t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 101);
}

/* RFC 9293 3.10.7.2, third: a SYN is answered by <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>. */
static void a_syn_is_answered_and_its_ack_makes_a_connection(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_sends(&t, SEG_SYN, .seq = 100, .wnd = 65535, .mss = 1460);
    assert_verdict(&t, FT_RX_PASSIVE);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 101);
    assert_int_equal(ft_accept(t.stack, t.listener, NULL, NULL), -EAGAIN);
    peer_sends(&t, SEG_ACK);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    assert_true(t.peer->sock >= 0);
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    ladder_close(&t);
}

/* The same over IPv6. */
static void a_syn_over_ipv6_is_answered_and_its_ack_makes_a_connection(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open6(&t);
    peer_connects(&t, .mss = 1440);
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    ladder_close(&t);
}

/* RFC 7323 2.2: the scale is what the SYN-ACK has told, whatever becomes of the buffers before its
   ACK comes, and when it is sent again. */
static void the_scale_that_was_told_is_used(void **state)
{
    struct ft_tuning tuning;
    struct ladder t;
    int64_t told;

    (void)state;
    for (int again = 0; again < 2; again++) {
        for (uint32_t max = 8 << 20; max <= 64 << 20; max <<= 3) {
            ladder_open(&t);
            stack_listens(&t);
            peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460, .wscale = 7);
            stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0);
            told = t.seg.wscale;
            ft_tuning(t.stack, &tuning);
            tuning.recv_buffer_auto_max = max;
            assert_int_equal(ft_tune(t.stack, &tuning), 0);
            if (again) {
                peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460, .wscale = 7);
                stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .wscale = told);
            }
            peer_sends(&t, SEG_ACK, .seq = 101, .ack = 1);
            t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
            assert_int_equal(stack_tcp_info(&t).tcpi_rcv_wscale, told);
            ladder_close(&t);
        }
    }
}

/* RFC 9293 3.10.7.2, first: a reset for a passive socket is ignored. */
static void a_reset_for_a_passive_socket_is_ignored(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_sends(&t, SEG_RST, .seq = 100);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_RST | SEG_ACK, .seq = 100, .ack = 5);
    stack_sends_nothing(&t);
    peer_connects(&t, .mss = 1460);
    ladder_close(&t);
}

/* RFC 9293 3.10.7.2, second: an ACK for a passive socket is answered <SEQ=SEG.ACK><CTL=RST>. */
static void an_ack_for_a_passive_socket_is_reset(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_sends(&t, SEG_ACK, .seq = 100, .ack = 777);
    assert_verdict(&t, FT_RX_DROP_ACK);
    stack_sends(&t, SEG_RST, .seq = 777);
    peer_sends(&t, SEG_SYN | SEG_ACK, .seq = 100, .ack = 778);
    stack_sends(&t, SEG_RST, .seq = 778);
    assert_int_equal(stack_counts(&t).now_half_open, 0);
    ladder_close(&t);
}

/* RFC 9293 3.10.7.2, fourth: anything else for a passive socket is dropped. */
static void text_without_a_syn_for_a_passive_socket_is_dropped(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_sends(&t, 0, .seq = 100, .len = 10);
    peer_sends(&t, SEG_FIN, .seq = 100);
    peer_sends(&t, SEG_SYN | SEG_FIN, .seq = 100);
    assert_verdict(&t, FT_RX_DROP_FLAGS);
    stack_sends_nothing(&t);
    assert_int_equal(stack_counts(&t).now_half_open, 0);
    ladder_close(&t);
}

/* RFC 6298 5.5 and 5.7, RFC 9293 3.8.3: a SYN-ACK goes out again, each time twice as late, and at
   last the attempt is forgotten. */
/* proves: RTO-1 RTO-9 */
static void a_syn_ack_is_sent_again_and_at_last_given_up(void **state)
{
    static const unsigned waits_s[] = {1, 2, 4, 8, 16};
    struct ladder t;

    (void)state;
    open_half(&t);
    for (unsigned i = 0; i < 5; i++) {
        after_ms(&t, waits_s[i] * 1000 - 1);
        stack_sends_nothing(&t);
        after_ms(&t, 1);
        stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 101);
    }
    assert_int_equal(stack_counts(&t).now_half_open, 1);
    after_ms(&t, 32000);
    stack_sends_nothing(&t);
    assert_int_equal(stack_counts(&t).now_half_open, 0);
    assert_int_equal(stack_counts(&t).tcp_attempt_fails, 1);
    ladder_close(&t);
}

/* A SYN that comes again tells that the SYN-ACK was lost. */
static void a_syn_that_comes_again_gets_the_same_syn_ack(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 101);
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 101);
    assert_int_equal(stack_counts(&t).now_half_open, 1);
    ladder_close(&t);
}

/* RFC 7323 3.2. Found by the simulator (seed 3771): the SYN-ACK had been sent again, and while a
   busy link had not taken it the peer acknowledged the first; it left after octets that overtook
   it, with an older timestamp. */
static void a_syn_ack_that_waits_for_the_link_is_taken_back(void **state)
{
    struct ladder t;

    (void)state;
    for (unsigned is_v6 = 0; is_v6 < 2; is_v6++) {
        if (is_v6)
            ladder_open6(&t);
        else
            ladder_open(&t);
        stack_listens(&t);
        peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1220);
        stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 101);
        t.batch = true;
        peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1220);
        peer_sends(&t, SEG_ACK, .seq = 101, .ack = 1);
        t.batch = false;
        t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
        assert_true(t.peer->sock >= 0);
        stack_sends_nothing(&t);
        ladder_close(&t);
    }
}

/* RFC 5961 7. Found by the simulator (seed 1912): an old SYN came again while the peer was in
   TIME-WAIT; its ACK was answered by the SYN-ACK, that by the ACK, and so on. */
static void what_does_not_fit_an_embryo_is_answered_once(void **state)
{
    struct ladder t;

    (void)state;
    open_half(&t);
    peer_sends(&t, SEG_ACK, .seq = 500000, .ack = 777);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 101);
    peer_sends(&t, SEG_ACK, .seq = 500000, .ack = 777);
    stack_sends_nothing(&t);
    after_ms(&t, 1000);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 101);
    peer_sends(&t, SEG_ACK, .seq = 500000, .ack = 777);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 101);
    ladder_close(&t);
}

/* Found by the simulator (seed 516): the embryo was given up just after its peer, which had tried
   for a minute, had been answered at last, and the ACK was reset. */
static void who_is_answered_late_is_not_given_up_at_once(void **state)
{
    struct ladder t;

    (void)state;
    open_half(&t);
    for (unsigned i = 0; i < 5; i++) {
        after_ms(&t, 1000U << i);
        stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 101);
    }
    after_ms(&t, 31999);
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 101);
    after_ms(&t, 1000);
    assert_int_equal(stack_counts(&t).now_half_open, 1);
    peer_sends(&t, SEG_ACK, .seq = 101, .ack = 1);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    assert_true(t.peer->sock >= 0);
    ladder_close(&t);
}

/* RFC 9293 3.10.7.4, second, SYN-RECEIVED: after a passive OPEN a reset returns to LISTEN and the
   user is told nothing; only after an active one is the connection refused. */
/* proves: MUST-11 */
static void a_reset_of_a_half_open_connection_returns_to_listen(void **state)
{
    struct ladder t;

    (void)state;
    open_half(&t);
    peer_sends(&t, SEG_RST, .seq = 101);
    stack_sends_nothing(&t);
    assert_int_equal(stack_counts(&t).now_half_open, 0);
    assert_int_equal(ft_ready(t.stack, t.listener), 0);
    peer_connects(&t, .seq = 5000, .mss = 1460);
    ladder_close(&t);
}

/* RFC 9293 3.10.7.4, first, and RFC 5961 4.2: a peer that has crashed and begins anew finds a
   half-open connection of its former life. It is told of that, in and out of the window, so that it
   can reset it; without an answer it would be shut out until the embryo is given up. */
static void a_peer_that_began_anew_learns_of_its_former_attempt(void **state)
{
    static const uint32_t isns[] = {5000, 50, 0x80000000u};
    struct ladder t;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        open_half(&t);
        peer_sends(&t, SEG_SYN, .seq = isns[i], .mss = 1460);
        stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 101);
        assert_int_equal(stack_counts(&t).now_half_open, 1);
        peer_sends(&t, SEG_RST, .seq = 101);
        stack_sends_nothing(&t);
        assert_int_equal(stack_counts(&t).now_half_open, 0);
        t.peer->iss_known = false;
        peer_connects(&t, .seq = isns[i], .mss = 1460);
        ladder_close(&t);
    }
}

/* RFC 9293 3.10.7.4, fifth, SYN-RECEIVED: an ACK of something else is reset, and the half-open
   connection stays. */
static void a_wrong_ack_of_a_half_open_connection_is_reset(void **state)
{
    struct ladder t;

    (void)state;
    open_half(&t);
    peer_sends(&t, SEG_ACK, .seq = 101, .ack = 2);
    stack_sends(&t, SEG_RST, .seq = 2);
    peer_sends(&t, SEG_ACK, .seq = 101, .ack = 0);
    stack_sends(&t, SEG_RST, .seq = 0);
    peer_sends(&t, SEG_ACK, .seq = 101, .ack = 1);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    assert_true(t.peer->sock >= 0);
    ladder_close(&t);
}

/* RFC 9293 3.10.7.4: the ACK that completes the handshake may carry text and FIN. */
static void text_and_fin_with_the_handshakes_ack_count(void **state)
{
    struct ladder t;

    (void)state;
    open_half(&t);
    peer_sends(&t, SEG_ACK | SEG_FIN, .len = 20);
    stack_sends(&t, SEG_ACK, .ack = 122);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    assert_int_equal(stack_state(&t), FT_TCP_CLOSE_WAIT);
    user_reads(&t, 20);
    user_reads_nothing(&t, 0);
    ladder_close(&t);
}

static ft_sock bound(struct ladder *t, const struct ft_addr *addr, uint16_t port, bool reuse)
{
    struct sockaddr_storage name;
    socklen_t len = ladder_name(t, addr, port, &name);
    ft_sock sock = ft_socket(t->stack, AF_INET, SOCK_STREAM, 0);
    int on = reuse;

    assert_int_equal(ft_setsockopt(t->stack, sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    assert_int_equal(ft_bind(t->stack, sock, (struct sockaddr *)&name, len), 0);
    return sock;
}

/* RFC 9293 3.9.1.1: a passive OPEN makes a new record and changes none that is there. */
/* proves: MUST-41 */
static void a_passive_open_leaves_connections_of_the_name_alone(void **state)
{
    struct ft_addr any = addr_v4(0);
    struct ladder t;

    (void)state;
    ladder_open(&t);
    t.listener = bound(&t, &any, LADDER_PORT, true);
    assert_int_equal(ft_listen(t.stack, t.listener, 8), 0);
    peer_connects(&t, .mss = 1460);
    assert_int_equal(ft_close(t.stack, t.listener), 0);
    t.listener = bound(&t, &any, LADDER_PORT, true);
    assert_int_equal(ft_listen(t.stack, t.listener, 8), 0);
    user_writes(&t, 100);
    stack_sends(&t, SEG_ACK, .seq = 1, .ack = 101, .len = 100);
    peer_sends(&t, SEG_ACK, .len = 50);
    stack_sends(&t, SEG_ACK, .seq = 101, .ack = 151);
    user_reads(&t, 50);
    ladder_peer(&t, 1);
    peer_connects(&t, .mss = 1460);
    ladder_close(&t);
}

/* RFC 9293 3.9.1.1: LISTEN is possible on a port with which another connection is in SYN-SENT or
   SYN-RECEIVED. */
/* proves: MUST-42 */
static void one_may_listen_on_a_port_that_is_connecting(void **state)
{
    struct ft_addr any = addr_v4(0);
    struct ladder t;

    (void)state;
    ladder_open(&t);
    t.peer->sock = bound(&t, &any, LADDER_PORT, true);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0, .sport = LADDER_PORT);
    t.listener = bound(&t, &any, LADDER_PORT, true);
    assert_int_equal(ft_listen(t.stack, t.listener, 8), 0);
    ladder_peer(&t, 1);
    peer_sends(&t, SEG_SYN, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0);
    ladder_peer(&t, 0);
    peer_sends(&t, SEG_SYN | SEG_ACK, .mss = 1460);
    stack_sends(&t, SEG_ACK, .seq = 1);
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    ladder_close(&t);
}

/* RFC 9293 3.9.1.1: a passive OPEN may name a local address, and then hears no other. */
/* proves: MUST-43 */
static void a_passive_socket_with_an_address_hears_no_other(void **state)
{
    struct ft_addr other = addr_v4(0x0a070007);
    struct ladder t;

    (void)state;
    ladder_open(&t);
    assert_int_equal(ft_addr_add(t.stack, t.eth, &other, 24, 0), 0);
    t.listener = bound(&t, &other, LADDER_PORT, false);
    assert_int_equal(ft_listen(t.stack, t.listener, 8), 0);
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460);
    assert_verdict(&t, FT_RX_NO_SOCKET);
    stack_sends(&t, SEG_RST | SEG_ACK, .seq = 0, .ack = 101);
    peer_sends(&t, SEG_SYN, .seq = 200, .mss = 1460, .dst = &other);
    assert_verdict(&t, FT_RX_PASSIVE);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 201);
    peer_sends(&t, SEG_RST, .dst = &other);
    ladder_close(&t);
}

/* RFC 9293 3.9.2.3: a SYN to a broadcast or multicast address is dropped in silence. */
/* proves: MUST-57 */
static void a_syn_to_many_is_dropped_in_silence(void **state)
{
    const struct ft_addr all = addr_v4(0xffffffff), net = addr_v4(0x0a0700ff);
    const struct ft_addr group = addr_v4(0xe0000001);
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_sends(&t, SEG_SYN, .seq = 100, .dst = &all, .l2_broadcast = true);
    peer_sends(&t, SEG_SYN, .seq = 100, .dst = &net, .l2_broadcast = true);
    peer_sends(&t, SEG_SYN, .seq = 100, .dst = &group, .l2_broadcast = true);
    peer_sends(&t, SEG_SYN, .seq = 100, .l2_broadcast = true);
    stack_sends_nothing(&t);
    assert_int_equal(stack_counts(&t).now_half_open, 0);
    assert_int_equal(t.n_other, 0);
    ladder_close(&t);
}

/* RFC 9293 3.9.2.3: a SYN from an address that cannot be a source is ignored. */
/* proves: MUST-63 */
static void a_syn_from_an_impossible_source_is_ignored(void **state)
{
    const uint32_t sources[] = {0xffffffff, 0xe0000001, 0x0a0700ff, 0x7f000001, 0, 0xf0000001};
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        struct ft_addr src = addr_v4(sources[i]);

        peer_sends(&t, SEG_SYN, .seq = 100, .src = &src);
        assert_verdict(&t, FT_RX_DROP_MARTIAN);
        stack_sends_nothing(&t);
    }
    peer_sends(&t, SEG_SYN, .seq = 100, .sport = 0);
    assert_verdict(&t, FT_RX_DROP_MARTIAN);
    stack_sends_nothing(&t);
    assert_int_equal(stack_counts(&t).now_half_open, 0);
    ladder_close(&t);
}

/* What Linux does: with the backlog full the last ACK is dropped, and the peer tries again. */
static void a_full_backlog_drops_the_ack_and_takes_it_later(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    assert_int_equal(ft_listen(t.stack, t.listener, 1), 0);
    peer_connects(&t, .mss = 1460);
    for (unsigned i = 1; i < 4; i++) {
        ladder_peer(&t, i);
        peer_sends(&t, SEG_SYN, .mss = 1460);
        stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0);
        if (i == 1)
            peer_sends(&t, SEG_ACK);
    }
    ladder_peer(&t, 2);
    peer_sends(&t, SEG_ACK);
    ladder_peer(&t, 3);
    peer_sends(&t, SEG_ACK);
    assert_verdict(&t, FT_RX_DROP_BACKLOG);
    stack_sends_nothing(&t);
    for (unsigned i = 1; i < 3; i++) {
        t.peers[i].sock = ft_accept(t.stack, t.listener, NULL, NULL);
        assert_true(t.peers[i].sock >= 0);
    }
    after_ms(&t, 1000);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0);
    peer_sends(&t, SEG_ACK);
    t.peers[3].sock = ft_accept(t.stack, t.listener, NULL, NULL);
    assert_true(t.peers[3].sock >= 0);
    ladder_close(&t);
}

/* RFC 9293 3.10.4, LISTEN: after CLOSE a segment for the name meets nobody, and what was half open
   or not accepted yet is reset. */
static void closing_a_passive_socket_resets_what_waits(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_sends(&t, SEG_SYN, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0);
    peer_sends(&t, SEG_ACK);
    ladder_peer(&t, 1);
    peer_sends(&t, SEG_SYN, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0);
    assert_int_equal(ft_close(t.stack, t.listener), 0);
    t.listener = -1;
    ladder_peer(&t, 0);
    stack_sends(&t, SEG_RST | SEG_ACK, .seq = 1);
    ladder_peer(&t, 1);
    peer_sends(&t, SEG_ACK);
    stack_sends(&t, SEG_RST, .seq = 1);
    assert_int_equal(stack_counts(&t).now_half_open, 0);
    ladder_close(&t);
}

/* As Linux, which frees what is half open together with its passive socket: the name can be bound
   again without SO_REUSEADDR, and the SYN that comes again is the next one's. */
static void what_was_half_open_does_not_outlive_its_passive_socket(void **state)
{
    struct ft_addr any = addr_v4(0);
    struct ladder t;

    (void)state;
    ladder_open(&t);
    t.listener = bound(&t, &any, LADDER_PORT, false);
    assert_int_equal(ft_listen(t.stack, t.listener, 8), 0);
    peer_sends(&t, SEG_SYN, .seq = 100, .wnd = 65535, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 101);
    assert_int_equal(ft_close(t.stack, t.listener), 0);
    t.listener = bound(&t, &any, LADDER_PORT, false);
    peer_sends(&t, SEG_SYN, .seq = 100, .wnd = 65535, .mss = 1460);
    assert_verdict(&t, FT_RX_NO_SOCKET);
    stack_sends(&t, SEG_RST | SEG_ACK, .ack = 101);
    assert_int_equal(stack_counts(&t).now_half_open, 0);
    ladder_peer(&t, 1);
    assert_int_equal(ft_listen(t.stack, t.listener, 8), 0);
    peer_sends(&t, SEG_SYN, .seq = 500, .wnd = 65535, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 501);
    assert_int_equal(ft_close(t.stack, t.listener), 0);
    t.listener = bound(&t, &any, LADDER_PORT, false);
    assert_int_equal(ft_listen(t.stack, t.listener, 8), 0);
    peer_sends(&t, SEG_SYN, .seq = 500, .wnd = 65535, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 501);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_syn_is_answered_and_its_ack_makes_a_connection),
        cmocka_unit_test(a_syn_over_ipv6_is_answered_and_its_ack_makes_a_connection),
        cmocka_unit_test(the_scale_that_was_told_is_used),
        cmocka_unit_test(a_reset_for_a_passive_socket_is_ignored),
        cmocka_unit_test(an_ack_for_a_passive_socket_is_reset),
        cmocka_unit_test(text_without_a_syn_for_a_passive_socket_is_dropped),
        cmocka_unit_test(a_syn_ack_is_sent_again_and_at_last_given_up),
        cmocka_unit_test(a_syn_ack_that_waits_for_the_link_is_taken_back),
        cmocka_unit_test(what_does_not_fit_an_embryo_is_answered_once),
        cmocka_unit_test(who_is_answered_late_is_not_given_up_at_once),
        cmocka_unit_test(a_syn_that_comes_again_gets_the_same_syn_ack),
        cmocka_unit_test(a_reset_of_a_half_open_connection_returns_to_listen),
        cmocka_unit_test(a_peer_that_began_anew_learns_of_its_former_attempt),
        cmocka_unit_test(a_wrong_ack_of_a_half_open_connection_is_reset),
        cmocka_unit_test(text_and_fin_with_the_handshakes_ack_count),
        cmocka_unit_test(a_passive_open_leaves_connections_of_the_name_alone),
        cmocka_unit_test(one_may_listen_on_a_port_that_is_connecting),
        cmocka_unit_test(a_passive_socket_with_an_address_hears_no_other),
        cmocka_unit_test(a_syn_to_many_is_dropped_in_silence),
        cmocka_unit_test(a_syn_from_an_impossible_source_is_ignored),
        cmocka_unit_test(a_full_backlog_drops_the_ack_and_takes_it_later),
        cmocka_unit_test(closing_a_passive_socket_resets_what_waits),
        cmocka_unit_test(what_was_half_open_does_not_outlive_its_passive_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
