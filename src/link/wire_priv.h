/* SPDX-License-Identifier: MIT */
/*
 * The inside of the virtual wire: the mesh (wire.c: who is there, who connects to whom) and the
 * frames (wire_frames.c: who gets which).
 */
#ifndef LINK_WIRE_PRIV_H
#define LINK_WIRE_PRIV_H

#include <limits.h>
#include <stdbool.h>

#include "link/wire.h"

/* Names of sockets: the time of the start, then random, so that they sort by age. */
#define WIRE_FILE_MAX 32

/* What is polled by the wire's own epoll: the address of one of these is its data. */
enum wire_watch_kind { WIRE_LISTEN, WIRE_INOTIFY, WIRE_RETRY, WIRE_PEER };

struct wire_watch {
    enum wire_watch_kind kind;
    int fd;
};

/* The first message in each direction of a connection. Its octets are in this machine's order:
   both ends are on it. */
struct wire_hello {
    char magic[8];
    uint32_t version;
    uint32_t flags; /* none yet */
    uint8_t mac[6];
    uint8_t zero[2];
    char file[WIRE_FILE_MAX];
    char host[LINK_WIRE_NAME_MAX + 1];
    char zero_end[7];
};

struct wire_peer {
    struct wire_watch watch;
    bool greeted; /* its hello has come: info.mac and info.host are known */
    bool dead;    /* to be freed at the end of this round */
    char file[WIRE_FILE_MAX];
    struct link_wire_peer info;
    struct wire_peer *next_dead;
};

struct wire {
    struct link link;
    struct wire_watch listen, inotify, retry;
    struct wire_hello hello; /* our own; hello.file is our name in the directory */
    char dir[PATH_MAX];
    int dir_fd;
    struct wire_peer **peers; /* oldest first */
    size_t n_peers;
    bool lost; /* our name was taken out of the directory: nobody new finds us */
    struct wire_peer *dead;
};

/**
 * Take frames from one peer, or its hello.
 *
 * @n: at most LINK_BATCH
 *
 * Return: frames written; -ECONNRESET: it is gone, or speaks nonsense.
 */
int wire_peer_recv(struct wire *wire, struct wire_peer *peer, struct ft_frame *frames, size_t n);

/** The send of struct link_ops: by MAC address, the rest to all. */
int wire_send(struct link *link, const struct ft_frame *frames, size_t n);

#endif
