/* SPDX-License-Identifier: MIT */
/*
 * A stack: where the layers meet. Packets come in by rx.c, go out by tx.c, time passes by timers.c,
 * the user calls by socket.c; nothing below knows of any of these.
 */
#ifndef STACK_STACK_H
#define STACK_STACK_H

#include <fourtuple/config.h>
#include <fourtuple/diag.h>
#include <fourtuple/handover.h>
#include <fourtuple/iface.h>
#include <fourtuple/socket.h>

#include "base/env.h"
#include "net/net.h"
#include "sock/sock.h"
#include "tcp/tcp.h"
#include "udp/udp.h"

enum out_kind { OUT_FREE, OUT_CONTROL, OUT_TCP, OUT_UDP };

/* A frame between ft_output and ft_output_done. */
struct stack_out {
    enum out_kind kind;
    uint32_t next_free; /* index of the next free one, while free */
    uint8_t n_chunks;
    struct ft_chunk *chunks[FT_SPANS_MAX]; /* a reference each: what the spans point into */
    union {
        struct ft_tcp_sent tcp;
        struct ft_udp_sent udp;
    };
};

struct ft_stack {
    struct ft_env env;
    struct ft_net *net;
    struct ft_slots slots;
    struct ft_names *names;
    struct ft_tcp tcp;
    struct ft_udp udp;
    struct stack_out *outs;   /* config.limits.frames_out_max of them */
    uint32_t outs_free;       /* index of the first free one; UINT32_MAX: none */
    uint32_t n_outs;          /* in use */
    uint32_t n_checks;        /* by ft_stack_check_changes() */
    struct ft_record *record; /* NULL: nothing is recorded */
};

/** Let timers fire up to a time (timers.c). @now: not before the stack's time. */
void ft_stack_advance(struct ft_stack *stack, ft_time now);

#endif
