/* SPDX-License-Identifier: MIT */
/*
 * Attackers who cannot see the conversation: they guess the four-tuple, and a sequence number that
 * may lie in the window. Also what one connection could tell of another, and TIME-WAIT.
 */
#include "ladder.h"
#include "many.h"

#define LIMIT 10 /* config.limits.challenge_acks_per_s */

/* RFC 5961 3.2: of all resets in the window only the exact one counts; the rest is challenged. */
/* proves: A-77 BLIND-1 BLIND-2 BLIND-3 */
static void only_the_exact_reset_ends_a_connection(void **state)
{
    struct ladder t;
    unsigned n_acks = 0;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    for (int64_t off = 1; off < 65535; off += off < 2000 ? 1 : 7)
        peer_sends(&t, SEG_RST, .seq = 101 + off);
    peer_sends(&t, SEG_RST, .seq = 100);
    peer_sends(&t, SEG_RST, .seq = 101 + 10000000);
    for (; ladder_take(&t); n_acks++) {
        assert_int_equal(t.seg.flags, SEG_ACK);
        assert_int_equal(t.seg.seq.v, t.peer->iss + 1);
        assert_int_equal(t.seg.ack.v, 101);
    }
    assert_int_equal(n_acks, LIMIT);
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    peer_sends(&t, SEG_RST, .seq = 101);
    assert_int_equal(stack_state(&t), FT_TCP_CLOSED);
    ladder_close(&t);
}

/* RFC 5961 4.2: a SYN is answered by a challenge ACK wherever it stands; its options are nothing.
 */
/* proves: A-78 BLIND-4 */
static void a_syn_changes_nothing_of_a_connection(void **state)
{
    static const int64_t seqs[] = {100, 101, 5000, 65000, 10000000};
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460, .wscale = 3, .sack_ok = 1, .tsval = 1000);
    struct ft_sock_info was = stack_info(&t);
    for (unsigned i = 0; i < 5; i++) {
        peer_sends(&t, SEG_SYN, .seq = seqs[i], .wnd = 1, .mss = 100, .wscale = 14, .tsval = 5000);
        stack_sends(&t, SEG_ACK, .seq = 1, .ack = 101, .tsecr = 1000);
        stack_sends_nothing(&t);
    }
    struct ft_sock_info is = stack_info(&t);
    assert_int_equal(is.state, FT_TCP_ESTABLISHED);
    assert_int_equal(is.mss, was.mss);
    assert_int_equal(is.snd_wnd, was.snd_wnd);
    assert_int_equal(is.cwnd, was.cwnd);
    t.peer->nxt = 101;
    peer_sends(&t, SEG_ACK, .wnd = 1000, .len = 10, .tsval = 1001, .tsecr = 0);
    stack_sends(&t, SEG_ACK, .ack = 111, .tsecr = 1001);
    assert_int_equal(stack_info(&t).snd_wnd, 8000); /* still scaled by 3 */
    ladder_close(&t);
}

/* RFC 5961 5.2, CVE-2023-52881: an ACK below what was ever sent does not carry octets in. */
/* proves: A-79 BLIND-5 */
static void octets_with_a_guessed_ack_are_not_taken(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460, .wscale = 14);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 10, .ack = 1 - INT64_C(1073725300));
    assert_verdict(&t, FT_RX_DROP_ACK);
    stack_sends(&t, SEG_ACK, .seq = 1, .ack = 101);
    user_reads_nothing(&t, -EAGAIN);
    for (int64_t ack = 2; ack < INT64_C(0x100000000); ack += 49999 * 1009) {
        peer_sends(&t, SEG_ACK | SEG_FIN, .seq = 101, .len = 10, .ack = ack);
        assert_verdict(&t, FT_RX_DROP_ACK);
    }
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 10, .ack = 0);
    assert_verdict(&t, FT_RX_DROP_ACK);
    assert_true(ladder_forget(&t) <= LIMIT);
    user_reads_nothing(&t, -EAGAIN);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 10, .ack = 1);
    user_reads(&t, 10);
    ladder_close(&t);
}

/* RFC 9293 3.10.7.3: in SYN-SENT only who has seen our SYN is heard. */
/* proves: A-80 */
static void an_attempt_outlives_blind_answers(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    peer_sends(&t, SEG_RST, .seq = 0);
    peer_sends(&t, SEG_RST | SEG_ACK, .seq = 0, .ack = 0);
    peer_sends(&t, SEG_RST | SEG_ACK, .seq = 0, .ack = 2);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_SYN | SEG_ACK, .seq = 900, .ack = 77);
    stack_sends(&t, SEG_RST, .seq = 77);
    assert_int_equal(stack_state(&t), FT_TCP_SYN_SENT);
    peer_sends(&t, SEG_SYN | SEG_ACK, .seq = 500, .ack = 1);
    stack_sends(&t, SEG_ACK, .ack = 501);
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    ladder_close(&t);
}

/* RFC 9293 3.10.7.4: windows and duplicates count only in segments that are acceptable and new. */
/* proves: A-81 */
static void control_of_unacceptable_segments_is_not_taken(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_ACK, .len = 100);
    user_writes(&t, 5840);
    (void)ladder_forget(&t);
    struct ft_sock_info was = stack_info(&t);
    for (unsigned i = 0; i < 8; i++) {
        peer_sends(&t, SEG_ACK, .seq = 50, .ack = 1, .wnd = 0);
        peer_sends(&t, SEG_ACK | SEG_ECE, .seq = 101 + 5000000, .ack = 1, .wnd = 0);
        peer_sends(&t, SEG_ACK, .seq = 150, .len = 51, .ack = 0x7fffffff, .wnd = 0);
    }
    /* Acceptable, but older than the segment that told the window. */
    peer_sends(&t, SEG_ACK, .seq = 200, .len = 1, .ack = 1, .wnd = 0);
    struct ft_sock_info is = stack_info(&t);
    assert_int_equal(is.cwnd, was.cwnd);
    assert_int_equal(is.ssthresh, was.ssthresh);
    assert_int_equal(is.snd_wnd, was.snd_wnd);
    assert_int_equal(is.ca_state, was.ca_state);
    assert_int_equal(stack_counts(&t).tcp_fast_retransmits, 0);
    ladder_close(&t);
}

/* CVE-2016-5696: what is spent on one connection is not missed by another. */
/* proves: A-82 BLIND-6 */
static void a_spent_budget_shows_on_no_other_connection(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    ladder_peer(&t, 1);
    peer_connects(&t, .mss = 1460);
    for (unsigned trial = 0; trial < MANY(1000, 100); trial++) {
        unsigned spent = trial % 40;

        ladder_peer(&t, 1);
        for (unsigned i = 0; i < spent; i++)
            peer_sends(&t, SEG_RST, .seq = 200);
        assert_int_equal(ladder_forget(&t), spent < LIMIT ? spent : LIMIT);
        ladder_peer(&t, 0);
        for (unsigned i = 0; i < 100; i++)
            peer_sends(&t, SEG_RST, .seq = 200);
        assert_int_equal(ladder_forget(&t), LIMIT);
        after_ms(&t, 1000);
    }
    ladder_close(&t);
}

/* RFC 7323 4.3, 5.3: TS.Recent follows only what passed all checks. */
/* proves: A-83 TS-8 TS-10 TS-11 */
static void a_forged_timestamp_does_not_poison_paws(void **state)
{
    const int64_t far = 1000 + (INT64_C(1) << 30);
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460, .tsval = 1000);
    peer_sends(&t, SEG_ACK, .seq = 5000000, .tsval = far);          /* out of the window */
    peer_sends(&t, SEG_ACK, .seq = 90, .len = 5, .tsval = far);     /* old */
    peer_sends(&t, SEG_ACK, .seq = 101, .ack = 5000, .tsval = far); /* acknowledges nothing */
    peer_sends(&t, SEG_ACK, .seq = 110, .len = 5, .tsval = far);    /* not at the left edge */
    peer_sends(&t, SEG_SYN, .seq = 101, .tsval = far);
    peer_sends(&t, SEG_RST, .seq = 102, .tsval = far);
    peer_sends(&t, 0, .seq = 101, .len = 5, .tsval = far); /* no ACK */
    (void)ladder_forget(&t);
    t.peer->nxt = 101;
    t.peer->isn = 100;
    peer_sends(&t, SEG_ACK, .len = 9, .tsval = 1001);
    user_reads(&t, 14);
    /* RFC 7323 5.5: after 24 days a clock may have wrapped. */
    peer_sends(&t, SEG_ACK, .len = 1, .seq = 115, .tsval = 900);
    assert_verdict(&t, FT_RX_DROP_PAWS);
    after_ms(&t, UINT64_C(25) * 86400 * 1000);
    peer_sends(&t, SEG_ACK, .len = 1, .seq = 115, .tsval = 900);
    user_reads(&t, 1);
    ladder_close(&t);
}

static void to_time_wait(struct ladder *t)
{
    user_closes(t);
    stack_sends(t, SEG_FIN | SEG_ACK);
    peer_sends(t, SEG_FIN | SEG_ACK);
    stack_sends(t, SEG_ACK);
    assert_int_equal(stack_counts(t).now_time_wait, 1);
}

/* RFC 1337: resets, old octets and old SYNs leave TIME-WAIT as it is, for its whole time. */
/* proves: A-84 */
static void time_wait_is_not_assassinated(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    to_time_wait(&t);
    after_ms(&t, 30000);
    peer_sends(&t, SEG_RST, .seq = 102);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_RST | SEG_ACK, .seq = 102);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 1);
    stack_sends(&t, SEG_ACK, .ack = 102);
    peer_sends(&t, SEG_SYN, .seq = 102);
    stack_sends(&t, SEG_ACK, .ack = 102);
    assert_int_equal(stack_counts(&t).now_time_wait, 1);
    after_ms(&t, 29900);
    assert_int_equal(stack_counts(&t).now_time_wait, 1);
    after_ms(&t, 200);
    assert_int_equal(stack_counts(&t).now_time_wait, 0);
    ladder_close(&t);
}

/* RFC 9293 MAY-2, RFC 6191: a newer SYN opens anew, above all that the old connection used. */
/* proves: A-84 */
static void a_newer_syn_opens_anew_and_above(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    user_writes(&t, 1000000); /* faster than the clock of initial numbers */
    for (unsigned i = 0; i < 100; i++) {
        (void)ladder_forget(&t);
        peer_sends(&t, SEG_ACK);
    }
    to_time_wait(&t);
    uint32_t end = t.peer->snd_max;
    peer_sends(&t, SEG_SYN, .seq = 5000, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 5001);
    assert_true((int32_t)(t.seg.seq.v - end) > 0);
    assert_int_equal(stack_counts(&t).now_time_wait, 0);
    ladder_close(&t);
}

/* Without a passive socket a newer SYN would only be the end of the entry. */
/* proves: A-84 */
static void a_newer_syn_for_nobody_ends_no_time_wait(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1460);
    to_time_wait(&t);
    peer_sends(&t, SEG_SYN, .seq = 500000);
    stack_sends(&t, SEG_ACK, .ack = 102);
    assert_int_equal(stack_counts(&t).now_time_wait, 1);
    ladder_close(&t);
}

/* A FIN that is repeated for ever must not crowd out the entries of others. */
/* proves: A-84 A-95 */
static void a_repeated_fin_takes_no_place_of_others(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.limits.time_wait_max = 8;
    ladder_start(&t);
    peer_connects(&t, .mss = 1460);
    to_time_wait(&t);
    ladder_peer(&t, 1);
    peer_connects(&t, .mss = 1460);
    user_closes(&t);
    stack_sends(&t, SEG_FIN | SEG_ACK);
    peer_sends(&t, SEG_FIN | SEG_ACK);
    stack_sends(&t, SEG_ACK);
    for (unsigned i = 0; i < 100; i++) {
        peer_sends(&t, SEG_FIN | SEG_ACK, .seq = 101);
        stack_sends(&t, SEG_ACK, .ack = 102);
    }
    assert_int_equal(stack_counts(&t).now_time_wait, 2);
    assert_int_equal(stack_counts(&t).tcp_time_wait_evicted, 0);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_exact_reset_ends_a_connection),
        cmocka_unit_test(a_syn_changes_nothing_of_a_connection),
        cmocka_unit_test(octets_with_a_guessed_ack_are_not_taken),
        cmocka_unit_test(an_attempt_outlives_blind_answers),
        cmocka_unit_test(control_of_unacceptable_segments_is_not_taken),
        cmocka_unit_test(a_spent_budget_shows_on_no_other_connection),
        cmocka_unit_test(a_forged_timestamp_does_not_poison_paws),
        cmocka_unit_test(time_wait_is_not_assassinated),
        cmocka_unit_test(a_newer_syn_opens_anew_and_above),
        cmocka_unit_test(a_newer_syn_for_nobody_ends_no_time_wait),
        cmocka_unit_test(a_repeated_fin_takes_no_place_of_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
