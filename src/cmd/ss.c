/* SPDX-License-Identifier: MIT */
/*
 * fourtuple ss: the sockets of running hosts, with the options, columns and words of ss(8).
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "diag/socket.h"
#include "diag/table.h"
#include "host/say.h"
#include "host/status.h"

struct ask {
    bool tcp, udp, listening, all, ip4, ip6, json, counters;
    struct table_options options;
    struct table *table;
    unsigned n_hosts; /* whose counters were told */
    char host[64];    /* the last of them */
    bool failed;      /* no memory */
};

static void print_help(FILE *out)
{
    (void)fputs(
        "usage: fourtuple ss [-t] [-u] [-l] [-a] [-n] [-p] [-i] [-4] [-6] [-H] [--json] [NAME...]\n"
        "       fourtuple ss --counters [-a] [--json] [NAME...]\n"
        "\n"
        "Lists the sockets of the running hosts of this user, or of those named (run --name),\n"
        "as ss(8) does: connected ones, unless -l or -a is given.\n"
        "\n"
        "  -t, --tcp        TCP only                  -p, --processes  whose socket it is\n"
        "  -u, --udp        UDP only                  -i, --info       round trip, window, counts\n"
        "  -l, --listening  passive sockets only      -4, --ipv4       IPv4 only\n"
        "  -a, --all        passive ones as well      -6, --ipv6       IPv6 only\n"
        "  -n, --numeric    accepted; always so       -H, --no-header  no line of titles\n"
        "      --json       an object a line\n"
        "      --counters   what the hosts have counted, if not 0 (-a: all)\n"
        "\n"
        "Exit status: 0 done (also when there is no host), 1 a host that was named does not run\n"
        "or does not answer, 2 bad arguments.\n",
        out);
}

/* Whether a line is among what was asked for. ss shows neither passive nor closed sockets nor
   TIME-WAIT or SYN-RECV without -a; -l shows passive and unconnected ones. */
static bool is_wanted(const struct ask *ask, char *const *fields)
{
    const char *state = fields[SOCKET_STATE];
    bool udp = strcmp(fields[SOCKET_NETID], "udp") == 0;
    bool passive = strcmp(state, "LISTEN") == 0 || strcmp(state, "UNCONN") == 0;
    bool brief = strcmp(state, "TIME-WAIT") == 0 || strcmp(state, "SYN-RECV") == 0;

    if ((ask->tcp || ask->udp) && !(udp ? ask->udp : ask->tcp))
        return false;
    if ((ask->ip4 || ask->ip6) && !(fields[SOCKET_FAMILY][0] == '6' ? ask->ip6 : ask->ip4))
        return false;
    if (ask->all)
        return true;
    return ask->listening ? passive : !passive && !brief;
}

static void take_socket(void *ctx, const char *host, char *const *fields, size_t n_fields)
{
    struct ask *ask = ctx;

    if (n_fields == SOCKET_FIELDS && is_wanted(ask, fields) &&
        table_add(ask->table, host, fields) != 0)
        ask->failed = true;
}

static void end_counters(struct ask *ask)
{
    if (ask->json && ask->n_hosts > 0)
        (void)puts("}}");
}

/* Counters are told as they come: a heading a host, or an object a host. */
static void take_counter(void *ctx, const char *host, char *const *fields, size_t n_fields)
{
    struct ask *ask = ctx;
    bool is_new = ask->n_hosts == 0 || strcmp(ask->host, host) != 0;

    if (n_fields != 3)
        return;
    if (is_new) {
        end_counters(ask);
        (void)snprintf(ask->host, sizeof(ask->host), "%s", host);
        if (ask->json) {
            (void)fputs("{\"host\":", stdout);
            table_json_string(host, stdout);
            (void)fputs(",\"counters\":{", stdout);
        } else if (ask->options.header) {
            (void)printf("%s%s\n", ask->n_hosts == 0 ? "" : "\n", host);
        }
        ask->n_hosts++;
    }
    if (ask->json)
        (void)printf("%s\"%s\":%s", is_new ? "" : ",", fields[0], fields[1]);
    else if (ask->all || strcmp(fields[1], "0") != 0)
        (void)printf("  %-24s %14s  %s\n", fields[0], fields[1], fields[2]);
}

#define SHORT_OPTIONS "tulanpi46Hh"

/* Options without a letter: what getopt_long() tells of them is no character. */
enum { LONG_JSON = UCHAR_MAX + 1, LONG_COUNTERS };

static const struct option long_options[] = {
    {"tcp", no_argument, NULL, 't'},        {"udp", no_argument, NULL, 'u'},
    {"listening", no_argument, NULL, 'l'},  {"all", no_argument, NULL, 'a'},
    {"numeric", no_argument, NULL, 'n'},    {"processes", no_argument, NULL, 'p'},
    {"info", no_argument, NULL, 'i'},       {"ipv4", no_argument, NULL, '4'},
    {"ipv6", no_argument, NULL, '6'},       {"no-header", no_argument, NULL, 'H'},
    {"json", no_argument, NULL, LONG_JSON}, {"counters", no_argument, NULL, LONG_COUNTERS},
    {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0},
};

/* Sets what an option says; false: none of ours. */
static bool take_option(struct ask *ask, int option)
{
    bool *const flags[] = {
        ['t'] = &ask->tcp,
        ['u'] = &ask->udp,
        ['l'] = &ask->listening,
        ['a'] = &ask->all,
        ['4'] = &ask->ip4,
        ['6'] = &ask->ip6,
        ['p'] = &ask->options.process,
        ['i'] = &ask->options.info,
        [LONG_JSON] = &ask->json,
        [LONG_COUNTERS] = &ask->counters,
    };

    if (option == 'n')
        return true;
    if (option == 'H') {
        ask->options.header = false;
        return true;
    }
    if (option < 0 || (size_t)option >= sizeof(flags) / sizeof(flags[0]) || flags[option] == NULL)
        return false;
    *flags[option] = true;
    return true;
}

/* A letter that is no option. Of a word that is none, or that has a value and takes none,
   getopt_long() tells 0 or what the word stands for. */
static bool is_unknown_letter(int letter)
{
    return letter != 0 && letter <= UCHAR_MAX && strchr(SHORT_OPTIONS, letter) == NULL;
}

/* -1: go on; else the exit status. */
static int read_arguments(struct ask *ask, int argc, char **argv)
{
    int option;

    opterr = 0;
    optind = 1;
    while ((option = getopt_long(argc, argv, SHORT_OPTIONS, long_options, NULL)) != -1) {
        if (option == 'h') {
            print_help(stdout);
            return 0;
        }
        if (take_option(ask, option))
            continue;
        if (is_unknown_letter(optopt))
            host_say("ss: -%c is not an option; --help lists them", optopt);
        else
            host_say("ss: %s is not an option; --help lists them", argv[optind - 1]);
        return 2;
    }
    return -1;
}

static int tell_sockets(struct ask *ask, const char *const *names, size_t n_names, char *err,
                        size_t err_len)
{
    int n;

    ask->table = table_new();
    if (ask->table == NULL)
        return -ENOMEM;
    n = status_ask(names, n_names, "sockets", take_socket, ask, err, err_len);
    ask->options.hosts = n > 1;
    if (ask->failed)
        n = -ENOMEM;
    if (n >= 0 && ask->json)
        table_print_json(ask->table, stdout);
    else if (n >= 0)
        table_print(ask->table, &ask->options, stdout);
    table_free(ask->table);
    return n;
}

int ft_cmd_ss(int argc, char **argv)
{
    struct ask ask = {.options = {.header = true}};
    const char *const *names;
    char err[400] = "";
    size_t n_names;
    int n = read_arguments(&ask, argc, argv);

    if (n >= 0)
        return n;
    names = (const char *const *)(argv + optind);
    n_names = (size_t)(argc - optind);
    if (ask.counters) {
        n = status_ask(names, n_names, "counters", take_counter, &ask, err, sizeof(err));
        end_counters(&ask);
    } else {
        n = tell_sockets(&ask, names, n_names, err, sizeof(err));
    }
    if (n < 0) {
        host_say("ss: %s", err[0] == '\0' ? strerror(-n) : err);
        return 1;
    }
    if (fflush(stdout) != 0) {
        host_say("ss: the output cannot be written: %s", strerror(errno));
        return 1;
    }
    return 0;
}
