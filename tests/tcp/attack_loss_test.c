/* SPDX-License-Identifier: MIT */
/*
 * Receivers that lie about what they have, in order to be sent more than their share or to make the
 * sender work; and recovery under ACKs of any kind.
 */
#include "honest.h"

static uint32_t random32(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(*seed >> 32);
}

/* What came of the stream without a gap. */
static void receive(struct ladder *t, uint32_t *una, unsigned loss, uint64_t *seed)
{
    while (ladder_take(t)) {
        uint32_t seq = t->seg.seq.v - t->peer->iss;

        if (random32(seed) % 100 >= loss && seq <= *una && seq + t->seg.len > *una)
            *una = seq + t->seg.len;
    }
}

/* CVE-2016-2070 and others: no sequence of ACKs stops the window or the timer. */
/* proves: A-70 A-101 */
static void recovery_survives_any_acks(void **state)
{
    struct ladder t;
    enum { ALL_CHECKED = 30000 };
    uint32_t n_steps = 0;

    (void)state;
    for (uint64_t round = 1; n_steps < MANY(1000000, ALL_CHECKED); round++) {
        uint64_t seed = round;
        uint32_t una = 1;

        ladder_open(&t);
        peer_connects(&t, .mss = 500, .sack_ok = (int64_t)(round & 1));
        user_writes(&t, 60000);
        for (unsigned i = 0; i < 3000 && una != 60001; i++) {
            struct step s = LADDER_STEP(SEG_ACK, .seq = 101, .ack = una, .n_sack = 0);

            if (++n_steps > ALL_CHECKED)
                check_some(&t, n_steps);
            receive(&t, &una, 20, &seed);
            s.ack = random32(&seed) % 4 ? una : una - random32(&seed) % una;
            s.n_sack = (round & 1) ? random32(&seed) % 4 : 0;
            for (int64_t k = 0; k < s.n_sack; k++) {
                s.sack[k].lo = una + random32(&seed) % 20000 - 500;
                s.sack[k].hi = s.sack[k].lo + random32(&seed) % 1000;
            }
            ladder_peer_sends(&t, s);
            assert_true(stack_info(&t).cwnd >= stack_info(&t).mss);
            if (random32(&seed) % 8 == 0)
                after_ms(&t, random32(&seed) % 4000);
        }
        for (unsigned i = 0; i < 200 && una != 60001; i++) {
            after_ms(&t, 1000);
            receive(&t, &una, 0, &seed);
            peer_sends(&t, SEG_ACK, .seq = 101, .ack = una);
        }
        t.unchecked = false;
        assert_int_equal(una, 60001);
        ladder_close(&t);
    }
}

static void shifting_holes(struct ladder *t, unsigned ms)
{
    uint32_t una = t->peers[0].snd_max - t->peers[0].iss - 900;

    ladder_peer(t, 0);
    for (uint32_t k = 0; k < 50; k++) {
        uint32_t lo = una + (ms * 50 + k) % 800;

        peer_sends(t, SEG_ACK, .seq = 101, .ack = una, .n_sack = 2,
                   .sack = {{lo, lo + 1}, {lo + 3, lo + 4}});
    }
}

/* CVE-2019-11477: the smallest segments and as many holes overflow no counter. */
/* proves: A-100 A-101 */
static void holes_between_the_smallest_segments_overflow_nothing(void **state)
{
    enum { FLIGHT = MANY(4000000, 200000) };
    struct ladder t;
    uint64_t seed = 1;
    uint32_t una = 1;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 48, .sack_ok = 1, .wscale = 8);
    ft_time calm = honest_time(&t, NULL);
    ladder_peer(&t, 0);
    user_sets(&t, SOL_SOCKET, SO_SNDBUF, 4 << 20);
    user_writes(&t, FLIGHT);
    for (unsigned round = 0; una != FLIGHT + 1 && round < 100000; round++) {
        uint64_t work = stack_counts(&t).steps_list_nodes;

        check_some(&t, round);
        receive(&t, &una, 0, &seed);
        for (unsigned k = 0; k < 8; k++) {
            /* Single octets, and every other segment. */
            uint32_t lo = 1 + (round * 8 + k) % (FLIGHT - 100);
            uint32_t hi = una > 500 ? (una - 500) / 48 * 48 + k * 48 + 1 : 1;

            peer_sends(
                &t, SEG_ACK, .seq = 101, .ack = una - una / 16, .n_sack = 4,
                .sack = {{lo + 96, lo + 97}, {hi + 96, hi + 144}, {lo + 3, lo + 4}, {hi, hi + 48}});
            t.batch = true;
        }
        t.batch = false;
        peer_sends(&t, SEG_ACK, .seq = 101, .ack = una);
        assert_true(stack_counts(&t).steps_list_nodes - work < 1000);
    }
    assert_int_equal(una, FLIGHT + 1);
    t.unchecked = false;
    user_writes(&t, 100000);
    honest_has_half_its_speed(&t, shifting_holes, calm);
    ladder_close(&t);
}

/* Savage 1999: an ACK of what was never sent is no ACK. */
/* proves: A-102 */
static void an_ack_of_the_future_counts_for_nothing(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000);
    user_writes(&t, 500000);
    (void)ladder_forget(&t);
    struct ft_sock_info was = stack_info(&t);
    uint32_t seen = t.peer->snd_max - t.peer->iss;
    for (uint32_t ahead = 1; ahead < 30; ahead++)
        peer_sends(&t, SEG_ACK, .ack = seen + ahead * ahead * ahead * ahead);
    assert_int_equal(stack_info(&t).cwnd, was.cwnd);
    assert_int_equal(stack_info(&t).send_q, was.send_q);
    assert_in_range(ladder_forget(&t), 1, 10);
    /* ACKs for all that is out, early as they may be: never more out than buffer and window. */
    for (unsigned i = 0; i < 40; i++) {
        peer_sends(&t, SEG_ACK);
        uint32_t before = t.peer->snd_max;
        (void)ladder_forget(&t);
        assert_true(t.peer->snd_max - before <= 65535);
    }
    ladder_close(&t);
}

/* Growth of cwnd by an ACK of one segment that comes in @pieces. */
static uint32_t growth(unsigned pieces, bool avoidance)
{
    struct ladder t;
    uint32_t una = 1;

    ladder_open(&t);
    peer_connects(&t, .mss = 1000);
    user_writes(&t, 300000);
    (void)ladder_forget(&t);
    if (avoidance) {
        after_ms(&t, 1500); /* a timeout; then back to half of what was out */
        for (unsigned i = 0; i < 8; i++) {
            (void)ladder_forget(&t);
            una = t.peer->snd_max - t.peer->iss;
            peer_sends(&t, SEG_ACK, .ack = una);
        }
        (void)ladder_forget(&t);
        assert_true(stack_info(&t).cwnd >= stack_info(&t).ssthresh);
    }
    uint32_t before = stack_info(&t).cwnd;
    for (unsigned i = 1; i <= pieces; i++)
        peer_sends(&t, SEG_ACK, .ack = una + 1000 * i / pieces);
    uint32_t grown = stack_info(&t).cwnd - before;
    ladder_close(&t);
    return grown;
}

/* RFC 3465: an ACK counts by its octets, not by its being one. */
/* proves: A-103 CC-4 */
static void an_ack_in_pieces_is_worth_no_more(void **state)
{
    static const unsigned pieces[] = {2, 10, 100, 1000};

    (void)state;
    assert_int_equal(growth(1, false), 1000);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(growth(pieces[i], false), 1000);
        assert_true(growth(pieces[i], true) <= 1000);
        assert_int_equal(growth(pieces[i], true), growth(1, true));
    }
}

/* Savage 1999: duplicates beyond what was out widen nothing. */
/* proves: A-104 CC-10 */
static void duplicates_by_the_thousand_send_no_flood(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000, .wscale = 10);
    user_writes(&t, 1000000);
    for (unsigned i = 0; i < 3; i++) {
        (void)ladder_forget(&t);
        peer_sends(&t, SEG_ACK);
    }
    (void)ladder_forget(&t);
    uint32_t una = t.peer->snd_max - t.peer->iss;
    peer_sends(&t, SEG_ACK, .ack = una);
    (void)ladder_forget(&t);
    uint32_t flight = t.peer->snd_max - t.peer->iss - una;
    for (unsigned i = 0; i < 10000; i++) {
        peer_sends(&t, SEG_ACK, .ack = una);
        (void)ladder_forget(&t);
    }
    assert_int_equal(stack_counts(&t).tcp_fast_retransmits, 1);
    /* RFC 5681 3.2: what limited transmit sent is not counted. */
    assert_int_equal(stack_info(&t).ssthresh, flight / 2);
    /* ssthresh and as much as was out when the loss was found (RFC 6582). */
    assert_true(t.peer->snd_max - t.peer->iss - una <= flight / 2 + flight + 3000);
    ladder_close(&t);
    /* With SACK an ACK that tells nothing new is none. */
    ladder_open(&t);
    peer_connects(&t, .mss = 1000, .sack_ok = 1);
    user_writes(&t, 100000);
    (void)ladder_forget(&t);
    for (unsigned i = 0; i < 1000; i++)
        peer_sends(&t, SEG_ACK, .ack = 1);
    assert_int_equal(stack_counts(&t).tcp_fast_retransmits, 0);
    stack_sends_nothing(&t);
    ladder_close(&t);
}

static void line_of_garbage(struct ladder *t, unsigned ms)
{
    uint8_t garbage[1514];
    uint64_t seed = ms;

    for (unsigned i = 0; i < 100; i++) {
        for (unsigned k = 0; k < 60; k++)
            garbage[k] = (uint8_t)random32(&seed);
        ladder_input(t, garbage, sizeof(garbage), 1, 0);
    }
}

/* Garbage at the rate of the line delays neither timers nor others. */
/* proves: A-105 */
static void garbage_delays_neither_timers_nor_others(void **state)
{
    struct ladder t;
    uint8_t garbage[1514];
    uint64_t seed = 5;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000);
    user_writes(&t, 1000);
    (void)ladder_forget(&t);
    ft_time sent = t.now, again = 0, rto = stack_info(&t).rto_us * FT_US;
    for (unsigned i = 0; i < 200000 && !again; i++) {
        for (unsigned k = 0; k < 60; k++)
            garbage[k] = (uint8_t)random32(&seed);
        t.now += 10 * FT_US;
        ladder_input(&t, garbage, sizeof(garbage), 1, 0); /* time passes by it as well */
        if (ladder_take(&t)) {
            again = t.now;
            assert_int_equal(t.seg.len, 1000);
        }
    }
    assert_in_range(again - sent, rto, rto + 2 * 16 * FT_US);
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    peer_sends(&t, SEG_ACK);
    ft_time calm = honest_time(&t, NULL);
    honest_has_half_its_speed(&t, line_of_garbage, calm);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recovery_survives_any_acks),
        cmocka_unit_test(holes_between_the_smallest_segments_overflow_nothing),
        cmocka_unit_test(an_ack_of_the_future_counts_for_nothing),
        cmocka_unit_test(an_ack_in_pieces_is_worth_no_more),
        cmocka_unit_test(duplicates_by_the_thousand_send_no_flood),
        cmocka_unit_test(garbage_delays_neither_timers_nor_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
