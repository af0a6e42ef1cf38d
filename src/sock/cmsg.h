/* SPDX-License-Identifier: MIT */
/*
 * Control messages on their way to the user, in Linux's layouts, and the options that ask for the
 * times of packets (SO_TIMESTAMP, SO_TIMESTAMPNS, SO_TIMESTAMPING), shared by all transports.
 */
#ifndef SOCK_CMSG_H
#define SOCK_CMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <fourtuple/types.h>

/* What is kept of the options: Linux's SOF_TIMESTAMPING_* and two bits of our own. */
enum ft_stamping {
    FT_STAMP_TX_HARDWARE = 1 << 0, /* those of hardware are taken and mean nothing */
    FT_STAMP_TX_SOFTWARE = 1 << 1,
    FT_STAMP_RX_HARDWARE = 1 << 2,
    FT_STAMP_RX_SOFTWARE = 1 << 3,
    FT_STAMP_SOFTWARE = 1 << 4, /* times are told */
    FT_STAMP_SYS_HARDWARE = 1 << 5,
    FT_STAMP_RAW_HARDWARE = 1 << 6,
    FT_STAMP_OPT_ID = 1 << 7, /* the octet's number is told */
    FT_STAMP_TX_SCHED = 1 << 8,
    FT_STAMP_TX_ACK = 1 << 9,
    FT_STAMP_OPT_CMSG = 1 << 10,
    FT_STAMP_OPT_TSONLY = 1 << 11, /* without the packet */
    FT_STAMP_OPT_ID_TCP = 1 << 16, /* numbers count from what is queued, not from SND.UNA */
    FT_STAMP_TIME = 1 << 29,       /* SO_TIMESTAMP */
    FT_STAMP_TIME_NS = 1 << 30,    /* SO_TIMESTAMPNS */
};

#define FT_STAMP_TX  (FT_STAMP_TX_SOFTWARE | FT_STAMP_TX_SCHED | FT_STAMP_TX_ACK)
#define FT_STAMP_RX  (FT_STAMP_RX_SOFTWARE | FT_STAMP_TIME | FT_STAMP_TIME_NS)
#define FT_STAMP_ALL (0xfff | FT_STAMP_OPT_ID_TCP) /* what SO_TIMESTAMPING takes */

/* Messages that are being written into the room that the user gave. */
struct ft_control {
    struct msghdr *msg;
    uint8_t *buf;
    size_t cap;
    size_t used;
};

/** Begin with no message. */
struct ft_control ft_control_begin(struct msghdr *msg);

/** Put one message, cut if there is no room for all of it (MSG_CTRUNC), as on Linux. */
void ft_control_put(struct ft_control *control, int level, int type, const void *data, size_t len);

/** Tell the user how much was put. */
void ft_control_end(struct ft_control *control);

/** Put what SO_TIMESTAMP or SO_TIMESTAMPNS asked for, then SO_TIMESTAMPING's. @at: since 1970 */
void ft_control_put_times(struct ft_control *control, uint32_t stamping, ft_time at);

/** Put what SO_TIMESTAMPING tells of one instant. @at: since 1970 */
void ft_control_put_stamp(struct ft_control *control, ft_time at);

/** Whether an option of SOL_SOCKET is one of the three. */
bool ft_stamping_is_opt(int name);

/**
 * What @stamping becomes by one of the three.
 *
 * Return: 0; -EINVAL: bits that are not known, or that need others.
 */
int ft_stamping_set(uint32_t *stamping, int name, int v);

/** What it reads as. */
int ft_stamping_get(uint32_t stamping, int name);

#endif
