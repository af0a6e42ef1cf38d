/* SPDX-License-Identifier: MIT */
/*
 * A cell in virtual time, between two hosts of ours.
 */
#ifndef RECOVERY_VIRTUAL_H
#define RECOVERY_VIRTUAL_H

#include <stdbool.h>
#include <stdint.h>

#include "cell.h"

/**
 * Measure and print a line.
 *
 * @json:  one object, else a row of a table
 * @quick: no longer than 10 s of virtual time
 */
void virtual_measure(const struct cell *cell, const char *cc, uint64_t seed, bool json, bool quick);

#endif
