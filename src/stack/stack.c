/* SPDX-License-Identifier: MIT */
/*
 * The life of a stack, and what it tells about addresses.
 */
#include <errno.h>

#include <fourtuple/record.h>

#include "priv.h"

/* Spare chunks kept for the next ring that needs one. */
#define CHUNKS_SPARE 64

/* So often ft_stack_check_changes() looks at everything. */
#define CHECK_ALL    64

static int init_layers(struct ft_stack *stack)
{
    struct ft_env *env = &stack->env;
    uint32_t n_outs = env->config.limits.frames_out_max;
    ft_slots_init(&stack->slots, env);
    stack->net = ft_net_new(env);
    stack->names = ft_names_new(env);
    stack->outs = ft_mem_alloc(&env->mem, n_outs * sizeof *stack->outs);
    if (!stack->net || !stack->names || !stack->outs)
        return -ENOMEM;
    for (uint32_t i = 0; i < n_outs; i++)
        stack->outs[i].next_free = i + 1 < n_outs ? i + 1 : UINT32_MAX;
    int err = ft_tcp_init(&stack->tcp, env, stack->net, &stack->slots, stack->names);
    if (err)
        return err;
    return ft_udp_init(&stack->udp, env, stack->net, &stack->slots, stack->names);
}

int ft_stack_new(const struct ft_config *config, struct ft_stack **ret_stack)
{
    uint8_t rng_seed[32];
    if (!config || !ret_stack || !ft_config_ok(config))
        return -EINVAL;
    struct ft_stack *stack = config->allocator.alloc(config->allocator.ctx, sizeof *stack);
    if (!stack)
        return -ENOMEM;
    *stack = (struct ft_stack){0};
    struct ft_env *env = &stack->env;
    env->config = *config;
    env->mem.alloc = config->allocator.alloc;
    env->mem.free = config->allocator.free;
    env->mem.ctx = config->allocator.ctx;
    env->mem.max = config->limits.memory_max;
    ft_derive(config->seed, "choices", rng_seed, sizeof rng_seed);
    ft_rng_init(&env->rng, rng_seed);
    ft_wheel_init(&env->wheel, 0);
    uint64_t chunks = config->limits.memory_max / FT_CHUNK_SMALL;
    ft_chunks_init(&env->chunks, &env->mem, (uint32_t)FT_MIN(chunks, (uint64_t)UINT32_MAX),
                   CHUNKS_SPARE);
    int err = init_layers(stack);
    if (err) {
        ft_stack_free(stack);
        return err;
    }
    *ret_stack = stack;
    return 0;
}

static void free_outs(struct ft_stack *stack)
{
    struct ft_env *env = &stack->env;
    uint32_t n_outs = env->config.limits.frames_out_max;
    for (uint32_t i = 0; stack->outs && i < n_outs; i++) {
        struct stack_out *out = &stack->outs[i];
        for (uint8_t k = 0; out->kind == OUT_TCP && k < out->n_chunks; k++)
            ft_chunk_put(&env->chunks, out->chunks[k]);
        if (out->kind == OUT_UDP)
            ft_udp_done(&stack->udp, &out->udp, true);
    }
    ft_mem_free(&env->mem, stack->outs, n_outs * sizeof *stack->outs);
}

void ft_stack_free(struct ft_stack *stack)
{
    if (!stack)
        return;
    struct ft_allocator allocator = stack->env.config.allocator;
    (void)ft_record_stop(stack); /* there may be none; who wants to know its end has ended it */
    if (stack->outs)
        free_outs(stack);
    if (stack->udp.env)
        ft_udp_fini(&stack->udp);
    if (stack->tcp.env)
        ft_tcp_fini(&stack->tcp);
    ft_slots_fini(&stack->slots);
    ft_names_free(stack->names);
    ft_net_free(stack->net);
    ft_chunks_fini(&stack->env.chunks);
    ft_assert(stack->env.mem.used == 0);
    allocator.free(allocator.ctx, stack, sizeof *stack);
}

/* What counts no changes is small, or has to be gone through to see them. */
static void check_uncounted(const struct ft_stack *stack)
{
    enum ft_sock_kind kind;
    void *obj;
    ft_net_check(stack->net);
    for (uint32_t i = 0, n = stack->slots.n_used;
         n > 0 && ft_slot_next(&stack->slots, &i, &kind, &obj); i++, n--)
        if (kind == FT_KIND_UDP)
            ft_udp_check(&stack->udp, obj);
    ft_assert(stack->n_outs <= stack->env.config.limits.frames_out_max);
}

void ft_stack_check(const struct ft_stack *stack)
{
    ft_wheel_check(&stack->env.wheel);
    ft_slots_check(&stack->slots);
    ft_names_check(stack->names);
    ft_tcp_check(&stack->tcp);
    check_uncounted(stack);
}

void ft_stack_check_changes(struct ft_stack *stack)
{
    if (++stack->n_checks % CHECK_ALL == 0) {
        ft_stack_check(stack);
        return;
    }
    ft_wheel_check_timers(&stack->env.wheel);
    ft_slots_check_changes(&stack->slots);
    ft_names_check_changes(stack->names);
    ft_tcp_check_changes(&stack->tcp);
    check_uncounted(stack);
}

int ft_addr_state(const struct ft_stack *stack, int ifindex, const struct ft_addr *addr)
{
    return ft_net_addr_state(stack->net, ifindex, addr);
}

int ft_addrs(const struct ft_stack *stack, int ifindex, struct ft_addr_info *ret_addrs, size_t n)
{
    return ft_net_addrs(stack->net, ifindex, ret_addrs, n);
}

int ft_routes(const struct ft_stack *stack, struct ft_route_config *ret_routes, size_t n)
{
    return ft_net_routes(stack->net, ret_routes, n);
}
