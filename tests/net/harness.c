/* SPDX-License-Identifier: MIT */
/*
 * The host between a test and a made-up wire.
 */
#include "harness.h"

#include "base/rng.h"

const uint8_t mac_us[6] = {2, 0, 0, 0, 0, 1};
const uint8_t mac_b[6] = {2, 0, 0, 0, 0, 2};
const uint8_t mac_c[6] = {2, 0, 0, 0, 0, 3};
const uint8_t mac_all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void *host_alloc(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size);
}

static void host_free(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    (void)size;
    free(ptr);
}

void host_open_env(struct host *h)
{
    struct ft_env *env = &h->env;

    memset(env, 0, sizeof(*env));
    for (size_t i = 0; i < sizeof(env->config.seed); i++)
        env->config.seed[i] = (uint8_t)(i + 1);
    if (h->mac)
        memcpy(env->config.seed, h->mac, 6); /* another host, other choices */
    env->config.ttl = 64;
    env->config.limits = (struct ft_limits){
        .memory_max = 64 << 20,
        .neighbours_max = 64,
        .neighbour_queue_max = 8,
        .routes_max = 32,
        .addrs_max = 16,
        .pmtu_max = 64,
        .groups_max = 64,
        .reassembly_octets_max = 512 << 10,
        .reassembly_fragments_max = 64,
        .control_max = 128,
        .icmp_per_s = 1000,
    };
    env->mem.alloc = host_alloc;
    env->mem.free = host_free;
    env->mem.max = env->config.limits.memory_max;
    env->now = 1000 * FT_SEC;
    ft_wheel_init(&env->wheel, env->now);
    ft_rng_init(&env->rng, env->config.seed);
}

void host_open_bare(struct host *h, uint32_t flags)
{
    struct ft_if_config eth = {
        .size = sizeof(eth), .name = "eth0", .type = FT_IF_ETHER, .mtu = 1500, .flags = flags};
    struct ft_if_config lo = {
        .size = sizeof(lo), .name = "lo", .type = FT_IF_LOOPBACK, .mtu = 65535};

    host_open_env(h);
    memcpy(eth.mac, h->mac ? h->mac : mac_us, 6);
    h->net = ft_net_new(&h->env);
    assert_non_null(h->net);
    h->lo = ft_net_if_add(h->net, &lo);
    h->eth = ft_net_if_add(h->net, &eth);
    assert_true(h->lo > 0 && h->eth > 0 && h->lo != h->eth);
}

void host_open(struct host *h, uint32_t flags)
{
    const struct ft_addr addrs[] = {US4, US6, US_LL};
    const unsigned lens[] = {24, 64, 64};

    host_open_bare(h, flags | FT_IF_NO_DAD);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(ft_net_addr_add(h->net, h->eth, &addrs[i], lens[i], 0), 0);
    host_after(h, 5 * FT_SEC);
    (void)host_drain(h);
}

void host_close(struct host *h)
{
    ft_net_check(h->net);
    ft_net_free(h->net);
    free(h->held);
    h->held = NULL;
    assert_int_equal(h->env.mem.used, 0);
    assert_true(ft_wheel_deadline(&h->env.wheel) == FT_TIME_NEVER);
}

void host_after(struct host *h, ft_time t)
{
    ft_time until = h->env.now + t;

    for (;;) {
        ft_time at = ft_wheel_deadline(&h->env.wheel);
        struct ft_timer *timer;

        if (at > until)
            break;
        if (at > h->env.now)
            h->env.now = at;
        while ((timer = ft_wheel_expire(&h->env.wheel, h->env.now)))
            ft_net_timer(h->net, timer);
        ft_net_check(h->net);
    }
    h->env.now = until;
}

static void take(struct host *h, int ifindex, const struct ft_frame *frame)
{
    h->what = ft_net_input(h->net, ifindex, frame, &h->rx, &h->verdict);
    ft_net_check(h->net);
    if (h->what == FT_NET_DONE)
        assert_true(h->verdict < FT_RX_N);
}

static void take_on(struct host *h, int ifindex, const uint8_t *octets, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    struct ft_frame frame = {.buf = copy, .cap = (uint32_t)len, .len = (uint32_t)len};

    memcpy(copy, octets, len);
    /* What comes up points into the frame, so it lives until the next one. */
    free(h->held);
    h->held = copy;
    take(h, ifindex, &frame);
}

void host_take(struct host *h, const uint8_t *octets, size_t len)
{
    take_on(h, h->eth, octets, len);
}

void host_take_lo(struct host *h, const uint8_t *pkt, size_t len)
{
    take_on(h, h->lo, pkt, len);
}

void host_take_in(struct host *h)
{
    host_take(h, h->in, h->in_len);
}

static uint8_t *copy_of(const uint8_t *octets, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);

    memcpy(copy, octets, len);
    return copy;
}

void host_take_split(struct host *h, size_t a, size_t b)
{
    uint8_t *part[3] = {copy_of(h->in, a), copy_of(h->in + a, b - a),
                        copy_of(h->in + b, h->in_len - b)};
    struct ft_frame frame = {.buf = part[0],
                             .len = (uint32_t)a,
                             .spans = {{part[1], b - a}, {part[2], h->in_len - b}},
                             .n_spans = 2};

    take(h, h->eth, &frame);
    for (size_t i = 0; i < 3; i++)
        free(part[i]);
}

size_t host_sent(struct host *h)
{
    struct ft_frame frame = {.buf = h->out, .cap = sizeof(h->out)};

    /* What is not written must show. */
    memset(h->out, 0xa5, sizeof(h->out));
    h->out_len = 0;
    if (ft_ctl_output(h->net, h->eth, &frame))
        h->out_len = frame.len;
    ft_net_check(h->net);
    return h->out_len;
}

size_t host_drain(struct host *h)
{
    size_t n = 0;

    while (host_sent(h))
        n++;
    return n;
}

bool host_dropped(const struct host *h, enum ft_verdict verdict)
{
    return h->what == FT_NET_DONE && h->verdict == verdict;
}

static size_t ip_header(uint8_t *buf, const struct say *say, size_t len)
{
    struct ip4_hdr ip4 = {
        .src = say->src,
        .dst = say->dst,
        .total_len = (uint16_t)(IP4_HDR_LEN + len),
        .id = say->id,
        .frag_off = say->off,
        .mf = say->mf,
        .tos = say->tos,
        .ttl = say->ttl,
        .proto = say->proto,
    };
    struct ip6_hdr ip6 = {
        .src = say->src,
        .dst = say->dst,
        .payload_len = (uint16_t)len,
        .tclass = say->tos,
        .next = say->proto,
        .hop_limit = say->ttl,
    };

    if (addr_is_v4(&say->src))
        return ip4_emit(buf, IP4_HDR_LEN, &ip4);
    return ip6_emit(buf, IP6_HDR_LEN, &ip6);
}

/* Whom the packet is from and to when the test does not say. */
static struct say complete(const struct say *say)
{
    struct say s = *say;

    if (s.src.hi == 0 && s.src.lo == 0 && s.dst.lo == 0)
        s.src = B4;
    if (s.dst.hi == 0 && s.dst.lo == 0)
        s.dst = addr_is_v4(&s.src) ? US4 : US6;
    if (!s.eth_dst)
        s.eth_dst = mac_us;
    if (!s.eth_src)
        s.eth_src = mac_b;
    if (!s.ttl)
        s.ttl = 64;
    return s;
}

void say_ip(struct host *h, const struct say *say, const void *l4, size_t len)
{
    struct say s = complete(say);
    struct eth_hdr eth = {.ethertype = addr_is_v4(&s.src) ? ETH_TYPE_IP4 : ETH_TYPE_IP6};

    memcpy(eth.dst, s.eth_dst, 6);
    memcpy(eth.src, s.eth_src, 6);
    h->in_len = eth_emit(h->in, sizeof(h->in), &eth);
    h->in_len += ip_header(h->in + h->in_len, &s, len);
    assert_true(h->in_len + len <= sizeof(h->in));
    if (len)
        memcpy(h->in + h->in_len, l4, len);
    h->in_len += len;
}

void say_echo(struct host *h, const struct say *say, size_t payload)
{
    struct say s = complete(say);
    bool is_v4 = addr_is_v4(&s.src);
    uint8_t *body = calloc(1, payload + 1);
    uint8_t *buf = malloc(payload + 8);
    struct icmp6_path path = {.src = s.src, .dst = s.dst};
    struct icmp_msg msg = {.type = is_v4 ? ICMP4_ECHO : ICMP6_ECHO,
                           .rest = 0x12340001,
                           .body = body,
                           .body_len = payload};
    size_t len;

    for (size_t i = 0; i < payload; i++)
        body[i] = (uint8_t)(i * 7);
    s.proto = is_v4 ? IP_PROTO_ICMP4 : IP_PROTO_ICMP6;
    len = is_v4 ? icmp4_emit(buf, payload + 8, &msg) : icmp6_emit(buf, payload + 8, &path, &msg);
    say_ip(h, &s, buf, len);
    free(buf);
    free(body);
}

static void say_ports(struct host *h, const struct say *say, size_t payload, uint8_t proto)
{
    struct say s = complete(say);
    size_t hdr = proto == IP_PROTO_TCP ? 20 : 8;
    size_t len = hdr + payload;
    uint8_t *buf = calloc(1, len);

    be16_store(buf, 1024);
    be16_store(buf + 2, 80);
    if (proto == IP_PROTO_TCP) {
        be32_store(buf + 4, 1000);
        buf[12] = 5 << 4;
        buf[13] = 2;
    } else {
        be16_store(buf + 4, (uint16_t)len);
    }
    for (size_t i = 0; i < payload; i++)
        buf[hdr + i] = (uint8_t)(i * 3);
    be16_store(buf + (proto == IP_PROTO_TCP ? 16 : 6), csum_l4(&s.src, &s.dst, proto, buf, len));
    s.proto = proto;
    say_ip(h, &s, buf, len);
    free(buf);
}

void say_udp(struct host *h, const struct say *say, size_t payload)
{
    say_ports(h, say, payload, IP_PROTO_UDP);
}

void say_tcp(struct host *h, const struct say *say, size_t payload)
{
    say_ports(h, say, payload, IP_PROTO_TCP);
}

void say_arp(struct host *h, const uint8_t *eth_dst, const struct arp_pkt *pkt)
{
    struct eth_hdr eth = {.ethertype = ETH_TYPE_ARP};

    memcpy(eth.dst, eth_dst, 6);
    memcpy(eth.src, pkt->sha, 6);
    h->in_len = eth_emit(h->in, sizeof(h->in), &eth);
    h->in_len += arp_emit(h->in + h->in_len, ARP_PKT_LEN, pkt);
}

void say_nd(struct host *h, const struct say *say, const struct ndp_msg *msg)
{
    uint8_t buf[NDP_MSG_LEN_MAX];
    struct say s = *say;
    struct ip6_hdr ip;
    size_t len;

    if (s.dst.hi == 0)
        s.dst = US_LL;
    if (s.src.hi == 0 && s.proto == 0)
        s.src = B_LL;
    s = complete(&s);
    ip = (struct ip6_hdr){.src = s.src, .dst = s.dst};
    len = ndp_emit(buf, sizeof(buf), &ip, msg);
    assert_true(len > 0);
    s.proto = IP_PROTO_ICMP6;
    s.ttl = say->ttl ? say->ttl : 255;
    say_ip(h, &s, buf, len);
}

void host_knows_b(struct host *h)
{
    struct arp_pkt arp = {.spa = B4, .tpa = US4, .op = ARP_OP_REQUEST};
    const struct ft_addr from[] = {B6, B_LL};

    memcpy(arp.sha, mac_b, 6);
    say_arp(h, mac_all, &arp);
    host_take_in(h);
    assert_int_equal(h->verdict, FT_RX_CONTROL);
    for (size_t i = 0; i < 2; i++) {
        struct ndp_msg ns = {.type = ICMP6_NS, .target = i ? US_LL : US6, .has_sllao = true};
        struct say s = {.src = from[i], .dst = ns.target};

        memcpy(ns.sllao, mac_b, 6);
        say_nd(h, &s, &ns);
        host_take_in(h);
        assert_int_equal(h->verdict, FT_RX_CONTROL);
    }
    assert_int_equal(host_drain(h), 3);
    ft_path_confirm(h->net, &arp.spa, 0);
    for (size_t i = 0; i < 2; i++)
        ft_path_confirm(h->net, &from[i], h->eth);
}
