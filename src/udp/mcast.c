/* SPDX-License-Identifier: MIT */
/*
 * The groups of a datagram socket: which it has joined, where it sends to groups, and the options
 * that say so, with Linux's names, values and errors. What a membership means on the wire is net's.
 * Of sources it knows nothing: the options that name some are unknown here. RFC 1112 7.1, RFC 3493
 * 5.2, RFC 3678 5.1.
 */
#define _GNU_SOURCE /* ip_mreqn, group_req */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/addr.h"
#include "sock/opt.h"
#include "wire/be.h"

#include "priv.h"

/* A group that a socket has joined, once on each interface. */
struct udp_member {
    struct ft_list node; /* of its socket's members, oldest first */
    struct ft_addr group;
    struct ft_addr by; /* the address of ours that named the interface; any: none did */
    int ifindex;
};

/* What a caller says of a membership. */
struct wish {
    struct ft_addr group;
    struct ft_addr by; /* IPv4: an address of the interface; any: not said */
    int ifindex;       /* 0: not said */
};

/* ---- who hears --------------------------------------------------------------------------------
 */

bool udp_hears_group(const struct ft_udp_sock *sock, const struct ft_addr *group, int ifindex)
{
    bool v4 = addr_is_v4(group);

    ft_list_for_each (node, (struct ft_list *)&sock->members) {
        const struct udp_member *member = ft_container_of(node, struct udp_member, node);

        /* As on Linux, for IPv6 the interface does not matter. */
        if (addr_eq(&member->group, group) && (!v4 || member->ifindex == ifindex))
            return true;
    }
    return (sock->flags & (v4 ? FT_UDP_MCAST_ALL : FT_UDP_MCAST_ALL6)) != 0;
}

/* ---- joining and leaving ----------------------------------------------------------------------
 */

static struct udp_member *find_member(struct ft_udp_sock *sock, const struct wish *wish)
{
    ft_list_for_each (node, &sock->members) {
        struct udp_member *member = ft_container_of(node, struct udp_member, node);

        if (!addr_eq(&member->group, &wish->group))
            continue;
        if (wish->ifindex ? member->ifindex == wish->ifindex
                          : addr_is_any(&wish->by) || addr_eq(&member->by, &wish->by))
            return member;
    }
    return NULL;
}

static uint32_t count_members(const struct ft_udp_sock *sock, bool v4)
{
    uint32_t n = 0;

    ft_list_for_each (node, (struct ft_list *)&sock->members) {
        n += addr_is_v4(&ft_container_of(node, struct udp_member, node)->group) == v4;
    }
    return n;
}

/* The interface: by its number, by an address of it, else by the route to the group; 0: none. */
static int choose_interface(struct ft_udp *udp, const struct wish *wish)
{
    struct ft_addr any = addr_any();
    struct ft_path path;

    if (wish->ifindex)
        return ft_net_if_exists(udp->net, wish->ifindex) ? wish->ifindex : 0;
    if (!addr_is_any(&wish->by))
        return ft_net_if_of(udp->net, &wish->by);
    return ft_path_find(udp->net, &wish->group, &any, 0, &path) ? 0 : path.ifindex;
}

static int join(struct ft_udp *udp, struct ft_udp_sock *sock, struct wish *wish)
{
    bool v4 = addr_is_v4(&wish->group);
    struct udp_member *member;
    int err;

    if (!v4 && find_member(sock, wish))
        return -EADDRINUSE;
    wish->ifindex = choose_interface(udp, wish);
    if (!wish->ifindex)
        return -ENODEV;
    if (find_member(sock, wish))
        return -EADDRINUSE;
    if (count_members(sock, v4) >= udp->env->config.limits.memberships_max)
        return -ENOBUFS;
    member = ft_mem_alloc(&udp->env->mem, sizeof(*member));
    if (!member)
        return -ENOBUFS;
    err = ft_group_join(udp->net, wish->ifindex, &wish->group);
    if (err) {
        ft_mem_free(&udp->env->mem, member, sizeof(*member));
        return err;
    }
    *member = (struct udp_member){.group = wish->group, .by = wish->by, .ifindex = wish->ifindex};
    list_init(&member->node);
    list_push_back(&sock->members, &member->node);
    return 0;
}

static void free_member(struct ft_udp *udp, struct udp_member *member)
{
    ft_group_leave(udp->net, member->ifindex, &member->group);
    list_remove(&member->node);
    ft_mem_free(&udp->env->mem, member, sizeof(*member));
}

static int leave(struct ft_udp *udp, struct ft_udp_sock *sock, struct wish *wish)
{
    struct udp_member *member;

    if (addr_is_v4(&wish->group) && !wish->ifindex) {
        int ifindex = choose_interface(udp, wish);

        if (!ifindex && addr_is_any(&wish->by))
            return -ENODEV;
        wish->ifindex = ifindex;
    }
    member = find_member(sock, wish);
    if (!member)
        return -EADDRNOTAVAIL;
    free_member(udp, member);
    return 0;
}

void udp_groups_leave_all(struct ft_udp *udp, struct ft_udp_sock *sock)
{
    ft_list_for_each (node, &sock->members) {
        free_member(udp, ft_container_of(node, struct udp_member, node));
    }
}

/* ---- what the options carry -------------------------------------------------------------------
 */

static struct ft_addr addr_of(struct in_addr addr)
{
    return addr_v4(be32_host((ft_be32){addr.s_addr}));
}

/* The three forms of which IPv4 takes any: struct ip_mreqn, struct ip_mreq, @bare: an address. */
static int read_mreqn(const void *value, socklen_t len, bool bare, struct ip_mreqn *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (len >= sizeof(*ret))
        return ft_opt_get(value, len, ret, sizeof(*ret));
    if (len >= sizeof(struct ip_mreq) || !bare)
        return ft_opt_get(value, len, ret, sizeof(struct ip_mreq));
    return ft_opt_get(value, len, &ret->imr_address, sizeof(ret->imr_address));
}

static int read_wish4(const void *value, socklen_t len, struct wish *ret)
{
    struct ip_mreqn mreq;
    int err = read_mreqn(value, len, false, &mreq);

    if (err)
        return err;
    *ret = (struct wish){
        .group = addr_of(mreq.imr_multiaddr),
        .by = addr_of(mreq.imr_address),
        .ifindex = mreq.imr_ifindex,
    };
    return addr_is_multicast(&ret->group) ? 0 : -EINVAL;
}

/* IPv6, without IPv4's groups in a mapped form. */
static int check_wish6(const struct wish *wish)
{
    bool good = !addr_is_v4(&wish->group) && addr_is_multicast(&wish->group);

    return good && wish->ifindex >= 0 ? 0 : -EINVAL;
}

static int read_wish6(const void *value, socklen_t len, struct wish *ret)
{
    struct ipv6_mreq mreq;
    int err = ft_opt_get(value, len, &mreq, sizeof(mreq));

    if (err)
        return err;
    *ret = (struct wish){
        .group = addr_load16(mreq.ipv6mr_multiaddr.s6_addr),
        .ifindex = (int)mreq.ipv6mr_interface,
    };
    return check_wish6(ret);
}

/* MCAST_JOIN_GROUP and MCAST_LEAVE_GROUP, at either level (RFC 3678 5.1). */
static int read_group_req(int level, const void *value, socklen_t len, struct wish *ret)
{
    struct group_req req;
    struct sockaddr_in sin;
    struct sockaddr_in6 sin6;
    int err = ft_opt_get(value, len, &req, sizeof(req));

    if (err)
        return err;
    memcpy(&sin, &req.gr_group, sizeof(sin));
    memcpy(&sin6, &req.gr_group, sizeof(sin6));
    *ret = (struct wish){.ifindex = (int)req.gr_interface};
    if (level == IPPROTO_IP) {
        ret->group = addr_of(sin.sin_addr);
        return sin.sin_family == AF_INET && addr_is_multicast(&ret->group) ? 0 : -EINVAL;
    }
    if (sin6.sin6_family != AF_INET6)
        return -EADDRNOTAVAIL;
    ret->group = addr_load16(sin6.sin6_addr.s6_addr);
    return check_wish6(ret);
}

/* ---- the options ------------------------------------------------------------------------------
 */

/* What an option asks for; false: it is none of this file. */
static bool find_action(int level, int name, bool *ret_joins)
{
    switch (name) {
    case MCAST_JOIN_GROUP:
    case MCAST_LEAVE_GROUP:
        *ret_joins = name == MCAST_JOIN_GROUP;
        return level == IPPROTO_IP || level == IPPROTO_IPV6;
    case IP_ADD_MEMBERSHIP:
    case IP_DROP_MEMBERSHIP:
        *ret_joins = name == IP_ADD_MEMBERSHIP;
        return level == IPPROTO_IP;
    case IPV6_JOIN_GROUP:
    case IPV6_LEAVE_GROUP:
        *ret_joins = name == IPV6_JOIN_GROUP;
        return level == IPPROTO_IPV6;
    default:
        return false;
    }
}

bool udp_mcast_known(int level, int name)
{
    bool joins;

    return find_action(level, name, &joins) || (level == IPPROTO_IP && name == IP_MULTICAST_IF);
}

static int set_multicast_if(struct ft_udp *udp, struct ft_udp_sock *sock, const void *value,
                            socklen_t len)
{
    struct ip_mreqn mreq;
    struct ft_addr src;
    int err = read_mreqn(value, len, true, &mreq), ifindex;

    if (err)
        return err;
    src = addr_of(mreq.imr_address);
    ifindex = mreq.imr_ifindex;
    if (ifindex && !ft_net_if_exists(udp->net, ifindex))
        return -EADDRNOTAVAIL;
    if (!ifindex && !addr_is_any(&src)) {
        ifindex = ft_net_if_of(udp->net, &src);
        if (!ifindex)
            return -EADDRNOTAVAIL;
    }
    if (ifindex && sock->bound_if && ifindex != sock->bound_if)
        return -EINVAL;
    sock->mcast_if = ifindex;
    sock->mcast_src = addr_is_any(&src) ? addr_any() : src;
    return 0;
}

int udp_mcast_set(struct ft_udp *udp, struct ft_udp_sock *sock, int level, int name,
                  const void *value, socklen_t len)
{
    struct wish wish;
    bool joins;
    int err;

    if (!find_action(level, name, &joins))
        return set_multicast_if(udp, sock, value, len);
    if (name == MCAST_JOIN_GROUP || name == MCAST_LEAVE_GROUP)
        err = read_group_req(level, value, len, &wish);
    else if (level == IPPROTO_IP)
        err = read_wish4(value, len, &wish);
    else
        err = read_wish6(value, len, &wish);
    if (err)
        return err;
    return joins ? join(udp, sock, &wish) : leave(udp, sock, &wish);
}

int udp_mcast_get_if(const struct ft_udp_sock *sock, void *ret_value, socklen_t *len)
{
    struct in_addr addr = {.s_addr = 0};

    if (!addr_is_any(&sock->mcast_src))
        addr.s_addr = be32_make(addr_v4_of(&sock->mcast_src)).v;
    return ft_opt_put(ret_value, len, &addr, sizeof(addr));
}
