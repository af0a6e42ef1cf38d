/* SPDX-License-Identifier: MIT */
/*
 * One network layer between a test and a made-up wire, in virtual time. The test speaks frames; an
 * invariant check follows each of them. The host is 10.7.0.1/24, fd07::1/64 and fe80::1/64 on an
 * Ethernet of MTU 1500, with a loopback beside it.
 */
#ifndef TESTS_NET_HARNESS_H
#define TESTS_NET_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/env.h"
#include "net/net.h"
#include "wire/arp.h"
#include "wire/be.h"
#include "wire/csum.h"
#include "wire/eth.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"
#include "wire/ip.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/ndp.h"

#define PKT_MAX 70000

struct host {
    struct ft_env env;
    struct ft_net *net;
    const uint8_t *mac; /* of its interface, set before it is opened; NULL: mac_us */
    int eth, lo;
    /* What became of the last frame. */
    enum ft_net_verdict what;
    enum ft_verdict verdict;
    struct ft_rx rx;
    /* The last control frame that the host sent. */
    uint8_t out[PKT_MAX];
    size_t out_len;
    /* A frame in the making. */
    uint8_t *held; /* the last frame taken in, for what points into it */
    uint8_t in[PKT_MAX];
    size_t in_len;
};

/* What the headers of a packet say. Zero fields are filled in: the source is neighbour B, the
   destination the host. */
struct say {
    const uint8_t *eth_dst, *eth_src;
    struct ft_addr src, dst;
    uint8_t proto, ttl, tos;
    uint16_t id, off;
    bool mf;
};

extern const uint8_t mac_us[6], mac_b[6], mac_c[6], mac_all[6];

#define V4(a, b, c, d) addr_v4((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (c) << 8 | (d))
#define V6(hi_, lo_)   ((struct ft_addr){.hi = (hi_), .lo = (lo_)})
#define US4            V4(10, 7, 0, 1)
#define B4             V4(10, 7, 0, 2)
#define US6            V6(0xfd07000000000000, 1)
#define B6             V6(0xfd07000000000000, 2)
#define US_LL          V6(0xfe80000000000000, 1)
#define B_LL           V6(0xfe80000000000000, 2)

/** Make the host; its addresses are settled. @flags: FT_IF_* besides FT_IF_NO_DAD. */
void host_open(struct host *h, uint32_t flags);

/** As host_open() without addresses, and @flags as they are. */
void host_open_bare(struct host *h, uint32_t flags);

/** Only its surroundings: time, memory, limits. */
void host_open_env(struct host *h);

/** Free it and assert that no memory is left. */
void host_close(struct host *h);

/** Let time pass; timers fire at their instants. */
void host_after(struct host *h, ft_time t);

/** Take in a frame from Ethernet; the octets are in a block of exactly their size. */
void host_take(struct host *h, const uint8_t *frame, size_t len);

/** As host_take() of h->in. */
void host_take_in(struct host *h);

/** As host_take_in(), with the frame split into buf and spans at @a and @b. */
void host_take_split(struct host *h, size_t a, size_t b);

/** Take in a bare packet from loopback. */
void host_take_lo(struct host *h, const uint8_t *pkt, size_t len);

/** Fetch the next control frame into h->out. Return: its octets; 0: there is none. */
size_t host_sent(struct host *h);

/** Fetch and forget all control frames. Return: how many. */
size_t host_drain(struct host *h);

/** The number of frames that went to drops with this verdict. */
bool host_dropped(const struct host *h, enum ft_verdict verdict);

/** Build an IP packet with a link header in h->in. */
void say_ip(struct host *h, const struct say *say, const void *l4, size_t len);

/** An echo request to the host of the family of @say's source (IPv4 if it has none). */
void say_echo(struct host *h, const struct say *say, size_t payload);

/** A UDP datagram with ports and a right checksum. */
void say_udp(struct host *h, const struct say *say, size_t payload);

/** A TCP header (SYN) with a right checksum. */
void say_tcp(struct host *h, const struct say *say, size_t payload);

/** An ARP packet. */
void say_arp(struct host *h, const uint8_t *eth_dst, const struct arp_pkt *pkt);

/** A neighbour discovery message from B_LL unless @say has a source. */
void say_nd(struct host *h, const struct say *say, const struct ndp_msg *msg);

/** Make B (and its addresses of both families) a reachable neighbour. */
void host_knows_b(struct host *h);

/** The IP header in h->out. */
static inline const uint8_t *out_ip(const struct host *h)
{
    return h->out + ETH_HDR_LEN;
}

#endif
