/* SPDX-License-Identifier: MIT */
/*
 * MD5 (RFC 1321), SHA-1 (RFC 3174) and HMAC (RFC 2104) for the simulated hosts and their auditor.
 * The two digests have one frame: words of 32 bits, blocks of 64 octets, the length at the end.
 */
#include "digest.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define BLOCK     64
#define LENGTH_AT 56 /* of the last block */
#define WORDS_MAX 5

struct digest {
    uint32_t h[WORDS_MAX];
    uint32_t n_words;
    bool is_big; /* octets of a word and of the length: the highest first */
    uint64_t len;
    uint8_t block[BLOCK];
};

static uint32_t rotl(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

static uint32_t load(const uint8_t *p, bool is_big)
{
    if (is_big)
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static void store(uint8_t *p, uint32_t value, bool is_big)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> 8 * (is_big ? 3 - i : i));
}

/* ---- a block of each ---- */

/* RFC 1321 3.4: 2^32 * abs(sin(i)), i = 1 .. 64. */
static const uint32_t sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

static void mix_md5(uint32_t *h, const uint8_t *block)
{
    static const uint8_t turns[4][4] = {
        {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3];

    for (unsigned i = 0; i < 64; i++) {
        static const uint8_t step[4] = {1, 5, 3, 7}, first[4] = {0, 1, 5, 0};
        unsigned round = i / 16;
        uint32_t f = round == 0   ? (b & c) | (~b & d)
                     : round == 1 ? (b & d) | (c & ~d)
                     : round == 2 ? b ^ c ^ d
                                  : c ^ (b | ~d);
        uint32_t word = load(block + 4 * ((first[round] + step[round] * i) % 16), false);
        uint32_t next = b + rotl(a + f + word + sines[i], turns[round][i % 4]);

        a = d;
        d = c;
        c = b;
        b = next;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
}

/* RFC 3174 6.1. */
static void mix_sha1(uint32_t *h, const uint8_t *block)
{
    static const uint32_t adds[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    uint32_t w[80];

    for (unsigned i = 0; i < 80; i++) {
        unsigned round = i / 20;
        uint32_t f = round == 0   ? (b & c) | (~b & d)
                     : round == 2 ? (b & c) | (b & d) | (c & d)
                                  : b ^ c ^ d;
        uint32_t next;

        w[i] = i < 16 ? load(block + 4 * (size_t)i, true)
                      : rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        next = rotl(a, 5) + f + e + w[i] + adds[round];
        e = d;
        d = c;
        c = rotl(b, 30);
        b = a;
        a = next;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

/* ---- the frame ---- */

static void begin(struct digest *d, bool is_sha1)
{
    static const uint32_t first[WORDS_MAX] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476,
                                              0xc3d2e1f0};

    memcpy(d->h, first, sizeof(first));
    d->n_words = is_sha1 ? 5 : 4;
    d->is_big = is_sha1;
    d->len = 0;
}

static void mix(struct digest *d, const uint8_t *block)
{
    if (d->is_big)
        mix_sha1(d->h, block);
    else
        mix_md5(d->h, block);
}

static void add(struct digest *d, const uint8_t *p, size_t len)
{
    size_t at = d->len % BLOCK;

    d->len += len;
    while (len > 0) {
        size_t n = len < BLOCK - at ? len : BLOCK - at;

        if (n < BLOCK)
            memcpy(d->block + at, p, n);
        if (at + n == BLOCK)
            mix(d, n < BLOCK ? d->block : p);
        at = 0;
        p += n;
        len -= n;
    }
}

static void add_parts(struct digest *d, const struct ft_span *parts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (parts[i].len > 0)
            add(d, parts[i].data, parts[i].len);
    }
}

static void end(struct digest *d, uint8_t *ret)
{
    static const uint8_t padding[BLOCK] = {0x80};
    uint64_t bits = 8 * d->len;
    size_t at = d->len % BLOCK;
    uint8_t length[8];

    store(length + (d->is_big ? 0 : 4), (uint32_t)(bits >> 32), d->is_big);
    store(length + (d->is_big ? 4 : 0), (uint32_t)bits, d->is_big);
    add(d, padding, at < LENGTH_AT ? LENGTH_AT - at : BLOCK + LENGTH_AT - at);
    add(d, length, sizeof(length));
    for (uint32_t i = 0; i < d->n_words; i++)
        store(ret + 4 * (size_t)i, d->h[i], d->is_big);
}

void digest_md5(const struct ft_span *parts, size_t n, uint8_t ret[FT_AUTH_MD5_LEN])
{
    struct digest d;

    begin(&d, false);
    add_parts(&d, parts, n);
    end(&d, ret);
}

/* RFC 2104 2: H(K ^ opad, H(K ^ ipad, text)). */
void digest_hmac_sha1(const struct ft_span *key, const struct ft_span *parts, size_t n,
                      uint8_t ret[DIGEST_SHA1_LEN])
{
    uint8_t padded[BLOCK] = {0}, inner[DIGEST_SHA1_LEN];
    struct digest d;

    begin(&d, true);
    if (key->len > BLOCK) {
        add_parts(&d, key, 1);
        end(&d, padded);
        begin(&d, true);
    } else if (key->len > 0) {
        memcpy(padded, key->data, key->len);
    }
    for (size_t i = 0; i < BLOCK; i++)
        padded[i] ^= 0x36;
    add(&d, padded, BLOCK);
    add_parts(&d, parts, n);
    end(&d, inner);
    for (size_t i = 0; i < BLOCK; i++)
        padded[i] ^= 0x36 ^ 0x5c;
    begin(&d, true);
    add(&d, padded, BLOCK);
    add(&d, inner, sizeof(inner));
    end(&d, ret);
}

/* ---- as a stack asks for them ---- */

static int md5(void *ctx, const struct ft_span *parts, size_t n, uint8_t ret[FT_AUTH_MD5_LEN])
{
    (void)ctx;
    digest_md5(parts, n, ret);
    return 0;
}

static int mac_find(void *ctx, const char *name, size_t *ret_len)
{
    (void)ctx;
    if (strcmp(name, "hmac(sha1)") != 0)
        return -ENOENT;
    *ret_len = DIGEST_SHA1_LEN;
    return 0;
}

static int mac(void *ctx, int alg, const struct ft_span *key, const struct ft_span *parts, size_t n,
               uint8_t ret[FT_AUTH_MAC_LEN_MAX])
{
    (void)ctx;
    (void)alg;
    digest_hmac_sha1(key, parts, n, ret);
    return 0;
}

void ft_sim_auth(struct ft_auth *ret)
{
    *ret = (struct ft_auth){md5, mac_find, mac, NULL};
}
