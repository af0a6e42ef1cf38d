/* SPDX-License-Identifier: MIT */
/*
 * Named scenarios: one kind of network each, for people who study one thing. A scenario says how
 * many hosts there are, what they do, and what the cable between clients and servers is like; the
 * seed draws the rest (sizes, beginnings, families, which frames are lost). Each of its numbers can
 * be replaced on the command line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"
#include "priv.h"

#define ETHER_LEN     14
#define LENGTH_EACH   (8 * FT_SEC) /* the conversations of the table are those of so long a run */
#define LINK_MAX      400
#define PLENTY        128
#define DATAGRAMS_MAX 40 /* of a conversation, as in plan.c */
#define FLOOD_WAVES   80
#define FLOOD_SYNS    8000
#define TURN_MAX      16384
#define CLIENT_TALK   400 /* octets of a request */

/* What the conversations of a scenario are. */
enum manner {
    DOWNLOADS, /* servers send */
    UPLOADS,   /* clients send */
    BOTH_WAYS,
    REQUESTS, /* questions and answers */
    DATAGRAMS,
};

struct scenario {
    const char *name, *text;
    const char *link; /* between clients and servers, as `fourtuple run --link` has it */
    uint32_t n_clients, n_servers;
    uint32_t n_conns; /* in eight seconds */
    uint64_t octets;  /* that an end sends at most, each conversation; of datagrams their number */
    uint32_t mtu;
    enum manner manner;
    uint32_t backlog;
    ft_time within; /* all begin within it; 0: spread over the run */
    void (*trouble)(struct sim_plan *plan, struct sim_rand *rand);
};

/* ---- what goes wrong beyond the cable ---- */

static uint32_t trunk_of(const struct sim_plan *plan)
{
    return 2 * plan->n_hosts;
}

/* Down for 0.1 to 2 s every few seconds. */
static void flap(struct sim_plan *plan, struct sim_rand *rand)
{
    ft_time at = FT_SEC;

    while (plan->n_faults + 2 <= SIM_FAULTS_MAX) {
        struct sim_fault_plan *cut = &plan->fault[plan->n_faults];

        at += sim_rand_range(rand, FT_SEC, 5 * FT_SEC);
        cut[0] = (struct sim_fault_plan){.kind = SIM_FAULT_CUT, .pipe = trunk_of(plan), .at = at};
        at += sim_rand_range(rand, 100 * FT_MS, 2 * FT_SEC);
        cut[1] = (struct sim_fault_plan){.kind = SIM_FAULT_HEAL, .pipe = trunk_of(plan), .at = at};
        if (at >= plan->heal_at)
            return;
        plan->n_faults += 2;
    }
}

/* One direction is gone for up to 16 s, twice. */
static void deafen(struct sim_plan *plan, struct sim_rand *rand)
{
    ft_time at = 2 * FT_SEC;

    for (int i = 0; i < 2; i++) {
        uint32_t pipe = trunk_of(plan) + (uint32_t)sim_rand_below(rand, 2);
        struct sim_fault_plan *cut = &plan->fault[plan->n_faults];

        cut[0] = (struct sim_fault_plan){.kind = SIM_FAULT_CUT_ONE, .pipe = pipe, .at = at};
        at += sim_rand_range(rand, FT_SEC, 12 * FT_SEC);
        cut[1] = (struct sim_fault_plan){.kind = SIM_FAULT_HEAL, .pipe = pipe, .at = at};
        plan->n_faults += 2;
        at += 2 * FT_SEC;
    }
}

static void forge(struct sim_plan *plan, struct sim_rand *rand)
{
    while (plan->n_faults < SIM_FAULTS_MAX) {
        plan->fault[plan->n_faults++] =
            (struct sim_fault_plan){.kind = SIM_FAULT_FORGE,
                                    .pipe = (uint32_t)sim_rand_next(rand),
                                    .at = FT_SEC + sim_rand_below(rand, plan->length)};
    }
}

static void come_late(struct sim_plan *plan, struct sim_rand *rand)
{
    plan->late.loss = IMPAIR_SHARE_ALL / 100 * 97;
    plan->late.delay = FT_MS * sim_rand_range(rand, 1000, 30000);
    plan->late.jitter = plan->late.delay;
}

static void impoverish(struct sim_plan *plan, struct sim_rand *rand)
{
    for (uint32_t i = 0; i < plan->n_hosts; i++) {
        plan->host[i].poor_ppm = (uint32_t)sim_rand_range(rand, 10000, 400000);
        plan->host[i].poor_from = FT_SEC;
        plan->host[i].poor_until = FT_SEC + plan->length;
    }
    for (uint32_t i = 0; i < plan->n_conns; i++) {
        if (plan->conn[i].kind == SIM_STREAM)
            ft_sim_let_client_speak(&plan->conn[i]); /* cookies are sent for want of memory */
    }
}

/* Every other client asks and does not read, of a server that has little memory; the others
   come when it has none left. */
static void hoard(struct sim_plan *plan, struct sim_rand *rand)
{
    for (uint32_t i = plan->n_clients; i < plan->n_hosts; i++)
        plan->host[i].memory = UINT64_C(3) << 20;
    for (uint32_t i = 0; i < plan->n_conns; i += 2) {
        plan->conn[i].start = FT_SEC + plan->conn[i].start / 8;
        plan->conn[i].side[0].rcvbuf = (int32_t)sim_rand_range(rand, 2048, 8192);
        plan->conn[i].side[0].read_after = FT_SEC * sim_rand_range(rand, 20, 100);
    }
    for (uint32_t i = 1; i < plan->n_conns; i += 2)
        plan->conn[i].start += 8 * FT_SEC;
}

static void go_slow(struct sim_plan *plan, struct sim_rand *rand)
{
    for (uint32_t i = 0; i < plan->n_conns; i++) {
        struct sim_side_plan *side = &plan->conn[i].side[0];

        side->rcvbuf = (int32_t)sim_rand_range(rand, 4096, 65536);
        side->read_after = FT_MS * sim_rand_size(rand, 13);
        side->read_gap = FT_US * sim_rand_range(rand, 100, 20000);
        side->read_max = 8192;
    }
}

/* A router between clients and servers, and a path behind it that takes less. */
static void route(struct sim_plan *plan, uint32_t mtu, uint8_t mute)
{
    plan->n_routers = 1;
    for (uint32_t i = 0; i < 2; i++)
        plan->lan[i] = (struct sim_lan_plan){.mtu = plan->host[0].mtu};
    plan->router[0] = (struct sim_router_plan){.mtu = {mtu, mtu}, .mute = mute};
    plan->router[0].up = plan->trunk; /* the cable is laid there */
    plan->router[0].down.l2_len = ETHER_LEN;
    plan->router[0].down.delay = FT_US;
}

static void narrow(struct sim_plan *plan, struct sim_rand *rand)
{
    route(plan, (uint32_t)sim_rand_range(rand, 1280, 1492), SIM_MUTE_NEVER);
}

static void swallow(struct sim_plan *plan, struct sim_rand *rand)
{
    route(plan, (uint32_t)sim_rand_range(rand, 1280, 1492), SIM_MUTE_FOR_EVER);
}

/* The path becomes narrow while octets are under way. */
static void shrink(struct sim_plan *plan, struct sim_rand *rand)
{
    route(plan, plan->host[0].mtu, SIM_MUTE_NEVER);
    for (uint32_t i = 0; i < 4; i++)
        plan->fault[plan->n_faults++] =
            (struct sim_fault_plan){.kind = SIM_FAULT_SHRINK,
                                    .pipe = i % 2,
                                    .value = sim_rand_range(rand, 1280, 1492),
                                    .at = FT_SEC + sim_rand_below(rand, plan->length)};
}

/* The trunk is another for up to two seconds, again and again. */
static void change(struct sim_plan *plan, struct sim_rand *rand, uint8_t kind, uint64_t lo,
                   uint64_t hi)
{
    ft_time at = FT_SEC;

    while (plan->n_faults + 2 <= SIM_FAULTS_MAX) {
        struct sim_fault_plan *fault = &plan->fault[plan->n_faults];

        at += sim_rand_range(rand, 100 * FT_MS, 2 * FT_SEC);
        fault[0] = (struct sim_fault_plan){
            .kind = kind, .pipe = trunk_of(plan), .value = sim_rand_range(rand, lo, hi), .at = at};
        fault[0].pipe += (uint32_t)sim_rand_below(rand, 2);
        at += sim_rand_range(rand, 100 * FT_MS, 2 * FT_SEC);
        fault[1] = fault[0];
        fault[1].kind = SIM_FAULT_RESTORE;
        fault[1].at = at;
        if (at >= plan->heal_at)
            return;
        plan->n_faults += 2;
    }
}

static void change_rate(struct sim_plan *plan, struct sim_rand *rand)
{
    change(plan, rand, SIM_FAULT_RATE, 500000, 200000000);
}

static void change_delay(struct sim_plan *plan, struct sim_rand *rand)
{
    change(plan, rand, SIM_FAULT_SPIKE, 50 * FT_MS, 3 * FT_SEC);
}

/* A server forgets everything, three times. */
static void crash(struct sim_plan *plan, struct sim_rand *rand)
{
    ft_time at = FT_SEC;

    for (int i = 0; i < 3; i++) {
        struct sim_fault_plan *fault = &plan->fault[plan->n_faults];
        uint32_t host = plan->n_clients + (uint32_t)sim_rand_below(rand, plan->n_servers);

        at += sim_rand_range(rand, FT_SEC, 4 * FT_SEC);
        fault[0] = (struct sim_fault_plan){.kind = SIM_FAULT_CRASH, .pipe = host, .at = at};
        at += sim_rand_range(rand, 100 * FT_MS, 3 * FT_SEC);
        fault[1] = (struct sim_fault_plan){.kind = SIM_FAULT_BOOT, .pipe = host, .at = at};
        plan->n_faults += 2;
    }
}

/* Servers are replaced while octets are under way, each time by another, every second one
 * elsewhere. Half of the connections are signed; marks are told of, one way or the other. */
static void migrate(struct sim_plan *plan, struct sim_rand *rand)
{
    static const uint8_t kinds[] = {SIM_KEY_NONE, SIM_KEY_MD5, SIM_KEY_NONE, SIM_KEY_AO};
    ft_time at = FT_SEC;

    for (uint32_t i = 0; i < plan->n_conns; i++)
        ft_sim_sign(&plan->conn[i], kinds[i / plan->n_clients % 4]);
    for (uint32_t i = 0; i < plan->n_hosts; i++)
        plan->host[i].ecn = 1 + (sim_rand_chance(rand, 50) ? FT_ECN_ASK : FT_ECN_ASK_ACCURATE);
    for (uint64_t i = 0; i < 8; i++) {
        struct sim_fault_plan fault = {.kind = SIM_FAULT_MIGRATE, .value = i % 2};

        fault.pipe = plan->n_clients + (uint32_t)sim_rand_below(rand, plan->n_servers);
        at += sim_rand_range(rand, 200 * FT_MS, 2 * FT_SEC);
        fault.at = at;
        at += sim_rand_range(rand, FT_MS, FT_SEC);
        (void)ft_sim_add_pair(plan, &fault, SIM_FAULT_ARRIVE, at);
    }
}

static void replay(struct sim_plan *plan, struct sim_rand *rand)
{
    while (plan->n_faults < SIM_FAULTS_MAX) {
        plan->fault[plan->n_faults++] =
            (struct sim_fault_plan){.kind = SIM_FAULT_REPLAY,
                                    .pipe = (uint32_t)sim_rand_next(rand),
                                    .at = FT_SEC + sim_rand_below(rand, 2 * plan->length)};
    }
}

/* Sessions of BGP: signed, half by MD5 and half by TCP-AO; and attackers who lack nothing but a
 * key.
 */
static void sign(struct sim_plan *plan, struct sim_rand *rand)
{
    for (uint32_t i = 0; i < plan->n_conns; i++)
        ft_sim_sign(&plan->conn[i], i / plan->n_clients % 2 ? SIM_KEY_AO : SIM_KEY_MD5);
    while (plan->n_faults < SIM_FAULTS_MAX) {
        bool on_path = plan->n_faults % 4 == 0;
        ft_time within = on_path ? 2 * plan->length : plan->length;

        if (plan->n_faults % 8 == 3) {
            ft_sim_add_rekey(plan, rand);
            continue;
        }
        plan->fault[plan->n_faults++] =
            (struct sim_fault_plan){.kind = on_path ? SIM_FAULT_REPLAY : SIM_FAULT_FORGE,
                                    .pipe = (uint32_t)sim_rand_next(rand),
                                    .at = FT_SEC + sim_rand_below(rand, within)};
    }
}

/* Eight thousand SYNs in the first seconds, from a hundred and fifty hosts that are not there. */
static void flood(struct sim_plan *plan, struct sim_rand *rand)
{
    for (uint32_t i = 0; i < FLOOD_WAVES; i++)
        plan->fault[plan->n_faults++] =
            (struct sim_fault_plan){.kind = SIM_FAULT_FLOOD,
                                    .pipe = plan->n_clients,
                                    .value = FLOOD_SYNS / FLOOD_WAVES,
                                    .at = FT_SEC + sim_rand_below(rand, plan->length)};
}

/* Half of the hosts use DCTCP, the others CUBIC; half ask for accurate ECN, the others for the
   classic one. */
static void mark_steps(struct sim_plan *plan, struct sim_rand *rand)
{
    for (uint32_t i = 0; i < plan->n_hosts; i++) {
        plan->host[i].ecn = 1 + (sim_rand_chance(rand, 50) ? FT_ECN_ASK : FT_ECN_ASK_ACCURATE);
        if (sim_rand_chance(rand, 50))
            plan->host[i].congestion = "dctcp";
    }
}

/* Who asks, who accepts and who does neither; and boxes on the way that spoil the field. */
static void mangle(struct sim_plan *plan, struct sim_rand *rand)
{
    for (uint32_t i = 0; i < plan->n_hosts; i++) {
        plan->host[i].ecn = (uint8_t)(1 + sim_rand_below(rand, FT_ECN_ACCEPT_ACCURATE + 1));
        plan->access[i].ecn = (uint32_t)sim_rand_range(rand, IMPAIR_ECN_KEEP, IMPAIR_ECN_CE);
    }
}

/* ---- the table ---- */

static const struct scenario scenarios[] = {
    {"lan", "an office: a quiet switch", "delay=100us,rate=1gbit,queue=512k", 4, 2, 16, 1 << 20,
     1500, BOTH_WAYS, PLENTY, 0, NULL},
    {"lossy-wifi", "bad radio: losses in bursts, jitter, some reordering",
     "delay=4ms,jitter=3ms,rate=40mbit,queue=256k,loss=2%,burst=3,reorder=0.5%", 3, 1, 12, 400000,
     1500, DOWNLOADS, PLENTY, 0, NULL},
    {"mobile", "a phone on the move: long queue, jitter, few losses",
     "delay=35ms,jitter=15ms,rate=12mbit,queue=1m,loss=0.2%", 3, 1, 12, 300000, 1500, DOWNLOADS,
     PLENTY, 0, NULL},
    {"satellite", "a geostationary hop: 280 ms each way",
     "delay=280ms,rate=20mbit,queue=512k,loss=0.1%", 2, 1, 6, 1 << 20, 1500, DOWNLOADS, PLENTY, 0,
     NULL},
    {"datacentre", "short, fast, shallow queues, jumbo frames", "delay=20us,rate=10gbit,queue=128k",
     6, 3, 40, 1 << 20, 9000, REQUESTS, PLENTY, 0, NULL},
    {"incast", "many answer one at the same instant over a shallow queue",
     "delay=50us,rate=1gbit,queue=64k", 1, 9, 36, 200000, 1500, DOWNLOADS, PLENTY, FT_MS, NULL},
    {"long-fat", "a gigabit over 100 ms", "delay=50ms,rate=1gbit,queue=8m", 1, 1, 3, 8 << 20, 1500,
     DOWNLOADS, PLENTY, 0, NULL},
    {"bufferbloat", "a slow uplink behind four megabytes of queue",
     "delay=20ms,rate=5mbit,queue=4m", 3, 1, 10, 1 << 20, 1500, UPLOADS, PLENTY, 0, NULL},
    {"shallow-queue", "a queue of five packets", "delay=20ms,rate=20mbit,queue=8k", 3, 1, 10,
     500000, 1500, DOWNLOADS, PLENTY, 0, NULL},
    {"modem", "56 kbit/s and an MTU of 576", "delay=100ms,rate=56kbit,queue=16k", 1, 1, 4, 12000,
     576, BOTH_WAYS, PLENTY, 0, NULL},
    {"heavy-loss", "one frame in ten is lost", "delay=20ms,rate=10mbit,queue=64k,loss=10%", 2, 1, 8,
     100000, 1500, BOTH_WAYS, PLENTY, 0, NULL},
    {"reordering", "one frame in five overtakes", "delay=20ms,rate=50mbit,queue=256k,reorder=20%",
     2, 1, 8, 500000, 1500, BOTH_WAYS, PLENTY, 0, NULL},
    {"duplicates", "one frame in ten comes twice", "delay=20ms,rate=50mbit,queue=256k,dup=10%", 2,
     1, 8, 500000, 1500, BOTH_WAYS, PLENTY, 0, NULL},
    {"corruption", "one frame in fifty is damaged", "delay=20ms,rate=50mbit,queue=256k,corrupt=2%",
     2, 1, 8, 500000, 1500, BOTH_WAYS, PLENTY, 0, NULL},
    {"old-duplicates", "copies that come again after up to a minute",
     "delay=20ms,rate=50mbit,queue=256k", 3, 1, 20, 60000, 1500, BOTH_WAYS, PLENTY, 0, come_late},
    {"flapping-link", "the cable is gone for up to two seconds, again and again",
     "delay=10ms,rate=20mbit,queue=128k", 2, 1, 10, 400000, 1500, BOTH_WAYS, PLENTY, 0, flap},
    {"one-way", "one direction is gone for up to twelve seconds",
     "delay=10ms,rate=20mbit,queue=128k", 2, 1, 10, 400000, 1500, BOTH_WAYS, PLENTY, 0, deafen},
    {"slow-readers", "clients that stall, with small buffers", "delay=5ms,rate=100mbit,queue=256k",
     3, 1, 12, 200000, 1500, DOWNLOADS, PLENTY, 0, go_slow},
    {"requests", "questions and answers over 30 ms", "delay=15ms,rate=100mbit,queue=256k", 6, 2, 40,
     60000, 1500, REQUESTS, PLENTY, 0, NULL},
    {"storm", "two hundred connections at once, to a backlog of four (SYN cookies)",
     "delay=5ms,rate=100mbit,queue=256k", 6, 1, 200, 2000, 1500, REQUESTS, 4, 20 * FT_MS, NULL},
    {"datagrams", "UDP and its echoes, with loss", "delay=10ms,rate=20mbit,queue=128k,loss=1%", 3,
     1, 12, 40, 1500, DATAGRAMS, PLENTY, 0, NULL},
    {"forgeries", "an attacker off the path who has guessed almost everything",
     "delay=10ms,rate=20mbit,queue=128k", 3, 1, 16, 400000, 1500, BOTH_WAYS, PLENTY, 0, forge},
    {"bgp-keys", "sessions signed by TCP MD5 and TCP-AO, and attackers who lack the keys only",
     "delay=10ms,rate=20mbit,queue=128k,loss=0.5%,corrupt=0.2%", 3, 1, 16, 400000, 1500, BOTH_WAYS,
     PLENTY, 0, sign},
    {"narrow-path", "a router behind which the MTU is smaller, and who says so",
     "delay=10ms,rate=50mbit,queue=256k", 3, 1, 12, 200000, 1500, BOTH_WAYS, PLENTY, 0, narrow},
    {"blackhole-mtu", "the same, and nobody says so: what is too big vanishes",
     "delay=10ms,rate=50mbit,queue=256k", 3, 1, 6, 60000, 1500, BOTH_WAYS, PLENTY, 0, swallow},
    {"shrinking-path", "a path that becomes narrow while octets are under way",
     "delay=10ms,rate=20mbit,queue=256k", 3, 1, 12, 400000, 1500, BOTH_WAYS, PLENTY, 0, shrink},
    {"rate-changes", "a rate between 0.5 and 200 Mbit/s, never for long",
     "delay=20ms,rate=20mbit,queue=128k", 2, 1, 8, 500000, 1500, BOTH_WAYS, PLENTY, 0, change_rate},
    {"delay-spikes", "up to three more seconds of delay, again and again",
     "delay=20ms,rate=20mbit,queue=256k", 2, 1, 8, 300000, 1500, BOTH_WAYS, PLENTY, 0,
     change_delay},
    {"crashing-server", "a server that forgets everything and comes back",
     "delay=5ms,rate=20mbit,queue=256k", 3, 1, 16, 400000, 1500, BOTH_WAYS, PLENTY, 0, crash},
    {"migration", "servers whose connections go on in another stack, while octets are under way",
     "delay=10ms,rate=5mbit,queue=64k,loss=0.2%,mark=32k", 3, 2, 16, 300000, 1500, BOTH_WAYS,
     PLENTY, 0, migrate},
    {"replays", "somebody on the path sends old segments again",
     "delay=10ms,rate=20mbit,queue=128k", 3, 1, 16, 400000, 1500, BOTH_WAYS, PLENTY, 0, replay},
    {"syn-flood", "a thousand SYNs a second from hosts that are not there",
     "delay=10ms,rate=50mbit,queue=256k", 3, 1, 24, 100000, 1500, BOTH_WAYS, PLENTY, 0, flood},
    {"marking", "a queue that marks from 30 kilooctets on, DCTCP and CUBIC",
     "delay=200us,rate=1gbit,queue=256k,mark=30k", 4, 2, 16, 1 << 20, 1500, BOTH_WAYS, PLENTY, 0,
     mark_steps},
    {"aqm", "a slow link whose queue marks more and more",
     "delay=20ms,rate=10mbit,queue=128k,mark=16k,mark_all=96k", 3, 1, 10, 500000, 1500, DOWNLOADS,
     PLENTY, 0, mark_steps},
    {"ecn-mangling", "boxes that bleach or change the ECN field",
     "delay=10ms,rate=20mbit,queue=128k,mark=32k", 3, 2, 12, 300000, 1500, BOTH_WAYS, PLENTY, 0,
     mangle},
    {"poverty", "hosts whose allocations are refused, up to four in ten",
     "delay=5ms,rate=100mbit,queue=256k", 3, 1, 20, 100000, 1500, BOTH_WAYS, PLENTY, 0, impoverish},
    {"sockstress", "clients who ask and do not read, of a server that has little memory (A-92)",
     "delay=5ms,rate=100mbit,queue=256k", 4, 1, 60, 400000, 1500, DOWNLOADS, PLENTY, 0, hoard},
};

#define N_SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

const char *ft_sim_scenario_name(uint32_t i, const char **ret_text, const char **ret_link)
{
    if (i >= N_SCENARIOS)
        return NULL;
    *ret_text = scenarios[i].text;
    *ret_link = scenarios[i].link;
    return scenarios[i].name;
}

static const struct scenario *look_up(const char *name)
{
    for (size_t i = 0; i < N_SCENARIOS; i++) {
        if (strcmp(scenarios[i].name, name) == 0)
            return &scenarios[i];
    }
    return NULL;
}

/* ---- the cable ---- */

/* Whether one of the items of a text has the name of the item at @item. */
static bool has_item(const char *text, const char *item)
{
    size_t len = strcspn(item, "=") + 1;

    while (strncmp(text, item, len) != 0) {
        text += strcspn(text, ",");
        if (*text++ == '\0')
            return false;
    }
    return true;
}

/* The items of @base that @over does not have, and all of @over. Return: whether there was room. */
static bool merge(const char *base, const char *over, char *ret, size_t room)
{
    size_t n = 0;

    while (*base != '\0') {
        size_t len = strcspn(base, ",");

        if (!has_item(over, base) && n + len + 1 < room) {
            memcpy(ret + n, base, len);
            n += len;
            ret[n++] = ',';
        }
        base += len + (base[len] == ',' ? 1 : 0);
    }
    return (size_t)snprintf(ret + n, room - n, "%s", over) < room - n;
}

static bool lay_cable(struct sim_plan *plan, const char *base, const char *over, char *ret_why,
                      size_t room)
{
    struct impair_config config = {.l2_len = ETHER_LEN};
    char text[LINK_MAX];

    if (over != NULL && !merge(base, over, text, sizeof(text))) {
        (void)snprintf(ret_why, room, "it is too long");
        return false;
    }
    if (impair_parse(over != NULL ? text : base, &config, ret_why, room) != 0)
        return false;
    if (config.seed == 0)
        config.seed = plan->trunk.seed;
    plan->trunk = config;
    return true;
}

/* ---- hosts and conversations ---- */

static void set_host(struct sim_plan *plan, uint64_t seed, const struct scenario *s, uint32_t i)
{
    struct sim_host_plan *host = &plan->host[i];
    struct sim_rand rand;

    sim_rand_init(&rand, seed, DRAW_SCENARIO, i);
    memset(host, 0, sizeof(*host));
    host->mtu = s->mtu;
    host->is_server = i >= plan->n_clients;
    host->linear = sim_rand_chance(&rand, 50);
    host->if_flags = FT_IF_NO_DAD;
    host->backlog = s->backlog;
    plan->access[i] = (struct impair_config){.delay = 10 * FT_US,
                                             .queue = UINT64_C(4) << 20,
                                             .l2_len = ETHER_LEN,
                                             .seed = sim_mix(seed + i + 1)};
}

static void set_sides(struct sim_conn_plan *conn, const struct scenario *s, uint64_t octets,
                      struct sim_rand *rand)
{
    struct sim_side_plan *side = conn->side;
    uint64_t turn;

    for (int k = 0; k < 2; k++) {
        side[k].octets = sim_rand_range(rand, octets / 2 + 1, octets);
        side[k].write_max = 65536;
        side[k].read_max = 65536;
        side[k].ending = SIM_END_SHUTDOWN;
    }
    if (s->manner == UPLOADS)
        side[1].octets = 0;
    if (s->manner == DOWNLOADS)
        side[0].octets = octets < CLIENT_TALK ? octets : CLIENT_TALK;
    if (s->manner == REQUESTS) {
        turn = octets < TURN_MAX ? octets : TURN_MAX;
        side[0].turn = sim_rand_range(rand, 1, turn < CLIENT_TALK ? turn : CLIENT_TALK);
        side[1].turn = sim_rand_range(rand, 1, turn);
        side[0].octets = octets / turn * side[0].turn;
        side[1].octets = octets / turn * side[1].turn;
        side[0].nodelay = true;
        side[1].nodelay = true;
    }
    if (s->manner == DATAGRAMS) {
        conn->kind = SIM_DATAGRAMS;
        conn->port = 7;
        side[0].octets = octets < DATAGRAMS_MAX ? octets : DATAGRAMS_MAX;
        side[0].write_max = 1000;
        side[0].write_gap = FT_US * sim_rand_range(rand, 100, 50000);
    }
}

static void set_conn(struct sim_plan *plan, uint64_t seed, const struct scenario *s,
                     uint64_t octets, uint32_t i)
{
    struct sim_conn_plan *conn = &plan->conn[i];
    struct sim_rand rand;

    sim_rand_init(&rand, seed, DRAW_SCENARIO, 1000 + i);
    memset(conn, 0, sizeof(*conn));
    conn->host[0] = (uint8_t)(i % plan->n_clients);
    conn->host[1] = (uint8_t)(plan->n_clients + i % plan->n_servers);
    conn->start = FT_SEC + sim_rand_below(&rand, s->within != 0 ? s->within : plan->length);
    conn->key[0] = sim_rand_next(&rand);
    conn->key[1] = sim_rand_next(&rand);
    conn->family = s->mtu >= 1280 && sim_rand_chance(&rand, 40) ? 6 : 4;
    conn->port = 80;
    set_sides(conn, s, octets, &rand);
}

/* Clients and servers, in the proportion of the scenario if another number is asked for. */
static void set_hosts(struct sim_plan *plan, uint64_t seed, const struct scenario *s, uint32_t n)
{
    plan->n_clients = s->n_clients;
    plan->n_servers = s->n_servers;
    if (n != 0) {
        plan->n_servers = (n * s->n_servers + s->n_servers) / (s->n_clients + s->n_servers);
        if (plan->n_servers == 0)
            plan->n_servers = 1;
        if (plan->n_servers >= n)
            plan->n_servers = n - 1;
        plan->n_clients = n - plan->n_servers;
    }
    plan->n_hosts = plan->n_clients + plan->n_servers;
    for (uint32_t i = 0; i < plan->n_hosts; i++)
        set_host(plan, seed, s, i);
}

static void set_all(struct sim_plan *plan, const struct sim_options *options,
                    const struct scenario *s)
{
    uint64_t n = s->n_conns * (plan->length > LENGTH_EACH ? plan->length / LENGTH_EACH : 1);
    uint64_t octets = options->cut.octets != 0 ? options->cut.octets : s->octets;
    struct sim_rand rand;

    plan->n_faults = 0;
    plan->late.loss = IMPAIR_SHARE_ALL;
    set_hosts(plan, options->seed, s, options->cut.n_hosts);
    ft_sim_plan_flat(plan);
    plan->n_conns = (uint32_t)(n < SIM_CONNS_MAX ? n : SIM_CONNS_MAX);
    for (uint32_t i = 0; i < plan->n_conns; i++)
        set_conn(plan, options->seed, s, octets, i);
    sim_rand_init(&rand, options->seed, DRAW_SCENARIO, UINT32_MAX);
    if (s->trouble != NULL)
        s->trouble(plan, &rand);
}

/* Return: 0; -1: *ret_why says why not. */
static int apply(struct sim_plan *plan, const struct sim_options *options, char *ret_why,
                 size_t room)
{
    const struct scenario *s = NULL;
    struct sim_router_plan *bottleneck = NULL;

    if (options->scenario != NULL) {
        s = look_up(options->scenario);
        if (s == NULL) {
            (void)snprintf(ret_why, room, "there is no such scenario");
            return -1;
        }
        set_all(plan, options, s);
    }
    if (s == NULL && options->link == NULL)
        return 0;
    for (uint32_t i = 0; i < plan->n_routers; i++) {
        if (plan->router[i].up.seed == plan->trunk.seed)
            bottleneck = &plan->router[i];
    }
    if (!lay_cable(plan, s != NULL ? s->link : "", options->link, ret_why, room))
        return -1;
    if (bottleneck != NULL)
        bottleneck->up = plan->trunk;
    return 0;
}

int ft_sim_scenario_apply(struct sim_plan *plan, const struct sim_options *options)
{
    char why[SIM_SENTENCE_MAX];

    return apply(plan, options, why, sizeof(why));
}

int ft_sim_options_check(const struct sim_options *options, char *ret_why, size_t room)
{
    struct sim_plan *plan = calloc(1, sizeof(*plan));
    int error;

    if (plan == NULL) {
        (void)snprintf(ret_why, room, "there is no memory");
        return -1;
    }
    ft_sim_plan(plan, options->seed, options->length);
    error = apply(plan, options, ret_why, room);
    free(plan);
    return error;
}
