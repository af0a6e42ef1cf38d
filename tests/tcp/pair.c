/* SPDX-License-Identifier: MIT */
/*
 * Two stacks and a cable between them in virtual time. Events are frames that arrive and the
 * stacks' own deadlines; between them nothing happens, so nothing is polled.
 */
#include "pair.h"

#define FRAME_MAX 65600
#define BATCH     16
#define CHUNK     65536

struct pair_frame {
    struct pair_frame *next;
    ft_time at;
    uint32_t len;
    uint16_t n_segs;
    uint8_t octets[];
};

static void *take(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size);
}

static void give(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    (void)size;
    free(ptr);
}

void pair_init(struct pair *p)
{
    memset(p, 0, sizeof(*p));
    for (unsigned i = 0; i < 2; i++) {
        ft_config_init(&p->config[i]);
        for (size_t k = 0; k < sizeof(p->config[i].seed); k++)
            p->config[i].seed[k] = (uint8_t)(k * 3 + i + 1);
        p->config[i].allocator = (struct ft_allocator){take, give, NULL};
        p->pipe[i].rate = 125000000;
        p->pipe[i].delay = 10 * FT_MS;
    }
    p->mtu = 1500;
    p->if_flags = FT_IF_NO_DAD;
    p->now = FT_SEC;
    p->dice = 88172645463325252u;
}

static struct sockaddr_in name_of(unsigned side)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(PAIR_PORT)};

    sin.sin_addr.s_addr = htonl(0x0a070001 + side);
    return sin;
}

void pair_start(struct pair *p)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(PAIR_PORT)};

    for (unsigned i = 0; i < 2; i++) {
        struct ft_addr addr = {0, UINT64_C(0xffff0a070001) + i};
        struct ft_if_config card = {
            .size = sizeof(card),
            .name = "eth0",
            .type = FT_IF_ETHER,
            .mtu = p->mtu,
            .flags = p->if_flags,
            .gso_max = (p->if_flags & FT_IF_TSO) ? 65535 : 0,
            .mac = {2, 0, 0, 0, 0, (uint8_t)(i + 1)},
        };

        assert_int_equal(ft_stack_new(&p->config[i], &p->stack[i]), 0);
        p->ifindex[i] = ft_if_add(p->stack[i], &card);
        assert_true(p->ifindex[i] > 0);
        assert_int_equal(ft_addr_add(p->stack[i], p->ifindex[i], &addr, 24, 0), 0);
        ft_advance(p->stack[i], p->now);
    }
    p->listener = ft_socket(p->stack[1], AF_INET, SOCK_STREAM, 0);
    assert_int_equal(ft_bind(p->stack[1], p->listener, (const struct sockaddr *)&any, sizeof(any)),
                     0);
    assert_int_equal(ft_listen(p->stack[1], p->listener, 64), 0);
}

void pair_end(struct pair *p)
{
    for (unsigned i = 0; i < 2; i++) {
        ft_stack_check(p->stack[i]);
        ft_stack_free(p->stack[i]);
        while (p->pipe[i].head) {
            struct pair_frame *f = p->pipe[i].head;

            p->pipe[i].head = f->next;
            free(f);
        }
    }
}

unsigned pair_flow(struct pair *p, ft_time at, uint64_t most)
{
    assert_true(p->n_flows < PAIR_FLOWS_MAX);
    p->flow[p->n_flows] =
        (struct pair_flow){.sock = {-1, -1}, .most = most, .starts_at = p->now + at};
    return p->n_flows++;
}

/* ---- the cable ------------------------------------------------------------------------------- */

static bool unlucky(struct pair *p, uint32_t ppm)
{
    p->dice ^= p->dice << 13;
    p->dice ^= p->dice >> 7;
    p->dice ^= p->dice << 17;
    return p->dice % 1000000 < ppm;
}

/* The frame comes as if there were no delay. */
static void overtake(struct pair_pipe *pipe, struct pair_frame *f)
{
    struct pair_frame **at = &pipe->head;

    f->at = pipe->free_at;
    while (*at && (*at)->at <= f->at)
        at = &(*at)->next;
    f->next = *at;
    *at = f;
    if (!f->next)
        pipe->tail = f;
}

static void send_frame(struct pair *p, unsigned side, const struct ft_frame *frame)
{
    struct pair_pipe *pipe = &p->pipe[side];
    ft_time wait = pipe->free_at > p->now ? pipe->free_at - p->now : 0;
    struct pair_frame *f;

    pipe->n_frames++;
    if (pipe->queue_max && pipe->rate &&
        wait * pipe->rate / FT_SEC + frame->len > pipe->queue_max) {
        pipe->n_dropped++;
        return;
    }
    pipe->wait_max = wait > pipe->wait_max ? wait : pipe->wait_max;
    pipe->wait_sum += wait;
    pipe->octets += frame->len;
    pipe->free_at = p->now + wait + (pipe->rate ? frame->len * FT_SEC / pipe->rate : 0);
    if (unlucky(p, pipe->loss_ppm)) {
        pipe->n_lost++;
        return;
    }
    f = malloc(sizeof(*f) + frame->len);
    *f = (struct pair_frame){.at = pipe->free_at + pipe->delay, .len = frame->len};
    f->n_segs = frame->n_segs ? frame->n_segs : 1;
    memcpy(f->octets, frame->buf, frame->len);
    if (unlucky(p, pipe->skip_ppm)) {
        overtake(pipe, f);
        return;
    }
    if (pipe->tail && pipe->head)
        pipe->tail->next = f;
    else
        pipe->head = f;
    pipe->tail = f;
}

static void pump(struct pair *p, unsigned side)
{
    static uint8_t buffers[BATCH][FRAME_MAX];
    struct ft_frame frames[BATCH];
    size_t n;

    do {
        for (unsigned i = 0; i < BATCH; i++)
            frames[i] =
                (struct ft_frame){.buf = buffers[i], .cap = FRAME_MAX, .flags = FT_FRAME_LINEAR};
        n = ft_output(p->stack[side], p->ifindex[side], frames, BATCH, p->now);
        for (size_t i = 0; i < n; i++)
            send_frame(p, side, &frames[i]);
        ft_output_done(p->stack[side], p->ifindex[side], frames, n, n);
    } while (n > 0);
}

static void deliver(struct pair *p, unsigned side)
{
    struct pair_pipe *pipe = &p->pipe[side];

    while (pipe->head && pipe->head->at <= p->now) {
        struct pair_frame *f = pipe->head;
        struct ft_frame frame = {
            .buf = f->octets, .cap = f->len, .len = f->len, .n_segs = f->n_segs};

        pipe->head = f->next;
        frame.flags = FT_FRAME_CSUM_GOOD;
        ft_input(p->stack[!side], p->ifindex[!side], &frame, 1, p->now);
        free(f);
    }
}

/* ---- the users ------------------------------------------------------------------------------- */

static void write_flow(struct pair *p, struct pair_flow *flow)
{
    static const uint8_t chunk[CHUNK];
    struct sockaddr_in peer = name_of(1);

    if (p->now < flow->starts_at)
        return;
    if (flow->sock[0] < 0) {
        flow->sock[0] = ft_socket(p->stack[0], AF_INET, SOCK_STREAM, 0);
        assert_int_equal(
            ft_connect(p->stack[0], flow->sock[0], (const struct sockaddr *)&peer, sizeof(peer)),
            -EINPROGRESS);
    }
    while (flow->written < flow->most && !(flow->ends_at && p->now >= flow->ends_at)) {
        uint64_t left = flow->most - flow->written;
        ssize_t n = ft_send(p->stack[0], flow->sock[0], chunk,
                            left < sizeof(chunk) ? (size_t)left : sizeof(chunk), 0);

        if (n <= 0)
            break;
        flow->written += (uint64_t)n;
    }
}

static void accept_flows(struct pair *p)
{
    ft_sock sock;

    while ((sock = ft_accept(p->stack[1], p->listener, NULL, NULL)) >= 0) {
        struct sockaddr_in theirs, ours;
        socklen_t len = sizeof(theirs);

        assert_int_equal(ft_getpeername(p->stack[1], sock, (struct sockaddr *)&theirs, &len), 0);
        for (unsigned i = 0; i < p->n_flows; i++) {
            len = sizeof(ours);
            if (p->flow[i].sock[0] >= 0 && p->flow[i].sock[1] < 0 &&
                ft_getsockname(p->stack[0], p->flow[i].sock[0], (struct sockaddr *)&ours, &len) ==
                    0 &&
                ours.sin_port == theirs.sin_port)
                p->flow[i].sock[1] = sock;
        }
    }
}

static void read_flow(struct pair *p, struct pair_flow *flow)
{
    static uint8_t chunk[CHUNK];
    ssize_t n;

    if (flow->sock[1] < 0 || p->lazy)
        return;
    while ((n = ft_recv(p->stack[1], flow->sock[1], chunk, sizeof(chunk), MSG_TRUNC)) > 0)
        flow->received += (uint64_t)n;
}

static ft_time earlier(ft_time a, ft_time b)
{
    return a < b ? a : b;
}

static ft_time next_event(const struct pair *p)
{
    ft_time at = earlier(ft_deadline(p->stack[0]), ft_deadline(p->stack[1]));

    for (unsigned i = 0; i < 2; i++)
        if (p->pipe[i].head)
            at = earlier(at, p->pipe[i].head->at);
    for (unsigned i = 0; i < p->n_flows; i++)
        if (p->flow[i].starts_at > p->now)
            at = earlier(at, p->flow[i].starts_at);
    return at;
}

void pair_run(struct pair *p, ft_time span)
{
    ft_time until = p->now + span;

    for (;;) {
        ft_time at;

        accept_flows(p);
        for (unsigned i = 0; i < p->n_flows; i++) {
            read_flow(p, &p->flow[i]);
            write_flow(p, &p->flow[i]);
        }
        pump(p, 0);
        pump(p, 1);
        at = next_event(p);
        if (at > until)
            break;
        p->now = at > p->now ? at : p->now;
        for (unsigned i = 0; i < 2; i++) {
            ft_advance(p->stack[i], p->now);
            deliver(p, i);
        }
    }
    p->now = until;
}

struct ft_sock_info pair_info(const struct pair *p, unsigned flow, unsigned side)
{
    struct ft_sock_info info;

    assert_int_equal(ft_sock_info(p->stack[side], p->flow[flow].sock[side], &info), 0);
    return info;
}
