/* SPDX-License-Identifier: MIT */
/*
 * The keys of a socket (RFC 2385 4.0, RFC 5925 3.1): how they are kept, found, handed on and
 * forgotten. A list, the newest first, as on Linux: few sockets have many, and what is looked at is
 * counted.
 */
#include "base/wipe.h"

#include "priv.h"

struct tcp_auth *ft_auth_get(struct ft_tcp *tcp, struct tcp_auth **slot)
{
    if (!*slot)
        *slot = ft_mem_alloc(&tcp->env->mem, sizeof **slot);
    return *slot;
}

struct tcp_auth *ft_auth_own(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct tcp_rare *rare = ft_tcb_rare(tcp, tcb);
    return rare ? ft_auth_get(tcp, &rare->auth) : NULL;
}

void ft_auth_free(struct ft_tcp *tcp, struct tcp_auth **slot)
{
    struct tcp_auth *auth = *slot;
    if (!auth)
        return;
    while (auth->keys)
        ft_auth_remove(tcp, auth, auth->keys);
    ft_mem_free(&tcp->env->mem, auth, sizeof *auth);
    *slot = NULL;
}

struct tcp_key *ft_auth_add(struct ft_tcp *tcp, struct tcp_auth *auth, const struct tcp_key *key)
{
    struct tcp_key *copy = NULL;
    if (auth->n_keys < TCP_KEYS_MAX)
        copy = ft_mem_alloc(&tcp->env->mem, sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *key;
    copy->next = auth->keys;
    auth->keys = copy;
    auth->n_keys++;
    return copy;
}

void ft_auth_remove(struct ft_tcp *tcp, struct tcp_auth *auth, struct tcp_key *key)
{
    struct tcp_key **link = &auth->keys;
    while (*link != key)
        link = &(*link)->next;
    *link = key->next;
    auth->n_keys--;
    if (auth->current == key)
        auth->current = NULL;
    if (auth->rnext == key)
        auth->rnext = NULL;
    ft_wipe(key, sizeof *key);
    ft_mem_free(&tcp->env->mem, key, sizeof *key);
}

/* ---- which key ------------------------------------------------------------------------------- */

bool ft_auth_matches(const struct tcp_key *key, const struct ft_addr *peer)
{
    return addr_in_prefix(peer, &key->addr, key->prefix);
}

struct tcp_key *ft_auth_md5_key(struct ft_tcp *tcp, const struct tcp_auth *auth,
                                const struct ft_addr *peer)
{
    struct tcp_key *best = NULL;
    for (struct tcp_key *key = auth ? auth->keys : NULL; key; key = key->next) {
        tcp->env->counters.steps_list_nodes++;
        if (key->kind == TCP_SIG_MD5 && (!best || key->prefix > best->prefix) &&
            ft_auth_matches(key, peer))
            best = key;
    }
    return best;
}

struct tcp_key *ft_auth_ao_key(struct ft_tcp *tcp, const struct tcp_auth *auth,
                               const struct ft_addr *peer, int snd_id, int rcv_id)
{
    for (struct tcp_key *key = auth ? auth->keys : NULL; key; key = key->next) {
        tcp->env->counters.steps_list_nodes++;
        if (key->kind == TCP_SIG_AO && (snd_id < 0 || key->snd_id == snd_id) &&
            (rcv_id < 0 || key->rcv_id == rcv_id) && ft_auth_matches(key, peer))
            return key;
    }
    return NULL;
}

bool ft_auth_required(struct ft_tcp *tcp, const struct tcp_auth *auth, const struct ft_addr *peer)
{
    if (!auth)
        return false;
    return auth->required || ft_auth_ao_key(tcp, auth, peer, -1, -1) ||
           ft_auth_md5_key(tcp, auth, peer);
}

uint32_t ft_auth_room(const struct ft_tcb *tcb)
{
    const struct tcp_auth *auth = tcb_auth(tcb);
    uint32_t most = 0;
    /* The longest of them: the peer may ask for another key at any time. */
    for (const struct tcp_key *key = auth ? auth->keys : NULL; key; key = key->next)
        if (ft_auth_matches(key, &tcb->conn.remote))
            most = FT_MAX(most, (4u + key->mac_len + 3u) & ~3u);
    return most;
}

/* ---- the life of a connection ---------------------------------------------------------------- */

void ft_auth_derive(struct ft_tcp *tcp, const struct ft_tcb *tcb, struct tcp_key *key)
{
    struct tcp_kdf out = ft_auth_kdf_out(&tcb->conn, tcb->iss, tcb->irs);
    struct tcp_kdf in = ft_auth_kdf_in(&tcb->conn, tcb->iss, tcb->irs);
    if (key->kind == TCP_SIG_AO)
        key->derived =
            ft_auth_kdf(tcp, key, &out, key->snd) && ft_auth_kdf(tcp, key, &in, key->rcv);
}

void ft_auth_synchronized(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct tcp_auth *auth = tcb_auth(tcb);
    if (!auth)
        return;
    auth->snd_pos = tcb->iss.v;
    auth->rcv_pos = tcb->irs.v;
    for (struct tcp_key *key = auth->keys; key; key = key->next)
        ft_auth_derive(tcp, tcb, key);
}

/* RFC 2385: the one key of the peer goes on with the connection. */
static bool inherit_md5(struct ft_tcp *tcp, const struct tcp_auth *auth, struct ft_tcb *tcb)
{
    const struct tcp_key *key = ft_auth_md5_key(tcp, auth, &tcb->conn.remote);
    if (!key)
        return true;
    struct tcp_auth *own = ft_auth_own(tcp, tcb);
    struct tcp_key *copy = own ? ft_auth_add(tcp, own, key) : NULL;
    if (!copy)
        return false;
    copy->addr = tcb->conn.remote;
    copy->prefix = tcb_is_v4(tcb) ? 32 : 128;
    return true;
}

/* RFC 5925 7.2: all that match; the SYN has said which are in use. */
static bool inherit_ao(struct ft_tcp *tcp, const struct tcp_auth *auth, struct ft_tcb *tcb,
                       const struct tcp_embryo *from)
{
    struct tcp_auth *own = ft_auth_own(tcp, tcb);
    if (!own)
        return false;
    own->ao = true;
    own->required = auth->required;
    own->accept_icmps = auth->accept_icmps;
    /* The copies stand in the order of the originals. */
    struct tcp_key **tail = &own->keys;
    for (const struct tcp_key *key = auth->keys; key; key = key->next) {
        if (key->kind != TCP_SIG_AO || !ft_auth_matches(key, &tcb->conn.remote))
            continue;
        struct tcp_key *copy = ft_mem_alloc(&tcp->env->mem, sizeof *copy);
        if (!copy)
            return false;
        *copy = *key;
        copy->next = NULL;
        *tail = copy;
        tail = &copy->next;
        own->n_keys++;
    }
    const struct ft_addr *peer = &tcb->conn.remote;
    own->current = ft_auth_ao_key(tcp, own, peer, from->ao_rnext_id, -1);
    own->rnext = ft_auth_ao_key(tcp, own, peer, -1, from->ao_key_id);
    if (!own->current)
        own->current = own->keys;
    if (!own->rnext)
        own->rnext = own->keys;
    ft_auth_synchronized(tcp, tcb);
    return own->keys != NULL;
}

bool ft_auth_inherit(struct ft_tcp *tcp, const struct tcp_auth *auth, struct ft_tcb *tcb,
                     const struct tcp_embryo *from)
{
    if (from->flags & EMB_AO)
        return auth && inherit_ao(tcp, auth, tcb, from);
    return !auth || inherit_md5(tcp, auth, tcb);
}

int ft_auth_connect(struct ft_tcp *tcp, struct tcp_auth *auth, const struct ft_addr *peer)
{
    if (!auth)
        return 0;
    bool ao = auth->required || ft_auth_ao_key(tcp, auth, peer, -1, -1);
    bool md5 = ft_auth_md5_key(tcp, auth, peer);
    if ((ao && md5) || (auth->ao && !md5 && !ft_auth_ao_key(tcp, auth, peer, -1, -1)))
        return -EKEYREJECTED;
    /* RFC 5925 3.3: of TCP-AO only what matches is the connection's. MD5 keys stay: another
       attempt may be to another peer. */
    for (struct tcp_key *key = auth->keys, *next; key; key = next) {
        next = key->next;
        key->derived = false;
        if (key->kind == TCP_SIG_AO && !ft_auth_matches(key, peer))
            ft_auth_remove(tcp, auth, key);
    }
    if (!ao)
        return 0;
    if (!auth->current)
        auth->current = ft_auth_ao_key(tcp, auth, peer, -1, -1);
    if (!auth->rnext)
        auth->rnext = ft_auth_ao_key(tcp, auth, peer, -1, -1);
    return 0;
}

/* RFC 5925 7.8: they are not signed, so that anyone may have sent them. For MD5 just as well
   . An attempt to connect still learns of them, as on Linux. */
bool ft_auth_ignores_icmp(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct tcp_auth *auth = tcb_auth(tcb);
    if (!auth || !tcb_synchronized(tcb) || auth->accept_icmps ||
        !ft_auth_required(tcp, auth, &tcb->conn.remote))
        return false;
    auth->n_icmps++;
    return true;
}

void ft_auth_changed(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    if (tcb && tcb_state(tcb) != FT_TCP_CLOSED)
        ft_tcp_set_mss(tcp, tcb, tcb->mtu);
}
