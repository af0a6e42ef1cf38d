/* SPDX-License-Identifier: MIT */
/*
 * The IPv6 header and the walk over its extension headers. Every step is (length + 1) * 8 octets
 * in 32 bits, so it is at least 8 and cannot wrap; every header must be there as a whole before
 * it is looked into. RFC 8200 3, 4; RFC 5095; RFC 7112; RFC 8504 5.3.
 */
#include "wire/ip6.h"

#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "wire/be.h"
#include "wire/icmp6.h"
#include "wire/ip.h"

enum ip6_option {
    OPT_PAD1 = 0,
    OPT_PADN = 1,
    OPT_ROUTER_ALERT = 5,
};

/* What the two high bits of an option type ask of a node that does not know it (RFC 8200 4.2). */
enum option_action {
    ACT_SKIP = 0,
    ACT_DROP = 1,
    ACT_TELL = 2,         /* even if the destination is a group */
    ACT_TELL_UNICAST = 3, /* only if it is none */
};

/* One walk. `inert`: past the Fragment header of a first fragment, options wait. */
struct walk {
    const uint8_t *pkt;
    const struct ip6_hdr *hdr;
    struct ip6_chain *ret;
    uint32_t avail; /* octets that lie in one piece */
    uint32_t end;   /* octets of the packet */
    bool inert;
};

int ip6_parse_split(const uint8_t *buf, size_t len, size_t pkt_len, struct ip6_hdr *ret)
{
    struct ip6_hdr hdr;
    uint32_t word;

    if (len < IP6_HDR_LEN)
        return -EINVAL;
    word = be32_load(buf);
    hdr.payload_len = be16_load(buf + 4);
    if (word >> 28 != 6 || hdr.payload_len > pkt_len - IP6_HDR_LEN)
        return -EINVAL;
    hdr.src = addr_load16(buf + 8);
    hdr.dst = addr_load16(buf + 24);
    if (addr_is_v4(&hdr.src) || addr_is_v4(&hdr.dst))
        return -EINVAL;
    hdr.tclass = (uint8_t)(word >> 20);
    hdr.flow = word & 0xfffff;
    hdr.next = buf[6];
    hdr.hop_limit = buf[7];
    *ret = hdr;
    return 0;
}

int ip6_parse(const uint8_t *buf, size_t len, struct ip6_hdr *ret)
{
    return ip6_parse_split(buf, len, len, ret);
}

static void stop(struct walk *w, enum ip6_why why)
{
    w->ret->why = why;
    w->ret->send = false;
}

/* RFC 4443 2.4 (e): no answer to a source that names no single node, none about a group unless
   the option asks for it. */
static void problem(struct walk *w, enum ip6_why why, uint8_t code, uint32_t pointer)
{
    const struct ft_addr *src = &w->hdr->src;

    w->ret->why = why;
    w->ret->icmp_code = code;
    w->ret->pointer = pointer;
    w->ret->send = !addr_is_any(src) && !addr_is_multicast(src) && !addr_is_multicast(&w->hdr->dst);
}

/* A header that is not all there. RFC 8200 4.5: of a first fragment the source is told. */
static void cut_short(struct walk *w)
{
    if (w->ret->has_frag && w->ret->frag.more)
        problem(w, IP6_FRAG_SHORT, ICMP6_PARAM_FIRST_FRAG, 0);
    else
        stop(w, IP6_TRUNCATED);
}

static void unknown_option(struct walk *w, uint32_t at)
{
    const struct ft_addr *src = &w->hdr->src;
    enum option_action action = (enum option_action)(w->pkt[at] >> 6);

    if (w->inert)
        return;
    switch (action) {
    case ACT_SKIP:
        break;
    case ACT_DROP:
        stop(w, IP6_UNKNOWN_OPT);
        break;
    case ACT_TELL:
        problem(w, IP6_UNKNOWN_OPT, ICMP6_PARAM_OPTION, at);
        w->ret->send = !addr_is_any(src) && !addr_is_multicast(src);
        break;
    case ACT_TELL_UNICAST:
        problem(w, IP6_UNKNOWN_OPT, ICMP6_PARAM_OPTION, at);
        break;
    }
}

static bool is_zero(const uint8_t *p, uint32_t len)
{
    uint8_t any = 0;

    for (uint32_t i = 0; i < len; i++)
        any |= p[i];
    return any == 0;
}

/* The options of one header, from `at` to `end`; each step is at least one octet. */
static void walk_options(struct walk *w, uint32_t at, uint32_t end, bool is_hbh)
{
    uint32_t padding = 0;
    unsigned n_options = 0;

    while (at < end && w->ret->why == IP6_OK) {
        const uint8_t *opt = w->pkt + at;
        uint32_t len = 1;

        if (opt[0] != OPT_PAD1) {
            if (end - at < 2 || (uint32_t)opt[1] + 2 > end - at) {
                stop(w, IP6_BAD_OPTION);
                return;
            }
            len = (uint32_t)opt[1] + 2;
        }
        if (opt[0] == OPT_PAD1 || opt[0] == OPT_PADN) {
            padding += len;
            if (padding > IP6_PADDING_MAX || (len > 2 && !is_zero(opt + 2, len - 2)))
                stop(w, IP6_PADDING);
        } else {
            padding = 0;
            if (++n_options > IP6_OPTIONS_MAX)
                stop(w, IP6_TOO_MANY);
            else if (opt[0] == OPT_ROUTER_ALERT && is_hbh && len == 4)
                w->ret->router_alert = true;
            else
                unknown_option(w, at);
        }
        at += len;
    }
}

/* RFC 8200 4.4, RFC 5095: no type is known here; with segments left the packet is not for us. */
static void walk_routing(struct walk *w, uint32_t at)
{
    if (!w->inert && w->pkt[at + 3] > 0)
        problem(w, IP6_ROUTED, ICMP6_PARAM_HEADER, at + 2);
}

static void walk_fragment(struct walk *w, uint32_t at, uint32_t next_at)
{
    struct ip6_frag *frag = &w->ret->frag;
    uint32_t len = w->end - at - IP6_FRAG_HDR_LEN;
    uint16_t word = be16_load(w->pkt + at + 2);

    if (w->ret->has_frag) {
        stop(w, IP6_FRAG_TWICE);
        return;
    }
    w->ret->has_frag = true;
    w->ret->frag_at = at;
    w->ret->frag_prev = next_at;
    frag->next = w->pkt[at];
    frag->off = word & 0xfff8;
    frag->more = (word & 1) != 0;
    frag->id = be32_load(w->pkt + at + 4);
    if (!frag->more && frag->off == 0)
        return; /* RFC 6946: an atomic fragment is a packet of its own. */
    if (len == 0)
        stop(w, IP6_FRAG_LEN);
    else if (frag->more && len % 8 != 0)
        problem(w, IP6_FRAG_LEN, ICMP6_PARAM_HEADER, 4);
    else if (at - IP6_HDR_LEN + frag->off + len > UINT16_MAX)
        problem(w, IP6_FRAG_LONG, ICMP6_PARAM_HEADER, at + 2);
    w->inert = true;
}

/* RFC 7112 5: a first fragment holds the upper-layer header too. */
static void check_first(struct walk *w)
{
    const struct ip6_chain *ret = w->ret;
    uint32_t need = 0;

    if (ret->proto == IP_PROTO_TCP) {
        need = 20;
        if (ret->len >= need && w->avail > ret->off + 12 && w->pkt[ret->off + 12] >> 4 > 5)
            need = (uint32_t)(w->pkt[ret->off + 12] >> 4) * 4;
    } else if (ret->proto == IP_PROTO_UDP) {
        need = 8;
    } else if (ret->proto == IP_PROTO_ICMP6) {
        need = 8;
    }
    if (ret->len < need)
        problem(w, IP6_FRAG_SHORT, ICMP6_PARAM_FIRST_FRAG, 0);
}

static bool is_extension(uint8_t proto)
{
    return proto == IP_PROTO_HOPOPTS || proto == IP_PROTO_ROUTING || proto == IP_PROTO_FRAGMENT ||
           proto == IP_PROTO_DSTOPTS;
}

/* Acts on one header that is there as a whole. */
static void walk_header(struct walk *w, uint8_t proto, uint32_t at, uint32_t len)
{
    if (proto == IP_PROTO_FRAGMENT)
        walk_fragment(w, at, w->ret->next_at);
    else if (proto == IP_PROTO_ROUTING)
        walk_routing(w, at);
    else
        walk_options(w, at + 2, at + len, proto == IP_PROTO_HOPOPTS);
}

/* Steps from header to header. Ends with why set, or off, proto and next_at of what is left. */
static void walk_chain(struct walk *w)
{
    struct ip6_chain *ret = w->ret;
    unsigned n_hdrs = 0;

    while (is_extension(ret->proto) && !(w->inert && ret->frag.off > 0)) {
        uint8_t proto = ret->proto;
        uint32_t at = ret->off;
        uint32_t len;

        if (proto == IP_PROTO_HOPOPTS && n_hdrs > 0 && !w->inert) {
            problem(w, IP6_HBH_LATE, ICMP6_PARAM_NEXT, ret->next_at);
            return;
        }
        if (n_hdrs++ == IP6_EXT_HDRS_MAX) {
            stop(w, IP6_TOO_MANY);
            return;
        }
        len = 8;
        if (w->avail - at >= len && proto != IP_PROTO_FRAGMENT)
            len = ((uint32_t)w->pkt[at + 1] + 1) * 8;
        if (w->avail - at < len) {
            cut_short(w);
            return;
        }
        if (at + len - IP6_HDR_LEN > IP6_EXT_OCTETS_MAX) {
            stop(w, IP6_TOO_MANY);
            return;
        }
        walk_header(w, proto, at, len);
        if (ret->why != IP6_OK)
            return;
        ret->proto = w->pkt[at];
        ret->next_at = at;
        ret->off = at + len;
    }
}

enum ip6_why ip6_walk(const uint8_t *pkt, size_t len, const struct ip6_hdr *hdr,
                      struct ip6_chain *ret)
{
    struct walk w = {.pkt = pkt, .hdr = hdr, .ret = ret};

    memset(ret, 0, sizeof(*ret));
    ret->proto = hdr->next;
    ret->next_at = 6;
    ret->off = IP6_HDR_LEN;
    w.end = IP6_HDR_LEN + (uint32_t)hdr->payload_len;
    w.avail = len < w.end ? (uint32_t)len : w.end;
    if (w.avail < IP6_HDR_LEN) {
        stop(&w, IP6_TRUNCATED);
        return ret->why;
    }
    walk_chain(&w);
    ret->len = w.end - ret->off;
    if (ret->why == IP6_OK && w.inert && ret->frag.off == 0)
        check_first(&w);
    return ret->why;
}

size_t ip6_emit(uint8_t *buf, size_t cap, const struct ip6_hdr *hdr)
{
    if (cap < IP6_HDR_LEN)
        return 0;
    be32_store(buf, 6U << 28 | (uint32_t)hdr->tclass << 20 | (hdr->flow & 0xfffff));
    be16_store(buf + 4, hdr->payload_len);
    buf[6] = hdr->next;
    buf[7] = hdr->hop_limit;
    addr_store16(buf + 8, &hdr->src);
    addr_store16(buf + 24, &hdr->dst);
    return IP6_HDR_LEN;
}

size_t ip6_frag_emit(uint8_t *buf, size_t cap, const struct ip6_frag *frag)
{
    if (cap < IP6_FRAG_HDR_LEN)
        return 0;
    buf[0] = frag->next;
    buf[1] = 0;
    be16_store(buf + 2, (uint16_t)((frag->off & 0xfff8) | (frag->more ? 1 : 0)));
    be32_store(buf + 4, frag->id);
    return IP6_FRAG_HDR_LEN;
}

size_t ip6_router_alert_emit(uint8_t *buf, size_t cap, uint8_t next)
{
    if (cap < IP6_ROUTER_ALERT_LEN)
        return 0;
    buf[0] = next;
    buf[1] = 0;
    be32_store(buf + 2, (uint32_t)OPT_ROUTER_ALERT << 24 | 2 << 16);
    be16_store(buf + 6, OPT_PADN << 8);
    return IP6_ROUTER_ALERT_LEN;
}
