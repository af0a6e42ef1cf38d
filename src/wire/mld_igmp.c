/* SPDX-License-Identifier: MIT */
/*
 * IGMP and MLD messages. Versions are told apart by length, as their RFCs say; a response time of
 * zero becomes the shortest that the protocol can express, so that nobody divides by it.
 * RFC 2236 2, RFC 3376 4.1, 4.2, 7.1; RFC 2710 3; RFC 3810 5.1, 5.2, 6.2, 8.1.
 */
#include "wire/mld_igmp.h"

#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "base/sum.h"
#include "wire/be.h"
#include "wire/csum.h"
#include "wire/ip.h"

#define IGMP3_QUERY_LEN   12
#define IGMP1_RESP_TENTHS 100
#define IGMP_TENTH_MS     100
#define MLD2_QUERY_LEN    28
#define REPORT_HDR_LEN    8
#define N_RECORDS_MAX     65535

/* RFC 3376 4.1.1: from 128 on, a mantissa of four bits and an exponent of three. */
static uint32_t igmp3_tenths(uint8_t code)
{
    if (code < 128)
        return code;
    return ((uint32_t)(code & 0xf) | 0x10) << (((code >> 4) & 7) + 3);
}

/* RFC 3810 5.1.3: from 32768 on, a mantissa of twelve bits and an exponent of three. */
static uint32_t mld2_ms(uint16_t code)
{
    if (code < 32768)
        return code;
    return ((uint32_t)(code & 0xfff) | 0x1000) << (((code >> 12) & 7) + 3);
}

static int parse_igmp_query(const uint8_t *buf, size_t len, struct group_msg *msg)
{
    uint32_t tenths = buf[1];

    if (len == IGMP_MSG_LEN && buf[1] == 0) {
        msg->version = 1;
        tenths = IGMP1_RESP_TENTHS;
    } else if (len == IGMP_MSG_LEN) {
        msg->version = 2;
    } else if (len >= IGMP3_QUERY_LEN) {
        msg->version = 3;
        tenths = igmp3_tenths(buf[1]);
        msg->n_sources = be16_load(buf + 10);
        msg->sources = buf + IGMP3_QUERY_LEN;
        if ((size_t)msg->n_sources * 4 > len - IGMP3_QUERY_LEN)
            return -EINVAL;
    } else {
        return -EINVAL; /* RFC 3376 7.1: 9 to 11 octets are ignored. */
    }
    msg->max_resp_ms = (tenths > 0 ? tenths : 1) * IGMP_TENTH_MS;
    return addr_is_any(&msg->group) || addr_is_multicast(&msg->group) ? 0 : -EINVAL;
}

int igmp_parse(const uint8_t *buf, size_t len, struct group_msg *ret)
{
    struct group_msg msg = {0};
    int r;

    if (len < IGMP_MSG_LEN)
        return -EINVAL;
    if (!csum_good(ft_sum(buf, len, 0)))
        return -EBADMSG;
    msg.type = buf[0];
    msg.group = addr_load4(buf + 4);
    switch (msg.type) {
    case IGMP_QUERY:
        r = parse_igmp_query(buf, len, &msg);
        break;
    case IGMP1_REPORT:
    case IGMP2_REPORT:
    case IGMP2_LEAVE:
        msg.version = msg.type == IGMP1_REPORT ? 1 : 2;
        r = addr_is_multicast(&msg.group) ? 0 : -EINVAL;
        break;
    case IGMP3_REPORT:
        msg.version = 3;
        msg.group = addr_v4(0);
        r = 0;
        break;
    default:
        r = -EINVAL;
        break;
    }
    if (r == 0)
        *ret = msg;
    return r;
}

static int parse_mld_query(const uint8_t *buf, size_t len, struct group_msg *msg)
{
    uint16_t code = be16_load(buf + 4);
    uint32_t ms;

    if (len == MLD_MSG_LEN) {
        msg->version = 1;
        ms = code;
    } else if (len >= MLD2_QUERY_LEN) {
        msg->version = 2;
        ms = mld2_ms(code);
        msg->n_sources = be16_load(buf + 26);
        msg->sources = buf + MLD2_QUERY_LEN;
        if ((size_t)msg->n_sources * 16 > len - MLD2_QUERY_LEN)
            return -EINVAL;
    } else {
        return -EINVAL; /* RFC 3810 8.1: 25 to 27 octets are ignored. */
    }
    msg->max_resp_ms = ms > 0 ? ms : 1;
    return addr_is_any(&msg->group) || addr_is_multicast(&msg->group) ? 0 : -EINVAL;
}

/* RFC 2710 3, RFC 3590 4, RFC 3810 5: of the link, and said so. */
static bool mld_packet_ok(const struct ip6_hdr *ip, bool router_alert, bool is_query)
{
    if (ip->hop_limit != 1 || !router_alert)
        return false;
    return addr_is_link_local(&ip->src) || (!is_query && addr_is_any(&ip->src));
}

int mld_parse(const struct ip6_hdr *ip, bool router_alert, const uint8_t *buf, size_t len,
              struct group_msg *ret)
{
    struct group_msg msg = {0};
    int r;

    if (len < ICMP_HDR_LEN)
        return -EINVAL;
    msg.type = buf[0];
    if (!mld_packet_ok(ip, router_alert, msg.type == ICMP6_MLD_QUERY))
        return -EINVAL;
    if (msg.type == ICMP6_MLD2_REPORT) {
        msg.version = 2;
        *ret = msg;
        return 0;
    }
    if (len < MLD_MSG_LEN)
        return -EINVAL;
    msg.group = addr_load16(buf + 8);
    if (addr_is_v4(&msg.group))
        return -EINVAL;
    msg.version = 1;
    if (msg.type == ICMP6_MLD_QUERY)
        r = parse_mld_query(buf, len, &msg);
    else if (msg.type == ICMP6_MLD_REPORT || msg.type == ICMP6_MLD_DONE)
        r = addr_is_multicast(&msg.group) ? 0 : -EINVAL;
    else
        r = -EINVAL;
    if (r == 0)
        *ret = msg;
    return r;
}

size_t igmp_emit(uint8_t *buf, size_t cap, const struct group_msg *msg)
{
    uint32_t tenths = msg->type == IGMP_QUERY ? msg->max_resp_ms / IGMP_TENTH_MS : 0;

    if (cap < IGMP_MSG_LEN)
        return 0;
    buf[0] = msg->type;
    buf[1] = (uint8_t)(tenths > 255 ? 255 : tenths);
    be16_store(buf + 2, 0);
    addr_store4(buf + 4, &msg->group);
    be16_store(buf + 2, csum_of(buf, IGMP_MSG_LEN));
    return IGMP_MSG_LEN;
}

/* The eight octets that both reports begin with, the checksum still zero. */
static void emit_report_hdr(uint8_t *buf, uint8_t type, size_t n)
{
    be32_store(buf, (uint32_t)type << 24);
    be32_store(buf + 4, (uint32_t)n);
}

size_t igmp3_report_emit(uint8_t *buf, size_t cap, const struct group_record *records, size_t n)
{
    size_t len = REPORT_HDR_LEN + 8 * n;

    if (n > N_RECORDS_MAX || cap < len)
        return 0;
    emit_report_hdr(buf, IGMP3_REPORT, n);
    for (size_t i = 0; i < n; i++) {
        uint8_t *p = buf + REPORT_HDR_LEN + 8 * i;

        be32_store(p, (uint32_t)records[i].type << 24);
        addr_store4(p + 4, &records[i].group);
    }
    be16_store(buf + 2, csum_of(buf, len));
    return len;
}

size_t mld_emit(uint8_t *buf, size_t cap, const struct icmp6_path *path,
                const struct group_msg *msg)
{
    uint32_t ms = msg->type == ICMP6_MLD_QUERY ? msg->max_resp_ms : 0;

    if (cap < MLD_MSG_LEN)
        return 0;
    be32_store(buf, (uint32_t)msg->type << 24);
    be32_store(buf + 4, (ms > 65535 ? 65535 : ms) << 16);
    addr_store16(buf + 8, &msg->group);
    be16_store(buf + 2, csum_l4(&path->src, &path->dst, IP_PROTO_ICMP6, buf, MLD_MSG_LEN));
    return MLD_MSG_LEN;
}

size_t mld2_report_emit(uint8_t *buf, size_t cap, const struct icmp6_path *path,
                        const struct group_records *records)
{
    size_t len = REPORT_HDR_LEN + 20 * records->n;

    if (records->n > N_RECORDS_MAX || cap < len)
        return 0;
    emit_report_hdr(buf, ICMP6_MLD2_REPORT, records->n);
    for (size_t i = 0; i < records->n; i++) {
        uint8_t *p = buf + REPORT_HDR_LEN + 20 * i;

        be32_store(p, (uint32_t)records->r[i].type << 24);
        addr_store16(p + 4, &records->r[i].group);
    }
    be16_store(buf + 2, csum_l4(&path->src, &path->dst, IP_PROTO_ICMP6, buf, len));
    return len;
}
