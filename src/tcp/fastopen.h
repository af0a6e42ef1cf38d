/* SPDX-License-Identifier: MIT */
/*
 * TCP Fast Open (RFC 7413): what a socket keeps for it, and the calls of fastopen.c. Most sockets
 * have nothing to do with it and hold a pointer of NULL.
 */
#ifndef FT_TCP_FASTOPEN_H
#define FT_TCP_FASTOPEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <fourtuple/types.h>

#include "base/addr.h"
#include "sock/sock.h"
#include "wire/tcp.h"

struct ft_conn;
struct ft_listener;
struct ft_tcb;
struct ft_tcp;
struct tcp_embryo;
struct tcp_in;

#define TFO_KEY_LEN    16
#define TFO_KEYS_MAX   2 /* the one that makes cookies, and one whose cookies are still taken */
#define TFO_COOKIE_LEN 8

enum tfo_flag {
    TFO_ASKS = 1,      /* our SYN asks for a cookie */
    TFO_SENDS = 2,     /* our SYN carries octets */
    TFO_COOKIE = 4,    /* ... and a cookie */
    TFO_EXP = 8,       /* in the experimental form */
    TFO_DEFERRED = 16, /* connect() has answered, the SYN waits for the first octets */
    TFO_CHILD = 32,    /* made by a SYN with a cookie, and its handshake is not over */
    TFO_FRESH = 64,    /* its SYN-ACK brings a cookie of the present key */
};

/* Why octets did not go with our SYN, or not for good; Linux's TFO_CLIENT_FAIL values. */
enum tfo_fail {
    TFO_FAIL_NONE = 0,
    TFO_FAIL_COOKIE = 1, /* no cookie was known */
    TFO_FAIL_DATA = 2,   /* the peer did not acknowledge all of them */
    TFO_FAIL_SYN = 3,    /* ... after the SYN had to be sent again */
};

/* What a socket keeps that has to do with Fast Open. */
struct tcp_tfo {
    struct ft_endpoint peer; /* with TFO_DEFERRED */
    uint32_t syn_len;        /* octets that our SYN carries */
    uint32_t listener_slot;  /* of a child: whose it is ... */
    uint32_t listener_id;    /* ... and its id */
    uint32_t pending_max;    /* TCP_FASTOPEN: children whose handshake is not over */
    uint32_t n_pending;      /* of a passive socket: those there are */
    uint32_t n_reset;        /* those that were reset of late, which count as well */
    ft_time reset_at;        /* when the last was */
    uint8_t flags;           /* enum tfo_flag */
    uint8_t cookie_len;      /* with TFO_COOKIE */
    uint8_t n_keys;          /* TCP_FASTOPEN_KEY; 0: the stack's own */
    uint8_t cookie[TCP_COOKIE_LEN_MAX];
    uint8_t keys[TFO_KEYS_MAX][TFO_KEY_LEN];
};

/* ---- options --------------------------------------------------------------------------------- */

/** TCP_FASTOPEN, TCP_FASTOPEN_CONNECT and TCP_FASTOPEN_NO_COOKIE. @listener: or NULL. */
int ft_tfo_set(struct ft_tcp *tcp, struct ft_tcb *tcb, struct ft_listener *listener, int name,
               int value);

/** What they are set to. */
int ft_tfo_get(const struct ft_tcb *tcb, const struct ft_listener *listener, int name);

/** TCP_FASTOPEN_KEY: one key of 16 octets, or two. */
int ft_tfo_set_key(struct ft_tcp *tcp, struct ft_tcb *tcb, struct ft_listener *listener,
                   const void *value, socklen_t len);

/** Read the keys. */
int ft_tfo_get_key(struct ft_tcp *tcp, const struct ft_tcb *tcb, const struct ft_listener *listener,
                   void *ret, socklen_t *len);

/* ---- passive opens --------------------------------------------------------------------------- */

/** A socket becomes passive: what was set goes with it. */
void ft_tfo_listen(struct ft_tcp *tcp, struct ft_listener *listener, struct ft_tcb *tcb);

/**
 * A SYN for a passive socket, which has room (RFC 7413 4.2.1).
 *
 * @syn: what it said; EMB_TFO is set if the answer is to bring a cookie
 *
 * Return: whether it was valid and has made a connection; otherwise the handshake is the plain one.
 */
bool ft_tfo_take_syn(struct ft_tcp *tcp, struct ft_listener *listener, struct tcp_embryo *syn,
                     struct tcp_in *in);

/** Put a cookie for the peer into a SYN-ACK. */
void ft_tfo_offer(const struct ft_tcp *tcp, const struct ft_listener *listener,
                  const struct ft_conn *conn, bool exp, struct ft_tcp_seg *seg);

/* ---- active opens ---------------------------------------------------------------------------- */

/** Whether connect() has answered, and the SYN waits for the first octets. */
bool ft_tfo_deferred(const struct ft_tcb *tcb);

/** connect() with TCP_FASTOPEN_CONNECT. Return: whether the SYN waits for the first octets. */
bool ft_tfo_defers(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_endpoint *peer);

/** The first octets for a SYN that waits. Return: as ft_tcp_send_open(). */
ssize_t ft_tfo_begin(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct iovec *iov, size_t n_iov,
                     int flags);

/** Octets that our SYN carries. */
uint32_t ft_tfo_syn_len(const struct ft_tcb *tcb);

/** Our SYN or SYN-ACK is being written. */
void ft_tfo_fill(struct ft_tcp *tcp, struct ft_tcb *tcb, struct ft_tcp_seg *seg);

/** The SYN-ACK has arrived, in SYN-SENT: octets that it acknowledges leave the send ring, others
    are as if never sent; its cookie is remembered. */
void ft_tfo_syn_acked(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_tcp_seg *seg);

/** Forget what a connection keeps. @reset: it was a child that the peer has reset. */
void ft_tfo_drop(struct ft_tcp *tcp, struct ft_tcb *tcb, bool reset);

/** Forget what servers have told. */
void ft_tfo_fini(struct ft_tcp *tcp);

#endif
