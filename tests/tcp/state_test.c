/* SPDX-License-Identifier: MIT */
/*
 * The states of RFC 9293 3.3.2 and the arrows between them: each way through the figure is walked,
 * and the trace must tell exactly its arrows.
 */
#include "ladder.h"

/* What the trace told: old and new states in turn. */
struct walk {
    uint8_t seen[64];
    unsigned n;
};

static void on_event(void *ctx, const struct ft_trace_event *event)
{
    struct walk *walk = ctx;

    if (event->kind != FT_TRACE_STATE)
        return;
    assert_true(walk->n + 2 <= sizeof(walk->seen));
    walk->seen[walk->n++] = event->old_state;
    walk->seen[walk->n++] = event->new_state;
}

static void watch(struct ladder *t, struct walk *walk)
{
    struct ft_trace_sink sink = {.event = on_event, .ctx = walk};

    memset(walk, 0, sizeof(*walk));
    ft_set_trace(t->stack, &sink);
}

/* The states that were walked through, from the first to the last. */
#define assert_walked(walk, ...)                                                                   \
    check_walk((walk), (const uint8_t[]){__VA_ARGS__},                                             \
               sizeof((const uint8_t[]){__VA_ARGS__}) / sizeof(uint8_t), __LINE__)

static void check_walk(const struct walk *walk, const uint8_t *states, size_t n, int line)
{
    bool same = walk->n == 2 * (n - 1);

    for (size_t i = 0; same && i + 1 < n; i++)
        same = walk->seen[2 * i] == states[i] && walk->seen[2 * i + 1] == states[i + 1];
    if (!same)
        fail_msg("line %d: another walk, of %u arrows", line, walk->n / 2);
}

static void an_active_open_and_close_walk_down_the_left(void **state)
{
    struct walk walk;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    watch(&t, &walk);
    stack_connects(&t, .mss = 1460);
    assert_int_equal(ft_shutdown(t.stack, t.peer->sock, SHUT_WR), 0);
    stack_sends(&t, SEG_FIN | SEG_ACK, .seq = 1);
    peer_sends(&t, SEG_ACK, .ack = 2);
    peer_sends(&t, SEG_FIN | SEG_ACK, .ack = 2);
    stack_sends(&t, SEG_ACK, .seq = 2, .ack = 102);
    assert_walked(&walk, FT_TCP_CLOSED, FT_TCP_SYN_SENT, FT_TCP_ESTABLISHED, FT_TCP_FIN_WAIT_1,
                  FT_TCP_FIN_WAIT_2, FT_TCP_TIME_WAIT, FT_TCP_CLOSED);
    assert_int_equal(stack_counts(&t).now_time_wait, 1);
    assert_int_equal(stack_counts(&t).tcp_active_opens, 1);
    ladder_close(&t);
}

static void a_passive_open_and_close_walk_down_the_right(void **state)
{
    struct walk walk;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    watch(&t, &walk);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_FIN | SEG_ACK);
    stack_sends(&t, SEG_ACK, .ack = 102);
    user_closes(&t);
    stack_sends(&t, SEG_FIN | SEG_ACK, .seq = 1, .ack = 102);
    peer_sends(&t, SEG_ACK, .ack = 2);
    assert_walked(&walk, FT_TCP_CLOSED, FT_TCP_SYN_RECEIVED, FT_TCP_ESTABLISHED, FT_TCP_CLOSE_WAIT,
                  FT_TCP_LAST_ACK, FT_TCP_CLOSED);
    assert_int_equal(stack_counts(&t).tcp_passive_opens, 1);
    assert_int_equal(stack_counts(&t).now_time_wait, 0);
    ladder_close(&t);
}

/* RFC 9293 figure 7 and 12: both open, and both close, at once. */
static void simultaneous_open_and_close_walk_through_the_middle(void **state)
{
    struct walk walk;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    watch(&t, &walk);
    user_connects(&t);
    stack_sends(&t, SEG_SYN);
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 101);
    peer_sends(&t, SEG_SYN | SEG_ACK, .seq = 100, .ack = 1);
    (void)ladder_forget(&t);
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    assert_int_equal(ft_shutdown(t.stack, t.peer->sock, SHUT_WR), 0);
    stack_sends(&t, SEG_FIN | SEG_ACK, .seq = 1);
    peer_sends(&t, SEG_FIN | SEG_ACK, .seq = 101, .ack = 1);
    stack_sends(&t, SEG_ACK, .seq = 2, .ack = 102);
    peer_sends(&t, SEG_ACK, .seq = 102, .ack = 2);
    assert_walked(&walk, FT_TCP_CLOSED, FT_TCP_SYN_SENT, FT_TCP_SYN_RECEIVED, FT_TCP_ESTABLISHED,
                  FT_TCP_FIN_WAIT_1, FT_TCP_CLOSING, FT_TCP_TIME_WAIT, FT_TCP_CLOSED);
    ladder_close(&t);
}

/* RFC 9293 3.10.7.4: the ACK counts before the FIN that it comes with (figure 5, note 2). */
static void a_fin_that_acknowledges_ours_leads_to_time_wait_at_once(void **state)
{
    struct walk walk;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1460);
    watch(&t, &walk);
    assert_int_equal(ft_shutdown(t.stack, t.peer->sock, SHUT_WR), 0);
    stack_sends(&t, SEG_FIN | SEG_ACK, .seq = 1);
    peer_sends(&t, SEG_FIN | SEG_ACK, .ack = 2);
    stack_sends(&t, SEG_ACK, .seq = 2, .ack = 102);
    assert_walked(&walk, FT_TCP_ESTABLISHED, FT_TCP_FIN_WAIT_1, FT_TCP_FIN_WAIT_2, FT_TCP_TIME_WAIT,
                  FT_TCP_CLOSED);
    ladder_close(&t);
}

/* A reset leads to CLOSED from each state, and is counted by what it ended (RFC 4022). */
static void a_reset_leads_to_closed_from_everywhere(void **state)
{
    struct walk walk;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    stack_sends(&t, SEG_SYN);
    watch(&t, &walk);
    peer_sends(&t, SEG_RST | SEG_ACK, .seq = 0, .ack = 1);
    assert_walked(&walk, FT_TCP_SYN_SENT, FT_TCP_CLOSED);
    assert_int_equal(stack_counts(&t).tcp_attempt_fails, 1);
    ladder_close(&t);
    for (unsigned way = 0; way < 4; way++) {
        static const uint8_t from[] = {FT_TCP_ESTABLISHED, FT_TCP_CLOSE_WAIT, FT_TCP_FIN_WAIT_1,
                                       FT_TCP_FIN_WAIT_2};
        unsigned peer_fin = way == 1;

        ladder_open(&t);
        stack_connects(&t, .mss = 1460);
        if (peer_fin)
            peer_sends(&t, SEG_FIN | SEG_ACK);
        if (way >= 2)
            assert_int_equal(ft_shutdown(t.stack, t.peer->sock, SHUT_WR), 0);
        (void)ladder_forget(&t);
        if (way == 3)
            peer_sends(&t, SEG_ACK, .ack = 2);
        assert_int_equal(stack_state(&t), from[way]);
        watch(&t, &walk);
        peer_sends(&t, SEG_RST, .seq = 101 + peer_fin);
        assert_walked(&walk, from[way], FT_TCP_CLOSED);
        /* RFC 4022 tcpEstabResets: from ESTABLISHED or CLOSE-WAIT. */
        assert_int_equal(stack_counts(&t).tcp_estab_resets, way < 2);
        ladder_close(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_active_open_and_close_walk_down_the_left),
        cmocka_unit_test(a_passive_open_and_close_walk_down_the_right),
        cmocka_unit_test(simultaneous_open_and_close_walk_through_the_middle),
        cmocka_unit_test(a_fin_that_acknowledges_ours_leads_to_time_wait_at_once),
        cmocka_unit_test(a_reset_leads_to_closed_from_everywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
