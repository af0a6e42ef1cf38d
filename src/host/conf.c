/* SPDX-License-Identifier: MIT */
/*
 * Reading the options of nets. What is chosen and opened is in conf_open.c.
 */
#include "host/conf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "diag/addr.h"
#include "link/wire.h"

void conf_init(struct conf *conf)
{
    memset(conf, 0, sizeof(*conf));
}

static int fail(char *ret_err, const char *option, const char *value, const char *why)
{
    (void)snprintf(ret_err, CONF_ERR_MAX, "%s: %.100s %s", option, *value ? value : "\"\"", why);
    return -EINVAL;
}

static bool is_word(const char *text, size_t max)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "._-";
    size_t len = strlen(text);

    return len >= 1 && len <= max && strspn(text, allowed) == len && text[0] != '.';
}

/* The net that an option belongs to: the last one, or the default net. */
static struct conf_net *current_net(struct conf *conf)
{
    if (conf->n_nets == 0)
        conf->n_nets = 1; /* all zero: the default net */
    return &conf->nets[conf->n_nets - 1];
}

static int take_net(struct conf *conf, const char *value, char *err)
{
    static const char tap[] = "tap:";
    struct conf_net *net;

    if (conf->n_nets == CONF_NETS_MAX)
        return fail(err, "--net", value, "is one net too many; at most 8 can be given");
    net = &conf->nets[conf->n_nets];
    memset(net, 0, sizeof(*net));
    net->named = true;
    if (strncmp(value, tap, sizeof(tap) - 1) == 0) {
        net->kind = CONF_TAP;
        net->what = value + sizeof(tap) - 1;
        if (!is_word(net->what, FT_IF_NAME_MAX - 1))
            return fail(err, "--net", value,
                        "names no interface; write it as tap:ft0, with at most 15 characters");
    } else {
        net->kind = CONF_WIRE;
        net->what = value;
        if (strchr(value, ':') != NULL)
            return fail(err, "--net", value,
                        "is no kind of net; write NAME for a virtual wire or tap:IFNAME");
        if (!is_word(value, LINK_WIRE_NAME_MAX))
            return fail(err, "--net", value,
                        "is not a plain word; use 1 to 32 of A-Z a-z 0-9 . _ -");
    }
    for (unsigned i = 0; i < conf->n_nets; i++) {
        const struct conf_net *other = &conf->nets[i];

        if (other->named && other->kind == net->kind && strcmp(other->what, net->what) == 0)
            return fail(err, "--net", value, "is given twice");
    }
    conf->n_nets++;
    return 0;
}

/* An address that a host can have on a net. */
static bool is_unicast(const struct ft_addr *addr)
{
    if (addr_is_ip4(addr)) {
        uint32_t ip4 = (uint32_t)addr->lo;

        return ip4 >> 24 != 0 && ip4 >> 24 != 127 && ip4 >> 28 != 14 && ip4 >> 28 != 15;
    }
    return addr->hi >> 56 != 0xff && (addr->hi != 0 || addr->lo > 1);
}

/* The first and the last address of a prefix are the net's and everybody's (RFC 922 7). */
static bool is_net_or_broadcast(const struct ft_addr *addr, unsigned prefix_len)
{
    uint32_t host_mask;

    if (!addr_is_ip4(addr) || prefix_len >= 31)
        return false;
    host_mask = UINT32_MAX >> prefix_len;
    return ((uint32_t)addr->lo & host_mask) == 0 || ((uint32_t)addr->lo & host_mask) == host_mask;
}

/* Link-local addresses are of their net only: the same one may be on two. */
static bool is_ours(const struct conf *conf, const struct ft_addr *addr)
{
    bool is_link_local = !addr_is_ip4(addr) && addr->hi >> 54 == 0xfe80u >> 6;

    for (unsigned i = 0; i < conf->n_nets; i++) {
        const struct conf_net *net = &conf->nets[i];

        if (is_link_local && i + 1 < conf->n_nets)
            continue;
        for (unsigned j = 0; j < net->n_addrs; j++) {
            if (net->addrs[j].addr.hi == addr->hi && net->addrs[j].addr.lo == addr->lo)
                return true;
        }
    }
    return false;
}

static int take_addr(struct conf *conf, const char *value, char *err)
{
    struct conf_net *net = current_net(conf);
    struct ft_addr addr;
    unsigned prefix_len;

    if (addr_parse_cidr(value, &addr, &prefix_len) != 0)
        return fail(err, "--addr", value, "is not an address; write it as 10.7.0.2/24");
    if (strchr(value, '/') == NULL)
        return fail(err, "--addr", value,
                    addr_is_ip4(&addr) ? "has no prefix length; write it as 10.7.0.2/24"
                                       : "has no prefix length; write it as fd07::2/64");
    if (prefix_len == 0 || !is_unicast(&addr))
        return fail(err, "--addr", value,
                    "cannot be the address of a host; write it as 10.7.0.2/24");
    if (is_net_or_broadcast(&addr, prefix_len))
        return fail(err, "--addr", value,
                    "is the address of the net or of everybody in it; choose one between");
    /* One place is for the link-local address that every host has. */
    if (net->n_addrs == CONF_ADDRS_MAX - 1)
        return fail(err, "--addr", value, "is one address too many; a net takes at most 7");
    if (is_ours(conf, &addr))
        return fail(err, "--addr", value, "is given twice");
    net->addrs[net->n_addrs++] = (struct conf_addr){.addr = addr, .prefix_len = prefix_len};
    return 0;
}

static int take_gateway(struct conf *conf, const char *value, char *err)
{
    struct conf_net *net = current_net(conf);
    struct ft_addr addr;
    unsigned which;

    if (addr_parse(value, &addr) != 0 || !is_unicast(&addr))
        return fail(err, "--gateway", value, "is not an address; write it as 10.7.0.1");
    which = addr_is_ip4(&addr) ? 0 : 1;
    if (net->has_gateway[which])
        return fail(err, "--gateway", value, "is one too many; a net has one for each family");
    net->gateways[which] = addr;
    net->has_gateway[which] = true;
    return 0;
}

static int take_link(struct conf *conf, const char *value, char *err)
{
    struct conf_net *net = current_net(conf);
    char why[CONF_ERR_MAX - 20];

    if (net->impaired)
        return fail(err, "--link", value, "is given twice; put all of it into one, with commas");
    if (impair_parse(value, &net->impair, why, sizeof(why)) != 0) {
        (void)snprintf(err, CONF_ERR_MAX, "--link: %s", why);
        return -EINVAL;
    }
    net->impaired = true;
    return 0;
}

static int take_pcap(struct conf *conf, const char *value, char *err)
{
    struct conf_net *net = current_net(conf);

    if (value[0] == '\0')
        return fail(err, "--pcap", value, "is no file name");
    if (net->pcap != NULL)
        return fail(err, "--pcap", value, "is one file too many; a net has one");
    for (unsigned i = 0; i < conf->n_nets; i++) {
        if (conf->nets[i].pcap != NULL && strcmp(conf->nets[i].pcap, value) == 0)
            return fail(err, "--pcap", value, "is another net's; each has a file of its own");
    }
    net->pcap = value;
    return 0;
}

static int take_name(struct conf *conf, const char *value, char *err)
{
    if (conf->name[0] != '\0')
        return fail(err, "--name", value, "is one name too many; a host has one");
    if (!is_word(value, CONF_NAME_MAX) || value[0] == '-')
        return fail(err, "--name", value, "is not a plain word; use 1 to 32 of A-Z a-z 0-9 . _ -");
    (void)snprintf(conf->name, sizeof(conf->name), "%s", value);
    return 0;
}

int conf_option(struct conf *conf, const char *option, const char *value, char *ret_err)
{
    static const struct {
        const char *option;
        int (*take)(struct conf *conf, const char *value, char *err);
    } options[] = {
        {"--net", take_net},   {"--addr", take_addr}, {"--gateway", take_gateway},
        {"--link", take_link}, {"--pcap", take_pcap}, {"--name", take_name},
    };

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (strcmp(option, options[i].option) == 0)
            return options[i].take(conf, value, ret_err);
    }
    (void)snprintf(ret_err, CONF_ERR_MAX, "%s is not known here", option);
    return -ENOENT;
}
