/* SPDX-License-Identifier: MIT */
/*
 * An acceptable ACK in a synchronized state (RFC 9293 3.10.7.4, fifth, ESTABLISHED): what it
 * acknowledges, the send window, round-trip samples, duplicates.
 */
#include "priv.h"

/* RFC 5681 2: no payload, no SYN or FIN, octets outstanding, nothing new, the same window. */
static bool is_duplicate(const struct ft_tcb *tcb, const struct tcp_in *in, uint32_t wnd)
{
    return in->seg.len == 0 && !(in->seg.flags & (SEG_SYN | SEG_FIN)) && tcb_flight(tcb) > 0 &&
           seq_eq(in->seg.ack, tcb->snd_una) && wnd == tcb->snd_wnd;
}

/* RFC 9293 3.10.7.4: only a segment that is not older than the last may change the window. One that
   acknowledges more is newer whatever its number, as on Linux: after a timeout the peer's octets
   begin below its ACKs, and a window that stayed while snd_una moves would grow by it. */
static void update_window(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in,
                          uint32_t wnd)
{
    bool newer = in->advanced || seq_lt(tcb->snd_wl1, in->seg.seq) ||
                 (seq_eq(tcb->snd_wl1, in->seg.seq) && seq_le(tcb->snd_wl2, in->seg.ack));
    if (!newer)
        return;
    bool opened = wnd > tcb->snd_wnd;
    bool was_zero = tcb->snd_wnd == 0;
    tcb->snd_wnd = wnd;
    tcb->snd_wnd_max = FT_MAX(tcb->snd_wnd_max, wnd);
    tcb->snd_wl1 = in->seg.seq;
    tcb->snd_wl2 = in->seg.ack;
    if (!opened)
        return;
    if (was_zero || (tcb->flags & TCB_PERSIST)) {
        tcb->retries = 0; /* what backed off were probes */
        ft_tcb_restart_rto(tcp, tcb);
    }
    ft_tcb_wake(tcp, tcb);
}

/* RFC 6298 3 (Karn), RFC 7323 4.1. One sample a round trip: of octets that left after the last. */
static void sample_rtt(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_told *told)
{
    struct tcp_busy *busy = tcb->busy;
    if (busy && told->first_sent_at) {
        ft_tcp_rtt_sample(tcb, tcp->env->now - told->first_sent_at);
        busy->rtt_seq = tcb->snd_max;
        busy->rack.unsampled = false;
        return;
    }
    if ((busy && !told->again) || told->tsecr == 0)
        return;
    /* only what can be the echo of a timestamp of ours counts. */
    uint32_t ms = tcp_now_ms(tcp) + tcb->cold->ts_offset - told->tsecr;
    if (ms > 60000)
        return;
    ft_tcp_rtt_sample(tcb, FT_MAX(ms, 1u) * FT_MS);
    if (busy)
        busy->rack.unsampled = false;
}

/* Drop what was acknowledged from the send ring. */
static void release(struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq ack)
{
    ft_seq base = tcb_snd_base(tcb);
    uint32_t len = ft_ring_len(&tcb->snd);
    bool fin = (tcb->flags & TCB_FIN_QUEUED) && !(tcb->flags & TCB_FIN_ACKED);
    uint32_t octets = seq_gt(ack, base) ? (uint32_t)seq_diff(ack, base) : 0;
    if (octets > len) {
        ft_assert(fin && octets == len + 1);
        tcb->flags |= TCB_FIN_ACKED;
        octets = len;
    }
    uint32_t room = tcb_send_room(tcb);
    ft_ring_consume(&tcb->snd, &tcp->env->chunks, octets);
    tcb->cold->octets_acked += octets;
    tcb->snd_una = ack;
    if (seq_lt(tcb->snd_nxt, ack))
        tcb->snd_nxt = ack;
    /* As Linux: writable when a third of the buffer is free, or all of it was taken before. */
    uint32_t max = tcb->cold->opts.snd_buf / 2;
    bool opens = octets > 0 && room < max / 3 && tcb_send_room(tcb) >= max / 3;
    if (opens)
        ft_spent_room(tcp, tcb);
    if (opens || (octets > 0 && (tcb->flags & TCB_STARVED))) {
        tcb->flags &= ~(uint32_t)TCB_STARVED;
        ft_tcb_raise(tcp, tcb, FT_WRITABLE);
    }
}

/* As on Linux MSG_MORE holds back at the call, and TCP_CORK until it is taken off: when the peer
   has acknowledged something, Nagle's own rule is asked again. */
static void no_more(struct ft_tcb *tcb)
{
    uint16_t opts = tcb->cold->opts.flags;
    bool partial = tcb->busy && seq_gt(tcb->busy->sml, tcb->snd_una);
    if (!(tcb->flags & TCB_MORE) || (opts & OPT_CORK) || (partial && !(opts & OPT_NODELAY)))
        return;
    if (ft_ring_len(&tcb->snd) <= tcb->snd_wnd)
        tcb->flags |= TCB_NAGLE_OFF;
}

static void advance(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_in *in,
                    struct tcp_told *told)
{
    in->advanced = told->advanced = true;
    told->sample.acked = (uint32_t)seq_diff(in->seg.ack, tcb->snd_una);
    if (tcb->busy)
        ft_sent_acked(tcp, tcb, in->seg.ack, told);
    release(tcp, tcb, in->seg.ack);
    ft_miser_acked(tcb, told->sample.acked);
    ft_marks_acked(tcp, tcb, in->seg.ack);
    sample_rtt(tcp, tcb, told);
    if (tcb->busy) {
        tcb->busy->progress_at = tcp->env->now;
        tcb->busy->sml = seq_max(tcb->busy->sml, tcb->snd_una); /* never 2 GiB behind */
        tcb->busy->rtt_seq = seq_max(tcb->busy->rtt_seq, tcb->snd_una);
        tcb->busy->rack.fack = seq_max(tcb->busy->rack.fack, tcb->snd_una);
    }
    tcb->retries = 0;
    no_more(tcb);
    tcb->cold->soft_error = 0;
    if ((tcb->flags & TCB_URG_OUT) && seq_ge(tcb->snd_una, tcb->snd_up))
        tcb->flags &= ~(uint32_t)TCB_URG_OUT;
}

/* Nothing is out, nothing waits, and no probe waits for the word that it was one too many. */
static void idle(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    const struct tcp_busy *busy = tcb->busy;
    bool lent = tcb->pin && tcb->pin->writing;
    if (tcb_flight(tcb) == 0 && ft_ring_len(&tcb->snd) == 0)
        ft_spent_end(tcp, tcb);
    if (tcb_flight(tcb) == 0)
        ft_path_confirm(tcp->net, &tcb->conn.remote, tcb_bound_if(tcb));
    if (busy && tcb_flight(tcb) == 0 && ft_ring_len(&tcb->snd) == 0 && !lent &&
        !(busy->rack.probing && busy->rack.probe_again)) {
        ft_tcp_end_cwr(tcb);
        ft_tcb_drop_busy(tcp, tcb);
    }
}

static void begin(const struct ft_tcb *tcb, const struct tcp_in *in, uint32_t wnd,
                  struct tcp_told *told)
{
    *told = (struct tcp_told){.duplicate = is_duplicate(tcb, in, wnd)};
    ft_rate_begin(tcb, &told->sample);
    told->sample.prior_flight = tcb_pipe(tcb);
    if (tcb->busy)
        told->fack = tcb->busy->rack.fack;
    if ((tcb->flags & TCB_TS) && in->seg.has_ts)
        told->tsecr = in->seg.tsecr;
}

static uint32_t rtt_us(const struct ft_tcp *tcp, const struct tcp_told *told)
{
    ft_time us = (tcp->env->now - told->last_sent_at) / FT_US;
    return (uint32_t)FT_MAX(FT_MIN(us, (ft_time)UINT32_MAX), (ft_time)1);
}

/* RFC 7765 4: with so few segments out that no three duplicates can come, the timer counts from
   when the first of them left, and not from this ACK. Where a tail loss probe is due it comes
   before the timer in any case (RFC 8985 7.2). */
#define RESTART_SEGS 4

static void rto_restart(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    const struct tcp_sent *first = tcb->busy ? tcb->busy->sents.first : NULL;
    uint32_t octets = (uint32_t)seq_diff(seq_max(tcb_snd_end(tcb), tcb->snd_max), tcb->snd_una);
    if (!first || tcb->retx_at == FT_TIME_NEVER || (tcb->flags & TCB_PERSIST))
        return;
    if (tcb->busy->rack.probe_at != FT_TIME_NEVER ||
        octets > (RESTART_SEGS - 1) * (uint32_t)tcb->snd_mss)
        return;
    ft_time at = first->sent_at + ft_tcp_rto(tcb, 0);
    if (at <= tcp->env->now || at >= tcb->retx_at)
        return; /* step 4 b: no time is left, so a whole RTO */
    tcb->retx_at = at;
    ft_tcb_arm(tcp, tcb);
}

/* Octets that may open cwnd. As Linux: those that this ACK has delivered, and not what blocks had
   told of before; unless the path reorders by more than duplicates would take for a loss. */
static uint32_t opens_by(const struct ft_tcb *tcb, const struct tcp_told *told)
{
    bool whole = tcb->rack.reordering > 3 || !told->advanced;
    return whole ? told->sample.acked : FT_MIN(told->delivered, told->sample.acked);
}

void ft_tcp_ack(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_in *in)
{
    struct tcp_told told;
    uint32_t wnd = tcp_in_wnd(tcb, in);
    tcb->probes = 0;
    begin(tcb, in, wnd, &told);
    if (seq_gt(in->seg.ack, tcb->snd_una))
        advance(tcp, tcb, in, &told);
    ft_sack_take(tcp, tcb, &in->seg, &told);
    ft_ecn_told(tcp, tcb, in, &told);
    ft_tcp_recovery_acked(tcp, tcb, &told, in->seg.n_sack > 0);
    if (told.advanced || told.delivered > 0 || told.sample.lost > 0) {
        told.sample.acked = opens_by(tcb, &told);
        told.sample.flight = tcb_pipe(tcb);
        if (told.last_sent_at)
            told.sample.rtt_us = rtt_us(tcp, &told);
        ft_cc_acked(tcp, tcb, &told.sample);
    }
    if (told.advanced) {
        ft_plpmtu_acked(tcp, tcb);
        ft_tcb_restart_rto(tcp, tcb); /* RFC 6298 5.2, 5.3 */
        ft_tcb_count_unfinished(tcp, tcb);
        ft_tcb_wake(tcp, tcb);
    }
    /* RFC 8985 7.2: an ACK of nothing new does not put the probe off. */
    if (tcb->busy && (told.advanced || told.delivered > 0))
        ft_tlp_schedule(tcp, tcb);
    if (told.advanced) {
        rto_restart(tcp, tcb);
        idle(tcp, tcb);
    }
    update_window(tcp, tcb, in, wnd);
}
