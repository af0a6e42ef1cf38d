/* SPDX-License-Identifier: MIT */
/*
 * An attacker who is not on the path, but has guessed the four-tuple and the sequence numbers to
 * within a window: RFC 5961's adversary at his luckiest. He sends resets that are not exact, SYNs,
 * octets with an acknowledgement that cannot be, octets outside the window. Each is one that a
 * correct stack answers by an ACK at most, so the conversation must go on as if nothing had been.
 */
#include <string.h>

#include "priv.h"

#define GARBAGE_MAX 100
#define FORGED_MAX  256

enum forgery {
    FORGE_RST_IN_WINDOW, /* RFC 5961 3.2 */
    FORGE_RST_OUTSIDE,
    FORGE_SYN_IN_WINDOW, /* RFC 5961 4.2 */
    FORGE_SYN_ANYWHERE,
    FORGE_ACK_TOO_NEW, /* RFC 5961 5.2 */
    FORGE_ACK_TOO_OLD,
    FORGE_NO_ACK,
    FORGE_OCTETS_OUTSIDE,
    FORGE_N,
};

struct forged {
    uint32_t seq, ack, len;
    uint8_t flags;
};

static void put16(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value)
{
    put16(p, value >> 16);
    put16(p + 2, value & 0xffff);
}

static void put_addr(uint8_t *p, const struct ft_addr *addr, bool is_ip6)
{
    if (is_ip6) {
        put32(p, (uint32_t)(addr->hi >> 32));
        put32(p + 4, (uint32_t)addr->hi);
        put32(p + 8, (uint32_t)(addr->lo >> 32));
        p += 12;
    }
    put32(p, (uint32_t)addr->lo);
}

static uint16_t checksum(const uint8_t *p, size_t len, uint64_t sum)
{
    for (size_t i = 0; i < len; i++)
        sum += i & 1 ? (uint64_t)p[i] : (uint64_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* The network header. Return: its length. */
static size_t put_ip(uint8_t *ip, const struct sim_audit_view *view, bool is_ip6, size_t len)
{
    memset(ip, 0, 40);
    if (is_ip6) {
        ip[0] = 0x60;
        put16(ip + 4, (uint32_t)len);
        ip[6] = 6;
        ip[7] = 64;
        put_addr(ip + 8, &view->src, true);
        put_addr(ip + 24, &view->dst, true);
        return 40;
    }
    ip[0] = 0x45;
    put16(ip + 2, (uint32_t)(20 + len));
    ip[8] = 64;
    ip[9] = 6;
    put_addr(ip + 12, &view->src, false);
    put_addr(ip + 16, &view->dst, false);
    put16(ip + 10, checksum(ip, 20, 0));
    return 20;
}

static size_t build(uint8_t *frame, const struct sim_audit_view *view, const struct forged *f)
{
    bool is_ip6 = view->dst.hi != 0;
    size_t opt = view->has_ts ? 12 : 0;
    size_t len = 20 + opt + f->len;
    size_t header = put_ip(frame + 14, view, is_ip6, len);
    uint8_t *tcp = frame + 14 + header;
    size_t addrs = is_ip6 ? 32 : 8;
    uint64_t pseudo;

    put16(frame + 12, is_ip6 ? 0x86dd : 0x0800);
    memset(tcp, 0, 20);
    put16(tcp, view->src_port);
    put16(tcp + 2, view->dst_port);
    put32(tcp + 4, f->seq);
    put32(tcp + 8, (f->flags & SIGHT_ACK) ? f->ack : 0);
    tcp[12] = (uint8_t)((20 + opt) / 4 << 4);
    tcp[13] = f->flags;
    put16(tcp + 14, 1000);
    if (view->has_ts) {
        memcpy(tcp + 20, (uint8_t[]){1, 1, 8, 10}, 4);
        put32(tcp + 24, view->tsval);
        put32(tcp + 28, 0);
    }
    memset(tcp + 20 + opt, 0xee, f->len);
    pseudo = checksum(frame + 14 + header - addrs, addrs, 6 + len) ^ 0xffffU;
    put16(tcp + 16, checksum(tcp, len, pseudo));
    return 14 + header + len;
}

/* What is forged. Return: false: this connection offers no room for it. */
static bool design(struct sim_rand *rand, const struct sim_audit_view *view, struct forged *ret)
{
    uint32_t wnd = view->rcv_edge - view->rcv_nxt;
    uint32_t inside = view->rcv_nxt + 1 + (wnd > 2 ? (uint32_t)sim_rand_below(rand, wnd - 1) : 0);
    uint32_t outside = view->rcv_nxt + UINT32_C(0x80000000) - (uint32_t)sim_rand_size(rand, 28);
    uint32_t garbage = (uint32_t)sim_rand_range(rand, 1, GARBAGE_MAX);

    switch ((enum forgery)sim_rand_below(rand, FORGE_N)) {
    case FORGE_RST_IN_WINDOW:
        *ret = (struct forged){inside, view->snd_una, 0, SIGHT_RST | SIGHT_ACK};
        return wnd > 2;
    case FORGE_RST_OUTSIDE:
        *ret = (struct forged){outside, 0, 0, SIGHT_RST};
        return true;
    case FORGE_SYN_IN_WINDOW:
        *ret = (struct forged){inside, 0, 0, SIGHT_SYN};
        return wnd > 2;
    case FORGE_SYN_ANYWHERE:
        *ret = (struct forged){outside, 0, 0, SIGHT_SYN};
        return true;
    case FORGE_ACK_TOO_NEW:
        *ret = (struct forged){view->rcv_nxt, view->snd_nxt + 1 + (uint32_t)sim_rand_size(rand, 30),
                               garbage, SIGHT_ACK};
        return wnd > 0;
    case FORGE_ACK_TOO_OLD:
        *ret = (struct forged){view->rcv_nxt, view->snd_una - UINT32_C(0x50000000), garbage,
                               SIGHT_ACK};
        return wnd > 0;
    case FORGE_NO_ACK:
        *ret = (struct forged){view->rcv_nxt, 0, garbage, SIGHT_PSH};
        return wnd > 0;
    case FORGE_OCTETS_OUTSIDE:
        *ret = (struct forged){outside, view->snd_una, garbage, SIGHT_ACK};
        return true;
    case FORGE_N:
        break;
    }
    return false;
}

static void deliver(struct sim_world *world, struct sim_host *host,
                    const struct sim_audit_view *view, const struct forged *f)
{
    struct sim_note note = {.kind = SIM_NOTE_FORGED, .flags = f->flags};
    uint8_t octets[FORGED_MAX];
    size_t len = build(octets, view, f);
    struct sim_audit_frame seen = {host->index, octets, len, world->now, false};
    struct ft_frame frame = {.buf = octets, .cap = FORGED_MAX, .len = (uint32_t)len};

    const char *wrong;

    memcpy(octets, host->mac, 6);
    memcpy(octets + 6, (uint8_t[]){2, 0, 0, 0, 0xee, 0xee}, 6);
    note.host = (uint8_t)host->index;
    note.src = view->src;
    note.dst = view->dst;
    note.src_port = view->src_port;
    note.dst_port = view->dst_port;
    note.seq = f->seq;
    note.ack = f->ack;
    note.len = f->len;
    ft_sim_note(world, &note);
    wrong = ft_sim_audit_forged(world->audit, &seen);
    if (wrong != NULL) {
        ft_sim_halt(world, NULL, "the forger made %s", wrong);
        return;
    }
    frame.at = world->now;
    ft_input(host->stack, host->ifindex, &frame, 1, world->now);
    ft_sim_host_run(world, host);
}

bool ft_sim_forge(struct sim_world *world, uint32_t draw)
{
    uint32_t n = world->plan.n_conns;
    struct sim_rand rand;

    sim_rand_init(&rand, world->options.seed, 2000, draw);
    for (uint32_t i = 0; i < n; i++) {
        struct sim_app *app = &world->app[2 * ((draw + i) % n)];
        struct sim_tuple tuple = ft_sim_app_tuple(app);
        struct sim_audit_view view = {
            .src = tuple.a, .dst = tuple.b, .src_port = tuple.a_port, .dst_port = tuple.b_port};
        struct sim_host *host = &world->host[app[1].host];
        struct forged forged;

        if (app[0].state != SIM_APP_OPEN || app[1].state != SIM_APP_OPEN)
            continue;
        if (sim_rand_chance(&rand, 50)) {
            host = &world->host[app->host];
            view.src = tuple.b;
            view.dst = tuple.a;
            view.src_port = tuple.b_port;
            view.dst_port = tuple.a_port;
        }
        if (!ft_sim_audit_view(world->audit, &view) || !design(&rand, &view, &forged))
            continue;
        deliver(world, host, &view, &forged);
        return true;
    }
    return false;
}
