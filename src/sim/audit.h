/* SPDX-License-Identifier: MIT */
/*
 * The wire auditor: a third party that sees each frame at its sender's end, before the network
 * touches it, and again where it arrives. It knows TCP from its RFCs and nothing of the stack's
 * insides. The first rule that is broken becomes its sentence.
 */
#ifndef SIM_AUDIT_H
#define SIM_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fourtuple/auth.h>
#include <fourtuple/types.h>

#include "sim/sight.h"

#define SIM_AUDIT_HOSTS_MAX 32
#define SIM_AUDIT_ADDRS_MAX 8

/* What the auditor knows of a host before the first frame. */
struct sim_audit_host {
    uint8_t mac[6];
    uint32_t mtu;                              /* octets of IP in a frame */
    bool exact_echo;                           /* ECE tells of the last segment (RFC 8257 3.2) */
    struct ft_addr addrs[SIM_AUDIT_ADDRS_MAX]; /* that it may send from */
    uint32_t n_addrs;
};

/* A frame and where it is seen. */
struct sim_audit_frame {
    uint32_t host;         /* that sends it, or at which it arrives */
    const uint8_t *octets; /* borrowed for the call */
    size_t len;
    ft_time at;
    bool refused; /* built, but the link did not take it: it will never arrive */
};

struct sim_audit;

/**
 * Make an auditor of @n_hosts hosts.
 *
 * @hosts: copied
 *
 * Return: the auditor, to be freed by ft_sim_audit_free(); NULL: no memory.
 */
struct sim_audit *ft_sim_audit_new(const struct sim_audit_host *hosts, uint32_t n_hosts);

/**
 * Expect ACKs in time from now on (RFC 9293 MUST-58): only where nothing is lost or cut, so that no
 * neighbour can become unreachable.
 */
void ft_sim_audit_hurry(struct sim_audit *audit);

/**
 * Say that hosts may use SYN cookies: an ACK that comes again then makes a second connection of the
 * same name out of nothing, whose peer knows nothing of it (RFC 4987 3.6). Passive ends may speak
 * after a reset.
 */
void ft_sim_audit_cookies(struct sim_audit *audit);

/**
 * Learn that a host has lost all its connections and says nothing for a while. Then it knows
 * nothing of them any more: it resets what still comes, and begins anew.
 */
void ft_sim_audit_crashed(struct sim_audit *audit, uint32_t host);

/**
 * Say that a connection goes along when its host is replaced: the next ft_sim_audit_crashed()
 * leaves it as it is.
 */
void ft_sim_audit_keep(struct sim_audit *audit, const struct ft_addr *src, uint16_t src_port,
                       const struct ft_addr *dst, uint16_t dst_port);

/**
 * Tell how long the end of a connection at @src had sent nothing when it sent its first reset; 0:
 * it has sent none. Who gives up on a peer has asked it until then.
 */
ft_time ft_sim_audit_silence(const struct sim_audit *audit, const struct ft_addr *src,
                             uint16_t src_port, const struct ft_addr *dst, uint16_t dst_port);

/**
 * Learn that a host has another card.
 */
void ft_sim_audit_moved(struct sim_audit *audit, uint32_t host, const uint8_t mac[6]);

/* Makes a name out of what a NAT has made of it. */
typedef void sim_audit_name(const void *ctx, struct ft_addr *addr, uint16_t *port);

/**
 * Say that names change on the way: the auditor takes each for the one that @name makes of it.
 */
void ft_sim_audit_translate(struct sim_audit *audit, sim_audit_name *name, const void *ctx);

enum sim_key_kind {
    SIM_KEY_NONE,
    SIM_KEY_MD5, /* RFC 2385 */
    SIM_KEY_AO,  /* RFC 5925, with HMAC-SHA-1-96 (RFC 5926) */
};

/* What the segments of one direction are signed by. */
struct sim_audit_key {
    uint8_t kind;             /* enum sim_key_kind */
    uint8_t key_id, rnext_id; /* TCP-AO: as its segments name them */
    bool bare;                /* TCP-AO: other options are not covered */
    uint8_t len;
    uint8_t octets[FT_TCP_AO_KEY_MAX];
};

/* Says by which key a segment must be signed; kind SIM_KEY_NONE: it must not be. */
typedef void sim_audit_key_of(const void *ctx, const struct sight *s, struct sim_audit_key *ret);

/**
 * Say that some connections are signed: the auditor verifies each of their segments by itself. What
 * reaches an end without the right signature it takes for nothing at all.
 */
void ft_sim_audit_sign(struct sim_audit *audit, sim_audit_key_of *key_of, const void *ctx);

/**
 * Free an auditor; NULL is allowed.
 */
void ft_sim_audit_free(struct sim_audit *audit);

/**
 * Judge a frame that a host sends.
 *
 * @ret_sight: what was seen, for the caller's own notes
 *
 * Return: NULL, or the sentence of the rule that it breaks; valid until the auditor is freed.
 */
const char *ft_sim_audit_sent(struct sim_audit *audit, const struct sim_audit_frame *frame,
                              struct sight *ret_sight);

/**
 * Learn that a frame has reached a host, however damaged.
 *
 * @ret_sight: what was seen
 *
 * Return: NULL, or what is wrong with the frame, which the network may have done.
 */
const char *ft_sim_audit_arrived(struct sim_audit *audit, const struct sim_audit_frame *frame,
                                 struct sight *ret_sight);

/* A connection as one of its ends knows it: what an attacker would give much to know. */
struct sim_audit_view {
    struct ft_addr src, dst; /* of a segment that the end gets */
    uint16_t src_port, dst_port;
    uint32_t rcv_nxt;  /* what has reached the end without a gap, announced or not */
    uint32_t rcv_edge; /* that the end has announced */
    uint32_t snd_una, snd_nxt;
    bool has_ts;
    uint32_t tsval; /* the other's last */
};

/**
 * Look at an established connection from the end that @view->dst and dst_port name.
 *
 * @view: src, dst and ports in; the rest out
 *
 * Return: whether there is such a connection, and both ends live.
 */
bool ft_sim_audit_view(const struct sim_audit *audit, struct sim_audit_view *view);

/**
 * Learn that a forged segment has reached a host: it may answer, and believes nothing of it.
 *
 * Return: NULL, or what is wrong with the frame, which would be the forger's fault.
 */
const char *ft_sim_audit_forged(struct sim_audit *audit, const struct sim_audit_frame *frame);

#endif
