/* SPDX-License-Identifier: MIT */
/*
 * TAP devices by /dev/net/tun: one frame a read and a write. Frames that the kernel cannot take
 * (the device is down) are lost like on any cable.
 */
#include "link/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static int tap_recv(struct link *link, struct ft_frame *frames, size_t n)
{
    size_t n_got = 0;

    while (n_got < n) {
        struct ft_frame *frame = &frames[n_got];
        ssize_t len = read(link->fd, frame->buf, frame->cap);

        if (len < 0) {
            if (errno == EINTR)
                continue;
            if (errno == EAGAIN || n_got > 0)
                break;
            return -errno;
        }
        if ((size_t)len < LINK_ETHER_HEADER)
            continue;
        link_frame_reset(frame);
        frame->len = (uint32_t)len;
        if ((frame->buf[0] & 1) != 0)
            frame->flags |= FT_FRAME_L2_MULTICAST;
        n_got++;
    }
    link->counters.n_in += n_got;
    return (int)n_got;
}

static int tap_send(struct link *link, const struct ft_frame *frames, size_t n)
{
    struct iovec iov[FT_SPANS_MAX + 1];

    link->want_write = false;
    for (size_t i = 0; i < n; i++) {
        size_t n_iov = link_frame_iov(&frames[i], iov);
        ssize_t sent;

        do {
            sent = n_iov == 1 ? write(link->fd, iov[0].iov_base, iov[0].iov_len)
                              : writev(link->fd, iov, (int)n_iov);
        } while (sent < 0 && errno == EINTR);
        if (sent >= 0)
            continue;
        if (errno == EAGAIN) {
            link->want_write = true;
            link->counters.n_out += i;
            return (int)i;
        }
        if (errno == EBADFD || errno == EBADF)
            return -errno;
        link->counters.n_dropped++; /* EIO: down; ENOMEM, EINVAL: this frame cannot be taken */
    }
    link->counters.n_out += n;
    return (int)n;
}

static void tap_close(struct link *link)
{
    if (link->fd >= 0)
        (void)close(link->fd); /* holds nothing that could be lost */
    free(link);
}

static void explain(int error, const char *ifname, char *err, size_t err_len)
{
    if (error == -EPERM || error == -EACCES)
        (void)snprintf(err, err_len,
                       "tap:%s needs CAP_NET_ADMIN, or a device made for you by: "
                       "ip tuntap add dev %s mode tap user NAME",
                       ifname, ifname);
    else if (error == -EBUSY)
        (void)snprintf(err, err_len, "tap:%s is in use by another program", ifname);
    else if (error == -ENOENT || error == -ENXIO || error == -ENODEV)
        (void)snprintf(err, err_len, "tap:%s needs /dev/net/tun, which this kernel does not have",
                       ifname);
    else
        (void)snprintf(err, err_len, "tap:%s cannot be opened: %s", ifname, strerror(-error));
}

/* Reads the MTU; brings a device up that was made just now. A device of somebody else's may be down
   for a reason. */
static int look_at(const char *ifname, bool made, uint32_t *ret_mtu)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;
    struct ifreq request;

    if (fd < 0)
        return -errno;
    memset(&request, 0, sizeof(request));
    (void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
    if (ioctl(fd, SIOCGIFMTU, &request) != 0)
        error = -errno;
    else
        *ret_mtu = (uint32_t)request.ifr_mtu;
    if (error == 0 && made && ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
        request.ifr_flags |= IFF_UP;
        /* Without the right to, the device stays down until its owner brings it up. */
        (void)ioctl(fd, SIOCSIFFLAGS, &request);
    }
    (void)close(fd); /* was only asked */
    return error;
}

int link_tap_open(const char *ifname, struct link **ret_link, char *ret_err, size_t err_len)
{
    static const struct link_ops ops = {tap_recv, tap_send, tap_close};
    bool made = if_nametoindex(ifname) == 0;
    struct link *link = calloc(1, sizeof(*link));
    struct ifreq request;
    int error = 0;

    if (link == NULL)
        return -ENOMEM;
    *link = (struct link){.ops = &ops, .type = FT_IF_ETHER, .kind = "tap"};
    memset(&request, 0, sizeof(request));
    (void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    link->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (link->fd < 0 || ioctl(link->fd, TUNSETIFF, &request) != 0)
        error = -errno;
    else
        error = look_at(ifname, made, &link->mtu);
    if (error != 0) {
        explain(error, ifname, ret_err, err_len);
        tap_close(link);
        return error;
    }
    link->frame_max = 65535 + LINK_ETHER_HEADER;
    *ret_link = link;
    return 0;
}
