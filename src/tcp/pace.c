/* SPDX-License-Identifier: MIT */
/*
 * Pacing: octets leave at a rate and not in bursts. A connection has the instant of its next
 * departure; before it, data stays where it is, and the connection's timer wakes it. What may leave
 * at once then is a quantum, a millisecond of the rate, so that a fast connection costs a timer for
 * dozens of segments and not for each. ACKs are never held back.
 *
 * The rate is the algorithm's or SO_MAX_PACING_RATE, the lesser; without either nothing is paced.
 * How much goes into one frame that the link cuts into segments is decided here as well.
 */
#include "priv.h"

/* draft-ietf-ccwg-bbr 4.6.3: at least a segment below 1.2 Mbit/s, else two; at most 64 KiB. */
#define SLOW_RATE        150000
#define QUANTUM_MAX      65536u

/* Linux's tcp_tso_autosize(): a frame holds what leaves in a millisecond (1/1024 s). */
#define FRAME_RATE_SHIFT 10
#define FRAME_RTT_LOG    9 /* net.ipv4.tcp_tso_rtt_log */
#define FRAME_SEGS_MIN   2 /* net.ipv4.tcp_min_tso_segs */
#define FRAME_MAX        65536u

/* Who wakes late is given so much again at most, beside the quantum. */
#define LATE_MAX         FT_MS

uint64_t ft_pace_rate(const struct ft_tcb *tcb)
{
    uint32_t most = tcb->cold->opts.max_pacing_rate;
    uint64_t rate = tcb->busy ? tcb->busy->cc.pace_rate : CC_PACE_NONE;
    if (!tcb->cold->past)
        return CC_PACE_NONE; /* ft_pace_reset() found no memory */
    if (most != UINT32_MAX)
        rate = FT_MIN(rate, (uint64_t)most);
    return FT_MAX(rate, UINT64_C(1));
}

uint32_t ft_pace_quantum(const struct ft_tcb *tcb)
{
    uint64_t rate = ft_pace_rate(tcb);
    uint32_t mss = tcb->snd_mss;
    if (rate == CC_PACE_NONE)
        return UINT32_MAX;
    uint32_t least = rate < SLOW_RATE ? mss : 2 * mss;
    return FT_MAX((uint32_t)FT_MIN(rate / 1000, (uint64_t)QUANTUM_MAX), least);
}

/* ---- the size of frames ---------------------------------------------------------------------- */

/* Linux's tcp_update_pacing_rate(): what cwnd makes in a round trip, twice that while it doubles;
   0: not known yet. It paces nothing, and only says what a burst is. */
static uint64_t window_rate(const struct ft_tcb *tcb)
{
    uint64_t srtt_us = tcb->cold->srtt_us;
    unsigned percent = tcb->cwnd < tcb->ssthresh / 2 ? 200 : 120;
    return srtt_us ? (uint64_t)FT_MAX(tcb->cwnd, tcb_flight(tcb)) * percent * 10000 / srtt_us : 0;
}

/* Octets of whole segments, two at least. */
static uint32_t burst(const struct ft_tcp *tcp, const struct ft_tcb *tcb)
{
    uint64_t rate = FT_MIN(ft_pace_rate(tcb), CC_PACE_NONE - 1);
    uint64_t window = window_rate(tcb);
    uint32_t rtt = tcb->cold->min_rtt_us >> FRAME_RTT_LOG;
    uint32_t least = tcp->env->config.min_frame_segs;
    if (window)
        rate = FT_MIN(rate, window);
    uint64_t octets = rate >> FRAME_RATE_SHIFT;
    if (rtt < 32)
        octets += FRAME_MAX >> rtt; /* so near that a burst hurts nobody */
    uint32_t segs = (uint32_t)(FT_MIN(octets, (uint64_t)FRAME_MAX) / tcb->snd_mss);
    return FT_MAX(segs, least ? least : FRAME_SEGS_MIN) * tcb->snd_mss;
}

uint32_t ft_frame_room(const struct ft_tcp *tcp, const struct ft_tcb *tcb,
                       const struct ft_path *path, const struct ft_frame *frame)
{
    uint32_t mss = tcb->snd_mss;
    bool single = ft_ecn_single(tcb) || tcb_auth(tcb); /* each is signed by itself */
    if (!(path->if_flags & FT_IF_TSO) || path->gso_max <= path->mtu || single)
        return mss;
    uint32_t room = path->gso_max - FT_HEADERS_MAX;
    if (frame->flags & FT_FRAME_LINEAR)
        room = FT_MIN(room, frame->cap > 2 * FT_HEADERS_MAX ? frame->cap - 2 * FT_HEADERS_MAX : 0);
    /* Spans, not octets, are what a frame runs out of. */
    room = FT_MIN(room, (FT_SPANS_MAX - 2) * (uint32_t)FT_CHUNK_SIZE);
    room = FT_MIN(room, FT_MIN(ft_pace_quantum(tcb), SENT_SEGS_MAX * mss));
    room = FT_MIN(room, burst(tcp, tcb));
    return room > mss ? room - room % mss : mss;
}

/* ---- departure ------------------------------------------------------------------------------- */

/* How long so many octets take. */
static ft_time span_of(uint64_t octets, uint64_t rate)
{
    return octets * FT_SEC / rate;
}

bool ft_pace_holds(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    uint64_t rate = ft_pace_rate(tcb);
    if (rate == CC_PACE_NONE || !tcb->busy || tcb->cold->past->pace_at <= tcp->env->now)
        return false;
    /* Wake when a whole quantum may leave. */
    ft_time more = span_of(ft_pace_quantum(tcb) - tcb->snd_mss, rate);
    tcb->busy->cc.pace_wake = tcb->cold->past->pace_at + more;
    ft_tcb_arm(tcp, tcb);
    return true;
}

void ft_pace_sent(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t len)
{
    uint64_t rate = ft_pace_rate(tcb);
    if (rate == CC_PACE_NONE)
        return;
    ft_time now = tcp->env->now;
    ft_time credit = span_of(ft_pace_quantum(tcb) - tcb->snd_mss, rate) + LATE_MAX;
    ft_time from = now > credit ? now - credit : 0;
    tcb->cold->past->pace_at = FT_MAX(tcb->cold->past->pace_at, from) + span_of(len, rate);
}

void ft_pace_unsent(struct ft_tcb *tcb, uint32_t len)
{
    uint64_t rate = ft_pace_rate(tcb);
    if (rate != CC_PACE_NONE)
        tcb->cold->past->pace_at -= FT_MIN(tcb->cold->past->pace_at, span_of(len, rate));
}

void ft_pace_fired(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (!tcb->busy || tcb->busy->cc.pace_wake > tcp->env->now)
        return;
    tcb->busy->cc.pace_wake = FT_TIME_NEVER;
    ft_tcb_wake(tcp, tcb);
}

/* Whether there is a rate at all. */
static bool is_wanted(const struct ft_tcb *tcb)
{
    return tcb->cold->opts.max_pacing_rate != UINT32_MAX ||
           (tcb->busy && tcb->busy->cc.pace_rate != CC_PACE_NONE);
}

void ft_pace_reset(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (is_wanted(tcb) && ft_tcb_past(tcp, tcb))
        tcb->cold->past->pace_at = tcp->env->now;
    if (!tcb->busy || tcb->busy->cc.pace_wake == FT_TIME_NEVER)
        return;
    tcb->busy->cc.pace_wake = FT_TIME_NEVER;
    ft_tcb_wake(tcp, tcb);
}
