/* SPDX-License-Identifier: MIT */
/*
 * How fast octets are delivered (draft-cheng-iccrg-delivery-rate-estimation, as
 * draft-ietf-ccwg-bbr 4.1 has it), in its order and words. A sample is what was delivered between
 * the sending of a segment and its acknowledgement, over the longer of the two times that this took
 * at the sender and at the receiver. Times are microseconds modulo 2^32, which suffices, since a
 * flight that begins anew begins the clocks anew.
 */
#include "priv.h"

static uint32_t now_us(const struct ft_tcp *tcp)
{
    return (uint32_t)(tcp->env->now / FT_US);
}

/* OnPacketSent. */
void ft_rate_sent(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t before, uint32_t len,
                  struct tcp_rate_stamp *ret_stamp)
{
    uint32_t now = now_us(tcp);
    *ret_stamp = (struct tcp_rate_stamp){.sent_us = now};
    if (!tcb->busy)
        return;
    struct tcp_rate *rate = &tcb->busy->cc.rate;
    tcb->busy->cc.begun = false;
    if (before == 0)
        rate->first_us = rate->delivered_us = now;
    ret_stamp->first_us = rate->first_us;
    ret_stamp->delivered_us = rate->delivered_us;
    ret_stamp->delivered = rate->delivered;
    ret_stamp->lost = rate->lost;
    ret_stamp->in_flight = before + len;
    ret_stamp->app_limited = rate->app_limited;
}

void ft_rate_begin(const struct ft_tcb *tcb, struct tcp_ack_sample *sample)
{
    *sample = (struct tcp_ack_sample){.rtt_us = 0};
    if (tcb->busy)
        sample->delivered = tcb->busy->cc.rate.delivered;
}

/* UpdateRateSample: the newest of the segments that the ACK tells of is the one that counts. */
void ft_rate_delivered(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_rate_stamp *stamp,
                       uint32_t len, struct tcp_ack_sample *sample)
{
    if (!tcb->busy)
        return;
    struct tcp_rate *rate = &tcb->busy->cc.rate;
    rate->delivered += len;
    rate->delivered_us = now_us(tcp);
    sample->newly_delivered += len;
    sample->delivered = rate->delivered;
    if (sample->has_prior && (int32_t)(stamp->delivered - sample->prior_delivered) < 0)
        return;
    if (sample->has_prior && stamp->delivered == sample->prior_delivered &&
        (int32_t)(stamp->sent_us - sample->newest_sent_us) < 0)
        return;
    sample->has_prior = true;
    sample->prior_delivered = stamp->delivered;
    sample->prior_us = stamp->delivered_us;
    sample->prior_lost = stamp->lost;
    sample->tx_in_flight = stamp->in_flight;
    sample->app_limited = stamp->app_limited;
    sample->newest_sent_us = stamp->sent_us;
    /* What the sender took to send what lies between, for GenerateRateSample. */
    sample->interval_us = stamp->sent_us - stamp->first_us;
    rate->first_us = stamp->sent_us;
}

void ft_rate_lost(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_rate_stamp *stamp,
                  uint32_t len)
{
    if (!tcb->busy)
        return;
    const struct tcp_cc_ops *ops = ft_cc_ops(tcb->cold->opts.cc);
    tcb->busy->cc.rate.lost += len;
    if (ops->on_lost)
        ops->on_lost(tcp, tcb, stamp, len);
}

/* What the user held back counts only if it is more than was known. */
static void remember(struct tcp_rate *rate, const struct tcp_ack_sample *sample)
{
    uint64_t now = (uint64_t)sample->rate_octets * rate->last_us;
    uint64_t before = (uint64_t)rate->last_octets * sample->interval_us;
    if (sample->app_limited && rate->last_us && now < before)
        return;
    rate->last_octets = sample->rate_octets;
    rate->last_us = sample->interval_us;
    rate->last_limited = sample->app_limited;
}

/* GenerateRateSample. */
void ft_rate_finish(struct ft_tcb *tcb, struct tcp_ack_sample *sample)
{
    struct tcp_rate *rate = &tcb->busy->cc.rate;
    if (rate->app_limited && (int32_t)(rate->delivered - rate->app_until) > 0)
        rate->app_limited = false;
    sample->lost_since = rate->lost - sample->prior_lost;
    if (!sample->has_prior) {
        sample->interval_us = 0;
        return;
    }
    uint32_t ack_elapsed = rate->delivered_us - sample->prior_us;
    sample->rate_octets = rate->delivered - sample->prior_delivered;
    sample->interval_us = FT_MAX(sample->interval_us, ack_elapsed);
    /* Shorter than any round trip it cannot be: ACKs were compressed on their way. */
    uint32_t least = tcb->cold->min_rtt_us;
    if (least && sample->interval_us < least)
        sample->interval_us = 0;
    if (sample->interval_us)
        remember(rate, sample);
}

uint64_t ft_rate_measured(const struct ft_tcb *tcb)
{
    if (!tcb->busy || tcb->busy->cc.rate.last_us == 0)
        return 0;
    return (uint64_t)tcb->busy->cc.rate.last_octets * 1000000 / tcb->busy->cc.rate.last_us;
}

void ft_rate_before_write(struct ft_tcb *tcb)
{
    int32_t unsent = seq_diff(tcb_snd_end(tcb), tcb->snd_max);
    if (unsent < tcb->snd_mss && tcb_flight(tcb) < tcb->cwnd)
        ft_rate_app_limited(tcb, tcb_flight(tcb));
}

void ft_rate_app_limited(struct ft_tcb *tcb, uint32_t flight)
{
    if (!tcb->busy)
        return;
    struct tcp_rate *rate = &tcb->busy->cc.rate;
    rate->app_limited = true;
    rate->app_until = rate->delivered + flight;
}
