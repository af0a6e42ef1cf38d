/* SPDX-License-Identifier: MIT */
/*
 * Worlds that are run whole.
 */
#include "world_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct sim_result world_run(const struct sim_options *options)
{
    struct sim_world *world = ft_sim_world_new(options);
    struct sim_result result;

    assert_non_null(world);
    ft_sim_world_run(world);
    ft_sim_world_result(world, &result);
    ft_sim_world_free(world);
    return result;
}

struct sim_result scenario_run(const char *scenario, uint64_t seed, uint64_t octets)
{
    struct sim_options options = {
        .seed = seed, .scenario = scenario, .check = true, .cut.octets = octets};
    struct sim_result result = world_run(&options);

    if (result.failed)
        fail_msg("seed %u: %s", (unsigned)seed, result.sentence);
    return result;
}
