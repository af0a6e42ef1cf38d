/* SPDX-License-Identifier: MIT */
/*
 * Random calls and random segments, with ft_stack_check() after each step. What is proven is that
 * no invariant breaks, and that in the end nothing is left.
 */
#include "tcp/ladder.h"

#include <netinet/udp.h>

#define N_SOCKS 8
#define STEPS   1500

struct chaos {
    struct ladder t;
    uint64_t random;
    ft_sock socks[N_SOCKS];
};

static uint32_t below(struct chaos *c, uint32_t n)
{
    c->random = c->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(c->random >> 33) % n;
}

/* A segment that is nearly right more often than not. */
static void random_segment(struct chaos *c)
{
    static const uint16_t usual[] = {SEG_ACK, SEG_ACK, SEG_ACK, SEG_ACK,
                                     SEG_ACK, SEG_ACK, SEG_ACK, SEG_ACK | SEG_URG};
    static const uint16_t seldom[] = {SEG_SYN, SEG_SYN | SEG_ACK, SEG_ACK | SEG_FIN, SEG_RST};
    struct ladder *t = &c->t;
    struct step s = LADDER_STEP(usual[below(c, 8)]);

    ladder_peer(t, below(c, LADDER_PEERS_MAX));
    if (!t->peer->iss_known)
        s.flags = SEG_SYN;
    else if (t->peer->nxt == LADDER_PEER_ISN)
        s.flags = SEG_SYN | SEG_ACK;
    else if (below(c, 12) == 0)
        s.flags = seldom[below(c, 4)];
    else if (below(c, 12) == 0)
        s.flags = below(c, 512);
    if (below(c, 4) == 0)
        s.seq = (uint32_t)(t->peer->nxt + below(c, 5000) - 2000);
    if (below(c, 3) == 0)
        s.ack = (int64_t)(t->peer->snd_max - t->peer->iss) - below(c, 5000) + 10;
    if (below(c, 2) == 0)
        s.len = below(c, 10) ? below(c, 1461) : below(c, 9000);
    if (below(c, 4) == 0)
        s.wnd = below(c, 3) ? below(c, 65536) : 0;
    if (below(c, 8) == 0)
        s.mss = below(c, 65536);
    if (below(c, 8) == 0)
        s.wscale = below(c, 256);
    if (below(c, 4) == 0)
        s.tsval = below(c, 100000);
    s.sack_ok = below(c, 2);
    if (below(c, 8) == 0)
        s.urg = below(c, 65536);
    s.salt = below(c, 256);
    if (below(c, 10) == 0)
        s.dport = 32768 + below(c, 100);
    ladder_peer_sends(t, s);
}

/* A frame with a few octets changed. */
static void broken_frame(struct chaos *c)
{
    struct step s = LADDER_STEP(SEG_ACK, .len = 100);
    uint8_t *frame = malloc(LADDER_FRAME_MAX);
    size_t len;

    ladder_peer(&c->t, below(c, LADDER_PEERS_MAX));
    len = ladder_build(&c->t, &s, frame);
    for (unsigned i = below(c, 4); i-- > 0;)
        frame[below(c, (uint32_t)len)] ^= (uint8_t)(1u << below(c, 8));
    ladder_input(&c->t, frame, below(c, 4) ? len : below(c, (uint32_t)len), 1,
                 below(c, 2) ? FT_FRAME_CSUM_GOOD : 0);
    free(frame);
}

static void random_name_call(struct chaos *c, unsigned i)
{
    struct ladder *t = &c->t;
    struct sockaddr_storage name;
    struct ft_addr any = addr_v4(0);
    uint32_t what = below(c, 4);
    socklen_t len = ladder_name(t, what == 1 ? &any : NULL,
                                what == 1 ? LADDER_PORT : (uint16_t)(LADDER_PEER_PORT + i), &name);

    if (what == 1) {
        (void)ft_bind(t->stack, c->socks[i], (struct sockaddr *)&name, len);
        (void)ft_listen(t->stack, c->socks[i], (int)below(c, 4));
        return;
    }
    if (ft_connect(t->stack, c->socks[i], (struct sockaddr *)&name, len) == -EINPROGRESS) {
        (void)ft_getsockname(t->stack, c->socks[i], (struct sockaddr *)&name, &len);
        t->peers[i].stack_port = ntohs(((struct sockaddr_in *)&name)->sin_port);
        t->peers[i].iss_known = false;
        t->peers[i].nxt = LADDER_PEER_ISN;
        (void)ladder_forget(t);
    }
}

static void random_octets_call(struct chaos *c, ft_sock sock)
{
    static uint8_t octets[20000];
    struct ft_span spans[4];
    struct ft_stack *s = c->t.stack;

    switch (below(c, 8)) {
    case 0:
        (void)ft_recv(s, sock, octets, below(c, sizeof(octets)), 0);
        break;
    case 1:
        (void)ft_recv(s, sock, octets, 10, below(c, 2) ? MSG_OOB : MSG_PEEK);
        break;
    case 2:
        (void)ft_peek(s, sock, spans, 4);
        break;
    case 3:
        (void)ft_consume(s, sock, below(c, 2000));
        break;
    case 4:
        (void)ft_reserve(s, sock, below(c, 40000), spans, 4);
        break;
    case 5:
        (void)ft_commit(s, sock, below(c, 2000));
        break;
    case 6:
        (void)ft_unpin(s, sock);
        break;
    default:
        (void)ft_send(s, sock, octets, below(c, sizeof(octets)),
                      below(c, 5)   ? 0
                      : below(c, 2) ? MSG_MORE
                                    : MSG_OOB);
    }
}

static void random_option(struct chaos *c, ft_sock sock)
{
    static const int names[][2] = {{SOL_SOCKET, SO_KEEPALIVE},     {SOL_SOCKET, SO_SNDBUF},
                                   {SOL_SOCKET, SO_RCVBUF},        {SOL_SOCKET, SO_REUSEADDR},
                                   {SOL_SOCKET, SO_REUSEPORT},     {IPPROTO_TCP, TCP_NODELAY},
                                   {IPPROTO_TCP, TCP_CORK},        {IPPROTO_TCP, TCP_KEEPIDLE},
                                   {IPPROTO_TCP, TCP_QUICKACK},    {IPPROTO_TCP, TCP_USER_TIMEOUT},
                                   {IPPROTO_TCP, TCP_MAXSEG},      {IPPROTO_TCP, TCP_WINDOW_CLAMP},
                                   {IPPROTO_IP, IP_TOS},           {IPPROTO_IP, IP_TTL},
                                   {IPPROTO_IP, IP_RECVERR},       {IPPROTO_UDP, UDP_CORK},
                                   {IPPROTO_UDP, UDP_SEGMENT},     {IPPROTO_UDP, UDP_GRO},
                                   {IPPROTO_IP, IP_MULTICAST_ALL}, {IPPROTO_IP, IP_MULTICAST_TTL}};
    const int *name = names[below(c, sizeof(names) / sizeof(names[0]))];
    int value = below(c, 2) ? (int)below(c, 2) : (int)below(c, 100000);

    (void)ft_setsockopt(c->t.stack, sock, name[0], name[1], &value, sizeof(value));
}

/* Joins or leaves one of a few groups. */
static void random_group(struct chaos *c, ft_sock sock)
{
    struct ip_mreqn mreq = {.imr_ifindex = (int)below(c, 4)};

    mreq.imr_multiaddr.s_addr = htonl(0xef010200u + below(c, 4));
    (void)ft_setsockopt(c->t.stack, sock, IPPROTO_IP,
                        below(c, 3) ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP, &mreq, sizeof(mreq));
}

/* One that talks to a group, to itself, or to the peer. */
static ft_sock random_datagram_socket(struct chaos *c)
{
    static const uint32_t peers[] = {0xef010201u, 0xef010202u, 0x7f000001u, 0x0a070002u};
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(1000)};
    ft_sock sock = ft_socket(c->t.stack, AF_INET, SOCK_DGRAM, 0);

    (void)ft_bind(c->t.stack, sock, (struct sockaddr *)&name, sizeof(name));
    name.sin_addr.s_addr = htonl(peers[below(c, 4)]);
    (void)ft_connect(c->t.stack, sock, (struct sockaddr *)&name, sizeof(name));
    return sock;
}

static void random_call(struct chaos *c)
{
    struct ft_stack *s = c->t.stack;
    struct ft_event events[4];
    unsigned i = below(c, N_SOCKS);
    ft_sock sock = c->socks[i];

    switch (below(c, 12)) {
    case 0:
        if (sock < 0 && below(c, 4))
            c->socks[i] = ft_socket(s, AF_INET, SOCK_STREAM, 0);
        else if (sock < 0)
            c->socks[i] = random_datagram_socket(c);
        break;
    case 1:
    case 2:
        random_name_call(c, i);
        break;
    case 3: {
        ft_sock got = ft_accept(s, sock, NULL, NULL);
        unsigned k = below(c, N_SOCKS);

        if (got < 0)
            got = ft_accept(s, c->t.listener, NULL, NULL);
        if (got >= 0) {
            (void)ft_unpin(s, c->socks[k]);
            (void)ft_close(s, c->socks[k]);
            c->socks[k] = got;
        }
        break;
    }
    case 4:
        (void)ft_shutdown(s, sock, (int)below(c, 3));
        break;
    case 5:
        if (below(c, 8) == 0) {
            (void)(below(c, 2) ? ft_close(s, sock) : ft_abort(s, sock));
            ladder_check(&c->t);
            (void)ft_unpin(s, sock);
            c->socks[i] = -1;
        }
        break;
    case 6:
        (void)ft_watch(s, sock, below(c, 64), c);
        (void)ft_events(s, events, below(c, 5));
        break;
    case 7:
        if (below(c, 4))
            random_option(c, sock);
        else
            random_group(c, sock);
        break;
    default:
        random_octets_call(c, sock);
    }
}

static void run(uint64_t seed, struct ft_counters *made)
{
    static struct chaos c;
    struct ladder *t = &c.t;

    c.random = seed * 1000003;
    ladder_init(t);
    t->config.limits.recv_buffer = 30000;
    t->config.limits.half_open_max = 4;
    t->config.limits.time_wait_max = 3;
    ladder_start(t);
    stack_listens(t);
    for (unsigned i = 0; i < N_SOCKS; i++)
        c.socks[i] = -1;
    for (unsigned step = 0; step < STEPS; step++) {
        uint32_t what = below(&c, 100);

        if (what < 45)
            random_segment(&c);
        else if (what < 50)
            broken_frame(&c);
        else if (what < 90)
            random_call(&c);
        else
            after_us(t, UINT64_C(1) << below(&c, 24));
        ladder_check(t);
        if (below(&c, 3))
            (void)ladder_forget(t);
    }
    made->tcp_passive_opens += stack_counts(t).tcp_passive_opens;
    made->tcp_time_waits += stack_counts(t).tcp_time_waits;
    made->tcp_rto += stack_counts(t).tcp_rto;
    made->udp_out += stack_counts(t).udp_out;
    made->steps_octets_copied += stack_counts(t).steps_octets_copied;
    for (unsigned i = 0; i < N_SOCKS; i++) {
        (void)ft_unpin(t->stack, c.socks[i]);
        (void)ft_close(t->stack, c.socks[i]);
    }
    (void)ladder_forget(t);
    ladder_close(t);
}

static void random_calls_and_segments_break_no_invariant(void **state)
{
    struct ft_counters made = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++)
        run(seed, &made);
    /* It was no empty noise. */
    assert_true(made.tcp_passive_opens > 200);
    assert_true(made.tcp_time_waits > 0);
    assert_true(made.tcp_rto > 100);
    assert_true(made.udp_out > 0);
    assert_true(made.steps_octets_copied > 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_calls_and_segments_break_no_invariant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
