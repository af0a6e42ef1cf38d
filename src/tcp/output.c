/* SPDX-License-Identifier: MIT */
/*
 * The next segment of a connection, when a link asks for one: what to send is decided here at the
 * last moment (RFC 9293 3.8.6.2.1 silly windows, 3.7.4 Nagle, 3.8.4 keep-alive, 3.8.6.1 probes),
 * and it is built straight into the link's frame.
 */
#include "priv.h"

#include "wire/be.h"
#include "wire/csum.h"

/* Below this it is cheaper to copy than to lend. */
#define COPY_BELOW 256

enum plan_kind {
    PLAN_NONE,
    PLAN_SYN,   /* SYN or SYN-ACK */
    PLAN_DATA,  /* octets, perhaps with FIN; or FIN alone */
    PLAN_ACK,   /* nothing but an ACK */
    PLAN_PROBE, /* an ACK with an old sequence number: window probe or keep-alive */
};

struct plan {
    enum plan_kind kind;
    ft_seq seq;
    uint32_t len; /* octets */
    bool fin;
    bool retrans;          /* has been sent before */
    bool probe;            /* a tail loss probe (RFC 8985 7.3) */
    bool mtu_probe;        /* larger than others: plpmtu.c */
    struct tcp_sent *sent; /* the record that is sent again; NULL: a bare FIN has none */
};

/* ---- what to send ---------------------------------------------------------------------------- */

/* RFC 9293 3.7.4 as Minshall and Linux have it: a partial segment waits for the last partial one,
   not for all that is outstanding. */
static bool nagle_holds(const struct ft_tcb *tcb)
{
    uint32_t flags = tcb->flags;
    if (flags & (TCB_NAGLE_OFF | TCB_FIN_QUEUED | TCB_URG_OUT))
        return false;
    if ((tcb->cold->opts.flags & OPT_CORK) || (flags & TCB_MORE))
        return true;
    if (tcb->cold->opts.flags & OPT_NODELAY)
        return false;
    return tcb->busy && tcb_flight(tcb) > 0 && seq_gt(tcb->busy->sml, tcb->snd_una);
}

/* RFC 9293 3.8.6.2.1: whether a segment shorter than a full one may leave. @rest: octets queued
   from snd_nxt on; @room: what the windows allow of them. */
static bool short_segment_may_leave(const struct ft_tcb *tcb, uint32_t rest, uint32_t room)
{
    if (rest <= room)
        return !nagle_holds(tcb);
    if (tcb->flags & TCB_NAGLE_OFF)
        return room > 0; /* the override timeout has passed */
    /* The window cuts it off: wait until it is worth it, unless nothing is out to open it. */
    return room >= FT_MAX(tcb->snd_wnd_max / 2, 1u);
}

/* The persist timer watches over what the window does not let go (RFC 9293 3.8.6.1, SHLD-29). */
static void persist(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (tcb_flight(tcb) > 0 || (tcb->flags & TCB_PERSIST))
        return;
    tcb->flags |= TCB_PERSIST;
    tcb->retries = 0;
    tcb->retx_at = ft_tcb_rto_at(tcp, tcb);
    ft_tcb_arm(tcp, tcb);
}

/* A held partial segment leaves after a while all the same (MUST-60). */
static void hold(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    bool corked = (tcb->cold->opts.flags & OPT_CORK) || (tcb->flags & TCB_MORE);
    if (!corked || !tcb->busy || tcb->busy->cork_at != FT_TIME_NEVER)
        return;
    tcb->busy->cork_at = tcp->env->now + TCP_CORK_MAX;
    ft_tcb_arm(tcp, tcb);
}

/* Octets that the peer's window lets go from @seq on. */
static uint32_t window_from(const struct ft_tcb *tcb, ft_seq seq)
{
    uint32_t out = (uint32_t)seq_diff(seq, tcb_snd_base(tcb));
    return tcb->snd_wnd > out ? tcb->snd_wnd - out : 0; /* MUST-34: it may be negative */
}

/* Octets that the congestion window lets go (RFC 6675 5 (C)). */
static uint32_t cwnd_room(const struct ft_tcb *tcb)
{
    uint32_t pipe = tcb_pipe(tcb);
    if (pipe > 0 && !tcb_synchronized(tcb))
        pipe--; /* our SYN is no octet */
    return tcb->cwnd > pipe ? tcb->cwnd - pipe : 0;
}

static bool fin_fits(const struct ft_tcb *tcb, ft_seq end, uint32_t len, uint32_t room)
{
    return (tcb->flags & TCB_FIN_QUEUED) && !(tcb->flags & TCB_FIN_ACKED) &&
           seq_eq(end, tcb_snd_end(tcb)) && len < room;
}

/* A FIN that left by itself, without a record. */
static bool plan_bare_fin(const struct ft_tcb *tcb, struct plan *plan)
{
    *plan = (struct plan){.kind = PLAN_DATA, .seq = tcb->snd_una, .retrans = true};
    plan->fin = tcb_fin_sent(tcb) && fin_fits(tcb, plan->seq, 0, tcb->snd_wnd);
    return plan->fin;
}

/* Octets from a record on, up to @room, that may go in one frame: more than one record only of what
   was lost. @ret_last: the record that the last of them lies in */
static uint32_t gather(struct tcp_sent *sent, uint32_t room, struct tcp_sent **ret_last)
{
    uint32_t len = sent->len;
    while (len < room && (sent->flags & SENT_LOST) && sent->next &&
           (sent->next->flags & SENT_LOST)) {
        sent = sent->next;
        len += sent->len;
    }
    *ret_last = sent;
    return len;
}

/* A record and lost ones behind it again, as far as @room goes. SHLD-16: what the window has room
   for; a peer that took its window back gets the rest from the probes. */
static bool plan_again(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_sent *sent, uint32_t room,
                       struct plan *plan)
{
    struct tcp_sent *last;
    uint32_t wnd = window_from(tcb, sent->seq);
    uint32_t octets = gather(sent, room, &last);
    bool fin = seq_gt(seq_add(sent->seq, octets), tcb_snd_end(tcb));
    octets -= fin ? 1 : 0;
    uint32_t len = FT_MIN(FT_MIN(octets, room), wnd);
    if (len < octets && len > tcb->snd_mss)
        len -= len % tcb->snd_mss;
    *plan = (struct plan){
        .kind = PLAN_DATA, .seq = sent->seq, .len = len, .retrans = true, .sent = sent};
    plan->fin = fin && len == octets && len < wnd;
    ft_seq end = seq_add(plan->seq, len + (plan->fin ? 1 : 0));
    if (seq_eq(end, plan->seq))
        return false;
    while (seq_le(seq_add(sent->seq, sent->len), end) && sent != last)
        sent = sent->next;
    /* Without memory for the cut the whole is taken for sent: what was not will be lost again. */
    if (seq_gt(end, sent->seq) && seq_lt(end, seq_add(sent->seq, sent->len)))
        (void)ft_sent_cut(tcp, tcb, sent, (uint32_t)seq_diff(end, sent->seq));
    return true;
}

/* What was lost, in the order in which it was found to be. */
static bool plan_lost(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t most, struct plan *plan)
{
    bool forced = tcb->flags & TCB_RETX_UNA;
    tcb->flags &= ~(uint32_t)TCB_RETX_UNA;
    if (!tcb->busy || !tcb->busy->sents.first)
        return forced && plan_bare_fin(tcb, plan);
    struct ft_list *node = list_first(&tcb->busy->sents.losses);
    if (!node || (!forced && ft_tcp_prefers_new(tcb)))
        return false;
    struct tcp_sent *sent = ft_container_of(node, struct tcp_sent, node);
    uint32_t least = FT_MIN(sent->len, (uint32_t)tcb->snd_mss);
    uint32_t room = cwnd_room(tcb);
    if (room < least && !forced)
        return false;
    return plan_again(tcp, tcb, sent, FT_MIN(FT_MAX(room, least), most), plan);
}

/* RFC 8985 7.3: a new segment if there is one and the peer's window lets it go, else the last
   again; the congestion window is not asked. */
static bool plan_tail_probe(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t most,
                            struct plan *plan)
{
    tcb->flags &= ~(uint32_t)TCB_TLP;
    ft_seq end = tcb_snd_end(tcb);
    uint32_t mss = FT_MIN(most, (uint32_t)tcb->snd_mss);
    if (!tcb->busy || tcb_flight(tcb) == 0)
        return false;
    uint32_t wnd = window_from(tcb, tcb->snd_nxt);
    uint32_t rest = seq_gt(end, tcb->snd_nxt) ? (uint32_t)seq_diff(end, tcb->snd_nxt) : 0;
    if (rest > 0 && wnd >= FT_MIN(rest, mss) && ft_sent_reserve(tcp, tcb)) {
        uint32_t len = FT_MIN(rest, mss);
        *plan = (struct plan){.kind = PLAN_DATA, .seq = tcb->snd_nxt, .len = len, .probe = true};
        plan->fin = fin_fits(tcb, seq_add(plan->seq, len), len, wnd);
        return true;
    }
    struct tcp_sent *last = ft_tlp_segment(tcp, tcb);
    if (!last || !plan_again(tcp, tcb, last, mss, plan))
        return false;
    plan->probe = true;
    return true;
}

/* Whether what leaves can be remembered; a FIN by itself needs not be. */
static bool recordable(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t rest)
{
    if (!tcb->busy && rest > 0)
        (void)ft_tcb_make_busy(tcp, tcb); /* refused: then nothing leaves */
    return tcb->busy ? ft_sent_reserve(tcp, tcb) : rest == 0;
}

/* New octets. */
static bool plan_data(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t most, struct plan *plan)
{
    ft_seq end = tcb_snd_end(tcb);
    uint32_t rest = seq_gt(end, tcb->snd_nxt) ? (uint32_t)seq_diff(end, tcb->snd_nxt) : 0;
    bool fin =
        (tcb->flags & TCB_FIN_QUEUED) && !(tcb->flags & TCB_FIN_ACKED) && seq_le(tcb->snd_nxt, end);
    if (rest == 0 && !fin)
        return false;
    uint32_t wnd = window_from(tcb, tcb->snd_nxt);
    uint32_t room = FT_MIN(wnd, cwnd_room(tcb));
    uint32_t probe = ft_plpmtu_payload(tcp, tcb, rest, wnd, room);
    if (probe == PLPMTU_WAIT)
        return false;
    if (probe > 0) {
        *plan =
            (struct plan){.kind = PLAN_DATA, .seq = tcb->snd_nxt, .len = probe, .mtu_probe = true};
        return recordable(tcp, tcb, rest);
    }
    uint32_t len = FT_MIN(FT_MIN(rest, room), most);
    if (len > tcb->snd_mss)
        len -= len == rest ? 0 : len % tcb->snd_mss;
    *plan = (struct plan){.kind = PLAN_DATA, .seq = tcb->snd_nxt, .len = len};
    plan->fin = fin && fin_fits(tcb, seq_add(plan->seq, len), len, room);
    if (len == 0 && !plan->fin) {
        persist(tcp, tcb);
        return false;
    }
    bool leaves = plan->fin || len >= FT_MIN((uint32_t)tcb->snd_mss, most) ||
                  short_segment_may_leave(tcb, rest, room);
    if (leaves)
        return recordable(tcp, tcb, rest);
    if (rest <= room)
        hold(tcp, tcb);
    else
        persist(tcp, tcb);
    return false;
}

/* What is to be sent again, then what is new; @most: octets of payload that the frame has room for.
   Nothing before its departure, when the connection is paced. */
static bool plan_octets(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t most, struct plan *plan)
{
    if (ft_pace_holds(tcp, tcb))
        return false;
    if ((tcb->flags & TCB_TLP) && plan_tail_probe(tcp, tcb, most, plan))
        return true;
    return plan_lost(tcp, tcb, most, plan) || plan_data(tcp, tcb, most, plan);
}

static bool plan_next(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t most, struct plan *plan)
{
    *plan = (struct plan){.kind = PLAN_NONE, .seq = tcb_ack_seq(tcb)};
    enum ft_tcp_state state = tcb_state(tcb);
    if (state == FT_TCP_SYN_SENT || state == FT_TCP_SYN_RECEIVED) {
        if (tcb->flags & TCB_SYN_OUT) {
            plan->kind = PLAN_SYN;
            plan->seq = tcb->iss;
            plan->retrans = seq_gt(tcb->snd_max, tcb->iss);
            plan->len = plan->retrans ? 0 : ft_tfo_syn_len(tcb);
            return true;
        }
        if (tcb_early(tcb) && plan_octets(tcp, tcb, most, plan))
            return true;
        plan->kind = (tcb->flags & TCB_ACK_NOW) ? PLAN_ACK : PLAN_NONE;
        return plan->kind != PLAN_NONE && state == FT_TCP_SYN_RECEIVED;
    }
    /* Duplicate ACKs tell of losses: each by itself, and before anything that hides them. */
    if (tcb->acks_owed > 0 || (tcb->flags & TCB_AGAIN)) {
        plan->kind = PLAN_ACK;
        return true;
    }
    if (plan_octets(tcp, tcb, most, plan))
        return true;
    if (tcb->flags & (TCB_PROBE | TCB_KEEPALIVE)) {
        /* As Linux: an old sequence number and no octet, which asks for an ACK (SHLD-12). */
        *plan = (struct plan){.kind = PLAN_PROBE, .seq = seq_sub(tcb->snd_una, 1)};
        return true;
    }
    *plan = (struct plan){.kind = PLAN_ACK, .seq = tcb_ack_seq(tcb)};
    return tcb->flags & TCB_ACK_NOW;
}

/* Whether the link is to make several segments of it. */
static bool is_several(const struct ft_tcb *tcb, const struct plan *plan)
{
    return plan->len > tcb->snd_mss && !plan->mtu_probe;
}

/* ---- how it looks ---------------------------------------------------------------------------- */

static void fill_syn(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_path *path,
                     struct ft_tcp_seg *seg)
{
    const struct tcp_opts *opts = &tcb->cold->opts;
    bool answer = tcb_state(tcb) == FT_TCP_SYN_RECEIVED;
    seg->flags = answer ? SEG_SYN | SEG_ACK : SEG_SYN;
    seg->has_mss = true;                                     /* MAY-3 */
    seg->mss = ft_tcp_mss_for(path->if_mtu, tcb_is_v4(tcb)); /* what we can take: MUST-67 */
    if (opts->user_mss)
        seg->mss = (uint16_t)FT_MIN(seg->mss, opts->user_mss);
    uint16_t without = tcp->env->config.tcp_without;
    seg->has_ts = answer ? tcb->flags & TCB_TS : !(without & FT_TCP_NO_TIMESTAMPS);
    seg->sack_ok = answer ? tcb->flags & TCB_SACK : !(without & FT_TCP_NO_SACK);
    seg->has_wscale = answer ? tcb->rcv_wscale || tcb->snd_wscale : !(without & FT_TCP_NO_WSCALE);
    seg->wscale = tcb->rcv_wscale;
    seg->wnd = FT_MIN(ft_tcp_rcv_space(tcb), 65535u);
    ft_tfo_fill(tcp, tcb, seg);
    if (answer)
        seg->wnd = ft_tcp_advertise(tcb, true);
    else
        tcb->rcv_adv = seq_make(seg->wnd); /* a number until IRS is known; see syn_sent() */
}

static void fill_segment(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_path *path,
                         const struct plan *plan, struct ft_tcp_seg *seg)
{
    *seg = (struct ft_tcp_seg){
        .src_port = tcb->conn.local_port,
        .dst_port = tcb->conn.remote_port,
        .seq = plan->seq,
        .ack = tcb->rcv_nxt,
        .flags = SEG_ACK,
        .has_ts = tcb->flags & TCB_TS,
    };
    if (plan->kind == PLAN_SYN)
        fill_syn(tcp, tcb, path, seg);
    else
        seg->wnd = ft_tcp_advertise(tcb, false);
    if (!(seg->flags & SEG_ACK))
        seg->ack = seq_make(0);
    if (seg->has_ts) {
        seg->tsval = tcp_now_ms(tcp) + tcb->cold->ts_offset;
        seg->tsecr = (seg->flags & SEG_ACK) ? tcb->ts_recent : 0;
    }
    if (plan->kind == PLAN_ACK)
        ft_tcp_sack_blocks(tcb, seg);
    if (plan->fin)
        seg->flags |= SEG_FIN;
    /* MUST-61: the last of what is queued pushes; so does what stands for several segments, as on
       Linux, since the receiver gathers no more behind it. */
    if (plan->kind == PLAN_DATA &&
        (is_several(tcb, plan) ||
         (plan->len > 0 && seq_eq(seq_add(plan->seq, plan->len), tcb_snd_end(tcb)))))
        seg->flags |= SEG_PSH;
    if ((tcb->flags & TCB_URG_OUT) && seq_gt(tcb->snd_up, plan->seq)) {
        uint32_t up = (uint32_t)seq_diff(tcb->snd_up, plan->seq);
        seg->flags |= SEG_URG;
        seg->urg = (uint16_t)FT_MIN(up, 65535u);
    }
}

/* Put the payload behind the header: lent, or copied when it must be in one piece or is short.
   Return: its partial sum, when it is known. */
static uint64_t put_payload(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct plan *plan,
                            struct ft_frame *frame, bool sum, struct ft_chunk **ret_chunks)
{
    uint32_t off = plan->kind == PLAN_SYN ? 0 : (uint32_t)seq_diff(plan->seq, tcb_snd_base(tcb));
    if ((frame->flags & FT_FRAME_LINEAR) || plan->len < COPY_BELOW) {
        uint32_t partial = 0;
        if (sum)
            ft_ring_copy_sum(&tcb->snd, off, frame->buf + frame->len, plan->len, &partial);
        else
            ft_ring_read(&tcb->snd, off, frame->buf + frame->len, plan->len);
        frame->len += plan->len;
        tcp->env->counters.steps_octets_copied += plan->len;
        return partial;
    }
    size_t n = ft_ring_spans(&tcb->snd, off, plan->len, frame->spans, ret_chunks, FT_SPANS_MAX);
    frame->n_spans = (uint8_t)n;
    uint64_t total = 0;
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        ft_chunk_ref(ret_chunks[i]);
        if (sum)
            total = ft_sum_add_at(total, ft_sum(frame->spans[i].data, frame->spans[i].len, 0), at);
        at += frame->spans[i].len;
    }
    ft_assert(at == plan->len);
    return total;
}

/* Header, payload and checksum behind the IP header that stands in the frame. */
static void emit(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_path *path,
                 const struct plan *plan, const struct ft_tcp_seg *seg, struct ft_frame *frame,
                 struct ft_chunk **ret_chunks)
{
    uint32_t l4 = frame->len;
    size_t hdr = tcp_emit(frame->buf + l4, frame->cap - l4, seg);
    ft_assert(hdr >= TCP_HDR_LEN);
    frame->len += (uint32_t)hdr;
    bool partial = path->if_flags & FT_IF_TX_CSUM;
    uint64_t sum = 0;
    if (plan->len > 0)
        sum = put_payload(tcp, tcb, plan, frame, !partial, ret_chunks);
    uint64_t pseudo =
        csum_pseudo(&tcb->conn.local, &tcb->conn.remote, IPPROTO_TCP, (uint32_t)hdr + plan->len);
    if (partial) {
        be16_store(frame->buf + l4 + TCP_CSUM_AT, ft_sum_fold(pseudo));
        frame->flags |= FT_FRAME_CSUM_PARTIAL;
        frame->csum_start = (uint16_t)l4;
        frame->csum_offset = TCP_CSUM_AT;
    } else {
        sum = ft_sum(frame->buf + l4, hdr, sum + pseudo);
        be16_store(frame->buf + l4 + TCP_CSUM_AT, csum_finish(sum));
    }
    if (is_several(tcb, plan) && plan->kind == PLAN_DATA) {
        frame->gso_type = tcb_is_v4(tcb) ? FT_GSO_TCP4 : FT_GSO_TCP6;
        frame->gso_size = tcb->snd_mss;
        frame->n_segs = (uint16_t)((plan->len + tcb->snd_mss - 1) / tcb->snd_mss);
    }
}

/* ---- what sending it changes ----------------------------------------------------------------- */

/* The records, and what recovery counts. */
static void note_record(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct plan *plan)
{
    uint32_t len = plan->len + (plan->fin ? 1 : 0);
    if (plan->sent)
        ft_sent_again(tcp, tcb, plan->sent, len);
    else
        ft_sent_new(tcp, tcb, plan->seq, len);
    if (plan->sent)
        ft_plpmtu_again(tcb, plan->seq, len);
    if (plan->mtu_probe)
        ft_plpmtu_sent(tcp, tcb, plan->seq, len);
    else if (plan->len % tcb->snd_mss != 0 && !plan->retrans)
        tcb->busy->sml = seq_add(plan->seq, len);
    ft_tcp_recovery_sent(tcp, tcb, len, plan->retrans);
}

static void note_timers(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct plan *plan)
{
    if (tcb->flags & TCB_PERSIST)
        tcb->retx_at = FT_TIME_NEVER;
    /* RFC 6298 5.1. */
    if (tcb->retx_at == FT_TIME_NEVER || (plan->retrans && seq_eq(plan->seq, tcb->snd_una)))
        ft_tcb_restart_rto(tcp, tcb);
    if (!tcb->busy || !tcb_synchronized(tcb))
        return;
    if (plan->probe)
        ft_tlp_sent(tcp, tcb, plan->retrans);
    else
        ft_tlp_schedule(tcp, tcb);
}

static void note_octets(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct plan *plan,
                        uint32_t segs)
{
    bool first = tcb_flight(tcb) == 0;
    if (tcb->busy)
        note_record(tcp, tcb, plan);
    if (!plan->retrans)
        tcb->snd_nxt = tcb->snd_max = seq_add(plan->seq, plan->len + (plan->fin ? 1 : 0));
    tcb->cold->sent_at = tcp->env->now;
    if (plan->retrans) {
        tcp->env->counters.tcp_retrans_segs += segs;
        tcb->cold->segs_retrans += segs;
        tcb->cold->octets_retrans += plan->len;
    } else {
        tcp->env->counters.tcp_segs_out += segs;
    }
    if (tcb->busy) {
        tcb->busy->cc.begun = false;
        tcb->busy->cork_at = FT_TIME_NEVER;
    }
    ft_pace_sent(tcp, tcb, plan->len);
    if (tcb->cold->opts.notsent_lowat != UINT32_MAX && (ft_tcp_ready(tcb) & FT_WRITABLE))
        ft_tcb_raise(tcp, tcb, FT_WRITABLE); /* fewer octets wait to be sent than before */
    if (first && tcb->busy)
        tcb->busy->progress_at = tcp->env->now;
    if (seq_eq(tcb->snd_nxt, tcb_snd_end(tcb)) || plan->fin)
        tcb->flags &= ~(uint32_t)(TCB_NAGLE_OFF | TCB_MORE);
    else if (plan->len < tcb->snd_mss)
        tcb->flags &= ~(uint32_t)TCB_NAGLE_OFF; /* once: the next silly window waits again */
    note_timers(tcp, tcb, plan);
}

static void note_sent(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct plan *plan,
                      uint32_t segs)
{
    tcb->cold->segs_out += segs;
    if (plan->kind == PLAN_SYN) {
        tcb->flags &= ~(uint32_t)TCB_SYN_OUT;
        tcb->snd_max = seq_max(tcb->snd_max, seq_add(tcb->iss, 1 + plan->len));
        tcb->snd_nxt = seq_max(tcb->snd_nxt, seq_add(tcb->iss, 1 + plan->len));
        if (plan->retrans)
            tcp->env->counters.tcp_retrans_segs++;
        else
            tcp->env->counters.tcp_segs_out++;
        if (tcb->busy) {
            tcb->busy->rtt_timing = !plan->retrans;
            tcb->busy->rtt_at = tcp->env->now;
            tcb->busy->rtt_seq = seq_add(tcb->iss, 1);
        }
        ft_tcb_restart_rto(tcp, tcb);
    } else if (plan->kind == PLAN_DATA) {
        note_octets(tcp, tcb, plan, segs);
    } else {
        tcp->env->counters.tcp_segs_out++;
        tcp->env->counters.tcp_acks_out++;
        tcb->flags &= ~(uint32_t)(TCB_PROBE | TCB_KEEPALIVE);
    }
    if (tcb_state(tcb) == FT_TCP_SYN_SENT)
        return;
    if (plan->kind == PLAN_ACK && tcb->acks_owed > 0)
        tcb->acks_owed--;
    if (plan->kind == PLAN_ACK && (tcb->flags & TCB_AGAIN))
        ft_tcp_told_again(tcb);
    tcb->flags &= ~(uint32_t)(TCB_ACK_NOW | TCB_ACK_DELAYED);
    tcb->delack_at = FT_TIME_NEVER;
    tcb->segs_unacked = 0;
    tcb->last_ack_sent = tcb->rcv_nxt;
}

/* ---- the call -------------------------------------------------------------------------------- */

/* Octets of payload that the frame has room for: one segment, or many with GSO. */
static uint32_t payload_room(const struct ft_tcb *tcb, const struct ft_path *path,
                             const struct ft_frame *frame)
{
    uint32_t mss = tcb->snd_mss;
    if (!(path->if_flags & FT_IF_TSO) || path->gso_max <= path->mtu)
        return mss;
    uint32_t room = path->gso_max - FT_HEADERS_MAX;
    if (frame->flags & FT_FRAME_LINEAR)
        room = FT_MIN(room, frame->cap > 2 * FT_HEADERS_MAX ? frame->cap - 2 * FT_HEADERS_MAX : 0);
    /* Spans, not octets, are what a frame runs out of. */
    room = FT_MIN(room, (FT_SPANS_MAX - 2) * (uint32_t)FT_CHUNK_SIZE);
    room = FT_MIN(room, FT_MIN(ft_pace_quantum(tcb), SENT_SEGS_MAX * mss));
    return room > mss ? room - room % mss : mss;
}

/* No way leads there now: what is outstanding is sent again by its timer, and what is not yet, by
   it too. */
static void send_later(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    tcb->flags &= ~(uint32_t)(TCB_ACK_NOW | TCB_PROBE | TCB_KEEPALIVE);
    tcb->acks_owed = 0;
    while (tcb->flags & TCB_AGAIN)
        ft_tcp_told_again(tcb);
    bool fin = (tcb->flags & TCB_FIN_QUEUED) && !(tcb->flags & TCB_FIN_ACKED);
    if (tcb->retx_at == FT_TIME_NEVER &&
        (ft_ring_len(&tcb->snd) > 0 || fin || (tcb->flags & TCB_SYN_OUT))) {
        tcb->retx_at = tcp->env->now + ft_tcp_rto(tcb, tcb->retries);
        ft_tcb_arm(tcp, tcb);
    }
}

static void path_lost(struct ft_tcp *tcp, struct ft_tcb *tcb, int error)
{
    enum ft_tcp_state state = tcb_state(tcb);
    if (state == FT_TCP_SYN_SENT) {
        ft_tcb_kill(tcp, tcb, error);
        return;
    }
    tcb->cold->soft_error = (int16_t)error;
    send_later(tcp, tcb);
}

bool ft_tcp_output(struct ft_tcp *tcp, struct ft_flow *flow, struct ft_frame *frame,
                   struct ft_tcp_sent *ret_sent, struct ft_chunk **ret_chunks)
{
    struct ft_tcb *tcb = ft_tcp_of_flow(flow);
    struct ft_path path;
    struct plan plan;
    struct ft_tcp_seg seg;
    if (tcb_state(tcb) == FT_TCP_CLOSED)
        return false;
    int err = ft_path_find(tcp->net, &tcb->conn.remote, &tcb->conn.local,
                           tcb->cold->opts.bound_if ? tcb->cold->opts.bound_if : tcb->conn.ifindex,
                           &path);
    if (err) {
        path_lost(tcp, tcb, -err);
        return false;
    }
    if (path.ifindex != flow->ifindex) {
        ft_flow_ready(tcp->net, flow, path.ifindex);
        return false;
    }
    ft_plpmtu_apply(tcp, tcb, &path);
    if (tcb_flight(tcb) == 0)
        ft_cc_begin_flight(tcp, tcb);
    if (!plan_next(tcp, tcb, payload_room(tcb, &path, frame), &plan))
        return false;
    fill_segment(tcp, tcb, &path, &plan, &seg);
    struct ft_ip_tx tx = {
        .src = tcb->conn.local,
        .dst = tcb->conn.remote,
        .l4_len = (uint32_t)tcp_hdr_len(&seg) + plan.len,
        .flow_label = tcb->cold->flow_label,
        .bound_if = tcb->conn.ifindex,
        .proto = IPPROTO_TCP,
        .ttl = tcb->cold->opts.ttl,
        .tos = tcb->cold->opts.tos,
    };
    enum ft_tx_result result = ft_ip_begin(tcp->net, &path, &tx, flow, frame);
    if (result == FT_TX_FAIL)
        path_lost(tcp, tcb, EHOSTUNREACH);
    if (result == FT_TX_FULL)
        send_later(tcp, tcb);
    if (result != FT_TX_READY) {
        if (plan.retrans && plan.kind == PLAN_DATA && tcb_state(tcb) != FT_TCP_CLOSED)
            tcb->flags |= plan.probe ? TCB_TLP : TCB_RETX_UNA;
        return false;
    }
    emit(tcp, tcb, &path, &plan, &seg, frame, ret_chunks);
    *ret_sent = (struct ft_tcp_sent){
        .conn = tcb->conn,
        .seq = plan.seq.v,
        .len = plan.len + (plan.fin ? 1 : 0) + (plan.kind == PLAN_SYN ? 1 : 0),
        .retrans = plan.retrans,
        .control = plan.kind == PLAN_ACK || plan.kind == PLAN_PROBE,
    };
    note_sent(tcp, tcb, &plan, frame->n_segs ? frame->n_segs : 1);
    return true;
}

/* No congestion has been met: what did not leave is sent at once, as if it had never been tried. */
void ft_tcp_unsent(struct ft_tcp *tcp, const struct ft_tcp_sent *sent)
{
    struct ft_conn *conn = ft_table_find(tcp->table, &sent->conn);
    if (!conn || conn->kind != FT_CONN_TCB)
        return;
    struct ft_tcb *tcb = ft_container_of(conn, struct ft_tcb, conn);
    ft_seq seq = seq_make(sent->seq);
    ft_seq end = seq_add(seq, sent->len);
    ft_pace_unsent(tcb, sent->control ? 0 : sent->len);
    if (sent->control) {
        tcb->flags |= TCB_ACK_NOW;
    } else if (!tcb_synchronized(tcb) && seq_eq(seq, tcb->iss)) {
        tcb->flags |= TCB_SYN_OUT;
    } else if (seq_lt(seq, tcb->snd_una) || seq_gt(end, tcb->snd_max)) {
        return;
    } else if (!sent->retrans && seq_eq(end, tcb->snd_max)) {
        if (tcb->busy)
            ft_sent_take_back(tcp, tcb, seq);
        tcb->snd_nxt = tcb->snd_max = seq;
        ft_plpmtu_unsent(tcb);
        ft_tcb_restart_rto(tcp, tcb);
    } else if (tcb->busy && tcb->busy->sents.n > 0) {
        ft_sent_unsent(tcp, tcb, seq, end);
    } else {
        tcb->flags |= TCB_RETX_UNA;
    }
    ft_tcb_wake(tcp, tcb);
}
