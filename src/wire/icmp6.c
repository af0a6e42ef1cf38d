/* SPDX-License-Identifier: MIT */
/*
 * ICMPv6 in and out; the checksum covers the pseudo header. RFC 4443 2.1, 2.3, 2.4 (c), 4.2.
 */
#include "wire/icmp6.h"

#include <errno.h>

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
    icmp_read(buf, len, ret);
    return 0;
}

size_t icmp6_emit(uint8_t *buf, size_t cap, const struct icmp6_path *path,
                  const struct icmp_msg *msg)
{
    size_t len = icmp_write(buf, cap, msg);

    if (len > 0)
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
    struct icmp_msg cut;

    if (!icmp_cut(err, ICMP6_ERROR_PKT_MAX - IP6_HDR_LEN, cap, IP6_HDR_LEN, &cut))
        return 0;
    return icmp6_emit(buf, cap, path, &cut);
}
