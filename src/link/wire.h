/* SPDX-License-Identifier: MIT */
/*
 * The virtual wire: Ethernet between the hosts of one user on one machine, without a daemon and
 * without privilege. A mesh: every host listens in a directory that only the user can enter, and
 * has one connection with each other host of the same wire. A stopped or dead host harms nobody
 * but itself.
 */
#ifndef LINK_WIRE_H
#define LINK_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "link/link.h"

#define LINK_WIRE_NAME_MAX  32
#define LINK_WIRE_PEERS_MAX 1024

struct link_wire_config {
    const char *net;  /* [A-Za-z0-9._-]{1,32}, not "." or ".." */
    const char *host; /* this host's name, for people; cut at LINK_WIRE_NAME_MAX */
    uint8_t mac[6];   /* frames for it come to this host only */
    const char *base; /* directory to use instead of the user's; NULL: link_wire_base() */
};

/* What one connection of the mesh has seen. */
struct link_wire_peer {
    uint8_t mac[6];
    char host[LINK_WIRE_NAME_MAX + 1];
    uint64_t n_in, n_out; /* frames */
    uint64_t n_dropped;   /* frames for it that found it full */
};

/**
 * The directory of the user's wires and hosts: $XDG_RUNTIME_DIR/fourtuple, else
 * /tmp/fourtuple-UID. It is made if missing; that it is ours alone (mode 0700) is checked.
 *
 * @ret_path: the path
 * @len:      room in it
 * @ret_err:  on failure one sentence
 *
 * Return: 0 or a -errno.
 */
int link_wire_base(char *ret_path, size_t len, char *ret_err, size_t err_len);

/**
 * Make a directory with mode 0700 if it is missing, and see that it is the user's alone.
 *
 * @ret_err: on failure one sentence that names the path
 *
 * Return: 0 or a -errno.
 */
int link_wire_private_dir(const char *path, char *ret_err, size_t err_len);

/**
 * Plug a host into a wire; it connects to those that are there at once.
 *
 * @config:   borrowed
 * @ret_link: to be closed by link_close()
 * @ret_err:  on failure one sentence
 *
 * Return: 0 or a -errno.
 */
int link_wire_open(const struct link_wire_config *config, struct link **ret_link, char *ret_err,
                   size_t err_len);

/**
 * The other hosts as this one sees them.
 *
 * @link:      from link_wire_open()
 * @ret_peers: up to @n are written
 *
 * Return: how many there are, which may be more than @n.
 */
size_t link_wire_peers(const struct link *link, struct link_wire_peer *ret_peers, size_t n);

/**
 * Whether a host that was there before has the same MAC address as this one: it has been started
 * twice. The earlier one stays.
 *
 * @link: from link_wire_open()
 */
bool link_wire_is_double(const struct link *link);

#endif
