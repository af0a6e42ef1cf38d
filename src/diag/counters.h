/* SPDX-License-Identifier: MIT */
/*
 * Counters by name: every field of struct ft_counters with its name and what it counts.
 */
#ifndef DIAG_COUNTERS_H
#define DIAG_COUNTERS_H

#include <fourtuple/diag.h>

/**
 * Tell all counters, in the order of the header: verdicts (rx_active, rx_drop_checksum ...), the
 * others, then gauges (now_memory ...).
 *
 * @each: called for each; name and text are constant
 */
void counters_each(const struct ft_counters *counters,
                   void (*each)(void *ctx, const char *name, uint64_t value, const char *text),
                   void *ctx);

/** The name of a verdict (active, drop_checksum ...); "unknown" for what is none. */
const char *counters_verdict(unsigned verdict);

#endif
