/* SPDX-License-Identifier: MIT */
/*
 * Two hosts on a lossy wire are recorded and run again: every frame is the same to the octet. What
 * is cut off, flipped or different is found and said. Time is virtual.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cmocka.h>

#include <fourtuple.h>
#include <fourtuple/malloc.h>
#include <fourtuple/tune.h>

#include "diag/replay.h"
#include "link/impair.h"
#include "wire/record.h"

#define FRAME_MAX 2048
#define BATCH     8
#define PORT      7000

struct buffer {
    uint8_t *data;
    size_t len, cap;
};

/* One end: its stack, the cable that leaves it, what was recorded, and how its memory is. */
struct end {
    struct ft_stack *stack;
    int ifindex;
    struct impair cable;
    struct buffer recording;
    unsigned n_allocs, refuse_every; /* 0: never */
    size_t n_refused;
};

struct pair {
    struct end ends[2];
    ft_time now;
    ft_sock listener, client, server;
    size_t sent, received;
    uint64_t sum;
};

static int keep(void *ctx, const void *data, size_t len)
{
    struct buffer *buffer = ctx;

    if (len > buffer->cap - buffer->len) {
        buffer->cap = (buffer->cap + len) * 2;
        buffer->data = realloc(buffer->data, buffer->cap);
        assert_non_null(buffer->data);
    }
    memcpy(buffer->data + buffer->len, data, len);
    buffer->len += len;
    return 0;
}

static void *give(void *ctx, size_t size)
{
    struct end *end = ctx;

    if (end->refuse_every != 0 && ++end->n_allocs % end->refuse_every == 0) {
        end->n_refused++;
        return NULL;
    }
    return malloc(size);
}

static void take_back(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    (void)size;
    free(ptr);
}

static struct sockaddr_in name_of(unsigned which)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(PORT)};

    name.sin_addr.s_addr = htonl(0x0a070001u + which);
    return name;
}

static void start(struct pair *pair, unsigned which, const struct impair_config *impair)
{
    struct end *end = &pair->ends[which];
    struct ft_record_sink sink = {keep, &end->recording};
    struct ft_if_config card = {.size = sizeof(card),
                                .name = "eth0",
                                .type = FT_IF_ETHER,
                                .mac = {2, 0, 0, 0, 0, (uint8_t)(which + 1)},
                                .mtu = 1500,
                                .headroom = 10};
    struct ft_addr addr = {0, UINT64_C(0xffff0a070001) + which};
    struct ft_config config;

    ft_config_init(&config);
    memset(config.seed, (int)which + 1, sizeof(config.seed));
    config.limits.send_buffer = config.limits.recv_buffer = 20000;
    config.allocator = (struct ft_allocator){give, take_back, end};
    assert_int_equal(ft_stack_new(&config, &end->stack), 0);
    assert_int_equal(ft_record_start(end->stack, &sink), 0);
    end->ifindex = ft_if_add(end->stack, &card);
    assert_true(end->ifindex > 0);
    assert_int_equal(ft_addr_add(end->stack, end->ifindex, &addr, 24, 0), 0);
    impair_init(&end->cable, impair, which);
}

static void send_frames(struct pair *pair, unsigned which)
{
    static uint8_t buffers[BATCH][FRAME_MAX];
    struct end *end = &pair->ends[which];
    struct ft_frame frames[BATCH];
    size_t n;

    do {
        for (size_t i = 0; i < BATCH; i++)
            frames[i] = (struct ft_frame){
                .buf = buffers[i], .cap = FRAME_MAX, .flags = i % 2 ? FT_FRAME_LINEAR : 0};
        /* What lies in the headroom is the link's own affair. */
        memset(buffers, (int)(pair->now & 0xff), sizeof(buffers));
        n = ft_output(end->stack, end->ifindex, frames, BATCH, pair->now);
        for (size_t i = 0; i < n; i++) {
            uint8_t whole[FRAME_MAX];
            size_t len = frames[i].len - 10;

            memcpy(whole, frames[i].buf + 10, len);
            for (size_t k = 0; k < frames[i].n_spans; k++) {
                memcpy(whole + len, frames[i].spans[k].data, frames[i].spans[k].len);
                len += frames[i].spans[k].len;
            }
            impair_put(&end->cable, whole, len, pair->now);
        }
        /* Now and then the link takes all but the last. */
        ft_output_done(end->stack, end->ifindex, frames, n,
                       n > 2 && pair->now % 7 == 0 ? n - 1 : n);
    } while (n > 0);
}

static void take_frames(struct pair *pair, unsigned which)
{
    struct end *end = &pair->ends[which];
    static uint8_t octets[FRAME_MAX];
    size_t len;

    while ((len = impair_take(&pair->ends[1 - which].cable, pair->now, octets, FRAME_MAX)) > 0) {
        struct ft_frame frame = {.buf = octets, .cap = FRAME_MAX, .len = (uint32_t)len};

        /* Half of them come in pieces. */
        if (len > 60 && pair->now % 2 == 0) {
            frame.len = 60;
            frame.spans[0] = (struct ft_span){octets + 60, len - 60};
            frame.n_spans = 1;
        }
        ft_input(end->stack, end->ifindex, &frame, 1, pair->now);
    }
}

/* Time passes to whatever is next. */
static void pass(struct pair *pair)
{
    ft_time next = FT_TIME_NEVER;

    for (unsigned i = 0; i < 2; i++)
        send_frames(pair, i);
    for (unsigned i = 0; i < 2; i++) {
        ft_time due = impair_deadline(&pair->ends[i].cable);
        ft_time timer = ft_deadline(pair->ends[i].stack);

        next = due < next ? due : next;
        next = timer < next ? timer : next;
    }
    if (next != FT_TIME_NEVER && next > pair->now)
        pair->now = next;
    for (unsigned i = 0; i < 2; i++) {
        ft_advance(pair->ends[i].stack, pair->now);
        take_frames(pair, i);
    }
}

/* ---- what the programs do ----------------------------------------------------------------------
 */

static void open_sockets(struct pair *pair)
{
    struct sockaddr_in name = name_of(1);
    struct ft_stack *client = pair->ends[0].stack, *server = pair->ends[1].stack;

    pair->listener = ft_socket(server, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(ft_bind(server, pair->listener, (const struct sockaddr *)&name, sizeof(name)),
                     0);
    assert_int_equal(ft_listen(server, pair->listener, 4), 0);
    assert_int_equal(ft_watch(server, pair->listener, FT_READABLE, pair), 0);
    pair->client = ft_socket(client, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(ft_watch(client, pair->client, FT_READABLE | FT_WRITABLE, &pair->client), 0);
    assert_int_equal(ft_connect(client, pair->client, (const struct sockaddr *)&name, sizeof(name)),
                     -EINPROGRESS);
    pair->server = -1;
}

/* Writes with and without a copy by turns. */
static void write_some(struct pair *pair, size_t total)
{
    struct ft_stack *stack = pair->ends[0].stack;
    uint8_t octets[5000];
    struct ft_span spans[FT_SPANS_MAX];
    ssize_t n;

    while (pair->sent < total) {
        size_t len = total - pair->sent < sizeof(octets) ? total - pair->sent : sizeof(octets);
        size_t at = 0;

        for (size_t i = 0; i < len; i++)
            octets[i] = (uint8_t)((pair->sent + i) * 31 >> 3);
        if (pair->sent / 3 % 2 == 0) {
            n = ft_send(stack, pair->client, octets, len, 0);
            if (n < 0)
                return;
            pair->sent += (size_t)n;
            continue;
        }
        n = ft_reserve(stack, pair->client, len, spans, FT_SPANS_MAX);
        if (n < 0)
            return;
        for (ssize_t i = 0; i < n; i++) {
            memcpy(spans[i].data, octets + at, spans[i].len);
            at += spans[i].len;
        }
        assert_int_equal(ft_commit(stack, pair->client, at), 0);
        pair->sent += at;
    }
}

static void note(struct pair *pair, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        assert_int_equal(data[i], (uint8_t)((pair->received + i) * 31 >> 3));
    pair->received += len;
}

/* Reads, too. False: the end of the stream. */
static bool read_some(struct pair *pair)
{
    struct ft_stack *stack = pair->ends[1].stack;
    struct sockaddr_in peer;
    socklen_t len = sizeof(peer);
    struct ft_span spans[2];
    uint8_t octets[3000];
    ssize_t n;

    if (pair->server < 0)
        pair->server = ft_accept(stack, pair->listener, (struct sockaddr *)&peer, &len);
    while (pair->server >= 0) {
        if (pair->received / 5 % 2 == 0) {
            n = ft_recv(stack, pair->server, octets, sizeof(octets), 0);
            if (n <= 0)
                return n != 0;
            note(pair, octets, (size_t)n);
            continue;
        }
        n = ft_peek(stack, pair->server, spans, 2);
        if (n <= 0)
            return n != 0;
        note(pair, spans[0].data, spans[0].len);
        assert_int_equal(ft_consume(stack, pair->server, spans[0].len), 0);
    }
    return true;
}

static void take_events(struct pair *pair)
{
    struct ft_event events[4];

    for (unsigned i = 0; i < 2; i++)
        while (ft_events(pair->ends[i].stack, events, 4) == 4)
            ;
}

static void transfer(struct pair *pair, size_t total)
{
    bool shut = false, open = true;

    while (open) {
        assert_true(pair->now < 3600 * FT_SEC);
        pass(pair);
        take_events(pair);
        write_some(pair, total);
        if (pair->sent == total && !shut)
            shut = ft_shutdown(pair->ends[0].stack, pair->client, SHUT_WR) == 0;
        open = read_some(pair);
    }
    assert_int_equal(pair->received, total);
}

/* Datagrams with names, control messages and options. */
/* What follows depends on it: sockets of the server begin with another buffer. */
static void tune_server(struct pair *pair)
{
    struct ft_stack *server = pair->ends[1].stack;
    struct ft_tuning tuning;

    ft_tuning(server, &tuning);
    tuning.recv_buffer = 12345;
    tuning.tcp_without = FT_TCP_NO_SACK;
    assert_int_equal(ft_tune(server, &tuning), 0);
    tuning.ecn = 99;
    assert_int_equal(ft_tune(server, &tuning), -EINVAL);
}

static void talk(struct pair *pair)
{
    struct ft_stack *client = pair->ends[0].stack, *server = pair->ends[1].stack;
    struct sockaddr_in name = name_of(1), from;
    ft_sock a = ft_socket(client, AF_INET, SOCK_DGRAM, 0);
    ft_sock b = ft_socket(server, AF_INET, SOCK_DGRAM, 0);
    char text[100] = "forty-two";
    uint8_t control[200];
    struct iovec iov[2] = {{text, 4}, {text + 4, 5}};
    struct msghdr msg = {
        .msg_name = &name, .msg_namelen = sizeof(name), .msg_iov = iov, .msg_iovlen = 2};
    int on = 1;
    socklen_t len = sizeof(on);

    tune_server(pair);
    assert_int_equal(ft_bind(server, b, (const struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(ft_setsockopt(server, b, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)), 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(ft_sendmsg(client, a, &msg, 0), 9);
        pass(pair);
        pass(pair);
    }
    memset(control, 0xee, sizeof(control)); /* padding is not the stack's */
    msg = (struct msghdr){.msg_name = &from,
                          .msg_namelen = sizeof(from),
                          .msg_iov = iov,
                          .msg_iovlen = 2,
                          .msg_control = control,
                          .msg_controllen = sizeof(control)};
    assert_int_equal(ft_recvmsg(server, b, &msg, 0), 9);
    assert_true(msg.msg_controllen > 0);
    assert_int_equal(ft_getsockopt(client, a, SOL_SOCKET, SO_ERROR, &on, &len), 0);
    assert_int_equal(ft_close(client, a), 0);
    assert_int_equal(ft_close(server, b), 0);
}

static void record(struct pair *pair, size_t total, unsigned refuse_every)
{
    struct impair_config impair;
    char err[100];

    memset(pair, 0, sizeof(*pair));
    memset(&impair, 0, sizeof(impair));
    pair->now = 5 * FT_SEC;
    assert_int_equal(
        impair_parse("delay=5ms,jitter=2ms,loss=2%,dup=1%,reorder=1%,corrupt=1%,seed=4", &impair,
                     err, sizeof(err)),
        0);
    impair.l2_len = 14;
    for (unsigned i = 0; i < 2; i++)
        start(pair, i, &impair);
    open_sockets(pair);
    for (unsigned i = 0; i < 2; i++)
        pair->ends[i].refuse_every = refuse_every;
    transfer(pair, total);
    for (unsigned i = 0; i < 2; i++)
        pair->ends[i].refuse_every = 0;
    talk(pair);
    ft_stack_free(pair->ends[0].stack);
    assert_int_equal(ft_record_stop(pair->ends[1].stack), 0);
    assert_int_equal(ft_record_stop(pair->ends[1].stack), -ENOENT);
    ft_stack_free(pair->ends[1].stack);
}

static void end(struct pair *pair)
{
    for (unsigned i = 0; i < 2; i++) {
        impair_fini(&pair->ends[i].cable);
        free(pair->ends[i].recording.data);
    }
}

static struct replay_result replay(const uint8_t *data, size_t len)
{
    struct replay_options options = {.until = FT_TIME_NEVER};
    struct replay_result result;

    replay_run(data, len, &options, &result);
    return result;
}

static void must_equal(const struct buffer *recording, uint64_t n_frames)
{
    struct replay_result result = replay(recording->data, recording->len);

    if (result.end != REPLAY_EQUAL)
        fail_msg("%s", result.why);
    assert_true(result.n_frames >= n_frames);
    assert_false(result.other_build);
}

/* ---- tests -------------------------------------------------------------------------------------
 */

static void transfer_over_a_lossy_wire_replays_to_the_octet(void **state)
{
    struct pair pair;

    (void)state;
    record(&pair, 300000, 0);
    must_equal(&pair.ends[0].recording, 200);
    must_equal(&pair.ends[1].recording, 50);
    end(&pair);
}

static void refused_memory_is_refused_again(void **state)
{
    struct pair pair;

    (void)state;
    record(&pair, 100000, 5);
    assert_true(pair.ends[0].n_refused + pair.ends[1].n_refused > 0);
    must_equal(&pair.ends[0].recording, 60);
    must_equal(&pair.ends[1].recording, 20);
    end(&pair);
}

static void every_recording_cut_short_is_told(void **state)
{
    struct pair pair;
    const struct buffer *recording = &pair.ends[0].recording;

    (void)state;
    record(&pair, 2000, 0);
    for (size_t len = 0; len < recording->len; len++) {
        /* A copy of exactly this size: a sanitizer sees a read beyond it. */
        uint8_t *copy = malloc(len + 1);
        struct replay_result result;

        assert_non_null(copy);
        memcpy(copy + 1, recording->data, len);
        result = replay(copy + 1, len);
        assert_int_equal(result.end, REPLAY_DAMAGED);
        assert_true(result.why[0] != '\0');
        free(copy);
    }
    must_equal(recording, 10);
    end(&pair);
}

static void every_flipped_bit_is_found(void **state)
{
    struct pair pair;
    struct buffer *recording = &pair.ends[1].recording;

    (void)state;
    record(&pair, 2000, 0);
    for (size_t at = 0; at < recording->len; at++) {
        recording->data[at] ^= (uint8_t)(1 << at % 8);
        assert_int_equal(replay(recording->data, recording->len).end, REPLAY_DAMAGED);
        recording->data[at] ^= (uint8_t)(1 << at % 8);
    }
    must_equal(recording, 5);
    end(&pair);
}

/* Makes the check of the record at @at good again. Returns where the next one is. */
static size_t mend(struct buffer *recording, size_t at)
{
    size_t whole = RECORD_HEAD + le32_load(recording->data + at);
    struct record_hash hash;

    record_hash_init(&hash);
    record_hash_add(&hash, recording->data + at, whole);
    le64_store(recording->data + at + whole, record_hash_end(&hash));
    return at + whole + RECORD_CHECK;
}

static size_t find(struct buffer *recording, enum record_type type, size_t n)
{
    size_t at = RECORD_FILE_HEAD;

    while (at < recording->len && (recording->data[at + 4] != type || n-- > 0))
        at = mend(recording, at);
    assert_true(at < recording->len);
    return at;
}

static void a_frame_that_differs_is_named_with_its_time(void **state)
{
    struct pair pair;
    struct buffer *recording = &pair.ends[0].recording;
    struct replay_result result;
    uint64_t n_sent = 0, n_before = 0;
    char name[60];
    size_t at = 0;

    (void)state;
    record(&pair, 20000, 0);
    for (size_t i = 0; n_sent < 7; i++) {
        at = mend(recording, find(recording, RECORD_OUTPUT, i)); /* its RET */
        n_before = n_sent;
        n_sent += le64_load(recording->data + at + RECORD_HEAD);
    }
    recording->data[at + RECORD_HEAD + 16 + 8] ^= 1; /* the hash of its first frame */
    (void)mend(recording, at);
    result = replay(recording->data, recording->len);
    assert_int_equal(result.end, REPLAY_DIVERGED);
    assert_true(result.at > 0);
    assert_int_equal(result.n_frames, n_before);
    (void)snprintf(name, sizeof(name), "frame %d, on interface 1", (int)n_before + 1);
    assert_non_null(strstr(result.why, name));
    end(&pair);
}

static void an_answer_that_differs_is_named(void **state)
{
    struct pair pair;
    struct buffer *recording = &pair.ends[0].recording;
    struct replay_result result;
    size_t at;

    (void)state;
    record(&pair, 2000, 0);
    at = mend(recording, find(recording, RECORD_CONNECT, 0)); /* its RET */
    recording->data[at + RECORD_HEAD] ^= 1;
    (void)mend(recording, at);
    result = replay(recording->data, recording->len);
    assert_int_equal(result.end, REPLAY_DIVERGED);
    assert_non_null(strstr(result.why, "ft_connect"));
    end(&pair);
}

static void a_recording_of_another_build_is_told_apart(void **state)
{
    struct pair pair;
    struct buffer *recording = &pair.ends[0].recording;
    struct replay_result result;
    size_t at;

    (void)state;
    record(&pair, 2000, 0);
    assert_true(strcmp(ft_record_build(), "unknown") != 0);
    at = find(recording, RECORD_BUILD, 0);
    recording->data[at + RECORD_HEAD] ^= 1;
    (void)mend(recording, at);
    result = replay(recording->data, recording->len);
    assert_int_equal(result.end, REPLAY_EQUAL);
    assert_true(result.other_build);
    end(&pair);
}

static void a_replay_ends_where_it_is_told(void **state)
{
    struct replay_options options = {.until = 100 * FT_MS};
    struct replay_result some, all;
    struct pair pair;
    const struct buffer *recording = &pair.ends[0].recording;

    (void)state;
    record(&pair, 100000, 0);
    all = replay(recording->data, recording->len);
    replay_run(recording->data, recording->len, &options, &some);
    assert_int_equal(some.end, REPLAY_EQUAL);
    assert_true(some.at <= 100 * FT_MS && all.at > 100 * FT_MS);
    assert_true(some.n_frames > 0 && some.n_frames < all.n_frames);
    end(&pair);
}

static int refuse(void *ctx, const void *data, size_t len)
{
    int *n_left = ctx;

    (void)data;
    (void)len;
    return --*n_left < 0 ? -ENOSPC : 0;
}

static void a_sink_that_fails_ends_the_recording_not_the_stack(void **state)
{
    struct ft_addr addr = {0, UINT64_C(0xffff0a070001)};
    struct ft_config config;
    struct ft_stack *stack;
    int n_left = 0;
    struct ft_record_sink sink = {refuse, &n_left};

    (void)state;
    ft_config_init(&config);
    config.seed[0] = 1;
    ft_config_use_malloc(&config);
    assert_int_equal(ft_stack_new(&config, &stack), 0);
    assert_int_equal(ft_record_start(stack, &sink), -ENOSPC);
    n_left = 5;
    assert_int_equal(ft_record_start(stack, NULL), -EINVAL);
    assert_int_equal(ft_record_start(stack, &sink), 0);
    assert_int_equal(ft_record_start(stack, &sink), -EALREADY);
    for (int i = 0; i < 10; i++)
        assert_int_equal(ft_addr_add(stack, 1, &addr, 24, 0), -ENODEV);
    ft_advance(stack, 1);
    assert_int_equal(ft_record_stop(stack), -ENOSPC);
    assert_int_equal(ft_record_start(stack, &sink), -EBUSY); /* it has been used */
    ft_stack_free(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transfer_over_a_lossy_wire_replays_to_the_octet),
        cmocka_unit_test(refused_memory_is_refused_again),
        cmocka_unit_test(every_recording_cut_short_is_told),
        cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test(a_frame_that_differs_is_named_with_its_time),
        cmocka_unit_test(an_answer_that_differs_is_named),
        cmocka_unit_test(a_recording_of_another_build_is_told_apart),
        cmocka_unit_test(a_replay_ends_where_it_is_told),
        cmocka_unit_test(a_sink_that_fails_ends_the_recording_not_the_stack),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
