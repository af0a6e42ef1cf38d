/* SPDX-License-Identifier: MIT */
/*
 * The auditor finds each kind of bad packet, and has nothing against good ones. Frames are made by
 * hand: an exchange between hosts 0 and 1, of which each test breaks one rule.
 */
#include "audit_wire.h"

static void a_plain_exchange_has_no_fault(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 1000, .wnd = 4000, .fill = 'a');
    good(t, 1, .flags = ACK, .seq = B1, .ack = A1 + 1000, .len = 1000, .wnd = 3000);
    lost(t, 0, .flags = ACK, .seq = A1 + 1000, .ack = B1 + 1000, .len = 500, .wnd = 3000);
    good(t, 0, .flags = ACK, .seq = A1 + 1000, .ack = B1 + 1000, .len = 500, .wnd = 3000);
    good(t, 0, .flags = ACK | FIN, .seq = A1 + 1500, .ack = B1 + 1000, .wnd = 3000);
    good(t, 1, .flags = ACK | FIN, .seq = B1 + 1000, .ack = A1 + 1501, .wnd = 2500);
    good(t, 0, .flags = ACK, .seq = A1 + 1501, .ack = B1 + 1001, .wnd = 3000);
}

static void a_broken_checksum_is_seen(void **state)
{
    struct ladder *t = *state;

    bad(t, 0, "wrong TCP checksum", .flags = SYN, .seq = ISN_A, .broken = 14 + 20 + 5);
    bad(t, 0, "wrong IPv4 header checksum", .flags = SYN, .seq = ISN_A, .broken = 14 + 8);
}

static void a_forged_link_address_is_seen(void **state)
{
    bad((struct ladder *)*state, 0, "not its own", .flags = SYN, .seq = ISN_A, .from_host = 1);
}

/* RFC 9293 3.9.2.3 (MUST-63): nobody can answer it. */
static void a_segment_from_no_address_is_seen(void **state)
{
    bad((struct ladder *)*state, 0, "from no address", .flags = SYN, .seq = ISN_A, .wnd = 4000,
        .from_none = true);
}

static void octets_after_the_packet_are_seen(void **state)
{
    bad((struct ladder *)*state, 0, "after its packet", .flags = SYN, .seq = ISN_A, .extra = 3);
}

static void contradictory_flags_are_seen(void **state)
{
    bad((struct ladder *)*state, 0, "SYN together", .flags = SYN | FIN, .seq = ISN_A);
    bad((struct ladder *)*state, 0, "neither ACK", .flags = FIN, .seq = ISN_A);
}

static void a_segment_without_a_syn_is_seen(void **state)
{
    bad((struct ladder *)*state, 0, "without a SYN", .flags = ACK, .seq = A1, .ack = B1);
}

static void an_ack_of_what_was_never_sent_is_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    bad(t, 1, "was ever sent", .flags = ACK, .seq = B1, .ack = A1 + 1, .wnd = 4000);
}

static void an_ack_of_what_was_lost_is_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    lost(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 100, .wnd = 4000);
    good(t, 0, .flags = ACK, .seq = A1 + 100, .ack = B1, .len = 100, .wnd = 4000);
    bad(t, 1, "has reached it", .flags = ACK, .seq = B1, .ack = A1 + 200, .wnd = 4000);
}

static void an_ack_that_goes_back_is_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 100, .wnd = 4000);
    good(t, 1, .flags = ACK, .seq = B1, .ack = A1 + 100, .wnd = 4000);
    bad(t, 1, "took back its ACK", .flags = ACK, .seq = B1, .ack = A1 + 50, .wnd = 4000);
}

static void a_window_that_shrinks_is_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    bad(t, 1, "shrank its window", .flags = ACK, .seq = B1, .ack = A1, .wnd = 3999);
}

static void octets_beyond_the_window_are_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    for (uint32_t i = 0; i < 4; i++)
        good(t, 0, .flags = ACK, .seq = A1 + 1000 * i, .ack = B1, .len = 1000, .wnd = 4000);
    /* RFC 9293 3.8.6.1: one octet may probe. */
    good(t, 0, .flags = ACK, .seq = A1 + 4000, .ack = B1, .len = 1, .wnd = 4000);
    bad(t, 0, "the window it was given ends", .flags = ACK, .seq = A1 + 4001, .ack = B1, .len = 1,
        .wnd = 4000);
}

/* Host 0 sends @n segments of 1000 octets from the @first on, which need not arrive. */
static const char *send_many(struct ladder *t, uint32_t first, uint32_t n)
{
    const char *wrong = NULL;

    for (uint32_t i = first; i < first + n && wrong == NULL; i++) {
        struct seg g = {.flags = ACK, .seq = A1 + 1000 * i, .ack = B1, .len = 1000, .wnd = 4000};

        wrong = audit_judge(t, 0, g, i < 2);
    }
    return wrong;
}

/* RFC 6928 2: ten segments, five that a timeout or a probe may add, and one for an ACK that may be
   a duplicate. */
static void more_than_the_initial_window_is_seen(void **state)
{
    struct ladder *t = *state;
    const char *wrong;

    audit_handshake(t);
    good(t, 1, .flags = ACK, .seq = B1, .ack = A1, .wnd = 60000);
    assert_null(send_many(t, 0, 16));
    wrong = send_many(t, 16, 1);
    assert_non_null(wrong);
    assert_non_null(strstr(wrong, "up to 17001, but had 0 acknowledged: slow start allows 16000"));
}

/* RFC 5681 3.1: slow start opens the window by what is acknowledged. */
static void a_window_that_opens_too_fast_is_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    good(t, 1, .flags = ACK, .seq = B1, .ack = A1, .wnd = 60000);
    assert_null(send_many(t, 0, 10));
    good(t, 1, .flags = ACK, .seq = B1, .ack = A1 + 2000, .wnd = 60000);
    assert_null(send_many(t, 10, 10));
    assert_non_null(send_many(t, 20, 1));
}

/* RFC 6675 5: what SACK tells of is not in flight any more. */
static void where_sack_tells_more_may_leave(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    good(t, 1, .flags = ACK, .seq = B1, .ack = A1, .wnd = 60000);
    lost(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 1000, .wnd = 4000);
    good(t, 0, .flags = ACK, .seq = A1 + 1000, .ack = B1, .len = 1000, .wnd = 4000);
    good(t, 1, .flags = ACK, .seq = B1, .ack = A1, .wnd = 60000, .sack_lo = A1 + 1000,
         .sack_hi = A1 + 2000);
    assert_null(send_many(t, 2, 15));
}

static void a_window_that_did_not_arrive_counts_for_nothing(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    lost(t, 1, .flags = ACK, .seq = B1, .ack = A1, .wnd = 9000);
    for (uint32_t i = 0; i < 4; i++)
        good(t, 0, .flags = ACK, .seq = A1 + 1000 * i, .ack = B1, .len = 1000, .wnd = 4000);
    bad(t, 0, "the window it was given ends", .flags = ACK, .seq = A1 + 4000, .ack = B1,
        .len = 1000, .wnd = 4000);
}

static void a_scaled_window_is_understood(void **state)
{
    struct ladder *t = *state;

    good(t, 0, .flags = SYN, .seq = ISN_A, .wnd = 100, .mss = 1460, .ws = 3);
    good(t, 1, .flags = SYN | ACK, .seq = ISN_B, .ack = A1, .wnd = 100, .mss = 1460, .ws = 5);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .wnd = 100);
    good(t, 1, .flags = ACK, .seq = B1, .ack = A1, .len = 800, .wnd = 100);
    bad(t, 1, "ends at 801", .flags = ACK, .seq = B1 + 800, .ack = A1, .len = 2, .wnd = 100);
}

/* ---- what hosts lose, and what they are told ---- */

static void a_host_that_has_crashed_may_reset_and_begin_anew(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 10, .wnd = 4000);
    ft_sim_audit_crashed(t->audit, 1);
    good(t, 0, .flags = ACK, .seq = A1 + 10, .ack = B1, .len = 10, .wnd = 4000);
    good(t, 1, .flags = RST, .seq = B1);
    good(t, 0, .flags = SYN, .seq = 7 * ISN_A, .wnd = 4000, .mss = 1460);
    good(t, 1, .flags = SYN | ACK, .seq = 99, .ack = 7 * ISN_A + 1, .wnd = 4000, .mss = 1000);
}

static void a_host_that_has_crashed_and_remembers_is_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 10, .wnd = 4000);
    ft_sim_audit_crashed(t->audit, 1);
    bad(t, 1, "lost in a crash", .flags = ACK, .seq = B1, .ack = A1 + 10, .wnd = 4000);
    bad(t, 1, "answers nothing", .flags = RST, .seq = B1);
    bad(t, 1, "has not reached it", .flags = SYN | ACK, .seq = ISN_B, .ack = A1, .wnd = 4000);
}

/* A router says to host 0 that @mtu is all that fits; @seq is of the segment that it quotes. */
static void too_big(struct ladder *t, uint32_t seq, uint32_t mtu)
{
    struct seg quoted = {.flags = ACK, .seq = seq, .ack = B1, .len = 1000};
    struct sim_audit_frame frame = {0, NULL, 14 + 20 + 8 + 28, t->now, false};
    uint8_t octets[14 + 20 + 8 + 28];
    uint8_t *ip = octets + 14;
    struct wire w;

    audit_build(&w, 0, &quoted);
    memcpy(octets, (uint8_t[]){2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1, 1, 8, 0}, 14);
    memset(ip, 0, 28);
    ip[0] = 0x45;
    audit_put16(ip + 2, 56);
    ip[8] = 64;
    ip[9] = 1;
    audit_put32(ip + 12, 0x0a0900c8);
    audit_put32(ip + 16, 0x0a090001);
    audit_put16(ip + 10, audit_sum(ip, 20, 0));
    ip[20] = 3;
    ip[21] = 4;
    audit_put16(ip + 26, mtu);
    memcpy(ip + 28, w.octets + 14, 28);
    audit_put16(ip + 22, audit_sum(ip + 20, 36, 0));
    frame.octets = octets;
    assert_null(ft_sim_audit_arrived(t->audit, &frame, &t->sight));
}

static void a_packet_above_the_path_is_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    lost(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 1000, .wnd = 4000);
    too_big(t, A1, 700);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 660, .wnd = 4000);
    bad(t, 0, "only 700 fit", .flags = ACK, .seq = A1, .ack = B1, .len = 661, .wnd = 4000);
    t->now += 301 * FT_SEC; /* RFC 1191 6.3 */
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 661, .wnd = 4000);
}

/* RFC 5927 4.1: what is not in flight tells nothing; RFC 791 3.2: nor does less than anybody has.
 */
static void a_path_that_a_stranger_tells_of_does_not_bind(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 1000, .wnd = 4000);
    too_big(t, A1 + 1000, 700);
    too_big(t, A1, 500);
    good(t, 0, .flags = ACK, .seq = A1 + 1000, .ack = B1, .len = 1000, .wnd = 4000);
}

/* RFC 9293 3.10.7.4: what lies before RCV.NXT is not looked at, and nor is its ACK. */
static void an_ack_that_the_peer_will_not_look_at_is_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 100, .wnd = 4000);
    good(t, 0, .flags = ACK, .seq = A1 + 100, .ack = B1, .wnd = 4000);
    good(t, 0, .flags = ACK, .seq = A1 - 1, .ack = B1, .wnd = 4000); /* a probe */
    bad(t, 0, "at 51, but had sent up to 101", .flags = ACK, .seq = A1 + 50, .ack = B1,
        .wnd = 4000);
}

static void other_octets_the_second_time_are_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    lost(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 100, .wnd = 4000, .fill = 'a');
    bad(t, 0, "other octets", .flags = ACK, .seq = A1 + 99, .ack = B1, .len = 100, .wnd = 4000,
        .fill = 'b');
}

static void a_segment_above_the_mss_is_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    bad(t, 0, "to an MSS of 1000", .flags = ACK, .seq = A1, .ack = B1, .len = 1001, .wnd = 4000);
}

/* RFC 6691 2: the MSS counts octets and options together. */
static void options_count_against_the_mss(void **state)
{
    struct ladder *t = *state;

    audit_handshake_ts(t);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 988, .wnd = 4000, .ts = 101,
         .tsecr = 500);
    bad(t, 0, "to an MSS of 1000", .flags = ACK, .seq = A1 + 988, .ack = B1, .len = 989,
        .wnd = 4000, .ts = 101, .tsecr = 500);
}

static void a_packet_above_the_mtu_is_seen(void **state)
{
    struct ladder *t = *state;

    bad(t, 0, "over an MTU", .flags = SYN, .seq = ISN_A, .len = 1500);
}

static void octets_that_are_skipped_are_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    bad(t, 0, "had only sent up to", .flags = ACK, .seq = A1 + 10, .ack = B1, .len = 10,
        .wnd = 4000);
}

static void octets_after_the_fin_are_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    good(t, 0, .flags = ACK | FIN, .seq = A1, .ack = B1, .wnd = 4000);
    bad(t, 0, "after its FIN", .flags = ACK, .seq = A1 + 1, .ack = B1, .len = 5, .wnd = 4000);
}

static void a_fin_that_moves_is_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 50, .wnd = 4000);
    good(t, 0, .flags = ACK | FIN, .seq = A1 + 50, .ack = B1, .wnd = 4000);
    bad(t, 0, "moved its FIN", .flags = ACK | FIN, .seq = A1, .ack = B1, .len = 40, .wnd = 4000);
}

static void timestamps_that_go_back_are_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake_ts(t);
    bad(t, 0, "timestamp 99 after 101", .flags = ACK, .seq = A1, .ack = B1, .wnd = 4000, .ts = 99,
        .tsecr = 500);
}

static void an_echo_of_no_timestamp_is_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake_ts(t);
    bad(t, 0, "echoed timestamp 501", .flags = ACK, .seq = A1, .ack = B1, .wnd = 4000, .ts = 101,
        .tsecr = 501);
}

/* RFC 7323 4.3: what covers Last.ACK.sent sets TS.Recent, and TS.Recent is what is echoed. */
static void an_echo_of_an_old_timestamp_is_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake_ts(t);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 10, .wnd = 4000, .ts = 150, .tsecr = 500);
    good(t, 0, .flags = ACK, .seq = A1 + 10, .ack = B1, .len = 10, .wnd = 4000, .ts = 160,
         .tsecr = 500);
    /* not acknowledged yet, and only the first one covers Last.ACK.sent: */
    lost(t, 1, .flags = ACK, .seq = B1, .ack = A1, .wnd = 4000, .ts = 501, .tsecr = 100);
    lost(t, 1, .flags = ACK, .seq = B1, .ack = A1 + 20, .wnd = 4000, .ts = 501, .tsecr = 150);
    bad(t, 1, "echoed timestamp 149, but TS.Recent is 150", .flags = ACK, .seq = B1, .ack = A1 + 20,
        .wnd = 4000, .ts = 501, .tsecr = 149);
}

/* RFC 7323 4.3: a segment behind a gap sets nothing; of two that filled the gap the older may have
   been the one. */
static void an_echo_may_be_as_old_as_what_filled_the_gap(void **state)
{
    struct ladder *t = *state;

    audit_handshake_ts(t);
    lost(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 10, .wnd = 4000, .ts = 150, .tsecr = 500);
    good(t, 0, .flags = ACK, .seq = A1 + 10, .ack = B1, .len = 10, .wnd = 4000, .ts = 160,
         .tsecr = 500);
    good(t, 1, .flags = ACK, .seq = B1, .ack = A1, .wnd = 4000, .ts = 501, .tsecr = 101,
         .sack_lo = A1 + 10, .sack_hi = A1 + 20);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 10, .wnd = 4000, .ts = 200, .tsecr = 500);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 10, .wnd = 4000, .ts = 300, .tsecr = 500);
    lost(t, 1, .flags = ACK, .seq = B1, .ack = A1 + 20, .wnd = 4000, .ts = 502, .tsecr = 200);
    bad(t, 1, "TS.Recent is 200", .flags = ACK, .seq = B1, .ack = A1 + 20, .wnd = 4000, .ts = 502,
        .tsecr = 160);
}

/* Nobody looks at the ACK of a probe, which therefore is not Last.ACK.sent. Found by seed 4698. */
static void what_a_probe_acknowledges_sets_no_edge(void **state)
{
    struct ladder *t = *state;

    audit_handshake_ts(t);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 10, .wnd = 4000, .ts = 150, .tsecr = 500);
    lost(t, 1, .flags = ACK, .seq = B1 - 1, .ack = A1 + 10, .wnd = 4000, .ts = 501, .tsecr = 150);
    good(t, 0, .flags = ACK, .seq = A1 + 10, .ack = B1, .len = 10, .wnd = 4000, .ts = 160,
         .tsecr = 500);
    lost(t, 1, .flags = ACK, .seq = B1, .ack = A1 + 20, .wnd = 4000, .ts = 502, .tsecr = 150);
    good(t, 0, .flags = ACK, .seq = A1 + 20, .ack = B1, .len = 10, .wnd = 4000, .ts = 170,
         .tsecr = 500);
    bad(t, 1, "TS.Recent is 170", .flags = ACK, .seq = B1, .ack = A1 + 30, .wnd = 4000, .ts = 503,
        .tsecr = 160);
}

static void missing_timestamps_are_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake_ts(t);
    bad(t, 0, "without the timestamps", .flags = ACK, .seq = A1, .ack = B1, .wnd = 4000);
}

static void a_sack_block_of_what_is_missing_is_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    lost(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 100, .wnd = 4000);
    good(t, 0, .flags = ACK, .seq = A1 + 100, .ack = B1, .len = 100, .wnd = 4000);
    good(t, 1, .flags = ACK, .seq = B1, .ack = A1, .wnd = 4000, .sack_lo = A1 + 100,
         .sack_hi = A1 + 200);
    bad(t, 1, "SACK block", .flags = ACK, .seq = B1, .ack = A1, .wnd = 4000, .sack_lo = A1 + 99,
        .sack_hi = A1 + 200);
}

static void a_reset_that_answers_nothing_is_seen(void **state)
{
    bad((struct ladder *)*state, 0, "answers nothing", .flags = RST, .seq = 77);
}

/* RFC 9293 3.5.2: the reset takes its number from the ACK that it answers. */
static void a_reset_may_answer_an_ack(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .wnd = 4000);
    good(t, 1, .flags = RST, .seq = B1);
}

static void a_reset_of_a_foreign_number_is_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    bad(t, 1, "not its own", .flags = RST, .seq = B1 + 5000);
}

/* RFC 9293 3.10.5: a reset of the own connection acknowledges what has arrived, and no more. */
static void a_reset_that_acknowledges_what_was_lost_is_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    lost(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 100, .wnd = 4000);
    good(t, 0, .flags = ACK, .seq = A1 + 100, .ack = B1, .len = 100, .wnd = 4000);
    lost(t, 1, .flags = RST | ACK, .seq = B1, .ack = A1);
    bad(t, 1, "acknowledges up to 201, but only 1", .flags = RST | ACK, .seq = B1, .ack = A1 + 200);
}

/* RFC 7323 3.2: the timestamps of a reset are an echo like any other. */
static void a_reset_that_echoes_no_timestamp_is_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake_ts(t);
    lost(t, 1, .flags = RST | ACK, .seq = B1, .ack = A1, .ts = 501, .tsecr = 101);
    bad(t, 1, "echoes timestamp 102", .flags = RST | ACK, .seq = B1, .ack = A1, .ts = 501,
        .tsecr = 102);
}

/* RFC 4987 3.6. Found by seed 3134: a cookie's ACK came twice and made a second connection. */
static void a_cookie_that_came_again_may_be_reset(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    good(t, 1, .flags = ACK, .seq = B1, .ack = A1, .len = 100, .wnd = 4000);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1 + 100, .wnd = 4000);
    ft_sim_audit_cookies(t->audit);
    good(t, 1, .flags = RST | ACK, .seq = B1, .ack = A1);
    bad(t, 1, "not its own", .flags = RST | ACK, .seq = B1 + 1, .ack = A1);
}

/* RFC 9293 3.5.2: nobody answers a reset. */
static void a_reset_in_answer_to_a_reset_is_seen(void **state)
{
    struct ladder *t = *state;

    good(t, 0, .flags = SYN, .seq = ISN_A, .wnd = 4000);
    good(t, 1, .flags = RST | ACK, .seq = 0, .ack = A1);
    bad(t, 0, "not its own", .flags = RST, .seq = 0);
}

static void a_segment_after_the_own_reset_is_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    lost(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 10, .wnd = 4000);
    good(t, 0, .flags = RST | ACK, .seq = A1 + 10, .ack = B1);
    bad(t, 0, "after it had reset", .flags = ACK, .seq = A1 + 10, .ack = B1, .wnd = 4000);
}

static void a_segment_after_the_peers_reset_is_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    good(t, 0, .flags = RST | ACK, .seq = A1, .ack = B1);
    bad(t, 1, "after the connection was reset", .flags = ACK, .seq = B1, .ack = A1, .wnd = 4000);
}

static void a_voice_from_the_grave_is_heard(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    good(t, 0, .flags = ACK | FIN, .seq = A1, .ack = B1, .wnd = 4000);
    good(t, 1, .flags = ACK | FIN, .seq = B1, .ack = A1 + 1, .wnd = 4000);
    good(t, 0, .flags = ACK, .seq = A1 + 1, .ack = B1 + 1, .wnd = 4000);
    t->now = 60 * FT_SEC;
    good(t, 0, .flags = ACK, .seq = A1 + 1, .ack = B1 + 1, .wnd = 4000);
    t->now = 250 * FT_SEC;
    bad(t, 0, "ended long ago", .flags = ACK, .seq = A1 + 1, .ack = B1 + 1, .wnd = 4000);
}

/* RFC 9293 MUST-58: an ACK is delayed by less than half a second. */
static void an_ack_that_is_late_is_seen(void **state)
{
    struct ladder *t = *state;

    ft_sim_audit_hurry(t->audit);
    audit_handshake(t);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 10, .wnd = 4000);
    t->now = 500 * FT_MS;
    good(t, 1, .flags = ACK, .seq = B1, .ack = A1 + 10, .wnd = 4000);
    good(t, 0, .flags = ACK, .seq = A1 + 10, .ack = B1, .len = 10, .wnd = 4000);
    t->now = 1001 * FT_MS;
    bad(t, 1, "acknowledged after 501 ms", .flags = ACK, .seq = B1, .ack = A1 + 20, .wnd = 4000);
}

static void an_ack_said_again_and_again_is_heard(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    for (int i = 0; i < 8; i++)
        lost(t, 0, .flags = ACK, .seq = A1, .ack = B1, .wnd = 4000);
    bad(t, 0, "the same ACK", .flags = ACK, .seq = A1, .ack = B1, .wnd = 4000);
}

static void two_ends_that_answer_each_other_for_ever_are_heard(void **state)
{
    struct ladder *t = *state;
    const char *wrong = NULL;

    audit_handshake(t);
    for (int i = 0; i < 1000 && wrong == NULL; i++) {
        struct seg a = {.flags = ACK, .seq = A1, .ack = B1, .wnd = 4000};
        struct seg b = {.flags = ACK, .seq = B1, .ack = A1, .wnd = 4000};

        wrong = audit_judge(t, i % 2, i % 2 == 0 ? a : b, true);
    }
    assert_non_null(wrong);
    assert_non_null(strstr(wrong, "storm"));
}

/* Who gives up on a peer has asked it until then: how long it had been silent is told. */
static void the_silence_before_a_first_reset_is_told(void **state)
{
    struct ladder *t = *state;
    struct ft_addr a, b;

    audit_handshake(t); /* the last segment is a's */
    a = t->sight.src;
    b = t->sight.dst;
    t->now += 30 * FT_SEC;
    good(t, 0, .flags = ACK, .seq = A1 - 1, .ack = B1, .wnd = 4000);
    assert_int_equal(ft_sim_audit_silence(t->audit, &a, t->sight.src_port, &b, t->sight.dst_port),
                     0);
    for (int i = 0; i < 2; i++) {
        t->now += 5 * FT_SEC;
        good(t, 0, .flags = RST | ACK, .seq = A1, .ack = B1);
        assert_int_equal(
            ft_sim_audit_silence(t->audit, &a, t->sight.src_port, &b, t->sight.dst_port),
            5 * FT_SEC);
    }
    assert_int_equal(ft_sim_audit_silence(t->audit, &b, t->sight.dst_port, &a, t->sight.src_port),
                     0);
}

/* Seed 9629: of two ACKs of the same octets the older came last. Whom it reaches goes by its
   window, and what says nothing but an ACK stands at its edge. */
static void an_ack_stands_at_the_edge_that_came_last(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    for (uint32_t i = 0; i < 4; i++)
        good(t, 0, .flags = ACK, .seq = A1 + 1000 * i, .ack = B1, .len = 1000, .wnd = 4000);
    good(t, 1, .flags = ACK, .seq = B1, .ack = A1 + 1000, .wnd = 4000);
    bad(t, 0, "sent an ACK at", .flags = ACK, .seq = A1 + 3000, .ack = B1, .wnd = 4000);
    late(t, 1, .flags = ACK, .seq = B1, .ack = A1 + 1000, .wnd = 2000);
    good(t, 0, .flags = ACK, .seq = A1 + 3000, .ack = B1, .wnd = 4000);
}

#define T(name) cmocka_unit_test_setup_teardown(name, audit_begin, audit_end_test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_silence_before_a_first_reset_is_told),
        T(a_plain_exchange_has_no_fault),
        T(a_broken_checksum_is_seen),
        T(a_forged_link_address_is_seen),
        T(a_segment_from_no_address_is_seen),
        T(octets_after_the_packet_are_seen),
        T(contradictory_flags_are_seen),
        T(a_segment_without_a_syn_is_seen),
        T(an_ack_of_what_was_never_sent_is_seen),
        T(an_ack_of_what_was_lost_is_seen),
        T(an_ack_that_goes_back_is_seen),
        T(a_window_that_shrinks_is_seen),
        T(an_ack_stands_at_the_edge_that_came_last),
        T(octets_beyond_the_window_are_seen),
        T(more_than_the_initial_window_is_seen),
        T(a_window_that_opens_too_fast_is_seen),
        T(where_sack_tells_more_may_leave),
        T(a_window_that_did_not_arrive_counts_for_nothing),
        T(a_scaled_window_is_understood),
        T(an_ack_that_the_peer_will_not_look_at_is_seen),
        T(a_host_that_has_crashed_may_reset_and_begin_anew),
        T(a_host_that_has_crashed_and_remembers_is_seen),
        T(a_packet_above_the_path_is_seen),
        T(a_path_that_a_stranger_tells_of_does_not_bind),
        T(other_octets_the_second_time_are_seen),
        T(a_segment_above_the_mss_is_seen),
        T(options_count_against_the_mss),
        T(a_packet_above_the_mtu_is_seen),
        T(octets_that_are_skipped_are_seen),
        T(octets_after_the_fin_are_seen),
        T(a_fin_that_moves_is_seen),
        T(timestamps_that_go_back_are_seen),
        T(an_echo_of_no_timestamp_is_seen),
        T(an_echo_of_an_old_timestamp_is_seen),
        T(an_echo_may_be_as_old_as_what_filled_the_gap),
        T(what_a_probe_acknowledges_sets_no_edge),
        T(missing_timestamps_are_seen),
        T(a_sack_block_of_what_is_missing_is_seen),
        T(a_reset_that_answers_nothing_is_seen),
        T(a_reset_may_answer_an_ack),
        T(a_reset_of_a_foreign_number_is_seen),
        T(a_reset_that_acknowledges_what_was_lost_is_seen),
        T(a_reset_that_echoes_no_timestamp_is_seen),
        T(a_cookie_that_came_again_may_be_reset),
        T(a_reset_in_answer_to_a_reset_is_seen),
        T(a_segment_after_the_own_reset_is_seen),
        T(a_segment_after_the_peers_reset_is_seen),
        T(a_voice_from_the_grave_is_heard),
        T(an_ack_that_is_late_is_seen),
        T(an_ack_said_again_and_again_is_heard),
        T(two_ends_that_answer_each_other_for_ever_are_heard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
