/* SPDX-License-Identifier: MIT */
/*
 * What the program sees around it: interfaces that bear the stack's names and addresses, a
 * resolv.conf, a hosts file, a host name, its own /proc. All of it is made from inside the private
 * namespaces and vanishes with them.
 */
#ifndef FT_RUN_SANDBOX_H
#define FT_RUN_SANDBOX_H

#include <stddef.h>
#include <stdint.h>

#define SANDBOX_IFS_MAX   8
#define SANDBOX_ADDRS_MAX 9
#define SANDBOX_FILE_MAX  2048

struct sandbox_addr {
    int family;         /* AF_INET or AF_INET6 */
    uint8_t octets[16]; /* network order; 4 or 16 of them */
    unsigned prefix_len;
};

struct sandbox_if {
    char name[16];
    uint8_t mac[6];
    uint32_t mtu;
    int ifindex; /* wished for */
    struct sandbox_addr addrs[SANDBOX_ADDRS_MAX];
    unsigned n_addrs;
    struct sandbox_addr gateways[2];
    unsigned n_gateways;
};

struct sandbox {
    struct sandbox_if ifs[SANDBOX_IFS_MAX];
    unsigned n_ifs;
    const char *host_name;
    char resolv_conf[SANDBOX_FILE_MAX];
    char hosts[SANDBOX_FILE_MAX];
    int nowhere; /* -1, or a network namespace that must be held on to (written by netif_make) */
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
 * The interfaces alone (netif.c): lo up, and one interface for each of the stack's. Kinds that the
 * kernel lacks are passed over for others.
 *
 * Return: 0 or a -errno.
 */
int netif_make(struct sandbox *sandbox, char *ret_err, size_t err_len);

#endif
