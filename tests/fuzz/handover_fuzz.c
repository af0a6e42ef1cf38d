/* SPDX-License-Identifier: MIT */
/*
 * ft_import() of any octets. An input is a list of changes to a connection that was written down in
 * good order: where, and what stands there then. The check is made right again, so that what lies
 * behind it is reached. What is taken in must hold every invariant, may be written down again, and
 * lives for a while.
 */
#include <netinet/in.h>
#include <string.h>

#include <fourtuple.h>

#include "base/assert.h"
#include "wire/image.h"
#include "wire/tcp.h"

#include "support.h"

#define IMAGE_MAX 65536

/* A key as tcp/handover_keys.c has it, and what stands before the first. */
#define KEYS_HEAD 60
#define KEY_LEN   183

static int no_md5(void *ctx, const struct ft_span *parts, size_t n, uint8_t ret[FT_AUTH_MD5_LEN])
{
    (void)ctx, (void)parts, (void)n;
    memset(ret, 1, FT_AUTH_MD5_LEN);
    return 0;
}

static int find_mac(void *ctx, const char *name, size_t *ret_len)
{
    (void)ctx;
    *ret_len = 20;
    return name[0] == 'h' ? 0 : -1;
}

static int no_mac(void *ctx, int alg, const struct ft_span *key, const struct ft_span *parts,
                  size_t n, uint8_t ret[FT_AUTH_MAC_LEN_MAX])
{
    (void)ctx, (void)alg, (void)key, (void)parts, (void)n;
    memset(ret, 2, FT_AUTH_MAC_LEN_MAX);
    return 0;
}

/* A connection with a master key, which is in use. */
static void put_keys(uint8_t *p)
{
    uint8_t *key = p + KEYS_HEAD;

    memset(p, 0, KEYS_HEAD + KEY_LEN);
    p[0] = 1;
    p[3] = 1;
    key[0] = TCP_SIG_AO;
    key[1] = 32;
    key[2] = 4;
    key[3] = key[4] = 9;
    key[5] = 12;
    memcpy(key + 15, (const uint8_t[]){0, 0, 0xff, 0xff, 10, 7, 0, 2}, 8);
    memcpy(key + 39, "hmac", 4);
}

static struct ft_stack *new_stack(int *ret_ifindex)
{
    struct ft_config config;
    struct ft_if_config card = {.size = sizeof(card), .name = "tun0", .type = FT_IF_IP};
    struct ft_addr us = {0, UINT64_C(0xffff0a070001)};
    struct ft_stack *stack;

    ft_config_init(&config);
    config.seed[0] = 1;
    config.limits.memory_max = 8u << 20;
    config.allocator = (struct ft_allocator){fuzz_alloc, fuzz_free, NULL};
    config.auth = (struct ft_auth){.md5 = no_md5, .mac_find = find_mac, .mac = no_mac};
    must(ft_stack_new(&config, &stack) == 0);
    card.mtu = 1500;
    card.flags = FT_IF_NO_DAD;
    *ret_ifindex = ft_if_add(stack, &card);
    must(*ret_ifindex > 0 && ft_addr_add(stack, *ret_ifindex, &us, 24, 0) == 0);
    return stack;
}

/* Runs of one kind: all of the numbers of a text, two by two. */
static void put_runs(uint8_t *buf, const struct image_blob *blob, const uint32_t *edges)
{
    for (size_t i = 0; i < blob->len / 4; i++)
        for (unsigned k = 0; k < 4; k++)
            buf[blob->at + 4 * i + k] = (uint8_t)(edges[i] >> (8 * (3 - k)));
}

/* A connection in the middle of everything. */
static size_t sample(uint8_t *buf)
{
    static const uint32_t sacked[] = {1460, 2920}, lost[] = {0, 1460}, held[] = {10, 20, 30, 45};
    struct image image = {
        .state = FT_TCP_FIN_WAIT_1,
        .flags = IMAGE_TS | IMAGE_SACK | IMAGE_RECOVERY,
        .local_lo = UINT64_C(0xffff0a070001),
        .remote_lo = UINT64_C(0xffff0a070002),
        .local_port = 80,
        .remote_port = 4000,
        .iss = 999,
        .snd_una = 1000,
        .snd_max = 1000 + 4380,
        .snd_up = 1000,
        .recover = 1000 + 4380,
        .snd_wnd = 65535,
        .snd_wnd_max = 65535,
        .cwnd = 5840,
        .ssthresh = 2920,
        .peer_mss = 1460,
        .snd_wscale = 7,
        .rcv_wscale = 7,
        .irs = 1999,
        .rcv_nxt = 2000,
        .rcv_adv = 2000 + 65535,
        .last_ack_sent = 2000,
        .rcv_mss = 536,
        .srtt_us = 20000,
        .rttvar_us = 5000,
        .snd_buf = 65536,
        .rcv_buf = 131072,
        .notsent_lowat = UINT32_MAX,
        .max_pacing_rate = UINT32_MAX,
        .rcv_lowat = 1,
        .keep_idle_s = 7200,
        .keep_intvl_s = 75,
        .keep_cnt = 9,
        .syn_retries = 6,
        .congestion.len = 5,
        .sacked.len = sizeof(sacked),
        .lost.len = sizeof(lost),
        .held.len = sizeof(held),
        .snd.len = 5000,
        .rcv.len = 100,
        .ato_ms = 40,
        .ecn_mode = 2,
        .ecn_r_cep = 5,
        .ecn_s_cep = 5,
        .kept.len = 32,
        .keys.len = KEYS_HEAD + KEY_LEN,
    };
    size_t len = ft_image_size(&image);

    must(len <= IMAGE_MAX);
    memset(buf, 'o', len);
    ft_image_emit(&image, buf);
    memcpy(buf + image.congestion.at, "cubic", 5);
    memset(buf + image.kept.at, 0, image.kept.len);
    put_keys(buf + image.keys.at);
    put_runs(buf, &image.sacked, sacked);
    put_runs(buf, &image.lost, lost);
    put_runs(buf, &image.held, held);
    ft_image_seal(buf, len);
    return len;
}

/* Changes of an input: two octets say where, one how many, then those. */
static void change(uint8_t *buf, size_t len, const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};

    while (in.left > 0) {
        size_t at = fuzz_octet(&in);
        at = (at << 8 | fuzz_octet(&in)) % len;
        for (unsigned n = fuzz_octet(&in) % 8 + 1; n > 0 && at < len; n--, at++)
            buf[at] ^= fuzz_octet(&in);
    }
    ft_image_seal(buf, len);
}

static void turn(struct ft_stack *stack, int ifindex, ft_time now)
{
    uint8_t out[2048];
    unsigned n = 0;

    ft_advance(stack, now);
    for (struct ft_frame frame = {.buf = out, .cap = sizeof(out), .flags = FT_FRAME_LINEAR};
         ft_output(stack, ifindex, &frame, 1, now) == 1; frame.len = 0) {
        ft_output_done(stack, ifindex, &frame, 1, 1);
        frame = (struct ft_frame){.buf = out, .cap = sizeof(out), .flags = FT_FRAME_LINEAR};
        must(++n < 100000);
    }
    ft_stack_check(stack);
}

static void live(struct ft_stack *stack, int ifindex, ft_sock sock)
{
    static uint8_t again[IMAGE_MAX];
    uint8_t octets[256];
    ft_time now = 100 * FT_SEC;
    ssize_t len;

    ft_stack_check(stack);
    turn(stack, ifindex, now);
    (void)ft_recv(stack, sock, octets, sizeof(octets), 0);
    (void)ft_send(stack, sock, octets, sizeof(octets), 0);
    turn(stack, ifindex, now + 3 * FT_SEC);
    len = ft_export(stack, sock, again, sizeof(again));
    ft_stack_check(stack);
    if (len < 0)
        return; /* it has ended meanwhile */
    sock = ft_import(stack, again, (size_t)len);
    must(sock >= 0);
    turn(stack, ifindex, now + 20 * FT_SEC);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t buf[IMAGE_MAX];
    int ifindex;
    struct ft_stack *stack = new_stack(&ifindex);
    size_t len = sample(buf);

    ft_advance(stack, 100 * FT_SEC);
    if (size > 0 && data[0] == 0xff) {
        must(ft_import(stack, data + 1, size - 1) < 0 || size > IMAGE_HEAD);
    } else {
        change(buf, len, data, size);
        ft_sock sock = ft_import(stack, buf, len);
        must(size > 0 || sock >= 0);
        if (sock >= 0)
            live(stack, ifindex, sock);
        ft_stack_check(stack);
    }
    ft_stack_free(stack);
    return 0;
}
