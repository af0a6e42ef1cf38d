/* SPDX-License-Identifier: MIT */
/*
 * Messages of ICMP, but for their checksums, and the packet that an error quotes. It may be cut
 * anywhere behind eight octets of its upper layer and was in a stranger's hands, so nothing is
 * required of it but that it is coherent. RFC 792, RFC 4443 2.4 (c), RFC 5927 4.1.
 */
#include "wire/icmp.h"

#include <errno.h>
#include <string.h>

#include "wire/be.h"
#include "wire/ip.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

#define QUOTE_L4_MIN 8

void icmp_read(const uint8_t *buf, size_t len, struct icmp_msg *ret)
{
    *ret = (struct icmp_msg){
        .type = buf[0],
        .code = buf[1],
        .rest = be32_load(buf + 4),
        .body = buf + ICMP_HDR_LEN,
        .body_len = len - ICMP_HDR_LEN,
    };
}

size_t icmp_write(uint8_t *buf, size_t cap, const struct icmp_msg *msg)
{
    if (cap < ICMP_HDR_LEN || msg->body_len > cap - ICMP_HDR_LEN)
        return 0;
    buf[0] = msg->type;
    buf[1] = msg->code;
    be16_store(buf + 2, 0);
    be32_store(buf + 4, msg->rest);
    if (msg->body_len > 0)
        memcpy(buf + ICMP_HDR_LEN, msg->body, msg->body_len);
    return ICMP_HDR_LEN + msg->body_len;
}

bool icmp_cut(const struct icmp_msg *err, size_t room, size_t cap, size_t hdr_len,
              struct icmp_msg *ret_cut)
{
    if (cap < ICMP_HDR_LEN + hdr_len + QUOTE_L4_MIN)
        return false;
    if (room > cap)
        room = cap;
    *ret_cut = *err;
    if (ret_cut->body_len > room - ICMP_HDR_LEN)
        ret_cut->body_len = room - ICMP_HDR_LEN;
    return true;
}

/* Where the upper layer begins, and whether it is its first octet that is there. */
struct quoted_l4 {
    size_t at;
    bool is_first;
};

static int quote4(const uint8_t *body, size_t len, struct icmp_quote *q, struct quoted_l4 *ret_l4)
{
    size_t hdr_len;

    if (len < IP4_HDR_LEN)
        return -EINVAL;
    hdr_len = (size_t)(body[0] & 0xf) * 4;
    q->pkt_len = be16_load(body + 2);
    if (hdr_len < IP4_HDR_LEN || q->pkt_len < hdr_len + QUOTE_L4_MIN)
        return -EINVAL;
    q->src = addr_load4(body + 12);
    q->dst = addr_load4(body + 16);
    q->proto = body[9];
    ret_l4->at = hdr_len;
    ret_l4->is_first = (be16_load(body + 6) & 0x1fff) == 0;
    return 0;
}

static int quote6(const uint8_t *body, size_t len, struct icmp_quote *q, struct quoted_l4 *ret_l4)
{
    unsigned n_hdrs = 0;

    if (len < IP6_HDR_LEN)
        return -EINVAL;
    q->pkt_len = IP6_HDR_LEN + (uint32_t)be16_load(body + 4);
    q->src = addr_load16(body + 8);
    q->dst = addr_load16(body + 24);
    if (addr_is_v4(&q->src) || addr_is_v4(&q->dst))
        return -EINVAL;
    q->proto = body[6];
    ret_l4->at = IP6_HDR_LEN;
    ret_l4->is_first = true;
    while (ret_l4->is_first && (q->proto == IP_PROTO_HOPOPTS || q->proto == IP_PROTO_ROUTING ||
                                q->proto == IP_PROTO_DSTOPTS || q->proto == IP_PROTO_FRAGMENT)) {
        size_t at = ret_l4->at;
        size_t step = 8;

        if (n_hdrs++ == IP6_EXT_HDRS_MAX || at >= len || len - at < step)
            return -EINVAL;
        if (q->proto == IP_PROTO_FRAGMENT)
            ret_l4->is_first = (be16_load(body + at + 2) & 0xfff8) == 0;
        else
            step = ((size_t)body[at + 1] + 1) * 8;
        q->proto = body[at];
        ret_l4->at = at + step;
    }
    return q->pkt_len < ret_l4->at + QUOTE_L4_MIN ? -EINVAL : 0;
}

int icmp_quote_parse(const uint8_t *body, size_t len, struct icmp_quote *ret)
{
    struct icmp_quote q;
    struct quoted_l4 l4;
    int r = -EINVAL;

    memset(&q, 0, sizeof(q));
    if (len > 0 && body[0] >> 4 == 4)
        r = quote4(body, len, &q, &l4);
    else if (len > 0 && body[0] >> 4 == 6)
        r = quote6(body, len, &q, &l4);
    if (r < 0)
        return r;
    if (l4.at > len || len - l4.at < QUOTE_L4_MIN)
        return -EINVAL;
    q.l4 = body + l4.at;
    q.l4_len = len - l4.at;
    q.has_seq = l4.is_first && q.proto == IP_PROTO_TCP;
    q.has_ports = q.has_seq || (l4.is_first && q.proto == IP_PROTO_UDP);
    if (q.has_ports) {
        q.src_port = be16_load(q.l4);
        q.dst_port = be16_load(q.l4 + 2);
    }
    if (q.has_seq)
        q.seq = seq_make(be32_load(q.l4 + 4));
    *ret = q;
    return 0;
}
