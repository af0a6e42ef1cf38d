/* SPDX-License-Identifier: MIT */
/*
 * Answers that nobody took. A signal may interrupt a stopped call after its effect and before its
 * answer: octets are taken from a stream, a name is bound, and the kernel has the thread make the
 * call again (SA_RESTART), or the program does (EINTR). So the answer is kept, with what the call
 * wrote into the memory of the program, for the same call of the same thread.
 *
 * What is written meanwhile may be another's by then (the length of a name is read and written), so
 * the octets are kept too, and written once more.
 */
#include "untaken.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "priv.h"

#define MAX_AGE     (10 * FT_SEC) /* a handler that runs for longer than that is not waited for */
#define ANSWERS_MAX 256u
#define WRITES_MAX  (2 * 256u * 1024) /* octets that are remembered of one call */

/* A piece that a call has written; its octets follow. */
struct piece {
    uint64_t at;
    size_t len;
};

/* What the call with this id has written so far. */
struct writes {
    uint64_t id;
    size_t len, room;
    uint8_t *octets; /* pieces; NULL: there is no memory for them */
};

struct answer {
    struct stopped call;
    uint64_t cookie; /* of the socket that it was about */
    int64_t value;
    ft_time until;
    struct writes writes;
};

struct untaken {
    struct writes writes;                /* of the call of now */
    struct answer *answers[ANSWERS_MAX]; /* by thread */
    unsigned n;
};

static bool make_room(struct writes *writes, size_t len)
{
    size_t room = writes->room ? writes->room : 1024;
    uint8_t *octets;

    if (len > WRITES_MAX - writes->len)
        return false;
    while (room < writes->len + len)
        room *= 2;
    if (room == writes->room)
        return true;
    octets = realloc(writes->octets, room);
    if (!octets)
        return false;
    writes->octets = octets;
    writes->room = room;
    return true;
}

static void add_piece(struct writes *writes, uint64_t at, const void *data, size_t len)
{
    struct piece piece = {at, len};

    if (len == 0 || !make_room(writes, sizeof(piece) + len))
        return;
    memcpy(writes->octets + writes->len, &piece, sizeof(piece));
    memcpy(writes->octets + writes->len + sizeof(piece), data, len);
    writes->len += sizeof(piece) + len;
}

/* Both lists have as many octets; where one is cut the other need not be. */
void untaken_note(const struct caller *to, const struct iovec *local, size_t n_local,
                  const struct iovec *remote, size_t n_remote)
{
    struct writes *writes = to->run->untaken ? &to->run->untaken->writes : NULL;
    size_t i = 0, from = 0;

    if (!writes)
        return;
    if (writes->id != to->id) {
        writes->id = to->id;
        writes->len = 0;
    }
    for (size_t k = 0; k < n_remote; k++) {
        size_t done = 0;

        while (done < remote[k].iov_len && i < n_local) {
            size_t len = local[i].iov_len - from;

            if (len > remote[k].iov_len - done)
                len = remote[k].iov_len - done;
            add_piece(writes, (uint64_t)(uintptr_t)remote[k].iov_base + done,
                      (const uint8_t *)local[i].iov_base + from, len);
            done += len;
            from += len;
            if (from == local[i].iov_len) {
                from = 0;
                i++;
            }
        }
    }
}

int untaken_open(struct run *run)
{
    run->untaken = calloc(1, sizeof(*run->untaken));
    return run->untaken ? 0 : -ENOMEM;
}

static struct answer **slot_of(struct untaken *untaken, pid_t tid)
{
    return &untaken->answers[(uint32_t)tid % ANSWERS_MAX];
}

static struct answer *take_out(struct untaken *untaken, pid_t tid)
{
    struct answer **slot = slot_of(untaken, tid), *answer = *slot;

    *slot = NULL;
    untaken->n -= answer ? 1 : 0;
    return answer;
}

static void answer_free(struct answer *answer)
{
    if (answer)
        free(answer->writes.octets);
    free(answer);
}

/* Of SO_ERROR, which is told once, the value that is not 0. */
static bool has_told_error(const struct writes *writes)
{
    int error;

    if (writes->len < sizeof(struct piece) + sizeof(error))
        return false;
    memcpy(&error, writes->octets + sizeof(struct piece), sizeof(error));
    return error != 0;
}

/* Whether the call is another one when it is made again. Mere questions are not. */
static bool has_effect(const struct writes *writes, const struct stopped *stopped, int64_t value)
{
    if (value == CALL_NATIVE || value == CALL_DONE)
        return false;
    switch (stopped->nr) {
    case __NR_bind:
    case __NR_connect:
    case __NR_sendto:
    case __NR_sendmsg:
    case __NR_sendmmsg:
    case __NR_recvfrom:
    case __NR_recvmsg:
    case __NR_recvmmsg:
        return value != -EAGAIN && value != -ESRCH;
    case __NR_getsockopt:
        return (int)stopped->args[1] == SOL_SOCKET && (int)stopped->args[2] == SO_ERROR &&
               writes->id == stopped->id && has_told_error(writes);
    default:
        return false;
    }
}

void untaken_keep(struct run *run, const struct stopped *stopped, const struct chan *chan,
                  int64_t value)
{
    struct untaken *untaken = run->untaken;
    struct answer *answer;

    if (!chan || !has_effect(&untaken->writes, stopped, value))
        return;
    answer = calloc(1, sizeof(*answer));
    if (!answer)
        return;
    answer->call = *stopped;
    answer->cookie = chan->cookie;
    answer->value = value == -ESRCH ? 0 : value; /* SO_ERROR: taken, and not written */
    answer->until = run_now() + MAX_AGE;
    if (untaken->writes.id == stopped->id) {
        answer->writes = untaken->writes;
        memset(&untaken->writes, 0, sizeof(untaken->writes));
    }
    answer_free(take_out(untaken, stopped->tid));
    *slot_of(untaken, stopped->tid) = answer;
    untaken->n++;
}

/* Once more. Return: 0 or -EFAULT. */
static int write_again(const struct caller *to, const struct writes *writes)
{
    struct piece piece;
    int rc = 0;

    for (size_t at = 0; at < writes->len && rc == 0; at += sizeof(piece) + piece.len) {
        memcpy(&piece, writes->octets + at, sizeof(piece));
        rc = child_write(to, piece.at, writes->octets + at + sizeof(piece), piece.len);
        if (rc == -ESRCH)
            rc = 0; /* interrupted once more: then the answer is kept once more */
    }
    return rc;
}

static bool is_same(const struct answer *answer, const struct call *call)
{
    return answer->call.nr == call->nr && answer->cookie == call->chan->cookie &&
           answer->until > run_now() &&
           memcmp(answer->call.args, call->args, sizeof(call->args)) == 0;
}

bool untaken_give(struct call *call, int64_t *ret_value)
{
    struct untaken *untaken = call->run->untaken;
    struct answer *answer = untaken ? *slot_of(untaken, call->caller.tid) : NULL;
    bool same;
    int rc;

    /* A handler may make calls of its own before the thread comes back to this one. */
    if (!answer || answer->call.tid != call->caller.tid ||
        (int)answer->call.args[0] != (int)call->args[0])
        return false;
    same = is_same(answer, call);
    (void)take_out(untaken, call->caller.tid);
    if (same) {
        rc = write_again(&call->caller, &answer->writes);
        *ret_value = rc < 0 ? rc : answer->value;
        if (call->nr == __NR_connect && answer->value < 0)
            call->chan->error = 0; /* it is told now */
    }
    answer_free(answer);
    return same;
}

void untaken_sweep(struct run *run, ft_time now)
{
    struct untaken *untaken = run->untaken;

    for (uint32_t i = 0; i < ANSWERS_MAX && untaken->n > 0; i++) {
        if (untaken->answers[i] && untaken->answers[i]->until <= now)
            answer_free(take_out(untaken, untaken->answers[i]->call.tid));
    }
}
