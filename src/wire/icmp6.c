/* SPDX-License-Identifier: MIT */
/*
 * ICMPv6 in and out; the checksum covers the pseudo header. RFC 4443 2.1, 2.3, 2.4 (c), 4.2.
 */
#include "wire/icmp6.h"

#include <errno.h>
#include <string.h>

#include "wire/be.h"
#include "wire/csum.h"
#include "wire/ip.h"
#include "wire/ip6.h"

int icmp6_parse(const struct ft_addr *src, const struct ft_addr *dst, const uint8_t *buf,
                size_t len, struct icmp_msg *ret)
{
    if (len < ICMP_HDR_LEN)
        return -EINVAL;
    if (!csum_l4_good(src, dst, IP_PROTO_ICMP6, buf, len))
        return -EBADMSG;
    ret->type = buf[0];
    ret->code = buf[1];
    ret->rest = be32_load(buf + 4);
    ret->body = buf + ICMP_HDR_LEN;
    ret->body_len = len - ICMP_HDR_LEN;
    return 0;
}

size_t icmp6_emit(uint8_t *buf, size_t cap, const struct icmp6_path *path,
                  const struct icmp_msg *msg)
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
    be16_store(buf + 2, csum_l4(&path->src, &path->dst, IP_PROTO_ICMP6, buf, len));
    return len;
}

size_t icmp6_echo_reply_emit(uint8_t *buf, size_t cap, const struct icmp6_path *path,
                             const struct icmp_msg *req)
{
    struct icmp_msg reply = *req;

    reply.type = ICMP6_ECHO_RESPONSE;
    reply.code = 0;
    return icmp6_emit(buf, cap, path, &reply);
}

size_t icmp6_error_emit(uint8_t *buf, size_t cap, const struct icmp6_path *path,
                        const struct icmp_msg *err)
{
    struct icmp_msg cut = *err;
    size_t room = ICMP6_ERROR_PKT_MAX - IP6_HDR_LEN;

    if (cap < ICMP_HDR_LEN + IP6_HDR_LEN + 8)
        return 0;
    if (room > cap)
        room = cap;
    if (cut.body_len > room - ICMP_HDR_LEN)
        cut.body_len = room - ICMP_HDR_LEN;
    return icmp6_emit(buf, cap, path, &cut);
}
