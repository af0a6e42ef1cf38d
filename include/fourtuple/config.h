/* SPDX-License-Identifier: MIT */
/*
 * How a stack is made: the configuration, its limits and its one source of randomness, and the
 * life of a stack. What a program does with the stack is in iface.h (packets), socket.h (calls)
 * and diag.h (looking in).
 */
#ifndef FOURTUPLE_CONFIG_H
#define FOURTUPLE_CONFIG_H

#include <fourtuple/auth.h>
#include <fourtuple/types.h>

FT_BEGIN_DECLS

/* Which side wins where Linux and an RFC disagree. */
enum ft_profile {
    FT_PROFILE_LINUX = 0, /* what programs and peers see of Linux (the default) */
    FT_PROFILE_RFC = 1,   /* the MUST of the RFC */
};

/* Whether TCP finds the MTU of a path by itself (RFC 4821); the values are those of Linux's
   net.ipv4.tcp_mtu_probing, whose default is 0. Ours is 1: a path that swallows what is too big for
   it and says nothing then costs seconds, and not the connection. */
enum ft_mtu_probing {
    FT_MTU_ICMP = 0,        /* believe in ICMP alone */
    FT_MTU_BLACK_HOLES = 1, /* when full-sized segments vanish: smaller ones, then probe upwards */
    FT_MTU_PROBE = 2,       /* begin with small ones (1024 octets) and probe upwards */
};

/* Where memory comes from. Both are given the size, so an allocator needs no headers. A refusal
   (NULL) is always survived: the call answers -ENOBUFS, or the packet is dropped and counted. */
struct ft_allocator {
    void *(*alloc)(void *ctx, size_t size); /* 16-octet alignment; NULL refuses */
    void (*free)(void *ctx, void *ptr, size_t size);
    void *ctx;
};

/* Every queue, table and list has its limit here. Full means drop and count, or -ENOBUFS. */
struct ft_limits {
    uint64_t memory_max;               /* octets of all that the stack allocates; with less than
                                          a quarter left, peers without a window are reset */
    uint32_t sockets_max;              /* descriptors open at one time */
    uint32_t connections_max;          /* active sockets, orphans among them */
    uint32_t half_open_max;            /* embryos of all passive sockets together */
    uint32_t time_wait_max;            /* TIME-WAIT entries; the oldest gives way */
    uint32_t orphans_max;              /* connections that no descriptor holds */
    uint32_t neighbours_max;           /* ARP and ND entries of one interface */
    uint32_t neighbour_queue_max;      /* flows and replies that wait for one neighbour */
    uint32_t routes_max;               /* routes, those learnt from advertisements among them */
    uint32_t addrs_max;                /* addresses of one interface */
    uint32_t pmtu_max;                 /* path MTU entries */
    uint32_t groups_max;               /* groups joined on one interface */
    uint32_t memberships_max;          /* groups joined by one socket, of a family */
    uint32_t reassembly_octets_max;    /* octets of unfinished datagrams, true size */
    uint32_t reassembly_fragments_max; /* fragments of one datagram */
    uint32_t control_max;              /* records in the control queue of an interface */
    uint32_t frames_out_max;           /* frames between ft_output and ft_output_done */
    uint32_t send_buffer;              /* SO_SNDBUF as it starts, octets */
    uint32_t send_buffer_max;          /* net.core.wmem_max */
    uint32_t recv_buffer;              /* SO_RCVBUF as it starts, octets */
    uint32_t recv_buffer_max;          /* net.core.rmem_max */
    uint32_t send_buffer_auto_max;     /* SO_SNDBUF grows so far by itself (tcp_wmem) */
    uint32_t recv_buffer_auto_max;     /* SO_RCVBUF grows so far by itself (tcp_rmem) */
    uint32_t min_send_mss;             /* the peer's MSS counts as at least this (CVE-2019-11479) */
    uint32_t icmp_per_s;               /* ICMP errors and resets in a second, all destinations */
    uint32_t challenge_acks_per_s;     /* of one connection (RFC 5961 7) */
    uint32_t relisten_ms; /* how long after a passive socket is closed a SYN for its name waits for
                             the next one; 0, the default: it is refused at once, as by Linux */
};

/* TCP Fast Open (RFC 7413), with the bits of net.ipv4.tcp_fastopen. */
enum ft_fastopen {
    FT_FASTOPEN_CLIENT = 0x1,             /* TCP_FASTOPEN_CONNECT and MSG_FASTOPEN */
    FT_FASTOPEN_SERVER = 0x2,             /* passive sockets with TCP_FASTOPEN */
    FT_FASTOPEN_CLIENT_NO_COOKIE = 0x4,   /* octets in every SYN, with no cookie */
    FT_FASTOPEN_SERVER_NO_COOKIE = 0x200, /* octets of a SYN are taken with no cookie: for networks
                                             in which nobody forges addresses */
    FT_FASTOPEN_SERVER_ALL = 0x400,       /* all passive sockets, as long as their backlog */
};

/* Explicit congestion notification of TCP (RFC 3168; accurate: RFC 9768); the values are those of
   net.ipv4.tcp_ecn. A socket whose congestion control needs it asks and accepts all the same. */
enum ft_ecn {
    FT_ECN_OFF = 0,
    FT_ECN_ASK = 1,                 /* asked for by active opens, accepted by passive ones */
    FT_ECN_ACCEPT = 2,              /* accepted only; the default, as Linux's */
    FT_ECN_ASK_ACCURATE = 3,        /* accurate: asked for and accepted */
    FT_ECN_ACCEPT_ACCURATE_ASK = 4, /* accurate: accepted only; the other is asked for */
    FT_ECN_ACCEPT_ACCURATE = 5,     /* accurate: accepted only; nothing is asked for */
};

/* Whether an active open may take the four-tuple of a connection that has been in TIME-WAIT for a
   second, when both had timestamps (RFC 6191); the values are those of net.ipv4.tcp_tw_reuse. */
enum ft_tw_reuse {
    FT_TW_REUSE_OFF = 0,
    FT_TW_REUSE_ALL = 1,
    FT_TW_REUSE_LOOPBACK = 2, /* with an address of the loopback only; the default, as Linux's */
};

/* What connections do without: options of the SYN are neither offered nor taken. */
enum ft_tcp_without {
    FT_TCP_NO_TIMESTAMPS = 1,   /* net.ipv4.tcp_timestamps = 0 */
    FT_TCP_NO_SACK = 2,         /* net.ipv4.tcp_sack = 0 */
    FT_TCP_NO_WSCALE = 4,       /* net.ipv4.tcp_window_scaling = 0 */
    FT_TCP_NO_IDLE_RESTART = 8, /* net.ipv4.tcp_slow_start_after_idle = 0 */
    FT_TCP_NO_METRICS = 16,     /* net.ipv4.tcp_no_metrics_save = 1: connections learn nothing from
                                   those before them to the same host (RFC 9040) */
};

struct ft_config {
    uint32_t size;   /* sizeof(struct ft_config), set by ft_config_init */
    uint8_t profile; /* enum ft_profile */
    uint8_t ttl;     /* IPv4 TTL and IPv6 hop limit of what is sent */
    uint16_t shard;  /* which of n_shards this stack is; ports are split among them */
    uint16_t n_shards;
    uint16_t port_min, port_max; /* ephemeral ports, both included */
    uint8_t mtu_probing;         /* enum ft_mtu_probing; FT_MTU_BLACK_HOLES is the default */
    uint8_t ecn;                 /* enum ft_ecn; FT_ECN_ACCEPT is the default */
    uint8_t seed[32]; /* all secrets and choices derive from it; fill it from getrandom(2) */
    char congestion[FT_CC_MAX]; /* congestion control of new sockets, as TCP_CONGESTION names it */
    uint16_t fastopen;          /* enum ft_fastopen, as net.ipv4.tcp_fastopen; FT_FASTOPEN_CLIENT is
                                   the default */
    uint16_t tcp_without;       /* enum ft_tcp_without; 0, the default */
    uint8_t min_frame_segs;     /* segments of a frame for the link to cut, however slow the path is
                                   (net.ipv4.tcp_min_tso_segs); 0, the default: 2 */
    uint8_t tw_reuse;           /* enum ft_tw_reuse; FT_TW_REUSE_LOOPBACK is the default */
    ft_time wall_offset; /* what makes the stack's time nanoseconds since 1970, in which packets'
                            times are told to users (SO_TIMESTAMP and its like); 0, the default:
                            they are told in the stack's time */
    struct ft_allocator allocator; /* must be set; <fourtuple/malloc.h> has the libc one */
    struct ft_limits limits;
    struct ft_auth
        auth; /* what signs segments; all NULL, the default: TCP MD5 and TCP-AO are off */
};

/**
 * Fill a configuration with the defaults, which are Linux's where Linux has one.
 *
 * @config: overwritten whole; the caller then sets seed, allocator and what else it wants
 *
 * Return: nothing. The next call is ft_stack_new().
 */
FT_PUBLIC void ft_config_init(struct ft_config *config);

/**
 * Make a stack. It starts with no interface, at time 0.
 *
 * @config:    copied; the caller keeps it
 * @ret_stack: the stack, to be freed by ft_stack_free()
 *
 * Return: 0; -EINVAL: size, shard, ports or limits are not sensible, no allocator is set, the seed
 * is all zero, or the congestion control is unknown; -ENOMEM: the allocator refused.
 */
FT_PUBLIC int ft_stack_new(const struct ft_config *config, struct ft_stack **ret_stack);

/**
 * Free a stack and all that it holds. No segment is sent; frames that were not given back by
 * ft_output_done() must not be read any more.
 *
 * @stack: may be NULL
 */
FT_PUBLIC void ft_stack_free(struct ft_stack *stack);

/**
 * Assert every invariant of the stack; aborts at the first that does not hold. Tests call it after
 * each event.
 *
 * @stack: unchanged
 */
FT_PUBLIC void ft_stack_check(const struct ft_stack *stack);

/**
 * The same, cheap enough to follow every event of a simulation. The parts that only change by being
 * put into or taken out of count that: the four-tuple table, the free descriptors, names and the
 * records of what is under way. Such a part is passed over as long as its count stands still, and
 * of timers only those slots are looked at that should have some, which must have all. What holds
 * between parts is asserted each time.
 *
 * A fault in the code that changes a part is found as soon as by ft_stack_check(). What changes a
 * part from outside of it, as a stray store does, is found by every 64th call, which looks at
 * everything; ft_stack_check() after each event then shows when it happened.
 *
 * @stack: unchanged, but for the counts of what was checked
 */
FT_PUBLIC void ft_stack_check_changes(struct ft_stack *stack);

FT_END_DECLS

#endif
