/* SPDX-License-Identifier: MIT */
/*
 * What is told of a connection: a line of the socket table, TCP_INFO, and names.
 */
#include <assert.h>

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

/* The rest of Linux's struct, which the libc's lacks. */
struct tail {
    struct tcp_info head;
    uint8_t between[88]; /* octets, segments, rates and times */
    uint32_t delivered, delivered_ce;
    uint64_t octets_sent, octets_retrans;
    uint32_t dsack_dups, reord_seen, rcv_ooopack;
    uint32_t snd_wnd, rcv_wnd, rehash;
    uint16_t total_rto, total_rto_recoveries;
};

static_assert(offsetof(struct tail, octets_sent) == 200, "as Linux has it");
static_assert(offsetof(struct tail, snd_wnd) == 228, "as Linux has it");

static struct tail tail_of(const struct ladder *t)
{
    struct tail info;
    socklen_t len = sizeof(info);

    assert_int_equal(ft_getsockopt(t->stack, t->peer->sock, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    assert_int_equal(len, sizeof(info));
    return info;
}

/* Three short segments are three, whatever part of an MSS their octets are. */
static void short_segments_are_counted_as_segments(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_connects(&t, .mss = 1000, .sack_ok = 1);
    user_sets(&t, IPPROTO_TCP, TCP_NODELAY, 1);
    assert_int_equal(tail_of(&t).delivered, 1); /* the SYN */
    for (int i = 0; i < 3; i++) {
        user_writes(&t, 100);
        stack_sends(&t, SEG_ACK, .len = 100);
    }
    assert_int_equal(tail_of(&t).head.tcpi_unacked, 3);
    assert_int_equal(tail_of(&t).delivered, 1);
    peer_sends(&t, SEG_ACK, .ack = 201);
    assert_int_equal(tail_of(&t).head.tcpi_unacked, 1);
    assert_int_equal(tail_of(&t).delivered, 3);
    peer_sends(&t, SEG_ACK, .ack = 301);
    assert_int_equal(tail_of(&t).head.tcpi_unacked, 0);
    assert_int_equal(tail_of(&t).delivered, 4);
    ladder_close(&t);
}

/* A short segment that SACK told of is one segment of its own: octets over the MSS would say that
   three of them are one. The ACK that follows delivers only what SACK has not told of. */
static void sacked_segments_are_counted_once(void **state)
{
    struct tcp_info head;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_connects(&t, .mss = 1000, .sack_ok = 1);
    user_sets(&t, IPPROTO_TCP, TCP_NODELAY, 1);
    for (int i = 0; i < 4; i++) {
        user_writes(&t, 100);
        stack_sends(&t, SEG_ACK, .len = 100);
    }
    assert_int_equal(tail_of(&t).head.tcpi_ca_state, 0);
    peer_sends(&t, SEG_ACK, .ack = 1, .n_sack = 1, .sack = {{201, 401}});
    head = tail_of(&t).head;
    assert_int_equal(head.tcpi_sacked, 2);
    assert_int_equal(head.tcpi_unacked, 4);
    assert_int_equal(head.tcpi_ca_state, 1); /* TCP_CA_Disorder */
    assert_int_equal(tail_of(&t).delivered, 3);
    peer_sends(&t, SEG_ACK, .ack = 401);
    assert_int_equal(tail_of(&t).delivered, 5);
    assert_int_equal(tail_of(&t).head.tcpi_ca_state, 0);
    /* They came late and not again: the path reorders, by two segments. */
    assert_int_equal(tail_of(&t).reord_seen, 1);
    ladder_close(&t);
}

/* As on Linux: what was lost is lost until it has arrived, also when it left again; a probe repairs
   what may be no loss. Reordering is the distance in segments, and what is before the first that
   came late was not overtaken by it. */
static void what_was_lost_counts_until_it_has_arrived(void **state)
{
    struct tcp_info head;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_connects(&t, .mss = 1000, .sack_ok = 1);
    user_writes(&t, 10000);
    (void)ladder_forget(&t);
    peer_sends(&t, SEG_ACK, .ack = 1, .n_sack = 1, .sack = {{6001, 9001}});
    (void)ladder_forget(&t);
    head = tail_of(&t).head;
    assert_int_equal(head.tcpi_lost, 6);
    assert_int_equal(head.tcpi_retrans, 3);
    assert_int_equal(head.tcpi_reordering, 3);
    peer_sends(&t, SEG_ACK, .ack = 1, .n_sack = 2, .sack = {{4001, 5001}, {6001, 9001}});
    (void)ladder_forget(&t);
    head = tail_of(&t).head;
    assert_int_equal(head.tcpi_lost, 5);
    assert_int_equal(head.tcpi_reordering, 5);
    peer_sends(&t, SEG_ACK, .ack = 10001);
    user_writes(&t, 1000);
    (void)ladder_forget(&t);
    after_ms(&t, 300);
    (void)ladder_forget(&t);
    head = tail_of(&t).head;
    assert_int_equal(head.tcpi_retrans, 1);
    assert_int_equal(head.tcpi_lost, 0);
    peer_sends(&t, SEG_ACK);
    ladder_close(&t);
}

static void times_since_are_told(void **state)
{
    struct tcp_info head;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_connects(&t, .mss = 1000);
    after_ms(&t, 50);
    head = tail_of(&t).head;
    assert_int_equal(head.tcpi_last_data_sent, 0);     /* none yet */
    assert_in_range(head.tcpi_last_data_recv, 50, 51); /* since the handshake, as on Linux */
    user_writes(&t, 100);
    stack_sends(&t, SEG_ACK, .len = 100);
    after_ms(&t, 10);
    peer_sends(&t, SEG_ACK, .ack = 101, .len = 10);
    after_ms(&t, 20);
    peer_sends(&t, SEG_ACK, .ack = 101);
    after_ms(&t, 5);
    head = tail_of(&t).head;
    assert_in_range(head.tcpi_last_data_sent, 35, 36);
    assert_in_range(head.tcpi_last_data_recv, 25, 26);
    assert_in_range(head.tcpi_last_ack_recv, 5, 6);
    assert_int_equal(head.tcpi_rcv_ssthresh, user_gets(&t, SOL_SOCKET, SO_RCVBUF) / 2);
    (void)ladder_forget(&t);
    ladder_close(&t);
}

static void timeouts_are_counted(void **state)
{
    struct tail info;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_connects(&t, .mss = 1000);
    user_writes(&t, 1500);
    (void)ladder_forget(&t);
    after_ms(&t, 800);
    (void)ladder_forget(&t);
    info = tail_of(&t);
    assert_int_equal(info.total_rto, 2); /* after 200 and 600 ms */
    assert_int_equal(info.head.tcpi_backoff, 2);
    assert_int_equal(info.head.tcpi_retransmits, 2);
    assert_int_equal(info.head.tcpi_lost, 2);
    assert_int_equal(info.head.tcpi_retrans, 1);
    peer_sends(&t, SEG_ACK, .ack = 1501);
    info = tail_of(&t);
    assert_int_equal(info.total_rto, 2);
    assert_int_equal(info.head.tcpi_backoff, 0);
    (void)ladder_forget(&t);
    ladder_close(&t);
}

/* Probes of a closed window back the timer off, and are no retransmissions. */
static void probes_of_a_window_are_no_retransmissions(void **state)
{
    struct tcp_info head;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_connects(&t, .mss = 1000);
    peer_sends(&t, SEG_ACK, .wnd = 0);
    user_writes(&t, 500);
    after_ms(&t, 300);
    (void)ladder_forget(&t);
    head = tail_of(&t).head;
    assert_int_equal(head.tcpi_probes, 1);
    assert_int_equal(head.tcpi_backoff, 1);
    assert_int_equal(head.tcpi_retransmits, 0);
    assert_int_equal(line_of(&t, t.peer->sock).notsent, 500);
    assert_int_equal(tail_of(&t).total_rto, 0);
    ladder_close(&t);
}

static void what_came_out_of_order_or_twice_is_counted(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_connects(&t, .mss = 1000, .sack_ok = 1);
    assert_int_equal(tail_of(&t).rcv_ooopack, 0);
    peer_sends(&t, SEG_ACK, .seq = LADDER_PEER_ISN + 101, .len = 100);
    peer_sends(&t, SEG_ACK, .seq = LADDER_PEER_ISN + 201, .len = 100);
    peer_sends(&t, SEG_ACK, .seq = LADDER_PEER_ISN + 1, .len = 100);
    assert_int_equal(tail_of(&t).rcv_ooopack, 2);
    (void)ladder_forget(&t);
    user_writes(&t, 1000);
    stack_sends(&t, SEG_ACK, .len = 1000);
    peer_sends(&t, SEG_ACK, .seq = LADDER_PEER_ISN + 301, .ack = 1001);
    assert_int_equal(tail_of(&t).dsack_dups, 0);
    peer_sends(&t, SEG_ACK, .seq = LADDER_PEER_ISN + 301, .ack = 1001, .n_sack = 1,
               .sack = {{1, 1001}});
    assert_int_equal(tail_of(&t).dsack_dups, 1);
    ladder_close(&t);
}

/* The first flight follows idleness, so the path might have taken more; the second does not. */
static void a_rate_that_the_user_limits_is_told_as_such(void **state)
{
    struct tail info;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_connects(&t, .mss = 1000, .wnd = 60000);
    user_writes(&t, 60000);
    (void)ladder_forget(&t);
    after_ms(&t, 10);
    peer_sends(&t, SEG_ACK, .ack = 10001);
    (void)ladder_forget(&t);
    info = tail_of(&t);
    assert_int_equal(((const uint8_t *)&info)[7], 1);
    after_ms(&t, 10);
    peer_sends(&t, SEG_ACK, .ack = 20001);
    (void)ladder_forget(&t);
    info = tail_of(&t);
    assert_int_equal(((const uint8_t *)&info)[7], 0);
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
        cmocka_unit_test(short_segments_are_counted_as_segments),
        cmocka_unit_test(sacked_segments_are_counted_once),
        cmocka_unit_test(what_was_lost_counts_until_it_has_arrived),
        cmocka_unit_test(times_since_are_told),
        cmocka_unit_test(timeouts_are_counted),
        cmocka_unit_test(probes_of_a_window_are_no_retransmissions),
        cmocka_unit_test(what_came_out_of_order_or_twice_is_counted),
        cmocka_unit_test(a_rate_that_the_user_limits_is_told_as_such),
        cmocka_unit_test(without_options_none_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
