/* SPDX-License-Identifier: MIT */
/*
 * The TCP header with its options, to and from struct ft_tcp_seg, which is what the rest of the
 * stack calls a segment. It knows no state: which option counts when, scaling, clamping and ports
 * of zero are the affair of tcp/ and stack/. RFC 9293 3.1, 3.2; RFC 7323; RFC 2018; RFC 7413; the
 * places of signatures (RFC 2385 3.0, RFC 5925 2.2), which others compute and compare.
 */
#ifndef WIRE_TCP_H
#define WIRE_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fourtuple/types.h>

#include "base/seq.h"

#define TCP_HDR_LEN        20
#define TCP_HDR_LEN_MAX    60
#define TCP_CSUM_AT        16
#define TCP_SACKS_MAX      4
#define TCP_COOKIE_LEN_MAX 16
#define TCP_ACCECN_FIELDS  3
#define TCP_MD5_LEN        16 /* octets of a signature (RFC 2385 3.0) */
#define TCP_MAC_LEN_MAX    16 /* more does not fit beside a SYN's other options (RFC 5925 2.2) */
#define TCP_SIG_AT         24 /* where tcp_emit() leaves room for a signature, octets from the start */

/* Option kinds of signatures. */
enum tcp_sig {
    TCP_SIG_NONE = 0,
    TCP_SIG_MD5 = 19, /* RFC 2385 */
    TCP_SIG_AO = 29,  /* RFC 5925 */
};

/* Control bits of `flags` (RFC 9293 3.1; AE: RFC 9768). */
enum seg_flag {
    SEG_FIN = 1,
    SEG_SYN = 2,
    SEG_RST = 4,
    SEG_PSH = 8,
    SEG_ACK = 16,
    SEG_URG = 32,
    SEG_ECE = 64,
    SEG_CWR = 128,
    SEG_AE = 256,
};

/* A SACK block: octets lo to hi - 1 (RFC 2018 3). Not checked: lo may be above hi. */
struct ft_sack {
    ft_seq lo;
    ft_seq hi;
};

struct ft_tcp_seg {
    ft_seq seq;        /* SEG.SEQ */
    ft_seq ack;        /* SEG.ACK, means something only with SEG_ACK */
    uint32_t len;      /* octets of payload, SYN and FIN not counted */
    uint32_t wnd;      /* SEG.WND as on the wire: 16 bits, unsigned (MUST-1), not scaled */
    uint16_t src_port; /* may be 0, which the caller must refuse */
    uint16_t dst_port; /* may be 0, which the caller must refuse */
    uint16_t urg;      /* SEG.UP, means something only with SEG_URG */
    uint16_t flags;    /* enum seg_flag */
    uint8_t hdr_len;   /* octets of header and options, 20 to 60; set by tcp_parse */

    bool has_mss;
    bool has_wscale;
    bool sack_ok; /* SACK-permitted */
    bool has_ts;
    bool has_tfo;     /* Fast Open; with tfo_len 0 it asks for a cookie */
    bool tfo_exp;     /* it has, or is to have, the experimental form (RFC 7413 appendix A) */
    uint8_t accecn;   /* AccECN option (RFC 9768 3.2.3): 0: none; 1, 2: one more than its order */
    uint8_t n_accecn; /* its fields, 0 to 3 */
    bool bad_options; /* an option was malformed: what came before it counts; set by tcp_parse */
    uint8_t wscale;   /* as on the wire, 0 to 255 */
    uint8_t n_sack;
    uint8_t tfo_len; /* 0, or 4 to 16 and even */
    uint16_t mss;    /* as on the wire, 0 to 65535 */
    uint32_t tsval;
    uint32_t tsecr;
    uint8_t n_sig;    /* signatures; tcp_parse: more than 1, or a malformed one, is UINT8_MAX */
    uint8_t sig;      /* enum tcp_sig, with n_sig 1; it comes first of the options sent */
    uint8_t sig_len;  /* octets of the MAC: 16, or 0 to 36 (sent: at most TCP_MAC_LEN_MAX) */
    uint8_t sig_at;   /* where it lies, octets from the start; set by tcp_parse */
    uint8_t key_id;   /* TCP-AO: KeyID */
    uint8_t rnext_id; /* TCP-AO: RNextKeyID */
    struct ft_sack sack[TCP_SACKS_MAX];       /* the first n_sack are written */
    uint8_t tfo[TCP_COOKIE_LEN_MAX];          /* the first tfo_len are written */
    uint32_t accecn_field[TCP_ACCECN_FIELDS]; /* 24 bits each, as the option has them */
};

/**
 * Read a TCP header with its options (RFC 9293 3.1).
 *
 * @buf: what follows the IP header; the TCP header must lie in one piece
 * @len: octets of the IP payload
 * @ret: result, where len is @len less the header; of sack[] and tfo[] only what is there is
 *       written
 *
 * Malformed options are never an error (RFC 9293 MUST-7 asks for robustness): a length below 2 or
 * past the header ends the walk, a known kind of a wrong length is ignored; both set bad_options.
 * The checksum is not looked at: csum_l4_good().
 *
 * Return: 0; -EINVAL: fewer than 20 octets, or a data offset below 5 or past @len.
 */
int tcp_parse(const uint8_t *buf, size_t len, struct ft_tcp_seg *ret);

/**
 * The length of the header that tcp_emit() would write.
 *
 * @seg: the segment
 *
 * Return: 20 to 60, a multiple of 4. SACK blocks and a Fast Open cookie that no longer fit into
 * 40 octets of options are not counted.
 */
size_t tcp_hdr_len(const struct ft_tcp_seg *seg);

/** Octets of an AccECN option of so many fields with its padding. */
size_t tcp_accecn_len(unsigned n_fields);

/**
 * How many SACK blocks fit beside the other options.
 *
 * @seg: the segment; n_sack is how many one would like
 *
 * Return: how many of n_sack tcp_emit() writes.
 */
uint8_t tcp_sacks_fit(const struct ft_tcp_seg *seg);

/**
 * Write a TCP header with its options in Linux's order and padding, its checksum field and the room
 * for a signature (at TCP_SIG_AT) zero.
 *
 * @buf: where
 * @cap: octets of room
 * @seg: what to write; every option that is set, also those that only a SYN should have
 *
 * Return: octets written, as tcp_hdr_len() says; 0 if @cap is smaller.
 * The caller sums pseudo header, header and payload and stores csum_finish() at TCP_CSUM_AT.
 */
size_t tcp_emit(uint8_t *buf, size_t cap, const struct ft_tcp_seg *seg);

#endif
