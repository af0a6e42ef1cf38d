/* SPDX-License-Identifier: MIT */
/*
 * A loop that reads frames, keeps them for as long as the path would, and hands them on by the MAC
 * address that they are for. Address resolution is no part of what is measured: ARP passes at once.
 */
#include "emulator.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/resource.h>

#include "end.h"

#define FRAME       2048
#define BATCH       32
#define BINS        100000u /* of 10 us */
#define BIN_NS      (10 * FT_US)
#define IP4         0x0800u
#define ARP         0x0806u
#define HEADERS     66u /* Ethernet, IPv4, TCP with timestamps: longer frames carry octets */

/* Between two turns of the loop pass a share of the round trip, and of the time in which a full
   queue empties, at most. Network cards collect frames for as long; it halves the work, so that
   more paths fit on a machine. */
#define TURN_SHARE  100
#define QUEUE_SHARE 20
#define TURN_MAX    (200 * FT_US)

struct histogram {
    uint64_t total;
    uint32_t bins[BINS];
};

struct emulator {
    const struct emulator_config *config;
    struct impair way[2]; /* from side 0, from side 1 */
    struct histogram queue, late;
    uint64_t n_refused;
    ft_time turn, turn_at; /* how long a turn takes at least; when the next may begin */
};

static void note(struct histogram *histogram, ft_time value)
{
    ft_time bin = value / BIN_NS;

    histogram->bins[bin < BINS ? bin : BINS - 1]++;
    histogram->total++;
}

static double percentile_ms(const struct histogram *histogram, double percent)
{
    uint64_t wanted = (uint64_t)((double)histogram->total * percent / 100), seen = 0;
    unsigned i = 0;

    if (histogram->total == 0)
        return 0;
    while (i < BINS - 1 && (seen += histogram->bins[i]) <= wanted)
        i++;
    return (double)(i * BIN_NS) / 1e6;
}

/* To the host it is for on the side, or to all. */
static void hand_on(struct emulator *emulator, unsigned side, const uint8_t *frame, size_t len)
{
    const struct emulator_config *config = emulator->config;

    for (unsigned i = 0; i < config->n_ports; i++) {
        const struct emulator_port *port = &config->ports[i];

        if (port->side != side || ((frame[0] & 1) == 0 && frame[5] != port->self))
            continue;
        if (write(port->fd, frame, len) < 0)
            emulator->n_refused++;
    }
}

static void take_in(struct emulator *emulator, const struct emulator_port *port)
{
    uint8_t frame[FRAME];
    ssize_t len;

    for (unsigned i = 0; i < BATCH && (len = read(port->fd, frame, sizeof(frame))) > 14; i++) {
        unsigned type = (unsigned)frame[12] << 8 | frame[13];
        struct impair *way = &emulator->way[port->side];
        ft_time now = end_now();

        if (type == ARP)
            hand_on(emulator, 1 - port->side, frame, (size_t)len);
        if (type != IP4)
            continue;
        if (port->side == 0 && len > (ssize_t)HEADERS && now >= emulator->config->begin)
            note(&emulator->queue, impair_wait(way, now));
        impair_put(way, frame, (size_t)len, now);
    }
}

static void deliver(struct emulator *emulator, unsigned from)
{
    struct impair *way = &emulator->way[from];
    uint8_t frame[FRAME];
    ft_time due, now;

    while ((due = impair_deadline(way)) <= (now = end_now())) {
        size_t len = impair_take(way, now, frame, sizeof(frame));

        if (len == 0)
            break;
        note(&emulator->late, now - due);
        hand_on(emulator, 1 - from, frame, len);
    }
}

static ft_time earliest(const struct emulator *emulator)
{
    ft_time a = impair_deadline(&emulator->way[0]), b = impair_deadline(&emulator->way[1]);
    ft_time at = a < b ? a : b;

    return at < emulator->config->end ? at : emulator->config->end;
}

static void loop(struct emulator *emulator)
{
    const struct emulator_config *config = emulator->config;
    struct pollfd polls[EMULATOR_PORTS_MAX] = {{0}};

    for (unsigned i = 0; i < config->n_ports; i++)
        polls[i] = (struct pollfd){.fd = config->ports[i].fd, .events = POLLIN};
    while (end_now() < config->end) {
        struct timespec rest = end_wait(emulator->turn_at), wait;

        (void)ppoll(NULL, 0, &rest, NULL); /* a signal only makes it shorter */
        emulator->turn_at = end_now() + emulator->turn;
        wait = end_wait(earliest(emulator));
        if (ppoll(polls, config->n_ports, &wait, NULL) > 0) {
            for (unsigned i = 0; i < config->n_ports; i++) {
                if ((polls[i].revents & POLLIN) != 0)
                    take_in(emulator, &config->ports[i]);
            }
        }
        deliver(emulator, 0);
        deliver(emulator, 1);
    }
}

ft_time emulator_drain(const struct impair_config *cable)
{
    return cable->rate ? cable->queue * 8 * FT_SEC / cable->rate : 0;
}

static ft_time turn_of(const struct impair_config *cable)
{
    ft_time drain = emulator_drain(cable);
    ft_time turn = 2 * cable->delay / TURN_SHARE;

    turn = turn < drain / QUEUE_SHARE ? turn : drain / QUEUE_SHARE;
    return turn < TURN_MAX ? turn : TURN_MAX;
}

static double cpu_seconds(void)
{
    struct timespec spent;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent); /* always there */
    return (double)spent.tv_sec + (double)spent.tv_nsec / 1e9;
}

int emulator_run(const struct emulator_config *config, struct emulator_result *ret_result)
{
    struct emulator *emulator = calloc(1, sizeof(*emulator));
    ft_time began = end_now();
    double spent = cpu_seconds();

    if (emulator == NULL)
        return -ENOMEM;
    emulator->config = config;
    emulator->turn = turn_of(&config->cable);
    for (unsigned side = 0; side < 2; side++)
        impair_init(&emulator->way[side], &config->cable, side);
    loop(emulator);
    *ret_result = (struct emulator_result){
        .queue_ms = percentile_ms(&emulator->queue, 50),
        .queue_p99_ms = percentile_ms(&emulator->queue, 99),
        .late_ms = percentile_ms(&emulator->late, 50),
        .late_p99_ms = percentile_ms(&emulator->late, 99),
        .late_p999_ms = percentile_ms(&emulator->late, 99.9),
        .busy = (cpu_seconds() - spent) / ((double)(end_now() - began) / 1e9),
        .n_refused = emulator->n_refused + emulator->way[0].counters.n_refused +
                     emulator->way[1].counters.n_refused,
    };
    for (unsigned side = 0; side < 2; side++)
        impair_fini(&emulator->way[side]);
    free(emulator);
    return 0;
}
