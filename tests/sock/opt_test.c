/* SPDX-License-Identifier: MIT */
/*
 * Option values keep Linux's length rules: longer is allowed when setting, reading is cut to the
 * room.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sock/opt.h"

static void a_longer_value_is_taken_and_a_shorter_one_refused(void **state)
{
    int in[2] = {0x01020304, 7}, out = 0;
    unsigned char octet = 200;

    (void)state;
    assert_int_equal(ft_opt_get_int(in, sizeof(in), &out), 0);
    assert_int_equal(out, 0x01020304);
    assert_int_equal(ft_opt_get_int(in, 3, &out), -EINVAL);
    assert_int_equal(ft_opt_get_int(NULL, 4, &out), -EFAULT);
    assert_int_equal(ft_opt_get_int(in, (socklen_t)-4, &out), -EINVAL);
    assert_int_equal(ft_opt_get_small(&octet, 1, &out), 0);
    assert_int_equal(out, 200);
    assert_int_equal(ft_opt_get_small(&octet, 0, &out), -EINVAL);
}

static void an_answer_is_cut_to_the_room(void **state)
{
    unsigned char room[8];
    socklen_t len = sizeof(room);
    int v = 0;

    (void)state;
    assert_int_equal(ft_opt_put_int(room, &len, 1234567), 0);
    assert_int_equal(len, sizeof(int));
    memcpy(&v, room, sizeof(v));
    assert_int_equal(v, 1234567);
    len = 2;
    memset(room, 0xee, sizeof(room));
    assert_int_equal(ft_opt_put_int(room, &len, -1), 0);
    assert_int_equal(len, 2);
    assert_int_equal(room[2], 0xee);
    len = 0;
    assert_int_equal(ft_opt_put_int(NULL, &len, 5), 0);
    len = (socklen_t)-1;
    assert_int_equal(ft_opt_put_int(room, &len, 5), -EINVAL);
    assert_int_equal(ft_opt_put_int(room, NULL, 5), -EFAULT);
}

static void a_small_answer_fits_one_octet(void **state)
{
    unsigned char room[4] = {0, 0xee, 0xee, 0xee};
    socklen_t len = 2;

    (void)state;
    assert_int_equal(ft_opt_put_small(room, &len, 255), 0);
    assert_int_equal(len, 1);
    assert_int_equal(room[0], 255);
    len = 2;
    assert_int_equal(ft_opt_put_small(room, &len, 256), 0);
    assert_int_equal(len, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_longer_value_is_taken_and_a_shorter_one_refused),
        cmocka_unit_test(an_answer_is_cut_to_the_room),
        cmocka_unit_test(a_small_answer_fits_one_octet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
