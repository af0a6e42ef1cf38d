/* SPDX-License-Identifier: MIT */
/*
 * Loopback by reference: the frames of ft_output are the frames of ft_input, their payload stays
 * where the sender's buffer has it until it is in the receiver's.
 */
#include "link/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <fourtuple.h>

#include "link/link.h"

/* Octets of a frame's own buffer: all of what must be linear. */
#define LOOP_BUFFER (LINK_LOOP_MTU + FT_HEADERS_MAX)

struct link_loop {
    struct ft_stack *stack;
    int ifindex;
    struct ft_frame frames[LINK_BATCH];
    uint8_t *buffers;
};

static int add_addresses(struct ft_stack *stack, int ifindex)
{
    static const struct ft_addr ip4 = {0, UINT64_C(0xffff7f000001)}, ip6 = {0, 1};
    int error = ft_addr_add(stack, ifindex, &ip4, 8, 0);

    return error != 0 ? error : ft_addr_add(stack, ifindex, &ip6, 128, 0);
}

int link_loop_new(struct ft_stack *stack, struct link_loop **ret_loop)
{
    struct ft_if_config config = {
        .size = sizeof(config),
        .name = "lo",
        .type = FT_IF_LOOPBACK,
        .mtu = LINK_LOOP_MTU,
        .gso_max = LINK_LOOP_MTU,
        .flags = FT_IF_TX_CSUM | FT_IF_TSO | FT_IF_NO_DAD,
    };
    struct link_loop *loop = calloc(1, sizeof(*loop));
    int error = -ENOMEM;

    if (loop == NULL)
        return -ENOMEM;
    loop->stack = stack;
    loop->buffers = malloc((size_t)LINK_BATCH * LOOP_BUFFER);
    if (loop->buffers == NULL)
        goto fail;
    error = ft_if_add(stack, &config);
    if (error < 0)
        goto fail;
    loop->ifindex = error;
    error = add_addresses(stack, loop->ifindex);
    if (error != 0)
        goto fail;
    *ret_loop = loop;
    return loop->ifindex;
fail:
    link_loop_free(loop);
    return error;
}

void link_loop_free(struct link_loop *loop)
{
    if (loop == NULL)
        return;
    free(loop->buffers);
    free(loop);
}

size_t link_loop_pump(struct link_loop *loop, size_t n_max, ft_time now)
{
    size_t moved = 0;

    while (moved < n_max) {
        size_t want = n_max - moved < LINK_BATCH ? n_max - moved : LINK_BATCH, n;

        for (size_t i = 0; i < want; i++) {
            loop->frames[i].buf = loop->buffers + i * LOOP_BUFFER;
            loop->frames[i].cap = LOOP_BUFFER;
            loop->frames[i].flags = 0;
        }
        n = ft_output(loop->stack, loop->ifindex, loop->frames, want, now);
        if (n == 0)
            break;
        for (size_t i = 0; i < n; i++) {
            /* Nobody can have changed it, so no checksum need be made or looked at. */
            loop->frames[i].flags =
                (uint16_t)((loop->frames[i].flags & ~FT_FRAME_CSUM_PARTIAL) | FT_FRAME_CSUM_GOOD);
        }
        ft_input(loop->stack, loop->ifindex, loop->frames, n, now);
        ft_output_done(loop->stack, loop->ifindex, loop->frames, n, n);
        moved += n;
        if (n < want)
            break;
    }
    return moved;
}
