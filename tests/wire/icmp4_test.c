/* SPDX-License-Identifier: MIT */
/*
 * ICMP for IPv4: lengths, checksum, echo, and how much an error quotes.
 */
#include "octets.h"

#include <errno.h>

#include "wire/icmp4.h"

#define IP_HDR_LEN 20

/* The message in exactly its octets. */
static int parse(const uint8_t *buf, size_t len, struct icmp_msg *ret)
{
    uint8_t *copy = exact(buf, len);
    struct icmp_msg msg;
    int r = icmp4_parse(copy, len, &msg);

    if (r == 0) {
        assert_int_equal(msg.body_len, len - ICMP_HDR_LEN);
        msg.body = buf + ICMP_HDR_LEN;
        *ret = msg;
    }
    free(copy);
    return r;
}

/* proves: A-44 */
static void a_message_shorter_than_its_header_is_refused(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++)
        for (size_t len = 0; len < ICMP_HDR_LEN; len++) {
            uint8_t buf[8] = {(uint8_t)type};
            struct icmp_msg msg;

            assert_int_equal(parse(buf, len, &msg), -EINVAL);
        }
}

/* proves: A-44 */
static void an_echo_is_answered_with_equal_octets(void **state)
{
    uint64_t seed = 41;

    (void)state;
    for (size_t body_len = 0; body_len <= 1472; body_len += body_len < 70 ? 1 : 61) {
        uint8_t body[1472];
        uint8_t req_octets[1480];
        uint8_t reply_octets[1480];
        struct icmp_msg req = {ICMP4_ECHO, 0, (uint32_t)rnd(&seed), body, body_len};
        struct icmp_msg reply;
        size_t len;

        rnd_fill(&seed, body, body_len);
        len = icmp4_emit(req_octets, sizeof(req_octets), &req);
        assert_int_equal(len, ICMP_HDR_LEN + body_len);
        assert_int_equal(icmp4_emit(req_octets, len - 1, &req), 0);
        assert_int_equal(parse(req_octets, len, &req), 0);
        assert_int_equal(icmp4_echo_reply_emit(reply_octets, len, &req), len);
        assert_int_equal(parse(reply_octets, len, &reply), 0);
        assert_int_equal(reply.type, ICMP4_ECHO_REPLY);
        assert_int_equal(reply.code, 0);
        assert_int_equal(reply.rest, req.rest);
        assert_memory_equal(reply.body, body, body_len);
    }
}

static void a_damaged_message_is_told_apart(void **state)
{
    struct icmp_msg msg = {ICMP4_ECHO, 0, 0x00010002, (const uint8_t *)"abc", 3};
    uint8_t buf[11];

    (void)state;
    assert_int_equal(icmp4_emit(buf, sizeof(buf), &msg), 11);
    for (size_t i = 0; i < sizeof(buf); i++) {
        buf[i] ^= 0x10;
        assert_int_equal(parse(buf, sizeof(buf), &msg), -EBADMSG);
        buf[i] ^= 0x10;
    }
    assert_int_equal(parse(buf, sizeof(buf), &msg), 0);
}

/* RFC 1812 4.3.2.3. */
/* proves: A-45 */
static void an_error_quotes_no_more_than_its_packet_may_hold(void **state)
{
    uint8_t pkt[1600];
    uint64_t seed = 42;

    (void)state;
    rnd_fill(&seed, pkt, sizeof(pkt));
    for (size_t pkt_len = IP_HDR_LEN; pkt_len <= sizeof(pkt); pkt_len++) {
        struct icmp_msg err = {ICMP4_UNREACH, 1, 0, pkt, pkt_len};
        size_t want = ICMP_HDR_LEN + pkt_len;
        struct icmp_msg back;
        uint8_t buf[2048];
        size_t len;

        if (want > 576 - IP_HDR_LEN)
            want = 576 - IP_HDR_LEN;
        len = icmp4_error_emit(buf, sizeof(buf), &err);
        assert_int_equal(len, want);
        assert_int_equal(parse(buf, len, &back), 0);
        assert_memory_equal(back.body, pkt, back.body_len);
    }
}

/* proves: A-45 */
static void an_error_is_cut_to_the_room_that_there_is(void **state)
{
    uint8_t pkt[1600] = {0};
    struct icmp_msg err = {ICMP4_UNREACH, 1, 0, pkt, sizeof(pkt)};

    (void)state;
    for (size_t cap = 0; cap <= 556; cap++) {
        uint8_t *buf = malloc(cap + 1);
        size_t want = cap < ICMP_HDR_LEN + IP_HDR_LEN + 8 ? 0 : cap;

        assert_non_null(buf);
        buf[cap] = 0xa5;
        assert_int_equal(icmp4_error_emit(buf, cap, &err), want);
        assert_int_equal(buf[cap], 0xa5);
        free(buf);
    }
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
