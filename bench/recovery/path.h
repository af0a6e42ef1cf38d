/* SPDX-License-Identifier: MIT */
/*
 * One measurement in real time: the emulator between two hosts, or four that share a bottleneck.
 */
#ifndef RECOVERY_PATH_H
#define RECOVERY_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "cell.h"

struct path_config {
    const struct cell *cell;
    const char *cc;
    bool from_ours, to_ours; /* else the kernel's */
    bool shared;             /* beside it the kernel sends to the kernel as many flows more */
    ft_time span;
    uint64_t seed;
    unsigned processor; /* of the emulator; the hosts take the next one */
};

/** Measure, and print one JSON object on a line. */
void path_measure(const struct path_config *config);

#endif
