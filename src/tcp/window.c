/* SPDX-License-Identifier: MIT */
/*
 * The receive window and the segment size: RFC 9293 3.8.6.2.2 (silly windows at the receiver),
 * 3.7.1 (MSS), RFC 7323 2 (scale).
 */
#include "priv.h"

/* SO_RCVBUF counts twice what a window may use, as on Linux (tcp_adv_win_scale is 1). */
uint32_t ft_tcp_rcv_max(const struct ft_tcb *tcb)
{
    uint32_t max = tcb->cold->opts.rcv_buf / 2;
    if (tcb->cold->opts.window_clamp)
        max = FT_MIN(max, tcb->cold->opts.window_clamp);
    return max;
}

uint32_t ft_tcp_rcv_space(const struct ft_tcb *tcb)
{
    uint32_t max = ft_tcp_rcv_max(tcb);
    uint32_t len = ft_ring_len(&tcb->rcv);
    return len < max ? max - len : 0;
}

uint8_t ft_tcp_wscale_for(const struct ft_tcp *tcp, const struct tcp_opts *opts)
{
    /* The largest that the buffer may become, by itself or by SO_RCVBUF. */
    const struct ft_limits *limits = &tcp->env->config.limits;
    uint32_t space = FT_MAX(limits->recv_buffer_max, limits->recv_buffer_auto_max);
    space = FT_MAX(opts->rcv_buf, space);
    uint8_t shift = 0;
    while (shift < TCP_WSCALE_MAX && space >> shift > 65535)
        shift++; /* as on Linux: all of it, overhead included, and at most 65535 << shift */
    return shift;
}

/* RFC 9293 3.8.6.2.2: by less the right edge does not move. */
static uint32_t advertise_step(const struct ft_tcb *tcb)
{
    return FT_MIN(tcb->cold->opts.rcv_buf / 4, (uint32_t)tcb->rcv_mss);
}

/* The right edge never moves left (SHLD-14), and moves right only by what is worth it. */
uint32_t ft_tcp_advertise(struct ft_tcb *tcb, bool syn)
{
    uint32_t space = ft_tcp_rcv_space(tcb);
    uint32_t promised = tcb_rcv_wnd(tcb);
    /* RFC 7323 2.2: the window of a SYN is not scaled. */
    uint8_t shift = syn ? 0 : tcb->rcv_wscale;
    uint32_t wnd = promised;
    if (space >= promised && (space - promised >= advertise_step(tcb) || syn))
        wnd = space;
    wnd = FT_MIN(wnd, (uint32_t)65535 << shift);
    uint32_t field = wnd >> shift;
    /* Rounded down it could take back up to a unit of what was promised: then round up. But not for
       ever: small segments would each gain what rounding gives, and a window that nobody
       reads never close. */
    bool fits = ft_ring_len(&tcb->rcv) + promised <= (uint32_t)65535 << shift;
    if (field << shift < promised && field < 65535 && fits)
        field = (FT_MIN(promised, (uint32_t)65535 << shift) + (1u << shift) - 1) >> shift;
    if (field > 65535)
        field = 65535;
    ft_seq edge = seq_add(tcb->rcv_nxt, field << shift);
    if (seq_gt(edge, tcb->rcv_adv))
        tcb->rcv_adv = edge;
    return field;
}

/* RFC 9293 3.8.6.2.2, MUST-39: tell when the window can grow by a segment or half the buffer. */
void ft_tcp_window_update(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (!tcb_synchronized(tcb) || (tcb->flags & TCB_FIN_RECEIVED))
        return;
    /* What the field cannot say is no reason to speak. */
    uint32_t space = FT_MIN(ft_tcp_rcv_space(tcb), (uint32_t)65535 << tcb->rcv_wscale);
    uint32_t promised = tcb_rcv_wnd(tcb);
    uint32_t half = tcb->cold->opts.rcv_buf / 4;
    bool reopened = promised < tcb->rcv_mss && space >= FT_MIN((uint32_t)tcb->rcv_mss, half);
    /* Nothing is said that ft_tcp_advertise() would not say. */
    if (space < promised || space - promised < advertise_step(tcb))
        return;
    if (!reopened && space - promised < FT_MIN(2 * (uint32_t)tcb->rcv_mss, half))
        return;
    if (!reopened && promised >= half && space < 2 * promised)
        return;
    tcb->flags |= TCB_ACK_NOW;
    ft_tcb_wake(tcp, tcb);
}

/* SHLD-6: an interface has one MTU, whatever it sends. */
uint16_t ft_tcp_mss_for(uint32_t mtu, bool v4)
{
    uint32_t headers = (v4 ? 20 : 40) + TCP_HDR_LEN;
    uint32_t mss = mtu > headers ? mtu - headers : 1;
    return (uint16_t)FT_MIN(mss, (uint32_t)65535 - headers);
}

/* RFC 9293 MUST-16: the lesser of the peer's limit and what IP can send, less options. */
void ft_tcp_set_mss(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t mtu)
{
    uint32_t mss = ft_tcp_mss_for(mtu, tcb_is_v4(tcb));
    uint32_t peer = FT_MAX((uint32_t)tcb->peer_mss, tcp->env->config.limits.min_send_mss);
    mss = FT_MIN(mss, peer);
    if (tcb->cold->opts.user_mss)
        mss = FT_MIN(mss, (uint32_t)tcb->cold->opts.user_mss);
    uint32_t options = tcb_options_len(tcb);
    mss = mss > options + 8 ? mss - options : 8;
    tcb->snd_mss = (uint16_t)mss;
    tcb->mtu = (uint16_t)FT_MIN(mtu, (uint32_t)65535);
    if (tcb->cwnd < mss)
        tcb->cwnd = mss;
}
