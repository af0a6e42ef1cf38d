/* SPDX-License-Identifier: MIT */
/*
 * Arguments and scenario text that are wrong: each is refused, and told by its line and word.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

#include "lib_world.h"

static void start(struct ft_sim_host *host, void *ctx)
{
    (void)host;
    (void)ctx;
}

static void bad_configurations_are_refused(void **state)
{
    struct ft_sim_config config;
    struct ft_sim *sim = NULL;

    (void)state;
    ft_sim_config_init(&config);
    config.size--;
    assert_int_equal(ft_sim_new(&config, &sim), -EINVAL);
    ft_sim_config_init(&config);
    config.timers_max = 0;
    assert_int_equal(ft_sim_new(&config, &sim), -EINVAL);
    ft_sim_config_init(&config);
    config.host.allocator.alloc = NULL;
    assert_int_equal(ft_sim_new(&config, &sim), -EINVAL);
    ft_sim_config_init(&config);
    config.pcap = "/nonexistent/file";
    assert_int_equal(ft_sim_new(&config, &sim), -ENOENT);
    assert_null(sim);
    ft_sim_free(NULL);
}

static void bad_hosts_are_refused(void **state)
{
    static const struct {
        const char *name, *addrs;
        uint32_t mtu;
        int error;
    } cases[] = {
        {"", NULL, 0, -EINVAL},
        {"a b", NULL, 0, -EINVAL},
        {"sixteen.octets.x", NULL, 0, -EINVAL},
        {"a", NULL, 0, -EEXIST},
        {"s", NULL, 0, -EEXIST},
        {"b", "10.1.0.1/24 nonsense", 0, -EINVAL},
        {"b", "10.1.0.300/24", 0, -EINVAL},
        {"b", "224.0.0.1/24", 0, -EINVAL},
        {"b", "10.9.0.1/24", 0, -EEXIST},
        {"b", "10.1.0.1/24 10.1.0.1/16", 0, -EEXIST},
        {"b", NULL, 67, -EINVAL},
        {"b", NULL, 9001, -EINVAL},
        {"b", "fd00::1/64", 1279, -EINVAL},
    };
    struct ft_sim *sim = lib_world(1);
    struct ft_sim_host *host = NULL;
    struct sockaddr_storage name;

    (void)state;
    (void)lib_add_host(sim, "a");
    assert_int_equal(ft_sim_switch_add(sim, "s"), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(ft_sim_host_add(sim, cases[i].name, cases[i].addrs, cases[i].mtu, &host),
                         cases[i].error);
    }
    assert_null(host);
    assert_null(ft_sim_host_find(sim, "b"));
    assert_null(ft_sim_host_find(sim, "s"));
    assert_int_equal(ft_sim_host_add(sim, "b", "10.1.0.1/24 fd00::1/64", 1280, &host), 0);
    assert_string_equal(ft_sim_host_name(host), "b");
    assert_int_equal(ft_sim_sockaddr(host, AF_INET, 1, &name), sizeof(struct sockaddr_in));
    assert_int_equal(ft_sim_sockaddr(host, AF_INET6, 1, &name), sizeof(struct sockaddr_in6));
    assert_int_equal(ft_sim_sockaddr(host, AF_UNIX, 1, &name), 0);
    assert_int_equal(ft_sim_host_add(sim, "c", NULL, 576, &host), 0); /* too small for IPv6 */
    assert_int_equal(ft_sim_sockaddr(host, AF_INET6, 1, &name), 0);
    ft_sim_free(sim);
}

static void hosts_and_switches_have_their_limits(void **state)
{
    struct ft_sim *sim = lib_world(1);
    struct ft_sim_app app = {start, NULL, NULL};
    struct ft_sim_host *host = NULL;
    char name[FT_SIM_NAME_MAX];

    (void)state;
    for (int i = 0; i < FT_SIM_HOSTS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "h%d", i);
        (void)lib_add_host(sim, name);
    }
    assert_int_equal(ft_sim_host_add(sim, "more", NULL, 0, &host), -ENOSPC);
    for (int i = 0; i < FT_SIM_SWITCHES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "s%d", i);
        assert_int_equal(ft_sim_switch_add(sim, name), 0);
    }
    assert_int_equal(ft_sim_switch_add(sim, "more"), -ENOSPC);
    assert_int_equal(ft_sim_run(sim, FT_SEC), -ENOSPC); /* no switch left for "net" */
    host = ft_sim_host_find(sim, "h0");
    for (int i = 0; i < FT_SIM_APPS_MAX; i++)
        assert_int_equal(ft_sim_app_add(host, &app), 0);
    assert_int_equal(ft_sim_app_add(host, &app), -ENOSPC);
    app.start = NULL;
    assert_int_equal(ft_sim_app_add(host, &app), -EINVAL);
    ft_sim_free(sim);
}

static void bad_cables_are_refused(void **state)
{
    struct ft_sim *sim = lib_world(1);
    char why[200] = "";

    (void)state;
    (void)lib_add_host(sim, "a");
    (void)lib_add_host(sim, "b");
    for (int i = 0; i < 3; i++)
        assert_int_equal(ft_sim_switch_add(sim, (const char *[]){"s", "t", "u"}[i]), 0);
    assert_int_equal(ft_sim_link(sim, "a", "x", NULL, NULL, 0), -ENOENT);
    assert_int_equal(ft_sim_link(sim, "a", "a", NULL, why, sizeof(why)), -EINVAL);
    assert_string_equal(why, "a cannot be linked to itself");
    assert_int_equal(ft_sim_link(sim, "a", "s", "loss=200%", why, sizeof(why)), -EINVAL);
    assert_non_null(strstr(why, "loss=200%"));
    assert_int_equal(ft_sim_link(sim, "a", "s", "loss=200%", NULL, 0), -EINVAL);
    assert_int_equal(ft_sim_link(sim, "a", "s", "", NULL, 0), 0);
    assert_int_equal(ft_sim_link(sim, "a", "b", NULL, NULL, 0), -EBUSY);
    assert_int_equal(ft_sim_link(sim, "a", "t", NULL, NULL, 0), -EBUSY);
    assert_int_equal(ft_sim_link(sim, "s", "t", NULL, NULL, 0), 0);
    assert_int_equal(ft_sim_link(sim, "t", "u", NULL, NULL, 0), 0);
    assert_int_equal(ft_sim_link(sim, "u", "s", NULL, NULL, 0), -ELOOP);
    assert_int_equal(ft_sim_link(sim, "s", "a", "delay=3ms", NULL, 0), 0); /* changes it */
    ft_sim_free(sim);
}

static void a_wrong_line_is_named_with_its_word(void **state)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"hots a", "line 1: 'hots' is not known; a line begins with switch, host, at TIME, link, "
                   "cut, partition, heal, calm, crash or restart"},
        {"\n# nothing\nhost", "line 3: a host needs a name"},
        {"host a\nhost a", "line 2: 'a' or one of its addresses exists already"},
        {"host a 10.0.0.1/33", "line 1: 'a 10.0.0.1/33' is no name with ADDRESS/LENGTH and mtu=N"},
        {"host a mtu=12", "line 1: 'mtu=12' is no number from 68 to 9000; write it as mtu=1400"},
        {"switch", "line 1: a switch needs a name"},
        {"switch a b", "line 1: 'b' is one word too many"},
        {"switch a\nswitch a", "line 2: 'a' exists already"},
        {"switch a/b", "line 1: 'a/b' is no name"},
        {"host a\nlink a", "line 2: '(end of line)' is no host or switch"},
        {"host a\nlink a q", "line 2: 'q' is no host or switch"},
        {"host a\nhost b\nlink a b lose=1%", NULL},
        {"host a\nhost b\nlink a b loss=1% x", "line 3: 'x' is one word too many"},
        {"host a\nlink a a", "line 2: 'a' cannot be linked to itself"},
        {"host a\nhost b\nhost c\nlink a b\nlink a c", "line 5: 'a' or 'c' has a cable already"},
        {"switch a\nswitch b\nlink a b\nswitch c\nlink b c\nlink c a",
         "line 6: 'c' and 'a' are joined already"},
        {"at", "line 1: '(end of line)' is no time; write it as 250ms or 1.5s"},
        {"at 5 heal", "line 1: '5' is no time up to 3600s; write it as 250ms or 1.5s"},
        {"at 5s,loss=1% heal", "line 1: '5s,loss=1%' is no time; write it as 250ms or 1.5s"},
        {"at 5s", "line 1: '(end of line)' is not known; a line begins with at TIME and link, cut, "
                  "partition, heal, calm, crash or restart"},
        {"at 5s host a", "line 1: 'host' is not known; a line begins with at TIME and link, cut, "
                         "partition, heal, calm, crash or restart"},
        {"host a\nat 5s crash b", "line 2: 'b' is no host"},
        {"host a\nat 5s crash a a", "line 2: 'a' is one word too many"},
        {"host a\nat 5s cut a", "line 2: '(end of line)' is no host"},
        {"host a\nhost b\nat 5s cut a > > b", "line 3: '>' is no host"},
        {"host a\nhost b\nat 5s partition | a", "line 3: '|' is no host"},
        {"host a\nhost b\nat 5s partition a |", "line 3: '(end of line)' is no host"},
        {"at 5s heal me", "line 1: 'me' is one word too many"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ft_sim *sim = lib_world(1);
        char why[300] = "";

        assert_true(ft_sim_scenario(sim, cases[i].text, why, sizeof(why)) < 0);
        if (cases[i].sentence != NULL)
            assert_string_equal(why, cases[i].sentence);
        else
            assert_non_null(strstr(why, "line 3: lose=1% is not known"));
        assert_true(ft_sim_scenario(sim, cases[i].text, NULL, 0) < 0);
        ft_sim_free(sim);
    }
}

static void a_time_that_is_past_is_refused(void **state)
{
    struct ft_sim *sim = lib_world(1);
    char why[100];

    (void)state;
    assert_int_equal(ft_sim_run(sim, FT_SEC), 0);
    assert_int_equal(ft_sim_scenario(sim, "at 999ms heal", why, sizeof(why)), -EINVAL);
    assert_string_equal(why, "line 1: '999ms' is past");
    assert_int_equal(ft_sim_scenario(sim, "at 1s heal", why, sizeof(why)), 0);
    ft_sim_free(sim);
}

static void lines_and_words_have_their_limits(void **state)
{
    struct ft_sim *sim = lib_world(1);
    char text[700];
    char why[200];

    (void)state;
    memset(text, ' ', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(ft_sim_scenario(sim, text, why, sizeof(why)), -EINVAL);
    assert_string_equal(why, "line 1: longer than 511 octets");
    for (size_t i = 0; i < 200; i += 2)
        text[i] = 'w';
    text[200] = '\0';
    assert_int_equal(ft_sim_scenario(sim, text, why, sizeof(why)), -EINVAL);
    assert_string_equal(why, "line 1: 'w' is one word too many");
    assert_int_equal(ft_sim_scenario(sim, "hots", why, 8), -EINVAL); /* a small room is kept */
    assert_true(strlen(why) < 8);
    ft_sim_free(sim);
}

static void a_line_that_fails_at_its_time_fails_the_world(void **state)
{
    struct ft_sim *sim = lib_world(1);
    struct ft_sim_result result;

    (void)state;
    lib_scenario(sim, "host a\nhost b\nhost c\nlink a b\nat 1s link a c delay=1ms");
    assert_int_equal(ft_sim_run(sim, 2 * FT_SEC), -ECANCELED);
    ft_sim_result(sim, &result);
    assert_non_null(strstr(result.sentence, "a and c cannot be linked"));
    ft_sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_configurations_are_refused),
        cmocka_unit_test(bad_hosts_are_refused),
        cmocka_unit_test(hosts_and_switches_have_their_limits),
        cmocka_unit_test(bad_cables_are_refused),
        cmocka_unit_test(a_wrong_line_is_named_with_its_word),
        cmocka_unit_test(a_time_that_is_past_is_refused),
        cmocka_unit_test(lines_and_words_have_their_limits),
        cmocka_unit_test(a_line_that_fails_at_its_time_fails_the_world),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
