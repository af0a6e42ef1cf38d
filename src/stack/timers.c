/* SPDX-License-Identifier: MIT */
/*
 * Time: every timer of the stack is in one wheel; this hands those that are due to their layer.
 */
#include "priv.h"

void ft_stack_advance(struct ft_stack *stack, ft_time now)
{
    struct ft_env *env = &stack->env;
    struct ft_timer *timer;
    if (now > env->now)
        env->now = now;
    while ((timer = ft_wheel_expire(&env->wheel, env->now))) {
        if (ft_timer_kind(timer) <= FT_TIMER_NET_LAST)
            ft_net_timer(stack->net, timer);
        else
            ft_tcp_timer(&stack->tcp, timer);
    }
}

ft_time ft_deadline(const struct ft_stack *stack)
{
    return ft_wheel_deadline(&stack->env.wheel);
}
