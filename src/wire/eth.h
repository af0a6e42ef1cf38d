/* SPDX-License-Identifier: MIT */
/*
 * The Ethernet header: two addresses, at most two VLAN tags (skipped), the type. It knows what a
 * group address is and which group address stands for an IP group; it knows no interface.
 * IEEE 802.3 3.2, 802.1Q 9.6; RFC 894, RFC 1112 6.4, RFC 2464 7.
 */
#ifndef WIRE_ETH_H
#define WIRE_ETH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fourtuple/types.h>

#define ETH_ADDR_LEN 6
#define ETH_HDR_LEN  14
#define ETH_TAGS_MAX 2

enum eth_type {
    ETH_TYPE_IP4 = 0x0800,
    ETH_TYPE_ARP = 0x0806,
    ETH_TYPE_VLAN = 0x8100,
    ETH_TYPE_IP6 = 0x86dd,
    ETH_TYPE_QINQ = 0x88a8,
};

struct eth_hdr {
    uint8_t dst[ETH_ADDR_LEN];
    uint8_t src[ETH_ADDR_LEN];
    uint16_t ethertype; /* enum eth_type or any other; below 0x0600 it is an 802.3 length */
    uint8_t hdr_len;    /* octets to the payload: 14, 18 or 22; set by eth_parse */
    uint8_t n_tags;     /* VLAN tags that were skipped; set by eth_parse */
};

/**
 * Read an Ethernet header (IEEE 802.3 3.2).
 *
 * @buf: the frame
 * @len: its octets in one piece; at least the header must be there
 * @ret: result
 *
 * Return: 0; -EINVAL: a runt, a cut tag, or more than two tags.
 */
int eth_parse(const uint8_t *buf, size_t len, struct eth_hdr *ret);

/**
 * Write an Ethernet header without tags.
 *
 * @buf: room for ETH_HDR_LEN octets
 * @cap: octets of room
 * @hdr: dst, src and ethertype are used
 *
 * Return: ETH_HDR_LEN, or 0 if @cap is too small.
 */
size_t eth_emit(uint8_t *buf, size_t cap, const struct eth_hdr *hdr);

/**
 * The group address that stands for an IP group or broadcast (RFC 1112 6.4, RFC 2464 7).
 *
 * @group: a multicast address of either family, or 255.255.255.255
 * @mac:   result, six octets
 */
void eth_group_of(const struct ft_addr *group, uint8_t mac[ETH_ADDR_LEN]);

/**
 * Whether an Ethernet address is a group address (broadcast included).
 *
 * @mac: six octets
 *
 * Return: the group bit.
 */
static inline bool eth_is_group(const uint8_t *mac)
{
    return (mac[0] & 1) != 0;
}

/**
 * Whether an Ethernet address can be a station's own: no group and not all zero.
 *
 * @mac: six octets
 *
 * Return: true if a neighbour may have it.
 */
static inline bool eth_is_station(const uint8_t *mac)
{
    return !eth_is_group(mac) && (mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]) != 0;
}

#endif
