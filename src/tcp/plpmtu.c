/* SPDX-License-Identifier: MIT */
/*
 * Packetization Layer Path MTU Discovery (RFC 4821; the search is RFC 8899 5.3's): a path that
 * swallows what is too big for it and sends no ICMP is found out by timeouts of full-sized segments
 * (as Linux's tcp_mtu_probing=1 does). Segments are small then, and now and then one that carries
 * octets of the stream as any other is larger: it probes. Its acknowledgement verifies its size,
 * its loss speaks of its size and not of congestion.
 *
 *     0 ---- low ======== size ======== high ---- most
 *            passes       in flight     above it nothing passes
 *
 * What is found is told to net, so that all connections of the path use it, new ones too.
 */
#include "priv.h"

#define BASE_MSS  1024 /* RFC 4821 7.2; Linux's tcp_base_mss */
#define MIN_SIZE4 552  /* what ICMP cannot make smaller either; see ft_path_set_mtu() */
#define MIN_SIZE6 1280 /* RFC 8200 5: no path of IPv6 is narrower */
#define TRIES_MAX 3    /* MAX_PROBES of RFC 8899 5.1.2 */
#define PRECISION 8    /* octets that are not worth a probe; Linux's mtu_probe_threshold */
#define BEHIND    4    /* segments that must follow a probe, so that its loss shows */
#define RAISE_S   600  /* PMTU_RAISE_TIMER of RFC 8899 5.1.1 */

static struct tcp_plpmtu *search_of(const struct ft_tcb *tcb)
{
    struct tcp_past *past = tcb->cold->past;
    return past && past->plpmtu.low ? &past->plpmtu : NULL;
}

static uint32_t headers(const struct ft_tcb *tcb)
{
    return (tcb_is_v4(tcb) ? 20u : 40u) + TCP_HDR_LEN;
}

/* RFC 4821 7.2: the size to begin with, and what it is lowered to when not even that passes. */
static uint32_t base_size(const struct ft_tcb *tcb)
{
    return tcb_is_v4(tcb) ? BASE_MSS + headers(tcb) : MIN_SIZE6;
}

/* Octets of the segment that is sent again and again. */
static uint32_t stuck(const struct ft_tcb *tcb)
{
    const struct tcp_sent *first = tcb->busy ? tcb->busy->sents.first : NULL;
    return first ? FT_MIN(first->len, (uint32_t)first->mss) : 0;
}

/* The base first; a timeout later the least, also for what the base would not cut. */
static uint32_t smaller_size(const struct ft_tcb *tcb)
{
    uint32_t base = base_size(tcb);
    bool cuts = stuck(tcb) + headers(tcb) + tcb_options_len(tcb) > base;
    if (tcb->mtu > base && (cuts || tcb->retries <= TCP_RETRIES1))
        return base;
    return tcb_is_v4(tcb) ? MIN_SIZE4 : MIN_SIZE6;
}

static uint32_t most_of(const struct ft_tcb *tcb, const struct ft_path *path)
{
    uint32_t most = FT_MIN((uint32_t)tcb->peer_mss + headers(tcb), path->mtu);
    if (tcb->cold->opts.user_mss)
        most = FT_MIN(most, tcb->cold->opts.user_mss + headers(tcb));
    return FT_MIN(most, 65535u);
}

static void tell(struct ft_tcp *tcp, const struct ft_tcb *tcb, const struct tcp_plpmtu *search)
{
    ft_path_set_plpmtu(tcp->net, &tcb->conn.remote, tcb_bound_if(tcb), search->low,
                       FT_MAX((uint32_t)search->low, (uint32_t)search->high));
}

/* ---- the size in use ------------------------------------------------------------------------- */

static void begin(struct tcp_plpmtu *search, uint32_t low, uint32_t high)
{
    search->low = (uint16_t)low;
    search->high = (uint16_t)high;
    search->tries = 0;
    search->ended = 0;
}

/* Another connection has found something, or there is a reason to search from the start. */
static void learn(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_path *path)
{
    bool always = tcp->env->config.mtu_probing == FT_MTU_PROBE;
    const struct tcp_plpmtu *search = search_of(tcb);
    uint32_t low = path->plpmtu;
    uint32_t high = path->plpmtu_high;
    if (low == 0 && always && !search && path->mtu > base_size(tcb)) {
        low = base_size(tcb);
        high = most_of(tcb, path);
    }
    if (low == 0 || low > high || (search && search->low == low && search->high == high))
        return;
    struct tcp_past *past = ft_tcb_past(tcp, tcb);
    if (!past)
        return; /* the next segment tries again */
    begin(&past->plpmtu, low, high);
}

void ft_plpmtu_apply(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_path *path)
{
    uint32_t mtu = FT_MIN(path->mtu, 65535u);
    if (tcp->env->config.mtu_probing != FT_MTU_ICMP && tcb_synchronized(tcb) && !path->local) {
        learn(tcp, tcb, path);
        struct tcp_plpmtu *search = search_of(tcb);
        if (search) {
            search->most = (uint16_t)most_of(tcb, path);
            mtu = FT_MIN(mtu, (uint32_t)search->low);
        }
    }
    if (mtu != tcb->mtu)
        ft_tcp_set_mss(tcp, tcb, mtu);
}

/* ---- probes ---------------------------------------------------------------------------------- */

/* RFC 8899 5.3: binary search, ended when what can be gained is little. */
static uint32_t next_size(const struct tcp_plpmtu *search)
{
    uint32_t top = FT_MIN((uint32_t)search->high, (uint32_t)search->most);
    if (top <= search->low)
        return 0;
    if (search->try_high)
        return top;
    return top - search->low < PRECISION ? 0 : (top + search->low) / 2;
}

/* RFC 8899 5.2, Search Complete: after a while the path may have become wider. */
static void rest_or_raise(const struct ft_tcp *tcp, struct tcp_plpmtu *search)
{
    uint32_t now_s = (uint32_t)(tcp->env->now / FT_SEC);
    if (search->ended == 0) {
        search->ended = FT_MAX(now_s, 1u);
    } else if (now_s - search->ended >= RAISE_S && search->low < search->most) {
        search->high = search->most;
        search->try_high = true;
        search->ended = 0;
    }
}

uint32_t ft_plpmtu_payload(const struct ft_tcp *tcp, struct ft_tcb *tcb, uint32_t rest,
                           uint32_t wnd, uint32_t room)
{
    struct tcp_plpmtu *search = search_of(tcb);
    if (!search || search->size || !tcb->busy)
        return 0;
    if ((tcb->flags & (TCB_RECOVERY | TCB_LOSS | TCB_URG_OUT)) || tcb->busy->sents.lost > 0 ||
        tcb->busy->sents.sacked > 0)
        return 0;
    uint32_t size = next_size(search);
    if (size == 0) {
        rest_or_raise(tcp, search);
        return 0;
    }
    uint32_t len = size - headers(tcb) - tcb_options_len(tcb);
    uint32_t need = len + BEHIND * tcb->snd_mss;
    if (len <= tcb->snd_mss || FT_MIN(FT_MIN(rest, wnd), tcb->cwnd) < need)
        return 0;
    if (room >= len)
        return len;
    return tcb_flight(tcb) > 0 ? PLPMTU_WAIT : 0;
}

void ft_plpmtu_sent(struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq seq, uint32_t len)
{
    struct tcp_plpmtu *search = search_of(tcb);
    struct tcp_sent *sent = tcb->busy->sents.last;
    ft_assert(search && search->size == 0);
    tcp->env->counters.tcp_mtu_probes++;
    if (!seq_eq(sent->seq, seq))
        return; /* for want of memory it has no record of its own: it tells nothing */
    sent->mss = (uint16_t)len; /* a segment by itself */
    sent->flags |= SENT_PROBE;
    search->size = (uint16_t)(len + headers(tcb) + tcb_options_len(tcb));
    search->lo = seq;
    search->hi = seq_add(seq, len);
}

void ft_plpmtu_unsent(struct ft_tcb *tcb)
{
    struct tcp_plpmtu *search = search_of(tcb);
    if (search && search->size && seq_lt(tcb->snd_max, search->hi))
        search->size = 0;
}

/* RFC 4821 7.6.1: the size is verified. */
void ft_plpmtu_acked(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct tcp_plpmtu *search = search_of(tcb);
    if (!search || !search->size || seq_le(tcb->snd_una, search->lo))
        return;
    uint32_t size = search->size;
    search->size = 0;
    if (seq_lt(tcb->snd_una, search->hi))
        return; /* somebody has cut it on its way */
    tcp->env->counters.tcp_mtu_probes_good++;
    search->try_high = false;
    begin(search, size, FT_MAX(size, (uint32_t)search->high));
    tell(tcp, tcb, search);
    /* All that can be sent passes: nothing is left of the suspicion. */
    if (tcp->env->config.mtu_probing != FT_MTU_PROBE && search->low >= search->most)
        search->low = 0;
}

/* RFC 4821 7.6.2: what was sent behind it has arrived and it has not. */
bool ft_plpmtu_lost(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct tcp_sent *sent)
{
    struct tcp_plpmtu *search = search_of(tcb);
    if (!search || !search->size || !(sent->flags & SENT_PROBE))
        return false;
    uint32_t size = search->size;
    search->size = 0;
    search->tries++;
    if (search->tries < TRIES_MAX && !search->try_high)
        return true;
    search->try_high = false;
    begin(search, search->low, FT_MAX(size - 1, (uint32_t)search->low));
    tell(tcp, tcb, search);
    return true;
}

void ft_plpmtu_again(struct ft_tcb *tcb, ft_seq seq, uint32_t len)
{
    struct tcp_plpmtu *search = search_of(tcb);
    if (search && search->size && seq_lt(seq, search->hi) && seq_gt(seq_add(seq, len), search->lo))
        search->size = 0;
}

/* ---- black holes ----------------------------------------------------------------------------- */

void ft_plpmtu_timeout(struct ft_tcb *tcb)
{
    struct tcp_plpmtu *search = search_of(tcb);
    if (search)
        search->size = 0; /* RFC 4821 7.7: it tells nothing of the probe */
}

void ft_plpmtu_suspect(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct ft_path path;
    uint32_t size = smaller_size(tcb);
    if (tcp->env->config.mtu_probing == FT_MTU_ICMP || tcb->retries < TCP_RETRIES1)
        return;
    /* What a smaller size would not cut does not vanish for its size. */
    if (size >= tcb->mtu || stuck(tcb) + headers(tcb) + tcb_options_len(tcb) <= size)
        return;
    if (ft_path_find(tcp->net, &tcb->conn.remote, &tcb->conn.local, tcb_bound_if(tcb), &path) ||
        path.local)
        return;
    struct tcp_past *past = ft_tcb_past(tcp, tcb);
    if (!past)
        return;
    struct tcp_plpmtu *search = &past->plpmtu;
    begin(search, size, FT_MAX((uint32_t)search->high, (uint32_t)tcb->mtu));
    search->try_high = true; /* the peer, or all of the path, may have been away */
    tcp->env->counters.tcp_black_holes++;
    tell(tcp, tcb, search);
    path.plpmtu = 0;
    ft_plpmtu_apply(tcp, tcb, &path);
    ft_sent_too_big(tcp, tcb);
}

bool ft_plpmtu_told(struct ft_tcp *tcp, struct ft_tcb *tcb, const struct ft_path *path)
{
    struct tcp_plpmtu *search = search_of(tcb);
    uint32_t before = tcb->mtu;
    bool probe = search && search->size > path->mtu;
    if (probe) {
        search->size = 0;
        search->try_high = true; /* ICMP has said what passes */
        search->tries = 0;
    }
    ft_plpmtu_apply(tcp, tcb, path);
    return probe || tcb->mtu < before;
}
