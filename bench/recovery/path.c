/* SPDX-License-Identifier: MIT */
/*
 * Each host is a process; this one becomes the emulator, with a processor of its own and before all
 * others where that is allowed, since what it is late by would be taken for the path's delay.
 */
#include "path.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "emulator.h"
#include "end.h"

#define ENDS_MAX EMULATOR_PORTS_MAX
#define SETTLE   (200 * FT_MS) /* from the last host's word to the first octet */
#define FRAMES_BUF                                                                                 \
    (64 << 20) /* octets that a socket of frames holds: what a TAP would, and more                 \
                */
#define PRIORITY      20
#define HOST_PRIORITY 10

struct path {
    const struct path_config *config;
    struct end_config ends[ENDS_MAX];
    int controls[ENDS_MAX];
    pid_t pids[ENDS_MAX];
    unsigned n_ends;
    struct emulator_config emulator;
    struct emulator_result seen;
    struct end_result results[ENDS_MAX];
};

/* ---- processes ------------------------------------------------------------------------------- */

/* All are wishes. The emulator goes before the hosts, and those before what else runs. */
static void run_on(unsigned cpu, int priority)
{
    struct sched_param param = {.sched_priority = priority};
    cpu_set_t set;
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    (void)sched_setscheduler(0, SCHED_FIFO, &param);
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    if (n < 2)
        return;
    CPU_ZERO(&set);
    CPU_SET(cpu % (unsigned)n, &set);
    (void)sched_setaffinity(0, sizeof(set), &set);
}

static void make_pair(int type, int octets, int ret_fds[2])
{
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ret_fds) != 0)
        end_die("a socket pair", errno);
    for (unsigned i = 0; octets > 0 && i < 2; i++) {
        /* What is allowed without privilege suffices for slow paths. */
        if (setsockopt(ret_fds[i], SOL_SOCKET, SO_SNDBUFFORCE, &octets, sizeof(octets)) != 0)
            (void)setsockopt(ret_fds[i], SOL_SOCKET, SO_SNDBUF, &octets, sizeof(octets));
    }
}

static void start(struct path *path, unsigned i)
{
    struct end_config *end = &path->ends[i];
    int control[2], frames[2] = {-1, -1}, tap;
    pid_t parent = getpid();

    make_pair(SOCK_SEQPACKET, 0, control);
    if (end->ours)
        make_pair(SOCK_SEQPACKET | SOCK_NONBLOCK, FRAMES_BUF, frames);
    path->pids[i] = fork();
    if (path->pids[i] < 0)
        end_die("fork", errno);
    if (path->pids[i] == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        for (unsigned k = 0; k < i; k++)
            (void)close(path->controls[k]); /* the others end when theirs is closed */
        (void)close(control[0]);
        run_on(path->config->processor + 1, HOST_PRIORITY);
        if (end->ours)
            end_ours(end, control[1], frames[1]);
        end_kernel(end, control[1]);
    }
    (void)close(control[1]);
    if (frames[1] >= 0)
        (void)close(frames[1]);
    path->controls[i] = control[0];
    tap = end_await(control[0]);
    path->emulator.ports[path->emulator.n_ports++] = (struct emulator_port){
        .fd = end->ours ? frames[0] : tap, .self = end->self, .side = end->sends ? 0 : 1};
}

static void add(struct path *path, bool ours, bool sends, uint8_t self, uint8_t peer)
{
    path->ends[path->n_ends++] = (struct end_config){
        .ours = ours,
        .sends = sends,
        .self = self,
        .peer = peer,
        .cc = path->config->cc,
        .n_flows = path->config->cell->n_flows,
        .ecn = path->config->cell->ecn,
        .window = cell_window(path->config->cell),
    };
}

static void lay_cable(struct path *path)
{
    struct impair_config *cable = &path->emulator.cable;
    char text[200], err[200] = "";

    cell_link(path->config->cell, text, sizeof(text));
    cable->l2_len = 14;
    if (impair_parse(text, cable, err, sizeof(err)) != 0)
        end_die(err, EINVAL);
    cable->seed = path->config->seed;
}

static void begin(struct path *path)
{
    struct end_span span = {.begin = end_now() + SETTLE};

    span.end = span.begin + path->config->span;
    path->emulator.begin = span.begin;
    path->emulator.end = span.end;
    for (unsigned i = 0; i < path->n_ends; i++) {
        if (write(path->controls[i], &span, sizeof(span)) != sizeof(span))
            end_die("an end does not listen", errno);
    }
}

static void end(struct path *path)
{
    for (unsigned i = 0; i < path->n_ends; i++) {
        if (read(path->controls[i], &path->results[i], sizeof(path->results[i])) !=
            sizeof(path->results[i]))
            end_die("an end gives no result", EPROTO);
    }
    for (unsigned i = 0; i < path->n_ends; i++) {
        (void)close(path->controls[i]);
        (void)close(path->emulator.ports[i].fd);
        (void)waitpid(path->pids[i], NULL, 0); /* it has given its result */
    }
}

/* ---- what it was ----------------------------------------------------------------------------- */

static void tell(const struct path *path)
{
    const struct path_config *config = path->config;
    const struct emulator_result *seen = &path->seen;
    double seconds = (double)config->span / 1e9, sum = 0, squares = 0, rates[2] = {0, 0};
    uint64_t sent = 0, again = 0;
    unsigned n = 0;

    for (unsigned i = 0; i < path->n_ends; i++) {
        for (unsigned k = 0; k < path->results[i].n_flows; k++) {
            const struct end_flow *flow = &path->results[i].flows[k];
            double rate = (double)flow->octets * 8 / seconds / 1e6;

            sent += flow->sent;
            again += flow->retrans;
            if (path->ends[i].sends)
                continue;
            n++;
            sum += rate;
            squares += rate * rate;
            rates[i / 2] += rate;
        }
    }
    printf("{\"cell\":\"%s\",\"cc\":\"%s\",\"from\":\"%s\",\"to\":\"%s\",\"shared\":%s,"
           "\"seed\":%llu,\"rtt_ms\":%u,\"drain_ms\":%.2f,\"seconds\":%.1f,\"mbit_s\":%.3f,"
           "\"retrans_percent\":%.3f,"
           "\"queue_ms\":%.2f,\"queue_p99_ms\":%.2f,\"jain\":%.4f,\"first_mbit_s\":%.3f,"
           "\"second_mbit_s\":%.3f,\"late_ms\":%.2f,\"late_p99_ms\":%.2f,\"late_p999_ms\":%.2f,"
           "\"busy\":%.3f,\"refused\":%llu}\n",
           config->cell->name, config->cc, config->from_ours ? "ours" : "kernel",
           config->to_ours ? "ours" : "kernel", config->shared ? "true" : "false",
           (unsigned long long)config->seed, config->cell->rtt_ms,
           (double)emulator_drain(&path->emulator.cable) / 1e6, seconds, sum,
           sent ? 100.0 * (double)again / (double)sent : 0, seen->queue_ms, seen->queue_p99_ms,
           squares > 0 ? sum * sum / (n * squares) : 0, rates[0], rates[1], seen->late_ms,
           seen->late_p99_ms, seen->late_p999_ms, seen->busy, (unsigned long long)seen->n_refused);
    (void)fflush(stdout);
}

void path_measure(const struct path_config *config)
{
    static struct path path;
    int error;

    path = (struct path){.config = config};
    lay_cable(&path);
    add(&path, config->from_ours, true, 1, 2);
    add(&path, config->to_ours, false, 2, 1);
    if (config->shared) {
        add(&path, false, true, 3, 4);
        add(&path, false, false, 4, 3);
    }
    for (unsigned i = 0; i < path.n_ends; i++)
        start(&path, i);
    run_on(config->processor, PRIORITY);
    begin(&path);
    error = emulator_run(&path.emulator, &path.seen);
    end_must(error, "the emulator");
    end(&path);
    tell(&path);
}
