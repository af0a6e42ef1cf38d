/* SPDX-License-Identifier: MIT */
/*
 * ICMPv6: messages in and out, and how much an error may quote. Neighbour discovery and multicast
 * listeners have files of their own. RFC 4443.
 */
#ifndef WIRE_ICMP6_H
#define WIRE_ICMP6_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/icmp.h"

/* An IPv6 packet with an error in it has at most this many octets (RFC 4443 2.4 c). */
#define ICMP6_ERROR_PKT_MAX 1280

enum icmp6_type {
    ICMP6_UNREACH = 1,
    ICMP6_TOO_BIG = 2,
    ICMP6_TIME_EXCEED = 3,
    ICMP6_PARAM_PROBLEM = 4,
    ICMP6_ECHO = 128,
    ICMP6_ECHO_RESPONSE = 129,
    ICMP6_MLD_QUERY = 130,
    ICMP6_MLD_REPORT = 131,
    ICMP6_MLD_DONE = 132,
    ICMP6_RS = 133,
    ICMP6_RA = 134,
    ICMP6_NS = 135,
    ICMP6_NA = 136,
    ICMP6_REDIRECT = 137,
    ICMP6_MLD2_REPORT = 143,
};

/* Codes of ICMP6_UNREACH. */
enum icmp6_unreach {
    ICMP6_UNREACH_NO_ROUTE = 0,
    ICMP6_UNREACH_ADMIN = 1,
    ICMP6_UNREACH_SCOPE = 2,
    ICMP6_UNREACH_ADDR = 3,
    ICMP6_UNREACH_PORT = 4,
    ICMP6_UNREACH_POLICY = 5,
    ICMP6_UNREACH_REJECT = 6,
};

/* Codes of ICMP6_PARAM_PROBLEM. */
enum icmp6_param_problem {
    ICMP6_PARAM_HEADER = 0,     /* erroneous header field */
    ICMP6_PARAM_NEXT = 1,       /* unrecognised next header */
    ICMP6_PARAM_OPTION = 2,     /* unrecognised option */
    ICMP6_PARAM_FIRST_FRAG = 3, /* RFC 7112: incomplete header chain */
};

/**
 * Whether a type is an error, to which no error is ever sent (RFC 4443 2.1).
 *
 * @type: ICMPv6 type
 *
 * Return: true below 128; redirects, which forbid errors too, are not among them.
 */
static inline bool icmp6_is_error(uint8_t type)
{
    return type < 128;
}

/**
 * Read and verify an ICMPv6 message.
 *
 * @src: of the packet
 * @dst: of the packet
 * @buf: the message, in one piece
 * @len: its octets
 * @ret: result; body points into @buf
 *
 * Return: 0; -EINVAL: fewer than eight octets; -EBADMSG: the checksum is wrong.
 */
int icmp6_parse(const struct ft_addr *src, const struct ft_addr *dst, const uint8_t *buf,
                size_t len, struct icmp_msg *ret);

/* Who a message goes from and to, for its checksum. */
struct icmp6_path {
    struct ft_addr src;
    struct ft_addr dst;
};

/**
 * Write an ICMPv6 message with its checksum.
 *
 * @buf:  room for 8 + body_len octets; may not overlap the body
 * @cap:  octets of room
 * @path: addresses of the packet
 * @msg:  what to write; all of body is copied
 *
 * Return: octets written, or 0 if @cap is too small.
 */
size_t icmp6_emit(uint8_t *buf, size_t cap, const struct icmp6_path *path,
                  const struct icmp_msg *msg);

/**
 * Write the reply to an echo request: its identifier, sequence and body (RFC 4443 4.2).
 *
 * @buf:  room for 8 + body_len octets; may not overlap the request
 * @cap:  octets of room
 * @path: addresses of the reply
 * @req:  the request
 *
 * Return: octets written, or 0 if @cap is too small.
 */
size_t icmp6_echo_reply_emit(uint8_t *buf, size_t cap, const struct icmp6_path *path,
                             const struct icmp_msg *req);

/**
 * Write an ICMPv6 error that quotes a packet, cut so that the IPv6 packet around it has at most
 * ICMP6_ERROR_PKT_MAX octets and fits @cap.
 *
 * @buf:  where; may not overlap the quoted packet
 * @cap:  octets of room
 * @path: addresses of the error
 * @err:  type, code and rest; body is the whole packet that provoked it, from its IP header on
 *
 * Return: octets written, or 0 if @cap does not hold even an IPv6 header and eight octets.
 */
size_t icmp6_error_emit(uint8_t *buf, size_t cap, const struct icmp6_path *path,
                        const struct icmp_msg *err);

#endif
