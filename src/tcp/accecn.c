/* SPDX-License-Identifier: MIT */
/*
 * Accurate ECN feedback: RFC 9768 3.2. A receiver counts what comes marked, in packets (r.cep, told
 * by the ACE field, which is AE, CWR and ECE as a number) and in octets (r.e0b, r.ceb, r.e1b, told
 * by an option); a sender learns from both how much of what it sent was marked.
 */
#include "ecn.h"

#include "priv.h"
#include "wire/ip.h"

/* RFC 9768 ACE-11. Deviation: an attempt that failed is not remembered; the next one asks again,
   and costs three seconds where something on the way drops what asks. */

/* RFC 9768 ACE-36. Deviation: options go on though their ACKs be lost; only a SYN-ACK that had to
   be sent again is taken for a sign. What fits beside them leaves as before. */

/* RFC 9768 ACE-42. Deviation: full-sized segments carry no option; where only they leave, an ACK
   with it goes before them once a mark is owed one, or 2^22 octets are untold. */

#define CEP_FIRST   5u /* 3.2.1 */
#define OCTET_FIRST 1u /* r.e0b and r.e1b */
#define ACE_MASK    7u
#define FIELD_MASK  0xffffffu
#define MARKS_DATA                                                                                 \
    2 /* 3.2.2.5.1: with octets that are not acknowledged so many marks bring an ACK, */
#define MARKS_PURE   3          /* ... without any so many */
#define UNTOLD_MAX   (1u << 22) /* 3.2.3.3: octets of a counter between two options */
#define AVG_ONE      16u        /* the average of segments an ACK, of one */
#define AVG_SAFE     4u /* from so many on the ACE field is not thought to have wrapped (A.2.1) */
#define CE_ROUNDS    4  /* 3.2.2.3: round trips of nothing but marks at the beginning */
#define ROUNDS_OVER  UINT8_MAX
#define ROUNDS_LEAST 16 /* packets that must have been marked by then */

void ft_accecn_start(struct tcp_ecn *ecn)
{
    ecn->r_cep = ecn->s_cep = CEP_FIRST;
    for (unsigned i = 0; i < 3; i++)
        ecn->r_octets[i] = ecn->s_octets[i] = i == ECN_CEB ? 0 : OCTET_FIRST;
    ecn->flags |= ECN_FIRST | ECN_OPTION_DUE | ECN_OPTION_NEW;
}

void ft_accecn_mangled(struct ft_tcp *tcp, struct tcp_ecn *ecn, bool deaf)
{
    if (!(ecn->flags & ECN_NO_ECT))
        tcp->env->counters.tcp_ecn_fallbacks++;
    ecn->flags |= ECN_NO_ECT | (deaf ? ECN_DEAF : 0);
}

/* ---- receiver -------------------------------------------------------------------------------- */

/* 3.2.2.1: the pure ACK of a SYN-ACK tells how that came; 3.2.2.2: a mark on it counts once. */
void ft_accecn_synack(struct ft_tcb *tcb, const struct tcp_in *in)
{
    struct tcp_ecn *ecn = tcb_ecn(tcb);
    if (!ecn || ecn->mode != ECN_ACCURATE || (ecn->flags & ECN_SERVER))
        return;
    ecn->field = in->rx->tos & IP_ECN_MASK;
    ecn->flags |= ECN_TELL_SYNACK;
    if (ecn->field == IP_ECN_CE && !(ecn->flags & ECN_SYNACK_MARKED)) {
        ecn->flags |= ECN_SYNACK_MARKED;
        ecn->r_cep++;
    }
}

/* 3.2.2.5.1. What came before is acknowledged by itself if marks of it wait: in a batch the counter
   might wrap unseen. */
void ft_accecn_arrived(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in)
{
    static const uint8_t counter[] = {
        [IP_ECN_ECT0] = ECN_E0B, [IP_ECN_CE] = ECN_CEB, [IP_ECN_ECT1] = ECN_E1B};
    struct tcp_ecn *ecn = tcb_ecn(tcb);
    uint8_t field = in->rx->tos & IP_ECN_MASK;
    bool marked = field == IP_ECN_CE && !in->was_syn; /* ft_accecn_synack() has counted it */
    if (marked && ecn->n_marks >= MARKS_DATA)
        ft_ecn_owe(tcb, ecn_flags_of(ecn->r_cep & ACE_MASK));
    if (field != IP_ECN_NOT_ECT && in->seg.len > 0) {
        ecn->r_octets[counter[field]] += in->seg.len;
        ecn->untold += in->seg.len;
        ecn->flags |= ECN_OPTION_DUE | ECN_SEEN;
    }
    if (marked) {
        ecn->r_cep += in->rx->n_segs;
        ecn->n_marks = (uint8_t)FT_MIN(ecn->n_marks + in->rx->n_segs, 255);
        ecn->ce_in += in->rx->n_segs;
        tcp->env->counters.tcp_ce_in += in->rx->n_segs;
    }
    bool waits = in->seg.len > 0 || !seq_eq(tcb->rcv_nxt, tcb->last_ack_sent);
    bool changes = marked && in->seg.len > 0 && !(ecn->flags & ECN_LAST_MARKED);
    if (changes || ecn->n_marks >= (waits ? MARKS_DATA : MARKS_PURE)) {
        tcb->flags |= TCB_ACK_NOW;
        ft_tcb_wake(tcp, tcb);
    }
    ecn->flags &= (uint32_t)~ECN_LAST_MARKED;
    ecn->flags |= marked ? ECN_LAST_MARKED : 0;
}

bool ft_accecn_tells_synack(const struct ft_tcb *tcb)
{
    return tcb_ecn(tcb) && (tcb_ecn(tcb)->flags & ECN_TELL_SYNACK);
}

uint16_t ft_accecn_ace(const struct tcp_ecn *ecn)
{
    if (ecn->flags & ECN_TELL_SYNACK)
        return ecn_flags_of(ft_ecn_answer(ecn->field));
    return ecn_flags_of(ecn->r_cep & ACE_MASK);
}

/* ---- the option ------------------------------------------------------------------------------ */

static void put_fields(const struct tcp_ecn *ecn, bool order1, unsigned n, struct ft_tcp_seg *seg)
{
    static const uint8_t orders[2][3] = {{ECN_E0B, ECN_CEB, ECN_E1B}, {ECN_E1B, ECN_CEB, ECN_E0B}};
    seg->accecn = order1 ? 2 : 1;
    seg->n_accecn = (uint8_t)n;
    for (unsigned i = 0; i < n; i++)
        seg->accecn_field[i] = ecn->r_octets[orders[order1][i]] & FIELD_MASK;
}

void ft_accecn_fill_new(struct ft_tcp_seg *seg)
{
    struct tcp_ecn fresh = {0};
    ft_accecn_start(&fresh);
    put_fields(&fresh, false, 3, seg);
}

/* 3.2.3.3: a field for each counter that has ever changed; all of them while the path is tested. */
static void choose(const struct tcp_ecn *ecn, bool all, bool *ret_order1, unsigned *ret_n)
{
    bool e0 = ecn->r_octets[ECN_E0B] != OCTET_FIRST, e1 = ecn->r_octets[ECN_E1B] != OCTET_FIRST;
    bool ce = ecn->r_octets[ECN_CEB] != 0;
    *ret_order1 = e1 && !e0;
    *ret_n = (e0 && e1) || all ? 3 : ce ? 2 : 1;
}

/* Whether a segment has room for so many fields. 3.2.3.3: two SACK blocks go before it, a third
   does not. A full segment has none, and is not made shorter for it; ft_accecn_first() has an ACK
   leave before it when that may not wait. */
static bool make_room(const struct ft_tcb *tcb, struct ft_tcp_seg *seg, uint32_t len, unsigned n)
{
    size_t room = tcp_accecn_len(n), most = TCP_HDR_LEN_MAX - room;
    uint8_t n_sack = seg->n_sack;
    if (len > 0 && len + room > tcb->snd_mss)
        return false;
    while (seg->n_sack > 2 && tcp_hdr_len(seg) > most)
        seg->n_sack--;
    if (tcp_hdr_len(seg) <= most)
        return true;
    seg->n_sack = n_sack;
    return false;
}

void ft_accecn_fill(const struct ft_tcb *tcb, struct ft_tcp_seg *seg, uint32_t len)
{
    const struct tcp_ecn *ecn = tcb_ecn(tcb);
    if (!ecn || ecn->mode != ECN_ACCURATE || (ecn->flags & ECN_NO_OPTION))
        return;
    bool fresh = ecn->flags & ECN_OPTION_NEW;
    if (!(ecn->flags & ECN_OPTION_DUE) && !(fresh && len > 0))
        return;
    bool order1;
    unsigned n;
    choose(ecn, fresh, &order1, &n);
    if (!make_room(tcb, seg, len, n)) {
        choose(ecn, false, &order1, &n);
        if (!make_room(tcb, seg, len, n))
            return;
    }
    put_fields(ecn, order1, n, seg);
}

bool ft_accecn_first(const struct ft_tcb *tcb)
{
    const struct tcp_ecn *ecn = tcb_ecn(tcb);
    if (!ecn || ecn->mode != ECN_ACCURATE || (ecn->flags & ECN_NO_OPTION) ||
        !(ecn->flags & ECN_OPTION_DUE))
        return false;
    int32_t unsent = seq_diff(tcb_snd_end(tcb), tcb->snd_nxt);
    if (unsent + (int32_t)tcp_accecn_len(3) <= (int32_t)tcb->snd_mss)
        return false; /* it fits into the next segment */
    return ecn->untold >= UNTOLD_MAX || (ecn->n_marks > 0 && (tcb->flags & TCB_ACK_NOW));
}

/* Once the path has been tried with octets, only what has changed is sent on. */
void ft_accecn_sent(struct tcp_ecn *ecn, const struct ft_tcp_seg *seg, uint32_t len)
{
    ecn->n_marks = 0;
    ecn->flags &= (uint32_t)~ECN_TELL_SYNACK;
    if (seg->accecn != 0 || len == 0) /* an ACK that has no room for it is no reason for another */
        ecn->untold = 0;
    if (seg->accecn == 0)
        return;
    ecn->flags &= (uint32_t)~ECN_OPTION_DUE;
    if (len > 0 || (ecn->flags & ECN_SERVER))
        ecn->flags &= (uint32_t)~ECN_OPTION_NEW;
}

/* ---- sender ---------------------------------------------------------------------------------- */

/* 3.2.3.2.3, 3.2.3.2.4: whether options come through, and are not zeroed. */
void ft_accecn_read_first(struct tcp_ecn *ecn, const struct ft_tcp_seg *seg)
{
    if (seg->accecn == 0)
        return;
    ecn->flags |= ECN_OPTION_SEEN;
    for (unsigned i = 0; i < seg->n_accecn; i++)
        if (i != 1 && seg->accecn_field[i] == 0) /* the middle one is ECEB */
            ecn->flags |= ECN_BAD_OPTION;
}

/* 3.2.2.1, table 4: the ACK of our SYN-ACK. Return: that is all that it tells. */
static bool take_handshake(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_tcp_seg *seg)
{
    struct tcp_ecn *ecn = tcb_ecn(tcb);
    unsigned ace = ecn_bits(seg->flags);
    if (seg->len > 0 || (seg->flags & SEG_FIN) || seg->n_sack > 0)
        return false;
    if (ace == 0) {
        ft_accecn_mangled(tcp, ecn, true); /* note 1 */
    } else if (ace == 3 || ace == 4 || ace == 6) {
        ft_accecn_mangled(tcp, ecn, false); /* it left without ECT (3.2.2.3) */
    }
    if (ace == 6) {
        ecn->s_cep++;
        tcb->cwnd = tcb->snd_mss; /* as for a SYN-ACK that was lost */
    }
    return true;
}

/* A.1: whether an ACK tells something newer than the last. */
static bool is_newer(const struct ft_tcb *tcb, const struct tcp_in *in, const struct tcp_told *told)
{
    const struct tcp_ecn *ecn = tcb_ecn(tcb);
    if (told->advanced || told->delivered > 0)
        return true;
    if (!seq_eq(in->seg.ack, tcb->snd_una))
        return false;
    if ((tcb->flags & TCB_TS) && in->seg.has_ts)
        return (int32_t)(in->seg.tsval - ecn->ts_last) > 0;
    return in->seg.len > 0 && seq_ge(in->seg.seq, tcb->rcv_nxt);
}

/* Return: octets newly told to be marked; -1: the option does not say. */
static int64_t take_option(struct tcp_ecn *ecn, const struct ft_tcp_seg *seg)
{
    static const uint8_t orders[2][3] = {{ECN_E0B, ECN_CEB, ECN_E1B}, {ECN_E1B, ECN_CEB, ECN_E0B}};
    if (seg->accecn == 0 || (ecn->flags & ECN_BAD_OPTION))
        return -1;
    ecn->flags |= ECN_OPTION_SEEN;
    int64_t marked = -1;
    for (unsigned i = 0; i < seg->n_accecn; i++) {
        uint32_t *counter = &ecn->s_octets[orders[seg->accecn - 1][i]];
        uint32_t more = (seg->accecn_field[i] - *counter) & FIELD_MASK;
        *counter += more;
        if (i == 1)
            marked = more;
    }
    return marked;
}

/* A.2: packets newly told to be marked, of @n that were newly acknowledged. The field has three
   bits; where it may have wrapped the worst is assumed, unless the option or the habit of long ACKs
   say otherwise. */
static uint32_t take_ace(struct tcp_ecn *ecn, uint32_t ace, uint32_t n, int64_t octets,
                         uint32_t mss)
{
    uint32_t least = (ace - ecn->s_cep) & ACE_MASK;
    uint32_t most = n > least ? n - ((n - least) & ACE_MASK) : least;
    uint32_t avg = ecn->acked_avg;
    ecn->acked_avg = (uint16_t)(avg - avg / 8 + FT_MIN(n, 1000u) * AVG_ONE / 8);
    if (most == least)
        return least;
    if (octets >= 0) {
        bool fits = (uint64_t)octets <= (uint64_t)mss * least;
        return fits && (uint64_t)octets < (uint64_t)most * mss / 2 ? least : most;
    }
    return avg >= AVG_SAFE * AVG_ONE ? least : most;
}

/* 3.2.2.3: nothing but marks in the first round trips is no congestion. */
static void watch_rounds(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t marked, uint32_t all)
{
    struct tcp_ecn *ecn = tcb_ecn(tcb);
    if (ecn->rounds == ROUNDS_OVER)
        return;
    if (ecn->rounds == 0) {
        ecn->rounds = 1;
        ecn->round_end = tcb->snd_max;
    }
    ecn->round_all += all;
    ecn->round_marked += marked;
    if (seq_le(tcb->snd_una, ecn->round_end))
        return;
    bool nothing_else = ecn->round_marked >= ecn->round_all;
    ecn->round_all = ecn->round_marked = 0;
    ecn->round_end = tcb->snd_max;
    ecn->rounds = nothing_else ? (uint8_t)(ecn->rounds + 1) : ROUNDS_OVER;
    if (!nothing_else || ecn->rounds <= CE_ROUNDS || ecn->delivered_ce < ROUNDS_LEAST)
        return;
    ecn->rounds = ROUNDS_OVER;
    ft_accecn_mangled(tcp, ecn, true);
}

/* 3.2.3.2.5: octets but no packet were marked, and the field cannot have wrapped. */
static bool contradicts(const struct ft_tcb *tcb, uint32_t packets, int64_t octets)
{
    const struct tcp_ecn *ecn = tcb_ecn(tcb);
    return octets > 0 && packets == 0 && tcb->cold->segs_out - ecn->segs_at <= ACE_MASK;
}

static void take_feedback(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in,
                          struct tcp_told *told)
{
    struct tcp_ecn *ecn = tcb_ecn(tcb);
    uint32_t mss = tcb->snd_mss, ace = ecn_bits(in->seg.flags);
    uint32_t n = (told->delivered + mss - 1) / mss;
    int64_t octets = take_option(ecn, &in->seg);
    /* 3.2.2.4. */
    if ((ecn->flags & ECN_FIRST) && ace == 0 && octets <= 0)
        ft_accecn_mangled(tcp, ecn, true);
    ecn->flags &= (uint32_t)~ECN_FIRST;
    uint32_t packets = take_ace(ecn, ace, n, octets, mss);
    if (contradicts(tcb, packets, octets))
        ft_accecn_mangled(tcp, ecn, false);
    ecn->s_cep += packets;
    ecn->delivered_ce += packets;
    uint32_t marked = octets >= 0 ? (uint32_t)octets : packets * mss;
    watch_rounds(tcp, tcb, marked, told->delivered);
    if ((packets == 0 && octets <= 0) || (ecn->flags & ECN_DEAF))
        return;
    told->sample.ece = true;
    told->sample.ce_octets = FT_MIN(marked, told->delivered);
}

void ft_accecn_told(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in,
                    struct tcp_told *told)
{
    struct tcp_ecn *ecn = tcb_ecn(tcb);
    bool server = ecn->flags & ECN_SERVER, first = server && !(ecn->flags & ECN_HEARD);
    if (in->was_syn)
        return; /* 3.2.2: with SYN the flags are no number */
    if (first)
        ft_accecn_read_first(ecn, &in->seg);
    bool done = first && take_handshake(tcp, tcb, &in->seg);
    /* It may come again, and is no counter then either. */
    bool again = server && !first && in->seg.len == 0 && tcb->cold->octets_acked == 0;
    ecn->flags |= ECN_HEARD;
    if (!done && !again && is_newer(tcb, in, told))
        take_feedback(tcp, tcb, in, told);
    if (in->seg.has_ts)
        ecn->ts_last = in->seg.tsval;
    if (tcb_flight(tcb) == 0)
        ecn->segs_at = tcb->cold->segs_out;
}
