/* SPDX-License-Identifier: MIT */
/*
 * What of a configuration may change while the stack lives: what Linux has sysctls for. It holds
 * for what comes: sockets that are made, handshakes that begin. Include it yourself.
 */
#ifndef FOURTUPLE_TUNE_H
#define FOURTUPLE_TUNE_H

#include <fourtuple/config.h>
#include <fourtuple/types.h>

FT_BEGIN_DECLS

/* As the fields of these names in struct ft_config and its limits. */
struct ft_tuning {
    uint32_t send_buffer, send_buffer_auto_max;
    uint32_t recv_buffer, recv_buffer_auto_max;
    uint32_t min_send_mss;
    uint16_t fastopen;      /* enum ft_fastopen */
    uint16_t tcp_without;   /* enum ft_tcp_without */
    uint8_t ecn;            /* enum ft_ecn */
    uint8_t mtu_probing;    /* enum ft_mtu_probing */
    uint8_t min_frame_segs; /* as net.ipv4.tcp_min_tso_segs */
    uint8_t tw_reuse;       /* enum ft_tw_reuse */
    char congestion[FT_CC_MAX];
};

/**
 * What a stack has at present.
 *
 * @stack:      unchanged
 * @ret_tuning: the caller's; all of it is written. Change some of it and give it to ft_tune()
 */
FT_PUBLIC void ft_tuning(const struct ft_stack *stack, struct ft_tuning *ret_tuning);

/**
 * Change it. Connections that there are keep what they have agreed on with their peer.
 *
 * @tuning: all of it, as ft_tuning() gave it but for what is to be another; borrowed
 *
 * Return: 0; -EINVAL: not sensible, or the congestion control is unknown; nothing has changed then.
 */
FT_PUBLIC int ft_tune(struct ft_stack *stack, const struct ft_tuning *tuning);

FT_END_DECLS

#endif
