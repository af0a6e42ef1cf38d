/* SPDX-License-Identifier: MIT */
/*
 * Shrinking: from a seed that fails to the smallest part of its world that fails in the same way.
 * A part is tried by running it, each in a process of its own, so that a core that has gone wrong
 * takes nothing else with it. What can be left out is left out in halves, then quarters, and so on
 * down to one by one, until nothing more can go or time is up. A failure that needs more than two
 * hosts or conversations in its own world is looked for in small worlds of other seeds.
 */
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/sim_priv.h"

#define TRY_S         10 /* seconds of real time that a try may take */
#define SMALL_HOSTS   2  /* what people can look at */
#define SMALL_CONNS   2
#define OTHER_SEEDS   4000 /* that are searched for a small world with the same failure */
#define VARIATIONS    100  /* of one conversation by itself */
#define FIRST_SHARE   2    /* of the time: one half for the seed's own world */
#define OCTET_STEPS   12   /* of the search for the smallest number of octets */
#define ORACLE_MAX    SIM_SENTENCE_MAX
#define UNLIMITED_LOG 31

struct shrink {
    const struct sim_arguments *args;
    FILE *err;
    char oracle[ORACLE_MAX]; /* the sentence without what differs from run to run */
    struct timespec began;
    uint64_t until_ms;
    uint32_t tries;

    /* the smallest so far */
    uint64_t seed;
    struct sim_cut cut;
    struct sim_result result;
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

/* Try a part; if it fails in the same way it is the smallest so far. */
static bool try_part(struct shrink *s, uint64_t seed, const struct sim_cut *cut)
{
    struct sim_options options = s->args->options;
    struct sim_result result;
    char oracle[ORACLE_MAX];

    if (time_is_up(s))
        return false;
    options.seed = seed;
    options.cut = *cut;
    options.pcap = NULL;
    options.trace = NULL;
    s->tries++;
    if (!run_part(&options, &result) || !result.failed)
        return false;
    ft_cmd_sim_oracle(result.sentence, oracle, sizeof(oracle));
    if (strcmp(oracle, s->oracle) != 0)
        return false;
    s->seed = seed;
    s->cut = *cut;
    s->result = result;
    return true;
}

/* ---- sets: what is left of hosts, conversations, faults ---- */

static uint32_t count(const uint64_t *set, uint32_t n)
{
    uint32_t members = 0;

    for (uint32_t i = 0; i < n; i++)
        members += sim_bit(set, i) ? 1 : 0;
    return members;
}

/* Take @size members out of a set, from member @first on. */
static void take_out(uint64_t *set, uint32_t n, uint32_t first, uint32_t size)
{
    uint32_t member = 0;

    for (uint32_t i = 0; i < n; i++) {
        if (!sim_bit(set, i))
            continue;
        if (member >= first && member < first + size)
            set[i / 64] &= ~(UINT64_C(1) << (i % 64));
        member++;
    }
}

/*
 * Leave out of a set what can be left out.
 *
 * @at:    offset of the set in struct sim_cut
 * @n:     bits of it
 * @least: members that must stay
 */
static bool shrink_set(struct shrink *s, size_t at, uint32_t n, uint32_t least)
{
    const uint64_t *set = (const uint64_t *)((const char *)&s->cut + at);
    uint32_t size = count(set, n) - (least < count(set, n) ? least : count(set, n));
    bool smaller = false;

    for (; size > 0; size = size > 1 ? (size + 1) / 2 : 0) {
        uint32_t first = 0;

        while (first < count(set, n) && count(set, n) >= least + size && !time_is_up(s)) {
            struct sim_cut cut = s->cut;

            take_out((uint64_t *)((char *)&cut + at), n, first, size);
            if (try_part(s, s->seed, &cut))
                smaller = true;
            else
                first += size;
        }
    }
    return smaller;
}

/* The one that is blamed, by itself. Which frames are lost may have to change then: others shared
   the cables with it. */
static bool shrink_conns(struct shrink *s)
{
    struct sim_cut cut = s->cut;

    if (s->result.blamed >= 0 && s->result.n_conns > 1) {
        memset(cut.conns, 0, sizeof(cut.conns));
        cut.conns[s->result.blamed / 64] |= UINT64_C(1) << (s->result.blamed % 64);
        for (uint32_t i = 0; i < VARIATIONS; i++) {
            if (try_part(s, s->seed, &cut))
                return true;
            cut.vary++;
        }
    }
    return shrink_set(s, offsetof(struct sim_cut, conns), SIM_CUT_CONNS, 1);
}

static bool shrink_hosts(struct shrink *s)
{
    bool smaller = shrink_set(s, offsetof(struct sim_cut, hosts[0]), SIM_CUT_HOSTS, 1);

    return shrink_set(s, offsetof(struct sim_cut, hosts[1]), SIM_CUT_HOSTS, 1) || smaller;
}

/* ---- troubles and octets ---- */

static bool shrink_troubles(struct shrink *s)
{
    struct sim_cut cut = s->cut;
    bool smaller = false;

    cut.without = 0;
    for (uint32_t i = 0; ft_sim_trouble(i, NULL) != NULL; i++)
        cut.without |= UINT64_C(1) << i;
    if (cut.without == s->cut.without)
        return false;
    if (try_part(s, s->seed, &cut))
        return true;
    for (uint32_t i = 0; ft_sim_trouble(i, NULL) != NULL; i++) {
        if (s->cut.without >> i & 1)
            continue;
        cut = s->cut;
        cut.without |= UINT64_C(1) << i;
        smaller = try_part(s, s->seed, &cut) || smaller;
    }
    return smaller;
}

/* The smallest power of two that is enough, then by halves towards the one that is not. */
static bool shrink_octets(struct shrink *s)
{
    uint64_t enough = s->cut.octets != 0 ? s->cut.octets : UINT64_C(1) << UNLIMITED_LOG;
    uint64_t before = enough;
    uint64_t too_few = 0;
    struct sim_cut cut = s->cut;

    for (uint64_t octets = 1; octets < enough && !time_is_up(s); octets *= 2) {
        cut.octets = octets;
        if (try_part(s, s->seed, &cut))
            enough = octets;
        else
            too_few = octets;
    }
    for (int i = 0; i < OCTET_STEPS && s->cut.octets != 0 && enough - too_few > 1; i++) {
        cut.octets = too_few + (enough - too_few) / 2;
        if (try_part(s, s->seed, &cut))
            enough = cut.octets;
        else
            too_few = cut.octets;
    }
    return enough < before;
}

/* ---- the whole ---- */

static bool is_small(const struct shrink *s)
{
    return s->result.n_hosts <= SMALL_HOSTS && s->result.n_conns <= SMALL_CONNS;
}

static void shrink_world(struct shrink *s)
{
    bool smaller;

    do {
        smaller = shrink_conns(s);
        smaller = shrink_hosts(s) || smaller;
        smaller = shrink_set(s, offsetof(struct sim_cut, faults), SIM_CUT_FAULTS, 0) || smaller;
        smaller = shrink_troubles(s) || smaller;
        smaller = shrink_octets(s) || smaller;
    } while (smaller && !time_is_up(s));
}

/* Two hosts, and one or two of their conversations, of any other seed. */
static bool search_other_seeds(struct shrink *s)
{
    struct sim_cut cut = {.only_hosts = true, .hosts = {1, 1}, .only_conns = true};

    for (uint64_t seed = 1; seed <= OTHER_SEEDS && !time_is_up(s); seed++) {
        cut.conns[0] = seed % 2 == 0 ? 3 : 1;
        if (try_part(s, seed, &cut))
            return true;
    }
    return false;
}

/* From now on the cut names all that is left, so that something can be taken out. */
static bool name_all(struct shrink *s)
{
    struct sim_options options = s->args->options;
    struct sim_world *world;
    struct sim_cut left;

    options.seed = s->seed;
    options.cut = s->cut;
    options.pcap = NULL;
    options.trace = NULL;
    world = ft_sim_world_new(&options);
    if (world == NULL)
        return false;
    ft_sim_what_is_left(world, &left);
    ft_sim_world_free(world);
    left.without = s->cut.without;
    left.octets = s->cut.octets;
    left.n_hosts = s->cut.n_hosts;
    left.vary = s->cut.vary;
    s->cut = left;
    return true;
}

static void tell(const struct shrink *s)
{
    struct sim_arguments args = *s->args;

    args.options.cut = s->cut;
    fprintf(s->err,
            "shrunk:  %u hosts, %u conversation%s, %" PRIu64 " packets, after %u tries in %" PRIu64
            " s; at %" PRIu64 ".%06" PRIu64 " s: %s\n",
            s->result.n_hosts, s->result.n_conns, s->result.n_conns == 1 ? "" : "s",
            s->result.packets, s->tries, elapsed_ms(s) / 1000, s->result.failed_at / FT_SEC,
            s->result.failed_at % FT_SEC / FT_US, s->result.sentence);
    fprintf(s->err, "again:   ");
    ft_cmd_sim_print_command(s->seed, &args, s->err);
    fprintf(s->err, "\n");
}

void ft_cmd_sim_shrink(uint64_t seed, const struct sim_arguments *args,
                       const struct sim_result *result, FILE *err)
{
    struct shrink s = {.args = args, .err = err, .seed = seed, .result = *result};

    s.cut = args->options.cut;
    (void)clock_gettime(CLOCK_MONOTONIC, &s.began);
    ft_cmd_sim_oracle(result->sentence, s.oracle, sizeof(s.oracle));
    if (!name_all(&s))
        return;
    s.until_ms = args->shrink_s * 1000 / FIRST_SHARE;
    shrink_world(&s);
    s.until_ms = args->shrink_s * 1000;
    if (is_small(&s)) {
        shrink_world(&s);
    } else if (search_other_seeds(&s) && name_all(&s)) {
        shrink_world(&s);
    }
    tell(&s);
}
