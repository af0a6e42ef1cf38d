/* SPDX-License-Identifier: MIT */
/*
 * The simulated card: what it makes of a frame is what hardware would make of it, as the auditor's
 * parser sees it; what a stack must not hand it is named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/priv.h"

#define PACKETS_MAX 8

static struct {
    uint8_t octets[PACKETS_MAX][1600];
    struct sight sight[PACKETS_MAX];
    const char *wrong[PACKETS_MAX];
    uint32_t n;
} seen;

static void sink(struct sim_world *world, struct sim_host *host, const uint8_t *octets, size_t len,
                 bool refused)
{
    (void)world;
    (void)host;
    assert_false(refused);
    assert_true(len <= sizeof(seen.octets[0]) && seen.n < PACKETS_MAX);
    memcpy(seen.octets[seen.n], octets, len);
    seen.wrong[seen.n] = ft_sim_sight(&seen.sight[seen.n], seen.octets[seen.n], len);
    seen.n++;
}

static int begin(void **state)
{
    *state = calloc(1, sizeof(struct sim_world));
    memset(&seen, 0, sizeof(seen));
    return *state == NULL;
}

static int end(void **state)
{
    free(*state);
    return 0;
}

/* Headers of a segment with 32 octets of TCP header and no checksum yet. */
static void put_headers(uint8_t *p, bool is_ip6, uint32_t len)
{
    uint8_t *ip = p + 14;
    uint8_t *tcp = ip + (is_ip6 ? 40 : 20);

    memset(p, 0, 128);
    p[0] = 2;
    p[6] = 4;
    p[12] = is_ip6 ? 0x86 : 0x08;
    p[13] = is_ip6 ? 0xdd : 0x00;
    if (is_ip6) {
        memcpy(ip,
               (uint8_t[]){0x60, 0, 0, 0, (uint8_t)((32 + len) >> 8), (uint8_t)(32 + len), 6, 64},
               8);
        ip[8] = ip[24] = 0xfd;
        ip[39] = 9;
    } else {
        memcpy(ip,
               (uint8_t[]){0x45,
                           0,
                           (uint8_t)((52 + len) >> 8),
                           (uint8_t)(52 + len),
                           0xff,
                           0xff,
                           0,
                           0,
                           64,
                           6,
                           0,
                           0,
                           10,
                           0,
                           0,
                           1,
                           10,
                           0,
                           0,
                           2},
               20);
    }
    memcpy(tcp, (uint8_t[]){0x13, 0x88, 0, 80, 0xff, 0xff, 0xff, 0x00}, 8);
    tcp[12] = 8 << 4;
    tcp[13] = SIGHT_ACK | SIGHT_PSH | SIGHT_FIN;
    memcpy(tcp + 20, (uint8_t[]){1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9}, 12);
}

static void cut_in_three(struct sim_world *world, bool is_ip6)
{
    uint8_t head[200];
    uint8_t first[700];
    uint8_t second[1801];
    uint32_t l4 = is_ip6 ? 54 : 34;
    struct ft_frame frame = {.buf = head, .cap = sizeof(head), .len = l4 + 32, .n_spans = 2};
    struct sim_host host = {.index = 0};

    for (size_t i = 0; i < sizeof(first); i++)
        first[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof(second); i++)
        second[i] = (uint8_t)(sizeof(first) + i);
    put_headers(head, is_ip6, sizeof(first) + sizeof(second));
    frame.spans[0] = (struct ft_span){first, sizeof(first)};
    frame.spans[1] = (struct ft_span){second, sizeof(second)};
    frame.flags = FT_FRAME_CSUM_PARTIAL;
    frame.csum_start = (uint16_t)l4;
    frame.csum_offset = 16;
    frame.gso_type = is_ip6 ? FT_GSO_TCP6 : FT_GSO_TCP4;
    frame.gso_size = 1000;
    frame.n_segs = 3;
    world->plan.host[0].if_flags = FT_IF_TSO | FT_IF_TX_CSUM;
    assert_null(ft_sim_card_send(world, &host, &frame, sink, false));
    assert_int_equal(seen.n, 3);
    for (uint32_t i = 0; i < 3; i++) {
        const struct sight_tcp *t = &seen.sight[i].tcp;

        assert_null(seen.wrong[i]);
        assert_int_equal(t->seq, 0xffffff00U + 1000 * i);
        assert_int_equal(t->len, i < 2 ? 1000 : 501);
        assert_int_equal(t->flags, i < 2 ? SIGHT_ACK : SIGHT_ACK | SIGHT_PSH | SIGHT_FIN);
        assert_int_equal(t->tsval, 7);
        assert_int_equal(seen.sight[i].ip_len, (is_ip6 ? 72U : 52U) + t->len);
        for (uint32_t k = 0; k < t->len; k++)
            assert_int_equal(t->data[k], (uint8_t)(1000 * i + k));
    }
}

static void an_ip4_frame_is_cut_into_good_segments(void **state)
{
    cut_in_three(*state, false);
}

static void an_ip6_frame_is_cut_into_good_segments(void **state)
{
    cut_in_three(*state, true);
}

static void a_checksum_is_filled_in(void **state)
{
    struct sim_world *world = *state;
    struct sim_host host = {.index = 0};
    uint8_t octets[200];
    struct ft_frame frame = {.buf = octets, .cap = sizeof(octets), .len = 54 + 32};
    uint32_t pseudo = 0xfd00 + 0xfd00 + 9 + 6 + 32;

    put_headers(octets, true, 0);
    while (pseudo >> 16)
        pseudo = (pseudo & 0xffff) + (pseudo >> 16);
    octets[54 + 16] = (uint8_t)(pseudo >> 8);
    octets[54 + 17] = (uint8_t)pseudo;
    frame.flags = FT_FRAME_CSUM_PARTIAL;
    frame.csum_start = 54;
    frame.csum_offset = 16;
    world->plan.host[0].if_flags = FT_IF_TX_CSUM;
    assert_null(ft_sim_card_send(world, &host, &frame, sink, false));
    assert_int_equal(seen.n, 1);
    assert_null(seen.wrong[0]);
}

static void what_was_not_offered_is_refused(void **state)
{
    struct sim_world *world = *state;
    struct sim_host host = {.index = 0};
    uint8_t octets[200];
    struct ft_frame frame = {.buf = octets, .cap = sizeof(octets), .len = 54 + 32};

    put_headers(octets, true, 0);
    frame.flags = FT_FRAME_CSUM_PARTIAL;
    assert_non_null(ft_sim_card_send(world, &host, &frame, sink, false));
    frame.flags = 0;
    frame.gso_type = FT_GSO_TCP6;
    assert_non_null(ft_sim_card_send(world, &host, &frame, sink, false));
    frame.gso_type = FT_GSO_NONE;
    frame.n_spans = 1;
    frame.spans[0] = (struct ft_span){octets, 10};
    world->plan.host[0].linear = true;
    assert_non_null(ft_sim_card_send(world, &host, &frame, sink, false));
    frame.n_spans = 0;
    frame.cap = frame.len - 1;
    assert_non_null(ft_sim_card_send(world, &host, &frame, sink, false));
    assert_int_equal(seen.n, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_ip4_frame_is_cut_into_good_segments),
        T(an_ip6_frame_is_cut_into_good_segments),
        T(a_checksum_is_filled_in),
        T(what_was_not_offered_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
