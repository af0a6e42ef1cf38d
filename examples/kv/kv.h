/* SPDX-License-Identifier: MIT */
/*
 * A small store of counters over TCP, as an example of <fourtuple/sim.h>: the protocol, and the two
 * applications that speak it. One request a line, one answer a line:
 *
 *     add KEY N                  "ok TOTAL": N was added to the counter
 *     add KEY N CLIENT NUMBER    the same; a NUMBER that CLIENT has said before is not added again
 *     get KEY                    "ok TOTAL"
 *
 * A client that gets no answer in time asks again on a new connection. If it says "add KEY N" then,
 * it cannot know whether the first one was carried out, and this is the mistake that the simulator
 * finds: the answer was lost, not the request. The second form is the remedy.
 */
#ifndef KV_H
#define KV_H

#include <stdbool.h>

#include <fourtuple/sim.h>

#define KV_PORT        4000
#define KV_KEYS_MAX    8
#define KV_CLIENTS_MAX 4
#define KV_CONNS_MAX   64  /* connections of a server at one time */
#define KV_LINE_MAX    128 /* octets of a line, its newline among them */

/* A line on its way: what has come of it, or what has to be sent. */
struct kv_buffer {
    char octets[KV_LINE_MAX];
    size_t len;
};

/* ---- the server ---- */

struct kv_server;

struct kv_conn {
    struct kv_server *server;
    struct ft_sim_watch watch;
    ft_sock sock; /* -1: free */
    struct kv_buffer in, out;
};

/* What is on the server's disk: a crash does not touch it. */
struct kv_disk {
    char key[KV_KEYS_MAX][16];
    long total[KV_KEYS_MAX];
    unsigned n_keys;
    long last_number[KV_CLIENTS_MAX]; /* of each client's requests */
    long last_answer[KV_CLIENTS_MAX];
};

struct kv_server {
    struct kv_disk disk;
    struct ft_sim_watch watch; /* of the passive socket */
    ft_sock sock;
    struct kv_conn conn[KV_CONNS_MAX];
};

/** The server as an application: start it on a host by ft_sim_app_add(). @server: zeroed. */
struct ft_sim_app kv_server_app(struct kv_server *server);

/** What the disk says of a counter. Return: 0 for one that nobody has added to. */
long kv_disk_get(const struct kv_disk *disk, const char *key);

/* ---- the client ---- */

struct kv_client {
    struct ft_sim_host *server; /* whom to ask */
    const char *key;            /* that it adds to */
    unsigned id;                /* below KV_CLIENTS_MAX */
    bool fixed;                 /* says its number, so that the server knows a request again */
    long n_want;                /* requests to be answered in all */
    long n_answered;
    long sum;  /* of what was added by requests that were answered */
    long step; /* what the present request adds; 0: there is none */
    unsigned n_tries;
    ft_sock sock; /* -1: none */
    struct ft_sim_watch watch;
    int64_t timer; /* of the answer, or of the pause; 0: none */
    struct kv_buffer in, out;
};

/** The client as an application. @client: server, key, id, fixed and n_want set, the rest zero. */
struct ft_sim_app kv_client_app(struct kv_client *client);

#endif
