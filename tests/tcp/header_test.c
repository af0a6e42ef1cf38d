/* SPDX-License-Identifier: MIT */
/*
 * Checksums and options of segments, as a connection sees them: RFC 9293 3.1 and 3.2, RFC 7323.
 * How octets are parsed is proven by tests/wire.
 */
#include "ladder.h"

/* RFC 9293 3.1: every segment carries a checksum, and one with a wrong checksum is dropped. That
   each segment of the stack has the right one is asserted by the ladder itself. */
/* proves: MUST-2 MUST-3 */
static void a_wrong_checksum_drops_the_segment(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_sends(&t, SEG_SYN, .bad_csum = true);
    assert_verdict(&t, FT_RX_DROP_CHECKSUM);
    stack_sends_nothing(&t);
    peer_connects(&t, .seq = 100, .mss = 1460);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 10, .bad_csum = true);
    assert_verdict(&t, FT_RX_DROP_CHECKSUM);
    peer_sends(&t, SEG_RST, .seq = 101, .bad_csum = true);
    stack_sends_nothing(&t);
    user_writes(&t, 333);
    stack_sends(&t, SEG_ACK, .len = 333);
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    ladder_close(&t);
    ladder_open6(&t);
    peer_connects(&t, .mss = 1440);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 10, .bad_csum = true);
    assert_verdict(&t, FT_RX_DROP_CHECKSUM);
    user_writes(&t, 333);
    stack_sends(&t, SEG_ACK, .len = 333);
    ladder_close(&t);
}

/* RFC 9293 3.1: End of list, NOP and MSS are understood; options need not be aligned; unknown ones
   are skipped by their length; what follows the end of the list counts for nothing. */
/* proves: MUST-4 MUST-6 MUST-64 MUST-68 MUST-69 */
static void options_of_a_syn_are_found_among_others(void **state)
{
    /* NOP, unknown 77 of 3 octets, MSS 700 at an odd offset, unknown of 2, END, then an MSS. */
    const uint8_t options[] = {1, 77, 3, 9, 1, 2, 4, 700 >> 8, 700 & 255, 200, 2, 0, 2, 4, 1, 0};
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .options = options, .n_options = sizeof(options));
    user_writes(&t, 1000);
    stack_sends(&t, SEG_ACK, .len = 700);
    stack_sends(&t, SEG_ACK, .len = 300);
    ladder_close(&t);
}

/* RFC 9293 3.1: options may come on any segment. */
/* proves: MUST-5 MUST-6 */
static void options_on_any_segment_are_survived(void **state)
{
    const uint8_t odd[] = {1, 253, 6, 1, 2, 3, 4, 1, 2, 4, 0, 50, 1};
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_ACK, .len = 10, .options = odd, .n_options = sizeof(odd));
    stack_sends(&t, SEG_ACK, .ack = 111);
    peer_sends(&t, SEG_ACK | SEG_FIN, .options = odd, .n_options = sizeof(odd));
    stack_sends(&t, SEG_ACK, .ack = 112);
    user_reads(&t, 10);
    assert_int_equal(user_gets(&t, IPPROTO_TCP, TCP_MAXSEG), 1460);
    ladder_close(&t);
}

/* RFC 9293 3.1: an option with an impossible length does no harm. */
/* proves: MUST-7 */
static void impossible_option_lengths_are_survived(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    for (unsigned kind = 2; kind < 256; kind++) {
        const uint8_t lengths[] = {0, 1, 41, 255, 3, 11};

        for (size_t i = 0; i < sizeof(lengths); i++) {
            const uint8_t options[] = {(uint8_t)kind, lengths[i], 0xff, 0xff};

            peer_sends(&t, SEG_ACK, .len = 1, .options = options, .n_options = 4);
            (void)ladder_forget(&t);
            user_reads(&t, 1);
        }
    }
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    ladder_close(&t);
}

/* RFC 7323 3.2: once agreed on, timestamps are in every segment but a reset, and echo the peer's.
 */
/* proves: TS-5 */
static void timestamps_are_in_every_segment_once_agreed(void **state)
{
    struct ladder t;
    uint32_t first;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460, .tsval = 1000);
    first = t.seg.tsval;
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .len = 10, .ts = 1, .tsecr = 1000);
    after_ms(&t, 100);
    peer_sends(&t, SEG_ACK, .len = 10, .tsval = 1100, .tsecr = first);
    stack_sends(&t, SEG_ACK, .ts = 1, .tsecr = 1100, .tsval = first + 100);
    assert_int_equal(ft_shutdown(t.stack, t.peer->sock, SHUT_WR), 0);
    stack_sends(&t, SEG_ACK | SEG_FIN, .ts = 1);
    ladder_close(&t);
}

/* RFC 7323 3.2: without one in the peer's SYN none is sent. */
/* proves: TS-7 */
static void timestamps_that_the_peer_does_not_offer_are_not_sent(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_sends(&t, SEG_SYN, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ts = 0, .sack_ok = 0);
    ladder_peer(&t, 1);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .ts = 1, .tsecr = 0, .sack_ok = 1);
    peer_sends(&t, SEG_SYN | SEG_ACK, .mss = 1460);
    stack_sends(&t, SEG_ACK, .ts = 0);
    ladder_close(&t);
}

/* RFC 7323 5.3, R1: a segment with an older timestamp than the last is acknowledged and dropped;
   a reset is not subject to it. */
/* proves: TS-10 */
static void an_old_timestamp_drops_the_segment(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460, .tsval = 1000);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 10, .tsval = 999);
    assert_verdict(&t, FT_RX_DROP_PAWS);
    stack_sends(&t, SEG_ACK, .ack = 101, .tsecr = 1000);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 10, .tsval = 1000);
    stack_sends(&t, SEG_ACK, .ack = 111);
    peer_sends(&t, SEG_RST, .seq = 111, .tsval = 1);
    assert_int_equal(stack_state(&t), FT_TCP_CLOSED);
    ladder_close(&t);
}

/* RFC 7323 4.3: TS.Recent is taken only from a segment at the left edge, so that the echo is of the
   octet that the ACK is about. */
/* proves: TS-8 */
static void the_echo_is_of_the_segment_at_the_left_edge(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460, .tsval = 1000);
    peer_sends(&t, SEG_ACK, .seq = 201, .len = 100, .tsval = 1050);
    stack_sends(&t, SEG_ACK, .ack = 101, .tsecr = 1000);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 100, .tsval = 1020);
    stack_sends(&t, SEG_ACK, .ack = 301, .tsecr = 1020);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_checksum_drops_the_segment),
        cmocka_unit_test(options_of_a_syn_are_found_among_others),
        cmocka_unit_test(options_on_any_segment_are_survived),
        cmocka_unit_test(impossible_option_lengths_are_survived),
        cmocka_unit_test(timestamps_are_in_every_segment_once_agreed),
        cmocka_unit_test(timestamps_that_the_peer_does_not_offer_are_not_sent),
        cmocka_unit_test(an_old_timestamp_drops_the_segment),
        cmocka_unit_test(the_echo_is_of_the_segment_at_the_left_edge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
