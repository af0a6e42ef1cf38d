/* SPDX-License-Identifier: MIT */
/*
 * The honest client. It acknowledges in steps of its round-trip time, keeps ten segments under way,
 * and repeats what is not answered after a second, so that whatever the stack drops, refuses or
 * delays shows as virtual time.
 */
#include "honest.h"

enum {
    HONEST = LADDER_PEERS_MAX - 2,
    HONEST_PORT = 61000, /* no attack uses it and those behind it */
    RTT_MS = 10,
    TIMEOUT_MS = 1000,
    PATIENCE_MS = 120000,
    SEGMENT = 1000,
    UP = 60000,
    DOWN = 100000,
};

struct client {
    uint32_t up_sent, up_acked, down_got; /* octets */
    ft_time told_at;                      /* when something was last new, or sent again */
    bool connected;
};

static void start(struct ladder *t)
{
    ladder_peer(t, HONEST);
    t->peer->port = t->peer->port < HONEST_PORT ? HONEST_PORT : (uint16_t)(t->peer->port + 1);
    t->peer->sock = -1;
    t->peer->nxt = LADDER_PEER_ISN;
    t->peer->iss_known = false;
    t->peer->snd_max = t->peer->iss = 0;
    t->peer->written = t->peer->read = 0;
    t->peer->wnd = 65535;
    t->peer->stack_port = LADDER_PORT;
    peer_sends(t, SEG_SYN, .mss = 1460, .sack_ok = 1);
}

/* A segment of the stack for the client. */
static void hear(struct ladder *t, struct client *c)
{
    uint32_t seq = t->seg.seq.v - t->peer->iss - 1;
    uint32_t acked = t->seg.ack.v - LADDER_PEER_ISN - 1;

    assert_false(t->seg.flags & SEG_RST);
    if (!c->connected) {
        c->connected = t->seg.flags & SEG_SYN;
        c->told_at = t->now;
        return;
    }
    if (acked > c->up_acked && acked <= c->up_sent) {
        c->up_acked = acked;
        c->told_at = t->now;
    }
    if (t->seg.len > 0 && seq <= c->down_got && seq + t->seg.len > c->down_got) {
        c->down_got = seq + t->seg.len;
        c->told_at = t->now;
    }
}

/* The application of the stack: it accepts, reads what is there and writes what goes in. */
static void serve(struct ladder *t)
{
    static uint8_t octets[DOWN];

    if (t->peer->sock < 0) {
        ft_sock sock = ft_accept(t->stack, t->listener, NULL, NULL);

        if (sock < 0)
            return;
        t->peer->sock = sock;
    }
    for (ssize_t n; (n = ft_recv(t->stack, t->peer->sock, octets, sizeof(octets), 0)) > 0;)
        t->peer->read += (uint64_t)n;
    if (t->peer->written < DOWN) {
        ssize_t n = ft_send(t->stack, t->peer->sock, octets, DOWN - t->peer->written, 0);

        t->peer->written += n > 0 ? (uint64_t)n : 0;
    }
}

/* What the client says once in a round-trip time. */
static void speak(struct ladder *t, struct client *c)
{
    if (t->now - c->told_at >= TIMEOUT_MS * FT_MS) {
        c->told_at = t->now;
        c->up_sent = c->up_acked;
        if (!c->connected)
            peer_sends(t, SEG_SYN, .seq = LADDER_PEER_ISN, .mss = 1460, .sack_ok = 1);
    }
    if (!c->connected)
        return;
    peer_sends(t, SEG_ACK, .ack = 1 + c->down_got);
    while (c->up_sent < UP && c->up_sent - c->up_acked < 10 * SEGMENT) {
        peer_sends(t, SEG_ACK, .seq = LADDER_PEER_ISN + 1 + c->up_sent, .ack = 1 + c->down_got,
                   .len = SEGMENT);
        c->up_sent += SEGMENT;
    }
}

ft_time honest_time(struct ladder *t, honest_attack *attack)
{
    struct client c = {.told_at = t->now};
    ft_time begun = t->now;

    (void)ladder_forget(t);
    start(t);
    for (unsigned ms = 1; c.up_acked < UP || c.down_got < DOWN; ms++) {
        assert_true(ms < PATIENCE_MS);
        if (attack != NULL)
            attack(t, ms);
        ladder_peer(t, HONEST);
        after_ms(t, 1);
        if (ms % RTT_MS != 0)
            continue;
        while (ladder_take(t))
            if (t->seg.dst_port == t->peer->port)
                hear(t, &c);
        speak(t, &c);
        serve(t);
    }
    assert_int_equal(t->peer->read, UP);
    ft_time took = t->now - begun;
    assert_int_equal(ft_abort(t->stack, t->peer->sock), 0);
    t->peer->sock = -1;
    (void)ladder_forget(t);
    return took;
}

void honest_has_half_its_speed(struct ladder *t, honest_attack *attack, ft_time calm)
{
    ft_time took = honest_time(t, attack);

    print_message("# %u ms in calm, %u ms under attack\n", (unsigned)(calm / FT_MS),
                  (unsigned)(took / FT_MS));
    assert_true(took <= 2 * calm);
}
