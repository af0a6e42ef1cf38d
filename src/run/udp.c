/* SPDX-License-Identifier: MIT */
/*
 * Datagram sockets. The carrier is a pair of AF_UNIX SOCK_DGRAM sockets. The stack's end is always
 * connected to the program's; the program's to the stack's only while it has a peer, so that a
 * write without one is an error of the kernel's (ENOTCONN; UDP's EDESTADDRREQ no other family
 * gives). Calls without an address pass over it natively; sendto and recvfrom with one stop, and
 * come here. That the program has closed its end an inotify watch tells (stray.c), or the sweep.
 *
 * Datagrams for the program are in the channel before it asks, so that it polls as it should. Who
 * sent them is remembered in order; how many the program has taken natively since is told by how
 * much of the channel is still in use (SIOCOUTQ).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/sockios.h>

#include <fourtuple/socket.h>

#include "priv.h"
#include "run.h"

#define DATAGRAM_MAX   65535u
#define DATAGRAM_BATCH 64u

/* The stack's end has the name after the program's. */
static socklen_t name_of_end(const struct run *run, const struct chan *chan,
                             struct sockaddr_un *ret)
{
    return carrier_name(run, chan->name_no + 1, ret);
}

static int connect_end(const struct run *run, const struct chan *chan, int end)
{
    struct sockaddr_un name;
    socklen_t len = carrier_name(run, chan->name_no, &name);

    return connect(end, (struct sockaddr *)&name, len) < 0 ? -errno : 0;
}

static int open_end(struct run *run, struct chan *chan)
{
    struct sockaddr_un name;
    socklen_t len = name_of_end(run, chan, &name);
    int end = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), rc;

    if (end < 0)
        return -errno;
    rc = bind(end, (struct sockaddr *)&name, len) < 0 ? -errno : connect_end(run, chan, end);
    if (rc == 0)
        rc = chan_set_end(run, chan, end);
    if (rc < 0)
        close(end);
    return rc;
}

int datagram_open(struct run *run, struct chan *chan)
{
    int carrier = carrier_new(run, chan), rc;

    if (carrier < 0)
        return carrier;
    run->n_names++; /* of the stack's end */
    rc = open_end(run, chan);
    if (rc < 0) {
        close(carrier);
        return rc;
    }
    chan->state = CHAN_DATAGRAM;
    close_watch(run, chan, carrier);
    (void)ft_watch(run->stack, chan->sock, FT_READABLE | FT_WRITABLE, chan);
    return carrier;
}

bool datagram_is_closed(const struct run *run, const struct chan *chan)
{
    return connect_end(run, chan, chan->end) == -ECONNREFUSED;
}

/* What the stack has done the kernel does likewise. */
static int64_t connect_program(struct call *call, sa_family_t family)
{
    struct chan *chan = call->chan;
    struct sockaddr_un name = {.sun_family = AF_UNSPEC};
    socklen_t len = sizeof(name.sun_family);
    int error;

    if (family != AF_UNSPEC)
        len = name_of_end(call->run, chan, &name);
    if (connect(call->handle, (struct sockaddr *)&name, len) < 0)
        return -errno;
    /* Datagrams that were not read are lost by a disconnection, and the stack's end hears of it. */
    len = sizeof(error);
    (void)getsockopt(chan->end, SOL_SOCKET, SO_ERROR, &error, &len);
    return 0;
}

int64_t datagram_connect(struct call *call, const struct name *peer)
{
    int rc = ft_connect(call->run->stack, call->chan->sock, (const struct sockaddr *)&peer->addr,
                        peer->len);

    return rc < 0 ? rc : connect_program(call, peer->addr.ss_family);
}

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

static void remember_source(struct chan *chan, const struct source *from, uint32_t charge)
{
    struct sources *sources = chan->sources;
    struct source *source = &sources->ring[(sources->head + sources->n) % RUN_SOURCES_MAX];

    *source = *from;
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

static ssize_t receive(struct run *run, struct chan *chan, int flags, struct source *ret_from)
{
    struct iovec iov = {run->scratch, RUN_SCRATCH_LEN};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;

    memset(ret_from, 0, sizeof(*ret_from));
    msg.msg_name = &ret_from->addr;
    msg.msg_namelen = sizeof(ret_from->addr);
    msg.msg_control = ret_from->control;
    msg.msg_controllen = sizeof(ret_from->control);
    n = ft_recvmsg(run->stack, chan->sock, &msg, flags);
    ret_from->addr_len = msg.msg_namelen;
    ret_from->control_len = (uint32_t)msg.msg_controllen;
    return n;
}

/* Hand a datagram to the receives that wait: copies to those that peek, up to the first that takes
   it. Return: whether one took it. */
static bool serve_held(struct run *run, struct chan *chan, const struct source *from, size_t len)
{
    struct held *held;

    while ((held = held_first(run, chan, HELD_RECVFROM))) {
        int64_t value = datagram_deliver(run, &held->want, from, len);
        bool peeks = held->want.flags & MSG_PEEK;

        (void)held_answer(run, held, value); /* kept if nobody takes it */
        if (value >= 0 && !peeks)
            return true;
    }
    return false;
}

/* Into the channel, from the scratch. */
static void put(struct run *run, struct chan *chan, const struct source *from, size_t len)
{
    uint32_t before = in_use(chan), after;

    if (send(chan->end, run->scratch, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return; /* the program is closing it, or memory is short: as a full buffer */
    after = in_use(chan);
    remember_source(chan, from, after > before ? after - before : 1);
}

static void to_program(struct run *run, struct chan *chan)
{
    for (unsigned i = 0; i < DATAGRAM_BATCH; i++) {
        struct source from;
        ssize_t n;

        if (!(ft_ready(run->stack, chan->sock) & (FT_READABLE | FT_ERROR)) || !has_room(chan))
            return;
        n = receive(run, chan, 0, &from);
        if (n == -EAGAIN)
            return;
        if (n < 0) {
            chan->error = (int)-n; /* an ICMP error: told at the next stopped call */
            held_answer_all(run, chan, HELD_RECVFROM, n);
            continue;
        }
        if (!serve_held(run, chan, &from, (size_t)n))
            put(run, chan, &from, (size_t)n);
    }
    chan_queue(run, chan);
}

static ssize_t take_from_program(struct run *run, struct chan *chan)
{
    ssize_t n = recv(chan->end, run->scratch, RUN_SCRATCH_LEN, MSG_DONTWAIT);

    if (n < 0 && errno == ECONNRESET) /* as it was told of a disconnection, once */
        n = recv(chan->end, run->scratch, RUN_SCRATCH_LEN, MSG_DONTWAIT);
    return n;
}

/* Datagrams that the program has sent to its peer natively. */
static void to_stack(struct run *run, struct chan *chan)
{
    for (unsigned i = 0; i < DATAGRAM_BATCH && chan->end_in; i++) {
        ssize_t n = take_from_program(run, chan), sent;

        if (n < 0) {
            chan->end_in = false;
            break;
        }
        sent = ft_send(run->stack, chan->sock, run->scratch, (size_t)n, 0);
        if (sent < 0 && sent != -EAGAIN && sent != -ENOBUFS) {
            chan->error = (int)-sent; /* told at the next stopped call */
            /* It may have been that of an earlier one. */
            (void)ft_send(run->stack, chan->sock, run->scratch, (size_t)n, 0);
        }
    }
    if (chan->end_in)
        chan_queue(run, chan);
}

void datagram_flush(struct run *run, struct chan *chan)
{
    chan->end_in = true; /* whether its edge was seen or not */
    to_stack(run, chan);
}

void datagram_closed(struct run *run, struct chan *chan)
{
    chan->end_in = true;
    while (chan->end_in) /* no more come, so that it ends */
        to_stack(run, chan);
    chan_bury(run, chan, false);
}

void datagram_pump(struct run *run, struct chan *chan)
{
    to_stack(run, chan);
    to_program(run, chan);
}

/* --- stopped calls ----------------------------------------------------------------------------*/

/* With MSG_FASTOPEN on a stream. */
static int64_t sendto_opens(struct call *call)
{
    struct want want = {.to = call->caller,
                        .buf = call->args[1],
                        .len = call->args[2],
                        .flags = (int)call->args[3]};
    int len = (int)call->args[5], rc;
    struct name to = {.len = (socklen_t)len};

    if (len < 0 || (size_t)len > sizeof(to.addr))
        return -EINVAL;
    rc = child_read(call->caller.tid, call->args[4], &to.addr, (size_t)len);
    return rc < 0 ? rc : connect_sending(call, &want, &to);
}

static int64_t sendto_stream(struct call *call)
{
    struct want want = {.to = call->caller,
                        .addr = call->args[4],
                        .buf = call->args[1],
                        .len = call->args[2],
                        .flags = (int)call->args[3]};
    enum chan_state state = call->chan->state;

    if (want.flags & (MSG_OOB | MSG_EOR))
        return urgent_send(call, &want);
    if (want.flags & MSG_FASTOPEN && state == CHAN_NEW && want.addr != 0)
        return sendto_opens(call);
    if (want.addr == 0)
        return CALL_NATIVE; /* MSG_MORE on a stream: what it asks for is no more than a hint */
    if (state == CHAN_LISTENING && call->chan->is_inet && !(want.flags & MSG_FASTOPEN))
        return CALL_NATIVE; /* EPIPE comes with a SIGPIPE */
    if (want.flags & MSG_FASTOPEN && state == CHAN_CONNECTED)
        return -EISCONN;
    return stream_send(call, &want);
}

int64_t call_sendto(struct call *call)
{
    struct run *run = call->run;
    struct name to;
    struct iovec iov = {run->scratch, (size_t)call->args[2]};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    int name_len = (int)call->args[5], rc;
    ssize_t n;

    if (call->chan->state != CHAN_DATAGRAM) {
        if (call->chan->type == SOCK_STREAM)
            return sendto_stream(call);
        return call->args[4] == 0 ? CALL_NATIVE : -EPIPE;
    }
    if (call->args[3] & MSG_OOB)
        return -EOPNOTSUPP;
    if (name_len < 0 || (size_t)name_len > sizeof(to.addr))
        return -EINVAL;
    if (call->args[2] > DATAGRAM_MAX)
        return -EMSGSIZE;
    memset(&to, 0, sizeof(to));
    rc =
        call->args[4] ? child_read(call->caller.tid, call->args[4], &to.addr, (size_t)name_len) : 0;
    if (rc == 0)
        rc = child_read(call->caller.tid, call->args[1], run->scratch, iov.iov_len);
    if (rc < 0)
        return rc;
    if (!notify_valid(run, call->caller.id))
        return CALL_DONE;
    if (call->chan->error != 0) {
        rc = call->chan->error;
        call->chan->error = 0;
        return -rc;
    }
    msg.msg_name = call->args[4] ? &to.addr : NULL;
    msg.msg_namelen = call->args[4] ? (socklen_t)name_len : 0;
    n = ft_sendmsg(run->stack, call->chan->sock, &msg, (int)call->args[3] & ~MSG_DONTWAIT);
    return n == -EAGAIN ? (int64_t)iov.iov_len : n; /* a full buffer loses it, as a full queue */
}

int64_t datagram_deliver(struct run *run, const struct want *want, const struct source *from,
                         size_t len)
{
    size_t part = len < want->len ? len : (size_t)want->len;
    struct name name = {.addr = from->addr, .len = from->addr_len};
    int rc;

    if (want->msg != 0)
        return msg_deliver(run, want, from, len);
    rc = child_write(&want->to, want->buf, run->scratch, part);
    if (rc == 0)
        rc = child_write_name(&want->to, want->addr, want->len_ptr, &name);
    if (rc < 0)
        return rc;
    return (int64_t)(want->flags & MSG_TRUNC ? len : part);
}

/* Nothing is there: an error that came instead, EAGAIN, or wait. */
static int64_t hold_or_again(struct call *call, const struct want *want)
{
    struct held *held;
    int error = call->chan->error;

    call->chan->error = 0;
    if (error != 0)
        return -error;
    if ((want->flags & MSG_DONTWAIT) || (fcntl(call->handle, F_GETFL) & O_NONBLOCK))
        return -EAGAIN;
    held = held_new(call, HELD_RECVFROM, SO_RCVTIMEO);
    if (!held)
        return -ENOBUFS;
    held->want = *want;
    return CALL_DONE;
}

/* It is taken at once: between a look at it and the taking another thread could read it natively.
   A caller whom a signal interrupts meanwhile finds it at the end of the queue. */
int64_t datagram_receive(struct call *call, const struct want *want)
{
    struct source from = {.addr_len = 0};
    struct chan *chan = call->chan;
    int flags = (want->flags & MSG_PEEK) | MSG_DONTWAIT;
    int64_t value;
    ssize_t n;

    datagram_pump(call->run, chan);
    if (chan->state != CHAN_DATAGRAM)
        return -EBADF;
    if (!notify_valid(call->run, call->caller.id))
        return CALL_DONE;
    if (chan->sources)
        drop_taken(chan);
    if (chan->sources && chan->sources->n > 0)
        from = chan->sources->ring[chan->sources->head];
    n = recv(call->handle, call->run->scratch, RUN_SCRATCH_LEN, flags);
    if (n < 0)
        return errno == EAGAIN ? hold_or_again(call, want) : -errno;
    value = datagram_deliver(call->run, want, &from, (size_t)n);
    if (value == -ESRCH && !(want->flags & MSG_PEEK) && has_room(chan))
        put(call->run, chan, &from, (size_t)n);
    return value;
}

int64_t errors_receive(struct call *call, const struct want *want)
{
    struct source from;
    ssize_t n;

    if (!notify_valid(call->run, call->caller.id))
        return CALL_DONE;
    if (call->chan->state == CHAN_ZOMBIE)
        return -EAGAIN;
    n = receive(call->run, call->chan, MSG_ERRQUEUE, &from);
    if (n < 0)
        return n == -ENOTCONN ? -EAGAIN : n;
    return datagram_deliver(call->run, want, &from, (size_t)n);
}

int64_t call_recvfrom(struct call *call)
{
    struct want want = {
        .to = call->caller,
        .buf = call->args[1],
        .len = call->args[2],
        .flags = (int)call->args[3],
        .addr = call->args[4],
        .len_ptr = call->args[5],
    };

    if (want.flags & MSG_ERRQUEUE)
        return errors_receive(call, &want);
    if (call->chan->state != CHAN_DATAGRAM && want.flags & MSG_OOB)
        return urgent_receive(call, &want);
    if (call->chan->state != CHAN_DATAGRAM)
        return stream_receive(call, &want);
    return datagram_receive(call, &want);
}
