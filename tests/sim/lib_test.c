/* SPDX-License-Identifier: MIT */
/*
 * The simulator as a library: applications as callbacks in virtual time, faults at their times,
 * what fails and how it is told, and the same run for the same seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "lib_world.h"

static void two_hosts_talk_on_the_usual_switch(void **state)
{
    static const int families[] = {AF_INET, AF_INET6};
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM};

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct ft_sim *sim = lib_world(1);
        struct lib_echo e = {.n_want = 300, .family = families[i / 2], .type = types[i % 2]};

        lib_play(&e, lib_add_host(sim, "client"), lib_add_host(sim, "server"));
        assert_int_equal(ft_sim_run(sim, FT_SEC), 0);
        assert_int_equal(e.n_back, 300);
        assert_int_equal(e.error, 0);
        assert_int_equal(ft_sim_now(sim), FT_SEC);
        ft_sim_free(sim);
    }
}

static void a_cable_delays_as_it_is_told(void **state)
{
    struct ft_sim *sim = lib_world(1);
    struct lib_echo e = {.n_want = 1000};

    (void)state;
    lib_scenario(sim, "host a 10.1.0.1/24\nhost b 10.1.0.2/24\nlink a b delay=10ms\n");
    lib_play(&e, ft_sim_host_find(sim, "a"), ft_sim_host_find(sim, "b"));
    assert_int_equal(ft_sim_run(sim, FT_TIME_NEVER), 0);
    /* ARP, then SYN and SYN-ACK: two round trips of 20 ms. */
    assert_int_equal(e.connected_at, 40 * FT_MS);
    assert_in_range(e.done_at, 60 * FT_MS, 61 * FT_MS);
    ft_sim_free(sim);
}

static void cables_pass_two_switches_and_add_up(void **state)
{
    struct ft_sim *sim = lib_world(1);
    struct lib_echo e = {.n_want = 1000};

    (void)state;
    lib_scenario(sim, "switch s1\nswitch s2 # two of them\nhost a\nhost b\n\n"
                      "link a s1 delay=1ms\nlink s1 s2 delay=20ms\nlink b s2 delay=3ms");
    lib_play(&e, ft_sim_host_find(sim, "a"), ft_sim_host_find(sim, "b"));
    assert_int_equal(ft_sim_run(sim, FT_SEC), 0);
    assert_int_equal(e.connected_at, 4 * 24 * FT_MS);
    ft_sim_free(sim);
}

static void a_cable_can_be_changed_while_it_is_used(void **state)
{
    struct ft_sim *sim = lib_world(1);
    struct lib_echo e = {.n_want = 400000};

    (void)state;
    lib_scenario(sim, "host a\nhost b\nlink a b delay=5ms,rate=8mbit\n"
                      "at 100ms link a b delay=5ms,rate=800kbit");
    lib_play(&e, ft_sim_host_find(sim, "a"), ft_sim_host_find(sim, "b"));
    assert_int_equal(ft_sim_run(sim, 60 * FT_SEC), 0);
    assert_int_equal(e.n_back, 400000);
    /* 8 Mbit/s would take 0.4 s. */
    assert_in_range(e.done_at, 3 * FT_SEC, 8 * FT_SEC);
    ft_sim_free(sim);
}

struct outcome {
    struct ft_sim_result result;
    ft_time done_at;
    uint32_t n_back;
};

static struct outcome lossy_run(uint64_t seed)
{
    struct ft_sim *sim = lib_world(seed);
    struct lib_echo e = {.n_want = 50000};
    struct outcome o;

    lib_scenario(sim, "host a\nhost b\nlink a b delay=5ms,jitter=1ms,loss=5%,dup=1%,reorder=1%");
    lib_play(&e, ft_sim_host_find(sim, "a"), ft_sim_host_find(sim, "b"));
    assert_int_equal(ft_sim_run(sim, 120 * FT_SEC), 0);
    ft_sim_result(sim, &o.result);
    o.done_at = e.done_at;
    o.n_back = e.n_back;
    ft_sim_free(sim);
    return o;
}

static void the_same_seed_gives_the_same_run(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 5; seed++) {
        struct outcome a = lossy_run(seed);
        struct outcome b = lossy_run(seed);

        assert_int_equal(a.n_back, 50000);
        assert_int_equal(a.result.trace_hash, b.result.trace_hash);
        assert_int_equal(a.result.frames, b.result.frames);
        assert_int_equal(a.done_at, b.done_at);
    }
}

static void another_seed_gives_another_run(void **state)
{
    (void)state;
    assert_int_not_equal(lossy_run(1).result.trace_hash, lossy_run(2).result.trace_hash);
    assert_int_not_equal(lossy_run(1).done_at, lossy_run(2).done_at);
}

static void what_is_logged_is_part_of_the_hash(void **state)
{
    struct ft_sim_result result[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct ft_sim *sim = lib_world(1);

        ft_sim_log(lib_add_host(sim, "a"), "number %d", i);
        assert_int_equal(ft_sim_run(sim, FT_SEC), 0);
        ft_sim_result(sim, &result[i]);
        ft_sim_free(sim);
    }
    assert_int_not_equal(result[0].trace_hash, result[1].trace_hash);
}

static void random_numbers_are_each_hosts_own(void **state)
{
    struct ft_sim *one = lib_world(7);
    struct ft_sim *two = lib_world(7);
    struct ft_sim *three = lib_world(8);
    struct ft_sim_host *a = lib_add_host(one, "a");
    struct ft_sim_host *b = lib_add_host(one, "b");
    uint64_t first = ft_sim_random(a, 0);

    (void)state;
    (void)ft_sim_random(lib_add_host(two, "a"), 0);
    (void)ft_sim_draw(two, 0);
    assert_int_equal(ft_sim_random(b, 0), ft_sim_random(lib_add_host(two, "b"), 0));
    assert_int_not_equal(first, ft_sim_random(lib_add_host(three, "a"), 0));
    assert_int_not_equal(ft_sim_draw(one, 0), ft_sim_draw(three, 0));
    for (int i = 0; i < 100; i++)
        assert_true(ft_sim_random(a, 6) < 6);
    ft_sim_free(one);
    ft_sim_free(two);
    ft_sim_free(three);
}

/* ---- time ---- */

struct lib_ticks {
    ft_time at[8];
    unsigned n;
    int64_t other;
};

static void tick(struct ft_sim_host *host, void *ctx)
{
    struct lib_ticks *t = ctx;

    t->at[t->n++] = ft_sim_now(ft_sim_world(host));
    if (t->n < 4)
        assert_true(ft_sim_after(host, FT_SEC, tick, t) > 0);
}

static void world_tick(struct ft_sim *sim, void *ctx)
{
    struct lib_ticks *t = ctx;

    t->at[t->n++] = ft_sim_now(sim);
}

static void timers_fire_in_their_order(void **state)
{
    struct ft_sim *sim = lib_world(1);
    struct ft_sim_host *a = lib_add_host(sim, "a");
    struct lib_ticks t = {{0}, 0, 0};
    struct lib_ticks w = {{0}, 0, 0};
    int64_t timer;

    (void)state;
    assert_true(ft_sim_after(a, 250 * FT_MS, tick, &t) > 0);
    assert_true(ft_sim_at(sim, 2 * FT_SEC, world_tick, &w) > 0);
    timer = ft_sim_at(sim, FT_SEC, world_tick, &w);
    assert_true(timer > 0);
    assert_int_equal(ft_sim_cancel(sim, timer), 0);
    assert_int_equal(ft_sim_cancel(sim, timer), -ENOENT);
    assert_int_equal(ft_sim_run(sim, FT_TIME_NEVER), 0);
    assert_int_equal(t.n, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(t.at[i], 250 * FT_MS + i * FT_SEC);
    assert_int_equal(w.n, 1);
    assert_int_equal(w.at[0], 2 * FT_SEC);
    assert_int_equal(ft_sim_cancel(sim, 0), -ENOENT);
    assert_int_equal(ft_sim_cancel(sim, -5), -ENOENT);
    assert_int_equal(ft_sim_cancel(sim, INT64_MAX), -ENOENT);
    ft_sim_free(sim);
}

static void a_spent_number_takes_no_other_timer_back(void **state)
{
    struct ft_sim *sim = lib_world(1);
    struct lib_ticks w = {{0}, 0, 0};
    int64_t first = ft_sim_at(sim, 0, world_tick, &w);

    (void)state;
    assert_int_equal(ft_sim_run(sim, FT_SEC), 0);
    assert_true(ft_sim_at(sim, 2 * FT_SEC, world_tick, &w) > 0);
    assert_int_equal(ft_sim_cancel(sim, first), -ENOENT);
    assert_int_equal(ft_sim_run(sim, 3 * FT_SEC), 0);
    assert_int_equal(w.n, 2);
    ft_sim_free(sim);
}

static void timers_have_their_limit(void **state)
{
    struct ft_sim_config config;
    struct ft_sim *sim;
    struct lib_ticks w = {{0}, 0, 0};

    (void)state;
    ft_sim_config_init(&config);
    config.timers_max = 3;
    assert_int_equal(ft_sim_new(&config, &sim), 0);
    assert_int_equal(ft_sim_at(sim, FT_SEC, NULL, NULL), -EINVAL);
    assert_int_equal(ft_sim_at(sim, FT_TIME_NEVER, world_tick, &w), -EINVAL);
    assert_int_equal(ft_sim_after(lib_add_host(sim, "a"), 0, NULL, NULL), -EINVAL);
    for (int i = 0; i < 3; i++)
        assert_true(ft_sim_at(sim, FT_SEC, world_tick, &w) > 0);
    assert_int_equal(ft_sim_at(sim, FT_SEC, world_tick, &w), -ENOBUFS);
    assert_int_equal(ft_sim_run(sim, FT_SEC), 0);
    assert_int_equal(w.n, 3);
    assert_true(ft_sim_at(sim, FT_SEC, world_tick, &w) > 0);
    ft_sim_free(sim);
}

static void stop_it(struct ft_sim *sim, void *ctx)
{
    int *result = ctx;

    *result = ft_sim_run(sim, FT_TIME_NEVER);
    assert_int_equal(ft_sim_end(sim), -EBUSY);
    ft_sim_stop(sim);
}

static void a_run_can_be_stopped_and_go_on(void **state)
{
    struct ft_sim *sim = lib_world(1);
    struct lib_ticks w = {{0}, 0, 0};
    int result = 0;

    (void)state;
    (void)ft_sim_at(sim, FT_SEC, stop_it, &result);
    (void)ft_sim_at(sim, 2 * FT_SEC, world_tick, &w);
    assert_int_equal(ft_sim_run(sim, 5 * FT_SEC), 1);
    assert_int_equal(result, -EBUSY);
    assert_int_equal(ft_sim_now(sim), FT_SEC);
    assert_int_equal(w.n, 0);
    assert_int_equal(ft_sim_run(sim, 5 * FT_SEC), 0);
    assert_int_equal(w.n, 1);
    assert_int_equal(ft_sim_run(sim, FT_SEC), -EINVAL);
    ft_sim_free(sim);
}

static void spin(struct ft_sim_host *host, void *ctx)
{
    (void)ft_sim_after(host, 0, spin, ctx);
}

static void a_world_that_never_rests_is_told(void **state)
{
    struct ft_sim *sim = lib_world(1);
    struct ft_sim_result result;

    (void)state;
    (void)ft_sim_after(lib_add_host(sim, "a"), FT_SEC, spin, NULL);
    assert_int_equal(ft_sim_run(sim, 2 * FT_SEC), -ECANCELED);
    ft_sim_result(sim, &result);
    assert_non_null(strstr(result.sentence, "does not come to rest"));
    ft_sim_free(sim);
}

/* ---- faults ---- */

static void a_cut_stops_frames_until_it_is_healed(void **state)
{
    static const char *const lines[] = {"cut a b",     "cut a > b",       "cut b > a",
                                        "partition a", "partition a | b", "partition a | b c"};

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct ft_sim *sim = lib_world(1);
        struct lib_echo e = {.n_want = 100};
        char text[200];

        (void)snprintf(text, sizeof(text), "host a\nhost b\nhost c\n%s\nat 1.5s heal", lines[i]);
        lib_scenario(sim, text);
        lib_play(&e, ft_sim_host_find(sim, "a"), ft_sim_host_find(sim, "b"));
        assert_int_equal(ft_sim_run(sim, 1400 * FT_MS), 0);
        assert_int_equal(e.n_back, 0);
        assert_int_equal(ft_sim_run(sim, 60 * FT_SEC), 0);
        assert_int_equal(e.n_back, 100);
        assert_int_equal(e.error, 0);
        ft_sim_free(sim);
    }
}

static void a_partition_leaves_the_others_alone(void **state)
{
    struct ft_sim *sim = lib_world(1);
    struct lib_echo e = {.n_want = 100};
    struct lib_echo f = {.n_want = 100};
    char text[8192];

    (void)state;
    lib_scenario(sim, "host a\nhost b\nhost c\nhost d\npartition a b\nat 2s calm");
    lib_play(&e, ft_sim_host_find(sim, "a"), ft_sim_host_find(sim, "b"));
    lib_play(&f, ft_sim_host_find(sim, "c"), ft_sim_host_find(sim, "d"));
    assert_int_equal(ft_sim_run(sim, FT_SEC), 0);
    assert_int_equal(e.n_back, 100);
    assert_int_equal(f.n_back, 100);
    assert_non_null(
        strstr(lib_story(sim, text, sizeof(text), 1000), "parted from all others: a b"));
    ft_sim_free(sim);
}

static void a_crashed_host_comes_back_with_nothing(void **state)
{
    struct ft_sim *sim = lib_world(3);
    struct lib_echo e = {.n_want = 2000000};
    struct ft_sim_host *b;
    struct lib_ticks t = {{0}, 0, 0};

    (void)state;
    lib_scenario(sim, "host a\nhost b\nlink a b delay=5ms,rate=8mbit\n"
                      "at 500ms crash b\nat 700ms restart b\nat 600ms crash b\n");
    b = ft_sim_host_find(sim, "b");
    lib_play(&e, ft_sim_host_find(sim, "a"), b);
    (void)ft_sim_after(b, 600 * FT_MS, tick, &t);
    assert_int_equal(ft_sim_run(sim, 650 * FT_MS), 0);
    assert_null(ft_sim_stack(b));
    assert_int_equal(ft_sim_after(b, 0, tick, &t), -EHOSTDOWN);
    assert_int_equal(ft_sim_boots(b), 1);
    assert_int_equal(ft_sim_run(sim, 60 * FT_SEC), 0);
    assert_non_null(ft_sim_stack(b));
    assert_int_equal(ft_sim_boots(b), 2);
    assert_int_equal(e.n_starts, 2);
    assert_int_equal(e.n_crashes, 1);
    assert_int_equal(t.n, 0);
    assert_int_equal(e.error, -ECONNRESET);
    ft_sim_free(sim);
}

static void crash_self(struct ft_sim_host *host, void *ctx)
{
    (void)ctx;
    ft_sim_crash(host);
    assert_non_null(ft_sim_stack(host)); /* not within the callback */
    ft_sim_restart(host);
}

static void a_host_can_crash_itself(void **state)
{
    struct ft_sim *sim = lib_world(3);
    struct ft_sim_host *a = lib_add_host(sim, "a");

    (void)state;
    (void)ft_sim_after(a, FT_SEC, crash_self, NULL);
    assert_int_equal(ft_sim_run(sim, 2 * FT_SEC), 0);
    assert_int_equal(ft_sim_boots(a), 2);
    ft_sim_free(sim);
}

static void one_more_host(struct ft_sim *sim, void *ctx)
{
    lib_play(ctx, lib_add_host(sim, "late"), ft_sim_host_find(sim, "b"));
}

static void a_host_can_join_while_the_world_runs(void **state)
{
    struct ft_sim *sim = lib_world(3);
    struct lib_echo e = {.n_want = 1000};
    char text[8192];

    (void)state;
    /* The first cable is another one: what the late host sends must not come out there. */
    lib_scenario(sim, "host a\nhost z\nlink a z\nhost b");
    (void)ft_sim_at(sim, FT_SEC, one_more_host, &e);
    assert_int_equal(ft_sim_run(sim, 10 * FT_SEC), 0);
    assert_int_equal(e.n_back, 1000);
    assert_null(strstr(lib_story(sim, text, sizeof(text), 1000), "z   "));
    ft_sim_free(sim);
}

/* ---- what fails ---- */

static void fail_now(struct ft_sim *sim, void *ctx)
{
    ft_sim_fail(sim, "the answer is %d", *(const int *)ctx);
}

static void the_first_failure_ends_the_run(void **state)
{
    struct ft_sim *sim = lib_world(1);
    struct ft_sim_result result;
    struct lib_ticks w = {{0}, 0, 0};
    int one = 41, two = 42;
    char text[400];

    (void)state;
    (void)ft_sim_at(sim, FT_SEC, fail_now, &one);
    (void)ft_sim_at(sim, FT_SEC, fail_now, &two);
    (void)ft_sim_at(sim, 2 * FT_SEC, world_tick, &w);
    assert_int_equal(ft_sim_run(sim, 5 * FT_SEC), -ECANCELED);
    ft_sim_result(sim, &result);
    assert_true(result.failed);
    assert_string_equal(result.sentence, "the answer is 41");
    assert_int_equal(result.failed_at, FT_SEC);
    assert_int_equal(w.n, 0);
    assert_int_equal(ft_sim_run(sim, 5 * FT_SEC), -ECANCELED);
    assert_int_equal(ft_sim_end(sim), -ECANCELED);
    assert_non_null(strstr(lib_story(sim, text, sizeof(text), 1), "FAILED: the answer is 41"));
    ft_sim_free(sim);
}

static void end_checks_are_made_in_order(void **state)
{
    struct ft_sim *sim = lib_world(1);
    struct ft_sim_result result;
    struct lib_ticks w = {{0}, 0, 0};
    int one = 1, two = 2;

    (void)state;
    assert_int_equal(ft_sim_on_end(sim, NULL, NULL), -EINVAL);
    assert_int_equal(ft_sim_on_end(sim, world_tick, &w), 0);
    assert_int_equal(ft_sim_on_end(sim, fail_now, &one), 0);
    assert_int_equal(ft_sim_on_end(sim, fail_now, &two), 0);
    assert_int_equal(ft_sim_run(sim, FT_SEC), 0);
    assert_int_equal(ft_sim_end(sim), -ECANCELED);
    ft_sim_result(sim, &result);
    assert_int_equal(w.n, 1);
    assert_string_equal(result.sentence, "the answer is 1");
    ft_sim_free(sim);
}

static void watch_badly(struct ft_sim_host *host, void *ctx)
{
    struct lib_echo *e = ctx;

    e->client = ft_socket(ft_sim_stack(host), AF_INET, SOCK_DGRAM, 0);
    (void)ft_watch(ft_sim_stack(host), e->client, FT_WRITABLE, NULL);
}

static void a_watch_without_its_struct_is_told(void **state)
{
    struct ft_sim *sim = lib_world(1);
    struct ft_sim_result result;
    struct lib_echo e = {0};
    struct ft_sim_app app = {watch_badly, NULL, &e};

    (void)state;
    assert_int_equal(ft_sim_app_add(lib_add_host(sim, "a"), &app), 0);
    assert_int_equal(ft_sim_run(sim, FT_SEC), -ECANCELED);
    ft_sim_result(sim, &result);
    assert_string_equal(result.sentence, "a watches a socket without a struct ft_sim_watch");
    ft_sim_free(sim);
}

/* ---- memory ---- */

struct purse {
    uint64_t n_left, held;
};

static void *purse_alloc(void *ctx, size_t size)
{
    struct purse *purse = ctx;
    void *ptr = purse->n_left == 0 ? NULL : malloc(size);

    if (ptr != NULL) {
        purse->n_left--;
        purse->held += size;
    }
    return ptr;
}

static void purse_free(void *ctx, void *ptr, size_t size)
{
    struct purse *purse = ctx;

    if (ptr != NULL)
        purse->held -= size;
    free(ptr);
}

static void hosts_use_the_allocator_that_was_given(void **state)
{
    struct ft_sim_config config;
    struct ft_sim *sim;
    bool ended = false;

    (void)state;
    for (uint64_t n = 0; n < 400 && !ended; n++) {
        struct purse purse = {n, 0};
        struct lib_echo e = {.n_want = 5000};
        struct ft_sim_host *a = NULL;
        struct ft_sim_host *b = NULL;

        ft_sim_config_init(&config);
        config.host.allocator = (struct ft_allocator){purse_alloc, purse_free, &purse};
        assert_int_equal(ft_sim_new(&config, &sim), 0);
        if (ft_sim_host_add(sim, "a", NULL, 0, &a) == 0 &&
            ft_sim_host_add(sim, "b", NULL, 0, &b) == 0) {
            purse.n_left = UINT64_MAX;
            lib_play(&e, a, b);
            assert_int_equal(ft_sim_run(sim, 10 * FT_SEC), 0);
            assert_int_equal(e.n_back, 5000);
            ended = true;
        }
        ft_sim_free(sim);
        assert_int_equal(purse.held, 0);
    }
    assert_true(ended);
}

/* ---- what is written ---- */

static void a_capture_and_a_log_are_written(void **state)
{
    char pcap[] = "lib_test.XXXXXX";
    int fd = mkstemp(pcap);
    FILE *log = tmpfile();
    struct ft_sim_config config;
    struct ft_sim *sim;
    struct lib_echo e = {.n_want = 100};
    char text[2000];
    FILE *file;

    (void)state;
    assert_true(fd >= 0 && log != NULL);
    ft_sim_config_init(&config);
    config.pcap = pcap;
    config.log = log;
    assert_int_equal(ft_sim_new(&config, &sim), 0);
    lib_play(&e, lib_add_host(sim, "client"), lib_add_host(sim, "server"));
    assert_int_equal(ft_sim_run(sim, FT_SEC), 0);
    ft_sim_free(sim);
    rewind(log);
    text[fread(text, 1, sizeof(text) - 1, log)] = '\0';
    assert_non_null(strstr(text, "server: accepted\n"));
    assert_non_null(strstr(text, "client: has all 100 octets\n"));
    file = fdopen(fd, "r");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof(text), file) > 500);
    assert_memory_equal(text, "\x0a\x0d\x0d\x0a", 4);
    (void)fclose(file);
    (void)fclose(log);
    (void)unlink(pcap);
}

static unsigned count_lines(const char *text)
{
    unsigned n = 0;

    for (; *text != '\0'; text++)
        n += *text == '\n';
    return n;
}

static void the_story_has_frames_and_lines(void **state)
{
    struct ft_sim *sim = lib_world(1);
    struct lib_echo e = {.n_want = 100};
    struct lib_echo f = {.n_want = 10, .type = SOCK_DGRAM};
    char text[8192];

    (void)state;
    lib_scenario(sim, "host a 10.1.0.1/24\nhost b 10.1.0.2/24\nhost c 10.1.0.3/24\ncut a > c\n");
    lib_play(&e, ft_sim_host_find(sim, "a"), ft_sim_host_find(sim, "b"));
    lib_play(&f, ft_sim_host_find(sim, "b"), ft_sim_host_find(sim, "a"));
    assert_int_equal(ft_sim_run(sim, FT_SEC), 0);
    (void)lib_story(sim, text, sizeof(text), 1000);
    assert_non_null(strstr(text, "a   sends   10.1.0.1:"));
    assert_non_null(strstr(text, "b   gets    10.1.0.1:"));
    assert_non_null(strstr(text, "UDP, 38 octets of IP"));
    assert_non_null(strstr(text, "c is cut off from a"));
    (void)lib_story(sim, text, sizeof(text), 3);
    assert_int_equal(count_lines(text), 3);
    ft_sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_hosts_talk_on_the_usual_switch),
        cmocka_unit_test(a_cable_delays_as_it_is_told),
        cmocka_unit_test(cables_pass_two_switches_and_add_up),
        cmocka_unit_test(a_cable_can_be_changed_while_it_is_used),
        cmocka_unit_test(the_same_seed_gives_the_same_run),
        cmocka_unit_test(another_seed_gives_another_run),
        cmocka_unit_test(what_is_logged_is_part_of_the_hash),
        cmocka_unit_test(random_numbers_are_each_hosts_own),
        cmocka_unit_test(timers_fire_in_their_order),
        cmocka_unit_test(a_spent_number_takes_no_other_timer_back),
        cmocka_unit_test(timers_have_their_limit),
        cmocka_unit_test(a_run_can_be_stopped_and_go_on),
        cmocka_unit_test(a_world_that_never_rests_is_told),
        cmocka_unit_test(a_cut_stops_frames_until_it_is_healed),
        cmocka_unit_test(a_partition_leaves_the_others_alone),
        cmocka_unit_test(a_crashed_host_comes_back_with_nothing),
        cmocka_unit_test(a_host_can_crash_itself),
        cmocka_unit_test(a_host_can_join_while_the_world_runs),
        cmocka_unit_test(the_first_failure_ends_the_run),
        cmocka_unit_test(end_checks_are_made_in_order),
        cmocka_unit_test(a_watch_without_its_struct_is_told),
        cmocka_unit_test(hosts_use_the_allocator_that_was_given),
        cmocka_unit_test(a_capture_and_a_log_are_written),
        cmocka_unit_test(the_story_has_frames_and_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
