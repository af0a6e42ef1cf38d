/* SPDX-License-Identifier: MIT */
/*
 * The ring against a model that keeps each octet of the window in an array: writing in and out of
 * order, borrowing, refused memory, and exact accounting. Four octets of input are one step.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/ring.h"
#include "base/support.h"

#include "support.h"

#define WINDOW  (1u << 18) /* octets of the model, a circle */
#define COPY    40000
#define N_PINS  8
#define N_SPANS 40

struct pin {
    struct ft_chunk *chunk;
    struct ft_span span;
    uint8_t first, last; /* what it must go on saying */
};

struct model {
    struct test_heap heap;
    struct ft_mem mem;
    struct ft_chunks chunks;
    struct ft_ring ring;
    uint32_t base; /* where position 0 lies in the arrays */
    uint32_t len;
    uint64_t random;
    struct pin pins[N_PINS];
    bool held[WINDOW];
    uint8_t octets[WINDOW];
    uint8_t copy[COPY];
};

static uint32_t at(const struct model *m, uint32_t pos)
{
    return (m->base + pos) % WINDOW;
}

static void model_write(struct model *m, uint32_t off, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        m->octets[at(m, off + i)] = m->copy[i];
        m->held[at(m, off + i)] = true;
    }
}

static void fill_copy(struct model *m, uint32_t len)
{
    uint64_t word = test_random(&m->random);

    for (uint32_t i = 0; i < len; i++)
        m->copy[i] = (uint8_t)(word >> (i % 8 * 8)) ^ (uint8_t)(i >> 3);
}

/* Out-of-order octets that have become in order. */
static uint32_t in_order_from(const struct model *m, uint32_t pos, uint32_t max)
{
    uint32_t n = 0;

    while (n < max && pos + n < WINDOW && m->held[at(m, pos + n)])
        n++;
    return n;
}

static void do_write(struct model *m, uint32_t gap, uint32_t len)
{
    uint32_t off = m->len + gap;
    uint32_t n_before = ft_ring_chunks(&m->ring);

    if (off >= WINDOW)
        return;
    len = FT_MIN(len, FT_MIN((uint32_t)COPY, WINDOW - off));
    fill_copy(m, len);
    int err = gap == 0 ? ft_ring_append(&m->ring, &m->chunks, m->copy, len)
                       : ft_ring_write(&m->ring, &m->chunks, off, m->copy, len);
    must(err == 0 || err == -ENOBUFS);
    if (err) {
        must(ft_ring_chunks(&m->ring) == n_before);
        return;
    }
    model_write(m, off, len);
    if (gap == 0)
        m->len += len;
}

static void do_reserve(struct model *m, uint32_t len)
{
    struct ft_span spans[N_SPANS];
    uint32_t done = 0;

    len = FT_MIN(len, FT_MIN((uint32_t)COPY, WINDOW - m->len));
    int n = ft_ring_reserve(&m->ring, &m->chunks, m->len, len, spans, N_SPANS);
    must(n >= 0 || n == -ENOBUFS);
    if (n < 0)
        return;
    fill_copy(m, len);
    for (int i = 0; i < n; i++) {
        memcpy(spans[i].data, m->copy + done, spans[i].len);
        done += (uint32_t)spans[i].len;
    }
    must(done == len);
    model_write(m, m->len, len);
    ft_ring_extend(&m->ring, len);
    m->len += len;
}

static void do_extend(struct model *m, uint32_t max)
{
    uint32_t n = in_order_from(m, m->len, max);

    ft_ring_extend(&m->ring, n);
    m->len += n;
}

static void do_consume(struct model *m, uint32_t n)
{
    n = FT_MIN(n, m->len);
    ft_ring_consume(&m->ring, &m->chunks, n);
    for (uint32_t i = 0; i < n; i++)
        m->held[at(m, i)] = false;
    m->base = at(m, n);
    m->len -= n;
}

static void do_trim(struct model *m)
{
    ft_ring_trim(&m->ring, &m->chunks);
    for (uint32_t i = m->len; i < WINDOW; i++)
        m->held[at(m, i)] = false;
}

static uint32_t naive_sum(const uint8_t *p, size_t len)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < len; i++) {
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
        sum = (sum >> 16) + (sum & 0xffff);
    }
    return sum;
}

static void do_read(struct model *m, uint32_t off, uint32_t len, bool with_sum)
{
    uint32_t sum = 0;

    off = FT_MIN(off, m->len);
    len = FT_MIN((uint32_t)COPY, in_order_from(m, off, len));
    if (with_sum)
        ft_ring_copy_sum(&m->ring, off, m->copy, len, &sum);
    else
        ft_ring_read(&m->ring, off, m->copy, len);
    for (uint32_t i = 0; i < len; i++)
        must(m->copy[i] == m->octets[at(m, off + i)]);
    must(!with_sum || sum % 0xffff == naive_sum(m->copy, len) % 0xffff);
}

static void unpin(struct model *m, struct pin *pin)
{
    if (!pin->chunk)
        return;
    must(pin->span.data[0] == pin->first && pin->span.data[pin->span.len - 1] == pin->last);
    ft_chunk_put(&m->chunks, pin->chunk);
    pin->chunk = NULL;
}

static void do_pin(struct model *m, uint32_t off, struct pin *pin)
{
    struct ft_chunk *chunk;
    struct ft_span span;

    unpin(m, pin);
    if (off >= m->len)
        return;
    must(ft_ring_spans(&m->ring, off, m->len - off, &span, &chunk, 1) == 1);
    ft_chunk_ref(chunk);
    *pin = (struct pin){chunk, span, span.data[0], span.data[span.len - 1]};
    must(pin->first == m->octets[at(m, off)]);
}

static void check(const struct model *m)
{
    uint64_t used = ft_ring_size(&m->ring);
    uint32_t n_pins = 0;

    must(ft_ring_len(&m->ring) == m->len);
    must(m->len > 0 || m->ring.top > 0 || used == 0);
    for (unsigned i = 0; i < N_PINS; i++)
        n_pins += m->pins[i].chunk != NULL;
    must(m->chunks.n_used >= ft_ring_chunks(&m->ring));
    must(m->chunks.n_used <= ft_ring_chunks(&m->ring) + n_pins);
    must(m->chunks.n_used <= m->chunks.n_max);
    must(m->mem.used >= used && m->mem.used <= m->mem.max);
    used += m->chunks.n_free[0] * (sizeof(struct ft_chunk) + FT_CHUNK_SIZE) +
            m->chunks.n_free[1] * (sizeof(struct ft_chunk) + FT_CHUNK_SMALL);
    must(n_pins > 0 || m->mem.used == used);
}

static void step(struct model *m, const uint8_t *op)
{
    uint32_t n = (uint32_t)op[1] << (op[2] % 9);
    uint32_t off = (uint32_t)op[3] << (op[2] / 16);

    switch (op[0] % 12) {
    case 0:
    case 1:
        do_write(m, 0, n);
        break;
    case 2:
        do_write(m, off, n);
        break;
    case 3:
        do_reserve(m, n);
        break;
    case 4:
        do_extend(m, n);
        break;
    case 5:
    case 6:
        do_consume(m, op[3] % 4 ? n : m->len);
        break;
    case 7:
        do_read(m, off, n, op[0] & 128);
        break;
    case 8:
        do_pin(m, off, &m->pins[op[1] % N_PINS]);
        break;
    case 9:
        unpin(m, &m->pins[op[1] % N_PINS]);
        break;
    case 10:
        m->heap.fail_in = op[1] % 8;
        break;
    default:
        if (op[1] % 4 == 0)
            do_trim(m);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct model m;

    if (size < 2)
        return 0;
    memset(&m, 0, offsetof(struct model, pins));
    memset(m.held, 0, sizeof(m.held));
    m.mem = test_mem(&m.heap, 1u << 20);
    ft_chunks_init(&m.chunks, &m.mem, 4 + data[0] % 32, data[1] % 4);
    ft_ring_init(&m.ring, &m.chunks);
    for (size_t i = 2; i + 4 <= size; i += 4) {
        step(&m, data + i);
        check(&m);
    }
    ft_ring_fini(&m.ring, &m.chunks);
    for (unsigned i = 0; i < N_PINS; i++)
        unpin(&m, &m.pins[i]);
    ft_chunks_fini(&m.chunks);
    must(m.mem.used == 0 && m.heap.n_live == 0);
    return 0;
}
