/* SPDX-License-Identifier: MIT */
/*
 * Control messages, and the times of packets. RFC 3542 20 has the layout; what is in them is
 * Linux's.
 */
#include "sock/cmsg.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"

struct ft_control ft_control_begin(struct msghdr *msg)
{
    return (struct ft_control){
        .msg = msg,
        .buf = msg->msg_control,
        .cap = msg->msg_control ? msg->msg_controllen : 0,
    };
}

void ft_control_put(struct ft_control *control, int level, int type, const void *data, size_t len)
{
    size_t room = control->cap - control->used;
    struct cmsghdr hdr;

    if (room < sizeof(hdr)) {
        control->msg->msg_flags |= MSG_CTRUNC;
        return;
    }
    if (room < CMSG_LEN(len)) {
        control->msg->msg_flags |= MSG_CTRUNC;
        len = room - CMSG_LEN(0);
    }
    memset(&hdr, 0, sizeof(hdr));
    hdr.cmsg_len = CMSG_LEN(len);
    hdr.cmsg_level = level;
    hdr.cmsg_type = type;
    memset(control->buf + control->used, 0, FT_MIN(CMSG_SPACE(len), room));
    memcpy(control->buf + control->used, &hdr, sizeof(hdr));
    memcpy(control->buf + control->used + CMSG_LEN(0), data, len);
    control->used += FT_MIN(CMSG_SPACE(len), room);
}

void ft_control_end(struct ft_control *control)
{
    control->msg->msg_controllen = control->used;
}

/* ---- times ------------------------------------------------------------------------------------
 */

static struct timespec timespec_of(ft_time at)
{
    return (struct timespec){.tv_sec = (time_t)(at / FT_SEC), .tv_nsec = (long)(at % FT_SEC)};
}

void ft_control_put_stamp(struct ft_control *control, ft_time at)
{
    struct timespec all[3] = {timespec_of(at)}; /* of software; the others are hardware's */

    ft_control_put(control, SOL_SOCKET, SO_TIMESTAMPING, all, sizeof(all));
}

void ft_control_put_times(struct ft_control *control, uint32_t stamping, ft_time at)
{
    struct timespec ts = timespec_of(at);
    struct timeval tv = {.tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000};

    if (stamping & FT_STAMP_TIME_NS)
        ft_control_put(control, SOL_SOCKET, SO_TIMESTAMPNS, &ts, sizeof(ts));
    else if (stamping & FT_STAMP_TIME)
        ft_control_put(control, SOL_SOCKET, SO_TIMESTAMP, &tv, sizeof(tv));
    if ((stamping & FT_STAMP_SOFTWARE) && (stamping & FT_STAMP_RX_SOFTWARE))
        ft_control_put_stamp(control, at);
}

bool ft_stamping_is_opt(int name)
{
    return name == SO_TIMESTAMP || name == SO_TIMESTAMPNS || name == SO_TIMESTAMPING;
}

/* As on Linux SO_TIMESTAMP and SO_TIMESTAMPNS replace each other. */
int ft_stamping_set(uint32_t *stamping, int name, int v)
{
    const uint32_t both = FT_STAMP_TIME | FT_STAMP_TIME_NS;
    uint32_t bits = (uint32_t)v;

    if (name == SO_TIMESTAMPING) {
        if ((bits & ~(uint32_t)FT_STAMP_ALL) ||
            ((bits & FT_STAMP_OPT_ID_TCP) && !(bits & FT_STAMP_OPT_ID)))
            return -EINVAL;
        *stamping = (*stamping & both) | bits;
        return 0;
    }
    *stamping &= ~both;
    if (v)
        *stamping |= name == SO_TIMESTAMP ? FT_STAMP_TIME : FT_STAMP_TIME_NS;
    return 0;
}

int ft_stamping_get(uint32_t stamping, int name)
{
    if (name == SO_TIMESTAMPING)
        return (int)(stamping & FT_STAMP_ALL);
    return !!(stamping & (name == SO_TIMESTAMP ? FT_STAMP_TIME : FT_STAMP_TIME_NS));
}
