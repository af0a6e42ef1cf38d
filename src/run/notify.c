/* SPDX-License-Identifier: MIT */
/*
 * Stopped calls: taking them in, answering them, and keeping those that must wait.
 *
 * A caller may be killed, or interrupted by a signal, at any moment: then its call is void and
 * answers to it fail with ENOENT, which is no error: they are kept for when it is made again
 * (untaken.c). A thread has one call at a time, so a new one voids the one that was held before.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "priv.h"
#include "untaken.h"

#define NOTIFY_BATCH 64 /* calls worked on before packets have their turn */

/* Later kernels may know more fields than our headers. */
union notif {
    struct seccomp_notif req;
    uint8_t room[512];
};

union resp {
    struct seccomp_notif_resp resp;
    uint8_t room[512];
};

bool notify_valid(const struct run *run, uint64_t id)
{
    return ioctl(run->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static int respond(const struct run *run, uint64_t id, int64_t value, int error, uint32_t flags)
{
    union resp answer;

    memset(&answer, 0, sizeof(answer));
    answer.resp.id = id;
    answer.resp.val = value;
    answer.resp.error = error;
    answer.resp.flags = flags;
    return ioctl(run->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) < 0 ? -errno : 0;
}

bool notify_answer(const struct run *run, uint64_t id, int64_t value)
{
    int rc;

    if (value == CALL_NATIVE)
        rc = respond(run, id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
    else if (value < 0)
        rc = respond(run, id, 0, (int)value, 0);
    else
        rc = respond(run, id, value, 0, 0);
    return rc != -ENOENT;
}

int notify_answer_fd(const struct run *run, uint64_t id, int fd, bool cloexec, struct chan *chan)
{
    struct seccomp_notif_addfd add = {
        .id = id,
        .flags = SECCOMP_ADDFD_FLAG_SEND,
        .srcfd = (uint32_t)fd,
        .newfd_flags = cloexec ? O_CLOEXEC : 0,
    };
    int number = ioctl(run->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);

    if (number < 0)
        return -errno;
    chan->fd = number;
    return 0;
}

int notify_replace_fd(const struct run *run, uint64_t id, int fd, int where, bool cloexec)
{
    struct seccomp_notif_addfd add = {
        .id = id,
        .flags = SECCOMP_ADDFD_FLAG_SETFD,
        .srcfd = (uint32_t)fd,
        .newfd = (uint32_t)where,
        .newfd_flags = cloexec ? O_CLOEXEC : 0,
    };

    return ioctl(run->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0 ? -errno : 0;
}

static struct stopped stopped_of(const struct caller *caller, int nr, const uint64_t args[6])
{
    struct stopped stopped = {.id = caller->id, .tid = caller->tid, .nr = nr};

    memcpy(stopped.args, args, sizeof(stopped.args));
    return stopped;
}

static void keep_held(struct run *run, const struct held *held, int64_t value)
{
    struct caller caller = {.run = run, .id = held->id, .tid = held->tid};
    struct stopped stopped = stopped_of(&caller, held->nr, held->args);

    untaken_keep(run, &stopped, held->chan, value);
}

/* Nobody waits for a held call any more. What it has sent is sent. */
static void held_void(struct run *run, struct held *held)
{
    if (held->done > 0 && (held->kind == HELD_SEND || held->sends))
        keep_held(run, held, want_sent(&held->want, (int64_t)held->done));
    held_free(run, held);
}

static void void_older(struct run *run, pid_t tid)
{
    struct held *held, *next;

    for (held = TAILQ_FIRST(&run->held); held; held = next) {
        next = TAILQ_NEXT(held, link);
        if (held->tid == tid)
            held_void(run, held);
    }
}

static void work_on(struct run *run, const struct seccomp_notif *req)
{
    struct call call = {
        .run = run,
        .caller = {.run = run, .id = req->id, .tid = (pid_t)req->pid},
        .nr = req->data.nr,
        .handle = -1,
    };
    struct stopped stopped;
    int64_t value;

    memcpy(call.args, req->data.args, sizeof(call.args));
    void_older(run, call.caller.tid);
    value = call_dispatch(&call);
    if (call.handle >= 0)
        close(call.handle);
    if (value == CALL_DONE || notify_answer(run, call.caller.id, value))
        return;
    stopped = stopped_of(&call.caller, call.nr, call.args);
    untaken_keep(run, &stopped, call.chan, value);
}

void notify_ready(struct run *run, struct io *io, uint32_t events)
{
    union notif notif;

    (void)io;
    (void)events;
    for (unsigned i = 0; i < NOTIFY_BATCH; i++) {
        /* With nothing pending RECV would block in spite of O_NONBLOCK. */
        struct pollfd pfd = {.fd = run->listener, .events = POLLIN};

        if (poll(&pfd, 1, 0) <= 0)
            return;
        if (!(pfd.revents & POLLIN)) {
            /* HUP alone: no process is left under the filter. */
            close(run->listener);
            run->listener = -1;
            return;
        }
        memset(&notif, 0, sizeof(notif));
        if (ioctl(run->listener, SECCOMP_IOCTL_NOTIF_RECV, &notif) < 0)
            continue; /* ENOENT: it was killed before we looked */
        work_on(run, &notif.req);
        if (run->listener < 0)
            return;
    }
}

/* --- held calls -------------------------------------------------------------------------------*/

static void handle_ready(struct run *run, struct io *io, uint32_t events)
{
    struct held *held = (struct held *)(void *)((char *)io - offsetof(struct held, io));
    struct pollfd pfd = {.fd = held->handle, .events = POLLRDHUP};

    (void)events;
    if (held->kind != HELD_ACCEPT)
        return;
    /* Somebody shut the listener down, which on TCP ends every accept(). */
    if (poll(&pfd, 1, 0) > 0 && (pfd.revents & (POLLHUP | POLLRDHUP)))
        held_answer_all(run, held->chan, HELD_ACCEPT, -EINVAL);
}

static ft_time timeout_of(int handle, int option)
{
    struct timeval tv = {0, 0};
    socklen_t len = sizeof(tv);

    if (getsockopt(handle, SOL_SOCKET, option, &tv, &len) < 0 ||
        (tv.tv_sec == 0 && tv.tv_usec == 0))
        return FT_TIME_NEVER;
    return run_now() + (ft_time)tv.tv_sec * FT_SEC + (ft_time)tv.tv_usec * FT_US;
}

struct held *held_new(struct call *call, enum held_kind kind, int timeout_opt)
{
    struct held *held = calloc(1, sizeof(*held));

    if (!held)
        return NULL;
    held->io.ready = handle_ready;
    held->kind = kind;
    held->id = call->caller.id;
    held->tid = call->caller.tid;
    held->nr = call->nr;
    memcpy(held->args, call->args, sizeof(held->args));
    held->chan = call->chan;
    held->handle = -1;
    held->deadline = timeout_of(call->handle, timeout_opt);
    if (kind == HELD_ACCEPT) {
        held->handle = call->handle;
        call->handle = -1;
        /* Only a hang-up matters here. Without memory for it, the sweep still ends the call. */
        (void)run_watch(call->run, held->handle, EPOLLET | EPOLLRDHUP, &held->io);
    }
    call->chan->n_held++;
    TAILQ_INSERT_TAIL(&call->run->held, held, link);
    return held;
}

void held_free(struct run *run, struct held *held)
{
    TAILQ_REMOVE(&run->held, held, link);
    held->chan->n_held--;
    if (held->handle >= 0) {
        (void)epoll_ctl(run->epoll, EPOLL_CTL_DEL, held->handle, NULL);
        close(held->handle);
    }
    /* An event of it may be waiting in this round's batch. */
    TAILQ_INSERT_TAIL(&run->held_grave, held, link);
}

void held_empty_grave(struct run *run)
{
    struct held *held;

    while ((held = TAILQ_FIRST(&run->held_grave))) {
        TAILQ_REMOVE(&run->held_grave, held, link);
        free(held);
    }
}

bool held_answer(struct run *run, struct held *held, int64_t value)
{
    bool taken = notify_answer(run, held->id, value);

    if (!taken) {
        keep_held(run, held, value);
        if (held->kind == HELD_CONNECT && value < 0 && value != -EINPROGRESS)
            held->chan->error = (int)-value;
    }
    held_free(run, held);
    return taken;
}

void held_answer_all(struct run *run, struct chan *chan, enum held_kind kind, int64_t value)
{
    struct held *held, *next;

    if (chan->n_held == 0)
        return;
    for (held = TAILQ_FIRST(&run->held); held; held = next) {
        next = TAILQ_NEXT(held, link);
        if (held->chan == chan && held->kind == kind)
            (void)held_answer(run, held, value); /* kept if nobody takes it */
    }
}

struct held *held_first(struct run *run, struct chan *chan, enum held_kind kind)
{
    struct held *held, *next;

    if (chan->n_held == 0)
        return NULL;
    for (held = TAILQ_FIRST(&run->held); held; held = next) {
        next = TAILQ_NEXT(held, link);
        if (held->chan != chan || held->kind != kind)
            continue;
        if (notify_valid(run, held->id))
            return held;
        held_void(run, held);
    }
    return NULL;
}

/* What a call answers whose time limit is over. */
static int64_t overdue(struct run *run, const struct held *held)
{
    if (held->kind == HELD_CONNECT)
        return -EINPROGRESS;
    if (held->kind == HELD_RECVFROM && held->chan->type == SOCK_STREAM)
        return stream_held(run, held, false);
    return held->done > 0 ? want_sent(&held->want, (int64_t)held->done) : -EAGAIN;
}

ft_time held_sweep(struct run *run, ft_time now)
{
    struct held *held, *next;
    ft_time deadline = FT_TIME_NEVER;

    for (held = TAILQ_FIRST(&run->held); held; held = next) {
        next = TAILQ_NEXT(held, link);
        if (!notify_valid(run, held->id)) {
            held_void(run, held);
        } else if (held->deadline <= now) {
            (void)held_answer(run, held, overdue(run, held)); /* likewise */
        } else if (held->deadline < deadline) {
            deadline = held->deadline;
        }
    }
    return deadline;
}
