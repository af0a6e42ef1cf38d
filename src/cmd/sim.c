/* SPDX-License-Identifier: MIT */
/*
 * fourtuple sim: draws networks from seeds and runs them. Here are its sums;
 * sim_args.c and sim_cut.c read its arguments, sim_run.c tells of a seed, sim_jobs.c spreads seeds
 * over processes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/sim_priv.h"
#include "host/say.h"

struct tally {
    uint64_t seeds, failed, packets, octets;
    ft_time virtual_time;
    struct ft_counters counters;
    struct timespec began;
    struct sim_result last;
    bool shows_progress; /* as sim_arguments.progress */
};

static uint64_t wall_ms(const struct tally *tally)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)(now.tv_sec - tally->began.tv_sec) * 1000 +
           (uint64_t)(now.tv_nsec - tally->began.tv_nsec + 1000000000) / 1000000 - 1000;
}

static void print_progress(const struct tally *tally, const char *end)
{
    uint64_t ms = wall_ms(tally) + 1;

    fprintf(stderr,
            "\r%" PRIu64 " seeds, %" PRIu64 " failed; %" PRIu64 " virtual seconds, %" PRIu64
            " packets a second; %" PRIu64 " s%s",
            tally->seeds, tally->failed, tally->virtual_time / FT_SEC * 1000 / ms,
            tally->packets * 1000 / ms, ms / 1000, end);
}

static void print_summary(const struct tally *tally)
{
    const struct sim_result *last = &tally->last;
    uint64_t ms = wall_ms(tally);

    if (tally->seeds == 1 && tally->failed == 0)
        printf("held: %u hosts, %u conversations, %" PRIu64 " octets compared, trace %016" PRIx64
               "\n",
               last->n_hosts, last->n_conns, last->octets, last->trace_hash);
    printf("%" PRIu64 " seed%s, %" PRIu64 " failed; %" PRIu64 " virtual seconds, %" PRIu64
           " packets, %" PRIu64 " octets in %" PRIu64 ".%03" PRIu64 " s\n",
           tally->seeds, tally->seeds == 1 ? "" : "s", tally->failed, tally->virtual_time / FT_SEC,
           tally->packets, tally->octets, ms / 1000, ms % 1000);
}

static void add_counters(struct ft_counters *total, const struct ft_counters *more)
{
    for (size_t i = 0; i < FT_RX_N; i++)
        total->verdicts[i] += more->verdicts[i];
#define X(name, text) total->name += more->name;
    FT_COUNTERS(X)
#undef X
}

static void print_counter(const char *name, uint64_t value, const char *text)
{
    printf("%14" PRIu64 "  %-22s %s\n", value, name, text);
}

static void print_counters(const struct ft_counters *c)
{
#define X(NAME, name, text) print_counter(#name, c->verdicts[FT_RX_##NAME], text);
    FT_VERDICTS(X)
#undef X
#define X(name, text) print_counter(#name, c->name, text);
    FT_COUNTERS(X)
#undef X
}

static void count(void *context, int status, const struct sim_result *result)
{
    struct tally *tally = context;

    tally->seeds++;
    tally->failed += (uint64_t)status;
    tally->packets += result->packets;
    tally->octets += result->octets;
    tally->virtual_time += result->end;
    add_counters(&tally->counters, &result->counters);
    tally->last = *result;
    if (tally->shows_progress)
        print_progress(tally, "");
}

/* All seeds in this process. */
static int run_here(const struct sim_arguments *args, struct tally *tally)
{
    for (uint64_t seed = args->first; !ft_cmd_sim_interrupted(); seed++) {
        struct sim_result result;
        int status = ft_cmd_sim_seed(seed, args, stdout, stderr, &result);

        if (status == 2)
            return 2;
        if (status == SIM_INTERRUPTED)
            break;
        count(tally, status, &result);
        if (seed == args->last || (status != 0 && args->fail_fast))
            break;
    }
    return 0;
}

int ft_cmd_sim(int argc, char **argv)
{
    struct tally tally = {0};
    struct sim_arguments args;
    int status;

    if (ft_cmd_sim_arguments(argc, argv, &args) != 0)
        return 2;
    if (args.help || args.list) {
        if (args.help)
            ft_cmd_sim_help();
        else
            ft_cmd_sim_list();
        return 0;
    }
    ft_cmd_sim_catch();
    args.progress = isatty(STDERR_FILENO) && args.first != args.last;
    tally.shows_progress = args.progress;
    (void)clock_gettime(CLOCK_MONOTONIC, &tally.began);
    if (args.jobs > 1 && args.first != args.last)
        status = ft_cmd_sim_jobs(&args, count, &tally);
    else
        status = run_here(&args, &tally);
    if (tally.shows_progress)
        fprintf(stderr, "\n");
    if (status != 0)
        return status;
    if (args.counters)
        print_counters(&tally.counters);
    if (!args.json && !args.plan)
        print_summary(&tally);
    return tally.failed > 0 ? 1 : 0;
}
