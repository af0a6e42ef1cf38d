/* SPDX-License-Identifier: MIT */
/*
 * The n-th allocation fails, for every n: connect, transfer and close survive it, calls answer
 * -ENOBUFS or -ENOMEM and nothing else, and no octet is left behind.
 */
#include "pair.h"

#define OCTETS 30000

/* Whether an answer may come of a refused allocation: that, or what the call answers anyway. */
static bool may_be(ssize_t answer)
{
    return answer >= 0 || answer == -ENOBUFS || answer == -ENOMEM || answer == -EAGAIN;
}

static void transfer(struct pair *p)
{
    struct ft_span spans[4];

    for (unsigned rounds = 0; rounds < 300 && (p->got[0] < OCTETS || p->got[1] < OCTETS);
         rounds++) {
        for (unsigned who = 0; who < 2; who++) {
            ft_sock sock = who ? p->server : p->client;

            if (p->sent[who] < OCTETS)
                assert_true(may_be(pair_write(p, who, (size_t)(OCTETS - p->sent[who]))));
            assert_true(may_be(pair_read(p, who)));
            if (ft_reserve(p->host[who].stack, sock, 100, spans, 4) > 0)
                assert_int_equal(ft_unpin(p->host[who].stack, sock), 0);
            if (ft_peek(p->host[who].stack, sock, spans, 4) > 0)
                assert_int_equal(ft_unpin(p->host[who].stack, sock), 0);
        }
        pair_after_ms(p, rounds < 20 ? 10 : 1000);
    }
}

/* Return: whether any allocation was refused. */
static bool run(unsigned who, uint64_t n, bool from)
{
    struct pair p;
    bool refused;
    int err;

    pair_init(&p);
    p.host[who].mem.fail_at = n;
    p.host[who].mem.fail_from = from;
    err = pair_start(&p);
    assert_true(may_be(err));
    if (!err)
        err = pair_connect(&p);
    if (!err) {
        for (unsigned i = 0; i < 20 && !pair_accept(&p); i++) {
            assert_true(p.server >= 0 || may_be(p.server));
            pair_after_ms(&p, 2000);
        }
        if (p.server >= 0)
            transfer(&p);
        /* One refusal does not stop a stream. */
        if (!from) {
            assert_int_equal(p.got[0], OCTETS);
            assert_int_equal(p.got[1], OCTETS);
        }
        assert_int_equal(ft_close(p.host[0].stack, p.client), 0);
        if (p.server >= 0)
            assert_int_equal(ft_close(p.host[1].stack, p.server), 0);
        assert_int_equal(ft_close(p.host[1].stack, p.listener), 0);
        pair_after_ms(&p, 100000);
    }
    assert_true(may_be(err));
    refused = p.host[who].mem.n_failed > 0;
    pair_end(&p);
    return refused;
}

static void one_refused_allocation_is_survived(void **state)
{
    (void)state;
    for (unsigned who = 0; who < 2; who++) {
        uint64_t n = 1;

        while (run(who, n, false))
            n++;
        assert_true(n > 10); /* there were some to refuse */
    }
}

static void memory_that_ends_for_good_is_survived(void **state)
{
    (void)state;
    for (unsigned who = 0; who < 2; who++)
        for (uint64_t n = 1; run(who, n, true); n++)
            ;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_refused_allocation_is_survived),
        cmocka_unit_test(memory_that_ends_for_good_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
