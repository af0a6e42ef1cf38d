/* SPDX-License-Identifier: MIT */
/*
 * Ethernet headers: runts, tags, group addresses, and the round trip.
 */
#include "octets.h"

#include <errno.h>

#include "wire/eth.h"

static const uint16_t types[] = {ETH_TYPE_IP4,  ETH_TYPE_ARP,  ETH_TYPE_IP6,
                                 ETH_TYPE_VLAN, ETH_TYPE_QINQ, 0x002e};

/* proves: A-01 */
static void every_length_and_type_is_read_inside_the_frame(void **state)
{
    (void)state;
    for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
        for (size_t len = 0; len <= 64; len++) {
            uint8_t frame[64] = {0};
            bool tagged = types[t] == ETH_TYPE_VLAN || types[t] == ETH_TYPE_QINQ;
            struct eth_hdr hdr;
            uint8_t *copy;
            int r;

            be16_store(frame + 12, types[t]);
            copy = exact(frame, len);
            r = eth_parse(copy, len, &hdr);
            assert_int_equal(r, len < (tagged ? 18U : 14U) ? -EINVAL : 0);
            if (r == 0)
                assert_true(hdr.hdr_len <= len);
            free(copy);
        }
    }
}

/* proves: A-01 */
static void a_frame_full_of_tags_is_refused(void **state)
{
    uint8_t frame[1500];
    struct eth_hdr hdr;

    (void)state;
    for (size_t i = 0; i < sizeof(frame); i++)
        frame[i] = i % 2 == 0 ? 0x81 : 0x00;
    assert_int_equal(eth_parse(frame, sizeof(frame), &hdr), -EINVAL);
}

static void two_tags_are_skipped_and_a_third_is_not(void **state)
{
    uint8_t frame[26] = {0};
    struct eth_hdr hdr;

    (void)state;
    be16_store(frame + 12, ETH_TYPE_QINQ);
    be16_store(frame + 16, ETH_TYPE_VLAN);
    be16_store(frame + 20, ETH_TYPE_IP6);
    assert_int_equal(eth_parse(frame, 22, &hdr), 0);
    assert_int_equal(hdr.ethertype, ETH_TYPE_IP6);
    assert_int_equal(hdr.hdr_len, 22);
    assert_int_equal(hdr.n_tags, 2);
    assert_int_equal(eth_parse(frame, 21, &hdr), -EINVAL);
    be16_store(frame + 20, ETH_TYPE_VLAN);
    assert_int_equal(eth_parse(frame, sizeof(frame), &hdr), -EINVAL);
}

static void what_is_emitted_is_parsed(void **state)
{
    uint64_t seed = 5;

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        struct eth_hdr in = {.ethertype = ETH_TYPE_IP4};
        struct eth_hdr out;
        uint8_t buf[ETH_HDR_LEN];

        rnd_fill(&seed, in.dst, 6);
        rnd_fill(&seed, in.src, 6);
        assert_int_equal(eth_emit(buf, sizeof(buf), &in), ETH_HDR_LEN);
        assert_int_equal(eth_parse(buf, sizeof(buf), &out), 0);
        assert_memory_equal(in.dst, out.dst, 6);
        assert_memory_equal(in.src, out.src, 6);
        assert_int_equal(in.ethertype, out.ethertype);
        assert_int_equal(out.hdr_len, ETH_HDR_LEN);
    }
    assert_int_equal(eth_emit(NULL, ETH_HDR_LEN - 1, &(struct eth_hdr){0}), 0);
}

/* RFC 1112 6.4: the low 23 bits. RFC 2464 7: the low 32 bits. */
static void groups_have_their_ethernet_address(void **state)
{
    static const uint8_t want4[] = {0x01, 0x00, 0x5e, 0x7f, 0x00, 0x16};
    static const uint8_t want6[] = {0x33, 0x33, 0xff, 0xcc, 0xdd, 0xee};
    static const uint8_t want_all[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct ft_addr g4 = addr_v4(0xe0ff0016);
    struct ft_addr g6 = {UINT64_C(0xff02) << 48, UINT64_C(0x1ffccddee)};
    struct ft_addr all = addr_v4(UINT32_MAX);
    uint8_t mac[6];

    (void)state;
    eth_group_of(&g4, mac);
    assert_memory_equal(mac, want4, 6);
    eth_group_of(&g6, mac);
    assert_memory_equal(mac, want6, 6);
    eth_group_of(&all, mac);
    assert_memory_equal(mac, want_all, 6);
    assert_true(eth_is_group(mac));
    assert_false(eth_is_station(mac));
    assert_false(eth_is_station((const uint8_t[6]){0}));
    assert_true(eth_is_station((const uint8_t[6]){2, 0, 0, 0, 0, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_and_type_is_read_inside_the_frame),
        cmocka_unit_test(a_frame_full_of_tags_is_refused),
        cmocka_unit_test(two_tags_are_skipped_and_a_third_is_not),
        cmocka_unit_test(what_is_emitted_is_parsed),
        cmocka_unit_test(groups_have_their_ethernet_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
