/* SPDX-License-Identifier: MIT */
/*
 * The addresses of a run: PROGRAM starts when they can be used, and the interfaces that it sees
 * bear just those that the stack has, with the routers that it sends by, whoever gave them (--addr,
 * a choice of ours, a router's advertisement). What changes later is shown within a moment.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fourtuple.h>

#include "host/conf.h"
#include "host/loop.h"
#include "host/say.h"
#include "priv.h"
#include "run.h"
#include "sandbox.h"
#include "spawn.h"

#define ADDRS_MAX  32 /* on one interface */
#define ROUTES_MAX 64 /* of all, that are looked through for routers */
#define LOOK_AGAIN (250 * FT_MS)

struct shown_list {
    struct sandbox_addr addrs[ADDRS_MAX];
    unsigned n;
};

struct shown {
    struct shown_list addrs, gateways;
};

typedef int show_fn(int rtnl, int ifindex, const struct sandbox_addr *addr, bool there);

void addresses_octets(const struct ft_addr *addr, struct sandbox_addr *ret)
{
    bool is4 = addr->hi == 0 && addr->lo >> 32 == 0xffff;
    unsigned first = is4 ? 12 : 0;

    memset(ret, 0, sizeof(*ret));
    ret->family = is4 ? AF_INET : AF_INET6;
    for (unsigned i = first; i < 16; i++)
        ret->octets[i - first] = (uint8_t)((i < 8 ? addr->hi : addr->lo) >> (56 - 8 * (i % 8)));
}

static void say_addresses(const struct conf *conf)
{
    for (unsigned i = 0; i < conf->n_nets; i++) {
        const struct conf_net *net = &conf->nets[i];

        for (unsigned k = 0; k < net->n_addrs; k++) {
            struct sandbox_addr addr;
            char text[64] = "";

            addresses_octets(&net->addrs[k].addr, &addr);
            (void)inet_ntop(addr.family, addr.octets, text, sizeof(text));
            fprintf(stderr, "fourtuple: %s: %s has %s/%u on %s\n", conf->name, net->if_name, text,
                    net->addrs[k].prefix_len, net->named ? net->what : "a private wire");
        }
    }
}

/* --- what the stack has
 * -------------------------------------------------------------------------*/

static void addrs_of_stack(const struct run *run, int ifindex, struct shown_list *ret)
{
    struct ft_addr_info infos[ADDRS_MAX];
    int n = ft_addrs(run->stack, ifindex, infos, ADDRS_MAX);

    ret->n = 0;
    for (int i = 0; i < n && i < ADDRS_MAX; i++) {
        struct sandbox_addr *addr = &ret->addrs[ret->n];

        if (infos[i].state == FT_ADDR_TENTATIVE || infos[i].state == FT_ADDR_DUPLICATE)
            continue;
        addresses_octets(&infos[i].addr, addr);
        addr->prefix_len = infos[i].prefix_len;
        addr->deprecated = infos[i].state == FT_ADDR_DEPRECATED;
        ret->n++;
    }
}

static bool is_default(const struct ft_route_config *route)
{
    return route->prefix_len == 0 && (route->gateway.hi != 0 || route->gateway.lo != 0);
}

static void gateways_of_stack(const struct run *run, int ifindex, struct shown_list *ret)
{
    struct ft_route_config routes[ROUTES_MAX];
    int n = ft_routes(run->stack, routes, ROUTES_MAX);

    ret->n = 0;
    for (int i = 0; i < n && i < ROUTES_MAX && ret->n < ADDRS_MAX; i++) {
        struct sandbox_addr *gateway = &ret->addrs[ret->n];

        if (routes[i].ifindex != ifindex || !is_default(&routes[i]))
            continue;
        addresses_octets(&routes[i].gateway, gateway);
        gateway->metric = routes[i].metric;
        ret->n++;
    }
}

/* --- what the program sees
 * ----------------------------------------------------------------------*/

static bool is_in(const struct shown_list *list, const struct sandbox_addr *addr, bool exactly)
{
    for (unsigned i = 0; i < list->n; i++) {
        const struct sandbox_addr *one = &list->addrs[i];

        if (one->family == addr->family && one->prefix_len == addr->prefix_len &&
            one->metric == addr->metric && memcmp(one->octets, addr->octets, 16) == 0)
            return !exactly || one->deprecated == addr->deprecated;
    }
    return false;
}

/* Make what is shown what is wanted. Only for IPv4 is a refusal an error: the kernel may be without
   IPv6, and the program may have changed interfaces of its own namespace. */
static int show(const struct run *run, int ifindex, show_fn *fn, struct shown_list *shown,
                const struct shown_list *wanted)
{
    int rc = 0;

    for (unsigned i = 0; i < shown->n; i++) {
        if (!is_in(wanted, &shown->addrs[i], false))
            (void)fn(run->rtnl, ifindex, &shown->addrs[i], false);
    }
    for (unsigned i = 0; i < wanted->n; i++) {
        int error = is_in(shown, &wanted->addrs[i], true)
                        ? 0
                        : fn(run->rtnl, ifindex, &wanted->addrs[i], true);

        if (error < 0 && wanted->addrs[i].family == AF_INET)
            rc = error;
    }
    *shown = *wanted;
    return rc;
}

/* Addresses come before the routers that are reached by them. */
static int show_all(struct run *run)
{
    const struct conf *conf = run->options->conf;
    int rc = 0;

    if (!run->shown)
        run->shown = calloc(conf->n_nets, sizeof(*run->shown));
    if (!run->shown)
        return -ENOMEM;
    for (unsigned i = 0; i < conf->n_nets && rc == 0; i++) {
        int ifindex = conf->nets[i].ifindex;
        struct shown_list wanted;

        addrs_of_stack(run, ifindex, &wanted);
        rc = show(run, ifindex, netif_addr, &run->shown[i].addrs, &wanted);
        gateways_of_stack(run, ifindex, &wanted);
        (void)show(run, ifindex, netif_gateway, &run->shown[i].gateways, &wanted);
    }
    return rc;
}

static int fail(struct run *run, int error, const char *text)
{
    host_say("%s", text);
    run->failure = RUN_FAILED;
    return error;
}

int addresses_check(struct run *run)
{
    char text[CONF_ERR_MAX];
    ft_time now = run_now();
    int rc;

    if (run->failure || run->ended)
        return 0;
    if (run->going && now < run->addresses_at) {
        host_wake_at(run->host, run->addresses_at);
        return 0;
    }
    run->addresses_at = now + LOOK_AGAIN;
    rc = conf_ready(run->options->conf, run->host, text);
    if (rc < 0)
        return fail(run, rc, text);
    if (rc == 0 && !run->going)
        return 0;
    rc = show_all(run);
    if (rc < 0 && !run->going) {
        (void)snprintf(text, sizeof(text), "addresses cannot be shown to the program: %s",
                       strerror(-rc));
        return fail(run, rc, text);
    }
    if (!run->going) {
        run->going = true;
        if (run->options->verbose)
            say_addresses(run->options->conf);
        spawn_go(run->control);
    }
    return 0;
}
