/* SPDX-License-Identifier: MIT */
/*
 * The trace of a run as text: what its stacks tell of themselves (the verdict on each packet,
 * changes of state, timers), between the lines of the story that world.c keeps.
 */
#include <string.h>

#include "diag/trace.h"
#include "priv.h"

static void on_event(void *ctx, const struct ft_trace_event *event)
{
    const struct sim_host *host = ctx;
    char line[TRACE_LINE_MAX];
    const char *rest;

    if (event->kind == FT_TRACE_TX && (event->local_port != 0 || event->remote_port != 0))
        return; /* the card tells what leaves, when it leaves */
    (void)trace_line(event, line);
    rest = strchr(line, ' ');
    fprintf(host->world->options.trace, "  ");
    ft_sim_print_time(host->world->options.trace, host->world->now);
    fprintf(host->world->options.trace, " %-3s stack: %s\n", host->name,
            rest != NULL ? rest + 1 : line);
}

void ft_sim_trace_host(struct sim_host *host)
{
    struct ft_trace_sink sink = {on_event, host};

    if (host->world->options.trace != NULL)
        ft_set_trace(host->stack, &sink);
}
