/* SPDX-License-Identifier: MIT */
/*
 * The IPv6 header and the chain of its extension headers. The walk is a loop with limits on
 * headers, options, padding and octets; it acts on options as their action bits say, and its
 * result names the upper-layer header or the one reason why the packet ends here. It keeps no
 * fragment and sends no error. RFC 8200 3, 4; RFC 5095; RFC 7112; RFC 8504 5.3.
 */
#ifndef WIRE_IP6_H
#define WIRE_IP6_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fourtuple/types.h>

#define IP6_HDR_LEN          40
#define IP6_FRAG_HDR_LEN     8
#define IP6_ROUTER_ALERT_LEN 8
#define IP6_MTU_MIN          1280

/* Limits of the walk (RFC 8504 5.3, RFC 8883). More is dropped. */
#define IP6_EXT_HDRS_MAX     8    /* extension headers a packet */
#define IP6_EXT_OCTETS_MAX   2048 /* octets of all extension headers */
#define IP6_OPTIONS_MAX      16   /* options a header, padding not counted */
#define IP6_PADDING_MAX      7    /* octets of padding in a row */

struct ip6_hdr {
    struct ft_addr src;
    struct ft_addr dst;
    uint32_t flow;        /* flow label, 20 bits */
    uint16_t payload_len; /* octets after the 40 of the header; emit trusts it */
    uint8_t tclass;       /* DSCP and ECN */
    uint8_t next;         /* enum ip_proto: the first extension header or the upper layer */
    uint8_t hop_limit;
};

/* A Fragment header (RFC 8200 4.5). */
struct ip6_frag {
    uint32_t id;
    uint16_t off; /* octets, a multiple of 8 */
    uint8_t next; /* what the fragmentable part begins with */
    bool more;    /* more fragments follow */
};

/* Why a packet ends in the walk. net/ counts them under three names: options, reassembly,
   and the rest as headers. */
enum ip6_why {
    IP6_OK = 0,
    IP6_TRUNCATED,   /* a header reaches past the packet */
    IP6_TOO_MANY,    /* more headers, octets or options than the limits */
    IP6_PADDING,     /* too much padding, or padding that is not zero */
    IP6_BAD_OPTION,  /* an option reaches past its header */
    IP6_UNKNOWN_OPT, /* an option that we do not know says: discard */
    IP6_HBH_LATE,    /* Hop-by-Hop Options elsewhere than first */
    IP6_ROUTED,      /* a Routing header with segments left; RFC 5095 for type 0 */
    IP6_FRAG_TWICE,  /* a second Fragment header */
    IP6_FRAG_LEN,    /* a fragment with more to come whose length is no multiple of 8 */
    IP6_FRAG_LONG,   /* a fragment that ends past octet 65535 */
    IP6_FRAG_SHORT,  /* RFC 7112: a first fragment without all of its headers */
    IP6_N_WHY
};

/* What the walk found. Offsets count from the IPv6 header's first octet. */
struct ip6_chain {
    enum ip6_why why;     /* IP6_OK, else the packet is dropped */
    bool send;            /* answer with ICMPv6 Parameter Problem (net/ limits the rate) */
    uint8_t icmp_code;    /* its code, 0 to 3 */
    uint32_t pointer;     /* its pointer */
    uint8_t proto;        /* upper-layer protocol, unknown to us or not; 59 is none */
    uint32_t off;         /* where its header begins */
    uint32_t len;         /* octets from there to the end of the packet */
    uint32_t next_at;     /* where the octet that names proto is: Parameter Problem code 1 */
    bool router_alert;    /* RFC 2711, wanted by MLD */
    bool has_frag;        /* a Fragment header was there, atomic ones included */
    struct ip6_frag frag; /* its fields */
    uint32_t frag_at;     /* where it begins: the unfragmentable part ends */
    uint32_t frag_prev;   /* where the octet that names it is: reassembly puts frag.next there */
};

/**
 * Read the fixed IPv6 header.
 *
 * @buf: what follows the Ethernet header
 * @len: its octets; the frame may be longer than the packet, never shorter
 * @ret: result
 *
 * Return: 0; -EINVAL: fewer than 40 octets, another version, a payload that is not all there, or
 * a v4-mapped address, which must never be on the wire (inside the stack it means IPv4).
 */
int ip6_parse(const uint8_t *buf, size_t len, struct ip6_hdr *ret);

/**
 * As ip6_parse() for a packet of which only the first part is in one piece.
 *
 * @buf:     the first octets of the packet, the 40 of the header among them
 * @len:     how many lie in one piece
 * @pkt_len: how many there are in all; at least @len
 * @ret:     result
 *
 * Return: as ip6_parse().
 */
int ip6_parse_split(const uint8_t *buf, size_t len, size_t pkt_len, struct ip6_hdr *ret);

/**
 * Walk the extension headers (RFC 8200 4).
 *
 * @pkt: the packet, beginning with the IPv6 header
 * @len: its octets in one piece: the header, the extension headers and the upper layer's header
 *       are among them, else the packet counts as truncated
 * @hdr: what ip6_parse() gave for it
 * @ret: result, always written whole
 *
 * A fragment that is not the first is not walked past its Fragment header: proto is frag.next.
 * A first fragment is walked to its upper-layer header only to see that this is there; its
 * destination options are acted on after reassembly. A reassembled packet is walked again
 * without its Fragment header; if has_frag is then true the caller drops it.
 *
 * Return: ret->why.
 */
enum ip6_why ip6_walk(const uint8_t *pkt, size_t len, const struct ip6_hdr *hdr,
                      struct ip6_chain *ret);

/**
 * Write the fixed IPv6 header.
 *
 * @buf: room for IP6_HDR_LEN octets
 * @cap: octets of room
 * @hdr: what to write
 *
 * Return: IP6_HDR_LEN, or 0 if @cap is too small.
 */
size_t ip6_emit(uint8_t *buf, size_t cap, const struct ip6_hdr *hdr);

/**
 * Write a Fragment header (RFC 8200 4.5).
 *
 * @buf:  room for IP6_FRAG_HDR_LEN octets
 * @cap:  octets of room
 * @frag: what to write
 *
 * Return: IP6_FRAG_HDR_LEN, or 0 if @cap is too small.
 */
size_t ip6_frag_emit(uint8_t *buf, size_t cap, const struct ip6_frag *frag);

/**
 * Write a Hop-by-Hop Options header with Router Alert for MLD (RFC 2711, RFC 3810 5).
 *
 * @buf:  room for IP6_ROUTER_ALERT_LEN octets
 * @cap:  octets of room
 * @next: the protocol that follows
 *
 * Return: IP6_ROUTER_ALERT_LEN, or 0 if @cap is too small.
 */
size_t ip6_router_alert_emit(uint8_t *buf, size_t cap, uint8_t next);

#endif
