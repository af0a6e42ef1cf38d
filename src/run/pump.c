/* SPDX-License-Identifier: MIT */
/*
 * Octets between the stack and the stack's end of each channel, and what the end of either side
 * means for the other. Edge-triggered: what an edge told is remembered in the channel until used
 * up.
 *
 * Towards the stack the last octet is looked at (MSG_PEEK) rather than taken, so that one always
 * stays unread (see priv.h); the next read begins with it and throws it away.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/sockios.h>

#include <fourtuple/iface.h>
#include <fourtuple/socket.h>

#include "host/loop.h"
#include "priv.h"

#define PUMP_CHUNK (64u * 1024) /* octets of one reservation */

/* --- the program is gone, or the connection ----------------------------------------------------*/

/* What is left at the stack's end after a hang-up: was something unread at the program's end? */
static bool closed_unread(const struct chan *chan)
{
    int error = 0;
    socklen_t len = sizeof(error);

    return getsockopt(chan->end, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == ECONNRESET;
}

/* Both directions of the channel are shut and all is taken: nobody holds the program's end. */
static void program_gone(struct run *run, struct chan *chan)
{
    bool unread = closed_unread(chan);

    /* Should it live after all (SHUT_RDWR), it reads an end of file, which it has asked for. */
    (void)recv(chan->end, run->scratch, RUN_SCRATCH_LEN, MSG_DONTWAIT);
    chan_bury(run, chan, unread);
}

/* The connection failed. What came before it was passed on already. */
static void conversation_over(struct run *run, struct chan *chan)
{
    if (chan->eof_out && chan->kept) {
        /* In CLOSE-WAIT and after, TCP goes on reading 0: let the end close without an error. */
        while (recv(chan->end, run->scratch, RUN_SCRATCH_LEN, MSG_DONTWAIT) > 0)
            ;
    }
    chan_bury(run, chan, true);
}

static void broken(struct run *run, struct chan *chan, int error)
{
    if (chan->error == 0)
        chan->error = error;
    chan->broken = true;
    chan_queue(run, chan);
}

/* --- program to stack
 * ---------------------------------------------------------------------------*/

size_t chan_unread(const struct chan *chan)
{
    int n = 0;

    if (ioctl(chan->end, SIOCINQ, &n) < 0 || n < 0)
        return 0;
    return (size_t)n - (chan->kept && n > 0 ? 1 : 0);
}

/* After TCP_FASTOPEN_CONNECT: whether the SYN with the first octets is not answered yet. On Linux
   the write of them would still wait. */
static bool is_opening(struct run *run, struct chan *chan)
{
    if (chan->opening)
        chan->opening = !(ft_ready(run->stack, chan->sock) & (FT_WRITABLE | FT_ERROR | FT_HANGUP));
    return chan->opening;
}

/* All is taken that the program wrote. What else do the edges tell? */
static void input_dry(struct run *run, struct chan *chan)
{
    if (is_opening(run, chan))
        return; /* an end of it now would be the end of the attempt */
    chan->end_in = false;
    if (chan->end_hup) {
        program_gone(run, chan);
    } else if (chan->end_rdhup && !chan->eof_in) {
        chan->eof_in = true;
        (void)ft_shutdown(run->stack, chan->sock, SHUT_WR); /* fails only when it is over anyway */
    }
}

/* Read @len octets, of which the last is only looked at. Return: octets for the stack. */
static size_t read_keeping(struct chan *chan, const struct ft_span *spans, size_t n_spans,
                           size_t len)
{
    struct iovec iov[FT_SPANS_MAX + 1];
    uint8_t kept;
    int n_iov = 0;
    size_t want = len - 1, got = 0;
    uint8_t *last = NULL;

    if (chan->kept)
        iov[n_iov++] = (struct iovec){&kept, 1};
    for (size_t i = 0; i < n_spans && want > 0; i++) {
        size_t part = spans[i].len < want ? spans[i].len : want;

        iov[n_iov++] = (struct iovec){spans[i].data, part};
        want -= part;
    }
    if (n_iov > 0) {
        ssize_t n = readv(chan->end, iov, n_iov);

        if (n <= 0)
            return 0;
        got = (size_t)n - (chan->kept ? 1 : 0);
        chan->kept = false;
    }
    for (size_t i = 0, at = got; i < n_spans && !last; i++) {
        if (at < spans[i].len)
            last = spans[i].data + at;
        else
            at -= spans[i].len;
    }
    if (last && recv(chan->end, last, 1, MSG_PEEK | MSG_DONTWAIT) == 1) {
        chan->kept = true;
        got++;
    }
    return got;
}

/* TCP_FASTOPEN_CONNECT: the first octets connect, and as many as the SYN takes are gone. They are
   looked at, since how many that is only the stack knows. */
static size_t take_first(struct run *run, struct chan *chan, size_t len)
{
    const struct ft_span span = {run->scratch, RUN_SCRATCH_LEN};
    size_t kept = chan->kept ? 1 : 0;
    ssize_t n;

    if (urgent_free(chan, len) > 0)
        len = urgent_free(chan, len);
    if (len > RUN_SCRATCH_LEN - 1)
        len = RUN_SCRATCH_LEN - 1;
    n = recv(chan->end, run->scratch, kept + len, MSG_PEEK | MSG_DONTWAIT);
    if (n <= (ssize_t)kept) {
        chan->end_in = false;
        return 0;
    }
    chan->opens = false;
    n = ft_send(run->stack, chan->sock, run->scratch + kept, (size_t)n - kept, 0);
    chan->opening = n > 0 || n == -EINPROGRESS;
    if (n > 0) {
        size_t got = read_keeping(chan, &span, 1, (size_t)n);

        urgent_passed(chan, got);
        return got;
    }
    if (n < 0 && n != -EINPROGRESS && n != -EAGAIN) {
        broken(run, chan, (int)-n);
        chan->end_in = false;
    }
    return 0; /* FT_WRITABLE comes */
}

/* Return: octets moved; 0: nothing more can be moved now. */
static size_t take_chunk(struct run *run, struct chan *chan)
{
    struct ft_span spans[FT_SPANS_MAX];
    size_t len, room = 0, got;
    bool urgent;
    ssize_t n;

    len = chan_unread(chan);
    if (len == 0) {
        input_dry(run, chan);
        return 0;
    }
    if (chan->opens)
        return take_first(run, chan, len);
    len = urgent_free(chan, len);
    urgent = len == 0;
    if (len > PUMP_CHUNK)
        len = PUMP_CHUNK;
    n = urgent ? urgent_take(run, chan)
               : ft_reserve(run->stack, chan->sock, len, spans, FT_SPANS_MAX);
    if (n == -EAGAIN || n == -ENOBUFS || n == -EBUSY)
        return 0; /* FT_WRITABLE comes */
    if (n < 0) {
        if (n != -EPIPE)
            broken(run, chan, (int)-n);
        chan->end_in = false;
        return 0;
    }
    if (urgent)
        return 1;
    for (ssize_t i = 0; i < n; i++)
        room += spans[i].len;
    if (len > room)
        len = room;
    got = len > 0 ? read_keeping(chan, spans, (size_t)n, len) : 0;
    if (got == 0) {
        (void)ft_unpin(run->stack, chan->sock);
        chan->end_in = false;
        return 0;
    }
    urgent_passed(chan, got);
    (void)ft_commit(run->stack, chan->sock, got); /* what fails now, the next event tells */
    return got;
}

static size_t to_stack(struct run *run, struct chan *chan)
{
    size_t moved = 0, n;

    while (moved < RUN_PUMP_MAX && chan->state == CHAN_CONNECTED && !chan->broken && chan->end_in &&
           !chan->eof_in && (n = take_chunk(run, chan)) > 0)
        moved += n;
    if (chan->state == CHAN_CONNECTED && chan->eof_in && chan->end_hup)
        program_gone(run, chan);
    return moved;
}

/* --- stack to program
 * ---------------------------------------------------------------------------*/

static void pass_eof(struct run *run, struct chan *chan)
{
    if (chan->eof_out)
        return;
    chan->eof_out = true;
    (void)run;
    (void)shutdown(chan->end, SHUT_WR); /* fails only when the program is gone */
}

/* The spans as pieces to write, @max octets at most. Return: octets. */
static size_t pieces(const struct ft_span *spans, size_t n, size_t max, struct iovec *ret_iov)
{
    size_t total = 0;

    for (size_t i = 0; i < n; i++) {
        size_t len = spans[i].len < max - total ? spans[i].len : max - total;

        ret_iov[i] = (struct iovec){spans[i].data, len};
        total += len;
    }
    return total;
}

/* Return: octets moved; 0: nothing more can be moved now. */
static size_t give_chunk(struct run *run, struct chan *chan)
{
    struct ft_span spans[FT_SPANS_MAX];
    struct iovec iov[FT_SPANS_MAX];
    struct msghdr msg = {.msg_iov = iov};
    size_t ahead = chan->discard ? 0 : urgent_ahead(run, chan), total;
    ssize_t n = ft_peek(run->stack, chan->sock, spans, FT_SPANS_MAX), sent;

    if (n == -EAGAIN || n == -EBUSY)
        return 0;
    if (n == 0) {
        pass_eof(run, chan);
        return 0;
    }
    if (n < 0) {
        broken(run, chan, (int)-n);
        return 0;
    }
    total = pieces(spans, (size_t)n, ahead > 0 ? ahead - 1 : SIZE_MAX, iov);
    msg.msg_iovlen = (size_t)n;
    if (chan->discard)
        sent = (ssize_t)total;
    else if (ahead == 1)
        sent = urgent_give(chan, *(const uint8_t *)spans[0].data);
    else
        sent = sendmsg(chan->end, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
        chan->given += (size_t)sent;
        (void)ft_consume(run->stack, chan->sock, (size_t)sent);
        return (size_t)sent;
    }
    (void)ft_unpin(run->stack, chan->sock);
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
        chan->discard = !chan->end_hup; /* SHUT_RD: TCP takes what comes and throws it away */
    chan->end_out = false;
    return 0;
}

static size_t to_program(struct run *run, struct chan *chan)
{
    size_t moved = 0, n;

    while (moved < RUN_PUMP_MAX && chan->state == CHAN_CONNECTED && !chan->broken &&
           (chan->end_out || chan->discard) && !chan->eof_out && (n = give_chunk(run, chan)) > 0)
        moved += n;
    return moved;
}

/* --- the channel as a whole
 * ---------------------------------------------------------------------*/

/* A connection whose octets have all been passed on may fail without a read telling so. */
static void look_for_reset(struct run *run, struct chan *chan)
{
    uint32_t ready;
    int error = 0;
    socklen_t len = sizeof(error);

    if (chan->state != CHAN_CONNECTED || chan->broken)
        return;
    ready = ft_ready(run->stack, chan->sock);
    if (!(ready & FT_ERROR) || (!chan->eof_out && !chan->end_out))
        return;
    if (!chan->eof_out && give_chunk(run, chan) > 0)
        return;
    if (chan->broken ||
        ft_getsockopt(run->stack, chan->sock, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error == 0)
        return;
    broken(run, chan, error);
}

static void pump_stream(struct run *run, struct chan *chan)
{
    size_t moved = to_program(run, chan);

    moved += to_stack(run, chan);
    look_for_reset(run, chan);
    urgent_retry(run, chan);
    stream_retry(run, chan);
    if (chan->state != CHAN_CONNECTED)
        return;
    if (chan->broken)
        conversation_over(run, chan);
    else if (moved >= RUN_PUMP_MAX)
        chan_queue(run, chan);
}

void pump_chan(struct run *run, struct chan *chan)
{
    switch (chan->state) {
    case CHAN_CONNECTED:
        pump_stream(run, chan);
        break;
    case CHAN_CONNECTING:
        connect_progress(run, chan);
        break;
    case CHAN_LISTENING:
        accept_progress(run, chan);
        break;
    case CHAN_QUEUED:
        if (chan->end_hup && chan->listener)
            chan_bury(run, chan->listener, false); /* closed before this one was accepted */
        break;
    case CHAN_DATAGRAM:
        datagram_pump(run, chan);
        break;
    case CHAN_NEW:
    case CHAN_FAILED:
    case CHAN_STRAY:
    case CHAN_ZOMBIE:
        break;
    }
}

void pump_flush(struct run *run, struct chan *chan)
{
    if (chan->state == CHAN_CONNECTED && !chan->eof_in) {
        chan->end_in = true;
        (void)to_stack(run, chan);
    } else if (chan->state == CHAN_DATAGRAM) {
        datagram_flush(run, chan);
    }
}

void pump_work(struct run *run)
{
    struct chan_list work = TAILQ_HEAD_INITIALIZER(work);
    struct chan *chan;

    TAILQ_CONCAT(&work, &run->work, work_link);
    while ((chan = TAILQ_FIRST(&work))) {
        TAILQ_REMOVE(&work, chan, work_link);
        chan->queued = false;
        pump_chan(run, chan);
    }
    if (!TAILQ_EMPTY(&run->work))
        host_again(run->host);
}

void pump_ready(struct run *run, struct io *io, uint32_t events)
{
    struct chan *chan = (struct chan *)(void *)io;

    if (chan->end < 0)
        return; /* an event of an end that was closed in this round */
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        chan->end_in = true;
    if (events & EPOLLOUT)
        chan->end_out = true;
    if (events & EPOLLRDHUP)
        chan->end_rdhup = true;
    if (events & EPOLLHUP)
        chan->end_hup = chan->end_rdhup = true;
    chan_queue(run, chan);
}
