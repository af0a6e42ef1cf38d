/* SPDX-License-Identifier: MIT */
/*
 * HyStart++: RFC 9406 4.2 and 4.3, in its order, with its constants. L is infinite: an ACK here may
 * stand for a whole batch of segments, and what it lets go is paced by the link that asks for it.
 *
 * The round trip that is measured is a round trip old: on a long path whose queue holds no more
 * than the path itself slow start has overrun it by then. So, under Linux's profile, its other sign
 * counts as well, that of the first HyStart: ACKs that follow each other closely for half a round
 * trip come from a pipe that is full.
 */
#include "cc_hystart.h"

#include "priv.h"

#define MIN_RTT_THRESH_US  4000u
#define MAX_RTT_THRESH_US  16000u
#define MIN_RTT_DIVISOR    8
#define N_RTT_SAMPLE       8
#define CSS_GROWTH_DIVISOR 4
#define CSS_ROUNDS         5

#define TRAIN_GAP_US       2000u /* between ACKs of one train, at least ... */
#define TRAIN_GAP_SHARE    32    /* ... or so small a part of the round trip */
#define TRAIN_SEGS         16    /* a smaller window makes no train */

static void begin_round(struct hystart *hs, const struct ft_tcb *tcb, uint32_t now_us)
{
    hs->round_us = hs->train_us = now_us;
    hs->window_end = tcb->snd_max;
    hs->last_min_us = hs->min_us;
    hs->min_us = 0;
    hs->n_samples = 0;
    hs->begun = true;
}

static void note_rtt(struct hystart *hs, uint32_t rtt_us)
{
    if (rtt_us == 0)
        return;
    hs->min_us = hs->min_us ? FT_MIN(hs->min_us, rtt_us) : rtt_us;
    if (hs->n_samples < UINT8_MAX)
        hs->n_samples++;
}

/* Round trips have grown since the last round. */
static bool rtt_grew(const struct hystart *hs)
{
    uint32_t thresh = hs->last_min_us / MIN_RTT_DIVISOR;
    thresh = FT_MAX(MIN_RTT_THRESH_US, FT_MIN(thresh, MAX_RTT_THRESH_US));
    return hs->n_samples >= N_RTT_SAMPLE && hs->last_min_us && hs->min_us &&
           hs->min_us >= hs->last_min_us + thresh;
}

/* A train of ACKs, without a gap since the round began, is half a round trip long. */
static bool train_is_long(struct hystart *hs, const struct ft_tcp *tcp, const struct ft_tcb *tcb,
                          const struct tcp_ack_sample *sample)
{
    uint32_t now_us = (uint32_t)(tcp->env->now / FT_US);
    uint32_t least = tcb->cold->min_rtt_us;
    if (!hs->begun || now_us - hs->train_us > FT_MAX(TRAIN_GAP_US, least / TRAIN_GAP_SHARE))
        return false;
    hs->train_us = now_us;
    return tcp->env->config.profile == FT_PROFILE_LINUX && least &&
           tcb->cwnd >= TRAIN_SEGS * (uint32_t)tcb->snd_mss &&
           ft_cc_limited(tcb, sample->prior_flight) && now_us - hs->round_us > least / 2;
}

uint32_t ft_hystart_ack(struct hystart *hs, const struct ft_tcp *tcp, struct ft_tcb *tcb,
                        const struct tcp_ack_sample *sample)
{
    /* With the first ACK behind windowEnd: it begins the train that the round's window sends. */
    bool round = !hs->begun || seq_gt(tcb->snd_una, hs->window_end);
    if (round) {
        hs->css_rounds = (uint8_t)(hs->css_rounds + (hs->css && hs->begun));
        begin_round(hs, tcb, (uint32_t)(tcp->env->now / FT_US));
    }
    note_rtt(hs, sample->rtt_us);
    if (!hs->css && rtt_grew(hs)) {
        hs->css = true;
        hs->css_rounds = 0;
        hs->baseline_us = hs->min_us;
    } else if (hs->css && hs->n_samples >= N_RTT_SAMPLE && hs->min_us < hs->baseline_us) {
        hs->css = false; /* it was no queue: go on */
    }
    if (train_is_long(hs, tcp, tcb, sample)) {
        tcb->ssthresh = tcb->cwnd;
        return 0;
    }
    if (hs->css && hs->css_rounds >= CSS_ROUNDS) {
        tcb->ssthresh = tcb->cwnd;
        return 0;
    }
    return hs->css ? CSS_GROWTH_DIVISOR : 1;
}
