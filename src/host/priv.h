/* SPDX-License-Identifier: MIT */
/*
 * The inside of a host: the loop (loop.c) and what lies between a link and its interface (port.c:
 * impairment, capture, batches).
 */
#ifndef HOST_PRIV_H
#define HOST_PRIV_H

#include <fourtuple.h>

#include "host/loop.h"
#include "link/impair.h"
#include "link/link.h"

#define HOST_EVENTS     64
#define HOST_FRAME_MAX  (65535u + FT_HEADERS_MAX) /* octets of one buffer */
#define HOST_OUT_BUDGET 256                       /* frames that one interface sends in a round */
#define HOST_CAPTURE    200                       /* octets: a path */

struct pcapng;

/* A capture file; nets may share one. */
struct capture {
    struct pcapng *pcapng; /* NULL: unused, or it could not be written any more */
    char path[HOST_CAPTURE];
};

/* A link and its interface. */
struct port {
    struct host_fd watch; /* the link's fd */
    struct link *link;
    int ifindex;
    bool ready;    /* the link has something to be received */
    bool dead;     /* it failed; the interface is silent */
    bool impaired; /* in and out are in use */
    struct impair in, out;
    struct capture *capture; /* NULL: none */
    unsigned capture_if;
};

struct host {
    struct ft_stack *stack;
    struct host_hooks hooks;
    int epoll;
    struct link_loop *loop;
    int loopback;
    struct port ports[HOST_LINKS_MAX];
    unsigned n_ports;
    struct capture captures[HOST_LINKS_MAX];
    ft_time flushed_at; /* when captures were last handed to the system */
    ft_time now;        /* of the round */
    ft_time wake_at;    /* the owner's wish */
    bool in_round, again, stopped;
    unsigned n_idle; /* rounds in a row that were due and did nothing */
    /* What epoll said in this round; an entry is NULL once its watch is deleted. */
    struct host_fd *ready[HOST_EVENTS];
    uint32_t ready_events[HOST_EVENTS];
    unsigned n_ready;
    /* Buffers of one batch; they serve input, then output. */
    struct ft_frame frames[LINK_BATCH];
    uint8_t *buffers;
};

/**
 * Take what has arrived at a port into the stack: at most one batch from the link, and all that is
 * due on its cable.
 *
 * Return: frames given to the stack, or 1 for frames that went onto the cable.
 */
size_t port_input(struct host *host, struct port *port);

/**
 * Send what the stack has for a port, within the budget, and what is due on its cable.
 *
 * Return: frames; HOST_OUT_BUDGET or more: there may be more to send.
 */
size_t port_output(struct host *host, struct port *port);

/** When a port has something due on its cable; FT_TIME_NEVER: never. */
ft_time port_deadline(const struct port *port);

/** Close the link and end the cable. */
void port_fini(struct port *port);

/** The descriptors that the epoll of a port should be told of: reading, and writing if wanted. */
void port_poll(struct host *host, struct port *port);

/**
 * Begin a capture on a port.
 *
 * Return: 0 or a -errno.
 */
int port_capture(struct host *host, struct port *port, const char *path, const char *if_name,
                 uint32_t mtu);

/** Hand captures to the system if that was not done lately. */
void port_flush_captures(struct host *host);

/** End all captures. */
void port_close_captures(struct host *host);

#endif
