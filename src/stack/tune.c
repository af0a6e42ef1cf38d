/* SPDX-License-Identifier: MIT */
/*
 * Changing a configuration in a living stack; a recorded call, so that replay holds.
 */
#include <errno.h>
#include <string.h>

#include <fourtuple/tune.h>

#include "priv.h"
#include "stack/record.h"

void ft_tuning(const struct ft_stack *stack, struct ft_tuning *ret_tuning)
{
    const struct ft_config *config = &stack->env.config;
    *ret_tuning = (struct ft_tuning){
        .send_buffer = config->limits.send_buffer,
        .send_buffer_auto_max = config->limits.send_buffer_auto_max,
        .recv_buffer = config->limits.recv_buffer,
        .recv_buffer_auto_max = config->limits.recv_buffer_auto_max,
        .min_send_mss = config->limits.min_send_mss,
        .fastopen = config->fastopen,
        .tcp_without = config->tcp_without,
        .ecn = config->ecn,
        .mtu_probing = config->mtu_probing,
        .min_frame_segs = config->min_frame_segs,
        .tw_reuse = config->tw_reuse,
    };
    memcpy(ret_tuning->congestion, config->congestion, sizeof config->congestion);
}

static int tune(struct ft_stack *stack, const struct ft_tuning *tuning)
{
    struct ft_config config = stack->env.config;
    config.limits.send_buffer = tuning->send_buffer;
    config.limits.send_buffer_auto_max = tuning->send_buffer_auto_max;
    config.limits.recv_buffer = tuning->recv_buffer;
    config.limits.recv_buffer_auto_max = tuning->recv_buffer_auto_max;
    config.limits.min_send_mss = tuning->min_send_mss;
    config.fastopen = tuning->fastopen;
    config.tcp_without = tuning->tcp_without;
    config.ecn = tuning->ecn;
    config.mtu_probing = tuning->mtu_probing;
    config.min_frame_segs = tuning->min_frame_segs;
    config.tw_reuse = tuning->tw_reuse;
    memcpy(config.congestion, tuning->congestion, sizeof config.congestion);
    if (!ft_config_ok(&config))
        return -EINVAL;
    stack->env.config = config;
    ft_tcp_tuned(&stack->tcp);
    return 0;
}

int ft_tune(struct ft_stack *stack, const struct ft_tuning *tuning)
{
    if (!stack->record)
        return tune(stack, tuning);
    RECORD_CALL(stack->record, RECORD_TUNE, tuning->congestion, sizeof tuning->congestion,
                tuning->send_buffer, tuning->send_buffer_auto_max, tuning->recv_buffer,
                tuning->recv_buffer_auto_max, tuning->min_send_mss, tuning->fastopen,
                tuning->tcp_without, tuning->ecn, tuning->mtu_probing, tuning->min_frame_segs,
                tuning->tw_reuse);
    int ret = tune(stack, tuning);
    ft_record_ret(stack->record, ret, 0);
    return ret;
}
