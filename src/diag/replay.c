/* SPDX-License-Identifier: MIT */
/*
 * The player of recordings: reads records, checks that they are whole, gives the stack the memory
 * that it had, and judges what comes of each call. The calls themselves are in replay_calls.c.
 */
#include "diag/replay.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "diag/replay_priv.h"
#include "diag/trace.h"

void replay_stop(struct replay *replay, enum replay_end end, const char *format, ...)
{
    va_list args;

    if (replay->over)
        return;
    replay->over = true;
    replay->result->end = end;
    va_start(args, format);
    (void)vsnprintf(replay->result->why, sizeof(replay->result->why), format, args);
    va_end(args);
}

void *replay_room(struct replay *replay, struct replay_room *room, size_t size)
{
    if (size > room->size) {
        uint8_t *more = realloc(room->ptr, size);

        if (more == NULL) {
            replay_stop(replay, REPLAY_FAILED, "there is not enough memory");
            return NULL;
        }
        room->ptr = more;
        room->size = size;
    }
    return room->ptr;
}

/* ---- records ----------------------------------------------------------------------------------
 */

static void damaged(struct replay *replay, const char *what)
{
    replay_stop(replay, REPLAY_DAMAGED, "octet %zu: %s", replay->at, what);
}

/* The next record; false after damaged(). */
static bool next(struct replay *replay, struct replay_record *ret)
{
    const uint8_t *p = replay->data + replay->at;
    size_t left = replay->len - replay->at, body, n_args;
    struct record_hash hash;

    if (left == 0) {
        damaged(replay, "the recording ends here, in the midst of the run");
        return false;
    }
    if (left >= RECORD_HEAD && le64_load(p) == 0) {
        damaged(replay, "nothing was written from here on");
        return false;
    }
    if (left < RECORD_HEAD + RECORD_CHECK) {
        damaged(replay, "the recording is cut off");
        return false;
    }
    body = le32_load(p);
    n_args = p[5];
    if (body > left - RECORD_HEAD - RECORD_CHECK || n_args * 8 > body) {
        damaged(replay, "the recording is cut off, or this record is damaged");
        return false;
    }
    record_hash_init(&hash);
    record_hash_add(&hash, p, RECORD_HEAD + body);
    if (record_hash_end(&hash) != le64_load(p + RECORD_HEAD + body) ||
        (p[6] | p[7] << 8) != replay->number) {
        damaged(replay, "this record is damaged");
        return false;
    }
    *ret = (struct replay_record){
        .type = (enum record_type)p[4],
        .n_args = (unsigned)n_args,
        .args = p + RECORD_HEAD,
        .data = p + RECORD_HEAD + n_args * 8,
        .len = body - n_args * 8,
    };
    replay->number++;
    replay->at += RECORD_HEAD + body + RECORD_CHECK;
    return true;
}

/* ---- memory -----------------------------------------------------------------------------------
 */

static void *give(void *ctx, size_t size)
{
    struct replay *replay = ctx;
    uint64_t most = replay->options->memory_max;
    void *ptr = NULL;

    replay->n_allocs++;
    if (replay->refused_at < replay->n_refused &&
        replay->refused[replay->refused_at] == replay->n_allocs) {
        replay->refused_at++;
        return NULL;
    }
    if (most == 0 || (replay->n_memory <= most && size <= most - replay->n_memory))
        ptr = malloc(size);
    if (ptr == NULL)
        replay_stop(replay, REPLAY_FAILED, "there is not enough memory");
    else
        replay->n_memory += size;
    return ptr;
}

static void take_back(void *ctx, void *ptr, size_t size)
{
    struct replay *replay = ctx;

    replay->n_memory -= size;
    free(ptr);
}

static bool add_refused(struct replay *replay, const struct replay_record *record)
{
    if (record->n_args < 1) {
        damaged(replay, "a refusal of memory that says too little");
        return false;
    }
    if (replay->n_refused == replay->refused_cap) {
        size_t cap = replay->refused_cap * 2 + 16;
        uint64_t *more = realloc(replay->refused, cap * sizeof(*more));

        if (more == NULL) {
            replay_stop(replay, REPLAY_FAILED, "there is not enough memory");
            return false;
        }
        replay->refused = more;
        replay->refused_cap = cap;
    }
    replay->refused[replay->n_refused++] = replay_arg(record, 0);
    return true;
}

/* ---- the begin ---------------------------------------------------------------------------------
 */

static void on_event(void *ctx, const struct ft_trace_event *event)
{
    const struct replay *replay = ctx;
    struct ft_trace_event shifted = *event;
    char line[TRACE_LINE_MAX];

    if (replay->base != FT_TIME_NEVER && shifted.at >= replay->base)
        shifted.at -= replay->base;
    (void)trace_line(&shifted, line);
    (void)fprintf(replay->options->trace, "%s\n", line);
}

static bool read_head(struct replay *replay)
{
    if (replay->len < RECORD_FILE_HEAD ||
        memcmp(replay->data, RECORD_MAGIC, RECORD_MAGIC_LEN) != 0) {
        damaged(replay, "this is not a recording, or less than its first 16 octets");
        return false;
    }
    if (le32_load(replay->data + RECORD_MAGIC_LEN) != RECORD_VERSION ||
        le32_load(replay->data + RECORD_MAGIC_LEN + 4) != 0) {
        damaged(replay, "a recording in a form that this version does not know");
        return false;
    }
    replay->at = RECORD_FILE_HEAD;
    return true;
}

/* What signs segments is no part of a recording. @had: bit 0: TCP MD5; bit 1: TCP-AO */
static bool take_auth(struct replay *replay, unsigned had, struct ft_config *config)
{
    static const struct ft_auth none;
    const struct ft_auth *auth = replay->options->auth != NULL ? replay->options->auth : &none;

    if (((had & 1) && auth->md5 == NULL) || ((had & 2) && auth->mac_find == NULL)) {
        replay_stop(replay, REPLAY_FAILED,
                    "it was recorded with TCP MD5 or TCP-AO, which this build is without");
        return false;
    }
    if (had & 1)
        config->auth.md5 = auth->md5;
    if (had & 2) {
        config->auth.mac_find = auth->mac_find;
        config->auth.mac = auth->mac;
    }
    config->auth.ctx = auth->ctx;
    return true;
}

static bool read_config(struct replay *replay, struct ft_config *config)
{
    uint8_t *rest = (uint8_t *)&config->limits + sizeof(config->limits.memory_max);
    size_t len = sizeof(config->limits) - sizeof(config->limits.memory_max);
    const size_t fixed = sizeof(config->seed) + sizeof(config->congestion);
    struct replay_record record;

    if (!next(replay, &record))
        return false;
    ft_config_init(config);
    if (record.type != RECORD_CONFIG || record.n_args != 16 ||
        replay_arg(&record, 0) != config->size || record.len != fixed + len) {
        damaged(replay, "the configuration of another version, or of another kind of machine");
        return false;
    }
    config->profile = (uint8_t)replay_arg(&record, 1);
    config->ttl = (uint8_t)replay_arg(&record, 2);
    config->shard = (uint16_t)replay_arg(&record, 3);
    config->n_shards = (uint16_t)replay_arg(&record, 4);
    config->port_min = (uint16_t)replay_arg(&record, 5);
    config->port_max = (uint16_t)replay_arg(&record, 6);
    config->limits.memory_max = replay_arg(&record, 7);
    config->fastopen = (uint16_t)replay_arg(&record, 8);
    config->tcp_without = (uint16_t)replay_arg(&record, 9);
    config->mtu_probing = (uint8_t)replay_arg(&record, 10);
    config->ecn = (uint8_t)replay_arg(&record, 11);
    if (!take_auth(replay, (unsigned)replay_arg(&record, 12), config))
        return false;
    config->min_frame_segs = (uint8_t)replay_arg(&record, 13);
    config->tw_reuse = (uint8_t)replay_arg(&record, 14);
    config->wall_offset = replay_arg(&record, 15);
    memcpy(config->seed, record.data, sizeof(config->seed));
    memcpy(config->congestion, record.data + sizeof(config->seed), sizeof(config->congestion));
    for (size_t at = 0; at < len; at += 4) {
        uint32_t limit = le32_load(record.data + fixed + at);

        memcpy(rest + at, &limit, sizeof(limit));
    }
    config->allocator = (struct ft_allocator){give, take_back, replay};
    return true;
}

static bool read_build(struct replay *replay)
{
    struct replay_result *result = replay->result;
    struct replay_record record;

    if (!next(replay, &record))
        return false;
    if (record.type != RECORD_BUILD) {
        damaged(replay, "it does not say what made it");
        return false;
    }
    (void)snprintf(result->build, sizeof(result->build), "%.*s",
                   (int)(record.len < REPLAY_BUILD_MAX ? record.len : REPLAY_BUILD_MAX),
                   (const char *)record.data);
    for (char *p = result->build; *p != '\0'; p++)
        if (*p < ' ' || *p > '~')
            *p = '?';
    result->other_build = strcmp(result->build, ft_record_build()) != 0;
    return true;
}

static bool begin(struct replay *replay)
{
    struct ft_trace_sink sink = {on_event, replay};
    struct ft_config config;
    int error;

    if (!read_head(replay) || !read_config(replay, &config) || !read_build(replay))
        return false;
    replay->outs_max = config.limits.frames_out_max;
    if (replay->outs_max > REPLAY_OUTS_MAX) {
        damaged(replay, "a configuration that no host has");
        return false;
    }
    replay->is_out = calloc(replay->outs_max + 1u, 1);
    if (replay->is_out == NULL) {
        replay_stop(replay, REPLAY_FAILED, "there is not enough memory");
        return false;
    }
    error = ft_stack_new(&config, &replay->stack);
    if (error != 0) {
        replay->stack = NULL;
        replay_stop(replay, REPLAY_DAMAGED, "a configuration that no stack takes: %s",
                    strerror(-error));
        return false;
    }
    replay->n_allocs = 0;
    if (replay->options->trace != NULL)
        ft_set_trace(replay->stack, &sink);
    error = replay->options->pcap == NULL ? 0 : pcapng_open(replay->options->pcap, &replay->pcapng);
    if (error != 0)
        replay_stop(replay, REPLAY_FAILED, "--pcap: %s cannot be written: %s",
                    replay->options->pcap, strerror(-error));
    return error == 0;
}

/* ---- calls -------------------------------------------------------------------------------------
 */

/* A frame of an input as it was; its octets stay in the recording. */
static bool add_frame(struct replay *replay, const struct replay_record *record)
{
    struct ft_frame *frame;
    size_t at;

    if (replay->n_frames == replay->frames_cap) {
        size_t cap = replay->frames_cap * 2 + 64;
        struct ft_frame *more = realloc(replay->frames, cap * sizeof(*more));

        if (more == NULL) {
            replay_stop(replay, REPLAY_FAILED, "there is not enough memory");
            return false;
        }
        replay->frames = more;
        replay->frames_cap = cap;
    }
    if (record->n_args < 8 || record->n_args > 8 + FT_SPANS_MAX ||
        replay_arg(record, 7) > record->len)
        return false;
    frame = &replay->frames[replay->n_frames++];
    at = (size_t)replay_arg(record, 7);
    *frame = (struct ft_frame){
        .buf = (uint8_t *)(uintptr_t)record->data, /* what comes in is not written to */
        .cap = (uint32_t)at,
        .len = (uint32_t)at,
        .n_spans = (uint8_t)(record->n_args - 8),
        .flags = (uint16_t)replay_arg(record, 0),
        .csum_start = (uint16_t)replay_arg(record, 1),
        .csum_offset = (uint16_t)replay_arg(record, 2),
        .gso_type = (uint16_t)replay_arg(record, 3),
        .gso_size = (uint16_t)replay_arg(record, 4),
        .n_segs = (uint16_t)replay_arg(record, 5),
        .at = replay_arg(record, 6),
    };
    for (unsigned i = 0; i < frame->n_spans; i++) {
        uint64_t len = replay_arg(record, 8 + i);

        if (len > record->len - at)
            return false;
        frame->spans[i].data = (uint8_t *)(uintptr_t)record->data + at;
        frame->spans[i].len = (size_t)len;
        at += (size_t)len;
    }
    return at == record->len;
}

/* All that belongs to the call: its frames, what was refused in it, what came of it. A recording
   that breaks off behind the call still has it made: that may be what one wants to see. */
static bool collect(struct replay *replay)
{
    struct replay_record record;
    uint64_t n_frames = 0;

    replay->n_frames = replay->n_refused = replay->refused_at = 0;
    replay->has_ret = false;
    if (replay->call.type == RECORD_INPUT)
        n_frames = replay_arg(&replay->call, 1);
    for (uint64_t i = 0; i < n_frames; i++) {
        if (!next(replay, &record))
            return false;
        if (record.type != RECORD_FRAME || !add_frame(replay, &record)) {
            damaged(replay, "a frame is expected before this");
            return false;
        }
    }
    while (replay->at < replay->len && next(replay, &record)) {
        if (record.type == RECORD_RET && record.n_args == 2) {
            replay->ret = record;
            replay->has_ret = true;
            return true;
        }
        if (record.type != RECORD_REFUSED || !add_refused(replay, &record)) {
            damaged(replay, "what came of a call is expected before this");
            return false;
        }
    }
    return true;
}

static void judge(struct replay *replay, const struct replay_outcome *outcome)
{
    const char *name = replay_call_name(replay->call.type);
    int64_t then;

    if (replay->over)
        return;
    replay->result->n_calls++;
    if (!replay->has_ret)
        return;
    then = (int64_t)replay_arg(&replay->ret, 0);
    if (outcome->ret != then)
        replay_stop(replay, REPLAY_DIVERGED, "call %llu, %s: %lld, was %lld",
                    (unsigned long long)replay->result->n_calls, name, (long long)outcome->ret,
                    (long long)then);
    else if (outcome->hash != replay_arg(&replay->ret, 1))
        replay_stop(replay, REPLAY_DIVERGED, "call %llu, %s: what it wrote is not what it was",
                    (unsigned long long)replay->result->n_calls, name);
    else if (replay->refused_at != replay->n_refused)
        replay_stop(replay, REPLAY_DIVERGED,
                    "call %llu, %s: it no longer asks for the memory that "
                    "was refused",
                    (unsigned long long)replay->result->n_calls, name);
}

/* Where the time is in a call that has one. Return: false: the end, before it. */
static bool take_time(struct replay *replay)
{
    const struct replay_record *call = &replay->call;
    ft_time now;

    if (call->type != RECORD_ADVANCE && call->type != RECORD_INPUT && call->type != RECORD_OUTPUT)
        return true;
    now = replay_arg(call, call->type == RECORD_ADVANCE ? 0 : 2);
    if (now > REPLAY_TIME_MAX) {
        damaged(replay, "a time that cannot be");
        return false;
    }
    if (replay->base == FT_TIME_NEVER)
        replay->base = now;
    now = now > replay->base ? now - replay->base : 0;
    if (now > replay->options->until)
        return false;
    if (now > replay->result->at)
        replay->result->at = now;
    return true;
}

/* One call. False: that was all. */
static bool step(struct replay *replay)
{
    struct replay_outcome outcome;
    bool broken;

    if (!next(replay, &replay->call))
        return false;
    if (replay->call.type == RECORD_STOP) {
        if (replay->at != replay->len)
            damaged(replay, "something follows the end");
        return false;
    }
    if (!replay_call_fits(&replay->call)) {
        damaged(replay, "a call that is not known");
        return false;
    }
    if (!take_time(replay))
        return false;
    /* A recording that is broken behind the call tells so after it was made. */
    broken =
        !collect(replay) &&
        replay->n_frames < (replay->call.type == RECORD_INPUT ? replay_arg(&replay->call, 1) : 0);
    if (broken || (replay->over && replay->result->end == REPLAY_FAILED))
        return false;
    outcome = replay_call(replay);
    judge(replay, &outcome);
    return !replay->over;
}

static void end(struct replay *replay)
{
    while (replay->pins != NULL) {
        struct replay_pin *pin = replay->pins;

        replay->pins = pin->next;
        free(pin);
    }
    ft_stack_free(replay->stack);
    if (pcapng_close(replay->pcapng) != 0)
        replay_stop(replay, REPLAY_FAILED, "--pcap: %s is not complete", replay->options->pcap);
    free(replay->is_out);
    free(replay->refused);
    free(replay->frames);
    free(replay->room.ptr);
    free(replay->pieces.ptr);
    free(replay->out_frames.ptr);
}

void replay_run(const uint8_t *data, size_t len, const struct replay_options *options,
                struct replay_result *ret_result)
{
    struct replay replay = {
        .options = options, .result = ret_result, .data = data, .len = len, .base = FT_TIME_NEVER};

    memset(ret_result, 0, sizeof(*ret_result));
    if (begin(&replay))
        while (step(&replay))
            ;
    end(&replay);
}
