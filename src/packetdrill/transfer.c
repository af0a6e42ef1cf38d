/* SPDX-License-Identifier: MIT */
/*
 * The calls that move octets: eleven names for two things.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "drill.h"

static size_t total(const struct msghdr *msg)
{
    size_t len = 0;

    for (size_t i = 0; i < (size_t)msg->msg_iovlen; i++)
        len += msg->msg_iov[i].iov_len;
    return len;
}

/* What the kernel would find when it copies. */
static bool is_readable(const struct msghdr *msg)
{
    for (size_t i = 0; i < (size_t)msg->msg_iovlen; i++)
        if (msg->msg_iov[i].iov_len > 0 && !msg->msg_iov[i].iov_base)
            return false;
    return true;
}

static bool waits(const struct drill_file *file, int flags)
{
    return !file->nonblock && !(flags & MSG_DONTWAIT);
}

ssize_t drill_recv(struct drill *drill, struct drill_file *file, struct msghdr *msg, int flags)
{
    ft_time until = file->recv_timeout ? drill->now + file->recv_timeout : FT_TIME_NEVER;
    ssize_t n;

    if (!is_readable(msg))
        return -EFAULT;
    do
        n = ft_recvmsg(drill->stack, file->sock, msg, flags & ~MSG_DONTWAIT);
    while (n == -EAGAIN && waits(file, flags) && drill_wait(drill, until));
    if (n > 0)
        drill_settle(drill); /* a window may open */
    return n;
}

/* A call that sends may open as well (MSG_FASTOPEN, TCP_FASTOPEN_CONNECT): whoever waits, waits for
   the handshake. */
static bool is_closed(const struct drill *drill, const struct drill_file *file)
{
    struct ft_sock_info info;

    return file->type == SOCK_STREAM && ft_sock_info(drill->stack, file->sock, &info) == 0 &&
           info.state == FT_TCP_CLOSED;
}

/* Linux's stream knows of a writer who waits for the handshake with more than the SYN took: the ACK
   of the SYN-ACK goes with what follows, and the connection is taken for an interactive one. */
static void more_follows(struct drill *drill, const struct drill_file *file)
{
    int quick = 0;

    (void)ft_setsockopt(drill->stack, file->sock, IPPROTO_TCP, TCP_QUICKACK, &quick,
                        sizeof(quick)); /* a hint */
}

/* The first @n octets are sent: @msg is what is left of it, in @iov. */
static void skip(struct msghdr *msg, struct iovec *iov, size_t n)
{
    size_t i = 0;

    if (msg->msg_iov != iov)
        memcpy(iov, msg->msg_iov, msg->msg_iovlen * sizeof(*iov));
    msg->msg_iov = iov;
    for (; n > 0 && n >= iov[i].iov_len; i++)
        n -= iov[i].iov_len;
    msg->msg_iovlen -= i;
    memmove(iov, iov + i, msg->msg_iovlen * sizeof(*iov));
    if (n > 0) {
        iov->iov_base = (uint8_t *)iov->iov_base + n;
        iov->iov_len -= n;
    }
}

/* A stream takes all of it before a call that waits returns. */
ssize_t drill_send(struct drill *drill, struct drill_file *file, const struct msghdr *msg,
                   int flags)
{
    ft_time until = file->send_timeout ? drill->now + file->send_timeout : FT_TIME_NEVER;
    size_t len = total(msg), done = 0;
    struct iovec iov[DRILL_IOVS_MAX];
    struct msghdr rest = *msg;
    ssize_t n;

    if (!is_readable(msg))
        return -EFAULT;
    if (msg->msg_name && (flags & MSG_FASTOPEN))
        drill_need_source(drill, msg->msg_name, msg->msg_namelen);
    do {
        bool opens = is_closed(drill, file);

        n = ft_sendmsg(drill->stack, file->sock, &rest, flags & ~MSG_DONTWAIT);
        drill_settle(drill);
        flags &= ~MSG_FASTOPEN;
        if (opens && (n >= 0 || n == -EINPROGRESS) && waits(file, flags)) {
            int rc;

            if (n >= 0 && (size_t)n < len)
                more_follows(drill, file);
            rc = drill_finish_connect(drill, file);
            if (rc < 0)
                return rc;
            n = n < 0 ? 0 : n;
        }
        if (n >= 0)
            done += (size_t)n;
        if (n >= 0 &&
            (file->type != SOCK_STREAM || done == len || msg->msg_iovlen > DRILL_IOVS_MAX))
            return (ssize_t)done;
        if (n > 0)
            skip(&rest, iov, (size_t)n);
        if (n < 0 && n != -EAGAIN)
            return done > 0 ? (ssize_t)done : n;
    } while (waits(file, flags) && (n > 0 || drill_wait(drill, until)));
    return done > 0 ? (ssize_t)done : -EAGAIN;
}

static ssize_t call_recvmsg(void *userdata, int fd, struct msghdr *msg, int flags)
{
    struct drill *drill = userdata;
    struct drill_file *file = drill_enter(drill, fd, DRILL_SOCKET);
    ssize_t n = -EBADF;

    if (file)
        n = drill_recv(drill, file, msg, flags);
    return drill_leave(drill, n);
}

static ssize_t call_sendmsg(void *userdata, int fd, const struct msghdr *msg, int flags)
{
    struct drill *drill = userdata;
    struct drill_file *file = drill_enter(drill, fd, DRILL_SOCKET);
    ssize_t n = -EBADF;

    if (file)
        n = drill_send(drill, file, msg, flags);
    return drill_leave(drill, n);
}

static ssize_t call_recvfrom(void *userdata, int fd, void *buf, size_t len, int flags,
                             struct sockaddr *addr, socklen_t *addr_len)
{
    struct iovec iov = {buf, len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;

    msg.msg_name = addr;
    msg.msg_namelen = addr && addr_len ? *addr_len : 0;
    n = call_recvmsg(userdata, fd, &msg, flags);
    if (n >= 0 && addr_len)
        *addr_len = msg.msg_namelen;
    return n;
}

static ssize_t call_recv(void *userdata, int fd, void *buf, size_t len, int flags)
{
    return call_recvfrom(userdata, fd, buf, len, flags, NULL, NULL);
}

static ssize_t call_read(void *userdata, int fd, void *buf, size_t len)
{
    return call_recvfrom(userdata, fd, buf, len, 0, NULL, NULL);
}

static ssize_t call_readv(void *userdata, int fd, const struct iovec *iov, int n)
{
    struct iovec copy[16];
    struct msghdr msg = {.msg_iov = copy, .msg_iovlen = (size_t)n};

    if (n < 0 || n > (int)(sizeof(copy) / sizeof(copy[0])))
        return drill_answer(-EINVAL);
    memcpy(copy, iov, (size_t)n * sizeof(*iov));
    return call_recvmsg(userdata, fd, &msg, 0);
}

static ssize_t call_sendto(void *userdata, int fd, const void *buf, size_t len, int flags,
                           const struct sockaddr *addr, socklen_t addr_len)
{
    struct sockaddr_storage name;
    struct iovec iov = {0};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    memcpy(&iov.iov_base, &buf, sizeof(buf)); /* only read from */
    iov.iov_len = len;
    if (addr && addr_len > 0 && addr_len <= sizeof(name)) {
        memcpy(&name, addr, addr_len);
        msg.msg_name = &name;
        msg.msg_namelen = addr_len;
    }
    return call_sendmsg(userdata, fd, &msg, flags);
}

static ssize_t call_send(void *userdata, int fd, const void *buf, size_t len, int flags)
{
    return call_sendto(userdata, fd, buf, len, flags, NULL, 0);
}

static ssize_t call_write(void *userdata, int fd, const void *buf, size_t len)
{
    return call_sendto(userdata, fd, buf, len, 0, NULL, 0);
}

static ssize_t call_writev(void *userdata, int fd, const struct iovec *iov, int n)
{
    struct iovec copy[16];
    struct msghdr msg = {.msg_iov = copy, .msg_iovlen = (size_t)n};

    if (n < 0 || n > (int)(sizeof(copy) / sizeof(copy[0])))
        return drill_answer(-EINVAL);
    memcpy(copy, iov, (size_t)n * sizeof(*iov));
    return call_sendmsg(userdata, fd, &msg, 0);
}

void drill_set_transfer(struct packetdrill_interface *face)
{
    face->read = call_read;
    face->readv = call_readv;
    face->recv = call_recv;
    face->recvfrom = call_recvfrom;
    face->recvmsg = call_recvmsg;
    face->write = call_write;
    face->writev = call_writev;
    face->send = call_send;
    face->sendto = call_sendto;
    face->sendmsg = call_sendmsg;
}
