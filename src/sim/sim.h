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

#define SIM_SENTENCE_MAX  320
#define SIM_CUT_CONNS     512 /* numbers of conversations and of faults in a cut are below these */
#define SIM_CUT_FAULTS    512
#define SIM_CUT_HOSTS     64 /* clients, and servers */
#define SIM_CUT_HOSTS_MAX 16 /* both together */

/* What is taken out of a drawn plan; all zero: nothing. What is left keeps its number. */
struct sim_cut {
    bool only_hosts, only_conns, only_faults; /* whether the sets below say what is left */
    uint64_t hosts[2];                        /* bits: clients, servers */
    uint64_t conns[SIM_CUT_CONNS / 64];
    uint64_t faults[SIM_CUT_FAULTS / 64]; /* but for those that only end another */
    uint64_t without;                     /* bits: ft_sim_trouble() */
    uint64_t octets;                      /* no end sends more; 0: as drawn */
    uint32_t n_hosts;                     /* no more hosts than that, at least 2; 0: all */
    uint32_t vary;                        /* which other chances on the same cables; 0: as drawn */
};

struct sim_options {
    uint64_t seed;
    ft_time length;       /* conversations begin within it; 0: a few seconds, as drawn */
    const char *pcap;     /* where to write a capture; NULL: none */
    const char *scenario; /* its name; NULL: everything is drawn */
    const char *link;     /* of the bottleneck, as impair_parse() reads it; NULL: as drawn */
    FILE *trace;          /* where every packet and event is written as text; NULL: nowhere */
    bool check;           /* ft_stack_check_changes() after every event */
    bool check_all;       /* and ft_stack_check() as well: slower, and exact about the event */
    struct sim_cut cut;
};

struct sim_result {
    bool failed;
    char sentence[SIM_SENTENCE_MAX]; /* of the oracle that failed */
    ft_time failed_at;               /* virtual */
    ft_time end;                     /* virtual time at which it all ended */
    uint64_t packets;                /* frames that hosts sent */
    uint64_t octets;                 /* of application data that was received and compared */
    uint64_t trace_hash;             /* over every frame and its time */
    uint32_t n_hosts, n_conns;       /* that took part */
    int32_t blamed;              /* number of the conversation that failed; -1: none by itself */
    struct ft_counters counters; /* of all hosts together; gauges are 0 */
};

struct sim_world;

/**
 * Draw a world.
 *
 * @options: copied; the trace is borrowed until ft_sim_world_free()
 *
 * Return: the world, to be freed by ft_sim_world_free(); NULL: no memory, or the capture cannot be
 * written (errno says why; EINVAL: the cut leaves no client or no server).
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
 * Name the scenarios.
 *
 * @i:        0, 1, ...
 * @ret_text: what it is
 * @ret_link: its cable
 *
 * Return: its name, a literal; NULL: there are no more.
 */
const char *ft_sim_scenario_name(uint32_t i, const char **ret_text, const char **ret_link);

/**
 * Whether there is such a scenario, and its cable can be as the options have it.
 *
 * @ret_why: if not, a sentence
 *
 * Return: 0 or -1.
 */
int ft_sim_options_check(const struct sim_options *options, char *ret_why, size_t room);

/**
 * Name what struct sim_cut can take out.
 *
 * @i:        0, 1, ...: the bit in sim_cut.without
 * @ret_text: what it is; NULL: not asked for
 *
 * Return: its name, a literal; NULL: there are no more.
 */
const char *ft_sim_trouble(uint32_t i, const char **ret_text);

/**
 * Say which hosts, conversations and faults there are in a world, as a cut that leaves just them.
 */
void ft_sim_what_is_left(const struct sim_world *world, struct sim_cut *ret);

/* A search for the smallest part of a world that still fails. */
struct sim_shrink {
    /* Says whether a part of a seed's world fails in the same way, and if so how; false to all
       once nothing more may be tried. */
    bool (*fails)(void *context, uint64_t seed, const struct sim_cut *cut, struct sim_result *ret);
    void *context;

    /* the smallest so far: set by the caller, whose cut names all that is left */
    uint64_t seed;
    struct sim_cut cut;
    struct sim_result result;
};

/** Whether @i is in a set of a cut. */
static inline bool sim_bit(const uint64_t *set, uint32_t i)
{
    return set[i / 64] >> (i % 64) & 1;
}

/** How many of the first @n are in a set. */
static inline uint32_t sim_count(const uint64_t *set, uint32_t n)
{
    uint32_t members = 0;

    for (uint32_t i = 0; i < n; i++)
        members += sim_bit(set, i) ? 1 : 0;
    return members;
}

/**
 * Take out of a part whatever it fails without: conversations, hosts, faults, troubles, octets.
 */
void ft_sim_shrink(struct sim_shrink *s);

/**
 * Look for the same failure among two hosts, and one or two of their conversations, of any other
 * seed, with the kinds of trouble that are left.
 *
 * Return: whether there is one; then it is the smallest so far.
 */
bool ft_sim_shrink_elsewhere(struct sim_shrink *s);

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
