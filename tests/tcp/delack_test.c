/* SPDX-License-Identifier: MIT */
/*
 * How long an ACK waits (RFC 9293 3.8.6.3, RFC 5681 4.2): not at all at the beginning, then after
 * the pace of what comes, and with the answer where there is one.
 */
#include "ladder.h"

static uint32_t ato_ms(const struct ladder *t)
{
    assert_int_equal(stack_tcp_info(t).tcpi_ato, stack_info(t).ato_us);
    return stack_tcp_info(t).tcpi_ato / 1000;
}

/* The quick ACKs of the beginning are spent; nothing is read. */
static void open_and_spend(struct ladder *t)
{
    ladder_open(t);
    peer_connects(t, .mss = 1460);
    assert_int_equal(ato_ms(t), 0);
    for (unsigned i = 0; i < 16; i++) {
        peer_sends(t, SEG_ACK, .len = 1000);
        stack_sends(t, SEG_ACK, .ack = 1101 + 1000 * i);
    }
    assert_int_equal(ato_ms(t), 40);
}

/* The next short segment is acknowledged after so long, and not before. */
static void waits(struct ladder *t, unsigned ms)
{
    peer_sends(t, SEG_ACK, .len = 10);
    stack_sends_nothing(t);
    after_ms(t, ms - 2);
    stack_sends_nothing(t);
    after_ms(t, 4);
    stack_sends(t, SEG_ACK);
}

/* Sixteen ACKs do not wait; the next one does, for 40 ms. */
static void no_ack_waits_at_the_beginning(void **state)
{
    struct ladder t;

    (void)state;
    open_and_spend(&t);
    waits(&t, 40);
    ladder_close(&t);
}

/* Small segments count as full ones where the peer's MSS allows no larger ones. */
/* proves: SHLD-19 */
static void every_second_segment_is_acknowledged_however_small_the_mss(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 200);
    user_sets(&t, IPPROTO_TCP, TCP_QUICKACK, 0);
    for (unsigned i = 0; i < 20; i += 2) {
        peer_sends(&t, SEG_ACK, .len = 200);
        stack_sends_nothing(&t);
        peer_sends(&t, SEG_ACK, .len = 200);
        stack_sends(&t, SEG_ACK, .ack = 101 + 200 * (i + 2));
    }
    ladder_close(&t);
}

/* RFC 9293 3.8.6.3: less than half a second. On a long path the wait doubles each time that nothing
   came in time, no further than a round trip, 200 ms, and shrinks when octets come closer again. */
/* proves: MUST-40 */
static void the_wait_follows_the_pace_of_what_comes(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 101);
    after_ms(&t, 400);
    peer_sends(&t, SEG_ACK); /* a round trip of 400 ms */
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    for (unsigned i = 0; i < 16; i++)
        peer_sends(&t, SEG_ACK, .len = 1000);
    (void)ladder_forget(&t);
    waits(&t, 40);
    assert_int_equal(ato_ms(&t), 80);
    waits(&t, 82); /* half of the last wait, and the 42 ms since */
    assert_int_equal(ato_ms(&t), 164);
    waits(&t, 166);
    waits(&t, 200);
    waits(&t, 200);
    assert_int_equal(ato_ms(&t), 200);
    for (unsigned i = 0; i < 12; i++)
        peer_sends(&t, SEG_ACK, .len = 1000);
    assert_in_range(ato_ms(&t), 39, 41);
    ladder_close(&t);
}

/* On a short path no ACK waits longer than 40 ms, however long it might. */
static void a_short_path_keeps_the_wait_short(void **state)
{
    struct ladder t;

    (void)state;
    open_and_spend(&t);
    waits(&t, 40);
    waits(&t, 40);
    assert_true(ato_ms(&t) > 40);
    waits(&t, 40);
    ladder_close(&t);
}

/* After a silence longer than the RTO the peer is in slow start again. */
static void after_a_silence_acks_are_quick_again(void **state)
{
    struct ladder t;

    (void)state;
    open_and_spend(&t);
    after_ms(&t, 1100);
    for (unsigned i = 0; i < 16; i++) {
        peer_sends(&t, SEG_ACK, .len = 100);
        stack_sends(&t, SEG_ACK);
    }
    waits(&t, 40);
    ladder_close(&t);
}

/* Who answers within the wait has his ACKs go with the answers, though quick ones are left; one who
   does not in time loses that. */
static void answers_carry_the_acks(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    assert_int_equal(user_gets(&t, IPPROTO_TCP, TCP_QUICKACK), 1);
    peer_sends(&t, SEG_ACK, .len = 100);
    stack_sends(&t, SEG_ACK, .ack = 201);
    user_reads(&t, 100);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .ack = 201, .len = 10);
    assert_int_equal(user_gets(&t, IPPROTO_TCP, TCP_QUICKACK), 0);
    for (unsigned i = 0; i < 5; i++) {
        peer_sends(&t, SEG_ACK, .len = 100);
        user_reads(&t, 100);
        stack_sends_nothing(&t);
        after_ms(&t, 20);
        user_writes(&t, 10);
        stack_sends(&t, SEG_ACK, .ack = 301 + 100 * i, .len = 10);
    }
    waits(&t, 40);
    assert_int_equal(user_gets(&t, IPPROTO_TCP, TCP_QUICKACK), 1);
    peer_sends(&t, SEG_ACK, .len = 100);
    stack_sends(&t, SEG_ACK, .ack = 811);
    ladder_close(&t);
}

/* Linux: short segments of one who is not answered are acknowledged when the user has taken all. */
static void what_is_read_to_the_end_is_acknowledged(void **state)
{
    struct ladder t;

    (void)state;
    open_and_spend(&t);
    peer_sends(&t, SEG_ACK, .len = 10);
    user_reads(&t, 16000);
    stack_sends_nothing(&t);
    user_reads(&t, 10);
    stack_sends(&t, SEG_ACK, .ack = 16111);
    /* Of one who answers two of them are. */
    user_sets(&t, IPPROTO_TCP, TCP_QUICKACK, 0);
    peer_sends(&t, SEG_ACK, .len = 10);
    user_reads(&t, 10);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .len = 10);
    user_reads(&t, 10);
    stack_sends(&t, SEG_ACK, .ack = 16131);
    ladder_close(&t);
}

/* TCP_QUICKACK: 1 sends what waits and ends the interactive mode, 0 begins it, before connect() for
   the ACK of the handshake, too. */
static void quickack_begins_and_ends_the_wait(void **state)
{
    struct ladder t;
    int off = 0;

    (void)state;
    ladder_open(&t);
    t.peer->sock = ft_socket(t.stack, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(
        ft_setsockopt(t.stack, t.peer->sock, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off), 0);
    user_connects(&t);
    stack_sends(&t, SEG_SYN);
    peer_sends(&t, SEG_SYN | SEG_ACK, .seq = 100, .mss = 1460);
    stack_sends_nothing(&t);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .ack = 101, .len = 10);
    user_sets(&t, IPPROTO_TCP, TCP_QUICKACK, 0);
    peer_sends(&t, SEG_ACK, .len = 10);
    stack_sends_nothing(&t);
    user_sets(&t, IPPROTO_TCP, TCP_QUICKACK, 1);
    stack_sends(&t, SEG_ACK, .ack = 111);
    peer_sends(&t, SEG_ACK, .len = 10);
    stack_sends(&t, SEG_ACK, .ack = 121);
    ladder_close(&t);
}

/* What comes again shows that ACKs are lost, or that the peer is about to be in slow start. */
static void what_comes_again_makes_acks_quick(void **state)
{
    struct ladder t;

    (void)state;
    open_and_spend(&t);
    user_sets(&t, IPPROTO_TCP, TCP_QUICKACK, 0);
    peer_sends(&t, SEG_ACK, .seq = 15101, .len = 1000);
    stack_sends(&t, SEG_ACK, .ack = 16101);
    peer_sends(&t, SEG_ACK, .seq = 16101, .len = 10);
    stack_sends(&t, SEG_ACK, .ack = 16111);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_ack_waits_at_the_beginning),
        cmocka_unit_test(every_second_segment_is_acknowledged_however_small_the_mss),
        cmocka_unit_test(the_wait_follows_the_pace_of_what_comes),
        cmocka_unit_test(a_short_path_keeps_the_wait_short),
        cmocka_unit_test(after_a_silence_acks_are_quick_again),
        cmocka_unit_test(answers_carry_the_acks),
        cmocka_unit_test(what_is_read_to_the_end_is_acknowledged),
        cmocka_unit_test(quickack_begins_and_ends_the_wait),
        cmocka_unit_test(what_comes_again_makes_acks_quick),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
