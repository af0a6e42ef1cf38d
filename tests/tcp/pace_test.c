/* SPDX-License-Identifier: MIT */
/*
 * Pacing: SO_MAX_PACING_RATE, the spacing of departures in virtual time, and what is never held
 * back.
 */
#include "ladder.h"

#define RATE  1250000u /* 10 Mbit/s */
#define BURST (2 * 1460u)

static int limit_rate(struct ladder *t, ft_sock sock, const void *value, socklen_t len)
{
    return ft_setsockopt(t->stack, sock, SOL_SOCKET, SO_MAX_PACING_RATE, value, len);
}

static void connect_paced(struct ladder *t, uint32_t rate)
{
    ladder_open(t);
    stack_listens(t);
    assert_int_equal(limit_rate(t, t->listener, &rate, sizeof(rate)), 0);
    peer_connects(t, .mss = 1460, .wscale = 7); /* the choice is inherited */
}

/* Time passes in steps; all that leaves is acknowledged at once. Return: octets that left. */
static uint64_t run(struct ladder *t, uint64_t ms, ft_time *ret_at, uint64_t *ret_sum, size_t *n)
{
    uint64_t total = 0;

    for (uint64_t i = 0; i < ms * 4; i++) {
        struct ladder_peer *p = t->peer;

        if (p->written - total < 200000)
            user_writes(t, 200000);
        after_us(t, 250);
        while (ladder_take(t)) {
            if (t->seg.len == 0)
                continue;
            total += t->seg.len;
            ret_at[*n] = t->last.at;
            ret_sum[(*n)++] = total;
        }
        peer_sends(t, SEG_ACK);
    }
    return total;
}

/* The rate holds over a second, to a burst; over any ten milliseconds no more than the rate's share
   and two bursts leave; and the wheel is not woken for each segment. */
static void departures_are_spaced_by_the_rate(void **state)
{
    enum { MAX = 4096 };
    struct ladder t;
    ft_time *at = calloc(MAX, sizeof(*at));
    uint64_t *sum = calloc(MAX, sizeof(*sum)), total;
    size_t n = 0;

    (void)state;
    connect_paced(&t, RATE);
    total = run(&t, 1000, at, sum, &n);
    assert_in_range(total, RATE - BURST, RATE + 3 * BURST);
    for (size_t i = 0, k = 0; i < n; i++) {
        while (at[i] - at[k] > 10 * FT_MS)
            k++;
        assert_true(sum[i] - (k ? sum[k - 1] : 0) <= RATE / 100 + 2 * BURST + RATE / 1000);
    }
    /* Two segments at a time. */
    assert_true(n > 800);
    for (size_t i = 100; i + 2 < n; i++)
        assert_false(at[i] == at[i + 1] && at[i] == at[i + 2]);
    ladder_close(&t);
    free(at);
    free(sum);
}

/* What is acknowledged gives the connection's parts back; the rate holds all the same. */
static void short_writes_do_not_pass_the_rate(void **state)
{
    struct ladder t;
    uint64_t total = 0;

    (void)state;
    connect_paced(&t, RATE);
    for (unsigned i = 0; i < 400; i++) {
        if (user_gets(&t, IPPROTO_TCP, TCP_NODELAY) == 0 && t.peer->written - total < 2920)
            user_writes(&t, 2920);
        after_us(&t, 250);
        while (ladder_take(&t))
            total += t.seg.len;
        peer_sends(&t, SEG_ACK);
    }
    assert_in_range(total, RATE / 10 - 2 * BURST, RATE / 10 + 3 * BURST);
    ladder_close(&t);
}

/* ACKs are not paced, nor is what a timeout sends again. */
static void acks_and_timeouts_do_not_wait(void **state)
{
    struct ladder t;

    (void)state;
    connect_paced(&t, 2000);
    user_writes(&t, 14600);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1460);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .ack = 1, .len = 100);
    stack_sends(&t, SEG_ACK, .len = 0);
    user_reads(&t, 100);
    after_ms(&t, 1100);
    assert_true(ladder_take(&t));
    while (t.seg.seq.v != t.peer->iss + 1)
        assert_true(ladder_take(&t));
    assert_int_equal(t.seg.len, 1460);
    ladder_close(&t);
}

/* As Linux: four octets or eight; all ones mean none. A new rate counts at once. */
static void the_rate_is_set_and_read_as_on_linux(void **state)
{
    struct ladder t;
    uint32_t rate = 5000;
    uint64_t wide = UINT64_C(70000);
    struct ft_sock_info info;
    socklen_t len = sizeof(wide);

    (void)state;
    connect_paced(&t, 1000);
    assert_int_equal(user_gets(&t, SOL_SOCKET, SO_MAX_PACING_RATE), 1000);
    assert_int_equal(limit_rate(&t, t.peer->sock, &rate, 4), 0);
    assert_int_equal(user_gets(&t, SOL_SOCKET, SO_MAX_PACING_RATE), 5000);
    assert_int_equal(ft_sock_info(t.stack, t.peer->sock, &info), 0);
    assert_int_equal(info.pacing_rate, 5000);
    assert_int_equal(limit_rate(&t, t.peer->sock, &rate, 2), -EINVAL);
    assert_int_equal(limit_rate(&t, t.peer->sock, &wide, 8), 0);
    wide = 0;
    assert_int_equal(
        ft_getsockopt(t.stack, t.peer->sock, SOL_SOCKET, SO_MAX_PACING_RATE, &wide, &len), 0);
    assert_int_equal(len, 8);
    assert_int_equal(wide, 70000);
    rate = 1000;
    assert_int_equal(limit_rate(&t, t.peer->sock, &rate, 4), 0);
    user_writes(&t, 7300);
    stack_sends(&t, SEG_ACK, .len = 1460);
    stack_sends_nothing(&t);
    rate = UINT32_MAX;
    assert_int_equal(limit_rate(&t, t.peer->sock, &rate, 4), 0);
    for (unsigned i = 0; i < 4; i++)
        stack_sends(&t, SEG_ACK, .len = 1460);
    wide = 0;
    len = 8;
    assert_int_equal(
        ft_getsockopt(t.stack, t.peer->sock, SOL_SOCKET, SO_MAX_PACING_RATE, &wide, &len), 0);
    assert_true(wide == UINT64_MAX);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(departures_are_spaced_by_the_rate),
        cmocka_unit_test(short_writes_do_not_pass_the_rate),
        cmocka_unit_test(acks_and_timeouts_do_not_wait),
        cmocka_unit_test(the_rate_is_set_and_read_as_on_linux),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
