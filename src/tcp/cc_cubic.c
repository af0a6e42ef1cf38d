/* SPDX-License-Identifier: MIT */
/*
 * CUBIC: RFC 9438 4, in its order and with its names, in integers: octets and milliseconds. Slow
 * start is HyStart++'s (RFC 9406) until congestion has been met once.
 */
#include "cc_cubic.h"
#include "cc_hystart.h"
#include "priv.h"

/* C is 0.4 segments a second cubed, beta 0.7: kept as fractions. */
#define BETA(x)     ((uint32_t)((uint64_t)(x)*7 / 10))
#define BETA_ECN(x) ((uint32_t)((uint64_t)(x)*17 / 20))
#define EXPLORE     20      /* Linux: an octet for so many acknowledged, before the first loss */
#define SPAN_MAX    200000u /* ms from K beyond which the curve is taken for a wall */
#define ALPHA_NUM   9       /* alpha_cubic: 3 * (1 - beta) / (1 + beta) */
#define ALPHA_DEN   17

/* What says where on its curve the window is; outlives idle, and comes back by undo. */
struct cubic_epoch {
    uint32_t w_max;      /* W_max, octets; 0: none, after a timeout or before the first loss */
    uint32_t cwnd_prior; /* cwnd when it was last reduced */
    uint32_t start_ms;   /* t_epoch, with running */
    uint32_t k_ms;       /* K */
    uint32_t origin;     /* W_max of this epoch: the level at K */
    uint32_t w_est;      /* W_est */
    uint32_t running;    /* congestion avoidance has begun: the fields from start_ms on count */
};

struct cubic {
    struct cubic_epoch now;
    struct cubic_epoch before; /* before congestion was met last, for undo */
    struct hystart hystart;
    uint32_t cwnd_rest; /* what of cwnd's growth did not make an octet yet, times cwnd */
    uint64_t est_rest;  /* and of W_est's */
    uint32_t last_ms;   /* of the last ACK */
};

static_assert(sizeof(struct cubic) <= CC_STATE_MAX, "state is bounded");
static_assert(sizeof(struct cubic_epoch) <= CC_KEEP_WORDS * sizeof(uint32_t), "kept whole");

static struct cubic *state_of(const struct ft_tcb *tcb)
{
    return CC_STATE(tcb, struct cubic);
}

/* The largest integer whose cube is at most x, digit by digit. */
uint32_t ft_cubic_root(uint64_t x)
{
    uint64_t root = 0;
    for (int shift = 63; shift >= 0; shift -= 3) {
        root *= 2;
        uint64_t next = 3 * root * (root + 1) + 1; /* (root + 1)^3 - root^3 */
        if (x >> shift >= next) {
            x -= next << shift;
            root++;
        }
    }
    return (uint32_t)root;
}

/* Equation 2: K = cbrt((W_max - cwnd_epoch) / C), in ms; 1/C is 2.5. */
uint32_t ft_cubic_k_ms(uint32_t w_max, uint32_t cwnd_epoch, uint32_t mss)
{
    uint64_t below = w_max > cwnd_epoch ? w_max - cwnd_epoch : 0;
    return ft_cubic_root(FT_MIN(below, (uint64_t)1 << 32) * UINT64_C(2500000000) / mss);
}

/* Equation 1: W_cubic(t) = C * (t - K)^3 + W_max. */
uint32_t ft_cubic_window(const struct ft_cubic_curve *curve, uint32_t t_ms)
{
    bool after = t_ms >= curve->k_ms;
    uint64_t span = after ? t_ms - curve->k_ms : curve->k_ms - t_ms;
    span = FT_MIN(span, (uint64_t)SPAN_MAX);
    /* ms^3 are 10^-9 s^3; a unit of the first quotient is half an octet. */
    uint64_t delta = span * span * span / 1000000 * 2 * curve->mss / 5000;
    if (after)
        return (uint32_t)FT_MIN(curve->w_max + delta, (uint64_t)CC_CWND_MAX);
    return delta < curve->w_max ? curve->w_max - (uint32_t)delta : 0;
}

static struct ft_cubic_curve curve_of(const struct ft_tcb *tcb, const struct cubic_epoch *e)
{
    return (struct ft_cubic_curve){.w_max = e->origin, .k_ms = e->k_ms, .mss = tcb->snd_mss};
}

/* 4.2: a new stage of congestion avoidance. After a timeout or without a loss before (4.7, 4.8) the
   curve begins where it is flat. */
static void begin_epoch(struct cubic *cubic, const struct ft_tcb *tcb, uint32_t now_ms)
{
    struct cubic_epoch *e = &cubic->now;
    e->running = true;
    e->start_ms = now_ms;
    e->origin = FT_MAX(e->w_max, tcb->cwnd);
    e->k_ms = ft_cubic_k_ms(e->origin, tcb->cwnd, tcb->snd_mss);
    e->w_est = tcb->cwnd;
    cubic->cwnd_rest = 0;
    cubic->est_rest = 0;
}

/* 4.3: what Reno would have by now. */
static void grow_estimate(struct cubic *cubic, const struct ft_tcb *tcb, uint32_t acked)
{
    struct cubic_epoch *e = &cubic->now;
    uint32_t alpha = e->w_est >= e->cwnd_prior ? ALPHA_DEN : ALPHA_NUM;
    uint64_t den = (uint64_t)tcb->cwnd * ALPHA_DEN;
    uint64_t num = (uint64_t)acked * tcb->snd_mss * alpha + cubic->est_rest;
    e->w_est = FT_MIN(e->w_est + (uint32_t)FT_MIN(num / den, (uint64_t)CC_CWND_MAX), CC_CWND_MAX);
    cubic->est_rest = num % den;
}

/* 4.4, 4.5: by (target - cwnd) / cwnd for each segment acknowledged. */
static void approach(struct cubic *cubic, struct ft_tcb *tcb, uint32_t target, uint32_t acked)
{
    target = FT_MAX(tcb->cwnd, FT_MIN(target, tcb->cwnd + tcb->cwnd / 2));
    uint64_t num = (uint64_t)(target - tcb->cwnd) * acked + cubic->cwnd_rest;
    uint32_t grown = (uint32_t)FT_MIN(num / tcb->cwnd, (uint64_t)(target - tcb->cwnd));
    cubic->cwnd_rest = (uint32_t)(num % tcb->cwnd);
    tcb->cwnd += grown;
}

/* As long as nothing was lost, or after a timeout, nobody knows where the curve should be flat.
   After HyStart has left slow start, at the path's own size, RFC 9438 4.10 takes the window of that
   moment for W_max and explores by C * t^3, which is nothing for seconds: who has left slow start
   by a loss has the whole queue by then, and keeps most of it for a minute. Linux grows by 5 % in a
   round trip meanwhile, and so does its profile here. */
static uint32_t explored(const struct ft_tcp *tcp, const struct ft_tcb *tcb,
                         const struct cubic_epoch *e)
{
    bool unknown = e->w_max == 0 && tcp->env->config.profile == FT_PROFILE_LINUX;
    return unknown ? tcb->cwnd + tcb->cwnd / EXPLORE : tcb->cwnd;
}

static void avoid(const struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t acked, uint32_t now_ms)
{
    struct cubic *cubic = state_of(tcb);
    struct cubic_epoch *e = &cubic->now;
    if (!e->running)
        begin_epoch(cubic, tcb, now_ms);
    struct ft_cubic_curve curve = curve_of(tcb, e);
    uint32_t t = now_ms - e->start_ms;
    grow_estimate(cubic, tcb, acked);
    uint32_t target = ft_cubic_window(&curve, t + tcb->cold->srtt_us / 1000);
    if (ft_cubic_window(&curve, t) < e->w_est)
        target = tcb->cwnd = FT_MAX(tcb->cwnd, e->w_est); /* 4.3, the Reno-friendly region */
    approach(cubic, tcb, FT_MAX(target, explored(tcp, tcb, e)), acked);
}

/* 5.8: time in which the window was not used is not time on the curve. */
static void stand_still(struct cubic *cubic, uint32_t since_ms, uint32_t now_ms)
{
    struct cubic_epoch *e = &cubic->now;
    if (!e->running || (int32_t)(now_ms - since_ms) <= 0)
        return;
    e->start_ms += now_ms - since_ms;
    if ((int32_t)(now_ms - e->start_ms) < 0)
        e->start_ms = now_ms;
}

static void on_ack(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_ack_sample *sample)
{
    struct cubic *cubic = state_of(tcb);
    bool limited = ft_cc_limited(tcb, sample->prior_flight) && tcb->cwnd < CC_CWND_MAX;
    uint32_t now_ms = tcp_now_ms(tcp);
    uint32_t last_ms = cubic->last_ms;
    uint32_t acked = sample->acked;
    cubic->last_ms = now_ms;
    if (tcb->cwnd < tcb->ssthresh) {
        struct tcp_ack_sample part = *sample;
        uint32_t by = 1;
        if (tcb->ssthresh == TCP_SSTHRESH_NONE)
            by = ft_hystart_ack(&cubic->hystart, tcp, tcb, sample);
        part.acked = by ? acked / by : 0;
        if (!limited)
            return;
        acked = ft_cc_slow_start(tcb, &part);
        if (tcb->cwnd < tcb->ssthresh || acked == 0)
            return;
    }
    if (limited)
        avoid(tcp, tcb, acked, now_ms);
    else
        stand_still(cubic, last_ms, now_ms);
}

/* 4.7 fast convergence, and the end of the epoch. */
static void end_epoch(struct ft_tcb *tcb)
{
    if (tcb->busy) {
        struct cubic *cubic = state_of(tcb);
        cubic->before = cubic->now;
        cubic->now = (struct cubic_epoch){
            .w_max = tcb->cwnd < cubic->now.w_max ? tcb->cwnd / 20 * 17 : tcb->cwnd,
            .cwnd_prior = tcb->cwnd,
        };
    }
}

/* 4.6 multiplicative decrease. */
static uint32_t on_congestion(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t flight)
{
    (void)tcp;
    uint32_t base = ft_cc_base(tcb, flight);
    end_epoch(tcb);
    return FT_MAX(BETA(base), 2u * tcb->snd_mss);
}

/* RFC 8511 3: what marks has a short queue, so less is given up; not out of slow start, in which
   the window has gone too far. */
static uint32_t on_mark(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t flight)
{
    if (tcb->cwnd < tcb->ssthresh)
        return on_congestion(tcp, tcb, flight);
    uint32_t base = ft_cc_base(tcb, flight);
    end_epoch(tcb);
    return FT_MAX(BETA_ECN(base), 2u * tcb->snd_mss);
}

/* 4.8: after a timeout K is 0, and W_max is the window at which avoidance begins. */
static void on_rto(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t flight)
{
    (void)tcp;
    (void)flight;
    struct cubic *cubic = state_of(tcb);
    cubic->now.w_max = 0;
    cubic->now.running = false;
}

/* 4.9: congestion was none. */
static void undo(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    (void)tcp;
    struct cubic *cubic = state_of(tcb);
    cubic->now = cubic->before;
}

static void cwnd_event(struct ft_tcp *tcp, struct ft_tcb *tcb, enum tcp_cc_event event)
{
    struct cubic *cubic = state_of(tcb);
    ft_time sent_at = tcb_sending(tcb).sent_at;
    if (event != CC_EVENT_START || sent_at == 0)
        return;
    stand_still(cubic, (uint32_t)(sent_at / FT_MS), tcp_now_ms(tcp));
    cubic->last_ms = tcp_now_ms(tcp);
}

static void init(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct cubic *cubic = state_of(tcb);
    ft_cc_recall(tcb, &cubic->now, sizeof cubic->now);
    cubic->last_ms = tcp_now_ms(tcp);
}

static void release(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    const struct cubic_epoch *now = &state_of(tcb)->now;
    if (now->w_max || now->running || tcb->cold->past)
        ft_cc_keep(tcp, tcb, now, sizeof *now);
}

/* Windows are no larger than any opens, and K no longer than the curve is looked at. */
static bool kept_fits(const uint32_t kept[CC_KEEP_WORDS])
{
    struct cubic_epoch now;
    memcpy(&now, kept, sizeof now);
    return now.w_max <= CC_CWND_MAX && now.cwnd_prior <= CC_CWND_MAX && now.origin <= CC_CWND_MAX &&
           now.w_est <= CC_CWND_MAX && now.k_ms <= INT32_MAX && now.running <= 1;
}

const struct tcp_cc_ops ft_cc_cubic = {
    .name = "cubic",
    .kept_instants = 1u << offsetof(struct cubic_epoch, start_ms) / sizeof(uint32_t),
    .kept_fits = kept_fits,
    .init = init,
    .release = release,
    .on_ack = on_ack,
    .on_congestion = on_congestion,
    .on_mark = on_mark,
    .on_rto = on_rto,
    .undo = undo,
    .cwnd_event = cwnd_event,
};
