/* SPDX-License-Identifier: MIT */
/*
 * An end with a host of ours: the core in a loop of its own over a socket that carries frames, so
 * that it pays a system call a frame, as the kernel's end does at its TAP.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/random.h>

#include <fourtuple.h>
#include <fourtuple/malloc.h>

#include "diag/addr.h"

#include "end.h"

#define BATCH   64
#define FRAME   2048
#define MTU     1500
#define HOST(n) (0x0a000000u + (n)) /* 10.0.0.n */

struct ours {
    const struct end_config *config;
    struct ft_stack *stack;
    int ifindex, frames;
    ft_sock passive;
    ft_sock socks[FLOWS_MAX];
    unsigned n_socks;
    bool want_write;
    struct end_result result;
};

static uint8_t buffers[BATCH][FRAME];
static uint8_t octets[65536];

static void make_stack(struct ours *ours)
{
    const struct end_config *end = ours->config;
    struct ft_if_config interface = {
        .size = sizeof(interface),
        .name = "cable",
        .type = FT_IF_ETHER,
        .mac = {2, 0, 0, 0, 0, end->self},
        .mtu = MTU,
        .flags = FT_IF_NO_DAD,
    };
    struct ft_addr addr = addr_from_ip4(HOST(end->self));
    struct ft_config config;

    ft_config_init(&config);
    ft_config_use_malloc(&config);
    config.ecn = end->ecn ? FT_ECN_ASK : FT_ECN_OFF;
    if (getrandom(config.seed, sizeof(config.seed), 0) < 0)
        end_die("getrandom", errno);
    if (config.limits.send_buffer_auto_max < end->window ||
        config.limits.recv_buffer_auto_max < end->window)
        end_die("the buffers are too small for this cell", ENOBUFS);
    end_must(ft_stack_new(&config, &ours->stack), "a stack");
    ft_advance(ours->stack, end_now());
    ours->ifindex = ft_if_add(ours->stack, &interface);
    end_must(ours->ifindex, "an interface");
    end_must(ft_addr_add(ours->stack, ours->ifindex, &addr, 24, 0), "an address");
}

static struct sockaddr_in name_of(unsigned host)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(END_PORT), .sin_addr.s_addr = htonl(HOST(host))};
}

static ft_sock new_socket(struct ours *ours)
{
    ft_sock sock = ft_socket(ours->stack, AF_INET, SOCK_STREAM, 0);

    end_must(sock, "a socket");
    return sock;
}

static void listen_at(struct ours *ours)
{
    struct sockaddr_in name = name_of(ours->config->self);
    struct ft_stack *stack = ours->stack;

    ours->passive = new_socket(ours);
    end_must(ft_bind(stack, ours->passive, (struct sockaddr *)&name, sizeof(name)), "bind");
    end_must(ft_listen(stack, ours->passive, FLOWS_MAX), "listen");
    end_must(ft_watch(stack, ours->passive, FT_READABLE, NULL), "watch");
}

static void connect_all(struct ours *ours)
{
    struct sockaddr_in name = name_of(ours->config->peer);
    const char *cc = ours->config->cc;

    for (unsigned i = 0; i < ours->config->n_flows; i++) {
        ft_sock sock = ours->socks[i] = new_socket(ours);
        int rc;

        end_must(ft_setsockopt(ours->stack, sock, IPPROTO_TCP, TCP_CONGESTION, cc,
                               (socklen_t)strlen(cc)),
                 cc);
        end_must(ft_watch(ours->stack, sock, FT_WRITABLE, &ours->result.flows[i]), "watch");
        rc = ft_connect(ours->stack, sock, (struct sockaddr *)&name, sizeof(name));
        end_must(rc == -EINPROGRESS ? 0 : rc, "connect");
        ours->n_socks++;
    }
}

static void take_in(struct ours *ours)
{
    ft_sock sock;

    while ((sock = ft_accept(ours->stack, ours->passive, NULL, NULL)) >= 0) {
        if (ours->n_socks == FLOWS_MAX)
            end_die("a connection too many", EMFILE);
        end_must(ft_watch(ours->stack, sock, FT_READABLE, &ours->result.flows[ours->n_socks]),
                 "watch");
        ours->socks[ours->n_socks++] = sock;
    }
}

static void serve(struct ours *ours, const struct ft_event *event)
{
    struct end_flow *flow = event->user;
    ssize_t n;

    if (flow == NULL) {
        take_in(ours);
    } else if (ours->config->sends) {
        while (ft_send(ours->stack, event->sock, octets, sizeof(octets), 0) > 0)
            continue;
    } else {
        while ((n = ft_recv(ours->stack, event->sock, octets, sizeof(octets), 0)) > 0)
            flow->octets += (uint64_t)n;
    }
}

static void take_events(struct ours *ours)
{
    struct ft_event events[BATCH];
    size_t n;

    while ((n = ft_events(ours->stack, events, BATCH)) > 0) {
        for (size_t i = 0; i < n; i++)
            serve(ours, &events[i]);
    }
}

static void input(struct ours *ours)
{
    struct ft_frame frames[BATCH];
    size_t n = 0;
    ssize_t len;

    memset(frames, 0, sizeof(frames));
    while (n < BATCH && (len = read(ours->frames, buffers[n], FRAME)) > 0) {
        frames[n].buf = buffers[n];
        frames[n].cap = FRAME;
        frames[n++].len = (uint32_t)len;
    }
    if (n > 0)
        ft_input(ours->stack, ours->ifindex, frames, n, end_now());
}

static void output(struct ours *ours)
{
    struct ft_frame frames[BATCH];
    size_t n = BATCH, n_sent = BATCH;

    while (n == BATCH && n_sent == n) {
        for (size_t i = 0; i < BATCH; i++)
            frames[i] =
                (struct ft_frame){.buf = buffers[i], .cap = FRAME, .flags = FT_FRAME_LINEAR};
        n = ft_output(ours->stack, ours->ifindex, frames, BATCH, end_now());
        for (n_sent = 0; n_sent < n; n_sent++) {
            if (write(ours->frames, frames[n_sent].buf, frames[n_sent].len) < 0)
                break;
        }
        ours->want_write = n_sent < n;
        ft_output_done(ours->stack, ours->ifindex, frames, n, n_sent);
    }
}

static void run(struct ours *ours, ft_time end)
{
    while (end_now() < end) {
        struct pollfd poll = {.fd = ours->frames, .events = POLLIN};
        ft_time deadline;
        struct timespec wait;

        ft_advance(ours->stack, end_now());
        take_events(ours);
        output(ours);
        deadline = ft_deadline(ours->stack);
        wait = end_wait(deadline < end ? deadline : end);
        if (ours->want_write)
            poll.events |= POLLOUT;
        if (ppoll(&poll, 1, &wait, NULL) > 0 && (poll.revents & POLLIN) != 0)
            input(ours);
    }
}

void end_ours(const struct end_config *config, int control, int frames)
{
    static struct ours ours;
    struct end_span span;

    ours.config = config;
    ours.frames = frames;
    make_stack(&ours);
    if (!config->sends)
        listen_at(&ours);
    span = end_ready(control, -1);
    run(&ours, span.begin);
    if (config->sends)
        connect_all(&ours);
    run(&ours, span.end);
    ours.result.n_flows = ours.n_socks;
    for (unsigned i = 0; i < ours.n_socks; i++) {
        struct ft_sock_info info;

        if (ft_sock_info(ours.stack, ours.socks[i], &info) < 0)
            continue;
        ours.result.flows[i].sent = info.octets_sent;
        ours.result.flows[i].retrans = info.octets_retrans;
    }
    end_tell(control, &ours.result);
}
