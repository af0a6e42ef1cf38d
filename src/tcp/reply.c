/* SPDX-License-Identifier: MIT */
/*
 * Segments that are sent without waiting for a turn of their connection: resets, SYN-ACKs, ACKs of
 * TIME-WAIT. They go through the control queue. Also the limit of challenge ACKs (RFC 5961 7).
 */
#include "priv.h"

#include "wire/be.h"
#include "wire/csum.h"

/* MUST-2: the checksum is always there. */
void ft_tcp_send_bare(struct ft_tcp *tcp, const struct ft_conn *conn, const struct ft_tcp_seg *seg,
                      const struct tcp_opts *opts, const struct tcp_signer *signer)
{
    uint8_t buf[TCP_HDR_LEN_MAX];
    size_t len = tcp_emit(buf, sizeof buf, seg);
    ft_assert(len >= TCP_HDR_LEN);
    if (signer) {
        struct tcp_message message = {
            .src = &conn->local,
            .dst = &conn->remote,
            .hdr = buf,
            .hdr_len = len,
            .sig_at = TCP_SIG_AT,
        };
        ft_auth_sign(tcp, signer, &message, buf);
    }
    uint16_t sum = csum_l4(&conn->local, &conn->remote, IPPROTO_TCP, buf, len);
    be16_store(buf + TCP_CSUM_AT, sum);
    struct ft_ip_tx tx = {
        .src = conn->local,
        .dst = conn->remote,
        .l4_len = (uint32_t)len,
        .flow_label = addr_is_v4(&conn->remote) ? 0 : ft_tcp_flow_label(tcp, conn),
        .bound_if = conn->ifindex,
        .proto = IPPROTO_TCP,
        .ttl = opts ? opts->ttl : 0,
        .tos = opts ? opts->tos : 0,
    };
    if (ft_ctl_send(tcp->net, &tx, buf))
        return; /* dropped and counted there; what matters is sent again by a timer */
    if (seg->flags & SEG_RST)
        tcp->env->counters.tcp_resets_out++;
    else
        tcp->env->counters.tcp_segs_out++;
}

void ft_tcp_send_alone(struct ft_tcp *tcp, struct ft_tcb *tcb, struct ft_tcp_seg *seg)
{
    struct tcp_signer signer;
    if (!tcb_auth(tcb)) {
        ft_tcp_send_bare(tcp, &tcb->conn, seg, &tcb->cold->opts, NULL);
        return;
    }
    struct tcp_ends ends = ft_auth_ends(tcb);
    if (ft_auth_prepare(tcp, tcb_auth(tcb), &ends, seg, &signer))
        ft_tcp_send_bare(tcp, &tcb->conn, seg, &tcb->cold->opts, &signer);
}

void ft_tcp_cancel_synack(struct ft_tcp *tcp, const struct ft_conn *conn, ft_seq iss)
{
    uint8_t buf[TCP_HDR_LEN_MAX];
    struct ft_tcp_seg seg = {
        .src_port = conn->local_port,
        .dst_port = conn->remote_port,
        .seq = iss,
        .flags = SEG_SYN | SEG_ACK,
    };
    struct ft_ip_tx tx = {.src = conn->local, .dst = conn->remote, .bound_if = conn->ifindex};

    size_t len = tcp_emit(buf, sizeof buf, &seg);
    ft_assert(len >= TCP_HDR_LEN);
    ft_ctl_cancel(tcp->net, &tx, buf);
}

/* RFC 9293 3.10.7.1; also 3.5.2 and 3.10.7.4 for an ACK that cannot be. Never for a reset; nor,
   with keys in use, for a signed segment that nobody has verified: the peer would not take the
   reset unsigned, and it could be a lever for who forged the segment (as on Linux). */
void ft_tcp_reset_reply(struct ft_tcp *tcp, const struct tcp_in *in)
{
    const struct ft_rx *rx = in->rx;
    const struct ft_tcp_seg *seg = &in->seg;
    struct tcp_signer signer = {.key = NULL};
    if (seg->flags & SEG_RST)
        return;
    if (seg->n_sig > 0 && !in->verified && tcp->signs &&
        tcp->env->config.profile == FT_PROFILE_LINUX)
        return;
    if (!ft_icmp_allow(tcp->net, &rx->src))
        return;
    struct ft_conn conn = {
        .local = rx->dst,
        .remote = rx->src,
        .local_port = seg->dst_port,
        .remote_port = seg->src_port,
        .ifindex = addr_needs_scope(&rx->src) ? (uint16_t)rx->ifindex : 0,
    };
    struct ft_tcp_seg reply = {
        .src_port = conn.local_port,
        .dst_port = conn.remote_port,
        .flags = SEG_RST,
    };
    if (seg->flags & SEG_ACK) {
        reply.seq = seg->ack;
    } else {
        uint32_t len = seg->len + ((seg->flags & SEG_SYN) ? 1 : 0);
        len += (seg->flags & SEG_FIN) ? 1 : 0;
        reply.flags |= SEG_ACK;
        reply.ack = seq_add(seg->seq, len);
    }
    if (in->verified &&
        !ft_auth_prepare(tcp, in->verified->auth, &in->verified->ends, &reply, &signer))
        return;
    ft_tcp_send_bare(tcp, &conn, &reply, NULL, &signer);
}

void ft_tcp_send_reset(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (!tcb_synchronized(tcb) && tcb_state(tcb) != FT_TCP_SYN_RECEIVED)
        return;
    /* What the peer has not seen may still be in a queue: use what it has (Linux does too). */
    struct ft_tcp_seg seg = {
        .src_port = tcb->conn.local_port,
        .dst_port = tcb->conn.remote_port,
        .seq = tcb_ack_seq(tcb),
        .ack = tcb->rcv_nxt,
        .flags = SEG_RST | SEG_ACK,
    };
    if (tcb->flags & TCB_TS) { /* RFC 7323 3.2: a reset should have them too */
        seg.has_ts = true;
        seg.tsval = tcp_now_ms(tcp) + tcb->cold->ts_offset;
        seg.tsecr = tcb->ts_recent;
    }
    ft_tcp_send_alone(tcp, tcb, &seg);
}

/* A budget of each connection by itself, so that no one learns of another by it. */
void ft_tcp_challenge(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    uint32_t second = (uint32_t)(tcp->env->now / FT_SEC);
    if (tcb->challenge_s != second) {
        tcb->challenge_s = second;
        tcb->challenges = 0;
    }
    if (tcb->challenges >= FT_MIN(tcp->env->config.limits.challenge_acks_per_s, 255u))
        return;
    tcb->challenges++;
    tcp->env->counters.tcp_challenge_acks++;
    tcb->flags |= TCB_ACK_NOW;
    ft_tcb_wake(tcp, tcb);
}
