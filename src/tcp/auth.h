/* SPDX-License-Identifier: MIT */
/*
 * Signed segments: TCP MD5 (RFC 2385) and TCP-AO (RFC 5925). The keys of a socket, how one is found
 * for a peer, what a segment is signed and verified with. The options that set keys are in
 * auth_opt.c and ao_opt.c, the messages that are signed in auth_mac.c. Most sockets have no keys,
 * and hold a pointer of NULL.
 */
#ifndef FT_TCP_AUTH_H
#define FT_TCP_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <fourtuple/auth.h>
#include <fourtuple/diag.h>
#include <fourtuple/types.h>

#include "base/seq.h"
#include "tcp/tcp.h"
#include "wire/tcp.h"

struct ft_conn;
struct ft_frame;
struct ft_listener;
struct ft_rx;
struct ft_tcb;
struct ft_tcp;
struct tcp_embryo;
struct tcp_in;

#define TCP_KEYS_MAX 1024 /* of one socket; Linux's limit is net.core.optmem_max */

/* One key: that of a peer, or of all on a prefix. With TCP-AO a master key tuple (RFC 5925 3.1). */
struct tcp_key {
    struct tcp_key *next;
    struct ft_addr addr; /* of the peers, masked */
    size_t mac_full;     /* TCP-AO: octets of the algorithm's MAC in full */
    uint64_t n_good, n_bad;
    int alg;         /* TCP-AO: of ft_auth.mac_find() */
    uint8_t kind;    /* enum tcp_sig */
    uint8_t prefix;  /* bits of addr that count, as the user counts them; 0: all peers */
    uint8_t len;     /* octets of key */
    uint8_t snd_id;  /* TCP-AO: SendID */
    uint8_t rcv_id;  /* TCP-AO: RecvID */
    uint8_t mac_len; /* octets of a signature */
    uint8_t flags;   /* TCP-AO: FT_TCP_AO_KEYF_* */
    bool derived;    /* the traffic keys are those of the connection */
    uint8_t key[FT_TCP_AO_KEY_MAX];
    uint8_t snd[FT_AUTH_MAC_LEN_MAX]; /* Send_other_traffic_key */
    uint8_t rcv[FT_AUTH_MAC_LEN_MAX]; /* Receive_other_traffic_key */
    char alg_name[FT_TCP_AO_ALG_MAX];
};

/* What a socket, or what was one, has of keys. */
struct tcp_auth {
    struct tcp_key *keys;    /* the newest first */
    struct tcp_key *current; /* TCP-AO: signs (RFC 5925 3.3); NULL on a passive socket */
    struct tcp_key *rnext;   /* TCP-AO: is asked of the peer */
    uint32_t n_keys;
    bool ao;           /* an option of TCP-AO was set */
    bool required;     /* TCP-AO: nothing unsigned */
    bool accept_icmps; /* TCP-AO: ICMP errors count */
    uint64_t n_good, n_bad, n_not_found, n_unsigned, n_icmps;
    uint64_t snd_pos; /* TCP-AO: a sequence number of ours lately, its SNE in the upper half ... */
    uint64_t rcv_pos; /* ... and of the peer's (RFC 5925 6.2) */
};

/* Where in its life the conversation is that a segment belongs to. */
struct tcp_ends {
    const struct ft_conn *conn;
    ft_seq snd_isn, rcv_isn;
    bool has_snd_isn, has_rcv_isn;
    uint64_t snd_pos, rcv_pos; /* as in struct tcp_auth */
};

/* By what a segment is signed. */
struct tcp_signer {
    const struct tcp_key *key; /* NULL: by nothing */
    uint32_t sne;
    uint8_t traffic_key[FT_AUTH_MAC_LEN_MAX];
};

/* What is known of a segment that has been verified: how an answer is signed. */
struct tcp_verified {
    struct tcp_auth *auth;
    struct tcp_ends ends;
};

/* ---- auth.c: keys ---------------------------------------------------------------------------- */

/** The keys of a socket, made if there are none. @slot: where it keeps them. Return: or NULL. */
struct tcp_auth *ft_auth_get(struct ft_tcp *tcp, struct tcp_auth **slot);

/** The same, of a connection. */
struct tcp_auth *ft_auth_own(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** Forget all keys, wiping them. @slot: becomes NULL */
void ft_auth_free(struct ft_tcp *tcp, struct tcp_auth **slot);

/** Put a copy of a key before the others. Return: it; NULL: no memory, or too many. */
struct tcp_key *ft_auth_add(struct ft_tcp *tcp, struct tcp_auth *auth, const struct tcp_key *key);

/** Take a key out, wiping it. */
void ft_auth_remove(struct ft_tcp *tcp, struct tcp_auth *auth, struct tcp_key *key);

/** Whether a key is for a peer. */
bool ft_auth_matches(const struct tcp_key *key, const struct ft_addr *peer);

/** The MD5 key of a peer, of the longest prefix. @auth: or NULL. Return: NULL: none. */
struct tcp_key *ft_auth_md5_key(struct ft_tcp *tcp, const struct tcp_auth *auth,
                                const struct ft_addr *peer);

/** A TCP-AO key of a peer. @snd_id, @rcv_id: -1: whichever. Return: NULL: none. */
struct tcp_key *ft_auth_ao_key(struct ft_tcp *tcp, const struct tcp_auth *auth,
                               const struct ft_addr *peer, int snd_id, int rcv_id);

/** Whether segments of a peer must be signed. @auth: or NULL */
bool ft_auth_required(struct ft_tcp *tcp, const struct tcp_auth *auth, const struct ft_addr *peer);

/** Whether a segment is to be looked at by ft_auth_check(): seldom. */
static inline bool ft_auth_asks(const struct ft_tcp *tcp, const struct tcp_auth *auth,
                                const struct ft_tcp_seg *seg)
{
    return auth || (seg->n_sig > 0 && tcp->signs);
}

/** Octets that a signature takes of each segment of a connection. */
uint32_t ft_auth_room(const struct ft_tcb *tcb);

/**
 * The keys of a passive socket that are its new connection's, too.
 *
 * @from: what the handshake has agreed on
 *
 * Return: false: no memory, or it was signed by TCP-AO and there is no key any more.
 */
bool ft_auth_inherit(struct ft_tcp *tcp, const struct tcp_auth *auth, struct ft_tcb *tcb,
                     const struct tcp_embryo *from);

/** A connection is about to be opened. @auth: or NULL. Return: 0; -EKEYREJECTED: no key of TCP-AO
   is for the peer, or both kinds are. */
int ft_auth_connect(struct ft_tcp *tcp, struct tcp_auth *auth, const struct ft_addr *peer);

/** The peer's initial number is known: the traffic keys can be derived. */
void ft_auth_synchronized(struct ft_tcp *tcp, struct ft_tcb *tcb);

/** The traffic keys of one key, if both initial numbers are known. */
void ft_auth_derive(struct ft_tcp *tcp, const struct ft_tcb *tcb, struct tcp_key *key);

/** An ICMP error about a connection. Return: whether it is to be ignored (RFC 5925 7.8). */
bool ft_auth_ignores_icmp(struct ft_tcp *tcp, struct ft_tcb *tcb);

/* ---- auth_check.c: segments ------------------------------------------------------------------ */

/** Where a connection is. */
struct tcp_ends ft_auth_ends(struct ft_tcb *tcb);

/** Where something half open is. */
struct tcp_ends ft_auth_embryo_ends(const struct tcp_embryo *embryo);

/**
 * Whether a segment may be acted upon: its signature is right, or it needs none.
 *
 * @auth:    of whom it is for; NULL: no keys
 * @conn:    its four-tuple
 * @ends:    what is known of the conversation
 * @verdict: why not
 *
 * Return: false: drop it in silence. Else in->verified is set for who may answer.
 */
bool ft_auth_check(struct ft_tcp *tcp, struct tcp_auth *auth, const struct tcp_ends *ends,
                   struct tcp_in *in, struct tcp_verified *verified, enum ft_verdict *verdict);

/** An embryo is signed by TCP-AO as its SYN was: then so must be what follows. */
bool ft_auth_same_kind(const struct tcp_embryo *embryo, const struct tcp_in *in);

/**
 * Choose by what a segment is signed, and enter the option into it.
 *
 * @auth:  or NULL: it is not signed
 * @seg:   flags, seq and ack are as they will be; its signature is written
 *
 * Return: false: it must be signed and cannot be: it must not leave.
 */
bool ft_auth_prepare(struct ft_tcp *tcp, struct tcp_auth *auth, const struct tcp_ends *ends,
                     struct ft_tcp_seg *seg, struct tcp_signer *ret_signer);

/** As ft_auth_prepare(), for a segment of a connection that has keys. MD5's signature leaves a SYN
    no room for timestamps and, later, SACK blocks: they are not asked for, as by Linux. */
bool ft_auth_fill(struct ft_tcp *tcp, struct ft_tcb *tcb, struct ft_tcp_seg *seg,
                  struct tcp_signer *ret_signer);

/** As ft_auth_prepare(), for the SYN-ACK of an embryo. @auth: of its passive socket */
bool ft_auth_prepare_synack(struct ft_tcp *tcp, const struct tcp_auth *auth,
                            const struct tcp_embryo *embryo, struct ft_tcp_seg *seg,
                            struct tcp_signer *ret_signer);

/* ---- auth_mac.c ------------------------------------------------------------------------------ */

/* A segment as it is signed. */
struct tcp_message {
    const struct ft_addr *src, *dst;
    const uint8_t *hdr; /* the TCP header as on the wire */
    size_t hdr_len;
    size_t sig_at;               /* where in it the signature lies */
    const struct ft_span *parts; /* the payload */
    size_t n_parts;
};

/** Write the signature into a header that tcp_emit() wrote. @hdr: message->hdr */
void ft_auth_sign(struct ft_tcp *tcp, const struct tcp_signer *signer,
                  const struct tcp_message *message, uint8_t *hdr);

/** Sign what is in a frame. @l4: where the TCP header begins; the payload is behind it, or lent */
void ft_auth_sign_frame(struct ft_tcp *tcp, const struct ft_conn *conn,
                        const struct tcp_signer *signer, struct ft_frame *frame, uint32_t l4);

/** Compute a signature. Return: whether it could be. */
bool ft_auth_mac(struct ft_tcp *tcp, const struct tcp_signer *signer,
                 const struct tcp_message *message, uint8_t ret_mac[FT_AUTH_MAC_LEN_MAX]);

/* What a traffic key is derived from besides the master key (RFC 5926 3.1: Context). */
struct tcp_kdf {
    const struct ft_addr *src, *dst;
    uint16_t src_port, dst_port;
    uint32_t src_isn, dst_isn;
};

/** Of what the host sends. @rcv_isn: 0 of a SYN */
struct tcp_kdf ft_auth_kdf_out(const struct ft_conn *conn, ft_seq snd_isn, ft_seq rcv_isn);

/** Of what the peer sends. @snd_isn: 0 of a SYN */
struct tcp_kdf ft_auth_kdf_in(const struct ft_conn *conn, ft_seq snd_isn, ft_seq rcv_isn);

/** Derive a traffic key (RFC 5926 3.1.1). Return: whether it could be. */
bool ft_auth_kdf(struct ft_tcp *tcp, const struct tcp_key *key, const struct tcp_kdf *kdf,
                 uint8_t ret_key[FT_AUTH_MAC_LEN_MAX]);

/* ---- auth_opt.c, ao_opt.c -------------------------------------------------------------------- */

/* The socket that an option is of. */
struct tcp_auth_of {
    struct tcp_auth *auth;        /* its keys; NULL: none */
    struct ft_listener *listener; /* NULL: it is not passive */
    struct ft_tcb *tcb;           /* NULL: it is */
    bool ipv6;
};

/** Its keys, made if there are none. Return: or NULL. */
struct tcp_auth *ft_auth_make(struct ft_tcp *tcp, const struct tcp_auth_of *of);

/** Whether an option is one of these. */
static inline bool ft_auth_is_opt(int name)
{
    return name == FT_TCP_MD5SIG || name == FT_TCP_MD5SIG_EXT ||
           (name >= FT_TCP_AO_ADD_KEY && name <= FT_TCP_AO_REPAIR);
}

/** setsockopt() of one of these. */
int ft_auth_set(struct ft_tcp *tcp, const struct tcp_auth_of *of, int name, const void *value,
                socklen_t len);

/** getsockopt() of one of these. */
int ft_auth_read(struct ft_tcp *tcp, const struct tcp_auth_of *of, int name, void *ret,
                 socklen_t *len);

/** setsockopt() of TCP-AO. */
int ft_ao_set(struct ft_tcp *tcp, const struct tcp_auth_of *of, int name, const void *value,
              socklen_t len);

/** getsockopt() of TCP-AO. */
int ft_ao_read(struct ft_tcp *tcp, const struct tcp_auth_of *of, int name, void *ret,
               socklen_t *len);

/** The address of a key. @prefix: bits of it. Return: 0; -EINVAL. */
int ft_auth_read_addr(const struct tcp_auth_of *of, const struct sockaddr_storage *addr,
                      struct ft_addr *ret);

/** A key was added or taken: the connection's segments are shorter or longer. */
void ft_auth_changed(struct ft_tcp *tcp, struct ft_tcb *tcb);

#endif
