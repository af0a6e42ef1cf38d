/* SPDX-License-Identifier: MIT */
/*
 * ICMP for IPv4 in and out. RFC 792, RFC 1122 3.2.2, RFC 1812 4.3.2.3.
 */
#include "wire/icmp4.h"

#include <errno.h>
#include <string.h>

#include "base/sum.h"
#include "wire/be.h"
#include "wire/csum.h"
#include "wire/ip4.h"

int icmp4_parse(const uint8_t *buf, size_t len, struct icmp_msg *ret)
{
    if (len < ICMP_HDR_LEN)
        return -EINVAL;
    if (!csum_good(ft_sum(buf, len, 0)))
        return -EBADMSG;
    ret->type = buf[0];
    ret->code = buf[1];
    ret->rest = be32_load(buf + 4);
    ret->body = buf + ICMP_HDR_LEN;
    ret->body_len = len - ICMP_HDR_LEN;
    return 0;
}

size_t icmp4_emit(uint8_t *buf, size_t cap, const struct icmp_msg *msg)
{
    size_t len;

    if (cap < ICMP_HDR_LEN || msg->body_len > cap - ICMP_HDR_LEN)
        return 0;
    len = ICMP_HDR_LEN + msg->body_len;
    buf[0] = msg->type;
    buf[1] = msg->code;
    be16_store(buf + 2, 0);
    be32_store(buf + 4, msg->rest);
    if (msg->body_len > 0)
        memcpy(buf + ICMP_HDR_LEN, msg->body, msg->body_len);
    be16_store(buf + 2, csum_of(buf, len));
    return len;
}

size_t icmp4_echo_reply_emit(uint8_t *buf, size_t cap, const struct icmp_msg *req)
{
    struct icmp_msg reply = *req;

    reply.type = ICMP4_ECHO_REPLY;
    reply.code = 0;
    return icmp4_emit(buf, cap, &reply);
}

size_t icmp4_error_emit(uint8_t *buf, size_t cap, const struct icmp_msg *err)
{
    struct icmp_msg cut = *err;
    size_t room = ICMP4_ERROR_PKT_MAX - IP4_HDR_LEN;

    if (cap < ICMP_HDR_LEN + IP4_HDR_LEN + 8)
        return 0;
    if (room > cap)
        room = cap;
    if (cut.body_len > room - ICMP_HDR_LEN)
        cut.body_len = room - ICMP_HDR_LEN;
    return icmp4_emit(buf, cap, &cut);
}
