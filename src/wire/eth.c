/* SPDX-License-Identifier: MIT */
/*
 * Ethernet headers. Tags are skipped in a loop of at most two steps; what they say is not used.
 * IEEE 802.3 3.2, 802.1Q 9.6; RFC 1112 6.4, RFC 2464 7.
 */
#include "wire/eth.h"

#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "wire/be.h"

#define TAG_LEN 4

int eth_parse(const uint8_t *buf, size_t len, struct eth_hdr *ret)
{
    size_t type_at = 2 * ETH_ADDR_LEN;
    uint8_t n_tags = 0;
    uint16_t type;

    if (len < ETH_HDR_LEN)
        return -EINVAL;
    type = be16_load(buf + type_at);
    while (type == ETH_TYPE_VLAN || type == ETH_TYPE_QINQ) {
        if (n_tags == ETH_TAGS_MAX || len < type_at + TAG_LEN + 2)
            return -EINVAL;
        n_tags++;
        type_at += TAG_LEN;
        type = be16_load(buf + type_at);
    }
    memcpy(ret->dst, buf, ETH_ADDR_LEN);
    memcpy(ret->src, buf + ETH_ADDR_LEN, ETH_ADDR_LEN);
    ret->ethertype = type;
    ret->hdr_len = (uint8_t)(type_at + 2);
    ret->n_tags = n_tags;
    return 0;
}

size_t eth_emit(uint8_t *buf, size_t cap, const struct eth_hdr *hdr)
{
    if (cap < ETH_HDR_LEN)
        return 0;
    memcpy(buf, hdr->dst, ETH_ADDR_LEN);
    memcpy(buf + ETH_ADDR_LEN, hdr->src, ETH_ADDR_LEN);
    be16_store(buf + 2 * ETH_ADDR_LEN, hdr->ethertype);
    return ETH_HDR_LEN;
}

void eth_group_of(const struct ft_addr *group, uint8_t mac[ETH_ADDR_LEN])
{
    if (addr_is_broadcast(group)) {
        memset(mac, 0xff, ETH_ADDR_LEN);
    } else if (addr_is_v4(group)) {
        mac[0] = 0x01;
        mac[1] = 0x00;
        be32_store(mac + 2, 0x5e000000 | (addr_v4_of(group) & 0x7fffff));
    } else {
        mac[0] = 0x33;
        mac[1] = 0x33;
        be32_store(mac + 2, (uint32_t)group->lo);
    }
}
