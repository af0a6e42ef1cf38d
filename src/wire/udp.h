/* SPDX-License-Identifier: MIT */
/*
 * The UDP header and its checksum rules, which differ by family. RFC 768, RFC 8200 8.1.
 */
#ifndef WIRE_UDP_H
#define WIRE_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fourtuple/types.h>

#define UDP_HDR_LEN 8
#define UDP_CSUM_AT 6

struct udp_hdr {
    uint16_t src_port;
    uint16_t dst_port;
    uint16_t len;  /* octets of header and payload, 8 to 65535 */
    uint16_t csum; /* as on the wire, 0 is none; udp_emit writes it as it is */
};

/**
 * Read a UDP header (RFC 768).
 *
 * @buf: what follows the IP header
 * @len: octets of the IP payload; only the first eight need lie in one piece
 * @ret: result; the payload has ret->len - 8 octets
 *
 * Return: 0; -EINVAL: fewer than eight octets, or a length below 8 or above @len.
 */
int udp_parse(const uint8_t *buf, size_t len, struct udp_hdr *ret);

/**
 * Whether the checksum of a datagram in one piece is right.
 *
 * @src: of the packet
 * @dst: of the packet
 * @buf: the datagram, beginning with its header
 * @len: the length that udp_parse() gave
 *
 * Return: true if it is; without a checksum true for IPv4 (RFC 1122 4.1.3.4), false for IPv6
 * (RFC 8200 8.1).
 */
bool udp_csum_ok(const struct ft_addr *src, const struct ft_addr *dst, const uint8_t *buf,
                 size_t len);

/**
 * Write a UDP header.
 *
 * @buf: room for UDP_HDR_LEN octets
 * @cap: octets of room
 * @hdr: all fields are used
 *
 * Return: UDP_HDR_LEN, or 0 if @cap is too small.
 */
size_t udp_emit(uint8_t *buf, size_t cap, const struct udp_hdr *hdr);

/**
 * The checksum field for a sum; zero, which would mean "none", becomes all ones (RFC 768).
 *
 * @sum: pseudo header, header with a zero checksum field, and payload, as of ft_sum()
 *
 * Return: host order, for the field.
 */
uint16_t udp_csum_finish(uint64_t sum);

#endif
