/* SPDX-License-Identifier: MIT */
/*
 * The end of a passive socket, and what it leaves behind.
 *
 * That the last descriptor of a listener is closed, in whatever process, the kernel tells at once:
 * by inotify, which knows sockets too when they are named by /proc/self/fd. The event is queued
 * before close() returns, so it is known before the next call of the program is worked on. The same
 * tells of datagram sockets, whose ends in udp.c do not hear of each other's close.
 *
 * Established and not yet accepted at that moment is a *stray*. Linux resets it. Here the next
 * passive socket of the same name gets it, if there is one soon: a server that closes and listens
 * again for each client shall not turn away the next client because ours takes longer over it than
 * the kernel.
 */
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <fourtuple/socket.h>

#include "priv.h"

#define STRAYS_MAX 4096u
#define STRAY_TIME FT_SEC /* how long a connection waits for the next passive socket */

static void watch_ready(struct run *run, struct io *io, uint32_t events)
{
    _Alignas(struct inotify_event) char room[4096];
    ssize_t n;

    (void)io;
    (void)events;
    while ((n = read(run->inotify, room, sizeof(room))) > 0) {
        for (size_t at = 0; at + sizeof(struct inotify_event) <= (size_t)n;) {
            struct inotify_event event;

            memcpy(&event, room + at, sizeof(event));
            at += sizeof(event) + event.len;
            if (event.mask & IN_Q_OVERFLOW)
                chan_sweep(run, run_now());
            else if (event.mask & IN_CLOSE)
                chan_closed(run, event.wd);
        }
    }
}

void close_watch_open(struct run *run)
{
    run->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    run->inotify_io.ready = watch_ready;
    if (run->inotify >= 0 && run_watch(run, run->inotify, EPOLLIN, &run->inotify_io) < 0) {
        close(run->inotify);
        run->inotify = -1;
    }
}

void close_watch(struct run *run, struct chan *chan, int handle)
{
    char path[64];

    chan->watch = -1;
    if (run->inotify < 0)
        return;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", handle);
    chan->watch = inotify_add_watch(run->inotify, path, IN_CLOSE | IN_ONESHOT);
}

void close_unwatch(struct run *run, struct chan *chan)
{
    if (run->inotify >= 0 && chan->watch > 0)
        (void)inotify_rm_watch(run->inotify, chan->watch); /* it may have told already */
    chan->watch = -1;
}

static void reset(struct run *run, struct chan *chan)
{
    TAILQ_REMOVE(&run->strays, chan, accept_link);
    run->n_strays--;
    chan_bury(run, chan, true);
}

void stray_keep(struct run *run, struct chan *chan, const struct name *name)
{
    chan_drop_end(run, chan);
    chan->kept = false;
    chan->state = CHAN_STRAY;
    chan->self = *name;
    chan->stray_until = run_now() + STRAY_TIME;
    TAILQ_INSERT_TAIL(&run->strays, chan, accept_link);
    if (++run->n_strays > STRAYS_MAX)
        reset(run, TAILQ_FIRST(&run->strays));
}

void stray_adopt(struct run *run, struct chan *listener)
{
    struct chan *chan, *next;
    struct name name;

    if (TAILQ_EMPTY(&run->strays) || chan_self(run, listener, &name) < 0)
        return;
    for (chan = TAILQ_FIRST(&run->strays); chan; chan = next) {
        next = TAILQ_NEXT(chan, accept_link);
        if (chan->self.len != name.len || memcmp(&chan->self.addr, &name.addr, name.len) != 0)
            continue;
        TAILQ_REMOVE(&run->strays, chan, accept_link);
        run->n_strays--;
        if (accept_enqueue(run, listener, chan) < 0)
            chan_bury(run, chan, true);
    }
}

ft_time stray_sweep(struct run *run, ft_time now)
{
    struct chan *chan;

    /* The oldest comes first. */
    while ((chan = TAILQ_FIRST(&run->strays)) && chan->stray_until <= now)
        reset(run, chan);
    return chan ? chan->stray_until : FT_TIME_NEVER;
}

void stray_reset_all(struct run *run)
{
    struct chan *chan;

    while ((chan = TAILQ_FIRST(&run->strays)))
        reset(run, chan);
}
