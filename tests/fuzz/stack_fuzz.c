/* SPDX-License-Identifier: MIT */
/*
 * A whole stack against an enemy that knows what is on the wire: frames of random octets, segments
 * that fit a live connection and are bent a little, ICMP that quotes what was sent, replies to
 * ARP and neighbour discovery or none; between them socket calls, refused memory, frames that come
 * back unsent or late, and time. After each step every invariant of the stack is checked, and that
 * it holds no more memory than its budget. One octet of input is one choice; an input whose first
 * octet is odd is drawn out by pseudo-random choices, save under libFuzzer.
 */
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "fuzz/stack_enemy.h"

/* Under libFuzzer an input is what it says: choices of our own would only hide what it tries. */
#define DRAWN_OUT 1
#if defined(__has_feature)
#if __has_feature(coverage_sanitizer)
#undef DRAWN_OUT
#define DRAWN_OUT 0
#endif
#endif

/* ---- time ------------------------------------------------------------------------------------ */

static void pass(struct world *w)
{
    static const ft_time steps[] = {FT_US,  FT_MS,      40 * FT_MS,  200 * FT_MS,
                                    FT_SEC, 5 * FT_SEC, 61 * FT_SEC, 900 * FT_SEC};
    uint8_t how = pick(w);
    ft_time end = w->now + steps[how & 7] * (1 + (how >> 6));
    /* From deadline to deadline, as a host would; each wakes up later than the last. */
    for (unsigned i = 0; i < 64; i++) {
        ft_time next = ft_deadline(w->stack);
        if (next > end)
            break;
        must(next > w->now || i == 0);
        w->now = next > w->now ? next : w->now;
        ft_advance(w->stack, w->now);
        if (how & 8)
            drain(w);
    }
    if (w->now < end)
        w->now = end;
    ft_advance(w->stack, w->now);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void keep(struct world *w, ft_sock sock)
{
    if (sock < 0)
        return;
    for (unsigned i = 0; i < N_SOCKS; i++) {
        if (w->socks[i] < 0) {
            w->socks[i] = sock;
            return;
        }
    }
    (void)ft_close(w->stack, sock);
}

static socklen_t name_of(const struct ft_addr *addr, uint16_t port, struct sockaddr_in6 *ret)
{
    uint8_t octets[16];
    be64_store(octets, addr->hi);
    be64_store(octets + 8, addr->lo);
    *ret = (struct sockaddr_in6){.sin6_family = AF_INET6};
    be16_store((uint8_t *)&ret->sin6_port, port);
    memcpy(&ret->sin6_addr, octets, 16);
    return sizeof(*ret);
}

static void open_sock(struct world *w)
{
    uint8_t how = pick(w);
    struct sockaddr_in6 name;
    ft_sock sock = ft_socket(w->stack, AF_INET6, (how & 7) == 7 ? SOCK_DGRAM : SOCK_STREAM, 0);
    if (sock < 0)
        return;
    struct ft_addr any = addr_any();
    int on = 1;
    (void)ft_watch(w->stack, sock, UINT32_MAX & pick(w), w);
    if (how & 8)
        (void)ft_setsockopt(w->stack, sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (how & 16) {
        socklen_t len = name_of(&any, (how & 32) ? 80 : (uint16_t)(1000 + (how & 3)), &name);
        (void)ft_bind(w->stack, sock, (struct sockaddr *)&name, len);
    }
    if ((how & 0xc0) == 0xc0)
        (void)ft_listen(w->stack, sock, how & 3);
    if ((how & 0xc0) == 0x40) {
        struct ft_addr peer = (how & 1) ? them(how & 2, how >> 2) : us(how & 2);
        socklen_t len = name_of(&peer, (how & 4) ? 80 : (uint16_t)(1000 + (how & 3)), &name);
        (void)ft_connect(w->stack, sock, (struct sockaddr *)&name, len);
    }
    keep(w, sock);
}

static void set_option(struct world *w, ft_sock sock)
{
    static const struct {
        int level, name;
    } options[] = {
        {SOL_SOCKET, SO_KEEPALIVE},       {SOL_SOCKET, SO_RCVBUF},
        {SOL_SOCKET, SO_SNDBUF},          {SOL_SOCKET, SO_LINGER},
        {IPPROTO_TCP, TCP_NODELAY},       {IPPROTO_TCP, TCP_CORK},
        {IPPROTO_TCP, TCP_KEEPIDLE},      {IPPROTO_TCP, TCP_KEEPINTVL},
        {IPPROTO_TCP, TCP_KEEPCNT},       {IPPROTO_TCP, TCP_USER_TIMEOUT},
        {IPPROTO_TCP, TCP_MAXSEG},        {IPPROTO_TCP, TCP_SYNCNT},
        {IPPROTO_TCP, TCP_WINDOW_CLAMP},  {SOL_SOCKET, SO_RCVLOWAT},
        {IPPROTO_TCP, TCP_NOTSENT_LOWAT}, {IPPROTO_TCP, TCP_INFO},
    };
    uint8_t which = pick(w) % (sizeof(options) / sizeof(options[0]));
    int values[2] = {(int)pick_delta(w), pick(w)};
    uint8_t out[300];
    socklen_t len = pick(w);
    (void)ft_setsockopt(w->stack, sock, options[which].level, options[which].name, values,
                        pick(w) & 1 ? 4 : 8);
    (void)ft_getsockopt(w->stack, sock, options[which].level, options[which].name, out, &len);
}

static void zero_copy(struct world *w, ft_sock sock, uint8_t what)
{
    struct ft_span spans[FT_SPANS_MAX];
    if (what & 1) {
        ssize_t n = ft_reserve(w->stack, sock, pick(w) * 64u, spans, FT_SPANS_MAX);
        for (ssize_t i = 0; i < n; i++)
            memset(spans[i].data, 0x77, spans[i].len);
    } else {
        ssize_t n = ft_peek(w->stack, sock, spans, 1 + pick(w) % FT_SPANS_MAX);
        for (ssize_t i = 0; i < n; i++)
            must(spans[i].len > 0 && memchr(spans[i].data, 0, spans[i].len) != spans);
    }
    if (what & 2)
        (void)ft_unpin(w->stack, sock);
    if (what & 4)
        (void)ft_consume(w->stack, sock, pick(w));
    if (what & 8)
        (void)ft_commit(w->stack, sock, pick(w) * 8u);
}

static void transfer(struct world *w, ft_sock sock, uint8_t what)
{
    static const int flags[] = {0, 0, MSG_PEEK, MSG_OOB, MSG_MORE, MSG_TRUNC, MSG_DONTWAIT, 0};
    uint8_t octets[8192];
    size_t len = (what & 16) ? sizeof(octets) : pick(w);
    memset(octets, what, sizeof(octets));
    ssize_t n = (what & 1) ? ft_send(w->stack, sock, octets, len, flags[what >> 5])
                           : ft_recv(w->stack, sock, octets, len, flags[what >> 5]);
    /* A datagram tells its true length if asked. */
    must(n <= (ssize_t)len || flags[what >> 5] == MSG_TRUNC);
}

static void call(struct world *w)
{
    struct ft_event events[4];
    struct ft_sock_info infos[4];
    struct ft_counters counters;
    uint32_t cursor = 0;
    uint8_t which = pick(w) % N_SOCKS;
    ft_sock *sock = &w->socks[which];
    uint8_t what = pick(w);
    switch (pick(w) & 15) {
    case 0:
    case 1:
    case 2:
        open_sock(w);
        break;
    case 3:
    case 4:
        for (unsigned i = 0; i < N_SOCKS; i++)
            keep(w, ft_accept(w->stack, w->socks[i], NULL, NULL));
        break;
    case 5:
    case 6:
    case 7:
    case 8:
        transfer(w, *sock, what);
        break;
    case 9:
        (void)ft_shutdown(w->stack, *sock, what % 4);
        break;
    case 10:
        (void)((what & 7) == 7 ? ft_abort(w->stack, *sock) : ft_close(w->stack, *sock));
        if (what & 8)
            (void)ft_unpin(w->stack, *sock);
        *sock = -1;
        break;
    case 11:
        set_option(w, *sock);
        break;
    case 12:
        zero_copy(w, *sock, what);
        break;
    case 13:
        must(ft_events(w->stack, events, what & 3) <= (what & 3));
        break;
    case 14:
        do
            (void)ft_sockets(w->stack, infos, 4, &cursor);
        while (cursor != 0);
        ft_counters(w->stack, &counters);
        break;
    default:
        (void)ft_listen(w->stack, *sock, what & 7);
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void step(struct world *w)
{
    uint8_t what = pick(w);
    if (what < 110)
        segment(w);
    else if (what < 170)
        call(w);
    else if (what < 185)
        output(w, false);
    else if (what < 230)
        drain(w);
    else if (what < 236)
        pass(w);
    else if (what < 240)
        icmp_error(w);
    else if (what < 244)
        datagram(w);
    else if (what < 248)
        raw_frame(w);
    else if (what < 250)
        give_late_back(w, pick(w) & 7);
    else if (what < 253)
        w->heap.fail_in = pick(w) & 7;
    else
        w->mute = what & 1;
    ft_stack_check(w->stack);
    must(w->heap.live <= MEMORY_MAX + w->heap.stack_len);
}

static void begin(struct world *w)
{
    struct ft_config config;
    struct ft_if_config eth = {.size = sizeof(eth), .name = "eth0", .type = FT_IF_ETHER};
    struct ft_if_config lo = {.size = sizeof(lo), .name = "lo", .type = FT_IF_LOOPBACK};
    ft_config_init(&config);
    config.allocator = (struct ft_allocator){heap_alloc, heap_free, &w->heap};
    memset(config.seed, 7, sizeof(config.seed));
    config.limits.memory_max = MEMORY_MAX;
    config.limits.half_open_max = 6;
    config.limits.time_wait_max = 5;
    config.limits.orphans_max = 4;
    config.limits.connections_max = 20;
    config.limits.neighbours_max = 8;
    config.limits.control_max = 32;
    config.limits.frames_out_max = 64;
    config.limits.send_buffer = config.limits.recv_buffer = 1 << 17;
    must(ft_stack_new(&config, &w->stack) == 0);
    memcpy(eth.mac, mac_us, 6);
    eth.mtu = 1500;
    eth.flags = FT_IF_NO_DAD;
    lo.mtu = 1500;
    w->eth = ft_if_add(w->stack, &eth);
    w->lo = ft_if_add(w->stack, &lo);
    must(w->eth > 0 && w->lo > 0);
    struct ft_addr addr4 = us(true), addr6 = us(false);
    must(ft_addr_add(w->stack, w->eth, &addr4, 24, 0) == 0);
    must(ft_addr_add(w->stack, w->eth, &addr6, 64, 0) == 0);
    for (unsigned i = 0; i < N_SOCKS; i++)
        w->socks[i] = -1;
    /* A passive socket, so that every input has a door to knock at. */
    struct sockaddr_in6 name;
    struct ft_addr any = addr_any();
    socklen_t len = name_of(&any, 80, &name);
    w->socks[0] = ft_socket(w->stack, AF_INET6, SOCK_STREAM, 0);
    must(w->socks[0] >= 0);
    must(ft_bind(w->stack, w->socks[0], (struct sockaddr *)&name, len) == 0);
    must(ft_listen(w->stack, w->socks[0], 4) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *w = calloc(1, sizeof(*w));
    must(w != NULL);
    w->data = data;
    w->len = size;
    w->now = FT_SEC;
    if (DRAWN_OUT && size > 0 && (data[0] & 1)) {
        w->state = size;
        for (size_t i = 0; i < size; i++)
            w->state = w->state * 31 + data[i] + 1;
    }
    begin(w);
    for (unsigned i = 0; i < STEPS_MAX && more(w); i++)
        step(w);
    give_late_back(w, 0);
    ft_stack_check(w->stack);
    ft_stack_free(w->stack);
    must(w->heap.live == 0);
    free(w);
    return 0;
}
