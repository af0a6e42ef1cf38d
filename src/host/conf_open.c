/* SPDX-License-Identifier: MIT */
/*
 * From what was said about nets to interfaces of a stack: choosing names, addresses and MAC
 * addresses, opening links, and seeing to it that addresses are nobody else's (RFC 5227, RFC 4862
 * 5.4; the probing itself is the stack's).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <fourtuple/host.h>
#include <fourtuple/malloc.h>

#include "diag/addr.h"
#include "host/conf.h"
#include "link/none.h"
#include "link/tap.h"
#include "link/wire.h"

#define CHOSEN_NET     UINT32_C(0x0a4d0000) /* 10.77.0.0/16 */
#define CHOSEN_PREFIX  16
#define CHOSEN_TRIES   20
#define LINK_LOCAL_HI  UINT64_C(0xfe80000000000000)
#define LINK_LOCAL_LEN 64

/* A hash for choosing, not for keeping secrets: FNV-1a with a finish that spreads the bits. */
static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
    const uint8_t *octets = data;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ octets[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t finish(uint64_t hash)
{
    hash ^= hash >> 33;
    hash *= UINT64_C(0xff51afd7ed558ccd);
    hash ^= hash >> 33;
    hash *= UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ hash >> 33;
}

void conf_mac(const char *net, const struct ft_addr *addr, uint8_t ret_mac[6])
{
    uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), net, strlen(net));

    hash = finish(mix(mix(hash, &addr->hi, sizeof(addr->hi)), &addr->lo, sizeof(addr->lo)));
    for (unsigned i = 0; i < 6; i++)
        ret_mac[i] = (uint8_t)(hash >> 8 * i);
    /* Locally administered, one station (IEEE 802). */
    ret_mac[0] = (uint8_t)((ret_mac[0] & 0xfcu) | 0x02u);
}

uint64_t conf_epoch_ns(void)
{
    struct timespec wall, mono;

    (void)clock_gettime(CLOCK_REALTIME, &wall); /* always there, both */
    (void)clock_gettime(CLOCK_MONOTONIC, &mono);
    return ((uint64_t)wall.tv_sec - (uint64_t)mono.tv_sec) * FT_SEC + (uint64_t)wall.tv_nsec -
           (uint64_t)mono.tv_nsec;
}

int conf_stack(struct ft_config *ret_config)
{
    ft_config_init(ret_config);
    ret_config->wall_offset = conf_epoch_ns();
    ft_host_auth(&ret_config->auth);
    /* There is no sysctl to ask for it: a passive socket that sets TCP_FASTOPEN means it. */
    ret_config->fastopen = FT_FASTOPEN_CLIENT | FT_FASTOPEN_SERVER;
    ft_config_use_malloc(ret_config);
    if (getrandom(ret_config->seed, sizeof(ret_config->seed), 0) !=
        (ssize_t)sizeof(ret_config->seed))
        return -EIO;
    return 0;
}

static const char *net_name(const struct conf_net *net)
{
    return net->what == NULL ? "" : net->what;
}

/* An address out of 10.77.0.0/16 that follows from the host's name, never .0 or .255 of any /24 so
 * that it looks like a host's. */
static struct ft_addr choose_ip4(const struct conf *conf, const struct conf_net *net,
                                 unsigned try_no)
{
    uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), conf->name, strlen(conf->name));

    hash = mix(hash, net_name(net), strlen(net_name(net)));
    hash = finish(mix(hash, &try_no, sizeof(try_no)));
    return addr_from_ip4(CHOSEN_NET | (uint32_t)(hash % 256) << 8 |
                         (1 + (uint32_t)(hash >> 32) % 254));
}

/* fe80::/64 with an interface identifier that follows from the MAC address (RFC 4291 2.5.1) or,
   when that one is taken, from the number of the try. */
static struct ft_addr choose_link_local(const uint8_t mac[6], unsigned try_no)
{
    struct ft_addr addr = {LINK_LOCAL_HI, 0};

    addr.lo = (uint64_t)(mac[0] ^ 2u) << 56 | (uint64_t)mac[1] << 48 | (uint64_t)mac[2] << 40 |
              UINT64_C(0xfffe) << 24 | (uint64_t)mac[3] << 16 | (uint64_t)mac[4] << 8 | mac[5];
    if (try_no > 0)
        addr.lo = finish(mix(addr.lo, &try_no, sizeof(try_no)));
    return addr;
}

static void choose_name(struct conf *conf)
{
    if (conf->name[0] == '\0')
        (void)snprintf(conf->name, sizeof(conf->name), "ft-%d", (int)getpid());
}

static void choose_if_name(const struct conf *conf, struct conf_net *net)
{
    unsigned number = (unsigned)(net - conf->nets);

    /* A program sees it: what Linux calls the first Ethernet, or the tap's own name. */
    if (net->kind == CONF_TAP)
        (void)snprintf(net->if_name, sizeof(net->if_name), "%s", net->what);
    else
        (void)snprintf(net->if_name, sizeof(net->if_name), "eth%u", number);
}

static bool has_link_local(const struct conf_net *net)
{
    for (unsigned i = 0; i < net->n_addrs; i++) {
        if (addr_is_link_local(&net->addrs[i].addr))
            return true;
    }
    return false;
}

/* The MAC address follows from the net and the first address that was given, so a host that is
   started again is found where it was. Without one it is random: two hosts that choose the same
   address can tell each other apart. */
static void choose_addrs(struct conf *conf, struct conf_net *net)
{
    struct ft_addr basis;

    if (net->n_addrs > 0)
        basis = net->addrs[0].addr;
    else if (getrandom(&basis, sizeof(basis), 0) != (ssize_t)sizeof(basis))
        basis = (struct ft_addr){(uint64_t)getpid(), 0};
    conf_mac(net_name(net), &basis, net->mac);
    if (net->n_addrs == 0)
        net->addrs[net->n_addrs++] = (struct conf_addr){
            .addr = choose_ip4(conf, net, 0), .prefix_len = CHOSEN_PREFIX, .chosen = true};
    if (!has_link_local(net))
        net->addrs[net->n_addrs++] = (struct conf_addr){
            .addr = choose_link_local(net->mac, 0), .prefix_len = LINK_LOCAL_LEN, .chosen = true};
}

static int open_link(const struct conf *conf, const struct conf_net *net, struct link **ret_link,
                     char *err, size_t err_len)
{
    struct link_wire_config wire = {.net = net->what, .host = conf->name};

    switch (net->kind) {
    case CONF_NONE:
        return link_none_open(ret_link);
    case CONF_WIRE:
        memcpy(wire.mac, net->mac, sizeof(wire.mac));
        return link_wire_open(&wire, ret_link, err, err_len);
    case CONF_TAP:
        return link_tap_open(net->what, ret_link, err, err_len);
    }
    return -EINVAL;
}

static int add_addr(struct ft_stack *stack, const struct conf_net *net,
                    const struct conf_addr *addr, char *err)
{
    unsigned flags = addr->chosen && net->kind != CONF_NONE ? FT_ADDR_PROBE_FIRST : 0;
    char text[ADDR_TEXT_MAX];
    int error = ft_addr_add(stack, net->ifindex, &addr->addr, addr->prefix_len, flags);

    if (error != 0)
        (void)snprintf(err, CONF_ERR_MAX, "--addr: %s/%u cannot be used: %s",
                       addr_format(&addr->addr, text), addr->prefix_len, strerror(-error));
    return error;
}

static bool is_own(const struct conf_net *net, const struct ft_addr *addr)
{
    for (unsigned i = 0; i < net->n_addrs; i++) {
        if (net->addrs[i].addr.hi == addr->hi && net->addrs[i].addr.lo == addr->lo)
            return true;
    }
    return false;
}

static int add_gateways(struct ft_stack *stack, const struct conf_net *net, char *err)
{
    for (unsigned i = 0; i < 2; i++) {
        struct ft_route_config route = {
            .size = sizeof(route), .gateway = net->gateways[i], .ifindex = net->ifindex};
        char text[ADDR_TEXT_MAX];
        int error;

        if (!net->has_gateway[i])
            continue;
        route.prefix = i == 0 ? addr_from_ip4(0) : (struct ft_addr){0, 0};
        (void)addr_format(&net->gateways[i], text);
        if (is_own(net, &net->gateways[i])) {
            (void)snprintf(err, CONF_ERR_MAX,
                           "--gateway: %s is this host itself; give the router's", text);
            return -EINVAL;
        }
        error = ft_route_add(stack, &route);
        if (error == 0)
            continue;
        if (error == -ENETUNREACH)
            (void)snprintf(err, CONF_ERR_MAX,
                           "--gateway: %s is in no prefix of its net; give an --addr of the same "
                           "prefix before it",
                           text);
        else
            (void)snprintf(err, CONF_ERR_MAX, "--gateway: %s cannot be used: %s", text,
                           strerror(-error));
        return error;
    }
    return 0;
}

/* IPv6 needs links of 1280 octets and more (RFC 8200 5); below that the net is IPv4 only. */
static int check_mtu(struct conf_net *net, char *err)
{
    unsigned n_kept = 0;

    if (net->mtu >= 1280)
        return 0;
    for (unsigned i = 0; i < net->n_addrs; i++) {
        char text[ADDR_TEXT_MAX];

        if (addr_is_ip4(&net->addrs[i].addr)) {
            net->addrs[n_kept++] = net->addrs[i];
        } else if (!net->addrs[i].chosen) {
            (void)snprintf(err, CONF_ERR_MAX, "--addr: %s needs an mtu of 1280 or more",
                           addr_format(&net->addrs[i].addr, text));
            return -EINVAL;
        }
    }
    net->n_addrs = n_kept;
    return 0;
}

/* The link-local address is chosen here, so that all who look at the interface see the same. */
static uint32_t if_flags_of(enum conf_kind kind)
{
    switch (kind) {
    case CONF_NONE:
        return FT_IF_NO_DAD;
    case CONF_WIRE:
        return FT_IF_SLAAC | FT_IF_OWN_LINK_LOCAL | FT_IF_FAST_DAD;
    case CONF_TAP:
        return FT_IF_SLAAC | FT_IF_OWN_LINK_LOCAL;
    }
    return 0;
}

static int open_net(struct conf *conf, struct conf_net *net, struct host *host, char *err)
{
    struct host_link_config config = {.impair = net->impair, .pcap = net->pcap};
    char why[CONF_ERR_MAX - 80] = "out of memory";
    struct link *link = NULL;
    int error;

    choose_if_name(conf, net);
    choose_addrs(conf, net);
    error = open_link(conf, net, &link, why, sizeof(why));
    if (error != 0) {
        (void)snprintf(err, CONF_ERR_MAX, "--net: %s", why);
        return error;
    }
    net->mtu = net->impair.mtu != 0 ? net->impair.mtu : link->mtu;
    error = check_mtu(net, err);
    if (error != 0) {
        link_close(link);
        return error;
    }
    memcpy(config.name, net->if_name, sizeof(config.name));
    memcpy(config.mac, net->mac, sizeof(config.mac));
    config.mtu = net->mtu;
    config.if_flags = if_flags_of(net->kind);
    error = host_link_add(host, link, &config, why, sizeof(why));
    if (error < 0) {
        (void)snprintf(err, CONF_ERR_MAX, "%s%s", net->pcap == NULL ? "--net: " : "", why);
        return error;
    }
    net->ifindex = error;
    for (unsigned i = 0; i < net->n_addrs; i++) {
        error = add_addr(host_stack(host), net, &net->addrs[i], err);
        if (error != 0)
            return error;
    }
    return add_gateways(host_stack(host), net, err);
}

int conf_open(struct conf *conf, struct host *host, char *ret_err)
{
    choose_name(conf);
    if (conf->n_nets == 0)
        conf->n_nets = 1; /* all zero: the default net */
    for (unsigned i = 0; i < conf->n_nets; i++) {
        int error = open_net(conf, &conf->nets[i], host, ret_err);

        if (error != 0)
            return error;
    }
    return 0;
}

/* Another address in place of one that is taken. */
static int replace(const struct conf *conf, const struct conf_net *net, struct conf_addr *addr,
                   struct ft_stack *stack, char *err)
{
    char text[ADDR_TEXT_MAX];

    if (++addr->tries >= CHOSEN_TRIES) {
        (void)snprintf(err, CONF_ERR_MAX,
                       "--net: no free address was found on %s; give one: --addr", net_name(net));
        return -EADDRINUSE;
    }
    (void)addr_format(&addr->addr, text);
    (void)ft_addr_del(stack, net->ifindex, &addr->addr); /* it is there: its state was asked */
    addr->addr = addr_is_ip4(&addr->addr) ? choose_ip4(conf, net, addr->tries)
                                          : choose_link_local(net->mac, addr->tries);
    return add_addr(stack, net, addr, err);
}

/* Hosts that were given the same address have the same MAC address, which ARP cannot tell apart
   (RFC 5227 2.4 looks at the sender's hardware address); the wire can. */
static int check_mac(const struct conf_net *net, struct host *host, char *err)
{
    char text[ADDR_TEXT_MAX];

    if (net->kind != CONF_WIRE || !link_wire_is_double(host_link(host, net->ifindex)))
        return 0;
    (void)snprintf(err, CONF_ERR_MAX, "--addr: %s belongs to another host on %s",
                   addr_format(&net->addrs[0].addr, text), net_name(net));
    return -EADDRINUSE;
}

int conf_ready(struct conf *conf, struct host *host, char *ret_err)
{
    struct ft_stack *stack = host_stack(host);
    int ready = 1;

    for (unsigned i = 0; i < conf->n_nets; i++) {
        struct conf_net *net = &conf->nets[i];

        if (check_mac(net, host, ret_err) != 0)
            return -EADDRINUSE;
        for (unsigned j = 0; j < net->n_addrs; j++) {
            struct conf_addr *addr = &net->addrs[j];
            int state = ft_addr_state(stack, net->ifindex, &addr->addr), error = 0;
            char text[ADDR_TEXT_MAX];

            if (state == FT_ADDR_DUPLICATE && !addr->chosen) {
                (void)snprintf(ret_err, CONF_ERR_MAX, "--addr: %s belongs to another host on %s",
                               addr_format(&addr->addr, text), net_name(net));
                return -EADDRINUSE;
            }
            if (state == FT_ADDR_DUPLICATE) {
                error = replace(conf, net, addr, stack, ret_err);
                ready = 0;
            }
            if (error != 0)
                return error;
            if (state == FT_ADDR_TENTATIVE)
                ready = 0;
        }
    }
    return ready;
}
