/* SPDX-License-Identifier: MIT */
/*
 * An end of the path in real time: a process with a host of its own, ours or the kernel's, that
 * sends on all its flows or takes what comes, and then says how much that was.
 *
 * It talks to the process that runs the emulator over a socket: it says that it is ready (the
 * kernel's end hands over its TAP with that), is told when to begin and when to end, and gives a
 * struct end_result. It ends when the socket is closed.
 */
#ifndef RECOVERY_END_H
#define RECOVERY_END_H

#include <stdbool.h>
#include <stdint.h>

#include <fourtuple/types.h>

#include "cell.h"

#define END_PORT 5001

struct end_config {
    bool ours;
    bool sends;
    uint8_t self, peer; /* 10.0.0.N and 02:00:00:00:00:N */
    const char *cc;     /* of what it sends */
    unsigned n_flows;
    bool ecn;
    uint64_t window; /* what buffers may grow to, octets */
};

struct end_flow {
    uint64_t octets;        /* taken by the application */
    uint64_t sent, retrans; /* octets as the sender counts them */
};

struct end_result {
    unsigned n_flows;
    struct end_flow flows[FLOWS_MAX];
};

struct end_span {
    ft_time begin, end; /* by CLOCK_MONOTONIC */
};

/** Run a host of the kernel's own in a network namespace that is made for it. Does not return. */
_Noreturn void end_kernel(const struct end_config *config, int control);

/** Run a host of ours. @frames: a socket that carries a frame a packet. Does not return. */
_Noreturn void end_ours(const struct end_config *config, int control, int frames);

/* ---- common to both (end.c) -------------------------------------------------------------------*/

/** Print one line and end the process. */
_Noreturn void end_die(const char *what, int error);

/** Die unless @answer is 0 or more; less is -errno. */
void end_must(int64_t answer, const char *what);

/** Nanoseconds of CLOCK_MONOTONIC. */
ft_time end_now(void);

/** What ppoll() takes. @until: an instant; past ones are now */
struct timespec end_wait(ft_time until);

/** Say that all is ready. @fd: handed over, or -1. Waits until told when to begin and to end. */
struct end_span end_ready(int control, int fd);

/** Give the result and wait until the other side is done with it. Does not return. */
_Noreturn void end_tell(int control, const struct end_result *result);

/** The other side of end_ready(). Return: the descriptor that came; -1: none. */
int end_await(int control);

#endif
