/* SPDX-License-Identifier: MIT */
/*
 * SYN cookies (RFC 4987 3.6): when the embryos of a passive socket overflow, the initial sequence
 * number itself says what the SYN said, and nothing is kept.
 *
 *     31     27 26 24 23                                  0
 *    +---------+-----+-------------------------------------+
 *    |  period | MSS |   keyed hash of four-tuple, IRS     |
 *    +---------+-----+-------------------------------------+
 *
 * With timestamps, the low six bits of TSval carry scale, SACK and ECN, as on Linux: they come back
 * in TSecr.
 */
#include "base/hash.h"
#include "priv.h"

#define PERIOD     (64 * FT_SEC)
#define TS_NOSCALE 15u
#define TS_SACK    16u
#define TS_ECN     32u
#define TS_BITS    63u

/* RFC 9293 SHLD-5's defaults and what links have; the peer's value is rounded down. */
static const uint16_t mss_table[8] = {216, 536, 1200, 1220, 1360, 1440, 1460, 8960};

static uint32_t mac(const struct ft_tcp *tcp, const struct ft_conn *conn, ft_seq irs,
                    uint32_t period, uint32_t mss_index)
{
    uint64_t words[7] = {
        conn->local.hi,
        conn->local.lo,
        conn->remote.hi,
        conn->remote.lo,
        (uint64_t)conn->local_port << 16 | conn->remote_port,
        irs.v,
        (uint64_t)period << 8 | mss_index,
    };
    return (uint32_t)ft_siphash(tcp->cookie_key, words, sizeof words) & 0xffffff;
}

void ft_cookie_send(struct ft_tcp *tcp, struct ft_listener *listener, struct tcp_embryo *embryo)
{
    uint32_t period = (uint32_t)(tcp->env->now / PERIOD);
    uint32_t index = 7;
    while (index > 0 && mss_table[index] > embryo->peer_mss)
        index--;
    embryo->iss = seq_make((period & 31) << 27 | index << 24 |
                           mac(tcp, &embryo->conn, embryo->irs, period, index));
    uint32_t tsval = 0;
    if (embryo->flags & EMB_TS) {
        uint32_t now = tcp_now_ms(tcp) + ft_tcp_ts_offset(tcp, &embryo->conn);
        uint32_t bits = (embryo->flags & EMB_WSCALE) ? embryo->snd_wscale : TS_NOSCALE;
        bits |= (embryo->flags & EMB_SACK) ? TS_SACK : 0;
        bits |= (embryo->ecn & EMBRYO_ECN_CLASSIC) ? TS_ECN : 0;
        tsval = (now & ~TS_BITS) | bits;
        /* Never ahead of the clock, or the next segment would look old. */
        if ((int32_t)(tsval - now) > 0)
            tsval -= TS_BITS + 1;
    } else {
        embryo->flags &= EMB_AO;                     /* nowhere to keep scale, SACK and ECN */
        embryo->ecn &= (uint8_t)~EMBRYO_ECN_CLASSIC; /* the accurate kind tells by itself */
    }
    listener->cookies = true;
    listener->cookies_at = tcp->env->now;
    listener->cookie_wscale = embryo->rcv_wscale;
    tcp->env->counters.tcp_cookies_sent++;
    ft_listen_synack(tcp, embryo, listener, tsval);
}

bool ft_cookie_plausible(const struct ft_tcp *tcp, const struct ft_listener *listener,
                         const struct ft_tcp_seg *seg)
{
    if (!listener->cookies || tcp->env->now - listener->cookies_at > 2 * PERIOD)
        return false;
    uint32_t period = seq_sub(seg->ack, 1).v >> 27;
    return (((uint32_t)(tcp->env->now / PERIOD) - period) & 31) <= 1;
}

bool ft_cookie_check(const struct ft_tcp *tcp, const struct ft_listener *listener,
                     const struct ft_conn *conn, const struct ft_tcp_seg *seg,
                     struct tcp_embryo *ret_embryo)
{
    /* only while they are of use, or just after. */
    if (!listener->cookies || tcp->env->now - listener->cookies_at > 2 * PERIOD)
        return false;
    ft_seq iss = seq_sub(seg->ack, 1);
    ft_seq irs = seq_sub(seg->seq, 1);
    uint32_t now = (uint32_t)(tcp->env->now / PERIOD);
    uint32_t age = (now - (iss.v >> 27)) & 31;
    uint32_t period = now - age;
    uint32_t index = (iss.v >> 24) & 7;
    if (age > 1 || mac(tcp, conn, irs, period, index) != (iss.v & 0xffffff)) {
        tcp->env->counters.tcp_cookies_bad++;
        return false;
    }
    tcp->env->counters.tcp_cookies_good++;
    uint8_t accurate = ft_ecn_read_cookie(tcp, seg);
    *ret_embryo = (struct tcp_embryo){
        .conn = *conn,
        .iss = iss,
        .irs = irs,
        .peer_mss = mss_table[index],
        .rcv_wscale = listener->cookie_wscale,
        .flags = EMB_AGAIN, /* nobody knows how often it was answered */
    };
    if (seg->has_ts) {
        uint32_t bits = seg->tsecr & TS_BITS;
        ret_embryo->ts_recent = seg->tsval;
        ret_embryo->flags |= EMB_TS;
        if (bits & TS_SACK)
            ret_embryo->flags |= EMB_SACK;
        if (bits & TS_ECN)
            ret_embryo->ecn = EMBRYO_ECN_CLASSIC;
        if ((bits & 15) != TS_NOSCALE) {
            ret_embryo->flags |= EMB_WSCALE;
            ret_embryo->snd_wscale = bits & 15;
        }
    }
    if (accurate)
        ret_embryo->ecn = accurate;
    return true;
}
