/* SPDX-License-Identifier: MIT */
/*
 * The MTU of a path without ICMP: RFC 4821, RFC 8899 5.3. The peer of these ladders lies behind a
 * router that swallows what is too big for it and says nothing.
 */
#include "ladder.h"

#include "wire/eth.h"
#include "wire/ip4.h"

#define STREAM_MAX 900000

/* The peer behind the router: what has come through of the stream. */
struct hole {
    struct ladder *t;
    uint32_t mtu;   /* larger packets vanish */
    bool sack;      /* the peer tells what it holds */
    bool dead;      /* nothing passes */
    uint32_t next;  /* first octet that is missing, relative */
    uint32_t n_big; /* segments that vanished */
    uint32_t last;  /* packet that passed last, octets of IP */
    uint32_t most;  /* largest that passed */
    uint8_t has[STREAM_MAX];
};

static void answer(struct hole *h, uint32_t lo, uint32_t hi)
{
    while (h->next < STREAM_MAX && h->has[h->next])
        h->next++;
    if (h->sack && lo > h->next)
        peer_sends(h->t, SEG_ACK, .ack = h->next, .n_sack = 1, .sack = {{lo, hi}});
    else
        peer_sends(h->t, SEG_ACK, .ack = h->next);
}

static void one_arrives(struct hole *h)
{
    struct ladder *t = h->t;
    uint32_t len = (uint32_t)t->last.len - ETH_HDR_LEN;
    uint32_t lo = t->seg.seq.v - t->peer->iss;

    if (t->seg.len == 0)
        return;
    if (h->dead || len > h->mtu) {
        h->n_big++;
        return;
    }
    h->last = len;
    h->most = len > h->most ? len : h->most;
    assert_true(lo + t->seg.len <= STREAM_MAX);
    memset(h->has + lo, 1, t->seg.len);
    answer(h, lo, lo + t->seg.len);
}

static void pass(struct hole *h, uint32_t ms)
{
    for (uint32_t at = 0; at <= ms; at += 10) {
        while (ladder_take(h->t))
            one_arrives(h);
        after_ms(h->t, 10);
    }
}

static struct hole *hole_open(struct ladder *t, uint32_t mtu, bool v6, bool sack)
{
    struct hole *h = calloc(1, sizeof(*h));

    assert_non_null(h);
    if (v6)
        ladder_open6(t);
    else
        ladder_open(t);
    *h = (struct hole){.t = t, .mtu = mtu, .sack = sack, .next = 1};
    h->has[0] = 1;
    peer_connects(t, .mss = v6 ? 1440 : 1460, .sack_ok = sack);
    return h;
}

static void hole_close(struct hole *h)
{
    ladder_close(h->t);
    free(h);
}

/* RFC 4821 7.7 and 1: full-sized segments vanish, and the connection goes on with smaller ones,
   within seconds, whatever the family, with SACK and without. Then it finds what does pass, to a
   few octets, and no more is lost than the probes. */
static void a_black_hole_is_passed_by_smaller_segments(void **state)
{
    static const uint32_t mtus[] = {576, 1006, 1280, 1400, 1492};

    (void)state;
    for (unsigned i = 0; i < 4 * 5; i++) {
        uint32_t mtu = mtus[i / 4];
        bool v6 = i & 1;
        struct ladder t;

        if (v6 && mtu < 1280)
            continue;
        struct hole *h = hole_open(&t, mtu, v6, i & 2);
        user_writes(&t, 800000);
        pass(h, 30000);
        assert_int_equal(h->next, 800001);
        assert_int_equal(stack_counts(&t).tcp_black_holes, mtu < 1064 ? 2 : 1);
        assert_in_range(h->most, mtu - 8, mtu);
        hole_close(h);
    }
}

/* RFC 4821 7.3: only what a smaller size would cut is taken for vanished because of its size. */
static void small_segments_that_vanish_are_no_black_hole(void **state)
{
    struct ladder t;
    struct hole *h = hole_open(&t, 1500, false, true);

    (void)state;
    h->dead = true;
    user_writes(&t, 500);
    pass(h, 20000);
    assert_int_equal(stack_counts(&t).tcp_black_holes, 0);
    hole_close(h);
}

/* Found by the simulator (seed 10944): what the base size would not cut, and the least would, goes
   on in the least: at the fourth timeout, not at the third, for most such losses are no hole. */
static void what_the_base_does_not_cut_the_least_does(void **state)
{
    struct ladder t;
    struct hole *h = hole_open(&t, 576, false, true);

    (void)state;
    user_writes(&t, 700);
    pass(h, 1800); /* three timeouts */
    assert_int_equal(stack_info(&t).retrans, 3);
    assert_int_equal(stack_counts(&t).tcp_black_holes, 0);
    pass(h, 8000);
    assert_int_equal(h->next, 701);
    assert_int_equal(stack_counts(&t).tcp_black_holes, 1);
    hole_close(h);
}

/* What vanished because the peer was away is soon sent in full-sized segments again: the first
   probe is of the size that was suspected. */
static void a_mistaken_suspicion_is_over_with_the_first_probe(void **state)
{
    struct ladder t;
    struct hole *h = hole_open(&t, 1500, false, true);

    (void)state;
    h->dead = true;
    user_writes(&t, 100000);
    pass(h, 10000);
    assert_int_equal(stack_counts(&t).tcp_black_holes, 2);
    h->dead = false;
    pass(h, 20000);
    assert_int_equal(h->next, 100001);
    assert_int_equal(stack_counts(&t).tcp_mtu_probes, 1);
    assert_int_equal(stack_counts(&t).tcp_mtu_probes_good, 1);
    assert_int_equal(h->most, 1500);
    hole_close(h);
}

/* RFC 4821 7.5: the loss of a probe is no congestion. */
static void a_lost_probe_does_not_touch_cwnd(void **state)
{
    for (unsigned sack = 0; sack < 2; sack++) {
        struct ft_sock_info before, after;
        struct ladder t;
        struct hole *h = hole_open(&t, 1400, false, sack);

        (void)state;
        user_writes(&t, 20000);
        pass(h, 10000);
        assert_int_equal(h->next, 20001);
        uint64_t recoveries = stack_counts(&t).tcp_fast_retransmits;
        uint64_t timeouts = stack_counts(&t).tcp_rto;
        uint32_t vanished = h->n_big;
        assert_int_equal(ft_sock_info(t.stack, t.peer->sock, &before), 0);
        user_writes(&t, 100000);
        pass(h, 100);
        user_writes(&t, 100000);
        pass(h, 5000);
        assert_int_equal(h->next, 220001);
        assert_true(h->n_big > vanished);
        assert_int_equal(stack_counts(&t).tcp_fast_retransmits, recoveries);
        assert_int_equal(stack_counts(&t).tcp_rto, timeouts);
        assert_int_equal(ft_sock_info(t.stack, t.peer->sock, &after), 0);
        assert_true(after.cwnd >= before.cwnd);
        assert_int_equal(after.ssthresh, before.ssthresh);
        hole_close(h);
    }
}

/* RFC 4821 5.2: what one connection has found serves the others of the path, old and new. */
static void other_connections_of_the_path_use_what_was_found(void **state)
{
    struct ladder t;
    struct hole *h = hole_open(&t, 1400, false, true);

    (void)state;
    ladder_peer(&t, 1);
    peer_connects(&t, .mss = 1460);
    ladder_peer(&t, 0);
    user_writes(&t, 800000);
    pass(h, 20000);
    for (unsigned i = 1; i < 3; i++) {
        ladder_peer(&t, i);
        if (i == 2)
            peer_connects(&t, .mss = 1460);
        user_writes(&t, 3000);
        (void)ladder_pump(&t);
        assert_true(ladder_take(&t));
        assert_in_range(t.last.len - ETH_HDR_LEN, 1392, 1400);
        (void)ladder_forget(&t);
    }
    assert_int_equal(stack_counts(&t).tcp_black_holes, 1);
    ladder_peer(&t, 0);
    hole_close(h);
}

/* RFC 8899 5.2, Search Complete: after PMTU_RAISE_TIMER a larger size is tried again. */
static void a_path_that_became_wider_is_found_out(void **state)
{
    struct ladder t;
    struct hole *h = hole_open(&t, 1400, false, true);

    (void)state;
    user_writes(&t, 800000);
    pass(h, 20000);
    assert_in_range(h->most, 1392, 1400);
    h->mtu = 1500;
    after_ms(&t, 500000);
    user_writes(&t, 20000);
    pass(h, 1000);
    assert_in_range(h->most, 1392, 1400);
    after_ms(&t, 200000);
    user_writes(&t, 20000);
    pass(h, 1000);
    user_writes(&t, 20000);
    pass(h, 1000);
    assert_int_equal(h->most, 1500);
    assert_int_equal(h->last <= 1500, true);
    assert_int_equal(h->next, 860001);
    hole_close(h);
}

/* net.ipv4.tcp_mtu_probing=0: ICMP alone is believed. */
static void without_probing_the_black_hole_stays(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.mtu_probing = FT_MTU_ICMP;
    ladder_start(&t);
    peer_connects(&t, .mss = 1460);
    user_writes(&t, 20000);
    for (unsigned i = 0; i < 8; i++) {
        after_ms(&t, 1000u << i);
        while (ladder_take(&t))
            assert_int_equal(t.seg.len, 1460);
    }
    assert_int_equal(stack_counts(&t).tcp_black_holes, 0);
    ladder_close(&t);
}

/* net.ipv4.tcp_mtu_probing=2: segments are small at first, and grow by what is probed. */
static void with_probing_always_segments_begin_small(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.mtu_probing = FT_MTU_PROBE;
    ladder_start(&t);
    peer_connects(&t, .mss = 1460);
    user_writes(&t, 40000);
    stack_sends(&t, SEG_ACK, .len = (1064 + 1500) / 2 - 40); /* the probe */
    stack_sends(&t, SEG_ACK, .len = 1024);
    (void)ladder_forget(&t);
    peer_sends(&t, SEG_ACK);
    stack_sends(&t, SEG_ACK, .len = (1282 + 1500) / 2 - 40);
    stack_sends(&t, SEG_ACK, .len = 1242);
    ladder_close(&t);
}

/* RFC 4821 7.7: after a timeout nobody knows whether the probe was lost for its size. */
static void a_timeout_tells_nothing_of_the_probe(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.mtu_probing = FT_MTU_PROBE;
    ladder_start(&t);
    peer_connects(&t, .mss = 1460);
    user_writes(&t, 20000);
    stack_sends(&t, SEG_ACK, .len = 1242);
    (void)ladder_forget(&t);
    after_ms(&t, 1100);
    (void)ladder_forget(&t);
    for (unsigned i = 0; i < 4; i++) {
        peer_sends(&t, SEG_ACK);
        (void)ladder_forget(&t);
    }
    user_writes(&t, 20000);
    /* It was probed again, and has arrived. */
    stack_sends(&t, SEG_ACK, .len = (1282 + 1500) / 2 - 40);
    stack_sends(&t, SEG_ACK, .len = 1242);
    assert_int_equal(stack_counts(&t).tcp_mtu_probes_good, 1);
    ladder_close(&t);
}

/* RFC 4821 7.3: an ICMP message about a probe ends it at once. */
static void icmp_about_a_probe_is_believed(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.mtu_probing = FT_MTU_PROBE;
    ladder_start(&t);
    peer_connects(&t, .mss = 1460);
    user_writes(&t, 20000);
    stack_sends(&t, SEG_ACK, .len = 1242);
    peer_icmp(&t, NULL, ICMP4_UNREACH, ICMP4_UNREACH_FRAG_NEEDED, 1200);
    (void)ladder_forget(&t);
    peer_sends(&t, SEG_ACK);
    uint32_t most = 0;
    while (ladder_take(&t))
        most = t.seg.len > most ? t.seg.len : most;
    assert_int_equal(most, 1160);
    assert_int_equal(stack_counts(&t).tcp_rto, 0);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_black_hole_is_passed_by_smaller_segments),
        cmocka_unit_test(what_the_base_does_not_cut_the_least_does),
        cmocka_unit_test(small_segments_that_vanish_are_no_black_hole),
        cmocka_unit_test(a_mistaken_suspicion_is_over_with_the_first_probe),
        cmocka_unit_test(a_lost_probe_does_not_touch_cwnd),
        cmocka_unit_test(other_connections_of_the_path_use_what_was_found),
        cmocka_unit_test(a_path_that_became_wider_is_found_out),
        cmocka_unit_test(without_probing_the_black_hole_stays),
        cmocka_unit_test(with_probing_always_segments_begin_small),
        cmocka_unit_test(a_timeout_tells_nothing_of_the_probe),
        cmocka_unit_test(icmp_about_a_probe_is_believed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
