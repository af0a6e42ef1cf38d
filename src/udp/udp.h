/* SPDX-License-Identifier: MIT */
/*
 * The face of UDP: datagram sockets, what arrives for them, what they send, and the errors that
 * come back. RFC 768, RFC 1122 4.1, RFC 8200 8.1. It knows nothing of neighbours and routes but
 * what net tells it.
 */
#ifndef UDP_UDP_H
#define UDP_UDP_H

#include <stdbool.h>

#include <fourtuple/diag.h>

#include "base/pool.h"
#include "net/net.h"
#include "sock/sock.h"

struct ft_env;
struct udp_tx_dgram; /* a datagram on its way out */
struct udp_cork;     /* one that is not whole yet */

/* What all datagram sockets of a stack share. */
struct ft_udp {
    struct ft_env *env;
    struct ft_net *net;
    struct ft_slots *slots;
    struct ft_names *names;
    struct ft_table *table; /* connected sockets by four-tuple */
    struct ft_pool socks;   /* struct ft_udp_sock */
    struct ft_list all;     /* every struct ft_udp_sock, closed ones with datagrams to send too */
    uint8_t flow_key[16];   /* of the flow labels */
};

/* Which options are on: bits of ft_udp_sock.flags. */
enum {
    FT_UDP_BROADCAST = 1 << 0,    /* SO_BROADCAST */
    FT_UDP_PKTINFO = 1 << 1,      /* IP_PKTINFO */
    FT_UDP_RECVTTL = 1 << 2,      /* IP_RECVTTL */
    FT_UDP_RECVTOS = 1 << 3,      /* IP_RECVTOS */
    FT_UDP_RECVERR = 1 << 4,      /* IP_RECVERR */
    FT_UDP_PKTINFO6 = 1 << 5,     /* IPV6_RECVPKTINFO */
    FT_UDP_RECVHOPS = 1 << 6,     /* IPV6_RECVHOPLIMIT */
    FT_UDP_RECVTCLASS = 1 << 7,   /* IPV6_RECVTCLASS */
    FT_UDP_RECVERR6 = 1 << 8,     /* IPV6_RECVERR */
    FT_UDP_MCAST_LOOP = 1 << 9,   /* IP_MULTICAST_LOOP */
    FT_UDP_MCAST_LOOP6 = 1 << 10, /* IPV6_MULTICAST_LOOP */
    FT_UDP_MCAST_ALL = 1 << 11,   /* IP_MULTICAST_ALL: also of groups that others have joined */
    FT_UDP_MCAST_ALL6 = 1 << 12,  /* IPV6_MULTICAST_ALL */
    FT_UDP_RECV_SHUT = 1 << 13,   /* shutdown(SHUT_RD) */
    FT_UDP_SEND_SHUT = 1 << 14,   /* shutdown(SHUT_WR) */
    FT_UDP_CONNECTED = 1 << 15,   /* has a peer */
    FT_UDP_PORT_LOCKED = 1 << 17, /* bind() named a port */
    FT_UDP_SCOPED = 1 << 18,      /* name.ifindex is the scope of a link-local address */
    FT_UDP_CORK = 1 << 19,        /* UDP_CORK */
    FT_UDP_FREEBIND = 1 << 20,    /* IP_FREEBIND */
    FT_UDP_GRO = 1 << 21,         /* UDP_GRO */
};

/* A datagram socket. */
struct ft_udp_sock {
    struct ft_conn conn;       /* of a connected one: in ft_udp.table, or below another */
    struct ft_udp_sock *under; /* connected by the same four-tuple before us; NULL: none */
    struct ft_list node;       /* of ft_udp.all */
    struct ft_flow flow;       /* FT_FLOW_UDP */
    struct ft_name name;       /* bound: port is not 0; listening while it has no peer */
    struct ft_list tx;         /* struct udp_tx_dgram: to be sent, oldest first */
    struct ft_list tx_out;     /* those of which frames are with the link, and none is left */
    struct ft_list rx;         /* struct udp_rx_dgram: to be read, oldest first */
    struct ft_list errs;       /* struct udp_err: the error queue (IP_RECVERR) */
    struct ft_list members;    /* struct udp_member: the groups that it has joined */
    struct udp_cork *cork;     /* a datagram that more is to be added to; NULL: none */
    struct ft_addr mcast_src;  /* IP_MULTICAST_IF's address; any: none */
    uint32_t slot;             /* of its descriptor; FT_NO_SLOT: closed, with datagrams to send */
    uint32_t flags;            /* FT_UDP_* */
    uint32_t tx_seq;           /* of the next datagram: keeps their order when one comes back */
    uint32_t tx_size, tx_max;  /* true octets that wait or are with the link; SO_SNDBUF */
    uint32_t rx_size, rx_max;  /* true octets that wait to be read or as errors; SO_RCVBUF */
    uint32_t rx_octets;        /* payload that waits to be read */
    uint32_t drops;            /* datagrams for which there was no room */
    uint32_t priority;         /* SO_PRIORITY */
    uint32_t stamping;         /* SO_TIMESTAMPING and its like, enum ft_stamping */
    uint64_t n_in, n_out;      /* datagrams read from the wire, and sent */
    uint64_t octets_in, octets_out; /* payload of them */
    int error;                      /* SO_ERROR: a positive errno, or 0 */
    int mcast_if, mcast_if6;        /* IP_MULTICAST_IF, IPV6_MULTICAST_IF; 0: the route decides */
    int bound_if;                   /* SO_BINDTODEVICE; 0: none */
    int16_t hops, mcast_hops;       /* IPV6_UNICAST_HOPS, IPV6_MULTICAST_HOPS; -1: the default */
    uint16_t segment;               /* UDP_SEGMENT; 0: sends are not cut */
    uint8_t ttl;                    /* IP_TTL; 0: the default */
    uint8_t mcast_ttl;              /* IP_MULTICAST_TTL */
    uint8_t tos, tclass;            /* IP_TOS, IPV6_TCLASS */
    uint8_t pmtudisc, pmtudisc6;    /* IP_MTU_DISCOVER, IPV6_MTU_DISCOVER */
    bool ipv6;                      /* made as AF_INET6 */
};

/* What one frame of ft_udp_output() carries; the caller keeps it until the frame is done. */
struct ft_udp_sent {
    struct udp_tx_dgram *dgram;
    uint32_t offset; /* where its fragment begins */
};

/**
 * Prepare UDP for a stack.
 *
 * @udp: the caller's memory
 * @names: shared with tcp
 *
 * Return: 0; -ENOMEM. ft_udp_fini() is called in either case.
 */
int ft_udp_init(struct ft_udp *udp, struct ft_env *env, struct ft_net *net, struct ft_slots *slots,
                struct ft_names *names);

/** Free all datagram sockets, also those that are closed and still have something to send. */
void ft_udp_fini(struct ft_udp *udp);

/** Assert every invariant of a socket. */
void ft_udp_check(const struct ft_udp *udp, const struct ft_udp_sock *sock);

/* ---- calls (fourtuple/socket.h has their results) -------------------------------------------- */

/**
 * Make a datagram socket and its descriptor (FT_KIND_UDP).
 *
 * @ipv6: AF_INET6
 *
 * Return: the descriptor; -EMFILE; -ENOBUFS.
 */
ft_sock ft_udp_new_sock(struct ft_udp *udp, bool ipv6);

/** As ft_bind(). */
int ft_udp_bind(struct ft_udp *udp, struct ft_udp_sock *sock, const struct sockaddr *addr,
                socklen_t len);

/** As ft_connect(): sets the peer; AF_UNSPEC dissolves it. */
int ft_udp_connect(struct ft_udp *udp, struct ft_udp_sock *sock, const struct sockaddr *addr,
                   socklen_t len);

/** As ft_sendmsg(); ft_send() is this with one piece and no name. */
ssize_t ft_udp_sendmsg(struct ft_udp *udp, struct ft_udp_sock *sock, const struct msghdr *msg,
                       int flags);

/** As ft_recvmsg(); ft_recv() is this with one piece and no name. */
ssize_t ft_udp_recvmsg(struct ft_udp *udp, struct ft_udp_sock *sock, struct msghdr *msg, int flags);

/** As ft_shutdown(). */
int ft_udp_shutdown(struct ft_udp *udp, struct ft_udp_sock *sock, int how);

/** As ft_close(); also closes the descriptor. What is queued is still sent. */
void ft_udp_close(struct ft_udp *udp, struct ft_udp_sock *sock);

/** As ft_getsockname(). */
int ft_udp_getname(const struct ft_udp_sock *sock, struct sockaddr *ret_addr, socklen_t *len);

/** As ft_getpeername(). */
int ft_udp_getpeername(const struct ft_udp_sock *sock, struct sockaddr *ret_addr, socklen_t *len);

/** What it is ready for now: FT_READABLE ... */
uint32_t ft_udp_ready(const struct ft_udp_sock *sock);

/** As ft_getsockopt(). */
int ft_udp_getsockopt(struct ft_udp *udp, struct ft_udp_sock *sock, int level, int name,
                      void *ret_value, socklen_t *len);

/** As ft_setsockopt(). */
int ft_udp_setsockopt(struct ft_udp *udp, struct ft_udp_sock *sock, int level, int name,
                      const void *value, socklen_t len);

/** Fill in one line of the socket table. */
void ft_udp_info(const struct ft_udp *udp, const struct ft_udp_sock *sock,
                 struct ft_sock_info *ret_info);

/* ---- packets --------------------------------------------------------------------------------- */

/**
 * Take a datagram in: to the socket connected by its four-tuple, else to the one of its name, else
 * to nobody, which is answered by "port unreachable". Multicast and broadcast reach every match.
 *
 * @rx: of FT_NET_UDP
 *
 * Return: what came of it.
 */
enum ft_verdict ft_udp_input(struct ft_udp *udp, const struct ft_rx *rx);

/**
 * An ICMP error about a datagram of ours (RFC 1122 4.1.3.3). Only one that a socket of ours may
 * have sent has any effect, on the path MTU too.
 *
 * @rx: of FT_NET_ERROR, with err.proto UDP
 *
 * Return: whether a socket matched.
 */
bool ft_udp_error(struct ft_udp *udp, const struct ft_rx *rx);

/**
 * Build the next datagram of a socket, or a fragment of it, into a frame.
 *
 * @sock:     its flow was taken by ft_flow_next(), and is FT_FLOW_IDLE
 * @ifindex:  whose turn it is
 * @frame:    as ft_output() was given it; the payload is a span into the datagram unless it is a
 *            fragment or FT_FRAME_LINEAR was asked for
 * @ret_sent: to be handed to ft_udp_done() with the frame
 *
 * Return: true: a frame was built; call again, or put the flow back by ft_flow_ready(). false:
 * nothing goes by this interface now; the flow is where it belongs (idle, waiting for a neighbour,
 * ready at another interface). A closed socket may be freed in this case: forget it.
 */
bool ft_udp_output(struct ft_udp *udp, struct ft_udp_sock *sock, int ifindex,
                   struct ft_frame *frame, struct ft_udp_sent *ret_sent);

/**
 * A frame of ft_udp_output() has been given back, in whatever order.
 *
 * @was_sent: it has left; otherwise it is queued again where it was
 */
void ft_udp_done(struct ft_udp *udp, const struct ft_udp_sent *sent, bool was_sent);

#endif
