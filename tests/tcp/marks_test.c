/* SPDX-License-Identifier: MIT */
/*
 * Records in a stream (MSG_EOR): what follows one goes in other segments, the first time and again.
 */
#include "ladder.h"

/* Ten small records that wait are ten segments, each pushed; what is no record is gathered. */
static void records_are_not_coalesced(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000);
    user_writes(&t, 10000); /* the first window */
    (void)ladder_forget(&t);
    user_writes_flags(&t, 100, MSG_EOR);
    user_writes(&t, 100);
    user_writes_flags(&t, 100, MSG_EOR);
    user_writes(&t, 300);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .ack = 10001);
    stack_sends(&t, SEG_ACK, .seq = 10001, .len = 100, .psh = 1);
    stack_sends(&t, SEG_ACK, .seq = 10101, .len = 200, .psh = 1);
    /* The last of them may grow, and waits for the short ones (Minshall), as on Linux. */
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .ack = 10301);
    stack_sends(&t, SEG_ACK, .seq = 10301, .len = 300, .psh = 1);
    ladder_close(&t);
}

/* A record longer than a segment is cut where segments end, and its end is a segment's end. */
static void a_long_record_ends_a_segment(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000);
    user_sets(&t, IPPROTO_TCP, TCP_CORK, 1);
    user_writes_flags(&t, 2500, MSG_EOR);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    stack_sends(&t, SEG_ACK, .seq = 1001, .len = 1000);
    stack_sends_nothing(&t); /* corked: it is the last */
    user_writes(&t, 1000);   /* it is not any more, and no octet of these joins it */
    stack_sends(&t, SEG_ACK, .seq = 2001, .len = 500, .psh = 1);
    stack_sends(&t, SEG_ACK, .seq = 2501, .len = 1000);
    ladder_close(&t);
}

/* What was lost of several records is sent again record by record. */
static void records_stay_apart_when_sent_again(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000, .sack_ok = 1);
    user_sets(&t, IPPROTO_TCP, TCP_NODELAY, 1);
    for (unsigned i = 0; i < 8; i++)
        user_writes_flags(&t, 100, MSG_EOR);
    (void)ladder_forget(&t);
    peer_sends(&t, SEG_ACK, .ack = 1, .n_sack = 1, .sack = {{301, 801}});
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 100);
    stack_sends(&t, SEG_ACK, .seq = 101, .len = 100);
    stack_sends(&t, SEG_ACK, .seq = 201, .len = 100);
    peer_sends(&t, SEG_ACK, .ack = 801);
    stack_sends_nothing(&t);
    ladder_close(&t);
}

/* A record of which only a part was taken has not ended: as on Linux the rest goes on with it. */
static void a_part_of_a_record_has_no_end(void **state)
{
    static uint8_t octets[20000];
    struct ladder t;
    ssize_t n;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000, .wnd = 0);
    user_sets(&t, SOL_SOCKET, SO_SNDBUF, 5000);
    for (size_t i = 0; i < sizeof(octets); i++)
        octets[i] = 0;
    n = ft_send(t.stack, t.peer->sock, octets, sizeof(octets), MSG_EOR);
    assert_in_range(n, 1, 6000);
    assert_int_equal(n % 1000, 0);
    ladder_close(&t);
}

/* Each of very many records costs memory: there is a bound, and it is said. */
static void records_are_bounded(void **state)
{
    struct ladder t;
    ssize_t n = 1;
    unsigned i;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000, .wnd = 0);
    for (i = 0; i < 10000 && n == 1; i++)
        n = ft_send(t.stack, t.peer->sock, "x", 1, MSG_EOR);
    assert_int_equal(n, -EAGAIN);
    assert_int_equal(i, 4096 + 1);
    assert_int_equal(ft_send(t.stack, t.peer->sock, "x", 1, 0), 1); /* no end, no mark */
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_not_coalesced),
        cmocka_unit_test(a_long_record_ends_a_segment),
        cmocka_unit_test(records_stay_apart_when_sent_again),
        cmocka_unit_test(a_part_of_a_record_has_no_end),
        cmocka_unit_test(records_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
