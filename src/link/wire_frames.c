/* SPDX-License-Identifier: MIT */
/*
 * The virtual wire's frames: one message of a SOCK_SEQPACKET connection each. A frame goes to the
 * peer that has its destination address, else to all. Nothing waits: what does not fit into the
 * connection of a peer is dropped and counted for that peer.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "link/wire_priv.h"

static const char magic[8] = "ft-wire";

static bool is_multicast(const uint8_t *frame)
{
    return (frame[0] & 1) != 0;
}

/* The hello of the other end: a message of exactly its size, with the magic and the version. */
static int take_hello(struct wire_peer *peer)
{
    struct wire_hello hello;
    ssize_t n = recv(peer->watch.fd, &hello, sizeof(hello), MSG_DONTWAIT | MSG_TRUNC);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n != (ssize_t)sizeof(hello) || memcmp(hello.magic, magic, sizeof(magic)) != 0 ||
        hello.version != 1 || is_multicast(hello.mac))
        return -ECONNRESET;
    hello.file[WIRE_FILE_MAX - 1] = '\0';
    hello.host[LINK_WIRE_NAME_MAX] = '\0';
    memcpy(peer->info.mac, hello.mac, sizeof(peer->info.mac));
    memcpy(peer->info.host, hello.host, sizeof(peer->info.host));
    memcpy(peer->file, hello.file, sizeof(peer->file));
    peer->greeted = true;
    return 0;
}

/* Puts the frame that was received into frames[from] at frames[to], exchanging the buffers. */
static void place(struct ft_frame *frames, size_t from, size_t to, uint32_t len)
{
    if (from != to) {
        struct ft_frame other = frames[to];

        frames[to] = frames[from];
        frames[from] = other;
    }
    link_frame_reset(&frames[to]);
    frames[to].len = len;
    if (is_multicast(frames[to].buf))
        frames[to].flags |= FT_FRAME_L2_MULTICAST;
}

int wire_peer_recv(struct wire *wire, struct wire_peer *peer, struct ft_frame *frames, size_t n)
{
    struct mmsghdr messages[LINK_BATCH];
    struct iovec iov[LINK_BATCH];
    size_t n_good = 0;
    int n_got;

    if (!peer->greeted)
        return take_hello(peer);
    if (n > LINK_BATCH)
        n = LINK_BATCH;
    memset(messages, 0, n * sizeof(messages[0]));
    for (size_t i = 0; i < n; i++) {
        iov[i] = (struct iovec){frames[i].buf, frames[i].cap};
        messages[i].msg_hdr.msg_iov = &iov[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    n_got = recvmmsg(peer->watch.fd, messages, (unsigned)n, MSG_DONTWAIT, NULL);
    if (n_got < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -ECONNRESET;
    for (size_t i = 0; i < (size_t)n_got; i++) {
        unsigned len = messages[i].msg_len;

        if (len == 0) {
            /* The end: nobody sends an empty message. What came before it still counts; if that is
               nothing the peer goes now, else the next call sees the end again. */
            if (n_good == 0)
                return -ECONNRESET;
            break;
        }
        if (len < LINK_ETHER_HEADER || (messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
            wire->link.counters.n_dropped++;
            continue;
        }
        place(frames, i, n_good++, len);
    }
    peer->info.n_in += n_good;
    wire->link.counters.n_in += n_good;
    return (int)n_good;
}

/* Sends frames to one peer; what does not go is dropped and counted. */
static void send_to(struct wire *wire, struct wire_peer *peer, struct mmsghdr *messages, unsigned n)
{
    unsigned at = 0;

    while (at < n) {
        int sent = sendmmsg(peer->watch.fd, messages + at, n - at, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (sent > 0) {
            peer->info.n_out += (unsigned)sent;
            at += (unsigned)sent;
        } else if (errno == EMSGSIZE) {
            peer->info.n_dropped++;
            wire->link.counters.n_dropped++;
            at++;
        } else if (errno != EINTR) {
            /* Full, or gone: then its end is read soon. */
            peer->info.n_dropped += n - at;
            wire->link.counters.n_dropped += n - at;
            return;
        }
    }
}

/* The peer with an address; the newest, since a host that was restarted has the same again. */
static struct wire_peer *find_peer(const struct wire *wire, const uint8_t *mac)
{
    for (size_t i = wire->n_peers; i-- > 0;) {
        struct wire_peer *peer = wire->peers[i];

        if (peer->greeted && !peer->dead && memcmp(peer->info.mac, mac, 6) == 0)
            return peer;
    }
    return NULL;
}

static void send_run(struct wire *wire, const uint8_t *mac, struct mmsghdr *messages, unsigned n)
{
    struct wire_peer *peer = is_multicast(mac) ? NULL : find_peer(wire, mac);

    if (peer != NULL) {
        send_to(wire, peer, messages, n);
        return;
    }
    for (size_t i = 0; i < wire->n_peers; i++) {
        if (!wire->peers[i]->dead)
            send_to(wire, wire->peers[i], messages, n);
    }
}

int wire_send(struct link *link, const struct ft_frame *frames, size_t n)
{
    struct wire *wire = (struct wire *)link;
    struct iovec iov[LINK_BATCH][FT_SPANS_MAX + 1];
    struct mmsghdr messages[LINK_BATCH];
    size_t done = 0;

    while (done < n) {
        const uint8_t *mac = frames[done].buf;
        unsigned run = 0;

        /* Frames for the same address go in one call. */
        while (done + run < n && run < LINK_BATCH && memcmp(frames[done + run].buf, mac, 6) == 0) {
            struct msghdr *header = &messages[run].msg_hdr;

            memset(header, 0, sizeof(*header));
            header->msg_iov = iov[run];
            header->msg_iovlen = link_frame_iov(&frames[done + run], iov[run]);
            run++;
        }
        send_run(wire, mac, messages, run);
        done += run;
    }
    link->counters.n_out += n;
    return (int)n;
}
