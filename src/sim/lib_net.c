/* SPDX-License-Identifier: MIT */
/*
 * The cables of a world that a program builds, and what cuts hosts off from each other. A cut is
 * between two hosts, wherever the frame passes: it is looked at where a frame arrives. What a cable
 * does to frames is link/impair.c's, switches are net.c's.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib_priv.h"

#define DRAW_CABLE   3002 /* purpose of a random stream */
#define ETHER_LEN    14
#define SWITCH_USUAL "net"

/* ---- names ---- */

bool lib_find(const struct ft_sim *sim, const char *name, struct sim_end *ret)
{
    for (uint32_t i = 0; i < sim->world->plan.n_hosts; i++) {
        if (strcmp(sim->world->host[i].name, name) == 0) {
            *ret = (struct sim_end){.is_host = true, .index = i};
            return true;
        }
    }
    for (uint32_t i = 0; i < sim->n_switches; i++) {
        if (strcmp(sim->sw[i].name, name) == 0) {
            *ret = (struct sim_end){.is_host = false, .index = i};
            return true;
        }
    }
    return false;
}

int lib_check_name(const struct ft_sim *sim, const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    struct sim_end end;
    size_t len = strlen(name);

    if (len == 0 || len >= FT_SIM_NAME_MAX || strspn(name, allowed) != len)
        return -EINVAL;
    return lib_find(sim, name, &end) ? -EEXIST : 0;
}

int ft_sim_switch_add(struct ft_sim *sim, const char *name)
{
    int error = lib_check_name(sim, name);

    if (error != 0)
        return error;
    if (sim->n_switches == SIM_SWITCHES_MAX)
        return -ENOSPC;
    (void)snprintf(sim->sw[sim->n_switches].name, FT_SIM_NAME_MAX, "%s", name);
    sim->sw[sim->n_switches].group = sim->n_switches;
    sim->n_switches++;
    return 0;
}

/* ---- cables ---- */

static bool same_end(const struct sim_end *a, const struct sim_end *b)
{
    return a->is_host == b->is_host && a->index == b->index;
}

static struct lib_cable *find_cable(struct ft_sim *sim, const struct sim_end *a,
                                    const struct sim_end *b)
{
    for (uint32_t i = 0; i < sim->n_cables; i++) {
        struct lib_cable *cable = &sim->cable[i];

        if ((same_end(&cable->a, a) && same_end(&cable->b, b)) ||
            (same_end(&cable->a, b) && same_end(&cable->b, a)))
            return cable;
    }
    return NULL;
}

/* Whether a cable may be laid, and what it joins. */
static int join(struct ft_sim *sim, const struct sim_end *a, const struct sim_end *b)
{
    uint32_t from, to;

    if ((a->is_host && sim->host[a->index].has_cable) ||
        (b->is_host && sim->host[b->index].has_cable))
        return -EBUSY;
    if (a->is_host)
        sim->host[a->index].has_cable = true;
    if (b->is_host)
        sim->host[b->index].has_cable = true;
    if (a->is_host || b->is_host)
        return 0;
    from = sim->sw[a->index].group;
    to = sim->sw[b->index].group;
    if (from == to)
        return -ELOOP;
    for (uint32_t i = 0; i < sim->n_switches; i++) {
        if (sim->sw[i].group == from)
            sim->sw[i].group = to;
    }
    return 0;
}

static int lay(struct ft_sim *sim, const struct sim_end *a, const struct sim_end *b,
               const struct impair_config *given)
{
    struct impair_config config = *given;
    struct sim_rand rand;
    int error = join(sim, a, b);

    if (error != 0)
        return error;
    sim_rand_init(&rand, sim->config.seed ^ config.seed, DRAW_CABLE, sim->n_cables);
    config.seed = sim_rand_next(&rand);
    sim->cable[sim->n_cables++] =
        (struct lib_cable){*a, *b, ft_sim_cable(sim->world, a, b, &config)};
    return 0;
}

int ft_sim_link(struct ft_sim *sim, const char *a, const char *b, const char *impairments,
                char *ret_err, size_t err_len)
{
    struct impair_config config = {.l2_len = ETHER_LEN};
    struct lib_cable *cable;
    struct sim_end ends[2];
    char unheard[1];

    if (ret_err == NULL || err_len == 0) {
        ret_err = unheard;
        err_len = sizeof(unheard);
    }
    if (!lib_find(sim, a, &ends[0]) || !lib_find(sim, b, &ends[1]))
        return -ENOENT;
    if (same_end(&ends[0], &ends[1])) {
        (void)snprintf(ret_err, err_len, "%s cannot be linked to itself", a);
        return -EINVAL;
    }
    if (impairments != NULL && impairments[0] != '\0' &&
        impair_parse(impairments, &config, ret_err, err_len) != 0)
        return -EINVAL;
    cable = find_cable(sim, &ends[0], &ends[1]);
    if (cable == NULL)
        return lay(sim, &ends[0], &ends[1], &config);
    impair_change(&sim->world->pipe[cable->pipe].imp, &config);
    impair_change(&sim->world->pipe[cable->pipe + 1].imp, &config);
    lib_tell(sim, SIM_NO_HOST, "the cable of %s and %s is now %s", a, b,
             impairments == NULL || impairments[0] == '\0' ? "perfect" : impairments);
    return 0;
}

int lib_plug_rest(struct ft_sim *sim)
{
    static const struct impair_config perfect = {.l2_len = ETHER_LEN};
    struct sim_end usual;
    int error = 0;

    for (uint32_t i = 0; i < sim->world->plan.n_hosts && error == 0; i++) {
        struct sim_end host = {.is_host = true, .index = i};

        if (sim->host[i].has_cable)
            continue;
        if (!lib_find(sim, SWITCH_USUAL, &usual)) {
            error = ft_sim_switch_add(sim, SWITCH_USUAL);
            usual = (struct sim_end){.is_host = false, .index = sim->n_switches - 1};
        }
        if (error == 0)
            error = lay(sim, &host, &usual, &perfect);
    }
    return error;
}

/* ---- faults ---- */

bool ft_sim_lib_passes(struct ft_sim *sim, uint32_t to, const uint8_t *frame, size_t len)
{
    struct sim_note note = {.kind = SIM_NOTE_CUT, .host = (uint8_t)to};
    struct sim_world *world = sim->world;
    struct sight s;
    uint32_t from = 0;

    while (from < world->plan.n_hosts && memcmp(world->host[from].mac, frame + 6, 6) != 0)
        from++;
    if (from == world->plan.n_hosts || (sim->host[from].cut >> to & 1) == 0)
        return true;
    (void)ft_sim_sight(&s, frame, len);
    if (!s.is_tcp && !s.is_udp)
        return false;
    note.is_udp = s.is_udp;
    note.src = s.src;
    note.dst = s.dst;
    note.src_port = s.src_port;
    note.dst_port = s.dst_port;
    note.flags = s.tcp.flags;
    note.seq = s.tcp.seq;
    note.ack = s.tcp.ack;
    note.len = s.is_udp ? s.ip_len : s.tcp.len;
    note.wnd = s.tcp.wnd;
    ft_sim_note(world, &note);
    return false;
}

void ft_sim_cut_off(struct ft_sim_host *from, struct ft_sim_host *to, bool both)
{
    from->cut |= 1U << to->index;
    if (both)
        to->cut |= 1U << from->index;
    lib_tell(from->sim, SIM_NO_HOST, "%s is cut off from %s%s", ft_sim_host_name(to),
             ft_sim_host_name(from), both ? ", and back" : "");
}

void ft_sim_partition(struct ft_sim *sim, struct ft_sim_host *const *hosts, size_t n)
{
    uint32_t inside = 0;
    char names[LIB_TEXT_MAX / 2] = "";
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        inside |= 1U << hosts[i]->index;
        if (len < sizeof(names))
            len += (size_t)snprintf(names + len, sizeof(names) - len, " %s",
                                    ft_sim_host_name(hosts[i]));
    }
    for (uint32_t i = 0; i < SIM_HOSTS_MAX; i++)
        sim->host[i].cut |= inside >> i & 1 ? ~inside : inside;
    lib_tell(sim, SIM_NO_HOST, "parted from all others:%s", names);
}

static void uncut(struct ft_sim *sim)
{
    for (uint32_t i = 0; i < SIM_HOSTS_MAX; i++)
        sim->host[i].cut = 0;
}

void ft_sim_heal(struct ft_sim *sim)
{
    uncut(sim);
    lib_tell(sim, SIM_NO_HOST, "all cuts are healed");
}

void ft_sim_calm(struct ft_sim *sim)
{
    uncut(sim);
    ft_sim_net_heal(sim->world);
    lib_tell(sim, SIM_NO_HOST, "from now on nothing is lost or changed");
}
