/* SPDX-License-Identifier: MIT */
/*
 * The peer of a ladder signs, and looks at the stack's signatures (RFC 2385, RFC 5925): written
 * from the RFCs, in one flat buffer, so that it shares no mistake with the stack. The arithmetic is
 * a stand-in by SipHash: what is tested is what is signed, with which key, and when.
 */
#ifndef TESTS_TCP_SIGNER_H
#define TESTS_TCP_SIGNER_H

#include "ladder.h"

#include <fourtuple/auth.h>

/* What the peer signs by. */
struct ladder_key {
    uint8_t kind;       /* TCP_SIG_MD5, TCP_SIG_AO */
    const char *secret; /* the key, or the master key */
    uint8_t key_id;     /* TCP-AO: of what the peer sends */
    uint8_t rnext_id;   /* TCP-AO: what it asks for */
    uint8_t mac_len;    /* TCP-AO: 0: 12 */
    bool bare;          /* TCP-AO: other options are not covered */
    uint32_t sne;       /* TCP-AO: of what the peer sends */
};

/** Primitives that need no library: "hmac(sha1)" and "cmac(aes128)" by name only. */
void stand_in_auth(struct ft_auth *ret);

/** ladder_init() with primitives; the test sets keys and calls ladder_start(). */
void signer_init(struct ladder *t);

/** The option's octets for a segment of the peer, with the MAC zero. Return: how many. */
size_t signer_option(const struct ladder_key *key, uint8_t *ret);

/** Fill in the signature of a segment that the peer sends. @l4: header with the option */
void signer_sign(const struct ladder *t, const struct ladder_key *key, const struct ft_addr *src,
                 const struct ft_addr *dst, uint8_t *l4, size_t len);

/** The last segment that a step took from the stack is signed by this key of the stack's, whose
    key_id is the stack's SendID; sne: of the stack. */
void stack_signed(struct ladder *t, const struct ladder_key *key);

/** TCP_MD5SIG on a socket for the ladder's peer. @secret: NULL: forget it. Return: as the call. */
int user_sets_md5(struct ladder *t, ft_sock sock, const char *secret);

/** TCP_AO_ADD_KEY on a socket for the ladder's peer, or for all (@prefix 0). Return: as the call.
 */
int user_adds_ao(struct ladder *t, ft_sock sock, const char *secret, uint8_t snd_id, uint8_t rcv_id,
                 uint8_t prefix);

#endif
