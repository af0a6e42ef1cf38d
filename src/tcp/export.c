/* SPDX-License-Identifier: MIT */
/*
 * A connection leaves the stack: its TCB is written down (wire/image.h), and a silent entry takes
 * its place in the table. Nothing is sent, and nothing changes unless all of it succeeds.
 */
#include "handover.h"

#include "wire/be.h"

static uint32_t span_ms(const struct ft_tcp *tcp, ft_time since)
{
    ft_time ms = (tcp->env->now - since) / FT_MS;
    return (uint32_t)FT_MIN(ms, (ft_time)INT32_MAX);
}

/* ---- runs ------------------------------------------------------------------------------------ */

static void put_run(uint8_t *buf, size_t i, ft_seq base, ft_seq lo, ft_seq hi)
{
    if (!buf)
        return;
    be32_store(buf + 8 * i, (uint32_t)seq_diff(lo, base));
    be32_store(buf + 8 * i + 4, (uint32_t)seq_diff(hi, base));
}

/* Runs of records with a mark; those beyond IMAGE_RUNS_MAX are found out again by the peer's ACKs.
   @buf: NULL: they are counted. Return: octets. */
static size_t put_marked(const struct ft_tcb *tcb, unsigned flag, uint8_t *buf)
{
    const struct tcp_sent *sent = tcb->busy ? tcb->busy->sents.first : NULL;
    size_t n = 0;
    while (sent && n < IMAGE_RUNS_MAX) {
        ft_seq lo = sent->seq;
        bool marked = sent->flags & flag;
        while (marked && sent->next && (sent->next->flags & flag))
            sent = sent->next;
        if (marked)
            put_run(buf, n++, tcb->snd_una, lo, seq_add(sent->seq, sent->len));
        sent = sent->next;
    }
    return 8 * n;
}

static size_t put_held(const struct ft_tcb *tcb, uint8_t *buf)
{
    static_assert(TCP_GAPS_MAX <= IMAGE_RUNS_MAX, "all of them fit");
    size_t n = tcb->gaps ? tcb->gaps->ranges.n : 0;
    for (size_t i = 0; i < n; i++)
        put_run(buf, i, tcb->rcv_nxt, tcb->gaps->ranges.r[i].lo, tcb->gaps->ranges.r[i].hi);
    return 8 * n;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static void fill_names(const struct ft_tcb *tcb, struct image *image)
{
    const struct ft_conn *conn = &tcb->conn;
    image->state = tcb_state(tcb);
    image->local_hi = conn->local.hi;
    image->local_lo = conn->local.lo;
    image->remote_hi = conn->remote.hi;
    image->remote_lo = conn->remote.lo;
    image->local_port = conn->local_port;
    image->remote_port = conn->remote_port;
#define X(tcb_flag, image_flag) image->flags |= (tcb->flags & (tcb_flag)) ? (image_flag) : 0u;
    HANDOVER_FLAGS(X)
#undef X
    image->flags |= tcb->fin_seen ? IMAGE_FIN_SEEN : 0u;
    image->flags |= tcb->cold->syn_data ? IMAGE_SYN_DATA : 0u;
}

static void fill_send(const struct ft_tcp *tcp, const struct ft_tcb *tcb, struct image *image)
{
    image->iss = tcb->iss.v;
    image->snd_una = tcb->snd_una.v;
    image->snd_max = tcb->snd_max.v;
    image->snd_wl1 = tcb->snd_wl1.v;
    image->snd_wl2 = tcb->snd_wl2.v;
    image->snd_up = tcb->snd_up.v;
    image->recover = seq_min(tcb->recover, tcb->snd_max).v; /* a link may have given some back */
    if (seq_ge(tcb->snd_una, seq_make((uint32_t)image->recover)))
        image->flags &= ~(uint64_t)(IMAGE_RECOVERY | IMAGE_LOSS);
    image->snd_wnd = tcb->snd_wnd;
    image->snd_wnd_max = tcb->snd_wnd_max;
    image->cwnd = tcb->cwnd;
    image->ssthresh = tcb->ssthresh;
    image->peer_mss = tcb->peer_mss;
    image->snd_wscale = tcb->snd_wscale;
    image->rcv_wscale = tcb->rcv_wscale;
    image->retries = tcb->retries;
    image->probes = tcb->probes;
    if (!tcb->busy)
        return;
    image->prr_delivered = tcb->busy->recovery.prr_delivered;
    image->prr_out = tcb->busy->recovery.prr_out;
    image->recover_fs = tcb->busy->recovery.recover_fs;
    image->owed_ms = span_ms(tcp, tcb->busy->progress_at);
}

static void fill_receive(const struct ft_tcp *tcp, const struct ft_tcb *tcb, struct image *image)
{
    uint32_t now_s = (uint32_t)(tcp->env->now / FT_SEC);
    image->segs_in = tcb->segs_in;
    image->irs = tcb->irs.v;
    image->rcv_nxt = tcb->rcv_nxt.v;
    image->rcv_adv = seq_max(tcb->rcv_adv, tcb->rcv_nxt).v;
    image->rcv_up = tcb->rcv_up.v;
    image->rcv_fin = tcb->rcv_fin.v;
    image->last_ack_sent = tcb->last_ack_sent.v;
    image->ts_recent = tcb->ts_recent;
    image->ts_recent_s = now_s - tcb->ts_recent_s;
    image->rcv_mss = tcb->rcv_mss;
    image->quick_acks = tcb->quick_acks;
    image->ato_ms = tcb->ato_ms;
    image->delack = tcb->delack;
    image->silent_ms = tcp_now_ms(tcp) - tcb->last_rcv_ms;
    image->data_silent_ms = tcp_now_ms(tcp) - tcb->cold->last_data_ms;
    image->tsval = tcp_now_ms(tcp) + tcb->cold->ts_offset;
    image->min_rtt_s = now_s - tcb->cold->min_rtt_s;
}

static void fill_sending(const struct tcp_sending *sending, struct image *image)
{
    image->octets_retrans = sending->octets_retrans;
    image->data_out = sending->data_out;
    image->busy_ms = sending->spent_ms[SPENT_BUSY];
    image->window_ms = sending->spent_ms[SPENT_WINDOW];
    image->buffer_ms = sending->spent_ms[SPENT_BUFFER];
}

static void fill_cold(const struct tcp_cold *cold, struct image *image)
{
    fill_sending(&cold->sending, image);
    image->srtt_us = cold->srtt_us;
    image->rttvar_us = cold->rttvar_us;
    image->min_rtt_us = cold->min_rtt_us;
    image->flow_label = cold->flow_label;
    image->error = (uint16_t)cold->error;
    image->soft_error = (uint16_t)cold->soft_error;
    image->octets_acked = cold->octets_acked;
    image->octets_received = cold->octets_received;
    image->segs_out = cold->segs_out;
    image->segs_retrans = cold->segs_retrans;
    image->delivered = cold->delivered;
    image->ahead_in = cold->ahead_in;
    image->total_rto = cold->total_rto;
    image->rto_episodes = cold->rto_episodes;
    image->rto_ms = cold->rto_ms;
    image->data_in = cold->data_in;
    image->opt_flags = cold->opts.flags;
    image->linger_s = (uint32_t)cold->opts.linger_s;
#define X(name) image->name = (uint64_t)cold->opts.name;
    HANDOVER_OPTS(X)
#undef X
    image->linger2_s &= UINT16_MAX;
}

static void fill_copies(const struct tcp_notes *notes, struct image *image)
{
    image->copies = notes ? notes->copies : 0;
    image->copies_told = notes ? notes->copies_told : 0;
}

static void fill_ecn(const struct tcp_ecn *ecn, struct image *image)
{
    if (!ecn)
        return;
    image->ecn_mode = ecn->mode == ECN_ACCURATE ? 2 : 1;
    image->ecn_flags = ecn->flags;
    image->ecn_reduced = ecn->reduced.v;
    image->ecn_ce_in = ecn->ce_in;
    image->ecn_delivered_ce = ecn->delivered_ce;
#define X(from, to) image->to = ecn->from;
    HANDOVER_ECN(X)
#undef X
}

/* ---- octets ---------------------------------------------------------------------------------- */

static const char *name_of(const struct ft_tcp *tcp, uint16_t ifindex)
{
    const char *name = ifindex ? ft_net_if_name(tcp->net, ifindex) : NULL;
    return name ? name : "";
}

static size_t length_of(const char *name)
{
    size_t n = 0;
    while (n < IMAGE_NAME_MAX - 1 && name[n])
        n++;
    return n;
}

/* Return: 0; -EOPNOTSUPP. */
static int fill_lengths(struct ft_tcp *tcp, struct ft_tcb *tcb, struct image *image)
{
    const struct tcp_opts *opts = &tcb->cold->opts;
    uint32_t kept[CC_KEEP_WORDS];
    image->congestion.len = length_of(ft_cc_ops(opts->cc)->name);
    image->scope.len = length_of(name_of(tcp, tcb->conn.ifindex));
    image->device.len = length_of(name_of(tcp, opts->bound_if));
    image->sacked.len = put_marked(tcb, SENT_SACKED, NULL);
    image->lost.len = put_marked(tcb, SENT_LOST, NULL);
    image->held.len = put_held(tcb, NULL);
    image->snd.len = ft_ring_len(&tcb->snd);
    image->rcv.len =
        ft_ring_len(&tcb->rcv) + (tcb->gaps ? ft_ranges_octets(&tcb->gaps->ranges) : 0);
    image->kept.len = ft_cc_export(tcp, tcb, kept) ? sizeof kept : 0;
    return ft_handover_keys_len(tcb, &image->keys.len);
}

static void put_kept(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct image *image,
                     uint8_t *buf)
{
    uint32_t kept[CC_KEEP_WORDS] = {0};
    if (image->kept.len == 0)
        return;
    (void)ft_cc_export(tcp, tcb, kept); /* there is something: it was asked above */
    for (unsigned i = 0; i < CC_KEEP_WORDS; i++)
        be32_store(buf + image->kept.at + 4 * i, kept[i]);
}

static void put_blobs(const struct ft_tcp *tcp, const struct ft_tcb *tcb, const struct image *image,
                      uint8_t *buf)
{
    const struct tcp_opts *opts = &tcb->cold->opts;
    uint32_t len = ft_ring_len(&tcb->rcv);
    uint8_t *p = buf + image->rcv.at + len;
    memcpy(buf + image->congestion.at, ft_cc_ops(opts->cc)->name, image->congestion.len);
    memcpy(buf + image->scope.at, name_of(tcp, tcb->conn.ifindex), image->scope.len);
    memcpy(buf + image->device.at, name_of(tcp, opts->bound_if), image->device.len);
    (void)put_marked(tcb, SENT_SACKED, buf + image->sacked.at);
    (void)put_marked(tcb, SENT_LOST, buf + image->lost.at);
    (void)put_held(tcb, buf + image->held.at);
    ft_ring_read(&tcb->snd, 0, buf + image->snd.at, image->snd.len);
    ft_ring_read(&tcb->rcv, 0, buf + image->rcv.at, len);
    for (size_t i = 0; tcb->gaps && i < tcb->gaps->ranges.n; i++) {
        const struct ft_range *r = &tcb->gaps->ranges.r[i];
        uint32_t n = (uint32_t)seq_diff(r->hi, r->lo);
        ft_ring_read(&tcb->rcv, len + (uint32_t)seq_diff(r->lo, tcb->rcv_nxt), p, n);
        p += n;
    }
}

/* ---- the call ---------------------------------------------------------------------------------*/

/* Nobody is left here; what comes for the connection meets silence. */
static int leave(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct ft_time_wait as = {
        .snd_nxt = tcb->snd_nxt,
        .rcv_nxt = tcb->rcv_nxt,
        .expires_ms = TW_AWAY | ((tcb->cold->opts.flags & OPT_REUSE_ADDR) ? TW_REUSE : 0u),
    };
    if (!ft_time_wait_new(tcp, &tcb->conn, &as))
        return -ENOBUFS;
    tcb->flags &= ~(uint32_t)TCB_IN_TABLE;
    tcb_give_away(tcp, tcb);
    ft_slot_close(tcp->slots, tcb->slot);
    tcb->slot = FT_NO_SLOT;
    ft_tcb_free(tcp, tcb);
    tcp->env->counters.tcp_exports++;
    return 0;
}

ssize_t ft_tcp_export(struct ft_tcp *tcp, struct ft_tcb *tcb, uint8_t *ret_state, size_t size)
{
    struct image image = {0};
    enum ft_tcp_state state = tcb_state(tcb);
    if (state == FT_TCP_SYN_SENT || state == FT_TCP_SYN_RECEIVED)
        return -EINPROGRESS;
    if (state == FT_TCP_CLOSED)
        return -ENOTCONN;
    if (tcb->pin)
        return -EBUSY;
    fill_names(tcb, &image);
    fill_send(tcp, tcb, &image);
    fill_receive(tcp, tcb, &image);
    fill_cold(tcb->cold, &image);
    fill_copies(tcb_notes(tcb), &image);
    fill_ecn(tcb_ecn(tcb), &image);
    int err = fill_lengths(tcp, tcb, &image);
    if (err)
        return err;
    size_t len = ft_image_size(&image);
    ft_assert(len - image.snd.len - image.rcv.len <= FT_EXPORT_HEAD_MAX);
    if (!ret_state)
        return (ssize_t)len;
    if (size < len)
        return -ENOBUFS;
    ft_image_emit(&image, ret_state);
    put_blobs(tcp, tcb, &image, ret_state);
    put_kept(tcp, tcb, &image, ret_state);
    ft_handover_put_keys(tcb, ret_state + image.keys.at);
    ft_image_seal(ret_state, len);
    tcp->env->counters.steps_octets_copied += image.snd.len + image.rcv.len;
    err = leave(tcp, tcb);
    return err ? err : (ssize_t)len;
}
