/* SPDX-License-Identifier: MIT */
/*
 * The faults of a plan as they happen. Those that last have an end of their own in the plan, before
 * all that is left heals (net.c).
 */
#include "priv.h"

#define FORGE_AGAIN (5 * FT_MS)

static void cut(struct sim_world *world, const struct sim_fault_plan *fault)
{
    bool is_cut = fault->kind != SIM_FAULT_HEAL;

    world->pipe[fault->pipe].cut = is_cut;
    if (fault->kind != SIM_FAULT_CUT_ONE)
        world->pipe[fault->pipe ^ 1].cut = is_cut;
}

static void change(struct sim_world *world, const struct sim_fault_plan *fault)
{
    struct sim_pipe *pipe = &world->pipe[fault->pipe];

    if (fault->kind == SIM_FAULT_RATE)
        pipe->imp.config.rate = fault->value;
    else if (fault->kind == SIM_FAULT_SPIKE)
        pipe->imp.config.delay = pipe->delay + fault->value;
    else {
        pipe->imp.config.rate = pipe->rate;
        pipe->imp.config.delay = pipe->delay;
    }
}

static void crash(struct sim_world *world, struct sim_host *host)
{
    struct sim_note note = {.kind = SIM_NOTE_APP, .host = (uint8_t)host->index, .text = "crashes"};

    if (host->stack == NULL)
        return; /* it is down already, or was never there */
    ft_sim_note(world, &note);
    ft_sim_host_crash(world, host);
    ft_sim_audit_crashed(world->audit, host->index);
    ft_sim_apps_crash(world, host);
}

static void boot(struct sim_world *world, struct sim_host *host)
{
    struct sim_note note = {
        .kind = SIM_NOTE_APP, .host = (uint8_t)host->index, .text = "is there again"};

    if (host->world == NULL || host->stack != NULL || host->is_away ||
        world->plan.host[host->index].absent)
        return;
    ft_sim_note(world, &note);
    host->booting = true;
    if (ft_sim_host_boot(world, host) != 0) {
        ft_sim_halt(world, NULL, "%s does not come up again", host->name);
        return;
    }
    ft_advance(host->stack, world->now);
    ft_sim_apps_boot(world, host);
    host->booting = false;
    ft_sim_host_run(world, host);
}

void ft_sim_fault(struct sim_world *world, uint32_t index)
{
    const struct sim_fault_plan *fault = &world->plan.fault[index];
    struct sim_router *router;

    switch ((enum sim_fault_kind)fault->kind) {
    case SIM_FAULT_CUT:
    case SIM_FAULT_CUT_ONE:
    case SIM_FAULT_HEAL:
        cut(world, fault);
        break;
    case SIM_FAULT_FORGE:
        /* He waits for somebody to talk. */
        if (!ft_sim_forge(world, fault->pipe) && world->phase == SIM_PHASE_RUN && !world->failed)
            ft_sim_add_event(world, SIM_EVENT_FAULT, index, world->now + FORGE_AGAIN);
        break;
    case SIM_FAULT_FORGET:
        ft_sim_nat_forget(world);
        break;
    case SIM_FAULT_FLOOD:
        ft_sim_flood(world, index);
        break;
    case SIM_FAULT_REPLAY:
        (void)ft_sim_replay(world, fault->pipe);
        break;
    case SIM_FAULT_SHRINK:
        router = &world->router[fault->pipe / 2];
        if (fault->value < router->mtu[fault->pipe % 2])
            router->mtu[fault->pipe % 2] = (uint32_t)fault->value;
        break;
    case SIM_FAULT_RATE:
    case SIM_FAULT_SPIKE:
    case SIM_FAULT_RESTORE:
        change(world, fault);
        break;
    case SIM_FAULT_CRASH:
        crash(world, &world->host[fault->pipe]);
        break;
    case SIM_FAULT_MIGRATE:
        ft_sim_migrate(world, &world->host[fault->pipe]);
        break;
    case SIM_FAULT_ARRIVE:
        ft_sim_arrive(world, &world->host[fault->pipe], fault->value != 0);
        break;
    case SIM_FAULT_REKEY:
        ft_sim_rekey(world, &world->host[fault->pipe], fault->value);
        break;
    case SIM_FAULT_BOOT:
        boot(world, &world->host[fault->pipe]);
        break;
    }
}
