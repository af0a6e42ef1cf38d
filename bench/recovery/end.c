/* SPDX-License-Identifier: MIT */
/*
 * What both kinds of ends say to the process that runs the emulator.
 */
#include "end.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/socket.h>

void end_die(const char *what, int error)
{
    fprintf(stderr, "recovery: %s: %s\n", what, strerror(error));
    _exit(1);
}

void end_must(int64_t answer, const char *what)
{
    if (answer < 0)
        end_die(what, (int)-answer);
}

ft_time end_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* always there */
    return (ft_time)now.tv_sec * FT_SEC + (ft_time)now.tv_nsec;
}

struct timespec end_wait(ft_time until)
{
    ft_time now = end_now(), wait = until > now ? until - now : 0;

    return (struct timespec){.tv_sec = (time_t)(wait / FT_SEC), .tv_nsec = (long)(wait % FT_SEC)};
}

union rights {
    struct cmsghdr header;
    char octets[CMSG_SPACE(sizeof(int))];
};

struct end_span end_ready(int control, int fd)
{
    char octet = 'r';
    struct iovec iov = {&octet, 1};
    union rights rights = {.octets = {0}};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    struct end_span span;

    if (fd >= 0) {
        message.msg_control = &rights;
        message.msg_controllen = sizeof(rights);
        rights.header = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&rights.header), &fd, sizeof(fd));
    }
    if (sendmsg(control, &message, 0) != 1)
        end_die("an end cannot say that it is ready", errno);
    if (read(control, &span, sizeof(span)) != sizeof(span))
        _exit(1); /* the other side has given up, and has said why */
    return span;
}

int end_await(int control)
{
    char octet;
    struct iovec iov = {&octet, 1};
    union rights rights = {.octets = {0}};
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof(rights)};
    int fd;

    if (recvmsg(control, &message, MSG_CMSG_CLOEXEC) != 1)
        exit(1); /* the end has said why */
    if (CMSG_FIRSTHDR(&message) == NULL)
        return -1;
    memcpy(&fd, CMSG_DATA(&rights.header), sizeof(fd));
    return fd;
}

void end_tell(int control, const struct end_result *result)
{
    char octet;

    if (write(control, result, sizeof(*result)) != sizeof(*result))
        end_die("an end cannot give its result", errno);
    (void)read(control, &octet, 1); /* until it is closed */
    _exit(0);
}
