/* SPDX-License-Identifier: MIT */
/*
 * The gap between a passive socket and the next one of its name, where the configuration lets SYNs
 * wait for it.
 */
#include "ladder.h"

#define WAIT_MS 100

static void open_patient(struct ladder *t)
{
    ladder_init(t);
    t->config.limits.relisten_ms = WAIT_MS;
    ladder_start(t);
    stack_listens(t);
}

static void listener_closes(struct ladder *t)
{
    assert_int_equal(ft_close(t->stack, t->listener), 0);
    t->listener = -1;
    ladder_check(t);
}

/* Without SO_REUSEADDR: what is half open holds no port. */
static void listens_again(struct ladder *t)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(LADDER_PORT)};

    t->listener = ft_socket(t->stack, AF_INET, SOCK_STREAM, 0);
    assert_true(t->listener >= 0);
    assert_int_equal(ft_bind(t->stack, t->listener, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(ft_listen(t->stack, t->listener, 8), 0);
    ladder_check(t);
}

/* As Linux: RFC 9293 3.10.7.1. */
static void by_default_a_syn_after_the_close_is_refused_at_once(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    listener_closes(&t);
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460);
    assert_verdict(&t, FT_RX_NO_SOCKET);
    stack_sends(&t, SEG_RST | SEG_ACK, .seq = 0, .ack = 101);
    ladder_close(&t);
}

/* A server that listens again at once loses no client. */
static void a_syn_in_the_gap_waits_for_the_next_passive_socket(void **state)
{
    struct ladder t;

    (void)state;
    open_patient(&t);
    listener_closes(&t);
    after_ms(&t, 5);
    peer_sends(&t, SEG_SYN, .seq = 100, .wnd = 65535, .mss = 1460);
    assert_verdict(&t, FT_RX_PASSIVE);
    after_ms(&t, 20);
    stack_sends_nothing(&t);
    stack_listens(&t); /* without SO_REUSEADDR: what waits holds no port */
    after_ms(&t, 2);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 101);
    peer_sends(&t, SEG_ACK);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    assert_true(t.peer->sock >= 0);
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    ladder_close(&t);
}

/* A program that is gone for good refuses, a moment later. */
static void without_a_next_one_the_syn_is_refused_in_time(void **state)
{
    struct ladder t;

    (void)state;
    open_patient(&t);
    listener_closes(&t);
    after_ms(&t, 60);
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460);
    after_ms(&t, 38);
    stack_sends_nothing(&t);
    after_ms(&t, 4);
    stack_sends(&t, SEG_RST | SEG_ACK, .seq = 0, .ack = 101);
    assert_int_equal(stack_counts(&t).now_half_open, 0);
    peer_sends(&t, SEG_SYN, .seq = 200, .mss = 1460);
    stack_sends(&t, SEG_RST | SEG_ACK, .seq = 0, .ack = 201);
    ladder_close(&t);
}

/* The SYN was answered before the close; its ACK comes in the gap, when the peer is connected. */
static void an_ack_in_the_gap_waits_for_the_next_passive_socket(void **state)
{
    struct ladder t;

    (void)state;
    open_patient(&t);
    peer_sends(&t, SEG_SYN, .seq = 100, .wnd = 65535, .mss = 1460, .wscale = 7);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 101);
    listener_closes(&t);
    peer_sends(&t, SEG_ACK);
    peer_sends(&t, SEG_ACK);
    after_ms(&t, 20);
    stack_sends_nothing(&t);
    listens_again(&t);
    after_ms(&t, 2);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 101);
    peer_sends(&t, SEG_ACK);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    assert_true(t.peer->sock >= 0);
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    ladder_close(&t);
}

/* Or it comes late, to a passive socket that has never seen the SYN. */
static void an_ack_after_the_gap_goes_to_the_next_passive_socket(void **state)
{
    struct ladder t;

    (void)state;
    open_patient(&t);
    peer_sends(&t, SEG_SYN, .seq = 100, .wnd = 65535, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 101);
    listener_closes(&t);
    listens_again(&t);
    peer_sends(&t, SEG_ACK);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    assert_true(t.peer->sock >= 0);
    ladder_close(&t);
}

/* RFC 9293 3.10.7.1, late. */
static void an_ack_in_a_gap_that_nobody_ends_is_reset_in_time(void **state)
{
    struct ladder t;

    (void)state;
    open_patient(&t);
    peer_sends(&t, SEG_SYN, .seq = 100, .wnd = 65535, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 101);
    listener_closes(&t);
    peer_sends(&t, SEG_ACK);
    after_ms(&t, WAIT_MS - 2);
    stack_sends_nothing(&t);
    after_ms(&t, 4);
    stack_sends(&t, SEG_RST, .seq = 1);
    assert_int_equal(stack_counts(&t).now_half_open, 0);
    ladder_close(&t);
}

static void a_port_that_nobody_gave_up_refuses_at_once(void **state)
{
    struct ladder t;

    (void)state;
    open_patient(&t);
    listener_closes(&t);
    t.peer->stack_port = 4711;
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460);
    stack_sends(&t, SEG_RST | SEG_ACK, .seq = 0, .ack = 101);
    ladder_close(&t);
}

/* While it waits: the SYN again, a reset, and an ACK of what was never sent. */
static void what_comes_for_a_syn_that_waits_is_taken_as_for_any_half_open_one(void **state)
{
    struct ladder t;

    (void)state;
    open_patient(&t);
    listener_closes(&t);
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460);
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460);
    stack_sends_nothing(&t);
    assert_int_equal(stack_counts(&t).now_half_open, 1);
    peer_sends(&t, SEG_ACK, .seq = 101, .ack = 4711);
    stack_sends(&t, SEG_RST);
    peer_sends(&t, SEG_RST, .seq = 101);
    stack_sends_nothing(&t);
    assert_int_equal(stack_counts(&t).now_half_open, 0);
    ladder_close(&t);
}

/* Of a flood only so many wait; the others are refused as ever. */
static void a_flood_in_the_gap_is_bounded(void **state)
{
    struct ladder t;
    unsigned n_refused = 0;

    (void)state;
    open_patient(&t);
    listener_closes(&t);
    for (unsigned i = 0; i < 100; i++)
        peer_sends(&t, SEG_SYN, .seq = 100, .sport = 2000 + i, .mss = 1460);
    while (ladder_take(&t))
        n_refused += (t.seg.flags & SEG_RST) != 0;
    assert_int_equal(stack_counts(&t).now_half_open, 64);
    assert_int_equal(n_refused, 36);
    after_ms(&t, WAIT_MS + 2);
    (void)ladder_forget(&t);
    assert_int_equal(stack_counts(&t).now_half_open, 0);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_default_a_syn_after_the_close_is_refused_at_once),
        cmocka_unit_test(a_syn_in_the_gap_waits_for_the_next_passive_socket),
        cmocka_unit_test(without_a_next_one_the_syn_is_refused_in_time),
        cmocka_unit_test(an_ack_in_the_gap_waits_for_the_next_passive_socket),
        cmocka_unit_test(an_ack_after_the_gap_goes_to_the_next_passive_socket),
        cmocka_unit_test(an_ack_in_a_gap_that_nobody_ends_is_reset_in_time),
        cmocka_unit_test(a_port_that_nobody_gave_up_refuses_at_once),
        cmocka_unit_test(what_comes_for_a_syn_that_waits_is_taken_as_for_any_half_open_one),
        cmocka_unit_test(a_flood_in_the_gap_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
