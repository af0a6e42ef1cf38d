/* SPDX-License-Identifier: MIT */
/*
 * Hosts with UDP and nothing above it: a rx and tx of a few lines, and calls that take text.
 */
#include "harness.h"

#include <stdio.h>

void host_open(struct host *h, uint8_t n)
{
    struct ft_if_config wire = {
        .size = sizeof(wire), .name = "wire0", .type = FT_IF_IP, .mtu = 1500};
    struct ft_if_config lo = {
        .size = sizeof(lo), .name = "lo", .type = FT_IF_LOOPBACK, .mtu = 65535};
    const struct ft_addr addrs[] = {
        addr_v4(0x0a070000u + n),
        {.hi = UINT64_C(0xfd07) << 48, .lo = n},
        {.hi = UINT64_C(0xfe80) << 48, .lo = n},
    };
    struct ft_limits *limits;

    memset(h, 0, sizeof(*h));
    test_env_init(&h->t, n);
    limits = &h->t.env.config.limits;
    limits->memory_max = 256 << 20;
    limits->neighbours_max = 64;
    limits->neighbour_queue_max = 8;
    limits->routes_max = 32;
    limits->addrs_max = 16;
    limits->pmtu_max = 64;
    limits->reassembly_octets_max = 512 << 10;
    limits->reassembly_fragments_max = 64;
    limits->control_max = 128;
    limits->icmp_per_s = 1000;
    h->net = ft_net_new(&h->t.env);
    h->lo = ft_net_if_add(h->net, &lo);
    h->wire = ft_net_if_add(h->net, &wire);
    assert_true(h->lo > 0 && h->wire > 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(ft_net_addr_add(h->net, h->wire, &addrs[i], i ? 64 : 24, 0), 0);
    ft_slots_init(&h->slots, &h->t.env);
    h->names = ft_names_new(&h->t.env);
    assert_int_equal(ft_udp_init(&h->udp, &h->t.env, h->net, &h->slots, h->names), 0);
    for (size_t i = 0; i < BATCH; i++) {
        h->frames[i].cap = FRAME_CAP;
        h->frames[i].buf = malloc(FRAME_CAP);
        memset(h->frames[i].buf, 0xa5, FRAME_CAP);
    }
}

void host_close(struct host *h)
{
    ft_udp_fini(&h->udp);
    ft_slots_check(&h->slots);
    ft_slots_fini(&h->slots);
    ft_names_free(h->names);
    ft_net_free(h->net);
    test_env_fini(&h->t);
    assert_int_equal(h->t.heap.n_live, 0);
    for (size_t i = 0; i < BATCH; i++)
        free(h->frames[i].buf);
}

/* After everything; in a flood after each hundredth. */
static void check(struct host *h)
{
    if (++h->n_checks > 1000 && h->n_checks % 100 != 0)
        return;
    ft_list_for_each (node, &h->udp.all) {
        ft_udp_check(&h->udp, ft_container_of(node, struct ft_udp_sock, node));
    }
    ft_names_check(h->names);
    ft_table_check(h->udp.table);
}

size_t host_output(struct host *h, int ifindex)
{
    size_t n = 0;

    while (n < BATCH) {
        struct ft_flow *flow;
        struct ft_udp_sock *sock;

        h->frames[n].flags = h->linear ? FT_FRAME_LINEAR : 0;
        h->frames[n].cap = h->cap ? h->cap : FRAME_CAP;
        h->is_udp[n] = false;
        if (ft_ctl_output(h->net, ifindex, &h->frames[n])) {
            n++;
            continue;
        }
        flow = ft_flow_next(h->net, ifindex);
        if (!flow)
            break;
        sock = ft_container_of(flow, struct ft_udp_sock, flow);
        if (!ft_udp_output(&h->udp, sock, ifindex, &h->frames[n], &h->sent[n]))
            continue;
        h->is_udp[n++] = true;
        ft_flow_ready(h->net, flow, ifindex);
    }
    check(h);
    return n;
}

void host_done(struct host *h, size_t n, size_t n_sent)
{
    for (size_t i = 0; i < n; i++)
        if (h->is_udp[i])
            ft_udp_done(&h->udp, &h->sent[i], i < n_sent);
    check(h);
}

void host_input(struct host *h, int ifindex, const uint8_t *pkt, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    struct ft_frame frame = {.buf = copy, .cap = (uint32_t)len, .len = (uint32_t)len};
    struct ft_rx rx;

    memcpy(copy, pkt, len);
    switch (ft_net_input(h->net, ifindex, &frame, &rx, &h->verdict)) {
    case FT_NET_UDP:
        h->verdict = ft_udp_input(&h->udp, &rx);
        break;
    case FT_NET_ERROR:
        h->verdict = ft_udp_error(&h->udp, &rx) ? FT_RX_CONTROL : FT_RX_DROP_CONTROL;
        break;
    case FT_NET_TCP:
    case FT_NET_DONE:
        break;
    }
    free(copy);
    h->n_in++;
    if (len > h->max_len)
        h->max_len = (uint32_t)len;
    check(h);
}

static size_t flatten(const struct ft_frame *frame, uint8_t *buf)
{
    size_t len = frame->len;

    memcpy(buf, frame->buf, len);
    for (size_t i = 0; i < frame->n_spans; i++) {
        memcpy(buf + len, frame->spans[i].data, frame->spans[i].len);
        len += frame->spans[i].len;
    }
    return len;
}

static size_t carry_one_way(struct host *from, int from_if, struct host *to, int to_if)
{
    size_t n = host_output(from, from_if);
    size_t n_sent = n > from->n_lost_last ? n - from->n_lost_last : 0;
    uint8_t *pkt = malloc(FRAME_CAP);

    for (size_t i = 0; i < n_sent; i++) {
        size_t len = flatten(&from->frames[i], pkt);

        assert_true(!from->linear || from->frames[i].n_spans == 0);
        if (to)
            host_input(to, to_if, pkt, len);
    }
    free(pkt);
    host_done(from, n, n_sent);
    return n_sent;
}

void carry(struct host *a, struct host *b)
{
    size_t n;

    do {
        n = carry_one_way(a, a->lo, a, a->lo);
        n += carry_one_way(a, a->wire, b, b ? b->wire : 0);
        if (b) {
            n += carry_one_way(b, b->lo, b, b->lo);
            n += carry_one_way(b, b->wire, a, a->wire);
        }
    } while (n > 0);
}

ft_sock host_socket(struct host *h, int family)
{
    ft_sock fd = ft_udp_new_sock(&h->udp, family == AF_INET6);

    assert_true(fd > 0);
    return fd;
}

struct ft_udp_sock *host_sock(struct host *h, ft_sock fd)
{
    enum ft_sock_kind kind;
    struct ft_udp_sock *sock = ft_slot_find(&h->slots, fd, &kind);

    assert_non_null(sock);
    assert_int_equal(kind, FT_KIND_UDP);
    return sock;
}

struct sockaddr_storage sa(const char *text, uint16_t port)
{
    struct sockaddr_storage storage;
    struct sockaddr_in *sin = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&storage;
    char numeric[64];
    char *scope;

    memset(&storage, 0, sizeof(storage));
    (void)snprintf(numeric, sizeof(numeric), "%s", text);
    scope = strchr(numeric, '%');
    if (scope) {
        *scope = '\0';
        sin6->sin6_scope_id = (uint32_t)atoi(scope + 1);
    }
    if (strchr(text, ':')) {
        sin6->sin6_family = AF_INET6;
        sin6->sin6_port = htons(port);
        assert_int_equal(inet_pton(AF_INET6, numeric, &sin6->sin6_addr), 1);
    } else {
        sin->sin_family = AF_INET;
        sin->sin_port = htons(port);
        assert_int_equal(inet_pton(AF_INET, numeric, &sin->sin_addr), 1);
    }
    return storage;
}

static socklen_t sa_len(const struct sockaddr_storage *storage)
{
    return storage->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                          : sizeof(struct sockaddr_in);
}

int host_bind(struct host *h, ft_sock fd, const char *text, uint16_t port)
{
    struct sockaddr_storage addr = sa(text, port);

    return ft_udp_bind(&h->udp, host_sock(h, fd), (struct sockaddr *)&addr, sa_len(&addr));
}

int host_connect(struct host *h, ft_sock fd, const char *text, uint16_t port)
{
    struct sockaddr_storage addr = sa(text, port);
    int err = ft_udp_connect(&h->udp, host_sock(h, fd), (struct sockaddr *)&addr, sa_len(&addr));

    check(h);
    return err;
}

ssize_t host_send(struct host *h, ft_sock fd, const void *data, size_t len, const char *to,
                  uint16_t port)
{
    return host_send_flags(h, fd, data, len, to, port, 0);
}

ssize_t host_send_flags(struct host *h, ft_sock fd, const void *data, size_t len, const char *to,
                        uint16_t port, int flags)
{
    struct sockaddr_storage addr = sa(to ? to : "0.0.0.0", port);
    struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;

    if (to) {
        msg.msg_name = &addr;
        msg.msg_namelen = sa_len(&addr);
    }
    n = ft_udp_sendmsg(&h->udp, host_sock(h, fd), &msg, flags);
    check(h);
    return n;
}

ssize_t host_recv(struct host *h, ft_sock fd, void *data, size_t len, int flags,
                  struct sockaddr_storage *from)
{
    struct iovec iov = {.iov_base = data, .iov_len = len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_name = from};
    ssize_t n;

    if (from) {
        memset(from, 0, sizeof(*from));
        msg.msg_namelen = sizeof(*from);
    }
    n = ft_udp_recvmsg(&h->udp, host_sock(h, fd), &msg, flags);
    check(h);
    return n;
}

int host_set(struct host *h, ft_sock fd, int level, int name, int v)
{
    return ft_udp_setsockopt(&h->udp, host_sock(h, fd), level, name, &v, sizeof(v));
}

int host_get(struct host *h, ft_sock fd, int level, int name)
{
    int v = -12345;
    socklen_t len = sizeof(v);

    assert_int_equal(ft_udp_getsockopt(&h->udp, host_sock(h, fd), level, name, &v, &len), 0);
    assert_int_equal(len, sizeof(v));
    return v;
}

const char *host_name(struct host *h, ft_sock fd, char *text)
{
    struct sockaddr_storage addr;
    struct sockaddr_in *sin = (struct sockaddr_in *)&addr;
    struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&addr;
    socklen_t len = sizeof(addr);
    char numeric[INET6_ADDRSTRLEN];
    bool six;

    assert_int_equal(ft_udp_getname(host_sock(h, fd), (struct sockaddr *)&addr, &len), 0);
    six = addr.ss_family == AF_INET6;
    inet_ntop(addr.ss_family, six ? (void *)&sin6->sin6_addr : (void *)&sin->sin_addr, numeric,
              sizeof(numeric));
    (void)snprintf(text, 64, "%s %u", numeric, ntohs(six ? sin6->sin6_port : sin->sin_port));
    return text;
}

uint32_t host_ready(struct host *h, ft_sock fd)
{
    return ft_udp_ready(host_sock(h, fd));
}
