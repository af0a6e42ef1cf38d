/* SPDX-License-Identifier: MIT */
/*
 * How fast the simulator is, with all its oracles, its auditor and a check of every invariant after
 * each event. Prints a line {"name","value","unit"} for each figure, of the processor's time:
 *   sim_seed_ms             of a seed: the median of seeds 1 to 200
 *   sim_virtual_s_per_s     virtual seconds in a second, the same seeds
 *   sim_packets_per_min     packets that hosts sent in a minute, the same seeds
 *   sim_bulk_packets_per_min  the same of one long download (scenario long-fat)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/sim.h"

#define N_SEEDS 200
#define N_BULK  3

struct sums {
    uint64_t packets;
    double virtual_s, work_s;
    double each_ms[N_SEEDS];
};

static double read_work(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print_figure(const char *name, double value, const char *unit)
{
    (void)printf("{\"name\":\"%s\",\"value\":%.2f,\"unit\":\"%s\"}\n", name, value, unit);
    (void)fflush(stdout);
}

static void run(uint64_t seed, const char *scenario, struct sums *sums)
{
    struct sim_options options = {.seed = seed, .check = true, .scenario = scenario};
    double began = read_work();
    struct sim_world *world = ft_sim_world_new(&options);
    struct sim_result result;

    if (world == NULL) {
        (void)fprintf(stderr, "fourtuple: bench: no memory\n");
        exit(1);
    }
    ft_sim_world_run(world);
    ft_sim_world_result(world, &result);
    ft_sim_world_free(world);
    if (result.failed) {
        (void)fprintf(stderr, "fourtuple: bench: seed %llu failed: %s\n", (unsigned long long)seed,
                      result.sentence);
        exit(1);
    }
    sums->each_ms[seed - 1] = (read_work() - began) * 1e3;
    sums->work_s += read_work() - began;
    sums->packets += result.packets;
    sums->virtual_s += (double)(result.end / FT_MS) / 1e3;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(void)
{
    struct sums drawn = {0};
    struct sums bulk = {0};

    for (uint64_t seed = 1; seed <= N_SEEDS; seed++)
        run(seed, NULL, &drawn);
    qsort(drawn.each_ms, N_SEEDS, sizeof(drawn.each_ms[0]), compare);
    print_figure("sim_seed_ms", drawn.each_ms[N_SEEDS / 2], "ms");
    print_figure("sim_virtual_s_per_s", drawn.virtual_s / drawn.work_s, "s/s");
    print_figure("sim_packets_per_min", (double)drawn.packets / drawn.work_s * 60, "1/min");
    for (uint64_t seed = 1; seed <= N_BULK; seed++)
        run(seed, "long-fat", &bulk);
    print_figure("sim_bulk_packets_per_min", (double)bulk.packets / bulk.work_s * 60, "1/min");
    return 0;
}
