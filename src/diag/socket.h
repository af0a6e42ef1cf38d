/* SPDX-License-Identifier: MIT */
/*
 * Sockets as people know them from ss(8): its columns, words and forms of addresses, out of struct
 * ft_sock_info. One socket is one line of fields with tabs between, which travels between a host
 * and who asks it; table.h lays lines out.
 */
#ifndef DIAG_SOCKET_H
#define DIAG_SOCKET_H

#include <stdbool.h>

#include <fourtuple/diag.h>
#include <fourtuple/types.h>

/* The fields of a line, in their order. */
enum socket_field {
    SOCKET_NETID, /* tcp, udp */
    SOCKET_STATE, /* LISTEN, ESTAB, ... */
    SOCKET_RECV_Q,
    SOCKET_SEND_Q,
    SOCKET_LOCAL,   /* 10.7.0.2:80, [fd07::2]:80, *:80 */
    SOCKET_PEER,    /* the same, with * for no port */
    SOCKET_FAMILY,  /* 4 or 6 */
    SOCKET_PROCESS, /* users:(("nginx",pid=12,fd=3)), or empty */
    SOCKET_INFO,    /* rto:204 rtt:0.1/0.05 ... as ss -i has it; empty unless connected */
    SOCKET_FIELDS
};

#define SOCKET_LINE_MAX 2048

/** The word of ss(8) for a state: LISTEN, ESTAB, SYN-SENT ...; UNCONN for closed. */
const char *socket_state_word(uint8_t state);

/**
 * One line about a socket, with tabs between the fields and no line feed.
 *
 * @process:  text of SOCKET_PROCESS; tabs and the like in it become '?'
 * @ret_line: room for SOCKET_LINE_MAX
 *
 * Return: its length.
 */
size_t socket_line(const struct ft_sock_info *info, const char *process, char *ret_line);

#endif
