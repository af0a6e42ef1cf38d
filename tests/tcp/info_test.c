/* SPDX-License-Identifier: MIT */
/*
 * What is told of a connection: a line of the socket table, TCP_INFO, and names.
 */
#include "ladder.h"

static struct ft_sock_info line_of(const struct ladder *t, ft_sock sock)
{
    struct ft_sock_info info;

    assert_int_equal(ft_sock_info(t->stack, sock, &info), 0);
    return info;
}

/* The line of the table that has no descriptor and this state; there is one. */
static struct ft_sock_info line_in_state(const struct ladder *t, int state)
{
    struct ft_sock_info infos[16];
    uint32_t cursor = 0;
    size_t n = ft_sockets(t->stack, infos, 16, &cursor), at = 16;

    for (size_t i = 0; i < n; i++)
        if (infos[i].state == state && infos[i].sock < 0)
            at = i;
    assert_true(at < 16);
    return infos[at];
}

static void assert_names(const struct ladder *t, const struct ft_sock_info *info)
{
    assert_int_equal(info->protocol, IPPROTO_TCP);
    assert_int_equal(info->family, AF_INET);
    assert_true(addr_eq(&info->local, &t->us));
    assert_true(addr_eq(&info->remote, &t->them));
    assert_int_equal(info->local_port, LADDER_PORT);
    assert_int_equal(info->remote_port, LADDER_PEER_PORT);
}

static void a_passive_socket_tells_of_its_backlog(void **state)
{
    struct ft_sock_info info;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    info = line_of(&t, t.listener);
    assert_int_equal(info.state, FT_TCP_LISTEN);
    assert_int_equal(info.recv_q, 0);
    assert_int_equal(info.send_q, 8);
    assert_int_equal(info.local_port, LADDER_PORT);
    assert_int_equal(info.remote_port, 0);
    peer_sends(&t, SEG_SYN, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK);
    assert_int_equal(line_of(&t, t.listener).recv_q, 0); /* half open is not waiting */
    info = line_in_state(&t, FT_TCP_SYN_RECEIVED);
    assert_names(&t, &info);
    peer_sends(&t, SEG_ACK);
    assert_int_equal(line_of(&t, t.listener).recv_q, 1);
    info = line_in_state(&t, FT_TCP_ESTABLISHED); /* nobody has accepted it yet */
    assert_names(&t, &info);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    assert_int_equal(line_of(&t, t.listener).recv_q, 0);
    ladder_close(&t);
}

static void octets_and_segments_are_counted_as_they_go(void **state)
{
    struct ft_sock_info info;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_connects(&t, .mss = 1000, .wnd = 20000);
    info = line_of(&t, t.peer->sock);
    assert_names(&t, &info);
    assert_true(info.sock == t.peer->sock);
    assert_int_equal(info.mss, 1000);
    assert_int_equal(info.snd_wnd, 20000);
    user_writes(&t, 2500);
    stack_sends(&t, SEG_ACK, .len = 1000);
    stack_sends(&t, SEG_ACK, .len = 1000);
    stack_sends(&t, SEG_ACK, .len = 500);
    peer_sends(&t, SEG_ACK, .ack = 1001, .len = 300);
    (void)ladder_forget(&t);
    info = line_of(&t, t.peer->sock);
    assert_int_equal(info.recv_q, 300);
    assert_int_equal(info.send_q, 1500);
    assert_int_equal(info.octets_sent, 2500);
    assert_int_equal(info.octets_acked, 1000);
    assert_int_equal(info.octets_received, 300);
    assert_int_equal(info.octets_retrans, 0);
    assert_int_equal(info.segs_retrans, 0);
    assert_int_equal(info.retrans, 0);
    after_ms(&t, 300);
    stack_sends(&t, SEG_ACK, .seq = 1001, .len = 1000);
    info = line_of(&t, t.peer->sock);
    assert_int_equal(info.octets_sent, 3500); /* what was sent again was sent, too */
    assert_int_equal(info.octets_retrans, 1000);
    assert_int_equal(info.segs_retrans, 1);
    assert_int_equal(info.retrans, 1);
    assert_int_equal(info.ca_state, 4); /* TCP_CA_Loss */
    user_reads(&t, 300);
    assert_int_equal(line_of(&t, t.peer->sock).recv_q, 0);
    ladder_close(&t);
}

static void what_has_no_descriptor_is_told_too(void **state)
{
    struct ft_sock_info info;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_connects(&t, .mss = 1460);
    user_closes(&t);
    stack_sends(&t, SEG_FIN | SEG_ACK);
    info = line_in_state(&t, FT_TCP_FIN_WAIT_1);
    assert_names(&t, &info);
    assert_true(info.user == NULL);
    peer_sends(&t, SEG_FIN | SEG_ACK, .ack = 2);
    stack_sends(&t, SEG_ACK, .seq = 2);
    info = line_in_state(&t, FT_TCP_TIME_WAIT);
    assert_names(&t, &info);
    ladder_close(&t);
}

static struct tcp_info tcp_info_of(const struct ladder *t, ft_sock sock)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    assert_int_equal(ft_getsockopt(t->stack, sock, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    return info;
}

static void tcp_info_counts_in_linuxs_units(void **state)
{
    struct tcp_info info;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    assert_int_equal(tcp_info_of(&t, t.listener).tcpi_state, FT_TCP_LISTEN);
    peer_connects(&t, .mss = 1000, .wscale = 5, .sack_ok = 1, .tsval = 77);
    info = tcp_info_of(&t, t.peer->sock);
    assert_int_equal(info.tcpi_state, FT_TCP_ESTABLISHED);
    assert_int_equal(info.tcpi_options, TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE);
    assert_int_equal(info.tcpi_snd_wscale, 5);
    assert_int_equal(info.tcpi_snd_mss, 988); /* the timestamps come off it */
    assert_int_equal(info.tcpi_advmss, 1460);
    assert_int_equal(info.tcpi_pmtu, 1500);
    assert_int_equal(info.tcpi_snd_cwnd, 10); /* in segments */
    assert_int_equal(info.tcpi_snd_ssthresh, 0x7fffffff);
    assert_int_equal(info.tcpi_unacked, 0);
    user_writes(&t, 2500);
    (void)ladder_forget(&t);
    assert_int_equal(tcp_info_of(&t, t.peer->sock).tcpi_unacked, 3);
    after_ms(&t, 1500);
    (void)ladder_forget(&t);
    info = tcp_info_of(&t, t.peer->sock);
    assert_true(info.tcpi_retransmits > 0);
    /* The tail loss probe before the first timeout is one more. */
    assert_int_equal(info.tcpi_total_retrans, info.tcpi_retransmits + 1);
    assert_int_equal(info.tcpi_ca_state, 4);
    assert_in_range(info.tcpi_last_ack_recv, 1500, 1502);
    ladder_close(&t);
}

static void without_options_none_are_told(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_connects(&t, .mss = NONE);
    assert_int_equal(tcp_info_of(&t, t.peer->sock).tcpi_options, 0);
    assert_int_equal(tcp_info_of(&t, t.peer->sock).tcpi_snd_mss, 536);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_passive_socket_tells_of_its_backlog),
        cmocka_unit_test(octets_and_segments_are_counted_as_they_go),
        cmocka_unit_test(what_has_no_descriptor_is_told_too),
        cmocka_unit_test(tcp_info_counts_in_linuxs_units),
        cmocka_unit_test(without_options_none_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
