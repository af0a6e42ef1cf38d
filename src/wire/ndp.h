/* SPDX-License-Identifier: MIT */
/*
 * Neighbour discovery messages with their options. Reading applies the whole validity list of
 * RFC 4861 before anything is handed on; a bounded number of prefixes is kept. That a message
 * came in fragments (RFC 6980) only net/ can know. RFC 4861 4, 6.1, 7.1, 8.1; RFC 7527 4 (nonce).
 */
#ifndef WIRE_NDP_H
#define WIRE_NDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fourtuple/types.h>

#include "wire/eth.h"
#include "wire/ip6.h"

#define NDP_PREFIXES_MAX 8
#define NDP_NONCE_LEN    6
/* The longest message that ndp_emit() writes: a router advertisement with every option. */
#define NDP_MSG_LEN_MAX  (16 + 8 + 8 + 8 + 8 + 32 * NDP_PREFIXES_MAX)

/* A prefix of a router advertisement (RFC 4861 4.6.2). */
struct ndp_prefix {
    struct ft_addr prefix; /* bits beyond len as sent */
    uint32_t valid_s;      /* UINT32_MAX: for ever */
    uint32_t preferred_s;
    uint8_t len; /* 0 to 128 */
    bool on_link;
    bool autonomous;
};

/* A message of neighbour discovery. Fields of other types than `type` are zero. */
struct ndp_msg {
    uint8_t type; /* ICMP6_RS, _RA, _NS, _NA, _REDIRECT */

    struct ft_addr target; /* NS, NA, Redirect */
    struct ft_addr dst;    /* Redirect: the destination that is redirected */
    bool router;           /* NA: R */
    bool solicited;        /* NA: S */
    bool override;         /* NA: O */

    uint8_t cur_hop_limit; /* RA: 0 is "unspecified" */
    bool managed;          /* RA: M */
    bool other;            /* RA: O */
    uint16_t lifetime_s;   /* RA: of the default router, 0 is none */
    uint32_t reachable_ms; /* RA: 0 is "unspecified" */
    uint32_t retrans_ms;   /* RA: 0 is "unspecified" */

    bool has_sllao; /* source link-layer address: RS, RA, NS */
    bool has_tllao; /* target link-layer address: NA, Redirect */
    bool has_mtu;   /* RA */
    bool has_nonce; /* NS */
    uint8_t sllao[ETH_ADDR_LEN];
    uint8_t tllao[ETH_ADDR_LEN];
    uint8_t nonce[NDP_NONCE_LEN];
    uint32_t mtu;
    uint8_t n_prefixes; /* further ones are ignored */
    struct ndp_prefix prefixes[NDP_PREFIXES_MAX];
    const uint8_t *quote; /* Redirect: the redirected packet's first octets, or NULL; borrowed */
    size_t quote_len;
};

/**
 * Read a neighbour discovery message and apply the validity list (RFC 4861 6.1, 7.1, 8.1).
 *
 * @ip:  header of the packet: hop limit, source and destination are part of the list
 * @buf: the ICMPv6 message, whose checksum icmp6_parse() has verified
 * @len: its octets
 * @ret: result
 *
 * An option of a known type but a wrong length or range is ignored, an unknown one skipped.
 *
 * Return: 0; -EINVAL: a condition of the list fails, and the message must change nothing.
 */
int ndp_parse(const struct ip6_hdr *ip, const uint8_t *buf, size_t len, struct ndp_msg *ret);

/**
 * Write a neighbour discovery message with its checksum.
 *
 * @buf: room for NDP_MSG_LEN_MAX octets always suffices
 * @cap: octets of room
 * @ip:  src and dst are used; the caller sends it with hop limit 255
 * @msg: what to write; `quote` is not written
 *
 * Return: octets written, or 0 if @cap is too small or the type is none of the five.
 */
size_t ndp_emit(uint8_t *buf, size_t cap, const struct ip6_hdr *ip, const struct ndp_msg *msg);

#endif
