/* SPDX-License-Identifier: MIT */
/*
 * fourtuple sim: draws networks from seeds and runs them. Here are its arguments and its sums;
 * sim_run.c tells of a seed, sim_jobs.c spreads seeds over processes.
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

#define SECONDS_AT_MOST 86400

static void print_help(void)
{
    printf(
        "usage: fourtuple sim [--seed N | --seeds A..B] [--for TIME] [--jobs N] [--json]\n"
        "\n"
        "Runs whole networks in virtual time. A seed draws hosts, cables, conversations and\n"
        "faults (loss, duplication, reordering, corruption, jitter, cuts); the same seed gives\n"
        "the same run, to the bit. Every run is judged: streams arrive as they were sent, both\n"
        "ends may believe what they believe, everything ends once the faults have healed, nothing\n"
        "is left, and an auditor reads every packet.\n"
        "\n"
        "  --seed N        one seed (default: 1)\n"
        "  --seeds A..B    all seeds from A to B\n"
        "  --for TIME      conversations begin within TIME: 90s, 10m, 2h (default: 8s)\n"
        "  --jobs N        in N processes; what is printed is the same\n"
        "  --pcap FILE     write what every host sends and gets (pcapng; one seed only)\n"
        "  --plan          print what the seed has drawn, and do not run it\n"
        "  --events        print the last 20 events of the run also when it held\n"
        "  --counters      print what all hosts together have counted\n"
        "  --json          one line a seed: seed, result, virtual_s, packets, trace_hash\n"
        "\n"
        "Exit status: 0 everything held, 1 an oracle failed, 2 bad arguments.\n");
}

/* ---- arguments ---- */

static bool read_number(const char *text, const char **ret_end, uint64_t *ret)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *ret = strtoull(text, &end, 10);
    *ret_end = end;
    return errno == 0;
}

static bool read_seeds(const char *text, struct sim_arguments *ret)
{
    const char *end;

    if (!read_number(text, &end, &ret->first) || strncmp(end, "..", 2) != 0)
        return false;
    return read_number(end + 2, &end, &ret->last) && *end == '\0' && ret->first <= ret->last;
}

static bool read_time(const char *text, ft_time *ret)
{
    static const struct {
        const char *name;
        uint64_t seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}};
    uint64_t n;
    const char *end;

    if (!read_number(text, &end, &n) || n == 0 || n > SECONDS_AT_MOST)
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].name) == 0 && n * units[i].seconds <= SECONDS_AT_MOST) {
            *ret = n * units[i].seconds * FT_SEC;
            return true;
        }
    }
    return false;
}

static int complain(const char *what, const char *value, const char *why)
{
    if (value != NULL)
        host_say("%s: %s %s", what, value, why);
    else
        host_say("%s: %s", what, why);
    return -1;
}

/* Whether an option, or the other one that says the same, has been read before. */
static bool is_given(const char *name, struct sim_arguments *ret)
{
    bool *given = strcmp(name, "--for") == 0    ? &ret->has_length
                  : strcmp(name, "--pcap") == 0 ? &ret->has_pcap
                  : strcmp(name, "--jobs") == 0 ? &ret->has_jobs
                                                : &ret->has_seeds;
    bool before = *given;

    *given = true;
    return before;
}

/* An option that takes a value. */
static int read_value(const char *name, const char *value, struct sim_arguments *ret)
{
    const char *end;

    if (value == NULL)
        return complain(name, NULL, "needs a value");
    if (is_given(name, ret))
        return complain(name, value, "is one too many; seeds, time, file and jobs are given once");
    if (strcmp(name, "--seed") == 0) {
        if (!read_number(value, &end, &ret->first) || *end != '\0')
            return complain(name, value, "is not a number; write it as 42");
        ret->last = ret->first;
    } else if (strcmp(name, "--seeds") == 0) {
        if (!read_seeds(value, ret))
            return complain(name, value, "is no range of seeds; write it as 1..200");
    } else if (strcmp(name, "--for") == 0) {
        if (!read_time(value, &ret->length))
            return complain(name, value, "is not a time up to 24h; write it as 90s, 10m or 2h");
        ret->length_text = value;
    } else if (strcmp(name, "--jobs") == 0) {
        if (!read_number(value, &end, &ret->jobs) || *end != '\0' || ret->jobs == 0 ||
            ret->jobs > SIM_JOBS_MAX)
            return complain(name, value, "is no number of processes from 1 to 256");
    } else {
        ret->pcap = value;
    }
    return 0;
}

/* Return: 0; 1: only help was asked for; -1: told what is wrong. */
static int read_arguments(int argc, char **argv, struct sim_arguments *ret)
{
    static const char *const with_value[] = {"--seed", "--seeds", "--for", "--pcap", "--jobs"};

    *ret = (struct sim_arguments){.first = 1, .last = 1};
    for (int i = 1; i < argc; i++) {
        bool known = false;

        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return 1;
        for (size_t k = 0; k < sizeof(with_value) / sizeof(with_value[0]); k++) {
            if (strcmp(argv[i], with_value[k]) == 0) {
                if (read_value(argv[i], i + 1 < argc ? argv[i + 1] : NULL, ret) != 0)
                    return -1;
                known = true;
            }
        }
        if (known)
            i++;
        else if (strcmp(argv[i], "--json") == 0)
            ret->json = true;
        else if (strcmp(argv[i], "--plan") == 0)
            ret->plan = true;
        else if (strcmp(argv[i], "--events") == 0)
            ret->events = true;
        else if (strcmp(argv[i], "--counters") == 0)
            ret->counters = true;
        else
            return complain(argv[i], NULL, "no such option; fourtuple sim --help lists them");
    }
    if (ret->pcap != NULL && ret->first != ret->last)
        return complain("--pcap", NULL, "is for one seed; use --seed");
    return 0;
}

struct tally {
    uint64_t seeds, failed, packets, octets;
    ft_time virtual_time;
    struct ft_counters counters;
    struct timespec began;
    struct sim_result last;
    bool shows_progress;
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
        count(tally, status, &result);
        if (seed == args->last)
            break;
    }
    return 0;
}

int ft_cmd_sim(int argc, char **argv)
{
    struct tally tally = {0};
    struct sim_arguments args;
    int asked = read_arguments(argc, argv, &args);
    int status;

    if (asked != 0) {
        if (asked > 0)
            print_help();
        return asked > 0 ? 0 : 2;
    }
    ft_cmd_sim_catch();
    tally.shows_progress = isatty(STDERR_FILENO) && args.first != args.last;
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
