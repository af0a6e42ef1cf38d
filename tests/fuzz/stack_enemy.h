/* SPDX-License-Identifier: MIT */
/*
 * The enemy of stack_fuzz.c: what it knows of the conversations on the wire, how it chooses, which
 * frames it makes of that, and what it does with the frames that the stack sends.
 */
#ifndef TESTS_FUZZ_STACK_ENEMY_H
#define TESTS_FUZZ_STACK_ENEMY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <fourtuple.h>

#include "base/addr.h"
#include "wire/arp.h"
#include "wire/be.h"
#include "wire/csum.h"
#include "wire/eth.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"
#include "wire/ip.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/ndp.h"
#include "wire/tcp.h"
#include "wire/udp.h"

#include "support.h"

#define N_SOCKS    24
#define N_FLOWS    16
#define N_LATE     8
#define STEPS_MAX  300
#define FRAME_CAP  2048
#define MEMORY_MAX (3u << 20)

struct heap {
    uint64_t live, stack_len;
    unsigned fail_in;
};

/* What the enemy knows of a conversation: the last that our side sent. */
struct spied {
    struct ft_addr us, peer;
    uint16_t us_port, peer_port;
    ft_seq seq, ack; /* the peer's next SEG.SEQ and SEG.ACK */
    uint32_t tsval;
    bool has_ts;
    bool syn; /* it was a SYN without ACK */
};

struct world {
    const uint8_t *data;
    size_t len, at;
    uint64_t state; /* of the choices after the input's end; 0: none */
    struct heap heap;
    struct ft_stack *stack;
    int eth, lo;
    ft_time now;
    ft_sock socks[N_SOCKS];
    struct spied flows[N_FLOWS];
    unsigned n_flows;
    struct ft_frame late[N_LATE]; /* frames that the link keeps */
    unsigned n_late;
    bool mute; /* nobody answers ARP and ND */
    uint8_t bufs[N_LATE + 32][FRAME_CAP];
};

static const uint8_t mac_us[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t mac_peer[6] = {2, 0, 0, 0, 0, 2};

/* ---- choices --------------------------------------------------------------------------------- */

static inline bool more(const struct world *w)
{
    return w->at < w->len || w->state;
}

static inline uint8_t pick(struct world *w)
{
    if (w->at < w->len)
        return w->data[w->at++];
    if (!w->state)
        return 0;
    uint64_t z = (w->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    return (uint8_t)(z >> 33);
}

static inline uint32_t pick32(struct world *w)
{
    uint32_t v = pick(w);
    v = v << 8 | pick(w);
    v = v << 8 | pick(w);
    return v << 8 | pick(w);
}

/* A distance as attackers choose it: mostly none, else small, a power of two, or anything. */
static inline uint32_t pick_delta(struct world *w)
{
    uint8_t how = pick(w);
    if (how < 210)
        return 0;
    if (how < 230)
        return how - 220u;
    if (how < 240)
        return UINT32_C(1) << (how & 31);
    if (how < 250)
        return 0u - (UINT32_C(1) << (how & 31));
    return pick32(w);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static inline void *heap_alloc(void *ctx, size_t size)
{
    struct heap *heap = ctx;
    if (heap->fail_in > 0 && --heap->fail_in == 0)
        return NULL;
    if (heap->stack_len == 0)
        heap->stack_len = size;
    heap->live += size;
    return malloc(size);
}

static inline void heap_free(void *ctx, void *ptr, size_t size)
{
    struct heap *heap = ctx;
    if (!ptr)
        return;
    must(heap->live >= size);
    heap->live -= size;
    free(ptr);
}

/* ---- frames in ------------------------------------------------------------------------------- */

/* The octets lie in blocks of exactly their size, so that a sanitizer sees one read too far. */
static inline void take_in(struct world *w, int ifindex, const uint8_t *octets, size_t len)
{
    size_t cut = len;
    if ((pick(w) & 15) == 0 && len > 0)
        cut = pick32(w) % (len + 1);
    uint8_t *head = malloc(cut ? cut : 1);
    uint8_t *tail = malloc(len - cut ? len - cut : 1);
    must(head && tail);
    memcpy(head, octets, cut);
    memcpy(tail, octets + cut, len - cut);
    struct ft_frame frame = {.buf = head, .cap = (uint32_t)cut, .len = (uint32_t)cut, .n_segs = 1};
    if (cut < len) {
        frame.n_spans = 1;
        frame.spans[0] = (struct ft_span){.data = tail, .len = len - cut};
    }
    ft_input(w->stack, ifindex, &frame, 1, w->now);
    free(head);
    free(tail);
}

/* Link and network header around what lies at buf + 64. Return: where the frame begins. */
static inline uint8_t *wrap(struct world *w, uint8_t *buf, size_t *len, uint8_t proto,
                            const struct ft_addr *src, const struct ft_addr *dst)
{
    uint8_t *at = buf + 64;
    struct eth_hdr eth = {.ethertype = ETH_TYPE_IP6};
    uint8_t odd = pick(w);
    memcpy(eth.dst, mac_us, 6);
    memcpy(eth.src, mac_peer, 6);
    if (addr_is_v4(dst)) {
        struct ip4_hdr ip = {
            .src = *src,
            .dst = *dst,
            .total_len = (uint16_t)(*len + 20),
            .ttl = odd == 255 ? pick(w) : 64,
            .tos = odd == 254 ? pick(w) : 0,
            .mf = odd == 253,
            .frag_off = odd == 252 ? (uint16_t)(pick(w) * 8) : 0,
            .id = odd,
            .proto = proto,
        };
        eth.ethertype = ETH_TYPE_IP4;
        at -= 20;
        must(ip4_emit(at, 20, &ip) == 20);
        *len += 20;
    } else {
        struct ip6_hdr ip = {
            .src = *src,
            .dst = *dst,
            .payload_len = (uint16_t)*len,
            .next = proto,
            .hop_limit = odd == 255 ? pick(w) : (proto == IP_PROTO_ICMP6 ? 255 : 64),
        };
        at -= 40;
        must(ip6_emit(at, 40, &ip) == 40);
        *len += 40;
    }
    at -= ETH_HDR_LEN;
    must(eth_emit(at, ETH_HDR_LEN, &eth) == ETH_HDR_LEN);
    *len += ETH_HDR_LEN;
    return at;
}

static inline struct ft_addr us(bool v4)
{
    return v4 ? addr_v4(0x0a070001) : (struct ft_addr){UINT64_C(0xfd07) << 48, 1};
}

static inline struct ft_addr them(bool v4, uint8_t which)
{
    return v4 ? addr_v4(0x0a070002u + (which & 1))
              : (struct ft_addr){UINT64_C(0xfd07) << 48, 2u + (which & 1)};
}

/* A frame of any octets, with the ethertype and addresses that let it in. */
static inline void raw_frame(struct world *w)
{
    uint8_t buf[300];
    static const uint16_t types[] = {ETH_TYPE_IP4, ETH_TYPE_IP6, ETH_TYPE_ARP, ETH_TYPE_VLAN};
    size_t len = 14 + pick(w);
    for (size_t i = 0; i < len; i++)
        buf[i] = pick(w);
    uint8_t how = pick(w);
    if (how & 1)
        memcpy(buf, mac_us, 6);
    if (how & 2)
        buf[6] &= 0xfe;
    if (how & 4)
        be16_store(buf + 12, types[how >> 6]);
    take_in(w, how & 8 ? w->lo : w->eth, buf, len);
}

static inline void bend_options(struct world *w, struct ft_tcp_seg *seg, const struct spied *flow)
{
    uint8_t how = pick(w);
    seg->has_ts = (how & 1) ? flow->has_ts : how >> 7;
    seg->tsval = (uint32_t)(w->now / FT_MS) + pick_delta(w);
    seg->tsecr = flow->tsval + pick_delta(w);
    if ((seg->flags & SEG_SYN) || how % 16 == 2) {
        seg->has_mss = how & 2;
        seg->mss = (how & 4) ? 1460 : (uint16_t)pick_delta(w);
        seg->has_wscale = how & 8;
        seg->wscale = (how & 16) ? 7 : pick(w);
        seg->sack_ok = how & 32;
    }
    if (how % 16 == 3) {
        seg->n_sack = how >> 6;
        for (unsigned i = 0; i < seg->n_sack; i++) {
            seg->sack[i].lo = seq_add(flow->ack, pick_delta(w));
            seg->sack[i].hi = seq_add(seg->sack[i].lo, pick_delta(w));
        }
    }
}

/* A segment that fits a conversation, bent here and there, its checksum right. */
static inline void segment(struct world *w)
{
    uint8_t buf[FRAME_CAP];
    uint8_t which = pick(w);
    bool fresh = false;
    struct spied flow = w->flows[which % (w->n_flows ? w->n_flows : 1)];
    if (which >= 240 || w->n_flows == 0) {
        bool v4 = which & 1;
        uint16_t port = (uint16_t)(1000 + (which & 7));
        flow = (struct spied){.us = us(v4),
                              .peer = them(v4, pick(w)),
                              .us_port = 80,
                              .peer_port = port,
                              .seq = seq_make(pick32(w)),
                              .has_ts = which & 8};
        fresh = true;
    }
    static const uint16_t usual[] = {SEG_ACK,           SEG_ACK, SEG_ACK | SEG_PSH, SEG_ACK,
                                     SEG_ACK | SEG_URG, SEG_ACK, SEG_ACK | SEG_PSH, SEG_ACK};
    static const uint16_t rare[] = {SEG_ACK | SEG_FIN, SEG_RST, SEG_SYN, SEG_SYN | SEG_ACK};
    uint8_t kind = pick(w);
    struct ft_tcp_seg seg = {
        .src_port = flow.peer_port,
        .dst_port = flow.us_port,
        .flags = kind < 250   ? usual[kind & 7]
                 : kind < 254 ? rare[kind & 3]
                              : (uint16_t)(pick(w) | (kind & 1) << 8),
        .seq = seq_add(flow.seq, pick_delta(w)),
        .ack = seq_add(flow.ack, pick_delta(w)),
        .wnd = (kind & 16) ? 65535 : pick32(w) & 0xffff,
        .urg = (uint16_t)pick_delta(w),
    };
    if (kind < 220 && (flow.syn || fresh))
        seg.flags = flow.syn ? SEG_SYN | SEG_ACK : SEG_SYN;
    bend_options(w, &seg, &flow);
    size_t hdr = tcp_emit(buf + 64, 60, &seg);
    size_t payload = (kind & 32) ? 0 : (size_t)pick(w) * ((kind & 64) ? 5 : 1);
    for (size_t i = 0; i < payload; i++)
        buf[64 + hdr + i] = (uint8_t)(seg.seq.v + i);
    size_t len = hdr + payload;
    uint8_t mutate = pick(w);
    if (mutate >= 248)
        buf[64 + pick(w) % len] = pick(w);
    if (mutate != 255) {
        be16_store(buf + 64 + TCP_CSUM_AT, 0);
        be16_store(buf + 64 + TCP_CSUM_AT,
                   csum_l4(&flow.peer, &flow.us, IP_PROTO_TCP, buf + 64, len));
    }
    uint8_t *frame = wrap(w, buf, &len, IP_PROTO_TCP, &flow.peer, &flow.us);
    /* What it says is taken as received until the answer tells. */
    if (!fresh && (seg.flags & SEG_ACK) && seq_eq(seg.seq, flow.seq))
        w->flows[which % w->n_flows].seq = seq_add(seg.seq, (uint32_t)payload);
    take_in(w, w->eth, frame, mutate == 254 ? pick32(w) % (len + 1) : len);
}

static inline void datagram(struct world *w)
{
    uint8_t buf[FRAME_CAP];
    bool v4 = pick(w) & 1;
    struct ft_addr src = them(v4, pick(w)), dst = us(v4);
    size_t len = UDP_HDR_LEN + pick(w);
    struct udp_hdr udp = {.src_port = 2000, .dst_port = (uint16_t)(80 + pick(w) % 4)};
    udp.len = (uint16_t)len;
    memset(buf, pick(w), sizeof(buf));
    must(udp_emit(buf + 64, UDP_HDR_LEN, &udp) == UDP_HDR_LEN);
    be16_store(buf + 70, csum_l4(&src, &dst, IP_PROTO_UDP, buf + 64, len));
    uint8_t *frame = wrap(w, buf, &len, IP_PROTO_UDP, &src, &dst);
    take_in(w, w->eth, frame, len);
}

/* An ICMP error that quotes a segment of ours. */
static inline void icmp_error(struct world *w)
{
    uint8_t buf[FRAME_CAP];
    if (w->n_flows == 0)
        return;
    const struct spied *flow = &w->flows[pick(w) % w->n_flows];
    struct ft_addr src = flow->peer, dst = flow->us;
    bool v4 = addr_is_v4(&dst);
    uint8_t *icmp = buf + 64;
    uint8_t *quote = icmp + 8;
    size_t ip_len = v4 ? 20 : 40;
    uint8_t kind = pick(w);
    icmp[0] = v4 ? (kind & 1 ? ICMP4_UNREACH : kind >> 4) : kind & 3;
    icmp[1] = kind & 1 ? (kind >> 1) % 16 : pick(w);
    be16_store(icmp + 2, 0);
    be32_store(icmp + 4, kind & 2 ? pick(w) * 8u : pick32(w));
    struct ip4_hdr ip4 = {
        .src = dst, .dst = src, .total_len = 60, .ttl = 60, .proto = IP_PROTO_TCP};
    struct ip6_hdr ip6 = {
        .src = dst, .dst = src, .payload_len = 40, .hop_limit = 60, .next = IP_PROTO_TCP};
    must((v4 ? ip4_emit(quote, 40, &ip4) : ip6_emit(quote, 40, &ip6)) == ip_len);
    be16_store(quote + ip_len, flow->us_port);
    be16_store(quote + ip_len + 2, flow->peer_port);
    be32_store(quote + ip_len + 4, flow->ack.v - pick_delta(w));
    memset(quote + ip_len + 8, 0x50, 12);
    size_t len = 8 + ip_len + 20;
    uint8_t proto = v4 ? IP_PROTO_ICMP4 : IP_PROTO_ICMP6;
    be16_store(icmp + 2, v4 ? csum_of(icmp, len) : csum_l4(&src, &dst, proto, icmp, len));
    uint8_t *frame = wrap(w, buf, &len, proto, &src, &dst);
    take_in(w, w->eth, frame, len);
}

/* ---- frames out ------------------------------------------------------------------------------ */

static inline void answer_arp(struct world *w, const uint8_t *octets, size_t len)
{
    struct arp_pkt in;
    uint8_t buf[ETH_HDR_LEN + ARP_PKT_LEN];
    struct eth_hdr eth = {.ethertype = ETH_TYPE_ARP};
    if (arp_parse(octets, len, &in) || in.op != ARP_OP_REQUEST)
        return;
    struct arp_pkt out = {.op = ARP_OP_REPLY, .spa = in.tpa, .tpa = in.spa};
    memcpy(out.sha, mac_peer, 6);
    memcpy(out.tha, in.sha, 6);
    memcpy(eth.dst, mac_us, 6);
    memcpy(eth.src, mac_peer, 6);
    must(eth_emit(buf, sizeof(buf), &eth) + arp_emit(buf + ETH_HDR_LEN, ARP_PKT_LEN, &out) ==
         sizeof(buf));
    take_in(w, w->eth, buf, sizeof(buf));
}

static inline void answer_ns(struct world *w, const struct ip6_hdr *ip, const uint8_t *octets,
                             size_t len)
{
    struct ndp_msg in;
    uint8_t buf[512];
    if (ndp_parse(ip, octets, len, &in) || in.type != ICMP6_NS)
        return;
    struct ndp_msg out = {.type = ICMP6_NA,
                          .target = in.target,
                          .solicited = true,
                          .override = true,
                          .has_tllao = true};
    struct ip6_hdr back = {.src = in.target, .dst = ip->src};
    memcpy(out.tllao, mac_peer, 6);
    size_t n = ndp_emit(buf + 64, sizeof(buf) - 64, &back, &out);
    uint8_t *frame = wrap(w, buf, &n, IP_PROTO_ICMP6, &back.src, &back.dst);
    take_in(w, w->eth, frame, n);
}

/* Remember what a segment of ours tells the peer. */
static inline void spy(struct world *w, const struct ft_addr *src, const struct ft_addr *dst,
                       const uint8_t *octets, size_t len)
{
    struct ft_tcp_seg seg;
    must(tcp_parse(octets, len, &seg) == 0);
    must(csum_l4_good(src, dst, IP_PROTO_TCP, octets, len));
    must(!seg.bad_options);
    unsigned i = 0;
    while (i < w->n_flows &&
           !(addr_eq(&w->flows[i].us, src) && addr_eq(&w->flows[i].peer, dst) &&
             w->flows[i].us_port == seg.src_port && w->flows[i].peer_port == seg.dst_port))
        i++;
    if (seg.flags & SEG_RST) {
        if (i < w->n_flows)
            w->flows[i] = w->flows[--w->n_flows];
        return;
    }
    if (i == w->n_flows)
        i = w->n_flows < N_FLOWS ? w->n_flows++ : pick(w) % N_FLOWS;
    uint32_t syn_fin = ((seg.flags & SEG_SYN) ? 1 : 0) + ((seg.flags & SEG_FIN) ? 1 : 0);
    w->flows[i] = (struct spied){
        .us = *src,
        .peer = *dst,
        .us_port = seg.src_port,
        .peer_port = seg.dst_port,
        .seq = (seg.flags & SEG_ACK) ? seg.ack : seq_make(pick32(w)),
        .ack = seq_add(seg.seq, seg.len + syn_fin),
        .tsval = seg.tsval,
        .has_ts = seg.has_ts,
        .syn = (seg.flags & (SEG_SYN | SEG_ACK)) == SEG_SYN,
    };
}

static inline void see(struct world *w, const struct ft_frame *frame)
{
    uint8_t octets[70000];
    size_t len = frame->len;
    struct ip4_hdr ip4;
    struct ip6_hdr ip6;
    memcpy(octets, frame->buf, len);
    for (unsigned i = 0; i < frame->n_spans; i++) {
        memcpy(octets + len, frame->spans[i].data, frame->spans[i].len);
        len += frame->spans[i].len;
    }
    struct eth_hdr eth;
    must(eth_parse(octets, len, &eth) == 0);
    must(len - ETH_HDR_LEN <= 1500);
    const uint8_t *l3 = octets + eth.hdr_len;
    len -= eth.hdr_len;
    if (eth.ethertype == ETH_TYPE_ARP && !w->mute)
        answer_arp(w, l3, len);
    if (eth.ethertype == ETH_TYPE_IP4) {
        must(ip4_parse(l3, len, &ip4) == 0);
        if (ip4.proto == IP_PROTO_TCP)
            spy(w, &ip4.src, &ip4.dst, l3 + ip4.hdr_len, (size_t)ip4.total_len - ip4.hdr_len);
    } else if (eth.ethertype == ETH_TYPE_IP6) {
        must(ip6_parse(l3, len, &ip6) == 0);
        if (ip6.next == IP_PROTO_TCP)
            spy(w, &ip6.src, &ip6.dst, l3 + 40, ip6.payload_len);
        if (ip6.next == IP_PROTO_ICMP6 && !w->mute)
            answer_ns(w, &ip6, l3 + 40, ip6.payload_len);
    }
}

static inline void give_late_back(struct world *w, unsigned n_sent)
{
    ft_output_done(w->stack, w->eth, w->late, w->n_late, n_sent < w->n_late ? n_sent : w->n_late);
    w->n_late = 0;
}

static inline void output(struct world *w, bool honest)
{
    struct ft_frame frames[32];
    size_t n = honest ? 32 : 1 + pick(w) % 32;
    uint8_t how = honest ? 0 : pick(w);
    for (size_t i = 0; i < n; i++) {
        frames[i] = (struct ft_frame){.buf = w->bufs[N_LATE + i], .cap = FRAME_CAP};
        frames[i].flags = (how & 1) ? FT_FRAME_LINEAR : 0;
    }
    size_t got = ft_output(w->stack, w->eth, frames, n, w->now);
    must(got <= n);
    if (how >= 240 && w->n_late == 0 && got <= N_LATE) {
        /* The link keeps them across what comes. */
        for (size_t i = 0; i < got; i++) {
            w->late[i] = frames[i];
            w->late[i].buf = w->bufs[i];
            memcpy(w->bufs[i], frames[i].buf, frames[i].len);
        }
        w->n_late = (unsigned)got;
        return;
    }
    size_t n_sent = how >= 200 ? got * (how & 3) / 4 : got;
    for (size_t i = 0; i < n_sent; i++)
        see(w, &frames[i]);
    ft_output_done(w->stack, w->eth, frames, got, n_sent);
}

/* In no time only so much can be sent: windows, owed ACKs and queues are bounded. */
static inline void drain(struct world *w)
{
    unsigned rounds = 0;
    while (ft_output_pending(w->stack, w->eth) && rounds < 5000) {
        output(w, true);
        rounds++;
    }
    must(rounds < 5000);
    struct ft_frame frames[8];
    for (size_t i = 0; i < 8; i++)
        frames[i] = (struct ft_frame){
            .buf = w->bufs[N_LATE + i], .cap = FRAME_CAP, .flags = FT_FRAME_LINEAR};
    size_t got = ft_output(w->stack, w->lo, frames, 8, w->now);
    for (size_t i = 0; i < got; i++)
        take_in(w, w->lo, frames[i].buf, frames[i].len);
    ft_output_done(w->stack, w->lo, frames, got, got);
}

#endif
