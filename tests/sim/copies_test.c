/* SPDX-License-Identifier: MIT */
/*
 * A datagram is received no more often than it has reached the host, where the network makes
 * copies, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/priv.h"

static struct sim_world *world_of(const char *scenario, const char *link)
{
    struct sim_options options = {.seed = 1, .scenario = scenario, .link = link};
    struct sim_world *world = ft_sim_world_new(&options);

    assert_non_null(world);
    return world;
}

/* Every copy that is received is one that was seen to arrive. */
static void copies_that_arrive_are_counted(void **state)
{
    struct sim_world *world = world_of("datagrams", "dup=30%,loss=1%");
    uint32_t n_left = 0;

    (void)state;
    ft_sim_world_run(world);
    if (world->failed)
        fail_msg("%s", world->sentence);
    for (uint32_t i = 0; i < 2 * world->plan.n_conns; i++) {
        for (uint32_t k = 0; k < SIM_DATAGRAMS_MAX; k++)
            n_left += world->app[i].copies[k];
    }
    /* Nothing is lost between a link and its socket here, but for what comes after a close. */
    assert_in_range(n_left, 0, 20);
    assert_true(world->octets > 10000);
    ft_sim_world_free(world);
}

static void a_copy_too_many_fails(void **state)
{
    struct sim_world *world = world_of("datagrams", "dup=30%,loss=1%");

    (void)state;
    world->app[0].copies[5] = 2;
    ft_sim_copy_taken(&world->app[0], 5);
    ft_sim_copy_taken(&world->app[0], 5);
    assert_false(world->failed);
    ft_sim_copy_taken(&world->app[0], 5);
    assert_true(world->failed);
    assert_non_null(strstr(world->sentence, "more often than it has arrived"));
    ft_sim_world_free(world);
}

/* A stack that gave no datagram to anybody once passed: what was given was counted, and not read.
 */
static void a_socket_that_is_given_nothing_fails(void **state)
{
    struct sim_world *world = world_of("datagrams", "dup=30%,loss=1%");

    (void)state;
    ft_sim_world_run(world);
    assert_false(world->failed);
    ft_sim_oracle_pair(world, 0);
    assert_false(world->failed);
    world->app[1].datagrams_taken = 0;
    ft_sim_oracle_pair(world, 0);
    assert_true(world->failed);
    assert_non_null(strstr(world->sentence, "was given no datagram"));
    ft_sim_world_free(world);
}

/* ... and so did one that sent none. */
static void where_nothing_is_lost_an_echo_comes_back(void **state)
{
    struct sim_world *world = world_of("datagrams", "dup=0%,loss=0%");

    (void)state;
    ft_sim_world_run(world);
    assert_false(world->failed);
    for (int i = 0; i < 2; i++) {
        world->app[i].datagrams_taken = 0;
        world->app[i].whole = 0;
    }
    ft_sim_oracle_pair(world, 0);
    assert_true(world->failed);
    assert_non_null(strstr(world->sentence, "not one has come back"));
    ft_sim_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_that_arrive_are_counted),
        cmocka_unit_test(a_copy_too_many_fails),
        cmocka_unit_test(a_socket_that_is_given_nothing_fails),
        cmocka_unit_test(where_nothing_is_lost_an_echo_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
