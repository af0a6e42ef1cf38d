/* SPDX-License-Identifier: MIT */
/*
 * Buffers that grow with the path, unless SO_RCVBUF or SO_SNDBUF has fixed them: the receive buffer
 * by what the user takes in a round trip (dynamic right-sizing), so that a peer in slow start is
 * never held back by it and one whose octets nobody reads gets no more; the send buffer with cwnd.
 * Limits are recv_buffer_auto_max and send_buffer_auto_max, as tcp_rmem and tcp_wmem of Linux are.
 */
#include "priv.h"

/* A connection that has carried less is not measured: it would not be worth the memory. */
#define FROM_OCTETS 65536

static uint32_t now_us(const struct ft_tcp *tcp)
{
    return (uint32_t)(tcp->env->now / FT_US);
}

static bool fixed(const struct ft_tcb *tcb)
{
    return tcb->cold->opts.flags & OPT_RCVBUF_SET;
}

/* ---- the receiver's measure of the round trip ------------------------------------------------ */

static void rtt_sample(struct tcp_drs *drs, uint32_t us, bool at_most)
{
    us = FT_MAX(us, 1u);
    if (drs->rtt_us == 0 || (at_most && us < drs->rtt_us))
        drs->rtt_us = us;
    else if (!at_most)
        drs->rtt_us += us / 8 - drs->rtt_us / 8;
}

/* The echo of a timestamp of ours, once for each; a peer that had nothing to send echoes an old
   one, which makes the measure longer, never shorter. */
static void rtt_by_echo(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in)
{
    struct tcp_drs *drs = &tcb->cold->past->drs;
    if (in->seg.tsecr == 0 || in->seg.tsecr == drs->tsecr || in->seg.len < tcb->rcv_mss)
        return;
    drs->tsecr = in->seg.tsecr;
    uint32_t ms = tcp_now_ms(tcp) + tcb->cold->ts_offset - in->seg.tsecr;
    if (ms <= 60000)
        rtt_sample(drs, FT_MAX(ms, 1u) * 1000, false);
}

/* Without timestamps: a whole window takes a round trip at least. */
static void rtt_by_window(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct tcp_drs *drs = &tcb->cold->past->drs;
    if (drs->timing && seq_lt(tcb->rcv_nxt, drs->edge))
        return;
    if (drs->timing)
        rtt_sample(drs, now_us(tcp) - drs->edge_us, true);
    drs->timing = true;
    drs->edge = tcb->rcv_adv;
    drs->edge_us = now_us(tcp);
}

void ft_tune_arrived(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in)
{
    if (fixed(tcb) || tcb->cold->octets_received < FROM_OCTETS)
        return;
    if (!ft_tcb_past(tcp, tcb))
        return;
    struct tcp_drs *drs = &tcb->cold->past->drs;
    if (drs->space == 0) {
        drs->space = TCP_INIT_SEGS * (uint32_t)tcb->rcv_mss;
        drs->at = tcb_read_to(tcb);
        drs->since_us = now_us(tcp);
    }
    if ((tcb->flags & TCB_TS) && in->seg.has_ts)
        rtt_by_echo(tcp, tcb, in);
    else
        rtt_by_window(tcp, tcb);
}

/* ---- the receive buffer ---------------------------------------------------------------------- */

/* Twice what was taken in a round trip, and room for it to grow as it has grown. */
static uint64_t window_for(const struct ft_tcb *tcb, uint64_t taken, uint64_t before)
{
    uint64_t window = 2 * taken + 16 * (uint64_t)tcb->rcv_mss;
    return window + 2 * (window * (taken - before) / before);
}

void ft_tune_read(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (fixed(tcb) || !tcb->cold->past)
        return;
    struct tcp_drs *drs = &tcb->cold->past->drs;
    uint32_t now = now_us(tcp);
    if (drs->space == 0 || drs->rtt_us == 0 || now - drs->since_us < drs->rtt_us)
        return;
    uint32_t taken = (uint32_t)seq_diff(tcb_read_to(tcb), drs->at);
    drs->at = tcb_read_to(tcb);
    drs->since_us = now;
    if (taken <= drs->space || taken > FT_RING_MAX)
        return;
    uint64_t want = 2 * window_for(tcb, taken, drs->space);
    drs->space = taken;
    want = FT_MIN(want, (uint64_t)tcp->env->config.limits.recv_buffer_auto_max);
    if (want > tcb->cold->opts.rcv_buf && !tcp_short_of_memory(tcp))
        tcb->cold->opts.rcv_buf = (uint32_t)want;
}

/* ---- the send buffer ------------------------------------------------------------------------- */

void ft_tune_send(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct tcp_opts *opts = &tcb->cold->opts;
    uint64_t want = 4 * (uint64_t)tcb->cwnd; /* two windows; SO_SNDBUF counts double */
    want = FT_MIN(want, (uint64_t)tcp->env->config.limits.send_buffer_auto_max);
    if ((opts->flags & OPT_SNDBUF_SET) || want <= opts->snd_buf || tcp_short_of_memory(tcp))
        return;
    bool was_full = tcb_send_room(tcb) < opts->snd_buf / 2 / 3;
    opts->snd_buf = (uint32_t)want;
    if (was_full && tcb_send_room(tcb) >= opts->snd_buf / 2 / 3)
        ft_tcb_raise(tcp, tcb, FT_WRITABLE);
}
