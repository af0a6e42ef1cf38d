/* SPDX-License-Identifier: MIT */
/*
 * The options that set and read keys, with Linux's structs, values and answers: TCP MD5 here,
 * TCP-AO in ao_opt.c. Without primitives in the configuration all of them are unknown.
 */
#include "base/wipe.h"

#include "priv.h"

#include "wire/be.h"

static_assert(sizeof(struct ft_tcp_md5sig) == 216, "Linux's struct tcp_md5sig");

int ft_auth_read_addr(const struct tcp_auth_of *of, const struct sockaddr_storage *addr,
                      struct ft_addr *ret)
{
    struct sockaddr_in sin;
    struct sockaddr_in6 sin6;
    uint8_t octets[16];
    if (addr->ss_family != (of->ipv6 ? AF_INET6 : AF_INET))
        return -EINVAL;
    if (of->ipv6) {
        memcpy(&sin6, addr, sizeof sin6);
        memcpy(octets, &sin6.sin6_addr, sizeof octets);
        *ret = addr_load16(octets);
    } else {
        memcpy(&sin, addr, sizeof sin);
        memcpy(octets, &sin.sin_addr, 4);
        *ret = addr_load4(octets);
    }
    return 0;
}

struct tcp_auth *ft_auth_make(struct ft_tcp *tcp, const struct tcp_auth_of *of)
{
    return of->listener ? ft_auth_get(tcp, &of->listener->auth) : ft_auth_own(tcp, of->tcb);
}

static struct tcp_key *find_md5(struct tcp_auth *auth, const struct tcp_key *as)
{
    for (struct tcp_key *key = auth ? auth->keys : NULL; key; key = key->next)
        if (key->kind == TCP_SIG_MD5 && key->prefix == as->prefix &&
            addr_is_v4(&key->addr) == addr_is_v4(&as->addr) && ft_auth_matches(key, &as->addr))
            return key;
    return NULL;
}

/* That it can be computed is asked once, here. */
static int try_md5(struct ft_tcp *tcp)
{
    const struct ft_auth *auth = &tcp->env->config.auth;
    uint8_t digest[FT_AUTH_MD5_LEN], octet = 0;
    struct ft_span part = {&octet, 1};
    return auth->md5(auth->ctx, &part, 1, digest) ? -EPERM : 0;
}

static int put_md5(struct ft_tcp *tcp, const struct tcp_auth_of *of, const struct tcp_key *as,
                   const struct ft_tcp_md5sig *cmd)
{
    struct tcp_auth *auth = of->auth;
    struct tcp_key *key = find_md5(auth, as);
    if (cmd->key_len == 0) {
        if (!key)
            return -ENOENT;
        ft_auth_remove(tcp, auth, key);
        return 0;
    }
    if (cmd->key_len > FT_TCP_MD5SIG_KEY_MAX)
        return -EINVAL;
    if (auth && (auth->required || ft_auth_ao_key(tcp, auth, &as->addr, -1, -1)))
        return -EKEYREJECTED;
    int err = try_md5(tcp);
    if (err)
        return err;
    auth = ft_auth_make(tcp, of);
    if (auth && !key)
        key = ft_auth_add(tcp, auth, as);
    if (!key)
        return -ENOMEM;
    memset(key->key, 0, sizeof key->key);
    memcpy(key->key, cmd->key, cmd->key_len);
    key->len = (uint8_t)cmd->key_len;
    return 0;
}

/* RFC 2385 4.0, with Linux's prefixes. */
static int take_md5(struct ft_tcp *tcp, const struct tcp_auth_of *of, bool ext,
                    const struct ft_tcp_md5sig *cmd)
{
    struct tcp_key as = {.kind = TCP_SIG_MD5, .mac_len = TCP_MD5_LEN};
    int err = ft_auth_read_addr(of, &cmd->addr, &as.addr);
    if (err)
        return err;
    uint8_t most = addr_is_v4(&as.addr) ? 32 : 128;
    as.prefix = ext && (cmd->flags & FT_TCP_MD5SIG_FLAG_PREFIX) ? cmd->prefix_len : most;
    if (as.prefix > most)
        return -EINVAL;
    /* It would have to be that of a VRF. */
    if (ext && (cmd->flags & FT_TCP_MD5SIG_FLAG_IFINDEX) && cmd->ifindex != 0)
        return -EINVAL;
    err = put_md5(tcp, of, &as, cmd);
    if (!err)
        ft_auth_changed(tcp, of->tcb);
    return err;
}

static int set_md5(struct ft_tcp *tcp, const struct tcp_auth_of *of, int name, const void *value,
                   socklen_t len)
{
    struct ft_tcp_md5sig cmd;
    if (len < sizeof cmd)
        return -EINVAL;
    if (!value)
        return -EFAULT;
    memcpy(&cmd, value, sizeof cmd);
    int err = take_md5(tcp, of, name == FT_TCP_MD5SIG_EXT, &cmd);
    ft_wipe(&cmd, sizeof cmd);
    return err;
}

static bool is_md5(int name)
{
    return name == FT_TCP_MD5SIG || name == FT_TCP_MD5SIG_EXT;
}

int ft_auth_set(struct ft_tcp *tcp, const struct tcp_auth_of *of, int name, const void *value,
                socklen_t len)
{
    const struct ft_auth *auth = &tcp->env->config.auth;
    if (is_md5(name))
        return auth->md5 ? set_md5(tcp, of, name, value, len) : -ENOPROTOOPT;
    return auth->mac_find ? ft_ao_set(tcp, of, name, value, len) : -ENOPROTOOPT;
}

int ft_auth_read(struct ft_tcp *tcp, const struct tcp_auth_of *of, int name, void *ret,
                 socklen_t *len)
{
    /* Nobody reads MD5 keys back, as on Linux. */
    if (is_md5(name) || !tcp->env->config.auth.mac_find)
        return -ENOPROTOOPT;
    return ft_ao_read(tcp, of, name, ret, len);
}
