/* SPDX-License-Identifier: MIT */
/*
 * SipHash (Aumasson and Bernstein, 2012), a keyed hash: SipHash-2-4 where the result is a secret or
 * visible on the wire, SipHash-1-3 for tables, where an attacker sees at most how long we take.
 */
#ifndef FT_BASE_HASH_H
#define FT_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/**
 * SipHash-2-4 of some octets.
 *
 * @key:  128 secret bits
 * @data: octets, may be NULL when @len is 0
 * @len:  octets
 *
 * Return: the hash as a host-order integer, the same on every machine.
 */
uint64_t ft_siphash(const uint8_t key[16], const void *data, size_t len);

/**
 * SipHash-1-3 of whole words: the fast way for keys of fixed size.
 *
 * @key:     128 secret bits
 * @w:       words in host order
 * @n_words: words
 *
 * Return: SipHash-1-3 of the words laid out least significant octet first.
 */
uint64_t ft_siphash13_words(const uint8_t key[16], const uint64_t *w, size_t n_words);

#endif
