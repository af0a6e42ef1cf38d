/* SPDX-License-Identifier: MIT */
/*
 * Pseudo headers and the test of a whole sum. The pseudo header is never built: its
 * fields are added to a sum as host-order integers, which base/sum.h allows.
 * RFC 1071, RFC 9293 3.1, RFC 8200 8.1.
 */
#include "wire/csum.h"

#include "base/addr.h"
#include "base/sum.h"

/* 2^16 counts as 1 in a sum, so words of 32 bits may be added whole. */
static uint64_t words_of(const struct ft_addr *addr)
{
    return (addr->hi >> 32) + (addr->hi & UINT32_MAX) + (addr->lo >> 32) + (addr->lo & UINT32_MAX);
}

uint64_t csum_pseudo(const struct ft_addr *src, const struct ft_addr *dst, uint8_t proto,
                     uint32_t l4_len)
{
    uint64_t sum = (uint64_t)l4_len + proto;

    if (addr_is_v4(dst))
        return sum + addr_v4_of(src) + addr_v4_of(dst);
    return sum + words_of(src) + words_of(dst);
}

uint16_t csum_finish(uint64_t sum)
{
    return (uint16_t)~ft_sum_fold(sum);
}

bool csum_good(uint64_t sum)
{
    return ft_sum_fold(sum) == 0xffff;
}

uint16_t csum_of(const void *p, size_t len)
{
    return csum_finish(ft_sum(p, len, 0));
}

uint16_t csum_l4(const struct ft_addr *src, const struct ft_addr *dst, uint8_t proto, const void *p,
                 size_t len)
{
    return csum_finish(ft_sum(p, len, csum_pseudo(src, dst, proto, (uint32_t)len)));
}

bool csum_l4_good(const struct ft_addr *src, const struct ft_addr *dst, uint8_t proto,
                  const void *p, size_t len)
{
    return csum_good(ft_sum(p, len, csum_pseudo(src, dst, proto, (uint32_t)len)));
}
