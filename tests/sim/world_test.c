/* SPDX-License-Identifier: MIT */
/*
 * Worlds: the same seed has one history, another seed another; plans stay within their bounds; the
 * oracles see what they must see.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world_run.h"

static struct sim_result run(uint64_t seed)
{
    struct sim_options options = {.seed = seed, .check = true};

    return world_run(&options);
}

static void the_same_seed_has_the_same_history(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct sim_result a = run(seed);
        struct sim_result b = run(seed);

        assert_int_equal(a.trace_hash, b.trace_hash);
        assert_int_equal(a.packets, b.packets);
        assert_int_equal(a.end, b.end);
    }
}

/* Seeds that the simulator's own mistakes once failed. */
static void what_was_no_fault_of_a_host_holds(void **state)
{
    static const uint64_t seeds[] = {
        6400,  /* a client of datagrams slept for ever */
        7316,  /* a neighbour that had not answered was given as the reason of a timeout */
        3430,  /* keep-alive ended it, and its application had read all there was */
        4839,  /* a SYN cookie knew nothing of a SYN without ECN */
        91368, /* ... which another SYN-ACK of the same number had answered */
        13240, /* ... and was silent, though another had agreed on accurate ECN */
        5859,  /* SYN-ACKs with ECN waited for a neighbour and never left */
        7131,  /* an application that read slowly heard late of what keep-alive had ended */
        75373, /* ... by both ends at once */
        93524, /* a SYN after the other's was refused began another connection */
        96170, /* probes that the link refused left as ACKs */
        38687, /* keep-alive asked, but the neighbour did not answer */
        30781, /* a server that came back knew nothing of accurate ECN */
        33696, /* ... nor a client that had had another SYN-ACK first */
        45776, /* a probe of an imported connection went by the ACK before the newest */
        50982, /* a backlog that was full each time was a reason for a reset */
        70012, /* a cookie came back after a reset that was lost */
        75831, /* what is replayed behind a NAT has a name there that nobody answers to */
        79324, /* corruption made the checksum of a datagram one that says there is none */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
        assert_false(run(seeds[i]).failed);
}

static void another_seed_has_another_history(void **state)
{
    (void)state;
    assert_int_not_equal(run(1).trace_hash, run(2).trace_hash);
}

static void octets_are_really_carried(void **state)
{
    uint64_t octets = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        octets += run(seed).octets;
    assert_true(octets > 10000);
}

/* Each fault has its own words. Two kinds shared some, and one had those behind the end of the
 * table. */
static void a_plan_names_its_faults(void **state)
{
    static const struct {
        const char *scenario, *words;
    } cases[] = {
        {"syn-flood", " SYN flood"},        {"bgp-keys", " changes keys"},
        {"migration", " goes on"},          {"forgeries", " forgery"},
        {"shrinking-path", " shrinks to "}, {"sockstress", ", memory "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sim_options options = {.seed = 1, .scenario = cases[i].scenario};
        struct sim_world *world = ft_sim_world_new(&options);
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);

        assert_non_null(world);
        assert_non_null(out);
        ft_sim_print_plan(world, out);
        fclose(out);
        if (strstr(text, cases[i].words) == NULL)
            fail_msg("%s: the plan does not say \"%s\":\n%s", cases[i].scenario, cases[i].words,
                     text);
        free(text);
        ft_sim_world_free(world);
    }
}

static void a_plan_keeps_its_bounds(void **state)
{
    struct sim_plan *plan = malloc(sizeof(*plan));

    (void)state;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        ft_sim_plan(plan, seed, seed % 3 == 0 ? 3600 * FT_SEC : 0);
        assert_in_range(plan->n_hosts, 2, SIM_HOSTS_MAX);
        assert_in_range(plan->n_conns, 1, SIM_CONNS_MAX);
        assert_true(plan->n_faults <= SIM_FAULTS_MAX);
        for (uint32_t i = 0; i < plan->n_conns; i++) {
            const struct sim_conn_plan *c = &plan->conn[i];

            assert_false(plan->host[c->host[0]].is_server);
            assert_true(plan->host[c->host[1]].is_server);
            assert_true(c->start < plan->heal_at);
            if (c->family == 6) {
                assert_true(plan->host[c->host[0]].mtu >= 1280);
                assert_true(plan->host[c->host[1]].mtu >= 1280);
            }
        }
        for (uint32_t i = 0; i < plan->n_faults; i++) {
            if (plan->fault[i].kind != SIM_FAULT_FORGE && plan->fault[i].kind != SIM_FAULT_REPLAY)
                assert_true(plan->fault[i].pipe <
                            2 * plan->n_hosts + (plan->n_routers > 0 ? 4 * plan->n_routers : 2));
        }
    }
    free(plan);
}

/* Two conversations must not end in the same place: ends would wait for each other for ever. */
static void somebody_always_closes_first(void **state)
{
    struct sim_plan *plan = malloc(sizeof(*plan));

    (void)state;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        ft_sim_plan(plan, seed, 0);
        for (uint32_t i = 0; i < plan->n_conns; i++) {
            const struct sim_conn_plan *c = &plan->conn[i];

            if (c->kind == SIM_STREAM || c->kind == SIM_SIMULTANEOUS)
                assert_false(c->side[0].ending == SIM_END_AFTER_EOF &&
                             c->side[1].ending == SIM_END_AFTER_EOF);
        }
    }
    free(plan);
}

static void a_stream_is_the_same_however_it_is_cut(void **state)
{
    uint8_t whole[100];
    uint8_t part[100];

    (void)state;
    ft_sim_stream(77, 1003, whole, sizeof(whole));
    for (size_t cut = 0; cut <= sizeof(whole); cut++) {
        ft_sim_stream(77, 1003, part, cut);
        ft_sim_stream(77, 1003 + cut, part + cut, sizeof(part) - cut);
        assert_memory_equal(whole, part, sizeof(whole));
    }
    ft_sim_stream(78, 1003, part, sizeof(part));
    assert_memory_not_equal(whole, part, sizeof(whole));
}

/* ---- the oracles, by themselves: a world that is not run, its ends set by hand ---- */

static struct sim_world *idle_world(void)
{
    struct sim_options options = {.seed = 1};
    struct sim_world *world = ft_sim_world_new(&options);

    assert_non_null(world);
    world->plan.conn[0].kind = SIM_STREAM;
    world->plan.conn[0].may_reset = false;
    world->plan.conn[0].side[0].octets = 100;
    world->plan.conn[0].side[1].octets = 100;
    world->app[0].sent = 100;
    world->app[1].sent = 100;
    return world;
}

static void expect_failure(struct sim_world *world, const char *words)
{
    struct sim_result result;

    ft_sim_world_result(world, &result);
    assert_true(result.failed);
    if (strstr(result.sentence, words) == NULL)
        fail_msg("the sentence is: %s", result.sentence);
    ft_sim_world_free(world);
}

static void a_wrong_octet_fails(void **state)
{
    struct sim_world *world = idle_world();
    uint8_t octets[50];

    (void)state;
    ft_sim_stream(world->plan.conn[0].key[0], 0, octets, sizeof(octets));
    ft_sim_oracle_octets(&world->app[1], octets, sizeof(octets));
    assert_false(world->failed);
    ft_sim_stream(world->plan.conn[0].key[0], 50, octets, sizeof(octets));
    octets[49] ^= 1;
    ft_sim_oracle_octets(&world->app[1], octets, sizeof(octets));
    assert_int_equal(world->app[1].received, 99);
    expect_failure(world, "differs from the one sent");
}

static void octets_delivered_twice_fail(void **state)
{
    struct sim_world *world = idle_world();
    uint8_t octets[50];

    (void)state;
    ft_sim_stream(world->plan.conn[0].key[0], 0, octets, sizeof(octets));
    ft_sim_oracle_octets(&world->app[1], octets, sizeof(octets));
    ft_sim_oracle_octets(&world->app[1], octets, sizeof(octets));
    expect_failure(world, "differs from the one sent");
}

static void octets_out_of_nowhere_fail(void **state)
{
    struct sim_world *world = idle_world();
    uint8_t octets[101];

    (void)state;
    ft_sim_stream(world->plan.conn[0].key[0], 0, octets, sizeof(octets));
    ft_sim_oracle_octets(&world->app[1], octets, sizeof(octets));
    expect_failure(world, "has not sent yet");
}

static void an_end_of_file_that_nobody_sent_fails(void **state)
{
    struct sim_world *world = idle_world();

    (void)state;
    world->app[1].received = 100;
    ft_sim_oracle_eof(&world->app[1]);
    expect_failure(world, "did not send");
}

static void an_end_of_file_that_comes_early_fails(void **state)
{
    struct sim_world *world = idle_world();

    (void)state;
    world->app[0].fin_asked = true;
    world->app[1].received = 99;
    ft_sim_oracle_eof(&world->app[1]);
    expect_failure(world, "before the last octet");
}

static void a_reset_of_the_polite_fails(void **state)
{
    struct sim_world *world = idle_world();

    (void)state;
    world->app[1].error = 104; /* ECONNRESET */
    ft_sim_oracle_pair(world, 0);
    expect_failure(world, "nobody was rude");
}

static void a_conversation_without_end_fails(void **state)
{
    struct sim_world *world = idle_world();

    (void)state;
    ft_sim_oracle_late(world);
    expect_failure(world, "has not ended");
}

/* What all routers of some seeds have done. */
static void routers_forward_and_complain(void **state)
{
    struct sim_router total = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct sim_options options = {.seed = seed};
        struct sim_world *world = ft_sim_world_new(&options);

        assert_non_null(world);
        ft_sim_world_run(world);
        for (uint32_t i = 0; i < world->plan.n_routers; i++) {
            total.n_forwarded += world->router[i].n_forwarded;
            total.n_icmp += world->router[i].n_icmp;
        }
        ft_sim_world_free(world);
    }
    assert_true(total.n_forwarded > 1000);
    assert_true(total.n_icmp > 10);
}

/* Of both families; without a draw of its own IPv6 would hardly ever pass a NAT. */
static void behind_a_nat_both_families_are_spoken(void **state)
{
    struct sim_plan *plan = malloc(sizeof(*plan));
    uint32_t n[2] = {0, 0};

    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        uint32_t mapped[2] = {0, 0};

        ft_sim_plan(plan, seed, 0);
        ft_sim_plan_settle(plan);
        for (uint32_t i = 0; i < plan->n_conns; i++)
            mapped[plan->conn[i].family == 6] += plan->conn[i].mapped;
        n[0] += mapped[0] > 0;
        n[1] += mapped[1] > 0;
    }
    free(plan);
    print_message("# of 2000 seeds %u have IPv4 behind a NAT, %u IPv6\n", n[0], n[1]);
    assert_true(n[0] > 100);
    assert_true(n[1] > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_has_the_same_history),
        cmocka_unit_test(what_was_no_fault_of_a_host_holds),
        cmocka_unit_test(another_seed_has_another_history),
        cmocka_unit_test(octets_are_really_carried),
        cmocka_unit_test(a_plan_names_its_faults),
        cmocka_unit_test(a_plan_keeps_its_bounds),
        cmocka_unit_test(somebody_always_closes_first),
        cmocka_unit_test(a_stream_is_the_same_however_it_is_cut),
        cmocka_unit_test(a_wrong_octet_fails),
        cmocka_unit_test(octets_delivered_twice_fail),
        cmocka_unit_test(octets_out_of_nowhere_fail),
        cmocka_unit_test(an_end_of_file_that_nobody_sent_fails),
        cmocka_unit_test(an_end_of_file_that_comes_early_fails),
        cmocka_unit_test(a_reset_of_the_polite_fails),
        cmocka_unit_test(a_conversation_without_end_fails),
        cmocka_unit_test(routers_forward_and_complain),
        cmocka_unit_test(behind_a_nat_both_families_are_spoken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
