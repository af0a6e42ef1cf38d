/* SPDX-License-Identifier: MIT */
/*
 * SEGMENT ARRIVES: RFC 9293 3.10.7, in its order, with RFC 5961 (blind attacks) and RFC 7323
 * (timestamps). LISTEN is in listen.c, TIME-WAIT in timewait.c, replies in reply.c.
 */
#include "lifetime.h"
#include "metrics.h"
#include "priv.h"
#include "relisten.h"

#include "wire/csum.h"

/* ---- 3.10.7.3 SYN-SENT ----------------------------------------------------------------------- */

void ft_tcp_take_syn_options(struct ft_tcb *tcb, const struct ft_tcp_seg *seg, uint32_t now_s)
{
    tcb->peer_mss =
        seg->has_mss ? seg->mss : (tcb_is_v4(tcb) ? TCP_MSS_DEFAULT4 : TCP_MSS_DEFAULT6);
    if (seg->has_wscale) {
        tcb->snd_wscale = (uint8_t)FT_MIN(seg->wscale, (uint8_t)TCP_WSCALE_MAX); /* RFC 7323 2.3 */
    } else {
        tcb->snd_wscale = 0;
        tcb->rcv_wscale = 0;
    }
    tcb->flags &= ~(uint32_t)(TCB_TS | TCB_SACK);
    if (seg->sack_ok)
        tcb->flags |= TCB_SACK;
    if (seg->has_ts) {
        tcb->flags |= TCB_TS;
        tcb->ts_recent = seg->tsval;
        tcb->ts_recent_s = now_s;
    }
}

void ft_tcp_established(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct ft_path path;
    tcb_enter(tcp, tcb, FT_TCP_ESTABLISHED);
    tcb->cold->delivered++; /* our SYN */
    tcb->cold->last_data_ms = tcp_now_ms(tcp);
    ft_spent_repaired(tcp, tcb);
    uint32_t mtu = tcb->mtu;
    if (!ft_path_find(tcp->net, &tcb->conn.remote, &tcb->conn.local, tcb_bound_if(tcb), &path))
        mtu = path.mtu;
    ft_tcp_set_mss(tcp, tcb, mtu);
    tcb->rcv_mss = (uint16_t)FT_MIN((uint32_t)tcb->snd_mss, 1460u);
    ft_cc_start(tcp, tcb);
    tcb->recover = tcb->iss;
    tcb->retries = 0;
    tcb->flags &= ~(uint32_t)TCB_SYN_OUT;
    ft_tfo_drop(tcp, tcb, false);
    if (ft_ring_len(&tcb->snd) == 0)
        ft_tcb_drop_busy(tcp, tcb); /* it timed the SYN */
    ft_metrics_use(tcp, tcb);
    ft_tcb_restart_rto(tcp, tcb);
    ft_tcb_restart_keepalive(tcp, tcb);
    ft_path_confirm(tcp->net, &tcb->conn.remote, tcb_bound_if(tcb));
    /* A close that came before: its FIN follows the handshake. */
    if (tcb->flags & TCB_FIN_QUEUED)
        tcb_enter(tcp, tcb, FT_TCP_FIN_WAIT_1);
    ft_tcb_raise(tcp, tcb, FT_WRITABLE);
    ft_tcb_wake(tcp, tcb);
}

static void take_irs(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in)
{
    tcb->irs = in->seg.seq;
    ft_auth_synchronized(tcp, tcb);
    tcb->rcv_nxt = seq_add(in->seg.seq, 1);
    tcb->rcv_adv = seq_add(tcb->rcv_nxt, tcb->rcv_adv.v);
    tcb->last_ack_sent = tcb->rcv_nxt;
    tcb->rcv_up = tcb->rcv_nxt;
    struct ft_tcp_seg said = in->seg;
    uint16_t without = tcp->env->config.tcp_without;
    said.has_ts = said.has_ts && !(without & FT_TCP_NO_TIMESTAMPS);
    said.sack_ok = said.sack_ok && !(without & FT_TCP_NO_SACK);
    said.has_wscale = said.has_wscale && !(without & FT_TCP_NO_WSCALE);
    ft_tcp_take_syn_options(tcb, &said, (uint32_t)(tcp->env->now / FT_SEC));
    ft_ecn_take_syn(tcp, tcb, in);
}

/* RFC 9293 3.10.7.3; A-80. rcv_adv holds the window of our SYN as a number until IRS is known. */
static enum ft_verdict syn_sent(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_in *in)
{
    const struct ft_tcp_seg *seg = &in->seg;
    bool ack = seg->flags & SEG_ACK;
    /* First, check the ACK bit. */
    if (ack && (seq_le(seg->ack, tcb->iss) || seq_gt(seg->ack, tcb->snd_max))) {
        if (!(seg->flags & SEG_RST))
            ft_tcp_reset_reply(tcp, in);
        return FT_RX_DROP_ACK;
    }
    /* Second, check the RST bit. */
    if (seg->flags & SEG_RST) {
        /* RFC 9293 U-2. Deviation: as on Linux a reset that acknowledges our SYN counts wherever it
           stands; under the RFC's profile only at RCV.NXT, which is 0 until the peer's SYN. */
        bool exact = seg->seq.v == 0 || tcp->env->config.profile != FT_PROFILE_RFC;
        if (!ack || !exact)
            return FT_RX_DROP_FLAGS;
        ft_tcb_kill(tcp, tcb, ECONNREFUSED);
        return FT_RX_ACTIVE;
    }
    /* Fourth, check the SYN bit. */
    if (!(seg->flags & SEG_SYN))
        return FT_RX_DROP_FLAGS;
    take_irs(tcp, tcb, in);
    tcb->snd_wnd = tcb->snd_wnd_max = seg->wnd;
    tcb->snd_wl1 = seg->seq;
    tcb->snd_wl2 = ack ? seg->ack : tcb->iss;
    if (!ack) {
        /* Simultaneous open (MUST-10): SYN-ACK goes out, without the octets of our SYN. */
        tcb_enter(tcp, tcb, FT_TCP_SYN_RECEIVED);
        tcb->flags |= TCB_SYN_OUT;
        ft_tcb_wake(tcp, tcb);
        return FT_RX_ACTIVE;
    }
    if (tcb->busy && tcb->busy->rtt_timing && tcb->retries == 0)
        ft_tcp_rtt_handshake(tcp, tcb, tcp->env->now - tcb->busy->rtt_at);
    else if (tcb->retries > 0)
        tcb->cold->rto_us = (uint32_t)(TCP_RTO_INIT_LOST / FT_US); /* RFC 6298 5.7 */
    if (tcb->busy)
        tcb->busy->rtt_timing = false;
    uint8_t lost = tcb->retries;
    ft_tfo_syn_acked(tcp, tcb, seg);
    tcb->snd_una = seg->ack;
    tcb->snd_nxt = seq_max(tcb->snd_nxt, tcb->snd_una);
    ft_tcp_established(tcp, tcb);
    if (lost > 0 || ft_ecn_syn_marked(tcb))
        tcb->cwnd = tcb->snd_mss; /* RFC 5681 3.1 */
    ft_delack_handshake(tcp, tcb);
    return FT_RX_ACTIVE;
}

/* ---- 3.10.7.4 first: sequence number --------------------------------------------------------- */

/* RFC 9293 3.4, the four cases of the acceptance test. Without octets Linux's bounds hold, which
   let an ACK pass that was overtaken, or that stands at the very end of a full window. */
static bool acceptable(const struct ft_tcb *tcb, const struct ft_tcp_seg *seg)
{
    uint32_t len = seg->len + ((seg->flags & SEG_SYN) ? 1 : 0) + ((seg->flags & SEG_FIN) ? 1 : 0);
    uint32_t wnd = tcb_rcv_wnd(tcb);
    ft_seq edge = seq_add(tcb->rcv_nxt, wnd);
    if (len == 0)
        return seq_ge(seg->seq, (seg->flags & SEG_RST) ? tcb->rcv_nxt : tcb->last_ack_sent) &&
               seq_le(seg->seq, edge);
    if (wnd == 0)
        return false;
    return seq_between(tcb->rcv_nxt, seg->seq, edge) ||
           seq_between(tcb->rcv_nxt, seq_add(seg->seq, len - 1), edge);
}

/* RFC 7323 5.3, R1. A reset is not subject to it.
   TS-6. Deviation: a segment without timestamps is taken, as by Linux: some boxes on the way strip
   them from some segments. */
static bool paws_rejects(const struct ft_tcp *tcp, const struct ft_tcb *tcb,
                         const struct ft_tcp_seg *seg)
{
    if (!(tcb->flags & TCB_TS) || !seg->has_ts || (seg->flags & SEG_RST))
        return false;
    if ((int32_t)(seg->tsval - tcb->ts_recent) >= 0)
        return false;
    uint32_t idle_s = (uint32_t)(tcp->env->now / FT_SEC) - tcb->ts_recent_s;
    return idle_s <= TCP_PAWS_IDLE / FT_SEC;
}

/* An ACK for what is not acceptable. Octets are always answered, so that a peer whose ACK was
   lost, or who probes the window, goes on; the rest within a limit. */
static void ack_unacceptable(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in)
{
    const struct ft_tcp_seg *seg = &in->seg;
    if (seg->flags & SEG_RST)
        return;
    if (seg->len > 0 || (seg->flags & SEG_FIN)) {
        tcb->flags |= TCB_ACK_NOW;
        ft_delack_quick(tcb, TCP_QUICK_ACKS);
        ft_tcb_wake(tcp, tcb);
        ft_seq end = seq_add(seg->seq, seg->len);
        if (!(seg->flags & SEG_SYN) && seq_le(end, tcb->rcv_nxt))
            ft_tcp_came_again(tcp, tcb, seg->seq, end);
    } else {
        ft_tcp_challenge(tcp, tcb);
        if ((tcb->flags & TCB_ACK_NOW) && (seg->flags & SEG_SYN) && (seg->flags & SEG_ACK) &&
            seq_eq(seg->seq, tcb->irs) && seq_eq(seg->ack, seq_add(tcb->iss, 1)))
            ft_accecn_synack(tcb, in);
    }
}

/* Cut off what was received before and what lies beyond the window. */
static void trim(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_in *in)
{
    struct ft_tcp_seg *seg = &in->seg;
    if (seq_lt(seg->seq, tcb->rcv_nxt)) {
        uint32_t old = (uint32_t)seq_diff(tcb->rcv_nxt, seg->seq);
        if ((seg->flags & SEG_SYN) && old > 0) {
            seg->flags &= (uint16_t)~SEG_SYN;
            seg->seq = seq_add(seg->seq, 1);
            old--;
        }
        old = FT_MIN(old, seg->len);
        ft_tcp_came_again(tcp, tcb, seg->seq, seq_add(seg->seq, old));
        in->skip += old;
        seg->len -= old;
        seg->seq = seq_add(seg->seq, old);
    }
    ft_seq edge = seq_add(tcb->rcv_nxt, tcb_rcv_wnd(tcb));
    if (tcb->fin_seen && seq_lt(tcb->rcv_fin, edge))
        edge = tcb->rcv_fin;
    int32_t over = seq_diff(seq_add(seg->seq, seg->len), edge);
    if (over <= 0)
        return;
    seg->len -= FT_MIN((uint32_t)over, seg->len);
    seg->flags &= (uint16_t) ~(SEG_FIN | SEG_PSH);
}

static enum tcp_verdict check_sequence(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_in *in,
                                       enum ft_verdict *ret_verdict)
{
    const struct ft_tcp_seg *seg = &in->seg;
    if (paws_rejects(tcp, tcb, seg)) {
        ack_unacceptable(tcp, tcb, in);
        *ret_verdict = FT_RX_DROP_PAWS;
        return TCP_DROP;
    }
    /* Figure 7: the SYN-ACK of a simultaneous open has a sequence number that was taken. */
    if (tcb_state(tcb) == FT_TCP_SYN_RECEIVED && (seg->flags & SEG_SYN) && (seg->flags & SEG_ACK) &&
        seq_eq(seg->seq, tcb->irs))
        return TCP_NEXT;
    if (acceptable(tcb, seg))
        return TCP_NEXT;
    /* RFC 7413 4.2.2: the SYN again, since our answer was lost. */
    if (tcb_early(tcb) && (seg->flags & (SEG_SYN | SEG_ACK | SEG_RST)) == SEG_SYN &&
        seq_eq(seg->seq, tcb->irs)) {
        tcb->flags |= ft_icmp_allow(tcp->net, &in->rx->src) ? TCB_SYN_OUT : 0;
        ft_tcb_wake(tcp, tcb);
        return TCP_DROP;
    }
    /* MUST-66: with a window of zero, ACK, URG and RST of a segment at RCV.NXT count. */
    if (tcb_rcv_wnd(tcb) == 0 && seq_eq(seg->seq, tcb->rcv_nxt) && !(seg->flags & SEG_SYN)) {
        if (seg->len > 0 || (seg->flags & SEG_FIN)) {
            tcb->flags |= TCB_ACK_NOW;
            ft_tcb_wake(tcp, tcb);
        }
        return TCP_NEXT;
    }
    ack_unacceptable(tcp, tcb, in);
    *ret_verdict = FT_RX_DROP_SEQUENCE;
    return TCP_DROP;
}

/* ---- second: RST; fourth: SYN ---------------------------------------------------------------- */

/* U-3: the exact one resets; octets that it carries are nobody's (SHLD-2). The user is told that it
   was no normal close (MUST-12). */
static enum tcp_verdict check_rst(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in,
                                  enum ft_verdict *ret_verdict)
{
    if (!(in->seg.flags & SEG_RST))
        return TCP_NEXT;
    /* RFC 5961 3.2 (U-4, U-5): in the window but not exact, so ask the peer to confirm. */
    if (!seq_eq(in->seg.seq, tcb->rcv_nxt)) {
        ft_tcp_challenge(tcp, tcb);
        *ret_verdict = FT_RX_DROP_CHALLENGE;
        return TCP_DROP;
    }
    *ret_verdict = FT_RX_ACTIVE;
    int error = ECONNRESET;
    if (tcb_state(tcb) == FT_TCP_SYN_RECEIVED && !tcb_early(tcb))
        error = ECONNREFUSED;
    else if (tcb_state(tcb) == FT_TCP_CLOSE_WAIT)
        error = EPIPE; /* as Linux */
    ft_tcb_kill(tcp, tcb, error);
    return TCP_GONE;
}

static enum tcp_verdict check_syn(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_in *in,
                                  enum ft_verdict *ret_verdict)
{
    struct ft_tcp_seg *seg = &in->seg;
    if (!(seg->flags & SEG_SYN))
        return TCP_NEXT;
    if (tcb_state(tcb) == FT_TCP_SYN_RECEIVED && (seg->flags & SEG_ACK) &&
        seq_eq(seg->seq, tcb->irs) && seq_gt(seg->ack, tcb->iss) &&
        seq_le(seg->ack, tcb->snd_max)) {
        trim(tcp, tcb, in);
        ft_accecn_synack(tcb, in);
        in->was_syn = true;
        tcb->flags |= TCB_ACK_NOW;
        return TCP_NEXT;
    }
    /* RFC 9293 3.5.2, second: the peer has taken an old SYN of ours for the one that crosses its
       own. An ACK would tell it nothing, and may fall into the window that it believes to have. */
    if (tcb_state(tcb) == FT_TCP_SYN_RECEIVED && (seg->flags & SEG_ACK) &&
        seq_eq(seg->seq, tcb->irs)) {
        ft_tcp_reset_reply(tcp, in);
        *ret_verdict = FT_RX_DROP_ACK;
        return TCP_DROP;
    }
    /* RFC 5961 4.2 (U-6, U-7), whatever the sequence number; its options are not looked at.
     */
    ft_tcp_challenge(tcp, tcb);
    *ret_verdict = FT_RX_DROP_CHALLENGE;
    return TCP_DROP;
}

/* ---- fifth: ACK ------------------------------------------------------------------------------ */

static enum tcp_verdict ack_range(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_in *in,
                                  enum ft_verdict *ret_verdict)
{
    const struct ft_tcp_seg *seg = &in->seg;
    *ret_verdict = FT_RX_DROP_ACK;
    if (tcb_state(tcb) == FT_TCP_SYN_RECEIVED) {
        if (seq_le(seg->ack, tcb->snd_una) || seq_gt(seg->ack, tcb->snd_max)) {
            ft_tcp_reset_reply(tcp, in);
            return TCP_DROP;
        }
        /* Deviation: where SYNs have crossed, only what stands at RCV.NXT makes the connection, not
           all in the window. IRS may be of an old SYN then, and what is honest comes again. */
        if (!tcb_early(tcb) && !seq_eq(seg->seq, tcb->rcv_nxt)) {
            ft_tcp_challenge(tcp, tcb);
            return TCP_DROP;
        }
        tcb->snd_wnd = tcb->snd_wnd_max = tcp_in_wnd(tcb, in);
        tcb->snd_wl1 = seg->seq;
        tcb->snd_wl2 = seg->ack;
        if (tcb_early(tcb) && tcb->busy && tcb->busy->rtt_timing && tcb->retries == 0)
            ft_tcp_rtt_sample(tcb, tcp->env->now - tcb->busy->rtt_at);
        tcb->snd_una = seq_add(tcb->iss, 1);
        if (!tcb_early(tcb)) {
            ft_tfo_syn_acked(tcp, tcb, seg);
            tcb->snd_una = seg->ack;
        }
        tcb->snd_nxt = seq_max(tcb->snd_nxt, tcb->snd_una);
        ft_tcp_established(tcp, tcb);
        return TCP_NEXT;
    }
    /* RFC 5961 5.2 (U-8, U-9); A-79: nor anything before our SYN. */
    ft_seq low = seq_sub(tcb->snd_una, tcb->snd_wnd_max);
    if (seq_lt(low, seq_add(tcb->iss, 1)) && seq_diff(tcb->snd_una, tcb->iss) > 0)
        low = seq_add(tcb->iss, 1);
    if (seq_gt(seg->ack, tcb->snd_max) || seq_lt(seg->ack, low)) {
        ft_tcp_challenge(tcp, tcb);
        return TCP_DROP;
    }
    return TCP_NEXT;
}

/* What the acknowledgement of our FIN means (3.10.7.4, fifth, by state). */
static enum tcp_verdict fin_acked(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    switch (tcb_state(tcb)) {
    case FT_TCP_FIN_WAIT_1:
        tcb_enter(tcp, tcb, FT_TCP_FIN_WAIT_2);
        if (tcb->slot == FT_NO_SLOT && !ft_orphan_waits(tcp, tcb)) /* */
            return TCP_GONE;
        ft_tcb_raise(tcp, tcb, FT_WRITABLE);
        return TCP_NEXT;
    case FT_TCP_CLOSING:
        ft_tcp_enter_time_wait(tcp, tcb);
        return TCP_GONE;
    case FT_TCP_LAST_ACK:
        ft_metrics_save(tcp, tcb);
        ft_tcb_kill(tcp, tcb, 0);
        return TCP_GONE;
    case FT_TCP_ESTABLISHED:
    case FT_TCP_SYN_SENT:
    case FT_TCP_SYN_RECEIVED:
    case FT_TCP_FIN_WAIT_2:
    case FT_TCP_TIME_WAIT:
    case FT_TCP_CLOSED:
    case FT_TCP_CLOSE_WAIT:
    case FT_TCP_LISTEN:
        break;
    }
    return TCP_NEXT;
}

static enum tcp_verdict check_ack(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_in *in,
                                  enum ft_verdict *ret_verdict)
{
    if (!(in->seg.flags & SEG_ACK)) {
        *ret_verdict = FT_RX_DROP_FLAGS;
        return TCP_DROP;
    }
    if (ack_range(tcp, tcb, in, ret_verdict) != TCP_NEXT)
        return TCP_DROP;
    *ret_verdict = FT_RX_ACTIVE;
    /* RFC 7323 4.3: after the sequence and ACK checks, and only of a segment at the left edge
 */
    if ((tcb->flags & TCB_TS) && in->seg.has_ts && seq_le(in->seg.seq, tcb->last_ack_sent) &&
        (int32_t)(in->seg.tsval - tcb->ts_recent) >= 0) {
        tcb->ts_recent = in->seg.tsval;
        tcb->ts_recent_s = (uint32_t)(tcp->env->now / FT_SEC);
    }
    tcb->last_rcv_ms = tcp_now_ms(tcp);
    bool was_acked = tcb->flags & TCB_FIN_ACKED;
    ft_tcp_ack(tcp, tcb, in);
    if (!was_acked && (tcb->flags & TCB_FIN_ACKED))
        return fin_acked(tcp, tcb);
    return TCP_NEXT;
}

/* ---- sixth: URG; seventh: text; eighth: FIN -------------------------------------------------- */

static bool receives(const struct ft_tcb *tcb)
{
    enum ft_tcp_state s = tcb_state(tcb);
    return s == FT_TCP_ESTABLISHED || s == FT_TCP_FIN_WAIT_1 || s == FT_TCP_FIN_WAIT_2;
}

/* MUST-31, MUST-32, MUST-62. The octets stay inline; the pointer sizes nothing. */
static void check_urg(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in)
{
    if (!(in->seg.flags & SEG_URG) || in->seg.urg == 0 || !receives(tcb))
        return;
    ft_seq up = seq_add(in->seg.seq, in->seg.urg);
    if (seq_le(up, tcb->rcv_nxt) || ((tcb->flags & TCB_URG_IN) && seq_le(up, tcb->rcv_up)))
        return;
    tcb->rcv_up = up;
    tcb->flags |= TCB_URG_IN;
    ft_tcb_raise(tcp, tcb, FT_URGENT);
}

/* Octets for a socket that nobody can read any more: the peer must learn that they are lost
   (SHLD-3, as Linux). */
static bool nobody_reads(const struct ft_tcb *tcb, const struct tcp_in *in)
{
    return tcb->slot == FT_NO_SLOT && !(tcb->flags & TCB_QUEUED) && in->seg.len > 0 &&
           seq_gt(seq_add(in->seg.seq, in->seg.len), tcb->rcv_nxt);
}

static enum tcp_verdict take_text(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_in *in,
                                  enum ft_verdict *ret_verdict)
{
    if (in->seg.len == 0 || !receives(tcb))
        return TCP_NEXT;
    if (nobody_reads(tcb, in)) {
        ft_tcp_send_reset(tcp, tcb);
        ft_tcb_kill(tcp, tcb, 0);
        *ret_verdict = FT_RX_DROP_CLOSED;
        return TCP_GONE;
    }
    *ret_verdict = ft_tcp_text(tcp, tcb, in);
    return *ret_verdict == FT_RX_ACTIVE ? TCP_NEXT : TCP_DROP;
}

/* The peer's FIN is in order (3.10.7.4, eighth). */
static enum tcp_verdict take_fin(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    tcb->rcv_nxt = seq_add(tcb->rcv_nxt, 1);
    tcb->flags |= TCB_FIN_RECEIVED | TCB_ACK_NOW;
    tcb->fin_seen = false;
    ft_tcp_drop_gaps(tcp, tcb);
    ft_tcb_wake(tcp, tcb);
    ft_tcb_raise(tcp, tcb, FT_READABLE | FT_RDHUP);
    switch (tcb_state(tcb)) {
    case FT_TCP_ESTABLISHED:
        tcb_enter(tcp, tcb, FT_TCP_CLOSE_WAIT);
        return TCP_NEXT;
    case FT_TCP_FIN_WAIT_1:
        tcb_enter(tcp, tcb, FT_TCP_CLOSING);
        return TCP_NEXT;
    case FT_TCP_FIN_WAIT_2:
        ft_tcp_enter_time_wait(tcp, tcb);
        return TCP_GONE;
    case FT_TCP_SYN_SENT:
    case FT_TCP_SYN_RECEIVED:
    case FT_TCP_TIME_WAIT:
    case FT_TCP_CLOSED:
    case FT_TCP_CLOSE_WAIT:
    case FT_TCP_LAST_ACK:
    case FT_TCP_LISTEN:
    case FT_TCP_CLOSING:
        break;
    }
    return TCP_NEXT;
}

/* the first FIN that is accepted fixes the end; nothing from there on is taken. */
static enum tcp_verdict check_fin(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in)
{
    if (!receives(tcb))
        return TCP_NEXT;
    if ((in->seg.flags & SEG_FIN) && !tcb->fin_seen) {
        ft_seq fin = seq_add(in->seg.seq, in->seg.len);
        const struct ft_ranges *held = tcb->gaps ? &tcb->gaps->ranges : NULL;
        if (seq_lt(fin, tcb->rcv_nxt) || (held && held->n && seq_lt(fin, held->r[held->n - 1].hi)))
            return TCP_NEXT;
        tcb->rcv_fin = fin;
        tcb->fin_seen = true;
        if (!seq_eq(fin, tcb->rcv_nxt)) {
            tcb->flags |= TCB_ACK_NOW;
            ft_tcb_wake(tcp, tcb);
        }
    }
    if (tcb->fin_seen && seq_eq(tcb->rcv_fin, tcb->rcv_nxt))
        return take_fin(tcp, tcb);
    return TCP_NEXT;
}

/* ---- 3.10.7.4 OTHER STATES ------------------------------------------------------------------- */

static enum ft_verdict other_states(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_in *in)
{
    enum ft_verdict verdict = FT_RX_ACTIVE;
    if (check_sequence(tcp, tcb, in, &verdict) != TCP_NEXT)
        return verdict;
    if (check_rst(tcp, tcb, in, &verdict) != TCP_NEXT)
        return verdict;
    if (check_syn(tcp, tcb, in, &verdict) != TCP_NEXT)
        return verdict;
    enum tcp_verdict v = check_ack(tcp, tcb, in, &verdict);
    if (v != TCP_NEXT)
        return verdict;
    ft_ecn_arrived(tcp, tcb, in);
    trim(tcp, tcb, in);
    check_urg(tcp, tcb, in);
    if (take_text(tcp, tcb, in, &verdict) != TCP_NEXT)
        return verdict;
    if (check_fin(tcp, tcb, in) == TCP_GONE)
        return verdict;
    if (tcb->keep_at != FT_TIME_NEVER)
        ft_tcb_restart_keepalive(tcp, tcb);
    return verdict;
}

/* ---- 3.10.7 whose it is ---------------------------------------------------------------------- */

static bool checksum_ok(const struct ft_rx *rx)
{
    if (rx->csum_good)
        return true;
    uint64_t sum = csum_pseudo(&rx->src, &rx->dst, IPPROTO_TCP, (uint32_t)rx->l4_len);
    sum = ft_sum(rx->l4, rx->l4_contig, sum);
    size_t at = rx->l4_contig;
    for (unsigned i = 0; i < rx->n_spans; i++) {
        sum = ft_sum_add_at(sum, ft_sum(rx->spans[i].data, rx->spans[i].len, 0), at);
        at += rx->spans[i].len;
    }
    return ft_sum_fold(sum) == 0xffff;
}

/* The descriptor is told to the trace only: its generation may be far from the cache. */
static ft_sock traced_sock(const struct ft_tcp *tcp, uint32_t slot)
{
    return tcp->env->trace.event ? ft_slot_sock(tcp->slots, slot) : -1;
}

static struct ft_name *find_name(struct ft_tcp *tcp, const struct ft_conn *key,
                                 const struct tcp_in *in)
{
    uint64_t hash = ft_table_hash(tcp->table, key);
    return ft_name_match(tcp->names, IPPROTO_TCP, &key->local, key->local_port, in->rx->ifindex,
                         hash);
}

static enum ft_verdict to_name(struct ft_tcp *tcp, const struct ft_conn *key, struct tcp_in *in,
                               ft_sock *ret_sock)
{
    struct ft_name *name = find_name(tcp, key, in);
    if (!name) {
        if (ft_relisten_hold(tcp, key, in))
            return FT_RX_PASSIVE;
        ft_tcp_reset_reply(tcp, in);
        return FT_RX_NO_SOCKET;
    }
    struct ft_listener *listener = name->owner;
    *ret_sock = traced_sock(tcp, listener->slot);
    struct ft_tcb *tcb = NULL;
    enum ft_verdict verdict = FT_RX_PASSIVE;
    struct tcp_ends ends = {.conn = key};
    struct tcp_verified verified;
    in->verified = NULL;
    if (ft_auth_asks(tcp, listener->auth, &in->seg) &&
        !ft_auth_check(tcp, listener->auth, &ends, in, &verified, &verdict))
        return verdict;
    verdict = ft_listen_input(tcp, listener, key, in, &tcb);
    /* The ACK that brought a cookie back may carry text and FIN, as any that ends a handshake. */
    if (tcb)
        (void)other_states(tcp, tcb, in); /* it was the passive socket that it matched */
    return verdict;
}

static enum ft_verdict to_time_wait(struct ft_tcp *tcp, struct ft_time_wait *tw,
                                    const struct ft_conn *key, struct tcp_in *in, ft_sock *ret_sock)
{
    bool reopen = false;
    enum ft_verdict verdict = FT_RX_ACTIVE;
    struct tcp_verified verified;
    struct tcp_ends ends;
    struct tcp_auth *auth = ft_time_wait_keys(tw, &ends);
    if (ft_auth_asks(tcp, auth, &in->seg) &&
        !ft_auth_check(tcp, auth, &ends, in, &verified, &verdict))
        return verdict;
    bool listens = (in->seg.flags & SEG_SYN) && find_name(tcp, key, in);
    verdict = ft_time_wait_input(tcp, tw, in, listens, &reopen);
    in->verified = NULL;
    return reopen ? to_name(tcp, key, in, ret_sock) : verdict;
}

static enum ft_verdict to_embryo(struct ft_tcp *tcp, struct tcp_embryo *embryo,
                                 const struct ft_conn *key, struct tcp_in *in, ft_sock *ret_sock)
{
    if (ft_embryo_forsaken(tcp, embryo)) {
        ft_embryo_free(tcp, embryo);
        return to_name(tcp, key, in, ret_sock);
    }
    const struct ft_listener *listener = ft_embryo_listener(tcp, embryo);
    struct tcp_auth *auth = listener ? listener->auth : NULL;
    enum ft_verdict verdict = FT_RX_DROP_UNSIGNED;
    struct tcp_verified verified;
    struct ft_tcb *tcb = NULL;
    if (ft_auth_asks(tcp, auth, &in->seg) || (embryo->flags & EMB_AO)) {
        struct tcp_ends ends = ft_auth_embryo_ends(embryo);
        /* It may bring a cookie back that was sent before: other_ack(). */
        ends.has_snd_isn = seq_eq(in->seg.ack, seq_add(embryo->iss, 1));
        ends.conn = key; /* the embryo may go */
        if (!ft_auth_check(tcp, auth, &ends, in, &verified, &verdict))
            return verdict;
        if (!ft_auth_same_kind(embryo, in))
            return FT_RX_DROP_SIGNED;
    }
    verdict = ft_embryo_input(tcp, embryo, in, &tcb);
    /* The ACK that completed the handshake may carry text and FIN. */
    return tcb ? other_states(tcp, tcb, in) : verdict;
}

static enum ft_verdict to_conn(struct ft_tcp *tcp, struct ft_conn *conn, const struct ft_conn *key,
                               struct tcp_in *in, ft_sock *ret_sock)
{
    if (conn->kind == FT_CONN_TIME_WAIT)
        return to_time_wait(tcp, ft_container_of(conn, struct ft_time_wait, conn), key, in,
                            ret_sock);
    if (conn->kind == FT_CONN_EMBRYO)
        return to_embryo(tcp, ft_container_of(conn, struct tcp_embryo, conn), key, in, ret_sock);
    struct ft_tcb *tcb = ft_container_of(conn, struct ft_tcb, conn);
    *ret_sock = traced_sock(tcp, tcb->slot);
    struct tcp_verified verified;
    if (ft_auth_asks(tcp, tcb_auth(tcb), &in->seg)) {
        enum ft_verdict verdict = FT_RX_ACTIVE;
        struct tcp_ends ends = ft_auth_ends(tcb);
        ends.conn = key; /* the TCB may go */
        if (!ft_auth_check(tcp, tcb_auth(tcb), &ends, in, &verified, &verdict))
            return verdict;
    }
    tcb->segs_in += in->rx->n_segs;
    tcb->cold->data_in += in->seg.len > 0 ? in->rx->n_segs : 0;
    if (tcb_state(tcb) == FT_TCP_SYN_SENT)
        return syn_sent(tcp, tcb, in);
    return other_states(tcp, tcb, in);
}

enum ft_verdict ft_tcp_input(struct ft_tcp *tcp, const struct ft_rx *rx, ft_sock *ret_sock)
{
    struct tcp_in in = {.rx = rx};
    *ret_sock = -1;
    tcp->env->counters.tcp_segs_in += rx->n_segs;
    /* MUST-57, MUST-63, A-20; the sources were judged by net. */
    if (rx->dst_class != FT_ADDR_LOCAL || rx->l2_multicast)
        return FT_RX_DROP_MARTIAN;
    if (tcp_parse(rx->l4, rx->l4_contig, &in.seg))
        return FT_RX_DROP_HEADER;
    if (in.seg.src_port == 0 || in.seg.dst_port == 0)
        return FT_RX_DROP_MARTIAN;
    if (!checksum_ok(rx))
        return FT_RX_DROP_CHECKSUM; /* MUST-3 */
    in.seg.len = (uint32_t)(rx->l4_len - in.seg.hdr_len);
    in.data = rx->l4 + in.seg.hdr_len;
    in.data_len = (uint32_t)(rx->l4_contig - in.seg.hdr_len);
    struct ft_conn key = {
        .local = rx->dst,
        .remote = rx->src,
        .local_port = in.seg.dst_port,
        .remote_port = in.seg.src_port,
        .ifindex = addr_needs_scope(&rx->src) ? (uint16_t)rx->ifindex : 0,
    };
    uint64_t hash = rx->has_hash ? rx->hash : ft_table_hash(tcp->table, &key);
    struct ft_conn *conn = ft_table_find_hashed(tcp->table, &key, hash);
    if (conn)
        return to_conn(tcp, conn, &key, &in, ret_sock);
    return to_name(tcp, &key, &in, ret_sock);
}
