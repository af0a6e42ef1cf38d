/* SPDX-License-Identifier: MIT */
/*
 * Zero copy, both ways: what ft_peek() and ft_reserve() show stays valid until it is given back,
 * across a reset and ft_close() (fourtuple/socket.h).
 */
#include "tcp/ladder.h"

/* The spans hold the peer's octets from @first on. Return: how many. */
static size_t spans_are_right(const struct ft_span *spans, ssize_t n, uint64_t first)
{
    size_t at = 0;

    for (ssize_t i = 0; i < n; i++)
        for (size_t k = 0; k < spans[i].len; k++, at++)
            assert_int_equal(spans[i].data[k], ladder_octet(true, first + at));
    return at;
}

static void receive(struct ladder *t, unsigned n)
{
    while (n > 0) {
        unsigned len = n < 1460 ? n : 1460;

        peer_sends(t, SEG_ACK, .len = len);
        n -= len;
        (void)ladder_forget(t);
    }
}

/* What was received is seen in place, and taken off by ft_consume(). */
static void peek_shows_and_consume_takes(void **state)
{
    struct ft_span spans[8], again[8];
    struct ladder t;
    ssize_t n;
    uint8_t octet;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    assert_int_equal(ft_peek(t.stack, t.peer->sock, spans, 8), -EAGAIN);
    receive(&t, 40000);
    n = ft_peek(t.stack, t.peer->sock, spans, 8);
    assert_true(n > 0);
    assert_int_equal(spans_are_right(spans, n, 0), 40000);
    assert_int_equal(ft_peek(t.stack, t.peer->sock, again, 8), -EBUSY);
    assert_int_equal(ft_recv(t.stack, t.peer->sock, &octet, 1, 0), -EBUSY);
    assert_int_equal(ft_consume(t.stack, t.peer->sock, 40001), -EINVAL);
    receive(&t, 1460);
    assert_int_equal(spans_are_right(spans, n, 0), 40000);
    assert_int_equal(ft_consume(t.stack, t.peer->sock, 39000), 0);
    ladder_check(&t);
    assert_int_equal(ft_consume(t.stack, t.peer->sock, 1), -EINVAL);
    t.peer->read = 39000;
    user_reads(&t, 2460);
    peer_sends(&t, SEG_ACK | SEG_FIN);
    (void)ladder_forget(&t);
    assert_int_equal(ft_peek(t.stack, t.peer->sock, spans, 8), 0);
    ladder_close(&t);
}

/* Few spans show less, never something else. */
static void peek_shows_what_fits_the_callers_array(void **state)
{
    struct ft_span spans[8];
    struct ladder t;
    size_t seen = 0;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    receive(&t, 50000);
    while (seen < 50000) {
        size_t len;

        assert_int_equal(ft_peek(t.stack, t.peer->sock, spans, 1), 1);
        len = spans_are_right(spans, 1, seen);
        assert_true(len > 0);
        assert_int_equal(ft_consume(t.stack, t.peer->sock, len), 0);
        seen += len;
    }
    (void)ladder_forget(&t);
    ladder_close(&t);
}

/* What was shown stays as it was across a reset, and is taken off as before. */
static void what_peek_shows_outlives_a_reset(void **state)
{
    struct ft_span spans[8];
    struct ladder t;
    ssize_t n;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    receive(&t, 20000);
    n = ft_peek(t.stack, t.peer->sock, spans, 8);
    peer_sends(&t, SEG_RST, .seq = 20101);
    assert_int_equal(stack_state(&t), FT_TCP_CLOSED);
    assert_int_equal(spans_are_right(spans, n, 0), 20000);
    assert_int_equal(ft_consume(t.stack, t.peer->sock, 20000), 0);
    user_reads_nothing(&t, -ECONNRESET);
    ladder_close(&t);
}

/* ... and across ft_close() and ft_abort(), until ft_unpin(), the only call that the descriptor
   still answers. */
static void what_peek_shows_outlives_a_close(void **state)
{
    struct ft_span spans[8], other[8];
    struct ladder t;
    ssize_t n;

    (void)state;
    for (unsigned how = 0; how < 3; how++) {
        ft_sock sock;

        ladder_open(&t);
        peer_connects(&t, .mss = 1460);
        receive(&t, 20000);
        sock = t.peer->sock;
        n = ft_peek(t.stack, sock, spans, 8);
        if (how == 2)
            peer_sends(&t, SEG_RST, .seq = 20101);
        assert_int_equal(how == 1 ? ft_abort(t.stack, sock) : ft_close(t.stack, sock), 0);
        t.peer->sock = -1;
        ladder_check(&t);
        (void)ladder_forget(&t);
        ladder_peer(&t, 1);
        peer_connects(&t, .mss = 1460);
        receive(&t, 60000);
        assert_int_equal(spans_are_right(spans, n, 0), 20000);
        assert_int_equal(ft_peek(t.stack, sock, other, 8), -EBADF);
        assert_int_equal(ft_consume(t.stack, sock, 1), -EBADF);
        assert_int_equal(ft_close(t.stack, sock), -EBADF);
        assert_int_equal(ft_unpin(t.stack, sock), 0);
        ladder_check(&t);
        assert_int_equal(ft_unpin(t.stack, sock), -EBADF);
        (void)ladder_forget(&t);
        ladder_close(&t);
    }
}

/* Write the pattern into the room that was lent. */
static void fill(const struct ladder *t, const struct ft_span *spans, int n)
{
    uint64_t at = t->peer->written;

    for (int i = 0; i < n; i++)
        for (size_t k = 0; k < spans[i].len; k++)
            spans[i].data[k] = ladder_octet(false, at++);
}

/* Room is lent, written into, and queued by ft_commit() as far as it says. */
static void reserve_lends_and_commit_queues(void **state)
{
    struct ft_span spans[8];
    struct ladder t;
    ssize_t n;
    uint8_t octet = 0;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000);
    n = ft_reserve(t.stack, t.peer->sock, 5000, spans, 8);
    assert_true(n > 0);
    assert_int_equal(ft_reserve(t.stack, t.peer->sock, 10, spans, 8), -EBUSY);
    assert_int_equal(ft_send(t.stack, t.peer->sock, &octet, 1, 0), -EBUSY);
    fill(&t, spans, (int)n);
    stack_sends_nothing(&t);
    assert_int_equal(ft_commit(t.stack, t.peer->sock, 5001), -EINVAL);
    assert_int_equal(ft_commit(t.stack, t.peer->sock, 2500), 0);
    ladder_check(&t);
    t.peer->written += 2500;
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    stack_sends(&t, SEG_ACK, .seq = 1001, .len = 1000);
    stack_sends(&t, SEG_ACK, .seq = 2001, .len = 500);
    peer_sends(&t, SEG_ACK);
    n = ft_reserve(t.stack, t.peer->sock, 100, spans, 8);
    assert_true(n > 0);
    assert_int_equal(ft_unpin(t.stack, t.peer->sock), 0);
    ladder_check(&t);
    user_writes(&t, 100);
    stack_sends(&t, SEG_ACK, .seq = 2501, .len = 100);
    ladder_close(&t);
}

/* The room stays writable across ACKs, a reset and a close; nothing of it is sent then. */
static void what_reserve_lends_outlives_reset_and_close(void **state)
{
    struct ft_span spans[8];
    struct ladder t;
    ssize_t n;

    (void)state;
    for (unsigned how = 0; how < 3; how++) {
        ft_sock sock;

        ladder_open(&t);
        peer_connects(&t, .mss = 1460);
        sock = t.peer->sock;
        user_writes(&t, 1000);
        stack_sends(&t, SEG_ACK, .len = 1000);
        n = ft_reserve(t.stack, sock, 30000, spans, 8);
        assert_true(n > 0);
        peer_sends(&t, SEG_ACK);
        fill(&t, spans, (int)n);
        if (how == 0) {
            peer_sends(&t, SEG_RST, .seq = 101);
            fill(&t, spans, (int)n);
            assert_int_equal(ft_commit(t.stack, sock, 10), -ECONNRESET);
            ladder_check(&t);
            assert_int_equal(ft_unpin(t.stack, sock), -EBADF);
        } else {
            assert_int_equal(how == 1 ? ft_close(t.stack, sock) : ft_abort(t.stack, sock), 0);
            t.peer->sock = -1;
            ladder_check(&t);
            ladder_peer(&t, 1);
            (void)ladder_forget(&t);
            peer_connects(&t, .mss = 1460);
            user_writes(&t, 50000);
            ladder_peer(&t, 0);
            fill(&t, spans, (int)n);
            /* The room is nobody else's: what the other connection sends is its own. */
            ladder_peer(&t, 1);
            for (unsigned i = 0; i < 10; i++)
                stack_sends(&t, SEG_ACK, .seq = 1 + i * 1460, .len = 1460);
            assert_int_equal(ft_commit(t.stack, sock, 10), -EBADF);
            assert_int_equal(ft_unpin(t.stack, sock), 0);
            ladder_check(&t);
        }
        (void)ladder_forget(&t);
        ladder_close(&t);
    }
}

/* A stack that is freed with something pinned leaves nothing behind. */
static void what_is_pinned_goes_with_the_stack(void **state)
{
    struct ft_span spans[8];
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    receive(&t, 100);
    assert_int_equal(ft_peek(t.stack, t.peer->sock, spans, 8), 1);
    ladder_peer(&t, 1);
    peer_connects(&t, .mss = 1460);
    assert_true(ft_reserve(t.stack, t.peer->sock, 100, spans, 8) > 0);
    user_closes(&t);
    (void)ladder_forget(&t);
    ft_stack_free(t.stack);
    free(t.last.octets);
    assert_int_equal(t.n_live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peek_shows_and_consume_takes),
        cmocka_unit_test(peek_shows_what_fits_the_callers_array),
        cmocka_unit_test(what_peek_shows_outlives_a_reset),
        cmocka_unit_test(what_peek_shows_outlives_a_close),
        cmocka_unit_test(reserve_lends_and_commit_queues),
        cmocka_unit_test(what_reserve_lends_outlives_reset_and_close),
        cmocka_unit_test(what_is_pinned_goes_with_the_stack),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
