/* SPDX-License-Identifier: MIT */
/*
 * Explicit congestion notification: RFC 3168 6.1, with Linux's reaction (RFC 9937) and RFC 8511's.
 */
#include "ladder.h"

#define MSS  1460
#define SEW  (SEG_SYN | SEG_ECE | SEG_CWR)
#define ECT0 IP_ECN_ECT0
#define CE   IP_ECN_CE

/* A passive open whose peer has asked for ECN. */
static void open_ecn(struct ladder *t)
{
    ladder_open(t);
    stack_listens(t);
    peer_sends(t, SEW, .seq = 100, .mss = MSS, .sack_ok = 1);
    stack_sends(t, SEG_SYN | SEG_ACK | SEG_ECE, .seq = 0, .ack = 101, .tos = 0);
    peer_sends(t, SEG_ACK);
    t->peer->sock = ft_accept(t->stack, t->listener, NULL, NULL);
    assert_true(t->peer->sock >= 0);
    stack_sends_nothing(t);
}

static unsigned options_told(const struct ladder *t)
{
    return stack_tcp_info(t).tcpi_options & (TCPI_OPT_ECN | TCPI_OPT_ECN_SEEN);
}

/* ---- 6.1.1 ----------------------------------------------------------------------------------- */

/* An ECN-setup SYN is answered by ECE alone; neither SYN-ACK nor ACK is ECN-capable, new octets
   are. */
/* proves: ECN-1 ECN-2 ECN-5 ECN-10 SHLD-8 */
static void who_asks_for_ecn_gets_it_and_new_octets_are_capable(void **state)
{
    struct ladder t;

    (void)state;
    open_ecn(&t);
    assert_int_equal(options_told(&t), TCPI_OPT_ECN);
    assert_int_equal(stack_counts(&t).tcp_ecn, 1);
    user_writes(&t, 100);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 100, .tos = ECT0);
    peer_sends(&t, SEG_ACK, .len = 10, .tos = ECT0);
    stack_sends(&t, SEG_ACK, .ack = 111, .tos = 0);
    assert_int_equal(options_told(&t), TCPI_OPT_ECN | TCPI_OPT_ECN_SEEN);
    ladder_close(&t);
}

/* As before over IPv6, whose traffic class has the field. */
static void ecn_is_the_same_over_ipv6(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open6(&t);
    stack_listens(&t);
    peer_sends(&t, SEW, .seq = 100, .mss = 1440);
    stack_sends(&t, SEG_SYN | SEG_ACK | SEG_ECE, .tos = 0);
    peer_sends(&t, SEG_ACK);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    user_writes(&t, 100);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 100, .tos = ECT0);
    peer_sends(&t, SEG_ACK, .len = 10, .tos = CE);
    stack_sends(&t, SEG_ACK | SEG_ECE, .ack = 111, .tos = 0);
    ladder_close(&t);
}

/* Only both flags together ask: one alone, or none, is answered by none. */
/* proves: ECN-2 */
static void half_a_question_is_none(void **state)
{
    static const unsigned flags[] = {SEG_SYN, SEG_SYN | SEG_ECE, SEG_SYN | SEG_CWR};
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    for (unsigned i = 0; i < 3; i++) {
        ladder_peer(&t, i);
        peer_sends(&t, flags[i], .seq = 100, .mss = MSS);
        stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 101);
    }
    /* As Linux: a SYN that is marked has come by a way that does not know ECN. */
    ladder_peer(&t, 3);
    peer_sends(&t, SEW, .seq = 100, .mss = MSS, .tos = ECT0);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 101);
    ladder_close(&t);
}

/* net.ipv4.tcp_ecn = 0. */
static void without_the_setting_nobody_gets_ecn(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.ecn = FT_ECN_OFF;
    ladder_start(&t);
    stack_listens(&t);
    peer_sends(&t, SEW, .seq = 100, .mss = MSS);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 101);
    peer_sends(&t, SEG_ACK);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 10, .tos = 0);
    peer_sends(&t, SEG_ACK, .len = 10, .tos = CE);
    stack_sends(&t, SEG_ACK, .ack = 111);
    assert_int_equal(options_told(&t), 0);
    ladder_close(&t);
}

/* Who may only accept does not ask. */
static void by_default_a_connect_does_not_ask(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    peer_sends(&t, SEG_SYN | SEG_ACK | SEG_ECE, .seq = 100, .mss = MSS);
    stack_sends(&t, SEG_ACK);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 10, .tos = 0);
    ladder_close(&t);
}

static void ask(struct ladder *t)
{
    ladder_init(t);
    t->config.ecn = FT_ECN_ASK;
    ladder_start(t);
    user_connects(t);
    stack_sends(t, SEW, .seq = 0, .tos = 0);
}

/* proves: ECN-1 ECN-2 */
static void a_connect_that_asks_and_is_answered_has_ecn(void **state)
{
    struct ladder t;

    (void)state;
    ask(&t);
    peer_sends(&t, SEG_SYN | SEG_ACK | SEG_ECE, .seq = 100, .mss = MSS);
    stack_sends(&t, SEG_ACK, .tos = 0);
    assert_int_equal(options_told(&t), TCPI_OPT_ECN);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 10, .tos = ECT0);
    ladder_close(&t);
}

/* A peer that knows nothing of ECN, and one that reflects the flags that it gets. */
/* proves: ECN-2 */
static void no_answer_and_a_reflected_one_are_no_ecn(void **state)
{
    static const unsigned flags[] = {0, SEG_ECE | SEG_CWR, SEG_CWR};
    struct ladder t;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        ask(&t);
        peer_sends(&t, SEG_SYN | SEG_ACK | flags[i], .seq = 100, .mss = MSS);
        stack_sends(&t, SEG_ACK);
        assert_int_equal(options_told(&t), 0);
        user_writes(&t, 10);
        stack_sends(&t, SEG_ACK, .seq = 1, .len = 10, .tos = 0);
        peer_sends(&t, SEG_ACK, .len = 10, .tos = CE);
        stack_sends(&t, SEG_ACK, .ack = 111);
        ladder_close(&t);
    }
}

/* 6.1.1.1: a SYN that is not answered goes out again without; and octets are not ECN-capable then,
   though the first SYN should be answered after all. */
/* proves: ECN-3 ECN-4 */
static void a_lost_syn_goes_out_again_without_ecn(void **state)
{
    struct ladder t;

    (void)state;
    ask(&t);
    after_ms(&t, 1100);
    stack_sends(&t, SEG_SYN, .seq = 0);
    peer_sends(&t, SEG_SYN | SEG_ACK | SEG_ECE, .seq = 100, .mss = MSS);
    stack_sends(&t, SEG_ACK);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 10, .tos = 0);
    peer_sends(&t, SEG_ACK, .len = 10, .tos = CE);
    stack_sends(&t, SEG_ACK | SEG_ECE, .ack = 111);
    ladder_close(&t);
}

/* 6.1.1: a passive end that has got a SYN without ECN as well. */
/* proves: ECN-3 */
static void a_syn_that_comes_again_without_ecn_takes_ect_away(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_sends(&t, SEW, .seq = 100, .mss = MSS);
    stack_sends(&t, SEG_SYN | SEG_ACK | SEG_ECE);
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = MSS);
    stack_sends(&t, SEG_SYN | SEG_ACK | SEG_ECE);
    peer_sends(&t, SEG_ACK, .seq = 101);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 10, .tos = 0);
    ladder_close(&t);
}

/* Both ends open: the SYN asks, the SYN-ACK agrees. */
static void a_simultaneous_open_agrees_on_ecn(void **state)
{
    struct ladder t;

    (void)state;
    ask(&t);
    peer_sends(&t, SEW, .seq = 100, .mss = MSS);
    stack_sends(&t, SEG_SYN | SEG_ACK | SEG_ECE, .seq = 0, .ack = 101, .tos = 0);
    peer_sends(&t, SEG_SYN | SEG_ACK | SEG_ECE, .seq = 100, .mss = MSS);
    stack_sends(&t, SEG_ACK, .ack = 101);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 10, .tos = ECT0);
    ladder_close(&t);
}

/* The upper six bits of IP_TOS are the user's, the lower two are not (RFC 9293 MUST-48). */
static void the_users_tos_stays_beside_ect(void **state)
{
    struct ladder t;

    (void)state;
    open_ecn(&t);
    user_sets(&t, IPPROTO_IP, IP_TOS, 0xb8 | CE);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 10, .tos = 0xb8 | ECT0);
    peer_sends(&t, SEG_ACK, .len = 10);
    stack_sends(&t, SEG_ACK, .tos = 0xb8);
    ladder_close(&t);
}

/* ---- 6.1.3 ----------------------------------------------------------------------------------- */

/* From a mark on every ACK says ECE, whatever it acknowledges, until CWR comes. */
/* proves: ECN-8 */
static void a_mark_is_echoed_until_cwr_comes(void **state)
{
    struct ladder t;

    (void)state;
    open_ecn(&t);
    peer_sends(&t, SEG_ACK, .len = 10, .tos = CE);
    stack_sends(&t, SEG_ACK | SEG_ECE, .ack = 111);
    for (unsigned i = 0; i < 3; i++) {
        peer_sends(&t, SEG_ACK, .len = 10, .tos = ECT0);
        stack_sends(&t, SEG_ACK | SEG_ECE);
    }
    user_writes(&t, 10); /* octets carry it as well */
    stack_sends(&t, SEG_ACK | SEG_ECE, .seq = 1, .len = 10, .tos = ECT0);
    peer_sends(&t, SEG_ACK | SEG_CWR, .len = 10, .tos = ECT0);
    stack_sends(&t, SEG_ACK, .ack = 151);
    /* A mark on the very segment that says CWR is a new one. */
    peer_sends(&t, SEG_ACK | SEG_CWR, .len = 10, .tos = CE);
    stack_sends(&t, SEG_ACK | SEG_ECE, .ack = 161);
    assert_int_equal(stack_counts(&t).tcp_ce_in, 2);
    assert_int_equal(stack_info(&t).received_ce, 2);
    ladder_close(&t);
}

/* A frame that stands for several segments: all of them are marked. */
static void a_marked_frame_of_several_segments_counts_each(void **state)
{
    struct ladder t;

    (void)state;
    open_ecn(&t);
    peer_sends(&t, SEG_ACK, .len = 4000, .n_segs = 4, .tos = CE);
    stack_sends(&t, SEG_ACK | SEG_ECE, .ack = 4101);
    assert_int_equal(stack_info(&t).received_ce, 4);
    ladder_close(&t);
}

/* 6.1.5: what lies outside of the window is not heard; nor is a mark on an ACK without octets. */
/* proves: ECN-12 */
static void a_mark_outside_of_the_window_is_not_heard(void **state)
{
    struct ladder t;

    (void)state;
    open_ecn(&t);
    peer_sends(&t, SEG_ACK, .len = 10, .tos = ECT0);
    stack_sends(&t, SEG_ACK, .ack = 111);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 10, .tos = CE);
    stack_sends(&t, SEG_ACK, .ack = 111);
    peer_sends(&t, SEG_ACK, .seq = 111, .tos = CE);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .seq = 111, .len = 10, .tos = ECT0);
    stack_sends(&t, SEG_ACK, .ack = 121);
    ladder_close(&t);
}

/* ---- 6.1.2 ----------------------------------------------------------------------------------- */

/* Ten segments are out, and the window is full. */
static void fill(struct ladder *t)
{
    user_writes(t, 40 * MSS);
    for (unsigned i = 0; i < 10; i++)
        stack_sends(t, SEG_ACK, .seq = 1 + i * MSS, .len = MSS, .tos = ECT0);
    stack_sends_nothing(t);
}

/* The window shrinks once for all echoes of a round trip; CWR is on the first new octets, and on no
   other. */
/* proves: ECN-6 ECN-7 ECN-15 */
static void an_echo_halves_the_window_once_a_round_trip(void **state)
{
    struct ladder t;
    unsigned acked = 1, sent = 10, n_cwr = 0;

    (void)state;
    open_ecn(&t);
    fill(&t);
    for (; acked <= 10; acked++) {
        peer_sends(&t, SEG_ACK | SEG_ECE, .ack = 1 + acked * MSS);
        while (ladder_take(&t)) {
            assert_int_equal(!!(t.seg.flags & SEG_CWR), sent == 10);
            n_cwr += !!(t.seg.flags & SEG_CWR);
            assert_int_equal(t.last_tos, ECT0);
            sent++;
        }
        assert_int_equal(stack_info(&t).ca_state, 2); /* TCP_CA_CWR */
    }
    assert_int_equal(n_cwr, 1);
    assert_int_equal(sent - 10, 5); /* ten were acknowledged, five have left */
    /* CWR has arrived, so the next ACK says ECE no more, and ends it. */
    peer_sends(&t, SEG_ACK, .ack = 1 + 11 * MSS);
    assert_int_equal(stack_info(&t).ca_state, 0);
    assert_int_equal(stack_info(&t).ssthresh, 5 * MSS);
    assert_int_equal(stack_counts(&t).tcp_ecn_reductions, 1);
    assert_true(stack_info(&t).cwnd <= 6 * MSS);
    assert_int_equal(stack_info(&t).delivered_ce, 10);
    ladder_close(&t);
}

/* In the next round trip echoes count again; in congestion avoidance the window falls to four
   fifths (RFC 8511). */
/* proves: ECN-6 */
static void an_echo_in_avoidance_takes_a_fifth(void **state)
{
    struct ladder t;

    (void)state;
    open_ecn(&t);
    fill(&t);
    for (unsigned i = 1; i <= 11; i++)
        peer_sends(&t, SEG_ACK | (i == 1 ? SEG_ECE : 0), .ack = 1 + i * MSS);
    (void)ladder_forget(&t);
    assert_int_equal(stack_info(&t).cwnd, 5 * MSS);
    peer_sends(&t, SEG_ACK | SEG_ECE, .ack = 1 + 12 * MSS);
    assert_int_equal(stack_info(&t).ssthresh, 4 * MSS);
    assert_int_equal(stack_counts(&t).tcp_ecn_reductions, 2);
    ladder_close(&t);
}

/* A loss in a window that a mark has reduced reduces it no further; and that the loss was none
   brings back no more than the mark has left. */
/* proves: ECN-14 */
static void a_loss_after_a_mark_does_not_reduce_again(void **state)
{
    struct ladder t;

    (void)state;
    open_ecn(&t);
    fill(&t);
    peer_sends(&t, SEG_ACK | SEG_ECE, .ack = 1 + MSS);
    (void)ladder_forget(&t);
    for (unsigned i = 3; i <= 6; i++) {
        peer_sends(&t, SEG_ACK | SEG_ECE, .ack = 1 + MSS, .n_sack = 1,
                   .sack = {{1 + 2 * MSS, 1 + i * MSS}});
    }
    assert_int_equal(stack_info(&t).ca_state, 3);
    assert_int_equal(stack_info(&t).ssthresh, 5 * MSS);
    assert_int_equal(stack_counts(&t).tcp_ecn_reductions, 1);
    assert_int_equal(stack_counts(&t).tcp_fast_retransmits, 1);
    ladder_close(&t);
}

/* 6.1.5: what is sent again is not ECN-capable; the reduction for the loss is told by CWR, on new
   octets. */
/* proves: ECN-7 ECN-9 */
static void what_is_sent_again_is_not_capable_and_new_octets_say_cwr(void **state)
{
    struct ladder t;

    (void)state;
    open_ecn(&t);
    fill(&t);
    peer_sends(&t, SEG_ACK, .ack = 1, .n_sack = 1, .sack = {{1 + MSS, 1 + 5 * MSS}});
    stack_sends(&t, SEG_ACK, .seq = 1, .len = MSS, .tos = 0);
    peer_sends(&t, SEG_ACK, .ack = 1 + 10 * MSS);
    stack_sends(&t, SEG_ACK | SEG_CWR, .seq = 1 + 10 * MSS, .len = MSS, .tos = ECT0);
    stack_sends(&t, SEG_ACK, .seq = 1 + 11 * MSS, .len = MSS, .tos = ECT0);
    ladder_close(&t);
}

/* A timeout is a reduction as well. */
/* proves: ECN-9 */
static void what_a_timeout_sends_again_is_not_capable(void **state)
{
    struct ladder t;

    (void)state;
    open_ecn(&t);
    user_writes(&t, 100);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 100, .tos = ECT0);
    after_ms(&t, 3500);
    while (ladder_take(&t))
        assert_int_equal(t.last_tos, 0);
    peer_sends(&t, SEG_ACK);
    user_writes(&t, 100);
    stack_sends(&t, SEG_ACK | SEG_CWR, .seq = 101, .len = 100, .tos = ECT0);
    ladder_close(&t);
}

/* 6.1.6: nor is what probes a closed window, nor a keep-alive. */
/* proves: ECN-11 */
static void probes_are_not_capable(void **state)
{
    struct ladder t;

    (void)state;
    open_ecn(&t);
    peer_sends(&t, SEG_ACK, .wnd = 0);
    user_writes(&t, 100);
    stack_sends_nothing(&t);
    after_ms(&t, 3000);
    assert_true(ladder_take(&t));
    assert_int_equal(t.last_tos, 0);
    assert_int_equal(t.seg.len, 0);
    ladder_close(&t);
}

/* All was acknowledged, and nothing is left to be sent that could say CWR: the window stands where
   the mark has put it. */
static void a_mark_at_the_end_leaves_the_window_reduced(void **state)
{
    struct ladder t;

    (void)state;
    open_ecn(&t);
    user_writes(&t, 10 * MSS);
    assert_int_equal(ladder_forget(&t), 10);
    peer_sends(&t, SEG_ACK | SEG_ECE, .ack = 1 + 10 * MSS);
    stack_sends_nothing(&t);
    assert_int_equal(stack_info(&t).cwnd, 5 * MSS);
    user_writes(&t, MSS);
    stack_sends(&t, SEG_ACK | SEG_CWR, .seq = 1 + 10 * MSS, .len = MSS, .tos = ECT0);
    ladder_close(&t);
}

/* ---- SYN cookies ----------------------------------------------------------------------------- */

static void open_full(struct ladder *t)
{
    ladder_init(t);
    t->config.limits.half_open_max = 1;
    ladder_start(t);
    stack_listens(t);
    ladder_peer(t, 7);
    peer_sends(t, SEG_SYN, .mss = MSS);
    stack_sends(t, SEG_SYN | SEG_ACK);
    ladder_peer(t, 0);
}

/* The timestamp of a cookie remembers ECN, as Linux's does. */
static void a_cookie_with_timestamps_keeps_ecn(void **state)
{
    struct ladder t;

    (void)state;
    open_full(&t);
    peer_sends(&t, SEW, .seq = 500, .mss = MSS, .wscale = 9, .sack_ok = 1, .tsval = 70);
    stack_sends(&t, SEG_SYN | SEG_ACK | SEG_ECE, .ack = 501, .wscale = 10, .sack_ok = 1);
    assert_int_equal(stack_counts(&t).tcp_cookies_sent, 1);
    peer_sends(&t, SEG_ACK, .tsval = 71, .tsecr = t.seg.tsval);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    assert_int_equal(options_told(&t), TCPI_OPT_ECN);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 10, .ts = 1, .tos = ECT0);
    ladder_close(&t);
}

static void a_cookie_without_timestamps_has_no_ecn(void **state)
{
    struct ladder t;

    (void)state;
    open_full(&t);
    peer_sends(&t, SEW, .seq = 500, .mss = MSS);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 501);
    ladder_close(&t);
}

/* Without memory a connection does without ECN. */
static void without_memory_there_is_no_ecn(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.ecn = FT_ECN_ASK;
    ladder_start(&t);
    t.peer->sock = ft_socket(t.stack, AF_INET, SOCK_STREAM, 0);
    for (unsigned n = 1; n < 12; n++) {
        struct sockaddr_storage name;
        socklen_t len = ladder_name(&t, NULL, LADDER_PEER_PORT, &name);

        t.fail_at = t.n_allocs + n;
        if (ft_connect(t.stack, t.peer->sock, (struct sockaddr *)&name, len) == -EINPROGRESS)
            break;
    }
    t.fail_at = 0;
    ladder_check(&t);
    (void)ladder_forget(&t);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_asks_for_ecn_gets_it_and_new_octets_are_capable),
        cmocka_unit_test(ecn_is_the_same_over_ipv6),
        cmocka_unit_test(half_a_question_is_none),
        cmocka_unit_test(without_the_setting_nobody_gets_ecn),
        cmocka_unit_test(by_default_a_connect_does_not_ask),
        cmocka_unit_test(a_connect_that_asks_and_is_answered_has_ecn),
        cmocka_unit_test(no_answer_and_a_reflected_one_are_no_ecn),
        cmocka_unit_test(a_lost_syn_goes_out_again_without_ecn),
        cmocka_unit_test(a_syn_that_comes_again_without_ecn_takes_ect_away),
        cmocka_unit_test(a_simultaneous_open_agrees_on_ecn),
        cmocka_unit_test(the_users_tos_stays_beside_ect),
        cmocka_unit_test(a_mark_is_echoed_until_cwr_comes),
        cmocka_unit_test(a_marked_frame_of_several_segments_counts_each),
        cmocka_unit_test(a_mark_outside_of_the_window_is_not_heard),
        cmocka_unit_test(an_echo_halves_the_window_once_a_round_trip),
        cmocka_unit_test(an_echo_in_avoidance_takes_a_fifth),
        cmocka_unit_test(a_loss_after_a_mark_does_not_reduce_again),
        cmocka_unit_test(what_is_sent_again_is_not_capable_and_new_octets_say_cwr),
        cmocka_unit_test(what_a_timeout_sends_again_is_not_capable),
        cmocka_unit_test(probes_are_not_capable),
        cmocka_unit_test(a_mark_at_the_end_leaves_the_window_reduced),
        cmocka_unit_test(a_cookie_with_timestamps_keeps_ecn),
        cmocka_unit_test(a_cookie_without_timestamps_has_no_ecn),
        cmocka_unit_test(without_memory_there_is_no_ecn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
