/* SPDX-License-Identifier: MIT */
/*
 * The path of a packet that comes in: link and network layer by net, then the transport. This file
 * and tx.c are the only places where layers meet. Each packet gets one verdict, which is counted
 * and traced. Nothing is sent meanwhile: an ACK answers all that came in one call (MUST-59).
 */
#include <netinet/in.h>

#include "priv.h"

static uint64_t frame_octets(const struct ft_frame *frame)
{
    uint64_t octets = frame->len;
    for (unsigned i = 0; i < frame->n_spans; i++)
        octets += frame->spans[i].len;
    return octets;
}

static enum ft_verdict take_error(struct ft_stack *stack, const struct ft_rx *rx)
{
    if (rx->err.proto == IPPROTO_TCP)
        return ft_tcp_error(&stack->tcp, rx);
    if (rx->err.proto == IPPROTO_UDP)
        return ft_udp_error(&stack->udp, rx) ? FT_RX_CONTROL : FT_RX_DROP_CONTROL;
    return FT_RX_DROP_CONTROL;
}

static void take_frame(struct ft_stack *stack, int ifindex, const struct ft_frame *frame,
                       const struct stack_ahead *ahead)
{
    struct ft_env *env = &stack->env;
    struct ft_rx rx;
    struct ft_trace_event event = {.kind = FT_TRACE_RX, .sock = -1, .ifindex = ifindex};
    enum ft_verdict verdict = FT_RX_DROP_FRAME;
    env->counters.frames_in++;
    env->counters.octets_in += frame_octets(frame);
    switch (ft_net_input(stack->net, ifindex, frame, &rx, &verdict)) {
    case FT_NET_DONE:
        break;
    case FT_NET_TCP:
        rx.has_hash = ahead->known;
        rx.hash = ahead->hash;
        verdict = ft_tcp_input(&stack->tcp, &rx, &event.sock);
        break;
    case FT_NET_UDP:
        verdict = ft_udp_input(&stack->udp, &rx);
        break;
    case FT_NET_ERROR:
        verdict = take_error(stack, &rx);
        break;
    }
    ft_assert(verdict < FT_RX_N);
    env->counters.verdicts[verdict]++;
    event.verdict = (uint8_t)verdict;
    event.frame = frame;
    ft_env_trace(env, &event);
}

void ft_stack_input(struct ft_stack *stack, int ifindex, const struct ft_frame *frames, size_t n,
                    ft_time now)
{
    ft_stack_advance(stack, now);
    for (size_t at = 0; at < n; at += STACK_AHEAD) {
        struct stack_ahead ahead[STACK_AHEAD] = {{0}};
        size_t len = FT_MIN(n - at, (size_t)STACK_AHEAD);
        if (len > 1)
            ft_stack_look_ahead(stack, ifindex, frames + at, len, ahead);
        for (size_t i = 0; i < len; i++)
            take_frame(stack, ifindex, &frames[at + i], &ahead[i]);
    }
}
