/* SPDX-License-Identifier: MIT */
/*
 * Datagram sockets. The carrier is an AF_UNIX SOCK_SEQPACKET pair: it keeps the datagrams apart,
 * and tells us when the program has closed its end. Calls without an address pass over it natively;
 * sendto and recvfrom with one stop, and come here.
 *
 * Datagrams for the program are in the channel before it asks, so that it polls as it should. Who
 * sent them is remembered in order; how many the program has taken natively since is told by how
 * much of the channel is still in use (SIOCOUTQ).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/sockios.h>

#include <fourtuple/socket.h>

#include "priv.h"

#define DATAGRAM_MAX   65535u
#define DATAGRAM_BATCH 64u

static uint32_t in_use(const struct chan *chan)
{
    int n = 0;

    return ioctl(chan->end, SIOCOUTQ, &n) < 0 || n < 0 ? 0 : (uint32_t)n;
}

/* Forget the senders of datagrams that the program has taken. */
static void drop_taken(struct chan *chan)
{
    struct sources *sources = chan->sources;
    uint32_t used = in_use(chan);

    while (sources->n > 0 && sources->charged > used) {
        sources->charged -= sources->ring[sources->head].charge;
        sources->head = (sources->head + 1) % RUN_SOURCES_MAX;
        sources->n--;
    }
}

static void remember_source(struct chan *chan, const struct name *from, uint32_t charge)
{
    struct sources *sources = chan->sources;
    struct source *source = &sources->ring[(sources->head + sources->n) % RUN_SOURCES_MAX];

    source->addr = from->addr;
    source->addr_len = from->len;
    source->charge = charge;
    sources->charged += charge;
    sources->n++;
}

static bool has_room(struct chan *chan)
{
    struct pollfd pfd = {.fd = chan->end, .events = POLLOUT};

    if (!chan->sources)
        chan->sources = calloc(1, sizeof(*chan->sources));
    if (!chan->sources)
        return false;
    drop_taken(chan);
    return chan->sources->n < RUN_SOURCES_MAX && poll(&pfd, 1, 0) > 0 && (pfd.revents & POLLOUT);
}

static ssize_t receive(struct run *run, struct chan *chan, struct name *ret_from)
{
    struct iovec iov = {run->scratch, RUN_SCRATCH_LEN};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;

    memset(ret_from, 0, sizeof(*ret_from));
    msg.msg_name = &ret_from->addr;
    msg.msg_namelen = sizeof(ret_from->addr);
    n = ft_recvmsg(run->stack, chan->sock, &msg, 0);
    ret_from->len = msg.msg_namelen;
    return n;
}

/* Hand a datagram to a recvfrom() that waits. Return: whether one took it. */
static bool serve_held(struct run *run, struct chan *chan, const struct name *from, size_t len)
{
    struct held *held;

    while ((held = held_first(run, chan, HELD_RECVFROM))) {
        size_t part = len < held->len ? len : (size_t)held->len;
        int rc = child_write(held->tid, held->buf, run->scratch, part);

        if (rc == 0)
            rc = child_write_name(held->tid, held->addr, held->len_ptr, from);
        notify_answer(run, held->id, rc < 0 ? rc : (int64_t)(held->flags & MSG_TRUNC ? len : part));
        held_free(run, held);
        if (rc == 0)
            return true;
    }
    return false;
}

static void to_program(struct run *run, struct chan *chan)
{
    for (unsigned i = 0; i < DATAGRAM_BATCH; i++) {
        struct name from;
        uint32_t before, after;
        ssize_t n;

        if (!(ft_ready(run->stack, chan->sock) & (FT_READABLE | FT_ERROR)) || !has_room(chan))
            return;
        n = receive(run, chan, &from);
        if (n == -EAGAIN)
            return;
        if (n < 0) {
            chan->error = (int)-n; /* an ICMP error: told at the next stopped call */
            held_answer_all(run, chan, HELD_RECVFROM, n);
            continue;
        }
        if (serve_held(run, chan, &from, (size_t)n))
            continue;
        before = in_use(chan);
        if (send(chan->end, run->scratch, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            continue; /* the program has closed it, or memory is short: as a full buffer */
        after = in_use(chan);
        remember_source(chan, &from, after > before ? after - before : 1);
    }
    chan_queue(run, chan);
}

/* Datagrams that the program sent without an address: to its peer, if it has one. */
static void to_stack(struct run *run, struct chan *chan)
{
    for (unsigned i = 0; i < DATAGRAM_BATCH && chan->end_in; i++) {
        ssize_t n = recv(chan->end, run->scratch, RUN_SCRATCH_LEN, MSG_DONTWAIT), sent;

        if (n < 0) {
            chan->end_in = false;
            break;
        }
        if (n == 0 && chan->end_hup)
            break;
        sent = ft_send(run->stack, chan->sock, run->scratch, (size_t)n, 0);
        if (sent == -ECONNREFUSED || sent == -EHOSTUNREACH) {
            chan->error = (int)-sent;
            (void)ft_send(run->stack, chan->sock, run->scratch, (size_t)n, 0);
        }
    }
    if (chan->end_in && !chan->end_hup)
        chan_queue(run, chan);
}

void datagram_pump(struct run *run, struct chan *chan)
{
    to_stack(run, chan);
    if (chan->end_hup) {
        chan_bury(run, chan, false);
        return;
    }
    to_program(run, chan);
}

/* --- stopped calls ----------------------------------------------------------------------------*/

int64_t call_sendto(struct call *call)
{
    struct run *run = call->run;
    struct name to;
    struct iovec iov = {run->scratch, (size_t)call->args[2]};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    int name_len = (int)call->args[5], rc;
    ssize_t n;

    if (call->chan->state == CHAN_ZOMBIE)
        return -EPIPE;
    if (call->chan->state != CHAN_DATAGRAM)
        return call->chan->state == CHAN_CONNECTED ? -EISCONN : -EPIPE;
    if (name_len < 0 || (size_t)name_len > sizeof(to.addr))
        return -EINVAL;
    if (call->args[2] > DATAGRAM_MAX)
        return -EMSGSIZE;
    memset(&to, 0, sizeof(to));
    rc = child_read(call->tid, call->args[4], &to.addr, (size_t)name_len);
    if (rc == 0)
        rc = child_read(call->tid, call->args[1], run->scratch, iov.iov_len);
    if (rc < 0)
        return rc;
    if (!notify_valid(run, call->id))
        return CALL_DONE;
    if (call->chan->error != 0) {
        rc = call->chan->error;
        call->chan->error = 0;
        return -rc;
    }
    msg.msg_name = &to.addr;
    msg.msg_namelen = (socklen_t)name_len;
    n = ft_sendmsg(run->stack, call->chan->sock, &msg, (int)call->args[3] & ~MSG_DONTWAIT);
    return n == -EAGAIN ? (int64_t)iov.iov_len : n; /* a full buffer loses it, as a full queue */
}

/* Give what was read to the program. */
static int64_t deliver(struct call *call, const struct name *from, ssize_t n)
{
    size_t len = (size_t)n, part = len < call->args[2] ? len : (size_t)call->args[2];
    int rc = child_write(call->tid, call->args[1], call->run->scratch, part);

    if (rc == 0)
        rc = child_write_name(call->tid, call->args[4], call->args[5], from);
    if (rc < 0)
        return rc;
    return (int64_t)((int)call->args[3] & MSG_TRUNC ? len : part);
}

/* On a stream the address is left alone: its length becomes 0. */
static int64_t recvfrom_stream(struct call *call)
{
    static const struct name nobody = {.len = 0};
    int flags = (int)call->args[3];
    size_t len = call->args[2] < RUN_SCRATCH_LEN ? (size_t)call->args[2] : RUN_SCRATCH_LEN;
    ssize_t n;

    if (!notify_valid(call->run, call->id))
        return CALL_DONE;
    if (call->chan->state != CHAN_CONNECTED && call->chan->state != CHAN_ZOMBIE)
        return call->chan->state == CHAN_CONNECTING ? CALL_NATIVE : -ENOTCONN;
    n = recv(call->handle, call->run->scratch, len, (flags & ~MSG_WAITALL) | MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) {
        if ((flags & MSG_DONTWAIT) || (fcntl(call->handle, F_GETFL) & O_NONBLOCK))
            return -EAGAIN;
        return CALL_NATIVE; /* it waits in the kernel, which tells an address of its own */
    }
    return n < 0 ? -errno : deliver(call, &nobody, n);
}

/* Nothing is there: an error that came instead, EAGAIN, or wait. */
static int64_t hold_or_again(struct call *call)
{
    struct held *held;
    int error = call->chan->error;

    call->chan->error = 0;
    if (error != 0)
        return -error;
    if (((int)call->args[3] & MSG_DONTWAIT) || (fcntl(call->handle, F_GETFL) & O_NONBLOCK))
        return -EAGAIN;
    held = held_new(call, HELD_RECVFROM, SO_RCVTIMEO);
    if (!held)
        return -ENOBUFS;
    held->buf = call->args[1];
    held->len = call->args[2];
    held->flags = (int)call->args[3];
    held->addr = call->args[4];
    held->len_ptr = call->args[5];
    return CALL_DONE;
}

int64_t call_recvfrom(struct call *call)
{
    struct chan *chan = call->chan;
    struct name from;
    int flags = (int)call->args[3];
    ssize_t n;

    if (chan->state != CHAN_DATAGRAM)
        return recvfrom_stream(call);
    datagram_pump(call->run, chan);
    if (chan->state != CHAN_DATAGRAM || !chan->sources)
        return chan->state == CHAN_DATAGRAM ? hold_or_again(call) : -EBADF;
    if (!notify_valid(call->run, call->id))
        return CALL_DONE;
    drop_taken(chan);
    memset(&from, 0, sizeof(from));
    if (chan->sources->n > 0) {
        from.addr = chan->sources->ring[chan->sources->head].addr;
        from.len = chan->sources->ring[chan->sources->head].addr_len;
    }
    n = recv(call->handle, call->run->scratch, RUN_SCRATCH_LEN, flags | MSG_DONTWAIT);
    if (n >= 0)
        return deliver(call, &from, n);
    return errno == EAGAIN ? hold_or_again(call) : -errno;
}
