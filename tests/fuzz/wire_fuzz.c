/* SPDX-License-Identifier: MIT */
/*
 * Every parser of wire/ on any octets: the first octet of an input picks the parser, its high bit
 * has the checksum made right so that the code behind it is reached. What a parser accepts is
 * emitted, parsed and emitted again; both images must be the same.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/arp.h"
#include "wire/be.h"
#include "wire/csum.h"
#include "wire/eth.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/mld_igmp.h"
#include "wire/ndp.h"
#include "wire/tcp.h"
#include "wire/udp.h"

#include "support.h"

#define INPUT_MAX 4096

static void must_equal(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    must(a_len > 0 && a_len == b_len && memcmp(a, b, a_len) == 0);
}

/* The checksum at `at` of octets that are summed without a pseudo header. */
static void fix(uint8_t *buf, size_t len, size_t at)
{
    if (len < at + 2)
        return;
    be16_store(buf + at, 0);
    be16_store(buf + at, csum_of(buf, len));
}

static void one_eth(const uint8_t *buf, size_t len)
{
    uint8_t a[ETH_HDR_LEN];
    struct eth_hdr hdr;

    if (eth_parse(buf, len, &hdr) < 0)
        return;
    must(hdr.hdr_len <= len && hdr.n_tags <= ETH_TAGS_MAX);
    must(eth_emit(a, sizeof(a), &hdr) == sizeof(a));
    must(hdr.n_tags > 0 || memcmp(a, buf, sizeof(a)) == 0);
}

static void one_arp(const uint8_t *buf, size_t len)
{
    uint8_t a[ARP_PKT_LEN];
    struct arp_pkt pkt;

    if (arp_parse(buf, len, &pkt) == 0)
        must_equal(a, arp_emit(a, sizeof(a), &pkt), buf, ARP_PKT_LEN);
}

static void one_ip4(const uint8_t *buf, size_t len)
{
    uint8_t a[IP4_HDR_LEN_MAX];
    uint8_t b[IP4_HDR_LEN_MAX];
    struct ip4_hdr hdr;
    size_t a_len;

    if (ip4_parse(buf, len, &hdr) < 0)
        return;
    must(hdr.hdr_len <= hdr.total_len && hdr.total_len <= len);
    a_len = ip4_emit(a, sizeof(a), &hdr);
    must(ip4_parse_split(a, a_len, IP4_PKT_LEN_MAX, &hdr) == 0);
    must_equal(a, a_len, b, ip4_emit(b, sizeof(b), &hdr));
}

static void one_ip6(const uint8_t *buf, size_t len)
{
    uint8_t a[IP6_HDR_LEN];
    struct ip6_hdr hdr;
    struct ip6_chain chain;

    if (ip6_parse(buf, len, &hdr) < 0)
        return;
    must_equal(a, ip6_emit(a, sizeof(a), &hdr), buf, IP6_HDR_LEN);
    if (ip6_walk(buf, len, &hdr, &chain) == IP6_OK)
        must(chain.off + chain.len == IP6_HDR_LEN + (uint32_t)hdr.payload_len);
    must(chain.why < IP6_N_WHY && chain.icmp_code <= 3);
    must(!chain.send || chain.why != IP6_OK);
    must(!chain.send || chain.pointer < len);
}

static void one_icmp4(const uint8_t *buf, size_t len)
{
    uint8_t a[INPUT_MAX];
    struct icmp_msg msg;

    if (icmp4_parse(buf, len, &msg) < 0)
        return;
    must_equal(a, icmp4_emit(a, sizeof(a), &msg), a, len);
    must(memcmp(a + 4, buf + 4, len - 4) == 0);
    must(icmp4_error_emit(a, sizeof(a), &msg) + IP4_HDR_LEN <= ICMP4_ERROR_PKT_MAX);
}

static void one_icmp6(const uint8_t *buf, size_t len)
{
    const struct icmp6_path path = {{1, 1}, {2, 2}};
    uint8_t a[INPUT_MAX];
    struct icmp_msg msg;

    (void)icmp6_parse(&path.src, &path.dst, buf, len, &msg);
    msg = (struct icmp_msg){1, 0, 0, buf, len};
    len = icmp6_error_emit(a, sizeof(a), &path, &msg);
    must(len + IP6_HDR_LEN <= ICMP6_ERROR_PKT_MAX);
    must(icmp6_parse(&path.src, &path.dst, a, len, &msg) == 0);
}

static void one_quote(const uint8_t *buf, size_t len)
{
    struct icmp_quote quote;

    if (icmp_quote_parse(buf, len, &quote) == 0)
        must(quote.l4_len >= 8 && quote.l4 + quote.l4_len == buf + len);
}

static void one_ndp(const uint8_t *buf, size_t len)
{
    struct ip6_hdr ip = {
        .src = {UINT64_C(0xfe80) << 48, 1}, .dst = {UINT64_C(0xfe80) << 48, 2}, .hop_limit = 255};
    uint8_t a[NDP_MSG_LEN_MAX];
    uint8_t b[NDP_MSG_LEN_MAX];
    struct ndp_msg msg;
    size_t a_len;

    if (ndp_parse(&ip, buf, len, &msg) < 0)
        return;
    must(msg.n_prefixes <= NDP_PREFIXES_MAX);
    must(!msg.quote || msg.quote + msg.quote_len <= buf + len);
    a_len = ndp_emit(a, sizeof(a), &ip, &msg);
    must(ndp_parse(&ip, a, a_len, &msg) == 0);
    must_equal(a, a_len, b, ndp_emit(b, sizeof(b), &ip, &msg));
}

static void one_udp(const uint8_t *buf, size_t len)
{
    uint8_t a[UDP_HDR_LEN];
    struct ft_addr addr = addr_v4(1);
    struct udp_hdr hdr;

    if (udp_parse(buf, len, &hdr) < 0)
        return;
    must(hdr.len >= UDP_HDR_LEN && hdr.len <= len);
    (void)udp_csum_ok(&addr, &addr, buf, hdr.len);
    must_equal(a, udp_emit(a, sizeof(a), &hdr), buf, UDP_HDR_LEN);
}

static void one_tcp(const uint8_t *buf, size_t len)
{
    uint8_t a[TCP_HDR_LEN_MAX];
    uint8_t b[TCP_HDR_LEN_MAX];
    struct ft_tcp_seg seg;
    size_t a_len;

    if (tcp_parse(buf, len, &seg) < 0)
        return;
    must(seg.hdr_len + (size_t)seg.len == len);
    must(seg.n_sack <= TCP_SACKS_MAX && seg.tfo_len <= TCP_COOKIE_LEN_MAX);
    a_len = tcp_emit(a, sizeof(a), &seg);
    must(tcp_parse(a, a_len, &seg) == 0 && !seg.bad_options);
    must_equal(a, a_len, b, tcp_emit(b, sizeof(b), &seg));
}

static void one_group(const uint8_t *buf, size_t len)
{
    struct ip6_hdr ip = {.src = {UINT64_C(0xfe80) << 48, 1}, .hop_limit = 1};
    struct group_msg msg;

    if (igmp_parse(buf, len, &msg) == 0 && msg.n_sources > 0)
        must(msg.sources + (size_t)msg.n_sources * 4 <= buf + len);
    if (mld_parse(&ip, true, buf, len, &msg) == 0 && msg.n_sources > 0)
        must(msg.sources + (size_t)msg.n_sources * 16 <= buf + len);
}

static void dispatch(uint8_t which, uint8_t *buf, size_t len)
{
    bool fixed = (which & 0x80) != 0;

    switch (which % 11) {
    case 0:
        one_eth(buf, len);
        break;
    case 1:
        one_arp(buf, len);
        break;
    case 2:
        if (fixed && len > 0 && (size_t)(buf[0] & 0xf) * 4 <= len)
            fix(buf, (size_t)(buf[0] & 0xf) * 4, 10);
        one_ip4(buf, len);
        break;
    case 3:
        one_ip6(buf, len);
        break;
    case 4:
        if (fixed)
            fix(buf, len, 2);
        one_icmp4(buf, len);
        break;
    case 5:
        one_icmp6(buf, len);
        break;
    case 6:
        one_quote(buf, len);
        break;
    case 7:
        one_ndp(buf, len);
        break;
    case 8:
        one_udp(buf, len);
        break;
    case 9:
        one_tcp(buf, len);
        break;
    case 10:
        if (fixed)
            fix(buf, len, 2);
        one_group(buf, len);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy;

    if (size < 1 || size > INPUT_MAX)
        return 0;
    /* Exactly the octets, so that a read one too far is seen. */
    copy = malloc(size > 1 ? size - 1 : 1);
    if (!copy)
        return 0;
    if (size > 1)
        memcpy(copy, data + 1, size - 1);
    dispatch(data[0], copy, size - 1);
    free(copy);
    return 0;
}
