/* SPDX-License-Identifier: MIT */
/*
 * A connection comes from another stack. Whatever wrote the image (export.c, a broken disk, an
 * enemy), a TCB is made only of what a connection can be: every number has its bound here, and what
 * has none is a sequence number or a count that any value fits.
 */
#include "handover.h"

#include "wire/be.h"
#include "wire/ip.h"

#define RTT_US_MAX 120000000u

/* An image that is being taken in. */
struct import {
    struct ft_tcp *tcp;
    const uint8_t *buf;
    struct image image;
    struct ft_conn conn;
    struct tcp_opts opts;
    uint32_t in_order; /* octets of rcv before the first held run */
    uint32_t kept[CC_KEEP_WORDS];
};

static ft_seq seq_of(uint64_t v)
{
    return seq_make((uint32_t)v);
}

/* How far @hi is ahead of @lo. */
static int32_t ahead(uint64_t hi, uint64_t lo)
{
    return seq_diff(seq_of(hi), seq_of(lo));
}

static enum ft_tcp_state state_of(const struct import *im)
{
    return (enum ft_tcp_state)im->image.state;
}

static bool has(const struct import *im, uint64_t flag)
{
    return im->image.flags & flag;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* Return: 0; -EINVAL; -ENODEV. @ret: 0 if there is no name */
static int find_if(const struct import *im, const struct image_blob *name, uint16_t *ret)
{
    char text[IMAGE_NAME_MAX] = {0};
    if (name->len >= sizeof text)
        return -EINVAL;
    memcpy(text, im->buf + name->at, name->len);
    *ret = name->len ? (uint16_t)ft_net_if_named(im->tcp->net, text) : 0;
    return name->len && !*ret ? -ENODEV : 0;
}

static int read_names(struct import *im)
{
    const struct image *image = &im->image;
    struct ft_conn *conn = &im->conn;
    *conn = (struct ft_conn){
        .local = {image->local_hi, image->local_lo},
        .remote = {image->remote_hi, image->remote_lo},
        .local_port = (uint16_t)image->local_port,
        .remote_port = (uint16_t)image->remote_port,
    };
    if (!conn->local_port || !conn->remote_port)
        return -EINVAL;
    if (addr_is_v4(&conn->local) != addr_is_v4(&conn->remote))
        return -EINVAL;
    if (!addr_is_v4(&conn->local) && !(image->opt_flags & OPT_IPV6))
        return -EINVAL;
    if (addr_needs_scope(&conn->remote) != (image->scope.len > 0))
        return -EINVAL;
    int err = find_if(im, &image->scope, &conn->ifindex);
    if (!err)
        err = find_if(im, &image->device, &im->opts.bound_if);
    if (err)
        return err;
    enum ft_addr_class remote = ft_addr_classify(im->tcp->net, &conn->remote);
    if (remote != FT_ADDR_UNICAST && remote != FT_ADDR_LOCAL)
        return -EINVAL;
    return ft_addr_classify(im->tcp->net, &conn->local) == FT_ADDR_LOCAL ? 0 : -EADDRNOTAVAIL;
}

static bool is_state(uint64_t state)
{
    return state == FT_TCP_ESTABLISHED || state == FT_TCP_CLOSE_WAIT ||
           (state <= FT_TCP_CLOSING && handover_fin_queued((enum ft_tcp_state)state));
}

/* ---- runs ------------------------------------------------------------------------------------ */

static uint32_t run_lo(const struct import *im, const struct image_blob *runs, size_t i)
{
    return be32_load(im->buf + runs->at + 8 * i);
}

static uint32_t run_hi(const struct import *im, const struct image_blob *runs, size_t i)
{
    return be32_load(im->buf + runs->at + 8 * i + 4);
}

/* Ascending, apart, none empty, none beyond @end. @ret_octets: in all of them */
static bool runs_fit(const struct import *im, const struct image_blob *runs, uint32_t least,
                     uint32_t end, uint64_t *ret_octets)
{
    uint64_t octets = 0;
    if (runs->len % 8 != 0 || runs->len / 8 > IMAGE_RUNS_MAX)
        return false;
    for (size_t i = 0; i < runs->len / 8; i++) {
        uint32_t lo = run_lo(im, runs, i);
        uint32_t hi = run_hi(im, runs, i);
        if (lo < least || lo >= hi || hi > end)
            return false;
        octets += hi - lo;
        least = hi + 1;
    }
    *ret_octets = octets;
    return true;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static bool send_fits(const struct import *im)
{
    const struct image *image = &im->image;
    enum ft_tcp_state state = state_of(im);
    uint64_t len = image->snd.len;
    uint64_t flight = (uint32_t)ahead(image->snd_max, image->snd_una);
    uint64_t octets;
    if (len > FT_RING_MAX || flight > len + (handover_fin_queued(state) ? 1 : 0))
        return false;
    if (state == FT_TCP_FIN_WAIT_2 && len > 0) /* its FIN is acknowledged */
        return false;
    if (state == FT_TCP_FIN_WAIT_2 && flight > 0)
        return false;
    if (has(im, IMAGE_RECOVERY) && has(im, IMAGE_LOSS))
        return false;
    int64_t recover = ahead(image->recover, image->snd_una);
    if (has(im, IMAGE_RECOVERY | IMAGE_LOSS) && (recover <= 0 || recover > (int64_t)flight))
        return false;
    int64_t up = ahead(image->snd_up, image->snd_una);
    if (has(im, IMAGE_URG_OUT) && (up <= 0 || up > (int64_t)len))
        return false;
    if (image->sacked.len > 0 && !has(im, IMAGE_SACK))
        return false;
    return runs_fit(im, &image->sacked, 0, (uint32_t)flight, &octets) &&
           runs_fit(im, &image->lost, 0, (uint32_t)flight, &octets);
}

static bool windows_fit(const struct import *im)
{
    const struct image *image = &im->image;
    uint64_t most = (uint64_t)65535 << TCP_WSCALE_MAX;
    if (image->snd_wscale > TCP_WSCALE_MAX || image->rcv_wscale > TCP_WSCALE_MAX)
        return false;
    if (image->snd_wnd > image->snd_wnd_max || image->snd_wnd_max > most)
        return false;
    if (image->cwnd == 0 || image->cwnd > CC_CWND_MAX || image->ssthresh == 0)
        return false;
    int32_t promised = ahead(image->rcv_adv, image->rcv_nxt);
    return image->rcv_mss > 0 && promised >= 0 && promised <= (int32_t)FT_RING_MAX;
}

static bool receive_fits(struct import *im)
{
    const struct image *image = &im->image;
    uint32_t promised = (uint32_t)ahead(image->rcv_adv, image->rcv_nxt);
    bool closed = handover_fin_received(state_of(im));
    uint64_t held = 0;
    if (!runs_fit(im, &image->held, 1, promised, &held) || held > image->rcv.len)
        return false;
    uint64_t in_order = image->rcv.len - held;
    if (in_order > FT_RING_MAX || in_order + promised > FT_RING_MAX)
        return false;
    im->in_order = (uint32_t)in_order;
    size_t n = image->held.len / 8;
    if (closed && (n > 0 || has(im, IMAGE_FIN_SEEN)))
        return false;
    uint32_t last = n > 0 ? run_hi(im, &image->held, n - 1) : 1;
    int64_t fin = ahead(image->rcv_fin, image->rcv_nxt);
    if (has(im, IMAGE_FIN_SEEN) && (fin < (int64_t)last || fin > (int64_t)promised))
        return false;
    int64_t unread = (int64_t)in_order + (closed ? 1 : 0);
    int64_t up = ahead(image->rcv_up, image->rcv_nxt);
    if (has(im, IMAGE_URG_IN) && (up <= -unread || up > FT_RING_MAX))
        return false;
    int32_t untold = ahead(image->rcv_nxt, image->last_ack_sent);
    return untold >= 0 && untold <= (int32_t)FT_RING_MAX;
}

static bool ecn_fits(const struct image *image)
{
    bool accurate = image->ecn_mode == 2;
    uint64_t flags = accurate ? ECN_FLAGS_ACCURATE : ECN_FLAGS_ALL;
    return image->ecn_mode <= 2 && !(image->ecn_flags & ~flags) && image->ecn_field <= IP_ECN_MASK;
}

static bool times_fit(const struct image *image)
{
    if (image->srtt_us > RTT_US_MAX || image->rttvar_us > RTT_US_MAX)
        return false;
    if (image->srtt_us == 0 && image->rttvar_us > 0)
        return false;
    if (!ecn_fits(image))
        return false;
    if (image->ato_ms > TCP_DELACK_MAX / FT_MS || image->delack > DELACK_FLAGS_ALL)
        return false;
    return image->flow_label < 1u << 20 && image->error < 4096 && image->soft_error < 4096 &&
           image->owed_ms <= INT32_MAX;
}

/* ---- options --------------------------------------------------------------------------------- */

static uint32_t bounded(uint64_t value, uint32_t least, uint32_t set_max, uint32_t auto_max)
{
    uint64_t most = FT_MAX(2 * (uint64_t)set_max, (uint64_t)auto_max);
    most = FT_MIN(most, (uint64_t)INT32_MAX);
    return (uint32_t)FT_MAX(FT_MIN(value, most), (uint64_t)least);
}

static void read_kept(struct import *im)
{
    const struct image_blob *blob = &im->image.kept;
    for (size_t i = 0; i < CC_KEEP_WORDS && 4 * i + 4 <= blob->len; i++)
        im->kept[i] = be32_load(im->buf + blob->at + 4 * i);
}

/* What setsockopt() would have refused is refused here; buffers get the limits of this stack. */
static int read_opts(struct import *im)
{
    const struct ft_limits *limits = &im->tcp->env->config.limits;
    const struct image *image = &im->image;
    struct tcp_opts *opts = &im->opts;
#define X(name) opts->name = (__typeof__(opts->name))image->name;
    HANDOVER_OPTS(X)
#undef X
    if (image->opt_flags > UINT16_MAX || image->rcv_lowat == 0 || image->rcv_lowat > INT32_MAX)
        return -EINVAL;
    if (opts->keep_idle_s < 1 || opts->keep_idle_s > 32767 || opts->keep_intvl_s < 1 ||
        opts->keep_intvl_s > 32767)
        return -EINVAL;
    if (opts->keep_cnt < 1 || opts->keep_cnt > 127 || opts->syn_retries < 1 ||
        opts->syn_retries > 127)
        return -EINVAL;
    if (opts->user_mss && (opts->user_mss < USER_MSS_MIN || opts->user_mss > USER_MSS_MAX))
        return -EINVAL;
    if (opts->linger2_s < -1 || opts->linger2_s > 120)
        return -EINVAL;
    if (image->user_timeout_ms > INT32_MAX || image->congestion.len == 0)
        return -EINVAL;
    if ((opts->window_clamp && opts->window_clamp < WINDOW_CLAMP_MIN) || (opts->tos & IP_ECN_MASK))
        return -EINVAL;
    opts->flags = (uint16_t)image->opt_flags;
    opts->linger_s = (int32_t)(uint32_t)image->linger_s;
    opts->snd_buf =
        bounded(image->snd_buf, 4608, limits->send_buffer_max, limits->send_buffer_auto_max);
    opts->rcv_buf =
        bounded(image->rcv_buf, 2304, limits->recv_buffer_max, limits->recv_buffer_auto_max);
    int cc = ft_cc_find((const char *)im->buf + image->congestion.at, image->congestion.len);
    if (cc < 0)
        return cc;
    opts->cc = (uint8_t)cc;
    if (image->kept.len == 0)
        return 0;
    read_kept(im);
    return image->kept.len == sizeof im->kept && ft_cc_import_fits(opts->cc, im->kept) ? 0
                                                                                       : -EINVAL;
}

static int validate(struct import *im)
{
    const struct image *image = &im->image;
    if (!is_state(image->state) || (image->flags & ~(uint64_t)IMAGE_FLAGS))
        return -EINVAL;
    if (!send_fits(im) || !windows_fit(im) || !receive_fits(im) || !times_fit(image))
        return -EINVAL;
    int err = read_opts(im);
    return err ? err : read_names(im);
}

/* ---- the TCB --------------------------------------------------------------------------------- */

static void take_send(const struct import *im, struct ft_tcb *tcb)
{
    const struct image *image = &im->image;
    tcb->iss = seq_of(image->iss);
    tcb->snd_una = seq_of(image->snd_una);
    tcb->snd_nxt = tcb->snd_max = tcb->snd_una; /* see take_records() */
    tcb->snd_wl1 = seq_of(image->snd_wl1);
    tcb->snd_wl2 = seq_of(image->snd_wl2);
    tcb->snd_up = has(im, IMAGE_URG_OUT) ? seq_of(image->snd_up) : tcb->snd_una;
    tcb->recover =
        has(im, IMAGE_RECOVERY | IMAGE_LOSS) ? seq_of(image->recover) : seq_sub(tcb->snd_una, 1);
    tcb->snd_wnd = (uint32_t)image->snd_wnd;
    tcb->snd_wnd_max = (uint32_t)image->snd_wnd_max;
    tcb->cwnd = (uint32_t)image->cwnd;
    tcb->ssthresh = (uint32_t)image->ssthresh;
    tcb->peer_mss = (uint16_t)image->peer_mss;
    tcb->snd_wscale = (uint8_t)image->snd_wscale;
    tcb->rcv_wscale = (uint8_t)image->rcv_wscale;
    tcb->retries = (uint8_t)image->retries;
    tcb->probes = (uint8_t)image->probes;
}

static void take_receive(const struct import *im, struct ft_tcb *tcb)
{
    const struct image *image = &im->image;
    uint32_t now_s = (uint32_t)(im->tcp->env->now / FT_SEC);
    tcb->irs = seq_of(image->irs);
    tcb->rcv_nxt = seq_of(image->rcv_nxt);
    tcb->rcv_adv = seq_of(image->rcv_adv);
    tcb->rcv_up = has(im, IMAGE_URG_IN) ? seq_of(image->rcv_up) : tcb->rcv_nxt;
    tcb->rcv_fin = seq_of(image->rcv_fin);
    tcb->fin_seen = has(im, IMAGE_FIN_SEEN);
    tcb->last_ack_sent = seq_of(image->last_ack_sent);
    tcb->ts_recent = (uint32_t)image->ts_recent;
    tcb->ts_recent_s = now_s - (uint32_t)image->ts_recent_s;
    tcb->rcv_mss = (uint16_t)image->rcv_mss;
    tcb->quick_acks = (uint8_t)image->quick_acks;
    tcb->ato_ms = (uint8_t)image->ato_ms;
    tcb->delack = (uint8_t)image->delack;
    tcb->segs_in = (uint32_t)image->segs_in;
    tcb->last_rcv_ms = tcp_now_ms(im->tcp) - (uint32_t)image->silent_ms;
}

static void take_cold(const struct import *im, struct ft_tcb *tcb)
{
    const struct image *image = &im->image;
    struct tcp_cold *cold = tcb->cold;
    ft_time now = im->tcp->env->now;
    ft_time silent = image->silent_ms * FT_MS;
    cold->ts_offset = (uint32_t)image->tsval - tcp_now_ms(im->tcp);
    cold->srtt_us = (uint32_t)image->srtt_us;
    cold->rttvar_us = (uint32_t)image->rttvar_us;
    ft_tcp_rto_compute(cold);
    cold->min_rtt_us = (uint32_t)image->min_rtt_us;
    cold->min_rtt_s = (uint32_t)(now / FT_SEC) - (uint32_t)image->min_rtt_s;
    cold->flow_label = (uint32_t)image->flow_label;
    cold->error = (int16_t)image->error;
    cold->soft_error = (int16_t)image->soft_error;
    cold->syn_data = has(im, IMAGE_SYN_DATA);
    cold->sending = (struct tcp_sending){
        .sent_at = now > silent ? now - silent : 0,
        .octets_retrans = image->octets_retrans,
        .data_out = (uint32_t)image->data_out,
        .spent_ms[SPENT_BUSY] = (uint32_t)image->busy_ms,
        .spent_ms[SPENT_WINDOW] = (uint32_t)image->window_ms,
        .spent_ms[SPENT_BUFFER] = (uint32_t)image->buffer_ms,
    };
    cold->octets_acked = image->octets_acked;
    cold->octets_received = image->octets_received;
    cold->segs_out = (uint32_t)image->segs_out;
    cold->segs_retrans = (uint32_t)image->segs_retrans;
    cold->last_data_ms = tcp_now_ms(im->tcp) - (uint32_t)image->data_silent_ms;
    cold->delivered = (uint32_t)image->delivered;
    cold->ahead_in = (uint16_t)image->ahead_in;
    cold->total_rto = (uint16_t)image->total_rto;
    cold->rto_episodes = (uint16_t)image->rto_episodes;
    cold->rto_ms = (uint32_t)image->rto_ms;
    cold->data_in = (uint32_t)image->data_in;
}

/* What MSG_ZEROCOPY has counted. */
static int take_copies(const struct import *im, struct ft_tcb *tcb)
{
    if (im->image.copies == 0)
        return 0;
    int err = ft_notes_make(im->tcp, tcb);
    if (err)
        return err;
    tcb_notes(tcb)->copies = (uint32_t)im->image.copies;
    tcb_notes(tcb)->copies_told = (uint32_t)im->image.copies_told;
    return 0;
}

static void take_flags(const struct import *im, struct ft_tcb *tcb)
{
    enum ft_tcp_state state = state_of(im);
#define X(tcb_flag, image_flag) tcb->flags |= has(im, image_flag) ? (uint32_t)(tcb_flag) : 0u;
    HANDOVER_FLAGS(X)
#undef X
    if (handover_fin_queued(state))
        tcb->flags |= TCB_FIN_QUEUED | TCB_SND_SHUT;
    if (state == FT_TCP_FIN_WAIT_2)
        tcb->flags |= TCB_FIN_ACKED;
    if (handover_fin_received(state))
        tcb->flags |= TCB_FIN_RECEIVED;
}

/* A peer that was promised an echo of its marks must get it. */
static int take_ecn(const struct import *im, struct ft_tcb *tcb)
{
    const struct image *image = &im->image;
    if (!image->ecn_mode)
        return 0;
    enum tcp_ecn_mode mode = image->ecn_mode == 2 ? ECN_ACCURATE : ECN_CLASSIC;
    struct tcp_ecn *ecn = ft_ecn_make(im->tcp, tcb, mode);
    if (!ecn)
        return -ENOBUFS;
    ecn->flags = (__typeof__(ecn->flags))image->ecn_flags;
    ecn->reduced = seq_of(image->ecn_reduced);
    ecn->ce_in = (uint32_t)image->ecn_ce_in;
    ecn->delivered_ce = (uint32_t)image->ecn_delivered_ce;
#define X(to, from) ecn->to = (__typeof__(ecn->to))image->from;
    HANDOVER_ECN(X)
#undef X
    return 0;
}

static int take_octets(const struct import *im, struct ft_tcb *tcb)
{
    struct ft_tcp *tcp = im->tcp;
    const struct image *image = &im->image;
    struct ft_chunks *chunks = &tcp->env->chunks;
    size_t n_held = image->held.len / 8;
    const uint8_t *p = im->buf + image->rcv.at;
    int err = ft_ring_append(&tcb->snd, chunks, im->buf + image->snd.at, image->snd.len);
    if (!err)
        err = ft_ring_append(&tcb->rcv, chunks, p, im->in_order);
    if (err || n_held == 0)
        return err;
    tcb->gaps = ft_pool_get(&tcp->gaps);
    if (!tcb->gaps)
        return -ENOBUFS;
    ft_ranges_init(&tcb->gaps->ranges, tcb->gaps->storage, TCP_GAPS_MAX);
    p += im->in_order;
    for (size_t i = 0; i < n_held && !err; i++) {
        uint32_t lo = run_lo(im, &image->held, i);
        uint32_t hi = run_hi(im, &image->held, i);
        err = ft_ring_write(&tcb->rcv, chunks, im->in_order + lo, p, hi - lo);
        if (!err)
            (void)ft_ranges_add(&tcb->gaps->ranges, seq_add(tcb->rcv_nxt, lo),
                                seq_add(tcb->rcv_nxt, hi)); /* no more than there is room for */
        p += hi - lo;
    }
    return err;
}

/* ---- what is under way ----------------------------------------------------------------------- */

/* All of it counts as sent again just now: no round trip is timed by it (Karn). */
static int take_records(const struct import *im, struct ft_tcb *tcb)
{
    struct ft_tcp *tcp = im->tcp;
    uint32_t left = (uint32_t)ahead(im->image.snd_max, im->image.snd_una);
    uint32_t total = left;
    while (left > 0) {
        uint32_t len = FT_MIN(left, (uint32_t)tcb->snd_mss * SENT_SEGS_MAX);
        if (!ft_sent_reserve(tcp, tcb))
            return -ENOBUFS;
        ft_sent_new(tcp, tcb, tcb->snd_max, len);
        tcb->snd_nxt = tcb->snd_max = seq_add(tcb->snd_max, len);
        left -= len;
    }
    if (total > 0)
        ft_sent_again(tcp, tcb, tcb->busy->sents.first, total);
    return 0;
}

/* The peer holds these. Blocks count for whole segments, as when they come in an ACK. */
static void mark_sacked(const struct import *im, struct ft_tcb *tcb)
{
    const struct image_blob *runs = &im->image.sacked;
    struct tcp_told told = {.fack = tcb->snd_una};
    ft_rate_begin(tcb, &told.sample);
    for (size_t i = 0; i < runs->len / 8; i++)
        ft_sent_sacked(im->tcp, tcb, seq_add(tcb->snd_una, run_lo(im, runs, i)),
                       seq_add(tcb->snd_una, run_hi(im, runs, i)), &told);
}

/* Those were lost. Without memory to cut records the rest is found out again. */
static void mark_lost(const struct import *im, struct ft_tcb *tcb)
{
    const struct image_blob *runs = &im->image.lost;
    struct tcp_sents *sents = &tcb->busy->sents;
    for (size_t i = 0; i < runs->len / 8; i++) {
        ft_seq lo = seq_add(tcb->snd_una, run_lo(im, runs, i));
        ft_seq hi = seq_add(tcb->snd_una, run_hi(im, runs, i));
        struct tcp_sent *sent = ft_sent_find(im->tcp, tcb, lo);
        for (; sent && seq_lt(sent->seq, hi); sent = sent->next) {
            if (sent->flags & (SENT_SACKED | SENT_LOST))
                continue;
            if (seq_lt(sent->seq, lo)) {
                if (!ft_sent_cut(im->tcp, tcb, sent, (uint32_t)seq_diff(lo, sent->seq)))
                    return;
                continue;
            }
            if (seq_gt(seq_add(sent->seq, sent->len), hi) &&
                !ft_sent_cut(im->tcp, tcb, sent, (uint32_t)seq_diff(hi, sent->seq)))
                return;
            ft_sent_lose(sents, sent);
        }
    }
}

static int take_busy(const struct import *im, struct ft_tcb *tcb)
{
    struct ft_tcp *tcp = im->tcp;
    const struct image *image = &im->image;
    struct ft_path path = {.mtu = tcb_is_v4(tcb) ? 576 : 1280};
    (void)ft_path_find(tcp->net, &tcb->conn.remote, &tcb->conn.local, tcb->conn.ifindex, &path);
    ft_tcp_set_mss(tcp, tcb, path.mtu); /* no way: it is another when one is found */
    tcb->ssthresh = FT_MAX(tcb->ssthresh, 2 * (uint32_t)tcb->snd_mss);
    bool waits = image->snd.len > 0 || image->snd_max != image->snd_una;
    if (!waits)
        return 0;
    int err = ft_tcb_make_busy(tcp, tcb);
    if (!err)
        err = take_records(im, tcb);
    if (err)
        return err;
    ft_spent_begin(tcp, tcb);
    mark_sacked(im, tcb);
    tcb->cold->delivered = (uint32_t)image->delivered; /* they are among those */
    mark_lost(im, tcb);
    struct tcp_recovery *recovery = &tcb->busy->recovery;
    recovery->prr_delivered = (uint32_t)image->prr_delivered;
    recovery->prr_out = (uint32_t)image->prr_out;
    recovery->recover_fs = (uint32_t)image->recover_fs;
    tcb->busy->progress_at = tcp->env->now - image->owed_ms * FT_MS;
    return 0;
}

/* ---- its place ------------------------------------------------------------------------------- */

/* The table, and the port. An entry of its own that it left here once gives way. */
static int settle(struct import *im, struct ft_tcb *tcb)
{
    struct ft_tcp *tcp = im->tcp;
    struct ft_conn *old = ft_table_find(tcp->table, &tcb->conn);
    struct ft_time_wait *away = NULL;
    if (old && old->kind == FT_CONN_TIME_WAIT)
        away = ft_container_of(old, struct ft_time_wait, conn);
    if (old && (!away || !(away->expires_ms & TW_AWAY)))
        return -EADDRINUSE;
    int err = ft_port_hold(tcp->names, IPPROTO_TCP, &tcb->conn.local, tcb->conn.local_port,
                           tcb->cold->opts.flags & OPT_REUSE_ADDR);
    if (err)
        return err;
    tcb->flags |= TCB_PORT_HELD;
    if (away)
        ft_time_wait_yield(tcp, away, &tcb->conn);
    else
        err = ft_table_insert(tcp->table, &tcb->conn);
    if (err)
        return err;
    tcb->flags |= TCB_IN_TABLE;
    return 0;
}

/* The peer is asked how far it is: what it has acknowledged meanwhile nobody has heard. */
static void begin(struct ft_tcp *tcp, struct ft_tcb *tcb, enum ft_tcp_state state)
{
    tcb_take_in(tcp, tcb, state);
    tcb->flags |= TCB_KEEPALIVE;
    if (!seq_eq(tcb->last_ack_sent, tcb->rcv_nxt))
        tcb->flags |= TCB_ACK_NOW;
    ft_tcb_restart_rto(tcp, tcb);
    ft_tcb_restart_keepalive(tcp, tcb);
    ft_tcb_wake(tcp, tcb);
    tcp->env->counters.tcp_imports++;
}

static int build(struct import *im, struct ft_tcb *tcb)
{
    const struct image *image = &im->image;
    tcb->conn = im->conn;
    tcb->conn.kind = FT_CONN_TCB;
    tcb->conn.state = FT_TCP_CLOSED;
    take_send(im, tcb);
    take_receive(im, tcb);
    take_cold(im, tcb);
    take_flags(im, tcb);
    int err = take_octets(im, tcb);
    if (!err)
        err = take_ecn(im, tcb);
    if (!err && image->kept.len > 0)
        err = ft_cc_import(im->tcp, tcb, im->kept);
    if (!err)
        err = ft_handover_take_keys(im->tcp, tcb, im->buf + image->keys.at, image->keys.len);
    if (!err)
        err = take_copies(im, tcb);
    if (!err)
        err = take_busy(im, tcb);
    return err ? err : settle(im, tcb);
}

static int parse(struct import *im, size_t len)
{
    switch (ft_image_parse(im->buf, len, &im->image)) {
    case IMAGE_DAMAGED:
        return -EBADMSG;
    case IMAGE_NEW_VERSION:
        return -EPROTONOSUPPORT;
    case IMAGE_OK:
        break;
    }
    return validate(im);
}

ft_sock ft_tcp_import(struct ft_tcp *tcp, const uint8_t *state, size_t len)
{
    struct import im = {.tcp = tcp, .buf = state};
    int err = parse(&im, len);
    if (err)
        return err;
    struct ft_tcb *tcb = ft_tcb_new(tcp, &im.opts);
    if (!tcb)
        return -ENOBUFS;
    ft_sock sock = ft_slot_open(tcp->slots, FT_KIND_TCB, tcb);
    err = sock < 0 ? (int)sock : build(&im, tcb);
    if (err) {
        if (sock >= 0)
            ft_slot_close(tcp->slots, ft_slot_index(sock));
        ft_tcb_free(tcp, tcb);
        return err;
    }
    tcb->slot = ft_slot_index(sock);
    begin(tcp, tcb, state_of(&im));
    return sock;
}
