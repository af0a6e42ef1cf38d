/* SPDX-License-Identifier: MIT */
/*
 * Writing a recording (include/fourtuple/record.h). It knows how records are put together and
 * handed to the sink, and it stands between the stack and its allocator, to see what is refused.
 * It allocates nothing after the start and changes nothing of what the stack does.
 */
#include "stack/record.h"

#include <errno.h>
#include <string.h>

#include "priv.h"

#if defined(__has_include)
#if __has_include("build_id.h")
#include "build_id.h" /* made by Meson from the sources of the core */
#endif
#endif
#ifndef FT_BUILD_ID
#define FT_BUILD_ID "unknown"
#endif

/* What is written down of a configuration must be all of it. */
static_assert(sizeof(struct ft_config) == 64 + FT_CC_MAX + sizeof(struct ft_allocator) +
                                              sizeof(struct ft_limits) + sizeof(struct ft_auth),
              "a recording must hold the new field, too");

/* ---- records ----------------------------------------------------------------------------------
 */

static void hand_over(struct ft_record *record, const void *data, size_t len)
{
    if (record->error == 0 && len > 0)
        record->error = record->sink.write(record->sink.ctx, data, len);
}

static void flush(struct ft_record *record)
{
    hand_over(record, record->buffer, record->n_buffer);
    record->n_buffer = 0;
}

/* Small pieces are gathered, large ones go to the sink from where they are. */
static void out(struct ft_record *record, const void *data, size_t len)
{
    if (len > sizeof(record->buffer) - record->n_buffer)
        flush(record);
    if (len > sizeof(record->buffer) / 2) {
        flush(record);
        hand_over(record, data, len);
        return;
    }
    memcpy(record->buffer + record->n_buffer, data, len);
    record->n_buffer += (uint32_t)len;
}

void ft_record_put(struct ft_record *record, const void *data, size_t len)
{
    if (len == 0 || record->error)
        return;
    record_hash_add(&record->check, data, len);
    out(record, data, len);
}

void ft_record_put64(struct ft_record *record, uint64_t v)
{
    uint8_t octets[8];
    le64_store(octets, v);
    ft_record_put(record, octets, sizeof octets);
}

void ft_record_begin(struct ft_record *record, enum record_type type, const uint64_t *args,
                     size_t n_args, size_t len)
{
    uint8_t head[RECORD_HEAD];
    uint64_t whole = 8 * (uint64_t)n_args + len;
    ft_assert(n_args <= RECORD_ARGS_MAX);
    if (whole > UINT32_MAX && record->error == 0)
        record->error = -EFBIG;
    le32_store(head, (uint32_t)whole);
    head[4] = (uint8_t)type;
    head[5] = (uint8_t)n_args;
    head[6] = (uint8_t)record->number;
    head[7] = (uint8_t)(record->number >> 8);
    record->number++;
    record_hash_init(&record->check);
    ft_record_put(record, head, sizeof head);
    for (size_t i = 0; i < n_args; i++)
        ft_record_put64(record, args[i]);
}

void ft_record_end(struct ft_record *record, bool now)
{
    uint8_t check[RECORD_CHECK];
    le64_store(check, record_hash_end(&record->check));
    out(record, check, sizeof check);
    if (now)
        flush(record);
}

void ft_record_call(struct ft_record *record, enum record_type type, const uint64_t *args,
                    size_t n_args, const void *data, size_t len)
{
    ft_record_begin(record, type, args, n_args, len);
    ft_record_put(record, data, len);
    ft_record_end(record, true);
}

void ft_record_ret(struct ft_record *record, int64_t ret, uint64_t hash)
{
    const uint64_t args[] = {(uint64_t)ret, hash};
    ft_record_begin(record, RECORD_RET, args, FT_ARRAY_LEN(args), 0);
    ft_record_end(record, false);
}

void ft_record_frames(struct ft_record *record, const struct ft_frame *frames, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct ft_frame *frame = &frames[i];
        uint64_t args[8 + FT_SPANS_MAX] = {
            frame->flags,    frame->csum_start, frame->csum_offset, frame->gso_type,
            frame->gso_size, frame->n_segs,     frame->at,          frame->len,
        };
        size_t len = frame->len;
        for (size_t k = 0; k < frame->n_spans; k++) {
            args[8 + k] = frame->spans[k].len;
            len += frame->spans[k].len;
        }
        ft_record_begin(record, RECORD_FRAME, args, 8u + frame->n_spans, len);
        ft_record_put(record, frame->buf, frame->len);
        for (size_t k = 0; k < frame->n_spans; k++)
            ft_record_put(record, frame->spans[k].data, frame->spans[k].len);
        ft_record_end(record, i + 1 == n);
    }
}

/* ---- the allocator -----------------------------------------------------------------------------
 */

static void *alloc_watched(void *ctx, size_t size)
{
    struct ft_record *record = ctx;
    void *ptr = record->theirs.alloc(record->theirs.ctx, size);
    record->n_allocs++;
    if (!ptr)
        RECORD_CALL(record, RECORD_REFUSED, NULL, 0, record->n_allocs);
    return ptr;
}

static void free_watched(void *ctx, void *ptr, size_t size)
{
    struct ft_record *record = ctx;
    record->theirs.free(record->theirs.ctx, ptr, size);
}

static void watch_allocator(struct ft_record *record, struct ft_mem *mem)
{
    record->mem = mem;
    record->theirs = *mem;
    mem->alloc = alloc_watched;
    mem->free = free_watched;
    mem->ctx = record;
}

static void leave_allocator(struct ft_record *record)
{
    record->mem->alloc = record->theirs.alloc;
    record->mem->free = record->theirs.free;
    record->mem->ctx = record->theirs.ctx;
}

/* ---- begin and end -----------------------------------------------------------------------------
 */

static void put_head(struct ft_record *record)
{
    uint8_t head[RECORD_FILE_HEAD] = {0};
    memcpy(head, RECORD_MAGIC, RECORD_MAGIC_LEN);
    le32_store(head + RECORD_MAGIC_LEN, RECORD_VERSION);
    out(record, head, sizeof head);
}

static void put_config(struct ft_record *record, const struct ft_config *config)
{
    const uint64_t args[] = {config->size,
                             config->profile,
                             config->ttl,
                             config->shard,
                             config->n_shards,
                             config->port_min,
                             config->port_max,
                             config->limits.memory_max,
                             config->fastopen,
                             config->tcp_without,
                             config->mtu_probing,
                             config->ecn,
                             (config->auth.md5 ? 1u : 0u) | (config->auth.mac_find ? 2u : 0u),
                             config->min_frame_segs,
                             config->tw_reuse,
                             config->wall_offset};
    const uint8_t *rest = (const uint8_t *)&config->limits + sizeof config->limits.memory_max;
    size_t len = sizeof config->limits - sizeof config->limits.memory_max;
    ft_record_begin(record, RECORD_CONFIG, args, FT_ARRAY_LEN(args),
                    sizeof config->seed + sizeof config->congestion + len);
    ft_record_put(record, config->seed, sizeof config->seed);
    ft_record_put(record, config->congestion, sizeof config->congestion);
    for (size_t at = 0; at < len; at += 4) {
        uint8_t octets[4];
        uint32_t limit;
        memcpy(&limit, rest + at, sizeof limit);
        le32_store(octets, limit);
        ft_record_put(record, octets, sizeof octets);
    }
    ft_record_end(record, false);
}

/* No call has changed it yet, as far as one can see. */
static bool is_fresh(const struct ft_stack *stack)
{
    if (stack->env.now != 0 || stack->slots.n_used != 0)
        return false;
    for (int i = 1; i <= UINT8_MAX; i++)
        if (ft_net_link_header(stack->net, i) >= 0)
            return false;
    return true;
}

int ft_record_start(struct ft_stack *stack, const struct ft_record_sink *sink)
{
    static const char build[] = FT_BUILD_ID;
    const struct ft_allocator *allocator = &stack->env.config.allocator;
    if (!sink || !sink->write)
        return -EINVAL;
    if (stack->record)
        return -EALREADY;
    if (!is_fresh(stack))
        return -EBUSY;
    /* Not of the stack's own budget: it must not notice. */
    struct ft_record *record = allocator->alloc(allocator->ctx, sizeof *record);
    if (!record)
        return -ENOMEM;
    memset(record, 0, sizeof *record);
    record->sink = *sink;
    put_head(record);
    put_config(record, &stack->env.config);
    ft_record_call(record, RECORD_BUILD, NULL, 0, build, sizeof build - 1);
    int err = record->error;
    if (err) {
        allocator->free(allocator->ctx, record, sizeof *record);
        return err;
    }
    watch_allocator(record, &stack->env.mem);
    stack->record = record;
    return 0;
}

int ft_record_stop(struct ft_stack *stack)
{
    struct ft_record *record = stack->record;
    const struct ft_allocator *allocator = &stack->env.config.allocator;
    if (!record)
        return -ENOENT;
    ft_record_call(record, RECORD_STOP, NULL, 0, NULL, 0);
    int err = record->error;
    leave_allocator(record);
    stack->record = NULL;
    allocator->free(allocator->ctx, record, sizeof *record);
    return err;
}

const char *ft_record_build(void)
{
    return FT_BUILD_ID;
}
