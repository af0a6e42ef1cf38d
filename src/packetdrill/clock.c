/* SPDX-License-Identifier: MIT */
/*
 * Virtual time, and packets in and out. Time moves only here: when packetdrill sleeps, asks for the
 * time, or asks for a packet that has not been sent yet.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "drill.h"

#define PATIENCE     (400 * FT_SEC) /* without a packet, until none is expected any more */
#define FRAMES       16
#define FRAME_OCTETS (DRILL_PACKET_MAX + 1)

/* ---- the blocked thread ---------------------------------------------------------------------- */

static bool is_sleeper(const struct drill *drill)
{
    return drill->blocked != DRILL_AWAKE && pthread_equal(pthread_self(), drill->sleeper);
}

/* The thread of a blocking call looks, and sleeps again or leaves and asks for the time. */
static void let_look(struct drill *drill)
{
    if (is_sleeper(drill))
        return;
    if (drill->blocked == DRILL_ASLEEP) {
        drill->blocked = DRILL_LOOKING;
        pthread_cond_broadcast(&drill->moved);
    }
    while (drill->blocked == DRILL_LOOKING || drill->blocked == DRILL_LEAVING)
        pthread_cond_wait(&drill->moved, &drill->lock);
}

void drill_done(struct drill *drill)
{
    if (drill->blocked != DRILL_LOOKING || !is_sleeper(drill))
        return;
    drill->blocked = DRILL_LEAVING;
    pthread_cond_broadcast(&drill->moved);
}

bool drill_wait(struct drill *drill, ft_time deadline)
{
    ft_time next;

    if (drill->now >= deadline)
        return false;
    if (!pthread_equal(pthread_self(), drill->driver)) {
        drill->sleeper = pthread_self();
        drill->blocked = DRILL_ASLEEP;
        drill->blocked_until = deadline;
        pthread_cond_broadcast(&drill->moved);
        while (drill->blocked == DRILL_ASLEEP)
            pthread_cond_wait(&drill->moved, &drill->lock);
        return true;
    }
    next = ft_deadline(drill->stack);
    if (next > deadline)
        next = deadline;
    if (next == FT_TIME_NEVER)
        return false;
    drill_advance(drill, next);
    return true;
}

/* ---- what is sent ---------------------------------------------------------------------------- */

static void keep(struct drill *drill, const struct ft_frame *frame)
{
    struct drill_packet *packet = malloc(sizeof(*packet) + frame->len);

    if (!packet || drill->n_packets == DRILL_PACKETS_MAX)
        abort(); /* a script of a few hundred packets does not get here */
    packet->at = drill->now;
    packet->len = frame->len;
    memcpy(packet->octets, frame->buf, frame->len);
    drill->packets[(drill->head + drill->n_packets++) % DRILL_PACKETS_MAX] = packet;
}

static void gather(struct drill *drill)
{
    static uint8_t bufs[FRAMES][FRAME_OCTETS];
    struct ft_frame frames[FRAMES];
    size_t n;

    do {
        memset(frames, 0, sizeof(frames));
        for (unsigned i = 0; i < FRAMES; i++) {
            frames[i].buf = bufs[i];
            frames[i].cap = FRAME_OCTETS;
            frames[i].flags = FT_FRAME_LINEAR;
        }
        n = ft_output(drill->stack, drill->ifindex, frames, FRAMES, drill->now);
        for (size_t i = 0; i < n; i++)
            keep(drill, &frames[i]);
        if (n > 0)
            ft_output_done(drill->stack, drill->ifindex, frames, n, n);
    } while (n > 0);
}

static void count_edges(struct drill *drill)
{
    struct ft_event events[16];
    size_t n;

    do {
        n = ft_events(drill->stack, events, 16);
        for (size_t i = 0; i < n; i++) {
            struct drill_file *file = &drill->files[(uintptr_t)events[i].user];

            file->n_in += (events[i].mask & (FT_READABLE | FT_RDHUP | FT_URGENT)) != 0;
            file->n_out += (events[i].mask & FT_WRITABLE) != 0;
            file->n_bad += (events[i].mask & (FT_ERROR | FT_HANGUP)) != 0;
        }
    } while (n > 0);
}

uint32_t drill_edges(const struct drill_file *file, uint32_t events)
{
    uint32_t n = file->n_bad;

    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLPRI))
        n += file->n_in;
    if (events & EPOLLOUT)
        n += file->n_out;
    return n;
}

void drill_settle(struct drill *drill)
{
    gather(drill);
    count_edges(drill);
    let_look(drill);
}

void drill_advance(struct drill *drill, ft_time until)
{
    while (drill->stack) {
        ft_time next = ft_deadline(drill->stack);

        if (drill->blocked == DRILL_ASLEEP && drill->blocked_until < next)
            next = drill->blocked_until;
        if (next > until)
            break;
        if (next > drill->now)
            drill->now = next;
        ft_advance(drill->stack, drill->now);
        drill_settle(drill);
    }
    if (until > drill->now)
        drill->now = until;
    if (drill->stack)
        ft_advance(drill->stack, drill->now);
    let_look(drill);
}

void drill_drop_packets(struct drill *drill)
{
    for (; drill->n_packets > 0; drill->n_packets--) {
        free(drill->packets[drill->head]);
        drill->head = (drill->head + 1) % DRILL_PACKETS_MAX;
    }
}

/* ---- packetdrill's calls --------------------------------------------------------------------- */

static long long usecs(ft_time at)
{
    return DRILL_EPOCH_US + (long long)(at / FT_US);
}

int drill_tell_time(void *userdata, struct timeval *tv, struct timezone *tz)
{
    struct drill *drill = userdata;
    long long now;

    (void)tz;
    pthread_mutex_lock(&drill->lock);
    if (is_sleeper(drill)) {
        drill->blocked = DRILL_AWAKE;
        drill->returned = true;
        pthread_cond_broadcast(&drill->moved);
    } else {
        drill_advance(drill, drill->now + FT_US); /* who spins on the time must see it pass */
    }
    now = usecs(drill->now);
    pthread_mutex_unlock(&drill->lock);
    *tv = (struct timeval){.tv_sec = (time_t)(now / 1000000), .tv_usec = now % 1000000};
    return 0;
}

/* packetdrill's lock is free while its main thread sleeps, and only then: the other one takes it,
   to say what its call has returned. Nothing tells when it has. */
static void hand_over(void)
{
    static const struct timespec moment = {.tv_nsec = 5000000};

    (void)nanosleep(&moment, NULL);
}

int drill_usleep(void *userdata, useconds_t usec)
{
    struct drill *drill = userdata;
    bool returned;

    pthread_mutex_lock(&drill->lock);
    returned = drill->returned;
    drill->returned = false;
    drill_advance(drill, drill->now + usec * FT_US);
    pthread_mutex_unlock(&drill->lock);
    if (returned)
        hand_over();
    return 0;
}

static bool destination(const uint8_t *packet, size_t len, struct ft_addr *ret)
{
    if (len >= 20 && packet[0] >> 4 == 4) {
        ret->hi = 0;
        ret->lo = UINT64_C(0xffff) << 32 | (uint64_t)packet[16] << 24 | (uint64_t)packet[17] << 16 |
                  (uint64_t)packet[18] << 8 | packet[19];
        return true;
    }
    if (len < 40 || packet[0] >> 4 != 6)
        return false;
    ret->hi = ret->lo = 0;
    for (unsigned i = 0; i < 8; i++) {
        ret->hi = ret->hi << 8 | packet[24 + i];
        ret->lo = ret->lo << 8 | packet[32 + i];
    }
    return true;
}

int drill_netdev_send(void *userdata, const void *packet, size_t len)
{
    struct drill *drill = userdata;
    struct ft_frame frame = {.len = (uint32_t)len, .cap = (uint32_t)len, .n_segs = 1};
    struct ft_addr to;
    int rc;

    pthread_mutex_lock(&drill->lock);
    rc = drill_need_stack(drill);
    frame.buf = rc == 0 ? malloc(len) : NULL;
    if (frame.buf && len <= DRILL_PACKET_MAX) {
        memcpy(frame.buf, packet, len);
        if (destination(frame.buf, len, &to))
            drill_need_addr(drill, &to);
        frame.at = drill->now;
        ft_input(drill->stack, drill->ifindex, &frame, 1, drill->now);
        drill_settle(drill);
    } else {
        rc = -1;
    }
    free(frame.buf);
    pthread_mutex_unlock(&drill->lock);
    return rc == 0 ? 0 : -1;
}

/* Packetdrill asks for ever when it is told that there is none; an empty packet ends the script. */
int drill_netdev_receive(void *userdata, void *packet, size_t *len, long long *time_usecs)
{
    struct drill *drill = userdata;
    ft_time until = drill->now + PATIENCE;
    struct drill_packet *first;
    ft_time next;

    pthread_mutex_lock(&drill->lock);
    while (drill->n_packets == 0 && drill->stack) {
        next = ft_deadline(drill->stack);
        if (next > until)
            break;
        drill_advance(drill, next);
    }
    if (drill->n_packets == 0) {
        *len = 0;
        *time_usecs = usecs(drill->now);
        pthread_mutex_unlock(&drill->lock);
        return 0;
    }
    first = drill->packets[drill->head];
    drill->head = (drill->head + 1) % DRILL_PACKETS_MAX;
    drill->n_packets--;
    if (first->len < *len)
        *len = first->len;
    memcpy(packet, first->octets, *len);
    *time_usecs = usecs(first->at);
    free(first);
    pthread_mutex_unlock(&drill->lock);
    return 0;
}
