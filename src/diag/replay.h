/* SPDX-License-Identifier: MIT */
/*
 * Running a stack again from a recording (include/fourtuple/record.h): every call is made as it was
 * made then, and what comes of it is compared. It believes nothing of what it reads.
 */
#ifndef DIAG_REPLAY_H
#define DIAG_REPLAY_H

#include <stdbool.h>
#include <stdio.h>

#include <fourtuple/types.h>

#define REPLAY_WHY_MAX   320
#define REPLAY_BUILD_MAX 64

struct replay_options {
    ft_time until;    /* end before the first call that is later than this after the begin */
    const char *pcap; /* write the frames that come in and go out; NULL: do not */
    FILE *trace;      /* a line for each event of the stack; NULL: none */
    const struct ft_auth
        *auth;           /* what signs segments, as it did when it was recorded; may be NULL */
    uint64_t memory_max; /* octets that the stack may allocate; 0: as it was configured */
};

enum replay_end {
    REPLAY_EQUAL,    /* all of it, or all until the time given, was the same */
    REPLAY_DIVERGED, /* something that came of a call was not */
    REPLAY_DAMAGED,  /* the recording ends too early, or is broken; what was whole is replayed */
    REPLAY_FAILED,   /* no memory, or a file that cannot be written */
};

struct replay_result {
    enum replay_end end;
    uint64_t n_calls;             /* that were made again */
    uint64_t n_frames;            /* that were compared and equal */
    ft_time at;                   /* the last time that was given, counted from the first one */
    bool other_build;             /* the recording is of another core than this one */
    char build[REPLAY_BUILD_MAX]; /* what it says it was made by */
    char why[REPLAY_WHY_MAX];     /* unless REPLAY_EQUAL: one sentence without a full stop */
};

/**
 * Replay a recording. A stack that aborted then aborts again, here.
 *
 * @data, @len: the recording; borrowed
 * @options:    borrowed
 * @ret_result: written always
 */
void replay_run(const uint8_t *data, size_t len, const struct replay_options *options,
                struct replay_result *ret_result);

#endif
