/* SPDX-License-Identifier: MIT */
/*
 * A NAT in one of the routers: who is behind it has the router's address outside, and a port that
 * is given to each port inside when it first sends. It may forget them all: then nothing comes in
 * any more, and what goes out gets another name, which its peer has never heard of. Checksums are
 * adjusted, never made: what is damaged stays damaged (RFC 3022 4.2). Fragments do not pass.
 */
#include <string.h>

#include "priv.h"

#define ICMP 1
#define TCP  6
#define UDP  17

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

static void change_addr(uint8_t *at, const struct ft_addr *addr, uint8_t *sum, uint8_t *other)
{
    change(at, (uint32_t)addr->lo >> 16, sum, other);
    change(at + 2, (uint32_t)addr->lo & 0xffff, sum, other);
}

static struct ft_addr addr_at(const uint8_t *p)
{
    return (struct ft_addr){0, UINT64_C(0xffff00000000) | get16(p) << 16 | get16(p + 2)};
}

static bool same_addr(const struct ft_addr *a, const struct ft_addr *b)
{
    return a->hi == b->hi && a->lo == b->lo;
}

struct ft_addr ft_sim_nat_addr(const struct sim_plan *plan)
{
    return ft_sim_addr(plan, plan->lan[plan->nat].parent, 4, ft_sim_router_number(plan->nat - 1));
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
    own = ft_sim_nat_addr(&world->plan);
    if (!same_addr(addr, &own))
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

        if (m->live && m->protocol == protocol && m->port == port && same_addr(&m->addr, addr))
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

static bool has_ports(const uint8_t *ip, size_t len)
{
    return (ip[0] & 15) == 5 && (get16(ip + 6) & 0x3fff) == 0 &&
           ((ip[9] == TCP && len >= 40) || (ip[9] == UDP && len >= 28));
}

/* The quote of an ICMP error is of a packet that went the other way. The sums of its own header
   cancel out, so only the port changes that of the message. */
static bool translate_quote(struct sim_world *world, uint8_t *ip, size_t len, bool is_out)
{
    uint8_t *icmp = ip + 20;
    uint8_t *quote = icmp + 8;
    uint8_t *name = quote + (is_out ? 16 : 12);
    uint8_t *port = quote + (is_out ? 22 : 20);
    struct ft_addr addr;
    uint16_t number;

    if (len < 20 + 8 + 28 || (icmp[0] != 3 && icmp[0] != 11) || (quote[0] & 15) != 5 ||
        (quote[9] != TCP && quote[9] != UDP))
        return false;
    addr = addr_at(name);
    number = (uint16_t)get16(port);
    if (is_out) {
        number = port_outside(world, quote[9], &addr, number);
        addr = ft_sim_nat_addr(&world->plan);
    } else {
        uint32_t i = (uint32_t)number - SIM_NAT_PORT;

        number = i < world->n_mapped && world->mapped[i].live ? world->mapped[i].port : 0;
        addr = i < world->n_mapped ? world->mapped[i].addr : addr;
    }
    if (number == 0)
        return false;
    change_addr(name, &addr, quote + 10, NULL);
    change(port, number, icmp + 2, NULL);
    return true;
}

bool ft_sim_nat_out(struct sim_world *world, uint8_t *ip, size_t len)
{
    struct ft_addr own = ft_sim_nat_addr(&world->plan);
    struct ft_addr addr = addr_at(ip + 12);
    uint16_t port;

    if (ip[9] == ICMP)
        return translate_quote(world, ip, len, true);
    if (!has_ports(ip, len))
        return false;
    port = port_outside(world, ip[9], &addr, (uint16_t)get16(ip + 20));
    if (port == 0 && !(ip[9] == TCP && (ip[33] & SIGHT_RST)))
        port = give_port(world, ip[9], &addr, (uint16_t)get16(ip + 20));
    if (port == 0)
        return false;
    change_addr(ip + 12, &own, ip + 10, sum_of(ip + 20, ip[9]));
    change(ip + 20, port, sum_of(ip + 20, ip[9]), NULL);
    return true;
}

bool ft_sim_nat_in(struct sim_world *world, uint8_t *ip, size_t len)
{
    const struct sim_mapping *m;
    struct ft_addr addr;
    uint32_t i;

    if (ip[9] == ICMP) {
        if (!translate_quote(world, ip, len, false))
            return false;
        addr = addr_at(ip + 20 + 8 + 12);
        change_addr(ip + 16, &addr, ip + 10, NULL);
        return true;
    }
    if (!has_ports(ip, len))
        return false;
    i = get16(ip + 22) - SIM_NAT_PORT;
    if (i >= world->n_mapped)
        return false;
    m = &world->mapped[i];
    if (!m->live || m->protocol != ip[9])
        return false;
    change_addr(ip + 16, &m->addr, ip + 10, sum_of(ip + 20, ip[9]));
    change(ip + 22, m->port, sum_of(ip + 20, ip[9]), NULL);
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
    }
}
