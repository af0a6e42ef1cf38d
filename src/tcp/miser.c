/* SPDX-License-Identifier: MIT */
/*
 * Peers that ask for octets and then have no window for them (Sockstress, A-92). A connection in
 * persist lasts as long as the peer answers its probes (RFC 9293 MUST-36), and what is queued for
 * it takes memory. Where memory is short it gives way, the longest-standing first (RFC 6429 4).
 * Where memory is not short nobody is ended for a window, however long it stays shut.
 */
#include "miser.h"

#include "priv.h"

static struct tcp_miser *miser_of(struct ft_list *node)
{
    return ft_container_of(node, struct tcp_miser, node);
}

/* What the peer has to take, or to have room for, not to be a miser: a whole segment or, where it
   never had room for one, half of the room that it had (RFC 9293 3.8.6.2.1). */
static uint32_t enough(const struct ft_tcb *tcb)
{
    return FT_MIN((uint32_t)tcb->snd_mss, FT_MAX(tcb->snd_wnd_max / 2, 1u));
}

void ft_miser_begin(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct tcp_busy *busy = tcb->busy;
    if (!busy || list_linked(&busy->miser.node) || ft_ring_len(&tcb->snd) == 0)
        return;
    busy->miser.since = tcp->env->now;
    list_push_back(&tcp->misers, &busy->miser.node);
}

void ft_miser_acked(struct ft_tcb *tcb, uint32_t octets)
{
    if (tcb->busy && (octets >= enough(tcb) || ft_ring_len(&tcb->snd) == 0))
        list_remove(&tcb->busy->miser.node);
}

/* The one whose turn it is; NULL: none has been one for long enough. */
static struct ft_tcb *next(const struct ft_tcp *tcp)
{
    struct ft_list *node = list_first(&tcp->misers);
    if (!node || tcp->env->now - miser_of(node)->since < TCP_MISER_TIME)
        return NULL;
    return ft_container_of(miser_of(node), struct tcp_busy, miser)->tcb;
}

bool ft_misers_give_way(struct ft_tcp *tcp, const struct ft_tcb *tcb)
{
    bool any = false;
    unsigned n = 0;
    if (tcb && tcb->busy && list_linked(&tcb->busy->miser.node))
        return false;
    for (; n < TCP_MISERS_AT_ONCE && tcp_short_of_memory(tcp); n++) {
        struct ft_tcb *victim = next(tcp);
        if (!victim)
            return any;
        tcp->env->counters.steps_list_nodes++;
        if (victim->snd_wnd >= enough(victim)) {
            list_remove(&victim->busy->miser.node); /* it has opened its window meanwhile */
            continue;
        }
        tcp->env->counters.tcp_misers_evicted++;
        ft_tcb_give_up(tcp, victim, true);
        any = true;
    }
    if (n == TCP_MISERS_AT_ONCE && !ft_timer_armed(&tcp->miser_timer))
        ft_wheel_arm(&tcp->env->wheel, &tcp->miser_timer, tcp->env->now + TCP_MISERS_GAP);
    return any;
}

void ft_misers_check(const struct ft_tcp *tcp)
{
    ft_time before = 0;
    ft_list_for_each (node, &tcp->misers) {
        const struct tcp_busy *busy = ft_container_of(miser_of(node), struct tcp_busy, miser);
        ft_assert(busy->tcb->busy == busy);
        ft_assert(busy->miser.since >= before);
        before = busy->miser.since;
    }
}
