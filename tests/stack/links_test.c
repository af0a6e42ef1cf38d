/* SPDX-License-Identifier: MIT */
/*
 * The ownership rules of frames, proven by three throwaway links: one that loops back, one that is
 * often full, and one that keeps frames for later while the connection is acknowledged, reset or
 * closed (fourtuple/iface.h).
 */
#include "pair.h"

static void connected(struct pair *p)
{
    assert_int_equal(pair_start(p), 0);
    assert_int_equal(pair_connect(p), 0);
    pair_after_ms(p, 2000);
    assert_true(pair_accept(p));
}

/* Both send @n octets to each other; the streams are compared on the way. */
static void transfer(struct pair *p, uint64_t n)
{
    for (unsigned rounds = 0; p->got[0] < n || p->got[1] < n; rounds++) {
        assert_true(rounds < 5000);
        for (unsigned who = 0; who < 2; who++) {
            if (p->sent[who] < n)
                (void)pair_write(p, who, (size_t)(n - p->sent[who]));
            (void)pair_read(p, who);
        }
        pair_after_ms(p, 10);
    }
    assert_int_equal(p->got[0], n);
    assert_int_equal(p->got[1], n);
}

static void close_both(struct pair *p)
{
    assert_int_equal(ft_close(p->host[0].stack, p->client), 0);
    assert_int_equal(ft_close(p->host[1].stack, p->server), 0);
    assert_int_equal(ft_close(p->host[1].stack, p->listener), 0);
    pair_after_ms(p, 3000);
}

/* Frames of a loopback interface go straight back in, spans and all, before they are given back. */
static void a_link_that_loops_back_carries_a_stream(void **state)
{
    enum { N = 300000 };
    struct pair p;
    struct ft_if_config lo = {.size = sizeof(lo), .name = "lo", .type = FT_IF_LOOPBACK};
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(80)};
    static uint8_t octets[N], back[N];
    uint8_t *bufs[8];
    ft_sock listener, client, server = -1;
    size_t sent = 0, got = 0;
    struct ft_stack *s;
    int ifindex;

    (void)state;
    pair_init(&p);
    assert_int_equal(pair_start(&p), 0);
    s = p.host[0].stack;
    lo.mtu = 65535;
    ifindex = ft_if_add(s, &lo);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (size_t i = 0; i < N; i++)
        octets[i] = (uint8_t)(i * 7 + i / 256);
    for (unsigned i = 0; i < 8; i++)
        bufs[i] = malloc(PAIR_BUF);
    listener = ft_socket(s, AF_INET, SOCK_STREAM, 0);
    client = ft_socket(s, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(ft_bind(s, listener, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(ft_listen(s, listener, 1), 0);
    assert_int_equal(ft_connect(s, client, (struct sockaddr *)&name, sizeof(name)), -EINPROGRESS);
    for (unsigned rounds = 0; got < N && rounds < 100000; rounds++) {
        struct ft_frame frames[8] = {{0}};
        ssize_t n;

        for (unsigned i = 0; i < 8; i++) {
            frames[i].buf = bufs[i];
            frames[i].cap = PAIR_BUF;
        }
        n = (ssize_t)ft_output(s, ifindex, frames, 8, p.now);
        ft_input(s, ifindex, frames, (size_t)n, p.now);
        ft_output_done(s, ifindex, frames, (size_t)n, (size_t)n);
        ft_stack_check(s);
        if (n == 0)
            p.now += FT_MS;
        if (server < 0)
            server = ft_accept(s, listener, NULL, NULL);
        n = ft_send(s, client, octets + sent, N - sent, 0);
        sent += n > 0 ? (size_t)n : 0;
        n = server >= 0 ? ft_recv(s, server, back + got, N - got, 0) : 0;
        got += n > 0 ? (size_t)n : 0;
    }
    assert_int_equal(got, N);
    assert_memory_equal(octets, back, N);
    for (unsigned i = 0; i < 8; i++)
        free(bufs[i]);
    pair_end(&p);
}

/* A link that is often full: what it gives back is sent again at once, and congestion control
   learns of no loss. */
static void a_link_that_is_often_full_loses_nothing(void **state)
{
    struct ft_counters c;
    struct ft_sock_info info;
    struct pair p;

    (void)state;
    for (unsigned seed = 1; seed < 6; seed++) {
        pair_init(&p);
        p.random = seed;
        connected(&p);
        p.refuse_1_in = 3;
        transfer(&p, 400000);
        assert_true(p.n_refused > 10);
        for (unsigned i = 0; i < 2; i++) {
            ft_counters(p.host[i].stack, &c);
            assert_int_equal(c.tcp_rto, 0);
            assert_int_equal(c.tcp_fast_retransmits, 0);
            assert_true(c.frames_unsent > 0);
            assert_int_equal(ft_sock_info(p.host[i].stack, i ? p.server : p.client, &info), 0);
            assert_int_equal(info.ssthresh, UINT32_MAX);
        }
        p.refuse_1_in = 0;
        close_both(&p);
        pair_end(&p);
    }
}

/* A link that takes nothing at first: handshake, FIN and all of it come through in the end. */
static void a_link_that_refuses_half_of_all_batches_ends_well(void **state)
{
    struct ft_counters c;
    struct pair p;

    (void)state;
    pair_init(&p);
    p.refuse_1_in = 2;
    connected(&p);
    transfer(&p, 100000);
    close_both(&p);
    pair_after_ms(&p, 20000); /* what TIME-WAIT answers is refused as often, and comes by a timer */
    for (unsigned i = 0; i < 2; i++) {
        ft_counters(p.host[i].stack, &c);
        assert_int_equal(c.now_connections, 0);
    }
    pair_end(&p);
}

/* A link that keeps frames: what they lent stays as it was though it is acknowledged meanwhile. */
static void a_link_may_keep_frames_across_their_acknowledgement(void **state)
{
    struct pair p;

    (void)state;
    pair_init(&p);
    p.keep = 100;
    connected(&p);
    transfer(&p, 500000);
    assert_true(p.host[0].n_kept > 0 && p.host[1].n_kept > 0);
    close_both(&p);
    pair_end(&p);
}

/* ... though the connection is reset meanwhile, or closed by either end. */
static void a_link_may_keep_frames_across_reset_and_close(void **state)
{
    struct ft_counters c;
    struct pair p;

    (void)state;
    for (unsigned how = 0; how < 4; how++) {
        pair_init(&p);
        p.keep = PAIR_HELD_MAX - PAIR_BATCH - 1;
        connected(&p);
        assert_true(pair_write(&p, 0, 10000) == 10000);
        p.unplugged = true;
        pair_carry(&p);
        p.unplugged = false;
        assert_true(p.host[0].n_kept > 5);
        if (how == 0)
            assert_int_equal(ft_abort(p.host[0].stack, p.client), 0);
        else if (how == 1)
            assert_int_equal(ft_abort(p.host[1].stack, p.server), 0);
        else if (how == 2)
            assert_int_equal(ft_close(p.host[0].stack, p.client), 0);
        pair_carry(&p);
        /* New connections use the memory that was given up; the kept frames must not show it. */
        p.sent[0] = p.got[0] = 0;
        if (how == 0 || how == 1) {
            if (how == 1)
                assert_int_equal(ft_close(p.host[0].stack, p.client), 0);
            assert_int_equal(ft_close(p.host[1].stack, p.listener), 0);
            if (how == 0)
                assert_int_equal(ft_close(p.host[1].stack, p.server), 0);
            p.server = -1;
            assert_int_equal(pair_connect(&p), 0);
            pair_after_ms(&p, 50);
            assert_true(pair_accept(&p));
            assert_true(pair_write(&p, 0, 50000) == 50000);
        }
        pair_give_back(&p, 0, how % 2 == 0);
        pair_carry(&p);
        ft_counters(p.host[0].stack, &c);
        pair_end(&p);
    }
}

/* ft_output() lends no more than frames_out_max frames. */
static void no_more_than_the_limit_is_out_at_a_time(void **state)
{
    struct pair p;
    struct ft_frame frames[64] = {{0}};
    size_t n;

    (void)state;
    pair_init(&p);
    p.config.limits.frames_out_max = 8;
    connected(&p);
    assert_true(pair_write(&p, 0, 60000) == 60000);
    for (unsigned i = 0; i < 64; i++) {
        frames[i].buf = malloc(PAIR_BUF);
        frames[i].cap = PAIR_BUF;
    }
    n = ft_output(p.host[0].stack, p.host[0].ifindex, frames, 64, p.now);
    assert_int_equal(n, 8);
    assert_int_equal(ft_output(p.host[0].stack, p.host[0].ifindex, frames + 8, 56, p.now), 0);
    ft_stack_check(p.host[0].stack);
    ft_output_done(p.host[0].stack, p.host[0].ifindex, frames, 8, 0);
    n = ft_output(p.host[0].stack, p.host[0].ifindex, frames, 64, p.now);
    assert_int_equal(n, 8);
    ft_output_done(p.host[0].stack, p.host[0].ifindex, frames, 8, 8);
    for (unsigned i = 0; i < 64; i++)
        free(frames[i].buf);
    pair_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_that_loops_back_carries_a_stream),
        cmocka_unit_test(a_link_that_is_often_full_loses_nothing),
        cmocka_unit_test(a_link_that_refuses_half_of_all_batches_ends_well),
        cmocka_unit_test(a_link_may_keep_frames_across_their_acknowledgement),
        cmocka_unit_test(a_link_may_keep_frames_across_reset_and_close),
        cmocka_unit_test(no_more_than_the_limit_is_out_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
