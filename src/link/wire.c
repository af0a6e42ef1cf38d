/* SPDX-License-Identifier: MIT */
/*
 * The virtual wire's mesh. Each host has a socket in the directory of its wire, under a name that
 * sorts by age. Of two hosts the later one connects to the earlier: at its start to all that are
 * there, and by inotify should an earlier one show itself only afterwards. So there is exactly one
 * connection a pair, and a host that starts has all its connections before it sends a frame.
 *
 * A name becomes visible (rename) only when its socket listens already; so a refused connection
 * means that the host is dead, and the name is removed.
 */
#include "link/wire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "link/wire_priv.h"

#define EVENTS_AT_ONCE 64
#define RETRY_MS       100
#define SEND_BUFFER    (4 << 20)
#define OPEN_TRIES     20

static int watch_add(struct wire *wire, struct wire_watch *watch)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = watch};

    return epoll_ctl(wire->link.fd, EPOLL_CTL_ADD, watch->fd, &event) == 0 ? 0 : -errno;
}

/* A name in the directory as a socket address; by way of /proc when the path is too long. */
static int address_of(const struct wire *wire, const char *file, struct sockaddr_un *ret_sun)
{
    size_t room = sizeof(ret_sun->sun_path);
    int n;

    memset(ret_sun, 0, sizeof(*ret_sun));
    ret_sun->sun_family = AF_UNIX;
    n = snprintf(ret_sun->sun_path, room, "%s/%s", wire->dir, file);
    if (n >= 0 && (size_t)n < room)
        return 0;
    n = snprintf(ret_sun->sun_path, room, "/proc/self/fd/%d/%s", wire->dir_fd, file);
    return n >= 0 && (size_t)n < room ? 0 : -ENAMETOOLONG;
}

static bool is_wire_file(const char *file)
{
    return strlen(file) < WIRE_FILE_MAX && file[0] != '.';
}

/* --- peers ---------------------------------------------------------------------------------- */

static void widen(int fd)
{
    int size = SEND_BUFFER;

    /* A wish: what the kernel gives is what a pair can hold. */
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/* Takes a connected descriptor as a peer and greets it; closes it when that cannot be. */
static void peer_add(struct wire *wire, int fd, const char *file)
{
    struct wire_peer *peer = NULL;

    if (wire->n_peers < LINK_WIRE_PEERS_MAX)
        peer = calloc(1, sizeof(*peer));
    if (peer == NULL) {
        (void)close(fd); /* nothing was sent on it */
        return;
    }
    peer->watch.kind = WIRE_PEER;
    peer->watch.fd = fd;
    (void)snprintf(peer->file, sizeof(peer->file), "%s", file);
    widen(fd);
    if (send(fd, &wire->hello, sizeof(wire->hello), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ||
        watch_add(wire, &peer->watch) != 0) {
        (void)close(fd); /* the other end sees the end of it */
        free(peer);
        return;
    }
    wire->peers[wire->n_peers++] = peer;
}

static void peer_del(struct wire *wire, struct wire_peer *peer)
{
    size_t at = 0;

    while (wire->peers[at] != peer)
        at++;
    wire->n_peers--;
    memmove(&wire->peers[at], &wire->peers[at + 1], (wire->n_peers - at) * sizeof(peer));
    (void)close(peer->watch.fd); /* leaves the epoll by that, too */
    peer->dead = true;
    peer->next_dead = wire->dead;
    wire->dead = peer;
}

static void free_dead(struct wire *wire)
{
    while (wire->dead != NULL) {
        struct wire_peer *peer = wire->dead;

        wire->dead = peer->next_dead;
        free(peer);
    }
}

static bool is_connected(const struct wire *wire, const char *file)
{
    for (size_t i = 0; i < wire->n_peers; i++) {
        if (strcmp(wire->peers[i]->file, file) == 0)
            return true;
    }
    return false;
}

static void retry_later(struct wire *wire)
{
    struct itimerspec when = {.it_value = {.tv_nsec = RETRY_MS * 1000000L}};

    (void)timerfd_settime(wire->retry.fd, 0, &when, NULL); /* cannot fail with these arguments */
}

/* Sees to a name in the directory. An earlier host is connected to; a later one connects to us, and
   is only asked whether it is alive, at our start. */
static void meet(struct wire *wire, const char *file, bool starting)
{
    bool earlier = strcmp(file, wire->hello.file) < 0;
    struct sockaddr_un sun;
    int fd;

    if (!is_wire_file(file) || strcmp(file, wire->hello.file) == 0 || (!earlier && !starting) ||
        is_connected(wire, file) || address_of(wire, file, &sun) != 0)
        return;
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        retry_later(wire);
        return;
    }
    if (connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0) {
        if (earlier) {
            peer_add(wire, fd, file);
            return;
        }
    } else if (errno == ECONNREFUSED) {
        (void)unlinkat(wire->dir_fd, file, 0); /* another may have been faster */
    } else if (errno == EAGAIN && earlier) {
        retry_later(wire); /* it has not accepted those before us yet */
    }
    (void)close(fd); /* nothing was sent on it */
}

static void meet_all(struct wire *wire, bool starting)
{
    int fd = openat(wire->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd); /* was only read */
        retry_later(wire);
        return;
    }
    while ((entry = readdir(dir)) != NULL)
        meet(wire, entry->d_name, starting);
    (void)closedir(dir); /* was only read */
}

/* --- what happens on the wire's own descriptors ---------------------------------------------- */

static void on_listen(struct wire *wire)
{
    for (unsigned i = 0; i < LINK_WIRE_PEERS_MAX; i++) {
        int fd = accept4(wire->listen.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0)
            peer_add(wire, fd, "");
        else if (errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

static void on_inotify(struct wire *wire)
{
    _Alignas(struct inotify_event) char buffer[4096];
    ssize_t n;

    while ((n = read(wire->inotify.fd, buffer, sizeof(buffer))) > 0) {
        ssize_t at = 0;

        while (at < n) {
            const struct inotify_event *event = (const void *)(buffer + at);

            if ((event->mask & IN_Q_OVERFLOW) != 0)
                meet_all(wire, false);
            else if ((event->mask & IN_DELETE) != 0)
                wire->lost |= event->len > 0 && strcmp(event->name, wire->hello.file) == 0;
            else if (event->len > 0)
                meet(wire, event->name, false);
            at += (ssize_t)(sizeof(*event) + event->len);
        }
    }
}

static void on_retry(struct wire *wire)
{
    uint64_t n;

    if (read(wire->retry.fd, &n, sizeof(n)) > 0)
        meet_all(wire, false);
}

static int wire_recv(struct link *link, struct ft_frame *frames, size_t n)
{
    struct wire *wire = (struct wire *)link;
    struct epoll_event events[EVENTS_AT_ONCE];
    int n_events = epoll_wait(link->fd, events, EVENTS_AT_ONCE, 0);
    size_t total = 0, share;

    if (n_events < 0)
        return errno == EINTR ? 0 : -errno;
    /* Nobody may fill the whole batch while others wait. */
    share = n_events > 0 ? n / (size_t)n_events : 0;
    for (int i = 0; i < n_events && total < n; i++) {
        struct wire_watch *watch = events[i].data.ptr;
        size_t room = share == 0 ? 1 : share;
        int got;

        switch (watch->kind) {
        case WIRE_LISTEN:
            on_listen(wire);
            break;
        case WIRE_INOTIFY:
            on_inotify(wire);
            break;
        case WIRE_RETRY:
            on_retry(wire);
            break;
        case WIRE_PEER:
            if (((struct wire_peer *)watch)->dead)
                break;
            got = wire_peer_recv(wire, (struct wire_peer *)watch, frames + total, room);
            if (got < 0)
                peer_del(wire, (struct wire_peer *)watch);
            else
                total += (size_t)got;
            break;
        }
    }
    free_dead(wire);
    /* Nobody can find us any more, and nobody is left who had. */
    if (wire->lost && wire->n_peers == 0 && total == 0)
        return -ENOENT;
    return (int)total;
}

/* --- opening and closing ---------------------------------------------------------------------- */

static void close_fd(int fd)
{
    if (fd >= 0)
        (void)close(fd); /* holds nothing that could be lost */
}

static void wire_close(struct link *link)
{
    struct wire *wire = (struct wire *)link;

    if (wire->dir_fd >= 0 && wire->hello.file[0] != '\0') {
        (void)unlinkat(wire->dir_fd, wire->hello.file, 0); /* someone may have tidied up */
        (void)rmdir(wire->dir);                            /* only when nobody is left */
    }
    while (wire->n_peers > 0)
        peer_del(wire, wire->peers[wire->n_peers - 1]);
    free_dead(wire);
    close_fd(wire->listen.fd);
    close_fd(wire->inotify.fd);
    close_fd(wire->retry.fd);
    close_fd(wire->dir_fd);
    close_fd(wire->link.fd);
    free(wire->peers);
    free(wire);
}

static int make_hello(struct wire *wire, const struct link_wire_config *config)
{
    struct wire_hello *hello = &wire->hello;
    struct timespec now;
    uint32_t random;

    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return -errno;
    /* Time since boot goes the same way in all processes, suspended or not. */
    (void)clock_gettime(CLOCK_BOOTTIME, &now); /* always there */
    memset(hello, 0, sizeof(*hello));
    memcpy(hello->magic, "ft-wire", sizeof(hello->magic));
    hello->version = 1;
    memcpy(hello->mac, config->mac, sizeof(hello->mac));
    (void)snprintf(hello->file, sizeof(hello->file), "%011llx%08lx-%08x",
                   (unsigned long long)now.tv_sec, (unsigned long)now.tv_nsec, random);
    (void)snprintf(hello->host, sizeof(hello->host), "%s",
                   config->host == NULL ? "" : config->host);
    return 0;
}

/* Listens under a hidden name, then shows it. Hosts that leave remove an empty directory, so it may
   vanish until our name is in it. */
static int show(struct wire *wire)
{
    char hidden[WIRE_FILE_MAX + 1];
    struct sockaddr_un sun;
    int error;

    close_fd(wire->dir_fd);
    wire->dir_fd = open(wire->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (wire->dir_fd < 0)
        return -errno;
    (void)snprintf(hidden, sizeof(hidden), ".%s", wire->hello.file);
    error = address_of(wire, hidden, &sun);
    if (error != 0)
        return error;
    close_fd(wire->listen.fd);
    wire->listen.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (wire->listen.fd < 0 ||
        bind(wire->listen.fd, (const struct sockaddr *)&sun, sizeof(sun)) != 0)
        return -errno;
    if (listen(wire->listen.fd, LINK_WIRE_PEERS_MAX) != 0 ||
        inotify_add_watch(wire->inotify.fd, wire->dir, IN_MOVED_TO | IN_DELETE) < 0 ||
        renameat(wire->dir_fd, hidden, wire->dir_fd, wire->hello.file) != 0) {
        error = -errno;
        (void)unlinkat(wire->dir_fd, hidden, 0); /* was ours */
        return error;
    }
    return 0;
}

static int make_dir(struct wire *wire, const struct link_wire_config *config, char *err,
                    size_t err_len)
{
    size_t len = sizeof(wire->dir) - LINK_WIRE_NAME_MAX - WIRE_FILE_MAX;
    int error;

    if (config->base != NULL) {
        if (snprintf(wire->dir, len, "%s", config->base) >= (int)len)
            return -ENAMETOOLONG;
        error = link_wire_private_dir(wire->dir, err, err_len);
    } else {
        error = link_wire_base(wire->dir, len, err, err_len);
    }
    if (error != 0)
        return error;
    strcat(wire->dir, "/net");
    error = link_wire_private_dir(wire->dir, err, err_len);
    if (error != 0)
        return error;
    strcat(wire->dir, "/");
    strncat(wire->dir, config->net, LINK_WIRE_NAME_MAX);
    return link_wire_private_dir(wire->dir, err, err_len);
}

static int plug_in(struct wire *wire, const struct link_wire_config *config, char *err,
                   size_t err_len)
{
    int error = make_hello(wire, config);

    for (unsigned i = 0; i < OPEN_TRIES && error == 0; i++) {
        error = make_dir(wire, config, err, err_len);
        if (error != 0)
            return error;
        error = show(wire);
        if (error != -ENOENT)
            break;
        error = i + 1 < OPEN_TRIES ? 0 : -ENOENT;
    }
    if (error == 0)
        error = watch_add(wire, &wire->listen);
    if (error == 0)
        error = watch_add(wire, &wire->inotify);
    if (error == 0)
        error = watch_add(wire, &wire->retry);
    if (error != 0)
        (void)snprintf(err, err_len, "cannot join the wire in %s: %s", wire->dir, strerror(-error));
    return error;
}

static bool is_net_name(const char *net)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "._-";
    size_t len = strlen(net);

    return len >= 1 && len <= LINK_WIRE_NAME_MAX && strspn(net, allowed) == len && net[0] != '.';
}

int link_wire_open(const struct link_wire_config *config, struct link **ret_link, char *ret_err,
                   size_t err_len)
{
    static const struct link_ops ops = {wire_recv, wire_send, wire_close};
    struct wire *wire = calloc(1, sizeof(*wire));
    int error;

    if (wire == NULL)
        return -ENOMEM;
    wire->link = (struct link){.ops = &ops, .type = FT_IF_ETHER, .mtu = 1500, .kind = "wire"};
    wire->link.frame_max = 65535 + LINK_ETHER_HEADER;
    wire->dir_fd = -1;
    wire->listen = (struct wire_watch){WIRE_LISTEN, -1};
    wire->inotify = (struct wire_watch){WIRE_INOTIFY, inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
    wire->retry = (struct wire_watch){WIRE_RETRY,
                                      timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)};
    wire->link.fd = epoll_create1(EPOLL_CLOEXEC);
    wire->peers = calloc(LINK_WIRE_PEERS_MAX, sizeof(struct wire_peer *));
    error = !is_net_name(config->net) ? -EINVAL : 0;
    if (wire->inotify.fd < 0 || wire->retry.fd < 0 || wire->link.fd < 0 || wire->peers == NULL)
        error = -EMFILE;
    if (error != 0)
        (void)snprintf(ret_err, err_len, "cannot join a wire: %s", strerror(-error));
    else
        error = plug_in(wire, config, ret_err, err_len);
    if (error != 0) {
        wire_close(&wire->link);
        return error;
    }
    meet_all(wire, true);
    *ret_link = &wire->link;
    return 0;
}

size_t link_wire_peers(const struct link *link, struct link_wire_peer *ret_peers, size_t n)
{
    const struct wire *wire = (const struct wire *)link;

    for (size_t i = 0; i < wire->n_peers && i < n; i++)
        ret_peers[i] = wire->peers[i]->info;
    return wire->n_peers;
}

bool link_wire_is_double(const struct link *link)
{
    const struct wire *wire = (const struct wire *)link;

    for (size_t i = 0; i < wire->n_peers; i++) {
        const struct wire_peer *peer = wire->peers[i];

        if (peer->greeted && memcmp(peer->info.mac, wire->hello.mac, 6) == 0 &&
            strcmp(peer->file, wire->hello.file) < 0)
            return true;
    }
    return false;
}
