/* SPDX-License-Identifier: MIT */
/*
 * A world that a program builds by the calls of <fourtuple/sim.h>, as the lib*.c files share it:
 * what such a world has beyond the engine's (struct sim_world), which knows hosts and cables by
 * number only.
 */
#ifndef SIM_LIB_PRIV_H
#define SIM_LIB_PRIV_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include <fourtuple/sim.h>

#include "priv.h"

#define LIB_ADDRS_MAX  8 /* of a host */
#define LIB_CABLES_MAX (SIM_PIPES_MAX / 2)
#define LIB_TEXT_MAX   160
#define LIB_TIMERS_MAX (UINT32_C(1) << 24)

/* An event's index: what is to be done, and to whom. */
#define LIB_OP_SHIFT   24

enum lib_op {
    LIB_TIMER,   /* number of the timer */
    LIB_CRASH,   /* of the host */
    LIB_RESTART, /* of the host */
    LIB_START,   /* of the host << 8 | of the application */
};

struct lib_addr {
    struct ft_addr addr;
    unsigned prefix_len;
};

struct ft_sim_host {
    struct ft_sim *sim;
    uint32_t index; /* in the world */
    struct lib_addr addr[LIB_ADDRS_MAX];
    uint32_t n_addrs;
    bool has_cable;
    uint32_t cut; /* a bit for each host that its frames do not reach */
    struct ft_sim_app app[FT_SIM_APPS_MAX];
    uint32_t started[FT_SIM_APPS_MAX]; /* in which boot */
    uint32_t n_apps;
    struct sim_rand rand;
};

struct lib_switch {
    char name[FT_SIM_NAME_MAX];
    uint32_t group; /* switches that cables join have one group */
};

struct lib_cable {
    struct sim_end a, b;
    uint32_t pipe; /* the first of two */
};

struct lib_timer {
    bool is_set;
    uint64_t order; /* of its event, which names it */
    struct ft_sim_host *host;
    ft_sim_host_call *host_call;
    ft_sim_call *call; /* with no host */
    void *ctx;
    uint32_t next_free;
};

struct lib_check {
    ft_sim_call *call;
    void *ctx;
};

struct lib_action; /* a line of a scenario that happens at a time */

struct ft_sim {
    struct ft_sim_config config;
    struct sim_world *world;
    struct ft_sim_host host[SIM_HOSTS_MAX]; /* as many as the world's plan has */
    struct lib_switch sw[SIM_SWITCHES_MAX];
    uint32_t n_switches;
    struct lib_cable cable[LIB_CABLES_MAX];
    uint32_t n_cables;
    struct lib_timer *timer;
    uint32_t n_timers, free_timer; /* free_timer: n_timers if none is */
    struct lib_check check[FT_SIM_APPS_MAX];
    uint32_t n_checks;
    struct lib_action *actions;
    struct sim_rand rand;
    uint32_t in_callback;
    bool stopped;
    bool failure_told;
    ft_time spin_at;
    uint32_t spins;             /* events at one instant */
    char (*text)[LIB_TEXT_MAX]; /* SIM_NOTES_MAX of them: each lives as long as its note */
    uint64_t n_texts;
};

static_assert(FT_SIM_HOSTS_MAX == SIM_HOSTS_MAX && SIM_HOSTS_MAX <= 32, "a bit for each host");
static_assert(FT_SIM_SWITCHES_MAX == SIM_SWITCHES_MAX, "the header's limit");
static_assert(FT_SIM_NAME_MAX == SIM_NAME_MAX, "the header's limit");
static_assert(FT_SIM_SENTENCE_MAX == SIM_SENTENCE_MAX, "the header's limit");
static_assert(FT_SIM_APPS_MAX <= 256, "eight bits of an event's index");

/* ---- lib.c ---- */

/** Write a line of the story: kept, hashed, and printed if that is wanted. @host: SIM_NO_HOST. */
void lib_tell(struct ft_sim *sim, uint32_t host, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Fail if the world does not come to rest at one instant. To be called at each event. */
void lib_tick(struct ft_sim *sim);

/** Ask for something that is done at this instant. */
void lib_post(struct ft_sim *sim, enum lib_op op, uint32_t arg);

/* ---- lib_host.c ---- */

/** The engine's host. */
struct sim_host *lib_host(const struct ft_sim_host *host);

/** Bring the stacks of all hosts to the present. */
void lib_advance(struct ft_sim *sim);

/** Let a host do what callbacks have asked of it; by now it needs a cable. */
void lib_run_host(struct ft_sim_host *host);

/** The same for all hosts. */
void lib_run_hosts(struct ft_sim *sim);

/** A host goes down. @index: of the host. */
void lib_crash(struct ft_sim *sim, uint32_t index);

/** A host comes up. @index: of the host. */
void lib_restart(struct ft_sim *sim, uint32_t index);

/** An application starts, if its host is up and it has not. */
void lib_start(struct ft_sim *sim, uint32_t index, uint32_t app);

/* ---- lib_time.c ---- */

/** A timer fires. */
void lib_fire(struct ft_sim *sim, uint32_t index);

/** A host has no timers any more. */
void lib_forget_timers(struct ft_sim *sim, const struct ft_sim_host *host);

/* ---- lib_net.c ---- */

/** Whether a name may be given to a host or switch. Return: 0; -EINVAL; -EEXIST. */
int lib_check_name(const struct ft_sim *sim, const char *name);

/** Find a host or switch. Return: whether there is one. */
bool lib_find(const struct ft_sim *sim, const char *name, struct sim_end *ret);

/** Plug hosts without a cable into the switch "net". Return: 0; -ENOSPC. */
int lib_plug_rest(struct ft_sim *sim);

/* ---- lib_text.c ---- */

/** Free what scenarios have left. */
void lib_free_actions(struct ft_sim *sim);

#endif
