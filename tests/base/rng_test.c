/* SPDX-License-Identifier: MIT */
/*
 * The generator is ChaCha20, repeats under one seed, forgets what it gave, and is unbiased.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/support.h"

static const uint8_t seed[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static void count_up(uint32_t words[8])
{
    for (uint32_t i = 0; i < 8; i++)
        words[i] = 0x03020100 + i * 0x04040404;
}

/* RFC 8439 2.3.2, test vector for the ChaCha20 block function. */
static void block_gives_the_vector_of_rfc_8439(void **state)
{
    static const uint8_t expected[64] = {
        0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3,
        0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22,
        0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa,
        0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c, 0xd1,
        0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e};
    const uint32_t input[4] = {1, 0x09000000, 0x4a000000, 0};
    uint32_t key[8];
    uint8_t block[64];

    (void)state;
    count_up(key);
    ft_chacha20_block(key, input, block);
    assert_memory_equal(block, expected, sizeof(expected));
}

/* draft-irtf-cfrg-xchacha-03 2.2.1, test vector for HChaCha20. */
static void hchacha20_gives_its_published_vector(void **state)
{
    static const uint32_t expected[8] = {0x423b4182, 0xfe7bb227, 0x50420ed3, 0x737d878a,
                                         0xd5e4f9a0, 0x53a8748a, 0x13c42ec1, 0xdcecd326};
    const uint32_t input[4] = {0x09000000, 0x4a000000, 0, 0x27594131};
    uint32_t key[8];

    (void)state;
    count_up(key);
    ft_hchacha20(key, input, key);
    assert_memory_equal(key, expected, sizeof(expected));
}

static void one_seed_gives_one_stream_however_it_is_read(void **state)
{
    static uint8_t a[3000];
    static uint8_t b[3000];
    struct ft_rng rng;
    uint64_t random = 1;

    (void)state;
    ft_rng_init(&rng, seed);
    ft_rng_bytes(&rng, a, sizeof(a));
    ft_rng_init(&rng, seed);
    for (size_t at = 0; at < sizeof(b);) {
        size_t n = test_random(&random) % 100;
        n = n < sizeof(b) - at ? n : sizeof(b) - at;
        ft_rng_bytes(&rng, b + at, n);
        at += n;
    }
    assert_memory_equal(a, b, sizeof(a));
    ft_rng_init(&rng, seed);
    uint32_t word = ft_rng_u32(&rng);
    assert_int_equal(word, (uint32_t)a[0] | (uint32_t)a[1] << 8 | (uint32_t)a[2] << 16 |
                               (uint32_t)a[3] << 24);
}

/* What was handed out cannot be found in the generator's memory afterwards. */
static void octets_handed_out_are_erased(void **state)
{
    struct ft_rng rng;
    uint8_t out[48];

    (void)state;
    ft_rng_init(&rng, seed);
    for (int round = 0; round < 40; round++) {
        ft_rng_bytes(&rng, out, sizeof(out));
        const uint8_t *mem = (const uint8_t *)&rng;
        for (size_t i = 0; i + 8 <= sizeof(rng); i++) {
            for (size_t k = 0; k + 8 <= sizeof(out); k += 8)
                assert_memory_not_equal(mem + i, out + k, 8);
        }
    }
}

static void below_stays_below_and_hits_every_number_alike(void **state)
{
    struct ft_rng rng;
    uint32_t hits[7] = {0};

    (void)state;
    ft_rng_init(&rng, seed);
    for (int i = 0; i < 70000; i++)
        hits[ft_rng_below(&rng, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(hits[i], 9600, 10400);
    assert_int_equal(ft_rng_below(&rng, 1), 0);
    /* With n of 3 * 2^30 the product alone would give a third of the numbers twice as often. */
    uint32_t n_low = 0;
    for (int i = 0; i < 30000; i++)
        n_low += ft_rng_below(&rng, 3u << 30) % 3 == 0;
    assert_in_range(n_low, 9600, 10400);
}

/* Computed by a second implementation from the docstring: a seed goes on meaning the same. */
static void keys_are_what_the_docstring_says(void **state)
{
    static const uint8_t isn[16] = {0x8a, 0x40, 0xc2, 0x06, 0x33, 0x83, 0x64, 0x14,
                                    0x4a, 0xe0, 0x45, 0x4e, 0x8b, 0x79, 0xc0, 0xb1};
    static const uint8_t two_blocks[16] = {0x08, 0xe9, 0x6d, 0x39, 0xa7, 0x75, 0xbb, 0x47,
                                           0x3b, 0x91, 0x1a, 0x73, 0x49, 0x38, 0x55, 0x84};
    uint8_t key[16];

    (void)state;
    ft_derive(seed, "isn", key, sizeof(key));
    assert_memory_equal(key, isn, sizeof(key));
    ft_derive(seed, "a label of two blocks", key, sizeof(key));
    assert_memory_equal(key, two_blocks, sizeof(key));
}

static void labels_give_unrelated_keys(void **state)
{
    static const char *const labels[] = {"",
                                         "a",
                                         "b",
                                         "aa",
                                         "isn",
                                         "isn ",
                                         "twelve octet",
                                         "twelve octett",
                                         "port",
                                         "a label that is longer than the two first blocks of it",
                                         "a label that is longer than the two first blocks of it!"};
    enum { N = sizeof(labels) / sizeof(labels[0]) };
    uint8_t keys[N][16];
    uint8_t longer[100];

    (void)state;
    for (size_t i = 0; i < N; i++) {
        ft_derive(seed, labels[i], keys[i], 16);
        ft_derive(seed, labels[i], longer, sizeof(longer));
        assert_memory_equal(keys[i], longer, 16);
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(keys[i], keys[j], 16);
    }
    uint8_t other_seed[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1};
    ft_derive(other_seed, "isn", longer, 16);
    assert_memory_not_equal(longer, keys[4], 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(block_gives_the_vector_of_rfc_8439),
        cmocka_unit_test(hchacha20_gives_its_published_vector),
        cmocka_unit_test(one_seed_gives_one_stream_however_it_is_read),
        cmocka_unit_test(octets_handed_out_are_erased),
        cmocka_unit_test(below_stays_below_and_hits_every_number_alike),
        cmocka_unit_test(keys_are_what_the_docstring_says),
        cmocka_unit_test(labels_give_unrelated_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
