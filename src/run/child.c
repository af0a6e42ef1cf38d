/* SPDX-License-Identifier: MIT */
/*
 * The program's processes as seen from outside: their memory and their descriptors.
 *
 * One pidfd a thread is cached (PIDFD_THREAD, Linux 6.9; before, the pidfd of its process). It also
 * tells when the thread has ended, which is when its sockets may have gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "priv.h"
#include "untaken.h"

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

static void evict(struct pidfd *slot)
{
    close(slot->fd); /* the last duplicate: epoll forgets it too */
    slot->tid = 0;
    slot->fd = -1;
}

/* A thread has ended: what it alone held is closed. */
static void thread_ended(struct run *run, struct io *io, uint32_t events)
{
    struct pidfd *slot = (struct pidfd *)(void *)((char *)io - offsetof(struct pidfd, io));

    (void)events;
    if (slot->tid != 0)
        evict(slot);
    chan_sweep_soon(run);
}

/* The number after KEY in a file of /proc, -1 if there is none. */
static long proc_number(const char *path, const char *key, int base)
{
    char text[2048];
    const char *at;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -1;
    n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0)
        return -1;
    text[n] = '\0';
    at = strstr(text, key);
    return at ? strtol(at + strlen(key), NULL, base) : -1;
}

static int open_pidfd(pid_t tid)
{
    char path[64];
    long tgid;
    int fd = (int)syscall(SYS_pidfd_open, tid, PIDFD_THREAD);

    if (fd >= 0 || errno != EINVAL)
        return fd < 0 ? -errno : fd;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
    tgid = proc_number(path, "\nTgid:", 10);
    if (tgid <= 0)
        return -ESRCH;
    fd = (int)syscall(SYS_pidfd_open, (pid_t)tgid, 0);
    return fd < 0 ? -errno : fd;
}

static int pidfd_of(struct run *run, pid_t tid)
{
    struct pidfd *slot = &run->pidfds[(uint32_t)tid % RUN_PIDFDS];
    int fd;

    if (slot->tid == tid)
        return slot->fd;
    fd = open_pidfd(tid);
    if (fd < 0)
        return fd;
    if (slot->tid != 0)
        evict(slot);
    slot->io.ready = thread_ended;
    slot->tid = tid;
    slot->fd = fd;
    (void)run_watch(run, fd, EPOLLIN | EPOLLET, &slot->io); /* without, the timer sweeps */
    return fd;
}

static void evict_all(struct run *run)
{
    for (size_t i = 0; i < RUN_PIDFDS; i++) {
        if (run->pidfds[i].tid != 0)
            evict(&run->pidfds[i]);
    }
}

int child_getfd(struct run *run, pid_t tid, int fd)
{
    struct pidfd *slot = &run->pidfds[(uint32_t)tid % RUN_PIDFDS];

    for (unsigned attempt = 0; attempt < 2; attempt++) {
        int pidfd = pidfd_of(run, tid), handle;

        if (pidfd == -EMFILE && attempt == 0) {
            evict_all(run); /* they are only a convenience */
            continue;
        }
        if (pidfd < 0)
            return pidfd;
        handle = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
        if (handle >= 0)
            return handle;
        if (errno == EMFILE && attempt == 0) {
            evict_all(run);
            continue;
        }
        if (errno != ESRCH)
            return -errno;
        if (slot->tid == tid)
            evict(slot); /* the number belongs to a new thread now */
    }
    return -ESRCH;
}

int child_read(pid_t tid, uint64_t from, void *ret, size_t len)
{
    struct iovec local = {ret, len};
    struct iovec remote = {(void *)(uintptr_t)from, len};

    if (len == 0)
        return 0;
    return process_vm_readv(tid, &local, 1, &remote, 1, 0) == (ssize_t)len ? 0 : -EFAULT;
}

int child_write_pieces(const struct caller *to, const struct iovec *local, size_t n_local,
                       const struct iovec *remote, size_t n_remote)
{
    ssize_t len = 0;

    for (size_t i = 0; i < n_local; i++)
        len += (ssize_t)local[i].iov_len;
    if (len == 0)
        return 0;
    untaken_note(to, local, n_local, remote, n_remote);
    if (!notify_valid(to->run, to->id))
        return -ESRCH;
    return process_vm_writev(to->tid, local, n_local, remote, n_remote, 0) == len ? 0 : -EFAULT;
}

int child_write(const struct caller *to, uint64_t at, const void *data, size_t len)
{
    struct iovec local = {(void *)(uintptr_t)data, len};
    struct iovec remote = {(void *)(uintptr_t)at, len};

    return child_write_pieces(to, &local, 1, &remote, 1);
}

int child_write_value(const struct caller *to, uint64_t at, const void *data, size_t len,
                      uint64_t len_at, size_t told)
{
    int value = (int)told;
    struct iovec local[] = {{(void *)(uintptr_t)data, len}, {&value, sizeof(value)}};
    struct iovec remote[] = {{(void *)(uintptr_t)at, len},
                             {(void *)(uintptr_t)len_at, sizeof(value)}};

    return child_write_pieces(to, local, 2, remote, 2);
}

int child_write_name(const struct caller *to, uint64_t addr, uint64_t len_ptr,
                     const struct name *name)
{
    int room, rc;

    if (addr == 0)
        return 0;
    rc = child_read(to->tid, len_ptr, &room, sizeof(room));
    if (rc < 0)
        return rc;
    if (room < 0)
        return -EINVAL;
    return child_write_value(to, addr, &name->addr,
                             (size_t)room < name->len ? (size_t)room : (size_t)name->len, len_ptr,
                             name->len);
}

bool child_catches(pid_t tid, int signal)
{
    char path[64];
    long caught;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
    caught = proc_number(path, "\nSigCgt:", 16);
    return caught > 0 && (caught >> (signal - 1) & 1);
}

bool child_cloexec(pid_t tid, int fd)
{
    char path[64];
    long flags;

    snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)tid, fd);
    flags = proc_number(path, "flags:", 8);
    return flags > 0 && (flags & O_CLOEXEC);
}
