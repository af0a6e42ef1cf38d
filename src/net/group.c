/* SPDX-License-Identifier: MIT */
/*
 * Membership of the solicited-node groups of our IPv6 addresses: MLDv2 reports, one for all groups,
 * when they change and when a router asks. All-nodes is never reported, and IPv4 joins nothing but
 * 224.0.0.1. RFC 3810 5.2, 6; RFC 3590 (a report may come from "::"); attacks.
 */
#include "wire/mld_igmp.h"

#include "wire/icmp6.h"
#include "wire/ip.h"

#include "priv.h"

#define GROUPS_MAX      32
#define ROBUSTNESS      2            /* RFC 3810 9.1 */
#define REPORT_INTERVAL (1 * FT_SEC) /* RFC 3810 9.11: Unsolicited Report Interval */

static const struct ft_addr all_mld_routers = {UINT64_C(0xff02) << 48, 0x16};

void ft_group_changed(struct ft_net *net, struct net_iface *iface)
{
    if (iface->type != FT_IF_ETHER)
        return;
    iface->n_reports = ROBUSTNESS;
    if (!ft_timer_armed(&iface->group_timer) ||
        ft_timer_at(&iface->group_timer) > net->env->now + REPORT_INTERVAL)
        ft_net_arm(net, &iface->group_timer, net->env->now);
}

static bool told(const struct group_record *records, size_t n, const struct ft_addr *group)
{
    for (size_t i = 0; i < n; i++)
        if (addr_eq(&records[i].group, group))
            return true;
    return false;
}

static size_t collect(struct ft_net *net, const struct net_iface *iface,
                      struct group_record *records, enum group_record_type type)
{
    size_t n = 0;

    ft_list_for_each (node, (struct ft_list *)&iface->addrs) {
        const struct net_addr *a = ft_container_of(node, struct net_addr, node);
        struct ft_addr group = addr_solicited_node(&a->addr);

        net->env->counters.steps_list_nodes++;
        if (n == GROUPS_MAX || addr_is_v4(&a->addr) || told(records, n, &group))
            continue;
        records[n].type = type;
        records[n++].group = group;
    }
    return n;
}

/* RFC 3810 5.2.13: a link-local source, or none while there is no valid one. */
static struct ft_addr source(const struct net_iface *iface)
{
    ft_list_for_each (node, (struct ft_list *)&iface->addrs) {
        const struct net_addr *a = ft_container_of(node, struct net_addr, node);

        if (!addr_is_v4(&a->addr) && addr_is_link_local(&a->addr) &&
            (a->state == FT_ADDR_PREFERRED || a->state == FT_ADDR_DEPRECATED))
            return a->addr;
    }
    return addr_any();
}

static void report(struct ft_net *net, struct net_iface *iface, enum group_record_type type)
{
    struct group_record records[GROUPS_MAX];
    struct group_records all = {.r = records, .n = collect(net, iface, records, type)};
    uint8_t buf[IP6_ROUTER_ALERT_LEN + 8 + 20 * GROUPS_MAX];
    struct icmp6_path path = {.src = source(iface), .dst = all_mld_routers};
    struct ft_ip_tx tx = {.src = path.src, .dst = path.dst, .proto = IP_PROTO_HOPOPTS, .ttl = 1};
    struct net_ctl_ip out = {.tx = &tx, .next_hop = &all_mld_routers, .l4 = buf, .vital = true};
    size_t len;

    if (all.n == 0)
        return;
    len = ip6_router_alert_emit(buf, sizeof(buf), IP_PROTO_ICMP6);
    len += mld2_report_emit(buf + len, sizeof(buf) - len, &path, &all);
    ft_assert(len > IP6_ROUTER_ALERT_LEN);
    tx.l4_len = (uint32_t)len;
    (void)ft_ctl_send_on(net, iface, &out); /* dropped and counted if the queue is full */
}

void ft_group_timer(struct ft_net *net, struct net_iface *iface)
{
    report(net, iface, iface->n_reports ? GROUP_TO_EXCLUDE : GROUP_IS_EXCLUDE);
    if (iface->n_reports > 0)
        iface->n_reports--;
    if (iface->n_reports > 0)
        ft_net_arm(net, &iface->group_timer,
                   net->env->now + ft_net_random(net, 0, REPORT_INTERVAL));
}

enum ft_net_verdict ft_group_mld(struct ft_net *net, struct net_in *in, const struct ip6_hdr *ip,
                                 bool router_alert)
{
    struct net_iface *iface = in->iface;
    struct group_msg msg;
    ft_time wait;

    if (iface->type != FT_IF_ETHER ||
        mld_parse(ip, router_alert, in->rx->l4, in->rx->l4_len, &msg) < 0)
        return ft_in_done(in, FT_RX_DROP_CONTROL);
    /* What others are members of is nothing to us. A query for one group is answered for all. */
    if (msg.type != ICMP6_MLD_QUERY)
        return ft_in_done(in, FT_RX_CONTROL);
    wait = ft_net_random(net, 0, FT_MIN(msg.max_resp_ms, 60000u) * FT_MS);
    if (!ft_timer_armed(&iface->group_timer))
        ft_net_arm(net, &iface->group_timer, net->env->now + wait);
    return ft_in_done(in, FT_RX_CONTROL);
}
