/* SPDX-License-Identifier: MIT */
/*
 * The search for the smallest part of a world that fails as the whole did. What can be left out is
 * left out in halves, then quarters, and so on down to one by one, until nothing more can go. It
 * knows no world and no clock: whether a part fails is asked of the caller, who says no to
 * everything when it is time to stop. Each yes makes the part smaller, so the search ends.
 */
#include <string.h>

#include "sim/sim.h"

#define OTHER_SEEDS   4000          /* that are searched for a small world with the same failure */
#define VARIATIONS    100           /* of one conversation by itself */
#define OCTET_STEPS   UNLIMITED_LOG /* of halves, until the least number of octets is found */
#define UNLIMITED_LOG 31

/* Try a part; if it fails in the same way it is the smallest so far. */
static bool try_part(struct sim_shrink *s, uint64_t seed, const struct sim_cut *cut)
{
    struct sim_result result;

    if (!s->fails(s->context, seed, cut, &result))
        return false;
    s->seed = seed;
    s->cut = *cut;
    s->result = result;
    return true;
}

/* ---- sets: what is left of hosts, conversations, faults ---- */

/* Take @size members out of a set, from member @first on. */
static void take_out(uint64_t *set, uint32_t n, uint32_t first, uint32_t size)
{
    uint32_t member = 0;

    for (uint32_t i = 0; i < n; i++) {
        if (!sim_bit(set, i))
            continue;
        if (member >= first && member < first + size)
            set[i / 64] &= ~(UINT64_C(1) << (i % 64));
        member++;
    }
}

/*
 * Leave out of a set what can be left out.
 *
 * @at:    offset of the set in struct sim_cut
 * @n:     bits of it
 * @least: members that must stay
 */
static bool shrink_set(struct sim_shrink *s, size_t at, uint32_t n, uint32_t least)
{
    const uint64_t *set = (const uint64_t *)((const char *)&s->cut + at);
    uint32_t size = sim_count(set, n) - (least < sim_count(set, n) ? least : sim_count(set, n));
    bool smaller = false;

    for (; size > 0; size = size > 1 ? (size + 1) / 2 : 0) {
        uint32_t first = 0;

        while (first < sim_count(set, n) && sim_count(set, n) >= least + size) {
            struct sim_cut cut = s->cut;

            take_out((uint64_t *)((char *)&cut + at), n, first, size);
            if (try_part(s, s->seed, &cut))
                smaller = true;
            else
                first += size;
        }
    }
    return smaller;
}

/* The one that is blamed, by itself. Which frames are lost may have to change then: others shared
   the cables with it. */
static bool shrink_conns(struct sim_shrink *s)
{
    struct sim_cut cut = s->cut;

    if (s->result.blamed >= 0 && sim_count(s->cut.conns, SIM_CUT_CONNS) > 1) {
        memset(cut.conns, 0, sizeof(cut.conns));
        cut.conns[s->result.blamed / 64] |= UINT64_C(1) << (s->result.blamed % 64);
        for (uint32_t i = 0; i < VARIATIONS; i++) {
            if (try_part(s, s->seed, &cut))
                return true;
            cut.vary++;
        }
    }
    return shrink_set(s, offsetof(struct sim_cut, conns), SIM_CUT_CONNS, 1);
}

static bool shrink_hosts(struct sim_shrink *s)
{
    bool smaller = shrink_set(s, offsetof(struct sim_cut, hosts[0]), SIM_CUT_HOSTS, 1);

    return shrink_set(s, offsetof(struct sim_cut, hosts[1]), SIM_CUT_HOSTS, 1) || smaller;
}

/* ---- troubles and octets ---- */

static bool shrink_troubles(struct sim_shrink *s)
{
    struct sim_cut cut = s->cut;
    bool smaller = false;

    cut.without = 0;
    for (uint32_t i = 0; ft_sim_trouble(i, NULL) != NULL; i++)
        cut.without |= UINT64_C(1) << i;
    if (cut.without == s->cut.without)
        return false;
    if (try_part(s, s->seed, &cut))
        return true;
    for (uint32_t i = 0; ft_sim_trouble(i, NULL) != NULL; i++) {
        if (s->cut.without >> i & 1)
            continue;
        cut = s->cut;
        cut.without |= UINT64_C(1) << i;
        smaller = try_part(s, s->seed, &cut) || smaller;
    }
    return smaller;
}

/* The smallest power of two that is enough, then by halves towards the one that is not. */
static bool shrink_octets(struct sim_shrink *s)
{
    uint64_t enough = s->cut.octets != 0 ? s->cut.octets : UINT64_C(1) << UNLIMITED_LOG;
    uint64_t before = enough;
    uint64_t too_few = 0;
    struct sim_cut cut = s->cut;

    for (uint64_t octets = 1; octets < enough; octets *= 2) {
        cut.octets = octets;
        if (try_part(s, s->seed, &cut))
            enough = octets;
        else
            too_few = octets;
    }
    for (int i = 0; i < OCTET_STEPS && s->cut.octets != 0 && enough - too_few > 1; i++) {
        cut.octets = too_few + (enough - too_few) / 2;
        if (try_part(s, s->seed, &cut))
            enough = cut.octets;
        else
            too_few = cut.octets;
    }
    return enough < before;
}

void ft_sim_shrink(struct sim_shrink *s)
{
    bool smaller;

    do {
        smaller = shrink_conns(s);
        smaller = shrink_hosts(s) || smaller;
        smaller = shrink_set(s, offsetof(struct sim_cut, faults), SIM_CUT_FAULTS, 0) || smaller;
        smaller = shrink_troubles(s) || smaller;
        smaller = shrink_octets(s) || smaller;
    } while (smaller);
}

bool ft_sim_shrink_elsewhere(struct sim_shrink *s)
{
    struct sim_cut cut = {
        .only_hosts = true, .hosts = {1, 1}, .only_conns = true, .without = s->cut.without};

    for (uint64_t seed = 1; seed <= OTHER_SEEDS; seed++) {
        cut.conns[0] = seed % 2 == 0 ? 3 : 1;
        if (try_part(s, seed, &cut))
            return true;
    }
    return false;
}
