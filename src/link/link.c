/* SPDX-License-Identifier: MIT */
/*
 * Frames in pieces: what all links need.
 */
#include "link/link.h"

#include <string.h>
#include <sys/uio.h>

size_t link_frame_iov(const struct ft_frame *frame, struct iovec *ret_iov)
{
    size_t n = 0;

    ret_iov[n++] = (struct iovec){frame->buf, frame->len};
    for (unsigned i = 0; i < frame->n_spans; i++)
        ret_iov[n++] = (struct iovec){frame->spans[i].data, frame->spans[i].len};
    return n;
}

void link_frame_reset(struct ft_frame *frame)
{
    uint8_t *buf = frame->buf;
    uint32_t cap = frame->cap;

    memset(frame, 0, sizeof(*frame));
    frame->buf = buf;
    frame->cap = cap;
}
