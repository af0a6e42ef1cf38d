/* SPDX-License-Identifier: MIT */
/*
 * ICMP for IPv4: lengths, checksum, echo, and how much an error quotes.
 */
#include "wire/icmp4.h"

#include "icmp_family.h"

static const struct icmp_family family = {
    .hdr_len = 20,
    .error_max = 576,
    .echo = ICMP4_ECHO,
    .echo_reply = ICMP4_ECHO_REPLY,
    .unreach = ICMP4_UNREACH,
    .parse = icmp4_parse,
    .emit = icmp4_emit,
    .reply_emit = icmp4_echo_reply_emit,
    .error_emit = icmp4_error_emit,
};

/* proves: A-44 */
static void a_message_shorter_than_its_header_is_refused(void **state)
{
    (void)state;
    family_refuses_the_short(&family);
}

/* proves: A-44 */
static void an_echo_is_answered_with_equal_octets(void **state)
{
    (void)state;
    family_answers_echoes(&family);
}

static void a_damaged_message_is_told_apart(void **state)
{
    (void)state;
    family_tells_damage(&family);
}

/* RFC 1812 4.3.2.3: 576 octets. */
/* proves: A-45 */
static void an_error_quotes_no_more_than_its_packet_may_hold(void **state)
{
    (void)state;
    family_bounds_errors(&family);
}

/* proves: A-45 */
static void an_error_is_cut_to_the_room_that_there_is(void **state)
{
    (void)state;
    family_cuts_errors(&family);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_shorter_than_its_header_is_refused),
        cmocka_unit_test(an_echo_is_answered_with_equal_octets),
        cmocka_unit_test(a_damaged_message_is_told_apart),
        cmocka_unit_test(an_error_quotes_no_more_than_its_packet_may_hold),
        cmocka_unit_test(an_error_is_cut_to_the_room_that_there_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
