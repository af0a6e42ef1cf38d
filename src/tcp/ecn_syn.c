/* SPDX-License-Identifier: MIT */
/*
 * How both ends agree on ECN: RFC 3168 6.1.1, and RFC 9768 3.1 for the accurate kind, whose table 2
 * is `ft_ecn_answer` and `ft_ecn_take_syn`. Who asks and who accepts is net.ipv4.tcp_ecn's to say
 * (config.ecn), or a congestion control's that cannot do without.
 *
 *     AE CWR ECE   on a SYN             on a SYN-ACK
 *      0  0  0     asks for nothing     agrees on nothing
 *      0  0  1                          classic
 *      0  1  1     classic              accurate; the SYN came with ECT(1)
 *      0  1  0                          accurate; the SYN came without
 *      1  0  0                          accurate; the SYN came with ECT(0)
 *      1  1  0                          accurate; the SYN came marked
 *      1  0  1                          accurate (3.1.3)
 *      1  1  1     accurate             reflected by who knows nothing of it
 */
#include "ecn.h"

#include "priv.h"
#include "wire/ip.h"

#define ASKS_CLASSIC   3u
#define ASKS_ACCURATE  7u
#define SAYS_CLASSIC   1u
#define ASKS_AGAIN_MAX 1 /* RFC 9768 3.1.4.1: so often a SYN that asks for it goes out again */

static uint8_t field_of(const struct tcp_in *in)
{
    return in->rx->tos & IP_ECN_MASK;
}

static bool accepts_accurate(const struct ft_tcp *tcp)
{
    return tcp->env->config.ecn >= FT_ECN_ASK_ACCURATE;
}

struct tcp_ecn *ft_ecn_make(struct ft_tcp *tcp, struct ft_tcb *tcb, enum tcp_ecn_mode mode)
{
    struct tcp_rare *rare = ft_tcb_rare(tcp, tcb);
    if (!rare)
        return NULL;
    if (!rare->ecn)
        rare->ecn = ft_pool_get(&tcp->ecns);
    if (rare->ecn)
        *rare->ecn = (struct tcp_ecn){.mode = (uint8_t)mode};
    return rare->ecn;
}

void ft_ecn_drop(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct tcp_ecn *ecn = tcb_ecn(tcb);
    if (!ecn)
        return;
    ft_pool_put(&tcp->ecns, ecn);
    tcb->cold->rare->ecn = NULL;
}

static void agreed(struct ft_tcp *tcp, struct tcp_ecn *ecn, enum tcp_ecn_mode mode)
{
    ecn->mode = (uint8_t)mode;
    tcp->env->counters.tcp_ecn++;
    if (mode != ECN_ACCURATE)
        return;
    tcp->env->counters.tcp_accecn++;
    ft_accecn_start(ecn);
}

/* RFC 9768 table 2: the answer that tells how the SYN came. */
unsigned ft_ecn_answer(uint8_t field)
{
    static const uint8_t answers[] = {
        [IP_ECN_NOT_ECT] = 2,
        [IP_ECN_ECT1] = 3,
        [IP_ECN_ECT0] = 4,
        [IP_ECN_CE] = 6,
    };
    return answers[field & IP_ECN_MASK];
}

/* ---- our SYN --------------------------------------------------------------------------------- */

void ft_ecn_open(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    uint8_t config = tcp->env->config.ecn;
    ft_ecn_drop(tcp, tcb); /* of an attempt that failed */
    if (config == FT_ECN_ASK_ACCURATE)
        (void)ft_ecn_make(tcp, tcb, ECN_ASKED_ACCURATE); /* no memory: a connection without ECN */
    else if (config == FT_ECN_ASK || config == FT_ECN_ACCEPT_ACCURATE_ASK ||
             ft_ecn_needed(&tcb->cold->opts))
        (void)ft_ecn_make(tcp, tcb, ECN_ASKED);
}

/* RFC 3168 6.1.1.1, RFC 9768 3.1.4.1: what drops a SYN that asks does not drop the next, or the
   one after it. */
static uint16_t ask(const struct ft_tcb *tcb, const struct tcp_ecn *ecn, bool again)
{
    if (ecn->mode == ECN_ASKED)
        return again ? 0 : ecn_flags_of(ASKS_CLASSIC);
    return again && tcb->retries > ASKS_AGAIN_MAX ? 0 : ecn_flags_of(ASKS_ACCURATE);
}

uint16_t ft_ecn_syn_flags(const struct ft_tcb *tcb, bool answer, bool again)
{
    const struct tcp_ecn *ecn = tcb_ecn(tcb);
    if (!ecn)
        return 0;
    if (!answer)
        return ask(tcb, ecn, again);
    if (ecn->mode == ECN_CLASSIC)
        return ecn_flags_of(SAYS_CLASSIC);
    if (ecn->mode != ECN_ACCURATE || tcb->retries > ASKS_AGAIN_MAX)
        return 0;
    return ecn_flags_of(ft_ecn_answer(ecn->field));
}

void ft_ecn_syn_sent(struct ft_tcb *tcb, uint16_t flags)
{
    struct tcp_ecn *ecn = tcb_ecn(tcb);
    if (!ecn || ecn_bits(flags) != 0)
        return;
    /* RFC 3168 6.1.1; RFC 9768 3.1.5 forbids it to a server only. */
    if (ecn->mode == ECN_ASKED || ecn->mode == ECN_ACCURATE)
        ecn->flags |= ECN_NO_ECT;
}

/* ---- the peer's SYN-ACK, or its SYN in a simultaneous open ----------------------------------- */

/* RFC 9768 3.2.2.3: our SYN was not ECN-capable; if it came otherwise, what we send may, too. */
static void check_syn_field(struct ft_tcp *tcp, struct tcp_ecn *ecn, unsigned bits)
{
    if (bits == ft_ecn_answer(IP_ECN_CE))
        ecn->flags |= ECN_SYN_MARKED;
    if (bits == ft_ecn_answer(IP_ECN_ECT1) || bits == ft_ecn_answer(IP_ECN_ECT0) ||
        bits == ft_ecn_answer(IP_ECN_CE))
        ft_accecn_mangled(tcp, ecn, false);
}

static void take_answer(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in)
{
    struct tcp_ecn *ecn = tcb_ecn(tcb);
    unsigned bits = ecn_bits(in->seg.flags);
    bool accurate = ecn->mode == ECN_ASKED_ACCURATE;
    /* Classic: ECE alone, so that who reflects what it gets is found out; AE means nothing. */
    if (bits == SAYS_CLASSIC || (!accurate && (bits & 3) == SAYS_CLASSIC)) {
        agreed(tcp, ecn, ECN_CLASSIC);
    } else if (!accurate || bits == 0 || bits == ASKS_ACCURATE) {
        ft_ecn_drop(tcp, tcb);
    } else {
        agreed(tcp, ecn, ECN_ACCURATE);
        check_syn_field(tcp, ecn, bits);
        ft_accecn_synack(tcb, in);
        ft_accecn_read_first(ecn, &in->seg);
    }
}

/* RFC 9768 3.1.2: as if we had been asked; and no more than we have asked for ourselves. */
static void take_question(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in)
{
    struct tcp_ecn *ecn = tcb_ecn(tcb);
    unsigned bits = ecn_bits(in->seg.flags);
    bool accurate = ecn->mode == ECN_ASKED_ACCURATE && bits != ASKS_CLASSIC;
    bool taken_back = accurate && tcb->retries > ASKS_AGAIN_MAX; /* so the SYN-ACK is silent */
    if (bits == 0 || taken_back || (!accurate && (bits & 3) != ASKS_CLASSIC)) {
        ft_ecn_drop(tcp, tcb);
        return;
    }
    agreed(tcp, ecn, accurate ? ECN_ACCURATE : ECN_CLASSIC);
    ecn->field = field_of(in);
}

void ft_ecn_take_syn(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in)
{
    const struct tcp_ecn *ecn = tcb_ecn(tcb);
    if (!ecn || ecn->mode >= ECN_CLASSIC)
        return;
    if (in->seg.flags & SEG_ACK)
        take_answer(tcp, tcb, in);
    else
        take_question(tcp, tcb, in);
}

bool ft_ecn_syn_marked(const struct ft_tcb *tcb)
{
    return tcb_ecn(tcb) && (tcb_ecn(tcb)->flags & ECN_SYN_MARKED);
}

/* ---- a passive socket ------------------------------------------------------------------------ */

/* RFC 9768 3.1.3: what is not known asks for accurate ECN. */
static bool asks_accurate(unsigned bits)
{
    return bits != 0 && bits != ASKS_CLASSIC;
}

/* As on Linux a SYN that is marked itself, which it may not be with classic ECN, has come by a way
   that does not know ECN; but where ECN is needed its network is known to. */
uint8_t ft_ecn_read_syn(const struct ft_tcp *tcp, const struct tcp_opts *opts,
                        const struct tcp_in *in)
{
    unsigned bits = ecn_bits(in->seg.flags);
    if (accepts_accurate(tcp) && asks_accurate(bits))
        return (uint8_t)(EMBRYO_ECN_ACCURATE | field_of(in) << EMBRYO_ECN_FIELD);
    if ((bits & 3) != ASKS_CLASSIC)
        return 0;
    bool accepts = tcp->env->config.ecn != FT_ECN_OFF && field_of(in) == IP_ECN_NOT_ECT;
    return accepts || ft_ecn_needed(opts) ? EMBRYO_ECN_CLASSIC : 0;
}

bool ft_ecn_syn_again(const struct ft_tcp *tcp, struct tcp_embryo *embryo, const struct tcp_in *in)
{
    unsigned bits = ecn_bits(in->seg.flags);
    bool accurate = embryo->ecn & EMBRYO_ECN_ACCURATE;
    /* RFC 9768 3.1.5: who asks in both ways cannot know what was agreed on. */
    if (accepts_accurate(tcp) && bits != 0 &&
        (embryo->ecn & (EMBRYO_ECN_ACCURATE | EMBRYO_ECN_CLASSIC)) &&
        accurate != asks_accurate(bits))
        return false;
    if (bits == 0)
        embryo->ecn |= EMBRYO_ECN_PLAIN;
    if (accurate) /* the latest counts */
        embryo->ecn = (uint8_t)((embryo->ecn & ~(IP_ECN_MASK << EMBRYO_ECN_FIELD)) |
                                field_of(in) << EMBRYO_ECN_FIELD);
    return true;
}

/* RFC 9768 3.2.3.2.2: a SYN-ACK that is not answered goes out again without the option, then
   without ECN. */
static bool says_nothing(const struct tcp_embryo *embryo)
{
    return embryo->retries > ASKS_AGAIN_MAX;
}

void ft_ecn_fill_synack(const struct tcp_embryo *embryo, struct ft_tcp_seg *seg)
{
    bool again = embryo->retries > 0 || (embryo->flags & EMB_AGAIN);
    if (embryo->ecn & EMBRYO_ECN_CLASSIC)
        seg->flags |= ecn_flags_of(SAYS_CLASSIC);
    if (!(embryo->ecn & EMBRYO_ECN_ACCURATE) || says_nothing(embryo))
        return;
    seg->flags |= ecn_flags_of(ft_ecn_answer((embryo->ecn >> EMBRYO_ECN_FIELD) & IP_ECN_MASK));
    if (!again && !(embryo->flags & EMB_TFO)) /* a cookie needs the room */
        ft_accecn_fill_new(seg);
}

/* RFC 9768 5.1: with accurate ECN the ACK itself tells, since one without it has neither AE nor
   CWR. On octets CWR alone may be a classic one. */
uint8_t ft_ecn_read_cookie(const struct ft_tcp *tcp, const struct ft_tcp_seg *seg)
{
    unsigned bits = ecn_bits(seg->flags);
    bool pure = seg->len == 0 && seg->n_sack == 0;
    return accepts_accurate(tcp) && (pure ? bits >= 2 : bits >= 4) ? EMBRYO_ECN_ACCURATE : 0;
}

bool ft_ecn_made(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_embryo *from)
{
    bool accurate = from->ecn & EMBRYO_ECN_ACCURATE;
    if (!accurate && !(from->ecn & EMBRYO_ECN_CLASSIC))
        return true;
    struct tcp_ecn *ecn = ft_ecn_make(tcp, tcb, ECN_ASKED);
    if (!ecn)
        return false; /* without, its ACKs would tell of marks that never came */
    agreed(tcp, ecn, accurate ? ECN_ACCURATE : ECN_CLASSIC);
    /* RFC 3168 6.1.1, RFC 9768 3.1.5: who has got or sent a SYN without sends no ECT. */
    if ((from->ecn & EMBRYO_ECN_PLAIN) || (accurate && says_nothing(from)))
        ecn->flags |= ECN_NO_ECT;
    if (!accurate)
        return true;
    ecn->field = (from->ecn >> EMBRYO_ECN_FIELD) & IP_ECN_MASK;
    ecn->flags |= ECN_SERVER;
    ecn->flags &= (uint32_t) ~(ECN_OPTION_DUE | ECN_OPTION_NEW); /* the SYN-ACK had one */
    if (from->retries > 0)
        ecn->flags |= ECN_NO_OPTION;
    return true;
}
