/* SPDX-License-Identifier: MIT */
/*
 * What is signed, octet by octet: the message of TCP MD5 (RFC 2385 2.0), that of TCP-AO (RFC 5925
 * 5.1), and the derivation of TCP-AO's traffic keys (RFC 5925 5.2, RFC 5926 3.1.1). The arithmetic
 * is not here: ft_config.auth has it.
 */
#include "base/wipe.h"
#include "wire/be.h"

#include "priv.h"

#define PSEUDO_MAX  40
#define PARTS_EXTRA 5 /* SNE, pseudo header, header, the option alone, key */
#define PARTS_MAX   (FT_SPANS_MAX + 1 + PARTS_EXTRA)
#define KDF_MAX     (1 + 6 + 2 * 16 + 2 * 2 + 2 * 4 + 2)

static uint8_t *put_addr(uint8_t *p, const struct ft_addr *addr)
{
    if (addr_is_v4(addr)) {
        addr_store4(p, addr);
        return p + 4;
    }
    addr_store16(p, addr);
    return p + 16;
}

/* RFC 9293 3.1, RFC 8200 8.1. Return: its octets. */
static size_t pseudo_header(const struct tcp_message *message, uint8_t *ret)
{
    uint8_t *p = put_addr(put_addr(ret, message->src), message->dst);
    size_t len = message->hdr_len;
    for (size_t i = 0; i < message->n_parts; i++)
        len += message->parts[i].len;
    if (addr_is_v4(message->dst)) {
        be16_store(p, IPPROTO_TCP);
        be16_store(p + 2, (uint16_t)len);
        return (size_t)(p - ret) + 4;
    }
    be32_store(p, (uint32_t)len);
    be32_store(p + 4, IPPROTO_TCP);
    return (size_t)(p - ret) + 8;
}

static size_t put_payload(const struct tcp_message *message, struct ft_span *parts, size_t n)
{
    for (size_t i = 0; i < message->n_parts; i++)
        parts[n++] = message->parts[i];
    return n;
}

/* RFC 2385 2.0: pseudo header, header without options and with a checksum of zero, data, key. */
static bool md5(struct ft_tcp *tcp, const struct tcp_key *key, const struct tcp_message *message,
                uint8_t *ret_mac)
{
    const struct ft_auth *auth = &tcp->env->config.auth;
    uint8_t pseudo[PSEUDO_MAX], hdr[TCP_HDR_LEN];
    struct ft_span parts[PARTS_MAX];
    struct tcp_key *secret = (struct tcp_key *)(uintptr_t)key; /* a span that is only read */
    size_t n = 0;
    memcpy(hdr, message->hdr, sizeof hdr);
    be16_store(hdr + TCP_CSUM_AT, 0);
    parts[n++] = (struct ft_span){pseudo, pseudo_header(message, pseudo)};
    parts[n++] = (struct ft_span){hdr, sizeof hdr};
    n = put_payload(message, parts, n);
    parts[n++] = (struct ft_span){secret->key, key->len};
    return auth->md5(auth->ctx, parts, n, ret_mac) == 0;
}

/* RFC 5925 5.1: SNE, pseudo header, header with checksum and MAC of zero, data. Where other options
   are not covered, the one of TCP-AO is all the same. */
static bool ao(struct ft_tcp *tcp, const struct tcp_signer *signer,
               const struct tcp_message *message, uint8_t *ret_mac)
{
    const struct ft_auth *auth = &tcp->env->config.auth;
    const struct tcp_key *key = signer->key;
    uint8_t sne[4], pseudo[PSEUDO_MAX], hdr[TCP_HDR_LEN_MAX];
    uint8_t traffic_key[FT_AUTH_MAC_LEN_MAX];
    struct ft_span parts[PARTS_MAX];
    size_t n = 0;
    be32_store(sne, signer->sne);
    memcpy(hdr, message->hdr, message->hdr_len);
    be16_store(hdr + TCP_CSUM_AT, 0);
    memset(hdr + message->sig_at, 0, key->mac_len);
    memcpy(traffic_key, signer->traffic_key, sizeof traffic_key);
    parts[n++] = (struct ft_span){sne, sizeof sne};
    parts[n++] = (struct ft_span){pseudo, pseudo_header(message, pseudo)};
    if (key->flags & FT_TCP_AO_KEYF_EXCLUDE_OPT) {
        parts[n++] = (struct ft_span){hdr, TCP_HDR_LEN};
        parts[n++] = (struct ft_span){hdr + message->sig_at - 4, 4u + key->mac_len};
    } else {
        parts[n++] = (struct ft_span){hdr, message->hdr_len};
    }
    n = put_payload(message, parts, n);
    struct ft_span secret = {traffic_key, key->mac_full};
    bool done = auth->mac(auth->ctx, key->alg, &secret, parts, n, ret_mac) == 0;
    ft_wipe(traffic_key, sizeof traffic_key);
    return done;
}

bool ft_auth_mac(struct ft_tcp *tcp, const struct tcp_signer *signer,
                 const struct tcp_message *message, uint8_t ret_mac[FT_AUTH_MAC_LEN_MAX])
{
    ft_assert(message->n_parts <= FT_SPANS_MAX + 1);
    ft_assert(message->hdr_len >= TCP_HDR_LEN && message->hdr_len <= TCP_HDR_LEN_MAX);
    if (signer->key->kind == TCP_SIG_MD5)
        return md5(tcp, signer->key, message, ret_mac);
    return ao(tcp, signer, message, ret_mac);
}

void ft_auth_sign(struct ft_tcp *tcp, const struct tcp_signer *signer,
                  const struct tcp_message *message, uint8_t *hdr)
{
    uint8_t mac[FT_AUTH_MAC_LEN_MAX];
    if (!signer->key)
        return;
    ft_assert(message->sig_at + signer->key->mac_len <= message->hdr_len);
    /* It worked when the key was set. If it does not now, zeros are no signature for the peer. */
    if (ft_auth_mac(tcp, signer, message, mac))
        memcpy(hdr + message->sig_at, mac, signer->key->mac_len);
}

void ft_auth_sign_frame(struct ft_tcp *tcp, const struct ft_conn *conn,
                        const struct tcp_signer *signer, struct ft_frame *frame, uint32_t l4)
{
    uint8_t *hdr = frame->buf + l4;
    size_t hdr_len = (size_t)(hdr[12] >> 4) * 4;
    struct ft_span copied = {hdr + hdr_len, frame->len - l4 - hdr_len};
    bool lent = frame->n_spans > 0;
    struct tcp_message message = {
        .src = &conn->local,
        .dst = &conn->remote,
        .hdr = hdr,
        .hdr_len = hdr_len,
        .sig_at = TCP_SIG_AT,
        .parts = lent ? frame->spans : &copied,
        .n_parts = lent ? frame->n_spans : copied.len > 0,
    };
    ft_auth_sign(tcp, signer, &message, hdr);
}

struct tcp_kdf ft_auth_kdf_out(const struct ft_conn *conn, ft_seq snd_isn, ft_seq rcv_isn)
{
    return (struct tcp_kdf){
        .src = &conn->local,
        .dst = &conn->remote,
        .src_port = conn->local_port,
        .dst_port = conn->remote_port,
        .src_isn = snd_isn.v,
        .dst_isn = rcv_isn.v,
    };
}

struct tcp_kdf ft_auth_kdf_in(const struct ft_conn *conn, ft_seq snd_isn, ft_seq rcv_isn)
{
    struct tcp_kdf out = ft_auth_kdf_out(conn, snd_isn, rcv_isn);
    return (struct tcp_kdf){
        .src = out.dst,
        .dst = out.src,
        .src_port = out.dst_port,
        .dst_port = out.src_port,
        .src_isn = out.dst_isn,
        .dst_isn = out.src_isn,
    };
}

/* RFC 5926 3.1.1: one block of the PRF is a traffic key: i = 1, Label, Context, Output_Length. */
bool ft_auth_kdf(struct ft_tcp *tcp, const struct tcp_key *key, const struct tcp_kdf *kdf,
                 uint8_t ret_key[FT_AUTH_MAC_LEN_MAX])
{
    const struct ft_auth *auth = &tcp->env->config.auth;
    uint8_t input[KDF_MAX] = {1, 'T', 'C', 'P', '-', 'A', 'O'};
    uint8_t secret[FT_TCP_AO_KEY_MAX];
    uint8_t *p = put_addr(put_addr(input + 7, kdf->src), kdf->dst);
    be16_store(p, kdf->src_port);
    be16_store(p + 2, kdf->dst_port);
    be32_store(p + 4, kdf->src_isn);
    be32_store(p + 8, kdf->dst_isn);
    be16_store(p + 12, (uint16_t)(8 * key->mac_full));
    memcpy(secret, key->key, sizeof secret);
    struct ft_span master = {secret, key->len};
    struct ft_span part = {input, (size_t)(p + 14 - input)};
    bool done = auth->mac(auth->ctx, key->alg, &master, &part, 1, ret_key) == 0;
    ft_wipe(secret, sizeof secret);
    return done;
}
