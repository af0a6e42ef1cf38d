/* SPDX-License-Identifier: MIT */
/*
 * What is printed at the end of shrinking: the command names just what is left, and typed again it
 * means the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/sim_priv.h"

/* Fails with client 2, server 1, conversations 4, 5 and 40, fault 9, loss, and 700 octets. */
static bool fails(void *context, uint64_t seed, const struct sim_cut *cut, struct sim_result *ret)
{
    (void)context;
    memset(ret, 0, sizeof(*ret));
    ret->blamed = -1;
    return seed == 54 && sim_bit(&cut->hosts[0], 2) && sim_bit(&cut->hosts[1], 1) &&
           (cut->conns[0] & UINT64_C(0x10000000030)) == UINT64_C(0x10000000030) &&
           sim_bit(cut->faults, 9) && (cut->without & 1) == 0 &&
           (cut->octets == 0 || cut->octets >= 700);
}

static void read_option(const char *name, const char *value, struct sim_cut *ret)
{
    assert_null(ft_cmd_sim_read_cut(name, value, ret));
}

static void the_command_names_just_what_is_left(void **state)
{
    static const char begin[] = "fourtuple sim --seed 54 --hosts c2,s1 --only 4..5,40 --faults 9 "
                                "--without dup,reorder,";
    static const char end[] = ",zero-copy --octets 700";
    struct sim_shrink s = {.fails = fails, .seed = 54, .result = {.blamed = -1}};
    struct sim_arguments args = {0};
    struct sim_cut again = {0};
    char line[1024] = "";
    char *without;
    FILE *out = fmemopen(line, sizeof(line), "w");

    (void)state;
    assert_non_null(out);
    read_option("--hosts", "c0,c1,c2,c3,s0,s1", &s.cut);
    read_option("--only", "0..99", &s.cut);
    read_option("--faults", "0..30", &s.cut);
    ft_sim_shrink(&s);
    args.options.cut = s.cut;
    ft_cmd_sim_print_command(s.seed, &args, out);
    assert_int_equal(fclose(out), 0);
    assert_memory_equal(line, begin, strlen(begin));
    assert_string_equal(line + strlen(line) - strlen(end), end);

    without = strstr(line, "--without ") + strlen("--without ");
    *strchr(without, ' ') = '\0';
    read_option("--hosts", "c2,s1", &again);
    read_option("--only", "4..5,40", &again);
    read_option("--faults", "9", &again);
    read_option("--without", without, &again);
    read_option("--octets", "700", &again);
    assert_memory_equal(&again, &s.cut, sizeof(again));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_command_names_just_what_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
