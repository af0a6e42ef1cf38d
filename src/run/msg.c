/* SPDX-License-Identifier: MIT */
/*
 * sendmsg, recvmsg and their plural forms on datagram sockets. On all other sockets the kernel does
 * them, for a stream carries no addresses; save urgent octets.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <fourtuple/socket.h>

#include "priv.h"

#define MESSAGES_MAX 64u   /* datagrams of one sendmmsg; fewer than asked for is a good answer */
#define CONTROL_MAX  4096u /* octets of control messages of one that is sent */

/* The pieces of a message in the program's memory. Return: how many, or -errno. */
static int read_iov(pid_t tid, const struct msghdr *msg, struct iovec *ret_iov)
{
    int rc;

    if (msg->msg_iovlen > IOV_MAX)
        return -EMSGSIZE;
    rc = child_read(tid, (uint64_t)(uintptr_t)msg->msg_iov, ret_iov,
                    msg->msg_iovlen * sizeof(struct iovec));
    return rc < 0 ? rc : (int)msg->msg_iovlen;
}

/* Cut the pieces to @max octets in all. Return: the octets they have. */
static size_t cut(struct iovec *iov, int n, size_t max)
{
    size_t total = 0;

    for (int i = 0; i < n; i++) {
        if (iov[i].iov_len > max - total)
            iov[i].iov_len = max - total;
        total += iov[i].iov_len;
    }
    return total;
}

/* --- receive ----------------------------------------------------------------------------------*/

static int write_pieces(struct run *run, const struct want *want, const struct msghdr *msg,
                        size_t len, size_t *ret_written)
{
    struct iovec iov[IOV_MAX], local = {run->scratch, 0};
    int n = read_iov(want->to.tid, msg, iov);

    if (n < 0)
        return n;
    local.iov_len = cut(iov, n, len);
    *ret_written = local.iov_len;
    return child_write_pieces(&want->to, &local, 1, iov, (size_t)n);
}

static int write_name_and_control(const struct want *want, struct msghdr *msg,
                                  const struct source *from)
{
    size_t name_len = msg->msg_namelen < from->addr_len ? msg->msg_namelen : from->addr_len;
    int rc = 0;

    if (msg->msg_name)
        rc = child_write(&want->to, (uint64_t)(uintptr_t)msg->msg_name, &from->addr, name_len);
    msg->msg_namelen = from->addr_len;
    if (rc < 0)
        return rc;
    msg->msg_flags = want->flags & (MSG_OOB | MSG_ERRQUEUE);
    if (!msg->msg_control || msg->msg_controllen < from->control_len) {
        msg->msg_flags |= from->control_len > 0 ? MSG_CTRUNC : 0;
        msg->msg_controllen = 0;
        return 0;
    }
    msg->msg_controllen = from->control_len;
    return child_write(&want->to, (uint64_t)(uintptr_t)msg->msg_control, from->control,
                       from->control_len);
}

int64_t msg_deliver(struct run *run, const struct want *want, const struct source *from, size_t len)
{
    struct msghdr msg;
    size_t written = 0;
    unsigned int got;
    int rc = child_read(want->to.tid, want->msg, &msg, sizeof(msg));

    if (rc == 0)
        rc = write_pieces(run, want, &msg, len, &written);
    if (rc == 0)
        rc = write_name_and_control(want, &msg, from);
    if (rc < 0)
        return rc;
    if (written < len)
        msg.msg_flags |= MSG_TRUNC;
    rc = child_write(&want->to, want->msg, &msg, sizeof(msg));
    if (!want->is_mmsg)
        return rc < 0 ? rc : (int64_t)(want->flags & MSG_TRUNC ? len : written);
    got = (unsigned int)(want->flags & MSG_TRUNC ? len : written);
    if (rc == 0)
        rc = child_write(&want->to, want->msg + offsetof(struct mmsghdr, msg_len), &got,
                         sizeof(got));
    return rc < 0 ? rc : 1;
}

static int64_t receive_one(struct call *call)
{
    struct want want = {
        .to = call->caller, .msg = call->args[1], .flags = (int)call->args[2] & ~MSG_OOB};

    return want.flags & MSG_ERRQUEUE ? errors_receive(call, &want) : datagram_receive(call, &want);
}

/* As many as are there; waits for the first only, with or without MSG_WAITFORONE: those taken by
   then would be lost if a signal came while it waits for the rest. */
static int64_t receive_many(struct call *call)
{
    struct want want = {.to = call->caller,
                        .msg = call->args[1],
                        .is_mmsg = true,
                        .flags = (int)call->args[3] & ~MSG_OOB};
    uint32_t max = (uint32_t)call->args[2], n = 0;
    int64_t value = 0;

    while (n < max && n < MESSAGES_MAX) {
        value =
            want.flags & MSG_ERRQUEUE ? errors_receive(call, &want) : datagram_receive(call, &want);
        if (value == CALL_DONE || value < 0)
            break;
        n++;
        want.flags |= MSG_DONTWAIT;
        want.msg += sizeof(struct mmsghdr);
    }
    return n > 0 ? (int64_t)n : value;
}

/* --- send -------------------------------------------------------------------------------------*/

/* The pieces of what a send carries. Return: how many, or -errno. */
static int want_iov(const struct want *want, struct iovec *ret_iov)
{
    struct msghdr msg;
    int rc;

    if (want->msg == 0) {
        ret_iov[0] = (struct iovec){(void *)(uintptr_t)want->buf, (size_t)want->len};
        return 1;
    }
    rc = child_read(want->to.tid, want->msg, &msg, sizeof(msg));
    return rc < 0 ? rc : read_iov(want->to.tid, &msg, ret_iov);
}

int64_t want_len(const struct want *want)
{
    struct iovec iov[IOV_MAX];
    int n = want_iov(want, iov);

    return n < 0 ? n : (int64_t)cut(iov, n, INT_MAX);
}

ssize_t want_gather(struct run *run, const struct want *want, uint64_t skip)
{
    struct iovec iov[IOV_MAX], local = {run->scratch, 0};
    int n = want_iov(want, iov);

    if (n < 0)
        return n;
    for (int i = 0; i < n; i++) {
        size_t part = iov[i].iov_len < skip ? iov[i].iov_len : (size_t)skip;

        iov[i].iov_base = (uint8_t *)iov[i].iov_base + part;
        iov[i].iov_len -= part;
        skip -= part;
    }
    local.iov_len = cut(iov, n, RUN_SCRATCH_LEN);
    if (local.iov_len == 0)
        return 0;
    return process_vm_readv(want->to.tid, &local, 1, iov, (unsigned long)n, 0) ==
                   (ssize_t)local.iov_len
               ? (ssize_t)local.iov_len
               : -EFAULT;
}

int64_t want_sent(const struct want *want, int64_t value)
{
    unsigned int len = (unsigned int)value;

    if (value < 0 || !want->is_mmsg)
        return value;
    /* -ESRCH: nobody waits, but it is sent: untaken.c has what is to be written. */
    if (child_write(&want->to, want->msg + offsetof(struct mmsghdr, msg_len), &len, sizeof(len)) ==
        -EFAULT)
        return -EFAULT;
    return 1;
}

/* Send the datagram of a struct msghdr in the program's memory. Return: its octets, or -errno. */
static int64_t send_one(struct call *call, uint64_t at, int flags)
{
    struct run *run = call->run;
    struct iovec iov[IOV_MAX], local = {run->scratch, 0};
    struct msghdr msg;
    struct name to;
    uint8_t control[CONTROL_MAX];
    int n, rc = child_read(call->caller.tid, at, &msg, sizeof(msg));
    ssize_t sent;

    if (rc < 0 || (rc = n = read_iov(call->caller.tid, &msg, iov)) < 0)
        return rc;
    local.iov_len = cut(iov, n, RUN_SCRATCH_LEN);
    if (local.iov_len > 65535)
        return -EMSGSIZE;
    if (local.iov_len > 0 && process_vm_readv(call->caller.tid, &local, 1, iov, (unsigned long)n,
                                              0) != (ssize_t)local.iov_len)
        return -EFAULT;
    if (msg.msg_namelen > sizeof(to.addr))
        return -EINVAL;
    if (msg.msg_control && msg.msg_controllen > sizeof(control))
        return -ENOBUFS;
    memset(&to, 0, sizeof(to));
    if (msg.msg_name)
        rc = child_read(call->caller.tid, (uint64_t)(uintptr_t)msg.msg_name, &to.addr,
                        msg.msg_namelen);
    if (rc >= 0 && msg.msg_control)
        rc = child_read(call->caller.tid, (uint64_t)(uintptr_t)msg.msg_control, control,
                        msg.msg_controllen);
    if (rc < 0)
        return rc;
    if (!notify_valid(run, call->caller.id))
        return CALL_DONE;
    msg.msg_name = msg.msg_name ? &to.addr : NULL;
    msg.msg_control = msg.msg_control ? control : NULL;
    msg.msg_iov = &local;
    msg.msg_iovlen = 1;
    sent = ft_sendmsg(run->stack, call->chan->sock, &msg, flags & ~MSG_DONTWAIT);
    return sent == -EAGAIN ? (int64_t)local.iov_len : sent; /* lost, as out of a full queue */
}

static int64_t send_many(struct call *call)
{
    uint32_t max = (uint32_t)call->args[2], n;
    int64_t value = 0;

    for (n = 0; n < max && n < MESSAGES_MAX; n++) {
        uint64_t at = call->args[1] + n * sizeof(struct mmsghdr);
        unsigned int len;

        value = send_one(call, at, (int)call->args[3]);
        if (value < 0)
            break;
        len = (unsigned int)value;
        if (child_write(&call->caller, at + offsetof(struct mmsghdr, msg_len), &len, sizeof(len)) ==
            -EFAULT)
            return -EFAULT;
    }
    return n > 0 ? (int64_t)n : value;
}

/* Whether octets cannot come: the kernel would say so in words of AF_UNIX (EINVAL). */
static bool is_unconnected(const struct chan *chan)
{
    return chan->state == CHAN_NEW || chan->state == CHAN_LISTENING;
}

/* sendmsg with MSG_FASTOPEN and an address. */
static int64_t stream_opens(struct call *call, const struct want *want)
{
    struct msghdr msg;
    struct name to = {.len = 0};
    int rc = child_read(call->caller.tid, want->msg, &msg, sizeof(msg));

    if (rc < 0)
        return rc;
    if (!msg.msg_name || msg.msg_namelen > sizeof(to.addr))
        return -EINVAL;
    to.len = msg.msg_namelen;
    rc = child_read(call->caller.tid, (uint64_t)(uintptr_t)msg.msg_name, &to.addr, to.len);
    return rc < 0 ? rc : connect_sending(call, want, &to);
}

static int64_t stream_sendmsg(struct call *call, const struct want *want)
{
    if (call->chan->is_inet && want->flags & MSG_FASTOPEN)
        return -EISCONN; /* it must not connect what is the kernel's own */
    if (call->chan->is_inet)
        return CALL_NATIVE;
    if (call->chan->state == CHAN_NEW && want->flags & MSG_FASTOPEN)
        return stream_opens(call, want);
    if (want->flags & (MSG_OOB | MSG_EOR))
        return urgent_send(call, want);
    return want->addr != 0 || is_unconnected(call->chan) ? stream_send(call, want) : CALL_NATIVE;
}

static int64_t stream_recvmsg(struct call *call, const struct want *want)
{
    if (want->flags & MSG_ERRQUEUE)
        return errors_receive(call, want);
    if (is_unconnected(call->chan))
        return -ENOTCONN;
    if (want->flags & MSG_OOB)
        return urgent_receive(call, want);
    return want->addr != 0 ? stream_receive(call, want) : CALL_NATIVE;
}

/* On a stream: the kernel does it, but for names, urgent octets and those that open it. Of many
   messages the first is enough. */
static int64_t stream_msg(struct call *call)
{
    bool many = call->nr == __NR_sendmmsg || call->nr == __NR_recvmmsg;
    bool sends = call->nr == __NR_sendmsg || call->nr == __NR_sendmmsg;
    struct want want = {.to = call->caller,
                        .msg = call->args[1],
                        .is_mmsg = many,
                        .flags = (int)call->args[many ? 3 : 2]};
    struct msghdr msg;

    if ((many && call->args[2] == 0) || child_read(call->caller.tid, want.msg, &msg, sizeof(msg)))
        return CALL_NATIVE;
    want.addr = (uint64_t)(uintptr_t)msg.msg_name;
    return sends ? stream_sendmsg(call, &want) : stream_recvmsg(call, &want);
}

int64_t call_msg(struct call *call)
{
    int error = call->chan->error;

    if (call->chan->state != CHAN_DATAGRAM)
        return stream_msg(call);
    if (call->nr == __NR_recvmsg)
        return receive_one(call);
    if (call->nr == __NR_recvmmsg)
        return receive_many(call);
    call->chan->error = 0;
    if (error != 0)
        return -error;
    return call->nr == __NR_sendmsg ? send_one(call, call->args[1], (int)call->args[2])
                                    : send_many(call);
}
