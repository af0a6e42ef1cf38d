/* SPDX-License-Identifier: MIT */
/*
 * What people type after `fourtuple sim`: its help, its options, and what is wrong with them.
 */
#include <string.h>

#include "cmd/sim_priv.h"
#include "host/say.h"

#define SECONDS_AT_MOST 86400

void ft_cmd_sim_help(void)
{
    printf("usage: fourtuple sim [--seed N | --seeds A..B] [--for TIME] [--jobs N] [OPTION]...\n"
           "\n"
           "Runs whole networks in virtual time. A seed draws hosts, cables, conversations and\n"
           "faults; the same seed gives the same run, to the bit. Oracles judge every run, and an\n"
           "auditor reads every packet.\n"
           "\n"
           "  --seed N, --seeds A..B  one seed (default: 1), or all from A to B\n"
           "  --for TIME      conversations begin within TIME: 90s, 10m, 2h (default: 8s)\n"
           "  --scenario NAME  one kind of network and of work; --list tells of them\n"
           "  --link IMPAIRMENT  the bottleneck: delay=10ms,rate=5mbit,loss=1%%, as run --link\n"
           "                  has it; of a scenario only what is given changes\n"
           "  --jobs N        in N processes; what is printed is the same\n"
           "  --pcap FILE     write what every host sends and gets (pcapng; one seed only)\n"
           "  --trace FILE    write every packet, verdict and event as text (one seed only)\n"
           "  --shrink        look for the smallest part of a run that fails in the same way,\n"
           "                  for --shrink-for SECONDS at most (default: 60)\n"
           "  --fail-fast     stop at the first seed that fails\n"
           "  --only LIST     only these conversations: 3,7..9; --faults LIST: only these faults\n"
           "  --hosts N|LIST  no more than N hosts; only these clients and servers: c0,c2,s1\n"
           "  --without LIST  none of these troubles: loss,cut,...; --list names them\n"
           "  --vary N        other chances on the same cables\n"
           "  --octets N      no end sends more: 300, 64k, 5m\n"
           "  --plan          print what the seed has drawn, and do not run it\n"
           "  --events, --counters    print the last 20 events; what all hosts have counted\n"
           "  --json          one line a seed: seed, result, virtual_s, packets, trace_hash\n"
           "  --list          print what can be named\n"
           "\n"
           "Exit status: 0 everything held, 1 an oracle failed, 2 bad arguments.\n");
}

void ft_cmd_sim_list(void)
{
    const char *text;
    const char *link;
    const char *name;

    printf("Scenarios, with the cable between their clients and servers:\n\n");
    for (uint32_t i = 0; (name = ft_sim_scenario_name(i, &text, &link)) != NULL; i++)
        printf("  %-15s %s\n%18s%s\n", name, text, "", link);
    printf("\nWhat --without can take out:\n\n");
    for (uint32_t i = 0; (name = ft_sim_trouble(i, &text)) != NULL; i++)
        printf("  %-15s %s\n", name, text);
}

static bool read_seed(const char *text, struct sim_arguments *ret)
{
    const char *end;

    if (!ft_cmd_sim_number(text, &end, &ret->first) || *end != '\0')
        return false;
    ret->last = ret->first;
    return true;
}

static bool read_seeds(const char *text, struct sim_arguments *ret)
{
    const char *end;

    if (!ft_cmd_sim_number(text, &end, &ret->first) || strncmp(end, "..", 2) != 0)
        return false;
    return ft_cmd_sim_number(end + 2, &end, &ret->last) && *end == '\0' && ret->first <= ret->last;
}

static bool read_time(const char *text, struct sim_arguments *ret)
{
    static const struct {
        const char *name;
        uint64_t seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}};
    uint64_t n;
    const char *end;

    if (!ft_cmd_sim_number(text, &end, &n) || n == 0 || n > SECONDS_AT_MOST)
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].name) == 0 && n * units[i].seconds <= SECONDS_AT_MOST) {
            ret->options.length = n * units[i].seconds * FT_SEC;
            ret->length_text = text;
            return true;
        }
    }
    return false;
}

static bool read_jobs(const char *text, struct sim_arguments *ret)
{
    const char *end;

    return ft_cmd_sim_number(text, &end, &ret->jobs) && *end == '\0' && ret->jobs > 0 &&
           ret->jobs <= SIM_JOBS_MAX;
}

static bool read_shrink_for(const char *text, struct sim_arguments *ret)
{
    const char *end;

    ret->shrink = true;
    return ft_cmd_sim_number(text, &end, &ret->shrink_s) && *end == '\0' && ret->shrink_s > 0 &&
           ret->shrink_s <= SECONDS_AT_MOST;
}

static bool read_trace(const char *text, struct sim_arguments *ret)
{
    ret->trace = text;
    return true;
}

static bool read_scenario(const char *text, struct sim_arguments *ret)
{
    ret->options.scenario = text;
    return true;
}

static bool read_link(const char *text, struct sim_arguments *ret)
{
    ret->options.link = text;
    return true;
}

static bool read_pcap(const char *text, struct sim_arguments *ret)
{
    ret->options.pcap = text;
    return true;
}

/* Options with a value; those of a cut have no function here. */
static const struct {
    const char *name;
    bool (*read)(const char *text, struct sim_arguments *ret);
    const char *wrong;
} with_value[] = {
    {"--seed", read_seed, "is not a number; write it as 42"},
    {"--seeds", read_seeds, "is no range of seeds; write it as 1..200"},
    {"--for", read_time, "is not a time up to 24h; write it as 90s, 10m or 2h"},
    {"--jobs", read_jobs, "is no number of processes from 1 to 256"},
    {"--pcap", read_pcap, ""},
    {"--trace", read_trace, ""},
    {"--scenario", read_scenario, ""},
    {"--link", read_link, ""},
    {"--shrink-for", read_shrink_for, "is no number of seconds up to 86400"},
    {"--only", NULL, NULL},
    {"--faults", NULL, NULL},
    {"--hosts", NULL, NULL},
    {"--without", NULL, NULL},
    {"--octets", NULL, NULL},
    {"--vary", NULL, NULL},
};

#define N_WITH_VALUE (sizeof(with_value) / sizeof(with_value[0]))

static const struct {
    const char *name;
    size_t flag; /* offset of a bool */
} switches[] = {
    {"--json", offsetof(struct sim_arguments, json)},
    {"--plan", offsetof(struct sim_arguments, plan)},
    {"--events", offsetof(struct sim_arguments, events)},
    {"--counters", offsetof(struct sim_arguments, counters)},
    {"--shrink", offsetof(struct sim_arguments, shrink)},
    {"--fail-fast", offsetof(struct sim_arguments, fail_fast)},
    {"--list", offsetof(struct sim_arguments, list)},
    {"--help", offsetof(struct sim_arguments, help)},
    {"-h", offsetof(struct sim_arguments, help)},
};

static int complain(const char *what, const char *value, const char *why)
{
    if (value != NULL)
        host_say("%s: %s %s", what, value, why);
    else
        host_say("%s: %s", what, why);
    return -1;
}

/* An option that takes a value. @i: of the table. @seen: bits of those that were given. */
static int read_value(size_t i, const char *value, uint32_t *seen, struct sim_arguments *ret)
{
    const char *name = with_value[i].name;
    uint32_t bit = UINT32_C(1) << (i == 1 ? 0 : i); /* --seeds says what --seed says */
    const char *why;

    if (strcmp(name, "--hosts") == 0 && value != NULL && *value >= '0' && *value <= '9')
        bit = UINT32_C(1) << 31; /* a number of hosts and their names may both be given */

    if (value == NULL)
        return complain(name, NULL, "needs a value");
    if (*seen & bit)
        return complain(name, value, "is one too many; it is given once");
    *seen |= bit;
    if (with_value[i].read != NULL)
        why = with_value[i].read(value, ret) ? NULL : with_value[i].wrong;
    else
        why = ft_cmd_sim_read_cut(name, value, &ret->options.cut);
    return why == NULL ? 0 : complain(name, value, why);
}

/* Return: whether it was a switch. */
static bool read_switch(const char *name, struct sim_arguments *ret)
{
    for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
        if (strcmp(name, switches[i].name) == 0) {
            *(bool *)((char *)ret + switches[i].flag) = true;
            return true;
        }
    }
    return false;
}

static int check_scenario(const struct sim_arguments *args)
{
    const struct sim_options *options = &args->options;
    struct sim_options unlinked = *options;
    char why[SIM_SENTENCE_MAX];

    unlinked.link = NULL;
    if (ft_sim_options_check(&unlinked, why, sizeof(why)) != 0)
        return complain("--scenario", options->scenario,
                        "is not known; fourtuple sim --list names those that are");
    if (ft_sim_options_check(options, why, sizeof(why)) != 0)
        return complain("--link", NULL, why);
    return 0;
}

int ft_cmd_sim_arguments(int argc, char **argv, struct sim_arguments *ret)
{
    uint32_t seen = 0;

    memset(ret, 0, sizeof(*ret));
    ret->first = 1;
    ret->last = 1;
    ret->shrink_s = SIM_SHRINK_S;
    ret->options.check = true;
    for (int i = 1; i < argc; i++) {
        size_t k = 0;

        if (read_switch(argv[i], ret))
            continue;
        while (k < N_WITH_VALUE && strcmp(argv[i], with_value[k].name) != 0)
            k++;
        if (k == N_WITH_VALUE)
            return complain(argv[i], NULL, "no such option; fourtuple sim --help lists them");
        if (read_value(k, i + 1 < argc ? argv[i + 1] : NULL, &seen, ret) != 0)
            return -1;
        i++;
    }
    if (ret->options.pcap != NULL && ret->first != ret->last)
        return complain("--pcap", NULL, "is for one seed; use --seed");
    if (ret->trace != NULL && ret->first != ret->last)
        return complain("--trace", NULL, "is for one seed; use --seed");
    return check_scenario(ret);
}
