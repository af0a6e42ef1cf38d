/* SPDX-License-Identifier: MIT */
/*
 * The calls between the files of what is not yet, or no longer, a connection: passive sockets and
 * embryos (listen.c), SYN cookies (cookie.c), TIME-WAIT (timewait.c).
 */
#ifndef TCP_PASSIVE_H
#define TCP_PASSIVE_H

#include <stdbool.h>
#include <stdint.h>

#include <fourtuple/diag.h>

struct ft_conn;
struct ft_listener;
struct ft_tcb;
struct ft_tcp;
struct ft_tcp_seg;
struct ft_time_wait;
struct tcp_embryo;
struct tcp_auth;
struct tcp_ends;
struct tcp_in;

/** A segment for a passive socket (3.10.7.2). @ret_tcb: made, if it brings back a cookie. */
enum ft_verdict ft_listen_input(struct ft_tcp *tcp, struct ft_listener *listener,
                                const struct ft_conn *conn, struct tcp_in *in,
                                struct ft_tcb **ret_tcb);

/** A segment for an embryo (3.10.7.4 in SYN-RECEIVED). @ret_tcb: made, if it completes it. */
enum ft_verdict ft_embryo_input(struct ft_tcp *tcp, struct tcp_embryo *embryo, struct tcp_in *in,
                                struct ft_tcb **ret_tcb);

/** What a SYN says, without anything being allocated. @listener: NULL: nobody's as yet. */
void ft_listen_read_syn(struct ft_tcp *tcp, const struct ft_listener *listener,
                        const struct ft_conn *conn, const struct tcp_in *in,
                        struct tcp_embryo *ret);

/** Answer a SYN that has waited for this passive socket. @syn: what it said; not kept. */
void ft_listen_take_waiting(struct ft_tcp *tcp, struct ft_listener *listener,
                            struct tcp_embryo *syn);

/** The timer of an embryo has fired. */
void ft_embryo_timer(struct ft_tcp *tcp, struct tcp_embryo *embryo);

/** Whether the passive socket is closed, and no other of its name can get the embryo (relisten.h).
 */
bool ft_embryo_forsaken(const struct ft_tcp *tcp, const struct tcp_embryo *embryo);

/** Take an embryo out of the table and free it. */
void ft_embryo_free(struct ft_tcp *tcp, struct tcp_embryo *embryo);

/** The passive socket of an embryo; NULL: it is closed. */
struct ft_listener *ft_embryo_listener(const struct ft_tcp *tcp, const struct tcp_embryo *embryo);

/** Make a TCB in CLOSED of what a SYN and its answer have agreed on; the backlog takes it. */
struct ft_tcb *ft_listen_make(struct ft_tcp *tcp, struct ft_listener *listener,
                              const struct tcp_embryo *from, const struct ft_tcp_seg *seg);

/** Make an established TCB of what a handshake has agreed on; the backlog takes it. */
struct ft_tcb *ft_listen_complete(struct ft_tcp *tcp, struct ft_listener *listener,
                                  const struct tcp_embryo *from, const struct ft_tcp_seg *seg);

/** Send the SYN-ACK of an embryo. @tsval: 0: the clock's. */
void ft_listen_synack(struct ft_tcp *tcp, const struct tcp_embryo *embryo,
                      const struct ft_listener *listener, uint32_t tsval);

/** Answer a SYN by a cookie (RFC 4987 3.6). @embryo: filled in but for iss, not kept. */
void ft_cookie_send(struct ft_tcp *tcp, struct ft_listener *listener, struct tcp_embryo *embryo);

/** Whether the number that an ACK acknowledges looks like that of a cookie that we sent of late. */
bool ft_cookie_plausible(const struct ft_tcp *tcp, const struct ft_listener *listener,
                         const struct ft_tcp_seg *seg);

/**
 * Whether an ACK brings back a cookie that we sent of late.
 *
 * @ret_embryo: what the handshake agreed on
 */
bool ft_cookie_check(const struct ft_tcp *tcp, const struct ft_listener *listener,
                     const struct ft_conn *conn, const struct ft_tcp_seg *seg,
                     struct tcp_embryo *ret_embryo);

/**
 * A segment for a TIME-WAIT entry (3.10.7.4).
 *
 * @listens:    whether a passive socket has its local name
 * @ret_reopen: a SYN that may open the connection anew: the entry is gone, go on to LISTEN
 */
enum ft_verdict ft_time_wait_input(struct ft_tcp *tcp, struct ft_time_wait *tw, struct tcp_in *in,
                                   bool listens, bool *ret_reopen);

/** Let a connection take the place of an entry in the table; it is freed when its time comes. */
void ft_time_wait_yield(struct ft_tcp *tcp, struct ft_time_wait *tw, struct ft_conn *now);

/** Whether an active open may take the four-tuple of @old (RFC 6191). @named: the user has named
   the port, so there is no other. */
bool ft_time_wait_may_yield(const struct ft_tcp *tcp, const struct ft_conn *old, bool named);

/** It does: it takes the place in the table, and goes on from the numbers that were reached. */
void ft_time_wait_succeed(struct ft_tcp *tcp, struct ft_conn *old, struct ft_tcb *tcb);

/** Take a TIME-WAIT entry out of the table; it is freed when its time comes. */
void ft_time_wait_end(struct ft_tcp *tcp, struct ft_time_wait *tw);

/** Free what has expired. */
void ft_time_wait_timer(struct ft_tcp *tcp);

/**
 * Make an entry in the place of @old, which is in the table; the entry holds its port.
 *
 * @as: snd_nxt, rcv_nxt, ts_recent, and the flags in expires_ms; with TW_MORE it is a struct
 *      tcp_time_wait_more, whose keys go to the new one
 *
 * Return: whether there was room.
 */
bool ft_time_wait_new(struct ft_tcp *tcp, struct ft_conn *old, struct ft_time_wait *as);

/** By what the segments of an entry are signed. Return: NULL: by nothing. */
struct tcp_auth *ft_time_wait_keys(struct ft_time_wait *tw, struct tcp_ends *ret_ends);

/** Free all entries. */
void ft_time_wait_fini(struct ft_tcp *tcp);

#endif
