/* SPDX-License-Identifier: MIT */
/*
 * ICMP for IPv6: lengths, checksum, echo, and how much an error quotes.
 */
#include "wire/icmp6.h"

#include "icmp_family.h"

static const struct icmp6_path path = {{UINT64_C(0xfd07) << 48, 1}, {UINT64_C(0xfd07) << 48, 2}};

static int parse(const uint8_t *buf, size_t len, struct icmp_msg *ret)
{
    return icmp6_parse(&path.src, &path.dst, buf, len, ret);
}

static size_t emit(uint8_t *buf, size_t cap, const struct icmp_msg *msg)
{
    return icmp6_emit(buf, cap, &path, msg);
}

static size_t reply_emit(uint8_t *buf, size_t cap, const struct icmp_msg *req)
{
    return icmp6_echo_reply_emit(buf, cap, &path, req);
}

static size_t error_emit(uint8_t *buf, size_t cap, const struct icmp_msg *err)
{
    return icmp6_error_emit(buf, cap, &path, err);
}

static const struct icmp_family family = {
    .hdr_len = 40,
    .error_max = 1280,
    .echo = ICMP6_ECHO,
    .echo_reply = ICMP6_ECHO_RESPONSE,
    .unreach = ICMP6_UNREACH,
    .parse = parse,
    .emit = emit,
    .reply_emit = reply_emit,
    .error_emit = error_emit,
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

/* RFC 4443 2.4 (c): 1280 octets. */
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
