/* SPDX-License-Identifier: MIT */
/*
 * Names on streams. TCP tells no name with what is read and looks at none that is written to, but
 * the channel is AF_UNIX, which tells its own and refuses others. So calls with a name do not reach
 * the kernel: their octets are carried here.
 *
 * A receive that waits takes nothing before all that it waits for is there, or comes no more: a
 * signal may interrupt it at any moment, and what it had taken by then would be lost. When all is
 * more than the channel holds it is answered with less.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "priv.h"

/* Whether more is to come before a receive of @len octets is answered: it waits for all of them, or
   for SO_RCVLOWAT. */
static bool waits_for_more(const struct chan *chan, int handle, int flags, int64_t len)
{
    int ready = 0, low = 1;
    socklen_t low_len = sizeof(low);

    if (!(flags & MSG_WAITALL) &&
        getsockopt(handle, SOL_SOCKET, SO_RCVLOWAT, &low, &low_len) == 0 && low < len)
        len = low;
    return chan->state == CHAN_CONNECTED && !chan->eof_out && chan->end_out &&
           ioctl(handle, SIOCINQ, &ready) == 0 && ready < len;
}

/* @all: as much as is waited for, and not only what is there. Return: what the call answers;
   -EAGAIN: it is not there yet. */
static int64_t take(struct run *run, const struct chan *chan, int handle, const struct want *want,
                    bool all)
{
    static const struct source nobody = {.addr_len = 0};
    int64_t len = want_len(want), value;
    ssize_t n;

    if (len < 0)
        return len;
    if (len > RUN_SCRATCH_LEN)
        len = RUN_SCRATCH_LEN;
    if (all && waits_for_more(chan, handle, want->flags, len))
        return -EAGAIN;
    n = recv(handle, run->scratch, (size_t)len, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0)
        return -errno;
    value = datagram_deliver(run, want, &nobody, (size_t)n);
    if (value >= 0 && n > 0 && !(want->flags & MSG_PEEK))
        (void)recv(handle, run->scratch, (size_t)n, MSG_DONTWAIT);
    return value;
}

int64_t stream_receive(struct call *call, const struct want *want)
{
    const struct chan *chan = call->chan;
    bool waits = !(want->flags & MSG_DONTWAIT) && !(fcntl(call->handle, F_GETFL) & O_NONBLOCK);
    struct held *held;
    int64_t value;

    if (!notify_valid(call->run, call->caller.id))
        return CALL_DONE;
    if (chan->state != CHAN_CONNECTED && chan->state != CHAN_ZOMBIE)
        return chan->state == CHAN_CONNECTING ? CALL_NATIVE : -ENOTCONN;
    value = take(call->run, chan, call->handle, want, waits);
    if (value != -EAGAIN || !waits)
        return value;
    held = held_new(call, HELD_RECVFROM, SO_RCVTIMEO);
    if (!held)
        return -ENOBUFS;
    held->want = *want;
    held->fd = (int)call->args[0];
    return CALL_DONE;
}

int64_t stream_held(struct run *run, const struct held *held, bool all)
{
    int handle = child_getfd(run, held->tid, held->fd);
    int64_t value = -EBADF;

    if (handle >= 0 && chan_find(run, handle) == held->chan)
        value = take(run, held->chan, handle, &held->want, all);
    if (handle >= 0)
        close(handle);
    return value;
}

void stream_retry(struct run *run, struct chan *chan)
{
    struct held *held;

    while ((held = held_first(run, chan, HELD_RECVFROM))) {
        int64_t value = stream_held(run, held, true);

        if (value == -EAGAIN)
            return;
        (void)held_answer(run, held, value); /* kept if nobody takes it */
    }
}

/* A signal that is caught would interrupt the call before it is answered; one that is blocked,
   ignored or deadly has to be there when it returns. */
int64_t stream_broken_pipe(const struct want *want)
{
    const struct caller *to = &want->to;
    bool tells = !(want->flags & MSG_NOSIGNAL), caught = tells && child_catches(to->tid, SIGPIPE);

    if (!notify_valid(to->run, to->id))
        return CALL_DONE;
    if (tells && !caught)
        (void)syscall(SYS_tkill, to->tid, SIGPIPE); /* it is alive, for it waits */
    (void)notify_answer(to->run, to->id, -EPIPE);   /* if it is made again, it is told again */
    if (caught)
        (void)syscall(SYS_tkill, to->tid, SIGPIPE);
    return CALL_DONE;
}

int64_t stream_send(struct call *call, const struct want *want)
{
    const struct chan *chan = call->chan;

    if (chan->state == CHAN_CONNECTED || chan->state == CHAN_CONNECTING)
        return urgent_send(call, want);
    return stream_broken_pipe(want);
}
