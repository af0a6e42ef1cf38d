/* SPDX-License-Identifier: MIT */
/*
 * The fate of frames on a bad cable. A frame meets, in this order: the mtu, loss, the transmitter
 * (rate, queue and its marks), delay with jitter, duplication, corruption. Each frame draws the
 * same number of random values whatever is switched on, so a change of one share does not reshuffle
 * the others.
 *
 * Integer arithmetic only. What is parsed from text is in impair_parse.c.
 */
#include "link/impair.h"

#include <stdlib.h>
#include <string.h>

#define NS_PER_S     UINT64_C(1000000000)
#define IP4_HEADER   20u
#define IP6_HEADER   40u
#define PROTO_ICMP   1u
#define PROTO_TCP    6u
#define PROTO_UDP    17u
#define PROTO_ICMP6  58u
#define HEAP_AT_ONCE 64u
#define ECN_MASK     3u /* RFC 3168 5 */
#define ECN_ECT1     1u
#define ECN_ECT0     2u
#define ECN_CE       3u

struct impair_packet {
    ft_time due;
    uint64_t number;
    size_t len;
    uint8_t octets[];
};

/* The random values of one frame. */
struct draw {
    uint64_t loss, dup, reorder, corrupt, jitter, place;
};

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t rotate_left(uint64_t x, unsigned n)
{
    return (x << n) | (x >> (64 - n));
}

/* xoshiro256**, by its published recurrence. */
static uint64_t next_random(struct impair *imp)
{
    uint64_t *s = imp->rng;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* Even over [0, n): the top half of random, scaled. n is at most 2^32. */
static uint64_t below(uint64_t random, uint64_t n)
{
    return ((random >> 32) * n) >> 32;
}

static bool hits(uint64_t random, uint32_t share)
{
    return below(random, IMPAIR_SHARE_ALL) < share;
}

void impair_change(struct impair *imp, const struct impair_config *config)
{
    imp->config = *config;
    if (imp->config.queue == 0)
        imp->config.queue = IMPAIR_QUEUE_DEFAULT;
    if (imp->config.queue > IMPAIR_QUEUE_MAX)
        imp->config.queue = IMPAIR_QUEUE_MAX;
    if (imp->config.packets_max == 0)
        imp->config.packets_max = IMPAIR_PACKETS_DEFAULT;
    if (imp->config.octets_max == 0)
        imp->config.octets_max = IMPAIR_OCTETS_DEFAULT;
}

void impair_init(struct impair *imp, const struct impair_config *config, uint64_t stream)
{
    uint64_t state = config->seed;

    memset(imp, 0, sizeof(*imp));
    impair_change(imp, config);
    /* Seed and stream are mixed one after the other: neighbours in either are unrelated. */
    state = splitmix(&state) ^ stream;
    for (unsigned i = 0; i < 4; i++)
        imp->rng[i] = splitmix(&state);
}

void impair_fini(struct impair *imp)
{
    for (uint32_t i = 0; i < imp->n; i++)
        free(imp->heap[i]);
    free(imp->heap);
    imp->heap = NULL;
    imp->n = 0;
    imp->cap = 0;
    imp->octets = 0;
}

/* --- the heap ------------------------------------------------------------------------------- */

static bool before(const struct impair_packet *a, const struct impair_packet *b)
{
    if (a->due != b->due)
        return a->due < b->due;
    return a->number < b->number;
}

static bool heap_grow(struct impair *imp)
{
    uint32_t cap = imp->cap == 0 ? HEAP_AT_ONCE : imp->cap * 2;
    struct impair_packet **heap;

    if (imp->n < imp->cap)
        return true;
    heap = realloc(imp->heap, cap * sizeof(struct impair_packet *));
    if (heap == NULL)
        return false;
    imp->heap = heap;
    imp->cap = cap;
    return true;
}

static void heap_push(struct impair *imp, struct impair_packet *packet)
{
    uint32_t at = imp->n++;

    while (at > 0 && before(packet, imp->heap[(at - 1) / 2])) {
        imp->heap[at] = imp->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    imp->heap[at] = packet;
}

static struct impair_packet *heap_pop(struct impair *imp)
{
    struct impair_packet *first = imp->heap[0];
    struct impair_packet *last = imp->heap[--imp->n];
    uint32_t at = 0;

    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child >= imp->n)
            break;
        if (child + 1 < imp->n && before(imp->heap[child + 1], imp->heap[child]))
            child++;
        if (!before(imp->heap[child], last))
            break;
        imp->heap[at] = imp->heap[child];
        at = child;
    }
    if (imp->n > 0)
        imp->heap[at] = last;
    return first;
}

/* --- what happens to a frame ---------------------------------------------------------------- */

/* Loss, in bursts by Gilbert's model: within a burst all is lost; a burst ends after each frame by
   1/burst; it begins as often as makes the share right. */
static bool is_lost(struct impair *imp, uint64_t random)
{
    const struct impair_config *config = &imp->config;
    uint64_t leave, enter;

    if (config->loss == 0)
        return false;
    if (config->burst <= 1 || config->loss >= IMPAIR_SHARE_ALL)
        return hits(random, config->loss);
    leave = IMPAIR_SHARE_ALL / config->burst;
    enter = (uint64_t)config->loss * leave / (IMPAIR_SHARE_ALL - config->loss);
    if (enter > IMPAIR_SHARE_ALL)
        enter = IMPAIR_SHARE_ALL;
    imp->losing = imp->losing ? !hits(random, (uint32_t)leave) : hits(random, (uint32_t)enter);
    return imp->losing;
}

/* Octets that wait for the transmitter. */
static uint64_t waiting(const struct impair *imp, ft_time now)
{
    ft_time wait = imp->free_at > now ? imp->free_at - now : 0;

    /* Neither factor is large: the queue has its bound. */
    return imp->config.rate == 0 ? 0 : wait / 1000 * (imp->config.rate / 8) / 1000000;
}

/* Whether the queue is long enough to be told of: all from mark on, or a share that grows. */
static bool marks(const struct impair *imp, ft_time now, uint64_t random)
{
    const struct impair_config *config = &imp->config;
    uint64_t queued = waiting(imp, now);

    if (config->mark == 0 || queued < config->mark)
        return false;
    if (queued >= config->mark_all)
        return true;
    return below(random, config->mark_all - config->mark) < queued - config->mark;
}

/* Passes the transmitter: waits for what is before it, then takes len * 8 / rate. The rest of the
   division is kept, so that the rate is exact in the long run. */
static bool transmit(struct impair *imp, size_t len, ft_time now, ft_time *ret_done)
{
    uint64_t rate = imp->config.rate, work;

    if (rate == 0) {
        *ret_done = now;
        return true;
    }
    if (imp->free_at < now) {
        imp->free_at = now;
        imp->free_rest = 0;
    } else {
        /* What waits is the time until the transmitter is free, times the rate. A frame always
           passes an idle transmitter, however small the queue. */
        ft_time wait = imp->free_at - now;
        ft_time wait_max = imp->config.queue * (8 * NS_PER_S) / rate;
        ft_time own = len * 8 * NS_PER_S / rate;

        if (wait > 0 && (own > wait_max || wait > wait_max - own))
            return false;
    }
    work = len * 8 * NS_PER_S + imp->free_rest;
    imp->free_at += work / rate;
    imp->free_rest = work % rate;
    *ret_done = imp->free_at;
    return true;
}

/* When a frame that left the transmitter at @done arrives. */
static ft_time arrival(struct impair *imp, ft_time done, const struct draw *draw)
{
    const struct impair_config *config = &imp->config;
    ft_time due = done + config->delay;

    if (config->delay > 0 && hits(draw->reorder, config->reorder)) {
        imp->counters.n_reordered++;
        return done;
    }
    if (config->jitter > 0) {
        ft_time width = 2 * config->jitter + 1;
        /* Times above 4 s are drawn in coarser steps: below() takes at most 2^32. */
        unsigned shift = 0;

        while (width >> shift > UINT32_MAX)
            shift++;
        due += below(draw->jitter, width >> shift) << shift;
        due = due > config->jitter + done ? due - config->jitter : done;
    }
    if (due < imp->last_due)
        due = imp->last_due;
    imp->last_due = due;
    return due;
}

/* Which octets of a packet a checksum covers. */
struct covered {
    size_t from, to;
};

static struct covered covered_ip4(const uint8_t *ip, size_t len)
{
    struct covered covered = {0};
    size_t header = (size_t)(ip[0] & 15u) * 4, total = (size_t)ip[2] << 8 | ip[3];
    bool more = (ip[6] & 0x20u) != 0;
    bool behind = ((ip[6] & 0x1fu) | ip[7]) != 0; /* not the first fragment */

    if (header < IP4_HEADER || total < header || total > len)
        return covered;
    /* The first octet says how far the checksum reaches, so it is left alone. */
    covered.from = 1;
    covered.to = header;
    /* Of a datagram in fragments only the last may be changed: two bits might cancel out. */
    if (ip[9] == PROTO_UDP && behind && !more) {
        covered.to = total;
        return covered;
    }
    if (more || behind || (ip[9] != PROTO_TCP && ip[9] != PROTO_UDP && ip[9] != PROTO_ICMP))
        return covered;
    if (ip[9] == PROTO_UDP && (total < header + 8 || (ip[header + 6] | ip[header + 7]) == 0))
        return covered; /* sent without a checksum */
    covered.to = total;
    return covered;
}

static struct covered covered_ip6(const uint8_t *ip, size_t len)
{
    struct covered covered = {0};
    size_t total = IP6_HEADER + ((size_t)ip[4] << 8 | ip[5]);

    if (total > len || (ip[6] != PROTO_TCP && ip[6] != PROTO_UDP && ip[6] != PROTO_ICMP6))
        return covered;
    covered.from = 8; /* the addresses are in the pseudo-header */
    covered.to = total;
    return covered;
}

/* The IP header behind the link's; NULL: there is none. */
static uint8_t *ip_of(const struct impair *imp, struct impair_packet *packet)
{
    size_t l2 = imp->config.l2_len;
    uint8_t *ip = packet->octets + l2;

    if (packet->len < l2 + IP4_HEADER)
        return NULL;
    if (ip[0] >> 4 == 4 && (l2 < 2 || (ip[-2] == 0x08 && ip[-1] == 0x00)))
        return ip;
    if (ip[0] >> 4 == 6 && packet->len >= l2 + IP6_HEADER &&
        (l2 < 2 || (ip[-2] == 0x86 && ip[-1] == 0xdd)))
        return ip;
    return NULL;
}

/* Flip one bit that a checksum covers. Frames without a checksum stay whole. */
static bool corrupt(const struct impair *imp, struct impair_packet *packet, uint64_t place)
{
    size_t len = packet->len - imp->config.l2_len, n_bits, bit;
    struct covered covered;
    uint8_t *ip = ip_of(imp, packet);

    if (ip == NULL)
        return false;
    covered = ip[0] >> 4 == 4 ? covered_ip4(ip, len) : covered_ip6(ip, len);
    n_bits = (covered.to - covered.from) * 8;
    if (n_bits == 0)
        return false;
    bit = covered.from * 8 + (size_t)below(place, n_bits);
    ip[bit / 8] ^= (uint8_t)(1u << bit % 8);
    return true;
}

/* Write the ECN field, and keep the checksum of the header right (RFC 1624). */
static void set_ecn(uint8_t *ip, unsigned ecn)
{
    unsigned was = ip[1], sum;

    if (ip[0] >> 4 == 6) {
        ip[1] = (uint8_t)((was & ~(ECN_MASK << 4)) | ecn << 4);
        return;
    }
    ip[1] = (uint8_t)((was & ~ECN_MASK) | ecn);
    sum = ((unsigned)ip[10] << 8 | ip[11]) ^ 0xffffu;
    sum += (was ^ 0xffffu) + ip[1];
    sum = (sum & 0xffffu) + (sum >> 16);
    sum = (sum & 0xffffu) + (sum >> 16);
    sum ^= 0xffffu;
    ip[10] = (uint8_t)(sum >> 8);
    ip[11] = (uint8_t)sum;
}

/* What the ECN field of a packet becomes on its way. */
static unsigned remark(const struct impair *imp, unsigned ecn)
{
    switch ((enum impair_ecn)imp->config.ecn) {
    case IMPAIR_ECN_KEEP:
        return ecn;
    case IMPAIR_ECN_BLEACH:
        return 0;
    case IMPAIR_ECN_ECT0:
        return ecn == 0 ? ECN_ECT0 : ecn;
    case IMPAIR_ECN_ECT1:
        return ecn == ECN_ECT0 ? ECN_ECT1 : ecn;
    case IMPAIR_ECN_CE:
        return ecn != 0 ? ECN_CE : ecn;
    }
    return ecn;
}

static void touch_ecn(struct impair *imp, struct impair_packet *packet, bool mark)
{
    uint8_t *ip = ip_of(imp, packet);
    unsigned was, ecn;

    if (ip == NULL || (!mark && imp->config.ecn == IMPAIR_ECN_KEEP))
        return;
    was = (ip[0] >> 4 == 6 ? ip[1] >> 4u : ip[1]) & ECN_MASK;
    ecn = remark(imp, was);
    if (mark && ecn != 0 && ecn != ECN_CE) {
        ecn = ECN_CE;
        imp->counters.n_marked++;
    }
    if (ecn != was)
        set_ecn(ip, ecn);
}

static void enqueue(struct impair *imp, const uint8_t *frame, size_t len, ft_time due,
                    const struct draw *draw, bool mark)
{
    struct impair_packet *packet = NULL;

    if (imp->n >= imp->config.packets_max || imp->octets + len > imp->config.octets_max ||
        !heap_grow(imp) || (packet = malloc(sizeof(*packet) + len)) == NULL) {
        imp->counters.n_refused++;
        return;
    }
    packet->due = due;
    packet->number = imp->n_put++;
    packet->len = len;
    memcpy(packet->octets, frame, len);
    touch_ecn(imp, packet, mark);
    if (draw != NULL && hits(draw->corrupt, imp->config.corrupt) &&
        corrupt(imp, packet, draw->place))
        imp->counters.n_corrupted++;
    imp->octets += len;
    heap_push(imp, packet);
}

void impair_put(struct impair *imp, const uint8_t *frame, size_t len, ft_time now)
{
    const struct impair_config *config = &imp->config;
    struct draw draw;
    ft_time done, due;
    uint64_t chance;
    bool mark;

    draw.loss = next_random(imp);
    draw.dup = next_random(imp);
    draw.reorder = next_random(imp);
    draw.corrupt = next_random(imp);
    draw.jitter = next_random(imp);
    draw.place = next_random(imp);

    imp->counters.n_in++;
    if (config->mtu != 0 && len > (size_t)config->mtu + config->l2_len) {
        imp->counters.n_too_long++;
        return;
    }
    if (is_lost(imp, draw.loss)) {
        imp->counters.n_lost++;
        return;
    }
    /* No value of its own is drawn for it: what else happens is as if nothing were marked. */
    chance = draw.place;
    mark = marks(imp, now, splitmix(&chance));
    if (!transmit(imp, len, now, &done)) {
        imp->counters.n_queue_full++;
        return;
    }
    due = arrival(imp, done, &draw);
    enqueue(imp, frame, len, due, &draw, mark);
    if (hits(draw.dup, config->dup)) {
        imp->counters.n_duplicated++;
        enqueue(imp, frame, len, due, NULL, mark);
    }
}

ft_time impair_wait(const struct impair *imp, ft_time now)
{
    return imp->config.rate != 0 && imp->free_at > now ? imp->free_at - now : 0;
}

ft_time impair_deadline(const struct impair *imp)
{
    return imp->n == 0 ? FT_TIME_NEVER : imp->heap[0]->due;
}

size_t impair_take(struct impair *imp, ft_time now, uint8_t *ret_buf, size_t cap)
{
    while (imp->n > 0 && imp->heap[0]->due <= now) {
        struct impair_packet *packet = heap_pop(imp);
        size_t len = packet->len;

        imp->octets -= len;
        if (len <= cap)
            memcpy(ret_buf, packet->octets, len);
        free(packet);
        if (len <= cap && len > 0) {
            imp->counters.n_out++;
            return len;
        }
        imp->counters.n_too_long++;
    }
    return 0;
}

bool impair_is_set(const struct impair_config *config)
{
    return config->delay != 0 || config->jitter != 0 || config->rate != 0 || config->loss != 0 ||
           config->dup != 0 || config->reorder != 0 || config->corrupt != 0 || config->mtu != 0 ||
           config->ecn != IMPAIR_ECN_KEEP;
}
