/* SPDX-License-Identifier: MIT */
/*
 * The auditor's rules about ECN, broken one by one.
 */
#include "audit_wire.h"

#define ECE  SIGHT_ECE
#define CWR  SIGHT_CWR
#define ECT0 2
#define OPEN .wnd = 4000, .mss = 1460

/* Both ends agree on classic ECN. */
static void classic(struct ladder *t)
{
    good(t, 0, .flags = SYN | ECE | CWR, .seq = ISN_A, OPEN);
    good(t, 1, .flags = SYN | ACK | ECE, .seq = ISN_B, .ack = A1, OPEN);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .wnd = 4000);
}

/* Both ends agree on accurate ECN; neither SYN nor SYN-ACK was marked. */
static void accurate(struct ladder *t)
{
    good(t, 0, .flags = SYN | ECE | CWR, .ae = true, .seq = ISN_A, OPEN);
    good(t, 1, .flags = SYN | ACK | CWR, .seq = ISN_B, .ack = A1, OPEN);
    good(t, 0, .flags = ACK | CWR, .seq = A1, .ack = B1, .wnd = 4000);
}

static void an_exchange_with_marks_has_no_fault(void **state)
{
    struct ladder *t = *state;

    classic(t);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 100, .wnd = 4000, .ecn = ECT0,
         .marked = true);
    good(t, 1, .flags = ACK | ECE, .seq = B1, .ack = A1 + 100, .wnd = 4000);
    good(t, 0, .flags = ACK | CWR, .seq = A1 + 100, .ack = B1, .len = 100, .wnd = 4000,
         .ecn = ECT0);
    good(t, 1, .flags = ACK, .seq = B1, .ack = A1 + 200, .wnd = 4000);
}

static void ect_without_an_agreement_is_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    bad(t, 0, "was not agreed on", .flags = ACK, .seq = A1, .ack = B1, .len = 9, .wnd = 4000,
        .ecn = ECT0);
}

static void ecn_flags_without_an_agreement_are_seen(void **state)
{
    struct ladder *t = *state;

    audit_handshake(t);
    bad(t, 0, "was not agreed on", .flags = ACK | ECE, .seq = A1, .ack = B1, .wnd = 4000);
}

static void ect_on_a_syn_is_seen(void **state)
{
    bad((struct ladder *)*state, 0, "ECN-capable SYN", .flags = SYN, .seq = ISN_A, OPEN,
        .ecn = ECT0);
}

static void ect_on_what_has_no_new_octets_is_seen(void **state)
{
    struct ladder *t = *state;

    classic(t);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 9, .wnd = 4000, .ecn = ECT0);
    bad(t, 0, "no new octets", .flags = ACK, .seq = A1, .ack = B1, .len = 9, .wnd = 4000,
        .ecn = ECT0);
    bad(t, 1, "no new octets", .flags = ACK, .seq = B1, .ack = A1 + 9, .wnd = 4000, .ecn = ECT0);
    bad(t, 0, "ECN field 3", .flags = ACK, .seq = A1 + 9, .ack = B1, .len = 9, .wnd = 4000,
        .ecn = 3);
}

static void a_question_that_asks_for_nothing_is_seen(void **state)
{
    bad((struct ladder *)*state, 0, "ask for nothing", .flags = SYN | ECE, .seq = ISN_A, OPEN);
}

static void both_questions_are_seen(void **state)
{
    struct ladder *t = *state;

    good(t, 0, .flags = SYN | ECE | CWR, .seq = ISN_A, OPEN);
    bad(t, 0, "both kinds", .flags = SYN | ECE | CWR, .ae = true, .seq = ISN_A, OPEN);
}

static void an_answer_without_a_question_is_seen(void **state)
{
    struct ladder *t = *state;

    good(t, 0, .flags = SYN, .seq = ISN_A, OPEN);
    bad(t, 1, "did not ask", .flags = SYN | ACK | ECE, .seq = ISN_B, .ack = A1, OPEN);
    bad(t, 1, "did not ask", .flags = SYN | ACK | CWR, .seq = ISN_B, .ack = A1, OPEN);
    bad(t, 1, "say nothing", .flags = SYN | ACK | ECE | CWR, .ae = true, .seq = ISN_B, .ack = A1,
        OPEN);
}

static void an_accurate_answer_to_a_classic_question_is_seen(void **state)
{
    struct ladder *t = *state;

    good(t, 0, .flags = SYN | ECE | CWR, .seq = ISN_A, OPEN);
    bad(t, 1, "did not ask", .flags = SYN | ACK | CWR, .seq = ISN_B, .ack = A1, OPEN);
}

static void an_echo_without_a_mark_is_seen(void **state)
{
    struct ladder *t = *state;

    classic(t);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 9, .wnd = 4000, .ecn = ECT0);
    bad(t, 1, "no mark has reached it", .flags = ACK | ECE, .seq = B1, .ack = A1 + 9, .wnd = 4000);
}

static void a_mark_that_is_not_echoed_is_seen(void **state)
{
    struct ladder *t = *state;

    classic(t);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 9, .wnd = 4000, .ecn = ECT0,
         .marked = true);
    bad(t, 1, "without ECE", .flags = ACK, .seq = B1, .ack = A1 + 9, .wnd = 4000);
}

static void cwr_on_a_pure_ack_is_seen(void **state)
{
    struct ladder *t = *state;

    classic(t);
    bad(t, 0, "not on new octets", .flags = ACK | CWR, .seq = A1, .ack = B1, .wnd = 4000);
}

static void ae_with_classic_ecn_is_seen(void **state)
{
    struct ladder *t = *state;

    classic(t);
    bad(t, 0, "set AE", .flags = ACK, .ae = true, .seq = A1, .ack = B1, .wnd = 4000);
}

/* RFC 9768 3.2.2: r.cep begins with 5. */
static void a_counter_of_marks_has_no_fault(void **state)
{
    struct ladder *t = *state;

    accurate(t);
    good(t, 0, .flags = ACK | ECE, .ae = true, .seq = A1, .ack = B1, .len = 9, .wnd = 4000,
         .ecn = ECT0, .marked = true);
    good(t, 1, .flags = ACK | CWR, .ae = true, .seq = B1, .ack = A1 + 9, .wnd = 4000);
    good(t, 1, .flags = ACK | CWR, .ae = true, .seq = B1, .ack = A1 + 9, .len = 9, .wnd = 4000,
         .ecn = ECT0);
}

static void a_counter_that_tells_of_marks_that_were_none_is_seen(void **state)
{
    struct ladder *t = *state;

    accurate(t);
    good(t, 0, .flags = ACK | ECE, .ae = true, .seq = A1, .ack = B1, .len = 9, .wnd = 4000,
         .ecn = ECT0);
    bad(t, 1, "told of 1 marks", .flags = ACK | CWR, .ae = true, .seq = B1, .ack = A1 + 9,
        .wnd = 4000);
}

/* What the client has answered is settled, whatever an older SYN-ACK says. */
static void an_older_syn_ack_behind_a_plain_one_agrees_on_nothing(void **state)
{
    struct ladder *t = *state;

    lost(t, 0, .flags = SYN | ECE | CWR, .ae = true, .seq = ISN_A, OPEN);
    good(t, 0, .flags = SYN | ECE | CWR, .ae = true, .seq = ISN_A, OPEN);
    good(t, 1, .flags = SYN | ACK, .seq = ISN_B, .ack = A1, OPEN);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 9, .wnd = 4000);
    good(t, 1, .flags = SYN | ACK | CWR, .seq = ISN_B, .ack = A1, OPEN);
    good(t, 0, .flags = ACK, .seq = A1 + 9, .ack = B1, .wnd = 4000);
    bad(t, 0, "was not agreed on", .flags = ACK | CWR, .seq = A1 + 9, .ack = B1, .wnd = 4000);
}

/* A host that comes back answers the SYN that it hears, and knows nothing of an earlier one. */
/* Seed 25846: somebody on the path sends a SYN-ACK of the connection before again. It is reset. */
static void a_syn_ack_of_the_connection_before_agrees_on_nothing(void **state)
{
    struct ladder *t = *state;

    good(t, 0, .flags = SYN | ECE | CWR, .ae = true, .seq = ISN_A, OPEN);
    good(t, 0, .flags = SYN, .seq = ISN_A, OPEN);
    late(t, 1, .flags = SYN | ACK | CWR, .seq = ISN_B - 999, .ack = A1 - 999, OPEN);
    good(t, 1, .flags = SYN | ACK, .seq = ISN_B, .ack = A1, OPEN);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .wnd = 4000);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1, .len = 9, .wnd = 4000);
}

static void a_crash_forgets_what_was_agreed_on(void **state)
{
    struct ladder *t = *state;

    good(t, 0, .flags = SYN | ECE | CWR, .ae = true, .seq = ISN_A, OPEN);
    lost(t, 1, .flags = SYN | ACK | CWR, .seq = ISN_B, .ack = A1, OPEN);
    ft_sim_audit_crashed(t->audit, 1);
    good(t, 0, .flags = SYN, .seq = ISN_A, OPEN);
    good(t, 1, .flags = SYN | ACK, .seq = ISN_B + 999, .ack = A1, OPEN);
    good(t, 0, .flags = ACK, .seq = A1, .ack = B1 + 999, .len = 9, .wnd = 4000);
    good(t, 1, .flags = ACK, .seq = B1 + 999, .ack = A1 + 9, .wnd = 4000);
    bad(t, 1, "was not agreed on", .flags = ACK | CWR, .seq = B1 + 999, .ack = A1 + 9, .wnd = 4000);
}

static void a_wrong_word_on_how_the_syn_came_is_seen(void **state)
{
    struct ladder *t = *state;

    good(t, 0, .flags = SYN | ECE | CWR, .ae = true, .seq = ISN_A, OPEN);
    bad(t, 1, "ECN field 3", .flags = SYN | ACK | CWR, .ae = true, .seq = ISN_B, .ack = A1, OPEN);
}

/* RFC 9768 3.1.5. */
static void a_server_that_has_heard_a_plain_syn_sends_no_ect(void **state)
{
    struct ladder *t = *state;

    good(t, 0, .flags = SYN | ECE | CWR, .ae = true, .seq = ISN_A, OPEN);
    good(t, 1, .flags = SYN | ACK | CWR, .seq = ISN_B, .ack = A1, OPEN);
    good(t, 0, .flags = SYN, .seq = ISN_A, OPEN);
    good(t, 0, .flags = ACK | CWR, .seq = A1, .ack = B1, .wnd = 4000);
    bad(t, 1, "a handshake without ECN", .flags = ACK | ECE, .ae = true, .seq = B1, .ack = A1,
        .len = 9, .wnd = 4000, .ecn = ECT0);
}

/* A SYN cookie knows of its own SYN only, though its number be that of another. */
static void a_server_that_uses_cookies_may_send_ect(void **state)
{
    struct ladder *t = *state;

    ft_sim_audit_cookies(t->audit);
    good(t, 0, .flags = SYN | ECE | CWR, .ae = true, .seq = ISN_A, OPEN);
    good(t, 1, .flags = SYN | ACK | CWR, .seq = ISN_B, .ack = A1, OPEN);
    good(t, 0, .flags = SYN, .seq = ISN_A, OPEN);
    good(t, 0, .flags = ACK | CWR, .seq = A1, .ack = B1, .wnd = 4000);
    good(t, 1, .flags = ACK | ECE, .ae = true, .seq = B1, .ack = A1, .len = 9, .wnd = 4000,
         .ecn = ECT0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, audit_begin, audit_end_test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_exchange_with_marks_has_no_fault),
        T(ect_without_an_agreement_is_seen),
        T(ecn_flags_without_an_agreement_are_seen),
        T(ect_on_a_syn_is_seen),
        T(ect_on_what_has_no_new_octets_is_seen),
        T(a_question_that_asks_for_nothing_is_seen),
        T(both_questions_are_seen),
        T(an_answer_without_a_question_is_seen),
        T(an_accurate_answer_to_a_classic_question_is_seen),
        T(an_echo_without_a_mark_is_seen),
        T(a_mark_that_is_not_echoed_is_seen),
        T(cwr_on_a_pure_ack_is_seen),
        T(ae_with_classic_ecn_is_seen),
        T(a_counter_of_marks_has_no_fault),
        T(a_counter_that_tells_of_marks_that_were_none_is_seen),
        T(an_older_syn_ack_behind_a_plain_one_agrees_on_nothing),
        T(a_syn_ack_of_the_connection_before_agrees_on_nothing),
        T(a_crash_forgets_what_was_agreed_on),
        T(a_wrong_word_on_how_the_syn_came_is_seen),
        T(a_server_that_has_heard_a_plain_syn_sends_no_ect),
        T(a_server_that_uses_cookies_may_send_ect),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
