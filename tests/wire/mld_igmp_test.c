/* SPDX-License-Identifier: MIT */
/*
 * Group membership: versions by length, response times, source counts that lie, reports.
 */
#include "octets.h"

#include <errno.h>

#include "wire/ip.h"
#include "wire/mld_igmp.h"

static const struct icmp6_path path = {{UINT64_C(0xfe80) << 48, 1}, {UINT64_C(0xff02) << 48, 1}};

static struct ip6_hdr packet(void)
{
    return (struct ip6_hdr){.src = path.src, .dst = path.dst, .hop_limit = 1};
}

static int parse_igmp(uint8_t *buf, size_t len, struct group_msg *ret)
{
    uint8_t *copy;
    int r;

    if (len >= 4) {
        be16_store(buf + 2, 0);
        be16_store(buf + 2, naive_csum(buf, len));
    }
    copy = exact(buf, len);
    r = igmp_parse(copy, len, ret);
    free(copy);
    return r;
}

static int parse_mld(const uint8_t *buf, size_t len, struct group_msg *ret)
{
    struct ip6_hdr ip = packet();
    uint8_t *copy = exact(buf, len);
    int r = mld_parse(&ip, true, copy, len, ret);

    free(copy);
    return r;
}

/* RFC 3376 7.1: 8 octets are version 1 or 2, 12 and more version 3, others nothing. */
/* proves: A-49 */
static void an_igmp_query_needs_its_length_and_its_sources(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 256; code++)
        for (unsigned n = 0; n < 20; n++)
            for (size_t len = 0; len <= 64; len++) {
                bool good = len == 8 || (len >= 12 && len >= 12 + 4 * (size_t)n);
                uint8_t buf[64] = {IGMP_QUERY, (uint8_t)code};
                struct group_msg msg;

                be16_store(buf + 10, (uint16_t)n);
                assert_int_equal(parse_igmp(buf, len, &msg), good ? 0 : -EINVAL);
                if (!good)
                    continue;
                assert_int_equal(msg.version, len > 8 ? 3 : code == 0 ? 1 : 2);
                assert_true(msg.max_resp_ms > 0);
                assert_int_equal(msg.n_sources, len > 8 ? n : 0);
            }
}

static void igmp_response_times_are_read_as_each_version_says(void **state)
{
    struct group_msg msg;
    uint8_t buf[12] = {IGMP_QUERY, 0};

    (void)state;
    assert_int_equal(parse_igmp(buf, 8, &msg), 0);
    assert_int_equal(msg.max_resp_ms, 10000);
    assert_int_equal(parse_igmp(buf, 12, &msg), 0);
    assert_int_equal(msg.max_resp_ms, 100);
    buf[1] = 200;
    assert_int_equal(parse_igmp(buf, 8, &msg), 0);
    assert_int_equal(msg.max_resp_ms, 20000);
    buf[1] = 0xff; /* RFC 3376 4.1.1: (15 | 16) << (7 + 3) tenths */
    assert_int_equal(parse_igmp(buf, 12, &msg), 0);
    assert_int_equal(msg.max_resp_ms, (31U << 10) * 100);
}

/* proves: A-49 */
static void an_igmp_group_is_a_group(void **state)
{
    static const uint8_t types[] = {IGMP_QUERY, IGMP1_REPORT, IGMP2_REPORT, IGMP2_LEAVE};

    (void)state;
    for (size_t t = 0; t < sizeof(types); t++) {
        uint8_t buf[8] = {types[t], 100, 0, 0, 10, 7, 0, 1};
        struct group_msg msg;

        assert_int_equal(parse_igmp(buf, 8, &msg), -EINVAL);
        buf[4] = 0xef;
        assert_int_equal(parse_igmp(buf, 8, &msg), 0);
        assert_int_equal(addr_v4_of(&msg.group), 0xef070001);
        buf[2] ^= 1;
        assert_int_equal(igmp_parse(buf, 8, &msg), -EBADMSG);
    }
}

static void igmp_reports_are_written_as_they_are_read(void **state)
{
    static const uint8_t want[] = {0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 239, 1, 2, 3};
    struct group_record record = {GROUP_TO_EXCLUDE, addr_v4(0xef010203)};
    struct group_msg in = {.type = IGMP2_REPORT, .group = addr_v4(0xef010203)};
    struct group_msg out;
    uint8_t buf[16];

    (void)state;
    assert_int_equal(igmp_emit(buf, 7, &in), 0);
    assert_int_equal(igmp_emit(buf, 8, &in), 8);
    assert_int_equal(igmp_parse(buf, 8, &out), 0);
    assert_int_equal(out.version, 2);
    assert_true(addr_eq(&in.group, &out.group));
    in.type = IGMP_QUERY;
    in.max_resp_ms = 2500;
    assert_int_equal(igmp_emit(buf, 8, &in), 8);
    assert_int_equal(igmp_parse(buf, 8, &out), 0);
    assert_int_equal(out.max_resp_ms, 2500);
    assert_int_equal(igmp3_report_emit(buf, 15, &record, 1), 0);
    assert_int_equal(igmp3_report_emit(buf, 16, &record, 1), 16);
    assert_int_equal(igmp_parse(buf, 16, &out), 0);
    assert_int_equal(out.version, 3);
    be16_store(buf + 2, 0);
    assert_memory_equal(buf, want, sizeof(want));
}

/* RFC 3810 8.1: 24 octets are version 1, 28 and more version 2, others nothing. */
/* proves: A-49 */
static void an_mld_query_needs_its_length_and_its_sources(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 6; n++)
        for (unsigned code = 0; code < 65536; code += 257)
            for (size_t len = 0; len <= 100; len++) {
                bool good = len == 24 || (len >= 28 && len >= 28 + 16 * (size_t)n);
                uint8_t buf[100] = {ICMP6_MLD_QUERY};
                struct group_msg msg;

                be16_store(buf + 4, (uint16_t)code);
                be16_store(buf + 26, (uint16_t)n);
                assert_int_equal(parse_mld(buf, len, &msg), good ? 0 : -EINVAL);
                if (!good)
                    continue;
                assert_int_equal(msg.version, len == 24 ? 1 : 2);
                assert_true(msg.max_resp_ms > 0);
            }
}

/* proves: A-49 */
static void an_mld_message_stays_on_its_link(void **state)
{
    uint8_t buf[24] = {ICMP6_MLD_QUERY};
    struct ip6_hdr ip = packet();
    struct group_msg msg;

    (void)state;
    assert_int_equal(mld_parse(&ip, true, buf, 24, &msg), 0);
    assert_int_equal(mld_parse(&ip, false, buf, 24, &msg), -EINVAL);
    ip.hop_limit = 2;
    assert_int_equal(mld_parse(&ip, true, buf, 24, &msg), -EINVAL);
    ip.hop_limit = 1;
    ip.src = (struct ft_addr){0, 0};
    assert_int_equal(mld_parse(&ip, true, buf, 24, &msg), -EINVAL);
    buf[0] = ICMP6_MLD_REPORT;
    assert_int_equal(mld_parse(&ip, true, buf, 24, &msg), -EINVAL);
    buf[8] = 0xff;
    assert_int_equal(mld_parse(&ip, true, buf, 24, &msg), 0); /* RFC 3590 4 */
    ip.src = (struct ft_addr){UINT64_C(0xfd07) << 48, 1};
    assert_int_equal(mld_parse(&ip, true, buf, 24, &msg), -EINVAL);
}

static void mld_reports_are_written_as_they_are_read(void **state)
{
    struct group_record records[2] = {{GROUP_TO_EXCLUDE, {UINT64_C(0xff02) << 48, 1}},
                                      {GROUP_TO_INCLUDE, {UINT64_C(0xff02) << 48, 2}}};
    struct group_records both = {records, 2};
    struct group_msg in = {.type = ICMP6_MLD_REPORT, .group = {UINT64_C(0xff02) << 48, 5}};
    struct group_msg out;
    struct icmp_msg icmp;
    uint8_t buf[48];

    (void)state;
    assert_int_equal(mld_emit(buf, 23, &path, &in), 0);
    assert_int_equal(mld_emit(buf, 24, &path, &in), 24);
    assert_int_equal(icmp6_parse(&path.src, &path.dst, buf, 24, &icmp), 0);
    assert_int_equal(parse_mld(buf, 24, &out), 0);
    assert_true(addr_eq(&in.group, &out.group));
    in.type = ICMP6_MLD_QUERY;
    in.max_resp_ms = 1234;
    assert_int_equal(mld_emit(buf, 24, &path, &in), 24);
    assert_int_equal(parse_mld(buf, 24, &out), 0);
    assert_int_equal(out.max_resp_ms, 1234);
    assert_int_equal(mld2_report_emit(buf, 47, &path, &both), 0);
    memset(buf, 0xa5, sizeof(buf));
    assert_int_equal(mld2_report_emit(buf, 48, &path, &both), 48);
    assert_int_equal(icmp6_parse(&path.src, &path.dst, buf, 48, &icmp), 0);
    assert_int_equal(icmp.rest, 2);
    assert_int_equal(be32_load(buf + 8), 0x04000000);
    assert_int_equal(be32_load(buf + 28), 0x03000000);
    assert_int_equal(buf[27], 1);
    assert_int_equal(buf[47], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_igmp_query_needs_its_length_and_its_sources),
        cmocka_unit_test(igmp_response_times_are_read_as_each_version_says),
        cmocka_unit_test(an_igmp_group_is_a_group),
        cmocka_unit_test(igmp_reports_are_written_as_they_are_read),
        cmocka_unit_test(an_mld_query_needs_its_length_and_its_sources),
        cmocka_unit_test(an_mld_message_stays_on_its_link),
        cmocka_unit_test(mld_reports_are_written_as_they_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
