/* SPDX-License-Identifier: MIT */
/*
 * TIMEOUTS: RFC 9293 3.10.8 (user timeout, retransmission, TIME-WAIT), 3.8.4 (keep-alive),
 * 3.8.6.1 (persist), 3.8.6.3 (delayed ACK). One timer node a connection stands for all of them.
 */
#include "priv.h"

static void trace_timer(struct ft_tcp *tcp, const struct ft_tcb *tcb, const char *what)
{
    struct ft_trace_event event = {.kind = FT_TRACE_TIMER, .what = what};
    ft_tcb_trace(tcp, tcb, &event);
}

/* RFC 5482, TCP_USER_TIMEOUT: the peer has owed an acknowledgement for longer. */
static bool user_timeout(const struct ft_tcp *tcp, const struct ft_tcb *tcb)
{
    ft_time max = tcb->cold->opts.user_timeout_ms * FT_MS;
    return max && tcb->busy && tcp->env->now - tcb->busy->progress_at >= max;
}

void ft_tcb_give_up(struct ft_tcp *tcp, struct ft_tcb *tcb, bool reset)
{
    /* What ICMP said of the path explains it better than the silence does. */
    int error = tcb->cold->soft_error ? tcb->cold->soft_error : ETIMEDOUT;
    if (tcb->flags & TCB_ORPHAN)
        tcp->env->counters.tcp_orphans_killed++;
    if (reset)
        ft_tcp_send_reset(tcp, tcb);
    ft_tcb_kill(tcp, tcb, error);
}

/* RFC 9293 MUST-22. RFC 9293 MUST-23. Deviation: a SYN is given up after 127 s, not 3 min, as Linux
   does; under the RFC's profile after more than 8 min. */
static bool syn_timeout(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    uint8_t most = tcb->cold->opts.syn_retries;
    if (tcp->env->config.profile == FT_PROFILE_RFC)
        most = (uint8_t)FT_MAX(most, (uint8_t)8);
    if (tcb_early(tcb))
        most = TCP_SYNACK_RETRIES;
    if (tcb->retries >= most || user_timeout(tcp, tcb)) {
        ft_tcb_give_up(tcp, tcb, false);
        return false;
    }
    tcb->retries++;
    tcb->flags |= TCB_SYN_OUT;
    return true;
}

/* RFC 9293 SHLD-9 and U-1. Deviation: as on Linux only TCP_INFO tells of retransmissions; under the
   RFC's profile SO_ERROR does too. Who does not want to know does not ask (SHLD-20). */
static void report_trouble(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (tcp->env->config.profile != FT_PROFILE_RFC)
        return;
    tcb->cold->soft_error = ETIMEDOUT;
    ft_tcb_raise(tcp, tcb, FT_ERROR);
}

/* RFC 9293 MUST-20: doubt of the way at R1, the end at R2. */
static bool retransmit_timeout(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    uint8_t r2 = (tcb->flags & TCB_ORPHAN) ? TCP_ORPHAN_RETRIES : TCP_RETRIES2;
    /* SHLD-17: a window that was taken back is no reason to give up on a peer that answers. */
    /* An orphan's peer may not hold on to it for ever even if it answers. */
    bool silent = tcb->snd_wnd > 0 || tcb->probes > 0 || (tcb->flags & TCB_ORPHAN);
    if ((tcb->retries >= r2 && silent) || user_timeout(tcp, tcb)) {
        ft_tcb_give_up(tcp, tcb, tcb->flags & TCB_ORPHAN);
        return false;
    }
    if (tcb->snd_wnd == 0) {
        /* MUST-35: the peer took its window back. Probe as if nothing were outstanding; the
           octets follow when it opens. */
        tcb->flags |= TCB_PROBE;
        if (tcb->probes < UINT8_MAX)
            tcb->probes++;
        if (tcb->busy)
            ft_sent_lose_all(&tcb->busy->sents);
        ft_miser_begin(tcp, tcb);
    } else {
        ft_plpmtu_timeout(tcb);
        ft_tcp_recovery_timeout(tcp, tcb);
    }
    if (tcb->retries < UINT8_MAX)
        tcb->retries++;
    if (tcb->snd_wnd > 0)
        ft_plpmtu_suspect(tcp, tcb);
    if (tcb->retries == TCP_RETRIES1) {
        ft_path_doubt(tcp->net, &tcb->conn.remote, tcb_bound_if(tcb));
        report_trouble(tcp, tcb);
    }
    return true;
}

/* RFC 9293 MUST-36, MUST-37, SHLD-30. */
static bool persist_timeout(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    uint8_t most = (tcb->flags & TCB_ORPHAN) ? TCP_ORPHAN_RETRIES : TCP_RETRIES2;
    /* An orphan's peer may not hold on to it for ever even if it answers. */
    uint8_t count = (tcb->flags & TCB_ORPHAN) ? tcb->retries : tcb->probes;
    if (count >= most || user_timeout(tcp, tcb)) {
        ft_tcb_give_up(tcp, tcb, true);
        return false;
    }
    if (tcb->retries < UINT8_MAX)
        tcb->retries++;
    if (tcb->probes < UINT8_MAX)
        tcb->probes++;
    tcp->env->counters.tcp_probes++;
    /* 3.8.6.2.1, the override timeout: what the window holds is probe enough. */
    tcb->flags |= tcb->snd_wnd > 0 ? TCB_NAGLE_OFF : TCB_PROBE;
    tcb->retx_at = ft_tcb_rto_at(tcp, tcb);
    ft_tcb_arm(tcp, tcb);
    ft_tcb_wake(tcp, tcb);
    return true;
}

/* Return: whether the connection is still there. */
static bool retx_fired(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (tcb->flags & TCB_PERSIST) {
        trace_timer(tcp, tcb, "persist");
        return persist_timeout(tcp, tcb);
    }
    trace_timer(tcp, tcb, "retransmission");
    tcp->env->counters.tcp_rto++;
    ft_spent_timeout(tcp, tcb);
    enum ft_tcp_state state = tcb_state(tcb);
    bool syn = state == FT_TCP_SYN_SENT || state == FT_TCP_SYN_RECEIVED;
    if (syn ? !syn_timeout(tcp, tcb) : !retransmit_timeout(tcp, tcb))
        return false;
    if (tcb->busy)
        tcb->busy->rtt_timing = false; /* Karn */
    tcb->retx_at = ft_tcb_rto_at(tcp, tcb);
    ft_tcb_wake(tcp, tcb);
    return true;
}

/* RFC 9293 3.8.4; MUST-26: only when nothing is outstanding; MUST-29: one is not enough. */
static bool keepalive_fired(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    const struct tcp_opts *opts = &tcb->cold->opts;
    if (tcb->slot == FT_NO_SLOT && !(tcb->flags & TCB_QUEUED)) {
        /* An orphan whose peer has not closed. */
        tcp->env->counters.tcp_orphans_killed++;
        ft_tcp_send_reset(tcp, tcb);
        ft_tcb_kill(tcp, tcb, 0);
        return false;
    }
    ft_time idle = (tcp_now_ms(tcp) - tcb->last_rcv_ms) * FT_MS;
    if (tcb_flight(tcb) > 0 || ft_ring_len(&tcb->snd) > 0) {
        ft_tcb_restart_keepalive(tcp, tcb);
        return true;
    }
    ft_time wait = opts->keep_idle_s * FT_SEC;
    if (idle + FT_MS < wait) {
        tcb->keep_at = tcp->env->now + wait - idle;
        return true;
    }
    bool too_long = opts->user_timeout_ms && idle >= opts->user_timeout_ms * FT_MS && tcb->probes;
    if (tcb->probes >= opts->keep_cnt || too_long) {
        ft_tcb_give_up(tcp, tcb, true);
        return false;
    }
    trace_timer(tcp, tcb, "keep-alive");
    tcb->probes++;
    tcp->env->counters.tcp_keepalives++;
    tcb->flags |= TCB_KEEPALIVE;
    tcb->keep_at = tcp->env->now + opts->keep_intvl_s * FT_SEC;
    ft_tcb_wake(tcp, tcb);
    return true;
}

/* RFC 8985 6.3 and 7.3. A probe puts the retransmission timer off. */
static void loss_fired(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (tcb->busy && tcb->busy->rack.reo_at <= tcp->env->now) {
        trace_timer(tcp, tcb, "reordering");
        ft_tcp_reorder_timer(tcp, tcb);
    }
    if (tcb->busy && tcb->busy->rack.probe_at <= tcp->env->now) {
        trace_timer(tcp, tcb, "tail loss probe");
        ft_tlp_timer(tcp, tcb);
    }
}

static void tcb_fired(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    ft_time now = tcp->env->now;
    if (tcb->delack_at <= now)
        ft_delack_fired(tcp, tcb);
    if (tcb->busy && tcb->busy->cork_at <= now) {
        tcb->busy->cork_at = FT_TIME_NEVER;
        tcb->flags &= ~(uint32_t)TCB_MORE;
        tcb->flags |= TCB_NAGLE_OFF;
        ft_tcb_wake(tcp, tcb);
    }
    ft_pace_fired(tcp, tcb);
    loss_fired(tcp, tcb);
    if (tcb->retx_at <= now && !retx_fired(tcp, tcb))
        return;
    if (tcb->keep_at <= now && !keepalive_fired(tcp, tcb))
        return;
    ft_tcb_arm(tcp, tcb);
}

void ft_tcp_timer(struct ft_tcp *tcp, struct ft_timer *timer)
{
    tcp->env->counters.steps_timers++;
    switch ((enum ft_timer_kind)ft_timer_kind(timer)) {
    case FT_TIMER_TCB:
        tcb_fired(tcp, ft_container_of(timer, struct ft_tcb, timer));
        break;
    case FT_TIMER_EMBRYO:
        ft_embryo_timer(tcp, ft_container_of(timer, struct tcp_embryo, timer));
        break;
    case FT_TIMER_TIME_WAIT:
        ft_time_wait_timer(tcp);
        break;
    case FT_TIMER_MISER:
        (void)ft_misers_give_way(tcp, NULL);
        break;
    case FT_TIMER_NEIGH:
    case FT_TIMER_ADDR:
    case FT_TIMER_ROUTER:
    case FT_TIMER_GROUP:
    case FT_TIMER_FRAG:
    case FT_TIMER_PMTU:
        ft_assert(false && "net's timers do not come here");
    }
}
