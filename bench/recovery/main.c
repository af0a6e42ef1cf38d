/* SPDX-License-Identifier: MIT */
/*
 * How well TCP fills paths: a grid of cells (cell.c), in virtual time, where the figures depend on
 * the code and the seed alone, so that the same build prints the same on any machine, or one of
 * them in real time against the kernel's TCP.
 *
 *     recovery [--quick] [--cc NAME] [--cell NAME] [--seed N]        JSON=1: one object a line
 *     recovery --list                                                the cells
 *     recovery --real --cell NAME --from ours|kernel --to ours|kernel [--shared] [--cc NAME]
 *              [--seconds S] [--seed N] [--processor N]              needs root
 *
 * Goodput is what the receivers' applications got, in Mbit/s; "used" is its share of what the
 * path can carry; "retrans" the share of octets sent again; "queue" the median and the 99th
 * percentile of what the buffer added to the round trip, in ms, in virtual time as the senders
 * measured it, in real time as the emulator did; Jain's index is over the flows.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "path.h"
#include "virtual.h"

struct options {
    const char *cc, *only, *from, *to;
    bool quick, real, shared, list;
    double seconds;
    uint64_t seed;
    unsigned processor;
};

static void usage(void)
{
    fprintf(stderr, "usage: recovery [--quick] [--cc NAME] [--cell NAME] [--seed N]\n"
                    "       recovery --list\n"
                    "       recovery --real --cell NAME --from ours|kernel --to ours|kernel "
                    "[--shared]\n"
                    "                [--cc NAME] [--seconds S] [--seed N] [--processor N]\n");
    exit(2);
}

static struct options parse(int argc, char **argv)
{
    static const struct option options[] = {{"quick", no_argument, NULL, 'q'},
                                            {"cc", required_argument, NULL, 'c'},
                                            {"cell", required_argument, NULL, 'n'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"real", no_argument, NULL, 'r'},
                                            {"from", required_argument, NULL, 'f'},
                                            {"to", required_argument, NULL, 't'},
                                            {"seconds", required_argument, NULL, 'd'},
                                            {"shared", no_argument, NULL, 'b'},
                                            {"list", no_argument, NULL, 'l'},
                                            {"processor", required_argument, NULL, 'p'},
                                            {NULL, 0, NULL, 0}};
    struct options o = {.cc = "cubic", .from = "ours", .to = "ours", .seed = 1};
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'q':
            o.quick = true;
            break;
        case 'c':
            o.cc = optarg;
            break;
        case 'n':
            o.only = optarg;
            break;
        case 's':
            o.seed = strtoull(optarg, NULL, 0);
            break;
        case 'r':
            o.real = true;
            break;
        case 'f':
            o.from = optarg;
            break;
        case 't':
            o.to = optarg;
            break;
        case 'd':
            o.seconds = strtod(optarg, NULL);
            break;
        case 'b':
            o.shared = true;
            break;
        case 'l':
            o.list = true;
            break;
        case 'p':
            o.processor = (unsigned)strtoul(optarg, NULL, 0);
            break;
        default:
            usage();
        }
    }
    if (optind < argc)
        usage();
    return o;
}

static bool is_ours(const char *word)
{
    if (strcmp(word, "ours") != 0 && strcmp(word, "kernel") != 0)
        usage();
    return strcmp(word, "ours") == 0;
}

static const struct cell *find(const char *name)
{
    const struct cell *cell = cell_find(name);

    if (cell == NULL) {
        fprintf(stderr, "recovery: no such cell: %s\n", name);
        exit(1);
    }
    return cell;
}

static void list(void)
{
    const struct cell *cell;

    for (size_t i = 0; (cell = cell_at(i)) != NULL; i++)
        printf("%s\t%u\t%u\t%u\t%.0f\t%s\n", cell->name, cell->mbit, cell->rtt_ms, cell->n_flows,
               (double)cell_span(cell) / 1e9, cell->quick ? "quick" : "");
}

static void real(const struct options *o)
{
    struct path_config config = {
        .cc = o->cc,
        .from_ours = is_ours(o->from),
        .to_ours = is_ours(o->to),
        .shared = o->shared,
        .seed = o->seed,
        .processor = o->processor,
    };

    if (o->only == NULL)
        usage();
    config.cell = find(o->only);
    config.span = o->seconds > 0 ? (ft_time)(o->seconds * 1e9) : cell_span(config.cell);
    path_measure(&config);
}

int main(int argc, char **argv)
{
    struct options o = parse(argc, argv);
    bool json = getenv("JSON") != NULL;
    const struct cell *cell;

    if (o.list) {
        list();
        return 0;
    }
    if (o.real) {
        real(&o);
        return 0;
    }
    if (!json)
        printf("%-12s %-6s %9s %7s %10s %8s %8s %7s\n", "cell", "cc", "Mbit/s", "used", "retrans",
               "queue", "p99 ms", "Jain");
    if (o.only != NULL) {
        virtual_measure(find(o.only), o.cc, o.seed, json, o.quick);
        return 0;
    }
    for (size_t i = 0; (cell = cell_at(i)) != NULL; i++) {
        if (!o.quick || cell->quick)
            virtual_measure(cell, o.cc, o.seed, json, o.quick);
    }
    return 0;
}
