/* SPDX-License-Identifier: MIT */
/*
 * What people may type: addresses, prefixes, socket names, impairments and the options of nets. The
 * first octet of an input picks the reader, the rest is the text. What is accepted and written
 * again reads the same. With the last reader the input is frames on a cable that its first octets
 * configure: none comes out longer or more often than it may, and memory stays within its bound.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "diag/addr.h"
#include "host/conf.h"
#include "link/impair.h"

#include "support.h"

#define TEXT_MAX    1000
#define PACKETS_MAX 16
#define OCTETS_MAX  3000

static void read_addr(const char *text)
{
    char again[ADDR_TEXT_MAX];
    struct ft_addr addr, back;
    unsigned prefix_len;

    if (addr_parse(text, &addr) == 0) {
        must(addr_parse(addr_format(&addr, again), &back) == 0);
        must(addr.hi == back.hi && addr.lo == back.lo);
    }
    if (addr_parse_cidr(text, &addr, &prefix_len) == 0)
        must(prefix_len <= (addr_is_ip4(&addr) ? 32u : 128u));
}

/* An error is one line; nothing of it is left unsaid. */
static void must_be_a_sentence(const char *err)
{
    must(err[0] != '\0' && strlen(err) < CONF_ERR_MAX);
}

static void read_link(const char *text)
{
    struct impair_config config = {.l2_len = 14};
    char err[CONF_ERR_MAX] = "";

    if (impair_parse(text, &config, err, sizeof(err)) != 0) {
        must_be_a_sentence(err);
        return;
    }
    must(config.loss <= IMPAIR_SHARE_ALL && config.queue <= IMPAIR_QUEUE_MAX);
    must(config.mtu == 0 || (config.mtu >= 68 && config.mtu <= 65535));
}

/* Options and values, by lines. */
static void read_options(char *text)
{
    static const char *const options[] = {"--net",  "--addr", "--gateway",
                                          "--link", "--pcap", "--name"};
    char err[CONF_ERR_MAX];
    struct conf conf;
    size_t n = 0;

    conf_init(&conf);
    for (char *line = text, *end = text; end != NULL; line = end + 1, n++) {
        end = strchr(line, '\n');
        if (end != NULL)
            *end = '\0';
        err[0] = '\0';
        if (conf_option(&conf, options[n % 6], line, err) != 0)
            must_be_a_sentence(err);
        must(conf.n_nets <= CONF_NETS_MAX);
        if (end == NULL)
            break;
    }
}

static uint32_t take32(const uint8_t **data, size_t *size)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < 4 && *size > 0; i++, (*size)--)
        value = value << 8 | *(*data)++;
    return value;
}

static void use_cable(const uint8_t *data, size_t size)
{
    struct impair_config config = {.packets_max = PACKETS_MAX, .octets_max = OCTETS_MAX};
    struct impair imp;
    uint8_t buf[256];
    ft_time now = 0;
    size_t got;

    config.delay = take32(&data, &size);
    config.jitter = take32(&data, &size);
    config.rate = take32(&data, &size);
    config.queue = take32(&data, &size);
    config.loss = take32(&data, &size) % (IMPAIR_SHARE_ALL + 1);
    config.burst = take32(&data, &size) % 8;
    config.dup = take32(&data, &size) % (IMPAIR_SHARE_ALL + 1);
    config.reorder = take32(&data, &size) % (IMPAIR_SHARE_ALL + 1);
    config.corrupt = IMPAIR_SHARE_ALL;
    config.l2_len = take32(&data, &size) % 2 == 0 ? 14 : 0;
    impair_init(&imp, &config, 0);
    while (size > 0) {
        size_t len = data[0] < size - 1 ? data[0] : size - 1;

        impair_put(&imp, data + 1, len, now);
        must(imp.n <= PACKETS_MAX && imp.octets <= OCTETS_MAX);
        data += 1 + len;
        size -= 1 + len;
        now += len * len * FT_US;
        while ((got = impair_take(&imp, now, buf, sizeof(buf))) > 0)
            must(got < sizeof(buf));
        must(impair_deadline(&imp) > now);
    }
    must(imp.counters.n_out <= 2 * imp.counters.n_in);
    impair_fini(&imp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[TEXT_MAX];
    unsigned reader;

    if (size < 1 || size >= sizeof(text))
        return 0;
    reader = data[0] % 4;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (reader == 0)
        read_addr(text);
    else if (reader == 1)
        read_link(text);
    else if (reader == 2)
        read_options(text);
    else
        use_cable(data + 1, size - 1);
    return 0;
}
