/* SPDX-License-Identifier: MIT */
/*
 * TIME-WAIT: RFC 9293 3.6.1 and 3.10.7.4, RFC 1337, RFC 6191.
 */
#include "ladder.h"

/* A connection that we closed first: the entry stands, with SND.NXT 2 and RCV.NXT 102. */
static void open_and_close(struct ladder *t, int64_t tsval)
{
    peer_connects(t, .seq = 100, .mss = 1460, .tsval = tsval);
    user_closes(t);
    stack_sends(t, SEG_ACK | SEG_FIN, .seq = 1, .ack = 101);
    peer_sends(t, SEG_ACK | SEG_FIN, .seq = 101, .tsval = tsval,
               .tsecr = tsval == ANY ? ANY : t->seg.tsval);
    stack_sends(t, SEG_ACK, .seq = 2, .ack = 102);
    assert_int_equal(stack_counts(t).now_time_wait, 1);
    assert_int_equal(stack_counts(t).now_connections, 0);
}

/* RFC 9293 3.6.1: who closes first waits for 2 MSL, and Linux's MSL is 30 s. */
static void time_wait_lasts_a_minute(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    open_and_close(&t, ANY);
    after_ms(&t, 59900);
    assert_int_equal(stack_counts(&t).now_time_wait, 1);
    after_ms(&t, 200);
    assert_int_equal(stack_counts(&t).now_time_wait, 0);
    ladder_close(&t);
}

/* RFC 9293 3.6.1 with 3.4.2: under the RFC's profile MSL is 2 minutes. */
/* proves: MUST-13 */
static void under_the_rfc_profile_time_wait_lasts_four_minutes(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.profile = FT_PROFILE_RFC;
    ladder_start(&t);
    open_and_close(&t, ANY);
    after_ms(&t, 239900);
    assert_int_equal(stack_counts(&t).now_time_wait, 1);
    after_ms(&t, 200);
    assert_int_equal(stack_counts(&t).now_time_wait, 0);
    ladder_close(&t);
}

/* RFC 9293 3.10.7.4, eighth, TIME-WAIT: a FIN that comes again is acknowledged and restarts the
   timer. */
static void a_fin_that_comes_again_restarts_the_wait(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    open_and_close(&t, ANY);
    after_ms(&t, 50000);
    peer_sends(&t, SEG_ACK | SEG_FIN, .seq = 101, .ack = 2);
    stack_sends(&t, SEG_ACK, .seq = 2, .ack = 102);
    after_ms(&t, 50000);
    assert_int_equal(stack_counts(&t).now_time_wait, 1);
    after_ms(&t, 10100);
    assert_int_equal(stack_counts(&t).now_time_wait, 0);
    ladder_close(&t);
}

/* RFC 9293 3.6.1: a SYN above the old numbers may open the connection anew; an old duplicate may
   not, and is answered by an ACK. */
/* proves: MAY-2 */
static void a_newer_syn_opens_the_connection_anew(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    open_and_close(&t, ANY);
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460);
    stack_sends(&t, SEG_ACK, .seq = 2, .ack = 102);
    assert_int_equal(stack_counts(&t).now_time_wait, 1);
    peer_sends(&t, SEG_SYN, .seq = 5000, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 5001);
    assert_int_equal(stack_counts(&t).now_time_wait, 0);
    peer_sends(&t, SEG_ACK);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    assert_true(t.peer->sock >= 0);
    ladder_close(&t);
}

/* RFC 6191: with timestamps it is the later one that counts, whatever the sequence number. */
/* proves: SHLD-4 */
static void a_later_timestamp_opens_the_connection_anew(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    open_and_close(&t, 1000);
    peer_sends(&t, SEG_SYN, .seq = 5000, .mss = 1460, .tsval = 900);
    stack_sends(&t, SEG_ACK, .seq = 2, .ack = 102);
    peer_sends(&t, SEG_SYN, .seq = 50, .mss = 1460, .tsval = 1001);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 51, .tsecr = 1001);
    ladder_close(&t);
}

/* RFC 1337: a reset does not end TIME-WAIT. */
static void a_reset_does_not_end_the_wait(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    open_and_close(&t, ANY);
    peer_sends(&t, SEG_RST, .seq = 102);
    stack_sends_nothing(&t);
    assert_int_equal(stack_counts(&t).now_time_wait, 1);
    ladder_close(&t);
}

/* The entries are bounded: the oldest gives way. */
static void the_oldest_entry_gives_way(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.limits.time_wait_max = 2;
    ladder_start(&t);
    for (unsigned i = 0; i < 4; i++) {
        ladder_peer(&t, i);
        peer_connects(&t, .mss = 1460);
        user_closes(&t);
        stack_sends(&t, SEG_ACK | SEG_FIN, .seq = 1);
        peer_sends(&t, SEG_ACK | SEG_FIN);
        stack_sends(&t, SEG_ACK, .seq = 2);
    }
    assert_int_equal(stack_counts(&t).now_time_wait, 2);
    assert_int_equal(stack_counts(&t).tcp_time_wait_evicted, 2);
    ladder_close(&t);
}

/* One ephemeral port only, so that each open wants the same four-tuple. */
static void open_one_port(struct ladder *t, unsigned reuse)
{
    ladder_init(t);
    t->config.port_min = t->config.port_max = 40000;
    t->config.tw_reuse = (uint8_t)reuse;
    ladder_start(t);
}

/* An active open that we close first. */
static void connect_and_close(struct ladder *t, int64_t tsval)
{
    stack_connects(t, .mss = 1460, .tsval = tsval);
    user_closes(t);
    stack_sends(t, SEG_ACK | SEG_FIN, .seq = 1, .ack = 101);
    peer_sends(t, SEG_ACK | SEG_FIN, .seq = 101, .tsval = tsval,
               .tsecr = tsval == ANY ? ANY : t->seg.tsval);
    stack_sends(t, SEG_ACK, .seq = 2, .ack = 102);
    assert_int_equal(stack_counts(t).now_time_wait, 1);
    t->peer->sock = -1;
}

static int try_to_connect(struct ladder *t)
{
    struct sockaddr_storage name;
    socklen_t len = ladder_name(t, NULL, t->peer->port, &name);
    int err;

    t->peer->sock = ft_socket(t->stack, AF_INET, SOCK_STREAM, 0);
    err = ft_connect(t->stack, t->peer->sock, (struct sockaddr *)&name, len);
    if (err == -EINPROGRESS)
        return err;
    assert_int_equal(ft_close(t->stack, t->peer->sock), 0);
    t->peer->sock = -1;
    return err;
}

/* RFC 6191 at the side that opens, net.ipv4.tcp_tw_reuse: after a second the four-tuple is taken
   again; its numbers go on beyond the old ones, and its timestamps with them. */
static void an_active_open_takes_what_is_in_time_wait(void **state)
{
    struct ladder t;
    uint32_t end, tsval;

    (void)state;
    open_one_port(&t, FT_TW_REUSE_ALL);
    connect_and_close(&t, 5000);
    end = t.peer->iss + 2;
    tsval = (uint32_t)t.seg.tsval;
    after_ms(&t, 900);
    assert_int_equal(try_to_connect(&t), -EADDRNOTAVAIL);
    after_ms(&t, 200);
    connect_and_close(&t, 6000);
    assert_int_equal(t.peer->iss, end + 65537);
    assert_int_equal(t.seg.tsval, tsval + 1100);
    assert_int_equal(stack_counts(&t).tcp_time_wait_reused, 1);
    ladder_close(&t);
}

/* Without timestamps nothing tells old segments from new ones. */
static void without_timestamps_time_wait_is_waited_for(void **state)
{
    struct ladder t;

    (void)state;
    open_one_port(&t, FT_TW_REUSE_ALL);
    connect_and_close(&t, ANY);
    after_ms(&t, 50000);
    assert_int_equal(try_to_connect(&t), -EADDRNOTAVAIL);
    after_ms(&t, 10100);
    assert_int_equal(try_to_connect(&t), -EINPROGRESS);
    (void)ladder_forget(&t);
    ladder_close(&t);
}

/* As Linux: the default is for the loopback's addresses only; who names the port needs no leave. */
static void other_hosts_are_not_hurried(void **state)
{
    struct ladder t;
    struct sockaddr_in us = {.sin_family = AF_INET, .sin_port = htons(40000)};

    (void)state;
    ladder_init(&t);
    assert_int_equal(t.config.tw_reuse, FT_TW_REUSE_LOOPBACK);
    open_one_port(&t, FT_TW_REUSE_LOOPBACK);
    connect_and_close(&t, 5000);
    after_ms(&t, 50000);
    assert_int_equal(try_to_connect(&t), -EADDRNOTAVAIL);
    t.peer->sock = ft_socket(t.stack, AF_INET, SOCK_STREAM, 0);
    user_sets(&t, SOL_SOCKET, SO_REUSEADDR, 1);
    assert_int_equal(ft_bind(t.stack, t.peer->sock, (struct sockaddr *)&us, sizeof(us)),
                     -EADDRINUSE); /* the one in TIME-WAIT had not said so */
    ladder_close(&t);
    open_one_port(&t, FT_TW_REUSE_OFF);
    for (unsigned i = 0; i < 2; i++) {
        t.peer->sock = ft_socket(t.stack, AF_INET, SOCK_STREAM, 0);
        user_sets(&t, SOL_SOCKET, SO_REUSEADDR, 1);
        assert_int_equal(ft_bind(t.stack, t.peer->sock, (struct sockaddr *)&us, sizeof(us)), 0);
        connect_and_close(&t, 5000 + 1000 * i);
        after_ms(&t, 40);
    }
    assert_int_equal(stack_counts(&t).tcp_time_wait_reused, 1);
    ladder_close(&t);
}

/* Connections to the own host, one after the other, with fewer ports than a minute of them needs:
   the default lets them go on. */
static void a_host_does_not_run_out_of_ports_to_itself(void **state)
{
    struct ladder t;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(LADDER_PORT)};
    unsigned n_refused = 0;

    (void)state;
    ladder_init(&t);
    t.config.port_min = 40000;
    t.config.port_max = 40003;
    ladder_start(&t);
    stack_listens(&t);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (unsigned i = 0; i < 100; i++) {
        ft_sock a = ft_socket(t.stack, AF_INET, SOCK_STREAM, 0), b;
        int err = ft_connect(t.stack, a, (struct sockaddr *)&name, sizeof(name));

        if (err == -EADDRNOTAVAIL) {
            n_refused++;
            assert_int_equal(ft_close(t.stack, a), 0);
            after_ms(&t, 1100);
            continue;
        }
        assert_int_equal(err, -EINPROGRESS);
        (void)ladder_pump(&t);
        b = ft_accept(t.stack, t.listener, NULL, NULL);
        assert_true(b >= 0);
        assert_int_equal(ft_close(t.stack, a), 0);
        (void)ladder_pump(&t);
        assert_int_equal(ft_close(t.stack, b), 0);
        (void)ladder_pump(&t);
        ladder_check(&t);
    }
    assert_int_equal(n_refused, 20); /* each fifth */
    assert_int_equal(stack_counts(&t).tcp_time_wait_reused, 76);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_wait_lasts_a_minute),
        cmocka_unit_test(under_the_rfc_profile_time_wait_lasts_four_minutes),
        cmocka_unit_test(a_fin_that_comes_again_restarts_the_wait),
        cmocka_unit_test(a_newer_syn_opens_the_connection_anew),
        cmocka_unit_test(a_later_timestamp_opens_the_connection_anew),
        cmocka_unit_test(a_reset_does_not_end_the_wait),
        cmocka_unit_test(the_oldest_entry_gives_way),
        cmocka_unit_test(an_active_open_takes_what_is_in_time_wait),
        cmocka_unit_test(without_timestamps_time_wait_is_waited_for),
        cmocka_unit_test(other_hosts_are_not_hurried),
        cmocka_unit_test(a_host_does_not_run_out_of_ports_to_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
