/* SPDX-License-Identifier: MIT */
/*
 * What the two halves of the player share: replay.c reads records and judges, replay_calls.c makes
 * the calls.
 */
#ifndef DIAG_REPLAY_PRIV_H
#define DIAG_REPLAY_PRIV_H

#include <fourtuple.h>

#include "diag/pcapng.h"
#include "diag/replay.h"
#include "wire/record.h"

#define REPLAY_IFS       256
#define REPLAY_OUTS_MAX  (1u << 20) /* of limits.frames_out_max */
#define REPLAY_ARENA_MAX (1u << 30) /* octets of all buffers of one ft_output() */
#define REPLAY_TIME_MAX  (UINT64_C(1) << 62)

/* A record, checked; args and data are in the recording. */
struct replay_record {
    enum record_type type;
    unsigned n_args;
    const uint8_t *args;
    const uint8_t *data;
    size_t len; /* of data */
};

/* Memory that is used again and again; it only grows. */
struct replay_room {
    uint8_t *ptr;
    size_t size;
};

/* What ft_reserve() gave and nobody has taken back yet. */
struct replay_pin {
    ft_sock sock;
    struct ft_span spans[FT_SPANS_MAX];
    size_t n;
    struct replay_pin *next;
};

struct replay_if {
    bool there;
    uint32_t headroom;
    unsigned capture; /* of pcapng_interface() */
};

struct replay {
    const struct replay_options *options;
    struct replay_result *result;
    const uint8_t *data;
    size_t len, at;  /* octets of the recording, and how many were read */
    uint16_t number; /* of the next record */
    bool over;       /* nothing more is to be done */

    struct ft_stack *stack;
    uint32_t outs_max;
    uint8_t *is_out; /* by cookie: between ft_output and ft_output_done */
    struct replay_if ifs[REPLAY_IFS];
    struct replay_pin *pins;
    struct pcapng *pcapng;
    ft_time base; /* the first time given; FT_TIME_NEVER: none yet */

    /* Memory: what was refused then is refused now. */
    uint64_t n_allocs, n_memory;
    uint64_t *refused;
    size_t n_refused, refused_at, refused_cap;

    /* The call that is being made. */
    struct replay_record call, ret;
    bool has_ret; /* false: the recording breaks off within this call */
    struct ft_frame *frames;
    size_t n_frames, frames_cap;
    struct replay_room room, pieces, out_frames;
};

/* What came of a call. */
struct replay_outcome {
    int64_t ret;
    uint64_t hash;
};

/** Argument @i of a record; there must be so many. */
static inline uint64_t replay_arg(const struct replay_record *record, unsigned i)
{
    return le64_load(record->args + (size_t)8 * i);
}

/** Argument @i as an int. */
static inline int replay_int(const struct replay_record *record, unsigned i)
{
    return (int)(uint32_t)replay_arg(record, i);
}

/** Say why the replay ends, printf-like, and end it. */
__attribute__((format(printf, 3, 4))) void replay_stop(struct replay *replay, enum replay_end end,
                                                       const char *format, ...);

/** Make room for @size octets. Return: it, or NULL after replay_stop(). */
void *replay_room(struct replay *replay, struct replay_room *room, size_t size);

/** The name of a kind of call, for people; NULL: there is no such call. */
const char *replay_call_name(enum record_type type);

/** Whether a record has as many arguments as its kind needs. */
bool replay_call_fits(const struct replay_record *record);

/**
 * Make replay->call, unless replay_stop() is called for it. Frames that it gives out are compared
 * by itself, the rest by the caller.
 */
struct replay_outcome replay_call(struct replay *replay);

#endif
