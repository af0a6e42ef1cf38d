/* SPDX-License-Identifier: MIT */
/*
 * ARP packets for IPv4 over Ethernet, and no others. It checks the form; what a packet may change
 * is the affair of net/. RFC 826.
 */
#ifndef WIRE_ARP_H
#define WIRE_ARP_H

#include <stddef.h>
#include <stdint.h>

#include <fourtuple/types.h>

#include "wire/eth.h"

#define ARP_PKT_LEN 28

enum arp_op {
    ARP_OP_REQUEST = 1,
    ARP_OP_REPLY = 2,
};

struct arp_pkt {
    struct ft_addr spa;        /* sender's protocol address, IPv4 */
    struct ft_addr tpa;        /* target's protocol address, IPv4 */
    uint16_t op;               /* enum arp_op */
    uint8_t sha[ETH_ADDR_LEN]; /* sender's hardware address, as sent: may be a group or zero */
    uint8_t tha[ETH_ADDR_LEN]; /* target's hardware address; means nothing in a request */
};

/**
 * Read an ARP packet.
 *
 * @buf: what follows the Ethernet header
 * @len: its octets; padding behind the packet is ignored
 * @ret: result
 *
 * Return: 0; -EINVAL: fewer than 28 octets, another hardware or protocol type, another address
 * length, or an operation other than request and reply.
 */
int arp_parse(const uint8_t *buf, size_t len, struct arp_pkt *ret);

/**
 * Write an ARP packet.
 *
 * @buf: room for ARP_PKT_LEN octets
 * @cap: octets of room
 * @pkt: all fields are used
 *
 * Return: ARP_PKT_LEN, or 0 if @cap is too small.
 */
size_t arp_emit(uint8_t *buf, size_t cap, const struct arp_pkt *pkt);

#endif
