/* SPDX-License-Identifier: MIT */
/*
 * The file of a passive socket. A program holds as its passive socket a listener of the kernel's
 * own TCP, on the loopback of the supervisor's network namespace, where nobody else is: no octet
 * passes through it, and reads, writes, poll and shutdown are those of TCP because they are TCP's.
 * For each connection that waits to be accepted we connect to it (a *knock*), which makes it
 * readable; accept() itself stops, takes the knock away and answers with the true connection.
 *
 * The listener takes the place of the AF_UNIX socket that the program has had so far (swap.c). That
 * needs all copies of it to be in the process that calls listen(). Where another process has one
 * too, the AF_UNIX socket itself becomes the listener: then only its errors are those of AF_UNIX.
 *
 * Each has an address of its own, so that none is ever taken for one that was closed before.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "priv.h"
#include "swap.h"

#define PASSIVE_PORT   4000u
#define KNOCK_TIMEOUT  100   /* ms; a knock needs no more than some us */
#define PROCESSES_MAX  4096u /* of a run, that are looked at */
#define CHILDREN_MAX   4096u /* octets of a list of them */
#define ADDRESSES_MASK 0xffffffu

void passive_init(struct run *run)
{
    struct ifreq req = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    run->has_loopback = false;
    if (fd < 0)
        return;
    if (ioctl(fd, SIOCGIFFLAGS, &req) == 0) {
        req.ifr_flags |= IFF_UP;
        run->has_loopback = ioctl(fd, SIOCSIFFLAGS, &req) == 0;
    }
    close(fd);
}

static struct sockaddr_in name_of(const struct chan *listener)
{
    uint32_t host = INADDR_LOOPBACK & ~ADDRESSES_MASK;

    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons(PASSIVE_PORT),
        .sin_addr = {htonl(host | (listener->name_no & ADDRESSES_MASK))},
    };
}

/* --- who has the socket ------------------------------------------------------------------------*/

/* Whether a process has the socket among its descriptors, as far as can be seen. */
static bool may_have(pid_t pid, ino_t ino)
{
    char path[64];
    struct dirent *entry;
    bool found = false;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    dir = opendir(path);
    if (!dir)
        return errno != ENOENT && errno != ESRCH;
    while (!found && (entry = readdir(dir))) {
        struct stat st;

        found = entry->d_name[0] != '.' && fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 &&
                S_ISSOCK(st.st_mode) && st.st_ino == ino;
    }
    closedir(dir);
    return found;
}

static bool is_thread_of(pid_t pid, pid_t tid)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/task/%d", (int)pid, (int)tid);
    return access(path, F_OK) == 0;
}

/* Append the children of a thread. Return: false if there are too many, or they cannot be told. */
static bool add_children(pid_t pid, const char *tid, pid_t *pids, unsigned *n)
{
    char path[96], text[CHILDREN_MAX], *at = text, *end;
    ssize_t len;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/task/%s/children", (int)pid, tid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT && !is_thread_of(pid, (pid_t)atoi(tid)); /* it has ended */
    len = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (len < 0 || len == (ssize_t)sizeof(text) - 1)
        return len < 0 && errno == ESRCH;
    text[len] = '\0';
    for (;;) {
        long child = strtol(at, &end, 10);

        if (end == at)
            return true;
        at = end;
        if (*n == PROCESSES_MAX)
            return false;
        pids[(*n)++] = (pid_t)child;
    }
}

static bool add_children_of_all_threads(pid_t pid, pid_t *pids, unsigned *n)
{
    char path[64];
    struct dirent *entry;
    bool all = true;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    dir = opendir(path);
    if (!dir)
        return errno == ENOENT; /* it has ended; whom it leaves goes to the first process */
    while (all && (entry = readdir(dir)))
        all = entry->d_name[0] == '.' || add_children(pid, entry->d_name, pids, n);
    closedir(dir);
    return all;
}

/* Whether no process of the run but the one that calls may have the socket. */
static bool is_alone(const struct call *call, ino_t ino)
{
    pid_t *pids = calloc(PROCESSES_MAX, sizeof(*pids));
    unsigned n = 1;
    bool alone = pids != NULL && call->run->init > 0;

    if (alone)
        pids[0] = call->run->init;
    for (unsigned i = 0; alone && i < n; i++) {
        alone = add_children_of_all_threads(pids[i], pids, &n);
        if (alone && !is_thread_of(pids[i], call->caller.tid))
            alone = !may_have(pids[i], ino);
    }
    free(pids);
    return alone;
}

/* --- the listener ------------------------------------------------------------------------------*/

static int open_listener(struct call *call)
{
    struct sockaddr_in name = name_of(call->chan);
    struct linger reset = {1, 0}; /* of what is accepted, so that it leaves nothing behind */
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

    if (fd < 0)
        return -errno;
    rc = swap_prepare(call->handle, fd);
    if (rc == 0 &&
        (setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0 ||
         bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0 || listen(fd, RUN_BACKLOG_MAX) < 0))
        rc = -errno;
    if (rc < 0)
        close(fd);
    return rc < 0 ? rc : fd;
}

int passive_listen(struct call *call)
{
    struct chan *chan = call->chan;
    struct stat st;
    int fd;

    if (!call->run->has_loopback || fstat(call->handle, &st) < 0 || !is_alone(call, st.st_ino))
        return listen(call->handle, RUN_BACKLOG_MAX) < 0 ? -errno : 0;
    fd = open_listener(call);
    if (fd < 0)
        return listen(call->handle, RUN_BACKLOG_MAX) < 0 ? -errno : 0;
    if (swap_file(call, fd) < 0) {
        close(fd);
        return listen(call->handle, RUN_BACKLOG_MAX) < 0 ? -errno : 0;
    }
    chan->is_inet = true;
    chan->former = chan->cookie;
    call->run->has_passive = true;
    chan_set_cookie(call->run, chan, fd);
    close(call->handle);
    call->handle = fd;
    return 0;
}

bool passive_is_closed(struct run *run, const struct chan *listener)
{
    struct sockaddr_in name = name_of(listener);

    if (run->probe_inet < 0)
        run->probe_inet = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (run->probe_inet < 0 || bind(run->probe_inet, (struct sockaddr *)&name, sizeof(name)) < 0)
        return false;
    /* The probe has the name now; it is of no more use. */
    close(run->probe_inet);
    run->probe_inet = -1;
    return true;
}

/* --- knocks ------------------------------------------------------------------------------------*/

int passive_knock(const struct chan *listener)
{
    struct sockaddr_in name = name_of(listener);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = 0;
    socklen_t len = sizeof(error);

    if (fd < 0)
        return -errno;
    /* On the loopback all is over in a moment, most often before connect() returns. */
    if (connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0) {
        error = errno;
        if (error == EINPROGRESS && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
            error = errno;
    }
    if (error != 0)
        close(fd);
    if (error == ECONNRESET || error == EPIPE)
        error = ECONNREFUSED; /* the knock woke the program, which has closed it meanwhile */
    return error != 0 ? -error : fd;
}

int passive_answer_knock(int handle)
{
    struct pollfd pfd = {.fd = handle, .events = POLLIN};
    int fd;

    /* A knock may still be on its way, and a blocking accept would hold all of us up. */
    if (poll(&pfd, 1, KNOCK_TIMEOUT) <= 0)
        return -EAGAIN;
    fd = accept4(handle, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}
