/* SPDX-License-Identifier: MIT */
/*
 * The server of the store: takes connections, reads lines, answers them. Nothing in it knows that
 * its network is simulated but the way in which it is called back.
 */
#include "kv.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* ---- the store ---- */

static long *total_of(struct kv_disk *disk, const char *key)
{
    for (unsigned i = 0; i < disk->n_keys; i++) {
        if (strcmp(disk->key[i], key) == 0)
            return &disk->total[i];
    }
    if (disk->n_keys == KV_KEYS_MAX)
        return NULL;
    (void)snprintf(disk->key[disk->n_keys], sizeof(disk->key[0]), "%s", key);
    return &disk->total[disk->n_keys++];
}

long kv_disk_get(const struct kv_disk *disk, const char *key)
{
    for (unsigned i = 0; i < disk->n_keys; i++) {
        if (strcmp(disk->key[i], key) == 0)
            return disk->total[i];
    }
    return 0;
}

/* Carry out a line. Return: whether it was understood. */
static bool carry_out(struct kv_disk *disk, const char *line, long *ret_total)
{
    char key[16];
    long step, number;
    unsigned client;
    int n_words = sscanf(line, "add %15s %ld %u %ld", key, &step, &client, &number);
    long *total;

    if (n_words == 4 && client < KV_CLIENTS_MAX && disk->last_number[client] == number) {
        *ret_total = disk->last_answer[client];
        return true;
    }
    if (n_words < 2) {
        step = 0;
        if (sscanf(line, "get %15s", key) != 1)
            return false;
    }
    total = total_of(disk, key);
    if (total == NULL)
        return false;
    *total += step;
    *ret_total = *total;
    if (n_words == 4 && client < KV_CLIENTS_MAX) {
        disk->last_number[client] = number;
        disk->last_answer[client] = *total;
    }
    return true;
}

/* ---- connections ---- */

static void hang_up(struct ft_sim_host *host, struct kv_conn *conn)
{
    (void)ft_close(ft_sim_stack(host), conn->sock);
    conn->sock = -1;
}

static void answer(struct ft_sim_host *host, struct kv_conn *conn, const char *line)
{
    long total;
    int len;

    ft_sim_log(host, "does: %s", line);
    if (carry_out(&conn->server->disk, line, &total))
        len = snprintf(conn->out.octets, KV_LINE_MAX, "ok %ld\n", total);
    else
        len = snprintf(conn->out.octets, KV_LINE_MAX, "what?\n");
    conn->out.len = (size_t)len;
    /* Short answers to one request at a time: the send buffer always has room. */
    (void)ft_send(ft_sim_stack(host), conn->sock, conn->out.octets, conn->out.len, 0);
}

static void conn_ready(struct ft_sim_host *host, ft_sock sock, uint32_t mask, void *ctx)
{
    struct kv_conn *conn = ctx;
    struct kv_buffer *in = &conn->in;
    ssize_t n;
    char *end;

    (void)mask;
    while ((n = ft_recv(ft_sim_stack(host), sock, in->octets + in->len, KV_LINE_MAX - in->len, 0)) >
           0) {
        in->len += (size_t)n;
        while ((end = memchr(in->octets, '\n', in->len)) != NULL) {
            *end = '\0';
            answer(host, conn, in->octets);
            in->len -= (size_t)(end + 1 - in->octets);
            memmove(in->octets, end + 1, in->len);
        }
        if (in->len == KV_LINE_MAX)
            break; /* no line of ours is as long */
    }
    if (n != -EAGAIN)
        hang_up(host, conn);
}

static void accept_ready(struct ft_sim_host *host, ft_sock sock, uint32_t mask, void *ctx)
{
    struct kv_server *server = ctx;
    struct ft_stack *stack = ft_sim_stack(host);
    ft_sock got;

    (void)mask;
    while ((got = ft_accept(stack, sock, NULL, NULL)) >= 0) {
        struct kv_conn *conn = NULL;

        for (unsigned i = 0; i < KV_CONNS_MAX && conn == NULL; i++)
            conn = server->conn[i].sock < 0 ? &server->conn[i] : NULL;
        if (conn == NULL) {
            (void)ft_abort(stack, got);
            continue;
        }
        memset(conn, 0, sizeof(*conn));
        conn->server = server;
        conn->sock = got;
        conn->watch = (struct ft_sim_watch){conn_ready, conn};
        (void)ft_watch(stack, got, FT_READABLE, &conn->watch);
    }
}

static void start(struct ft_sim_host *host, void *ctx)
{
    struct kv_server *server = ctx;
    struct ft_stack *stack = ft_sim_stack(host);
    struct sockaddr_storage name;
    socklen_t len = ft_sim_sockaddr(host, AF_INET, KV_PORT, &name);

    for (unsigned i = 0; i < KV_CONNS_MAX; i++)
        server->conn[i].sock = -1; /* whatever was open before a crash */
    server->sock = ft_socket(stack, AF_INET, SOCK_STREAM, 0);
    if (server->sock < 0 || ft_bind(stack, server->sock, (struct sockaddr *)&name, len) != 0 ||
        ft_listen(stack, server->sock, 16) != 0) {
        ft_sim_fail(ft_sim_world(host), "the server cannot listen");
        return;
    }
    server->watch = (struct ft_sim_watch){accept_ready, server};
    (void)ft_watch(stack, server->sock, FT_READABLE, &server->watch);
}

struct ft_sim_app kv_server_app(struct kv_server *server)
{
    return (struct ft_sim_app){start, NULL, server};
}
