/* SPDX-License-Identifier: MIT */
/*
 * Neighbour discovery messages. First the conditions on the packet, then the fixed part, then the
 * options, whose lengths are all checked before the message counts as read.
 * RFC 4861 4.1 to 4.6, 6.1.1, 6.1.2, 7.1.1, 7.1.2, 8.1; RFC 3971 5.3.2, RFC 7527 4 (nonce).
 */
#include "wire/ndp.h"

#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "wire/be.h"
#include "wire/csum.h"
#include "wire/icmp6.h"
#include "wire/ip.h"

#define HOP_LIMIT  255
#define PREFIX_LEN 32

enum ndp_option {
    OPT_SLLAO = 1,
    OPT_TLLAO = 2,
    OPT_PREFIX = 3,
    OPT_REDIRECTED = 4,
    OPT_MTU = 5,
    OPT_NONCE = 14,
};

/* ff02::1:ff00:0/104, where solicitations without a source go (RFC 4861 7.1.1). */
static bool is_solicited_node(const struct ft_addr *addr)
{
    return addr->hi == UINT64_C(0xff02) << 48 && addr->lo >> 24 == 0x1ff;
}

/* Octets of the fixed part, or 0 for a type that is none of the five. */
static size_t fixed_len(uint8_t type)
{
    switch (type) {
    case ICMP6_RS:
        return 8;
    case ICMP6_RA:
        return 16;
    case ICMP6_NS:
    case ICMP6_NA:
        return 24;
    case ICMP6_REDIRECT:
        return 40;
    default:
        return 0;
    }
}

static int parse_ra(const struct ip6_hdr *ip, const uint8_t *buf, struct ndp_msg *msg)
{
    /* RFC 4861 6.1.2: routers speak from their link-local address. */
    if (!addr_is_link_local(&ip->src))
        return -EINVAL;
    msg->cur_hop_limit = buf[4];
    msg->managed = (buf[5] & 0x80) != 0;
    msg->other = (buf[5] & 0x40) != 0;
    msg->lifetime_s = be16_load(buf + 6);
    msg->reachable_ms = be32_load(buf + 8);
    msg->retrans_ms = be32_load(buf + 12);
    return 0;
}

static int parse_ns(const struct ip6_hdr *ip, const uint8_t *buf, struct ndp_msg *msg)
{
    msg->target = addr_load16(buf + 8);
    if (addr_is_multicast(&msg->target) || addr_is_v4(&msg->target))
        return -EINVAL;
    /* RFC 4861 7.1.1: duplicate address detection asks the solicited-node group. */
    if (addr_is_any(&ip->src) && !is_solicited_node(&ip->dst))
        return -EINVAL;
    return 0;
}

static int parse_na(const struct ip6_hdr *ip, const uint8_t *buf, struct ndp_msg *msg)
{
    msg->target = addr_load16(buf + 8);
    msg->router = (buf[4] & 0x80) != 0;
    msg->solicited = (buf[4] & 0x40) != 0;
    msg->override = (buf[4] & 0x20) != 0;
    if (addr_is_multicast(&msg->target) || addr_is_v4(&msg->target))
        return -EINVAL;
    /* RFC 4861 7.1.2: what is sent to a group answers nobody. */
    if (addr_is_multicast(&ip->dst) && msg->solicited)
        return -EINVAL;
    return 0;
}

static int parse_redirect(const struct ip6_hdr *ip, const uint8_t *buf, struct ndp_msg *msg)
{
    if (!addr_is_link_local(&ip->src))
        return -EINVAL;
    msg->target = addr_load16(buf + 8);
    msg->dst = addr_load16(buf + 24);
    if (addr_is_multicast(&msg->dst) || addr_is_v4(&msg->dst) || addr_is_v4(&msg->target))
        return -EINVAL;
    /* RFC 4861 8.1: the target is a router's link-local address, or the destination itself. */
    if (!addr_is_link_local(&msg->target) && !addr_eq(&msg->target, &msg->dst))
        return -EINVAL;
    return 0;
}

static void parse_prefix(const uint8_t *opt, struct ndp_msg *msg)
{
    struct ndp_prefix *prefix = &msg->prefixes[msg->n_prefixes];

    if (msg->n_prefixes == NDP_PREFIXES_MAX || opt[2] > 128)
        return;
    prefix->len = opt[2];
    prefix->on_link = (opt[3] & 0x80) != 0;
    prefix->autonomous = (opt[3] & 0x40) != 0;
    prefix->valid_s = be32_load(opt + 4);
    prefix->preferred_s = be32_load(opt + 8);
    prefix->prefix = addr_load16(opt + 16);
    if (!addr_is_v4(&prefix->prefix))
        msg->n_prefixes++;
}

/* One option whose `len` octets, at least eight, are all there. RFC 4861 4.6 says which message
   may have which; elsewhere, or with a wrong length, it is ignored. */
static void parse_option(const uint8_t *opt, size_t len, struct ndp_msg *msg)
{
    uint8_t type = msg->type;

    if (opt[0] == OPT_SLLAO && len == 8 && type != ICMP6_NA && type != ICMP6_REDIRECT) {
        msg->has_sllao = true;
        memcpy(msg->sllao, opt + 2, ETH_ADDR_LEN);
    } else if (opt[0] == OPT_TLLAO && len == 8 && (type == ICMP6_NA || type == ICMP6_REDIRECT)) {
        msg->has_tllao = true;
        memcpy(msg->tllao, opt + 2, ETH_ADDR_LEN);
    } else if (opt[0] == OPT_PREFIX && len == PREFIX_LEN && type == ICMP6_RA) {
        parse_prefix(opt, msg);
    } else if (opt[0] == OPT_REDIRECTED && type == ICMP6_REDIRECT) {
        msg->quote = opt + 8;
        msg->quote_len = len - 8;
    } else if (opt[0] == OPT_MTU && len == 8 && type == ICMP6_RA) {
        msg->has_mtu = true;
        msg->mtu = be32_load(opt + 4);
    } else if (opt[0] == OPT_NONCE && len == 8 && type == ICMP6_NS) {
        msg->has_nonce = true;
        memcpy(msg->nonce, opt + 2, NDP_NONCE_LEN);
    }
}

/* RFC 4861 4.6: a length of zero condemns the whole message. */
static int parse_options(const uint8_t *buf, size_t len, struct ndp_msg *msg)
{
    size_t at = fixed_len(msg->type);

    while (at < len) {
        size_t opt_len = len - at >= 2 ? (size_t)buf[at + 1] * 8 : 0;

        if (opt_len == 0 || opt_len > len - at)
            return -EINVAL;
        parse_option(buf + at, opt_len, msg);
        at += opt_len;
    }
    return 0;
}

int ndp_parse(const struct ip6_hdr *ip, const uint8_t *buf, size_t len, struct ndp_msg *ret)
{
    struct ndp_msg msg;
    int r = 0;

    if (len < ICMP_HDR_LEN || ip->hop_limit != HOP_LIMIT || buf[1] != 0)
        return -EINVAL;
    memset(&msg, 0, sizeof(msg));
    msg.type = buf[0];
    if (fixed_len(msg.type) == 0 || len < fixed_len(msg.type))
        return -EINVAL;
    if (msg.type == ICMP6_RA)
        r = parse_ra(ip, buf, &msg);
    else if (msg.type == ICMP6_NS)
        r = parse_ns(ip, buf, &msg);
    else if (msg.type == ICMP6_NA)
        r = parse_na(ip, buf, &msg);
    else if (msg.type == ICMP6_REDIRECT)
        r = parse_redirect(ip, buf, &msg);
    if (r == 0)
        r = parse_options(buf, len, &msg);
    if (r < 0)
        return r;
    /* RFC 4861 6.1.1, 7.1.1: who has no address yet cannot say where it is. */
    if (addr_is_any(&ip->src) && msg.has_sllao)
        return -EINVAL;
    *ret = msg;
    return 0;
}

/* Octets of the whole message with its options. */
static size_t msg_len(const struct ndp_msg *msg)
{
    size_t len = fixed_len(msg->type);

    if (len == 0 || msg->n_prefixes > NDP_PREFIXES_MAX)
        return 0;
    len += msg->has_sllao ? 8 : 0;
    len += msg->has_tllao ? 8 : 0;
    len += msg->has_mtu ? 8 : 0;
    len += msg->has_nonce ? 8 : 0;
    return len + (size_t)msg->n_prefixes * PREFIX_LEN;
}

static void emit_fixed(uint8_t *buf, const struct ndp_msg *msg)
{
    if (msg->type == ICMP6_RA) {
        buf[4] = msg->cur_hop_limit;
        buf[5] = (uint8_t)((msg->managed ? 0x80 : 0) | (msg->other ? 0x40 : 0));
        be16_store(buf + 6, msg->lifetime_s);
        be32_store(buf + 8, msg->reachable_ms);
        be32_store(buf + 12, msg->retrans_ms);
    } else if (msg->type != ICMP6_RS) {
        addr_store16(buf + 8, &msg->target);
    }
    if (msg->type == ICMP6_NA)
        buf[4] = (uint8_t)((msg->router ? 0x80 : 0) | (msg->solicited ? 0x40 : 0) |
                           (msg->override ? 0x20 : 0));
    if (msg->type == ICMP6_REDIRECT)
        addr_store16(buf + 24, &msg->dst);
}

/* An option of eight octets, six of them data. */
static uint8_t *emit_six(uint8_t *p, uint8_t type, const uint8_t *six)
{
    p[0] = type;
    p[1] = 1;
    memcpy(p + 2, six, 6);
    return p + 8;
}

static uint8_t *emit_prefix(uint8_t *p, const struct ndp_prefix *prefix)
{
    p[0] = OPT_PREFIX;
    p[1] = PREFIX_LEN / 8;
    p[2] = prefix->len;
    p[3] = (uint8_t)((prefix->on_link ? 0x80 : 0) | (prefix->autonomous ? 0x40 : 0));
    be32_store(p + 4, prefix->valid_s);
    be32_store(p + 8, prefix->preferred_s);
    be32_store(p + 12, 0);
    addr_store16(p + 16, &prefix->prefix);
    return p + PREFIX_LEN;
}

size_t ndp_emit(uint8_t *buf, size_t cap, const struct ip6_hdr *ip, const struct ndp_msg *msg)
{
    size_t len = msg_len(msg);
    uint8_t *p = buf + fixed_len(msg->type);

    if (len == 0 || cap < len)
        return 0;
    memset(buf, 0, fixed_len(msg->type));
    buf[0] = msg->type;
    emit_fixed(buf, msg);
    if (msg->has_sllao)
        p = emit_six(p, OPT_SLLAO, msg->sllao);
    if (msg->has_tllao)
        p = emit_six(p, OPT_TLLAO, msg->tllao);
    if (msg->has_mtu) {
        be32_store(p, (uint32_t)OPT_MTU << 24 | 1 << 16);
        be32_store(p + 4, msg->mtu);
        p += 8;
    }
    if (msg->has_nonce)
        p = emit_six(p, OPT_NONCE, msg->nonce);
    for (uint8_t i = 0; i < msg->n_prefixes; i++)
        p = emit_prefix(p, &msg->prefixes[i]);
    be16_store(buf + 2, csum_l4(&ip->src, &ip->dst, IP_PROTO_ICMP6, buf, len));
    return len;
}
