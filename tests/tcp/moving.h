/* SPDX-License-Identifier: MIT */
/*
 * A ladder whose stack is left by its connection for another stack, with other secrets and another
 * clock.
 */
#ifndef TESTS_TCP_MOVING_H
#define TESTS_TCP_MOVING_H

#include "ladder.h"

#define IMAGE_ROOM (1u << 20)

struct moving {
    struct ladder t;
    uint8_t *image; /* IMAGE_ROOM octets */
    size_t len;     /* of what ft_export() wrote */
};

/** ladder_open(). */
void moving_open(struct moving *m);

/** ladder_close(). */
void moving_close(struct moving *m);

/** The present peer's connection is written down; its length must be the one announced. */
void leaves(struct moving *m);

/** Another stack is in the place of the old one. @now: its time */
void another_stack(struct moving *m, ft_time now);

/** The connection goes on in the stack that is there now. */
void arrives(struct moving *m);

/** All three. */
void moves(struct moving *m);

#endif
