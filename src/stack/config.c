/* SPDX-License-Identifier: MIT */
/*
 * The configuration: its defaults and what makes one sensible.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "priv.h"

void ft_config_init(struct ft_config *config)
{
    *config = (struct ft_config){
        .size = sizeof *config,
        .profile = FT_PROFILE_LINUX,
        .ttl = 64,
        .congestion = "cubic",
        .n_shards = 1,
        .port_min = 32768, /* net.ipv4.ip_local_port_range */
        .port_max = 60999,
        .mtu_probing = FT_MTU_BLACK_HOLES,
        .ecn = FT_ECN_ACCEPT,
        .fastopen = FT_FASTOPEN_CLIENT,
        .tw_reuse = FT_TW_REUSE_LOOPBACK,
        .limits =
            {
                .memory_max = UINT64_C(8) << 30,
                .sockets_max = 1u << 24,
                .connections_max = 1u << 24,
                .half_open_max = 65536,
                .time_wait_max = 262144,
                .orphans_max = 65536,
                .neighbours_max = 1024,
                .neighbour_queue_max = 64,
                .routes_max = 256,
                .addrs_max = 16,
                .pmtu_max = 1024,
                .groups_max = 256,
                .memberships_max = 20,
                .reassembly_octets_max = 4u << 20,
                .reassembly_fragments_max = 128,
                .control_max = 1024,
                .frames_out_max = 256,
                .send_buffer = 2u << 20,
                .send_buffer_max = 4u << 20,
                .recv_buffer = 2u << 20,
                .recv_buffer_max = 6u << 20,
                .send_buffer_auto_max = 48u << 20, /* 1 Gbit/s at 100 ms, nearly twice */
                .recv_buffer_auto_max = 48u << 20,
                .min_send_mss = 48,
                .icmp_per_s = 1000,
                .challenge_acks_per_s = 10,
            },
    };
}

static bool limits_ok(const struct ft_limits *l)
{
    uint32_t least[] = {
        l->sockets_max,
        l->connections_max,
        l->half_open_max,
        l->time_wait_max,
        l->orphans_max,
        l->neighbours_max,
        l->routes_max,
        l->addrs_max,
        l->neighbour_queue_max,
        l->pmtu_max,
        l->groups_max,
        l->memberships_max,
        l->reassembly_octets_max,
        l->reassembly_fragments_max,
        l->control_max,
        l->frames_out_max,
        l->send_buffer,
        l->send_buffer_max,
        l->recv_buffer,
        l->recv_buffer_max,
        l->send_buffer_auto_max,
        l->recv_buffer_auto_max,
        l->icmp_per_s,
        l->challenge_acks_per_s,
    };
    for (size_t i = 0; i < FT_ARRAY_LEN(least); i++)
        if (least[i] == 0)
            return false;
    return l->memory_max > 0 && l->send_buffer_max <= FT_RING_MAX / 4 &&
           l->recv_buffer_max <= FT_RING_MAX / 4 && l->send_buffer_auto_max <= FT_RING_MAX / 2 &&
           l->recv_buffer_auto_max <= FT_RING_MAX / 2 && l->send_buffer <= FT_RING_MAX / 2 &&
           l->recv_buffer <= FT_RING_MAX / 2 && l->min_send_mss >= 48 && l->min_send_mss <= 1460;
}

bool ft_config_ok(const struct ft_config *config)
{
    static const uint8_t zero[sizeof config->seed];
    return config->size == sizeof *config && config->n_shards > 0 &&
           config->shard < config->n_shards && config->port_min > 0 &&
           config->port_min <= config->port_max && config->profile <= FT_PROFILE_RFC &&
           config->ttl > 0 && ft_tcp_knows_cc(config->congestion) && config->allocator.alloc &&
           config->allocator.free && memcmp(config->seed, zero, sizeof zero) != 0 &&
           config->mtu_probing <= FT_MTU_PROBE && config->ecn <= FT_ECN_ACCEPT_ACCURATE &&
           config->tw_reuse <= FT_TW_REUSE_LOOPBACK && limits_ok(&config->limits);
}
