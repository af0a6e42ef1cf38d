/* SPDX-License-Identifier: MIT */
/*
 * SYN cookies: RFC 4987 3.6.
 */
#include "ladder.h"

/* A passive socket whose embryos are full: peers 6 and 7 have taken all places. */
static void open_full(struct ladder *t)
{
    ladder_init(t);
    t->config.limits.half_open_max = 2;
    ladder_start(t);
    stack_listens(t);
    for (unsigned i = 6; i < 8; i++) {
        ladder_peer(t, i);
        peer_sends(t, SEG_SYN, .mss = 1460);
        stack_sends(t, SEG_SYN | SEG_ACK, .seq = 0);
    }
    assert_int_equal(stack_counts(t).now_half_open, 2);
    ladder_peer(t, 0);
}

static void accept_it(struct ladder *t)
{
    t->peer->sock = ft_accept(t->stack, t->listener, NULL, NULL);
    assert_true(t->peer->sock >= 0);
}

/* With no place for an embryo the number itself remembers the SYN, and its ACK makes a connection
   in which octets flow. */
static void a_cookie_makes_a_connection_out_of_nothing(void **state)
{
    struct ladder t;

    (void)state;
    open_full(&t);
    peer_sends(&t, SEG_SYN, .seq = 500, .mss = 1300);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 501);
    assert_int_equal(stack_counts(&t).now_half_open, 2);
    assert_int_equal(stack_counts(&t).tcp_cookies_sent, 1);
    after_ms(&t, 500);
    peer_sends(&t, SEG_ACK, .len = 10);
    stack_sends(&t, SEG_ACK, .seq = 1, .ack = 511);
    accept_it(&t);
    assert_int_equal(stack_counts(&t).tcp_cookies_good, 1);
    user_reads(&t, 10);
    user_writes(&t, 1500);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1220); /* the next smaller size it could remember */
    stack_sends(&t, SEG_ACK, .seq = 1221, .len = 280);
    ladder_close(&t);
}

/* With timestamps scale and SACK come back too. */
static void a_cookie_with_timestamps_keeps_scale_and_sack(void **state)
{
    struct ft_sock_info info;
    struct ladder t;

    (void)state;
    open_full(&t);
    peer_sends(&t, SEG_SYN, .seq = 500, .mss = 1460, .wscale = 9, .sack_ok = 1, .tsval = 70);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 501, .wscale = 10, .sack_ok = 1, .tsecr = 70);
    peer_sends(&t, SEG_ACK, .wnd = 100, .tsval = 71, .tsecr = t.seg.tsval);
    accept_it(&t);
    assert_int_equal(ft_sock_info(t.stack, t.peer->sock, &info), 0);
    assert_int_equal(info.snd_wnd, 100 << 9);
    peer_sends(&t, SEG_ACK, .seq = 601, .len = 10, .tsval = 72, .tsecr = t.seg.tsval);
    stack_sends(&t, SEG_ACK, .ack = 501, .n_sack = 1, .sack = {{601, 611}}, .ts = 1);
    ladder_close(&t);
}

/* Without timestamps there is nowhere to keep them, so they are not offered. */
static void a_cookie_without_timestamps_offers_no_scale(void **state)
{
    struct ladder t;

    (void)state;
    open_full(&t);
    peer_sends(&t, SEG_SYN, .seq = 500, .mss = 1460, .wscale = 9, .sack_ok = 1);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 501, .wscale = NONE, .sack_ok = 0, .ts = 0);
    ladder_close(&t);
}

/* An ACK that brings back something else is reset. */
static void a_wrong_cookie_is_reset(void **state)
{
    struct ladder t;

    (void)state;
    open_full(&t);
    peer_sends(&t, SEG_SYN, .seq = 500, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 501);
    peer_sends(&t, SEG_ACK, .ack = 0x40000002);
    stack_sends(&t, SEG_RST, .seq = 0x40000002);
    peer_sends(&t, SEG_ACK, .seq = 502, .ack = 0x30000001);
    stack_sends(&t, SEG_RST, .seq = 0x30000001);
    assert_int_equal(stack_counts(&t).tcp_cookies_bad, 2);
    assert_int_equal(ft_accept(t.stack, t.listener, NULL, NULL), -EAGAIN);
    ladder_close(&t);
}

/* Seeds 324 and 1295 of the simulator: the octets of an honest client overtook the segment that
   brought its cookie back, and it was reset. */
static void octets_that_overtake_their_cookie_do_not_end_it(void **state)
{
    struct ladder t;

    (void)state;
    open_full(&t);
    peer_sends(&t, SEG_SYN, .seq = 500, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 501);
    peer_sends(&t, SEG_ACK, .seq = 511, .ack = 1, .len = 10);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .seq = 501, .ack = 1, .len = 10);
    stack_sends(&t, SEG_ACK, .seq = 1, .ack = 511);
    accept_it(&t);
    ladder_close(&t);
}

/* Seed 42031 of the simulator: a copy of the SYN, which a cookie had answered, came late and made
   an embryo. The client, whose octets had been lost, said where it stood, and was reset for that.
 */
static void a_copy_of_its_syn_does_not_end_what_a_cookie_began(void **state)
{
    struct ladder t;
    uint32_t iss;

    (void)state;
    open_full(&t);
    peer_sends(&t, SEG_SYN, .seq = 500, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 501);
    iss = t.peer->iss;
    ladder_peer(&t, 6);
    peer_sends(&t, SEG_RST);
    ladder_peer(&t, 0);
    peer_sends(&t, SEG_SYN, .seq = 500, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 501);
    assert_int_not_equal(t.peer->iss, iss);
    assert_int_equal(stack_counts(&t).now_half_open, 2);
    t.peer->iss = iss; /* which the peer has got first */
    peer_sends(&t, SEG_ACK, .seq = 511, .ack = 1);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .seq = 501, .ack = 1, .len = 10);
    stack_sends(&t, SEG_ACK, .seq = 1, .ack = 511);
    accept_it(&t);
    ladder_close(&t);
}

/* A cookie is good for two minutes at most. */
static void an_old_cookie_is_reset(void **state)
{
    struct ladder t;

    (void)state;
    open_full(&t);
    peer_sends(&t, SEG_SYN, .seq = 500, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 501);
    after_ms(&t, 130000);
    (void)ladder_forget(&t);
    peer_sends(&t, SEG_ACK, .seq = 501, .ack = 1);
    stack_sends(&t, SEG_RST, .seq = 1);
    ladder_close(&t);
}

/* Where no cookie was sent none is looked for. */
static void without_overflow_no_cookie_is_taken(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_sends(&t, SEG_ACK, .seq = 501, .ack = 1);
    stack_sends(&t, SEG_RST, .seq = 1);
    assert_int_equal(stack_counts(&t).tcp_cookies_bad, 0);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cookie_makes_a_connection_out_of_nothing),
        cmocka_unit_test(a_cookie_with_timestamps_keeps_scale_and_sack),
        cmocka_unit_test(a_cookie_without_timestamps_offers_no_scale),
        cmocka_unit_test(a_wrong_cookie_is_reset),
        cmocka_unit_test(octets_that_overtake_their_cookie_do_not_end_it),
        cmocka_unit_test(a_copy_of_its_syn_does_not_end_what_a_cookie_began),
        cmocka_unit_test(an_old_cookie_is_reset),
        cmocka_unit_test(without_overflow_no_cookie_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
