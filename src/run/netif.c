/* SPDX-License-Identifier: MIT */
/*
 * Interfaces for the program to look at (getifaddrs, AI_ADDRCONFIG, scope ids), made by rtnetlink
 * in its own network namespace. No packet ever passes through them. The kind is dummy where the
 * kernel has it; else veth, its other half in a namespace that nobody uses; else a bridge without
 * ports.
 */
#include "sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#define CARRIER_NAP  200000 /* ns */
#define CARRIER_NAPS 5000u  /* the kernel takes a second at most */
#define OPER_UP      6      /* IF_OPER_UP; its header does not go together with <net/if.h> */
#define OTHER_HALF   1000   /* index of a veth's other half, less that of ours */

struct request {
    struct nlmsghdr hdr;
    uint8_t body[1024];
};

static void start(struct request *req, uint16_t type, uint16_t flags, const void *body, size_t len)
{
    memset(req, 0, sizeof(*req));
    req->hdr.nlmsg_type = type;
    req->hdr.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    memcpy(req->body, body, len);
    req->hdr.nlmsg_len = (uint32_t)NLMSG_LENGTH(NLMSG_ALIGN(len));
}

/* Our attributes are few and short: they always fit. */
static struct rtattr *put(struct request *req, unsigned type, const void *data, size_t len)
{
    struct rtattr *attr = (struct rtattr *)(void *)((uint8_t *)req + req->hdr.nlmsg_len);

    attr->rta_type = (unsigned short)type;
    attr->rta_len = (unsigned short)RTA_LENGTH(len);
    if (len > 0)
        memcpy(RTA_DATA(attr), data, len);
    req->hdr.nlmsg_len += (uint32_t)RTA_ALIGN(RTA_LENGTH(len));
    return attr;
}

static void put_u32(struct request *req, unsigned type, uint32_t value)
{
    (void)put(req, type, &value, sizeof(value));
}

static struct rtattr *nest(struct request *req, unsigned type)
{
    return put(req, type, NULL, 0);
}

static void unnest(struct request *req, struct rtattr *attr)
{
    attr->rta_len = (unsigned short)((uint8_t *)req + req->hdr.nlmsg_len - (uint8_t *)attr);
}

static int talk(int nl, struct request *req)
{
    struct {
        struct nlmsghdr hdr;
        struct nlmsgerr err;
        uint8_t rest[2048];
    } answer;

    if (send(nl, req, req->hdr.nlmsg_len, 0) < 0)
        return -errno;
    if (recv(nl, &answer, sizeof(answer), 0) < (ssize_t)NLMSG_LENGTH(sizeof(answer.err)))
        return -EPROTO;
    return answer.hdr.nlmsg_type == NLMSG_ERROR ? answer.err.error : -EPROTO;
}

enum kind { KIND_DUMMY, KIND_VETH, KIND_BRIDGE, KIND_N };

static int make_link(int nl, const struct sandbox_if *iface, enum kind kind, int nowhere)
{
    static const char *const kinds[KIND_N] = {"dummy", "veth", "bridge"};
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = iface->ifindex};
    /* With the same index at both ends the kernel would think that one of them has no other, and
       would look at their carriers up to a second later. */
    struct ifinfomsg other = {.ifi_family = AF_UNSPEC, .ifi_index = OTHER_HALF + iface->ifindex};
    struct rtattr *linkinfo, *data, *peer;
    struct request req;

    start(&req, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
    (void)put(&req, IFLA_IFNAME, iface->name, strlen(iface->name) + 1);
    put_u32(&req, IFLA_MTU, iface->mtu);
    (void)put(&req, IFLA_ADDRESS, iface->mac, sizeof(iface->mac));
    linkinfo = nest(&req, IFLA_LINKINFO);
    (void)put(&req, IFLA_INFO_KIND, kinds[kind], strlen(kinds[kind]));
    if (kind == KIND_VETH) {
        data = nest(&req, IFLA_INFO_DATA);
        peer = put(&req, VETH_INFO_PEER, &other, sizeof(other));
        put_u32(&req, IFLA_NET_NS_FD, (uint32_t)nowhere);
        unnest(&req, peer);
        unnest(&req, data);
    }
    unnest(&req, linkinfo);
    return talk(nl, &req);
}

static int link_up(int nl, int ifindex)
{
    struct ifinfomsg info = {
        .ifi_family = AF_UNSPEC, .ifi_index = ifindex, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    struct request req;

    start(&req, RTM_NEWLINK, 0, &info, sizeof(info));
    return talk(nl, &req);
}

/* No link-local address of the kernel's making. */
static void quiet_inet6(int nl, int ifindex)
{
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = ifindex};
    uint8_t mode = IN6_ADDR_GEN_MODE_NONE;
    struct rtattr *spec, *inet6;
    struct request req;

    start(&req, RTM_SETLINK, 0, &info, sizeof(info));
    spec = nest(&req, IFLA_AF_SPEC);
    inet6 = nest(&req, AF_INET6);
    (void)put(&req, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
    unnest(&req, inet6);
    unnest(&req, spec);
    (void)talk(nl, &req); /* a kernel without IPv6 has nothing to be quietened */
}

int netif_addr(int rtnl, int ifindex, const struct sandbox_addr *addr, bool there)
{
    struct ifaddrmsg msg = {
        .ifa_family = (uint8_t)addr->family,
        .ifa_prefixlen = (uint8_t)addr->prefix_len,
        .ifa_index = (uint32_t)ifindex,
        .ifa_flags = addr->family == AF_INET6 ? IFA_F_NODAD : 0,
    };
    struct ifa_cacheinfo life = {.ifa_prefered = addr->deprecated ? 0 : UINT32_MAX,
                                 .ifa_valid = UINT32_MAX};
    size_t len = addr->family == AF_INET ? 4 : 16;
    struct request req;

    start(&req, there ? RTM_NEWADDR : RTM_DELADDR, there ? NLM_F_CREATE | NLM_F_REPLACE : 0, &msg,
          sizeof(msg));
    (void)put(&req, IFA_LOCAL, addr->octets, len);
    (void)put(&req, IFA_ADDRESS, addr->octets, len);
    (void)put(&req, IFA_CACHEINFO, &life, sizeof(life));
    if (addr->family == AF_INET && addr->prefix_len < 31) {
        uint32_t broadcast;

        memcpy(&broadcast, addr->octets, 4);
        broadcast |= htonl(0xffffffffu >> addr->prefix_len);
        (void)put(&req, IFA_BROADCAST, &broadcast, sizeof(broadcast));
    }
    return talk(rtnl, &req);
}

int netif_gateway(int rtnl, int ifindex, const struct sandbox_addr *gateway, bool there)
{
    struct rtmsg msg = {
        .rtm_family = (uint8_t)gateway->family,
        .rtm_table = RT_TABLE_MAIN,
        .rtm_protocol = RTPROT_STATIC,
        .rtm_scope = RT_SCOPE_UNIVERSE,
        .rtm_type = RTN_UNICAST,
    };
    struct request req;

    start(&req, there ? RTM_NEWROUTE : RTM_DELROUTE, there ? NLM_F_CREATE : 0, &msg, sizeof(msg));
    (void)put(&req, RTA_GATEWAY, gateway->octets, gateway->family == AF_INET ? 4 : 16);
    put_u32(&req, RTA_OIF, (uint32_t)ifindex);
    put_u32(&req, RTA_PRIORITY, gateway->metric);
    return talk(rtnl, &req);
}

/* A network namespace where other halves go. It lives as long as the descriptor. */
static int make_nowhere(void)
{
    int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), nowhere = -1;

    if (here < 0)
        return -1;
    if (unshare(CLONE_NEWNET) == 0) {
        nowhere = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        if (setns(here, CLONE_NEWNET) < 0)
            nowhere = -1;
    }
    close(here);
    return nowhere;
}

/* Give the other half of a veth a carrier, so that ours is up and running. */
static void other_half_up(int nowhere)
{
    int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), nl;
    struct if_nameindex *all, *one;

    if (here < 0)
        return;
    if (setns(nowhere, CLONE_NEWNET) == 0) {
        nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        all = if_nameindex();
        for (one = all; nl >= 0 && one && one->if_index != 0; one++) {
            quiet_inet6(nl, (int)one->if_index);
            (void)link_up(nl, (int)one->if_index); /* else it only looks less alive */
        }
        if_freenameindex(all);
        close(nl);
        if (setns(here, CLONE_NEWNET) < 0)
            _exit(1); /* in the wrong namespace nothing else makes sense */
    }
    close(here);
}

/* What RFC 2863 calls the operational status; 0, unknown, if it cannot be told. */
static uint8_t operstate(int nl, int ifindex)
{
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = ifindex};
    union {
        struct nlmsghdr hdr;
        uint8_t room[8192];
    } answer;
    uint8_t state = 0;
    struct request req;
    size_t left;
    ssize_t n;

    start(&req, RTM_GETLINK, 0, &info, sizeof(info));
    req.hdr.nlmsg_flags = NLM_F_REQUEST;
    if (send(nl, &req, req.hdr.nlmsg_len, 0) < 0)
        return state;
    n = recv(nl, &answer, sizeof(answer), 0);
    if (n < (ssize_t)NLMSG_SPACE(sizeof(info)) || answer.hdr.nlmsg_type != RTM_NEWLINK)
        return state;
    left = (size_t)n - NLMSG_SPACE(sizeof(info));
    for (struct rtattr *attr = IFLA_RTA(NLMSG_DATA(&answer.hdr)); RTA_OK(attr, left);
         attr = RTA_NEXT(attr, left)) {
        if (attr->rta_type == IFLA_OPERSTATE)
            memcpy(&state, RTA_DATA(attr), sizeof(state));
    }
    return state;
}

/* The kernel looks at carriers by and by: a program that comes first would find none. */
static void await_carrier(int nl, int ifindex)
{
    struct timespec nap = {.tv_nsec = CARRIER_NAP};

    for (unsigned i = 0; i < CARRIER_NAPS && operstate(nl, ifindex) != OPER_UP; i++)
        (void)nanosleep(&nap, NULL);
}

static int make_interface(int nl, const struct sandbox_if *iface, int *nowhere, enum kind *ret_kind)
{
    int rc = make_link(nl, iface, KIND_DUMMY, -1);

    *ret_kind = KIND_DUMMY;
    if (rc == -EOPNOTSUPP || rc == -ENOENT) {
        if (*nowhere < 0)
            *nowhere = make_nowhere();
        rc = *nowhere < 0 ? -EOPNOTSUPP : make_link(nl, iface, KIND_VETH, *nowhere);
        *ret_kind = KIND_VETH;
        if (rc == 0)
            other_half_up(*nowhere);
    }
    if (rc == -EOPNOTSUPP || rc == -ENOENT) {
        *ret_kind = KIND_BRIDGE;
        rc = make_link(nl, iface, KIND_BRIDGE, -1);
    }
    return rc;
}

static int furnish(int nl, const struct sandbox_if *iface, int *nowhere)
{
    enum kind kind;
    int rc = make_interface(nl, iface, nowhere, &kind);

    if (rc < 0)
        return rc;
    quiet_inet6(nl, iface->ifindex);
    rc = link_up(nl, iface->ifindex);
    if (rc == 0 && kind == KIND_VETH) /* a dummy is always alive, a bridge without ports never */
        await_carrier(nl, iface->ifindex);
    return rc;
}

int netif_make(struct sandbox *sandbox, char *ret_err, size_t err_len)
{
    int nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), rc;

    if (nl < 0) {
        rc = -errno;
        snprintf(ret_err, err_len, "rtnetlink: %s", strerror(-rc));
        return rc;
    }
    sandbox->nowhere = -1;
    sandbox->rtnl = nl;
    rc = link_up(nl, 1);
    if (rc < 0)
        snprintf(ret_err, err_len, "lo cannot be set up: %s", strerror(-rc));
    for (unsigned i = 0; rc == 0 && i < sandbox->n_ifs; i++) {
        rc = furnish(nl, &sandbox->ifs[i], &sandbox->nowhere);
        if (rc < 0)
            snprintf(ret_err, err_len, "the interface %s cannot be made for the program: %s",
                     sandbox->ifs[i].name, strerror(-rc));
    }
    return rc;
}
