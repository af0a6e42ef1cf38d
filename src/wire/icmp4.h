/* SPDX-License-Identifier: MIT */
/*
 * ICMP for IPv4: messages in and out, and how much an error may quote. Whether to send one at all
 * and how often is the affair of net/. RFC 792, RFC 1122 3.2.2, RFC 1812 4.3.2.3.
 */
#ifndef WIRE_ICMP4_H
#define WIRE_ICMP4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/icmp.h"

/* An IPv4 packet with an error in it has at most this many octets (RFC 1812 4.3.2.3). */
#define ICMP4_ERROR_PKT_MAX 576

enum icmp4_type {
    ICMP4_ECHO_REPLY = 0,
    ICMP4_UNREACH = 3,
    ICMP4_SOURCE_QUENCH = 4,
    ICMP4_REDIRECT = 5,
    ICMP4_ECHO = 8,
    ICMP4_TIME_EXCEEDED = 11,
    ICMP4_PARAM_PROBLEM = 12,
};

/* Codes of ICMP4_UNREACH. */
enum icmp4_unreach {
    ICMP4_UNREACH_NET = 0,
    ICMP4_UNREACH_HOST = 1,
    ICMP4_UNREACH_PROTO = 2,
    ICMP4_UNREACH_PORT = 3,
    ICMP4_UNREACH_FRAG_NEEDED = 4,
    ICMP4_UNREACH_SOURCE_ROUTE = 5,
    ICMP4_UNREACH_NET_UNKNOWN = 6,
    ICMP4_UNREACH_HOST_UNKNOWN = 7,
    ICMP4_UNREACH_ISOLATED = 8,
    ICMP4_UNREACH_NET_PROHIB = 9,
    ICMP4_UNREACH_HOST_PROHIB = 10,
    ICMP4_UNREACH_NET_TOS = 11,
    ICMP4_UNREACH_HOST_TOS = 12,
    ICMP4_UNREACH_ADMIN = 13,
};

/* Codes of ICMP4_TIME_EXCEEDED. */
enum icmp4_time_exceeded {
    ICMP4_TTL_EXCEEDED = 0,
    ICMP4_REASSEMBLY_EXCEEDED = 1,
};

/**
 * Whether a type is an error, to which no error is ever sent (RFC 1122 3.2.2).
 *
 * @type: ICMP type
 *
 * Return: true for unreachable, source quench, redirect, time exceeded, parameter problem.
 */
static inline bool icmp4_is_error(uint8_t type)
{
    return type == ICMP4_UNREACH || type == ICMP4_SOURCE_QUENCH || type == ICMP4_REDIRECT ||
           type == ICMP4_TIME_EXCEEDED || type == ICMP4_PARAM_PROBLEM;
}

/**
 * Read and verify an ICMP message.
 *
 * @buf: what follows the IPv4 header, in one piece
 * @len: its octets
 * @ret: result; body points into @buf
 *
 * Return: 0; -EINVAL: fewer than eight octets; -EBADMSG: the checksum is wrong.
 */
int icmp4_parse(const uint8_t *buf, size_t len, struct icmp_msg *ret);

/**
 * Write an ICMP message with its checksum.
 *
 * @buf: room for 8 + body_len octets; may not overlap the body
 * @cap: octets of room
 * @msg: what to write; all of body is copied
 *
 * Return: octets written, or 0 if @cap is too small.
 */
size_t icmp4_emit(uint8_t *buf, size_t cap, const struct icmp_msg *msg);

/**
 * Write the reply to an echo request: its identifier, sequence and body (RFC 792).
 *
 * @buf: room for 8 + body_len octets; may not overlap the request
 * @cap: octets of room
 * @req: the request
 *
 * Return: octets written, or 0 if @cap is too small.
 */
size_t icmp4_echo_reply_emit(uint8_t *buf, size_t cap, const struct icmp_msg *req);

/**
 * Write an ICMP error that quotes a packet, cut so that the IPv4 packet around it has at most
 * ICMP4_ERROR_PKT_MAX octets and fits @cap.
 *
 * @buf: where; may not overlap the quoted packet
 * @cap: octets of room
 * @err: type, code and rest; body is the whole packet that provoked it, from its IP header on
 *
 * Return: octets written, or 0 if @cap does not hold even an IPv4 header and eight octets.
 */
size_t icmp4_error_emit(uint8_t *buf, size_t cap, const struct icmp_msg *err);

#endif
