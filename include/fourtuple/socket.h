/* SPDX-License-Identifier: MIT */
/*
 * The socket calls. They never block, never send (segments leave at the next ft_output()), and
 * answer as Linux's calls do, with -errno in place of errno. Addresses are Linux's sockaddr_in and
 * sockaddr_in6, option names and values Linux's too.
 *
 * A passive socket holds a socket name and carries no octet; an active socket is one conversation,
 * named by its four-tuple.
 */
#ifndef FOURTUPLE_SOCKET_H
#define FOURTUPLE_SOCKET_H

#include <stdbool.h>
#include <sys/socket.h>

#include <fourtuple/types.h>

FT_BEGIN_DECLS

/* Readiness, with poll(2)'s values. */
enum {
    FT_READABLE = 0x0001, /* octets, a datagram, a connection to accept, or the end of the stream */
    FT_URGENT = 0x0002,   /* urgent data to be read */
    FT_WRITABLE = 0x0004, /* room to send, or sending would fail at once */
    FT_ERROR = 0x0008,    /* SO_ERROR has something to say */
    FT_HANGUP = 0x0010,   /* both directions are closed */
    FT_RDHUP = 0x2000,    /* the peer has closed its direction */
};

struct ft_event {
    ft_sock sock;
    void *user;    /* as given to ft_watch() */
    uint32_t mask; /* FT_READABLE ... that were set since the last event of the socket */
};

/**
 * Make a socket (RFC 9293 3.10.1, the first half of OPEN).
 *
 * @domain:   AF_INET or AF_INET6
 * @type:     SOCK_STREAM or SOCK_DGRAM; SOCK_NONBLOCK and SOCK_CLOEXEC are accepted and mean
 *            nothing
 * @protocol: 0, IPPROTO_TCP or IPPROTO_UDP
 *
 * Return: the socket; -EAFNOSUPPORT; -EPROTONOSUPPORT; -ESOCKTNOSUPPORT; -EMFILE: sockets_max;
 * -ENOBUFS.
 */
FT_PUBLIC ft_sock ft_socket(struct ft_stack *stack, int domain, int type, int protocol);

/**
 * Name a socket. Port 0 picks one unpredictably (RFC 6056).
 *
 * @addr: borrowed; sockaddr_in, or sockaddr_in6 for an AF_INET6 socket
 *
 * Return: 0; -EBADF; -EINVAL: bound already, or a short length; -EAFNOSUPPORT; -EADDRNOTAVAIL: not
 * an address of this host; -EADDRINUSE; -ENOBUFS; -ENODEV: the scope id names no interface.
 */
FT_PUBLIC int ft_bind(struct ft_stack *stack, ft_sock sock, const struct sockaddr *addr,
                      socklen_t len);

/**
 * Make a stream socket passive (RFC 9293 3.10.1, passive OPEN). An unbound one gets a port.
 *
 * @backlog: established connections that may wait for ft_accept(); at most 4096 count
 *
 * Return: 0; -EBADF; -EINVAL: connected; -EOPNOTSUPP: not a stream; -EADDRINUSE; -ENOBUFS.
 */
FT_PUBLIC int ft_listen(struct ft_stack *stack, ft_sock sock, int backlog);

/**
 * Take the oldest established connection of a passive socket.
 *
 * @ret_addr: the peer's name, up to *@len octets; may be NULL
 * @len:      in: room; out: the true length; NULL if @ret_addr is
 *
 * Return: the active socket; -EAGAIN: none waits; -EBADF; -EINVAL: not listening; -EOPNOTSUPP;
 * -EMFILE: sockets_max (the connection goes on waiting).
 */
FT_PUBLIC ft_sock ft_accept(struct ft_stack *stack, ft_sock sock, struct sockaddr *ret_addr,
                            socklen_t *len);

/**
 * Connect a stream (RFC 9293 3.10.1, active OPEN), or set a datagram socket's peer (AF_UNSPEC
 * dissolves it). A stream that is not bound gets an ephemeral port (RFC 6056), never one that
 * would make the peer itself.
 *
 * @addr: borrowed
 *
 * Return: 0: done (datagrams, or a stream the first time it is asked after it has connected);
 * -EINPROGRESS: the SYN leaves at the next ft_output(), FT_WRITABLE or FT_ERROR tells the end;
 * -EALREADY: still under way; -EISCONN: connected, or a passive socket; -EBADF; -EINVAL;
 * -EAFNOSUPPORT; -ENETUNREACH: no route; -EACCES: broadcast without SO_BROADCAST; -EADDRNOTAVAIL:
 * no port left for this peer; -EAGAIN: no port left for a datagram socket; -ENOBUFS; or, once, how
 * the attempt failed: -ECONNREFUSED, -ETIMEDOUT, -EHOSTUNREACH, -ECONNABORTED.
 */
FT_PUBLIC int ft_connect(struct ft_stack *stack, ft_sock sock, const struct sockaddr *addr,
                         socklen_t len);

/**
 * Close one or both directions (RFC 9293 3.10.4 for the sending one: FIN follows what is queued).
 *
 * @how: SHUT_RD, SHUT_WR or SHUT_RDWR
 *
 * Return: 0; -EBADF; -EINVAL; -ENOTCONN. On a passive socket SHUT_RD ends listening, as on Linux.
 */
FT_PUBLIC int ft_shutdown(struct ft_stack *stack, ft_sock sock, int how);

/**
 * Give up a socket (RFC 9293 3.10.4, CLOSE). What is queued is still sent; unread octets, or octets
 * that arrive later, make it a reset; SO_LINGER {1, 0} makes it an abort. The descriptor is invalid
 * from now on and no event of it comes.
 *
 * Return: 0; -EBADF.
 */
FT_PUBLIC int ft_close(struct ft_stack *stack, ft_sock sock);

/**
 * Abort a connection (RFC 9293 3.10.5): a reset is sent, all that is queued is dropped, and the
 * descriptor is invalid from now on.
 *
 * Return: 0; -EBADF.
 */
FT_PUBLIC int ft_abort(struct ft_stack *stack, ft_sock sock);

/**
 * Queue octets for sending (RFC 9293 3.10.2, SEND), or one datagram to the connected peer.
 *
 * @data:  copied before return; the caller keeps it
 * @len:   octets, may be 0
 * @flags: MSG_OOB (streams), MSG_MORE, MSG_EOR (streams: a record ends here, if all of @data is
 *         taken: what follows is sent in other segments); MSG_DONTWAIT and MSG_NOSIGNAL mean
 *         nothing here
 *
 * Return: octets queued, may be fewer than @len on a stream; -EAGAIN: the buffer is full, or the
 * connection is not established yet: wait for FT_WRITABLE; -ENOTCONN, -EPIPE, -ECONNRESET,
 * -ETIMEDOUT, -EHOSTUNREACH, -ECONNREFUSED: the error of the socket, once; -EDESTADDRREQ;
 * -EMSGSIZE; -EOPNOTSUPP: MSG_OOB on a datagram socket; -EBADF; -ENOBUFS. Segments leave at the
 * next ft_output().
 */
FT_PUBLIC ssize_t ft_send(struct ft_stack *stack, ft_sock sock, const void *data, size_t len,
                          int flags);

/**
 * Take received octets (RFC 9293 3.10.3, RECEIVE), or one datagram.
 *
 * @flags: MSG_PEEK, MSG_OOB, MSG_TRUNC
 *
 * Return: octets written to @ret_data; 0: the peer has closed and all is read; -EAGAIN: nothing
 * yet; -ENOTCONN; -ECONNRESET, -ETIMEDOUT ...: the error of the socket, once; -EINVAL: MSG_OOB with
 * no urgent octet; -EBADF.
 */
FT_PUBLIC ssize_t ft_recv(struct ft_stack *stack, ft_sock sock, void *ret_data, size_t len,
                          int flags);

/**
 * Queue octets out of several pieces, and say where a datagram goes.
 *
 * @msg:   borrowed; msg_name (of a stream only with MSG_FASTOPEN, else it is ignored), msg_iov;
 *         IP_PKTINFO, IPV6_PKTINFO, IP_TTL, IP_TOS, IPV6_HOPLIMIT, IPV6_TCLASS and UDP_SEGMENT in
 *         msg_control
 * @flags: as for ft_send()
 *
 * Return: as ft_send(); -EINVAL; -EAFNOSUPPORT; -ENETUNREACH; -EACCES; with MSG_FASTOPEN also as
 * ft_connect(), and -EOPNOTSUPP: FT_FASTOPEN_CLIENT is not set.
 */
FT_PUBLIC ssize_t ft_sendmsg(struct ft_stack *stack, ft_sock sock, const struct msghdr *msg,
                             int flags);

/**
 * Take octets into several pieces, and learn where a datagram came from.
 *
 * @msg:   msg_iov is written; msg_name, msg_namelen, msg_flags and, if IP_PKTINFO or its like was
 *         asked for, msg_control
 * @flags: as for ft_recv(), and MSG_ERRQUEUE (-EAGAIN when it is empty)
 *
 * Return: as ft_recv().
 */
FT_PUBLIC ssize_t ft_recvmsg(struct ft_stack *stack, ft_sock sock, struct msghdr *msg, int flags);

/**
 * The socket's own name.
 *
 * @ret_addr: up to *@len octets
 * @len:      in: room; out: the true length
 *
 * Return: 0; -EBADF.
 */
FT_PUBLIC int ft_getsockname(struct ft_stack *stack, ft_sock sock, struct sockaddr *ret_addr,
                             socklen_t *len);

/**
 * The peer's name; arguments as for ft_getsockname().
 *
 * Return: 0; -EBADF; -ENOTCONN.
 */
FT_PUBLIC int ft_getpeername(struct ft_stack *stack, ft_sock sock, struct sockaddr *ret_addr,
                             socklen_t *len);

/**
 * Read an option: SOL_SOCKET, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_IP and IPPROTO_IPV6 with Linux's
 * names.
 *
 * @ret_value: up to *@len octets
 * @len:       in: room; out: octets written
 *
 * Return: 0; -EBADF; -ENOPROTOOPT or, of a level, -EOPNOTSUPP: unknown, as Linux answers; -EINVAL:
 * too short; -EFAULT: @ret_value or @len is NULL; -ENOTCONN: IP_MTU or IPV6_MTU without a peer.
 */
FT_PUBLIC int ft_getsockopt(struct ft_stack *stack, ft_sock sock, int level, int name,
                            void *ret_value, socklen_t *len);

/**
 * Set an option; names and values as Linux has them.
 *
 * @value: borrowed
 *
 * Return: 0; -EBADF; -ENOPROTOOPT; -EINVAL; -EFAULT: @value is NULL; -EISCONN; -EOPNOTSUPP:
 * TCP_FASTOPEN_CONNECT without FT_FASTOPEN_CLIENT; for groups also -ENODEV, -EADDRINUSE: joined
 * already, -EADDRNOTAVAIL: not joined, -ENOBUFS: memberships_max or groups_max.
 */
FT_PUBLIC int ft_setsockopt(struct ft_stack *stack, ft_sock sock, int level, int name,
                            const void *value, socklen_t len);

/**
 * See received octets without copying them. They are pinned: they stay valid, even across a reset
 * and ft_close(), until ft_consume() or ft_unpin().
 *
 * @ret_spans: up to @n are written
 *
 * Return: how many were; 0: end of stream; else as ft_recv(); -EBUSY: pinned already;
 * -EOPNOTSUPP: not a stream.
 */
FT_PUBLIC ssize_t ft_peek(struct ft_stack *stack, ft_sock sock, struct ft_span *ret_spans,
                          size_t n);

/**
 * Take the first @len octets that ft_peek() showed off the stream and unpin all of them.
 *
 * Return: 0; -EINVAL: more than was shown; -EOPNOTSUPP: not a stream; -EBADF.
 */
FT_PUBLIC int ft_consume(struct ft_stack *stack, ft_sock sock, size_t len);

/**
 * Get room in the send buffer to write into; pinned until ft_commit() or ft_unpin().
 *
 * @len:       octets wished for
 * @ret_spans: up to @n are written; together at most @len
 *
 * Return: how many were; else as ft_send(); -EBUSY: pinned already; -EOPNOTSUPP: not a stream.
 */
FT_PUBLIC ssize_t ft_reserve(struct ft_stack *stack, ft_sock sock, size_t len,
                             struct ft_span *ret_spans, size_t n);

/**
 * Queue the first @len octets that were written into the room of ft_reserve(), and unpin it.
 *
 * Return: 0; -EINVAL: more than was reserved; -EPIPE; -EOPNOTSUPP: not a stream; -EBADF.
 */
FT_PUBLIC int ft_commit(struct ft_stack *stack, ft_sock sock, size_t len);

/**
 * Let go of what ft_peek() or ft_reserve() pinned, with nothing taken or queued. Works on a socket
 * that has been closed since: that is when its memory goes.
 *
 * Return: 0; -EBADF: nothing of this socket is pinned.
 */
FT_PUBLIC int ft_unpin(struct ft_stack *stack, ft_sock sock);

/**
 * Ask for events of a socket. If it is ready already, an event is queued at once.
 *
 * @mask: FT_READABLE ...; FT_ERROR and FT_HANGUP are always included; 0 ends watching
 * @user: handed back with each event
 *
 * Return: 0; -EBADF.
 */
FT_PUBLIC int ft_watch(struct ft_stack *stack, ft_sock sock, uint32_t mask, void *user);

/**
 * Take events, oldest first. Bits of a socket gather until they are taken, so a small @n or a late
 * caller loses nothing. An event tells of a change; ft_ready() tells what is true now.
 *
 * @ret_events: up to @n are written
 *
 * Return: how many were.
 */
FT_PUBLIC size_t ft_events(struct ft_stack *stack, struct ft_event *ret_events, size_t n);

/**
 * What a socket is ready for now, as poll(2) would say.
 *
 * Return: FT_READABLE ...; 0 for a descriptor that is not valid.
 */
FT_PUBLIC uint32_t ft_ready(const struct ft_stack *stack, ft_sock sock);

FT_END_DECLS

#endif
