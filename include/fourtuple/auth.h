/* SPDX-License-Identifier: MIT */
/*
 * Signed TCP: TCP MD5 (RFC 2385) and TCP-AO (RFC 5925, RFC 5926). The options, their numbers and
 * their structs are Linux's (level IPPROTO_TCP of ft_setsockopt() and ft_getsockopt()); they are
 * here under names of our own, since the system's headers may be older than TCP-AO (Linux 6.7).
 * What a program was compiled with against Linux's headers works as it is. doc/auth.md has
 * examples.
 *
 * The cryptography is not in the stack: ft_config.auth brings it (struct ft_auth below). Without it
 * the options answer -ENOPROTOOPT, as those of a kernel that was built without them.
 */
#ifndef FOURTUPLE_AUTH_H
#define FOURTUPLE_AUTH_H

#include <sys/socket.h>

#include <fourtuple/types.h>

FT_BEGIN_DECLS

/* ---- the primitives -------------------------------------------------------------------------- */

#define FT_AUTH_MD5_LEN     16 /* octets of an MD5 digest */
#define FT_AUTH_MAC_LEN_MAX 64 /* octets of the longest MAC that a primitive may give */

/* What the stack cannot compute by itself. Each is a pure function of its arguments (ctx is for
   what does not show, such as a handle of a library): a recording holds none of their results and
   is run again with others of the same kind. The message is the parts one after the other. */
struct ft_auth {
    /* The MD5 digest (RFC 1321). Return: 0; a negative errno: no segment is signed or taken.
       NULL: there is no TCP MD5. */
    int (*md5)(void *ctx, const struct ft_span *parts, size_t n,
               uint8_t ret_digest[FT_AUTH_MD5_LEN]);
    /* A MAC by its name, as Linux's crypto API has it: "hmac(sha1)", "cmac(aes128)",
       "hmac(sha256)". @ret_len: its octets in full. Return: a number of it, at least 0; -ENOENT.
       NULL: there is no TCP-AO. */
    int (*mac_find)(void *ctx, const char *name, size_t *ret_len);
    /* A MAC in full. @alg: of mac_find(). Return: 0; -EINVAL: not with a key of that length. */
    int (*mac)(void *ctx, int alg, const struct ft_span *key, const struct ft_span *parts, size_t n,
               uint8_t ret_mac[FT_AUTH_MAC_LEN_MAX]);
    void *ctx;
};

/* ---- TCP MD5 --------------------------------------------------------------------------------- */

#define FT_TCP_MD5SIG              14 /* setsockopt: a key for one address */
#define FT_TCP_MD5SIG_EXT          32 /* setsockopt: with the flags below */
#define FT_TCP_MD5SIG_KEY_MAX      80
#define FT_TCP_MD5SIG_FLAG_PREFIX  0x1 /* prefix_len counts */
#define FT_TCP_MD5SIG_FLAG_IFINDEX 0x2 /* ifindex counts: 0, or the VRF, of which there is none */

/* Linux's struct tcp_md5sig. */
struct ft_tcp_md5sig {
    struct sockaddr_storage addr; /* of the peer; its port does not count */
    uint8_t flags;                /* FT_TCP_MD5SIG_FLAG_* */
    uint8_t prefix_len;           /* bits of addr that count */
    uint16_t key_len;             /* 0: the key is to be forgotten */
    int32_t ifindex;
    uint8_t key[FT_TCP_MD5SIG_KEY_MAX];
};

/* ---- TCP-AO ---------------------------------------------------------------------------------- */

#define FT_TCP_AO_ADD_KEY          38 /* setsockopt: struct ft_tcp_ao_add */
#define FT_TCP_AO_DEL_KEY          39 /* setsockopt: struct ft_tcp_ao_del */
#define FT_TCP_AO_INFO             40 /* both: struct ft_tcp_ao_info */
#define FT_TCP_AO_GET_KEYS         41 /* getsockopt: an array of struct ft_tcp_ao_key */
#define FT_TCP_AO_REPAIR           42 /* only of a socket in repair, which there is not: -EPERM */

#define FT_TCP_AO_KEY_MAX          80
#define FT_TCP_AO_ALG_MAX          64

/* keyflags */
#define FT_TCP_AO_KEYF_IFINDEX     0x1 /* ifindex counts */
#define FT_TCP_AO_KEYF_EXCLUDE_OPT 0x2 /* other TCP options are not covered by the MAC */

/* flags, Linux's bit-fields. */
#define FT_TCP_AO_SET_CURRENT      0x1u /* this key, or current_key, signs from now on */
#define FT_TCP_AO_SET_RNEXT        0x2u /* this key, or rnext, is asked of the peer from now on */
#define FT_TCP_AO_DEL_ASYNC        0x4u /* ft_tcp_ao_del: do not wait; there is nothing to wait for */
#define FT_TCP_AO_REQUIRED         0x4u  /* ft_tcp_ao_info: nothing unsigned, from whomever */
#define FT_TCP_AO_SET_COUNTERS     0x8u  /* ft_tcp_ao_info: the counters become these */
#define FT_TCP_AO_ACCEPT_ICMPS     0x10u /* ft_tcp_ao_info: ICMP errors are not ignored */

/* Linux's struct tcp_ao_add. */
struct ft_tcp_ao_add {
    struct sockaddr_storage addr; /* of the peers; port 0 */
    char alg_name[FT_TCP_AO_ALG_MAX];
    int32_t ifindex;
    uint32_t flags; /* SET_CURRENT, SET_RNEXT */
    uint16_t reserved2;
    uint8_t prefix;
    uint8_t sndid;  /* KeyID of what is sent */
    uint8_t rcvid;  /* KeyID of what arrives */
    uint8_t maclen; /* octets; 0: 12 */
    uint8_t keyflags;
    uint8_t keylen;
    uint8_t key[FT_TCP_AO_KEY_MAX];
} __attribute__((aligned(8)));

/* Linux's struct tcp_ao_del. */
struct ft_tcp_ao_del {
    struct sockaddr_storage addr;
    int32_t ifindex;
    uint32_t flags; /* SET_CURRENT, SET_RNEXT, DEL_ASYNC */
    uint16_t reserved2;
    uint8_t prefix;
    uint8_t sndid;
    uint8_t rcvid;
    uint8_t current_key; /* SendID, with SET_CURRENT */
    uint8_t rnext;       /* RecvID, with SET_RNEXT */
    uint8_t keyflags;
} __attribute__((aligned(8)));

/* Linux's struct tcp_ao_info_opt. */
struct ft_tcp_ao_info {
    uint32_t flags; /* SET_CURRENT, SET_RNEXT: also whether there is one; REQUIRED and the rest */
    uint16_t reserved2;
    uint8_t current_key;
    uint8_t rnext;
    uint64_t pkt_good;          /* segments whose MAC was right */
    uint64_t pkt_bad;           /* ... was wrong */
    uint64_t pkt_key_not_found; /* no key of that KeyID */
    uint64_t pkt_ao_required;   /* unsigned, where a key asks for a signature */
    uint64_t pkt_dropped_icmp;
} __attribute__((aligned(8)));

/* Linux's struct tcp_ao_getsockopt: the first of the array says which keys are asked for. */
struct ft_tcp_ao_key {
    struct sockaddr_storage addr;
    char alg_name[FT_TCP_AO_ALG_MAX];
    uint8_t key[FT_TCP_AO_KEY_MAX];
    uint32_t nkeys; /* in: entries of the array; out, in the first: keys that matched */
    uint16_t flags; /* FT_TCP_AO_KEY_* */
    uint8_t sndid;
    uint8_t rcvid;
    uint8_t prefix;
    uint8_t maclen;
    uint8_t keyflags;
    uint8_t keylen;
    int32_t ifindex;
    uint64_t pkt_good;
    uint64_t pkt_bad;
} __attribute__((aligned(8)));

#define FT_TCP_AO_KEY_CURRENT 0x1u
#define FT_TCP_AO_KEY_RNEXT   0x2u
#define FT_TCP_AO_KEY_ALL     0x4u /* in: all of them */

FT_END_DECLS

#endif
