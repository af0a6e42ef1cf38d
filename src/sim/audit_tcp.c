/* SPDX-License-Identifier: MIT */
/*
 * The auditor's rules about a TCP segment at its sender's end, from RFC 9293 (and 7323, 2018, 5961,
 * 6691): nothing that was not permitted, nothing that was not received, nothing said twice in
 * different words, nothing after the end.
 */
#include <stdlib.h>
#include <string.h>

#include "audit_priv.h"

#define SILENCE_AFTER   (240 * FT_SEC) /* 2 MSL: nobody speaks of a finished connection then */
#define ACK_AFTER       (500 * FT_MS)  /* RFC 9293 MUST-58: less than this */
#define SAME_ACKS_MAX   8              /* equal ACKs with nothing in between */
#define IDLE_ACKS_MAX   400            /* pure ACKs of both ends in a second without an octet */
#define INITIAL_SEGS    10             /* RFC 6928 2 */
#define EXTRA_SEGS      5              /* a probe, and the least window of BBR */
#define INITIAL_OCTETS  14600          /* RFC 6928 2 */
#define OCTETS_MAX      (UINT32_C(1) << 30)
#define MSS_DEFAULT_IP4 536  /* RFC 9293 MUST-15 */
#define MSS_DEFAULT_IP6 1220 /* RFC 9293 MUST-15 */

/* Forget an end but for its name: another incarnation of the four-tuple begins. */
static void forget_end(struct audit_end *end)
{
    struct audit_end fresh;

    memset(&fresh, 0, sizeof(fresh));
    fresh.host = end->host;
    fresh.addr = end->addr;
    fresh.port = end->port;
    memcpy(fresh.recent, end->recent, sizeof(fresh.recent));
    fresh.n_recent = end->n_recent;
    memcpy(fresh.isns, end->isns, sizeof(fresh.isns));
    fresh.n_isns = end->n_isns;
    free(end->octets);
    *end = fresh;
}

/* Of an end that has only sent a SYN: what reached it was of the connection before. */
static void forget_arrivals(struct audit_end *end)
{
    end->syn_arrived = false;
    end->owes_ack = false;
    end->told_ack = end->told_before = 0;
    end->told_edge = end->last_edge = 0;
    end->told_sack = false;
    end->told_again = 0;
    end->ts_arrived_seen = false;
    end->ts_recent_seen = end->ts_edge_seen = end->ts_edge_unsure = false;
    end->n_ranges = 0;
}

/* The end that begins anew knows nothing. The other's SYN may be its half of a simultaneous open
   (RFC 9293 3.5, figure 8), which nobody has answered yet: it stands. */
static void new_incarnation(struct audit_conn *conn, int from)
{
    struct audit_end *peer = &conn->end[1 - from];

    forget_end(&conn->end[from]);
    if (peer->syn_sent && !peer->ack_seen && !peer->reset_sent && !peer->reset_arrived &&
        !peer->dead)
        forget_arrivals(peer);
    else
        forget_end(peer);
    conn->incarnation++;
    conn->finished = false;
    conn->idle_acks = 0;
}

/* RFC 9293 3.10.7.1 and 3.5.2: whether a reset answers a segment that has reached its sender. */
static bool answers_a_segment(const struct audit_end *end, const struct sight_tcp *t)
{
    uint32_t n = end->n_recent < AUDIT_RECENT_MAX ? end->n_recent : AUDIT_RECENT_MAX;

    for (uint32_t i = 0; i < n; i++) {
        const struct audit_recent *r = &end->recent[i];

        if (r->flags & SIGHT_RST)
            continue;
        if ((r->flags & SIGHT_ACK) && !(t->flags & SIGHT_ACK) && t->seq == r->ack)
            return true;
        if (!(r->flags & SIGHT_ACK) && t->seq == 0 && (t->flags & SIGHT_ACK) &&
            t->ack == r->seq + r->seq_len)
            return true;
    }
    return false;
}

/* RFC 9293 3.10.5, RFC 7323 3.2: a reset of the own connection tells of what has arrived, too. */
static const char *check_reset_ack(struct sim_audit *audit, const struct audit_conn *conn, int from,
                                   const struct sight_tcp *t)
{
    const struct audit_end *end = &conn->end[from];
    const struct audit_end *peer = &conn->end[1 - from];
    uint32_t ack = t->ack - peer->isn;

    if (!(t->flags & SIGHT_ACK))
        return NULL;
    if (t->has_ts && end->ts_arrived_seen && (int32_t)(t->tsecr - end->ts_arrived) > 0)
        return audit_say(audit, "sent a reset that echoes timestamp %u, which has not reached it",
                         t->tsecr);
    if (end->syn_arrived && peer->syn_sent && ack > audit_contiguous(end))
        return audit_say(audit,
                         "sent a reset that acknowledges up to %u, but only %u has reached it", ack,
                         audit_contiguous(end));
    return NULL;
}

/* RFC 9293 3.10.7.1 and 3.5.2: which resets may be sent. */
static const char *check_reset(struct sim_audit *audit, struct audit_conn *conn, int from,
                               const struct sight_tcp *t, ft_time now)
{
    struct audit_end *end = &conn->end[from];
    uint32_t off = t->seq - end->isn;
    bool again;

    if (t->len > 0)
        return audit_say(audit, "sent a reset that carries octets");
    if (answers_a_segment(end, t))
        return NULL;
    if (!end->syn_sent || end->dead)
        return audit_say(audit, "sent a reset that answers nothing that reached it");
    /* RFC 4987 3.6: a copy of the ACK that brought a cookie back has made the connection once more,
       with the same numbers; whoever does not want it resets it where it begins. */
    again = audit_by_cookie(audit, end) && off == 1;
    if ((off < end->told_ack && !again) || off > end->max_sent + 1)
        return audit_say(audit, "sent a reset whose sequence number (%u) is not its own", off);
    if (!end->reset_sent)
        end->silence = now - end->said_at;
    end->reset_sent = true;
    return check_reset_ack(audit, conn, from, t);
}

/* RFC 9293 3.7.1, RFC 7323 2.2 and 3.2, RFC 2018 2: what a SYN may offer. */
static const char *check_syn(struct sim_audit *audit, struct audit_conn *conn, int from,
                             const struct sight *s)
{
    const struct sight_tcp *t = &s->tcp;
    struct audit_end *end = &conn->end[from];
    struct audit_end *peer = &conn->end[1 - from];
    uint32_t headers = s->version == 4 ? 40 : 60;

    if (t->len > 0)
        return audit_say(audit, "sent octets on a SYN");
    if ((t->flags & SIGHT_ACK) && !end->syn_arrived)
        return audit_say(audit, "sent a SYN-ACK to a SYN that has not reached it");
    if (t->flags & SIGHT_ACK) {
        if (t->ack != peer->isn + 1)
            return audit_say(audit, "sent a SYN-ACK that acknowledges another SYN");
        if ((t->has_ws && !peer->has_ws) || (t->has_ts && !peer->has_ts) ||
            (t->sack_ok && !peer->sack_ok))
            return audit_say(audit, "sent a SYN-ACK with an option that the SYN did not offer");
    }
    if (!end->syn_sent || end->isn != t->seq) {
        if (end->syn_sent)
            end->offers[end->n_offers++ % AUDIT_OFFERS_MAX] = end->isn;
        end->is_passive = (t->flags & SIGHT_ACK) && (!end->syn_sent || end->is_passive);
        end->isn = t->seq;
        end->syn_sent = true;
        end->max_sent = 1;
        end->max_taken = 0;
    }
    end->dead = false;
    end->has_ws = t->has_ws;
    end->ws = t->ws;
    end->has_ts = t->has_ts;
    end->sack_ok = t->sack_ok;
    end->mss =
        t->has_mss ? t->mss : (uint16_t)(s->version == 4 ? MSS_DEFAULT_IP4 : MSS_DEFAULT_IP6);
    if (t->has_mss && t->mss + headers > 65535)
        return audit_say(audit, "announced an MSS of %u", t->mss);
    if (t->flags & SIGHT_ACK) {
        audit_note_ack(end, 1, false);
        end->ack_seen = true;
        end->announced_edge = 1 + (uint32_t)t->wnd;
    }
    return NULL;
}

/* The octets that are sent again must be the octets that were sent. */
static const char *check_octets(struct sim_audit *audit, struct audit_end *end, uint32_t off,
                                const struct sight_tcp *t)
{
    uint32_t known = end->max_sent - (end->fin_sent ? 1U : 0U);
    uint32_t again = off < known ? known - off : 0;

    if (off == 0 || off + t->len > OCTETS_MAX)
        return audit_say(audit, "sent octets in the place of its SYN");
    if (again > t->len)
        again = t->len;
    if (again > 0 && memcmp(end->octets + off - 1, t->data, again) != 0)
        return audit_say(audit, "sent other octets at %u than the first time", off);
    if (off + t->len > end->octets_cap) {
        size_t cap = ((size_t)off + t->len) * 2;
        uint8_t *octets = realloc(end->octets, cap);

        if (octets == NULL)
            return audit_say(audit, "(the auditor ran out of memory)");
        end->octets = octets;
        end->octets_cap = cap;
    }
    memcpy(end->octets + off - 1, t->data, t->len);
    return NULL;
}

/* RFC 9293 3.8.6 and 3.4: where in the sequence space a segment may lie. */
static const char *check_place(struct sim_audit *audit, struct audit_end *end, uint32_t off,
                               const struct sight_tcp *t)
{
    uint32_t after = off + t->len;
    bool fin = (t->flags & SIGHT_FIN) != 0;

    if (off > end->max_sent)
        return audit_say(audit, "sent from %u on, but had only sent up to %u", off, end->max_sent);
    if (end->fin_sent && ((t->len > 0 && after > end->fin_at) || (fin && after != end->fin_at)))
        return audit_say(audit, "sent octets after its FIN, or moved its FIN");
    if (fin && !end->fin_sent && after < end->max_sent)
        return audit_say(audit, "sent a FIN before octets that it had sent already");
    /* RFC 9293 3.10.7.4: an empty segment below what the peer has is not looked at. Those that
       probe are meant to be like that (RFC 9293 3.8.4); where the newest ACK came in a segment
       that was not acceptable, its receiver goes by the one before. Nor does it go beyond the
       window that an ACK has which was overtaken by another of the same octets. */
    if (t->len == 0 && !fin && off < end->max_taken && off < end->told_edge &&
        off != end->last_edge && off + 1 != end->told_ack && off + 1 != end->told_before)
        return audit_say(audit, "sent an ACK at %u, but had sent up to %u", off, end->max_taken);
    if (t->len > 0 && after > end->told_edge && after > end->max_sent) {
        /* RFC 9293 3.8.6.1: one octet may probe a window that is closed. */
        if (t->len > 1 || off > end->told_edge)
            return audit_say(audit, "sent up to %u, but the window it was given ends at %u", after,
                             end->told_edge);
    }
    return NULL;
}

/* RFC 6928 2: the initial window. RFC 5681 3.1: it grows by what is acknowledged, and no faster.
   More leaves for each duplicate ACK (RFC 3042, RFC 6582), as a tail loss probe (RFC 8985 7.3), and
   once all is taken for lost by a timeout: two segments by RFC 5682, four by BBR, which has seldom
   less of a window. Where SACK tells of what has arrived behind a gap, nothing is known. */
static const char *check_pace(struct sim_audit *audit, const struct audit_end *end,
                              const struct audit_end *peer, uint32_t after)
{
    uint64_t mss = peer->mss;
    uint64_t most = 2 * mss > INITIAL_OCTETS ? 2 * mss : INITIAL_OCTETS;
    uint64_t acked = end->told_ack > 1 ? end->told_ack - 1 : 0;

    if (peer->mss == 0 || end->told_sack || after <= end->max_sent)
        return NULL;
    most = most < INITIAL_SEGS * mss ? most : INITIAL_SEGS * mss;
    most += 2 * acked + (EXTRA_SEGS + (uint64_t)end->told_again) * mss;
    if (after - 1 > most)
        return audit_say(audit, "sent up to %u, but had %llu acknowledged: slow start allows %llu",
                         after, (unsigned long long)acked, (unsigned long long)most);
    return NULL;
}

/* RFC 9293 3.7.1 (MUST-16), RFC 6691 2: options make a full segment smaller. */
static const char *check_size(struct sim_audit *audit, const struct audit_end *peer,
                              const struct sight *s)
{
    const struct sight_tcp *t = &s->tcp;

    if (peer->mss != 0 && t->len > 0 && t->len + t->opt_len > peer->mss)
        return audit_say(audit, "sent %u octets and %u of options to an MSS of %u", t->len,
                         t->opt_len, peer->mss);
    return NULL;
}

/* RFC 7323 3.2: on every segment once negotiated; TSval never goes back; TSecr is an echo. */
static const char *check_timestamps(struct sim_audit *audit, struct audit_conn *conn, int from,
                                    const struct sight_tcp *t)
{
    struct audit_end *end = &conn->end[from];
    struct audit_end *peer = &conn->end[1 - from];
    bool both = end->has_ts && peer->has_ts && peer->syn_sent;

    if (!(t->flags & SIGHT_SYN) && t->has_ts != both)
        return audit_say(audit, t->has_ts ? "sent timestamps that were not agreed on"
                                          : "sent a segment without the timestamps agreed on");
    if (!t->has_ts)
        return NULL;
    if (end->ts_seen && (int32_t)(t->tsval - end->tsval) < 0)
        return audit_say(audit, "sent timestamp %u after %u", t->tsval, end->tsval);
    end->tsval = t->tsval;
    end->ts_seen = true;
    if (!(t->flags & SIGHT_ACK))
        return NULL;
    if (end->ts_arrived_seen && (int32_t)(t->tsecr - end->ts_arrived) > 0)
        return audit_say(audit, "echoed timestamp %u, which has not reached it", t->tsecr);
    /* RFC 4987 3.6: who has come of a cookie remembers the timestamp of the ACK that brought it. */
    if (end->ts_recent_seen && !audit_by_cookie(audit, end) &&
        (int32_t)(t->tsecr - end->ts_recent) < 0)
        return audit_say(audit, "echoed timestamp %u, but TS.Recent is %u by now", t->tsecr,
                         end->ts_recent);
    return NULL;
}

/* RFC 2018 3 and 4: blocks name octets that have arrived; RFC 2883: the first may repeat. */
static const char *check_sack(struct sim_audit *audit, struct audit_conn *conn, int from,
                              const struct sight_tcp *t)
{
    struct audit_end *end = &conn->end[from];
    struct audit_end *peer = &conn->end[1 - from];

    if (t->n_sack > 0 && !(end->sack_ok && peer->sack_ok))
        return audit_say(audit, "sent SACK blocks that were not agreed on");
    for (uint32_t i = 0; i < t->n_sack; i++) {
        uint32_t lo = t->sack[i][0] - peer->isn;
        uint32_t hi = t->sack[i][1] - peer->isn;

        if (lo >= hi || !audit_has_arrived(end, lo, hi))
            return audit_say(audit, "sent a SACK block [%u, %u) that has not reached it", lo, hi);
        if (i > 0 && lo <= t->ack - peer->isn)
            return audit_say(audit, "sent a SACK block [%u, %u) below its ACK", lo, hi);
    }
    return NULL;
}

/* RFC 9293 3.10.7.4 and 3.8.6.2.1: ACKs are for what arrived, and promises are kept. */
static const char *check_ack(struct sim_audit *audit, struct audit_conn *conn, int from,
                             const struct sight_tcp *t, ft_time now)
{
    struct audit_end *end = &conn->end[from];
    struct audit_end *peer = &conn->end[1 - from];
    uint32_t ack = t->ack - peer->isn;
    uint8_t shift = end->has_ws && peer->has_ws ? end->ws : 0;
    uint32_t edge = ack + ((uint32_t)t->wnd << shift);

    if (audit->hurry && end->owes_ack && now > end->owes_since + ACK_AFTER)
        return audit_say(audit, "acknowledged after %llu ms what had come in order",
                         (unsigned long long)((now - end->owes_since) / FT_MS));
    if (!peer->syn_sent || !end->syn_arrived)
        return audit_say(audit, "acknowledged a connection that nobody offered");
    if (ack == 0 || ack > peer->max_sent)
        return audit_say(audit, "acknowledged up to %u, but only %u was ever sent", ack,
                         peer->max_sent);
    if (ack > audit_contiguous(end))
        return audit_say(audit, "acknowledged up to %u, but only %u has reached it", ack,
                         audit_contiguous(end));
    if (end->ack_seen && ack < end->acked)
        return audit_say(audit, "took back its ACK of %u, now %u", end->acked, ack);
    /* After the peer's FIN a window permits nothing. */
    if (end->ack_seen && !(peer->fin_sent && ack > peer->fin_at) &&
        edge + (1U << shift) - 1 < end->announced_edge)
        return audit_say(audit, "shrank its window: the right edge was %u and is %u",
                         end->announced_edge, edge);
    audit_note_ack(end, ack, t->len == 0 && t->seq - end->isn < end->max_sent);
    end->ack_seen = true;
    end->owes_ack = false;
    if (edge > end->announced_edge)
        end->announced_edge = edge;
    return NULL;
}

/* An ACK is an answer, or says something new. */
static const char *check_storm(struct sim_audit *audit, struct audit_conn *conn, int from,
                               const struct sight_tcp *t, const struct sim_audit_frame *frame)
{
    struct audit_end *end = &conn->end[from];

    if (t->len > 0 || (t->flags & SIGHT_FIN) || (t->flags & (SIGHT_SYN | SIGHT_ACK)) == SIGHT_SYN) {
        conn->idle_acks = 0;
        end->same_acks = 0;
        return NULL;
    }
    if (conn->idle_acks == 0 || frame->at - conn->idle_since > FT_SEC) {
        conn->idle_since = frame->at;
        conn->idle_acks = 0;
    }
    if (++conn->idle_acks > IDLE_ACKS_MAX)
        return audit_say(audit, "takes part in a storm: %u ACKs in a second and no octet",
                         conn->idle_acks);
    if (frame->refused)
        return NULL;
    if (t->seq != end->last_ack.seq || t->ack != end->last_ack.ack || t->wnd != end->last_ack.wnd ||
        t->n_sack != end->last_ack.n_sack) {
        end->same_acks = 0;
        end->ack_credit -= end->ack_credit > 0 ? 1 : 0;
        end->last_ack = *t;
        return NULL;
    }
    if (end->ack_credit > 0) {
        end->ack_credit--;
        return NULL;
    }
    if (++end->same_acks > SAME_ACKS_MAX)
        return audit_say(audit, "sent the same ACK %u times with nothing in between",
                         end->same_acks);
    return NULL;
}

/* Nothing follows a reset, and a finished connection is silent. */
static const char *check_silence(struct sim_audit *audit, const struct audit_conn *conn, int from,
                                 ft_time now)
{
    const struct audit_end *end = &conn->end[from];

    if (audit_by_cookie(audit, end))
        return NULL;
    if (end->reset_sent)
        return audit_say(audit, "sent a segment after it had reset the connection");
    if (end->reset_arrived)
        return audit_say(audit, "sent a segment after the connection was reset");
    if (conn->finished && now > conn->finished_at + SILENCE_AFTER)
        return audit_say(audit, "spoke of a connection that ended long ago");
    return NULL;
}

/* A SYN with a new number, or after the end, begins another connection of the same name. */
static bool begins_anew(const struct audit_conn *conn, int from, const struct sight_tcp *t)
{
    const struct audit_end *end = &conn->end[from];

    if (!(t->flags & SIGHT_SYN) || (t->flags & SIGHT_ACK))
        return false;
    if (!end->syn_sent)
        return conn->finished; /* the other was refused while this end had not begun yet */
    return end->isn != t->seq || end->reset_sent;
}

/* What of the flags says what a segment is. */
static uint8_t kind_of(const struct sight_tcp *t)
{
    return t->flags & (SIGHT_SYN | SIGHT_ACK | SIGHT_FIN | SIGHT_RST);
}

/* An old SYN has come after, or beside, the connection that it once began, or that another one has
   begun since: the answer is of no connection, and its reset is under way. An end in SYN-SENT that
   has taken it for a simultaneous open says the same as an ACK, if it is asked again (RFC 9293
   3.10.7.4, first). */
static bool is_ghost(const struct audit_conn *conn, int from, const struct sight_tcp *t)
{
    const struct audit_end *end = &conn->end[from];
    bool is_bare = kind_of(t) == SIGHT_ACK && t->len == 0 && end->syn_sent && !end->ack_seen &&
                   t->seq == end->isn + 1 && t->ack != conn->end[1 - from].isn + 1;
    uint32_t n = end->n_recent < AUDIT_RECENT_MAX ? end->n_recent : AUDIT_RECENT_MAX;

    if (kind_of(t) != (SIGHT_SYN | SIGHT_ACK) && !is_bare)
        return false;
    if (t->ack == conn->end[1 - from].isn + 1 && end->syn_arrived)
        return end->syn_sent && end->isn != t->seq &&
               (end->told_ack > 0 || conn->end[1 - from].syn_arrived);
    for (uint32_t i = 0; i < n; i++) {
        if ((end->recent[i].flags & SIGHT_SYN) && end->recent[i].seq + 1 == t->ack)
            return true;
    }
    return false;
}

/* RFC 4987 3.6: a copy of the ACK that brought a cookie back has come after the end, and has made
   the connection once more, with the same numbers; its application does not know it, and resets it.
 */
static bool is_made_again(const struct sim_audit *audit, const struct audit_conn *conn, int from,
                          const struct sight_tcp *t)
{
    const struct audit_end *end = &conn->end[from];

    return audit_by_cookie(audit, end) && (conn->finished || end->reset_sent) &&
           kind_of(t) == SIGHT_ACK && t->len == 0 && t->seq == end->isn + 1;
}

/* The rules for a segment of a connection that both ends know. */
static const char *check_synchronised(struct sim_audit *audit, struct audit_conn *conn, int from,
                                      const struct sight *s, ft_time now)
{
    const struct sight_tcp *t = &s->tcp;
    struct audit_end *end = &conn->end[from];
    uint32_t off = t->seq - end->isn;
    const char *wrong = check_silence(audit, conn, from, now);

    if (end->dead)
        return audit_say(audit, "sent a segment of a connection that it has lost in a crash");

    if (wrong == NULL && !(t->flags & SIGHT_ACK))
        wrong = audit_say(audit, "sent a segment without an ACK"); /* RFC 9293 3.10.7.4 */
    if (wrong == NULL)
        wrong = check_ack(audit, conn, from, t, now);
    if (wrong == NULL)
        wrong = check_place(audit, end, off, t);
    if (wrong == NULL)
        wrong = check_size(audit, &conn->end[1 - from], s);
    if (wrong == NULL)
        wrong = check_pace(audit, end, &conn->end[1 - from], off + t->len);
    if (wrong == NULL)
        wrong = check_sack(audit, conn, from, t);
    if (wrong == NULL && t->len > 0)
        wrong = check_octets(audit, end, off, t);
    if (wrong != NULL)
        return wrong;
    if (t->flags & SIGHT_FIN) {
        end->fin_sent = true;
        end->fin_at = off + t->len;
    }
    if (off + sight_seq_len(t) > end->max_sent)
        end->max_sent = off + sight_seq_len(t);
    return NULL;
}

const char *audit_segment(struct sim_audit *audit, struct audit_conn *conn, int from,
                          const struct sight *s, const struct sim_audit_frame *frame)
{
    const struct sight_tcp *t = &s->tcp;
    const char *wrong;
    uint32_t after;

    if (t->flags & SIGHT_RST)
        return check_reset(audit, conn, from, t, frame->at);
    if (begins_anew(conn, from, t))
        new_incarnation(conn, from);
    wrong = check_storm(audit, conn, from, t, frame);
    if (wrong != NULL || is_ghost(conn, from, t) || is_made_again(audit, conn, from, t))
        return wrong;
    conn->end[from].host = frame->host;
    conn->end[from].said_at = frame->at;
    if (!(t->flags & SIGHT_SYN) && !conn->end[from].syn_sent)
        return conn->incarnation > 0 ? NULL
                                     : audit_say(audit, "sent a segment without a SYN before it");
    wrong = (t->flags & SIGHT_SYN) ? check_syn(audit, conn, from, s)
                                   : check_synchronised(audit, conn, from, s, frame->at);
    if (wrong == NULL)
        wrong = check_timestamps(audit, conn, from, t);
    if (wrong == NULL)
        wrong = audit_ecn_sent(audit, conn, from, s);
    after = t->seq + sight_seq_len(t) - conn->end[from].isn;
    if (!frame->refused && after > conn->end[from].max_taken)
        conn->end[from].max_taken = after;
    return wrong;
}
