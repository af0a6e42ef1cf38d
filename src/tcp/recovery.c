/* SPDX-License-Identifier: MIT */
/*
 * What a loss does: fast retransmit and recovery, with RACK (rack.c) where there is SACK and by
 * duplicate ACKs (NewReno, RFC 6582) where there is none; how fast octets leave meanwhile (PRR, RFC
 * 9937); the retransmission timeout (RFC 5681 3.1, F-RTO of RFC 5682); and how what was a mistake
 * is undone, by timestamps (Eifel, RFC 3522) or D-SACK (RFC 3708).
 */
#include "priv.h"

#define DUP_THRESH 3

enum {
    FRTO_OFF,
    FRTO_WAIT, /* the first segment was sent again: RFC 5682 3.1 step 1 */
    FRTO_NEW,  /* it was acknowledged, and new octets may leave: step 2 */
};

/* ---- RFC 9937: proportional rate reduction --------------------------------------------------- */

static void prr_begin(struct ft_tcb *tcb, const struct tcp_told *told)
{
    struct tcp_recovery *recovery = &tcb->busy->recovery;
    const struct tcp_sents *sents = &tcb->busy->sents;
    uint32_t fresh = told ? told->delivered : 0;
    uint32_t sacked = sents->sacked > fresh ? sents->sacked - fresh : 0;
    recovery->prr_delivered = recovery->prr_out = 0;
    /* 6: SND.NXT - SND.UNA, less what was SACKed before this ACK, and with what this ACK has
       acknowledged. */
    recovery->recover_fs = tcb_flight(tcb) + (told ? told->sample.acked : 0) - sacked;
}

/* 6.2: on each ACK in recovery, and when the reordering timer finds losses (@timer). */
static void prr(struct ft_tcb *tcb, uint32_t delivered, bool safe_ack, bool timer)
{
    struct tcp_recovery *recovery = &tcb->busy->recovery;
    uint32_t mss = tcb->snd_mss;
    uint32_t inflight = tcb_pipe(tcb);
    uint32_t send = 0;
    if (delivered == 0 && !timer)
        return;
    recovery->prr_delivered += delivered;
    uint32_t fs = FT_MAX(recovery->recover_fs, 1u);
    uint32_t ahead = recovery->prr_delivered > recovery->prr_out
                         ? recovery->prr_delivered - recovery->prr_out
                         : 0;
    if (inflight > tcb->ssthresh) {
        uint64_t due = ((uint64_t)recovery->prr_delivered * tcb->ssthresh + fs - 1) / fs;
        send = due > recovery->prr_out ? (uint32_t)(due - recovery->prr_out) : 0;
    } else {
        send = FT_MAX(ahead, delivered); /* the conservative bound (CRB) */
        if (safe_ack)
            send += mss; /* slow start (SSRB) */
        send = FT_MIN(send, tcb->ssthresh - inflight);
    }
    /* The retransmission that begins recovery leaves in any case. */
    if ((recovery->prr_out == 0 || timer) && send < mss)
        send = mss;
    tcb->cwnd = FT_MAX(inflight + send, mss);
}

/* ---- episodes -------------------------------------------------------------------------------- */

static void may_be_mistaken(struct ft_tcb *tcb, bool again)
{
    struct tcp_recovery *recovery = &tcb->busy->recovery;
    if (again && recovery->undo)
        return;
    recovery->undo = true;
    recovery->again = false;
    recovery->undo_una = tcb->snd_una;
    recovery->undo_octets = 0;
}

static void enter_recovery(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_told *told)
{
    /* RFC 6675 PIPE-9. Deviation: by the algorithm's factor (CUBIC's is 0.7), and in the course of
       the recovery, not at once (RFC 9937). */
    /* RFC 3168 6.1.2: a window is reduced once, whether by marks or by losses. */
    if (tcb->busy->recovery.cwr)
        tcb->busy->cc.prior_cwnd = tcb->busy->cc.prior_ssthresh = tcb->ssthresh;
    else /* RFC 5681 3.2: without what limited transmit has sent beyond cwnd. */
        ft_cc_congestion(tcp, tcb, FT_MIN(tcb_flight(tcb), tcb->cwnd));
    tcb->busy->recovery.cwr = false;
    tcb->recover = tcb->snd_max;
    tcb->flags |= TCB_RECOVERY;
    tcb->busy->recovery.more = false;
    tcb->busy->recovery.frto = FRTO_OFF;
    tcb->busy->rack.probing = false;
    may_be_mistaken(tcb, false);
    prr_begin(tcb, told);
    tcp->env->counters.tcp_fast_retransmits++;
    ft_tcb_wake(tcp, tcb);
}

/* All that was out when the loss was found has been acknowledged. */
static void leave(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if ((tcb->flags & TCB_RECOVERY) && !ft_cc_owns_cwnd(tcb))
        tcb->cwnd = FT_MAX(tcb->ssthresh, (uint32_t)tcb->snd_mss); /* RFC 9937 6: at the end */
    tcb->flags &= ~(uint32_t)(TCB_RECOVERY | TCB_LOSS | TCB_RETX_UNA);
    tcb->busy->recovery.frto = FRTO_OFF;
    ft_rack_recovered(tcb);
    ft_cc_recovered(tcp, tcb);
}

/* ---- marks: RFC 3168 6.1.2 ------------------------------------------------------------------- */

/* As on Linux the window shrinks as in recovery, segment by segment, until octets that left after
   the mark was told of are acknowledged. */
static void react_to_mark(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_told *told)
{
    ft_cc_mark(tcp, tcb, FT_MIN(told->sample.prior_flight, tcb->cwnd));
    if (ft_cc_owns_cwnd(tcb))
        return;
    tcb->busy->recovery.cwr = true;
    prr_begin(tcb, told);
}

void ft_tcp_end_cwr(struct ft_tcb *tcb)
{
    if (!tcb->busy || !tcb->busy->recovery.cwr)
        return;
    tcb->busy->recovery.cwr = false;
    tcb->cwnd = FT_MAX(tcb->ssthresh, (uint32_t)tcb->snd_mss);
}

/* ---- what was a mistake ---------------------------------------------------------------------- */

/* RFC 3522 3.2: the ACK answers what left before anything was sent again. */
static bool eifel(const struct ft_tcb *tcb, const struct tcp_told *told)
{
    const struct tcp_recovery *recovery = &tcb->busy->recovery;
    return told->advanced && told->again && told->tsecr && recovery->again &&
           (int32_t)(told->tsecr - recovery->again_ts) < 0;
}

/* Each octet that was sent again has come twice. */
static bool all_came_twice(const struct ft_tcb *tcb, const struct tcp_told *told)
{
    const struct tcp_recovery *recovery = &tcb->busy->recovery;
    return told->dsack && recovery->again && recovery->undo_octets == 0;
}

static void undo(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    /* Not one of the recoveries without a mistake that RACK counts (RFC 8985 6.2 step 4): where
       segments overtake each other several begin and end so in a round trip. */
    tcb->busy->recovery.undo = false;
    tcb->busy->recovery.frto = FRTO_OFF;
    ft_sent_unlose(&tcb->busy->sents);
    ft_cc_undo(tcp, tcb);
    tcb->flags &= ~(uint32_t)(TCB_RECOVERY | TCB_LOSS | TCB_RETX_UNA);
    tcp->env->counters.tcp_spurious_recoveries++;
    ft_tcb_wake(tcp, tcb);
}

static bool was_mistaken(const struct ft_tcb *tcb, const struct tcp_told *told)
{
    return tcb->busy->recovery.undo && (eifel(tcb, told) || all_came_twice(tcb, told));
}

/* ---- RFC 5682 3.1: whether a timeout was spurious -------------------------------------------- */

static bool new_octets_fit(const struct ft_tcb *tcb)
{
    return seq_gt(tcb_snd_end(tcb), tcb->snd_max) && tcb->snd_wnd > tcb_flight(tcb);
}

/* Return: it was. */
static bool frto(struct ft_tcb *tcb, const struct tcp_told *told)
{
    struct tcp_recovery *recovery = &tcb->busy->recovery;
    if (recovery->frto == FRTO_OFF)
        return false;
    /* Step 3: what was never sent again has arrived. Without SACK only an ACK that covers nothing
       that was tells so. */
    if (told->first_try && ((tcb->flags & TCB_SACK) || !told->again))
        return true;
    bool sacks = told->sample.sacked > 0;
    if (recovery->frto == FRTO_WAIT && told->advanced && new_octets_fit(tcb))
        recovery->frto = FRTO_NEW;
    else if (told->duplicate || sacks || told->advanced)
        recovery->frto = FRTO_OFF;
    return false;
}

bool ft_tcp_prefers_new(const struct ft_tcb *tcb)
{
    return tcb->busy && tcb->busy->recovery.frto == FRTO_NEW && new_octets_fit(tcb);
}

/* ---- without SACK: RFC 6582 ------------------------------------------------------------------ */

/* Octets that duplicates speak of are counted as if they had been SACKed. No more can have left
   than were out when the loss was found, and the first of them has not. */
static void count_duplicate(struct ft_tcb *tcb, struct tcp_told *told)
{
    struct tcp_sents *sents = &tcb->busy->sents;
    uint32_t most = tcb_flight(tcb);
    if (tcb->flags & TCB_RECOVERY)
        most = FT_MIN(most, (uint32_t)FT_MAX(seq_diff(tcb->recover, tcb->snd_una), 0));
    uint32_t counted = sents->sacked + FT_MAX(sents->lost, (uint32_t)tcb->snd_mss);
    uint32_t more = most > counted ? FT_MIN(most - counted, (uint32_t)tcb->snd_mss) : 0;
    if (tcb->dupacks < UINT8_MAX)
        tcb->dupacks++;
    sents->sacked += more;
    told->delivered += more;
}

/* What is acknowledged now beyond one segment had sent duplicates before. */
static void uncount_duplicates(struct ft_tcb *tcb, struct tcp_told *told)
{
    struct tcp_sents *sents = &tcb->busy->sents;
    uint32_t acked = told->sample.acked;
    uint32_t gone = acked > tcb->snd_mss ? acked - tcb->snd_mss : 0;
    gone = FT_MIN(gone, sents->sacked);
    told->delivered -= FT_MIN(told->delivered, gone);
    sents->sacked -= (tcb->flags & TCB_RECOVERY) ? gone : sents->sacked;
    sents->sacked = FT_MIN(sents->sacked, tcb_flight(tcb) - sents->lost);
    tcb->dupacks = 0;
}

/* The segment at snd_una is lost. */
static void lose_first(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_told *told)
{
    struct tcp_sents *sents = &tcb->busy->sents;
    struct tcp_sent *first = sents->first;
    if (!first || (first->flags & (SENT_LOST | SENT_SACKED)))
        return;
    uint32_t segment = (uint32_t)first->mss - first->gone;
    if (segment < first->len)
        (void)ft_sent_cut(tcp, tcb, first, segment); /* else all of it is lost */
    ft_sent_lose(sents, first);
    sents->sacked = FT_MIN(sents->sacked, tcb_flight(tcb) - sents->lost);
    if (ft_plpmtu_lost(tcp, tcb, first))
        return;
    ft_rate_lost(tcp, tcb, &first->stamp, first->len);
    told->sample.lost += first->len;
}

static void newreno(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_told *told)
{
    if (told->advanced)
        uncount_duplicates(tcb, told);
    else if (told->duplicate)
        count_duplicate(tcb, told);
    if ((tcb->flags & TCB_RECOVERY) && told->advanced && seq_lt(tcb->snd_una, tcb->recover)) {
        lose_first(tcp, tcb, told); /* 3.2 step 3: a partial acknowledgement */
        tcb->flags |= TCB_RETX_UNA;
    }
    /* 3.2 step 2: not again for what was sent before the last loss was found. */
    if (!(tcb->flags & (TCB_RECOVERY | TCB_LOSS)) && told->duplicate &&
        tcb->dupacks == DUP_THRESH && seq_gt(tcb->snd_una, tcb->recover))
        lose_first(tcp, tcb, told);
}

/* ---- the ACK --------------------------------------------------------------------------------- */

/* A bare FIN has no records, and no recovery but the timer's. */
static void without_records(struct ft_tcb *tcb)
{
    if (seq_ge(tcb->snd_una, tcb->recover))
        tcb->flags &= ~(uint32_t)(TCB_RECOVERY | TCB_LOSS);
}

/* RFC 8985 7.4.2: the probe repaired a loss, and nobody else will tell congestion control. */
static void probe_repaired(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (tcb->flags & (TCB_RECOVERY | TCB_LOSS))
        return;
    ft_cc_congestion(tcp, tcb, FT_MIN(tcb_flight(tcb), tcb->cwnd));
    if (!ft_cc_owns_cwnd(tcb))
        tcb->cwnd = FT_MAX(tcb->ssthresh, (uint32_t)tcb->snd_mss);
    ft_cc_recovered(tcp, tcb);
}

static void change_state(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_told *told)
{
    bool whole = seq_ge(tcb->snd_una, tcb->recover);
    if ((tcb->flags & TCB_LOSS) && frto(tcb, told))
        undo(tcp, tcb);
    else if (was_mistaken(tcb, told))
        undo(tcp, tcb);
    else if ((tcb->flags & (TCB_RECOVERY | TCB_LOSS)) && whole)
        leave(tcp, tcb);
    if (tcb->flags & (TCB_RECOVERY | TCB_LOSS))
        return;
    bool left_over = tcb->busy->recovery.more;
    tcb->busy->recovery.more = false;
    /* What this ACK had taken for lost may be in the network again, by undo. */
    if (tcb->busy->sents.lost > 0 && (told->sample.lost > 0 || left_over))
        enter_recovery(tcp, tcb, told);
    else if (ft_ecn_asks_less(tcb, told))
        react_to_mark(tcp, tcb, told);
    else if (!ft_ecn_shrinks(tcb))
        ft_tcp_end_cwr(tcb);
}

void ft_tcp_recovery_acked(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_told *told,
                           bool has_sack)
{
    if (!tcb->busy) {
        without_records(tcb);
        ft_rack_adapt(tcb, told);
        return;
    }
    bool was_in = tcb->flags & TCB_RECOVERY;
    if (tcb->flags & TCB_SACK) {
        ft_rack_update(tcp, tcb, told);
        told->sample.lost += ft_rack_detect(tcp, tcb);
    } else {
        newreno(tcp, tcb, told);
    }
    if (ft_tlp_acked(tcb, told, has_sack))
        probe_repaired(tcp, tcb);
    change_state(tcp, tcb, told);
    if (!(tcb->flags & TCB_LOSS))
        ft_spent_repaired(tcp, tcb);
    /* It follows, or 2 GiB later it would seem to lie ahead. */
    if (!(tcb->flags & (TCB_RECOVERY | TCB_LOSS)) && seq_gt(tcb->snd_una, tcb->recover))
        tcb->recover = seq_sub(tcb->snd_una, 1);
    if (((tcb->flags & TCB_RECOVERY) || tcb->busy->recovery.cwr) && !ft_cc_owns_cwnd(tcb))
        prr(tcb, told->delivered, told->advanced && told->sample.lost == 0, false);
    told->sample.in_recovery = was_in || (tcb->flags & TCB_RECOVERY) || tcb->busy->recovery.cwr;
    told->sample.after_timeout = tcb->flags & TCB_LOSS;
    if (tcb->busy->sents.lost > 0 || told->delivered > 0)
        ft_tcb_wake(tcp, tcb);
}

void ft_tcp_recovery_sent(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t len, bool again)
{
    struct tcp_recovery *recovery = &tcb->busy->recovery;
    if ((tcb->flags & TCB_RECOVERY) || recovery->cwr)
        recovery->prr_out += len;
    if (!again || !recovery->undo)
        return;
    if (!recovery->again)
        recovery->again_ts = tcp_now_ms(tcp) + tcb->cold->ts_offset;
    recovery->again = true;
    recovery->undo_octets += len;
}

/* ---- timers ---------------------------------------------------------------------------------- */

void ft_tcp_reorder_timer(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (ft_rack_detect(tcp, tcb) == 0) {
        if (tcb->busy->sents.lost > 0)
            ft_tcb_wake(tcp, tcb); /* an MTU probe */
        return;
    }
    if (!(tcb->flags & (TCB_RECOVERY | TCB_LOSS)))
        enter_recovery(tcp, tcb, NULL);
    if ((tcb->flags & TCB_RECOVERY) && !ft_cc_owns_cwnd(tcb))
        prr(tcb, 0, false, true);
    ft_tcb_wake(tcp, tcb);
}

void ft_tcp_recovery_timeout(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    /* RFC 5681 equation 4, and only the first time for a segment. */
    bool again = tcb->retries > 0;
    bool repairs = again || ((tcb->flags & TCB_LOSS) && seq_lt(tcb->snd_una, tcb->recover));
    ft_cc_rto(tcp, tcb, FT_MIN(tcb_flight(tcb), tcb->cwnd), again);
    tcb->dupacks = 0;
    tcb->recover = tcb->snd_max; /* RFC 6582 3.2 step 4, RFC 5681 4.3 */
    tcb->flags &= ~(uint32_t)TCB_RECOVERY;
    tcb->flags |= TCB_LOSS | TCB_RETX_UNA;
    if (!tcb->busy)
        return;
    struct tcp_sents *sents = &tcb->busy->sents;
    may_be_mistaken(tcb, repairs);
    tcb->busy->recovery.cwr = false;
    tcb->busy->recovery.more = false;
    tcb->busy->recovery.frto = repairs ? FRTO_OFF : FRTO_WAIT;
    if (!(tcb->flags & TCB_SACK)) {
        sents->sacked = 0;
        ft_sent_lose_all(sents);
        return;
    }
    /* RFC 2018 8: the first octet was SACKed, and is not acknowledged: the peer took it back. */
    if (sents->first && (sents->first->flags & SENT_SACKED))
        ft_sent_renege(tcp, tcb);
    ft_rack_timeout(tcp, tcb);
}
