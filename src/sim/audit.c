/* SPDX-License-Identifier: MIT */
/*
 * The auditor's book: which connection a frame belongs to, what has been sent and what has arrived.
 * The rules about a TCP segment are in audit_tcp.c; those about a frame as such in sight.c.
 */
#include "sim/audit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit_priv.h"

#define PATH_LIFE (300 * FT_SEC) /* RFC 1191 6.3: not raised before */

const char *audit_say(struct sim_audit *audit, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(audit->sentence, sizeof(audit->sentence), format, args);
    va_end(args);
    return audit->sentence;
}

struct sim_audit *ft_sim_audit_new(const struct sim_audit_host *hosts, uint32_t n_hosts)
{
    struct sim_audit *audit;

    if (n_hosts > SIM_AUDIT_HOSTS_MAX)
        return NULL;
    audit = calloc(1, sizeof(*audit));
    if (audit == NULL)
        return NULL;
    memcpy(audit->hosts, hosts, n_hosts * sizeof(hosts[0]));
    audit->n_hosts = n_hosts;
    return audit;
}

void ft_sim_audit_hurry(struct sim_audit *audit)
{
    audit->hurry = true;
}

void ft_sim_audit_cookies(struct sim_audit *audit)
{
    audit->cookies = true;
}

/* :: or 0.0.0.0 */
static bool is_no_address(const struct ft_addr *addr)
{
    return addr->hi == 0 && (addr->lo == 0 || addr->lo == UINT64_C(0xffff00000000));
}

/* Whether a host may send from this address: its own, or none at all while it probes. */
static bool may_send_from(const struct sim_audit_host *host, const struct ft_addr *addr)
{
    if (is_no_address(addr))
        return true;
    for (uint32_t i = 0; i < host->n_addrs; i++) {
        if (sim_addr_eq(&host->addrs[i], addr))
            return true;
    }
    return false;
}

void ft_sim_audit_translate(struct sim_audit *audit, sim_audit_name *name, const void *ctx)
{
    audit->name = name;
    audit->name_ctx = ctx;
}

void ft_sim_audit_sign(struct sim_audit *audit, sim_audit_key_of *key_of, const void *ctx)
{
    audit->key_of = key_of;
    audit->key_ctx = ctx;
}

/* The names as the one behind a NAT knows them. */
static void translate(const struct sim_audit *audit, struct sight *s)
{
    if (audit->name == NULL)
        return;
    for (int i = 0; i < 2; i++) {
        uint16_t *port = i == 0 ? &s->src_port : &s->dst_port;
        uint16_t was = *port;
        struct ft_addr *addr = i == 0 ? &s->src : &s->dst;
        struct ft_addr at = *addr;

        audit->name(audit->name_ctx, addr, port);
        if (!sim_addr_eq(&at, addr))
            s->nat_port = was;
    }
    if (!s->icmp.is_error)
        return;
    audit->name(audit->name_ctx, &s->icmp.src, &s->icmp.src_port);
    audit->name(audit->name_ctx, &s->icmp.dst, &s->icmp.dst_port);
}

void ft_sim_audit_moved(struct sim_audit *audit, uint32_t host, const uint8_t mac[6])
{
    memcpy(audit->hosts[host].mac, mac, 6);
}

void ft_sim_audit_crashed(struct sim_audit *audit, uint32_t host)
{
    const struct sim_audit_host *h = &audit->hosts[host];

    audit->n_paths[host] = 0;
    for (size_t i = 0; i < 2 * AUDIT_BUCKETS; i++) {
        for (struct audit_conn *conn = audit->buckets[i / 2]; conn != NULL; conn = conn->next) {
            struct audit_end *end = &conn->end[i % 2];

            if (is_no_address(&end->addr) || !may_send_from(h, &end->addr) || conn->kept)
                continue;
            end->dead = true;
            end->syn_arrived = false;
            end->ts_seen = false;
            end->ts_recent_seen = false;
            end->ts_edge_unsure = true;
            end->ecn = (struct audit_ecn){0};
            end->owes_ack = false;
            end->n_recent = 0;
            end->ack_credit = 0;
        }
    }
    for (size_t i = 0; i < AUDIT_BUCKETS; i++) {
        for (struct audit_conn *conn = audit->buckets[i]; conn != NULL; conn = conn->next)
            conn->kept = false;
    }
}

void ft_sim_audit_free(struct sim_audit *audit)
{
    if (audit == NULL)
        return;
    for (size_t i = 0; i < AUDIT_BUCKETS; i++) {
        while (audit->buckets[i] != NULL) {
            struct audit_conn *conn = audit->buckets[i];

            audit->buckets[i] = conn->next;
            free(conn->end[0].octets);
            free(conn->end[1].octets);
            free(conn);
        }
    }
    free(audit);
}

void audit_range_add(struct audit_end *end, uint32_t lo, uint32_t hi)
{
    struct audit_range *r = end->ranges;
    uint32_t n = end->n_ranges;
    uint32_t i = 0;
    uint32_t j;

    if (lo == hi)
        return;
    while (i < n && r[i].hi < lo)
        i++;
    for (j = i; j < n && r[j].lo <= hi; j++) {
        lo = r[j].lo < lo ? r[j].lo : lo;
        hi = r[j].hi > hi ? r[j].hi : hi;
    }
    if (j == i && n == AUDIT_RANGES_MAX) {
        /* No room for another range: widen a neighbour over the gap. */
        if (i < n)
            r[i].lo = lo;
        else
            r[n - 1].hi = hi;
        return;
    }
    memmove(&r[i + 1], &r[j], (n - j) * sizeof(r[0]));
    r[i] = (struct audit_range){lo, hi};
    end->n_ranges = n - (j - i) + 1;
}

bool audit_by_cookie(const struct sim_audit *audit, const struct audit_end *end)
{
    return audit->cookies && end->is_passive;
}

uint32_t audit_contiguous(const struct audit_end *end)
{
    return end->n_ranges > 0 && end->ranges[0].lo == 0 ? end->ranges[0].hi : 0;
}

bool audit_has_arrived(const struct audit_end *end, uint32_t lo, uint32_t hi)
{
    for (uint32_t i = 0; i < end->n_ranges; i++) {
        if (end->ranges[i].lo <= lo && hi <= end->ranges[i].hi)
            return true;
    }
    return false;
}

void audit_note_ack(struct audit_end *end, uint32_t ack, bool probes)
{
    if (ack == end->acked)
        return;
    if (ack > end->acked && end->ts_edge_seen && !end->ts_edge_unsure &&
        (!end->ts_recent_seen || (int32_t)(end->ts_edge - end->ts_recent) > 0)) {
        end->ts_recent = end->ts_edge;
        end->ts_recent_seen = true;
    }
    end->acked = ack;
    end->ts_edge_seen = false;
    end->ts_edge_unsure = probes || audit_contiguous(end) > ack;
}

static bool is_end(const struct audit_end *end, const struct ft_addr *addr, uint16_t port)
{
    return end->port == port && sim_addr_eq(&end->addr, addr);
}

/* The same bucket whichever end is the sender. */
static uint32_t bucket_of(const struct sight *s)
{
    uint64_t x = (s->src.lo ^ s->dst.lo ^ s->src.hi ^ s->dst.hi) * UINT64_C(0x9e3779b97f4a7c15);

    x += (uint64_t)(s->src_port ^ s->dst_port) * UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(x >> 32) % AUDIT_BUCKETS;
}

/* The connection of a segment; *ret_from is the end that sends. NULL: none yet. */
static struct audit_conn *look_up(const struct sim_audit *audit, const struct sight *s,
                                  int *ret_from)
{
    struct audit_conn *conn;

    for (conn = audit->buckets[bucket_of(s)]; conn != NULL; conn = conn->next) {
        for (int from = 0; from < 2; from++) {
            if (is_end(&conn->end[from], &s->src, s->src_port) &&
                is_end(&conn->end[1 - from], &s->dst, s->dst_port)) {
                *ret_from = from;
                return conn;
            }
        }
    }
    return NULL;
}

void ft_sim_audit_keep(struct sim_audit *audit, const struct ft_addr *src, uint16_t src_port,
                       const struct ft_addr *dst, uint16_t dst_port)
{
    struct sight s = {.src = *src, .dst = *dst, .src_port = src_port, .dst_port = dst_port};
    int from;
    struct audit_conn *conn = look_up(audit, &s, &from);

    if (conn != NULL)
        conn->kept = true;
}

ft_time ft_sim_audit_silence(const struct sim_audit *audit, const struct ft_addr *src,
                             uint16_t src_port, const struct ft_addr *dst, uint16_t dst_port)
{
    struct sight s = {.src = *src, .dst = *dst, .src_port = src_port, .dst_port = dst_port};
    int from = 0;
    const struct audit_conn *conn = look_up(audit, &s, &from);

    return conn != NULL ? conn->end[from].silence : 0;
}

/* The same, made if it is new. */
static struct audit_conn *find(struct sim_audit *audit, const struct sight *s, int *ret_from)
{
    struct audit_conn **bucket = &audit->buckets[bucket_of(s)];
    struct audit_conn *conn = look_up(audit, s, ret_from);

    if (conn != NULL) {
        conn->split = conn->split ||
                      (s->nat_port != 0 && conn->nat_port != 0 && s->nat_port != conn->nat_port);
        if (s->nat_port != 0)
            conn->nat_port = s->nat_port;
        return conn;
    }
    conn = calloc(1, sizeof(*conn));
    if (conn == NULL)
        return NULL;
    conn->end[0].addr = s->src;
    conn->end[0].port = s->src_port;
    conn->end[1].addr = s->dst;
    conn->end[1].port = s->dst_port;
    conn->nat_port = s->nat_port;
    conn->next = *bucket;
    *bucket = conn;
    *ret_from = 0;
    return conn;
}

/* What a host was told of the way to a destination; NULL: nothing yet. */
static struct audit_path *path_of(struct sim_audit *audit, uint32_t host, const struct ft_addr *dst)
{
    for (uint32_t i = 0; i < audit->n_paths[host]; i++) {
        if (sim_addr_eq(&audit->paths[host][i].dst, dst))
            return &audit->paths[host][i];
    }
    return NULL;
}

/* RFC 1191 6.3, RFC 8201 4: for five minutes nothing larger is tried. */
static const char *check_path(struct sim_audit *audit, const struct sim_audit_frame *frame,
                              const struct sight *s)
{
    const struct audit_path *path = path_of(audit, frame->host, &s->dst);

    if (path == NULL || frame->at > path->at + PATH_LIFE || s->ip_len <= path->mtu)
        return NULL;
    return audit_say(audit, "sent a segment of %u octets of IP, but was told that only %u fit",
                     s->ip_len, path->mtu);
}

const char *ft_sim_audit_sent(struct sim_audit *audit, const struct sim_audit_frame *frame,
                              struct sight *ret_sight)
{
    const struct sim_audit_host *host = &audit->hosts[frame->host];
    const char *wrong = ft_sim_sight(ret_sight, frame->octets, frame->len);
    struct audit_conn *conn;
    int from;

    if (wrong != NULL)
        return audit_say(audit, "sent %s", wrong);
    if (memcmp(ret_sight->src_mac, host->mac, 6) != 0)
        return audit_say(audit, "sent a frame from a link address that is not its own");
    if (ret_sight->version == 0)
        return NULL;
    if (!may_send_from(host, &ret_sight->src))
        return audit_say(audit, "sent a packet from an address that is not its own");
    if (ret_sight->ip_len > host->mtu)
        return audit_say(audit, "sent a packet of %u octets over an MTU of %u", ret_sight->ip_len,
                         host->mtu);
    if (ret_sight->ip_len + 14 != frame->len)
        return audit_say(audit, "sent a frame with octets after its packet");
    if (!ret_sight->is_tcp)
        return NULL;
    translate(audit, ret_sight);
    wrong = check_path(audit, frame, ret_sight);
    if (wrong != NULL)
        return wrong;
    if (is_no_address(&ret_sight->src) || (ret_sight->dst_mac[0] & 1))
        return audit_say(audit, "sent a TCP segment from no address or to a group");
    conn = find(audit, ret_sight, &from);
    if (conn == NULL || conn->split)
        return NULL;
    wrong = audit_signature(audit, conn, from, ret_sight);
    if (wrong != NULL)
        return audit_say(audit, "sent %s", wrong);
    audit_note_isn(&conn->end[from], &ret_sight->tcp);
    return audit_segment(audit, conn, from, ret_sight, frame);
}

/* A router says that a segment was too big. It counts if it quotes octets in flight (RFC 5927 4.1)
   of a connection that goes on, and says nothing absurd (RFC 8021; RFC 791 3.2 for the 552). */
static void learn_path(struct sim_audit *audit, const struct sim_audit_frame *frame,
                       const struct sight *s)
{
    const struct sight_icmp *icmp = &s->icmp;
    struct sight quoted = {
        .src = icmp->src, .dst = icmp->dst, .src_port = icmp->src_port, .dst_port = icmp->dst_port};
    uint32_t *n = &audit->n_paths[frame->host];
    struct audit_path *path = path_of(audit, frame->host, &icmp->dst);
    struct sim_audit_key key = {.kind = SIM_KEY_NONE};
    const struct audit_conn *conn;
    const struct audit_end *end;
    int from;

    conn = look_up(audit, &quoted, &from);
    if (!icmp->too_big || icmp->mtu < (s->version == 6 ? 1280U : 552U) || conn == NULL)
        return;
    if (audit->key_of != NULL)
        audit->key_of(audit->key_ctx, &quoted, &key);
    if (key.kind != SIM_KEY_NONE)
        return; /* RFC 5925 7.8: nobody has signed that */
    end = &conn->end[from];
    if (conn->finished || conn->split || end->dead || end->reset_sent || end->reset_arrived ||
        !end->syn_sent || icmp->seq - end->isn < end->told_ack ||
        icmp->seq - end->isn >= end->max_sent)
        return;
    if (path != NULL && frame->at < path->at + PATH_LIFE && icmp->mtu >= path->mtu)
        return;
    if (path == NULL && *n == AUDIT_PATHS_MAX)
        return;
    if (path == NULL)
        path = &audit->paths[frame->host][(*n)++];
    *path = (struct audit_path){icmp->dst, icmp->mtu, frame->at};
}

/* What an acknowledgement tells the end that it reaches. */
static void learn_ack(struct audit_end *to, const struct audit_end *peer, const struct sight_tcp *t)
{
    uint32_t ack = t->ack - to->isn;
    uint32_t edge = ack + t->wnd;

    if (!(t->flags & SIGHT_ACK) || !to->syn_sent || ack > to->max_sent)
        return;
    if (!(t->flags & SIGHT_SYN) && to->has_ws && peer->has_ws)
        edge = ack + ((uint32_t)t->wnd << peer->ws);
    to->told_sack = to->told_sack || t->n_sack > 0;
    if (ack >= to->told_ack)
        to->last_edge = edge;
    if (ack <= to->told_ack && t->len == 0)
        to->told_again++;
    if (ack > to->told_ack) {
        to->told_before = to->told_ack;
        to->told_ack = ack;
    }
    if (edge > to->told_edge)
        to->told_edge = edge;
}

/* In TIME-WAIT: its FIN is acknowledged, and it has acknowledged the peer's. RFC 1337: resets are
   ignored there. */
static bool waits_out(const struct audit_end *end, const struct audit_end *peer)
{
    return end->fin_sent && end->told_ack > end->fin_at && peer->fin_sent &&
           end->acked > peer->fin_at;
}

/* A reset counts when it is exact (RFC 5961 3.2) or refuses our SYN (RFC 9293 3.10.7.3). */
static void learn_reset(struct audit_conn *conn, int at, const struct sight_tcp *t, ft_time now)
{
    struct audit_end *to = &conn->end[at];
    struct audit_end *peer = &conn->end[1 - at];
    uint32_t off = t->seq - peer->isn;
    bool exact = to->ack_seen && peer->syn_sent && off == to->acked && off == audit_contiguous(to);
    bool refused = !to->ack_seen && to->syn_sent && (t->flags & SIGHT_ACK) && t->ack == to->isn + 1;

    if ((!exact && !refused) || waits_out(to, peer))
        return;
    to->reset_arrived = true;
    if (!conn->finished) {
        conn->finished = true;
        conn->finished_at = now;
    }
}

/* It may be answered, by an ACK or a reset. */
static void learn_arrival(struct audit_end *to, const struct sight_tcp *t)
{
    to->recent[to->n_recent++ % AUDIT_RECENT_MAX] =
        (struct audit_recent){t->seq, t->ack, sight_seq_len(t), t->flags};
    to->ack_credit++;
}

/* Of several SYN-ACKs, one by a cookie perhaps, the first that arrives is the one that counts,
   though its ACK may wait for a neighbour. */
static void choose_offer(const struct audit_end *to, struct audit_end *peer,
                         const struct sight_tcp *t)
{
    uint32_t n = peer->n_offers < AUDIT_OFFERS_MAX ? peer->n_offers : AUDIT_OFFERS_MAX;

    if ((t->flags & (SIGHT_SYN | SIGHT_ACK)) != (SIGHT_SYN | SIGHT_ACK) || to->ack_seen ||
        to->syn_arrived || t->ack != to->isn + 1)
        return;
    for (uint32_t i = 0; i < n; i++) {
        if (peer->offers[i] == t->seq) {
            peer->offers[i] = peer->isn;
            peer->isn = t->seq;
            return;
        }
    }
}

/* RFC 7323 4.3: TS.Recent is taken from what covers Last.ACK.sent. Of several such segments it is
   not known which was believed first (another may have been dropped), so the oldest counts. */
static void learn_timestamp(struct audit_end *to, const struct sight_tcp *t, uint32_t off)
{
    if (!t->has_ts)
        return;
    if (!to->ts_arrived_seen || (int32_t)(t->tsval - to->ts_arrived) > 0)
        to->ts_arrived = t->tsval;
    to->ts_arrived_seen = true;
    if (off > to->acked || off + sight_seq_len(t) <= to->acked)
        return;
    if (!to->ts_edge_seen || (int32_t)(t->tsval - to->ts_edge) < 0)
        to->ts_edge = t->tsval;
    to->ts_edge_seen = true;
}

static void learn_segment(struct audit_conn *conn, int at, const struct sight_tcp *t, ft_time now)
{
    struct audit_end *to = &conn->end[at];
    struct audit_end *peer = &conn->end[1 - at];
    uint32_t len = sight_seq_len(t);
    uint32_t off;

    choose_offer(to, peer, t);
    off = t->seq - peer->isn;
    learn_arrival(to, t);
    if (t->len > 0 || (t->flags & SIGHT_FIN))
        conn->idle_acks = 0;
    if (t->flags & SIGHT_RST) {
        learn_reset(conn, at, t, now);
        return;
    }
    if (!peer->syn_sent || off > peer->max_sent || off + len > peer->max_sent)
        return; /* of an older incarnation */
    if (t->flags & SIGHT_SYN)
        to->syn_arrived = true;
    if (!to->owes_ack && to->ack_seen && off == audit_contiguous(to) && t->len > 0) {
        to->owes_ack = true;
        to->owes_since = now;
    }
    audit_range_add(to, off, off + len);
    learn_ack(to, peer, t);
    learn_timestamp(to, t, off);
    if (!conn->finished && to->fin_sent && peer->fin_sent && to->told_ack > to->fin_at &&
        peer->told_ack > peer->fin_at) {
        conn->finished = true;
        conn->finished_at = now;
    }
}

const char *ft_sim_audit_arrived(struct sim_audit *audit, const struct sim_audit_frame *frame,
                                 struct sight *ret_sight)
{
    const char *wrong = ft_sim_sight(ret_sight, frame->octets, frame->len);
    struct audit_conn *conn;
    struct ft_addr to;
    int from;

    if (wrong != NULL || memcmp(ret_sight->dst_mac, audit->hosts[frame->host].mac, 6) != 0)
        return wrong; /* or flooded by a switch: not for this host */
    to = ret_sight->dst;
    translate(audit, ret_sight);
    if (!sim_addr_eq(&to, &ret_sight->dst))
        return NULL; /* a replayer brings it past the NAT, to a name that no host has */
    if (ret_sight->icmp.is_error)
        learn_path(audit, frame, ret_sight);
    if (!ret_sight->is_tcp)
        return NULL;
    conn = find(audit, ret_sight, &from);
    if (conn != NULL && !conn->split && audit_signature(audit, conn, from, ret_sight) == NULL) {
        audit_ecn_arrived(audit, conn, 1 - from, ret_sight);
        learn_segment(conn, 1 - from, &ret_sight->tcp, frame->at);
    }
    return NULL;
}

const char *ft_sim_audit_forged(struct sim_audit *audit, const struct sim_audit_frame *frame)
{
    struct sight s;
    const char *wrong = ft_sim_sight(&s, frame->octets, frame->len);
    struct audit_conn *conn;
    int from;

    if (s.is_tcp && (s.tcp.flags & (SIGHT_ACK | SIGHT_SYN | SIGHT_RST)) == 0)
        wrong = NULL; /* which no stack would send, but a forger may */
    if (wrong != NULL)
        return wrong;
    if (!s.is_tcp)
        return NULL;
    conn = find(audit, &s, &from);
    if (conn != NULL && audit_signature(audit, conn, from, &s) == NULL)
        learn_arrival(&conn->end[1 - from], &s.tcp);
    return NULL;
}

bool ft_sim_audit_view(const struct sim_audit *audit, struct sim_audit_view *view)
{
    struct sight s = {
        .src = view->src, .dst = view->dst, .src_port = view->src_port, .dst_port = view->dst_port};
    int from = 0;
    const struct audit_conn *conn = look_up(audit, &s, &from);
    int at = 1 - from;

    if (conn == NULL || conn->finished || conn->end[0].dead || conn->end[1].dead ||
        conn->end[0].told_ack == 0 || conn->end[1].told_ack == 0 || conn->end[0].reset_sent ||
        conn->end[1].reset_sent)
        return false;
    view->rcv_nxt = conn->end[1 - at].isn + audit_contiguous(&conn->end[at]);
    view->rcv_edge = conn->end[1 - at].isn + conn->end[at].announced_edge;
    view->snd_una = conn->end[at].isn + conn->end[at].told_ack;
    view->snd_nxt = conn->end[at].isn + conn->end[at].max_sent;
    view->has_ts = conn->end[0].has_ts && conn->end[1].has_ts;
    view->tsval = conn->end[1 - at].tsval;
    return true;
}
