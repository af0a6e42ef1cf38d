/* SPDX-License-Identifier: MIT */
/*
 * RACK-TLP (RFC 8985), proportional rate reduction (RFC 9937), and recoveries that were mistakes
 * (RFC 3522, RFC 5682, RFC 2883): segments of 1000 octets on a path whose round trip is 100 ms.
 */
#include "ladder.h"

#define RTT_MS 100

static uint32_t stack_ms(const struct ladder *t, uint32_t offset)
{
    return (uint32_t)(t->now / FT_MS) + offset;
}

/* A passive open with SACK; @ts: with timestamps, *ret_offset is the stack's. */
static void opened(struct ladder *t, bool ts, uint32_t *ret_offset)
{
    struct step syn = LADDER_STEP(SEG_SYN, .seq = 100, .mss = ts ? 1012 : 1000, .sack_ok = 1);
    struct step ack = LADDER_STEP(SEG_ACK);

    ladder_open(t);
    stack_listens(t);
    if (ts)
        syn.tsval = 1;
    ladder_peer_sends(t, syn);
    stack_sends(t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 101);
    if (ts) {
        *ret_offset = t->seg.tsval - stack_ms(t, 0);
        ack.tsval = 1;
        ack.tsecr = t->seg.tsval;
    }
    after_ms(t, RTT_MS);
    ladder_peer_sends(t, ack);
    t->peer->sock = ft_accept(t->stack, t->listener, NULL, NULL);
    assert_true(t->peer->sock >= 0);
}

static void segments(struct ladder *t, unsigned from, unsigned n)
{
    user_writes(t, n * 1000);
    for (unsigned i = 0; i < n; i++)
        stack_sends(t, SEG_ACK, .seq = 1 + 1000 * (from + i), .len = 1000);
    stack_sends_nothing(t);
}

/* RFC 6298 2.2: the SYN-ACK gives the passive side its first sample; 3: not when it left twice. */
static void the_passive_side_times_its_handshake(void **state)
{
    struct ladder t;

    (void)state;
    opened(&t, false, NULL);
    assert_in_range(stack_info(&t).srtt_us, RTT_MS * 1000 - 10, RTT_MS * 1000 + 10);
    ladder_close(&t);
    ladder_open(&t);
    stack_listens(&t);
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1000);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 101);
    after_ms(&t, 50);
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1000);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 101);
    after_ms(&t, 50);
    peer_sends(&t, SEG_ACK, .seq = 101);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    assert_int_equal(stack_info(&t).srtt_us, 0);
    ladder_close(&t);
}

/* ---- RFC 8985 6: RACK ------------------------------------------------------------------------ */

/* RFC 8985 6.2 step 5: a segment that was overtaken is lost when the reordering window, a quarter
   of the least round trip, has passed, and not before. */
/* proves: RACK-1 RACK-2 RACK-4 RACK-5 */
static void what_is_overtaken_is_lost_after_the_reordering_window(void **state)
{
    struct ladder t;

    (void)state;
    opened(&t, false, NULL);
    segments(&t, 0, 3);
    after_ms(&t, RTT_MS);
    peer_sends(&t, SEG_ACK, .ack = 1, .sack = {{1001, 2001}}, .n_sack = 1);
    after_ms(&t, RTT_MS / 4 - 1);
    stack_sends_nothing(&t);
    after_ms(&t, 2);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    stack_sends_nothing(&t);
    assert_int_equal(stack_info(&t).ca_state, 3);
    assert_int_equal(stack_counts(&t).tcp_rto, 0);
    ladder_close(&t);
}

/* RFC 8985 6.2 step 4: what only comes late within the window is not sent again. */
static void what_comes_late_is_not_sent_again(void **state)
{
    struct ladder t;

    (void)state;
    opened(&t, false, NULL);
    segments(&t, 0, 3);
    after_ms(&t, RTT_MS);
    peer_sends(&t, SEG_ACK, .ack = 1, .sack = {{1001, 2001}}, .n_sack = 1);
    after_ms(&t, RTT_MS / 4 - 5);
    peer_sends(&t, SEG_ACK, .ack = 2001);
    peer_sends(&t, SEG_ACK, .ack = 3001);
    after_ms(&t, 1000);
    stack_sends_nothing(&t);
    assert_int_equal(stack_info(&t).ca_state, 0);
    assert_int_equal(stack_counts(&t).tcp_retrans_segs, 0);
    ladder_close(&t);
}

/* RFC 8985 6.2 step 4: once reordering has been seen, three segments that overtake are no loss; the
   window is waited for. */
/* proves: RACK-6 */
static void who_has_seen_reordering_waits_whatever_was_sacked(void **state)
{
    struct ladder t;

    (void)state;
    opened(&t, false, NULL);
    segments(&t, 0, 5);
    after_ms(&t, RTT_MS);
    peer_sends(&t, SEG_ACK, .ack = 1, .sack = {{1001, 3001}}, .n_sack = 1);
    peer_sends(&t, SEG_ACK, .ack = 3001);
    peer_sends(&t, SEG_ACK, .ack = 5001);
    segments(&t, 5, 5);
    after_ms(&t, RTT_MS);
    peer_sends(&t, SEG_ACK, .ack = 5001, .sack = {{6001, 10001}}, .n_sack = 1);
    stack_sends_nothing(&t);
    after_ms(&t, RTT_MS / 4 - 5);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .ack = 10001);
    assert_int_equal(stack_counts(&t).tcp_retrans_segs, 0);
    ladder_close(&t);
}

/* RFC 8985 6.2 step 4: a D-SACK tells that the window was too narrow; it is wider by a quarter of
   the least round trip from then on. */
/* proves: RACK-3 RACK-7 */
static void a_duplicate_that_the_peer_tells_of_widens_the_window(void **state)
{
    struct ladder t;

    (void)state;
    opened(&t, false, NULL);
    segments(&t, 0, 3);
    after_ms(&t, RTT_MS);
    peer_sends(&t, SEG_ACK, .ack = 1, .sack = {{1001, 3001}}, .n_sack = 1);
    after_ms(&t, RTT_MS / 4 + 1);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    peer_sends(&t, SEG_ACK, .ack = 3001);
    after_ms(&t, RTT_MS);
    peer_sends(&t, SEG_ACK, .ack = 3001, .sack = {{1, 1001}}, .n_sack = 1);
    segments(&t, 3, 2);
    after_ms(&t, RTT_MS);
    peer_sends(&t, SEG_ACK, .ack = 3001, .sack = {{4001, 5001}}, .n_sack = 1);
    after_ms(&t, 2 * RTT_MS / 4 - 2);
    stack_sends_nothing(&t);
    after_ms(&t, 4);
    stack_sends(&t, SEG_ACK, .seq = 3001, .len = 1000);
    ladder_close(&t);
}

/* RFC 8985 6.2 step 5: the timer is for the last of what was overtaken. One for the first took for
   lost, where segments overtake each other, what was a moment late behind others of its burst. */
static void the_reordering_timer_waits_for_all_that_was_overtaken(void **state)
{
    struct ladder t;

    (void)state;
    opened(&t, false, NULL);
    user_sets(&t, IPPROTO_TCP, TCP_NODELAY, 1);
    segments(&t, 0, 1);
    after_ms(&t, 10);
    segments(&t, 1, 1);
    after_ms(&t, 10);
    segments(&t, 2, 1);
    after_ms(&t, RTT_MS);
    peer_sends(&t, SEG_ACK, .ack = 1, .sack = {{2001, 3001}}, .n_sack = 1);
    after_ms(&t, RTT_MS / 4 - 1); /* the first was due after 5, the second after 15 */
    stack_sends_nothing(&t);
    after_ms(&t, 2);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    ladder_close(&t);
}

/* bench/recovery, reorder-1: a segment that took half of the way's time was sent 60 others again,
   and a round trip of nearly nothing, of one that overtook and an ACK that did, stayed the least.
 */
static void what_overtakes_says_nothing_of_those_that_it_overtook(void **state)
{
    struct ladder t;

    (void)state;
    opened(&t, false, NULL);
    segments(&t, 0, 5);
    after_ms(&t, RTT_MS);
    peer_sends(&t, SEG_ACK, .ack = 1, .sack = {{1001, 3001}}, .n_sack = 1);
    peer_sends(&t, SEG_ACK, .ack = 3001); /* reordering is seen */
    peer_sends(&t, SEG_ACK, .ack = 5001);
    segments(&t, 5, 3);
    after_ms(&t, RTT_MS - 10);
    segments(&t, 8, 1);
    after_ms(&t, 2);
    peer_sends(&t, SEG_ACK, .ack = 5001, .sack = {{8001, 9001}}, .n_sack = 1);
    stack_sends_nothing(&t);
    after_ms(&t, 8);
    peer_sends(&t, SEG_ACK, .ack = 9001);
    assert_int_equal(stack_counts(&t).tcp_retrans_segs, 0);
    assert_in_range(stack_info(&t).min_rtt_us, RTT_MS * 1000 - 10, RTT_MS * 1000 + 10);
    ladder_close(&t);
}

/* bench/recovery, reorder-10: a segment and its block overtook all others before reordering had
   been seen. Its time, a fiftieth of the path's, stayed the least for ten seconds, and BBR's window
   with it. */
static void what_overtakes_first_is_not_the_least_round_trip(void **state)
{
    struct ladder t;

    (void)state;
    opened(&t, false, NULL);
    segments(&t, 0, 3);
    after_ms(&t, 2);
    peer_sends(&t, SEG_ACK, .ack = 1, .sack = {{2001, 3001}}, .n_sack = 1);
    assert_in_range(stack_info(&t).min_rtt_us, RTT_MS * 1000 - 10, RTT_MS * 1000 + 10);
    after_ms(&t, RTT_MS - 12);
    peer_sends(&t, SEG_ACK, .ack = 3001); /* what came in order is timed, though it overtook */
    assert_in_range(stack_info(&t).min_rtt_us, RTT_MS * 1000 - 10010, RTT_MS * 1000 - 9990);
    ladder_close(&t);
}

/* RFC 8985 3.3, 6.2: a retransmission that is lost, too, is found by what left after it. */
/* proves: RACK-8 */
static void a_lost_retransmission_is_found_without_a_timeout(void **state)
{
    struct ladder t;

    (void)state;
    opened(&t, false, NULL);
    segments(&t, 0, 10);
    user_writes(&t, 10000);
    after_ms(&t, RTT_MS);
    peer_sends(&t, SEG_ACK, .ack = 1, .sack = {{1001, 10001}}, .n_sack = 1);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    stack_sends(&t, SEG_ACK, .seq = 10001, .len = 1000);
    (void)ladder_forget(&t);
    after_ms(&t, RTT_MS);
    peer_sends(&t, SEG_ACK, .ack = 1, .sack = {{1001, 11001}}, .n_sack = 1);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    peer_sends(&t, SEG_ACK);
    assert_int_equal(stack_info(&t).ca_state, 0);
    assert_int_equal(stack_counts(&t).tcp_rto, 0);
    ladder_close(&t);
}

/* RFC 8985 6.3: at a timeout only what is older than a round trip is lost with the first. */
/* proves: RACK-9 */
static void a_timeout_spares_what_left_of_late(void **state)
{
    struct ladder t;

    (void)state;
    opened(&t, false, NULL);
    user_sets(&t, IPPROTO_TCP, TCP_NODELAY, 1);
    segments(&t, 0, 2);
    after_ms(&t, 203);
    stack_sends(&t, SEG_ACK, .seq = 1001, .len = 1000); /* the probe */
    after_ms(&t, 250);
    segments(&t, 2, 1);
    after_ms(&t, 53);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    assert_int_equal(stack_counts(&t).tcp_rto, 1);
    peer_sends(&t, SEG_ACK, .ack = 2001);
    stack_sends_nothing(&t);
    after_ms(&t, RTT_MS);
    peer_sends(&t, SEG_ACK, .ack = 3001);
    assert_int_equal(stack_counts(&t).tcp_retrans_segs, 2);
    ladder_close(&t);
}

/* RFC 2018 8: a peer may take back what it SACKed; at a timeout the marks count no more. */
/* proves: SACK-5 PIPE-1 */
static void what_the_peer_took_back_is_sent_again(void **state)
{
    struct ladder t;

    (void)state;
    opened(&t, false, NULL);
    segments(&t, 0, 5);
    after_ms(&t, RTT_MS);
    peer_sends(&t, SEG_ACK, .ack = 1, .sack = {{1001, 5001}}, .n_sack = 1);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    after_ms(&t, RTT_MS);
    peer_sends(&t, SEG_ACK, .ack = 1001);
    (void)ladder_forget(&t);
    after_ms(&t, 1000);
    assert_true(ladder_take(&t));
    assert_int_equal(t.seg.seq.v - t.peer->iss, 1001);
    for (uint32_t una = 2001; una <= 5001; una += 1000) {
        (void)ladder_forget(&t);
        peer_sends(&t, SEG_ACK, .ack = una);
    }
    stack_sends_nothing(&t);
    assert_int_equal(stack_info(&t).send_q, 0);
    ladder_close(&t);
}

/* RFC 6675 5.1: until all that was out at a timeout is acknowledged no recovery begins, so the
   window is not cut twice; and what the peer says that it holds is not sent again. */
/* proves: PIPE-12 PIPE-13 */
static void after_a_timeout_no_recovery_begins(void **state)
{
    struct ladder t;

    (void)state;
    opened(&t, false, NULL);
    segments(&t, 0, 8);
    after_ms(&t, 203);
    stack_sends(&t, SEG_ACK, .seq = 7001, .len = 1000); /* the probe */
    after_ms(&t, 303);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    after_ms(&t, 606); /* again: the second is not taken for spurious (F-RTO) */
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    assert_int_equal(stack_info(&t).ca_state, 4);
    uint32_t ssthresh = stack_info(&t).ssthresh;
    after_ms(&t, RTT_MS);
    peer_sends(&t, SEG_ACK, .ack = 1001, .sack = {{3001, 6001}}, .n_sack = 1);
    peer_sends(&t, SEG_ACK, .ack = 1001, .sack = {{3001, 7001}}, .n_sack = 1);
    assert_int_equal(stack_info(&t).ca_state, 4);
    assert_int_equal(stack_info(&t).ssthresh, ssthresh);
    assert_int_equal(stack_counts(&t).tcp_fast_retransmits, 0);
    stack_sends(&t, SEG_ACK, .seq = 1001, .len = 1000);
    stack_sends(&t, SEG_ACK, .seq = 2001, .len = 1000);
    (void)ladder_forget(&t);
    after_ms(&t, RTT_MS); /* of the two only the second arrives: a loss that was not there before */
    peer_sends(&t, SEG_ACK, .ack = 1001, .sack = {{2001, 7001}}, .n_sack = 1);
    stack_sends(&t, SEG_ACK, .seq = 1001, .len = 1000);
    assert_int_equal(stack_info(&t).ca_state, 4);
    assert_int_equal(stack_info(&t).ssthresh, ssthresh);
    assert_int_equal(stack_counts(&t).tcp_fast_retransmits, 0);
    peer_sends(&t, SEG_ACK, .ack = 8001);
    assert_int_equal(stack_info(&t).ca_state, 0);
    ladder_close(&t);
}

/* ---- RFC 8985 7: the tail loss probe --------------------------------------------------------- */

/* RFC 8985 7.2, 7.3: two round trips after the last of a flight it is sent again, without a cut;
   then the retransmission timer runs anew. */
/* proves: TLP-1 */
static void the_last_of_a_flight_is_probed(void **state)
{
    struct ladder t;

    (void)state;
    opened(&t, false, NULL);
    segments(&t, 0, 3);
    after_ms(&t, 2 * RTT_MS + 1);
    stack_sends_nothing(&t);
    after_ms(&t, 2);
    stack_sends(&t, SEG_ACK, .seq = 2001, .len = 1000);
    stack_sends_nothing(&t);
    assert_int_equal(stack_counts(&t).tcp_tail_probes, 1);
    assert_int_equal(stack_info(&t).cwnd, 10000);
    /* 7.4: its SACK shows what else was lost, and RACK repairs it. */
    after_ms(&t, RTT_MS);
    peer_sends(&t, SEG_ACK, .ack = 1, .sack = {{2001, 3001}}, .n_sack = 1);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    peer_sends(&t, SEG_ACK, .ack = 1001, .sack = {{2001, 3001}}, .n_sack = 1);
    stack_sends(&t, SEG_ACK, .seq = 1001, .len = 1000);
    peer_sends(&t, SEG_ACK);
    assert_int_equal(stack_counts(&t).tcp_rto, 0);
    ladder_close(&t);
}

/* RFC 8985 7.2: the timer runs anew when octets leave or are acknowledged, and at no other ACK. */
static void an_ack_of_nothing_new_does_not_put_the_probe_off(void **state)
{
    struct ladder t;

    (void)state;
    opened(&t, false, NULL);
    segments(&t, 0, 3);
    after_ms(&t, RTT_MS);
    peer_sends(&t, SEG_ACK, .ack = 1);
    after_ms(&t, RTT_MS + 1);
    stack_sends_nothing(&t);
    after_ms(&t, 2);
    stack_sends(&t, SEG_ACK, .seq = 2001, .len = 1000);
    peer_sends(&t, SEG_ACK);
    ladder_close(&t);
}

/* RFC 8985 7.3: the retransmission timer runs anew from the probe on; one probe at a time. */
/* proves: TLP-2 TLP-4 */
static void after_an_unanswered_probe_comes_the_timeout(void **state)
{
    struct ladder t;

    (void)state;
    opened(&t, false, NULL);
    segments(&t, 0, 2);
    after_ms(&t, 2 * RTT_MS + 3);
    stack_sends(&t, SEG_ACK, .seq = 1001, .len = 1000);
    after_ms(&t, 297);
    stack_sends_nothing(&t);
    after_ms(&t, 4);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    assert_int_equal(stack_counts(&t).tcp_tail_probes, 1);
    assert_int_equal(stack_counts(&t).tcp_rto, 1);
    ladder_close(&t);
}

/* RFC 8985 7.3: octets that have not been sent yet probe as well, beyond cwnd. */
/* proves: TLP-3 */
static void a_new_segment_is_the_better_probe(void **state)
{
    struct ladder t;

    (void)state;
    opened(&t, false, NULL);
    user_writes(&t, 20000);
    assert_int_equal(ladder_forget(&t), 10);
    after_ms(&t, 2 * RTT_MS + 3);
    stack_sends(&t, SEG_ACK, .seq = 10001, .len = 1000);
    stack_sends_nothing(&t);
    assert_int_equal(stack_counts(&t).tcp_retrans_segs, 0);
    peer_sends(&t, SEG_ACK);
    ladder_close(&t);
}

/* RFC 8985 7.4.2: a probe that repaired a loss counts as congestion once an ACK goes beyond it; one
   that came twice, as the peer's D-SACK tells, does not. */
/* proves: TLP-5 */
static void a_probe_that_repaired_a_loss_costs_what_a_loss_costs(void **state)
{
    struct ladder t;

    (void)state;
    for (unsigned twice = 0; twice < 2; twice++) {
        opened(&t, false, NULL);
        segments(&t, 0, 2);
        after_ms(&t, RTT_MS);
        peer_sends(&t, SEG_ACK, .ack = 1001);
        after_ms(&t, 500);
        stack_sends(&t, SEG_ACK, .seq = 1001, .len = 1000);
        if (twice) {
            peer_sends(&t, SEG_ACK, .ack = 2001);
            peer_sends(&t, SEG_ACK, .ack = 2001, .sack = {{1001, 2001}}, .n_sack = 1);
        } else {
            peer_sends(&t, SEG_ACK, .ack = 2001);
        }
        segments(&t, 2, 1);
        peer_sends(&t, SEG_ACK, .ack = 3001);
        if (twice)
            assert_int_equal(stack_info(&t).ssthresh, UINT32_MAX);
        else
            assert_true(stack_info(&t).ssthresh < 10000);
        assert_int_equal(stack_counts(&t).tcp_rto, 0);
        ladder_close(&t);
    }
}

/* ---- RFC 9937 -------------------------------------------------------------------------------- */

/* RFC 9937 6: what leaves in recovery is in proportion to what is delivered, and at its end as much
   as ssthresh is in the network. */
/* proves: PIPE-4 PIPE-10 PIPE-11 */
static void recovery_sends_in_proportion_to_what_is_delivered(void **state)
{
    struct ladder t;
    unsigned n = 0;

    (void)state;
    opened(&t, false, NULL);
    user_sets(&t, SOL_SOCKET, SO_SNDBUF, 200000);
    user_writes(&t, 60000);
    assert_int_equal(ladder_forget(&t), 10);
    after_ms(&t, RTT_MS);
    peer_sends(&t, SEG_ACK);
    assert_int_equal(ladder_forget(&t), 20);
    after_ms(&t, RTT_MS);
    for (uint32_t hi = 12001; hi <= 30001; hi += 1000) {
        peer_sends(&t, SEG_ACK, .ack = 10001, .sack = {{11001, hi}}, .n_sack = 1);
        n += ladder_forget(&t);
    }
    /* Two by limited transmit, then the hole and new ones until ssthresh is in the network. */
    uint32_t target = stack_info(&t).ssthresh / 1000;
    assert_int_equal(stack_info(&t).ca_state, 3);
    assert_in_range(n, target - 2, target + 3);
    peer_sends(&t, SEG_ACK, .ack = 10001 + 20000);
    assert_int_equal(stack_info(&t).cwnd, stack_info(&t).ssthresh);
    ladder_close(&t);
}

/* ---- mistakes -------------------------------------------------------------------------------- */

/* RFC 5682 3.1: after a timeout new octets are sent first; if then something is acknowledged that
   was never sent again, the timeout was spurious, and nothing else is sent again. */
static void a_spurious_timeout_is_undone(void **state)
{
    struct ladder t;

    (void)state;
    opened(&t, false, NULL);
    user_writes(&t, 20000);
    assert_int_equal(ladder_forget(&t), 10);
    after_ms(&t, 2 * RTT_MS + 3);
    stack_sends(&t, SEG_ACK, .seq = 10001, .len = 1000); /* the probe */
    after_ms(&t, 305);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    assert_int_equal(stack_info(&t).ca_state, 4);
    assert_int_equal(stack_info(&t).cwnd, 1000);
    peer_sends(&t, SEG_ACK, .ack = 2001);
    assert_int_equal(stack_info(&t).ca_state, 0);
    assert_true(stack_info(&t).cwnd >= 10000);
    assert_int_equal(stack_info(&t).ssthresh, UINT32_MAX);
    while (ladder_take(&t))
        assert_true(t.seg.seq.v - t.peer->iss >= 11001);
    assert_int_equal(stack_counts(&t).tcp_spurious_recoveries, 1);
    assert_int_equal(stack_counts(&t).tcp_retrans_segs, 1);
    ladder_close(&t);
}

/* RFC 5682 3.1 step 2: one that was not spurious is found out by a duplicate, and repaired. */
static void a_timeout_that_was_none_too_early_is_repaired(void **state)
{
    struct ladder t;

    (void)state;
    opened(&t, false, NULL);
    segments(&t, 0, 3);
    after_ms(&t, 203);
    stack_sends(&t, SEG_ACK, .seq = 2001, .len = 1000);
    after_ms(&t, 305);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    after_ms(&t, RTT_MS);
    peer_sends(&t, SEG_ACK, .ack = 1001);
    stack_sends(&t, SEG_ACK, .seq = 1001, .len = 1000);
    stack_sends(&t, SEG_ACK, .seq = 2001, .len = 1000);
    peer_sends(&t, SEG_ACK, .ack = 3001);
    assert_int_equal(stack_info(&t).ca_state, 0);
    assert_int_equal(stack_counts(&t).tcp_spurious_recoveries, 0);
    ladder_close(&t);
}

/* Of ten segments the first, late, is sent again. Return: the timestamp of the ten. */
static uint32_t recovers_of_reordering(struct ladder *t)
{
    uint32_t offset = 0;

    opened(t, true, &offset);
    segments(t, 0, 10);
    uint32_t first = stack_ms(t, offset);
    after_ms(t, RTT_MS);
    peer_sends(t, SEG_ACK, .ack = 1, .tsval = 2, .tsecr = first, .sack = {{1001, 4001}},
               .n_sack = 1);
    stack_sends(t, SEG_ACK, .seq = 1, .len = 1000);
    assert_int_equal(stack_info(t).ca_state, 3);
    after_ms(t, 10);
    return first;
}

/* RFC 3522 3.2: the timestamp that is echoed is older than the retransmission: what was
   acknowledged is what had left first, and the window comes back. */
static void an_old_echo_undoes_a_recovery(void **state)
{
    struct ladder t;

    (void)state;
    uint32_t first = recovers_of_reordering(&t);
    peer_sends(&t, SEG_ACK, .ack = 4001, .tsval = 3, .tsecr = first);
    assert_int_equal(stack_info(&t).ca_state, 0);
    assert_true(stack_info(&t).cwnd >= 10000);
    assert_int_equal(stack_info(&t).ssthresh, UINT32_MAX);
    assert_int_equal(stack_counts(&t).tcp_spurious_recoveries, 1);
    ladder_close(&t);
}

/* bench/recovery, reorder-1: losses that were found by the ACK that undid all of them began another
   recovery, in which nothing was lost, sent again or to be undone; it took three tenths of cwnd. */
static void losses_that_an_undo_takes_back_begin_no_recovery(void **state)
{
    struct ladder t;

    (void)state;
    uint32_t first = recovers_of_reordering(&t);
    peer_sends(&t, SEG_ACK, .ack = 4001, .tsval = 3, .tsecr = first, .sack = {{6001, 9001}},
               .n_sack = 1); /* in recovery, so 4001 and 5001 are lost at once */
    assert_int_equal(stack_info(&t).ca_state, 1); /* TCP_CA_Disorder: blocks are outstanding */
    assert_int_equal(stack_info(&t).ssthresh, UINT32_MAX);
    assert_int_equal(stack_counts(&t).tcp_spurious_recoveries, 1);
    assert_int_equal(stack_counts(&t).tcp_fast_retransmits, 1);
    ladder_close(&t);
}

/* RFC 3708 3: when a D-SACK has told of all that was sent again, none of it was needed. */
static void d_sacks_of_all_retransmissions_undo_a_recovery(void **state)
{
    struct ladder t;

    (void)state;
    opened(&t, false, NULL);
    segments(&t, 0, 10);
    user_writes(&t, 10000);
    after_ms(&t, RTT_MS);
    peer_sends(&t, SEG_ACK, .ack = 1, .sack = {{1001, 4001}}, .n_sack = 1);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    (void)ladder_forget(&t);
    peer_sends(&t, SEG_ACK, .ack = 4001);
    uint32_t cut = stack_info(&t).ssthresh;
    assert_true(cut < 10000);
    (void)ladder_forget(&t);
    peer_sends(&t, SEG_ACK, .ack = 4001, .sack = {{1, 1001}}, .n_sack = 1);
    assert_int_equal(stack_info(&t).ca_state, 0);
    assert_int_equal(stack_info(&t).ssthresh, UINT32_MAX);
    assert_int_equal(stack_counts(&t).tcp_spurious_recoveries, 1);
    ladder_close(&t);
}

/* When records run out the last frame grows, then sending pauses, until an ACK frees some; no octet
   is forgotten. */
static void without_records_sending_goes_on_in_larger_steps(void **state)
{
    enum { N = 300000 };
    struct ladder t;
    uint32_t una = 1;
    unsigned most = 0;

    (void)state;
    ladder_init(&t);
    t.config.limits.memory_max = 1500000;
    ladder_start(&t);
    peer_connects(&t, .mss = 48, .sack_ok = 1, .wscale = 8);
    user_sets(&t, SOL_SOCKET, SO_SNDBUF, N);
    user_writes(&t, N);
    for (unsigned round = 0; una <= N && round < 1000; round++) {
        unsigned n = 0;

        while (ladder_take(&t)) {
            assert_int_equal(t.seg.seq.v - t.peer->iss, una); /* in order, nothing twice */
            una += t.seg.len;
            n++;
        }
        most = n > most ? n : most;
        peer_sends(&t, SEG_ACK, .ack = una);
    }
    assert_int_equal(una, N + 1);
    /* An eighth of the budget is 2,343 records of 80 octets. */
    assert_in_range(most, 2344, 2343 + 2 * 64);
    assert_int_equal(stack_counts(&t).tcp_retrans_segs, 0);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_passive_side_times_its_handshake),
        cmocka_unit_test(what_is_overtaken_is_lost_after_the_reordering_window),
        cmocka_unit_test(what_comes_late_is_not_sent_again),
        cmocka_unit_test(who_has_seen_reordering_waits_whatever_was_sacked),
        cmocka_unit_test(a_duplicate_that_the_peer_tells_of_widens_the_window),
        cmocka_unit_test(the_reordering_timer_waits_for_all_that_was_overtaken),
        cmocka_unit_test(what_overtakes_first_is_not_the_least_round_trip),
        cmocka_unit_test(what_overtakes_says_nothing_of_those_that_it_overtook),
        cmocka_unit_test(a_lost_retransmission_is_found_without_a_timeout),
        cmocka_unit_test(a_timeout_spares_what_left_of_late),
        cmocka_unit_test(what_the_peer_took_back_is_sent_again),
        cmocka_unit_test(after_a_timeout_no_recovery_begins),
        cmocka_unit_test(the_last_of_a_flight_is_probed),
        cmocka_unit_test(an_ack_of_nothing_new_does_not_put_the_probe_off),
        cmocka_unit_test(after_an_unanswered_probe_comes_the_timeout),
        cmocka_unit_test(a_new_segment_is_the_better_probe),
        cmocka_unit_test(a_probe_that_repaired_a_loss_costs_what_a_loss_costs),
        cmocka_unit_test(recovery_sends_in_proportion_to_what_is_delivered),
        cmocka_unit_test(a_spurious_timeout_is_undone),
        cmocka_unit_test(a_timeout_that_was_none_too_early_is_repaired),
        cmocka_unit_test(an_old_echo_undoes_a_recovery),
        cmocka_unit_test(losses_that_an_undo_takes_back_begin_no_recovery),
        cmocka_unit_test(d_sacks_of_all_retransmissions_undo_a_recovery),
        cmocka_unit_test(without_records_sending_goes_on_in_larger_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
