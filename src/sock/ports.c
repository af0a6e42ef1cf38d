/* SPDX-License-Identifier: MIT */
/*
 * Ports in use: one record for each, found through 256 pages of 256, and the choice of ephemeral
 * ports. It knows who holds a port only by count. RFC 6056 3.3.
 *
 * An ephemeral port is found by a walk from a random start with a random stride that reaches each
 * port once. So no port can be guessed from others, and the ports in use do not clump as they would
 * behind a walk to the next: when nineteen of twenty are taken, twenty are tried on average.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/addr.h"
#include "base/env.h"
#include "priv.h"

static struct port_page *const *page_of(const struct ft_names *names, uint8_t protocol,
                                        uint16_t port)
{
    ft_assert(protocol == IPPROTO_TCP || protocol == IPPROTO_UDP);
    return &names->pages[protocol == IPPROTO_UDP][port >> PORT_PAGE_SHIFT];
}

struct port *port_find(const struct ft_names *names, uint8_t protocol, uint16_t port)
{
    const struct port_page *page = *page_of(names, protocol, port);

    return page ? page->ports[port & (PORT_PAGE_LEN - 1)] : NULL;
}

struct port *port_use(struct ft_names *names, uint8_t protocol, uint16_t port)
{
    struct port *record = port_find(names, protocol, port);
    struct port_page *page = *page_of(names, protocol, port);
    struct port_page *new_page = NULL;

    names->n_changes++;
    if (record)
        return record;
    if (!page) {
        page = new_page = ft_mem_alloc(&names->env->mem, sizeof(*page));
        if (!page)
            return NULL;
    }
    record = ft_mem_alloc(&names->env->mem, sizeof(*record));
    if (!record) {
        ft_mem_free(&names->env->mem, new_page, sizeof(*new_page));
        return NULL;
    }
    names->pages[protocol == IPPROTO_UDP][port >> PORT_PAGE_SHIFT] = page;
    record->port = port;
    record->protocol = protocol;
    page->ports[port & (PORT_PAGE_LEN - 1)] = record;
    page->n++;
    return record;
}

int port_make_names(struct ft_names *names, struct port *port)
{
    if (port->names)
        return 0;
    port->names = ft_mem_alloc(&names->env->mem, sizeof(*port->names));
    if (!port->names)
        return -ENOBUFS;
    list_init(&port->names->held);
    list_init(&port->names->groups);
    return 0;
}

static void drop_names(struct ft_names *names, struct port *port)
{
    ft_assert(list_empty(&port->names->groups));
    ft_mem_free(&names->env->mem, port->names, sizeof(*port->names));
    port->names = NULL;
}

void port_unuse(struct ft_names *names, struct port *port)
{
    struct port_page **at =
        &names->pages[port->protocol == IPPROTO_UDP][port->port >> PORT_PAGE_SHIFT];
    struct port_page *page = *at;

    names->n_changes++;
    if (port->names && list_empty(&port->names->held))
        drop_names(names, port);
    if (port->names || port->n_reuse > 0 || port->n_plain > 0)
        return;
    ft_assert(page->n > 0);
    page->ports[port->port & (PORT_PAGE_LEN - 1)] = NULL;
    ft_mem_free(&names->env->mem, port, sizeof(*port));
    if (--page->n > 0)
        return;
    ft_mem_free(&names->env->mem, page, sizeof(*page));
    *at = NULL;
}

int ft_port_hold(struct ft_names *names, uint8_t protocol, const struct ft_addr *local,
                 uint16_t port, bool reuse)
{
    struct port *record = port_use(names, protocol, port);

    if (!record)
        return -ENOBUFS;
    if (record->n_reuse == 0 && record->n_plain == 0) {
        record->local = *local;
        record->mixed = false;
    } else if (!addr_eq(&record->local, local)) {
        record->mixed = true;
    }
    if (reuse)
        record->n_reuse++;
    else
        record->n_plain++;
    return 0;
}

void ft_port_drop(struct ft_names *names, uint8_t protocol, uint16_t port, bool reuse)
{
    struct port *record = port_find(names, protocol, port);

    ft_assert(record);
    ft_assert(reuse ? record->n_reuse > 0 : record->n_plain > 0);
    if (reuse)
        record->n_reuse--;
    else
        record->n_plain--;
    port_unuse(names, record);
}

static uint32_t greatest_common_divisor(uint32_t a, uint32_t b)
{
    while (b != 0) {
        uint32_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

void ft_port_walk_begin(struct ft_env *env, struct ft_port_walk *walk)
{
    const struct ft_config *config = &env->config;
    uint32_t n_shards = config->n_shards ? config->n_shards : 1;
    uint32_t min = config->port_min ? config->port_min : 1;

    /* A shard has the ports that leave its number as the rest. */
    walk->step = n_shards;
    walk->first = min + (config->shard % n_shards + n_shards - min % n_shards) % n_shards;
    walk->n = walk->first > config->port_max ? 0 : (config->port_max - walk->first) / n_shards + 1;
    walk->n_left = walk->n;
    walk->at = 0;
    walk->stride = 1;
    if (walk->n <= 1)
        return;
    walk->at = ft_rng_below(&env->rng, walk->n);
    do
        walk->stride = 1 + ft_rng_below(&env->rng, walk->n - 1);
    while (greatest_common_divisor(walk->n, walk->stride) != 1);
}

bool ft_port_walk_next(struct ft_port_walk *walk, uint16_t *ret_port)
{
    if (walk->n_left == 0)
        return false;
    walk->n_left--;
    *ret_port = (uint16_t)(walk->first + walk->at * walk->step);
    walk->at = (walk->at + walk->stride) % walk->n;
    return true;
}

bool ft_port_named(const struct ft_names *names, uint8_t protocol, uint16_t port)
{
    const struct port *record = port_find(names, protocol, port);

    names->env->counters.steps_list_nodes++;
    return record && record->names;
}
