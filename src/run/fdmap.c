/* SPDX-License-Identifier: MIT */
/*
 * Which channel a descriptor is, and how long a channel lives.
 *
 * A descriptor is known by its socket's cookie (SO_COOKIE), which stays the same across dup, fork,
 * exec and SCM_RIGHTS. A channel with a stack's end learns by that end that the program is gone.
 * One without (new, failed or passive) cannot: but its program's end bears a name, and a name that
 * can be bound again belongs to nobody any more. Those are probed now and then (the sweep). So are
 * datagram sockets, whose two ends do not tell each other.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/sockios.h>

#include <fourtuple/socket.h>

#include "priv.h"

/* The kept octet holds all of the piece that it came in, up to 64 KiB by sendfile(2), and the
   kernel calls a socket writable when at most a quarter of its buffer (twice this) is held. */
#define CARRIER_BUFFER 212992

#define SWEEP_CHEAP    64u          /* so many probes cost less than the call that asks for them */
#define SWEEP_MIN      (10 * FT_MS) /* else at most this often */
#define SWEEP_BATCH    4096u        /* probes in one sweep */

static size_t slot_of(const struct run *run, uint64_t cookie)
{
    return (size_t)(cookie * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (run->map_len - 1);
}

static int map_grow(struct run *run)
{
    size_t len = run->map_len ? run->map_len * 2 : RUN_MAP_MIN, old_len = run->map_len;
    struct chan **map = calloc(len, sizeof(struct chan *)), **old = run->map;

    if (!map)
        return -ENOMEM;
    run->map = map;
    run->map_len = len;
    for (size_t i = 0; i < old_len; i++) {
        struct chan *chan, *next;

        for (chan = old[i]; chan; chan = next) {
            struct chan **slot = &run->map[slot_of(run, chan->cookie)];

            next = chan->map_next;
            chan->map_next = *slot;
            *slot = chan;
        }
    }
    free(old);
    return 0;
}

static void map_remove(struct run *run, struct chan *chan)
{
    struct chan **at;

    if (chan->cookie == 0)
        return;
    for (at = &run->map[slot_of(run, chan->cookie)]; *at; at = &(*at)->map_next) {
        if (*at == chan) {
            *at = chan->map_next;
            run->n_map--;
            break;
        }
    }
    chan->cookie = 0;
}

uint64_t chan_cookie(int handle)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof(cookie);

    return getsockopt(handle, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0 ? 0 : cookie;
}

struct chan *chan_new(struct run *run, ft_sock sock, int domain, int type)
{
    struct chan *chan;

    if (run->n_map >= run->map_len && map_grow(run) < 0)
        return NULL;
    chan = calloc(1, sizeof(*chan));
    if (!chan)
        return NULL;
    chan->io.ready = pump_ready;
    chan->sock = sock;
    chan->end = chan->watch = -1;
    chan->domain = domain;
    chan->type = type;
    chan->state = CHAN_NEW;
    TAILQ_INIT(&chan->pending);
    run->n_chans++;
    return chan;
}

void chan_set_cookie(struct run *run, struct chan *chan, int program_end)
{
    struct chan **slot;

    map_remove(run, chan);
    chan->cookie = chan_cookie(program_end);
    slot = &run->map[slot_of(run, chan->cookie)];
    chan->map_next = *slot;
    *slot = chan;
    run->n_map++;
}

struct chan *chan_find(const struct run *run, int handle)
{
    uint64_t cookie = chan_cookie(handle);
    struct chan *chan;

    if (cookie == 0 || run->map_len == 0)
        return NULL;
    for (chan = run->map[slot_of(run, cookie)]; chan; chan = chan->map_next) {
        if (chan->cookie == cookie)
            return chan;
    }
    return NULL;
}

static void set_unwatched(struct run *run, struct chan *chan, bool unwatched)
{
    if (chan->unwatched == unwatched)
        return;
    chan->unwatched = unwatched;
    if (unwatched)
        TAILQ_INSERT_TAIL(&run->unwatched, chan, unwatched_link);
    else
        TAILQ_REMOVE(&run->unwatched, chan, unwatched_link);
}

int chan_set_end(struct run *run, struct chan *chan, int end)
{
    int rc = run_watch(run, end, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, &chan->io);
    int on = 1;

    if (rc < 0)
        return rc;
    /* A process that has the descriptor and is not in the run may send urgent octets natively. */
    if (chan->type == SOCK_STREAM)
        (void)setsockopt(end, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
    set_unwatched(run, chan, chan->type != SOCK_STREAM);
    chan->end = end;
    chan->end_in = chan->end_out = true;
    chan->end_hup = chan->end_rdhup = false;
    return 0;
}

void chan_drop_end(struct run *run, struct chan *chan)
{
    if (chan->end < 0)
        return;
    (void)epoll_ctl(run->epoll, EPOLL_CTL_DEL, chan->end, NULL);
    close(chan->end);
    chan->end = -1;
    chan->end_in = chan->end_out = false;
    if (chan->name_no != 0 && chan->state != CHAN_ZOMBIE)
        set_unwatched(run, chan, true);
}

static void remember_names(struct run *run, struct chan *chan)
{
    if (chan_self(run, chan, &chan->self) < 0)
        chan->self.len = 0;
    if (chan_peer(run, chan, &chan->peer) < 0)
        chan->peer.len = 0;
}

struct chan *chan_forgotten(struct run *run, int handle)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (!run->has_forgotten || getsockopt(handle, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ||
        peer.pid != getpid())
        return NULL;
    run->forgotten = (struct chan){.sock = -1,
                                   .end = -1,
                                   .watch = -1,
                                   .domain = AF_INET,
                                   .type = SOCK_STREAM,
                                   .state = CHAN_ZOMBIE};
    return &run->forgotten;
}

static void forget_oldest_zombie(struct run *run)
{
    struct chan *oldest = TAILQ_FIRST(&run->zombies);

    run->has_forgotten = true;
    TAILQ_REMOVE(&run->zombies, oldest, accept_link);
    run->n_zombies--;
    map_remove(run, oldest);
    TAILQ_INSERT_TAIL(&run->grave, oldest, accept_link);
}

/* Those that wait in the queue of a listener that is gone may be the next one's, or nobody's. */
static void empty_queue(struct run *run, struct chan *listener, bool abort)
{
    struct chan *chan;

    while ((chan = TAILQ_FIRST(&listener->pending))) {
        TAILQ_REMOVE(&listener->pending, chan, accept_link);
        listener->n_pending--;
        chan->listener = NULL;
        if (abort)
            chan_bury(run, chan, true);
        else
            stray_keep(run, chan, &listener->self);
    }
}

static void leave_listening(struct run *run, struct chan *listener, bool abort)
{
    abort = abort || run->ended;
    empty_queue(run, listener, abort);
    if (!abort)
        accept_strays(run, listener);
}

static void let_go_of_calls(struct run *run, struct chan *chan)
{
    held_answer_all(run, chan, HELD_ACCEPT, -EINVAL);
    held_answer_all(run, chan, HELD_CONNECT, -ECONNABORTED);
    held_answer_all(run, chan, HELD_SEND, -EPIPE);
}

void chan_bury(struct run *run, struct chan *chan, bool abort)
{
    if (chan->state == CHAN_ZOMBIE)
        return;
    remember_names(run, chan);
    /* A reset leaves no peer, nor do FINs of both sides. */
    if (chan->type == SOCK_STREAM && (abort || chan->eof_out))
        chan->peer.len = 0;
    let_go_of_calls(run, chan);
    if (chan->queued) {
        TAILQ_REMOVE(&run->work, chan, work_link);
        chan->queued = false;
    }
    if (chan->listener) {
        TAILQ_REMOVE(&chan->listener->pending, chan, accept_link);
        chan->listener->n_pending--;
        chan->listener = NULL;
    }
    close_unwatch(run, chan);
    if (chan->state == CHAN_LISTENING)
        leave_listening(run, chan, abort);
    /* Neither can fail on a descriptor that is ours. */
    if (abort)
        (void)ft_abort(run->stack, chan->sock);
    else
        (void)ft_close(run->stack, chan->sock);
    chan->sock = -1;
    chan->state = CHAN_ZOMBIE;
    chan_drop_end(run, chan);
    set_unwatched(run, chan, false);
    if (chan->type == SOCK_STREAM)
        stream_retry(run, chan); /* they read what is left, and how it ended */
    held_answer_all(run, chan, HELD_RECVFROM, -EBADF);
    free(chan->records);
    chan->records = NULL;
    free(chan->sources);
    chan->sources = NULL;
    run->n_chans--;
    TAILQ_INSERT_TAIL(&run->zombies, chan, accept_link);
    if (++run->n_zombies > RUN_ZOMBIES_MAX)
        forget_oldest_zombie(run);
}

/* Nobody holds the program's end any more. */
static void abandoned(struct run *run, struct chan *chan)
{
    if (chan->state == CHAN_DATAGRAM)
        datagram_closed(run, chan);
    else
        chan_bury(run, chan, false);
}

void chan_closed(struct run *run, int watch)
{
    struct chan *chan;

    TAILQ_FOREACH(chan, &run->unwatched, unwatched_link)
    {
        if (chan->watch == watch) {
            chan->watch = -1;
            abandoned(run, chan);
            return;
        }
    }
}

void chan_empty_grave(struct run *run)
{
    struct chan *chan, *next;

    for (chan = TAILQ_FIRST(&run->grave); chan; chan = next) {
        next = TAILQ_NEXT(chan, accept_link);
        if (chan->n_held > 0)
            continue;
        TAILQ_REMOVE(&run->grave, chan, accept_link);
        free(chan);
    }
}

/* Octets that were given to the program and not read. */
static uint32_t unread_by_program(struct run *run, const struct chan *chan)
{
    int in_use = 0, octets = -1, handle;

    if (ioctl(chan->end, SIOCOUTQ, &in_use) < 0 || in_use <= 0)
        return 0;
    if (chan->type != SOCK_STREAM)
        return (uint32_t)in_use; /* with what the kernel needs for each, as Linux tells it */
    handle = child_getfd(run, chan->tid, chan->fd);
    if (handle >= 0) {
        if (chan_find(run, handle) == chan && ioctl(handle, SIOCINQ, &octets) < 0)
            octets = -1;
        close(handle);
    }
    if (octets >= 0)
        return (uint32_t)octets;
    /* Who has it now is not known: as much as it can be. */
    return (uint64_t)in_use < chan->given ? (uint32_t)in_use : (uint32_t)chan->given;
}

void chan_add_queued(struct run *run, struct chan *chan, uint32_t *recv_q, uint32_t *send_q)
{
    if (chan->state == CHAN_LISTENING)
        *recv_q += chan->n_pending;
    if (chan->state == CHAN_CONNECTED)
        *send_q += (uint32_t)chan_unread(chan);
    if (chan->state == CHAN_CONNECTED || chan->state == CHAN_DATAGRAM)
        *recv_q += unread_by_program(run, chan);
}

void chan_queue(struct run *run, struct chan *chan)
{
    if (chan->queued || chan->state == CHAN_ZOMBIE)
        return;
    chan->queued = true;
    TAILQ_INSERT_TAIL(&run->work, chan, work_link);
}

int chan_self(struct run *run, const struct chan *chan, struct name *ret)
{
    if (chan->state == CHAN_ZOMBIE) {
        *ret = chan->self;
        return chan->self.len ? 0 : -EINVAL;
    }
    memset(ret, 0, sizeof(*ret));
    ret->len = sizeof(ret->addr);
    return ft_getsockname(run->stack, chan->sock, (struct sockaddr *)&ret->addr, &ret->len);
}

int chan_peer(struct run *run, const struct chan *chan, struct name *ret)
{
    if (chan->state == CHAN_ZOMBIE) {
        *ret = chan->peer;
        return chan->peer.len ? 0 : -ENOTCONN;
    }
    memset(ret, 0, sizeof(*ret));
    ret->len = sizeof(ret->addr);
    return ft_getpeername(run->stack, chan->sock, (struct sockaddr *)&ret->addr, &ret->len);
}

/* --- names and the sweep ----------------------------------------------------------------------*/

socklen_t carrier_name(const struct run *run, uint32_t no, struct sockaddr_un *ret)
{
    int n;

    memset(ret, 0, sizeof(*ret));
    ret->sun_family = AF_UNIX;
    n = snprintf(ret->sun_path + 1, sizeof(ret->sun_path) - 1, "%016llx.%x",
                 (unsigned long long)run->hub_key, no);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

void carrier_prepare(int program_end)
{
    int octets = CARRIER_BUFFER, on = 1;

    /* Cut to net.core.wmem_max, which by default is just this. */
    (void)setsockopt(program_end, SOL_SOCKET, SO_SNDBUF, &octets, sizeof(octets));
    /* Fails only where urgent octets do not exist. */
    (void)setsockopt(program_end, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
}

int carrier_new(struct run *run, struct chan *chan)
{
    struct sockaddr_un name;
    socklen_t len;
    int fd = socket(AF_UNIX, chan->type | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (chan->type == SOCK_STREAM)
        carrier_prepare(fd);
    chan->name_no = ++run->n_names;
    len = carrier_name(run, chan->name_no, &name);
    if (bind(fd, (struct sockaddr *)&name, len) < 0) {
        int error = errno;

        close(fd);
        return -error;
    }
    chan_set_cookie(run, chan, fd);
    if (chan->end < 0)
        set_unwatched(run, chan, true);
    return fd;
}

/* Whether nobody holds the program's end any more. */
static bool is_abandoned(struct run *run, const struct chan *chan)
{
    struct sockaddr_un name;
    socklen_t len = carrier_name(run, chan->name_no, &name);

    if (chan->is_inet)
        return passive_is_closed(run, chan);
    if (chan->state == CHAN_DATAGRAM)
        return datagram_is_closed(run, chan);
    if (bind(run->probe, (struct sockaddr *)&name, len) < 0)
        return false;
    /* The probe has the name now; it is of no more use. */
    close(run->probe);
    run->probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return true;
}

void chan_sweep(struct run *run, ft_time now)
{
    struct chan *chan, *next, *last;
    unsigned n = 0;

    run->swept_at = now;
    if (run->probe < 0)
        run->probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    last = TAILQ_LAST(&run->unwatched, chan_list);
    for (chan = TAILQ_FIRST(&run->unwatched); chan && run->probe >= 0; chan = next) {
        next = chan == last || ++n >= SWEEP_BATCH ? NULL : TAILQ_NEXT(chan, unwatched_link);
        if (is_abandoned(run, chan)) {
            abandoned(run, chan);
        } else {
            /* The next sweep begins with those that this one does not reach. */
            TAILQ_REMOVE(&run->unwatched, chan, unwatched_link);
            TAILQ_INSERT_TAIL(&run->unwatched, chan, unwatched_link);
        }
    }
}

void chan_sweep_soon(struct run *run)
{
    const struct chan *chan;
    ft_time now = run_now();
    unsigned n = 0;

    TAILQ_FOREACH(chan, &run->unwatched, unwatched_link)
    {
        if (++n > SWEEP_CHEAP)
            break;
    }
    if (n <= SWEEP_CHEAP || now >= run->swept_at + SWEEP_MIN)
        chan_sweep(run, now);
}
