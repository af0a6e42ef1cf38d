/* SPDX-License-Identifier: MIT */
/*
 * Every combination of flags in every state, against the table of RFC 9293 3.10.7; octets before
 * the handshake; and what a liar can have sent to others.
 */
#include "ladder.h"

/* The state of the present conversation, whatever holds it. FT_TCP_CLOSED: nobody does. */
static int state_of(const struct ladder *t)
{
    struct ft_sock_info infos[16];
    uint32_t cursor = 0;

    do {
        size_t n = ft_sockets(t->stack, infos, 16, &cursor);

        for (size_t i = 0; i < n; i++)
            if (infos[i].state != FT_TCP_CLOSED && infos[i].remote_port == t->peer->port &&
                infos[i].local_port == t->peer->stack_port)
                return infos[i].state;
    } while (cursor != 0);
    return FT_TCP_CLOSED;
}

/* Bring the conversation into a state. LISTEN and CLOSED: there is none, with and without a
   passive socket. */
static void bring_to(struct ladder *t, int state)
{
    if (state == FT_TCP_CLOSED)
        return;
    if (state == FT_TCP_SYN_SENT) {
        user_connects(t);
        stack_sends(t, SEG_SYN, .seq = 0);
        return;
    }
    stack_listens(t);
    if (state == FT_TCP_LISTEN)
        return;
    if (state == FT_TCP_SYN_RECEIVED) {
        peer_sends(t, SEG_SYN, .mss = 1460);
        stack_sends(t, SEG_SYN | SEG_ACK);
        return;
    }
    peer_connects(t, .mss = 1460);
    if (state == FT_TCP_CLOSE_WAIT || state == FT_TCP_LAST_ACK)
        peer_sends(t, SEG_ACK | SEG_FIN);
    if (state != FT_TCP_ESTABLISHED && state != FT_TCP_CLOSE_WAIT)
        assert_int_equal(ft_shutdown(t->stack, t->peer->sock, SHUT_WR), 0);
    (void)ladder_forget(t);
    if (state == FT_TCP_FIN_WAIT_2)
        peer_sends(t, SEG_ACK);
    if (state == FT_TCP_CLOSING)
        peer_sends(t, SEG_ACK | SEG_FIN, .ack = 1);
    if (state == FT_TCP_TIME_WAIT)
        peer_sends(t, SEG_ACK | SEG_FIN);
    (void)ladder_forget(t);
}

/* RFC 9293 3.10.7 for a segment that fits exactly and acknowledges all. */
static int expected(int state, unsigned flags)
{
    bool ack = flags & SEG_ACK, fin = flags & SEG_FIN;

    if (state == FT_TCP_CLOSED)
        return state;
    if (state == FT_TCP_LISTEN)
        return (flags & (SEG_RST | SEG_ACK | SEG_SYN | SEG_FIN)) == SEG_SYN ? FT_TCP_SYN_RECEIVED
                                                                            : FT_TCP_CLOSED;
    if (state == FT_TCP_TIME_WAIT)
        return state;
    if (flags & SEG_RST)
        return state == FT_TCP_SYN_SENT && !ack ? state : FT_TCP_CLOSED;
    if (state == FT_TCP_SYN_SENT) {
        if (!(flags & SEG_SYN))
            return state;
        return ack ? FT_TCP_ESTABLISHED : FT_TCP_SYN_RECEIVED;
    }
    if ((flags & SEG_SYN) || !ack)
        return state;
    if (state == FT_TCP_SYN_RECEIVED || state == FT_TCP_ESTABLISHED)
        return fin ? FT_TCP_CLOSE_WAIT : FT_TCP_ESTABLISHED;
    if (state == FT_TCP_FIN_WAIT_1 || state == FT_TCP_FIN_WAIT_2)
        return fin ? FT_TCP_TIME_WAIT : FT_TCP_FIN_WAIT_2;
    if (state == FT_TCP_CLOSING)
        return FT_TCP_TIME_WAIT;
    return state == FT_TCP_LAST_ACK ? FT_TCP_CLOSED : state;
}

/* proves: A-87 */
static void no_flags_make_an_arrow_of_their_own(void **state)
{
    struct ladder t;

    (void)state;
    for (int s = FT_TCP_ESTABLISHED; s <= FT_TCP_CLOSING; s++) {
        for (unsigned flags = 0; flags < 512; flags++) {
            ladder_open(&t);
            bring_to(&t, s);
            if (s != FT_TCP_LISTEN)
                assert_int_equal(state_of(&t), s);
            peer_sends(&t, flags);
            if (state_of(&t) != expected(s, flags))
                fail_msg("flags %#x in state %d lead to %d", flags, s, state_of(&t));
            (void)ladder_forget(&t);
            if (t.listener >= 0 && t.peer->sock < 0)
                t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
            ft_stack_free(t.stack);
            free(t.last.octets);
            assert_int_equal(t.n_live, 0);
        }
    }
}

/* CVE-1999-0414: nothing of a SYN is read, nor anything before the handshake is through. */
/* proves: A-86 */
static void no_octet_is_read_before_the_handshake_is_through(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_sends(&t, SEG_SYN, .len = 100, .mss = 1460, .salt = 1);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = LADDER_PEER_ISN + 1);
    t.peer->nxt = LADDER_PEER_ISN + 1;
    peer_sends(&t, SEG_ACK, .seq = LADDER_PEER_ISN + 1, .len = 50, .ack = 7, .salt = 1);
    stack_sends(&t, SEG_RST, .seq = 7);
    peer_sends(&t, 0, .seq = LADDER_PEER_ISN + 1, .len = 50, .salt = 1);
    assert_int_equal(ft_accept(t.stack, t.listener, NULL, NULL), -EAGAIN);
    assert_int_equal(ft_ready(t.stack, t.listener), 0);
    peer_sends(&t, SEG_ACK, .seq = LADDER_PEER_ISN + 1, .len = 50, .ack = 1);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    assert_true(t.peer->sock >= 0);
    user_reads(&t, 50);
    user_reads_nothing(&t, -EAGAIN);
    ladder_close(&t);
}

/* Octets of the frames that the stack has sent; Ethernet pads the short ones to 60. */
static size_t octets_out(struct ladder *t)
{
    size_t n = 0;

    while (ladder_take(t))
        n += t->last.len < 60 ? 60 : t->last.len;
    return n;
}

/* RFC 4987: whoever is spoken for by a liar gets no more than a few times what the liar spent. */
/* proves: A-88 */
static void a_liar_gains_little_by_reflection(void **state)
{
    struct ladder t;
    size_t n;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_sends(&t, SEG_SYN); /* 60 octets on an Ethernet */
    n = octets_out(&t);
    for (unsigned i = 0; i < 100; i++) {
        after_ms(&t, 1000);
        n += octets_out(&t);
    }
    assert_int_equal(n, 60 * (1 + 5));
    assert_int_equal(stack_counts(&t).now_half_open, 0);
    /* A reset ends it at once. */
    t.peer->nxt = LADDER_PEER_ISN;
    peer_sends(&t, SEG_SYN);
    stack_sends(&t, SEG_SYN | SEG_ACK);
    peer_sends(&t, SEG_RST, .seq = LADDER_PEER_ISN + 1);
    after_ms(&t, 100000);
    stack_sends_nothing(&t);
    /* Octets and what else are answered by one bare reset; a reset by nothing. */
    peer_sends(&t, SEG_ACK | SEG_PSH, .seq = 5, .len = 1000);
    stack_sends(&t, SEG_RST);
    assert_int_equal(t.last.len, 14 + 20 + 20);
    peer_sends(&t, SEG_PSH, .seq = 5, .len = 1000);
    stack_sends_nothing(&t);
    for (unsigned flags = 0; flags < 512; flags++)
        if (flags & SEG_RST)
            peer_sends(&t, flags, .seq = 5, .len = 10, .dport = 81);
    stack_sends_nothing(&t);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_flags_make_an_arrow_of_their_own),
        cmocka_unit_test(no_octet_is_read_before_the_handshake_is_through),
        cmocka_unit_test(a_liar_gains_little_by_reflection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
