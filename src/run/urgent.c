/* SPDX-License-Identifier: MIT */
/*
 * Urgent octets (RFC 9293 3.8.5) of programs, and ends of records (MSG_EOR). They always keep their
 * place in the stream.
 *
 * AF_UNIX has urgent octets of its own, but what is unread there has only one mark, which any read
 * may step over, and which octets it stops at differs between kernels. So MSG_OOB never reaches the
 * kernel's own send and recv: both stop. What a program sends lies in the channel like any other
 * octet, and the channel remembers how far off it is. What the peer sends is written to the program
 * with a mark of AF_UNIX, at an end that reads it inline: that makes POLLPRI, SIGURG and
 * SIOCATMARK, and can neither take an octet away nor add one. recv with MSG_OOB is answered from a
 * copy.
 *
 * Records go the same way: the channel remembers where they end, and the last octet of one goes to
 * the stack by itself, with the flag.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <fourtuple/diag.h>
#include <fourtuple/socket.h>

#include "priv.h"

/* --- the program sends ------------------------------------------------------------------------*/

/* What the program has written so far is a record. Without memory its end is not told. */
static void end_record(struct chan *chan)
{
    struct records *records = chan->records;

    if (!records)
        records = chan->records = calloc(1, sizeof(*records));
    if (!records || records->n == RUN_RECORDS_MAX)
        return;
    records->ends[(records->head + records->n) % RUN_RECORDS_MAX] = chan->taken + chan_unread(chan);
    records->n++;
}

/* Octets up to the end of a record and with it; 0: no end is known. */
static uint64_t record_rest(const struct chan *chan)
{
    const struct records *records = chan->records;

    return records && records->n > 0 ? records->ends[records->head] - chan->taken : 0;
}

/* Write what there is room for, and mark the last octet written. Return: octets, or -errno;
   CALL_NATIVE: the kernel says it better. */
static int64_t write_urgent(struct run *run, struct chan *chan, int handle, const struct want *want,
                            uint64_t done)
{
    ssize_t len = want_gather(run, want, done), n;
    bool last = len >= 0 && (int64_t)(done + (uint64_t)len) == want_len(want);

    if (len <= 0)
        return len;
    n = send(handle, run->scratch, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EPIPE && want->addr != 0)
        return stream_broken_pipe(want); /* the kernel would look at the name */
    if (n < 0)
        return errno == EAGAIN || want->addr != 0 ? -errno : CALL_NATIVE; /* with a SIGPIPE */
    if (want->flags & MSG_OOB)
        chan->urgent_in = chan_unread(chan);
    if ((want->flags & MSG_EOR) && last && n == len)
        end_record(chan);
    chan->end_in = true;
    chan_queue(run, chan);
    return n;
}

static int64_t hold_send(struct call *call, const struct want *want, uint64_t done)
{
    struct held *held = held_new(call, HELD_SEND, SO_SNDTIMEO);

    if (!held)
        return done > 0 ? want_sent(want, (int64_t)done) : -ENOBUFS;
    held->want = *want;
    held->done = done;
    held->fd = (int)call->args[0];
    return CALL_DONE;
}

int64_t urgent_send(struct call *call, const struct want *want)
{
    struct chan *chan = call->chan;
    int64_t value, all;

    if (chan->state == CHAN_DATAGRAM)
        return -EOPNOTSUPP;
    if (chan->state != CHAN_CONNECTED && chan->state != CHAN_CONNECTING)
        return want->addr != 0 && !chan->is_inet ? stream_broken_pipe(want) : CALL_NATIVE;
    all = want_len(want);
    if (all <= 0 || !notify_valid(call->run, call->caller.id))
        return all <= 0 ? all : CALL_DONE;
    value = write_urgent(call->run, chan, call->handle, want, 0);
    if (value == all || (value < 0 && value != -EAGAIN))
        return want_sent(want, value);
    if (want->flags & MSG_DONTWAIT || fcntl(call->handle, F_GETFL) & O_NONBLOCK)
        return want_sent(want, value);
    return hold_send(call, want, value > 0 ? (uint64_t)value : 0);
}

/* Go on with a send that waits. Return: its answer, or CALL_DONE: it waits on. */
static int64_t go_on(struct run *run, struct held *held)
{
    int handle = child_getfd(run, held->tid, held->fd);
    int64_t value = -EBADF, all = want_len(&held->want);

    if (handle >= 0 && chan_find(run, handle) == held->chan)
        value = all < 0 ? all : write_urgent(run, held->chan, handle, &held->want, held->done);
    if (handle >= 0)
        close(handle);
    if (value == -EAGAIN)
        return CALL_DONE;
    if (value > 0)
        held->done += (uint64_t)value;
    if (value > 0 && (int64_t)held->done < all)
        return CALL_DONE;
    return held->done > 0 ? want_sent(&held->want, (int64_t)held->done) : value;
}

void urgent_retry(struct run *run, struct chan *chan)
{
    struct held *held = held_first(run, chan, HELD_SEND);
    int64_t value;

    if (!held)
        return;
    value = go_on(run, held);
    if (value != CALL_DONE)
        (void)held_answer(run, held, value); /* kept if nobody takes it */
}

size_t urgent_free(const struct chan *chan, size_t len)
{
    uint64_t rest = record_rest(chan);

    if (chan->urgent_in > 0 && len >= chan->urgent_in)
        len = chan->urgent_in - 1;
    return rest > 0 && len >= rest ? (size_t)rest - 1 : len;
}

void urgent_passed(struct chan *chan, size_t len)
{
    struct records *records = chan->records;

    chan->taken += len;
    if (chan->urgent_in > 0)
        chan->urgent_in -= len < chan->urgent_in ? len : chan->urgent_in;
    while (records && records->n > 0 && records->ends[records->head] <= chan->taken) {
        records->head = (records->head + 1) % RUN_RECORDS_MAX;
        records->n--;
    }
}

ssize_t urgent_take(struct run *run, struct chan *chan)
{
    bool ends = record_rest(chan) == 1;
    int flags = (chan->urgent_in == 1 ? MSG_OOB : 0) | (ends ? MSG_EOR : 0);
    uint8_t octet;
    ssize_t n;

    /* Until it is taken, this octet is the one that stays unread. */
    if (chan->kept && recv(chan->end, &octet, 1, MSG_DONTWAIT) == 1)
        chan->kept = false;
    if (recv(chan->end, &octet, 1, MSG_PEEK | MSG_DONTWAIT) != 1) {
        chan->urgent_in = 0; /* it cannot be that nothing is there */
        if (ends)
            chan->records->n = 0;
        return -EAGAIN;
    }
    n = ft_send(run->stack, chan->sock, &octet, 1, flags);
    if (n != 1)
        return n;
    chan->kept = true;
    urgent_passed(chan, 1);
    return n;
}

/* --- the peer sends ---------------------------------------------------------------------------*/

size_t urgent_ahead(struct run *run, const struct chan *chan)
{
    struct ft_sock_info info;

    if (!(ft_ready(run->stack, chan->sock) & FT_URGENT) ||
        ft_sock_info(run->stack, chan->sock, &info) < 0)
        return 0;
    return info.urgent_q;
}

ssize_t urgent_give(struct chan *chan, uint8_t octet)
{
    ssize_t n = send(chan->end, &octet, 1, MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0 && errno == EOPNOTSUPP)
        n = send(chan->end, &octet, 1, MSG_DONTWAIT | MSG_NOSIGNAL); /* a kernel without */
    if (n == 1) {
        chan->urgent_octet = octet;
        chan->urgent_at = chan->given + 1;
    }
    return n;
}

static bool is_inline(struct run *run, const struct chan *chan)
{
    int on = 0;
    socklen_t len = sizeof(on);

    return chan->state == CHAN_CONNECTED &&
           ft_getsockopt(run->stack, chan->sock, SOL_SOCKET, SO_OOBINLINE, &on, &len) == 0 && on;
}

/* One past the urgent octet that may be read now, as a count of octets given; 0: none. */
static uint64_t find(struct run *run, const struct chan *chan, int handle, uint8_t *ret_octet)
{
    struct pollfd pfd = {.fd = handle, .events = POLLPRI};
    size_t ahead = chan->state == CHAN_CONNECTED ? urgent_ahead(run, chan) : 0;

    if (ahead > 0 && ft_recv(run->stack, chan->sock, ret_octet, 1, MSG_OOB) == 1)
        return chan->given + ahead;
    *ret_octet = chan->urgent_octet;
    return poll(&pfd, 1, 0) > 0 && pfd.revents & POLLPRI ? chan->urgent_at : 0;
}

int64_t urgent_receive(struct call *call, const struct want *want)
{
    static const struct source nobody = {.addr_len = 0};
    struct chan *chan = call->chan;
    struct run *run = call->run;
    uint8_t octet;
    uint64_t at;
    int64_t value;

    if (chan->state == CHAN_CONNECTED)
        pump_chan(run, chan);
    if (chan->state != CHAN_CONNECTED && chan->state != CHAN_ZOMBIE)
        return chan->state == CHAN_CONNECTING ? -EINVAL : -ENOTCONN;
    if (is_inline(run, chan))
        return -EINVAL;
    at = find(run, chan, call->handle, &octet);
    if (at == 0 && chan->state == CHAN_CONNECTED && ft_ready(run->stack, chan->sock) & FT_URGENT)
        return -EAGAIN; /* announced, and not here yet */
    if (at == 0 || at == chan->urgent_told)
        return -EINVAL;
    if (!notify_valid(run, call->caller.id))
        return CALL_DONE;
    run->scratch[0] = octet;
    value = datagram_deliver(run, want, &nobody, 1);
    if (value >= 0 && !(want->flags & MSG_PEEK))
        chan->urgent_told = at;
    return value;
}
