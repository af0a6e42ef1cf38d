/* SPDX-License-Identifier: MIT */
/*
 * TCP MD5 (RFC 2385): signatures as the RFC has them, nothing acted upon without one, keys of
 * passive sockets and of connections, and Linux's answers.
 */
#include "signer.h"

#include "wire/be.h"

static const struct ladder_key secret = {.kind = TCP_SIG_MD5, .secret = "a shared secret"};
static const struct ladder_key other = {.kind = TCP_SIG_MD5, .secret = "another secret"};

static void open_keyed(struct ladder *t, bool v6)
{
    signer_init(t);
    t->v6 = v6;
    ladder_start(t);
    stack_listens(t);
    assert_int_equal(user_sets_md5(t, t->listener, secret.secret), 0);
    t->key = &secret;
}

/* RFC 2385 2.0: "Every segment sent on a TCP connection to be protected against spoofing will
   contain the 16-byte MD5 digest". */
/* proves: SIG-1 SIG-2 SIG-7 */
static void passive_open_is_signed(void **state)
{
    struct ladder t;

    for (unsigned v6 = 0; v6 < 2; v6++) {
        (void)state;
        open_keyed(&t, v6);
        peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460, .sack_ok = 1, .tsval = 5, .wscale = 7);
        /* No room for SACK blocks beside a timestamp: as on Linux the latter goes. */
        stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 101, .ts = 0, .sack_ok = 1);
        stack_signed(&t, &secret);
        peer_sends(&t, SEG_ACK, .seq = 101, .len = 10);
        t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
        assert_true(t.peer->sock >= 0);
        user_reads(&t, 10);
        stack_sends(&t, SEG_ACK, .ack = 111);
        stack_signed(&t, &secret);
        /* A full segment is shorter by the option, and one a frame. */
        user_writes(&t, 3000);
        stack_sends(&t, SEG_ACK, .seq = 1, .len = v6 ? 1420 : 1440);
        stack_signed(&t, &secret);
        stack_sends(&t, SEG_ACK, .seq = v6 ? 1421 : 1441, .len = v6 ? 1420 : 1440);
        stack_signed(&t, &secret);
        (void)ladder_forget(&t);
        /* Again, by the timer. */
        after_ms(&t, 300);
        assert_true(ladder_take(&t));
        stack_signed(&t, &secret);
        (void)ladder_forget(&t);
        ladder_close(&t);
    }
}

/* RFC 2385 2.0: upon receiving a signed segment the receiver must validate it, and must drop it in
   silence if the digests differ; likewise what has none (4.1, 4.2). A-63. */
/* proves: SIG-3 SIG-4 SIG-5 A-63 */
static void nothing_unsigned_is_acted_upon(void **state)
{
    static const struct ladder_key *const wrong[] = {NULL, &other};
    struct ladder t;

    (void)state;
    open_keyed(&t, false);
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 101);
    for (unsigned i = 0; i < 2; i++) {
        enum ft_verdict verdict = i == 0 ? FT_RX_DROP_UNSIGNED : FT_RX_DROP_SIGNATURE;

        t.key = wrong[i];
        /* Of the embryo. */
        peer_sends(&t, SEG_ACK, .seq = 101);
        assert_verdict(&t, verdict);
        peer_sends(&t, SEG_RST, .seq = 101);
        assert_verdict(&t, verdict);
        peer_sends(&t, SEG_SYN, .seq = 100);
        assert_verdict(&t, verdict);
        /* Of the passive socket. */
        ladder_peer(&t, 1);
        peer_sends(&t, SEG_SYN, .seq = 500);
        assert_verdict(&t, verdict);
        peer_sends(&t, SEG_ACK, .seq = 501, .ack = 77);
        assert_verdict(&t, verdict);
        ladder_peer(&t, 0);
        stack_sends_nothing(&t);
    }
    t.key = &secret;
    peer_sends(&t, SEG_ACK, .seq = 101);
    assert_verdict(&t, FT_RX_ACTIVE);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    for (unsigned i = 0; i < 2; i++) {
        enum ft_verdict verdict = i == 0 ? FT_RX_DROP_UNSIGNED : FT_RX_DROP_SIGNATURE;
        unsigned flags[] = {SEG_RST, SEG_RST | SEG_ACK, SEG_SYN, SEG_ACK, SEG_ACK | SEG_FIN, 0};

        t.key = wrong[i];
        for (unsigned k = 0; k < sizeof(flags) / sizeof(flags[0]); k++) {
            peer_sends(&t, flags[k], .seq = 101, .len = k == 3 ? 10 : 0);
            assert_verdict(&t, verdict);
            peer_sends(&t, flags[k], .seq = 90000);
            assert_verdict(&t, verdict);
        }
        t.peer->nxt = 101;
        t.peer->isn = 100;
        stack_sends_nothing(&t);
        assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
        user_reads_nothing(&t, -EAGAIN);
    }
    t.key = &secret;
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 10);
    user_reads(&t, 10);
    peer_sends(&t, SEG_RST, .seq = 111);
    assert_int_equal(stack_state(&t), FT_TCP_CLOSED);
    ladder_close(&t);
}

/* an ICMP error is not signed by anyone. */
/* proves: A-63 */
static void icmp_changes_nothing(void **state)
{
    struct ladder t;
    int before;

    (void)state;
    open_keyed(&t, false);
    peer_connects(&t, .mss = 1460);
    user_writes(&t, 1000);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    before = user_gets(&t, IPPROTO_TCP, TCP_MAXSEG);
    peer_icmp(&t, NULL, 3, 4, 600);
    assert_verdict(&t, FT_RX_DROP_UNSIGNED);
    peer_icmp(&t, NULL, 3, 3, 0);
    assert_verdict(&t, FT_RX_DROP_UNSIGNED);
    assert_int_equal(user_gets(&t, IPPROTO_TCP, TCP_MAXSEG), before);
    assert_int_equal(user_gets(&t, SOL_SOCKET, SO_ERROR), 0);
    ladder_close(&t);
}

/* The answers that no connection sends by itself are signed, too: resets, ACKs of TIME-WAIT, SYN
   cookies. */
/* proves: SIG-1 */
static void answers_are_signed(void **state)
{
    struct ladder t;

    (void)state;
    signer_init(&t);
    t.config.limits.half_open_max = 1;
    ladder_start(&t);
    stack_listens(&t);
    assert_int_equal(user_sets_md5(&t, t.listener, secret.secret), 0);
    t.key = &secret;
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 101);
    ladder_peer(&t, 1);
    peer_sends(&t, SEG_ACK, .seq = 300, .ack = 400); /* to the passive socket: a reset */
    stack_sends(&t, SEG_RST);
    stack_signed(&t, &secret);
    peer_sends(&t, SEG_SYN, .seq = 300, .mss = 1460, .tsval = 7, .sack_ok = 1, .wscale = 3);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 301, .ts = 1);
    stack_signed(&t, &secret);
    assert_int_equal(stack_counts(&t).tcp_cookies_sent, 1);
    peer_sends(&t, SEG_ACK, .seq = 301, .tsval = 8, .tsecr = t.seg.tsval);
    assert_int_equal(stack_counts(&t).tcp_cookies_good, 1);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    assert_true(t.peer->sock >= 0);
    user_closes(&t);
    stack_sends(&t, SEG_ACK | SEG_FIN, .ack = 301);
    stack_signed(&t, &secret);
    peer_sends(&t, SEG_ACK | SEG_FIN, .seq = 301, .tsval = 9);
    stack_sends(&t, SEG_ACK, .ack = 302);
    stack_signed(&t, &secret);
    assert_int_equal(stack_counts(&t).now_time_wait, 1);
    /* TIME-WAIT: the FIN again; and one that is not signed. */
    peer_sends(&t, SEG_ACK | SEG_FIN, .seq = 301, .tsval = 10);
    stack_sends(&t, SEG_ACK, .ack = 302);
    stack_signed(&t, &secret);
    t.key = NULL;
    peer_sends(&t, SEG_ACK | SEG_FIN, .seq = 301, .tsval = 11);
    assert_verdict(&t, FT_RX_DROP_UNSIGNED);
    stack_sends_nothing(&t);
    ladder_close(&t);
}

/* RFC 2385 4.0: an active open; its SYN has no timestamp, as on Linux. An abort is signed. */
/* proves: SIG-1 SIG-2 */
static void active_open_is_signed(void **state)
{
    struct ladder t;

    (void)state;
    signer_init(&t);
    ladder_start(&t);
    t.peer->sock = ft_socket(t.stack, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(user_sets_md5(&t, t.peer->sock, secret.secret), 0);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .ts = 0, .sack_ok = 1);
    stack_signed(&t, &secret);
    peer_sends(&t, SEG_RST | SEG_ACK, .seq = 0);
    assert_verdict(&t, FT_RX_DROP_UNSIGNED);
    peer_sends(&t, SEG_SYN | SEG_ACK, .seq = 100, .mss = 1460);
    assert_verdict(&t, FT_RX_DROP_UNSIGNED);
    assert_int_equal(stack_state(&t), FT_TCP_SYN_SENT);
    t.key = &secret;
    peer_sends(&t, SEG_SYN | SEG_ACK, .seq = 100, .mss = 1460, .sack_ok = 1);
    stack_sends(&t, SEG_ACK, .ack = 101);
    stack_signed(&t, &secret);
    /* What is out of order is told by as many SACK blocks as fit. */
    peer_sends(&t, SEG_ACK, .seq = 301, .len = 100);
    peer_sends(&t, SEG_ACK, .seq = 501, .len = 100);
    (void)ladder_take(&t);
    stack_sends(&t, SEG_ACK, .ack = 101, .n_sack = 2, .sack = {{501, 601}, {301, 401}});
    stack_signed(&t, &secret);
    assert_int_equal(ft_abort(t.stack, t.peer->sock), 0);
    t.peer->sock = -1;
    stack_sends(&t, SEG_RST | SEG_ACK);
    stack_signed(&t, &secret);
    ladder_close(&t);
}

/* The longest prefix decides; who has no key is a stranger like any other. */
/* proves: SIG-6 */
static void keys_are_for_prefixes(void **state)
{
    struct ft_tcp_md5sig cmd = {.flags = FT_TCP_MD5SIG_FLAG_PREFIX, .prefix_len = 8, .key_len = 3};
    struct ladder t;

    (void)state;
    signer_init(&t);
    ladder_start(&t);
    stack_listens(&t);
    (void)ladder_name(&t, &t.them, 0, &cmd.addr);
    memcpy(cmd.key, "abc", 3);
    assert_int_equal(
        ft_setsockopt(t.stack, t.listener, IPPROTO_TCP, FT_TCP_MD5SIG_EXT, &cmd, sizeof(cmd)), 0);
    assert_int_equal(user_sets_md5(&t, t.listener, secret.secret), 0);
    t.key = &secret;
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 101);
    stack_signed(&t, &secret);
    peer_sends(&t, SEG_RST, .seq = 101);
    /* Without the narrow one the wide one is there. */
    assert_int_equal(user_sets_md5(&t, t.listener, NULL), 0);
    t.key = &(const struct ladder_key){.kind = TCP_SIG_MD5, .secret = "abc"};
    ladder_peer(&t, 1);
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 101);
    stack_signed(&t, t.key);
    peer_sends(&t, SEG_RST, .seq = 101);
    /* Nor that: a signature is then unexpected, and an unsigned SYN welcome. */
    cmd.key_len = 0;
    assert_int_equal(
        ft_setsockopt(t.stack, t.listener, IPPROTO_TCP, FT_TCP_MD5SIG_EXT, &cmd, sizeof(cmd)), 0);
    ladder_peer(&t, 2);
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460);
    assert_verdict(&t, FT_RX_DROP_SIGNED);
    stack_sends_nothing(&t);
    t.key = NULL;
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 101, .ts = 0);
    assert_int_equal(t.seg.n_sig, 0);
    ladder_close(&t);
}

/* A key changes on a live connection: the next segments are signed by the new one. */
static void key_changes_while_connected(void **state)
{
    struct ladder t;

    (void)state;
    open_keyed(&t, false);
    peer_connects(&t, .mss = 1460);
    assert_int_equal(user_sets_md5(&t, t.peer->sock, other.secret), 0);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 10);
    assert_verdict(&t, FT_RX_DROP_SIGNATURE);
    t.key = &other;
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 10);
    stack_sends(&t, SEG_ACK, .ack = 111);
    stack_signed(&t, &other);
    user_reads(&t, 10);
    /* The passive socket's are its own. */
    assert_int_equal(user_sets_md5(&t, t.listener, NULL), 0);
    peer_sends(&t, SEG_ACK, .seq = 111, .len = 10);
    user_reads(&t, 10);
    ladder_close(&t);
}

/* Linux's answers; nobody reads a key back; and without primitives there is no such option. */
/* proves: SIG-6 */
static void options_answer_as_linux(void **state)
{
    struct ft_tcp_md5sig cmd = {.key_len = 3, .key = "abc"};
    struct ft_tcp_md5sig got;
    socklen_t len = sizeof(got);
    struct ladder t;
    ft_sock sock;

    (void)state;
    signer_init(&t);
    ladder_start(&t);
    sock = ft_socket(t.stack, AF_INET, SOCK_STREAM, 0);
#define SET(name) ft_setsockopt(t.stack, sock, IPPROTO_TCP, (name), &cmd, sizeof(cmd))
    assert_int_equal(ft_setsockopt(t.stack, sock, IPPROTO_TCP, FT_TCP_MD5SIG, &cmd, 215), -EINVAL);
    assert_int_equal(SET(FT_TCP_MD5SIG), -EINVAL); /* no family */
    (void)ladder_name(&t, &t.them, 0, &cmd.addr);
    cmd.key_len = 81;
    assert_int_equal(SET(FT_TCP_MD5SIG), -EINVAL);
    cmd.key_len = 0;
    assert_int_equal(SET(FT_TCP_MD5SIG), -ENOENT);
    cmd.key_len = 80;
    cmd.flags = FT_TCP_MD5SIG_FLAG_PREFIX | FT_TCP_MD5SIG_FLAG_IFINDEX;
    cmd.prefix_len = 33;
    assert_int_equal(SET(FT_TCP_MD5SIG), 0); /* flags do not count */
    assert_int_equal(SET(FT_TCP_MD5SIG_EXT), -EINVAL);
    cmd.prefix_len = 24;
    cmd.ifindex = 1;
    assert_int_equal(SET(FT_TCP_MD5SIG_EXT), -EINVAL); /* no VRF */
    cmd.ifindex = 0;
    assert_int_equal(SET(FT_TCP_MD5SIG_EXT), 0);
#undef SET
    assert_int_equal(ft_getsockopt(t.stack, sock, IPPROTO_TCP, FT_TCP_MD5SIG, &got, &len),
                     -ENOPROTOOPT);
    assert_int_equal(ft_close(t.stack, sock), 0);
    ladder_close(&t);
    ladder_open(&t);
    sock = ft_socket(t.stack, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(user_sets_md5(&t, sock, "abc"), -ENOPROTOOPT);
    assert_int_equal(user_adds_ao(&t, sock, "abc", 1, 1, 32), -ENOPROTOOPT);
    assert_int_equal(ft_close(t.stack, sock), 0);
    ladder_close(&t);
}

/* RFC 2385 2.0: two signatures, or a short one, are none. A signed segment for nobody is not
   answered: who sent it would not take an unsigned reset. */
/* proves: AO-26 */
static void odd_signatures_are_dropped(void **state)
{
    uint8_t two[] = {1, 1, 19, 18, 0, 0, 0, 0, 0, 0,  0, 0, 0, 0,
                     0, 0, 0,  0,  0, 0, 1, 1, 1, 29, 4, 1, 1};
    const uint8_t shorter[] = {19, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    struct ladder t;

    (void)state;
    open_keyed(&t, false);
    peer_sends(&t, SEG_SYN, .seq = 100, .options = two, .n_options = sizeof(two));
    assert_verdict(&t, FT_RX_DROP_SIGNATURE);
    peer_sends(&t, SEG_SYN, .seq = 100, .options = shorter, .n_options = sizeof(shorter));
    assert_verdict(&t, FT_RX_DROP_SIGNATURE);
    peer_sends(&t, SEG_SYN, .seq = 100, .dport = 81);
    assert_verdict(&t, FT_RX_NO_SOCKET);
    stack_sends_nothing(&t);
    t.key = NULL;
    peer_sends(&t, SEG_SYN, .seq = 100, .dport = 81);
    assert_true(ladder_take(&t));
    assert_int_equal(t.seg.flags, SEG_RST | SEG_ACK);
    ladder_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passive_open_is_signed),
        cmocka_unit_test(nothing_unsigned_is_acted_upon),
        cmocka_unit_test(icmp_changes_nothing),
        cmocka_unit_test(answers_are_signed),
        cmocka_unit_test(active_open_is_signed),
        cmocka_unit_test(keys_are_for_prefixes),
        cmocka_unit_test(key_changes_while_connected),
        cmocka_unit_test(options_answer_as_linux),
        cmocka_unit_test(odd_signatures_are_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
