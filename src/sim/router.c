/* SPDX-License-Identifier: MIT */
/*
 * A router of the simulator's own (RFC 1812, RFC 8200): it answers for its addresses, forwards by
 * the plan, counts down TTL and hop limit, fragments IPv4 where DF is not set, and tells by ICMP of
 * what it could not forward. Its queues are those of the cables that it sends into. It shares no
 * code with the stacks, and what it says is true: it is a fault of the network, not an attacker.
 */
#include <string.h>

#include "priv.h"

#define ETHER       14
#define IP4_DF      0x4000
#define IP4_MF      0x2000
#define QUOTE4_MAX  548  /* octets quoted, RFC 1812 4.3.2.3 */
#define QUOTE6_MAX  1232 /* RFC 4443 2.4 (c) */
#define IP6_MTU_MIN 1280
#define TTL_OF_ICMP 64

/* A packet at a router. */
struct passing {
    struct sim_world *world;
    uint32_t router, port; /* where it came in */
    uint8_t *ip;
    size_t len; /* of the packet */
    bool is_ip6;
    const uint8_t *quote; /* as it came, if it was translated meanwhile; NULL: it was not */
};

/* What is told of a packet. */
struct complaint {
    uint8_t type4, code4, type6, code6;
    uint32_t mtu;
};

static const struct complaint no_such_host = {3, 1, 1, 3, 0};
static const struct complaint no_more_hops = {11, 0, 3, 0, 0};

static uint32_t get16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static void put16(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static uint64_t get_be(const uint8_t *p, int n)
{
    uint64_t value = 0;

    for (int i = 0; i < n; i++)
        value = value << 8 | p[i];
    return value;
}

static void put_be(uint8_t *p, uint64_t value, int n)
{
    while (n-- > 0) {
        p[n] = (uint8_t)value;
        value >>= 8;
    }
}

static uint16_t checksum(const uint8_t *p, size_t len, uint64_t sum)
{
    for (size_t i = 0; i < len; i++)
        sum += i & 1 ? (uint64_t)p[i] : (uint64_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static struct ft_addr get_addr(const uint8_t *p, bool is_ip6)
{
    if (is_ip6)
        return (struct ft_addr){get_be(p, 8), get_be(p + 8, 8)};
    return (struct ft_addr){0, UINT64_C(0xffff00000000) | get_be(p, 4)};
}

static void put_addr(uint8_t *p, const struct ft_addr *addr, bool is_ip6)
{
    if (is_ip6)
        put_be(p, addr->hi, 8);
    put_be(is_ip6 ? p + 8 : p, addr->lo, is_ip6 ? 8 : 4);
}

struct ft_addr ft_sim_addr(const struct sim_plan *plan, uint32_t lan, uint8_t family,
                           uint32_t number)
{
    uint64_t net = plan->n_routers > 0 ? lan : 0;

    if (family == 6)
        return (struct ft_addr){UINT64_C(0xfd09) << 48 | net, number};
    return (struct ft_addr){0, UINT64_C(0xffff0a090000) | net << 8 | number};
}

uint32_t ft_sim_router_number(uint32_t router)
{
    return 200 + router;
}

/* The LAN at a port. */
static uint32_t lan_at(const struct sim_world *world, uint32_t router, uint32_t port)
{
    return port == 0 ? world->plan.lan[router + 1].parent : router + 1;
}

static struct ft_addr own_addr(const struct sim_world *world, uint32_t router, uint32_t port,
                               bool is_ip6)
{
    return ft_sim_addr(&world->plan, lan_at(world, router, port), is_ip6 ? 6 : 4,
                       ft_sim_router_number(router));
}

/* ---- where to ---- */

/* The LAN of an address; n_lans: none. */
static uint32_t lan_of(const struct sim_world *world, const struct ft_addr *addr)
{
    uint8_t family = addr->hi != 0 ? 6 : 4;

    for (uint32_t lan = 0; lan < world->plan.n_lans; lan++) {
        struct ft_addr net = ft_sim_addr(&world->plan, lan, family, 0);

        if (net.hi == addr->hi && (family == 6 || net.lo >> 8 == addr->lo >> 8))
            return lan;
    }
    return world->plan.n_lans;
}

/* The link address that takes a packet nearer to an address. Return: NULL: nobody is there. */
static const uint8_t *next_mac(const struct sim_world *world, uint32_t here, uint32_t lan,
                               const struct ft_addr *dst)
{
    if (here != lan) {
        uint32_t next = ft_sim_plan_router(&world->plan, here, lan);

        return world->router[next].mac[here == next + 1 ? 1 : 0];
    }
    for (uint32_t i = 0; i < world->plan.n_hosts; i++) {
        const struct sim_host *host = &world->host[i];

        if (world->plan.host[i].lan == lan &&
            (sim_addr_eq(dst, &host->addr4) || sim_addr_eq(dst, &host->addr6)))
            return host->mac;
    }
    for (uint32_t i = 0; i < world->plan.n_routers; i++) {
        struct ft_addr own = own_addr(world, i, 0, dst->hi != 0);

        if (i + 1 == world->plan.nat && world->plan.lan[i + 1].parent == lan &&
            sim_addr_eq(dst, &own))
            return world->router[i].mac[0];
    }
    return NULL;
}

/* ---- sending ---- */

static void send_frame(const struct passing *p, uint32_t port, const uint8_t *mac, uint8_t *frame,
                       size_t len)
{
    const struct sim_router *router = &p->world->router[p->router];

    memcpy(frame, mac, 6);
    memcpy(frame + 6, router->mac[port], 6);
    put16(frame + 12, p->is_ip6 ? 0x86dd : 0x0800);
    ft_sim_pipe_put(p->world, router->out[port], frame, ETHER + len);
}

/* RFC 1812 4.3.2.7: no error about an error, a later fragment, or a packet to or from a group. */
static bool may_complain(const struct passing *p)
{
    const uint8_t *ip = p->ip;

    if (p->is_ip6)
        return ip[8] != 0xff && ip[24] != 0xff && !(ip[6] == 58 && ip[40] < 128) &&
               get_be(ip + 8, 8) >> 48 != 0xfe80;
    return (get16(ip + 6) & 0x1fff) == 0 && ip[12] < 224 && get_be(ip + 12, 4) != 0 &&
           !(ip[9] == 1 && ip[(ip[0] & 15) * 4] != 8 && ip[(ip[0] & 15) * 4] != 0);
}

/* An ICMP error back to where a packet came from, by the port at which it came in. */
static void complain(const struct passing *p, const struct complaint *what)
{
    struct sim_world *world = p->world;
    size_t header = p->is_ip6 ? 40 : 20;
    size_t quote = p->is_ip6 ? QUOTE6_MAX : QUOTE4_MAX;
    struct ft_addr src = own_addr(world, p->router, p->port, p->is_ip6);
    const uint8_t *about = p->quote != NULL ? p->quote : p->ip;
    struct ft_addr dst = get_addr(p->is_ip6 ? about + 8 : about + 12, p->is_ip6);
    uint32_t lan = lan_of(world, &dst);
    uint8_t *ip = world->routed + ETHER;
    uint8_t *icmp = ip + header;
    const uint8_t *mac;

    if (!may_complain(p) || lan == world->plan.n_lans)
        return;
    mac = next_mac(world, lan_at(world, p->router, p->port), lan, &dst);
    if (mac == NULL)
        return;
    quote = p->len < quote ? p->len : quote;
    memset(ip, 0, header + 8);
    memcpy(icmp + 8, about, quote);
    icmp[0] = p->is_ip6 ? what->type6 : what->type4;
    icmp[1] = p->is_ip6 ? what->code6 : what->code4;
    put_be(icmp + 4, what->mtu, 4);
    if (p->is_ip6) {
        ip[0] = 0x60;
        put16(ip + 4, (uint32_t)(8 + quote));
        ip[6] = 58;
        ip[7] = TTL_OF_ICMP;
        put_addr(ip + 8, &src, true);
        put_addr(ip + 24, &dst, true);
        put16(icmp + 2, checksum(ip + 8, 32 + 8 + quote, 58 + 8 + quote));
    } else {
        ip[0] = 0x45;
        put16(ip + 2, (uint32_t)(20 + 8 + quote));
        ip[8] = TTL_OF_ICMP;
        ip[9] = 1;
        put_addr(ip + 12, &src, false);
        put_addr(ip + 16, &dst, false);
        put16(ip + 10, checksum(ip, 20, 0));
        put16(icmp + 2, checksum(icmp, 8 + quote, 0));
    }
    world->router[p->router].n_icmp++;
    send_frame(p, p->port, mac, world->routed, header + 8 + quote);
}

/* RFC 791 3.2, of a packet that may itself be a fragment. */
static void fragment(const struct passing *p, uint32_t port, const uint8_t *mac, uint32_t mtu)
{
    size_t header = (size_t)(p->ip[0] & 15) * 4;
    uint32_t word = get16(p->ip + 6);
    size_t room = (mtu - header) & ~(size_t)7;
    uint8_t *ip = p->world->routed + ETHER;

    for (size_t at = 0; header + at < p->len; at += room) {
        size_t n = p->len - header - at < room ? p->len - header - at : room;
        bool more = header + at + n < p->len || (word & IP4_MF);

        memcpy(ip, p->ip, header);
        memcpy(ip + header, p->ip + header + at, n);
        put16(ip + 2, (uint32_t)(header + n));
        put16(ip + 6, (uint32_t)((word & 0x1fff) + at / 8) | (more ? IP4_MF : 0));
        put16(ip + 10, 0);
        put16(ip + 10, checksum(ip, header, 0));
        p->world->router[p->router].n_fragments++;
        send_frame(p, port, mac, p->world->routed, header + n);
    }
}

/* ---- forwarding ---- */

/* One hop less. Return: whether any is left. */
static bool count_down(const struct passing *p)
{
    uint8_t *ttl = p->is_ip6 ? p->ip + 7 : p->ip + 8;

    if (*ttl <= 1)
        return false;
    (*ttl)--;
    if (!p->is_ip6) {
        put16(p->ip + 10, 0);
        put16(p->ip + 10, checksum(p->ip, (size_t)(p->ip[0] & 15) * 4, 0));
    }
    return true;
}

static void route(const struct passing *p)
{
    struct sim_world *world = p->world;
    struct sim_router *router = &world->router[p->router];
    struct ft_addr dst = get_addr(p->is_ip6 ? p->ip + 24 : p->ip + 16, p->is_ip6);
    uint32_t lan = lan_of(world, &dst);
    uint32_t port = ft_sim_plan_is_behind(&world->plan, lan, p->router + 1) ? 1 : 0;
    struct complaint too_big = {3, 4, 2, 0, router->mtu[port]};
    const uint8_t *mac = NULL;

    if (p->is_ip6 && too_big.mtu < IP6_MTU_MIN)
        too_big.mtu = IP6_MTU_MIN;
    if (lan < world->plan.n_lans)
        mac = next_mac(world, lan_at(world, p->router, port), lan, &dst);
    if (mac == NULL)
        complain(p, &no_such_host);
    else if (!count_down(p))
        complain(p, &no_more_hops);
    else if (p->len <= too_big.mtu) {
        router->n_forwarded++;
        send_frame(p, port, mac, p->ip - ETHER, p->len);
    } else if (!p->is_ip6 && !(get16(p->ip + 6) & IP4_DF)) {
        fragment(p, port, mac, too_big.mtu);
    } else if (!router->mute) {
        complain(p, &too_big);
    }
}

/* ---- its own addresses ---- */

static void answer_arp(const struct passing *p, const uint8_t *frame)
{
    const struct sim_router *router = &p->world->router[p->router];
    struct ft_addr own = own_addr(p->world, p->router, p->port, false);
    uint8_t *out = p->world->routed;

    if (p->len < 28 || get16(p->ip + 6) != 1 || get_be(p->ip + 24, 4) != (own.lo & UINT32_MAX))
        return;
    memcpy(out, frame + 6, 6);
    memcpy(out + 6, router->mac[p->port], 6);
    memcpy(out + 12, frame + 12, 8);
    put16(out + 20, 2);
    memcpy(out + 22, router->mac[p->port], 6);
    put_addr(out + 28, &own, false);
    memcpy(out + 32, p->ip + 8, 10);
    ft_sim_pipe_put(p->world, router->out[p->port], out, 42);
}

static bool is_solicitation(const struct passing *p)
{
    return p->is_ip6 && p->len >= 64 && p->ip[6] == 58 && p->ip[40] == 135 && p->ip[7] == 255;
}

/* A neighbour solicitation (RFC 4861 7.2.4); a probe of an address (from ::) is never for us. */
static void answer_ns(const struct passing *p, const uint8_t *frame)
{
    const struct sim_router *router = &p->world->router[p->router];
    struct ft_addr own = own_addr(p->world, p->router, p->port, true);
    struct ft_addr target;
    uint8_t *ip = p->world->routed + ETHER;

    if (!is_solicitation(p))
        return;
    target = get_addr(p->ip + 48, true);
    if (!sim_addr_eq(&target, &own) || get_be(p->ip + 8, 8) == 0)
        return;
    memset(ip, 0, 72);
    ip[0] = 0x60;
    ip[5] = 32;
    ip[6] = 58;
    ip[7] = 255;
    put_addr(ip + 8, &own, true);
    memcpy(ip + 24, p->ip + 8, 16);
    ip[40] = 136;
    ip[44] = 0xe0; /* router, solicited, override */
    put_addr(ip + 48, &own, true);
    ip[64] = 2;
    ip[65] = 1;
    memcpy(ip + 66, router->mac[p->port], 6);
    put16(ip + 42, checksum(ip + 8, 64, 58 + 32));
    send_frame(p, p->port, frame + 6, p->world->routed, 72);
}

/* Through the NAT, if there is one here. Return: false: it ends here. */
static bool translate(struct passing *p, bool is_own, uint8_t *copy)
{
    struct sim_world *world = p->world;
    struct ft_addr dst = get_addr(p->is_ip6 ? p->ip + 24 : p->ip + 16, p->is_ip6);
    size_t quoted = p->is_ip6 ? QUOTE6_MAX : QUOTE4_MAX;
    bool inside = ft_sim_plan_is_behind(&world->plan, lan_of(world, &dst), p->router + 1);

    if (p->router + 1 != world->plan.nat)
        return !is_own;
    memcpy(copy, p->ip, p->len < quoted ? p->len : quoted);
    p->quote = copy;
    if (p->port == 0)
        return is_own && ft_sim_nat_in(world, p->ip, p->len);
    return !is_own && (inside || ft_sim_nat_out(world, p->ip, p->len));
}

/* A packet that is whole and for somebody: its length without what the link has added. */
static bool is_sound(struct passing *p)
{
    size_t len;

    if (p->len < (p->is_ip6 ? 40U : 20U) || p->ip[0] >> 4 != (p->is_ip6 ? 6 : 4))
        return false;
    len = p->is_ip6 ? 40 + get16(p->ip + 4) : get16(p->ip + 2);
    if (len > p->len || len < 20)
        return false;
    p->len = len;
    return p->is_ip6 || ((p->ip[0] & 15) == 5 && checksum(p->ip, 20, 0) == 0);
}

void ft_sim_router_input(struct sim_world *world, uint32_t router, uint32_t port, uint8_t *frame,
                         size_t len)
{
    struct passing p = {world, router, port, frame + ETHER, len - ETHER, false, NULL};
    uint8_t copy[QUOTE6_MAX];
    uint32_t kind;

    if (len < ETHER + 20)
        return;
    kind = get16(frame + 12);
    p.is_ip6 = kind == 0x86dd;
    if (kind == 0x0806)
        answer_arp(&p, frame);
    else if ((frame[0] & 1) || memcmp(frame, world->router[router].mac[port], 6) != 0) {
        if (p.is_ip6 && (frame[0] & 1))
            answer_ns(&p, frame);
    } else if (is_sound(&p)) {
        struct ft_addr own = own_addr(world, router, port, p.is_ip6);
        struct ft_addr dst = get_addr(p.is_ip6 ? p.ip + 24 : p.ip + 16, p.is_ip6);

        if (is_solicitation(&p) && sim_addr_eq(&own, &dst))
            answer_ns(&p, frame);
        else if (translate(&p, sim_addr_eq(&own, &dst), copy))
            route(&p);
    }
}
