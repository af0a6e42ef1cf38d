/* SPDX-License-Identifier: MIT */
/*
 * Randomness out of a seed: a generator on ChaCha20 (RFC 8439) with fast key erasure, so that its
 * memory does not give away what it produced before, and keys derived from the seed by the name of
 * their purpose. The same seed gives the same octets on every machine.
 */
#ifndef FT_BASE_RNG_H
#define FT_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

#define FT_RNG_BUF   512
#define FT_LABEL_MAX 255 /* octets of a label of ft_derive() */

struct ft_rng {
    uint32_t key[8];         /* for the next refill; never what made @buf */
    uint32_t pos;            /* octets of @buf that have been handed out, and erased */
    uint8_t buf[FT_RNG_BUF]; /* octets to hand out */
};

/** Start @rng from @seed, 256 bits. Different purposes take different seeds: see ft_derive(). */
void ft_rng_init(struct ft_rng *rng, const uint8_t seed[32]);

/** 32 uniform bits. */
uint32_t ft_rng_u32(struct ft_rng *rng);

/** A number from 0 to @n - 1, each equally likely. @n is not 0. */
uint32_t ft_rng_below(struct ft_rng *rng, uint32_t n);

/** Fill @ret_data with @len uniform octets. */
void ft_rng_bytes(struct ft_rng *rng, void *ret_data, size_t len);

/**
 * Derive a key for one purpose from a seed.
 *
 * @seed:    256 secret bits
 * @label:   the purpose, such as "isn"; public, at most FT_LABEL_MAX octets
 * @ret_key: filled with @len octets
 * @len:     octets; a shorter key of the same label is a prefix of a longer one
 *
 * A pseudo-random function of the seed: the keys of different labels are independent, and none
 * tells anything of the seed. HChaCha20 is chained over the label in blocks of 16 octets, the first
 * of which begins with the label's length, so that no label's blocks are a prefix of another's;
 * the key is the ChaCha20 stream of the last result.
 */
void ft_derive(const uint8_t seed[32], const char *label, void *ret_key, size_t len);

/**
 * The ChaCha20 block function (RFC 8439 2.3).
 *
 * @key:       as eight little-endian words
 * @input:     words 12 to 15 of the state: counter and nonce
 * @ret_block: 64 octets of key stream
 */
void ft_chacha20_block(const uint32_t key[8], const uint32_t input[4], uint8_t ret_block[64]);

/**
 * HChaCha20: a 256-bit key of a key and 128 public bits.
 *
 * @key:     as eight little-endian words
 * @input:   words 12 to 15 of the state
 * @ret_key: words 0 to 3 and 12 to 15 of the state after 20 rounds; may be @key itself
 */
void ft_hchacha20(const uint32_t key[8], const uint32_t input[4], uint32_t ret_key[8]);

#endif
