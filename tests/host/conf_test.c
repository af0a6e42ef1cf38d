/* SPDX-License-Identifier: MIT */
/*
 * What people type for nets is read, and what is wrong with it is said in one sentence that names
 * the argument and how to write it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "diag/addr.h"
#include "host/conf.h"

static void must_take(struct conf *conf, const char *option, const char *value)
{
    char err[CONF_ERR_MAX] = "";

    if (conf_option(conf, option, value, err) != 0)
        fail_msg("%s", err);
}

static void options_belong_to_the_net_before_them(void **state)
{
    struct conf conf;
    char text[ADDR_TEXT_MAX];

    (void)state;
    conf_init(&conf);
    must_take(&conf, "--addr", "10.9.0.1/24");
    must_take(&conf, "--net", "lab");
    must_take(&conf, "--addr", "10.7.0.2/24");
    must_take(&conf, "--addr", "fd07::2/64");
    must_take(&conf, "--gateway", "10.7.0.1");
    must_take(&conf, "--gateway", "fd07::1");
    must_take(&conf, "--link", "delay=10ms");
    must_take(&conf, "--pcap", "lab.pcapng");
    must_take(&conf, "--net", "tap:ft0");
    must_take(&conf, "--name", "web");
    assert_string_equal(conf.name, "web");
    assert_int_equal(conf.n_nets, 3);
    assert_int_equal(conf.nets[0].kind, CONF_NONE);
    assert_int_equal(conf.nets[0].n_addrs, 1);
    assert_string_equal(addr_format(&conf.nets[0].addrs[0].addr, text), "10.9.0.1");
    assert_int_equal(conf.nets[1].kind, CONF_WIRE);
    assert_int_equal(conf.nets[1].n_addrs, 2);
    assert_true(conf.nets[1].has_gateway[0] && conf.nets[1].has_gateway[1]);
    assert_int_equal(conf.nets[1].impair.delay, 10 * FT_MS);
    assert_string_equal(conf.nets[1].pcap, "lab.pcapng");
    assert_int_equal(conf.nets[2].kind, CONF_TAP);
    assert_string_equal(conf.nets[2].what, "ft0");
    assert_int_equal(conf.nets[2].n_addrs, 0);
}

static void what_is_wrong_is_said_in_one_sentence(void **state)
{
    static const struct {
        const char *option, *value, *err;
    } cases[] = {
        {"--addr", "10.7.0.300/24",
         "--addr: 10.7.0.300/24 is not an address; write it as 10.7.0.2/24"},
        {"--addr", "10.7.0.2", "--addr: 10.7.0.2 has no prefix length; write it as 10.7.0.2/24"},
        {"--addr", "fd07::2", "--addr: fd07::2 has no prefix length; write it as fd07::2/64"},
        {"--addr", "224.0.0.1/24",
         "--addr: 224.0.0.1/24 cannot be the address of a host; write it as 10.7.0.2/24"},
        {"--addr", "127.0.0.1/8",
         "--addr: 127.0.0.1/8 cannot be the address of a host; write it as 10.7.0.2/24"},
        {"--addr", "10.7.0.255/24",
         "--addr: 10.7.0.255/24 is the address of the net or of "
         "everybody in it; choose one between"},
        {"--addr", "10.7.0.9/24", "--addr: 10.7.0.9/24 is given twice"},
        {"--gateway", "10.7.0.1/24",
         "--gateway: 10.7.0.1/24 is not an address; write it as 10.7.0.1"},
        {"--net", "a b", "--net: a b is not a plain word; use 1 to 32 of A-Z a-z 0-9 . _ -"},
        {"--net", "vpn:x",
         "--net: vpn:x is no kind of net; write NAME for a virtual wire or tap:IFNAME"},
        {"--net",
         "tap:", "--net: tap: names no interface; write it as tap:ft0, with at most 15 characters"},
        {"--net", "lab", "--net: lab is given twice"},
        {"--link", "loss=120%",
         "--link: loss=120% is not a share from 0% to 100%; write it as loss=1%"},
        {"--pcap", "", "--pcap: \"\" is no file name"},
        {"--name", "a/b", "--name: a/b is not a plain word; use 1 to 32 of A-Z a-z 0-9 . _ -"},
    };
    char err[CONF_ERR_MAX];
    struct conf conf;

    (void)state;
    conf_init(&conf);
    must_take(&conf, "--net", "lab");
    must_take(&conf, "--addr", "10.7.0.9/24");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(conf_option(&conf, cases[i].option, cases[i].value, err), -22);
        assert_string_equal(err, cases[i].err);
    }
    assert_int_equal(conf_option(&conf, "--other", "x", err), -2);
}

static void a_mac_address_follows_from_net_and_address(void **state)
{
    struct ft_addr a = addr_from_ip4(0x0a070001), b = addr_from_ip4(0x0a070002);
    uint8_t first[6], again[6], other[6], net[6];

    (void)state;
    conf_mac("lab", &a, first);
    conf_mac("lab", &a, again);
    conf_mac("lab", &b, other);
    conf_mac("lab2", &a, net);
    assert_memory_equal(first, again, 6);
    assert_memory_not_equal(first, other, 6);
    assert_memory_not_equal(first, net, 6);
    assert_int_equal(first[0] & 3, 2); /* locally administered, one station */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_belong_to_the_net_before_them),
        cmocka_unit_test(what_is_wrong_is_said_in_one_sentence),
        cmocka_unit_test(a_mac_address_follows_from_net_and_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
