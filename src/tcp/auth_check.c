/* SPDX-License-Identifier: MIT */
/*
 * Segments and signatures: whether one that has arrived may be acted upon, and by what one that
 * leaves is signed (RFC 2385 2.0 and 4.1, RFC 5925 4, 5.2, 6.2, 7.4, 7.5). Which key and which
 * traffic key it is depends on where in its life the conversation is: struct tcp_ends.
 */
#include "base/wipe.h"

#include "priv.h"

/* RFC 5925 6.2: a sequence number with its extension, from one lately seen. */
static uint64_t extend(uint64_t pos, ft_seq seq)
{
    return pos + (uint64_t)(int64_t)seq_diff(seq, seq_make((uint32_t)pos));
}

struct tcp_ends ft_auth_ends(struct ft_tcb *tcb)
{
    bool open = tcb_state(tcb) != FT_TCP_SYN_SENT;
    struct tcp_auth *auth = tcb_auth(tcb);
    if (open && auth) {
        auth->snd_pos = extend(auth->snd_pos, tcb->snd_una);
        auth->rcv_pos = extend(auth->rcv_pos, tcb->rcv_nxt);
    }
    return (struct tcp_ends){
        .conn = &tcb->conn,
        .snd_isn = tcb->iss,
        .rcv_isn = tcb->irs,
        .has_snd_isn = true,
        .has_rcv_isn = open,
        .snd_pos = open && auth ? auth->snd_pos : tcb->iss.v,
        .rcv_pos = open && auth ? auth->rcv_pos : 0,
    };
}

struct tcp_ends ft_auth_embryo_ends(const struct tcp_embryo *embryo)
{
    return (struct tcp_ends){
        .conn = &embryo->conn,
        .snd_isn = embryo->iss,
        .rcv_isn = embryo->irs,
        .has_snd_isn = true,
        .has_rcv_isn = true,
        .snd_pos = embryo->iss.v,
        .rcv_pos = embryo->irs.v,
    };
}

/* ---- what has arrived ------------------------------------------------------------------------ */

/* The initial numbers that a segment speaks of itself, where they are not known: of a SYN, a
   SYN-ACK, and the ACK that brings a SYN cookie back. */
static struct tcp_ends learn_ends(const struct tcp_ends *ends, const struct ft_tcp_seg *seg)
{
    struct tcp_ends all = *ends;
    bool syn = seg->flags & SEG_SYN;
    if (!all.has_rcv_isn) {
        all.rcv_isn = syn ? seg->seq : seq_sub(seg->seq, 1);
        all.rcv_pos = all.rcv_isn.v;
        all.has_rcv_isn = syn || !all.has_snd_isn;
    }
    if (!all.has_snd_isn) {
        all.snd_isn = seq_sub(seg->ack, 1);
        all.snd_pos = all.snd_isn.v;
        all.has_snd_isn = (seg->flags & (SEG_ACK | SEG_SYN)) == SEG_ACK;
    }
    return all;
}

/* The traffic key and the SNE that a segment of the peer is signed with (RFC 5925 5.2). */
static bool peer_signer(struct ft_tcp *tcp, const struct tcp_key *key, const struct tcp_ends *ends,
                        const struct ft_tcp_seg *seg, struct tcp_signer *ret)
{
    bool first = (seg->flags & (SEG_SYN | SEG_ACK)) == SEG_SYN;
    struct tcp_kdf kdf = first ? ft_auth_kdf_in(ends->conn, seq_make(0), seg->seq)
                               : ft_auth_kdf_in(ends->conn, ends->snd_isn, ends->rcv_isn);
    *ret = (struct tcp_signer){.key = key};
    ret->sne = first ? 0 : (uint32_t)(extend(ends->rcv_pos, seg->seq) >> 32);
    if (!first && key->derived) {
        memcpy(ret->traffic_key, key->rcv, sizeof ret->traffic_key);
        return true;
    }
    if (!first && (!ends->has_rcv_isn || !ends->has_snd_isn))
        return false;
    return ft_auth_kdf(tcp, key, &kdf, ret->traffic_key);
}

static bool signature_ok(struct ft_tcp *tcp, const struct tcp_signer *signer,
                         const struct tcp_in *in)
{
    const struct ft_rx *rx = in->rx;
    uint8_t mac[FT_AUTH_MAC_LEN_MAX];
    struct ft_span parts[FT_SPANS_MAX + 1];
    struct tcp_message message = {
        .src = &rx->src,
        .dst = &rx->dst,
        .hdr = rx->l4,
        .hdr_len = in->seg.hdr_len,
        .sig_at = in->seg.sig_at,
        .parts = parts,
    };
    if (in->seg.sig_len != signer->key->mac_len || rx->n_spans > FT_SPANS_MAX)
        return false;
    if (in->data_len > 0) {
        uint8_t *data = (uint8_t *)(uintptr_t)in->data; /* a span that is only read */
        parts[message.n_parts++] = (struct ft_span){data, in->data_len};
    }
    for (unsigned i = 0; i < rx->n_spans; i++)
        parts[message.n_parts++] = rx->spans[i];
    return ft_auth_mac(tcp, signer, &message, mac) &&
           ft_equal_secret(mac, rx->l4 + in->seg.sig_at, signer->key->mac_len);
}

/* RFC 5925 7.5, step 4: the peer asks for another key by RNextKeyID; one that is not known is as if
   it had not. */
static void rotate(struct ft_tcp *tcp, struct tcp_auth *auth, const struct tcp_ends *ends,
                   const struct ft_tcp_seg *seg)
{
    if (!auth->current || auth->current->snd_id == seg->rnext_id)
        return;
    struct tcp_key *key = ft_auth_ao_key(tcp, auth, &ends->conn->remote, seg->rnext_id, -1);
    if (key)
        auth->current = key;
}

static enum ft_verdict check_ao(struct ft_tcp *tcp, struct tcp_auth *auth,
                                const struct tcp_ends *ends, const struct tcp_in *in)
{
    struct tcp_signer signer;
    struct tcp_key *key = ft_auth_ao_key(tcp, auth, &ends->conn->remote, -1, in->seg.key_id);
    if (!key) {
        if (auth)
            auth->n_not_found++;
        return FT_RX_DROP_SIGNED;
    }
    struct tcp_ends all = learn_ends(ends, &in->seg);
    bool good = peer_signer(tcp, key, &all, &in->seg, &signer) && signature_ok(tcp, &signer, in);
    ft_wipe(&signer, sizeof signer);
    if (!good) {
        key->n_bad++;
        auth->n_bad++;
        return FT_RX_DROP_SIGNATURE;
    }
    key->n_good++;
    auth->n_good++;
    rotate(tcp, auth, ends, &in->seg);
    return FT_RX_ACTIVE;
}

static enum ft_verdict check_md5(struct ft_tcp *tcp, struct tcp_auth *auth,
                                 const struct tcp_ends *ends, const struct tcp_in *in)
{
    struct tcp_signer signer = {.key = ft_auth_md5_key(tcp, auth, &ends->conn->remote)};
    if (!signer.key)
        return FT_RX_DROP_SIGNED;
    return signature_ok(tcp, &signer, in) ? FT_RX_ACTIVE : FT_RX_DROP_SIGNATURE;
}

/* RFC 5925 AO-21. Deviation: a segment with a signature that no key asks for is dropped under
   Linux's profile, as by Linux; under the RFC's it is taken (RFC 5925 7.3). */
static bool takes_unknown(struct ft_tcp *tcp, const struct tcp_auth *auth,
                          const struct tcp_ends *ends)
{
    return tcp->env->config.profile == FT_PROFILE_RFC &&
           !ft_auth_required(tcp, auth, &ends->conn->remote);
}

bool ft_auth_check(struct ft_tcp *tcp, struct tcp_auth *auth, const struct tcp_ends *ends,
                   struct tcp_in *in, struct tcp_verified *verified, enum ft_verdict *verdict)
{
    const struct ft_tcp_seg *seg = &in->seg;
    if (seg->n_sig == 0) {
        if (!ft_auth_required(tcp, auth, &ends->conn->remote))
            return true;
        auth->n_unsigned += auth->ao ? 1 : 0;
        *verdict = FT_RX_DROP_UNSIGNED;
        return false;
    }
    if (takes_unknown(tcp, auth, ends))
        return true;
    if (seg->n_sig > 1)
        *verdict = FT_RX_DROP_SIGNATURE;
    else if (seg->sig == TCP_SIG_MD5)
        *verdict = check_md5(tcp, auth, ends, in);
    else
        *verdict = check_ao(tcp, auth, ends, in);
    if (*verdict != FT_RX_ACTIVE)
        return false;
    tcp->env->counters.tcp_signed_good++;
    *verified = (struct tcp_verified){.auth = auth, .ends = *ends};
    in->verified = verified;
    return true;
}

bool ft_auth_same_kind(const struct tcp_embryo *embryo, const struct tcp_in *in)
{
    bool ao = in->verified && in->seg.sig == TCP_SIG_AO;
    return ao == !!(embryo->flags & EMB_AO);
}

/* ---- what leaves ----------------------------------------------------------------------------- */

/* The option, the traffic key and the SNE of a segment of ours (RFC 5925 5.2, 7.4). */
static bool own_signer(struct ft_tcp *tcp, const struct tcp_key *key, uint8_t rnext_id,
                       const struct tcp_ends *ends, struct ft_tcp_seg *seg, struct tcp_signer *ret)
{
    bool first = (seg->flags & (SEG_SYN | SEG_ACK)) == SEG_SYN;
    struct tcp_kdf kdf =
        ft_auth_kdf_out(ends->conn, ends->snd_isn, first ? seq_make(0) : ends->rcv_isn);
    seg->n_sig = 1;
    seg->sig = key->kind;
    seg->sig_len = key->mac_len;
    seg->key_id = key->snd_id;
    seg->rnext_id = rnext_id;
    ret->key = key;
    if (key->kind == TCP_SIG_MD5)
        return true;
    ret->sne = first ? 0 : (uint32_t)(extend(ends->snd_pos, seg->seq) >> 32);
    if (!first && key->derived) {
        memcpy(ret->traffic_key, key->snd, sizeof ret->traffic_key);
        return true;
    }
    return ends->has_snd_isn && (first || ends->has_rcv_isn) &&
           ft_auth_kdf(tcp, key, &kdf, ret->traffic_key);
}

static bool counted(struct ft_tcp *tcp, bool done)
{
    tcp->env->counters.tcp_not_signed += done ? 0 : 1;
    return done;
}

bool ft_auth_prepare(struct ft_tcp *tcp, struct tcp_auth *auth, const struct tcp_ends *ends,
                     struct ft_tcp_seg *seg, struct tcp_signer *ret_signer)
{
    *ret_signer = (struct tcp_signer){.key = NULL};
    if (!auth)
        return true;
    if (auth->current) {
        uint8_t rnext = auth->rnext ? auth->rnext->rcv_id : auth->current->rcv_id;
        return counted(tcp, own_signer(tcp, auth->current, rnext, ends, seg, ret_signer));
    }
    const struct ft_addr *peer = &ends->conn->remote;
    const struct tcp_key *key = ft_auth_md5_key(tcp, auth, peer);
    if (key)
        return own_signer(tcp, key, 0, ends, seg, ret_signer);
    return counted(tcp, !ft_auth_required(tcp, auth, peer));
}

bool ft_auth_fill(struct ft_tcp *tcp, struct ft_tcb *tcb, struct ft_tcp_seg *seg,
                  struct tcp_signer *ret_signer)
{
    struct tcp_ends ends = ft_auth_ends(tcb);
    if (!ft_auth_prepare(tcp, tcb_auth(tcb), &ends, seg, ret_signer))
        return false;
    if ((seg->flags & SEG_SYN) && seg->sig == TCP_SIG_MD5 &&
        (!(seg->flags & SEG_ACK) || seg->sack_ok)) {
        seg->has_ts = false;
        tcb->flags &= ~(uint32_t)TCB_TS;
    }
    return true;
}

bool ft_auth_prepare_synack(struct ft_tcp *tcp, const struct tcp_auth *auth,
                            const struct tcp_embryo *embryo, struct ft_tcp_seg *seg,
                            struct tcp_signer *ret_signer)
{
    const struct ft_addr *peer = &embryo->conn.remote;
    struct tcp_ends ends = ft_auth_embryo_ends(embryo);
    *ret_signer = (struct tcp_signer){.key = NULL};
    if (!(embryo->flags & EMB_AO)) {
        const struct tcp_key *md5 = ft_auth_md5_key(tcp, auth, peer);
        if (md5)
            return own_signer(tcp, md5, 0, &ends, seg, ret_signer);
        return counted(tcp, !ft_auth_required(tcp, auth, peer));
    }
    /* RFC 5925 7.4: by the key that the SYN asked for. */
    const struct tcp_key *key = ft_auth_ao_key(tcp, auth, peer, embryo->ao_rnext_id, -1);
    return counted(tcp, key && own_signer(tcp, key, embryo->ao_key_id, &ends, seg, ret_signer));
}
