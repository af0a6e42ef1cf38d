/* SPDX-License-Identifier: MIT */
/*
 * The reader of recordings. An input that begins with an even octet is a recording itself; else it
 * is a list of changes (where, where, which bits) to a small true one, whose checks are made good
 * again, so that the changes reach the calls.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include <fourtuple.h>
#include <fourtuple/malloc.h>

#include "diag/replay.h"
#include "wire/record.h"

#include "support.h"

#define RECORDING_MAX 32768
#define MEMORY_MAX    (UINT64_C(64) << 20)

struct recording {
    uint8_t octets[RECORDING_MAX];
    size_t len;
};

static int keep(void *ctx, const void *data, size_t len)
{
    struct recording *recording = ctx;

    if (len > RECORDING_MAX - recording->len)
        abort();
    memcpy(recording->octets + recording->len, data, len);
    recording->len += len;
    return 0;
}

static void exchange(struct ft_stack *stack, int ifindex, ft_time now)
{
    static uint8_t buffers[4][2048];
    struct ft_frame frames[4];
    size_t n;

    for (size_t i = 0; i < 4; i++)
        frames[i] = (struct ft_frame){.buf = buffers[i], .cap = sizeof(buffers[i])};
    n = ft_output(stack, ifindex, frames, 4, now);
    ft_input(stack, ifindex, frames, n, now);
    ft_output_done(stack, ifindex, frames, n, n);
}

static void talk(struct ft_stack *stack, int ifindex)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(80)};
    ft_sock listener = ft_socket(stack, AF_INET, SOCK_STREAM, 0), server;
    ft_sock client = ft_socket(stack, AF_INET, SOCK_STREAM, 0);
    ft_sock udp = ft_socket(stack, AF_INET, SOCK_DGRAM, 0);
    struct ft_span spans[2];
    struct ft_event events[4];
    uint8_t octets[100] = {1};
    int on = 1;

    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)ft_bind(stack, listener, (struct sockaddr *)&name, sizeof(name));
    (void)ft_listen(stack, listener, 2);
    (void)ft_watch(stack, client, FT_WRITABLE, NULL);
    (void)ft_connect(stack, client, (struct sockaddr *)&name, sizeof(name));
    (void)ft_setsockopt(stack, udp, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
    (void)ft_connect(stack, udp, (struct sockaddr *)&name, sizeof(name));
    (void)ft_send(stack, udp, octets, 10, 0);
    for (ft_time now = 1; now < 6; now++)
        exchange(stack, ifindex, now * FT_MS);
    server = ft_accept(stack, listener, NULL, NULL);
    (void)ft_send(stack, client, octets, sizeof(octets), 0);
    if (ft_reserve(stack, client, 50, spans, 2) > 0)
        (void)ft_commit(stack, client, 20);
    for (ft_time now = 6; now < 9; now++)
        exchange(stack, ifindex, now * FT_MS);
    (void)ft_events(stack, events, 4);
    if (ft_peek(stack, server, spans, 2) > 0)
        (void)ft_consume(stack, server, 30);
    (void)ft_recv(stack, server, octets, sizeof(octets), 0);
    (void)ft_close(stack, client);
    for (ft_time now = 9; now < 12; now++)
        exchange(stack, ifindex, now * FT_MS);
}

/* A host that talks to itself. */
static void make(struct recording *recording)
{
    struct ft_record_sink sink = {keep, recording};
    struct ft_if_config loop = {
        .size = sizeof(loop), .name = "lo", .type = FT_IF_LOOPBACK, .mtu = 1500};
    struct ft_config config;
    struct ft_stack *stack;
    int ifindex;

    ft_config_init(&config);
    ft_config_use_malloc(&config);
    config.seed[0] = 1;
    if (ft_stack_new(&config, &stack) != 0 || ft_record_start(stack, &sink) != 0)
        abort();
    ifindex = ft_if_add(stack, &loop);
    talk(stack, ifindex);
    ft_stack_free(stack);
}

/* Makes the checks good, as far as records follow one another. */
static void mend(uint8_t *octets, size_t len)
{
    size_t at = RECORD_FILE_HEAD;

    while (len - at >= RECORD_HEAD + RECORD_CHECK) {
        size_t body = le32_load(octets + at);
        struct record_hash hash;

        if (body > len - at - RECORD_HEAD - RECORD_CHECK)
            return;
        record_hash_init(&hash);
        record_hash_add(&hash, octets + at, RECORD_HEAD + body);
        le64_store(octets + at + RECORD_HEAD + body, record_hash_end(&hash));
        at += RECORD_HEAD + body + RECORD_CHECK;
    }
}

static void replay(const uint8_t *data, size_t len)
{
    struct replay_options options = {.until = FT_TIME_NEVER, .memory_max = MEMORY_MAX};
    struct replay_result result;

    replay_run(data, len, &options, &result);
    if (result.end != REPLAY_EQUAL && result.why[0] == '\0')
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct recording recording;
    uint8_t *copy;

    if (recording.len == 0)
        make(&recording);
    if (size == 0 || data[0] % 2 == 0) {
        replay(data, size);
        return 0;
    }
    copy = malloc(recording.len);
    if (copy == NULL)
        return 0;
    memcpy(copy, recording.octets, recording.len);
    /* One to four changes: the more, the less is left of what was true. */
    for (size_t i = 1; i + 3 <= size && i < 4 + 3 * (data[0] / 2u % 4); i += 3)
        copy[((size_t)data[i] << 8 | data[i + 1]) % recording.len] ^= data[i + 2];
    mend(copy, recording.len);
    replay(copy, recording.len);
    free(copy);
    return 0;
}
