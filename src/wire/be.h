/* SPDX-License-Identifier: MIT */
/*
 * Network order: loads and stores on octets, at any alignment, and the two types that hold
 * network order at the sockaddr border. It is the only place that knows the byte order of the
 * wire; addresses go from octets to struct ft_addr and back here. RFC 791 appendix B.
 */
#ifndef WIRE_BE_H
#define WIRE_BE_H

#include <stdint.h>
#include <string.h>

#include "base/addr.h"

/* Network-order integers of a sockaddr. They cannot be mistaken for host-order ones. */
typedef struct {
    uint16_t v;
} ft_be16;

typedef struct {
    uint32_t v;
} ft_be32;

/**
 * Load 16 bits in network order.
 *
 * @p: two octets, any alignment
 *
 * Return: host order.
 */
static inline uint16_t be16_load(const uint8_t *p)
{
    return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}

/**
 * Load 32 bits in network order.
 *
 * @p: four octets, any alignment
 *
 * Return: host order.
 */
static inline uint32_t be32_load(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/**
 * Load 64 bits in network order.
 *
 * @p: eight octets, any alignment
 *
 * Return: host order.
 */
static inline uint64_t be64_load(const uint8_t *p)
{
    return (uint64_t)be32_load(p) << 32 | be32_load(p + 4);
}

/**
 * Store 16 bits in network order.
 *
 * @p: room for two octets, any alignment
 * @v: host order
 */
static inline void be16_store(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/**
 * Store 32 bits in network order.
 *
 * @p: room for four octets, any alignment
 * @v: host order
 */
static inline void be32_store(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

/**
 * Store 64 bits in network order.
 *
 * @p: room for eight octets, any alignment
 * @v: host order
 */
static inline void be64_store(uint8_t *p, uint64_t v)
{
    be32_store(p, (uint32_t)(v >> 32));
    be32_store(p + 4, (uint32_t)v);
}

/**
 * Host order to the network order of a sockaddr's port.
 *
 * @v: host order
 *
 * Return: network order.
 */
static inline ft_be16 be16_make(uint16_t v)
{
    uint8_t octets[2];
    ft_be16 be;

    be16_store(octets, v);
    memcpy(&be.v, octets, sizeof(octets));
    return be;
}

/**
 * The network order of a sockaddr's port to host order.
 *
 * @be: network order
 *
 * Return: host order.
 */
static inline uint16_t be16_host(ft_be16 be)
{
    uint8_t octets[2];

    memcpy(octets, &be.v, sizeof(octets));
    return be16_load(octets);
}

/**
 * Host order to the network order of a sockaddr_in's address.
 *
 * @v: host order
 *
 * Return: network order.
 */
static inline ft_be32 be32_make(uint32_t v)
{
    uint8_t octets[4];
    ft_be32 be;

    be32_store(octets, v);
    memcpy(&be.v, octets, sizeof(octets));
    return be;
}

/**
 * The network order of a sockaddr_in's address to host order.
 *
 * @be: network order
 *
 * Return: host order.
 */
static inline uint32_t be32_host(ft_be32 be)
{
    uint8_t octets[4];

    memcpy(octets, &be.v, sizeof(octets));
    return be32_load(octets);
}

/**
 * Load an IPv4 address.
 *
 * @p: four octets
 *
 * Return: its v4-mapped form.
 */
static inline struct ft_addr addr_load4(const uint8_t *p)
{
    return addr_v4(be32_load(p));
}

/**
 * Load an IPv6 address.
 *
 * @p: sixteen octets
 *
 * Return: the address; v4-mapped octets come out as IPv4, which a parser of packets must refuse.
 */
static inline struct ft_addr addr_load16(const uint8_t *p)
{
    return (struct ft_addr){.hi = be64_load(p), .lo = be64_load(p + 8)};
}

/**
 * Store the four octets of an IPv4 address.
 *
 * @p:    room for four octets
 * @addr: an address for which addr_is_v4() holds
 */
static inline void addr_store4(uint8_t *p, const struct ft_addr *addr)
{
    be32_store(p, addr_v4_of(addr));
}

/**
 * Store the sixteen octets of an address, of IPv4 in its v4-mapped form.
 *
 * @p:    room for sixteen octets
 * @addr: the address
 */
static inline void addr_store16(uint8_t *p, const struct ft_addr *addr)
{
    be64_store(p, addr->hi);
    be64_store(p + 8, addr->lo);
}

#endif
