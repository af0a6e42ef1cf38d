/* SPDX-License-Identifier: MIT */
/*
 * The state of a connection: RFC 9293 figure 5 with its notes, and the resets, aborts and timeouts
 * of 3.10. No other file writes conn.state of a TCB.
 */
#include "priv.h"

#define TO(state) (1u << FT_TCP_##state)

/* By the state that is left: the states that may be entered. */
static const uint16_t arrows[] = {
    [FT_TCP_CLOSED] = TO(SYN_SENT) | TO(SYN_RECEIVED),
    [FT_TCP_SYN_SENT] = TO(SYN_RECEIVED) | TO(ESTABLISHED) | TO(CLOSED),
    [FT_TCP_SYN_RECEIVED] = TO(ESTABLISHED) | TO(CLOSED),
    [FT_TCP_ESTABLISHED] = TO(FIN_WAIT_1) | TO(CLOSE_WAIT) | TO(CLOSED),
    [FT_TCP_FIN_WAIT_1] = TO(FIN_WAIT_2) | TO(CLOSING) | TO(TIME_WAIT) | TO(CLOSED),
    [FT_TCP_FIN_WAIT_2] = TO(TIME_WAIT) | TO(CLOSED),
    [FT_TCP_CLOSE_WAIT] = TO(LAST_ACK) | TO(CLOSED),
    [FT_TCP_CLOSING] = TO(TIME_WAIT) | TO(CLOSED),
    [FT_TCP_LAST_ACK] = TO(CLOSED),
    [FT_TCP_TIME_WAIT] = TO(CLOSED),
    [FT_TCP_LISTEN] = 0,
};

/* RFC 4022's counters of the arrows. */
static void count_arrow(struct ft_counters *counters, enum ft_tcp_state from, enum ft_tcp_state to)
{
    if (from == FT_TCP_CLOSED && to == FT_TCP_SYN_SENT)
        counters->tcp_active_opens++;
    if (to == FT_TCP_CLOSED && (from == FT_TCP_SYN_SENT || from == FT_TCP_SYN_RECEIVED))
        counters->tcp_attempt_fails++;
    if (to == FT_TCP_CLOSED && (from == FT_TCP_ESTABLISHED || from == FT_TCP_CLOSE_WAIT))
        counters->tcp_estab_resets++;
}

static void move(struct ft_tcp *tcp, struct ft_tcb *tcb, enum ft_tcp_state state)
{
    struct ft_trace_event event = {
        .kind = FT_TRACE_STATE,
        .old_state = tcb->conn.state,
        .new_state = (uint8_t)state,
    };
    tcb->conn.state = (uint8_t)state;
    ft_tcb_trace(tcp, tcb, &event);
}

void tcb_enter(struct ft_tcp *tcp, struct ft_tcb *tcb, enum ft_tcp_state state)
{
    enum ft_tcp_state old = tcb_state(tcb);
    ft_assert(arrows[old] & (1u << state));
    count_arrow(&tcp->env->counters, old, state);
    move(tcp, tcb, state);
}

/* No arrows of the figure: the connection stays in its state, and is elsewhere. */
void tcb_take_in(struct ft_tcp *tcp, struct ft_tcb *tcb, enum ft_tcp_state state)
{
    ft_assert(tcb_state(tcb) == FT_TCP_CLOSED);
    move(tcp, tcb, state);
    ft_assert(tcb_synchronized(tcb) && state != FT_TCP_TIME_WAIT);
}

void tcb_give_away(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    ft_assert(tcb_synchronized(tcb));
    move(tcp, tcb, FT_TCP_CLOSED);
}
