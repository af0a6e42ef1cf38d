/* SPDX-License-Identifier: MIT */
/*
 * Between the files of `fourtuple sim`: the arguments (sim.c), one seed run and told (sim_run.c),
 * many seeds in several processes (sim_jobs.c).
 */
#ifndef CMD_SIM_PRIV_H
#define CMD_SIM_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/sim.h"

#define SIM_JOBS_MAX 256

struct sim_arguments {
    uint64_t first, last; /* seeds */
    uint64_t jobs;        /* processes; 0 or 1: this one does it all */
    ft_time length;
    const char *pcap;
    const char *length_text; /* as it was typed */
    bool json, plan, events, counters;
    bool has_seeds, has_length, has_pcap, has_jobs; /* what was said */
};

/**
 * Install the handlers: an abort of the core and a run without end become failures, and SIGINT
 * is only noted.
 */
void ft_cmd_sim_catch(void);

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
 * Return: 0 it held, 1 it failed, 2 it could not be run.
 */
int ft_cmd_sim_seed(uint64_t seed, const struct sim_arguments *args, FILE *out, FILE *err,
                    struct sim_result *ret);

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
