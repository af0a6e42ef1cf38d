/* SPDX-License-Identifier: MIT */
/*
 * HyStart++ (RFC 9406): leave slow start when round trips grow longer, before the queue overflows.
 * For an algorithm that embeds the state in its own.
 */
#ifndef TCP_CC_HYSTART_H
#define TCP_CC_HYSTART_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"

struct ft_tcb;
struct ft_tcp;
struct tcp_ack_sample;

struct hystart {
    ft_seq window_end;    /* windowEnd: an ACK from there on ends the round */
    uint32_t last_min_us; /* lastRoundMinRTT; 0: none */
    uint32_t min_us;      /* currentRoundMinRTT; 0: none */
    uint32_t baseline_us; /* cssBaselineMinRtt, with css */
    uint32_t round_us;    /* when the round began, microseconds modulo 2^32 ... */
    uint32_t train_us;    /* ... and the last ACK of the train that began with it */
    uint8_t n_samples;    /* rttSampleCount, saturating */
    uint8_t css_rounds;   /* rounds spent in conservative slow start */
    bool css;             /* in conservative slow start */
    bool begun;           /* window_end is set */
};

/**
 * An ACK has come in the initial slow start. When conservative slow start has lasted long enough
 * ssthresh becomes cwnd; so it does, as on Linux, when a train of ACKs is half a round trip long.
 *
 * Return: by what the growth of this ACK is to be divided: 1 in slow start, 4 in conservative slow
 * start, 0 when slow start is over.
 */
uint32_t ft_hystart_ack(struct hystart *hs, const struct ft_tcp *tcp, struct ft_tcb *tcb,
                        const struct tcp_ack_sample *sample);

#endif
