/* SPDX-License-Identifier: MIT */
/*
 * Seeds in several processes. Of N processes the first runs the seeds 1, N + 1, 2N + 1, ... of the
 * range, the second 2, N + 2, ..., and so on; each writes into a pipe of its own what a seed has
 * printed and how it went, and this process reads the pipes in turn. So the order is that of the
 * seeds, and a pipe's room lets a process run ahead of a slow seed of another.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/sim_priv.h"
#include "host/say.h"

struct worker {
    pid_t pid; /* 0: none */
    int fd;    /* its pipe */
};

/* What comes first in the pipe for each seed; the two texts follow. */
struct report {
    int status;
    size_t out_len, err_len;
    struct sim_result result;
};

static bool write_all(int fd, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

/* One seed in a worker. Return: whether to go on. */
static bool work_seed(int fd, uint64_t seed, const struct sim_arguments *args)
{
    struct report report;
    char *out_text = NULL;
    char *err_text = NULL;
    FILE *out;
    FILE *err;
    bool written;

    memset(&report, 0, sizeof(report));
    out = open_memstream(&out_text, &report.out_len);
    err = open_memstream(&err_text, &report.err_len);
    if (out == NULL || err == NULL)
        return false;
    report.status = ft_cmd_sim_seed(seed, args, out, err, &report.result);
    if (fclose(out) != 0 || fclose(err) != 0)
        return false;
    written = write_all(fd, &report, sizeof(report)) && write_all(fd, out_text, report.out_len) &&
              write_all(fd, err_text, report.err_len);
    free(out_text);
    free(err_text);
    return written && report.status != 2;
}

static void work(int fd, uint64_t seed, const struct sim_arguments *args)
{
    while (work_seed(fd, seed, args) && args->last - seed >= args->jobs)
        seed += args->jobs;
    _exit(0);
}

/* Start a worker at a seed. Return: whether it runs. */
static bool start(struct worker *worker, uint64_t seed, const struct sim_arguments *args)
{
    pid_t parent = getpid();
    int fds[2];

    if (pipe(fds) != 0)
        return false;
    fflush(stdout);
    fflush(stderr);
    worker->pid = fork();
    if (worker->pid == 0) {
        /* Ctrl-C reaches all of the group; the parent decides what becomes of the others. */
        (void)signal(SIGINT, SIG_IGN);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)close(fds[0]);
        if (getppid() == parent)
            work(fds[1], seed, args);
        _exit(0);
    }
    (void)close(fds[1]);
    worker->fd = fds[0];
    if (worker->pid > 0)
        return true;
    worker->pid = 0;
    (void)close(fds[0]);
    return false;
}

/* Return: how it ended, as waitpid() has it. */
static int end(struct worker *worker, bool at_once)
{
    int status = 0;

    if (worker->pid == 0)
        return 0;
    if (at_once)
        (void)kill(worker->pid, SIGKILL);
    while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR)
        ;
    (void)close(worker->fd);
    worker->pid = 0;
    return status;
}

/* Wait for octets, or for Ctrl-C: a signal that comes between the question and the wait counts. */
static bool wait_readable(int fd)
{
    struct pollfd poll_fd = {fd, POLLIN, 0};
    sigset_t interrupt;
    sigset_t before;

    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &interrupt, &before);
    while (!ft_cmd_sim_interrupted() && ppoll(&poll_fd, 1, NULL, &before) < 0 && errno == EINTR)
        ;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return !ft_cmd_sim_interrupted();
}

static bool read_all(int fd, void *data, size_t len)
{
    char *at = data;

    while (len > 0) {
        ssize_t n;

        if (!wait_readable(fd))
            return false;
        n = read(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

/* Read what a worker has to say of its next seed, and print it. Return: whether all came. */
static bool hear(const struct worker *worker, const struct sim_arguments *args, struct report *ret)
{
    char *text;
    bool whole;

    if (!read_all(worker->fd, ret, sizeof(*ret)))
        return false;
    text = malloc(ret->out_len + ret->err_len + 1);
    if (text == NULL)
        return false;
    whole = read_all(worker->fd, text, ret->out_len + ret->err_len);
    if (whole) {
        if (ret->out_len + ret->err_len > 0)
            ft_cmd_sim_clear(args, stderr);
        (void)fwrite(text, 1, ret->out_len, stdout);
        fflush(stdout);
        (void)fwrite(text + ret->out_len, 1, ret->err_len, stderr);
    }
    free(text);
    return whole;
}

/* A worker has died of a seed, which no handler could catch: that is a failure, and another one
   goes on behind it. Return: false: no process can be made. */
static bool bury(struct worker *worker, uint64_t seed, const struct sim_arguments *args)
{
    int how = end(worker, false);

    ft_cmd_sim_clear(args, stderr);
    if (WIFSIGNALED(how))
        host_say("sim: seed %" PRIu64 " failed: its process died of signal %d", seed,
                 WTERMSIG(how));
    else
        host_say("sim: seed %" PRIu64 " failed: its process ended with %d", seed, WEXITSTATUS(how));
    fprintf(stderr, "again:   ");
    ft_cmd_sim_print_command(seed, args, stderr);
    fprintf(stderr, "\n");
    if (args->last - seed < args->jobs)
        return true;
    return start(worker, seed + args->jobs, args);
}

/* Read the workers in turn. Return: as ft_cmd_sim_jobs(). */
static int gather(struct worker *workers, const struct sim_arguments *args, sim_taker *take,
                  void *context)
{
    struct report report;

    for (uint64_t seed = args->first;; seed++) {
        struct worker *worker = &workers[(seed - args->first) % args->jobs];
        bool heard = hear(worker, args, &report);

        if (!heard && ft_cmd_sim_interrupted())
            return 0;
        if (!heard) {
            memset(&report, 0, sizeof(report));
            report.status = 1;
            if (!bury(worker, seed, args)) {
                host_say("--jobs: %s", strerror(errno));
                return 2;
            }
        }
        if (report.status == 2)
            return 2;
        take(context, report.status, &report.result);
        if (seed == args->last || (report.status != 0 && args->fail_fast))
            return 0;
    }
}

int ft_cmd_sim_jobs(const struct sim_arguments *args, sim_taker *take, void *context)
{
    struct sim_arguments each = *args;
    struct worker workers[SIM_JOBS_MAX] = {{0, -1}};
    int status = 0;
    uint64_t n = 0;

    if (args->last - args->first < each.jobs)
        each.jobs = args->last - args->first + 1;
    while (n < each.jobs && status == 0) {
        if (start(&workers[n], args->first + n, &each)) {
            n++;
        } else {
            host_say("--jobs: %s", strerror(errno));
            status = 2;
        }
    }
    if (status == 0)
        status = gather(workers, &each, take, context);
    for (uint64_t i = 0; i < n; i++)
        (void)end(&workers[i], true);
    return status;
}
