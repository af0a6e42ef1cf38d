/* SPDX-License-Identifier: MIT */
/*
 * HyStart++: RFC 9406 4.2 and 4.3, in its order, with its constants. L is infinite: an ACK here may
 * stand for a whole batch of segments, and what it lets go is paced by the link that asks for it.
 */
#include "cc_hystart.h"

#include "priv.h"

#define MIN_RTT_THRESH_US  4000u
#define MAX_RTT_THRESH_US  16000u
#define MIN_RTT_DIVISOR    8
#define N_RTT_SAMPLE       8
#define CSS_GROWTH_DIVISOR 4
#define CSS_ROUNDS         5

static void begin_round(struct hystart *hs, const struct ft_tcb *tcb)
{
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

uint32_t ft_hystart_ack(struct hystart *hs, struct ft_tcb *tcb, const struct tcp_ack_sample *sample)
{
    bool round = !hs->begun || seq_ge(tcb->snd_una, hs->window_end);
    note_rtt(hs, sample->rtt_us);
    if (!hs->css && rtt_grew(hs)) {
        hs->css = true;
        hs->css_rounds = 0;
        hs->baseline_us = hs->min_us;
    } else if (hs->css && hs->n_samples >= N_RTT_SAMPLE && hs->min_us < hs->baseline_us) {
        hs->css = false; /* it was no queue: go on */
    }
    if (round) {
        hs->css_rounds = (uint8_t)(hs->css_rounds + (hs->css && hs->begun));
        begin_round(hs, tcb);
    }
    if (hs->css && hs->css_rounds >= CSS_ROUNDS) {
        tcb->ssthresh = tcb->cwnd;
        return 0;
    }
    return hs->css ? CSS_GROWTH_DIVISOR : 1;
}
