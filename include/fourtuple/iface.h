/* SPDX-License-Identifier: MIT */
/*
 * Packets and time: interfaces, addresses, routes, and the calls by which a link drives a stack.
 *
 * A link is a loop: give what arrived to ft_input(), ask ft_output() for what to send, hand each
 * frame back by ft_output_done(), and sleep until ft_deadline(). Nothing is sent unless asked for,
 * so no link needs a queue of its own.
 */
#ifndef FOURTUPLE_IFACE_H
#define FOURTUPLE_IFACE_H

#include <stdbool.h>

#include <fourtuple/types.h>

FT_BEGIN_DECLS

#define FT_SPANS_MAX   8
#define FT_IF_NAME_MAX 16
/* The most that the headers of a frame take: Ethernet, IPv6, TCP with all options. */
#define FT_HEADERS_MAX 128

/* Flags of a frame. */
enum {
    FT_FRAME_CSUM_PARTIAL = 1 << 0, /* checksum from csum_start is to be filled in by the link */
    FT_FRAME_CSUM_GOOD = 1 << 1,    /* input: the link has verified the transport checksum */
    FT_FRAME_L2_MULTICAST = 1 << 2, /* input: came to a multicast or broadcast link address */
    FT_FRAME_LINEAR = 1 << 3,       /* output, set by the caller: copy the payload into buf */
};

enum ft_gso_type {
    FT_GSO_NONE = 0,
    FT_GSO_TCP4 = 1,
    FT_GSO_TCP6 = 2,
};

/* One packet, or one that stands for n_segs (segmentation offload). The caller owns the frame and
   its buffer. */
struct ft_frame {
    uint8_t *buf;                       /* headers; all of the packet when n_spans is 0 */
    uint32_t cap;                       /* output: room in buf */
    uint32_t len;                       /* octets used in buf */
    struct ft_span spans[FT_SPANS_MAX]; /* the payload that follows buf, borrowed */
    uint8_t n_spans;
    uint16_t flags;       /* FT_FRAME_* */
    uint16_t csum_start;  /* with CSUM_PARTIAL: sum from here, in octets from buf */
    uint16_t csum_offset; /* with CSUM_PARTIAL: store the sum there, from csum_start */
    uint16_t gso_type;    /* enum ft_gso_type */
    uint16_t gso_size;    /* payload octets of each segment, with gso_type */
    uint16_t n_segs;      /* segments it stands for; 0 counts as 1 */
    ft_time at;           /* output: departure; input: arrival */
    uint64_t cookie;      /* the stack's; hand it back untouched to ft_output_done */
};

enum ft_if_type {
    FT_IF_ETHER = 1,    /* Ethernet frames, ARP and ND */
    FT_IF_IP = 2,       /* bare IP packets, no neighbours (a tunnel) */
    FT_IF_LOOPBACK = 3, /* bare IP packets that come back: 127.0.0.0/8, ::1 and own addresses */
};

/* Flags of an interface. */
enum {
    FT_IF_TX_CSUM = 1 << 0,        /* the link fills in checksums (CSUM_PARTIAL allowed) */
    FT_IF_TSO = 1 << 1,            /* the link takes frames with gso_type, up to gso_max octets */
    FT_IF_SLAAC = 1 << 2,          /* form addresses and routes from router advertisements */
    FT_IF_NO_DAD = 1 << 3,         /* addresses are neither probed nor announced */
    FT_IF_FAST_DAD = 1 << 4,       /* RFC 5227's times divided by ten (a virtual wire) */
    FT_IF_OWN_LINK_LOCAL = 1 << 5, /* with FT_IF_SLAAC: the link-local address is the caller's to
                                      choose and to add; the stack forms none */
};

struct ft_if_config {
    uint32_t size;             /* sizeof(struct ft_if_config) */
    char name[FT_IF_NAME_MAX]; /* for people; NUL-terminated */
    uint8_t type;              /* enum ft_if_type */
    uint8_t mac[6];            /* FT_IF_ETHER: unicast, not zero */
    uint32_t mtu;              /* octets of IP in a frame: 68 to 65535; 1280 and more for IPv6 */
    uint32_t headroom;         /* octets to leave free before the first header in buf */
    uint32_t gso_max;          /* with FT_IF_TSO: the longest IP packet to build, at most 65535 */
    uint32_t flags;            /* FT_IF_* */
    int ifindex;               /* wished for; 0 lets the stack choose */
};

/* How an address is taken into use. */
enum {
    FT_ADDR_PROBE_FIRST = 1 << 0, /* not used before it was probed without a conflict */
};

enum ft_addr_state {
    FT_ADDR_TENTATIVE = 1,  /* being probed, not to be used */
    FT_ADDR_OPTIMISTIC = 2, /* being probed, in use meanwhile (RFC 4429) */
    FT_ADDR_PREFERRED = 3,
    FT_ADDR_DEPRECATED = 4, /* only for what uses it already */
    FT_ADDR_DUPLICATE = 5,  /* somebody else has it */
};

struct ft_addr_info {
    struct ft_addr addr;
    uint8_t prefix_len; /* in bits of its own family */
    uint8_t state;      /* enum ft_addr_state */
};

struct ft_route_config {
    uint32_t size;          /* sizeof(struct ft_route_config) */
    struct ft_addr prefix;  /* :: or 0.0.0.0 (v4-mapped) with length 0: the default route */
    uint8_t prefix_len;     /* in bits of the prefix's own family */
    struct ft_addr gateway; /* any: on-link */
    int ifindex;            /* must exist */
    uint32_t metric;        /* smaller wins among equal prefixes */
};

/**
 * Add an interface. It is up at once.
 *
 * @config: copied; the caller keeps it
 *
 * Return: its ifindex (1 or more); -EINVAL: type, mtu, mac, gso_max or size; -EEXIST: the wished
 * ifindex is taken; -ENOBUFS. Addresses come next: ft_addr_add().
 */
FT_PUBLIC int ft_if_add(struct ft_stack *stack, const struct ft_if_config *config);

/**
 * Change the MTU of an interface. Connections over it follow at their next segment.
 *
 * @mtu: as in struct ft_if_config
 *
 * Return: 0; -ENODEV; -EINVAL.
 */
FT_PUBLIC int ft_if_set_mtu(struct ft_stack *stack, int ifindex, uint32_t mtu);

/**
 * Give an interface an address, and a route to its prefix.
 *
 * @addr:       unicast; IPv4 as v4-mapped
 * @prefix_len: 1 to 32 for IPv4, 1 to 128 for IPv6
 * @flags:      FT_ADDR_PROBE_FIRST or 0 (optimistic: used at once, probed meanwhile)
 *
 * Return: 0; -ENODEV; -EINVAL: not unicast, a bad prefix_len, or IPv6 on an MTU below 1280;
 * -EEXIST; -ENOBUFS: addrs_max. How it fares: ft_addr_state().
 */
FT_PUBLIC int ft_addr_add(struct ft_stack *stack, int ifindex, const struct ft_addr *addr,
                          unsigned prefix_len, unsigned flags);

/**
 * Take an address and its prefix route from an interface. Connections that use it go on trying.
 *
 * Return: 0; -ENODEV; -EADDRNOTAVAIL.
 */
FT_PUBLIC int ft_addr_del(struct ft_stack *stack, int ifindex, const struct ft_addr *addr);

/**
 * How an address fares.
 *
 * Return: an enum ft_addr_state; -ENODEV; -EADDRNOTAVAIL.
 */
FT_PUBLIC int ft_addr_state(const struct ft_stack *stack, int ifindex, const struct ft_addr *addr);

/**
 * List the addresses of an interface, those formed from router advertisements among them.
 *
 * @ret_addrs: up to @n are written
 *
 * Return: how many there are (may be more than @n); -ENODEV.
 */
FT_PUBLIC int ft_addrs(const struct ft_stack *stack, int ifindex, struct ft_addr_info *ret_addrs,
                       size_t n);

/**
 * Add a route. The longest prefix wins, then the smallest metric.
 *
 * @config: copied; the caller keeps it
 *
 * Return: 0; -ENODEV; -EINVAL; -EEXIST; -ENETUNREACH: the gateway is on no link of the interface;
 * -ENOBUFS: routes_max.
 */
FT_PUBLIC int ft_route_add(struct ft_stack *stack, const struct ft_route_config *config);

/**
 * Remove a route that has the prefix, prefix_len, gateway and ifindex given.
 *
 * Return: 0; -ESRCH.
 */
FT_PUBLIC int ft_route_del(struct ft_stack *stack, const struct ft_route_config *config);

/**
 * List the routes: those that were added, those to the prefixes of addresses, and those that
 * routers advertised and that have not ended.
 *
 * @ret_routes: up to @n are written, the preferred ones first
 *
 * Return: how many there are (may be more than @n).
 */
FT_PUBLIC int ft_routes(const struct ft_stack *stack, struct ft_route_config *ret_routes, size_t n);

/**
 * Tell the stack what time it is, and run the timers that are due. Socket calls use the time last
 * given, so call this after sleeping.
 *
 * @now: an earlier time than the last is taken for the last
 */
FT_PUBLIC void ft_advance(struct ft_stack *stack, ft_time now);

/**
 * Take packets in. They change state and make sockets ready; nothing is sent from here.
 *
 * @ifindex: where they arrived; an unknown one drops them
 * @frames:  borrowed, spans too, until the call returns
 * @now:     as for ft_advance()
 *
 * Next: ft_output() of each interface, ft_events().
 */
FT_PUBLIC void ft_input(struct ft_stack *stack, int ifindex, const struct ft_frame *frames,
                        size_t n, ft_time now);

/**
 * Ask for packets to send. Ask for no more than the link has room for.
 *
 * @frames: buf and cap set by the caller (cap at least headroom + FT_HEADERS_MAX; headroom + 14 +
 *          mtu for what must be linear), FT_FRAME_LINEAR in flags if wanted; all else is written.
 *          What the stack says of its own accord is always linear (ARP, ICMP, MLD and IGMP): where
 * cap is too small for it, it is dropped and counted (control_dropped). Spans stay valid until
 * ft_output_done(), whatever is called in between.
 * @n:      at most limits.frames_out_max are out at a time
 * @now:    as for ft_advance()
 *
 * Return: frames written; 0 when there is nothing to send now. Each must be given back.
 */
FT_PUBLIC size_t ft_output(struct ft_stack *stack, int ifindex, struct ft_frame *frames, size_t n,
                           ft_time now);

/**
 * Give frames back, in the order in which ft_output() gave them, each exactly once.
 *
 * @n:      frames given back
 * @n_sent: the first n_sent have left. Of the rest, control packets are dropped and counted,
 *          octets of a connection count as lost (sent again at once, with no congestion
 *          response), datagrams stay queued.
 */
FT_PUBLIC void ft_output_done(struct ft_stack *stack, int ifindex, const struct ft_frame *frames,
                              size_t n, size_t n_sent);

/**
 * Whether ft_output() would give something now.
 */
FT_PUBLIC bool ft_output_pending(const struct ft_stack *stack, int ifindex);

/**
 * When ft_advance() must be called next.
 *
 * Return: an instant, never later than the earliest timer, perhaps earlier; FT_TIME_NEVER: none.
 */
FT_PUBLIC ft_time ft_deadline(const struct ft_stack *stack);

FT_END_DECLS

#endif
