/* SPDX-License-Identifier: MIT */
/*
 * Shrinking: from a seed that fails to the smallest part of its world that fails in the same way.
 * A part is tried by running it, each in a process of its own, so that a core that has gone wrong
 * takes nothing else with it, until nothing more can go or time is up; which part is tried next is
 * for the search (sim/shrink.c) to say. A failure that needs more than two hosts or conversations
 * in its own world is looked for in small worlds of other seeds.
 */
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/sim_priv.h"

#define TRY_S       10 /* seconds of real time that a try may take */
#define SMALL_HOSTS 2  /* what people can look at */
#define SMALL_CONNS 2
#define FIRST_SHARE 2 /* of the time: one half for the seed's own world */
#define ORACLE_MAX  SIM_SENTENCE_MAX

struct shrink {
    const struct sim_arguments *args;
    FILE *err;
    char oracle[ORACLE_MAX]; /* the sentence without what differs from run to run */
    struct timespec began;
    uint64_t until_ms;
    uint32_t tries;
    struct sim_shrink search;
};

static uint64_t elapsed_ms(const struct shrink *s)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)((now.tv_sec - s->began.tv_sec) * 1000 +
                      (now.tv_nsec - s->began.tv_nsec) / 1000000);
}

static bool time_is_up(const struct shrink *s)
{
    return ft_cmd_sim_interrupted() || elapsed_ms(s) >= s->until_ms;
}

/* ---- which oracle it was ---- */

/* A word of a sentence that only says who it was. */
static bool names_an_end(const char *word, size_t len)
{
    return (len == 6 && (strncmp(word, "client", 6) == 0 || strncmp(word, "server", 6) == 0)) ||
           (len > 1 && (*word == 'c' || *word == 's') && strspn(word + 1, "0123456789") + 1 == len);
}

void ft_cmd_sim_oracle(const char *sentence, char *ret, size_t room)
{
    size_t n = 0;

    while (*sentence != '\0' && n + 1 < room) {
        size_t len = strspn(sentence, "abcdefghijklmnopqrstuvwxyz0123456789");

        if (len == 0) {
            ret[n++] = *sentence++;
        } else if (names_an_end(sentence, len)) {
            ret[n++] = '@';
            sentence += len;
        } else if (strspn(sentence, "0123456789") > 0) {
            ret[n++] = '#';
            sentence += len;
        } else {
            for (; len > 0 && n + 1 < room; len--)
                ret[n++] = *sentence++;
        }
    }
    ret[n] = '\0';
}

/* ---- a try ---- */

static void run_in_child(int fd, const struct sim_options *options)
{
    struct sim_result result;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (ft_cmd_sim_try(options, TRY_S, &result) &&
        write(fd, &result, sizeof(result)) == (ssize_t)sizeof(result))
        _exit(0);
    _exit(1);
}

/* Run a part. Return: whether it could be run at all. */
static bool run_part(const struct sim_options *options, struct sim_result *ret)
{
    int fds[2];
    ssize_t n;
    pid_t pid;

    if (pipe(fds) != 0)
        return false;
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        (void)close(fds[0]);
        run_in_child(fds[1], options);
    }
    (void)close(fds[1]);
    do
        n = read(fds[0], ret, sizeof(*ret));
    while (n < 0 && !ft_cmd_sim_interrupted());
    (void)close(fds[0]);
    if (pid > 0 && n != (ssize_t)sizeof(*ret))
        (void)kill(pid, SIGKILL);
    if (pid > 0)
        (void)waitpid(pid, NULL, 0);
    return n == (ssize_t)sizeof(*ret);
}

/* For the search: whether a part fails in the same way; no part does once time is up. */
static bool try_part(void *context, uint64_t seed, const struct sim_cut *cut,
                     struct sim_result *ret)
{
    struct shrink *s = context;
    struct sim_options options = s->args->options;
    char oracle[ORACLE_MAX];

    if (time_is_up(s))
        return false;
    options.seed = seed;
    options.cut = *cut;
    options.pcap = NULL;
    options.trace = NULL;
    s->tries++;
    if (!run_part(&options, ret) || !ret->failed)
        return false;
    ft_cmd_sim_oracle(ret->sentence, oracle, sizeof(oracle));
    return strcmp(oracle, s->oracle) == 0;
}

/* ---- the whole ---- */

static bool is_small(const struct shrink *s)
{
    return s->search.result.n_hosts <= SMALL_HOSTS && s->search.result.n_conns <= SMALL_CONNS;
}

/* From now on the cut names all that is left, so that something can be taken out. */
static bool name_all(struct shrink *s)
{
    struct sim_options options = s->args->options;
    struct sim_world *world;
    struct sim_cut left;

    options.seed = s->search.seed;
    options.cut = s->search.cut;
    options.pcap = NULL;
    options.trace = NULL;
    world = ft_sim_world_new(&options);
    if (world == NULL)
        return false;
    ft_sim_what_is_left(world, &left);
    ft_sim_world_free(world);
    left.without = s->search.cut.without;
    left.octets = s->search.cut.octets;
    left.n_hosts = s->search.cut.n_hosts;
    left.vary = s->search.cut.vary;
    s->search.cut = left;
    return true;
}

static void tell(const struct shrink *s)
{
    struct sim_arguments args = *s->args;

    args.options.cut = s->search.cut;
    fprintf(s->err,
            "shrunk:  %u hosts, %u conversation%s, %" PRIu64 " packets, after %u tries in %" PRIu64
            " s; at %" PRIu64 ".%06" PRIu64 " s: %s\n",
            s->search.result.n_hosts, s->search.result.n_conns,
            s->search.result.n_conns == 1 ? "" : "s", s->search.result.packets, s->tries,
            elapsed_ms(s) / 1000, s->search.result.failed_at / FT_SEC,
            s->search.result.failed_at % FT_SEC / FT_US, s->search.result.sentence);
    fprintf(s->err, "again:   ");
    ft_cmd_sim_print_command(s->search.seed, &args, s->err);
    fprintf(s->err, "\n");
}

void ft_cmd_sim_shrink(uint64_t seed, const struct sim_arguments *args,
                       const struct sim_result *result, FILE *err)
{
    struct shrink s = {.args = args, .err = err};

    s.search = (struct sim_shrink){.fails = try_part,
                                   .context = &s,
                                   .seed = seed,
                                   .cut = args->options.cut,
                                   .result = *result};
    (void)clock_gettime(CLOCK_MONOTONIC, &s.began);
    ft_cmd_sim_oracle(result->sentence, s.oracle, sizeof(s.oracle));
    if (!name_all(&s))
        return;
    s.until_ms = args->shrink_s * 1000 / FIRST_SHARE;
    ft_sim_shrink(&s.search);
    s.until_ms = args->shrink_s * 1000;
    if (is_small(&s)) {
        ft_sim_shrink(&s.search);
    } else if (ft_sim_shrink_elsewhere(&s.search) && name_all(&s)) {
        ft_sim_shrink(&s.search);
    }
    tell(&s);
}
