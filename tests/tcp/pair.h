/* SPDX-License-Identifier: MIT */
/*
 * Two stacks and a cable between them in virtual time: a rate, a delay, a queue that drops what
 * does not fit, and losses by chance. For what shows only over many round trips: buffers that grow,
 * congestion control, fairness. Stack 0 sends, stack 1 receives, unless the test does otherwise.
 */
#ifndef TESTS_TCP_PAIR_H
#define TESTS_TCP_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <fourtuple.h>

#define PAIR_PORT      80
#define PAIR_FLOWS_MAX 8

/* One direction of the cable. */
struct pair_pipe {
    uint64_t rate;      /* octets a second; 0: without limit */
    ft_time delay;      /* after the last octet has left the queue */
    uint64_t queue_max; /* octets that may wait; 0: without limit */
    uint32_t loss_ppm;  /* of a million frames */
    uint32_t skip_ppm;  /* so many skip the delay, and overtake what is under way */
    ft_time free_at;    /* when the last frame in the queue will have left */
    struct pair_frame *head, *tail;
    uint64_t n_frames, n_dropped, n_lost, octets;
    ft_time wait_max; /* the longest that a frame has waited in the queue */
    ft_time wait_sum;
};

struct pair_flow {
    ft_sock sock[2];   /* of the sender, of the receiver; -1: not yet */
    uint64_t written;  /* octets that the sender's stack has taken */
    uint64_t received; /* octets that the receiver has read */
    uint64_t most;     /* octets to write in all */
    ft_time starts_at;
    ft_time ends_at; /* writes no more after it; 0: goes on */
};

struct pair {
    struct ft_config config[2]; /* pair_init() fills them in */
    uint32_t mtu;
    uint32_t if_flags; /* FT_IF_TX_CSUM | FT_IF_TSO: frames of many segments */
    struct ft_stack *stack[2];
    int ifindex[2];
    struct pair_pipe pipe[2]; /* by the stack that sends into it */
    ft_time now;
    ft_sock listener;
    struct pair_flow flow[PAIR_FLOWS_MAX];
    unsigned n_flows;
    uint64_t dice;
    bool lazy; /* the receiver reads nothing */
};

/** Fill in defaults: 1 Gbit/s, 10 ms each way, no limit of the queue, MTU 1500. */
void pair_init(struct pair *p);

/** Make the stacks; stack 1 listens. */
void pair_start(struct pair *p);

/** Free all. */
void pair_end(struct pair *p);

/** One more connection, which begins at @at and has @most octets to send. Return: its number. */
unsigned pair_flow(struct pair *p, ft_time at, uint64_t most);

/** Let time pass. */
void pair_run(struct pair *p, ft_time span);

/** What the stack of a side says of a flow. @side: 0: the sender's */
struct ft_sock_info pair_info(const struct pair *p, unsigned flow, unsigned side);

#endif
