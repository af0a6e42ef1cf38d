/* SPDX-License-Identifier: MIT */
/*
 * The Internet checksum as packets carry it: the pseudo header of both families, and the test of
 * a sum that includes its own checksum field. The arithmetic on octets is in base/sum.h.
 * RFC 1071, RFC 9293 3.1 (pseudo header), RFC 8200 8.1.
 */
#ifndef WIRE_CSUM_H
#define WIRE_CSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fourtuple/types.h>

/**
 * The sum of the pseudo header (RFC 9293 3.1, RFC 8200 8.1).
 *
 * @src:    source; its family decides the form
 * @dst:    destination, of the same family
 * @proto:  upper-layer protocol
 * @l4_len: octets of the upper-layer header and its payload
 *
 * Return: a sum as of ft_sum(), to go on with ft_sum().
 */
uint64_t csum_pseudo(const struct ft_addr *src, const struct ft_addr *dst, uint8_t proto,
                     uint32_t l4_len);

/**
 * The checksum that makes what was summed right.
 *
 * @sum: as of ft_sum(), the checksum field summed as zero
 *
 * Return: host order, for be16_store() into the checksum field.
 */
uint16_t csum_finish(uint64_t sum);

/**
 * Whether a sum that includes its own checksum field is right.
 *
 * @sum: as of ft_sum()
 *
 * Return: true if it folds to all ones.
 */
bool csum_good(uint64_t sum);

/**
 * The checksum of octets without a pseudo header.
 *
 * @p:   octets, the checksum field in them zero
 * @len: how many
 *
 * Return: as csum_finish().
 */
uint16_t csum_of(const void *p, size_t len);

/**
 * The checksum of an upper-layer message whose octets lie in one piece.
 *
 * @src:   source
 * @dst:   destination, of the same family
 * @proto: upper-layer protocol
 * @p:     header and payload, the checksum field in them zero
 * @len:   how many octets
 *
 * Return: as csum_finish().
 */
uint16_t csum_l4(const struct ft_addr *src, const struct ft_addr *dst, uint8_t proto, const void *p,
                 size_t len);

/**
 * Whether the checksum of an upper-layer message in one piece is right.
 *
 * @src:   source
 * @dst:   destination, of the same family
 * @proto: upper-layer protocol
 * @p:     header and payload with their checksum
 * @len:   how many octets
 *
 * Return: true if it is.
 */
bool csum_l4_good(const struct ft_addr *src, const struct ft_addr *dst, uint8_t proto,
                  const void *p, size_t len);

#endif
