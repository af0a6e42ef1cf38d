/* SPDX-License-Identifier: MIT */
/*
 * The text of segments and where it is kept: in order, beyond gaps, twice; how soon an ACK is owed
 * for it, and what its SACK blocks say. RFC 9293 3.10.7.4, RFC 5681 4.2, RFC 2018 4.
 */
#include "ladder.h"

static void open_with_sack(struct ladder *t)
{
    ladder_open(t);
    stack_listens(t);
    peer_connects(t, .mss = 1460, .sack_ok = 1);
}

/* RFC 9293 SHLD-31: what comes early is kept, and read when the gap is filled. */
/* proves: SACK-4 */
static void gaps_are_filled_in_any_order(void **state)
{
    static const uint8_t orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}, {1, 3, 0, 2}};
    struct ladder t;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        open_with_sack(&t);
        for (unsigned k = 0; k < 4; k++)
            peer_sends(&t, SEG_ACK, .seq = 101 + 700 * orders[i][k], .len = 700);
        (void)ladder_forget(&t);
        user_reads(&t, 2800);
        user_reads_nothing(&t, -EAGAIN);
        ladder_close(&t);
    }
}

/* The first octet accepted for a place stays, whatever comes for it later. */
/* proves: A-75 */
static void octets_that_overlap_do_not_replace_each_other(void **state)
{
    struct ladder t;

    (void)state;
    open_with_sack(&t);
    peer_sends(&t, SEG_ACK, .seq = 301, .len = 100);
    peer_sends(&t, SEG_ACK, .seq = 601, .len = 100);
    /* Over both and what is between and around them: only the holes are taken. */
    peer_sends(&t, SEG_ACK, .seq = 201, .len = 700);
    peer_sends(&t, SEG_ACK, .seq = 250, .len = 500, .salt = 7);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 900);
    (void)ladder_forget(&t);
    user_reads(&t, 900);
    ladder_close(&t);
}

/* RFC 2018 4: the block of the segment that caused the ACK is first; blocks that touch are one. */
/* proves: SACK-2 SACK-3 SACK-4 */
static void sack_blocks_tell_the_newest_first(void **state)
{
    struct ladder t;

    (void)state;
    open_with_sack(&t);
    peer_sends(&t, SEG_ACK, .seq = 301, .len = 100);
    stack_sends(&t, SEG_ACK, .ack = 101, .n_sack = 1, .sack = {{301, 401}});
    peer_sends(&t, SEG_ACK, .seq = 501, .len = 100);
    stack_sends(&t, SEG_ACK, .ack = 101, .n_sack = 2, .sack = {{501, 601}, {301, 401}});
    peer_sends(&t, SEG_ACK, .seq = 701, .len = 100);
    stack_sends(&t, SEG_ACK, .ack = 101, .n_sack = 3, .sack = {{701, 801}, {501, 601}, {301, 401}});
    peer_sends(&t, SEG_ACK, .seq = 401, .len = 100); /* two become one, which is the newest */
    stack_sends(&t, SEG_ACK, .ack = 101, .n_sack = 2, .sack = {{301, 601}, {701, 801}});
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 200);
    stack_sends(&t, SEG_ACK, .ack = 601, .n_sack = 1, .sack = {{701, 801}});
    peer_sends(&t, SEG_ACK, .seq = 601, .len = 100);
    stack_sends(&t, SEG_ACK, .ack = 801, .n_sack = 0);
    ladder_close(&t);
}

/* RFC 2883 4: what came twice is told first, once, by the ACK that the segment causes; 4.1.2: also
   when it lies beyond a gap, and then the block that holds it follows; 4.2: of a segment that
   brings something new the part that was there. */
/* proves: SACK-7 */
static void what_comes_twice_is_told_by_a_d_sack(void **state)
{
    struct ladder t;

    (void)state;
    open_with_sack(&t);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 300);
    stack_sends(&t, SEG_ACK, .ack = 401, .n_sack = 0);
    peer_sends(&t, SEG_ACK, .seq = 201, .len = 100);
    stack_sends(&t, SEG_ACK, .ack = 401, .n_sack = 1, .sack = {{201, 301}});
    peer_sends(&t, SEG_ACK, .seq = 301, .len = 200);
    stack_sends(&t, SEG_ACK, .ack = 501, .n_sack = 1, .sack = {{301, 401}});
    peer_sends(&t, SEG_ACK, .seq = 601, .len = 100);
    stack_sends(&t, SEG_ACK, .ack = 501, .n_sack = 1, .sack = {{601, 701}});
    peer_sends(&t, SEG_ACK, .seq = 801, .len = 200);
    stack_sends(&t, SEG_ACK, .ack = 501, .n_sack = 2, .sack = {{801, 1001}, {601, 701}});
    peer_sends(&t, SEG_ACK, .seq = 601, .len = 50);
    stack_sends(&t, SEG_ACK, .ack = 501, .n_sack = 3,
                .sack = {{601, 651}, {601, 701}, {801, 1001}});
    peer_sends(&t, SEG_ACK, .seq = 1001, .len = 100);
    stack_sends(&t, SEG_ACK, .ack = 501, .n_sack = 2, .sack = {{801, 1101}, {601, 701}});
    ladder_close(&t);
}

/* RFC 5681 4.2: without SACK the sender counts duplicates, so each early segment has its own. */
static void without_sack_each_early_segment_has_its_ack(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_connects(&t, .mss = 1460);
    t.batch = true;
    for (unsigned i = 1; i <= 3; i++)
        peer_sends(&t, SEG_ACK, .seq = 101 + 100 * i, .len = 100);
    t.batch = false;
    for (unsigned i = 0; i < 3; i++)
        stack_sends(&t, SEG_ACK, .ack = 101, .n_sack = 0);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 100);
    stack_sends(&t, SEG_ACK, .ack = 501); /* a gap that is filled is told of at once */
    user_reads(&t, 400);
    ladder_close(&t);
}

/* RFC 9293 SHLD-19: at least every second segment, when the first ones have been told of at once.
 */
/* proves: CC-13 */
static void after_the_beginning_every_second_segment_is_told_of(void **state)
{
    struct ladder t;

    (void)state;
    open_with_sack(&t);
    user_sets(&t, IPPROTO_TCP, TCP_QUICKACK, 0);
    for (unsigned i = 0; i < 5; i++) {
        peer_sends(&t, SEG_ACK, .len = 1000);
        stack_sends_nothing(&t);
        peer_sends(&t, SEG_ACK, .len = 1000);
        stack_sends(&t, SEG_ACK, .ack = 101 + 2000 * (i + 1));
    }
    peer_sends(&t, SEG_ACK, .len = 10);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .len = 10);
    stack_sends_nothing(&t); /* short ones count when they make a full one together */
    peer_sends(&t, SEG_ACK, .len = 520);
    stack_sends(&t, SEG_ACK, .ack = 10641);
    peer_sends(&t, SEG_ACK, .len = 10);
    stack_sends_nothing(&t);
    after_ms(&t, 41);
    stack_sends(&t, SEG_ACK, .ack = 10651);
    user_reads(&t, 10550);
    ladder_close(&t);
}

/* More islands than are remembered: what does not fit is dropped, and comes again. */
static void islands_without_end_are_bounded(void **state)
{
    struct ladder t;

    (void)state;
    open_with_sack(&t);
    for (unsigned i = 1; i <= 256; i++) {
        peer_sends(&t, SEG_ACK, .seq = 101 + 20 * i, .len = 10);
        assert_verdict(&t, FT_RX_ACTIVE);
        (void)ladder_forget(&t);
    }
    peer_sends(&t, SEG_ACK, .seq = 101 + 20 * 257, .len = 10);
    assert_verdict(&t, FT_RX_DROP_BUFFER);
    peer_sends(&t, SEG_ACK, .seq = 101 + 30, .len = 10); /* makes two of them one */
    assert_verdict(&t, FT_RX_ACTIVE);
    peer_sends(&t, SEG_ACK, .seq = 101 + 20 * 257, .len = 10);
    assert_verdict(&t, FT_RX_ACTIVE);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 1400);
    for (unsigned at = 1400; at < 5160; at += 1000)
        peer_sends(&t, SEG_ACK, .seq = 101 + at, .len = at + 1000 > 5160 ? 5160 - at : 1000);
    (void)ladder_forget(&t);
    user_reads(&t, 5160);
    ladder_close(&t);
}

/* RFC 2018 4: a FIN takes a number as octets do: one that came behind octets that are held is held
   with them. */
static void a_fin_beyond_a_gap_is_sacked(void **state)
{
    struct ladder t;

    (void)state;
    open_with_sack(&t);
    peer_sends(&t, SEG_ACK | SEG_FIN, .seq = 201, .len = 100);
    stack_sends(&t, SEG_ACK, .ack = 101, .n_sack = 1, .sack = {{201, 302}});
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 100);
    stack_sends(&t, SEG_ACK, .ack = 302, .n_sack = 0);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaps_are_filled_in_any_order),
        cmocka_unit_test(octets_that_overlap_do_not_replace_each_other),
        cmocka_unit_test(sack_blocks_tell_the_newest_first),
        cmocka_unit_test(what_comes_twice_is_told_by_a_d_sack),
        cmocka_unit_test(a_fin_beyond_a_gap_is_sacked),
        cmocka_unit_test(without_sack_each_early_segment_has_its_ack),
        cmocka_unit_test(after_the_beginning_every_second_segment_is_told_of),
        cmocka_unit_test(islands_without_end_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
