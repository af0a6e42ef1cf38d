/* SPDX-License-Identifier: MIT */
/*
 * Data Center TCP (RFC 8257): NewReno whose window shrinks by the share of its octets that were
 * marked, as averaged over round trips. It asks for ECN on its sockets; without ECN it is NewReno.
 * What the receiver does differently (3.2) is in ecn.c.
 */
#include "priv.h"

/* RFC 8257 DC-8. Deviation: SYN, SYN-ACK and RST are not ECN-capable (RFC 3168 6.1.1, which outside
   of a data centre other hosts rely on). */

#define ALPHA_ONE  (1u << 20) /* a share of one */
#define GAIN_SHIFT 4          /* 4.2: g is 1/16 */

struct dctcp {
    uint32_t alpha;    /* DCTCP.Alpha, of ALPHA_ONE */
    uint32_t acked;    /* DCTCP.BytesAcked in this window */
    uint32_t marked;   /* DCTCP.BytesMarked */
    ft_seq window_end; /* DCTCP.WindowEnd */
};

static_assert(sizeof(struct dctcp) <= CC_STATE_MAX, "state is bounded");

/* What outlives idle; alpha is kept with one more, since what was not kept is 0. */
struct dctcp_kept {
    uint32_t alpha_and_one;
};

static struct dctcp *state_of(const struct ft_tcb *tcb)
{
    return CC_STATE(tcb, struct dctcp);
}

/* 3.3, steps 5 to 7: at the end of a window. */
static void end_window(struct dctcp *dctcp, const struct ft_tcb *tcb)
{
    uint64_t share = (uint64_t)dctcp->marked * ALPHA_ONE / FT_MAX(dctcp->acked, 1u);
    dctcp->alpha -= dctcp->alpha >> GAIN_SHIFT ? dctcp->alpha >> GAIN_SHIFT : dctcp->alpha;
    dctcp->alpha = FT_MIN(dctcp->alpha + (uint32_t)(share >> GAIN_SHIFT), ALPHA_ONE);
    dctcp->acked = dctcp->marked = 0;
    dctcp->window_end = tcb->snd_max;
}

/* 3.3, steps 1 to 4, in recovery, too. */
static void on_feedback(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_ack_sample *sample)
{
    (void)tcp;
    struct dctcp *dctcp = state_of(tcb);
    dctcp->acked += sample->newly_delivered;
    dctcp->marked += FT_MIN(sample->ce_octets, sample->newly_delivered);
    if (seq_gt(tcb->snd_una, dctcp->window_end))
        end_window(dctcp, tcb);
}

/* 3.3, step 9: cwnd = cwnd * (1 - alpha / 2). */
static uint32_t on_mark(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t flight)
{
    (void)tcp;
    (void)flight;
    uint32_t alpha = tcb->busy ? state_of(tcb)->alpha : ALPHA_ONE;
    uint32_t less = (uint32_t)((uint64_t)tcb->cwnd * alpha / (2 * ALPHA_ONE));
    return FT_MAX(tcb->cwnd - less, 2u * tcb->snd_mss);
}

/* 3.4: a loss is met as by anybody else. */
static uint32_t on_congestion(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t flight)
{
    return ft_cc_reno.on_congestion(tcp, tcb, flight);
}

static void on_ack(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_ack_sample *sample)
{
    ft_cc_reno.on_ack(tcp, tcb, sample);
}

/* 3.3: alpha begins with 1, so that the first mark halves the window. */
static void init(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    (void)tcp;
    struct dctcp_kept kept = {0};
    ft_cc_recall(tcb, &kept, sizeof kept);
    *state_of(tcb) = (struct dctcp){
        .alpha = kept.alpha_and_one ? kept.alpha_and_one - 1 : ALPHA_ONE,
        .window_end = tcb->snd_una,
    };
}

static void release(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct dctcp_kept kept = {.alpha_and_one = state_of(tcb)->alpha + 1};
    if (state_of(tcb)->alpha != ALPHA_ONE || tcb->cold->past) /* else it is what one begins with */
        ft_cc_keep(tcp, tcb, &kept, sizeof kept);
}

static bool kept_fits(const uint32_t kept[CC_KEEP_WORDS])
{
    return kept[0] <= ALPHA_ONE + 1;
}

const struct tcp_cc_ops ft_cc_dctcp = {
    .name = "dctcp",
    .kept_fits = kept_fits,
    .flags = CC_NEEDS_ECN,
    .init = init,
    .release = release,
    .on_feedback = on_feedback,
    .on_ack = on_ack,
    .on_congestion = on_congestion,
    .on_mark = on_mark,
};
