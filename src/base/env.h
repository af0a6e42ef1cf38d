/* SPDX-License-Identifier: MIT */
/*
 * What every layer of one stack shares: the time, the configuration, memory, the timer wheel,
 * randomness, the counters and the trace. It stands where other programs have global variables.
 */
#ifndef BASE_ENV_H
#define BASE_ENV_H

#include <fourtuple/config.h>
#include <fourtuple/diag.h>

#include "base/budget.h"
#include "base/ring.h"
#include "base/rng.h"
#include "base/wheel.h"

/* What a timer is for. stack/timers.c switches on it: the kinds up to FT_TIMER_NET_LAST belong to
   net, the rest to tcp. */
enum ft_timer_kind {
    FT_TIMER_NEIGH = 1, /* a neighbour entry: solicit again, grow stale, be forgotten */
    FT_TIMER_ADDR,      /* an address: DAD, announcement, lifetimes */
    FT_TIMER_ROUTER,    /* router solicitation and router lifetimes of an interface */
    FT_TIMER_GROUP,     /* membership reports of an interface */
    FT_TIMER_FRAG,      /* reassembly */
    FT_TIMER_PMTU,      /* path MTU entries grow old */
    FT_TIMER_NET_LAST = FT_TIMER_PMTU,
    FT_TIMER_TCB,       /* a connection: the earliest of its deadlines */
    FT_TIMER_EMBRYO,    /* a half-open connection: SYN-ACK again, or give up */
    FT_TIMER_TIME_WAIT, /* the head of the TIME-WAIT queue */
    FT_TIMER_MISER,     /* more connections give way, for want of memory */
};

struct ft_env {
    ft_time now;                 /* the largest time ever given */
    struct ft_config config;     /* as checked by ft_stack_new */
    struct ft_mem mem;           /* every octet that the stack allocates */
    struct ft_wheel wheel;       /* every timer */
    struct ft_chunks chunks;     /* memory of the rings */
    struct ft_rng rng;           /* choices that the wire sees; never secrets */
    struct ft_counters counters; /* gauges in it are filled in when asked for */
    struct ft_trace_sink trace;  /* event is NULL when nobody listens */
};

/**
 * Tell the trace sink of an event, if there is one.
 *
 * @event: borrowed; at is filled in
 */
static inline void ft_env_trace(const struct ft_env *env, struct ft_trace_event *event)
{
    if (!env->trace.event)
        return;
    event->at = env->now;
    env->trace.event(env->trace.ctx, event);
}

#endif
