/* SPDX-License-Identifier: MIT */
/*
 * A simulated host: one stack with a seed of its own, an allocator that counts, and an Ethernet
 * card. It moves frames between the stack and its cable as any link does, by the public interface
 * only, now and then with a link that takes no more; the auditor reads all that passes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "diag/pcapng.h"
#include "priv.h"

#define DRAW_REFUSAL   1000 /* purposes of random streams */
#define DRAW_SECRET    1001
#define DRAW_POVERTY   1002
#define OUTPUT_MAX     8      /* frames asked for at once */
#define FRAMES_AT_ONCE 200000 /* more than any host may send without time passing */

/* ---- memory ---- */

static bool refuses(struct sim_host *host)
{
    const struct sim_host_plan *plan = &host->world->plan.host[host->index];
    ft_time now = host->world->now;

    if (host->booting || now < plan->poor_from)
        return false;
    if (plan->poor_nth != 0 && ++host->n_allocs == plan->poor_nth)
        return true;
    return now < plan->poor_until && sim_rand_below(&host->poverty, 1000000) < plan->poor_ppm;
}

static void *count_alloc(void *ctx, size_t size)
{
    struct sim_host *host = ctx;
    const struct ft_allocator *given = &host->world->host_config.allocator;
    void *ptr;

    if (refuses(host)) {
        host->was_refused = true;
        return NULL;
    }
    ptr = given->alloc(given->ctx, size);
    if (ptr != NULL)
        host->octets_held += size;
    return ptr;
}

static void count_free(void *ctx, void *ptr, size_t size)
{
    struct sim_host *host = ctx;
    const struct ft_allocator *given = &host->world->host_config.allocator;

    if (ptr == NULL)
        return;
    if (host->octets_held < size)
        ft_sim_halt(host->world, NULL, "%s freed more memory than it had", host->name);
    host->octets_held -= size;
    given->free(given->ctx, ptr, size);
}

/* ---- life ---- */

static void count_host(const struct sim_host *host, struct ft_counters *total)
{
    struct ft_counters c;

    ft_counters(host->stack, &c);
    for (size_t i = 0; i < FT_RX_N; i++)
        total->verdicts[i] += c.verdicts[i];
#define X(name, text) total->name += c.name;
    FT_COUNTERS(X)
#undef X
}

/* A way to a prefix by a router of the host's own LAN. */
static int add_route(struct sim_host *host, uint8_t family, const struct ft_addr *prefix,
                     uint8_t prefix_len, uint32_t router)
{
    const struct sim_plan *plan = &host->world->plan;
    struct ft_route_config route = {.size = sizeof(route)};

    route.prefix = *prefix;
    route.prefix_len = prefix_len;
    route.gateway =
        ft_sim_addr(plan, plan->host[host->index].lan, family, ft_sim_router_number(router));
    route.ifindex = host->ifindex;
    return ft_route_add(host->stack, &route);
}

/* The default route is the way to LAN 0; what lies behind the own LAN has routes of its own. */
static int add_routes(struct sim_host *host, uint8_t family)
{
    const struct sim_plan *plan = &host->world->plan;
    uint32_t own = plan->host[host->index].lan;
    struct ft_addr any = {0, family == 4 ? UINT64_C(0xffff00000000) : 0};
    int error = 0;

    if (plan->n_routers > 0 && own > 0)
        error = add_route(host, family, &any, 0, own - 1);
    for (uint32_t lan = 1; lan < plan->n_lans && plan->n_routers > 0 && error == 0; lan++) {
        struct ft_addr prefix = ft_sim_addr(plan, lan, family, 0);

        if (lan != own && ft_sim_plan_is_behind(plan, lan, own))
            error = add_route(host, family, &prefix, family == 4 ? 24 : 64,
                              ft_sim_plan_router(plan, own, lan));
    }
    return error;
}

static int add_addresses(struct sim_host *host, uint32_t mtu)
{
    const struct sim_plan *plan = &host->world->plan;
    uint32_t lan = plan->host[host->index].lan;
    struct ft_addr local = {UINT64_C(0xfe80) << 48, host->index + 1};

    host->addr4 = ft_sim_addr(plan, lan, 4, host->index + 1);
    host->addr6 = ft_sim_addr(plan, lan, 6, host->index + 1);
    if (ft_addr_add(host->stack, host->ifindex, &host->addr4, 24, 0) != 0 ||
        add_routes(host, 4) != 0)
        return -1;
    if (mtu < 1280)
        return 0;
    if (ft_addr_add(host->stack, host->ifindex, &local, 64, 0) != 0 ||
        ft_addr_add(host->stack, host->ifindex, &host->addr6, 64, 0) != 0)
        return -1;
    return add_routes(host, 6);
}

uint32_t ft_sim_host_at(const struct sim_world *world, const struct ft_addr *addr)
{
    uint32_t i = 0;

    while (i < world->plan.n_hosts && !sim_addr_eq(addr, &world->host[i].addr4) &&
           !sim_addr_eq(addr, &world->host[i].addr6))
        i++;
    return i;
}

int ft_sim_host_boot(struct sim_world *world, struct sim_host *host)
{
    const struct sim_host_plan *plan = &world->plan.host[host->index];
    struct ft_if_config card = {.size = sizeof(card), .name = "eth0", .type = FT_IF_ETHER};
    struct ft_config config = world->host_config;
    struct sim_rand rand;
    int error;

    sim_rand_init(&rand, world->options.seed, DRAW_SECRET,
                  host->index + SIM_HOSTS_MAX * host->boots++);
    for (size_t i = 0; i < sizeof(config.seed); i++)
        config.seed[i] = (uint8_t)(sim_rand_next(&rand) >> 56);
    config.allocator = (struct ft_allocator){count_alloc, count_free, host};
    if (plan->congestion) {
        memset(config.congestion, 0, sizeof(config.congestion));
        memcpy(config.congestion, plan->congestion, strlen(plan->congestion));
    }
    if (plan->memory != 0)
        config.limits.memory_max = plan->memory;
    if (plan->ecn != 0)
        config.ecn = (uint8_t)(plan->ecn - 1);
    error = ft_stack_new(&config, &host->stack);
    if (error != 0)
        return error;
    ft_sim_trace_host(host);
    memcpy(card.mac, host->mac, 6);
    card.mtu = plan->mtu;
    card.flags = plan->if_flags;
    card.gso_max = (plan->if_flags & FT_IF_TSO) ? 65535 : 0;
    host->ifindex = ft_if_add(host->stack, &card);
    if (host->ifindex < 0)
        return host->ifindex;
    return world->lib != NULL ? ft_sim_lib_addresses(world->lib, host)
                              : add_addresses(host, plan->mtu);
}

int ft_sim_host_new(struct sim_world *world, uint32_t index)
{
    struct sim_host *host = &world->host[index];

    host->world = world;
    host->index = index;
    host->wake = FT_TIME_NEVER;
    host->mac[0] = 2;
    host->mac[5] = (uint8_t)(index + 1);
    sim_rand_init(&host->rand, world->options.seed, DRAW_REFUSAL, index);
    sim_rand_init(&host->poverty, world->options.seed, DRAW_POVERTY, index);
    return ft_sim_host_boot(world, host);
}

void ft_sim_host_crash(struct sim_world *world, struct sim_host *host)
{
    if (host->stack == NULL)
        return;
    if (world->options.check && !world->failed)
        ft_stack_check(host->stack);
    count_host(host, &world->counters);
    ft_stack_free(host->stack);
    host->stack = NULL;
    host->wake = FT_TIME_NEVER;
    host->link_free_at = 0;
    if (host->octets_held != 0)
        ft_sim_halt(world, NULL, "%s was freed and still held %" PRIu64 " octets", host->name,
                    host->octets_held);
}

static void name_host(struct sim_world *world, uint32_t index)
{
    bool is_server = world->plan.host[index].is_server;

    (void)snprintf(world->host[index].name, SIM_NAME_MAX, "%c%u", is_server ? 's' : 'c',
                   (is_server ? index - world->plan.n_clients : index) % 100);
}

static void name_inside(const void *ctx, struct ft_addr *addr, uint16_t *port)
{
    ft_sim_nat_inside(ctx, addr, port);
}

static void allow_cookies(struct sim_world *world)
{
    world->has_cookies = true;
    if (world->audit != NULL)
        ft_sim_audit_cookies(world->audit);
}

/* Without memory for what is half open a SYN is answered by a cookie, too. */
static void learn_cookies(struct sim_world *world, struct sim_host *host)
{
    struct ft_counters c;

    host->was_refused = false;
    if (world->has_cookies)
        return;
    ft_counters(host->stack, &c);
    if (c.tcp_cookies_sent > 0)
        allow_cookies(world);
}

/* What the auditor is told beforehand. */
static int audit_new(struct sim_world *world)
{
    struct sim_audit_host hosts[SIM_HOSTS_MAX] = {0};

    for (uint32_t i = 0; i < world->plan.n_hosts; i++) {
        struct ft_addr_info addrs[SIM_AUDIT_ADDRS_MAX];
        struct sim_host *host = &world->host[i];
        int n;

        if (host->stack == NULL)
            continue;
        n = ft_addrs(host->stack, host->ifindex, addrs, SIM_AUDIT_ADDRS_MAX);
        memcpy(hosts[i].mac, host->mac, 6);
        hosts[i].mtu = world->plan.host[i].mtu;
        hosts[i].exact_echo =
            world->plan.host[i].congestion && strcmp(world->plan.host[i].congestion, "dctcp") == 0;
        for (int k = 0; k < n && k < SIM_AUDIT_ADDRS_MAX; k++)
            hosts[i].addrs[hosts[i].n_addrs++] = addrs[k].addr;
    }
    world->audit = ft_sim_audit_new(hosts, world->plan.n_hosts);
    if (world->audit == NULL)
        return -1;
    if (world->plan.nat != 0)
        ft_sim_audit_translate(world->audit, name_inside, world);
    ft_sim_audit_keys(world);
    if (ft_sim_plan_is_calm(&world->plan))
        ft_sim_audit_hurry(world->audit);
    if (ft_sim_plan_has_cookies(&world->plan))
        allow_cookies(world);
    return 0;
}

int ft_sim_hosts_new(struct sim_world *world)
{
    for (uint32_t i = 0; i < world->plan.n_hosts; i++) {
        name_host(world, i);
        if (!world->plan.host[i].absent && ft_sim_host_new(world, i) != 0)
            return -1;
    }
    return audit_new(world);
}

void ft_sim_count(const struct sim_world *world, struct ft_counters *total)
{
    for (uint32_t i = 0; i < world->plan.n_hosts; i++) {
        if (world->host[i].stack != NULL)
            count_host(&world->host[i], total);
    }
}

void ft_sim_hosts_free(struct sim_world *world)
{
    for (uint32_t i = 0; i < world->plan.n_hosts; i++)
        ft_sim_host_crash(world, &world->host[i]);
}

/* ---- what is seen ---- */

static void note_frame(struct sim_world *world, uint32_t host, uint8_t kind, const struct sight *s,
                       const char *wrong)
{
    struct sim_note note = {.kind = kind, .host = (uint8_t)host, .text = wrong};

    if (!s->is_tcp && !s->is_udp && wrong == NULL)
        return;
    note.is_udp = s->is_udp;
    note.flags = s->tcp.flags;
    note.src = s->src;
    note.dst = s->dst;
    note.src_port = s->src_port;
    note.dst_port = s->dst_port;
    note.seq = s->tcp.seq;
    note.ack = s->tcp.ack;
    note.len = s->is_udp ? s->ip_len : s->tcp.len;
    note.wnd = s->tcp.wnd;
    ft_sim_note(world, &note);
}

static void capture(struct sim_world *world, const struct sim_host *host, const uint8_t *frame,
                    size_t len, bool is_out)
{
    if (world->pcap != NULL)
        (void)pcapng_packet(world->pcap, (unsigned)host->pcap_if, world->now, frame, len,
                            is_out ? PCAPNG_OUT : PCAPNG_IN);
}

/* A frame leaves the stack; @refused: the link did not take it. */
static void judge_sent(struct sim_world *world, struct sim_host *host, const uint8_t *octets,
                       size_t len, bool refused)
{
    struct sim_audit_frame frame = {host->index, octets, len, world->now, refused};
    struct sight s;
    const char *wrong = NULL;

    if (world->audit != NULL)
        wrong = ft_sim_audit_sent(world->audit, &frame, &s);
    else
        wrong = ft_sim_sight(&s, octets, len);

    note_frame(world, host->index, refused ? SIM_NOTE_REFUSED : SIM_NOTE_SENT, &s, NULL);
    if (!refused)
        capture(world, host, octets, len, true);
    if (s.is_tcp && !refused && world->lib == NULL)
        ft_sim_tape(world, host, &s, octets, len);
    if (wrong != NULL) {
        struct sim_tuple tuple = {s.src, s.dst, s.src_port, s.dst_port};

        ft_sim_halt(world, s.is_tcp ? &tuple : NULL, "%s %s", host->name, wrong);
    }
}

/* ---- output ---- */

/* One packet on its way to the cable. */
static void sink(struct sim_world *world, struct sim_host *host, const uint8_t *octets, size_t len,
                 bool refused)
{
    judge_sent(world, host, octets, len, refused);
    if (refused || world->failed)
        return;
    world->packets++;
    ft_sim_hash(world, host->index, octets, len);
    ft_sim_pipe_put(world, host->pipe, octets, len);
}

static bool link_refuses(struct sim_world *world, struct sim_host *host)
{
    uint32_t ppm = world->plan.host[host->index].refuse_ppm;

    if (ppm == 0 || sim_rand_below(&host->rand, 1000000) >= ppm)
        return false;
    host->link_free_at = world->now + sim_rand_range(&host->rand, 10 * FT_US, 2 * FT_MS);
    return true;
}

/* One round of ft_output. Return: frames that it gave. */
static size_t output(struct sim_world *world, struct sim_host *host)
{
    static const uint32_t asked[] = {1, 2, 3, 5, OUTPUT_MAX};
    uint8_t bufs[OUTPUT_MAX][SIM_FRAME_MAX];
    struct ft_frame frames[OUTPUT_MAX];
    uint32_t n_ask = asked[sim_rand_below(&host->rand, sizeof(asked) / sizeof(asked[0]))];
    bool refused = false;
    const char *wrong;
    size_t n_sent = 0;
    size_t n;

    for (uint32_t i = 0; i < n_ask; i++) {
        memset(&frames[i], 0, sizeof(frames[i]));
        frames[i].buf = bufs[i];
        frames[i].cap = SIM_FRAME_MAX;
        frames[i].flags = world->plan.host[host->index].linear ? FT_FRAME_LINEAR : 0;
    }
    n = ft_output(host->stack, host->ifindex, frames, n_ask, world->now);
    if (n > n_ask)
        ft_sim_halt(world, NULL, "%s was asked for %u frames and gave %zu", host->name, n_ask, n);
    for (size_t i = 0; i < n && !world->failed; i++) {
        refused = refused || link_refuses(world, host);
        wrong = ft_sim_card_send(world, host, &frames[i], sink, refused);
        if (wrong != NULL)
            ft_sim_halt(world, NULL, "%s gave its link %s", host->name, wrong);
        n_sent += refused ? 0 : 1;
    }
    if (!world->failed && n > 0)
        ft_output_done(host->stack, host->ifindex, frames, n, n_sent);
    if (n == 0 && ft_output_pending(host->stack, host->ifindex))
        ft_sim_halt(world, NULL, "%s has output pending, but gives none", host->name);
    return n;
}

void ft_sim_host_run(struct sim_world *world, struct sim_host *host)
{
    size_t total = 0;
    ft_time next;

    if (host->stack == NULL)
        return;
    ft_advance(host->stack, world->now);
    while (!world->failed) {
        bool more =
            world->lib != NULL ? ft_sim_lib_poll(world->lib, host) : ft_sim_apps_poll(world, host);

        if (!world->failed && world->now >= host->link_free_at) {
            size_t n = output(world, host);

            total += n;
            more = more || n > 0;
        }
        if (total > FRAMES_AT_ONCE)
            ft_sim_halt(world, NULL, "%s sends without end at one instant", host->name);
        if (!more)
            break;
    }
    if (world->failed)
        return;
    if (host->was_refused)
        learn_cookies(world, host);
    if (world->options.check_all)
        ft_stack_check(host->stack);
    else if (world->options.check)
        ft_stack_check_changes(host->stack);
    next = ft_deadline(host->stack);
    if (host->link_free_at > world->now && host->link_free_at < next)
        next = host->link_free_at;
    if (next != host->wake)
        host->wake = FT_TIME_NEVER;
    ft_sim_wake(world, &host->wake, SIM_EVENT_HOST, host->index, next);
}

/* ---- input ---- */

void ft_sim_host_input(struct sim_world *world, struct sim_host *host, const uint32_t *lens,
                       size_t n)
{
    struct ft_frame frames[SIM_BATCH_MAX];

    if (host->stack == NULL)
        return;
    for (size_t i = 0; i < n; i++) {
        struct sim_audit_frame seen = {host->index, world->frame[i], lens[i], world->now, false};
        struct sight s;
        const char *wrong = world->audit != NULL ? ft_sim_audit_arrived(world->audit, &seen, &s)
                                                 : ft_sim_sight(&s, seen.octets, seen.len);

        if (memcmp(s.dst_mac, host->mac, 6) == 0) {
            note_frame(world, host->index, SIM_NOTE_ARRIVED, &s, wrong);
            if ((wrong == NULL || (s.is_bare && s.version == 4)) && world->lib == NULL)
                ft_sim_copy_arrived(world, &s, seen.octets, seen.len);
        }
        capture(world, host, world->frame[i], lens[i], false);
        memset(&frames[i], 0, sizeof(frames[i]));
        frames[i].buf = world->frame[i];
        frames[i].cap = SIM_FRAME_MAX;
        frames[i].len = lens[i];
        frames[i].at = world->now;
        if (world->frame[i][0] & 1)
            frames[i].flags = FT_FRAME_L2_MULTICAST;
    }
    ft_input(host->stack, host->ifindex, frames, n, world->now);
    ft_sim_host_run(world, host);
}
