/* SPDX-License-Identifier: MIT */
/*
 * The table of cells: one factor is varied at a time from a centre of 100 Mbit/s, 20 ms and no loss
 * behind a buffer of one bandwidth-delay product.
 */
#include "cell.h"

#include <stdio.h>
#include <string.h>

#define LEAST_QUEUE 6000 /* octets: four frames */

static const struct cell cells[] = {
    {"centre", 100, 20, 1, "", 1, true, false},
    {"centre-8", 100, 20, 1, "", 8, true, false},
    {"rate-10", 10, 20, 1, "", 1, true, false},
    {"rate-1000", 1000, 20, 1, "", 1, false, false},
    {"rtt-1", 100, 1, 1, "", 1, false, false},
    {"rtt-100", 100, 100, 1, "", 1, true, false},
    {"rtt-300", 100, 300, 1, "", 1, false, false},
    {"loss-0.01", 100, 20, 1, ",loss=0.01%", 1, true, false},
    {"loss-0.1", 100, 20, 1, ",loss=0.1%", 1, true, false},
    {"loss-1", 100, 20, 1, ",loss=1%", 1, true, false},
    {"loss-5", 100, 20, 1, ",loss=5%", 1, true, false},
    {"loss-1-8", 100, 20, 1, ",loss=1%", 8, false, false},
    {"burst-8", 100, 20, 1, ",loss=1%,burst=8", 1, true, false},
    {"reorder-1", 100, 20, 1, ",reorder=1%", 1, true, false},
    {"reorder-10", 100, 20, 1, ",reorder=10%", 1, true, false},
    {"jitter", 100, 20, 1, ",jitter=5ms", 1, true, false},
    {"dup-1", 100, 20, 1, ",dup=1%", 1, false, false},
    {"buffer-0.1", 100, 20, 0.1, "", 1, true, false},
    {"buffer-10", 100, 20, 10, "", 1, true, false},
    {"buffer-10-8", 100, 20, 10, "", 8, false, false},
    {"ecn", 100, 20, 1, ",mark=60k", 1, true, true},
};

/* No cell of the grid: what the emulator itself can carry. */
static const struct cell ceiling = {"ceiling", 0, 0, 1, "", 1, false, false};

const struct cell *cell_at(size_t i)
{
    return i < sizeof(cells) / sizeof(cells[0]) ? &cells[i] : NULL;
}

const struct cell *cell_find(const char *name)
{
    const struct cell *cell;

    for (size_t i = 0; (cell = cell_at(i)) != NULL; i++) {
        if (strcmp(cell->name, name) == 0)
            return cell;
    }
    return strcmp(name, ceiling.name) == 0 ? &ceiling : NULL;
}

static double path_octets(const struct cell *cell)
{
    return cell->mbit * 1e6 / 8 * cell->rtt_ms / 1e3;
}

void cell_link(const struct cell *cell, char *ret, size_t len)
{
    double queue = path_octets(cell) * cell->bdps;

    if (cell->mbit == 0)
        (void)snprintf(ret, len, "dup=0%%");
    else
        (void)snprintf(ret, len, "delay=%uus,rate=%umbit,queue=%.0f%s", cell->rtt_ms * 500,
                       cell->mbit, queue < LEAST_QUEUE ? LEAST_QUEUE : queue, cell->faults);
}

ft_time cell_span(const struct cell *cell)
{
    ft_time trips = 100 * (ft_time)cell->rtt_ms * FT_MS;

    return trips > 10 * FT_SEC ? trips : 10 * FT_SEC;
}

uint64_t cell_window(const struct cell *cell)
{
    return (uint64_t)(4 * path_octets(cell) * (1 + cell->bdps));
}
