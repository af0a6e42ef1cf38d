/* SPDX-License-Identifier: MIT */
/*
 * How the calls of a stack are recorded: entry.c and entry_sock.c tell what was asked before they
 * do it, and what came of it after. What the records mean is in wire/record.h.
 */
#ifndef STACK_RECORD_H
#define STACK_RECORD_H

#include <fourtuple/iface.h>
#include <fourtuple/record.h>

#include "base/budget.h"
#include "base/list.h"
#include "wire/record.h"

#define RECORD_BUFFER 4096

/* A recording that is under way. */
struct ft_record {
    struct ft_record_sink sink;
    struct ft_mem *mem;   /* of the stack; its allocator is ours meanwhile */
    struct ft_mem theirs; /* alloc, free and ctx as they were */
    uint64_t n_allocs;    /* asked for since the start */
    int error;            /* the first of the sink; nothing is written after it */
    uint16_t number;      /* of the next record */
    struct record_hash check;
    uint32_t n_buffer; /* octets used of buffer */
    uint8_t buffer[RECORD_BUFFER];
};

/** One record in pieces: begin, put until len octets have been given, end. @len: of all data. */
void ft_record_begin(struct ft_record *record, enum record_type type, const uint64_t *args,
                     size_t n_args, size_t len);

/** Octets of a record's data. @data: may be NULL when @len is 0. */
void ft_record_put(struct ft_record *record, const void *data, size_t len);

/** As ft_record_put(), eight octets that say @v. */
void ft_record_put64(struct ft_record *record, uint64_t v);

/** End a record. @flush: the sink must have it before the stack goes on. */
void ft_record_end(struct ft_record *record, bool flush);

/** A call that is about to begin, with all its data. @data: may be NULL when @len is 0. */
void ft_record_call(struct ft_record *record, enum record_type type, const uint64_t *args,
                    size_t n_args, const void *data, size_t len);

/** What came of it. @hash: of what it wrote for the caller; 0 if nothing. */
void ft_record_ret(struct ft_record *record, int64_t ret, uint64_t hash);

/** The frames of an input. */
void ft_record_frames(struct ft_record *record, const struct ft_frame *frames, size_t n);

#define RECORD_CALL(record, type, data, len, ...)                                                  \
    ft_record_call(record, type, (const uint64_t[]){__VA_ARGS__},                                  \
                   FT_ARRAY_LEN(((const uint64_t[]){__VA_ARGS__})), data, len)

#endif
