/* SPDX-License-Identifier: MIT */
/*
 * Addresses as text (RFC 4291 2.2, RFC 5952 by way of inet_ntop) and as sockaddr.
 */
#include "diag/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define IP4_MAPPED UINT64_C(0x0000ffff00000000)

bool addr_is_ip4(const struct ft_addr *addr)
{
    return addr->hi == 0 && addr->lo >> 32 == 0xffff;
}

bool addr_is_link_local(const struct ft_addr *addr)
{
    return addr->hi >> 54 == 0xfe80 >> 6;
}

struct ft_addr addr_from_ip4(uint32_t ip4)
{
    return (struct ft_addr){0, IP4_MAPPED | ip4};
}

static struct ft_addr from_octets(const uint8_t octets[16])
{
    struct ft_addr addr = {0, 0};

    for (unsigned i = 0; i < 8; i++) {
        addr.hi = addr.hi << 8 | octets[i];
        addr.lo = addr.lo << 8 | octets[i + 8];
    }
    return addr;
}

static void to_octets(const struct ft_addr *addr, uint8_t ret_octets[16])
{
    for (unsigned i = 0; i < 8; i++) {
        ret_octets[i] = (uint8_t)(addr->hi >> (56 - 8 * i));
        ret_octets[i + 8] = (uint8_t)(addr->lo >> (56 - 8 * i));
    }
}

int addr_parse(const char *text, struct ft_addr *ret_addr)
{
    struct in6_addr ip6;
    struct in_addr ip4;

    if (inet_pton(AF_INET, text, &ip4) == 1) {
        *ret_addr = addr_from_ip4(ntohl(ip4.s_addr));
        return 0;
    }
    if (inet_pton(AF_INET6, text, &ip6) == 1) {
        *ret_addr = from_octets(ip6.s6_addr);
        return 0;
    }
    return -EINVAL;
}

/* Reads a whole number of at most five digits, to the end of the text. */
static bool read_number(const char *text, unsigned max, unsigned *ret_value)
{
    unsigned value = 0, n = 0;

    for (; text[n] >= '0' && text[n] <= '9' && n < 5; n++)
        value = value * 10 + (unsigned)(text[n] - '0');
    if (n == 0 || text[n] != '\0' || value > max)
        return false;
    *ret_value = value;
    return true;
}

/* Reads the first @len octets of a text as an address. */
static int parse_part(const char *text, size_t len, struct ft_addr *ret_addr)
{
    char part[ADDR_TEXT_MAX];

    if (len >= sizeof(part))
        return -EINVAL;
    memcpy(part, text, len);
    part[len] = '\0';
    return addr_parse(part, ret_addr);
}

int addr_parse_cidr(const char *text, struct ft_addr *ret_addr, unsigned *ret_prefix_len)
{
    const char *slash = strchr(text, '/');
    size_t len = slash == NULL ? strlen(text) : (size_t)(slash - text);
    unsigned max, prefix_len;
    struct ft_addr addr;

    if (parse_part(text, len, &addr) != 0)
        return -EINVAL;
    max = addr_is_ip4(&addr) ? 32 : 128;
    prefix_len = max;
    if (slash != NULL && !read_number(slash + 1, max, &prefix_len))
        return -EINVAL;
    if (prefix_len == 0 && (addr.hi != 0 || (addr.lo != 0 && addr.lo != IP4_MAPPED)))
        return -EINVAL;
    *ret_addr = addr;
    *ret_prefix_len = prefix_len;
    return 0;
}

char *addr_format(const struct ft_addr *addr, char *ret_text)
{
    struct in_addr ip4 = {htonl((uint32_t)addr->lo)};
    struct in6_addr ip6;
    const char *done;

    if (addr_is_ip4(addr)) {
        done = inet_ntop(AF_INET, &ip4, ret_text, ADDR_TEXT_MAX);
    } else {
        to_octets(addr, ip6.s6_addr);
        done = inet_ntop(AF_INET6, &ip6, ret_text, ADDR_TEXT_MAX);
    }
    if (done == NULL)
        ret_text[0] = '\0';
    return ret_text;
}

char *addr_format_name(const struct ft_addr *addr, uint16_t port, char *ret_text)
{
    char text[ADDR_TEXT_MAX];
    const char *form = addr_is_ip4(addr) ? "%.46s:%u" : "[%.46s]:%u";

    (void)snprintf(ret_text, ADDR_TEXT_MAX, form, addr_format(addr, text), (unsigned)port);
    return ret_text;
}

socklen_t addr_to_sockaddr(const struct ft_addr *addr, uint16_t port, int family, uint32_t scope_id,
                           struct sockaddr_storage *ret_sa)
{
    struct sockaddr_in6 sin6;
    struct sockaddr_in sin;

    if (family == AF_INET) {
        memset(&sin, 0, sizeof(sin));
        sin.sin_family = AF_INET;
        sin.sin_port = htons(port);
        sin.sin_addr.s_addr = htonl((uint32_t)addr->lo);
        memcpy(ret_sa, &sin, sizeof(sin));
        return sizeof(sin);
    }
    memset(&sin6, 0, sizeof(sin6));
    sin6.sin6_family = AF_INET6;
    sin6.sin6_port = htons(port);
    sin6.sin6_scope_id = scope_id;
    to_octets(addr, sin6.sin6_addr.s6_addr);
    memcpy(ret_sa, &sin6, sizeof(sin6));
    return sizeof(sin6);
}

int addr_from_sockaddr(const struct sockaddr *sa, socklen_t len, struct ft_addr *ret_addr,
                       uint16_t *ret_port)
{
    struct sockaddr_in6 sin6;
    struct sockaddr_in sin;
    sa_family_t family;

    if (len < sizeof(family))
        return -EINVAL;
    memcpy(&family, &sa->sa_family, sizeof(family));
    if (family == AF_INET) {
        if (len < sizeof(sin))
            return -EINVAL;
        memcpy(&sin, sa, sizeof(sin));
        *ret_addr = addr_from_ip4(ntohl(sin.sin_addr.s_addr));
        *ret_port = ntohs(sin.sin_port);
        return 0;
    }
    if (family != AF_INET6)
        return -EAFNOSUPPORT;
    if (len < sizeof(sin6))
        return -EINVAL;
    memcpy(&sin6, sa, sizeof(sin6));
    *ret_addr = from_octets(sin6.sin6_addr.s6_addr);
    *ret_port = ntohs(sin6.sin6_port);
    return 0;
}
