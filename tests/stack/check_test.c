/* SPDX-License-Identifier: MIT */
/*
 * What ft_stack_check_changes() finds, and when: the stack is broken by hand, and checked in a
 * process of its own, which must abort.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fourtuple.h>
#include <fourtuple/malloc.h>

#include "sock/priv.h"
#include "stack/stack.h"

#define CHECKS 64 /* the last of them looks at everything */

static struct ft_stack *stack_new(void)
{
    struct ft_config config;
    struct ft_stack *stack = NULL;

    ft_config_init(&config);
    ft_config_use_malloc(&config);
    config.seed[0] = 1;
    assert_int_equal(ft_stack_new(&config, &stack), 0);
    assert_true(ft_socket(stack, AF_INET, SOCK_STREAM, 0) >= 0);
    return stack;
}

/* How many checks pass before one aborts; CHECKS: all. */
static int checks_passed(struct ft_stack *stack)
{
    int status = 0;
    int pipes[2];
    int n = 0;
    char octet = 0;
    pid_t pid;

    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct rlimit none = {0, 0};

        (void)setrlimit(RLIMIT_CORE, &none);
        (void)signal(SIGABRT, SIG_DFL);
        for (int i = 0; i < CHECKS; i++) {
            ft_stack_check_changes(stack);
            if (write(pipes[1], &octet, 1) != 1)
                _exit(1);
        }
        _exit(0);
    }
    (void)close(pipes[1]);
    while (read(pipes[0], &octet, 1) == 1)
        n++;
    (void)close(pipes[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(n == CHECKS ? WIFEXITED(status) && WEXITSTATUS(status) == 0
                            : WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    return n;
}

static void a_sound_stack_passes(void **state)
{
    struct ft_stack *stack = stack_new();

    (void)state;
    assert_int_equal(checks_passed(stack), CHECKS);
    ft_stack_free(stack);
}

static void counts_that_disagree_are_found_at_once(void **state)
{
    struct ft_stack *stack = stack_new();

    (void)state;
    stack->tcp.n_time_wait++; /* as if an entry had been forgotten */
    assert_int_equal(checks_passed(stack), 0);
    stack->tcp.n_time_wait--;
    stack->env.wheel.n_armed++; /* as if a timer lay in a slot that is said to be empty */
    assert_int_equal(checks_passed(stack), 0);
    stack->env.wheel.n_armed--;
    ft_stack_free(stack);
}

static void a_part_that_changed_is_looked_at_at_once(void **state)
{
    struct ft_stack *stack = stack_new();

    (void)state;
    ft_stack_check_changes(stack);
    slot_of(&stack->slots, stack->slots.free_head)->events = 1;
    stack->slots.n_changes++; /* as the calls that open and close do */
    assert_int_equal(checks_passed(stack), 0);
    slot_of(&stack->slots, stack->slots.free_head)->events = 0;
    ft_stack_free(stack);
}

/* A stray store tells nobody that it was made. */
static void a_part_that_says_it_did_not_change_is_looked_at_now_and_then(void **state)
{
    struct ft_stack *stack = stack_new();

    (void)state;
    ft_stack_check_changes(stack);
    slot_of(&stack->slots, stack->slots.free_head)->events = 1;
    assert_int_equal(checks_passed(stack), CHECKS - 2);
    slot_of(&stack->slots, stack->slots.free_head)->events = 0;
    ft_stack_free(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_stack_passes),
        cmocka_unit_test(counts_that_disagree_are_found_at_once),
        cmocka_unit_test(a_part_that_changed_is_looked_at_at_once),
        cmocka_unit_test(a_part_that_says_it_did_not_change_is_looked_at_now_and_then),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
