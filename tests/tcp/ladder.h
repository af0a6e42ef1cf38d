/* SPDX-License-Identifier: MIT */
/*
 * A ladder of segments: one stack in virtual time, and the test is its peer on an Ethernet.
 *
 *     ladder_open(&t);
 *     stack_listens(&t);
 *     peer_sends(&t, SEG_SYN, .seq = 100, .wnd = 65535, .mss = 1460);
 *     stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 101);
 *     after_ms(&t, 1000);
 *     stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 101);
 *     ladder_close(&t);
 *
 * The peer's sequence numbers are as the test says them; the stack's are relative to its initial
 * one, which is learned from its SYN: the SYN has 0, the first octet 1. Octets of both directions
 * come out of a pattern and are verified wherever they go. ft_stack_check() follows every step.
 * ARP and neighbour solicitations are answered behind the scenes.
 */
#ifndef TESTS_TCP_LADDER_H
#define TESTS_TCP_LADDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <fourtuple.h>

#include "base/addr.h"
#include "base/seq.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"
#include "wire/ip.h"
#include "wire/tcp.h"

/* A step names only the fields that it is about: the later initialiser wins on purpose. */
#pragma GCC diagnostic ignored "-Woverride-init"

#define LADDER_FRAME_MAX 65600
#define LADDER_QUEUE_MAX 8192
#define LADDER_PEERS_MAX 8
#define LADDER_PORT      80   /* what stack_listens() listens on */
#define LADDER_PEER_PORT 4000 /* of peer 0; peer n has n more */
#define LADDER_PEER_ISN  100  /* what peer_connects() begins with */
#define LADDER_SACKS_MAX 4

/* A field of a step that is not named. */
#define ANY              INT64_MIN

/* One segment, as the peer sends it or as the stack is to send it. */
struct step {
    unsigned flags; /* enum seg_flag; SEG_PSH of the stack is verified only if named, or by psh */
    int64_t seq;    /* peer: absolute, ANY: goes on; stack: relative */
    int64_t ack;    /* peer: relative, ANY: all that was seen; stack: absolute */
    int64_t len;    /* octets of payload; verified always, 0 if not named */
    int64_t wnd;    /* the field, not scaled; peer: ANY: as before, at first 65535 */
    int64_t mss;    /* options: ANY: peer: none, stack: not verified; NONE: must not be there */
    int64_t wscale;
    int64_t sack_ok; /* 1: there, 0: not */
    int64_t tsval;
    int64_t tsecr;
    int64_t ts; /* stack: 1: a timestamp is there, 0: not */
    int64_t urg;
    int64_t psh; /* stack: 1: SEG_PSH is there, 0: not */
    int64_t n_sack;
    struct {
        int64_t lo, hi; /* peer: relative, for it tells of the stack's octets; stack: absolute */
    } sack[LADDER_SACKS_MAX];
    int64_t ttl, tos;
    int64_t sport, dport;   /* of the segment; ANY: those of the conversation */
    const uint8_t *options; /* peer: raw octets instead of the options above; padded by END */
    size_t n_options;
    const uint8_t *ip_options; /* peer: raw octets, a multiple of 4 (IPv4) */
    size_t n_ip_options;
    const struct ft_addr *src; /* peer: instead of its own */
    const struct ft_addr *dst; /* peer: instead of the stack's */
    unsigned salt;             /* peer: other octets than the pattern's */
    unsigned n_segs;           /* peer: segments that the frame stands for (receive offload) */
    bool bad_csum;             /* peer: a wrong TCP checksum */
    bool l2_broadcast;         /* peer: in a frame to everybody */
    int line;                  /* filled in */
    const char *file;
};

#define NONE (INT64_MIN + 1)

#define LADDER_STEP(...)                                                                           \
    (struct step)                                                                                  \
    {                                                                                              \
        .seq = ANY, .ack = ANY, .wnd = ANY, .mss = ANY, .wscale = ANY, .sack_ok = ANY,             \
        .tsval = ANY, .tsecr = ANY, .ts = ANY, .urg = ANY, .psh = ANY, .n_sack = ANY, .ttl = ANY,  \
        .tos = ANY, .sport = ANY, .dport = ANY, .file = __FILE__, .line = __LINE__,                \
        .flags = __VA_ARGS__                                                                       \
    }

/* A frame that the stack has sent. */
struct ladder_frame {
    uint8_t *octets; /* from the Ethernet header on */
    size_t len;
    ft_time at;
};

struct ladder_key;

/* What is known of the conversation with one port of the peer. */
struct ladder_peer {
    uint16_t port, stack_port;
    bool iss_known;
    uint32_t iss;           /* the stack's */
    uint32_t snd_max;       /* highest number of the stack's seen, absolute */
    uint32_t nxt;           /* the peer's next */
    uint32_t isn;           /* the peer's first */
    uint32_t wnd;           /* the window that it tells */
    ft_sock sock;           /* the stack's end, -1: none */
    uint64_t written, read; /* octets of the stream by the user */
};

struct ladder {
    struct ft_stack *stack;
    struct ft_config config; /* ladder_init() fills it in, ladder_start() takes it */
    struct ft_if_config eth_config;
    int eth, lo;
    ft_time now;
    bool v6;
    bool no_gateway;   /* no default route */
    bool silent;       /* neighbours do not answer */
    bool unchecked;    /* no ft_stack_check(): with thousands of sockets it takes too long */
    bool batch;        /* peer_sends() does not fetch what the stack sends: segments queue up */
    struct ft_addr us; /* the stack's address */
    struct ft_addr them;
    ft_sock listener;
    struct ladder_peer peers[LADDER_PEERS_MAX];
    struct ladder_peer *peer;                    /* the one that steps are about */
    struct ladder_frame queue[LADDER_QUEUE_MAX]; /* TCP frames that no step has taken yet */
    unsigned q_head, q_tail;
    struct ladder_frame last; /* the last one that a step took */
    struct ft_tcp_seg seg;    /* its segment, absolute */
    const uint8_t *payload;   /* of t->seg, in t->last */
    struct ft_addr last_dst;
    uint8_t last_ttl, last_tos;
    enum ft_verdict verdict;      /* of the last frame of the peer */
    ft_sock verdict_sock;         /* the socket that it was for */
    const struct ladder_key *key; /* the peer signs by it (signer.h); NULL: it does not */
    unsigned n_other; /* frames of the stack that were neither TCP nor neighbours' talk */
    unsigned n_asked; /* questions for a neighbour */
    /* The allocator. */
    uint64_t n_allocs, n_live, octets_live;
    uint64_t fail_at; /* the n-th allocation fails; 0: none */
    bool fail_from;   /* all from then on */
};

/** Fill in a ladder of IPv4 with defaults; the test may change config, eth_config and flags. */
void ladder_init(struct ladder *t);

/** Make the stack and its interfaces. */
void ladder_start(struct ladder *t);

/** ladder_init() and ladder_start(). */
void ladder_open(struct ladder *t);

/** ladder_open() for IPv6. */
void ladder_open6(struct ladder *t);

/**
 * Abort what is open of t->listener and the peers, let all timers run out, and assert that no
 * socket, connection, embryo, TIME-WAIT entry or memory is left. Other sockets the test closes.
 */
void ladder_close(struct ladder *t);

/** Segments are to and from this port of the peer from now on. @n: below LADDER_PEERS_MAX. */
void ladder_peer(struct ladder *t, unsigned n);

/** The peer's name, or another port or address of it. Return: its length. */
socklen_t ladder_name(const struct ladder *t, const struct ft_addr *addr, uint16_t port,
                      struct sockaddr_storage *ret);

/** Bind and listen on LADDER_PORT of any address, backlog 8. */
void stack_listens(struct ladder *t);

/** Whether an option is an int is for the caller to know: set one on the present socket. */
void user_sets(struct ladder *t, int level, int name, int value);

/** Read an option that is an int. */
int user_gets(struct ladder *t, int level, int name);

/** Queue octets of the pattern; all of them must be taken. */
void user_writes(struct ladder *t, size_t n);

/** Queue octets with flags (MSG_OOB, MSG_MORE). */
void user_writes_flags(struct ladder *t, size_t n, int flags);

/** Read exactly so many octets, which must be the pattern's. */
void user_reads(struct ladder *t, size_t n);

/** Reading must answer this: 0 at the end, or -errno. */
void user_reads_nothing(struct ladder *t, int answer);

/** Close the present socket. */
void user_closes(struct ladder *t);

/** State of the present socket, enum ft_tcp_state. */
int stack_state(const struct ladder *t);

/** ft_stack_check(), unless the test has waived it. */
void ladder_check(const struct ladder *t);

/** The counters now. */
struct ft_counters stack_counts(const struct ladder *t);

/** What the socket table says of the present socket. */
struct ft_sock_info stack_info(const struct ladder *t);

/** The present socket's TCP_INFO. */
struct tcp_info stack_tcp_info(const struct ladder *t);

/** Time passes; timers fire at their instants, and what they send is kept for stack_sends(). */
void after_ms(struct ladder *t, uint64_t ms);

/** As after_ms() in microseconds. */
void after_us(struct ladder *t, uint64_t us);

/** Fetch what the stack has to send, keep it for stack_sends(). Return: segments that wait. */
unsigned ladder_pump(struct ladder *t);

/** Take the oldest segment that waits into t->last and t->seg. Return: false: there is none. */
bool ladder_take(struct ladder *t);

/** Fetch and forget all that the stack has to send. Return: segments. */
unsigned ladder_forget(struct ladder *t);

/** An active open to the present peer: -EINPROGRESS; makes t->peer->sock if there is none. */
void user_connects(struct ladder *t);

/** peer_sends(), the function. */
void ladder_peer_sends(struct ladder *t, struct step s);

/** stack_sends(), the function. */
void ladder_stack_sends(struct ladder *t, struct step s);

/** stack_sends_nothing(), the function. */
void ladder_stack_sends_nothing(struct ladder *t, const char *file, int line);

/** peer_connects(), the function. */
void ladder_peer_connects(struct ladder *t, struct step syn);

/** stack_connects(), the function. */
void ladder_stack_connects(struct ladder *t, struct step syn_ack);

/** Give octets of a whole Ethernet frame to the stack. */
void ladder_input(struct ladder *t, const uint8_t *frame, size_t len, unsigned n_segs,
                  uint16_t flags);

/** Write the frame of a step without giving it to the stack. Return: its octets. */
size_t ladder_build(struct ladder *t, const struct step *s, uint8_t *ret_frame);

/**
 * An ICMP error of the stack's family about t->last arrives from @from (NULL: the peer).
 *
 * @rest: MTU or pointer
 */
void peer_icmp(struct ladder *t, const struct ft_addr *from, uint8_t type, uint8_t code,
               uint32_t rest);

/** An octet of the stream of one direction. */
uint8_t ladder_octet(bool from_peer, uint64_t at);

/* The peer sends a segment: flags, then the fields that matter. */
#define peer_sends(t, ...)     ladder_peer_sends((t), LADDER_STEP(__VA_ARGS__))

/* The stack must send this now: flags, then the fields that matter. */
#define stack_sends(t, ...)    ladder_stack_sends((t), LADDER_STEP(__VA_ARGS__))

/* The stack must send no segment now. */
#define stack_sends_nothing(t) ladder_stack_sends_nothing((t), __FILE__, __LINE__)

/* A passive open and its handshake; t->peer->sock is the accepted socket. The arguments are fields
   of the peer's SYN. */
#define peer_connects(t, ...)  ladder_peer_connects((t), LADDER_STEP(SEG_SYN, __VA_ARGS__))

/* An active open and its handshake; the arguments are fields of the peer's SYN-ACK. */
#define stack_connects(t, ...)                                                                     \
    ladder_stack_connects((t), LADDER_STEP(SEG_SYN | SEG_ACK, __VA_ARGS__))

/* Verdict of the last frame of the peer. */
#define assert_verdict(t, v) assert_int_equal((t)->verdict, (v))

#endif
