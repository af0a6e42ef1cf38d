/* SPDX-License-Identifier: MIT */
/*
 * Two stacks and a throwaway link between them, in virtual time, by the public interface alone. The
 * link can say that it is full (so many frames go back unsent), or keep frames and give them back
 * later, and then it verifies that nobody has touched what it was lent.
 */
#ifndef TESTS_STACK_PAIR_H
#define TESTS_STACK_PAIR_H

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

#define PAIR_BATCH    16
#define PAIR_HELD_MAX 128
#define PAIR_BUF      2048

struct pair_host;

struct pair_mem {
    uint64_t n_allocs, n_live, octets_live;
    uint64_t fail_at; /* this one fails; 0: none */
    bool fail_from;   /* and all after it */
    uint64_t n_failed;
};

/* A frame that the link keeps: the stack's, and what it said when it came. */
struct pair_kept {
    struct ft_frame frame;
    uint8_t *buf;
    uint8_t *octets;
    size_t len;
};

struct pair_host {
    struct ft_stack *stack;
    struct pair_mem mem;
    int ifindex;
    struct pair_kept kept[PAIR_HELD_MAX];
    unsigned n_kept;
};

struct pair {
    struct pair_host host[2];
    struct ft_config config; /* of both */
    uint32_t if_flags;
    ft_time now;
    uint64_t random;
    unsigned refuse_1_in; /* a batch in so many is cut short by the link; 0: none */
    unsigned keep;        /* frames that the link keeps before it gives the oldest back */
    bool unplugged;       /* what is sent arrives nowhere */
    bool unchecked;
    uint64_t n_refused;
    ft_sock listener, client, server;
    uint64_t sent[2], got[2]; /* octets of the stream from client (0) and server (1) */
};

/** Fill in defaults. */
void pair_init(struct pair *p);

/** Make both stacks. Return: 0, or the error of the first call that failed. */
int pair_start(struct pair *p);

/** Give all kept frames back, close what is open, free the stacks, assert that nothing is left. */
void pair_end(struct pair *p);

/** Carry frames until both are silent. */
void pair_carry(struct pair *p);

/** Give all kept frames back. @sent: whether they count as sent. */
void pair_give_back(struct pair *p, unsigned who, bool sent);

/** Let time pass, carrying. */
void pair_after_ms(struct pair *p, uint64_t ms);

/** Listen at 1, begin to connect at 0. Return: 0; the first error. */
int pair_connect(struct pair *p);

/** Accept what waits. Return: whether p->server is there. */
bool pair_accept(struct pair *p);

/** Write as much of the pattern as fits, up to @n. Return: octets or -errno. */
ssize_t pair_write(struct pair *p, unsigned who, size_t n);

/** Read and verify all that is there. Return: octets; 0: end; -errno. */
ssize_t pair_read(struct pair *p, unsigned who);

/** Random number below @n. */
uint32_t pair_below(struct pair *p, uint32_t n);

#endif
