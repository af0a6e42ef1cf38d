/* SPDX-License-Identifier: MIT */
/*
 * Flows, which are whatever may send, and the one place that each of them is in: nowhere, on the
 * ready list of an interface, or at a neighbour. It knows nothing of what a flow sends.
 */
#include "priv.h"

void ft_flow_init(struct ft_flow *flow, enum ft_flow_kind kind)
{
    *flow = (struct ft_flow){.kind = (uint8_t)kind, .place = FT_FLOW_IDLE};
    list_init(&flow->node);
}

void ft_flow_ready(struct ft_net *net, struct ft_flow *flow, int ifindex)
{
    struct net_iface *iface = ft_iface_get(net, ifindex);

    if (flow->place == FT_FLOW_WAIT || (flow->place == FT_FLOW_READY && flow->ifindex == ifindex))
        return;
    ft_flow_idle(net, flow);
    if (!iface)
        return;
    flow->ifindex = (uint16_t)ifindex;
    flow->place = FT_FLOW_READY;
    list_push_back(&iface->ready, &flow->node);
}

void ft_flow_idle(struct ft_net *net, struct ft_flow *flow)
{
    (void)net;
    ft_assert((flow->place == FT_FLOW_IDLE) == !list_linked(&flow->node));
    list_remove(&flow->node);
    flow->place = FT_FLOW_IDLE;
}

struct ft_flow *ft_flow_next(struct ft_net *net, int ifindex)
{
    struct net_iface *iface = ft_iface_get(net, ifindex);
    struct ft_list *node = iface ? list_pop_front(&iface->ready) : NULL;
    struct ft_flow *flow;

    if (!node)
        return NULL;
    flow = ft_container_of(node, struct ft_flow, node);
    ft_assert(flow->place == FT_FLOW_READY);
    flow->place = FT_FLOW_IDLE;
    return flow;
}

bool ft_net_pending(const struct ft_net *net, int ifindex)
{
    const struct net_iface *iface = ft_iface_get(net, ifindex);

    return iface && (!list_empty(&iface->ctl) || !list_empty(&iface->ready));
}
