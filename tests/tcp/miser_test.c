/* SPDX-License-Identifier: MIT */
/*
 * Windows that stay shut, where memory is short and where it is not.
 */
#include "ladder.h"

enum { NEWCOMER = 0, HOG = 1, READER = 2 };

/* Three quarters of the memory go to one whose peer is merely slow to acknowledge. */
static void open_short_of_memory(struct ladder *t)
{
    static uint8_t octets[1 << 16];

    ladder_init(t);
    t->config.limits.memory_max = 4 << 20;
    t->config.limits.send_buffer = 16 << 20;
    ladder_start(t);
    ladder_peer(t, NEWCOMER);
    peer_connects(t, .mss = 1460);
    ladder_peer(t, HOG);
    peer_connects(t, .mss = 1460);
    while (ft_send(t->stack, t->peer->sock, octets, sizeof(octets), 0) > 0)
        ;
    (void)ladder_forget(t);
}

/* The peer has no window, and 1,000 octets wait for one. */
static void shut(struct ladder *t, unsigned peer)
{
    ladder_peer(t, peer);
    peer_connects(t, .mss = 1460);
    peer_sends(t, SEG_ACK, .wnd = 0);
    user_writes(t, 1000);
    (void)ladder_forget(t);
}

static void pass(struct ladder *t, unsigned ms)
{
    after_ms(t, ms);
    (void)ladder_forget(t);
}

/* Somebody has something to send, and memory for it. */
static void come(struct ladder *t)
{
    ladder_peer(t, NEWCOMER);
    user_writes(t, 400);
    (void)ladder_forget(t);
    peer_sends(t, SEG_ACK, .ack = 401);
}

static void is_there(struct ladder *t, unsigned peer)
{
    ladder_peer(t, peer);
    assert_int_equal(stack_state(t), FT_TCP_ESTABLISHED);
}

static void is_gone(struct ladder *t, unsigned peer)
{
    ladder_peer(t, peer);
    assert_int_equal(stack_state(t), FT_TCP_CLOSED);
    assert_int_equal(user_gets(t, SOL_SOCKET, SO_ERROR), ETIMEDOUT);
}

/* RFC 9293 MUST-36: while the peer answers its probes the connection stays, if memory is there. */
/* proves: A-92 */
static void a_shut_window_may_stay_shut_while_there_is_memory(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    shut(&t, READER);
    for (unsigned i = 0; i < 3600; i++) {
        after_ms(&t, 1000);
        ladder_peer(&t, READER);
        while (ladder_take(&t))
            peer_sends(&t, SEG_ACK, .wnd = 0);
    }
    come(&t);
    assert_int_equal(stack_counts(&t).tcp_misers_evicted, 0);
    ladder_peer(&t, READER);
    peer_sends(&t, SEG_ACK, .wnd = 65535);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    peer_sends(&t, SEG_ACK);
    ladder_close(&t);
}

/* RFC 6429 4: for want of memory a connection in persist may be aborted. Its peer is told. */
/* proves: A-92 */
static void who_comes_for_memory_ends_who_sits_on_it(void **state)
{
    struct ladder t;

    (void)state;
    open_short_of_memory(&t);
    shut(&t, READER);
    pass(&t, 4000);
    come(&t); /* that was but a pause */
    is_there(&t, READER);
    pass(&t, 1000);
    ladder_peer(&t, NEWCOMER);
    peer_sends(&t, SEG_ACK, .len = 100);
    ladder_peer(&t, READER);
    stack_sends(&t, SEG_RST | SEG_ACK, .seq = 1);
    is_gone(&t, READER);
    assert_int_equal(stack_counts(&t).tcp_misers_evicted, 1);
    is_there(&t, HOG);
    ladder_close(&t);
}

/* Who has opened its window, or has taken what waited, is none; a few octets make no difference,
   and neither does it that octets were out when the window was taken back. */
/* proves: A-92 */
static void only_who_takes_nothing_is_ended(void **state)
{
    enum { TOOK = READER, OPENED, DRIPS, TAKEN_BACK, LATE };
    struct ladder t;

    (void)state;
    open_short_of_memory(&t);
    shut(&t, TOOK);
    shut(&t, OPENED);
    shut(&t, DRIPS);
    ladder_peer(&t, TAKEN_BACK);
    peer_connects(&t, .mss = 1460);
    user_writes(&t, 1000);
    (void)ladder_forget(&t);
    peer_sends(&t, SEG_ACK, .ack = 1, .wnd = 0);
    ladder_peer(&t, LATE);
    peer_connects(&t, .mss = 1460);
    pass(&t, 3000);
    ladder_peer(&t, TOOK);
    peer_sends(&t, SEG_ACK, .ack = 1, .wnd = 65535);
    peer_sends(&t, SEG_ACK, .ack = 1001, .wnd = 0);
    user_writes(&t, 1000);
    ladder_peer(&t, OPENED);
    peer_sends(&t, SEG_ACK, .ack = 1, .wnd = 65535);
    ladder_peer(&t, DRIPS);
    peer_sends(&t, SEG_ACK, .ack = 1, .wnd = 3);
    pass(&t, 2000);
    peer_sends(&t, SEG_ACK, .ack = 4, .wnd = 0);
    ladder_peer(&t, LATE);
    peer_sends(&t, SEG_ACK, .wnd = 0);
    user_writes(&t, 400);
    pass(&t, 2000);
    come(&t);
    is_there(&t, TOOK);
    is_there(&t, OPENED);
    is_there(&t, LATE);
    is_gone(&t, DRIPS);
    is_gone(&t, TAKEN_BACK);
    assert_int_equal(stack_counts(&t).tcp_misers_evicted, 2);
    ladder_close(&t);
}

/* A miser's own user does not end others by it. */
/* proves: A-92 */
static void misers_end_nobody(void **state)
{
    struct ladder t;
    uint8_t octet = 0;

    (void)state;
    open_short_of_memory(&t);
    shut(&t, READER);
    shut(&t, READER + 1);
    pass(&t, 6000);
    assert_int_equal(ft_send(t.stack, t.peer->sock, &octet, 1, 0), -EAGAIN);
    is_there(&t, READER);
    ladder_close(&t);
}

/* An orphan holds octets, too; nobody is left to be told but the peer. */
/* proves: A-92 */
static void an_orphan_gives_way_as_well(void **state)
{
    struct ladder t;

    (void)state;
    open_short_of_memory(&t);
    shut(&t, READER);
    user_closes(&t);
    (void)ladder_forget(&t);
    pass(&t, 6000);
    assert_int_equal(stack_counts(&t).now_orphans, 1);
    come(&t);
    assert_int_equal(stack_counts(&t).now_orphans, 0);
    assert_int_equal(stack_counts(&t).tcp_misers_evicted, 1);
    ladder_close(&t);
}

/* Where there is no memory for a large piece the stream begins with a small one, if that is there.
 */
/* proves: A-92 */
static void a_large_piece_begins_with_what_there_is(void **state)
{
    static uint8_t octets[16384];
    struct ladder t;

    (void)state;
    for (size_t i = 0; i < sizeof(octets); i++)
        octets[i] = ladder_octet(false, 1000 + i);
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    user_writes(&t, 1000);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    peer_sends(&t, SEG_ACK); /* a small piece is kept for the next */
    t.fail_at = t.n_allocs + 1;
    t.fail_from = true;
    assert_int_equal(ft_send(t.stack, t.peer->sock, octets, sizeof(octets), 0), 2048);
    assert_int_equal(ft_send(t.stack, t.peer->sock, octets, sizeof(octets), 0), -EAGAIN);
    t.fail_at = 0;
    (void)ladder_forget(&t);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shut_window_may_stay_shut_while_there_is_memory),
        cmocka_unit_test(who_comes_for_memory_ends_who_sits_on_it),
        cmocka_unit_test(only_who_takes_nothing_is_ended),
        cmocka_unit_test(misers_end_nobody),
        cmocka_unit_test(an_orphan_gives_way_as_well),
        cmocka_unit_test(a_large_piece_begins_with_what_there_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
