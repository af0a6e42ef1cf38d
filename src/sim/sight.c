/* SPDX-License-Identifier: MIT */
/*
 * The auditor's parser: Ethernet, ARP, IPv4 (RFC 791), IPv6 (RFC 8200), TCP (RFC 9293 3.1, 3.2;
 * RFC 7323, RFC 2018, RFC 2385, RFC 5925), UDP (RFC 768), ICMP checksums. It knows no connection;
 * it says what is wrong with one frame by itself. Written apart from src/wire on purpose.
 */
#include "sim/sight.h"

#include <string.h>

#define ETHERTYPE_IP4 0x0800
#define ETHERTYPE_ARP 0x0806
#define ETHERTYPE_IP6 0x86dd

static uint32_t get16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) << 16 | get16(p + 2);
}

static uint64_t get64(const uint8_t *p)
{
    return (uint64_t)get32(p) << 32 | get32(p + 4);
}

/* RFC 1071. Words of 32 bits are added up as well, since folding makes 16 of them in the end. */
static uint32_t sum16(uint32_t sum, const uint8_t *p, size_t len)
{
    uint64_t wide = sum;
    size_t i = 0;

    for (; i + 8 <= len; i += 8) {
        uint64_t word = get64(p + i);

        wide += (word >> 32) + (uint32_t)word;
    }
    for (; i + 2 <= len; i += 2)
        wide += get16(p + i);
    if (i < len)
        wide += (uint32_t)p[i] << 8;
    while (wide >> 16)
        wide = (wide & 0xffff) + (wide >> 16);
    return (uint32_t)wide;
}

/* The sum over pseudo-header and payload; 0xffff when the checksum in it is right. */
static uint32_t sum_transport(const struct sight *s, const uint8_t *p, size_t len)
{
    uint8_t pseudo[40] = {0};
    size_t n = 0;

    if (s->version == 6) {
        for (int i = 0; i < 8; i++) {
            pseudo[i] = (uint8_t)(s->src.hi >> (56 - 8 * i));
            pseudo[8 + i] = (uint8_t)(s->src.lo >> (56 - 8 * i));
            pseudo[16 + i] = (uint8_t)(s->dst.hi >> (56 - 8 * i));
            pseudo[24 + i] = (uint8_t)(s->dst.lo >> (56 - 8 * i));
        }
        n = 32;
    } else {
        for (int i = 0; i < 4; i++) {
            pseudo[i] = (uint8_t)(s->src.lo >> (24 - 8 * i));
            pseudo[4 + i] = (uint8_t)(s->dst.lo >> (24 - 8 * i));
        }
        n = 8;
    }
    pseudo[n + 2] = (uint8_t)(len >> 8);
    pseudo[n + 3] = (uint8_t)len;
    pseudo[n + 7] = s->protocol;
    return sum16(sum16(0, pseudo, n + 8), p, len);
}

static const char *see_sack(struct sight_tcp *t, const uint8_t *p, size_t len)
{
    if (len < 8 || len % 8 != 0 || len > 32)
        return "a SACK option of a wrong length";
    t->n_sack = (uint8_t)(len / 8);
    for (size_t i = 0; i < len / 8; i++) {
        t->sack[i][0] = get32(p + 8 * i);
        t->sack[i][1] = get32(p + 8 * i + 4);
    }
    return NULL;
}

/* RFC 2385 3.0, RFC 5925 2.2; RFC 5925 2.2: a segment with two of them is to be discarded. */
static const char *see_signature(struct sight_tcp *t, const uint8_t *p)
{
    uint8_t head = p[0] == SIGHT_AO ? 4 : 2;

    if (t->sig_kind != 0)
        return "two signatures";
    if (p[0] == SIGHT_MD5 ? p[1] != 18 : p[1] < head)
        return "a signature of a wrong length";
    t->sig_kind = p[0];
    t->sig_at = (uint8_t)(p + head - t->header);
    t->sig_len = (uint8_t)(p[1] - head);
    if (p[0] == SIGHT_AO) {
        t->key_id = p[2];
        t->rnext_id = p[3];
    }
    return NULL;
}

static const char *see_option(struct sight_tcp *t, const uint8_t *p)
{
    bool syn = (t->flags & SIGHT_SYN) != 0;
    uint32_t len = p[1];

    switch (p[0]) {
    case 2:
        if (len != 4 || !syn || t->has_mss)
            return "an MSS option that is misplaced or of a wrong length";
        t->has_mss = true;
        t->mss = (uint16_t)get16(p + 2);
        return NULL;
    case 3:
        if (len != 3 || !syn || t->has_ws || p[2] > 14)
            return "a window scale option that is misplaced, of a wrong length, or above 14";
        t->has_ws = true;
        t->ws = p[2];
        return NULL;
    case 4:
        if (len != 2 || !syn)
            return "a SACK-permitted option that is misplaced or of a wrong length";
        t->sack_ok = true;
        return NULL;
    case 5:
        return syn ? "SACK blocks on a SYN" : see_sack(t, p + 2, len - 2);
    case SIGHT_MD5:
    case SIGHT_AO:
        return see_signature(t, p);
    case 172:
    case 174: /* RFC 9768 3.2.3 */
        if (len > 11 || len % 3 != 2 || t->has_accecn)
            return "an AccECN option of a wrong length, or two of them";
        if (syn && !(t->flags & SIGHT_ACK))
            return "an AccECN option on a SYN";
        t->has_accecn = true;
        return NULL;
    case 8:
        if (len != 10 || t->has_ts)
            return "a timestamps option of a wrong length, or two of them";
        t->has_ts = true;
        t->tsval = get32(p + 2);
        t->tsecr = get32(p + 6);
        return NULL;
    default:
        return NULL;
    }
}

/* RFC 9293 3.1: options are a list of (kind, length, value), kind 0 ends it. */
static const char *see_options(struct sight_tcp *t, const uint8_t *p, size_t len)
{
    size_t at = 0;

    while (at < len && p[at] != 0) {
        const char *wrong;

        if (p[at] == 1) {
            at++;
            continue;
        }
        if (at + 1 >= len || p[at + 1] < 2 || at + p[at + 1] > len)
            return "a TCP option that does not fit into the header";
        wrong = see_option(t, p + at);
        if (wrong != NULL)
            return wrong;
        at += p[at + 1];
    }
    for (; at < len; at++) {
        if (p[at] != 0)
            return "padding of TCP options that is not zero"; /* RFC 9293 MUST-69 */
    }
    return NULL;
}

static const char *see_tcp(struct sight *s, const uint8_t *p, size_t len)
{
    struct sight_tcp *t = &s->tcp;
    size_t header;

    if (len < 20)
        return "a TCP header cut short";
    s->is_tcp = true;
    s->src_port = (uint16_t)get16(p);
    s->dst_port = (uint16_t)get16(p + 2);
    t->seq = get32(p + 4);
    t->ack = get32(p + 8);
    t->flags = p[13];
    t->ae = p[12] & 1;
    t->wnd = (uint16_t)get16(p + 14);
    t->urgent = (uint16_t)get16(p + 18);
    header = (size_t)(p[12] >> 4) * 4;
    if (header < 20 || header > len)
        return "a TCP data offset outside the segment";
    t->opt_len = (uint8_t)(header - 20);
    t->header = p;
    t->data = p + header;
    t->len = (uint32_t)(len - header);
    if (sum_transport(s, p, len) != 0xffff)
        return "a wrong TCP checksum";
    if ((p[12] & 0x0e) != 0)
        return "reserved bits set in a TCP header";
    if (s->src_port == 0 || s->dst_port == 0)
        return "TCP port 0";
    if ((t->flags & SIGHT_SYN) && (t->flags & (SIGHT_FIN | SIGHT_RST)))
        return "SYN together with FIN or RST";
    if ((t->flags & SIGHT_FIN) && (t->flags & SIGHT_RST))
        return "FIN together with RST";
    if (!(t->flags & (SIGHT_ACK | SIGHT_SYN | SIGHT_RST)))
        return "neither ACK nor SYN nor RST";
    return see_options(t, p + 20, header - 20);
}

static const char *see_udp(struct sight *s, const uint8_t *p, size_t len)
{
    if (len < 8)
        return "a UDP header cut short";
    s->is_udp = true;
    s->src_port = (uint16_t)get16(p);
    s->dst_port = (uint16_t)get16(p + 2);
    if (get16(p + 4) != len)
        return "a UDP length that differs from the packet's";
    s->is_bare = get16(p + 6) == 0;
    if (s->is_bare)
        return "a datagram without a checksum";
    if (sum_transport(s, p, len) != 0xffff)
        return "a wrong UDP checksum";
    return NULL;
}

/* What an error says of a TCP segment: @p is the message, its quote begins at octet 8. */
static void see_quote(struct sight *s, const uint8_t *p, size_t len)
{
    struct sight_icmp *icmp = &s->icmp;
    bool is_ip6 = s->version == 6;
    const uint8_t *ip = p + 8;
    size_t header = is_ip6 ? 40 : 20;

    if (len < 8 + header + 8 || ip[0] >> 4 != s->version || (!is_ip6 && (ip[0] & 15) != 5))
        return;
    if ((is_ip6 ? ip[6] : ip[9]) != 6 || (!is_ip6 && (get16(ip + 6) & 0x1fff) != 0))
        return;
    icmp->is_error = is_ip6 ? p[0] >= 1 && p[0] <= 4 : p[0] == 3 || p[0] == 11 || p[0] == 12;
    icmp->too_big = is_ip6 ? p[0] == 2 : p[0] == 3 && p[1] == 4;
    icmp->mtu = is_ip6 ? get32(p + 4) : get16(p + 6);
    if (is_ip6) {
        icmp->src = (struct ft_addr){get64(ip + 8), get64(ip + 16)};
        icmp->dst = (struct ft_addr){get64(ip + 24), get64(ip + 32)};
    } else {
        icmp->src = (struct ft_addr){0, UINT64_C(0xffff00000000) | get32(ip + 12)};
        icmp->dst = (struct ft_addr){0, UINT64_C(0xffff00000000) | get32(ip + 16)};
    }
    icmp->src_port = (uint16_t)get16(ip + header);
    icmp->dst_port = (uint16_t)get16(ip + header + 2);
    icmp->seq = get32(ip + header + 4);
}

static const char *see_transport(struct sight *s, const uint8_t *p, size_t len)
{
    switch (s->protocol) {
    case 6:
        return see_tcp(s, p, len);
    case 17:
        return see_udp(s, p, len);
    case 1:
        if (len < 8 || sum16(0, p, len) != 0xffff)
            return "an ICMP message that is short or has a wrong checksum";
        see_quote(s, p, len);
        return NULL;
    case 58:
        if (len < 4 || sum_transport(s, p, len) != 0xffff)
            return "an ICMPv6 message that is short or has a wrong checksum";
        if (p[0] >= 133 && p[0] <= 137 && s->ttl != 255)
            return "a neighbour discovery message with a hop limit other than 255";
        see_quote(s, p, len);
        return NULL;
    default:
        return NULL;
    }
}

static const char *see_ip4(struct sight *s, const uint8_t *p, size_t len)
{
    size_t header;

    if (len < 20 || p[0] >> 4 != 4)
        return "an IPv4 header cut short, or of another version";
    s->version = 4;
    header = (size_t)(p[0] & 15) * 4;
    s->ip_len = get16(p + 2);
    s->ecn = p[1] & 3;
    s->ttl = p[8];
    s->protocol = p[9];
    s->src = (struct ft_addr){0, UINT64_C(0xffff00000000) | get32(p + 12)};
    s->dst = (struct ft_addr){0, UINT64_C(0xffff00000000) | get32(p + 16)};
    if (header < 20 || header > len || s->ip_len < header || s->ip_len > len)
        return "IPv4 lengths that do not fit the frame";
    if (sum16(0, p, header) != 0xffff)
        return "a wrong IPv4 header checksum";
    if (s->ttl == 0)
        return "an IPv4 packet with TTL 0";
    if (p[6] & 0x80)
        return "the reserved bit of IPv4 set";
    if (get16(p + 6) & 0x3fff) {
        s->is_fragment = true;
        if ((get16(p + 6) & 0x2000) && (s->ip_len - header) % 8 != 0)
            return "an IPv4 fragment whose length is no multiple of 8";
        return NULL;
    }
    return see_transport(s, p + header, s->ip_len - header);
}

static const char *see_ip6(struct sight *s, const uint8_t *p, size_t len)
{
    size_t at = 40;

    if (len < 40 || p[0] >> 4 != 6)
        return "an IPv6 header cut short, or of another version";
    s->version = 6;
    s->ip_len = 40 + get16(p + 4);
    s->ecn = p[1] >> 4 & 3;
    s->protocol = p[6];
    s->ttl = p[7];
    s->src = (struct ft_addr){get64(p + 8), get64(p + 16)};
    s->dst = (struct ft_addr){get64(p + 24), get64(p + 32)};
    if (s->ip_len > len)
        return "an IPv6 length that does not fit the frame";
    if (s->ttl == 0)
        return "an IPv6 packet with hop limit 0";
    for (int n = 0; n < 8; n++) {
        uint8_t kind = s->protocol;

        if (kind != 0 && kind != 43 && kind != 44 && kind != 60)
            return see_transport(s, p + at, s->ip_len - at);
        if (at + 8 > s->ip_len)
            return "an IPv6 extension header cut short";
        s->protocol = p[at];
        if (kind == 44) {
            s->is_fragment = true;
            return NULL;
        }
        at += 8 + (size_t)p[at + 1] * 8;
        if (at > s->ip_len)
            return "an IPv6 extension header cut short";
    }
    return "more IPv6 extension headers than anybody sends";
}

const char *ft_sim_sight(struct sight *ret, const uint8_t *frame, size_t len)
{
    memset(ret, 0, sizeof(*ret));
    if (len < 14)
        return "a frame shorter than its header";
    memcpy(ret->dst_mac, frame, 6);
    memcpy(ret->src_mac, frame + 6, 6);
    ret->ethertype = (uint16_t)get16(frame + 12);
    if (ret->src_mac[0] & 1)
        return "a frame from a group address";
    switch (ret->ethertype) {
    case ETHERTYPE_IP4:
        return see_ip4(ret, frame + 14, len - 14);
    case ETHERTYPE_IP6:
        return see_ip6(ret, frame + 14, len - 14);
    case ETHERTYPE_ARP:
        if (len < 42 || get16(frame + 14) != 1 || get16(frame + 16) != ETHERTYPE_IP4)
            return "an ARP message that is short or for other networks";
        if (memcmp(frame + 22, ret->src_mac, 6) != 0)
            return "an ARP message that names another sender than its frame";
        return NULL;
    default:
        return "a frame of an unknown kind";
    }
}
