/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the simulator's library share: a small echo protocol as two applications, and
 * worlds to run it in.
 */
#ifndef SIM_LIB_WORLD_H
#define SIM_LIB_WORLD_H

#include <stdint.h>

#include <fourtuple/sim.h>

/* A conversation: a client sends octets, a server echoes them. */
struct lib_echo {
    struct ft_sim_host *server_host;
    int family, type; /* 0: AF_INET, SOCK_STREAM */
    uint32_t n_want;  /* octets that the client sends in all */
    uint32_t n_sent, n_back;
    ft_sock listener, server, client;
    struct ft_sim_watch on_listener, on_server, on_client;
    ft_time connected_at, done_at;
    int error; /* of the client */
    uint32_t n_starts, n_crashes;
};

/** Make a world with ft_stack_check() on. It is freed by ft_sim_free(). */
struct ft_sim *lib_world(uint64_t seed);

/** Add a host with the usual addresses. */
struct ft_sim_host *lib_add_host(struct ft_sim *sim, const char *name);

/** Read scenario text that must be right. */
void lib_scenario(struct ft_sim *sim, const char *text);

/** Put both ends of a conversation onto two hosts. @e: must outlive the world. */
void lib_play(struct lib_echo *e, struct ft_sim_host *client, struct ft_sim_host *server);

/** The last @n events as text. Return: @ret. */
char *lib_story(const struct ft_sim *sim, char *ret, size_t len, unsigned n);

#endif
