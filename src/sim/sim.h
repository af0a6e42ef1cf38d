/* SPDX-License-Identifier: MIT */
/*
 * The face of the simulator: draw a network from a seed, run it in virtual time, and say whether
 * every oracle held.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <fourtuple/diag.h>

#define SIM_SENTENCE_MAX 320

struct sim_options {
    uint64_t seed;
    ft_time length;   /* conversations begin within it; 0: a few seconds, as drawn */
    const char *pcap; /* where to write a capture; NULL: none */
    bool check;       /* ft_stack_check() after every event */
};

struct sim_result {
    bool failed;
    char sentence[SIM_SENTENCE_MAX]; /* of the oracle that failed */
    ft_time failed_at;               /* virtual */
    ft_time end;                     /* virtual time at which it all ended */
    uint64_t packets;                /* frames that hosts sent */
    uint64_t octets;                 /* of application data that was received and compared */
    uint64_t trace_hash;             /* over every frame and its time */
    uint32_t n_hosts, n_conns;
    struct ft_counters counters; /* of all hosts together; gauges are 0 */
};

struct sim_world;

/**
 * Draw a world.
 *
 * @options: copied, but for the name of the capture
 *
 * Return: the world, to be freed by ft_sim_world_free(); NULL: no memory, or the capture cannot be
 * written (errno says why).
 */
struct sim_world *ft_sim_world_new(const struct sim_options *options);

/**
 * Run a world to its end, or to the first oracle that fails.
 */
void ft_sim_world_run(struct sim_world *world);

/**
 * Declare that the run failed for a reason that only the caller could see (an abort, say). Its
 * stacks may be broken and are left alone from now on.
 */
void ft_sim_abandon(struct sim_world *world, const char *sentence);

/**
 * How it went so far.
 */
void ft_sim_world_result(const struct sim_world *world, struct sim_result *ret);

/**
 * Print the plan: hosts, links, conversations and faults, a line each.
 */
void ft_sim_print_plan(const struct sim_world *world, FILE *out);

/**
 * Print the last events of the connection that failed, or of all if none is to blame.
 *
 * @n: lines at most
 */
void ft_sim_print_events(const struct sim_world *world, FILE *out, unsigned n);

/**
 * Free a world; NULL is allowed.
 */
void ft_sim_world_free(struct sim_world *world);

#endif
