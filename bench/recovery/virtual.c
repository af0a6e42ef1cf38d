/* SPDX-License-Identifier: MIT */
/*
 * A cell in virtual time: two hosts of ours in a world of the simulator. What the queue adds is
 * taken from the round trips that the senders measure.
 */
#include "virtual.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <fourtuple/malloc.h>
#include <fourtuple/sim.h>

#define SAMPLES_MAX 40000
#define SAMPLE      (10 * FT_MS)
#define PORT        5001
#define WARM_UP     (2 * FT_SEC) /* addresses and neighbours are settled by then */

struct flow {
    ft_sock sender, receiver;
    struct ft_sim_watch watch;      /* of the sender */
    struct ft_sim_watch read_watch; /* of the receiver */
    uint64_t octets;
    uint64_t sent, retrans;
};

struct grid {
    const struct cell *cell;
    const char *cc;
    struct ft_sim *sim;
    struct ft_sim_host *a, *b;
    struct ft_sim_watch accept_watch;
    ft_sock passive;
    struct flow flows[FLOWS_MAX];
    unsigned n_accepted;
    ft_time begin, end;
    uint32_t samples[SAMPLES_MAX];
    size_t n_samples;
};

static uint8_t octets[65536];

static void die(const char *what)
{
    fprintf(stderr, "recovery: %s\n", what);
    exit(1);
}

static void must(int64_t answer, const char *what)
{
    if (answer < 0) {
        fprintf(stderr, "recovery: %s: %s\n", what, strerror((int)-answer));
        exit(1);
    }
}

/* ---- the applications ------------------------------------------------------------------------ */

static void fill(struct ft_sim_host *host, ft_sock sock, uint32_t mask, void *ctx)
{
    (void)mask;
    (void)ctx;
    while (ft_send(ft_sim_stack(host), sock, octets, sizeof(octets), 0) > 0)
        continue;
}

static void drain(struct ft_sim_host *host, ft_sock sock, uint32_t mask, void *ctx)
{
    static uint8_t buf[65536];
    struct flow *flow = ctx;
    ssize_t n;

    (void)mask;
    while ((n = ft_recv(ft_sim_stack(host), sock, buf, sizeof(buf), 0)) > 0)
        flow->octets += (uint64_t)n;
}

static void take_in(struct ft_sim_host *host, ft_sock sock, uint32_t mask, void *ctx)
{
    struct grid *grid = ctx;
    ft_sock got;

    (void)mask;
    while ((got = ft_accept(ft_sim_stack(host), sock, NULL, NULL)) >= 0) {
        struct flow *flow = &grid->flows[grid->n_accepted++];

        if (grid->n_accepted > grid->cell->n_flows)
            die("a connection too many");
        flow->receiver = got;
        flow->read_watch = (struct ft_sim_watch){drain, flow};
        must(ft_watch(ft_sim_stack(host), got, FT_READABLE, &flow->read_watch), "watch");
    }
}

static void listen_at(struct ft_sim_host *host, void *ctx)
{
    struct grid *grid = ctx;
    struct sockaddr_storage name;
    socklen_t len = ft_sim_sockaddr(host, AF_INET, PORT, &name);

    grid->passive = ft_socket(ft_sim_stack(host), AF_INET, SOCK_STREAM, 0);
    must(grid->passive, "socket");
    must(ft_bind(ft_sim_stack(host), grid->passive, (struct sockaddr *)&name, len), "bind");
    must(ft_listen(ft_sim_stack(host), grid->passive, FLOWS_MAX), "listen");
    grid->accept_watch = (struct ft_sim_watch){take_in, grid};
    must(ft_watch(ft_sim_stack(host), grid->passive, FT_READABLE, &grid->accept_watch), "watch");
}

static void sample(struct ft_sim_host *host, void *ctx)
{
    struct grid *grid = ctx;

    for (unsigned i = 0; i < grid->cell->n_flows; i++) {
        struct ft_sock_info info;

        if (ft_sock_info(ft_sim_stack(host), grid->flows[i].sender, &info) < 0)
            continue;
        if (info.srtt_us > 0 && grid->n_samples < SAMPLES_MAX)
            grid->samples[grid->n_samples++] = info.srtt_us;
        grid->flows[i].sent = info.octets_sent;
        grid->flows[i].retrans = info.octets_retrans;
    }
    must(ft_sim_after(host, SAMPLE, sample, grid), "timer");
}

static void begin(struct ft_sim_host *host, void *ctx)
{
    struct grid *grid = ctx;
    struct ft_stack *stack = ft_sim_stack(host);
    struct sockaddr_storage name;
    socklen_t len = ft_sim_sockaddr(grid->b, AF_INET, PORT, &name);

    for (unsigned i = 0; i < grid->cell->n_flows; i++) {
        struct flow *flow = &grid->flows[i];
        int rc;

        flow->sender = ft_socket(stack, AF_INET, SOCK_STREAM, 0);
        must(flow->sender, "socket");
        must(ft_setsockopt(stack, flow->sender, IPPROTO_TCP, TCP_CONGESTION, grid->cc,
                           (socklen_t)strlen(grid->cc)),
             grid->cc);
        flow->watch = (struct ft_sim_watch){fill, flow};
        must(ft_watch(stack, flow->sender, FT_WRITABLE, &flow->watch), "watch");
        rc = ft_connect(stack, flow->sender, (struct sockaddr *)&name, len);
        must(rc == -EINPROGRESS ? 0 : rc, "connect");
    }
    must(ft_sim_after(host, SAMPLE, sample, grid), "timer");
}

static void connect_later(struct ft_sim_host *host, void *ctx)
{
    must(ft_sim_after(host, WARM_UP, begin, ctx), "timer");
}

/* ---- one cell -------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static double queue_ms(const struct grid *grid, unsigned percent)
{
    double rtt_us = grid->cell->rtt_ms * 1000.0, at;

    if (grid->n_samples == 0)
        return 0;
    at = grid->samples[(grid->n_samples - 1) * percent / 100];
    return at > rtt_us ? (at - rtt_us) / 1000.0 : 0;
}

static void tell(struct grid *grid, bool json)
{
    const struct cell *cell = grid->cell;
    double seconds = (double)(grid->end - grid->begin) / 1e9, sum = 0, squares = 0;
    uint64_t sent = 0, again = 0;

    for (unsigned i = 0; i < cell->n_flows; i++) {
        double x = (double)grid->flows[i].octets * 8 / seconds / 1e6;

        sum += x;
        squares += x * x;
        sent += grid->flows[i].sent;
        again += grid->flows[i].retrans;
    }
    qsort(grid->samples, grid->n_samples, sizeof(grid->samples[0]), compare);
    double used = sum / cell->mbit * (1500 + 14) / 1448;
    double retrans = sent ? 100.0 * (double)again / (double)sent : 0;
    double jain = squares > 0 ? sum * sum / (cell->n_flows * squares) : 0;

    if (json)
        printf("{\"cell\":\"%s\",\"cc\":\"%s\",\"mbit_s\":%.2f,\"used\":%.3f,\"retrans_percent\":"
               "%.2f,\"queue_ms\":%.1f,\"queue_p99_ms\":%.1f,\"jain\":%.3f}\n",
               cell->name, grid->cc, sum, used, retrans, queue_ms(grid, 50), queue_ms(grid, 99),
               jain);
    else
        printf("%-12s %-6s %9.2f %7.3f %8.2f %% %8.1f %8.1f %7.3f\n", cell->name, grid->cc, sum,
               used, retrans, queue_ms(grid, 50), queue_ms(grid, 99), jain);
    fflush(stdout);
}

void virtual_measure(const struct cell *cell, const char *cc, uint64_t seed, bool json, bool quick)
{
    static struct grid grid;
    struct ft_sim_app passive = {.start = listen_at, .ctx = &grid};
    struct ft_sim_app active = {.start = connect_later, .ctx = &grid};
    struct ft_sim_config config;
    char link[200], err[200] = "";
    ft_time span = cell_span(cell);

    grid = (struct grid){.cell = cell, .cc = cc};
    grid.begin = WARM_UP;
    grid.end = WARM_UP + (quick && span > 10 * FT_SEC ? 10 * FT_SEC : span);
    ft_sim_config_init(&config);
    config.seed = seed;
    config.timers_max = 64;
    config.host.ecn = cell->ecn ? FT_ECN_ASK : FT_ECN_OFF;
    must(ft_sim_new(&config, &grid.sim), "a world");
    must(ft_sim_host_add(grid.sim, "a", "10.0.0.1/24", 1500, &grid.a), "host a");
    must(ft_sim_host_add(grid.sim, "b", "10.0.0.2/24", 1500, &grid.b), "host b");
    cell_link(cell, link, sizeof(link));
    if (ft_sim_link(grid.sim, "a", "b", link, err, sizeof(err)) < 0)
        die(err);
    must(ft_sim_app_add(grid.b, &passive), "an application");
    must(ft_sim_app_add(grid.a, &active), "an application");
    must(ft_sim_run(grid.sim, grid.end), "the run");
    tell(&grid, json);
    ft_sim_free(grid.sim);
}
