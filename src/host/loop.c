/* SPDX-License-Identifier: MIT */
/*
 * The loop of a host over epoll. Nothing here spins: a round sleeps until a descriptor is ready or
 * the earliest of the deadlines (the stack's, the cables', the owner's) has come.
 */
#include "host/loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "host/priv.h"
#include "host/say.h"
#include "link/loop.h"

#define LOOPBACK_BUDGET 1024
#define EVENT_BATCH     64
#define EVENT_BATCHES   64 /* in one round */
#define IDLE_ROUNDS_MAX 64
#define IDLE_SLEEP      FT_MS

static ft_time read_clock(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* always there */
    return (ft_time)now.tv_sec * FT_SEC + (ft_time)now.tv_nsec;
}

int host_new(const struct ft_config *config, const struct host_hooks *hooks, struct host **ret_host)
{
    struct host *host = calloc(1, sizeof(*host));
    int error = -ENOMEM;

    if (host == NULL)
        return -ENOMEM;
    host->hooks = *hooks;
    host->wake_at = FT_TIME_NEVER;
    host->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (host->epoll < 0) {
        error = -errno;
        goto fail;
    }
    host->buffers = malloc((size_t)LINK_BATCH * HOST_FRAME_MAX);
    if (host->buffers == NULL)
        goto fail;
    error = ft_stack_new(config, &host->stack);
    if (error == 0 && hooks->record != NULL)
        error = ft_record_start(host->stack, hooks->record);
    if (error != 0)
        goto fail;
    host->now = read_clock();
    ft_advance(host->stack, host->now);
    host->loopback = link_loop_new(host->stack, &host->loop);
    if (host->loopback < 0) {
        error = host->loopback;
        goto fail;
    }
    *ret_host = host;
    return 0;
fail:
    host_free(host);
    return error;
}

void host_free(struct host *host)
{
    if (host == NULL)
        return;
    for (unsigned i = 0; i < host->n_ports; i++)
        port_fini(&host->ports[i]);
    port_close_captures(host);
    link_loop_free(host->loop);
    ft_stack_free(host->stack);
    if (host->epoll >= 0)
        (void)close(host->epoll); /* holds nothing that could be lost */
    free(host->buffers);
    free(host);
}

struct ft_stack *host_stack(struct host *host)
{
    return host->stack;
}

ft_time host_now(struct host *host)
{
    if (!host->in_round)
        host->now = read_clock();
    return host->now;
}

/* --- links ---------------------------------------------------------------------------------- */

static void link_ready(struct host *host, struct host_fd *watch, uint32_t events)
{
    struct port *port = watch->ctx;

    (void)host;
    if ((events & EPOLLOUT) != 0)
        port->link->want_write = false;
    if ((events & ~(uint32_t)EPOLLOUT) != 0)
        port->ready = true;
}

static int add_interface(struct host *host, struct link *link,
                         const struct host_link_config *config, uint32_t mtu)
{
    struct ft_if_config interface = {
        .size = sizeof(interface),
        .type = link->type,
        .mtu = mtu,
        .flags = config->if_flags,
        .ifindex = config->ifindex,
    };

    memcpy(interface.name, config->name, sizeof(interface.name));
    memcpy(interface.mac, config->mac, sizeof(interface.mac));
    /* A cable can do nothing with half-made packets. */
    if (!impair_is_set(&config->impair)) {
        interface.flags |= link->if_flags;
        interface.gso_max = link->gso_max;
    }
    return ft_if_add(host->stack, &interface);
}

static void set_cable(struct host *host, struct port *port, const struct impair_config *config)
{
    struct impair_config cable = *config;
    uint64_t stream = 2 * (uint64_t)host->n_ports;

    if (!impair_is_set(config))
        return;
    cable.l2_len = port->link->type == FT_IF_ETHER ? LINK_ETHER_HEADER : 0;
    impair_init(&port->out, &cable, stream);
    impair_init(&port->in, &cable, stream + 1);
    port->impaired = true;
}

int host_link_add(struct host *host, struct link *link, const struct host_link_config *config,
                  char *ret_err, size_t err_len)
{
    uint32_t mtu = config->mtu == 0 ? link->mtu : config->mtu;
    struct port *port = &host->ports[host->n_ports];
    int error = -ENOSPC, ifindex;

    if (host->n_ports == HOST_LINKS_MAX)
        goto fail;
    memset(port, 0, sizeof(*port));
    port->link = link;
    error = ifindex = add_interface(host, link, config, mtu);
    if (error < 0)
        goto fail;
    port->ifindex = ifindex;
    port->watch.fd = link->fd;
    port->watch.ready = link_ready;
    port->watch.ctx = port;
    if (config->pcap != NULL) {
        error = port_capture(host, port, config->pcap, config->name, mtu);
        if (error != 0) {
            (void)snprintf(ret_err, err_len, "--pcap: %s cannot be written: %s", config->pcap,
                           host_why(error));
            link_close(link);
            return error;
        }
    }
    if (link->fd >= 0) {
        error = host_fd_set(host, &port->watch, EPOLLIN);
        if (error != 0)
            goto fail;
    }
    set_cable(host, port, &config->impair);
    host->n_ports++;
    return ifindex;
fail:
    (void)snprintf(ret_err, err_len, "the interface cannot be made: %s", strerror(-error));
    link_close(link);
    return error;
}

static const struct port *find_port(const struct host *host, int ifindex)
{
    for (unsigned i = 0; i < host->n_ports; i++) {
        if (host->ports[i].ifindex == ifindex)
            return &host->ports[i];
    }
    return NULL;
}

const struct link *host_link(const struct host *host, int ifindex)
{
    const struct port *port = find_port(host, ifindex);

    return port == NULL ? NULL : port->link;
}

const struct impair_counters *host_impair(const struct host *host, int ifindex, bool out)
{
    const struct port *port = find_port(host, ifindex);

    if (port == NULL || !port->impaired)
        return NULL;
    return out ? &port->out.counters : &port->in.counters;
}

/* --- descriptors ----------------------------------------------------------------------------- */

int host_fd_set(struct host *host, struct host_fd *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    int op = watch->added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    if (epoll_ctl(host->epoll, op, watch->fd, &event) != 0)
        return -errno;
    watch->added = true;
    watch->events = events;
    return 0;
}

void host_fd_del(struct host *host, struct host_fd *watch)
{
    if (!watch->added)
        return;
    (void)epoll_ctl(host->epoll, EPOLL_CTL_DEL, watch->fd, NULL); /* gone is gone */
    watch->added = false;
    watch->events = 0;
    for (unsigned i = 0; i < host->n_ready; i++) {
        if (host->ready[i] == watch)
            host->ready[i] = NULL;
    }
}

void host_wake_at(struct host *host, ft_time at)
{
    if (at < host->wake_at)
        host->wake_at = at;
}

void host_again(struct host *host)
{
    host->again = true;
}

/* --- rounds ---------------------------------------------------------------------------------- */

static ft_time earliest(const struct host *host)
{
    ft_time deadline = ft_deadline(host->stack);

    for (unsigned i = 0; i < host->n_ports; i++) {
        ft_time port = port_deadline(&host->ports[i]);

        if (port < deadline)
            deadline = port;
    }
    return host->wake_at < deadline ? host->wake_at : deadline;
}

/* How long to sleep. A deadline that stays in the past though nothing comes of it would be a
   mistake in the stack; it costs rounds of a millisecond then, not the processor. */
static ft_time sleep_time(struct host *host, ft_time timeout)
{
    ft_time deadline = earliest(host), now = read_clock(), wait;

    if (host->again)
        return 0;
    wait = deadline == FT_TIME_NEVER ? FT_TIME_NEVER : deadline > now ? deadline - now : 0;
    if (wait == 0 && host->n_idle > IDLE_ROUNDS_MAX)
        wait = IDLE_SLEEP;
    return wait < timeout ? wait : timeout;
}

static int wait_for(struct host *host, ft_time wait)
{
    struct epoll_event events[HOST_EVENTS];
    struct timespec limit;
    int n;

    if (wait != FT_TIME_NEVER) {
        limit.tv_sec = (time_t)(wait / FT_SEC);
        limit.tv_nsec = (long)(wait % FT_SEC);
    }
    n = epoll_pwait2(host->epoll, events, HOST_EVENTS, wait == FT_TIME_NEVER ? NULL : &limit, NULL);
    if (n < 0)
        return -errno;
    for (int i = 0; i < n; i++) {
        host->ready[i] = events[i].data.ptr;
        host->ready_events[i] = events[i].events;
    }
    host->n_ready = (unsigned)n;
    return 0;
}

/* Calls those that are ready: first the links only, then all others. */
static void call_ready(struct host *host, bool links)
{
    for (unsigned i = 0; i < host->n_ready; i++) {
        struct host_fd *watch = host->ready[i];

        if (watch == NULL || (watch->ready == link_ready) != links)
            continue;
        host->ready[i] = NULL;
        watch->ready(host, watch, host->ready_events[i]);
    }
}

static size_t take_events(struct host *host)
{
    struct ft_event events[EVENT_BATCH];
    size_t total = 0, n = EVENT_BATCH;

    for (unsigned i = 0; i < EVENT_BATCHES && n == EVENT_BATCH; i++) {
        n = ft_events(host->stack, events, EVENT_BATCH);
        if (n > 0 && host->hooks.events != NULL)
            host->hooks.events(host->hooks.ctx, host, events, n);
        total += n;
    }
    if (n == EVENT_BATCH)
        host->again = true;
    return total;
}

static size_t output(struct host *host)
{
    size_t total = 0, n;

    for (unsigned i = 0; i < host->n_ports; i++) {
        n = port_output(host, &host->ports[i]);
        if (n >= HOST_OUT_BUDGET)
            host->again = true;
        total += n;
    }
    n = link_loop_pump(host->loop, LOOPBACK_BUDGET, host->now);
    /* What came in over loopback may have events and answers. */
    if (n > 0)
        host->again = true;
    return total + n;
}

int host_round(struct host *host, ft_time timeout)
{
    int error = wait_for(host, sleep_time(host, timeout));
    size_t done = 0;

    if (error != 0 && error != -EINTR)
        return error;
    if (error != 0)
        host->n_ready = 0;
    host->now = read_clock();
    host->in_round = true;
    host->again = false;
    host->wake_at = FT_TIME_NEVER;
    done += host->n_ready;

    call_ready(host, true);
    for (unsigned i = 0; i < host->n_ports; i++) {
        done += port_input(host, &host->ports[i]);
        host->ports[i].ready = false;
    }
    ft_advance(host->stack, host->now);
    call_ready(host, false);
    done += take_events(host);
    if (host->hooks.round != NULL)
        host->hooks.round(host->hooks.ctx, host);
    done += output(host);
    /* A datagram that has left makes room: that is an event, too. */
    if (take_events(host) > 0)
        host->again = true;
    port_flush_captures(host);

    host->n_ready = 0;
    host->in_round = false;
    host->n_idle = done > 0 || host->again ? 0 : host->n_idle + 1;
    return error;
}

int host_run(struct host *host)
{
    host->stopped = false;
    while (!host->stopped) {
        int error = host_round(host, FT_TIME_NEVER);

        if (error != 0 && error != -EINTR)
            return error;
    }
    return 0;
}

void host_stop(struct host *host)
{
    host->stopped = true;
}

bool host_unfinished(const struct host *host)
{
    struct ft_counters counters;

    ft_counters(host->stack, &counters);
    return counters.now_unfinished > 0;
}
