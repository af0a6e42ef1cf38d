/* SPDX-License-Identifier: MIT */
/*
 * The options of `fourtuple sim` that say what is left of a plan, both ways: read from the command
 * line, and printed as the command that shows a failure again.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/sim_priv.h"

bool ft_cmd_sim_number(const char *text, const char **ret_end, uint64_t *ret)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *ret = strtoull(text, &end, 10);
    *ret_end = end;
    return errno == 0;
}

/* ---- reading ---- */

/* "3,7..9" into bits; the numbers are below @n. */
static bool read_set(const char *text, uint64_t *set, uint64_t n)
{
    memset(set, 0, n / 8);
    for (;;) {
        uint64_t lo;
        uint64_t hi;

        if (!ft_cmd_sim_number(text, &text, &lo))
            return false;
        hi = lo;
        if (strncmp(text, "..", 2) == 0 && !ft_cmd_sim_number(text + 2, &text, &hi))
            return false;
        if (hi >= n || lo > hi)
            return false;
        for (uint64_t i = lo; i <= hi; i++)
            set[i / 64] |= UINT64_C(1) << (i % 64);
        if (*text == '\0')
            return true;
        if (*text++ != ',')
            return false;
    }
}

/* "none" is an empty set: of faults, that makes sense. */
static bool read_faults(const char *text, uint64_t *set)
{
    if (strcmp(text, "none") != 0)
        return read_set(text, set, SIM_CUT_FAULTS);
    memset(set, 0, SIM_CUT_FAULTS / 8);
    return true;
}

/* "c0,c2,s1": clients and servers as the plan names them. */
static bool read_hosts(const char *text, uint64_t *hosts)
{
    hosts[0] = 0;
    hosts[1] = 0;
    for (;;) {
        bool is_server = *text == 's';
        uint64_t number;

        if ((*text != 'c' && *text != 's') || !ft_cmd_sim_number(text + 1, &text, &number) ||
            number >= SIM_CUT_HOSTS)
            return false;
        hosts[is_server] |= UINT64_C(1) << number;
        if (*text == '\0')
            return hosts[0] != 0 && hosts[1] != 0;
        if (*text++ != ',')
            return false;
    }
}

static bool read_n_hosts(const char *text, uint32_t *ret)
{
    uint64_t n;

    if (!ft_cmd_sim_number(text, &text, &n) || *text != '\0' || n < 2 || n > SIM_CUT_HOSTS_MAX)
        return false;
    *ret = (uint32_t)n;
    return true;
}

static bool read_vary(const char *text, uint32_t *ret)
{
    uint64_t n;

    if (!ft_cmd_sim_number(text, &text, &n) || *text != '\0' || n < 1 || n > UINT32_MAX)
        return false;
    *ret = (uint32_t)n;
    return true;
}

/* "loss,cut": names of troubles. */
static bool read_without(const char *text, uint64_t *ret)
{
    const char *name;

    *ret = 0;
    for (;;) {
        size_t len = strcspn(text, ",");
        uint32_t i = 0;

        while ((name = ft_sim_trouble(i, NULL)) != NULL &&
               (strlen(name) != len || strncmp(name, text, len) != 0))
            i++;
        if (name == NULL)
            return false;
        *ret |= UINT64_C(1) << i;
        if (text[len] == '\0')
            return true;
        text += len + 1;
    }
}

static bool read_octets(const char *text, uint64_t *ret)
{
    static const char units[] = "kmg";
    const char *unit;
    uint64_t n;

    if (!ft_cmd_sim_number(text, &text, &n) || n == 0 || n > SIM_OCTETS_MAX)
        return false;
    if (*text != '\0') {
        unit = strchr(units, *text);
        if (unit == NULL || text[1] != '\0')
            return false;
        n <<= 10 * (unit - units + 1);
    }
    *ret = n;
    return n <= SIM_OCTETS_MAX;
}

const char *ft_cmd_sim_read_cut(const char *name, const char *value, struct sim_cut *ret)
{
    if (strcmp(name, "--only") == 0) {
        ret->only_conns = true;
        return read_set(value, ret->conns, SIM_CUT_CONNS)
                   ? NULL
                   : "are no numbers of conversations; write 3,7..9, as --plan numbers them";
    }
    if (strcmp(name, "--faults") == 0) {
        ret->only_faults = true;
        return read_faults(value, ret->faults)
                   ? NULL
                   : "are no numbers of faults; write 0,4..6, as --plan numbers them, or none";
    }
    if (strcmp(name, "--hosts") == 0 && *value >= '0' && *value <= '9')
        return read_n_hosts(value, &ret->n_hosts) ? NULL : "is no number of hosts from 2 to 16";
    if (strcmp(name, "--hosts") == 0) {
        ret->only_hosts = true;
        return read_hosts(value, ret->hosts) ? NULL
                                             : "are no hosts; give a number, or name clients and "
                                               "servers as --plan does: c0,c2,s1";
    }
    if (strcmp(name, "--vary") == 0)
        return read_vary(value, &ret->vary) ? NULL : "is no number from 1 to 4294967295";
    if (strcmp(name, "--without") == 0)
        return read_without(value, &ret->without)
                   ? NULL
                   : "cannot be taken out; fourtuple sim --list says what can";
    return read_octets(value, &ret->octets) ? NULL
                                            : "is no number of octets up to 1g; write 300, 64k, 5m";
}

/* ---- printing ---- */

static void print_set(FILE *out, const char *option, const uint64_t *set, uint32_t n)
{
    const char *before = "";

    fprintf(out, " %s ", option);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t first = i;

        if (!sim_bit(set, i))
            continue;
        while (i + 1 < n && sim_bit(set, i + 1))
            i++;
        fprintf(out, "%s%" PRIu32, before, first);
        if (i > first)
            fprintf(out, "..%" PRIu32, i);
        before = ",";
    }
    fprintf(out, "%s", *before == '\0' ? "none" : "");
}

static void print_hosts(FILE *out, const uint64_t *hosts)
{
    const char *before = " --hosts ";

    for (uint32_t k = 0; k < 2; k++) {
        for (uint32_t i = 0; i < SIM_CUT_HOSTS; i++) {
            if (!sim_bit(&hosts[k], i))
                continue;
            fprintf(out, "%s%c%" PRIu32, before, k == 0 ? 'c' : 's', i);
            before = ",";
        }
    }
}

void ft_cmd_sim_print_cut(const struct sim_cut *cut, FILE *out)
{
    const char *before = " --without ";
    const char *name;

    if (cut->n_hosts != 0)
        fprintf(out, " --hosts %" PRIu32, cut->n_hosts);
    if (cut->only_hosts)
        print_hosts(out, cut->hosts);
    if (cut->only_conns)
        print_set(out, "--only", cut->conns, SIM_CUT_CONNS);
    if (cut->only_faults)
        print_set(out, "--faults", cut->faults, SIM_CUT_FAULTS);
    for (uint32_t i = 0; (name = ft_sim_trouble(i, NULL)) != NULL; i++) {
        if (!sim_bit(&cut->without, i))
            continue;
        fprintf(out, "%s%s", before, name);
        before = ",";
    }
    if (cut->vary != 0)
        fprintf(out, " --vary %" PRIu32, cut->vary);
    if (cut->octets != 0)
        fprintf(out, " --octets %" PRIu64, cut->octets);
}
