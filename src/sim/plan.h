/* SPDX-License-Identifier: MIT */
/*
 * What the files that draw a plan share: the purposes of random streams, so that a new decision in
 * one place changes no decision of another.
 */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#define TRUNK       255             /* the index of its random stream */
#define LIMIT_AFTER (1200 * FT_SEC) /* ten times the longest timeout (RFC 6298 2.5) */
#define PPB_PERCENT UINT32_C(10000000)

/* Purposes of random streams: a new one goes to the end. */
enum {
    DRAW_SHAPE = 1,
    DRAW_HOST,
    DRAW_CABLE, /* of each host, and of the bottleneck: TRUNK */
    DRAW_CONN,
    DRAW_FAULT,
    DRAW_LATE,
    DRAW_FORGERY,
    DRAW_STORM,
    DRAW_CONGESTION,
    DRAW_LAN,
    DRAW_ROUTER,
    DRAW_SCENARIO,
    DRAW_SHRINK,
    DRAW_CHANGE,
    DRAW_CRASH,
    DRAW_REPLAY,
    DRAW_REUSE,
    DRAW_IDLE,
};

#endif
