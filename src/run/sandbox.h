/* SPDX-License-Identifier: MIT */
/*
 * What the program sees around it: interfaces that bear the stack's names and addresses, a
 * resolv.conf, a hosts file, a host name, its own /proc. All of it is made from inside the private
 * namespaces and vanishes with them.
 */
#ifndef FT_RUN_SANDBOX_H
#define FT_RUN_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SANDBOX_IFS_MAX  8
#define SANDBOX_FILE_MAX 2048

/* An address of an interface, or a router by which all is reached. */
struct sandbox_addr {
    int family;         /* AF_INET or AF_INET6 */
    uint8_t octets[16]; /* network order; 4 or 16 of them, the rest is 0 */
    unsigned prefix_len;
    bool deprecated; /* only for what uses it already */
    uint32_t metric; /* of a router */
};

struct sandbox_if {
    char name[16];
    uint8_t mac[6];
    uint32_t mtu;
    int ifindex;
};

struct sandbox {
    struct sandbox_if ifs[SANDBOX_IFS_MAX];
    unsigned n_ifs;
    const char *host_name;
    char resolv_conf[SANDBOX_FILE_MAX];
    char hosts[SANDBOX_FILE_MAX];
    int nowhere; /* -1, or a network namespace that must be held on to (written by netif_make) */
    int rtnl;    /* rtnetlink of the program's namespace, for what comes later (likewise) */
};

/**
 * Furnish the namespaces of the calling process.
 *
 * @ret_err: on failure one sentence
 *
 * Return: 0 or a -errno.
 */
int sandbox_furnish(struct sandbox *sandbox, char *ret_err, size_t err_len);

/**
 * The interfaces alone (netif.c): lo up, and one interface for each of the stack's, without
 * addresses yet. Kinds that the kernel lacks are passed over for others.
 *
 * Return: 0 or a -errno.
 */
int netif_make(struct sandbox *sandbox, char *ret_err, size_t err_len);

/**
 * Give an interface an address, change whether it is deprecated, or take it away.
 *
 * @rtnl: that of struct sandbox, in whatever process it is now
 *
 * Return: 0 or a -errno.
 */
int netif_addr(int rtnl, int ifindex, const struct sandbox_addr *addr, bool there);

/** Add or remove a default route. Return: 0 or a -errno. */
int netif_gateway(int rtnl, int ifindex, const struct sandbox_addr *gateway, bool there);

#endif
