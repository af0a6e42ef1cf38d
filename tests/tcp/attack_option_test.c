/* SPDX-License-Identifier: MIT */
/*
 * Malformed headers and options, and options whose values are absurd.
 */
#include "ladder.h"

#include "wire/be.h"
#include "wire/csum.h"
#include "wire/eth.h"
#include "wire/ip4.h"

/* The first @len octets of a segment whose data offset says @doff, with a right checksum. */
static void sends_header(struct ladder *t, unsigned doff, size_t len, unsigned flags)
{
    struct step s = LADDER_STEP(flags, .seq = t->peer->nxt, .len = 100);
    uint8_t frame[400];
    size_t ip = ETH_HDR_LEN, l4 = ETH_HDR_LEN + IP4_HDR_LEN;

    (void)ladder_build(t, &s, frame);
    memset(frame + l4 + TCP_HDR_LEN, 1, 60); /* NOPs where options are */
    be16_store(frame + ip + 2, (uint16_t)(IP4_HDR_LEN + len));
    be16_store(frame + ip + 10, 0);
    be16_store(frame + ip + 10, csum_of(frame + ip, IP4_HDR_LEN));
    frame[l4 + 12] = (uint8_t)(doff << 4);
    if (len >= TCP_HDR_LEN) {
        be16_store(frame + l4 + TCP_CSUM_AT, 0);
        be16_store(frame + l4 + TCP_CSUM_AT,
                   csum_l4(&t->them, &t->us, IP_PROTO_TCP, frame + l4, len));
    }
    ladder_input(t, frame, l4 + len, 1, 0);
}

/* RFC 9293 3.1: the data offset is believed only between 5 and the end of the segment. */
/* proves: A-57 */
static void a_wrong_data_offset_is_dropped_in_silence(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    for (unsigned doff = 0; doff < 16; doff++) {
        for (size_t len = 0; len <= 80; len++) {
            if (len >= TCP_HDR_LEN && doff >= 5 && doff * 4u <= len)
                continue;
            ladder_peer(&t, 0);
            sends_header(&t, doff, len, SEG_ACK);
            assert_verdict(&t, FT_RX_DROP_HEADER);
            sends_header(&t, doff, len, SEG_RST);
            ladder_peer(&t, 1); /* for the passive socket */
            sends_header(&t, doff, len, SEG_SYN);
            assert_verdict(&t, FT_RX_DROP_HEADER);
        }
    }
    stack_sends_nothing(&t);
    ladder_peer(&t, 0);
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    assert_int_equal(stack_counts(&t).now_half_open, 0);
    ladder_close(&t);
}

/* RFC 9293 MUST-7: an option of any length, cut off anywhere, is stepped over or ends the walk. */
/* proves: A-58 A-62 A-63 */
static void no_option_of_any_length_hurts(void **state)
{
    struct ladder t;
    uint8_t options[40];

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    for (unsigned kind = 0; kind < 256; kind++) {
        for (unsigned len = 0; len <= 41; len++) {
            size_t cut = 4u + (kind + len) % 10 * 4;

            memset(options, 0xff, sizeof(options));
            options[0] = (uint8_t)kind;
            options[1] = (uint8_t)len;
            ladder_peer(&t, 0);
            /* Where nobody can have guessed it, and where it fits. */
            peer_sends(&t, SEG_ACK, .seq = 9000000, .options = options, .n_options = cut);
            peer_sends(&t, SEG_ACK, .seq = 101, .options = options, .n_options = cut);
            ladder_peer(&t, 1);
            peer_sends(&t, SEG_SYN, .options = options, .n_options = cut);
            (void)ladder_forget(&t);
            peer_sends(&t, SEG_RST, .seq = LADDER_PEER_ISN + 1);
            t.peer->nxt = LADDER_PEER_ISN;
            after_ms(&t, 10);
            assert_int_equal(ladder_forget(&t), 0);
        }
    }
    ladder_peer(&t, 0);
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    assert_int_equal(stack_counts(&t).now_half_open, 0);
    assert_int_equal(stack_counts(&t).tcp_resets_out, 0);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 10);
    user_reads(&t, 10);
    ladder_close(&t);
}

/* Take what the stack sends, and acknowledge it, until @n octets have come. Return: segments. */
static unsigned transfer(struct ladder *t, size_t n, uint32_t least, uint32_t most)
{
    unsigned n_segs = 0;
    uint32_t end = t->peer->iss + 1 + (uint32_t)t->peer->written;

    (void)n;
    for (unsigned i = 0; i < 20000 && t->peer->snd_max != end; i++) {
        while (ladder_take(t)) {
            assert_true(t->seg.len <= most);
            if (t->seg.seq.v + t->seg.len != end && !(t->seg.flags & SEG_SYN))
                assert_true(t->seg.len >= least);
            n_segs++;
        }
        peer_sends(t, SEG_ACK);
    }
    assert_int_equal(t->peer->snd_max, end);
    return n_segs;
}

/* CVE-2019-11479, RFC 9293 MUST-16: an absurd MSS makes neither no segments nor too many. */
/* proves: A-59 A-60 */
static void a_tiny_mss_is_taken_for_the_least(void **state)
{
    struct ladder t;

    (void)state;
    for (int64_t mss = 0; mss <= 101; mss++) {
        int64_t said = mss == 101 ? 65535 : mss;
        uint32_t most = said < 48 ? 48 : said > 1460 ? 1460 : (uint32_t)said;

        ladder_open(&t);
        peer_connects(&t, .mss = said);
        user_writes(&t, 10000);
        assert_true(transfer(&t, 10000, most, most) <= 10000 / most + 1);
        ladder_close(&t);
        ladder_open(&t);
        peer_connects(&t, .mss = said, .tsval = 1, .sack_ok = 1, .wscale = 2);
        user_writes(&t, 3000);
        (void)ladder_take(&t);
        assert_int_equal(t.seg.len, most - 12);
        ladder_close(&t);
    }
}

/* The least is the configuration's, whatever the peer says. */
/* proves: A-60 */
static void the_least_mss_is_the_configurations(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.limits.min_send_mss = 536;
    ladder_start(&t);
    peer_connects(&t, .mss = 48);
    user_writes(&t, 1000000);
    assert_true(transfer(&t, 1000000, 536, 536) <= 1000000 / 536 * 11 / 10);
    ladder_close(&t);
}

/* RFC 2018 8: blocks that cannot be are not looked at, and nothing that is SACKed is forgotten. */
/* proves: A-61 SACK-5 */
static void absurd_sack_blocks_move_nothing(void **state)
{
    struct ladder t;
    uint64_t seed = 1;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000, .sack_ok = 1);
    user_writes(&t, 100000);
    for (unsigned i = 0; i < 400; i++) {
        struct step s = LADDER_STEP(SEG_ACK, .ack = 1, .n_sack = 1 + i % 4);

        for (unsigned k = 0; k < 4; k++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            uint32_t lo = (seed >> 61) < 3 ? (uint32_t)(seed >> 20) : (uint32_t)(seed >> 50);
            uint32_t hi =
                (seed >> 58 & 7) < 3 ? (uint32_t)(seed >> 8) : lo + (uint32_t)(seed >> 53);

            s.sack[k].lo = lo;
            s.sack[k].hi = hi;
        }
        s.seq = 101;
        ladder_peer_sends(&t, s);
    }
    assert_true(stack_info(&t).cwnd >= 1000);
    assert_int_equal(stack_info(&t).octets_acked, 0);
    (void)transfer(&t, 100000, 0, 1460);
    ladder_close(&t);
}

/* RFC 7323 2.2, 2.3: a shift above 14 is 14, counts in a SYN only, and never for the SYN itself. */
/* proves: A-65 TS-1 TS-2 TS-3 */
static void a_window_scale_stays_within_14(void **state)
{
    struct ladder t;

    (void)state;
    for (int64_t shift = 0; shift < 256; shift++) {
        ladder_open(&t);
        peer_connects(&t, .mss = 1460, .wscale = shift, .wnd = 1000);
        peer_sends(&t, SEG_ACK, .wnd = 65535, .wscale = 1);
        assert_int_equal(stack_info(&t).snd_wnd, UINT32_C(65535) << (shift > 14 ? 14 : shift));
        ladder_close(&t);
    }
    ladder_open(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN);
    peer_sends(&t, SEG_SYN | SEG_ACK, .mss = 1460, .wscale = 14, .wnd = 30000);
    assert_int_equal(stack_info(&t).snd_wnd, 30000);
    ladder_close(&t);
}

/* RFC 7323 4.1, RFC 6298 2: what cannot be the echo of our clock is no measurement. */
/* proves: A-66 TS-9 */
static void an_absurd_echo_leaves_the_rto_in_its_bounds(void **state)
{
    struct ladder t;
    uint32_t random = 12345;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460, .tsval = 1);
    for (unsigned i = 0; i < 200; i++) {
        user_writes(&t, 100);
        while (ladder_take(&t))
            ;
        uint32_t now = t.seg.tsval;
        const uint32_t echoes[] = {0, 1, now + (1u << 31), now + 5, now - 59000, random};
        after_ms(&t, 10);
        random = random * 1664525 + 1013904223;
        peer_sends(&t, SEG_ACK, .tsval = 1 + i, .tsecr = echoes[i % 6]);
        assert_true(stack_info(&t).rto_us >= 200000 && stack_info(&t).rto_us <= 120000000);
    }
    assert_int_equal(stack_info(&t).octets_acked, 20000);
    ladder_close(&t);
}

/* RFC 7413: Fast Open is off. A SYN that asks for it, with whatever cookie, is one without. */
/* proves: A-89 A-86 */
static void a_fast_open_cookie_opens_nothing(void **state)
{
    struct ladder t;
    uint8_t options[24] = {34};

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    for (unsigned len = 0; len <= 18; len++) {
        t.peer->nxt = LADDER_PEER_ISN;
        options[1] = (uint8_t)(2 + len);
        memset(options + 2, 0x42, sizeof(options) - 2);
        peer_sends(&t, SEG_SYN, .len = 20, .options = options, .n_options = 20);
        stack_sends(&t, SEG_SYN | SEG_ACK, .ack = LADDER_PEER_ISN + 1);
        assert_false(t.seg.has_tfo);
        assert_int_equal(ft_accept(t.stack, t.listener, NULL, NULL), -EAGAIN);
        peer_sends(&t, SEG_RST, .seq = LADDER_PEER_ISN + 1);
    }
    assert_int_equal(stack_counts(&t).now_half_open, 0);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_data_offset_is_dropped_in_silence),
        cmocka_unit_test(no_option_of_any_length_hurts),
        cmocka_unit_test(a_tiny_mss_is_taken_for_the_least),
        cmocka_unit_test(the_least_mss_is_the_configurations),
        cmocka_unit_test(absurd_sack_blocks_move_nothing),
        cmocka_unit_test(a_window_scale_stays_within_14),
        cmocka_unit_test(an_absurd_echo_leaves_the_rto_in_its_bounds),
        cmocka_unit_test(a_fast_open_cookie_opens_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
