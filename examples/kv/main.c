/* SPDX-License-Identifier: MIT */
/*
 * Runs the store in one world after the other, each drawn from its seed, until the oracle fails:
 *
 *     kv                  seeds 1 to 500, with the client's mistake
 *     kv --fixed          the same without it
 *     kv --seed N         one seed, with its story; --pcap FILE writes every packet of it
 *
 * Exit status: 0 all seeds held, 1 one failed, 2 bad arguments.
 */
#include "kv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define N_CLIENTS  3
#define N_REQUESTS 20
#define CALM_AT    (20 * FT_SEC) /* faults end */
#define DONE_BY    (60 * FT_SEC)

struct options {
    uint64_t first, last;
    bool fixed, is_one;
    const char *pcap;
    const char *name; /* of this program */
};

static const char topology[] = "host server\n"
                               "host red\n"
                               "host green\n"
                               "host blue\n"
                               "switch lan\n"
                               "link server lan delay=5ms,rate=10mbit\n"
                               "link red lan delay=10ms,jitter=5ms,loss=0.5%\n"
                               "link green lan delay=2ms,dup=1%,loss=0.5%\n"
                               "link blue lan delay=40ms,reorder=1%,loss=0.5%\n"
                               "at 20s calm\n";

/* Some seeds partition, some crash the server, most do nothing but lose a frame now and then. */
static int draw_faults(struct ft_sim *sim)
{
    uint64_t at_ms = 500 + ft_sim_draw(sim, 4000);
    uint64_t for_ms = 200 + ft_sim_draw(sim, 3000);
    char text[128] = "";

    if (ft_sim_draw(sim, 10) == 0)
        (void)snprintf(text, sizeof(text),
                       "at %" PRIu64 "ms partition server\nat %" PRIu64 "ms heal", at_ms,
                       at_ms + for_ms);
    else if (ft_sim_draw(sim, 10) == 0)
        (void)snprintf(text, sizeof(text),
                       "at %" PRIu64 "ms crash server\nat %" PRIu64 "ms restart server", at_ms,
                       at_ms + for_ms);
    return ft_sim_scenario(sim, text, NULL, 0);
}

/* The whole of an experiment. */
struct store {
    struct kv_server server;
    struct kv_client client[N_CLIENTS];
};

/* The oracle at the end: everything was answered, and the disk holds what was added. */
static void check(struct ft_sim *sim, void *ctx)
{
    struct store *store = ctx;

    for (int i = 0; i < N_CLIENTS; i++) {
        struct kv_client *c = &store->client[i];
        long total = kv_disk_get(&store->server.disk, c->key);

        if (c->n_answered != c->n_want)
            ft_sim_fail(sim, "only %ld of %ld requests for %s were answered", c->n_answered,
                        c->n_want, c->key);
        else if (total != c->sum)
            ft_sim_fail(sim, "%ld was added to %s, and the disk says %ld", c->sum, c->key, total);
    }
}

static int populate(struct ft_sim *sim, struct store *store, bool fixed)
{
    static const char *const names[N_CLIENTS] = {"red", "green", "blue"};
    struct ft_sim_host *server = ft_sim_host_find(sim, "server");
    struct ft_sim_app app = kv_server_app(&store->server);
    int error = ft_sim_app_add(server, &app);

    for (unsigned i = 0; i < N_CLIENTS && error == 0; i++) {
        store->client[i] = (struct kv_client){
            .server = server, .key = names[i], .id = i, .fixed = fixed, .n_want = N_REQUESTS};
        app = kv_client_app(&store->client[i]);
        error = ft_sim_app_add(ft_sim_host_find(sim, names[i]), &app);
    }
    return error == 0 ? ft_sim_on_end(sim, check, store) : error;
}

static void tell_failure(const struct ft_sim *sim, const struct options *options, uint64_t seed)
{
    struct ft_sim_result result;

    ft_sim_result(sim, &result);
    printf("seed %" PRIu64 ": at %" PRIu64 " ms: %s\n", seed, result.failed_at / FT_MS,
           result.sentence);
    printf("the last events:\n");
    ft_sim_print(sim, stdout, 30);
    printf("again: %s%s --seed %" PRIu64 "\n", options->name, options->fixed ? " --fixed" : "",
           seed);
}

/* Return: whether everything held; -errno. */
static int run(const struct options *options, uint64_t seed)
{
    struct store *store = calloc(1, sizeof(*store));
    struct ft_sim_config config;
    struct ft_sim *sim = NULL;
    struct ft_sim_result result;
    char why[200] = "";
    int error;

    ft_sim_config_init(&config);
    config.seed = seed;
    config.pcap = options->pcap;
    config.log = options->is_one ? stdout : NULL;
    error = store == NULL ? -ENOMEM : ft_sim_new(&config, &sim);
    if (error == 0)
        error = ft_sim_scenario(sim, topology, why, sizeof(why));
    if (error == 0)
        error = draw_faults(sim);
    if (error == 0)
        error = populate(sim, store, options->fixed);
    if (error == 0) {
        (void)ft_sim_run(sim, DONE_BY);
        (void)ft_sim_end(sim);
        ft_sim_result(sim, &result);
        if (result.failed)
            tell_failure(sim, options, seed);
        else if (options->is_one)
            printf("seed %" PRIu64 " held: %" PRIu64 " frames, trace hash %016" PRIx64 "\n", seed,
                   result.frames, result.trace_hash);
    } else if (sim == NULL && options->pcap != NULL) {
        fprintf(stderr, "kv: --pcap: %s: %s\n", options->pcap, strerror(-error));
    } else {
        fprintf(stderr, "kv: %s\n", why[0] != '\0' ? why : strerror(-error));
    }
    ft_sim_free(sim);
    free(store);
    return error != 0 ? error : !result.failed;
}

static bool read_seed(const char *text, uint64_t *ret)
{
    char *end;

    if (text == NULL || *text < '0' || *text > '9')
        return false;
    errno = 0;
    *ret = strtoull(text, &end, 10);
    return *end == '\0' && errno == 0;
}

static bool read_options(char **argv, struct options *ret)
{
    *ret = (struct options){.first = 1, .last = 500, .name = argv[0]};
    for (argv++; *argv != NULL; argv++) {
        if (strcmp(*argv, "--fixed") == 0) {
            ret->fixed = true;
        } else if (strcmp(*argv, "--seed") == 0 && read_seed(argv[1], &ret->first)) {
            ret->last = ret->first;
            ret->is_one = true;
            argv++;
        } else if (strcmp(*argv, "--pcap") == 0 && argv[1] != NULL) {
            ret->pcap = *++argv;
        } else {
            fprintf(stderr,
                    "kv: %s: not understood; usage: kv [--fixed] [--seed N [--pcap FILE]]\n",
                    *argv);
            return false;
        }
    }
    if (ret->pcap != NULL && !ret->is_one) {
        fprintf(stderr, "kv: --pcap: takes one seed; add --seed N\n");
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct options options;

    (void)argc;
    if (!read_options(argv, &options))
        return 2;
    for (uint64_t seed = options.first;; seed++) {
        int held = run(&options, seed);

        if (held <= 0)
            return held < 0 ? 2 : 1;
        if (seed == options.last)
            break; /* which may be the largest number there is */
    }
    if (!options.is_one)
        printf("seeds %" PRIu64 " to %" PRIu64 " held\n", options.first, options.last);
    return 0;
}
