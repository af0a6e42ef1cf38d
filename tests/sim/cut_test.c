/* SPDX-License-Identifier: MIT */
/*
 * Plans that are cut down: who is left keeps its number, who is gone does nothing, and whatever was
 * cut, the rest is a lawful world.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world_run.h"

static struct sim_plan *drawn(uint64_t seed)
{
    struct sim_plan *plan = malloc(sizeof(*plan));

    assert_non_null(plan);
    ft_sim_plan(plan, seed, 0);
    return plan;
}

static struct sim_result run(uint64_t seed, const struct sim_cut *cut)
{
    struct sim_options options = {.seed = seed, .check = true, .cut = *cut};

    return world_run(&options);
}

static void a_cut_of_nothing_changes_nothing(void **state)
{
    struct sim_cut nothing = {0};
    struct sim_cut all;
    struct sim_options options = {.seed = 3};
    struct sim_world *world = ft_sim_world_new(&options);

    (void)state;
    assert_non_null(world);
    ft_sim_what_is_left(world, &all);
    ft_sim_world_free(world);
    assert_int_equal(run(3, &nothing).trace_hash, run(3, &all).trace_hash);
}

static void no_end_sends_more_than_is_left(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct sim_cut cut = {.octets = 1 + seed * seed % 5000};
        struct sim_plan *plan = drawn(seed);

        assert_true(ft_sim_cut(plan, &cut));
        for (uint32_t i = 0; i < plan->n_conns; i++) {
            const struct sim_side_plan *side = plan->conn[i].side;

            for (int k = 0; k < 2; k++) {
                assert_true(side[k].octets <= cut.octets);
                if (side[0].turn != 0 && side[1].turn != 0)
                    assert_int_equal(side[k].octets % side[k].turn, 0);
            }
            if (side[0].turn != 0 && side[1].turn != 0)
                assert_int_equal(side[0].octets / side[0].turn, side[1].octets / side[1].turn);
            assert_true(side[0].abort_at <= side[0].octets + side[1].octets);
        }
        free(plan);
    }
}

static void conversations_go_to_hosts_that_are_left(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct sim_cut cut = {.only_hosts = true, .hosts = {1, 1}};
        struct sim_plan *plan = drawn(seed);

        assert_true(ft_sim_cut(plan, &cut));
        for (uint32_t i = 0; i < plan->n_conns; i++) {
            const struct sim_conn_plan *c = &plan->conn[i];

            assert_int_equal(c->host[0], 0);
            assert_int_equal(c->host[1], plan->n_clients);
            if (c->family == 6) {
                assert_true(plan->host[c->host[0]].mtu >= 1280);
                assert_true(plan->host[c->host[1]].mtu >= 1280);
            }
        }
        free(plan);
    }
}

static void a_world_needs_a_client_and_a_server(void **state)
{
    struct sim_cut no_server = {.only_hosts = true, .hosts = {1, 0}};
    struct sim_cut no_client = {.only_hosts = true, .hosts = {0, 1}};
    struct sim_plan *plan = drawn(1);

    (void)state;
    assert_false(ft_sim_cut(plan, &no_server));
    free(plan);
    plan = drawn(1);
    assert_false(ft_sim_cut(plan, &no_client));
    free(plan);
}

static void a_cable_whose_cut_is_gone_is_not_healed_either(void **state)
{
    struct sim_cut none = {.only_faults = true};
    uint32_t n_faults = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct sim_plan *plan = drawn(seed);

        n_faults += plan->n_faults;
        assert_true(ft_sim_cut(plan, &none));
        assert_int_equal(plan->n_faults, 0);
        free(plan);
    }
    assert_true(n_faults > 0);
}

static void without_any_trouble_a_plan_is_calm(void **state)
{
    struct sim_cut cut = {0};

    (void)state;
    for (uint32_t i = 0; ft_sim_trouble(i, NULL) != NULL; i++)
        cut.without |= UINT64_C(1) << i;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct sim_plan *plan = drawn(seed);

        assert_true(ft_sim_cut(plan, &cut));
        assert_true(ft_sim_plan_is_calm(plan));
        free(plan);
    }
}

/* Whatever is taken out, no oracle may fail for that. */
static void a_world_that_is_cut_is_lawful(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct sim_cut cut = {.without = sim_mix(seed),
                              .octets = 1 + sim_mix(seed) % 3000,
                              .only_hosts = true,
                              .hosts = {1, 1},
                              .only_conns = true,
                              .conns = {sim_mix(seed + 100) | 1}};
        struct sim_result result = run(seed, &cut);

        if (result.failed)
            fail_msg("seed %llu: %s", (unsigned long long)seed, result.sentence);
        assert_int_equal(result.n_hosts, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_of_nothing_changes_nothing),
        cmocka_unit_test(no_end_sends_more_than_is_left),
        cmocka_unit_test(conversations_go_to_hosts_that_are_left),
        cmocka_unit_test(a_world_needs_a_client_and_a_server),
        cmocka_unit_test(a_cable_whose_cut_is_gone_is_not_healed_either),
        cmocka_unit_test(without_any_trouble_a_plan_is_calm),
        cmocka_unit_test(a_world_that_is_cut_is_lawful),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
