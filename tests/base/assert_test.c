/* SPDX-License-Identifier: MIT */
/*
 * Assertions stop the process in every build, and the common macros evaluate once.
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

#include "base/assert.h"

/* The signal that ends a child which asserts @cond; 0 when it exits. */
static int signal_of(int cond)
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        const struct rlimit none = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)signal(SIGABRT, SIG_DFL);
        ft_assert(cond == 1);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void a_false_assertion_aborts(void **state)
{
    (void)state;
    assert_int_equal(signal_of(0), SIGABRT);
    assert_int_equal(signal_of(1), 0);
}

static void min_and_max_evaluate_once_and_nest(void **state)
{
    int n = 0;

    (void)state;
    assert_int_equal(FT_MIN(++n, 5), 1);
    assert_int_equal(FT_MAX(++n, 1), 2);
    assert_int_equal(FT_MIN(4, FT_MIN(3, FT_MAX(1, 2))), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_false_assertion_aborts),
        cmocka_unit_test(min_and_max_evaluate_once_and_nest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
