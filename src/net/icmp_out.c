/* SPDX-License-Identifier: MIT */
/*
 * ICMP errors that we send: about which packets none may be sent, and how many others.
 * RFC 1122 3.2.2, RFC 4443 2.4 (e) and (f); attacks.
 */
#include "base/rng.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"
#include "wire/ip.h"

#include "priv.h"

#define TOKEN           UINT64_C(1000000000)
#define TOS_CONTROL     0xc0 /* RFC 1812 4.3.2.5: internetwork control */
#define PER_DESTINATION 4u   /* one destination gets this part of the rate */

/* Refill a bucket for the time that has passed. */
static void refill(const struct ft_net *net, struct net_bucket *b, uint32_t per_s, uint32_t burst)
{
    ft_time passed = FT_MIN(net->env->now - b->at, (ft_time)(10 * FT_SEC));
    uint64_t full = burst * TOKEN;

    if (b->at == 0)
        b->credit = full; /* never used */
    b->credit = FT_MIN(b->credit + passed * per_s, full);
    b->at = FT_MAX(net->env->now, (ft_time)1);
}

bool ft_icmp_allow(struct ft_net *net, const struct ft_addr *dst)
{
    uint32_t rate = net->env->config.limits.icmp_per_s;
    uint32_t rate_to = FT_MAX(rate / PER_DESTINATION, 1u);
    struct net_bucket *to = &net->icmp_to[ft_net_hash(net, dst, 5) % NET_ICMP_BUCKETS];
    /* What one costs of the sum is not to be foreseen, so that nobody can measure by it what was
       sent to others (CVE-2020-25705). */
    uint64_t cost = TOKEN + ft_rng_below(&net->env->rng, (uint32_t)TOKEN);

    if (ft_addr_classify(net, dst) == FT_ADDR_LOCAL)
        return true;
    refill(net, to, rate_to, rate_to / 4 + 6);
    refill(net, &net->icmp_all, rate, rate / 10 + 10);
    if (rate == 0 || to->credit < TOKEN || net->icmp_all.credit < cost) {
        net->env->counters.icmp_limited++;
        return false;
    }
    to->credit -= TOKEN;
    net->icmp_all.credit -= cost;
    return true;
}

/* RFC 1122 3.2.2: no error about an error. Of IPv6 also none about a redirect. */
static bool about_error(const struct ft_rx *rx, size_t len)
{
    struct icmp_quote q;

    if (icmp_quote_parse(rx->l3, len, &q) < 0)
        return false;
    if (addr_is_v4(&rx->src))
        return q.proto == IP_PROTO_ICMP4 && icmp4_is_error(q.l4[0]);
    return q.proto == IP_PROTO_ICMP6 && (icmp6_is_error(q.l4[0]) || q.l4[0] == ICMP6_REDIRECT);
}

void ft_icmp_send_error(struct ft_net *net, const struct ft_rx *rx, const struct net_icmp_out *out)
{
    size_t len = (size_t)(rx->l4 - rx->l3) + rx->l4_contig;
    bool is_v4 = addr_is_v4(&rx->src);
    struct icmp_msg msg = {
        .type = out->type, .code = out->code, .rest = out->rest, .body = rx->l3, .body_len = len};
    struct ft_ip_tx tx = {
        .src = rx->dst,
        .dst = rx->src,
        .bound_if = addr_is_link_local(&rx->src) ? rx->ifindex : 0,
        .proto = is_v4 ? IP_PROTO_ICMP4 : IP_PROTO_ICMP6,
        .tos = is_v4 ? TOS_CONTROL : 0,
    };
    uint8_t buf[ICMP6_ERROR_PKT_MAX];
    struct icmp6_path ends;
    struct ft_path path;

    if ((rx->l2_multicast || rx->dst_class != FT_ADDR_LOCAL) && !out->multicast_too)
        return;
    if (addr_is_any(&rx->src) || addr_is_multicast(&rx->src) || about_error(rx, len))
        return;
    if (rx->dst_class != FT_ADDR_LOCAL)
        tx.src = addr_any();
    if (ft_path_find(net, &tx.dst, &tx.src, tx.bound_if, &path) < 0)
        return; /* RFC 4443 2.2: no source address fits */
    if (!ft_icmp_allow(net, &tx.dst))
        return;
    tx.src = path.src;
    ends = (struct icmp6_path){.src = tx.src, .dst = tx.dst};
    tx.l4_len = (uint32_t)(is_v4 ? icmp4_error_emit(buf, sizeof(buf), &msg)
                                 : icmp6_error_emit(buf, sizeof(buf), &ends, &msg));
    ft_assert(tx.l4_len > 0);
    (void)ft_ctl_send(net, &tx, buf); /* dropped and counted if the queue is full */
}

void ft_icmp_port_unreachable(struct ft_net *net, const struct ft_rx *rx)
{
    bool is_v4 = addr_is_v4(&rx->src);
    struct net_icmp_out out = {
        .type = is_v4 ? ICMP4_UNREACH : ICMP6_UNREACH,
        .code = is_v4 ? ICMP4_UNREACH_PORT : ICMP6_UNREACH_PORT,
    };

    ft_icmp_send_error(net, rx, &out);
}
