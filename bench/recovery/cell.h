/* SPDX-License-Identifier: MIT */
/*
 * The cells of the grid: paths on which TCP is measured, in virtual time and in real time alike.
 */
#ifndef RECOVERY_CELL_H
#define RECOVERY_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fourtuple/types.h>

#define FLOWS_MAX 8

struct cell {
    const char *name;
    unsigned mbit, rtt_ms;
    double bdps;        /* the buffer before the bottleneck, in bandwidth-delay products */
    const char *faults; /* more of what --link takes, with a comma before it */
    unsigned n_flows;
    bool quick; /* of the short grid, which CI runs in virtual time */
    bool ecn;   /* both ends speak ECN (RFC 3168) */
};

/** The cell of a number. Return: NULL: there are no more. */
const struct cell *cell_at(size_t i);

/** The cell of a name. Return: NULL: there is none. */
const struct cell *cell_find(const char *name);

/** The path of a cell as --link takes it. @ret: @len octets, 200 are enough */
void cell_link(const struct cell *cell, char *ret, size_t len);

/** How long a measurement takes that is to be believed: 10 s, or 100 round trips. */
ft_time cell_span(const struct cell *cell);

/** Octets that a buffer must hold at either end: four times the path and the queue. */
uint64_t cell_window(const struct cell *cell);

#endif
