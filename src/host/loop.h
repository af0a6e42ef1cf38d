/* SPDX-License-Identifier: MIT */
/*
 * The loop of a host: one stack, its links, and whatever else the owner waits for, in one thread
 * over epoll. A round is: the time; input of all links that are ready; ft_advance; descriptors of
 * the owner; events; output of every interface; then sleep until something happens or is due.
 *
 * The owner's functions are called from host_run() only, and may call everything of this file and
 * of the stack, save host_run() and host_free().
 */
#ifndef HOST_LOOP_H
#define HOST_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <fourtuple.h>

#include "link/impair.h"
#include "link/link.h"

#define HOST_LINKS_MAX 16

struct host;

/* A descriptor of the owner in the loop. The owner keeps the memory until host_fd_del(). */
struct host_fd {
    int fd;
    /* Called when it is ready. events: EPOLLIN and so on. It may delete this and any other. */
    void (*ready)(struct host *host, struct host_fd *watch, uint32_t events);
    void *ctx;       /* the owner's */
    uint32_t events; /* the loop's: what is polled for */
    bool added;      /* the loop's */
};

/* What the owner wants to know. Any of them may be NULL. */
struct host_hooks {
    void *ctx;
    /* Events of watched sockets; more may follow in the same round. */
    void (*events)(void *ctx, struct host *host, const struct ft_event *events, size_t n);
    /* Once a round, after the events and before the output. */
    void (*round)(void *ctx, struct host *host);
    /* A link has died (tap removed): error is a -errno. Its interface stays, silent. Without this
       hook a line on stderr says so. */
    void (*link_dead)(void *ctx, struct host *host, int ifindex, int error);
    /* What of a socket's octets lies between the stack and its user, for recv_q and send_q of ss.
     */
    void (*queued)(void *ctx, struct ft_sock_info *info);
    /* Text for the column Process of ss about a socket; written up to len, "" for none. */
    void (*process)(void *ctx, const struct ft_sock_info *info, char *ret_text, size_t len);
    /* Where all that enters the stack is written down; borrowed until host_new() returns. */
    const struct ft_record_sink *record;
};

/* How a link becomes an interface. */
struct host_link_config {
    char name[FT_IF_NAME_MAX];
    uint8_t mac[6];    /* of an Ethernet link */
    uint32_t mtu;      /* 0: the link's */
    uint32_t if_flags; /* FT_IF_SLAAC, FT_IF_OWN_LINK_LOCAL, FT_IF_NO_DAD, FT_IF_FAST_DAD */
    int ifindex;       /* wished for; 0 lets the stack choose */
    struct impair_config impair; /* each direction; all zero: none */
    const char *pcap;            /* capture file; NULL: none */
};

/**
 * Make a host with a stack of its own, and loopback.
 *
 * @config:   of the stack; copied
 * @hooks:    copied
 * @ret_host: to be freed by host_free()
 *
 * Return: 0; the -errno of ft_stack_new() or of epoll.
 */
int host_new(const struct ft_config *config, const struct host_hooks *hooks,
             struct host **ret_host);

/**
 * Close the links and captures and free the stack. No segment is sent any more.
 *
 * @host: may be NULL
 */
void host_free(struct host *host);

/** The stack of a host. */
struct ft_stack *host_stack(struct host *host);

/** Time at the begin of the round (CLOCK_MONOTONIC), or now outside of host_run(). */
ft_time host_now(struct host *host);

/**
 * Add a link.
 *
 * @link:    the host's from now on, also when this fails
 * @config:  borrowed
 * @ret_err: on failure one sentence
 *
 * Return: its ifindex, or a -errno. Addresses come next: ft_addr_add().
 */
int host_link_add(struct host *host, struct link *link, const struct host_link_config *config,
                  char *ret_err, size_t err_len);

/** The link of an interface; NULL if there is none. */
const struct link *host_link(const struct host *host, int ifindex);

/** What the impairment of an interface did; NULL if there is none. @out: which direction. */
const struct impair_counters *host_impair(const struct host *host, int ifindex, bool out);

/**
 * Have a descriptor in the loop, or change what it is polled for.
 *
 * @watch:  fd, ready and ctx are set by the caller, who keeps it; zero it before first use
 * @events: EPOLLIN and so on; 0: errors and hang-ups only; EPOLLET works
 *
 * Return: 0 or the -errno of epoll_ctl(2).
 */
int host_fd_set(struct host *host, struct host_fd *watch, uint32_t events);

/**
 * Take a descriptor out of the loop, before it is closed. Nothing is called for it any more, also
 * not in this round.
 */
void host_fd_del(struct host *host, struct host_fd *watch);

/**
 * Wake up at this time at the latest, once: rounds may come earlier. The earliest wish of a round
 * counts; wish again in hooks.round.
 */
void host_wake_at(struct host *host, ft_time at);

/**
 * Run another round at once after this one: there is work left that no descriptor tells of.
 */
void host_again(struct host *host);

/**
 * Do one round.
 *
 * @timeout: how long to sleep at most; FT_TIME_NEVER: as long as nothing happens
 *
 * Return: 0; -EINTR: a signal came; or the -errno of epoll.
 */
int host_round(struct host *host, ft_time timeout);

/**
 * Do rounds until host_stop().
 *
 * Return: 0, or the -errno of epoll (not -EINTR).
 */
int host_run(struct host *host);

/** End host_run() after this round. */
void host_stop(struct host *host);

/** Whether connections have octets or a FIN that is not acknowledged yet. */
bool host_unfinished(const struct host *host);

#endif
