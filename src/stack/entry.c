/* SPDX-License-Identifier: MIT */
/*
 * The public calls about interfaces, addresses, routes, frames and time: each is done, and if a
 * recording is under way, told to it before and after. entry_sock.c has the socket calls.
 */
#include "priv.h"
#include "stack/record.h"

/* An answer that is no more than a number. */
static int told(struct ft_record *record, int ret)
{
    ft_record_ret(record, ret, 0);
    return ret;
}

/* ---- interfaces, addresses, routes -------------------------------------------------------------
 */

int ft_if_add(struct ft_stack *stack, const struct ft_if_config *config)
{
    uint8_t data[sizeof config->name + sizeof config->mac];
    if (!stack->record)
        return ft_net_if_add(stack->net, config);
    memcpy(data, config->name, sizeof config->name);
    memcpy(data + sizeof config->name, config->mac, sizeof config->mac);
    RECORD_CALL(stack->record, RECORD_IF_ADD, data, sizeof data, config->size, config->type,
                config->mtu, config->headroom, config->gso_max, config->flags,
                (uint64_t)config->ifindex);
    return told(stack->record, ft_net_if_add(stack->net, config));
}

int ft_if_set_mtu(struct ft_stack *stack, int ifindex, uint32_t mtu)
{
    if (!stack->record)
        return ft_net_if_set_mtu(stack->net, ifindex, mtu);
    RECORD_CALL(stack->record, RECORD_IF_SET_MTU, NULL, 0, (uint64_t)ifindex, mtu);
    return told(stack->record, ft_net_if_set_mtu(stack->net, ifindex, mtu));
}

int ft_addr_add(struct ft_stack *stack, int ifindex, const struct ft_addr *addr,
                unsigned prefix_len, unsigned flags)
{
    if (!stack->record)
        return ft_net_addr_add(stack->net, ifindex, addr, prefix_len, flags);
    RECORD_CALL(stack->record, RECORD_ADDR_ADD, NULL, 0, (uint64_t)ifindex, addr->hi, addr->lo,
                prefix_len, flags);
    return told(stack->record, ft_net_addr_add(stack->net, ifindex, addr, prefix_len, flags));
}

int ft_addr_del(struct ft_stack *stack, int ifindex, const struct ft_addr *addr)
{
    if (!stack->record)
        return ft_net_addr_del(stack->net, ifindex, addr);
    RECORD_CALL(stack->record, RECORD_ADDR_DEL, NULL, 0, (uint64_t)ifindex, addr->hi, addr->lo);
    return told(stack->record, ft_net_addr_del(stack->net, ifindex, addr));
}

static void record_route(struct ft_record *record, enum record_type type,
                         const struct ft_route_config *config)
{
    RECORD_CALL(record, type, NULL, 0, config->size, config->prefix.hi, config->prefix.lo,
                config->prefix_len, config->gateway.hi, config->gateway.lo,
                (uint64_t)config->ifindex, config->metric);
}

int ft_route_add(struct ft_stack *stack, const struct ft_route_config *config)
{
    if (!stack->record)
        return ft_net_route_add(stack->net, config);
    record_route(stack->record, RECORD_ROUTE_ADD, config);
    return told(stack->record, ft_net_route_add(stack->net, config));
}

int ft_route_del(struct ft_stack *stack, const struct ft_route_config *config)
{
    if (!stack->record)
        return ft_net_route_del(stack->net, config);
    record_route(stack->record, RECORD_ROUTE_DEL, config);
    return told(stack->record, ft_net_route_del(stack->net, config));
}

/* ---- time and frames ---------------------------------------------------------------------------
 */

void ft_advance(struct ft_stack *stack, ft_time now)
{
    if (stack->record)
        RECORD_CALL(stack->record, RECORD_ADVANCE, NULL, 0, now);
    ft_stack_advance(stack, now);
    if (stack->record)
        ft_record_ret(stack->record, 0, 0);
}

void ft_input(struct ft_stack *stack, int ifindex, const struct ft_frame *frames, size_t n,
              ft_time now)
{
    if (stack->record) {
        RECORD_CALL(stack->record, RECORD_INPUT, NULL, 0, (uint64_t)ifindex, n, now);
        ft_record_frames(stack->record, frames, n);
    }
    ft_stack_input(stack, ifindex, frames, n, now);
    if (stack->record)
        ft_record_ret(stack->record, 0, 0);
}

/* The frames of @frames that are like the first one in what the caller sets. */
static size_t run_of(const struct ft_frame *frames, size_t n)
{
    size_t len = 1;
    while (len < n && frames[len].cap == frames[0].cap &&
           ((frames[len].flags ^ frames[0].flags) & FT_FRAME_LINEAR) == 0)
        len++;
    return len;
}

static void record_output(struct ft_record *record, int ifindex, const struct ft_frame *frames,
                          size_t n, ft_time now)
{
    const uint64_t args[] = {(uint64_t)ifindex, n, now};
    size_t n_runs = 0, at, len;
    for (at = 0; at < n; at += run_of(frames + at, n - at))
        n_runs++;
    ft_record_begin(record, RECORD_OUTPUT, args, FT_ARRAY_LEN(args), n_runs * 24);
    for (at = 0; at < n; at += len) {
        len = run_of(frames + at, n - at);
        ft_record_put64(record, len);
        ft_record_put64(record, frames[at].cap);
        ft_record_put64(record, frames[at].flags & FT_FRAME_LINEAR);
    }
    ft_record_end(record, true);
}

static void record_written(struct ft_stack *stack, int ifindex, const struct ft_frame *frames,
                           size_t n)
{
    const uint64_t args[] = {n, 0};
    uint32_t headroom = ft_net_headroom(stack->net, ifindex);
    ft_record_begin(stack->record, RECORD_RET, args, FT_ARRAY_LEN(args), n * 16);
    for (size_t i = 0; i < n; i++) {
        ft_record_put64(stack->record, record_frame_len(&frames[i]));
        ft_record_put64(stack->record, record_hash_frame(&frames[i], headroom));
    }
    ft_record_end(stack->record, false);
}

size_t ft_output(struct ft_stack *stack, int ifindex, struct ft_frame *frames, size_t n,
                 ft_time now)
{
    if (!stack->record)
        return ft_stack_output(stack, ifindex, frames, n, now);
    record_output(stack->record, ifindex, frames, n, now);
    size_t done = ft_stack_output(stack, ifindex, frames, n, now);
    record_written(stack, ifindex, frames, done);
    return done;
}

void ft_output_done(struct ft_stack *stack, int ifindex, const struct ft_frame *frames, size_t n,
                    size_t n_sent)
{
    struct ft_record *record = stack->record;
    if (record) {
        const uint64_t args[] = {(uint64_t)ifindex, n, n_sent};
        ft_record_begin(record, RECORD_OUTPUT_DONE, args, FT_ARRAY_LEN(args), n * 8);
        for (size_t i = 0; i < n; i++)
            ft_record_put64(record, frames[i].cookie);
        ft_record_end(record, true);
    }
    ft_stack_output_done(stack, ifindex, frames, n, n_sent);
    if (record)
        ft_record_ret(record, 0, 0);
}
