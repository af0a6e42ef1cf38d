/* SPDX-License-Identifier: MIT */
/*
 * SEND and RECEIVE: RFC 9293 3.10.2 and 3.10.3, and readiness as poll(2) tells it.
 */
#include "ladder.h"

/* RFC 9293 3.10.2: SEND takes what there is room for, then answers that it must wait; room is told
   when a third of the buffer is free. */
static void a_full_send_buffer_takes_part_and_tells_of_room(void **state)
{
    static uint8_t octets[100000];
    struct ft_event event;
    struct ladder t;

    (void)state;
    for (size_t i = 0; i < sizeof(octets); i++)
        octets[i] = ladder_octet(false, i);
    ladder_init(&t);
    t.config.limits.send_buffer = 60000;
    ladder_start(&t);
    peer_connects(&t, .mss = 1000);
    assert_int_equal(ft_send(t.stack, t.peer->sock, octets, sizeof(octets), 0), 30000);
    assert_int_equal(ft_send(t.stack, t.peer->sock, octets, 1, 0), -EAGAIN);
    assert_int_equal(ft_ready(t.stack, t.peer->sock) & FT_WRITABLE, 0);
    assert_int_equal(ft_watch(t.stack, t.peer->sock, FT_WRITABLE, &t), 0);
    (void)ladder_forget(&t);
    peer_sends(&t, SEG_ACK, .ack = 5001);
    assert_int_equal(ft_events(t.stack, &event, 1), 0);
    peer_sends(&t, SEG_ACK, .ack = 10001);
    assert_int_equal(ft_events(t.stack, &event, 1), 1);
    assert_true(event.mask & FT_WRITABLE);
    (void)ladder_forget(&t);
    ladder_close(&t);
}

/* Memory that is refused is a buffer that is full: who waits for room is woken when what he has
   queued is acknowledged, and not before. */
static void refused_memory_wakes_the_sender_when_octets_are_acknowledged(void **state)
{
    static uint8_t octets[4 << 20];
    struct ft_event event;
    struct ladder t;

    (void)state;
    for (size_t i = 0; i < sizeof(octets); i++)
        octets[i] = ladder_octet(false, i);
    ladder_init(&t);
    t.config.limits.memory_max = 2 << 20;
    t.config.limits.send_buffer = 16 << 20;
    ladder_start(&t);
    peer_connects(&t, .mss = 1000);
    ssize_t sent = ft_send(t.stack, t.peer->sock, octets, sizeof(octets), 0);
    assert_in_range(sent, 1, sizeof(octets) - 1);
    assert_int_equal(ft_send(t.stack, t.peer->sock, octets, 1, 0), -EAGAIN);
    assert_int_equal(ft_ready(t.stack, t.peer->sock) & FT_WRITABLE, 0);
    assert_int_equal(ft_watch(t.stack, t.peer->sock, FT_WRITABLE, &t), 0);
    assert_int_equal(ft_events(t.stack, &event, 1), 0);
    (void)ladder_forget(&t);
    peer_sends(&t, SEG_ACK, .ack = 1001);
    assert_int_equal(ft_events(t.stack, &event, 1), 1);
    assert_true(event.mask & FT_WRITABLE);
    (void)ladder_forget(&t);
    ladder_close(&t);
}

/* RFC 9293 3.10.3: RECEIVE with MSG_PEEK leaves the octets where they are. */
static void a_peek_leaves_the_octets(void **state)
{
    uint8_t octets[50];
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_ACK, .len = 100);
    assert_int_equal(ft_recv(t.stack, t.peer->sock, octets, 50, MSG_PEEK), 50);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(octets[i], ladder_octet(true, i));
    user_reads(&t, 100);
    ladder_close(&t);
}

/* RFC 9293 3.10.2, 3.10.4: after closing its direction the user cannot send, and still receives. */
static void a_half_closed_connection_still_receives(void **state)
{
    uint8_t octet = 0;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    assert_int_equal(ft_shutdown(t.stack, t.peer->sock, SHUT_WR), 0);
    stack_sends(&t, SEG_ACK | SEG_FIN, .seq = 1);
    assert_int_equal(ft_send(t.stack, t.peer->sock, &octet, 1, 0), -EPIPE);
    peer_sends(&t, SEG_ACK, .len = 3000);
    (void)ladder_forget(&t);
    user_reads(&t, 3000);
    user_reads_nothing(&t, -EAGAIN);
    ladder_close(&t);
}

/* RFC 9293 3.10.2, CLOSE-WAIT: after the peer has closed the user may go on sending. */
static void in_close_wait_one_may_go_on_sending(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_ACK | SEG_FIN);
    stack_sends(&t, SEG_ACK, .ack = 102);
    assert_true(ft_ready(t.stack, t.peer->sock) & FT_RDHUP);
    assert_false(ft_ready(t.stack, t.peer->sock) & FT_HANGUP);
    user_writes(&t, 100);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 100);
    peer_sends(&t, SEG_ACK);
    user_closes(&t);
    stack_sends(&t, SEG_ACK | SEG_FIN, .seq = 101);
    peer_sends(&t, SEG_ACK);
    ladder_close(&t);
}

/* RFC 9293 3.8.6.1: a receiver may keep its window closed as long as it likes; probes of the peer
   are answered. */
/* proves: MAY-8 */
static void a_closed_window_answers_probes_for_ever(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.limits.recv_buffer = 4000;
    ladder_start(&t);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_ACK, .len = 1000);
    peer_sends(&t, SEG_ACK, .len = 1000);
    (void)ladder_forget(&t);
    assert_int_equal(t.seg.wnd, 0);
    for (unsigned i = 0; i < 50; i++) {
        after_ms(&t, 60000);
        peer_sends(&t, SEG_ACK, .seq = 2101, .len = 1);
        stack_sends(&t, SEG_ACK, .ack = 2101, .wnd = 0);
    }
    user_reads(&t, 2000);
    stack_sends(&t, SEG_ACK, .ack = 2101, .wnd = 2000);
    ladder_close(&t);
}

/* An event tells of a change once; bits gather until they are taken. */
static void events_gather_until_they_are_taken(void **state)
{
    struct ft_event event;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    assert_int_equal(ft_watch(t.stack, t.peer->sock, FT_READABLE | FT_RDHUP, &t), 0);
    assert_int_equal(ft_events(t.stack, &event, 1), 0);
    peer_sends(&t, SEG_ACK, .len = 10);
    peer_sends(&t, SEG_ACK | SEG_FIN, .len = 10);
    assert_int_equal(ft_events(t.stack, &event, 1), 1);
    assert_true((event.mask & FT_READABLE) && (event.mask & FT_RDHUP));
    assert_int_equal(ft_events(t.stack, &event, 1), 0);
    (void)ladder_forget(&t);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_send_buffer_takes_part_and_tells_of_room),
        cmocka_unit_test(refused_memory_wakes_the_sender_when_octets_are_acknowledged),
        cmocka_unit_test(a_peek_leaves_the_octets),
        cmocka_unit_test(a_half_closed_connection_still_receives),
        cmocka_unit_test(in_close_wait_one_may_go_on_sending),
        cmocka_unit_test(a_closed_window_answers_probes_for_ever),
        cmocka_unit_test(events_gather_until_they_are_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
