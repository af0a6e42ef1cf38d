/* SPDX-License-Identifier: MIT */
/*
 * Hosts that are replaced in mid-conversation: what goes along goes on, octet for octet, and the
 * auditor takes it for the same connection.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world_run.h"

static void what_goes_along_goes_on(void **state)
{
    uint64_t n = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct sim_result r = scenario_run("migration", seed, 300000);

        assert_int_equal(r.counters.tcp_exports, r.counters.tcp_imports);
        n += r.counters.tcp_imports;
    }
    assert_true(n > 10);
}

/* Nothing is kept from them: signed connections and accurate ECN go along. */
static void plans_let_some_hosts_go(void **state)
{
    struct sim_plan *plan = malloc(sizeof(*plan));
    uint32_t n_worlds = 0;
    uint32_t n_signed = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        bool goes;

        ft_sim_plan(plan, seed, 0);
        ft_sim_plan_settle(plan);
        goes = ft_sim_plan_has(plan, SIM_FAULT_MIGRATE);
        n_worlds += goes;
        n_signed += goes && ft_sim_plan_signs(plan);
    }
    free(plan);
    assert_in_range(n_worlds, 30, 100);
    assert_in_range(n_signed, 8, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_along_goes_on),
        cmocka_unit_test(plans_let_some_hosts_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
