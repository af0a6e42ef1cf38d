/* SPDX-License-Identifier: MIT */
/*
 * The face of the socket layer: descriptors and their readiness, socket names, and the four-tuple
 * table. It knows who holds a name and whose a packet is; what a connection does is tcp's affair.
 */
#ifndef SOCK_SOCK_H
#define SOCK_SOCK_H

#include <stdbool.h>

#include <fourtuple/socket.h>

#include "base/list.h"
#include "base/pool.h"

struct ft_env;

/* ---- descriptors (slots.c, ready.c) ---------------------------------------------------------- */

enum ft_sock_kind {
    FT_KIND_NONE = 0,
    FT_KIND_TCB,      /* a stream socket that is not passive: struct ft_tcb */
    FT_KIND_LISTENER, /* a passive socket: struct ft_listener */
    FT_KIND_UDP,      /* a datagram socket: struct ft_udp_sock */
    FT_KIND_CLOSED,   /* closed while ft_peek or ft_reserve had memory pinned: a tcp object that
                         answers ft_unpin and nothing else */
};

/* Index of an object that no descriptor holds. */
#define FT_NO_SLOT UINT32_MAX

struct ft_slot; /* one descriptor: generation, object, watch; 32 octets */

/* All descriptors of a stack, in segments that are allocated as the number grows. */
struct ft_slots {
    struct ft_env *env;
    struct ft_slot **segments; /* doubling directory of segments, written by slots.c */
    uint32_t n_segments;       /* entries of it in use */
    uint32_t cap_segments;     /* entries of it allocated */
    uint32_t free_head;        /* index of the first free slot, or FT_NO_SLOT */
    uint32_t n_used;           /* descriptors open; read by anyone */
    uint32_t ready_head;       /* index of the oldest slot with events, or FT_NO_SLOT */
    uint32_t ready_tail;       /* index of the newest */
    uint32_t n_changes;        /* slots opened, closed and made */
    uint32_t n_checked;        /* n_changes when the free ones were checked */
};

/** Make an empty table of descriptors. */
void ft_slots_init(struct ft_slots *slots, struct ft_env *env);

/** Free it, with all descriptors that are left. */
void ft_slots_fini(struct ft_slots *slots);

/**
 * Open a descriptor.
 *
 * @obj: what it stands for
 *
 * Return: the descriptor; -EMFILE: limits.sockets_max; -ENOBUFS.
 */
ft_sock ft_slot_open(struct ft_slots *slots, enum ft_sock_kind kind, void *obj);

/** Close a descriptor, which is valid; its events are forgotten, its generation is spent. */
void ft_slot_close(struct ft_slots *slots, uint32_t index);

/**
 * Find what a descriptor stands for.
 *
 * @ret_kind: written if found
 *
 * Return: the object; NULL: -EBADF.
 */
void *ft_slot_find(const struct ft_slots *slots, ft_sock sock, enum ft_sock_kind *ret_kind);

/** Let an open descriptor stand for another object from now on. */
void ft_slot_set(struct ft_slots *slots, uint32_t index, enum ft_sock_kind kind, void *obj);

/** The index of a descriptor, which is valid. */
static inline uint32_t ft_slot_index(ft_sock sock)
{
    return (uint32_t)sock;
}

/** The descriptor that has an index now; -1 for FT_NO_SLOT. */
ft_sock ft_slot_sock(const struct ft_slots *slots, uint32_t index);

/** The user pointer of ft_watch(); NULL: not watched. */
void *ft_slot_user(const struct ft_slots *slots, uint32_t index);

/**
 * The object of an index, for walks over all descriptors.
 *
 * @index:    0 and up
 * @ret_kind: FT_KIND_NONE for a free slot
 *
 * Return: false when @index is beyond the last slot.
 */
bool ft_slot_at(const struct ft_slots *slots, uint32_t index, enum ft_sock_kind *ret_kind,
                void **ret_obj);

/**
 * The first open slot at an index or behind it, for walks over what is open.
 *
 * @index: where to begin; the slot found
 *
 * Return: false when there is none.
 */
bool ft_slot_next(const struct ft_slots *slots, uint32_t *index, enum ft_sock_kind *ret_kind,
                  void **ret_obj);

/**
 * Watch a descriptor, which is valid (ft_watch).
 *
 * @mask: 0 ends watching
 * @now:  what it is ready for at this moment; what of it is in the mask becomes an event
 */
void ft_ready_watch(struct ft_slots *slots, uint32_t index, uint32_t mask, void *user,
                    uint32_t now);

/** Bits have become true: an event if they are watched for. @index: may be FT_NO_SLOT. */
void ft_ready_raise(struct ft_slots *slots, uint32_t index, uint32_t bits);

/** Take events (ft_events). */
size_t ft_ready_take(struct ft_slots *slots, struct ft_event *ret_events, size_t n);

/** Assert every invariant of the descriptors. */
void ft_slots_check(const struct ft_slots *slots);

/** The same, but free ones are passed over if none was opened or closed since the last time. */
void ft_slots_check_changes(struct ft_slots *slots);

/* ---- the four-tuple table (table.c) ---------------------------------------------------------- */

enum ft_conn_kind {
    FT_CONN_TCB = 1,
    FT_CONN_EMBRYO = 2,
    FT_CONN_TIME_WAIT = 3,
    FT_CONN_UDP = 4,
};

/* The name of a conversation: the first field of whatever is in the table. */
struct ft_conn {
    struct ft_addr local, remote;
    uint16_t local_port, remote_port;
    uint16_t ifindex; /* of a link-local address; else 0 */
    uint8_t kind;     /* enum ft_conn_kind; no part of the name */
    uint8_t state;    /* the owner's (tcp: enum ft_tcp_state); no part of the name */
};

struct ft_table; /* linear hashing, one cache line a bucket, SipHash; see table.c */

/** Make a table. @label: derives its key from the seed. Return: it; NULL: refused. */
struct ft_table *ft_table_new(struct ft_env *env, const char *label);

/** Free a table; what it names is not touched. @table: may be NULL. */
void ft_table_free(struct ft_table *table);

/** The keyed hash of a four-tuple, also used to pick within SO_REUSEPORT groups. */
uint64_t ft_table_hash(const struct ft_table *table, const struct ft_conn *name);

/**
 * Enter a conversation.
 *
 * @conn: stays where it is while it is in the table, at a multiple of 8
 *
 * Return: 0; -EADDRINUSE: the four-tuple is there; -ENOBUFS.
 */
int ft_table_insert(struct ft_table *table, struct ft_conn *conn);

/** Take a conversation out. It is in the table. */
void ft_table_remove(struct ft_table *table, struct ft_conn *conn);

/** Put @now where @old was; their names are equal. Never fails. */
void ft_table_replace(struct ft_table *table, struct ft_conn *old, struct ft_conn *now);

/**
 * Find a conversation.
 *
 * @name: only the name is looked at
 *
 * Return: it, or NULL.
 */
struct ft_conn *ft_table_find(const struct ft_table *table, const struct ft_conn *name);

/** As ft_table_find(), with @hash of ft_table_hash() known already. */
struct ft_conn *ft_table_find_hashed(const struct ft_table *table, const struct ft_conn *name,
                                     uint64_t hash);

/** Let the memory that ft_table_find_hashed() will read come: for batches. */
void ft_table_prefetch(const struct ft_table *table, uint64_t hash);

/** Let the objects come that ft_table_find_hashed() may compare, after ft_table_prefetch(). */
void ft_table_prefetch_conns(const struct ft_table *table, uint64_t hash);

/** How many are in the table. */
uint32_t ft_table_len(const struct ft_table *table);

/**
 * Walk the table.
 *
 * @cursor: 0 at first; then as the last call left it
 *
 * Return: the next conversation; NULL at the end. What is inserted meanwhile may be missed or come
 * twice.
 */
struct ft_conn *ft_table_next(const struct ft_table *table, uint64_t *cursor);

/** Assert every invariant of the table. */
void ft_table_check(const struct ft_table *table);

/** The same, if anything was put in or taken out since the last time. Return: whether it was. */
bool ft_table_check_changes(struct ft_table *table);

/* ---- socket names and ports (names.c, ports.c) ----------------------------------------------- */

struct name_group;

/* A socket name, held by a socket that was bound. It lies within its owner or in a pool. While it
   is bound its addr, ifindex, ipv6 and v6only stay as they are; what reuse_port becomes while it
   listens counts for names to come only. */
struct ft_name {
    struct ft_list node;      /* of its port's names; written by names.c */
    struct name_group *group; /* while it listens: those that listen alike; names.c */
    struct ft_addr addr;      /* specific, or any */
    void *owner;              /* struct ft_listener, ft_tcb or ft_udp_sock */
    uint32_t member;          /* its place in the group; names.c */
    uint16_t port;            /* 0: not bound */
    uint16_t ifindex;         /* bound device (SO_BINDTODEVICE, or a link-local scope); 0: any */
    uint8_t protocol;         /* IPPROTO_TCP or IPPROTO_UDP */
    bool ipv6;                /* an AF_INET6 socket */
    bool v6only;              /* IPV6_V6ONLY */
    bool reuse_addr;          /* SO_REUSEADDR */
    bool reuse_port;          /* SO_REUSEPORT */
    bool listening;           /* packets may match; written by names.c once it is bound */
};

struct ft_names; /* every name and port in use, by protocol and port */

/** Make the table of names. Return: it; NULL: refused. */
struct ft_names *ft_names_new(struct ft_env *env);

/** Free it. Every name must have been released, every port given back. @names: may be NULL. */
void ft_names_free(struct ft_names *names);

/**
 * Hold a name, by Linux's rules of SO_REUSEADDR and SO_REUSEPORT.
 *
 * @name: all fields set but node and port
 * @port: 0: pick one that is free for this name, unpredictably (RFC 6056), out of the config's
 *        range
 *
 * Return: 0, and name->port is set; -EADDRINUSE; -ENOBUFS.
 */
int ft_name_bind(struct ft_names *names, struct ft_name *name, uint16_t port);

/** Let go of a name; one that is not bound is left alone. */
void ft_name_release(struct ft_names *names, struct ft_name *name);

/**
 * Let a bound name listen (a stream's then conflicts with every other that listens on an
 * overlapping name, save in one SO_REUSEPORT group).
 *
 * Return: 0; -EADDRINUSE; -ENOBUFS.
 */
int ft_name_listen(struct ft_names *names, struct ft_name *name);

/** Packets match a name no more; it stays held. One that does not listen is left alone. */
void ft_name_unlisten(struct ft_names *names, struct ft_name *name);

/**
 * An active socket whose name is not in ft_names uses a local port. While it does, a name with that
 * port and an address that covers its own can be held only if both have SO_REUSEADDR.
 *
 * @reuse: its SO_REUSEADDR
 *
 * Return: 0; -ENOBUFS.
 */
int ft_port_hold(struct ft_names *names, uint8_t protocol, const struct ft_addr *local,
                 uint16_t port, bool reuse);

/** It does so no more. */
void ft_port_drop(struct ft_names *names, uint8_t protocol, uint16_t port, bool reuse);

/* A way through all ephemeral ports of this shard, in an order that cannot be guessed. */
struct ft_port_walk {
    uint32_t first;  /* the lowest one */
    uint32_t step;   /* from one to the next higher: n_shards */
    uint32_t n;      /* how many there are */
    uint32_t at;     /* the next is first + at * step */
    uint32_t stride; /* has no factor in common with n, so that all are reached */
    uint32_t n_left; /* how many have not been reached yet */
};

/** Begin a walk at a random port with a random stride (RFC 6056). */
void ft_port_walk_begin(struct ft_env *env, struct ft_port_walk *walk);

/** The next port. Return: false: all have been tried. */
bool ft_port_walk_next(struct ft_port_walk *walk, uint16_t *ret_port);

/** Whether a name holds a port, so that no active socket may pick it. */
bool ft_port_named(const struct ft_names *names, uint8_t protocol, uint16_t port);

/**
 * Find whose a packet is that matched no four-tuple: specific address before wildcard, then bound
 * device before any, then a socket of the packet's own family before a dual-stack one; among equals
 * the newest, or one of the SO_REUSEPORT group. Only listening names count. (So does Linux: a
 * specific address without a device comes before a wildcard with one.)
 *
 * @ifindex: where it arrived
 * @hash:    of its four-tuple: picks within a SO_REUSEPORT group
 *
 * Return: the name; NULL: nobody.
 */
struct ft_name *ft_name_match(struct ft_names *names, uint8_t protocol, const struct ft_addr *addr,
                              uint16_t port, int ifindex, uint64_t hash);

/**
 * Walk all listening names that match a multicast or broadcast datagram.
 *
 * @last: NULL at first; then the last one returned
 */
struct ft_name *ft_name_match_next(struct ft_names *names, uint8_t protocol,
                                   const struct ft_addr *addr, uint16_t port, int ifindex,
                                   struct ft_name *last);

/** Assert every invariant of the names. */
void ft_names_check(const struct ft_names *names);

/** The same, if any has changed since the last time. */
void ft_names_check_changes(struct ft_names *names);

/* ---- addresses at the border (addr.c) -------------------------------------------------------- */

/* A sockaddr in host order. */
struct ft_endpoint {
    struct ft_addr addr;
    uint16_t port;
    uint16_t ifindex;    /* sin6_scope_id */
    uint32_t flow_label; /* sin6_flowinfo, 20 bits */
};

/**
 * Read a sockaddr for a socket of a family.
 *
 * @ipv6: the socket is AF_INET6 (an AF_INET address is then an error, as on Linux)
 *
 * Return: 0; -EINVAL: too short; -EAFNOSUPPORT.
 */
int ft_endpoint_read(const struct sockaddr *addr, socklen_t len, bool ipv6,
                     struct ft_endpoint *ret_endpoint);

/**
 * Write a sockaddr: sockaddr_in6 if @ipv6 (IPv4 as v4-mapped), else sockaddr_in.
 *
 * @ret_addr: up to *@len octets; may be NULL
 * @len:      in: room; out: the true length; may be NULL if @ret_addr is
 */
void ft_endpoint_write(const struct ft_endpoint *endpoint, bool ipv6, struct sockaddr *ret_addr,
                       socklen_t *len);

#endif
