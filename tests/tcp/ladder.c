/* SPDX-License-Identifier: MIT */
/*
 * The stack on one side of the ladder and the peer on the other: virtual time, an Ethernet between
 * them, and what each step compares.
 */
#include "ladder.h"

#include "signer.h"

#include "wire/arp.h"
#include "wire/be.h"
#include "wire/csum.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/ndp.h"

/* Two ticks of the timer wheel, which fires never early and at most one late. */
#define TICK (16 * FT_US)

static const uint8_t mac_us[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t mac_them[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t mac_all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/* ---- memory ---------------------------------------------------------------------------------- */

static void *count_alloc(void *ctx, size_t size)
{
    struct ladder *t = ctx;

    t->n_allocs++;
    if (t->fail_at && (t->n_allocs == t->fail_at || (t->fail_from && t->n_allocs > t->fail_at)))
        return NULL;
    t->n_live++;
    t->octets_live += size;
    return malloc(size);
}

static void count_free(void *ctx, void *ptr, size_t size)
{
    struct ladder *t = ctx;

    if (!ptr)
        return;
    assert_true(t->n_live > 0 && t->octets_live >= size);
    t->n_live--;
    t->octets_live -= size;
    free(ptr);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* The sink of the trace: remembers what became of the last frame. */
static void on_event(void *ctx, const struct ft_trace_event *event)
{
    struct ladder *t = ctx;

    if (event->kind != FT_TRACE_RX)
        return;
    t->verdict = (enum ft_verdict)event->verdict;
    t->verdict_sock = event->sock;
}

void ladder_init(struct ladder *t)
{
    memset(t, 0, sizeof(*t));
    ft_config_init(&t->config);
    for (size_t i = 0; i < sizeof(t->config.seed); i++)
        t->config.seed[i] = (uint8_t)(i * 5 + 1);
    t->config.allocator = (struct ft_allocator){count_alloc, count_free, t};
    /* The ladders count in RFC 5681's numbers; those about another algorithm name it. */
    memcpy(t->config.congestion, "reno", 5);
    t->eth_config = (struct ft_if_config){
        .size = sizeof(t->eth_config),
        .name = "eth0",
        .type = FT_IF_ETHER,
        .mtu = 1500,
        .flags = FT_IF_NO_DAD,
    };
    memcpy(t->eth_config.mac, mac_us, 6);
    t->now = 1000 * FT_SEC;
    t->listener = -1;
    for (unsigned i = 0; i < LADDER_PEERS_MAX; i++)
        t->peers[i] = (struct ladder_peer){
            .port = (uint16_t)(LADDER_PEER_PORT + i),
            .stack_port = LADDER_PORT,
            .sock = -1,
            .nxt = LADDER_PEER_ISN,
            .wnd = 65535,
        };
    t->peer = &t->peers[0];
}

static void add_addrs(struct ladder *t)
{
    const struct ft_addr us4 = addr_v4(0x0a070001), us6 = {UINT64_C(0xfd07000000000000), 1};
    const struct ft_addr gw4 = addr_v4(0x0a0700fe), gw6 = {UINT64_C(0xfd07000000000000), 0xfe};
    struct ft_route_config route = {.size = sizeof(route), .ifindex = t->eth};

    t->us = t->v6 ? us6 : us4;
    t->them = t->us;
    t->them.lo += 1;
    assert_int_equal(ft_addr_add(t->stack, t->eth, &us4, 24, 0), 0);
    assert_int_equal(ft_addr_add(t->stack, t->eth, &us6, 64, 0), 0);
    if (t->no_gateway)
        return;
    route.prefix = addr_v4(0);
    route.gateway = gw4;
    assert_int_equal(ft_route_add(t->stack, &route), 0);
    route.prefix = addr_any();
    route.gateway = gw6;
    assert_int_equal(ft_route_add(t->stack, &route), 0);
}

void ladder_start(struct ladder *t)
{
    struct ft_if_config lo = {.size = sizeof(lo), .name = "lo", .type = FT_IF_LOOPBACK};
    struct ft_trace_sink sink = {.event = on_event, .ctx = t};

    lo.mtu = 65535;
    assert_int_equal(ft_stack_new(&t->config, &t->stack), 0);
    ft_advance(t->stack, t->now);
    ft_set_trace(t->stack, &sink);
    t->lo = ft_if_add(t->stack, &lo);
    t->eth = ft_if_add(t->stack, &t->eth_config);
    assert_true(t->lo > 0 && t->eth > 0);
    add_addrs(t);
    after_ms(t, 5000);
    (void)ladder_forget(t);
    t->n_other = t->n_asked = 0;
}

void ladder_open(struct ladder *t)
{
    ladder_init(t);
    ladder_start(t);
}

void ladder_open6(struct ladder *t)
{
    ladder_init(t);
    t->v6 = true;
    ladder_start(t);
}

void ladder_close(struct ladder *t)
{
    struct ft_counters c;

    for (unsigned i = 0; i < LADDER_PEERS_MAX; i++)
        if (t->peers[i].sock >= 0)
            (void)ft_abort(t->stack, t->peers[i].sock);
    if (t->listener >= 0)
        assert_int_equal(ft_close(t->stack, t->listener), 0);
    t->fail_at = 0;
    t->silent = true; /* so that nothing keeps the neighbours fresh */
    for (unsigned i = 0; i < 60; i++) {
        after_ms(t, 60000);
        (void)ladder_forget(t);
    }
    c = stack_counts(t);
    assert_int_equal(c.now_sockets, 0);
    assert_int_equal(c.now_connections, 0);
    assert_int_equal(c.now_half_open, 0);
    assert_int_equal(c.now_time_wait, 0);
    assert_int_equal(c.now_orphans, 0);
    assert_int_equal(c.now_unfinished, 0);
    ft_stack_free(t->stack);
    free(t->last.octets);
    assert_int_equal(t->n_live, 0);
    assert_int_equal(t->octets_live, 0);
}

void ladder_peer(struct ladder *t, unsigned n)
{
    assert_true(n < LADDER_PEERS_MAX);
    t->peer = &t->peers[n];
}

struct ft_counters stack_counts(const struct ladder *t)
{
    struct ft_counters c;

    ft_counters(t->stack, &c);
    return c;
}

struct ft_sock_info stack_info(const struct ladder *t)
{
    struct ft_sock_info info;

    assert_int_equal(ft_sock_info(t->stack, t->peer->sock, &info), 0);
    return info;
}

struct tcp_info stack_tcp_info(const struct ladder *t)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    assert_int_equal(ft_getsockopt(t->stack, t->peer->sock, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    return info;
}

void ladder_check(const struct ladder *t)
{
    if (!t->unchecked)
        ft_stack_check(t->stack);
}

/* ---- the wire -------------------------------------------------------------------------------- */

uint8_t ladder_octet(bool from_peer, uint64_t at)
{
    return (uint8_t)(at * 31 + at / 253 * 7 + (from_peer ? 5 : 77));
}

void ladder_input(struct ladder *t, const uint8_t *octets, size_t len, unsigned n_segs,
                  uint16_t flags)
{
    /* A block of exactly its size, so that ASan sees a read beyond it. */
    uint8_t *copy = malloc(len ? len : 1);
    struct ft_frame frame = {.buf = copy,
                             .cap = (uint32_t)len,
                             .len = (uint32_t)len,
                             .n_segs = (uint16_t)n_segs,
                             .flags = flags,
                             .at = t->now};

    memcpy(copy, octets, len);
    ft_input(t->stack, t->eth, &frame, 1, t->now);
    ladder_check(t);
    free(copy);
}

static void answer_arp(struct ladder *t, const uint8_t *body, size_t len)
{
    struct arp_pkt ask;
    struct arp_pkt reply = {.op = ARP_OP_REPLY};
    struct eth_hdr eth = {.ethertype = ETH_TYPE_ARP};
    uint8_t frame[ETH_HDR_LEN + ARP_PKT_LEN];

    if (arp_parse(body, len, &ask) || ask.op != ARP_OP_REQUEST || addr_eq(&ask.spa, &ask.tpa))
        return;
    t->n_asked++;
    if (t->silent)
        return;
    reply.spa = ask.tpa;
    reply.tpa = ask.spa;
    memcpy(reply.sha, mac_them, 6);
    memcpy(reply.tha, mac_us, 6);
    memcpy(eth.dst, mac_us, 6);
    memcpy(eth.src, mac_them, 6);
    (void)eth_emit(frame, sizeof(frame), &eth);
    (void)arp_emit(frame + ETH_HDR_LEN, ARP_PKT_LEN, &reply);
    ladder_input(t, frame, sizeof(frame), 1, 0);
}

static void answer_ns(struct ladder *t, const struct ip6_hdr *ip, const uint8_t *body, size_t len)
{
    struct ndp_msg ask;
    struct ndp_msg na = {.type = ICMP6_NA, .solicited = true, .override = true, .has_tllao = true};
    struct eth_hdr eth = {.ethertype = ETH_TYPE_IP6};
    struct ip6_hdr back = {.dst = ip->src, .next = IP_PROTO_ICMP6, .hop_limit = 255};
    uint8_t msg[NDP_MSG_LEN_MAX], frame[ETH_HDR_LEN + IP6_HDR_LEN + NDP_MSG_LEN_MAX];
    size_t n;

    if (ndp_parse(ip, body, len, &ask) || ask.type != ICMP6_NS || addr_is_any(&ip->src))
        return;
    t->n_asked++;
    if (t->silent)
        return;
    back.src = na.target = ask.target;
    memcpy(na.tllao, mac_them, 6);
    n = ndp_emit(msg, sizeof(msg), &back, &na);
    back.payload_len = (uint16_t)n;
    memcpy(eth.dst, mac_us, 6);
    memcpy(eth.src, mac_them, 6);
    (void)eth_emit(frame, sizeof(frame), &eth);
    (void)ip6_emit(frame + ETH_HDR_LEN, IP6_HDR_LEN, &back);
    memcpy(frame + ETH_HDR_LEN + IP6_HDR_LEN, msg, n);
    ladder_input(t, frame, ETH_HDR_LEN + IP6_HDR_LEN + n, 1, 0);
}

/* What a frame of the stack is, down to the TCP header. */
struct seen {
    struct ft_addr src, dst;
    const uint8_t *l4;
    size_t len;
    uint8_t proto, ttl, tos;
};

static bool see_ip(const uint8_t *frame, size_t len, struct seen *ret)
{
    struct eth_hdr eth;
    struct ip4_hdr ip4;
    struct ip6_hdr ip6;
    const uint8_t *ip = frame + ETH_HDR_LEN;

    assert_int_equal(eth_parse(frame, len, &eth), 0);
    if (eth.ethertype == ETH_TYPE_IP4) {
        assert_int_equal(ip4_parse(ip, len - ETH_HDR_LEN, &ip4), 0);
        *ret =
            (struct seen){ip4.src,   ip4.dst, ip + ip4.hdr_len, (size_t)ip4.total_len - ip4.hdr_len,
                          ip4.proto, ip4.ttl, ip4.tos};
        return true;
    }
    if (eth.ethertype != ETH_TYPE_IP6)
        return false;
    assert_int_equal(ip6_parse(ip, len - ETH_HDR_LEN, &ip6), 0);
    *ret = (struct seen){ip6.src,  ip6.dst,       ip + IP6_HDR_LEN, ip6.payload_len,
                         ip6.next, ip6.hop_limit, ip6.tclass};
    if (ip6.next == IP_PROTO_ICMP6)
        ret->proto = IP_PROTO_ICMP6;
    return true;
}

static void keep(struct ladder *t, const uint8_t *frame, size_t len)
{
    struct ladder_frame *f = &t->queue[t->q_tail % LADDER_QUEUE_MAX];

    assert_true(t->q_tail - t->q_head < LADDER_QUEUE_MAX);
    t->q_tail++;
    f->octets = malloc(len);
    memcpy(f->octets, frame, len);
    f->len = len;
    f->at = t->now;
}

/* The stack has sent a frame: TCP is kept for the test, neighbours answer, the rest is counted. */
static void on_frame(struct ladder *t, const uint8_t *frame, size_t len)
{
    struct seen seen;
    struct ip6_hdr ip6;

    if (!see_ip(frame, len, &seen)) {
        answer_arp(t, frame + ETH_HDR_LEN, len - ETH_HDR_LEN);
        return;
    }
    if (seen.proto == IP_PROTO_TCP) {
        assert_true(csum_l4_good(&seen.src, &seen.dst, IP_PROTO_TCP, seen.l4, seen.len));
        keep(t, frame, len);
    } else if (seen.proto == IP_PROTO_ICMP6 && seen.len > 0 && seen.l4[0] == ICMP6_NS) {
        assert_int_equal(ip6_parse(frame + ETH_HDR_LEN, len - ETH_HDR_LEN, &ip6), 0);
        answer_ns(t, &ip6, seen.l4, seen.len);
    } else {
        t->n_other++;
    }
}

/* Loopback: what the stack sends to itself comes back at once. */
static bool pump_loopback(struct ladder *t)
{
    uint8_t *buf = malloc(LADDER_FRAME_MAX);
    struct ft_frame f = {.buf = buf, .cap = LADDER_FRAME_MAX, .flags = FT_FRAME_LINEAR};
    size_t n = ft_output(t->stack, t->lo, &f, 1, t->now);

    if (n) {
        ft_output_done(t->stack, t->lo, &f, 1, 1);
        f.flags = 0;
        ft_input(t->stack, t->lo, &f, 1, t->now);
        ladder_check(t);
    }
    free(buf);
    return n > 0;
}

static bool pump_one(struct ladder *t)
{
    uint8_t *buf = malloc(LADDER_FRAME_MAX);
    struct ft_frame f = {.buf = buf, .cap = LADDER_FRAME_MAX};
    uint8_t *whole;
    size_t at;
    size_t n = ft_output(t->stack, t->eth, &f, 1, t->now);

    ladder_check(t);
    if (n == 0) {
        free(buf);
        return pump_loopback(t);
    }
    whole = malloc(LADDER_FRAME_MAX);
    at = f.len;
    memcpy(whole, buf, at);
    for (unsigned i = 0; i < f.n_spans; i++) {
        memcpy(whole + at, f.spans[i].data, f.spans[i].len);
        at += f.spans[i].len;
    }
    ft_output_done(t->stack, t->eth, &f, 1, 1);
    ladder_check(t);
    on_frame(t, whole, at);
    free(whole);
    free(buf);
    return true;
}

unsigned ladder_pump(struct ladder *t)
{
    unsigned most = 10000;

    while (pump_one(t))
        assert_true(most-- > 0); /* a stack that never falls silent */
    return t->q_tail - t->q_head;
}

/* What a segment of the stack teaches about the conversation it belongs to. */
static void learn(struct ladder *t)
{
    uint32_t end = t->seg.seq.v + t->seg.len + ((t->seg.flags & SEG_SYN) ? 1 : 0) +
                   ((t->seg.flags & SEG_FIN) ? 1 : 0);

    for (unsigned i = 0; i < LADDER_PEERS_MAX; i++) {
        struct ladder_peer *p = &t->peers[i];

        if (p->port != t->seg.dst_port || p->stack_port != t->seg.src_port)
            continue;
        if ((t->seg.flags & SEG_SYN) && (!p->iss_known || p->iss != t->seg.seq.v)) {
            p->iss_known = true;
            p->iss = t->seg.seq.v;
            p->snd_max = end;
        }
        if (seq_gt(seq_make(end), seq_make(p->snd_max)) && !(t->seg.flags & SEG_RST))
            p->snd_max = end;
    }
}

bool ladder_take(struct ladder *t)
{
    struct seen seen;

    if (ladder_pump(t) == 0)
        return false;
    free(t->last.octets);
    t->last = t->queue[t->q_head++ % LADDER_QUEUE_MAX];
    assert_true(see_ip(t->last.octets, t->last.len, &seen));
    assert_int_equal(tcp_parse(seen.l4, seen.len, &t->seg), 0);
    assert_false(t->seg.bad_options);
    t->last_dst = seen.dst;
    t->payload = seen.l4 + t->seg.hdr_len;
    t->last_ttl = seen.ttl;
    t->last_tos = seen.tos;
    learn(t);
    return true;
}

unsigned ladder_forget(struct ladder *t)
{
    unsigned n = 0;

    while (ladder_take(t))
        n++;
    return n;
}

void after_us(struct ladder *t, uint64_t us)
{
    ft_time until = t->now + us * FT_US;

    (void)ladder_pump(t);
    for (;;) {
        ft_time at = ft_deadline(t->stack);

        /* The wheel rounds an instant up to its tick. */
        if (at > until + TICK)
            break;
        if (at > t->now)
            t->now = at;
        ft_advance(t->stack, t->now);
        ladder_check(t);
        (void)ladder_pump(t);
    }
    if (until > t->now)
        t->now = until;
    ft_advance(t->stack, t->now);
    ladder_check(t);
}

void after_ms(struct ladder *t, uint64_t ms)
{
    after_us(t, ms * 1000);
}

/* ---- what the peer sends --------------------------------------------------------------------- */

static size_t build_ip(struct ladder *t, const struct step *s, size_t l4_len, uint8_t *buf)
{
    struct ft_addr src = s->src ? *s->src : t->them;
    struct ft_addr dst = s->dst ? *s->dst : t->us;
    uint8_t ttl = s->ttl == ANY ? 64 : (uint8_t)s->ttl;
    uint8_t tos = s->tos == ANY ? 0 : (uint8_t)s->tos;
    struct ip4_hdr ip4 = {.src = src, .dst = dst, .ttl = ttl, .tos = tos, .proto = IP_PROTO_TCP};
    struct ip6_hdr ip6 = {.src = src, .dst = dst, .hop_limit = ttl, .tclass = tos};

    if (!addr_is_v4(&src)) {
        ip6.next = IP_PROTO_TCP;
        ip6.payload_len = (uint16_t)l4_len;
        return ip6_emit(buf, IP6_HDR_LEN, &ip6);
    }
    ip4.df = true;
    ip4.total_len = (uint16_t)(IP4_HDR_LEN + s->n_ip_options + l4_len);
    (void)ip4_emit(buf, IP4_HDR_LEN, &ip4);
    if (s->n_ip_options) {
        memcpy(buf + IP4_HDR_LEN, s->ip_options, s->n_ip_options);
        buf[0] = (uint8_t)(0x40 | (IP4_HDR_LEN + s->n_ip_options) / 4);
        be16_store(buf + 10, 0);
        be16_store(buf + 10, csum_of(buf, IP4_HDR_LEN + s->n_ip_options));
    }
    return IP4_HDR_LEN + s->n_ip_options;
}

static void options_of(const struct ladder *t, const struct step *s, struct ft_tcp_seg *seg)
{
    seg->has_mss = s->mss != ANY && s->mss != NONE;
    seg->mss = seg->has_mss ? (uint16_t)s->mss : 0;
    seg->has_wscale = s->wscale != ANY && s->wscale != NONE;
    seg->wscale = seg->has_wscale ? (uint8_t)s->wscale : 0;
    seg->sack_ok = s->sack_ok == 1;
    seg->has_ts = s->tsval != ANY;
    seg->tsval = seg->has_ts ? (uint32_t)s->tsval : 0;
    seg->tsecr = s->tsecr == ANY ? 0 : (uint32_t)s->tsecr;
    seg->n_sack = s->n_sack == ANY ? 0 : (uint8_t)s->n_sack;
    for (unsigned i = 0; i < seg->n_sack; i++) {
        seg->sack[i].lo = seq_make(t->peer->iss + (uint32_t)s->sack[i].lo);
        seg->sack[i].hi = seq_make(t->peer->iss + (uint32_t)s->sack[i].hi);
    }
}

/* The TCP header and payload. Return: octets. */
static size_t build_tcp(struct ladder *t, const struct step *s, uint8_t *buf)
{
    struct ladder_peer *p = t->peer;
    uint32_t ack = s->ack == ANY ? p->snd_max : p->iss + (uint32_t)s->ack;
    struct ft_tcp_seg seg = {
        .src_port = s->sport == ANY ? p->port : (uint16_t)s->sport,
        .dst_port = s->dport == ANY ? p->stack_port : (uint16_t)s->dport,
        .seq = seq_make(s->seq == ANY ? p->nxt : (uint32_t)s->seq),
        .ack = seq_make((s->flags & SEG_ACK) ? ack : 0),
        .wnd = s->wnd == ANY ? p->wnd : (uint32_t)s->wnd,
        .urg = s->urg == ANY ? 0 : (uint16_t)s->urg,
        .flags = (uint16_t)s->flags,
    };
    uint8_t option[TCP_HDR_LEN_MAX];
    size_t len;

    options_of(t, s, &seg);
    if (s->flags & SEG_SYN)
        p->isn = seg.seq.v;
    if (t->key) {
        /* It comes where tcp_emit() has its place; it is written anew by who knows the RFC. */
        seg.n_sig = 1;
        seg.sig = t->key->kind;
        seg.sig_len = (uint8_t)(signer_option(t->key, option) - 4);
    }
    len = tcp_emit(buf, TCP_HDR_LEN_MAX, &seg);
    if (t->key)
        memcpy(buf + TCP_HDR_LEN, option, 4u + seg.sig_len);
    if (s->options) {
        len = TCP_HDR_LEN + ((s->n_options + 3) & ~(size_t)3);
        memset(buf + TCP_HDR_LEN, 0, len - TCP_HDR_LEN);
        memcpy(buf + TCP_HDR_LEN, s->options, s->n_options);
        buf[12] = (uint8_t)(len / 4 << 4 | (buf[12] & 15));
    }
    for (size_t i = 0; i < (size_t)s->len; i++) {
        uint32_t at = seg.seq.v + (uint32_t)i - p->isn - ((s->flags & SEG_SYN) ? 0 : 1);

        buf[len + i] = (uint8_t)(ladder_octet(true, at) + s->salt);
    }
    return len + (size_t)s->len;
}

size_t ladder_build(struct ladder *t, const struct step *s, uint8_t *ret_frame)
{
    struct eth_hdr eth = {.ethertype = t->v6 ? ETH_TYPE_IP6 : ETH_TYPE_IP4};
    struct ft_addr src = s->src ? *s->src : t->them;
    struct ft_addr dst = s->dst ? *s->dst : t->us;
    uint8_t *l4 = malloc(LADDER_FRAME_MAX);
    size_t l4_len = build_tcp(t, s, l4);
    uint16_t sum;
    size_t at;

    if (t->key && !s->options)
        signer_sign(t, t->key, &src, &dst, l4, l4_len);
    sum = csum_l4(&src, &dst, IP_PROTO_TCP, l4, l4_len);

    be16_store(l4 + TCP_CSUM_AT, s->bad_csum ? (uint16_t)(sum ^ 0x0101) : sum);
    memcpy(eth.dst, s->l2_broadcast ? mac_all : mac_us, 6);
    memcpy(eth.src, mac_them, 6);
    at = eth_emit(ret_frame, ETH_HDR_LEN, &eth);
    at += build_ip(t, s, l4_len, ret_frame + at);
    memcpy(ret_frame + at, l4, l4_len);
    free(l4);
    return at + l4_len;
}

void ladder_peer_sends(struct ladder *t, struct step s)
{
    struct ladder_peer *p = t->peer;
    uint8_t *frame = malloc(LADDER_FRAME_MAX);
    size_t len;
    uint32_t seq = s.seq == ANY ? p->nxt : (uint32_t)s.seq;
    uint32_t end =
        seq + (uint32_t)s.len + ((s.flags & SEG_SYN) ? 1 : 0) + ((s.flags & SEG_FIN) ? 1 : 0);

    if (!t->batch)
        (void)ladder_pump(t); /* what the stack sends before it has seen this */
    if (s.wnd != ANY)
        p->wnd = (uint32_t)s.wnd;
    len = ladder_build(t, &s, frame);
    if (seq == p->nxt || (s.flags & SEG_SYN))
        p->nxt = end;
    ladder_input(t, frame, len, s.n_segs ? s.n_segs : 1, 0);
    free(frame);
}

void peer_icmp(struct ladder *t, const struct ft_addr *from, uint8_t type, uint8_t code,
               uint32_t rest)
{
    struct icmp_msg msg = {.type = type, .code = code, .rest = rest};
    struct ft_addr src = from ? *from : t->them;
    struct icmp6_path path = {.src = src, .dst = t->us};
    struct eth_hdr eth = {.ethertype = t->v6 ? ETH_TYPE_IP6 : ETH_TYPE_IP4};
    struct ip4_hdr ip4 = {.src = src, .dst = t->us, .ttl = 60, .proto = IP_PROTO_ICMP4};
    struct ip6_hdr ip6 = {.src = src, .dst = t->us, .hop_limit = 60, .next = IP_PROTO_ICMP6};
    uint8_t body[600], frame[800];
    size_t hdr = t->v6 ? IP6_HDR_LEN : IP4_HDR_LEN, len;

    msg.body = t->last.octets + ETH_HDR_LEN;
    msg.body_len = t->last.len - ETH_HDR_LEN;
    if (msg.body_len > 500)
        msg.body_len = 500;
    len =
        t->v6 ? icmp6_emit(body, sizeof(body), &path, &msg) : icmp4_emit(body, sizeof(body), &msg);
    ip4.total_len = (uint16_t)(IP4_HDR_LEN + len);
    ip6.payload_len = (uint16_t)len;
    memcpy(eth.dst, mac_us, 6);
    memcpy(eth.src, mac_them, 6);
    (void)eth_emit(frame, sizeof(frame), &eth);
    if (t->v6)
        (void)ip6_emit(frame + ETH_HDR_LEN, hdr, &ip6);
    else
        (void)ip4_emit(frame + ETH_HDR_LEN, hdr, &ip4);
    memcpy(frame + ETH_HDR_LEN + hdr, body, len);
    (void)ladder_pump(t);
    ladder_input(t, frame, ETH_HDR_LEN + hdr + len, 1, 0);
}
