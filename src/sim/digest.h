/* SPDX-License-Identifier: MIT */
/*
 * What signs segments in a simulated world: MD5 and HMAC-SHA-1, pure, and the same on any machine
 * and in any build, with libcrypto or without it. They are here so that one seed has one history,
 * and are the real ones, so that others can verify a capture; nothing outside the simulator uses
 * them.
 */
#ifndef SIM_DIGEST_H
#define SIM_DIGEST_H

#include <fourtuple/auth.h>

#define DIGEST_SHA1_LEN 20

/** The primitives, for the configuration of a stack: MD5, and "hmac(sha1)". */
void ft_sim_auth(struct ft_auth *ret);

/** The MD5 digest of the parts, one after the other (RFC 1321). */
void digest_md5(const struct ft_span *parts, size_t n, uint8_t ret[FT_AUTH_MD5_LEN]);

/** HMAC with SHA-1 (RFC 2104, RFC 3174). */
void digest_hmac_sha1(const struct ft_span *key, const struct ft_span *parts, size_t n,
                      uint8_t ret[DIGEST_SHA1_LEN]);

#endif
