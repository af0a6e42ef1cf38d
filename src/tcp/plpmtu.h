/* SPDX-License-Identifier: MIT */
/*
 * Finding the MTU of a path without ICMP (RFC 4821, RFC 8899 5.3), as output, recovery and timers
 * see it. A size is a whole packet, octets of IP.
 */
#ifndef TCP_PLPMTU_H
#define TCP_PLPMTU_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"

struct ft_path;
struct ft_tcb;
struct ft_tcp;
struct tcp_sent;

#define PLPMTU_WAIT UINT32_MAX

/* The search of a connection, in what it remembers while it is idle. */
struct tcp_plpmtu {
    uint16_t low;   /* passes, as far as is known; 0: there is no search */
    uint16_t high;  /* above it nothing does; search_high of RFC 4821 7.2 */
    uint16_t most;  /* what the interface, ICMP and the peer's MSS allow */
    uint16_t size;  /* of the probe that is in flight; 0: none */
    uint8_t tries;  /* probes of the present size that were lost (PROBE_COUNT of RFC 8899 5.1.3) */
    bool try_high;  /* @high is to be probed first: whether it fails is only suspected */
    ft_seq lo, hi;  /* octets of the probe */
    uint32_t ended; /* when the search ended, seconds of the stack's time; 0: it has not */
};

/** The size of segments for a path: sets snd_mss anew if it is another than before. */
void ft_plpmtu_apply(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_path *path);

/**
 * Whether the next segment is to be a probe (RFC 4821 7.4): there is a size to be probed, nothing
 * to be repaired, and so much to send behind it that its loss would show.
 *
 * @rest: octets queued that have not left
 * @wnd:  what the peer's window allows of them
 * @room: what the congestion window does
 *
 * Return: octets of payload; 0: no probe; PLPMTU_WAIT: send nothing new, there will be room for it.
 */
uint32_t ft_plpmtu_payload(const struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t rest,
                           uint32_t wnd, uint32_t room);

/** A probe has left and has its record. */
void ft_plpmtu_sent(struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq seq, uint32_t len);

/** Octets from snd_max on have not left after all. */
void ft_plpmtu_unsent(struct ft_tcb *tcb);

/** snd_una has moved: the probe may have arrived. */
void ft_plpmtu_acked(struct ft_tcp *tcp, struct ft_tcb *tcb);

/**
 * A record has been taken for lost.
 *
 * Return: it is the probe, whose loss tells nothing of congestion (RFC 4821 7.5).
 */
bool ft_plpmtu_lost(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_sent *sent);

/** Octets leave again: if they are the probe's, its end tells nothing. */
void ft_plpmtu_again(struct ft_tcb *tcb, ft_seq seq, uint32_t len);

/** The retransmission timer has fired, before anything is taken for lost (RFC 4821 7.7). */
void ft_plpmtu_timeout(struct ft_tcb *tcb);

/** It has fired several times in a row: perhaps the path is a black hole. retries is up to date. */
void ft_plpmtu_suspect(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** ICMP has told of a smaller MTU (RFC 4821 7.3). Return: something in flight is too big for it. */
bool ft_plpmtu_told(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_path *path);

#endif
