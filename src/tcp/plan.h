/* SPDX-License-Identifier: MIT */
/*
 * What a connection sends next: plan.c decides, output.c builds it.
 */
#ifndef TCP_PLAN_H
#define TCP_PLAN_H

#include "priv.h"

enum plan_kind {
    PLAN_NONE,
    PLAN_SYN,   /* SYN or SYN-ACK */
    PLAN_DATA,  /* octets, perhaps with FIN; or FIN alone */
    PLAN_ACK,   /* nothing but an ACK */
    PLAN_PROBE, /* an ACK with an old sequence number: window probe or keep-alive */
};

struct plan {
    enum plan_kind kind;
    ft_seq seq;
    uint32_t len; /* octets */
    bool fin;
    bool retrans;              /* has been sent before */
    bool probe;                /* a tail loss probe (RFC 8985 7.3) */
    bool mtu_probe;            /* larger than others: plpmtu.c */
    bool owed;                 /* the ACK that ft_ecn_owed() tells of */
    bool parted;               /* again in several records, the last of which is one segment */
    struct tcp_signer *signer; /* filled in for a connection with keys; else not looked at */
    struct tcp_sent *sent;     /* the record that is sent again; NULL: a bare FIN has none */
};

/* Octets that have not left before. */
static inline bool plan_is_fresh(const struct plan *plan)
{
    return plan->kind == PLAN_DATA && plan->len > 0 && !plan->retrans;
}

/* Whether the link is to make several segments of it. */
static inline bool plan_is_several(const struct ft_tcb *tcb, const struct plan *plan)
{
    return plan->len > tcb->snd_mss && !plan->mtu_probe;
}

/**
 * The next segment, by the windows, timers and debts of now (RFC 9293 3.7.4, 3.8.6). What cannot
 * leave yet has a timer that watches over it when this returns.
 *
 * @most: octets of payload that the frame has room for
 *
 * Return: whether there is one; *@plan is written in any case.
 */
bool ft_tcp_plan(struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t most, struct plan *plan);

#endif
