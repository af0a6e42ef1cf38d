/* SPDX-License-Identifier: MIT */
/*
 * The plan of a world: all that a seed draws, before anything happens. Also what the files that
 * draw it share: the purposes of random streams, so that a new decision in one place changes no
 * decision of another.
 */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include <fourtuple/types.h>

#include "link/impair.h"

#define SIM_HOSTS_MAX   32
#define SIM_LANS_MAX    6 /* of a plan */
#define SIM_ROUTERS_MAX (SIM_LANS_MAX - 1)
#define SIM_CONNS_MAX   512
#define SIM_FAULTS_MAX  160

#define TRUNK           255             /* the index of its random stream */
#define LIMIT_AFTER     (1200 * FT_SEC) /* ten times the longest timeout (RFC 6298 2.5) */
#define PPB_PERCENT     UINT32_C(10000000)

/* Purposes of random streams: a new one goes to the end. */
enum {
    DRAW_SHAPE = 1,
    DRAW_HOST,
    DRAW_CABLE, /* of each host, and of the bottleneck: TRUNK */
    DRAW_CONN,
    DRAW_FAULT,
    DRAW_LATE,
    DRAW_FORGERY,
    DRAW_STORM,
    DRAW_CONGESTION,
    DRAW_LAN,
    DRAW_ROUTER,
    DRAW_SCENARIO,
    DRAW_SHRINK,
    DRAW_CHANGE,
    DRAW_CRASH,
    DRAW_REPLAY,
    DRAW_REUSE,
    DRAW_IDLE,
    DRAW_NAT,
    DRAW_ECN,
    DRAW_KEYS,
    DRAW_MIGRATION,
    DRAW_NAT_FAMILY,
    DRAW_REKEY,
};

/* ---- the plan: all that is drawn ---- */

/* What a stream's end does when it has sent all that it has to send. */
enum sim_ending {
    SIM_END_AFTER_EOF, /* wait for the peer's end of file, then close */
    SIM_END_SHUTDOWN,  /* shut the own direction, read on to the end, close */
    SIM_END_CLOSE,     /* close at once, with nobody reading any more */
    SIM_END_ABORT,     /* abort, at an octet drawn */
};

struct sim_side_plan {
    uint64_t octets;    /* to send in all */
    uint64_t abort_at;  /* SIM_END_ABORT: after so many octets sent and received */
    uint64_t turn;      /* with turns: octets of one request or response; 0: no turns */
    uint32_t write_max; /* octets of one call */
    uint32_t read_max;
    ft_time write_gap;      /* pause after a write; 0: none */
    ft_time read_gap;       /* pause after a read */
    ft_time read_after;     /* reads nothing for so long at first */
    int32_t sndbuf, rcvbuf; /* 0: as they come */
    bool nodelay;
    bool zero_copy; /* ft_reserve and ft_peek in place of ft_send and ft_recv */
    uint8_t ending; /* enum sim_ending */
};

enum sim_conn_kind {
    SIM_STREAM,       /* a client connects to a passive socket */
    SIM_SIMULTANEOUS, /* both connect at the same instant */
    SIM_REFUSED,      /* nobody listens */
    SIM_UNREACHABLE,  /* nobody has the address */
    SIM_DATAGRAMS,    /* datagrams and their echoes */
};

struct sim_conn_plan {
    bool absent;      /* cut out: it never begins */
    uint8_t kind;     /* enum sim_conn_kind */
    uint8_t family;   /* 4 or 6 */
    uint8_t key_kind; /* enum sim_key_kind: what signs its segments */
    bool may_reset;   /* an end is rude: the other may be reset */
    bool keep_alive;  /* settled: an end may be gone without a word, and is looked for */
    bool mapped;      /* settled: a NAT gives its client another name */
    bool hole;        /* settled: what is too big for the path vanishes there, for ever */
    uint8_t host[2];  /* client, server */
    uint16_t port;    /* of the server */
    uint16_t bound;   /* port that the client asks for, as others do before and after; 0: any */
    ft_time start;
    ft_time idle;    /* the client says nothing for so long once it is connected */
    uint64_t key[2]; /* of the stream that each side sends */
    struct sim_side_plan side[2];
};

struct sim_host_plan {
    bool absent; /* cut out: nobody is there */
    uint32_t mtu;
    uint8_t lan;
    bool is_server;
    bool linear;         /* asks for linear frames */
    uint32_t if_flags;   /* FT_IF_* */
    uint32_t refuse_ppm; /* the link takes no more, of a million frames */
    uint32_t backlog;    /* of its passive sockets */
    ft_time accept_gap;  /* of a server that is slow to accept; 0: at once */
    uint32_t poor_ppm;   /* allocations refused, of a million, while it is poor */
    ft_time poor_from, poor_until;
    uint64_t memory;        /* octets that its stack may have (limits.memory_max); 0: plenty */
    uint32_t poor_nth;      /* this allocation after poor_from is refused; 0: none */
    const char *congestion; /* the congestion control of its connections */
    uint8_t ecn;            /* enum ft_ecn and one; 0: as the configuration has it */
};

/* A switch and all that hangs on it. Routers make a tree of them, LAN 0 is the root. */
struct sim_lan_plan {
    uint32_t mtu;
    uint8_t parent; /* the LAN next to it on the way to LAN 0; smaller than its own number */
};

enum sim_mute {
    SIM_MUTE_NEVER,
    SIM_MUTE_AT_FIRST, /* until the faults heal */
    SIM_MUTE_FOR_EVER,
};

/* Router r joins LAN r + 1 with that one's parent. */
struct sim_router_plan {
    uint32_t mtu[2];           /* of what leaves to the parent, and to LAN r + 1 */
    uint8_t mute;              /* enum sim_mute: does not say what was too big */
    struct impair_config up;   /* its cable on the parent's side */
    struct impair_config down; /* and on the other */
};

enum sim_fault_kind {
    SIM_FAULT_CUT,     /* nothing passes, both ways */
    SIM_FAULT_CUT_ONE, /* nothing passes one way */
    SIM_FAULT_HEAL,    /* ends the one before it */
    SIM_FAULT_FORGE,   /* somebody off the path sends a segment in another's name */
    SIM_FAULT_SHRINK,  /* a router's port takes no more than so many octets from now on */
    SIM_FAULT_RATE,    /* a pipe gets another rate, bit/s */
    SIM_FAULT_SPIKE,   /* a pipe gets a longer delay, ns */
    SIM_FAULT_RESTORE, /* ends the one before it: the pipe is as it was */
    SIM_FAULT_CRASH,   /* a host forgets all and is silent */
    SIM_FAULT_BOOT,    /* ends the one before it: the host is there again, with a new seed */
    SIM_FAULT_FORGET,  /* the NAT forgets all names that it has given */
    SIM_FAULT_REPLAY,  /* somebody on the path sends an old segment again */
    SIM_FAULT_MIGRATE, /* a host is replaced: its connections are written down, its stack freed */
    SIM_FAULT_ARRIVE,  /* ends the one before it: they go on in another stack; value 1: and card */
    SIM_FAULT_REKEY,   /* a host's connections change their key of TCP-AO: value 1: they sign by the
                          other one, 2: they ask the peer for it, 3: both */
    SIM_FAULT_FLOOD,   /* so many SYNs from hosts that are not there, at one instant */
};

/** Whether a host may run out of memory. */
static inline bool sim_is_poor(const struct sim_host_plan *host)
{
    return host->poor_ppm != 0 || host->poor_nth != 0 || host->memory != 0;
}

/** Whether a fault is the end of the one before it. */
static inline bool sim_fault_is_end(uint8_t kind)
{
    return kind == SIM_FAULT_HEAL || kind == SIM_FAULT_RESTORE || kind == SIM_FAULT_BOOT ||
           kind == SIM_FAULT_ARRIVE;
}

struct sim_fault_plan {
    bool absent;  /* cut out: it does not happen */
    uint8_t kind; /* enum sim_fault_kind */
    uint32_t
        pipe; /* its number, its partner is pipe ^ 1; of SHRINK 2 * router + port; of CRASH,
                 BOOT, MIGRATE, ARRIVE and REKEY the host; of FORGE what the forger draws from */
    uint64_t value;
    ft_time at;
};

struct sim_plan {
    uint32_t n_clients, n_servers, n_hosts, n_conns, n_faults;
    uint32_t n_lans, n_routers; /* without routers: two switches and a trunk, one subnet */
    struct sim_host_plan host[SIM_HOSTS_MAX];
    struct sim_lan_plan lan[SIM_LANS_MAX];
    struct sim_router_plan router[SIM_ROUTERS_MAX];
    struct impair_config access[SIM_HOSTS_MAX]; /* of each host's cable */
    struct impair_config trunk;                 /* between the two switches: the bottleneck */
    uint32_t nat;              /* router that translates what comes from behind it, + 1; 0: none */
    struct impair_config late; /* copies that come again much later; all lost: none */
    struct sim_conn_plan conn[SIM_CONNS_MAX];
    struct sim_fault_plan fault[SIM_FAULTS_MAX];
    ft_time length;   /* the last conversation begins before it */
    ft_time heal_at;  /* from here on nothing is lost, changed or cut */
    ft_time limit;    /* by then everything must have ended */
    ft_time patience; /* settled: more of it, for who speaks where nobody hears him, till R2 */
};

#endif
