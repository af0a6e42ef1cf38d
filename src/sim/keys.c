/* SPDX-License-Identifier: MIT */
/*
 * Signed conversations (RFC 2385, RFC 5925): which of a plan are, by which key each pair of hosts
 * signs, and how sockets and the auditor are told. Keys belong to a pair, as the options have it;
 * so passive sockets of ports of their own have one for each client, as a BGP speaker for each of
 * its neighbours. Names that a NAT changes cannot be signed (RFC 5925 9.2).
 */
#include <errno.h>
#include <string.h>

#include "priv.h"

#define HMAC_SHA1 "hmac(sha1)"

void ft_sim_plan_keys(struct sim_plan *plan, uint64_t seed)
{
    struct sim_rand rand;

    sim_rand_init(&rand, seed, DRAW_KEYS, 0);
    if (!sim_rand_chance(&rand, ft_sim_plan_migrates(plan) ? 30 : 8))
        return;
    for (uint32_t i = 0; i < plan->n_conns; i++) {
        struct sim_conn_plan *conn = &plan->conn[i];

        if (sim_rand_chance(&rand, 60) && conn->bound == 0)
            ft_sim_sign(conn, sim_rand_chance(&rand, 50) ? SIM_KEY_MD5 : SIM_KEY_AO);
    }
}

void ft_sim_sign(struct sim_conn_plan *conn, uint8_t kind)
{
    if (conn->kind != SIM_STREAM && conn->kind != SIM_SIMULTANEOUS)
        return;
    conn->key_kind = kind;
    if (conn->kind == SIM_STREAM)
        conn->port = kind == SIM_KEY_NONE ? 80 : kind == SIM_KEY_MD5 ? SIM_PORT_MD5 : SIM_PORT_AO;
}

bool ft_sim_plan_signs(const struct sim_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_conns; i++) {
        if (plan->conn[i].key_kind != SIM_KEY_NONE && !plan->conn[i].absent)
            return true;
    }
    return false;
}

bool ft_sim_plan_signs_at(const struct sim_plan *plan, uint32_t server, uint16_t port)
{
    for (uint32_t i = 0; i < plan->n_conns; i++) {
        const struct sim_conn_plan *conn = &plan->conn[i];

        if (conn->key_kind != SIM_KEY_NONE && conn->port == port && conn->host[1] == server &&
            !conn->absent)
            return true;
    }
    return false;
}

void ft_sim_key(const struct sim_world *world, const struct sim_pair *pair,
                struct sim_audit_key *ret)
{
    uint32_t low = pair->own < pair->peer ? pair->own : pair->peer;
    uint32_t high = pair->own < pair->peer ? pair->peer : pair->own;
    uint8_t ids[2];
    struct sim_rand rand;

    sim_rand_init(&rand, world->options.seed, DRAW_KEYS,
                  1U + pair->kind + 4 * (low * SIM_HOSTS_MAX + high));
    memset(ret, 0, sizeof(*ret));
    ret->kind = pair->kind;
    ret->bare = sim_rand_chance(&rand, 20);
    ret->len = (uint8_t)sim_rand_range(&rand, 1, FT_TCP_AO_KEY_MAX);
    for (uint32_t i = 0; i < ret->len; i++)
        ret->octets[i] = (uint8_t)(sim_rand_next(&rand) >> 56);
    ids[0] = (uint8_t)sim_rand_next(&rand);
    ids[1] = (uint8_t)sim_rand_next(&rand);
    ret->key_id = ids[pair->own == low ? 0 : 1];
    ret->rnext_id = ids[pair->own == low ? 1 : 0];
}

static int set_md5(struct ft_stack *stack, ft_sock sock, const struct sockaddr_storage *peer,
                   const struct sim_audit_key *key)
{
    struct ft_tcp_md5sig option = {.addr = *peer, .key_len = key->len};

    memcpy(option.key, key->octets, key->len);
    return ft_setsockopt(stack, sock, IPPROTO_TCP, FT_TCP_MD5SIG, &option, sizeof(option));
}

static int set_ao(struct ft_stack *stack, ft_sock sock, const struct sockaddr_storage *peer,
                  const struct sim_audit_key *key)
{
    struct ft_tcp_ao_add option = {.addr = *peer,
                                   .alg_name = HMAC_SHA1,
                                   .prefix = peer->ss_family == AF_INET ? 32 : 128,
                                   .sndid = key->key_id,
                                   .rcvid = key->rnext_id,
                                   .keyflags = key->bare ? FT_TCP_AO_KEYF_EXCLUDE_OPT : 0,
                                   .keylen = key->len};

    memcpy(option.key, key->octets, key->len);
    return ft_setsockopt(stack, sock, IPPROTO_TCP, FT_TCP_AO_ADD_KEY, &option, sizeof(option));
}

int ft_sim_set_key(struct sim_world *world, ft_sock sock, const struct sim_pair *pair)
{
    struct ft_stack *stack = world->host[pair->own].stack;
    struct sim_audit_key key;
    struct sockaddr_storage peer;
    int error;

    (void)ft_sim_name(&world->host[pair->peer], pair->family, 0, &peer);
    ft_sim_key(world, pair, &key);
    error = pair->kind == SIM_KEY_MD5 ? set_md5(stack, sock, &peer, &key)
                                      : set_ao(stack, sock, &peer, &key);
    return error == -ENOMEM ? -ENOBUFS : error;
}

int ft_sim_set_keys(struct sim_world *world, const struct sim_listener *l)
{
    struct sim_pair pair = {.own = l->host, .family = l->family};
    int error = 0;

    pair.kind = l->port == SIM_PORT_MD5 ? SIM_KEY_MD5 : SIM_KEY_AO;
    for (uint32_t i = 0; i < world->plan.n_clients && error == 0; i++) {
        const struct sim_host *client = &world->host[i];

        pair.peer = i;
        if (!world->plan.host[i].absent && (l->family == 4 || client->addr6.hi != 0))
            error = ft_sim_set_key(world, l->sock, &pair);
    }
    return error;
}

/* ---- the auditor's ---- */

static bool is_host(const struct sim_host *host, const struct ft_addr *addr)
{
    const struct ft_addr *own = addr->hi != 0 ? &host->addr6 : &host->addr4;

    return own->hi == addr->hi && own->lo == addr->lo;
}

static uint32_t host_of(const struct sim_world *world, const struct ft_addr *addr)
{
    uint32_t i = 0;

    while (i < world->plan.n_hosts && !is_host(&world->host[i], addr))
        i++;
    return i;
}

/* How two ports of a connection are signed, the server's second. */
static uint8_t kind_of(const struct sim_plan *plan, uint16_t client_port, uint16_t port)
{
    uint32_t i = client_port - SIM_BOTH_PORT;

    if (port == SIM_PORT_MD5 || port == SIM_PORT_AO)
        return port == SIM_PORT_MD5 ? SIM_KEY_MD5 : SIM_KEY_AO;
    if (client_port < SIM_BOTH_PORT || i >= plan->n_conns || plan->conn[i].port != port ||
        plan->conn[i].kind != SIM_SIMULTANEOUS)
        return SIM_KEY_NONE;
    return plan->conn[i].key_kind;
}

static void key_of(const void *ctx, const struct sight *s, struct sim_audit_key *ret)
{
    const struct sim_world *world = ctx;
    struct sim_pair pair = {.own = host_of(world, &s->src), .peer = host_of(world, &s->dst)};

    pair.kind = kind_of(&world->plan, s->src_port, s->dst_port);
    if (pair.kind == SIM_KEY_NONE)
        pair.kind = kind_of(&world->plan, s->dst_port, s->src_port);
    if (pair.kind != SIM_KEY_NONE && pair.own < world->plan.n_hosts &&
        pair.peer < world->plan.n_hosts)
        ft_sim_key(world, &pair, ret);
}

void ft_sim_audit_keys(struct sim_world *world)
{
    if (ft_sim_plan_signs(&world->plan))
        ft_sim_audit_sign(world->audit, key_of, world);
}

uint64_t ft_sim_refused(const struct sim_host *host)
{
    struct ft_counters c;

    ft_counters(host->stack, &c);
    return c.verdicts[FT_RX_DROP_UNSIGNED] + c.verdicts[FT_RX_DROP_SIGNATURE] +
           c.verdicts[FT_RX_DROP_SIGNED];
}
