/* SPDX-License-Identifier: MIT */
/*
 * The IPv4 header. Reading verifies all that one packet can tell: version, lengths against the
 * frame, checksum, the form of the options. Options are never kept or echoed; source routes and
 * router alert are only reported. RFC 791 3.1, RFC 1122 3.2.1, RFC 2113.
 */
#ifndef WIRE_IP4_H
#define WIRE_IP4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fourtuple/types.h>

#define IP4_HDR_LEN          20
#define IP4_HDR_LEN_MAX      60
#define IP4_PKT_LEN_MAX      65535
/* Octets of the option that makes routers look (RFC 2113). */
#define IP4_ROUTER_ALERT_LEN 4
/* The smallest MTU of an IPv4 link, RFC 791 3.2. */
#define IP4_MTU_MIN          68

struct ip4_hdr {
    struct ft_addr src;
    struct ft_addr dst;
    uint16_t total_len; /* octets of header and payload; emit trusts it */
    uint16_t id;        /* identification */
    uint16_t frag_off;  /* octets, a multiple of 8 */
    uint8_t hdr_len;    /* octets; set by ip4_parse, not read by ip4_emit */
    uint8_t tos;        /* DSCP and ECN */
    uint8_t ttl;
    uint8_t proto;         /* enum ip_proto */
    bool df;               /* do not fragment */
    bool mf;               /* more fragments follow */
    bool has_source_route; /* LSRR or SSRR was there; set by ip4_parse */
    bool router_alert;     /* RFC 2113; ip4_emit then writes 24 octets */
};

/**
 * Read and verify an IPv4 header.
 *
 * @buf: what follows the Ethernet header
 * @len: its octets in one piece; the frame may be longer than the packet (padding), never shorter
 * @ret: result; the payload is buf[hdr_len] to buf[total_len]
 *
 * Return: 0; -EINVAL: version, header length, total length or an option is malformed;
 * -EBADMSG: the header checksum is wrong.
 */
int ip4_parse(const uint8_t *buf, size_t len, struct ip4_hdr *ret);

/**
 * As ip4_parse() for a packet of which only the first part is in one piece.
 *
 * @buf:     the first octets of the packet, the whole header among them
 * @len:     how many lie in one piece
 * @pkt_len: how many there are in all, against which total_len is verified; at least @len
 * @ret:     result
 *
 * Return: as ip4_parse().
 */
int ip4_parse_split(const uint8_t *buf, size_t len, size_t pkt_len, struct ip4_hdr *ret);

/**
 * Write an IPv4 header with its checksum.
 *
 * @buf: room for 20 octets, 24 with router_alert
 * @cap: octets of room
 * @hdr: what to write
 *
 * Return: octets written, or 0 if @cap is too small.
 */
size_t ip4_emit(uint8_t *buf, size_t cap, const struct ip4_hdr *hdr);

#endif
