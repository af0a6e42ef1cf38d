/* SPDX-License-Identifier: MIT */
/*
 * Reassembly of both families: only what is without gap and overlap is delivered, within limits,
 * and for a minute at most.
 */
#include "harness.h"

static struct host h;
static uint8_t datagram[PKT_MAX]; /* what is cut into fragments */

static int setup(void **state)
{
    *state = &h;
    host_open(&h, 0);
    host_knows_b(&h);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    host_close(&h);
    return 0;
}

struct cut {
    bool v6;
    uint32_t id;
    size_t off, len;
    bool more;
    uint8_t proto;      /* UDP if 0 */
    struct ft_addr src; /* B if any */
};

static void make_datagram(size_t len)
{
    assert_true(len <= sizeof(datagram));
    for (size_t i = 0; i < len; i++)
        datagram[i] = (uint8_t)(i * 13 + (i >> 8));
    be16_store(datagram + 4, (uint16_t)len);
}

static void take_cut(const struct cut *c)
{
    uint8_t proto = c->proto ? c->proto : IP_PROTO_UDP;
    struct ip6_frag frag = {.id = c->id, .off = (uint16_t)c->off, .next = proto, .more = c->more};
    struct say s = {.src = B6, .proto = IP_PROTO_FRAGMENT};
    static uint8_t buf[PKT_MAX + 8];

    if (c->v6) {
        assert_int_equal(ip6_frag_emit(buf, 8, &frag), 8);
        memcpy(buf + 8, datagram + c->off, c->len);
        if (c->src.hi)
            s.src = c->src;
        say_ip(&h, &s, buf, c->len + 8);
    } else {
        s = (struct say){.src = B4,
                         .id = (uint16_t)c->id,
                         .off = (uint16_t)c->off,
                         .mf = c->more,
                         .proto = proto};
        say_ip(&h, &s, datagram + c->off, c->len);
    }
    host_take_in(&h);
}

static void assert_whole(size_t len)
{
    assert_int_equal(h.what, FT_NET_UDP);
    assert_int_equal(h.rx.l4_len, len);
    assert_int_equal(h.rx.l4_contig, len);
    assert_memory_equal(h.rx.l4, datagram, len);
}

static void fragments_in_any_order_make_the_datagram(void **state)
{
    static const size_t order[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                       {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

    (void)state;
    make_datagram(3000);
    for (unsigned v6 = 0; v6 < 2; v6++) {
        for (size_t i = 0; i < 6; i++) {
            for (size_t k = 0; k < 3; k++) {
                size_t off = order[i][k] * 1200;

                take_cut(&(struct cut){.v6 = v6,
                                       .id = (uint32_t)i,
                                       .off = off,
                                       .len = off == 2400 ? 600 : 1200,
                                       .more = off != 2400});
                if (k < 2)
                    assert_true(host_dropped(&h, FT_RX_FRAGMENT));
            }
            assert_whole(3000);
        }
    }
    assert_int_equal(h.env.counters.reassembled, 12);
}

/* All sets of five cuts out of a few, against a map of octets. */
/* proves: A-21 */
static void overlaps_and_gaps_never_deliver(void **state)
{
    static const uint8_t offs[] = {0, 8, 16, 24};
    static const uint8_t lens[] = {8, 16, 24};
    unsigned rnd = 1;
    unsigned n_whole = 0;

    (void)state;
    make_datagram(64);
    for (unsigned round = 0; round < 4000; round++) {
        unsigned seen[64] = {0};
        bool clean = true;
        size_t total = 0;
        unsigned v6 = round & 1;

        for (unsigned k = 0; k < 5; k++) {
            struct cut c = {.v6 = v6, .id = round};
            bool fits = true;

            rnd = rnd * 1103515245 + 12345;
            c.off = offs[rnd >> 16 & 3];
            c.len = lens[(rnd >> 20) % 3];
            c.more = (rnd >> 24 & 3) != 0;
            for (size_t i = c.off; i < c.off + c.len; i++)
                fits = fits && !seen[i];
            if (!c.more && c.off == 0)
                continue; /* an atomic one, which is a packet of its own */
            /* An exact duplicate may be ignored; here any repetition ends the round. */
            if (!fits)
                clean = false;
            for (size_t i = c.off; i < c.off + c.len; i++)
                seen[i]++;
            take_cut(&c);
            if (!c.more)
                total = c.off + c.len;
            if (h.what == FT_NET_UDP) {
                for (size_t i = 0; i < h.rx.l4_len; i++)
                    assert_true(seen[i] >= 1);
                assert_memory_equal(h.rx.l4, datagram, h.rx.l4_len);
                assert_int_equal(h.rx.l4_len, total);
                n_whole++;
                break;
            }
            if (!clean)
                break;
        }
        host_after(&h, 100 * FT_MS);
        (void)host_drain(&h);
    }
    assert_true(n_whole > 20);
    host_after(&h, 61 * FT_SEC);
    (void)host_drain(&h);
}

/* proves: A-21 A-24 */
static void overlap_condemns_the_datagram_and_what_follows(void **state)
{
    (void)state;
    make_datagram(64);
    for (unsigned v6 = 0; v6 < 2; v6++) {
        for (size_t at = 8; at < 32; at += 8) {
            uint32_t id = (uint32_t)(100 + at);

            take_cut(&(struct cut){.v6 = v6, .id = id, .off = 0, .len = 32, .more = true});
            assert_true(host_dropped(&h, FT_RX_FRAGMENT));
            take_cut(&(struct cut){.v6 = v6, .id = id, .off = at, .len = 16, .more = true});
            assert_true(host_dropped(&h, FT_RX_DROP_REASSEMBLY));
            take_cut(&(struct cut){.v6 = v6, .id = id, .off = 32, .len = 32});
            assert_true(host_dropped(&h, FT_RX_DROP_REASSEMBLY));
            take_cut(&(struct cut){.v6 = v6, .id = id, .off = 0, .len = 32, .more = true});
            assert_true(host_dropped(&h, FT_RX_DROP_REASSEMBLY));
        }
    }
}

/* A duplicate of the same octets does no harm; one of other octets is an overlap. */
static void exact_duplicates_are_ignored(void **state)
{
    struct cut first = {.id = 5, .len = 32, .more = true};

    (void)state;
    make_datagram(64);
    for (unsigned v6 = 0; v6 < 2; v6++) {
        first.v6 = v6;
        take_cut(&first);
        take_cut(&first);
        assert_true(host_dropped(&h, FT_RX_DROP_REASSEMBLY));
        take_cut(&(struct cut){.v6 = v6, .id = 5, .off = 32, .len = 32});
        assert_whole(64);
        take_cut(&first);
        datagram[20] ^= 1;
        take_cut(&first);
        take_cut(&(struct cut){.v6 = v6, .id = 5, .off = 32, .len = 32});
        assert_true(host_dropped(&h, FT_RX_DROP_REASSEMBLY));
    }
}

/* proves: A-22 */
static void datagrams_end_at_65535_octets(void **state)
{
    (void)state;
    make_datagram(65600);
    for (unsigned v6 = 0; v6 < 2; v6++) {
        /* The longest payload: 65515 octets of IPv4, 65535 of IPv6. */
        size_t max = v6 ? 65535 : 65515;

        for (size_t over = 0; over < 3; over++) {
            uint32_t id = (uint32_t)(10 * v6 + over);
            size_t last = 65504;

            for (size_t off = 0; off < last; off += 1184)
                take_cut(&(struct cut){.v6 = v6,
                                       .id = id,
                                       .off = off,
                                       .len = off + 1184 <= last ? 1184 : last - off,
                                       .more = true});
            take_cut(&(struct cut){.v6 = v6, .id = id, .off = last, .len = max - last + over});
            if (over == 0)
                assert_whole(max);
            else
                assert_int_equal(h.what, FT_NET_DONE);
            if (over && v6)
                assert_int_equal(host_drain(&h), 1); /* Parameter Problem */
        }
        host_after(&h, 61 * FT_SEC);
    }
    (void)host_drain(&h);
}

/* proves: A-23 */
static void floods_of_fragments_stay_within_the_budget(void **state)
{
    uint64_t max = h.env.config.limits.reassembly_octets_max;
    uint64_t used, base = h.env.mem.used;
    uint64_t steps;

    (void)state;
    make_datagram(1480);
    used = base;
    for (unsigned i = 0; i < 20000; i++) {
        take_cut(
            &(struct cut){.v6 = i & 1, .id = i, .off = 8 * (i % 100), .len = 512, .more = true});
        used = h.env.mem.used > used ? h.env.mem.used : used;
    }
    assert_true(used <= base + max + 70000);
    for (unsigned i = 0; i < 20000; i++)
        take_cut(&(struct cut){.id = 7, .off = 0, .len = 512, .more = true});
    steps = h.env.counters.steps_list_nodes;
    take_cut(&(struct cut){.id = 7, .off = 0, .len = 512, .more = true});
    assert_true(h.env.counters.steps_list_nodes - steps < 64);
    host_after(&h, 61 * FT_SEC);
    (void)host_drain(&h);
    assert_true(ft_wheel_deadline(&h.env.wheel) != 0);
    assert_true(h.env.mem.used <= base + 70000);
}

/* proves: A-23 */
static void oldest_gives_way_when_many_sources_fill_the_budget(void **state)
{
    uint64_t max = h.env.config.limits.reassembly_octets_max;
    uint64_t base = h.env.mem.used;

    (void)state;
    make_datagram(1480);
    for (unsigned i = 0; i < 20000; i++) {
        take_cut(&(struct cut){.v6 = true,
                               .id = i,
                               .off = 512,
                               .len = 512,
                               .more = true,
                               .src = V6(0x20010db800000000 + i, i)});
        assert_true(host_dropped(&h, FT_RX_FRAGMENT));
    }
    assert_true(h.env.mem.used <= base + max);
    assert_true(h.env.mem.used > base + max - 2048);
    /* An honest datagram is put together all the same. */
    take_cut(&(struct cut){.v6 = true, .id = 1, .len = 512, .more = true});
    take_cut(&(struct cut){.v6 = true, .id = 1, .off = 512, .len = 88});
    assert_whole(600);
    host_after(&h, 61 * FT_SEC);
    (void)host_drain(&h);
}

/* One source whose fragments get lost does not shut itself out for a minute. */
static void source_with_many_losses_is_still_heard(void **state)
{
    (void)state;
    make_datagram(600);
    for (unsigned i = 0; i < 500; i++)
        take_cut(&(struct cut){.id = i, .len = 512, .more = true});
    take_cut(&(struct cut){.id = 499, .off = 512, .len = 88});
    assert_whole(600);
}

/* proves: A-97 */
static void fragments_cannot_be_chosen_to_share_a_bucket(void **state)
{
    uint64_t steps;

    (void)state;
    make_datagram(600);
    /* Sources and ids that are alike in their low bits, as an attacker would pick them. */
    for (unsigned i = 0; i < 500; i++)
        take_cut(&(struct cut){.v6 = true,
                               .id = i << 20,
                               .off = 8,
                               .len = 8,
                               .more = true,
                               .src = V6(0x20010db800000000 + ((uint64_t)i << 20), 1)});
    steps = h.env.counters.steps_list_nodes;
    for (unsigned i = 0; i < 500; i++)
        take_cut(&(struct cut){.v6 = true,
                               .id = i << 20,
                               .off = 24,
                               .len = 8,
                               .more = true,
                               .src = V6(0x20010db800000000 + ((uint64_t)i << 20), 1)});
    /* Two datagrams a bucket, and a handful of addresses and routes beside. */
    assert_true((h.env.counters.steps_list_nodes - steps) / 500 < 12);
    host_after(&h, 61 * FT_SEC);
    (void)host_drain(&h);
}

/* proves: A-23 */
static void timer_runs_from_the_first_fragment(void **state)
{
    (void)state;
    make_datagram(64);
    take_cut(&(struct cut){.id = 9, .off = 0, .len = 32, .more = true});
    host_after(&h, 59 * FT_SEC);
    take_cut(&(struct cut){.id = 9, .off = 48, .len = 16});
    host_after(&h, 2 * FT_SEC);
    assert_int_equal(h.env.counters.reassembly_timeouts, 1);
    take_cut(&(struct cut){.id = 9, .off = 32, .len = 16, .more = true});
    assert_true(host_dropped(&h, FT_RX_FRAGMENT));
    (void)host_drain(&h);
}

/* proves: A-31 */
static void timeout_is_told_only_with_the_first_fragment(void **state)
{
    (void)state;
    make_datagram(600);
    for (unsigned v6 = 0; v6 < 2; v6++) {
        take_cut(&(struct cut){.v6 = v6, .id = 1, .off = 64, .len = 64, .more = true});
        host_after(&h, 30 * FT_SEC);
        take_cut(&(struct cut){.v6 = v6, .id = 2, .off = 0, .len = 512, .more = true});
        host_after(&h, 31 * FT_SEC);
        assert_int_equal(host_drain(&h), 0);
        host_knows_b(&h);
        host_after(&h, 30 * FT_SEC);
        assert_int_equal(h.env.counters.reassembly_timeouts, 2 * (v6 + 1));
        assert_true(host_sent(&h) > 0);
        assert_int_equal(out_ip(&h)[v6 ? 40 : 20], v6 ? ICMP6_TIME_EXCEED : ICMP4_TIME_EXCEEDED);
        assert_int_equal(out_ip(&h)[v6 ? 41 : 21], 1);
        assert_int_equal(host_drain(&h), 0);
        host_after(&h, 20 * FT_SEC); /* the neighbour is probed, in vain */
        (void)host_drain(&h);
    }
}

/* proves: A-25 */
static void atomic_fragment_leaves_a_pending_datagram_alone(void **state)
{
    (void)state;
    make_datagram(64);
    take_cut(&(struct cut){.v6 = true, .id = 3, .off = 0, .len = 32, .more = true});
    take_cut(&(struct cut){.v6 = true, .id = 3, .off = 0, .len = 64});
    assert_whole(64);
    take_cut(&(struct cut){.v6 = true, .id = 3, .off = 32, .len = 32});
    assert_whole(64);
}

/* proves: A-30 */
static void fragment_header_inside_a_reassembled_packet_is_refused(void **state)
{
    struct ip6_frag inner = {.id = 77, .next = IP_PROTO_UDP};

    (void)state;
    make_datagram(64);
    ip6_frag_emit(datagram, 8, &inner);
    take_cut(
        &(struct cut){.v6 = true, .id = 4, .len = 32, .more = true, .proto = IP_PROTO_FRAGMENT});
    assert_true(host_dropped(&h, FT_RX_DROP_REASSEMBLY));
    take_cut(&(struct cut){.v6 = true, .id = 4, .off = 32, .len = 32, .proto = IP_PROTO_FRAGMENT});
    assert_int_equal(h.what, FT_NET_DONE);
    (void)host_drain(&h);
}

/* proves: A-24 */
static void first_fragment_without_its_headers_is_dropped(void **state)
{
    (void)state;
    make_datagram(64);
    datagram[12] = 5 << 4;
    for (size_t len = 8; len < 20; len += 8) {
        take_cut(
            &(struct cut){.v6 = true, .id = 6, .len = len, .more = true, .proto = IP_PROTO_TCP});
        assert_true(host_dropped(&h, FT_RX_DROP_REASSEMBLY));
    }
    (void)host_drain(&h);
}

/* proves: A-13 */
static void neighbour_discovery_in_fragments_is_ignored(void **state)
{
    struct ndp_msg ns = {.type = ICMP6_NS, .target = US6, .has_sllao = true};
    struct ip6_hdr ip = {.src = B6, .dst = US6};
    struct ip6_frag frag = {.next = IP_PROTO_ICMP6};
    uint8_t buf[8 + NDP_MSG_LEN_MAX];
    struct say s = {.src = B6, .proto = IP_PROTO_FRAGMENT, .ttl = 255};
    size_t len;

    (void)state;
    memcpy(ns.sllao, mac_c, 6);
    ip6_frag_emit(buf, 8, &frag);
    len = 8 + ndp_emit(buf + 8, NDP_MSG_LEN_MAX, &ip, &ns);
    say_ip(&h, &s, buf, len);
    host_take_in(&h);
    assert_true(host_dropped(&h, FT_RX_DROP_CONTROL));
    assert_int_equal(host_drain(&h), 0);
}

/* A datagram in two fragments with these ECN fields. */
static void two_fragments(uint8_t first, uint8_t second)
{
    struct say s = {.src = B4, .id = 8, .mf = true, .proto = IP_PROTO_UDP, .tos = first};

    make_datagram(64);
    say_ip(&h, &s, datagram, 32);
    host_take_in(&h);
    s.mf = false;
    s.off = 32;
    s.tos = second;
    say_ip(&h, &s, datagram + 32, 32);
    host_take_in(&h);
}

/* RFC 3168 5.3: a mark on any fragment is a mark on the datagram. */
static void congestion_mark_survives_reassembly(void **state)
{
    (void)state;
    two_fragments(IP_ECN_ECT0, IP_ECN_CE);
    assert_whole(64);
    assert_int_equal(h.rx.tos, IP_ECN_CE);
}

/* RFC 3168 5.3: where another fragment is not ECN-capable the datagram is dropped, rather than that
   a mark is made up or lost. */
/* proves: ECN-13 */
static void a_mark_beside_a_fragment_that_is_not_capable_drops_the_datagram(void **state)
{
    (void)state;
    two_fragments(IP_ECN_CE, IP_ECN_NOT_ECT);
    assert_true(host_dropped(&h, FT_RX_DROP_REASSEMBLY));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(fragments_in_any_order_make_the_datagram),
        T(overlaps_and_gaps_never_deliver),
        T(overlap_condemns_the_datagram_and_what_follows),
        T(exact_duplicates_are_ignored),
        T(datagrams_end_at_65535_octets),
        T(floods_of_fragments_stay_within_the_budget),
        T(oldest_gives_way_when_many_sources_fill_the_budget),
        T(source_with_many_losses_is_still_heard),
        T(fragments_cannot_be_chosen_to_share_a_bucket),
        T(timer_runs_from_the_first_fragment),
        T(timeout_is_told_only_with_the_first_fragment),
        T(atomic_fragment_leaves_a_pending_datagram_alone),
        T(fragment_header_inside_a_reassembled_packet_is_refused),
        T(first_fragment_without_its_headers_is_dropped),
        T(neighbour_discovery_in_fragments_is_ignored),
        T(congestion_mark_survives_reassembly),
        T(a_mark_beside_a_fragment_that_is_not_capable_drops_the_datagram),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
