/* SPDX-License-Identifier: MIT */
/*
 * TCP Fast Open (RFC 7413): cookies made and verified (4.1.2), the passive side (4.2.1), the active
 * side with its cache of cookies (4.1.3, 4.2.1), and its options, which are Linux's. A cookie is a
 * keyed hash of both addresses, made as Linux makes it, so that hosts that share a key and an
 * address share their cookies. By default who opens may use it, and who listens may not, as on
 * Linux.
 */
#include "fastopen.h"

#include <netinet/tcp.h>

#include "base/hash.h"
#include "base/wipe.h"
#include "priv.h"
#include "sock/opt.h"
#include "wire/be.h"

#define KEY_PERIOD   (12 * 3600 * FT_SEC) /* the stack's own key changes so often */
#define RESET_TIME   (60 * FT_SEC)        /* so long a reset child counts as pending, as on Linux */
#define SYN_OPTIONS  40                   /* room that is left for options in a SYN with octets */
#define CACHE_SETS   128
#define CACHE_WAYS   4
#define TFO_LOST_MAX 10 /* 17 hours */

/* What a server has told (RFC 7413 4.1.3). */
struct tfo_entry {
    struct ft_addr local, remote; /* remote any: free */
    uint16_t mss;
    uint8_t cookie_len; /* 0: none */
    bool exp;           /* the cookie, or with none the next question, has the experimental form */
    uint8_t cookie[TCP_COOKIE_LEN_MAX];
    uint8_t n_lost;  /* first SYNs in a row, with an option or octets, that were not answered ... */
    uint32_t lost_s; /* ... and when the last of them had to be sent again, seconds */
    uint32_t used;   /* the least recently used of a set gives way */
};

struct tfo_cache {
    struct tfo_entry sets[CACHE_SETS][CACHE_WAYS];
    uint32_t clock;
};

/* ---- cookies --------------------------------------------------------------------------------- */

static void put_addr(uint8_t *p, const struct ft_addr *addr)
{
    be32_store(p, (uint32_t)(addr->hi >> 32));
    be32_store(p + 4, (uint32_t)addr->hi);
    be32_store(p + 8, (uint32_t)(addr->lo >> 32));
    be32_store(p + 12, (uint32_t)addr->lo);
}

static void make_cookie(const uint8_t key[TFO_KEY_LEN], const struct ft_conn *conn,
                        uint8_t ret[TFO_COOKIE_LEN])
{
    uint8_t addrs[32];
    size_t len = sizeof addrs;
    if (addr_is_v4(&conn->remote)) {
        be32_store(addrs, (uint32_t)conn->remote.lo);
        be32_store(addrs + 4, (uint32_t)conn->local.lo);
        len = 8;
    } else {
        put_addr(addrs, &conn->remote);
        put_addr(addrs + 16, &conn->local);
    }
    uint64_t mac = ft_siphash(key, addrs, len);
    for (unsigned i = 0; i < TFO_COOKIE_LEN; i++)
        ret[i] = (uint8_t)(mac >> 8 * i);
}

/* The stack's own key of a period (RFC 7413 4.1.2: it changes, and the last one is still good). */
static void derive_key(const struct ft_tcp *tcp, uint64_t period, uint8_t ret[TFO_KEY_LEN])
{
    for (uint64_t half = 0; half < 2; half++) {
        uint8_t text[16];
        put_addr(text, &(struct ft_addr){.hi = period, .lo = half});
        uint64_t word = ft_siphash(tcp->tfo_key, text, sizeof text);
        be32_store(ret + 8 * half, (uint32_t)(word >> 32));
        be32_store(ret + 8 * half + 4, (uint32_t)word);
    }
}

/* The keys that count, the one that makes cookies first. Return: how many. */
static unsigned keys_of(const struct ft_tcp *tcp, const struct tcp_tfo *tfo,
                        uint8_t ret[TFO_KEYS_MAX][TFO_KEY_LEN])
{
    if (tfo && tfo->n_keys > 0) {
        memcpy(ret, tfo->keys, sizeof tfo->keys);
        return tfo->n_keys;
    }
    uint64_t period = tcp->env->now / KEY_PERIOD;
    derive_key(tcp, period, ret[0]);
    if (period == 0)
        return 1;
    derive_key(tcp, period - 1, ret[1]);
    return 2;
}

enum cookie_verdict { COOKIE_WRONG, COOKIE_GOOD, COOKIE_OLD };

static enum cookie_verdict check_cookie(const struct ft_tcp *tcp, const struct tcp_tfo *tfo,
                                        const struct ft_conn *conn, const struct ft_tcp_seg *seg)
{
    uint8_t keys[TFO_KEYS_MAX][TFO_KEY_LEN];
    uint8_t cookie[TFO_COOKIE_LEN];
    unsigned n = keys_of(tcp, tfo, keys);
    if (seg->tfo_len != TFO_COOKIE_LEN)
        return COOKIE_WRONG;
    for (unsigned i = 0; i < n; i++) {
        make_cookie(keys[i], conn, cookie);
        if (ft_equal_secret(cookie, seg->tfo, TFO_COOKIE_LEN))
            return i == 0 ? COOKIE_GOOD : COOKIE_OLD;
    }
    return COOKIE_WRONG;
}

void ft_tfo_offer(const struct ft_tcp *tcp, const struct ft_listener *listener,
                  const struct ft_conn *conn, bool exp, struct ft_tcp_seg *seg)
{
    uint8_t keys[TFO_KEYS_MAX][TFO_KEY_LEN];
    (void)keys_of(tcp, listener->tfo, keys); /* the first is always there */
    make_cookie(keys[0], conn, seg->tfo);
    seg->has_tfo = true;
    seg->tfo_exp = exp;
    seg->tfo_len = TFO_COOKIE_LEN;
}

/* ---- options --------------------------------------------------------------------------------- */

static struct tcp_tfo *make(struct ft_tcp *tcp, struct ft_tcb *tcb, struct ft_listener *listener)
{
    struct tcp_rare *rare = listener ? NULL : ft_tcb_rare(tcp, tcb);
    if (!listener && !rare)
        return NULL;
    struct tcp_tfo **place = listener ? &listener->tfo : &rare->tfo;
    if (!*place)
        *place = ft_pool_get(&tcp->tfos);
    return *place;
}

static bool is_open(const struct ft_tcb *tcb)
{
    return tcb && tcb_state(tcb) != FT_TCP_CLOSED;
}

static int set_flag(uint16_t *flags, uint16_t flag, int value)
{
    if (value < 0 || value > 1)
        return -EINVAL;
    *flags = (uint16_t)(value ? *flags | flag : *flags & ~flag);
    return 0;
}

int ft_tfo_set(struct ft_tcp *tcp, struct ft_tcb *tcb, struct ft_listener *listener, int name,
               int value)
{
    uint16_t *flags = listener ? &listener->opts.flags : &tcb->cold->opts.flags;
    if (name == TCP_FASTOPEN_CONNECT && !(tcp->env->config.fastopen & FT_FASTOPEN_CLIENT))
        return value < 0 || value > 1 ? -EINVAL : -EOPNOTSUPP;
    if (is_open(tcb) || value < 0 || (name == TCP_FASTOPEN_CONNECT && listener))
        return -EINVAL;
    if (name == TCP_FASTOPEN_CONNECT)
        return set_flag(flags, OPT_FASTOPEN, value);
    if (name == TCP_FASTOPEN_NO_COOKIE)
        return set_flag(flags, OPT_NO_COOKIE, value);
    struct tcp_tfo *tfo = make(tcp, tcb, listener);
    if (!tfo)
        return -ENOBUFS;
    tfo->pending_max = FT_MIN((uint32_t)value, (uint32_t)TCP_BACKLOG_MAX);
    return 0;
}

int ft_tfo_get(const struct ft_tcb *tcb, const struct ft_listener *listener, int name)
{
    uint16_t flags = listener ? listener->opts.flags : tcb->cold->opts.flags;
    const struct tcp_tfo *tfo = listener ? listener->tfo : tcb_tfo(tcb);
    if (name == TCP_FASTOPEN_CONNECT)
        return !!(flags & OPT_FASTOPEN);
    if (name == TCP_FASTOPEN_NO_COOKIE)
        return !!(flags & OPT_NO_COOKIE);
    return tfo ? (int)tfo->pending_max : 0;
}

int ft_tfo_set_key(struct ft_tcp *tcp, struct ft_tcb *tcb, struct ft_listener *listener,
                   const void *value, socklen_t len)
{
    if (len != TFO_KEY_LEN && len != TFO_KEYS_MAX * TFO_KEY_LEN)
        return -EINVAL;
    if (!value)
        return -EFAULT;
    if (is_open(tcb))
        return -EINVAL;
    struct tcp_tfo *tfo = make(tcp, tcb, listener);
    if (!tfo)
        return -ENOBUFS;
    memset(tfo->keys, 0, sizeof tfo->keys);
    memcpy(tfo->keys, value, len);
    tfo->n_keys = (uint8_t)(len / TFO_KEY_LEN);
    return 0;
}

int ft_tfo_get_key(struct ft_tcp *tcp, const struct ft_tcb *tcb, const struct ft_listener *listener,
                   void *ret, socklen_t *len)
{
    uint8_t keys[TFO_KEYS_MAX][TFO_KEY_LEN];
    const struct tcp_tfo *tfo = listener ? listener->tfo : tcb_tfo(tcb);
    unsigned n = keys_of(tcp, tfo, keys);
    return ft_opt_put(ret, len, keys, n * TFO_KEY_LEN);
}

/* ---- passive opens --------------------------------------------------------------------------- */

void ft_tfo_listen(struct ft_tcp *tcp, struct ft_listener *listener, struct ft_tcb *tcb)
{
    uint16_t all = FT_FASTOPEN_SERVER | FT_FASTOPEN_SERVER_ALL;
    listener->tfo = tcb_tfo(tcb);
    if (listener->tfo)
        tcb->cold->rare->tfo = NULL;
    if (listener->tfo)
        listener->tfo->flags = 0;
    if ((tcp->env->config.fastopen & all) != all || (listener->tfo && listener->tfo->pending_max))
        return;
    struct tcp_tfo *tfo = make(tcp, NULL, listener);
    if (tfo) /* else it is a passive socket without Fast Open */
        tfo->pending_max = listener->backlog_max;
}

/* RFC 7413 5.1: a bound on connections whose handshake is not over, in which those count that were
   reset of late, so that nobody gets more by resetting what he has forged. */
static bool has_room(const struct ft_tcp *tcp, struct tcp_tfo *tfo)
{
    if (tfo->n_reset > 0 && tcp->env->now - tfo->reset_at >= RESET_TIME)
        tfo->n_reset = 0;
    return tfo->n_pending + tfo->n_reset < tfo->pending_max;
}

/* The octets of the SYN, as far as the window goes. No room for them: the peer sends them again. */
static void take_octets(struct ft_tcp *tcp, struct ft_tcb *tcb, struct tcp_in *in)
{
    in->seg.flags &= (uint16_t)~SEG_SYN;
    in->seg.seq = tcb->rcv_nxt;
    in->seg.len = FT_MIN(in->seg.len, tcb_rcv_wnd(tcb));
    if (in->seg.len > 0 && ft_tcp_text(tcp, tcb, in) == FT_RX_ACTIVE)
        tcb->cold->syn_data = true;
    tcb->flags &= ~(uint32_t)(TCB_ACK_NOW | TCB_ACK_DELAYED); /* the SYN-ACK acknowledges them */
    tcb->delack_at = FT_TIME_NEVER;
}

static bool make_child(struct ft_tcp *tcp, struct ft_listener *listener,
                       const struct tcp_embryo *syn, struct tcp_in *in, enum cookie_verdict verdict)
{
    struct ft_path path;
    if (ft_path_find(tcp->net, &syn->conn.remote, &syn->conn.local, syn->conn.ifindex, &path))
        return false;
    struct ft_tcb *tcb = ft_listen_make(tcp, listener, syn, &in->seg);
    if (!tcb)
        return false;
    tcb->snd_una = tcb->snd_nxt = tcb->snd_max = tcb->snd_up = tcb->iss;
    struct tcp_tfo *tfo = make(tcp, tcb, NULL);
    if (!tfo || ft_tcb_make_busy(tcp, tcb)) {
        ft_tcb_free(tcp, tcb);
        return false;
    }
    tfo->listener_slot = listener->slot;
    tfo->listener_id = listener->id;
    tfo->flags = TFO_CHILD;
    if (verdict == COOKIE_OLD)
        tfo->flags |= (uint8_t)(TFO_FRESH | (in->seg.tfo_exp ? TFO_EXP : 0));
    listener->tfo->n_pending++;
    tcp->env->counters.tcp_passive_opens++;
    tcb->snd_wnd = tcb->snd_wnd_max = in->seg.wnd; /* RFC 7323 2.2: not scaled */
    tcb_enter(tcp, tcb, FT_TCP_SYN_RECEIVED);
    ft_tcp_set_mss(tcp, tcb, path.mtu);
    ft_cc_start(tcp, tcb);
    tcb->flags |= TCB_SYN_OUT;
    take_octets(tcp, tcb, in);
    ft_tcb_wake(tcp, tcb);
    ft_ready_raise(tcp->slots, listener->slot, FT_READABLE);
    return true;
}

bool ft_tfo_take_syn(struct ft_tcp *tcp, struct ft_listener *listener, struct tcp_embryo *syn,
                     struct tcp_in *in)
{
    uint16_t mode = tcp->env->config.fastopen;
    struct tcp_tfo *tfo = listener->tfo;
    const struct ft_tcp_seg *seg = &in->seg;
    bool wants = seg->has_tfo || seg->len > 0;
    if (!(mode & FT_FASTOPEN_SERVER) || !tfo || !wants || !has_room(tcp, tfo) || listener->auth)
        return false; /* beside a signature there is no room for a cookie */
    bool free = (mode & FT_FASTOPEN_SERVER_NO_COOKIE) || (listener->opts.flags & OPT_NO_COOKIE);
    if (free && seg->len > 0)
        return make_child(tcp, listener, syn, in, COOKIE_GOOD);
    if (!seg->has_tfo)
        return false;
    enum cookie_verdict verdict = COOKIE_WRONG;
    if (seg->tfo_len > 0)
        verdict = check_cookie(tcp, tfo, &syn->conn, seg);
    if (verdict != COOKIE_WRONG && make_child(tcp, listener, syn, in, verdict))
        return true;
    /* Asked for, or wrong: the answer brings one, and acknowledges no octet (RFC 7413 4.2.1). */
    if (verdict == COOKIE_WRONG)
        syn->flags |= (uint16_t)(EMB_TFO | (seg->tfo_exp ? EMB_TFO_EXP : 0));
    return false;
}

/* ---- the cache of a client ------------------------------------------------------------------- */

static struct tfo_entry *set_of(const struct ft_tcp *tcp, const struct ft_addr *remote)
{
    uint64_t words[3] = {remote->hi, remote->lo, 0};
    uint64_t hash = ft_siphash(tcp->tfo_key, words, sizeof words);
    return tcp->tfo_cache->sets[hash % CACHE_SETS];
}

static struct tfo_entry *look_up(const struct ft_tcp *tcp, const struct ft_addr *local,
                                 const struct ft_addr *remote)
{
    struct tfo_entry *set = tcp->tfo_cache ? set_of(tcp, remote) : NULL;
    for (unsigned i = 0; set && i < CACHE_WAYS; i++)
        if (addr_eq(&set[i].remote, remote) && addr_eq(&set[i].local, local)) {
            set[i].used = ++tcp->tfo_cache->clock;
            return &set[i];
        }
    return NULL;
}

/* The entry of a destination, made if there is none. Return: NULL: no memory. */
static struct tfo_entry *entry_of(struct ft_tcp *tcp, const struct ft_conn *conn)
{
    if (!tcp->tfo_cache) {
        tcp->tfo_cache = ft_mem_alloc(&tcp->env->mem, sizeof *tcp->tfo_cache);
        if (!tcp->tfo_cache)
            return NULL;
        memset(tcp->tfo_cache, 0, sizeof *tcp->tfo_cache);
    }
    struct tfo_entry *entry = look_up(tcp, &conn->local, &conn->remote);
    if (entry)
        return entry;
    struct tfo_entry *set = set_of(tcp, &conn->remote);
    entry = &set[0];
    for (unsigned i = 1; i < CACHE_WAYS; i++)
        if (set[i].used < entry->used)
            entry = &set[i];
    *entry = (struct tfo_entry){.local = conn->local, .remote = conn->remote};
    entry->used = ++tcp->tfo_cache->clock;
    return entry;
}

void ft_tfo_fini(struct ft_tcp *tcp)
{
    if (tcp->tfo_cache)
        ft_mem_free(&tcp->env->mem, tcp->tfo_cache, sizeof *tcp->tfo_cache);
    tcp->tfo_cache = NULL;
}

/* ---- active opens ---------------------------------------------------------------------------- */

bool ft_tfo_deferred(const struct ft_tcb *tcb)
{
    return tcb_tfo(tcb) && (tcb_tfo(tcb)->flags & TFO_DEFERRED);
}

/* RFC 7413 4.1.3.1: something on the way drops such SYNs. After two in a row they are plain ones
   for four minutes, and for twice as long after each that is lost then, as Linux had it until
   its 4.12; what it has now is off by default. */
static bool is_black_hole(const struct ft_tcp *tcp, const struct tfo_entry *entry)
{
    uint32_t since_s = (uint32_t)(tcp->env->now / FT_SEC) - entry->lost_s;
    return entry->n_lost > 1 && since_s < 60u << entry->n_lost;
}

static void note_lost(const struct ft_tcp *tcp, const struct ft_tcb *tcb, struct tfo_entry *entry)
{
    if (!(tcb_tfo(tcb)->flags & (TFO_ASKS | TFO_SENDS)))
        return;
    if (tcb->retries == 0) {
        entry->n_lost = 0;
        return;
    }
    if (entry->n_lost < TFO_LOST_MAX)
        entry->n_lost++;
    entry->lost_s = (uint32_t)(tcp->env->now / FT_SEC);
}

/* What our SYN will be (RFC 7413 4.2.1). Return: what it keeps; NULL: it is a plain one. */
static struct tcp_tfo *prepare(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_addr *local,
                               const struct ft_addr *remote)
{
    uint16_t mode = tcp->env->config.fastopen;
    struct tcp_tfo *tfo = mode & FT_FASTOPEN_CLIENT ? make(tcp, tcb, NULL) : NULL;
    if (!tfo)
        return NULL;
    const struct tfo_entry *entry = look_up(tcp, local, remote);
    tfo->flags = 0;
    tfo->syn_len = 0;
    if (entry && is_black_hole(tcp, entry))
        return NULL;
    if ((mode & FT_FASTOPEN_CLIENT_NO_COOKIE) || (tcb->cold->opts.flags & OPT_NO_COOKIE)) {
        tfo->flags = TFO_SENDS;
    } else if (entry && entry->cookie_len > 0) {
        tfo->flags = TFO_SENDS | TFO_COOKIE;
        tfo->cookie_len = entry->cookie_len;
        memcpy(tfo->cookie, entry->cookie, entry->cookie_len);
    } else {
        tfo->flags = TFO_ASKS;
        tcb->cold->tfo_fail = TFO_FAIL_COOKIE;
    }
    if (entry && entry->exp && (tfo->flags & (TFO_ASKS | TFO_COOKIE)))
        tfo->flags |= TFO_EXP;
    return tfo;
}

bool ft_tfo_defers(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_endpoint *peer)
{
    struct ft_path path;
    int bound = tcb->cold->opts.bound_if ? tcb->cold->opts.bound_if : peer->ifindex;
    if (!(tcb->cold->opts.flags & OPT_FASTOPEN) || tcb_auth(tcb) ||
        ft_path_find(tcp->net, &peer->addr, &tcb->conn.local, bound, &path))
        return false;
    struct tcp_tfo *tfo = prepare(tcp, tcb, &path.src, &peer->addr);
    if (!tfo || !(tfo->flags & TFO_SENDS))
        return false;
    tfo->flags |= TFO_DEFERRED;
    tfo->peer = *peer;
    return true;
}

/* RFC 7413 4.1.3.1: no more octets than the server has said fit into a segment. */
static uint32_t syn_room(const struct ft_tcp *tcp, const struct ft_tcb *tcb)
{
    const struct tfo_entry *entry = look_up(tcp, &tcb->conn.local, &tcb->conn.remote);
    uint32_t mss = ft_tcp_mss_for(tcb->mtu, tcb_is_v4(tcb));
    if (entry && entry->mss)
        mss = FT_MIN(mss, (uint32_t)entry->mss);
    if (tcb->cold->opts.user_mss)
        mss = FT_MIN(mss, (uint32_t)tcb->cold->opts.user_mss);
    return mss > SYN_OPTIONS ? mss - SYN_OPTIONS : 0;
}

/* Open, with what fits into the SYN. */
static ssize_t open_with(struct ft_tcp *tcp, struct ft_tcb *tcb, struct ft_endpoint *peer,
                         const struct iovec *iov, size_t n_iov, int flags)
{
    int err = ft_tcp_open(tcp, tcb, peer);
    if (err != -EINPROGRESS)
        return err;
    struct tcp_tfo *tfo = tcb_tfo(tcb);
    if (!tfo || !(tfo->flags & TFO_SENDS))
        return -EINPROGRESS;
    ssize_t n = -ENOBUFS;
    if (!ft_tcp_before_write(tcp, tcb, flags))
        n = ft_tcp_append(tcp, tcb, iov, n_iov, syn_room(tcp, tcb));
    if (n <= 0)
        return -EINPROGRESS;
    tfo->syn_len = (uint32_t)n;
    ft_spent_begin(tcp, tcb);
    ft_tcp_wrote(tcp, tcb, iov, n_iov, (size_t)n, flags);
    return n;
}

ssize_t ft_tfo_begin(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct iovec *iov, size_t n_iov,
                     int flags)
{
    struct ft_endpoint peer = tcb_tfo(tcb)->peer;
    tcb_tfo(tcb)->flags &= (uint8_t)~TFO_DEFERRED;
    return open_with(tcp, tcb, &peer, iov, n_iov, flags);
}

ssize_t ft_tcp_send_open(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct msghdr *msg,
                         int flags)
{
    struct ft_endpoint peer;
    struct ft_path path;
    const struct sockaddr *name = msg->msg_name;
    bool named = name && msg->msg_namelen >= sizeof name->sa_family;
    if (!(tcp->env->config.fastopen & FT_FASTOPEN_CLIENT) ||
        (named && name->sa_family == AF_UNSPEC))
        return -EOPNOTSUPP;
    if (ft_tfo_deferred(tcb))
        return ft_tfo_begin(tcp, tcb, msg->msg_iov, msg->msg_iovlen, flags);
    if (tcb_state(tcb) != FT_TCP_CLOSED || tcb->cold->error) {
        int err = ft_tcp_connect_answer(tcb);
        return err ? err : ft_tcp_send(tcp, tcb, msg->msg_iov, msg->msg_iovlen, flags);
    }
    if (!named)
        return -EINVAL;
    int err = ft_endpoint_read(name, msg->msg_namelen, tcb->cold->opts.flags & OPT_IPV6, &peer);
    if (err)
        return err;
    int bound = tcb->cold->opts.bound_if ? tcb->cold->opts.bound_if : peer.ifindex;
    if (!tcb_auth(tcb) && !ft_path_find(tcp->net, &peer.addr, &tcb->conn.local, bound, &path))
        (void)prepare(tcp, tcb, &path.src, &peer.addr); /* no memory: a plain SYN */
    return open_with(tcp, tcb, &peer, msg->msg_iov, msg->msg_iovlen, flags);
}

uint32_t ft_tfo_syn_len(const struct ft_tcb *tcb)
{
    const struct tcp_tfo *tfo = tcb_tfo(tcb);
    return tfo && tcb_state(tcb) == FT_TCP_SYN_SENT && (tfo->flags & TFO_SENDS) ? tfo->syn_len : 0;
}

/* Once, with the first SYN: what drops SYNs with this option, or with octets, does not drop the
   next (RFC 7413 4.1.3.1). */
void ft_tfo_fill(struct ft_tcp *tcp, struct ft_tcb *tcb, struct ft_tcp_seg *seg)
{
    const struct tcp_tfo *tfo = tcb_tfo(tcb);
    if (!tfo || seq_gt(tcb->snd_max, tcb->iss))
        return;
    seg->tfo_exp = tfo->flags & TFO_EXP;
    if (tfo->flags & TFO_CHILD) {
        enum ft_sock_kind kind;
        void *obj;
        bool there =
            ft_slot_at(tcp->slots, tfo->listener_slot, &kind, &obj) && kind == FT_KIND_LISTENER;
        if ((tfo->flags & TFO_FRESH) && there)
            ft_tfo_offer(tcp, obj, &tcb->conn, tfo->flags & TFO_EXP, seg);
    } else if (tcb_state(tcb) == FT_TCP_SYN_SENT) {
        seg->has_tfo = tfo->flags & (TFO_ASKS | TFO_COOKIE);
        seg->tfo_len = (tfo->flags & TFO_COOKIE) ? tfo->cookie_len : 0;
        memcpy(seg->tfo, tfo->cookie, seg->tfo_len);
    }
}

static void remember(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_tcp_seg *seg)
{
    const struct tcp_tfo *tfo = tcb_tfo(tcb);
    struct tfo_entry *entry = entry_of(tcp, &tcb->conn);
    if (!entry)
        return;
    if (seg->has_mss)
        entry->mss = seg->mss;
    note_lost(tcp, tcb, entry);
    if ((tfo->flags & (TFO_ASKS | TFO_COOKIE)) && seg->has_tfo && seg->tfo_len > 0) {
        entry->cookie_len = seg->tfo_len;
        entry->exp = seg->tfo_exp;
        memcpy(entry->cookie, seg->tfo, seg->tfo_len);
    } else if ((tfo->flags & TFO_ASKS) && tcb->retries == 0 && entry->cookie_len == 0) {
        /* It knows the other form, perhaps: the next question has that one. */
        entry->exp = !(tfo->flags & TFO_EXP);
    }
}

void ft_tfo_syn_acked(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_tcp_seg *seg)
{
    struct tcp_tfo *tfo = tcb_tfo(tcb);
    if (!tfo)
        return;
    remember(tcp, tcb, seg);
    uint32_t octets = (uint32_t)seq_diff(seg->ack, tcb->iss) - 1;
    ft_assert(octets <= ft_ring_len(&tcb->snd));
    ft_ring_consume(&tcb->snd, &tcp->env->chunks, octets);
    ft_marks_acked(tcp, tcb, seg->ack);
    tcb->cold->octets_acked += octets;
    tcb->cold->syn_data = octets > 0 && octets == tfo->syn_len;
    if (octets < tfo->syn_len)
        tcb->cold->tfo_fail = tcb->retries > 0 ? TFO_FAIL_SYN : TFO_FAIL_DATA;
    /* What it does not acknowledge was dropped there, and goes with the ACK (RFC 7413 4.2.1). */
    tcb->snd_max = tcb->snd_nxt = seg->ack;
}

static void child_ends(struct ft_tcp *tcp, const struct tcp_tfo *tfo, bool reset)
{
    enum ft_sock_kind kind;
    void *obj;
    if (!ft_slot_at(tcp->slots, tfo->listener_slot, &kind, &obj) || kind != FT_KIND_LISTENER)
        return;
    struct ft_listener *listener = obj;
    if (listener->id != tfo->listener_id || !listener->tfo)
        return;
    listener->tfo->n_pending--;
    if (reset) {
        listener->tfo->n_reset++;
        listener->tfo->reset_at = tcp->env->now;
    }
}

void ft_tfo_drop(struct ft_tcp *tcp, struct ft_tcb *tcb, bool reset)
{
    struct tcp_tfo *tfo = tcb_tfo(tcb);
    if (!tfo)
        return;
    tcb->cold->rare->tfo = NULL;
    if (tfo->flags & TFO_CHILD)
        child_ends(tcp, tfo, reset);
    ft_pool_put(&tcp->tfos, tfo);
}
