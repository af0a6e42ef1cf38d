/* SPDX-License-Identifier: MIT */
/*
 * What recvmsg() tells besides octets: TCP_INQ, and the notifications of MSG_ZEROCOPY. They are
 * Linux's, so what must be true is what a program written for Linux relies on.
 */
#include "ladder.h"

#include <assert.h>
#include <sys/time.h>
#include <time.h>

#define ORIGIN_COPY 5

struct told {
    ssize_t got;
    int flags;
    size_t control_len;
    struct { /* struct cmsghdr, without the octets that follow it */
        size_t cmsg_len;
        int cmsg_level, cmsg_type;
    } hdr;
    uint8_t data[64];
};

static struct told receives(struct ladder *t, size_t n, int flags, size_t room)
{
    static uint8_t octets[4096];
    _Alignas(struct cmsghdr) uint8_t control[128] = {0};
    struct iovec iov = {octets, n};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    struct told told = {0};

    static_assert(sizeof(told.hdr) == sizeof(struct cmsghdr), "the same layout");
    msg.msg_control = control;
    msg.msg_controllen = room;
    told.got = ft_recvmsg(t->stack, t->peer->sock, &msg, flags);
    ladder_check(t);
    told.flags = msg.msg_flags;
    told.control_len = msg.msg_controllen;
    memcpy(&told.hdr, control, sizeof(told.hdr));
    memcpy(told.data, control + CMSG_LEN(0), sizeof(told.data));
    return told;
}

static int inq_of(const struct told *told)
{
    int inq;

    assert_int_equal(told->hdr.cmsg_level, IPPROTO_TCP);
    assert_int_equal(told->hdr.cmsg_type, TCP_INQ);
    assert_int_equal(told->hdr.cmsg_len, CMSG_LEN(sizeof(int)));
    memcpy(&inq, told->data, sizeof(inq));
    return inq;
}

/* TCP_INQ: what is left behind a read, the peer's FIN being one more. */
static void recvmsg_tells_how_much_is_left(void **state)
{
    struct ladder t;
    struct told told;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    peer_sends(&t, SEG_ACK, .len = 1000);
    told = receives(&t, 400, 0, 128);
    assert_int_equal(told.got, 400);
    assert_int_equal(told.control_len, 0);
    user_sets(&t, IPPROTO_TCP, TCP_INQ, 1);
    assert_int_equal(user_gets(&t, IPPROTO_TCP, TCP_INQ), 1);
    told = receives(&t, 400, 0, 128);
    assert_int_equal(inq_of(&told), 200);
    peer_sends(&t, SEG_ACK | SEG_FIN, .len = 50);
    told = receives(&t, 250, 0, 128);
    assert_int_equal(told.got, 250);
    assert_int_equal(inq_of(&told), 1);
    (void)ladder_forget(&t);
    ladder_close(&t);
}

/* A control buffer that is too short is said to be, and is not written past its end. */
static void a_short_control_buffer_is_told_of(void **state)
{
    struct ladder t;
    struct told told;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    user_sets(&t, IPPROTO_TCP, TCP_INQ, 1);
    for (size_t room = 0; room < CMSG_LEN(sizeof(int)); room++) {
        peer_sends(&t, SEG_ACK, .len = 10);
        told = receives(&t, 10, 0, room);
        assert_int_equal(told.got, 10);
        assert_true(told.flags & MSG_CTRUNC);
        assert_true(told.control_len <= room);
    }
    (void)ladder_forget(&t);
    ladder_close(&t);
}

static uint32_t word(const struct told *told, size_t at)
{
    uint32_t v;

    memcpy(&v, told->data + at, sizeof(v));
    return v;
}

/* MSG_ZEROCOPY: calls are numbered, and those in a row are told of as one. */
static void copies_are_told_of_by_the_error_queue(void **state)
{
    struct ladder t;
    struct told told;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    user_writes_flags(&t, 100, MSG_ZEROCOPY); /* without SO_ZEROCOPY it means nothing */
    assert_int_equal(receives(&t, 0, MSG_ERRQUEUE, 128).got, -EAGAIN);
    user_sets(&t, SOL_SOCKET, SO_ZEROCOPY, 1);
    assert_false(ft_ready(t.stack, t.peer->sock) & FT_ERROR);
    for (uint32_t i = 0; i < 3; i++)
        user_writes_flags(&t, 100, MSG_ZEROCOPY);
    assert_true(ft_ready(t.stack, t.peer->sock) & FT_ERROR);
    told = receives(&t, 0, MSG_ERRQUEUE, 128);
    assert_int_equal(told.got, 0);
    assert_true(told.flags & MSG_ERRQUEUE);
    assert_int_equal(told.hdr.cmsg_level, IPPROTO_IP);
    assert_int_equal(told.hdr.cmsg_type, IP_RECVERR);
    assert_int_equal(word(&told, 0), 0);
    assert_int_equal(told.data[4], ORIGIN_COPY);
    assert_int_equal(told.data[6], 1); /* copied */
    assert_int_equal(word(&told, 8), 0);
    assert_int_equal(word(&told, 12), 2);
    assert_int_equal(receives(&t, 0, MSG_ERRQUEUE, 128).got, -EAGAIN);
    assert_false(ft_ready(t.stack, t.peer->sock) & FT_ERROR);
    user_writes_flags(&t, 100, MSG_ZEROCOPY);
    told = receives(&t, 0, MSG_ERRQUEUE, 128);
    assert_int_equal(word(&told, 8), 3);
    assert_int_equal(word(&told, 12), 3);
    (void)ladder_forget(&t);
    ladder_close(&t);
}

/* ---- SO_TIMESTAMPING ------------------------------------------------------------------------- */

enum {
    TX_SOFTWARE = 2,
    RX_SOFTWARE = 8,
    SOFTWARE = 16,
    OPT_ID = 128,
    TX_SCHED = 256,
    TX_ACK = 512
};

/* What the error queue tells next. */
struct stamp {
    ssize_t got;
    int flags;
    bool timed;
    struct timespec at;
    uint32_t error, kind, key;
    uint8_t origin;
};

static struct stamp next_stamp(struct ladder *t)
{
    _Alignas(struct cmsghdr) uint8_t control[256] = {0};
    struct msghdr msg = {.msg_control = control, .msg_controllen = sizeof(control)};
    struct stamp stamp = {0};

    stamp.got = ft_recvmsg(t->stack, t->peer->sock, &msg, MSG_ERRQUEUE);
    stamp.flags = msg.msg_flags;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); stamp.got == 0 && c; c = CMSG_NXTHDR(&msg, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPING) {
            stamp.timed = true;
            memcpy(&stamp.at, CMSG_DATA(c), sizeof(stamp.at));
        } else {
            assert_int_equal(c->cmsg_type, IP_RECVERR);
            memcpy(&stamp.error, CMSG_DATA(c), 4);
            stamp.origin = CMSG_DATA(c)[4];
            memcpy(&stamp.kind, CMSG_DATA(c) + 8, 4);
            memcpy(&stamp.key, CMSG_DATA(c) + 12, 4);
        }
    }
    return stamp;
}

static void assert_stamp(struct ladder *t, uint32_t kind, uint32_t key, int64_t ms)
{
    struct stamp stamp = next_stamp(t);

    assert_int_equal(stamp.got, 0);
    assert_int_equal(stamp.flags, MSG_ERRQUEUE | MSG_TRUNC);
    assert_true(stamp.timed);
    assert_int_equal(stamp.error, ENOMSG);
    assert_int_equal(stamp.origin, 4); /* SO_EE_ORIGIN_TIMESTAMPING */
    assert_int_equal(stamp.kind, kind);
    assert_int_equal(stamp.key, key);
    assert_int_equal(stamp.at.tv_sec * 1000 + stamp.at.tv_nsec / 1000000, ms);
}

static int64_t now_ms(const struct ladder *t)
{
    return (int64_t)(t->now / FT_MS);
}

/* The last octet of each write is told of: taken into a frame, gone, acknowledged. */
static void the_way_of_each_write_is_timed(void **state)
{
    struct ladder t;
    int64_t begin;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000);
    user_sets(&t, SOL_SOCKET, SO_TIMESTAMPING, TX_SCHED | TX_SOFTWARE | TX_ACK | SOFTWARE | OPT_ID);
    begin = now_ms(&t);
    user_writes(&t, 1500);
    (void)ladder_forget(&t);
    assert_true(ft_ready(t.stack, t.peer->sock) & FT_ERROR);
    after_ms(&t, 5);
    peer_sends(&t, SEG_ACK, .ack = 1001);
    assert_stamp(&t, 1, 1499, begin); /* SCM_TSTAMP_SCHED */
    assert_stamp(&t, 0, 1499, begin); /* SCM_TSTAMP_SND */
    assert_int_equal(next_stamp(&t).got, -EAGAIN);
    after_ms(&t, 5);
    peer_sends(&t, SEG_ACK, .ack = 1501);
    assert_stamp(&t, 2, 1499, begin + 10); /* SCM_TSTAMP_ACK */
    assert_false(ft_ready(t.stack, t.peer->sock) & FT_ERROR);
    /* What is sent again has been told of. */
    user_writes(&t, 10);
    after_ms(&t, 2000);
    (void)ladder_forget(&t);
    assert_stamp(&t, 1, 1509, begin + 10);
    assert_stamp(&t, 0, 1509, begin + 10);
    assert_int_equal(next_stamp(&t).got, -EAGAIN);
    ladder_close(&t);
}

/* An error queue that nobody reads is bounded; what finds no room is counted. */
static void times_that_nobody_reads_are_bounded(void **state)
{
    struct ft_counters counters;
    struct ladder t;
    unsigned n = 0;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1000);
    user_sets(&t, SOL_SOCKET, SO_TIMESTAMPING, TX_ACK | SOFTWARE | OPT_ID);
    for (unsigned i = 0; i < 300; i++) {
        user_writes(&t, 10);
        (void)ladder_forget(&t);
        peer_sends(&t, SEG_ACK, .ack = 11 + 10 * i);
    }
    while (next_stamp(&t).got == 0)
        n++;
    assert_int_equal(n, 256);
    ft_counters(t.stack, &counters);
    assert_int_equal(counters.tcp_stamps_dropped, 44);
    ladder_close(&t);
}

/* A read is told when the last of its octets came, for as long as octets of then are unread. */
static void reads_are_told_when_octets_came(void **state)
{
    struct timespec all[3];
    struct timeval tv;
    struct ladder t;
    struct told told;
    int64_t first;

    (void)state;
    ladder_open(&t);
    peer_connects(&t, .mss = 1460);
    user_sets(&t, SOL_SOCKET, SO_TIMESTAMPING, RX_SOFTWARE | SOFTWARE);
    first = now_ms(&t);
    peer_sends(&t, SEG_ACK, .len = 100);
    after_ms(&t, 7);
    peer_sends(&t, SEG_ACK, .len = 100);
    told = receives(&t, 60, 0, 128);
    assert_int_equal(told.hdr.cmsg_type, SO_TIMESTAMPING);
    memcpy(&all, told.data, sizeof(all));
    assert_int_equal(all[0].tv_nsec / 1000000, first % 1000);
    told = receives(&t, 60, 0, 128);
    memcpy(&all, told.data, sizeof(all));
    assert_int_equal(all[0].tv_nsec / 1000000, (first + 7) % 1000);
    user_sets(&t, SOL_SOCKET, SO_TIMESTAMPING, 0);
    user_sets(&t, SOL_SOCKET, SO_TIMESTAMP, 1);
    assert_int_equal(user_gets(&t, SOL_SOCKET, SO_TIMESTAMP), 1);
    peer_sends(&t, SEG_ACK | SEG_FIN); /* has a number, and is no octet */
    told = receives(&t, 80, 0, 128);
    assert_int_equal(told.hdr.cmsg_type, SO_TIMESTAMP);
    memcpy(&tv, told.data, sizeof(tv));
    assert_int_equal(tv.tv_usec / 1000, (first + 7) % 1000);
    (void)ladder_forget(&t);
    ladder_close(&t);
}

/* As on Linux: numbers count octets of a conversation, and bits that are not known are refused. */
static void stamping_is_refused_where_it_makes_no_sense(void **state)
{
    const int unknown = 1 << 20;
    struct ladder t;
    ft_sock sock;
    int v = OPT_ID;

    (void)state;
    ladder_open(&t);
    sock = ft_socket(t.stack, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(ft_setsockopt(t.stack, sock, SOL_SOCKET, SO_TIMESTAMPING, &v, sizeof(v)),
                     -EINVAL);
    assert_int_equal(
        ft_setsockopt(t.stack, sock, SOL_SOCKET, SO_TIMESTAMPING, &unknown, sizeof(unknown)),
        -EINVAL);
    v = TX_ACK | SOFTWARE;
    assert_int_equal(ft_setsockopt(t.stack, sock, SOL_SOCKET, SO_TIMESTAMPING, &v, sizeof(v)), 0);
    assert_int_equal(ft_close(t.stack, sock), 0);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recvmsg_tells_how_much_is_left),
        cmocka_unit_test(a_short_control_buffer_is_told_of),
        cmocka_unit_test(copies_are_told_of_by_the_error_queue),
        cmocka_unit_test(the_way_of_each_write_is_timed),
        cmocka_unit_test(times_that_nobody_reads_are_bounded),
        cmocka_unit_test(reads_are_told_when_octets_came),
        cmocka_unit_test(stamping_is_refused_where_it_makes_no_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
