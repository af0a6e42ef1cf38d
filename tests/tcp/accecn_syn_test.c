/* SPDX-License-Identifier: MIT */
/*
 * How both ends agree on accurate ECN: RFC 9768 3.1, 3.2.2.1, 5.1.
 */
#include "accecn.h"

/* ---- 3.1 ------------------------------------------------------------------------------------- */

/* Table 2, first block: the SYN-ACK tells how the SYN came, and both ends are in accurate mode. */
/* proves: ACE-2 ACE-33 */
static void a_server_tells_how_the_syn_came(void **state)
{
    static const struct {
        uint8_t tos, answer;
    } all[] = {{0, 2}, {IP_ECN_ECT1, 3}, {ECT0, 4}, {CE, 6}};
    struct ladder t;

    (void)state;
    init(&t, FT_ECN_ACCEPT_ACCURATE);
    stack_listens(&t);
    for (unsigned i = 0; i < 4; i++) {
        ladder_peer(&t, i);
        peer_sends(&t, SYN(7), .seq = 100, .mss = MSS, .tos = all[i].tos);
        stack_sends(&t, SEG_SYN | ACE(all[i].answer), .ack = 101, .tos = 0);
        has_option(&t, 0, 3, 1, 0, 1);
        peer_sends(&t, ACE(2));
        accept_it(&t);
        assert_int_equal(mode(&t), FT_ECN_IS_ACCURATE);
    }
    assert_int_equal(stack_counts(&t).tcp_accecn, 4);
    ladder_close(&t);
}

/* Table 2, third block, and 3.1.3: what is not known asks for the most. */
/* proves: ACE-3 ACE-5 ACE-8 */
static void a_server_answers_each_question_in_its_kind(void **state)
{
    static const uint8_t answers[8] = {0, 2, 2, 1, 2, 2, 2, 2};
    struct ladder t;

    (void)state;
    init(&t, FT_ECN_ACCEPT_ACCURATE);
    stack_listens(&t);
    for (unsigned i = 0; i < 8; i++) {
        ladder_peer(&t, i);
        peer_sends(&t, SYN(i), .seq = 100, .mss = MSS);
        stack_sends(&t, SEG_SYN | ACE(answers[i]), .ack = 101);
        peer_sends(&t, ACE(answers[i] == 2 ? 2 : 0));
        accept_it(&t);
        assert_int_equal(mode(&t), answers[i]);
    }
    ladder_close(&t);
}

/* Who does not accept the accurate kind takes such a SYN for a classic one. */
static void a_classic_server_agrees_on_classic_ecn(void **state)
{
    struct ladder t;

    (void)state;
    init(&t, FT_ECN_ACCEPT);
    stack_listens(&t);
    peer_sends(&t, SYN(7), .seq = 100, .mss = MSS);
    stack_sends(&t, SEG_SYN | ACE(1), .ack = 101);
    assert_int_equal(t.seg.accecn, 0);
    ladder_close(&t);
}

/* Table 2, what a client makes of each answer. */
/* proves: ACE-1 ACE-4 ACE-6 ACE-9 */
static void a_client_takes_each_answer_as_it_is_meant(void **state)
{
    static const uint8_t modes[8] = {FT_ECN_IS_OFF,      FT_ECN_IS_CLASSIC,  FT_ECN_IS_ACCURATE,
                                     FT_ECN_IS_ACCURATE, FT_ECN_IS_ACCURATE, FT_ECN_IS_ACCURATE,
                                     FT_ECN_IS_ACCURATE, FT_ECN_IS_OFF};

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        bool mangled = i == 3 || i == 4 || i == 6; /* the SYN was not ECN-capable */
        struct ladder t;

        open_client(&t, i, 0);
        assert_true(ladder_take(&t));
        assert_int_equal(mode(&t), modes[i]);
        user_writes(&t, 10);
        assert_true(ladder_take(&t));
        assert_int_equal(t.last_tos, modes[i] == FT_ECN_IS_OFF || mangled ? 0 : ECT0);
        assert_int_equal(stack_counts(&t).tcp_ecn_fallbacks, mangled);
        ladder_close(&t);
    }
}

/* 3.2.2.2: a SYN that came marked counts as congestion, but not in s.cep. */
/* proves: ACE-26 */
static void a_mark_on_the_syn_makes_the_first_window_small(void **state)
{
    struct ladder t;

    (void)state;
    open_client(&t, 6, 0);
    stack_sends(&t, ACE(2), .ack = 101);
    assert_int_equal(stack_info(&t).cwnd, MSS);
    assert_int_equal(stack_info(&t).delivered_ce, 0);
    /* It goes on to tell of marks, though it is ECN-capable no more. */
    peer_sends(&t, ACE(5), .len = 10, .tos = CE);
    stack_sends(&t, ACE(6), .ack = 111);
    ladder_close(&t);
}

/* 3.1.4.1: once more with, then without, and always the same number. */
/* proves: ACE-10 */
static void a_syn_asks_twice_and_then_no_more(void **state)
{
    struct ladder t;

    (void)state;
    init(&t, FT_ECN_ASK_ACCURATE);
    user_connects(&t);
    stack_sends(&t, SYN(7), .seq = 0);
    after_ms(&t, 1100);
    stack_sends(&t, SYN(7), .seq = 0);
    after_ms(&t, 2100);
    stack_sends(&t, SEG_SYN, .seq = 0);
    /* The answer to one of the first: accurate, and ECT is allowed to a client. */
    peer_sends(&t, SEG_SYN | ACE(2), .seq = 100, .mss = MSS);
    stack_sends(&t, ACE(2), .ack = 101);
    user_writes(&t, 10);
    stack_sends(&t, ACE(5), .seq = 1, .len = 10, .tos = ECT0);
    ladder_close(&t);
}

/* 3.2.3.2.2: a SYN-ACK again without the option, then without ECN; no ECT then (3.1.5). */
/* proves: ACE-12 ACE-15 ACE-34 */
static void a_synack_falls_back_step_by_step(void **state)
{
    struct ladder t;

    (void)state;
    init(&t, FT_ECN_ACCEPT_ACCURATE);
    stack_listens(&t);
    peer_sends(&t, SYN(7), .seq = 100, .mss = MSS);
    stack_sends(&t, SEG_SYN | ACE(2));
    assert_int_equal(t.seg.accecn, 1);
    after_ms(&t, 1100);
    stack_sends(&t, SEG_SYN | ACE(2));
    assert_int_equal(t.seg.accecn, 0);
    after_ms(&t, 2100);
    stack_sends(&t, SEG_SYN | SEG_ACK);
    peer_sends(&t, ACE(2));
    accept_it(&t);
    assert_int_equal(mode(&t), FT_ECN_IS_ACCURATE);
    user_writes(&t, 10);
    stack_sends(&t, ACE(5), .seq = 1, .len = 10, .tos = 0);
    assert_int_equal(t.seg.accecn, 0);
    ladder_close(&t);
}

/* 3.1.5: the latest SYN counts; one without ECN is answered as before, and takes ECT away. */
/* proves: ACE-12 ACE-14 ACE-15 ACE-16 */
static void the_latest_syn_is_told_of(void **state)
{
    struct ladder t;

    (void)state;
    init(&t, FT_ECN_ACCEPT_ACCURATE);
    stack_listens(&t);
    peer_sends(&t, SYN(7), .seq = 100, .mss = MSS);
    stack_sends(&t, SEG_SYN | ACE(2));
    peer_sends(&t, SYN(7), .seq = 100, .mss = MSS, .tos = CE);
    stack_sends(&t, SEG_SYN | ACE(6));
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = MSS);
    stack_sends(&t, SEG_SYN | ACE(2));
    peer_sends(&t, ACE(2), .seq = 101);
    accept_it(&t);
    user_writes(&t, 10);
    stack_sends(&t, ACE(5), .seq = 1, .len = 10, .tos = 0);
    ladder_close(&t);
}

/* 3.1.5: who asks in both ways is reset. */
/* proves: ACE-13 */
static void both_questions_are_reset(void **state)
{
    struct ladder t;

    (void)state;
    init(&t, FT_ECN_ACCEPT_ACCURATE);
    stack_listens(&t);
    for (unsigned i = 0; i < 2; i++) {
        ladder_peer(&t, i);
        peer_sends(&t, SYN(i ? 3 : 7), .seq = 100, .mss = MSS);
        stack_sends(&t, SEG_SYN | ACE(i ? 1 : 2));
        peer_sends(&t, SYN(i ? 7 : 3), .seq = 100, .mss = MSS);
        stack_sends(&t, SEG_RST | SEG_ACK, .ack = 101);
    }
    assert_int_equal(stack_counts(&t).now_half_open, 0);
    ladder_close(&t);
}

/* As far as the stack's SYN-ACK. */
static void syns_cross(struct ladder *t)
{
    init(t, FT_ECN_ASK_ACCURATE);
    user_connects(t);
    stack_sends(t, SYN(7), .seq = 0);
    peer_sends(t, SYN(7), .seq = 100, .mss = MSS);
    stack_sends(t, SEG_SYN | ACE(2), .seq = 0, .ack = 101);
}

/* 3.1.2: each end answers as if it had been asked. */
/* proves: ACE-7 */
static void a_simultaneous_open_is_accurate(void **state)
{
    struct ladder t;

    (void)state;
    syns_cross(&t);
    peer_sends(&t, SEG_SYN | ACE(2), .seq = 100, .mss = MSS);
    stack_sends(&t, ACE(2), .ack = 101);
    assert_int_equal(mode(&t), FT_ECN_IS_ACCURATE);
    user_writes(&t, 10);
    stack_sends(&t, ACE(5), .seq = 1, .len = 10, .tos = ECT0);
    ladder_close(&t);
}

/* Seed 741 of the simulator: a mark on the SYN-ACK counted twice where SYNs had crossed. */
static void a_mark_on_the_synack_of_a_simultaneous_open_counts_once(void **state)
{
    struct ladder t;

    (void)state;
    syns_cross(&t);
    peer_sends(&t, SEG_SYN | ACE(2), .seq = 100, .mss = MSS, .tos = CE);
    stack_sends(&t, ACE(6), .ack = 101);
    user_writes(&t, 10);
    stack_sends(&t, ACE(6), .seq = 1, .len = 10, .tos = ECT0);
    ladder_close(&t);
}

/* Seed 14807 of the simulator: SYNs cross after ours has gone out without ECN at last. The SYN-ACK
   agrees on nothing then, and nothing is told of marks. */
static void a_question_that_was_taken_back_agrees_on_nothing(void **state)
{
    struct ladder t;

    (void)state;
    init(&t, FT_ECN_ASK_ACCURATE);
    user_connects(&t);
    stack_sends(&t, SYN(7), .seq = 0);
    after_ms(&t, 1000);
    stack_sends(&t, SYN(7), .seq = 0);
    after_ms(&t, 2000);
    stack_sends(&t, SEG_SYN, .seq = 0);
    peer_sends(&t, SYN(7), .seq = 100, .mss = MSS);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 101);
    peer_sends(&t, SEG_ACK, .seq = 101, .ack = 1, .len = 10);
    stack_sends(&t, SEG_ACK, .seq = 1, .ack = 111);
    assert_int_equal(mode(&t), FT_ECN_IS_OFF);
    ladder_close(&t);
}

/* ---- 3.2.2.1: the ACK of the SYN-ACK --------------------------------------------------------- */

/* Table 3; a mark on it counts, but once however often it comes. */
/* proves: ACE-22 ACE-25 ACE-33 */
static void a_client_tells_how_the_synack_came(void **state)
{
    static const struct {
        uint8_t tos, ace, next;
    } all[] = {{0, 2, 5}, {IP_ECN_ECT1, 3, 5}, {ECT0, 4, 5}, {CE, 6, 6}};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct ladder t;

        open_client(&t, 2, all[i].tos);
        stack_sends(&t, ACE(all[i].ace), .seq = 1, .ack = 101);
        has_option(&t, 0, 3, 1, 0, 1);
        peer_sends(&t, SEG_SYN | ACE(2), .seq = 100, .mss = MSS, .tos = all[i].tos);
        stack_sends(&t, ACE(all[i].ace), .seq = 1, .ack = 101);
        user_writes(&t, 10);
        stack_sends(&t, ACE(all[i].next), .seq = 1, .len = 10);
        assert_int_equal(t.seg.accecn, 1); /* the first octets try the path as well */
        ladder_close(&t);
    }
}

/* Table 4: zero takes ECT away and belief in marks; another field than was sent takes ECT away; a
   mark counts as one. */
/* proves: ACE-18 ACE-23 ACE-24 ACE-26 */
static void a_server_reads_how_the_synack_came(void **state)
{
    static const struct {
        uint8_t ace, tos;
        bool believes;
    } all[] = {{0, 0, false}, {1, ECT0, true}, {2, ECT0, true}, {3, 0, true},
               {4, 0, true},  {5, ECT0, true}, {6, 0, true},    {7, ECT0, true}};

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        unsigned cep = all[i].ace == 6 ? 6 : 5;
        struct ladder t;

        init(&t, FT_ECN_ACCEPT_ACCURATE);
        stack_listens(&t);
        peer_sends(&t, SYN(7), .seq = 100, .mss = MSS);
        stack_sends(&t, SEG_SYN | ACE(2));
        peer_sends(&t, ACE(all[i].ace));
        accept_it(&t);
        assert_int_equal(stack_info(&t).cwnd, all[i].ace == 6 ? MSS : 10 * MSS);
        user_writes(&t, 10);
        stack_sends(&t, ACE(5), .seq = 1, .len = 10, .tos = all[i].tos);
        peer_sends(&t, ACE(cep + 1), .ack = 11);
        assert_int_equal(stack_counts(&t).tcp_ecn_reductions, all[i].believes);
        /* Marks on what comes are told of whatever happens, on a pure ACK, too. */
        peer_sends(&t, ACE(cep + 1), .len = 10, .tos = CE);
        stack_sends(&t, ACE(6), .ack = 111);
        ladder_close(&t);
    }
}

/* The last ACK was lost, and octets complete the handshake: their ACE is the counter. */
/* proves: ACE-21 */
static void octets_that_complete_the_handshake_carry_the_counter(void **state)
{
    struct ladder t;

    (void)state;
    init(&t, FT_ECN_ACCEPT_ACCURATE);
    stack_listens(&t);
    peer_sends(&t, SYN(7), .seq = 100, .mss = MSS);
    stack_sends(&t, SEG_SYN | ACE(2));
    peer_sends(&t, ACE(5), .len = 10);
    stack_sends(&t, ACE(5), .ack = 111);
    accept_it(&t);
    assert_int_equal(stack_info(&t).delivered_ce, 0);
    assert_int_equal(stack_counts(&t).tcp_ecn_fallbacks, 0);
    ladder_close(&t);
}

/* ---- 5.1 SYN cookies ------------------------------------------------------------------------- */

/* Nothing is kept: the ACK itself tells that accurate ECN was agreed on. */
static void a_cookie_needs_no_memory_of_accurate_ecn(void **state)
{
    struct ladder t;

    (void)state;
    for (unsigned ace = 0; ace < 8; ace++) {
        ladder_init(&t);
        t.config.ecn = FT_ECN_ACCEPT_ACCURATE;
        t.config.limits.half_open_max = 1;
        ladder_start(&t);
        stack_listens(&t);
        ladder_peer(&t, 7);
        peer_sends(&t, SEG_SYN, .mss = MSS);
        stack_sends(&t, SEG_SYN | SEG_ACK);
        ladder_peer(&t, 0);
        peer_sends(&t, SYN(7), .seq = 500, .mss = MSS);
        stack_sends(&t, SEG_SYN | ACE(2), .ack = 501);
        peer_sends(&t, ACE(ace));
        accept_it(&t);
        assert_int_equal(mode(&t), ace >= 2 ? FT_ECN_IS_ACCURATE : FT_ECN_IS_OFF);
        ladder_close(&t);
    }
}

/* A server that has no memory for its counters would tell of marks that never came: it has no
   connection instead, until the peer's next segment. */
static void without_memory_a_server_tells_of_no_marks(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 8; n++) {
        struct ladder t;

        init(&t, FT_ECN_ACCEPT_ACCURATE);
        stack_listens(&t);
        peer_sends(&t, SYN(7), .seq = 100, .mss = MSS, .sack_ok = 1);
        stack_sends(&t, SEG_SYN | ACE(2), .seq = 0, .ack = 101, .tos = 0);
        t.fail_at = t.n_allocs + n;
        peer_sends(&t, ACE(2));
        t.fail_at = 0;
        peer_sends(&t, ACE(5), .len = 100);
        stack_sends(&t, ACE(5), .ack = 201);
        accept_it(&t);
        ladder_close(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_tells_how_the_syn_came),
        cmocka_unit_test(a_server_answers_each_question_in_its_kind),
        cmocka_unit_test(a_classic_server_agrees_on_classic_ecn),
        cmocka_unit_test(a_client_takes_each_answer_as_it_is_meant),
        cmocka_unit_test(a_mark_on_the_syn_makes_the_first_window_small),
        cmocka_unit_test(a_syn_asks_twice_and_then_no_more),
        cmocka_unit_test(a_synack_falls_back_step_by_step),
        cmocka_unit_test(the_latest_syn_is_told_of),
        cmocka_unit_test(both_questions_are_reset),
        cmocka_unit_test(a_simultaneous_open_is_accurate),
        cmocka_unit_test(a_mark_on_the_synack_of_a_simultaneous_open_counts_once),
        cmocka_unit_test(a_question_that_was_taken_back_agrees_on_nothing),
        cmocka_unit_test(a_client_tells_how_the_synack_came),
        cmocka_unit_test(a_server_reads_how_the_synack_came),
        cmocka_unit_test(octets_that_complete_the_handshake_carry_the_counter),
        cmocka_unit_test(a_cookie_needs_no_memory_of_accurate_ecn),
        cmocka_unit_test(without_memory_a_server_tells_of_no_marks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
