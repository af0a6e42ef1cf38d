/* SPDX-License-Identifier: MIT */
/*
 * A bad cable: what happens to the frames of one direction between two ends. It delays, limits the
 * rate with a bounded queue, loses, duplicates, reorders and corrupts, all out of one seed, so the
 * same frames at the same times meet the same fate on any machine.
 *
 * It knows nothing of links, sockets or clocks: frames and the time come in by arguments. The real
 * links and the simulator use this same code. It is no implementation of any RFC.
 */
#ifndef LINK_IMPAIR_H
#define LINK_IMPAIR_H

#include <stdbool.h>

#include <fourtuple/types.h>

#define IMPAIR_SHARE_ALL 1000000000u /* a share of one: shares are parts per billion */

/* What a cable makes of the ECN field of packets (RFC 3168 5), before any is marked. */
enum impair_ecn {
    IMPAIR_ECN_KEEP,
    IMPAIR_ECN_BLEACH, /* all are not ECN-capable */
    IMPAIR_ECN_ECT0,   /* those that are not become ECT(0) */
    IMPAIR_ECN_ECT1,   /* ECT(0) becomes ECT(1) */
    IMPAIR_ECN_CE,     /* all that are ECN-capable are marked */
};

/* What a cable does. All zero: nothing. */
struct impair_config {
    ft_time delay;    /* from the end of the transmission to the arrival */
    ft_time jitter;   /* the delay varies evenly by up to this, both ways; order is kept */
    uint64_t rate;    /* bit/s, headers of the link included; 0: no limit */
    uint64_t queue;   /* octets that may wait for the rate; 0: IMPAIR_QUEUE_DEFAULT */
    uint32_t loss;    /* share of frames lost, parts per billion, like all shares */
    uint32_t burst;   /* mean number of frames lost in a row; 0 or 1: each by itself */
    uint32_t dup;     /* share of frames that arrive twice */
    uint32_t reorder; /* share of frames that skip the delay and so overtake others */
    uint32_t corrupt; /* share of frames with one bit flipped where a checksum covers it */
    uint32_t ecn;     /* enum impair_ecn */
    uint64_t mark; /* octets in the queue from which on ECN-capable packets are marked; 0: none */
    uint64_t mark_all;    /* above mark: of those between a share that grows is marked; 0: all */
    uint32_t mtu;         /* octets of IP in a frame; longer ones are lost; 0: no limit */
    uint32_t l2_len;      /* octets before the IP header: 14 on Ethernet, 0 for bare IP */
    uint32_t packets_max; /* frames on the cable; 0: IMPAIR_PACKETS_DEFAULT */
    uint64_t octets_max;  /* octets on the cable; 0: IMPAIR_OCTETS_DEFAULT */
    uint64_t seed;
};

#define IMPAIR_QUEUE_DEFAULT   (UINT64_C(256) << 10)
#define IMPAIR_QUEUE_MAX       (UINT64_C(1) << 30)
#define IMPAIR_PACKETS_DEFAULT (UINT32_C(1) << 18)
#define IMPAIR_OCTETS_DEFAULT  (UINT64_C(256) << 20)

struct impair_counters {
    uint64_t n_in;         /* frames put in */
    uint64_t n_out;        /* frames taken out */
    uint64_t n_lost;       /* by loss */
    uint64_t n_queue_full; /* the queue of the rate was full */
    uint64_t n_too_long;   /* longer than the mtu, or than the buffer they were taken into */
    uint64_t n_duplicated;
    uint64_t n_reordered;
    uint64_t n_corrupted;
    uint64_t n_marked;  /* by the queue */
    uint64_t n_refused; /* over packets_max or octets_max, or no memory */
};

struct impair_packet; /* a frame on its way */

/* One direction. The caller owns the memory; fields are impair.c's. */
struct impair {
    struct impair_config config;
    struct impair_counters counters;
    uint64_t rng[4];             /* xoshiro256** */
    struct impair_packet **heap; /* by (due, number), earliest first */
    uint32_t n;                  /* frames in the heap */
    uint32_t cap;                /* room in the heap */
    uint64_t octets;             /* of the frames in the heap */
    uint64_t n_put;              /* numbers the frames: ties leave in the order of arrival */
    ft_time free_at;             /* when the transmitter has sent all that waits */
    uint64_t free_rest;          /* what free_at lacks, in ns / rate */
    ft_time last_due;            /* no frame that keeps its place arrives before this */
    bool losing;                 /* in a burst of losses */
};

/**
 * Start a direction.
 *
 * @imp:    overwritten whole; to be ended by impair_fini()
 * @config: copied
 * @stream: which of the random streams of config->seed; each direction takes its own
 */
void impair_init(struct impair *imp, const struct impair_config *config, uint64_t stream);

/**
 * Change what the cable does from now on. Frames that are on it arrive as they would have.
 *
 * @config: copied; its seed does not count any more
 */
void impair_change(struct impair *imp, const struct impair_config *config);

/**
 * Free all frames that are still on the cable.
 *
 * @imp: from impair_init()
 */
void impair_fini(struct impair *imp);

/**
 * Put a frame onto the cable. It may be lost; that is counted, not told.
 *
 * @frame: copied before return
 * @len:   octets
 * @now:   not before that of an earlier call
 *
 * Next: impair_deadline().
 */
void impair_put(struct impair *imp, const uint8_t *frame, size_t len, ft_time now);

/**
 * How long a frame put in now would wait for those before it.
 */
ft_time impair_wait(const struct impair *imp, ft_time now);

/**
 * When the next frame arrives.
 *
 * Return: an instant, perhaps past; FT_TIME_NEVER: the cable is empty.
 */
ft_time impair_deadline(const struct impair *imp);

/**
 * Take the next frame that has arrived by now.
 *
 * @ret_buf: the frame is written here
 * @cap:     room; a longer frame is dropped and counted
 *
 * Return: octets of the frame; 0: none has arrived. Call again until 0.
 */
size_t impair_take(struct impair *imp, ft_time now, uint8_t *ret_buf, size_t cap);

/**
 * Whether the configuration does anything at all.
 */
bool impair_is_set(const struct impair_config *config);

/**
 * Read "delay=10ms,jitter=2ms,rate=100mbit,queue=256k,loss=1%,burst=3,dup=0.1%,reorder=0.5%,
 * corrupt=0.01%,mark=32k,mark_all=96k,ecn=bleach,mtu=1400,seed=7". Items may come in any order,
 * each at most once.
 *
 * @text:       borrowed
 * @ret_config: written on success; l2_len, packets_max and octets_max are left as they are
 * @ret_err:    on failure one sentence that names the item, without a full stop
 * @err_len:    room in it
 *
 * Return: 0; -EINVAL.
 */
int impair_parse(const char *text, struct impair_config *ret_config, char *ret_err, size_t err_len);

#endif
