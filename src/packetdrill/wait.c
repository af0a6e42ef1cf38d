/* SPDX-License-Identifier: MIT */
/*
 * poll and epoll, out of what ft_ready() says of each socket, and edges out of what ft_events()
 * tells.
 */
#include <errno.h>
#include <stdlib.h>

#include "drill.h"

/* poll(2)'s bits, which are epoll's too. */
static uint32_t ready(struct drill *drill, int fd)
{
    const struct drill_file *file = drill_file(drill, fd, DRILL_SOCKET);

    return file ? ft_ready(drill->stack, file->sock) : (uint32_t)POLLNVAL;
}

static ft_time deadline(const struct drill *drill, int timeout_ms)
{
    return timeout_ms < 0 ? FT_TIME_NEVER : drill->now + (ft_time)timeout_ms * FT_MS;
}

static int look(struct drill *drill, struct pollfd *fds, nfds_t n)
{
    int n_ready = 0;

    for (nfds_t i = 0; i < n; i++) {
        uint32_t always = POLLERR | POLLHUP | POLLNVAL;

        fds[i].revents = 0;
        if (fds[i].fd < 0)
            continue;
        fds[i].revents =
            (short)(ready(drill, fds[i].fd) & ((uint32_t)(uint16_t)fds[i].events | always));
        n_ready += fds[i].revents != 0;
    }
    return n_ready;
}

static int call_poll(void *userdata, struct pollfd *fds, nfds_t n, int timeout)
{
    struct drill *drill = userdata;
    ft_time until;
    int n_ready;

    pthread_mutex_lock(&drill->lock);
    until = deadline(drill, timeout);
    do
        n_ready = look(drill, fds, n);
    while (n_ready == 0 && timeout != 0 && drill_wait(drill, until));
    drill_done(drill);
    pthread_mutex_unlock(&drill->lock);
    return n_ready;
}

static int call_epoll_create(void *userdata, int size)
{
    struct drill *drill = userdata;
    struct drill_watch *watches;
    int fd;

    if (size <= 0)
        return (int)drill_answer(-EINVAL);
    pthread_mutex_lock(&drill->lock);
    fd = drill_file_new(drill, DRILL_EPOLL);
    watches = fd < 0 ? NULL : calloc(DRILL_WATCHES_MAX, sizeof(*watches));
    if (fd >= 0 && !watches)
        abort();
    for (int i = 0; watches && i < DRILL_WATCHES_MAX; i++)
        watches[i].fd = -1;
    if (fd >= 0)
        drill->files[fd].watches = watches;
    return (int)drill_leave(drill, fd);
}

/* The watch of a descriptor, or with -1 a free one. */
static struct drill_watch *watch_of(const struct drill_file *file, int fd)
{
    for (int i = 0; i < DRILL_WATCHES_MAX; i++)
        if (file->watches[i].fd == fd)
            return &file->watches[i];
    return NULL;
}

static int control(const struct drill *drill, const struct drill_file *file, int op, int fd,
                   const struct epoll_event *event)
{
    struct drill_watch *watch = watch_of(file, fd);

    if (op == EPOLL_CTL_ADD ? watch != NULL : watch == NULL)
        return op == EPOLL_CTL_ADD ? -EEXIST : -ENOENT;
    if (op == EPOLL_CTL_DEL) {
        watch->fd = -1;
        return 0;
    }
    if (op == EPOLL_CTL_ADD)
        watch = watch_of(file, -1);
    if (!watch)
        return -ENOSPC;
    *watch = (struct drill_watch){.fd = fd, .event = *event};
    watch->seen = drill_edges(&drill->files[fd], event->events) - 1; /* what is so now is news */
    return 0;
}

static int call_epoll_ctl(void *userdata, int epfd, int op, int fd, struct epoll_event *event)
{
    struct drill *drill = userdata;
    const struct drill_file *file = drill_enter(drill, epfd, DRILL_EPOLL);
    int rc = -EBADF;

    if (file && drill_file(drill, fd, DRILL_SOCKET))
        rc = control(drill, file, op, fd, event);
    return (int)drill_leave(drill, rc);
}

static uint32_t news(struct drill *drill, struct drill_watch *watch)
{
    uint32_t bits = ready(drill, watch->fd) & (watch->event.events | EPOLLERR | EPOLLHUP);
    uint32_t new = bits;

    if (watch->spent)
        return 0;
    if (watch->event.events & EPOLLET) {
        uint32_t edges = drill_edges(&drill->files[watch->fd], watch->event.events);

        new = edges != watch->seen ? bits : 0;
        watch->seen = edges;
    }
    if (new && (watch->event.events & EPOLLONESHOT))
        watch->spent = true;
    return new;
}

static int harvest(struct drill *drill, const struct drill_file *file, struct epoll_event *events,
                   int n)
{
    int done = 0;

    for (int i = 0; i < DRILL_WATCHES_MAX && done < n; i++) {
        struct drill_watch *watch = &file->watches[i];
        uint32_t bits = watch->fd < 0 ? 0 : news(drill, watch);

        if (bits)
            events[done++] = (struct epoll_event){.events = bits, .data = watch->event.data};
    }
    return done;
}

static int call_epoll_wait(void *userdata, int epfd, struct epoll_event *events, int n, int timeout)
{
    struct drill *drill = userdata;
    const struct drill_file *file = drill_enter(drill, epfd, DRILL_EPOLL);
    ft_time until;
    int rc = -EBADF;

    until = deadline(drill, timeout);
    while (file) {
        rc = n <= 0 ? -EINVAL : harvest(drill, file, events, n);
        if (rc != 0 || timeout == 0 || !drill_wait(drill, until))
            break;
    }
    return (int)drill_leave(drill, rc);
}

void drill_set_wait(struct packetdrill_interface *face)
{
    face->poll = call_poll;
    face->epoll_create = call_epoll_create;
    face->epoll_ctl = call_epoll_ctl;
    face->epoll_wait = call_epoll_wait;
}
