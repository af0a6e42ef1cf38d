/* SPDX-License-Identifier: MIT */
/*
 * Connections that move: see moving.h.
 */
#include "moving.h"

void moving_open(struct moving *m)
{
    memset(m, 0, sizeof(*m));
    m->image = malloc(IMAGE_ROOM);
    ladder_init(&m->t);
    ladder_start(&m->t);
}

void moving_close(struct moving *m)
{
    ladder_close(&m->t);
    free(m->image);
}

/* What is written down is what was announced, and no longer than promised. */
void leaves(struct moving *m)
{
    struct ladder *t = &m->t;
    ft_sock sock = t->peer->sock;
    ssize_t len = ft_export(t->stack, sock, NULL, 0);

    assert_in_range(len, 1, IMAGE_ROOM);
    assert_int_equal(ft_export(t->stack, sock, m->image, (size_t)len - 1), -ENOBUFS);
    assert_int_equal(ft_export(t->stack, sock, m->image, IMAGE_ROOM), len);
    assert_int_equal(ft_export(t->stack, sock, NULL, 0), -EBADF);
    m->len = (size_t)len;
    t->peer->sock = -1;
    ladder_check(t);
}

/* Another stack in the place of the old one, with another seed and another time. */
void another_stack(struct moving *m, ft_time now)
{
    struct ladder *t = &m->t;

    ft_stack_free(t->stack);
    t->listener = -1;
    t->config.seed[0] ^= 0xff;
    t->now = now;
    ladder_start(t);
}

void arrives(struct moving *m)
{
    struct ladder *t = &m->t;

    t->peer->sock = ft_import(t->stack, m->image, m->len);
    assert_true(t->peer->sock >= 0);
    ladder_check(t);
}

void moves(struct moving *m)
{
    leaves(m);
    stack_sends_nothing(&m->t);
    another_stack(m, 7 * FT_SEC);
    arrives(m);
}
