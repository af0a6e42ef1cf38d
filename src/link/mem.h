/* SPDX-License-Identifier: MIT */
/*
 * A cable between two stacks in one process: what one sends, the other takes in, at once and in
 * order. For tests, examples and measurements; it keeps no frame.
 */
#ifndef LINK_MEM_H
#define LINK_MEM_H

#include <stdbool.h>

#include <fourtuple/types.h>

struct link_mem; /* the frames of one cable */

struct link_mem_config {
    struct ft_stack *stacks[2];
    int ifindexes[2];
    uint32_t frame_max; /* octets of the longest linear frame, headers included */
    bool linear;        /* every octet is copied into the frame (FT_FRAME_LINEAR) */
    bool csum_good;     /* the receiver may believe the checksums */
    uint32_t batch;     /* frames asked for at once; 0: LINK_BATCH */
};

/**
 * Make a cable.
 *
 * @config:  copied; the stacks stay the caller's and must outlive the cable
 * @ret_mem: to be freed by link_mem_free()
 *
 * Return: 0; -ENOMEM.
 */
int link_mem_new(const struct link_mem_config *config, struct link_mem **ret_mem);

/**
 * Free a cable.
 *
 * @mem: may be NULL
 */
void link_mem_free(struct link_mem *mem);

/**
 * Move one batch each way.
 *
 * Return: frames moved; 0: neither end has anything to send now.
 */
size_t link_mem_pump(struct link_mem *mem, ft_time now);

#endif
