/* SPDX-License-Identifier: MIT */
/*
 * Scenario text: lines of words that build a world and plan its faults. A line is read whole and
 * checked before it does anything; what it does are the public calls. The grammar stands with
 * ft_sim_scenario() in <fourtuple/sim.h>.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib_priv.h"

#define WORDS_MAX 48
#define LINE_MAX  512

enum verb { VERB_LINK, VERB_CUT, VERB_PARTITION, VERB_HEAL, VERB_CALM, VERB_CRASH, VERB_RESTART };

struct lib_action {
    struct lib_action *next;
    uint8_t verb;                /* enum verb */
    struct ft_sim_host *host[2]; /* cut, crash, restart */
    bool both;                   /* cut */
    uint32_t groups[WORDS_MAX];  /* partition: bits of hosts */
    uint32_t n_groups;
    char a[FT_SIM_NAME_MAX], b[FT_SIM_NAME_MAX];
    char impairments[LINE_MAX];
};

/* A line under the reader's eyes. */
struct line {
    struct ft_sim *sim;
    unsigned number;
    char text[LINE_MAX];
    const char *word[WORDS_MAX];
    size_t n, at; /* at: the word that is next */
    char *err;
    size_t err_len;
};

static int wrong(const struct line *line, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Return: @error, with the sentence written. */
static int wrong(const struct line *line, int error, const char *format, ...)
{
    va_list args;
    int len;

    if (line->err == NULL || line->err_len == 0)
        return error;
    len = snprintf(line->err, line->err_len, "line %u: ", line->number);
    if (len < 0 || (size_t)len >= line->err_len)
        return error;
    va_start(args, format);
    (void)vsnprintf(line->err + len, line->err_len - (size_t)len, format, args);
    va_end(args);
    return error;
}

static const char *next_word(struct line *line)
{
    return line->at < line->n ? line->word[line->at++] : NULL;
}

/* What a word is called when there is none. */
static const char *or_end(const char *word)
{
    return word == NULL ? "(end of line)" : word;
}

static int read_end(const struct line *line)
{
    if (line->at == line->n)
        return 0;
    return wrong(line, -EINVAL, "'%s' is one word too many", line->word[line->at]);
}

static int read_host(struct line *line, struct ft_sim_host **ret)
{
    const char *word = next_word(line);
    struct ft_sim_host *host = word == NULL ? NULL : ft_sim_host_find(line->sim, word);

    if (host == NULL)
        return wrong(line, -EINVAL, "'%s' is no host", or_end(word));
    *ret = host;
    return 0;
}

/* Times are written as the delay of a cable is. */
static int read_time(struct line *line, ft_time *ret)
{
    struct impair_config config = {0};
    char text[64], unheard[1];
    const char *word = next_word(line);

    if (word == NULL || strlen(word) > 40 || strchr(word, ',') != NULL)
        return wrong(line, -EINVAL, "'%s' is no time; write it as 250ms or 1.5s", or_end(word));
    (void)snprintf(text, sizeof(text), "delay=%s", word);
    if (impair_parse(text, &config, unheard, sizeof(unheard)) != 0)
        return wrong(line, -EINVAL, "'%s' is no time up to 3600s; write it as 250ms or 1.5s", word);
    if (config.delay < ft_sim_now(line->sim))
        return wrong(line, -EINVAL, "'%s' is past", word);
    *ret = config.delay;
    return 0;
}

/* ---- what builds ---- */

static int do_switch(struct line *line)
{
    const char *name = next_word(line);
    int error = name == NULL ? -EINVAL : read_end(line);

    if (name == NULL)
        return wrong(line, error, "a switch needs a name");
    if (error == 0)
        error = ft_sim_switch_add(line->sim, name);
    else
        return error;
    if (error == -EEXIST)
        return wrong(line, error, "'%s' exists already", name);
    if (error == -ENOSPC)
        return wrong(line, error, "'%s' is one switch too many", name);
    return error == 0 ? 0 : wrong(line, error, "'%s' is no name", name);
}

static int read_mtu(const struct line *line, const char *word, uint32_t *ret)
{
    char *end;
    unsigned long mtu = strtoul(word + 4, &end, 10);

    if (word[4] < '0' || word[4] > '9' || *end != '\0' || mtu < 68 || mtu > 9000)
        return wrong(line, -EINVAL, "'%s' is no number from 68 to 9000; write it as mtu=1400",
                     word);
    *ret = (uint32_t)mtu;
    return 0;
}

static int do_host(struct line *line)
{
    char addrs[LINE_MAX] = "";
    const char *name = next_word(line);
    const char *word;
    struct ft_sim_host *host;
    uint32_t mtu = 0;
    size_t len = 0;
    int error = 0;

    if (name == NULL)
        return wrong(line, -EINVAL, "a host needs a name");
    while ((word = next_word(line)) != NULL && error == 0) {
        if (strncmp(word, "mtu=", 4) == 0)
            error = read_mtu(line, word, &mtu);
        else
            len += (size_t)snprintf(addrs + len, sizeof(addrs) - len, " %s", word);
    }
    if (error != 0)
        return error;
    error = ft_sim_host_add(line->sim, name, addrs, mtu, &host);
    if (error == -EEXIST)
        return wrong(line, error, "'%s' or one of its addresses exists already", name);
    if (error == -EINVAL)
        return wrong(line, error, "'%s%s' is no name with ADDRESS/LENGTH and mtu=N", name, addrs);
    return error == 0 ? 0 : wrong(line, error, "'%s': %s", name, strerror(-error));
}

/* ---- what may happen at a time ---- */

static int read_link(struct line *line, struct lib_action *action)
{
    struct impair_config config = {0};
    const char *names[2] = {next_word(line), next_word(line)};
    const char *impairments = next_word(line);
    struct sim_end end;
    char why[256];

    for (int i = 0; i < 2; i++) {
        if (names[i] == NULL || !lib_find(line->sim, names[i], &end))
            return wrong(line, -EINVAL, "'%s' is no host or switch", or_end(names[i]));
    }
    if (impairments != NULL && impair_parse(impairments, &config, why, sizeof(why)) != 0)
        return wrong(line, -EINVAL, "%s", why);
    (void)snprintf(action->a, sizeof(action->a), "%s", names[0]);
    (void)snprintf(action->b, sizeof(action->b), "%s", names[1]);
    if (impairments != NULL)
        (void)snprintf(action->impairments, sizeof(action->impairments), "%s", impairments);
    return read_end(line);
}

static int read_cut(struct line *line, struct lib_action *action)
{
    int error = read_host(line, &action->host[0]);

    action->both = true;
    if (error == 0 && line->at < line->n && strcmp(line->word[line->at], ">") == 0) {
        action->both = false;
        line->at++;
    }
    if (error == 0)
        error = read_host(line, &action->host[1]);
    return error == 0 ? read_end(line) : error;
}

static int read_partition(struct line *line, struct lib_action *action)
{
    action->n_groups = 1;
    do {
        struct ft_sim_host *host = NULL;
        int error;

        if (line->at < line->n && strcmp(line->word[line->at], "|") == 0 &&
            action->groups[action->n_groups - 1] != 0) {
            action->n_groups++;
            line->at++;
        }
        error = read_host(line, &host);
        if (error != 0)
            return error;
        action->groups[action->n_groups - 1] |= 1U << host->index;
    } while (line->at < line->n);
    return 0;
}

static int read_one_host(struct line *line, struct lib_action *action)
{
    int error = read_host(line, &action->host[0]);

    return error == 0 ? read_end(line) : error;
}

static int read_nothing(struct line *line, struct lib_action *action)
{
    (void)action;
    return read_end(line);
}

static void part(struct ft_sim *sim, uint32_t group)
{
    struct ft_sim_host *hosts[SIM_HOSTS_MAX];
    size_t n = 0;

    for (uint32_t i = 0; i < SIM_HOSTS_MAX; i++) {
        if (group >> i & 1)
            hosts[n++] = &sim->host[i];
    }
    ft_sim_partition(sim, hosts, n);
}

static int perform(struct ft_sim *sim, const struct lib_action *action)
{
    switch ((enum verb)action->verb) {
    case VERB_LINK:
        return ft_sim_link(sim, action->a, action->b, action->impairments, NULL, 0);
    case VERB_CUT:
        ft_sim_cut_off(action->host[0], action->host[1], action->both);
        return 0;
    case VERB_PARTITION:
        for (uint32_t i = 0; i < action->n_groups; i++)
            part(sim, action->groups[i]);
        return 0;
    case VERB_HEAL:
        ft_sim_heal(sim);
        return 0;
    case VERB_CALM:
        ft_sim_calm(sim);
        return 0;
    case VERB_CRASH:
        ft_sim_crash(action->host[0]);
        return 0;
    case VERB_RESTART:
        ft_sim_restart(action->host[0]);
        return 0;
    }
    return 0;
}

static void perform_later(struct ft_sim *sim, void *ctx)
{
    const struct lib_action *action = ctx;
    int error = perform(sim, action);

    if (error != 0)
        ft_sim_fail(sim, "%s and %s cannot be linked: %s", action->a, action->b, strerror(-error));
}

void lib_free_actions(struct ft_sim *sim)
{
    while (sim->actions != NULL) {
        struct lib_action *action = sim->actions;

        sim->actions = action->next;
        free(action);
    }
}

static int plan(struct line *line, const struct lib_action *action, ft_time at)
{
    struct lib_action *kept = malloc(sizeof(*kept));
    int64_t timer;

    if (kept == NULL)
        return wrong(line, -ENOMEM, "no memory");
    *kept = *action;
    timer = ft_sim_at(line->sim, at, perform_later, kept);
    if (timer < 0) {
        free(kept);
        return wrong(line, (int)timer, "too many lines with a time");
    }
    kept->next = line->sim->actions;
    line->sim->actions = kept;
    return 0;
}

static int do_action(struct line *line, const char *verb, const ft_time *at)
{
    static const struct {
        const char *name;
        int (*read)(struct line *line, struct lib_action *action);
        enum verb verb;
    } verbs[] = {
        {"link", read_link, VERB_LINK},
        {"cut", read_cut, VERB_CUT},
        {"partition", read_partition, VERB_PARTITION},
        {"heal", read_nothing, VERB_HEAL},
        {"calm", read_nothing, VERB_CALM},
        {"crash", read_one_host, VERB_CRASH},
        {"restart", read_one_host, VERB_RESTART},
    };
    struct lib_action action = {0};
    int error;

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (verb == NULL || strcmp(verb, verbs[i].name) != 0)
            continue;
        action.verb = (uint8_t)verbs[i].verb;
        error = verbs[i].read(line, &action);
        if (error != 0)
            return error;
        if (at != NULL)
            return plan(line, &action, *at);
        error = perform(line->sim, &action);
        if (error == -EBUSY)
            return wrong(line, error, "'%s' or '%s' has a cable already", action.a, action.b);
        if (error == -ELOOP)
            return wrong(line, error, "'%s' and '%s' are joined already", action.a, action.b);
        return error == 0 ? 0 : wrong(line, error, "'%s' cannot be linked to itself", action.a);
    }
    return wrong(line, -EINVAL,
                 "'%s' is not known; a line begins with %slink, cut, partition, heal, calm, crash "
                 "or restart",
                 or_end(verb), at == NULL ? "switch, host, at TIME, " : "at TIME and ");
}

/* ---- lines ---- */

static int do_line(struct line *line)
{
    const char *verb = next_word(line);
    ft_time at;
    int error;

    if (verb == NULL)
        return 0;
    if (strcmp(verb, "switch") == 0)
        return do_switch(line);
    if (strcmp(verb, "host") == 0)
        return do_host(line);
    if (strcmp(verb, "at") != 0)
        return do_action(line, verb, NULL);
    error = read_time(line, &at);
    return error == 0 ? do_action(line, next_word(line), &at) : error;
}

static int split(struct line *line)
{
    char *rest = NULL;

    line->text[strcspn(line->text, "#")] = '\0';
    for (char *word = strtok_r(line->text, " \t\r", &rest); word != NULL;
         word = strtok_r(NULL, " \t\r", &rest)) {
        if (line->n == WORDS_MAX)
            return wrong(line, -EINVAL, "'%s' is one word too many", word);
        line->word[line->n++] = word;
    }
    return 0;
}

int ft_sim_scenario(struct ft_sim *sim, const char *text, char *ret_err, size_t err_len)
{
    unsigned number = 1;

    for (;; number++) {
        struct line line = {.sim = sim, .number = number, .err = ret_err, .err_len = err_len};
        size_t len = strcspn(text, "\n");
        int error;

        if (len >= sizeof(line.text))
            return wrong(&line, -EINVAL, "longer than %d octets", LINE_MAX - 1);
        memcpy(line.text, text, len);
        line.text[len] = '\0';
        error = split(&line);
        if (error == 0)
            error = do_line(&line);
        if (error != 0)
            return error;
        if (text[len] == '\0')
            return 0;
        text += len + 1;
    }
}
