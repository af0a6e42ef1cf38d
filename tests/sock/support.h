/* SPDX-License-Identifier: MIT */
/*
 * What tests above the base share: an environment with a fixed seed over an allocator that can be
 * told to refuse.
 */
#ifndef TESTS_SOCK_SUPPORT_H
#define TESTS_SOCK_SUPPORT_H

#include <string.h>

#include "base/env.h"
#include "base/support.h"

struct test_env {
    struct ft_env env;
    struct test_heap heap;
};

/** Make an environment; @seed: another one gives other keys. */
static inline void test_env_init(struct test_env *t, uint8_t seed)
{
    memset(t, 0, sizeof(*t));
    t->env.mem = test_mem(&t->heap, UINT64_MAX);
    memset(t->env.config.seed, seed, sizeof(t->env.config.seed));
    t->env.config.port_min = 32768;
    t->env.config.port_max = 60999;
    t->env.config.n_shards = 1;
    t->env.config.ttl = 64;
    t->env.config.limits.sockets_max = 100000;
    t->env.config.limits.orphans_max = 1000;
    t->env.config.limits.frames_out_max = 1024;
    t->env.config.limits.groups_max = 64;
    t->env.config.limits.memberships_max = 20;
    t->env.config.limits.send_buffer = 212992;
    t->env.config.limits.send_buffer_max = 212992;
    t->env.config.limits.recv_buffer = 212992;
    t->env.config.limits.recv_buffer_max = 212992;
    ft_rng_init(&t->env.rng, t->env.config.seed);
    ft_wheel_init(&t->env.wheel, 0);
    ft_chunks_init(&t->env.chunks, &t->env.mem, UINT32_MAX, 8);
}

/** Free it; the caller asserts on heap.n_live afterwards. */
static inline void test_env_fini(struct test_env *t)
{
    ft_chunks_fini(&t->env.chunks);
}

#endif
