/* SPDX-License-Identifier: MIT */
/*
 * One seed of `fourtuple sim`: run, and if an oracle failed, told with all that is needed to see
 * it again. An abort of the core is caught and told like any other failure; its world is then left
 * as it is.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "cmd/sim_priv.h"
#include "host/say.h"

#define EVENTS_TOLD   20
#define STUCK_AFTER_S 120 /* seconds of processor time that a seed may take */

/* What the handler of SIGABRT and SIGPROF needs; signals leave no other way. */
static sigjmp_buf out_of_the_core;
static volatile sig_atomic_t in_the_core;
static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    if (number == SIGINT)
        interrupted = 1;
    if (in_the_core)
        siglongjmp(out_of_the_core, number);
}

/* Run a world; what the core does wrong by aborting or by never returning becomes its failure.
   Return: false: Ctrl-C came first. */
static bool run_guarded(struct sim_world *world, time_t limit_s)
{
    struct itimerval limit = {{0, 0}, {limit_s, 0}};
    struct itimerval none = {{0, 0}, {0, 0}};
    int number = sigsetjmp(out_of_the_core, 1);

    if (number == 0) {
        in_the_core = 1;
        (void)setitimer(ITIMER_PROF, &limit, NULL);
        ft_sim_world_run(world);
    }
    in_the_core = 0;
    (void)setitimer(ITIMER_PROF, &none, NULL);
    if (number == SIGINT)
        ft_sim_abandon(world, "it was interrupted");
    else if (number == SIGABRT)
        ft_sim_abandon(world, "an assertion of the core failed (run it under gdb to see which)");
    else if (number != 0)
        ft_sim_abandon(world, "the run does not end: its processor time is used up");
    return number != SIGINT;
}

void ft_cmd_sim_print_command(uint64_t seed, const struct sim_arguments *args, FILE *out)
{
    fprintf(out, "fourtuple sim --seed %" PRIu64, seed);
    if (args->options.scenario != NULL)
        fprintf(out, " --scenario %s", args->options.scenario);
    if (args->options.link != NULL)
        fprintf(out, " --link %s", args->options.link);
    if (args->length_text != NULL)
        fprintf(out, " --for %s", args->length_text);
    ft_cmd_sim_print_cut(&args->options.cut, out);
}

/* The capture of a failure: the same run once more, as only failures need one. */
static bool capture_again(const struct sim_options *options, const char *path)
{
    struct sim_options again = *options;
    struct sim_world *world;

    again.pcap = path;
    again.trace = NULL;
    again.check_all = true;
    world = ft_sim_world_new(&again);
    if (world == NULL)
        return false;
    (void)run_guarded(world, STUCK_AFTER_S);
    ft_sim_world_free(world);
    return true;
}

/*
 * A part of a stack that says it has not changed is not looked at after every event, so a fault
 * that changes it behind its back is found up to 64 events late. The same run once more, looking at
 * everything each time, ends at the event itself. Return: that world, or @world if it ends
 * otherwise there.
 */
static struct sim_world *find_event(struct sim_world *world, const struct sim_options *options)
{
    struct sim_options exact = *options;
    struct sim_world *again;
    struct sim_result result;

    exact.check_all = true;
    again = ft_sim_world_new(&exact);
    if (again == NULL)
        return world;
    (void)run_guarded(again, STUCK_AFTER_S); /* Ctrl-C ends it, and is asked for by the caller */
    ft_sim_world_result(again, &result);
    if (!result.failed || ft_cmd_sim_interrupted()) {
        ft_sim_world_free(again);
        return world;
    }
    ft_sim_world_free(world);
    return again;
}

static void tell_failure(const struct sim_world *world, const struct sim_result *result,
                         const struct sim_options *options, const struct sim_arguments *args,
                         FILE *err)
{
    char path[64];

    fprintf(err, "fourtuple: sim: seed %" PRIu64 " failed at %" PRIu64 ".%06" PRIu64 " s: %s\n",
            options->seed, result->failed_at / FT_SEC, result->failed_at % FT_SEC / FT_US,
            result->sentence);
    ft_sim_print_events(world, err, EVENTS_TOLD);
    (void)snprintf(path, sizeof(path), "sim-seed-%" PRIu64 ".pcapng", options->seed);
    if (options->pcap != NULL)
        fprintf(err, "capture: %s\n", options->pcap);
    else if (capture_again(options, path))
        fprintf(err, "capture: %s\n", path);
    fprintf(err, "again:   ");
    ft_cmd_sim_print_command(options->seed, args, err);
    if (options->pcap != NULL)
        fprintf(err, " --pcap %s", options->pcap);
    fprintf(err, "\n");
}

bool ft_cmd_sim_try(const struct sim_options *options, unsigned limit_s, struct sim_result *ret)
{
    struct sim_options exact = *options;
    struct sim_world *world;

    exact.check_all = true;
    world = ft_sim_world_new(&exact);
    if (world == NULL)
        return false;
    (void)run_guarded(world, (time_t)limit_s);
    ft_sim_world_result(world, ret);
    ft_sim_world_free(world);
    return true;
}

static void print_json(const struct sim_result *r, uint64_t seed, FILE *out)
{
    fprintf(out,
            "{\"seed\": %" PRIu64 ", \"result\": \"%s\", \"virtual_s\": %" PRIu64 ".%03" PRIu64
            ", \"packets\": %" PRIu64 ", \"trace_hash\": \"%016" PRIx64 "\"}\n",
            seed, r->failed ? "failed" : "held", r->end / FT_SEC, r->end % FT_SEC / FT_MS,
            r->packets, r->trace_hash);
}

/* Why a world could not be made. */
static void tell_no_world(const struct sim_options *options)
{
    if (errno == EINVAL)
        host_say("--hosts: no client or no server of seed %" PRIu64 " is among them",
                 options->seed);
    else if (options->pcap != NULL)
        host_say("--pcap: %s cannot be written: %s", options->pcap, host_why(-errno));
    else
        host_say("sim: %s", strerror(errno));
}

/* @at: the world; another one when it failed and was run once more. */
static int run_world(struct sim_world **at, const struct sim_options *options,
                     const struct sim_arguments *args, FILE *out, FILE *err, struct sim_result *ret)
{
    struct sim_world *world = *at;

    if (!run_guarded(world, STUCK_AFTER_S))
        return SIM_INTERRUPTED;
    ft_sim_world_result(world, ret);
    if (ret->failed && !options->check_all) {
        world = *at = find_event(world, options);
        ft_sim_world_result(world, ret);
    }
    ft_cmd_sim_clear(args, err);
    if (args->json)
        print_json(ret, options->seed, out);
    fflush(out);
    if (ret->failed)
        tell_failure(world, ret, options, args, err);
    else if (args->events)
        ft_sim_print_events(world, out, EVENTS_TOLD);
    return ret->failed ? 1 : 0;
}

/* Return: 0, or why something that was written is lost. */
static int close_whole(FILE *file)
{
    int error = host_flush(file);

    return fclose(file) != 0 && error == 0 ? errno : error;
}

int ft_cmd_sim_seed(uint64_t seed, const struct sim_arguments *args, FILE *out, FILE *err,
                    struct sim_result *ret)
{
    struct sim_options options = args->options;
    struct sim_world *world;
    int status = 0, lost = 0;

    memset(ret, 0, sizeof(*ret));
    options.seed = seed;
    options.check_all = args->trace != NULL || options.pcap != NULL; /* it is looked at */
    if (args->trace != NULL)
        options.trace = fopen(args->trace, "w");
    if (args->trace != NULL && options.trace == NULL) {
        host_say("--trace: %s cannot be written: %s", args->trace, strerror(errno));
        return 2;
    }
    world = ft_sim_world_new(&options);
    if (world == NULL) {
        tell_no_world(&options);
        status = 2;
    } else if (args->plan) {
        ft_sim_print_plan(world, out);
    } else {
        status = run_world(&world, &options, args, out, err, ret);
    }
    ft_sim_world_free(world);
    if (options.trace != NULL)
        lost = close_whole(options.trace);
    if (lost != 0) {
        host_say("--trace: %s cannot be written: %s", args->trace, strerror(lost));
        return 2;
    }
    if (ret->failed && args->shrink)
        ft_cmd_sim_shrink(seed, args, ret, err);
    return status;
}

void ft_cmd_sim_clear(const struct sim_arguments *args, FILE *err)
{
    if (args->progress && err == stderr)
        (void)fputs("\r\033[K", err);
}

bool ft_cmd_sim_interrupted(void)
{
    return interrupted != 0;
}

void ft_cmd_sim_catch(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    (void)sigaction(SIGABRT, &action, NULL);
    (void)sigaction(SIGPROF, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
}
