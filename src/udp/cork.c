/* SPDX-License-Identifier: MIT */
/*
 * A datagram that is put together out of several calls (MSG_MORE, UDP_CORK), as Linux does it: the
 * first call says where it goes and how, the next ones add octets, and what goes wrong loses it.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/addr.h"

#include "priv.h"

#define ROOM_MIN 512u /* octets of payload that are made room for at first */

struct udp_cork {
    struct udp_dest dest; /* as the first call said */
    size_t len;           /* octets of payload so far */
    size_t cap;           /* octets of room */
    uint8_t data[];
};

static void free_cork(struct ft_udp *udp, struct udp_cork *cork)
{
    ft_mem_free(&udp->env->mem, cork, sizeof(*cork) + cork->cap);
}

void udp_cork_drop(struct ft_udp *udp, struct ft_udp_sock *sock)
{
    if (sock->cork)
        free_cork(udp, sock->cork);
    sock->cork = NULL;
}

/* Room for @len octets in all. */
static int reserve(struct ft_udp *udp, struct ft_udp_sock *sock, size_t len)
{
    struct udp_cork *old = sock->cork, *cork;
    size_t cap = old ? old->cap : ROOM_MIN;

    if (old && len <= old->cap)
        return 0;
    while (cap < len)
        cap *= 2;
    cork = ft_mem_alloc_raw(&udp->env->mem, sizeof(*cork) + cap);
    if (!cork)
        return -ENOBUFS;
    cork->len = 0;
    if (old)
        memcpy(cork, old, sizeof(*old) + old->len);
    cork->cap = cap;
    if (old)
        free_cork(udp, old);
    sock->cork = cork;
    return 0;
}

static int add(struct ft_udp *udp, struct ft_udp_sock *sock, const struct udp_dest *dest,
               const struct msghdr *msg, size_t len)
{
    bool first = !sock->cork;
    struct udp_dest to = first ? *dest : sock->cork->dest;
    size_t total = len + (first ? 0 : sock->cork->len);
    struct udp_cork *cork;
    struct ft_path path;
    int err = udp_find_path(udp, sock, &to, &path);

    if (!err)
        err = udp_check_send(sock, &to, &path, total);
    if (!err)
        err = reserve(udp, sock, total);
    if (err)
        return err;
    cork = sock->cork;
    if (first)
        cork->dest = *dest;
    for (size_t i = 0; i < msg->msg_iovlen; i++) {
        const struct iovec *iov = &msg->msg_iov[i];

        if (iov->iov_len > 0)
            memcpy(cork->data + cork->len, iov->iov_base, iov->iov_len);
        cork->len += iov->iov_len;
    }
    udp->env->counters.steps_octets_copied += len;
    ft_assert(cork->len == total && total <= cork->cap);
    return 0;
}

int udp_cork_add(struct ft_udp *udp, struct ft_udp_sock *sock, const struct udp_dest *dest,
                 const struct msghdr *msg, size_t len)
{
    int err = add(udp, sock, dest, msg, len);

    if (err)
        udp_cork_drop(udp, sock);
    return err;
}

int udp_cork_push(struct ft_udp *udp, struct ft_udp_sock *sock)
{
    struct udp_cork *cork = sock->cork;
    struct iovec iov;
    int err;

    if (!cork)
        return 0;
    sock->cork = NULL;
    iov = (struct iovec){.iov_base = cork->data, .iov_len = cork->len};
    err = udp_post(udp, sock, &cork->dest, &iov, cork->len);
    free_cork(udp, cork);
    return err;
}
