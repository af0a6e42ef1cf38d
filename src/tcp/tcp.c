/* SPDX-License-Identifier: MIT */
/*
 * TCP of one stack: its pools, its table, its secrets; how it begins, ends and is checked.
 */
#include "metrics.h"
#include "priv.h"

static void init_pools(struct ft_tcp *tcp)
{
    const struct ft_limits *limits = &tcp->env->config.limits;
    struct ft_mem *mem = &tcp->env->mem;
    uint32_t n = limits->connections_max;
    ft_pool_init(&tcp->tcbs, mem, sizeof(struct ft_tcb), n);
    ft_pool_init(&tcp->colds, mem, sizeof(struct tcp_cold), n);
    ft_pool_init(&tcp->busys, mem, sizeof(struct tcp_busy), n);
    ft_pool_init(&tcp->pasts, mem, sizeof(struct tcp_past), n);
    ft_pool_init(&tcp->rares, mem, sizeof(struct tcp_rare), n);
    ft_pool_init(&tcp->tfos, mem, sizeof(struct tcp_tfo), n);
    ft_pool_init(&tcp->ecns, mem, sizeof(struct tcp_ecn), n);
    ft_pool_init(&tcp->gaps, mem, sizeof(struct tcp_gaps), n);
    uint64_t n_sents = limits->memory_max / SENT_SHARE / sizeof(struct tcp_sent);
    ft_pool_init(&tcp->sents, mem, sizeof(struct tcp_sent),
                 (uint32_t)FT_MIN(n_sents, UINT64_C(1) << 31));
    ft_pool_init(&tcp->pins, mem, sizeof(struct tcp_pin), limits->sockets_max);
    ft_pool_init(&tcp->embryos, mem, sizeof(struct tcp_embryo), limits->half_open_max);
    ft_pool_init(&tcp->time_waits, mem, sizeof(struct ft_time_wait), limits->time_wait_max);
    ft_pool_init(&tcp->time_waits_more, mem, sizeof(struct tcp_time_wait_more),
                 limits->time_wait_max);
    ft_pool_init(&tcp->listeners, mem, sizeof(struct ft_listener), limits->sockets_max);
}

int ft_tcp_init(struct ft_tcp *tcp, struct ft_env *env, struct ft_net *net, struct ft_slots *slots,
                struct ft_names *names)
{
    *tcp = (struct ft_tcp){.env = env, .net = net, .slots = slots, .names = names};
    ft_tcp_tuned(tcp);
    tcp->signs = env->config.auth.md5 || env->config.auth.mac_find;
    init_pools(tcp);
    ft_timer_init(&tcp->miser_timer, FT_TIMER_MISER);
    list_init(&tcp->misers);
    ft_timer_init(&tcp->tw_timer, FT_TIMER_TIME_WAIT);
    ft_derive(env->config.seed, "tcp isn", tcp->isn_key, sizeof tcp->isn_key);
    ft_derive(env->config.seed, "tcp timestamp", tcp->ts_key, sizeof tcp->ts_key);
    ft_derive(env->config.seed, "tcp flow label", tcp->label_key, sizeof tcp->label_key);
    ft_derive(env->config.seed, "tcp cookie", tcp->cookie_key, sizeof tcp->cookie_key);
    ft_derive(env->config.seed, "tcp fastopen", tcp->tfo_key, sizeof tcp->tfo_key);
    ft_derive(env->config.seed, "tcp metrics", tcp->metrics_key, sizeof tcp->metrics_key);
    tcp->table = ft_table_new(env, "tcp table");
    return tcp->table ? 0 : -ENOMEM;
}

void ft_tcp_tuned(struct ft_tcp *tcp)
{
    const struct ft_config *config = &tcp->env->config;
    int cc = ft_cc_find(config->congestion, sizeof config->congestion);
    ft_assert(cc >= 0); /* ft_config_ok() has asked */
    tcp->cc_default = (uint8_t)cc;
}

static void free_slots(struct ft_tcp *tcp)
{
    enum ft_sock_kind kind;
    void *obj;
    for (uint32_t i = 0; ft_slot_at(tcp->slots, i, &kind, &obj); i++) {
        if (kind == FT_KIND_TCB) {
            struct ft_tcb *tcb = obj;
            ft_slot_close(tcp->slots, i);
            tcb->slot = FT_NO_SLOT;
            ft_tcb_free(tcp, tcb);
        } else if (kind == FT_KIND_LISTENER) {
            ft_tcp_listener_close(tcp, obj);
        } else if (kind == FT_KIND_CLOSED) {
            ft_slot_close(tcp->slots, i);
            ft_tcp_pin_free(tcp, obj);
        }
    }
}

static void free_conn(struct ft_tcp *tcp, struct ft_conn *conn)
{
    if (conn->kind == FT_CONN_TCB)
        ft_tcb_free(tcp, ft_container_of(conn, struct ft_tcb, conn));
    else if (conn->kind == FT_CONN_EMBRYO)
        ft_embryo_free(tcp, ft_container_of(conn, struct tcp_embryo, conn));
    else
        ft_time_wait_end(tcp, ft_container_of(conn, struct ft_time_wait, conn));
}

/* A walk misses what moves while it removes: walk again until nothing is left. */
static void free_table(struct ft_tcp *tcp)
{
    while (tcp->table && ft_table_len(tcp->table) > 0) {
        uint64_t cursor = 0;
        struct ft_conn *conn;
        while ((conn = ft_table_next(tcp->table, &cursor)))
            free_conn(tcp, conn);
    }
}

void ft_tcp_fini(struct ft_tcp *tcp)
{
    ft_wheel_cancel(&tcp->env->wheel, &tcp->miser_timer);
    free_slots(tcp);
    free_table(tcp);
    ft_time_wait_fini(tcp);
    ft_table_free(tcp->table);
    ft_pool_fini(&tcp->tcbs);
    ft_pool_fini(&tcp->colds);
    ft_pool_fini(&tcp->busys);
    ft_pool_fini(&tcp->pasts);
    ft_pool_fini(&tcp->rares);
    ft_pool_fini(&tcp->tfos);
    ft_pool_fini(&tcp->ecns);
    ft_tfo_fini(tcp);
    ft_metrics_fini(tcp);
    ft_pool_fini(&tcp->gaps);
    ft_pool_fini(&tcp->sents);
    ft_pool_fini(&tcp->pins);
    ft_pool_fini(&tcp->embryos);
    ft_pool_fini(&tcp->time_waits);
    ft_pool_fini(&tcp->time_waits_more);
    ft_pool_fini(&tcp->listeners);
}

/* Connections that have a descriptor. Return: how many of them are in the four-tuple table. */
static uint32_t check_slots(const struct ft_tcp *tcp, bool all)
{
    enum ft_sock_kind kind;
    void *obj;
    uint32_t n_in_table = 0;
    for (uint32_t i = 0, n = tcp->slots->n_used; n > 0 && ft_slot_next(tcp->slots, &i, &kind, &obj);
         i++, n--) {
        if (kind != FT_KIND_TCB)
            continue;
        const struct ft_tcb *tcb = obj;
        ft_assert(tcb->slot == i);
        ft_tcb_check(tcb, all);
        n_in_table += (tcb->flags & TCB_IN_TABLE) != 0;
    }
    return n_in_table;
}

/* Those that only the table has; and that it has as many of each kind as there are. Return: how
   many there were. */
static uint32_t check_table(const struct ft_tcp *tcp, bool all)
{
    uint64_t cursor = 0;
    uint32_t n_bare = 0;
    uint32_t n_time_wait = 0;
    uint32_t n_embryos = 0;
    const struct ft_conn *conn;
    while ((conn = ft_table_next(tcp->table, &cursor))) {
        n_time_wait += conn->kind == FT_CONN_TIME_WAIT;
        n_embryos += conn->kind == FT_CONN_EMBRYO;
        if (conn->kind != FT_CONN_TCB)
            continue;
        const struct ft_tcb *tcb = ft_container_of(conn, const struct ft_tcb, conn);
        if (tcb->slot == FT_NO_SLOT) {
            ft_tcb_check(tcb, all);
            n_bare++;
        }
    }
    ft_assert(n_time_wait == tcp->n_time_wait);
    ft_assert(n_embryos == tcp->embryos.n_used);
    return n_bare;
}

/* Each connection is looked at once. @walk: the table is gone through even if all connections in it
   have descriptors. */
static void check(const struct ft_tcp *tcp, bool all, bool walk)
{
    uint32_t n = check_slots(tcp, all) + tcp->n_time_wait + tcp->embryos.n_used;
    if (walk || n < ft_table_len(tcp->table))
        n += check_table(tcp, all);
    ft_assert(n == ft_table_len(tcp->table));
    ft_assert(tcp->n_unfinished <= tcp->n_orphans);
    ft_misers_check(tcp);
}

void ft_tcp_check(const struct ft_tcp *tcp)
{
    ft_table_check(tcp->table);
    check(tcp, true, true);
}

void ft_tcp_check_changes(struct ft_tcp *tcp)
{
    bool table_changed = ft_table_check_changes(tcp->table);
    check(tcp, false, table_changed);
}

int ft_tcp_unpin_closed(struct ft_tcp *tcp, void *obj)
{
    struct tcp_pin *pin = obj;
    ft_slot_close(tcp->slots, pin->index);
    ft_tcp_pin_free(tcp, pin);
    return 0;
}
