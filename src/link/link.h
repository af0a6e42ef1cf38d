/* SPDX-License-Identifier: MIT */
/*
 * What the host loop knows of a link: where frames go out and come in, and which descriptor to
 * poll. A link has no queue of its own beyond the kernel's; what it cannot take it says.
 *
 * Each kind of link is a struct that begins with struct link, and a function that opens it.
 */
#ifndef LINK_LINK_H
#define LINK_LINK_H

#include <stdbool.h>

#include <fourtuple/iface.h>
#include <fourtuple/types.h>

#define LINK_ETHER_HEADER 14u
#define LINK_BATCH        64 /* frames that a link moves in one call, at most */

struct link;

struct link_ops {
    /* Up to n frames that have arrived, into the buf and cap of each; len is written, and n_spans,
       flags, gso_type and n_segs. Returns how many; 0: none for now; -errno: the link is dead. */
    int (*recv)(struct link *link, struct ft_frame *frames, size_t n);
    /* Sends the first frames of n. Returns how many it took, whether they arrive or not; fewer: it
       is full, and want_write is set; -errno: the link is dead. */
    int (*send)(struct link *link, const struct ft_frame *frames, size_t n);
    void (*close)(struct link *link); /* frees the link */
};

struct link_counters {
    uint64_t n_in, n_out; /* frames */
    uint64_t n_dropped;   /* frames taken that could not be passed on */
};

struct link {
    const struct link_ops *ops;
    int fd;             /* readable when recv has something to do; -1: never */
    bool want_write;    /* poll fd for writing too: the last send fell short */
    uint8_t type;       /* enum ft_if_type */
    uint32_t mtu;       /* octets of IP in a frame, as the link has it now */
    uint32_t frame_max; /* the longest frame that may arrive, headers of the link included */
    uint32_t if_flags;  /* FT_IF_TX_CSUM, FT_IF_TSO: what it offers */
    uint32_t gso_max;   /* with FT_IF_TSO */
    const char *kind;   /* "wire", "tap", "none" */
    struct link_counters counters;
};

/** Receive; see struct link_ops. */
static inline int link_recv(struct link *link, struct ft_frame *frames, size_t n)
{
    return link->ops->recv(link, frames, n);
}

/** Send; see struct link_ops. */
static inline int link_send(struct link *link, const struct ft_frame *frames, size_t n)
{
    return link->ops->send(link, frames, n);
}

/** Close and free. @link: may be NULL. */
static inline void link_close(struct link *link)
{
    if (link != NULL)
        link->ops->close(link);
}

struct iovec;

/**
 * The pieces of a frame for writev(2) and its like.
 *
 * @ret_iov: room for FT_SPANS_MAX + 1
 *
 * Return: how many were written.
 */
size_t link_frame_iov(const struct ft_frame *frame, struct iovec *ret_iov);

/**
 * Clear what a frame says of its contents; buf and cap stay.
 */
void link_frame_reset(struct ft_frame *frame);

#endif
