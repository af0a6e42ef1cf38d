/* SPDX-License-Identifier: MIT */
/*
 * Initial sequence numbers: RFC 9293 3.4.1, RFC 6528.
 */
#include "ladder.h"

/* The ISN of a SYN-ACK to peer @n now. */
static uint32_t isn_of(struct ladder *t, unsigned n, uint32_t seq)
{
    ladder_peer(t, n);
    peer_sends(t, SEG_SYN, .seq = seq, .mss = 1460);
    assert_true(ladder_take(t));
    assert_int_equal(t->seg.flags, SEG_SYN | SEG_ACK);
    peer_sends(t, SEG_RST, .seq = seq + 1);
    return t->seg.seq.v;
}

/* RFC 9293 3.4.1: ISN = M + F(four-tuple, secret): for one four-tuple it follows a clock that ticks
   about every four microseconds. */
/* proves: MUST-8 SHLD-1 */
static void the_isn_of_a_four_tuple_follows_the_clock(void **state)
{
    struct ladder t;
    uint32_t first, second;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    first = isn_of(&t, 0, 100);
    assert_int_equal(isn_of(&t, 0, 200), first);
    after_ms(&t, 1000);
    second = isn_of(&t, 0, 300);
    assert_in_range(second - first, 240000, 260000);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    ladder_close(&t);
}

/* RFC 9293 3.4.1: numbers of other four-tuples tell nothing of it. */
/* proves: MUST-9 SHLD-1 */
static void isns_of_four_tuples_are_unrelated(void **state)
{
    uint32_t isns[LADDER_PEERS_MAX];
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    for (unsigned i = 0; i < LADDER_PEERS_MAX; i++)
        isns[i] = isn_of(&t, i, 100);
    for (unsigned i = 1; i < LADDER_PEERS_MAX; i++)
        for (unsigned k = 0; k < i; k++)
            assert_true(isns[i] - isns[k] > 1000000 && isns[k] - isns[i] > 1000000);
    ladder_close(&t);
}

/* RFC 9293 3.4.1: who does not know the secret cannot compute it: another seed, other numbers, for
   the same four-tuple at the same time. */
/* proves: MUST-9 */
static void the_isn_depends_on_the_secret(void **state)
{
    struct ladder t;
    uint32_t with[2];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        ladder_init(&t);
        t.config.seed[31] = (uint8_t)(i + 1);
        ladder_start(&t);
        stack_listens(&t);
        with[i] = isn_of(&t, 0, 100);
        ladder_close(&t);
    }
    assert_true(with[0] - with[1] > 1000000 && with[1] - with[0] > 1000000);
}

/* RFC 7323 5.4: timestamps of different connections begin at unrelated values. */
/* proves: TS-12 */
static void timestamps_of_connections_are_unrelated(void **state)
{
    struct ladder t;
    uint32_t first;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_sends(&t, SEG_SYN, .tsval = 1);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ts = 1);
    first = t.seg.tsval;
    ladder_peer(&t, 1);
    peer_sends(&t, SEG_SYN, .tsval = 1);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ts = 1);
    assert_true(t.seg.tsval - first > 1000000 && first - t.seg.tsval > 1000000);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_isn_of_a_four_tuple_follows_the_clock),
        cmocka_unit_test(isns_of_four_tuples_are_unrelated),
        cmocka_unit_test(the_isn_depends_on_the_secret),
        cmocka_unit_test(timestamps_of_connections_are_unrelated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
