/* SPDX-License-Identifier: MIT */
/*
 * Attacks on the stream itself: urgent pointers, windows that are taken back, handshakes at the
 * corners, overlapping octets, several ends, and peers that answer each other for ever.
 */
#include "ladder.h"

/* RFC 6093: urgent octets are octets of the stream, and the pointer sizes nothing. */
/* proves: A-64 */
static void an_urgent_pointer_changes_no_octet(void **state)
{
    static const int64_t ups[] = {0, 1, 2, 9, 10, 11, 100, 1460, 32767, 32768, 65535};
    struct ladder t;
    uint8_t octet;
    int on = 1;

    (void)state;
    ladder_open(&t);
    peer_sends(&t, SEG_SYN | SEG_URG, .urg = 65535, .mss = 1460); /* for nobody yet */
    (void)ladder_forget(&t);
    t.peer->nxt = LADDER_PEER_ISN;
    peer_connects(&t, .mss = 1460, .urg = 65535);
    for (unsigned i = 0; i < 11 * 6; i++) {
        int64_t len = (int64_t)(i / 11 * (i / 11) * 58);

        peer_sends(&t, SEG_ACK | SEG_URG, .urg = ups[i % 11], .len = len);
        (void)ft_recv(t.stack, t.peer->sock, &octet, 1, MSG_OOB);
        (void)ft_recv(t.stack, t.peer->sock, &octet, 0, MSG_OOB);
        if (i % 3 == 0)
            (void)ft_setsockopt(t.stack, t.peer->sock, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
        if (len > 10) {
            user_reads(&t, 10);
            peer_sends(&t, SEG_ACK | SEG_URG, .urg = ups[i * 7 % 11]); /* it moves meanwhile */
            user_reads(&t, (size_t)len - 10);
        } else if (len > 0) {
            user_reads(&t, (size_t)len);
        }
        user_reads_nothing(&t, -EAGAIN);
        (void)ladder_forget(&t);
    }
    peer_sends(&t, SEG_ACK | SEG_URG | SEG_FIN, .urg = 65535);
    user_reads_nothing(&t, 0);
    peer_sends(&t, SEG_ACK | SEG_URG, .urg = 65535);
    user_reads_nothing(&t, 0);
    ladder_close(&t);
}

/* RFC 9293 MUST-34: a window that is taken back below what is out is endured. */
/* proves: A-67 */
static void a_window_that_is_taken_back_is_respected(void **state)
{
    struct ladder t;
    uint64_t seed = 7;
    uint32_t una = 1, end = 300001;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000);
    user_writes(&t, 300000);
    for (unsigned i = 0; i < 3000 && una != end; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        uint32_t wnd = (seed >> 33) % 4 == 0 ? 0 : (uint32_t)(seed >> 40) % 20000;
        uint32_t seen = t.peer->snd_max - t.peer->iss;

        una += (seen - una) / 2 + ((seen - una) & 1);
        peer_sends(&t, SEG_ACK, .ack = una, .wnd = wnd);
        while (ladder_take(&t))
            assert_true(t.seg.len == 0 || t.seg.seq.v - t.peer->iss + t.seg.len <= una + wnd);
        if (seen == una)
            after_ms(&t, 1000);
    }
    assert_int_equal(una, end);
    ladder_close(&t);
}

/* RFC 9293 3.4: beyond the right edge that was promised nothing is kept or acknowledged. */
/* proves: A-67 */
static void nothing_beyond_the_promised_edge_is_taken(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    user_sets(&t, SOL_SOCKET, SO_RCVBUF, 4096);
    uint32_t edge = 101 + stack_info(&t).rcv_wnd;
    for (unsigned k = 1; k <= 64; k *= 2) {
        uint32_t from = edge - 10;

        peer_sends(&t, SEG_ACK | SEG_FIN, .seq = from, .len = 10 + (int64_t)k * 500, .salt = 1);
        peer_sends(&t, SEG_ACK | SEG_FIN, .seq = edge + k * 1000, .len = 100, .salt = 1);
    }
    while (ladder_take(&t))
        assert_int_equal(t.seg.ack.v, 101);
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    assert_true(stack_info(&t).recv_q == 0);
    ladder_close(&t);
}

/* RFC 9293 3.4: numbers are modulo 2^32, at whatever corner a conversation begins. */
/* proves: A-68 */
static void a_conversation_begins_at_any_number(void **state)
{
    static const uint32_t isns[] = {0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
    struct ladder t;

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        ladder_open(&t);
        peer_connects(&t, .seq = isns[i], .mss = 1460);
        for (unsigned k = 0; k < 100; k++) {
            peer_sends(&t, SEG_ACK, .len = 1460);
            user_reads(&t, 1460);
            (void)ladder_forget(&t);
        }
        peer_sends(&t, SEG_ACK | SEG_FIN);
        user_reads_nothing(&t, 0);
        ladder_close(&t);
    }
}

/* RFC 9293 3.10.7.3, 3.10.7.4: a wrong ACK during the handshake is reset at its own number. */
/* proves: A-68 */
static void a_wrong_ack_in_a_handshake_is_reset_at_its_number(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_sends(&t, SEG_SYN, .seq = 100);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 101);
    peer_sends(&t, SEG_ACK, .seq = 101, .ack = 0); /* not one more than the SYN */
    stack_sends(&t, SEG_RST, .seq = 0);
    peer_sends(&t, SEG_ACK | SEG_FIN, .seq = 101, .ack = 5);
    stack_sends(&t, SEG_RST, .seq = 5);
    assert_int_equal(ft_accept(t.stack, t.listener, NULL, NULL), -EAGAIN);
    assert_int_equal(stack_counts(&t).now_half_open, 1);
    peer_sends(&t, SEG_RST, .seq = 101);
    ladder_close(&t);
}

/* CVE-2024-36905: SYNs cross, the user shuts down in SYN-RECEIVED, and octets come. */
/* proves: A-69 */
static void a_shutdown_in_syn_received_waits_for_the_handshake(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 101);
    assert_int_equal(ft_shutdown(t.stack, t.peer->sock, SHUT_WR), 0);
    stack_sends_nothing(&t);
    user_reads_nothing(&t, -EAGAIN);
    peer_sends(&t, SEG_ACK, .seq = 101, .ack = 1, .len = 50);
    stack_sends(&t, SEG_FIN | SEG_ACK, .seq = 1, .ack = 151);
    user_reads(&t, 50);
    peer_sends(&t, SEG_ACK | SEG_FIN, .seq = 151, .ack = 2);
    stack_sends(&t, SEG_ACK, .ack = 152);
    user_reads_nothing(&t, 0);
    ladder_close(&t);
}

/* CVE-2024-41007: a window of zero with octets out is probed ever more seldom. */
/* proves: A-71 */
static void a_zero_window_with_octets_out_is_probed_slowly(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000);
    user_writes(&t, 5000);
    (void)ladder_forget(&t);
    peer_sends(&t, SEG_ACK, .ack = 1001, .wnd = 0);
    after_ms(&t, 600000);
    assert_in_range(ladder_forget(&t), 3, 25);
    ladder_close(&t);
    /* The user's timeout ends it when it is due. */
    ladder_open(&t);
    peer_connects(&t, .mss = 1000);
    user_sets(&t, IPPROTO_TCP, TCP_USER_TIMEOUT, 30000);
    user_writes(&t, 5000);
    (void)ladder_forget(&t);
    peer_sends(&t, SEG_ACK, .ack = 1001, .wnd = 0);
    after_ms(&t, 29000);
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    after_ms(&t, 2000);
    assert_int_equal(stack_state(&t), FT_TCP_CLOSED);
    (void)ladder_forget(&t);
    ladder_close(&t);
}

/* RFC 9293 3.8.6.1: each probe is answered, whatever its form, and never by a limit. */
/* proves: A-72 */
static void every_window_probe_is_answered(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    while (stack_info(&t).rcv_wnd > 0) {
        peer_sends(&t, SEG_ACK,
                   .len = 1460 < stack_info(&t).rcv_wnd ? 1460 : stack_info(&t).rcv_wnd);
        (void)ladder_forget(&t);
    }
    uint32_t nxt = t.peer->nxt;
    for (unsigned i = 0; i < 100; i++) {
        peer_sends(&t, SEG_ACK, .seq = nxt, .len = 1); /* one octet beyond */
        stack_sends(&t, SEG_ACK, .ack = nxt, .wnd = 0);
        peer_sends(&t, SEG_ACK, .seq = nxt - 1, .len = 1); /* one that it has */
        stack_sends(&t, SEG_ACK, .ack = nxt, .wnd = 0);
    }
    /* Linux's probe carries nothing; a few a second are plenty for it. */
    for (unsigned i = 0; i < 100; i++) {
        peer_sends(&t, SEG_ACK, .seq = nxt - 1);
        stack_sends(&t, SEG_ACK, .ack = nxt, .wnd = 0);
        after_ms(&t, 200);
    }
    ladder_close(&t);
}

/* RFC 9293 MUST-36: a window update that is lost is found by probing. */
/* proves: A-72 */
static void a_lost_window_update_is_found(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000);
    for (unsigned i = 0; i < 20; i++) {
        user_writes(&t, 1000);
        (void)ladder_forget(&t);
        peer_sends(&t, SEG_ACK, .wnd = 0);
        user_writes(&t, 500);
        stack_sends_nothing(&t);
        /* The update is lost; the next probe is answered. */
        for (unsigned ms = 0; ms < 60000 && !ladder_take(&t); ms += 100)
            after_ms(&t, 100);
        assert_int_equal(t.seg.flags, SEG_ACK);
        peer_sends(&t, SEG_ACK, .wnd = 65535);
        stack_sends(&t, SEG_ACK, .len = 500);
        peer_sends(&t, SEG_ACK);
    }
    ladder_close(&t);
}

/* Two ends that have lost each other answer pure ACKs within a limit, and octets always. */
/* proves: A-73 */
static void ends_that_disagree_do_not_answer_for_ever(void **state)
{
    struct ladder t;
    unsigned n = 0;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_ACK, .seq = 5000000);
    /* Each answer is answered at once by the like. */
    while (ladder_take(&t) && n < 1000) {
        n++;
        peer_sends(&t, SEG_ACK, .seq = 5000000, .ack = 7000000);
    }
    assert_true(n <= t.config.limits.challenge_acks_per_s);
    for (unsigned i = 0; i < 50; i++) {
        peer_sends(&t, SEG_ACK, .seq = 91, .len = 10);
        stack_sends(&t, SEG_ACK, .ack = 101);
    }
    ladder_close(&t);
}

/* RFC 9293 3.10.7.4, eighth: the first FIN that is accepted is the end, in whatever order. */
/* proves: A-74 */
static void the_first_fin_is_the_end(void **state)
{
    static const struct {
        uint32_t seq, len;
        bool fin;
    } parts[4] = {{101, 100, false}, {201, 100, true}, {251, 100, true}, {301, 200, false}};
    struct ladder t;

    (void)state;
    for (unsigned order = 0; order < 256; order++) {
        uint64_t end = 0;

        ladder_open(&t);
        peer_connects(&t, .mss = 1460);
        for (unsigned i = 0; i < 4; i++) {
            unsigned k = order >> (2 * i) & 3;
            unsigned fin = parts[k].fin ? SEG_FIN : 0;

            peer_sends(&t, SEG_ACK | fin, .seq = parts[k].seq, .len = parts[k].len);
            if (fin && !end)
                end = parts[k].seq + parts[k].len;
        }
        peer_sends(&t, SEG_ACK, .seq = 101, .len = 400);
        if (stack_state(&t) == FT_TCP_CLOSE_WAIT) {
            user_reads(&t, stack_info(&t).recv_q);
            user_reads_nothing(&t, 0);
            user_reads_nothing(&t, 0);
        }
        (void)ladder_forget(&t);
        ladder_close(&t);
    }
}

/* The first octet that is accepted for a place stays, and what is acknowledged never changes. */
/* proves: A-75 */
static void the_first_octet_for_a_place_stays(void **state)
{
    struct ladder t;

    (void)state;
    for (uint32_t lo = 0; lo < 12; lo++) {
        for (uint32_t hi = lo + 1; hi <= 12; hi++) {
            uint8_t got[12];

            ladder_open(&t);
            peer_connects(&t, .mss = 1460);
            /* Octets 3 to 5 and 7 to 9 are first; then a forgery over lo to hi; then the truth. */
            peer_sends(&t, SEG_ACK, .seq = 104, .len = 3);
            peer_sends(&t, SEG_ACK, .seq = 108, .len = 3);
            peer_sends(&t, SEG_ACK, .seq = 101 + lo, .len = hi - lo, .salt = 1);
            peer_sends(&t, SEG_ACK, .seq = 101, .len = 12);
            assert_int_equal(ft_recv(t.stack, t.peer->sock, got, 12, 0), 12);
            for (uint32_t i = 0; i < 12; i++) {
                bool first = (i >= 3 && i < 6) || (i >= 7 && i < 10);
                bool forged = !first && i >= lo && i < hi;

                assert_int_equal(got[i], (uint8_t)(ladder_octet(true, i) + (forged ? 1 : 0)));
            }
            peer_sends(&t, SEG_ACK, .seq = 101, .len = 13, .salt = 2);
            assert_int_equal(ft_recv(t.stack, t.peer->sock, got, 12, 0), 1);
            ladder_close(&t);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_urgent_pointer_changes_no_octet),
        cmocka_unit_test(a_window_that_is_taken_back_is_respected),
        cmocka_unit_test(nothing_beyond_the_promised_edge_is_taken),
        cmocka_unit_test(a_conversation_begins_at_any_number),
        cmocka_unit_test(a_wrong_ack_in_a_handshake_is_reset_at_its_number),
        cmocka_unit_test(a_shutdown_in_syn_received_waits_for_the_handshake),
        cmocka_unit_test(a_zero_window_with_octets_out_is_probed_slowly),
        cmocka_unit_test(every_window_probe_is_answered),
        cmocka_unit_test(a_lost_window_update_is_found),
        cmocka_unit_test(ends_that_disagree_do_not_answer_for_ever),
        cmocka_unit_test(the_first_fin_is_the_end),
        cmocka_unit_test(the_first_octet_for_a_place_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
