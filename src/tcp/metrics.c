/* SPDX-License-Identifier: MIT */
/*
 * Metrics of paths, by destination (RFC 9040 4, with Linux's arithmetic): a table of sets, keyed,
 * whose oldest entry gives way. An entry ends after an hour.
 *
 * Only who has ended in good order and has measured enough writes; so one who resets, times out or
 * says nothing leaves nothing. Behind one address there may be many hosts, and one of them may lie:
 * what is believed is bounded so that the others lose little by it.
 */
#include "metrics.h"

#include "priv.h"

#include "base/hash.h"

#define METRICS_SETS    64
#define METRICS_WAYS    8
#define METRICS_LIFE_S  3600
#define METRICS_SEGS    10               /* octets acknowledged that make a sample, in segments */
#define METRICS_RTT_MAX (FT_SEC / FT_US) /* believed of another's round trip */

struct metric {
    struct ft_addr dst;
    uint32_t srtt_us; /* 0: the entry is free */
    uint32_t rttvar_us;
    uint32_t ssthresh; /* 0: not known */
    uint32_t at_s;     /* when it was written last, seconds of the stack's time */
};

struct tcp_metrics {
    struct metric sets[METRICS_SETS][METRICS_WAYS];
};

static uint32_t now_s(const struct ft_tcp *tcp)
{
    return (uint32_t)(tcp->env->now / FT_SEC);
}

static bool is_off(const struct ft_tcp *tcp)
{
    return tcp->env->config.tcp_without & FT_TCP_NO_METRICS;
}

/* Linux's tcp_no_ssthresh_metrics_save is 1: a burst of losses once is no reason to begin slowly
   for an hour. RFC 9040 4.2 would share it. */
static bool shares_ssthresh(const struct ft_tcp *tcp)
{
    return tcp->env->config.profile == FT_PROFILE_RFC;
}

static struct metric *set_of(const struct ft_tcp *tcp, const struct ft_addr *dst)
{
    uint64_t words[2] = {dst->hi, dst->lo};
    uint64_t hash = ft_siphash13_words(tcp->metrics_key, words, 2);
    return tcp->metrics->sets[hash % METRICS_SETS];
}

static bool is_live(const struct ft_tcp *tcp, const struct metric *m)
{
    return m->srtt_us != 0 && now_s(tcp) - m->at_s < METRICS_LIFE_S;
}

static struct metric *find(const struct ft_tcp *tcp, const struct ft_addr *dst)
{
    struct metric *set = tcp->metrics ? set_of(tcp, dst) : NULL;
    for (size_t i = 0; set && i < METRICS_WAYS; i++)
        if (is_live(tcp, &set[i]) && addr_eq(&set[i].dst, dst))
            return &set[i];
    return NULL;
}

/* The entry of a destination; a new one takes the place of the oldest. NULL: no memory. */
static struct metric *make(struct ft_tcp *tcp, const struct ft_addr *dst)
{
    struct metric *m = find(tcp, dst);
    if (m)
        return m;
    if (!tcp->metrics)
        tcp->metrics = ft_mem_alloc(&tcp->env->mem, sizeof *tcp->metrics); /* zeroed */
    if (!tcp->metrics)
        return NULL;
    struct metric *set = set_of(tcp, dst);
    m = &set[0];
    for (size_t i = 0; i < METRICS_WAYS && is_live(tcp, m); i++)
        if (!is_live(tcp, &set[i]) || now_s(tcp) - set[i].at_s > now_s(tcp) - m->at_s)
            m = &set[i];
    *m = (struct metric){.dst = *dst};
    return m;
}

void ft_metrics_fini(struct ft_tcp *tcp)
{
    if (tcp->metrics)
        ft_mem_free(&tcp->env->mem, tcp->metrics, sizeof *tcp->metrics);
    tcp->metrics = NULL;
}

/* ---- what a connection leaves ---------------------------------------------------------------- */

/* A round trip that is too long costs less than one that is too short: up at once, down slowly. */
static void keep_rtt(struct metric *m, const struct tcp_cold *cold)
{
    uint32_t off =
        m->srtt_us > cold->srtt_us ? m->srtt_us - cold->srtt_us : cold->srtt_us - m->srtt_us;
    if (m->srtt_us <= cold->srtt_us)
        m->srtt_us = cold->srtt_us;
    else
        m->srtt_us -= off / 8;
    uint32_t var = FT_MAX(off / 2, cold->rttvar_us);
    if (var >= m->rttvar_us)
        m->rttvar_us = var;
    else
        m->rttvar_us -= (m->rttvar_us - var) / 4;
}

/* As Linux: in congestion avoidance half of what works, else no more than what was found. */
static void keep_ssthresh(struct metric *m, const struct ft_tcb *tcb)
{
    if (tcb->ssthresh == TCP_SSTHRESH_NONE) {
        if (m->ssthresh && tcb->cwnd / 2 > m->ssthresh)
            m->ssthresh = tcb->cwnd / 2;
    } else if (tcb->cwnd >= tcb->ssthresh) {
        m->ssthresh = FT_MAX(tcb->cwnd / 2, tcb->ssthresh);
    } else if (m->ssthresh && tcb->ssthresh > m->ssthresh) {
        m->ssthresh = tcb->ssthresh;
    }
}

void ft_metrics_save(struct ft_tcp *tcp, const struct ft_tcb *tcb)
{
    const struct tcp_cold *cold = tcb->cold;
    bool enough = cold->octets_acked >= METRICS_SEGS * (uint64_t)tcb->snd_mss;
    if (is_off(tcp) || addr_is_loopback(&tcb->conn.remote))
        return;
    /* RFC 9040 4.3: what was measured while answers did not come is no measure. */
    if (cold->srtt_us == 0 || tcb->retries > 0 || !enough)
        return;
    struct metric *m = make(tcp, &tcb->conn.remote);
    if (!m)
        return;
    bool fresh = m->srtt_us == 0;
    keep_rtt(m, cold);
    if (fresh)
        m->rttvar_us = cold->rttvar_us;
    keep_ssthresh(m, tcb);
    m->at_s = now_s(tcp);
}

/* ---- what a connection finds ----------------------------------------------------------------- */

void ft_metrics_use(const struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    const struct metric *m = is_off(tcp) ? NULL : find(tcp, &tcb->conn.remote);
    struct tcp_cold *cold = tcb->cold;
    if (!m)
        return;
    /* The round trip of a SYN is short: no queue, no delayed ACK. Octets get the timeout that
       others needed, if their round trips were longer, until their own are measured.
       RTO-10. Deviation: as on Linux also after a SYN that was lost; under the RFC's profile octets
       begin with three seconds then. */
    uint32_t rtt = FT_MIN(m->srtt_us, (uint32_t)METRICS_RTT_MAX);
    bool untimed = cold->srtt_us == 0 && tcp->env->config.profile == FT_PROFILE_RFC;
    if (rtt > cold->srtt_us && !untimed)
        cold->rto_us = rtt + FT_MAX(2 * rtt, (uint32_t)(TCP_RTO_MIN / FT_US));
    if (m->ssthresh && shares_ssthresh(tcp))
        tcb->ssthresh = FT_MAX(m->ssthresh, 2 * (uint32_t)tcb->snd_mss);
}
