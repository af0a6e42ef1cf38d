/* SPDX-License-Identifier: MIT */
/*
 * Choosing congestion control: TCP_CONGESTION, the configuration, and what connections get of it;
 * what every algorithm has from cc.c.
 */
#include "ladder.h"

static int choose(struct ladder *t, ft_sock sock, const char *name, socklen_t len)
{
    return ft_setsockopt(t->stack, sock, IPPROTO_TCP, TCP_CONGESTION, name, len);
}

static void assert_chosen(struct ladder *t, ft_sock sock, const char *name)
{
    char got[64] = "";
    socklen_t len = sizeof(got);

    assert_int_equal(ft_getsockopt(t->stack, sock, IPPROTO_TCP, TCP_CONGESTION, got, &len), 0);
    assert_int_equal(len, 16); /* as Linux, whatever the name's length */
    assert_string_equal(got, name);
}

/* What a configuration says new sockets use; CUBIC when it says nothing (RFC 9438). */
static void a_configuration_names_the_default(void **state)
{
    struct ladder t;
    struct ft_stack *stack;
    ft_sock sock;

    (void)state;
    ladder_init(&t);
    ft_config_init(&t.config);
    assert_string_equal(t.config.congestion, "cubic");
    ladder_init(&t);
    memcpy(t.config.congestion, "vegas", 6);
    assert_int_equal(ft_stack_new(&t.config, &stack), -EINVAL);
    memset(t.config.congestion, 'x', sizeof(t.config.congestion));
    assert_int_equal(ft_stack_new(&t.config, &stack), -EINVAL);
    memset(t.config.congestion, 0, sizeof(t.config.congestion));
    assert_int_equal(ft_stack_new(&t.config, &stack), -EINVAL);
    memcpy(t.config.congestion, "cubic", 6);
    ladder_start(&t);
    sock = ft_socket(t.stack, AF_INET, SOCK_STREAM, 0);
    assert_chosen(&t, sock, "cubic");
    assert_int_equal(ft_close(t.stack, sock), 0);
    ladder_close(&t);
}

/* As Linux: ENOENT for what is not there, EINVAL for no name at all, and a name need not end. */
static void an_algorithm_is_chosen_by_name(void **state)
{
    struct ladder t;
    ft_sock sock;

    (void)state;
    ladder_open(&t);
    sock = ft_socket(t.stack, AF_INET, SOCK_STREAM, 0);
    assert_chosen(&t, sock, "reno");
    assert_int_equal(choose(&t, sock, "cubic", 5), 0);
    assert_chosen(&t, sock, "cubic");
    assert_int_equal(choose(&t, sock, "reno\0cubic", 10), 0);
    assert_chosen(&t, sock, "reno");
    assert_int_equal(choose(&t, sock, "cub", 3), -ENOENT);
    assert_int_equal(choose(&t, sock, "cubicc", 6), -ENOENT);
    assert_int_equal(choose(&t, sock, "", 1), -ENOENT);
    assert_int_equal(choose(&t, sock, "reno", 0), -EINVAL);
    assert_chosen(&t, sock, "reno");
    assert_int_equal(ft_close(t.stack, sock), 0);
    ladder_close(&t);
}

/* What a passive socket chose its connections have, and each may choose anew, in mid-flight, too:
   the window stays. */
static void connections_inherit_the_choice(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    assert_int_equal(choose(&t, t.listener, "cubic", 5), 0);
    peer_connects(&t, .mss = 1460);
    assert_chosen(&t, t.peer->sock, "cubic");
    user_writes(&t, 14600);
    for (unsigned i = 0; i < 10; i++)
        stack_sends(&t, SEG_ACK, .len = 1460);
    assert_int_equal(choose(&t, t.peer->sock, "reno", 4), 0);
    assert_chosen(&t, t.peer->sock, "reno");
    assert_chosen(&t, t.listener, "cubic");
    assert_int_equal(stack_info(&t).cwnd, 14600);
    peer_sends(&t, SEG_ACK);
    assert_int_equal(stack_info(&t).cwnd, 29200);
    assert_int_equal(choose(&t, t.peer->sock, "cubic", 5), 0);
    assert_int_equal(stack_info(&t).cwnd, 29200);
    ladder_close(&t);
}

static void connect_with_window(struct ladder *t)
{
    stack_listens(t);
    peer_connects(t, .mss = 1460, .wscale = 7);
    user_writes(t, 14600);
    (void)ladder_forget(t);
    after_ms(t, 10);
    peer_sends(t, SEG_ACK);
    user_writes(t, 29200);
    (void)ladder_forget(t);
    after_ms(t, 10);
    peer_sends(t, SEG_ACK);
    assert_int_equal(stack_info(t).cwnd, 58400);
}

/* As Linux restarts after idle: by half for each RTO that has passed, not below the initial window;
   RFC 5681 4.1 and the RFC's profile: at once. */
static void after_a_pause_the_window_is_smaller(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    connect_with_window(&t);
    after_us(&t, stack_info(&t).rto_us + 1000);
    user_writes(&t, 100);
    stack_sends(&t, SEG_ACK, .len = 100);
    assert_int_equal(stack_info(&t).cwnd, 29200);
    peer_sends(&t, SEG_ACK);
    after_ms(&t, 5000);
    user_writes(&t, 100);
    stack_sends(&t, SEG_ACK, .len = 100);
    assert_int_equal(stack_info(&t).cwnd, 14600);
    ladder_close(&t);

    ladder_init(&t);
    t.config.profile = FT_PROFILE_RFC;
    ladder_start(&t);
    connect_with_window(&t);
    after_us(&t, stack_info(&t).rto_us + 1000);
    user_writes(&t, 100);
    stack_sends(&t, SEG_ACK, .len = 100);
    assert_int_equal(stack_info(&t).cwnd, 14600);
    ladder_close(&t);
}

/* CUBIC in a stack: beta is 0.7 after a fast retransmit, and after a timeout. */
static void cubic_gives_up_three_tenths(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    memcpy(t.config.congestion, "cubic", 6);
    ladder_start(&t);
    stack_listens(&t);
    peer_connects(&t, .mss = 1460);
    user_writes(&t, 14600);
    (void)ladder_forget(&t);
    for (unsigned i = 0; i < 3; i++)
        peer_sends(&t, SEG_ACK, .ack = 1);
    assert_int_equal(stack_info(&t).ssthresh, 10220);
    (void)ladder_forget(&t);
    ladder_peer(&t, 1);
    peer_connects(&t, .mss = 1460);
    user_writes(&t, 14600);
    (void)ladder_forget(&t);
    after_ms(&t, 1500);
    assert_int_equal(stack_info(&t).cwnd, 1460);
    assert_int_equal(stack_info(&t).ssthresh, 10220);
    ladder_close(&t);
}

/* As Linux: blocks open no window, and what they have told of opens none when it is acknowledged.
 */
static void what_was_sacked_before_opens_no_window(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_connects(&t, .mss = 1000, .sack_ok = 1, .wscale = 7);
    user_writes(&t, 10000);
    (void)ladder_forget(&t);
    after_ms(&t, 100);
    peer_sends(&t, SEG_ACK, .ack = 1, .n_sack = 1, .sack = {{1001, 3001}});
    assert_int_equal(stack_info(&t).cwnd, 10000);
    peer_sends(&t, SEG_ACK, .ack = 3001);
    assert_int_equal(stack_info(&t).cwnd, 11000);
    ladder_close(&t);
}

/* RFC 7661 4.2: what was out when a round trip began counts for it, so that each ACK of a window
   that was used to the full opens it. */
static void a_window_used_once_opens_to_twice_that(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    peer_connects(&t, .mss = 1000, .wscale = 7);
    user_writes(&t, 10000);
    (void)ladder_forget(&t);
    after_ms(&t, 100);
    for (unsigned i = 1; i <= 5; i++) {
        peer_sends(&t, SEG_ACK, .ack = 2000 * i + 1);
        assert_int_equal(stack_info(&t).cwnd, 10000 + 2000 * i);
        after_ms(&t, 5);
    }
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configuration_names_the_default),
        cmocka_unit_test(an_algorithm_is_chosen_by_name),
        cmocka_unit_test(connections_inherit_the_choice),
        cmocka_unit_test(after_a_pause_the_window_is_smaller),
        cmocka_unit_test(cubic_gives_up_three_tenths),
        cmocka_unit_test(what_was_sacked_before_opens_no_window),
        cmocka_unit_test(a_window_used_once_opens_to_twice_that),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
