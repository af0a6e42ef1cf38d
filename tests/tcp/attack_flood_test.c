/* SPDX-License-Identifier: MIT */
/*
 * Floods and misers: those who make the stack hold on to memory, connections or its attention, by
 * many small things or by long silence.
 */
#include "honest.h"

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

static void flood_of_syns(struct ladder *t, unsigned ms)
{
    for (uint32_t i = 0; i < 100; i++) {
        struct ft_addr liar = addr_v4(0x0a080000 + (ms * 100 + i) % 60000);

        use_port(t, (uint16_t)(1024 + i));
        t->batch = i % 50 != 0;
        peer_sends(t, SEG_SYN, .src = &liar, .mss = 1460);
    }
    t->batch = false;
}

/* RFC 4987: half-open connections are bounded, and who means it gets through. */
/* proves: A-90 */
static void a_flood_of_syns_leaves_room_for_others(void **state)
{
    enum { N = MANY(1000000, 100000) };
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    ft_time calm = honest_time(&t, NULL);
    uint64_t before = stack_counts(&t).now_memory;
    for (uint32_t i = 0; i < N; i++) {
        check_some(&t, i);
        struct ft_addr liar = addr_v4(0x0a070100 + i % 5000);

        use_port(&t, (uint16_t)(1024 + i / 5000));
        t.batch = true;
        peer_sends(&t, SEG_SYN, .src = &liar, .mss = 1460);
        if (i % 50 == 0)
            (void)ladder_forget(&t);
        if (i % 1000 == 0) { /* each of them gets through at once */
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
    t.batch = t.unchecked = false;
    (void)ladder_forget(&t);
    assert_true(stack_counts(&t).now_half_open <= 9); /* the backlog and one */
    assert_true(stack_counts(&t).now_memory < before + 1000000);
    honest_has_half_its_speed(&t, flood_of_syns, calm);
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
   a hundred million guesses find no more than three times that. */
/* proves: A-91 */
static void millions_of_guesses_find_what_chance_allows(void **state)
{
    enum { N = MANY(100000000, 10000000) };
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
    assert_in_range(n_good, 0, 3u * (N >> 24) + 3);
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

/* A peer that asks for something and then has no room for it. */
static ft_sock miser(struct ladder *t, uint16_t port)
{
    static uint8_t octets[8192];
    int timeout = 60000;

    shake_hands(t, port);
    ft_sock sock = ft_accept(t->stack, t->listener, NULL, NULL);
    assert_true(sock >= 0);
    (void)ft_setsockopt(t->stack, sock, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
    peer_sends(t, SEG_ACK, .len = 1, .wnd = 0);
    assert_int_equal(ft_send(t->stack, sock, octets, sizeof(octets), 0), sizeof(octets));
    (void)ladder_forget(t);
    return sock;
}

/* CVE-2008-4609: windows of zero for ever cost a bounded share, and an end at last. */
/* proves: A-92 */
static void zero_windows_hold_no_more_than_their_buffers(void **state)
{
    enum { N = MANY(10000, 1000), LIMIT = N << 15 };
    static ft_sock socks[N];
    static uint8_t octets[8192];
    struct ladder t;
    unsigned n_alive = 0, n_refused = 0;

    (void)state;
    ladder_init(&t);
    t.unchecked = true;
    t.config.limits.memory_max = LIMIT;
    ladder_start(&t);
    stack_listens(&t);
    ft_time calm = honest_time(&t, NULL);
    for (unsigned i = 0; i < N; i++) {
        socks[i] = miser(&t, (uint16_t)(10000 + i));
        if (i % 50 == 0)
            after_ms(&t, 1);
        (void)ladder_forget(&t);
    }
    honest_has_half_its_speed(&t, NULL, calm);
    for (unsigned i = 0; i < N; i++) { /* 800 kB for each of them if there were no limit */
        for (unsigned k = 0; k < 100; k++)
            if (ft_send(t.stack, socks[i], octets, sizeof(octets), 0) < 0)
                break;
        n_refused += ft_send(t.stack, socks[i], octets, 1, 0) < 0;
    }
    assert_true(n_refused > N / 2);
    assert_true(stack_counts(&t).now_memory <= LIMIT);
    /* Full as it is, a newcomer is served at once, out of what small chunks leave. */
    ladder_peer(&t, 0);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_ACK, .len = 200);
    user_reads(&t, 200);
    user_writes(&t, 1000);
    stack_sends(&t, SEG_ACK, .len = 1000);
    peer_sends(&t, SEG_ACK);
    assert_int_equal(stack_counts(&t).tcp_misers_evicted, 0);
    for (unsigned s = 0; s < 700; s++) {
        after_ms(&t, 100);
        (void)ladder_forget(&t);
    }
    uint64_t resets = stack_counts(&t).tcp_resets_out;
    for (unsigned i = 0; i < N; i++) {
        struct ft_sock_info info;

        assert_int_equal(ft_sock_info(t.stack, socks[i], &info), 0);
        n_alive += info.state != FT_TCP_CLOSED && info.send_q > 0;
        (void)ft_close(t.stack, socks[i]);
    }
    assert_int_equal(n_alive, 0);
    assert_true(resets >= N);
    honest_has_half_its_speed(&t, NULL, calm);
    ladder_close(&t);
}

/* Misers until nothing is left even for the first octets of one more. Return: how many. */
static unsigned fill_with_misers(struct ladder *t, ft_sock *ret_socks, unsigned most)
{
    static uint8_t octets[8192];

    for (unsigned i = 0; i < most; i++) {
        if (i % 50 == 0)
            after_ms(t, 1);
        (void)ladder_forget(t);
        shake_hands(t, (uint16_t)(1000 + i));
        ret_socks[i] = ft_accept(t->stack, t->listener, NULL, NULL);
        if (ret_socks[i] < 0)
            return i;
        peer_sends(t, SEG_ACK, .len = 1, .wnd = 0);
        (void)ft_send(t->stack, ret_socks[i], octets, sizeof(octets), 0);
    }
    return most;
}

/* RFC 6429 4: when windows of zero have filled the memory, those that have been so for some seconds
   give way to whoever comes, the first of them first. */
/* proves: A-92 */
static void zero_windows_give_way_to_a_newcomer(void **state)
{
    enum { N = MANY(30000, 3000), LIMIT = N << 13 };
    static ft_sock socks[N];
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.unchecked = true;
    t.config.limits.memory_max = LIMIT;
    ladder_start(&t);
    stack_listens(&t);
    ft_time calm = honest_time(&t, NULL);
    unsigned n = fill_with_misers(&t, socks, N);
    print_message("# %u misers, %llu of %u octets\n", n,
                  (unsigned long long)stack_counts(&t).now_memory, LIMIT);
    assert_true(stack_counts(&t).now_memory > LIMIT / 16 * 15);
    assert_int_equal(stack_counts(&t).tcp_misers_evicted, 0); /* it may be but a pause */
    for (unsigned s = 0; s < 50; s++) {
        after_ms(&t, 100);
        (void)ladder_forget(&t);
    }
    honest_has_half_its_speed(&t, NULL, calm);
    unsigned gone = (unsigned)stack_counts(&t).tcp_misers_evicted;
    print_message("# %u evicted\n", gone);
    assert_in_range(gone, 1, n - 1);
    for (unsigned i = 0; i < n; i++) {
        struct ft_sock_info info;

        assert_int_equal(ft_sock_info(t.stack, socks[i], &info), 0);
        assert_int_equal(info.state == FT_TCP_CLOSED, i < gone);
    }
    assert_true(stack_counts(&t).tcp_resets_out >= gone);
    assert_true(stack_counts(&t).now_memory <= LIMIT);
    ft_stack_check(t.stack);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(ft_abort(t.stack, socks[i]), 0);
    (void)ladder_forget(&t);
    ladder_close(&t);
}

enum orphan { FIN_WAIT_2, NO_WINDOW, WINDOW_TAKEN_BACK, ORPHAN_KINDS };

/* A connection that its user closes and its peer does not. */
static void make_orphan(struct ladder *t, enum orphan kind, uint16_t port)
{
    shake_hands(t, port);
    t->peer->sock = ft_accept(t->stack, t->listener, NULL, NULL);
    assert_true(t->peer->sock >= 0);
    switch (kind) {
    case FIN_WAIT_2: /* our FIN is acknowledged, theirs never comes */
        user_closes(t);
        (void)ladder_forget(t);
        peer_sends(t, SEG_ACK);
        break;
    case NO_WINDOW: /* FIN-WAIT-1: octets that have no window */
        peer_sends(t, SEG_ACK, .wnd = 0);
        user_writes(t, 1000);
        user_closes(t);
        break;
    case WINDOW_TAKEN_BACK: /* FIN-WAIT-1: from octets that are out */
        user_writes(t, 1000);
        (void)ladder_forget(t);
        peer_sends(t, SEG_ACK, .ack = 1, .wnd = 0);
        user_closes(t);
        break;
    case ORPHAN_KINDS:
        break;
    }
    (void)ladder_forget(t);
}

/* Orphans are limited in number and in time, in FIN-WAIT-1 and FIN-WAIT-2. */
/* proves: A-93 */
static void orphans_are_few_and_do_not_last(void **state)
{
    enum { N = MANY(10000, 1000), MOST = 20 };
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.limits.orphans_max = MOST;
    ladder_start(&t);
    stack_listens(&t);
    ft_time calm = honest_time(&t, NULL);
    uint64_t memory = stack_counts(&t).now_memory;
    for (unsigned kind = 0; kind < ORPHAN_KINDS; kind++) {
        uint64_t killed = stack_counts(&t).tcp_orphans_killed;

        for (unsigned i = 0; i < N; i++) {
            make_orphan(&t, (enum orphan)kind, (uint16_t)(10000 + N * kind + i));
            assert_true(stack_counts(&t).now_orphans <= MOST);
        }
        assert_int_equal(stack_counts(&t).now_orphans, MOST);
        honest_has_half_its_speed(&t, NULL, calm);
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
        assert_int_equal(stack_counts(&t).tcp_orphans_killed, killed + N);
        /* A few chunks and slabs are kept for the next. */
        assert_true(stack_counts(&t).now_memory <= memory + (3u << 19));
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
    enum { N = MANY(10000, 1000) };
    struct ladder t;

    (void)state;
    ladder_open(&t);
    t.unchecked = true;
    stack_listens(&t);
    ft_time calm = honest_time(&t, NULL);
    uint64_t before = stack_counts(&t).now_memory;
    for (unsigned i = 0; i < N; i++) {
        if (i % 100 == 0)
            after_ms(&t, 1);
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
    assert_int_equal(stack_counts(&t).now_orphans, N);
    honest_has_half_its_speed(&t, NULL, calm);
    for (unsigned i = 0; i < 16000; i++) {
        after_ms(&t, 25); /* nine timeouts, from 1 s to 120 s */
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
    assert_true(stack_counts(&t).now_connections >= 8);
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

/* CVE-2000-1039: who holds connections and says nothing costs little, and goes when it is dead. */
/* proves: A-96 */
static void idle_connections_are_small_and_delay_nobody(void **state)
{
    enum { N = MANY(100000, 10000), IDLE_OCTETS = 556 };
    static ft_sock socks[N];
    static struct ladder t;

    (void)state;
    ladder_open(&t);
    t.unchecked = true;
    stack_listens(&t);
    ft_time calm = honest_time(&t, NULL);
    user_sets(&t, SOL_SOCKET, SO_KEEPALIVE, 1);
    user_sets(&t, IPPROTO_TCP, TCP_KEEPIDLE, 60);
    user_sets(&t, IPPROTO_TCP, TCP_KEEPINTVL, 5);
    user_sets(&t, IPPROTO_TCP, TCP_KEEPCNT, 3);
    uint64_t memory = stack_counts(&t).now_memory;
    for (unsigned i = 0; i < N; i++) {
        struct ft_addr them = t.them;

        t.them = addr_v4(0x0a080000 + i / 50000);
        shake_hands(&t, (uint16_t)(10000 + i % 50000));
        t.them = them;
        socks[i] = ft_accept(t.stack, t.listener, NULL, NULL);
        assert_true(socks[i] >= 0);
        if (i % 50 == 0)
            after_ms(&t, 1);
    }
    memory = stack_counts(&t).now_memory - memory;
    assert_true(memory <= N * IDLE_OCTETS + 4 * 65536u); /* slabs that are not full */
    honest_has_half_its_speed(&t, NULL, calm);
    for (unsigned i = 0; i < 1000; i++) {
        after_ms(&t, 100);
        (void)ladder_forget(&t);
    }
    for (unsigned i = 0; i < N; i++) {
        struct ft_sock_info info;

        assert_int_equal(ft_sock_info(t.stack, socks[i], &info), 0);
        assert_int_equal(info.state, FT_TCP_CLOSED);
        assert_int_equal(ft_close(t.stack, socks[i]), 0);
    }
    assert_int_equal(stack_counts(&t).now_connections, 0);
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

static void tiny_gaps(struct ladder *t, unsigned ms)
{
    ladder_peer(t, 0);
    for (uint32_t i = 0; i < 100; i++)
        peer_sends(t, SEG_ACK, .seq = 103 + 2 * ((ms * 100 + i) % 30000), .len = 1);
}

/* CVE-2018-5390: gaps are bounded in number and cost, and so is what they hold. */
/* proves: A-98 */
static void tiny_gaps_are_bounded(void **state)
{
    enum { N = MANY(1000000, 100000) };
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460, .sack_ok = 1);
    ft_time calm = honest_time(&t, NULL);
    ladder_peer(&t, 0);
    uint64_t memory = stack_counts(&t).now_memory;
    uint64_t nodes = stack_counts(&t).steps_list_nodes;
    t.batch = true;
    for (uint32_t i = 0; i < N; i++) {
        check_some(&t, i);
        peer_sends(&t, SEG_ACK, .seq = 103 + 2 * (i % 30000), .len = 1);
    }
    t.batch = t.unchecked = false;
    (void)ladder_forget(&t);
    assert_true(stack_counts(&t).verdicts[FT_RX_DROP_BUFFER] >= N / 30000 * (30000 - 256));
    assert_true(stack_counts(&t).now_memory <= memory + 100000);
    assert_true(stack_counts(&t).steps_list_nodes - nodes <= 2 * N);
    honest_has_half_its_speed(&t, tiny_gaps, calm);
    ladder_peer(&t, 0);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 2000);
    user_reads(&t, 2000);
    ladder_close(&t);
}

static void single_octets(struct ladder *t, unsigned ms)
{
    (void)ms;
    ladder_peer(t, 0);
    for (unsigned i = 0; i < 100; i++)
        peer_sends(t, SEG_ACK, .len = 1);
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
    ft_time calm = honest_time(&t, NULL);
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
    honest_has_half_its_speed(&t, single_octets, calm);
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
        cmocka_unit_test(millions_of_guesses_find_what_chance_allows),
        cmocka_unit_test(an_old_cookie_is_reset),
        cmocka_unit_test(zero_windows_hold_no_more_than_their_buffers),
        cmocka_unit_test(zero_windows_give_way_to_a_newcomer),
        cmocka_unit_test(orphans_are_few_and_do_not_last),
        cmocka_unit_test(a_half_closed_socket_is_no_orphan),
        cmocka_unit_test(a_peer_that_vanishes_at_the_end_is_given_up),
        cmocka_unit_test(a_full_backlog_takes_no_more_until_it_is_emptied),
        cmocka_unit_test(idle_connections_are_small_and_delay_nobody),
        cmocka_unit_test(a_dead_idle_peer_is_reaped),
        cmocka_unit_test(tiny_gaps_are_bounded),
        cmocka_unit_test(single_octets_take_no_more_than_octets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
