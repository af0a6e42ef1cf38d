/* SPDX-License-Identifier: MIT */
/*
 * The structures of a simulated world, shared by the files of this folder: what a seed draws
 * (struct sim_plan), what lives while it runs (hosts, switches, pipes, applications), and the notes
 * that are kept for the day on which an oracle fails.
 */
#ifndef SIM_PRIV_H
#define SIM_PRIV_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include <fourtuple.h>
#include <fourtuple/sim.h>

#include "link/impair.h"
#include "sim/audit.h"
#include "sim/plan.h"
#include "sim/rand.h"
#include "sim/sim.h"

#define SIM_SWITCHES_MAX  8
#define SIM_PIPES_MAX     (2 * (SIM_HOSTS_MAX + SIM_SWITCHES_MAX + 2 * SIM_ROUTERS_MAX))
#define SIM_PORTS_MAX     (SIM_HOSTS_MAX + SIM_SWITCHES_MAX) /* of a switch */
#define SIM_BOTH_PORT     10000 /* of clients of simultaneous opens, by their conversation */
#define SIM_NOBODY        0xfa  /* nobody's number in a LAN */
#define SIM_NAME_MAX      16
#define SIM_NO_HOST       UINT8_MAX
#define SIM_DATAGRAMS_MAX 64   /* of a conversation */
#define SIM_KEEP_INTVL_S  5    /* between keep-alive probes */
#define SIM_MACS_MAX      64   /* that a switch remembers */
#define SIM_MAPPED_MAX    4096 /* names that a NAT has ever given */
#define SIM_TAPED_MAX     64   /* frames that somebody on the path has kept */
#define SIM_TAPE_LEN      1600 /* no longer ones */
#define SIM_NOTES_MAX     8192
#define SIM_FRAME_MAX     (9000 + 14)
#define SIM_POOR_AGAIN    (20 * FT_MS) /* a call that was refused memory is made again */
#define SIM_BATCH_MAX     8            /* frames that reach a host at once */

/* ---- what lives ---- */

enum sim_event_kind {
    SIM_EVENT_HOST,     /* a timer of a stack */
    SIM_EVENT_PIPE,     /* a frame comes out of a pipe */
    SIM_EVENT_APP,      /* an application wakes */
    SIM_EVENT_LISTENER, /* a passive socket tries again */
    SIM_EVENT_FAULT,    /* the next fault of the plan */
    SIM_EVENT_PHASE,    /* the world goes on to its next phase */
    SIM_EVENT_LIB,      /* of a world that a program has built */
};

struct sim_event {
    ft_time at;
    uint64_t order; /* ties: as they were made */
    uint32_t kind;
    uint32_t index;
};

struct sim_watch {
    bool is_listener;
    uint32_t index; /* of the app or listener */
};

struct sim_listener {
    struct sim_watch watch;
    uint32_t host;
    uint16_t port;
    uint8_t family;
    bool is_udp;
    ft_sock sock;
    ft_time wake;
};

enum sim_app_state {
    SIM_APP_IDLE, /* not begun */
    SIM_APP_CONNECTING,
    SIM_APP_OPEN,
    SIM_APP_DONE,
};

/* One end of a conversation. */
struct sim_app {
    struct sim_watch watch;
    struct sim_world *world;
    uint32_t conn; /* of the plan */
    uint8_t side;
    uint8_t state; /* enum sim_app_state */
    uint32_t host;
    ft_sock sock;
    ft_time wake;              /* of its event; FT_TIME_NEVER: none */
    ft_time write_at, read_at; /* not before */
    uint64_t sent, received;   /* octets taken by ft_send, given by ft_recv */
    uint32_t attempts;
    ft_time done_at;
    int error;            /* that ended it, an errno; 0: none */
    bool died;            /* its host has crashed */
    bool shaken;          /* one of the two hosts has crashed meanwhile */
    bool forgotten;       /* the NAT between the two has forgotten it meanwhile */
    bool eof_seen;        /* the peer's end of file */
    bool fin_asked;       /* the own direction was closed after the last octet */
    bool aborted;         /* by our own ft_abort, or a close that discards */
    struct ft_addr local; /* once bound */
    uint16_t local_port, remote_port;
    uint32_t datagrams_taken;           /* SIM_DATAGRAMS: that its socket has given */
    uint32_t whole;                     /* ... that have reached its host, not in fragments */
    uint64_t echoed;                    /* a bit for each of them */
    uint32_t copies[SIM_DATAGRAMS_MAX]; /* that have reached its host and were not taken */
    uint8_t *image;                     /* of a connection whose host is away; NULL: it is not */
    size_t image_len;
    bool lied_to; /* a stranger has told that nobody listens */
};

struct sim_host {
    struct sim_world *world;
    uint32_t index;
    char name[SIM_NAME_MAX];
    struct ft_stack *stack; /* NULL: it is down */
    uint32_t boots;         /* how often it has come up */
    int ifindex;
    uint8_t mac[6];
    struct ft_addr addr4, addr6;
    uint32_t pipe;        /* out of the host */
    ft_time wake;         /* of its event */
    ft_time link_free_at; /* the link refuses frames until then */
    struct sim_rand rand;
    struct sim_rand poverty; /* which allocations are refused */
    uint64_t octets_held;    /* what its allocator has given */
    uint64_t baseline;       /* of octets_held before the first conversation */
    uint32_t n_allocs;       /* since it may be poor */
    bool was_refused;        /* memory, in this event */
    bool is_away;            /* it is being replaced: down, and its connections are written down */
    bool booting;            /* and nothing is refused meanwhile */
    int pcap_if;
    uint32_t spins; /* timer events at one instant */
    ft_time spin_at;
};

/* One direction of a cable. */
struct sim_pipe {
    struct impair imp;
    struct impair late; /* copies that linger in the network (RFC 9293 3.4.3) */
    bool cut;
    uint8_t kind; /* enum sim_pipe_kind */
    uint32_t to;
    uint32_t port; /* of the switch or router at which it arrives */
    ft_time wake;
    ft_time delay; /* as drawn */
    uint64_t rate;
};

enum sim_pipe_kind {
    SIM_TO_SWITCH,
    SIM_TO_HOST,
    SIM_TO_ROUTER,
};

/* Where a cable ends. */
struct sim_end {
    bool is_host; /* else a switch or router */
    uint32_t index;
    bool is_router;
    uint32_t port; /* of a router */
};

struct sim_switch {
    uint32_t out[SIM_PORTS_MAX]; /* pipes */
    uint32_t n_ports;
    struct {
        uint8_t mac[6];
        uint32_t port;
    } learned[SIM_MACS_MAX];
    uint32_t n_learned;
};

/* A forwarding node of the simulator's own; port 0 is on the parent's side, 1 on the other. */
struct sim_router {
    uint8_t mac[2][6];
    uint32_t mtu[2]; /* of what leaves by a port */
    bool mute;       /* says nothing of what is too big */
    uint32_t out[2]; /* pipes */
    uint64_t n_forwarded, n_fragments, n_icmp;
};

enum sim_note_kind {
    SIM_NOTE_SENT,
    SIM_NOTE_REFUSED,
    SIM_NOTE_ARRIVED,
    SIM_NOTE_APP,
    SIM_NOTE_FORGED,
    SIM_NOTE_CUT,  /* a frame met a cut */
    SIM_NOTE_TEXT, /* a line of its own */
};

/* A line of the story of a connection. */
struct sim_note {
    uint8_t kind; /* enum sim_note_kind */
    uint8_t flags;
    uint8_t host; /* SIM_NO_HOST: the world itself */
    uint16_t src_port, dst_port;
    struct ft_addr src, dst;
    uint32_t seq, ack, len, wnd;
    ft_time at;
    bool is_udp;
    const char *text; /* what is wrong, a literal; or the line, valid as long as the note */
    int64_t value;
};

/* The two names of a connection, in either order. */
struct sim_tuple {
    struct ft_addr a, b;
    uint16_t a_port, b_port;
};

enum sim_phase {
    SIM_PHASE_RUN,   /* conversations */
    SIM_PHASE_QUIET, /* all are done; TIME-WAIT passes */
    SIM_PHASE_END,
};

/* A name that a NAT has given. Ports are never given twice. */
struct sim_mapping {
    struct ft_addr addr; /* inside */
    uint16_t port;
    uint8_t protocol;
    bool live;
};

/* A frame that somebody on the path has kept. */
struct sim_taped {
    uint32_t host; /* to which it goes */
    uint32_t len;
    uint8_t octets[SIM_TAPE_LEN];
};

struct pcapng;

struct sim_world {
    struct sim_options options;
    struct sim_plan plan;
    struct ft_sim *lib;           /* the program that has built this world; NULL: a seed has */
    struct ft_config host_config; /* of all hosts, but for the seed */
    int name_width;               /* of the longest name, for columns; at least 3 */
    ft_time now;
    uint32_t phase; /* enum sim_phase */

    struct sim_event *heap;
    size_t n_heap, heap_cap;
    uint64_t next_order;

    struct sim_host host[SIM_HOSTS_MAX];
    struct sim_pipe pipe[SIM_PIPES_MAX];
    uint32_t n_pipes;
    struct sim_switch sw[SIM_SWITCHES_MAX];
    struct sim_router router[SIM_ROUTERS_MAX];
    struct sim_app app[2 * SIM_CONNS_MAX];
    struct sim_listener *listener;
    uint32_t n_listeners;
    uint32_t n_done; /* applications that are done */

    struct sim_audit *audit;
    struct pcapng *pcap;
    struct sim_mapping mapped[SIM_MAPPED_MAX]; /* by port outside, from SIM_NAT_PORT on */
    uint32_t n_mapped;
    struct sim_taped taped[SIM_TAPED_MAX];
    uint64_t n_taped, n_replayed, n_forged;
    uint64_t hash, packets, octets;
    struct ft_counters counters; /* of the hosts that are gone */

    bool has_cookies; /* a SYN cookie may be, or has been, sent */
    bool failed, abandoned, has_tuple;
    struct sim_tuple tuple; /* of the failure */
    ft_time failed_at;
    char sentence[SIM_SENTENCE_MAX];
    struct sim_note notes[SIM_NOTES_MAX];
    uint64_t n_notes;

    uint8_t frame[SIM_BATCH_MAX][SIM_FRAME_MAX];
    uint8_t routed[SIM_FRAME_MAX]; /* what a router makes */
    uint8_t scratch[66000];        /* a whole frame of a stack, or octets of an application */
    uint8_t expected[66000];
};

/* ---- plan.c ---- */

/** Draw everything from the seed. @plan: overwritten. */
void ft_sim_plan(struct sim_plan *plan, uint64_t seed, ft_time length);

/** Whether a packet may arrive more than once. */
bool ft_sim_plan_duplicates(const struct sim_plan *plan);

/** Whether a kind of fault happens in this plan. */
bool ft_sim_plan_has(const struct sim_plan *plan, enum sim_fault_kind kind);

/** Whether nothing is ever lost, changed, cut or refused in this plan, but for full queues. */
bool ft_sim_plan_is_calm(const struct sim_plan *plan);

/** Whether a server may have so many beginners at once that it sends SYN cookies. */
bool ft_sim_plan_has_cookies(const struct sim_plan *plan);

/** Give a client of a server that may send cookies an octet to say. */
void ft_sim_let_client_speak(struct sim_conn_plan *conn);

/** Take the routers out of a plan: two switches and a trunk, clients on one side. */
void ft_sim_plan_flat(struct sim_plan *plan);

/* ---- keys.c ---- */

#define SIM_PORT_MD5 179 /* passive sockets with keys */
#define SIM_PORT_AO  1790

/* Two hosts that sign what they say to each other. */
struct sim_pair {
    uint8_t kind, family; /* enum sim_key_kind; 4 or 6 */
    uint32_t own, peer;   /* hosts */
};

/** Draw which conversations are signed. @plan: has its conversations. */
void ft_sim_plan_keys(struct sim_plan *plan, uint64_t seed);

/** Add that a host's connections change their key of TCP-AO, some time; nothing in a full plan. */
void ft_sim_add_rekey(struct sim_plan *plan, struct sim_rand *rand);

/** It happens. @how: as SIM_FAULT_REKEY has it */
void ft_sim_rekey(struct sim_world *world, const struct sim_host *host, uint64_t how);

/** Let a stream be signed, or not any more. @kind: enum sim_key_kind */
void ft_sim_sign(struct sim_conn_plan *conn, uint8_t kind);

/** Whether any conversation is signed. */
bool ft_sim_plan_signs(const struct sim_plan *plan);

/** Whether a server has signed conversations at a port. */
bool ft_sim_plan_signs_at(const struct sim_plan *plan, uint32_t server, uint16_t port);

/** What @pair->own signs by what it sends to the other, as long as keys do not change. */
void ft_sim_key(const struct sim_world *world, const struct sim_pair *pair,
                struct sim_audit_key *ret);

/** Give a socket of host @pair->own the key for the other. Return: 0 or -errno. */
int ft_sim_set_key(struct sim_world *world, ft_sock sock, const struct sim_pair *pair);

/** Give a passive socket the keys of all clients. Return: 0 or -errno. */
int ft_sim_set_keys(struct sim_world *world, const struct sim_listener *listener);

/** Tell the auditor of all keys, if there are any. */
void ft_sim_audit_keys(struct sim_world *world);

/** How many segments a host has dropped for their signature, or for want of one. */
uint64_t ft_sim_refused(const struct sim_host *host);

/* ---- scenario.c ---- */

/** Make a plan that of a scenario, and lay another cable, as the options say. Return: 0 or -1. */
int ft_sim_scenario_apply(struct sim_plan *plan, const struct sim_options *options);

/* ---- cut.c ---- */

/** Take out of a plan what a cut says. Return: false: no client or no server would be left. */
bool ft_sim_cut(struct sim_plan *plan, const struct sim_cut *cut);

/* ---- plan_fault.c ---- */

/** Draw what goes wrong. @plan: has its network and conversations. */
void ft_sim_plan_faults(struct sim_plan *plan, uint64_t seed);

/** Work out what follows from all that is left of a plan. */
void ft_sim_plan_settle(struct sim_plan *plan);

/** Add a fault and its end. Return: whether both came to be. */
bool ft_sim_add_pair(struct sim_plan *plan, const struct sim_fault_plan *fault, uint8_t end,
                     ft_time until);

/* ---- migrate.c ---- */

/** Draw which hosts are replaced in mid-conversation. */
void ft_sim_plan_migrations(struct sim_plan *plan, uint64_t seed);

/** Write the connections of a host down and free its stack. */
void ft_sim_migrate(struct sim_world *world, struct sim_host *host);

/** Let them go on in another stack. @other_card: with another link address */
void ft_sim_arrive(struct sim_world *world, struct sim_host *host, bool other_card);

/* ---- fault.c ---- */

/** A fault of the plan happens. */
void ft_sim_fault(struct sim_world *world, uint32_t index);

/* ---- plan_net.c ---- */

/** Draw LANs, routers and all cables, and where hosts are. @plan: has its hosts. */
void ft_sim_plan_net(struct sim_plan *plan, uint64_t seed);

/** Whether packets that a host sends to another may be too big for a router that never says so. */
bool ft_sim_plan_has_hole(const struct sim_plan *plan, uint32_t from, uint32_t to);

/** The smallest MTU between two hosts of a plan, before any fault. */
uint32_t ft_sim_plan_mtu(const struct sim_plan *plan, uint32_t a, uint32_t b);

/** Whether a packet from LAN @from to LAN @to passes a router, and which is the first. @to: not
    @from; with routers only. Return: its number. */
uint32_t ft_sim_plan_router(const struct sim_plan *plan, uint32_t from, uint32_t to);

/** Whether a LAN is @root or behind it, seen from LAN 0. */
bool ft_sim_plan_is_behind(const struct sim_plan *plan, uint32_t lan, uint32_t root);

/* ---- world.c ---- */

/** Ask for an event; one per kind and index is alive, the earliest asked for. @wake: its slot. */
void ft_sim_wake(struct sim_world *world, ft_time *wake, uint32_t kind, uint32_t index, ft_time at);

/** Something does not hold: end the run. The first counts. @tuple: to blame; NULL: none. */
void ft_sim_halt(struct sim_world *world, const struct sim_tuple *tuple, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Add to the story that a failure prints. */
void ft_sim_note(struct sim_world *world, const struct sim_note *note);

/* ---- report.c, trace.c ---- */

/** Print an instant, in seconds. */
void ft_sim_print_time(FILE *out, ft_time at);

/** Print a line of the story. */
void ft_sim_print_note(const struct sim_world *world, FILE *out, const struct sim_note *note);

/** Let a stack tell of its events in the trace, if one is written. */
void ft_sim_trace_host(struct sim_host *host);

/** Whether two connections are one, in either order. */
bool ft_sim_tuple_eq(const struct sim_tuple *x, const struct sim_tuple *y);

/** Fold a frame and its time into the trace hash. */
void ft_sim_hash(struct sim_world *world, uint32_t host, const uint8_t *frame, size_t len);

/** Ask for an event that nothing moves or takes back. Return: its order, which names it. */
uint64_t ft_sim_add_event(struct sim_world *world, uint32_t kind, uint32_t index, ft_time at);

/** When the next event is; FT_TIME_NEVER: there is none. */
ft_time ft_sim_next_at(const struct sim_world *world);

/** Let the next event happen. There must be one. */
void ft_sim_step(struct sim_world *world);

/** A world with no plan, hosts or cables yet. Return: NULL: @ret_error says why, a -errno. */
struct sim_world *ft_sim_world_bare(const struct sim_options *options, int *ret_error);

/* ---- host.c ---- */

/** Make the stacks, interfaces and addresses. Return: 0 or -1: no memory. */
int ft_sim_hosts_new(struct sim_world *world);

/** Make host @index as its plan has it, but for its name. Return: as ft_sim_host_boot(). */
int ft_sim_host_new(struct sim_world *world, uint32_t index);

/** The number of the host that has an address; n_hosts: none. */
uint32_t ft_sim_host_at(const struct sim_world *world, const struct ft_addr *addr);

/** Let a host come up: a new stack, with secrets that it never had. Return: 0 or -errno. */
int ft_sim_host_boot(struct sim_world *world, struct sim_host *host);

/** Take a host down at once, with nothing sent. What it had in memory is gone. */
void ft_sim_host_crash(struct sim_world *world, struct sim_host *host);

/** Add up the counters of the hosts that are still there. @total: added to. */
void ft_sim_count(const struct sim_world *world, struct ft_counters *total);

/** Free them; says by the oracle if any memory is left. */
void ft_sim_hosts_free(struct sim_world *world);

/** Let time pass for a host, its applications and its link, until nothing is left to do now. */
void ft_sim_host_run(struct sim_world *world, struct sim_host *host);

/** Frames in world->frame have come to a host. */
void ft_sim_host_input(struct sim_world *world, struct sim_host *host, const uint32_t *lens,
                       size_t n);

/* ---- card.c ---- */

/* Takes what goes onto the cable. */
typedef void sim_card_sink(struct sim_world *world, struct sim_host *host, const uint8_t *octets,
                           size_t len, bool refused);

/**
 * Make octets out of a frame of a stack.
 *
 * @sink:    is given each packet
 * @refused: told to the sink
 *
 * Return: NULL, or what is wrong with the frame.
 */
const char *ft_sim_card_send(struct sim_world *world, struct sim_host *host,
                             const struct ft_frame *frame, sim_card_sink *sink, bool refused);

/* ---- net.c ---- */

/** Make switches and cables as the plan has them. Return: 0 or -1: no memory. */
int ft_sim_net_new(struct sim_world *world);

/** Lay a cable. @config: both ways. Return: its first pipe, from @a to @b; the other is pipe ^ 1.
 */
uint32_t ft_sim_cable(struct sim_world *world, const struct sim_end *a, const struct sim_end *b,
                      const struct impair_config *config);

/** Free what the cables hold. */
void ft_sim_net_free(struct sim_world *world);

/** Put a frame into a pipe. */
void ft_sim_pipe_put(struct sim_world *world, uint32_t pipe, const uint8_t *frame, size_t len);

/** Frames come out of a pipe. */
void ft_sim_pipe_event(struct sim_world *world, uint32_t pipe);

/** From now on nothing is lost, changed or cut. */
void ft_sim_net_heal(struct sim_world *world);

/* ---- router.c ---- */

/** The address of a number in a LAN. @family: 4 or 6. */
struct ft_addr ft_sim_addr(const struct sim_plan *plan, uint32_t lan, uint8_t family,
                           uint32_t number);

/** The number of a router in the LANs that it joins. */
uint32_t ft_sim_router_number(uint32_t router);

/** A frame has come to a port of a router; it is forwarded, answered or dropped. @frame: may be
    changed. */
void ft_sim_router_input(struct sim_world *world, uint32_t router, uint32_t port, uint8_t *frame,
                         size_t len);

/* ---- nat.c ---- */

#define SIM_NAT_PORT 20000 /* the first that a NAT gives */

/** The name that a NAT has outside. @family: 4 or 6. */
struct ft_addr ft_sim_nat_addr(const struct sim_plan *plan, uint8_t family);

/** Whether packets from a host to another pass the NAT from the inside. */
bool ft_sim_nat_is_between(const struct sim_plan *plan, uint32_t from, uint32_t to);

/** Whose a name is that was given, now or ever: made the one inside. Others are left alone. */
void ft_sim_nat_inside(const struct sim_world *world, struct ft_addr *addr, uint16_t *port);

/** Translate a packet on its way out. Return: false: drop it. */
bool ft_sim_nat_out(struct sim_world *world, uint8_t *ip, size_t len);

/** Translate one on its way in. Return: false: it is for nobody. */
bool ft_sim_nat_in(struct sim_world *world, uint8_t *ip, size_t len);

/** Forget all names, and note which conversations have lost theirs. */
void ft_sim_nat_forget(struct sim_world *world);

/* ---- forge.c ---- */

/**
 * Send one forged segment to an end of a live connection, if there is one. It is such that a
 * correct stack is unharmed (RFC 5961, RFC 9293 3.10.7.4).
 *
 * @draw: which connection, and which forgery
 *
 * Return: whether one was sent.
 */
bool ft_sim_forge(struct sim_world *world, uint32_t draw);

/**
 * Somebody on the path keeps a copy of a TCP segment: of all that begin or end a connection, and of
 * some others.
 */
void ft_sim_tape(struct sim_world *world, const struct sim_host *host, const struct sight *s,
                 const uint8_t *octets, size_t len);

/** He sends one of them again. @draw: which. Return: whether there was any. */
bool ft_sim_replay(struct sim_world *world, uint32_t draw);

/** Send the SYNs of a fault to its host, from addresses of its LAN where nobody is. */
void ft_sim_flood(struct sim_world *world, uint32_t fault);

/* ---- app.c, serve.c ---- */

/** Make the passive sockets and the applications. Return: 0 or -1: a call failed. */
int ft_sim_apps_new(struct sim_world *world);

/** An application does what it can do now. */
void ft_sim_app_step(struct sim_app *app);

/** A server's application has got its socket. */
void ft_sim_app_accepted(struct sim_app *app);

/** Take the events of a host's stack. Return: whether there were any. */
bool ft_sim_apps_poll(struct sim_world *world, struct sim_host *host);

/** A passive socket tries again to accept. */
void ft_sim_listener_event(struct sim_world *world, uint32_t index);

/** A host has crashed: its applications are no more. */
void ft_sim_apps_crash(struct sim_world *world, struct sim_host *host);

/** Accept what its passive sockets hold, at once. */
void ft_sim_accept_waiting(struct sim_world *world, struct sim_host *host);

/** It is there again: its passive sockets are made anew. */
void ft_sim_apps_boot(struct sim_world *world, struct sim_host *host);

/** Close the passive sockets. */
void ft_sim_listeners_close(struct sim_world *world);

/** A server may never hear of a client that is, or may be, gone: it is not waited for. */
void ft_sim_app_orphan(struct sim_app *server);

/** An application has ended: note it, count it, and ask the oracle. @error: an errno or 0. */
void ft_sim_app_done(struct sim_app *app, int error);

/** A stream's octets. @at: offset of the first. */
void ft_sim_stream(uint64_t key, uint64_t at, uint8_t *ret, size_t len);

/** The number of a datagram. @octets: its first eight */
uint64_t ft_sim_datagram_number(const uint8_t *octets);

/** The client of datagrams that has a name, or had it before a NAT. Return: NULL: nobody now. */
struct sim_app *ft_sim_datagram_client(struct sim_world *world, const struct ft_addr *addr,
                                       uint16_t port);

/** A frame has reached its host: if it begins a datagram of a conversation, that is counted. */
void ft_sim_copy_arrived(struct sim_world *world, const struct sight *s, const uint8_t *octets,
                         size_t len);

/** An end has received a datagram: it must have arrived as often. */
void ft_sim_copy_taken(struct sim_app *app, uint64_t number);

/** Learn the name that a socket has got. */
void ft_sim_app_learn_local(struct sim_app *app);

/** One step of a datagram application. */
void ft_sim_datagram_step(struct sim_app *app);

/** Echo what has come to a datagram socket of a server. */
void ft_sim_datagram_echo(struct sim_world *world, struct sim_listener *listener);

/** The name of a host in a family. @ret: sockaddr_in or sockaddr_in6. Return: its length. */
socklen_t ft_sim_name(const struct sim_host *host, uint8_t family, uint16_t port,
                      struct sockaddr_storage *ret);

/** Back from a sockaddr. */
void ft_sim_unname(const struct sockaddr_storage *name, struct ft_addr *ret_addr,
                   uint16_t *ret_port);

/** Note something that an application did. @text: a literal. */
void ft_sim_app_note(struct sim_app *app, const char *text, int64_t value);

/** The names of an application's connection. */
struct sim_tuple ft_sim_app_tuple(const struct sim_app *app);

/* ---- oracle.c ---- */

/** Octets were received: they must be those that the peer sent, in order. */
void ft_sim_oracle_octets(struct sim_app *app, const uint8_t *octets, size_t len);

/** An end of file was read: the peer must have asked for it, after the octets that came. */
void ft_sim_oracle_eof(struct sim_app *app);

/** Both ends of a conversation are done: may they believe what they believe? */
void ft_sim_oracle_pair(struct sim_world *world, uint32_t conn);

/** Whether a server may never hear of its client, which is done. */
bool ft_sim_oracle_unheard(const struct sim_app *server);

/** Not everything has ended in time. */
void ft_sim_oracle_late(struct sim_world *world);

/** All is closed and TIME-WAIT has passed: nothing may be left. */
void ft_sim_oracle_rest(struct sim_world *world);

/* ---- lib*.c: what a world built by calls has in place of a plan ---- */

/** Whether an event of this kind still stands; it may have been taken back. */
bool ft_sim_lib_is_due(const struct ft_sim *sim, const struct sim_event *event);

/** A timer, crash, restart or start. @index: of the event. */
void ft_sim_lib_event(struct ft_sim *sim, uint32_t index);

/** Hand events of a host's stack to its applications. Return: whether there were any. */
bool ft_sim_lib_poll(struct ft_sim *sim, struct sim_host *host);

/** Give a host that comes up its addresses. Return: 0 or -errno. */
int ft_sim_lib_addresses(struct ft_sim *sim, struct sim_host *host);

/** Whether a frame may reach host @to: nothing cuts that off from its sender. Notes it if not. */
bool ft_sim_lib_passes(struct ft_sim *sim, uint32_t to, const uint8_t *frame, size_t len);

#endif
