/* SPDX-License-Identifier: MIT */
/*
 * Hostile frames into the network layer: the input is a list of commands that take frames in (with
 * link header and checksums mended half of the time, so that the deeper layers are reached), split
 * them, let time pass, fetch what is sent, and let flows wait for neighbours. Every invariant is
 * asserted after each command, and memory must be back at the end.
 */
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "net/net.h"
#include "wire/be.h"
#include "wire/csum.h"
#include "wire/eth.h"
#include "wire/ip.h"

#include "support.h"

#define FLOWS     4
#define FRAME_MAX 2048

struct fuzz {
    struct ft_env env;
    struct ft_net *net;
    int eth, lo;
    struct ft_flow flows[FLOWS];
    struct fuzz_input in;
};

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};

static void begin(struct fuzz *f)
{
    struct ft_if_config eth = {.size = sizeof(eth),
                               .name = "eth0",
                               .type = FT_IF_ETHER,
                               .mac = {2, 0, 0, 0, 0, 1},
                               .mtu = 1500,
                               .flags = FT_IF_SLAAC};
    struct ft_if_config lo = {
        .size = sizeof(lo), .name = "lo", .type = FT_IF_LOOPBACK, .mtu = 65535};
    struct ft_addr v4 = addr_v4(0x0a070001);
    struct ft_addr v6 = {.hi = UINT64_C(0xfd07) << 48, .lo = 1};
    struct ft_addr ll = {.hi = UINT64_C(0xfe80) << 48, .lo = 1};
    struct ft_addr group4 = addr_v4(0xef010203);
    struct ft_addr group6 = {.hi = UINT64_C(0xff05) << 48, .lo = 3};

    f->env.config.seed[0] = 1;
    f->env.config.ttl = 64;
    f->env.config.limits = (struct ft_limits){
        .neighbours_max = 8,
        .neighbour_queue_max = 2,
        .routes_max = 12,
        .addrs_max = 8,
        .pmtu_max = 8,
        .groups_max = 3,
        .reassembly_octets_max = 8192,
        .reassembly_fragments_max = 8,
        .control_max = 16,
        .icmp_per_s = 100,
    };
    f->env.mem.alloc = fuzz_alloc;
    f->env.mem.free = fuzz_free;
    f->env.mem.max = 1 << 20;
    f->env.now = FT_SEC;
    ft_wheel_init(&f->env.wheel, f->env.now);
    ft_rng_init(&f->env.rng, f->env.config.seed);
    f->net = ft_net_new(&f->env);
    if (!f->net)
        abort();
    f->lo = ft_net_if_add(f->net, &lo);
    f->eth = ft_net_if_add(f->net, &eth);
    if (ft_net_addr_add(f->net, f->eth, &v4, 24, 0) < 0 ||
        ft_net_addr_add(f->net, f->eth, &v6, 64, 0) < 0 ||
        ft_net_addr_add(f->net, f->eth, &ll, 64, FT_ADDR_PROBE_FIRST) < 0)
        abort();
    if (ft_group_join(f->net, f->eth, &group4) < 0 || ft_group_join(f->net, f->eth, &group6) < 0)
        abort();
    for (size_t i = 0; i < FLOWS; i++)
        ft_flow_init(&f->flows[i], FT_FLOW_TCP);
}

/* Let the frame pass the first checks: addresses of ours and right checksums. */
static void mend4(uint8_t *ip, size_t len)
{
    size_t ihl;

    if (len < 28)
        return;
    ip[0] = (uint8_t)(0x40 | (ip[0] & 1 ? 5 + (ip[0] >> 4) % 3 : 5));
    ihl = (size_t)(ip[0] & 0xf) * 4;
    if (len < ihl + 8)
        return;
    be16_store(ip + 2, (uint16_t)len);
    be32_store(ip + 12, 0x0a070002u + (ip[15] & 3));
    be32_store(ip + 16, ip[19] & 8 ? 0xe0000001 : 0x0a070001);
    be16_store(ip + 10, 0);
    be16_store(ip + 10, csum_of(ip, ihl));
    if (ip[9] == IP_PROTO_ICMP4 || ip[9] == IP_PROTO_IGMP) {
        be16_store(ip + ihl + 2, 0);
        be16_store(ip + ihl + 2, csum_of(ip + ihl, len - ihl));
    }
}

static void mend6(uint8_t *ip, size_t len)
{
    static const uint8_t prefix[8] = {0xfe, 0x80};
    static const uint8_t group[16] = {0xff, 2, [15] = 1};
    struct ft_addr src, dst;

    if (len < 48)
        return;
    ip[0] = (uint8_t)(0x60 | (ip[0] & 0xf));
    be16_store(ip + 4, (uint16_t)(len - 40));
    if (ip[7] & 1)
        ip[7] = 255;
    memset(ip + 8, 0, 15);
    memcpy(ip + 8, prefix, 8);
    if (ip[24] & 1) {
        memcpy(ip + 24, group, 16);
    } else {
        be64_store(ip + 24, UINT64_C(0xfd07) << 48);
        be64_store(ip + 32, 1);
    }
    src = addr_load16(ip + 8);
    dst = addr_load16(ip + 24);
    if (ip[6] == IP_PROTO_ICMP6) {
        be16_store(ip + 42, 0);
        be16_store(ip + 42, csum_l4(&src, &dst, IP_PROTO_ICMP6, ip + 40, len - 40));
    }
}

static void mend(uint8_t *frame, size_t len)
{
    static const uint16_t types[] = {ETH_TYPE_IP4, ETH_TYPE_IP6, ETH_TYPE_ARP, ETH_TYPE_IP6};
    uint16_t type;

    if (len < ETH_HDR_LEN)
        return;
    type = types[frame[12] & 3];
    memcpy(frame, mac, 6);
    if (frame[13] & 1)
        memset(frame, 0xff, 6);
    frame[6] &= 0xfe;
    be16_store(frame + 12, type);
    if (type == ETH_TYPE_IP4)
        mend4(frame + ETH_HDR_LEN, len - ETH_HDR_LEN);
    if (type == ETH_TYPE_IP6)
        mend6(frame + ETH_HDR_LEN, len - ETH_HDR_LEN);
}

/* What came up is read, so that a sanitizer sees it. */
static void read_up(const struct ft_rx *rx)
{
    volatile uint8_t sink = 0;
    size_t n = rx->l4_contig;

    for (size_t i = 0; i < rx->l4_contig; i++)
        sink = (uint8_t)(sink + rx->l4[i]);
    for (size_t k = 0; k < rx->n_spans; k++) {
        n += rx->spans[k].len;
        for (size_t i = 0; i < rx->spans[k].len; i++)
            sink = (uint8_t)(sink + rx->spans[k].data[i]);
    }
    if (n != rx->l4_len)
        abort();
}

static void take_frame(struct fuzz *f, uint8_t how)
{
    size_t len = (size_t)fuzz_octet(&f->in) << (how >> 6);
    size_t split;
    struct ft_frame frame = {.n_segs = 1};
    enum ft_net_verdict what;
    enum ft_verdict verdict;
    uint8_t *buf, *tail;
    struct ft_rx rx;

    if (len > f->in.left)
        len = f->in.left;
    split = how & 8 ? len / 2 : len;
    buf = malloc(len + 1);
    tail = malloc(len - split + 1);
    if (!buf || !tail)
        abort();
    memcpy(buf, f->in.at, len);
    f->in.at += len;
    f->in.left -= len;
    if (how & 16)
        mend(buf, len);
    memcpy(tail, buf + split, len - split);
    frame.buf = buf;
    frame.len = (uint32_t)split;
    frame.n_spans = how & 8 ? 1 : 0;
    frame.spans[0] = (struct ft_span){tail, len - split};
    what = ft_net_input(f->net, how & 32 ? f->lo : f->eth, &frame, &rx, &verdict);
    if (what == FT_NET_TCP || what == FT_NET_UDP)
        read_up(&rx);
    if (what == FT_NET_UDP && rx.n_spans == 0)
        ft_icmp_port_unreachable(f->net, &rx);
    if (what == FT_NET_ERROR && rx.err.mtu)
        (void)ft_path_set_mtu(f->net, &rx.err.dst, 0, rx.err.mtu);
    free(buf);
    free(tail);
}

static void pass_time(struct fuzz *f, ft_time t)
{
    struct ft_timer *timer;

    f->env.now += t;
    while ((timer = ft_wheel_expire(&f->env.wheel, f->env.now)))
        ft_net_timer(f->net, timer);
}

static void fetch(struct fuzz *f, int ifindex)
{
    uint8_t buf[FRAME_MAX];
    struct ft_frame frame = {.buf = buf, .cap = sizeof(buf)};

    if (ft_ctl_output(f->net, ifindex, &frame) && frame.len > sizeof(buf))
        abort();
    (void)ft_flow_next(f->net, ifindex);
}

static void use_flow(struct fuzz *f, uint8_t which)
{
    struct ft_flow *flow = &f->flows[which % FLOWS];
    struct ft_addr dst = addr_v4(0x0a070002u + which % 16), any = addr_any();
    struct ft_ip_tx tx = {.l4_len = 20, .proto = IP_PROTO_TCP};
    uint8_t buf[FRAME_MAX];
    struct ft_frame frame = {.buf = buf, .cap = sizeof(buf)};
    struct ft_path path;

    if (which & 16)
        dst = (struct ft_addr){.hi = UINT64_C(0xfe80) << 48, .lo = which};
    if (flow->place == FT_FLOW_WAIT || ft_path_find(f->net, &dst, &any, f->eth, &path) < 0)
        return;
    tx.src = path.src;
    tx.dst = dst;
    (void)ft_ip_begin(f->net, &path, &tx, flow, &frame);
    if (which & 32)
        ft_path_confirm(f->net, &dst, f->eth);
    if (which & 64)
        ft_path_doubt(f->net, &dst, f->eth);
    if (which & 128)
        ft_flow_idle(f->net, flow);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz *f = calloc(1, sizeof(*f));

    if (!f)
        abort();
    f->in.at = data;
    f->in.left = size;
    begin(f);
    while (f->in.left > 0) {
        uint8_t command = fuzz_octet(&f->in);

        switch (command & 7) {
        case 0:
            pass_time(f, (ft_time)fuzz_octet(&f->in) << (10 + (command >> 3)));
            break;
        case 1:
            fetch(f, command & 8 ? f->lo : f->eth);
            break;
        case 2:
            use_flow(f, fuzz_octet(&f->in));
            break;
        default:
            take_frame(f, command);
            break;
        }
        ft_net_check(f->net);
    }
    for (size_t i = 0; i < FLOWS; i++)
        ft_flow_idle(f->net, &f->flows[i]);
    ft_net_free(f->net);
    if (f->env.mem.used != 0 || ft_wheel_deadline(&f->env.wheel) != FT_TIME_NEVER)
        abort();
    free(f);
    return 0;
}
