/* SPDX-License-Identifier: MIT */
/*
 * The face of the network layer: interfaces, addresses, routes, neighbours, IP, ICMP, fragments.
 *
 * Transports ask it for a path, for headers in front of what they send, and get from it what came
 * in, examined up to the transport header. It knows no socket; what concerns one is a verdict.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>

#include <fourtuple/diag.h>
#include <fourtuple/iface.h>

#include "base/list.h"
#include "base/wheel.h"

struct ft_env;
struct ft_net;

/* ---- flows: whatever may send ---------------------------------------------------------------- */

enum ft_flow_kind { FT_FLOW_TCP = 1, FT_FLOW_UDP = 2 };

enum ft_flow_place {
    FT_FLOW_IDLE = 0,  /* nowhere: nothing to send */
    FT_FLOW_READY = 1, /* on the ready list of an interface */
    FT_FLOW_WAIT = 2,  /* on the wait list of a neighbour */
};

/* Embedded in a connection or datagram socket. It is in one place at a time. */
struct ft_flow {
    struct ft_list node; /* of the list that place names; written by net only */
    int32_t deficit;     /* octets it may still send in this round (deficit round robin) */
    uint16_t ifindex;    /* whose ready list it is on or was last */
    uint8_t kind;        /* enum ft_flow_kind */
    uint8_t place;       /* enum ft_flow_place */
};

/** Make a flow that is nowhere. @kind: enum ft_flow_kind. */
void ft_flow_init(struct ft_flow *flow, enum ft_flow_kind kind);

/**
 * Put a flow at the end of the ready list of an interface. A flow that is ready there already stays
 * where it is; one that waits for a neighbour goes on waiting.
 */
void ft_flow_ready(struct ft_net *net, struct ft_flow *flow, int ifindex);

/** Take a flow out of wherever it is. */
void ft_flow_idle(struct ft_net *net, struct ft_flow *flow);

/**
 * Take the first ready flow of an interface off its list.
 *
 * Return: the flow, now FT_FLOW_IDLE; NULL: none is ready.
 */
struct ft_flow *ft_flow_next(struct ft_net *net, int ifindex);

/* ---- paths ----------------------------------------------------------------------------------- */

/* Where packets to a destination go. Valid until the next call that changes net. */
struct ft_path {
    struct ft_addr src;      /* the source address to use */
    struct ft_addr next_hop; /* the neighbour: the gateway, or the destination itself */
    uint32_t mtu;            /* octets of IP: the path's if known to be smaller, else the link's */
    uint32_t if_mtu;         /* the link's */
    uint16_t plpmtu;         /* octets of IP that a transport has found to pass; 0: not known */
    uint16_t plpmtu_high;    /* with plpmtu: the most that it has not found not to pass */
    uint32_t gso_max;        /* octets of IP in a frame with gso_type; 0: none */
    uint32_t if_flags;       /* FT_IF_* of the interface */
    int ifindex;
    bool local; /* to an address of this host, by the loopback interface */
};

enum ft_addr_class {
    FT_ADDR_ANY,       /* 0.0.0.0 or :: */
    FT_ADDR_LOCAL,     /* one of ours that may be used (127.0.0.0/8 among them) */
    FT_ADDR_UNICAST,   /* somebody's */
    FT_ADDR_BROADCAST, /* 255.255.255.255 or of a connected prefix */
    FT_ADDR_MULTICAST,
};

/** What an address is to this host. */
enum ft_addr_class ft_addr_classify(const struct ft_net *net, const struct ft_addr *addr);

/**
 * Find the path to a destination: longest prefix, then metric; source address by RFC 6724.
 *
 * @dst:      where to
 * @src:      the source address, kept as it is; any: choose one
 * @bound_if: only by this interface (SO_BINDTODEVICE, or the scope of a link-local address); 0: any
 * @ret_path: written on success
 *
 * Return: 0; -ENETUNREACH: no route; -EADDRNOTAVAIL: no usable source address of that family.
 */
int ft_path_find(struct ft_net *net, const struct ft_addr *dst, const struct ft_addr *src,
                 int bound_if, struct ft_path *ret_path);

/** The peer has acknowledged something: its neighbour is reachable (RFC 4861 7.3.1). */
void ft_path_confirm(struct ft_net *net, const struct ft_addr *dst, int bound_if);

/** The peer has not answered for long: probe its neighbour (RFC 1122 3.3.1.4, negative advice). */
void ft_path_doubt(struct ft_net *net, const struct ft_addr *dst, int bound_if);

/**
 * A verified "packet too big" for a destination that we send to (RFC 1191, RFC 8201). Only lowers;
 * below 1280 (IPv6) or 552 (IPv4, as Linux's min_pmtu) is ignored; it grows old after ten minutes.
 *
 * @bound_if: as for ft_path_find(): which path it was that the packet was too big for
 * @mtu:      octets of IP
 *
 * Return: whether the path's MTU has changed.
 */
bool ft_path_set_mtu(struct ft_net *net, const struct ft_addr *dst, int bound_if, uint32_t mtu);

/**
 * What a transport has found out by itself of packets to a destination (RFC 4821 5.2): every
 * ft_path to it tells so for ten minutes. The MTU of the path, which datagrams are fragmented by,
 * stays as it is.
 *
 * @bound_if: as for ft_path_find()
 * @low:      octets of IP that pass; 0, or no less than the path's MTU: forget what was said
 * @high:     octets of IP above which nothing passes
 */
void ft_path_set_plpmtu(struct ft_net *net, const struct ft_addr *dst, int bound_if, uint32_t low,
                        uint32_t high);

/* ---- output ---------------------------------------------------------------------------------- */

/* What the IP header of a packet is to say. */
struct ft_ip_tx {
    struct ft_addr src, dst;
    uint32_t l4_len;     /* octets that follow the IP header, payload in spans included */
    uint32_t flow_label; /* IPv6; 20 bits */
    int bound_if;        /* as for ft_path_find */
    uint8_t proto;
    uint8_t ttl;       /* 0: the default */
    uint8_t tos;       /* DSCP and ECN */
    bool may_frag;     /* IPv4: DF is not set */
    bool router_alert; /* IPv4: with that option (RFC 2113); control packets only */
};

enum ft_tx_result {
    FT_TX_READY, /* the headers are written */
    FT_TX_WAIT,  /* the neighbour is being asked for; the flow waits there */
    FT_TX_FAIL,  /* it does not answer (-EHOSTUNREACH) */
    FT_TX_FULL,  /* there is no memory to ask for it now: try again later (-ENOBUFS) */
};

/**
 * Write link and IP headers at the start of a frame. For a GSO frame l4_len is that of all of it.
 *
 * @path:   from ft_path_find()
 * @tx:     src is the one to write
 * @waiter: the flow that is to wait if need be
 * @frame:  buf from its headroom on; len is set to the end of the IP header; l4 follows there
 *
 * Return: FT_TX_READY, then the caller writes the transport header and payload at buf + len.
 */
enum ft_tx_result ft_ip_begin(struct ft_net *net, const struct ft_path *path,
                              const struct ft_ip_tx *tx, struct ft_flow *waiter,
                              struct ft_frame *frame);

/**
 * Write one fragment of a datagram that is larger than the path's MTU: link and IP headers and the
 * octets (copied).
 *
 * @l4:     the whole datagram with its transport header, @tx->l4_len octets
 * @id:     its identification, from ft_ip_frag_id()
 * @offset: in: where this fragment begins; out, with FT_TX_READY: where the next one does
 *
 * Return: as ft_ip_begin(); done when *@offset is l4_len.
 */
enum ft_tx_result ft_ip_fragment(struct ft_net *net, const struct ft_path *path,
                                 const struct ft_ip_tx *tx, const uint8_t *l4, uint32_t id,
                                 struct ft_flow *waiter, struct ft_frame *frame, uint32_t *offset);

/** An identification for the fragments of a datagram to @dst, not to be guessed (RFC 7739). */
uint32_t ft_ip_frag_id(struct ft_net *net, const struct ft_addr *src, const struct ft_addr *dst);

/**
 * Queue a stackless packet (a reset, a SYN-ACK, an ICMP message) in the control queue of the
 * interface that its path takes. It waits, bounded, for an unresolved neighbour.
 *
 * @l4:  the transport header and payload with its checksum, copied; tx->l4_len octets
 *
 * Return: 0; -ENOBUFS: dropped and counted; -ENETUNREACH.
 */
int ft_ctl_send(struct ft_net *net, const struct ft_ip_tx *tx, const uint8_t *l4);

/**
 * Take TCP segments that ft_ctl_send() has queued, and that no link has taken yet, back out of the
 * queue. One that waits for its neighbour stays.
 *
 * @tx:   its source, destination and interface, as they were given to ft_ctl_send()
 * @tcp:  a TCP header; those with its ports, sequence number and flags are meant
 */
void ft_ctl_cancel(struct ft_net *net, const struct ft_ip_tx *tx, const uint8_t *tcp);

/**
 * Write the oldest control packet of an interface into a frame.
 *
 * Return: whether there was one.
 */
bool ft_ctl_output(struct ft_net *net, int ifindex, struct ft_frame *frame);

/** Whether an interface has a control packet or a ready flow. */
bool ft_net_pending(const struct ft_net *net, int ifindex);

/**
 * Whether an ICMP error or a reset may be sent to @dst now: a bucket per destination and a
 * randomised one over all. Asking takes a token.
 */
bool ft_icmp_allow(struct ft_net *net, const struct ft_addr *dst);

/* ---- input ----------------------------------------------------------------------------------- */

/* An ICMP error about a packet that we sent. */
struct ft_icmp_err {
    struct ft_addr src, dst; /* of the quoted packet: src is ours */
    uint16_t src_port, dst_port;
    uint32_t seq;  /* TCP: the quoted sequence number */
    uint32_t mtu;  /* of a "packet too big", else 0 */
    int error;     /* errno that Linux gives: ECONNREFUSED, EHOSTUNREACH, EMSGSIZE ... */
    bool hard;     /* a hard error: protocol or port unreachable, and the like */
    uint8_t proto; /* of the quoted packet */
    uint8_t type, code;
    struct ft_addr from; /* who sent the error */
};

/* A packet on its way up. Pointers are valid until the next ft_net_input. */
struct ft_rx {
    struct ft_addr src, dst;
    const uint8_t *l3;           /* the IP header, for quoting; contiguous up to l4_contig's end */
    const uint8_t *l4;           /* the transport header */
    size_t l4_contig;            /* octets at l4 */
    size_t l4_len;               /* octets of the transport header and payload, spans included */
    const struct ft_span *spans; /* payload that follows l4's octets */
    uint8_t n_spans;
    uint8_t proto, ttl, tos;
    uint16_t n_segs; /* segments that it stands for, at least 1 */
    int ifindex;
    bool csum_good;    /* the link has verified the transport checksum, or none is needed */
    bool has_hash;     /* hash is set: by stack/rx.c, which looked ahead */
    uint64_t hash;     /* ft_table_hash() of the segment's four-tuple */
    bool l2_multicast; /* came to a multicast or broadcast link address */
    enum ft_addr_class dst_class; /* LOCAL, BROADCAST or MULTICAST */
    struct ft_icmp_err err;       /* with FT_NET_ERROR */
};

enum ft_net_verdict {
    FT_NET_DONE,  /* handled or dropped: *ret_verdict says which */
    FT_NET_TCP,   /* a TCP segment for us */
    FT_NET_UDP,   /* a datagram for us */
    FT_NET_ERROR, /* an ICMP error for the transport named in err.proto */
};

/**
 * Take in one packet, up to the transport header.
 *
 * @frame:       borrowed; headers may be spread over its spans
 * @ret_rx:      written unless FT_NET_DONE
 * @ret_verdict: written with FT_NET_DONE
 */
enum ft_net_verdict ft_net_input(struct ft_net *net, int ifindex, const struct ft_frame *frame,
                                 struct ft_rx *ret_rx, enum ft_verdict *ret_verdict);

/** Octets of link header on an interface; -1: it does not exist. */
int ft_net_link_header(const struct ft_net *net, int ifindex);

/** Octets before the first header in a frame that leaves an interface; 0: it does not exist. */
uint32_t ft_net_headroom(const struct ft_net *net, int ifindex);

/** Answer a datagram that nobody wants by "port unreachable", if that is allowed (RFC 1122). */
void ft_icmp_port_unreachable(struct ft_net *net, const struct ft_rx *rx);

/** A timer of a kind up to FT_TIMER_NET_LAST has fired. */
void ft_net_timer(struct ft_net *net, struct ft_timer *timer);

/* ---- groups ---------------------------------------------------------------------------------- */

/**
 * Become a member of a group on an interface; memberships of one group are counted. The first is
 * reported to the routers of the link.
 *
 * Return: 0; -ENODEV: no such interface; -ENOBUFS: groups_max, or no memory.
 */
int ft_group_join(struct ft_net *net, int ifindex, const struct ft_addr *group);

/** Give up one membership that ft_group_join() gave. */
void ft_group_leave(struct ft_net *net, int ifindex, const struct ft_addr *group);

/** Whether packets to a group that come by an interface are taken in. */
bool ft_net_in_group(const struct ft_net *net, int ifindex, const struct ft_addr *group);

/* ---- life ------------------------------------------------------------------------------------ */

/**
 * Make the network layer of a stack.
 *
 * Return: it; NULL: the allocator refused.
 */
struct ft_net *ft_net_new(struct ft_env *env);

/** Free it; flows that are still on a list are taken off it. @net: may be NULL. */
void ft_net_free(struct ft_net *net);

/** Assert every invariant. */
void ft_net_check(const struct ft_net *net);

/* ft_if_add() and its like, with the stack taken apart. Errors as in fourtuple/iface.h. */

/** As ft_if_add(). */
int ft_net_if_add(struct ft_net *net, const struct ft_if_config *config);
/** As ft_if_set_mtu(). */
int ft_net_if_set_mtu(struct ft_net *net, int ifindex, uint32_t mtu);
/** As ft_addr_add(). */
int ft_net_addr_add(struct ft_net *net, int ifindex, const struct ft_addr *addr,
                    unsigned prefix_len, unsigned flags);
/** As ft_addr_del(). */
int ft_net_addr_del(struct ft_net *net, int ifindex, const struct ft_addr *addr);
/** As ft_addr_state(). */
int ft_net_addr_state(const struct ft_net *net, int ifindex, const struct ft_addr *addr);
/** As ft_addrs(). */
int ft_net_addrs(const struct ft_net *net, int ifindex, struct ft_addr_info *ret_addrs, size_t n);

/** As ft_routes(). */
int ft_net_routes(const struct ft_net *net, struct ft_route_config *ret_routes, size_t n);
/** As ft_route_add(). */
int ft_net_route_add(struct ft_net *net, const struct ft_route_config *config);
/** As ft_route_del(). */
int ft_net_route_del(struct ft_net *net, const struct ft_route_config *config);
/** Whether an interface of this number exists. */
bool ft_net_if_exists(const struct ft_net *net, int ifindex);
/** The number of the interface of this name; 0: none. @name: NUL-terminated. */
int ft_net_if_named(const struct ft_net *net, const char *name);
/** The number of the interface that has an address of ours, in whatever state; 0: none. */
int ft_net_if_of(const struct ft_net *net, const struct ft_addr *addr);
/** The name of an interface, for SO_BINDTODEVICE; NULL: none. */
const char *ft_net_if_name(const struct ft_net *net, int ifindex);

#endif
