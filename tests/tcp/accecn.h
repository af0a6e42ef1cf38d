/* SPDX-License-Identifier: MIT */
/*
 * Ladders of accurate ECN (RFC 9768). ACE is AE, CWR and ECE as a number; it begins with 5.
 */
#ifndef TESTS_TCP_ACCECN_H
#define TESTS_TCP_ACCECN_H

#include "ladder.h"

#define MSS  1460
#define ECT0 IP_ECN_ECT0
#define CE   IP_ECN_CE
/* A segment with ACK whose ACE field is so. */
#define ACE(n)                                                                                     \
    (SEG_ACK | (((n)&4) ? SEG_AE : 0) | (((n)&2) ? SEG_CWR : 0) | (((n)&1) ? SEG_ECE : 0))
#define SYN(n) (SEG_SYN | (ACE(n) & ~(unsigned)SEG_ACK))

static inline void init(struct ladder *t, unsigned ecn)
{
    ladder_init(t);
    t->config.ecn = (uint8_t)ecn;
    ladder_start(t);
}

static inline void accept_it(struct ladder *t)
{
    t->peer->sock = ft_accept(t->stack, t->listener, NULL, NULL);
    assert_true(t->peer->sock >= 0);
}

/* A passive open whose peer has asked, and whose ACK says that the SYN-ACK came unchanged. */
static inline void open_server(struct ladder *t)
{
    init(t, FT_ECN_ACCEPT_ACCURATE);
    stack_listens(t);
    peer_sends(t, SYN(7), .seq = 100, .mss = MSS, .sack_ok = 1);
    stack_sends(t, SEG_SYN | ACE(2), .seq = 0, .ack = 101, .tos = 0);
    peer_sends(t, ACE(2));
    accept_it(t);
    stack_sends_nothing(t);
}

/* An active open that is answered by these flags. */
static inline void open_client(struct ladder *t, unsigned answer, int64_t tos)
{
    init(t, FT_ECN_ASK_ACCURATE);
    user_connects(t);
    stack_sends(t, SYN(7), .seq = 0, .tos = 0);
    peer_sends(t, SEG_SYN | ACE(answer), .seq = 100, .mss = MSS, .sack_ok = 1, .tos = tos);
}

static inline unsigned mode(const struct ladder *t)
{
    return stack_info(t).ecn;
}

/* The option of the stack's last segment: its order and fields. */
static inline void option_is(const struct ladder *t, unsigned order, unsigned n,
                             const uint32_t *fields)
{
    assert_int_equal(t->seg.accecn, order + 1);
    assert_int_equal(t->seg.n_accecn, n);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(t->seg.accecn_field[i], fields[i]);
}

#define has_option(t, order, n, ...) option_is((t), (order), (n), (const uint32_t[]){__VA_ARGS__})

#endif
