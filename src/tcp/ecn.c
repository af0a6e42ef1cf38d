/* SPDX-License-Identifier: MIT */
/*
 * Explicit congestion notification once it is agreed on (ecn_syn.c): RFC 3168 6.1.2 to 6.1.6, and
 * where the accurate kind (accecn.c) does otherwise.
 *
 * ECT(0) is on new octets only: not on SYN, pure ACKs, probes and what is sent again.
 */
#include "ecn.h"

#include "priv.h"
#include "wire/ip.h"

static uint8_t field_of(const struct tcp_in *in)
{
    return in->rx->tos & IP_ECN_MASK;
}

bool ft_ecn_needed(const struct tcp_opts *opts)
{
    return opts && (ft_cc_ops(opts->cc)->flags & CC_NEEDS_ECN);
}

/* ---- 6.1.3 the receiver ---------------------------------------------------------------------- */

/* ACKs that do not wait, as on Linux: a sender that has just reduced its window may have no more
   than a segment on its way. */
#define QUICK_AFTER_MARK 2

static void ack_now(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    tcb->flags |= TCB_ACK_NOW;
    ft_tcb_wake(tcp, tcb);
}

/* What has come in order so far is acknowledged by itself. */
void ft_ecn_owe(struct ft_tcb *tcb, uint16_t flags)
{
    struct tcp_ecn *ecn = tcb_ecn(tcb);
    ft_seq told = ecn->n_owed ? ecn->owed[ecn->n_owed - 1].ack : tcb->last_ack_sent;
    if (ecn->n_owed == ECN_OWED_MAX || seq_le(tcb->rcv_nxt, told))
        return;
    ecn->owed[ecn->n_owed++] = (struct ecn_owed){.ack = tcb->rcv_nxt, .flags = flags};
    ecn->n_marks = 0;
}

const struct ecn_owed *ft_ecn_owed(const struct ft_tcb *tcb)
{
    const struct tcp_ecn *ecn = tcb_ecn(tcb);
    return ecn && ecn->n_owed ? &ecn->owed[0] : NULL;
}

void ft_ecn_fill_owed(struct ft_tcb *tcb, struct ft_tcp_seg *seg)
{
    const struct ecn_owed *owed = ft_ecn_owed(tcb);
    uint32_t unit = 1u << tcb->rcv_wscale;
    uint32_t wnd = (uint32_t)FT_MAX(seq_diff(tcb->rcv_adv, owed->ack), 0);
    seg->ack = owed->ack;
    seg->flags |= owed->flags;
    seg->wnd = FT_MIN((wnd + unit - 1) / unit, 65535u); /* rounded up, so that it never shrinks */
    tcb->rcv_adv = seq_max(tcb->rcv_adv, seq_add(owed->ack, seg->wnd * unit));
}

void ft_ecn_owes_nothing(struct ft_tcb *tcb)
{
    if (tcb_ecn(tcb))
        tcb_ecn(tcb)->n_owed = 0;
}

void ft_ecn_owed_sent(struct ft_tcb *tcb)
{
    struct tcp_ecn *ecn = tcb_ecn(tcb);
    ecn->n_owed--;
    memmove(&ecn->owed[0], &ecn->owed[1], ecn->n_owed * sizeof ecn->owed[0]);
}

/* RFC 8257 3.2: ECE tells of the last segment. When that changes, two ACKs leave at once: one of
   what came before, and one of this. */
static void echo_exactly(struct ft_tcp *tcp, struct ft_tcb *tcb, bool marked)
{
    struct tcp_ecn *ecn = tcb_ecn(tcb);
    if (marked == !!(ecn->flags & ECN_ECHO))
        return;
    ft_ecn_owe(tcb, (ecn->flags & ECN_ECHO) ? SEG_ECE : 0);
    ecn->flags ^= ECN_ECHO;
    ack_now(tcp, tcb);
}

/* 6.1.3: ECE from a mark until CWR. */
static void echo_until_cwr(struct ft_tcp *tcp, struct ft_tcb *tcb, bool marked, bool cwr)
{
    struct tcp_ecn *ecn = tcb_ecn(tcb);
    if (cwr) {
        ecn->flags &= (uint16_t)~ECN_ECHO;
        ack_now(tcp, tcb);
    }
    if (marked && !(ecn->flags & ECN_ECHO))
        ft_delack_quick(tcb, QUICK_AFTER_MARK);
    ecn->flags |= marked ? ECN_ECHO : 0;
}

/* A mark on an ACK, or on octets outside of the window (6.1.5), is not heard. */
void ft_ecn_arrived(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in)
{
    struct tcp_ecn *ecn = tcb_ecn(tcb);
    uint8_t field = field_of(in);
    if (ecn && ecn->mode == ECN_ACCURATE)
        ft_accecn_arrived(tcp, tcb, in);
    if (!ecn || ecn->mode != ECN_CLASSIC || in->seg.len == 0)
        return;
    if (field != IP_ECN_NOT_ECT)
        ecn->flags |= ECN_SEEN;
    else if (ecn->flags & ECN_SEEN)
        ft_delack_quick(tcb, QUICK_AFTER_MARK); /* it was sent again, probably */
    if (field == IP_ECN_CE) {
        tcp->env->counters.tcp_ce_in += in->rx->n_segs;
        ecn->ce_in += in->rx->n_segs;
    }
    if (ft_ecn_needed(&tcb->cold->opts))
        echo_exactly(tcp, tcb, field == IP_ECN_CE);
    else
        echo_until_cwr(tcp, tcb, field == IP_ECN_CE, in->seg.flags & SEG_CWR);
}

/* ---- 6.1.2 the sender ------------------------------------------------------------------------ */

void ft_ecn_told(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in,
                 struct tcp_told *told)
{
    struct tcp_ecn *ecn = tcb_ecn(tcb);
    if (!ecn || ecn->mode < ECN_CLASSIC)
        return;
    /* Held until octets that left after the reduction are acknowledged, so that CWR has arrived. */
    if ((ecn->flags & ECN_REDUCED) && seq_gt(tcb->snd_una, ecn->reduced))
        ecn->flags &= (uint16_t)~ECN_REDUCED;
    if (ecn->mode == ECN_ACCURATE) {
        ft_accecn_told(tcp, tcb, in, told);
        return;
    }
    if (!(in->seg.flags & SEG_ECE))
        return;
    told->sample.ece = true;
    told->sample.ce_octets = told->delivered;
    ecn->delivered_ce += (told->delivered + tcb->snd_mss - 1) / tcb->snd_mss;
}

bool ft_ecn_asks_less(const struct ft_tcb *tcb, const struct tcp_told *told)
{
    const struct tcp_ecn *ecn = tcb_ecn(tcb);
    return ecn && told->sample.ece && !(ecn->flags & ECN_REDUCED);
}

bool ft_ecn_shrinks(const struct ft_tcb *tcb)
{
    return tcb_ecn(tcb) && (tcb_ecn(tcb)->flags & ECN_REDUCED);
}

void ft_ecn_reduced(struct ft_tcb *tcb)
{
    struct tcp_ecn *ecn = tcb_ecn(tcb);
    if (!ecn)
        return;
    ecn->flags |= ECN_REDUCED;
    ecn->reduced = tcb->snd_max;
    if (ecn->mode == ECN_CLASSIC)
        ecn->flags |= ECN_CWR;
}

void ft_ecn_unreduced(struct ft_tcb *tcb)
{
    if (tcb_ecn(tcb))
        tcb_ecn(tcb)->flags &= (uint16_t) ~(ECN_CWR | ECN_REDUCED);
}

/* ---- output ---------------------------------------------------------------------------------- */

uint16_t ft_ecn_flags(const struct ft_tcb *tcb, bool fresh)
{
    const struct tcp_ecn *ecn = tcb_ecn(tcb);
    if (!ecn || ecn->mode < ECN_CLASSIC)
        return 0;
    if (ecn->mode == ECN_ACCURATE)
        return ft_accecn_ace(ecn);
    return (uint16_t)(((ecn->flags & ECN_ECHO) ? SEG_ECE : 0) |
                      (fresh && (ecn->flags & ECN_CWR) ? SEG_CWR : 0));
}

uint8_t ft_ecn_field(const struct ft_tcb *tcb, bool fresh)
{
    const struct tcp_ecn *ecn = tcb_ecn(tcb);
    bool capable = ecn && ecn->mode >= ECN_CLASSIC && !(ecn->flags & ECN_NO_ECT);
    return capable && fresh && tcb_synchronized(tcb) ? IP_ECN_ECT0 : IP_ECN_NOT_ECT;
}

bool ft_ecn_single(const struct ft_tcb *tcb)
{
    return ft_ecn_flags(tcb, true) & SEG_CWR;
}

bool ft_ecn_tells(const struct ft_tcb *tcb, uint16_t flags)
{
    const struct tcp_ecn *ecn = tcb_ecn(tcb);
    return ecn && ecn->mode == ECN_CLASSIC && (flags & SEG_CWR);
}

void ft_ecn_untold(struct ft_tcb *tcb)
{
    if (tcb_ecn(tcb) && tcb_ecn(tcb)->mode == ECN_CLASSIC)
        tcb_ecn(tcb)->flags |= ECN_CWR;
}

void ft_ecn_fill(const struct ft_tcb *tcb, struct ft_tcp_seg *seg, uint32_t len, bool fresh)
{
    seg->flags |= ft_ecn_flags(tcb, fresh);
    if (fresh || len == 0) /* RFC 9768 3.2.3.2.2: not on what is sent again */
        ft_accecn_fill(tcb, seg, len);
}

void ft_ecn_sent(struct ft_tcb *tcb, const struct ft_tcp_seg *seg, uint32_t len)
{
    struct tcp_ecn *ecn = tcb_ecn(tcb);
    if (!ecn)
        return;
    if (ft_ecn_tells(tcb, seg->flags))
        ecn->flags &= (uint16_t)~ECN_CWR;
    if (ecn->mode == ECN_ACCURATE)
        ft_accecn_sent(ecn, seg, len);
}
