/* SPDX-License-Identifier: MIT */
/*
 * SipHash after the paper: "SipHash: a fast short-input PRF" (2012), sections 2.1 to 2.4.
 */
#include "base/hash.h"

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl64(uint64_t x, unsigned n)
{
    return (x << n) | (x >> (64 - n));
}

static inline uint64_t le64(const uint8_t *p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
           (uint64_t)p[7] << 56;
}

static inline void sip_rounds(struct sip *s, int n)
{
    while (n-- > 0) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = rotl64(s->v1, 13) ^ s->v0;
        s->v3 = rotl64(s->v3, 16) ^ s->v2;
        s->v0 = rotl64(s->v0, 32);
        s->v2 += s->v1;
        s->v0 += s->v3;
        s->v1 = rotl64(s->v1, 17) ^ s->v2;
        s->v3 = rotl64(s->v3, 21) ^ s->v0;
        s->v2 = rotl64(s->v2, 32);
    }
}

static inline void sip_start(struct sip *s, const uint8_t key[16])
{
    uint64_t k0 = le64(key);
    uint64_t k1 = le64(key + 8);

    /* The initial state is the text "somepseudorandomlygeneratedbytes". */
    s->v0 = k0 ^ UINT64_C(0x736f6d6570736575);
    s->v1 = k1 ^ UINT64_C(0x646f72616e646f6d);
    s->v2 = k0 ^ UINT64_C(0x6c7967656e657261);
    s->v3 = k1 ^ UINT64_C(0x7465646279746573);
}

static inline void sip_word(struct sip *s, uint64_t m, int c)
{
    s->v3 ^= m;
    sip_rounds(s, c);
    s->v0 ^= m;
}

static inline uint64_t sip_end(struct sip *s, int d)
{
    s->v2 ^= 0xff;
    sip_rounds(s, d);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

static inline uint64_t sip(const uint8_t key[16], const uint8_t *p, size_t len, int c, int d)
{
    struct sip s;
    uint64_t last = (uint64_t)len << 56; /* only the length modulo 256 counts */
    size_t i = 0;

    sip_start(&s, key);
    for (; i + 8 <= len; i += 8)
        sip_word(&s, le64(p + i), c);
    for (unsigned shift = 0; i < len; i++, shift += 8)
        last |= (uint64_t)p[i] << shift;
    sip_word(&s, last, c);
    return sip_end(&s, d);
}

uint64_t ft_siphash(const uint8_t key[16], const void *data, size_t len)
{
    return sip(key, data, len, 2, 4);
}

uint64_t ft_siphash13_words(const uint8_t key[16], const uint64_t *w, size_t n_words)
{
    struct sip s;

    sip_start(&s, key);
    for (size_t i = 0; i < n_words; i++)
        sip_word(&s, w[i], 1);
    sip_word(&s, (uint64_t)n_words << 59, 1);
    return sip_end(&s, 3);
}
