/* SPDX-License-Identifier: MIT */
/*
 * Socket names: who may hold one beside whom, and whose a packet is that matched no four-tuple. It
 * follows Linux's rules of SO_REUSEADDR and SO_REUSEPORT, and knows nothing of what the holders do.
 *
 * The names of a port that no packet can tell apart listen as one group. So matching costs the
 * number of different names of the port, however many sockets share one by SO_REUSEPORT.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/addr.h"
#include "base/env.h"
#include "priv.h"

#define GROUP_MIN 1u /* most names have no other that listens alike */

/* Names of a port looked at before bind() to port 0 takes it for too crowded. */
#define CROWD_MAX 16u

/* ---- who may hold a name ----------------------------------------------------------------------
 */

static bool wildcard_covers(const struct ft_name *wildcard, bool v4)
{
    /* Any of IPv4 is ::ffff:0.0.0.0, or an AF_INET socket's :: . */
    if (addr_is_v4(&wildcard->addr) || !wildcard->ipv6)
        return v4;
    return !v4 || !wildcard->v6only;
}

/* Whether a packet could be for both. */
static bool names_overlap(const struct ft_name *a, const struct ft_name *b)
{
    bool any_a = addr_is_any(&a->addr), any_b = addr_is_any(&b->addr);

    if (a->ifindex && b->ifindex && a->ifindex != b->ifindex)
        return false;
    if (!any_a && !any_b)
        return addr_eq(&a->addr, &b->addr);
    if (any_a && any_b)
        return (wildcard_covers(a, true) && wildcard_covers(b, true)) ||
               (wildcard_covers(a, false) && wildcard_covers(b, false));
    return any_a ? wildcard_covers(a, addr_is_v4(&b->addr))
                 : wildcard_covers(b, addr_is_v4(&a->addr));
}

/* Whether @name may not be held because @other is. Not even SO_REUSEADDR lets a stream's name be
   taken that somebody listens on. */
static bool names_conflict(const struct ft_name *name, const struct ft_name *other)
{
    if (!names_overlap(name, other))
        return false;
    if (name->reuse_port && other->reuse_port)
        return false;
    if (name->reuse_addr && other->reuse_addr)
        return name->protocol == IPPROTO_TCP && other->listening;
    return true;
}

/* Whether connections that hold a port may have the name's address. One address is remembered: with
   several on a port, a name is refused that Linux, who knows them all, might grant. */
static bool conns_overlap(const struct port *port, const struct ft_name *name)
{
    struct ft_name conns = {.addr = port->local};

    return port->mixed || names_overlap(name, &conns);
}

static bool port_conflicts(struct ft_names *names, const struct port *port,
                           const struct ft_name *name)
{
    if ((port->n_plain > 0 || (port->n_reuse > 0 && !name->reuse_addr)) &&
        conns_overlap(port, name))
        return true;
    if (!port->names)
        return false;
    ft_list_for_each (node, &port->names->held) {
        names->env->counters.steps_list_nodes++;
        if (names_conflict(name, ft_container_of(node, struct ft_name, node)))
            return true;
    }
    return false;
}

/* For a port that we choose, nobody at all may be in the way. */
static bool port_is_free(struct ft_names *names, const struct port *port,
                         const struct ft_name *name)
{
    uint32_t n = 0;

    if (!port)
        return true;
    if ((port->n_plain > 0 || port->n_reuse > 0) && conns_overlap(port, name))
        return false;
    if (!port->names)
        return true;
    ft_list_for_each (node, &port->names->held) {
        names->env->counters.steps_list_nodes++;
        if (++n > CROWD_MAX || names_overlap(name, ft_container_of(node, struct ft_name, node)))
            return false;
    }
    return true;
}

/* ---- groups of names that listen alike --------------------------------------------------------
 */

static bool group_fits(const struct name_group *group, const struct ft_name *name)
{
    return addr_eq(&group->addr, &name->addr) && group->ifindex == name->ifindex &&
           group->ipv6 == name->ipv6 && group->v6only == name->v6only;
}

static struct name_group *find_group(struct ft_names *names, const struct port *port,
                                     const struct ft_name *name)
{
    ft_list_for_each (node, &port->names->groups) {
        struct name_group *group = ft_container_of(node, struct name_group, node);

        names->env->counters.steps_list_nodes++;
        if (group_fits(group, name) && group->spread == name->reuse_port)
            return group;
    }
    return NULL;
}

static int group_reserve(struct ft_mem *mem, struct name_group *group)
{
    uint32_t cap = group->cap ? 2 * group->cap : GROUP_MIN;
    struct ft_name **members;

    if (group->n < group->cap)
        return 0;
    members = ft_mem_alloc(mem, cap * sizeof(struct ft_name *));
    if (!members)
        return -ENOBUFS;
    if (group->n > 0)
        memcpy(members, group->members, group->n * sizeof(struct ft_name *));
    ft_mem_free(mem, group->members, group->cap * sizeof(struct ft_name *));
    group->members = members;
    group->cap = cap;
    return 0;
}

static void group_free(struct ft_mem *mem, struct name_group *group)
{
    list_remove(&group->node);
    ft_mem_free(mem, group->members, group->cap * sizeof(struct ft_name *));
    ft_mem_free(mem, group, sizeof(*group));
}

static int group_join(struct ft_names *names, struct port *port, struct ft_name *name)
{
    struct ft_mem *mem = &names->env->mem;
    struct name_group *group = find_group(names, port, name);

    if (!group) {
        group = ft_mem_alloc(mem, sizeof(*group));
        if (!group)
            return -ENOBUFS;
        list_init(&group->node);
        group->addr = name->addr;
        group->ifindex = name->ifindex;
        group->ipv6 = name->ipv6;
        group->v6only = name->v6only;
        group->spread = name->reuse_port;
        list_push_front(&port->names->groups, &group->node);
    }
    if (group_reserve(mem, group) < 0) {
        if (group->n == 0)
            group_free(mem, group);
        return -ENOBUFS;
    }
    name->group = group;
    name->member = group->n;
    group->members[group->n++] = name;
    return 0;
}

static void group_leave(struct ft_names *names, struct ft_name *name)
{
    struct name_group *group = name->group;

    ft_assert(name->member < group->n && group->members[name->member] == name);
    group->n--;
    if (group->spread) { /* the last fills the hole; the order does not matter */
        group->members[name->member] = group->members[group->n];
        group->members[name->member]->member = name->member;
    } else {
        for (uint32_t i = name->member; i < group->n; i++) {
            names->env->counters.steps_list_nodes++;
            group->members[i] = group->members[i + 1];
            group->members[i]->member = i;
        }
    }
    name->group = NULL;
    if (group->n == 0)
        group_free(&names->env->mem, group);
}

/* ---- holding and letting go -------------------------------------------------------------------
 */

static int hold(struct ft_names *names, struct ft_name *name, uint16_t port)
{
    struct port *record = port_use(names, name->protocol, port);

    if (!record)
        return -ENOBUFS;
    if (port_make_names(names, record) < 0 ||
        (name->listening && group_join(names, record, name) < 0)) {
        port_unuse(names, record);
        return -ENOBUFS;
    }
    list_push_back(&record->names->held, &name->node);
    name->port = port;
    return 0;
}

int ft_name_bind(struct ft_names *names, struct ft_name *name, uint16_t port)
{
    const struct port *record;
    struct ft_port_walk walk;

    ft_assert(name->port == 0);
    list_init(&name->node);
    name->group = NULL;
    if (port != 0) {
        record = port_find(names, name->protocol, port);
        if (record && port_conflicts(names, record, name))
            return -EADDRINUSE;
        return hold(names, name, port);
    }
    ft_port_walk_begin(names->env, &walk);
    while (ft_port_walk_next(&walk, &port)) {
        names->env->counters.steps_list_nodes++;
        if (port_is_free(names, port_find(names, name->protocol, port), name))
            return hold(names, name, port);
    }
    return -EADDRINUSE;
}

void ft_name_release(struct ft_names *names, struct ft_name *name)
{
    struct port *port;

    if (name->port == 0)
        return;
    port = port_find(names, name->protocol, name->port);
    ft_assert(port);
    if (name->group)
        group_leave(names, name);
    list_remove(&name->node);
    name->port = 0;
    name->listening = false;
    port_unuse(names, port);
}

int ft_name_listen(struct ft_names *names, struct ft_name *name)
{
    struct port *port;

    ft_assert(name->port != 0);
    if (name->listening)
        return 0;
    port = port_find(names, name->protocol, name->port);
    ft_assert(port);
    if (name->protocol == IPPROTO_TCP) {
        ft_list_for_each (node, &port->names->held) {
            const struct ft_name *other = ft_container_of(node, struct ft_name, node);

            names->env->counters.steps_list_nodes++;
            if (other != name && names_conflict(name, other))
                return -EADDRINUSE;
        }
    }
    names->n_changes++;
    if (group_join(names, port, name) < 0)
        return -ENOBUFS;
    name->listening = true;
    return 0;
}

void ft_name_unlisten(struct ft_names *names, struct ft_name *name)
{
    names->n_changes++;
    if (name->group)
        group_leave(names, name);
    name->listening = false;
}

/* ---- whose a packet is ------------------------------------------------------------------------
 */

/* How well a group fits a packet; 0: not at all. */
static uint32_t group_score(const struct name_group *group, const struct ft_addr *addr, int ifindex)
{
    bool v4 = addr_is_v4(addr);
    uint32_t score = 1;

    if (group->ifindex && (int)group->ifindex != ifindex)
        return 0;
    if (addr_eq(&group->addr, addr))
        score += 8;
    else if (!addr_is_any(&group->addr))
        return 0;
    else if (addr_is_v4(&group->addr) || !group->ipv6 ? !v4 : v4 && group->v6only)
        return 0;
    if (group->ifindex)
        score += 4;
    if (group->ipv6 == !v4)
        score += 2;
    return score;
}

struct ft_name *ft_name_match(struct ft_names *names, uint8_t protocol, const struct ft_addr *addr,
                              uint16_t port, int ifindex, uint64_t hash)
{
    const struct port *record = port_find(names, protocol, port);
    const struct name_group *best = NULL;
    uint32_t best_score = 0;

    if (!record || !record->names)
        return NULL;
    ft_list_for_each (node, &record->names->groups) {
        const struct name_group *group = ft_container_of(node, struct name_group, node);
        uint32_t score = group_score(group, addr, ifindex);

        names->env->counters.steps_list_nodes++;
        if (score > best_score) {
            best_score = score;
            best = group;
        }
    }
    if (!best)
        return NULL;
    return best->members[best->spread ? (hash >> 32) * best->n >> 32 : best->n - 1];
}

struct ft_name *ft_name_match_next(struct ft_names *names, uint8_t protocol,
                                   const struct ft_addr *addr, uint16_t port, int ifindex,
                                   struct ft_name *last)
{
    const struct port *record = port_find(names, protocol, port);
    const struct ft_list *node;

    if (!record || !record->names)
        return NULL;
    if (last && last->member + 1 < last->group->n)
        return last->group->members[last->member + 1];
    node = last ? last->group->node.next : record->names->groups.next;
    for (; node != &record->names->groups; node = node->next) {
        const struct name_group *group = ft_container_of(node, struct name_group, node);

        names->env->counters.steps_list_nodes++;
        if (group_score(group, addr, ifindex) > 0)
            return group->members[0];
    }
    return NULL;
}

/* ---- life -------------------------------------------------------------------------------------
 */

struct ft_names *ft_names_new(struct ft_env *env)
{
    struct ft_names *names = ft_mem_alloc(&env->mem, sizeof(*names));

    if (names)
        names->env = env;
    return names;
}

void ft_names_free(struct ft_names *names)
{
    if (!names)
        return;
    for (uint32_t i = 0; i < PORT_PAGES; i++)
        ft_assert(!names->pages[0][i] && !names->pages[1][i]);
    ft_mem_free(&names->env->mem, names, sizeof(*names));
}

static void check_port(const struct port *port)
{
    uint32_t n_listening = 0, n_members = 0;

    ft_assert(port->names || port->n_reuse > 0 || port->n_plain > 0);
    if (!port->names)
        return;
    ft_assert(!list_empty(&port->names->held));
    ft_list_for_each (node, &port->names->held) {
        const struct ft_name *name = ft_container_of(node, struct ft_name, node);

        ft_assert(name->port == port->port && name->protocol == port->protocol);
        ft_assert(name->listening == (name->group != NULL));
        n_listening += name->listening;
    }
    ft_list_for_each (node, &port->names->groups) {
        const struct name_group *group = ft_container_of(node, struct name_group, node);

        ft_assert(group->n > 0 && group->n <= group->cap);
        for (uint32_t i = 0; i < group->n; i++) {
            ft_assert(group->members[i]->group == group);
            ft_assert(group->members[i]->member == i);
            ft_assert(group_fits(group, group->members[i]));
        }
        n_members += group->n;
    }
    ft_assert(n_listening == n_members);
}

static void check_page(const struct port_page *page, uint32_t first)
{
    uint32_t n = 0;

    ft_assert(page->n > 0);
    for (uint32_t k = 0; k < PORT_PAGE_LEN; k++)
        n += page->ports[k] != NULL;
    ft_assert(n == page->n);
    for (uint32_t k = 0; n > 0; k++) {
        if (!page->ports[k])
            continue;
        ft_assert(page->ports[k]->port == (first | k));
        check_port(page->ports[k]);
        n--;
    }
}

void ft_names_check(const struct ft_names *names)
{
    for (uint32_t i = 0; i < 2 * PORT_PAGES; i++) {
        const struct port_page *page = names->pages[i / PORT_PAGES][i % PORT_PAGES];

        if (page)
            check_page(page, i % PORT_PAGES << PORT_PAGE_SHIFT);
    }
}

void ft_names_check_changes(struct ft_names *names)
{
    if (names->n_checked == names->n_changes)
        return;
    ft_names_check(names);
    names->n_checked = names->n_changes;
}
