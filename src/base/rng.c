/* SPDX-License-Identifier: MIT */
/*
 * ChaCha20 (RFC 8439 2.3) as a generator, and keys by purpose. Integers are read and written least
 * significant octet first, so that a seed means the same on every machine.
 */
#include "base/rng.h"

#include <assert.h>
#include <string.h>

#include "base/assert.h"

#define RNG_KEY   32
#define RNG_BLOCK 64

static_assert(FT_RNG_BUF % RNG_BLOCK == 0 && FT_RNG_BUF > RNG_KEY, "a refill is whole blocks");

static inline uint32_t rotl32(uint32_t x, unsigned n)
{
    return (x << n) | (x >> (32 - n));
}

static inline uint32_t le32_load(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void le32_store(uint8_t *p, uint32_t x)
{
    p[0] = (uint8_t)x;
    p[1] = (uint8_t)(x >> 8);
    p[2] = (uint8_t)(x >> 16);
    p[3] = (uint8_t)(x >> 24);
}

/* RFC 8439 2.1. */
static inline void quarter_round(uint32_t *s, unsigned a, unsigned b, unsigned c, unsigned d)
{
    s[a] += s[b];
    s[d] = rotl32(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotl32(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = rotl32(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotl32(s[b] ^ s[c], 7);
}

static void chacha_start(uint32_t s[16], const uint32_t key[8], const uint32_t input[4])
{
    /* RFC 8439 2.3: the constants are the text "expand 32-byte k". */
    s[0] = 0x61707865;
    s[1] = 0x3320646e;
    s[2] = 0x79622d32;
    s[3] = 0x6b206574;
    memcpy(s + 4, key, 32);
    memcpy(s + 12, input, 16);
}

static void chacha_rounds(uint32_t s[16])
{
    for (int i = 0; i < 10; i++) {
        quarter_round(s, 0, 4, 8, 12);
        quarter_round(s, 1, 5, 9, 13);
        quarter_round(s, 2, 6, 10, 14);
        quarter_round(s, 3, 7, 11, 15);
        quarter_round(s, 0, 5, 10, 15);
        quarter_round(s, 1, 6, 11, 12);
        quarter_round(s, 2, 7, 8, 13);
        quarter_round(s, 3, 4, 9, 14);
    }
}

void ft_chacha20_block(const uint32_t key[8], const uint32_t input[4], uint8_t ret_block[64])
{
    uint32_t start[16];
    uint32_t s[16];

    chacha_start(start, key, input);
    memcpy(s, start, sizeof(s));
    chacha_rounds(s);
    for (unsigned i = 0; i < 16; i++)
        le32_store(ret_block + (size_t)4 * i, s[i] + start[i]);
}

void ft_hchacha20(const uint32_t key[8], const uint32_t input[4], uint32_t ret_key[8])
{
    uint32_t s[16];

    chacha_start(s, key, input);
    chacha_rounds(s);
    memcpy(ret_key, s, 16);
    memcpy(ret_key + 4, s + 12, 16);
}

static void key_load(uint32_t key[8], const uint8_t octets[32])
{
    for (unsigned i = 0; i < 8; i++)
        key[i] = le32_load(octets + (size_t)4 * i);
}

/* Fast key erasure: the first 32 octets of the stream become the next key and leave the buffer. */
static void rng_refill(struct ft_rng *rng)
{
    uint32_t input[4] = {0, 0, 0, 0};

    for (size_t at = 0; at < FT_RNG_BUF; at += RNG_BLOCK, input[0]++)
        ft_chacha20_block(rng->key, input, rng->buf + at);
    key_load(rng->key, rng->buf);
    memset(rng->buf, 0, RNG_KEY);
    rng->pos = RNG_KEY;
}

void ft_rng_init(struct ft_rng *rng, const uint8_t seed[32])
{
    memset(rng, 0, sizeof(*rng));
    key_load(rng->key, seed);
    rng_refill(rng);
}

void ft_rng_bytes(struct ft_rng *rng, void *ret_data, size_t len)
{
    uint8_t *dst = ret_data;

    while (len > 0) {
        if (rng->pos == FT_RNG_BUF)
            rng_refill(rng);
        size_t n = FT_MIN(len, (size_t)(FT_RNG_BUF - rng->pos));
        memcpy(dst, rng->buf + rng->pos, n);
        memset(rng->buf + rng->pos, 0, n);
        rng->pos += (uint32_t)n;
        dst += n;
        len -= n;
    }
}

/* A few octets, the number of which the compiler knows. */
static inline void take(struct ft_rng *rng, uint8_t *ret_octets, size_t n)
{
    if (FT_RNG_BUF - rng->pos < n) {
        ft_rng_bytes(rng, ret_octets, n);
        return;
    }
    memcpy(ret_octets, rng->buf + rng->pos, n);
    memset(rng->buf + rng->pos, 0, n);
    rng->pos += (uint32_t)n;
}

uint32_t ft_rng_u32(struct ft_rng *rng)
{
    uint8_t b[4];

    take(rng, b, sizeof(b));
    return le32_load(b);
}

uint32_t ft_rng_below(struct ft_rng *rng, uint32_t n)
{
    ft_assert(n > 0);
    /* The high half of a product is uniform once the 2^32 mod n lowest low halves are refused. */
    uint64_t product = (uint64_t)ft_rng_u32(rng) * n;
    if ((uint32_t)product < n) {
        uint32_t refused = -n % n;
        while ((uint32_t)product < refused)
            product = (uint64_t)ft_rng_u32(rng) * n;
    }
    return (uint32_t)(product >> 32);
}

/* The next 16 octets of @label, from @at, behind @n_skip octets that are already in @block. */
static size_t label_block(const char *label, size_t at, size_t len, size_t n_skip, uint8_t *block)
{
    size_t n = FT_MIN(len - at, 16 - n_skip);

    memset(block + n_skip, 0, 16 - n_skip);
    memcpy(block + n_skip, label + at, n);
    return at + n;
}

static void absorb(uint32_t key[8], const uint8_t block[16])
{
    uint32_t input[4];

    for (unsigned i = 0; i < 4; i++)
        input[i] = le32_load(block + (size_t)4 * i);
    ft_hchacha20(key, input, key);
}

void ft_derive(const uint8_t seed[32], const char *label, void *ret_key, size_t len)
{
    uint32_t key[8];
    uint32_t input[4] = {0, 0, 0, 0};
    uint8_t block[RNG_BLOCK];
    uint8_t *dst = ret_key;
    size_t label_len = 0;

    while (label_len < FT_LABEL_MAX && label[label_len])
        label_len++;
    ft_assert(label[label_len] == '\0');
    key_load(key, seed);
    le32_store(block, (uint32_t)label_len);
    size_t at = label_block(label, 0, label_len, 4, block);
    absorb(key, block);
    while (at < label_len) {
        at = label_block(label, at, label_len, 0, block);
        absorb(key, block);
    }
    for (; len > 0; input[0]++) {
        size_t n = FT_MIN(len, (size_t)RNG_BLOCK);
        ft_chacha20_block(key, input, block);
        memcpy(dst, block, n);
        dst += n;
        len -= n;
    }
}
