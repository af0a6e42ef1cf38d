/* SPDX-License-Identifier: MIT */
/*
 * The test vectors of RFC 9235: traffic keys and MACs of whole packets, by libcrypto. Each vector
 * is an IP packet; what it must give stands in it.
 */
#include "signer.h"

#include <fourtuple/host.h>

#include "base/env.h"
#include "sock/sock.h"
#include "tcp/auth.h"
#include "wire/be.h"

struct vector {
    const char *section;
    const char *alg;
    bool bare; /* other options are not covered */
    uint32_t src_isn, dst_isn;
    const char *traffic_key;
    const char *packet;
};

#define PAYLOAD "ffffffffffffffffffffffffffffffff00430104"

static const struct vector vectors[] = {
    {"4.1.1", "hmac(sha1)", false, 0xfbfbab5a, 0, "6d63ef1b02fe1509d4b1402707fd7b0416abb74f",
     "45e0004cdd0f4000ff06bf6b0a0b0c0dac1b1c1de9d700b3fbfbab5a00000000e002ffffcac40000020405b4"
     "010303080402080a00155ab7000000001d103d542ee437c6f8ede6d7c4d602e7"},
    {"4.1.2", "hmac(sha1)", false, 0x11c14261, 0xfbfbab5a,
     "d9e217e4834a80ca2f3fd8de2e41b8e6797fea96",
     "45e0004c65064000ff063775ac1b1c1d0a0b0c0d00b3e9d711c14261fbfbab5be012ffff37760000020405b4"
     "010303080402080a84a50beb00155ab71d10543deeab0fe24c3010815116b3be"},
    {"4.1.3", "hmac(sha1)", false, 0xfbfbab5a, 0x11c14261,
     "d2e59c65ffc7b1a39347656463b70edc24a13d71",
     "45e0008736a14000ff06659f0a0b0c0dac1b1c1de9d700b3fbfbab5b11c14262c0180104a16200000101080a"
     "00155ac184a50beb1d103d547064cf998cc6c315c2c2e2bf" PAYLOAD
     "dabf00b40a0b0c0d26020601040001000102028000020202000202420002064104"
     "0000dabf02084006006400010100"},
    {"4.2.1", "hmac(sha1)", true, 0xcb0efbee, 0, "30eaa1560cf0be57dab5c045229fb10a423cd7ea",
     "45e0004c53994000ff0648e20a0b0c0dac1b1c1dff1200b3cb0efbee00000000e002ffff541f0000020405b4"
     "010303080402080a00024cce000000001d103d5480af3cfeb85368937b8f9ec2"},
    {"4.2.2", "hmac(sha1)", true, 0xacd5b5e1, 0xcb0efbee,
     "b5b2896bb3664e8176b0edc6e799524101a8307f",
     "45e0004c32844000ff0669f7ac1b1c1d0a0b0c0d00b3ff12acd5b5e1cb0efbefe012ffff388e0000020405b4"
     "010303080402080a576772f300024cce1d10543d09306f9acea63a8c68cb9a70"},
    {"5.1.1", "cmac(aes128)", false, 0x787a1ddf, 0, "f5b8b3d5f34fdbb6eb8d4ab9660e60e3",
     "45e0004c7b9f4000ff0620dc0a0b0c0dac1b1c1dc4fa00b3787a1ddf00000000e002ffff5a0f0000020405b4"
     "010303080402080a00017ed0000000001d103d54e477e99c8040765498e55091"},
    {"6.1.2", "hmac(sha1)", false, 0x3f51994b, 0x176a833f,
     "e4a37ada2a0afca8711434913fe138c771ebcb4a",
     "6e01009e00380640fd000000000000000000000000000002fd00000000000000000000000000000100b3f7e4"
     "3f51994b176a8340e012ffffbfec0000020405a0010303080402080abd33129b0041d0871d10543df1cba346"
     "c3526163f71f1f55"},
    {"6.2.2", "hmac(sha1)", true, 0xeba3734d, 0x020c1e69,
     "405108947f996575e7bdbc26d40216a2c7fa91bd",
     "6e0a7e1f00380640fd000000000000000000000000000002fd00000000000000000000000000000100b3c6cd"
     "eba3734d020c1e6ae012ffff774d0000020405a0010303080402080a5ec99b70009db95b1d10543d3c546bad"
     "9743f12df8b8010d"},
    {"7.1.2", "cmac(aes128)", false, 0xa6744ecb, 0x193cccec, "cf1b1e225e06a63616764a067b46f4b1",
     "6e06152000380640fd000000000000000000000000000002fd00000000000000000000000000000100b3f85a"
     "a6744ecb193cccede012ffffeabb0000020405a0010303080402080a71daabc813e4ab991d10543ddc2843a8"
     "4e78a6bcfdc5ed80"},
};

static size_t unhex(const char *hex, uint8_t *ret)
{
    size_t n = strlen(hex) / 2;

    for (size_t i = 0; i < n; i++) {
        const char two[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        ret[i] = (uint8_t)strtoul(two, NULL, 16);
    }
    return n;
}

/* RFC 5926 3.1.1.2: a master key of another length than 16. */
static void shorten(const struct ft_auth *auth, struct tcp_key *key)
{
    uint8_t zero[16] = {0}, mac[FT_AUTH_MAC_LEN_MAX];
    struct ft_span zeros = {zero, sizeof(zero)}, part = {key->key, key->len};

    assert_int_equal(auth->mac(auth->ctx, key->alg, &zeros, &part, 1, mac), 0);
    memcpy(key->key, mac, 16);
    key->len = 16;
}

static void try_vector(struct ft_tcp *tcp, const struct vector *v)
{
    const struct ft_auth *auth = &tcp->env->config.auth;
    struct tcp_key key = {.kind = TCP_SIG_AO,
                          .mac_len = 12,
                          .len = 10,
                          .key = "testvector",
                          .flags = v->bare ? FT_TCP_AO_KEYF_EXCLUDE_OPT : 0};
    uint8_t packet[256], want[64], got[FT_AUTH_MAC_LEN_MAX];
    size_t len = unhex(v->packet, packet);
    bool v6 = packet[0] >> 4 == 6;
    uint8_t *l4 = packet + (v6 ? 40 : 20);
    struct ft_addr src = v6 ? addr_load16(packet + 8) : addr_load4(packet + 12);
    struct ft_addr dst = v6 ? addr_load16(packet + 24) : addr_load4(packet + 16);
    struct ft_tcp_seg seg;
    struct tcp_signer signer = {.key = &key};
    struct tcp_kdf kdf = {&src, &dst, be16_load(l4), be16_load(l4 + 2), v->src_isn, v->dst_isn};

    assert_int_equal(tcp_parse(l4, len - (size_t)(l4 - packet), &seg), 0);
    assert_int_equal(seg.sig, TCP_SIG_AO);
    struct ft_span data = {l4 + seg.hdr_len, seg.len};
    struct tcp_message message = {&src, &dst, l4, seg.hdr_len, seg.sig_at, &data, 1};
    key.alg = auth->mac_find(auth->ctx, v->alg, &key.mac_full);
    assert_true(key.alg >= 0);
    if (strcmp(v->alg, "cmac(aes128)") == 0)
        shorten(auth, &key);
    assert_true(ft_auth_kdf(tcp, &key, &kdf, signer.traffic_key));
    assert_int_equal(unhex(v->traffic_key, want), key.mac_full);
    assert_memory_equal(signer.traffic_key, want, key.mac_full);
    assert_true(ft_auth_mac(tcp, &signer, &message, got));
    assert_memory_equal(got, l4 + seg.sig_at, 12);
    /* So that the test can fail: the extension is covered. */
    signer.sne = 1;
    assert_true(ft_auth_mac(tcp, &signer, &message, got));
    assert_memory_not_equal(got, l4 + seg.sig_at, 12);
}

/* RFC 9235: HMAC-SHA-1-96 and AES-128-CMAC-96, IPv4 and IPv6, with and without other options. */
/* proves: AO-2 AO-4 AO-20 AO-25 */
static void vectors_of_the_rfc(void **state)
{
    static struct ft_env env;
    struct ft_tcp tcp = {.env = &env};

    (void)state;
    ft_host_auth(&env.config.auth);
    if (!env.config.auth.mac_find)
        skip(); /* a build without libcrypto */
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        print_message("# RFC 9235 %s\n", vectors[i].section);
        try_vector(&tcp, &vectors[i]);
    }
}

/* RFC 5925 6.2: what is sent after the number has begun anew is of the next round, what is sent
   again from before it is not; a SYN is of round zero. */
/* proves: AO-8 AO-9 */
static void extension_of_what_is_sent(void **state)
{
    static struct ft_env env;
    struct ft_tcp tcp = {.env = &env};
    struct tcp_key key = {.kind = TCP_SIG_AO, .mac_len = 12, .mac_full = 20, .derived = true};
    struct tcp_auth auth = {.keys = &key, .current = &key, .rnext = &key, .n_keys = 1};
    struct ft_conn conn = {.local_port = 1, .remote_port = 2};
    struct tcp_ends ends = {.conn = &conn, .has_snd_isn = true, .has_rcv_isn = true};
    const struct {
        uint64_t pos;
        uint32_t seq, sne;
    } cases[] = {
        {0xfffffff0, 0xfffffff5, 0},   {0xfffffff0, 5, 1},
        {UINT64_C(0x100000005), 9, 1}, {UINT64_C(0x100000005), 0xfffffff5, 0},
        {UINT64_C(0x2fffffff0), 5, 3}, {7, 9, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ft_tcp_seg seg = {.flags = SEG_ACK, .seq = seq_make(cases[i].seq)};
        struct tcp_signer signer;

        ends.snd_pos = cases[i].pos;
        assert_true(ft_auth_prepare(&tcp, &auth, &ends, &seg, &signer));
        assert_int_equal(signer.sne, cases[i].sne);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_the_rfc),
        cmocka_unit_test(extension_of_what_is_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
