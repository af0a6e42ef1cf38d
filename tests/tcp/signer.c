/* SPDX-License-Identifier: MIT */
/*
 * The peer of a ladder signs: RFC 2385 2.0, RFC 5925 5.1 and 5.2, RFC 5926 3.1.1.
 */
#include "signer.h"

#include "base/hash.h"
#include "wire/be.h"
#include "wire/ip.h"

#define FLAT_MAX (LADDER_FRAME_MAX + 256)

static const uint8_t fixed_key[16] = {'s', 't', 'a', 'n', 'd', '-', 'i', 'n'};

/* ---- the stand-in ---------------------------------------------------------------------------- */

static void digest(uint8_t salt, const uint8_t *octets, size_t len, uint8_t *ret, size_t n)
{
    uint8_t key[16];

    memcpy(key, fixed_key, sizeof(key));
    for (size_t i = 0; i < n; i += 4) {
        key[14] = salt;
        key[15] = (uint8_t)i;
        be32_store(ret + i, (uint32_t)ft_siphash(key, octets, len));
    }
}

static uint8_t *flatten(const struct ft_span *parts, size_t n, size_t head, size_t *ret_len)
{
    size_t len = head;

    for (size_t i = 0; i < n; i++)
        len += parts[i].len;
    uint8_t *flat = calloc(1, len + 1);
    *ret_len = len;
    len = head;
    for (size_t i = 0; i < n; i++) {
        memcpy(flat + len, parts[i].data, parts[i].len);
        len += parts[i].len;
    }
    return flat;
}

static int md5(void *ctx, const struct ft_span *parts, size_t n, uint8_t ret[FT_AUTH_MD5_LEN])
{
    size_t len;
    uint8_t *flat = flatten(parts, n, 0, &len);

    (void)ctx;
    digest(0, flat, len, ret, FT_AUTH_MD5_LEN);
    free(flat);
    return 0;
}

static int mac_find(void *ctx, const char *name, size_t *ret_len)
{
    static const char *const names[] = {"hmac(sha1)", "cmac(aes128)", "hmac(sha256)"};
    static const size_t lens[] = {20, 16, 32};

    (void)ctx;
    for (int i = 0; i < 3; i++) {
        if (strcmp(names[i], name) != 0)
            continue;
        *ret_len = lens[i];
        return i;
    }
    return -ENOENT;
}

static int mac(void *ctx, int alg, const struct ft_span *key, const struct ft_span *parts, size_t n,
               uint8_t ret[FT_AUTH_MAC_LEN_MAX])
{
    static const size_t lens[] = {20, 16, 32};
    size_t len;
    uint8_t *flat;

    (void)ctx;
    if (alg == 1 && key->len != 16)
        return -EINVAL;
    flat = flatten(parts, n, 1 + key->len, &len);
    flat[0] = (uint8_t)key->len;
    memcpy(flat + 1, key->data, key->len);
    digest((uint8_t)(1 + alg), flat, len, ret, lens[alg]);
    free(flat);
    return 0;
}

void stand_in_auth(struct ft_auth *ret)
{
    *ret = (struct ft_auth){md5, mac_find, mac, NULL};
}

void signer_init(struct ladder *t)
{
    ladder_init(t);
    stand_in_auth(&t->config.auth);
}

/* ---- RFC 2385 and RFC 5925 ------------------------------------------------------------------- */

static uint8_t mac_len_of(const struct ladder_key *key)
{
    return key->kind == TCP_SIG_MD5 ? 16 : key->mac_len ? key->mac_len : 12;
}

size_t signer_option(const struct ladder_key *key, uint8_t *ret)
{
    size_t n = 4u + mac_len_of(key);

    memset(ret, 0, n);
    if (key->kind == TCP_SIG_MD5) {
        ret[0] = ret[1] = 1;
        ret[2] = 19;
        ret[3] = 18;
    } else {
        ret[0] = 29;
        ret[1] = (uint8_t)n;
        ret[2] = key->key_id;
        ret[3] = key->rnext_id;
    }
    return n;
}

/* Where the MAC of a header is. */
static size_t find_mac(const uint8_t *l4, uint8_t kind)
{
    size_t end = (size_t)(l4[12] >> 4) * 4;

    for (size_t at = 20; at < end && l4[at] != 0; at += l4[at] == 1 ? 1 : l4[at + 1])
        if (l4[at] == kind)
            return at + (kind == TCP_SIG_MD5 ? 2 : 4);
    fail_msg("%s", "there is no such signature");
    return 0;
}

static size_t put_addrs(uint8_t *p, const struct ft_addr *src, const struct ft_addr *dst)
{
    if (addr_is_v4(src)) {
        addr_store4(p, src);
        addr_store4(p + 4, dst);
        return 8;
    }
    addr_store16(p, src);
    addr_store16(p + 16, dst);
    return 32;
}

static size_t put_pseudo(uint8_t *p, const struct ft_addr *src, const struct ft_addr *dst,
                         size_t len)
{
    size_t n = put_addrs(p, src, dst);

    memset(p + n, 0, 8);
    if (n == 8) {
        p[n + 1] = 6;
        be16_store(p + n + 2, (uint16_t)len);
        return n + 4;
    }
    be32_store(p + n, (uint32_t)len);
    p[n + 7] = 6;
    return n + 8;
}

static void md5_of(const struct ladder_key *key, const struct ft_addr *src,
                   const struct ft_addr *dst, const uint8_t *l4, size_t len, uint8_t *ret)
{
    uint8_t *flat = malloc(FLAT_MAX);
    size_t hdr = (size_t)(l4[12] >> 4) * 4, n = put_pseudo(flat, src, dst, len);

    memcpy(flat + n, l4, 20);
    flat[n + 16] = flat[n + 17] = 0;
    n += 20;
    memcpy(flat + n, l4 + hdr, len - hdr);
    n += len - hdr;
    memcpy(flat + n, key->secret, strlen(key->secret));
    digest(0, flat, n + strlen(key->secret), ret, 16);
    free(flat);
}

/* @src_isn, @dst_isn: as the KDF has them */
static void ao_of(const struct ladder_key *key, const struct ft_addr *src,
                  const struct ft_addr *dst, uint32_t src_isn, uint32_t dst_isn, const uint8_t *l4,
                  size_t len, uint8_t *ret)
{
    uint8_t *flat = calloc(1, FLAT_MAX), traffic[20];
    size_t hdr = (size_t)(l4[12] >> 4) * 4, at = find_mac(l4, TCP_SIG_AO), n;
    const size_t secret = strlen(key->secret);

    flat[0] = (uint8_t)secret;
    memcpy(flat + 1, key->secret, secret);
    n = 1 + secret;
    flat[n++] = 1;
    memcpy(flat + n, "TCP-AO", 6);
    n += 6;
    n += put_addrs(flat + n, src, dst);
    memcpy(flat + n, l4, 4); /* ports */
    be32_store(flat + n + 4, src_isn);
    be32_store(flat + n + 8, dst_isn);
    be16_store(flat + n + 12, 160);
    digest(1, flat, n + 14, traffic, 20);
    memset(flat, 0, FLAT_MAX);
    flat[0] = 20;
    memcpy(flat + 1, traffic, 20);
    n = 21;
    be32_store(flat + n, (l4[13] & (SEG_SYN | SEG_ACK)) == SEG_SYN ? 0 : key->sne);
    n += 4;
    n += put_pseudo(flat + n, src, dst, len);
    memcpy(flat + n, l4, 20);
    flat[n + 16] = flat[n + 17] = 0;
    n += 20;
    if (key->bare) {
        memcpy(flat + n, l4 + at - 4, 4);
        n += 4u + mac_len_of(key);
    } else {
        memcpy(flat + n, l4 + 20, hdr - 20);
        memset(flat + n + at - 20, 0, mac_len_of(key));
        n += hdr - 20;
    }
    memcpy(flat + n, l4 + hdr, len - hdr);
    digest(1, flat, n + len - hdr, ret, 20);
    free(flat);
}

void signer_sign(const struct ladder *t, const struct ladder_key *key, const struct ft_addr *src,
                 const struct ft_addr *dst, uint8_t *l4, size_t len)
{
    bool first = (l4[13] & (SEG_SYN | SEG_ACK)) == SEG_SYN;
    uint8_t ret[64];

    if (key->kind == TCP_SIG_MD5)
        md5_of(key, src, dst, l4, len, ret);
    else
        ao_of(key, src, dst, t->peer->isn, first ? 0 : t->peer->iss, l4, len, ret);
    memcpy(l4 + find_mac(l4, key->kind), ret, mac_len_of(key));
}

void stack_signed(struct ladder *t, const struct ladder_key *key)
{
    const uint8_t *l4 = t->last.octets + 14 + (t->v6 ? 40 : 20);
    size_t len = t->last.len - 14 - (t->v6 ? 40 : 20);
    bool first = (l4[13] & (SEG_SYN | SEG_ACK)) == SEG_SYN;
    uint8_t ret[64];

    assert_int_equal(t->seg.sig, key->kind);
    if (key->kind == TCP_SIG_MD5) {
        md5_of(key, &t->us, &t->last_dst, l4, len, ret);
    } else {
        assert_int_equal(t->seg.key_id, key->key_id);
        assert_int_equal(t->seg.rnext_id, key->rnext_id);
        ao_of(key, &t->us, &t->last_dst, t->peer->iss, first ? 0 : t->peer->isn, l4, len, ret);
    }
    assert_memory_equal(l4 + find_mac(l4, key->kind), ret, mac_len_of(key));
}

/* ---- options --------------------------------------------------------------------------------- */

int user_sets_md5(struct ladder *t, ft_sock sock, const char *secret)
{
    struct ft_tcp_md5sig cmd = {.key_len = (uint16_t)(secret ? strlen(secret) : 0)};

    (void)ladder_name(t, &t->them, 0, &cmd.addr);
    if (secret)
        memcpy(cmd.key, secret, strlen(secret));
    return ft_setsockopt(t->stack, sock, IPPROTO_TCP, FT_TCP_MD5SIG, &cmd, sizeof(cmd));
}

int user_adds_ao(struct ladder *t, ft_sock sock, const char *secret, uint8_t snd_id, uint8_t rcv_id,
                 uint8_t prefix)
{
    struct ft_addr any = t->v6 ? addr_any() : addr_v4(0);
    struct ft_tcp_ao_add cmd = {
        .alg_name = "hmac(sha1)",
        .sndid = snd_id,
        .rcvid = rcv_id,
        .prefix = prefix,
        .keylen = (uint8_t)strlen(secret),
    };

    (void)ladder_name(t, prefix ? &t->them : &any, 0, &cmd.addr);
    memcpy(cmd.key, secret, strlen(secret));
    return ft_setsockopt(t->stack, sock, IPPROTO_TCP, FT_TCP_AO_ADD_KEY, &cmd, sizeof(cmd));
}
