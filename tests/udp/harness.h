/* SPDX-License-Identifier: MIT */
/*
 * Hosts with UDP and nothing above it, on a wire of bare IP, in virtual time. What stack/ will do
 * with frames is done here in the smallest way. Host 1 is 10.7.0.1/24, fd07::1/64 and fe80::1/64;
 * host 2 likewise.
 */
#ifndef TESTS_UDP_HARNESS_H
#define TESTS_UDP_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>

#include "base/addr.h"
#include "base/assert.h"
#include "sock/support.h"
#include "udp/udp.h"

#define BATCH     8
#define FRAME_CAP 70000

struct host {
    struct test_env t;
    struct ft_net *net;
    struct ft_slots slots;
    struct ft_names *names;
    struct ft_udp udp;
    int lo, wire;
    uint32_t n_lost_last; /* frames of each batch, from its end, that the link gives back unsent */
    bool linear;          /* ask for linear frames */
    uint32_t cap;         /* of frames; 0: FRAME_CAP */
    struct ft_frame frames[BATCH];
    struct ft_udp_sent sent[BATCH];
    bool is_udp[BATCH];
    enum ft_verdict verdict; /* of the last packet taken in */
    uint32_t n_in;           /* packets taken in */
    uint32_t n_checks;       /* times that the invariants were to be asserted */
    uint32_t max_len;        /* of the longest packet taken in */
};

/** Make host number @n. */
void host_open(struct host *h, uint8_t n);

/** Free it; no memory may be left. */
void host_close(struct host *h);

/** Build up to BATCH frames of an interface. Return: how many. They stay in h->frames. */
size_t host_output(struct host *h, int ifindex);

/** Give them back. */
void host_done(struct host *h, size_t n, size_t n_sent);

/** Take one packet in, linear. */
void host_input(struct host *h, int ifindex, const uint8_t *pkt, size_t len);

/** Carry frames between two hosts, and each one's loopback, until there are none. @b: may be
    NULL. */
void carry(struct host *a, struct host *b);

/** Make a socket of a family. */
ft_sock host_socket(struct host *h, int family);

/** The socket of a descriptor. */
struct ft_udp_sock *host_sock(struct host *h, ft_sock fd);

/** A sockaddr of a numeric address; of @text's family, IPv6 if it has a colon. */
struct sockaddr_storage sa(const char *text, uint16_t port);

/** The calls, on text. */
int host_bind(struct host *h, ft_sock fd, const char *text, uint16_t port);
/** As above. */
int host_connect(struct host *h, ft_sock fd, const char *text, uint16_t port);
/** @to: NULL: none. */
ssize_t host_send(struct host *h, ft_sock fd, const void *data, size_t len, const char *to,
                  uint16_t port);
/** As host_send() with flags. */
ssize_t host_send_flags(struct host *h, ft_sock fd, const void *data, size_t len, const char *to,
                        uint16_t port, int flags);
/** Return: as recvmsg(); @from: sockaddr, may be NULL. */
ssize_t host_recv(struct host *h, ft_sock fd, void *data, size_t len, int flags,
                  struct sockaddr_storage *from);
/** Set an int option. */
int host_set(struct host *h, ft_sock fd, int level, int name, int v);
/** Get an int option; fails the test when there is an error. */
int host_get(struct host *h, ft_sock fd, int level, int name);
/** The local name as "address port". @text: 64 octets. */
const char *host_name(struct host *h, ft_sock fd, char *text);
/** What it is ready for. */
uint32_t host_ready(struct host *h, ft_sock fd);

#endif
