/* SPDX-License-Identifier: MIT */
/*
 * What is sent when: RFC 9293 3.7.4 (Nagle), 3.8.6 (windows, silly windows at the sender), 3.9.1.2
 * (PUSH), 3.9.1.9 and 3.9.2 (what IP is told).
 */
#include "ladder.h"

/* ---- Nagle, PUSH, full segments -------------------------------------------------------------- */

/* RFC 9293 3.7.4: while octets are outstanding a short segment waits for their ACK; the user can
   turn that off, at once for what waits already. */
/* proves: SHLD-7 MUST-17 */
static void nagle_holds_a_short_segment_until_the_ack(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 10);
    user_writes(&t, 10);
    user_writes(&t, 10);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK);
    stack_sends(&t, SEG_ACK, .seq = 11, .len = 20);
    user_writes(&t, 10);
    stack_sends_nothing(&t);
    user_sets(&t, IPPROTO_TCP, TCP_NODELAY, 1);
    stack_sends(&t, SEG_ACK, .seq = 31, .len = 10);
    user_writes(&t, 5);
    stack_sends(&t, SEG_ACK, .seq = 41, .len = 5);
    ladder_close(&t);
}

/* RFC 9293 3.9.1.2: without PUSH on SEND octets are not held for ever, and PSH is on the last one
   that is queued; those between are collapsed, and segments are as long as can be. */
/* proves: MUST-60 MUST-61 SHLD-27 SHLD-28 MAY-16 */
static void writes_are_gathered_into_full_segments_and_the_last_pushes(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000);
    for (unsigned i = 0; i < 25; i++)
        user_writes(&t, 100);
    stack_sends(&t, SEG_ACK, .len = 1000, .psh = 0);
    stack_sends(&t, SEG_ACK, .len = 1000, .psh = 0);
    stack_sends(&t, SEG_ACK, .len = 500, .psh = 1);
    stack_sends_nothing(&t);
    ladder_close(&t);
}

/* TCP_NODELAY pushes out what waits, and not what is written later with MSG_MORE; that is held back
   at the call only: an ACK lets it go by Nagle's rule, and it does not push, for more was to come.
 */
static void more_holds_back_on_a_socket_without_nagle(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000);
    user_sets(&t, IPPROTO_TCP, TCP_NODELAY, 1);
    user_writes_flags(&t, 40, MSG_MORE);
    stack_sends_nothing(&t);
    after_ms(&t, 200);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 40, .psh = 1);
    peer_sends(&t, SEG_ACK, .ack = 41);
    user_writes_flags(&t, 1100, MSG_MORE);
    stack_sends(&t, SEG_ACK, .seq = 41, .len = 1000, .psh = 0);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .ack = 1041);
    stack_sends(&t, SEG_ACK, .seq = 1041, .len = 100, .psh = 0);
    ladder_close(&t);
}

/* RFC 9293 3.9.1.2: what TCP_CORK or MSG_MORE holds back leaves after 200 ms all the same. */
/* proves: MUST-60 */
static void a_corked_segment_leaves_in_the_end(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    user_sets(&t, IPPROTO_TCP, TCP_CORK, 1);
    user_writes(&t, 100);
    stack_sends_nothing(&t);
    after_ms(&t, 199);
    stack_sends_nothing(&t);
    after_ms(&t, 1);
    stack_sends(&t, SEG_ACK, .len = 100, .psh = 1);
    peer_sends(&t, SEG_ACK);
    user_writes(&t, 100);
    stack_sends_nothing(&t);
    user_sets(&t, IPPROTO_TCP, TCP_CORK, 0);
    stack_sends(&t, SEG_ACK, .len = 100);
    peer_sends(&t, SEG_ACK);
    user_writes_flags(&t, 100, MSG_MORE);
    stack_sends_nothing(&t);
    user_writes(&t, 50);
    stack_sends(&t, SEG_ACK, .len = 150);
    ladder_close(&t);
}

/* RFC 9293 3.10.4: FIN follows what is queued, in the last segment of it. */
static void fin_rides_on_the_last_octets(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000);
    user_writes(&t, 1500);
    user_closes(&t);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    stack_sends(&t, SEG_ACK | SEG_FIN, .seq = 1001, .len = 500);
    peer_sends(&t, SEG_RST);
    ladder_close(&t);
}

/* It is no octet, and waits for no congestion window, as on Linux; for the peer's it does. */
static void fin_by_itself_does_not_wait_for_the_congestion_window(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000);
    user_writes(&t, 10000);
    for (uint32_t i = 0; i < 10; i++)
        stack_sends(&t, SEG_ACK, .seq = 1 + 1000 * i, .len = 1000);
    stack_sends_nothing(&t);
    user_closes(&t);
    stack_sends(&t, SEG_ACK | SEG_FIN, .seq = 10001);
    peer_sends(&t, SEG_RST);
    ladder_close(&t);

    ladder_open(&t);
    peer_connects(&t, .mss = 1000, .wnd = 2000);
    user_writes(&t, 2000);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    stack_sends(&t, SEG_ACK, .seq = 1001, .len = 1000);
    user_closes(&t);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_RST);
    ladder_close(&t);
}

/* ---- windows --------------------------------------------------------------------------------- */

/* RFC 9293 3.8.6.2.1: a sliver of window is not used while more is queued, until half of the
   largest window is there, or a timeout has passed. */
/* proves: MUST-38 */
static void a_sliver_of_window_is_not_used(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1460, .wnd = 4000);
    user_writes(&t, 8000);
    stack_sends(&t, SEG_ACK, .len = 1460);
    stack_sends(&t, SEG_ACK, .len = 1460);
    stack_sends_nothing(&t); /* 1080 octets of window are left: less than half of the largest */
    peer_sends(&t, SEG_ACK, .wnd = 500);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .wnd = 1999);
    stack_sends(&t, SEG_ACK, .seq = 2921, .len = 1460);
    peer_sends(&t, SEG_ACK, .wnd = 600);
    stack_sends_nothing(&t);
    after_ms(&t, 200);
    stack_sends(&t, SEG_ACK, .seq = 4381, .len = 600);
    ladder_close(&t);
}

/* RFC 9293 3.8.6.2.1: the timeout overrides the rule for one segment. A peer that goes on telling
   of slivers gets one a timeout, not one for each that it tells. */
static void the_override_is_for_one_sliver(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1460, .wnd = 4000);
    user_writes(&t, 8000);
    stack_sends(&t, SEG_ACK, .len = 1460);
    stack_sends(&t, SEG_ACK, .len = 1460);
    peer_sends(&t, SEG_ACK, .wnd = 600);
    stack_sends_nothing(&t);
    after_ms(&t, 200);
    stack_sends(&t, SEG_ACK, .seq = 2921, .len = 600);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .wnd = 600);
    stack_sends_nothing(&t);
    after_ms(&t, 200);
    stack_sends(&t, SEG_ACK, .seq = 3521, .len = 600);
    peer_sends(&t, SEG_ACK, .wnd = 600);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .wnd = 4000);
    stack_sends(&t, SEG_ACK, .seq = 4121, .len = 1460);
    ladder_close(&t);
}

/* RFC 9293 3.8.6: the peer may take its window back: nothing new is sent, the old is sent again
   within the window that is left, and the usable window is negative meanwhile. */
/* proves: MUST-34 SHLD-15 SHLD-16 TS-4 */
static void a_window_that_shrinks_is_survived(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1000, .wnd = 5000);
    user_writes(&t, 8000);
    for (unsigned i = 0; i < 5; i++)
        stack_sends(&t, SEG_ACK, .seq = 1 + i * 1000, .len = 1000);
    peer_sends(&t, SEG_ACK, .ack = 1001, .wnd = 1500);
    stack_sends_nothing(&t);
    after_ms(&t, 200);
    stack_sends(&t, SEG_ACK, .seq = 1001, .len = 1000);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_ACK, .ack = 5001, .wnd = 5000);
    stack_sends(&t, SEG_ACK, .seq = 5001, .len = 1000);
    stack_sends(&t, SEG_ACK, .seq = 6001, .len = 1000);
    ladder_close(&t);
}

/* RFC 9293 3.8.6: a connection is not given up because octets beyond a window that was taken back
   are not acknowledged, as long as the peer answers; a window of zero is probed. */
/* proves: SHLD-17 MUST-35 MUST-37 TS-4 */
static void a_window_that_shrinks_to_nothing_is_probed(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_connects(&t, .mss = 1000, .wnd = 5000);
    user_writes(&t, 3000);
    for (unsigned i = 0; i < 3; i++)
        stack_sends(&t, SEG_ACK, .seq = 1 + i * 1000, .len = 1000);
    peer_sends(&t, SEG_ACK, .ack = 1001, .wnd = 0);
    for (unsigned i = 0; i < 30; i++) {
        after_ms(&t, 120000);
        if (ladder_forget(&t) > 0)
            peer_sends(&t, SEG_ACK, .ack = 1001, .wnd = 0);
    }
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    peer_sends(&t, SEG_ACK, .ack = 1001, .wnd = 5000);
    after_ms(&t, 120000);
    stack_sends(&t, SEG_ACK, .seq = 1001, .len = 1000);
    peer_sends(&t, SEG_ACK, .ack = 2001, .wnd = 5000);
    stack_sends(&t, SEG_ACK, .seq = 2001, .len = 1000);
    ladder_close(&t);
}

/* ---- urgent ---------------------------------------------------------------------------------- */

/* RFC 9293 3.8.5: SEND with URGENT sets the pointer to the octet after the urgent ones, in every
   segment until they are acknowledged; there may be more of them than a segment holds. */
/* proves: MUST-30 MUST-31 MUST-62 */
static void the_urgent_pointer_names_the_octet_after(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000);
    user_writes_flags(&t, 2500, MSG_OOB);
    stack_sends(&t, SEG_ACK | SEG_URG, .seq = 1, .len = 1000, .urg = 2500);
    stack_sends(&t, SEG_ACK | SEG_URG, .seq = 1001, .len = 1000, .urg = 1500);
    stack_sends(&t, SEG_ACK | SEG_URG, .seq = 2001, .len = 500, .urg = 500);
    peer_sends(&t, SEG_ACK);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .seq = 2501, .len = 10);
    ladder_close(&t);
}

/* ---- what IP is told ------------------------------------------------------------------------- */

/* RFC 9293 3.9.1.9: the user sets the Diffserv field of a connection, may change it, and IP gets
   it unchanged. */
/* proves: MUST-48 SHLD-21 SHLD-22 */
static void the_user_chooses_the_diffserv_field(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    stack_listens(&t);
    user_sets(&t, IPPROTO_IP, IP_TOS, 0x28);
    peer_sends(&t, SEG_SYN, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .tos = 0x28);
    peer_sends(&t, SEG_ACK);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .len = 10, .tos = 0x28);
    user_sets(&t, IPPROTO_IP, IP_TOS, 0xb8);
    peer_sends(&t, SEG_ACK, .len = 1);
    stack_sends(&t, SEG_ACK, .tos = 0xb8);
    ladder_close(&t);
    ladder_open6(&t);
    peer_connects(&t, .mss = 1440);
    user_sets(&t, IPPROTO_IPV6, IPV6_TCLASS, 0xb8);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .len = 10, .tos = 0xb8);
    ladder_close(&t);
}

/* RFC 9293 3.9.2: the TTL or hop limit of segments is configurable. */
/* proves: MUST-49 */
static void the_ttl_is_configurable(void **state)
{
    struct ladder t;

    (void)state;
    ladder_init(&t);
    t.config.ttl = 33;
    ladder_start(&t);
    peer_connects(&t, .mss = 1460);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .len = 10, .ttl = 33);
    peer_sends(&t, SEG_ACK);
    user_sets(&t, IPPROTO_IP, IP_TTL, 7);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .len = 10, .ttl = 7);
    ladder_close(&t);
    ladder_open6(&t);
    peer_connects(&t, .mss = 1440);
    user_sets(&t, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 9);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .len = 10, .ttl = 9);
    ladder_close(&t);
}

/* RFC 9293 3.9.2: IP options that TCP does not understand (a timestamp, a recorded route, unknown
   ones) are ignored. */
/* proves: MUST-50 */
static void ip_options_are_ignored(void **state)
{
    const uint8_t options[] = {1, 68, 8, 5, 0, 0, 0, 0, 0, 7, 7, 4, 0, 0, 0, 0, 148, 4, 0, 0};
    struct ladder t;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_ACK, .len = 10, .ip_options = options, .n_ip_options = sizeof(options));
    stack_sends(&t, SEG_ACK, .ack = 111);
    user_reads(&t, 10);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nagle_holds_a_short_segment_until_the_ack),
        cmocka_unit_test(writes_are_gathered_into_full_segments_and_the_last_pushes),
        cmocka_unit_test(more_holds_back_on_a_socket_without_nagle),
        cmocka_unit_test(a_corked_segment_leaves_in_the_end),
        cmocka_unit_test(fin_rides_on_the_last_octets),
        cmocka_unit_test(fin_by_itself_does_not_wait_for_the_congestion_window),
        cmocka_unit_test(a_sliver_of_window_is_not_used),
        cmocka_unit_test(the_override_is_for_one_sliver),
        cmocka_unit_test(a_window_that_shrinks_is_survived),
        cmocka_unit_test(a_window_that_shrinks_to_nothing_is_probed),
        cmocka_unit_test(the_urgent_pointer_names_the_octet_after),
        cmocka_unit_test(the_user_chooses_the_diffserv_field),
        cmocka_unit_test(the_ttl_is_configurable),
        cmocka_unit_test(ip_options_are_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
