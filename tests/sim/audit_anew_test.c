/* SPDX-License-Identifier: MIT */
/*
 * What the auditor takes for one connection: where another of the same name begins, and what old
 * SYNs and cookies may entail.
 */
#include "audit_wire.h"

static void a_second_connection_of_the_same_name_is_judged_afresh(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    good(t, 0, .flags = RST | ACK, .seq = A1, .ack = B1);
    good(t, 0, .flags = SYN, .seq = ISN_A + 77777, .wnd = 4000, .mss = 1460);
    good(t, 1, .flags = SYN | ACK, .seq = ISN_B + 55555, .ack = ISN_A + 77778, .wnd = 4000,
         .mss = 1000);
    good(t, 0, .flags = ACK, .seq = ISN_A + 77778, .ack = ISN_B + 55556, .len = 10, .wnd = 4000);
}

/* Seeds 23579 and 30876: both begin anew at once, for their first SYNs came to nothing. */
static void the_second_syn_of_a_simultaneous_open_leaves_the_first_alone(void **state)
{
    struct ladder *t = *state;

    lost(t, 0, .flags = SYN, .seq = ISN_A - 500, .wnd = 4000, .mss = 1460);
    lost(t, 1, .flags = SYN, .seq = ISN_B, .wnd = 4000, .mss = 1000);
    good(t, 0, .flags = SYN, .seq = ISN_A, .wnd = 4000, .mss = 1460);
    good(t, 1, .flags = SYN, .seq = ISN_B, .wnd = 4000, .mss = 1000);
    good(t, 0, .flags = SYN | ACK, .seq = ISN_A, .ack = B1, .wnd = 4000, .mss = 1460);
    good(t, 1, .flags = SYN | ACK, .seq = ISN_B, .ack = A1, .wnd = 4000, .mss = 1000);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .wnd = 4000, .len = 10);
    bad(t, 1, "only 11 was", .flags = ACK, .seq = B1, .ack = A1 + 11, .wnd = 4000);
}

/* Seeds 8544 and 10701: an end in SYN-SENT has taken an old SYN for the one that crosses its own.
   It may say that, but no octet, and nothing of a SYN that never came. */
static void an_end_that_took_an_old_syn_may_say_so(void **state)
{
    struct ladder *t = *state;

    good(t, 0, .flags = SYN, .seq = ISN_A - 500, .wnd = 4000, .mss = 1460);
    lost(t, 1, .flags = SYN, .seq = ISN_B, .wnd = 4000, .mss = 1000);
    lost(t, 0, .flags = SYN, .seq = ISN_A, .wnd = 4000, .mss = 1460);
    good(t, 1, .flags = SYN | ACK, .seq = ISN_B, .ack = A1 - 500, .wnd = 4000, .mss = 1000);
    good(t, 1, .flags = ACK, .seq = B1, .ack = A1 - 500, .wnd = 4000);
    bad(t, 1, "nobody offered", .flags = ACK, .seq = B1, .ack = A1 - 400, .wnd = 4000);
    bad(t, 1, "nobody offered", .flags = ACK, .seq = B1, .ack = A1 - 500, .len = 1, .wnd = 4000);
}

/* Seed 25105: the ACK of the SYN-ACK waits for a neighbour while a second SYN-ACK comes. */
static void the_first_syn_ack_counts_though_its_ack_is_late(void **state)
{
    struct ladder *t = *state;

    good(t, 0, .flags = SYN, .seq = ISN_A, .wnd = 4000, .mss = 1460);
    lost(t, 1, .flags = SYN | ACK, .seq = ISN_B - 9, .ack = A1, .wnd = 4000, .mss = 1000);
    good(t, 1, .flags = SYN | ACK, .seq = ISN_B, .ack = A1, .wnd = 4000, .mss = 1000);
    good(t, 1, .flags = SYN | ACK, .seq = ISN_B - 9, .ack = A1, .wnd = 4000, .mss = 1000);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .wnd = 4000);
    bad(t, 0, "ever sent", .flags = ACK, .seq = A1, .ack = B1 - 9, .wnd = 4000);
}

/* Seed 27744: the copy of a cookie's ACK, with its octets, makes a connection after the end. */
static void a_cookie_that_came_after_the_end_may_be_acknowledged(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    good(t, 0, .flags = FIN | ACK, .seq = A1, .ack = B1, .len = 1, .wnd = 4000);
    good(t, 1, .flags = FIN | ACK, .seq = B1, .ack = A1 + 2, .len = 100, .wnd = 4000);
    good(t, 0, .flags = ACK, .seq = A1 + 2, .ack = B1 + 101, .wnd = 4000);
    bad(t, 1, "sent an ACK at 1", .flags = ACK, .seq = B1, .ack = A1 + 2, .wnd = 4000);
    ft_sim_audit_cookies(t->audit);
    good(t, 1, .flags = ACK, .seq = B1, .ack = A1 + 2, .wnd = 4000);
    bad(t, 1, "after its FIN", .flags = ACK, .seq = B1 + 100, .ack = A1 + 2, .len = 9, .wnd = 4000);
}

#define T(name) cmocka_unit_test_setup_teardown(name, audit_begin, audit_end_test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_second_connection_of_the_same_name_is_judged_afresh),
        T(the_second_syn_of_a_simultaneous_open_leaves_the_first_alone),
        T(an_end_that_took_an_old_syn_may_say_so),
        T(the_first_syn_ack_counts_though_its_ack_is_late),
        T(a_cookie_that_came_after_the_end_may_be_acknowledged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
