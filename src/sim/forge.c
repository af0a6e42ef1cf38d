/* SPDX-License-Identifier: MIT */
/*
 * An attacker who is not on the path, but has guessed the four-tuple and the sequence numbers to
 * within a window: RFC 5961's adversary at his luckiest. He sends resets that are not exact, SYNs,
 * octets with an acknowledgement that cannot be, octets outside the window. Each is one that a
 * correct stack answers by an ACK at most, so the conversation must go on as if nothing had been.
 */
#include <string.h>

#include "priv.h"

#define GARBAGE_MAX   100
#define FLOOD_DRAWS   2002 /* purpose of a random stream */
#define NOBODY_FIRST  100  /* numbers of hosts that are not there */
#define NOBODY_LAST   249
#define FORGED_MAX    256
#define SIGNATURE_MAX 20

enum forgery {
    FORGE_RST_IN_WINDOW, /* RFC 5961 3.2 */
    FORGE_RST_OUTSIDE,
    FORGE_SYN_IN_WINDOW, /* RFC 5961 4.2 */
    FORGE_SYN_ANYWHERE,
    FORGE_ACK_TOO_NEW, /* RFC 5961 5.2 */
    FORGE_ACK_TOO_OLD,
    FORGE_NO_ACK,
    FORGE_OCTETS_OUTSIDE,
    FORGE_ICMP_HARD,    /* of octets in flight: RFC 5927 5.2, no end of a connection */
    FORGE_ICMP_TOO_BIG, /* of octets that are not in flight: RFC 5927 4.1, not believed */
    FORGE_N,
};

struct forged {
    uint32_t seq, ack, len;
    uint8_t flags;
    bool is_icmp; /* an error of which seq is the octet quoted */
    bool too_big;
    uint8_t signature[SIGNATURE_MAX]; /* an option, padded; without the key that belongs there */
    uint8_t sig_len;
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
    size_t stamps = view->has_ts ? 12 : 0;
    size_t opt = stamps + f->sig_len;
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
    memcpy(tcp + 20 + stamps, f->signature, f->sig_len);
    memset(tcp + 20 + opt, 0xee, f->len);
    pseudo = checksum(frame + 14 + header - addrs, addrs, 6 + len) ^ 0xffffU;
    put16(tcp + 16, checksum(tcp, len, pseudo));
    return 14 + header + len;
}

/* An ICMP error from the peer itself, about a segment of the end that gets it. */
static size_t build_icmp(uint8_t *frame, const struct sim_audit_view *view, const struct forged *f)
{
    bool is_ip6 = view->dst.hi != 0;
    size_t ip_len = is_ip6 ? 40 : 20;
    size_t len = 8 + ip_len + 20;
    struct sim_audit_view back = *view;
    uint8_t *icmp = frame + 14 + ip_len;
    uint8_t *quote = icmp + 8;

    back.src = view->dst;
    back.dst = view->src;
    put16(frame + 12, is_ip6 ? 0x86dd : 0x0800);
    (void)put_ip(frame + 14, view, is_ip6, len);
    memset(icmp, 0, len);
    (void)put_ip(quote, &back, is_ip6, 20 + 1000);
    quote += ip_len;
    put16(quote, view->dst_port);
    put16(quote + 2, view->src_port);
    put32(quote + 4, f->seq);
    quote[12] = 5 << 4;
    quote[13] = SIGHT_ACK;
    icmp[0] = is_ip6 ? (f->too_big ? 2 : 1) : 3;
    icmp[1] = f->too_big ? (is_ip6 ? 0 : 4) : (is_ip6 ? 4 : 3);
    if (f->too_big)
        put16(icmp + 6, is_ip6 ? 1280 : 552);
    frame[14 + (is_ip6 ? 6 : 9)] = is_ip6 ? 58 : 1;
    if (is_ip6) {
        put16(icmp + 2, checksum(icmp, len, checksum(frame + 14 + 8, 32, 58 + len) ^ 0xffffU));
    } else {
        put16(frame + 24, 0);
        put16(frame + 24, checksum(frame + 14, 20, 0));
        put16(icmp + 2, checksum(icmp, len, 0));
    }
    return 14 + ip_len + len;
}

static struct forged segment(uint32_t seq, uint32_t ack, uint32_t len, uint8_t flags)
{
    return (struct forged){.seq = seq, .ack = ack, .len = len, .flags = flags};
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
        *ret = segment(inside, view->snd_una, 0, SIGHT_RST | SIGHT_ACK);
        return wnd > 2;
    case FORGE_RST_OUTSIDE:
        *ret = segment(outside, 0, 0, SIGHT_RST);
        return true;
    case FORGE_SYN_IN_WINDOW:
        *ret = segment(inside, 0, 0, SIGHT_SYN);
        return wnd > 2;
    case FORGE_SYN_ANYWHERE:
        *ret = segment(outside, 0, 0, SIGHT_SYN);
        return true;
    case FORGE_ACK_TOO_NEW:
        *ret = segment(view->rcv_nxt, view->snd_nxt + 1 + (uint32_t)sim_rand_size(rand, 30),
                       garbage, SIGHT_ACK);
        return wnd > 0;
    case FORGE_ACK_TOO_OLD:
        *ret = segment(view->rcv_nxt, view->snd_una - UINT32_C(0x50000000), garbage, SIGHT_ACK);
        return wnd > 0;
    case FORGE_NO_ACK:
        *ret = segment(view->rcv_nxt, 0, garbage, SIGHT_PSH);
        return wnd > 0;
    case FORGE_OCTETS_OUTSIDE:
        *ret = segment(outside, view->snd_una, garbage, SIGHT_ACK);
        return true;
    case FORGE_ICMP_HARD:
        *ret = (struct forged){.seq = view->snd_una, .is_icmp = true};
        return view->snd_nxt != view->snd_una;
    case FORGE_ICMP_TOO_BIG:
        *ret = (struct forged){.seq = view->snd_nxt + (uint32_t)sim_rand_size(rand, 30)};
        ret->is_icmp = true;
        ret->too_big = true;
        return true;
    case FORGE_N:
        break;
    }
    return false;
}

/* ---- against keys ---- */

/* A signature of either kind, or none: what is on the wire he knows, the rest he guesses. */
static void draw_signature(struct sim_rand *rand, const struct sim_audit_key *key, struct forged *f)
{
    uint64_t kind = sim_rand_below(rand, 3);

    f->sig_len = kind == 0 ? 0 : kind == 1 ? 20 : 16;
    for (uint32_t i = 0; i < f->sig_len; i++)
        f->signature[i] = (uint8_t)(sim_rand_next(rand) >> 56);
    if (kind == 1)
        memcpy(f->signature, (uint8_t[]){1, 1, SIGHT_MD5, 18}, 4);
    else if (kind == 2)
        memcpy(f->signature, (uint8_t[]){SIGHT_AO, 16, key->key_id, key->rnext_id}, 4);
}

/* He knows every number, and has all but the key: without it each of these would end the
   connection, or put his octets into the stream (RFC 5925 1, RFC 2385 1). */
static struct forged design_exact(struct sim_rand *rand, const struct sim_audit_view *view,
                                  const struct sim_audit_key *key)
{
    static const uint8_t flags[] = {SIGHT_RST, SIGHT_RST | SIGHT_ACK, SIGHT_FIN | SIGHT_ACK,
                                    SIGHT_PSH | SIGHT_ACK, SIGHT_SYN};
    uint8_t kind = flags[sim_rand_below(rand, sizeof(flags))];
    uint32_t garbage = kind & SIGHT_PSH ? (uint32_t)sim_rand_range(rand, 1, GARBAGE_MAX) : 0;
    struct forged f = segment(view->rcv_nxt, view->snd_una, garbage, kind);

    draw_signature(rand, key, &f);
    return f;
}

static void deliver(struct sim_world *world, struct sim_host *host,
                    const struct sim_audit_view *view, const struct forged *f)
{
    struct sim_note note = {.kind = SIM_NOTE_FORGED, .flags = f->flags};
    uint8_t octets[FORGED_MAX];
    size_t len = f->is_icmp ? build_icmp(octets, view, f) : build(octets, view, f);
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
    note.text = f->too_big ? "ICMP, too big" : f->is_icmp ? "ICMP, nobody listens" : NULL;
    ft_sim_note(world, &note);
    world->n_forged++;
    wrong = ft_sim_audit_forged(world->audit, &seen);
    if (wrong != NULL) {
        ft_sim_halt(world, NULL, "the forger made %s", wrong);
        return;
    }
    frame.at = world->now;
    ft_input(host->stack, host->ifindex, &frame, 1, world->now);
    ft_sim_host_run(world, host);
}

/* The MTU of a connection's path, as its socket tells. */
static int mtu_of(const struct sim_app *app)
{
    bool is_ip6 = app->world->plan.conn[app->conn].family == 6;
    int value = 0;
    socklen_t len = sizeof(value);
    int error =
        ft_getsockopt(app->world->host[app->host].stack, app->sock,
                      is_ip6 ? IPPROTO_IPV6 : IPPROTO_IP, is_ip6 ? IPV6_MTU : IP_MTU, &value, &len);

    return error != 0 ? error : value;
}

/* A hard error may be told when the connection has timed out anyway; no other lie has any effect.
 */
static void deliver_lie(struct sim_world *world, struct sim_app *app,
                        const struct sim_audit_view *view, const struct forged *f)
{
    int mtu = mtu_of(app);

    if (!f->too_big && app->world->plan.conn[app->conn].key_kind == SIM_KEY_NONE)
        app->lied_to = true; /* RFC 5925 7.8: of what is signed nobody is told */
    deliver(world, &world->host[app->host], view, f);
    if (f->too_big && app->sock >= 0 && mtu_of(app) < mtu && !world->failed) {
        struct sim_tuple tuple = ft_sim_app_tuple(app);

        ft_sim_halt(world, &tuple, "%s believed a stranger that its path is narrow",
                    world->host[app->host].name);
    }
}

/* Nothing of it may be acted upon: it is counted as not signed, and that is all. */
static void deliver_unsigned(struct sim_world *world, struct sim_app *app,
                             const struct sim_audit_view *view, struct sim_rand *rand)
{
    struct sim_host *host = &world->host[app->host];
    const struct sim_conn_plan *conn = &world->plan.conn[app->conn];
    struct sim_pair pair = {.kind = conn->key_kind, .own = conn->host[1 - app->side]};
    uint64_t before = ft_sim_refused(host);
    struct sim_audit_key key;
    struct forged forged;

    pair.peer = app->host;
    ft_sim_key(world, &pair, &key);
    forged = design_exact(rand, view, &key);
    deliver(world, host, view, &forged);
    if (!world->failed && ft_sim_refused(host) != before + 1) {
        struct sim_tuple tuple = ft_sim_app_tuple(app);

        ft_sim_halt(world, &tuple, "%s took a segment that nobody with the key has signed",
                    host->name);
    }
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
        struct sim_app *victim;
        bool is_signed = world->plan.conn[(draw + i) % n].key_kind != SIM_KEY_NONE;

        if (world->plan.conn[(draw + i) % n].mapped)
            continue; /* he does not know its names */
        if (app[0].state != SIM_APP_OPEN || app[1].state != SIM_APP_OPEN)
            continue;
        if (sim_rand_chance(&rand, 50)) {
            host = &world->host[app->host];
            view.src = tuple.b;
            view.dst = tuple.a;
            view.src_port = tuple.b_port;
            view.dst_port = tuple.a_port;
        }
        if (host->stack == NULL || !ft_sim_audit_view(world->audit, &view) ||
            !design(&rand, &view, &forged))
            continue;
        victim = host == &world->host[app->host] ? app : app + 1;
        if (is_signed && !forged.is_icmp)
            deliver_unsigned(world, victim, &view, &rand);
        else if (forged.is_icmp)
            deliver_lie(world, victim, &view, &forged);
        else
            deliver(world, host, &view, &forged);
        return true;
    }
    return false;
}

/* ---- on the path ---- */

void ft_sim_tape(struct sim_world *world, const struct sim_host *host, const struct sight *s,
                 const uint8_t *octets, size_t len)
{
    struct sim_taped *slot;
    uint32_t to;

    if (len > SIM_TAPE_LEN ||
        ((s->tcp.flags & (SIGHT_SYN | SIGHT_FIN | SIGHT_RST)) == 0 && world->packets % 8 != 0))
        return;
    to = ft_sim_host_at(world, &s->dst);
    if (to == world->plan.n_hosts || ft_sim_nat_is_between(&world->plan, host->index, to))
        return;
    /* Old ones are more worth than new ones: each new one takes any place. */
    slot = &world->taped[world->n_taped < SIM_TAPED_MAX ? world->n_taped
                                                        : sim_mix(world->n_taped) % SIM_TAPED_MAX];
    world->n_taped++;
    slot->host = to;
    slot->len = (uint32_t)len;
    memcpy(slot->octets, octets, len);
}

/* A copy of a segment that was really sent: the network might have brought it twice by itself, and
   so late (RFC 9293 3.4.3). No exception is made for it anywhere: a reset counts only where its
   number is the one expected, and then it is the reset of this very connection. */
bool ft_sim_replay(struct sim_world *world, uint32_t draw)
{
    uint64_t n = world->n_taped < SIM_TAPED_MAX ? world->n_taped : SIM_TAPED_MAX;
    const struct sim_taped *taped;
    struct sim_host *host;

    if (n == 0)
        return false;
    taped = &world->taped[draw % n];
    host = &world->host[taped->host];
    if (host->stack == NULL)
        return false;
    world->n_replayed++;
    memcpy(world->frame[0], taped->octets, taped->len);
    memcpy(world->frame[0], host->mac, 6);
    ft_sim_host_input(world, host, &taped->len, 1);
    return true;
}

void ft_sim_flood(struct sim_world *world, uint32_t number)
{
    const struct sim_fault_plan *fault = &world->plan.fault[number];
    struct sim_host *host = &world->host[fault->pipe];
    uint32_t lan = world->plan.host[host->index].lan;
    struct sim_rand rand;

    sim_rand_init(&rand, world->options.seed, FLOOD_DRAWS, number);
    for (uint64_t i = 0; i < fault->value && host->stack != NULL && !world->failed; i++) {
        uint8_t family = host->addr6.hi != 0 && sim_rand_chance(&rand, 50) ? 6 : 4;
        uint32_t nobody = (uint32_t)sim_rand_range(&rand, NOBODY_FIRST, NOBODY_LAST);
        struct sim_audit_view view = {.src = ft_sim_addr(&world->plan, lan, family, nobody),
                                      .dst = family == 6 ? host->addr6 : host->addr4,
                                      .src_port = (uint16_t)sim_rand_range(&rand, 1024, 65535),
                                      .dst_port = 80};
        struct forged syn = segment((uint32_t)sim_rand_next(&rand), 0, 0, SIGHT_SYN);

        deliver(world, host, &view, &syn);
    }
}
