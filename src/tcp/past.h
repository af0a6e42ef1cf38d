/* SPDX-License-Identifier: MIT */
/*
 * What a connection that has carried more than a little remembers while it is idle, and the growth
 * of its buffers, which is measured there.
 */
#ifndef TCP_PAST_H
#define TCP_PAST_H

#include <stdbool.h>
#include <stdint.h>

#include <fourtuple/types.h>

#include "base/ranges.h"
#include "base/seq.h"

#include "cc.h"
#include "plpmtu.h"

struct ft_tcb;
struct ft_tcp;
struct tcp_in;

/* How much the user takes in a round trip, as the receiver measures it; autotune.c. Instants are
   microseconds modulo 2^32. */
struct tcp_drs {
    uint32_t rtt_us;   /* 0: not known yet */
    uint32_t tsecr;    /* the echo that was measured last */
    ft_seq edge;       /* without timestamps: octets up to here take a round trip at least ... */
    uint32_t edge_us;  /* ... from this instant on, ... */
    bool timing;       /* ... if this is set */
    ft_seq at;         /* where the user had read to when the present measure began */
    uint32_t since_us; /* when that was */
    uint32_t space;    /* the most that was read in a round trip; 0: no measure has begun */
};

#define AGAIN_MAX                                                                                  \
    3 /* D-SACKs untold besides the first; what comes twice beyond is acknowledged only */

/* What a connection that has carried more than a little remembers while it is idle. */
struct tcp_past {
    uint32_t cc_keep[CC_KEEP_WORDS]; /* of congestion control */
    ft_time pace_at;                 /* before this no octets leave, if there is a pacing rate */
    struct tcp_drs drs;
    struct ft_range again[AGAIN_MAX]; /* beside cold->again_lo, with TCB_AGAIN */
    uint8_t n_again;
    struct tcp_plpmtu plpmtu;
    uint32_t dsack_dups; /* segments that D-SACKs told of */
    uint32_t reord_seen; /* ACKs that told of reordering */
};

/* ---- tcb.c ----------------------------------------------------------------------------------- */

/** What a connection remembers while it is idle, made if it is not there. Return: NULL: no memory.
 */
struct tcp_past *ft_tcb_past(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Forget it. */
void ft_tcb_drop_past(struct ft_tcp *tcp, struct ft_tcb *tcb);

/* ---- autotune.c ------------------------------------------------------------------------------ */

/** Octets have arrived in order: measure the round trip from the receiver's side. */
void ft_tune_arrived(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_in *in);

/** The user has read: the receive buffer may grow. Before a window update is thought of. */
void ft_tune_read(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** cwnd may have grown: the send buffer follows. */
void ft_tune_send(struct ft_tcp *tcp, struct ft_tcb *tcb);

#endif
