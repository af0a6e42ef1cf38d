/* SPDX-License-Identifier: MIT */
/*
 * connect(): the act on which all else hinges.
 *
 * While the stack tries, the program's end is *gated*: connected to our hub and filled to the brim,
 * so that it is neither readable nor writable nor hung up, as a TCP socket in SYN-SENT. Success
 * drains the filler (POLLOUT fires). Failure closes the stack's end with filler unread (ERR, HUP,
 * IN and OUT fire), and the error is kept for SO_ERROR.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <fourtuple/socket.h>

#include "priv.h"
#include "swap.h"

int connect_open_hub(struct run *run)
{
    int rc = 0;

    run->hub = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (run->hub < 0)
        return -errno;
    run->hub_name_len = carrier_name(run, ++run->n_names, &run->hub_name);
    if (bind(run->hub, (struct sockaddr *)&run->hub_name, run->hub_name_len) < 0 ||
        listen(run->hub, 1) < 0)
        rc = -errno;
    if (rc < 0) {
        close(run->hub);
        run->hub = -1;
    }
    return rc;
}

/* Take the connection that a channel's carrier has just made to the hub. Return: it or -errno. */
static int take_end(const struct run *run, const struct chan *chan)
{
    struct sockaddr_un name, wanted;
    socklen_t len = sizeof(name), wanted_len = carrier_name(run, chan->name_no, &wanted);
    int end = accept4(run->hub, (struct sockaddr *)&name, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (end < 0)
        return -errno;
    if (len == wanted_len && memcmp(&name, &wanted, len) == 0)
        return end;
    close(end); /* somebody else's: octets of one conversation must never get into another */
    return -EPROTO;
}

/* Connect a carrier to the hub. Nobody else does, and what is not taken at once goes with the hub,
   so its queue is empty here, and not even a blocking connect waits. */
static int open_end(struct run *run, const struct chan *chan, int handle)
{
    int rc = run->hub < 0 ? connect_open_hub(run) : 0, spare;

    if (rc < 0)
        return rc;
    spare = fcntl(run->epoll, F_DUPFD_CLOEXEC, 0); /* a number that accept4() will find free */
    if (spare < 0)
        return -errno;
    rc = connect(handle, (struct sockaddr *)&run->hub_name, run->hub_name_len) < 0 ? -errno : 0;
    close(spare);
    if (rc < 0)
        return rc;
    rc = take_end(run, chan);
    if (rc < 0) {
        close(run->hub);
        (void)connect_open_hub(run); /* else it is tried again at the next connect */
    }
    return rc;
}

static uint32_t fill(struct run *run, int handle)
{
    uint32_t total = 0;
    ssize_t n;

    while ((n = send(handle, run->scratch, RUN_FILLER_MAX, MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
        total += (uint32_t)n;
    return total;
}

static int gate_shut(struct run *run, struct chan *chan, int handle)
{
    int end = open_end(run, chan, handle), rc;

    if (end < 0)
        return end;
    rc = chan_set_end(run, chan, end);
    if (rc < 0) {
        close(end);
        return rc;
    }
    chan->filler = fill(run, handle);
    chan->state = CHAN_CONNECTING;
    return 0;
}

/* Take all of the filler but the octet that stays. */
static void gate_open(struct run *run, struct chan *chan)
{
    uint32_t left = chan->filler > 0 ? chan->filler - 1 : 0;

    while (left > 0) {
        ssize_t n = recv(chan->end, run->scratch, left < RUN_SCRATCH_LEN ? left : RUN_SCRATCH_LEN,
                         MSG_DONTWAIT);

        if (n <= 0)
            break; /* the program has closed it; the pump will see */
        left -= (uint32_t)n;
    }
    chan->kept = chan->filler > 0;
    chan->filler = 0;
}

/* What a send with MSG_FASTOPEN has carried beyond the SYN is written for the program. Return: the
   answer of the call. */
static int64_t write_rest(struct run *run, const struct held *held)
{
    int handle = child_getfd(run, held->tid, held->fd);
    uint64_t done = held->done;
    ssize_t len = notify_valid(run, held->id) ? want_gather(run, &held->want, done) : 0, n;

    if (handle >= 0 && chan_find(run, handle) == held->chan && len > 0) {
        n = send(handle, run->scratch, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
        done += n > 0 ? (uint64_t)n : 0;
        held->chan->end_in = true;
    }
    if (handle >= 0)
        close(handle);
    return want_sent(&held->want, (int64_t)done);
}

static void connected(struct run *run, struct chan *chan)
{
    struct held *held, *next;

    gate_open(run, chan);
    chan->state = CHAN_CONNECTED;
    chan->connect_told = false;
    for (held = TAILQ_FIRST(&run->held); held; held = next) {
        next = TAILQ_NEXT(held, link);
        if (held->chan == chan && held->kind == HELD_CONNECT &&
            held_answer(run, held, held->sends ? write_rest(run, held) : 0))
            chan->connect_told = true;
    }
    (void)ft_watch(run->stack, chan->sock, FT_READABLE | FT_WRITABLE | FT_URGENT | FT_RDHUP, chan);
    chan_queue(run, chan);
}

static void failed(struct run *run, struct chan *chan, int error)
{
    chan->state = CHAN_FAILED;
    chan->error = error;
    chan_drop_end(run, chan);
    if (held_first(run, chan, HELD_CONNECT) || held_first(run, chan, HELD_SEND))
        chan->error = 0; /* the call tells it, so SO_ERROR does not */
    held_answer_all(run, chan, HELD_CONNECT, -error);
    held_answer_all(run, chan, HELD_SEND, -error);
}

void connect_progress(struct run *run, struct chan *chan)
{
    int rc;

    if (chan->end_hup) {
        chan_bury(run, chan, false); /* the program has closed it meanwhile */
        return;
    }
    if (!(ft_ready(run->stack, chan->sock) & (FT_WRITABLE | FT_ERROR | FT_HANGUP)))
        return;
    /* Asked again, the stack tells how it went. */
    rc = ft_connect(run->stack, chan->sock, (struct sockaddr *)&chan->peer.addr, chan->peer.len);
    if (rc == 0 || rc == -EISCONN)
        connected(run, chan);
    else if (rc != -EALREADY && rc != -EINPROGRESS)
        failed(run, chan, -rc);
}

/* A connect after one that failed: the program's end has been connected once and cannot again. It
   gets another, which is gated already, so that what watches it sees nothing yet. */
static int64_t renew_carrier(struct call *call)
{
    struct chan *chan = call->chan;
    struct run *run = call->run;
    uint64_t former = chan->cookie;
    int carrier, rc;

    if (!run_has_descriptors(run))
        return -ENFILE;
    carrier = carrier_new(run, chan);
    if (carrier < 0)
        return carrier;
    rc = swap_prepare(call->handle, carrier);
    if (rc == 0)
        rc = gate_shut(run, chan, carrier);
    if (rc == 0)
        rc = swap_file(call, carrier);
    chan->former = former;
    run->has_renewed = true;
    close(call->handle);
    call->handle = carrier;
    return rc;
}

/* The stack tries from now on. */
static int under_way(struct call *call, const struct name *peer)
{
    struct chan *chan = call->chan;
    struct run *run = call->run;
    int rc;

    chan->peer = *peer;
    rc = chan->end < 0 ? gate_shut(run, chan, call->handle) : 0;
    if (rc < 0) {
        chan->error = -rc;
        chan_bury(run, chan, true);
        return rc;
    }
    (void)ft_watch(run->stack, chan->sock, FT_READABLE | FT_WRITABLE, chan);
    chan_queue(run, chan);
    return 0;
}

static int64_t begin(struct call *call, const struct name *peer)
{
    struct chan *chan = call->chan;
    struct run *run = call->run;
    bool nonblocking = (fcntl(call->handle, F_GETFL) & O_NONBLOCK) != 0, opens;
    struct held *held;
    int rc;

    chan_sweep_soon(run); /* a passive socket that is closed must refuse */
    if (chan->end < 0 && peer->addr.ss_family != AF_UNSPEC && !run_has_descriptors(run))
        return -ENFILE; /* it is we who are short of them, not the program; it may try again */
    rc = ft_connect(run->stack, chan->sock, (const struct sockaddr *)&peer->addr, peer->len);
    if (rc != 0 && rc != -EINPROGRESS)
        return rc;
    if (peer->addr.ss_family == AF_UNSPEC)
        return 0;
    opens = rc == 0;
    rc = under_way(call, peer);
    if (rc < 0)
        return rc;
    if (opens) {
        /* TCP_FASTOPEN_CONNECT, and there is a cookie: as good as connected until it writes. */
        chan->opens = true;
        connected(run, chan);
        chan->connect_told = true;
        return 0;
    }
    if (nonblocking)
        return -EINPROGRESS;
    held = held_new(call, HELD_CONNECT, SO_SNDTIMEO);
    return held ? CALL_DONE : -ENOBUFS;
}

int64_t connect_sending(struct call *call, const struct want *want, const struct name *peer)
{
    struct chan *chan = call->chan;
    struct run *run = call->run;
    bool nonblocking = want->flags & MSG_DONTWAIT || fcntl(call->handle, F_GETFL) & O_NONBLOCK;
    struct name to = *peer;
    struct iovec iov = {run->scratch, 0};
    struct msghdr msg = {
        .msg_name = &to.addr, .msg_namelen = to.len, .msg_iov = &iov, .msg_iovlen = 1};
    struct held *held;
    ssize_t n = want_gather(run, want, 0);
    int rc;

    if (n < 0 || !notify_valid(run, call->caller.id))
        return n < 0 ? n : CALL_DONE;
    iov.iov_len = (size_t)n;
    chan_sweep_soon(run);
    if (chan->end < 0 && !run_has_descriptors(run))
        return -ENFILE;
    n = ft_sendmsg(run->stack, chan->sock, &msg, MSG_FASTOPEN);
    if (n < 0 && n != -EINPROGRESS)
        return n;
    rc = under_way(call, peer);
    if (rc < 0)
        return rc;
    if (nonblocking)
        return n > 0 ? want_sent(want, n) : -EINPROGRESS;
    held = held_new(call, HELD_CONNECT, SO_SNDTIMEO);
    if (!held)
        return n > 0 ? want_sent(want, n) : -ENOBUFS;
    held->sends = true;
    held->want = *want;
    held->done = n > 0 ? (uint64_t)n : 0;
    held->fd = (int)call->args[0];
    return CALL_DONE;
}

static int64_t again_while_connecting(struct call *call)
{
    if (fcntl(call->handle, F_GETFL) & O_NONBLOCK)
        return -EALREADY;
    /* A connect that a signal has interrupted waits on (SA_RESTART, or asked anew). */
    return held_new(call, HELD_CONNECT, SO_SNDTIMEO) ? CALL_DONE : -ENOBUFS;
}

static int64_t again_after_failure(struct call *call, const struct name *peer)
{
    struct chan *chan = call->chan;
    int64_t rc;
    int error = chan->error;

    if (error != 0) {
        chan->error = 0; /* how the last attempt went, told once */
        return -error;
    }
    rc = peer->addr.ss_family == AF_UNSPEC ? 0 : renew_carrier(call);
    if (rc == 0)
        rc = begin(call, peer);
    if (chan->state == CHAN_CONNECTING && rc < 0 && rc != -EINPROGRESS && rc != CALL_DONE) {
        chan->state = CHAN_FAILED;
        chan_drop_end(call->run, chan);
    }
    return rc;
}

static int64_t connect_stream(struct call *call, const struct name *peer)
{
    struct chan *chan = call->chan;

    switch (chan->state) {
    case CHAN_NEW:
        return begin(call, peer);
    case CHAN_CONNECTING:
        return again_while_connecting(call);
    case CHAN_CONNECTED:
        if (chan->connect_told)
            return -EISCONN;
        chan->connect_told = true;
        return 0;
    case CHAN_FAILED:
        return again_after_failure(call, peer);
    case CHAN_LISTENING:
    case CHAN_QUEUED:
    case CHAN_STRAY:
    case CHAN_DATAGRAM:
    case CHAN_ZOMBIE:
        break;
    }
    return -EISCONN;
}

int64_t call_connect(struct call *call)
{
    struct name peer;
    int len = (int)call->args[2], rc;

    if (len < 0 || (size_t)len > sizeof(peer.addr))
        return -EINVAL;
    memset(&peer, 0, sizeof(peer));
    peer.len = (socklen_t)len;
    rc = child_read(call->caller.tid, call->args[1], &peer.addr, (size_t)len);
    if (rc < 0)
        return rc;
    if (!notify_valid(call->run, call->caller.id))
        return CALL_DONE;
    if (call->chan->state == CHAN_DATAGRAM)
        return datagram_connect(call, &peer);
    return connect_stream(call, &peer);
}
