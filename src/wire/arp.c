/* SPDX-License-Identifier: MIT */
/*
 * ARP packets: every field that says what form the rest has is checked before the rest is read.
 * RFC 826.
 */
#include "wire/arp.h"

#include <errno.h>
#include <string.h>

#include "wire/be.h"

#define HTYPE_ETHERNET 1

int arp_parse(const uint8_t *buf, size_t len, struct arp_pkt *ret)
{
    uint16_t op;

    if (len < ARP_PKT_LEN)
        return -EINVAL;
    if (be16_load(buf) != HTYPE_ETHERNET || be16_load(buf + 2) != ETH_TYPE_IP4)
        return -EINVAL;
    if (buf[4] != ETH_ADDR_LEN || buf[5] != 4)
        return -EINVAL;
    op = be16_load(buf + 6);
    if (op != ARP_OP_REQUEST && op != ARP_OP_REPLY)
        return -EINVAL;
    ret->op = op;
    memcpy(ret->sha, buf + 8, ETH_ADDR_LEN);
    ret->spa = addr_load4(buf + 14);
    memcpy(ret->tha, buf + 18, ETH_ADDR_LEN);
    ret->tpa = addr_load4(buf + 24);
    return 0;
}

size_t arp_emit(uint8_t *buf, size_t cap, const struct arp_pkt *pkt)
{
    if (cap < ARP_PKT_LEN)
        return 0;
    be16_store(buf, HTYPE_ETHERNET);
    be16_store(buf + 2, ETH_TYPE_IP4);
    buf[4] = ETH_ADDR_LEN;
    buf[5] = 4;
    be16_store(buf + 6, pkt->op);
    memcpy(buf + 8, pkt->sha, ETH_ADDR_LEN);
    addr_store4(buf + 14, &pkt->spa);
    memcpy(buf + 18, pkt->tha, ETH_ADDR_LEN);
    addr_store4(buf + 24, &pkt->tpa);
    return ARP_PKT_LEN;
}
