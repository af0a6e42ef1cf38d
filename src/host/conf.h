/* SPDX-License-Identifier: MIT */
/*
 * What people type for a host (--net, --addr, --gateway, --link, --pcap, --name) and what becomes
 * of it: links, interfaces, addresses, routes. Also chooses what was not said: the net, addresses,
 * MAC addresses and the seed. There is no other source of addresses but a router's advertisement:
 *
 * Not applicable: there is no DHCP client, so there are no leases to forge.
 *
 * Errors are one sentence without "fourtuple: " before and without a full stop behind.
 */
#ifndef HOST_CONF_H
#define HOST_CONF_H

#include <stdbool.h>

#include <fourtuple.h>

#include "host/loop.h"
#include "link/impair.h"

#define CONF_NETS_MAX  8
#define CONF_ADDRS_MAX 8
#define CONF_NAME_MAX  32
#define CONF_ERR_MAX   400

enum conf_kind {
    CONF_NONE, /* a private wire with nobody on it */
    CONF_WIRE,
    CONF_TAP,
};

struct conf_addr {
    struct ft_addr addr;
    unsigned prefix_len;
    bool chosen;    /* by us, not by the user: probed before use, replaced when taken */
    unsigned tries; /* how often it was replaced */
};

struct conf_net {
    enum conf_kind kind;
    bool named;       /* --net was given; false: the default net */
    const char *what; /* NAME of a wire, IFNAME of a tap; the caller's string */
    const char *pcap; /* the caller's string; NULL: none */
    bool impaired;
    struct impair_config impair;
    struct conf_addr addrs[CONF_ADDRS_MAX]; /* the link-local one is the last */
    unsigned n_addrs;
    struct ft_addr gateways[2]; /* IPv4, IPv6 */
    bool has_gateway[2];
    char if_name[FT_IF_NAME_MAX]; /* written by conf_open, like all below */
    uint8_t mac[6];
    uint32_t mtu;
    int ifindex;
};

struct conf {
    char name[CONF_NAME_MAX + 1]; /* of the host */
    struct conf_net nets[CONF_NETS_MAX];
    unsigned n_nets;
};

/** Start with nothing said. @conf: overwritten whole. */
void conf_init(struct conf *conf);

/**
 * Take one option. --addr, --gateway, --link and --pcap belong to the --net before them, or to the
 * default net.
 *
 * @option:  "--net", "--addr", "--gateway", "--link", "--pcap" or "--name"
 * @value:   kept by reference
 * @ret_err: on failure a sentence that begins with the option; room for CONF_ERR_MAX
 *
 * Return: 0; -ENOENT: not an option of this file; -EINVAL: the sentence says why.
 */
int conf_option(struct conf *conf, const char *option, const char *value, char *ret_err);

/**
 * Choose what was not said, open the links and give the host its interfaces and addresses.
 *
 * @conf:    changed: holds what was chosen
 * @ret_err: on failure a sentence
 *
 * Return: 0 or a -errno. What was opened is the host's also on failure. Next: conf_ready().
 */
int conf_open(struct conf *conf, struct host *host, char *ret_err);

/**
 * Whether the addresses can be used. Call it each round until it says so, and now and then later: a
 * conflict may come at any time. An address of ours that is taken is replaced by another one.
 *
 * @ret_err: on failure a sentence
 *
 * Return: 1: they can; 0: some are still being probed; -EADDRINUSE: an address that the user gave
 * belongs to another host, or no free one was found.
 */
int conf_ready(struct conf *conf, struct host *host, char *ret_err);

/** What makes CLOCK_MONOTONIC nanoseconds since 1970. */
uint64_t conf_epoch_ns(void);

/**
 * A stack's configuration for this process: defaults, libc's allocator, a seed from getrandom(2).
 *
 * Return: 0 or a -errno.
 */
int conf_stack(struct ft_config *ret_config);

/**
 * A MAC address that follows from two texts: locally administered, unicast.
 */
void conf_mac(const char *net, const struct ft_addr *addr, uint8_t ret_mac[6]);

#endif
