/* SPDX-License-Identifier: MIT */
/*
 * What export.c and import.c share: which mark of a TCB stands for which of an image, and what the
 * state of a connection says of its FINs.
 */
#ifndef TCP_HANDOVER_H
#define TCP_HANDOVER_H

#include "priv.h"
#include "wire/image.h"

/* X(flag of the TCB, flag of the image) */
#define HANDOVER_FLAGS(X)                                                                          \
    X(TCB_ACTIVE, IMAGE_ACTIVE)                                                                    \
    X(TCB_RCV_SHUT, IMAGE_RCV_SHUT)                                                                \
    X(TCB_TS, IMAGE_TS)                                                                            \
    X(TCB_SACK, IMAGE_SACK)                                                                        \
    X(TCB_URG_OUT, IMAGE_URG_OUT)                                                                  \
    X(TCB_URG_IN, IMAGE_URG_IN)                                                                    \
    X(TCB_RECOVERY, IMAGE_RECOVERY)                                                                \
    X(TCB_LOSS, IMAGE_LOSS)                                                                        \
    X(TCB_MORE, IMAGE_MORE)                                                                        \
    X(TCB_CONN_TOLD, IMAGE_CONN_TOLD)

/* Options that are numbers, named alike in struct tcp_opts and struct image. */
#define HANDOVER_OPTS(X)                                                                           \
    X(snd_buf)                                                                                     \
    X(rcv_buf)                                                                                     \
    X(user_timeout_ms)                                                                             \
    X(notsent_lowat)                                                                               \
    X(window_clamp)                                                                                \
    X(max_pacing_rate)                                                                             \
    X(rcv_lowat)                                                                                   \
    X(keep_idle_s)                                                                                 \
    X(keep_intvl_s)                                                                                \
    X(keep_cnt)                                                                                    \
    X(user_mss)                                                                                    \
    X(defer_accept_s)                                                                              \
    X(linger2_s)                                                                                   \
    X(syn_retries)                                                                                 \
    X(ttl)                                                                                         \
    X(tos)                                                                                         \
    X(priority)

/* Our FIN is queued, and perhaps sent. */
static inline bool handover_fin_queued(enum ft_tcp_state state)
{
    return state == FT_TCP_FIN_WAIT_1 || state == FT_TCP_FIN_WAIT_2 || state == FT_TCP_CLOSING ||
           state == FT_TCP_LAST_ACK;
}

/* The peer's FIN has been taken. */
static inline bool handover_fin_received(enum ft_tcp_state state)
{
    return state == FT_TCP_CLOSE_WAIT || state == FT_TCP_CLOSING || state == FT_TCP_LAST_ACK;
}

/* X(field of struct tcp_ecn, field of the image), of accurate ECN only. */
#define HANDOVER_ECN(X)                                                                            \
    X(field, ecn_field)                                                                            \
    X(r_cep, ecn_r_cep)                                                                            \
    X(s_cep, ecn_s_cep)                                                                            \
    X(r_octets[0], ecn_r_octets0)                                                                  \
    X(r_octets[1], ecn_r_octets1)                                                                  \
    X(r_octets[2], ecn_r_octets2)                                                                  \
    X(s_octets[0], ecn_s_octets0)                                                                  \
    X(s_octets[1], ecn_s_octets1)                                                                  \
    X(s_octets[2], ecn_s_octets2)                                                                  \
    X(ts_last, ecn_ts_last)                                                                        \
    X(segs_at, ecn_segs_at)                                                                        \
    X(round_all, ecn_round_all)                                                                    \
    X(round_marked, ecn_round_marked)                                                              \
    X(round_end.v, ecn_round_end)                                                                  \
    X(acked_avg, ecn_acked_avg)                                                                    \
    X(rounds, ecn_rounds)                                                                          \
    X(n_marks, ecn_n_marks)

/* ---- handover_keys.c --------------------------------------------------------------------------*/

/** Octets that the keys take in an image. Return: 0; -EOPNOTSUPP: there are too many. */
int ft_handover_keys_len(const struct ft_tcb *tcb, size_t *ret_len);

/** Write them there. */
void ft_handover_put_keys(const struct ft_tcb *tcb, uint8_t *buf);

/** Give a connection its keys; its four-tuple and its initial numbers are set. @len: may be 0.
    Return: 0; -EINVAL; -ENOENT: the algorithm is not known; -EOPNOTSUPP: no primitives; -ENOBUFS.
 */
int ft_handover_take_keys(struct ft_tcp *tcp, struct ft_tcb *tcb, const uint8_t *buf, size_t len);

#endif
