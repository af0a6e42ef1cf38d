/* SPDX-License-Identifier: MIT */
/*
 * The network: each host on a cable to a switch; switches are joined by a trunk, or by routers on
 * cables of their own. A cable is a pair of pipes, each an impairment queue with a random stream of
 * its own; a switch learns link addresses and floods what it does not know. Nothing here knows what
 * is in a frame beyond its two link addresses.
 */
#include <string.h>

#include "priv.h"

/* The pipe that goes the other way on the same cable. */
static uint32_t partner(uint32_t pipe)
{
    return pipe ^ 1;
}

static void make_pipe(struct sim_world *world, uint32_t i, const struct impair_config *config)
{
    struct sim_pipe *pipe = &world->pipe[i];

    impair_init(&pipe->imp, config, i);
    impair_init(&pipe->late, &world->plan.late, i);
    pipe->wake = FT_TIME_NEVER;
    pipe->delay = config->delay;
    pipe->rate = config->rate;
}

/* An end of a cable: what leaves there goes into pipe @out, what arrives comes by its partner. */
static void plug(struct sim_world *world, const struct sim_end *end, uint32_t out)
{
    struct sim_pipe *in = &world->pipe[partner(out)];

    in->to = end->index;
    if (end->is_host) {
        in->kind = SIM_TO_HOST;
        world->host[end->index].pipe = out;
    } else if (end->is_router) {
        in->kind = SIM_TO_ROUTER;
        in->port = end->port;
        world->router[end->index].out[end->port] = out;
    } else {
        struct sim_switch *s = &world->sw[end->index];

        in->kind = SIM_TO_SWITCH;
        in->port = s->n_ports;
        s->out[s->n_ports++] = out;
    }
}

uint32_t ft_sim_cable(struct sim_world *world, const struct sim_end *a, const struct sim_end *b,
                      const struct impair_config *config)
{
    uint32_t pipe = world->n_pipes;

    make_pipe(world, pipe, config);
    make_pipe(world, partner(pipe), config);
    plug(world, a, pipe);
    plug(world, b, partner(pipe));
    world->n_pipes += 2;
    return pipe;
}

static void plug_router(struct sim_world *world, uint32_t r)
{
    const struct sim_plan *plan = &world->plan;
    const struct sim_router_plan *drawn = &plan->router[r];
    struct sim_router *router = &world->router[r];

    for (uint32_t port = 0; port < 2; port++) {
        struct sim_end own = {.index = r, .is_router = true, .port = port};
        struct sim_end lan = {.index = port == 0 ? plan->lan[r + 1].parent : r + 1};

        router->mac[port][0] = 2;
        router->mac[port][4] = (uint8_t)(r + 1);
        router->mac[port][5] = (uint8_t)(port + 1);
        router->mtu[port] = drawn->mtu[port];
        router->mute = drawn->mute != SIM_MUTE_NEVER;
        (void)ft_sim_cable(world, &own, &lan, port == 0 ? &drawn->up : &drawn->down);
    }
}

int ft_sim_net_new(struct sim_world *world)
{
    static const struct sim_end left = {.index = 0};
    static const struct sim_end right = {.index = 1};
    const struct sim_plan *plan = &world->plan;

    for (uint32_t i = 0; i < plan->n_hosts; i++) {
        struct sim_end host = {.is_host = true, .index = i};
        struct sim_end lan = {.index = plan->host[i].lan};

        (void)ft_sim_cable(world, &host, &lan, &plan->access[i]);
    }
    for (uint32_t i = 0; i < plan->n_routers; i++)
        plug_router(world, i);
    if (plan->n_routers == 0)
        (void)ft_sim_cable(world, &left, &right, &plan->trunk);
    return 0;
}

void ft_sim_net_free(struct sim_world *world)
{
    for (uint32_t i = 0; i < world->n_pipes; i++) {
        impair_fini(&world->pipe[i].imp);
        impair_fini(&world->pipe[i].late);
    }
    world->n_pipes = 0;
}

/* When something comes out of a pipe next. */
static ft_time next_out(const struct sim_pipe *pipe)
{
    ft_time at = impair_deadline(&pipe->imp);
    ft_time late = impair_deadline(&pipe->late);

    return at < late ? at : late;
}

void ft_sim_pipe_put(struct sim_world *world, uint32_t index, const uint8_t *frame, size_t len)
{
    struct sim_pipe *pipe = &world->pipe[index];

    if (pipe->cut)
        return;
    impair_put(&pipe->imp, frame, len, world->now);
    impair_put(&pipe->late, frame, len, world->now);
    ft_sim_wake(world, &pipe->wake, SIM_EVENT_PIPE, index, next_out(pipe));
}

static void learn(struct sim_switch *s, const uint8_t *mac, uint32_t port)
{
    uint32_t i;

    if (mac[0] & 1)
        return;
    for (i = 0; i < s->n_learned && memcmp(s->learned[i].mac, mac, 6) != 0; i++)
        ;
    if (i == SIM_MACS_MAX)
        return;
    memcpy(s->learned[i].mac, mac, 6);
    s->learned[i].port = port;
    if (i == s->n_learned)
        s->n_learned++;
}

/* The port of a link address; n_ports: all but the one it came from. */
static uint32_t look_up(const struct sim_switch *s, const uint8_t *mac)
{
    for (uint32_t i = 0; i < s->n_learned; i++) {
        if (memcmp(s->learned[i].mac, mac, 6) == 0)
            return s->learned[i].port;
    }
    return s->n_ports;
}

static void forward(struct sim_world *world, const struct sim_pipe *pipe, const uint8_t *frame,
                    size_t len)
{
    struct sim_switch *s = &world->sw[pipe->to];
    uint32_t port;

    if (len < 14)
        return;
    learn(s, frame + 6, pipe->port);
    port = look_up(s, frame);
    for (uint32_t i = 0; i < s->n_ports; i++) {
        if (i != pipe->port && (port == s->n_ports || port == i))
            ft_sim_pipe_put(world, s->out[i], frame, len);
    }
}

void ft_sim_pipe_event(struct sim_world *world, uint32_t index)
{
    struct sim_pipe *pipe = &world->pipe[index];
    uint32_t lens[SIM_BATCH_MAX];
    size_t n = 0;

    for (;;) {
        size_t len = impair_take(&pipe->imp, world->now, world->frame[n], SIM_FRAME_MAX);

        if (len == 0)
            len = impair_take(&pipe->late, world->now, world->frame[n], SIM_FRAME_MAX);
        if (len > 0 && pipe->kind == SIM_TO_SWITCH)
            forward(world, pipe, world->frame[n], len);
        else if (len > 0 && pipe->kind == SIM_TO_ROUTER)
            ft_sim_router_input(world, pipe->to, pipe->port, world->frame[n], len);
        else if (len > 0 && (world->lib == NULL ||
                             ft_sim_lib_passes(world->lib, pipe->to, world->frame[n], len)))
            lens[n++] = (uint32_t)len;
        if (n > 0 && (len == 0 || n == SIM_BATCH_MAX)) {
            ft_sim_host_input(world, &world->host[pipe->to], lens, n);
            n = 0;
        }
        if (len == 0 || world->failed)
            break;
    }
    ft_sim_wake(world, &pipe->wake, SIM_EVENT_PIPE, index, next_out(pipe));
}

void ft_sim_net_heal(struct sim_world *world)
{
    for (uint32_t i = 0; i < world->n_pipes; i++) {
        struct impair_config *config = &world->pipe[i].imp.config;

        config->loss = 0;
        config->dup = 0;
        config->reorder = 0;
        config->corrupt = 0;
        config->ecn = IMPAIR_ECN_KEEP;
        world->pipe[i].late.config.loss = IMPAIR_SHARE_ALL;
        world->pipe[i].cut = false;
    }
    for (uint32_t i = 0; i < world->plan.n_routers; i++)
        world->router[i].mute = world->plan.router[i].mute == SIM_MUTE_FOR_EVER;
}
