/* SPDX-License-Identifier: MIT */
/*
 * RACK-TLP (RFC 8985): a segment is lost when one that left later was delivered and a reordering
 * window has passed (RACK); the last of a flight, behind which nothing comes to tell of it, is
 * probed (TLP). It reads sent records and sets two deadlines; what a loss then does is recovery's.
 *
 * RFC 6675 PIPE-6. Deviation: no rescue retransmission once a recovery; the tail loss probe, and
 * RACK on what was sent again, find a lost end without one.
 *
 * Where the RFC compares times and then sequence numbers, the count of transmissions is compared:
 * the order is the same, and segments that left in one instant have one, too.
 */
#include "priv.h"

#define DUP_THRESH    3             /* RFC 8985 6.2 step 4 */
#define REO_PERSIST   16            /* recoveries that a widened window lasts */
#define PTO_INIT      FT_SEC        /* 7.2: without a sample */
#define PTO_MARGIN    (2 * FT_MS)   /* Linux's; timers and ACKs are late by a little */
#define TLP_ACK_DELAY (200 * FT_MS) /* TLP.max_ack_delay */

static ft_time min_rtt(const struct ft_tcb *tcb)
{
    ft_time rtt = tcb->cold->min_rtt_us * FT_US;
    return rtt ? rtt : tcb->busy->rack.rtt;
}

/* ---- 6.2 ------------------------------------------------------------------------------------- */

/* Step 4, RACK_update_reo_wnd() (4): a D-SACK tells that the window was too narrow. One that TLP's
   probe has caused does not. */
void ft_rack_adapt(struct ft_tcb *tcb, const struct tcp_told *told)
{
    struct tcp_rack *rack = tcb->busy ? &tcb->busy->rack : NULL;
    struct tcp_rack_keep *keep = &tcb->rack;
    if (rack && rack->in_round && seq_ge(tcb->snd_una, rack->dsack_round))
        rack->in_round = false;
    if (!told->dsack || (rack && rack->in_round))
        return;
    if (rack && rack->probing && rack->probe_again && seq_eq(told->dsack_hi, rack->probe_end))
        return;
    if (rack) {
        rack->in_round = true;
        rack->dsack_round = tcb->snd_max;
    }
    if (keep->reo_mult < UINT8_MAX)
        keep->reo_mult++;
    keep->reo_persist = REO_PERSIST;
}

void ft_rack_recovered(struct ft_tcb *tcb)
{
    struct tcp_rack_keep *keep = &tcb->rack;
    if (keep->reo_persist > 0)
        keep->reo_persist--;
    if (keep->reo_persist == 0)
        keep->reo_mult = 0;
}

static ft_time reo_wnd(const struct ft_tcb *tcb)
{
    const struct tcp_rack_keep *keep = &tcb->rack;
    bool repairs = tcb->flags & (TCB_RECOVERY | TCB_LOSS);
    if (!keep->reo_seen && (repairs || tcb->busy->sents.sacked_segs >= DUP_THRESH))
        return 0;
    ft_time wnd = (keep->reo_mult + 1u) * (min_rtt(tcb) / 4);
    ft_time srtt = tcb->cold->srtt_us ? tcb->cold->srtt_us * FT_US : tcb->busy->rack.rtt;
    return FT_MIN(wnd, srtt);
}

void ft_rack_update(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_told *told)
{
    struct tcp_rack *rack = &tcb->busy->rack;
    const struct tcp_xmit *newest = &told->newest;
    /* Steps 1 and 2. */
    if (newest->at) {
        int32_t d = (int32_t)(newest->order - rack->newest.order);
        rack->rtt = tcp->env->now - newest->at;
        if (!rack->newest.at || d > 0 || (d == 0 && seq_gt(newest->end, rack->newest.end)))
            rack->newest = *newest;
    }
    /* Step 3. */
    if (told->reordered) {
        tcb->rack.reo_seen = true;
        struct tcp_past *past = ft_tcb_past(tcp, tcb);
        if (past)
            past->reord_seen++;
    }
    ft_rack_adapt(tcb, told);
}

/* RACK_sent_after(): a segment that left later has been delivered. So a retransmission that was
   lost is found, too (3.3). */
static bool overtaken(const struct tcp_rack *rack, const struct tcp_sent *sent)
{
    int32_t d = (int32_t)(rack->newest.order - sent->order);
    return d > 0 || (d == 0 && seq_gt(rack->newest.end, seq_add(sent->seq, sent->len)));
}

/* Return: octets lost that tell of congestion. */
static uint32_t lose(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_sent *sent)
{
    ft_sent_lose(&tcb->busy->sents, sent);
    if (ft_plpmtu_lost(tcp, tcb, sent))
        return 0;
    if (seq_ge(sent->seq, tcb->recover))
        tcb->busy->recovery.more = true;
    ft_rate_lost(tcp, tcb, &sent->stamp, sent->len);
    return sent->len;
}

/* How long a segment may be under way before the reordering window begins. Deviation: where
   reordering was seen not RACK.rtt alone but SRTT at least. What has overtaken others has come
   faster than they do, and says nothing of when those are due; RFC 8985 would take all for lost
   that are behind it by more than a quarter of the least round trip, which is nearly nothing where
   both a segment and its ACK overtook. */
static ft_time usual_rtt(const struct ft_tcb *tcb)
{
    ft_time rtt = tcb->busy->rack.rtt;
    return tcb->rack.reo_seen ? FT_MAX(rtt, tcb->cold->srtt_us * FT_US) : rtt;
}

/* When the last of those that were overtaken is due at the latest: it left no later than what
   overtook it. */
static ft_time all_due(const struct tcp_rack *rack, ft_time age)
{
    return rack->newest.at + age;
}

/* Step 5, RACK_detect_loss(). The records are in the order in which they left: the first that is
   not due ends it. The timer is set for the last that was overtaken: where segments overtake each
   other those before it are about to arrive, at the pace of the path, and a timer for the first
   would take for lost what is a moment late behind others of one burst. */
uint32_t ft_rack_detect(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct tcp_rack *rack = &tcb->busy->rack;
    struct tcp_sents *sents = &tcb->busy->sents;
    ft_time age = usual_rtt(tcb) + reo_wnd(tcb);
    uint32_t octets = 0;
    struct ft_list *node;
    rack->reo_at = FT_TIME_NEVER;
    while (rack->newest.at && (node = list_first(&sents->by_time))) {
        struct tcp_sent *sent = ft_container_of(node, struct tcp_sent, node);
        tcp->env->counters.steps_list_nodes++;
        if (!overtaken(rack, sent))
            break;
        if (sent->sent_at + age > tcp->env->now) {
            rack->reo_at = all_due(rack, age);
            ft_tcb_arm(tcp, tcb);
            break;
        }
        octets += lose(tcp, tcb, sent);
    }
    return octets;
}

/* RFC 8985 6.3, RACK_mark_losses_on_RTO(). Before anything of this flight was delivered RACK.rtt is
   not known, and SRTT stands for it. */
void ft_rack_timeout(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct tcp_rack *rack = &tcb->busy->rack;
    struct tcp_sents *sents = &tcb->busy->sents;
    ft_time age = (rack->newest.at ? rack->rtt : tcb->cold->srtt_us * FT_US) + reo_wnd(tcb);
    struct ft_list *node;
    rack->reo_at = rack->probe_at = FT_TIME_NEVER;
    rack->probing = false;
    if (sents->first && !(sents->first->flags & (SENT_LOST | SENT_SACKED)))
        (void)lose(tcp, tcb, sents->first); /* a timeout is congestion anyway */
    while ((node = list_first(&sents->by_time))) {
        struct tcp_sent *sent = ft_container_of(node, struct tcp_sent, node);
        tcp->env->counters.steps_list_nodes++;
        if (sent->sent_at + age > tcp->env->now)
            break;
        (void)lose(tcp, tcb, sent);
    }
}

/* ---- 7: the tail loss probe ------------------------------------------------------------------ */

/* 7.2: with SACK, outside of recovery, with nothing SACKed, and one probe at a time (7.3). */
static bool may_probe(const struct ft_tcb *tcb)
{
    const struct tcp_busy *busy = tcb->busy;
    return (tcb->flags & TCB_SACK) && !(tcb->flags & (TCB_RECOVERY | TCB_LOSS | TCB_PERSIST)) &&
           busy->sents.n > 0 && busy->sents.sacked == 0 && busy->sents.lost == 0 &&
           !busy->rack.probing && !busy->rack.unsampled && tcb->snd_wnd > 0;
}

/* 7.2, TLP_calc_PTO(). */
void ft_tlp_schedule(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct tcp_rack *rack = &tcb->busy->rack;
    rack->probe_at = FT_TIME_NEVER;
    if (!may_probe(tcb))
        return;
    ft_time pto = PTO_INIT;
    if (tcb->cold->srtt_us) {
        pto = 2 * (ft_time)tcb->cold->srtt_us * FT_US;
        pto += tcb_flight(tcb) <= tcb->snd_mss ? TLP_ACK_DELAY : PTO_MARGIN;
    }
    rack->probe_at = FT_MIN(tcp->env->now + pto, tcb->retx_at);
    ft_tcb_arm(tcp, tcb);
}

void ft_tlp_timer(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    tcb->busy->rack.probe_at = FT_TIME_NEVER;
    if (!may_probe(tcb))
        return;
    tcb->flags |= TCB_TLP;
    /* 7.3: after an attempt, whether or not it succeeds, the retransmission timer runs anew. */
    ft_tcb_restart_rto(tcp, tcb);
    ft_tcb_wake(tcp, tcb);
}

struct tcp_sent *ft_tlp_segment(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct tcp_sent *last = tcb->busy->sents.last;
    if (!last || (last->flags & (SENT_SACKED | SENT_LOST)))
        return NULL;
    uint32_t tail = (last->gone + last->len - 1) % last->mss + 1;
    if (tail >= last->len)
        return last;
    return ft_sent_cut(tcp, tcb, last, last->len - tail) ? last->next : NULL;
}

void ft_tlp_sent(struct ft_tcp *tcp, struct ft_tcb *tcb, bool again)
{
    struct tcp_rack *rack = &tcb->busy->rack;
    rack->probing = true;
    rack->unsampled = true;
    rack->probe_again = again;
    rack->probe_end = tcb->snd_max;
    rack->probe_at = FT_TIME_NEVER;
    tcp->env->counters.tcp_tail_probes++;
    ft_tcb_restart_rto(tcp, tcb);
}

/* 7.4, TLP_process_ack(). */
bool ft_tlp_acked(struct ft_tcb *tcb, const struct tcp_told *told, bool has_sack)
{
    struct tcp_rack *rack = &tcb->busy->rack;
    if (!rack->probing || seq_lt(tcb->snd_una, rack->probe_end))
        return false;
    bool both = told->dsack && seq_eq(told->dsack_hi, rack->probe_end);
    bool beyond = seq_gt(tcb->snd_una, rack->probe_end);
    if (rack->probe_again && !both && !beyond && !(told->duplicate && !has_sack))
        return false;
    rack->probing = false;
    return rack->probe_again && !both && beyond;
}
