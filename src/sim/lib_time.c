/* SPDX-License-Identifier: MIT */
/*
 * Time and chance in a world that a program builds: timers of hosts and of the world itself, and
 * random numbers. A timer is an event of the engine's queue; one that was taken back stays there
 * and is known as stale by its number when it comes.
 */
#include <errno.h>
#include <stdlib.h>

#include "lib_priv.h"

#define TIMERS_AT_FIRST 64

ft_time ft_sim_now(const struct ft_sim *sim)
{
    return sim->world->now;
}

/* Return: a free slot; LIB_TIMERS_MAX: none. */
static uint32_t take_slot(struct ft_sim *sim)
{
    uint32_t slot = sim->free_timer;

    if (slot == sim->n_timers) {
        uint32_t n = sim->n_timers == 0 ? TIMERS_AT_FIRST : 2 * sim->n_timers;
        struct lib_timer *timers;

        if (n > sim->config.timers_max)
            n = sim->config.timers_max;
        if (n == sim->n_timers)
            return LIB_TIMERS_MAX;
        timers = realloc(sim->timer, n * sizeof(timers[0]));
        if (timers == NULL)
            return LIB_TIMERS_MAX;
        for (uint32_t i = sim->n_timers; i < n; i++)
            timers[i] = (struct lib_timer){.next_free = i + 1};
        sim->timer = timers;
        sim->n_timers = n;
    }
    sim->free_timer = sim->timer[slot].next_free;
    return slot;
}

static void give_slot(struct ft_sim *sim, uint32_t slot)
{
    sim->timer[slot] = (struct lib_timer){.next_free = sim->free_timer};
    sim->free_timer = slot;
}

static int64_t add_timer(struct ft_sim *sim, ft_time at, const struct lib_timer *timer)
{
    uint32_t slot;

    if (at == FT_TIME_NEVER)
        return -EINVAL;
    slot = take_slot(sim);
    if (slot == LIB_TIMERS_MAX)
        return -ENOBUFS;
    sim->timer[slot] = *timer;
    sim->timer[slot].is_set = true;
    sim->timer[slot].order =
        ft_sim_add_event(sim->world, SIM_EVENT_LIB, (uint32_t)LIB_TIMER << LIB_OP_SHIFT | slot,
                         at < sim->world->now ? sim->world->now : at);
    return (int64_t)((sim->timer[slot].order + 1) << LIB_OP_SHIFT | slot);
}

int64_t ft_sim_at(struct ft_sim *sim, ft_time at, ft_sim_call *call, void *ctx)
{
    struct lib_timer timer = {.call = call, .ctx = ctx};

    return call == NULL ? -EINVAL : add_timer(sim, at, &timer);
}

int64_t ft_sim_after(struct ft_sim_host *host, ft_time delay, ft_sim_host_call *call, void *ctx)
{
    struct lib_timer timer = {.host = host, .host_call = call, .ctx = ctx};
    ft_time now = host->sim->world->now;

    if (call == NULL)
        return -EINVAL;
    if (lib_host(host)->stack == NULL)
        return -EHOSTDOWN;
    return add_timer(host->sim, delay > FT_TIME_NEVER - now ? FT_TIME_NEVER : now + delay, &timer);
}

int ft_sim_cancel(struct ft_sim *sim, int64_t timer)
{
    uint64_t order = (uint64_t)timer >> LIB_OP_SHIFT;
    uint32_t slot = (uint32_t)timer & ((1U << LIB_OP_SHIFT) - 1);

    if (timer <= 0 || slot >= sim->n_timers || !sim->timer[slot].is_set ||
        sim->timer[slot].order + 1 != order)
        return -ENOENT;
    give_slot(sim, slot);
    return 0;
}

void lib_forget_timers(struct ft_sim *sim, const struct ft_sim_host *host)
{
    for (uint32_t i = 0; i < sim->n_timers; i++) {
        if (sim->timer[i].is_set && sim->timer[i].host == host)
            give_slot(sim, i);
    }
}

void lib_fire(struct ft_sim *sim, uint32_t index)
{
    struct lib_timer timer = sim->timer[index];

    give_slot(sim, index);
    if (timer.host != NULL)
        ft_advance(ft_sim_stack(timer.host), sim->world->now);
    else
        lib_advance(sim);
    sim->in_callback++;
    if (timer.host != NULL)
        timer.host_call(timer.host, timer.ctx);
    else
        timer.call(sim, timer.ctx);
    sim->in_callback--;
    if (timer.host != NULL)
        lib_run_host(timer.host);
    else
        lib_run_hosts(sim);
}

static uint64_t below(struct sim_rand *rand, uint64_t n)
{
    return n == 0 ? sim_rand_next(rand) : sim_rand_below(rand, n);
}

uint64_t ft_sim_random(struct ft_sim_host *host, uint64_t n)
{
    return below(&host->rand, n);
}

uint64_t ft_sim_draw(struct ft_sim *sim, uint64_t n)
{
    return below(&sim->rand, n);
}
