/* SPDX-License-Identifier: MIT */
/*
 * The keys of a connection that leaves or comes (RFC 2385, RFC 5925), one field of its image:
 *
 *     flags[1] current[1] next[1] n_keys[1] counts[5 * 8] snd_pos[8] rcv_pos[8] key...
 *     key      kind[1] prefix[1] len[1] snd_id[1] rcv_id[1] mac_len[1] flags[1] hi[8] lo[8]
 *              n_good[8] n_bad[8] name of the algorithm[64] secret[80]
 *
 * Traffic keys are derived anew: the initial numbers go along. A key is believed as far as
 * setsockopt() would have taken it.
 */
#include "base/wipe.h"

#include "handover.h"

#include "wire/be.h"

#define KEYS_MAX 32u
#define NO_KEY   0xffu
#define HEAD_LEN 60u
#define ROOM_MAX 20u /* of a signature in a header, beside timestamps */
#define KEY_LEN  (39u + FT_TCP_AO_ALG_MAX + FT_TCP_AO_KEY_MAX)

enum keys_flag { KEYS_AO = 1, KEYS_REQUIRED = 2, KEYS_ICMPS = 4, KEYS_FLAGS = 7 };

/* ---- writing ---------------------------------------------------------------------------------*/

int ft_handover_keys_len(const struct ft_tcb *tcb, size_t *ret_len)
{
    const struct tcp_auth *auth = tcb_auth(tcb);
    *ret_len = auth ? HEAD_LEN + auth->n_keys * KEY_LEN : 0;
    return auth && auth->n_keys > KEYS_MAX ? -EOPNOTSUPP : 0;
}

static void put_key(const struct tcp_key *key, uint8_t *p)
{
    const uint8_t head[] = {key->kind,   key->prefix,  key->len,  key->snd_id,
                            key->rcv_id, key->mac_len, key->flags};
    memcpy(p, head, sizeof head);
    be64_store(p + 7, key->addr.hi);
    be64_store(p + 15, key->addr.lo);
    be64_store(p + 23, key->n_good);
    be64_store(p + 31, key->n_bad);
    memcpy(p + 39, key->alg_name, FT_TCP_AO_ALG_MAX);
    memcpy(p + 39 + FT_TCP_AO_ALG_MAX, key->key, FT_TCP_AO_KEY_MAX);
}

void ft_handover_put_keys(const struct ft_tcb *tcb, uint8_t *buf)
{
    const struct tcp_auth *auth = tcb_auth(tcb);
    if (!auth)
        return;
    const uint64_t counts[] = {auth->n_good,  auth->n_bad,   auth->n_not_found, auth->n_unsigned,
                               auth->n_icmps, auth->snd_pos, auth->rcv_pos};
    buf[0] = (uint8_t)((auth->ao ? KEYS_AO : 0) | (auth->required ? KEYS_REQUIRED : 0) |
                       (auth->accept_icmps ? KEYS_ICMPS : 0));
    buf[1] = buf[2] = NO_KEY;
    buf[3] = (uint8_t)auth->n_keys;
    for (size_t i = 0; i < FT_ARRAY_LEN(counts); i++)
        be64_store(buf + 4 + 8 * i, counts[i]);
    uint8_t i = 0;
    for (const struct tcp_key *key = auth->keys; key; key = key->next, i++) {
        put_key(key, buf + HEAD_LEN + i * KEY_LEN);
        buf[1] = key == auth->current ? i : buf[1];
        buf[2] = key == auth->rnext ? i : buf[2];
    }
}

/* ---- reading ---------------------------------------------------------------------------------*/

/* Return: 0; -EINVAL; -ENOENT: no such algorithm. */
static int read_algorithm(const struct ft_tcp *tcp, struct tcp_key *key)
{
    const struct ft_auth *auth = &tcp->env->config.auth;
    if (key->kind == TCP_SIG_MD5)
        return key->mac_len == TCP_MD5_LEN && key->len <= FT_TCP_MD5SIG_KEY_MAX ? 0 : -EINVAL;
    if (key->alg_name[FT_TCP_AO_ALG_MAX - 1] != '\0')
        return -EINVAL;
    key->alg = auth->mac_find(auth->ctx, key->alg_name, &key->mac_full);
    if (key->alg < 0)
        return -ENOENT;
    bool fits = key->mac_len > 0 && key->mac_len <= TCP_MAC_LEN_MAX &&
                key->mac_len <= key->mac_full && key->len <= FT_TCP_AO_KEY_MAX;
    return fits && !(key->flags & ~FT_TCP_AO_KEYF_EXCLUDE_OPT) ? 0 : -EINVAL;
}

static int read_key(const struct ft_tcp *tcp, const uint8_t *p, struct tcp_key *ret)
{
    const struct ft_auth *auth = &tcp->env->config.auth;
    *ret = (struct tcp_key){
        .kind = p[0],
        .prefix = p[1],
        .len = p[2],
        .snd_id = p[3],
        .rcv_id = p[4],
        .mac_len = p[5],
        .flags = p[6],
        .addr = {be64_load(p + 7), be64_load(p + 15)},
        .n_good = be64_load(p + 23),
        .n_bad = be64_load(p + 31),
    };
    memcpy(ret->alg_name, p + 39, FT_TCP_AO_ALG_MAX);
    memcpy(ret->key, p + 39 + FT_TCP_AO_ALG_MAX, FT_TCP_AO_KEY_MAX);
    if (ret->kind != TCP_SIG_MD5 && ret->kind != TCP_SIG_AO)
        return -EINVAL;
    if (ret->prefix > (addr_is_v4(&ret->addr) ? 32 : 128))
        return -EINVAL;
    if (ret->kind == TCP_SIG_MD5 ? !auth->md5 : !auth->mac_find)
        return -EOPNOTSUPP;
    return read_algorithm(tcp, ret);
}

/* In their order: which of two that fit is found first is decided by it. */
static int take_list(struct ft_tcp *tcp, struct ft_tcb *tcb, const uint8_t *buf, unsigned n)
{
    struct tcp_auth *auth = tcb_auth(tcb);
    for (unsigned i = n; i-- > 0;) {
        struct tcp_key as;
        int err = read_key(tcp, buf + HEAD_LEN + i * KEY_LEN, &as);
        struct tcp_key *key = err ? NULL : ft_auth_add(tcp, auth, &as);
        ft_wipe(&as, sizeof as);
        if (!key)
            return err ? err : -ENOBUFS;
        ft_auth_derive(tcp, tcb, key);
        if (key->kind == TCP_SIG_AO && !key->derived)
            return -EINVAL; /* not with such a key */
        bool signs = key->kind == TCP_SIG_AO && ft_auth_matches(key, &tcb->conn.remote);
        auth->current = i == buf[1] && signs ? key : auth->current;
        auth->rnext = i == buf[2] && signs ? key : auth->rnext;
    }
    return 0;
}

int ft_handover_take_keys(struct ft_tcp *tcp, struct ft_tcb *tcb, const uint8_t *buf, size_t len)
{
    if (len == 0)
        return 0;
    if (len < HEAD_LEN || buf[3] > KEYS_MAX || len != HEAD_LEN + buf[3] * KEY_LEN ||
        (buf[0] & ~KEYS_FLAGS))
        return -EINVAL;
    struct tcp_auth *auth = ft_auth_own(tcp, tcb);
    if (!auth)
        return -ENOBUFS;
    auth->ao = buf[0] & KEYS_AO;
    auth->required = buf[0] & KEYS_REQUIRED;
    auth->accept_icmps = buf[0] & KEYS_ICMPS;
    uint64_t *const counts[] = {&auth->n_good,     &auth->n_bad,   &auth->n_not_found,
                                &auth->n_unsigned, &auth->n_icmps, &auth->snd_pos,
                                &auth->rcv_pos};
    for (size_t i = 0; i < FT_ARRAY_LEN(counts); i++)
        *counts[i] = be64_load(buf + 4 + 8 * i);
    int err = take_list(tcp, tcb, buf, buf[3]);
    if (err)
        return err;
    bool found = (buf[1] == NO_KEY) == !auth->current && (buf[2] == NO_KEY) == !auth->rnext;
    return found && ft_auth_room(tcb) <= ROOM_MAX ? 0 : -EINVAL;
}
