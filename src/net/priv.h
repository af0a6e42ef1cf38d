/* SPDX-License-Identifier: MIT */
/*
 * What the files of net/ share: interfaces, addresses, routes, neighbours, control records,
 * fragments, and struct ft_net that holds them all. Nobody outside this folder includes it.
 */
#ifndef NET_PRIV_H
#define NET_PRIV_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/assert.h"
#include "base/env.h"
#include "base/hash.h"
#include "base/list.h"
#include "net/net.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

#define NET_IFS_MAX       32
#define NET_IFINDEX_MAX   255
#define NET_ADDR_BUCKETS  64
#define NET_PATH_SLOTS    256
#define NET_CLASS_SLOTS   128
#define NET_ICMP_BUCKETS  256
#define NET_FRAG_BUCKETS  256
#define NET_FRAG_SOURCES  256
#define NET_PMTU_WAYS     4
#define NET_GROUP_BUCKETS 16
/* The longest IP packet with what may stand before it: a whole frame in one piece. */
#define NET_SCRATCH_LEN   (65535u + IP6_HDR_LEN + 24u)
/* Headers that must lie in one piece for a frame with spans to be taken as it is. */
#define NET_CONTIG_MIN    128u

/* ---- interfaces ------------------------------------------------------------------------------ */

/* The lists of a neighbour table, by what may be reclaimed. */
enum net_neigh_class {
    NEIGH_PENDING, /* INCOMPLETE and FAILED */
    NEIGH_IDLE,    /* STALE */
    NEIGH_LIVE,    /* REACHABLE, DELAY, PROBE */
    NEIGH_N_CLASSES,
};

struct net_iface {
    int ifindex;
    uint8_t type;              /* enum ft_if_type */
    uint8_t mac[ETH_ADDR_LEN]; /* FT_IF_ETHER */
    char name[FT_IF_NAME_MAX];
    uint32_t mtu;  /* octets of IP */
    uint32_t mtu6; /* of IPv6: what a router said, else 0 */
    uint32_t headroom;
    uint32_t gso_max;  /* 0 without FT_IF_TSO */
    uint32_t flags;    /* FT_IF_* */
    uint8_t hop_limit; /* of IPv6: what a router said, else 0 */

    struct ft_list ready;   /* flows with something to send */
    struct ft_list ctl;     /* control records to be sent now */
    uint32_t n_ctl;         /* records here and at neighbours */
    uint32_t n_ctl_waiting; /* of them, at neighbours */

    struct ft_list addrs; /* struct net_addr */
    uint32_t n_addrs;
    uint32_t n_slaac; /* of them, formed from advertisements */

    struct ft_list *neighs; /* buckets; NULL: no neighbours on this link */
    uint32_t n_buckets;     /* a power of two */
    uint32_t n_neighs;
    uint32_t n_pending;                        /* of them, INCOMPLETE or FAILED */
    struct ft_list neigh_age[NEIGH_N_CLASSES]; /* oldest first */
    struct net_neigh *neigh_last;              /* found last */
    ft_time reachable_base;                    /* BaseReachableTime */
    ft_time reachable;                         /* ReachableTime: the base times 0.5 to 1.5 */
    ft_time retrans;                           /* RetransTimer */

    struct ft_timer router_timer; /* FT_TIMER_ROUTER: solicit; learnt routes end */
    ft_time solicit_at;           /* the next router solicitation, or FT_TIME_NEVER */
    uint8_t n_solicits;           /* router solicitations sent */

    struct ft_timer group_timer;              /* FT_TIMER_GROUP: a membership report is due */
    uint8_t n_reports;                        /* of our solicited-node groups, still to be sent */
    bool groups_asked;                        /* a router waits to be told of those */
    ft_time igmp1_until;                      /* a querier of IGMPv1 was heard; 0: never */
    ft_time igmp2_until;                      /* the same of IGMPv2 */
    struct ft_list groups[NET_GROUP_BUCKETS]; /* struct net_group, by hash of its address */
    uint32_t n_groups;                        /* of them, those that were left lately too */
};

/** The interface of a number; NULL: none. */
struct net_iface *ft_iface_get(const struct ft_net *net, int ifindex);

/** The MTU of an interface for the family of @addr. */
uint32_t ft_iface_mtu(const struct net_iface *iface, const struct ft_addr *addr);

/* ---- addresses ------------------------------------------------------------------------------- */

enum net_addr_phase {
    ADDR_PROBING,
    ADDR_ANNOUNCING,
    ADDR_SETTLED,
};

/* An address that means something to this host: one of its own, or the broadcast address of the
   prefix of one of its own. */
struct net_name {
    struct ft_list hash; /* of net->names; unlinked: there is none */
    struct ft_addr addr;
    struct net_addr *owner;
};

struct net_addr {
    struct ft_list node; /* of iface->addrs */
    struct net_iface *iface;
    struct ft_addr addr;
    struct net_name name;    /* addr in the table */
    struct net_name bcast;   /* the broadcast address of its prefix, if it has one */
    struct ft_timer timer;   /* FT_TIMER_ADDR */
    ft_time preferred_until; /* FT_TIME_NEVER unless from an advertisement */
    ft_time valid_until;
    ft_time defended_at; /* the last defence, 0: never */
    uint8_t nonce[6];    /* of the last NS for DAD (RFC 7527) */
    uint8_t prefix_len;  /* in bits of its own family */
    uint8_t state;       /* enum ft_addr_state */
    uint8_t phase;       /* enum net_addr_phase */
    uint8_t n_probes;
    uint8_t n_announced;
    uint8_t n_tries; /* RFC 7217's DAD_Counter */
    bool slaac;      /* formed from an advertisement, or link-local for it */
    bool probe_first;
};

/* What an address of our own is to be, for ft_addr_new(). */
struct net_addr_spec {
    struct ft_addr addr;
    unsigned prefix_len;
    unsigned flags; /* FT_ADDR_* */
    ft_time preferred_until, valid_until;
    uint8_t n_tries;
    bool slaac;
};

/** Our entry for an address on an interface, in whatever state; @iface NULL: on any. */
struct net_addr *ft_addr_find(const struct ft_net *net, const struct net_iface *iface,
                              const struct ft_addr *addr);

/** Whether an address in this state may be used. */
static inline bool ft_addr_usable(const struct net_addr *a)
{
    return a->state == FT_ADDR_OPTIMISTIC || a->state == FT_ADDR_PREFERRED ||
           a->state == FT_ADDR_DEPRECATED;
}

/**
 * What an address is to this host, seen from an interface: a link-local address of ours is local
 * on its own link only.
 *
 * @iface: NULL: from any
 */
enum ft_addr_class ft_addr_class_on(const struct ft_net *net, const struct net_iface *iface,
                                    const struct ft_addr *addr);

/** Add an address. Return: 0; -EEXIST; -ENOBUFS. @spec has been checked. */
int ft_addr_new(struct ft_net *net, struct net_iface *iface, const struct net_addr_spec *spec);

/** Remove an address, its timer and its prefix route. */
void ft_addr_free(struct ft_net *net, struct net_addr *a);

/* ---- DAD (dad.c) ----------------------------------------------------------------------------- */

/** Take an address into use, or probe it first (RFC 4862 5.4, RFC 4429, RFC 5227 2.1). */
void ft_dad_start(struct ft_net *net, struct net_addr *a);

/** The timer of an address: probe, announce, deprecate, expire. May free @a. */
void ft_dad_timer(struct ft_net *net, struct net_addr *a);

/** Set the state and timer of an address whose lifetimes have changed and which is settled. */
void ft_dad_settle(struct ft_net *net, struct net_addr *a);

/** Somebody else uses or claims an address of ours. May free @a. */
void ft_dad_conflict(struct ft_net *net, struct net_addr *a);

/* ---- routes ---------------------------------------------------------------------------------- */

enum net_route_origin {
    ROUTE_STATIC,    /* ft_route_add() */
    ROUTE_CONNECTED, /* the prefix of an address */
    ROUTE_ROUTER,    /* a default router from an advertisement */
    ROUTE_PREFIX,    /* an on-link prefix from an advertisement */
};

struct net_route {
    struct ft_addr prefix;  /* bits beyond plen are zero */
    struct ft_addr gateway; /* any: on-link */
    ft_time expires_at;
    uint32_t metric;
    int ifindex;
    uint8_t plen;   /* bits of its own family */
    uint8_t origin; /* enum net_route_origin */
};

/** The best route to @dst, by @ifindex only if that is not 0; NULL: none. */
const struct net_route *ft_route_find(struct ft_net *net, const struct ft_addr *dst, int ifindex);

/** Insert a route in its place. Return: 0; -EEXIST; -ENOBUFS. */
int ft_route_insert(struct ft_net *net, const struct net_route *route);

/** The route that has this prefix, length, gateway, interface and origin; NULL: none. */
struct net_route *ft_route_get(struct ft_net *net, const struct net_route *like);

/** Remove a route that ft_route_get() gave. */
void ft_route_remove(struct ft_net *net, struct net_route *route);

/** Whether @addr is on the link of the interface by a route without a gateway. */
bool ft_route_on_link(struct ft_net *net, int ifindex, const struct ft_addr *addr);

/** Whether a route of the interface leads through @gateway. */
bool ft_route_has_gateway(const struct ft_net *net, int ifindex, const struct ft_addr *gateway);

/* ---- source addresses (srcaddr.c) ------------------------------------------------------------ */

/**
 * Choose the source address for a destination (RFC 6724 5).
 *
 * @iface:    where it leaves
 * @dst:      where to
 * @next_hop: the neighbour
 *
 * Return: an address of ours that may be used; NULL: none of that family.
 */
const struct net_addr *ft_srcaddr_choose(const struct ft_net *net, const struct net_iface *iface,
                                         const struct ft_addr *dst, const struct ft_addr *next_hop);

/* ---- path MTU -------------------------------------------------------------------------------- */

struct net_pmtu {
    struct ft_addr dst;
    ft_time expires_at;    /* of mtu; 0: there is none */
    ft_time pl_expires_at; /* of the other two; 0: there are none */
    uint32_t mtu;          /* as ICMP has told */
    uint16_t pl_low;       /* what a transport has found to pass ... */
    uint16_t pl_high;      /* ... and what it has not found not to pass */
};

/**
 * What is known of the MTU to a destination: mtu, plpmtu and plpmtu_high of @path are lowered.
 *
 * Return: when it grows old; FT_TIME_NEVER: nothing is known.
 */
ft_time ft_pmtu_get(const struct ft_net *net, const struct ft_addr *dst, struct ft_path *path);

/* ---- neighbours ------------------------------------------------------------------------------ */

/* RFC 4861 7.3.2, and FAILED, in which senders are told so. */
enum net_neigh_state {
    NEIGH_INCOMPLETE,
    NEIGH_FAILED,
    NEIGH_STALE,
    NEIGH_REACHABLE,
    NEIGH_DELAY,
    NEIGH_PROBE,
};

struct net_neigh {
    struct ft_list hash; /* of its bucket */
    struct ft_list age;  /* of iface->neigh_age */
    struct net_iface *iface;
    struct ft_addr addr;
    struct ft_timer timer; /* FT_TIMER_NEIGH */
    struct ft_list flows;  /* flows that wait */
    struct ft_list ctls;   /* control records that wait */
    ft_time confirmed_at;  /* it was known to be reachable */
    ft_time changed_at;    /* the link address was taken */
    uint16_t n_ctls;
    uint8_t state;    /* enum net_neigh_state */
    uint8_t n_probes; /* solicitations sent in this state */
    uint8_t mac[ETH_ADDR_LEN];
    bool is_router;
};

/* What a neighbour said of itself: an advertisement, or an ARP packet. */
struct net_neigh_news {
    struct ft_addr addr;
    const uint8_t *mac; /* NULL: it did not say */
    bool solicited;     /* an answer to us */
    bool override;      /* to be believed against what we knew */
    bool is_router;
};

/** The entry of a neighbour; NULL: none. */
struct net_neigh *ft_neigh_find(struct ft_net *net, struct net_iface *iface,
                                const struct ft_addr *addr);

/** Whether the link address of a neighbour is known. */
bool ft_neigh_known(struct ft_net *net, struct net_iface *iface, const struct ft_addr *addr);

/** A neighbour that asks for us gave its link address (RFC 4861 7.2.3): make or update STALE. */
void ft_neigh_learn(struct ft_net *net, struct net_iface *iface, const struct ft_addr *addr,
                    const uint8_t *mac);

/**
 * Somebody says by ARP that @addr is at @mac. Never makes an entry. A neighbour that is in use is
 * not believed to have moved, but probed at its old place.
 *
 * @answer: whether it is a reply sent to us
 */
void ft_neigh_claim(struct ft_net *net, struct net_iface *iface, const struct ft_addr *addr,
                    const uint8_t *mac, bool answer);

/** A neighbour advertisement (RFC 4861 7.2.5). Never makes an entry. */
void ft_neigh_advert(struct ft_net *net, struct net_iface *iface,
                     const struct net_neigh_news *news);

/** It is known to be reachable (RFC 4861 7.3.1). */
void ft_neigh_confirm(struct ft_net *net, struct net_neigh *n);

/** Probe it now. */
void ft_neigh_doubt(struct ft_net *net, struct net_neigh *n);

/** Its timer. May free @n. */
void ft_neigh_timer(struct ft_net *net, struct net_neigh *n);

/** Free the table of an interface; flows that wait become idle. */
void ft_neigh_free_all(struct ft_net *net, struct net_iface *iface);

/** Assert the invariants of the table of an interface. */
void ft_neigh_check(const struct ft_net *net, const struct net_iface *iface);

/** Send an ARP request for @target (RFC 826). @mac: to whom; NULL: all. */
void ft_arp_solicit(struct ft_net *net, struct net_iface *iface, const struct ft_addr *target,
                    const uint8_t *mac);

/** Send an ARP probe (@probe) or announcement for an address of ours (RFC 5227 1.1). */
void ft_arp_claim(struct ft_net *net, const struct net_addr *a, bool probe);

/** Send a neighbour solicitation for @target. @mac: to whom; NULL: its solicited-node group. */
void ft_ndp_solicit(struct ft_net *net, struct net_iface *iface, const struct ft_addr *target,
                    const uint8_t *mac);

/** Send a neighbour solicitation for DAD, with a new nonce. */
void ft_ndp_probe(struct ft_net *net, struct net_addr *a);

/** Send an unsolicited neighbour advertisement for an address of ours. */
void ft_ndp_announce(struct ft_net *net, const struct net_addr *a);

/* ---- the control queue ----------------------------------------------------------------------- */

struct net_ctl {
    struct ft_list node;     /* of iface->ctl or of a neighbour's ctls */
    struct ft_addr next_hop; /* unless has_mac */
    uint32_t len;            /* octets of data */
    uint16_t ethertype;
    bool has_mac; /* mac is set: no neighbour is asked for */
    uint8_t mac[ETH_ADDR_LEN];
    uint8_t data[]; /* an IP or ARP packet */
};

/* An IP packet to be queued on an interface, its source taken as it is. */
struct net_ctl_ip {
    const struct ft_ip_tx *tx;
    const struct ft_addr *next_hop;
    const uint8_t *mac; /* NULL: resolve next_hop */
    const uint8_t *l4;
    bool vital; /* ARP and ND: may use the last quarter of the queue */
};

/** Queue an IP packet on an interface. Return: 0; -ENOBUFS, counted. */
int ft_ctl_send_on(struct ft_net *net, struct net_iface *iface, const struct net_ctl_ip *ip);

/** Queue what follows the link header, to @mac. Vital. Full: dropped and counted. */
void ft_ctl_send_link(struct ft_net *net, struct net_iface *iface, const uint8_t *mac,
                      const uint8_t *arp, size_t len);

/** Free a record and count it as dropped. */
void ft_ctl_drop(struct ft_net *net, struct net_iface *iface, struct net_ctl *ctl);

/** Free a record that was sent. */
void ft_ctl_free(struct ft_net *net, struct net_iface *iface, struct net_ctl *ctl);

/* ---- output ---------------------------------------------------------------------------------- */

/* An IP header to be written, as ft_ip_tx, with what fragments need. */
struct net_ip_hdr {
    uint32_t payload_len; /* octets after the IP header (and the Fragment header) */
    uint32_t id;
    uint32_t offset; /* of the fragment */
    bool is_frag;
    bool more;
};

/** Write an IP header. Return: its octets; 0: @cap is too small. */
size_t ft_ip_header(struct ft_net *net, const struct net_iface *iface, const struct ft_ip_tx *tx,
                    const struct net_ip_hdr *hdr, uint8_t *buf, size_t cap);

/** The octets of a fragment's payload on a path with this MTU: a multiple of 8. */
uint32_t ft_ip_frag_room(const struct ft_ip_tx *tx, uint32_t mtu);

/** Write the link header to @mac at the frame's headroom. @return: octets before the IP header. */
size_t ft_link_header(const struct net_iface *iface, const uint8_t *mac, uint16_t ethertype,
                      struct ft_frame *frame);

/**
 * The link address of a next hop: a group's, a neighbour's, or none on a link without neighbours.
 *
 * @ret_mac:   six octets, written with FT_TX_READY on Ethernet
 * @ret_neigh: the entry to wait at, with FT_TX_WAIT
 */
enum ft_tx_result ft_link_resolve(struct ft_net *net, struct net_iface *iface,
                                  const struct ft_addr *next_hop, uint8_t *ret_mac,
                                  struct net_neigh **ret_neigh);

/** Make a frame one packet without payload, offload or checksum to be filled in. */
void ft_frame_reset(const struct ft_net *net, struct ft_frame *frame);

/* ---- input ----------------------------------------------------------------------------------- */

/* A packet that is being examined. */
struct net_in {
    const struct ft_frame *frame;
    struct net_iface *iface;
    struct ft_rx *rx;          /* the result */
    enum ft_verdict verdict;   /* the other result, with FT_NET_DONE */
    const uint8_t *l3;         /* the IP header or ARP packet */
    size_t contig;             /* octets at l3 */
    size_t total;              /* with those in spans */
    uint8_t mac[ETH_ADDR_LEN]; /* who sent the frame; zero: no such thing */
    bool linear;               /* contig is total */
    bool had_frag;             /* it came with a Fragment header (RFC 6980) */
    bool reassembled;          /* it was put together: no second time */
};

/** The packet ends here. */
static inline enum ft_net_verdict ft_in_done(struct net_in *in, enum ft_verdict verdict)
{
    in->verdict = verdict;
    return FT_NET_DONE;
}

/** Make the packet one piece, by copying it if need be. Return: false: no memory, or too long. */
bool ft_in_linearize(struct ft_net *net, struct net_in *in);

/** The scratch buffer, of NET_SCRATCH_LEN octets; NULL: no memory. */
uint8_t *ft_in_scratch(struct ft_net *net);

/** Point rx->l4 and its spans at the payload: @off to @end of the packet. */
void ft_in_payload(struct ft_net *net, struct net_in *in, size_t off, size_t end);

/** An IPv4 packet (RFC 1122 3.2.1). */
enum ft_net_verdict ft_ip4_input(struct ft_net *net, struct net_in *in);

/** An IPv6 packet (RFC 8200). */
enum ft_net_verdict ft_ip6_input(struct ft_net *net, struct net_in *in);

/** An ARP packet. */
enum ft_net_verdict ft_arp_input(struct ft_net *net, struct net_in *in);

/** An ICMP message whose rx is filled in. */
enum ft_net_verdict ft_icmp4_input(struct ft_net *net, struct net_in *in);

/** An ICMPv6 message whose rx is filled in. @ip: its header. @router_alert: as ip6_walk() said. */
enum ft_net_verdict ft_icmp6_input(struct ft_net *net, struct net_in *in, const struct ip6_hdr *ip,
                                   bool router_alert);

/** A neighbour discovery message, its checksum verified. */
enum ft_net_verdict ft_ndp_input(struct ft_net *net, struct net_in *in, const struct ip6_hdr *ip);

/* An ICMP error to be sent about a packet that came in. */
struct net_icmp_out {
    uint8_t type, code;
    uint32_t rest;
    bool multicast_too; /* RFC 4443 2.4 e.3: also about a multicast packet */
};

/**
 * Send an ICMP error about a packet, if RFC 1122 3.2.2 or RFC 4443 2.4 and the limits allow it.
 *
 * @rx: src, dst, dst_class, ifindex, l2_multicast, and the packet in one piece from l3 to the end
 * of l4_contig
 */
void ft_icmp_send_error(struct ft_net *net, const struct ft_rx *rx, const struct net_icmp_out *out);

/* ---- routers and groups ---------------------------------------------------------------------- */

struct ndp_msg;

/** A router advertisement that is valid (RFC 4861 6.3.4). */
enum ft_net_verdict ft_slaac_advert(struct ft_net *net, struct net_in *in,
                                    const struct ft_addr *router, const struct ndp_msg *msg);

/** Begin on an interface with FT_IF_SLAAC: a link-local address if it is ours to form, router
    solicitations. */
void ft_slaac_start(struct ft_net *net, struct net_iface *iface);

/** A neighbour is no router any more (RFC 4861 7.2.5). */
void ft_slaac_router_gone(struct ft_net *net, struct net_iface *iface,
                          const struct ft_addr *router);

/** The router timer of an interface. */
void ft_slaac_timer(struct ft_net *net, struct net_iface *iface);

/** A stable address on a prefix of 64 bits (RFC 7217 5). @n_tries: its DAD_Counter. */
struct ft_addr ft_slaac_addr(const struct ft_net *net, const struct net_iface *iface,
                             const struct ft_addr *prefix, uint8_t n_tries);

/** Whether an interface is a member of a group. */
bool ft_group_has(const struct ft_net *net, const struct net_iface *iface,
                  const struct ft_addr *group);

/** The solicited-node groups of an interface have changed: report them (RFC 3810 6.1). */
void ft_group_changed(struct ft_net *net, struct net_iface *iface);

/** A message of IGMP. */
enum ft_net_verdict ft_group_igmp(struct ft_net *net, struct net_in *in);

/** A query or report of MLD. */
enum ft_net_verdict ft_group_mld(struct ft_net *net, struct net_in *in, const struct ip6_hdr *ip,
                                 bool router_alert);

/** A membership report is due. */
void ft_group_timer(struct ft_net *net, struct net_iface *iface);

/** Free the groups of an interface and stop its timer; nothing is reported. */
void ft_group_free_all(struct ft_net *net, struct net_iface *iface);

/** Assert the invariants of the groups of an interface. */
void ft_group_check(const struct ft_net *net, const struct net_iface *iface);

/* ---- reassembly ------------------------------------------------------------------------------ */

struct net_frag; /* one fragment; frag.c */

struct net_datagram {
    struct ft_list hash;   /* of net->frags */
    struct ft_list age;    /* of net->frag_age, oldest first */
    struct ft_list kin;    /* of net->frag_sources[source], oldest first */
    struct ft_list pieces; /* struct net_frag, by offset */
    struct ft_addr src, dst;
    ft_time expires_at;
    uint32_t id;
    uint32_t octets;   /* memory that it holds, true size */
    uint32_t n_octets; /* payload octets held */
    uint32_t total;    /* payload octets of the whole; 0: not known yet */
    int ifindex;
    uint16_t n_pieces;
    uint8_t proto;  /* of IPv4; 0 for IPv6 */
    uint8_t source; /* index into net->frag_sources */
    bool dead;      /* overlapped: the rest of it is ignored (RFC 5722 4) */
    uint8_t ecns;   /* which ECN fields its fragments had: 1 << field */
    bool quiet;     /* no ICMP error about it */
    bool local;     /* sent to an address of ours, not to a group */
};

/* A fragment that has come in. Offsets into the packet. */
struct net_piece {
    uint32_t id;
    uint32_t offset;   /* in the datagram */
    uint32_t data_off; /* where its octets begin in the packet at in->l3 */
    uint32_t len;
    uint32_t hdr_len; /* octets of the unfragmentable part */
    uint32_t next_at; /* IPv6: where in it the Fragment header is named */
    uint8_t proto;    /* IPv4: protocol; IPv6: what the Fragment header names */
    bool more;
    uint8_t ecn; /* the ECN field */
};

/**
 * Take a fragment in.
 *
 * Return: true: the datagram is whole; in->l3 and its lengths are that of it, in one piece.
 * false: in->verdict is written.
 */
bool ft_frag_input(struct ft_net *net, struct net_in *in, const struct net_piece *piece);

/** Drop the datagram that a bad fragment belongs to. */
void ft_frag_kill(struct ft_net *net, const struct net_in *in, const struct net_piece *piece);

/** The reassembly timer. */
void ft_frag_timer(struct ft_net *net);

/** Free all. */
void ft_frag_free_all(struct ft_net *net);

/** Assert the invariants of reassembly. */
void ft_frag_check(const struct ft_net *net);

/* ---- the whole ------------------------------------------------------------------------------- */

/* A path that was found. Valid if gen is that of net and it has not expired. */
struct net_path_slot {
    struct ft_addr dst, src;
    ft_time expires_at;
    uint64_t gen;
    int bound_if;
    struct ft_path path;
};

/* What an address was found to be. Valid if gen is that of net. */
struct net_class_slot {
    struct ft_addr addr;
    const struct net_iface *iface; /* from where it was looked at */
    uint64_t gen;
    enum ft_addr_class class;
};

/* A token bucket. */
struct net_bucket {
    ft_time at;      /* last refilled */
    uint64_t credit; /* nanotokens */
};

struct ft_net {
    struct ft_env *env;
    uint8_t key[16];       /* of all tables that strangers may fill */
    uint8_t slaac_key[16]; /* RFC 7217's secret */
    uint64_t gen;          /* changes with addresses, routes, MTUs, interfaces */

    struct net_iface *ifs[NET_IFS_MAX];
    uint32_t n_ifs;
    uint8_t by_index[NET_IFINDEX_MAX + 1]; /* ifindex to 1 + index into ifs; 0: none */
    struct net_iface *loopback;

    struct ft_list names[NET_ADDR_BUCKETS]; /* struct net_name */
    struct net_class_slot *classes;         /* NET_CLASS_SLOTS */
    struct net_route *routes; /* routes_max; longest prefix first, then smallest metric */
    uint32_t n_routes;
    struct net_pmtu *pmtus; /* sets of NET_PMTU_WAYS */
    uint32_t n_pmtu_sets;   /* a power of two */
    struct net_path_slot paths[NET_PATH_SLOTS];

    struct net_bucket icmp_all;
    struct net_bucket icmp_to[NET_ICMP_BUCKETS];

    struct ft_list frags[NET_FRAG_BUCKETS];
    struct ft_list frag_age;
    struct ft_timer frag_timer;
    uint64_t frag_octets; /* true size of all of them */
    uint32_t n_datagrams;
    struct ft_list frag_sources[NET_FRAG_SOURCES]; /* datagrams by hash of their source */
    uint16_t n_frag_sources[NET_FRAG_SOURCES];

    uint8_t *scratch;                   /* NET_SCRATCH_LEN octets, at first use */
    struct ft_span spans[FT_SPANS_MAX]; /* of the packet handed up */
};

/** Paths that were found are to be found anew. */
static inline void ft_net_changed(struct ft_net *net)
{
    net->gen++;
}

/** The keyed hash of an address and a word. */
static inline uint64_t ft_net_hash(const struct ft_net *net, const struct ft_addr *addr,
                                   uint64_t word)
{
    const uint64_t w[3] = {addr->hi, addr->lo, word};

    return ft_siphash13_words(net->key, w, 3);
}

/** Arm a timer of net at an instant. */
static inline void ft_net_arm(struct ft_net *net, struct ft_timer *timer, ft_time at)
{
    ft_wheel_arm(&net->env->wheel, timer, at);
}

/** A random time from @lo to @hi. */
ft_time ft_net_random(struct ft_net *net, ft_time lo, ft_time hi);

#endif
