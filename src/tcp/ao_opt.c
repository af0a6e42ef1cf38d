/* SPDX-License-Identifier: MIT */
/*
 * The options of TCP-AO, with Linux's structs, values and answers (TCP_AO_ADD_KEY, TCP_AO_DEL_KEY,
 * TCP_AO_INFO, TCP_AO_GET_KEYS): the master key tuples of RFC 5925 3.1, and which of them are the
 * current and the next one (3.3).
 */
#include "base/wipe.h"

#include "priv.h"

#include "wire/be.h"

static_assert(sizeof(struct ft_tcp_ao_add) == 288, "Linux's struct tcp_ao_add");
static_assert(sizeof(struct ft_tcp_ao_del) == 144, "Linux's struct tcp_ao_del");
static_assert(sizeof(struct ft_tcp_ao_info) == 48, "Linux's struct tcp_ao_info_opt");
static_assert(sizeof(struct ft_tcp_ao_key) == 304, "Linux's struct tcp_ao_getsockopt");

#define MAC_LEN_DEFAULT 12 /* RFC 5926 3.2 */
#define CMAC            "cmac(aes128)"
#define KEYFLAGS        (FT_TCP_AO_KEYF_IFINDEX | FT_TCP_AO_KEYF_EXCLUDE_OPT)

/* How a struct passes that may be longer or shorter than ours: what is beyond must be zero. */
static int read_struct(void *ret, size_t size, const void *value, socklen_t len)
{
    const uint8_t *octets = value;
    if (!value)
        return -EFAULT;
    for (size_t i = size; i < len; i++)
        if (octets[i] != 0)
            return -E2BIG;
    memset(ret, 0, size);
    memcpy(ret, value, FT_MIN((size_t)len, size));
    return 0;
}

/* As read_struct(), of setsockopt(): it may not be shorter. */
static int take_struct(void *ret, size_t size, const void *value, socklen_t len)
{
    return len < size ? -EINVAL : read_struct(ret, size, value, len);
}

static uint16_t port_of(const struct sockaddr_storage *addr, bool ipv6)
{
    struct sockaddr_in sin;
    struct sockaddr_in6 sin6;
    memcpy(&sin, addr, sizeof sin);
    memcpy(&sin6, addr, sizeof sin6);
    return ipv6 ? sin6.sin6_port : sin.sin_port;
}

/* RFC 5925 3.1: the peers that a key is for. A prefix of 0 is all of them, and has no address; what
   is behind the prefix must be zero. */
static int check_prefix(const struct ft_addr *addr, uint8_t prefix)
{
    bool is_v4 = addr_is_v4(addr);
    bool zero = is_v4 ? addr_v4_of(addr) == 0 : addr_is_any(addr);
    if (prefix == 0 || zero)
        return prefix == 0 && zero ? 0 : -EINVAL;
    if (prefix > (is_v4 ? 32 : 128))
        return -EINVAL;
    struct ft_addr mask = addr_mask(is_v4 ? 96u + prefix : prefix);
    return (addr->hi & ~mask.hi) || (addr->lo & ~mask.lo) ? -EINVAL : 0;
}

static bool is_open(const struct tcp_auth_of *of)
{
    return of->tcb && tcb_state(of->tcb) != FT_TCP_CLOSED;
}

/* Whether two keys have a peer in common. */
static bool overlap(const struct tcp_key *a, const struct tcp_key *b)
{
    const struct tcp_key *wide = a->prefix < b->prefix ? a : b;
    const struct tcp_key *narrow = wide == a ? b : a;
    return ft_auth_matches(wide, &narrow->addr);
}

/* ---- a key is added -------------------------------------------------------------------------- */

/* RFC 5926 3.1.1.2: AES-128-CMAC takes keys of 16 octets; of others the CMAC under a key of zeros
   is the key. */
static int fit_key(struct ft_tcp *tcp, struct tcp_key *key)
{
    const struct ft_auth *auth = &tcp->env->config.auth;
    uint8_t zero[16] = {0}, mac[FT_AUTH_MAC_LEN_MAX];
    struct ft_span zeros = {zero, sizeof zero};
    struct ft_span part = {key->key, key->len};
    if (memcmp(key->alg_name, CMAC, sizeof CMAC) != 0 || key->len == sizeof zero)
        return 0;
    int err = auth->mac(auth->ctx, key->alg, &zeros, &part, 1, mac);
    if (err)
        return err;
    memset(key->key, 0, sizeof key->key);
    memcpy(key->key, mac, sizeof zero);
    key->len = sizeof zero;
    ft_wipe(mac, sizeof mac);
    return 0;
}

static int choose_mac(struct ft_tcp *tcp, const struct ft_tcp_ao_add *cmd, struct tcp_key *key)
{
    const struct ft_auth *auth = &tcp->env->config.auth;
    struct ft_addr any = addr_v4(0);
    struct tcp_kdf kdf = {.src = &any, .dst = &any};
    uint8_t traffic_key[FT_AUTH_MAC_LEN_MAX];
    memcpy(key->alg_name, cmd->alg_name, sizeof key->alg_name);
    key->alg_name[sizeof key->alg_name - 1] = '\0';
    key->alg = auth->mac_find(auth->ctx, key->alg_name, &key->mac_full);
    if (key->alg < 0)
        return -ENOENT;
    ft_assert(key->mac_full > 0 && key->mac_full <= FT_AUTH_MAC_LEN_MAX);
    key->mac_len = cmd->maclen ? cmd->maclen : MAC_LEN_DEFAULT;
    if (key->mac_len > TCP_MAC_LEN_MAX)
        return -EMSGSIZE;
    if (key->mac_len > key->mac_full)
        return -EINVAL;
    memcpy(key->key, cmd->key, cmd->keylen);
    key->len = cmd->keylen;
    int err = fit_key(tcp, key);
    if (!err && !ft_auth_kdf(tcp, key, &kdf, traffic_key))
        err = -EINVAL; /* not with such a key */
    return err;
}

/* What the command says, but for the algorithm. */
static int read_add(const struct tcp_auth_of *of, const struct ft_tcp_ao_add *cmd,
                    struct tcp_key *ret)
{
    *ret = (struct tcp_key){
        .kind = TCP_SIG_AO,
        .prefix = cmd->prefix,
        .snd_id = cmd->sndid,
        .rcv_id = cmd->rcvid,
        .flags = cmd->keyflags & FT_TCP_AO_KEYF_EXCLUDE_OPT,
    };
    if (cmd->keylen > FT_TCP_AO_KEY_MAX || cmd->reserved2 != 0 ||
        (cmd->flags & ~(FT_TCP_AO_SET_CURRENT | FT_TCP_AO_SET_RNEXT)))
        return -EINVAL;
    int err = ft_auth_read_addr(of, &cmd->addr, &ret->addr);
    if (!err && port_of(&cmd->addr, of->ipv6) != 0)
        err = -EINVAL; /* keys are not told apart by port */
    if (!err)
        err = check_prefix(&ret->addr, cmd->prefix);
    if (!err && is_open(of) && !ft_auth_matches(ret, &of->tcb->conn.remote))
        err = -EINVAL;
    if (err)
        return err;
    /* There is no VRF. */
    if ((cmd->keyflags & ~KEYFLAGS) || cmd->ifindex != 0)
        return -EINVAL;
    return cmd->flags && !of->tcb ? -EINVAL : 0; /* a passive socket signs nothing by itself */
}

/* RFC 5925 3.1: the IDs of keys must not overlap where their connections do. */
static int check_ids(struct ft_tcp *tcp, const struct tcp_auth *auth, const struct tcp_key *key)
{
    for (const struct tcp_key *old = auth ? auth->keys : NULL; old; old = old->next) {
        tcp->env->counters.steps_list_nodes++;
        if (!overlap(old, key))
            continue;
        if (old->kind == TCP_SIG_MD5)
            return -EKEYREJECTED;
        if (old->snd_id == key->snd_id || old->rcv_id == key->rcv_id)
            return -EEXIST;
    }
    return 0;
}

static int enter_key(struct ft_tcp *tcp, const struct tcp_auth_of *of, const struct tcp_key *as,
                     uint32_t flags)
{
    struct tcp_auth *auth = ft_auth_make(tcp, of);
    struct tcp_key *key = auth ? ft_auth_add(tcp, auth, as) : NULL;
    if (!key)
        return -ENOMEM;
    auth->ao = true;
    if (is_open(of) && tcb_state(of->tcb) != FT_TCP_SYN_SENT)
        ft_auth_derive(tcp, of->tcb, key);
    if (flags & FT_TCP_AO_SET_CURRENT)
        auth->current = key;
    if (flags & FT_TCP_AO_SET_RNEXT)
        auth->rnext = key;
    ft_auth_changed(tcp, of->tcb);
    return 0;
}

static int add_key(struct ft_tcp *tcp, const struct tcp_auth_of *of, const void *value,
                   socklen_t len)
{
    struct ft_tcp_ao_add cmd;
    struct tcp_key as;
    int err = take_struct(&cmd, sizeof cmd, value, len);
    if (!err)
        err = read_add(of, &cmd, &as);
    if (!err)
        err = check_ids(tcp, of->auth, &as);
    if (!err)
        err = choose_mac(tcp, &cmd, &as);
    if (!err)
        err = enter_key(tcp, of, &as, cmd.flags);
    ft_wipe(&as, sizeof as);
    ft_wipe(&cmd, sizeof cmd);
    return err;
}

/* ---- keys are taken, and chosen -------------------------------------------------------------- */

static struct tcp_key *by_id(struct tcp_auth *auth, int snd_id, int rcv_id)
{
    for (struct tcp_key *key = auth->keys; key; key = key->next)
        if (key->kind == TCP_SIG_AO && (snd_id < 0 || key->snd_id == snd_id) &&
            (rcv_id < 0 || key->rcv_id == rcv_id))
            return key;
    return NULL;
}

/* The keys that SET_CURRENT and SET_RNEXT name. */
static int choose(struct tcp_auth *auth, uint32_t flags, uint8_t current_id, uint8_t rnext_id,
                  struct tcp_key **ret_current, struct tcp_key **ret_rnext)
{
    *ret_current = (flags & FT_TCP_AO_SET_CURRENT) ? by_id(auth, current_id, -1) : NULL;
    *ret_rnext = (flags & FT_TCP_AO_SET_RNEXT) ? by_id(auth, -1, rnext_id) : NULL;
    if (((flags & FT_TCP_AO_SET_CURRENT) && !*ret_current) ||
        ((flags & FT_TCP_AO_SET_RNEXT) && !*ret_rnext))
        return -ENOENT;
    return 0;
}

/* A key in use cannot be taken: others must be named in its place. */
static int take_key(struct ft_tcp *tcp, struct tcp_auth *auth, struct tcp_key *key,
                    struct tcp_key *new_current, struct tcp_key *new_rnext)
{
    if (new_current)
        auth->current = new_current;
    if (new_rnext)
        auth->rnext = new_rnext;
    if (auth->current == key || auth->rnext == key)
        return -EBUSY;
    ft_auth_remove(tcp, auth, key);
    return 0;
}

static int del_key(struct ft_tcp *tcp, const struct tcp_auth_of *of, const void *value,
                   socklen_t len)
{
    struct tcp_auth *auth = of->auth;
    struct tcp_key *current, *rnext;
    struct ft_tcp_ao_del cmd;
    struct ft_addr addr;
    int err = take_struct(&cmd, sizeof cmd, value, len);
    if (err)
        return err;
    const uint32_t sets = FT_TCP_AO_SET_CURRENT | FT_TCP_AO_SET_RNEXT;
    if (cmd.reserved2 != 0 || (cmd.flags & ~(sets | FT_TCP_AO_DEL_ASYNC)) ||
        (cmd.keyflags & ~KEYFLAGS) || ((cmd.flags & sets) && !of->tcb))
        return -EINVAL;
    if ((cmd.flags & FT_TCP_AO_DEL_ASYNC) && of->tcb)
        return -EINVAL;
    if (!auth || !auth->ao)
        return -ENOENT;
    err = choose(auth, cmd.flags, cmd.current_key, cmd.rnext, &current, &rnext);
    if (!err)
        err = ft_auth_read_addr(of, &cmd.addr, &addr);
    if (!err && port_of(&cmd.addr, of->ipv6) != 0)
        err = -EINVAL;
    if (err)
        return err;
    for (struct tcp_key *key = auth->keys; key; key = key->next)
        if (key->kind == TCP_SIG_AO && key->snd_id == cmd.sndid && key->rcv_id == cmd.rcvid &&
            key->prefix == cmd.prefix && addr_eq(&key->addr, &addr) && key != current &&
            key != rnext)
            return take_key(tcp, auth, key, current, rnext);
    return -ENOENT;
}

static bool has_md5(const struct tcp_auth *auth)
{
    for (const struct tcp_key *key = auth ? auth->keys : NULL; key; key = key->next)
        if (key->kind == TCP_SIG_MD5)
            return true;
    return false;
}

static int set_info(struct ft_tcp *tcp, const struct tcp_auth_of *of, const void *value,
                    socklen_t len)
{
    const uint32_t sets = FT_TCP_AO_SET_CURRENT | FT_TCP_AO_SET_RNEXT;
    const uint32_t known =
        sets | FT_TCP_AO_REQUIRED | FT_TCP_AO_SET_COUNTERS | FT_TCP_AO_ACCEPT_ICMPS;
    struct tcp_key *current = NULL, *rnext = NULL;
    struct ft_tcp_ao_info cmd;
    int err = take_struct(&cmd, sizeof cmd, value, len);
    if (err)
        return err;
    if ((cmd.flags & ~known) || cmd.reserved2 != 0 || ((cmd.flags & sets) && !of->tcb))
        return -EINVAL;
    if ((cmd.flags & FT_TCP_AO_REQUIRED) && has_md5(of->auth))
        return -EKEYREJECTED;
    if (of->auth)
        err = choose(of->auth, cmd.flags, cmd.current_key, cmd.rnext, &current, &rnext);
    else if (cmd.flags & sets)
        err = -ENOENT;
    if (err)
        return err;
    struct tcp_auth *auth = ft_auth_make(tcp, of);
    if (!auth)
        return -ENOMEM;
    auth->ao = true;
    auth->required = cmd.flags & FT_TCP_AO_REQUIRED;
    auth->accept_icmps = cmd.flags & FT_TCP_AO_ACCEPT_ICMPS;
    if (cmd.flags & FT_TCP_AO_SET_COUNTERS) {
        auth->n_good = cmd.pkt_good;
        auth->n_bad = cmd.pkt_bad;
        auth->n_not_found = cmd.pkt_key_not_found;
        auth->n_unsigned = cmd.pkt_ao_required;
        auth->n_icmps = cmd.pkt_dropped_icmp;
    }
    auth->current = current ? current : auth->current;
    auth->rnext = rnext ? rnext : auth->rnext;
    return 0;
}

int ft_ao_set(struct ft_tcp *tcp, const struct tcp_auth_of *of, int name, const void *value,
              socklen_t len)
{
    /* RFC 5925 7.2: a connection is signed from its SYN on or not at all. */
    if (name != FT_TCP_AO_REPAIR && is_open(of) && (!of->auth || !of->auth->ao))
        return -EISCONN;
    switch (name) {
    case FT_TCP_AO_ADD_KEY:
        return add_key(tcp, of, value, len);
    case FT_TCP_AO_DEL_KEY:
        return del_key(tcp, of, value, len);
    case FT_TCP_AO_INFO:
        return set_info(tcp, of, value, len);
    case FT_TCP_AO_REPAIR:
        return -EPERM;
    default:
        return -ENOPROTOOPT;
    }
}

/* ---- what there is --------------------------------------------------------------------------- */

static int get_info(const struct tcp_auth *auth, void *ret, socklen_t *len)
{
    struct ft_tcp_ao_info info;
    int err = read_struct(&info, sizeof info, ret, *len);
    const uint32_t known = FT_TCP_AO_SET_CURRENT | FT_TCP_AO_SET_RNEXT | FT_TCP_AO_REQUIRED |
                           FT_TCP_AO_SET_COUNTERS | FT_TCP_AO_ACCEPT_ICMPS;
    if (!err && ((info.flags & ~known) || info.reserved2 != 0))
        err = -EINVAL;
    if (err)
        return err;
    if (!auth || !auth->ao)
        return -ENOENT;
    info = (struct ft_tcp_ao_info){
        .flags = (auth->current ? FT_TCP_AO_SET_CURRENT : 0) |
                 (auth->rnext ? FT_TCP_AO_SET_RNEXT : 0) |
                 (auth->required ? FT_TCP_AO_REQUIRED : 0) |
                 (auth->accept_icmps ? FT_TCP_AO_ACCEPT_ICMPS : 0),
        .current_key = auth->current ? auth->current->snd_id : 0,
        .rnext = auth->rnext ? auth->rnext->rcv_id : 0,
        .pkt_good = auth->n_good,
        .pkt_bad = auth->n_bad,
        .pkt_key_not_found = auth->n_not_found,
        .pkt_ao_required = auth->n_unsigned,
        .pkt_dropped_icmp = auth->n_icmps,
    };
    memcpy(ret, &info, FT_MIN((size_t)*len, sizeof info));
    return 0;
}

/* What is asked for: all, those in use, or those of an address and of both IDs. */
static int read_query(const struct ft_tcp_ao_key *q, struct ft_addr *ret_addr)
{
    const uint32_t kinds = FT_TCP_AO_KEY_CURRENT | FT_TCP_AO_KEY_RNEXT;
    if (q->pkt_good || q->pkt_bad || (q->keyflags & ~FT_TCP_AO_KEYF_IFINDEX) ||
        (q->ifindex && !(q->keyflags & FT_TCP_AO_KEYF_IFINDEX)) ||
        (q->flags & ~(kinds | FT_TCP_AO_KEY_ALL)))
        return -EINVAL;
    if ((q->flags & FT_TCP_AO_KEY_ALL) && (q->flags & kinds))
        return -EINVAL;
    if (q->flags) {
        if (q->addr.ss_family != AF_UNSPEC || q->prefix || q->sndid || q->rcvid)
            return -EINVAL;
        return 0;
    }
    if (q->addr.ss_family != AF_INET && q->addr.ss_family != AF_INET6)
        return -EAFNOSUPPORT;
    struct tcp_auth_of of = {.ipv6 = q->addr.ss_family == AF_INET6};
    int err = ft_auth_read_addr(&of, &q->addr, ret_addr);
    return err ? err : check_prefix(ret_addr, q->prefix);
}

static bool asked_for(const struct tcp_auth *auth, const struct tcp_key *key,
                      const struct ft_tcp_ao_key *q, const struct ft_addr *addr)
{
    struct tcp_key as = {.addr = *addr, .prefix = q->prefix};
    if (key->kind != TCP_SIG_AO)
        return false;
    if (q->flags)
        return (q->flags & FT_TCP_AO_KEY_ALL) ||
               ((q->flags & FT_TCP_AO_KEY_CURRENT) && key == auth->current) ||
               ((q->flags & FT_TCP_AO_KEY_RNEXT) && key == auth->rnext);
    return key->snd_id == q->sndid && key->rcv_id == q->rcvid && overlap(key, &as);
}

static void put_key(const struct tcp_auth *auth, const struct tcp_key *key,
                    struct ft_tcp_ao_key *ret)
{
    struct ft_endpoint peer = {.addr = key->addr};
    socklen_t len = sizeof ret->addr;
    *ret = (struct ft_tcp_ao_key){
        .flags = (uint16_t)((key == auth->current ? FT_TCP_AO_KEY_CURRENT : 0) |
                            (key == auth->rnext ? FT_TCP_AO_KEY_RNEXT : 0)),
        .sndid = key->snd_id,
        .rcvid = key->rcv_id,
        .prefix = key->prefix,
        .maclen = key->mac_len,
        .keyflags = key->flags,
        .keylen = key->len,
        .pkt_good = key->n_good,
        .pkt_bad = key->n_bad,
    };
    ft_endpoint_write(&peer, !addr_is_v4(&key->addr), (struct sockaddr *)&ret->addr, &len);
    memcpy(ret->key, key->key, key->len);
    memcpy(ret->alg_name, key->alg_name, sizeof ret->alg_name);
    /* As Linux tells of it, for the sake of programs that are older than the other name. */
    if (memcmp(key->alg_name, CMAC, sizeof CMAC) == 0)
        memcpy(ret->alg_name, "cmac(aes)", sizeof "cmac(aes)");
}

/* The array may be of shorter or longer structs than ours; *len is the size of one. The whole of
   its nkeys structs must be there. */
static int get_keys(struct ft_tcp *tcp, const struct tcp_auth *auth, void *ret, socklen_t *len)
{
    struct ft_tcp_ao_key query, one;
    struct ft_addr addr = addr_any();
    uint8_t *at = ret;
    uint32_t n = 0;
    if (!auth || !auth->ao)
        return -ENOENT;
    int err = read_struct(&query, sizeof query, ret, *len);
    if (!err)
        err = read_query(&query, &addr);
    if (err)
        return err;
    size_t size = FT_MIN((size_t)*len, sizeof one);
    for (const struct tcp_key *key = auth->keys; key; key = key->next) {
        tcp->env->counters.steps_list_nodes++;
        if (!asked_for(auth, key, &query, &addr) || n++ >= query.nkeys)
            continue;
        put_key(auth, key, &one);
        memcpy(at, &one, size);
        at += *len;
    }
    ft_wipe(&one, sizeof one);
    if (size >= offsetof(struct ft_tcp_ao_key, nkeys) + sizeof n)
        memcpy((uint8_t *)ret + offsetof(struct ft_tcp_ao_key, nkeys), &n, sizeof n);
    *len = sizeof one;
    return 0;
}

int ft_ao_read(struct ft_tcp *tcp, const struct tcp_auth_of *of, int name, void *ret,
               socklen_t *len)
{
    if (!ret || !len)
        return -EFAULT;
    if (*len == 0 || *len > INT32_MAX)
        return -EINVAL;
    switch (name) {
    case FT_TCP_AO_INFO:
        return get_info(of->auth, ret, len);
    case FT_TCP_AO_GET_KEYS:
        return get_keys(tcp, of->auth, ret, len);
    case FT_TCP_AO_REPAIR:
        return -EPERM;
    default:
        return -ENOPROTOOPT;
    }
}
