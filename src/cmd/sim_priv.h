/* SPDX-License-Identifier: MIT */
/*
 * Between the files of `fourtuple sim`: the arguments (sim_args.c, sim_cut.c), one seed run and
 * told (sim_run.c), many seeds in several processes (sim_jobs.c), the search for the smallest part
 * of a run that still fails (sim_shrink.c), the sums (sim.c).
 */
#ifndef CMD_SIM_PRIV_H
#define CMD_SIM_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/sim.h"

#define SIM_JOBS_MAX    256

#define SIM_SHRINK_S    60
#define SIM_INTERRUPTED 3 /* in place of a status: a seed that counts for nothing */
#define SIM_OCTETS_MAX  (UINT64_C(1) << 30)

struct sim_arguments {
    uint64_t first, last;       /* seeds */
    uint64_t jobs;              /* processes; 0 or 1: this one does it all */
    uint64_t shrink_s;          /* seconds that shrinking may take */
    struct sim_options options; /* but for the seed */
    const char *length_text;    /* as it was typed */
    const char *trace;          /* name of the file */
    bool progress;              /* a line at the terminal tells how far it is */
    bool json, plan, events, counters, shrink, fail_fast, list, help;
};

/**
 * Read what was typed.
 *
 * Return: 0; -1: what is wrong was told.
 */
int ft_cmd_sim_arguments(int argc, char **argv, struct sim_arguments *ret);

/** Print the help. */
void ft_cmd_sim_help(void);

/** Print all that has a name. */
void ft_cmd_sim_list(void);

/** A decimal number. @ret_end: behind it. Return: whether there was one that fits. */
bool ft_cmd_sim_number(const char *text, const char **ret_end, uint64_t *ret);

/**
 * Read an option that cuts the plan down.
 *
 * @name: --only, --faults, --hosts, --without or --octets
 *
 * Return: NULL, or what is wrong with @value.
 */
const char *ft_cmd_sim_read_cut(const char *name, const char *value, struct sim_cut *ret);

/** Print a cut as options, each with a space before it. */
void ft_cmd_sim_print_cut(const struct sim_cut *cut, FILE *out);

/** Print the command that runs a seed, without a line feed. */
void ft_cmd_sim_print_command(uint64_t seed, const struct sim_arguments *args, FILE *out);

/**
 * Install the handlers: an abort of the core and a run without end become failures, and SIGINT
 * is only noted.
 */
void ft_cmd_sim_catch(void);

/** Take the line of progress away before something else is told. @err: where; others have none. */
void ft_cmd_sim_clear(const struct sim_arguments *args, FILE *err);

/**
 * Return: whether SIGINT has come.
 */
bool ft_cmd_sim_interrupted(void);

/**
 * Run a seed and tell of it.
 *
 * @out, @err: what people and machines read; flushed by the caller
 * @ret:       how it went; all 0 if the plan was only printed
 *
 * Return: 0 it held, 1 it failed, 2 it could not be run, SIM_INTERRUPTED Ctrl-C came before its
 * end.
 */
int ft_cmd_sim_seed(uint64_t seed, const struct sim_arguments *args, FILE *out, FILE *err,
                    struct sim_result *ret);

/**
 * Run a world, told of nowhere.
 *
 * @limit_s: seconds of processor time after which it counts as one that does not end
 *
 * Return: false: it could not be made.
 */
bool ft_cmd_sim_try(const struct sim_options *options, unsigned limit_s, struct sim_result *ret);

/**
 * What a sentence says, without the numbers and names of its run: the same for the same oracle.
 *
 * @room: octets of @ret, its end included
 */
void ft_cmd_sim_oracle(const char *sentence, char *ret, size_t room);

/**
 * Look for the smallest part of a world that fails as it did, and print how to run it.
 *
 * @result: how it failed
 */
void ft_cmd_sim_shrink(uint64_t seed, const struct sim_arguments *args,
                       const struct sim_result *result, FILE *err);

/* Is given the seeds in their order, each after what it printed. @status: of ft_cmd_sim_seed. */
typedef void sim_taker(void *context, int status, const struct sim_result *result);

/**
 * Run all seeds in args->jobs processes, which end with this call. What they print comes in the
 * order of the seeds, whatever the number of processes. A process that dies is a seed that failed.
 *
 * @take, @context: told of every seed
 *
 * Return: 0; 2: a seed could not be run, and why was told.
 */
int ft_cmd_sim_jobs(const struct sim_arguments *args, sim_taker *take, void *context);

#endif
