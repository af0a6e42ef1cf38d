/* SPDX-License-Identifier: MIT */
/*
 * The empty wire.
 */
#include "link/none.h"

#include <errno.h>
#include <stdlib.h>

static int none_recv(struct link *link, struct ft_frame *frames, size_t n)
{
    (void)link;
    (void)frames;
    (void)n;
    return 0;
}

static int none_send(struct link *link, const struct ft_frame *frames, size_t n)
{
    (void)frames;
    link->counters.n_out += n;
    return (int)n;
}

static void none_close(struct link *link)
{
    free(link);
}

int link_none_open(struct link **ret_link)
{
    static const struct link_ops ops = {none_recv, none_send, none_close};
    struct link *link = calloc(1, sizeof(*link));

    if (link == NULL)
        return -ENOMEM;
    link->ops = &ops;
    link->fd = -1;
    link->type = FT_IF_ETHER;
    link->mtu = 1500;
    link->frame_max = link->mtu + LINK_ETHER_HEADER;
    link->kind = "none";
    *ret_link = link;
    return 0;
}
