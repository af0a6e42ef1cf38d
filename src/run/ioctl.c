/* SPDX-License-Identifier: MIT */
/*
 * Socket ioctls. Questions about interfaces are put to an AF_INET socket of the program's own
 * network namespace, whose interfaces bear the stack's names and addresses.
 */
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/sockios.h>

#include <fourtuple/diag.h>

#include "priv.h"

#define IFREQS_MAX 64

/* Octets that the peer has not acknowledged yet, those in the channel among them. */
static int64_t outq(struct call *call)
{
    struct ft_sock_info info;
    int value = 0;

    if (call->chan->state == CHAN_CONNECTED &&
        ft_sock_info(call->run->stack, call->chan->sock, &info) == 0)
        value = (int)(info.send_q + chan_unread(call->chan));
    return child_write(&call->caller, call->args[2], &value, sizeof(value));
}

static int64_t interface_list(struct call *call)
{
    struct ifreq reqs[IFREQS_MAX];
    struct ifconf conf, mine;
    int rc = child_read(call->caller.tid, call->args[2], &conf, sizeof(conf));

    if (rc < 0)
        return rc;
    if (!notify_valid(call->run, call->caller.id))
        return CALL_DONE;
    if (conf.ifc_len < 0)
        return -EINVAL;
    mine = conf;
    if ((size_t)mine.ifc_len > sizeof(reqs))
        mine.ifc_len = (int)sizeof(reqs);
    memset(reqs, 0, sizeof(reqs));
    if (conf.ifc_req)
        mine.ifc_req = reqs;
    if (ioctl(call->run->inet, SIOCGIFCONF, &mine) < 0)
        return -errno;
    if (conf.ifc_req)
        rc = child_write(&call->caller, (uint64_t)(uintptr_t)conf.ifc_req, reqs,
                         (size_t)mine.ifc_len);
    conf.ifc_len = mine.ifc_len;
    return rc < 0 ? rc : child_write(&call->caller, call->args[2], &conf, sizeof(conf));
}

static int64_t interface_question(struct call *call, unsigned long request)
{
    struct ifreq req;
    int rc = child_read(call->caller.tid, call->args[2], &req, sizeof(req));

    if (rc < 0)
        return rc;
    if (ioctl(call->run->inet, request, &req) < 0)
        return -errno;
    return child_write(&call->caller, call->args[2], &req, sizeof(req));
}

int64_t call_ioctl(struct call *call)
{
    unsigned long request = (unsigned int)call->args[1];

    switch (request) {
    case SIOCOUTQ:
    case SIOCOUTQNSD:
        return call->chan->type == SOCK_STREAM ? outq(call) : CALL_NATIVE;
    case SIOCGIFCONF:
        return interface_list(call);
    case SIOCGIFNAME:
    case SIOCGIFFLAGS:
    case SIOCGIFADDR:
    case SIOCGIFDSTADDR:
    case SIOCGIFBRDADDR:
    case SIOCGIFNETMASK:
    case SIOCGIFMETRIC:
    case SIOCGIFMTU:
    case SIOCGIFHWADDR:
    case SIOCGIFINDEX:
    case SIOCGIFTXQLEN:
        return interface_question(call, request);
    case FIOSETOWN:
    case SIOCSPGRP:
    case FIOGETOWN:
    case SIOCGPGRP:
    case SIOCATMARK:
        return CALL_NATIVE;
    default:
        /* Changing interfaces, and the rest: as for a program without CAP_NET_ADMIN. */
        return request >= SIOCADDRT && request < SIOCDEVPRIVATE ? -EPERM : -ENOTTY;
    }
}
