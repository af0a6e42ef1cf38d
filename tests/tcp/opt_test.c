/* SPDX-License-Identifier: MIT */
/*
 * The options of a stream: Linux's defaults, what it takes and refuses, what it reads back, and
 * what accepted connections inherit.
 */
#include "ladder.h"

struct case_of {
    int level, name, set, err, get;
};

static int set(const struct ladder *t, ft_sock sock, int level, int name, int v)
{
    return ft_setsockopt(t->stack, sock, level, name, &v, sizeof(v));
}

static int get(const struct ladder *t, ft_sock sock, int level, int name)
{
    int v = -12345;
    socklen_t len = sizeof(v);

    assert_int_equal(ft_getsockopt(t->stack, sock, level, name, &v, &len), 0);
    assert_int_equal(len, sizeof(v));
    return v;
}

static void defaults_are_those_of_linux(void **state)
{
    static const int cases[][3] = {
        {SOL_SOCKET, SO_TYPE, SOCK_STREAM}, {SOL_SOCKET, SO_PROTOCOL, IPPROTO_TCP},
        {SOL_SOCKET, SO_ACCEPTCONN, 0},     {SOL_SOCKET, SO_ERROR, 0},
        {SOL_SOCKET, SO_KEEPALIVE, 0},      {SOL_SOCKET, SO_REUSEADDR, 0},
        {SOL_SOCKET, SO_REUSEPORT, 0},      {SOL_SOCKET, SO_OOBINLINE, 0},
        {SOL_SOCKET, SO_RCVLOWAT, 1},       {SOL_SOCKET, SO_SNDLOWAT, 1},
        {IPPROTO_TCP, TCP_NODELAY, 0},      {IPPROTO_TCP, TCP_CORK, 0},
        {IPPROTO_TCP, TCP_KEEPIDLE, 7200},  {IPPROTO_TCP, TCP_KEEPINTVL, 75},
        {IPPROTO_TCP, TCP_KEEPCNT, 9},      {IPPROTO_TCP, TCP_SYNCNT, 6},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, 0}, {IPPROTO_TCP, TCP_MAXSEG, 536},
        {IPPROTO_TCP, TCP_DEFER_ACCEPT, 0}, {IPPROTO_TCP, TCP_LINGER2, 60},
        {IPPROTO_IP, IP_TTL, 64},           {IPPROTO_IP, IP_TOS, 0},
    };
    struct ladder t;
    ft_sock sock;

    (void)state;
    ladder_open(&t);
    sock = ft_socket(t.stack, AF_INET6, SOCK_STREAM, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (get(&t, sock, cases[i][0], cases[i][1]) != cases[i][2])
            fail_msg("case %zu: %d", i, get(&t, sock, cases[i][0], cases[i][1]));
    assert_int_equal(get(&t, sock, SOL_SOCKET, SO_DOMAIN), AF_INET6);
    assert_int_equal(get(&t, sock, IPPROTO_IPV6, IPV6_V6ONLY), 0);
    assert_int_equal(ft_close(t.stack, sock), 0);
    ladder_close(&t);
}

static void what_is_set_is_read_back_as_on_linux(void **state)
{
    static const struct case_of cases[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 7, 0, 1},
        {SOL_SOCKET, SO_RCVLOWAT, 0, 0, 1},
        {SOL_SOCKET, SO_RCVLOWAT, 100, 0, 100},
        {SOL_SOCKET, SO_SNDBUF, 1, 0, 4608},
        {SOL_SOCKET, SO_SNDBUF, 20000, 0, 40000},
        {SOL_SOCKET, SO_RCVBUF, 1, 0, 2304},
        {SOL_SOCKET, SO_RCVBUF, 20000, 0, 40000},
        {IPPROTO_TCP, TCP_NODELAY, 5, 0, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, 0, -EINVAL, 7200},
        {IPPROTO_TCP, TCP_KEEPIDLE, 32768, -EINVAL, 7200},
        {IPPROTO_TCP, TCP_KEEPIDLE, 32767, 0, 32767},
        {IPPROTO_TCP, TCP_KEEPINTVL, 0, -EINVAL, 75},
        {IPPROTO_TCP, TCP_KEEPINTVL, 1, 0, 1},
        {IPPROTO_TCP, TCP_KEEPCNT, 128, -EINVAL, 9},
        {IPPROTO_TCP, TCP_KEEPCNT, 127, 0, 127},
        {IPPROTO_TCP, TCP_SYNCNT, 0, -EINVAL, 6},
        {IPPROTO_TCP, TCP_SYNCNT, 1, 0, 1},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, -1, -EINVAL, 0},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, 30000, 0, 30000},
        {IPPROTO_TCP, TCP_MAXSEG, 87, -EINVAL, 536},
        {IPPROTO_TCP, TCP_MAXSEG, 32768, -EINVAL, 536},
        {IPPROTO_TCP, TCP_MAXSEG, 1200, 0, 1200},
        {IPPROTO_IP, IP_TTL, 0, -EINVAL, 64},
        {IPPROTO_IP, IP_TTL, 256, -EINVAL, 64},
        {IPPROTO_IP, IP_TTL, 9, 0, 9},
        {IPPROTO_IP, IP_TTL, -1, 0, 64},
        {IPPROTO_IP, IP_TOS, 0x2b, 0, 0x28}, /* ECN is the stack's (RFC 9293 MUST-48) */
    };
    struct ladder t;
    ft_sock sock;

    (void)state;
    ladder_open(&t);
    sock = ft_socket(t.stack, AF_INET, SOCK_STREAM, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct case_of *c = &cases[i];

        if (set(&t, sock, c->level, c->name, c->set) != c->err ||
            get(&t, sock, c->level, c->name) != c->get)
            fail_msg("case %zu: %d", i, get(&t, sock, c->level, c->name));
    }
    assert_int_equal(set(&t, sock, IPPROTO_TCP, 250, 1), -ENOPROTOOPT);
    assert_int_equal(set(&t, sock, SOL_SOCKET, 250, 1), -ENOPROTOOPT);
    assert_int_equal(set(&t, sock, IPPROTO_IP, 250, 1), -ENOPROTOOPT);
    assert_int_equal(ft_setsockopt(t.stack, sock, IPPROTO_TCP, TCP_NODELAY, "x", 1), -EINVAL);
    assert_int_equal(ft_setsockopt(t.stack, sock, IPPROTO_TCP, TCP_NODELAY, NULL, 4), -EFAULT);
    assert_int_equal(ft_close(t.stack, sock), 0);
    ladder_close(&t);
}

static void structures_are_taken_and_told_whole(void **state)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 5}, got = {0};
    socklen_t len = sizeof(got);
    char name[32];
    struct ladder t;
    ft_sock sock;

    (void)state;
    ladder_open(&t);
    sock = ft_socket(t.stack, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(ft_setsockopt(t.stack, sock, SOL_SOCKET, SO_LINGER, &linger, 4), -EINVAL);
    assert_int_equal(ft_setsockopt(t.stack, sock, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)),
                     0);
    assert_int_equal(ft_getsockopt(t.stack, sock, SOL_SOCKET, SO_LINGER, &got, &len), 0);
    assert_int_equal(got.l_onoff, 1);
    assert_int_equal(got.l_linger, 5);
    assert_int_equal(ft_setsockopt(t.stack, sock, SOL_SOCKET, SO_BINDTODEVICE, "nosuch", 7),
                     -ENODEV);
    assert_int_equal(ft_setsockopt(t.stack, sock, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 5), 0);
    len = sizeof(name);
    assert_int_equal(ft_getsockopt(t.stack, sock, SOL_SOCKET, SO_BINDTODEVICE, name, &len), 0);
    assert_string_equal(name, "eth0");
    assert_int_equal(ft_close(t.stack, sock), 0);
    ladder_close(&t);
}

/* As on Linux an accepted socket has the options of the passive one, as they are then. */
static void an_accepted_socket_inherits(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    assert_int_equal(get(&t, t.listener, SOL_SOCKET, SO_ACCEPTCONN), 1);
    assert_int_equal(set(&t, t.listener, IPPROTO_TCP, TCP_NODELAY, 1), 0);
    assert_int_equal(set(&t, t.listener, SOL_SOCKET, SO_KEEPALIVE, 1), 0);
    assert_int_equal(set(&t, t.listener, IPPROTO_TCP, TCP_KEEPIDLE, 11), 0);
    assert_int_equal(set(&t, t.listener, SOL_SOCKET, SO_RCVBUF, 30000), 0);
    assert_int_equal(set(&t, t.listener, IPPROTO_IP, IP_TTL, 33), 0);
    peer_connects(&t, .mss = 1460);
    assert_int_equal(t.last_ttl, 33);
    assert_int_equal(get(&t, t.peer->sock, SOL_SOCKET, SO_ACCEPTCONN), 0);
    assert_int_equal(get(&t, t.peer->sock, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(get(&t, t.peer->sock, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(get(&t, t.peer->sock, IPPROTO_TCP, TCP_KEEPIDLE), 11);
    assert_int_equal(get(&t, t.peer->sock, SOL_SOCKET, SO_RCVBUF), 60000);
    assert_int_equal(get(&t, t.peer->sock, IPPROTO_TCP, TCP_MAXSEG), 1460);
    ladder_close(&t);
}

/* SO_RCVLOWAT and TCP_NOTSENT_LOWAT say when a socket is ready. */
static void low_water_marks_decide_what_is_ready(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1000, .wnd = 2000);
    user_sets(&t, SOL_SOCKET, SO_RCVLOWAT, 100);
    peer_sends(&t, SEG_ACK, .len = 99);
    assert_int_equal(ft_ready(t.stack, t.peer->sock) & FT_READABLE, 0);
    peer_sends(&t, SEG_ACK, .len = 1);
    assert_int_equal(ft_ready(t.stack, t.peer->sock) & FT_READABLE, FT_READABLE);
    (void)ladder_forget(&t);
    user_sets(&t, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 1000);
    assert_int_equal(ft_ready(t.stack, t.peer->sock) & FT_WRITABLE, FT_WRITABLE);
    user_writes(&t, 3500);
    (void)ladder_forget(&t); /* 2000 of them leave */
    assert_int_equal(ft_ready(t.stack, t.peer->sock) & FT_WRITABLE, 0);
    peer_sends(&t, SEG_ACK, .ack = 2001, .wnd = 2000);
    (void)ladder_forget(&t);
    assert_int_equal(ft_ready(t.stack, t.peer->sock) & FT_WRITABLE, FT_WRITABLE);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_linux),
        cmocka_unit_test(what_is_set_is_read_back_as_on_linux),
        cmocka_unit_test(structures_are_taken_and_told_whole),
        cmocka_unit_test(an_accepted_socket_inherits),
        cmocka_unit_test(low_water_marks_decide_what_is_ready),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
