/* SPDX-License-Identifier: MIT */
/*
 * The auditor finds each kind of bad packet, and has nothing against good ones. Frames are made by
 * hand: an exchange between hosts 0 and 1, of which each test breaks one rule.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/audit.h"

#define ISN_A 1000U
#define ISN_B 0xfffffff0U /* wraps soon */
#define FIN   SIGHT_FIN
#define SYN   SIGHT_SYN
#define RST   SIGHT_RST
#define ACK   SIGHT_ACK

struct ladder {
    struct sim_audit *audit;
    ft_time now;
    struct sight sight;
};

/* A segment as a test writes it. */
struct seg {
    uint32_t seq, ack, len;
    uint16_t wnd, mss;
    uint8_t flags, fill, ws;
    int ts; /* 0: none */
    uint32_t tsecr;
    uint32_t sack_lo, sack_hi;
    int broken;        /* octet of the frame to change; 0: none */
    int extra;         /* octets after the packet */
    uint8_t from_host; /* its link address is another's */
};

struct wire {
    uint8_t octets[2048];
    size_t len;
};

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

static uint16_t sum(const uint8_t *p, size_t len, uint32_t start)
{
    uint32_t s = start;

    for (size_t i = 0; i < len; i += 2)
        s += (uint32_t)p[i] << 8 | (i + 1 < len ? p[i + 1] : 0U);
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return (uint16_t)~s;
}

static size_t put_options(uint8_t *p, const struct seg *g)
{
    size_t n = 0;

    if (g->mss != 0) {
        p[n] = 2;
        p[n + 1] = 4;
        put16(p + n + 2, g->mss);
        n += 4;
    }
    if (g->ws != 0) {
        memcpy(p + n, (uint8_t[]){1, 3, 3, g->ws}, 4);
        n += 4;
    }
    if (g->flags & SYN) {
        memcpy(p + n, (uint8_t[]){1, 1, 4, 2}, 4);
        n += 4;
    }
    if (g->ts != 0) {
        memcpy(p + n, (uint8_t[]){1, 1, 8, 10}, 4);
        put32(p + n + 4, (uint32_t)g->ts);
        put32(p + n + 8, g->tsecr);
        n += 12;
    }
    if (g->sack_hi != g->sack_lo) {
        memcpy(p + n, (uint8_t[]){1, 1, 5, 10}, 4);
        put32(p + n + 4, g->sack_lo);
        put32(p + n + 8, g->sack_hi);
        n += 12;
    }
    return n;
}

static void build(struct wire *w, int from, const struct seg *g)
{
    uint8_t *ip = w->octets + 14;
    uint8_t *tcp = ip + 20;
    size_t opt = put_options(memset(tcp + 20, 0, 40), g);
    size_t len = 20 + opt + g->len;
    uint32_t pseudo;

    memcpy(w->octets, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)(2 - from)}, 6);
    memcpy(w->octets + 6, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)(1 + (from ^ g->from_host))}, 6);
    put16(w->octets + 12, 0x0800);
    memset(ip, 0, 20);
    ip[0] = 0x45;
    put16(ip + 2, (uint32_t)(20 + len));
    ip[8] = 64;
    ip[9] = 6;
    put32(ip + 12, 0x0a090001 + (uint32_t)from);
    put32(ip + 16, 0x0a090002 - (uint32_t)from);
    put16(ip + 10, sum(ip, 20, 0));
    memset(tcp, 0, 20);
    put16(tcp, from == 0 ? 5000 : 80);
    put16(tcp + 2, from == 0 ? 80 : 5000);
    put32(tcp + 4, g->seq);
    put32(tcp + 8, g->ack);
    tcp[12] = (uint8_t)((20 + opt) / 4 << 4);
    tcp[13] = g->flags;
    put16(tcp + 14, g->wnd);
    memset(tcp + 20 + opt, g->fill, g->len);
    pseudo = 0x0a09 + 1 + 0x0a09 + 2 + 6 + (uint32_t)len;
    put16(tcp + 16, sum(tcp, len, pseudo));
    w->len = 34 + len + (size_t)g->extra;
    memset(w->octets + 34 + len, 0, (size_t)g->extra);
    if (g->broken != 0)
        w->octets[g->broken] ^= 4;
}

static const char *judge(struct ladder *t, int from, struct seg g, bool arrives)
{
    struct wire w;
    struct sim_audit_frame frame;
    const char *wrong;

    build(&w, from, &g);
    frame = (struct sim_audit_frame){(uint32_t)from, w.octets, w.len, t->now, false};
    wrong = ft_sim_audit_sent(t->audit, &frame, &t->sight);
    frame.host = (uint32_t)(1 - from);
    if (wrong == NULL && arrives)
        (void)ft_sim_audit_arrived(t->audit, &frame, &t->sight);
    return wrong;
}

#define good(t, from, ...) assert_null(judge(t, from, (struct seg){__VA_ARGS__}, true))
#define lost(t, from, ...) assert_null(judge(t, from, (struct seg){__VA_ARGS__}, false))
#define bad(t, from, word, ...)                                                                    \
    do {                                                                                           \
        const char *wrong_ = judge(t, from, (struct seg){__VA_ARGS__}, true);                      \
        assert_non_null(wrong_);                                                                   \
        if (strstr(wrong_, word) == NULL)                                                          \
            fail_msg("the sentence is: %s", wrong_);                                               \
    } while (0)

static int begin(void **state)
{
    struct sim_audit_host hosts[2] = {{.mac = {2, 0, 0, 0, 0, 1}, .mtu = 1500, .n_addrs = 1},
                                      {.mac = {2, 0, 0, 0, 0, 2}, .mtu = 1500, .n_addrs = 1}};
    struct ladder *t = calloc(1, sizeof(*t));

    hosts[0].addrs[0].lo = UINT64_C(0xffff0a090001);
    hosts[1].addrs[0].lo = UINT64_C(0xffff0a090002);
    t->audit = ft_sim_audit_new(hosts, 2);
    *state = t;
    return 0;
}

static int end(void **state)
{
    struct ladder *t = *state;

    ft_sim_audit_free(t->audit);
    free(t);
    return 0;
}

static void handshake(struct ladder *t)
{
    good(t, 0, .flags = SYN, .seq = ISN_A, .wnd = 4000, .mss = 1460);
    good(t, 1, .flags = SYN | ACK, .seq = ISN_B, .ack = ISN_A + 1, .wnd = 4000, .mss = 1000);
    good(t, 0, .flags = ACK, .seq = ISN_A + 1, .ack = ISN_B + 1, .wnd = 4000);
}

static void handshake_ts(struct ladder *t)
{
    good(t, 0, .flags = SYN, .seq = ISN_A, .wnd = 4000, .mss = 1460, .ts = 100);
    good(t, 1, .flags = SYN | ACK, .seq = ISN_B, .ack = ISN_A + 1, .wnd = 4000, .mss = 1000,
         .ts = 500, .tsecr = 100);
    good(t, 0, .flags = ACK, .seq = ISN_A + 1, .ack = ISN_B + 1, .wnd = 4000, .ts = 101,
         .tsecr = 500);
}

#define A1 (ISN_A + 1)
#define B1 (ISN_B + 1)

static void a_plain_exchange_has_no_fault(void **state)
{
    struct ladder *t = *state;

    handshake(t);
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

    handshake(t);
    bad(t, 1, "was ever sent", .flags = ACK, .seq = B1, .ack = A1 + 1, .wnd = 4000);
}

static void an_ack_of_what_was_lost_is_seen(void **state)
{
    struct ladder *t = *state;

    handshake(t);
    lost(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 100, .wnd = 4000);
    good(t, 0, .flags = ACK, .seq = A1 + 100, .ack = B1, .len = 100, .wnd = 4000);
    bad(t, 1, "has reached it", .flags = ACK, .seq = B1, .ack = A1 + 200, .wnd = 4000);
}

static void an_ack_that_goes_back_is_seen(void **state)
{
    struct ladder *t = *state;

    handshake(t);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 100, .wnd = 4000);
    good(t, 1, .flags = ACK, .seq = B1, .ack = A1 + 100, .wnd = 4000);
    bad(t, 1, "took back its ACK", .flags = ACK, .seq = B1, .ack = A1 + 50, .wnd = 4000);
}

static void a_window_that_shrinks_is_seen(void **state)
{
    struct ladder *t = *state;

    handshake(t);
    bad(t, 1, "shrank its window", .flags = ACK, .seq = B1, .ack = A1, .wnd = 3999);
}

static void octets_beyond_the_window_are_seen(void **state)
{
    struct ladder *t = *state;

    handshake(t);
    for (uint32_t i = 0; i < 4; i++)
        good(t, 0, .flags = ACK, .seq = A1 + 1000 * i, .ack = B1, .len = 1000, .wnd = 4000);
    /* RFC 9293 3.8.6.1: one octet may probe. */
    good(t, 0, .flags = ACK, .seq = A1 + 4000, .ack = B1, .len = 1, .wnd = 4000);
    bad(t, 0, "the window it was given ends", .flags = ACK, .seq = A1 + 4001, .ack = B1, .len = 1,
        .wnd = 4000);
}

static void a_window_that_did_not_arrive_counts_for_nothing(void **state)
{
    struct ladder *t = *state;

    handshake(t);
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

    handshake(t);
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

    handshake(t);
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

    build(&w, 0, &quoted);
    memcpy(octets, (uint8_t[]){2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1, 1, 8, 0}, 14);
    memset(ip, 0, 28);
    ip[0] = 0x45;
    put16(ip + 2, 56);
    ip[8] = 64;
    ip[9] = 1;
    put32(ip + 12, 0x0a0900c8);
    put32(ip + 16, 0x0a090001);
    put16(ip + 10, sum(ip, 20, 0));
    ip[20] = 3;
    ip[21] = 4;
    put16(ip + 26, mtu);
    memcpy(ip + 28, w.octets + 14, 28);
    put16(ip + 22, sum(ip + 20, 36, 0));
    frame.octets = octets;
    assert_null(ft_sim_audit_arrived(t->audit, &frame, &t->sight));
}

static void a_packet_above_the_path_is_seen(void **state)
{
    struct ladder *t = *state;

    handshake(t);
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

    handshake(t);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 1000, .wnd = 4000);
    too_big(t, A1 + 1000, 700);
    too_big(t, A1, 500);
    good(t, 0, .flags = ACK, .seq = A1 + 1000, .ack = B1, .len = 1000, .wnd = 4000);
}

/* RFC 9293 3.10.7.4: what lies before RCV.NXT is not looked at, and nor is its ACK. */
static void an_ack_that_the_peer_will_not_look_at_is_seen(void **state)
{
    struct ladder *t = *state;

    handshake(t);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 100, .wnd = 4000);
    good(t, 0, .flags = ACK, .seq = A1 + 100, .ack = B1, .wnd = 4000);
    good(t, 0, .flags = ACK, .seq = A1 - 1, .ack = B1, .wnd = 4000); /* a probe */
    bad(t, 0, "at 51, but had sent up to 101", .flags = ACK, .seq = A1 + 50, .ack = B1,
        .wnd = 4000);
}

static void other_octets_the_second_time_are_seen(void **state)
{
    struct ladder *t = *state;

    handshake(t);
    lost(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 100, .wnd = 4000, .fill = 'a');
    bad(t, 0, "other octets", .flags = ACK, .seq = A1 + 99, .ack = B1, .len = 100, .wnd = 4000,
        .fill = 'b');
}

static void a_segment_above_the_mss_is_seen(void **state)
{
    struct ladder *t = *state;

    handshake(t);
    bad(t, 0, "to an MSS of 1000", .flags = ACK, .seq = A1, .ack = B1, .len = 1001, .wnd = 4000);
}

/* RFC 6691 2: the MSS counts octets and options together. */
static void options_count_against_the_mss(void **state)
{
    struct ladder *t = *state;

    handshake_ts(t);
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

    handshake(t);
    bad(t, 0, "had only sent up to", .flags = ACK, .seq = A1 + 10, .ack = B1, .len = 10,
        .wnd = 4000);
}

static void octets_after_the_fin_are_seen(void **state)
{
    struct ladder *t = *state;

    handshake(t);
    good(t, 0, .flags = ACK | FIN, .seq = A1, .ack = B1, .wnd = 4000);
    bad(t, 0, "after its FIN", .flags = ACK, .seq = A1 + 1, .ack = B1, .len = 5, .wnd = 4000);
}

static void a_fin_that_moves_is_seen(void **state)
{
    struct ladder *t = *state;

    handshake(t);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 50, .wnd = 4000);
    good(t, 0, .flags = ACK | FIN, .seq = A1 + 50, .ack = B1, .wnd = 4000);
    bad(t, 0, "moved its FIN", .flags = ACK | FIN, .seq = A1, .ack = B1, .len = 40, .wnd = 4000);
}

static void timestamps_that_go_back_are_seen(void **state)
{
    struct ladder *t = *state;

    handshake_ts(t);
    bad(t, 0, "timestamp 99 after 101", .flags = ACK, .seq = A1, .ack = B1, .wnd = 4000, .ts = 99,
        .tsecr = 500);
}

static void an_echo_of_no_timestamp_is_seen(void **state)
{
    struct ladder *t = *state;

    handshake_ts(t);
    bad(t, 0, "echoed timestamp 501", .flags = ACK, .seq = A1, .ack = B1, .wnd = 4000, .ts = 101,
        .tsecr = 501);
}

static void missing_timestamps_are_seen(void **state)
{
    struct ladder *t = *state;

    handshake_ts(t);
    bad(t, 0, "without the timestamps", .flags = ACK, .seq = A1, .ack = B1, .wnd = 4000);
}

static void a_sack_block_of_what_is_missing_is_seen(void **state)
{
    struct ladder *t = *state;

    handshake(t);
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

    handshake(t);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .wnd = 4000);
    good(t, 1, .flags = RST, .seq = B1);
}

static void a_reset_of_a_foreign_number_is_seen(void **state)
{
    struct ladder *t = *state;

    handshake(t);
    bad(t, 1, "not its own", .flags = RST, .seq = B1 + 5000);
}

/* RFC 4987 3.6. Found by seed 3134: a cookie's ACK came twice and made a second connection. */
static void a_cookie_that_came_again_may_be_reset(void **state)
{
    struct ladder *t = *state;

    handshake(t);
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

    handshake(t);
    lost(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 10, .wnd = 4000);
    good(t, 0, .flags = RST | ACK, .seq = A1 + 10, .ack = B1);
    bad(t, 0, "after it had reset", .flags = ACK, .seq = A1 + 10, .ack = B1, .wnd = 4000);
}

static void a_segment_after_the_peers_reset_is_seen(void **state)
{
    struct ladder *t = *state;

    handshake(t);
    good(t, 0, .flags = RST | ACK, .seq = A1, .ack = B1);
    bad(t, 1, "after the connection was reset", .flags = ACK, .seq = B1, .ack = A1, .wnd = 4000);
}

static void a_voice_from_the_grave_is_heard(void **state)
{
    struct ladder *t = *state;

    handshake(t);
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
    handshake(t);
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

    handshake(t);
    for (int i = 0; i < 8; i++)
        lost(t, 0, .flags = ACK, .seq = A1, .ack = B1, .wnd = 4000);
    bad(t, 0, "the same ACK", .flags = ACK, .seq = A1, .ack = B1, .wnd = 4000);
}

static void two_ends_that_answer_each_other_for_ever_are_heard(void **state)
{
    struct ladder *t = *state;
    const char *wrong = NULL;

    handshake(t);
    for (int i = 0; i < 1000 && wrong == NULL; i++) {
        struct seg a = {.flags = ACK, .seq = A1, .ack = B1, .wnd = 4000};
        struct seg b = {.flags = ACK, .seq = B1, .ack = A1, .wnd = 4000};

        wrong = judge(t, i % 2, i % 2 == 0 ? a : b, true);
    }
    assert_non_null(wrong);
    assert_non_null(strstr(wrong, "storm"));
}

static void a_second_connection_of_the_same_name_is_judged_afresh(void **state)
{
    struct ladder *t = *state;

    handshake(t);
    good(t, 0, .flags = RST | ACK, .seq = A1, .ack = B1);
    good(t, 0, .flags = SYN, .seq = ISN_A + 77777, .wnd = 4000, .mss = 1460);
    good(t, 1, .flags = SYN | ACK, .seq = ISN_B + 55555, .ack = ISN_A + 77778, .wnd = 4000,
         .mss = 1000);
    good(t, 0, .flags = ACK, .seq = ISN_A + 77778, .ack = ISN_B + 55556, .len = 10, .wnd = 4000);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_plain_exchange_has_no_fault),
        T(a_broken_checksum_is_seen),
        T(a_forged_link_address_is_seen),
        T(octets_after_the_packet_are_seen),
        T(contradictory_flags_are_seen),
        T(a_segment_without_a_syn_is_seen),
        T(an_ack_of_what_was_never_sent_is_seen),
        T(an_ack_of_what_was_lost_is_seen),
        T(an_ack_that_goes_back_is_seen),
        T(a_window_that_shrinks_is_seen),
        T(octets_beyond_the_window_are_seen),
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
        T(missing_timestamps_are_seen),
        T(a_sack_block_of_what_is_missing_is_seen),
        T(a_reset_that_answers_nothing_is_seen),
        T(a_reset_may_answer_an_ack),
        T(a_reset_of_a_foreign_number_is_seen),
        T(a_cookie_that_came_again_may_be_reset),
        T(a_reset_in_answer_to_a_reset_is_seen),
        T(a_segment_after_the_own_reset_is_seen),
        T(a_segment_after_the_peers_reset_is_seen),
        T(a_voice_from_the_grave_is_heard),
        T(an_ack_that_is_late_is_seen),
        T(an_ack_said_again_and_again_is_heard),
        T(two_ends_that_answer_each_other_for_ever_are_heard),
        T(a_second_connection_of_the_same_name_is_judged_afresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
