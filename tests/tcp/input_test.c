/* SPDX-License-Identifier: MIT */
/*
 * SEGMENT ARRIVES: RFC 9293 3.10.7, state by state and in its order. LISTEN is in listen_test.c.
 */
#include "ladder.h"

/* ---- 3.10.7.1 CLOSED ------------------------------------------------------------------------- */

/* RFC 9293 3.5.2: a segment for nobody is reset so that its sender believes it; a reset never. */
static void a_segment_for_nobody_is_reset_believably(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_sends(&t, SEG_SYN, .seq = 100);
    assert_verdict(&t, FT_RX_NO_SOCKET);
    stack_sends(&t, SEG_RST | SEG_ACK, .seq = 0, .ack = 101, .wnd = 0);
    peer_sends(&t, SEG_FIN, .seq = 200, .len = 10);
    stack_sends(&t, SEG_RST | SEG_ACK, .seq = 0, .ack = 211);
    peer_sends(&t, SEG_ACK | SEG_FIN, .seq = 200, .ack = 4711, .len = 10);
    stack_sends(&t, SEG_RST, .seq = 4711);
    peer_sends(&t, SEG_RST, .seq = 200);
    peer_sends(&t, SEG_RST | SEG_ACK, .seq = 200, .ack = 1);
    stack_sends_nothing(&t);
    ladder_close(&t);
}

/* ---- 3.10.7.3 SYN-SENT ----------------------------------------------------------------------- */

/* RFC 9293 3.10.7.3, first: an ACK of what was not sent is reset, and the attempt goes on. */
static void in_syn_sent_a_wrong_ack_is_reset(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    peer_sends(&t, SEG_ACK, .seq = 300, .ack = 0);
    assert_verdict(&t, FT_RX_DROP_ACK);
    stack_sends(&t, SEG_RST, .seq = 0);
    peer_sends(&t, SEG_SYN | SEG_ACK, .seq = 300, .ack = 2);
    stack_sends(&t, SEG_RST, .seq = 2);
    peer_sends(&t, SEG_RST | SEG_ACK, .seq = 300, .ack = 2);
    stack_sends_nothing(&t);
    assert_int_equal(stack_state(&t), FT_TCP_SYN_SENT);
    ladder_close(&t);
}

/* RFC 9293 3.10.7.3, second: a reset counts only if it acknowledges the SYN. */
static void in_syn_sent_a_reset_without_an_ack_is_dropped(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    peer_sends(&t, SEG_RST, .seq = 0);
    assert_int_equal(stack_state(&t), FT_TCP_SYN_SENT);
    peer_sends(&t, SEG_RST | SEG_ACK, .seq = 0, .ack = 1);
    assert_int_equal(stack_state(&t), FT_TCP_CLOSED);
    assert_int_equal(user_gets(&t, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
    stack_sends_nothing(&t);
    ladder_close(&t);
}

/* RFC 9293 3.10.7.3, second: where RFC 5961 is implemented a reset should stand at RCV.NXT, which
   is 0 before the peer's SYN. Linux does not look, nor do we unless the profile is the RFC's. */
/* proves: U-2 */
static void in_syn_sent_the_rfc_profile_wants_a_reset_at_rcv_nxt(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.profile = FT_PROFILE_RFC;
    ladder_start(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    peer_sends(&t, SEG_RST | SEG_ACK, .seq = 77, .ack = 1);
    assert_int_equal(stack_state(&t), FT_TCP_SYN_SENT);
    peer_sends(&t, SEG_RST | SEG_ACK, .seq = 0, .ack = 1);
    assert_int_equal(stack_state(&t), FT_TCP_CLOSED);
    ladder_close(&t);
}

/* RFC 9293 3.10.7.3, fifth: without SYN and RST a segment is dropped. */
static void in_syn_sent_text_alone_is_dropped(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    peer_sends(&t, SEG_ACK, .seq = 300, .ack = 1, .len = 10);
    peer_sends(&t, SEG_FIN, .seq = 300);
    assert_verdict(&t, FT_RX_DROP_FLAGS);
    stack_sends_nothing(&t);
    assert_int_equal(stack_state(&t), FT_TCP_SYN_SENT);
    ladder_close(&t);
}

/* RFC 9293 3.5, figure 7: both ends may open at once; each answers the other's SYN by SYN-ACK. */
/* proves: MUST-10 */
static void syns_that_cross_make_one_connection(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0, .mss = 1460);
    peer_sends(&t, SEG_SYN, .seq = 300, .mss = 1400);
    assert_int_equal(stack_state(&t), FT_TCP_SYN_RECEIVED);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 301, .mss = 1460);
    peer_sends(&t, SEG_SYN | SEG_ACK, .seq = 300, .ack = 1);
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    stack_sends(&t, SEG_ACK, .seq = 1, .ack = 301);
    stack_sends_nothing(&t);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 10);
    peer_sends(&t, SEG_ACK, .seq = 301, .ack = 11, .len = 20);
    user_reads(&t, 20);
    ladder_close(&t);
}

/* RFC 9293 3.10.7.4, second, SYN-RECEIVED: after an active OPEN a reset is "connection refused". */
/* proves: MUST-11 MUST-10 */
static void a_reset_after_syns_that_crossed_refuses_the_connection(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    peer_sends(&t, SEG_SYN, .seq = 300, .mss = 1400);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 301);
    peer_sends(&t, SEG_RST, .seq = 301);
    assert_int_equal(stack_state(&t), FT_TCP_CLOSED);
    assert_int_equal(user_gets(&t, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
    ladder_close(&t);
}

/* RFC 9293 3.10.7.3, fourth: the SYN-ACK that answers crossed SYNs may be lost and comes again. */
static void a_lost_answer_to_crossed_syns_is_sent_again(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    peer_sends(&t, SEG_SYN, .seq = 300, .mss = 1400);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 301);
    after_ms(&t, 1000);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 301);
    peer_sends(&t, SEG_ACK, .seq = 301, .ack = 1);
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    ladder_close(&t);
}

/* RFC 9293 3.5.2, second: in a state that is not synchronised what was never sent is not to be
   acknowledged, and is reset. Seeds 8544 and 20502 of the simulator: the other end had taken an old
   SYN of ours for the one that crosses its own; an ACK told it nothing, and fell into its window.
 */
static void an_answer_to_an_old_syn_of_ours_is_reset(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    peer_sends(&t, SEG_SYN, .seq = 300, .mss = 1400);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 301);
    peer_sends(&t, SEG_SYN | SEG_ACK, .seq = 300, .ack = -1000);
    stack_sends(&t, SEG_RST, .seq = -1000);
    stack_sends_nothing(&t);
    assert_int_equal(stack_state(&t), FT_TCP_SYN_RECEIVED);
    ladder_close(&t);
}

/* Seed 4467 of the simulator: IRS was an old SYN's, and an ACK of the peer's new attempt fell into
   the window by chance. The connection was made, and reset later. What does not stand at RCV.NXT is
   answered, so that the peer tells, and counts when it comes again. */
static void crossed_syns_are_confirmed_at_rcv_nxt_only(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    peer_sends(&t, SEG_SYN, .seq = 300, .mss = 1400);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 301);
    peer_sends(&t, SEG_ACK, .seq = 401, .ack = 1, .len = 50);
    stack_sends(&t, SEG_ACK, .seq = 1, .ack = 301);
    assert_int_equal(stack_state(&t), FT_TCP_SYN_RECEIVED);
    peer_sends(&t, SEG_ACK, .seq = 301, .ack = 1, .len = 100);
    stack_sends(&t, SEG_ACK, .seq = 1, .ack = 401);
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    ladder_close(&t);
}

/* RFC 2883 4: told as received twice is what this connection has received, not what an earlier one
   of the same name has sent (seed 1406 of the simulator). */
static void an_earlier_connections_octets_are_not_told_as_duplicates(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .seq = 5000, .mss = 1460, .sack_ok = 1, .tsval = 700);
    peer_sends(&t, SEG_ACK, .seq = 5001, .len = 10, .tsval = 710);
    stack_sends(&t, SEG_ACK, .ack = 5011);
    peer_sends(&t, SEG_ACK, .seq = 4000, .len = 100, .tsval = 600);
    assert_verdict(&t, FT_RX_DROP_PAWS);
    stack_sends(&t, SEG_ACK, .ack = 5011, .n_sack = 0);
    peer_sends(&t, SEG_ACK, .seq = 4990, .len = 15, .tsval = 600);
    stack_sends(&t, SEG_ACK, .ack = 5011, .n_sack = 1, .sack = {{5001, 5005}});
    ladder_close(&t);
}

/* ---- 3.10.7.4 first: sequence number --------------------------------------------------------- */

/* RFC 9293 3.10.7.4, first: a segment outside the window is answered by an ACK and dropped. */
static void a_segment_outside_the_window_is_acked_and_dropped(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_ACK, .seq = 101 + 65535, .len = 10);
    assert_verdict(&t, FT_RX_DROP_SEQUENCE);
    stack_sends(&t, SEG_ACK, .seq = 1, .ack = 101);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 10);
    stack_sends(&t, SEG_ACK, .ack = 111);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 10);
    assert_verdict(&t, FT_RX_DROP_SEQUENCE);
    stack_sends(&t, SEG_ACK, .seq = 1, .ack = 111);
    user_reads(&t, 10);
    user_reads_nothing(&t, -EAGAIN);
    ladder_close(&t);
}

/* RFC 9293 3.10.7.4, first: octets that were received before, or beyond the window, are cut off. */
static void a_segment_is_trimmed_to_what_is_new(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 100);
    stack_sends(&t, SEG_ACK, .ack = 201);
    peer_sends(&t, SEG_ACK, .seq = 151, .len = 100);
    stack_sends(&t, SEG_ACK, .ack = 251);
    user_reads(&t, 150);
    ladder_close(&t);
}

/* RFC 9293 3.10.7.4, seventh: what is in the window but not next is held for later. */
/* proves: SHLD-31 */
static void segments_out_of_order_are_held(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_ACK, .seq = 301, .len = 100);
    stack_sends(&t, SEG_ACK, .ack = 101);
    peer_sends(&t, SEG_ACK, .seq = 201, .len = 100);
    stack_sends(&t, SEG_ACK, .ack = 101);
    user_reads_nothing(&t, -EAGAIN);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 100);
    stack_sends(&t, SEG_ACK, .ack = 401);
    user_reads(&t, 300);
    ladder_close(&t);
}

/* RFC 9293 3.10.7.4: several segments that arrive together are processed before an ACK is sent, and
   one ACK covers them. */
/* proves: MUST-58 MUST-59 CC-14 */
static void segments_that_arrive_together_share_one_ack(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    t.batch = true;
    for (unsigned i = 0; i < 8; i++)
        peer_sends(&t, SEG_ACK, .len = 1000);
    stack_sends(&t, SEG_ACK, .ack = 8101);
    stack_sends_nothing(&t);
    user_reads(&t, 8000);
    ladder_close(&t);
}

/* RFC 9293 3.10.7.4: with a receive window of zero nothing is acceptable but ACKs; RST and URG
   count all the same. */
/* proves: MUST-66 */
static void urg_and_rst_count_when_the_window_is_zero(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.limits.recv_buffer = 8192;
    ladder_start(&t);
    peer_connects(&t, .mss = 1460);
    for (unsigned i = 0; i < 4; i++)
        peer_sends(&t, SEG_ACK, .len = 1024);
    while (ladder_take(&t))
        ;
    assert_int_equal(t.seg.wnd, 0);
    peer_sends(&t, SEG_ACK | SEG_URG, .seq = 4197, .urg = 1, .len = 1);
    assert_true(ft_ready(t.stack, t.peer->sock) & FT_URGENT);
    stack_sends(&t, SEG_ACK, .ack = 4197, .wnd = 0);
    peer_sends(&t, SEG_RST, .seq = 4197);
    assert_int_equal(stack_state(&t), FT_TCP_CLOSED);
    ladder_close(&t);
}

/* ---- second: RST; fourth: SYN ---------------------------------------------------------------- */

/* RFC 9293 3.10.7.4, second: a reset at RCV.NXT resets the connection, and the user learns that it
   was no normal close. */
/* proves: U-3 MUST-12 BLIND-2 */
static void a_reset_at_rcv_nxt_resets(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_RST, .seq = 101);
    stack_sends_nothing(&t);
    assert_int_equal(stack_state(&t), FT_TCP_CLOSED);
    user_reads_nothing(&t, -ECONNRESET);
    user_reads_nothing(&t, 0);
    ladder_close(&t);
}

/* RFC 9293 3.6: at a normal close the user reads an end of stream and no error. */
/* proves: MUST-12 */
static void a_fin_is_the_end_of_the_stream_and_no_error(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_ACK | SEG_FIN, .len = 7);
    stack_sends(&t, SEG_ACK, .ack = 109);
    assert_int_equal(stack_state(&t), FT_TCP_CLOSE_WAIT);
    user_reads(&t, 7);
    user_reads_nothing(&t, 0);
    assert_int_equal(user_gets(&t, SOL_SOCKET, SO_ERROR), 0);
    ladder_close(&t);
}

/* Seeds 1500 and 2465 of the simulator: a slow reader had the peer's octets and FIN, and was told
   of a broken pipe in place of the end of file. Linux says 0 there, and EPIPE in SO_ERROR. */
static void a_reset_after_the_fin_leaves_the_end_of_file(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_ACK | SEG_FIN, .len = 7);
    stack_sends(&t, SEG_ACK, .ack = 109);
    peer_sends(&t, SEG_RST, .seq = 109);
    assert_int_equal(stack_state(&t), FT_TCP_CLOSED);
    user_reads(&t, 7);
    user_reads_nothing(&t, 0);
    assert_int_equal(user_gets(&t, SOL_SOCKET, SO_ERROR), EPIPE);
    ladder_close(&t);
}

/* RFC 9293 3.5.3: a reset may carry text, which says why. */
/* proves: SHLD-2 */
static void a_reset_with_text_is_a_reset(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_RST, .seq = 101, .len = 30);
    assert_int_equal(stack_state(&t), FT_TCP_CLOSED);
    user_reads_nothing(&t, -ECONNRESET);
    ladder_close(&t);
}

/* RFC 5961 3.2: a reset in the window, but not at RCV.NXT, gets a challenge ACK and is dropped. */
/* proves: U-4 U-5 BLIND-3 */
static void a_reset_elsewhere_in_the_window_is_challenged(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_RST, .seq = 102, .len = 5);
    assert_verdict(&t, FT_RX_DROP_CHALLENGE);
    stack_sends(&t, SEG_ACK, .seq = 1, .ack = 101);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_RST, .seq = 101 + 65534);
    stack_sends(&t, SEG_ACK, .seq = 1, .ack = 101);
    peer_sends(&t, SEG_RST, .seq = 101 + 70000);
    peer_sends(&t, SEG_RST, .seq = 100);
    assert_verdict(&t, FT_RX_DROP_SEQUENCE);
    stack_sends_nothing(&t);
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    ladder_close(&t);
}

/* RFC 5961 4.2: a SYN in a synchronized state gets a challenge ACK, wherever it stands, and is
   dropped. */
/* proves: U-6 U-7 BLIND-4 */
static void a_syn_in_a_connection_is_challenged(void **state)
{
    const int64_t seqs[] = {101, 100, 5000, 101 + 70000, 0x80000000};
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    for (size_t i = 0; i < 5; i++) {
        peer_sends(&t, SEG_SYN, .seq = seqs[i], .mss = 500, .len = 3);
        stack_sends(&t, SEG_ACK, .seq = 1, .ack = 101);
        stack_sends_nothing(&t);
    }
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    assert_int_equal(user_gets(&t, IPPROTO_TCP, TCP_MAXSEG), 1460);
    ladder_close(&t);
}

/* ---- fifth: ACK ------------------------------------------------------------------------------ */

/* RFC 5961 5.2: SEG.ACK counts between SND.UNA - MAX.SND.WND and SND.NXT; else the segment is
   dropped and an ACK sent. */
/* proves: U-8 U-9 MAY-12 BLIND-5 */
static void an_ack_outside_its_range_is_dropped_and_answered(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460, .wnd = 1000);
    for (unsigned i = 0; i < 5; i++) {
        user_writes(&t, 1000);
        stack_sends(&t, SEG_ACK, .len = 1000);
        peer_sends(&t, SEG_ACK);
    }
    peer_sends(&t, SEG_ACK, .ack = 5002, .len = 10);
    assert_verdict(&t, FT_RX_DROP_ACK);
    stack_sends(&t, SEG_ACK, .seq = 5001, .ack = 101);
    peer_sends(&t, SEG_ACK, .seq = 101, .ack = 4000, .len = 10);
    assert_verdict(&t, FT_RX_DROP_ACK);
    stack_sends(&t, SEG_ACK, .seq = 5001, .ack = 101);
    peer_sends(&t, SEG_ACK, .seq = 101, .ack = 4001, .len = 10);
    assert_verdict(&t, FT_RX_ACTIVE);
    stack_sends(&t, SEG_ACK, .ack = 111);
    user_reads(&t, 10);
    ladder_close(&t);
}

/* RFC 9293 3.10.7.4, fifth: without ACK a segment is dropped. */
static void a_segment_without_an_ack_is_dropped(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, 0, .seq = 101, .len = 10);
    assert_verdict(&t, FT_RX_DROP_FLAGS);
    peer_sends(&t, SEG_FIN, .seq = 101);
    assert_verdict(&t, FT_RX_DROP_FLAGS);
    stack_sends_nothing(&t);
    user_reads_nothing(&t, -EAGAIN);
    ladder_close(&t);
}

/* ---- sixth: URG ------------------------------------------------------------------------------ */

/* RFC 9293 3.8.5: the pointer names the octet after the urgent ones; the user is told when it
   comes and when it advances, may ask whether there is any, and there may be any number. */
/* proves: MUST-30 MUST-31 MUST-32 MUST-33 MUST-62 U-1 */
static void urgent_octets_are_announced_and_found(void **state)
{
    struct ft_event event;
    struct ft_sock_info info;
    uint8_t octet = 0;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    assert_int_equal(ft_watch(t.stack, t.peer->sock, FT_URGENT, &t), 0);
    assert_int_equal(ft_recv(t.stack, t.peer->sock, &octet, 1, MSG_OOB), -EINVAL);
    /* The urgent octets end 3000 on; none of the last is here yet. */
    peer_sends(&t, SEG_ACK | SEG_URG, .urg = 3000, .len = 1000);
    assert_int_equal(ft_events(t.stack, &event, 1), 1);
    assert_true(event.mask & FT_URGENT);
    assert_int_equal(ft_recv(t.stack, t.peer->sock, &octet, 1, MSG_OOB), -EAGAIN);
    assert_int_equal(ft_sock_info(t.stack, t.peer->sock, &info), 0);
    assert_int_equal(info.urgent_q, 0);
    peer_sends(&t, SEG_ACK | SEG_URG, .urg = 3000, .len = 1000);
    assert_int_equal(ft_events(t.stack, &event, 1), 1);
    peer_sends(&t, SEG_ACK | SEG_URG, .urg = 2000, .len = 1000);
    peer_sends(&t, SEG_ACK | SEG_URG, .urg = 1000, .len = 1000);
    assert_int_equal(ft_recv(t.stack, t.peer->sock, &octet, 1, MSG_OOB), 1);
    assert_int_equal(octet, ladder_octet(true, 3999));
    user_reads(&t, 3000);
    assert_int_equal(ft_sock_info(t.stack, t.peer->sock, &info), 0);
    assert_int_equal(info.urgent_q, 1000);
    user_reads(&t, 999);
    assert_true(ft_ready(t.stack, t.peer->sock) & FT_URGENT);
    user_reads(&t, 1);
    assert_int_equal(ft_sock_info(t.stack, t.peer->sock, &info), 0);
    assert_int_equal(info.urgent_q, 0);
    assert_false(ft_ready(t.stack, t.peer->sock) & FT_URGENT);
    ladder_close(&t);
}

/* The FIN has a number of its own, which no octet has. */
static void an_urgent_octet_before_a_fin_is_found(void **state)
{
    uint8_t octet = 0;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_ACK | SEG_URG | SEG_FIN, .urg = 5, .len = 5);
    assert_int_equal(ft_recv(t.stack, t.peer->sock, &octet, 1, MSG_OOB), 1);
    assert_int_equal(octet, ladder_octet(true, 4));
    assert_int_equal(stack_info(&t).urgent_q, 5);
    user_reads(&t, 4);
    assert_true(ft_ready(t.stack, t.peer->sock) & FT_URGENT);
    user_reads(&t, 1);
    assert_false(ft_ready(t.stack, t.peer->sock) & FT_URGENT);
    (void)ladder_forget(&t);
    ladder_close(&t);
}

/* ---- eighth: FIN, and the states that follow ------------------------------------------------- */

/* RFC 9293 3.6, figure 12: the one that closes first waits 2 MSL; the other does not. */
static void a_close_of_ours_goes_through_fin_wait_to_time_wait(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    assert_int_equal(ft_shutdown(t.stack, t.peer->sock, SHUT_WR), 0);
    assert_int_equal(stack_state(&t), FT_TCP_FIN_WAIT_1);
    stack_sends(&t, SEG_ACK | SEG_FIN, .seq = 1, .ack = 101);
    peer_sends(&t, SEG_ACK);
    assert_int_equal(stack_state(&t), FT_TCP_FIN_WAIT_2);
    peer_sends(&t, SEG_ACK, .len = 100);
    stack_sends(&t, SEG_ACK, .seq = 2, .ack = 201);
    user_reads(&t, 100);
    peer_sends(&t, SEG_ACK | SEG_FIN);
    stack_sends(&t, SEG_ACK, .seq = 2, .ack = 202);
    user_reads_nothing(&t, 0);
    assert_int_equal(stack_counts(&t).now_time_wait, 1);
    ladder_close(&t);
}

/* RFC 9293 3.6, figure 13: FINs may cross; CLOSING ends when ours is acknowledged. */
static void fins_that_cross_go_through_closing(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    assert_int_equal(ft_shutdown(t.stack, t.peer->sock, SHUT_WR), 0);
    stack_sends(&t, SEG_ACK | SEG_FIN, .seq = 1, .ack = 101);
    peer_sends(&t, SEG_ACK | SEG_FIN, .seq = 101, .ack = 1);
    assert_int_equal(stack_state(&t), FT_TCP_CLOSING);
    stack_sends(&t, SEG_ACK, .seq = 2, .ack = 102);
    peer_sends(&t, SEG_ACK, .seq = 102, .ack = 2);
    assert_int_equal(stack_counts(&t).now_time_wait, 1);
    stack_sends_nothing(&t);
    ladder_close(&t);
}

/* RFC 9293 3.10.7.4: ACK of our FIN and the peer's FIN in one segment: straight to TIME-WAIT. */
static void a_fin_that_acknowledges_ours_ends_at_once(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    assert_int_equal(ft_shutdown(t.stack, t.peer->sock, SHUT_WR), 0);
    stack_sends(&t, SEG_ACK | SEG_FIN, .seq = 1);
    peer_sends(&t, SEG_ACK | SEG_FIN, .ack = 2);
    stack_sends(&t, SEG_ACK, .seq = 2, .ack = 102);
    assert_int_equal(stack_counts(&t).now_time_wait, 1);
    ladder_close(&t);
}

/* RFC 9293 3.10.7.4, fifth, LAST-ACK: the ACK of our FIN ends the connection, with no TIME-WAIT. */
static void the_ack_of_the_last_fin_ends_the_connection(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_ACK | SEG_FIN);
    stack_sends(&t, SEG_ACK, .seq = 1, .ack = 102);
    user_closes(&t);
    stack_sends(&t, SEG_ACK | SEG_FIN, .seq = 1, .ack = 102);
    assert_int_equal(stack_counts(&t).now_connections, 1);
    peer_sends(&t, SEG_ACK);
    assert_int_equal(stack_counts(&t).now_connections, 0);
    assert_int_equal(stack_counts(&t).now_time_wait, 0);
    ladder_close(&t);
}

/* A FIN that overtakes the octets before it waits for them. */
static void a_fin_out_of_order_waits_for_the_octets_before_it(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_ACK | SEG_FIN, .seq = 201, .len = 100);
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    stack_sends(&t, SEG_ACK, .ack = 101);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 100);
    stack_sends(&t, SEG_ACK, .ack = 302);
    assert_int_equal(stack_state(&t), FT_TCP_CLOSE_WAIT);
    user_reads(&t, 200);
    user_reads_nothing(&t, 0);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_for_nobody_is_reset_believably),
        cmocka_unit_test(in_syn_sent_a_wrong_ack_is_reset),
        cmocka_unit_test(in_syn_sent_a_reset_without_an_ack_is_dropped),
        cmocka_unit_test(in_syn_sent_the_rfc_profile_wants_a_reset_at_rcv_nxt),
        cmocka_unit_test(in_syn_sent_text_alone_is_dropped),
        cmocka_unit_test(syns_that_cross_make_one_connection),
        cmocka_unit_test(a_reset_after_syns_that_crossed_refuses_the_connection),
        cmocka_unit_test(a_lost_answer_to_crossed_syns_is_sent_again),
        cmocka_unit_test(an_answer_to_an_old_syn_of_ours_is_reset),
        cmocka_unit_test(crossed_syns_are_confirmed_at_rcv_nxt_only),
        cmocka_unit_test(an_earlier_connections_octets_are_not_told_as_duplicates),
        cmocka_unit_test(a_reset_after_the_fin_leaves_the_end_of_file),
        cmocka_unit_test(a_segment_outside_the_window_is_acked_and_dropped),
        cmocka_unit_test(a_segment_is_trimmed_to_what_is_new),
        cmocka_unit_test(segments_out_of_order_are_held),
        cmocka_unit_test(segments_that_arrive_together_share_one_ack),
        cmocka_unit_test(urg_and_rst_count_when_the_window_is_zero),
        cmocka_unit_test(a_reset_at_rcv_nxt_resets),
        cmocka_unit_test(a_fin_is_the_end_of_the_stream_and_no_error),
        cmocka_unit_test(a_reset_with_text_is_a_reset),
        cmocka_unit_test(a_reset_elsewhere_in_the_window_is_challenged),
        cmocka_unit_test(a_syn_in_a_connection_is_challenged),
        cmocka_unit_test(an_ack_outside_its_range_is_dropped_and_answered),
        cmocka_unit_test(a_segment_without_an_ack_is_dropped),
        cmocka_unit_test(urgent_octets_are_announced_and_found),
        cmocka_unit_test(an_urgent_octet_before_a_fin_is_found),
        cmocka_unit_test(a_close_of_ours_goes_through_fin_wait_to_time_wait),
        cmocka_unit_test(fins_that_cross_go_through_closing),
        cmocka_unit_test(a_fin_that_acknowledges_ours_ends_at_once),
        cmocka_unit_test(the_ack_of_the_last_fin_ends_the_connection),
        cmocka_unit_test(a_fin_out_of_order_waits_for_the_octets_before_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
