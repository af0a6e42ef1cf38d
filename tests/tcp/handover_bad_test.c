/* SPDX-License-Identifier: MIT */
/*
 * What ft_export() and ft_import() refuse: sockets that are no live connection, stacks that are not
 * the right one, octets that are damaged or that no connection can have, memory that is not there.
 */
#include "moving.h"

#include "wire/image.h"

/* What cannot go stays as it is, and the error says why. */
static void what_cannot_go_is_refused(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;
    struct ft_span span;
    ft_sock fresh, udp;

    (void)state;
    moving_open(&m);
    fresh = ft_socket(t->stack, AF_INET, SOCK_STREAM, 0);
    udp = ft_socket(t->stack, AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(ft_export(t->stack, fresh, m.image, IMAGE_ROOM), -ENOTCONN);
    assert_int_equal(ft_export(t->stack, udp, m.image, IMAGE_ROOM), -EOPNOTSUPP);
    assert_int_equal(ft_export(t->stack, -1, m.image, IMAGE_ROOM), -EBADF);
    stack_listens(t);
    assert_int_equal(ft_export(t->stack, t->listener, m.image, IMAGE_ROOM), -EOPNOTSUPP);
    user_connects(t);
    assert_int_equal(ft_export(t->stack, t->peer->sock, m.image, IMAGE_ROOM), -EINPROGRESS);
    stack_sends(t, SEG_SYN);
    peer_sends(t, SEG_SYN | SEG_ACK, .seq = 100, .ack = 1, .mss = 1460);
    stack_sends(t, SEG_ACK);
    peer_sends(t, SEG_ACK, .len = 10);
    assert_int_equal(ft_peek(t->stack, t->peer->sock, &span, 1), 1);
    assert_int_equal(ft_export(t->stack, t->peer->sock, m.image, IMAGE_ROOM), -EBUSY);
    assert_int_equal(ft_unpin(t->stack, t->peer->sock), 0);
    user_reads(t, 10);
    peer_sends(t, SEG_RST, .seq = 111);
    assert_int_equal(ft_export(t->stack, t->peer->sock, m.image, IMAGE_ROOM), -ENOTCONN);
    assert_int_equal(ft_close(t->stack, fresh), 0);
    assert_int_equal(ft_close(t->stack, udp), 0);
    moving_close(&m);
}

/* Errors of a stack that is not the right one. */
static void a_stack_that_cannot_take_it_says_why(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;
    ft_sock one;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460);
    leaves(&m);
    t->config.limits.sockets_max = 1;
    another_stack(&m, 7 * FT_SEC);
    one = ft_socket(t->stack, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(ft_import(t->stack, m.image, m.len), -EMFILE);
    assert_int_equal(ft_close(t->stack, one), 0);
    assert_int_equal(ft_addr_del(t->stack, t->eth, &t->us), 0);
    assert_int_equal(ft_import(t->stack, m.image, m.len), -EADDRNOTAVAIL);
    assert_int_equal(ft_addr_add(t->stack, t->eth, &t->us, 24, 0), 0);
    arrives(&m);
    moving_close(&m);
}

/* RFC 9293 says nothing of it: octets that were cut or changed anywhere are no connection. */
static void damage_is_found(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460, .sack_ok = 1, .tsval = 1);
    peer_sends(t, SEG_ACK, .seq = 101, .len = 30);
    user_writes(t, 40);
    (void)ladder_forget(t);
    leaves(&m);
    for (size_t len = 0; len < m.len; len++)
        assert_int_equal(ft_import(t->stack, m.image, len), -EBADMSG);
    for (size_t i = 0; i < m.len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            m.image[i] ^= (uint8_t)(1u << bit);
            assert_int_equal(ft_import(t->stack, m.image, m.len), -EBADMSG);
            m.image[i] ^= (uint8_t)(1u << bit);
        }
    }
    m.image[11]++; /* the version, with a check that is right */
    ft_image_seal(m.image, m.len);
    assert_int_equal(ft_import(t->stack, m.image, m.len), -EPROTONOSUPPORT);
    m.image[11]--;
    ft_image_seal(m.image, m.len);
    arrives(&m);
    (void)ladder_forget(t);
    moving_close(&m);
}

/* Find a field in an image. Return: where its value is. */
static size_t field(const struct moving *m, uint16_t tag, size_t *ret_len)
{
    for (size_t at = IMAGE_HEAD; at < m->len - IMAGE_CHECK;) {
        const uint8_t *p = m->image + at;
        size_t len = (size_t)p[2] << 24 | (size_t)p[3] << 16 | (size_t)p[4] << 8 | p[5];

        *ret_len = len;
        if ((p[0] << 8 | p[1]) == tag)
            return at + 6;
        at += 6 + len;
    }
    fail_msg("there is no field %u", tag);
    return 0;
}

/* One field has another value, the check is right: what import answers. */
static ft_sock with(struct moving *m, uint16_t tag, uint64_t value)
{
    uint8_t kept[8];
    size_t len = 0, at = field(m, tag, &len);
    ft_sock ret;

    assert_in_range(len, 1, 8);
    memcpy(kept, m->image + at, len);
    for (size_t i = 0; i < len; i++)
        m->image[at + i] = (uint8_t)(value >> (8 * (len - 1 - i)));
    ft_image_seal(m->image, m->len);
    ret = ft_import(m->t.stack, m->image, m->len);
    memcpy(m->image + at, kept, len);
    ft_image_seal(m->image, m->len);
    return ret;
}

/* Nothing is believed: values that no connection can have are refused one by one. */
static void values_that_cannot_be_are_refused(void **state)
{
    static const struct {
        uint16_t tag;
        uint64_t value;
    } wrong[] = {
        {1, FT_TCP_SYN_SENT},
        {1, FT_TCP_LISTEN},
        {1, FT_TCP_TIME_WAIT},
        {1, 0},
        {1, 200},
        {2, 1u << 30},
        {7, 0},
        {8, 0},
        {17, 1u << 31},
        {19, 0},
        {19, UINT32_MAX},
        {20, 0},
        {22, 15},
        {23, 15},
        {48, 0},
        {61, 1u << 31},
        {65, 1u << 20},
        {66, 60000},
        {93, 1u << 31},
        {98, 0},
        {99, 0},
        {100, 0},
        {101, 0},
        {102, 5},
        {102, 32768},
        {95, 1151},
        {106, 3},
        {104, 0},
        {90, 1u << 20},
    };
    struct moving m;
    struct ladder *t = &m.t;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460, .sack_ok = 1, .tsval = 1);
    leaves(&m);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(with(&m, wrong[i].tag, wrong[i].value), -EINVAL);
    assert_int_equal(with(&m, 12, 1u << 30), -EINVAL); /* more in flight than there is */
    assert_int_equal(with(&m, 42, 0), -EINVAL);        /* RCV.NXT beyond the window */
    assert_int_equal(with(&m, 4, 0xffff0a070063), -EADDRNOTAVAIL);
    assert_int_equal(with(&m, 6, 0xffffe0000001), -EINVAL); /* a group is no peer */
    arrives(&m);
    (void)ladder_forget(t);
    moving_close(&m);
}

/* Any allocation may be refused: then both stacks are as before. */
static void refused_memory_loses_nothing(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;
    uint64_t live;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460, .sack_ok = 1);
    peer_sends(t, SEG_ACK, .seq = 201, .len = 100);
    peer_sends(t, SEG_ACK, .seq = 101, .len = 20);
    user_writes(t, 9000);
    (void)ladder_forget(t);
    for (uint64_t n = 1;; n++) {
        t->fail_at = t->n_allocs + n;
        ssize_t len = ft_export(t->stack, t->peer->sock, m.image, IMAGE_ROOM);
        t->fail_at = 0;
        ladder_check(t);
        m.len = (size_t)len;
        if (len > 0)
            break;
        assert_int_equal(len, -ENOBUFS);
    }
    t->peer->sock = -1;
    another_stack(&m, 7 * FT_SEC);
    live = t->n_live;
    for (uint64_t n = 1;; n++) {
        t->fail_at = t->n_allocs + n;
        t->peer->sock = ft_import(t->stack, m.image, m.len);
        t->fail_at = 0;
        ladder_check(t);
        if (t->peer->sock >= 0)
            break;
        assert_int_equal(t->peer->sock, -ENOBUFS);
        assert_int_equal(stack_counts(t).now_sockets, 0);
        assert_int_equal(stack_counts(t).now_connections, 0);
        assert_in_range(n, 1, 50);
    }
    assert_true(t->n_live > live);
    (void)ladder_forget(t);
    peer_sends(t, SEG_ACK, .seq = 121, .len = 80);
    user_reads(t, 200);
    moving_close(&m);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_go_is_refused),
        cmocka_unit_test(a_stack_that_cannot_take_it_says_why),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(values_that_cannot_be_are_refused),
        cmocka_unit_test(refused_memory_loses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
