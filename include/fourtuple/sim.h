/* SPDX-License-Identifier: MIT */
/*
 * The simulator as a library: a world of hosts in virtual time, for people who write a protocol of
 * their own over TCP or UDP and want to see it fail at their desk. The hosts are real stacks, used
 * by the calls of socket.h; cables, faults and the clock are simulated; applications are callbacks.
 * Everything is drawn from one seed, so a failure comes again, to the bit, whenever the seed is run
 * again. Link with libfourtuple-sim. doc/simlib.md is the tour, examples/kv a whole program.
 *
 * One thread owns a world; worlds know nothing of each other. Nothing here waits or looks at a
 * clock. Times are virtual, in nanoseconds since the world began (ft_time).
 *
 * All calls may be made before the first ft_sim_run(), between two, and from callbacks, unless said
 * otherwise. A callback must draw nothing from outside of the world (a clock, rand(3), addresses of
 * memory), or the seed does not repeat it.
 */
#ifndef FOURTUPLE_SIM_H
#define FOURTUPLE_SIM_H

#include <stdbool.h>
#include <stdio.h>

#include <fourtuple.h>

FT_BEGIN_DECLS

#define FT_SIM_NAME_MAX     16  /* of a host or switch, its NUL among them */
#define FT_SIM_HOSTS_MAX    32  /* hosts of a world */
#define FT_SIM_SWITCHES_MAX 8   /* switches of a world */
#define FT_SIM_APPS_MAX     16  /* applications of a host, and end checks of a world */
#define FT_SIM_SENTENCE_MAX 320 /* octets of the sentence of a failure, its NUL among them */

struct ft_sim;      /* a world */
struct ft_sim_host; /* one of its hosts; it lives as long as the world */

struct ft_sim_config {
    uint32_t size;    /* sizeof(struct ft_sim_config), set by ft_sim_config_init() */
    uint64_t seed;    /* everything is drawn from it; any number */
    const char *pcap; /* file for all that hosts send and get, whole after ft_sim_free(); or NULL */
    FILE *log;  /* each line of ft_sim_log() and each fault as it happens; NULL: not printed */
    bool check; /* ft_stack_check_changes() after every event: for doubts about the stack */
    uint32_t timers_max;   /* ft_sim_at() and ft_sim_after() that are pending at one time */
    struct ft_config host; /* of every stack: limits, allocator, profile; its seed is drawn. auth
                              has MD5 and HMAC-SHA-1 already, the same on any machine */
};

struct ft_sim_result {
    bool failed;
    char sentence[FT_SIM_SENTENCE_MAX]; /* of the failure */
    ft_time failed_at;
    ft_time now;
    uint64_t frames;     /* that hosts have sent */
    uint64_t trace_hash; /* over every frame sent, every line logged, and their times */
};

/* An application: what a host runs each time that it comes up. */
struct ft_sim_app {
    /* The host has come up. It opens its sockets; what it knew before a crash is lost, unless it is
       meant to be on a disk. May be NULL. */
    void (*start)(struct ft_sim_host *host, void *ctx);
    /* The host has crashed: its stack, sockets and timers are gone already. Free what belonged to
       them. May be NULL. */
    void (*crash)(struct ft_sim_host *host, void *ctx);
    void *ctx;
};

/* What the user pointer of ft_watch() must point to in a world: who is called for the socket's
   events. It must stay where it is until the socket is closed or the host crashes. */
struct ft_sim_watch {
    /* @mask: FT_READABLE ..., as in struct ft_event */
    void (*ready)(struct ft_sim_host *host, ft_sock sock, uint32_t mask, void *ctx);
    void *ctx;
};

typedef void ft_sim_host_call(struct ft_sim_host *host, void *ctx);
typedef void ft_sim_call(struct ft_sim *sim, void *ctx);

/* ---- a world ---- */

/**
 * Fill a configuration with defaults: seed 1, no capture, no log, stacks as ft_config_init() has
 * them with libc's allocator.
 *
 * @config: overwritten whole
 *
 * Return: nothing. The next call is ft_sim_new().
 */
FT_PUBLIC void ft_sim_config_init(struct ft_sim_config *config);

/**
 * Make a world. It has no host yet, and its time is 0.
 *
 * @config:  copied; the log is used until ft_sim_free()
 * @ret_sim: the world, to be freed by ft_sim_free()
 *
 * Return: 0; -EINVAL: size, timers_max is 0, or the host's configuration has no allocator; -ENOMEM;
 * else the -errno of opening the capture. Memory of hosts comes from config.host.allocator, what
 * the simulator itself needs from malloc(3).
 */
FT_PUBLIC int ft_sim_new(const struct ft_sim_config *config, struct ft_sim **ret_sim);

/**
 * Free a world and its hosts; no callback is called. Not from a callback.
 *
 * @sim: may be NULL
 */
FT_PUBLIC void ft_sim_free(struct ft_sim *sim);

/**
 * Build a world, and plan its faults, from text: lines of words. '#' begins a comment.
 *
 *     switch NAME
 *     host NAME [ADDRESS/LENGTH]... [mtu=N]
 *     link NAME NAME [IMPAIRMENT]
 *     at TIME link NAME NAME IMPAIRMENT
 *     at TIME cut HOST HOST | cut HOST > HOST
 *     at TIME partition HOST... [| HOST...]
 *     at TIME heal
 *     at TIME calm
 *     at TIME crash HOST
 *     at TIME restart HOST
 *
 * TIME is 250ms, 1.5s and the like, since the world began; each line is as the call of its name. A
 * line without a time happens at once.
 *
 * @text:    borrowed
 * @ret_err: on failure one sentence that names the line and the word, without a full stop; may be
 *           NULL
 * @err_len: room in it
 *
 * Return: 0; -EINVAL: a line is wrong; else as the call that the line stands for. The lines before
 * it have been done; the world is best freed.
 */
FT_PUBLIC int ft_sim_scenario(struct ft_sim *sim, const char *text, char *ret_err, size_t err_len);

/* ---- hosts ---- */

/**
 * Add a host. It is up at once, and its interface "eth0" has index 1. A host that no ft_sim_link()
 * has given a cable when it first runs is plugged into the switch "net", which is made then.
 *
 * @name:     copied: [A-Za-z0-9._-], not the name of another host or switch
 * @addrs:    addresses with prefix lengths, "10.0.0.1/24 fd00::1/64", separated by blanks; NULL or
 *            empty: 10.9.0.N/24 and fd09::N/64, where N counts hosts from 1
 * @mtu:      octets of IP in a frame, 68 to 9000, from 1280 where there is an IPv6 address; 0: 1500
 * @ret_host: the host; it is the world's
 *
 * Return: 0; -EINVAL: a name, address or mtu, or the world's config.host; -EEXIST: the name or an
 * address is taken; -ENOSPC: FT_SIM_HOSTS_MAX; -ENOMEM, -ENOBUFS: the allocator refused, or the
 * limits are too small.
 */
FT_PUBLIC int ft_sim_host_add(struct ft_sim *sim, const char *name, const char *addrs, uint32_t mtu,
                              struct ft_sim_host **ret_host);

/**
 * Find a host by its name.
 *
 * Return: the host; NULL: there is none.
 */
FT_PUBLIC struct ft_sim_host *ft_sim_host_find(struct ft_sim *sim, const char *name);

/**
 * The name of a host.
 *
 * Return: as it was given; valid as long as the world.
 */
FT_PUBLIC const char *ft_sim_host_name(const struct ft_sim_host *host);

/**
 * The world that a host is in.
 */
FT_PUBLIC struct ft_sim *ft_sim_world(const struct ft_sim_host *host);

/**
 * The stack of a host, for all calls of socket.h and diag.h; packets and time are the world's. In a
 * callback of one host use the stack of that host only: hosts know of each other by the wire.
 *
 * Return: the stack, valid until the host crashes; NULL: the host is down.
 */
FT_PUBLIC struct ft_stack *ft_sim_stack(const struct ft_sim_host *host);

/**
 * How often a host has come up: 1 before its first crash.
 */
FT_PUBLIC uint32_t ft_sim_boots(const struct ft_sim_host *host);

/**
 * A socket name at a host, for ft_bind() and ft_connect(): its first address of a family.
 *
 * @family:   AF_INET or AF_INET6
 * @port:     host order
 * @ret_addr: sockaddr_in or sockaddr_in6
 *
 * Return: its length; 0: the host has no address of that family.
 */
FT_PUBLIC socklen_t ft_sim_sockaddr(const struct ft_sim_host *host, int family, uint16_t port,
                                    struct sockaddr_storage *ret_addr);

/**
 * Give a host an application. It starts at the present instant when the world runs, and again after
 * each restart, in the order in which applications were added.
 *
 * @app: copied; what its ctx points to must live until ft_sim_free()
 *
 * Return: 0; -EINVAL: neither start nor crash; -ENOSPC: FT_SIM_APPS_MAX; -ENOBUFS: timers_max.
 */
FT_PUBLIC int ft_sim_app_add(struct ft_sim_host *host, const struct ft_sim_app *app);

/* ---- cables ---- */

/**
 * Add a switch: frames go where their link address was seen last, else everywhere.
 *
 * @name: as for ft_sim_host_add()
 *
 * Return: 0; -EINVAL: the name; -EEXIST: it is taken; -ENOSPC: FT_SIM_SWITCHES_MAX.
 */
FT_PUBLIC int ft_sim_switch_add(struct ft_sim *sim, const char *name);

/**
 * Lay a cable between a host or switch and another, or change the one that is there. A host has one
 * cable; where it needs more neighbours, a switch stands between. Frames that are on the cable when
 * it changes arrive as they would have.
 *
 * @a, @b:       their names
 * @impairments: each way: "delay=10ms,jitter=2ms,rate=100mbit,queue=256k,loss=1%,burst=3,dup=0.1%,
 *               reorder=0.5%,corrupt=0.01%,mark=32k,mtu=1400,seed=7" in any order, as for
 * `fourtuple run
 *               --link`; all that is not named is perfect. NULL or empty: a perfect cable. Without
 * a seed the cable's is drawn from the world's.
 * @ret_err:     on -EINVAL one sentence; may be NULL
 * @err_len:     room in it
 *
 * Return: 0; -EINVAL: the impairments, or @a is @b; -ENOENT: no such host or switch; -EBUSY: a host
 * has another cable already; -ELOOP: it would close a ring of switches.
 */
FT_PUBLIC int ft_sim_link(struct ft_sim *sim, const char *a, const char *b, const char *impairments,
                          char *ret_err, size_t err_len);

/* ---- faults: now; ft_sim_at() or a scenario makes them happen at a time ---- */

/**
 * Let no frame of one host reach another any more, whatever is between them.
 *
 * @from, @to: hosts of one world
 * @both:      nor the other way
 *
 * Return: nothing. Until ft_sim_heal().
 */
FT_PUBLIC void ft_sim_cut_off(struct ft_sim_host *from, struct ft_sim_host *to, bool both);

/**
 * Part hosts from all others, both ways. Among themselves they go on, as do the others.
 *
 * @hosts: of this world
 *
 * Return: nothing. It adds to what is cut already. Until ft_sim_heal().
 */
FT_PUBLIC void ft_sim_partition(struct ft_sim *sim, struct ft_sim_host *const *hosts, size_t n);

/**
 * End all cuts and partitions.
 */
FT_PUBLIC void ft_sim_heal(struct ft_sim *sim);

/**
 * End all cuts, and from now on lose, double, reorder and corrupt nothing; delays, rates and queues
 * stay. After it a protocol must come to its end: what it then lacks, it lacks by its own fault.
 */
FT_PUBLIC void ft_sim_calm(struct ft_sim *sim);

/**
 * Crash a host: at this instant, but not within the callback that asks for it, its stack is freed
 * with nothing sent, its timers end, and its applications' crash is called. Frames that it has sent
 * before are on their way. Nothing happens if it is down already.
 */
FT_PUBLIC void ft_sim_crash(struct ft_sim_host *host);

/**
 * Let a crashed host come up again at this instant, with an empty stack, the same addresses and
 * other secrets; its applications start. Nothing happens if it is up already.
 */
FT_PUBLIC void ft_sim_restart(struct ft_sim_host *host);

/* ---- time and chance ---- */

/**
 * What time it is in a world.
 */
FT_PUBLIC ft_time ft_sim_now(const struct ft_sim *sim);

/**
 * Call back at a time, on behalf of the world: it may do anything to any host.
 *
 * @at:   an instant; past: now
 * @call: is called once
 * @ctx:  handed to @call
 *
 * Return: a number for ft_sim_cancel(), greater than 0; -EINVAL: no @call, or never; -ENOBUFS:
 * timers_max, or no memory.
 */
FT_PUBLIC int64_t ft_sim_at(struct ft_sim *sim, ft_time at, ft_sim_call *call, void *ctx);

/**
 * Call back after a while, on behalf of a host. It does not happen if the host crashes before.
 *
 * @delay: from now; 0: at this instant, after the present callback
 *
 * Return: as ft_sim_at(); -EHOSTDOWN.
 */
FT_PUBLIC int64_t ft_sim_after(struct ft_sim_host *host, ft_time delay, ft_sim_host_call *call,
                               void *ctx);

/**
 * Take a callback back.
 *
 * @timer: from ft_sim_at() or ft_sim_after()
 *
 * Return: 0; -ENOENT: it has been called, was taken back, or never was.
 */
FT_PUBLIC int ft_sim_cancel(struct ft_sim *sim, int64_t timer);

/**
 * A random number of a host's own stream, which other hosts and the cables do not disturb.
 *
 * @n: numbers are in [0, @n); 0: in [0, 2^64)
 */
FT_PUBLIC uint64_t ft_sim_random(struct ft_sim_host *host, uint64_t n);

/**
 * A random number of the world's own stream: for what a program draws to build its world, such as
 * when to crash whom.
 *
 * @n: as for ft_sim_random()
 */
FT_PUBLIC uint64_t ft_sim_draw(struct ft_sim *sim, uint64_t n);

/* ---- what must hold ---- */

/**
 * Say that something does not hold that must. The first such sentence and its time are kept, and
 * the run ends when the present callback has returned.
 *
 * @format: as for printf(3); one sentence without a newline; cut at FT_SIM_SENTENCE_MAX
 */
FT_PUBLIC void ft_sim_fail(struct ft_sim *sim, const char *format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 2, 3)))
#endif
    ;

/**
 * Add a check for the end of the world: ft_sim_end() calls it unless something has failed before.
 * It says by ft_sim_fail() what does not hold.
 *
 * Return: 0; -EINVAL: no @check; -ENOSPC: FT_SIM_APPS_MAX.
 */
FT_PUBLIC int ft_sim_on_end(struct ft_sim *sim, ft_sim_call *check, void *ctx);

/**
 * Write a line of the story of a host: kept among the last events, and counted into the trace hash.
 *
 * @format: as for printf(3); one line without a newline; cut at 159 octets
 */
FT_PUBLIC void ft_sim_log(struct ft_sim_host *host, const char *format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 2, 3)))
#endif
    ;

/* ---- the run ---- */

/**
 * Let time pass until an instant, or with FT_TIME_NEVER until nothing is left that could happen
 * (connections in TIME-WAIT, say, end first), until ft_sim_stop(), or until the first failure. Not
 * from a callback.
 *
 * @until: what happens at it still happens; its time is it then, unless the run ended before
 *
 * Return: 0; 1: stopped by ft_sim_stop(); -ECANCELED: something has failed, now or before:
 * ft_sim_result() says what; -EINVAL: @until is past; -EBUSY: called from a callback; -ENOSPC: no
 * switch left for hosts without a cable.
 */
FT_PUBLIC int ft_sim_run(struct ft_sim *sim, ft_time until);

/**
 * End the present ft_sim_run() when the callback that asks for it has returned. The world can be
 * run on.
 */
FT_PUBLIC void ft_sim_stop(struct ft_sim *sim);

/**
 * Make the end checks, in the order in which they were added. Not from a callback.
 *
 * Return: 0: all holds; -ECANCELED: something has failed, now or before; -EBUSY: called from a
 * callback.
 */
FT_PUBLIC int ft_sim_end(struct ft_sim *sim);

/**
 * How it went so far.
 *
 * @ret: written whole
 */
FT_PUBLIC void ft_sim_result(const struct ft_sim *sim, struct ft_sim_result *ret);

/**
 * Print the last events: frames sent, got and lost by cuts, lines of ft_sim_log(), faults. A line
 * each.
 *
 * @n: lines at most; 8192 are kept
 */
FT_PUBLIC void ft_sim_print(const struct ft_sim *sim, FILE *out, unsigned n);

FT_END_DECLS

#endif
