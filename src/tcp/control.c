/* SPDX-License-Identifier: MIT */
/*
 * What recvmsg() tells besides octets: how many wait (TCP_INQ), and the error queue with the
 * notifications of MSG_ZEROCOPY. Octets are copied here whatever the user asks for, so his buffer
 * is free at once and the notification says "copied"; as on Linux the calls are numbered, and
 * notifications of calls in a row are told as one. RFC 9293 knows nothing of either.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "priv.h"

#define CM_INQ        TCP_INQ /* TCP_CM_INQ */
#define ORIGIN_COPY   5       /* SO_EE_ORIGIN_ZEROCOPY */
#define CODE_COPIED   1       /* SO_EE_CODE_ZEROCOPY_COPIED */
#define OFFENDER_MAX  28      /* octets of the address behind it, which is empty */
#define EXTENDED_ERR  16      /* octets of struct sock_extended_err */
#define OFFENDER4_LEN 16

/* Linux's struct sock_extended_err and room for an address. */
struct notification {
    uint32_t error;
    uint8_t origin, type, code, pad;
    uint32_t info, data;
    uint8_t offender[OFFENDER_MAX];
};

static_assert(offsetof(struct notification, offender) == EXTENDED_ERR, "as Linux has it");

/* The only control message of a call, cut if there is no room for all of it, as on Linux. */
static void put(struct msghdr *msg, int level, int type, const void *data, size_t len)
{
    struct cmsghdr hdr = {.cmsg_level = level, .cmsg_type = type};
    size_t room = msg->msg_control ? msg->msg_controllen : 0;
    uint8_t *buf = msg->msg_control;
    msg->msg_controllen = 0;
    if (room < CMSG_LEN(len))
        msg->msg_flags |= MSG_CTRUNC;
    if (room < sizeof hdr)
        return;
    len = FT_MIN(len, room - sizeof hdr);
    hdr.cmsg_len = CMSG_LEN(len);
    memcpy(buf, &hdr, sizeof hdr);
    memcpy(buf + CMSG_LEN(0), data, len);
    msg->msg_controllen = FT_MIN(CMSG_SPACE(len), room);
}

void ft_tcp_recv_control(const struct ft_tcb *tcb, struct msghdr *msg)
{
    int inq = (int)ft_ring_len(&tcb->rcv) + ((tcb->flags & TCB_FIN_RECEIVED) ? 1 : 0);
    if (tcb->cold->opts.flags & OPT_INQ)
        put(msg, IPPROTO_TCP, CM_INQ, &inq, sizeof inq);
    else
        msg->msg_controllen = 0;
}

/* ---- MSG_ZEROCOPY ---------------------------------------------------------------------------- */

bool ft_tcp_has_notes(const struct ft_tcb *tcb)
{
    return tcb->cold->copies_told != tcb->cold->copies;
}

void ft_tcp_note_copy(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (!(tcb->cold->opts.flags & OPT_ZEROCOPY))
        return;
    tcb->cold->copies++;
    ft_tcb_raise(tcp, tcb, FT_ERROR);
}

ssize_t ft_tcp_recv_note(struct ft_tcb *tcb, struct msghdr *msg)
{
    struct tcp_cold *cold = tcb->cold;
    if (!ft_tcp_has_notes(tcb))
        return -EAGAIN;
    struct notification note = {
        .origin = ORIGIN_COPY,
        .code = CODE_COPIED,
        .info = cold->copies_told,
        .data = cold->copies - 1,
    };
    bool ipv6 = cold->opts.flags & OPT_IPV6;
    cold->copies_told = cold->copies;
    msg->msg_flags = MSG_ERRQUEUE;
    put(msg, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, ipv6 ? IPV6_RECVERR : IP_RECVERR, &note,
        EXTENDED_ERR + (ipv6 ? OFFENDER_MAX : OFFENDER4_LEN));
    msg->msg_namelen = 0;
    return 0;
}
