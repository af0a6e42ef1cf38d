/* SPDX-License-Identifier: MIT */
/*
 * Neighbour discovery: each condition of the validity list broken in turn, hostile options, and
 * the round trip.
 */
#include "octets.h"

#include <errno.h>

#include "wire/icmp6.h"
#include "wire/ip.h"
#include "wire/ndp.h"

#define BUF_MAX 512

static const struct ft_addr router = {UINT64_C(0xfe80) << 48, 1};
static const struct ft_addr us = {UINT64_C(0xfe80) << 48, 2};
static const struct ft_addr global = {UINT64_C(0xfd07) << 48, 2};
static const struct ft_addr group = {UINT64_C(0xff02) << 48, 1};
static const struct ft_addr any = {0, 0};

static const uint8_t types[] = {ICMP6_RS, ICMP6_RA, ICMP6_NS, ICMP6_NA, ICMP6_REDIRECT};
static const size_t fixed_lens[] = {8, 16, 24, 24, 40};

static struct ip6_hdr packet(void)
{
    return (struct ip6_hdr){
        .src = router, .dst = us, .hop_limit = 255, .next = IP_PROTO_ICMP6, .payload_len = 64};
}

/* A valid message of a type without options. */
static struct ndp_msg plain(uint8_t type)
{
    struct ndp_msg msg;

    memset(&msg, 0, sizeof(msg));
    msg.type = type;
    if (type != ICMP6_RS && type != ICMP6_RA)
        msg.target = us;
    if (type == ICMP6_REDIRECT)
        msg.dst = us;
    return msg;
}

static int parse(const struct ip6_hdr *ip, const uint8_t *buf, size_t len, struct ndp_msg *ret)
{
    uint8_t *copy = exact(buf, len);
    struct ndp_msg msg;
    int r = ndp_parse(ip, copy, len, &msg);

    if (r == 0 && msg.quote)
        msg.quote = buf + (msg.quote - copy);
    if (r == 0)
        *ret = msg;
    free(copy);
    return r;
}

/* What ndp_parse() says of a message that is sent in a packet. */
static int check(const struct ip6_hdr *ip, const struct ndp_msg *msg)
{
    uint8_t buf[BUF_MAX];
    size_t len = ndp_emit(buf, sizeof(buf), ip, msg);
    struct ndp_msg out;

    assert_true(len > 0);
    return parse(ip, buf, len, &out);
}

/* RFC 4861 6.1, 7.1, 8.1: hop limit, code and length. */
/* proves: A-05 */
static void hop_limit_code_and_length_count_for_every_type(void **state)
{
    (void)state;
    for (size_t t = 0; t < sizeof(types); t++) {
        struct ip6_hdr ip = packet();
        struct ndp_msg msg = plain(types[t]);
        struct ndp_msg out;
        uint8_t buf[BUF_MAX];
        size_t len = ndp_emit(buf, sizeof(buf), &ip, &msg);

        assert_int_equal(len, fixed_lens[t]);
        assert_int_equal(parse(&ip, buf, len, &out), 0);
        for (size_t cut = 0; cut < len; cut++)
            assert_int_equal(parse(&ip, buf, cut, &out), -EINVAL);
        for (unsigned code = 1; code < 256; code++) {
            buf[1] = (uint8_t)code;
            assert_int_equal(parse(&ip, buf, len, &out), -EINVAL);
        }
        buf[1] = 0;
        for (unsigned hops = 0; hops < 255; hops++) {
            ip.hop_limit = (uint8_t)hops;
            assert_int_equal(parse(&ip, buf, len, &out), -EINVAL);
        }
    }
}

/* proves: A-05 */
static void solicitations_and_advertisements_are_about_one_node(void **state)
{
    (void)state;
    for (size_t t = 2; t < 4; t++) {
        struct ip6_hdr ip = packet();
        struct ndp_msg msg = plain(types[t]);

        msg.target = group;
        assert_int_equal(check(&ip, &msg), -EINVAL);
        msg.target = addr_v4(0x0a070001);
        assert_int_equal(check(&ip, &msg), -EINVAL);
        msg.target = global;
        assert_int_equal(check(&ip, &msg), 0);
    }
}

/* RFC 4861 7.1.1. */
/* proves: A-05 */
static void a_solicitation_without_a_source_is_duplicate_detection(void **state)
{
    struct ip6_hdr ip = packet();
    struct ndp_msg msg = plain(ICMP6_NS);

    (void)state;
    ip.src = any;
    assert_int_equal(check(&ip, &msg), -EINVAL);
    ip.dst = addr_solicited_node(&us);
    assert_int_equal(check(&ip, &msg), 0);
    msg.has_sllao = true;
    assert_int_equal(check(&ip, &msg), -EINVAL);
    msg.has_sllao = false;
    msg.has_nonce = true;
    assert_int_equal(check(&ip, &msg), 0);
    msg = plain(ICMP6_RS);
    assert_int_equal(check(&ip, &msg), 0);
    msg.has_sllao = true;
    assert_int_equal(check(&ip, &msg), -EINVAL);
}

/* RFC 4861 7.1.2. */
/* proves: A-05 */
static void an_advertisement_to_a_group_is_not_solicited(void **state)
{
    struct ip6_hdr ip = packet();
    struct ndp_msg msg = plain(ICMP6_NA);

    (void)state;
    ip.dst = group;
    assert_int_equal(check(&ip, &msg), 0);
    msg.solicited = true;
    assert_int_equal(check(&ip, &msg), -EINVAL);
    ip.dst = us;
    assert_int_equal(check(&ip, &msg), 0);
}

/* RFC 4861 6.1.2, 8.1. */
/* proves: A-05 */
static void routers_speak_from_their_link_local_address(void **state)
{
    struct ip6_hdr ip = packet();
    struct ndp_msg ra = plain(ICMP6_RA);
    struct ndp_msg redirect = plain(ICMP6_REDIRECT);

    (void)state;
    ip.src = global;
    assert_int_equal(check(&ip, &ra), -EINVAL);
    assert_int_equal(check(&ip, &redirect), -EINVAL);
    ip.src = router;
    assert_int_equal(check(&ip, &ra), 0);
    assert_int_equal(check(&ip, &redirect), 0);
    redirect.dst = group;
    assert_int_equal(check(&ip, &redirect), -EINVAL);
    redirect.dst = global;
    assert_int_equal(check(&ip, &redirect), 0); /* to the router that is the target */
    redirect.target = (struct ft_addr){UINT64_C(0xfd07) << 48, 3};
    assert_int_equal(check(&ip, &redirect), -EINVAL);
}

/* proves: A-06 */
static void every_option_length_ends_inside_the_message_or_condemns_it(void **state)
{
    struct ip6_hdr ip = packet();
    uint64_t seed = 15;

    (void)state;
    for (size_t t = 0; t < sizeof(types); t++)
        for (unsigned opt = 0; opt < 256; opt++)
            for (unsigned opt_len = 0; opt_len < 256; opt_len++) {
                struct ndp_msg msg = plain(types[t]);
                size_t room = (size_t)(1 + rnd(&seed) % 80);
                uint8_t buf[BUF_MAX];
                size_t len = ndp_emit(buf, sizeof(buf), &ip, &msg);
                bool fits = opt_len > 0 && room >= 2 && opt_len * 8 <= room;
                int r;

                rnd_fill(&seed, buf + len, room);
                buf[len] = (uint8_t)opt;
                if (room > 1)
                    buf[len + 1] = (uint8_t)opt_len;
                r = parse(&ip, buf, len + room, &msg);
                if (!fits)
                    assert_int_equal(r, -EINVAL);
                if (fits && opt_len * 8 == room)
                    assert_int_equal(r, 0);
            }
}

/* An RA with one option of any octets. */
static int parse_ra_with(const uint8_t *opt, size_t opt_len, struct ndp_msg *ret)
{
    struct ip6_hdr ip = packet();
    struct ndp_msg msg = plain(ICMP6_RA);
    uint8_t buf[BUF_MAX];
    size_t len = ndp_emit(buf, sizeof(buf), &ip, &msg);

    memcpy(buf + len, opt, opt_len);
    return parse(&ip, buf, len + opt_len, ret);
}

/* proves: A-07 */
static void options_of_a_wrong_form_are_not_used(void **state)
{
    struct ndp_msg out;

    (void)state;
    for (unsigned n = 1; n <= 8; n++) {
        uint8_t opt[64] = {3, (uint8_t)n, 64, 0xc0};

        assert_int_equal(parse_ra_with(opt, 8 * (size_t)n, &out), 0);
        assert_int_equal(out.n_prefixes, n == 4);
        opt[0] = 5;
        assert_int_equal(parse_ra_with(opt, 8 * (size_t)n, &out), 0);
        assert_int_equal(out.has_mtu, n == 1);
        opt[0] = 1;
        assert_int_equal(parse_ra_with(opt, 8 * (size_t)n, &out), 0);
        assert_int_equal(out.has_sllao, n == 1);
        for (uint8_t skipped = 24; skipped <= 31; skipped++) {
            opt[0] = skipped; /* RDNSS is 25, DNSSL 31 */
            memset(opt + 2, 0xff, sizeof(opt) - 2);
            assert_int_equal(parse_ra_with(opt, 8 * (size_t)n, &out), 0);
            assert_false(out.n_prefixes || out.has_mtu || out.has_sllao || out.has_tllao);
        }
    }
    for (unsigned bits = 0; bits < 256; bits++) {
        uint8_t opt[32] = {3, 4, (uint8_t)bits, 0xc0};

        assert_int_equal(parse_ra_with(opt, sizeof(opt), &out), 0);
        assert_int_equal(out.n_prefixes, bits <= 128);
    }
}

static void prefixes_beyond_the_limit_are_ignored(void **state)
{
    uint8_t opts[32 * 12];
    struct ndp_msg out;

    (void)state;
    memset(opts, 0, sizeof(opts));
    for (size_t i = 0; i < 12; i++) {
        opts[32 * i] = 3;
        opts[32 * i + 1] = 4;
        opts[32 * i + 2] = 64;
        opts[32 * i + 16] = 0xfd;
        opts[32 * i + 17] = (uint8_t)i;
    }
    assert_int_equal(parse_ra_with(opts, sizeof(opts), &out), 0);
    assert_int_equal(out.n_prefixes, NDP_PREFIXES_MAX);
    for (size_t i = 0; i < NDP_PREFIXES_MAX; i++)
        assert_true(out.prefixes[i].prefix.hi >> 48 == (0xfd00 | i));
}

static void a_redirect_shows_the_packet_that_it_quotes(void **state)
{
    struct ip6_hdr ip = packet();
    struct ndp_msg msg = plain(ICMP6_REDIRECT);
    uint8_t buf[BUF_MAX] = {0};
    size_t len = ndp_emit(buf, sizeof(buf), &ip, &msg);

    (void)state;
    buf[len] = 4;
    buf[len + 1] = 7;
    assert_int_equal(parse(&ip, buf, len + 56, &msg), 0);
    assert_ptr_equal(msg.quote, buf + len + 8);
    assert_int_equal(msg.quote_len, 48);
}

static void random_prefix(uint64_t *seed, struct ndp_prefix *prefix)
{
    prefix->prefix = rnd_addr6(seed);
    prefix->valid_s = (uint32_t)rnd(seed);
    prefix->preferred_s = (uint32_t)rnd(seed);
    prefix->len = (uint8_t)(rnd(seed) % 129);
    prefix->on_link = rnd(seed) % 2 != 0;
    prefix->autonomous = rnd(seed) % 2 != 0;
}

static void random_msg(uint64_t *seed, struct ndp_msg *msg)
{
    uint64_t bits = rnd(seed);
    bool has_target_lla;

    *msg = plain(types[rnd(seed) % 5]);
    has_target_lla = msg->type == ICMP6_NA || msg->type == ICMP6_REDIRECT;
    if (msg->type == ICMP6_NA) {
        msg->router = (bits & 1) != 0;
        msg->solicited = (bits & 2) != 0;
        msg->override = (bits & 4) != 0;
    }
    msg->has_sllao = (bits & 8) != 0 && !has_target_lla;
    if (msg->has_sllao)
        rnd_fill(seed, msg->sllao, 6);
    msg->has_tllao = (bits & 16) != 0 && has_target_lla;
    if (msg->has_tllao)
        rnd_fill(seed, msg->tllao, 6);
    msg->has_nonce = (bits & 32) != 0 && msg->type == ICMP6_NS;
    if (msg->has_nonce)
        rnd_fill(seed, msg->nonce, 6);
    if (msg->type != ICMP6_RA)
        return;
    msg->cur_hop_limit = (uint8_t)rnd(seed);
    msg->managed = (bits & 64) != 0;
    msg->other = (bits & 128) != 0;
    msg->lifetime_s = (uint16_t)rnd(seed);
    msg->reachable_ms = (uint32_t)rnd(seed);
    msg->retrans_ms = (uint32_t)rnd(seed);
    msg->has_mtu = (bits & 256) != 0;
    msg->mtu = msg->has_mtu ? (uint32_t)rnd(seed) : 0;
    msg->n_prefixes = (uint8_t)(rnd(seed) % (NDP_PREFIXES_MAX + 1));
    for (uint8_t i = 0; i < msg->n_prefixes; i++)
        random_prefix(seed, &msg->prefixes[i]);
}

/* Padding octets of structs differ, so equality is that of a second emission. */
static void what_is_emitted_is_parsed(void **state)
{
    uint64_t seed = 16;

    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        struct ip6_hdr ip = packet();
        struct ndp_msg in;
        struct ndp_msg out;
        struct icmp_msg icmp;
        uint8_t a[NDP_MSG_LEN_MAX];
        uint8_t b[NDP_MSG_LEN_MAX];
        size_t len;

        random_msg(&seed, &in);
        memset(a, 0xa5, sizeof(a));
        memset(b, 0x5a, sizeof(b));
        len = ndp_emit(a, sizeof(a), &ip, &in);
        assert_true(len > 0);
        assert_int_equal(icmp6_parse(&ip.src, &ip.dst, a, len, &icmp), 0);
        assert_int_equal(parse(&ip, a, len, &out), 0);
        assert_int_equal(out.type, in.type);
        assert_int_equal(out.n_prefixes, in.n_prefixes);
        assert_int_equal(out.has_sllao, in.has_sllao);
        assert_int_equal(out.has_tllao, in.has_tllao);
        assert_int_equal(ndp_emit(b, len, &ip, &out), len);
        assert_all_written(a, b, len);
        assert_int_equal(ndp_emit(b, len - 1, &ip, &out), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hop_limit_code_and_length_count_for_every_type),
        cmocka_unit_test(solicitations_and_advertisements_are_about_one_node),
        cmocka_unit_test(a_solicitation_without_a_source_is_duplicate_detection),
        cmocka_unit_test(an_advertisement_to_a_group_is_not_solicited),
        cmocka_unit_test(routers_speak_from_their_link_local_address),
        cmocka_unit_test(every_option_length_ends_inside_the_message_or_condemns_it),
        cmocka_unit_test(options_of_a_wrong_form_are_not_used),
        cmocka_unit_test(prefixes_beyond_the_limit_are_ignored),
        cmocka_unit_test(a_redirect_shows_the_packet_that_it_quotes),
        cmocka_unit_test(what_is_emitted_is_parsed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
