/* SPDX-License-Identifier: MIT */
/*
 * Data Center TCP: RFC 8257.
 */
#include "ladder.h"

#define MSS  1460
#define SEW  (SEG_SYN | SEG_ECE | SEG_CWR)
#define ECT0 IP_ECN_ECT0
#define CE   IP_ECN_CE

static void init(struct ladder *t)
{
    ladder_init(t);
    memcpy(t->config.congestion, "dctcp", 6);
}

/* A passive open whose peer has asked for ECN; its quick ACKs are spent. */
static void open_dctcp(struct ladder *t)
{
    init(t);
    ladder_start(t);
    stack_listens(t);
    peer_sends(t, SEW, .seq = 100, .mss = MSS, .sack_ok = 1);
    stack_sends(t, SEG_SYN | SEG_ACK | SEG_ECE, .seq = 0, .ack = 101);
    peer_sends(t, SEG_ACK);
    t->peer->sock = ft_accept(t->stack, t->listener, NULL, NULL);
    assert_true(t->peer->sock >= 0);
    user_sets(t, IPPROTO_TCP, TCP_QUICKACK, 0);
}

/* It asks and accepts though the configuration says that ECN is off, and is chosen by name. */
/* proves: DC-1 */
static void its_sockets_ask_for_ecn_and_accept_it(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.ecn = FT_ECN_OFF;
    ladder_start(&t);
    t.peer->sock = ft_socket(t.stack, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(ft_setsockopt(t.stack, t.peer->sock, IPPROTO_TCP, TCP_CONGESTION, "dctcp", 5),
                     0);
    user_connects(&t);
    stack_sends(&t, SEW, .seq = 0);
    peer_sends(&t, SEG_SYN | SEG_ACK | SEG_ECE, .seq = 100, .mss = MSS);
    stack_sends(&t, SEG_ACK);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 10, .tos = ECT0);
    ladder_peer(&t, 1);
    stack_listens(&t);
    assert_int_equal(ft_setsockopt(t.stack, t.listener, IPPROTO_TCP, TCP_CONGESTION, "dctcp", 5),
                     0);
    /* 3.5: others mark their SYN. */
    peer_sends(&t, SEW, .seq = 100, .mss = MSS, .tos = ECT0);
    stack_sends(&t, SEG_SYN | SEG_ACK | SEG_ECE, .ack = 101);
    ladder_close(&t);
}

/* 3.2: ECE says what the last segment was; a change brings an ACK of what came before, with the old
   word, and one with the new. */
/* proves: DC-2 DC-3 */
static void a_change_of_marks_is_acknowledged_at_once_on_either_side(void **state)
{
    struct ladder t;

    (void)state;
    open_dctcp(&t);
    peer_sends(&t, SEG_ACK, .len = 100, .tos = ECT0);
    stack_sends_nothing(&t); /* it is delayed */
    peer_sends(&t, SEG_ACK, .len = 100, .tos = CE);
    stack_sends(&t, SEG_ACK, .ack = 201);
    stack_sends(&t, SEG_ACK | SEG_ECE, .ack = 301);
    /* No change: acknowledged as usual. */
    peer_sends(&t, SEG_ACK, .len = 100, .tos = CE);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .len = 600, .tos = CE);
    stack_sends(&t, SEG_ACK | SEG_ECE, .ack = 1001);
    peer_sends(&t, SEG_ACK, .len = 100, .tos = CE);
    peer_sends(&t, SEG_ACK, .len = 100, .tos = ECT0);
    stack_sends(&t, SEG_ACK | SEG_ECE, .ack = 1101);
    stack_sends(&t, SEG_ACK, .ack = 1201);
    /* CWR means nothing here. */
    peer_sends(&t, SEG_ACK, .len = 100, .tos = CE);
    stack_sends(&t, SEG_ACK | SEG_ECE, .ack = 1301);
    peer_sends(&t, SEG_ACK | SEG_CWR, .len = 100, .tos = CE);
    after_ms(&t, 50);
    stack_sends(&t, SEG_ACK | SEG_ECE, .ack = 1401);
    ladder_close(&t);
}

/* Segments that come in one call, with changes among them: each change has its ACK, and the window
   that they tell ends where it did. */
/* proves: DC-3 */
static void each_change_in_a_batch_has_its_ack(void **state)
{
    struct ladder t;
    uint32_t edge;

    (void)state;
    open_dctcp(&t);
    t.batch = true;
    peer_sends(&t, SEG_ACK, .len = 100, .tos = ECT0);
    peer_sends(&t, SEG_ACK, .len = 100, .tos = CE);
    peer_sends(&t, SEG_ACK, .len = 100, .tos = CE);
    peer_sends(&t, SEG_ACK, .len = 100, .tos = ECT0);
    stack_sends(&t, SEG_ACK, .ack = 201);
    edge = t.seg.ack.v + t.seg.wnd;
    stack_sends(&t, SEG_ACK | SEG_ECE, .ack = 401, .n_sack = 0);
    assert_true(t.seg.ack.v + t.seg.wnd >= edge);
    stack_sends(&t, SEG_ACK, .ack = 501);
    stack_sends_nothing(&t);
    ladder_close(&t);
}

/* More changes than are told apart: the last ACK tells all. */
static void changes_beyond_what_is_kept_are_told_by_one_ack(void **state)
{
    struct ladder t;
    unsigned n = 0;

    (void)state;
    open_dctcp(&t);
    t.batch = true;
    for (unsigned i = 0; i < 40; i++)
        peer_sends(&t, SEG_ACK, .len = 10, .tos = i % 2 ? CE : ECT0);
    while (ladder_take(&t))
        n++;
    assert_in_range(n, 2, 6);
    assert_int_equal(t.seg.ack.v, 501);
    assert_true(t.seg.flags & SEG_ECE);
    ladder_close(&t);
}

/* All of a window is acknowledged, the first @n_marked of ten segments with ECE; new octets are
   kept waiting. Return: cwnd after it. */
static uint32_t one_window(struct ladder *t, unsigned window, unsigned n_marked)
{
    for (unsigned i = 1; i <= 10; i++)
        peer_sends(t, SEG_ACK | (i <= n_marked ? SEG_ECE : 0), .ack = 1 + (window * 10 + i) * MSS);
    return stack_info(t).cwnd;
}

static void ten_segments(struct ladder *t)
{
    user_writes(t, 10 * MSS);
    (void)ladder_forget(t);
}

/* 3.3: alpha begins with 1, so the first mark halves the window; then it follows the share of marks
   by a sixteenth each window, and the window shrinks by half of it. */
/* proves: DC-4 DC-5 DC-6 DC-9 */
static void the_window_shrinks_by_the_share_of_marks(void **state)
{
    struct ladder t;
    uint32_t before, after;

    (void)state;
    open_dctcp(&t);
    ten_segments(&t);
    (void)one_window(&t, 0, 1);
    assert_int_equal(stack_info(&t).ssthresh, 5 * MSS);
    assert_int_equal(stack_counts(&t).tcp_ecn_reductions, 1);
    user_writes(&t, MSS);
    stack_sends(&t, SEG_ACK | SEG_CWR, .seq = 1 + 10 * MSS, .len = MSS);
    peer_sends(&t, SEG_ACK, .ack = 1 + 11 * MSS);
    /* Forty windows without a mark: alpha falls below a tenth. */
    for (unsigned w = 1; w <= 40; w++) {
        user_writes(&t, 10 * MSS);
        for (unsigned i = 1; i <= 10; i++) {
            (void)ladder_forget(&t);
            peer_sends(&t, SEG_ACK, .ack = 1 + (w * 10 + i + 1) * MSS);
        }
    }
    (void)ladder_forget(&t);
    before = stack_info(&t).cwnd;
    user_writes(&t, 10 * MSS);
    (void)ladder_forget(&t);
    peer_sends(&t, SEG_ACK | SEG_ECE, .ack = 1 + 412 * MSS);
    after = stack_info(&t).ssthresh;
    assert_true(after < before);
    assert_true(after > before - before / 10);
    ladder_close(&t);
}

/* 3.4: losses are met as by NewReno. */
/* proves: DC-7 */
static void a_loss_halves_the_window_whatever_alpha_is(void **state)
{
    struct ladder t;

    (void)state;
    open_dctcp(&t);
    ten_segments(&t);
    peer_sends(&t, SEG_ACK, .ack = 1, .n_sack = 1, .sack = {{1 + MSS, 1 + 4 * MSS}});
    stack_sends(&t, SEG_ACK, .seq = 1, .len = MSS, .tos = 0);
    assert_int_equal(stack_info(&t).ssthresh, 5 * MSS);
    ladder_close(&t);
}

/* Where the peer does not agree on ECN it is NewReno. */
static void without_ecn_it_is_newreno(void **state)
{
    struct ladder t;

    (void)state;
    init(&t);
    ladder_start(&t);
    peer_connects(&t, .mss = MSS);
    ten_segments(&t);
    peer_sends(&t, SEG_ACK | SEG_ECE, .ack = 1 + MSS);
    assert_int_equal(stack_counts(&t).tcp_ecn_reductions, 0);
    assert_int_equal(stack_info(&t).cwnd, 11 * MSS);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_sockets_ask_for_ecn_and_accept_it),
        cmocka_unit_test(a_change_of_marks_is_acknowledged_at_once_on_either_side),
        cmocka_unit_test(each_change_in_a_batch_has_its_ack),
        cmocka_unit_test(changes_beyond_what_is_kept_are_told_by_one_ack),
        cmocka_unit_test(the_window_shrinks_by_the_share_of_marks),
        cmocka_unit_test(a_loss_halves_the_window_whatever_alpha_is),
        cmocka_unit_test(without_ecn_it_is_newreno),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
