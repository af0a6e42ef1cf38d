/* SPDX-License-Identifier: MIT */
/*
 * A connection in octets, as ft_export() writes it and ft_import() reads it. This file knows how
 * the octets look, not what they mean: tcp/export.c and tcp/import.c do. Big-endian; no RFC.
 *
 *     magic[8] version[4] len[4] field... check[8]
 *     field    tag[2] len[4] value[len]
 *
 * len counts all octets, check is over all before it: it finds accidents, not forgeries. Each field
 * says how long it is, so one that is not known is passed over, if its tag has IMAGE_OPTIONAL. All
 * fields of IMAGE_FIELDS must be there, once.
 */
#ifndef WIRE_IMAGE_H
#define WIRE_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#define IMAGE_MAGIC     "FT-CONN\n"
#define IMAGE_MAGIC_LEN 8
#define IMAGE_VERSION   2
#define IMAGE_HEAD      16
#define IMAGE_CHECK     8
#define IMAGE_OPTIONAL  0x8000u /* a tag that who does not know it may ignore */
#define IMAGE_RUNS_MAX  256     /* runs of one kind */
#define IMAGE_NAME_MAX  16      /* octets of a name, its end among them */

/* Numbers. X(tag, name, octets on the wire). Sequence numbers as they are; _ms, _s, _us are spans
   of time up to the export. */
#define IMAGE_FIELDS(X)                                                                            \
    X(1, state, 1)    /* enum ft_tcp_state */                                                      \
    X(2, flags, 4)    /* enum image_flag */                                                        \
    X(3, local_hi, 8) /* the four-tuple */                                                         \
    X(4, local_lo, 8)                                                                              \
    X(5, remote_hi, 8)                                                                             \
    X(6, remote_lo, 8)                                                                             \
    X(7, local_port, 2)                                                                            \
    X(8, remote_port, 2)                                                                           \
    X(10, iss, 4) /* send space */                                                                 \
    X(11, snd_una, 4)                                                                              \
    X(12, snd_max, 4)                                                                              \
    X(13, snd_wl1, 4)                                                                              \
    X(14, snd_wl2, 4)                                                                              \
    X(15, snd_up, 4)                                                                               \
    X(16, recover, 4)                                                                              \
    X(17, snd_wnd, 4)                                                                              \
    X(18, snd_wnd_max, 4)                                                                          \
    X(19, cwnd, 4)                                                                                 \
    X(20, ssthresh, 4)                                                                             \
    X(21, peer_mss, 2)                                                                             \
    X(22, snd_wscale, 1)                                                                           \
    X(23, rcv_wscale, 1)                                                                           \
    X(24, retries, 1)                                                                              \
    X(25, probes, 1)                                                                               \
    X(26, prr_delivered, 4) /* RFC 9937 */                                                         \
    X(27, prr_out, 4)                                                                              \
    X(28, recover_fs, 4)                                                                           \
    X(29, owed_ms, 4) /* since the peer acknowledged something, or owes */                         \
    X(40, irs, 4)     /* receive space */                                                          \
    X(41, rcv_nxt, 4)                                                                              \
    X(42, rcv_adv, 4)                                                                              \
    X(43, rcv_up, 4)                                                                               \
    X(44, rcv_fin, 4)                                                                              \
    X(45, last_ack_sent, 4)                                                                        \
    X(46, ts_recent, 4)                                                                            \
    X(47, ts_recent_s, 4) /* its age */                                                            \
    X(48, rcv_mss, 2)                                                                              \
    X(49, quick_acks, 1)                                                                           \
    X(50, silent_ms, 4)      /* since the peer was heard */                                        \
    X(51, data_silent_ms, 4) /* since octets came in order */                                      \
    X(52, ato_ms, 1)         /* how long an ACK may wait */                                        \
    X(53, delack, 1)         /* enum delack_flag */                                                \
    X(60, tsval, 4)          /* of a segment that left at the export (RFC 7323) */                 \
    X(61, srtt_us, 4)        /* RFC 6298 */                                                        \
    X(62, rttvar_us, 4)                                                                            \
    X(63, min_rtt_us, 4)                                                                           \
    X(64, min_rtt_s, 4) /* its age */                                                              \
    X(65, flow_label, 4)                                                                           \
    X(66, error, 2) /* SO_ERROR */                                                                 \
    X(67, soft_error, 2)                                                                           \
    X(70, octets_acked, 8) /* counts for TCP_INFO */                                               \
    X(71, octets_received, 8)                                                                      \
    X(72, octets_retrans, 8)                                                                       \
    X(73, segs_in, 4)                                                                              \
    X(74, segs_out, 4)                                                                             \
    X(75, segs_retrans, 4)                                                                         \
    X(76, copies, 4) /* MSG_ZEROCOPY */                                                            \
    X(77, copies_told, 4)                                                                          \
    X(78, delivered, 4)                                                                            \
    X(79, total_rto, 2)                                                                            \
    X(80, ahead_in, 2)                                                                             \
    X(81, data_in, 4)                                                                              \
    X(82, data_out, 4)                                                                             \
    X(83, busy_ms, 4)                                                                              \
    X(84, window_ms, 4)                                                                            \
    X(85, buffer_ms, 4)                                                                            \
    X(86, rto_ms, 4)                                                                               \
    X(87, rto_episodes, 2)                                                                         \
    X(90, opt_flags, 4) /* options of the socket; enum tcp_opt_flag */                             \
    X(91, snd_buf, 4)                                                                              \
    X(92, rcv_buf, 4)                                                                              \
    X(93, user_timeout_ms, 4)                                                                      \
    X(94, notsent_lowat, 4)                                                                        \
    X(95, window_clamp, 4)                                                                         \
    X(96, max_pacing_rate, 4)                                                                      \
    X(97, linger_s, 4)                                                                             \
    X(98, rcv_lowat, 4)                                                                            \
    X(99, keep_idle_s, 2)                                                                          \
    X(100, keep_intvl_s, 2)                                                                        \
    X(101, keep_cnt, 1)                                                                            \
    X(102, user_mss, 2)                                                                            \
    X(103, defer_accept_s, 2)                                                                      \
    X(104, syn_retries, 1)                                                                         \
    X(105, ttl, 1)                                                                                 \
    X(106, tos, 1)                                                                                 \
    X(107, priority, 1)                                                                            \
    X(108, linger2_s, 2)   /* two's complement */                                                  \
    X(120, ecn_mode, 1)    /* 0: not agreed on, 1: RFC 3168, 2: RFC 9768 */                        \
    X(121, ecn_flags, 4)   /* enum tcp_ecn_flag */                                                 \
    X(122, ecn_reduced, 4) /* a sequence number */                                                 \
    X(123, ecn_ce_in, 4)                                                                           \
    X(124, ecn_delivered_ce, 4)                                                                    \
    X(125, ecn_field, 1) /* RFC 9768 */                                                            \
    X(126, ecn_r_cep, 4) /* its counters, of packets ... */                                        \
    X(127, ecn_s_cep, 4)                                                                           \
    X(128, ecn_r_octets0, 4) /* ... and of octets, by enum ecn_octets */                           \
    X(129, ecn_r_octets1, 4)                                                                       \
    X(130, ecn_r_octets2, 4)                                                                       \
    X(131, ecn_s_octets0, 4)                                                                       \
    X(132, ecn_s_octets1, 4)                                                                       \
    X(133, ecn_s_octets2, 4)                                                                       \
    X(134, ecn_ts_last, 4)                                                                         \
    X(135, ecn_segs_at, 4)                                                                         \
    X(136, ecn_round_all, 4)                                                                       \
    X(137, ecn_round_marked, 4)                                                                    \
    X(138, ecn_round_end, 4) /* a sequence number */                                               \
    X(139, ecn_acked_avg, 2)                                                                       \
    X(140, ecn_rounds, 1)                                                                          \
    X(141, ecn_n_marks, 1)

/* Others: X(tag, name). Octets and names as they are; runs are pairs of 4 octets each, where one
   begins and where it ends, counted from snd_una or rcv_nxt. */
#define IMAGE_BLOBS(X)                                                                             \
    X(200, congestion) /* the name of the congestion control */                                    \
    X(201, scope)      /* of the interface of a link-local address; empty: none */                 \
    X(202, device)     /* of SO_BINDTODEVICE; empty: none */                                       \
    X(203, sacked)     /* runs that are sent and that the peer holds */                            \
    X(204, lost)       /* runs that are sent and taken for lost */                                 \
    X(205, held)       /* runs received beyond a gap */                                            \
    X(206, snd)        /* octets from snd_una on */                                                \
    X(207, rcv)        /* octets that the user has not read, then those of the held runs */        \
    X(208, kept)       /* of congestion control: words of 4 octets, of its own; empty: none */     \
    X(209, keys)       /* that sign, in the clear: tcp/handover_keys.c; empty: none */

enum image_flag {
    IMAGE_ACTIVE = 1 << 0,    /* of an active open */
    IMAGE_RCV_SHUT = 1 << 1,  /* the user reads no more */
    IMAGE_TS = 1 << 2,        /* timestamps were agreed on */
    IMAGE_SACK = 1 << 3,      /* SACK was */
    IMAGE_URG_OUT = 1 << 4,   /* snd_up counts */
    IMAGE_URG_IN = 1 << 5,    /* rcv_up counts */
    IMAGE_RECOVERY = 1 << 6,  /* fast recovery, up to recover */
    IMAGE_LOSS = 1 << 7,      /* after a timeout, up to recover */
    IMAGE_MORE = 1 << 8,      /* the last send said MSG_MORE */
    IMAGE_CONN_TOLD = 1 << 9, /* connect() has answered */
    IMAGE_FIN_SEEN = 1 << 10, /* rcv_fin counts */
    IMAGE_SYN_DATA = 1 << 11, /* octets of a SYN were acknowledged */
    IMAGE_FLAGS = (1 << 12) - 1,
};

/* Octets within the whole. */
struct image_blob {
    size_t at;
    size_t len;
};

struct image {
#define X(tag, name, octets) uint64_t name;
    IMAGE_FIELDS(X)
#undef X
#define X(tag, name) struct image_blob name;
    IMAGE_BLOBS(X)
#undef X
};

enum image_error {
    IMAGE_OK,
    IMAGE_DAMAGED,     /* no image, or not as it was written */
    IMAGE_NEW_VERSION, /* another version, or a field that must be known and is not */
};

/** Octets that an image takes. @image: len of each blob counts */
size_t ft_image_size(const struct image *image);

/**
 * Write an image, but for its blobs and its check.
 *
 * @image:   numbers, and len of each blob; at of each is written: where its octets go
 * @ret_buf: ft_image_size() octets; the caller fills the blobs, then calls ft_image_seal()
 */
void ft_image_emit(struct image *image, uint8_t *ret_buf);

/** Write the check behind all that was written. @len: as ft_image_size() said */
void ft_image_seal(uint8_t *buf, size_t len);

/**
 * Read an image; what the numbers may be is for the caller to know.
 *
 * @ret_image: blobs lie within @buf
 */
enum image_error ft_image_parse(const uint8_t *buf, size_t len, struct image *ret_image);

#endif
