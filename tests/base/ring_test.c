/* SPDX-License-Identifier: MIT */
/*
 * The ring keeps octets in their place, holds little, and lends what it then drops.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/budget.h"
#include "base/ring.h"
#include "base/sum.h"
#include "base/support.h"

struct bed {
    struct test_heap heap;
    struct ft_mem mem;
    struct ft_chunks chunks;
    struct ft_ring ring;
    uint8_t octets[200000]; /* what is written */
    uint8_t copy[200000];
};

static struct bed bed;

static int start(void **state)
{
    uint64_t random = 13;

    (void)state;
    bed.mem = test_mem(&bed.heap, UINT64_MAX);
    ft_chunks_init(&bed.chunks, &bed.mem, 1000, 2);
    ft_ring_init(&bed.ring, &bed.chunks);
    for (size_t i = 0; i < sizeof(bed.octets); i++)
        bed.octets[i] = (uint8_t)test_random(&random);
    return 0;
}

static void finish(void)
{
    ft_ring_fini(&bed.ring, &bed.chunks);
    ft_chunks_fini(&bed.chunks);
    assert_int_equal(bed.mem.used, 0);
    assert_int_equal(bed.heap.n_live, 0);
}

static void append(uint32_t from, uint32_t len)
{
    assert_int_equal(ft_ring_append(&bed.ring, &bed.chunks, bed.octets + from, len), 0);
}

static void write_at(uint32_t off, uint32_t from, uint32_t len)
{
    assert_int_equal(ft_ring_write(&bed.ring, &bed.chunks, off, bed.octets + from, len), 0);
}

static void assert_reads(uint32_t off, uint32_t from, uint32_t len)
{
    ft_ring_read(&bed.ring, off, bed.copy, len);
    assert_memory_equal(bed.copy, bed.octets + from, len);
}

static void an_empty_ring_holds_nothing(void **state)
{
    (void)start(state);
    assert_int_equal(ft_ring_size(&bed.ring), 0);
    append(0, 0);
    assert_int_equal(ft_ring_size(&bed.ring), 0);
    append(0, 100000);
    ft_ring_consume(&bed.ring, &bed.chunks, 100000);
    assert_int_equal(ft_ring_size(&bed.ring), 0);
    assert_int_equal(ft_ring_chunks(&bed.ring), 0);
    assert_int_equal(bed.chunks.n_used, 0);
    finish();
}

static void a_few_octets_cost_a_small_chunk(void **state)
{
    (void)start(state);
    append(0, 100);
    assert_in_range(ft_ring_size(&bed.ring), FT_CHUNK_SMALL, FT_CHUNK_SMALL + 64);
    append(100, FT_CHUNK_SMALL - 100);
    assert_in_range(ft_ring_size(&bed.ring), FT_CHUNK_SMALL, FT_CHUNK_SMALL + 64);
    append(FT_CHUNK_SMALL, 1);
    assert_in_range(ft_ring_size(&bed.ring), FT_CHUNK_SIZE, FT_CHUNK_SIZE + 64);
    assert_int_equal(ft_ring_chunks(&bed.ring), 1);
    assert_reads(0, 0, FT_CHUNK_SMALL + 1);
    finish();
}

static void octets_come_out_as_they_went_in(void **state)
{
    uint32_t in = 0;
    uint32_t out = 0;
    uint64_t random = 17;

    (void)start(state);
    while (out < sizeof(bed.octets)) {
        uint32_t n = (uint32_t)(test_random(&random) % 20000);
        n = n < sizeof(bed.octets) - in ? n : (uint32_t)sizeof(bed.octets) - in;
        append(in, n);
        in += n;
        assert_int_equal(ft_ring_len(&bed.ring), in - out);
        n = (uint32_t)(test_random(&random) % 19000);
        n = n < in - out ? n : in - out;
        assert_reads(0, out, n);
        ft_ring_consume(&bed.ring, &bed.chunks, n);
        out += n;
    }
    finish();
}

static void octets_out_of_order_go_straight_to_their_place(void **state)
{
    (void)start(state);
    append(0, 1000);
    write_at(50000, 50000, 30000);
    assert_int_equal(ft_ring_len(&bed.ring), 1000);
    write_at(1000, 1000, 49000);
    ft_ring_extend(&bed.ring, 79000);
    assert_int_equal(ft_ring_len(&bed.ring), 80000);
    assert_reads(0, 0, 80000);
    finish();
}

static void what_is_out_of_order_survives_a_drained_head(void **state)
{
    (void)start(state);
    append(0, 10);
    write_at(20, 20, 10);
    ft_ring_consume(&bed.ring, &bed.chunks, 10);
    assert_int_equal(ft_ring_len(&bed.ring), 0);
    assert_int_equal(ft_ring_chunks(&bed.ring), 1);
    write_at(0, 10, 10);
    ft_ring_extend(&bed.ring, 20);
    assert_reads(0, 10, 20);
    finish();
}

static void a_far_octet_costs_one_chunk(void **state)
{
    (void)start(state);
    write_at(FT_RING_MAX - 1, 7, 1);
    assert_int_equal(ft_ring_chunks(&bed.ring), 1);
    assert_reads(FT_RING_MAX - 1, 7, 1);
    assert_int_equal(ft_ring_write(&bed.ring, &bed.chunks, FT_RING_MAX - 1, bed.octets, 2),
                     -ENOBUFS);
    assert_int_equal(ft_ring_write(&bed.ring, &bed.chunks, UINT32_MAX, bed.octets, 2), -ENOBUFS);
    ft_ring_trim(&bed.ring, &bed.chunks);
    assert_int_equal(ft_ring_size(&bed.ring), 0);
    finish();
}

static void trim_gives_back_what_lies_beyond_the_order(void **state)
{
    (void)start(state);
    append(0, 5000);
    write_at(100000, 0, 90000);
    assert_true(ft_ring_chunks(&bed.ring) > 5);
    ft_ring_trim(&bed.ring, &bed.chunks);
    assert_int_equal(ft_ring_chunks(&bed.ring), 1);
    assert_reads(0, 0, 5000);
    ft_ring_consume(&bed.ring, &bed.chunks, 5000);
    assert_int_equal(ft_ring_size(&bed.ring), 0);
    finish();
}

/* A link may still send from a chunk when its octets are acknowledged or the connection is reset.
 */
static void borrowed_octets_outlive_the_ring(void **state)
{
    struct ft_span spans[8];
    struct ft_chunk *chunks[8];

    (void)start(state);
    append(0, 60000);
    size_t n = ft_ring_spans(&bed.ring, 100, 50000, spans, chunks, 8);
    assert_int_equal(n, 4);
    for (size_t i = 0; i < n; i++)
        ft_chunk_ref(chunks[i]);
    ft_ring_consume(&bed.ring, &bed.chunks, 60000);
    append(70000, 60000);
    ft_ring_fini(&bed.ring, &bed.chunks);
    assert_int_equal(bed.chunks.n_used, n);
    uint32_t from = 100;
    for (size_t i = 0; i < n; i++) {
        assert_memory_equal(spans[i].data, bed.octets + from, spans[i].len);
        from += (uint32_t)spans[i].len;
        ft_chunk_put(&bed.chunks, chunks[i]);
    }
    assert_int_equal(from, 50100);
    finish();
}

static void borrowed_octets_outlive_the_small_chunk(void **state)
{
    struct ft_span span;
    struct ft_chunk *chunk;

    (void)start(state);
    append(0, 500);
    assert_int_equal(ft_ring_spans(&bed.ring, 0, 500, &span, &chunk, 1), 1);
    ft_chunk_ref(chunk);
    append(500, 3000);
    assert_reads(0, 0, 3500);
    assert_memory_equal(span.data, bed.octets, 500);
    ft_chunk_put(&bed.chunks, chunk);
    finish();
}

static void too_few_spans_cover_the_front(void **state)
{
    struct ft_span spans[2];

    (void)start(state);
    append(0, 60000);
    assert_int_equal(ft_ring_spans(&bed.ring, 10, 59990, spans, NULL, 2), 2);
    assert_int_equal(spans[0].len, FT_CHUNK_SIZE - 10);
    assert_int_equal(spans[1].len, FT_CHUNK_SIZE);
    finish();
}

static void reserved_room_stays_in_place(void **state)
{
    struct ft_span spans[4];

    (void)start(state);
    append(0, 100);
    int n = ft_ring_reserve(&bed.ring, &bed.chunks, 100, 20000, spans, 4);
    assert_int_equal(n, 2);
    write_at(30000, 30000, 10000);
    memcpy(spans[0].data, bed.octets + 100, spans[0].len);
    memcpy(spans[1].data, bed.octets + 100 + spans[0].len, spans[1].len);
    ft_ring_extend(&bed.ring, 20000);
    assert_reads(0, 0, 20100);
    finish();
}

/* A small chunk would be replaced when more is written, and the room with it. */
static void a_little_reserved_room_stays_in_place(void **state)
{
    struct ft_span span;

    (void)start(state);
    append(0, 100);
    assert_int_equal(ft_ring_reserve(&bed.ring, &bed.chunks, 100, 50, &span, 1), 1);
    write_at(150, 150, 9000);
    memcpy(span.data, bed.octets + 100, 50);
    ft_ring_extend(&bed.ring, 9050);
    assert_reads(0, 0, 9150);
    finish();
}

static void copying_out_sums_what_it_copies(void **state)
{
    (void)start(state);
    append(0, 60000);
    /* The head moves by one each time, so that chunks end at even and odd places of a piece. */
    for (uint32_t off = 0; off < 40000; off += 1230) {
        for (uint32_t len = 0; len < 20000; len = len * 2 + 1) {
            uint32_t sum = 1;
            ft_ring_copy_sum(&bed.ring, off, bed.copy, len, &sum);
            assert_memory_equal(bed.copy, bed.octets + off, len);
            assert_int_equal(sum, ft_sum_fold(ft_sum(bed.octets + off, len, 0)));
        }
        ft_ring_consume(&bed.ring, &bed.chunks, 1);
        memmove(bed.octets, bed.octets + 1, sizeof(bed.octets) - 1);
    }
    finish();
}

/* The n-th allocation fails, for each n: nothing is changed, and trying again works. */
static void a_refused_write_changes_nothing(void **state)
{
    for (uint64_t fail_in = 1; fail_in <= 6; fail_in++) {
        (void)start(state);
        bed.heap.fail_in = fail_in;
        int err = ft_ring_append(&bed.ring, &bed.chunks, bed.octets, 60000);
        assert_int_equal(err, fail_in <= 5 ? -ENOBUFS : 0);
        if (err) {
            assert_int_equal(ft_ring_len(&bed.ring), 0);
            assert_int_equal(ft_ring_size(&bed.ring), 0);
            assert_int_equal(bed.chunks.n_used, 0);
            append(0, 60000);
        }
        assert_reads(0, 0, 60000);
        bed.heap.fail_in = 1;
        err = ft_ring_write(&bed.ring, &bed.chunks, 100000, bed.octets, 90000);
        assert_int_equal(err, -ENOBUFS);
        assert_int_equal(ft_ring_chunks(&bed.ring), 4);
        assert_reads(0, 0, 60000);
        finish();
    }
}

static void chunks_are_limited_in_number(void **state)
{
    (void)start(state);
    bed.chunks.n_max = 3;
    assert_int_equal(ft_ring_append(&bed.ring, &bed.chunks, bed.octets, 60000), -ENOBUFS);
    append(0, 3 * FT_CHUNK_SIZE);
    assert_int_equal(ft_ring_append(&bed.ring, &bed.chunks, bed.octets, 1), -ENOBUFS);
    ft_ring_consume(&bed.ring, &bed.chunks, FT_CHUNK_SIZE);
    append(3 * FT_CHUNK_SIZE, 1);
    assert_reads(0, FT_CHUNK_SIZE, 2 * FT_CHUNK_SIZE + 1);
    finish();
}

static void spare_chunks_are_bounded_and_can_be_freed(void **state)
{
    (void)start(state);
    append(0, 150000);
    ft_ring_consume(&bed.ring, &bed.chunks, 150000);
    assert_int_equal(bed.chunks.n_free[0], 2);
    assert_true(bed.mem.used > 0);
    ft_chunks_trim(&bed.chunks);
    assert_int_equal(bed.mem.used, 0);
    finish();
}

/* At the end of the budget what is left over of others is as good as what would be made. */
/* proves: A-92 */
static void a_small_chunk_may_be_a_large_one_that_is_there(void **state)
{
    (void)start(state);
    append(0, FT_CHUNK_SIZE);
    ft_ring_consume(&bed.ring, &bed.chunks, FT_CHUNK_SIZE);
    assert_int_equal(bed.chunks.n_free[0], 1);
    bed.mem.max = bed.mem.used;
    append(0, 100);
    assert_int_equal(bed.chunks.n_free[0], 0);
    append(100, FT_CHUNK_SIZE - 100);
    assert_reads(0, 0, FT_CHUNK_SIZE);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_ring_holds_nothing),
        cmocka_unit_test(a_few_octets_cost_a_small_chunk),
        cmocka_unit_test(octets_come_out_as_they_went_in),
        cmocka_unit_test(octets_out_of_order_go_straight_to_their_place),
        cmocka_unit_test(what_is_out_of_order_survives_a_drained_head),
        cmocka_unit_test(a_far_octet_costs_one_chunk),
        cmocka_unit_test(trim_gives_back_what_lies_beyond_the_order),
        cmocka_unit_test(borrowed_octets_outlive_the_ring),
        cmocka_unit_test(borrowed_octets_outlive_the_small_chunk),
        cmocka_unit_test(too_few_spans_cover_the_front),
        cmocka_unit_test(reserved_room_stays_in_place),
        cmocka_unit_test(a_little_reserved_room_stays_in_place),
        cmocka_unit_test(copying_out_sums_what_it_copies),
        cmocka_unit_test(a_refused_write_changes_nothing),
        cmocka_unit_test(chunks_are_limited_in_number),
        cmocka_unit_test(spare_chunks_are_bounded_and_can_be_freed),
        cmocka_unit_test(a_small_chunk_may_be_a_large_one_that_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
