/* SPDX-License-Identifier: MIT */
/*
 * The network layer survives every refusal of memory: the n-th allocation fails, for each n, of a
 * little life that touches all of its files.
 */
#include "harness.h"

static struct host h;
static unsigned countdown; /* allocations until one is refused; 0: none is */

static void *refuse_one(void *ctx, size_t size)
{
    (void)ctx;
    if (countdown > 0 && --countdown == 0)
        return NULL;
    return malloc(size);
}

static void give_back(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    (void)size;
    free(ptr);
}

static void live_fragments(void)
{
    static uint8_t data[64];
    struct ip6_frag frag = {.id = 7, .next = IP_PROTO_UDP, .more = true};
    uint8_t buf[8 + 64];

    for (size_t off = 0; off < 64; off += 32) {
        struct say s = {.src = B4, .id = 9, .off = (uint16_t)off, .mf = off == 0};

        s.proto = IP_PROTO_UDP;
        say_ip(&h, &s, data + off, 32);
        host_take_in(&h);
        frag.off = (uint16_t)off;
        frag.more = off == 0;
        (void)ip6_frag_emit(buf, 8, &frag);
        memcpy(buf + 8, data + off, 32);
        say_ip(&h, &(struct say){.src = B6, .proto = IP_PROTO_FRAGMENT}, buf, 40);
        host_take_in(&h);
    }
}

static void live(void)
{
    const struct ft_addr addrs[] = {US4, US6, US_LL};
    struct ft_route_config route = {
        .size = sizeof(route), .prefix = addr_v4(0), .gateway = B4, .ifindex = h.eth};
    struct ndp_msg ra = {.type = ICMP6_RA, .lifetime_s = 100, .n_prefixes = 1};
    struct ndp_msg ns = {.type = ICMP6_NS, .target = US6, .has_sllao = true, .sllao = {2}};
    struct arp_pkt arp = {.spa = B4, .tpa = US4, .op = ARP_OP_REQUEST, .sha = {2, 0, 0, 0, 0, 2}};

    ra.prefixes[0] = (struct ndp_prefix){.prefix = V6(0x20010db800010000, 0),
                                         .valid_s = 1000,
                                         .preferred_s = 100,
                                         .len = 64,
                                         .on_link = true,
                                         .autonomous = true};
    for (size_t i = 0; i < 3; i++)
        (void)ft_net_addr_add(h.net, h.eth, &addrs[i], i ? 64 : 24, 0);
    (void)ft_net_route_add(h.net, &route);
    host_after(&h, FT_SEC);
    say_nd(&h, &(struct say){.dst = V6(0xff02000000000000, 1), .eth_dst = mac_all}, &ra);
    host_take_in(&h);
    say_arp(&h, mac_all, &arp);
    host_take_in(&h);
    say_nd(&h, &(struct say){.src = B6, .dst = US6}, &ns);
    host_take_in(&h);
    say_echo(&h, &(struct say){.src = V4(10, 7, 0, 77)}, 3000);
    host_take_in(&h);
    say_echo(&h, &(struct say){.src = B6}, 50);
    host_take_split(&h, 20, 50);
    live_fragments();
    say_ip(&h, &(struct say){.src = B4, .proto = 99}, "12345678", 8);
    host_take_in(&h);
    host_after(&h, 70 * FT_SEC);
    (void)host_drain(&h);
}

/* Whether the host could be made at all. */
static bool try_life(unsigned n)
{
    struct ft_if_config eth = {.size = sizeof(eth),
                               .name = "eth0",
                               .type = FT_IF_ETHER,
                               .mac = {2, 0, 0, 0, 0, 1},
                               .mtu = 1500,
                               .flags = FT_IF_SLAAC};

    host_open_env(&h);
    h.env.mem.alloc = refuse_one;
    h.env.mem.free = give_back;
    countdown = n;
    h.net = ft_net_new(&h.env);
    if (!h.net) {
        assert_int_equal(h.env.mem.used, 0);
        return false;
    }
    h.eth = ft_net_if_add(h.net, &eth);
    if (h.eth > 0)
        live();
    host_close(&h);
    return h.eth > 0;
}

static void every_refusal_of_memory_is_survived(void **state)
{
    unsigned n_lives = 0;
    unsigned n = 1;

    (void)state;
    do {
        n_lives += try_life(n++);
        assert_true(n < 1000);
    } while (countdown == 0);
    assert_true(n > 30 && n_lives > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_refusal_of_memory_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
