/* SPDX-License-Identifier: MIT */
/*
 * Frames of TCP made by hand, for the auditor to judge: an exchange between hosts 0 and 1.
 */
#ifndef TESTS_SIM_AUDIT_WIRE_H
#define TESTS_SIM_AUDIT_WIRE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/audit.h"

#define ISN_A 1000U
#define ISN_B 0xfffffff0U /* wraps soon */
#define FIN   SIGHT_FIN
#define SYN   SIGHT_SYN
#define RST   SIGHT_RST
#define ACK   SIGHT_ACK

struct ladder {
    struct sim_audit *audit;
    ft_time now;
    struct sight sight;
};

/* A segment as a test writes it. */
struct seg {
    uint32_t seq, ack, len;
    uint16_t wnd, mss;
    uint8_t flags, fill, ws;
    int ts; /* 0: none */
    uint32_t tsecr;
    uint32_t sack_lo, sack_hi;
    int broken;        /* octet of the frame to change; 0: none */
    int extra;         /* octets after the packet */
    uint8_t from_host; /* its link address is another's */
    uint8_t ecn;       /* the ECN field as it leaves; and as it arrives, marked or not: */
    bool marked;
    bool ae;        /* the flag AE */
    bool from_none; /* from 0.0.0.0 */
};

struct wire {
    uint8_t octets[2048];
    size_t len;
};

/** Store in network order. */
void audit_put16(uint8_t *p, uint32_t v);

/** Store in network order. */
void audit_put32(uint8_t *p, uint32_t v);

/** The checksum of octets, begun with @start. */
uint16_t audit_sum(const uint8_t *p, size_t len, uint32_t start);

/** Write the frame of a segment of host @from. */
void audit_build(struct wire *w, int from, const struct seg *g);

/** Let the auditor see a segment of host @from where it is sent, and if @arrives where it arrives,
    too. Return: what it says of it where it is sent. */
const char *audit_judge(struct ladder *t, int from, struct seg g, bool arrives);

/** Let the auditor see a segment arrive that left long ago, or that somebody on the path sends
 * again. */
void audit_comes_late(struct ladder *t, int from, struct seg g);

#define late(t, from, ...) audit_comes_late((t), from, (struct seg){__VA_ARGS__})
#define good(t, from, ...) assert_null(audit_judge((t), from, (struct seg){__VA_ARGS__}, true))
#define lost(t, from, ...) assert_null(audit_judge((t), from, (struct seg){__VA_ARGS__}, false))
#define bad(t, from, word, ...)                                                                    \
    do {                                                                                           \
        const char *wrong_ = audit_judge((t), from, (struct seg){__VA_ARGS__}, true);              \
        assert_non_null(wrong_);                                                                   \
        if (strstr(wrong_, word) == NULL)                                                          \
            fail_msg("the sentence is: %s", wrong_);                                               \
    } while (0)

/** An auditor of two hosts. */
int audit_begin(void **state);

/** Its end. */
int audit_end_test(void **state);

/** Host 0 opens a connection to host 1. */
void audit_handshake(struct ladder *t);

/** The same with timestamps. */
void audit_handshake_ts(struct ladder *t);

#define A1 (ISN_A + 1)
#define B1 (ISN_B + 1)

#endif
