/* SPDX-License-Identifier: MIT */
/*
 * The form of a recording: records, little-endian, each with its length before and a check behind.
 * It knows which kinds there are and how they look in octets; what they stand for is known to
 * stack/record.c, which writes them, and diag/replay.c, which reads them. No RFC.
 *
 *     file    magic[8] version[4] zero[4] record...
 *     record  len[4] type[1] n_args[1] number[2] args[8 * n_args] data[...] check[8]
 *
 * len counts args and data; number counts records, so one that is missing or twice there is found.
 */
#ifndef WIRE_RECORD_H
#define WIRE_RECORD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <fourtuple/iface.h>
#include <fourtuple/socket.h>

#define RECORD_MAGIC     "FT-RECRD"
#define RECORD_MAGIC_LEN 8
#define RECORD_VERSION   1
#define RECORD_FILE_HEAD 16
#define RECORD_HEAD      8
#define RECORD_CHECK     8
#define RECORD_ARGS_MAX  255
#define RECORD_NAME_MAX  128 /* octets of a socket name that are written down at most */
#define RECORD_OPT_MAX   65536
#define RECORD_IOV_MAX   (UINT64_C(1) << 30) /* octets of all pieces of a message that count */

/* Kinds of records. A call is its record, FRAME or REFUSED records that belong to it, and RET.
   Behind each: its args; then its data. */
enum record_type {
    RECORD_NONE = 0,    /* no record: where a file was prepared but not written */
    RECORD_CONFIG = 1,  /* size profile ttl shard n_shards port_min port_max memory_max fastopen
                           tcp_without mtu_probing ecn auth min_frame_segs tw_reuse wall_offset;
                           seed, the name of the congestion control, then the other limits, 4
                           octets each, in their order in struct ft_limits */
    RECORD_BUILD = 2,   /* -; what the core was built from, as text */
    RECORD_STOP = 3,    /* the recording ends here */
    RECORD_REFUSED = 4, /* which allocation since the start was refused */
    RECORD_RET = 5,     /* what the call returned, a hash of what it wrote; see the call */
    RECORD_FRAME = 6,   /* flags csum_start csum_offset gso_type gso_size n_segs at len, then the
                           length of each span; octets */

    RECORD_IF_ADD = 16, /* size type mtu headroom gso_max flags ifindex; name, mac */
    RECORD_IF_SET_MTU,  /* ifindex mtu */
    RECORD_ADDR_ADD,    /* ifindex hi lo prefix_len flags */
    RECORD_ADDR_DEL,    /* ifindex hi lo */
    RECORD_ROUTE_ADD,   /* size hi lo prefix_len gateway's hi lo ifindex metric */
    RECORD_ROUTE_DEL,   /* the same */
    RECORD_ADVANCE,     /* now */
    RECORD_INPUT,       /* ifindex n now; n of FRAME follow */
    RECORD_OUTPUT,      /* ifindex n now; runs of frames, each n cap flags. RET has, for each
                           frame written, its length and the hash of it */
    RECORD_OUTPUT_DONE, /* ifindex n n_sent; the cookie of each */
    RECORD_SOCKET,      /* domain type protocol */
    RECORD_BIND,        /* sock len has_addr; addr */
    RECORD_LISTEN,      /* sock backlog */
    RECORD_ACCEPT,      /* sock len has_addr */
    RECORD_CONNECT,     /* as BIND */
    RECORD_SHUTDOWN,    /* sock how */
    RECORD_CLOSE,       /* sock */
    RECORD_ABORT,       /* sock */
    RECORD_SENDMSG,     /* sock flags namelen controllen; name, control, lengths of the pieces.
                           RET has the octets that were accepted */
    RECORD_RECVMSG,     /* sock flags namelen controllen; lengths of the pieces */
    RECORD_GETSOCKOPT,  /* sock level name len has_value */
    RECORD_SETSOCKOPT,  /* sock level name len has_value; value */
    RECORD_PEEK,        /* sock n */
    RECORD_CONSUME,     /* sock len */
    RECORD_RESERVE,     /* sock len n */
    RECORD_COMMIT,      /* sock len; the octets that were written */
    RECORD_UNPIN,       /* sock */
    RECORD_WATCH,       /* sock mask user */
    RECORD_EVENTS,      /* n */
    RECORD_EXPORT,      /* sock size has_state */
    RECORD_IMPORT,      /* len; the octets */
    RECORD_TUNE,        /* the numbers of struct ft_tuning in their order; the congestion control */
    RECORD_TYPE_END
};

/* The value of an argument that stands for NULL. */
#define RECORD_NULL UINT64_MAX

static inline void le32_store(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static inline void le64_store(uint8_t *p, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static inline uint32_t le32_load(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t le64_load(const uint8_t *p)
{
    return le32_load(p) | (uint64_t)le32_load(p + 4) << 32;
}

/* A hash against accidents, not against enemies: four lanes, in each of which every step is one to
   one, so that no change within one word of 8 octets can stay unseen, and of others one in 2^64.
   SipHash would cost several times the copying. */
struct record_hash {
    uint64_t lane[4];
    uint64_t len;
    uint8_t rest[32]; /* len % 32 octets that have not been taken yet */
};

#define RECORD_HASH_ODD UINT64_C(0xd6e8feb86659fd93)

static inline uint64_t record_hash_step(uint64_t lane, uint64_t word)
{
    lane ^= word;
    return (lane << 29 | lane >> 35) * RECORD_HASH_ODD;
}

/* Whole blocks of 32 octets; the lanes stay in registers. */
static inline void record_hash_blocks(struct record_hash *hash, const uint8_t *p, size_t n)
{
    uint64_t a = hash->lane[0], b = hash->lane[1], c = hash->lane[2], d = hash->lane[3];

    for (; n > 0; n--, p += 32) {
        a = record_hash_step(a, le64_load(p));
        b = record_hash_step(b, le64_load(p + 8));
        c = record_hash_step(c, le64_load(p + 16));
        d = record_hash_step(d, le64_load(p + 24));
    }
    hash->lane[0] = a;
    hash->lane[1] = b;
    hash->lane[2] = c;
    hash->lane[3] = d;
}

/** Begin a hash. @hash: overwritten whole. */
static inline void record_hash_init(struct record_hash *hash)
{
    memset(hash, 0, sizeof(*hash));
    for (unsigned i = 0; i < 4; i++)
        hash->lane[i] = UINT64_C(0x9e3779b97f4a7c15) * (i + 1);
}

/**
 * Add octets to a hash; how they are cut into calls does not matter.
 *
 * @hash: begun by record_hash_init()
 * @data: may be NULL when @len is 0
 * @len:  octets
 */
static inline void record_hash_add(struct record_hash *hash, const void *data, size_t len)
{
    const uint8_t *p = data;
    size_t have = (size_t)(hash->len % 32);

    if (len == 0)
        return;
    hash->len += len;
    if (have > 0) {
        size_t n = len < 32 - have ? len : 32 - have;

        memcpy(hash->rest + have, p, n);
        p += n;
        len -= n;
        if (have + n < 32)
            return;
        record_hash_blocks(hash, hash->rest, 1);
    }
    record_hash_blocks(hash, p, len / 32);
    if (len % 32 > 0)
        memcpy(hash->rest, p + (len - len % 32), len % 32);
}

/** Add one integer to a hash, as its eight octets. */
static inline void record_hash_word(struct record_hash *hash, uint64_t word)
{
    uint8_t octets[8];

    le64_store(octets, word);
    record_hash_add(hash, octets, sizeof(octets));
}

/** The hash of all that was added to @hash. */
static inline uint64_t record_hash_end(struct record_hash *hash)
{
    size_t have = (size_t)(hash->len % 32);
    uint64_t all = hash->len;

    if (have > 0) {
        memset(hash->rest + have, 0, 32 - have);
        record_hash_blocks(hash, hash->rest, 1);
    }
    for (unsigned i = 0; i < 4; i++)
        all = record_hash_step(all, hash->lane[i]);
    all ^= all >> 32;
    all *= RECORD_HASH_ODD;
    return all ^ all >> 29;
}

/* ---- what a call wrote for its caller ----------------------------------------------------------
 */

/**
 * The hash of a frame that the stack gave out: all that a link may look at.
 *
 * @frame:    borrowed
 * @headroom: octets of buf before it, which are the caller's
 */
static inline uint64_t record_hash_frame(const struct ft_frame *frame, uint32_t headroom)
{
    const uint64_t words[] = {frame->flags,    frame->csum_start, frame->csum_offset,
                              frame->gso_type, frame->gso_size,   frame->n_segs,
                              frame->at,       frame->cookie,     frame->len};
    struct record_hash hash;

    record_hash_init(&hash);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        record_hash_word(&hash, words[i]);
    if (frame->len > headroom)
        record_hash_add(&hash, frame->buf + headroom, frame->len - headroom);
    for (unsigned i = 0; i < frame->n_spans; i++)
        record_hash_add(&hash, frame->spans[i].data, frame->spans[i].len);
    return record_hash_end(&hash);
}

/** Octets of a frame, headers and payload. */
static inline uint64_t record_frame_len(const struct ft_frame *frame)
{
    uint64_t len = frame->len;

    for (unsigned i = 0; i < frame->n_spans; i++)
        len += frame->spans[i].len;
    return len;
}

/** The hash of a value with a length: a socket name or an option. @room: as it was before. */
static inline uint64_t record_hash_value(const void *value, socklen_t room, socklen_t len)
{
    struct record_hash hash;

    record_hash_init(&hash);
    record_hash_word(&hash, len);
    record_hash_add(&hash, value, len < room ? len : room);
    return record_hash_end(&hash);
}

/** The hash of what ft_export() wrote. @state: NULL: it was asked for the length. @ret: its answer
 */
static inline uint64_t record_hash_export(const void *state, int64_t ret)
{
    struct record_hash hash;

    if (state == NULL || ret <= 0)
        return 0;
    record_hash_init(&hash);
    record_hash_add(&hash, state, (size_t)ret);
    return record_hash_end(&hash);
}

/** The hash of events. */
static inline uint64_t record_hash_events(const struct ft_event *events, size_t n)
{
    struct record_hash hash;

    record_hash_init(&hash);
    for (size_t i = 0; i < n; i++) {
        record_hash_word(&hash, (uint64_t)events[i].sock);
        record_hash_word(&hash, (uintptr_t)events[i].user);
        record_hash_word(&hash, events[i].mask);
    }
    return record_hash_end(&hash);
}

/** The hash of spans: lengths, and with @octets what is in them. */
static inline uint64_t record_hash_spans(const struct ft_span *spans, size_t n, bool octets)
{
    struct record_hash hash;

    record_hash_init(&hash);
    for (size_t i = 0; i < n; i++) {
        record_hash_word(&hash, spans[i].len);
        if (octets)
            record_hash_add(&hash, spans[i].data, spans[i].len);
    }
    return record_hash_end(&hash);
}

/* Control messages without the padding between them, which nobody writes. */
static inline void record_hash_control(struct record_hash *hash, const uint8_t *control, size_t len)
{
    struct cmsghdr cmsg;

    for (size_t at = 0; len - at >= sizeof(cmsg);) {
        memcpy(&cmsg, control + at, sizeof(cmsg));
        if (cmsg.cmsg_len < sizeof(cmsg) || cmsg.cmsg_len > len - at)
            return;
        record_hash_add(hash, control + at, cmsg.cmsg_len);
        at += CMSG_ALIGN(cmsg.cmsg_len);
        if (at > len)
            return;
    }
}

/**
 * The hash of what a message was received into.
 *
 * @msg:      as the call left it
 * @name_len: msg_namelen as it was before
 * @got:      what the call returned, 0 or more
 */
static inline uint64_t record_hash_msg(const struct msghdr *msg, socklen_t name_len, uint64_t got)
{
    struct record_hash hash;

    record_hash_init(&hash);
    for (size_t i = 0; i < msg->msg_iovlen && got > 0; i++) {
        size_t n = got < msg->msg_iov[i].iov_len ? (size_t)got : msg->msg_iov[i].iov_len;

        record_hash_add(&hash, msg->msg_iov[i].iov_base, n);
        got -= n;
    }
    record_hash_word(&hash, (uint32_t)msg->msg_flags);
    if (msg->msg_name)
        record_hash_word(&hash, record_hash_value(msg->msg_name, name_len, msg->msg_namelen));
    if (msg->msg_control) {
        record_hash_word(&hash, msg->msg_controllen);
        record_hash_control(&hash, msg->msg_control, msg->msg_controllen);
    }
    return record_hash_end(&hash);
}

#endif
