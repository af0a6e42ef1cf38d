/* SPDX-License-Identifier: MIT */
/*
 * A world from its beginning to its end, as the tests of the simulator want it.
 */
#ifndef TESTS_SIM_WORLD_RUN_H
#define TESTS_SIM_WORLD_RUN_H

#include "sim/priv.h"

/** Run a world. Whether it held is in the result. */
struct sim_result world_run(const struct sim_options *options);

/**
 * Run a world of a scenario in which everything must hold; fails the test if it does not.
 *
 * @octets: at most so many in a direction of a conversation
 */
struct sim_result scenario_run(const char *scenario, uint64_t seed, uint64_t octets);

#endif
