/* SPDX-License-Identifier: MIT */
/*
 * Signed conversations: they are carried, and attackers who lack nothing but the key get nothing
 * through; which are signed is drawn apart from all else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world_run.h"

static void what_is_signed_is_carried_and_nothing_else_taken(void **state)
{
    uint64_t n_unsigned = 0, n_wrong = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct sim_result r = scenario_run("bgp-keys", seed, 60000);

        assert_true(r.octets > 100000);
        assert_true(r.counters.tcp_signed_good > 1000);
        assert_int_equal(r.counters.tcp_not_signed, 0);
        n_unsigned += r.counters.verdicts[FT_RX_DROP_UNSIGNED];
        n_wrong += r.counters.verdicts[FT_RX_DROP_SIGNATURE];
    }
    assert_true(n_unsigned > 20);
    assert_true(n_wrong > 10);
}

/* How often a line of a trace has some words. */
static unsigned n_lines(FILE *trace, const char *words)
{
    char line[512];
    unsigned n = 0;

    rewind(trace);
    while (fgets(line, sizeof(line), trace) != NULL)
        n += strstr(line, words) != NULL;
    return n;
}

/* RFC 5925 3.3: keys change while octets are under way. Each segment is signed by the one that it
   names, what is still under way by the first; so nothing is lost for it. */
static void keys_change_and_nothing_is_lost(void **state)
{
    unsigned n = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        FILE *trace = tmpfile();
        struct sim_options options = {
            .seed = seed, .scenario = "bgp-keys", .check = true, .trace = trace};
        struct sim_result r;

        assert_non_null(trace);
        r = world_run(&options);
        if (r.failed)
            fail_msg("seed %u: %s", (unsigned)seed, r.sentence);
        n += n_lines(trace, "changes its key");
        fclose(trace);
    }
    assert_true(n >= 3);
}

/* Each pair has keys of its own, and what one sends by is what the other expects. */
static void a_pair_has_one_key_and_two_ids(void **state)
{
    static struct sim_world world;
    struct sim_pair pair = {.kind = SIM_KEY_AO, .own = 1, .peer = 4};
    struct sim_pair back = {.kind = SIM_KEY_AO, .own = 4, .peer = 1};
    struct sim_pair other = {.kind = SIM_KEY_AO, .own = 2, .peer = 4};
    struct sim_audit_key a, b, c;

    (void)state;
    ft_sim_key(&world, &pair, &a);
    ft_sim_key(&world, &back, &b);
    ft_sim_key(&world, &other, &c);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.octets, b.octets, sizeof(a.octets));
    assert_int_equal(a.key_id, b.rnext_id);
    assert_int_equal(a.rnext_id, b.key_id);
    assert_memory_not_equal(a.octets, c.octets, sizeof(a.octets));
}

/* RFC 5925 9.2: what a NAT renames cannot be signed. */
static void behind_a_nat_nothing_is_signed(void **state)
{
    struct sim_plan *plan = malloc(sizeof(*plan));
    uint32_t n_signed = 0, n_worlds = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        ft_sim_plan(plan, seed, 0);
        ft_sim_plan_settle(plan);
        n_worlds += ft_sim_plan_signs(plan);
        for (uint32_t i = 0; i < plan->n_conns; i++) {
            n_signed += plan->conn[i].key_kind != SIM_KEY_NONE;
            assert_false(plan->conn[i].mapped && plan->conn[i].key_kind != SIM_KEY_NONE);
        }
    }
    free(plan);
    assert_in_range(n_worlds, 15, 60);
    assert_true(n_signed > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_signed_is_carried_and_nothing_else_taken),
        cmocka_unit_test(keys_change_and_nothing_is_lost),
        cmocka_unit_test(a_pair_has_one_key_and_two_ids),
        cmocka_unit_test(behind_a_nat_nothing_is_signed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
