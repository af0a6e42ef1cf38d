/* SPDX-License-Identifier: MIT */
/*
 * Between a link and its interface: frames in batches, over a bad cable if there is one, into the
 * capture if there is one. A capture shows what the stack sees: what came through the cable, and
 * what goes onto it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "diag/pcapng.h"
#include "host/conf.h"
#include "host/priv.h"
#include "host/say.h"

#define FLUSH_EVERY (100 * FT_MS)

static void reset_frames(struct host *host)
{
    for (size_t i = 0; i < LINK_BATCH; i++) {
        host->frames[i].buf = host->buffers + i * HOST_FRAME_MAX;
        host->frames[i].cap = HOST_FRAME_MAX;
        host->frames[i].flags = 0;
    }
}

static void capture(struct host *host, struct port *port, size_t n, enum pcapng_direction direction)
{
    for (size_t i = 0; i < n && port->capture != NULL && port->capture->pcapng != NULL; i++) {
        const struct ft_frame *frame = &host->frames[i];
        struct ft_span spans[FT_SPANS_MAX + 1] = {{frame->buf, frame->len}};
        struct pcapng_packet packet = {
            .interface = port->capture_if,
            .at = host->now,
            .spans = spans,
            .n_spans = 1u + frame->n_spans,
            .direction = direction,
        };

        memcpy(spans + 1, frame->spans, frame->n_spans * sizeof(struct ft_span));
        if (pcapng_write(port->capture->pcapng, &packet) != 0) {
            /* The disk is full, or nobody reads: the network goes on without a capture. */
            host_say("--pcap: %s cannot be written; the capture ends", port->capture->path);
            (void)pcapng_close(port->capture->pcapng); /* said above */
            port->capture->pcapng = NULL;
        }
    }
}

static void died(struct host *host, struct port *port, int error)
{
    port->dead = true;
    host_fd_del(host, &port->watch);
    if (host->hooks.link_dead != NULL)
        host->hooks.link_dead(host->hooks.ctx, host, port->ifindex, error);
    else
        host_say("--net: a %s is gone (%s); its interface is silent now", port->link->kind,
                 strerror(-error));
}

static void give(struct host *host, struct port *port, size_t n)
{
    for (size_t i = 0; i < n; i++)
        host->frames[i].at = host->now;
    capture(host, port, n, PCAPNG_IN);
    ft_input(host->stack, port->ifindex, host->frames, n, host->now);
}

/* All that is due on the cable, in batches. */
static size_t cable_input(struct host *host, struct port *port)
{
    size_t total = 0, n;

    do {
        reset_frames(host);
        for (n = 0; n < LINK_BATCH; n++) {
            struct ft_frame *frame = &host->frames[n];
            size_t len = impair_take(&port->in, host->now, frame->buf, frame->cap);

            if (len == 0)
                break;
            link_frame_reset(frame);
            frame->len = (uint32_t)len;
            if (port->link->type == FT_IF_ETHER && (frame->buf[0] & 1) != 0)
                frame->flags |= FT_FRAME_L2_MULTICAST;
        }
        if (n > 0)
            give(host, port, n);
        total += n;
    } while (n == LINK_BATCH);
    return total;
}

size_t port_input(struct host *host, struct port *port)
{
    size_t total = 0;

    if (port->ready && !port->dead) {
        int n;

        reset_frames(host);
        n = link_recv(port->link, host->frames, LINK_BATCH);
        if (n < 0) {
            died(host, port, n);
        } else if (n > 0 && port->impaired) {
            for (int i = 0; i < n; i++)
                impair_put(&port->in, host->frames[i].buf, host->frames[i].len, host->now);
            total = 1;
        } else if (n > 0) {
            give(host, port, (size_t)n);
            total = (size_t)n;
        }
    }
    if (port->impaired)
        total += cable_input(host, port);
    return total;
}

/* What the cable lets go now; the link may be full, then it is lost as on any other way. */
static size_t cable_output(struct host *host, struct port *port)
{
    size_t total = 0, n;

    do {
        reset_frames(host);
        for (n = 0; n < LINK_BATCH; n++) {
            struct ft_frame *frame = &host->frames[n];
            size_t len = impair_take(&port->out, host->now, frame->buf, frame->cap);

            if (len == 0)
                break;
            link_frame_reset(frame);
            frame->len = (uint32_t)len;
        }
        if (n > 0 && !port->dead) {
            int sent = link_send(port->link, host->frames, n);

            if (sent < 0)
                died(host, port, sent);
            else
                port->link->counters.n_dropped += n - (size_t)sent;
        }
        total += n;
    } while (n == LINK_BATCH);
    return total;
}

static size_t send_batch(struct host *host, struct port *port, size_t n)
{
    int sent;

    if (port->dead)
        return n;
    if (!port->impaired) {
        sent = link_send(port->link, host->frames, n);
        if (sent >= 0)
            return (size_t)sent;
        died(host, port, sent);
        return n;
    }
    for (size_t i = 0; i < n; i++) {
        struct ft_frame *frame = &host->frames[i];

        /* The buffer has room for all of it behind the headers. */
        for (unsigned j = 0; j < frame->n_spans; j++) {
            memcpy(frame->buf + frame->len, frame->spans[j].data, frame->spans[j].len);
            frame->len += (uint32_t)frame->spans[j].len;
        }
        frame->n_spans = 0;
        impair_put(&port->out, frame->buf, frame->len, host->now);
    }
    return n;
}

size_t port_output(struct host *host, struct port *port)
{
    size_t total = 0;

    while (total < HOST_OUT_BUDGET && !port->link->want_write) {
        size_t n, n_sent;

        reset_frames(host);
        n = ft_output(host->stack, port->ifindex, host->frames, LINK_BATCH, host->now);
        if (n == 0)
            break;
        n_sent = send_batch(host, port, n);
        capture(host, port, n_sent, PCAPNG_OUT);
        ft_output_done(host->stack, port->ifindex, host->frames, n, n_sent);
        total += n_sent;
        if (n_sent < n)
            break;
    }
    if (port->impaired)
        (void)cable_output(host, port); /* its next deadline says when to come again */
    port_poll(host, port);
    return total;
}

ft_time port_deadline(const struct port *port)
{
    ft_time in, out;

    if (!port->impaired)
        return FT_TIME_NEVER;
    in = impair_deadline(&port->in);
    out = impair_deadline(&port->out);
    return in < out ? in : out;
}

void port_poll(struct host *host, struct port *port)
{
    uint32_t events = EPOLLIN | (port->link->want_write ? (uint32_t)EPOLLOUT : 0u);

    if (port->dead || port->link->fd < 0 || (port->watch.added && port->watch.events == events))
        return;
    (void)host_fd_set(host, &port->watch, events); /* was added before: only no memory can fail */
}

void port_fini(struct port *port)
{
    if (port->impaired) {
        impair_fini(&port->in);
        impair_fini(&port->out);
    }
    link_close(port->link);
}

/* --- captures ------------------------------------------------------------------------------- */

int port_capture(struct host *host, struct port *port, const char *path, const char *if_name,
                 uint32_t mtu)
{
    struct capture *free_one = NULL;
    int error;

    if (strlen(path) >= HOST_CAPTURE)
        return -ENAMETOOLONG;
    for (size_t i = 0; i < HOST_LINKS_MAX; i++) {
        struct capture *one = &host->captures[i];

        if (one->pcapng != NULL && strcmp(one->path, path) == 0)
            port->capture = one;
        if (one->pcapng == NULL && free_one == NULL)
            free_one = one;
    }
    if (port->capture == NULL) {
        error = pcapng_open(path, &free_one->pcapng);
        if (error != 0)
            return error;
        (void)snprintf(free_one->path, sizeof(free_one->path), "%s", path);
        pcapng_epoch(free_one->pcapng, conf_epoch_ns());
        port->capture = free_one;
    }
    port->capture_if =
        pcapng_interface(port->capture->pcapng, if_name,
                         port->link->type == FT_IF_ETHER ? PCAPNG_ETHER : PCAPNG_IP, mtu);
    return 0;
}

void port_flush_captures(struct host *host)
{
    if (host->now - host->flushed_at < FLUSH_EVERY)
        return;
    for (size_t i = 0; i < HOST_LINKS_MAX; i++) {
        if (host->captures[i].pcapng != NULL)
            (void)pcapng_flush(host->captures[i].pcapng); /* the next write finds the error */
    }
    host->flushed_at = host->now;
}

void port_close_captures(struct host *host)
{
    for (size_t i = 0; i < HOST_LINKS_MAX; i++) {
        if (pcapng_close(host->captures[i].pcapng) != 0)
            host_say("--pcap: %s is not complete", host->captures[i].path);
        host->captures[i].pcapng = NULL;
    }
}
