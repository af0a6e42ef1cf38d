/* SPDX-License-Identifier: MIT */
/*
 * What a stream tells besides its octets: the error queue (ends of MSG_ZEROCOPY, the times of
 * SO_TIMESTAMPING), and when octets came. Only sockets that ask for it have it.
 */
#ifndef TCP_NOTES_H
#define TCP_NOTES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <fourtuple/types.h>

#include "base/seq.h"

struct ft_tcb;
struct ft_tcp;

#define NOTES_MAX 256u /* times that wait to be read; more are dropped and counted */
#define ARRIVALS_MAX                                                                               \
    64u /* arrivals whose octets are unread; more are taken for the last of them                   \
         */

/* SCM_TSTAMP_*: what has happened to an octet. */
enum tcp_note_kind { NOTE_SND = 0, NOTE_SCHED = 1, NOTE_ACK = 2 };

struct tcp_note {
    ft_time at;
    uint32_t key; /* the octet's number, with SOF_TIMESTAMPING_OPT_ID */
    uint32_t kind;
};

/* Octets up to @end came at @at, or before. */
struct tcp_arrival {
    ft_time at;
    ft_seq end;
};

struct tcp_notes {
    uint32_t copies;      /* calls with MSG_ZEROCOPY ... */
    uint32_t copies_told; /* ... and those whose end the user was told of */
    ft_seq base;          /* from where SOF_TIMESTAMPING_OPT_ID counts */
    uint32_t head, n;     /* of @ring */
    uint32_t arrived_head, n_arrived;
    struct tcp_note ring[NOTES_MAX];
    struct tcp_arrival arrivals[ARRIVALS_MAX];
};

/** Make them, if they are not there. Return: 0; -ENOBUFS. */
int ft_notes_make(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Forget them. */
void ft_notes_drop(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** An active open: numbers of octets begin with its first, and no octet has come. What the error
   queue has of a connection before is kept. */
void ft_notes_begin(struct ft_tcb *tcb);

/** Whether the error queue has something. */
bool ft_notes_wait(const struct ft_tcb *tcb);

/** Octets were queued with MSG_ZEROCOPY, by copying them; ft_notes_make() has answered 0. */
void ft_notes_copied(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Something has happened now to the octet before @end. */
void ft_notes_add(struct ft_tcp *tcp, struct ft_tcb *tcb, enum tcp_note_kind kind, ft_seq end);

/** Octets have come in order, up to rcv_nxt. */
void ft_notes_arrived(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** recvmsg() with MSG_ERRQUEUE. Return: 0; -EAGAIN. */
ssize_t ft_notes_recv(const struct ft_tcp *tcp, struct ft_tcb *tcb, struct msghdr *msg);

/** What recvmsg() tells besides the octets that it has taken. @end: one past the last of them */
void ft_notes_control(const struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq end, struct msghdr *msg);

/** SO_TIMESTAMP, SO_TIMESTAMPNS or SO_TIMESTAMPING of a stream. Return: 0; -EINVAL; -ENOBUFS. */
int ft_notes_set(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t *stamping, int name, int v);

#endif
