/* SPDX-License-Identifier: MIT */
/*
 * Limits of any size make a stack or a refusal: none makes ft_stack_new() wrap around or hang.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <fourtuple.h>
#include <fourtuple/malloc.h>
#include <fourtuple/tune.h>

/* A table of paths that doubled until 32 bits were full never ended. */
static void path_limits_up_to_the_largest_end_in_an_answer(void **state)
{
    const uint32_t limits[] = {1, 3, 4, 8, 1u << 30, 1u << 31, UINT32_MAX - 1, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct ft_stack *stack = NULL;
        struct ft_config config;
        int error;

        ft_config_init(&config);
        ft_config_use_malloc(&config);
        config.seed[0] = 1;
        config.limits.memory_max = 16u << 20;
        config.limits.pmtu_max = limits[i];
        error = ft_stack_new(&config, &stack);
        assert_int_equal(error, limits[i] <= 8 ? 0 : -ENOMEM);
        ft_stack_free(stack);
    }
}

/* What is changed holds for sockets that come after it, and nothing changes by a mistake. */
static void a_living_stack_is_tuned(void **state)
{
    struct ft_tuning tuning;
    struct ft_config config;
    struct ft_stack *stack;
    char name[FT_CC_MAX];
    socklen_t len = sizeof(name);
    ft_sock sock;

    (void)state;
    ft_config_init(&config);
    ft_config_use_malloc(&config);
    config.seed[0] = 1;
    assert_int_equal(ft_stack_new(&config, &stack), 0);
    ft_tuning(stack, &tuning);
    memcpy(tuning.congestion, "reno", 5);
    assert_int_equal(ft_tune(stack, &tuning), 0);
    memcpy(tuning.congestion, "none", 5);
    assert_int_equal(ft_tune(stack, &tuning), -EINVAL);
    sock = ft_socket(stack, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(ft_getsockopt(stack, sock, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
    assert_string_equal(name, "reno");
    ft_stack_free(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_living_stack_is_tuned),
        cmocka_unit_test(path_limits_up_to_the_largest_end_in_an_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
