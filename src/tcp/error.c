/* SPDX-License-Identifier: MIT */
/*
 * ICMP errors about segments of ours (RFC 9293 3.9.2.2, RFC 5927). Only one that quotes a sequence
 * number in flight counts. In a synchronized state every error is soft; a path that became smaller
 * makes smaller segments.
 */
#include "priv.h"

static bool in_flight(const struct ft_tcb *tcb, uint32_t quoted)
{
    return seq_between(tcb->snd_una, seq_make(quoted), tcb->snd_max);
}

/* RFC 1191 6.4, RFC 5927 7: what was sent too large goes again, in smaller pieces. */
static void too_big(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t mtu)
{
    if (!ft_path_set_mtu(tcp->net, &tcb->conn.remote, tcb_bound_if(tcb), mtu))
        return;
    struct ft_path path;
    if (ft_path_find(tcp->net, &tcb->conn.remote, &tcb->conn.local, tcb_bound_if(tcb), &path))
        return;
    if (!ft_plpmtu_told(tcp, tcb, &path))
        return;
    if (tcb_synchronized(tcb) && tcb->busy) {
        /* No loss by congestion: cwnd stays. */
        ft_sent_too_big(tcp, tcb);
        ft_tcb_wake(tcp, tcb);
    }
}

enum ft_verdict ft_tcp_error(struct ft_tcp *tcp, const struct ft_rx *rx)
{
    const struct ft_icmp_err *err = &rx->err;
    struct ft_conn key = {
        .local = err->src,
        .remote = err->dst,
        .local_port = err->src_port,
        .remote_port = err->dst_port,
        .ifindex = addr_needs_scope(&err->dst) ? (uint16_t)rx->ifindex : 0,
    };
    struct ft_conn *conn = ft_table_find(tcp->table, &key);
    if (!conn || conn->kind != FT_CONN_TCB)
        return FT_RX_DROP_CONTROL;
    struct ft_tcb *tcb = ft_container_of(conn, struct ft_tcb, conn);
    if (!in_flight(tcb, err->seq))
        return FT_RX_DROP_CONTROL; /* */
    if (tcb_auth(tcb) && ft_auth_ignores_icmp(tcp, tcb))
        return FT_RX_DROP_UNSIGNED;
    if (err->mtu) {
        too_big(tcp, tcb, err->mtu);
        return FT_RX_CONTROL;
    }
    enum ft_tcp_state state = tcb_state(tcb);
    if (state == FT_TCP_SYN_SENT || state == FT_TCP_SYN_RECEIVED) {
        /* RFC 9293 MUST-56. Deviation: as on Linux a connection attempt ends on any of them;
           under the RFC's profile on hard ones only. */
        if (err->hard || tcp->env->config.profile == FT_PROFILE_LINUX) {
            ft_tcb_kill(tcp, tcb, err->error);
            return FT_RX_CONTROL;
        }
    }
    /* MUST-54, MUST-56, SHLD-25; RFC 5927 5: hard ones do not abort either (SHLD-26 loses to
       safety). */
    tcb->cold->soft_error = (int16_t)err->error;
    if (tcb->cold->opts.flags & OPT_RECVERR) {
        tcb->cold->error = (int16_t)err->error;
        ft_tcb_raise(tcp, tcb, FT_ERROR);
    }
    return FT_RX_CONTROL;
}
