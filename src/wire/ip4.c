/* SPDX-License-Identifier: MIT */
/*
 * The IPv4 header: lengths first, then the checksum, then the options, so that nothing is read
 * that the frame does not hold. RFC 791 3.1, RFC 1122 3.2.1, RFC 2113.
 */
#include "wire/ip4.h"

#include <errno.h>
#include <string.h>

#include "base/sum.h"
#include "wire/be.h"
#include "wire/csum.h"

#define FLAG_DF  0x4000
#define FLAG_MF  0x2000
#define OFF_MASK 0x1fff

enum ip4_option {
    OPT_END = 0,
    OPT_NOP = 1,
    OPT_LSRR = 131,
    OPT_SSRR = 137,
    OPT_ROUTER_ALERT = 148,
};

/* Each step is at least one octet and stays inside; nothing is stored but two flags. */
static int parse_options(const uint8_t *opts, size_t len, struct ip4_hdr *ret)
{
    size_t at = 0;

    while (at < len && opts[at] != OPT_END) {
        if (opts[at] == OPT_NOP) {
            at++;
            continue;
        }
        if (len - at < 2 || opts[at + 1] < 2 || opts[at + 1] > len - at)
            return -EINVAL;
        if (opts[at] == OPT_LSRR || opts[at] == OPT_SSRR)
            ret->has_source_route = true;
        if (opts[at] == OPT_ROUTER_ALERT && opts[at + 1] == 4)
            ret->router_alert = true;
        at += opts[at + 1];
    }
    return 0;
}

int ip4_parse_split(const uint8_t *buf, size_t len, size_t pkt_len, struct ip4_hdr *ret)
{
    struct ip4_hdr hdr = {0};
    size_t hdr_len;
    uint16_t frag;

    if (len < IP4_HDR_LEN || buf[0] >> 4 != 4)
        return -EINVAL;
    hdr_len = (size_t)(buf[0] & 0xf) * 4;
    hdr.total_len = be16_load(buf + 2);
    if (hdr_len < IP4_HDR_LEN || hdr_len > len)
        return -EINVAL;
    if (hdr.total_len < hdr_len || hdr.total_len > pkt_len)
        return -EINVAL;
    if (!csum_good(ft_sum(buf, hdr_len, 0)))
        return -EBADMSG;
    hdr.hdr_len = (uint8_t)hdr_len;
    hdr.tos = buf[1];
    hdr.id = be16_load(buf + 4);
    frag = be16_load(buf + 6);
    hdr.df = (frag & FLAG_DF) != 0;
    hdr.mf = (frag & FLAG_MF) != 0;
    hdr.frag_off = (uint16_t)((frag & OFF_MASK) * 8);
    hdr.ttl = buf[8];
    hdr.proto = buf[9];
    hdr.src = addr_load4(buf + 12);
    hdr.dst = addr_load4(buf + 16);
    if (parse_options(buf + IP4_HDR_LEN, hdr_len - IP4_HDR_LEN, &hdr) < 0)
        return -EINVAL;
    *ret = hdr;
    return 0;
}

int ip4_parse(const uint8_t *buf, size_t len, struct ip4_hdr *ret)
{
    return ip4_parse_split(buf, len, len, ret);
}

size_t ip4_emit(uint8_t *buf, size_t cap, const struct ip4_hdr *hdr)
{
    size_t hdr_len = hdr->router_alert ? IP4_HDR_LEN + IP4_ROUTER_ALERT_LEN : IP4_HDR_LEN;
    unsigned frag = hdr->frag_off / 8;

    if (cap < hdr_len)
        return 0;
    if (hdr->df)
        frag |= FLAG_DF;
    if (hdr->mf)
        frag |= FLAG_MF;
    buf[0] = (uint8_t)(0x40 | hdr_len / 4);
    buf[1] = hdr->tos;
    be16_store(buf + 2, hdr->total_len);
    be16_store(buf + 4, hdr->id);
    be16_store(buf + 6, (uint16_t)frag);
    buf[8] = hdr->ttl;
    buf[9] = hdr->proto;
    be16_store(buf + 10, 0);
    addr_store4(buf + 12, &hdr->src);
    addr_store4(buf + 16, &hdr->dst);
    if (hdr->router_alert)
        be32_store(buf + IP4_HDR_LEN,
                   (uint32_t)OPT_ROUTER_ALERT << 24 | IP4_ROUTER_ALERT_LEN << 16);
    be16_store(buf + 10, csum_of(buf, hdr_len));
    return hdr_len;
}
