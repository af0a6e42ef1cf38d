/* SPDX-License-Identifier: MIT */
/*
 * A cable does to frames what its configuration says: the shares and the rate come out as written,
 * the same seed gives the same fate, and memory has a bound.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "link/impair.h"

#define N_FRAMES 20000

static void fill(uint8_t *frame, size_t len, uint32_t number)
{
    memset(frame, 0, len);
    memcpy(frame, &number, sizeof(number));
}

static uint32_t number_of(const uint8_t *frame)
{
    uint32_t number;

    memcpy(&number, frame, sizeof(number));
    return number;
}

/* Puts n frames, one each @gap, and hashes what arrives when; counters stay in @imp. */
static uint64_t run(struct impair *imp, uint32_t n, size_t len, ft_time gap)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    uint8_t frame[2048];

    for (uint32_t i = 0; i < n; i++) {
        fill(frame, len, i);
        impair_put(imp, frame, len, i * gap);
    }
    while (impair_deadline(imp) != FT_TIME_NEVER) {
        ft_time at = impair_deadline(imp);
        size_t got = impair_take(imp, at, frame, sizeof(frame));

        assert_int_equal(got, len);
        hash = (hash ^ at ^ number_of(frame)) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static void must_parse(const char *text, struct impair_config *config)
{
    char err[200] = "";

    memset(config, 0, sizeof(*config));
    if (impair_parse(text, config, err, sizeof(err)) != 0)
        fail_msg("%s: %s", text, err);
}

static void a_clean_cable_gives_frames_as_they_came(void **state)
{
    struct impair_config config = {0};
    struct impair imp;
    uint8_t frame[64], got[64];

    (void)state;
    impair_init(&imp, &config, 0);
    for (uint32_t i = 0; i < 10; i++) {
        fill(frame, sizeof(frame), i);
        impair_put(&imp, frame, sizeof(frame), 5);
    }
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(impair_deadline(&imp), 5);
        assert_int_equal(impair_take(&imp, 5, got, sizeof(got)), sizeof(frame));
        assert_int_equal(number_of(got), i);
    }
    assert_int_equal(impair_take(&imp, 5, got, sizeof(got)), 0);
    assert_true(impair_deadline(&imp) == FT_TIME_NEVER);
    impair_fini(&imp);
}

static void a_frame_arrives_after_the_delay_and_not_before(void **state)
{
    struct impair_config config = {.delay = 10 * FT_MS};
    struct impair imp;
    uint8_t frame[64] = {0};

    (void)state;
    impair_init(&imp, &config, 0);
    impair_put(&imp, frame, sizeof(frame), FT_SEC);
    assert_int_equal(impair_take(&imp, FT_SEC + 10 * FT_MS - 1, frame, sizeof(frame)), 0);
    assert_int_equal(impair_take(&imp, FT_SEC + 10 * FT_MS, frame, sizeof(frame)), sizeof(frame));
    impair_fini(&imp);
}

static void the_rate_is_exact_in_the_long_run(void **state)
{
    /* 1514 octets at 3 Gbit/s take 4037.33 ns: a rate without the rest would drift. */
    struct impair_config config = {.rate = 3000000000u, .queue = IMPAIR_QUEUE_MAX};
    struct impair imp;
    uint8_t frame[1514] = {0};
    ft_time last = 0;

    (void)state;
    impair_init(&imp, &config, 0);
    for (int i = 0; i < 3000; i++)
        impair_put(&imp, frame, sizeof(frame), 0);
    while (impair_deadline(&imp) != FT_TIME_NEVER) {
        last = impair_deadline(&imp);
        assert_int_equal(impair_take(&imp, last, frame, sizeof(frame)), sizeof(frame));
    }
    assert_int_equal(last, 3000 * UINT64_C(12112) / 3);
    impair_fini(&imp);
}

/* What the grid of bench/recovery takes for the delay of a queue. */
static void a_frame_waits_for_those_before_it(void **state)
{
    const struct impair_config config = {.rate = 8000000, .queue = 10000, .seed = 1};
    uint8_t frame[1000] = {0};
    struct impair imp;

    (void)state;
    impair_init(&imp, &config, 0);
    assert_int_equal(impair_wait(&imp, FT_SEC), 0);
    impair_put(&imp, frame, sizeof(frame), FT_SEC);
    impair_put(&imp, frame, sizeof(frame), FT_SEC);
    assert_int_equal(impair_wait(&imp, FT_SEC), 2 * FT_MS);
    assert_int_equal(impair_wait(&imp, FT_SEC + FT_MS / 2), 3 * FT_MS / 2);
    assert_int_equal(impair_wait(&imp, 2 * FT_SEC), 0);
    impair_fini(&imp);
}

static void the_queue_of_the_rate_is_bounded_in_octets(void **state)
{
    struct impair_config config = {.rate = 1000000, .queue = 10000};
    struct impair imp;
    uint8_t frame[1000] = {0};

    (void)state;
    impair_init(&imp, &config, 0);
    for (int i = 0; i < 100; i++)
        impair_put(&imp, frame, sizeof(frame), 0);
    assert_int_equal(imp.n, 10);
    assert_int_equal(imp.counters.n_queue_full, 90);
    /* After the time of one frame there is room for one more. */
    impair_put(&imp, frame, sizeof(frame), 8 * FT_MS);
    assert_int_equal(imp.counters.n_queue_full, 90);
    impair_put(&imp, frame, sizeof(frame), 8 * FT_MS);
    assert_int_equal(imp.counters.n_queue_full, 91);
    impair_fini(&imp);
}

static void frames_and_octets_on_the_cable_are_bounded(void **state)
{
    struct impair_config config = {.delay = FT_SEC, .packets_max = 5, .octets_max = 350};
    struct impair imp;
    uint8_t frame[100] = {0};

    (void)state;
    impair_init(&imp, &config, 0);
    for (int i = 0; i < 10; i++)
        impair_put(&imp, frame, 100, 0);
    assert_int_equal(imp.n, 3);
    for (int i = 0; i < 10; i++)
        impair_put(&imp, frame, 1, 0);
    assert_int_equal(imp.n, 5);
    assert_int_equal(imp.counters.n_refused, 15);
    impair_fini(&imp);
}

static void the_same_seed_gives_the_same_fate(void **state)
{
    struct impair_config config;
    struct impair a, b, c, d;

    (void)state;
    must_parse("delay=10ms,jitter=3ms,loss=5%,dup=2%,reorder=3%,corrupt=1%,rate=20mbit,seed=7",
               &config);
    impair_init(&a, &config, 1);
    impair_init(&b, &config, 1);
    impair_init(&c, &config, 2);
    config.seed = 8;
    impair_init(&d, &config, 1);
    uint64_t hash = run(&a, 2000, 100, FT_MS / 10);
    assert_true(hash == run(&b, 2000, 100, FT_MS / 10));
    assert_true(hash != run(&c, 2000, 100, FT_MS / 10));
    assert_true(hash != run(&d, 2000, 100, FT_MS / 10));
    /* And on every machine: this value was computed once. */
    if (hash != UINT64_C(0x8f2a947537010972))
        fail_msg("hash is %llx", (unsigned long long)hash);
    impair_fini(&a);
    impair_fini(&b);
    impair_fini(&c);
    impair_fini(&d);
}

static void shares_come_out_as_configured(void **state)
{
    struct impair_config config;
    struct impair imp;

    (void)state;
    must_parse("delay=10ms,loss=5%,dup=2%,reorder=10%,seed=3", &config);
    impair_init(&imp, &config, 0);
    (void)run(&imp, N_FRAMES, 100, FT_US);
    /* Five standard deviations of a binomial around each mean. */
    assert_in_range(imp.counters.n_lost, 1000 - 155, 1000 + 155);
    assert_in_range(imp.counters.n_duplicated, 380 - 98, 380 + 98);
    assert_in_range(imp.counters.n_reordered, 1900 - 210, 1900 + 210);
    assert_int_equal(imp.counters.n_out,
                     N_FRAMES - imp.counters.n_lost + imp.counters.n_duplicated);
    impair_fini(&imp);
}

static void bursts_keep_the_share_and_have_their_length(void **state)
{
    struct impair_config config;
    struct impair imp;
    uint8_t frame[64] = {0};
    uint64_t lost, bursts = 0, before = 0;
    bool in_burst = false;

    (void)state;
    must_parse("loss=5%,burst=4,seed=11", &config);
    impair_init(&imp, &config, 0);
    for (uint32_t i = 0; i < 200000; i++) {
        impair_put(&imp, frame, sizeof(frame), i);
        (void)impair_take(&imp, i, frame, sizeof(frame));
        if (imp.counters.n_lost != before && !in_burst)
            bursts++;
        in_burst = imp.counters.n_lost != before;
        before = imp.counters.n_lost;
    }
    lost = imp.counters.n_lost;
    assert_in_range(lost, 9000, 11000);
    assert_in_range(lost * 100 / bursts, 370, 430);
    impair_fini(&imp);
}

static void jitter_alone_keeps_the_order(void **state)
{
    struct impair_config config = {.delay = 10 * FT_MS, .jitter = 9 * FT_MS, .seed = 1};
    struct impair imp;
    uint8_t frame[64];
    uint32_t expected = 0;
    ft_time at = 0, first = 0;
    bool varied = false;

    (void)state;
    impair_init(&imp, &config, 0);
    for (uint32_t i = 0; i < 1000; i++) {
        fill(frame, sizeof(frame), i);
        impair_put(&imp, frame, sizeof(frame), i * FT_MS);
    }
    while ((at = impair_deadline(&imp)) != FT_TIME_NEVER) {
        assert_int_equal(impair_take(&imp, at, frame, sizeof(frame)), sizeof(frame));
        assert_int_equal(number_of(frame), expected);
        assert_in_range(at, expected * FT_MS + FT_MS, expected * FT_MS + 28 * FT_MS);
        if (expected == 0)
            first = at;
        varied = varied || at != first + expected * FT_MS;
        expected++;
    }
    assert_int_equal(expected, 1000);
    assert_true(varied);
    impair_fini(&imp);
}

static void reordered_frames_overtake(void **state)
{
    struct impair_config config = {.delay = 10 * FT_MS, .reorder = 100000000u, .seed = 2};
    struct impair imp;
    uint8_t frame[64];
    uint32_t last = 0, overtaken = 0;

    (void)state;
    impair_init(&imp, &config, 0);
    for (uint32_t i = 0; i < 1000; i++) {
        fill(frame, sizeof(frame), i);
        impair_put(&imp, frame, sizeof(frame), i * FT_MS);
    }
    while (impair_deadline(&imp) != FT_TIME_NEVER) {
        (void)impair_take(&imp, impair_deadline(&imp), frame, sizeof(frame));
        overtaken += number_of(frame) < last;
        last = number_of(frame);
    }
    assert_in_range(overtaken, 50, 150);
    impair_fini(&imp);
}

/* An Ethernet frame with an IPv4 TCP segment of @len octets in all. */
static void make_segment(uint8_t *frame, size_t len)
{
    memset(frame, 0xa5, len);
    frame[12] = 0x08;
    frame[13] = 0x00;
    frame[14] = 0x45;
    frame[16] = (uint8_t)((len - 14) >> 8);
    frame[17] = (uint8_t)(len - 14);
    frame[20] = 0x40;
    frame[21] = 0;
    frame[23] = 6;
}

static void corruption_flips_one_bit_under_a_checksum(void **state)
{
    struct impair_config config = {.corrupt = IMPAIR_SHARE_ALL, .l2_len = 14, .seed = 5};
    uint8_t frame[128], got[128];
    struct impair imp;
    bool header = false, payload = false;

    (void)state;
    make_segment(frame, 100);
    impair_init(&imp, &config, 0);
    for (int i = 0; i < 1000; i++) {
        unsigned bits = 0;

        /* Four octets of padding behind the packet: no checksum covers them. */
        impair_put(&imp, frame, 104, 0);
        assert_int_equal(impair_take(&imp, 0, got, sizeof(got)), 104);
        for (size_t j = 0; j < 104; j++) {
            if (got[j] == frame[j])
                continue;
            assert_in_range(j, 15, 99);
            header = header || j < 34;
            payload = payload || j >= 54;
            for (unsigned diff = got[j] ^ frame[j]; diff != 0; diff &= diff - 1)
                bits++;
        }
        assert_int_equal(bits, 1);
    }
    assert_true(header && payload);
    assert_int_equal(imp.counters.n_corrupted, 1000);
    impair_fini(&imp);
}

/* The ECN field of a packet of either version. */
static unsigned ecn_of(const uint8_t *frame)
{
    return (frame[14] >> 4 == 6 ? frame[15] >> 4u : frame[15]) & 3;
}

static void set_ecn(uint8_t *frame, unsigned ecn)
{
    if (frame[14] >> 4 == 6)
        frame[15] = (uint8_t)(ecn << 4);
    else
        frame[15] = (uint8_t)ecn;
}

static bool header_is_right(const uint8_t *ip)
{
    uint32_t sum = 0;

    for (unsigned i = 0; i < 20; i += 2)
        sum += (uint32_t)ip[i] << 8 | ip[i + 1];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff;
}

static void right_the_header(uint8_t *ip)
{
    uint32_t sum = 0;

    ip[10] = ip[11] = 0;
    for (unsigned i = 0; i < 20; i += 2)
        sum += (uint32_t)ip[i] << 8 | ip[i + 1];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    ip[10] = (uint8_t)(~sum >> 8);
    ip[11] = (uint8_t)~sum;
}

/* From so many octets in the queue on what is ECN-capable is marked, and nothing else; the checksum
   of the header stays right. */
static void a_long_queue_marks_what_is_capable(void **state)
{
    struct impair_config config = {.l2_len = 14, .rate = 8000000, .mark = 3000, .queue = 1 << 20};
    uint8_t frame[1000], got[1000];

    (void)state;
    for (unsigned version = 4; version <= 6; version += 2) {
        struct impair imp;

        impair_init(&imp, &config, 0);
        for (unsigned i = 0; i < 12; i++) {
            make_segment(frame, sizeof(frame));
            if (version == 6) {
                frame[12] = 0x86;
                frame[13] = 0xdd;
                frame[14] = 0x60;
            }
            set_ecn(frame, i % 4);
            right_the_header(frame + 14);
            impair_put(&imp, frame, sizeof(frame), 0);
        }
        for (unsigned i = 0; i < 12; i++) {
            bool marked = i >= 3 && i % 4 != 0;

            assert_int_equal(impair_take(&imp, FT_SEC, got, sizeof(got)), sizeof(got));
            assert_int_equal(ecn_of(got), marked ? 3 : i % 4);
            assert_true(version == 6 || header_is_right(got + 14));
        }
        assert_int_equal(imp.counters.n_marked, 4);
        impair_fini(&imp);
    }
}

/* Between mark and mark_all a share is marked. */
static void a_growing_queue_marks_a_growing_share(void **state)
{
    struct impair_config config = {.l2_len = 14,
                                   .rate = 8000000,
                                   .mark = 100000,
                                   .mark_all = 500000,
                                   .queue = 1 << 20,
                                   .seed = 4};
    uint8_t frame[1000], got[1000];
    unsigned n_marked[6] = {0};
    struct impair imp;

    (void)state;
    make_segment(frame, sizeof(frame));
    impair_init(&imp, &config, 0);
    set_ecn(frame, 2);
    for (unsigned i = 0; i < 600; i++)
        impair_put(&imp, frame, sizeof(frame), 0);
    for (unsigned i = 0; i < 600; i++) {
        assert_int_equal(impair_take(&imp, FT_SEC, got, sizeof(got)), sizeof(got));
        n_marked[i / 100] += ecn_of(got) == 3;
    }
    assert_int_equal(n_marked[0], 0);
    assert_in_range(n_marked[1], 5, 25);
    assert_in_range(n_marked[3], 50, 75);
    assert_int_equal(n_marked[5], 100);
    impair_fini(&imp);
}

/* ecn=: what boxes on the way make of the field. */
static void the_ecn_field_is_mangled_as_told(void **state)
{
    static const uint8_t becomes[][4] = {
        [IMPAIR_ECN_KEEP] = {0, 1, 2, 3}, [IMPAIR_ECN_BLEACH] = {0, 0, 0, 0},
        [IMPAIR_ECN_ECT0] = {2, 1, 2, 3}, [IMPAIR_ECN_ECT1] = {0, 1, 1, 3},
        [IMPAIR_ECN_CE] = {0, 3, 3, 3},
    };
    uint8_t frame[100], got[100];

    (void)state;
    for (unsigned how = 0; how <= IMPAIR_ECN_CE; how++) {
        struct impair_config config = {.l2_len = 14, .ecn = how};
        struct impair imp;

        impair_init(&imp, &config, 0);
        for (unsigned ecn = 0; ecn < 4; ecn++) {
            make_segment(frame, sizeof(frame));
            set_ecn(frame, ecn);
            right_the_header(frame + 14);
            impair_put(&imp, frame, sizeof(frame), 0);
            assert_int_equal(impair_take(&imp, 0, got, sizeof(got)), sizeof(got));
            assert_int_equal(ecn_of(got), becomes[how][ecn]);
            assert_true(header_is_right(got + 14));
        }
        impair_fini(&imp);
    }
}

static void frames_without_a_checksum_stay_whole(void **state)
{
    struct impair_config config = {.corrupt = IMPAIR_SHARE_ALL, .l2_len = 14, .seed = 5};
    uint8_t frame[60] = {0}, got[60];
    struct impair imp;

    (void)state;
    frame[12] = 0x08;
    frame[13] = 0x06; /* ARP */
    impair_init(&imp, &config, 0);
    impair_put(&imp, frame, sizeof(frame), 0);
    assert_int_equal(impair_take(&imp, 0, got, sizeof(got)), sizeof(frame));
    assert_memory_equal(frame, got, sizeof(frame));
    assert_int_equal(imp.counters.n_corrupted, 0);
    impair_fini(&imp);
}

/* Two bits in two fragments of a datagram could cancel out in its checksum. */
static void of_fragments_only_the_last_is_changed_behind_its_header(void **state)
{
    struct impair_config config = {.corrupt = IMPAIR_SHARE_ALL, .l2_len = 14, .seed = 5};
    uint8_t frame[128], got[128];

    (void)state;
    for (int last = 0; last < 2; last++) {
        struct impair imp;
        bool payload = false;

        make_segment(frame, 100);
        frame[14 + 6] = last ? 0 : 0x20;
        frame[14 + 7] = 100; /* the offset */
        frame[14 + 9] = 17;
        impair_init(&imp, &config, 0);
        for (int i = 0; i < 1000; i++) {
            impair_put(&imp, frame, 100, 0);
            assert_int_equal(impair_take(&imp, 0, got, sizeof(got)), 100);
            payload = payload || memcmp(frame + 34, got + 34, 66) != 0;
        }
        assert_int_equal(imp.counters.n_corrupted, 1000);
        assert_int_equal(payload, last);
        impair_fini(&imp);
    }
}

static void frames_beyond_the_mtu_are_lost(void **state)
{
    struct impair_config config = {.mtu = 1400, .l2_len = 14};
    uint8_t frame[1500] = {0};
    struct impair imp;

    (void)state;
    impair_init(&imp, &config, 0);
    impair_put(&imp, frame, 1414, 0);
    impair_put(&imp, frame, 1415, 0);
    assert_int_equal(imp.n, 1);
    assert_int_equal(imp.counters.n_too_long, 1);
    /* A frame that does not fit what it is taken into is dropped as well. */
    assert_int_equal(impair_take(&imp, 0, frame, 100), 0);
    assert_int_equal(imp.counters.n_too_long, 2);
    impair_fini(&imp);
}

static void every_item_of_the_text_is_read(void **state)
{
    struct impair_config config;

    (void)state;
    must_parse("delay=10ms,jitter=2.5ms,rate=100mbit,queue=256k,loss=1%,burst=3,dup=0.1%,"
               "reorder=0.5%,corrupt=0.01%,mtu=1400,seed=18446744073709551615",
               &config);
    assert_int_equal(config.delay, 10 * FT_MS);
    assert_int_equal(config.jitter, 2500 * FT_US);
    assert_int_equal(config.rate, 100000000);
    assert_int_equal(config.queue, 256 << 10);
    assert_int_equal(config.loss, 10000000);
    assert_int_equal(config.burst, 3);
    assert_int_equal(config.dup, 1000000);
    assert_int_equal(config.reorder, 5000000);
    assert_int_equal(config.corrupt, 100000);
    assert_int_equal(config.mtu, 1400);
    assert_true(config.seed == UINT64_MAX);
    assert_true(impair_is_set(&config));
}

static void a_bad_item_is_named_in_one_sentence(void **state)
{
    static const struct {
        const char *text, *err;
    } cases[] = {
        {"loss=120%", "loss=120% is not a share from 0% to 100%; write it as loss=1%"},
        {"loss=1", "loss=1 is not a share from 0% to 100%; write it as loss=1%"},
        {"seed=1,delay=10", "delay=10 is not a time; write it as delay=10ms"},
        {"delay=-1ms", "delay=-1ms is not a time; write it as delay=10ms"},
        {"delay=1.5ns", "delay=1.5ns is not a time; write it as delay=10ms"},
        {"delay=", "delay= is not a time; write it as delay=10ms"},
        {"delay=99999999999999999999s",
         "delay=99999999999999999999s is not a time; write it as delay=10ms"},
        {"rate=0bit", "rate=0bit is not a rate in bit/s; write it as rate=100mbit"},
        {"mtu=67", "mtu=67 is not a number from 68 to 65535; write it as mtu=1400"},
        {"queue=2g", "queue=2g is not a number of octets up to 1g; write it as queue=256k"},
        {"loss=1%,loss=2%", "loss is given twice"},
        {"reorder=1%", "reorder needs a delay that frames can skip; add delay=10ms"},
        {"los=1%", "los=1% is not known; it takes delay, jitter, rate, queue, loss, burst, dup, "
                   "reorder, corrupt, mark, mark_all, ecn, mtu, seed, each as NAME=VALUE"},
        {"", "an empty item is not known; it takes delay, jitter, rate, queue, loss, burst, dup, "
             "reorder, corrupt, mark, mark_all, ecn, mtu, seed, each as NAME=VALUE"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct impair_config config = {.l2_len = 14};
        char err[256] = "";

        assert_int_equal(impair_parse(cases[i].text, &config, err, sizeof(err)), -22);
        assert_string_equal(err, cases[i].err);
        assert_int_equal(config.l2_len, 14);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clean_cable_gives_frames_as_they_came),
        cmocka_unit_test(a_frame_arrives_after_the_delay_and_not_before),
        cmocka_unit_test(the_rate_is_exact_in_the_long_run),
        cmocka_unit_test(a_frame_waits_for_those_before_it),
        cmocka_unit_test(the_queue_of_the_rate_is_bounded_in_octets),
        cmocka_unit_test(frames_and_octets_on_the_cable_are_bounded),
        cmocka_unit_test(the_same_seed_gives_the_same_fate),
        cmocka_unit_test(shares_come_out_as_configured),
        cmocka_unit_test(bursts_keep_the_share_and_have_their_length),
        cmocka_unit_test(jitter_alone_keeps_the_order),
        cmocka_unit_test(reordered_frames_overtake),
        cmocka_unit_test(corruption_flips_one_bit_under_a_checksum),
        cmocka_unit_test(a_long_queue_marks_what_is_capable),
        cmocka_unit_test(a_growing_queue_marks_a_growing_share),
        cmocka_unit_test(the_ecn_field_is_mangled_as_told),
        cmocka_unit_test(of_fragments_only_the_last_is_changed_behind_its_header),
        cmocka_unit_test(frames_without_a_checksum_stay_whole),
        cmocka_unit_test(frames_beyond_the_mtu_are_lost),
        cmocka_unit_test(every_item_of_the_text_is_read),
        cmocka_unit_test(a_bad_item_is_named_in_one_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
