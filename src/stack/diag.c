/* SPDX-License-Identifier: MIT */
/*
 * Looking in: the socket table, the counters, the trace.
 */
#include <errno.h>

#include "priv.h"

/* The cursor of ft_sockets: descriptors first, then what the four-tuple table has besides. The
   table's own cursor is wider than what is left of 32 bits, so its walk is counted. */
#define CURSOR_TABLE 0x80000000u

static bool slot_info(const struct ft_stack *stack, enum ft_sock_kind kind, const void *obj,
                      struct ft_sock_info *ret)
{
    switch (kind) {
    case FT_KIND_TCB:
        ft_tcp_info(&stack->tcp, obj, ret);
        return true;
    case FT_KIND_LISTENER:
        ft_tcp_listener_info(&stack->tcp, obj, ret);
        return true;
    case FT_KIND_UDP:
        ft_udp_info(&stack->udp, obj, ret);
        return true;
    case FT_KIND_NONE:
    case FT_KIND_CLOSED:
        break;
    }
    return false;
}

static size_t list_slots(const struct ft_stack *stack, struct ft_sock_info *ret_infos, size_t n,
                         uint32_t *cursor)
{
    enum ft_sock_kind kind;
    void *obj;
    size_t done = 0;
    for (; done < n; (*cursor)++) {
        if (!ft_slot_at(&stack->slots, *cursor, &kind, &obj)) {
            *cursor = CURSOR_TABLE;
            break;
        }
        if (slot_info(stack, kind, obj, &ret_infos[done]))
            done++;
    }
    return done;
}

size_t ft_sockets(const struct ft_stack *stack, struct ft_sock_info *ret_infos, size_t n,
                  uint32_t *cursor)
{
    size_t done = 0;
    if (*cursor < CURSOR_TABLE)
        done = list_slots(stack, ret_infos, n, cursor);
    if (*cursor < CURSOR_TABLE)
        return done;
    uint64_t at = *cursor - CURSOR_TABLE;
    while (done < n) {
        const struct ft_conn *conn = ft_table_next(stack->tcp.table, &at);
        if (!conn) {
            *cursor = 0;
            return done;
        }
        if (ft_tcp_conn_info(&stack->tcp, conn, &ret_infos[done]))
            done++;
    }
    *cursor = CURSOR_TABLE + (uint32_t)at;
    return done;
}

int ft_sock_info(const struct ft_stack *stack, ft_sock sock, struct ft_sock_info *ret_info)
{
    enum ft_sock_kind kind;
    const void *obj = ft_slot_find(&stack->slots, sock, &kind);
    if (!obj || !slot_info(stack, kind, obj, ret_info))
        return -EBADF;
    return 0;
}

void ft_counters(const struct ft_stack *stack, struct ft_counters *ret_counters)
{
    *ret_counters = stack->env.counters;
    ret_counters->alloc_failed = stack->env.mem.n_failed;
    ret_counters->now_memory = stack->env.mem.used;
    ret_counters->now_sockets = stack->slots.n_used;
    ret_counters->now_connections = stack->tcp.tcbs.n_used;
    ret_counters->now_half_open = stack->tcp.embryos.n_used;
    ret_counters->now_time_wait = stack->tcp.n_time_wait;
    ret_counters->now_orphans = stack->tcp.n_orphans;
    ret_counters->now_unfinished = stack->tcp.n_unfinished;
}

void ft_set_trace(struct ft_stack *stack, const struct ft_trace_sink *sink)
{
    stack->env.trace = sink ? *sink : (struct ft_trace_sink){0};
}
