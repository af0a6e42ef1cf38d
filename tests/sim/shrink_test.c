/* SPDX-License-Identifier: MIT */
/*
 * The search for the smallest part that fails. What fails is a rule here instead of a world, so
 * that the least part is known beforehand and the tries can be counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/priv.h"

#define N_CONNS   300
#define N_FAULTS  200
#define N_HOSTS   8 /* of each kind */
#define TRIES_MAX 1000

/* What fails: in one seed, whatever holds @least and has all of the troubles that it needs. */
struct rule {
    struct sim_cut least;
    uint64_t needs; /* troubles that must not be taken out */
    uint64_t seed;
    int32_t blamed;
    uint32_t tries;
    uint32_t tries_max; /* then time is up */
};

static bool contains(const uint64_t *set, const uint64_t *part, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (sim_bit(part, i) && !sim_bit(set, i))
            return false;
    }
    return true;
}

static bool rule_fails(void *context, uint64_t seed, const struct sim_cut *cut,
                       struct sim_result *ret)
{
    struct rule *rule = context;

    if (rule->tries >= rule->tries_max)
        return false;
    rule->tries++;
    assert_true(cut->hosts[0] != 0 && cut->hosts[1] != 0);
    assert_true(sim_count(cut->conns, SIM_CUT_CONNS) > 0);
    if (seed != rule->seed || !contains(cut->hosts, rule->least.hosts, 128) ||
        !contains(cut->conns, rule->least.conns, SIM_CUT_CONNS) ||
        !contains(cut->faults, rule->least.faults, SIM_CUT_FAULTS) ||
        (cut->without & rule->needs) != 0 ||
        (cut->octets != 0 && cut->octets < rule->least.octets) || cut->vary < rule->least.vary)
        return false;
    memset(ret, 0, sizeof(*ret));
    ret->failed = true;
    ret->n_hosts = sim_count(cut->hosts, 128);
    ret->n_conns = sim_count(cut->conns, SIM_CUT_CONNS);
    ret->blamed = rule->blamed;
    return true;
}

static void put(uint64_t *set, uint32_t i)
{
    set[i / 64] |= UINT64_C(1) << (i % 64);
}

/* All of a large world, of which a rule says what fails. */
static struct sim_shrink search(struct rule *rule)
{
    struct sim_shrink s = {.fails = rule_fails, .context = rule, .seed = 7};

    rule->seed = 7;
    rule->blamed = -1;
    rule->tries_max = UINT32_MAX;
    s.cut.only_hosts = true;
    s.cut.only_conns = true;
    s.cut.only_faults = true;
    s.cut.hosts[0] = (1U << N_HOSTS) - 1;
    s.cut.hosts[1] = (1U << N_HOSTS) - 1;
    for (uint32_t i = 0; i < N_CONNS; i++)
        put(s.cut.conns, i);
    for (uint32_t i = 0; i < N_FAULTS; i++)
        put(s.cut.faults, i);
    s.result.blamed = -1;
    return s;
}

static uint64_t all_troubles(void)
{
    uint64_t all = 0;

    for (uint32_t i = 0; ft_sim_trouble(i, NULL) != NULL; i++)
        all |= UINT64_C(1) << i;
    return all;
}

static void assert_cut(const struct sim_cut *is, const struct rule *rule)
{
    assert_memory_equal(is->hosts, rule->least.hosts, sizeof(is->hosts));
    assert_memory_equal(is->conns, rule->least.conns, sizeof(is->conns));
    assert_memory_equal(is->faults, rule->least.faults, sizeof(is->faults));
    assert_int_equal(is->octets, rule->least.octets);
    assert_int_equal(is->without, all_troubles() & ~rule->needs);
    assert_int_equal(is->vary, rule->least.vary);
}

/* Scattered members of every set, two kinds of trouble, and a number of octets that is no power. */
static void the_least_part_is_found(void **state)
{
    struct rule rule = {.needs = 0x11, .least = {.octets = 54321}};
    struct sim_shrink s = search(&rule);

    (void)state;
    put(&rule.least.hosts[0], 3);
    put(&rule.least.hosts[0], 7);
    put(&rule.least.hosts[1], 5);
    put(rule.least.conns, 0);
    put(rule.least.conns, 64);
    put(rule.least.conns, N_CONNS - 1);
    put(rule.least.faults, 1);
    put(rule.least.faults, 130);
    ft_sim_shrink(&s);
    assert_cut(&s.cut, &rule);
    assert_int_equal(s.result.n_conns, 3);
    assert_true(rule.tries < TRIES_MAX);
}

/* One of each kind of host and one conversation must stay in any world. */
static void what_always_fails_shrinks_to_almost_nothing(void **state)
{
    struct rule rule = {.least = {.octets = 1}};
    struct sim_shrink s = search(&rule);

    (void)state;
    ft_sim_shrink(&s);
    assert_int_equal(sim_count(s.cut.hosts, 128), 2);
    assert_int_equal(sim_count(s.cut.conns, SIM_CUT_CONNS), 1);
    assert_int_equal(sim_count(s.cut.faults, SIM_CUT_FAULTS), 0);
    assert_int_equal(s.cut.without, all_troubles());
    assert_int_equal(s.cut.octets, 1);
    assert_true(rule.tries < 100);
}

static void what_never_fails_again_is_left_whole(void **state)
{
    struct rule rule = {0};
    struct sim_shrink s = search(&rule);
    struct sim_cut whole = s.cut;

    (void)state;
    rule.seed = 8;
    ft_sim_shrink(&s);
    assert_memory_equal(&s.cut, &whole, sizeof(whole));
    assert_int_equal(s.seed, 7);
    assert_true(rule.tries < 3 * (N_CONNS + N_FAULTS + 2 * N_HOSTS));
}

/* Alone on its cables the one to blame fails only where other frames are lost. */
static void the_one_to_blame_is_tried_alone_with_other_chances(void **state)
{
    struct rule rule = {.least = {.octets = 1, .vary = 9}};
    struct sim_shrink s = search(&rule);

    (void)state;
    rule.blamed = 70;
    s.result.blamed = 70;
    put(&rule.least.hosts[0], 0);
    put(&rule.least.hosts[1], 0);
    put(rule.least.conns, 70);
    ft_sim_shrink(&s);
    assert_cut(&s.cut, &rule);
    assert_true(rule.tries < 200);
}

/* A rule without any order: a part may hold while smaller and larger ones fail. */
static bool chance_fails(void *context, uint64_t seed, const struct sim_cut *cut,
                         struct sim_result *ret)
{
    struct rule *rule = context;
    uint64_t mixed = seed ^ rule->seed;
    uint32_t one;

    for (uint32_t i = 0; i < SIM_CUT_CONNS / 64; i++)
        mixed = sim_mix(mixed ^ cut->conns[i] ^ sim_mix(cut->faults[i]));
    mixed = sim_mix(mixed ^ cut->hosts[0] ^ cut->hosts[1] << 32 ^ cut->octets << 40);
    mixed = sim_mix(mixed ^ cut->without ^ (uint64_t)cut->vary << 32);
    rule->tries++;
    memset(ret, 0, sizeof(*ret));
    one = (uint32_t)(mixed % N_CONNS);
    ret->blamed = (int32_t)one;
    return sim_bit(cut->conns, one) && mixed >> 60 < 5;
}

static void the_search_ends_whatever_fails(void **state)
{
    (void)state;
    for (uint64_t salt = 1; salt <= 200; salt++) {
        struct rule rule = {0};
        struct sim_shrink s = search(&rule);

        rule.seed = salt;
        s.fails = chance_fails;
        s.result.blamed = (int32_t)(salt % N_CONNS);
        ft_sim_shrink(&s);
        assert_true(rule.tries < 20 * TRIES_MAX);
    }
}

/* What was found before stays: time that is up costs nothing but what was not tried. */
static void time_that_is_up_ends_it_with_the_smallest_so_far(void **state)
{
    (void)state;
    for (uint32_t tries = 0; tries < 60; tries++) {
        struct rule rule = {.least = {.octets = 100}};
        struct sim_shrink s = search(&rule);
        struct sim_result result;

        put(rule.least.conns, 150);
        rule.tries_max = tries;
        ft_sim_shrink(&s);
        rule.tries_max = UINT32_MAX;
        assert_true(rule.tries <= tries);
        assert_true(rule_fails(&rule, s.seed, &s.cut, &result));
    }
}

static void another_seed_may_fail_with_two_hosts(void **state)
{
    struct rule rule = {0};
    struct sim_shrink s = search(&rule);

    (void)state;
    rule.seed = 1234;
    put(rule.least.conns, 1);
    assert_true(ft_sim_shrink_elsewhere(&s));
    assert_int_equal(s.seed, 1234);
    assert_int_equal(s.cut.hosts[0], 1);
    assert_int_equal(s.cut.hosts[1], 1);
    assert_int_equal(s.cut.conns[0], 3);
    rule.tries = 0;
    rule.seed = 0;
    assert_false(ft_sim_shrink_elsewhere(&s));
    assert_int_equal(s.seed, 1234);
    assert_true(rule.tries <= 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_part_is_found),
        cmocka_unit_test(what_always_fails_shrinks_to_almost_nothing),
        cmocka_unit_test(what_never_fails_again_is_left_whole),
        cmocka_unit_test(the_one_to_blame_is_tried_alone_with_other_chances),
        cmocka_unit_test(the_search_ends_whatever_fails),
        cmocka_unit_test(time_that_is_up_ends_it_with_the_smallest_so_far),
        cmocka_unit_test(another_seed_may_fail_with_two_hosts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
