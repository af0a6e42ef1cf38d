/* SPDX-License-Identifier: MIT */
/*
 * The UDP header; its length is believed only between 8 and what IP delivered.
 * RFC 768, RFC 1122 4.1.3.4, RFC 8200 8.1.
 */
#include "wire/udp.h"

#include <errno.h>

#include "base/addr.h"
#include "wire/be.h"
#include "wire/csum.h"
#include "wire/ip.h"

int udp_parse(const uint8_t *buf, size_t len, struct udp_hdr *ret)
{
    uint16_t udp_len;

    if (len < UDP_HDR_LEN)
        return -EINVAL;
    udp_len = be16_load(buf + 4);
    if (udp_len < UDP_HDR_LEN || udp_len > len)
        return -EINVAL;
    ret->src_port = be16_load(buf);
    ret->dst_port = be16_load(buf + 2);
    ret->len = udp_len;
    ret->csum = be16_load(buf + UDP_CSUM_AT);
    return 0;
}

bool udp_csum_ok(const struct ft_addr *src, const struct ft_addr *dst, const uint8_t *buf,
                 size_t len)
{
    if (len < UDP_HDR_LEN)
        return false;
    if (be16_load(buf + UDP_CSUM_AT) == 0)
        return addr_is_v4(dst);
    return csum_l4_good(src, dst, IP_PROTO_UDP, buf, len);
}

size_t udp_emit(uint8_t *buf, size_t cap, const struct udp_hdr *hdr)
{
    if (cap < UDP_HDR_LEN)
        return 0;
    be16_store(buf, hdr->src_port);
    be16_store(buf + 2, hdr->dst_port);
    be16_store(buf + 4, hdr->len);
    be16_store(buf + UDP_CSUM_AT, hdr->csum);
    return UDP_HDR_LEN;
}

uint16_t udp_csum_finish(uint64_t sum)
{
    uint16_t csum = csum_finish(sum);

    return csum == 0 ? 0xffff : csum;
}
