/* SPDX-License-Identifier: MIT */
/*
 * What the files of udp/ share: datagrams in both directions, the records of the error queue, and
 * the control messages that go with them.
 */
#ifndef UDP_PRIV_H
#define UDP_PRIV_H

#include "base/assert.h"
#include "base/env.h"
#include "udp/udp.h"

/* What an allocation costs beside its octets, as we count it. */
#define UDP_ALLOC_COST 16u

struct udp_tx_dgram {
    struct ft_list node;      /* of its socket's tx or tx_out */
    struct ft_udp_sock *sock; /* lives as long as its datagrams */
    struct ft_addr src, dst;
    uint32_t len;        /* octets of header and payload */
    uint32_t size;       /* true octets */
    uint32_t seq;        /* its place in the order of its socket */
    uint32_t refs;       /* frames of it that are with the link */
    uint32_t offset;     /* octets that frames have been built of */
    uint32_t frag_id;    /* of its fragments; chosen with the first */
    uint32_t flow_label; /* IPv6 */
    int bound_if;
    uint8_t ttl, tos;
    bool may_frag;  /* IPv4: DF is not set though it fits */
    bool may_split; /* it may leave in fragments */
    bool by_link;   /* the link's MTU counts, not the path's */
    bool queued;    /* in tx */
    bool dead;      /* given up: is not queued again */
    uint8_t l4[];   /* header, checksum included, and payload */
};

struct udp_rx_dgram {
    struct ft_list node;
    struct ft_addr src, dst;
    uint32_t len;  /* octets of payload */
    uint32_t size; /* true octets */
    ft_time at;    /* when it came */
    int ifindex;
    uint16_t src_port;
    uint8_t ttl, tos;
    uint8_t data[];
};

/* A record of the error queue. */
struct udp_err {
    struct ft_list node;
    struct ft_addr dst;  /* where the datagram was for */
    struct ft_addr from; /* who says that it did not get there */
    uint32_t mtu;
    int error;   /* errno */
    int ifindex; /* where the error arrived */
    uint16_t dst_port;
    uint8_t type, code;
    bool local; /* we say so ourselves */
};

/* What a caller says of one datagram, by its name and control messages. */
struct udp_dest {
    struct ft_addr addr;
    struct ft_addr src; /* any: choose */
    uint16_t port;
    int bound_if;
    int ttl;          /* -1: not said */
    int tos;          /* -1: not said */
    uint16_t segment; /* UDP_SEGMENT: payload of each datagram; 0: it is one */
};

/** The interface that a socket is bound to; 0: none. */
static inline int udp_bound_if(const struct ft_udp_sock *sock)
{
    return sock->bound_if || !(sock->flags & FT_UDP_SCOPED) ? sock->bound_if : sock->name.ifindex;
}

/**
 * Read where a datagram or a connection is for.
 *
 * @ret_endpoint: any has become the loopback address
 *
 * Return: 0; -EINVAL; -EAFNOSUPPORT; -ENETUNREACH: IPv4, which this socket does not speak.
 */
int udp_read_peer(const struct ft_udp_sock *sock, const struct sockaddr *addr, socklen_t len,
                  struct ft_endpoint *ret_endpoint);

/** Hold a port for a socket that has none. Return: 0; -EAGAIN: there is none. */
int udp_autobind(struct ft_udp *udp, struct ft_udp_sock *sock);

/**
 * Find the path to a destination, by the multicast options if it is a group.
 *
 * @dest: src and bound_if are filled in where they were not said
 *
 * Return: 0; -EACCES: broadcast; -EINVAL: families that do not match; as ft_path_find().
 */
int udp_find_path(struct ft_udp *udp, const struct ft_udp_sock *sock, struct udp_dest *dest,
                  struct ft_path *ret_path);

/**
 * What keeps a datagram from being queued.
 *
 * @len: octets of payload
 *
 * Return: 0; -EMSGSIZE; -EINVAL: more segments than one send may have; -EPIPE; -EAGAIN: the buffer
 * is full; the pending error of the socket, which is forgotten.
 */
int udp_check_send(struct ft_udp_sock *sock, const struct udp_dest *dest,
                   const struct ft_path *path, size_t len);

/**
 * Queue a datagram, or as many as UDP_SEGMENT makes of it, all or none.
 *
 * @iov: @len octets of payload, copied
 *
 * Return: 0; -ENOBUFS; as udp_find_path().
 */
int udp_post(struct ft_udp *udp, struct ft_udp_sock *sock, const struct udp_dest *dest,
             const struct iovec *iov, size_t len);

/**
 * Add octets to the datagram that is being put together, or begin one.
 *
 * @dest: of the first call; others do not count
 *
 * Return: 0; as udp_find_path() and udp_check_send(), -ENOBUFS: what there was of it is lost.
 */
int udp_cork_add(struct ft_udp *udp, struct ft_udp_sock *sock, const struct udp_dest *dest,
                 const struct msghdr *msg, size_t len);

/** It is whole: queue it. Return: 0, also if there is none; as udp_post(), and it is lost. */
int udp_cork_push(struct ft_udp *udp, struct ft_udp_sock *sock);

/** Lose what there is of it. */
void udp_cork_drop(struct ft_udp *udp, struct ft_udp_sock *sock);

/** The pending error as a negative errno, which is forgotten; 0: none. */
int udp_take_error(struct ft_udp_sock *sock);

/**
 * Whether a socket that a packet to a group matches is to hear it: it has joined the group there,
 * or hears what others have joined (IP_MULTICAST_ALL).
 */
bool udp_hears_group(const struct ft_udp_sock *sock, const struct ft_addr *group, int ifindex);

/** Give up all memberships. */
void udp_groups_leave_all(struct ft_udp *udp, struct ft_udp_sock *sock);

/** Whether an option is one of udp_mcast_set(). */
bool udp_mcast_known(int level, int name);

/**
 * Join or leave a group, or set IP_MULTICAST_IF.
 *
 * Return: 0; -EINVAL; -EFAULT; -ENODEV; -EADDRINUSE: joined already; -EADDRNOTAVAIL: not joined;
 * -ENOBUFS: memberships_max, groups_max, or no memory.
 */
int udp_mcast_set(struct ft_udp *udp, struct ft_udp_sock *sock, int level, int name,
                  const void *value, socklen_t len);

/** IP_MULTICAST_IF, as ft_getsockopt(). */
int udp_mcast_get_if(const struct ft_udp_sock *sock, void *ret_value, socklen_t *len);

/**
 * Give a datagram that leaves for a group, or for all, to the sockets of this host too (RFC 1112
 * 6.1).
 *
 * @ifindex: where it leaves
 */
void udp_loop_back(struct ft_udp *udp, const struct udp_tx_dgram *dgram, int ifindex);

/** Free a socket that is closed and has nothing with the link or to send any more. */
void udp_free_if_done(struct ft_udp *udp, struct ft_udp_sock *sock);

/** Drop all that waits to be sent, whether frames of it are with the link or not. */
void udp_tx_drop_all(struct ft_udp *udp, struct ft_udp_sock *sock);

/** Drop all that waits to be read, errors too. */
void udp_rx_drop_all(struct ft_udp *udp, struct ft_udp_sock *sock);

/** Drop the error queue. */
void udp_errs_drop(struct ft_udp *udp, struct ft_udp_sock *sock);

/**
 * A datagram did not get where it was for: the pending error of the socket, and its error queue if
 * it asked for one.
 *
 * @err:  copied
 * @hard: tell a connected socket even if it did not ask for errors
 */
void udp_report(struct ft_udp *udp, struct ft_udp_sock *sock, const struct udp_err *err, bool hard);

/** Take the oldest record of the error queue (MSG_ERRQUEUE). Return: 0; -EAGAIN. */
ssize_t udp_recv_error(struct ft_udp *udp, struct ft_udp_sock *sock, struct msghdr *msg);

/**
 * Read the control messages of a datagram to be sent.
 *
 * @dest: what they say is filled in
 *
 * Return: 0; -EINVAL.
 */
int udp_cmsg_read(const struct msghdr *msg, struct udp_dest *dest);

/**
 * Write the control messages that a socket asked for. msg_controllen and msg_flags are set.
 *
 * @segment: octets of each datagram of several that are read as one (UDP_GRO); 0: it is one
 */
void udp_cmsg_write(const struct ft_udp *udp, const struct ft_udp_sock *sock,
                    const struct udp_rx_dgram *dgram, int segment, struct msghdr *msg);

/** Write the control message that tells of an error. */
void udp_cmsg_write_error(const struct udp_err *err, struct msghdr *msg);

#endif
