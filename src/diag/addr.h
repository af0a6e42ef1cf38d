/* SPDX-License-Identifier: MIT */
/*
 * Addresses as people write them: 10.7.0.2, fd07::2, 10.7.0.2/24, 10.7.0.2:80, [::1]:80; and
 * between struct ft_addr and sockaddr. Inside, an IPv4 address is its v4-mapped form.
 */
#ifndef DIAG_ADDR_H
#define DIAG_ADDR_H

#include <stdbool.h>
#include <sys/socket.h>

#include <fourtuple/types.h>

#define ADDR_TEXT_MAX 64 /* room for any of the texts below with its NUL */

/** Whether an address is IPv4 (v4-mapped). */
bool addr_is_ip4(const struct ft_addr *addr);

/** Whether an address is in fe80::/10. */
bool addr_is_link_local(const struct ft_addr *addr);

/** The struct ft_addr of an IPv4 address in host order. */
struct ft_addr addr_from_ip4(uint32_t ip4);

/**
 * Read an address without anything behind it.
 *
 * @text:     borrowed
 * @ret_addr: written on success
 *
 * Return: 0; -EINVAL.
 */
int addr_parse(const char *text, struct ft_addr *ret_addr);

/**
 * Read ADDRESS/LENGTH. A missing length is 32 or 128.
 *
 * @ret_prefix_len: 1 to 32 or 128 (0 for the address 0.0.0.0 or ::)
 *
 * Return: 0; -EINVAL.
 */
int addr_parse_cidr(const char *text, struct ft_addr *ret_addr, unsigned *ret_prefix_len);

/**
 * Write an address.
 *
 * @ret_text: up to ADDR_TEXT_MAX octets
 *
 * Return: @ret_text.
 */
char *addr_format(const struct ft_addr *addr, char *ret_text);

/**
 * Write a socket name: 10.7.0.2:80 or [fd07::2]:80. "Any" and port 0 are written as they are.
 *
 * Return: @ret_text.
 */
char *addr_format_name(const struct ft_addr *addr, uint16_t port, char *ret_text);

/**
 * Make a sockaddr out of a name.
 *
 * @family:   AF_INET (the address must be IPv4, or any) or AF_INET6
 * @scope_id: of a link-local address; 0 for none
 *
 * Return: the length of what was written to @ret_sa.
 */
socklen_t addr_to_sockaddr(const struct ft_addr *addr, uint16_t port, int family, uint32_t scope_id,
                           struct sockaddr_storage *ret_sa);

/**
 * Take a name out of a sockaddr.
 *
 * Return: 0; -EINVAL: too short; -EAFNOSUPPORT.
 */
int addr_from_sockaddr(const struct sockaddr *sa, socklen_t len, struct ft_addr *ret_addr,
                       uint16_t *ret_port);

#endif
