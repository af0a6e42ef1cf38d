/* SPDX-License-Identifier: MIT */
/*
 * The hosts of a world that a program builds: names, addresses, applications, and how they crash
 * and come up again. The stack, its card and its frames are host.c's.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "diag/addr.h"
#include "diag/pcapng.h"
#include "lib_priv.h"

#define DRAW_HOST   3001 /* purpose of a random stream */
#define MTU_DEFAULT 1500
#define MTU_MAX     9000
#define MTU_MIN     68
#define MTU_MIN6    1280 /* RFC 8200 5 */

struct sim_host *lib_host(const struct ft_sim_host *host)
{
    return &host->sim->world->host[host->index];
}

/* ---- addresses ---- */

static bool is_taken(const struct ft_sim *sim, const struct ft_addr *addr)
{
    for (uint32_t i = 0; i < sim->world->plan.n_hosts; i++) {
        for (uint32_t k = 0; k < sim->host[i].n_addrs; k++) {
            if (sim_addr_eq(&sim->host[i].addr[k].addr, addr))
                return true;
        }
    }
    return false;
}

static int read_addrs(struct ft_sim_host *host, const char *text)
{
    for (;;) {
        struct lib_addr addr;
        char word[ADDR_TEXT_MAX];
        size_t len;

        text += strspn(text, " \t");
        len = strcspn(text, " \t");
        if (len == 0)
            return 0;
        if (len >= sizeof(word) || host->n_addrs == LIB_ADDRS_MAX)
            return -EINVAL;
        memcpy(word, text, len);
        word[len] = '\0';
        if (addr_parse_cidr(word, &addr.addr, &addr.prefix_len) != 0)
            return -EINVAL;
        host->addr[host->n_addrs++] = addr;
        text += len;
    }
}

static void usual_addrs(struct ft_sim_host *host, uint32_t mtu)
{
    uint32_t n = host->index + 1;

    host->addr[0] = (struct lib_addr){addr_from_ip4(UINT32_C(0x0a090000) + n), 24};
    host->addr[1] = (struct lib_addr){{UINT64_C(0xfd09) << 48, n}, 64};
    host->n_addrs = mtu >= MTU_MIN6 ? 2 : 1;
}

static int check_addrs(const struct ft_sim_host *host, uint32_t mtu)
{
    for (uint32_t i = 0; i < host->n_addrs; i++) {
        if (!addr_is_ip4(&host->addr[i].addr) && mtu < MTU_MIN6)
            return -EINVAL;
        if (is_taken(host->sim, &host->addr[i].addr))
            return -EEXIST;
        for (uint32_t k = 0; k < i; k++) {
            if (sim_addr_eq(&host->addr[i].addr, &host->addr[k].addr))
                return -EEXIST;
        }
    }
    return 0;
}

int ft_sim_lib_addresses(struct ft_sim *sim, struct sim_host *host)
{
    const struct ft_sim_host *own = &sim->host[host->index];
    struct ft_addr link_local = {UINT64_C(0xfe80) << 48, host->index + 1};
    int error = 0;

    if (sim->world->plan.host[host->index].mtu >= MTU_MIN6)
        error = ft_addr_add(host->stack, host->ifindex, &link_local, 64, 0);
    for (uint32_t i = 0; i < own->n_addrs && error == 0; i++)
        error =
            ft_addr_add(host->stack, host->ifindex, &own->addr[i].addr, own->addr[i].prefix_len, 0);
    return error;
}

socklen_t ft_sim_sockaddr(const struct ft_sim_host *host, int family, uint16_t port,
                          struct sockaddr_storage *ret_addr)
{
    for (uint32_t i = 0; i < host->n_addrs; i++) {
        const struct ft_addr *addr = &host->addr[i].addr;

        if (addr_is_ip4(addr) == (family == AF_INET) && (family == AF_INET || family == AF_INET6))
            return addr_to_sockaddr(addr, port, family, 0, ret_addr);
    }
    return 0;
}

/* ---- hosts ---- */

int ft_sim_host_add(struct ft_sim *sim, const char *name, const char *addrs, uint32_t mtu,
                    struct ft_sim_host **ret_host)
{
    struct sim_world *world = sim->world;
    uint32_t index = world->plan.n_hosts;
    struct ft_sim_host *host = &sim->host[index];
    int error = lib_check_name(sim, name);

    if (error != 0)
        return error;
    if (index == SIM_HOSTS_MAX)
        return -ENOSPC;
    if (mtu == 0)
        mtu = MTU_DEFAULT;
    if (mtu < MTU_MIN || mtu > MTU_MAX)
        return -EINVAL;
    memset(host, 0, sizeof(*host));
    host->sim = sim;
    host->index = index;
    error = addrs == NULL ? 0 : read_addrs(host, addrs);
    if (error == 0 && host->n_addrs == 0)
        usual_addrs(host, mtu);
    if (error == 0)
        error = check_addrs(host, mtu);
    if (error != 0)
        return error;
    sim_rand_init(&host->rand, sim->config.seed, DRAW_HOST, index);
    memset(&world->plan.host[index], 0, sizeof(world->plan.host[index]));
    world->plan.host[index].mtu = mtu;
    world->plan.host[index].if_flags = FT_IF_NO_DAD;
    (void)snprintf(world->host[index].name, SIM_NAME_MAX, "%s", name);
    error = ft_sim_host_new(world, index);
    if (error != 0) {
        ft_sim_host_crash(world, &world->host[index]);
        memset(&world->host[index], 0, sizeof(world->host[index]));
        return error;
    }
    if ((int)strlen(name) > world->name_width)
        world->name_width = (int)strlen(name);
    if (world->pcap != NULL)
        world->host[index].pcap_if = (int)pcapng_interface(world->pcap, name, PCAPNG_ETHER, mtu);
    world->plan.n_hosts++;
    ft_advance(world->host[index].stack, world->now);
    *ret_host = host;
    return 0;
}

struct ft_sim_host *ft_sim_host_find(struct ft_sim *sim, const char *name)
{
    struct sim_end end;

    if (!lib_find(sim, name, &end) || !end.is_host)
        return NULL;
    return &sim->host[end.index];
}

const char *ft_sim_host_name(const struct ft_sim_host *host)
{
    return lib_host(host)->name;
}

struct ft_sim *ft_sim_world(const struct ft_sim_host *host)
{
    return host->sim;
}

struct ft_stack *ft_sim_stack(const struct ft_sim_host *host)
{
    return lib_host(host)->stack;
}

uint32_t ft_sim_boots(const struct ft_sim_host *host)
{
    return lib_host(host)->boots;
}

void lib_advance(struct ft_sim *sim)
{
    struct sim_world *world = sim->world;

    for (uint32_t i = 0; i < world->plan.n_hosts; i++) {
        if (world->host[i].stack != NULL)
            ft_advance(world->host[i].stack, world->now);
    }
}

void lib_run_host(struct ft_sim_host *host)
{
    struct ft_sim *sim = host->sim;

    if (!host->has_cable && lib_plug_rest(sim) != 0)
        ft_sim_fail(sim, "no switch is left that %s could be plugged into", ft_sim_host_name(host));
    if (!sim->world->failed)
        ft_sim_host_run(sim->world, lib_host(host));
}

void lib_run_hosts(struct ft_sim *sim)
{
    for (uint32_t i = 0; i < sim->world->plan.n_hosts && !sim->world->failed; i++)
        lib_run_host(&sim->host[i]);
}

/* ---- applications ---- */

int ft_sim_app_add(struct ft_sim_host *host, const struct ft_sim_app *app)
{
    if (app->start == NULL && app->crash == NULL)
        return -EINVAL;
    if (host->n_apps == FT_SIM_APPS_MAX)
        return -ENOSPC;
    host->app[host->n_apps] = *app;
    host->started[host->n_apps] = 0;
    lib_post(host->sim, LIB_START, host->index << 8 | host->n_apps);
    host->n_apps++;
    return 0;
}

void lib_start(struct ft_sim *sim, uint32_t index, uint32_t number)
{
    struct ft_sim_host *host = &sim->host[index];
    const struct ft_sim_app *app = &host->app[number];

    if (lib_host(host)->stack == NULL || host->started[number] == lib_host(host)->boots)
        return;
    host->started[number] = lib_host(host)->boots;
    if (app->start == NULL)
        return;
    ft_advance(lib_host(host)->stack, sim->world->now);
    sim->in_callback++;
    app->start(host, app->ctx);
    sim->in_callback--;
    lib_run_host(host);
}

bool ft_sim_lib_poll(struct ft_sim *sim, struct sim_host *host)
{
    struct ft_event event;
    const struct ft_sim_watch *watch;

    /* One at a time: after ft_close() in a callback no event of that socket may come. */
    if (ft_events(host->stack, &event, 1) == 0)
        return false;
    lib_tick(sim);
    watch = event.user;
    if (watch == NULL || watch->ready == NULL) {
        ft_sim_fail(sim, "%s watches a socket without a struct ft_sim_watch", host->name);
        return false;
    }
    sim->in_callback++;
    watch->ready(&sim->host[host->index], event.sock, event.mask, watch->ctx);
    sim->in_callback--;
    return true;
}

/* ---- crashes ---- */

void ft_sim_crash(struct ft_sim_host *host)
{
    lib_post(host->sim, LIB_CRASH, host->index);
}

void ft_sim_restart(struct ft_sim_host *host)
{
    lib_post(host->sim, LIB_RESTART, host->index);
}

void lib_crash(struct ft_sim *sim, uint32_t index)
{
    struct ft_sim_host *host = &sim->host[index];

    if (lib_host(host)->stack == NULL)
        return;
    lib_tell(sim, index, "crashes");
    lib_forget_timers(sim, host);
    ft_sim_host_crash(sim->world, lib_host(host));
    sim->in_callback++;
    for (uint32_t i = 0; i < host->n_apps; i++) {
        if (host->app[i].crash != NULL && host->started[i] == lib_host(host)->boots)
            host->app[i].crash(host, host->app[i].ctx);
    }
    sim->in_callback--;
}

void lib_restart(struct ft_sim *sim, uint32_t index)
{
    struct ft_sim_host *host = &sim->host[index];

    if (lib_host(host)->stack != NULL)
        return;
    if (ft_sim_host_boot(sim->world, lib_host(host)) != 0) {
        ft_sim_fail(sim, "%s cannot come up: no memory", ft_sim_host_name(host));
        return;
    }
    lib_tell(sim, index, "comes up again");
    for (uint32_t i = 0; i < host->n_apps && !sim->world->failed; i++)
        lib_start(sim, index, i);
    lib_run_host(host);
}
