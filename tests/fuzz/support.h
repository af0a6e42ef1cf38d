/* SPDX-License-Identifier: MIT */
/*
 * What several fuzz targets need: a check that stays, an allocator, and the input read octet by
 * octet.
 */
#ifndef TESTS_FUZZ_SUPPORT_H
#define TESTS_FUZZ_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/** What libFuzzer calls for each input. Return: 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Abort if this is not true. */
static inline void must(bool truth)
{
    if (!truth)
        abort();
}

/** struct ft_mem's alloc, by malloc(). */
static inline void *fuzz_alloc(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size);
}

/** struct ft_mem's free. */
static inline void fuzz_free(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    (void)size;
    free(ptr);
}

/** What is left of an input. */
struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

/** The next octet, 0 behind the end. */
static inline uint8_t fuzz_octet(struct fuzz_input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++;
}

#endif
