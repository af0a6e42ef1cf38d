/* SPDX-License-Identifier: MIT */
/*
 * What must be true of ICMP in either family; icmp4_test.c and icmp6_test.c say which functions and
 * numbers are theirs.
 */
#ifndef TESTS_WIRE_ICMP_FAMILY_H
#define TESTS_WIRE_ICMP_FAMILY_H

#include "octets.h"

#include <errno.h>

#include "wire/icmp.h"

struct icmp_family {
    size_t hdr_len;   /* of the IP header */
    size_t error_max; /* of the IP packet with an error in it */
    uint8_t echo, echo_reply, unreach;
    int (*parse)(const uint8_t *buf, size_t len, struct icmp_msg *ret);
    size_t (*emit)(uint8_t *buf, size_t cap, const struct icmp_msg *msg);
    size_t (*reply_emit)(uint8_t *buf, size_t cap, const struct icmp_msg *req);
    size_t (*error_emit)(uint8_t *buf, size_t cap, const struct icmp_msg *err);
};

/** Parse a message in exactly its octets. Return: as the family's parse(). */
static inline int family_parse(const struct icmp_family *f, const uint8_t *buf, size_t len,
                               struct icmp_msg *ret)
{
    uint8_t *copy = exact(buf, len);
    struct icmp_msg msg;
    int r = f->parse(copy, len, &msg);

    if (r == 0) {
        assert_int_equal(msg.body_len, len - ICMP_HDR_LEN);
        msg.body = buf + ICMP_HDR_LEN;
        *ret = msg;
    }
    free(copy);
    return r;
}

/** Fewer octets than a header are refused. */
static inline void family_refuses_the_short(const struct icmp_family *f)
{
    for (unsigned type = 0; type < 256; type++)
        for (size_t len = 0; len < ICMP_HDR_LEN; len++) {
            uint8_t buf[8] = {(uint8_t)type};
            struct icmp_msg msg;

            assert_int_equal(family_parse(f, buf, len, &msg), -EINVAL);
        }
}

/** The reply to an echo has its octets. */
static inline void family_answers_echoes(const struct icmp_family *f)
{
    uint64_t seed = 41;

    for (size_t body_len = 0; body_len <= 1472; body_len += body_len < 70 ? 1 : 61) {
        uint8_t body[1472];
        uint8_t req_octets[1480];
        uint8_t reply_octets[1480];
        struct icmp_msg req = {f->echo, 0, (uint32_t)rnd(&seed), body, body_len};
        struct icmp_msg reply;
        size_t len;

        rnd_fill(&seed, body, body_len);
        len = f->emit(req_octets, sizeof(req_octets), &req);
        assert_int_equal(len, ICMP_HDR_LEN + body_len);
        assert_int_equal(f->emit(req_octets, len - 1, &req), 0);
        assert_int_equal(family_parse(f, req_octets, len, &req), 0);
        assert_int_equal(f->reply_emit(reply_octets, len, &req), len);
        assert_int_equal(family_parse(f, reply_octets, len, &reply), 0);
        assert_int_equal(reply.type, f->echo_reply);
        assert_int_equal(reply.code, 0);
        assert_int_equal(reply.rest, req.rest);
        assert_memory_equal(reply.body, body, body_len);
    }
}

/** One wrong bit anywhere is a wrong checksum. */
static inline void family_tells_damage(const struct icmp_family *f)
{
    struct icmp_msg msg = {f->echo, 0, 0x00010002, (const uint8_t *)"abc", 3};
    uint8_t buf[11];

    assert_int_equal(f->emit(buf, sizeof(buf), &msg), 11);
    for (size_t i = 0; i < sizeof(buf); i++) {
        buf[i] ^= 0x10;
        assert_int_equal(family_parse(f, buf, sizeof(buf), &msg), -EBADMSG);
        buf[i] ^= 0x10;
    }
    assert_int_equal(family_parse(f, buf, sizeof(buf), &msg), 0);
}

/** An error quotes what its packet may hold. */
static inline void family_bounds_errors(const struct icmp_family *f)
{
    uint8_t pkt[1600];
    uint64_t seed = 42;

    rnd_fill(&seed, pkt, sizeof(pkt));
    for (size_t pkt_len = f->hdr_len; pkt_len <= sizeof(pkt); pkt_len++) {
        struct icmp_msg err = {f->unreach, 1, 0, pkt, pkt_len};
        size_t want = ICMP_HDR_LEN + pkt_len;
        struct icmp_msg back;
        uint8_t buf[2048];
        size_t len;

        if (want > f->error_max - f->hdr_len)
            want = f->error_max - f->hdr_len;
        len = f->error_emit(buf, sizeof(buf), &err);
        assert_int_equal(len, want);
        assert_int_equal(family_parse(f, buf, len, &back), 0);
        assert_memory_equal(back.body, pkt, back.body_len);
    }
}

/** An error is cut to the room that there is, and writes nothing beyond it. */
static inline void family_cuts_errors(const struct icmp_family *f)
{
    uint8_t pkt[1600] = {0};
    struct icmp_msg err = {f->unreach, 1, 0, pkt, sizeof(pkt)};

    for (size_t cap = 0; cap <= f->error_max - f->hdr_len; cap++) {
        uint8_t *buf = malloc(cap + 1);
        size_t want = cap < ICMP_HDR_LEN + f->hdr_len + 8 ? 0 : cap;

        assert_non_null(buf);
        buf[cap] = 0xa5;
        assert_int_equal(f->error_emit(buf, cap, &err), want);
        assert_int_equal(buf[cap], 0xa5);
        free(buf);
    }
}

#endif
