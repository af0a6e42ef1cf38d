/* SPDX-License-Identifier: MIT */
/*
 * A ring under a mutex: a call costs two changes of threads anyway, so nothing finer pays.
 */
#include "host/cmdq.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int cmdq_init(struct cmdq *queue)
{
    memset(queue, 0, sizeof(*queue));
    queue->eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (queue->eventfd < 0)
        return -errno;
    /* Default attributes cannot fail on Linux. */
    (void)pthread_mutex_init(&queue->lock, NULL);
    (void)pthread_cond_init(&queue->room, NULL);
    return 0;
}

void cmdq_fini(struct cmdq *queue)
{
    (void)close(queue->eventfd); /* holds nothing that could be lost */
    (void)pthread_cond_destroy(&queue->room);
    (void)pthread_mutex_destroy(&queue->lock);
}

static void ring_the_bell(struct cmdq *queue)
{
    uint64_t one = 1;

    /* Fails only when it is full of rings: then it is heard anyway. */
    if (write(queue->eventfd, &one, sizeof(one)) < 0)
        return;
}

int cmdq_post(struct cmdq *queue, void *item)
{
    int error = 0;

    (void)pthread_mutex_lock(&queue->lock); /* a plain mutex that we do not hold */
    while (queue->n == CMDQ_SIZE && !queue->closed)
        (void)pthread_cond_wait(&queue->room, &queue->lock);
    if (queue->closed) {
        error = -ECANCELED;
    } else {
        queue->items[(queue->head + queue->n++) % CMDQ_SIZE] = item;
        if (queue->n == 1)
            ring_the_bell(queue);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return error;
}

size_t cmdq_take(struct cmdq *queue, void **ret_items, size_t n)
{
    uint64_t rings;
    size_t taken = 0;

    (void)pthread_mutex_lock(&queue->lock);
    if (queue->n == CMDQ_SIZE)
        (void)pthread_cond_broadcast(&queue->room);
    for (; taken < n && queue->n > 0; taken++) {
        ret_items[taken] = queue->items[queue->head];
        queue->head = (queue->head + 1) % CMDQ_SIZE;
        queue->n--;
    }
    /* The bell is quiet exactly when the ring is empty. */
    if (queue->n == 0 && read(queue->eventfd, &rings, sizeof(rings)) < 0)
        rings = 0;
    (void)pthread_mutex_unlock(&queue->lock);
    return taken;
}

void cmdq_close(struct cmdq *queue)
{
    (void)pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    (void)pthread_cond_broadcast(&queue->room);
    (void)pthread_mutex_unlock(&queue->lock);
}
