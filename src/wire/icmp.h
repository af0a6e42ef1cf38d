/* SPDX-License-Identifier: MIT */
/*
 * What ICMP of both families has in common: the shape of a message, how it is read and written, and
 * the packet that an error quotes, read no further than the eight octets behind its header. RFC
 * 792, RFC 4443 2.1, RFC 5927 4.1.
 */
#ifndef WIRE_ICMP_H
#define WIRE_ICMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fourtuple/types.h>

#include "base/seq.h"

#define ICMP_HDR_LEN 8

struct icmp_msg {
    uint8_t type;
    uint8_t code;
    uint32_t rest;       /* the word behind the checksum: id and sequence, MTU, pointer, ... */
    const uint8_t *body; /* what follows; borrowed */
    size_t body_len;     /* octets of it */
};

/**
 * Read a message whose checksum has been verified.
 *
 * @len: octets, at least ICMP_HDR_LEN
 * @ret: result; body points into @buf
 */
void icmp_read(const uint8_t *buf, size_t len, struct icmp_msg *ret);

/**
 * Write a message, its checksum zero.
 *
 * @buf: room for 8 + body_len octets; may not overlap the body
 * @cap: octets of room
 *
 * Return: octets written, or 0 if @cap is too small.
 */
size_t icmp_write(uint8_t *buf, size_t cap, const struct icmp_msg *msg);

/**
 * Cut the packet that an error quotes to what a packet with an error in it may have.
 *
 * @err:     the error, quoting all of it
 * @room:    octets that the message may have
 * @cap:     octets of room that there are
 * @ret_cut: the error, quoting as much as fits both
 *
 * Return: whether it quotes an IP header of @hdr_len and eight octets, if there are so many.
 */
bool icmp_cut(const struct icmp_msg *err, size_t room, size_t cap, size_t hdr_len,
              struct icmp_msg *ret_cut);

/* The packet that an ICMP error quotes: one that we are said to have sent. */
struct icmp_quote {
    struct ft_addr src; /* us, if the error is for us */
    struct ft_addr dst;
    uint8_t proto;
    bool has_ports; /* proto is TCP or UDP, and it is no later fragment */
    uint16_t src_port;
    uint16_t dst_port;
    bool has_seq; /* proto is TCP */
    ft_seq seq;
    uint32_t pkt_len;  /* length that the quoted header claims for its packet */
    const uint8_t *l4; /* the upper-layer octets that were quoted, at least eight; borrowed */
    size_t l4_len;
};

/**
 * Read the packet that an ICMP error quotes, of either family.
 *
 * @body: the body of the error, beginning with an IP header
 * @len:  its octets
 * @ret:  result
 *
 * Return: 0; -EINVAL: no whole IP header with eight octets behind it, or the header contradicts
 * itself.
 */
int icmp_quote_parse(const uint8_t *body, size_t len, struct icmp_quote *ret);

#endif
