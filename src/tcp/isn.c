/* SPDX-License-Identifier: MIT */
/*
 * What an outsider must not guess: initial sequence numbers (RFC 6528), timestamp offsets
 * (RFC 7323 5.4) and flow labels (RFC 6437). Each is a function of the four-tuple with its own key.
 */
#include "base/hash.h"
#include "priv.h"

/* RFC 6528 3: the clock ticks every 4 microseconds; 4096 ns make it a shift. */
#define ISN_TICK_SHIFT 12

static uint32_t keyed(const uint8_t key[16], const struct ft_conn *conn)
{
    uint64_t words[5] = {
        conn->local.hi,
        conn->local.lo,
        conn->remote.hi,
        conn->remote.lo,
        (uint64_t)conn->local_port << 16 | conn->remote_port,
    };
    return (uint32_t)ft_siphash(key, words, sizeof words);
}

/* RFC 9293 MUST-8, SHLD-1, MUST-9: ISN = M + F(four-tuple, secret). */
ft_seq ft_tcp_isn(const struct ft_tcp *tcp, const struct ft_conn *conn)
{
    uint32_t m = (uint32_t)(tcp->env->now >> ISN_TICK_SHIFT);
    return seq_make(m + keyed(tcp->isn_key, conn));
}

uint32_t ft_tcp_flow_label(const struct ft_tcp *tcp, const struct ft_conn *conn)
{
    return keyed(tcp->label_key, conn) & 0xfffff;
}

uint32_t ft_tcp_ts_offset(const struct ft_tcp *tcp, const struct ft_conn *conn)
{
    return keyed(tcp->ts_key, conn);
}
