/* SPDX-License-Identifier: MIT */
/*
 * Descriptors. packetdrill closes those that a script leaves open by itself, so each is a real one:
 * a memfd that nobody reads.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "drill.h"

ssize_t drill_answer(ssize_t value)
{
    if (value >= 0)
        return value;
    errno = (int)-value;
    return -1;
}

int drill_file_new(struct drill *drill, enum drill_kind kind)
{
    int fd = memfd_create("fourtuple", MFD_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (fd >= DRILL_FDS_MAX) {
        close(fd);
        return -EMFILE;
    }
    free(drill->files[fd].watches); /* packetdrill may have closed it without telling */
    drill->files[fd] = (struct drill_file){.kind = kind, .sock = -1};
    return fd;
}

struct drill_file *drill_file(struct drill *drill, int fd, enum drill_kind kind)
{
    if (fd < 0 || fd >= DRILL_FDS_MAX || drill->files[fd].kind != kind)
        return NULL;
    return &drill->files[fd];
}

struct drill_file *drill_enter(struct drill *drill, int fd, enum drill_kind kind)
{
    pthread_mutex_lock(&drill->lock);
    drill_tune(drill);
    return drill_file(drill, fd, kind);
}

ssize_t drill_leave(struct drill *drill, ssize_t value)
{
    drill_done(drill);
    pthread_mutex_unlock(&drill->lock);
    return drill_answer(value);
}

/* SO_LINGER: close() waits until all is acknowledged, or for as long as was said. */
static void linger(struct drill *drill, struct drill_file *file)
{
    struct linger value = {0};
    socklen_t len = sizeof(value);
    struct ft_sock_info info;
    ft_time until;

    if (ft_getsockopt(drill->stack, file->sock, SOL_SOCKET, SO_LINGER, &value, &len) < 0 ||
        !value.l_onoff || value.l_linger == 0 || file->nonblock)
        return;
    if (ft_shutdown(drill->stack, file->sock, SHUT_RDWR) < 0)
        return;
    drill_settle(drill);
    until = drill->now + (ft_time)value.l_linger * FT_SEC;
    while (ft_sock_info(drill->stack, file->sock, &info) == 0 &&
           (info.state == FT_TCP_FIN_WAIT_1 || info.state == FT_TCP_CLOSING ||
            info.state == FT_TCP_LAST_ACK) &&
           drill_wait(drill, until))
        continue;
}

int drill_close(void *userdata, int fd)
{
    struct drill *drill = userdata;
    struct drill_file *file = drill_enter(drill, fd, DRILL_SOCKET);

    if (file) {
        linger(drill, file);
        (void)ft_close(drill->stack, file->sock);
        drill_settle(drill);
    }
    if (fd >= 0 && fd < DRILL_FDS_MAX) {
        free(drill->files[fd].watches);
        drill->files[fd] = (struct drill_file){0};
    }
    drill_done(drill);
    pthread_mutex_unlock(&drill->lock);
    return close(fd);
}

int drill_fcntl(void *userdata, int fd, int cmd, ...)
{
    struct drill *drill = userdata;
    struct drill_file *file;
    va_list args;
    long arg;

    va_start(args, cmd);
    arg = va_arg(args, long);
    va_end(args);
    file = drill_enter(drill, fd, DRILL_SOCKET);
    if (file && cmd == F_SETFL)
        file->nonblock = (arg & O_NONBLOCK) != 0;
    pthread_mutex_unlock(&drill->lock);
    if (file && cmd == F_GETFL)
        return O_RDWR | (file->nonblock ? O_NONBLOCK : 0);
    return file && cmd == F_SETFL ? 0 : fcntl(fd, cmd, arg);
}

/* Linux's three queues of a socket (tcp(7)). */
static int queue(struct drill *drill, const struct drill_file *file, unsigned long request,
                 int *ret)
{
    struct tcp_info tcp = {0};
    socklen_t len = sizeof(tcp);
    struct ft_sock_info info;
    int rc = ft_sock_info(drill->stack, file->sock, &info);

    if (rc < 0)
        return rc;
    if (info.state == FT_TCP_LISTEN)
        return -EINVAL;
    rc = ft_getsockopt(drill->stack, file->sock, IPPROTO_TCP, TCP_INFO, &tcp, &len);
    if (rc < 0)
        return rc;
    *ret = (int)(request == SIOCINQ    ? info.recv_q
                 : request == SIOCOUTQ ? info.send_q
                                       : tcp.tcpi_notsent_bytes);
    return 0;
}

int drill_ioctl(void *userdata, int fd, unsigned long request, ...)
{
    struct drill *drill = userdata;
    struct drill_file *file;
    va_list args;
    void *arg;
    int rc;

    va_start(args, request);
    arg = va_arg(args, void *);
    va_end(args);
    file = drill_enter(drill, fd, DRILL_SOCKET);
    if (!file) {
        rc = -EBADF;
    } else if (request == FIONBIO) {
        file->nonblock = *(int *)arg != 0;
        rc = 0;
    } else if (request == SIOCINQ || request == SIOCOUTQ || request == SIOCOUTQNSD) {
        rc = queue(drill, file, request, arg);
    } else {
        rc = -ENOTTY;
    }
    return (int)drill_leave(drill, rc);
}

int drill_pipe(void *userdata, int fds[2])
{
    (void)userdata;
    return pipe(fds);
}

/* From a socket into a pipe, or from a pipe into a socket. */
int drill_splice(void *userdata, int fd_in, loff_t *off_in, int fd_out, loff_t *off_out, size_t len,
                 unsigned int flags)
{
    struct drill *drill = userdata;
    struct drill_file *in = drill_file(drill, fd_in, DRILL_SOCKET);
    struct drill_file *out = drill_file(drill, fd_out, DRILL_SOCKET);
    static uint8_t buf[65536];
    struct iovec iov = {buf, len < sizeof(buf) ? len : sizeof(buf)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    int how = flags & SPLICE_F_NONBLOCK ? MSG_DONTWAIT : 0;
    ssize_t n;

    if (!in && !out)
        return (int)splice(fd_in, off_in, fd_out, off_out, len, flags);
    if (out) {
        n = read(fd_in, buf, iov.iov_len);
        if (n < 0)
            return -1;
        iov.iov_len = (size_t)n;
    }
    pthread_mutex_lock(&drill->lock);
    n = in ? drill_recv(drill, in, &msg, how) : drill_send(drill, out, &msg, how);
    drill_done(drill);
    pthread_mutex_unlock(&drill->lock);
    if (in && n > 0)
        n = write(fd_out, buf, (size_t)n);
    return (int)drill_answer(n);
}
