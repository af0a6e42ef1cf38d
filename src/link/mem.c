/* SPDX-License-Identifier: MIT */
/*
 * A cable in memory. Frames go by reference unless every octet is to be copied into them.
 */
#include "link/mem.h"

#include <errno.h>
#include <stdlib.h>

#include <fourtuple.h>

#include "link/link.h"

struct link_mem {
    struct link_mem_config config;
    struct ft_frame *frames;
    uint8_t *buffers;
};

int link_mem_new(const struct link_mem_config *config, struct link_mem **ret_mem)
{
    struct link_mem *mem = calloc(1, sizeof(*mem));

    if (mem == NULL)
        return -ENOMEM;
    mem->config = *config;
    if (mem->config.batch == 0)
        mem->config.batch = LINK_BATCH;
    mem->frames = calloc(mem->config.batch, sizeof(struct ft_frame));
    mem->buffers = malloc((size_t)mem->config.batch * config->frame_max);
    if (mem->frames == NULL || mem->buffers == NULL) {
        link_mem_free(mem);
        return -ENOMEM;
    }
    *ret_mem = mem;
    return 0;
}

void link_mem_free(struct link_mem *mem)
{
    if (mem == NULL)
        return;
    free(mem->frames);
    free(mem->buffers);
    free(mem);
}

static size_t move(struct link_mem *mem, unsigned from, ft_time now)
{
    const struct link_mem_config *config = &mem->config;
    unsigned to = 1 - from;
    size_t n;

    for (uint32_t i = 0; i < config->batch; i++) {
        mem->frames[i].buf = mem->buffers + (size_t)i * config->frame_max;
        mem->frames[i].cap = config->frame_max;
        mem->frames[i].flags = config->linear ? FT_FRAME_LINEAR : 0;
    }
    n = ft_output(config->stacks[from], config->ifindexes[from], mem->frames, config->batch, now);
    if (n == 0)
        return 0;
    for (size_t i = 0; i < n; i++) {
        uint16_t flags = mem->frames[i].flags;

        if (config->csum_good)
            flags = (uint16_t)((flags & ~FT_FRAME_CSUM_PARTIAL) | FT_FRAME_CSUM_GOOD);
        mem->frames[i].flags = flags;
    }
    ft_input(config->stacks[to], config->ifindexes[to], mem->frames, n, now);
    ft_output_done(config->stacks[from], config->ifindexes[from], mem->frames, n, n);
    return n;
}

size_t link_mem_pump(struct link_mem *mem, ft_time now)
{
    size_t there = move(mem, 0, now);

    return there + move(mem, 1, now);
}
