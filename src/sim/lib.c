/* SPDX-License-Identifier: MIT */
/*
 * The simulator as a library: the life of a world that a program builds, its run, what fails in it
 * and the story that is told of it. Hosts are in lib_host.c, cables and faults in lib_net.c,
 * timers and chance in lib_time.c, scenario text in lib_text.c; virtual time, packets and stacks
 * are the engine's (world.c, net.c, host.c), the same as for worlds that a seed draws.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <fourtuple/malloc.h>

#include "digest.h"
#include "lib_priv.h"

#define DRAW_WORLD     3000      /* purpose of a random stream */
#define SPINS_MAX      1000000   /* events at one instant */
#define TIMERS_DEFAULT (1 << 16) /* pending at one time */

/* ---- life ---- */

void ft_sim_config_init(struct ft_sim_config *config)
{
    memset(config, 0, sizeof(*config));
    config->size = sizeof(*config);
    config->seed = 1;
    config->timers_max = TIMERS_DEFAULT;
    ft_config_init(&config->host);
    ft_config_use_malloc(&config->host);
    ft_sim_auth(&config->host.auth);
}

int ft_sim_new(const struct ft_sim_config *config, struct ft_sim **ret_sim)
{
    struct sim_options options = {0};
    struct ft_sim *sim;
    int error = -ENOMEM;

    if (config->size != sizeof(*config) || config->timers_max == 0 ||
        config->timers_max > LIB_TIMERS_MAX || config->host.allocator.alloc == NULL ||
        config->host.allocator.free == NULL)
        return -EINVAL;
    sim = calloc(1, sizeof(*sim));
    if (sim == NULL)
        return -ENOMEM;
    sim->config = *config;
    sim->text = calloc(SIM_NOTES_MAX, sizeof(sim->text[0]));
    options.seed = config->seed;
    options.pcap = config->pcap;
    options.check = config->check;
    if (sim->text != NULL)
        sim->world = ft_sim_world_bare(&options, &error);
    if (sim->world == NULL) {
        free(sim->text);
        free(sim);
        return error;
    }
    sim->world->lib = sim;
    sim->world->host_config = config->host;
    sim->world->plan.late.loss = IMPAIR_SHARE_ALL;
    sim_rand_init(&sim->rand, config->seed, DRAW_WORLD, 0);
    *ret_sim = sim;
    return 0;
}

void ft_sim_free(struct ft_sim *sim)
{
    if (sim == NULL)
        return;
    ft_sim_world_free(sim->world);
    lib_free_actions(sim);
    free(sim->timer);
    free(sim->text);
    free(sim);
}

/* ---- the story ---- */

static void tell(struct ft_sim *sim, uint32_t host, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void tell(struct ft_sim *sim, uint32_t host, const char *format, va_list args)
{
    char *text = sim->text[sim->n_texts++ % SIM_NOTES_MAX];
    struct sim_note note = {.kind = SIM_NOTE_TEXT, .host = (uint8_t)host, .text = text};
    ft_time now = sim->world->now;

    (void)vsnprintf(text, LIB_TEXT_MAX, format, args);
    ft_sim_note(sim->world, &note);
    ft_sim_hash(sim->world, host, (const uint8_t *)text, strlen(text));
    if (sim->config.log != NULL)
        (void)fprintf(sim->config.log, "%5" PRIu64 ".%06" PRIu64 " %s: %s\n", now / FT_SEC,
                      now % FT_SEC / FT_US, host == SIM_NO_HOST ? "-" : sim->world->host[host].name,
                      text);
}

void lib_tell(struct ft_sim *sim, uint32_t host, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    tell(sim, host, format, args);
    va_end(args);
}

void ft_sim_log(struct ft_sim_host *host, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    tell(host->sim, host->index, format, args);
    va_end(args);
}

void ft_sim_print(const struct ft_sim *sim, FILE *out, unsigned n)
{
    ft_sim_print_events(sim->world, out, n);
}

/* ---- what must hold ---- */

/* Once, whoever has seen it: the engine has oracles of its own. */
static void tell_failure(struct ft_sim *sim)
{
    if (!sim->failure_told)
        lib_tell(sim, SIM_NO_HOST, "FAILED: %.140s", sim->world->sentence);
    sim->failure_told = true;
}

void ft_sim_fail(struct ft_sim *sim, const char *format, ...)
{
    char sentence[FT_SIM_SENTENCE_MAX];
    va_list args;

    if (sim->world->failed)
        return;
    va_start(args, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    ft_sim_halt(sim->world, NULL, "%s", sentence);
    tell_failure(sim);
}

int ft_sim_on_end(struct ft_sim *sim, ft_sim_call *check, void *ctx)
{
    if (check == NULL)
        return -EINVAL;
    if (sim->n_checks == FT_SIM_APPS_MAX)
        return -ENOSPC;
    sim->check[sim->n_checks++] = (struct lib_check){check, ctx};
    return 0;
}

int ft_sim_end(struct ft_sim *sim)
{
    if (sim->in_callback > 0)
        return -EBUSY;
    sim->in_callback++;
    for (uint32_t i = 0; i < sim->n_checks && !sim->world->failed; i++)
        sim->check[i].call(sim, sim->check[i].ctx);
    sim->in_callback--;
    return sim->world->failed ? -ECANCELED : 0;
}

void ft_sim_result(const struct ft_sim *sim, struct ft_sim_result *ret)
{
    const struct sim_world *world = sim->world;

    memset(ret, 0, sizeof(*ret));
    ret->failed = world->failed;
    memcpy(ret->sentence, world->sentence, sizeof(ret->sentence));
    ret->failed_at = world->failed_at;
    ret->now = world->now;
    ret->frames = world->packets;
    ret->trace_hash = world->hash;
}

/* ---- the run ---- */

void lib_tick(struct ft_sim *sim)
{
    struct sim_world *world = sim->world;

    if (sim->spin_at != world->now) {
        sim->spin_at = world->now;
        sim->spins = 0;
    }
    if (++sim->spins > SPINS_MAX)
        ft_sim_fail(sim, "the world does not come to rest at %" PRIu64 " ns: %d events at once",
                    world->now, SPINS_MAX);
}

void lib_post(struct ft_sim *sim, enum lib_op op, uint32_t arg)
{
    (void)ft_sim_add_event(sim->world, SIM_EVENT_LIB, (uint32_t)op << LIB_OP_SHIFT | arg,
                           sim->world->now);
}

bool ft_sim_lib_is_due(const struct ft_sim *sim, const struct sim_event *event)
{
    uint32_t arg = event->index & ((1U << LIB_OP_SHIFT) - 1);

    return event->index >> LIB_OP_SHIFT != LIB_TIMER ||
           (sim->timer[arg].is_set && sim->timer[arg].order == event->order);
}

void ft_sim_lib_event(struct ft_sim *sim, uint32_t index)
{
    uint32_t arg = index & ((1U << LIB_OP_SHIFT) - 1);

    switch ((enum lib_op)(index >> LIB_OP_SHIFT)) {
    case LIB_TIMER:
        lib_fire(sim, arg);
        return;
    case LIB_CRASH:
        lib_crash(sim, arg);
        return;
    case LIB_RESTART:
        lib_restart(sim, arg);
        return;
    case LIB_START:
        lib_start(sim, arg >> 8, arg & 0xff);
        return;
    }
}

int ft_sim_run(struct ft_sim *sim, ft_time until)
{
    struct sim_world *world = sim->world;
    int error;

    if (sim->in_callback > 0)
        return -EBUSY;
    if (until < world->now)
        return -EINVAL;
    if (world->failed)
        return -ECANCELED;
    error = lib_plug_rest(sim);
    if (error != 0)
        return error;
    sim->stopped = false;
    lib_run_hosts(sim);
    while (!world->failed && !sim->stopped && ft_sim_next_at(world) <= until &&
           ft_sim_next_at(world) != FT_TIME_NEVER) {
        lib_tick(sim);
        ft_sim_step(world);
    }
    if (world->failed) {
        tell_failure(sim);
        return -ECANCELED;
    }
    if (!sim->stopped && until != FT_TIME_NEVER)
        world->now = until;
    lib_advance(sim);
    return sim->stopped ? 1 : 0;
}

void ft_sim_stop(struct ft_sim *sim)
{
    sim->stopped = true;
}
