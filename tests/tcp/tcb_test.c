/* SPDX-License-Identifier: MIT */
/*
 * The life of a TCB: what watches over it when it cannot send, and what of it goes with it.
 */
#include "ladder.h"

/* The default route; beyond it is a peer whose address is not of our link. */
static struct ft_route_config way_out(const struct ladder *t)
{
    struct ft_route_config route = {.size = sizeof(route), .ifindex = t->eth};

    route.prefix = addr_v4(0);
    route.gateway = addr_v4(0x0a0700fe);
    return route;
}

/* A handshake whose last ACK finds the way back gone. */
static void lose_the_way(struct ladder *t)
{
    struct ft_route_config route;

    ladder_open(t);
    t->them = addr_v4(0xc0000201);
    route = way_out(t);
    stack_listens(t);
    peer_sends(t, SEG_SYN, .mss = 1460);
    stack_sends(t, SEG_SYN | SEG_ACK);
    assert_int_equal(ft_route_del(t->stack, &route), 0);
    peer_sends(t, SEG_ACK);
    t->peer->sock = ft_accept(t->stack, t->listener, NULL, NULL);
    assert_true(t->peer->sock >= 0);
}

/* Nothing of it was ever on its way, whose timer would have tried again. */
static void what_is_queued_without_a_way_is_sent_when_there_is_one(void **state)
{
    struct ft_route_config route;
    struct ladder t;

    (void)state;
    lose_the_way(&t);
    user_writes(&t, 100);
    ladder_check(&t);
    after_ms(&t, 5000);
    stack_sends_nothing(&t);
    route = way_out(&t);
    assert_int_equal(ft_route_add(t.stack, &route), 0);
    after_ms(&t, 8000);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 100);
    ladder_close(&t);
}

/* And who never finds one is given up, not held for ever. */
static void without_a_way_a_connection_ends_at_last(void **state)
{
    unsigned minutes = 0;
    struct ladder t;

    (void)state;
    lose_the_way(&t);
    user_closes(&t); /* its FIN cannot leave */
    while (stack_counts(&t).now_connections > 0 && minutes++ < 60)
        after_ms(&t, 60000);
    assert_in_range(minutes, 1, 30);
    stack_sends_nothing(&t);
    ladder_close(&t);
}

/* A socket whose connection has ended may begin another: nothing of the first is in it. */
static void a_second_connection_knows_nothing_of_the_first(void **state)
{
    struct ft_span spans[FT_SPANS_MAX];
    struct sockaddr_storage name;
    uint32_t first_wnd;
    socklen_t len;
    struct ladder t;

    (void)state;
    ladder_open(&t);
    user_connects(&t);
    assert_true(ladder_pump(&t) == 1 && ladder_take(&t));
    first_wnd = t.seg.wnd;
    after_ms(&t, 1000);
    stack_sends(&t, SEG_SYN, .wnd = first_wnd);
    peer_sends(&t, SEG_SYN | SEG_ACK, .seq = 100, .ack = 1, .mss = 1460, .wnd = 60000);
    stack_sends(&t, SEG_ACK, .ack = 101);
    peer_sends(&t, SEG_ACK, .len = 500);
    stack_sends(&t, SEG_ACK, .ack = 601);
    assert_int_equal(ft_reserve(t.stack, t.peer->sock, 100, spans, FT_SPANS_MAX), 1);
    memset(spans[0].data, 0x55, spans[0].len); /* the loan is good until it is given back */
    peer_sends(&t, SEG_RST | SEG_ACK);
    memset(spans[0].data, 0x55, spans[0].len);
    /* Nobody reads the 500 octets. */
    /* Again, to another port, whose window is small. */
    len = ladder_name(&t, NULL, LADDER_PEER_PORT + 1, &name);
    t.peers[1].sock = t.peer->sock;
    t.peer->sock = -1;
    ladder_peer(&t, 1);
    assert_int_equal(ft_connect(t.stack, t.peer->sock, (struct sockaddr *)&name, len), -ECONNRESET);
    assert_int_equal(ft_connect(t.stack, t.peer->sock, (struct sockaddr *)&name, len),
                     -EINPROGRESS);
    assert_true(ladder_pump(&t) == 1 && ladder_take(&t));
    assert_int_equal(t.seg.flags & (SEG_SYN | SEG_ACK), SEG_SYN);
    assert_int_equal(t.seg.dst_port, LADDER_PEER_PORT + 1);
    assert_int_equal(t.seg.wnd, first_wnd);
    t.peer->iss_known = true;
    t.peer->iss = t.seg.seq.v;
    t.peer->snd_max = t.seg.seq.v + 1;
    t.peer->stack_port = t.seg.src_port;
    peer_sends(&t, SEG_SYN | SEG_ACK, .seq = 7000, .ack = 1, .wnd = 1000, .mss = 1460);
    stack_sends(&t, SEG_ACK, .seq = 1, .ack = 7001);
    assert_in_range(t.seg.wnd, 60000, 65535); /* as the SYN said: no window had been told before */
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    /* What was lent for the first cannot be committed to the second, but is still to be returned.
     */
    assert_int_equal(ft_commit(t.stack, t.peer->sock, 100), -EINVAL);
    assert_int_equal(ft_unpin(t.stack, t.peer->sock), 0);
    /* The window of the first would let 60000 octets go; half of a largest one of 60000 never come.
     */
    user_writes(&t, 3000);
    stack_sends(&t, SEG_ACK, .seq = 1, .ack = 7001, .len = 1000);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .ack = 1001, .wnd = 500);
    stack_sends(&t, SEG_ACK, .seq = 1001, .len = 500); /* half of the largest of this one */
    user_reads_nothing(&t, -EAGAIN);
    peer_sends(&t, SEG_ACK, .ack = 1501, .len = 10);
    user_reads(&t, 10);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_queued_without_a_way_is_sent_when_there_is_one),
        cmocka_unit_test(without_a_way_a_connection_ends_at_last),
        cmocka_unit_test(a_second_connection_knows_nothing_of_the_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
