/* SPDX-License-Identifier: MIT */
/*
 * Scenario text of the simulator's library, and the worlds that it makes. The first octet says how
 * the rest is read: as text, or each octet as a word of the grammar. A line that is refused has a
 * sentence that names it; a world that was built runs with an application on each host, and the
 * same text gives the same run.
 */
#include <netinet/in.h>
#include <string.h>

#include <fourtuple/sim.h>

#include "support.h"

#define TEXT_MAX 2000
#define PORT     4000

struct beacon {
    struct ft_sim_host *to;
    struct ft_sim_watch watch;
    ft_sock sock;
};

static void heard(struct ft_sim_host *host, ft_sock sock, uint32_t mask, void *ctx)
{
    char text[64];

    (void)mask;
    (void)ctx;
    while (ft_recv(ft_sim_stack(host), sock, text, sizeof(text), 0) >= 0)
        ft_sim_log(host, "heard something");
}

static void tell(struct ft_sim_host *host, void *ctx)
{
    struct beacon *b = ctx;
    struct sockaddr_storage name;
    socklen_t len = ft_sim_sockaddr(b->to, AF_INET, PORT, &name);
    struct iovec iov = {(char[]){"here"}, 4};
    struct msghdr msg = {.msg_name = &name, .msg_namelen = len, .msg_iov = &iov, .msg_iovlen = 1};

    if (len > 0)
        (void)ft_sendmsg(ft_sim_stack(host), b->sock, &msg, 0);
    must(ft_sim_after(host, 300 * FT_MS, tell, b) > 0);
}

static void start(struct ft_sim_host *host, void *ctx)
{
    struct beacon *b = ctx;
    struct sockaddr_in name = {.sin_family = AF_INET};
    const uint8_t port[2] = {PORT >> 8, PORT & 0xff};

    memcpy(&name.sin_port, port, 2);
    b->sock = ft_socket(ft_sim_stack(host), AF_INET, SOCK_DGRAM, 0);
    must(b->sock >= 0);
    must(ft_bind(ft_sim_stack(host), b->sock, (struct sockaddr *)&name, sizeof(name)) == 0);
    b->watch = (struct ft_sim_watch){heard, b};
    (void)ft_watch(ft_sim_stack(host), b->sock, FT_READABLE, &b->watch);
    tell(host, b);
}

static void add_beacons(struct ft_sim *sim, struct beacon *beacons)
{
    static const char *const names[] = {"a", "b", "c"};

    for (int i = 0; i < 3; i++) {
        struct ft_sim_host *host = ft_sim_host_find(sim, names[i]);
        struct ft_sim_app app = {start, NULL, &beacons[i]};

        beacons[i].to = ft_sim_host_find(sim, names[(i + 1) % 3]);
        if (host != NULL && beacons[i].to != NULL)
            must(ft_sim_app_add(host, &app) == 0);
    }
}

static struct ft_sim_result run(const char *text)
{
    struct beacon beacons[3] = {0};
    struct ft_sim_config config;
    struct ft_sim_result result;
    struct ft_sim *sim = NULL;
    char why[400] = "";
    int error;

    ft_sim_config_init(&config);
    must(ft_sim_new(&config, &sim) == 0);
    error = ft_sim_scenario(sim, text, why, sizeof(why));
    must((error == 0) == (why[0] == '\0'));
    must(error == 0 || strncmp(why, "line ", 5) == 0);
    add_beacons(sim, beacons);
    (void)ft_sim_run(sim, 3 * FT_SEC);
    ft_sim_result(sim, &result);
    ft_sim_free(sim);
    return result;
}

/* Text out of the grammar's words: hosts a, b and c are there before. */
static void make_text(struct fuzz_input *in, char *text)
{
    static const char *const words[] = {
        "\n",          "\n",          "\nlink",     "\nat",
        "\nat 1s",     "\nat 250ms",  "link",       "cut",
        "heal",        "partition",   "calm",       "crash",
        "restart",     "host",        "switch",     "a",
        "b",           "c",           "d",          "s",
        "t",           "net",         ">",          "|",
        "#",           "10.1.0.1/24", "fd00::1/64", "mtu=1400",
        "mtu=68",      "loss=20%",    "delay=50ms", "delay=1ms,reorder=10%,dup=5%",
        "rate=64kbit", "1500ms",      "2.5s",       "0ms",
        "crash a",     "restart a",   "cut a > b",  "\nswitch s"};
    size_t len = strlen(strcpy(text, "host a\nhost b\nhost c"));

    while (in->left > 0 && len < TEXT_MAX - 64)
        len += (size_t)snprintf(text + len, TEXT_MAX - len, " %s",
                                words[fuzz_octet(in) % (sizeof(words) / sizeof(words[0]))]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct ft_sim_result first, second;
    char text[TEXT_MAX];

    if (size < 1 || size >= TEXT_MAX)
        return 0;
    if (fuzz_octet(&in) % 4 == 0) {
        memcpy(text, in.at, in.left);
        text[in.left] = '\0';
    } else {
        make_text(&in, text);
    }
    first = run(text);
    if (data[0] % 8 == 1) {
        second = run(text);
        must(first.trace_hash == second.trace_hash && first.frames == second.frames);
        must(first.failed == second.failed);
    }
    return 0;
}
