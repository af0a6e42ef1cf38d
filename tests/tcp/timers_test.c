/* SPDX-License-Identifier: MIT */
/*
 * TIMEOUTS: RFC 9293 3.8.3 (giving up), 3.8.4 (keep-alive), 3.8.6.1 (probes), 3.8.6.3 (delayed
 * ACK), 3.10.8.
 */
#include "ladder.h"

/* ---- 3.8.3 R1 and R2 ------------------------------------------------------------------------- */

/* Lets time pass until the connection is CLOSED. Return: how long it took, seconds. */
static unsigned seconds_until_closed(struct ladder *t)
{
    unsigned s = 0;

    while (stack_state(t) != FT_TCP_CLOSED && s < 4000) {
        after_ms(t, 1000);
        (void)ladder_forget(t);
        s++;
    }
    return s;
}

/* RFC 9293 3.8.3: after R1 retransmissions (at least 3) IP is told to doubt the path; at R2 (at
   least 100 s) the connection is closed and the user told. */
/* proves: MUST-20 SHLD-10 SHLD-11 MUST-12 */
static void unanswered_octets_raise_doubt_and_then_close_the_connection(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1460);
    user_writes(&t, 100);
    stack_sends(&t, SEG_ACK, .len = 100);
    /* The neighbour is confirmed by the handshake; nobody asks for it before R1. */
    t.n_asked = 0;
    after_ms(&t, 200);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 100);
    after_ms(&t, 400);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 100);
    assert_int_equal(t.n_asked, 0);
    after_ms(&t, 800);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 100);
    after_ms(&t, 8000);
    (void)ladder_forget(&t);
    assert_true(t.n_asked > 0);
    assert_in_range(seconds_until_closed(&t), 100, 1000);
    user_reads_nothing(&t, -ETIMEDOUT);
    ladder_close(&t);
}

/* RFC 9293 3.8.3, 3.9.1.8: between R1 and R2 the user learns of the trouble: by TCP_INFO always,
   and under the RFC's profile by a report of its own. */
/* proves: SHLD-9 U-1 */
static void trouble_with_delivery_is_reported(void **state)
{
    struct ft_event event;
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.profile = FT_PROFILE_RFC;
    ladder_start(&t);
    stack_connects(&t, .mss = 1460);
    assert_int_equal(ft_watch(t.stack, t.peer->sock, FT_ERROR, &t), 0);
    user_writes(&t, 100);
    after_ms(&t, 300);
    assert_int_equal(ft_events(t.stack, &event, 1), 0);
    after_ms(&t, 5000);
    assert_true(stack_tcp_info(&t).tcpi_retransmits >= 3);
    assert_int_equal(ft_events(t.stack, &event, 1), 1);
    assert_true(event.mask & FT_ERROR);
    assert_int_equal(user_gets(&t, SOL_SOCKET, SO_ERROR), ETIMEDOUT);
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    (void)ladder_forget(&t);
    peer_sends(&t, SEG_ACK);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .seq = 101, .len = 10);
    ladder_close(&t);
}

/* RFC 9293 3.8.3: the user sets R2 for a connection. */
/* proves: MUST-21 */
static void the_user_sets_how_long_to_try(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1460);
    user_sets(&t, IPPROTO_TCP, TCP_USER_TIMEOUT, 5000);
    user_writes(&t, 100);
    assert_in_range(seconds_until_closed(&t), 5, 6);
    user_reads_nothing(&t, -ETIMEDOUT);
    ladder_close(&t);
    ladder_open(&t);
    stack_connects(&t, .mss = 1460);
    user_sets(&t, IPPROTO_TCP, TCP_USER_TIMEOUT, 2000000);
    user_writes(&t, 100);
    assert_in_range(seconds_until_closed(&t), 900, 2001);
    ladder_close(&t);
}

/* RFC 9293 3.8.3: a SYN is sent again likewise, and at last the user is told; the user may set how
   often. */
/* proves: MUST-22 MUST-21 */
static void an_unanswered_syn_is_given_up_and_told(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    for (unsigned i = 0; i < 6; i++) {
        after_ms(&t, (1000u << i) - 1);
        stack_sends_nothing(&t);
        after_ms(&t, 1);
        stack_sends(&t, SEG_SYN, .seq = 0);
    }
    after_ms(&t, 64000);
    stack_sends_nothing(&t);
    assert_int_equal(stack_state(&t), FT_TCP_CLOSED);
    assert_int_equal(user_gets(&t, SOL_SOCKET, SO_ERROR), ETIMEDOUT);
    ladder_peer(&t, 1);
    t.peer->sock = ft_socket(t.stack, AF_INET, SOCK_STREAM, 0);
    user_sets(&t, IPPROTO_TCP, TCP_SYNCNT, 1);
    user_connects(&t);
    assert_in_range(seconds_until_closed(&t), 3, 4);
    ladder_close(&t);
}

/* RFC 9293 3.8.3: under the RFC's profile a SYN is tried for three minutes at least. */
/* proves: MUST-23 */
static void the_rfc_profile_tries_a_syn_for_three_minutes(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.profile = FT_PROFILE_RFC;
    ladder_start(&t);
    user_connects(&t);
    assert_in_range(seconds_until_closed(&t), 180, 1000);
    assert_int_equal(user_gets(&t, SOL_SOCKET, SO_ERROR), ETIMEDOUT);
    ladder_close(&t);
}

/* ---- 3.8.4 keep-alive ------------------------------------------------------------------------ */

/* RFC 9293 3.8.4: nothing is probed unless the user wants it. */
/* proves: MUST-25 */
static void keep_alive_is_off_by_default(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    assert_int_equal(user_gets(&t, SOL_SOCKET, SO_KEEPALIVE), 0);
    after_ms(&t, 24 * 3600 * 1000);
    stack_sends_nothing(&t);
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    ladder_close(&t);
}

/* RFC 9293 3.8.4: a connection that wants it is probed after two hours of silence, without octets;
   another connection is not. */
/* proves: MUST-24 MUST-28 SHLD-12 MAY-5 */
static void keep_alive_probes_after_two_hours(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    ladder_peer(&t, 1);
    peer_connects(&t, .mss = 1460);
    user_sets(&t, SOL_SOCKET, SO_KEEPALIVE, 1);
    after_ms(&t, 7200 * 1000 - 10);
    stack_sends_nothing(&t);
    after_ms(&t, 20);
    stack_sends(&t, SEG_ACK, .seq = 0, .ack = 101, .len = 0);
    peer_sends(&t, SEG_ACK);
    after_ms(&t, 7200 * 1000 - 1000);
    stack_sends_nothing(&t);
    after_ms(&t, 2000);
    stack_sends(&t, SEG_ACK, .seq = 0, .ack = 101, .len = 0);
    ladder_close(&t);
}

/* RFC 9293 3.8.4: the interval is configurable; what is heard or outstanding puts a probe off. */
/* proves: MUST-26 MUST-27 */
static void keep_alive_waits_for_silence(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1460);
    user_sets(&t, SOL_SOCKET, SO_KEEPALIVE, 1);
    user_sets(&t, IPPROTO_TCP, TCP_KEEPIDLE, 10);
    after_ms(&t, 9000);
    peer_sends(&t, SEG_ACK, .len = 1);
    stack_sends(&t, SEG_ACK, .ack = 102);
    after_ms(&t, 9000);
    stack_sends_nothing(&t);
    after_ms(&t, 1100);
    stack_sends(&t, SEG_ACK, .seq = 0, .len = 0);
    peer_sends(&t, SEG_ACK);
    user_writes(&t, 10);
    for (unsigned i = 0; i < 30; i++) {
        after_ms(&t, 1000);
        while (ladder_take(&t))
            assert_int_equal(t.seg.len, 10);
    }
    assert_int_equal(stack_counts(&t).tcp_keepalives, 1);
    ladder_close(&t);
}

/* Give the frame that is there after a while back unsent. */
static void refuse_after_ms(struct ladder *t, uint64_t ms)
{
    uint8_t buf[256];
    struct ft_frame frame = {.buf = buf, .cap = sizeof(buf)};

    t->now += ms * FT_MS;
    ft_advance(t->stack, t->now);
    assert_int_equal(ft_output(t->stack, t->eth, &frame, 1, t->now), 1);
    ft_output_done(t->stack, t->eth, &frame, 1, 0);
    ladder_check(t);
}

/* Seed 96170 of the simulator: the link took no probe at once, each left as an ACK in its stead,
   which no peer answers, and a connection to a peer that was alive ended. */
static void a_probe_that_the_link_refuses_is_a_probe_the_next_time(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1460);
    user_sets(&t, SOL_SOCKET, SO_KEEPALIVE, 1);
    user_sets(&t, IPPROTO_TCP, TCP_KEEPIDLE, 10);
    refuse_after_ms(&t, 10100);
    stack_sends(&t, SEG_ACK, .seq = 0, .len = 0);
    peer_sends(&t, SEG_ACK, .wnd = 0);
    user_writes(&t, 10);
    stack_sends_nothing(&t);
    refuse_after_ms(&t, 3000);
    stack_sends(&t, SEG_ACK, .seq = 0, .len = 0);
    ladder_close(&t);
}

/* Seed 14549 of the simulator: a probe came while our own was due. Ours went out in the place of
   the answer, but its number is one that the peer does not look at, and the peer gave up. */
static void a_probe_of_ours_is_no_answer_to_the_peers(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1460);
    user_sets(&t, SOL_SOCKET, SO_KEEPALIVE, 1);
    user_sets(&t, IPPROTO_TCP, TCP_KEEPIDLE, 10);
    after_ms(&t, 9990);
    t.batch = true;
    peer_sends(&t, SEG_ACK, .seq = t.peer->nxt - 1);
    t.now += 20 * FT_MS;
    ft_advance(t.stack, t.now);
    t.batch = false;
    after_ms(&t, 1);
    stack_sends(&t, SEG_ACK, .seq = 0, .len = 0);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 0);
    stack_sends_nothing(&t);
    ladder_close(&t);
}

/* RFC 9293 3.8.4: one probe without an answer is no dead connection; many are. */
/* proves: MUST-29 */
static void several_probes_are_lost_before_a_connection_is_dead(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    user_sets(&t, SOL_SOCKET, SO_KEEPALIVE, 1);
    user_sets(&t, IPPROTO_TCP, TCP_KEEPIDLE, 10);
    user_sets(&t, IPPROTO_TCP, TCP_KEEPINTVL, 5);
    user_sets(&t, IPPROTO_TCP, TCP_KEEPCNT, 3);
    after_ms(&t, 10010);
    stack_sends(&t, SEG_ACK, .seq = 0);
    after_ms(&t, 5010);
    stack_sends(&t, SEG_ACK, .seq = 0);
    peer_sends(&t, SEG_ACK);
    after_ms(&t, 10010);
    for (unsigned i = 0; i < 3; i++) {
        stack_sends(&t, SEG_ACK, .seq = 0);
        assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
        after_ms(&t, 5010);
    }
    stack_sends(&t, SEG_RST | SEG_ACK, .seq = 1);
    assert_int_equal(stack_state(&t), FT_TCP_CLOSED);
    user_reads_nothing(&t, -ETIMEDOUT);
    ladder_close(&t);
}

/* ---- 3.8.6.1 probes -------------------------------------------------------------------------- */

/* RFC 9293 3.8.6.1: a closed window is probed, first after one RTO, then ever more seldom, for as
   long as the peer answers. */
/* proves: MUST-36 MUST-37 SHLD-29 SHLD-30 */
static void a_closed_window_is_probed_ever_more_seldom(void **state)
{
    struct ladder t;
    uint64_t wait_ms = 200;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1460, .wnd = 1000);
    user_writes(&t, 3000);
    stack_sends(&t, SEG_ACK, .len = 1000);
    peer_sends(&t, SEG_ACK, .wnd = 0);
    stack_sends_nothing(&t);
    for (unsigned i = 0; i < 30; i++) {
        after_ms(&t, wait_ms - 100);
        stack_sends_nothing(&t);
        after_ms(&t, 101);
        stack_sends(&t, SEG_ACK, .seq = 1000, .len = 0);
        peer_sends(&t, SEG_ACK, .wnd = 0);
        wait_ms = wait_ms * 2 > 120000 ? 120000 : wait_ms * 2;
    }
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    peer_sends(&t, SEG_ACK, .wnd = 3000);
    stack_sends(&t, SEG_ACK, .seq = 1001, .len = 1460);
    stack_sends(&t, SEG_ACK, .seq = 2461, .len = 540);
    ladder_close(&t);
}

/* RFC 9293 3.8.6.1: a peer that does not answer probes is given up like any other. */
static void probes_without_an_answer_end(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1460, .wnd = 0);
    user_writes(&t, 3000);
    assert_in_range(seconds_until_closed(&t), 100, 1500);
    user_reads_nothing(&t, -ETIMEDOUT);
    ladder_close(&t);
}

/* ---- 3.8.6.3 delayed ACK --------------------------------------------------------------------- */

/* RFC 9293 3.8.6.3: an ACK may wait, less than half a second, but the second full segment is
   acknowledged at once. */
/* proves: SHLD-18 MUST-40 SHLD-19 CC-13 */
static void an_ack_waits_for_a_second_segment_but_not_long(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    user_sets(&t, IPPROTO_TCP, TCP_QUICKACK, 0);
    peer_sends(&t, SEG_ACK, .len = 1460);
    stack_sends_nothing(&t);
    after_ms(&t, 500);
    stack_sends(&t, SEG_ACK, .ack = 1561);
    user_sets(&t, IPPROTO_TCP, TCP_QUICKACK, 0); /* the answer that did not come has ended it */
    peer_sends(&t, SEG_ACK, .len = 1460);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .len = 1460);
    stack_sends(&t, SEG_ACK, .ack = 4481);
    /* Octets of ours carry the ACK. */
    peer_sends(&t, SEG_ACK, .len = 100);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .ack = 4581, .len = 10);
    after_ms(&t, 100);
    stack_sends_nothing(&t);
    ladder_close(&t);
}

/* Nobody can read what a peer that does not close may still send: after a minute in
   FIN-WAIT-2 it is told so, and does not go on as if somebody listened. */
static void an_orphan_in_fin_wait_2_ends_with_a_reset(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_connects(&t, .mss = 1460);
    user_closes(&t);
    stack_sends(&t, SEG_FIN | SEG_ACK, .seq = 1, .ack = 101);
    peer_sends(&t, SEG_ACK, .ack = 2);
    after_ms(&t, 59500);
    stack_sends_nothing(&t);
    assert_int_equal(stack_counts(&t).now_orphans, 1);
    after_ms(&t, 1000);
    stack_sends(&t, SEG_RST | SEG_ACK, .seq = 2, .ack = 101);
    stack_sends_nothing(&t);
    assert_int_equal(stack_counts(&t).now_connections, 0);
    assert_int_equal(stack_counts(&t).tcp_orphans_killed, 1);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unanswered_octets_raise_doubt_and_then_close_the_connection),
        cmocka_unit_test(trouble_with_delivery_is_reported),
        cmocka_unit_test(the_user_sets_how_long_to_try),
        cmocka_unit_test(an_unanswered_syn_is_given_up_and_told),
        cmocka_unit_test(the_rfc_profile_tries_a_syn_for_three_minutes),
        cmocka_unit_test(keep_alive_is_off_by_default),
        cmocka_unit_test(keep_alive_probes_after_two_hours),
        cmocka_unit_test(keep_alive_waits_for_silence),
        cmocka_unit_test(a_probe_that_the_link_refuses_is_a_probe_the_next_time),
        cmocka_unit_test(a_probe_of_ours_is_no_answer_to_the_peers),
        cmocka_unit_test(several_probes_are_lost_before_a_connection_is_dead),
        cmocka_unit_test(a_closed_window_is_probed_ever_more_seldom),
        cmocka_unit_test(probes_without_an_answer_end),
        cmocka_unit_test(an_ack_waits_for_a_second_segment_but_not_long),
        cmocka_unit_test(an_orphan_in_fin_wait_2_ends_with_a_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
