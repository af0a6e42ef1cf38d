/* SPDX-License-Identifier: MIT */
/*
 * What a third party sees in a frame: a parser of the simulator's own. It shares no code with the
 * stack that it helps to judge, and it is stricter than any receiver may be.
 */
#ifndef SIM_SIGHT_H
#define SIM_SIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fourtuple/types.h>

enum {
    SIGHT_FIN = 0x01,
    SIGHT_SYN = 0x02,
    SIGHT_RST = 0x04,
    SIGHT_PSH = 0x08,
    SIGHT_ACK = 0x10,
    SIGHT_URG = 0x20,
    SIGHT_ECE = 0x40,
    SIGHT_CWR = 0x80,
};

enum { SIGHT_MD5 = 19, SIGHT_AO = 29 }; /* kinds of options that sign a segment */

/* The TCP part of a frame; host order throughout. */
struct sight_tcp {
    uint32_t seq, ack;
    uint16_t wnd, urgent;
    uint8_t flags;   /* SIGHT_* */
    bool ae;         /* the flag before them (RFC 9768) */
    uint8_t opt_len; /* octets of options, padding among them */
    uint8_t n_sack;  /* blocks in sack */
    uint8_t ws;      /* window scale, with has_ws */
    bool has_mss, has_ws, has_ts, sack_ok, has_accecn;
    uint16_t mss;
    uint32_t tsval, tsecr;
    uint32_t sack[4][2];
    uint8_t sig_kind;         /* the option that signs: SIGHT_MD5, SIGHT_AO; 0: none */
    uint8_t sig_at, sig_len;  /* octets of the signature in the header */
    uint8_t key_id, rnext_id; /* with SIGHT_AO */
    const uint8_t *header;    /* into the frame: with its options */
    const uint8_t *data;      /* into the frame */
    uint32_t len;             /* octets of data */
};

static inline bool sim_addr_eq(const struct ft_addr *a, const struct ft_addr *b)
{
    return a->hi == b->hi && a->lo == b->lo;
}

/* An ICMP error and the beginning of the TCP segment that it quotes. */
struct sight_icmp {
    bool is_error; /* the rest is set */
    bool too_big;
    uint32_t mtu; /* with too_big */
    struct ft_addr src, dst;
    uint16_t src_port, dst_port;
    uint32_t seq;
};

struct sight {
    uint8_t dst_mac[6], src_mac[6];
    uint16_t ethertype;
    uint8_t version;  /* 4 or 6; 0: no IP */
    uint8_t protocol; /* of the innermost header seen */
    uint8_t ttl;
    uint8_t ecn;      /* the ECN field (RFC 3168 5) */
    bool is_fragment; /* nothing after the IP headers was looked at */
    bool is_tcp, is_udp;
    bool is_bare; /* UDP without a checksum, which one over IPv4 may take (RFC 768) */
    struct ft_addr src, dst;
    uint32_t ip_len; /* octets of the IP packet */
    uint16_t src_port, dst_port;
    uint16_t nat_port; /* that stood in place of a port that the auditor knows; 0: none did */
    struct sight_tcp tcp;
    struct sight_icmp icmp; /* of an error that quotes a TCP segment */
};

/**
 * Look at a frame.
 *
 * @ret: written as far as the frame could be understood; points into @frame
 * @frame, @len: an Ethernet frame without its check sequence
 *
 * Return: NULL, or a sentence about the first thing that is wrong with it.
 */
const char *ft_sim_sight(struct sight *ret, const uint8_t *frame, size_t len);

/** The sequence space that a segment takes: its octets, SYN and FIN. */
static inline uint32_t sight_seq_len(const struct sight_tcp *tcp)
{
    return tcp->len + ((tcp->flags & SIGHT_SYN) ? 1U : 0U) + ((tcp->flags & SIGHT_FIN) ? 1U : 0U);
}

#endif
