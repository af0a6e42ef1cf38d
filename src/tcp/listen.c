/* SPDX-License-Identifier: MIT */
/*
 * Passive sockets and what is half open (RFC 9293 3.10.7.2, and 3.10.7.4 in SYN-RECEIVED). A
 * passive socket never carries an octet: a SYN makes an embryo, the ACK of the SYN-ACK makes a TCB.
 */
#include "lifetime.h"
#include "metrics.h"
#include "priv.h"
#include "relisten.h"

struct ft_listener *ft_embryo_listener(const struct ft_tcp *tcp, const struct tcp_embryo *embryo)
{
    enum ft_sock_kind kind;
    void *obj;
    if (!ft_slot_at(tcp->slots, embryo->listener_slot, &kind, &obj) || kind != FT_KIND_LISTENER)
        return NULL;
    struct ft_listener *listener = obj;
    return listener->id == embryo->listener_id ? listener : NULL;
}

bool ft_embryo_forsaken(const struct ft_tcp *tcp, const struct tcp_embryo *embryo)
{
    return tcp->env->config.limits.relisten_ms == 0 && !ft_embryo_listener(tcp, embryo);
}

void ft_embryo_free(struct ft_tcp *tcp, struct tcp_embryo *embryo)
{
    struct ft_listener *listener = ft_embryo_listener(tcp, embryo);
    if (listener)
        listener->n_half_open--;
    ft_table_remove(tcp->table, &embryo->conn);
    if (embryo->flags & EMB_WAITING)
        tcp->n_waiting_syns--;
    ft_wheel_cancel(&tcp->env->wheel, &embryo->timer);
    ft_pool_put(&tcp->embryos, embryo);
}

void ft_listen_synack(struct ft_tcp *tcp, const struct tcp_embryo *embryo,
                      const struct ft_listener *listener, uint32_t tsval)
{
    struct ft_path path;
    if (ft_path_find(tcp->net, &embryo->conn.remote, &embryo->conn.local, embryo->conn.ifindex,
                     &path))
        return;
    uint16_t mss = ft_tcp_mss_for(path.if_mtu, addr_is_v4(&embryo->conn.remote));
    if (listener->opts.user_mss)
        mss = (uint16_t)FT_MIN(mss, listener->opts.user_mss);
    if (tsval == 0)
        tsval = tcp_now_ms(tcp) + ft_tcp_ts_offset(tcp, &embryo->conn);
    struct ft_tcp_seg seg = {
        .src_port = embryo->conn.local_port,
        .dst_port = embryo->conn.remote_port,
        .seq = embryo->iss,
        .ack = seq_add(embryo->irs, 1),
        .wnd = FT_MIN(listener->opts.rcv_buf / 2, 65535u),
        .flags = SEG_SYN | SEG_ACK,
        .has_mss = true,
        .mss = mss,
        .has_wscale = embryo->flags & EMB_WSCALE,
        .wscale = embryo->rcv_wscale,
        .sack_ok = embryo->flags & EMB_SACK,
        .has_ts = embryo->flags & EMB_TS,
        .tsval = tsval,
        .tsecr = embryo->ts_recent,
    };
    ft_ecn_fill_synack(embryo, &seg);
    if ((embryo->flags & EMB_TFO) && embryo->retries == 0)
        ft_tfo_offer(tcp, listener, &embryo->conn, embryo->flags & EMB_TFO_EXP, &seg);
    struct tcp_signer signer = {.key = NULL};
    if (listener->auth || (embryo->flags & EMB_AO))
        if (!ft_auth_prepare_synack(tcp, listener->auth, embryo, &seg, &signer))
            return;
    ft_tcp_send_bare(tcp, &embryo->conn, &seg, &listener->opts, &signer);
}

void ft_listen_read_syn(struct ft_tcp *tcp, const struct ft_listener *listener,
                        const struct ft_conn *conn, const struct tcp_in *in, struct tcp_embryo *ret)
{
    const struct ft_tcp_seg *seg = &in->seg;
    *ret = (struct tcp_embryo){
        .conn = *conn,
        .irs = seg->seq,
        .ts_recent = seg->has_ts ? seg->tsval : 0,
        .listener_slot = listener ? listener->slot : FT_NO_SLOT,
        .listener_id = listener ? listener->id : 0,
        .snd_wscale = (uint8_t)FT_MIN(seg->wscale, (uint8_t)TCP_WSCALE_MAX),
        .rcv_wscale = listener ? ft_tcp_wscale_for(tcp, &listener->opts) : 0,
    };
    uint16_t without = tcp->env->config.tcp_without;
    uint16_t standard = addr_is_v4(&conn->remote) ? TCP_MSS_DEFAULT4 : TCP_MSS_DEFAULT6;
    ret->peer_mss = seg->has_mss ? seg->mss : standard;
    ret->flags = (uint16_t)((seg->has_ts ? EMB_TS : 0) | (seg->sack_ok ? EMB_SACK : 0) |
                            (seg->has_wscale ? EMB_WSCALE : 0));
    if (without & FT_TCP_NO_TIMESTAMPS)
        ret->flags &= (uint16_t)~EMB_TS;
    if (without & FT_TCP_NO_SACK)
        ret->flags &= (uint16_t)~EMB_SACK;
    if (without & FT_TCP_NO_WSCALE)
        ret->flags &= (uint16_t)~EMB_WSCALE;
    ret->conn.kind = FT_CONN_EMBRYO;
    ret->conn.state = FT_TCP_SYN_RECEIVED;
    ret->iss = ft_tcp_isn(tcp, conn);
    ret->ecn = ft_ecn_read_syn(tcp, listener ? &listener->opts : NULL, in);
}

static enum ft_verdict new_embryo(struct ft_tcp *tcp, struct ft_listener *listener,
                                  const struct tcp_embryo *syn)
{
    struct tcp_embryo *embryo = ft_pool_get(&tcp->embryos);
    if (!embryo)
        return FT_RX_DROP_MEMORY;
    *embryo = *syn;
    /* With an MD5 signature there is no room for timestamps and SACK blocks, as on Linux. */
    if ((embryo->flags & EMB_SACK) && ft_auth_md5_key(tcp, listener->auth, &syn->conn.remote))
        embryo->flags &= (uint16_t)~EMB_TS;
    ft_timer_init(&embryo->timer, FT_TIMER_EMBRYO);
    if (ft_table_insert(tcp->table, &embryo->conn)) {
        ft_pool_put(&tcp->embryos, embryo);
        return FT_RX_DROP_MEMORY;
    }
    listener->n_half_open++;
    tcp->env->counters.tcp_passive_opens++;
    ft_wheel_arm(&tcp->env->wheel, &embryo->timer, tcp->env->now + TCP_RTO_INIT);
    ft_listen_synack(tcp, embryo, listener, 0);
    return FT_RX_PASSIVE;
}

static enum ft_verdict answer_syn(struct ft_tcp *tcp, struct ft_listener *listener,
                                  struct tcp_embryo *syn)
{
    bool full = listener->n_half_open > listener->backlog_max ||
                tcp->embryos.n_used >= tcp->env->config.limits.half_open_max;
    if (!full && new_embryo(tcp, listener, syn) == FT_RX_PASSIVE)
        return FT_RX_PASSIVE;
    /* No room or no memory for it. */
    syn->flags &= (uint16_t) ~(EMB_TFO | EMB_TFO_EXP);
    ft_cookie_send(tcp, listener, syn); /* */
    return FT_RX_PASSIVE;
}

void ft_listen_take_waiting(struct ft_tcp *tcp, struct ft_listener *listener,
                            struct tcp_embryo *syn)
{
    if (listener->n_backlog > listener->backlog_max) {
        tcp->env->counters.tcp_backlog_full++;
        return;
    }
    if (ft_auth_required(tcp, listener->auth, &syn->conn.remote))
        return; /* its SYN was not verified: the next one is */
    syn->listener_slot = listener->slot;
    syn->listener_id = listener->id;
    syn->rcv_wscale = ft_tcp_wscale_for(tcp, &listener->opts);
    (void)answer_syn(tcp, listener, syn); /* it was told already that a passive socket is meant */
}

/* RFC 5925 7.4: by which keys of TCP-AO the peer signs, and what it asks for. */
static void note_signature(const struct tcp_in *in, struct tcp_embryo *ret)
{
    if (!in->verified || in->seg.sig != TCP_SIG_AO)
        return;
    ret->flags |= EMB_AO;
    ret->ao_key_id = in->seg.key_id;
    ret->ao_rnext_id = in->seg.rnext_id;
}

static enum ft_verdict take_syn(struct ft_tcp *tcp, struct ft_listener *listener,
                                const struct ft_conn *conn, struct tcp_in *in)
{
    struct tcp_embryo syn;
    if (listener->n_backlog > listener->backlog_max) {
        tcp->env->counters.tcp_backlog_full++;
        return FT_RX_DROP_BACKLOG;
    }
    (void)ft_misers_give_way(tcp, NULL);
    ft_listen_read_syn(tcp, listener, conn, in, &syn);
    note_signature(in, &syn);
    /* MAY-2: ahead of all that the connection before it used, as Linux by a window. */
    ft_seq first = seq_add(in->old_nxt, 65535 + 2);
    if (in->reopens && seq_lt(syn.iss, first))
        syn.iss = first;
    if (ft_tfo_take_syn(tcp, listener, &syn, in))
        return FT_RX_PASSIVE;
    return answer_syn(tcp, listener, &syn);
}

/* RFC 9293 3.10.7.2, in its order. */
enum ft_verdict ft_listen_input(struct ft_tcp *tcp, struct ft_listener *listener,
                                const struct ft_conn *conn, struct tcp_in *in,
                                struct ft_tcb **ret_tcb)
{
    const struct ft_tcp_seg *seg = &in->seg;
    struct tcp_embryo cookie;
    /* First, check for a RST. */
    if (seg->flags & SEG_RST)
        return FT_RX_DROP_FLAGS;
    /* Second, check for an ACK. */
    if (seg->flags & SEG_ACK) {
        if (!(seg->flags & SEG_SYN) && ft_cookie_check(tcp, listener, conn, seg, &cookie)) {
            if (listener->n_backlog > listener->backlog_max) {
                tcp->env->counters.tcp_backlog_full++;
                return FT_RX_DROP_BACKLOG;
            }
            note_signature(in, &cookie);
            *ret_tcb = ft_listen_complete(tcp, listener, &cookie, seg);
            return *ret_tcb ? FT_RX_PASSIVE : FT_RX_DROP_MEMORY;
        }
        /* It may have overtaken the segment that brings the cookie back, whose number alone tells:
           what is honest comes again, and a reset would end it. */
        if (!ft_cookie_plausible(tcp, listener, seg))
            ft_tcp_reset_reply(tcp, in);
        return FT_RX_DROP_ACK;
    }
    /* Third, check for a SYN. A-87: with FIN it is none. */
    if ((seg->flags & (SEG_SYN | SEG_FIN)) == SEG_SYN)
        return take_syn(tcp, listener, conn, in);
    /* Fourth, other text or control. */
    return FT_RX_DROP_FLAGS;
}

struct ft_tcb *ft_listen_make(struct ft_tcp *tcp, struct ft_listener *listener,
                              const struct tcp_embryo *from, const struct ft_tcp_seg *seg)
{
    struct ft_tcb *tcb = ft_tcb_new(tcp, &listener->opts);
    if (!tcb)
        return NULL;
    bool reuse = listener->opts.flags & OPT_REUSE_ADDR;
    if (ft_port_hold(tcp->names, IPPROTO_TCP, &from->conn.local, from->conn.local_port, reuse)) {
        ft_tcb_free(tcp, tcb);
        return NULL;
    }
    tcb->flags |= TCB_PORT_HELD;
    tcb->conn = from->conn;
    tcb->conn.kind = FT_CONN_TCB;
    tcb->conn.state = FT_TCP_CLOSED;
    tcb->iss = from->iss;
    tcb->irs = from->irs;
    if (!ft_auth_inherit(tcp, listener->auth, tcb, from) || !ft_ecn_made(tcp, tcb, from)) {
        ft_tcb_free(tcp, tcb);
        return NULL;
    }
    struct ft_conn *old = ft_table_find(tcp->table, &from->conn);
    if (old) {
        ft_table_replace(tcp->table, old, &tcb->conn);
    } else if (ft_table_insert(tcp->table, &tcb->conn)) {
        ft_tcb_free(tcp, tcb);
        return NULL;
    }
    tcb->flags |= TCB_IN_TABLE;
    tcb->snd_una = tcb->snd_nxt = tcb->snd_max = seq_add(from->iss, 1);
    tcb->rcv_nxt = tcb->last_ack_sent = tcb->rcv_up = seq_add(from->irs, 1);
    tcb->rcv_wscale = (from->flags & EMB_WSCALE) ? from->rcv_wscale : 0;
    tcb->rcv_adv = seq_add(tcb->rcv_nxt, FT_MIN(listener->opts.rcv_buf / 2, 65535u));
    struct ft_tcp_seg syn = {
        .has_mss = true,
        .mss = from->peer_mss,
        .has_wscale = from->flags & EMB_WSCALE,
        .wscale = from->snd_wscale,
        .sack_ok = from->flags & EMB_SACK,
        .has_ts = from->flags & EMB_TS,
        .tsval = from->ts_recent,
    };
    ft_tcp_take_syn_options(tcb, &syn, (uint32_t)(tcp->env->now / FT_SEC));
    tcb->cold->ts_offset = ft_tcp_ts_offset(tcp, &tcb->conn);
    tcb->cold->flow_label = ft_tcp_flow_label(tcp, &tcb->conn);
    tcb->snd_wnd = tcb->snd_wnd_max = seg->wnd << tcb->snd_wscale;
    tcb->snd_wl1 = seg->seq;
    tcb->snd_wl2 = seg->ack;
    tcb->retries = from->retries;
    ft_tcb_enter_backlog(tcb, listener);
    return tcb;
}

static bool was_answered_again(const struct tcp_embryo *embryo)
{
    return embryo->retries > 0 || (embryo->flags & EMB_AGAIN);
}

struct ft_tcb *ft_listen_complete(struct ft_tcp *tcp, struct ft_listener *listener,
                                  const struct tcp_embryo *from, const struct ft_tcp_seg *seg)
{
    struct ft_tcb *tcb = ft_listen_make(tcp, listener, from, seg);
    if (!tcb)
        return NULL;
    /* One that was made again may still be in a queue. It is of no use any more, and after the
       octets that overtake it there its timestamp would go back (RFC 7323 3.2). */
    if (was_answered_again(from))
        ft_tcp_cancel_synack(tcp, &from->conn, from->iss);
    tcb_enter(tcp, tcb, FT_TCP_SYN_RECEIVED);
    ft_tcp_established(tcp, tcb);
    if (from->retries > 0)
        tcb->cwnd = tcb->snd_mss;
    ft_ready_raise(tcp->slots, listener->slot, FT_READABLE);
    return tcb;
}

/* RFC 6298 2.2: the SYN-ACK is timed, if it left but once. It left when its timer was armed. */
static void time_handshake(const struct ft_tcp *tcp, const struct tcp_embryo *embryo,
                           struct ft_tcb *tcb)
{
    ft_time left = ft_timer_at(&embryo->timer) - TCP_RTO_INIT;
    if (embryo->retries > 0)
        tcb->cold->rto_us = (uint32_t)(TCP_RTO_INIT_LOST / FT_US); /* RFC 6298 5.7 */
    else if (!(embryo->flags & (EMB_AGAIN | EMB_ACKED)))
        ft_tcp_rtt_handshake(tcp, tcb, tcp->env->now > left ? tcp->env->now - left : 0);
    ft_metrics_use(tcp, tcb);
}

/* The ACK of the SYN-ACK makes the connection, if the backlog has room. */
static enum ft_verdict complete(struct ft_tcp *tcp, struct tcp_embryo *embryo, struct tcp_in *in,
                                struct ft_tcb **ret_tcb)
{
    struct ft_listener *listener = ft_embryo_listener(tcp, embryo);
    if (!listener)
        listener = ft_relisten_inherit(tcp, embryo);
    if (!listener && ft_relisten_keep(tcp, embryo))
        return FT_RX_DROP_BACKLOG;
    if (!listener) {
        ft_tcp_reset_reply(tcp, in);
        ft_embryo_free(tcp, embryo);
        return FT_RX_NO_SOCKET;
    }
    if (listener->n_backlog > listener->backlog_max) {
        tcp->env->counters.tcp_backlog_full++;
        embryo->flags |= EMB_ACKED;
        return FT_RX_DROP_BACKLOG;
    }
    if ((embryo->flags & EMB_TS) && in->seg.has_ts)
        embryo->ts_recent = in->seg.tsval;
    if (ft_defer_holds(listener, embryo, &in->seg))
        return FT_RX_PASSIVE;
    ft_defer_over(embryo);
    struct ft_tcb *tcb = ft_listen_complete(tcp, listener, embryo, &in->seg);
    if (!tcb)
        return FT_RX_DROP_MEMORY;
    time_handshake(tcp, embryo, tcb);
    /* The TCB stands in the table in its place. */
    listener->n_half_open--;
    ft_wheel_cancel(&tcp->env->wheel, &embryo->timer);
    ft_pool_put(&tcp->embryos, embryo);
    *ret_tcb = tcb;
    return FT_RX_ACTIVE;
}

/* RFC 9293 3.10.7.4, first, and RFC 5961 4.2: what does not fit is answered by what we stand at. A
   peer that has begun anew resets us then, and its next SYN finds the way free. One that has not,
   in TIME-WAIT say, answers that by an ACK in its turn: so there is one answer, and the next after
   the SYN-ACK has gone out again by itself (RFC 5961 7). */
static enum ft_verdict doubt(struct ft_tcp *tcp, struct tcp_embryo *embryo, const struct tcp_in *in,
                             enum ft_verdict verdict)
{
    const struct ft_listener *listener = ft_embryo_listener(tcp, embryo);
    if (!listener || (in->seg.flags & SEG_RST) || (embryo->flags & EMB_DOUBTED) ||
        !ft_icmp_allow(tcp->net, &in->rx->src))
        return verdict;
    embryo->flags |= EMB_DOUBTED | EMB_AGAIN;
    ft_listen_synack(tcp, embryo, listener, 0);
    return verdict;
}

/* Not our SYN-ACK is acknowledged. The peer's SYN may have come twice, and have been answered by a
   cookie the first time: what the peer has got first counts, as on Linux. Until the segment comes
   that brings the cookie back, the rest may be of that connection, and is not reset. */
static enum ft_verdict other_ack(struct ft_tcp *tcp, struct ft_listener *listener,
                                 struct tcp_embryo *embryo, struct tcp_in *in,
                                 struct ft_tcb **ret_tcb)
{
    struct ft_conn conn = embryo->conn;
    struct tcp_embryo cookie;
    if (!listener || !ft_cookie_check(tcp, listener, &conn, &in->seg, &cookie)) {
        if (!listener || !ft_cookie_plausible(tcp, listener, &in->seg))
            ft_tcp_reset_reply(tcp, in);
        return FT_RX_DROP_ACK;
    }
    ft_embryo_free(tcp, embryo);
    return ft_listen_input(tcp, listener, &conn, in, ret_tcb);
}

static enum ft_verdict end_attempt(struct ft_tcp *tcp, struct tcp_embryo *embryo,
                                   const struct tcp_in *in)
{
    ft_tcp_reset_reply(tcp, in);
    tcp->env->counters.tcp_attempt_fails++;
    ft_embryo_free(tcp, embryo);
    return FT_RX_DROP_FLAGS;
}

/* RFC 9293 3.10.7.4 in SYN-RECEIVED, in its order. */
enum ft_verdict ft_embryo_input(struct ft_tcp *tcp, struct tcp_embryo *embryo, struct tcp_in *in,
                                struct ft_tcb **ret_tcb)
{
    const struct ft_tcp_seg *seg = &in->seg;
    ft_seq rcv_nxt = seq_add(embryo->irs, 1);
    struct ft_listener *listener = ft_embryo_listener(tcp, embryo);
    uint32_t wnd = listener ? FT_MIN(listener->opts.rcv_buf / 2, 65535u) : 65535;
    /* The SYN again: the SYN-ACK was lost. */
    if ((seg->flags & (SEG_SYN | SEG_ACK | SEG_RST)) == SEG_SYN && seq_eq(seg->seq, embryo->irs)) {
        if (!ft_ecn_syn_again(tcp, embryo, in))
            return end_attempt(tcp, embryo, in);
        if (!listener || !ft_icmp_allow(tcp->net, &in->rx->src))
            return FT_RX_ACTIVE;
        embryo->flags |= EMB_AGAIN;
        ft_listen_synack(tcp, embryo, listener, 0);
        /* In its last wait: who has just been answered is not to be reset for his ACK. */
        if (embryo->retries >= TCP_SYNACK_RETRIES)
            ft_wheel_arm(&tcp->env->wheel, &embryo->timer,
                         tcp->env->now + (TCP_RTO_INIT << embryo->retries));
        return FT_RX_ACTIVE;
    }
    if (seq_lt(seg->seq, rcv_nxt) || seq_gt(seg->seq, seq_add(rcv_nxt, wnd)))
        return doubt(tcp, embryo, in, FT_RX_DROP_SEQUENCE);
    if ((embryo->flags & EMB_TS) && seg->has_ts && !(seg->flags & SEG_RST) &&
        (int32_t)(seg->tsval - embryo->ts_recent) < 0)
        return FT_RX_DROP_PAWS;
    if (seg->flags & SEG_RST) {
        if (!seq_eq(seg->seq, rcv_nxt))
            return FT_RX_DROP_SEQUENCE; /* RFC 5961 3.2; the SYN-ACK goes out again anyway */
        tcp->env->counters.tcp_attempt_fails++;
        ft_embryo_free(tcp, embryo);
        return FT_RX_ACTIVE;
    }
    if (seg->flags & SEG_SYN)
        return doubt(tcp, embryo, in, FT_RX_DROP_CHALLENGE);
    if (!(seg->flags & SEG_ACK))
        return FT_RX_DROP_FLAGS;
    if (!seq_eq(seg->ack, seq_add(embryo->iss, 1)))
        return other_ack(tcp, listener, embryo, in, ret_tcb);
    return complete(tcp, embryo, in, ret_tcb);
}

void ft_embryo_timer(struct ft_tcp *tcp, struct tcp_embryo *embryo)
{
    if (embryo->flags & (EMB_WAITING | EMB_ORPHAN)) {
        ft_relisten_timer(tcp, embryo);
        return;
    }
    struct ft_listener *listener = ft_embryo_listener(tcp, embryo);
    bool again = true;
    if (!listener || !ft_defer_waits(listener, embryo, &again)) {
        tcp->env->counters.tcp_attempt_fails++;
        ft_embryo_free(tcp, embryo);
        return;
    }
    embryo->flags &= (uint16_t)~EMB_DOUBTED;
    embryo->retries++;
    if (again) {
        tcp->env->counters.tcp_retrans_segs++;
        ft_listen_synack(tcp, embryo, listener, 0);
    }
    ft_time rto = TCP_RTO_INIT << FT_MIN(embryo->retries, (uint8_t)7);
    ft_wheel_arm(&tcp->env->wheel, &embryo->timer, tcp->env->now + FT_MIN(rto, TCP_RTO_MAX));
}
