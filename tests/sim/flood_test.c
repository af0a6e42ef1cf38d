/* SPDX-License-Identifier: MIT */
/*
 * Under a flood of SYNs, and beside clients who take up a server's memory, honest conversations go
 * on: at no less than half their speed, in virtual time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/priv.h"

/* Run a seed of a scenario without one of its troubles; NULL: with all. @octets: of one end at
   most; 0: as drawn. Free it afterwards. */
static struct sim_world *run(const char *scenario, uint64_t seed, uint64_t octets,
                             const char *without)
{
    struct sim_options options = {.seed = seed, .scenario = scenario, .cut.octets = octets};
    struct sim_world *world;

    for (uint32_t i = 0; without != NULL && ft_sim_trouble(i, NULL) != NULL; i++) {
        if (strcmp(ft_sim_trouble(i, NULL), without) == 0)
            options.cut.without |= UINT64_C(1) << i;
    }
    world = ft_sim_world_new(&options);
    assert_non_null(world);
    ft_sim_world_run(world);
    if (world->failed)
        fail_msg("seed %u: %s", (unsigned)seed, world->sentence);
    return world;
}

/* How long all conversations of clients who read at once took together; frees the world. */
static ft_time honest_time(struct sim_world *world)
{
    ft_time total = 0;

    for (uint32_t i = 0; i < world->plan.n_conns; i++) {
        if (world->plan.conn[i].side[0].read_after != 0)
            continue;
        assert_int_equal(world->app[2 * i].error, 0);
        total += world->app[2 * i].done_at - world->plan.conn[i].start;
    }
    ft_sim_world_free(world);
    return total;
}

static void assert_half_speed(uint64_t seed, ft_time calm, ft_time attacked)
{
    print_message("# seed %u: %u ms in calm, %u ms under attack\n", (unsigned)seed,
                  (unsigned)(calm / FT_MS), (unsigned)(attacked / FT_MS));
    assert_true(attacked <= 2 * calm);
}

/* proves: A-90 */
static void the_honest_have_half_their_speed_in_a_flood(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct sim_world *calm = run("syn-flood", seed, 60000, "flood");
        struct sim_world *flooded = run("syn-flood", seed, 60000, NULL);

        assert_true(calm->n_forged <= 5000);
        assert_true(flooded->n_forged > 5000);
        assert_half_speed(seed, honest_time(calm), honest_time(flooded));
    }
}

/* proves: A-92 */
static void the_honest_have_half_their_speed_beside_misers(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct sim_world *calm = run("sockstress", seed, 0, "poverty");
        struct sim_world *poor = run("sockstress", seed, 0, NULL);

        assert_true(poor->counters.tcp_misers_evicted > 0);
        assert_half_speed(seed, honest_time(calm), honest_time(poor));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_honest_have_half_their_speed_in_a_flood),
        cmocka_unit_test(the_honest_have_half_their_speed_beside_misers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
