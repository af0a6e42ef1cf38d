/* SPDX-License-Identifier: MIT */
/*
 * One run from beginning to end: the host, the program's processes, the loop that serves both, and
 * when it is over: no process is left, and what they queued is acknowledged or given up.
 */
#include "run.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <fourtuple.h>

#include "host/conf.h"
#include "host/loop.h"
#include "host/record_file.h"
#include "host/say.h"
#include "host/status.h"
#include "priv.h"
#include "sandbox.h"
#include "spawn.h"
#include "untaken.h"

#define RUN_EVENTS      256u
#define DATAGRAM_QUEUE  "256"         /* RUN_SOURCES_MAX */
#define RUN_SWEEP       (250 * FT_MS) /* how soon a closed passive socket is noticed at the latest */
#define RUN_FILES_MIN   64u           /* descriptors of our own, and a few connections */
#define RUN_FILES_KEPT  12u           /* of them for calls of the program that are worked on */
#define RUN_FILES_OWN   64u           /* more than are neither of channels nor of threads */
#define RUN_RELISTEN_MS 100           /* a server that closes and listens again has that long */
#define RUN_GOODBYE     (250 * FT_MS) /* for the FINs of peers that close in answer to ours */
#define RUN_LAST_GASP   (20 * FT_MS)  /* for the resets of those that are given up */

ft_time run_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (ft_time)ts.tv_sec * FT_SEC + (ft_time)ts.tv_nsec;
}

int run_watch(struct run *run, int fd, uint32_t events, struct io *io)
{
    struct epoll_event event = {.events = events, .data = {.ptr = io}};

    return epoll_ctl(run->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

bool run_has_descriptors(const struct run *run)
{
    int fd;

    if (run->n_chans + RUN_PIDFDS + RUN_FILES_OWN < (unsigned)run->fds_max)
        return true;
    fd = fcntl(run->epoll, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0)
        close(fd);
    return fd >= 0 && fd < run->fds_max;
}

static int fail(const char *text)
{
    host_say("%s", text);
    return RUN_FAILED;
}

/* --- the end ----------------------------------------------------------------------------------*/

static void abort_all(struct run *run)
{
    for (size_t i = 0; i < run->map_len; i++) {
        struct chan *chan, *next;

        for (chan = run->map[i]; chan; chan = next) {
            next = chan->map_next;
            chan_bury(run, chan, true);
        }
    }
    stray_reset_all(run);
}

static void kill_program(const struct run *run)
{
    if (run->init > 0)
        (void)kill(run->init, SIGKILL);
}

/* The last process has gone. What it left in its channels is still to be sent. */
static void all_ended(struct run *run)
{
    int status = 0;

    run->ended = true;
    stray_reset_all(run);
    close(run->control);
    run->control = -1;
    while (waitpid(run->init, &status, 0) < 0 && errno == EINTR)
        ;
    if (!run->have_status) {
        run->status = status; /* somebody killed the first process, and all with it */
        run->have_status = true;
    }
    run->init = 0;
    if (run->end_by == 0)
        run->end_by = run_now() + run->options->linger;
    chan_sweep(run, run_now());
}

/* Whether frames of ours are still on their way through an impaired cable. */
static bool is_cable_busy(const struct run *run)
{
    const struct conf *conf = run->options->conf;

    for (unsigned i = 0; i < conf->n_nets; i++) {
        const struct impair_counters *out = host_impair(run->host, conf->nets[i].ifindex, true);

        if (out && out->n_in + out->n_duplicated > out->n_out + out->n_lost + out->n_queue_full +
                                                       out->n_too_long + out->n_refused)
            return true;
    }
    return false;
}

/* Whether a peer may still close in answer to us (FIN-WAIT-2 counts as no orphan's work). */
static bool awaits_fin(const struct run *run)
{
    struct ft_sock_info infos[16];
    uint32_t cursor = 0;
    size_t n;

    do {
        n = ft_sockets(run->stack, infos, 16, &cursor);
        for (size_t i = 0; i < n; i++) {
            if (infos[i].protocol == IPPROTO_TCP && infos[i].state == FT_TCP_FIN_WAIT_2)
                return true;
        }
    } while (cursor != 0);
    return false;
}

/* Whether a SYN may still wait for the next passive socket of a name: it is to be refused first. */
static bool may_wait(const struct run *run, ft_time now)
{
    struct ft_counters counters;

    if (now >= run->finished_at + (RUN_RELISTEN_MS + 2) * FT_MS)
        return false;
    ft_counters(run->stack, &counters);
    return counters.now_half_open > 0;
}

/* All of ours is acknowledged. A peer that closes in answer is waited for a moment: its FIN would
   find nobody, and its own run would have to give up on it. Nor is our last ACK to be lost. */
static bool has_said_goodbye(struct run *run, ft_time now)
{
    if (run->finished_at == 0)
        run->finished_at = now;
    if (now >= run->end_by)
        return true;
    if (now >= run->finished_at + RUN_GOODBYE || !(awaits_fin(run) || may_wait(run, now))) {
        /* What the stack says in this round is on the cable in the next one only. */
        bool sure = run->said_all && !is_cable_busy(run);

        run->said_all = true;
        host_wake_at(run->host, now + FT_MS);
        return sure;
    }
    host_wake_at(run->host, run->finished_at + RUN_GOODBYE);
    return false;
}

static void check_end(struct run *run)
{
    ft_time now = run_now();

    if (!run->ended) {
        if (run->end_by != 0 && now >= run->end_by)
            kill_program(run);
        return;
    }
    if (run->n_chans == 0 && !host_unfinished(run->host)) {
        if (has_said_goodbye(run, now))
            host_stop(run->host);
    } else if (now >= run->end_by) {
        if (run->n_chans == 0 || run->n_terms > 1)
            host_stop(run->host);
        if (run->options->verbose && run->n_terms <= 1)
            host_say("--linger is over: giving up what is not acknowledged");
        abort_all(run);
    } else {
        host_wake_at(run->host, run->end_by);
    }
}

/* --- what the run waits for
 * ---------------------------------------------------------------------*/

/* To PROGRAM; once it has ended, to all that it has left behind. */
static void send_signal(struct run *run, int signal)
{
    if (run->ended)
        run->end_by = run_now();
    else if (run->have_status ||
             syscall(SYS_pidfd_send_signal, run->program_fd, signal, NULL, 0) < 0)
        spawn_signal_all(run->init, signal);
}

static void signal_ready(struct run *run, struct io *io, uint32_t events)
{
    struct signalfd_siginfo info;

    (void)io;
    (void)events;
    while (read(run->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (++run->n_terms == 1) {
            send_signal(run, (int)info.ssi_signo);
            continue;
        }
        abort_all(run);
        kill_program(run);
        run->end_by = run_now() + RUN_LAST_GASP;
    }
}

static void say_no_exec(const struct run *run, int error)
{
    const char *program = run->options->argv[0];

    host_say("%s: %s", *program ? program : "\"\"", strerror(error));
}

static void control_ready(struct run *run, struct io *io, uint32_t events)
{
    struct spawn_message message;
    int rc;

    (void)io;
    (void)events;
    while (run->control >= 0 && (rc = spawn_hear(run->control, &message)) != -EAGAIN) {
        if (rc == 0) {
            all_ended(run);
        } else if (message.kind == SPAWN_STATUS) {
            run->status = message.value;
            run->have_status = true;
        } else if (message.kind == SPAWN_NO_EXEC) {
            say_no_exec(run, message.value);
        }
    }
}

static void epoll_ready(struct host *host, struct host_fd *watch, uint32_t events)
{
    struct run *run = watch->ctx;
    struct epoll_event ready[RUN_EVENTS];
    int n = epoll_wait(run->epoll, ready, (int)RUN_EVENTS, 0);

    bool stopped_calls = false;

    (void)host;
    (void)events;
    for (int i = 0; i < n; i++) {
        struct io *io = ready[i].data.ptr;

        if (io == &run->listener_io)
            stopped_calls = true;
        else
            io->ready(run, io, ready[i].events);
    }
    /* Last, so that what was closed before a call is known when it is worked on. */
    if (stopped_calls && run->listener >= 0)
        notify_ready(run, &run->listener_io, EPOLLIN);
}

void run_settle(struct run *run)
{
    struct epoll_event ready[RUN_EVENTS];
    struct chan *chan, *next;
    int n = epoll_wait(run->epoll, ready, (int)RUN_EVENTS, 0);

    for (int i = 0; i < n; i++) {
        struct io *io = ready[i].data.ptr;

        /* These are level-triggered: they are told again. */
        if (io == &run->listener_io || io == &run->control_io || io == &run->signal_io)
            continue;
        io->ready(run, io, ready[i].events);
    }
    for (chan = TAILQ_FIRST(&run->work); chan; chan = next) {
        next = TAILQ_NEXT(chan, work_link);
        if (!chan->end_hup)
            continue;
        TAILQ_REMOVE(&run->work, chan, work_link);
        chan->queued = false;
        pump_chan(run, chan);
        if (next && !next->queued)
            next = TAILQ_FIRST(&run->work); /* it went along with this one */
    }
}

/* --- hooks of the host's loop
 * -------------------------------------------------------------------*/

static void stack_events(void *ctx, struct host *host, const struct ft_event *events, size_t n)
{
    struct run *run = ctx;

    (void)host;
    for (size_t i = 0; i < n; i++)
        chan_queue(run, events[i].user);
}

/* As a cable that is unplugged: what the program has open ends as its own patience does. */
static void link_dead(void *ctx, struct host *host, int ifindex, int error)
{
    const struct conf *conf = ((const struct run *)ctx)->options->conf;

    (void)host;
    for (unsigned i = 0; i < conf->n_nets; i++) {
        const struct conf_net *net = &conf->nets[i];

        if (net->ifindex != ifindex)
            continue;
        if (net->kind == CONF_TAP)
            host_say("--net: tap:%s is gone: %s is unplugged from now on", net->what, net->if_name);
        else
            host_say("--net: %s: %s: %s is unplugged from now on", net->named ? net->what : "wire",
                     error == -ENOENT ? "its directory was removed" : strerror(-error),
                     net->if_name);
    }
}

static void round_done(void *ctx, struct host *host)
{
    struct run *run = ctx;
    ft_time now = run_now(), deadline;

    if (addresses_check(run) < 0) {
        abort_all(run);
        kill_program(run);
    }
    pump_work(run);
    deadline = TAILQ_EMPTY(&run->held) ? FT_TIME_NEVER : held_sweep(run, now);
    if (now >= run->swept_at + RUN_SWEEP)
        chan_sweep(run, now);
    untaken_sweep(run, now);
    if (!TAILQ_EMPTY(&run->unwatched) || !TAILQ_EMPTY(&run->held))
        host_wake_at(host, run->swept_at + RUN_SWEEP);
    if (deadline != FT_TIME_NEVER)
        host_wake_at(host, deadline);
    deadline = accept_retry(run, now);
    if (deadline != FT_TIME_NEVER)
        host_wake_at(host, deadline);
    deadline = stray_sweep(run, now);
    if (deadline != FT_TIME_NEVER)
        host_wake_at(host, deadline);
    check_end(run);
    held_empty_grave(run);
    chan_empty_grave(run);
}

/* What lies in the channel is for those outside the same as what lies in the stack. */
static void queued_of(void *ctx, struct ft_sock_info *info)
{
    struct chan *chan = info->sock >= 0 ? info->user : NULL;

    if (chan)
        chan_add_queued(ctx, chan, &info->recv_q, &info->send_q);
}

static void process_of(void *ctx, const struct ft_sock_info *info, char *ret_text, size_t len)
{
    const struct chan *chan = info->sock >= 0 ? info->user : NULL;
    char path[64], comm[32] = "";
    FILE *file;

    (void)ctx;
    ret_text[0] = '\0';
    if (!chan || chan->tid == 0)
        return;
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)chan->tid);
    file = fopen(path, "re");
    if (!file)
        return;
    if (fgets(comm, sizeof(comm), file))
        comm[strcspn(comm, "\n")] = '\0';
    fclose(file);
    snprintf(ret_text, len, "users:((\"%s\",pid=%d,fd=%d))", comm, (int)chan->tid, chan->fd);
}

/* --- the beginning
 * ------------------------------------------------------------------------------*/

static void describe_net(const struct conf_net *net, struct sandbox_if *iface)
{
    memset(iface, 0, sizeof(*iface));
    snprintf(iface->name, sizeof(iface->name), "%s", net->if_name);
    memcpy(iface->mac, net->mac, sizeof(iface->mac));
    iface->mtu = net->mtu;
    iface->ifindex = net->ifindex;
}

static bool is_link_local(const struct sandbox_addr *addr)
{
    return addr->family == AF_INET6 && addr->octets[0] == 0xfe && (addr->octets[1] & 0xc0) == 0x80;
}

static void describe_files(const struct run_options *options, struct sandbox *ret)
{
    size_t len = 0, room = sizeof(ret->resolv_conf);

    if (options->n_dns == 0)
        len += (size_t)snprintf(ret->resolv_conf, room,
                                "# fourtuple run: no name server was given by --dns\n"
                                "options timeout:1 attempts:1\n");
    for (unsigned i = 0; i < options->n_dns; i++)
        len += (size_t)snprintf(ret->resolv_conf + len, room - len, "nameserver %s\n",
                                options->dns[i]);
}

/* The name of the host stands for the addresses that were given to it; else for loopback. */
static void describe_hosts(const struct run_options *options, struct sandbox *ret)
{
    size_t room = sizeof(ret->hosts);
    size_t len = (size_t)snprintf(ret->hosts, room,
                                  "127.0.0.1\tlocalhost\n"
                                  "::1\tlocalhost ip6-localhost ip6-loopback\n");
    bool any = false;

    for (unsigned i = 0; i < options->conf->n_nets; i++) {
        const struct conf_net *net = &options->conf->nets[i];

        for (unsigned k = 0; k < net->n_addrs && len < room - 128; k++) {
            struct sandbox_addr addr;
            char text[64];

            addresses_octets(&net->addrs[k].addr, &addr);
            if (net->addrs[k].chosen || is_link_local(&addr) ||
                !inet_ntop(addr.family, addr.octets, text, sizeof(text)))
                continue;
            len += (size_t)snprintf(ret->hosts + len, room - len, "%s\t%s\n", text,
                                    options->conf->name);
            any = true;
        }
    }
    if (!any)
        snprintf(ret->hosts + len, room - len, "127.0.1.1\t%s\n", options->conf->name);
}

static void describe(const struct run_options *options, struct sandbox *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->host_name = options->conf->name;
    for (unsigned i = 0; i < options->conf->n_nets && i < SANDBOX_IFS_MAX; i++)
        describe_net(&options->conf->nets[i], &ret->ifs[ret->n_ifs++]);
    describe_files(options, ret);
    describe_hosts(options, ret);
}

/* What the caller ignores stays ignored, as nohup wants it. */
static int open_signals(struct run *run)
{
    static const int signals[] = {SIGTERM, SIGHUP};
    struct sigaction action;
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&set, signals[i]);
    }
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    run->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (run->signals < 0)
        return -errno;
    run->signal_io.ready = signal_ready;
    return run_watch(run, run->signals, EPOLLIN, &run->signal_io);
}

static void run_init(struct run *run, const struct run_options *options)
{
    memset(run, 0, sizeof(*run));
    run->options = options;
    run->epoll = run->listener = run->hub = run->probe = run->signals = -1;
    run->inet = run->rtnl = -1;
    run->inotify = run->probe_inet = -1;
    run->control = run->program_fd = -1;
    TAILQ_INIT(&run->work);
    TAILQ_INIT(&run->unwatched);
    TAILQ_INIT(&run->strays);
    TAILQ_INIT(&run->zombies);
    TAILQ_INIT(&run->grave);
    TAILQ_INIT(&run->held);
    TAILQ_INIT(&run->held_grave);
}

/* The host and its nets; still in the machine's own namespaces. */
static int open_host(struct run *run, struct status **ret_status)
{
    struct host_hooks hooks = {.ctx = run,
                               .events = stack_events,
                               .round = round_done,
                               .link_dead = link_dead,
                               .queued = queued_of,
                               .process = process_of};
    struct ft_config config;
    char text[CONF_ERR_MAX];
    struct ft_record_sink sink;
    int rc = conf_stack(&config);

    if (rc == 0 && run->options->record)
        rc = record_file_open(run->options->record, &run->record);
    if (rc < 0 && run->options->record) {
        (void)snprintf(text, sizeof(text), "--record: %s cannot be written: %s",
                       run->options->record, host_why(rc));
        return fail(text);
    }
    if (run->record) {
        sink = record_file_sink(run->record);
        hooks.record = &sink;
    }
    config.limits.relisten_ms = RUN_RELISTEN_MS;
    if (rc == 0)
        rc = host_new(&config, &hooks, &run->host);
    if (rc < 0)
        return fail(strerror(-rc));
    run->stack = host_stack(run->host);
    if (conf_open(run->options->conf, run->host, text) < 0 ||
        status_open(run->host, run->options->conf->name, ret_status, text, sizeof(text)) < 0)
        return fail(text);
    if (run->options->verbose && strcmp(status_name(*ret_status), run->options->conf->name) != 0)
        host_say("--name: another host is called %s; fourtuple ss knows this one as %s",
                 run->options->conf->name, status_name(*ret_status));
    return 0;
}

/* How many datagrams wait in a carrier while its program's end is not connected: ten by default. It
   is a sysctl of our own network namespace, which older kernels do not let everybody change. */
static void long_queues(void)
{
    int fd = open("/proc/sys/net/unix/max_dgram_qlen", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    (void)!write(fd, DATAGRAM_QUEUE, sizeof(DATAGRAM_QUEUE) - 1);
    close(fd);
}

static int open_own(struct run *run)
{
    int rc;

    run->scratch = calloc(1, RUN_SCRATCH_LEN);
    if (untaken_open(run) < 0)
        return -ENOMEM;
    if (!run->scratch)
        return -ENOMEM;
    run->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (run->epoll < 0)
        return -errno;
    close_watch_open(run);
    long_queues();
    passive_init(run);
    if (getrandom(&run->hub_key, sizeof(run->hub_key), 0) < 0)
        return -errno;
    rc = connect_open_hub(run);
    return rc < 0 ? rc : open_signals(run);
}

static int start_program(struct run *run, const struct spawn_inherit *inherit)
{
    struct sandbox sandbox;
    struct spawned spawned;
    char text[512];
    int rc;

    describe(run->options, &sandbox);
    rc = spawn(&sandbox, inherit, run->options->argv, &spawned, text, sizeof(text));
    if (rc < 0)
        return fail(text);
    spawn_leave_terminal(&spawned);
    run->init = spawned.init;
    run->control = spawned.control;
    run->program_fd = spawned.program;
    run->listener = spawned.listener;
    run->inet = spawned.inet;
    run->rtnl = spawned.rtnl;
    run->control_io.ready = control_ready;
    run->listener_io.ready = notify_ready;
    rc = run_watch(run, run->control, EPOLLIN, &run->control_io);
    if (rc == 0)
        rc = run_watch(run, run->listener, EPOLLIN, &run->listener_io);
    return rc < 0 ? fail(strerror(-rc)) : 0;
}

static int exit_status(const struct run *run)
{
    if (run->failure)
        return run->failure;
    if (!run->have_status)
        return RUN_FAILED;
    return WIFEXITED(run->status) ? WEXITSTATUS(run->status) : 128 + WTERMSIG(run->status);
}

static int serve(struct run *run)
{
    struct host_fd watch = {.fd = run->epoll, .ready = epoll_ready, .ctx = run};
    int rc = host_fd_set(run->host, &watch, EPOLLIN);

    host_again(run->host); /* the addresses may be usable already */
    if (rc == 0)
        rc = host_run(run->host);
    if (rc < 0) {
        kill_program(run);
        return fail(strerror(-rc));
    }
    return exit_status(run);
}

/* With fewer descriptors it would fail in the midst of something. */
static int check_limit(const struct spawn_inherit *inherit)
{
    char text[128];

    if (inherit->nofile.rlim_max >= RUN_FILES_MIN)
        return 0;
    snprintf(text, sizeof(text),
             "at most %llu open files are allowed, %u are needed: see ulimit -n",
             (unsigned long long)inherit->nofile.rlim_max, RUN_FILES_MIN);
    return fail(text);
}

int run_main(const struct run_options *options)
{
    static struct run run;
    struct spawn_inherit inherit;
    struct status *status = NULL;
    char text[512];
    int rc;

    run_init(&run, options);
    spawn_inherit(&inherit);
    run.fds_max = (int)(inherit.nofile.rlim_max < INT_MAX ? inherit.nofile.rlim_max : INT_MAX) -
                  (int)RUN_FILES_KEPT;
    rc = check_limit(&inherit);
    if (rc == 0)
        rc = open_host(&run, &status);
    if (rc == 0 && spawn_hide(text, sizeof(text)) < 0)
        rc = fail(text);
    if (rc == 0 && (rc = open_own(&run)) < 0)
        rc = fail(strerror(-rc));
    if (rc == 0)
        rc = start_program(&run, &inherit);
    if (rc == 0)
        rc = serve(&run);
    status_close(status);
    host_free(run.host);
    record_file_close(run.record);
    return rc;
}
