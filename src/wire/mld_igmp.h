/* SPDX-License-Identifier: MIT */
/*
 * Group membership: queries and reports of IGMP (1 to 3) and MLD (1 and 2), as far as a host
 * needs them to be a member of groups from any source. No timers, no list of groups.
 * RFC 2236 2, RFC 3376 4, RFC 2710 3, RFC 3810 5.
 */
#ifndef WIRE_MLD_IGMP_H
#define WIRE_MLD_IGMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fourtuple/types.h>

#include "wire/icmp6.h"
#include "wire/ip6.h"

#define IGMP_MSG_LEN 8
#define MLD_MSG_LEN  24

enum igmp_type {
    IGMP_QUERY = 0x11,
    IGMP1_REPORT = 0x12,
    IGMP2_REPORT = 0x16,
    IGMP2_LEAVE = 0x17,
    IGMP3_REPORT = 0x22,
};

/* What a record of an IGMPv3 or MLDv2 report says (RFC 3376 4.2.12). */
enum group_record_type {
    GROUP_IS_EXCLUDE = 2, /* answer to a query: member, any source */
    GROUP_TO_INCLUDE = 3, /* leaves */
    GROUP_TO_EXCLUDE = 4, /* joins, any source */
};

struct group_record {
    enum group_record_type type;
    struct ft_addr group;
};

/* A message of either protocol. */
struct group_msg {
    uint8_t type;           /* enum igmp_type or ICMP6_MLD_... */
    uint8_t version;        /* of the protocol: IGMP 1 to 3, MLD 1 or 2 */
    struct ft_addr group;   /* any: a general query. Reports of IGMPv3 and MLDv2: any */
    uint32_t max_resp_ms;   /* queries: time to answer within, never 0 */
    uint16_t n_sources;     /* queries: sources asked for, all of them inside the message */
    const uint8_t *sources; /* n_sources addresses of 4 or 16 octets; borrowed */
};

/**
 * Read and verify an IGMP message.
 *
 * @buf: what follows the IPv4 header, in one piece
 * @len: its octets
 * @ret: result
 *
 * Return: 0; -EINVAL: a wrong length, a type of no interest, sources past the end, or a group
 * that is no group; -EBADMSG: the checksum is wrong.
 */
int igmp_parse(const uint8_t *buf, size_t len, struct group_msg *ret);

/**
 * Read an MLD message.
 *
 * @ip:           header of the packet
 * @router_alert: whether it had that option (RFC 3810 6.2)
 * @buf:          the ICMPv6 message, whose checksum icmp6_parse() has verified
 * @len:          its octets
 * @ret:          result
 *
 * Return: 0; -EINVAL: hop limit other than 1, no router alert, a source that is not link-local
 * (reports: or "::"), a wrong length, sources past the end, or a group that is no group.
 */
int mld_parse(const struct ip6_hdr *ip, bool router_alert, const uint8_t *buf, size_t len,
              struct group_msg *ret);

/**
 * Write an IGMP message of eight octets with its checksum: a report or leave of version 2, a
 * report of version 1, or a query.
 *
 * @buf: room for IGMP_MSG_LEN octets
 * @cap: octets of room
 * @msg: type, group and max_resp_ms (queries) are used
 *
 * Return: octets written, or 0 if @cap is too small.
 */
size_t igmp_emit(uint8_t *buf, size_t cap, const struct group_msg *msg);

/**
 * Write an IGMPv3 report with its checksum (RFC 3376 4.2); its destination is 224.0.0.22.
 *
 * @buf:     room for 8 + 8 * @n octets
 * @cap:     octets of room
 * @records: what to say, IPv4 groups
 * @n:       how many, at most 65535
 *
 * Return: octets written, or 0 if @cap is too small.
 */
size_t igmp3_report_emit(uint8_t *buf, size_t cap, const struct group_record *records, size_t n);

/**
 * Write an MLDv1 message with its checksum: a report, a done or a query.
 *
 * @buf:  room for MLD_MSG_LEN octets
 * @cap:  octets of room
 * @path: addresses of the packet
 * @msg:  type, group and max_resp_ms (queries) are used
 *
 * Return: octets written, or 0 if @cap is too small.
 */
size_t mld_emit(uint8_t *buf, size_t cap, const struct icmp6_path *path,
                const struct group_msg *msg);

/* The records of a report. */
struct group_records {
    const struct group_record *r;
    size_t n; /* at most 65535 */
};

/**
 * Write an MLDv2 report with its checksum (RFC 3810 5.2); its destination is ff02::16.
 *
 * @buf:     room for 8 + 20 * n octets
 * @cap:     octets of room
 * @path:    addresses of the packet
 * @records: what to say, IPv6 groups
 *
 * Return: octets written, or 0 if @cap is too small.
 */
size_t mld2_report_emit(uint8_t *buf, size_t cap, const struct icmp6_path *path,
                        const struct group_records *records);

#endif
