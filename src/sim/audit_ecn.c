/* SPDX-License-Identifier: MIT */
/*
 * The auditor's rules about explicit congestion notification: RFC 3168 and RFC 9768. Who may be
 * ECN-capable, and on what; which flags ask, answer and echo; that a mark that was taken is echoed.
 */
#include "audit_priv.h"

/* AE, CWR and ECE as one number, as RFC 9768's tables write them. */
#define ASKS_CLASSIC  3u /* 0 1 1, on a SYN */
#define ASKS_ACCURATE 7u /* 1 1 1, on a SYN */
#define SAYS_CLASSIC  1u /* 0 0 1, on a SYN-ACK */
#define CEP_FIRST     5u /* RFC 9768 3.2.1 */

enum { NOT_ECT, ECT1, ECT0, CE };

static unsigned flags_of(const struct sight_tcp *t)
{
    return (t->ae ? 4u : 0u) | ((t->flags & SIGHT_CWR) ? 2u : 0u) |
           ((t->flags & SIGHT_ECE) ? 1u : 0u);
}

/* RFC 9768 tables 2 and 3: how a handshake tells of the ECN field of the SYN or SYN-ACK. */
static unsigned field_of(unsigned flags)
{
    switch (flags) {
    case 2:
        return NOT_ECT;
    case 3:
        return ECT1;
    case 4:
        return ECT0;
    case 6:
        return CE;
    default:
        return UINT8_MAX;
    }
}

/* ---- the handshake --------------------------------------------------------------------------- */

static const char *check_ask(struct sim_audit *audit, struct audit_end *end, unsigned flags)
{
    if (flags != 0 && flags != ASKS_CLASSIC && flags != ASKS_ACCURATE)
        return audit_say(audit, "sent a SYN with ECN flags %u, which ask for nothing", flags);
    if (flags == 0)
        end->ecn.plain = true;
    /* RFC 9768 3.1.5. */
    if ((flags == ASKS_CLASSIC && end->ecn.asked == ASKS_ACCURATE) ||
        (flags == ASKS_ACCURATE && end->ecn.asked == ASKS_CLASSIC))
        return audit_say(audit, "asked for both kinds of ECN");
    if (flags != 0)
        end->ecn.asked = flags;
    return NULL;
}

static const char *check_answer(struct sim_audit *audit, struct audit_end *end, unsigned flags)
{
    struct audit_ecn *ecn = &end->ecn;

    if (flags == 0) {
        ecn->plain = true;
        return NULL;
    }
    if (flags == SAYS_CLASSIC) {
        if (!(ecn->heard & (1u << ASKS_CLASSIC | 1u << ASKS_ACCURATE)))
            return audit_say(audit, "agreed on ECN with a SYN that did not ask");
        if (ecn->mode == AUDIT_ECN_ACCURATE)
            return audit_say(audit, "agreed on both kinds of ECN");
        ecn->mode = AUDIT_ECN_CLASSIC;
        return NULL;
    }
    if (field_of(flags) > CE)
        return audit_say(audit, "sent a SYN-ACK with ECN flags %u, which say nothing", flags);
    if (!(ecn->heard & 1u << ASKS_ACCURATE))
        return audit_say(audit, "agreed on accurate ECN with a SYN that did not ask");
    if (ecn->mode == AUDIT_ECN_CLASSIC)
        return audit_say(audit, "agreed on both kinds of ECN");
    if (!(ecn->syn_fields & 1u << field_of(flags)))
        return audit_say(audit, "told of a SYN with ECN field %u, which has not reached it",
                         field_of(flags));
    ecn->mode = AUDIT_ECN_ACCURATE;
    ecn->serves = true;
    return NULL;
}

/* ---- everything else ------------------------------------------------------------------------- */

static const char *check_classic(struct sim_audit *audit, struct audit_end *end,
                                 const struct sight_tcp *t, bool fresh, uint32_t ack)
{
    struct audit_ecn *ecn = &end->ecn;
    bool ece = t->flags & SIGHT_ECE;

    if (t->ae)
        return audit_say(audit, "set AE with classic ECN");
    if ((t->flags & SIGHT_CWR) && !fresh)
        return audit_say(audit, "set CWR, but not on new octets");
    if (ece && ecn->n_marked == 0)
        return audit_say(audit, "set ECE, but no mark has reached it");
    /* RFC 3168 6.1.3. */
    if (ecn->owes_echo && (int32_t)(ack - ecn->echo_at) >= 0) {
        ecn->owes_echo = false;
        if (!ece)
            return audit_say(audit, "acknowledged up to %u, where a mark was, without ECE", ack);
    }
    return NULL;
}

/* RFC 9768 3.2.2: the counter grows by no more than marks have come. */
static const char *check_accurate(struct sim_audit *audit, struct audit_end *end,
                                  const struct sight_tcp *t)
{
    struct audit_ecn *ecn = &end->ecn;
    unsigned ace = flags_of(t);
    uint32_t told = ecn->told + ((ace - CEP_FIRST - ecn->told) & 7u);

    /* 3.2.2.1: the ACK of a SYN-ACK tells how that came. */
    if (ecn->synacks > 0 && t->len == 0 && !(t->flags & SIGHT_FIN) && t->n_sack == 0 &&
        field_of(ace) <= CE && (ecn->syn_fields & 1u << field_of(ace))) {
        ecn->synacks--;
        return NULL;
    }
    if (told > ecn->n_marked)
        return audit_say(audit, "told of %u marks, but only %u have reached it", told,
                         ecn->n_marked);
    ecn->told = told;
    return NULL;
}

/* RFC 3168 6.1.1, 6.1.4 to 6.1.6: ECT is on new octets only. */
static const char *check_field(struct sim_audit *audit, const struct audit_end *end,
                               const struct sight *s, bool fresh)
{
    if (s->ecn == NOT_ECT)
        return NULL;
    if (s->ecn != ECT0)
        return audit_say(audit, "sent a segment with ECN field %u", s->ecn);
    if (end->ecn.mode == AUDIT_ECN_NONE)
        return audit_say(audit, "sent an ECN-capable segment, but ECN was not agreed on");
    if (!fresh)
        return audit_say(audit, "sent an ECN-capable segment that has no new octets");
    /* RFC 9768 3.1.5. */
    if (end->ecn.serves && !audit_by_cookie(audit, end) &&
        (end->ecn.plain || (end->ecn.heard & 1u)))
        return audit_say(audit, "sent an ECN-capable segment after a handshake without ECN");
    return NULL;
}

/* RFC 9768 3.1.5: a server stays with what it has agreed on though the last SYN-ACK says nothing.
   The others may never have left, when the address of the neighbour was not known yet. */
static bool may_have_agreed(const struct audit_end *end)
{
    const struct audit_ecn *ecn = &end->ecn;

    return end->is_passive && ecn->plain && (ecn->heard & 1u) && (ecn->heard & 1u << ASKS_ACCURATE);
}

/* What it agreed on with one SYN is not what it went on with: it knows only of the SYN whose cookie
   came back, or it had taken its own question back when the SYNs crossed. */
static bool may_be_without(const struct sim_audit *audit, const struct audit_end *end)
{
    bool crossed = end->ecn.asked != 0 && end->ecn.heard != 0;

    return end->ecn.plain && (crossed || audit_by_cookie(audit, end));
}

/* Both FINs are acknowledged here: what answers keeps no counters. */
static bool is_over(const struct audit_end *end, const struct audit_end *peer)
{
    return end->fin_sent && end->told_ack > end->fin_at && peer->fin_sent &&
           end->acked > peer->fin_at;
}

const char *audit_ecn_sent(struct sim_audit *audit, struct audit_conn *conn, int from,
                           const struct sight *s)
{
    const struct sight_tcp *t = &s->tcp;
    struct audit_end *end = &conn->end[from];
    const struct audit_end *peer = &conn->end[1 - from];
    bool fresh = t->len > 0 && t->seq - end->isn >= end->max_taken;
    unsigned flags = flags_of(t);

    if (t->flags & (SIGHT_SYN | SIGHT_RST)) {
        if (s->ecn != NOT_ECT)
            return audit_say(audit, "sent an ECN-capable SYN or reset");
        if (t->flags & SIGHT_RST)
            return flags == 0 ? NULL : audit_say(audit, "sent a reset with ECN flags");
        return (t->flags & SIGHT_ACK) ? check_answer(audit, end, flags)
                                      : check_ask(audit, end, flags);
    }
    if (t->has_accecn && end->ecn.mode != AUDIT_ECN_ACCURATE)
        return audit_say(audit, "sent an AccECN option that was not agreed on");
    switch (end->ecn.mode) {
    case AUDIT_ECN_NONE:
        if (flags != 0 && !may_have_agreed(end))
            return audit_say(audit, "set ECN flags %u, but ECN was not agreed on", flags);
        break;
    case AUDIT_ECN_CLASSIC: {
        const char *wrong = check_classic(audit, end, t, fresh, t->ack - peer->isn);

        if (wrong != NULL)
            return wrong;
        break;
    }
    case AUDIT_ECN_ACCURATE: {
        bool silent = flags == 0 && (may_be_without(audit, end) || is_over(end, peer));
        const char *wrong = silent ? NULL : check_accurate(audit, end, t);

        if (wrong != NULL)
            return wrong;
        break;
    }
    }
    return check_field(audit, end, s, fresh);
}

/* ---- what has arrived ------------------------------------------------------------------------ */

static void hear_syn(struct audit_end *to, const struct sight *s)
{
    struct audit_ecn *ecn = &to->ecn;
    unsigned flags = flags_of(&s->tcp);
    bool is_settled;

    ecn->syn_fields |= (uint8_t)(1u << s->ecn);
    if (!(s->tcp.flags & SIGHT_ACK)) {
        /* RFC 9768 3.1.3: what is not known asks for the most. */
        ecn->heard |=
            (uint8_t)(1u << (flags == 0 || flags == ASKS_CLASSIC ? flags : ASKS_ACCURATE));
        return;
    }
    /* What the end has answered is settled; an older SYN-ACK may come behind. */
    is_settled = to->ack_seen && ecn->n_synacks > 0;
    ecn->n_synacks++;
    ecn->synacks++;
    ecn->n_marked += s->ecn == CE;
    if (is_settled)
        return;
    if (flags == SAYS_CLASSIC && ecn->asked != 0)
        ecn->mode = AUDIT_ECN_CLASSIC;
    else if (ecn->asked == ASKS_ACCURATE && flags != 0 && flags != 7)
        ecn->mode = AUDIT_ECN_ACCURATE;
}

/* RFC 3168 6.1.3, where it is certain: new octets in order came marked, and have not come again in
   another way since. */
static void hear_mark(struct audit_end *to, const struct sight *s, uint32_t off, bool exact)
{
    struct audit_ecn *ecn = &to->ecn;
    uint32_t end = off + s->tcp.len;

    if (s->tcp.len == 0)
        return;
    if (exact || (s->tcp.flags & SIGHT_CWR) ||
        (ecn->owes_echo && (int32_t)(off - ecn->echo_at) < 0))
        ecn->owes_echo = false;
    if (s->ecn == CE && !exact && off == audit_contiguous(to)) {
        ecn->owes_echo = true;
        ecn->echo_at = end;
    }
}

void audit_ecn_arrived(const struct sim_audit *audit, struct audit_conn *conn, int at,
                       const struct sight *s)
{
    struct audit_end *to = &conn->end[at];
    const struct audit_end *peer = &conn->end[1 - at];
    const struct sight_tcp *t = &s->tcp;

    if (t->flags & SIGHT_RST)
        return;
    if (t->flags & SIGHT_SYN) {
        bool old = (t->flags & SIGHT_ACK) && t->ack - to->isn - 1 >= to->max_sent;

        if (!old) /* else it answers a SYN of before, and is reset */
            hear_syn(to, s);
        return;
    }
    to->ecn.n_marked += s->ecn == CE;
    if (to->ecn.mode == AUDIT_ECN_CLASSIC && !to->dead)
        hear_mark(to, s, t->seq - peer->isn, audit->hosts[to->host].exact_echo);
}
