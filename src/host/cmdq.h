/* SPDX-License-Identifier: MIT */
/*
 * The ring over which threads hand records to the thread that owns a stack. It holds references;
 * the records are the callers'. Bounded: whoever finds it full sleeps until there is room.
 */
#ifndef HOST_CMDQ_H
#define HOST_CMDQ_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define CMDQ_SIZE 256

struct cmdq {
    pthread_mutex_t lock;
    pthread_cond_t room;
    void *items[CMDQ_SIZE];
    size_t head, n; /* the oldest, and how many */
    bool closed;    /* nothing is taken in any more */
    int eventfd;    /* readable while there may be items */
};

/**
 * Make a ring.
 *
 * @queue: overwritten whole; to be ended by cmdq_fini()
 *
 * Return: 0 or a -errno.
 */
int cmdq_init(struct cmdq *queue);

/** End a ring; nobody may use it any more. */
void cmdq_fini(struct cmdq *queue);

/**
 * Hand over an item, and wake the owner. Sleeps while the ring is full.
 *
 * Return: 0; -ECANCELED: the ring is closed.
 */
int cmdq_post(struct cmdq *queue, void *item);

/**
 * Take all items up to a number, oldest first; by the owner, when the eventfd is readable.
 *
 * @ret_items: up to @n are written
 *
 * Return: how many were. When it is @n there may be more, and the eventfd stays readable.
 */
size_t cmdq_take(struct cmdq *queue, void **ret_items, size_t n);

/** Take nothing in any more; those who sleep get -ECANCELED. What is in it stays to be taken. */
void cmdq_close(struct cmdq *queue);

#endif
