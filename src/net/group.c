/* SPDX-License-Identifier: MIT */
/*
 * Groups: those that sockets have joined, counted per interface, and the solicited-node groups of
 * our IPv6 addresses. They are reported when they change and when a router asks, by IGMPv3 (in the
 * older version that a router of the link speaks) and MLDv2. All-hosts and all-nodes are never
 * reported. RFC 3376 5, 7.2; RFC 2236 3, 6; RFC 3810 5.2, 6; RFC 3590 (a report may come from
 * "::"); attacks. Of sources it knows nothing: a member is one of any.
 */
#include <errno.h>

#include "wire/icmp6.h"
#include "wire/ip.h"
#include "wire/mld_igmp.h"

#include "priv.h"

#define BATCH_MAX       32             /* records of one report */
#define ROBUSTNESS      2              /* RFC 3810 9.1, RFC 3376 8.1 */
#define REPORT_INTERVAL (1 * FT_SEC)   /* RFC 3810 9.11: Unsolicited Report Interval */
#define RESPONSE_MAX_MS 60000u         /* an answer is not put off for longer */
#define OLDER_PRESENT   (260 * FT_SEC) /* RFC 3376 8.12, with the defaults of 8.1 to 8.3 */
#define IGMP_TOS        0xc0           /* RFC 3376 4: internetwork control */
#define ALL_HOSTS4      0xe0000001u
#define ALL_ROUTERS4    0xe0000002u
#define IGMP3_ROUTERS   0xe0000016u

static const struct ft_addr all_mld_routers = {UINT64_C(0xff02) << 48, 0x16};
static const struct ft_addr all_nodes = {UINT64_C(0xff02) << 48, 1};

/* A group that sockets have joined, or have left lately. */
struct net_group {
    struct ft_list node; /* of its bucket of iface->groups */
    struct ft_addr addr;
    uint32_t n_members; /* 0: left, and that is still to be told */
    uint8_t n_changes;  /* reports of the last change that are still to be sent */
    bool asked;         /* a router waits for an answer */
};

/* Records of one family, on their way into a report. */
struct batch {
    struct group_record records[BATCH_MAX];
    size_t n;
    bool is_v4;
};

/* ---- membership ------------------------------------------------------------------------------ */

static struct ft_list *bucket_of(const struct ft_net *net, const struct net_iface *iface,
                                 const struct ft_addr *group)
{
    size_t slot = (size_t)(ft_net_hash(net, group, 1) % NET_GROUP_BUCKETS);

    return (struct ft_list *)&iface->groups[slot];
}

static struct net_group *find_group(const struct ft_net *net, const struct net_iface *iface,
                                    const struct ft_addr *group)
{
    ft_list_for_each (node, bucket_of(net, iface, group)) {
        struct net_group *g = ft_container_of(node, struct net_group, node);

        net->env->counters.steps_list_nodes++;
        if (addr_eq(&g->addr, group))
            return g;
    }
    return NULL;
}

static bool solicits_us(const struct ft_net *net, const struct net_iface *iface,
                        const struct ft_addr *group)
{
    ft_list_for_each (node, &iface->addrs) {
        const struct net_addr *a = ft_container_of(node, struct net_addr, node);
        struct ft_addr solicited = addr_solicited_node(&a->addr);

        net->env->counters.steps_list_nodes++;
        if (!addr_is_v4(&a->addr) && addr_eq(&solicited, group))
            return true;
    }
    return false;
}

bool ft_group_has(const struct ft_net *net, const struct net_iface *iface,
                  const struct ft_addr *group)
{
    static const struct ft_addr node_local = {UINT64_C(0xff01) << 48, 1};
    const struct net_group *g;

    /* RFC 1112 4, RFC 4291 2.8: of these everybody is a member. */
    if (addr_is_v4(group) && addr_v4_of(group) == ALL_HOSTS4)
        return true;
    if (addr_eq(group, &node_local) || addr_eq(group, &all_nodes))
        return true;
    g = iface->n_groups > 0 ? find_group(net, iface, group) : NULL;
    if (g && g->n_members > 0)
        return true;
    return !addr_is_v4(group) && solicits_us(net, iface, group);
}

bool ft_net_in_group(const struct ft_net *net, int ifindex, const struct ft_addr *group)
{
    const struct net_iface *iface = ft_iface_get(net, ifindex);

    return iface && ft_group_has(net, iface, group);
}

/* RFC 3376 5, RFC 3810 6: neither the group of all, nor what no router ever forwards. */
static bool is_reported(const struct net_iface *iface, const struct ft_addr *group)
{
    if (iface->type != FT_IF_ETHER)
        return false;
    if (addr_is_v4(group))
        return addr_v4_of(group) != ALL_HOSTS4;
    return !addr_eq(group, &all_nodes) && addr_scope6(group) > 1;
}

static void free_group(struct ft_net *net, struct net_iface *iface, struct net_group *g)
{
    ft_assert(iface->n_groups > 0);
    list_remove(&g->node);
    iface->n_groups--;
    ft_mem_free(&net->env->mem, g, sizeof(*g));
}

/* Make room by forgetting one that was left; what is still to be told of it is not told. */
static bool drop_left(struct ft_net *net, struct net_iface *iface)
{
    for (size_t i = 0; i < NET_GROUP_BUCKETS; i++) {
        ft_list_for_each (node, &iface->groups[i]) {
            struct net_group *g = ft_container_of(node, struct net_group, node);

            net->env->counters.steps_list_nodes++;
            if (g->n_members > 0)
                continue;
            free_group(net, iface, g);
            return true;
        }
    }
    return false;
}

/* Arm the timer for the present, unless it is to fire soon anyway. */
static void report_soon(struct ft_net *net, struct net_iface *iface)
{
    if (!ft_timer_armed(&iface->group_timer) ||
        ft_timer_at(&iface->group_timer) > net->env->now + REPORT_INTERVAL)
        ft_net_arm(net, &iface->group_timer, net->env->now);
}

static void group_changed(struct ft_net *net, struct net_iface *iface, struct net_group *g)
{
    g->asked = false;
    g->n_changes = is_reported(iface, &g->addr) ? ROBUSTNESS : 0;
    if (g->n_changes > 0)
        report_soon(net, iface);
    else if (g->n_members == 0)
        free_group(net, iface, g);
}

int ft_group_join(struct ft_net *net, int ifindex, const struct ft_addr *group)
{
    struct net_iface *iface = ft_iface_get(net, ifindex);
    struct net_group *g;

    ft_assert(addr_is_multicast(group));
    if (!iface)
        return -ENODEV;
    g = find_group(net, iface, group);
    if (!g) {
        if (iface->n_groups >= net->env->config.limits.groups_max && !drop_left(net, iface))
            return -ENOBUFS;
        g = ft_mem_alloc(&net->env->mem, sizeof(*g));
        if (!g)
            return -ENOBUFS;
        g->addr = *group;
        list_init(&g->node);
        list_push_back(bucket_of(net, iface, group), &g->node);
        iface->n_groups++;
    }
    if (g->n_members++ == 0)
        group_changed(net, iface, g);
    return 0;
}

void ft_group_leave(struct ft_net *net, int ifindex, const struct ft_addr *group)
{
    struct net_iface *iface = ft_iface_get(net, ifindex);
    struct net_group *g = iface ? find_group(net, iface, group) : NULL;

    ft_assert(g && g->n_members > 0);
    if (--g->n_members == 0)
        group_changed(net, iface, g);
}

void ft_group_changed(struct ft_net *net, struct net_iface *iface)
{
    if (iface->type != FT_IF_ETHER)
        return;
    iface->n_reports = ROBUSTNESS;
    report_soon(net, iface);
}

void ft_group_free_all(struct ft_net *net, struct net_iface *iface)
{
    for (size_t i = 0; i < NET_GROUP_BUCKETS; i++)
        ft_list_for_each (node, &iface->groups[i])
            free_group(net, iface, ft_container_of(node, struct net_group, node));
    ft_wheel_cancel(&net->env->wheel, &iface->group_timer);
}

void ft_group_check(const struct ft_net *net, const struct net_iface *iface)
{
    uint32_t n = 0;

    for (size_t i = 0; i < NET_GROUP_BUCKETS; i++) {
        ft_list_for_each (node, &iface->groups[i]) {
            const struct net_group *g = ft_container_of(node, struct net_group, node);

            ft_assert(addr_is_multicast(&g->addr));
            ft_assert(bucket_of(net, iface, &g->addr) == &iface->groups[i]);
            ft_assert(g->n_members > 0 || g->n_changes > 0);
            ft_assert(g->n_changes == 0 || ft_timer_armed(&iface->group_timer));
            n++;
        }
    }
    ft_assert(n == iface->n_groups && n <= net->env->config.limits.groups_max);
}

/* ---- messages -------------------------------------------------------------------------------- */

/* RFC 3376 7.2.1: the oldest version that a querier of this link was heard to speak of late. */
static unsigned igmp_version(const struct ft_net *net, const struct net_iface *iface)
{
    if (net->env->now < iface->igmp1_until)
        return 1;
    return net->env->now < iface->igmp2_until ? 2 : 3;
}

/* RFC 3376 4.2.13: an address of the interface, or none while there is none. */
static struct ft_addr source4(const struct net_iface *iface)
{
    ft_list_for_each (node, &iface->addrs) {
        const struct net_addr *a = ft_container_of(node, struct net_addr, node);

        if (addr_is_v4(&a->addr) && ft_addr_usable(a))
            return a->addr;
    }
    return addr_v4(0);
}

/* RFC 3810 5.2.13: a link-local source, or none while there is no valid one. */
static struct ft_addr source6(const struct net_iface *iface)
{
    ft_list_for_each (node, &iface->addrs) {
        const struct net_addr *a = ft_container_of(node, struct net_addr, node);

        if (!addr_is_v4(&a->addr) && addr_is_link_local(&a->addr) &&
            (a->state == FT_ADDR_PREFERRED || a->state == FT_ADDR_DEPRECATED))
            return a->addr;
    }
    return addr_any();
}

static void send_igmp(struct ft_net *net, struct net_iface *iface, const struct ft_addr *dst,
                      const uint8_t *msg, size_t len)
{
    struct ft_ip_tx tx = {
        .src = source4(iface),
        .dst = *dst,
        .l4_len = (uint32_t)len,
        .proto = IP_PROTO_IGMP,
        .ttl = 1,
        .tos = IGMP_TOS,
        .router_alert = true,
    };
    struct net_ctl_ip out = {.tx = &tx, .next_hop = dst, .l4 = msg, .vital = true};

    (void)ft_ctl_send_on(net, iface, &out); /* dropped and counted if the queue is full */
}

static void send_mld(struct ft_net *net, struct net_iface *iface, const struct group_records *all)
{
    uint8_t buf[IP6_ROUTER_ALERT_LEN + 8 + 20 * BATCH_MAX];
    struct icmp6_path path = {.src = source6(iface), .dst = all_mld_routers};
    struct ft_ip_tx tx = {.src = path.src, .dst = path.dst, .proto = IP_PROTO_HOPOPTS, .ttl = 1};
    struct net_ctl_ip out = {.tx = &tx, .next_hop = &all_mld_routers, .l4 = buf, .vital = true};
    size_t len = ip6_router_alert_emit(buf, sizeof(buf), IP_PROTO_ICMP6);

    len += mld2_report_emit(buf + len, sizeof(buf) - len, &path, all);
    ft_assert(len > IP6_ROUTER_ALERT_LEN);
    tx.l4_len = (uint32_t)len;
    (void)ft_ctl_send_on(net, iface, &out); /* dropped and counted if the queue is full */
}

/* Send what has gathered. */
static void batch_send(struct ft_net *net, struct net_iface *iface, struct batch *batch)
{
    struct group_records all = {.r = batch->records, .n = batch->n};
    struct ft_addr routers = addr_v4(IGMP3_ROUTERS);
    uint8_t buf[8 + 8 * BATCH_MAX];

    if (batch->n == 0)
        return;
    batch->n = 0;
    if (batch->is_v4)
        send_igmp(net, iface, &routers, buf, igmp3_report_emit(buf, sizeof(buf), all.r, all.n));
    else
        send_mld(net, iface, &all);
}

static void batch_add(struct ft_net *net, struct net_iface *iface, struct batch *batch,
                      const struct group_record *record)
{
    if (batch->n == BATCH_MAX)
        batch_send(net, iface, batch);
    batch->records[batch->n++] = *record;
}

/* RFC 2236 3, RFC 1112: a message a group, to the group; in version 1 nobody says that he leaves.
 */
static void send_older(struct ft_net *net, struct net_iface *iface, unsigned version,
                       const struct group_record *record)
{
    bool leaves = record->type == GROUP_TO_INCLUDE;
    struct ft_addr routers = addr_v4(ALL_ROUTERS4);
    struct group_msg msg = {.type = version == 1 ? IGMP1_REPORT : IGMP2_REPORT,
                            .group = record->group};
    uint8_t buf[IGMP_MSG_LEN];

    if (leaves && version == 1)
        return;
    if (leaves)
        msg.type = IGMP2_LEAVE;
    send_igmp(net, iface, leaves ? &routers : &record->group, buf,
              igmp_emit(buf, sizeof(buf), &msg));
}

/* ---- reports --------------------------------------------------------------------------------- */

static bool told(const struct batch *batch, const struct ft_addr *group)
{
    for (size_t i = 0; i < batch->n; i++)
        if (addr_eq(&batch->records[i].group, group))
            return true;
    return false;
}

/* The solicited-node groups, all of them when one has changed or a router has asked. */
static void report_solicited(struct ft_net *net, struct net_iface *iface, struct batch *batch)
{
    bool changed = iface->n_reports > 0;

    if (!changed && !iface->groups_asked)
        return;
    ft_list_for_each (node, &iface->addrs) {
        const struct net_addr *a = ft_container_of(node, struct net_addr, node);
        struct group_record record = {
            .type = changed ? GROUP_TO_EXCLUDE : GROUP_IS_EXCLUDE,
            .group = addr_solicited_node(&a->addr),
        };

        net->env->counters.steps_list_nodes++;
        if (!addr_is_v4(&a->addr) && !told(batch, &record.group))
            batch_add(net, iface, batch, &record);
    }
    iface->n_reports -= changed;
    iface->groups_asked = false;
}

/* What there is to tell of a joined group. May free it. Return: whether it is to be told again. */
static bool report_group(struct ft_net *net, struct net_iface *iface, struct net_group *g,
                         struct batch *batch4, struct batch *batch6)
{
    bool is_v4 = addr_is_v4(&g->addr), member = g->n_members > 0;
    unsigned version = is_v4 ? igmp_version(net, iface) : 3;
    struct group_record record = {.type = GROUP_IS_EXCLUDE, .group = g->addr};
    bool again = g->n_changes > 1;

    if (g->n_changes > 0)
        record.type = member ? GROUP_TO_EXCLUDE : GROUP_TO_INCLUDE;
    if (version < 3 && !member)
        again = false; /* one Leave is enough: the router asks again (RFC 2236 3) */
    /* A solicited-node group that is also ours by an address is not left. */
    if ((g->n_changes > 0 || g->asked) && (is_v4 || !solicits_us(net, iface, &g->addr))) {
        if (version < 3)
            send_older(net, iface, version, &record);
        else
            batch_add(net, iface, is_v4 ? batch4 : batch6, &record);
    }
    g->n_changes = again ? (uint8_t)(g->n_changes - 1) : 0;
    g->asked = false;
    if (!member && !again)
        free_group(net, iface, g);
    return again;
}

void ft_group_timer(struct ft_net *net, struct net_iface *iface)
{
    struct batch batch4 = {.is_v4 = true}, batch6 = {.is_v4 = false};
    bool again;

    report_solicited(net, iface, &batch6);
    again = iface->n_reports > 0;
    for (size_t i = 0; i < NET_GROUP_BUCKETS && iface->n_groups > 0; i++) {
        ft_list_for_each (node, &iface->groups[i]) {
            struct net_group *g = ft_container_of(node, struct net_group, node);

            net->env->counters.steps_list_nodes++;
            if (report_group(net, iface, g, &batch4, &batch6))
                again = true;
        }
    }
    batch_send(net, iface, &batch4);
    batch_send(net, iface, &batch6);
    if (again)
        ft_net_arm(net, &iface->group_timer,
                   net->env->now + ft_net_random(net, 0, REPORT_INTERVAL));
}

/* ---- queries --------------------------------------------------------------------------------- */

/* Mark what a query asks for. Return: whether anything of it is ours to tell. */
static bool mark_asked(struct ft_net *net, struct net_iface *iface, const struct ft_addr *group,
                       bool is_v4)
{
    bool any = false;

    for (size_t i = 0; i < NET_GROUP_BUCKETS && iface->n_groups > 0; i++) {
        ft_list_for_each (node, &iface->groups[i]) {
            struct net_group *g = ft_container_of(node, struct net_group, node);

            net->env->counters.steps_list_nodes++;
            if (addr_is_v4(&g->addr) != is_v4 || g->n_members == 0 ||
                !is_reported(iface, &g->addr) || (!addr_is_any(group) && !addr_eq(&g->addr, group)))
                continue;
            g->asked = true;
            any = true;
        }
    }
    return any;
}

static enum ft_net_verdict query_input(struct ft_net *net, struct net_in *in,
                                       const struct group_msg *msg, bool is_v4)
{
    struct net_iface *iface = in->iface;
    bool any = mark_asked(net, iface, &msg->group, is_v4);
    ft_time wait = ft_net_random(net, 0, FT_MIN(msg->max_resp_ms, RESPONSE_MAX_MS) * FT_MS);

    /* Solicited-node groups are few: a query for one of them is answered for all. */
    if (!is_v4 && (addr_is_any(&msg->group) || solicits_us(net, iface, &msg->group)))
        any = iface->groups_asked = true;
    /* However many ask, there is one answer at a time, as early as the most hurried of them
       wants it: RFC 3376 5.2 rules 1 to 5, RFC 3810 6.2. */
    if (any && (!ft_timer_armed(&iface->group_timer) ||
                ft_timer_at(&iface->group_timer) > net->env->now + wait))
        ft_net_arm(net, &iface->group_timer, net->env->now + wait);
    return ft_in_done(in, FT_RX_CONTROL);
}

/* RFC 3376 7.2.1: a querier of an older version sets that version for a while. */
static void note_version(struct ft_net *net, struct net_iface *iface, unsigned version)
{
    if (version == 1)
        iface->igmp1_until = net->env->now + OLDER_PRESENT;
    else if (version == 2)
        iface->igmp2_until = net->env->now + OLDER_PRESENT;
}

enum ft_net_verdict ft_group_igmp(struct ft_net *net, struct net_in *in)
{
    struct net_iface *iface = in->iface;
    struct net_group *g;
    struct group_msg msg;

    if (iface->type != FT_IF_ETHER || igmp_parse(in->rx->l4, in->rx->l4_len, &msg) < 0)
        return ft_in_done(in, FT_RX_DROP_CONTROL);
    if (msg.type == IGMP_QUERY) {
        note_version(net, iface, msg.version);
        return query_input(net, in, &msg, true);
    }
    /* RFC 2236 3: who hears that another is a member need not answer. Version 3 knows no such. */
    g = msg.type != IGMP2_LEAVE && igmp_version(net, iface) < 3 ? find_group(net, iface, &msg.group)
                                                                : NULL;
    if (g)
        g->asked = false;
    return ft_in_done(in, FT_RX_CONTROL);
}

enum ft_net_verdict ft_group_mld(struct ft_net *net, struct net_in *in, const struct ip6_hdr *ip,
                                 bool router_alert)
{
    struct group_msg msg;

    if (in->iface->type != FT_IF_ETHER ||
        mld_parse(ip, router_alert, in->rx->l4, in->rx->l4_len, &msg) < 0)
        return ft_in_done(in, FT_RX_DROP_CONTROL);
    /* What others are members of is nothing to us. */
    if (msg.type != ICMP6_MLD_QUERY)
        return ft_in_done(in, FT_RX_CONTROL);
    return query_input(net, in, &msg, false);
}
