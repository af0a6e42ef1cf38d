/* SPDX-License-Identifier: MIT */
/*
 * The table of congestion-control algorithms, and what is the same for all of them: the initial
 * window (RFC 6928), restart after idle (RFC 5681 4.1), what undo brings back. An algorithm says
 * how cwnd grows and how far it falls; recovery.c says when.
 */
#include "priv.h"

#define MIN_RTT_WINDOW_S 300 /* as Linux */
#define VALID_MAX_S      300 /* RFC 7661 4.4.3 */

/* One line each; the first is what a configuration that names none gets. */
static const struct tcp_cc_ops *const table[] = {
    &ft_cc_cubic,
    &ft_cc_reno,
    &ft_cc_bbr,
    &ft_cc_dctcp,
};

const struct tcp_cc_ops *ft_cc_ops(uint8_t cc)
{
    ft_assert(cc < FT_ARRAY_LEN(table));
    return table[cc];
}

int ft_cc_find(const char *name, size_t len)
{
    size_t n = 0;
    while (n < len && n < CC_NAME_MAX - 1 && name[n])
        n++;
    for (size_t i = 0; i < FT_ARRAY_LEN(table); i++)
        if (memcmp(table[i]->name, name, n) == 0 && table[i]->name[n] == 0)
            return (int)i;
    return -ENOENT;
}

bool ft_tcp_knows_cc(const char *name)
{
    return ft_cc_find(name, FT_CC_MAX) >= 0;
}

static const struct tcp_cc_ops *ops_of(const struct ft_tcb *tcb)
{
    return ft_cc_ops(tcb->cold->opts.cc);
}

static bool owns_cwnd(const struct ft_tcb *tcb)
{
    return tcb->busy && (ops_of(tcb)->flags & CC_OWNS_CWND);
}

bool ft_cc_owns_cwnd(const struct ft_tcb *tcb)
{
    return owns_cwnd(tcb);
}

/* ---- life ------------------------------------------------------------------------------------ */

void ft_cc_attach(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    ft_assert(tcb->busy != NULL);
    tcb->busy->cc = (struct tcp_cc){
        .rate = tcb->busy->cc.rate, /* what the path delivers is the same for the next algorithm */
        .pace_rate = CC_PACE_NONE,
        .pace_wake = FT_TIME_NEVER,
        .pipe_end = tcb->snd_una,
        .valid_s = (uint32_t)(tcp->env->now / FT_SEC),
    };
    if (ops_of(tcb)->init)
        ops_of(tcb)->init(tcp, tcb);
    if (!tcb->cold->past)
        ft_pace_reset(tcp, tcb);
}

void ft_cc_keep(struct ft_tcp *tcp, struct ft_tcb *tcb, const void *data, size_t len)
{
    struct tcp_past *past = ft_tcb_past(tcp, tcb);
    ft_assert(len <= sizeof past->cc_keep);
    if (past)
        memcpy(past->cc_keep, data, len); /* no memory: it begins anew */
}

void ft_cc_recall(const struct ft_tcb *tcb, void *ret_data, size_t len)
{
    if (tcb->cold->past)
        memcpy(ret_data, tcb->cold->past->cc_keep, len);
}

void ft_cc_detach(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (tcb->busy && ops_of(tcb)->release)
        ops_of(tcb)->release(tcp, tcb);
}

/* ---- from stack to stack ---------------------------------------------------------------------*/

/* Instants become spans, or spans instants. */
static void turn_instants(const struct ft_tcp *tcp, const struct tcp_cc_ops *ops,
                          uint32_t kept[CC_KEEP_WORDS])
{
    for (unsigned i = 0; i < CC_KEEP_WORDS; i++)
        if (ops->kept_instants & (1u << i))
            kept[i] = tcp_now_ms(tcp) - kept[i];
}

bool ft_cc_export(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t ret_kept[CC_KEEP_WORDS])
{
    const struct tcp_cc_ops *ops = ops_of(tcb);
    ft_cc_detach(tcp, tcb); /* it only writes down what it keeps */
    if (!ops->kept_fits || !tcb->cold->past)
        return false;
    memcpy(ret_kept, tcb->cold->past->cc_keep, sizeof tcb->cold->past->cc_keep);
    turn_instants(tcp, ops, ret_kept);
    return true;
}

bool ft_cc_import_fits(uint8_t cc, const uint32_t kept[CC_KEEP_WORDS])
{
    return ft_cc_ops(cc)->kept_fits && ft_cc_ops(cc)->kept_fits(kept);
}

int ft_cc_import(struct ft_tcp *tcp, struct ft_tcb *tcb, const uint32_t kept[CC_KEEP_WORDS])
{
    uint32_t words[CC_KEEP_WORDS];
    memcpy(words, kept, sizeof words);
    turn_instants(tcp, ops_of(tcb), words);
    ft_cc_keep(tcp, tcb, words, sizeof words);
    return tcb->cold->past ? 0 : -ENOBUFS;
}

static uint32_t initial_window(const struct ft_tcb *tcb)
{
    uint32_t mss = tcb->snd_mss;
    return FT_MIN(TCP_INIT_SEGS * mss, FT_MAX(2 * mss, 14600u)); /* RFC 6928 2 */
}

void ft_cc_start(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    tcb->cwnd = initial_window(tcb);
    if (tcb->retries > 0)
        tcb->cwnd = tcb->snd_mss; /* RFC 5681 3.1: the SYN was lost */
    tcb->ssthresh = TCP_SSTHRESH_NONE;
    tcb->cc_acked = 0;
    ft_tcb_drop_past(tcp, tcb);
    if (tcb->busy)
        ft_cc_attach(tcp, tcb);
}

void ft_cc_switch(struct ft_tcp *tcp, struct ft_tcb *tcb, uint8_t cc)
{
    if (tcb->cold->opts.cc == cc)
        return;
    tcb->cold->opts.cc = cc;
    tcb->cc_acked = 0;
    if (tcb->cold->past)
        memset(tcb->cold->past->cc_keep, 0, sizeof tcb->cold->past->cc_keep);
    if (!tcb->busy)
        return;
    ft_time pace_wake = tcb->busy->cc.pace_wake;
    ft_cc_attach(tcp, tcb);
    tcb->busy->cc.pace_wake = pace_wake;
    ft_pace_reset(tcp, tcb);
}

/* ---- what recovery tells --------------------------------------------------------------------- */

/* RFC 7661 in short: a window that was not used in the last two round trips does not grow. Round
   trips and not single ACKs, since many may come in one batch, between which nothing leaves. */
bool ft_cc_limited(const struct ft_tcb *tcb, uint32_t flight)
{
    const struct tcp_cc *cc = &tcb->busy->cc;
    if (tcb->cwnd < tcb->ssthresh)
        return tcb->cwnd / 2 < FT_MAX(flight, FT_MAX(cc->pipe, cc->pipe_before));
    return cc->limited || cc->limited_before || flight + tcb->snd_mss > tcb->cwnd;
}

/* RFC 7661 4.4.3: after five minutes in which less than half of the window was used it is halved.
 */
static void validate(const struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct tcp_cc *cc = &tcb->busy->cc;
    uint32_t now_s = (uint32_t)(tcp->env->now / FT_SEC);
    if (cc->pipe_before >= tcb->cwnd / 2) {
        cc->valid_s = now_s;
    } else if (now_s - cc->valid_s >= VALID_MAX_S && !owns_cwnd(tcb)) {
        cc->valid_s = now_s;
        tcb->ssthresh = FT_MAX(tcb->ssthresh, tcb->cwnd - tcb->cwnd / 4);
        tcb->cwnd = FT_MAX(tcb->cwnd / 2, FT_MIN(tcb->cwnd, initial_window(tcb)));
    }
}

/* RFC 7661 4.2: pipeACK, the most that was in the network in the last two round trips. */
static void note_pipe(const struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t flight)
{
    struct tcp_cc *cc = &tcb->busy->cc;
    cc->pipe = FT_MAX(cc->pipe, flight);
    cc->limited |= flight + tcb->snd_mss > tcb->cwnd;
    if (seq_lt(tcb->snd_una, cc->pipe_end))
        return;
    cc->pipe_before = cc->pipe;
    cc->limited_before = cc->limited;
    cc->pipe = flight; /* most of which is of the round that begins */
    cc->limited = false;
    cc->pipe_end = tcb->snd_max;
    validate(tcp, tcb);
}

uint32_t ft_cc_base(const struct ft_tcb *tcb, uint32_t flight)
{
    uint32_t used = FT_MAX(flight, FT_MIN(tcb->cwnd, initial_window(tcb)));
    if (tcb->busy)
        used = FT_MAX(used, FT_MAX(tcb->busy->cc.pipe, tcb->busy->cc.pipe_before));
    return used >= tcb->cwnd / 2 ? tcb->cwnd : used;
}

/* Paths change: what was the least minutes ago is not believed for ever. */
static void note_min_rtt(const struct ft_tcp *tcp, struct tcp_cold *cold, uint32_t rtt_us)
{
    uint32_t now_s = (uint32_t)(tcp->env->now / FT_SEC);
    bool old = now_s - cold->min_rtt_s > MIN_RTT_WINDOW_S;
    if (rtt_us == 0 || (cold->min_rtt_us && rtt_us > cold->min_rtt_us && !old))
        return;
    cold->min_rtt_us = rtt_us;
    cold->min_rtt_s = now_s;
}

void ft_cc_acked(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_ack_sample *sample)
{
    if (!tcb->busy)
        return;
    note_min_rtt(tcp, tcb->cold, sample->rtt_us);
    note_pipe(tcp, tcb, sample->prior_flight);
    ft_rate_finish(tcb, sample);
    if (ops_of(tcb)->on_feedback)
        ops_of(tcb)->on_feedback(tcp, tcb, sample);
    if (!sample->in_recovery || owns_cwnd(tcb))
        ops_of(tcb)->on_ack(tcp, tcb, sample);
    ft_tune_send(tcp, tcb);
}

static void remember(struct ft_tcb *tcb)
{
    if (!tcb->busy)
        return;
    tcb->busy->cc.prior_cwnd = tcb->cwnd;
    tcb->busy->cc.prior_ssthresh = tcb->ssthresh;
}

void ft_cc_congestion(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t flight)
{
    remember(tcb);
    tcb->ssthresh = ops_of(tcb)->on_congestion(tcp, tcb, flight);
    tcb->cc_acked = 0;
    ft_ecn_reduced(tcb);
}

void ft_cc_mark(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t flight)
{
    const struct tcp_cc_ops *ops = ops_of(tcb);
    tcp->env->counters.tcp_ecn_reductions++;
    ft_ecn_reduced(tcb);
    if (ops->on_mark)
        tcb->ssthresh = ops->on_mark(tcp, tcb, flight);
    else
        tcb->ssthresh = ops->on_congestion(tcp, tcb, flight);
    if (owns_cwnd(tcb))
        return;
    tcb->cc_acked = 0;
    if (tcb->busy)
        tcb->busy->cc.prior_cwnd = 0;
}

void ft_cc_rto(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t flight, bool again)
{
    if (!again)
        ft_cc_congestion(tcp, tcb, flight);
    if (!owns_cwnd(tcb))
        tcb->cwnd = tcb->snd_mss;
    tcb->cc_acked = 0;
    if (tcb->busy && ops_of(tcb)->on_rto)
        ops_of(tcb)->on_rto(tcp, tcb, flight);
    ft_pace_reset(tcp, tcb);
}

void ft_cc_undo(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct tcp_cc *cc = tcb->busy ? &tcb->busy->cc : NULL;
    if (!cc || cc->prior_cwnd == 0)
        return;
    tcb->cwnd = FT_MAX(tcb->cwnd, cc->prior_cwnd);
    tcb->ssthresh = FT_MAX(tcb->ssthresh, cc->prior_ssthresh);
    cc->prior_cwnd = 0;
    ft_ecn_unreduced(tcb);
    if (ops_of(tcb)->undo)
        ops_of(tcb)->undo(tcp, tcb);
}

void ft_cc_recovered(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (tcb->busy && ops_of(tcb)->cwnd_event)
        ops_of(tcb)->cwnd_event(tcp, tcb, CC_EVENT_RECOVERED);
}

/* ---- idle ------------------------------------------------------------------------------------ */

/* RFC 5681 4.1: no more than the restart window. As Linux: by half for each RTO, and ssthresh keeps
   three quarters of what was. */
static void shrink(const struct ft_tcp *tcp, struct ft_tcb *tcb, ft_time idle)
{
    uint32_t least = FT_MIN(tcb->cwnd, initial_window(tcb));
    ft_time rto = ft_tcp_rto(tcb, 0);
    tcb->ssthresh = FT_MAX(tcb->ssthresh, tcb->cwnd - tcb->cwnd / 4);
    if (tcp->env->config.profile == FT_PROFILE_RFC)
        tcb->cwnd = least;
    for (; idle > rto && tcb->cwnd > least; idle -= rto)
        tcb->cwnd /= 2;
    tcb->cwnd = FT_MAX(tcb->cwnd, least);
    tcb->cc_acked = 0;
}

void ft_cc_begin_flight(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (!tcb->busy || tcb->busy->cc.begun || !tcb_synchronized(tcb))
        return;
    tcb->busy->cc.begun = true;
    ft_time sent_at = tcb_sending(tcb).sent_at;
    ft_time idle = sent_at ? tcp->env->now - sent_at : 0;
    bool restarts = !(tcp->env->config.tcp_without & FT_TCP_NO_IDLE_RESTART);
    if (restarts && idle > ft_tcp_rto(tcb, 0)) {
        if (!owns_cwnd(tcb))
            shrink(tcp, tcb, idle);
        if (ops_of(tcb)->on_idle_restart)
            ops_of(tcb)->on_idle_restart(tcp, tcb);
    }
    if (ops_of(tcb)->cwnd_event)
        ops_of(tcb)->cwnd_event(tcp, tcb, CC_EVENT_START);
}
