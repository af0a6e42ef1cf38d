/* SPDX-License-Identifier: MIT */
/*
 * The IPv6 header and the walk over extension headers: limits, action bits, fragments.
 */
#include "octets.h"

#include <errno.h>

#include "wire/ip.h"
#include "wire/ip6.h"

#define PKT_MAX 4096

/* A packet that is put together header by header. */
struct pkt {
    uint8_t buf[PKT_MAX];
    size_t len;
    size_t next_at; /* where the next header's number goes */
};

static const struct ft_addr us = {UINT64_C(0xfd07) << 48, 1};
static const struct ft_addr peer = {UINT64_C(0xfd07) << 48, 2};
static const struct ft_addr group = {UINT64_C(0xff02) << 48, 1};

static void begin(struct pkt *p, const struct ft_addr *src, const struct ft_addr *dst)
{
    struct ip6_hdr hdr = {.src = *src, .dst = *dst, .hop_limit = 64, .next = IP_PROTO_NONE};

    memset(p, 0, sizeof(*p));
    p->len = ip6_emit(p->buf, PKT_MAX, &hdr);
    p->next_at = 6;
}

/* A header of any number of octets; those shorter than 8 and the length field are the test's. */
static uint8_t *add(struct pkt *p, uint8_t proto, size_t len)
{
    uint8_t *at = p->buf + p->len;

    assert_true(p->len + len <= PKT_MAX);
    p->buf[p->next_at] = proto;
    p->next_at = p->len;
    p->len += len;
    if (len > 0)
        at[0] = IP_PROTO_NONE;
    if (len >= 8)
        at[1] = (uint8_t)(len / 8 - 1);
    return at;
}

/* Destination or hop-by-hop options; `opts` is not padded. */
static void add_options(struct pkt *p, uint8_t proto, const uint8_t *opts, size_t len)
{
    uint8_t *at = add(p, proto, (len + 2 + 7) & ~(size_t)7);

    memcpy(at + 2, opts, len);
}

static void add_fragment(struct pkt *p, uint16_t off, bool more)
{
    struct ip6_frag frag = {.id = 0x01020304, .off = off, .more = more, .next = IP_PROTO_NONE};
    uint8_t *at = add(p, IP_PROTO_FRAGMENT, 8);

    assert_int_equal(ip6_frag_emit(at, 8, &frag), 8);
}

static enum ip6_why walk(struct pkt *p, struct ip6_chain *ret)
{
    struct ip6_hdr hdr;
    uint8_t *copy;

    be16_store(p->buf + 4, (uint16_t)(p->len - IP6_HDR_LEN));
    copy = exact(p->buf, p->len);
    assert_int_equal(ip6_parse(copy, p->len, &hdr), 0);
    (void)ip6_walk(copy, p->len, &hdr, ret);
    free(copy);
    return ret->why;
}

static void a_header_goes_round(void **state)
{
    uint64_t seed = 12;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        struct ip6_hdr in = {.src = rnd_addr6(&seed),
                             .dst = rnd_addr6(&seed),
                             .flow = (uint32_t)rnd(&seed) & 0xfffff,
                             .payload_len = (uint16_t)rnd(&seed),
                             .tclass = (uint8_t)rnd(&seed),
                             .next = (uint8_t)rnd(&seed),
                             .hop_limit = (uint8_t)rnd(&seed)};
        struct ip6_hdr out;
        uint8_t buf[IP6_HDR_LEN];

        assert_int_equal(ip6_emit(buf, sizeof(buf), &in), IP6_HDR_LEN);
        assert_int_equal(ip6_parse_split(buf, sizeof(buf), 40 + (size_t)in.payload_len, &out), 0);
        assert_true(addr_eq(&in.src, &out.src) && addr_eq(&in.dst, &out.dst));
        assert_int_equal(in.flow, out.flow);
        assert_int_equal(in.payload_len, out.payload_len);
        assert_int_equal(in.tclass, out.tclass);
        assert_int_equal(in.next, out.next);
        assert_int_equal(in.hop_limit, out.hop_limit);
    }
    assert_int_equal(ip6_emit(NULL, IP6_HDR_LEN - 1, &(struct ip6_hdr){0}), 0);
}

/* proves: A-34 */
static void a_payload_longer_than_the_frame_is_refused(void **state)
{
    (void)state;
    for (size_t len = 0; len <= 1500; len += len < 80 ? 1 : 71) {
        for (uint32_t payload = 0; payload <= 65535; payload += payload < 100 ? 1 : 97) {
            uint8_t buf[1500] = {0x60};
            struct ip6_hdr hdr;
            uint8_t *copy;

            be16_store(buf + 4, (uint16_t)payload);
            copy = exact(buf, len);
            assert_int_equal(ip6_parse(copy, len, &hdr), len >= 40 + payload ? 0 : -EINVAL);
            free(copy);
        }
    }
}

/* Inside the stack a mapped address means IPv4, so one from the wire would change family. */
static void mapped_addresses_on_the_wire_are_refused(void **state)
{
    struct ft_addr mapped = addr_v4(0x7f000001);
    struct ip6_hdr hdr;
    struct pkt p;

    (void)state;
    begin(&p, &mapped, &us);
    assert_int_equal(ip6_parse(p.buf, p.len, &hdr), -EINVAL);
    begin(&p, &peer, &mapped);
    assert_int_equal(ip6_parse(p.buf, p.len, &hdr), -EINVAL);
}

static void a_chain_leads_to_the_upper_layer(void **state)
{
    static const uint8_t alert[] = {5, 2, 0, 0, 1, 0};
    static const uint8_t padding[] = {1, 4, 0, 0, 0, 0};
    struct ip6_chain chain;
    struct pkt p;

    (void)state;
    begin(&p, &peer, &us);
    add_options(&p, IP_PROTO_HOPOPTS, alert, sizeof(alert));
    add_options(&p, IP_PROTO_DSTOPTS, padding, sizeof(padding));
    (void)add(&p, IP_PROTO_ROUTING, 24);
    (void)add(&p, IP_PROTO_UDP, 12);
    assert_int_equal(walk(&p, &chain), IP6_OK);
    assert_int_equal(chain.proto, IP_PROTO_UDP);
    assert_int_equal(chain.off, 40 + 8 + 8 + 24);
    assert_int_equal(chain.len, 12);
    assert_int_equal(chain.next_at, 40 + 8 + 8);
    assert_true(chain.router_alert);
    assert_false(chain.has_frag);
}

/* proves: A-33 */
static void every_header_and_option_length_ends_inside_the_packet(void **state)
{
    static const uint8_t protos[] = {IP_PROTO_HOPOPTS, IP_PROTO_DSTOPTS, IP_PROTO_ROUTING,
                                     IP_PROTO_FRAGMENT};
    uint64_t seed = 13;

    (void)state;
    for (size_t k = 0; k < sizeof(protos); k++)
        for (unsigned hdr_len = 0; hdr_len < 256; hdr_len++)
            for (unsigned opt_len = 0; opt_len < 256; opt_len++) {
                struct ip6_chain chain;
                struct pkt p;
                uint8_t *at;

                begin(&p, &peer, &us);
                at = add(&p, protos[k], 8 * (size_t)(1 + rnd(&seed) % 20));
                at[0] = protos[rnd(&seed) % 4];
                at[1] = (uint8_t)hdr_len;
                at[2] = (uint8_t)rnd(&seed);
                at[3] = (uint8_t)opt_len;
                (void)walk(&p, &chain);
                if (chain.why == IP6_OK)
                    assert_true(chain.off + chain.len == p.len);
            }
}

/* proves: A-33 */
static void an_option_past_its_header_is_refused(void **state)
{
    (void)state;
    for (unsigned opt_len = 0; opt_len < 256; opt_len++) {
        const uint8_t opts[] = {0x1e, (uint8_t)opt_len, 0, 0, 0, 0};
        struct ip6_chain chain;
        struct pkt p;

        begin(&p, &peer, &us);
        add_options(&p, IP_PROTO_DSTOPTS, opts, sizeof(opts));
        assert_int_equal(walk(&p, &chain), opt_len <= 4 ? IP6_OK : IP6_BAD_OPTION);
        assert_false(chain.send);
    }
}

/* proves: A-34 */
static void a_chain_cut_anywhere_is_dropped_in_silence(void **state)
{
    static const uint8_t padding[] = {1, 4, 0, 0, 0, 0};
    static const uint8_t orders[][3] = {{IP_PROTO_HOPOPTS, IP_PROTO_DSTOPTS, IP_PROTO_ROUTING},
                                        {IP_PROTO_DSTOPTS, IP_PROTO_ROUTING, IP_PROTO_DSTOPTS},
                                        {IP_PROTO_ROUTING, IP_PROTO_DSTOPTS, IP_PROTO_DSTOPTS}};

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        struct pkt whole;

        begin(&whole, &peer, &us);
        for (size_t i = 0; i < 3; i++) {
            if (orders[k][i] == IP_PROTO_ROUTING)
                (void)add(&whole, IP_PROTO_ROUTING, 8);
            else
                add_options(&whole, orders[k][i], padding, sizeof(padding));
        }
        for (size_t len = IP6_HDR_LEN; len < whole.len; len++) {
            struct pkt p = whole;
            struct ip6_chain chain;

            p.len = len;
            assert_int_equal(walk(&p, &chain), IP6_TRUNCATED);
            assert_false(chain.send);
        }
    }
}

/* proves: A-35 */
static void a_packet_full_of_headers_ends_at_the_limit(void **state)
{
    static const uint8_t padding[] = {1, 4, 0, 0, 0, 0};

    (void)state;
    for (unsigned n = 0; n <= 182; n++) {
        struct ip6_chain chain;
        struct pkt p;

        begin(&p, &peer, &us);
        for (unsigned i = 0; i < n; i++)
            add_options(&p, IP_PROTO_DSTOPTS, padding, sizeof(padding));
        assert_int_equal(walk(&p, &chain), n <= IP6_EXT_HDRS_MAX ? IP6_OK : IP6_TOO_MANY);
        assert_false(chain.send);
    }
}

/* proves: A-35 */
static void options_and_padding_have_limits(void **state)
{
    struct ip6_chain chain;
    struct pkt p;

    (void)state;
    for (size_t n = 1; n <= 30; n++) {
        uint8_t opts[254] = {0};

        for (size_t i = 0; i < n; i++)
            be16_store(opts + 2 * i, 0x1e00); /* an unknown option that may be skipped */
        begin(&p, &peer, &us);
        add_options(&p, IP_PROTO_DSTOPTS, opts, 2 * n);
        assert_int_equal(walk(&p, &chain), n <= IP6_OPTIONS_MAX ? IP6_OK : IP6_TOO_MANY);
    }
    for (uint8_t n = 2; n <= 30; n++) {
        uint8_t opts[254] = {1, (uint8_t)(n - 2)};
        size_t len = ((size_t)n + 2 + 7) / 8 * 8 - 2; /* the rest is Pad1 */

        begin(&p, &peer, &us);
        add_options(&p, IP_PROTO_DSTOPTS, opts, len);
        assert_int_equal(walk(&p, &chain), len <= IP6_PADDING_MAX ? IP6_OK : IP6_PADDING);
    }
    begin(&p, &peer, &us);
    add_options(&p, IP_PROTO_DSTOPTS, (const uint8_t[]){1, 4, 0, 0, 0, 9}, 6);
    assert_int_equal(walk(&p, &chain), IP6_PADDING);
}

/* proves: A-35 */
static void hop_by_hop_options_come_first_or_not_at_all(void **state)
{
    static const uint8_t padding[] = {1, 4, 0, 0, 0, 0};
    struct ip6_chain chain;
    struct pkt p;

    (void)state;
    begin(&p, &peer, &us);
    add_options(&p, IP_PROTO_DSTOPTS, padding, sizeof(padding));
    add_options(&p, IP_PROTO_HOPOPTS, padding, sizeof(padding));
    assert_int_equal(walk(&p, &chain), IP6_HBH_LATE);
    assert_true(chain.send);
    assert_int_equal(chain.icmp_code, 1);
    assert_int_equal(chain.pointer, 40);
}

/* proves: A-36 */
static void unknown_options_are_treated_as_their_action_bits_say(void **state)
{
    const struct ft_addr *dsts[] = {&us, &group};
    const struct ft_addr any = {0, 0};
    const struct ft_addr *srcs[] = {&peer, &any, &group};

    (void)state;
    for (unsigned action = 0; action < 4; action++)
        for (size_t d = 0; d < 2; d++)
            for (size_t s = 0; s < 3; s++) {
                const uint8_t opts[] = {(uint8_t)(action << 6 | 0x1e), 4, 1, 2, 3, 4};
                bool tell = s == 0 && (action == 2 || (action == 3 && d == 0));
                struct ip6_chain chain;
                struct pkt p;

                begin(&p, srcs[s], dsts[d]);
                add_options(&p, IP_PROTO_DSTOPTS, opts, sizeof(opts));
                assert_int_equal(walk(&p, &chain), action == 0 ? IP6_OK : IP6_UNKNOWN_OPT);
                assert_int_equal(chain.send, tell);
                if (tell) {
                    assert_int_equal(chain.icmp_code, 2);
                    assert_int_equal(chain.pointer, 42);
                }
            }
}

/* proves: A-32 */
static void routing_headers_with_segments_left_are_refused(void **state)
{
    (void)state;
    for (unsigned hdr_len = 0; hdr_len < 256; hdr_len++)
        for (unsigned left = 0; left < 256; left++) {
            struct ip6_chain chain;
            struct pkt p;
            uint8_t *at;
            enum ip6_why want = left == 0 ? IP6_OK : IP6_ROUTED;

            begin(&p, &peer, &us);
            at = add(&p, IP_PROTO_ROUTING, 48);
            at[1] = (uint8_t)hdr_len;
            at[3] = (uint8_t)left;
            if (hdr_len > 5)
                want = IP6_TRUNCATED;
            assert_int_equal(walk(&p, &chain), want);
            assert_int_equal(chain.send, want == IP6_ROUTED);
            if (chain.send) {
                assert_int_equal(chain.icmp_code, 0);
                assert_int_equal(chain.pointer, 42);
            }
        }
}

static void a_later_fragment_is_not_walked_into(void **state)
{
    struct ip6_chain chain;
    struct pkt p;
    uint8_t *at;

    (void)state;
    begin(&p, &peer, &us);
    add_options(&p, IP_PROTO_HOPOPTS, (const uint8_t[]){1, 4, 0, 0, 0, 0}, 6);
    add_fragment(&p, 1480, true);
    at = add(&p, IP_PROTO_DSTOPTS, 16);
    memset(at, 0xff, 16);
    assert_int_equal(walk(&p, &chain), IP6_OK);
    assert_true(chain.has_frag);
    assert_int_equal(chain.frag.off, 1480);
    assert_true(chain.frag.more);
    assert_int_equal(chain.frag.id, 0x01020304);
    assert_int_equal(chain.frag.next, IP_PROTO_DSTOPTS);
    assert_int_equal(chain.frag_at, 48);
    assert_int_equal(chain.frag_prev, 40);
    assert_int_equal(chain.proto, IP_PROTO_DSTOPTS);
    assert_int_equal(chain.off, 56);
    assert_int_equal(chain.len, 16);
}

/* RFC 6946: an atomic fragment is a packet of its own, options and all. */
static void an_atomic_fragment_is_walked_through(void **state)
{
    struct ip6_chain chain;
    struct pkt p;

    (void)state;
    begin(&p, &peer, &us);
    add_fragment(&p, 0, false);
    (void)add(&p, IP_PROTO_UDP, 9);
    assert_int_equal(walk(&p, &chain), IP6_OK);
    assert_true(chain.has_frag);
    assert_int_equal(chain.proto, IP_PROTO_UDP);
    assert_int_equal(chain.len, 9);
    begin(&p, &peer, &us);
    add_fragment(&p, 0, false);
    add_options(&p, IP_PROTO_DSTOPTS, (const uint8_t[]){0x5e, 4, 0, 0, 0, 0}, 6);
    assert_int_equal(walk(&p, &chain), IP6_UNKNOWN_OPT);
}

/* proves: A-24 */
static void a_first_fragment_holds_its_upper_layer_header(void **state)
{
    (void)state;
    for (size_t len = 8; len <= 40; len += 8) {
        for (unsigned doff = 5; doff <= 10; doff++) {
            struct ip6_chain chain;
            struct pkt p;
            uint8_t *at;
            bool whole = len >= 20 && len >= doff * 4;

            begin(&p, &peer, &us);
            add_fragment(&p, 0, true);
            at = add(&p, IP_PROTO_TCP, len);
            if (len > 12)
                at[12] = (uint8_t)(doff << 4);
            assert_int_equal(walk(&p, &chain), whole ? IP6_OK : IP6_FRAG_SHORT);
            assert_int_equal(chain.send, !whole);
            if (!whole) {
                assert_int_equal(chain.icmp_code, 3);
                assert_int_equal(chain.pointer, 0);
            }
        }
    }
}

static void a_first_fragment_that_ends_in_a_header_is_refused(void **state)
{
    struct ip6_chain chain;
    struct pkt p;
    uint8_t *at;

    (void)state;
    begin(&p, &peer, &us);
    add_fragment(&p, 0, true);
    at = add(&p, IP_PROTO_DSTOPTS, 16);
    at[1] = 2;
    assert_int_equal(walk(&p, &chain), IP6_FRAG_SHORT);
    assert_true(chain.send);
    /* Its options wait for reassembly: unknown ones do not end it here. */
    at[0] = IP_PROTO_NONE;
    at[1] = 1;
    at[2] = 0xde;
    at[3] = 12;
    assert_int_equal(walk(&p, &chain), IP6_OK);
}

/* proves: A-22 */
static void fragments_past_65535_are_refused(void **state)
{
    (void)state;
    for (uint32_t off = 65496; off <= 65528; off += 8)
        for (size_t len = 1; len <= 48; len++) {
            struct ip6_chain chain;
            struct pkt p;
            bool fits = off + len <= 65535;

            begin(&p, &peer, &us);
            add_fragment(&p, (uint16_t)off, false);
            (void)add(&p, IP_PROTO_UDP, len);
            assert_int_equal(walk(&p, &chain), fits ? IP6_OK : IP6_FRAG_LONG);
            assert_int_equal(chain.send, !fits);
            if (!fits)
                assert_int_equal(chain.pointer, 42);
        }
}

static void fragments_have_a_length_that_is_a_multiple_of_eight(void **state)
{
    struct ip6_chain chain;
    struct pkt p;

    (void)state;
    for (size_t len = 0; len <= 32; len++) {
        bool good = len > 0 && len % 8 == 0;

        begin(&p, &peer, &us);
        add_fragment(&p, 800, true);
        (void)add(&p, IP_PROTO_UDP, len);
        assert_int_equal(walk(&p, &chain), good ? IP6_OK : IP6_FRAG_LEN);
        assert_int_equal(chain.send, len > 0 && !good);
    }
}

/* proves: A-30 */
static void a_second_fragment_header_is_refused(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        struct ip6_chain chain;
        struct pkt p;

        begin(&p, &peer, &us);
        add_fragment(&p, 0, more != 0);
        add_fragment(&p, 0, true);
        (void)add(&p, IP_PROTO_UDP, 16);
        assert_int_equal(walk(&p, &chain), IP6_FRAG_TWICE);
        assert_false(chain.send);
    }
}

static void router_alert_is_written_as_it_is_read(void **state)
{
    struct ip6_chain chain;
    struct pkt p;
    uint8_t *at;

    (void)state;
    begin(&p, &peer, &us);
    at = add(&p, IP_PROTO_HOPOPTS, IP6_ROUTER_ALERT_LEN);
    memset(at, 0xa5, 8);
    assert_int_equal(ip6_router_alert_emit(at, 8, IP_PROTO_NONE), 8);
    assert_int_equal(ip6_router_alert_emit(at, 7, IP_PROTO_NONE), 0);
    assert_int_equal(walk(&p, &chain), IP6_OK);
    assert_true(chain.router_alert);
    assert_int_equal(chain.proto, IP_PROTO_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_goes_round),
        cmocka_unit_test(a_payload_longer_than_the_frame_is_refused),
        cmocka_unit_test(mapped_addresses_on_the_wire_are_refused),
        cmocka_unit_test(a_chain_leads_to_the_upper_layer),
        cmocka_unit_test(every_header_and_option_length_ends_inside_the_packet),
        cmocka_unit_test(an_option_past_its_header_is_refused),
        cmocka_unit_test(a_chain_cut_anywhere_is_dropped_in_silence),
        cmocka_unit_test(a_packet_full_of_headers_ends_at_the_limit),
        cmocka_unit_test(options_and_padding_have_limits),
        cmocka_unit_test(hop_by_hop_options_come_first_or_not_at_all),
        cmocka_unit_test(unknown_options_are_treated_as_their_action_bits_say),
        cmocka_unit_test(routing_headers_with_segments_left_are_refused),
        cmocka_unit_test(a_later_fragment_is_not_walked_into),
        cmocka_unit_test(an_atomic_fragment_is_walked_through),
        cmocka_unit_test(a_first_fragment_holds_its_upper_layer_header),
        cmocka_unit_test(a_first_fragment_that_ends_in_a_header_is_refused),
        cmocka_unit_test(fragments_past_65535_are_refused),
        cmocka_unit_test(fragments_have_a_length_that_is_a_multiple_of_eight),
        cmocka_unit_test(a_second_fragment_header_is_refused),
        cmocka_unit_test(router_alert_is_written_as_it_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
