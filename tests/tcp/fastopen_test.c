/* SPDX-License-Identifier: MIT */
/*
 * TCP Fast Open (RFC 7413), both sides: cookies asked for, given, sent back, refused; octets in
 * SYNs; what remains when something is lost on the way. And those who abuse it.
 */
#include "ladder.h"

#include "base/env.h"
#include "tcp/priv.h"

#define BOTH 3 /* FT_FASTOPEN_CLIENT | FT_FASTOPEN_SERVER */

static void open_with(struct ladder *t, unsigned mode)
{
    ladder_init(t);
    t->config.fastopen = (uint16_t)mode;
    ladder_start(t);
}

static void set_on(struct ladder *t, ft_sock sock, int name, int value, int answer)
{
    assert_int_equal(ft_setsockopt(t->stack, sock, IPPROTO_TCP, name, &value, sizeof(value)),
                     answer);
}

static void listen_with(struct ladder *t, int pending)
{
    stack_listens(t);
    set_on(t, t->listener, TCP_FASTOPEN, pending, 0);
}

/* The option, padded: @exp: in the experimental form. */
struct option {
    uint8_t octets[24];
    size_t len;
};

static struct option option_of(const uint8_t *cookie, size_t len, bool exp)
{
    struct option o = {.len = (exp ? 4 : 2) + len};

    o.octets[0] = exp ? 254 : 34;
    o.octets[1] = (uint8_t)o.len;
    o.octets[2] = 0xf9;
    o.octets[3] = 0x89;
    if (len > 0)
        memcpy(o.octets + (exp ? 4 : 2), cookie, len);
    while (o.len % 4 != 0)
        o.octets[o.len++] = 1;
    return o;
}

/* Begin anew from a port of the peer. */
static void use_port(struct ladder *t, uint16_t port)
{
    ladder_peer(t, 0);
    t->peer->port = port;
    t->peer->sock = -1;
    t->peer->nxt = LADDER_PEER_ISN;
    t->peer->iss_known = false;
    t->peer->written = t->peer->read = 0;
    t->peer->wnd = 65535;
    t->peer->stack_port = LADDER_PORT;
}

/* Ask for a cookie from a port that is not used again. */
static struct option asked(struct ladder *t, bool exp)
{
    struct option ask = option_of(NULL, 0, exp);

    use_port(t, 9000);
    peer_sends(t, SEG_SYN, .len = 10, .options = ask.octets, .n_options = ask.len);
    stack_sends(t, SEG_SYN | SEG_ACK, .seq = 0, .ack = LADDER_PEER_ISN + 1);
    assert_true(t->seg.has_tfo);
    assert_int_equal(t->seg.tfo_len, 8);
    assert_int_equal(t->seg.tfo_exp, exp);
    ask = option_of(t->seg.tfo, 8, exp);
    peer_sends(t, SEG_RST, .seq = LADDER_PEER_ISN + 1);
    return ask;
}

static void opens(struct ladder *t, uint16_t port, const struct option *o, int64_t len)
{
    use_port(t, port);
    peer_sends(t, SEG_SYN, .len = len, .options = o->octets, .n_options = o->len);
}

static void accepts(struct ladder *t)
{
    t->peer->sock = ft_accept(t->stack, t->listener, NULL, NULL);
    assert_true(t->peer->sock >= 0);
}

static bool syn_data(struct ladder *t)
{
    return stack_tcp_info(t).tcpi_options & TCPI_OPT_SYN_DATA;
}

/* ---- passive opens --------------------------------------------------------------------------- */

/* RFC 7413 4.2.2: the octets of a SYN with a valid cookie are there at once, and the answer to them
   does not wait for the end of the handshake. */
static void a_cookie_makes_a_connection_of_a_syn(void **state)
{
    struct ladder t;

    (void)state;
    for (int exp = 0; exp <= 1; exp++) {
        open_with(&t, BOTH);
        listen_with(&t, 4);
        struct option o = asked(&t, exp);
        opens(&t, 4001, &o, 20);
        stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = LADDER_PEER_ISN + 21);
        assert_false(t.seg.has_tfo);
        accepts(&t);
        assert_int_equal(stack_state(&t), FT_TCP_SYN_RECEIVED);
        assert_true(syn_data(&t));
        user_reads(&t, 20);
        user_writes(&t, 100);
        stack_sends(&t, SEG_ACK, .seq = 1, .ack = LADDER_PEER_ISN + 21, .len = 100);
        peer_sends(&t, SEG_ACK, .seq = LADDER_PEER_ISN + 21, .ack = 101);
        assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
        peer_sends(&t, SEG_ACK | SEG_FIN, .seq = LADDER_PEER_ISN + 21, .ack = 101);
        stack_sends(&t, SEG_ACK, .ack = LADDER_PEER_ISN + 22);
        ladder_close(&t);
    }
}

/* RFC 7413 4.2.2: the SYN-ACK is sent again, and its SYN answered again; the octets come once. */
static void a_lost_synack_is_sent_again(void **state)
{
    struct ladder t;

    (void)state;
    open_with(&t, BOTH);
    listen_with(&t, 4);
    struct option o = asked(&t, false);
    opens(&t, 4001, &o, 20);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = LADDER_PEER_ISN + 21);
    accepts(&t);
    user_writes(&t, 100);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 100);
    after_ms(&t, 1000);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = LADDER_PEER_ISN + 21);
    peer_sends(&t, SEG_SYN, .seq = LADDER_PEER_ISN);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = LADDER_PEER_ISN + 21);
    t.peer->nxt = LADDER_PEER_ISN + 21;
    peer_sends(&t, SEG_ACK, .ack = 1);
    assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
    (void)ladder_forget(&t);
    peer_sends(&t, SEG_ACK, .ack = 101);
    user_reads(&t, 20);
    ladder_close(&t);
}

/* A close before the handshake is over: FIN follows it, once for all. */
static void a_close_before_the_end_of_the_handshake_sends_fin_behind_it(void **state)
{
    struct ladder t;

    (void)state;
    open_with(&t, BOTH);
    listen_with(&t, 4);
    struct option o = asked(&t, false);
    opens(&t, 4001, &o, 20);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = LADDER_PEER_ISN + 21);
    accepts(&t);
    user_reads(&t, 20);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 10);
    user_closes(&t);
    peer_sends(&t, SEG_ACK, .seq = LADDER_PEER_ISN + 21, .ack = 1);
    stack_sends(&t, SEG_ACK | SEG_FIN, .seq = 11, .ack = LADDER_PEER_ISN + 21);
    peer_sends(&t, SEG_ACK | SEG_FIN, .seq = LADDER_PEER_ISN + 21, .ack = 12);
    stack_sends(&t, SEG_ACK, .seq = 12, .ack = LADDER_PEER_ISN + 22);
    ladder_close(&t);
}

/* ---- those who abuse it ---------------------------------------------------------------------- */

/* Octets that Nagle holds back, and an ACK that is owed before the handshake is over: it carried
   them, nobody had noted that they left, and the peer was reset for acknowledging them. */
static void an_ack_before_the_end_of_the_handshake_carries_no_octets(void **state)
{
    struct option o;
    struct ladder t;

    (void)state;
    open_with(&t, BOTH);
    listen_with(&t, 4);
    o = asked(&t, 0);
    opens(&t, 4001, &o, 20);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = LADDER_PEER_ISN + 21);
    accepts(&t);
    user_reads(&t, 20);
    user_writes(&t, 100);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 100);
    user_writes(&t, 50);
    stack_sends_nothing(&t);
    peer_sends(&t, SEG_SYN, .seq = LADDER_PEER_ISN + 100000);
    stack_sends(&t, SEG_ACK, .seq = 101, .len = 0);
    peer_sends(&t, SEG_ACK, .seq = LADDER_PEER_ISN + 21, .ack = 101);
    stack_sends(&t, SEG_ACK, .seq = 101, .len = 50);
    ladder_close(&t);
}

/* RFC 7413 5: octets of a SYN are delivered only with a cookie of ours, whatever its length is. */
/* proves: A-89 */
static void a_forged_cookie_delivers_nothing(void **state)
{
    struct ladder t;

    (void)state;
    open_with(&t, BOTH);
    listen_with(&t, 4);
    for (int exp = 0; exp <= 1; exp++) {
        struct option good = asked(&t, exp);
        for (size_t len = 0; len <= 18; len++) {
            uint8_t cookie[18];
            size_t head = exp ? 4 : 2;

            memset(cookie, 0, sizeof(cookie));
            memcpy(cookie, good.octets + head, 8);
            if (len == 8)
                cookie[exp ? 0 : 7] ^= 1;
            struct option bad = option_of(cookie, len, exp);
            opens(&t, (uint16_t)(5000 + len), &bad, 20);
            stack_sends(&t, SEG_SYN | SEG_ACK, .ack = LADDER_PEER_ISN + 1);
            assert_int_equal(ft_accept(t.stack, t.listener, NULL, NULL), -EAGAIN);
            peer_sends(&t, SEG_RST, .seq = LADDER_PEER_ISN + 1);
        }
        /* From another address it is worth nothing. */
        struct ft_addr thief = t.them;
        thief.lo += 1;
        use_port(&t, 5100);
        peer_sends(&t, SEG_SYN, .len = 20, .src = &thief, .options = good.octets,
                   .n_options = good.len);
        assert_int_equal(ft_accept(t.stack, t.listener, NULL, NULL), -EAGAIN);
        (void)ladder_forget(&t);
    }
    ladder_close(&t);
}

/* RFC 7413 5.1: beyond the limit the handshake is the plain one, and a reset makes no room. */
/* proves: A-89 */
static void connections_under_way_are_bounded(void **state)
{
    struct ladder t;

    (void)state;
    open_with(&t, BOTH);
    listen_with(&t, 3);
    struct option o = asked(&t, false);
    for (uint16_t i = 0; i < 6; i++) {
        opens(&t, (uint16_t)(5000 + i), &o, 20);
        stack_sends(&t, SEG_SYN | SEG_ACK, .ack = LADDER_PEER_ISN + (i < 3 ? 21 : 1));
    }
    for (uint16_t i = 0; i < 3; i++) {
        use_port(&t, (uint16_t)(5000 + i));
        peer_sends(&t, SEG_RST, .seq = LADDER_PEER_ISN + 21);
        accepts(&t); /* what came is there, as on Linux, and then the reset */
        user_reads(&t, 20);
        user_reads_nothing(&t, -ECONNRESET);
        user_closes(&t);
    }
    opens(&t, 5010, &o, 20);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = LADDER_PEER_ISN + 1);
    after_ms(&t, 61000);
    (void)ladder_forget(&t);
    opens(&t, 5011, &o, 20);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = LADDER_PEER_ISN + 21);
    accepts(&t);
    ft_sock sock = t.peer->sock;
    peer_sends(&t, SEG_ACK, .seq = LADDER_PEER_ISN + 21, .ack = 1);
    for (uint16_t i = 0; i < 4; i++) { /* what is established is not under way */
        opens(&t, (uint16_t)(5020 + i), &o, 20);
        stack_sends(&t, SEG_SYN | SEG_ACK, .ack = LADDER_PEER_ISN + (i < 3 ? 21 : 1));
    }
    use_port(&t, 5011);
    t.peer->sock = sock;
    ladder_close(&t);
}

/* RFC 7413 4.1.2: the key changes; a cookie of the last one is still good and is replaced, one of
   the key before that is not. */
/* proves: A-89 */
static void an_old_cookie_is_worth_nothing(void **state)
{
    struct ladder t;

    (void)state;
    open_with(&t, BOTH);
    listen_with(&t, 3);
    struct option o = asked(&t, false);
    after_ms(&t, 12u * 3600 * 1000);
    opens(&t, 5000, &o, 20);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = LADDER_PEER_ISN + 21);
    assert_int_equal(t.seg.tfo_len, 8);
    assert_memory_not_equal(t.seg.tfo, o.octets + 2, 8);
    struct option fresh = option_of(t.seg.tfo, 8, false);
    peer_sends(&t, SEG_ACK, .seq = LADDER_PEER_ISN + 21, .ack = 1);
    accepts(&t);
    user_reads(&t, 20);
    user_closes(&t);
    after_ms(&t, 12u * 3600 * 1000);
    (void)ladder_forget(&t);
    opens(&t, 5001, &o, 20);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = LADDER_PEER_ISN + 1);
    opens(&t, 5002, &fresh, 20);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = LADDER_PEER_ISN + 21);
    ladder_close(&t);
}

/* Memory that is refused at any point makes a plain handshake at worst, and leaks nothing. */
static void every_refusal_of_memory_is_survived(void **state)
{
    struct ladder t;

    (void)state;
    for (uint64_t n = 1; n < 12; n++) {
        open_with(&t, BOTH);
        listen_with(&t, 4);
        struct option o = asked(&t, false);
        t.fail_at = t.n_allocs + n;
        t.fail_from = true;
        opens(&t, 4001, &o, 20);
        t.fail_at = 0;
        t.fail_from = false;
        (void)ladder_forget(&t);
        ladder_close(&t);
    }
}

/* ---- active opens ---------------------------------------------------------------------------- */

static ssize_t user_opens(struct ladder *t, size_t n)
{
    struct sockaddr_storage name;
    uint8_t octets[4000];
    struct iovec iov = {octets, n};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_name = &name};
    ssize_t got;

    for (size_t i = 0; i < n; i++)
        octets[i] = ladder_octet(false, i);
    msg.msg_namelen = ladder_name(t, NULL, t->peer->port, &name);
    if (t->peer->sock < 0)
        t->peer->sock = ft_socket(t->stack, AF_INET, SOCK_STREAM, 0);
    got = ft_sendmsg(t->stack, t->peer->sock, &msg, MSG_FASTOPEN);
    ladder_check(t);
    t->peer->written = got > 0 ? (uint64_t)got : 0;
    return got;
}

static void learn_port(struct ladder *t)
{
    struct sockaddr_in name;
    socklen_t len = sizeof(name);

    assert_int_equal(ft_getsockname(t->stack, t->peer->sock, (struct sockaddr *)&name, &len), 0);
    t->peer->stack_port = ntohs(name.sin_port);
    t->peer->iss_known = false;
}

/* The first open asks; the server answers with a cookie and an MSS. */
static void client_asks(struct ladder *t, const struct option *answer)
{
    ladder_peer(t, 0);
    assert_int_equal(user_opens(t, 500), -EINPROGRESS);
    learn_port(t);
    stack_sends(t, SEG_SYN, .len = 0);
    assert_true(t->seg.has_tfo);
    assert_int_equal(t->seg.tfo_len, 0);
    peer_sends(t, SEG_SYN | SEG_ACK, .options = answer->octets, .n_options = answer->len);
    stack_sends(t, SEG_ACK, .seq = 1);
    ft_abort(t->stack, t->peer->sock);
    (void)ladder_forget(t);
    t->peer->sock = -1;
    t->peer->nxt = LADDER_PEER_ISN;
    t->peer->written = 0;
}

static struct option mss_and(uint16_t mss, bool exp)
{
    static const uint8_t cookie[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct option o = option_of(cookie, 8, exp);

    memmove(o.octets + 4, o.octets, o.len);
    o.octets[0] = 2;
    o.octets[1] = 4;
    o.octets[2] = (uint8_t)(mss >> 8);
    o.octets[3] = (uint8_t)mss;
    o.len += 4;
    return o;
}

/* RFC 7413 4.2.1: with a cookie the SYN carries octets, no more than the MSS that was told allows;
   what was acknowledged is not sent again. */
static void a_known_cookie_puts_octets_into_the_syn(void **state)
{
    struct ladder t;

    (void)state;
    for (int exp = 0; exp <= 1; exp++) {
        struct option o = mss_and(640, exp);

        open_with(&t, BOTH);
        client_asks(&t, &o);
        assert_int_equal(user_opens(&t, 1000), 600);
        learn_port(&t);
        stack_sends(&t, SEG_SYN, .seq = 0, .len = 600);
        assert_int_equal(t.seg.tfo_len, 8);
        assert_int_equal(t.seg.tfo_exp, exp);
        peer_sends(&t, SEG_SYN | SEG_ACK, .ack = 601, .mss = 1460);
        stack_sends(&t, SEG_ACK, .seq = 601);
        assert_true(syn_data(&t));
        user_writes(&t, 50);
        stack_sends(&t, SEG_ACK, .seq = 601, .len = 50);
        ladder_close(&t);
    }
}

/* SO_TIMESTAMPING: octets that go with the SYN have left with it, and are told of then. */
static void octets_of_a_syn_are_timed(void **state)
{
    const int when = 2 | 16 /* TX_SOFTWARE, SOFTWARE */;
    _Alignas(struct cmsghdr) uint8_t control[256];
    struct msghdr msg = {.msg_control = control, .msg_controllen = sizeof(control)};
    struct option o = mss_and(1460, false);
    struct ladder t;

    (void)state;
    open_with(&t, BOTH);
    client_asks(&t, &o);
    t.peer->sock = ft_socket(t.stack, AF_INET, SOCK_STREAM, 0);
    user_sets(&t, SOL_SOCKET, SO_TIMESTAMPING, when);
    assert_int_equal(user_opens(&t, 100), 100);
    learn_port(&t);
    assert_int_equal(ft_recvmsg(t.stack, t.peer->sock, &msg, MSG_ERRQUEUE), -EAGAIN);
    stack_sends(&t, SEG_SYN, .seq = 0, .len = 100);
    assert_int_equal(ft_recvmsg(t.stack, t.peer->sock, &msg, MSG_ERRQUEUE), 0);
    ladder_close(&t);
}

/* RFC 7413 4.2.1: what the SYN-ACK does not acknowledge goes with the ACK of the handshake. */
static void octets_that_were_not_taken_follow_the_handshake(void **state)
{
    struct ladder t;
    struct option o = mss_and(1460, false);

    (void)state;
    for (int64_t taken = 0; taken <= 300; taken += 300) {
        open_with(&t, BOTH);
        client_asks(&t, &o);
        assert_int_equal(user_opens(&t, 1000), 1000);
        learn_port(&t);
        stack_sends(&t, SEG_SYN, .seq = 0, .len = 1000);
        peer_sends(&t, SEG_SYN | SEG_ACK, .ack = 1 + taken, .mss = 1460);
        stack_sends(&t, SEG_ACK, .seq = 1 + taken, .len = 1000 - taken);
        assert_false(syn_data(&t));
        peer_sends(&t, SEG_ACK, .ack = 1001);
        stack_sends_nothing(&t);
        ladder_close(&t);
    }
}

/* RFC 9293 3.5, figure 7: SYNs cross, ours with octets. The peer may have taken none, some or all
   of them; the rest follows. packetdrill's simultaneous-fast-open was answered with a reset. */
static void octets_of_a_syn_that_crosses_may_be_taken(void **state)
{
    struct ladder t;
    struct option o = mss_and(1460, false);

    (void)state;
    for (int64_t taken = 0; taken <= 1000; taken += 500) {
        open_with(&t, BOTH);
        client_asks(&t, &o);
        assert_int_equal(user_opens(&t, 1000), 1000);
        learn_port(&t);
        stack_sends(&t, SEG_SYN, .seq = 0, .len = 1000);
        peer_sends(&t, SEG_SYN, .seq = 300, .mss = 1460);
        stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = 301, .len = 0);
        peer_sends(&t, SEG_SYN | SEG_ACK, .seq = 300, .ack = 1002);
        stack_sends(&t, SEG_RST, .seq = 1002);
        peer_sends(&t, SEG_SYN | SEG_ACK, .seq = 300, .ack = 1 + taken);
        assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
        stack_sends(&t, SEG_ACK, .seq = 1 + taken, .ack = 301, .len = 1000 - taken);
        stack_sends_nothing(&t);
        ladder_close(&t);
    }
}

/* RFC 7413 4.1.3.1: something may drop such SYNs; the next is a plain one. */
static void a_lost_syn_is_sent_again_without(void **state)
{
    struct ladder t;
    struct option o = mss_and(1460, false);

    (void)state;
    open_with(&t, BOTH);
    client_asks(&t, &o);
    assert_int_equal(user_opens(&t, 1000), 1000);
    learn_port(&t);
    stack_sends(&t, SEG_SYN, .seq = 0, .len = 1000);
    after_ms(&t, 1000);
    stack_sends(&t, SEG_SYN, .seq = 0, .len = 0);
    assert_false(t.seg.has_tfo);
    peer_sends(&t, SEG_SYN | SEG_ACK, .ack = 1, .mss = 1460);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    ladder_close(&t);
}

/* TCP_FASTOPEN_CONNECT: connect() answers at once, and the SYN waits for the first octets. */
static void connect_waits_for_the_first_octets(void **state)
{
    struct ladder t;
    struct option o = mss_and(1460, false);
    struct sockaddr_storage name;
    socklen_t len;

    (void)state;
    open_with(&t, BOTH);
    client_asks(&t, &o);
    t.peer->sock = ft_socket(t.stack, AF_INET, SOCK_STREAM, 0);
    set_on(&t, t.peer->sock, TCP_FASTOPEN_CONNECT, 1, 0);
    len = ladder_name(&t, NULL, t.peer->port, &name);
    assert_int_equal(ft_connect(t.stack, t.peer->sock, (struct sockaddr *)&name, len), 0);
    stack_sends_nothing(&t);
    assert_int_equal(ft_ready(t.stack, t.peer->sock), FT_WRITABLE);
    user_reads_nothing(&t, -EAGAIN);
    user_writes(&t, 700);
    learn_port(&t);
    stack_sends(&t, SEG_SYN, .seq = 0, .len = 700);
    peer_sends(&t, SEG_SYN | SEG_ACK, .ack = 701, .mss = 1460);
    stack_sends(&t, SEG_ACK, .seq = 701);
    ladder_close(&t);
}

/* RFC 7413 4.1.3.1: where two SYNs in a row were lost that had to do with Fast Open, the next ones
   have not, for four minutes. One that is answered at once begins the count anew. */
static void a_black_hole_is_gone_round(void **state)
{
    struct ladder t;
    struct option o = mss_and(1460, false);

    (void)state;
    open_with(&t, BOTH);
    client_asks(&t, &o);
    for (unsigned i = 0; i < 2; i++) {
        use_port(&t, LADDER_PEER_PORT);
        assert_int_equal(user_opens(&t, 100), 100);
        learn_port(&t);
        stack_sends(&t, SEG_SYN, .seq = 0, .len = 100);
        after_ms(&t, 1001);
        stack_sends(&t, SEG_SYN, .seq = 0);
        peer_sends(&t, SEG_SYN | SEG_ACK, .ack = 1, .mss = 1460);
        (void)ladder_forget(&t);
        assert_int_equal(ft_abort(t.stack, t.peer->sock), 0);
        (void)ladder_forget(&t);
    }
    use_port(&t, LADDER_PEER_PORT);
    assert_int_equal(user_opens(&t, 100), -EINPROGRESS);
    learn_port(&t);
    stack_sends(&t, SEG_SYN, .seq = 0);
    assert_false(t.seg.has_tfo);
    assert_int_equal(ft_abort(t.stack, t.peer->sock), 0);
    (void)ladder_forget(&t);
    after_ms(&t, 240000);
    use_port(&t, LADDER_PEER_PORT);
    assert_int_equal(user_opens(&t, 100), 100);
    learn_port(&t);
    stack_sends(&t, SEG_SYN, .seq = 0, .len = 100);
    assert_true(t.seg.has_tfo);
    ladder_close(&t);
}

/* As on Linux: who opens may use it by default, who listens may not. */
static void by_default_it_is_for_clients_only(void **state)
{
    struct ladder t;

    (void)state;
    ladder_open(&t);
    assert_int_equal(t.config.fastopen, FT_FASTOPEN_CLIENT);
    t.peer->sock = ft_socket(t.stack, AF_INET, SOCK_STREAM, 0);
    set_on(&t, t.peer->sock, TCP_FASTOPEN_CONNECT, 1, 0);
    assert_int_equal(ft_close(t.stack, t.peer->sock), 0);
    t.peer->sock = -1;
    listen_with(&t, 5);
    use_port(&t, 9000);
    peer_sends(&t, SEG_SYN, .len = 10, .options = option_of(NULL, 0, false).octets, .n_options = 4);
    stack_sends(&t, SEG_SYN | SEG_ACK, .seq = 0, .ack = LADDER_PEER_ISN + 1);
    assert_false(t.seg.has_tfo);
    ladder_close(&t);
}

/* As on Linux: it is refused where it is switched off. */
static void fast_open_may_be_switched_off(void **state)
{
    struct ladder t;

    (void)state;
    open_with(&t, 0);
    assert_int_equal(user_opens(&t, 100), -EOPNOTSUPP);
    set_on(&t, t.peer->sock, TCP_FASTOPEN_CONNECT, 1, -EOPNOTSUPP);
    stack_sends_nothing(&t);
    user_closes(&t);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cookie_makes_a_connection_of_a_syn),
        cmocka_unit_test(a_lost_synack_is_sent_again),
        cmocka_unit_test(a_close_before_the_end_of_the_handshake_sends_fin_behind_it),
        cmocka_unit_test(an_ack_before_the_end_of_the_handshake_carries_no_octets),
        cmocka_unit_test(a_forged_cookie_delivers_nothing),
        cmocka_unit_test(connections_under_way_are_bounded),
        cmocka_unit_test(an_old_cookie_is_worth_nothing),
        cmocka_unit_test(every_refusal_of_memory_is_survived),
        cmocka_unit_test(a_known_cookie_puts_octets_into_the_syn),
        cmocka_unit_test(octets_of_a_syn_are_timed),
        cmocka_unit_test(octets_that_were_not_taken_follow_the_handshake),
        cmocka_unit_test(octets_of_a_syn_that_crosses_may_be_taken),
        cmocka_unit_test(a_lost_syn_is_sent_again_without),
        cmocka_unit_test(connect_waits_for_the_first_octets),
        cmocka_unit_test(a_black_hole_is_gone_round),
        cmocka_unit_test(by_default_it_is_for_clients_only),
        cmocka_unit_test(fast_open_may_be_switched_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
