/* SPDX-License-Identifier: MIT */
/*
 * Reassembly against a naive model that keeps a list of pieces and compares each with each. The
 * input is a list of fragments of a few datagrams of both families, with octets that differ now and
 * then, and of pauses. What the one delivers, the other does, to the octet; what overlaps is never
 * delivered; all of it is gone a minute later.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "net/net.h"
#include "wire/be.h"
#include "wire/eth.h"
#include "wire/ip.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

#include "support.h"

#define DATAGRAMS  8 /* the upper half of them IPv6 */
#define PIECES_MAX 6
#define LEN_MAX    512
#define LIFE       (60 * FT_SEC)

struct piece {
    uint32_t off, len;
    uint8_t salt;
    bool more;
};

struct model {
    bool exists, dead;
    ft_time expires_at;
    struct piece pieces[PIECES_MAX];
    unsigned n;
    uint32_t total;
};

struct fuzz {
    struct ft_env env;
    struct ft_net *net;
    int eth;
    struct model models[DATAGRAMS];
    uint8_t whole[LEN_MAX]; /* what the model delivers */
    struct fuzz_input in;
};

static uint8_t pattern(uint32_t at, uint8_t salt)
{
    return (uint8_t)(at * 13 + (at >> 8) + salt);
}

static void begin(struct fuzz *f)
{
    struct ft_if_config eth = {
        .size = sizeof(eth), .name = "eth0", .type = FT_IF_ETHER, .mac = {2, 0, 0, 0, 0, 1}};
    struct ft_addr v4 = addr_v4(0x0a070001);
    struct ft_addr v6 = {.hi = UINT64_C(0xfd07) << 48, .lo = 1};

    eth.mtu = 1500;
    eth.flags = FT_IF_NO_DAD;
    f->env.config.ttl = 64;
    f->env.config.limits = (struct ft_limits){
        .neighbours_max = 8,
        .neighbour_queue_max = 2,
        .routes_max = 12,
        .addrs_max = 8,
        .pmtu_max = 8,
        .groups_max = 8,
        .reassembly_octets_max = 1 << 20,
        .reassembly_fragments_max = PIECES_MAX,
        .control_max = 16,
        .icmp_per_s = 100,
    };
    f->env.mem.alloc = fuzz_alloc;
    f->env.mem.free = fuzz_free;
    f->env.mem.max = 4 << 20;
    f->env.now = FT_SEC;
    ft_wheel_init(&f->env.wheel, f->env.now);
    ft_rng_init(&f->env.rng, f->env.config.seed);
    f->net = ft_net_new(&f->env);
    must(f->net != NULL);
    f->eth = ft_net_if_add(f->net, &eth);
    must(ft_net_addr_add(f->net, f->eth, &v4, 24, 0) == 0);
    must(ft_net_addr_add(f->net, f->eth, &v6, 64, 0) == 0);
}

/* ---- the model ------------------------------------------------------------------------------- */

static bool same(const struct piece *a, const struct piece *b)
{
    return a->off == b->off && a->len == b->len && a->salt == b->salt;
}

static bool lengths_agree(struct model *m, const struct piece *p)
{
    if (p->more)
        return m->total == 0 || p->off + p->len <= m->total;
    if (m->total && m->total != p->off + p->len)
        return false;
    for (unsigned i = 0; i < m->n; i++)
        if (m->pieces[i].off + m->pieces[i].len > p->off + p->len)
            return false;
    m->total = p->off + p->len;
    return true;
}

/* RFC 5722 4, RFC 8200 4.5. Return: the length of what is whole now, in f->whole; 0: nothing. */
static uint32_t model_takes(struct fuzz *f, struct model *m, const struct piece *p)
{
    uint32_t have = 0;

    if (!m->exists)
        *m = (struct model){.exists = true, .expires_at = f->env.now + LIFE};
    if (m->dead)
        return 0;
    for (unsigned i = 0; i < m->n; i++) {
        const struct piece *q = &m->pieces[i];

        if (same(p, q))
            return 0;
        if (p->off < q->off + q->len && q->off < p->off + p->len)
            m->dead = true;
    }
    if (m->dead || !lengths_agree(m, p) || m->n == PIECES_MAX) {
        m->dead = true;
        return 0;
    }
    m->pieces[m->n++] = *p;
    for (unsigned i = 0; i < m->n; i++)
        have += m->pieces[i].len;
    if (m->total == 0 || have < m->total)
        return 0;
    for (unsigned i = 0; i < m->n; i++)
        for (uint32_t k = 0; k < m->pieces[i].len; k++)
            f->whole[m->pieces[i].off + k] = pattern(m->pieces[i].off + k, m->pieces[i].salt);
    m->exists = false;
    return m->total;
}

/* ---- the frames ------------------------------------------------------------------------------ */

static size_t emit(uint8_t *buf, size_t cap, unsigned which, const struct piece *p)
{
    struct eth_hdr eth = {.dst = {2, 0, 0, 0, 0, 1}, .src = {2, 0, 0, 0, 0, 2}};
    struct ip4_hdr ip4 = {.src = addr_v4(0x0a070002),
                          .dst = addr_v4(0x0a070001),
                          .ttl = 64,
                          .proto = IP_PROTO_UDP,
                          .id = (uint16_t)which,
                          .frag_off = (uint16_t)p->off,
                          .mf = p->more,
                          .total_len = (uint16_t)(IP4_HDR_LEN + p->len)};
    struct ip6_hdr ip6 = {.src = {.hi = UINT64_C(0xfd07) << 48, .lo = 2},
                          .dst = {.hi = UINT64_C(0xfd07) << 48, .lo = 1},
                          .hop_limit = 64,
                          .next = IP_PROTO_FRAGMENT,
                          .payload_len = (uint16_t)(IP6_FRAG_HDR_LEN + p->len)};
    struct ip6_frag frag = {
        .id = which, .off = (uint16_t)p->off, .next = IP_PROTO_UDP, .more = p->more};
    bool is_v6 = which >= DATAGRAMS / 2;
    size_t at;

    eth.ethertype = is_v6 ? ETH_TYPE_IP6 : ETH_TYPE_IP4;
    at = eth_emit(buf, cap, &eth);
    if (is_v6) {
        at += ip6_emit(buf + at, cap - at, &ip6);
        at += ip6_frag_emit(buf + at, cap - at, &frag);
    } else {
        at += ip4_emit(buf + at, cap - at, &ip4);
    }
    for (uint32_t k = 0; k < p->len; k++)
        buf[at++] = pattern(p->off + k, p->salt);
    return at;
}

static void take_fragment(struct fuzz *f, uint8_t command)
{
    unsigned which = command >> 3 & (DATAGRAMS - 1);
    uint8_t where = fuzz_octet(&f->in), length = fuzz_octet(&f->in);
    struct piece p = {.off = where % 16 * 8u, .salt = length >> 7, .more = where & 0x80};
    struct ft_frame frame = {.n_segs = 1};
    enum ft_verdict verdict;
    struct ft_rx rx;
    uint8_t buf[LEN_MAX + 100];
    uint32_t whole;

    p.len = (1u + length % 8) * 8 - (p.more ? 0u : length >> 3 & 7u);
    if (!p.more && p.off == 0)
        return; /* not a fragment */
    frame.len = (uint32_t)emit(buf, sizeof(buf), which, &p);
    frame.buf = malloc(frame.len);
    must(frame.buf != NULL);
    memcpy(frame.buf, buf, frame.len);
    whole = model_takes(f, &f->models[which], &p);
    if (ft_net_input(f->net, f->eth, &frame, &rx, &verdict) == FT_NET_UDP) {
        must(whole != 0 && rx.l4_len == whole && rx.l4_contig == whole);
        must(memcmp(rx.l4, f->whole, whole) == 0);
    } else {
        must(whole == 0);
    }
    free(frame.buf);
}

static void pass_time(struct fuzz *f, ft_time t)
{
    struct ft_timer *timer;

    f->env.now += t;
    while ((timer = ft_wheel_expire(&f->env.wheel, f->env.now)))
        ft_net_timer(f->net, timer);
    for (unsigned i = 0; i < DATAGRAMS; i++)
        if (f->models[i].expires_at <= f->env.now)
            f->models[i].exists = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz *f = calloc(1, sizeof(*f));

    must(f != NULL);
    f->in.at = data;
    f->in.left = size;
    begin(f);
    while (f->in.left > 0) {
        uint8_t command = fuzz_octet(&f->in);

        if ((command & 7) == 0)
            pass_time(f, (ft_time)(command >> 3) * FT_SEC + FT_MS); /* never just at a deadline */
        else
            take_fragment(f, command);
        ft_net_check(f->net);
    }
    pass_time(f, 2 * LIFE);
    ft_net_check(f->net);
    ft_net_free(f->net);
    must(f->env.mem.used == 0);
    free(f);
    return 0;
}
