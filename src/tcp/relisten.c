/* SPDX-License-Identifier: MIT */
/*
 * The gap between a passive socket and the next one of its name. A server may close its passive
 * socket and listen again at once; a SYN that comes in between is refused (RFC 9293 3.10.7.1).
 * Where the configuration asks for it (limits.relisten_ms), such a SYN waits for that long instead,
 * as an embryo that is not answered yet: the next passive socket gets it, else it is refused. The
 * peer cannot tell either from a slow network.
 *
 * What is remembered and what waits is bounded: beyond it a SYN is refused at once, as always.
 */
#include "relisten.h"

#include "priv.h"

#define RELISTEN_WAIT_MAX 64          /* SYNs that wait at one time */
#define RELISTEN_TICK     (1 * FT_MS) /* how often a SYN that waits looks for a passive socket */

void ft_relisten_closed(struct ft_tcp *tcp, const struct ft_name *name)
{
    uint32_t wait_ms = tcp->env->config.limits.relisten_ms;
    if (wait_ms == 0 || name->ifindex != 0)
        return;
    struct tcp_left *left = &tcp->left[tcp->left_next];
    tcp->left_next = (tcp->left_next + 1) % FT_ARRAY_LEN(tcp->left);
    *left = (struct tcp_left){name->addr, name->port, tcp->env->now + wait_ms * FT_MS};
}

static bool covers(const struct ft_addr *name, const struct ft_addr *addr)
{
    if (addr_is_any(name))
        return !addr_is_v4(name) || addr_is_v4(addr);
    return addr_eq(name, addr);
}

/* Whether the name was given up so short a time ago that it may be listened on again. */
static bool was_left(const struct ft_tcp *tcp, const struct ft_conn *conn)
{
    for (size_t i = 0; i < FT_ARRAY_LEN(tcp->left); i++) {
        const struct tcp_left *left = &tcp->left[i];
        if (left->until > tcp->env->now && left->port == conn->local_port &&
            covers(&left->addr, &conn->local))
            return true;
    }
    return false;
}

bool ft_relisten_hold(struct ft_tcp *tcp, const struct ft_conn *conn, const struct tcp_in *in)
{
    const struct ft_tcp_seg *seg = &in->seg;
    if ((seg->flags & (SEG_SYN | SEG_ACK | SEG_RST | SEG_FIN)) != SEG_SYN)
        return false;
    if (tcp->n_waiting_syns >= RELISTEN_WAIT_MAX || !was_left(tcp, conn))
        return false;
    if (seg->n_sig > 0 && tcp->signs)
        return false; /* nothing is kept that the next one could verify it by */
    struct tcp_embryo *embryo = ft_pool_get(&tcp->embryos);
    if (!embryo)
        return false;
    ft_listen_read_syn(tcp, NULL, conn, in, embryo);
    embryo->flags |= EMB_WAITING;
    ft_timer_init(&embryo->timer, FT_TIMER_EMBRYO);
    if (ft_table_insert(tcp->table, &embryo->conn)) {
        ft_pool_put(&tcp->embryos, embryo);
        return false;
    }
    tcp->n_waiting_syns++;
    ft_wheel_arm(&tcp->env->wheel, &embryo->timer, tcp->env->now + RELISTEN_TICK);
    return true;
}

/* RFC 9293 3.10.7.1: <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>, late. */
static void refuse(struct ft_tcp *tcp, struct tcp_embryo *embryo)
{
    struct ft_tcp_seg reply = {
        .src_port = embryo->conn.local_port,
        .dst_port = embryo->conn.remote_port,
        .ack = seq_add(embryo->irs, 1),
        .flags = SEG_RST | SEG_ACK,
    };
    if (ft_icmp_allow(tcp->net, &embryo->conn.remote))
        ft_tcp_send_bare(tcp, &embryo->conn, &reply, NULL, NULL);
    ft_embryo_free(tcp, embryo);
}

static struct ft_name *find_name(struct ft_tcp *tcp, const struct ft_conn *conn)
{
    uint64_t hash = ft_table_hash(tcp->table, conn);
    return ft_name_match(tcp->names, IPPROTO_TCP, &conn->local, conn->local_port, conn->ifindex,
                         hash);
}

struct ft_listener *ft_relisten_inherit(struct ft_tcp *tcp, struct tcp_embryo *embryo)
{
    const struct ft_name *name =
        tcp->env->config.limits.relisten_ms > 0 ? find_name(tcp, &embryo->conn) : NULL;
    if (!name || (embryo->flags & EMB_WAITING))
        return NULL;
    struct ft_listener *listener = name->owner;
    if ((embryo->flags & EMB_AO) || ft_auth_required(tcp, listener->auth, &embryo->conn.remote))
        return NULL; /* signed by keys that went with the other one, or not signed as it must be */
    /* What the SYN-ACK has told must hold. */
    if ((embryo->flags & EMB_WSCALE) &&
        embryo->rcv_wscale != ft_tcp_wscale_for(tcp, &listener->opts))
        return NULL;
    embryo->listener_slot = listener->slot;
    embryo->listener_id = listener->id;
    embryo->flags &= (uint16_t)~EMB_ORPHAN;
    listener->n_half_open++;
    return listener;
}

bool ft_relisten_keep(struct ft_tcp *tcp, struct tcp_embryo *embryo)
{
    if (embryo->flags & EMB_ORPHAN)
        return true;
    if ((embryo->flags & EMB_WAITING) || !was_left(tcp, &embryo->conn))
        return false;
    embryo->flags |= EMB_ORPHAN | EMB_AGAIN;
    ft_wheel_arm(&tcp->env->wheel, &embryo->timer, tcp->env->now + RELISTEN_TICK);
    return true;
}

/* The peer has been answered, and its ACK came in the gap: it will come again if we ask. */
static void look_for_heir(struct ft_tcp *tcp, struct tcp_embryo *embryo)
{
    struct ft_listener *listener = ft_relisten_inherit(tcp, embryo);
    if (listener) {
        ft_listen_synack(tcp, embryo, listener, 0);
        ft_wheel_arm(&tcp->env->wheel, &embryo->timer, tcp->env->now + TCP_RTO_INIT);
    } else if (was_left(tcp, &embryo->conn)) {
        ft_wheel_arm(&tcp->env->wheel, &embryo->timer, tcp->env->now + RELISTEN_TICK);
    } else {
        struct ft_tcp_seg reset = {
            .src_port = embryo->conn.local_port,
            .dst_port = embryo->conn.remote_port,
            .seq = seq_add(embryo->iss, 1),
            .flags = SEG_RST,
        };
        if (ft_icmp_allow(tcp->net, &embryo->conn.remote))
            ft_tcp_send_bare(tcp, &embryo->conn, &reset, NULL, NULL);
        ft_embryo_free(tcp, embryo);
    }
}

void ft_relisten_timer(struct ft_tcp *tcp, struct tcp_embryo *embryo)
{
    ft_assert(embryo->flags & (EMB_WAITING | EMB_ORPHAN));
    if (embryo->flags & EMB_ORPHAN) {
        look_for_heir(tcp, embryo);
        return;
    }
    const struct ft_name *name = find_name(tcp, &embryo->conn);
    if (name) {
        struct tcp_embryo syn = *embryo;
        syn.flags &= (uint16_t)~EMB_WAITING;
        ft_embryo_free(tcp, embryo);
        ft_listen_take_waiting(tcp, name->owner, &syn);
    } else if (was_left(tcp, &embryo->conn)) {
        ft_wheel_arm(&tcp->env->wheel, &embryo->timer, tcp->env->now + RELISTEN_TICK);
    } else {
        refuse(tcp, embryo);
    }
}
