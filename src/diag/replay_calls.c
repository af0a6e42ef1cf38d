/* SPDX-License-Identifier: MIT */
/*
 * Making the calls of a recording again. What a caller must not do (give back a frame twice, frames
 * without room for headers) makes the recording a damaged one; all else the stack answers itself.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <fourtuple/tune.h>

#include "diag/replay_priv.h"

#define EVENTS_MAX  (1u << 20)
#define CONTROL_MAX (1u << 24)

typedef struct replay_outcome outcome;

static outcome senseless(struct replay *replay, const char *what)
{
    replay_stop(replay, REPLAY_DAMAGED, "octet %zu: %s before this", replay->at, what);
    return (outcome){0, 0};
}

static outcome plain(int64_t ret)
{
    return (outcome){ret, 0};
}

static ft_sock sock_of(const struct replay *replay)
{
    return (ft_sock)replay_arg(&replay->call, 0);
}

static struct ft_addr addr_of(const struct replay *replay, unsigned i)
{
    return (struct ft_addr){replay_arg(&replay->call, i), replay_arg(&replay->call, i + 1)};
}

/* ---- interfaces, addresses, routes -------------------------------------------------------------
 */

static outcome call_if_add(struct replay *replay)
{
    const struct replay_record *call = &replay->call;
    struct ft_if_config config = {
        .size = (uint32_t)replay_arg(call, 0),
        .type = (uint8_t)replay_arg(call, 1),
        .mtu = (uint32_t)replay_arg(call, 2),
        .headroom = (uint32_t)replay_arg(call, 3),
        .gso_max = (uint32_t)replay_arg(call, 4),
        .flags = (uint32_t)replay_arg(call, 5),
        .ifindex = replay_int(call, 6),
    };
    int ret;

    if (call->len != sizeof(config.name) + sizeof(config.mac))
        return senseless(replay, "an interface without a name");
    memcpy(config.name, call->data, sizeof(config.name));
    memcpy(config.mac, call->data + sizeof(config.name), sizeof(config.mac));
    ret = ft_if_add(replay->stack, &config);
    if (ret < 0 || ret >= REPLAY_IFS)
        return plain(ret);
    replay->ifs[ret] = (struct replay_if){.there = true, .headroom = config.headroom};
    if (replay->pcapng != NULL)
        replay->ifs[ret].capture =
            pcapng_interface(replay->pcapng, config.name,
                             config.type == FT_IF_ETHER ? PCAPNG_ETHER : PCAPNG_IP, config.mtu);
    return plain(ret);
}

static outcome call_if_set_mtu(struct replay *replay)
{
    return plain(ft_if_set_mtu(replay->stack, replay_int(&replay->call, 0),
                               (uint32_t)replay_arg(&replay->call, 1)));
}

static outcome call_addr(struct replay *replay)
{
    struct ft_addr addr = addr_of(replay, 1);
    int ifindex = replay_int(&replay->call, 0);

    if (replay->call.type == RECORD_ADDR_DEL)
        return plain(ft_addr_del(replay->stack, ifindex, &addr));
    return plain(ft_addr_add(replay->stack, ifindex, &addr, (unsigned)replay_arg(&replay->call, 3),
                             (unsigned)replay_arg(&replay->call, 4)));
}

static outcome call_route(struct replay *replay)
{
    const struct replay_record *call = &replay->call;
    struct ft_route_config config = {
        .size = (uint32_t)replay_arg(call, 0),
        .prefix = addr_of(replay, 1),
        .prefix_len = (uint8_t)replay_arg(call, 3),
        .gateway = addr_of(replay, 4),
        .ifindex = replay_int(call, 6),
        .metric = (uint32_t)replay_arg(call, 7),
    };

    if (call->type == RECORD_ROUTE_DEL)
        return plain(ft_route_del(replay->stack, &config));
    return plain(ft_route_add(replay->stack, &config));
}

static outcome call_tune(struct replay *replay)
{
    const struct replay_record *call = &replay->call;
    struct ft_tuning tuning = {
        .send_buffer = (uint32_t)replay_arg(call, 0),
        .send_buffer_auto_max = (uint32_t)replay_arg(call, 1),
        .recv_buffer = (uint32_t)replay_arg(call, 2),
        .recv_buffer_auto_max = (uint32_t)replay_arg(call, 3),
        .min_send_mss = (uint32_t)replay_arg(call, 4),
        .fastopen = (uint16_t)replay_arg(call, 5),
        .tcp_without = (uint16_t)replay_arg(call, 6),
        .ecn = (uint8_t)replay_arg(call, 7),
        .mtu_probing = (uint8_t)replay_arg(call, 8),
        .min_frame_segs = (uint8_t)replay_arg(call, 9),
        .tw_reuse = (uint8_t)replay_arg(call, 10),
    };

    if (call->len != sizeof(tuning.congestion))
        return senseless(replay, "a congestion control without a name");
    memcpy(tuning.congestion, call->data, sizeof(tuning.congestion));
    return plain(ft_tune(replay->stack, &tuning));
}

/* ---- time and frames ---------------------------------------------------------------------------
 */

static void capture(struct replay *replay, int ifindex, const struct ft_frame *frame, uint32_t skip,
                    enum pcapng_direction direction)
{
    struct ft_span spans[1 + FT_SPANS_MAX];
    struct pcapng_packet packet = {.spans = spans, .direction = direction};

    if (replay->pcapng == NULL || ifindex < 0 || ifindex >= REPLAY_IFS ||
        !replay->ifs[ifindex].there || frame->len < skip)
        return;
    packet.interface = replay->ifs[ifindex].capture;
    packet.at = replay->result->at;
    packet.n_spans = 1u + frame->n_spans;
    spans[0] = (struct ft_span){frame->buf + skip, frame->len - skip};
    memcpy(spans + 1, frame->spans, frame->n_spans * sizeof(spans[0]));
    (void)pcapng_write(replay->pcapng, &packet); /* pcapng_close() tells of an error */
}

static outcome call_advance(struct replay *replay)
{
    ft_advance(replay->stack, replay_arg(&replay->call, 0));
    return plain(0);
}

static outcome call_input(struct replay *replay)
{
    int ifindex = replay_int(&replay->call, 0);

    for (size_t i = 0; i < replay->n_frames; i++)
        capture(replay, ifindex, &replay->frames[i], 0, PCAPNG_IN);
    ft_input(replay->stack, ifindex, replay->frames, replay->n_frames,
             replay_arg(&replay->call, 2));
    return plain(0);
}

/* Frames with the room that they had. Only as many as may be out at a time can be written to. */
static struct ft_frame *make_frames(struct replay *replay, size_t n)
{
    const struct replay_record *call = &replay->call;
    int ifindex = replay_int(call, 0);
    uint32_t headroom = ifindex >= 0 && ifindex < REPLAY_IFS ? replay->ifs[ifindex].headroom : 0;
    struct ft_frame *frames = replay_room(replay, &replay->out_frames, (n + 1) * sizeof(*frames));
    size_t at = 0, size = 0;
    uint8_t *buf;

    if (frames == NULL)
        return NULL;
    for (size_t run = 0; run < call->len / 24; run++) {
        uint64_t len = le64_load(call->data + run * 24), cap = le64_load(call->data + run * 24 + 8);
        uint64_t flags = le64_load(call->data + run * 24 + 16);

        if (len > n - at || cap > UINT32_MAX || cap < headroom + FT_HEADERS_MAX)
            return NULL;
        for (; len > 0; len--, at++) {
            frames[at] = (struct ft_frame){.cap = (uint32_t)cap,
                                           .flags = (uint16_t)(flags & FT_FRAME_LINEAR)};
            size += at < replay->outs_max ? (size_t)cap : 0;
            if (size > REPLAY_ARENA_MAX)
                return NULL;
        }
    }
    buf = at == n ? replay_room(replay, &replay->room, size + 1) : NULL;
    for (size_t i = 0; buf != NULL && i < n && i < replay->outs_max; i++) {
        frames[i].buf = buf;
        buf += frames[i].cap;
    }
    return buf == NULL ? NULL : frames;
}

/* A frame that went out is compared with what is known of the one that went out then. */
static void compare(struct replay *replay, const struct ft_frame *frame, size_t i)
{
    int ifindex = replay_int(&replay->call, 0);
    uint32_t headroom = ifindex >= 0 && ifindex < REPLAY_IFS ? replay->ifs[ifindex].headroom : 0;
    unsigned long long number = (unsigned long long)replay->result->n_frames + 1;
    unsigned long long len = (unsigned long long)record_frame_len(frame), then;
    const uint8_t *mark = replay->ret.data + i * 16;

    capture(replay, ifindex, frame, headroom, PCAPNG_OUT);
    if (!replay->has_ret || replay->over)
        return;
    if (i >= replay->ret.len / 16) {
        replay_stop(replay, REPLAY_DIVERGED,
                    "frame %llu, on interface %d, %llu octets: it was not sent", number, ifindex,
                    len);
        return;
    }
    then = le64_load(mark);
    if (len != then)
        replay_stop(replay, REPLAY_DIVERGED,
                    "frame %llu, on interface %d: %llu octets long, was %llu", number, ifindex, len,
                    then);
    else if (record_hash_frame(frame, headroom) != le64_load(mark + 8))
        replay_stop(replay, REPLAY_DIVERGED,
                    "frame %llu, on interface %d, %llu octets: not the octets that it had", number,
                    ifindex, len);
    else
        replay->result->n_frames++;
}

static outcome call_output(struct replay *replay)
{
    uint64_t n = replay_arg(&replay->call, 1);
    struct ft_frame *frames = n > REPLAY_OUTS_MAX ? NULL : make_frames(replay, (size_t)n);
    size_t got;

    if (frames == NULL)
        return senseless(replay, "frames to be written to that no host has");
    got = ft_output(replay->stack, replay_int(&replay->call, 0), frames, (size_t)n,
                    replay_arg(&replay->call, 2));
    for (size_t i = 0; i < got; i++) {
        if (frames[i].cookie < replay->outs_max)
            replay->is_out[frames[i].cookie] = 1;
        compare(replay, &frames[i], i);
    }
    if (replay->has_ret && got < replay->ret.len / 16)
        replay_stop(replay, REPLAY_DIVERGED,
                    "frame %llu, on interface %d, %llu octets: it is not sent any more",
                    (unsigned long long)replay->result->n_frames + 1, replay_int(&replay->call, 0),
                    (unsigned long long)le64_load(replay->ret.data + got * 16));
    return plain((int64_t)got);
}

static outcome call_output_done(struct replay *replay)
{
    const struct replay_record *call = &replay->call;
    uint64_t n = replay_arg(call, 1);
    struct ft_frame *frames;

    if (n != call->len / 8 || call->len % 8 != 0)
        return senseless(replay, "frames without their marks");
    frames = replay_room(replay, &replay->out_frames, ((size_t)n + 1) * sizeof(*frames));
    for (size_t i = 0; frames != NULL && i < n; i++) {
        uint64_t cookie = le64_load(call->data + 8 * i);

        if (cookie >= replay->outs_max || !replay->is_out[cookie])
            return senseless(replay, "a frame given back that was not out");
        replay->is_out[cookie] = 0;
        frames[i] = (struct ft_frame){.cookie = cookie};
    }
    if (frames != NULL)
        ft_output_done(replay->stack, replay_int(call, 0), frames, (size_t)n,
                       (size_t)replay_arg(call, 2));
    return plain(0);
}

/* ---- sockets: life and names -------------------------------------------------------------------
 */

static outcome call_socket(struct replay *replay)
{
    return plain(ft_socket(replay->stack, replay_int(&replay->call, 0),
                           replay_int(&replay->call, 1), replay_int(&replay->call, 2)));
}

static outcome call_name(struct replay *replay)
{
    const struct replay_record *call = &replay->call;
    socklen_t len = (socklen_t)replay_arg(call, 1);
    struct sockaddr_storage storage = {0};
    const struct sockaddr *addr = NULL;

    if (replay_arg(call, 2) != 0)
        addr = (const struct sockaddr *)&storage;
    if (call->len != (addr == NULL ? 0 : len < RECORD_NAME_MAX ? len : RECORD_NAME_MAX))
        return senseless(replay, "a socket name cut short");
    memcpy(&storage, call->data, call->len);
    if (call->type == RECORD_BIND)
        return plain(ft_bind(replay->stack, sock_of(replay), addr, len));
    return plain(ft_connect(replay->stack, sock_of(replay), addr, len));
}

static outcome call_accept(struct replay *replay)
{
    socklen_t room = (socklen_t)replay_arg(&replay->call, 1), len = room;
    struct sockaddr_storage name;
    ft_sock ret;

    memset(&name, 0, sizeof(name));
    if (replay_arg(&replay->call, 2) == 0)
        return plain(ft_accept(replay->stack, sock_of(replay), NULL, NULL));
    ret = ft_accept(replay->stack, sock_of(replay), (struct sockaddr *)&name, &len);
    return (outcome){ret, ret >= 0 ? record_hash_value(&name, room, len) : 0};
}

/* Calls of a socket and one number or none. */
static outcome call_sock(struct replay *replay)
{
    struct ft_stack *stack = replay->stack;
    ft_sock sock = sock_of(replay);

    if (replay->call.type == RECORD_CLOSE)
        return plain(ft_close(stack, sock));
    if (replay->call.type == RECORD_ABORT)
        return plain(ft_abort(stack, sock));
    if (replay->call.type == RECORD_LISTEN)
        return plain(ft_listen(stack, sock, replay_int(&replay->call, 1)));
    return plain(ft_shutdown(stack, sock, replay_int(&replay->call, 1)));
}

/* ---- messages ----------------------------------------------------------------------------------
 */

/* The pieces of a message, out of their lengths. They share one room. Return: false: senseless. */
static bool make_pieces(struct replay *replay, const uint8_t *lens, size_t n, struct msghdr *msg,
                        size_t *ret_total)
{
    struct iovec *iov = replay_room(replay, &replay->pieces, (n + 1) * sizeof(*iov));
    size_t total = 0;
    uint8_t *at;

    for (size_t i = 0; iov != NULL && i < n; i++) {
        uint64_t len = le64_load(lens + 8 * i);

        if (len > RECORD_IOV_MAX - total)
            return false;
        iov[i].iov_len = (size_t)len;
        total += (size_t)len;
    }
    at = iov == NULL ? NULL : replay_room(replay, &replay->room, total + 1);
    for (size_t i = 0; at != NULL && i < n; i++) {
        iov[i].iov_base = at;
        at += iov[i].iov_len;
    }
    msg->msg_iov = iov;
    msg->msg_iovlen = n;
    *ret_total = total;
    return at != NULL;
}

static outcome call_sendmsg(struct replay *replay)
{
    const struct replay_record *call = &replay->call;
    uint64_t name_len = replay_arg(call, 2), control_len = replay_arg(call, 3);
    struct sockaddr_storage name = {0};
    struct msghdr msg = {0};
    size_t kept = 0, total;
    outcome out;

    if (name_len != RECORD_NULL) {
        msg.msg_name = &name;
        msg.msg_namelen = (socklen_t)name_len;
        kept = name_len < RECORD_NAME_MAX ? (size_t)name_len : RECORD_NAME_MAX;
    }
    if (control_len == RECORD_NULL)
        control_len = 0;
    if (kept > call->len || control_len > call->len - kept ||
        (call->len - kept - control_len) % 8 != 0)
        return senseless(replay, "a message cut short");
    memcpy(&name, call->data, kept);
    if (!make_pieces(replay, call->data + kept + control_len,
                     (call->len - kept - (size_t)control_len) / 8, &msg, &total))
        return senseless(replay, "a message that nobody sends");
    if (replay->has_ret && replay->ret.len > total)
        return senseless(replay, "more octets sent than there were");
    if (replay->has_ret)
        memcpy(replay->room.ptr, replay->ret.data, replay->ret.len);
    else
        memset(replay->room.ptr, 0, total); /* unknown: it broke off before they were written */
    if (replay_arg(call, 3) != RECORD_NULL && control_len > 0) {
        /* Aligned as a caller has it. */
        msg.msg_control = malloc((size_t)control_len);
        msg.msg_controllen = (size_t)control_len;
        if (msg.msg_control == NULL)
            return senseless(replay, "more control messages than there is memory");
        memcpy(msg.msg_control, call->data + kept, (size_t)control_len);
    }
    out = plain(ft_sendmsg(replay->stack, sock_of(replay), &msg, replay_int(call, 1)));
    free(msg.msg_control);
    return out;
}

static outcome call_recvmsg(struct replay *replay)
{
    const struct replay_record *call = &replay->call;
    uint64_t name_len = replay_arg(call, 2), control_len = replay_arg(call, 3);
    struct sockaddr_storage name;
    struct msghdr msg = {0};
    size_t total;
    ssize_t ret;
    outcome out;

    memset(&name, 0, sizeof(name));
    if (call->len % 8 != 0 || !make_pieces(replay, call->data, call->len / 8, &msg, &total) ||
        (control_len > CONTROL_MAX && control_len != RECORD_NULL))
        return senseless(replay, "room for a message that nobody has");
    if (name_len != RECORD_NULL) {
        msg.msg_name = &name;
        msg.msg_namelen = (socklen_t)name_len;
    }
    if (control_len != RECORD_NULL) {
        msg.msg_control = calloc(1, (size_t)control_len + 1);
        msg.msg_controllen = (size_t)control_len;
        if (msg.msg_control == NULL)
            return senseless(replay, "room for a message that nobody has");
    }
    ret = ft_recvmsg(replay->stack, sock_of(replay), &msg, replay_int(call, 1));
    out = (outcome){ret, ret >= 0 ? record_hash_msg(&msg, (socklen_t)name_len, (uint64_t)ret) : 0};
    free(msg.msg_control);
    return out;
}

/* ---- options -----------------------------------------------------------------------------------
 */

/* An array that is longer than the room here: how many keys there are is answered all the same. */
static void fit_keys(uint8_t *value, socklen_t one)
{
    const size_t at = offsetof(struct ft_tcp_ao_key, nkeys);
    uint32_t n, most = one > 0 ? RECORD_OPT_MAX / one : 0;

    if (one < at + sizeof(n))
        return;
    memcpy(&n, value + at, sizeof(n));
    n = n < most ? n : most;
    memcpy(value + at, &n, sizeof(n));
}

static outcome call_getsockopt(struct replay *replay)
{
    const struct replay_record *call = &replay->call;
    socklen_t room = (socklen_t)replay_arg(call, 3), len;
    uint8_t *value;
    int ret;

    room = room < RECORD_OPT_MAX ? room : RECORD_OPT_MAX;
    len = room;
    if (replay_arg(call, 4) == 0)
        return plain(ft_getsockopt(replay->stack, sock_of(replay), replay_int(call, 1),
                                   replay_int(call, 2), NULL, NULL));
    value = replay_room(replay, &replay->room, RECORD_OPT_MAX);
    if (value == NULL)
        return plain(0);
    if (call->len > room)
        return senseless(replay, "an option that asks for too much");
    memcpy(value, call->data, call->len);
    if (replay_int(call, 2) == FT_TCP_AO_GET_KEYS && call->len > 0)
        fit_keys(value, room);
    ret = ft_getsockopt(replay->stack, sock_of(replay), replay_int(call, 1), replay_int(call, 2),
                        value, &len);
    return (outcome){ret, ret == 0 ? record_hash_value(value, room, len) : 0};
}

static outcome call_setsockopt(struct replay *replay)
{
    const struct replay_record *call = &replay->call;
    socklen_t len = (socklen_t)replay_arg(call, 3);
    uint8_t *value = replay_room(replay, &replay->room, call->len + 1);

    if (value == NULL)
        return plain(0);
    memcpy(value, call->data, call->len);
    if (replay_arg(call, 4) == 0)
        value = NULL;
    else if (call->len != (len < RECORD_OPT_MAX ? len : RECORD_OPT_MAX))
        return senseless(replay, "an option cut short");
    return plain(ft_setsockopt(replay->stack, sock_of(replay), replay_int(call, 1),
                               replay_int(call, 2), value,
                               len < RECORD_OPT_MAX ? len : RECORD_OPT_MAX));
}

/* ---- without copies ----------------------------------------------------------------------------
 */

static void forget_pin(struct replay *replay, ft_sock sock)
{
    for (struct replay_pin **at = &replay->pins; *at != NULL; at = &(*at)->next) {
        struct replay_pin *pin = *at;

        if (pin->sock != sock)
            continue;
        *at = pin->next;
        free(pin);
        return;
    }
}

static outcome call_peek(struct replay *replay)
{
    uint64_t n = replay_arg(&replay->call, 1);
    struct ft_span spans[FT_SPANS_MAX];
    ssize_t ret =
        ft_peek(replay->stack, sock_of(replay), spans, n < FT_SPANS_MAX ? (size_t)n : FT_SPANS_MAX);

    return (outcome){ret, ret > 0 ? record_hash_spans(spans, (size_t)ret, true) : 0};
}

static outcome call_reserve(struct replay *replay)
{
    const struct replay_record *call = &replay->call;
    uint64_t n = replay_arg(call, 2);
    struct replay_pin *pin = calloc(1, sizeof(*pin));
    ssize_t ret;

    if (pin == NULL)
        return senseless(replay, "more pins than there is memory");
    pin->sock = sock_of(replay);
    ret = ft_reserve(replay->stack, pin->sock, (size_t)replay_arg(call, 1), pin->spans,
                     n < FT_SPANS_MAX ? (size_t)n : FT_SPANS_MAX);
    if (ret <= 0) {
        free(pin);
        return plain(ret);
    }
    pin->n = (size_t)ret;
    pin->next = replay->pins;
    replay->pins = pin;
    return (outcome){ret, record_hash_spans(pin->spans, pin->n, false)};
}

static outcome call_commit(struct replay *replay)
{
    const struct replay_record *call = &replay->call;
    const struct replay_pin *pin = replay->pins;
    size_t at = 0;
    int ret;

    while (pin != NULL && pin->sock != sock_of(replay))
        pin = pin->next;
    for (size_t i = 0; pin != NULL && i < pin->n && at < call->len; i++) {
        size_t n = pin->spans[i].len < call->len - at ? pin->spans[i].len : call->len - at;

        memcpy(pin->spans[i].data, call->data + at, n);
        at += n;
    }
    if (at < call->len)
        return senseless(replay, "more octets than there was room for");
    ret = ft_commit(replay->stack, sock_of(replay), (size_t)replay_arg(call, 1));
    if (ret != -EINVAL && ret != -EBADF)
        forget_pin(replay, sock_of(replay));
    return plain(ret);
}

static outcome call_unpin(struct replay *replay)
{
    int ret = ft_unpin(replay->stack, sock_of(replay));

    if (ret == 0)
        forget_pin(replay, sock_of(replay));
    return plain(ret);
}

static outcome call_consume(struct replay *replay)
{
    return plain(ft_consume(replay->stack, sock_of(replay), (size_t)replay_arg(&replay->call, 1)));
}

/* ---- from stack to stack -----------------------------------------------------------------------
 */

/* No more room than the connection needs, however much there was then. */
static outcome call_export(struct replay *replay)
{
    uint64_t size = replay_arg(&replay->call, 1);
    ssize_t need = ft_export(replay->stack, sock_of(replay), NULL, 0), ret;
    void *state;

    if (replay_arg(&replay->call, 2) == 0 || need < 0)
        return plain(need);
    size = size < (size_t)need ? size : (size_t)need;
    state = replay_room(replay, &replay->room, (size_t)size + 1);
    if (state == NULL)
        return plain(0);
    ret = ft_export(replay->stack, sock_of(replay), state, (size_t)size);
    return (outcome){ret, record_hash_export(state, ret)};
}

static outcome call_import(struct replay *replay)
{
    if (replay->call.len != replay_arg(&replay->call, 0))
        return senseless(replay, "a connection cut short");
    return plain(ft_import(replay->stack, replay->call.data, replay->call.len));
}

/* ---- readiness ---------------------------------------------------------------------------------
 */

static outcome call_watch(struct replay *replay)
{
    return plain(ft_watch(replay->stack, sock_of(replay), (uint32_t)replay_arg(&replay->call, 1),
                          (void *)(uintptr_t)replay_arg(&replay->call, 2)));
}

static outcome call_events(struct replay *replay)
{
    uint64_t n = replay_arg(&replay->call, 0);
    struct ft_event *events;
    size_t got;

    n = n < EVENTS_MAX ? n : EVENTS_MAX;
    events = replay_room(replay, &replay->room, ((size_t)n + 1) * sizeof(*events));
    if (events == NULL)
        return plain(0);
    got = ft_events(replay->stack, events, (size_t)n);
    return (outcome){(int64_t)got, record_hash_events(events, got)};
}

/* ---- the table ---------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    unsigned n_args;
    outcome (*call)(struct replay *replay);
} calls[RECORD_TYPE_END] = {
    [RECORD_IF_ADD] = {"ft_if_add", 7, call_if_add},
    [RECORD_IF_SET_MTU] = {"ft_if_set_mtu", 2, call_if_set_mtu},
    [RECORD_ADDR_ADD] = {"ft_addr_add", 5, call_addr},
    [RECORD_ADDR_DEL] = {"ft_addr_del", 3, call_addr},
    [RECORD_ROUTE_ADD] = {"ft_route_add", 8, call_route},
    [RECORD_ROUTE_DEL] = {"ft_route_del", 8, call_route},
    [RECORD_ADVANCE] = {"ft_advance", 1, call_advance},
    [RECORD_INPUT] = {"ft_input", 3, call_input},
    [RECORD_OUTPUT] = {"ft_output", 3, call_output},
    [RECORD_OUTPUT_DONE] = {"ft_output_done", 3, call_output_done},
    [RECORD_SOCKET] = {"ft_socket", 3, call_socket},
    [RECORD_BIND] = {"ft_bind", 3, call_name},
    [RECORD_LISTEN] = {"ft_listen", 2, call_sock},
    [RECORD_ACCEPT] = {"ft_accept", 3, call_accept},
    [RECORD_CONNECT] = {"ft_connect", 3, call_name},
    [RECORD_SHUTDOWN] = {"ft_shutdown", 2, call_sock},
    [RECORD_CLOSE] = {"ft_close", 1, call_sock},
    [RECORD_ABORT] = {"ft_abort", 1, call_sock},
    [RECORD_SENDMSG] = {"ft_sendmsg", 4, call_sendmsg},
    [RECORD_RECVMSG] = {"ft_recvmsg", 4, call_recvmsg},
    [RECORD_GETSOCKOPT] = {"ft_getsockopt", 5, call_getsockopt},
    [RECORD_SETSOCKOPT] = {"ft_setsockopt", 5, call_setsockopt},
    [RECORD_PEEK] = {"ft_peek", 2, call_peek},
    [RECORD_CONSUME] = {"ft_consume", 2, call_consume},
    [RECORD_RESERVE] = {"ft_reserve", 3, call_reserve},
    [RECORD_COMMIT] = {"ft_commit", 2, call_commit},
    [RECORD_UNPIN] = {"ft_unpin", 1, call_unpin},
    [RECORD_WATCH] = {"ft_watch", 3, call_watch},
    [RECORD_EVENTS] = {"ft_events", 1, call_events},
    [RECORD_EXPORT] = {"ft_export", 3, call_export},
    [RECORD_IMPORT] = {"ft_import", 1, call_import},
    [RECORD_TUNE] = {"ft_tune", 11, call_tune},
};

const char *replay_call_name(enum record_type type)
{
    return type < RECORD_TYPE_END ? calls[type].name : NULL;
}

bool replay_call_fits(const struct replay_record *record)
{
    return replay_call_name(record->type) != NULL && calls[record->type].n_args == record->n_args;
}

struct replay_outcome replay_call(struct replay *replay)
{
    return calls[replay->call.type].call(replay);
}
