/* SPDX-License-Identifier: MIT */
/*
 * Accurate ECN feedback: RFC 9768 3.2.
 */
#include "accecn.h"

/* ---- 3.2.2.5: when ACKs leave ---------------------------------------------------------------- */

/* The first mark after none is acknowledged at once, and every second one. */
/* proves: ACE-17 ACE-19 ACE-20 ACE-28 ACE-29 ACE-42 */
static void marks_are_acknowledged_at_once_and_counted(void **state)
{
    struct ladder t;

    (void)state;
    open_server(&t);
    user_sets(&t, IPPROTO_TCP, TCP_QUICKACK, 0);
    peer_sends(&t, ACE(5), .len = 100, .tos = ECT0);
    stack_sends_nothing(&t);
    peer_sends(&t, ACE(5), .len = 100, .tos = CE);
    stack_sends(&t, ACE(6), .ack = 301);
    has_option(&t, 0, 2, 101, 100);
    peer_sends(&t, ACE(5), .len = 100, .tos = CE);
    stack_sends_nothing(&t);
    peer_sends(&t, ACE(5), .len = 100, .tos = CE);
    stack_sends(&t, ACE(8), .ack = 501);
    has_option(&t, 0, 2, 101, 300);
    /* Without octets three marks are needed, and the option has nothing to say. */
    peer_sends(&t, ACE(5), .ack = 1, .tos = CE);
    peer_sends(&t, ACE(5), .ack = 1, .tos = CE);
    stack_sends_nothing(&t);
    peer_sends(&t, ACE(5), .ack = 1, .tos = CE);
    stack_sends(&t, ACE(11 & 7), .ack = 501);
    assert_int_equal(t.seg.accecn, 0);
    peer_sends(&t, ACE(5), .len = 100, .tos = IP_ECN_ECT1);
    after_ms(&t, 50);
    stack_sends(&t, ACE(11 & 7), .ack = 601);
    has_option(&t, 0, 3, 101, 300, 101);
    assert_int_equal(stack_info(&t).ecn_received[0], 100);
    assert_int_equal(stack_info(&t).ecn_received[1], 300);
    assert_int_equal(stack_info(&t).ecn_received[2], 100);
    ladder_close(&t);
}

/* Of a batch of nothing but marks the counter does not wrap unseen. */
/* proves: ACE-29 */
static void a_batch_of_marks_has_an_ack_for_every_second(void **state)
{
    struct ladder t;
    unsigned n = 0, last = 5;

    (void)state;
    open_server(&t);
    t.batch = true;
    for (unsigned i = 0; i < 10; i++)
        peer_sends(&t, ACE(5), .len = 100, .tos = CE);
    while (ladder_take(&t)) {
        unsigned ace = (t.seg.flags & SEG_AE ? 4 : 0) | (t.seg.flags & SEG_CWR ? 2 : 0) |
                       (t.seg.flags & SEG_ECE ? 1 : 0);

        assert_in_range((ace - last) & 7, 1, 3);
        last = ace;
        n++;
    }
    assert_int_equal(last, 15 & 7);
    assert_true(n >= 4);
    ladder_close(&t);
}

/* If only ECT(1) comes the other order is the shorter one. */
/* proves: ACE-31 */
static void the_order_is_the_shorter_one(void **state)
{
    struct ladder t;

    (void)state;
    open_server(&t);
    peer_sends(&t, ACE(5), .len = 100, .tos = IP_ECN_ECT1);
    stack_sends(&t, ACE(5), .ack = 201);
    has_option(&t, 1, 1, 101);
    peer_sends(&t, ACE(5), .len = 100, .tos = CE);
    stack_sends(&t, ACE(6), .ack = 301);
    has_option(&t, 1, 2, 101, 100);
    ladder_close(&t);
}

/* 3.2.3.3: two SACK blocks go before the option, a third gives way; full segments have no room. */
/* proves: ACE-41 ACE-43 */
static void the_option_gives_way_to_two_sack_blocks(void **state)
{
    struct ladder t;

    (void)state;
    open_server(&t);
    peer_sends(&t, ACE(5), .seq = 201, .len = 10, .tos = CE);
    peer_sends(&t, ACE(5), .seq = 301, .len = 10, .tos = CE);
    (void)ladder_forget(&t);
    peer_sends(&t, ACE(5), .seq = 401, .len = 10, .tos = CE);
    stack_sends(&t, ACE(8), .ack = 101, .n_sack = 3, .sack = {{401, 411}, {301, 311}, {201, 211}});
    assert_int_equal(t.seg.n_accecn, 2); /* 8 octets beside 28 */
    peer_sends(&t, ACE(5), .seq = 501, .len = 10, .tos = ECT0);
    stack_sends(&t, ACE(8), .ack = 101, .n_sack = 3, .sack = {{501, 511}, {401, 411}, {301, 311}});
    peer_sends(&t, ACE(5), .seq = 601, .len = 10, .tos = CE);
    user_writes(&t, MSS);
    (void)ladder_forget(&t);
    assert_int_equal(t.seg.len, MSS);
    assert_int_equal(t.seg.accecn, 0);
    ladder_close(&t);
}

/* 3.2.3.3, "It SHOULD always include an AccECN Option if the r.ceb counter is incrementing", and
   ends that only send full segments are no exception: an ACK leaves before them. */
/* proves: ACE-42 */
static void an_ack_tells_of_marks_before_full_segments(void **state)
{
    struct ladder t;

    (void)state;
    open_server(&t);
    t.batch = true;
    peer_sends(&t, ACE(5), .len = 100, .tos = CE);
    user_writes(&t, MSS);
    t.batch = false;
    stack_sends(&t, ACE(6), .ack = 201);
    has_option(&t, 0, 2, 1, 100);
    stack_sends(&t, ACE(6) | SEG_PSH, .ack = 201, .len = MSS);
    assert_int_equal(t.seg.accecn, 0);
    /* A segment with room for the option needs no other. */
    t.batch = true;
    peer_sends(&t, ACE(5), .len = 100, .tos = ECT0);
    peer_sends(&t, ACE(5), .len = 100, .tos = CE);
    user_writes(&t, 100);
    t.batch = false;
    stack_sends(&t, ACE(7) | SEG_PSH, .ack = 401, .len = 100);
    has_option(&t, 0, 2, 101, 200);
    ladder_close(&t);
}

/* 3.2.3.3: each counter is told once in 2^22 octets at least, or it might wrap unseen. */
/* proves: ACE-42 */
static void many_octets_are_told_between_full_segments(void **state)
{
    struct ladder t;
    unsigned n_options = 0;

    (void)state;
    open_server(&t);
    for (unsigned i = 0; i < (2u << 22) / MSS + 2; i++) {
        uint8_t octets[MSS];

        t.batch = true;
        peer_sends(&t, ACE(5), .len = MSS, .tos = ECT0);
        user_writes(&t, MSS);
        t.batch = false;
        while (ladder_take(&t))
            n_options += t.seg.accecn != 0;
        assert_int_equal(ft_recv(t.stack, t.peer->sock, octets, sizeof(octets), 0), MSS);
    }
    assert_int_equal(n_options, 2);
    ladder_close(&t);
}

/* ---- 3.2.2.2: what a sender makes of it ------------------------------------------------------ */

/* The peer's ACK with an option of order 0 and these fields, then so many octets of room. */
static void peer_acks(struct ladder *t, unsigned ace, int64_t ack, const uint32_t *fields,
                      unsigned n)
{
    uint8_t option[12] = {172, (uint8_t)(2 + 3 * n)};

    for (unsigned i = 0; i < n; i++) {
        option[2 + 3 * i] = (uint8_t)(fields[i] >> 16);
        option[3 + 3 * i] = (uint8_t)(fields[i] >> 8);
        option[4 + 3 * i] = (uint8_t)fields[i];
    }
    peer_sends(t, ACE(ace), .ack = ack, .options = option, .n_options = 2 + 3 * (size_t)n);
}

static void send_ten(struct ladder *t)
{
    user_writes(t, 10 * MSS);
    assert_int_equal(ladder_forget(t), 10);
}

/* One mark in ten: the window shrinks once, and what is told is counted. */
/* proves: ACE-17 ACE-37 */
static void the_counter_is_read_modulo_eight(void **state)
{
    struct ladder t;

    (void)state;
    open_server(&t);
    send_ten(&t);
    peer_sends(&t, ACE(6), .ack = 1 + 2 * MSS);
    assert_int_equal(stack_info(&t).delivered_ce, 1);
    assert_int_equal(stack_info(&t).ca_state, 2);
    peer_sends(&t, ACE(8), .ack = 1 + 4 * MSS);
    peer_sends(&t, ACE(9), .ack = 1 + 6 * MSS);
    assert_int_equal(stack_info(&t).delivered_ce, 4);
    assert_int_equal(stack_counts(&t).tcp_ecn_reductions, 1);
    /* An ACK that comes late tells nothing. */
    peer_sends(&t, ACE(6), .ack = 1 + 2 * MSS);
    assert_int_equal(stack_info(&t).delivered_ce, 4);
    user_writes(&t, 100);
    after_ms(&t, 300);
    (void)ladder_forget(&t);
    assert_false(t.seg.flags & SEG_CWR); /* r.cep is 5, and CWR says nothing else here */
    ladder_close(&t);
}

/* A.2.1: an ACK of ten segments whose counter has grown by two may tell of ten; of nine it tells of
   two. */
/* proves: ACE-30 */
static void where_the_counter_may_have_wrapped_the_worst_is_assumed(void **state)
{
    (void)state;
    for (unsigned n = 9; n <= 10; n++) {
        struct ladder t;

        open_server(&t);
        send_ten(&t);
        peer_sends(&t, ACE(7), .ack = 1 + n * MSS);
        assert_int_equal(stack_info(&t).delivered_ce, n == 9 ? 2 : 10);
        ladder_close(&t);
    }
}

/* A.2.2: the option settles it, and tells octets. */
/* proves: ACE-30 */
static void the_option_tells_whether_the_counter_has_wrapped(void **state)
{
    struct ladder t;

    (void)state;
    open_server(&t);
    send_ten(&t);
    peer_acks(&t, 7, 1 + 10 * MSS, (uint32_t[]){1 + 8 * MSS, 2 * MSS}, 2);
    assert_int_equal(stack_info(&t).delivered_ce, 2);
    assert_int_equal(stack_info(&t).ecn_delivered[0], 8 * MSS);
    assert_int_equal(stack_info(&t).ecn_delivered[1], 2 * MSS);
    ladder_close(&t);
    open_server(&t);
    send_ten(&t);
    peer_acks(&t, 7, 1 + 10 * MSS, (uint32_t[]){1, 10 * MSS}, 2);
    assert_int_equal(stack_info(&t).delivered_ce, 10);
    ladder_close(&t);
}

/* 3.2.3: any length is read as far as whole fields go. */
/* proves: ACE-31 */
static void an_option_of_another_length_is_read_as_far_as_it_goes(void **state)
{
    const uint8_t odd[] = {174, 10, 0, 0, 9, 0, 0, 20, 77, 77};
    struct ladder t;

    (void)state;
    open_server(&t);
    send_ten(&t);
    peer_sends(&t, ACE(6), .ack = 1 + MSS, .options = odd, .n_options = sizeof(odd));
    assert_int_equal(stack_info(&t).ecn_delivered[2], 8); /* EE1B: 9, and it began with 1 */
    assert_int_equal(stack_info(&t).ecn_delivered[1], 20);
    ladder_close(&t);
}

/* 3.2.2.4: the first counter is zero. */
/* proves: ACE-27 */
static void a_zeroed_counter_is_not_believed(void **state)
{
    struct ladder t;

    (void)state;
    open_server(&t);
    user_writes(&t, 100);
    stack_sends(&t, ACE(5), .seq = 1, .len = 100, .tos = ECT0);
    peer_sends(&t, ACE(0), .ack = 101);
    assert_int_equal(stack_counts(&t).tcp_ecn_fallbacks, 1);
    assert_int_equal(stack_counts(&t).tcp_ecn_reductions, 0);
    user_writes(&t, 100);
    stack_sends(&t, ACE(5), .seq = 101, .len = 100, .tos = 0);
    peer_sends(&t, ACE(0), .len = 10, .tos = CE);
    stack_sends(&t, ACE(6), .ack = 111);
    ladder_close(&t);
}

/* 3.2.3.2.4: an option that began with zero is ignored, others are not asked for their values. */
/* proves: ACE-38 ACE-39 */
static void a_zeroed_option_is_ignored(void **state)
{
    const uint8_t zero[] = {172, 5, 0, 0, 0}, other[] = {172, 5, 0, 0, 77};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct ladder t;

        init(&t, FT_ECN_ACCEPT_ACCURATE);
        stack_listens(&t);
        peer_sends(&t, SYN(7), .seq = 100, .mss = MSS);
        stack_sends(&t, SEG_SYN | ACE(2));
        peer_sends(&t, ACE(2), .options = i ? other : zero, .n_options = 5);
        accept_it(&t);
        send_ten(&t);
        peer_acks(&t, 5, 1 + MSS, (uint32_t[]){1000}, 1);
        assert_int_equal(stack_info(&t).ecn_delivered[0], i ? 999 : 0);
        ladder_close(&t);
    }
}

/* 3.2.3.2.5: octets were marked, but no packet, and there were too few for the counter to wrap. */
/* proves: ACE-40 */
static void octets_without_packets_end_ect(void **state)
{
    struct ladder t;

    (void)state;
    open_server(&t);
    user_writes(&t, 100);
    stack_sends(&t, ACE(5), .seq = 1, .len = 100, .tos = ECT0);
    peer_acks(&t, 5, 101, (uint32_t[]){1, 100}, 2);
    user_writes(&t, 100);
    stack_sends(&t, ACE(5), .seq = 101, .len = 100, .tos = 0);
    ladder_close(&t);
}

/* 3.2.2.3: nothing but marks from the beginning is no congestion. */
static void marks_without_end_are_not_believed(void **state)
{
    struct ladder t;
    unsigned ace = 5, sent = 0;

    (void)state;
    open_server(&t);
    for (unsigned round = 0; round < 12; round++) {
        unsigned n = 0;

        user_writes(&t, 4 * MSS);
        while (ladder_take(&t))
            n += t.seg.len / MSS;
        sent += n;
        ace += n;
        peer_sends(&t, ACE(ace & 7), .ack = 1 + sent * MSS);
    }
    assert_int_equal(stack_counts(&t).tcp_ecn_fallbacks, 1);
    ladder_close(&t);
}

/* proves: ACE-32 */
static void an_option_on_a_syn_is_ignored(void **state)
{
    const uint8_t option[] = {172, 5, 0, 0, 0};
    struct ladder t;

    (void)state;
    init(&t, FT_ECN_ACCEPT_ACCURATE);
    stack_listens(&t);
    peer_sends(&t, SYN(7), .seq = 100, .options = option, .n_options = sizeof(option));
    stack_sends(&t, SEG_SYN | ACE(2));
    peer_sends(&t, ACE(2));
    accept_it(&t);
    user_writes(&t, 10);
    stack_sends(&t, ACE(5), .seq = 1, .len = 10, .tos = ECT0);
    ladder_close(&t);
    open_client(&t, 2, 0);
    assert_int_equal(t.seg.accecn, 0); /* of our SYN */
    ladder_close(&t);
}

/* proves: ACE-35 */
static void what_is_sent_again_has_no_option(void **state)
{
    struct ladder t;

    (void)state;
    open_client(&t, 2, 0);
    stack_sends(&t, ACE(2));
    user_writes(&t, 10);
    stack_sends(&t, ACE(5), .seq = 1, .len = 10);
    assert_int_equal(t.seg.accecn, 1);
    peer_sends(&t, ACE(5), .ack = 1, .len = 10, .tos = ECT0);
    (void)ladder_forget(&t);
    after_ms(&t, 3500);
    while (ladder_take(&t))
        assert_true(t.seg.len == 0 || t.seg.accecn == 0);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_are_acknowledged_at_once_and_counted),
        cmocka_unit_test(a_batch_of_marks_has_an_ack_for_every_second),
        cmocka_unit_test(the_order_is_the_shorter_one),
        cmocka_unit_test(the_option_gives_way_to_two_sack_blocks),
        cmocka_unit_test(an_ack_tells_of_marks_before_full_segments),
        cmocka_unit_test(many_octets_are_told_between_full_segments),
        cmocka_unit_test(the_counter_is_read_modulo_eight),
        cmocka_unit_test(where_the_counter_may_have_wrapped_the_worst_is_assumed),
        cmocka_unit_test(the_option_tells_whether_the_counter_has_wrapped),
        cmocka_unit_test(an_option_of_another_length_is_read_as_far_as_it_goes),
        cmocka_unit_test(a_zeroed_counter_is_not_believed),
        cmocka_unit_test(a_zeroed_option_is_ignored),
        cmocka_unit_test(octets_without_packets_end_ect),
        cmocka_unit_test(marks_without_end_are_not_believed),
        cmocka_unit_test(an_option_on_a_syn_is_ignored),
        cmocka_unit_test(what_is_sent_again_has_no_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
