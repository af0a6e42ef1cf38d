/* SPDX-License-Identifier: MIT */
/*
 * fourtuple run: what the command line says. Nets are read by host/conf.c, the rest here.
 */
#include "run/run.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "host/conf.h"
#include "host/say.h"

#define LINGER_DEFAULT (10 * FT_SEC)
#define LINGER_UNSET   FT_TIME_NEVER
#define LINGER_MAX_S   86400ul

static const char help[] =
    "usage: fourtuple run [--net NET [--addr CIDR]... [--gateway IP]... [--link HOW]\n"
    "         [--pcap FILE]]... [--dns IP]... [--name NAME] [--linger SECONDS] [-v]\n"
    "         [--record FILE] -- PROGRAM [ARG...]\n"
    "Run PROGRAM, unmodified, as a host with a TCP/IP stack of its own, as any user.\n"
    "  --net NAME        a virtual wire; your runs that name the same word share it\n"
    "  --net tap:IFNAME  a TAP device. Default: a wire with nobody on it\n"
    "  --addr CIDR       its address: 10.7.0.2/24, fd07::2/64. Default: a free one\n"
    "  --gateway IP      where packets for other networks go\n"
    "  --link HOW        its cable, each way: delay=10ms,jitter=2ms,rate=100mbit,\n"
    "                    queue=256k,loss=1%,dup=0.1%,reorder=0.5%,corrupt=0.01%,\n"
    "                    mtu=1400,seed=7 (any of them)\n"
    "  --pcap FILE       write every packet to FILE (pcapng)\n"
    "                    These four belong to the --net before them.\n"
    "  --dns IP          a name server for the program's resolver\n"
    "  --name NAME       the host's name, also for fourtuple ss NAME\n"
    "  --linger SECONDS  how long what PROGRAM sent may wait to be acknowledged (10)\n"
    "  --record FILE     record the stack for fourtuple replay; FILE (mode 0600)\n"
    "                    holds its secrets and all that was sent and received\n"
    "  -v                say what happens\n"
    "Ends when no process of the run is left. Exit status: PROGRAM's; 128+N when\n"
    "signal N ended it; 125: fourtuple failed; 126: PROGRAM cannot be executed;\n"
    "127: it was not found.\n"
    "  fourtuple run --net lab --addr 10.7.0.1/24 -- python3 -m http.server 80\n"
    "  fourtuple run --net lab --addr 10.7.0.2/24 -- curl -s http://10.7.0.1/\n";

static int fail(const char *text)
{
    host_say("%s", text);
    return RUN_FAILED;
}

/* Not the address of nobody, nor one of many hosts. */
static bool is_server(const uint8_t octets[16], bool is_ip4)
{
    static const uint8_t nobody[16] = {0};

    return memcmp(octets, nobody, is_ip4 ? 4 : 16) != 0 &&
           (is_ip4 ? octets[0] < 224 : octets[0] != 0xff);
}

static int set_dns(struct run_options *options, const char *value, char *ret_err)
{
    uint8_t octets[16] = {0};
    bool is_ip4 = inet_pton(AF_INET, value, octets) == 1;

    if ((!is_ip4 && inet_pton(AF_INET6, value, octets) != 1) || !is_server(octets, is_ip4)) {
        snprintf(ret_err, CONF_ERR_MAX, "--dns: %.100s is not an address; write it as 10.7.0.53",
                 value);
        return -EINVAL;
    }
    if (options->n_dns == RUN_DNS_MAX) {
        snprintf(ret_err, CONF_ERR_MAX, "--dns: a resolver asks at most %d servers", RUN_DNS_MAX);
        return -EINVAL;
    }
    for (unsigned i = 0; i < options->n_dns; i++) {
        if (strcmp(options->dns[i], value) == 0) {
            snprintf(ret_err, CONF_ERR_MAX, "--dns: %s is given twice", value);
            return -EINVAL;
        }
    }
    snprintf(options->dns[options->n_dns++], sizeof(options->dns[0]), "%s", value);
    return 0;
}

static int set_linger(struct run_options *options, const char *value, char *ret_err)
{
    char *end;
    unsigned long seconds;

    errno = 0;
    seconds = strtoul(value, &end, 10);
    if (*value < '0' || *value > '9' || *end != '\0' || errno != 0 || seconds > LINGER_MAX_S) {
        snprintf(ret_err, CONF_ERR_MAX, "--linger: %.100s is not a number of seconds from 0 to %lu",
                 value, LINGER_MAX_S);
        return -EINVAL;
    }
    if (options->linger != LINGER_UNSET) {
        snprintf(ret_err, CONF_ERR_MAX, "--linger: %s is given twice", value);
        return -EINVAL;
    }
    options->linger = seconds * FT_SEC;
    return 0;
}

static int set_record(struct run_options *options, const char *value, char *ret_err)
{
    if (options->record != NULL) {
        snprintf(ret_err, CONF_ERR_MAX, "--record: %.100s is given twice; a run has one recording",
                 value);
        return -EINVAL;
    }
    options->record = value;
    return 0;
}

/* One option with its value. Return: 0; -ENOENT: there is none of that name; -EINVAL: why. */
static int set_option(struct run_options *options, const char *option, const char *value,
                      char *ret_err)
{
    if (strcmp(option, "--dns") == 0)
        return set_dns(options, value, ret_err);
    if (strcmp(option, "--linger") == 0)
        return set_linger(options, value, ret_err);
    if (strcmp(option, "--record") == 0)
        return set_record(options, value, ret_err);
    return conf_option(options->conf, option, value, ret_err);
}

static bool takes_value(const char *option)
{
    static const char *const names[] = {"--net", "--addr", "--gateway", "--link",  "--pcap",
                                        "--dns", "--name", "--linger",  "--record"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(option, names[i]) == 0)
            return true;
    }
    return false;
}

/* --option VALUE or --option=VALUE. Return: arguments used, or -EINVAL with the reason. */
static int take_option(struct run_options *options, char **argv, char *ret_err)
{
    char name[32];
    char *equals = strchr(argv[0], '=');
    size_t len = equals ? (size_t)(equals - argv[0]) : strlen(argv[0]);
    const char *value = equals ? equals + 1 : argv[1];

    snprintf(name, sizeof(name), "%.*s", (int)(len < sizeof(name) ? len : sizeof(name) - 1),
             argv[0]);
    if (!takes_value(name)) {
        snprintf(ret_err, CONF_ERR_MAX, "%.100s: no such option (fourtuple run --help)", argv[0]);
        return -EINVAL;
    }
    if (!value || (!equals && strcmp(value, "--") == 0)) {
        snprintf(ret_err, CONF_ERR_MAX, "%s: a value is missing (fourtuple run --help)", name);
        return -EINVAL;
    }
    if (set_option(options, name, value, ret_err) < 0)
        return -EINVAL;
    return equals ? 1 : 2;
}

/* Return: how many arguments were options; -EINVAL: the reason; -ECANCELED: help was asked for. */
static int parse(struct run_options *options, int argc, char **argv, char *ret_err)
{
    int i = 1;

    while (i < argc && argv[i][0] == '-') {
        int n = 1;

        if (strcmp(argv[i], "--") == 0)
            return i + 1;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return -ECANCELED;
        if (strcmp(argv[i], "-v") == 0)
            options->verbose = true;
        else
            n = take_option(options, argv + i, ret_err);
        if (n < 0)
            return n;
        i += n;
    }
    return i;
}

int ft_cmd_run(int argc, char **argv)
{
    static struct conf conf;
    struct run_options options = {.conf = &conf, .linger = LINGER_UNSET};
    char text[CONF_ERR_MAX];
    int first;

    conf_init(&conf);
    first = parse(&options, argc, argv, text);
    if (first == -ECANCELED) {
        fputs(help, stdout);
        return 0;
    }
    if (first < 0)
        return fail(text);
    if (first >= argc)
        return fail("run: which program? fourtuple run [OPTION]... -- PROGRAM [ARG]...");
    if (options.linger == LINGER_UNSET)
        options.linger = LINGER_DEFAULT;
    options.argv = argv + first;
    return run_main(&options);
}
