/* SPDX-License-Identifier: MIT */
/*
 * The face of TCP (RFC 9293): what stack/ calls with arriving segments, due timers, requests for a
 * segment to send, and the user's calls. What a call answers is said in fourtuple/socket.h.
 */
#ifndef TCP_TCP_H
#define TCP_TCP_H

#include <stdbool.h>

#include <fourtuple/diag.h>
#include <fourtuple/handover.h>
#include <fourtuple/socket.h>

#include "base/list.h"
#include "base/pool.h"
#include "base/wheel.h"
#include "sock/sock.h"

struct ft_chunk;
struct ft_env;
struct ft_flow;
struct ft_listener;
struct ft_net;
struct ft_rx;
struct ft_tcb;
struct ft_time_wait;

/* TCP of one stack. */
/* The name of a passive socket that was closed a short time ago (relisten.c). */
struct tcp_left {
    struct ft_addr addr; /* specific, or any */
    uint16_t port;
    ft_time until; /* a SYN for it waits */
};

#define TCP_LEFT_MAX 8

struct ft_tcp {
    struct ft_env *env;
    struct ft_net *net;
    struct ft_slots *slots;
    struct ft_names *names;
    struct ft_table *table;    /* every conversation: connections, embryos, TIME-WAIT entries */
    struct ft_pool tcbs;       /* struct ft_tcb */
    struct ft_pool colds;      /* struct tcp_cold */
    struct ft_pool busys;      /* struct tcp_busy */
    struct ft_pool pasts;      /* struct tcp_past */
    struct ft_pool rares;      /* struct tcp_rare */
    struct ft_pool tfos;       /* struct tcp_tfo */
    struct ft_pool ecns;       /* struct tcp_ecn */
    struct ft_pool gaps;       /* struct tcp_gaps */
    struct ft_pool sents;      /* struct tcp_sent */
    struct ft_pool pins;       /* struct tcp_pin */
    struct ft_pool embryos;    /* struct tcp_embryo */
    struct ft_pool time_waits; /* struct ft_time_wait */
    struct ft_pool
        time_waits_more;      /* struct tcp_time_wait_more; with the others at most the limit */
    struct ft_pool listeners; /* struct ft_listener */
    struct ft_timer tw_timer; /* at the expiry of tw_head */
    struct ft_time_wait *tw_head, *tw_tail; /* all TIME-WAIT entries, the oldest first */
    uint32_t n_time_wait;                   /* live ones among them */
    struct ft_list misers;       /* peers whose window is shut, by tcp_busy.miser; miser.h */
    struct ft_timer miser_timer; /* when more of them give way */
    uint32_t n_orphans;          /* connections that no descriptor holds and no backlog */
    uint32_t n_unfinished;       /* orphans with octets or a FIN that is not acknowledged */
    uint32_t listener_ids;       /* the last id given to a passive socket */
    uint32_t n_waiting_syns;     /* embryos with EMB_WAITING */
    uint32_t left_next;          /* the entry of left that is written next */
    struct tcp_left left[TCP_LEFT_MAX];
    bool signs;              /* the configuration has primitives for TCP MD5 or TCP-AO */
    uint8_t cc_default;      /* the congestion control that the configuration names */
    uint8_t isn_key[16];     /* RFC 6528's secret */
    uint8_t ts_key[16];      /* of the timestamp offsets (RFC 7323 5.4) */
    uint8_t label_key[16];   /* of the IPv6 flow labels */
    uint8_t cookie_key[16];  /* of the SYN cookies (RFC 4987 3.6) */
    uint8_t tfo_key[16];     /* of the keys of Fast Open cookies, which change (RFC 7413 4.1.2) */
    uint8_t metrics_key[16]; /* of the table of metrics */
    struct tcp_metrics *metrics; /* of paths; NULL: nothing yet */
    struct tfo_cache *tfo_cache; /* what servers have told a client; NULL: nothing yet */
};

/* What ft_tcp_output put into a frame: enough to take it back. It holds the connection's name and
   not the connection, which may be gone when the frame comes back. */
struct ft_tcp_sent {
    struct ft_conn conn; /* the four-tuple */
    uint32_t seq;        /* SEG.SEQ */
    uint32_t len;        /* sequence numbers taken, SYN and FIN among them */
    bool retrans;        /* all of it had been sent before */
    bool control;        /* a pure ACK or a probe */
    bool probe;          /* it asks for an ACK by an old sequence number */
    bool cwr;            /* it tells that the window was reduced (RFC 3168 6.1.2) */
};

/**
 * Make TCP of a stack.
 *
 * Return: 0; -ENOMEM.
 */
int ft_tcp_init(struct ft_tcp *tcp, struct ft_env *env, struct ft_net *net, struct ft_slots *slots,
                struct ft_names *names);

/** Whether there is a congestion-control algorithm of that name. @name: ends within FT_CC_MAX. */
bool ft_tcp_knows_cc(const char *name);

/** The configuration has changed. */
void ft_tcp_tuned(struct ft_tcp *tcp);

/** Free all connections and passive sockets, sending nothing. */
void ft_tcp_fini(struct ft_tcp *tcp);

/** Assert every invariant of every connection. */
void ft_tcp_check(const struct ft_tcp *tcp);

/** The same, but the table and the sent records of a connection are passed over if nothing has
    changed in them since the last time. */
void ft_tcp_check_changes(struct ft_tcp *tcp);

/**
 * A segment has arrived (RFC 9293 3.10.7).
 *
 * @rx:       proto is TCP
 * @ret_sock: the socket that it was for, if somebody traces; else -1
 *
 * Return: what became of it.
 */
enum ft_verdict ft_tcp_input(struct ft_tcp *tcp, const struct ft_rx *rx, ft_sock *ret_sock);

/** An ICMP error about a segment of ours has arrived (RFC 9293 3.9.2.2): rx->err. */
enum ft_verdict ft_tcp_error(struct ft_tcp *tcp, const struct ft_rx *rx);

/** A timer of a kind above FT_TIMER_NET_LAST has fired (RFC 9293 3.10.8). */
void ft_tcp_timer(struct ft_tcp *tcp, struct ft_timer *timer);

/**
 * Build the next segment of a connection into a frame.
 *
 * @flow:       of the connection
 * @frame:      as for ft_output()
 * @ret_sent:   what it is
 * @ret_chunks: of each span, its chunk, with a reference for the caller
 *
 * Return: whether there was one. Call again until there is none.
 */
bool ft_tcp_output(struct ft_tcp *tcp, struct ft_flow *flow, struct ft_frame *frame,
                   struct ft_tcp_sent *ret_sent, struct ft_chunk **ret_chunks);

/** A frame of a connection was given back unsent. Called newest first. */
void ft_tcp_unsent(struct ft_tcp *tcp, const struct ft_tcp_sent *sent);

/* ---- the user's calls; kinds tell which objects they take ------------------------------------ */

/** ft_socket() for a stream. */
ft_sock ft_tcp_socket(struct ft_tcp *tcp, int domain);

/** ft_bind(). */
int ft_tcp_bind(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct sockaddr *addr, socklen_t len);

/** ft_listen() on a socket that is not passive yet; its descriptor then is. */
int ft_tcp_listen(struct ft_tcp *tcp, struct ft_tcb *tcb, int backlog);

/** ft_listen() again: changes the backlog. */
int ft_tcp_listen_again(struct ft_listener *listener, int backlog);

/** ft_accept(). */
ft_sock ft_tcp_accept(struct ft_tcp *tcp, struct ft_listener *listener, struct sockaddr *ret_addr,
                      socklen_t *len);

/** ft_connect(). */
int ft_tcp_connect(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct sockaddr *addr,
                   socklen_t len);

/** ft_shutdown() of an active socket. */
int ft_tcp_shutdown(struct ft_tcp *tcp, struct ft_tcb *tcb, int how);

/** ft_close() of a socket that is not passive. */
void ft_tcp_close(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** ft_abort() of a socket that is not passive. */
void ft_tcp_abort(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** ft_close() of a passive socket: what waits in its backlog is reset. */
void ft_tcp_listener_close(struct ft_tcp *tcp, struct ft_listener *listener);

/** ft_shutdown() of a passive socket: it ends listening, and is a socket with a name again. */
int ft_tcp_listener_end(struct ft_tcp *tcp, struct ft_listener *listener);

/** ft_send() and ft_sendmsg(). */
ssize_t ft_tcp_send(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct iovec *iov, size_t n_iov,
                    int flags);

/** ft_sendmsg() with MSG_FASTOPEN: connect and send in one. */
ssize_t ft_tcp_send_open(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct msghdr *msg,
                         int flags);

/** ft_recvmsg(). */
ssize_t ft_tcp_recvmsg(struct ft_tcp *tcp, struct ft_tcb *tcb, struct msghdr *msg, int flags);

/** ft_recv(). */
ssize_t ft_tcp_recv(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct iovec *iov, size_t n_iov,
                    int flags);

/** ft_peek(). */
ssize_t ft_tcp_peek(struct ft_tcp *tcp, struct ft_tcb *tcb, struct ft_span *ret_spans, size_t n);

/** ft_consume(). */
int ft_tcp_consume(struct ft_tcp *tcp, struct ft_tcb *tcb, size_t len);

/** ft_reserve(). */
ssize_t ft_tcp_reserve(struct ft_tcp *tcp, struct ft_tcb *tcb, size_t len,
                       struct ft_span *ret_spans, size_t n);

/**
 * The first @len octets of the room that ft_reserve() gave, as ft_commit() would queue them.
 *
 * Return: spans written, at most @n; 0: ft_commit() would queue none.
 */
size_t ft_tcp_reserved(const struct ft_tcb *tcb, size_t len, struct ft_span *ret_spans, size_t n);

/** ft_commit(). */
int ft_tcp_commit(struct ft_tcp *tcp, struct ft_tcb *tcb, size_t len);

/** ft_unpin(). */
int ft_tcp_unpin(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** ft_unpin() of a descriptor that was closed: @obj is what FT_KIND_CLOSED stands for. */
int ft_tcp_unpin_closed(struct ft_tcp *tcp, void *obj);

/** ft_getsockname(). */
void ft_tcp_name(const struct ft_tcb *tcb, struct sockaddr *ret_addr, socklen_t *len);

/** ft_getsockname() of a passive socket. */
void ft_tcp_listener_name(const struct ft_listener *listener, struct sockaddr *ret_addr,
                          socklen_t *len);

/** ft_getpeername(). */
int ft_tcp_peer(const struct ft_tcb *tcb, struct sockaddr *ret_addr, socklen_t *len);

/** ft_ready(). */
uint32_t ft_tcp_ready(const struct ft_tcb *tcb);

/** ft_ready() of a passive socket. */
uint32_t ft_tcp_listener_ready(const struct ft_listener *listener);

/** ft_getsockopt(). */
int ft_tcp_getsockopt(struct ft_tcp *tcp, struct ft_tcb *tcb, int level, int name, void *ret_value,
                      socklen_t *len);

/** ft_setsockopt(). */
int ft_tcp_setsockopt(struct ft_tcp *tcp, struct ft_tcb *tcb, int level, int name,
                      const void *value, socklen_t len);

/** ft_getsockopt() of a passive socket. */
int ft_tcp_listener_getsockopt(struct ft_tcp *tcp, struct ft_listener *listener, int level,
                               int name, void *ret_value, socklen_t *len);

/** ft_setsockopt() of a passive socket. */
int ft_tcp_listener_setsockopt(struct ft_tcp *tcp, struct ft_listener *listener, int level,
                               int name, const void *value, socklen_t len);

/** ft_export(). */
ssize_t ft_tcp_export(struct ft_tcp *tcp, struct ft_tcb *tcb, uint8_t *ret_state, size_t size);

/** ft_import(). */
ft_sock ft_tcp_import(struct ft_tcp *tcp, const uint8_t *state, size_t len);

/* ---- looking in ------------------------------------------------------------------------------ */

/** One line of the socket table for a connection. */
void ft_tcp_info(const struct ft_tcp *tcp, const struct ft_tcb *tcb, struct ft_sock_info *ret_info);

/** One line for a passive socket. */
void ft_tcp_listener_info(const struct ft_tcp *tcp, const struct ft_listener *listener,
                          struct ft_sock_info *ret_info);

/**
 * One line for whatever is in the four-tuple table and has no descriptor.
 *
 * Return: false: it has one.
 */
bool ft_tcp_conn_info(const struct ft_tcp *tcp, const struct ft_conn *conn,
                      struct ft_sock_info *ret_info);

/** The connection that a flow belongs to. */
struct ft_tcb *ft_tcp_of_flow(struct ft_flow *flow);

/** The descriptor's index of a connection, or FT_NO_SLOT. */
uint32_t ft_tcp_slot(const struct ft_tcb *tcb);

#endif
