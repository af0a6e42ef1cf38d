/* SPDX-License-Identifier: MIT */
/*
 * ARP packets: form, lengths and the round trip.
 */
#include "octets.h"

#include <errno.h>

#include "wire/arp.h"

static const uint8_t request[ARP_PKT_LEN] = {0,  1, 8, 0, 6, 4, 0, 1, 2, 0, 0,  0, 0, 1,
                                             10, 7, 0, 1, 0, 0, 0, 0, 0, 0, 10, 7, 0, 2};

static void a_request_is_read_field_by_field(void **state)
{
    struct arp_pkt pkt;

    (void)state;
    assert_int_equal(arp_parse(request, sizeof(request), &pkt), 0);
    assert_int_equal(pkt.op, ARP_OP_REQUEST);
    assert_memory_equal(pkt.sha, request + 8, 6);
    assert_int_equal(addr_v4_of(&pkt.spa), 0x0a070001);
    assert_int_equal(addr_v4_of(&pkt.tpa), 0x0a070002);
}

/* proves: A-02 */
static void a_cut_packet_is_refused_at_every_length(void **state)
{
    (void)state;
    for (size_t len = 0; len < ARP_PKT_LEN; len++) {
        uint8_t *copy = exact(request, len);
        struct arp_pkt pkt;

        assert_int_equal(arp_parse(copy, len, &pkt), -EINVAL);
        free(copy);
    }
}

/* proves: A-02 */
static void every_other_value_of_a_fixed_octet_is_refused(void **state)
{
    (void)state;
    for (size_t at = 0; at < 8; at++) {
        for (unsigned v = 0; v < 256; v++) {
            uint8_t pkt_octets[ARP_PKT_LEN];
            struct arp_pkt pkt;
            bool good = v == request[at] || (at == 7 && v == ARP_OP_REPLY);

            memcpy(pkt_octets, request, sizeof(request));
            pkt_octets[at] = (uint8_t)v;
            assert_int_equal(arp_parse(pkt_octets, sizeof(pkt_octets), &pkt), good ? 0 : -EINVAL);
        }
    }
}

static void padding_of_a_short_frame_is_ignored(void **state)
{
    uint8_t padded[46] = {0};
    struct arp_pkt pkt;

    (void)state;
    memcpy(padded, request, sizeof(request));
    assert_int_equal(arp_parse(padded, sizeof(padded), &pkt), 0);
}

static void what_is_emitted_is_parsed(void **state)
{
    uint64_t seed = 6;

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        struct arp_pkt in = {
            .op = (uint16_t)(1 + rnd(&seed) % 2), .spa = rnd_addr4(&seed), .tpa = rnd_addr4(&seed)};
        struct arp_pkt out = {0};
        uint8_t a[ARP_PKT_LEN];
        uint8_t b[ARP_PKT_LEN];

        rnd_fill(&seed, in.sha, 6);
        rnd_fill(&seed, in.tha, 6);
        memset(a, 0xa5, sizeof(a));
        memset(b, 0x5a, sizeof(b));
        assert_int_equal(arp_emit(a, sizeof(a), &in), ARP_PKT_LEN);
        assert_int_equal(arp_emit(b, sizeof(b), &in), ARP_PKT_LEN);
        assert_all_written(a, b, sizeof(a));
        assert_int_equal(arp_parse(a, sizeof(a), &out), 0);
        assert_int_equal(in.op, out.op);
        assert_true(addr_eq(&in.spa, &out.spa) && addr_eq(&in.tpa, &out.tpa));
        assert_memory_equal(in.sha, out.sha, 6);
        assert_memory_equal(in.tha, out.tha, 6);
    }
    assert_int_equal(arp_emit(NULL, ARP_PKT_LEN - 1, &(struct arp_pkt){0}), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read_field_by_field),
        cmocka_unit_test(a_cut_packet_is_refused_at_every_length),
        cmocka_unit_test(every_other_value_of_a_fixed_octet_is_refused),
        cmocka_unit_test(padding_of_a_short_frame_is_ignored),
        cmocka_unit_test(what_is_emitted_is_parsed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
