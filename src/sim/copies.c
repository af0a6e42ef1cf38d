/* SPDX-License-Identifier: MIT */
/*
 * Copies of a datagram. The network may bring any datagram more than once, and then a socket gives
 * it more than once, too; but never more often than it has reached the host. So each one that
 * reaches a host is counted, by the number that its octets begin with: whole, or by its first
 * fragment, without which it cannot be put together.
 */
#include <string.h>

#include "priv.h"

#define ETHER      14
#define UDP        17
#define PORT_ECHO  7
#define FRAGMENT   44
#define UDP_HEADER 8

/* Where the header of UDP is. Return: 0: it is not in this frame. */
static size_t header_at(const struct sight *s, const uint8_t *ip, size_t len)
{
    size_t at = s->version == 6 ? 40 : (size_t)(ip[0] & 15) * 4;

    if (s->version == 6 && ip[6] == FRAGMENT) {
        if (len < 48 || ip[42] != 0 || (ip[43] & 0xf8) != 0)
            return 0;
        at += 8;
    } else if (s->version == 4 && ((ip[6] & 0x1f) != 0 || ip[7] != 0)) {
        return 0;
    }
    return len >= at + UDP_HEADER + 8 ? at : 0;
}

struct sim_app *ft_sim_datagram_client(struct sim_world *world, const struct ft_addr *addr,
                                       uint16_t port)
{
    struct ft_addr name = *addr;

    ft_sim_nat_inside(world, &name, &port);
    for (uint32_t i = 0; i < world->plan.n_conns; i++) {
        struct sim_app *app = &world->app[2 * i];

        if (world->plan.conn[i].kind == SIM_DATAGRAMS && app->local_port == port &&
            sim_addr_eq(&app->local, &name) && app->state == SIM_APP_OPEN)
            return app;
    }
    return NULL;
}

void ft_sim_copy_arrived(struct sim_world *world, const struct sight *s, const uint8_t *octets,
                         size_t len)
{
    const uint8_t *ip = octets + ETHER;
    size_t at = s->protocol == UDP ? header_at(s, ip, len - ETHER) : 0;
    struct sim_app *app;
    uint64_t number;
    uint16_t ports[2];

    if (at == 0)
        return;
    ports[0] = s->is_udp ? s->src_port : (uint16_t)(ip[at] << 8 | ip[at + 1]);
    ports[1] = s->is_udp ? s->dst_port : (uint16_t)(ip[at + 2] << 8 | ip[at + 3]);
    number = ft_sim_datagram_number(ip + at + UDP_HEADER);
    if (number >= SIM_DATAGRAMS_MAX)
        return;
    app = ports[1] == PORT_ECHO ? ft_sim_datagram_client(world, &s->src, ports[0])
                                : ft_sim_datagram_client(world, &s->dst, ports[1]);
    if (app == NULL)
        return;
    app += ports[1] == PORT_ECHO ? 1 : 0;
    app->copies[number]++;
    app->whole += s->is_udp ? 1 : 0;
}

void ft_sim_copy_taken(struct sim_app *app, uint64_t number)
{
    if (number < SIM_DATAGRAMS_MAX && app->copies[number]-- == 0)
        ft_sim_halt(app->world, NULL,
                    "conversation %u: %s received a datagram more often than it has arrived",
                    app->conn, app->world->host[app->host].name);
}

uint64_t ft_sim_datagram_number(const uint8_t *octets)
{
    uint64_t number = 0;

    for (int i = 0; i < 8; i++)
        number |= (uint64_t)octets[i] << (8 * i);
    return number;
}
