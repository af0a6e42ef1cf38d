/* SPDX-License-Identifier: MIT */
/*
 * How the frames that the auditor is to judge are written, by hand and without the stack.
 */
#include "audit_wire.h"

void audit_put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

void audit_put32(uint8_t *p, uint32_t v)
{
    audit_put16(p, v >> 16);
    audit_put16(p + 2, v & 0xffff);
}

uint16_t audit_sum(const uint8_t *p, size_t len, uint32_t start)
{
    uint32_t s = start;

    for (size_t i = 0; i < len; i += 2)
        s += (uint32_t)p[i] << 8 | (i + 1 < len ? p[i + 1] : 0U);
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return (uint16_t)~s;
}

static size_t put_options(uint8_t *p, const struct seg *g)
{
    size_t n = 0;

    if (g->mss != 0) {
        p[n] = 2;
        p[n + 1] = 4;
        audit_put16(p + n + 2, g->mss);
        n += 4;
    }
    if (g->ws != 0) {
        memcpy(p + n, (uint8_t[]){1, 3, 3, g->ws}, 4);
        n += 4;
    }
    if (g->flags & SYN) {
        memcpy(p + n, (uint8_t[]){1, 1, 4, 2}, 4);
        n += 4;
    }
    if (g->ts != 0) {
        memcpy(p + n, (uint8_t[]){1, 1, 8, 10}, 4);
        audit_put32(p + n + 4, (uint32_t)g->ts);
        audit_put32(p + n + 8, g->tsecr);
        n += 12;
    }
    if (g->sack_hi != g->sack_lo) {
        memcpy(p + n, (uint8_t[]){1, 1, 5, 10}, 4);
        audit_put32(p + n + 4, g->sack_lo);
        audit_put32(p + n + 8, g->sack_hi);
        n += 12;
    }
    return n;
}

void audit_build(struct wire *w, int from, const struct seg *g)
{
    uint8_t *ip = w->octets + 14;
    uint8_t *tcp = ip + 20;
    size_t opt = put_options(memset(tcp + 20, 0, 40), g);
    size_t len = 20 + opt + g->len;
    uint32_t src = g->from_none ? 0 : 0x0a090001 + (uint32_t)from;
    uint32_t pseudo;

    memcpy(w->octets, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)(2 - from)}, 6);
    memcpy(w->octets + 6, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)(1 + (from ^ g->from_host))}, 6);
    audit_put16(w->octets + 12, 0x0800);
    memset(ip, 0, 20);
    ip[0] = 0x45;
    audit_put16(ip + 2, (uint32_t)(20 + len));
    ip[1] = g->ecn;
    ip[8] = 64;
    ip[9] = 6;
    audit_put32(ip + 12, src);
    audit_put32(ip + 16, 0x0a090002 - (uint32_t)from);
    audit_put16(ip + 10, audit_sum(ip, 20, 0));
    memset(tcp, 0, 20);
    audit_put16(tcp, from == 0 ? 5000 : 80);
    audit_put16(tcp + 2, from == 0 ? 80 : 5000);
    audit_put32(tcp + 4, g->seq);
    audit_put32(tcp + 8, g->ack);
    tcp[12] = (uint8_t)((20 + opt) / 4 << 4 | g->ae);
    tcp[13] = g->flags;
    audit_put16(tcp + 14, g->wnd);
    memset(tcp + 20 + opt, g->fill, g->len);
    pseudo = (src >> 16) + (src & 0xffff) + 0x0a09 + 2U - (uint32_t)from + 6 + (uint32_t)len;
    audit_put16(tcp + 16, audit_sum(tcp, len, pseudo));
    w->len = 34 + len + (size_t)g->extra;
    memset(w->octets + 34 + len, 0, (size_t)g->extra);
    if (g->broken != 0)
        w->octets[g->broken] ^= 4;
}

const char *audit_judge(struct ladder *t, int from, struct seg g, bool arrives)
{
    struct wire w;
    struct sim_audit_frame frame;
    const char *wrong;

    audit_build(&w, from, &g);
    frame = (struct sim_audit_frame){(uint32_t)from, w.octets, w.len, t->now, false};
    wrong = ft_sim_audit_sent(t->audit, &frame, &t->sight);
    frame.host = (uint32_t)(1 - from);
    if (g.marked) {
        g.ecn = 3;
        audit_build(&w, from, &g);
    }
    if (wrong == NULL && arrives)
        (void)ft_sim_audit_arrived(t->audit, &frame, &t->sight);
    return wrong;
}

void audit_comes_late(struct ladder *t, int from, struct seg g)
{
    struct wire w;
    struct sim_audit_frame frame;

    audit_build(&w, from, &g);
    frame = (struct sim_audit_frame){(uint32_t)(1 - from), w.octets, w.len, t->now, false};
    (void)ft_sim_audit_arrived(t->audit, &frame, &t->sight);
}

int audit_begin(void **state)
{
    struct sim_audit_host hosts[2] = {{.mac = {2, 0, 0, 0, 0, 1}, .mtu = 1500, .n_addrs = 1},
                                      {.mac = {2, 0, 0, 0, 0, 2}, .mtu = 1500, .n_addrs = 1}};
    struct ladder *t = calloc(1, sizeof(*t));

    hosts[0].addrs[0].lo = UINT64_C(0xffff0a090001);
    hosts[1].addrs[0].lo = UINT64_C(0xffff0a090002);
    t->audit = ft_sim_audit_new(hosts, 2);
    *state = t;
    return 0;
}

int audit_end_test(void **state)
{
    struct ladder *t = *state;

    ft_sim_audit_free(t->audit);
    free(t);
    return 0;
}

void audit_handshake(struct ladder *t)
{
    good(t, 0, .flags = SYN, .seq = ISN_A, .wnd = 4000, .mss = 1460);
    good(t, 1, .flags = SYN | ACK, .seq = ISN_B, .ack = ISN_A + 1, .wnd = 4000, .mss = 1000);
    good(t, 0, .flags = ACK, .seq = ISN_A + 1, .ack = ISN_B + 1, .wnd = 4000);
}

void audit_handshake_ts(struct ladder *t)
{
    good(t, 0, .flags = SYN, .seq = ISN_A, .wnd = 4000, .mss = 1460, .ts = 100);
    good(t, 1, .flags = SYN | ACK, .seq = ISN_B, .ack = ISN_A + 1, .wnd = 4000, .mss = 1000,
         .ts = 500, .tsecr = 100);
    good(t, 0, .flags = ACK, .seq = ISN_A + 1, .ack = ISN_B + 1, .wnd = 4000, .ts = 101,
         .tsecr = 500);
}
