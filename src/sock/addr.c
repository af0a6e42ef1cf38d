/* SPDX-License-Identifier: MIT */
/*
 * Addresses at the border: Linux's sockaddr_in and sockaddr_in6, in network order, to and from an
 * endpoint in host order. Nothing behind this file sees network order. RFC 3493 3.3, 3.7.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "sock/sock.h"
#include "wire/be.h"

#define SIN6_LEN_MIN 24 /* as RFC 2133 had it, without a scope; Linux takes it */
#define FLOW_LABEL   0xfffff

static int read4(const struct sockaddr *addr, socklen_t len, struct ft_endpoint *ret)
{
    struct sockaddr_in sin;

    if (len < sizeof(sin) || len > INT32_MAX)
        return -EINVAL;
    memcpy(&sin, addr, sizeof(sin));
    /* Linux lets a program forget the family with INADDR_ANY. */
    if (sin.sin_family != AF_INET && (sin.sin_family != AF_UNSPEC || sin.sin_addr.s_addr != 0))
        return -EAFNOSUPPORT;
    *ret = (struct ft_endpoint){
        .addr = addr_v4(be32_host((ft_be32){sin.sin_addr.s_addr})),
        .port = be16_host((ft_be16){sin.sin_port}),
    };
    return 0;
}

static int read6(const struct sockaddr *addr, socklen_t len, struct ft_endpoint *ret)
{
    struct sockaddr_in6 sin6;

    memset(&sin6, 0, sizeof(sin6));
    if (len < SIN6_LEN_MIN || len > INT32_MAX)
        return -EINVAL;
    memcpy(&sin6, addr, len < sizeof(sin6) ? SIN6_LEN_MIN : sizeof(sin6));
    if (sin6.sin6_family != AF_INET6)
        return -EAFNOSUPPORT;
    *ret = (struct ft_endpoint){
        .addr = addr_load16(sin6.sin6_addr.s6_addr),
        .port = be16_host((ft_be16){sin6.sin6_port}),
        .flow_label = be32_host((ft_be32){sin6.sin6_flowinfo}) & FLOW_LABEL,
    };
    if (addr_is_v4(&ret->addr))
        return 0;
    /* A scope has a meaning for what is link-local only; others are silently without. */
    if (!addr_is_link_local(&ret->addr) && !addr_is_multicast(&ret->addr))
        return 0;
    if (sin6.sin6_scope_id > UINT16_MAX)
        return -EINVAL;
    ret->ifindex = (uint16_t)sin6.sin6_scope_id;
    return 0;
}

int ft_endpoint_read(const struct sockaddr *addr, socklen_t len, bool ipv6,
                     struct ft_endpoint *ret_endpoint)
{
    struct ft_endpoint endpoint;
    int err;

    if (!addr)
        return -EINVAL;
    err = ipv6 ? read6(addr, len, &endpoint) : read4(addr, len, &endpoint);
    if (!err)
        *ret_endpoint = endpoint;
    return err;
}

static void put(struct sockaddr *ret_addr, socklen_t *len, const void *data, size_t size)
{
    if (!len)
        return;
    if (ret_addr)
        memcpy(ret_addr, data, *len < size ? *len : size);
    *len = (socklen_t)size;
}

void ft_endpoint_write(const struct ft_endpoint *endpoint, bool ipv6, struct sockaddr *ret_addr,
                       socklen_t *len)
{
    struct sockaddr_in6 sin6;
    struct sockaddr_in sin;

    if (!ipv6) {
        memset(&sin, 0, sizeof(sin));
        sin.sin_family = AF_INET;
        sin.sin_port = be16_make(endpoint->port).v;
        sin.sin_addr.s_addr = be32_make(addr_v4_of(&endpoint->addr)).v;
        put(ret_addr, len, &sin, sizeof(sin));
        return;
    }
    memset(&sin6, 0, sizeof(sin6));
    sin6.sin6_family = AF_INET6;
    sin6.sin6_port = be16_make(endpoint->port).v;
    sin6.sin6_flowinfo = be32_make(endpoint->flow_label & FLOW_LABEL).v;
    addr_store16(sin6.sin6_addr.s6_addr, &endpoint->addr);
    sin6.sin6_scope_id = endpoint->ifindex;
    put(ret_addr, len, &sin6, sizeof(sin6));
}
