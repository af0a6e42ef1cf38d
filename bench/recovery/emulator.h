/* SPDX-License-Identifier: MIT */
/*
 * The emulator: one bottleneck each way between the hosts of two sides, in real time. What it does
 * to frames is link/impair.c's, as in the simulator.
 */
#ifndef RECOVERY_EMULATOR_H
#define RECOVERY_EMULATOR_H

#include <stdbool.h>
#include <stdint.h>

#include <fourtuple/types.h>

#include "link/impair.h"

#define EMULATOR_PORTS_MAX 4

struct emulator_port {
    int fd;       /* a frame each read and write; does not block */
    uint8_t self; /* the last octet of the host's MAC address */
    uint8_t side; /* 0: senders, 1: receivers */
};

struct emulator_config {
    struct impair_config cable;
    struct emulator_port ports[EMULATOR_PORTS_MAX];
    unsigned n_ports;
    ft_time begin, end; /* of what is measured */
};

struct emulator_result {
    double queue_ms, queue_p99_ms; /* what frames of the senders had to wait for the bottleneck */
    double late_ms, late_p99_ms;   /* how much later than they should frames were handed on */
    double late_p999_ms;           /* ... the 99.9th percentile */
    double busy;                   /* share of a processor that it took */
    uint64_t n_refused; /* frames, by a host that did not read, or for want of memory: no fate of
                           the path */
};

/** How long a full queue takes to empty; 0: there is none. */
ft_time emulator_drain(const struct impair_config *cable);

/** Run until config->end. Return: 0; -errno. */
int emulator_run(const struct emulator_config *config, struct emulator_result *ret_result);

#endif
