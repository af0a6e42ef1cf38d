/* SPDX-License-Identifier: MIT */
/*
 * BBR version 3 (draft-ietf-ccwg-bbr), in its order and with its names: the states, their gains,
 * and what is done by the model. It always paces, and cwnd is its own in recovery as well: losses
 * bound what is under way (inflight_hi, inflight_lo, bw_lo) and do not cut it.
 *
 * As in the third version of Linux, recovery does not conserve packets by BBR's doing: what leaves
 * is paced by a rate that losses have lowered.
 */
#include "cc_bbr.h"

#define PACING_MARGIN     99 /* per cent of the rate that is used */
#define STARTUP_GAIN      277
#define DRAIN_GAIN        50
#define DOWN_GAIN         90
#define UP_GAIN           125
#define CWND_GAIN         200
#define UP_CWND_GAIN      225
#define PROBE_RTT_GAIN    50
#define HEADROOM          15
#define MIN_PIPE_SEGS     4
#define PROBE_RTT_SPAN_MS 200
#define WAIT_MS           2000
#define WAIT_MORE_MS      1000
#define RENO_ROUNDS_MAX   63
#define STARTUP_LOSSES    6
#define UP_ROUNDS_MAX     30

static uint32_t pacing_gain(const struct bbr *bbr)
{
    static const uint16_t gains[] = {
        [BBR_STARTUP] = STARTUP_GAIN, [BBR_DRAIN] = DRAIN_GAIN, [BBR_DOWN] = DOWN_GAIN,
        [BBR_CRUISE] = 100,           [BBR_REFILL] = 100,       [BBR_UP] = UP_GAIN,
        [BBR_PROBE_RTT] = 100,
    };
    return gains[bbr->state];
}

static uint32_t cwnd_gain(const struct bbr *bbr)
{
    if (bbr->state == BBR_PROBE_RTT)
        return PROBE_RTT_GAIN;
    return bbr->state == BBR_UP ? UP_CWND_GAIN : CWND_GAIN;
}

static uint32_t min_pipe(const struct ft_tcb *tcb)
{
    return MIN_PIPE_SEGS * (uint32_t)tcb->snd_mss;
}

/* BBRQuantizationBudget(). */
static uint32_t quantize(const struct ft_tcb *tcb, uint32_t cap)
{
    cap = FT_MAX(cap, 3 * FT_MIN(ft_pace_quantum(tcb), 65536u));
    cap = FT_MAX(cap, min_pipe(tcb));
    return bbr_of(tcb)->state == BBR_UP ? cap + 2u * tcb->snd_mss : cap;
}

/* BBRInflight(). */
static uint32_t inflight_of(const struct ft_tcb *tcb, uint64_t bw, uint32_t gain)
{
    return quantize(tcb, ft_bbr_bdp(tcb, bw, gain));
}

/* BBRInflightWithHeadroom(). Deviation: the room is taken from the queue, not from the path. Where
   a buffer holds less than the headroom a window below the path's own octets leaves the path idle
   for all of Cruise. */
static uint32_t with_headroom(const struct ft_tcb *tcb)
{
    uint32_t hi = bbr_of(tcb)->inflight_hi;
    if (hi == BBR_NONE)
        return hi;
    uint32_t room = FT_MAX((uint32_t)tcb->snd_mss, hi / 100 * HEADROOM);
    uint32_t path = FT_MIN(ft_bbr_bdp(tcb, bbr_of(tcb)->bw, 100), hi);
    uint32_t rest = hi > room ? hi - room : 0;
    return FT_MAX(FT_MAX(rest, path), min_pipe(tcb));
}

/* BBRTargetInflight(). */
static uint32_t target_inflight(const struct ft_tcb *tcb)
{
    return FT_MIN(ft_bbr_bdp(tcb, bbr_of(tcb)->bw, 100), tcb->cwnd);
}

/* The window, not the user, was what held the sender back in the last round trips. */
static bool cwnd_limited(const struct ft_tcb *tcb)
{
    const struct tcp_cc *cc = &tcb->busy->cc;
    return FT_MAX(cc->pipe, cc->pipe_before) + 2u * tcb->snd_mss > tcb->cwnd;
}

/* ---- entering states ------------------------------------------------------------------------- */

static void start_down(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_ack_sample *sample)
{
    struct bbr *bbr = bbr_of(tcb);
    ft_bbr_reset_signals(bbr);
    bbr->probe_up_cnt = 0;
    bbr->rounds_since = (uint8_t)ft_rng_below(&tcp->env->rng, 2);
    bbr->probe_wait_ms = WAIT_MS + ft_rng_below(&tcp->env->rng, WAIT_MORE_MS);
    bbr->cycle_at_ms = tcp_now_ms(tcp);
    bbr->ack_phase = BBR_ACKS_PROBE_STOPPING;
    ft_bbr_start_round(bbr, sample);
    bbr->state = BBR_DOWN;
}

static void start_refill(struct bbr *bbr, const struct tcp_ack_sample *sample)
{
    ft_bbr_reset_short_term(bbr);
    bbr->probe_up_rounds = 0;
    bbr->probe_up_acks = 0;
    bbr->ack_phase = BBR_ACKS_REFILLING;
    ft_bbr_start_round(bbr, sample);
    bbr->state = BBR_REFILL;
}

/* BBRRaiseInflightHiSlope(): by a segment a round trip, then two, four, ... */
static void raise_slope(const struct ft_tcb *tcb)
{
    struct bbr *bbr = bbr_of(tcb);
    uint64_t growth = (uint64_t)tcb->snd_mss << bbr->probe_up_rounds;
    if (bbr->probe_up_rounds < UP_ROUNDS_MAX)
        bbr->probe_up_rounds++;
    bbr->probe_up_cnt = FT_MAX((uint32_t)(tcb->cwnd / growth), 1u);
}

static void start_up(struct ft_tcb *tcb, const struct tcp_ack_sample *sample)
{
    struct bbr *bbr = bbr_of(tcb);
    bbr->ack_phase = BBR_ACKS_PROBE_STARTING;
    ft_bbr_start_round(bbr, sample);
    ft_bbr_reset_full_bw(bbr, ft_bbr_rate(sample));
    bbr->state = BBR_UP;
    raise_slope(tcb);
}

/* ---- inflight_hi ----------------------------------------------------------------------------- */

/* BBRHandleInflightTooHigh(). */
static void handle_too_high(struct ft_tcp *tcp, struct ft_tcb *tcb,
                            const struct tcp_ack_sample *sample, uint32_t tx_in_flight,
                            bool app_limited)
{
    struct bbr *bbr = bbr_of(tcb);
    bbr->probe_samples = false;
    if (!app_limited)
        bbr->inflight_hi = FT_MAX(tx_in_flight, BBR_BETA(target_inflight(tcb)));
    if (bbr->state != BBR_UP)
        return;
    bbr->undo_state = BBR_UP;
    start_down(tcp, tcb, sample);
}

/* BBRProbeInflightHiUpward(). */
static void probe_upward(struct ft_tcb *tcb, const struct tcp_ack_sample *sample)
{
    struct bbr *bbr = bbr_of(tcb);
    if (!cwnd_limited(tcb) || tcb->cwnd < bbr->inflight_hi || bbr->probe_up_cnt == 0)
        return;
    bbr->probe_up_acks += sample->newly_delivered;
    uint32_t delta = bbr->probe_up_acks / bbr->probe_up_cnt;
    bbr->probe_up_acks -= delta * bbr->probe_up_cnt;
    bbr->inflight_hi = FT_MIN(bbr->inflight_hi + FT_MIN(delta, CC_CWND_MAX), CC_CWND_MAX);
    if (bbr->round_start)
        raise_slope(tcb);
}

/* BBRAdaptLongTermModel(). */
static void adapt_long_term(struct ft_tcp *tcp, struct ft_tcb *tcb,
                            const struct tcp_ack_sample *sample)
{
    struct bbr *bbr = bbr_of(tcb);
    if (bbr->ack_phase == BBR_ACKS_PROBE_STARTING && bbr->round_start)
        bbr->ack_phase = BBR_ACKS_PROBE_FEEDBACK;
    if (bbr->ack_phase == BBR_ACKS_PROBE_STOPPING && bbr->round_start) {
        bbr->probe_samples = false;
        bbr->ack_phase = BBR_ACKS_INIT;
        if (bbr_in_probe_bw(bbr) && !sample->app_limited)
            ft_bbr_next_cycle(bbr);
    }
    if (sample->has_prior && ft_bbr_too_high(tcb, sample->lost_since, sample->tx_in_flight)) {
        if (bbr->probe_samples)
            handle_too_high(tcp, tcb, sample, sample->tx_in_flight, sample->app_limited);
        return;
    }
    if (bbr->inflight_hi == BBR_NONE)
        return;
    if (sample->has_prior && sample->tx_in_flight > bbr->inflight_hi)
        bbr->inflight_hi = sample->tx_in_flight;
    if (bbr->state == BBR_UP)
        probe_upward(tcb, sample);
}

/* BBRInflightHiFromLostPacket(): what was under way when the share of losses passed the threshold
   within the octets of this record. */
static uint32_t prefix_of(uint32_t tx_in_flight, uint32_t lost, uint32_t octets)
{
    uint32_t before = tx_in_flight > octets ? tx_in_flight - octets : 0;
    uint32_t lost_before = lost > octets ? lost - octets : 0;
    uint32_t allowed = before / BBR_LOSS_SHARE;
    if (allowed <= lost_before)
        return before;
    return before + (allowed - lost_before) / (BBR_LOSS_SHARE - 1) * BBR_LOSS_SHARE;
}

/* SaveStateUponLoss(): once, before the first loss of an episode changes anything. */
static void save(struct bbr *bbr)
{
    if (bbr->undo_saved)
        return;
    bbr->undo_saved = true;
    bbr->undo_state = BBR_UNDO_NONE;
    bbr->undo_bw_lo = bbr->bw_lo;
    bbr->undo_inflight_lo = bbr->inflight_lo;
    bbr->undo_inflight_hi = bbr->inflight_hi;
}

/* BBRHandleLostPacket(). */
static void on_lost(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_rate_stamp *stamp,
                    uint32_t octets)
{
    struct bbr *bbr = bbr_of(tcb);
    const struct tcp_rate *rate = &tcb->busy->cc.rate;
    uint32_t lost = rate->lost - stamp->lost;
    if (!(tcb->flags & (TCB_RECOVERY | TCB_LOSS)))
        save(bbr);
    ft_bbr_note(bbr, tcb);
    bbr->loss_in_round = true;
    if (!bbr->probe_samples || !ft_bbr_too_high(tcb, lost, stamp->in_flight))
        return;
    struct tcp_ack_sample now = {.delivered = rate->delivered};
    uint32_t inflight = prefix_of(stamp->in_flight, lost, octets);
    handle_too_high(tcp, tcb, &now, inflight, stamp->app_limited);
}

/* ---- Startup and Drain ----------------------------------------------------------------------- */

static void startup_is_over(struct ft_tcb *tcb)
{
    struct bbr *bbr = bbr_of(tcb);
    bbr->full_bw_reached = true;
    uint32_t bdp = ft_bbr_bdp(tcb, ft_bbr_max_bw(bbr), 100);
    bbr->inflight_hi = FT_MAX(bdp, bbr->inflight_latest);
}

/* BBRCheckStartupHighLoss(). */
static void check_high_loss(struct ft_tcb *tcb, const struct tcp_ack_sample *sample)
{
    struct bbr *bbr = bbr_of(tcb);
    if (bbr->full_bw_reached || !bbr->loss_round_start || !sample->in_recovery ||
        bbr->loss_events < STARTUP_LOSSES ||
        !ft_bbr_too_high(tcb, sample->lost_since, sample->tx_in_flight))
        return;
    bbr->undo_state = BBR_STARTUP;
    startup_is_over(tcb);
}

static void check_startup(struct ft_tcp *tcp, struct ft_tcb *tcb,
                          const struct tcp_ack_sample *sample)
{
    struct bbr *bbr = bbr_of(tcb);
    check_high_loss(tcb, sample);
    if (bbr->state == BBR_STARTUP && bbr->full_bw_reached)
        bbr->state = BBR_DRAIN;
    if (bbr->state == BBR_DRAIN && sample->flight <= inflight_of(tcb, ft_bbr_max_bw(bbr), 100))
        start_down(tcp, tcb, sample);
}

/* ---- ProbeBW --------------------------------------------------------------------------------- */

/* BBRIsTimeToProbeBW(): after two to three seconds, or as many round trips as Reno would need. */
static bool is_time_to_probe(struct ft_tcp *tcp, const struct ft_tcb *tcb)
{
    const struct bbr *bbr = bbr_of(tcb);
    uint32_t reno = FT_MIN(target_inflight(tcb) / tcb->snd_mss, (uint32_t)RENO_ROUNDS_MAX);
    return tcp_now_ms(tcp) - bbr->cycle_at_ms > bbr->probe_wait_ms || bbr->rounds_since >= reno;
}

/* BBRIsTimeToCruise(). */
static bool is_time_to_cruise(const struct ft_tcb *tcb, const struct tcp_ack_sample *sample)
{
    uint64_t max_bw = ft_bbr_max_bw(bbr_of(tcb));
    return sample->flight <= with_headroom(tcb) && sample->flight <= inflight_of(tcb, max_bw, 100);
}

/* BBRIsTimeToGoDown(). */
static bool is_time_to_go_down(struct ft_tcb *tcb, const struct tcp_ack_sample *sample)
{
    struct bbr *bbr = bbr_of(tcb);
    if (cwnd_limited(tcb) && tcb->cwnd >= bbr->inflight_hi) {
        ft_bbr_reset_full_bw(bbr, ft_bbr_rate(sample));
        return false;
    }
    return bbr->full_bw_now;
}

/* BBRUpdateProbeBWCyclePhase(). */
static void update_cycle(struct ft_tcp *tcp, struct ft_tcb *tcb,
                         const struct tcp_ack_sample *sample)
{
    struct bbr *bbr = bbr_of(tcb);
    if (!bbr->full_bw_reached)
        return;
    adapt_long_term(tcp, tcb, sample);
    switch ((enum bbr_state)bbr->state) {
    case BBR_DOWN:
    case BBR_CRUISE:
        if (is_time_to_probe(tcp, tcb))
            start_refill(bbr, sample);
        else if (is_time_to_cruise(tcb, sample))
            bbr->state = BBR_CRUISE;
        break;
    case BBR_REFILL:
        if (bbr->round_start) {
            bbr->probe_samples = true;
            start_up(tcb, sample);
        }
        break;
    case BBR_UP:
        if (is_time_to_go_down(tcb, sample))
            start_down(tcp, tcb, sample);
        break;
    case BBR_STARTUP:
    case BBR_DRAIN:
    case BBR_PROBE_RTT:
        break;
    }
}

/* ---- ProbeRTT -------------------------------------------------------------------------------- */

static uint32_t probe_rtt_cwnd(const struct ft_tcb *tcb)
{
    return FT_MAX(ft_bbr_bdp(tcb, bbr_of(tcb)->bw, PROBE_RTT_GAIN), min_pipe(tcb));
}

/* BBRExitProbeRTT(). */
static void exit_probe_rtt(struct ft_tcp *tcp, struct ft_tcb *tcb,
                           const struct tcp_ack_sample *sample)
{
    struct bbr *bbr = bbr_of(tcb);
    ft_bbr_reset_short_term(bbr);
    if (!bbr->full_bw_reached) {
        bbr->state = BBR_STARTUP;
        return;
    }
    start_down(tcp, tcb, sample);
    bbr->state = BBR_CRUISE;
}

/* BBRCheckProbeRTTDone(). */
static void check_probe_rtt_done(struct ft_tcp *tcp, struct ft_tcb *tcb,
                                 const struct tcp_ack_sample *sample)
{
    struct bbr *bbr = bbr_of(tcb);
    uint32_t now_ms = tcp_now_ms(tcp);
    if (!bbr->probe_rtt_timing || (int32_t)(now_ms - bbr->probe_rtt_done_at_ms) <= 0)
        return;
    bbr->probe_rtt_min_at_ms = now_ms;
    tcb->cwnd = FT_MAX(tcb->cwnd, bbr->prior_cwnd);
    exit_probe_rtt(tcp, tcb, sample);
}

/* BBRCheckProbeRTT() and BBRHandleProbeRTT(). */
static void check_probe_rtt(struct ft_tcp *tcp, struct ft_tcb *tcb,
                            const struct tcp_ack_sample *sample, bool due)
{
    struct bbr *bbr = bbr_of(tcb);
    if (due && bbr->state != BBR_PROBE_RTT && !bbr->idle_restart) {
        bbr->prior_cwnd = sample->in_recovery ? FT_MAX(bbr->prior_cwnd, tcb->cwnd) : tcb->cwnd;
        bbr->state = BBR_PROBE_RTT;
        bbr->probe_rtt_timing = false;
        bbr->ack_phase = BBR_ACKS_PROBE_STOPPING;
        ft_bbr_start_round(bbr, sample);
    }
    if (sample->newly_delivered > 0)
        bbr->idle_restart = false;
    if (bbr->state != BBR_PROBE_RTT)
        return;
    ft_rate_app_limited(tcb, sample->flight);
    if (!bbr->probe_rtt_timing && sample->flight <= probe_rtt_cwnd(tcb)) {
        bbr->probe_rtt_timing = true;
        bbr->probe_rtt_done_at_ms = tcp_now_ms(tcp) + PROBE_RTT_SPAN_MS;
        bbr->probe_rtt_round = false;
        ft_bbr_start_round(bbr, sample);
    } else if (bbr->probe_rtt_timing) {
        bbr->probe_rtt_round |= bbr->round_start;
        if (bbr->probe_rtt_round)
            check_probe_rtt_done(tcp, tcb, sample);
    }
}

/* ---- control --------------------------------------------------------------------------------- */

/* BBRSetPacingRateWithGain(). */
static void set_pacing_rate(struct ft_tcb *tcb, uint32_t gain)
{
    const struct bbr *bbr = bbr_of(tcb);
    struct tcp_cc *cc = &tcb->busy->cc;
    uint64_t rate =
        bbr->bw / 10000 * gain * PACING_MARGIN + bbr->bw % 10000 * gain * PACING_MARGIN / 10000;
    if (rate > 0 && (bbr->full_bw_reached || rate > cc->pace_rate || cc->pace_rate == CC_PACE_NONE))
        cc->pace_rate = rate;
}

/* BBRInitPacingRate(). */
static void init_pacing_rate(struct ft_tcb *tcb)
{
    uint64_t rtt_us = tcb->cold->srtt_us ? tcb->cold->srtt_us : 1000;
    uint64_t cwnd = tcb->cwnd ? tcb->cwnd : TCP_INIT_SEGS * (uint64_t)tcb->snd_mss;
    tcb->busy->cc.pace_rate = cwnd * 10000 * STARTUP_GAIN / rtt_us;
}

/* BBRBoundCwndForModel(). */
static uint32_t model_cap(const struct ft_tcb *tcb)
{
    const struct bbr *bbr = bbr_of(tcb);
    uint32_t cap = BBR_NONE;
    if (bbr_in_probe_bw(bbr) && bbr->state != BBR_CRUISE)
        cap = bbr->inflight_hi;
    else if (bbr->state == BBR_PROBE_RTT || bbr->state == BBR_CRUISE)
        cap = with_headroom(tcb);
    return FT_MAX(FT_MIN(cap, bbr->inflight_lo), min_pipe(tcb));
}

/* BBRSetCwnd(). */
static void set_cwnd(struct ft_tcb *tcb, const struct tcp_ack_sample *sample)
{
    const struct bbr *bbr = bbr_of(tcb);
    uint32_t acked = sample->newly_delivered;
    uint32_t max = ft_bbr_bdp(tcb, bbr->bw, cwnd_gain(bbr)) + ft_bbr_extra_acked(bbr);
    max = quantize(tcb, max);
    uint32_t cwnd = tcb->cwnd;
    if (bbr->full_bw_reached)
        cwnd = FT_MIN(cwnd + acked, max);
    else if (cwnd < max || sample->delivered < 2 * TCP_INIT_SEGS * (uint32_t)tcb->snd_mss)
        cwnd += acked;
    cwnd = FT_MAX(cwnd, min_pipe(tcb));
    if (bbr->state == BBR_PROBE_RTT)
        cwnd = FT_MIN(cwnd, probe_rtt_cwnd(tcb));
    tcb->cwnd = FT_MIN(FT_MIN(cwnd, model_cap(tcb)), CC_CWND_MAX);
}

/* BBRUpdateModelAndState() and BBRUpdateControlParameters(). */
static void on_ack(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_ack_sample *sample)
{
    struct bbr *bbr = bbr_of(tcb);
    ft_bbr_signals(bbr, tcb, sample);
    ft_bbr_aggregation(tcp, tcb, sample);
    ft_bbr_check_full_bw(bbr, sample);
    check_startup(tcp, tcb, sample);
    update_cycle(tcp, tcb, sample);
    bool due = ft_bbr_min_rtt(bbr, sample->rtt_us, tcp_now_ms(tcp));
    check_probe_rtt(tcp, tcb, sample, due);
    ft_bbr_signals_done(bbr, sample);
    set_pacing_rate(tcb, pacing_gain(bbr));
    set_cwnd(tcb, sample);
}

/* ---- congestion, and the rest of life -------------------------------------------------------- */

/* Nothing is cut; what the model was is remembered, should it have been no congestion. */
static uint32_t on_congestion(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t flight)
{
    (void)tcp;
    (void)flight;
    if (tcb->busy) {
        save(bbr_of(tcb));
        bbr_of(tcb)->undo_saved = false; /* the next one saves anew */
    }
    return tcb->ssthresh;
}

/* The draft has no rule for marks. A round trip with one is taken for one with too many losses: in
   Startup the pipe is full, of our own probing it was too much, else a bound falls at its end. */
static uint32_t on_mark(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t flight)
{
    if (!tcb->busy)
        return tcb->ssthresh;
    struct bbr *bbr = bbr_of(tcb);
    struct tcp_ack_sample now = {.delivered = tcb->busy->cc.rate.delivered};
    if (bbr->state == BBR_STARTUP)
        startup_is_over(tcb);
    else if (bbr->probe_samples)
        handle_too_high(tcp, tcb, &now, flight, false);
    ft_bbr_note(bbr, tcb);
    bbr->mark_in_round = true;
    return tcb->ssthresh;
}

/* BBROnEnterRTO(): all that was under way counts as lost. */
static void on_rto(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t flight)
{
    (void)tcp;
    (void)flight;
    struct bbr *bbr = bbr_of(tcb);
    bbr->prior_cwnd = FT_MAX(bbr->prior_cwnd, tcb->cwnd);
    tcb->cwnd = tcb->snd_mss;
}

/* HandleSpuriousLossDetection(). */
static void undo(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    (void)tcp;
    struct bbr *bbr = bbr_of(tcb);
    struct tcp_ack_sample now = {.delivered = tcb->busy->cc.rate.delivered};
    ft_bbr_reset_full_bw(bbr, 0);
    bbr->loss_in_round = false;
    bbr->bw_lo = FT_MAX(bbr->bw_lo, bbr->undo_bw_lo);
    bbr->inflight_lo = FT_MAX(bbr->inflight_lo, bbr->undo_inflight_lo);
    bbr->inflight_hi = FT_MAX(bbr->inflight_hi, bbr->undo_inflight_hi);
    if (bbr->undo_state == BBR_STARTUP && bbr->state != BBR_STARTUP) {
        bbr->full_bw_reached = false;
        if (bbr->state != BBR_PROBE_RTT)
            bbr->state = BBR_STARTUP;
    } else if (bbr->undo_state == BBR_UP && bbr_in_probe_bw(bbr) && bbr->state != BBR_UP) {
        start_refill(bbr, &now);
    }
    bbr->undo_state = BBR_UNDO_NONE;
}

/* BBRHandleRestartFromIdle(), and the end of recovery. */
static void cwnd_event(struct ft_tcp *tcp, struct ft_tcb *tcb, enum tcp_cc_event event)
{
    struct bbr *bbr = bbr_of(tcb);
    if (event == CC_EVENT_RECOVERED && bbr->state == BBR_PROBE_RTT)
        return; /* its end restores the window */
    if (event == CC_EVENT_RECOVERED) {
        tcb->cwnd = FT_MAX(tcb->cwnd, bbr->prior_cwnd);
        bbr->prior_cwnd = 0;
        return;
    }
    struct tcp_ack_sample now = {.delivered = tcb->busy->cc.rate.delivered};
    bbr->idle_restart = true;
    bbr->acked_from_us = (uint32_t)(tcp->env->now / FT_US);
    bbr->acked_octets = 0;
    if (bbr_in_probe_bw(bbr))
        set_pacing_rate(tcb, 100);
    else if (bbr->state == BBR_PROBE_RTT)
        check_probe_rtt_done(tcp, tcb, &now);
}

/* What outlives idle. A connection that has known its path goes on where it cruised. */
struct bbr_kept {
    uint32_t max_bw; /* in units of 16 octets a second; 0: nothing was kept */
    uint32_t inflight_hi;
    uint32_t min_rtt_us, min_rtt_at_ms;
    uint32_t probe_rtt_min_us, probe_rtt_min_at_ms;
    uint32_t cycle_at_ms;
    uint32_t wait_ms; /* BBR.bw_probe_wait, and 1 << 31: the pipe has been filled once */
};

static_assert(sizeof(struct bbr_kept) <= CC_KEEP_WORDS * sizeof(uint32_t), "it is kept whole");

#define KEPT_FULL (1u << 31)

static void release(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    const struct bbr *bbr = bbr_of(tcb);
    struct bbr_kept kept = {
        .max_bw = (uint32_t)FT_MIN(ft_bbr_max_bw(bbr) / 16, (uint64_t)UINT32_MAX),
        .inflight_hi = bbr->inflight_hi,
        .min_rtt_us = bbr->min_rtt_us,
        .min_rtt_at_ms = bbr->min_rtt_at_ms,
        .probe_rtt_min_us = bbr->probe_rtt_min_us,
        .probe_rtt_min_at_ms = bbr->probe_rtt_min_at_ms,
        .cycle_at_ms = bbr->cycle_at_ms,
        .wait_ms = bbr->probe_wait_ms | (bbr->full_bw_reached ? KEPT_FULL : 0),
    };
    ft_cc_keep(tcp, tcb, &kept, sizeof kept);
}

static void recall(struct bbr *bbr, const struct bbr_kept *kept)
{
    bbr->max_bw[1] = bbr->bw = (uint64_t)kept->max_bw * 16;
    bbr->inflight_hi = kept->inflight_hi;
    bbr->min_rtt_us = kept->min_rtt_us;
    bbr->min_rtt_at_ms = kept->min_rtt_at_ms;
    bbr->probe_rtt_min_us = kept->probe_rtt_min_us;
    bbr->probe_rtt_min_at_ms = kept->probe_rtt_min_at_ms;
    bbr->cycle_at_ms = kept->cycle_at_ms;
    bbr->probe_wait_ms = kept->wait_ms & ~KEPT_FULL;
    bbr->full_bw_reached = kept->wait_ms & KEPT_FULL;
    bbr->state = bbr->full_bw_reached ? BBR_CRUISE : BBR_STARTUP;
}

/* BBROnInit(). */
static void init(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct bbr *bbr = bbr_of(tcb);
    const struct tcp_rate *rate = &tcb->busy->cc.rate;
    struct bbr_kept kept = {.max_bw = 0};
    bbr->next_round_delivered = bbr->loss_round_delivered = bbr->loss_round_from = rate->delivered;
    bbr->loss_round_lost = rate->lost;
    bbr->inflight_hi = BBR_NONE;
    bbr->undo_inflight_hi = bbr->undo_inflight_lo = BBR_NONE;
    bbr->undo_bw_lo = BBR_BW_NONE;
    bbr->undo_state = BBR_UNDO_NONE;
    bbr->min_rtt_at_ms = bbr->probe_rtt_min_at_ms = tcp_now_ms(tcp);
    bbr->min_rtt_us = bbr->probe_rtt_min_us = tcb->cold->srtt_us;
    bbr->acked_from_us = (uint32_t)(tcp->env->now / FT_US);
    ft_bbr_reset_short_term(bbr);
    init_pacing_rate(tcb);
    ft_cc_recall(tcb, &kept, sizeof kept);
    if (kept.max_bw == 0)
        return;
    recall(bbr, &kept);
    set_pacing_rate(tcb, bbr->full_bw_reached ? 100 : STARTUP_GAIN);
}

#define KEPT_WORD(field) (1u << offsetof(struct bbr_kept, field) / sizeof(uint32_t))

/* So that no product overflows: two minutes of a round trip, a minute between probes. */
static bool kept_fits(const uint32_t words[CC_KEEP_WORDS])
{
    struct bbr_kept kept;
    memcpy(&kept, words, sizeof kept);
    return kept.min_rtt_us <= 120000000 && kept.probe_rtt_min_us <= 120000000 &&
           (kept.wait_ms & ~KEPT_FULL) <= 60000;
}

const struct tcp_cc_ops ft_cc_bbr = {
    .name = "bbr",
    .kept_instants =
        KEPT_WORD(min_rtt_at_ms) | KEPT_WORD(probe_rtt_min_at_ms) | KEPT_WORD(cycle_at_ms),
    .kept_fits = kept_fits,
    .flags = CC_OWNS_CWND,
    .init = init,
    .release = release,
    .on_ack = on_ack,
    .on_congestion = on_congestion,
    .on_rto = on_rto,
    .on_mark = on_mark,
    .on_lost = on_lost,
    .undo = undo,
    .cwnd_event = cwnd_event,
};
