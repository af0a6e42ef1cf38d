/* SPDX-License-Identifier: MIT */
/*
 * The sent records of a connection: made, cut, marked, freed. An ACK costs what it changes: records
 * go from the front, a SACK block is found by binary search over the frames that left and a walk
 * over the pieces of one, and what was SACKed before is passed over in one step.
 */
#include "priv.h"

static ft_seq end_of(const struct tcp_sent *sent)
{
    return seq_add(sent->seq, sent->len);
}

static struct tcp_sent **frame_at(const struct tcp_sents *sents, uint32_t i)
{
    return &sents->frames[(sents->head + i) & (sents->cap - 1)];
}

void ft_sent_init(struct tcp_sents *sents)
{
    sents->cap = SENT_FEW;
    sents->frames = sents->few;
    list_init(&sents->by_time);
    list_init(&sents->losses);
}

/* A few are kept for the next frames, since the caches have them still. */
static void put(struct ft_tcp *tcp, struct tcp_sents *sents, struct tcp_sent *sent)
{
    sents->n--;
    if (sent->flags & SENT_OWN) {
        sents->own_used = false;
    } else if (sents->n_spare < SENT_SPARE_MAX) {
        sent->next = sents->spare;
        sents->spare = sent;
        sents->n_spare++;
    } else {
        ft_pool_put(&tcp->sents, sent);
    }
}

static struct tcp_sent *get(struct ft_tcp *tcp, struct tcp_sents *sents)
{
    struct tcp_sent *sent = sents->spare;
    if (sents->n >= SENT_RECORDS_MAX)
        return NULL;
    if (!sent)
        return ft_pool_get(&tcp->sents);
    sents->spare = sent->next;
    sents->n_spare--;
    return sent;
}

void ft_sent_fini(struct ft_tcp *tcp, struct tcp_sents *sents)
{
    struct tcp_sent *next;
    for (struct tcp_sent *sent = sents->first; sent; sent = next) {
        next = sent->next;
        if (!(sent->flags & SENT_OWN))
            ft_pool_put(&tcp->sents, sent);
    }
    for (struct tcp_sent *sent = sents->spare; sent; sent = next) {
        next = sent->next;
        ft_pool_put(&tcp->sents, sent);
    }
    if (sents->frames != sents->few)
        ft_mem_free(&tcp->env->mem, sents->frames, sents->cap * sizeof *sents->frames);
}

static uint32_t segs_of(const struct tcp_sent *sent)
{
    return (sent->gone + sent->len + sent->mss - 1) / sent->mss;
}

/* Count a record by its marks, or no more. */
static void count(struct tcp_sents *sents, const struct tcp_sent *sent)
{
    if (sent->flags & SENT_SACKED) {
        sents->sacked += sent->len;
        sents->sacked_segs += segs_of(sent);
    }
    if (sent->flags & SENT_LOST)
        sents->lost += sent->len;
    if (sent->flags & SENT_AGAIN)
        sents->again += sent->len;
}

static void uncount(struct tcp_sents *sents, const struct tcp_sent *sent)
{
    sents->n_changes++; /* whatever is uncounted is changed or goes */
    if (sent->flags & SENT_SACKED) {
        sents->sacked -= sent->len;
        sents->sacked_segs -= segs_of(sent);
    }
    if (sent->flags & SENT_LOST)
        sents->lost -= sent->len;
    if (sent->flags & SENT_AGAIN)
        sents->again -= sent->len;
}

/* Was taken for lost, and is not known to be wrong, nor is known to have arrived: as on Linux also
   what was sent again since, unless that was a tail loss probe. */
static bool counts_as_lost(const struct ft_tcb *tcb, const struct tcp_sent *sent)
{
    const struct tcp_rack *rack = &tcb->busy->rack;
    bool probe = rack->probing && rack->probe_again && seq_eq(end_of(sent), rack->probe_end);
    return (sent->flags & SENT_LOST) || ((sent->flags & SENT_AGAIN) && !probe);
}

void ft_sent_segs(const struct ft_tcb *tcb, struct tcp_sent_segs *ret_segs)
{
    *ret_segs = (struct tcp_sent_segs){0};
    for (const struct tcp_sent *s = tcb->busy ? tcb->busy->sents.first : NULL; s; s = s->next) {
        uint32_t segs = segs_of(s);
        ret_segs->out += segs;
        ret_segs->sacked += (s->flags & SENT_SACKED) ? segs : 0;
        ret_segs->lost += counts_as_lost(tcb, s) ? segs : 0;
        ret_segs->again += (s->flags & SENT_AGAIN) ? segs : 0;
    }
}

/* Change the marks of a record. */
static void mark(struct tcp_sents *sents, struct tcp_sent *sent, unsigned off, unsigned on)
{
    uncount(sents, sent);
    sent->flags = (uint8_t)((sent->flags & ~off) | on);
    count(sents, sent);
}

/* ---- a frame leaves -------------------------------------------------------------------------- */

/* Room for one frame more in the ring of frames. */
static bool grow(struct ft_tcp *tcp, struct tcp_sents *sents)
{
    if (sents->n_frames < sents->cap)
        return true;
    uint32_t cap = sents->cap * 4;
    struct tcp_sent **frames = ft_mem_alloc_raw(&tcp->env->mem, cap * sizeof *frames);
    if (!frames)
        return false;
    for (uint32_t i = 0; i < sents->n_frames; i++)
        frames[i] = *frame_at(sents, i);
    if (sents->frames != sents->few)
        ft_mem_free(&tcp->env->mem, sents->frames, sents->cap * sizeof *frames);
    sents->frames = frames;
    sents->cap = cap;
    sents->head = 0;
    return true;
}

/* Whether the last record may take what follows it: then two frames are one, sent at the time of
   the later, so that nothing is taken for lost early. */
static bool extends(const struct ft_tcb *tcb)
{
    const struct tcp_sent *last = tcb->busy->sents.last;
    return last && last->flags == (last->flags & SENT_OWN) && last->times == 1 &&
           last->mss == tcb->snd_mss && (last->gone + last->len) % last->mss == 0 &&
           last->len / last->mss < SENT_SEGS_MAX;
}

bool ft_sent_reserve(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct tcp_sents *sents = &tcb->busy->sents;
    if (sents->own_used && !sents->spare) {
        sents->spare = get(tcp, sents);
        sents->n_spare = sents->spare ? 1 : 0;
    }
    bool one = !sents->own_used || (sents->spare && sents->n < SENT_RECORDS_MAX);
    return (one && grow(tcp, sents)) || extends(tcb);
}

static struct tcp_sent *take(struct ft_tcp *tcp, struct tcp_sents *sents)
{
    struct tcp_sent *sent = &sents->own;
    uint8_t flags = SENT_OWN;
    if (sents->own_used) {
        sent = sents->spare ? get(tcp, sents) : NULL;
        flags = 0;
    }
    if (!sent)
        return NULL;
    sents->own_used = true;
    sent->flags = flags;
    sent->next = NULL;
    return sent;
}

static void left(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_sent *sent, uint32_t before)
{
    struct tcp_sents *sents = &tcb->busy->sents;
    sent->sent_at = tcp->env->now;
    sents->n_changes++;
    sent->order = ++sents->order;
    sent->mss = tcb->snd_mss;
    ft_rate_sent(tcp, tcb, before, sent->len, &sent->stamp);
    list_push_back(&sents->by_time, &sent->node);
}

void ft_sent_new(struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq seq, uint32_t len)
{
    struct tcp_sents *sents = &tcb->busy->sents;
    uint32_t before = tcb_pipe(tcb);
    ft_assert(len > 0);
    ft_assert(!sents->last || seq_eq(end_of(sents->last), seq));
    struct tcp_sent *sent = sents->n_frames < sents->cap ? take(tcp, sents) : NULL;
    if (!sent) {
        sent = sents->last;
        ft_assert(extends(tcb));
        sent->len += len;
        list_remove(&sent->node);
        left(tcp, tcb, sent, before);
        return;
    }
    sent->seq = seq;
    sent->len = len;
    sent->times = 1;
    sent->gone = 0;
    if (sents->last)
        sents->last->next = sent;
    else
        sents->first = sent;
    sents->last = sent;
    sents->n++;
    sents->n_frames++;
    *frame_at(sents, sents->n_frames - 1) = sent;
    left(tcp, tcb, sent, before);
}

static void again(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_sent *sent, uint32_t into)
{
    struct tcp_sents *sents = &tcb->busy->sents;
    uint32_t before = tcb_pipe(tcb);
    ft_assert(!(sent->flags & SENT_SACKED));
    list_remove(&sent->node);
    if (!(sent->flags & SENT_LOST))
        before -= FT_MIN(before, sent->len);
    mark(sents, sent, SENT_LOST | SENT_PROBE, SENT_AGAIN);
    if (sent->times < UINT8_MAX)
        sent->times++;
    left(tcp, tcb, sent, before);
    sent->gone = (uint16_t)(into % sent->mss);
}

void ft_sent_again(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_sent *sent, uint32_t len)
{
    ft_seq seq = sent->seq;
    ft_seq end = seq_add(seq, len);
    for (; sent && seq_lt(sent->seq, end); sent = sent->next)
        again(tcp, tcb, sent, (uint32_t)seq_diff(sent->seq, seq));
}

bool ft_sent_cut(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_sent *sent, uint32_t len)
{
    struct tcp_sents *sents = &tcb->busy->sents;
    ft_assert(len > 0 && len < sent->len);
    ft_assert(!(sent->flags & SENT_SACKED));
    struct tcp_sent *rest = get(tcp, sents);
    if (!rest)
        return false;
    sents->n_changes++;
    *rest = *sent;
    rest->flags &= (uint8_t)~SENT_OWN;
    rest->seq = seq_add(sent->seq, len);
    rest->len = sent->len - len;
    rest->gone = (uint16_t)((sent->gone + len) % sent->mss);
    list_init(&rest->node);
    list_push_front(&sent->node, &rest->node); /* right behind it, in whichever list it is */
    sent->len = len;
    sent->next = rest;
    if (sents->last == sent)
        sents->last = rest;
    sents->n++;
    return true;
}

/* ---- which record ---------------------------------------------------------------------------- */

struct tcp_sent *ft_sent_find(struct ft_tcp *tcp, const struct ft_tcb *tcb, ft_seq seq)
{
    const struct tcp_sents *sents = &tcb->busy->sents;
    uint32_t lo = 0;
    uint32_t hi = sents->n_frames;
    if (hi == 0)
        return NULL;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        tcp->env->counters.steps_list_nodes++;
        if (seq_le((*frame_at(sents, mid))->seq, seq))
            lo = mid;
        else
            hi = mid;
    }
    struct tcp_sent *sent = *frame_at(sents, lo);
    while (sent->next && seq_le(sent->next->seq, seq)) {
        tcp->env->counters.steps_list_nodes++;
        sent = sent->next;
    }
    return sent;
}

/* ---- what an ACK tells ----------------------------------------------------------------------- */

/* RFC 8985 6.2: RACK_sent_after(). */
static bool newer(const struct tcp_sent *sent, ft_seq end, const struct tcp_xmit *than)
{
    if (!than->at)
        return true;
    int32_t d = (int32_t)(sent->order - than->order);
    return d > 0 || (d == 0 && seq_gt(end, than->end));
}

/* RFC 8985 6.2 step 2: it is the answer to what was sent again, and not to what left before. */
static bool timely(const struct ft_tcp *tcp, const struct ft_tcb *tcb, const struct tcp_sent *sent,
                   const struct tcp_told *told)
{
    uint32_t ts = (uint32_t)(sent->sent_at / FT_MS) + tcb->cold->ts_offset;
    if (told->tsecr && (int32_t)(told->tsecr - ts) < 0)
        return false;
    return tcp->env->now - sent->sent_at >= tcb->cold->min_rtt_us * FT_US;
}

/* The first @len octets of a record that is not SACKed have reached the peer. */
static void delivered(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_sent *sent,
                      uint32_t len, struct tcp_told *told)
{
    struct tcp_rack *rack = &tcb->busy->rack;
    ft_seq end = seq_add(sent->seq, len);
    told->delivered += len;
    ft_rate_delivered(tcp, tcb, &sent->stamp, len, &told->sample);
    rack->fack = seq_max(rack->fack, end);
    if (newer(sent, end, &told->newest) && (sent->times == 1 || timely(tcp, tcb, sent, told)))
        told->newest = (struct tcp_xmit){.at = sent->sent_at, .order = sent->order, .end = end};
    if (sent->times > 1)
        return;
    told->last_sent_at = FT_MAX(told->last_sent_at, sent->sent_at);
    if ((tcb->flags & TCB_LOSS) && seq_le(end, tcb->recover))
        told->first_try = true;
    /* RFC 8985 6.2 step 3, against what was known before this ACK. */
    if (seq_lt(end, told->fack)) {
        struct tcp_rack_keep *keep = &tcb->rack;
        uint32_t by = (uint32_t)seq_diff(told->fack, sent->seq) / tcb->snd_mss;
        told->reordered = true;
        keep->reordering = (uint8_t)FT_MAX((uint32_t)keep->reordering, FT_MIN(by, 255u));
    }
}

/* The first record, or its first frame, has gone. */
static void drop_first(struct ft_tcp *tcp, struct tcp_sents *sents)
{
    struct tcp_sent *sent = sents->first;
    sents->first = sent->next;
    if (!sents->first)
        sents->last = NULL;
    bool whole = !sents->first || (sents->n_frames > 1 && *frame_at(sents, 1) == sents->first);
    if (whole) {
        sents->head++;
        sents->n_frames--;
    } else {
        *frame_at(sents, 0) = sents->first;
    }
    put(tcp, sents, sent);
}

void ft_sent_acked(struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq ack, struct tcp_told *told)
{
    struct tcp_sents *sents = &tcb->busy->sents;
    struct tcp_sent *sent;
    while ((sent = sents->first) && seq_lt(sent->seq, ack)) {
        uint32_t len = FT_MIN(sent->len, (uint32_t)seq_diff(ack, sent->seq));
        if (sent->times > 1)
            told->again = true;
        else if (!told->first_sent_at && seq_ge(sent->seq, tcb->busy->rtt_seq))
            told->first_sent_at = sent->sent_at;
        uint32_t segs = segs_of(sent);
        bool is_new = !(sent->flags & SENT_SACKED);
        if (is_new)
            delivered(tcp, tcb, sent, len, told);
        uncount(sents, sent);
        if (len == sent->len) {
            tcb->cold->delivered += is_new ? segs : 0;
            list_remove(&sent->node);
            drop_first(tcp, sents);
            continue;
        }
        sent->gone = (uint16_t)((sent->gone + len) % sent->mss);
        sent->seq = ack;
        sent->len -= len;
        tcb->cold->delivered += is_new ? segs - segs_of(sent) : 0;
        count(sents, sent);
    }
}

/* What a block tells of may have overtaken others, and its ACK, too: that makes no round trip of
   the path's, and none is believed that is less than all before it. */
static bool may_be_timed(const struct ft_tcp *tcp, const struct ft_tcb *tcb,
                         const struct tcp_sent *sent)
{
    return !tcb->rack.reo_seen && tcp->env->now - sent->sent_at >= tcb->cold->min_rtt_us * FT_US;
}

static void mark_sacked(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_sent *sent,
                        struct tcp_told *told)
{
    struct tcp_sents *sents = &tcb->busy->sents;
    ft_time timed = told->last_sent_at;
    delivered(tcp, tcb, sent, sent->len, told);
    tcb->cold->delivered += segs_of(sent);
    if (!may_be_timed(tcp, tcb, sent))
        told->last_sent_at = timed;
    told->sample.sacked += sent->len;
    list_remove(&sent->node);
    mark(sents, sent, SENT_LOST | SENT_AGAIN, SENT_SACKED);
    sent->run_hi = end_of(sent);
}

/* The record where a block begins.: only whole segments count, so that no block makes
   more records than there are segments. */
static struct tcp_sent *block_begins(struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq lo)
{
    struct tcp_sent *sent = ft_sent_find(tcp, tcb, lo);
    if (!sent || seq_ge(sent->seq, lo) || (sent->flags & SENT_SACKED))
        return sent;
    uint32_t into = (uint32_t)seq_diff(lo, sent->seq) + sent->gone;
    uint32_t keep = (into + sent->mss - 1) / sent->mss * sent->mss - sent->gone;
    if (keep < sent->len && !ft_sent_cut(tcp, tcb, sent, keep))
        return NULL;
    return sent->next;
}

/* Whether the part of a record below @hi can be marked: the whole, or cut at a segment. */
static bool block_ends(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_sent *sent, ft_seq hi)
{
    if (seq_le(end_of(sent), hi))
        return true;
    uint32_t into = (uint32_t)seq_diff(hi, sent->seq) + sent->gone;
    uint32_t keep = into / sent->mss * sent->mss;
    return keep > sent->gone && ft_sent_cut(tcp, tcb, sent, keep - sent->gone);
}

/* The record that begins at @at, behind a SACKed one. */
static struct tcp_sent *behind(struct ft_tcp *tcp, const struct ft_tcb *tcb,
                               const struct tcp_sent *sent, ft_seq at)
{
    if (!sent->next || seq_ge(sent->next->seq, at))
        return sent->next;
    struct tcp_sent *found = ft_sent_find(tcp, tcb, at);
    return seq_eq(found->seq, at) ? found : found->next;
}

void ft_sent_sacked(struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq lo, ft_seq hi,
                    struct tcp_told *told)
{
    struct tcp_sent *begin = block_begins(tcp, tcb, lo);
    struct tcp_sent *sent = begin;
    ft_seq done = lo;
    while (sent && seq_lt(sent->seq, hi)) {
        tcp->env->counters.steps_list_nodes++;
        if (!(sent->flags & SENT_SACKED)) {
            if (!block_ends(tcp, tcb, sent, hi))
                break;
            mark_sacked(tcp, tcb, sent, told);
        }
        done = sent->run_hi;
        sent = behind(tcp, tcb, sent, done);
    }
    /* All of them are one run now: the next block that begins here passes over it in a step. */
    for (sent = begin; sent && seq_lt(sent->seq, done);) {
        ft_seq at = sent->run_hi;
        tcp->env->counters.steps_list_nodes++;
        ft_assert(sent->flags & SENT_SACKED);
        sent->run_hi = done;
        sent = seq_lt(at, done) ? behind(tcp, tcb, sent, at) : NULL;
    }
}

/* ---- loss ------------------------------------------------------------------------------------ */

void ft_sent_lose(struct tcp_sents *sents, struct tcp_sent *sent)
{
    ft_assert(!(sent->flags & (SENT_SACKED | SENT_LOST)));
    list_remove(&sent->node);
    if (sent == sents->first)
        list_push_front(&sents->losses, &sent->node);
    else
        list_push_back(&sents->losses, &sent->node);
    mark(sents, sent, SENT_AGAIN, SENT_LOST);
}

void ft_sent_lose_all(struct tcp_sents *sents)
{
    struct ft_list *node;
    while ((node = list_first(&sents->by_time)))
        ft_sent_lose(sents, ft_container_of(node, struct tcp_sent, node));
}

void ft_sent_too_big(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct tcp_sents *sents = &tcb->busy->sents;
    for (struct tcp_sent *sent = sents->first; sent; sent = sent->next) {
        tcp->env->counters.steps_list_nodes++;
        if (sent->len > tcb->snd_mss && sent->mss > tcb->snd_mss &&
            !(sent->flags & (SENT_SACKED | SENT_LOST)))
            ft_sent_lose(sents, sent);
    }
}

void ft_sent_unlose(struct tcp_sents *sents)
{
    /* They left before all that is in the network by now, for else they would not be lost. */
    while (!list_empty(&sents->losses)) {
        struct tcp_sent *sent = ft_container_of(sents->losses.prev, struct tcp_sent, node);
        list_remove(&sent->node);
        list_push_front(&sents->by_time, &sent->node);
        mark(sents, sent, SENT_LOST, sent->times > 1 ? SENT_AGAIN : 0);
    }
}

void ft_sent_renege(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct tcp_sents *sents = &tcb->busy->sents;
    for (struct tcp_sent *sent = sents->first; sent; sent = sent->next) {
        tcp->env->counters.steps_list_nodes++;
        if (!(sent->flags & SENT_SACKED))
            continue;
        mark(sents, sent, SENT_SACKED, 0);
        sent->order = 0;
        ft_sent_lose(sents, sent);
    }
}

/* The record before the last, which goes. */
static void drop_last(struct ft_tcp *tcp, struct tcp_sents *sents)
{
    struct tcp_sent *sent = sents->last;
    if (sents->first == sent) {
        ft_assert(sents->n_frames == 1);
        list_remove(&sent->node);
        drop_first(tcp, sents);
        return;
    }
    if (*frame_at(sents, sents->n_frames - 1) == sent)
        sents->n_frames--;
    struct tcp_sent *prev = *frame_at(sents, sents->n_frames - 1);
    while (prev->next != sent)
        prev = prev->next;
    prev->next = NULL;
    sents->last = prev;
    list_remove(&sent->node);
    put(tcp, sents, sent);
}

void ft_sent_take_back(struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq seq)
{
    struct tcp_sents *sents = &tcb->busy->sents;
    while (sents->last && seq_gt(end_of(sents->last), seq)) {
        struct tcp_sent *sent = sents->last;
        uint32_t less = FT_MIN(sent->len, (uint32_t)seq_diff(end_of(sent), seq));
        uncount(sents, sent);
        sent->len -= less;
        if (sent->len == 0)
            drop_last(tcp, sents);
        else
            count(sents, sent);
    }
    tcb->busy->rack.fack = seq_min(tcb->busy->rack.fack, seq);
}

void ft_sent_unsent(struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq seq, ft_seq end)
{
    struct tcp_sent *sent = ft_sent_find(tcp, tcb, seq);
    for (; sent && seq_lt(sent->seq, end); sent = sent->next)
        if (!(sent->flags & (SENT_SACKED | SENT_LOST)))
            ft_sent_lose(&tcb->busy->sents, sent);
}

/* ---- what must hold -------------------------------------------------------------------------- */

static void check_each(const struct ft_tcb *tcb, const struct tcp_sents *sents)
{
    uint32_t n = 0;
    uint32_t frame = 0;
    uint32_t sacked = 0;
    uint32_t lost = 0;
    ft_seq at = tcb_snd_base(tcb); /* before the end of a handshake the SYN is ahead of them */
    for (const struct tcp_sent *sent = sents->first; sent; sent = sent->next) {
        ft_assert(seq_eq(sent->seq, at));
        ft_assert(sent->len > 0);
        at = end_of(sent);
        n++;
        if (frame < sents->n_frames && *frame_at(sents, frame) == sent)
            frame++;
        sacked += (sent->flags & SENT_SACKED) ? sent->len : 0;
        lost += (sent->flags & SENT_LOST) ? sent->len : 0;
        ft_assert(list_linked(&sent->node) == !(sent->flags & SENT_SACKED));
        ft_assert((sent->flags & (SENT_SACKED | SENT_LOST)) != (SENT_SACKED | SENT_LOST));
        ft_assert(sent->next || sent == sents->last);
    }
    ft_assert(n == sents->n);
    ft_assert(frame == sents->n_frames);
    ft_assert(lost == sents->lost);
    ft_assert(sacked == sents->sacked || !(tcb->flags & TCB_SACK));
}

/* What holds between the records and the rest of the connection is looked at each time. */
void ft_sent_check(const struct ft_tcb *tcb, bool all)
{
    struct tcp_sents *sents = &tcb->busy->sents;
    if (all || sents->n_checked != sents->n_changes)
        check_each(tcb, sents);
    sents->n_checked = sents->n_changes;
    ft_assert(!sents->first || seq_eq(sents->first->seq, tcb_snd_base(tcb)));
    ft_assert(!sents->last || seq_eq(end_of(sents->last), tcb->snd_max));
    ft_assert((sents->n == 0) == !sents->last && !sents->first == !sents->last);
    ft_assert(sents->sacked + sents->lost <= tcb_flight(tcb));
}
