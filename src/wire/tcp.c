/* SPDX-License-Identifier: MIT */
/*
 * The TCP header and its options. The data offset is checked before anything behind the first 20
 * octets is read; the option walk moves by at least one octet and stays inside the header.
 * RFC 9293 3.1, 3.2; RFC 7323 2, 3; RFC 2018 2, 3; RFC 7413 4.1.1.
 */
#include "wire/tcp.h"

#include <errno.h>
#include <string.h>

#include "wire/be.h"
#include "wire/csum.h"
#include "wire/ip.h"

#define OPTIONS_LEN_MAX (TCP_HDR_LEN_MAX - TCP_HDR_LEN)
#define FLAGS_MASK      0x1ff
/* NOP NOP TS: what nearly every segment of an established connection has. */
#define TS_ALIGNED      0x0101080a
#define TS_ALIGNED_LEN  12

#define EXP_TFO_MAGIC   0xf989 /* RFC 7413 appendix A */

enum tcp_option {
    OPT_END = 0,
    OPT_NOP = 1,
    OPT_MSS = 2,
    OPT_WSCALE = 3,
    OPT_SACK_OK = 4,
    OPT_SACK = 5,
    OPT_TS = 8,
    OPT_MD5 = TCP_SIG_MD5,
    OPT_AO = TCP_SIG_AO,
    OPT_TFO = 34,
    OPT_ACCECN0 = 172,
    OPT_ACCECN1 = 174,
    OPT_EXP = 254,
};

static bool parse_sack(const uint8_t *opt, size_t len, struct ft_tcp_seg *seg)
{
    size_t n = (len - 2) / 8;

    if (n == 0 || n > TCP_SACKS_MAX || len != 2 + 8 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        seg->sack[i].lo = seq_make(be32_load(opt + 2 + 8 * i));
        seg->sack[i].hi = seq_make(be32_load(opt + 6 + 8 * i));
    }
    seg->n_sack = (uint8_t)n;
    return true;
}

/* RFC 7413 4.1.1: no cookie asks for one; else 4 to 16 octets and an even number. @head: octets
   before the cookie. */
static bool parse_tfo(const uint8_t *opt, size_t len, size_t head, struct ft_tcp_seg *seg)
{
    size_t n = len - head;

    if (n != 0 && (n < 4 || n > TCP_COOKIE_LEN_MAX || n % 2 != 0))
        return false;
    memcpy(seg->tfo, opt + head, n);
    seg->tfo_len = (uint8_t)n;
    seg->has_tfo = true;
    seg->tfo_exp = opt[0] == OPT_EXP;
    return true;
}

/* RFC 2385 3.0: kind, length, 16 octets. RFC 5925 2.2: kind, length, KeyID, RNextKeyID, MAC. One of
   them, once. @at: of the MAC in the header */
static void parse_sig(const uint8_t *opt, size_t len, size_t at, struct ft_tcp_seg *seg)
{
    const bool is_md5 = opt[0] == OPT_MD5;
    const size_t head = is_md5 ? 2 : 4;

    if (seg->n_sig > 0 || len < head || (is_md5 && len != head + TCP_MD5_LEN)) {
        seg->n_sig = UINT8_MAX;
        return;
    }
    seg->n_sig = 1;
    seg->sig = opt[0];
    seg->sig_at = (uint8_t)(at + head);
    seg->sig_len = (uint8_t)(len - head);
    seg->key_id = is_md5 ? 0 : opt[2];
    seg->rnext_id = is_md5 ? 0 : opt[3];
}

/* RFC 9768 3.2.3: whole fields count, whatever the length is. */
static void parse_accecn(const uint8_t *opt, size_t len, struct ft_tcp_seg *seg)
{
    size_t n = (len - 2) / 3;

    seg->accecn = opt[0] == OPT_ACCECN0 ? 1 : 2;
    seg->n_accecn = (uint8_t)(n < TCP_ACCECN_FIELDS ? n : TCP_ACCECN_FIELDS);
    for (size_t i = 0; i < seg->n_accecn; i++)
        seg->accecn_field[i] = (uint32_t)opt[2 + 3 * i] << 16 | be16_load(opt + 3 + 3 * i);
}

/* One option whose `len` octets, at least two, are all there. False: a wrong length. */
static bool parse_option(const uint8_t *opt, size_t len, struct ft_tcp_seg *seg)
{
    switch (opt[0]) {
    case OPT_MSS:
        if (len != 4)
            return false;
        seg->has_mss = true;
        seg->mss = be16_load(opt + 2);
        return true;
    case OPT_WSCALE:
        if (len != 3)
            return false;
        seg->has_wscale = true;
        seg->wscale = opt[2];
        return true;
    case OPT_SACK_OK:
        if (len != 2)
            return false;
        seg->sack_ok = true;
        return true;
    case OPT_SACK:
        return parse_sack(opt, len, seg);
    case OPT_TS:
        if (len != 10)
            return false;
        seg->has_ts = true;
        seg->tsval = be32_load(opt + 2);
        seg->tsecr = be32_load(opt + 6);
        return true;
    case OPT_TFO:
        return parse_tfo(opt, len, 2, seg);
    case OPT_ACCECN0:
    case OPT_ACCECN1:
        parse_accecn(opt, len, seg);
        return true;
    case OPT_EXP:
        if (len < 4 || be16_load(opt + 2) != EXP_TFO_MAGIC)
            return true; /* somebody else's experiment */
        return parse_tfo(opt, len, 4, seg);
    default: /* RFC 9293 MUST-6: a kind that is not known is skipped by its length. */
        return true;
    }
}

/* RFC 9293 MUST-4, MUST-5, MUST-64, MUST-68: on any segment, at any octet, each by its length. */
static void parse_options(const uint8_t *opts, size_t len, struct ft_tcp_seg *seg)
{
    size_t at = 0;

    while (at < len && opts[at] != OPT_END) {
        size_t opt_len;

        if (opts[at] == OPT_NOP) {
            at++;
            continue;
        }
        if (len - at < 2 || opts[at + 1] < 2 || opts[at + 1] > len - at) {
            seg->bad_options = true;
            return;
        }
        opt_len = opts[at + 1];
        if (opts[at] == OPT_MD5 || opts[at] == OPT_AO)
            parse_sig(opts + at, opt_len, TCP_HDR_LEN + at, seg);
        else if (!parse_option(opts + at, opt_len, seg))
            seg->bad_options = true;
        at += opt_len;
    }
}

int tcp_parse(const uint8_t *buf, size_t len, struct ft_tcp_seg *ret)
{
    size_t hdr_len;

    if (len < TCP_HDR_LEN)
        return -EINVAL;
    hdr_len = (size_t)(buf[12] >> 4) * 4;
    if (hdr_len < TCP_HDR_LEN || hdr_len > len)
        return -EINVAL;
    ret->src_port = be16_load(buf);
    ret->dst_port = be16_load(buf + 2);
    ret->seq = seq_make(be32_load(buf + 4));
    ret->ack = seq_make(be32_load(buf + 8));
    ret->flags = be16_load(buf + 12) & FLAGS_MASK;
    ret->wnd = be16_load(buf + 14);
    ret->urg = be16_load(buf + 18);
    ret->hdr_len = (uint8_t)hdr_len;
    ret->len = (uint32_t)(len - hdr_len);
    ret->has_mss = ret->has_wscale = ret->sack_ok = ret->has_ts = false;
    ret->has_tfo = ret->tfo_exp = ret->bad_options = false;
    ret->n_sack = ret->tfo_len = ret->wscale = 0;
    ret->n_sig = ret->sig = TCP_SIG_NONE;
    ret->accecn = ret->n_accecn = 0;
    ret->mss = 0;
    ret->tsval = ret->tsecr = 0;
    if (hdr_len == TCP_HDR_LEN + TS_ALIGNED_LEN && be32_load(buf + TCP_HDR_LEN) == TS_ALIGNED) {
        ret->has_ts = true;
        ret->tsval = be32_load(buf + TCP_HDR_LEN + 4);
        ret->tsecr = be32_load(buf + TCP_HDR_LEN + 8);
    } else if (hdr_len > TCP_HDR_LEN) {
        parse_options(buf + TCP_HDR_LEN, hdr_len - TCP_HDR_LEN, ret);
    }
    return 0;
}

/* Octets of a signature's option with its padding; 0 if none. */
static size_t sig_room(const struct ft_tcp_seg *seg)
{
    return seg->n_sig == 1 ? (4 + (size_t)seg->sig_len + 3) & ~(size_t)3 : 0;
}

/* The options that come before SACK blocks: at most 20 octets, and a signature. */
static size_t fixed_len(const struct ft_tcp_seg *seg)
{
    size_t len = sig_room(seg);

    if (seg->has_mss)
        len += 4;
    if (seg->has_ts)
        len += TS_ALIGNED_LEN; /* SACK-permitted takes the place of the two NOPs. */
    else if (seg->sack_ok)
        len += 4;
    if (seg->has_wscale)
        len += 4;
    return len;
}

uint8_t tcp_sacks_fit(const struct ft_tcp_seg *seg)
{
    size_t taken = fixed_len(seg) + 4;
    size_t n = taken < OPTIONS_LEN_MAX ? (OPTIONS_LEN_MAX - taken) / 8 : 0;

    return n < seg->n_sack ? (uint8_t)n : seg->n_sack;
}

/* Octets of a Fast Open option before its cookie. */
static size_t tfo_head(const struct ft_tcp_seg *seg)
{
    return seg->tfo_exp ? 4 : 2;
}

/* Octets of a Fast Open option with its padding behind `len` octets of options; 0 if none. */
static size_t tfo_room(const struct ft_tcp_seg *seg, size_t len)
{
    size_t room = (tfo_head(seg) + seg->tfo_len + 3) & ~(size_t)3;

    if (!seg->has_tfo || seg->tfo_len > TCP_COOKIE_LEN_MAX || len + room > OPTIONS_LEN_MAX)
        return 0;
    return room;
}

size_t tcp_accecn_len(unsigned n_fields)
{
    return (2 + 3 * (size_t)n_fields + 3) & ~(size_t)3;
}

/* Octets of the AccECN option with its padding behind `len` octets of options; 0 if none. */
static size_t accecn_room(const struct ft_tcp_seg *seg, size_t len)
{
    size_t room = tcp_accecn_len(seg->n_accecn);

    return seg->accecn && len + room <= OPTIONS_LEN_MAX ? room : 0;
}

size_t tcp_hdr_len(const struct ft_tcp_seg *seg)
{
    size_t n_sack = tcp_sacks_fit(seg);
    size_t len = fixed_len(seg);

    if (n_sack > 0)
        len += 4 + 8 * n_sack;
    len += accecn_room(seg, len);
    return TCP_HDR_LEN + len + tfo_room(seg, len);
}

/* The signature comes first, as on Linux, with zeros in the place of its MAC. */
static uint8_t *emit_sig(uint8_t *p, const struct ft_tcp_seg *seg)
{
    size_t room = sig_room(seg);

    if (room == 0)
        return p;
    if (seg->sig == TCP_SIG_MD5)
        be32_store(p, (uint32_t)OPT_NOP << 24 | OPT_NOP << 16 | OPT_MD5 << 8 | (2 + TCP_MD5_LEN));
    else
        be32_store(p, (uint32_t)OPT_AO << 24 | (4u + seg->sig_len) << 16 |
                          (uint32_t)seg->key_id << 8 | seg->rnext_id);
    memset(p + 4, 0, seg->sig_len);
    memset(p + 4 + seg->sig_len, OPT_NOP, room - 4 - seg->sig_len);
    return p + room;
}

static uint8_t *emit_fixed(uint8_t *p, const struct ft_tcp_seg *seg)
{
    const uint32_t sack_ok = (uint32_t)OPT_SACK_OK << 24 | 2 << 16;
    const uint32_t nops = (uint32_t)OPT_NOP << 24 | OPT_NOP << 16;

    if (seg->has_mss) {
        be32_store(p, (uint32_t)OPT_MSS << 24 | 4 << 16 | seg->mss);
        p += 4;
    }
    if (seg->has_ts) {
        be32_store(p, (seg->sack_ok ? sack_ok : nops) | OPT_TS << 8 | 10);
        be32_store(p + 4, seg->tsval);
        be32_store(p + 8, seg->tsecr);
        p += TS_ALIGNED_LEN;
    } else if (seg->sack_ok) {
        be32_store(p, nops | OPT_SACK_OK << 8 | 2);
        p += 4;
    }
    if (seg->has_wscale) {
        be32_store(p, (uint32_t)OPT_NOP << 24 | OPT_WSCALE << 16 | 3 << 8 | seg->wscale);
        p += 4;
    }
    return p;
}

static uint8_t *emit_sack(uint8_t *p, const struct ft_tcp_seg *seg)
{
    uint8_t n = tcp_sacks_fit(seg);

    if (n == 0)
        return p;
    p[0] = OPT_NOP;
    p[1] = OPT_NOP;
    p[2] = OPT_SACK;
    p[3] = (uint8_t)(2 + 8 * n);
    p += 4;
    for (uint8_t i = 0; i < n; i++, p += 8) {
        be32_store(p, seg->sack[i].lo.v);
        be32_store(p + 4, seg->sack[i].hi.v);
    }
    return p;
}

static uint8_t *emit_accecn(uint8_t *p, size_t room, const struct ft_tcp_seg *seg)
{
    size_t len = 2 + 3 * (size_t)seg->n_accecn;

    if (room == 0)
        return p;
    p[0] = seg->accecn == 1 ? OPT_ACCECN0 : OPT_ACCECN1;
    p[1] = (uint8_t)len;
    for (size_t i = 0; i < seg->n_accecn; i++) {
        p[2 + 3 * i] = (uint8_t)(seg->accecn_field[i] >> 16);
        be16_store(p + 3 + 3 * i, (uint16_t)seg->accecn_field[i]);
    }
    memset(p + len, OPT_NOP, room - len);
    return p + room;
}

size_t tcp_emit(uint8_t *buf, size_t cap, const struct ft_tcp_seg *seg)
{
    size_t hdr_len = tcp_hdr_len(seg);
    size_t room;
    uint8_t *p;

    if (cap < hdr_len)
        return 0;
    be16_store(buf, seg->src_port);
    be16_store(buf + 2, seg->dst_port);
    be32_store(buf + 4, seg->seq.v);
    be32_store(buf + 8, seg->ack.v);
    be16_store(buf + 12, (uint16_t)(hdr_len / 4 << 12 | (seg->flags & FLAGS_MASK)));
    be16_store(buf + 14, (uint16_t)seg->wnd);
    be16_store(buf + TCP_CSUM_AT, 0);
    be16_store(buf + 18, seg->urg);
    p = emit_sack(emit_fixed(emit_sig(buf + TCP_HDR_LEN, seg), seg), seg);
    room = (size_t)(p - buf) - TCP_HDR_LEN;
    p = emit_accecn(p, accecn_room(seg, room), seg);
    room = tfo_room(seg, (size_t)(p - buf) - TCP_HDR_LEN);
    if (room > 0) {
        size_t head = tfo_head(seg);

        p[0] = seg->tfo_exp ? OPT_EXP : OPT_TFO;
        p[1] = (uint8_t)(head + seg->tfo_len);
        if (seg->tfo_exp)
            be16_store(p + 2, EXP_TFO_MAGIC);
        memcpy(p + head, seg->tfo, seg->tfo_len);
        memset(p + head + seg->tfo_len, OPT_NOP, room - head - seg->tfo_len);
    }
    return hdr_len;
}
