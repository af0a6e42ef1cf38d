/* SPDX-License-Identifier: MIT */
/*
 * A segment when a link asks for one: what plan.c decided at the last moment is built straight into
 * the link's frame, and noted.
 */
#include "plan.h"

#include "wire/be.h"
#include "wire/csum.h"

#define COPY_BELOW 256 /* octets; below this it is cheaper to copy than to lend */

/* ---- how it looks ---------------------------------------------------------------------------- */

static void fill_syn(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_path *path,
                     struct ft_tcp_seg *seg)
{
    const struct tcp_opts *opts = &tcb->cold->opts;
    bool answer = tcb_state(tcb) == FT_TCP_SYN_RECEIVED;
    seg->flags = answer ? SEG_SYN | SEG_ACK : SEG_SYN;
    seg->has_mss = true;                                     /* MUST-14, MUST-65, MAY-3 */
    seg->mss = ft_tcp_mss_for(path->if_mtu, tcb_is_v4(tcb)); /* what we can take: MUST-67 */
    if (opts->user_mss)
        seg->mss = (uint16_t)FT_MIN(seg->mss, opts->user_mss);
    uint16_t without = tcp->env->config.tcp_without;
    seg->has_ts = answer ? tcb->flags & TCB_TS : !(without & FT_TCP_NO_TIMESTAMPS);
    seg->sack_ok = answer ? tcb->flags & TCB_SACK : !(without & FT_TCP_NO_SACK);
    seg->has_wscale = answer ? tcb->rcv_wscale || tcb->snd_wscale : !(without & FT_TCP_NO_WSCALE);
    seg->wscale = tcb->rcv_wscale;
    seg->wnd = FT_MIN(ft_tcp_rcv_space(tcb), 65535u);
    seg->flags |= ft_ecn_syn_flags(tcb, answer, seq_gt(tcb->snd_max, tcb->iss));
    ft_tfo_fill(tcp, tcb, seg);
    if (answer)
        seg->wnd = ft_tcp_advertise(tcb, true);
    else
        tcb->rcv_adv = seq_make(seg->wnd); /* a number until IRS is known; see syn_sent() */
}

/* MUST-61, SHLD-27: the last of what is queued pushes, unless the user has said that more comes
   (MSG_MORE), and so does the last of a record; what stands for several segments does too, as on
   Linux, since the receiver gathers no more behind it (there each record is sent again by itself).
 */
static bool plan_pushes(const struct ft_tcb *tcb, const struct plan *plan)
{
    ft_seq end = seq_add(plan->seq, plan->len);
    if (plan_is_several(tcb, plan) && !plan->parted)
        return true;
    if (plan->len == 0)
        return false;
    return ft_marks_ends(tcb, end) || (seq_eq(end, tcb_snd_end(tcb)) && !(tcb->flags & TCB_MORE));
}

/* Return: false: it cannot be signed. */
static bool fill_segment(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_path *path,
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
    else if (plan->owed)
        ft_ecn_fill_owed(tcb, seg);
    else
        seg->wnd = ft_tcp_advertise(tcb, false);
    if (!(seg->flags & SEG_ACK))
        seg->ack = seq_make(0);
    if (tcb_auth(tcb) && !ft_auth_fill(tcp, tcb, seg, plan->signer))
        return false;
    if (seg->has_ts) {
        seg->tsval = tcp_now_ms(tcp) + tcb->cold->ts_offset;
        seg->tsecr = (seg->flags & SEG_ACK) ? tcb->ts_recent : 0;
    }
    if (plan->kind == PLAN_ACK && !plan->owed && !ft_accecn_tells_synack(tcb))
        ft_tcp_sack_blocks(tcb, seg);
    if (plan->kind != PLAN_SYN && !plan->owed)
        ft_ecn_fill(tcb, seg, plan->len, plan_is_fresh(plan));
    if (plan->fin)
        seg->flags |= SEG_FIN;
    if (plan->kind == PLAN_DATA && plan_pushes(tcb, plan))
        seg->flags |= SEG_PSH;
    if ((tcb->flags & TCB_URG_OUT) && seq_gt(tcb->snd_up, plan->seq)) {
        uint32_t up = (uint32_t)seq_diff(tcb->snd_up, plan->seq);
        seg->flags |= SEG_URG;
        seg->urg = (uint16_t)FT_MIN(up, 65535u);
    }
    return true;
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

/* Header, payload, checksum (MUST-2) behind the IP header in the frame. */
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
    if (tcb_auth(tcb))
        ft_auth_sign_frame(tcp, &tcb->conn, plan->signer, frame, l4);
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
    if (plan_is_several(tcb, plan) && plan->kind == PLAN_DATA) {
        frame->gso_type = tcb_is_v4(tcb) ? FT_GSO_TCP4 : FT_GSO_TCP6;
        frame->gso_size = tcb->snd_mss;
        frame->n_segs = (uint16_t)((plan->len + tcb->snd_mss - 1) / tcb->snd_mss);
    }
}

/* ---- what sending it changes ----------------------------------------------------------------- */

/* Octets of our SYN that the peer did not take go again, as if for the first time; as on Linux what
   follows them does not wait for their ACK. */
static bool was_in_syn(const struct ft_tcb *tcb, const struct plan *plan)
{
    return tcb->cold->tfo_fail >= TFO_FAIL_DATA && seq_eq(plan->seq, seq_add(tcb->iss, 1));
}

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
    else if (plan->len % tcb->snd_mss != 0 && !plan->retrans && !was_in_syn(tcb, plan))
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
    ft_assert(!(tcb->flags & TCB_QUEUED));
    tcb->cold->sending.sent_at = tcp->env->now;
    if (plan->retrans) {
        tcp->env->counters.tcp_retrans_segs += segs;
        tcb->cold->segs_retrans += segs;
        tcb->cold->sending.octets_retrans += plan->len;
    } else {
        tcp->env->counters.tcp_segs_out += segs;
    }
    if (tcb->busy) {
        tcb->busy->cc.begun = false;
        tcb->busy->cork_at = FT_TIME_NEVER;
    }
    ft_pace_sent(tcp, tcb, plan->len);
    if (plan->len > 0)
        ft_delack_answered(tcp, tcb);
    if (tcb->cold->opts.notsent_lowat && (ft_tcp_ready(tcb) & FT_WRITABLE))
        ft_tcb_raise(tcp, tcb, FT_WRITABLE); /* fewer octets wait to be sent than before */
    if (first && tcb->busy)
        tcb->busy->progress_at = tcp->env->now;
    if (seq_eq(tcb->snd_nxt, tcb_snd_end(tcb)) || plan->fin)
        tcb->flags &= ~(uint32_t)(TCB_NAGLE_OFF | TCB_MORE);
    else if (plan->len < tcb->snd_mss)
        tcb->flags &= ~(uint32_t)TCB_NAGLE_OFF; /* once: the next silly window waits again */
    note_timers(tcp, tcb, plan);
}

static void note_syn(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct plan *plan)
{
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
}

static void note_ack(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    tcp->env->counters.tcp_segs_out++;
    tcp->env->counters.tcp_acks_out++;
    if (tcb->acks_owed > 0)
        tcb->acks_owed--;
    if (tcb->flags & TCB_AGAIN)
        ft_tcp_told_again(tcb);
}

static void note_sent(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct plan *plan,
                      uint32_t segs)
{
    tcb->cold->segs_out += segs;
    if (plan->len > 0)
        tcb->cold->sending.data_out += segs;
    ft_marks_left(tcp, tcb, plan->kind == PLAN_SYN ? seq_add(plan->seq, 1) : plan->seq, plan->len);
    if (plan->owed) {
        tcp->env->counters.tcp_segs_out++;
        tcp->env->counters.tcp_acks_out++;
        tcb->last_ack_sent = ft_ecn_owed(tcb)->ack;
        ft_ecn_owed_sent(tcb);
        return;
    }
    switch (plan->kind) {
    case PLAN_SYN:
        note_syn(tcp, tcb, plan);
        break;
    case PLAN_DATA:
        note_octets(tcp, tcb, plan, segs);
        break;
    case PLAN_ACK:
        note_ack(tcp, tcb);
        break;
    case PLAN_PROBE:
        /* It is no answer: the peer does not look at its ACK (RFC 9293 3.10.7.4, first). */
        tcp->env->counters.tcp_segs_out++;
        tcp->env->counters.tcp_acks_out++;
        tcb->flags &= ~(uint32_t)(TCB_PROBE | TCB_KEEPALIVE);
        return;
    case PLAN_NONE:
        ft_assert(false && "nothing has left");
    }
    if (tcb_state(tcb) != FT_TCP_SYN_SENT)
        ft_delack_sent(tcb);
}

/* ---- the call -------------------------------------------------------------------------------- */

/* No way leads there now: what is outstanding and what is not yet are sent by the timer. */
static void send_later(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    tcb->flags &= ~(uint32_t)(TCB_ACK_NOW | TCB_PROBE | TCB_KEEPALIVE);
    tcb->acks_owed = 0;
    ft_ecn_owes_nothing(tcb);
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
    struct tcp_signer signer;
    if (tcb_state(tcb) == FT_TCP_CLOSED)
        return false;
    int err = ft_path_find(tcp->net, &tcb->conn.remote, &tcb->conn.local, tcb_bound_if(tcb), &path);
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
    if (!ft_tcp_plan(tcp, tcb, ft_frame_room(tcp, tcb, &path, frame), &plan))
        return false;
    plan.signer = &signer;
    if (!fill_segment(tcp, tcb, &path, &plan, &seg)) {
        send_later(tcp, tcb);
        return false;
    }
    struct ft_ip_tx tx = {
        .src = tcb->conn.local,
        .dst = tcb->conn.remote,
        .l4_len = (uint32_t)tcp_hdr_len(&seg) + plan.len,
        .flow_label = tcb->cold->flow_label,
        .bound_if = tcb->conn.ifindex,
        .proto = IPPROTO_TCP,
        .ttl = tcb->cold->opts.ttl,
        .tos = (uint8_t)(tcb->cold->opts.tos | ft_ecn_field(tcb, plan_is_fresh(&plan))),
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
        .probe = plan.kind == PLAN_PROBE,
        .cwr = ft_ecn_tells(tcb, seg.flags),
    };
    note_sent(tcp, tcb, &plan, frame->n_segs ? frame->n_segs : 1);
    if (plan.kind == PLAN_SYN)
        ft_ecn_syn_sent(tcb, seg.flags);
    else if (!plan.owed)
        ft_ecn_sent(tcb, &seg, plan.len);
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
    if (sent->cwr)
        ft_ecn_untold(tcb);
    if (sent->control) {
        tcb->flags |= sent->probe ? TCB_PROBE : TCB_ACK_NOW;
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
