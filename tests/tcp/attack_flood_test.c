/* SPDX-License-Identifier: MIT */
/*
 * Floods and misers: those who make the stack hold on to memory, connections or its attention, by
 * many small things or by long silence.
 */
#include "ladder.h"

#include "base/env.h"
#include "tcp/priv.h"

/* A port of the peer that is none of the ladder's own: everything is as at first. */
static void use_port(struct ladder *t, uint16_t port)
{
    ladder_peer(t, 7);
    t->peer->port = port;
    t->peer->sock = -1;
    t->peer->nxt = LADDER_PEER_ISN;
    t->peer->iss_known = false;
    t->peer->written = t->peer->read = 0;
    t->peer->wnd = 65535;
    t->peer->stack_port = LADDER_PORT;
}

/* The peer's SYN, the answer and its ACK. */
static void shake_hands(struct ladder *t, uint16_t port)
{
    use_port(t, port);
    peer_sends(t, SEG_SYN, .mss = 1460);
    stack_sends(t, SEG_SYN | SEG_ACK, .seq = 0, .ack = LADDER_PEER_ISN + 1);
    peer_sends(t, SEG_ACK);
}

/* RFC 4987: half-open connections are bounded, and who means it gets through. */
/* proves: A-90 */
static void a_flood_of_syns_leaves_room_for_others(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    uint64_t before = stack_counts(&t).now_memory;
    for (uint32_t i = 0; i < 100000; i++) {
        struct ft_addr liar = addr_v4(0x0a070100 + i % 5000);

        use_port(&t, (uint16_t)(1024 + i / 5000));
        t.batch = true;
        peer_sends(&t, SEG_SYN, .src = &liar, .mss = 1460);
        if (i % 50 == 0)
            (void)ladder_forget(&t);
        if (i % 1000 == 0) {
            t.batch = false;
            shake_hands(&t, (uint16_t)(20000 + i / 1000));
            t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
            assert_true(t.peer->sock >= 0);
            user_closes(&t);
            peer_sends(&t, SEG_RST, .seq = LADDER_PEER_ISN + 1);
            after_ms(&t, 10);
            (void)ladder_forget(&t);
        }
    }
    t.batch = false;
    (void)ladder_forget(&t);
    assert_true(stack_counts(&t).now_half_open <= 9); /* the backlog and one */
    assert_true(stack_counts(&t).now_memory < before + 1000000);
    ladder_peer(&t, 0);
    peer_sends(&t, SEG_ACK, .len = 1000);
    user_reads(&t, 1000);
    ladder_close(&t);
}

/* A half-open connection for which memory is refused is none the less answered, by a cookie. */
/* proves: A-90 */
static void a_syn_without_memory_is_answered_by_a_cookie(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    t.fail_at = t.n_allocs + 1; /* the first embryo's slab */
    peer_sends(&t, SEG_SYN, .mss = 1460);
    t.fail_at = 0;
    assert_int_equal(stack_counts(&t).tcp_cookies_sent, 1);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = LADDER_PEER_ISN + 1);
    peer_sends(&t, SEG_ACK);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    assert_true(t.peer->sock >= 0);
    ladder_close(&t);
}

/* RFC 4987 3.6: an ACK out of nothing makes a connection only by a cookie that was sent of late. */
/* proves: A-91 */
static void a_guessed_cookie_opens_nothing(void **state)
{
    struct ladder t;
    uint64_t seed = 3;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    assert_int_equal(ft_listen(t.stack, t.listener, 0), 0);
    for (unsigned round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 50000; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            use_port(&t, (uint16_t)(2000 + (seed >> 33) % 1000));
            t.peer->iss = 0;
            t.batch = i % 100 != 0;
            peer_sends(&t, SEG_ACK, .seq = (uint32_t)(seed >> 7), .ack = (uint32_t)(seed >> 31));
            if (!t.batch)
                (void)ladder_forget(&t);
        }
        (void)ladder_forget(&t);
        assert_int_equal(stack_counts(&t).tcp_cookies_good, 0);
        assert_int_equal(stack_counts(&t).now_connections, 0);
        /* Half open: now cookies are sent, and the second round is guessed among them. */
        for (uint16_t i = 0; i < 4; i++) {
            use_port(&t, (uint16_t)(100 + i));
            peer_sends(&t, SEG_SYN, .mss = 1460);
        }
        (void)ladder_forget(&t);
        assert_true(stack_counts(&t).tcp_cookies_sent > 0);
    }
    ladder_close(&t);
}

/* Of numbers that are plausible, one in 2^24 is right by chance, and one period or the one before:
   ten million guesses find no more than three times that. */
/* proves: A-91 */
static void ten_million_guesses_find_what_chance_allows(void **state)
{
    enum { N = 10000000 };
    static struct ft_env env = {.now = 1000 * FT_SEC};
    static struct ft_listener listener = {.cookies = true, .cookies_at = 1000 * FT_SEC};
    struct ft_tcp tcp = {.env = &env, .cookie_key = {1, 2, 3, 4, 5, 6, 7, 8}};
    struct ft_conn conn = {
        .local = addr_v4(0x0a070001), .remote = addr_v4(0x0a070002), .local_port = 80};
    struct tcp_embryo embryo;
    uint64_t seed = 1;
    unsigned n_good = 0;

    (void)state;
    for (unsigned i = 0; i < N; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        struct ft_tcp_seg seg = {.flags = SEG_ACK,
                                 .seq = seq_make((uint32_t)(seed >> 17)),
                                 .ack = seq_make((uint32_t)(seed >> 32))};

        conn.remote_port = (uint16_t)i;
        n_good += ft_cookie_check(&tcp, &listener, &conn, &seg, &embryo);
    }
    assert_in_range(n_good, 0, 3 * N / (1 << 24) + 1);
    listener.cookies = false; /* where nothing overflowed there is nothing to guess */
    for (unsigned i = 0; i < N / 100; i++) {
        struct ft_tcp_seg seg = {.flags = SEG_ACK, .ack = seq_make(i * 42767u)};

        assert_false(ft_cookie_check(&tcp, &listener, &conn, &seg, &embryo));
    }
}

/* The cookie of yesterday is none. */
/* proves: A-91 */
static void an_old_cookie_is_reset(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    assert_int_equal(ft_listen(t.stack, t.listener, 0), 0);
    use_port(&t, 100);
    peer_sends(&t, SEG_SYN, .mss = 1460);
    use_port(&t, 101);
    peer_sends(&t, SEG_SYN, .mss = 1460);
    (void)ladder_forget(&t);
    assert_int_equal(stack_counts(&t).tcp_cookies_sent, 1);
    uint32_t iss = t.peer->iss;
    after_ms(&t, 129000);
    (void)ladder_forget(&t);
    use_port(&t, 102); /* cookies are in use again */
    peer_sends(&t, SEG_SYN, .mss = 1460);
    use_port(&t, 103);
    peer_sends(&t, SEG_SYN, .mss = 1460);
    (void)ladder_forget(&t);
    assert_int_equal(stack_counts(&t).tcp_cookies_sent, 2);
    use_port(&t, 101);
    t.peer->iss = iss;
    t.peer->iss_known = true;
    peer_sends(&t, SEG_ACK, .seq = LADDER_PEER_ISN + 1, .ack = 1);
    stack_sends(&t, SEG_RST, .seq = 1);
    assert_int_equal(stack_counts(&t).now_connections, 0);
    ladder_close(&t);
}

/* CVE-2008-4609: windows of zero for ever cost a bounded share, and an end at last. */
/* proves: A-92 */
static void zero_windows_hold_no_more_than_their_buffers(void **state)
{
    enum { N = 400 };
    static ft_sock socks[N];
    static uint8_t octets[8192];
    struct ladder t;
    unsigned n_alive = 0;

    (void)state;
    ladder_init(&t);
    t.config.limits.memory_max = 20u << 20;
    ladder_start(&t);
    stack_listens(&t);
    int timeout = 60000;
    for (uint16_t i = 0; i < N; i++) {
        shake_hands(&t, (uint16_t)(10000 + i));
        socks[i] = ft_accept(t.stack, t.listener, NULL, NULL);
        assert_true(socks[i] >= 0);
        (void)ft_setsockopt(t.stack, socks[i], IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout,
                            sizeof(timeout));
        peer_sends(&t, SEG_ACK, .len = 1, .wnd = 0);
        for (unsigned k = 0; k < 100; k++)
            if (ft_send(t.stack, socks[i], octets, sizeof(octets), 0) < 0)
                break;
        (void)ladder_forget(&t);
    }
    assert_true(stack_counts(&t).now_memory <= 20u << 20);
    /* Full as it is, a newcomer is served. */
    ladder_peer(&t, 0);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_ACK, .len = 200);
    user_reads(&t, 200);
    user_writes(&t, 1000);
    stack_sends(&t, SEG_ACK, .len = 1000);
    peer_sends(&t, SEG_ACK);
    for (unsigned s = 0; s < 70; s++) {
        after_ms(&t, 1000);
        (void)ladder_forget(&t);
    }
    uint64_t resets = stack_counts(&t).tcp_resets_out;
    for (uint16_t i = 0; i < N; i++) {
        struct ft_sock_info info;

        assert_int_equal(ft_sock_info(t.stack, socks[i], &info), 0);
        n_alive += info.state != FT_TCP_CLOSED && info.send_q > 0;
        (void)ft_close(t.stack, socks[i]);
    }
    assert_int_equal(n_alive, 0);
    assert_true(resets > 0);
    (void)ladder_forget(&t);
    shake_hands(&t, 60000);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    assert_true(t.peer->sock >= 0);
    ladder_close(&t);
}

/* Orphans are limited in number and in time, in FIN-WAIT-1 and FIN-WAIT-2. */
/* proves: A-93 */
static void orphans_are_few_and_do_not_last(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.limits.orphans_max = 20;
    ladder_start(&t);
    stack_listens(&t);
    for (unsigned kind = 0; kind < 3; kind++) {
        for (uint16_t i = 0; i < 60; i++) {
            shake_hands(&t, (uint16_t)(10000 + 100 * kind + i));
            t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
            assert_true(t.peer->sock >= 0);
            if (kind == 0) { /* FIN-WAIT-2: our FIN is acknowledged, theirs never comes */
                user_closes(&t);
                (void)ladder_forget(&t);
                peer_sends(&t, SEG_ACK);
            } else if (kind == 1) { /* FIN-WAIT-1: octets that have no window */
                peer_sends(&t, SEG_ACK, .wnd = 0);
                user_writes(&t, 1000);
                user_closes(&t);
            } else { /* FIN-WAIT-1: the window is taken back from octets that are out */
                user_writes(&t, 1000);
                (void)ladder_forget(&t);
                peer_sends(&t, SEG_ACK, .ack = 1, .wnd = 0);
                user_closes(&t);
            }
            (void)ladder_forget(&t);
            assert_true(stack_counts(&t).now_orphans <= 20);
        }
        assert_int_equal(stack_counts(&t).now_orphans, 20);
        uint64_t killed = stack_counts(&t).tcp_orphans_killed;
        for (unsigned s = 0; s < (kind ? 600 : 62); s++) {
            after_ms(&t, 1000);
            while (ladder_take(&t)) {
                if (kind && !(t.seg.flags & SEG_RST)) { /* it answers every probe */
                    use_port(&t, t.seg.dst_port);
                    t.peer->iss = 0;
                    peer_sends(&t, SEG_ACK, .seq = LADDER_PEER_ISN + 1,
                               .ack = (uint32_t)(t.seg.seq.v + 1), .wnd = 0);
                }
            }
        }
        assert_int_equal(stack_counts(&t).now_orphans, 0);
        assert_int_equal(stack_counts(&t).now_unfinished, 0);
        assert_int_equal(stack_counts(&t).tcp_orphans_killed, killed + 20);
    }
    ladder_close(&t);
}

/* A half-closed socket that is in use is no orphan. */
/* proves: A-93 */
static void a_half_closed_socket_is_no_orphan(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    assert_int_equal(ft_shutdown(t.stack, t.peer->sock, SHUT_WR), 0);
    stack_sends(&t, SEG_FIN | SEG_ACK);
    peer_sends(&t, SEG_ACK);
    assert_int_equal(stack_counts(&t).now_orphans, 0);
    after_ms(&t, 3600000);
    peer_sends(&t, SEG_ACK, .len = 500);
    user_reads(&t, 500);
    assert_int_equal(stack_state(&t), FT_TCP_FIN_WAIT_2);
    ladder_close(&t);
}

/* CVE-2015-5358: whoever vanishes in LAST-ACK or CLOSING is given up by R2. */
/* proves: A-94 */
static void a_peer_that_vanishes_at_the_end_is_given_up(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    uint64_t before = stack_counts(&t).now_memory;
    for (uint16_t i = 0; i < 200; i++) {
        shake_hands(&t, (uint16_t)(10000 + i));
        t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
        user_writes(&t, 3000);
        if (i & 1)
            peer_sends(&t, SEG_ACK | SEG_FIN, .ack = 1); /* LAST-ACK */
        user_closes(&t);
        (void)ladder_forget(&t);
        if (!(i & 1))
            peer_sends(&t, SEG_ACK | SEG_FIN, .ack = 1); /* CLOSING */
        (void)ladder_forget(&t);
    }
    assert_int_equal(stack_counts(&t).now_orphans, 200);
    for (unsigned i = 0; i < 400; i++) {
        after_ms(&t, 1000); /* nine timeouts, from 1 s to 120 s */
        (void)ladder_forget(&t);
    }
    assert_int_equal(stack_counts(&t).now_orphans, 0);
    assert_int_equal(stack_counts(&t).now_connections, 0);
    /* A few chunks and slabs are kept for the next. */
    assert_true(stack_counts(&t).now_memory <= before + (3u << 19));
    ladder_close(&t);
}

/* CVE-2000-1039: what is not accepted counts, and the rest waits outside. */
/* proves: A-96 */
static void a_full_backlog_takes_no_more_until_it_is_emptied(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    for (uint16_t i = 0; i < 10000; i++) {
        use_port(&t, (uint16_t)(10000 + i));
        peer_sends(&t, SEG_SYN, .mss = 1460);
        (void)ladder_forget(&t);
        peer_sends(&t, SEG_ACK);
        (void)ladder_forget(&t);
    }
    assert_true(stack_counts(&t).now_connections <= 9);
    assert_true(stack_counts(&t).now_half_open <= 9);
    while ((t.peers[7].sock = ft_accept(t.stack, t.listener, NULL, NULL)) >= 0)
        assert_int_equal(ft_abort(t.stack, t.peers[7].sock), 0);
    t.peers[7].sock = -1;
    after_ms(&t, 64000); /* the embryos end */
    (void)ladder_forget(&t);
    shake_hands(&t, 30000);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    assert_true(t.peer->sock >= 0);
    ladder_close(&t);
}

/* CVE-2000-1039: a dead peer is found by keep-alive, and an idle connection is small. */
/* proves: A-96 */
static void a_dead_idle_peer_is_reaped(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    user_sets(&t, SOL_SOCKET, SO_KEEPALIVE, 1);
    user_sets(&t, IPPROTO_TCP, TCP_KEEPIDLE, 10);
    user_sets(&t, IPPROTO_TCP, TCP_KEEPINTVL, 5);
    user_sets(&t, IPPROTO_TCP, TCP_KEEPCNT, 3);
    peer_connects(&t, .mss = 1460);
    after_ms(&t, 26000);
    assert_int_equal(stack_state(&t), FT_TCP_CLOSED);
    assert_int_equal(user_gets(&t, SOL_SOCKET, SO_ERROR), ETIMEDOUT);
    (void)ladder_forget(&t);
    ladder_close(&t);
}

/* CVE-2018-5390: gaps are bounded in number and cost, and so is what they hold. */
/* proves: A-98 */
static void tiny_gaps_are_bounded(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460, .sack_ok = 1);
    uint64_t memory = stack_counts(&t).now_memory;
    uint64_t nodes = stack_counts(&t).steps_list_nodes;
    t.batch = true;
    for (uint32_t i = 0; i < 200000; i++)
        peer_sends(&t, SEG_ACK, .seq = 103 + 2 * (i % 30000), .len = 1);
    t.batch = false;
    (void)ladder_forget(&t);
    assert_true(stack_counts(&t).verdicts[FT_RX_DROP_BUFFER] >= 6 * (30000 - 256));
    assert_true(stack_counts(&t).now_memory <= memory + 100000);
    assert_true(stack_counts(&t).steps_list_nodes - nodes <= 2 * 200000);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 2000);
    user_reads(&t, 2000);
    ladder_close(&t);
}

/* Octets that come one by one take the memory of octets. */
/* proves: A-99 */
static void single_octets_take_no_more_than_octets(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    ladder_peer(&t, 1);
    peer_connects(&t, .mss = 1460);
    ladder_peer(&t, 0);
    user_sets(&t, SOL_SOCKET, SO_RCVBUF, 32768);
    uint64_t memory = stack_counts(&t).now_memory;
    for (uint32_t i = 0; i < 60000; i++) {
        t.batch = i % 64 != 0;
        peer_sends(&t, SEG_ACK, .len = 1);
        if (!t.batch)
            (void)ladder_forget(&t);
    }
    t.batch = false;
    (void)ladder_forget(&t);
    assert_true(stack_counts(&t).now_memory <= memory + 65536 + 32768);
    ladder_peer(&t, 1);
    peer_sends(&t, SEG_ACK, .len = 1000);
    user_reads(&t, 1000);
    ladder_peer(&t, 0);
    uint32_t full = stack_info(&t).recv_q;
    user_reads(&t, full);
    (void)ladder_forget(&t);
    assert_true(stack_info(&t).rcv_wnd >= 16000);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_of_syns_leaves_room_for_others),
        cmocka_unit_test(a_syn_without_memory_is_answered_by_a_cookie),
        cmocka_unit_test(a_guessed_cookie_opens_nothing),
        cmocka_unit_test(ten_million_guesses_find_what_chance_allows),
        cmocka_unit_test(an_old_cookie_is_reset),
        cmocka_unit_test(zero_windows_hold_no_more_than_their_buffers),
        cmocka_unit_test(orphans_are_few_and_do_not_last),
        cmocka_unit_test(a_half_closed_socket_is_no_orphan),
        cmocka_unit_test(a_peer_that_vanishes_at_the_end_is_given_up),
        cmocka_unit_test(a_full_backlog_takes_no_more_until_it_is_emptied),
        cmocka_unit_test(a_dead_idle_peer_is_reaped),
        cmocka_unit_test(tiny_gaps_are_bounded),
        cmocka_unit_test(single_octets_take_no_more_than_octets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
