/* SPDX-License-Identifier: MIT */
/*
 * Signed segments as a third party who has the keys verifies them: TCP MD5 (RFC 2385 2.0) and
 * TCP-AO (RFC 5925 5.1, 5.2, 6.2; RFC 5926 3.1.1, 3.2). The messages are put together here, out of
 * what was seen, and share no code with the stack.
 */
#include <string.h>

#include "audit_priv.h"
#include "digest.h"

#define AO_MAC_LEN 12 /* RFC 5926 3.2.1: HMAC-SHA-1-96 */
#define MSG_MAX    128

/* Octets that are put together. */
struct msg {
    uint8_t octets[MSG_MAX];
    size_t len;
};

static void put(struct msg *m, uint64_t value, uint32_t n)
{
    while (n-- > 0)
        m->octets[m->len++] = (uint8_t)(value >> 8 * n);
}

static void put_octets(struct msg *m, const uint8_t *octets, size_t n)
{
    memcpy(m->octets + m->len, octets, n);
    m->len += n;
}

static void put_addrs(struct msg *m, const struct sight *s)
{
    const struct ft_addr *addrs[2] = {&s->src, &s->dst};

    for (int i = 0; i < 2; i++) {
        if (s->version == 6)
            put(m, addrs[i]->hi, 8);
        put(m, addrs[i]->lo, s->version == 6 ? 8 : 4);
    }
}

/* RFC 9293 3.1, RFC 8200 8.1. */
static void put_pseudo(struct msg *m, const struct sight *s)
{
    uint64_t len = 20U + s->tcp.opt_len + s->tcp.len;

    put_addrs(m, s);
    put(m, s->version == 6 ? len : 6, s->version == 6 ? 4 : 2);
    put(m, s->version == 6 ? 6 : len, s->version == 6 ? 4 : 2);
}

static struct ft_span span(const uint8_t *octets, size_t len)
{
    return (struct ft_span){(uint8_t *)(uintptr_t)octets, len}; /* only read */
}

/* RFC 2385 2.0: pseudo-header, header without options and checksum, octets, key. */
static bool is_md5_right(const struct sight *s, const struct sim_audit_key *key)
{
    struct msg m = {.len = 0};
    uint8_t digest[FT_AUTH_MD5_LEN];
    struct ft_span parts[3];

    put_pseudo(&m, s);
    put_octets(&m, s->tcp.header, 16);
    put(&m, 0, 2);
    put_octets(&m, s->tcp.header + 18, 2);
    parts[0] = span(m.octets, m.len);
    parts[1] = span(s->tcp.data, s->tcp.len);
    parts[2] = span(key->octets, key->len);
    digest_md5(parts, 3, digest);
    return memcmp(digest, s->tcp.header + s->tcp.sig_at, sizeof(digest)) == 0;
}

/* RFC 5926 3.1.1.1: i, Label, Context, Output_Length. */
static void derive(const struct sight *s, const struct sim_audit_key *key, uint32_t src_isn,
                   uint32_t dst_isn, uint8_t ret[DIGEST_SHA1_LEN])
{
    struct msg m = {.len = 0};
    struct ft_span master = span(key->octets, key->len);
    struct ft_span part;

    put(&m, 1, 1);
    put_octets(&m, (const uint8_t *)"TCP-AO", 6);
    put_addrs(&m, s);
    put(&m, s->src_port, 2);
    put(&m, s->dst_port, 2);
    put(&m, src_isn, 4);
    put(&m, dst_isn, 4);
    put(&m, 160, 2);
    part = span(m.octets, m.len);
    digest_hmac_sha1(&master, &part, 1, ret);
}

/* RFC 5925 6.2: how often the sequence number has begun anew. A SYN is of round zero. */
static uint32_t extension(const struct sight_tcp *t, uint32_t isn)
{
    int64_t at = (int64_t)isn + (int32_t)(t->seq - isn);

    return (uint32_t)((uint64_t)at >> 32);
}

/* RFC 5925 5.1: SNE, pseudo-header, header with checksum and MAC zero, octets. */
static bool is_ao_right(const struct sight *s, const struct sim_audit_key *key, uint32_t src_isn,
                        uint32_t dst_isn)
{
    const struct sight_tcp *t = &s->tcp;
    struct msg m = {.len = 0}, header = {.len = 0};
    uint8_t mac[DIGEST_SHA1_LEN], traffic_key[DIGEST_SHA1_LEN];
    struct ft_span secret = span(traffic_key, sizeof(traffic_key));
    struct ft_span parts[3];

    derive(s, key, src_isn, dst_isn, traffic_key);
    put(&m, extension(t, src_isn), 4);
    put_pseudo(&m, s);
    put_octets(&header, t->header, 20U + t->opt_len);
    memset(header.octets + 16, 0, 2);
    memset(header.octets + t->sig_at, 0, t->sig_len);
    if (key->bare) { /* RFC 5925 3.1: of the options its own alone */
        memmove(header.octets + 20, header.octets + t->sig_at - 4, 4U + t->sig_len);
        header.len = 24U + t->sig_len;
    }
    parts[0] = span(m.octets, m.len);
    parts[1] = span(header.octets, header.len);
    parts[2] = span(t->data, t->len);
    digest_hmac_sha1(&secret, parts, 3, mac);
    return memcmp(mac, t->header + t->sig_at, AO_MAC_LEN) == 0;
}

static uint32_t n_isns(const struct audit_end *end)
{
    return end->n_isns < AUDIT_ISNS_MAX ? end->n_isns : AUDIT_ISNS_MAX;
}

/* RFC 5925 5.2: a SYN is signed by its own number alone, a SYN-ACK by both that it has. What
   follows may be of any pair that the ends have offered each other: the latest is tried first. */
static bool is_ao_of_conn(const struct audit_conn *conn, int from, const struct sight *s,
                          const struct sim_audit_key *key)
{
    const struct sight_tcp *t = &s->tcp;
    const struct audit_end *end = &conn->end[from], *peer = &conn->end[1 - from];

    if (t->flags & SIGHT_SYN)
        return is_ao_right(s, key, t->seq, (t->flags & SIGHT_ACK) ? t->ack - 1 : 0);
    for (uint32_t i = 1; i <= n_isns(end); i++) {
        uint32_t own = end->isns[(end->n_isns - i) % AUDIT_ISNS_MAX];

        for (uint32_t k = 1; k <= n_isns(peer); k++) {
            if (is_ao_right(s, key, own, peer->isns[(peer->n_isns - k) % AUDIT_ISNS_MAX]))
                return true;
        }
    }
    return false;
}

const char *audit_signature(const struct sim_audit *audit, const struct audit_conn *conn, int from,
                            const struct sight *s)
{
    const struct sight_tcp *t = &s->tcp;
    struct sim_audit_key key = {.kind = SIM_KEY_NONE};

    if (audit->key_of != NULL)
        audit->key_of(audit->key_ctx, s, &key);
    if (key.kind == SIM_KEY_NONE)
        return t->sig_kind == 0 ? NULL : "a signature, but nobody has a key";
    if (t->sig_kind != (key.kind == SIM_KEY_MD5 ? SIGHT_MD5 : SIGHT_AO))
        return "a segment without the signature that its connection asks for";
    if (key.kind == SIM_KEY_MD5)
        return is_md5_right(s, &key) ? NULL : "a segment with a wrong TCP MD5 signature";
    if (t->key_id != key.key_id || t->rnext_id != key.rnext_id || t->sig_len != AO_MAC_LEN)
        return "a segment that names another key of TCP-AO than it must";
    return is_ao_of_conn(conn, from, s, &key) ? NULL : "a segment with a wrong MAC of TCP-AO";
}

void audit_note_isn(struct audit_end *end, const struct sight_tcp *t)
{
    if (!(t->flags & SIGHT_SYN))
        return;
    if (end->n_isns > 0 && end->isns[(end->n_isns - 1) % AUDIT_ISNS_MAX] == t->seq)
        return;
    end->isns[end->n_isns++ % AUDIT_ISNS_MAX] = t->seq;
}
