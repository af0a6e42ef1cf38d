/* SPDX-License-Identifier: MIT */
/*
 * The calls that make and name sockets, and their options.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/time.h>

#include "drill.h"

/* The address of a name, if it is a specific one. */
static bool specific(const struct sockaddr *addr, socklen_t len, struct ft_addr *ret)
{
    struct sockaddr_in sin;
    struct sockaddr_in6 sin6;

    if (len >= sizeof(sin) && addr->sa_family == AF_INET) {
        memcpy(&sin, addr, sizeof(sin));
        *ret = (struct ft_addr){.lo = UINT64_C(0xffff) << 32 | ntohl(sin.sin_addr.s_addr)};
        return sin.sin_addr.s_addr != INADDR_ANY;
    }
    if (len < sizeof(sin6) || addr->sa_family != AF_INET6)
        return false;
    memcpy(&sin6, addr, sizeof(sin6));
    *ret = (struct ft_addr){0};
    for (unsigned i = 0; i < 8; i++) {
        ret->hi = ret->hi << 8 | sin6.sin6_addr.s6_addr[i];
        ret->lo = ret->lo << 8 | sin6.sin6_addr.s6_addr[8 + i];
    }
    return !IN6_IS_ADDR_UNSPECIFIED(&sin6.sin6_addr);
}

static int make(struct drill *drill, ft_sock sock, int type)
{
    int fd;

    if (sock < 0)
        return (int)sock;
    fd = drill_file_new(drill, DRILL_SOCKET);
    if (fd < 0) {
        (void)ft_close(drill->stack, sock);
        return fd;
    }
    drill->files[fd].sock = sock;
    drill->files[fd].type = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    drill->files[fd].nonblock = (type & SOCK_NONBLOCK) != 0;
    (void)ft_watch(drill->stack, sock,
                   FT_READABLE | FT_WRITABLE | FT_URGENT | FT_RDHUP | FT_ERROR | FT_HANGUP,
                   (void *)(uintptr_t)fd); /* an open socket: it cannot fail */
    return fd;
}

static int call_socket(void *userdata, int domain, int type, int protocol)
{
    struct drill *drill = userdata;
    ft_sock sock;
    int rc;

    pthread_mutex_lock(&drill->lock);
    rc = drill_need_stack(drill);
    if (rc == 0) {
        sock = ft_socket(drill->stack, domain, type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC), protocol);
        rc = make(drill, sock, type);
        if (rc >= 0)
            drill_apply_sysctls(drill, sock);
    }
    return (int)drill_leave(drill, rc);
}

static int call_bind(void *userdata, int fd, const struct sockaddr *addr, socklen_t len)
{
    struct drill *drill = userdata;
    struct drill_file *file = drill_enter(drill, fd, DRILL_SOCKET);
    struct ft_addr own;
    int rc = -EBADF;

    if (file && specific(addr, len, &own))
        drill_need_addr(drill, &own);
    if (file)
        rc = ft_bind(drill->stack, file->sock, addr, len);
    return (int)drill_leave(drill, rc);
}

static int call_listen(void *userdata, int fd, int backlog)
{
    struct drill *drill = userdata;
    struct drill_file *file = drill_enter(drill, fd, DRILL_SOCKET);
    int rc = -EBADF;

    if (file)
        rc = ft_listen(drill->stack, file->sock, backlog);
    return (int)drill_leave(drill, rc);
}

static ft_time deadline(const struct drill *drill, ft_time timeout)
{
    return timeout ? drill->now + timeout : FT_TIME_NEVER;
}

static int call_accept(void *userdata, int fd, struct sockaddr *addr, socklen_t *len)
{
    struct drill *drill = userdata;
    struct drill_file *file = drill_enter(drill, fd, DRILL_SOCKET);
    ft_sock sock = -EBADF;
    ft_time until;
    int rc;

    until = file ? deadline(drill, file->recv_timeout) : 0;
    while (file) {
        sock = ft_accept(drill->stack, file->sock, addr, len);
        if (sock != -EAGAIN || file->nonblock || !drill_wait(drill, until))
            break;
    }
    rc = make(drill, sock, SOCK_STREAM);
    return (int)drill_leave(drill, rc);
}

/* Of a connection that is unbound packetdrill learns the local address by the SYN: any will do. */
void drill_need_source(struct drill *drill, const struct sockaddr *addr, socklen_t len)
{
    struct ft_addr to;
    struct ft_addr own = {.lo = UINT64_C(0xffff) << 32 | 0xc0a80001};

    if (!specific(addr, len, &to))
        return;
    if (to.hi != 0 || to.lo >> 32 != 0xffff)
        own = (struct ft_addr){.hi = UINT64_C(0xfd3d0a0b17d60000), .lo = 1};
    drill_need_addr(drill, &own);
}

int drill_finish_connect(struct drill *drill, struct drill_file *file)
{
    ft_time until = deadline(drill, file->send_timeout);
    socklen_t len = sizeof(int);
    int error = 0;

    while (!(ft_ready(drill->stack, file->sock) & (FT_WRITABLE | FT_ERROR | FT_HANGUP)))
        if (!drill_wait(drill, until))
            return -EINPROGRESS;
    (void)ft_getsockopt(drill->stack, file->sock, SOL_SOCKET, SO_ERROR, &error, &len);
    return -error;
}

static int call_connect(void *userdata, int fd, const struct sockaddr *addr, socklen_t len)
{
    struct drill *drill = userdata;
    struct drill_file *file = drill_enter(drill, fd, DRILL_SOCKET);
    int rc = -EBADF;

    if (file) {
        drill_need_source(drill, addr, len);
        rc = ft_connect(drill->stack, file->sock, addr, len);
        drill_settle(drill);
        if (rc == -EINPROGRESS && !file->nonblock)
            rc = drill_finish_connect(drill, file);
    }
    return (int)drill_leave(drill, rc);
}

static int call_shutdown(void *userdata, int fd, int how)
{
    struct drill *drill = userdata;
    struct drill_file *file = drill_enter(drill, fd, DRILL_SOCKET);
    int rc = -EBADF;

    if (file) {
        rc = ft_shutdown(drill->stack, file->sock, how);
        drill_settle(drill);
    }
    return (int)drill_leave(drill, rc);
}

/* ---- options --------------------------------------------------------------------------------- */

static int call_getsockopt(void *userdata, int fd, int level, int name, void *value, socklen_t *len)
{
    struct drill *drill = userdata;
    struct drill_file *file = drill_enter(drill, fd, DRILL_SOCKET);
    int rc = -EBADF;

    if (file)
        rc = ft_getsockopt(drill->stack, file->sock, level, name, value, len);
    return (int)drill_leave(drill, rc);
}

/* SO_RCVTIMEO and SO_SNDTIMEO are about waiting, which the stack never does. */
static bool own_option(struct drill_file *file, int level, int name, const void *value,
                       socklen_t len)
{
    struct timeval tv;
    ft_time t;

    if (level != SOL_SOCKET || (name != SO_RCVTIMEO && name != SO_SNDTIMEO) || len < sizeof(tv))
        return false;
    memcpy(&tv, value, sizeof(tv));
    t = (ft_time)tv.tv_sec * FT_SEC + (ft_time)tv.tv_usec * FT_US;
    if (name == SO_RCVTIMEO)
        file->recv_timeout = t;
    else
        file->send_timeout = t;
    return true;
}

static int call_setsockopt(void *userdata, int fd, int level, int name, const void *value,
                           socklen_t len)
{
    struct drill *drill = userdata;
    struct drill_file *file = drill_enter(drill, fd, DRILL_SOCKET);
    int rc = -EBADF;

    if (file && own_option(file, level, name, value, len)) {
        rc = 0;
    } else if (file) {
        rc = ft_setsockopt(drill->stack, file->sock, level, name, value, len);
        drill_settle(drill); /* TCP_CORK, TCP_NODELAY and others send */
    }
    return (int)drill_leave(drill, rc);
}

void drill_set_calls(struct packetdrill_interface *face)
{
    face->socket = call_socket;
    face->bind = call_bind;
    face->listen = call_listen;
    face->accept = call_accept;
    face->connect = call_connect;
    face->shutdown = call_shutdown;
    face->getsockopt = call_getsockopt;
    face->setsockopt = call_setsockopt;
}
