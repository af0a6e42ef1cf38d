/* SPDX-License-Identifier: MIT */
/*
 * What people read: the plan of a world, and the last events of a connection whose oracle failed.
 */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "diag/addr.h"
#include "priv.h"

#define TEXT_MAX 96

void ft_sim_print_time(FILE *out, ft_time at)
{
    fprintf(out, "%5" PRIu64 ".%06" PRIu64, at / FT_SEC, at % FT_SEC / FT_US);
}

static void print_cable(FILE *out, const char *name, const struct impair_config *c)
{
    static const char *const ecns[] = {"kept", "bleached", "made ECT(0)", "made ECT(1)", "made CE"};

    fprintf(out,
            "  %-6s delay=%" PRIu64 "us jitter=%" PRIu64 "us rate=%" PRIu64 "kbit queue=%" PRIu64
            " loss=%u.%04u%% burst=%u dup=%u.%04u%% reorder=%u.%04u%% corrupt=%u.%04u%%\n",
            name, c->delay / FT_US, c->jitter / FT_US, c->rate / 1000, c->queue, c->loss / 10000000,
            c->loss / 1000 % 10000, c->burst, c->dup / 10000000, c->dup / 1000 % 10000,
            c->reorder / 10000000, c->reorder / 1000 % 10000, c->corrupt / 10000000,
            c->corrupt / 1000 % 10000);
    if (c->mark != 0 || c->ecn != IMPAIR_ECN_KEEP)
        fprintf(out, "         marks from %" PRIu64 " octets on, all from %" PRIu64 " on, ecn %s\n",
                c->mark, c->mark_all > c->mark ? c->mark_all : c->mark, ecns[c->ecn]);
}

static void print_side(FILE *out, const struct sim_side_plan *s)
{
    static const char *const endings[] = {"after-eof", "shutdown", "close", "abort"};

    fprintf(out, " [%" PRIu64 " octets, write<=%u read<=%u, %s", s->octets, s->write_max,
            s->read_max, endings[s->ending]);
    if (s->turn != 0)
        fprintf(out, ", turns of %" PRIu64, s->turn);
    if (s->write_gap != 0)
        fprintf(out, ", writes every %" PRIu64 "us", s->write_gap / FT_US);
    if (s->read_gap != 0)
        fprintf(out, ", reads every %" PRIu64 "us", s->read_gap / FT_US);
    if (s->read_after != 0)
        fprintf(out, ", stalls %" PRIu64 "ms", s->read_after / FT_MS);
    if (s->sndbuf != 0 || s->rcvbuf != 0)
        fprintf(out, ", sndbuf=%d rcvbuf=%d", s->sndbuf, s->rcvbuf);
    fprintf(out, "%s%s]", s->nodelay ? ", nodelay" : "", s->zero_copy ? ", zero copy" : "");
}

static void print_conn(const struct sim_world *world, FILE *out, uint32_t i)
{
    static const char *const kinds[] = {"stream", "simultaneous", "refused", "unreachable",
                                        "datagrams"};
    const struct sim_conn_plan *c = &world->plan.conn[i];

    fprintf(out, "  %3u ", i);
    ft_sim_print_time(out, c->start);
    fprintf(out, " %s IPv%u %s > %s:%u", kinds[c->kind], c->family, world->host[c->host[0]].name,
            world->host[c->host[1]].name, c->port);
    print_side(out, &c->side[0]);
    print_side(out, &c->side[1]);
    fprintf(out, "%s\n",
            c->key_kind == SIM_KEY_MD5  ? " (TCP MD5)"
            : c->key_kind == SIM_KEY_AO ? " (TCP-AO)"
            : c->may_reset              ? " (rude)"
            : c->hole                   ? " (hole)"
            : c->bound                  ? " (port again)"
            : c->idle                   ? " (idle)"
                                        : "");
}

static const char *const faults[] = {
    [SIM_FAULT_CUT] = "cut",
    [SIM_FAULT_CUT_ONE] = "cut one way",
    [SIM_FAULT_HEAL] = "heal",
    [SIM_FAULT_FORGE] = "forgery",
    [SIM_FAULT_SHRINK] = "shrinks to",
    [SIM_FAULT_RATE] = "rate",
    [SIM_FAULT_SPIKE] = "delay more",
    [SIM_FAULT_RESTORE] = "restored",
    [SIM_FAULT_CRASH] = "crash",
    [SIM_FAULT_BOOT] = "boot",
    [SIM_FAULT_FORGET] = "NAT forgets",
    [SIM_FAULT_REPLAY] = "replay",
    [SIM_FAULT_MIGRATE] = "replaced",
    [SIM_FAULT_ARRIVE] = "goes on",
    [SIM_FAULT_REKEY] = "changes keys",
    [SIM_FAULT_FLOOD] = "SYN flood",
};

static_assert(sizeof(faults) / sizeof(faults[0]) == SIM_FAULT_FLOOD + 1, "each has its words");

static void print_host(const struct sim_world *world, FILE *out, uint32_t i)
{
    const struct sim_host_plan *host = &world->plan.host[i];

    print_cable(out, world->host[i].name, &world->plan.access[i]);
    fprintf(out,
            "         mtu=%u %s ecn=%u %s%s%s refuses %u ppm, backlog %u, accepts after %" PRIu64
            "us, poor %u ppm",
            host->mtu, host->congestion, host->ecn ? host->ecn - 1u : FT_ECN_ACCEPT,
            host->linear ? "linear" : "spans", (host->if_flags & FT_IF_TX_CSUM) ? " tx-csum" : "",
            (host->if_flags & FT_IF_TSO) ? " tso" : "", host->refuse_ppm, host->backlog,
            host->accept_gap / FT_US, host->poor_ppm);
    if (host->poor_nth != 0)
        fprintf(out, ", refused allocation %u", (unsigned)host->poor_nth);
    if (host->memory != 0)
        fprintf(out, ", memory %u", (unsigned)host->memory);
    fprintf(out, "\n");
}

void ft_sim_print_plan(const struct sim_world *world, FILE *out)
{
    static const char *const mutes[] = {"", ", mute until faults heal", ", mute for ever"};
    const struct sim_plan *plan = &world->plan;

    fprintf(out, "seed %" PRIu64 ": %u clients, %u servers, %u conversations\n",
            world->options.seed, plan->n_clients, plan->n_servers, plan->n_conns);
    if (plan->n_routers == 0)
        print_cable(out, "trunk", &plan->trunk);
    for (uint32_t i = 0; i < plan->n_routers; i++) {
        char name[8];

        (void)snprintf(name, sizeof(name), "r%u", i);
        print_cable(out, name, &plan->router[i].up);
        fprintf(out, "         joins LAN %u (mtu %u) and LAN %u (mtu %u)%s%s\n",
                plan->lan[i + 1].parent, plan->router[i].mtu[0], i + 1, plan->router[i].mtu[1],
                mutes[plan->router[i].mute], i + 1 == plan->nat ? ", NAT" : "");
    }
    if (plan->late.loss != IMPAIR_SHARE_ALL)
        fprintf(out, "         %u of a million frames come again after about %" PRIu64 " ms\n",
                (IMPAIR_SHARE_ALL - plan->late.loss) / 1000, plan->late.delay / FT_MS);
    for (uint32_t i = 0; i < plan->n_hosts; i++) {
        if (!plan->host[i].absent)
            print_host(world, out, i);
    }
    for (uint32_t i = 0; i < plan->n_conns; i++) {
        if (!plan->conn[i].absent)
            print_conn(world, out, i);
    }
    for (uint32_t i = 0; i < plan->n_faults; i++) {
        if (plan->fault[i].absent)
            continue;
        fprintf(out, "  %3u pipe %u ", i, plan->fault[i].pipe);
        ft_sim_print_time(out, plan->fault[i].at);
        fprintf(out, " %s", faults[plan->fault[i].kind]);
        if (plan->fault[i].value != 0)
            fprintf(out, " %" PRIu64, plan->fault[i].value);
        fprintf(out, "\n");
    }
}

bool ft_sim_tuple_eq(const struct sim_tuple *x, const struct sim_tuple *y)
{
    return (x->a_port == y->a_port && x->b_port == y->b_port && sim_addr_eq(&x->a, &y->a) &&
            sim_addr_eq(&x->b, &y->b)) ||
           (x->a_port == y->b_port && x->b_port == y->a_port && sim_addr_eq(&x->a, &y->b) &&
            sim_addr_eq(&x->b, &y->a));
}

static bool concerns(const struct sim_note *n, const struct sim_tuple *t)
{
    struct sim_tuple mine = {n->src, n->dst, n->src_port, n->dst_port};

    return ft_sim_tuple_eq(&mine, t);
}

static void print_flags(FILE *out, uint8_t flags)
{
    static const char names[] = "FSRPAUEC";
    char text[9] = "........";

    for (int i = 0; i < 8; i++) {
        if (flags & (1 << i))
            text[i] = names[i];
    }
    fprintf(out, "%s", text);
}

void ft_sim_print_note(const struct sim_world *world, FILE *out, const struct sim_note *n)
{
    static const char *const kinds[] = {"sends  ", "refused", "gets   ",
                                        "app:   ", "FORGED ", "misses "};
    char src[TEXT_MAX];
    char dst[TEXT_MAX];

    fprintf(out, "  ");
    ft_sim_print_time(out, n->at);
    fprintf(out, " %-*s ", world->name_width,
            n->host == SIM_NO_HOST ? "-" : world->host[n->host].name);
    if (n->kind == SIM_NOTE_TEXT) {
        fprintf(out, "%s\n", n->text);
        return;
    }
    fprintf(out, "%s ", kinds[n->kind]);
    if (n->kind == SIM_NOTE_APP) {
        fprintf(out, "%s %" PRId64 "\n", n->text, n->value);
        return;
    }
    fprintf(out, "%s > %s ", addr_format_name(&n->src, n->src_port, src),
            addr_format_name(&n->dst, n->dst_port, dst));
    if (n->is_udp) {
        fprintf(out, "UDP, %" PRIu32 " octets of IP%s%s\n", n->len, n->text != NULL ? ": " : "",
                n->text != NULL ? n->text : "");
        return;
    }
    print_flags(out, n->flags);
    fprintf(out, " seq %" PRIu32 " len %" PRIu32 " ack %" PRIu32 " wnd %" PRIu32 "%s%s\n", n->seq,
            n->len, n->ack, n->wnd, n->text != NULL ? ": " : "", n->text != NULL ? n->text : "");
}

void ft_sim_print_events(const struct sim_world *world, FILE *out, unsigned n)
{
    uint64_t first = world->n_notes > SIM_NOTES_MAX ? world->n_notes - SIM_NOTES_MAX : 0;
    uint64_t at = world->n_notes;
    unsigned found = 0;

    while (at > first && found < n) {
        at--;
        if (!world->has_tuple || concerns(&world->notes[at % SIM_NOTES_MAX], &world->tuple))
            found++;
    }
    for (; at < world->n_notes; at++) {
        const struct sim_note *note = &world->notes[at % SIM_NOTES_MAX];

        if (!world->has_tuple || concerns(note, &world->tuple))
            ft_sim_print_note(world, out, note);
    }
}
