/* SPDX-License-Identifier: MIT */
/*
 * Sets of ranges against a model with one entry an octet. Four octets of input are one step.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/ranges.h"

#include "support.h"

#define N_OCTETS 512

struct model {
    struct ft_range storage[FT_RANGES_MAX];
    struct ft_ranges set;
    uint32_t stamp[N_OCTETS + 1]; /* 0: not in the set; else when its range was last added to */
    uint32_t clock;
    ft_seq base;
};

static ft_seq seq_at(const struct model *m, unsigned i)
{
    return seq_add(m->base, i);
}

static unsigned count_runs(const uint32_t *stamp)
{
    unsigned n = 0;

    for (unsigned i = 0; i < N_OCTETS; i++)
        n += stamp[i] && (i == 0 || !stamp[i - 1]);
    return n;
}

static void add(struct model *m, unsigned lo, unsigned hi)
{
    uint32_t after[N_OCTETS + 1];
    int added = 0;

    memcpy(after, m->stamp, sizeof(after));
    for (unsigned i = lo; i < hi; i++) {
        added += !after[i];
        after[i] = 1;
    }
    bool fits = count_runs(after) <= m->set.cap;
    must(ft_ranges_fits(&m->set, seq_at(m, lo), seq_at(m, hi)) == fits);
    must(ft_ranges_add(&m->set, seq_at(m, lo), seq_at(m, hi)) == (fits ? added : -ENOBUFS));
    if (!fits)
        return;
    m->clock++;
    memcpy(m->stamp, after, sizeof(after));
    for (; lo > 0 && m->stamp[lo - 1]; lo--) {
        /* To the start of the run. */
    }
    for (; m->stamp[lo]; lo++)
        m->stamp[lo] = m->clock;
}

static void check_queries(const struct model *m, unsigned lo, unsigned hi)
{
    struct ft_range gap;
    unsigned first = lo;
    unsigned last;

    while (first < hi && m->stamp[first])
        first++;
    for (last = first; last < hi && !m->stamp[last]; last++) {
        /* To the end of the gap. */
    }
    must((ft_ranges_find(&m->set, seq_at(m, lo)) != NULL) == (m->stamp[lo] != 0));
    bool found = ft_ranges_gap(&m->set, seq_at(m, lo), seq_at(m, hi), &gap);
    must(found == (first < hi));
    if (found)
        must(seq_eq(gap.lo, seq_at(m, first)) && seq_eq(gap.hi, seq_at(m, last)));
}

/* The k-th youngest run of the model, by its first octet; N_OCTETS when there is none. */
static unsigned model_recent(const struct model *m, unsigned k)
{
    for (unsigned i = 0; i < N_OCTETS; i++) {
        unsigned n_younger = 0;
        if (!m->stamp[i] || (i > 0 && m->stamp[i - 1]))
            continue;
        for (unsigned j = 0; j < N_OCTETS; j++)
            n_younger += m->stamp[j] > m->stamp[i] && (j == 0 || !m->stamp[j - 1]);
        if (n_younger == k)
            return i;
    }
    return N_OCTETS;
}

static void check(const struct model *m)
{
    unsigned n = 0;
    uint32_t n_octets = 0;

    for (unsigned i = 0; i < N_OCTETS; i++) {
        n_octets += m->stamp[i] != 0;
        if (m->stamp[i] && (i == 0 || !m->stamp[i - 1])) {
            must(n < m->set.n && seq_eq(m->set.r[n].lo, seq_at(m, i)));
            n++;
        }
        if (m->stamp[i] && !m->stamp[i + 1])
            must(seq_eq(m->set.r[n - 1].hi, seq_at(m, i + 1)));
    }
    must(n == m->set.n && n_octets == ft_ranges_octets(&m->set));
    must(ft_ranges_first(&m->set) == (n ? m->set.r : NULL));
    for (unsigned k = 0; k < 5; k++) {
        unsigned i = model_recent(m, k);
        const struct ft_range *r = ft_ranges_recent(&m->set, k);
        must((r != NULL) == (i < N_OCTETS));
        must(!r || seq_eq(r->lo, seq_at(m, i)));
    }
}

static void step(struct model *m, const uint8_t *op)
{
    unsigned lo = (op[1] | (op[0] >> 7 & 1u) << 8) % N_OCTETS;
    unsigned len = 1 + (op[0] & 8 ? op[2] % 8 : op[2]);
    unsigned hi = FT_MIN(lo + len, (unsigned)N_OCTETS);

    switch (op[0] % 8) {
    case 0:
        if (op[2] % 4 == 0) {
            ft_ranges_remove_below(&m->set, seq_at(m, lo));
            memset(m->stamp, 0, lo * sizeof(m->stamp[0]));
        }
        break;
    case 1:
        if (op[2] % 64 == 0) {
            ft_ranges_init(&m->set, m->set.r, m->set.cap);
            memset(m->stamp, 0, sizeof(m->stamp));
        }
        break;
    case 2:
    case 3:
        check_queries(m, lo, hi);
        break;
    default:
        add(m, lo, hi);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model m = {.clock = 0};

    if (size < 2)
        return 0;
    ft_ranges_init(&m.set, m.storage, (uint16_t)(1 + data[0] % FT_RANGES_MAX));
    m.base = seq_make((uint32_t)0 - data[1] * 2u);
    for (size_t at = 2; at + 3 <= size; at += 3) {
        step(&m, data + at);
        check(&m);
    }
    return 0;
}
