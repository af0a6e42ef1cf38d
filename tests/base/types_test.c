/* SPDX-License-Identifier: MIT */
/*
 * The public scalar types keep the sizes and meanings that the interface promises.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fourtuple/types.h>

/* DESIGN: a descriptor is negative for an error, else 32 bits of index, 31 of generation. */
static void socket_descriptor_is_signed_and_64_bits(void **state)
{
    (void)state;
    assert_int_equal(sizeof(ft_sock), 8);
    assert_true((ft_sock)-1 < 0);
}

static void time_is_in_nanoseconds_and_never_is_the_last_instant(void **state)
{
    (void)state;
    assert_true(FT_SEC == 1000 * FT_MS);
    assert_true(FT_MS == 1000 * FT_US);
    assert_true((ft_time)(FT_TIME_NEVER + 1) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(socket_descriptor_is_signed_and_64_bits),
        cmocka_unit_test(time_is_in_nanoseconds_and_never_is_the_last_instant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
