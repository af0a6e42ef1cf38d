/* SPDX-License-Identifier: MIT */
/*
 * A host is replaced in mid-conversation: what can be exported of its connections is written down
 * (<fourtuple/handover.h>), its stack is freed, and after a pause another one, with secrets of its
 * own and perhaps another card, takes the addresses and the connections. What goes along must go on
 * as if nothing had been: no excuse is made for it anywhere. What cannot go along (a handshake,
 * datagrams, what an application has closed and the stack still delivers) is lost as in a crash.
 */
#include <stdlib.h>

#include "priv.h"

static void note(struct sim_world *world, const struct sim_host *host, const char *text,
                 int64_t value)
{
    struct sim_note line = {
        .kind = SIM_NOTE_APP, .host = (uint8_t)host->index, .text = text, .value = value};

    ft_sim_note(world, &line);
}

/* Write a connection down. Return: whether it could be. */
static bool leave(struct sim_world *world, struct sim_app *app)
{
    struct ft_stack *stack = world->host[app->host].stack;
    struct sim_tuple tuple = ft_sim_app_tuple(app);
    ssize_t len = ft_export(stack, app->sock, NULL, 0);

    if (len < 0)
        return false;
    app->image = malloc((size_t)len);
    if (app->image == NULL) {
        ft_sim_halt(world, NULL, "the simulator ran out of memory");
        return false;
    }
    app->image_len = (size_t)len;
    len = ft_export(stack, app->sock, app->image, app->image_len);
    if (len != (ssize_t)app->image_len) {
        ft_sim_halt(world, &tuple, "ft_export() said %zu octets and then %zd", app->image_len, len);
        return false;
    }
    app->sock = -1;
    ft_sim_app_note(app, "is written down, octets", len);
    ft_sim_audit_keep(world->audit, &tuple.a, tuple.a_port, &tuple.b, tuple.b_port);
    return true;
}

void ft_sim_migrate(struct sim_world *world, struct sim_host *host)
{
    int64_t n = 0;

    if (host->stack == NULL)
        return; /* it is down, or was never there */
    host->booting = true;
    ft_advance(host->stack, world->now);
    ft_sim_accept_waiting(world, host);
    for (uint32_t i = 0; i < 2 * world->plan.n_conns && !world->failed; i++) {
        struct sim_app *app = &world->app[i];

        if (app->host == host->index && app->state == SIM_APP_OPEN && app->sock >= 0)
            n += leave(world, app);
    }
    note(world, host, "is replaced; connections that go along", n);
    ft_sim_host_crash(world, host);
    ft_sim_audit_crashed(world->audit, host->index);
    ft_sim_apps_crash(world, host);
    host->booting = false;
    host->is_away = true;
}

static void arrive(struct sim_world *world, struct sim_app *app)
{
    struct ft_stack *stack = world->host[app->host].stack;
    struct sim_tuple tuple = ft_sim_app_tuple(app);

    app->sock = ft_import(stack, app->image, app->image_len);
    if (app->sock < 0) {
        ft_sim_halt(world, &tuple, "ft_import() says %lld", (long long)app->sock);
        return;
    }
    free(app->image);
    app->image = NULL;
    ft_sim_app_note(app, "goes on after", (int64_t)app->sent);
    (void)ft_watch(stack, app->sock, FT_READABLE | FT_WRITABLE | FT_RDHUP, &app->watch);
}

void ft_sim_arrive(struct sim_world *world, struct sim_host *host, bool other_card)
{
    if (!host->is_away)
        return;
    host->is_away = false;
    host->booting = true;
    if (other_card)
        host->mac[3]++;
    ft_sim_audit_moved(world->audit, host->index, host->mac);
    note(world, host, other_card ? "goes on elsewhere" : "goes on", (int64_t)host->boots);
    if (ft_sim_host_boot(world, host) != 0) {
        ft_sim_halt(world, NULL, "%s does not come up again", host->name);
        return;
    }
    ft_advance(host->stack, world->now);
    ft_sim_apps_boot(world, host);
    for (uint32_t i = 0; i < 2 * world->plan.n_conns && !world->failed; i++) {
        if (world->app[i].host == host->index && world->app[i].image != NULL)
            arrive(world, &world->app[i]);
    }
    host->booting = false;
    ft_sim_host_run(world, host);
}

void ft_sim_plan_migrations(struct sim_plan *plan, uint64_t seed)
{
    struct sim_rand rand;
    uint64_t n;

    sim_rand_init(&rand, seed, DRAW_MIGRATION, 0);
    if (!sim_rand_chance(&rand, 12))
        return;
    n = sim_rand_range(&rand, 1, 4);
    while (n-- > 0) {
        struct sim_fault_plan fault = {.kind = SIM_FAULT_MIGRATE};
        ft_time pause = FT_MS * sim_rand_size(&rand, 12); /* up to 4 s */

        fault.pipe = (uint32_t)sim_rand_below(&rand, plan->n_hosts);
        fault.at = FT_SEC + sim_rand_below(&rand, 2 * plan->length);
        fault.value = sim_rand_chance(&rand, 30);
        (void)ft_sim_add_pair(plan, &fault, SIM_FAULT_ARRIVE, fault.at + pause);
    }
}
