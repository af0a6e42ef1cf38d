/* SPDX-License-Identifier: MIT */
/*
 * The TCP header: layout of options, hostile options, and the round trip.
 */
#include "octets.h"

#include <errno.h>

#include "wire/csum.h"
#include "wire/tcp.h"

/* A header of 20 octets and the given options, padded with END. */
static size_t header(uint8_t buf[TCP_HDR_LEN_MAX], const uint8_t *opts, size_t len)
{
    size_t hdr_len = TCP_HDR_LEN + ((len + 3) & ~(size_t)3);

    memset(buf, 0, TCP_HDR_LEN_MAX);
    buf[12] = (uint8_t)(hdr_len / 4 << 4);
    if (len > 0)
        memcpy(buf + TCP_HDR_LEN, opts, len);
    return hdr_len;
}

static int parse_options_of(const uint8_t *opts, size_t len, struct ft_tcp_seg *ret)
{
    uint8_t buf[TCP_HDR_LEN_MAX];
    size_t hdr_len = header(buf, opts, len);
    uint8_t *copy = exact(buf, hdr_len);
    int r = tcp_parse(copy, hdr_len, ret);

    free(copy);
    return r;
}

static void a_header_is_read_field_by_field(void **state)
{
    static const uint8_t octets[] = {0x1f, 0x90, 0x00, 0x50, 0x01, 0x02, 0x03, 0x04,
                                     0x05, 0x06, 0x07, 0x08, 0x51, 0x55, 0xab, 0xcd,
                                     0x00, 0x00, 0x00, 0x07, 'h',  'i'};
    struct ft_tcp_seg seg;

    (void)state;
    assert_int_equal(tcp_parse(octets, sizeof(octets), &seg), 0);
    assert_int_equal(seg.src_port, 8080);
    assert_int_equal(seg.dst_port, 80);
    assert_int_equal(seg.seq.v, 0x01020304);
    assert_int_equal(seg.ack.v, 0x05060708);
    assert_int_equal(seg.flags, SEG_AE | SEG_FIN | SEG_RST | SEG_ACK | SEG_ECE);
    assert_int_equal(seg.wnd, 0xabcd);
    assert_int_equal(seg.urg, 7);
    assert_int_equal(seg.hdr_len, 20);
    assert_int_equal(seg.len, 2);
    assert_false(seg.bad_options);
}

/* proves: A-57 */
static void the_data_offset_is_checked_against_every_length(void **state)
{
    (void)state;
    for (unsigned doff = 0; doff < 16; doff++) {
        for (size_t len = 0; len <= 80; len++) {
            uint8_t octets[80] = {0};
            struct ft_tcp_seg seg;
            bool good = len >= 20 && doff >= 5 && doff * 4 <= len;
            uint8_t *copy;

            octets[12] = (uint8_t)(doff << 4);
            copy = exact(octets, len);
            assert_int_equal(tcp_parse(copy, len, &seg), good ? 0 : -EINVAL);
            if (good)
                assert_int_equal(seg.len, len - doff * 4);
            free(copy);
        }
    }
}

/* proves: A-58 A-62 MUST-7 */
static void every_kind_and_length_ends_inside_the_header(void **state)
{
    uint64_t seed = 7;

    (void)state;
    for (unsigned kind = 0; kind < 256; kind++) {
        for (unsigned len = 0; len <= 42; len++) {
            for (size_t room = 1; room <= 40; room++) {
                uint8_t opts[40];
                struct ft_tcp_seg seg;

                rnd_fill(&seed, opts, sizeof(opts));
                opts[0] = (uint8_t)kind;
                opts[1] = (uint8_t)len;
                assert_int_equal(parse_options_of(opts, room, &seg), 0);
                assert_true(seg.n_sack <= TCP_SACKS_MAX);
                assert_true(seg.tfo_len <= TCP_COOKIE_LEN_MAX);
            }
        }
    }
}

/* proves: A-58 A-62 */
static void a_length_below_two_ends_the_walk_and_keeps_what_came_before(void **state)
{
    (void)state;
    for (uint8_t len = 0; len < 2; len++) {
        const uint8_t opts[] = {2, 4, 5, 0xb4, 0xff, len, 3, 3, 7, 1, 1, 1};
        struct ft_tcp_seg seg;

        assert_int_equal(parse_options_of(opts, sizeof(opts), &seg), 0);
        assert_true(seg.bad_options);
        assert_true(seg.has_mss);
        assert_int_equal(seg.mss, 1460);
        assert_false(seg.has_wscale);
    }
}

struct length_case {
    uint8_t kind;
    uint64_t good; /* bit n: an option of n octets is right */
};

static bool is_taken(const struct ft_tcp_seg *seg)
{
    return seg->has_mss || seg->has_wscale || seg->sack_ok || seg->n_sack > 0 || seg->has_ts ||
           seg->has_tfo;
}

/* proves: A-58 */
static void a_known_kind_counts_with_its_exact_length_only(void **state)
{
    static const struct length_case cases[] = {
        {2, UINT64_C(1) << 4},
        {3, UINT64_C(1) << 3},
        {4, UINT64_C(1) << 2},
        {5, UINT64_C(1) << 10 | UINT64_C(1) << 18 | UINT64_C(1) << 26 | UINT64_C(1) << 34},
        {8, UINT64_C(1) << 10},
        {34, UINT64_C(1) << 2 | UINT64_C(0x15540) | UINT64_C(1) << 18},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (uint8_t len = 2; len <= 40; len++) {
            uint8_t opts[40] = {0};
            struct ft_tcp_seg seg;
            bool good = (cases[i].good >> len & 1) != 0;

            opts[0] = cases[i].kind;
            opts[1] = len;
            assert_int_equal(parse_options_of(opts, sizeof(opts), &seg), 0);
            assert_int_equal(is_taken(&seg), good);
            assert_int_equal(seg.bad_options, !good);
        }
    }
}

/* proves: MUST-6 */
static void unknown_kinds_are_skipped_by_their_length(void **state)
{
    (void)state;
    for (uint8_t kind = 19; kind <= 30; kind++) {
        for (uint8_t len = 2; len <= 37; len++) {
            uint8_t opts[40] = {0};
            struct ft_tcp_seg seg;

            memset(opts, 0xff, sizeof(opts));
            opts[0] = kind;
            opts[1] = len;
            opts[len] = 3;
            opts[len + 1] = 3;
            opts[len + 2] = 9;
            memset(opts + len + 3, 0, sizeof(opts) - len - 3);
            assert_int_equal(parse_options_of(opts, sizeof(opts), &seg), 0);
            assert_false(seg.bad_options);
            assert_true(seg.has_wscale);
            assert_int_equal(seg.wscale, 9);
        }
    }
}

/* proves: MUST-4 MUST-64 */
static void options_may_begin_at_any_octet(void **state)
{
    (void)state;
    for (size_t n_nops = 0; n_nops < 4; n_nops++) {
        uint8_t opts[20] = {1, 1, 1, 1};
        struct ft_tcp_seg seg;

        opts[n_nops] = 2;
        opts[n_nops + 1] = 4;
        opts[n_nops + 2] = 0x02;
        opts[n_nops + 3] = 0x18;
        opts[n_nops + 4] = 8;
        opts[n_nops + 5] = 10;
        be32_store(opts + n_nops + 6, 0xdeadbeef);
        be32_store(opts + n_nops + 10, 0x01020304);
        assert_int_equal(parse_options_of(opts, sizeof(opts), &seg), 0);
        assert_int_equal(seg.mss, 536);
        assert_true(seg.has_ts);
        assert_int_equal(seg.tsval, 0xdeadbeef);
        assert_int_equal(seg.tsecr, 0x01020304);
        assert_false(seg.bad_options);
    }
}

static void nothing_counts_behind_the_end_of_the_list(void **state)
{
    const uint8_t opts[] = {1, 0, 2, 4, 5, 0xb4, 0xff, 0};
    struct ft_tcp_seg seg;

    (void)state;
    assert_int_equal(parse_options_of(opts, sizeof(opts), &seg), 0);
    assert_false(seg.has_mss);
    assert_false(seg.bad_options);
}

/* The fast path and the walk read the same octets alike. */
static void aligned_timestamps_read_as_any_others(void **state)
{
    static const uint8_t aligned[] = {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8};
    static const uint8_t shifted[] = {8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1};
    struct ft_tcp_seg a;
    struct ft_tcp_seg b;

    (void)state;
    assert_int_equal(parse_options_of(aligned, sizeof(aligned), &a), 0);
    assert_int_equal(parse_options_of(shifted, sizeof(shifted), &b), 0);
    assert_true(a.has_ts && b.has_ts && !a.bad_options && !b.bad_options);
    assert_int_equal(a.tsval, 0x01020304);
    assert_int_equal(a.tsval, b.tsval);
    assert_int_equal(a.tsecr, 0x05060708);
    assert_int_equal(a.tsecr, b.tsecr);
}

static void a_syn_has_the_layout_that_peers_know_from_linux(void **state)
{
    static const uint8_t with_ts[] = {2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0,
                                      0, 9, 0,    0,    0, 0, 1, 3,  3, 7};
    static const uint8_t without[] = {2, 4, 0x05, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7};
    struct ft_tcp_seg seg = {.flags = SEG_SYN,
                             .has_mss = true,
                             .mss = 1460,
                             .sack_ok = true,
                             .has_ts = true,
                             .tsval = 9,
                             .has_wscale = true,
                             .wscale = 7};
    uint8_t buf[TCP_HDR_LEN_MAX];

    (void)state;
    assert_int_equal(tcp_emit(buf, sizeof(buf), &seg), 40);
    assert_memory_equal(buf + 20, with_ts, sizeof(with_ts));
    seg.has_ts = false;
    assert_int_equal(tcp_emit(buf, sizeof(buf), &seg), 32);
    assert_memory_equal(buf + 20, without, sizeof(without));
}

static void sack_blocks_are_cut_to_what_fits(void **state)
{
    struct ft_tcp_seg seg = {.flags = SEG_ACK, .n_sack = 4};
    struct ft_tcp_seg out;
    uint8_t buf[TCP_HDR_LEN_MAX];

    (void)state;
    assert_int_equal(tcp_sacks_fit(&seg), 4);
    assert_int_equal(tcp_hdr_len(&seg), 56);
    seg.has_ts = true;
    assert_int_equal(tcp_sacks_fit(&seg), 3);
    assert_int_equal(tcp_hdr_len(&seg), 60);
    assert_int_equal(tcp_emit(buf, 59, &seg), 0);
    assert_int_equal(tcp_emit(buf, 60, &seg), 60);
    assert_int_equal(tcp_parse(buf, 60, &out), 0);
    assert_int_equal(out.n_sack, 3);
    assert_true(out.has_ts);
}

/* RFC 9768 3.2.3: two kinds of up to three fields; of another length whole fields count. */
static void an_accecn_option_is_read_as_far_as_whole_fields_go(void **state)
{
    uint8_t buf[TCP_HDR_LEN_MAX] = {[12] = 0x80}; /* twelve octets of options */
    struct ft_tcp_seg seg;

    (void)state;
    for (uint8_t len = 2; len <= 12; len++) {
        const uint8_t option[12] = {len % 2 ? 172 : 174, len, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

        memcpy(buf + TCP_HDR_LEN, option, len);
        memset(buf + TCP_HDR_LEN + len, 1, 12u - len);
        assert_int_equal(tcp_parse(buf, 32, &seg), 0);
        assert_false(seg.bad_options);
        assert_int_equal(seg.accecn, len % 2 ? 1 : 2);
        assert_int_equal(seg.n_accecn, (len - 2) / 3);
        for (uint8_t i = 0; i < seg.n_accecn; i++)
            assert_int_equal(seg.accecn_field[i], 0x010203 + 0x030303 * i);
    }
}

static void random_segment(uint64_t *seed, struct ft_tcp_seg *seg)
{
    uint64_t bits = rnd(seed);

    memset(seg, 0, sizeof(*seg));
    seg->src_port = (uint16_t)rnd(seed);
    seg->dst_port = (uint16_t)rnd(seed);
    seg->seq.v = (uint32_t)rnd(seed);
    seg->ack.v = (uint32_t)rnd(seed);
    seg->wnd = (uint16_t)rnd(seed);
    seg->urg = (uint16_t)rnd(seed);
    seg->flags = (uint16_t)rnd(seed) & 0x1ff;
    seg->has_mss = (bits & 1) != 0;
    seg->mss = seg->has_mss ? (uint16_t)rnd(seed) : 0;
    seg->has_wscale = (bits & 2) != 0;
    seg->wscale = seg->has_wscale ? (uint8_t)rnd(seed) : 0;
    seg->sack_ok = (bits & 4) != 0;
    seg->has_ts = (bits & 8) != 0;
    seg->tsval = seg->has_ts ? (uint32_t)rnd(seed) : 0;
    seg->tsecr = seg->has_ts ? (uint32_t)rnd(seed) : 0;
    seg->n_sack = (bits & 16) != 0 ? (uint8_t)(rnd(seed) % 5) : 0;
    seg->n_sack = tcp_sacks_fit(seg);
    for (uint8_t i = 0; i < seg->n_sack; i++) {
        seg->sack[i].lo.v = (uint32_t)rnd(seed);
        seg->sack[i].hi.v = (uint32_t)rnd(seed);
    }
    seg->has_tfo = (bits & 32) != 0 && seg->n_sack == 0;
    seg->tfo_len = seg->has_tfo && (bits & 64) != 0 ? (uint8_t)(4 + rnd(seed) % 7 * 2) : 0;
    rnd_fill(seed, seg->tfo, seg->tfo_len);
    if ((bits & 128) != 0 && seg->n_sack == 0 && !seg->has_tfo) {
        seg->accecn = (uint8_t)(1 + rnd(seed) % 2);
        seg->n_accecn = (uint8_t)(rnd(seed) % 4);
    }
    for (uint8_t i = 0; i < seg->n_accecn; i++)
        seg->accecn_field[i] = (uint32_t)rnd(seed) & 0xffffff;
    seg->hdr_len = (uint8_t)tcp_hdr_len(seg);
}

static void what_is_emitted_is_parsed(void **state)
{
    uint64_t seed = 8;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        struct ft_tcp_seg in;
        struct ft_tcp_seg out;
        uint8_t a[TCP_HDR_LEN_MAX];
        uint8_t b[TCP_HDR_LEN_MAX];
        size_t len;

        random_segment(&seed, &in);
        memset(a, 0xa5, sizeof(a));
        memset(b, 0x5a, sizeof(b));
        len = tcp_emit(a, sizeof(a), &in);
        assert_int_equal(len, in.hdr_len);
        assert_int_equal(len % 4, 0);
        assert_int_equal(tcp_emit(b, len, &in), len);
        assert_all_written(a, b, len);
        assert_int_equal(tcp_emit(b, len - 1, &in), 0);
        memset(&out, 0, sizeof(out));
        assert_int_equal(tcp_parse(a, len, &out), 0);
        assert_memory_equal(&in, &out, sizeof(in));
    }
}

static void a_segment_with_its_checksum_is_ok_and_a_damaged_one_is_not(void **state)
{
    struct ft_addr src = {UINT64_C(0xfd07) << 48, 1};
    struct ft_addr dst = {UINT64_C(0xfd07) << 48, 2};
    struct ft_tcp_seg seg = {.flags = SEG_ACK, .has_ts = true};
    uint8_t buf[64] = {0};
    size_t len = tcp_emit(buf, sizeof(buf), &seg) + 5;

    (void)state;
    be16_store(buf + TCP_CSUM_AT, csum_l4(&src, &dst, 6, buf, len));
    assert_true(csum_l4_good(&src, &dst, 6, buf, len));
    buf[len - 1] ^= 1;
    assert_false(csum_l4_good(&src, &dst, 6, buf, len));
}

/* RFC 2385 3.0, RFC 5925 2.2: a signature comes first, zero; what is malformed, or comes twice, is
   none. */
static void a_signature_has_its_place(void **state)
{
    struct ft_tcp_seg seg = {.n_sig = 1,
                             .sig = TCP_SIG_MD5,
                             .sig_len = 16,
                             .has_mss = true,
                             .mss = 1460,
                             .has_ts = true,
                             .sack_ok = true,
                             .has_wscale = true};
    struct ft_tcp_seg back;
    uint8_t buf[64], twice[32] = {29, 16, 7, 9, [16] = 29, 16};

    (void)state;
    memset(buf, 0xff, sizeof(buf));
    assert_int_equal(tcp_emit(buf, sizeof(buf), &seg), 60);
    assert_int_equal(tcp_parse(buf, 60, &back), 0);
    assert_int_equal(back.n_sig, 1);
    assert_int_equal(back.sig, TCP_SIG_MD5);
    assert_int_equal(back.sig_at, TCP_SIG_AT);
    assert_int_equal(back.sig_len, 16);
    assert_true(back.has_mss && back.has_ts && back.has_wscale && back.sack_ok);
    seg = (struct ft_tcp_seg){.n_sig = 1,
                              .sig = TCP_SIG_AO,
                              .sig_len = 13,
                              .key_id = 7,
                              .rnext_id = 9,
                              .n_sack = 4,
                              .has_ts = true};
    assert_int_equal(tcp_sacks_fit(&seg), 0);
    seg.has_ts = false;
    assert_int_equal(tcp_sacks_fit(&seg), 2);
    assert_int_equal(tcp_emit(buf, sizeof(buf), &seg), tcp_hdr_len(&seg));
    assert_int_equal(tcp_parse(buf, 60, &back), 0);
    assert_int_equal(back.sig, TCP_SIG_AO);
    assert_int_equal(back.sig_len, 13);
    assert_int_equal(back.key_id, 7);
    assert_int_equal(back.rnext_id, 9);
    assert_int_equal(back.n_sack, 2);
    for (unsigned i = 0; i < 13; i++)
        assert_int_equal(buf[TCP_SIG_AT + i], 0);
    assert_int_equal(parse_options_of(twice, sizeof(twice), &back), 0);
    assert_int_equal(back.n_sig, UINT8_MAX);
    twice[1] = 3;
    assert_int_equal(parse_options_of(twice, 16, &back), 0);
    assert_int_equal(back.n_sig, UINT8_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_is_read_field_by_field),
        cmocka_unit_test(the_data_offset_is_checked_against_every_length),
        cmocka_unit_test(every_kind_and_length_ends_inside_the_header),
        cmocka_unit_test(a_length_below_two_ends_the_walk_and_keeps_what_came_before),
        cmocka_unit_test(a_known_kind_counts_with_its_exact_length_only),
        cmocka_unit_test(unknown_kinds_are_skipped_by_their_length),
        cmocka_unit_test(options_may_begin_at_any_octet),
        cmocka_unit_test(nothing_counts_behind_the_end_of_the_list),
        cmocka_unit_test(aligned_timestamps_read_as_any_others),
        cmocka_unit_test(a_syn_has_the_layout_that_peers_know_from_linux),
        cmocka_unit_test(sack_blocks_are_cut_to_what_fits),
        cmocka_unit_test(an_accecn_option_is_read_as_far_as_whole_fields_go),
        cmocka_unit_test(what_is_emitted_is_parsed),
        cmocka_unit_test(a_signature_has_its_place),
        cmocka_unit_test(a_segment_with_its_checksum_is_ok_and_a_damaged_one_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
