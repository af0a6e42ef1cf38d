/* SPDX-License-Identifier: MIT */
/*
 * Passive sockets. The program's end is a native listener, so it polls as one: of the kernel's TCP
 * (passive.c), or of AF_UNIX where that cannot be had. For each connection that the stack has
 * established we knock at the first, or connect a new stack's end to the second, or hand the
 * connection straight to an accept() that is held.
 *
 * accept() always stops, and only we connect to the listener (its name lives in a network namespace
 * that the program cannot reach). So the listener's queue and ours have the same order.
 *
 * A few descriptors are kept for the calls of the program. When there are no others left,
 * connections stay in the backlog of the stack.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <fourtuple/socket.h>

#include "priv.h"
#include "swap.h"

#define STARVED_PAUSE (20 * FT_MS) /* descriptors may have become free then */

int64_t call_listen(struct call *call)
{
    struct chan *chan = call->chan;
    struct run *run = call->run;
    int backlog = (int)call->args[1], rc;

    if (chan->state == CHAN_DATAGRAM)
        return -EOPNOTSUPP;
    if (chan->state != CHAN_NEW && chan->state != CHAN_LISTENING)
        return -EINVAL;
    rc = ft_listen(run->stack, chan->sock, backlog);
    if (rc == -EADDRINUSE) {
        chan_sweep(run, run_now());
        rc = ft_listen(run->stack, chan->sock, backlog);
    }
    if (rc < 0)
        return rc;
    if (backlog < 0 || backlog > RUN_BACKLOG_MAX)
        backlog = RUN_BACKLOG_MAX;
    chan->backlog = backlog;
    if (chan->state == CHAN_LISTENING) {
        /* Once more, maybe after a shutdown. */
        if (chan->is_inet && listen(call->handle, RUN_BACKLOG_MAX) < 0)
            return -errno;
        (void)ft_watch(run->stack, chan->sock, FT_READABLE, chan);
        return 0;
    }
    rc = passive_listen(call);
    if (rc < 0)
        return rc;
    chan->state = CHAN_LISTENING;
    close_watch(run, chan, call->handle);
    stray_adopt(run, chan);
    (void)ft_watch(run->stack, chan->sock, FT_READABLE, chan);
    return 0;
}

/* What the program's end needs before the program has it: the octet that stays unread, and the time
   limits of the listener. */
static void prepare_end(struct chan *chan, int program_end, int listener)
{
    carrier_prepare(program_end);
    swap_options(listener, program_end);
    chan->kept = send(program_end, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

static void established(struct run *run, struct chan *chan)
{
    chan->state = CHAN_CONNECTED;
    chan->connect_told = true;
    (void)ft_watch(run->stack, chan->sock, FT_READABLE | FT_WRITABLE | FT_URGENT | FT_RDHUP, chan);
    chan_queue(run, chan);
}

/* Write the peer's name, then answer with the descriptor. Return: 0 or -errno. */
static int hand_over(struct run *run, uint64_t id, const struct want *to, struct chan *chan, int fd)
{
    struct name peer;
    int rc;

    if ((to->flags & SOCK_NONBLOCK) && fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    if (to->addr != 0) {
        if (chan_peer(run, chan, &peer) < 0)
            peer.len = 0; /* reset meanwhile: its first use tells */
        rc = child_write_name(&to->to, to->addr, to->len_ptr, &peer);
        if (rc < 0)
            return rc;
    }
    chan->tid = to->to.tid;
    return notify_answer_fd(run, id, fd, (to->flags & SOCK_CLOEXEC) != 0, chan);
}

/* Answer with a new channel. @handle: of the listener. Return: 0 or -errno. */
static int give_pair(struct run *run, const struct want *to, int handle, struct chan *chan)
{
    int pair[2], rc;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    (void)fcntl(pair[0], F_SETFL, O_NONBLOCK); /* cannot fail on a socket of ours */
    prepare_end(chan, pair[1], handle);
    rc = chan_set_end(run, chan, pair[0]);
    if (rc == 0) {
        chan_set_cookie(run, chan, pair[1]);
        rc = hand_over(run, to->to.id, to, chan, pair[1]);
    } else {
        close(pair[0]);
    }
    close(pair[1]);
    if (rc == 0) {
        established(run, chan);
        return 0;
    }
    chan_drop_end(run, chan);
    chan->kept = false;
    return rc;
}

/* Give a connection to an accept() that waits. Return: whether one took it. */
static bool serve_held(struct run *run, struct chan *listener, struct chan *chan)
{
    struct held *held;

    while ((held = held_first(run, listener, HELD_ACCEPT))) {
        int rc = give_pair(run, &held->want, held->handle, chan);

        if (rc != 0 && rc != -ENOENT)
            (void)notify_answer(run, held->id, rc); /* it has had no effect */
        held_free(run, held);
        if (rc == 0)
            return true;
    }
    return false;
}

static void append_pending(struct chan *listener, struct chan *chan)
{
    chan->state = CHAN_QUEUED;
    chan->listener = listener;
    TAILQ_INSERT_TAIL(&listener->pending, chan, accept_link);
    listener->n_pending++;
}

static int connect_end(const struct run *run, const struct chan *listener)
{
    struct sockaddr_un name;
    socklen_t len = carrier_name(run, listener->name_no, &name);
    int end = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (end < 0)
        return -errno;
    if (connect(end, (struct sockaddr *)&name, len) < 0) {
        int error = errno;

        close(end);
        return -error;
    }
    return end;
}

int accept_enqueue(struct run *run, struct chan *listener, struct chan *chan)
{
    int end = listener->is_inet ? passive_knock(listener) : connect_end(run, listener), rc;

    if (end < 0)
        return end;
    if (listener->is_inet)
        chan->end = end; /* a knock has nothing to tell, so it is not watched */
    rc = listener->is_inet ? 0 : chan_set_end(run, chan, end);
    if (rc < 0) {
        close(end);
        return rc;
    }
    append_pending(listener, chan);
    return 0;
}

/* Whether there are descriptors for one more connection; else it is tried again soon. */
static bool has_descriptors(struct run *run)
{
    bool enough = run_has_descriptors(run);

    if (!enough && run->starved_until == 0)
        run->starved_until = run_now() + STARVED_PAUSE;
    return enough;
}

ft_time accept_retry(struct run *run, ft_time now)
{
    struct chan *chan;

    if (run->starved_until == 0)
        return FT_TIME_NEVER;
    if (now < run->starved_until)
        return run->starved_until;
    run->starved_until = 0;
    TAILQ_FOREACH(chan, &run->unwatched, unwatched_link)
    {
        if (chan->state == CHAN_LISTENING)
            chan_queue(run, chan);
    }
    return now;
}

static void pending_remove(struct chan *listener, struct chan *chan)
{
    TAILQ_REMOVE(&listener->pending, chan, accept_link);
    listener->n_pending--;
    chan->listener = NULL;
}

void accept_shut(struct run *run, struct chan *listener)
{
    struct chan *chan;

    while ((chan = TAILQ_FIRST(&listener->pending))) {
        pending_remove(listener, chan);
        chan_bury(run, chan, true);
    }
    (void)ft_shutdown(run->stack, listener->sock, SHUT_RD); /* again is no error */
}

/* The program's file takes no knock. It is shut down, or closed. */
static void refused(struct run *run, struct chan *listener, struct chan *chan)
{
    append_pending(listener, chan);
    if (listener->is_inet && !passive_is_closed(run, listener))
        accept_shut(run, listener);
    else
        chan_bury(run, listener, false);
}

void accept_progress(struct run *run, struct chan *listener)
{
    while (listener->state == CHAN_LISTENING &&
           listener->n_pending <= (unsigned)listener->backlog) {
        struct chan *chan;
        ft_sock sock;
        int rc;

        if (!(ft_ready(run->stack, listener->sock) & FT_READABLE) || !has_descriptors(run))
            return;
        sock = ft_accept(run->stack, listener->sock, NULL, NULL);
        if (sock < 0)
            return;
        chan = chan_new(run, sock, listener->domain, SOCK_STREAM);
        if (!chan) {
            (void)ft_abort(run->stack, sock);
            return;
        }
        if (serve_held(run, listener, chan))
            continue;
        rc = accept_enqueue(run, listener, chan);
        if (rc == -ECONNREFUSED || rc == -ENOENT) {
            refused(run, listener, chan);
            return;
        }
        if (rc < 0)
            chan_bury(run, chan, true);
    }
}

void accept_strays(struct run *run, struct chan *listener)
{
    ft_sock sock;

    while ((sock = ft_accept(run->stack, listener->sock, NULL, NULL)) >= 0) {
        struct chan *chan = chan_new(run, sock, listener->domain, SOCK_STREAM);

        if (!chan) {
            (void)ft_abort(run->stack, sock);
            return;
        }
        stray_keep(run, chan, &listener->self);
    }
}

/* Into the queue once more, over a new end; nothing has passed over the old one. */
static void requeue(struct run *run, struct chan *listener, struct chan *chan)
{
    chan_drop_end(run, chan);
    chan->kept = false;
    if (accept_enqueue(run, listener, chan) < 0)
        chan_bury(run, chan, true);
}

/* Of a listener of AF_UNIX: its queue has the program's end. Return: as give_pair(). */
static int give_queued(struct call *call, const struct want *to, struct chan *chan)
{
    struct pollfd pfd = {.fd = call->handle, .events = POLLIN};
    struct run *run = call->run;
    int fd, rc;

    if (poll(&pfd, 1, 0) <= 0)
        return -EAGAIN; /* cannot be; but a blocking handle would hold all of us up */
    fd = accept4(call->handle, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return -errno;
    pending_remove(call->chan, chan);
    prepare_end(chan, fd, call->handle);
    chan_set_cookie(run, chan, fd);
    rc = hand_over(run, call->caller.id, to, chan, fd);
    close(fd);
    if (rc == 0)
        established(run, chan);
    return rc;
}

static int give_knocked(struct call *call, const struct want *to, struct chan *chan)
{
    int rc = passive_answer_knock(call->handle);

    if (rc < 0)
        return rc;
    pending_remove(call->chan, chan);
    chan_drop_end(call->run, chan);
    return give_pair(call->run, to, call->handle, chan);
}

/* Take the oldest of the listener's queue. Return: as a call. */
static int64_t take_queued(struct call *call, const struct want *to)
{
    struct chan *listener = call->chan, *chan = TAILQ_FIRST(&listener->pending);
    struct run *run = call->run;
    int rc = listener->is_inet ? give_knocked(call, to, chan) : give_queued(call, to, chan);

    if (rc == 0) {
        chan_queue(run, listener); /* there is room for one more */
        return CALL_DONE;
    }
    if (!chan->listener)
        requeue(run, listener, chan);
    return rc == -ENOENT ? CALL_DONE : rc;
}

int64_t call_accept(struct call *call, int flags)
{
    struct chan *listener = call->chan;
    struct pollfd pfd = {.fd = call->handle, .events = POLLIN | POLLRDHUP};
    struct want to = {.to = call->caller, .flags = flags};
    struct held *held;
    bool nonblocking = (fcntl(call->handle, F_GETFL) & O_NONBLOCK) != 0;

    if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
        return -EINVAL;
    if (listener->state == CHAN_DATAGRAM)
        return -EOPNOTSUPP;
    if (listener->state != CHAN_LISTENING)
        return -EINVAL;
    if (poll(&pfd, 1, 0) > 0 && (pfd.revents & (POLLHUP | POLLRDHUP))) {
        accept_shut(call->run, listener);
        return -EINVAL;
    }
    to.addr = call->args[1];
    to.len_ptr = call->args[2];
    accept_progress(call->run, listener);
    if (listener->state == CHAN_LISTENING && !TAILQ_EMPTY(&listener->pending))
        return take_queued(call, &to);
    if (nonblocking)
        return -EAGAIN;
    held = held_new(call, HELD_ACCEPT, SO_RCVTIMEO);
    if (!held)
        return -ENOBUFS;
    held->want = to;
    return CALL_DONE;
}
