/* SPDX-License-Identifier: MIT */
/*
 * fourtuple sim: draws networks from seeds, runs them, and tells of the first oracle that failed,
 * with all that is needed to see it again. An abort of the core is caught and told like any other
 * failure; its world is then left as it is.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "host/say.h"
#include "sim/sim.h"

#define EVENTS_TOLD     20
#define STUCK_AFTER_S   120 /* seconds of real time that a seed may take */
#define SECONDS_AT_MOST 86400

struct arguments {
    uint64_t first, last;
    ft_time length;
    const char *pcap;
    const char *length_text;
    bool json, plan, events, counters;
    bool has_seeds, has_length, has_pcap; /* what was said */
};

/* What the handler of SIGABRT and SIGALRM needs; signals leave no other way. */
static sigjmp_buf out_of_the_core;
static volatile sig_atomic_t in_the_core;
static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    if (number == SIGINT)
        interrupted = 1;
    else if (in_the_core)
        siglongjmp(out_of_the_core, number);
}

static void print_help(void)
{
    printf(
        "usage: fourtuple sim [--seed N | --seeds A..B] [--for TIME] [--pcap FILE] [--json]\n"
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
        "  --pcap FILE     write what every host sends and gets (pcapng; one seed only)\n"
        "  --plan          print what the seed has drawn, and do not run it\n"
        "  --events        print the last %d events of the run also when it held\n"
        "  --counters      print what all hosts together have counted\n"
        "  --json          one line a seed: seed, result, virtual_s, packets, trace_hash\n"
        "\n"
        "Exit status: 0 everything held, 1 an oracle failed, 2 bad arguments.\n",
        EVENTS_TOLD);
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

static bool read_seeds(const char *text, struct arguments *ret)
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
static bool is_given(const char *name, struct arguments *ret)
{
    bool *given = strcmp(name, "--for") == 0    ? &ret->has_length
                  : strcmp(name, "--pcap") == 0 ? &ret->has_pcap
                                                : &ret->has_seeds;
    bool before = *given;

    *given = true;
    return before;
}

/* An option that takes a value. */
static int read_value(const char *name, const char *value, struct arguments *ret)
{
    const char *end;

    if (value == NULL)
        return complain(name, NULL, "needs a value");
    if (is_given(name, ret))
        return complain(name, value, "is one too many; seeds, time and file are given once");
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
    } else {
        ret->pcap = value;
    }
    return 0;
}

/* Return: 0; 1: only help was asked for; -1: told what is wrong. */
static int read_arguments(int argc, char **argv, struct arguments *ret)
{
    static const char *const with_value[] = {"--seed", "--seeds", "--for", "--pcap"};

    *ret = (struct arguments){.first = 1, .last = 1};
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

/* ---- runs ---- */

/* Run a world; what the core does wrong by aborting or by never returning becomes its failure. */
static void run_guarded(struct sim_world *world)
{
    struct itimerval limit = {{0, 0}, {STUCK_AFTER_S, 0}};
    struct itimerval none = {{0, 0}, {0, 0}};
    int number = sigsetjmp(out_of_the_core, 1);

    if (number == 0) {
        in_the_core = 1;
        (void)setitimer(ITIMER_REAL, &limit, NULL);
        ft_sim_world_run(world);
    }
    in_the_core = 0;
    (void)setitimer(ITIMER_REAL, &none, NULL);
    if (number == SIGABRT)
        ft_sim_abandon(world, "an assertion of the core failed (run it under gdb to see which)");
    else if (number != 0)
        ft_sim_abandon(world, "the run does not end, in real time");
}

static void print_command(FILE *out, uint64_t seed, const struct arguments *args, const char *pcap)
{
    fprintf(out, "fourtuple sim --seed %" PRIu64, seed);
    if (args->length_text != NULL)
        fprintf(out, " --for %s", args->length_text);
    if (pcap != NULL)
        fprintf(out, " --pcap %s", pcap);
    fprintf(out, "\n");
}

/* The capture of a failure: the same run once more, as only failures need one. */
static bool capture_again(const struct sim_options *options, const char *path)
{
    struct sim_options again = *options;
    struct sim_world *world;

    again.pcap = path;
    world = ft_sim_world_new(&again);
    if (world == NULL)
        return false;
    run_guarded(world);
    ft_sim_world_free(world);
    return true;
}

static void tell_failure(const struct sim_world *world, const struct sim_result *result,
                         const struct sim_options *options, const struct arguments *args)
{
    char path[64];

    fflush(stdout);
    fprintf(stderr, "fourtuple: sim: seed %" PRIu64 " failed at %" PRIu64 ".%06" PRIu64 " s: %s\n",
            options->seed, result->failed_at / FT_SEC, result->failed_at % FT_SEC / FT_US,
            result->sentence);
    ft_sim_print_events(world, stderr, EVENTS_TOLD);
    (void)snprintf(path, sizeof(path), "sim-seed-%" PRIu64 ".pcapng", options->seed);
    if (options->pcap != NULL)
        fprintf(stderr, "capture: %s\n", options->pcap);
    else if (capture_again(options, path))
        fprintf(stderr, "capture: %s\n", path);
    fprintf(stderr, "again:   ");
    print_command(stderr, options->seed, args, options->pcap);
}

static void print_json(const struct sim_result *r, uint64_t seed)
{
    printf("{\"seed\": %" PRIu64 ", \"result\": \"%s\", \"virtual_s\": %" PRIu64 ".%03" PRIu64
           ", \"packets\": %" PRIu64 ", \"trace_hash\": \"%016" PRIx64 "\"}\n",
           seed, r->failed ? "failed" : "held", r->end / FT_SEC, r->end % FT_SEC / FT_MS,
           r->packets, r->trace_hash);
    fflush(stdout);
}

/* Return: 0 held, 1 failed, 2 it could not be run. */
static int run_seed(uint64_t seed, const struct arguments *args, struct sim_result *ret)
{
    struct sim_options options = {seed, args->length, args->pcap, true};
    struct sim_world *world = ft_sim_world_new(&options);

    if (world == NULL) {
        if (args->pcap != NULL)
            host_say("--pcap: %s cannot be written: %s", args->pcap, strerror(errno));
        else
            host_say("sim: %s", strerror(errno));
        return 2;
    }
    if (args->plan) {
        ft_sim_print_plan(world, stdout);
        memset(ret, 0, sizeof(*ret));
        ft_sim_world_free(world);
        return 0;
    }
    run_guarded(world);
    ft_sim_world_result(world, ret);
    if (args->json)
        print_json(ret, seed);
    if (ret->failed)
        tell_failure(world, ret, &options, args);
    else if (args->events)
        ft_sim_print_events(world, stdout, EVENTS_TOLD);
    ft_sim_world_free(world);
    return ret->failed ? 1 : 0;
}

struct tally {
    uint64_t seeds, failed, packets, octets;
    ft_time virtual_time;
    struct ft_counters counters;
    struct timespec began;
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

static void print_summary(const struct tally *tally, const struct sim_result *last)
{
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

static void catch_signals(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    (void)sigaction(SIGABRT, &action, NULL);
    (void)sigaction(SIGALRM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
}

int ft_cmd_sim(int argc, char **argv)
{
    struct tally tally = {0};
    struct arguments args;
    struct sim_result result;
    bool terminal = isatty(STDERR_FILENO);
    int asked = read_arguments(argc, argv, &args);

    if (asked != 0) {
        if (asked > 0)
            print_help();
        return asked > 0 ? 0 : 2;
    }
    catch_signals();
    (void)clock_gettime(CLOCK_MONOTONIC, &tally.began);
    for (uint64_t seed = args.first; !interrupted; seed++) {
        int status = run_seed(seed, &args, &result);

        if (status == 2)
            return 2;
        tally.seeds++;
        tally.failed += (uint64_t)status;
        tally.packets += result.packets;
        tally.octets += result.octets;
        tally.virtual_time += result.end;
        add_counters(&tally.counters, &result.counters);
        if (terminal && args.first != args.last)
            print_progress(&tally, "");
        if (seed == args.last)
            break;
    }
    if (terminal && args.first != args.last)
        fprintf(stderr, "\n");
    if (args.counters)
        print_counters(&tally.counters);
    if (!args.json && !args.plan)
        print_summary(&tally, &result);
    return tally.failed > 0 ? 1 : 0;
}
