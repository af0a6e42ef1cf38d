/* SPDX-License-Identifier: MIT */
/*
 * The world: virtual time, the queue of events, the trace hash, the story that is told when an
 * oracle fails, and the run from the first conversation to the last silence. Events at one instant
 * happen in the order in which they were asked for, so a seed has one history.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <fourtuple/malloc.h>

#include "diag/addr.h"
#include "diag/pcapng.h"
#include "digest.h"
#include "priv.h"

#define HOST_AGAIN (100 * FT_MS)
#define QUIET_TIME (300 * FT_SEC) /* after the last conversation: more than 4 min, MUST-13 */

/* ---- the queue of events: a binary heap by (at, order) ---- */

static bool earlier(const struct sim_event *a, const struct sim_event *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void heap_push(struct sim_world *world, struct sim_event event)
{
    size_t i = world->n_heap;

    if (i == world->heap_cap) {
        size_t cap = i == 0 ? 256 : 2 * i;
        struct sim_event *heap = realloc(world->heap, cap * sizeof(heap[0]));

        if (heap == NULL) {
            ft_sim_halt(world, NULL, "the simulator ran out of memory");
            return;
        }
        world->heap = heap;
        world->heap_cap = cap;
    }
    world->n_heap++;
    while (i > 0 && earlier(&event, &world->heap[(i - 1) / 2])) {
        world->heap[i] = world->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    world->heap[i] = event;
}

static struct sim_event heap_pop(struct sim_world *world)
{
    struct sim_event *heap = world->heap;
    struct sim_event top = heap[0];
    struct sim_event last = heap[--world->n_heap];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= world->n_heap)
            break;
        if (child + 1 < world->n_heap && earlier(&heap[child + 1], &heap[child]))
            child++;
        if (!earlier(&heap[child], &last))
            break;
        heap[i] = heap[child];
        i = child;
    }
    if (world->n_heap > 0)
        heap[i] = last;
    return top;
}

void ft_sim_wake(struct sim_world *world, ft_time *wake, uint32_t kind, uint32_t index, ft_time at)
{
    if (at < world->now)
        at = world->now;
    if (at == FT_TIME_NEVER || *wake == at)
        return;
    if (*wake != FT_TIME_NEVER && *wake < at && kind != SIM_EVENT_HOST)
        return;
    /* The event of the old instant stays in the heap and is known as stale when it comes. */
    *wake = at;
    heap_push(world, (struct sim_event){at, world->next_order++, kind, index});
}

/* ---- the story ---- */

void ft_sim_halt(struct sim_world *world, const struct sim_tuple *tuple, const char *format, ...)
{
    va_list args;

    if (world->failed)
        return;
    world->failed = true;
    world->failed_at = world->now;
    if (tuple != NULL) {
        world->has_tuple = true;
        world->tuple = *tuple;
    }
    va_start(args, format);
    (void)vsnprintf(world->sentence, sizeof(world->sentence), format, args);
    va_end(args);
}

void ft_sim_abandon(struct sim_world *world, const char *sentence)
{
    ft_sim_halt(world, NULL, "%s", sentence);
    world->abandoned = true;
}

void ft_sim_note(struct sim_world *world, const struct sim_note *note)
{
    struct sim_note *slot = &world->notes[world->n_notes++ % SIM_NOTES_MAX];

    *slot = *note;
    slot->at = world->now;
    if (world->options.trace != NULL)
        ft_sim_print_note(world, world->options.trace, slot);
}

/* The same number on any machine; compilers make one load of it. */
static uint64_t get_word(const uint8_t *p)
{
    return (uint64_t)p[0] << 56 | (uint64_t)p[1] << 48 | (uint64_t)p[2] << 40 |
           (uint64_t)p[3] << 32 | (uint64_t)p[4] << 24 | (uint64_t)p[5] << 16 |
           (uint64_t)p[6] << 8 | p[7];
}

void ft_sim_hash(struct sim_world *world, uint32_t host, const uint8_t *frame, size_t len)
{
    uint64_t h = sim_mix(world->hash ^ world->now) ^ ((uint64_t)host << 32 | len);

    for (size_t i = 0; i < len; i += 8) {
        uint64_t word = 0;

        if (len - i >= 8)
            word = get_word(frame + i);
        for (size_t k = i; len - i < 8 && k < len; k++)
            word = word << 8 | frame[k];
        h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
    }
    world->hash = h;
}

/* ---- the run ---- */

uint64_t ft_sim_add_event(struct sim_world *world, uint32_t kind, uint32_t index, ft_time at)
{
    heap_push(world, (struct sim_event){at, world->next_order++, kind, index});
    return world->next_order - 1;
}

ft_time ft_sim_next_at(const struct sim_world *world)
{
    return world->n_heap == 0 ? FT_TIME_NEVER : world->heap[0].at;
}

/* PHASE events: 0: faults heal; 1: the limit; 2: silence has lasted long enough. */
static void phase_event(struct sim_world *world, uint32_t index)
{
    if (index == 0)
        ft_sim_net_heal(world);
    else if (index == 1 && world->phase == SIM_PHASE_RUN)
        ft_sim_oracle_late(world);
    else if (index == 2)
        world->phase = SIM_PHASE_END;
}

static void app_event(struct sim_world *world, struct sim_app *app)
{
    struct sim_host *host = &world->host[app->host];

    if (host->stack == NULL) { /* down: it goes on when the host is there again */
        ft_sim_wake(world, &app->wake, SIM_EVENT_APP, app->watch.index, world->now + HOST_AGAIN);
        return;
    }
    ft_advance(host->stack, world->now);
    ft_sim_app_step(app);
    ft_sim_host_run(world, host);
}

/* A timer that never gets done would keep time from passing. */
static void host_event(struct sim_world *world, struct sim_host *host)
{
    if (host->spin_at != world->now) {
        host->spin_at = world->now;
        host->spins = 0;
    }
    if (++host->spins > 10000)
        ft_sim_halt(world, NULL, "%s asks to be woken at %" PRIu64 " ns again and again",
                    host->name, world->now);
    ft_sim_host_run(world, host);
}

static void dispatch(struct sim_world *world, const struct sim_event *event)
{
    ft_time *wake = NULL;

    if (event->kind == SIM_EVENT_HOST)
        wake = &world->host[event->index].wake;
    else if (event->kind == SIM_EVENT_PIPE)
        wake = &world->pipe[event->index].wake;
    else if (event->kind == SIM_EVENT_APP)
        wake = &world->app[event->index].wake;
    else if (event->kind == SIM_EVENT_LISTENER)
        wake = &world->listener[event->index].wake;
    if (wake != NULL) {
        if (*wake != event->at)
            return; /* it was moved */
        *wake = FT_TIME_NEVER;
    }
    if (event->kind == SIM_EVENT_LIB && !ft_sim_lib_is_due(world->lib, event))
        return;
    world->now = event->at;
    if (event->kind == SIM_EVENT_HOST)
        host_event(world, &world->host[event->index]);
    else if (event->kind == SIM_EVENT_PIPE)
        ft_sim_pipe_event(world, event->index);
    else if (event->kind == SIM_EVENT_APP)
        app_event(world, &world->app[event->index]);
    else if (event->kind == SIM_EVENT_LISTENER)
        ft_sim_listener_event(world, event->index);
    else if (event->kind == SIM_EVENT_LIB)
        ft_sim_lib_event(world->lib, event->index);
    else if (event->kind == SIM_EVENT_FAULT)
        ft_sim_fault(world, event->index);
    else
        phase_event(world, event->index);
}

void ft_sim_step(struct sim_world *world)
{
    struct sim_event event = heap_pop(world);

    dispatch(world, &event);
}

/* When the last conversation is done, the passive sockets go and silence must follow. */
static void go_quiet(struct sim_world *world)
{
    ft_time from = world->now > world->plan.heal_at ? world->now : world->plan.heal_at;

    world->phase = SIM_PHASE_QUIET;
    ft_sim_listeners_close(world);
    for (uint32_t i = 0; i < world->plan.n_hosts; i++)
        ft_sim_host_run(world, &world->host[i]);
    ft_sim_add_event(world, SIM_EVENT_PHASE, 2, from + QUIET_TIME + world->plan.patience);
}

void ft_sim_world_run(struct sim_world *world)
{
    const struct sim_plan *plan = &world->plan;

    for (uint32_t i = 0; i < plan->n_faults; i++) {
        if (!plan->fault[i].absent)
            ft_sim_add_event(world, SIM_EVENT_FAULT, i, plan->fault[i].at);
    }
    ft_sim_add_event(world, SIM_EVENT_PHASE, 0, plan->heal_at);
    ft_sim_add_event(world, SIM_EVENT_PHASE, 1, plan->limit + plan->patience);
    for (uint32_t i = 0; i < plan->n_hosts && !world->failed; i++)
        ft_sim_host_run(world, &world->host[i]);
    while (!world->failed && world->phase != SIM_PHASE_END && world->n_heap > 0) {
        ft_sim_step(world);
        if (world->phase == SIM_PHASE_RUN && world->n_done == 2 * plan->n_conns)
            go_quiet(world);
    }
    if (!world->failed)
        ft_sim_oracle_rest(world);
    if (!world->failed)
        ft_sim_hosts_free(world);
}

/* ---- its life ---- */

static void name_interfaces(struct sim_world *world)
{
    for (uint32_t i = 0; i < world->plan.n_hosts; i++) {
        struct sim_host *host = &world->host[i];

        host->pcap_if =
            (int)pcapng_interface(world->pcap, host->name, PCAPNG_ETHER, world->plan.host[i].mtu);
    }
}

struct sim_world *ft_sim_world_bare(const struct sim_options *options, int *ret_error)
{
    struct sim_world *world = calloc(1, sizeof(*world));

    *ret_error = world == NULL ? -ENOMEM : 0;
    if (world == NULL)
        return NULL;
    world->options = *options;
    world->name_width = 3;
    ft_config_init(&world->host_config);
    ft_config_use_malloc(&world->host_config);
    ft_sim_auth(&world->host_config.auth);
    if (options->pcap != NULL)
        *ret_error = pcapng_open(options->pcap, &world->pcap);
    if (*ret_error != 0) {
        free(world);
        return NULL;
    }
    return world;
}

struct sim_world *ft_sim_world_new(const struct sim_options *options)
{
    int error;
    struct sim_world *world = ft_sim_world_bare(options, &error);

    if (world == NULL) {
        errno = -error;
        return NULL;
    }
    ft_sim_plan(&world->plan, options->seed, options->length);
    if (ft_sim_scenario_apply(&world->plan, options) != 0 ||
        !ft_sim_cut(&world->plan, &options->cut))
        error = -EINVAL;
    ft_sim_plan_settle(&world->plan);
    if (error == 0 &&
        (ft_sim_net_new(world) != 0 || ft_sim_hosts_new(world) != 0 || ft_sim_apps_new(world) != 0))
        error = -ENOMEM;
    if (error != 0) {
        ft_sim_world_free(world);
        errno = -error;
        return NULL;
    }
    if (world->pcap != NULL)
        name_interfaces(world);
    return world;
}

void ft_sim_world_free(struct sim_world *world)
{
    if (world == NULL)
        return;
    if (!world->abandoned)
        ft_sim_hosts_free(world);
    ft_sim_net_free(world);
    ft_sim_audit_free(world->audit);
    if (world->pcap != NULL)
        pcapng_close(world->pcap);
    for (uint32_t i = 0; i < 2 * world->plan.n_conns; i++)
        free(world->app[i].image);
    free(world->listener);
    free(world->heap);
    free(world);
}

/* The conversation that bears the name of the failure. */
static int32_t blamed(const struct sim_world *world)
{
    const struct sim_tuple *t = &world->tuple;

    for (uint32_t i = 0; world->has_tuple && i < world->plan.n_conns; i++) {
        struct sim_tuple mine = ft_sim_app_tuple(&world->app[2 * i]);

        if (ft_sim_tuple_eq(&mine, t))
            return (int32_t)i;
    }
    return -1;
}

void ft_sim_world_result(const struct sim_world *world, struct sim_result *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->failed = world->failed;
    memcpy(ret->sentence, world->sentence, sizeof(ret->sentence));
    ret->failed_at = world->failed_at;
    ret->end = world->now;
    ret->packets = world->packets;
    ret->octets = world->octets;
    ret->trace_hash = world->hash;
    for (uint32_t i = 0; i < world->plan.n_hosts; i++)
        ret->n_hosts += world->plan.host[i].absent ? 0 : 1;
    for (uint32_t i = 0; i < world->plan.n_conns; i++)
        ret->n_conns += world->plan.conn[i].absent ? 0 : 1;
    ret->blamed = blamed(world);
    ret->counters = world->counters;
    if (!world->abandoned)
        ft_sim_count(world, &ret->counters);
}
