/* SPDX-License-Identifier: MIT */
/*
 * ICMP for IPv4 in and out. RFC 792, RFC 1122 3.2.2, RFC 1812 4.3.2.3.
 */
#include "wire/icmp4.h"

#include <errno.h>

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
    icmp_read(buf, len, ret);
    return 0;
}

size_t icmp4_emit(uint8_t *buf, size_t cap, const struct icmp_msg *msg)
{
    size_t len = icmp_write(buf, cap, msg);

    if (len > 0)
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
    struct icmp_msg cut;

    if (!icmp_cut(err, ICMP4_ERROR_PKT_MAX - IP4_HDR_LEN, cap, IP4_HDR_LEN, &cut))
        return 0;
    return icmp4_emit(buf, cap, &cut);
}
