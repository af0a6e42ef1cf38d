/* SPDX-License-Identifier: MIT */
/*
 * Signed conversations (RFC 2385, RFC 5925): which of a plan are, by which key each pair of hosts
 * signs, and how sockets and the auditor are told. Keys belong to a pair, as the options have it;
 * so passive sockets of ports of their own have one for each client, as a BGP speaker for each of
 * its neighbours. Names that a NAT changes cannot be signed (RFC 5925 9.2). Where keys of TCP-AO
 * change while octets are under way, each pair has two from the start.
 */
#include <errno.h>
#include <string.h>

#include "priv.h"

#define HMAC_SHA1 "hmac(sha1)"

static void draw_rekeys(struct sim_plan *plan, uint64_t seed)
{
    struct sim_rand rand;

    sim_rand_init(&rand, seed, DRAW_REKEY, 0);
    if (!sim_rand_chance(&rand, 50))
        return;
    for (uint64_t n = sim_rand_range(&rand, 1, 6); n > 0; n--)
        ft_sim_add_rekey(plan, &rand);
}

void ft_sim_add_rekey(struct sim_plan *plan, struct sim_rand *rand)
{
    if (plan->n_faults < SIM_FAULTS_MAX)
        plan->fault[plan->n_faults++] =
            (struct sim_fault_plan){.kind = SIM_FAULT_REKEY,
                                    .pipe = (uint32_t)sim_rand_below(rand, plan->n_hosts),
                                    .value = sim_rand_range(rand, 1, 3),
                                    .at = FT_SEC + sim_rand_below(rand, 2 * plan->length)};
}

void ft_sim_plan_keys(struct sim_plan *plan, uint64_t seed)
{
    struct sim_rand rand;

    sim_rand_init(&rand, seed, DRAW_KEYS, 0);
    if (!sim_rand_chance(&rand, ft_sim_plan_has(plan, SIM_FAULT_MIGRATE) ? 30 : 8))
        return;
    for (uint32_t i = 0; i < plan->n_conns; i++) {
        struct sim_conn_plan *conn = &plan->conn[i];

        if (sim_rand_chance(&rand, 60) && conn->bound == 0)
            ft_sim_sign(conn, sim_rand_chance(&rand, 50) ? SIM_KEY_MD5 : SIM_KEY_AO);
    }
    draw_rekeys(plan, seed);
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

/* The other key of TCP-AO that a pair has. */
static void second_key(const struct sim_audit_key *first, struct sim_audit_key *ret)
{
    *ret = *first;
    ret->key_id = (uint8_t)~first->key_id;
    ret->rnext_id = (uint8_t)~first->rnext_id;
    ret->bare = !first->bare;
    for (uint32_t i = 0; i < ret->len; i++)
        ret->octets[i] = (uint8_t)~first->octets[i];
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
    if (error == 0 && pair->kind == SIM_KEY_AO && ft_sim_plan_has(&world->plan, SIM_FAULT_REKEY)) {
        struct sim_audit_key other;

        second_key(&key, &other);
        error = set_ao(stack, sock, &peer, &other);
    }
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

/* ---- keys change ---- */

static void change_key(struct sim_world *world, struct sim_app *app, uint64_t how)
{
    struct ft_stack *stack = world->host[app->host].stack;
    struct sim_pair pair = {.kind = SIM_KEY_AO, .own = app->host};
    struct sim_audit_key first, second;
    struct ft_tcp_ao_info info = {.flags = 0};
    socklen_t len = sizeof(info);
    int error;

    pair.peer = world->plan.conn[app->conn].host[1 - app->side];
    ft_sim_key(world, &pair, &first);
    second_key(&first, &second);
    error = ft_getsockopt(stack, app->sock, IPPROTO_TCP, FT_TCP_AO_INFO, &info, &len);
    if (error == 0) {
        bool was_first = info.current_key == first.key_id;

        info.flags &= FT_TCP_AO_REQUIRED | FT_TCP_AO_ACCEPT_ICMPS;
        info.flags |=
            ((how & 1) ? FT_TCP_AO_SET_CURRENT : 0) | ((how & 2) ? FT_TCP_AO_SET_RNEXT : 0);
        info.current_key = was_first ? second.key_id : first.key_id;
        info.rnext = was_first ? second.rnext_id : first.rnext_id;
        error = ft_setsockopt(stack, app->sock, IPPROTO_TCP, FT_TCP_AO_INFO, &info, sizeof(info));
    }
    if (error == -ENOENT && app->fin_asked)
        return; /* it waits in TIME-WAIT, which answers by the key that was the last */
    ft_sim_app_note(app, "changes its key", error == 0 ? info.current_key : error);
    if (error != 0) {
        struct sim_tuple tuple = ft_sim_app_tuple(app);

        ft_sim_halt(world, &tuple, "%s cannot change a key: %s", world->host[app->host].name,
                    strerror(-error));
    }
}

void ft_sim_rekey(struct sim_world *world, const struct sim_host *host, uint64_t how)
{
    for (uint32_t i = 0; i < 2 * world->plan.n_conns && !world->failed; i++) {
        struct sim_app *app = &world->app[i];

        if (host->stack != NULL && app->host == host->index && app->state == SIM_APP_OPEN &&
            app->sock >= 0 && world->plan.conn[app->conn].key_kind == SIM_KEY_AO)
            change_key(world, app, how);
    }
}

/* ---- the auditor's ---- */

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

/* A segment names what it is signed by, and what it asks for: the first key of a pair, or the
 * other. */
static void either_key(const struct sight_tcp *t, struct sim_audit_key *key)
{
    struct sim_audit_key other;
    uint8_t rnext_id = key->rnext_id;

    second_key(key, &other);
    if (t->rnext_id == other.rnext_id)
        rnext_id = other.rnext_id;
    if (t->key_id == other.key_id)
        *key = other;
    key->rnext_id = rnext_id;
}

static void key_of(const void *ctx, const struct sight *s, struct sim_audit_key *ret)
{
    const struct sim_world *world = ctx;
    struct sim_pair pair = {.own = ft_sim_host_at(world, &s->src),
                            .peer = ft_sim_host_at(world, &s->dst)};

    pair.kind = kind_of(&world->plan, s->src_port, s->dst_port);
    if (pair.kind == SIM_KEY_NONE)
        pair.kind = kind_of(&world->plan, s->dst_port, s->src_port);
    if (pair.kind == SIM_KEY_NONE || pair.own >= world->plan.n_hosts ||
        pair.peer >= world->plan.n_hosts)
        return;
    ft_sim_key(world, &pair, ret);
    if (pair.kind == SIM_KEY_AO && ft_sim_plan_has(&world->plan, SIM_FAULT_REKEY))
        either_key(&s->tcp, ret);
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
