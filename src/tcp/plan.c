/* SPDX-License-Identifier: MIT */
/*
 * What to send next: what is owed to the peer, what was lost, what is new, as far as windows, Nagle
 * and pacing let it go (RFC 9293 3.8.6.2.1 silly windows, 3.7.4 Nagle, 3.8.4 keep-alive, 3.8.6.1
 * probes; RFC 8985 7.3).
 */
#include "plan.h"

/* RFC 9293 3.7.4 (SHLD-7) as Minshall and Linux have it: a partial segment waits for the last
   partial one, not for all that is outstanding. TCP_NODELAY turns it off (MUST-17). */
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

/* RFC 9293 3.8.6.2.1, MUST-38: whether a segment shorter than a full one may leave. @rest: octets
   of the record queued from snd_nxt on; @last: nothing is queued behind it, which alone could still
   grow; @room: what the windows allow of them. */
static bool short_segment_may_leave(const struct ft_tcb *tcb, uint32_t rest, bool last,
                                    uint32_t room)
{
    if (rest <= room)
        return !last || !nagle_holds(tcb);
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
    ft_miser_begin(tcp, tcb);
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

/* Octets that the peer's window lets go from @seq on; MUST-34, RFC 7323 2.4: perhaps none. */
static uint32_t window_from(const struct ft_tcb *tcb, ft_seq seq)
{
    uint32_t out = (uint32_t)seq_diff(seq, tcb_snd_base(tcb));
    return tcb->snd_wnd > out ? tcb->snd_wnd - out : 0;
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
    room = ft_marks_room(tcb, sent->seq, room);
    uint32_t octets = gather(sent, room, &last);
    bool fin = seq_gt(seq_add(sent->seq, octets), tcb_snd_end(tcb));
    octets -= fin ? 1 : 0;
    uint32_t len = FT_MIN(FT_MIN(octets, room), wnd);
    if (len < octets && len > tcb->snd_mss && !ft_marks_ends(tcb, seq_add(sent->seq, len)))
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
    plan->parted = sent->len <= tcb->snd_mss;
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
        uint32_t len = ft_marks_room(tcb, tcb->snd_nxt, FT_MIN(rest, mss));
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

/* New octets, in segments as large as may be (SHLD-28) and nothing beyond a window that the peer
   has taken back (SHLD-15). */
static bool plan_data(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t most, struct plan *plan)
{
    ft_seq end = tcb_snd_end(tcb);
    uint32_t rest = seq_gt(end, tcb->snd_nxt) ? (uint32_t)seq_diff(end, tcb->snd_nxt) : 0;
    bool fin =
        (tcb->flags & TCB_FIN_QUEUED) && !(tcb->flags & TCB_FIN_ACKED) && seq_le(tcb->snd_nxt, end);
    if (rest == 0 && !fin) {
        ft_spent_on(tcp, tcb, false, true);
        return false;
    }
    uint32_t wnd = window_from(tcb, tcb->snd_nxt);
    uint32_t room = FT_MIN(wnd, cwnd_room(tcb));
    uint32_t record = ft_marks_room(tcb, tcb->snd_nxt, rest);
    uint32_t probe = ft_plpmtu_payload(tcp, tcb, record, wnd, room);
    if (probe == PLPMTU_WAIT)
        return false;
    if (probe > 0) {
        *plan =
            (struct plan){.kind = PLAN_DATA, .seq = tcb->snd_nxt, .len = probe, .mtu_probe = true};
        return recordable(tcp, tcb, rest);
    }
    /* Linux: no frame is more than half of the window, so that ACKs keep coming. */
    uint32_t half = FT_MAX(tcb->cwnd / tcb->snd_mss / 2, 1u) * tcb->snd_mss;
    uint32_t len = FT_MIN(FT_MIN(record, room), FT_MIN(half, most));
    /* As on Linux the partial segment at the end of a large frame goes by Nagle's rule, too. */
    bool whole = len == record && (record < rest || len % tcb->snd_mss == 0 || !nagle_holds(tcb));
    if (len > tcb->snd_mss && !whole)
        len -= len % tcb->snd_mss;
    *plan = (struct plan){.kind = PLAN_DATA, .seq = tcb->snd_nxt, .len = len};
    /* As on Linux a FIN by itself does not wait for the congestion window: it is no octet. */
    plan->fin = fin && fin_fits(tcb, seq_add(plan->seq, len), len, rest == 0 ? wnd : room);
    uint32_t least = FT_MIN(record, (uint32_t)tcb->snd_mss);
    ft_spent_on(tcp, tcb, wnd < least && cwnd_room(tcb) >= least, false);
    if (len == 0 && !plan->fin) {
        persist(tcp, tcb);
        return false;
    }
    bool leaves = plan->fin || len >= FT_MIN((uint32_t)tcb->snd_mss, most) ||
                  short_segment_may_leave(tcb, record, record == rest, room);
    if (leaves)
        return recordable(tcp, tcb, rest);
    if (record <= room)
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

bool ft_tcp_plan(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t most, struct plan *plan)
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
        bool ack = (tcb->flags & TCB_ACK_NOW) && state == FT_TCP_SYN_RECEIVED;
        *plan = (struct plan){.kind = ack ? PLAN_ACK : PLAN_NONE, .seq = tcb_ack_seq(tcb)};
        return ack;
    }
    if (ft_ecn_owed(tcb) || ft_accecn_tells_synack(tcb) || ft_accecn_first(tcb)) {
        plan->kind = PLAN_ACK;
        plan->owed = ft_ecn_owed(tcb) != NULL;
        return true;
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
