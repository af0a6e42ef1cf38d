/* SPDX-License-Identifier: MIT */
/*
 * Connections whose sequence numbers come round: what is remembered of the beginning must not be
 * taken for the present 2 or 4 GiB later. The octets are reserved and never written, so that this
 * takes no longer than the frames do.
 */
#include "ladder.h"

#include "wire/eth.h"
#include "wire/ip4.h"

#define GIB (UINT64_C(1) << 30)

/* What the stack has to send leaves; how far it went is remembered. */
static void let_leave(struct ladder *t)
{
    uint8_t buf[512];
    struct ft_frame frame = {.buf = buf, .cap = sizeof(buf)};
    struct ft_tcp_seg seg;

    while (ft_output(t->stack, t->eth, &frame, 1, t->now) == 1) {
        size_t len = frame.len - ETH_HDR_LEN - IP4_HDR_LEN;

        assert_int_equal(tcp_parse(buf + ETH_HDR_LEN + IP4_HDR_LEN, len, &seg), 0);
        for (unsigned i = 0; i < frame.n_spans; i++)
            seg.len += (uint32_t)frame.spans[i].len;
        t->peer->snd_max = seg.seq.v + seg.len;
        ft_output_done(t->stack, t->eth, &frame, 1, 1);
        frame = (struct ft_frame){.buf = buf, .cap = sizeof(buf)};
    }
}

/* The peer acknowledges all that it has seen. */
static void acknowledge(struct ladder *t)
{
    t->batch = true;
    peer_sends(t, SEG_ACK);
    t->batch = false;
}

/* The user queues octets up to this position of the stream, and the peer takes them. */
static void stream_until(struct ladder *t, uint64_t end)
{
    struct ft_span spans[FT_SPANS_MAX];

    while (t->peer->written < end) {
        uint64_t rest = end - t->peer->written;
        ssize_t n =
            ft_reserve(t->stack, t->peer->sock, rest < GIB ? rest : GIB, spans, FT_SPANS_MAX);
        size_t len = 0;

        assert_true(n > 0);
        for (ssize_t i = 0; i < n; i++)
            len += spans[i].len;
        assert_int_equal(ft_commit(t->stack, t->peer->sock, len), 0);
        t->peer->written += len;
        let_leave(t);
        t->now += FT_MS;
        do {
            acknowledge(t);
            let_leave(t);
        } while (t->peer->snd_max != t->peer->iss + 1 + (uint32_t)t->peer->written);
        acknowledge(t);
    }
}

static void open_wide(struct ladder *t)
{
    ladder_init(t);
    t->eth_config.flags |= FT_IF_TX_CSUM | FT_IF_TSO;
    t->eth_config.gso_max = 65535;
    ladder_start(t);
    peer_connects(t, .mss = 1460, .wscale = 14);
}

/* snd_una comes by the initial sequence number again; the SYN is not outstanding therefore. */
static void the_initial_number_is_a_number_like_others_after_4_gib(void **state)
{
    struct ladder t;

    (void)state;
    open_wide(&t);
    stream_until(&t, 4 * GIB - 1);
    user_writes(&t, 100);
    let_leave(&t);
    assert_int_equal(t.peer->snd_max, t.peer->iss + 100);
    acknowledge(&t);
    user_writes(&t, 100);
    let_leave(&t);
    assert_int_equal(t.peer->snd_max, t.peer->iss + 200);
    ladder_close(&t);
}

/* RFC 6582 3.2 step 2 compares with the last loss, which may be 2 GiB ago. */
static void a_loss_is_repaired_fast_after_3_gib(void **state)
{
    struct ladder t;

    (void)state;
    open_wide(&t);
    stream_until(&t, 3 * GIB);
    uint32_t una = t.peer->snd_max;
    for (unsigned i = 0; i < 5; i++) {
        user_writes(&t, 1460);
        let_leave(&t);
    }
    t.peer->snd_max = una;
    for (unsigned i = 0; i < 4; i++)
        acknowledge(&t);
    assert_int_equal(stack_counts(&t).tcp_fast_retransmits, 1);
    assert_int_equal(stack_counts(&t).tcp_rto, 0);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_initial_number_is_a_number_like_others_after_4_gib),
        cmocka_unit_test(a_loss_is_repaired_fast_after_3_gib),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
