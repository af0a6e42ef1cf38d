/* SPDX-License-Identifier: MIT */
/*
 * What a secret asks for: that it is gone when its memory is given back, and that a comparison with
 * it takes as long whatever it is compared with.
 */
#ifndef BASE_WIPE_H
#define BASE_WIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Overwrite octets by zeros, even if nobody reads them any more. */
static inline void ft_wipe(void *data, size_t len)
{
    volatile uint8_t *p = data;

    for (size_t i = 0; i < len; i++)
        p[i] = 0;
}

/** Whether octets are equal; looks at all of them. */
static inline bool ft_equal_secret(const uint8_t *a, const uint8_t *b, size_t len)
{
    uint8_t differ = 0;

    for (size_t i = 0; i < len; i++)
        differ |= a[i] ^ b[i];
    return differ == 0;
}

#endif
