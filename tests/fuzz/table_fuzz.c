/* SPDX-License-Identifier: MIT */
/*
 * The four-tuple table against a naive model. Two octets of input are one step: what to do, and
 * with which of 256 names, some of which differ in one field only. Memory is refused when the input
 * says so.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/addr.h"
#include "sock/sock.h"
#include "sock/support.h"

#include "support.h"

#define N_NAMES 256

struct model {
    struct test_env t;
    struct ft_table *table;
    struct ft_conn conns[2][N_NAMES]; /* two objects for each name */
    struct ft_conn *in[N_NAMES];      /* the one that is in the table, or NULL */
    uint32_t n;
};

static struct ft_conn name_of(uint32_t i)
{
    struct ft_conn conn = {
        .local = addr_v4(0x0a000001),
        .remote = addr_v4(0x0b000000 + (i & 3)),
        .local_port = (uint16_t)(80 + (i >> 2 & 3)),
        .remote_port = (uint16_t)(i >> 4),
    };

    if (i & 0x80) {
        conn.remote = (struct ft_addr){.hi = UINT64_C(0xfe80) << 48, .lo = i & 3};
        conn.ifindex = i >> 6 & 1;
    }
    return conn;
}

static void step(struct model *m, uint8_t what, uint8_t which)
{
    struct ft_conn *conn = &m->conns[what >> 7][which];
    struct ft_conn *was = m->in[which];
    int err;

    switch (what & 3) {
    case 0:
    case 1:
        m->t.heap.fail_in = what >> 2 & 7;
        err = ft_table_insert(m->table, conn);
        m->t.heap.fail_in = 0;
        must(was ? err == -EADDRINUSE : err == 0 || err == -ENOBUFS);
        if (err == 0) {
            m->in[which] = conn;
            m->n++;
        }
        break;
    case 2:
        if (was) {
            m->t.heap.fail_in = what >> 2 & 7;
            ft_table_remove(m->table, was);
            m->t.heap.fail_in = 0;
            m->in[which] = NULL;
            m->n--;
        }
        break;
    default:
        if (was) {
            ft_table_replace(m->table, was, conn);
            m->in[which] = conn;
        }
    }
    must(ft_table_find(m->table, conn) == m->in[which]);
    must(ft_table_len(m->table) == m->n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model *m = calloc(1, sizeof(*m));
    uint64_t cursor = 0;
    uint32_t n = 0;

    must(m != NULL);
    test_env_init(&m->t, size > 0 ? data[0] : 0);
    m->table = ft_table_new(&m->t.env, "fuzz");
    for (uint32_t i = 0; i < N_NAMES; i++)
        m->conns[0][i] = m->conns[1][i] = name_of(i);
    for (size_t i = 1; i + 1 < size; i += 2)
        step(m, data[i], data[i + 1]);
    ft_table_check(m->table);
    while (ft_table_next(m->table, &cursor))
        n++;
    must(n == m->n);
    ft_table_free(m->table);
    must(m->t.heap.n_live == 0);
    test_env_fini(&m->t);
    free(m);
    return 0;
}
