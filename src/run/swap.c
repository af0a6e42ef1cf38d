/* SPDX-License-Identifier: MIT */
/*
 * Another file under the descriptors of the program. An AF_UNIX socket that was connected once can
 * never be connected again, where a TCP socket whose connect failed can: then the program gets a
 * new one in place of the old, under every descriptor that its process has of it, and the
 * registrations of the old one in epolls are made anew for the new one.
 *
 * No file can be put into a process that does not call: copies in other processes follow at the
 * first call about them that stops.
 *
 * A registration is a pair of a file and a number. So that the program finds it again (epoll_ctl
 * with the same descriptor), it is made by a child of ours that has the file under that number.
 */
#include "swap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "priv.h"

#define SWAP_FDS_MAX  16u  /* descriptors of one socket in one process */
#define SWAP_REGS_MAX 16u  /* registrations of it */
#define LINE_MAX_LEN  256u /* of a line in fdinfo */

struct registration {
    int epoll;  /* a handle */
    int number; /* the program's descriptor that it was made with */
    struct epoll_event event;
};

struct swap {
    pid_t tid;
    ino_t old; /* the socket that goes */
    int fds[SWAP_FDS_MAX];
    struct registration regs[SWAP_REGS_MAX];
    unsigned n_fds, n_regs;
};

static bool is_epoll(int dir, const char *name)
{
    char target[32];
    ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

    if (n < 0)
        return false;
    target[n] = '\0';
    return strcmp(target, "anon_inode:[eventpoll]") == 0;
}

/* The lines of an epoll's fdinfo that are about the socket. */
static void read_registrations(struct run *run, struct swap *swap, int fd)
{
    char path[64], line[LINE_MAX_LEN];
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)swap->tid, fd);
    file = fopen(path, "re");
    if (!file)
        return;
    while (swap->n_regs < SWAP_REGS_MAX && fgets(line, sizeof(line), file)) {
        struct registration *reg = &swap->regs[swap->n_regs];
        unsigned long long data, ino;
        unsigned int events;

        if (sscanf(line, "tfd: %d events: %x data: %llx pos:%*d ino:%llx", &reg->number, &events,
                   &data, &ino) != 4 ||
            ino != swap->old)
            continue;
        reg->event.events = events;
        reg->event.data.u64 = data;
        reg->epoll = child_getfd(run, swap->tid, fd);
        if (reg->epoll >= 0)
            swap->n_regs++;
    }
    fclose(file);
}

/* Look through the descriptors of the process. */
static void look(struct run *run, struct swap *swap)
{
    char path[64];
    struct dirent *entry;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)swap->tid);
    dir = opendir(path);
    if (!dir)
        return;
    while ((entry = readdir(dir))) {
        struct stat st;
        int fd = atoi(entry->d_name);

        if (entry->d_name[0] == '.' || fstatat(dirfd(dir), entry->d_name, &st, 0) < 0)
            continue;
        if (S_ISSOCK(st.st_mode) && st.st_ino == swap->old && swap->n_fds < SWAP_FDS_MAX)
            swap->fds[swap->n_fds++] = fd;
        else if ((st.st_mode & S_IFMT) == 0 && is_epoll(dirfd(dir), entry->d_name))
            read_registrations(run, swap, fd);
    }
    closedir(dir);
}

/* In the child: all descriptors are its own copies. */
static void register_one(const struct registration *reg, int file)
{
    struct epoll_event event = reg->event;
    int epoll = fcntl(reg->epoll, F_DUPFD, reg->number + 1);
    int copy = fcntl(file, F_DUPFD, reg->number + 1);

    if (epoll >= 0 && copy >= 0 && dup2(copy, reg->number) >= 0)
        (void)epoll_ctl(epoll, EPOLL_CTL_ADD, reg->number, &event);
    (void)close(epoll);
    (void)close(copy);
}

/* Other descriptors of ours may be in the way of the numbers, so each has a child of its own. */
static void register_all(const struct swap *swap, int file)
{
    for (unsigned i = 0; i < swap->n_regs; i++) {
        pid_t child = fork();

        if (child == 0) {
            register_one(&swap->regs[i], file);
            _exit(0);
        }
        while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
            ;
        close(swap->regs[i].epoll);
    }
}

static void copy_option(int from, int to, int name)
{
    struct timeval value; /* the largest of them */
    socklen_t len = sizeof(value);

    if (getsockopt(from, SOL_SOCKET, name, &value, &len) == 0)
        (void)setsockopt(to, SOL_SOCKET, name, &value, len); /* it was good for the old one */
}

void swap_options(int from, int to)
{
    static const int native[] = {SO_RCVTIMEO, SO_SNDTIMEO, SO_RCVLOWAT};

    for (size_t i = 0; i < sizeof(native) / sizeof(native[0]); i++)
        copy_option(from, to, native[i]);
}

int swap_prepare(int from, int to)
{
    swap_options(from, to);
    if (fcntl(from, F_GETFL) & O_NONBLOCK && fcntl(to, F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    return 0;
}

/* Whether a descriptor is still the socket that goes. */
static bool is_old(const struct call *call, const struct swap *swap, int fd)
{
    int handle = child_getfd(call->run, call->caller.tid, fd);
    struct stat st;
    bool is;

    if (handle < 0)
        return false;
    is = fstat(handle, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_ino == swap->old;
    close(handle);
    return is;
}

/* Other threads close descriptors, and use their numbers again, while we look through them. */
static int replace(struct call *call, const struct swap *swap, int fd, int file)
{
    bool cloexec = child_cloexec(call->caller.tid, fd);

    if (!is_old(call, swap, fd))
        return -EBADF;
    return notify_replace_fd(call->run, call->caller.id, file, fd, cloexec);
}

int swap_file(struct call *call, int file)
{
    struct swap swap = {.tid = call->caller.tid};
    int fd = (int)call->args[0], rc;
    struct stat st;

    if (fstat(call->handle, &st) < 0)
        return -errno;
    swap.old = st.st_ino;
    look(call->run, &swap);
    register_all(&swap, file);
    rc = replace(call, &swap, fd, file);
    if (rc == -EBADF)
        rc = 0; /* another thread has closed it: the copies are the socket */
    for (unsigned i = 0; i < swap.n_fds && rc == 0; i++) {
        /* Can fail only when nobody waits for the call any more; the first one counts. */
        if (swap.fds[i] != fd)
            (void)replace(call, &swap, swap.fds[i], file);
    }
    return rc;
}

/* --- copies that stayed behind
 * ------------------------------------------------------------------*/

static struct chan *formerly(const struct run *run, uint64_t cookie)
{
    struct chan *chan;

    TAILQ_FOREACH(chan, &run->unwatched, unwatched_link)
    {
        if (chan->former == cookie)
            return chan;
    }
    for (size_t i = 0; run->has_renewed && i < run->map_len; i++) {
        for (chan = run->map[i]; chan; chan = chan->map_next) {
            if (chan->former == cookie)
                return chan;
        }
    }
    return NULL;
}

/* A handle of the file that a channel has now, of the one who named it last. */
static int handle_of(struct run *run, const struct chan *chan)
{
    int handle = child_getfd(run, chan->tid, chan->fd);

    if (handle >= 0 && chan_find(run, handle) == chan)
        return handle;
    if (handle >= 0)
        close(handle);
    return -EBADF;
}

struct chan *swap_follow(struct call *call)
{
    struct run *run = call->run;
    uint64_t cookie = run->has_passive || run->has_renewed ? chan_cookie(call->handle) : 0;
    struct chan *chan = cookie != 0 ? formerly(run, cookie) : NULL;
    int handle = chan ? handle_of(run, chan) : -EBADF;

    if (handle < 0)
        return NULL;
    (void)swap_file(call, handle); /* else it is tried again at the next call */
    close(call->handle);
    call->handle = handle;
    return chan;
}
