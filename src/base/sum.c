/* SPDX-License-Identifier: MIT */
/*
 * The Internet checksum, fast in plain C. RFC 1071 2: the ones' complement sum does not care in
 * which byte order the words are added, nor how wide they are, so words are added as the machine
 * loads them, two 64-bit lanes at a time, and the octets of the result are swapped once.
 */
#include "base/sum.h"

#include <stdbool.h>
#include <string.h>

typedef uint64_t sum_lanes __attribute__((vector_size(16)));

#define SUM_BLOCK 64

/* Of 64-bit words the plain sum (modulo 2^64) and the sum of the high halves: the sum of the low
   halves follows from both. That is three operations on two words, where adding each half by itself
   takes four. */
struct sum_acc {
    sum_lanes all;
    sum_lanes high;
};

static inline void acc_add(struct sum_acc *acc, sum_lanes w)
{
    acc->all += w;
    acc->high += w >> 32;
}

/* One variable a load: an array of them would live in memory. */
static inline __attribute__((always_inline)) sum_lanes lanes_move(uint8_t *dst, const uint8_t *src,
                                                                  bool copy)
{
    sum_lanes w;

    memcpy(&w, src, sizeof(w));
    if (copy)
        memcpy(dst, &w, sizeof(w));
    return w;
}

static inline uint64_t acc_total(const struct sum_acc *a, const struct sum_acc *b)
{
    sum_lanes all = a->all + b->all;
    sum_lanes high = a->high + b->high;
    sum_lanes halves = all - (high << 32) + high;

    return halves[0] + halves[1];
}

/* Add the 16-bit words in machine order of the whole blocks of @len octets; copy them if @copy. */
static inline __attribute__((always_inline)) uint64_t sum_blocks(uint8_t *dst, const uint8_t *src,
                                                                 size_t len, bool copy)
{
    struct sum_acc a = {.all = {0, 0}};
    struct sum_acc b = {.all = {0, 0}};

    for (size_t i = 0; i + SUM_BLOCK <= len; i += SUM_BLOCK) {
        acc_add(&a, lanes_move(copy ? dst + i : NULL, src + i, copy));
        acc_add(&b, lanes_move(copy ? dst + i + 16 : NULL, src + i + 16, copy));
        acc_add(&a, lanes_move(copy ? dst + i + 32 : NULL, src + i + 32, copy));
        acc_add(&b, lanes_move(copy ? dst + i + 48 : NULL, src + i + 48, copy));
    }
    return acc_total(&a, &b);
}

/* The same for fewer octets than a block; a last odd one is the first of its word. */
static inline __attribute__((always_inline)) uint64_t sum_rest(uint8_t *dst, const uint8_t *src,
                                                               size_t len, bool copy)
{
    uint64_t sum = 0;
    size_t i = 0;
    uint32_t w;

    for (; i + 4 <= len; i += 4) {
        memcpy(&w, src + i, 4);
        if (copy)
            memcpy(dst + i, &w, 4);
        sum += w;
    }
    if (i == len)
        return sum;
    uint8_t rest[4] = {0};
    for (size_t k = 0; k < (len & 3); k++) {
        rest[k] = src[i + k];
        if (copy)
            dst[i + k] = src[i + k];
    }
    memcpy(&w, rest, 4);
    return sum + w;
}

static inline __attribute__((always_inline)) uint64_t sum_any(uint8_t *dst, const uint8_t *src,
                                                              size_t len, uint64_t sum, bool copy)
{
    size_t n_blocks = len & ~(size_t)(SUM_BLOCK - 1);
    uint64_t words = 0;

    if (n_blocks > 0)
        words = sum_blocks(dst, src, n_blocks, copy);
    words += sum_rest(copy ? dst + n_blocks : NULL, src + n_blocks, len - n_blocks, copy);
    uint32_t folded = ft_sum_fold(words);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    folded = (folded >> 8) | ((folded & 0xff) << 8);
#endif
    return sum + folded;
}

uint64_t ft_sum(const void *p, size_t len, uint64_t sum)
{
    return sum_any(NULL, p, len, sum, false);
}

uint64_t ft_sum_copy(void *dst, const void *src, size_t len, uint64_t sum)
{
    return sum_any(dst, src, len, sum, true);
}
