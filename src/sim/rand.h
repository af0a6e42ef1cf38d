/* SPDX-License-Identifier: MIT */
/*
 * The simulator's own randomness: xoshiro256** seeded by splitmix64, integers only, the same on
 * every machine. Each purpose has a stream of its own, so that a new decision in one place does
 * not change the decisions of another. The stacks never draw from it.
 */
#ifndef SIM_RAND_H
#define SIM_RAND_H

#include <stdbool.h>
#include <stdint.h>

struct sim_rand {
    uint64_t s[4];
};

/** The splitmix64 mix of one word. @x: any. Return: a word that depends on every bit of @x. */
static inline uint64_t sim_mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/** Start a stream. @seed: of the world. @purpose, @index: which stream of it. */
static inline void sim_rand_init(struct sim_rand *rand, uint64_t seed, uint32_t purpose,
                                 uint32_t index)
{
    uint64_t x = sim_mix(seed) ^ sim_mix(((uint64_t)purpose << 32) | index);

    for (int i = 0; i < 4; i++) {
        x = sim_mix(x);
        rand->s[i] = x;
    }
}

/** The next 64 bits. */
static inline uint64_t sim_rand_next(struct sim_rand *rand)
{
    uint64_t *s = rand->s;
    uint64_t x = s[1] * 5;
    uint64_t result = ((x << 7) | (x >> 57)) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return result;
}

/** A number in [0, n). @n: not 0; the bias of the remainder is below 2^-32 for what we draw. */
static inline uint64_t sim_rand_below(struct sim_rand *rand, uint64_t n)
{
    return sim_rand_next(rand) % n;
}

/** A number in [@lo, @hi]. */
static inline uint64_t sim_rand_range(struct sim_rand *rand, uint64_t lo, uint64_t hi)
{
    return lo + sim_rand_below(rand, hi - lo + 1);
}

/** True in @percent of 100 draws. */
static inline bool sim_rand_chance(struct sim_rand *rand, uint32_t percent)
{
    return sim_rand_below(rand, 100) < percent;
}

/** A size in [1, 2^bits]: each order of magnitude is as likely as another. @bits: at most 40. */
static inline uint64_t sim_rand_size(struct sim_rand *rand, uint32_t bits)
{
    uint64_t top = UINT64_C(1) << sim_rand_below(rand, bits + 1);

    return sim_rand_range(rand, (top + 1) / 2, top);
}

#endif
