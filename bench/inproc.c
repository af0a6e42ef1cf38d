/* SPDX-License-Identifier: MIT */
/*
 * First figures: two stacks in one process, both on one core, over a cable in memory.
 *
 * Prints a line {"name","value","unit"} for each figure:
 *   inproc_bulk_gbps      one connection, MSS 1460, every octet copied in and out and summed
 *   inproc_bulk_ref_gbps  the same by reference: segmentation offload, checksums believed
 *   inproc_bulk_rec_gbps, inproc_bulk_ref_rec_gbps
 *                         both again while both stacks are recorded into memory
 *   inproc_rr_per_s       one octet there and back, one connection
 *   inproc_crr_per_s      connect, one octet each way, close; 32 at a time
 *   idle_conn_bytes       resident octets of an endpoint of an idle connection, of 100,000
 *   demux_1k_ns           a frame with a bare ACK taken in, in batches of 64 as links give them,
 *                         connections drawn at random, of 1,000
 *   demux_1m_ns           the same of 1,000,000
 * Names given as arguments choose among them. Timed figures are medians of three, of the
 * processor's time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <fourtuple.h>
#include <fourtuple/malloc.h>

#include "diag/addr.h"
#include "link/link.h"

#define RUN_TIME    (700 * FT_MS)
#define WARM_UP     (200 * FT_MS)
#define N_RUNS      3
#define CHUNK       65536
#define BUFFER      (4 << 20)
#define N_LISTENERS 64
#define FIRST_PORT  2000
#define FRAME_CAP   (65535 + FT_HEADERS_MAX)
#define BATCH       64
#define CRR_AT_ONCE 32
#define IDLE_N      100000
#define ACK_MAX     96
#define N_BATCHES   20000
#define RECORDING   (4 << 20) /* a window, as of a file; it is written over and over */

/* The client is 0, the server 1. */
struct bench {
    struct ft_stack *stacks[2];
    int ifindexes[2];
    ft_sock listeners[N_LISTENERS];
    bool by_reference;
    uint8_t *recordings[2]; /* NULL: nothing is recorded */
    size_t recorded[2];
    struct ft_frame frames[BATCH];
    uint8_t *buffers;
    /* With last_ack: the last bare ACK that the client sent. */
    bool want_ack;
    uint8_t last_ack[ACK_MAX];
    size_t last_ack_len;
};

static void die(const char *what, int64_t error)
{
    (void)fprintf(stderr, "fourtuple: bench: %s: %s\n", what, strerror((int)-error));
    exit(1);
}

static void must(const char *what, int64_t result)
{
    if (result < 0)
        die(what, result);
}

static ft_time read_clock(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (ft_time)now.tv_sec * FT_SEC + (ft_time)now.tv_nsec;
}

/* Time that this thread has really run: other work on the machine does not count. */
static ft_time read_work(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (ft_time)now.tv_sec * FT_SEC + (ft_time)now.tv_nsec;
}

static void print_figure(const char *name, double value, const char *unit)
{
    (void)printf("{\"name\":\"%s\",\"value\":%.2f,\"unit\":\"%s\"}\n", name, value, unit);
    (void)fflush(stdout);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof(values[0]), compare);
    return values[n / 2];
}

/* --- two hosts and a cable ---------------------------------------------------------------------
 */

static struct ft_addr host_addr(unsigned which)
{
    return addr_from_ip4(0x0a070001u + which);
}

static int keep(uint8_t *window, size_t *used, const uint8_t *data, size_t len)
{
    while (len > 0) {
        size_t n = len < RECORDING - *used % RECORDING ? len : RECORDING - *used % RECORDING;

        memcpy(window + *used % RECORDING, data, n);
        *used += n;
        data += n;
        len -= n;
    }
    return 0;
}

static int keep_client(void *ctx, const void *data, size_t len)
{
    struct bench *bench = ctx;

    return keep(bench->recordings[0], &bench->recorded[0], data, len);
}

static int keep_server(void *ctx, const void *data, size_t len)
{
    struct bench *bench = ctx;

    return keep(bench->recordings[1], &bench->recorded[1], data, len);
}

static void start_recording(struct bench *bench, unsigned which)
{
    struct ft_record_sink sink = {which == 0 ? keep_client : keep_server, bench};

    if (bench->recordings[which] != NULL)
        must("ft_record_start", ft_record_start(bench->stacks[which], &sink));
}

static void make_stack(struct bench *bench, unsigned which, uint32_t n_connections)
{
    struct ft_if_config interface = {.size = sizeof(interface),
                                     .name = "mem",
                                     .type = FT_IF_ETHER,
                                     .mac = {2, 0, 0, 0, 0, (uint8_t)(which + 1)},
                                     .mtu = 1500,
                                     .flags = FT_IF_NO_DAD};
    struct ft_addr addr = host_addr(which);
    struct ft_config config;

    ft_config_init(&config);
    ft_config_use_malloc(&config);
    if (getrandom(config.seed, sizeof(config.seed), 0) != (ssize_t)sizeof(config.seed))
        die("getrandom", -errno);
    config.port_min = 1024;
    config.port_max = 65535;
    config.limits.memory_max = UINT64_C(1) << 36;
    config.limits.sockets_max = 2 * n_connections + 1000;
    config.limits.connections_max = 2 * n_connections + 1000;
    config.limits.half_open_max = 4096;
    if (bench->by_reference) {
        interface.flags |= FT_IF_TX_CSUM | FT_IF_TSO;
        interface.gso_max = 65535;
    }
    must("ft_stack_new", ft_stack_new(&config, &bench->stacks[which]));
    start_recording(bench, which);
    ft_advance(bench->stacks[which], read_clock());
    bench->ifindexes[which] = ft_if_add(bench->stacks[which], &interface);
    must("ft_if_add", bench->ifindexes[which]);
    must("ft_addr_add", ft_addr_add(bench->stacks[which], bench->ifindexes[which], &addr, 24, 0));
}

static socklen_t name_of(unsigned which, uint16_t port, struct sockaddr_storage *ret)
{
    struct ft_addr addr = host_addr(which);

    return addr_to_sockaddr(&addr, port, AF_INET, 0, ret);
}

static void make_bench(struct bench *bench, uint32_t n_connections, bool by_reference)
{
    uint8_t *recordings[2] = {bench->recordings[0], bench->recordings[1]};

    memset(bench, 0, sizeof(*bench));
    memcpy(bench->recordings, recordings, sizeof(recordings));
    bench->by_reference = by_reference;
    bench->buffers = malloc((size_t)BATCH * FRAME_CAP);
    if (bench->buffers == NULL)
        die("malloc", -ENOMEM);
    make_stack(bench, 0, n_connections);
    make_stack(bench, 1, n_connections);
    for (unsigned i = 0; i < N_LISTENERS; i++) {
        struct sockaddr_storage name;
        socklen_t len = name_of(1, (uint16_t)(FIRST_PORT + i), &name);

        bench->listeners[i] = ft_socket(bench->stacks[1], AF_INET, SOCK_STREAM, 0);
        must("ft_socket", bench->listeners[i]);
        must("ft_bind",
             ft_bind(bench->stacks[1], bench->listeners[i], (struct sockaddr *)&name, len));
        must("ft_listen", ft_listen(bench->stacks[1], bench->listeners[i], 4096));
    }
}

static void end_bench(struct bench *bench)
{
    ft_stack_free(bench->stacks[0]);
    ft_stack_free(bench->stacks[1]);
    free(bench->buffers);
}

/* Keeps a bare ACK: Ethernet, IPv4 without options, TCP with nothing but ACK, no payload. */
static void keep_ack(struct bench *bench, const struct ft_frame *frame)
{
    size_t header;

    if (frame->len < 54 || frame->len > ACK_MAX || frame->buf[12] != 8 || frame->buf[13] != 0 ||
        frame->buf[23] != IPPROTO_TCP || frame->buf[47] != 0x10)
        return;
    header = 34 + (size_t)(frame->buf[46] >> 4) * 4;
    if (frame->len != header || frame->n_spans != 0)
        return;
    memcpy(bench->last_ack, frame->buf, frame->len);
    bench->last_ack_len = frame->len;
}

static size_t move(struct bench *bench, unsigned from, ft_time now)
{
    size_t n;

    for (size_t i = 0; i < BATCH; i++) {
        bench->frames[i].buf = bench->buffers + i * FRAME_CAP;
        bench->frames[i].cap = FRAME_CAP;
        bench->frames[i].flags = bench->by_reference ? 0 : FT_FRAME_LINEAR;
    }
    n = ft_output(bench->stacks[from], bench->ifindexes[from], bench->frames, BATCH, now);
    if (n == 0)
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (bench->want_ack && from == 0)
            keep_ack(bench, &bench->frames[i]);
        /* Linear frames go as they are: the receiver sums them again. */
        bench->frames[i].flags = bench->by_reference ? FT_FRAME_CSUM_GOOD : 0;
    }
    ft_input(bench->stacks[1 - from], bench->ifindexes[1 - from], bench->frames, n, now);
    ft_output_done(bench->stacks[from], bench->ifindexes[from], bench->frames, n, n);
    return n;
}

/* Moves frames both ways until there are none. */
static void settle(struct bench *bench)
{
    ft_time now = read_clock();

    ft_advance(bench->stacks[0], now);
    ft_advance(bench->stacks[1], now);
    while (move(bench, 0, now) + move(bench, 1, now) > 0)
        continue;
}

static ft_sock begin_connect(struct bench *bench, unsigned listener)
{
    ft_sock sock = ft_socket(bench->stacks[0], AF_INET, SOCK_STREAM, 0);
    struct sockaddr_storage name;
    socklen_t len = name_of(1, (uint16_t)(FIRST_PORT + listener), &name);
    int error;

    must("ft_socket", sock);
    error = ft_connect(bench->stacks[0], sock, (struct sockaddr *)&name, len);
    if (error != 0 && error != -EINPROGRESS)
        die("ft_connect", error);
    return sock;
}

static void make_pair(struct bench *bench, unsigned listener, ft_sock ret_socks[2])
{
    ft_time give_up = read_clock() + 5 * FT_SEC;

    ret_socks[0] = begin_connect(bench, listener);
    do {
        settle(bench);
        ret_socks[1] = ft_accept(bench->stacks[1], bench->listeners[listener], NULL, NULL);
    } while (ret_socks[1] == -EAGAIN && read_clock() < give_up);
    must("ft_accept", ret_socks[1]);
}

static void set_int(struct ft_stack *stack, ft_sock sock, int level, int name, int value)
{
    must("ft_setsockopt", ft_setsockopt(stack, sock, level, name, &value, sizeof(value)));
}

/* --- bulk --------------------------------------------------------------------------------------
 */

static void send_all(struct bench *bench, ft_sock sock, const uint8_t *chunk)
{
    ssize_t n;

    do {
        n = ft_send(bench->stacks[0], sock, chunk, CHUNK, 0);
    } while (n == CHUNK);
    if (n < 0 && n != -EAGAIN)
        die("ft_send", n);
}

static uint64_t take_all(struct bench *bench, ft_sock sock, uint8_t *chunk)
{
    uint64_t total = 0;
    ssize_t n;

    while ((n = ft_recv(bench->stacks[1], sock, chunk, CHUNK, 0)) > 0)
        total += (uint64_t)n;
    if (n != -EAGAIN)
        die("ft_recv", n == 0 ? -EPIPE : n);
    return total;
}

/* Gbit/s of payload over a time. */
static double bulk_run(struct bench *bench, const ft_sock socks[2], ft_time length)
{
    static uint8_t in[CHUNK], out[CHUNK];
    ft_time begin = read_clock(), now = begin, work = read_work();
    uint64_t total = 0;

    while (now - begin < length) {
        send_all(bench, socks[0], in);
        ft_advance(bench->stacks[0], now);
        ft_advance(bench->stacks[1], now);
        while (move(bench, 0, now) > 0) {
            total += take_all(bench, socks[1], out);
            (void)move(bench, 1, now);
            send_all(bench, socks[0], in);
            now = read_clock();
            if (now - begin >= length)
                break;
        }
        (void)move(bench, 1, now);
        now = read_clock();
    }
    return (double)total * 8 / (double)(read_work() - work);
}

static void bulk(const char *name, bool by_reference, bool recorded)
{
    double values[N_RUNS];
    struct bench bench = {0};
    ft_sock socks[2];

    for (unsigned i = 0; recorded && i < 2; i++) {
        bench.recordings[i] = malloc(RECORDING);
        if (bench.recordings[i] == NULL)
            die("malloc", -ENOMEM);
    }
    make_bench(&bench, 10, by_reference);
    make_pair(&bench, 0, socks);
    set_int(bench.stacks[0], socks[0], SOL_SOCKET, SO_SNDBUF, BUFFER);
    set_int(bench.stacks[1], socks[1], SOL_SOCKET, SO_RCVBUF, BUFFER);
    (void)bulk_run(&bench, socks, WARM_UP);
    for (unsigned i = 0; i < N_RUNS; i++)
        values[i] = bulk_run(&bench, socks, RUN_TIME);
    print_figure(name, median(values, N_RUNS), "Gbit/s");
    end_bench(&bench);
    free(bench.recordings[0]);
    free(bench.recordings[1]);
}

static void bulk_copied(const char *name)
{
    bulk(name, false, false);
}

static void bulk_by_reference(const char *name)
{
    bulk(name, true, false);
}

static void bulk_copied_recorded(const char *name)
{
    bulk(name, false, true);
}

static void bulk_by_reference_recorded(const char *name)
{
    bulk(name, true, true);
}

/* --- requests ------------------------------------------------------------------------------------
 */

/* One octet from one end to the other. */
static void pass(struct bench *bench, const ft_sock socks[2], unsigned from, ft_time now)
{
    uint8_t octet = 'x';
    ssize_t n;

    must("ft_send", ft_send(bench->stacks[from], socks[from], &octet, 1, 0));
    (void)move(bench, from, now);
    n = ft_recv(bench->stacks[1 - from], socks[1 - from], &octet, 1, 0);
    if (n != 1)
        die("ft_recv", n == 0 ? -EPIPE : n);
}

static double rr_run(struct bench *bench, const ft_sock socks[2], ft_time length)
{
    ft_time begin = read_clock(), now = begin, work = read_work();
    uint64_t n = 0;

    while (now - begin < length) {
        ft_advance(bench->stacks[0], now);
        ft_advance(bench->stacks[1], now);
        pass(bench, socks, 0, now);
        pass(bench, socks, 1, now);
        now = read_clock();
        n++;
    }
    return (double)n * 1e9 / (double)(read_work() - work);
}

static void rr(const char *name)
{
    double values[N_RUNS];
    struct bench bench = {0};
    ft_sock socks[2];

    make_bench(&bench, 10, false);
    make_pair(&bench, 0, socks);
    set_int(bench.stacks[0], socks[0], IPPROTO_TCP, TCP_NODELAY, 1);
    set_int(bench.stacks[1], socks[1], IPPROTO_TCP, TCP_NODELAY, 1);
    (void)rr_run(&bench, socks, WARM_UP);
    for (unsigned i = 0; i < N_RUNS; i++)
        values[i] = rr_run(&bench, socks, RUN_TIME);
    print_figure(name, median(values, N_RUNS), "1/s");
    end_bench(&bench);
}

/* A SYN may have to go again, where its four-tuple is in TIME-WAIT since less than a tick of the
   timestamps. */
static void settle_connected(struct bench *bench, const ft_sock clients[CRR_AT_ONCE])
{
    ft_time give_up = read_clock() + 5 * FT_SEC;
    unsigned n;

    do {
        settle(bench);
        n = 0;
        while (n < CRR_AT_ONCE && (ft_ready(bench->stacks[0], clients[n]) & FT_WRITABLE))
            n++;
    } while (n < CRR_AT_ONCE && read_clock() < give_up);
}

/* Connections from birth to death: the client connects and sends an octet, the server answers with
   one and closes, the client reads to the end and closes. */
static void crr_batch(struct bench *bench, unsigned listener)
{
    ft_sock clients[CRR_AT_ONCE], server;
    unsigned n_served = 0, n_ended = 0;
    uint8_t octets[2] = {'x', 'x'};
    ft_time give_up;

    for (unsigned i = 0; i < CRR_AT_ONCE; i++)
        clients[i] = begin_connect(bench, listener);
    settle_connected(bench, clients);
    for (unsigned i = 0; i < CRR_AT_ONCE; i++)
        must("ft_send", ft_send(bench->stacks[0], clients[i], octets, 1, 0));
    settle(bench);
    while ((server = ft_accept(bench->stacks[1], bench->listeners[listener], NULL, NULL)) >= 0) {
        must("ft_recv", ft_recv(bench->stacks[1], server, octets, 1, 0));
        must("ft_send", ft_send(bench->stacks[1], server, octets, 1, 0));
        must("ft_close", ft_close(bench->stacks[1], server));
        n_served++;
    }
    if (n_served != CRR_AT_ONCE)
        die("connections lost", -EPROTO);
    give_up = read_clock() + 5 * FT_SEC;
    while (n_ended < CRR_AT_ONCE && read_clock() < give_up) {
        settle(bench);
        for (unsigned i = 0; i < CRR_AT_ONCE; i++) {
            ssize_t n = clients[i] < 0 ? 1 : ft_recv(bench->stacks[0], clients[i], octets, 2, 0);

            if (n == 1 && clients[i] >= 0)
                n = ft_recv(bench->stacks[0], clients[i], octets, 2, 0);
            if (n != 0)
                continue;
            must("ft_close", ft_close(bench->stacks[0], clients[i]));
            clients[i] = -1;
            n_ended++;
        }
    }
    if (n_ended != CRR_AT_ONCE)
        die("connections do not end", -EPROTO);
    settle(bench);
}

static double crr_run(struct bench *bench, ft_time length)
{
    ft_time begin = read_clock(), work = read_work();
    uint64_t n = 0;

    while (read_clock() - begin < length) {
        crr_batch(bench, (unsigned)(n / CRR_AT_ONCE % N_LISTENERS));
        n += CRR_AT_ONCE;
    }
    return (double)n * 1e9 / (double)(read_work() - work);
}

static void crr(const char *name)
{
    double values[N_RUNS];
    struct bench bench = {0};

    make_bench(&bench, 10000, false);
    (void)crr_run(&bench, WARM_UP);
    for (unsigned i = 0; i < N_RUNS; i++)
        values[i] = crr_run(&bench, RUN_TIME);
    print_figure(name, median(values, N_RUNS), "1/s");
    end_bench(&bench);
}

/* --- many connections ----------------------------------------------------------------------------
 */

static uint64_t resident(void)
{
    unsigned long long size, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file == NULL || fscanf(file, "%llu %llu", &size, &pages) != 2)
        die("/proc/self/statm", -EIO);
    (void)fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void idle(const char *name)
{
    struct bench bench = {0};
    ft_sock socks[2];
    uint64_t before;
    ft_time now;

    make_bench(&bench, IDLE_N, false);
    for (unsigned i = 0; i < 100; i++)
        make_pair(&bench, i % N_LISTENERS, socks);
    before = resident();
    for (unsigned i = 0; i < IDLE_N; i++) {
        make_pair(&bench, i % N_LISTENERS, socks);
        /* It has been used, and is idle again. */
        now = read_clock();
        pass(&bench, socks, 0, now);
        pass(&bench, socks, 1, now);
    }
    settle(&bench);
    print_figure(name, (double)(resident() - before) / (2.0 * IDLE_N), "octets");
    end_bench(&bench);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* The server takes in the ACK that ended a handshake, again and again, of connections at random.
   The frames are in the cache, as a link that has just read them leaves them. Returns the median
   over batches, in ns a frame. */
static double demux_run(struct bench *bench, const uint8_t *acks, size_t ack_len, uint64_t n)
{
    static double batches[N_BATCHES];
    static uint8_t buffers[BATCH][ACK_MAX];
    uint64_t random = 88172645463325252u, before_n;
    struct ft_frame frames[BATCH];
    struct ft_counters counters;

    ft_counters(bench->stacks[1], &counters);
    before_n = counters.verdicts[FT_RX_ACTIVE];
    memset(frames, 0, sizeof(frames));
    for (unsigned i = 0; i < N_BATCHES; i++) {
        ft_time begin;

        for (unsigned j = 0; j < BATCH; j++) {
            memcpy(buffers[j], acks + next_random(&random) % n * ack_len, ack_len);
            frames[j].buf = buffers[j];
            frames[j].cap = frames[j].len = (uint32_t)ack_len;
        }
        begin = read_clock();
        ft_input(bench->stacks[1], bench->ifindexes[1], frames, BATCH, begin);
        batches[i] = (double)(read_clock() - begin) / BATCH;
    }
    ft_counters(bench->stacks[1], &counters);
    if (counters.verdicts[FT_RX_ACTIVE] - before_n != N_BATCHES * BATCH)
        die("segments did not reach their connections", -EPROTO);
    return median(batches, N_BATCHES);
}

static void demux(const char *name, uint32_t n)
{
    double values[N_RUNS];
    uint8_t *acks = malloc((size_t)n * ACK_MAX);
    struct bench bench = {0};
    size_t ack_len = 0;
    ft_sock socks[2];

    if (acks == NULL)
        die("malloc", -ENOMEM);
    make_bench(&bench, n, false);
    bench.want_ack = true;
    for (uint32_t i = 0; i < n; i++) {
        bench.last_ack_len = 0;
        make_pair(&bench, i % N_LISTENERS, socks);
        if (bench.last_ack_len == 0 || (i > 0 && bench.last_ack_len != ack_len))
            die("no ACK ends the handshake", -EPROTO);
        ack_len = bench.last_ack_len;
        memcpy(acks + i * ack_len, bench.last_ack, ack_len);
    }
    for (unsigned i = 0; i < N_RUNS; i++)
        values[i] = demux_run(&bench, acks, ack_len, n);
    print_figure(name, median(values, N_RUNS), "ns");
    end_bench(&bench);
    free(acks);
}

static void demux_1k(const char *name)
{
    demux(name, 1000);
}

static void demux_1m(const char *name)
{
    demux(name, 1000000);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(const char *name);
    } figures[] = {
        {"inproc_bulk_gbps", bulk_copied},
        {"inproc_bulk_ref_gbps", bulk_by_reference},
        {"inproc_bulk_rec_gbps", bulk_copied_recorded},
        {"inproc_bulk_ref_rec_gbps", bulk_by_reference_recorded},
        {"inproc_rr_per_s", rr},
        {"inproc_crr_per_s", crr},
        {"idle_conn_bytes", idle},
        {"demux_1k_ns", demux_1k},
        {"demux_1m_ns", demux_1m},
    };

    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        bool wanted = argc == 1;

        for (int j = 1; j < argc; j++)
            wanted = wanted || strcmp(argv[j], figures[i].name) == 0;
        if (wanted)
            figures[i].run(figures[i].name);
    }
    return 0;
}
