/* SPDX-License-Identifier: MIT */
/*
 * A NAT in one of the routers: who is behind it has the router's address outside, of IPv4 and of
 * IPv6, and a port that is given to each port inside when it first sends. It may forget them all:
 * then nothing comes in any more, and what goes out gets another name, which its peer has never
 * heard of. Checksums are adjusted, never made: what is damaged stays damaged (RFC 3022 4.2).
 * Fragments do not pass.
 */
#include <string.h>

#include "priv.h"

#define ICMP  1
#define TCP   6
#define UDP   17
#define ICMP6 58

static uint32_t get16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static void put16(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

/* RFC 1624 3, eqn. 3: HC' = ~(~HC + ~m + m'). */
static void adjust(uint8_t *sum, uint32_t was, uint32_t is)
{
    uint32_t s = (get16(sum) ^ 0xffff) + (was ^ 0xffff) + is;

    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    put16(sum, s ^ 0xffff);
}

/* A word becomes another, and so the checksums that cover it; NULL: none. */
static void change(uint8_t *at, uint32_t value, uint8_t *sum, uint8_t *other)
{
    if (sum != NULL)
        adjust(sum, get16(at), value);
    if (other != NULL)
        adjust(other, get16(at), value);
    put16(at, value);
}

/* Where things are in a packet of either family. */
struct shape {
    size_t header, src, dst;
    uint8_t protocol, icmp; /* what follows the header; the number of its family's ICMP */
    bool is_ip6;
};

static struct shape shape_of(const uint8_t *ip)
{
    if (ip[0] >> 4 == 6)
        return (struct shape){40, 8, 24, ip[6], ICMP6, true};
    return (struct shape){20, 12, 16, ip[9], ICMP, false};
}

/* The address becomes another, word by word, as the pseudo-header has it. */
static void change_addr(uint8_t *at, const struct ft_addr *addr, uint8_t *sum, uint8_t *other)
{
    uint32_t n = addr->hi != 0 ? 8 : 2;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t from_end = n - 1 - i;
        uint64_t half = from_end < 4 ? addr->lo : addr->hi;

        change(at + 2 * (size_t)i, (uint32_t)(half >> 16 * (from_end % 4)) & 0xffff, sum, other);
    }
}

static struct ft_addr addr_at(const uint8_t *p, bool is_ip6)
{
    struct ft_addr addr = {0, UINT64_C(0xffff00000000) | get16(p) << 16 | get16(p + 2)};

    for (int i = 0; is_ip6 && i < 16; i += 2) {
        addr.hi = i == 0 ? 0 : addr.hi << 16 | addr.lo >> 48;
        addr.lo = (i == 0 ? 0 : addr.lo << 16) | get16(p + i);
    }
    return addr;
}

/* The families share the ports that are given, so a port may be of the other one. */
static bool same_family(const struct ft_addr *a, const struct ft_addr *b)
{
    return (a->hi != 0) == (b->hi != 0);
}

struct ft_addr ft_sim_nat_addr(const struct sim_plan *plan, uint8_t family)
{
    return ft_sim_addr(plan, plan->lan[plan->nat].parent, family,
                       ft_sim_router_number(plan->nat - 1));
}

bool ft_sim_nat_is_between(const struct sim_plan *plan, uint32_t from, uint32_t to)
{
    return plan->nat != 0 && ft_sim_plan_is_behind(plan, plan->host[from].lan, plan->nat) &&
           !ft_sim_plan_is_behind(plan, plan->host[to].lan, plan->nat);
}

void ft_sim_nat_inside(const struct sim_world *world, struct ft_addr *addr, uint16_t *port)
{
    struct ft_addr own;

    if (world->plan.nat == 0 || *port < SIM_NAT_PORT ||
        (uint32_t)(*port - SIM_NAT_PORT) >= world->n_mapped)
        return;
    own = ft_sim_nat_addr(&world->plan, addr->hi != 0 ? 6 : 4);
    if (!sim_addr_eq(addr, &own) || !same_family(addr, &world->mapped[*port - SIM_NAT_PORT].addr))
        return;
    *addr = world->mapped[*port - SIM_NAT_PORT].addr;
    *port = world->mapped[*port - SIM_NAT_PORT].port;
}

/* The port outside of one inside. Return: 0: there is none. */
static uint16_t port_outside(const struct sim_world *world, uint8_t protocol,
                             const struct ft_addr *addr, uint16_t port)
{
    for (uint32_t i = 0; i < world->n_mapped; i++) {
        const struct sim_mapping *m = &world->mapped[i];

        if (m->live && m->protocol == protocol && m->port == port && sim_addr_eq(&m->addr, addr))
            return (uint16_t)(SIM_NAT_PORT + i);
    }
    return 0;
}

static uint16_t give_port(struct sim_world *world, uint8_t protocol, const struct ft_addr *addr,
                          uint16_t port)
{
    if (world->n_mapped == SIM_MAPPED_MAX)
        return 0;
    world->mapped[world->n_mapped] = (struct sim_mapping){*addr, port, protocol, true};
    return (uint16_t)(SIM_NAT_PORT + world->n_mapped++);
}

/* The checksum of a transport header. Return: NULL: there is none. */
static uint8_t *sum_of(uint8_t *l4, uint8_t protocol)
{
    if (protocol == TCP)
        return l4 + 16;
    return get16(l4 + 6) != 0 ? l4 + 6 : NULL;
}

/* An end gets another name. RFC 768: a sum of 0 is sent as all ones, or it would say that there is
   none; so it is found once, before it may pass through 0. */
static void rename_end(uint8_t *ip, uint8_t *name, const struct ft_addr *addr, uint8_t *port,
                       uint32_t number)
{
    struct shape at = shape_of(ip);
    uint8_t *sum = sum_of(ip + at.header, at.protocol);

    change_addr(name, addr, at.is_ip6 ? NULL : ip + 10, sum);
    change(port, number, sum, NULL);
    if (sum != NULL && at.protocol == UDP && get16(sum) == 0)
        put16(sum, 0xffff);
}

static bool has_ports(const uint8_t *ip, size_t len)
{
    struct shape at = shape_of(ip);

    return (at.is_ip6 || ((ip[0] & 15) == 5 && (get16(ip + 6) & 0x3fff) == 0)) &&
           ((at.protocol == TCP && len >= at.header + 20) ||
            (at.protocol == UDP && len >= at.header + 8));
}

/* The mapping that a port outside stands for now. Return: NULL: none of that protocol. */
static const struct sim_mapping *mapping_of(const struct sim_world *world, uint32_t port,
                                            uint8_t protocol, const struct ft_addr *outside)
{
    uint32_t i = port - SIM_NAT_PORT;

    if (i >= world->n_mapped || !world->mapped[i].live || world->mapped[i].protocol != protocol ||
        !same_family(&world->mapped[i].addr, outside))
        return NULL;
    return &world->mapped[i];
}

/* Of errors: unreachable, time exceeded, and in IPv6 what was too big. */
static bool is_error_about_ports(const uint8_t *icmp, bool is_ip6)
{
    const uint8_t *quote = icmp + 8;
    uint8_t protocol = shape_of(quote).protocol;

    if (quote[0] >> 4 != (is_ip6 ? 6 : 4) || (!is_ip6 && (quote[0] & 15) != 5) ||
        (protocol != TCP && protocol != UDP))
        return false;
    return is_ip6 ? icmp[0] >= 1 && icmp[0] <= 3 : icmp[0] == 3 || icmp[0] == 11;
}

/* The quote of an ICMP error is of a packet that went the other way. The sum of an IPv4 header
   takes up the change of its address, so only the port changes that of the message; an IPv6 header
   has none. */
static bool translate_quote(struct sim_world *world, uint8_t *ip, size_t len, bool is_out)
{
    struct shape at = shape_of(ip);
    uint8_t *icmp = ip + at.header;
    uint8_t *quote = icmp + 8;
    uint8_t *name = quote + (is_out ? at.dst : at.src);
    uint8_t *port = quote + at.header + (is_out ? 2 : 0);
    struct ft_addr addr;
    uint16_t number;

    if (len < at.header + 8 + at.header + 8 || !is_error_about_ports(icmp, at.is_ip6))
        return false;
    addr = addr_at(name, at.is_ip6);
    number = (uint16_t)get16(port);
    if (is_out) {
        number = port_outside(world, shape_of(quote).protocol, &addr, number);
        addr = ft_sim_nat_addr(&world->plan, at.is_ip6 ? 6 : 4);
    } else {
        const struct sim_mapping *m = mapping_of(world, number, shape_of(quote).protocol, &addr);

        number = m != NULL ? m->port : 0;
        addr = m != NULL ? m->addr : addr;
    }
    if (number == 0)
        return false;
    change_addr(name, &addr, at.is_ip6 ? icmp + 2 : quote + 10, NULL);
    change(port, number, icmp + 2, NULL);
    return true;
}

bool ft_sim_nat_out(struct sim_world *world, uint8_t *ip, size_t len)
{
    struct shape at = shape_of(ip);
    struct ft_addr own = ft_sim_nat_addr(&world->plan, at.is_ip6 ? 6 : 4);
    struct ft_addr addr = addr_at(ip + at.src, at.is_ip6);
    uint8_t *l4 = ip + at.header;
    uint16_t port;

    if (at.protocol == at.icmp)
        return translate_quote(world, ip, len, true);
    if (!has_ports(ip, len))
        return false;
    port = port_outside(world, at.protocol, &addr, (uint16_t)get16(l4));
    if (port == 0 && !(at.protocol == TCP && (l4[13] & SIGHT_RST)))
        port = give_port(world, at.protocol, &addr, (uint16_t)get16(l4));
    if (port == 0)
        return false;
    rename_end(ip, ip + at.src, &own, l4, port);
    return true;
}

bool ft_sim_nat_in(struct sim_world *world, uint8_t *ip, size_t len)
{
    struct shape at = shape_of(ip);
    uint8_t *l4 = ip + at.header;
    const struct sim_mapping *m;
    struct ft_addr addr;

    if (at.protocol == at.icmp) {
        if (!translate_quote(world, ip, len, false))
            return false;
        addr = addr_at(l4 + 8 + at.src, at.is_ip6);
        change_addr(ip + at.dst, &addr, at.is_ip6 ? l4 + 2 : ip + 10, NULL);
        return true;
    }
    if (!has_ports(ip, len))
        return false;
    addr = addr_at(ip + at.dst, at.is_ip6);
    m = mapping_of(world, get16(l4 + 2), at.protocol, &addr);
    if (m == NULL)
        return false;
    rename_end(ip, ip + at.dst, &m->addr, l4 + 2, m->port);
    return true;
}

void ft_sim_nat_forget(struct sim_world *world)
{
    for (uint32_t i = 0; i < world->n_mapped; i++)
        world->mapped[i].live = false;
    for (uint32_t i = 0; i < world->plan.n_conns; i++) {
        struct sim_app *app = &world->app[2 * i];

        if (!world->plan.conn[i].mapped || app->attempts == 0 ||
            (app[0].state == SIM_APP_DONE && app[1].state == SIM_APP_DONE))
            continue;
        app[0].forgotten = true;
        app[1].forgotten = true;
        ft_sim_app_orphan(&app[1]);
    }
}
