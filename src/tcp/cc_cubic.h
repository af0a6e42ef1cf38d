/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic of CUBIC (RFC 9438 4.2) in integers, apart so that it can be held against exact
 * figures.
 */
#ifndef TCP_CC_CUBIC_H
#define TCP_CC_CUBIC_H

#include <stdint.h>

/* A curve: W_cubic(t) = C * (t - K)^3 + W_max, with C = 0.4 segments a second cubed. */
struct ft_cubic_curve {
    uint32_t w_max; /* octets */
    uint32_t k_ms;
    uint32_t mss; /* octets of a segment */
};

/** The largest integer whose cube is at most @x. */
uint32_t ft_cubic_root(uint64_t x);

/** K of equation 2, milliseconds. @w_max, @cwnd_epoch: octets; @mss: octets of a segment. */
uint32_t ft_cubic_k_ms(uint32_t w_max, uint32_t cwnd_epoch, uint32_t mss);

/** W_cubic(t) of equation 1, octets. */
uint32_t ft_cubic_window(const struct ft_cubic_curve *curve, uint32_t t_ms);

#endif
