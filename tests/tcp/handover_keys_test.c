/* SPDX-License-Identifier: MIT */
/*
 * What else a connection takes along to another stack: keys that sign (RFC 2385, RFC 5925), the
 * counters of accurate ECN (RFC 9768), what congestion control knows of the path, how long its ACKs
 * wait.
 */
#include "accecn.h"
#include "moving.h"
#include "signer.h"

#include "wire/image.h"

static const struct ladder_key md5 = {.kind = TCP_SIG_MD5, .secret = "secret"};
static const struct ladder_key peer1 = {
    .kind = TCP_SIG_AO, .secret = "first master", .key_id = 11, .rnext_id = 21};
static const struct ladder_key stack1 = {
    .kind = TCP_SIG_AO, .secret = "first master", .key_id = 21, .rnext_id = 11};
static const struct ladder_key peer1_wants2 = {
    .kind = TCP_SIG_AO, .secret = "first master", .key_id = 11, .rnext_id = 22};
static const struct ladder_key stack2 = {
    .kind = TCP_SIG_AO, .secret = "second master", .key_id = 22, .rnext_id = 11};

static struct ladder *begin(struct moving *m)
{
    memset(m, 0, sizeof(*m));
    m->image = malloc(IMAGE_ROOM);
    signer_init(&m->t);
    ladder_start(&m->t);
    stack_listens(&m->t);
    return &m->t;
}

static void shake_hands(struct ladder *t)
{
    peer_sends(t, SEG_SYN, .seq = 100, .mss = 1460);
    stack_sends(t, SEG_SYN | SEG_ACK, .ack = 101);
    peer_sends(t, SEG_ACK, .seq = 101);
    t->peer->sock = ft_accept(t->stack, t->listener, NULL, NULL);
    assert_true(t->peer->sock >= 0);
    user_writes(t, 10);
    stack_sends(t, SEG_ACK, .seq = 1, .len = 10);
}

/* RFC 2385: both go on signing, and nothing unsigned is taken. */
static void an_md5_key_goes_along(void **state)
{
    struct moving m;
    struct ladder *t = begin(&m);

    (void)state;
    assert_int_equal(user_sets_md5(t, t->listener, md5.secret), 0);
    t->key = &md5;
    shake_hands(t);
    assert_int_equal(stack_info(t).md5_keys, 1);
    moves(&m);
    assert_int_equal(stack_info(t).md5_keys, 1);
    stack_sends(t, SEG_ACK, .seq = 0);
    stack_signed(t, &md5);
    peer_sends(t, SEG_ACK, .seq = 101, .ack = 11);
    t->key = NULL;
    peer_sends(t, SEG_ACK, .seq = 101, .ack = 11, .len = 20);
    assert_int_equal(t->verdict, FT_RX_DROP_UNSIGNED);
    t->key = &md5;
    peer_sends(t, SEG_ACK, .seq = 101, .ack = 11, .len = 20);
    user_reads(t, 20);
    (void)ladder_forget(t);
    user_writes(t, 3000);
    stack_sends(t, SEG_ACK, .seq = 11, .len = 1440);
    stack_signed(t, &md5);
    (void)ladder_forget(t);
    moving_close(&m);
}

/* RFC 5925: all keys, which of them is in use, and what was counted. */
static void master_keys_go_along(void **state)
{
    struct moving m;
    struct ladder *t = begin(&m);
    struct ft_tcp_ao_info was = {.flags = 0}, is = {.flags = 0};
    socklen_t len = sizeof(was);

    (void)state;
    assert_int_equal(user_adds_ao(t, t->listener, "second master", 22, 12, 32), 0);
    assert_int_equal(user_adds_ao(t, t->listener, "first master", 21, 11, 32), 0);
    t->key = &peer1;
    shake_hands(t);
    assert_int_equal(stack_info(t).ao_keys, 2);
    assert_int_equal(
        ft_getsockopt(t->stack, t->peer->sock, IPPROTO_TCP, FT_TCP_AO_INFO, &was, &len), 0);
    moves(&m);
    assert_int_equal(ft_getsockopt(t->stack, t->peer->sock, IPPROTO_TCP, FT_TCP_AO_INFO, &is, &len),
                     0);
    assert_memory_equal(&was, &is, sizeof(was));
    stack_sends(t, SEG_ACK, .seq = 0);
    stack_signed(t, &stack1);
    /* The peer asks for the other key. */
    t->key = &peer1_wants2;
    peer_sends(t, SEG_ACK, .seq = 101, .ack = 11);
    user_writes(t, 10);
    stack_sends(t, SEG_ACK, .seq = 11, .len = 10);
    stack_signed(t, &stack2);
    moving_close(&m);
}

/* A stack that cannot sign does not take it, and says why; neither does one that does not know the
   algorithm, nor anyone a key that could not be. */
static void who_cannot_sign_refuses(void **state)
{
    struct moving m;
    struct ladder *t = begin(&m);
    struct image image;

    (void)state;
    assert_int_equal(user_adds_ao(t, t->listener, "first master", 21, 11, 32), 0);
    t->key = &peer1;
    shake_hands(t);
    leaves(&m);
    assert_int_equal(ft_image_parse(m.image, m.len, &image), IMAGE_OK);
    another_stack(&m, 7 * FT_SEC);
    m.image[image.keys.at + 60 + 39] ^= 0x20; /* the name of the algorithm */
    ft_image_seal(m.image, m.len);
    assert_int_equal(ft_import(t->stack, m.image, m.len), -ENOENT);
    m.image[image.keys.at + 60 + 39] ^= 0x20;
    m.image[image.keys.at + 60 + 5] = 17; /* octets of a MAC */
    ft_image_seal(m.image, m.len);
    assert_int_equal(ft_import(t->stack, m.image, m.len), -EINVAL);
    m.image[image.keys.at + 60 + 5] = 12;
    m.image[image.keys.at + 3] = 2; /* keys */
    ft_image_seal(m.image, m.len);
    assert_int_equal(ft_import(t->stack, m.image, m.len), -EINVAL);
    m.image[image.keys.at + 3] = 1;
    ft_image_seal(m.image, m.len);
    memset(&t->config.auth, 0, sizeof(t->config.auth));
    another_stack(&m, 7 * FT_SEC);
    assert_int_equal(ft_import(t->stack, m.image, m.len), -EOPNOTSUPP);
    t->key = NULL;
    moving_close(&m);
}

/* RFC 9768 3.2: the counters of both sides go on. */
static void counters_of_marks_go_along(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;

    (void)state;
    memset(&m, 0, sizeof(m));
    m.image = malloc(IMAGE_ROOM);
    open_server(t);
    user_sets(t, IPPROTO_TCP, TCP_QUICKACK, 0);
    peer_sends(t, ACE(5), .len = 100, .tos = ECT0);
    peer_sends(t, ACE(5), .len = 100, .tos = CE);
    stack_sends(t, ACE(6), .ack = 301);
    user_reads(t, 200);
    moves(&m);
    assert_int_equal(mode(t), FT_ECN_IS_ACCURATE);
    assert_int_equal(stack_info(t).ecn_received[1], 100);
    assert_int_equal(stack_info(t).received_ce, 1);
    stack_sends(t, ACE(6), .ack = 301); /* asks */
    user_writes(t, 10);
    stack_sends(t, ACE(6), .len = 10, .tos = ECT0);
    peer_sends(t, ACE(5), .len = 100, .tos = CE);
    peer_sends(t, ACE(5), .len = 100, .tos = CE);
    stack_sends(t, ACE(8), .ack = 501);
    has_option(t, 0, 2, 101, 300);
    moving_close(&m);
}

/* What congestion control keeps in a pause it keeps in this one: the curve that a loss has left. */
static void what_is_known_of_the_path_goes_along(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;
    struct image was, is;
    uint8_t kept[32];
    uint32_t any = 0;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460, .sack_ok = 1);
    assert_int_equal(
        ft_setsockopt(t->stack, t->peer->sock, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5), 0);
    user_writes(t, 10 * 1460);
    (void)ladder_forget(t);
    peer_sends(t, SEG_ACK, .ack = 1, .n_sack = 1, .sack = {{1461, 1 + 5 * 1460}});
    (void)ladder_forget(t);
    peer_sends(t, SEG_ACK, .ack = 1 + 10 * 1460);
    (void)ladder_forget(t);
    leaves(&m);
    assert_int_equal(ft_image_parse(m.image, m.len, &was), IMAGE_OK);
    assert_int_equal(was.kept.len, sizeof(kept));
    memcpy(kept, m.image + was.kept.at, sizeof(kept));
    for (unsigned i = 0; i < 4; i++)
        any |= kept[i]; /* W_max */
    assert_true(any);
    another_stack(&m, 7 * FT_SEC);
    arrives(&m);
    leaves(&m);
    assert_int_equal(ft_image_parse(m.image, m.len, &is), IMAGE_OK);
    assert_memory_equal(kept, m.image + is.kept.at, sizeof(kept));
    moving_close(&m);
}

static void the_wait_of_acks_goes_along(void **state)
{
    struct moving m;
    struct ladder *t = &m.t;

    (void)state;
    moving_open(&m);
    peer_connects(t, .seq = 100, .mss = 1460);
    peer_sends(t, SEG_ACK, .len = 10);
    user_sets(t, IPPROTO_TCP, TCP_QUICKACK, 0);
    (void)ladder_forget(t);
    moves(&m);
    assert_int_equal(stack_info(t).ato_us, 40000);
    assert_int_equal(user_gets(t, IPPROTO_TCP, TCP_QUICKACK), 0);
    moving_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_md5_key_goes_along),
        cmocka_unit_test(master_keys_go_along),
        cmocka_unit_test(who_cannot_sign_refuses),
        cmocka_unit_test(counters_of_marks_go_along),
        cmocka_unit_test(what_is_known_of_the_path_goes_along),
        cmocka_unit_test(the_wait_of_acks_goes_along),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
