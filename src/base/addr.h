/* SPDX-License-Identifier: MIT */
/*
 * What an address is: any, loopback, multicast, link-local, on a prefix. It knows struct ft_addr
 * (two host-order integers, IPv4 in its v4-mapped form) and nothing of octets; those are loaded
 * and stored in wire/be.h. RFC 4291 2.4 to 2.7, RFC 1122 3.2.1.3, RFC 3927 2.1.
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#include <fourtuple/types.h>

/* The upper half of the low word of a v4-mapped address. */
#define ADDR_V4_MARK UINT64_C(0xffff00000000)

/**
 * The IPv4 address a.b.c.d in its v4-mapped form (RFC 4291 2.5.5.2).
 *
 * @v4: host order, 0x7f000001 is 127.0.0.1
 *
 * Return: the address.
 */
static inline struct ft_addr addr_v4(uint32_t v4)
{
    return (struct ft_addr){.hi = 0, .lo = ADDR_V4_MARK | v4};
}

/**
 * Whether an address is IPv4 (v4-mapped).
 *
 * @addr: the address
 *
 * Return: true for ::ffff:0:0/96; "::" is not IPv4.
 */
static inline bool addr_is_v4(const struct ft_addr *addr)
{
    return addr->hi == 0 && (addr->lo >> 32) == 0xffff;
}

/**
 * The 32 bits of an IPv4 address.
 *
 * @addr: an address for which addr_is_v4() holds; of others the lowest 32 bits
 *
 * Return: host order.
 */
static inline uint32_t addr_v4_of(const struct ft_addr *addr)
{
    return (uint32_t)addr->lo;
}

/**
 * Whether two addresses are the same.
 *
 * @a: one
 * @b: the other
 *
 * Return: true if all 128 bits are equal; "::" and 0.0.0.0 differ.
 */
static inline bool addr_eq(const struct ft_addr *a, const struct ft_addr *b)
{
    return a->hi == b->hi && a->lo == b->lo;
}

/**
 * The unspecified IPv6 address, "::"; the one of IPv4 is addr_v4(0).
 *
 * Return: all zero.
 */
static inline struct ft_addr addr_any(void)
{
    return (struct ft_addr){0, 0};
}

/**
 * Whether an address names nobody: "::" or 0.0.0.0.
 *
 * @addr: the address
 *
 * Return: true for both.
 */
static inline bool addr_is_any(const struct ft_addr *addr)
{
    return addr->hi == 0 && (addr->lo == 0 || addr->lo == ADDR_V4_MARK);
}

/**
 * Whether an address is the host's own: ::1 or 127.0.0.0/8.
 *
 * @addr: the address
 *
 * Return: true for both.
 */
static inline bool addr_is_loopback(const struct ft_addr *addr)
{
    if (addr_is_v4(addr))
        return (addr_v4_of(addr) >> 24) == 127;
    return addr->hi == 0 && addr->lo == 1;
}

/**
 * Whether an address names a group: ff00::/8 or 224.0.0.0/4.
 *
 * @addr: the address
 *
 * Return: true for both; the broadcast address is none of them.
 */
static inline bool addr_is_multicast(const struct ft_addr *addr)
{
    if (addr_is_v4(addr))
        return (addr_v4_of(addr) >> 28) == 0xe;
    return (addr->hi >> 56) == 0xff;
}

/**
 * Whether an address is IPv4's limited broadcast, 255.255.255.255.
 *
 * @addr: the address
 *
 * Return: true for it only; a subnet's broadcast depends on its prefix.
 */
static inline bool addr_is_broadcast(const struct ft_addr *addr)
{
    return addr->hi == 0 && addr->lo == (ADDR_V4_MARK | UINT32_MAX);
}

/**
 * Whether a unicast address has meaning on its link only: fe80::/10 or 169.254.0.0/16.
 *
 * @addr: the address
 *
 * Return: true for both.
 */
static inline bool addr_is_link_local(const struct ft_addr *addr)
{
    if (addr_is_v4(addr))
        return (addr_v4_of(addr) >> 16) == 0xa9fe;
    return (addr->hi >> 54) == (UINT64_C(0xfe80) >> 6);
}

/**
 * The scope of an IPv6 group (RFC 4291 2.7).
 *
 * @addr: a group, ff00::/8
 *
 * Return: 0 to 15: 1 is the interface's, 2 the link's.
 */
static inline unsigned addr_scope6(const struct ft_addr *addr)
{
    return (unsigned)(addr->hi >> 48) & 0xf;
}

/**
 * Whether an address says nothing without its link: fe80::/10, and IPv6 groups of the scope of an
 * interface or a link.
 *
 * @addr: the address
 *
 * Return: false for all of IPv4.
 */
static inline bool addr_needs_scope(const struct ft_addr *addr)
{
    if (addr_is_v4(addr))
        return false;
    if (addr_is_multicast(addr))
        return addr_scope6(addr) == 1 || addr_scope6(addr) == 2;
    return addr_is_link_local(addr);
}

/**
 * The mask of a prefix, as an address.
 *
 * @len: bits of all 128, at most 128
 *
 * Return: @len ones, then zeros.
 */
static inline struct ft_addr addr_mask(unsigned len)
{
    struct ft_addr mask = {0, 0};

    if (len > 64) {
        mask.hi = UINT64_MAX;
        mask.lo = len >= 128 ? UINT64_MAX : ~(UINT64_MAX >> (len - 64));
    } else if (len > 0) {
        mask.hi = len == 64 ? UINT64_MAX : ~(UINT64_MAX >> len);
    }
    return mask;
}

/**
 * Whether an address lies on a prefix.
 *
 * @addr:   the address
 * @prefix: the prefix; its bits beyond @len do not matter
 * @len:    bits of the prefix's own family, 0 to 32 or 0 to 128; more counts as all
 *
 * Return: true if both are of one family and their first @len bits are equal.
 */
static inline bool addr_in_prefix(const struct ft_addr *addr, const struct ft_addr *prefix,
                                  unsigned len)
{
    struct ft_addr mask;

    if (addr_is_v4(addr) != addr_is_v4(prefix))
        return false;
    if (addr_is_v4(prefix))
        len = 96 + (len > 32 ? 32 : len);
    mask = addr_mask(len);
    return ((addr->hi ^ prefix->hi) & mask.hi) == 0 && ((addr->lo ^ prefix->lo) & mask.lo) == 0;
}

/**
 * The solicited-node group of an IPv6 address (RFC 4291 2.7.1).
 *
 * @addr: an IPv6 unicast address
 *
 * Return: ff02::1:ffXX:XXXX.
 */
static inline struct ft_addr addr_solicited_node(const struct ft_addr *addr)
{
    return (struct ft_addr){.hi = UINT64_C(0xff02) << 48,
                            .lo = UINT64_C(0x1ff000000) | (addr->lo & 0xffffff)};
}

#endif
