/* SPDX-License-Identifier: MIT */
/*
 * What a connection tells of itself: names, the socket table's lines, Linux's struct tcp_info
 * (RFC 9293 3.10.6, STATUS).
 */
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "priv.h"
#include "sock/opt.h"

struct ft_tcb *ft_tcp_of_flow(struct ft_flow *flow)
{
    return ft_container_of(flow, struct ft_tcb, flow);
}

uint32_t ft_tcp_slot(const struct ft_tcb *tcb)
{
    return tcb->slot;
}

static void write_local(const struct ft_name *name, const struct ft_conn *conn, bool ipv6,
                        struct sockaddr *ret_addr, socklen_t *len)
{
    struct ft_endpoint endpoint = {0};
    if (conn && conn->local_port) {
        endpoint = (struct ft_endpoint){
            .addr = conn->local, .port = conn->local_port, .ifindex = conn->ifindex};
    } else if (name) {
        endpoint = (struct ft_endpoint){.addr = name->addr, .port = name->port};
    }
    ft_endpoint_write(&endpoint, ipv6, ret_addr, len);
}

void ft_tcp_name(const struct ft_tcb *tcb, struct sockaddr *ret_addr, socklen_t *len)
{
    write_local(tcb_name(tcb), &tcb->conn, tcb->cold->opts.flags & OPT_IPV6, ret_addr, len);
}

void ft_tcp_listener_name(const struct ft_listener *listener, struct sockaddr *ret_addr,
                          socklen_t *len)
{
    write_local(listener->name, NULL, listener->opts.flags & OPT_IPV6, ret_addr, len);
}

int ft_tcp_peer(const struct ft_tcb *tcb, struct sockaddr *ret_addr, socklen_t *len)
{
    enum ft_tcp_state state = tcb_state(tcb);
    bool queued = tcb->flags & TCB_QUEUED;
    if (!queued && (state == FT_TCP_CLOSED || state == FT_TCP_SYN_SENT) && tcb->slot != FT_NO_SLOT)
        if (!(tcb->flags & TCB_DONE) || tcb->conn.remote_port == 0 || state == FT_TCP_SYN_SENT)
            return -ENOTCONN;
    struct ft_endpoint endpoint = {
        .addr = tcb->conn.remote, .port = tcb->conn.remote_port, .ifindex = tcb->conn.ifindex};
    ft_endpoint_write(&endpoint, tcb->cold->opts.flags & OPT_IPV6, ret_addr, len);
    return 0;
}

static void conn_names(const struct ft_conn *conn, struct ft_sock_info *info)
{
    info->protocol = IPPROTO_TCP;
    info->state = conn->state;
    info->local = conn->local;
    info->remote = conn->remote;
    info->local_port = conn->local_port;
    info->remote_port = conn->remote_port;
    info->ifindex = conn->ifindex;
    info->family = addr_is_v4(&conn->remote) ? AF_INET : AF_INET6;
    info->sock = -1;
}

/* Where in the stream the peer's urgent octet is, once it is here. */
static uint32_t urgent_q(const struct ft_tcb *tcb)
{
    int32_t ahead = seq_diff(tcb->rcv_up, tcb_rcv_end(tcb));
    uint32_t len = ft_ring_len(&tcb->rcv);

    if (!(tcb->flags & TCB_URG_IN) || ahead > 0 || (uint32_t)-ahead >= len)
        return 0;
    return len - (uint32_t)-ahead;
}

/* Linux's TCP_CA_*. */
static uint8_t ca_state(const struct ft_tcb *tcb)
{
    if (tcb->flags & TCB_LOSS)
        return 4;
    if (tcb->flags & TCB_RECOVERY)
        return 3;
    if (tcb->busy && tcb->busy->recovery.cwr)
        return 2;
    return tcb->busy && tcb->busy->sents.sacked > 0 ? 1 : 0;
}

/* What is under way, in segments. A SYN, or a FIN that nothing is kept of, has no record. */
static void flight_info(const struct ft_tcb *tcb, struct ft_sock_info *info)
{
    struct tcp_sent_segs segs;
    uint32_t mss = FT_MAX((uint32_t)tcb->snd_mss, 1u);
    ft_sent_segs(tcb, &segs);
    info->unacked = segs.out ? segs.out : (tcb_flight(tcb) + mss - 1) / mss;
    info->sacked = segs.sacked;
    info->lost = segs.lost;
    info->again = segs.again;
    if (tcb->busy && !(tcb->flags & TCB_SACK))
        info->sacked = (tcb->busy->sents.sacked + mss - 1) / mss;
    if (tcb_synchronized(tcb) && seq_gt(tcb_snd_end(tcb), tcb->snd_nxt))
        info->notsent = (uint32_t)seq_diff(tcb_snd_end(tcb), tcb->snd_nxt);
    info->app_limited = tcb->busy && tcb->busy->cc.rate.last_limited;
}

static void history_info(const struct ft_tcp *tcp, const struct ft_tcb *tcb,
                         struct ft_sock_info *info)
{
    const struct tcp_cold *cold = tcb->cold;
    const struct tcp_past *past = cold->past;
    const struct tcp_sending sending = tcb_sending(tcb);
    if (sending.sent_at)
        info->last_sent_ms = (uint32_t)((tcp->env->now - sending.sent_at) / FT_MS);
    if (tcb_synchronized(tcb))
        info->last_recv_ms = tcp_now_ms(tcp) - cold->last_data_ms;
    info->last_ack_ms = tcp_now_ms(tcp) - tcb->last_rcv_ms;
    info->delivered = cold->delivered;
    info->total_rto = cold->total_rto;
    info->rto_episodes = cold->rto_episodes;
    info->rto_ms = cold->rto_ms;
    info->data_segs_in = cold->data_in;
    info->data_segs_out = sending.data_out;
    info->octets_retrans = sending.octets_retrans;
    info->busy_ms = ft_spent_ms(tcp, tcb, SPENT_BUSY);
    info->window_limited_ms = ft_spent_ms(tcp, tcb, SPENT_WINDOW);
    info->buffer_limited_ms = ft_spent_ms(tcp, tcb, SPENT_BUFFER);
    info->fastopen_fail = cold->tfo_fail;
    info->backoff = tcb->retries;
    info->reordering = FT_MAX((uint32_t)tcb->rack.reordering, 3u); /* Linux's least is 3 */
    info->dsack_dups = past ? past->dsack_dups : 0;
    info->reord_seen = past ? past->reord_seen : 0;
    info->ooo_in = cold->ahead_in;
}

static void ecn_info(const struct tcp_ecn *ecn, struct ft_sock_info *info)
{
    if (!ecn || ecn->mode < ECN_CLASSIC)
        return;
    info->ecn = ecn->mode == ECN_ACCURATE ? FT_ECN_IS_ACCURATE : FT_ECN_IS_CLASSIC;
    info->ecn_seen = ecn->flags & ECN_SEEN;
    info->delivered_ce = ecn->delivered_ce;
    info->received_ce = ecn->ce_in;
    if (ecn->mode != ECN_ACCURATE)
        return;
    for (unsigned i = 0; i < 3; i++) {
        uint32_t first = i == ECN_CEB ? 0 : 1; /* RFC 9768 3.2.1 */
        info->ecn_delivered[i] = ecn->s_octets[i] - first;
        info->ecn_received[i] = ecn->r_octets[i] - first;
    }
}

static void keys_info(const struct tcp_auth *auth, struct ft_sock_info *info)
{
    for (const struct tcp_key *key = auth ? auth->keys : NULL; key; key = key->next) {
        if (key->kind == TCP_SIG_MD5)
            info->md5_keys++;
        else
            info->ao_keys++;
    }
}

void ft_tcp_info(const struct ft_tcp *tcp, const struct ft_tcb *tcb, struct ft_sock_info *ret_info)
{
    const struct tcp_cold *cold = tcb->cold;
    *ret_info = (struct ft_sock_info){0};
    conn_names(&tcb->conn, ret_info);
    ret_info->family = (cold->opts.flags & OPT_IPV6) ? AF_INET6 : AF_INET;
    ret_info->sock = ft_slot_sock(tcp->slots, tcb->slot);
    ret_info->user = tcb->slot == FT_NO_SLOT ? NULL : ft_slot_user(tcp->slots, tcb->slot);
    ret_info->ca_state = ca_state(tcb);
    ret_info->recv_q = ft_ring_len(&tcb->rcv);
    ret_info->send_q = ft_ring_len(&tcb->snd);
    ret_info->urgent_q = urgent_q(tcb);
    ret_info->mss = tcb->snd_mss;
    ret_info->cwnd = tcb->cwnd;
    ret_info->ssthresh = tcb->ssthresh;
    ret_info->snd_wnd = tcb->snd_wnd;
    ret_info->rcv_wnd = tcb_rcv_wnd(tcb);
    ret_info->srtt_us = cold->srtt_us;
    ret_info->rttvar_us = cold->rttvar_us;
    ret_info->rto_us = cold->rto_us;
    ret_info->ato_us = tcb->ato_ms * 1000u;
    ret_info->min_rtt_us = cold->min_rtt_us;
    ret_info->pacing_rate = ft_pace_rate(tcb);
    ret_info->delivery_rate = ft_rate_measured(tcb);
    memcpy(ret_info->congestion, ft_cc_ops(cold->opts.cc)->name, sizeof ret_info->congestion);
    ret_info->retrans = tcb->retries;
    ecn_info(tcb_ecn(tcb), ret_info);
    keys_info(tcb_auth(tcb), ret_info);
    flight_info(tcb, ret_info);
    history_info(tcp, tcb, ret_info);
    ret_info->octets_acked = cold->octets_acked;
    ret_info->octets_received = cold->octets_received;
    ret_info->segs_out = cold->segs_out;
    ret_info->segs_in = tcb->segs_in;
    ret_info->segs_retrans = cold->segs_retrans;
    if (tcb_state(tcb) != FT_TCP_CLOSED && tcb_state(tcb) != FT_TCP_SYN_SENT)
        ret_info->octets_sent = cold->octets_acked +
                                (uint32_t)seq_diff(tcb->snd_max, tcb_snd_base(tcb)) +
                                ret_info->octets_retrans;
}

void ft_tcp_listener_info(const struct ft_tcp *tcp, const struct ft_listener *listener,
                          struct ft_sock_info *ret_info)
{
    *ret_info = (struct ft_sock_info){
        .sock = ft_slot_sock(tcp->slots, listener->slot),
        .protocol = IPPROTO_TCP,
        .state = FT_TCP_LISTEN,
        .family = (listener->opts.flags & OPT_IPV6) ? AF_INET6 : AF_INET,
        .local = listener->name->addr,
        .local_port = listener->name->port,
        .ifindex = listener->name->ifindex,
        .recv_q = listener->n_backlog,
        .send_q = listener->backlog_max,
        .user = ft_slot_user(tcp->slots, listener->slot),
    };
}

bool ft_tcp_conn_info(const struct ft_tcp *tcp, const struct ft_conn *conn,
                      struct ft_sock_info *ret_info)
{
    if (conn->kind == FT_CONN_TCB) {
        const struct ft_tcb *tcb = ft_container_of(conn, const struct ft_tcb, conn);
        if (tcb->slot != FT_NO_SLOT)
            return false;
        ft_tcp_info(tcp, tcb, ret_info);
        return true;
    }
    if (conn->kind == FT_CONN_TIME_WAIT &&
        (ft_container_of(conn, const struct ft_time_wait, conn)->expires_ms & TW_AWAY))
        return false; /* it is in another stack's table */
    *ret_info = (struct ft_sock_info){0};
    conn_names(conn, ret_info);
    return true;
}

/* What getsockopt(TCP_INFO) answers: the layout of Linux's present struct, which is longer than the
   one that the libc has. 0 are what Linux does not fill in either (fackets, last_ack_sent), and
   rehash: paths are not changed. */
struct tcp_linux_info {
    union {
        struct tcp_info head;
        struct {
            uint8_t before[7];
            uint8_t app_limited; /* bit 0: delivery_rate, bits 1 and 2: why Fast Open failed; the
                                    libc's struct has a hole here */
        };
    };
    uint64_t pacing_rate, max_pacing_rate; /* octets a second; all ones: none */
    uint64_t octets_acked, octets_received;
    uint32_t segs_out, segs_in;
    uint32_t notsent_octets;
    uint32_t min_rtt_us; /* all ones: none yet */
    uint32_t data_segs_in, data_segs_out;
    uint64_t delivery_rate;
    uint64_t busy_us, rwnd_limited_us, sndbuf_limited_us;
    uint32_t delivered, delivered_ce;
    uint64_t octets_sent, octets_retrans;
    uint32_t dsack_dups, reord_seen, rcv_ooopack;
    uint32_t snd_wnd, rcv_wnd;
    uint32_t rehash;
    uint16_t total_rto, total_rto_recoveries;
    uint32_t total_rto_ms;
    uint32_t received_ce;
    uint32_t ecn_octets[6];
    uint32_t ecn_mode;
};

static_assert(offsetof(struct tcp_info, tcpi_rto) == 8, "as Linux has it");
static_assert(offsetof(struct tcp_linux_info, pacing_rate) == 104, "as Linux has it");
static_assert(offsetof(struct tcp_linux_info, delivery_rate) == 160, "as Linux has it");
static_assert(offsetof(struct tcp_linux_info, octets_sent) == 200, "as Linux has it");
static_assert(offsetof(struct tcp_linux_info, snd_wnd) == 228, "as Linux has it");
static_assert(sizeof(struct tcp_linux_info) == 280, "as Linux has it");

static void fill_head(const struct ft_tcb *tcb, const struct ft_sock_info *info,
                      struct tcp_info *ret)
{
    uint32_t mss = FT_MAX((uint32_t)tcb->snd_mss, 1u);
    ret->tcpi_state = info->state;
    ret->tcpi_ca_state = info->ca_state;
    ret->tcpi_retransmits = (tcb->flags & TCB_PERSIST) ? 0 : tcb->retries;
    ret->tcpi_backoff = info->backoff;
    ret->tcpi_probes = tcb->probes;
    ret->tcpi_options =
        (uint8_t)(((tcb->flags & TCB_TS) ? TCPI_OPT_TIMESTAMPS : 0) |
                  ((tcb->flags & TCB_SACK) ? TCPI_OPT_SACK : 0) |
                  (tcb->rcv_wscale ? TCPI_OPT_WSCALE : 0) | (info->ecn ? TCPI_OPT_ECN : 0) |
                  (info->ecn_seen ? TCPI_OPT_ECN_SEEN : 0) |
                  (tcb->cold->syn_data ? TCPI_OPT_SYN_DATA : 0));
    ret->tcpi_snd_wscale = tcb->snd_wscale & 0xfu;
    ret->tcpi_rcv_wscale = tcb->rcv_wscale & 0xfu;
    ret->tcpi_rto = info->rto_us;
    ret->tcpi_ato = info->ato_us;
    ret->tcpi_snd_mss = tcb->snd_mss;
    ret->tcpi_rcv_mss = tcb->rcv_mss;
    ret->tcpi_unacked = info->unacked;
    ret->tcpi_sacked = info->sacked;
    ret->tcpi_lost = info->lost;
    ret->tcpi_retrans = info->again;
    ret->tcpi_reordering = info->reordering;
    ret->tcpi_rcv_ssthresh = ft_tcp_rcv_max(tcb);
    ret->tcpi_pmtu = tcb->mtu;
    ret->tcpi_rtt = info->srtt_us;
    ret->tcpi_rttvar = info->rttvar_us;
    ret->tcpi_snd_ssthresh = tcb->ssthresh == TCP_SSTHRESH_NONE ? 0x7fffffff : tcb->ssthresh / mss;
    ret->tcpi_snd_cwnd = tcb->cwnd / mss;
    ret->tcpi_advmss = ft_tcp_mss_for(tcb->mtu, tcb_is_v4(tcb));
    if (tcb->cold->opts.user_mss)
        ret->tcpi_advmss = FT_MIN(ret->tcpi_advmss, (uint32_t)tcb->cold->opts.user_mss);
    const struct tcp_past *past = tcb->cold->past;
    ret->tcpi_rcv_rtt = past ? past->drs.rtt_us : 0;
    ret->tcpi_rcv_space = past && past->drs.space ? past->drs.space : tcb->cold->opts.rcv_buf / 2;
    ret->tcpi_total_retrans = tcb->cold->segs_retrans;
    ret->tcpi_last_data_sent = info->last_sent_ms;
    ret->tcpi_last_data_recv = info->last_recv_ms;
    ret->tcpi_last_ack_recv = info->last_ack_ms;
}

static void fill_info(const struct ft_tcp *tcp, const struct ft_tcb *tcb,
                      struct tcp_linux_info *ret)
{
    struct ft_sock_info info;
    ft_tcp_info(tcp, tcb, &info);
    fill_head(tcb, &info, &ret->head);
    ret->app_limited = (uint8_t)((info.app_limited ? 1 : 0) | info.fastopen_fail << 1);
    uint32_t max_rate = tcb->cold->opts.max_pacing_rate;
    ret->pacing_rate = info.pacing_rate;
    ret->max_pacing_rate = max_rate == UINT32_MAX ? UINT64_MAX : max_rate;
    ret->octets_acked = info.octets_acked;
    ret->octets_received = info.octets_received;
    ret->segs_out = (uint32_t)info.segs_out;
    ret->segs_in = (uint32_t)info.segs_in;
    ret->notsent_octets = info.notsent;
    ret->min_rtt_us = info.min_rtt_us ? info.min_rtt_us : UINT32_MAX;
    ret->delivery_rate = info.delivery_rate;
    ret->octets_sent = info.octets_sent;
    ret->octets_retrans = info.octets_retrans;
    ret->snd_wnd = tcb->snd_wnd;
    ret->rcv_wnd = info.rcv_wnd;
    ret->delivered = info.delivered;
    ret->dsack_dups = info.dsack_dups;
    ret->reord_seen = info.reord_seen;
    ret->rcv_ooopack = info.ooo_in;
    ret->total_rto = info.total_rto;
    ret->total_rto_recoveries = info.rto_episodes;
    ret->total_rto_ms = info.rto_ms;
    ret->data_segs_in = info.data_segs_in;
    ret->data_segs_out = info.data_segs_out;
    ret->busy_us = (uint64_t)info.busy_ms * 1000;
    ret->rwnd_limited_us = (uint64_t)info.window_limited_ms * 1000;
    ret->sndbuf_limited_us = (uint64_t)info.buffer_limited_ms * 1000;
    ret->delivered_ce = info.delivered_ce;
    ret->received_ce = info.received_ce;
    ret->ecn_mode = info.ecn;
    const uint32_t octets[] = {info.ecn_delivered[ECN_E1B], info.ecn_delivered[ECN_E0B],
                               info.ecn_delivered[ECN_CEB], info.ecn_received[ECN_E1B],
                               info.ecn_received[ECN_E0B],  info.ecn_received[ECN_CEB]};
    memcpy(ret->ecn_octets, octets, sizeof octets);
}

int ft_tcp_linux_info(const struct ft_tcp *tcp, const struct ft_tcb *tcb, void *ret, socklen_t *len)
{
    struct tcp_linux_info info = {.head.tcpi_state = FT_TCP_LISTEN};
    if (tcb)
        fill_info(tcp, tcb, &info);
    return ft_opt_put(ret, len, &info, sizeof info);
}
