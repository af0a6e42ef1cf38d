/* SPDX-License-Identifier: MIT */
/*
 * Which stopped call goes where, and the short ones: socket, bind, getsockname, getpeername.
 *
 * The order is always the same: read the program's memory once, make sure that it still waits, act
 * on the copy, write results, answer. A descriptor that is none of ours is the kernel's business.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fourtuple/socket.h>

#include "priv.h"
#include "swap.h"
#include "untaken.h"

static int64_t give_carrier(struct call *call, struct chan *chan, int type_flags)
{
    struct run *run = call->run;
    bool cloexec = (type_flags & SOCK_CLOEXEC) != 0;
    int fd = chan->type == SOCK_STREAM ? carrier_new(run, chan) : datagram_open(run, chan);
    int rc;

    if (fd < 0) {
        chan_bury(run, chan, false);
        return fd;
    }
    rc = (type_flags & SOCK_NONBLOCK) && fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
    if (rc == 0)
        rc = notify_answer_fd(run, call->caller.id, fd, cloexec, chan);
    close(fd);
    if (rc == 0)
        return CALL_DONE;
    chan_bury(run, chan, false);
    return rc == -ENOENT ? CALL_DONE : rc;
}

static int64_t call_socket(struct call *call)
{
    int domain = (int)call->args[0], type = (int)call->args[1], protocol = (int)call->args[2];
    int flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct run *run = call->run;
    struct chan *chan;
    ft_sock sock;

    type &= ~flags;
    if (type < 0 || type > 10)
        return -EINVAL;
    if (type == SOCK_RAW)
        return -EPERM; /* as for a program without CAP_NET_RAW */
    sock = ft_socket(run->stack, domain, type, protocol);
    if (sock == -EMFILE || sock == -ENOBUFS) {
        chan_sweep(run, run_now());
        sock = ft_socket(run->stack, domain, type, protocol);
    }
    if (sock < 0)
        return sock == -EMFILE ? -ENFILE
                               : sock; /* it is our table that is full, not the program's */
    chan = chan_new(run, sock, domain, type);
    if (!chan) {
        (void)ft_close(run->stack, sock);
        return -ENOBUFS;
    }
    chan->tid = call->caller.tid;
    return give_carrier(call, chan, flags);
}

static int64_t call_bind(struct call *call)
{
    struct run *run = call->run;
    struct name name;
    int len = (int)call->args[2], rc;

    if (len < 0 || (size_t)len > sizeof(name.addr))
        return -EINVAL;
    memset(&name, 0, sizeof(name));
    rc = child_read(call->caller.tid, call->args[1], &name.addr, (size_t)len);
    if (rc < 0)
        return rc;
    if (!notify_valid(run, call->caller.id))
        return CALL_DONE;
    if (call->chan->state == CHAN_ZOMBIE)
        return -EINVAL;
    rc = ft_bind(run->stack, call->chan->sock, (struct sockaddr *)&name.addr, (socklen_t)len);
    if (rc == -EADDRINUSE) {
        /* Whoever had it may have closed it without our having noticed. */
        chan_sweep(run, run_now());
        rc = ft_bind(run->stack, call->chan->sock, (struct sockaddr *)&name.addr, (socklen_t)len);
    }
    return rc;
}

static int64_t call_name(struct call *call, bool peer)
{
    struct name name;
    int rc;

    if (peer && call->chan->state == CHAN_CONNECTING)
        return -ENOTCONN;
    rc = peer ? chan_peer(call->run, call->chan, &name) : chan_self(call->run, call->chan, &name);
    if (rc < 0)
        return rc;
    if (call->args[1] == 0)
        return -EFAULT;
    return child_write_name(&call->caller, call->args[1], call->args[2], &name);
}

/* A socket without a peer refuses, but its directions are shut all the same: as on Linux. */
static int64_t call_shutdown(struct call *call)
{
    int how = (int)call->args[1];
    struct name peer;
    enum chan_state state = call->chan->state;

    if (state == CHAN_LISTENING && (how == SHUT_RD || how == SHUT_RDWR))
        accept_shut(call->run, call->chan);
    /* One with octets for its SYN (TCP_FASTOPEN_CONNECT) has no peer in the stack yet. */
    if (state == CHAN_LISTENING || state == CHAN_CONNECTING || state == CHAN_CONNECTED ||
        how < SHUT_RD || how > SHUT_RDWR || chan_peer(call->run, call->chan, &peer) == 0)
        return CALL_NATIVE;
    (void)shutdown(call->handle, how); /* it cannot say more than the kernel's ENOTCONN */
    return -ENOTCONN;
}

static int64_t dispatch_on_socket(struct call *call)
{
    switch (call->nr) {
    case __NR_bind:
        return call_bind(call);
    case __NR_listen:
        return call_listen(call);
    case __NR_connect:
        return call_connect(call);
    case __NR_accept:
        return call_accept(call, 0);
    case __NR_accept4:
        return call_accept(call, (int)call->args[3]);
    case __NR_getsockname:
        return call_name(call, false);
    case __NR_getpeername:
        return call_name(call, true);
    case __NR_shutdown:
        return call_shutdown(call);
    case __NR_getsockopt:
        return call_getsockopt(call);
    case __NR_setsockopt:
        return call_setsockopt(call);
    case __NR_sendto:
        return call_sendto(call);
    case __NR_recvfrom:
        return call_recvfrom(call);
    case __NR_sendmsg:
    case __NR_sendmmsg:
    case __NR_recvmsg:
    case __NR_recvmmsg:
        return call_msg(call);
    case __NR_ioctl:
        return call_ioctl(call);
    default:
        return CALL_NATIVE;
    }
}

int64_t call_dispatch(struct call *call)
{
    int64_t value;
    int handle;

    if (call->nr == __NR_socket)
        return call_socket(call);
    handle = child_getfd(call->run, call->caller.tid, (int)call->args[0]);
    if (handle == -EMFILE || handle == -ENFILE)
        return -ENOBUFS; /* it may be ours: the kernel's answer would be another socket's */
    if (handle < 0)
        return CALL_NATIVE; /* the kernel says EBADF better than we do */
    call->handle = handle;
    call->chan = chan_find(call->run, handle);
    if (!call->chan)
        call->chan = swap_follow(call);
    if (!call->chan)
        call->chan = chan_forgotten(call->run, handle);
    if (!call->chan)
        return CALL_NATIVE;
    call->chan->tid = call->caller.tid;
    call->chan->fd = (int)call->args[0];
    if (untaken_give(call, &value))
        return value;
    /* What was sent, and closed, before this call comes before it. */
    pump_flush(call->run, call->chan);
    if (call->nr == __NR_bind || call->nr == __NR_listen || call->nr == __NR_connect)
        run_settle(call->run);
    return dispatch_on_socket(call);
}
