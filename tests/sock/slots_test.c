/* SPDX-License-Identifier: MIT */
/*
 * Descriptors and their readiness: a stale one is never valid again, and no event is lost.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sock/priv.h"
#include "sock/support.h"

static int objects[64];

static void a_closed_descriptor_is_stale_for_ever(void **state)
{
    struct test_env t;
    struct ft_slots slots;
    enum ft_sock_kind kind = FT_KIND_NONE;

    (void)state;
    test_env_init(&t, 1);
    ft_slots_init(&slots, &t.env);
    ft_sock a = ft_slot_open(&slots, FT_KIND_TCB, &objects[0]);
    assert_true(a > 0);
    assert_ptr_equal(ft_slot_find(&slots, a, &kind), &objects[0]);
    assert_int_equal(kind, FT_KIND_TCB);
    ft_slot_set(&slots, ft_slot_index(a), FT_KIND_LISTENER, &objects[1]);
    assert_ptr_equal(ft_slot_find(&slots, a, &kind), &objects[1]);
    assert_int_equal(kind, FT_KIND_LISTENER);
    ft_slot_close(&slots, ft_slot_index(a));
    assert_null(ft_slot_find(&slots, a, &kind));
    ft_sock b = ft_slot_open(&slots, FT_KIND_UDP, &objects[2]);
    assert_int_equal(ft_slot_index(b), ft_slot_index(a));
    assert_true(a != b);
    assert_null(ft_slot_find(&slots, a, &kind));
    assert_null(ft_slot_find(&slots, -1, &kind));
    assert_null(ft_slot_find(&slots, INT64_MAX, &kind));
    assert_null(ft_slot_find(&slots, b + 1, &kind));
    assert_int_equal(ft_slot_sock(&slots, FT_NO_SLOT), -1);
    ft_slots_check(&slots);
    ft_slots_fini(&slots);
    assert_int_equal(t.heap.n_live, 0);
}

/* A slot whose last generation is spent is never opened again. */
static void a_spent_slot_is_retired(void **state)
{
    struct test_env t;
    struct ft_slots slots;
    enum ft_sock_kind kind;

    (void)state;
    test_env_init(&t, 1);
    ft_slots_init(&slots, &t.env);
    ft_sock a = ft_slot_open(&slots, FT_KIND_TCB, &objects[0]);
    ft_slot_close(&slots, ft_slot_index(a));
    slot_of(&slots, ft_slot_index(a))->gen = SLOT_GEN_MAX;
    ft_sock last = ft_slot_open(&slots, FT_KIND_TCB, &objects[0]);
    assert_int_equal(ft_slot_index(last), ft_slot_index(a));
    assert_true(last > 0);
    ft_slot_close(&slots, ft_slot_index(last));
    ft_slots_check(&slots);
    ft_sock other = ft_slot_open(&slots, FT_KIND_TCB, &objects[0]);
    assert_true(ft_slot_index(other) != ft_slot_index(a));
    assert_null(ft_slot_find(&slots, last, &kind));
    ft_slots_fini(&slots);
}

static void sockets_max_and_memory_bound_the_descriptors(void **state)
{
    struct test_env t;
    struct ft_slots slots;
    enum ft_sock_kind kind;
    void *obj;
    uint32_t n = 0;

    (void)state;
    test_env_init(&t, 1);
    t.env.config.limits.sockets_max = 3000;
    ft_slots_init(&slots, &t.env);
    for (uint64_t k = 1; k <= 2; k++) {
        t.heap.fail_in = k;
        assert_int_equal(ft_slot_open(&slots, FT_KIND_TCB, objects), -ENOBUFS);
    }
    t.heap.fail_in = 0;
    for (; n < 3000; n++)
        assert_true(ft_slot_open(&slots, FT_KIND_TCB, objects) > 0);
    assert_int_equal(ft_slot_open(&slots, FT_KIND_TCB, objects), -EMFILE);
    n = 0;
    for (uint32_t i = 0; ft_slot_at(&slots, i, &kind, &obj); i++)
        n += kind == FT_KIND_TCB;
    assert_int_equal(n, 3000);
    ft_slots_check(&slots);
    ft_slots_fini(&slots);
    assert_int_equal(t.heap.n_live, 0);
}

/* DESIGN.md 4: bits gather until taken, so a small n or a late caller loses nothing. */
static void events_gather_and_come_oldest_first(void **state)
{
    struct test_env t;
    struct ft_slots slots;
    struct ft_event events[4];
    ft_sock s[4];

    (void)state;
    test_env_init(&t, 1);
    ft_slots_init(&slots, &t.env);
    for (int i = 0; i < 4; i++) {
        s[i] = ft_slot_open(&slots, FT_KIND_TCB, &objects[i]);
        ft_ready_watch(&slots, ft_slot_index(s[i]), FT_READABLE | FT_RDHUP, &objects[i],
                       i == 3 ? FT_READABLE | FT_WRITABLE : 0);
    }
    ft_ready_raise(&slots, ft_slot_index(s[1]), FT_WRITABLE);
    ft_ready_raise(&slots, ft_slot_index(s[1]), FT_READABLE);
    ft_ready_raise(&slots, ft_slot_index(s[0]), FT_ERROR);
    ft_ready_raise(&slots, ft_slot_index(s[1]), FT_RDHUP | FT_HANGUP);
    ft_ready_raise(&slots, FT_NO_SLOT, FT_READABLE);
    ft_slots_check(&slots);
    assert_int_equal(ft_ready_take(&slots, events, 1), 1);
    assert_true(events[0].sock == s[3]);
    assert_int_equal(events[0].mask, FT_READABLE);
    assert_ptr_equal(events[0].user, &objects[3]);
    assert_int_equal(ft_ready_take(&slots, events, 4), 2);
    assert_true(events[0].sock == s[1]);
    assert_int_equal(events[0].mask, FT_READABLE | FT_RDHUP | FT_HANGUP);
    assert_true(events[1].sock == s[0]);
    assert_int_equal(events[1].mask, FT_ERROR);
    assert_int_equal(ft_ready_take(&slots, events, 4), 0);
    ft_slots_fini(&slots);
}

/* DESIGN.md 4: after ft_close no event with its user comes. */
static void no_event_comes_after_close_or_after_watching_ended(void **state)
{
    struct test_env t;
    struct ft_slots slots;
    struct ft_event events[4];
    ft_sock s[3];

    (void)state;
    test_env_init(&t, 1);
    ft_slots_init(&slots, &t.env);
    for (int i = 0; i < 3; i++) {
        s[i] = ft_slot_open(&slots, FT_KIND_TCB, &objects[i]);
        ft_ready_watch(&slots, ft_slot_index(s[i]), FT_READABLE, &objects[i], FT_READABLE);
    }
    ft_slot_close(&slots, ft_slot_index(s[1]));
    ft_ready_watch(&slots, ft_slot_index(s[2]), 0, &objects[2], FT_READABLE);
    assert_null(ft_slot_user(&slots, ft_slot_index(s[2])));
    ft_ready_raise(&slots, ft_slot_index(s[2]), FT_READABLE);
    s[1] = ft_slot_open(&slots, FT_KIND_TCB, &objects[5]);
    ft_ready_raise(&slots, ft_slot_index(s[1]), FT_READABLE);
    ft_slots_check(&slots);
    assert_int_equal(ft_ready_take(&slots, events, 4), 1);
    assert_true(events[0].sock == s[0]);
    ft_slots_fini(&slots);
}

static void random_calls_keep_every_invariant(void **state)
{
    struct test_env t;
    struct ft_slots slots;
    ft_sock open[64] = {0};
    uint64_t seed = 3;

    (void)state;
    test_env_init(&t, 1);
    ft_slots_init(&slots, &t.env);
    for (int step = 0; step < 20000; step++) {
        uint32_t i = (uint32_t)(test_random(&seed) % 64);
        struct ft_event events[3];

        if (!open[i])
            open[i] = ft_slot_open(&slots, FT_KIND_UDP, &objects[i]);
        switch (test_random(&seed) % 4) {
        case 0:
            ft_slot_close(&slots, ft_slot_index(open[i]));
            open[i] = 0;
            break;
        case 1:
            ft_ready_watch(&slots, ft_slot_index(open[i]), (uint32_t)test_random(&seed) & 5,
                           &objects[i], FT_WRITABLE);
            break;
        case 2:
            ft_ready_raise(&slots, ft_slot_index(open[i]), (uint32_t)test_random(&seed) & 0x201f);
            break;
        default:
            for (size_t n = ft_ready_take(&slots, events, 3); n > 0; n--) {
                enum ft_sock_kind kind;

                assert_ptr_equal(ft_slot_find(&slots, events[n - 1].sock, &kind),
                                 events[n - 1].user);
                assert_true(events[n - 1].mask != 0);
            }
        }
        ft_slots_check(&slots);
    }
    ft_slots_fini(&slots);
    assert_int_equal(t.heap.n_live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_closed_descriptor_is_stale_for_ever),
        cmocka_unit_test(a_spent_slot_is_retired),
        cmocka_unit_test(sockets_max_and_memory_bound_the_descriptors),
        cmocka_unit_test(events_gather_and_come_oldest_first),
        cmocka_unit_test(no_event_comes_after_close_or_after_watching_ended),
        cmocka_unit_test(random_calls_keep_every_invariant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
