/* SPDX-License-Identifier: MIT */
/*
 * Packets made by hand, with lengths and checksums as the test wants them.
 */
#ifndef TESTS_UDP_RAW_H
#define TESTS_UDP_RAW_H

#include "harness.h"
#include "wire/be.h"
#include "wire/csum.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"
#include "wire/ip.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/udp.h"

enum raw_csum { RAW_GOOD, RAW_BAD, RAW_ZERO };

/* A datagram from host 1 to host 2, unless src or dst say otherwise. */
struct raw {
    bool ipv6;
    struct ft_addr src, dst;
    uint16_t src_port, dst_port;
    size_t payload;   /* octets behind the UDP header in the IP payload */
    uint32_t udp_len; /* of the header; UINT32_MAX: the right one */
    enum raw_csum csum;
    uint8_t fill;  /* every payload octet */
    uint8_t proto; /* 0: UDP; else @l4 is the payload of IP */
    const uint8_t *l4;
    size_t l4_len;
};

/** Write the packet. Return: its octets. */
static inline size_t raw_emit(const struct raw *raw, uint8_t *buf, size_t cap)
{
    struct ft_addr src = raw->src, dst = raw->dst;
    size_t hdr_len = raw->ipv6 ? IP6_HDR_LEN : IP4_HDR_LEN;
    size_t l4_len = raw->proto ? raw->l4_len : UDP_HDR_LEN + raw->payload;
    uint8_t proto = raw->proto ? raw->proto : IP_PROTO_UDP;
    uint8_t *l4 = buf + hdr_len;

    if (addr_is_any(&src))
        src = raw->ipv6 ? (struct ft_addr){.hi = UINT64_C(0xfd07) << 48, .lo = 1}
                        : addr_v4(0x0a070001);
    if (addr_is_any(&dst))
        dst = raw->ipv6 ? (struct ft_addr){.hi = UINT64_C(0xfd07) << 48, .lo = 2}
                        : addr_v4(0x0a070002);
    if (raw->ipv6) {
        struct ip6_hdr ip = {.src = src,
                             .dst = dst,
                             .payload_len = (uint16_t)l4_len,
                             .next = proto,
                             .hop_limit = 61};
        assert_int_equal(ip6_emit(buf, cap, &ip), hdr_len);
    } else {
        struct ip4_hdr ip = {.src = src,
                             .dst = dst,
                             .total_len = (uint16_t)(hdr_len + l4_len),
                             .ttl = 61,
                             .tos = 0x48,
                             .proto = proto};
        assert_int_equal(ip4_emit(buf, cap, &ip), hdr_len);
    }
    if (raw->proto) {
        memcpy(l4, raw->l4, l4_len);
        return hdr_len + l4_len;
    }
    uint32_t len = raw->udp_len == UINT32_MAX ? (uint32_t)l4_len : raw->udp_len;
    struct udp_hdr udp = {
        .src_port = raw->src_port, .dst_port = raw->dst_port, .len = (uint16_t)len};

    memset(l4 + UDP_HDR_LEN, raw->fill, raw->payload);
    (void)udp_emit(l4, UDP_HDR_LEN, &udp);
    if (raw->csum != RAW_ZERO && len >= UDP_HDR_LEN && len <= l4_len) {
        uint16_t csum = csum_l4(&src, &dst, IP_PROTO_UDP, l4, len);

        be16_store(l4 + UDP_CSUM_AT, csum ? csum : 0xffff);
    }
    if (raw->csum == RAW_BAD)
        l4[UDP_CSUM_AT] ^= 0x10;
    return hdr_len + l4_len;
}

/** Give the packet to a host. */
static inline void raw_input(struct host *h, const struct raw *raw)
{
    static uint8_t buf[FRAME_CAP];

    host_input(h, h->wire, buf, raw_emit(raw, buf, sizeof(buf)));
}

#endif
