/* SPDX-License-Identifier: MIT */
/*
 * TCP-AO (RFC 5925): signatures and traffic keys as the RFC has them, which key is used and how one
 * follows another, extended sequence numbers, nothing acted upon unsigned, and Linux's answers.
 */
#include "signer.h"

#include "wire/be.h"

/* The stack sends by 21 and takes 11; the second key has 22 and 12. */
static const struct ladder_key peer1 = {
    .kind = TCP_SIG_AO, .secret = "first master", .key_id = 11, .rnext_id = 21};
static const struct ladder_key stack1 = {
    .kind = TCP_SIG_AO, .secret = "first master", .key_id = 21, .rnext_id = 11};
static const struct ladder_key peer2 = {
    .kind = TCP_SIG_AO, .secret = "second master", .key_id = 12, .rnext_id = 22};
static const struct ladder_key stack2 = {
    .kind = TCP_SIG_AO, .secret = "second master", .key_id = 22, .rnext_id = 12};

static uint8_t whole(const struct ladder *t)
{
    return t->v6 ? 128 : 32;
}

static void open_keyed(struct ladder *t, bool v6)
{
    signer_init(t);
    t->v6 = v6;
    ladder_start(t);
    stack_listens(t);
    assert_int_equal(user_adds_ao(t, t->listener, peer1.secret, 21, 11, whole(t)), 0);
    t->key = &peer1;
}

static struct ft_tcp_ao_info info_of(struct ladder *t, ft_sock sock)
{
    struct ft_tcp_ao_info info = {.flags = 0};
    socklen_t len = sizeof(info);

    assert_int_equal(ft_getsockopt(t->stack, sock, IPPROTO_TCP, FT_TCP_AO_INFO, &info, &len), 0);
    return info;
}

static int set_info(struct ladder *t, ft_sock sock, uint32_t flags, uint8_t current, uint8_t rnext)
{
    struct ft_tcp_ao_info info = {.flags = flags, .current_key = current, .rnext = rnext};

    return ft_setsockopt(t->stack, sock, IPPROTO_TCP, FT_TCP_AO_INFO, &info, sizeof(info));
}

static int del_key(struct ladder *t, ft_sock sock, struct ft_tcp_ao_del del)
{
    (void)ladder_name(t, &t->them, 0, &del.addr);
    del.prefix = whole(t);
    return ft_setsockopt(t->stack, sock, IPPROTO_TCP, FT_TCP_AO_DEL_KEY, &del, sizeof(del));
}

/* RFC 5925 7.4 and 7.5, of a passive open: SYN by the SYN's traffic key, what follows by those of
   both initial numbers. */
/* proves: AO-1 AO-2 AO-5 AO-10 AO-12 AO-20 */
static void passive_open_is_signed(void **state)
{
    struct ladder t;

    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        open_keyed(&t, v6);
        peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460, .sack_ok = 1, .tsval = 5, .wscale = 7);
        stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 101, .ts = 1, .sack_ok = 1);
        stack_signed(&t, &stack1);
        peer_sends(&t, SEG_ACK, .seq = 101, .len = 10, .tsval = 6);
        t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
        assert_true(t.peer->sock >= 0);
        user_reads(&t, 10);
        stack_sends(&t, SEG_ACK, .ack = 111);
        stack_signed(&t, &stack1);
        user_writes(&t, 2000);
        stack_sends(&t, SEG_ACK, .seq = 1, .len = (v6 ? 1440 : 1460) - 28);
        stack_signed(&t, &stack1);
        (void)ladder_forget(&t);
        after_ms(&t, 400);
        assert_true(ladder_take(&t));
        stack_signed(&t, &stack1);
        (void)ladder_forget(&t);
        /* One SACK block has room, beside timestamp and signature (RFC 5925 7.6). */
        peer_sends(&t, SEG_ACK, .seq = 200, .len = 10, .tsval = 7);
        peer_sends(&t, SEG_ACK, .seq = 300, .len = 10, .tsval = 7);
        (void)ladder_take(&t);
        stack_sends(&t, SEG_ACK, .ack = 111, .n_sack = 1, .sack = {{300, 310}});
        stack_signed(&t, &stack1);
        assert_int_equal(info_of(&t, t.peer->sock).pkt_good, 2);
        ladder_close(&t);
    }
}

/* RFC 5925 7.1, of an active open; the peer's SYN-ACK is by the keys of both numbers. */
/* proves: AO-1 AO-2 AO-11 */
static void active_open_is_signed(void **state)
{
    struct ladder t;

    (void)state;
    signer_init(&t);
    ladder_start(&t);
    t.peer->sock = ft_socket(t.stack, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(user_adds_ao(&t, t.peer->sock, peer1.secret, 21, 11, 32), 0);
    user_connects(&t);
    stack_sends(&t, SEG_SYN, .ts = 1, .sack_ok = 1);
    stack_signed(&t, &stack1);
    after_ms(&t, 1000);
    stack_sends(&t, SEG_SYN);
    stack_signed(&t, &stack1);
    peer_sends(&t, SEG_SYN | SEG_ACK, .seq = 100, .mss = 1460);
    assert_verdict(&t, FT_RX_DROP_UNSIGNED);
    t.key = &peer2;
    peer_sends(&t, SEG_SYN | SEG_ACK, .seq = 100, .mss = 1460);
    assert_verdict(&t, FT_RX_DROP_SIGNED);
    t.key = &(const struct ladder_key){
        .kind = TCP_SIG_AO, .secret = "wrong", .key_id = 11, .rnext_id = 21};
    peer_sends(&t, SEG_SYN | SEG_ACK, .seq = 100, .mss = 1460);
    assert_verdict(&t, FT_RX_DROP_SIGNATURE);
    t.key = &peer1;
    peer_sends(&t, SEG_SYN | SEG_ACK, .seq = 100, .mss = 1460, .tsval = 9);
    stack_sends(&t, SEG_ACK, .ack = 101);
    stack_signed(&t, &stack1);
    struct ft_tcp_ao_info info = info_of(&t, t.peer->sock);
    assert_int_equal(info.pkt_good, 1);
    assert_int_equal(info.pkt_bad, 1);
    assert_int_equal(info.pkt_key_not_found, 1);
    assert_int_equal(info.pkt_ao_required, 1);
    assert_int_equal(ft_abort(t.stack, t.peer->sock), 0);
    t.peer->sock = -1;
    stack_sends(&t, SEG_RST | SEG_ACK);
    stack_signed(&t, &stack1);
    ladder_close(&t);
}

/* RFC 5925 7.5: a segment whose MAC is not right is discarded in silence. A-63. */
/* proves: AO-3 AO-13 AO-14 AO-23 A-63 */
static void nothing_unsigned_is_acted_upon(void **state)
{
    static const struct ladder_key wrong = {
        .kind = TCP_SIG_AO, .secret = "guessed", .key_id = 11, .rnext_id = 21};
    static const struct ladder_key shorter = {
        .kind = TCP_SIG_AO, .secret = "first master", .key_id = 11, .rnext_id = 21, .mac_len = 8};
    static const struct ladder_key *const keys[] = {NULL, &wrong, &shorter, &peer2};
    const unsigned flags[] = {SEG_RST, SEG_RST | SEG_ACK, SEG_SYN, SEG_ACK, SEG_ACK | SEG_FIN, 0};
    struct ladder t;

    (void)state;
    open_keyed(&t, false);
    peer_connects(&t, .mss = 1460);
    for (unsigned i = 0; i < 4; i++) {
        t.key = keys[i];
        for (unsigned k = 0; k < sizeof(flags) / sizeof(flags[0]); k++) {
            peer_sends(&t, flags[k], .seq = 101, .len = k == 3 ? 10 : 0);
            assert_verdict(&t, i == 0   ? FT_RX_DROP_UNSIGNED
                               : i == 3 ? FT_RX_DROP_SIGNED
                                        : FT_RX_DROP_SIGNATURE);
        }
        t.peer->nxt = 101;
        t.peer->isn = 100;
        stack_sends_nothing(&t);
        assert_int_equal(stack_state(&t), FT_TCP_ESTABLISHED);
        user_reads_nothing(&t, -EAGAIN);
    }
    /* An octet that somebody has changed. */
    t.key = &peer1;
    struct step step = LADDER_STEP(SEG_ACK, .seq = 101, .len = 10);
    uint8_t frame[2000];
    size_t len = ladder_build(&t, &step, frame);
    frame[len - 1] ^= 1;
    ladder_input(&t, frame, len, 1, FT_FRAME_CSUM_GOOD);
    assert_verdict(&t, FT_RX_DROP_SIGNATURE);
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 10);
    user_reads(&t, 10);
    user_writes(&t, 10);
    (void)ladder_forget(&t);
    ladder_close(&t);
}

/* RFC 5925 7.8: "A TCP-AO implementation MUST default to ignore incoming ICMP". */
/* proves: AO-22 AO-24 */
static void icmp_is_ignored_unless_it_is_wanted(void **state)
{
    struct ladder t;

    (void)state;
    open_keyed(&t, false);
    peer_connects(&t, .mss = 1460);
    user_writes(&t, 1000);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 1000);
    peer_icmp(&t, NULL, 3, 3, 0);
    assert_verdict(&t, FT_RX_DROP_UNSIGNED);
    assert_int_equal(user_gets(&t, SOL_SOCKET, SO_ERROR), 0);
    assert_int_equal(info_of(&t, t.peer->sock).pkt_dropped_icmp, 1);
    assert_int_equal(set_info(&t, t.peer->sock, FT_TCP_AO_ACCEPT_ICMPS, 0, 0), 0);
    peer_icmp(&t, NULL, 3, 3, 0);
    assert_verdict(&t, FT_RX_CONTROL);
    assert_int_equal(user_gets(&t, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
    ladder_close(&t);
}

/* RFC 5925 6.1, 7.5: the peer asks by RNextKeyID for another key, we by ours; no segment is lost by
   it, and what was signed by the old key is still taken. */
/* proves: AO-6 AO-7 AO-15 AO-16 AO-17 */
static void keys_follow_each_other(void **state)
{
    struct ladder t;
    ft_sock sock;

    (void)state;
    open_keyed(&t, false);
    peer_connects(&t, .mss = 1460);
    sock = t.peer->sock;
    assert_int_equal(user_adds_ao(&t, sock, peer2.secret, 22, 12, 32), 0);
    /* It asks for a key that we have: what we send is signed by it from now on. */
    t.key = &(const struct ladder_key){
        .kind = TCP_SIG_AO, .secret = "first master", .key_id = 11, .rnext_id = 22};
    peer_sends(&t, SEG_ACK, .seq = 101, .len = 10);
    assert_int_equal(info_of(&t, sock).current_key, 22);
    stack_sends(&t, SEG_ACK, .ack = 111);
    stack_signed(&t,
                 &(const struct ladder_key){
                     .kind = TCP_SIG_AO, .secret = "second master", .key_id = 22, .rnext_id = 11});
    /* One that we do not have: no change. */
    t.key = &(const struct ladder_key){
        .kind = TCP_SIG_AO, .secret = "first master", .key_id = 11, .rnext_id = 99};
    peer_sends(&t, SEG_ACK, .seq = 111, .len = 10);
    assert_int_equal(info_of(&t, sock).current_key, 22);
    (void)ladder_forget(&t);
    /* We ask; the peer follows; an old one that comes late is taken. */
    assert_int_equal(set_info(&t, sock, FT_TCP_AO_SET_RNEXT, 0, 12), 0);
    user_writes(&t, 10);
    stack_sends(&t, SEG_ACK, .seq = 1, .len = 10);
    stack_signed(&t, &stack2);
    t.key = &peer2;
    peer_sends(&t, SEG_ACK, .seq = 121, .len = 10);
    t.key = &(const struct ladder_key){
        .kind = TCP_SIG_AO, .secret = "first master", .key_id = 11, .rnext_id = 22};
    peer_sends(&t, SEG_ACK, .seq = 131, .len = 10);
    user_reads(&t, 40);
    (void)ladder_forget(&t);
    /* The first is in use by nobody now, and can go; the second cannot. */
    assert_int_equal(del_key(&t, sock, (struct ft_tcp_ao_del){.sndid = 22, .rcvid = 12}), -EBUSY);
    assert_int_equal(del_key(&t, sock, (struct ft_tcp_ao_del){.sndid = 21, .rcvid = 11}), 0);
    assert_int_equal(del_key(&t, sock, (struct ft_tcp_ao_del){.sndid = 21, .rcvid = 11}), -ENOENT);
    peer_sends(&t, SEG_ACK, .seq = 141, .len = 10);
    assert_verdict(&t, FT_RX_DROP_SIGNED);
    t.key = &peer2;
    peer_sends(&t, SEG_ACK, .seq = 141, .len = 10);
    user_reads(&t, 10);
    ladder_close(&t);
}

/* RFC 5925 6.2: the number's extension grows when the number begins anew, both ways, and a segment
   of before is signed by the one of before. */
/* proves: AO-8 AO-9 */
static void extension_grows_with_the_number(void **state)
{
    struct ladder_key later = peer1;
    struct ladder t;

    (void)state;
    open_keyed(&t, false);
    t.config.limits.recv_buffer = 4u << 20;
    peer_sends(&t, SEG_SYN, .seq = 0xfffffff0, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 0xfffffff1);
    peer_sends(&t, SEG_ACK, .seq = 0xfffffff1, .len = 5);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    user_reads(&t, 5);
    (void)ladder_forget(&t);
    /* It begins before the end of the numbers, and so is of extension 0; the next is of 1. */
    peer_sends(&t, SEG_ACK, .seq = 0xfffffff6, .len = 20);
    user_reads(&t, 20);
    peer_sends(&t, SEG_ACK, .seq = 10, .len = 10);
    assert_verdict(&t, FT_RX_DROP_SIGNATURE);
    t.peer->nxt = 10;
    later.sne = 1;
    t.key = &later;
    peer_sends(&t, SEG_ACK, .seq = 10, .len = 10);
    user_reads(&t, 10);
    (void)ladder_forget(&t);
    /* Again what was acknowledged: extension 0, and an ACK in answer. */
    t.key = &peer1;
    peer_sends(&t, SEG_ACK, .seq = 0xfffffff6, .len = 20);
    assert_verdict(&t, FT_RX_DROP_SEQUENCE);
    assert_true(ladder_take(&t));
    stack_signed(&t, &stack1);
    (void)ladder_forget(&t);
    ladder_close(&t);
}

/* RFC 5925 7.3, 7.4.1: one key for a whole net; a SYN says by which keys the connection goes on; a
   SYN cookie keeps no state, and its ACK is verified by what it says itself. */
/* proves: AO-18 */
static void cookies_and_time_wait_are_signed(void **state)
{
    struct ladder t;

    (void)state;
    signer_init(&t);
    t.config.limits.half_open_max = 1;
    ladder_start(&t);
    stack_listens(&t);
    assert_int_equal(user_adds_ao(&t, t.listener, "unused", 23, 13, 0), 0);
    assert_int_equal(user_adds_ao(&t, t.listener, peer1.secret, 21, 11, 0), 0);
    t.key = &peer1;
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 101);
    ladder_peer(&t, 1);
    peer_sends(&t, SEG_SYN, .seq = 300, .mss = 1460);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 301);
    stack_signed(&t, &stack1);
    assert_int_equal(stack_counts(&t).tcp_cookies_sent, 1);
    peer_sends(&t, SEG_ACK, .seq = 301);
    assert_int_equal(stack_counts(&t).tcp_cookies_good, 1);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    assert_true(t.peer->sock >= 0);
    user_closes(&t);
    stack_sends(&t, SEG_ACK | SEG_FIN, .ack = 301);
    stack_signed(&t, &stack1);
    peer_sends(&t, SEG_ACK | SEG_FIN, .seq = 301);
    stack_sends(&t, SEG_ACK, .ack = 302);
    stack_signed(&t, &stack1);
    peer_sends(&t, SEG_ACK | SEG_FIN, .seq = 301);
    stack_sends(&t, SEG_ACK, .ack = 302);
    stack_signed(&t, &stack1);
    t.key = NULL;
    peer_sends(&t, SEG_ACK | SEG_FIN, .seq = 301);
    assert_verdict(&t, FT_RX_DROP_UNSIGNED);
    peer_sends(&t, SEG_SYN, .seq = 400);
    assert_verdict(&t, FT_RX_DROP_UNSIGNED);
    stack_sends_nothing(&t);
    ladder_close(&t);
}

/* RFC 5925 3.1: options that are not covered are passed over, not the one of TCP-AO. */
/* proves: AO-4 */
static void other_options_may_be_left_out(void **state)
{
    struct ladder_key bare = {.kind = TCP_SIG_AO, .secret = "abc", .key_id = 1, .rnext_id = 1};
    struct ft_tcp_ao_add cmd = {.alg_name = "hmac(sha1)",
                                .sndid = 1,
                                .rcvid = 1,
                                .keylen = 3,
                                .key = "abc",
                                .keyflags = FT_TCP_AO_KEYF_EXCLUDE_OPT,
                                .maclen = 16};
    struct ladder t;

    (void)state;
    signer_init(&t);
    ladder_start(&t);
    stack_listens(&t);
    cmd.prefix = 32;
    bare.bare = true;
    bare.mac_len = 16;
    (void)ladder_name(&t, &t.them, 0, &cmd.addr);
    assert_int_equal(
        ft_setsockopt(t.stack, t.listener, IPPROTO_TCP, FT_TCP_AO_ADD_KEY, &cmd, sizeof(cmd)), 0);
    t.key = &bare;
    peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460, .sack_ok = 1, .tsval = 5, .wscale = 7);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 101, .ts = 1);
    stack_signed(&t, &bare);
    peer_sends(&t, SEG_ACK, .seq = 101, .tsval = 6, .len = 10);
    t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
    user_reads(&t, 10);
    ladder_close(&t);
}

/* Linux's answers to what cannot be. */
/* proves: AO-19 */
static void options_answer_as_linux(void **state)
{
    struct ft_tcp_ao_key keys[3] = {{.nkeys = 3, .flags = FT_TCP_AO_KEY_ALL}};
    struct ft_tcp_ao_add cmd = {
        .alg_name = "hmac(none)", .sndid = 1, .rcvid = 2, .keylen = 3, .key = "abc", .prefix = 32};
    uint8_t longer[sizeof(cmd) + 8] = {0};
    struct ft_tcp_ao_repair {
        uint32_t v[4];
    } repair = {{0}};
    socklen_t len = sizeof(keys[0]);
    struct ladder t;
    ft_sock sock;

    (void)state;
    signer_init(&t);
    ladder_start(&t);
    sock = ft_socket(t.stack, AF_INET, SOCK_STREAM, 0);
#define ADD()        ft_setsockopt(t.stack, sock, IPPROTO_TCP, FT_TCP_AO_ADD_KEY, &cmd, sizeof(cmd))
#define GET(name, p) ft_getsockopt(t.stack, sock, IPPROTO_TCP, (name), (p), &len)
    assert_int_equal(GET(FT_TCP_AO_GET_KEYS, keys), -ENOENT);
    assert_int_equal(GET(FT_TCP_AO_REPAIR, &repair), -EPERM);
    assert_int_equal(ADD(), -EINVAL); /* no family */
    (void)ladder_name(&t, &t.them, 0, &cmd.addr);
    assert_int_equal(ADD(), -ENOENT); /* no such algorithm */
    memcpy(cmd.alg_name, "hmac(sha1)", sizeof("hmac(sha1)"));
    cmd.maclen = 17;
    assert_int_equal(ADD(), -EMSGSIZE);
    cmd.maclen = 0;
    cmd.prefix = 24;
    assert_int_equal(ADD(), -EINVAL); /* octets behind the prefix */
    cmd.prefix = 0;
    assert_int_equal(ADD(), -EINVAL);
    cmd.prefix = 33;
    assert_int_equal(ADD(), -EINVAL);
    cmd.prefix = 32;
    cmd.keyflags = 4;
    assert_int_equal(ADD(), -EINVAL);
    cmd.keyflags = 0;
    cmd.reserved2 = 1;
    assert_int_equal(ADD(), -EINVAL);
    cmd.reserved2 = 0;
    cmd.keylen = 81;
    assert_int_equal(ADD(), -EINVAL);
    cmd.keylen = 3;
    memcpy(longer, &cmd, sizeof(cmd));
    longer[sizeof(cmd)] = 1;
#define SET(name, p, n) ft_setsockopt(t.stack, sock, IPPROTO_TCP, (name), (p), (n))
    assert_int_equal(SET(FT_TCP_AO_ADD_KEY, longer, sizeof(longer)), -E2BIG);
    assert_int_equal(SET(FT_TCP_AO_ADD_KEY, &cmd, sizeof(cmd) - 1), -EINVAL);
    assert_int_equal(ADD(), 0);
    assert_int_equal(ADD(), -EEXIST);
    cmd.sndid = 3;
    assert_int_equal(ADD(), -EEXIST); /* the RecvID is taken */
    cmd.rcvid = 4;
    cmd.flags = FT_TCP_AO_SET_CURRENT;
    assert_int_equal(ADD(), 0);
    assert_int_equal(ft_close(t.stack, sock), 0);
    /* On an open connection there is no first key. */
    stack_listens(&t);
    peer_connects(&t, .mss = 1460);
    assert_int_equal(user_adds_ao(&t, t.peer->sock, "abc", 1, 1, 32), -EISCONN);
#undef ADD
#undef GET
#undef SET
    ladder_close(&t);
}

/* What is read back: the newest key first, which of them are in use. */
/* proves: AO-19 */
static void keys_are_listed(void **state)
{
    struct ft_tcp_ao_key keys[3] = {{.nkeys = 3, .flags = FT_TCP_AO_KEY_ALL}};
    struct ft_addr other;
    struct sockaddr_storage peer;
    socklen_t len = sizeof(keys[0]);
    struct ladder t;
    ft_sock sock;

    (void)state;
    signer_init(&t);
    ladder_start(&t);
    sock = ft_socket(t.stack, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(user_adds_ao(&t, sock, "abc", 1, 2, 32), 0);
    assert_int_equal(user_adds_ao(&t, sock, "abc", 3, 4, 32), 0);
    assert_int_equal(set_info(&t, sock, FT_TCP_AO_SET_CURRENT, 3, 0), 0);
    assert_int_equal(user_sets_md5(&t, sock, "abc"), -EKEYREJECTED);
    assert_int_equal(info_of(&t, sock).flags, FT_TCP_AO_SET_CURRENT);
    assert_int_equal(info_of(&t, sock).current_key, 3);
    assert_int_equal(set_info(&t, sock, FT_TCP_AO_SET_RNEXT, 0, 9), -ENOENT);
    len = sizeof(keys[0]);
    assert_int_equal(ft_getsockopt(t.stack, sock, IPPROTO_TCP, FT_TCP_AO_GET_KEYS, keys, &len), 0);
    assert_int_equal(keys[0].nkeys, 2);
    assert_int_equal(keys[0].sndid, 3); /* the newest first */
    assert_int_equal(keys[0].flags, FT_TCP_AO_KEY_CURRENT);
    assert_int_equal(keys[0].maclen, 12);
    assert_string_equal(keys[0].alg_name, "hmac(sha1)");
    assert_memory_equal(keys[1].key, "abc", 3);
    assert_int_equal(keys[1].sndid, 1);
    assert_int_equal(keys[2].prefix, 0);
    /* A peer that no key is for; the address of a key must be a peer's. */
    other = addr_v4(addr_v4_of(&t.them) + 1);
    len = ladder_name(&t, &other, 80, &peer);
    assert_int_equal(ft_connect(t.stack, sock, (struct sockaddr *)&peer, len), -EKEYREJECTED);
    assert_int_equal(ft_close(t.stack, sock), 0);
    ladder_close(&t);
}

/* RFC 5925 7.3: where an option is required, nothing unsigned connects; by default who has no key
   does, and under the RFC's profile a signature without a key is taken. */
/* proves: AO-18 AO-21 */
static void what_has_no_key(void **state)
{
    struct ladder t;

    (void)state;
    signer_init(&t);
    ladder_start(&t);
    stack_listens(&t);
    assert_int_equal(set_info(&t, t.listener, FT_TCP_AO_REQUIRED, 0, 0), 0);
    peer_sends(&t, SEG_SYN, .seq = 100);
    assert_verdict(&t, FT_RX_DROP_UNSIGNED);
    assert_int_equal(set_info(&t, t.listener, 0, 0, 0), 0);
    peer_sends(&t, SEG_SYN, .seq = 100);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 101);
    ladder_close(&t);
    signer_init(&t);
    t.config.profile = FT_PROFILE_RFC;
    ladder_start(&t);
    stack_listens(&t);
    t.key = &peer1;
    peer_sends(&t, SEG_SYN, .seq = 100);
    stack_sends(&t, SEG_SYN | SEG_ACK, .ack = 101);
    assert_int_equal(t.seg.n_sig, 0);
    ladder_close(&t);
}

/* The n-th allocation fails: a call answers, or a packet is dropped, and nothing is left behind. */
static void memory_may_be_refused(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 40; n++) {
        struct ladder t;

        open_keyed(&t, false);
        t.fail_at = t.n_allocs + n;
        (void)user_adds_ao(&t, t.listener, peer2.secret, 22, 12, 32);
        peer_sends(&t, SEG_SYN, .seq = 100, .mss = 1460);
        if (ladder_take(&t)) {
            t.peer->iss = t.seg.seq.v;
            t.peer->snd_max = t.peer->iss + 1;
            peer_sends(&t, SEG_ACK, .seq = 101);
            t.peer->sock = ft_accept(t.stack, t.listener, NULL, NULL);
        }
        t.fail_at = 0;
        (void)ladder_forget(&t);
        ladder_close(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passive_open_is_signed),
        cmocka_unit_test(active_open_is_signed),
        cmocka_unit_test(nothing_unsigned_is_acted_upon),
        cmocka_unit_test(icmp_is_ignored_unless_it_is_wanted),
        cmocka_unit_test(keys_follow_each_other),
        cmocka_unit_test(extension_grows_with_the_number),
        cmocka_unit_test(cookies_and_time_wait_are_signed),
        cmocka_unit_test(other_options_may_be_left_out),
        cmocka_unit_test(options_answer_as_linux),
        cmocka_unit_test(keys_are_listed),
        cmocka_unit_test(what_has_no_key),
        cmocka_unit_test(memory_may_be_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
