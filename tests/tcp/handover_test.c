/* SPDX-License-Identifier: MIT */
/*
 * A connection leaves one stack and goes on in another, whose secrets and clock are others: at
 * rest, in mid-transfer, in recovery, in every synchronized state. What the peer sees must be what
 * it would have seen of one stack, but for a pause.
 */
#include "moving.h"

/* ---- at rest --------------------------------------------------------------------------------- */

/* RFC 7323 5.4: TSval goes on; RFC 9293 SHLD-14: the window's edge does not move left. */
static void at_rest_it_goes_on_where_it_was(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;
    uint32_t edge, tsval;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460, .wscale = 7, .sack_ok = 1, .tsval = 5000);
    peer_sends(t, SEG_ACK, .len = 700, .tsval = 5001, .tsecr = t->seg.tsval);
    stack_sends(t, SEG_ACK, .ack = 801);
    user_reads(t, 300);
    user_writes(t, 50);
    stack_sends(t, SEG_ACK, .seq = 1, .len = 50);
    peer_sends(t, SEG_ACK, .ack = 51, .tsval = 5002, .tsecr = t->seg.tsval);
    tsval = t->seg.tsval;
    edge = 801 + stack_info(t).rcv_wnd;
    moves(&m);
    /* It asks the peer how far it is. */
    stack_sends(t, SEG_ACK, .seq = 50, .ack = 801, .ts = 1, .tsecr = 5002);
    assert_true((int32_t)(t->seg.tsval - tsval) >= 0 && t->seg.tsval - tsval < 1000);
    assert_true(801 + stack_info(t).rcv_wnd >= edge);
    assert_int_equal(stack_state(t), FT_TCP_ESTABLISHED);
    peer_sends(t, SEG_ACK, .seq = 801, .len = 100, .tsval = 5003, .tsecr = t->seg.tsval);
    user_reads(t, 500);
    stack_sends_nothing(t); /* it has answered once, so that the ACK waits for the answer */
    user_writes(t, 60);
    stack_sends(t, SEG_ACK, .seq = 51, .ack = 901, .len = 60);
    assert_int_equal(stack_counts(t).tcp_imports, 1);
    moving_close(&m);
}

/* What a program has set and what was measured goes along. */
static void options_and_measures_go_along(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;
    struct ft_sock_info was, is;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1400, .wscale = 7, .sack_ok = 1, .tsval = 1);
    user_sets(t, IPPROTO_TCP, TCP_NODELAY, 1);
    user_sets(t, SOL_SOCKET, SO_KEEPALIVE, 1);
    user_sets(t, IPPROTO_TCP, TCP_KEEPIDLE, 77);
    user_sets(t, SOL_SOCKET, SO_RCVBUF, 30000);
    user_sets(t, IPPROTO_TCP, TCP_USER_TIMEOUT, 12345);
    user_sets(t, IPPROTO_IP, IP_TTL, 33);
    assert_int_equal(ft_setsockopt(t->stack, t->peer->sock, IPPROTO_TCP, TCP_CONGESTION, "bbr", 3),
                     0);
    after_ms(t, 30);
    user_writes(t, 1000);
    stack_sends(t, SEG_ACK, .len = 1000);
    after_ms(t, 25);
    peer_sends(t, SEG_ACK, .ack = 1001, .tsval = 2, .tsecr = t->seg.tsval);
    was = stack_info(t);
    moves(&m);
    is = stack_info(t);
    assert_int_equal(user_gets(t, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(user_gets(t, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(user_gets(t, IPPROTO_TCP, TCP_KEEPIDLE), 77);
    assert_int_equal(user_gets(t, SOL_SOCKET, SO_RCVBUF), 60000);
    assert_int_equal(user_gets(t, IPPROTO_TCP, TCP_USER_TIMEOUT), 12345);
    assert_int_equal(user_gets(t, IPPROTO_IP, IP_TTL), 33);
    assert_int_equal(is.srtt_us, was.srtt_us);
    assert_int_equal(is.rto_us, was.rto_us);
    assert_int_equal(is.min_rtt_us, was.min_rtt_us);
    assert_int_equal(is.delivered, was.delivered);
    assert_int_equal(is.last_recv_ms, was.last_recv_ms);
    assert_int_equal(is.cwnd, was.cwnd);
    assert_int_equal(is.mss, was.mss);
    assert_int_equal(is.snd_wnd, was.snd_wnd);
    assert_int_equal(is.rcv_wnd, was.rcv_wnd);
    stack_sends(t, SEG_ACK, .seq = 1000, .ttl = 33);
    moving_close(&m);
}

/* ---- under way ------------------------------------------------------------------------------- */

/* Octets that were sent and not acknowledged are still there to be sent again. */
static void what_is_under_way_is_repaired_by_the_timer(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460);
    user_writes(t, 4 * 1460);
    for (unsigned i = 0; i < 4; i++)
        stack_sends(t, SEG_ACK, .seq = 1 + 1460 * (int64_t)i, .len = 1460);
    moves(&m);
    stack_sends(t, SEG_ACK, .seq = 0); /* asks */
    stack_sends_nothing(t);
    /* Two had arrived, and the answer tells of it. */
    peer_sends(t, SEG_ACK, .ack = 1 + 2 * 1460);
    after_ms(t, 1100);
    stack_sends(t, SEG_ACK, .seq = 1 + 2 * 1460, .len = 1460);
    (void)ladder_forget(t);
    peer_sends(t, SEG_ACK, .ack = 1 + 4 * 1460);
    user_writes(t, 10);
    stack_sends(t, SEG_ACK, .seq = 1 + 4 * 1460, .len = 10);
    moving_close(&m);
}

/* RFC 6298 3: what was sent before the pause times no round trip, which the pause would be in. */
static void the_pause_is_no_round_trip(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;
    uint32_t srtt;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460, .tsval = 5);
    srtt = stack_info(t).srtt_us;
    user_writes(t, 1000);
    stack_sends(t, SEG_ACK, .seq = 1, .len = 1000);
    moves(&m);
    stack_sends(t, SEG_ACK, .seq = 0);
    after_ms(t, 100);
    peer_sends(t, SEG_ACK, .ack = 1001, .tsval = 6, .tsecr = t->seg.tsval);
    assert_in_range(stack_info(t).srtt_us, srtt, srtt + 14000);
    moving_close(&m);
}

/* RFC 2018, RFC 9937: what the peer holds is not sent again, what was lost is, and the window stays
   what recovery has made of it. */
static void recovery_goes_on(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;
    struct ft_sock_info was;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460, .sack_ok = 1);
    user_writes(t, 12 * 1460);
    for (unsigned i = 0; i < 10; i++)
        stack_sends(t, SEG_ACK, .seq = 1 + 1460 * (int64_t)i, .len = 1460);
    /* The first and the fifth are lost. */
    peer_sends(t, SEG_ACK, .ack = 1, .n_sack = 1, .sack = {{1 + 1460, 1 + 4 * 1460}});
    peer_sends(t, SEG_ACK, .ack = 1, .n_sack = 1, .sack = {{1 + 5 * 1460, 1 + 10 * 1460}});
    (void)ladder_forget(t);
    assert_int_equal(stack_info(t).ca_state, 3);
    was = stack_info(t);
    moves(&m);
    assert_int_equal(stack_info(t).ca_state, 3);
    assert_int_equal(stack_info(t).ssthresh, was.ssthresh);
    assert_int_equal(stack_info(t).cwnd, was.cwnd);
    for (unsigned i = 0; i < 40; i++) {
        while (ladder_take(t)) {
            uint32_t seq = t->seg.seq.v - t->peer->iss;
            bool held = t->seg.len > 0 && ((seq >= 1 + 1460 && seq < 1 + 4 * 1460) ||
                                           (seq >= 1 + 5 * 1460 && seq < 1 + 10 * 1460));
            assert_false(held);
        }
        after_ms(t, 100);
        (void)ladder_pump(t);
    }
    peer_sends(t, SEG_ACK, .ack = 1 + 12 * 1460);
    assert_int_equal(stack_info(t).ca_state, 0);
    assert_int_equal(stack_info(t).send_q, 0);
    moving_close(&m);
}

/* RFC 9293 SHLD-31: what has come out of order needs not come again. */
static void octets_beyond_a_gap_go_along(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460, .sack_ok = 1);
    peer_sends(t, SEG_ACK, .seq = 101, .len = 10);
    stack_sends(t, SEG_ACK, .ack = 111);
    peer_sends(t, SEG_ACK, .seq = 211, .len = 100);
    stack_sends(t, SEG_ACK, .ack = 111, .n_sack = 1, .sack = {{211, 311}});
    peer_sends(t, SEG_ACK | SEG_FIN, .seq = 20111, .len = 100);
    stack_sends(t, SEG_ACK, .ack = 111, .n_sack = 2, .sack = {{20111, 20212}, {211, 311}});
    moves(&m);
    stack_sends(t, SEG_ACK, .seq = 0, .ack = 111);
    peer_sends(t, SEG_ACK, .seq = 111, .len = 100);
    stack_sends(t, SEG_ACK, .ack = 311, .n_sack = 1, .sack = {{20111, 20212}});
    for (int64_t at = 311; at < 20111; at += 1320)
        peer_sends(t, SEG_ACK, .seq = at, .len = 1320);
    (void)ladder_forget(t);
    assert_int_equal(stack_state(t), FT_TCP_CLOSE_WAIT);
    user_reads(t, 20110);
    user_reads_nothing(t, 0);
    moving_close(&m);
}

/* RFC 3168 6.1.3: the mark that came before is echoed after, until the peer says CWR. */
static void the_echo_of_a_mark_goes_on(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;

    (void)state;
    moving_open(&m);
    stack_listens(t);
    peer_sends(t, SEG_SYN | SEG_ECE | SEG_CWR, .seq = 100, .mss = 1460);
    stack_sends(t, SEG_SYN | SEG_ACK | SEG_ECE, .seq = 0, .ack = 101);
    peer_sends(t, SEG_ACK, .seq = 101, .ack = 1);
    t->peer->sock = ft_accept(t->stack, t->listener, NULL, NULL);
    peer_sends(t, SEG_ACK, .seq = 101, .len = 10, .tos = 3);
    stack_sends(t, SEG_ACK | SEG_ECE, .ack = 111);
    moves(&m);
    stack_sends(t, SEG_ACK | SEG_ECE, .seq = 0);
    peer_sends(t, SEG_ACK | SEG_CWR, .seq = 111, .len = 10, .tos = 2);
    stack_sends(t, SEG_ACK, .ack = 121);
    user_writes(t, 10);
    stack_sends(t, SEG_ACK, .seq = 1, .len = 10, .tos = 2);
    moving_close(&m);
}

/* RFC 9293 3.8.5: both urgent pointers. */
static void urgent_pointers_go_along(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;
    char octet;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460);
    peer_sends(t, SEG_ACK | SEG_URG, .seq = 101, .len = 5, .urg = 5);
    stack_sends(t, SEG_ACK, .ack = 106);
    peer_sends(t, SEG_ACK, .wnd = 0);
    user_writes_flags(t, 3, MSG_OOB);
    moves(&m);
    assert_true(ft_ready(t->stack, t->peer->sock) & FT_URGENT);
    assert_int_equal(ft_recv(t->stack, t->peer->sock, &octet, 1, MSG_OOB), 1);
    stack_sends(t, SEG_ACK | SEG_URG, .seq = 0);
    peer_sends(t, SEG_ACK, .wnd = 1000);
    stack_sends(t, SEG_ACK | SEG_URG, .seq = 1, .len = 3, .urg = 3);
    user_reads(t, 5);
    moving_close(&m);
}

/* What no honest peer says of itself goes along as well: whoever lets a connection go has lost it
   if nobody takes it. */
static void what_is_odd_of_a_peer_goes_along(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;
    char octet;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 0);
    peer_sends(t, SEG_ACK | SEG_URG | SEG_FIN, .seq = 101, .len = 1, .urg = 1);
    (void)ladder_forget(t);
    moves(&m);
    (void)ladder_forget(t);
    assert_int_equal(ft_recv(t->stack, t->peer->sock, &octet, 1, MSG_OOB), 1);
    user_reads(t, 1);
    user_reads_nothing(t, 0);
    moving_close(&m);
}

/* 14,600 octets acknowledged after 2 us are 58 Gbit/s. */
static void what_bbr_knows_of_a_fast_path_goes_along(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460, .wscale = 7);
    assert_int_equal(ft_setsockopt(t->stack, t->peer->sock, IPPROTO_TCP, TCP_CONGESTION, "bbr", 3),
                     0);
    for (int i = 0; i < 3; i++) {
        user_writes(t, 14600);
        (void)ladder_forget(t);
        after_us(t, 2);
        peer_sends(t, SEG_ACK);
    }
    (void)ladder_forget(t);
    moves(&m);
    (void)ladder_forget(t);
    moving_close(&m);
}

/* What blocks have told of counts once. */
static void segments_delivered_go_along(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;
    uint32_t delivered;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1000, .sack_ok = 1);
    user_writes(t, 10000);
    (void)ladder_forget(t);
    peer_sends(t, SEG_ACK, .ack = 1, .n_sack = 1, .sack = {{5001, 10001}});
    (void)ladder_forget(t);
    delivered = stack_info(t).delivered;
    moves(&m);
    assert_int_equal(stack_info(t).delivered, delivered);
    (void)ladder_forget(t);
    moving_close(&m);
}

/* The new stack's limits are smaller: what was promised stays promised. */
static void the_window_does_not_shrink(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;
    uint32_t promised;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460, .wscale = 7);
    promised = stack_info(t).rcv_wnd;
    leaves(&m);
    t->config.limits.recv_buffer = t->config.limits.recv_buffer_max = 8192;
    t->config.limits.recv_buffer_auto_max = 8192;
    another_stack(&m, 7 * FT_SEC);
    arrives(&m);
    stack_sends(t, SEG_ACK);
    assert_in_range(stack_info(t).rcv_wnd, promised, promised + 127); /* rounded to a unit */
    for (uint32_t at = 0; at + 1460 < promised; at += 1460) {
        peer_sends(t, SEG_ACK, .seq = 101 + at, .len = 1460);
        assert_verdict(t, FT_RX_ACTIVE);
    }
    moving_close(&m);
}

/* ---- states ---------------------------------------------------------------------------------- */

static void fin_wait_1_goes_on(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460);
    user_writes(t, 100);
    assert_int_equal(ft_shutdown(t->stack, t->peer->sock, SHUT_WR), 0);
    stack_sends(t, SEG_ACK | SEG_FIN, .seq = 1, .len = 100);
    moves(&m);
    assert_int_equal(stack_state(t), FT_TCP_FIN_WAIT_1);
    stack_sends(t, SEG_ACK, .seq = 0);
    after_ms(t, 1100);
    stack_sends(t, SEG_ACK | SEG_FIN, .seq = 1, .len = 100);
    peer_sends(t, SEG_ACK, .ack = 102);
    assert_int_equal(stack_state(t), FT_TCP_FIN_WAIT_2);
    moving_close(&m);
}

/* A FIN that leaves by itself has no record. */
static void a_bare_fin_goes_on(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460);
    assert_int_equal(ft_shutdown(t->stack, t->peer->sock, SHUT_WR), 0);
    stack_sends(t, SEG_ACK | SEG_FIN, .seq = 1);
    moves(&m);
    stack_sends(t, SEG_ACK, .seq = 0);
    after_ms(t, 1100);
    stack_sends(t, SEG_ACK | SEG_FIN, .seq = 1);
    peer_sends(t, SEG_ACK, .ack = 2);
    assert_int_equal(stack_state(t), FT_TCP_FIN_WAIT_2);
    moving_close(&m);
}

/* RFC 7323 3.2: the ACKs of TIME-WAIT go on with the clock that the peer knows. */
static void fin_wait_2_goes_on_into_time_wait(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;
    uint32_t tsval;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460, .tsval = 5);
    assert_int_equal(ft_shutdown(t->stack, t->peer->sock, SHUT_WR), 0);
    stack_sends(t, SEG_ACK | SEG_FIN, .seq = 1);
    tsval = t->seg.tsval;
    peer_sends(t, SEG_ACK, .ack = 2, .tsval = 6, .tsecr = tsval);
    moves(&m);
    assert_int_equal(stack_state(t), FT_TCP_FIN_WAIT_2);
    stack_sends(t, SEG_ACK, .seq = 1);
    peer_sends(t, SEG_ACK | SEG_FIN, .seq = 101, .tsval = 7, .tsecr = tsval);
    stack_sends(t, SEG_ACK, .seq = 2, .ack = 102);
    after_ms(t, 2000);
    peer_sends(t, SEG_ACK | SEG_FIN, .seq = 101, .tsval = 8, .tsecr = tsval);
    stack_sends(t, SEG_ACK, .seq = 2, .ack = 102, .ts = 1);
    assert_true((int32_t)(t->seg.tsval - tsval) > 0);
    user_reads_nothing(t, 0);
    moving_close(&m);
}

static void close_wait_and_last_ack_go_on(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460);
    peer_sends(t, SEG_ACK | SEG_FIN, .seq = 101, .len = 20);
    stack_sends(t, SEG_ACK, .ack = 122);
    moves(&m);
    assert_int_equal(stack_state(t), FT_TCP_CLOSE_WAIT);
    stack_sends(t, SEG_ACK, .seq = 0, .ack = 122);
    user_reads(t, 20);
    user_reads_nothing(t, 0);
    assert_int_equal(ft_shutdown(t->stack, t->peer->sock, SHUT_WR), 0);
    stack_sends(t, SEG_ACK | SEG_FIN, .seq = 1, .ack = 122);
    moves(&m);
    assert_int_equal(stack_state(t), FT_TCP_LAST_ACK);
    stack_sends(t, SEG_ACK, .seq = 0, .ack = 122);
    peer_sends(t, SEG_ACK, .ack = 2);
    assert_int_equal(stack_state(t), FT_TCP_CLOSED);
    moving_close(&m);
}

static void closing_goes_on(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460);
    assert_int_equal(ft_shutdown(t->stack, t->peer->sock, SHUT_WR), 0);
    stack_sends(t, SEG_ACK | SEG_FIN, .seq = 1);
    peer_sends(t, SEG_ACK | SEG_FIN, .seq = 101, .ack = 1);
    stack_sends(t, SEG_ACK, .ack = 102);
    moves(&m);
    assert_int_equal(stack_state(t), FT_TCP_CLOSING);
    stack_sends(t, SEG_ACK, .seq = 0, .ack = 102);
    peer_sends(t, SEG_ACK, .ack = 2);
    assert_int_equal(stack_counts(t).now_time_wait, 1);
    moving_close(&m);
}

/* ---- what stays behind ----------------------------------------------------------------------- */

/* A segment that comes late to the old stack must not be answered: the reset would end what goes on
   elsewhere. After a minute nothing is left. */
static void the_old_stack_is_silent(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460);
    leaves(&m);
    assert_int_equal(stack_counts(t).now_connections, 0);
    peer_sends(t, SEG_ACK, .seq = 101, .len = 10);
    assert_verdict(t, FT_RX_DROP_AWAY);
    stack_sends_nothing(t);
    peer_sends(t, SEG_ACK | SEG_FIN, .seq = 111);
    stack_sends_nothing(t);
    peer_sends(t, SEG_SYN, .seq = 90000, .mss = 1460);
    stack_sends_nothing(t);
    after_ms(t, 61000);
    peer_sends(t, SEG_ACK, .seq = 101, .len = 10);
    stack_sends(t, SEG_RST, .seq = ANY);
    moving_close(&m);
}

/* It may come back to where it was. */
static void it_may_come_back(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460, .tsval = 9);
    leaves(&m);
    arrives(&m);
    stack_sends(t, SEG_ACK, .seq = 0);
    assert_int_equal(ft_import(t->stack, m.image, m.len), -EADDRINUSE);
    peer_sends(t, SEG_ACK, .seq = 101, .len = 10, .tsval = 10, .tsecr = t->seg.tsval);
    stack_sends(t, SEG_ACK, .ack = 111);
    user_reads(t, 10);
    moving_close(&m);
}

/* A frame that is out keeps its memory, and may be given back either way. */
static void frames_that_are_out_keep_their_memory(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;
    uint8_t buf[256], first, last;
    struct ft_frame frame = {.buf = buf, .cap = sizeof(buf)};

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460);
    t->batch = true;
    assert_int_equal(ft_send(t->stack, t->peer->sock, memset(m.image, 'x', 1460), 1460, 0), 1460);
    assert_int_equal(ft_output(t->stack, t->eth, &frame, 1, t->now), 1);
    assert_int_equal(frame.n_spans, 1);
    leaves(&m);
    first = frame.spans[0].data[0];
    last = frame.spans[frame.n_spans - 1].data[frame.spans[frame.n_spans - 1].len - 1];
    assert_true(first == 'x' && last == 'x');
    ft_output_done(t->stack, t->eth, &frame, 1, 0);
    ladder_check(t);
    moving_close(&m);
}

/* The timers go on: of silence, and of what the peer owes. */
static void keepalive_and_user_timeout_go_on(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460);
    user_sets(t, SOL_SOCKET, SO_KEEPALIVE, 1);
    user_sets(t, IPPROTO_TCP, TCP_KEEPIDLE, 10);
    moves(&m);
    stack_sends(t, SEG_ACK, .seq = 0);
    after_ms(t, 10100);
    stack_sends(t, SEG_ACK, .seq = 0);
    peer_sends(t, SEG_ACK);
    user_sets(t, IPPROTO_TCP, TCP_USER_TIMEOUT, 5000);
    user_writes(t, 10);
    stack_sends(t, SEG_ACK, .len = 10);
    after_ms(t, 3000);
    (void)ladder_forget(t);
    moves(&m);
    (void)ladder_forget(t);
    after_ms(t, 2100);
    (void)ladder_forget(t);
    assert_int_equal(user_gets(t, SOL_SOCKET, SO_ERROR), ETIMEDOUT);
    moving_close(&m);
}

/* Counters keep their width: 300 timeouts, each with progress behind it. */
static void many_timeouts_are_counted_on(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460);
    while (stack_info(t).total_rto < 300) {
        user_writes(t, 1);
        after_ms(t, 1000);
        (void)ladder_forget(t);
        peer_sends(t, SEG_ACK);
    }
    moves(&m);
    assert_in_range(stack_info(t).total_rto, 300, 310);
    moving_close(&m);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_rest_it_goes_on_where_it_was),
        cmocka_unit_test(options_and_measures_go_along),
        cmocka_unit_test(what_is_under_way_is_repaired_by_the_timer),
        cmocka_unit_test(the_pause_is_no_round_trip),
        cmocka_unit_test(recovery_goes_on),
        cmocka_unit_test(octets_beyond_a_gap_go_along),
        cmocka_unit_test(the_echo_of_a_mark_goes_on),
        cmocka_unit_test(urgent_pointers_go_along),
        cmocka_unit_test(what_is_odd_of_a_peer_goes_along),
        cmocka_unit_test(what_bbr_knows_of_a_fast_path_goes_along),
        cmocka_unit_test(segments_delivered_go_along),
        cmocka_unit_test(the_window_does_not_shrink),
        cmocka_unit_test(fin_wait_1_goes_on),
        cmocka_unit_test(a_bare_fin_goes_on),
        cmocka_unit_test(fin_wait_2_goes_on_into_time_wait),
        cmocka_unit_test(close_wait_and_last_ack_go_on),
        cmocka_unit_test(closing_goes_on),
        cmocka_unit_test(the_old_stack_is_silent),
        cmocka_unit_test(it_may_come_back),
        cmocka_unit_test(frames_that_are_out_keep_their_memory),
        cmocka_unit_test(keepalive_and_user_timeout_go_on),
        cmocka_unit_test(many_timeouts_are_counted_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
