/* SPDX-License-Identifier: MIT */
/*
 * What recvmsg() tells besides octets: TCP_INQ, and the notifications of MSG_ZEROCOPY. They are
 * Linux's, so what must be true is what a program written for Linux relies on.
 */
#include "ladder.h"

#include <assert.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recvmsg_tells_how_much_is_left),
        cmocka_unit_test(a_short_control_buffer_is_told_of),
        cmocka_unit_test(copies_are_told_of_by_the_error_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
