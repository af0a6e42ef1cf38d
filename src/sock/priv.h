/* SPDX-License-Identifier: MIT */
/*
 * What the files of sock/ share: the slot of a descriptor and how its events are kept; the records
 * of ports and of the names that listen alike.
 */
#ifndef SOCK_PRIV_H
#define SOCK_PRIV_H

#include <assert.h>

#include "base/assert.h"
#include "sock/sock.h"

#define SLOT_SEGMENT_SHIFT 6 /* slots of a segment: 2 KiB of them */
#define SLOT_SEGMENT_LEN   (1u << SLOT_SEGMENT_SHIFT)
#define SLOT_GEN_MAX       INT32_MAX /* the last generation; the slot is retired after it */

enum {
    SLOT_QUEUED = 1 << 0, /* in the list of slots with events */
};

struct ft_slot {
    void *obj;      /* what the descriptor stands for */
    void *user;     /* of ft_watch() */
    uint32_t gen;   /* generation of the descriptor that is open or opens next; 1 and up */
    uint32_t next;  /* of the free list, or of the list of slots with events; FT_NO_SLOT: none */
    uint32_t prev;  /* of the list of slots with events */
    uint8_t kind;   /* enum ft_sock_kind; FT_KIND_NONE: free */
    uint8_t mask;   /* what is watched for, packed by slot_pack(); 0: not watched */
    uint8_t events; /* what has become true since the last event, packed */
    uint8_t flags;  /* SLOT_* */
};

static_assert(sizeof(struct ft_slot) <= 32, "two slots a cache line");

/** The slot of an index below the number of slots. */
static inline struct ft_slot *slot_of(const struct ft_slots *slots, uint32_t index)
{
    return &slots->segments[index >> SLOT_SEGMENT_SHIFT][index & (SLOT_SEGMENT_LEN - 1)];
}

/** How many slots there are, open and free. */
static inline uint32_t slot_count(const struct ft_slots *slots)
{
    return slots->n_segments << SLOT_SEGMENT_SHIFT;
}

/** FT_READABLE ... in eight bits: FT_RDHUP moves to bit 5. */
static inline uint8_t slot_pack(uint32_t bits)
{
    return (uint8_t)((bits & 0x1f) | (bits & FT_RDHUP ? 0x20u : 0));
}

/** The inverse of slot_pack(). */
static inline uint32_t slot_unpack(uint8_t packed)
{
    return (packed & 0x1fu) | (packed & 0x20 ? (uint32_t)FT_RDHUP : 0);
}

/** Take a slot out of the list of those with events, if it is in it, and forget its events. */
void ft_ready_forget(struct ft_slots *slots, uint32_t index);

/** Assert that the list of slots with events is sound. Return: its length. */
uint32_t ft_ready_check(const struct ft_slots *slots);

#define PORT_PAGE_SHIFT 8
#define PORT_PAGE_LEN   (1u << PORT_PAGE_SHIFT)
#define PORT_PAGES      (65536u >> PORT_PAGE_SHIFT)

/* Listening names that no packet can tell apart. */
struct name_group {
    struct ft_list node; /* of its port's groups, newest first */
    struct ft_addr addr;
    struct ft_name **members; /* oldest first */
    uint32_t n, cap;          /* members, and room for them */
    uint16_t ifindex;
    bool ipv6;
    bool v6only;
    bool spread; /* SO_REUSEPORT: packets are spread by their hash; else the newest gets all */
};

/* The names with a port. */
struct port_names {
    struct ft_list held;   /* struct ft_name: who holds one */
    struct ft_list groups; /* struct name_group: those of them that listen */
};

/* A port that somebody uses. Ephemeral ones are many, and have no names. */
struct port {
    struct port_names *names; /* NULL: there are none */
    uint32_t n_reuse;         /* ft_port_hold() with @reuse, not yet dropped */
    uint32_t n_plain;         /* and without */
    struct ft_addr local;     /* the local address of all of those, if ... */
    bool mixed;               /* ... they do not have several */
    uint8_t protocol;
    uint16_t port;
};

static_assert(sizeof(struct port) <= 40, "a client has one for nearly each connection");

struct port_page {
    struct port *ports[PORT_PAGE_LEN];
    uint32_t n; /* ports in it */
};

struct ft_names {
    struct ft_env *env;
    struct port_page *pages[2][PORT_PAGES]; /* TCP's and UDP's, by the high octet of the port */
    uint32_t n_changes;                     /* ports taken and left, names held, heard, released */
    uint32_t n_checked;                     /* n_changes when all of it was checked */
};

/** The record of a port; NULL: nobody uses it. */
struct port *port_find(const struct ft_names *names, uint8_t protocol, uint16_t port);

/** The record of a port, made if there is none. Return: it; NULL: memory was refused. */
struct port *port_use(struct ft_names *names, uint8_t protocol, uint16_t port);

/** Make room for names with a port. Return: 0; -ENOBUFS. */
int port_make_names(struct ft_names *names, struct port *port);

/** Free the record of a port if nobody uses it any more. */
void port_unuse(struct ft_names *names, struct port *port);

#endif
