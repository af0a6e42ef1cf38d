/* SPDX-License-Identifier: MIT */
/*
 * The path of a packet that goes out: a link asks, and control packets, then the ready flows in
 * deficit round robin, write into its frames. Memory that a frame's spans borrow is held by
 * reference until the frame comes back.
 */
#include "priv.h"

/* What a flow may send before the next one has its turn: a GSO frame, or 10 segments and more. */
#define QUANTUM 65536

static struct stack_out *out_get(struct ft_stack *stack)
{
    uint32_t index = stack->outs_free;
    if (index == UINT32_MAX)
        return NULL;
    struct stack_out *out = &stack->outs[index];
    stack->outs_free = out->next_free;
    stack->n_outs++;
    out->n_chunks = 0;
    return out;
}

static void out_put(struct ft_stack *stack, struct stack_out *out)
{
    ft_assert(out->kind != OUT_FREE || stack->n_outs > 0);
    out->kind = OUT_FREE;
    out->next_free = stack->outs_free;
    stack->outs_free = (uint32_t)(out - stack->outs);
    stack->n_outs--;
}

static void frame_reset(struct ft_frame *frame, ft_time now)
{
    frame->flags &= FT_FRAME_LINEAR;
    frame->len = 0;
    frame->n_spans = 0;
    frame->csum_start = frame->csum_offset = 0;
    frame->gso_type = FT_GSO_NONE;
    frame->gso_size = 0;
    frame->n_segs = 1;
    frame->at = now;
}

static uint32_t frame_len(const struct ft_frame *frame)
{
    size_t len = frame->len;
    for (unsigned i = 0; i < frame->n_spans; i++)
        len += frame->spans[i].len;
    return (uint32_t)len;
}

/* The frame is written: it leaves with the mark by which it is known again. */
static void leave(struct ft_stack *stack, int ifindex, struct ft_frame *frame,
                  const struct stack_out *out, ft_sock sock)
{
    frame->cookie = (uint64_t)(out - stack->outs);
    struct ft_trace_event event = {
        .kind = FT_TRACE_TX, .ifindex = ifindex, .frame = frame, .sock = sock};
    stack->env.counters.frames_out++;
    stack->env.counters.octets_out += frame_len(frame);
    ft_env_trace(&stack->env, &event);
}

static size_t output_control(struct ft_stack *stack, int ifindex, struct ft_frame *frames, size_t n)
{
    size_t done = 0;
    for (; done < n; done++) {
        struct ft_frame *frame = &frames[done];
        frame_reset(frame, stack->env.now);
        struct stack_out *out = out_get(stack);
        if (!out)
            break;
        if (!ft_ctl_output(stack->net, ifindex, frame)) {
            out_put(stack, out);
            break;
        }
        out->kind = OUT_CONTROL;
        leave(stack, ifindex, frame, out, -1);
    }
    return done;
}

static ft_sock traced_sock(const struct ft_stack *stack, uint32_t slot)
{
    return stack->env.trace.event ? ft_slot_sock(&stack->slots, slot) : -1;
}

/* One frame of a flow. The flow may be gone when the answer is false. */
static bool output_flow(struct ft_stack *stack, int ifindex, struct ft_flow *flow,
                        struct ft_frame *frame, struct stack_out *out)
{
    ft_sock sock = -1;
    bool sent;
    frame_reset(frame, stack->env.now);
    if (flow->kind == FT_FLOW_TCP) {
        struct ft_tcb *tcb = ft_tcp_of_flow(flow);
        sock = traced_sock(stack, ft_tcp_slot(tcb));
        sent = ft_tcp_output(&stack->tcp, flow, frame, &out->tcp, out->chunks);
        out->n_chunks = frame->n_spans;
        out->kind = OUT_TCP;
    } else {
        struct ft_udp_sock *udp = ft_container_of(flow, struct ft_udp_sock, flow);
        sock = traced_sock(stack, udp->slot);
        sent = ft_udp_output(&stack->udp, udp, ifindex, frame, &out->udp);
        out->kind = OUT_UDP;
    }
    if (sent)
        leave(stack, ifindex, frame, out, sock);
    return sent;
}

static size_t output_flows(struct ft_stack *stack, int ifindex, struct ft_frame *frames, size_t n)
{
    size_t done = 0;
    struct ft_flow *flow;
    while (done < n && (flow = ft_flow_next(stack->net, ifindex))) {
        if (flow->deficit <= 0)
            flow->deficit += QUANTUM;
        for (;;) {
            struct stack_out *out = done < n ? out_get(stack) : NULL;
            if (!out || flow->deficit <= 0) {
                if (out)
                    out_put(stack, out);
                ft_flow_ready(stack->net, flow, ifindex); /* its next turn */
                break;
            }
            if (!output_flow(stack, ifindex, flow, &frames[done], out)) {
                out_put(stack, out);
                break;
            }
            flow->deficit -= (int32_t)frame_len(&frames[done]);
            done++;
        }
        if (stack->outs_free == UINT32_MAX)
            break;
    }
    return done;
}

size_t ft_stack_output(struct ft_stack *stack, int ifindex, struct ft_frame *frames, size_t n,
                       ft_time now)
{
    ft_stack_advance(stack, now);
    if (n == 0 || !ft_net_pending(stack->net, ifindex))
        return 0;
    /* Control first, at most a quarter; what flows leave is control's again. */
    size_t done = output_control(stack, ifindex, frames, (n + 3) / 4);
    done += output_flows(stack, ifindex, frames + done, n - done);
    if (done < n)
        done += output_control(stack, ifindex, frames + done, n - done);
    return done;
}

static void unsent(struct ft_stack *stack, const struct stack_out *out)
{
    stack->env.counters.frames_unsent++;
    switch (out->kind) {
    case OUT_TCP:
        ft_tcp_unsent(&stack->tcp, &out->tcp);
        break;
    case OUT_CONTROL:
        stack->env.counters.control_dropped++;
        break;
    case OUT_UDP:
    case OUT_FREE:
        break;
    }
}

void ft_stack_output_done(struct ft_stack *stack, int ifindex, const struct ft_frame *frames,
                          size_t n, size_t n_sent)
{
    (void)ifindex; /* the cookie says what a frame is, on whichever interface */
    /* The newest first, so that a connection takes back from its end. */
    for (size_t i = n; i-- > 0;) {
        ft_assert(frames[i].cookie < stack->env.config.limits.frames_out_max);
        struct stack_out *out = &stack->outs[frames[i].cookie];
        ft_assert(out->kind != OUT_FREE);
        if (i >= n_sent)
            unsent(stack, out);
        if (out->kind == OUT_UDP)
            ft_udp_done(&stack->udp, &out->udp, i < n_sent);
        for (uint8_t k = 0; out->kind == OUT_TCP && k < out->n_chunks; k++)
            ft_chunk_put(&stack->env.chunks, out->chunks[k]);
        out_put(stack, out);
    }
}

bool ft_output_pending(const struct ft_stack *stack, int ifindex)
{
    return ft_net_pending(stack->net, ifindex);
}
