/* SPDX-License-Identifier: MIT */
/*
 * IPv4 comes in: lengths, options, checksums, and to whom answers go.
 */
#include "harness.h"

static struct host h;

static int setup(void **state)
{
    *state = &h;
    host_open(&h, 0);
    host_knows_b(&h);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    host_close(&h);
    return 0;
}

static void fix_csum(size_t ihl)
{
    uint8_t *ip = h.in + ETH_HDR_LEN;

    be16_store(ip + 10, 0);
    be16_store(ip + 10, csum_of(ip, ihl));
}

/* proves: A-14 */
static void lengths_that_do_not_fit_are_dropped(void **state)
{
    uint8_t *ip = h.in + ETH_HDR_LEN;

    (void)state;
    for (unsigned ihl = 0; ihl < 16; ihl++) {
        for (unsigned total = 0; total <= 80; total += 4) {
            for (size_t len = ETH_HDR_LEN; len <= 94; len += 5) {
                say_echo(&h, &(struct say){.src = B4}, 52);
                ip[0] = (uint8_t)(0x40 | ihl);
                be16_store(ip + 2, (uint16_t)total);
                memset(ip + 20, 1, ihl > 5 ? ihl * 4 - 20 : 0);
                if (ihl > 0)
                    fix_csum(ihl * 4);
                host_take(&h, h.in, len);
                assert_int_equal(h.what, FT_NET_DONE);
                assert_int_equal(host_drain(&h), ihl == 5 && total == 80 && len == 94);
            }
        }
    }
    say_echo(&h, &(struct say){.src = B4}, 52);
    ip[0] = 0x55;
    fix_csum(20);
    host_take_in(&h);
    assert_true(host_dropped(&h, FT_RX_DROP_HEADER));
}

/* proves: A-15 */
static void payload_shorter_than_its_header_does_no_harm(void **state)
{
    static const uint8_t protos[] = {IP_PROTO_TCP, IP_PROTO_UDP, IP_PROTO_ICMP4, IP_PROTO_IGMP};
    uint8_t l4[24] = {8};

    (void)state;
    for (size_t p = 0; p < 4; p++) {
        for (size_t len = 0; len <= 24; len++) {
            say_ip(&h, &(struct say){.src = B4, .proto = protos[p]}, l4, len);
            host_take_in(&h);
            if (h.what != FT_NET_DONE)
                assert_int_equal(h.rx.l4_len, len);
            assert_int_equal(host_drain(&h), 0);
        }
    }
}

static void wrong_header_checksum_is_dropped(void **state)
{
    (void)state;
    for (size_t i = 0; i < 20; i++) {
        say_tcp(&h, &(struct say){.src = B4}, 10);
        h.in[ETH_HDR_LEN + i] ^= 0x10;
        host_take_in(&h);
        assert_int_equal(h.what, FT_NET_DONE);
    }
}

/* An echo request with options of @len octets; more than the packet has if it lies. */
static void take_with_options(const uint8_t *options, size_t len)
{
    uint8_t *ip = h.in + ETH_HDR_LEN;
    size_t total;

    say_echo(&h, &(struct say){.src = B4}, 8);
    total = h.in_len - ETH_HDR_LEN + len;
    memmove(ip + 20 + len, ip + 20, h.in_len - ETH_HDR_LEN - 20);
    memcpy(ip + 20, options, len);
    ip[0] = (uint8_t)(0x40 | (20 + len) / 4);
    be16_store(ip + 2, (uint16_t)total);
    h.in_len += len;
    fix_csum(20 + len);
    host_take_in(&h);
}

/* proves: A-17 A-18 */
static void options_are_walked_and_never_answered(void **state)
{
    uint8_t options[40];

    (void)state;
    for (unsigned kind = 0; kind < 256; kind++) {
        for (unsigned len = 0; len <= 41; len += 3) {
            for (unsigned pointer = 0; pointer < 256; pointer += 17) {
                memset(options, 1, sizeof(options));
                options[0] = (uint8_t)kind;
                options[1] = (uint8_t)len;
                options[2] = (uint8_t)pointer;
                take_with_options(options, sizeof(options));
                assert_int_equal(h.what, FT_NET_DONE);
                if (kind == 131 || kind == 137)
                    assert_int_not_equal(h.verdict, FT_RX_CONTROL);
                while (host_sent(&h)) {
                    assert_int_equal(out_ip(&h)[0], 0x45);
                    assert_memory_equal(out_ip(&h) + 16, h.in + ETH_HDR_LEN + 12, 4);
                }
            }
        }
    }
}

/* RFC 7126 4.3, 4.4: source routes are dropped whatever else is right about them. */
static void source_routes_are_dropped_by_name(void **state)
{
    static const uint8_t lsrr[8] = {131, 7, 4, 10, 7, 0, 1, 0};
    static const uint8_t ssrr[8] = {137, 7, 8, 10, 7, 0, 1, 0};

    (void)state;
    take_with_options(lsrr, 8);
    assert_true(host_dropped(&h, FT_RX_DROP_OPTIONS));
    take_with_options(ssrr, 8);
    assert_true(host_dropped(&h, FT_RX_DROP_OPTIONS));
    assert_int_equal(host_drain(&h), 0);
}

/* proves: A-49 */
static void igmp_changes_nothing(void **state)
{
    uint8_t msg[40] = {0x11};

    (void)state;
    for (size_t len = 0; len <= 40; len++) {
        for (unsigned i = 0; i < 12; i++) {
            memset(msg + 1, (int)(i * 23), sizeof(msg) - 1);
            be16_store(msg + 2, 0);
            be16_store(msg + 2, csum_of(msg, len));
            say_ip(&h,
                   &(struct say){.src = B4,
                                 .dst = V4(224, 0, 0, 1),
                                 .proto = IP_PROTO_IGMP,
                                 .ttl = 1,
                                 .eth_dst = mac_all},
                   msg, len);
            host_take_in(&h);
            assert_int_equal(h.what, FT_NET_DONE);
        }
    }
    assert_int_equal(host_drain(&h), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(lengths_that_do_not_fit_are_dropped), T(payload_shorter_than_its_header_does_no_harm),
        T(wrong_header_checksum_is_dropped),    T(options_are_walked_and_never_answered),
        T(source_routes_are_dropped_by_name),   T(igmp_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
