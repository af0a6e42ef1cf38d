/* SPDX-License-Identifier: MIT */
/*
 * Reassembly for both families. Fragments are kept in order; any overlap condemns the datagram and
 * what may follow of it (RFC 5722 4, here for IPv4 too). Memory, fragments of a datagram and
 * datagrams of a source are bounded, and the oldest gives way.
 * RFC 791 3.2, RFC 1122 3.3.2, RFC 8200 4.5.
 */
#include <string.h>

#include "wire/be.h"
#include "wire/csum.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"
#include "wire/ip.h"

#include "priv.h"

#define FRAG_LIFE       (60 * FT_SEC) /* RFC 8200 4.5, RFC 1122 3.3.2: from the first on */
#define FRAG_PER_SOURCE 64u           /* datagrams of one source */
#define DATAGRAM_OCTETS ((uint32_t)sizeof(struct net_datagram))

struct net_frag {
    struct ft_list node; /* of the datagram's pieces */
    uint32_t offset, len;
    uint32_t data_off; /* where the octets begin in pkt: 0, or of the first fragment its headers */
    uint32_t hdr_len;  /* of the first fragment: octets of the unfragmentable part */
    uint32_t next_at;
    uint8_t proto;
    uint8_t pkt[];
};

static uint32_t frag_size(const struct net_frag *f)
{
    return (uint32_t)sizeof(*f) + f->data_off + f->len;
}

static struct ft_list *bucket_of(struct ft_net *net, const struct ft_rx *rx,
                                 const struct net_piece *piece)
{
    uint64_t word = (uint64_t)piece->id << 8 | (addr_is_v4(&rx->src) ? piece->proto : 0);

    return &net->frags[ft_net_hash(net, &rx->src, word ^ ft_net_hash(net, &rx->dst, 3)) %
                       NET_FRAG_BUCKETS];
}

static struct net_datagram *find(struct ft_net *net, const struct ft_rx *rx,
                                 const struct net_piece *piece)
{
    bool is_v4 = addr_is_v4(&rx->src);

    ft_list_for_each (node, bucket_of(net, rx, piece)) {
        struct net_datagram *d = ft_container_of(node, struct net_datagram, hash);

        net->env->counters.steps_list_nodes++;
        if (d->id == piece->id && addr_eq(&d->src, &rx->src) && addr_eq(&d->dst, &rx->dst) &&
            (!is_v4 || d->proto == piece->proto))
            return d;
    }
    return NULL;
}

static void charge(struct ft_net *net, struct net_datagram *d, uint32_t octets)
{
    d->octets += octets;
    net->frag_octets += octets;
}

static void free_pieces(struct ft_net *net, struct net_datagram *d)
{
    struct ft_list *node;

    while ((node = list_pop_front(&d->pieces))) {
        struct net_frag *f = ft_container_of(node, struct net_frag, node);
        uint32_t size = frag_size(f);

        d->octets -= size;
        net->frag_octets -= size;
        ft_mem_free(&net->env->mem, f, size);
    }
    d->n_pieces = 0;
    d->n_octets = 0;
}

static void arm(struct ft_net *net)
{
    const struct ft_list *oldest = list_first(&net->frag_age);

    if (oldest)
        ft_net_arm(net, &net->frag_timer,
                   ft_container_of(oldest, struct net_datagram, age)->expires_at);
    else
        ft_wheel_cancel(&net->env->wheel, &net->frag_timer);
}

static void free_datagram(struct ft_net *net, struct net_datagram *d)
{
    free_pieces(net, d);
    ft_assert(d->octets == DATAGRAM_OCTETS);
    net->frag_octets -= d->octets;
    net->n_frag_sources[d->source]--;
    net->n_datagrams--;
    list_remove(&d->hash);
    list_remove(&d->age);
    list_remove(&d->kin);
    ft_mem_free(&net->env->mem, d, sizeof(*d));
    arm(net);
}

void ft_frag_free_all(struct ft_net *net)
{
    ft_list_for_each (node, &net->frag_age)
        free_datagram(net, ft_container_of(node, struct net_datagram, age));
    ft_assert(net->frag_octets == 0);
}

/* The rest of it is ignored until its time is over. */
static void condemn(struct ft_net *net, struct net_datagram *d)
{
    free_pieces(net, d);
    d->dead = true;
}

void ft_frag_kill(struct ft_net *net, const struct net_in *in, const struct net_piece *piece)
{
    struct net_datagram *d = find(net, in->rx, piece);

    if (d)
        condemn(net, d);
}

/* An unfinished datagram goes for a newer one. */
static void give_way(struct ft_net *net, struct net_datagram *d)
{
    net->env->counters.reassembly_timeouts++;
    free_datagram(net, d);
}

/* Make room within the budget; the oldest give way, but not the one at hand. */
static bool make_room(struct ft_net *net, const struct net_datagram *keep, uint64_t octets)
{
    uint64_t max = net->env->config.limits.reassembly_octets_max;

    ft_list_for_each (node, &net->frag_age) {
        struct net_datagram *d = ft_container_of(node, struct net_datagram, age);

        if (net->frag_octets + octets <= max)
            return true;
        if (d == keep)
            continue;
        give_way(net, d);
    }
    return net->frag_octets + octets <= max;
}

static struct net_datagram *make(struct ft_net *net, const struct net_in *in,
                                 const struct net_piece *piece)
{
    const struct ft_rx *rx = in->rx;
    uint8_t source = (uint8_t)(ft_net_hash(net, &rx->src, 4) % NET_FRAG_SOURCES);
    struct net_datagram *d;

    if (net->n_frag_sources[source] >= FRAG_PER_SOURCE)
        give_way(net, ft_container_of(net->frag_sources[source].next, struct net_datagram, kin));
    if (!make_room(net, NULL, DATAGRAM_OCTETS))
        return NULL;
    d = ft_mem_alloc(&net->env->mem, sizeof(*d));
    if (!d)
        return NULL;
    d->src = rx->src;
    d->dst = rx->dst;
    d->expires_at = net->env->now + FRAG_LIFE;
    d->id = piece->id;
    d->proto = addr_is_v4(&rx->src) ? piece->proto : 0;
    d->ifindex = rx->ifindex;
    d->quiet = rx->l2_multicast;
    d->local = rx->dst_class == FT_ADDR_LOCAL;
    d->source = source;
    list_init(&d->hash);
    list_init(&d->age);
    list_init(&d->kin);
    list_init(&d->pieces);
    list_push_back(bucket_of(net, rx, piece), &d->hash);
    list_push_back(&net->frag_age, &d->age);
    list_push_back(&net->frag_sources[source], &d->kin);
    net->n_frag_sources[source]++;
    net->n_datagrams++;
    charge(net, d, DATAGRAM_OCTETS);
    arm(net);
    return d;
}

/* ---- one fragment ---------------------------------------------------------------------------- */

enum fit { FIT_HERE, FIT_AGAIN, FIT_OVERLAP };

/* Where the piece goes: behind *ret_prev. From the end, since most come in order. */
static enum fit find_place(struct ft_net *net, struct net_datagram *d, const struct net_in *in,
                           const struct net_piece *piece, struct ft_list **ret_prev)
{
    struct ft_list *prev = d->pieces.prev;
    const struct net_frag *f;

    for (; prev != &d->pieces; prev = prev->prev) {
        net->env->counters.steps_list_nodes++;
        f = ft_container_of(prev, struct net_frag, node);
        if (f->offset <= piece->offset)
            break;
        if (f->offset < piece->offset + piece->len)
            return FIT_OVERLAP;
    }
    *ret_prev = prev;
    if (prev == &d->pieces)
        return FIT_HERE;
    f = ft_container_of(prev, struct net_frag, node);
    if (f->offset + f->len <= piece->offset)
        return FIT_HERE;
    /* RFC 8200 4.5: an exact duplicate may be ignored. */
    if (f->offset == piece->offset && f->len == piece->len &&
        memcmp(f->pkt + f->data_off, in->l3 + piece->data_off, f->len) == 0)
        return FIT_AGAIN;
    return FIT_OVERLAP;
}

/* Whether the length that the fragments tell is one (RFC 8200 4.5). */
static bool total_agrees(struct net_datagram *d, const struct net_piece *piece)
{
    uint32_t end = piece->offset + piece->len;
    const struct net_frag *last;

    if (piece->more)
        return d->total == 0 || end <= d->total;
    if (d->total && d->total != end)
        return false;
    if (!list_empty(&d->pieces)) {
        last = ft_container_of(d->pieces.prev, struct net_frag, node);
        if (last->offset + last->len > end)
            return false;
    }
    d->total = end;
    return true;
}

static bool keep(struct ft_net *net, struct net_datagram *d, const struct net_in *in,
                 const struct net_piece *piece, struct ft_list *prev)
{
    bool first = piece->offset == 0;
    /* Of the first one the whole packet is kept, for its headers and for the quote. */
    uint32_t data_off = first ? piece->data_off : 0;
    size_t size = sizeof(struct net_frag) + data_off + piece->len;
    struct net_frag *f;

    if (!make_room(net, d, size))
        return false;
    f = ft_mem_alloc(&net->env->mem, size);
    if (!f)
        return false;
    f->offset = piece->offset;
    f->len = piece->len;
    f->data_off = data_off;
    f->hdr_len = piece->hdr_len;
    f->next_at = piece->next_at;
    f->proto = piece->proto;
    memcpy(f->pkt, in->l3 + (first ? 0 : piece->data_off), data_off + piece->len);
    net->env->counters.steps_octets_copied += data_off + piece->len;
    list_init(&f->node);
    list_push_front(prev, &f->node); /* behind prev, be it the head or a node */
    d->n_pieces++;
    d->n_octets += piece->len;
    d->ecns |= (uint8_t)(1u << piece->ecn);
    charge(net, d, (uint32_t)size);
    return true;
}

/* ---- the whole datagram ---------------------------------------------------------------------- */

/* RFC 3168 5.3: a mark on any fragment is one on the datagram ... */
static bool marked(const struct net_datagram *d)
{
    return d->ecns & 1u << IP_ECN_CE;
}

/* ... and of fragments of which one is not ECN-capable none can honestly be marked. */
static bool mark_is_odd(const struct net_datagram *d)
{
    return marked(d) && (d->ecns & 1u << IP_ECN_NOT_ECT);
}

static void patch4(uint8_t *hdr, uint32_t hdr_len, uint32_t len, bool ce)
{
    if (ce)
        hdr[1] |= IP_ECN_CE;
    be16_store(hdr + 2, (uint16_t)len);
    be16_store(hdr + 6, 0);
    be16_store(hdr + 10, 0);
    be16_store(hdr + 10, csum_of(hdr, hdr_len));
}

static void patch6(uint8_t *hdr, const struct net_frag *first, uint32_t len, bool ce)
{
    if (ce)
        hdr[1] |= IP_ECN_CE << 4;
    be16_store(hdr + 4, (uint16_t)(len - IP6_HDR_LEN));
    hdr[first->next_at] = first->proto;
}

/* Put it together in the scratch buffer. False: too long, or no memory. */
static bool assemble(struct ft_net *net, struct net_datagram *d, struct net_in *in)
{
    const struct net_frag *first = ft_container_of(d->pieces.next, struct net_frag, node);
    bool is_v4 = addr_is_v4(&d->src);
    uint32_t len = first->hdr_len + d->total;
    uint32_t at = first->hdr_len;
    uint8_t *buf = ft_in_scratch(net);

    if (!buf || len > (is_v4 ? IP4_PKT_LEN_MAX : UINT16_MAX + (uint32_t)IP6_HDR_LEN))
        return false;
    memcpy(buf, first->pkt, first->hdr_len);
    ft_list_for_each (node, &d->pieces) {
        const struct net_frag *f = ft_container_of(node, struct net_frag, node);

        ft_assert(at == first->hdr_len + f->offset);
        memcpy(buf + at, f->pkt + f->data_off, f->len);
        at += f->len;
    }
    ft_assert(at == len);
    net->env->counters.steps_octets_copied += len;
    if (is_v4)
        patch4(buf, first->hdr_len, len, marked(d));
    else
        patch6(buf, first, len, marked(d));
    in->l3 = buf;
    in->contig = len;
    in->total = len;
    in->linear = true;
    in->reassembled = true;
    in->rx->n_segs = 1;
    in->rx->csum_good = false;
    return true;
}

static bool finish(struct ft_net *net, struct net_datagram *d, struct net_in *in)
{
    bool done = !mark_is_odd(d) && assemble(net, d, in);

    if (done)
        net->env->counters.reassembled++;
    else
        in->verdict = FT_RX_DROP_REASSEMBLY;
    free_datagram(net, d);
    return done;
}

bool ft_frag_input(struct ft_net *net, struct net_in *in, const struct net_piece *piece)
{
    struct net_datagram *d = find(net, in->rx, piece);
    struct ft_list *prev = NULL;
    enum fit fit;

    ft_assert(piece->len > 0 && !in->reassembled);
    in->verdict = FT_RX_DROP_REASSEMBLY;
    if (!d)
        d = make(net, in, piece);
    if (!d || d->dead)
        return false;
    fit = find_place(net, d, in, piece, &prev);
    if (fit == FIT_AGAIN)
        return false;
    if (fit == FIT_OVERLAP || !total_agrees(d, piece) ||
        d->n_pieces >= net->env->config.limits.reassembly_fragments_max) {
        condemn(net, d);
        return false;
    }
    d->quiet = d->quiet || in->rx->l2_multicast;
    if (!keep(net, d, in, piece, prev)) {
        in->verdict = FT_RX_DROP_MEMORY;
        return false;
    }
    in->verdict = FT_RX_FRAGMENT;
    if (d->total == 0 || d->n_octets < d->total)
        return false;
    in->verdict = FT_RX_N;
    return finish(net, d, in);
}

/* ---- time ------------------------------------------------------------------------------------ */

/* RFC 1122 3.3.2: the source is told, if the first fragment is here to be quoted. */
static void tell(struct ft_net *net, const struct net_datagram *d)
{
    const struct net_frag *first = ft_container_of(d->pieces.next, struct net_frag, node);
    struct net_icmp_out out = {.type = ICMP4_TIME_EXCEEDED, .code = ICMP4_REASSEMBLY_EXCEEDED};
    struct ft_rx rx = {
        .src = d->src,
        .dst = d->dst,
        .dst_class = d->local ? FT_ADDR_LOCAL : FT_ADDR_MULTICAST,
        .ifindex = d->ifindex,
        .l2_multicast = d->quiet,
    };

    if (list_empty(&d->pieces) || first->offset != 0)
        return;
    if (!addr_is_v4(&d->src))
        out.type = ICMP6_TIME_EXCEED;
    rx.l3 = first->pkt;
    rx.l4 = first->pkt + first->data_off;
    rx.l4_contig = first->len;
    rx.l4_len = first->len;
    ft_icmp_send_error(net, &rx, &out);
}

void ft_frag_timer(struct ft_net *net)
{
    ft_list_for_each (node, &net->frag_age) {
        struct net_datagram *d = ft_container_of(node, struct net_datagram, age);

        if (d->expires_at > net->env->now)
            break;
        net->env->counters.reassembly_timeouts++;
        tell(net, d);
        free_datagram(net, d);
    }
    arm(net);
}

void ft_frag_check(const struct ft_net *net)
{
    uint64_t octets = 0;
    uint32_t n = 0;

    ft_list_for_each (node, &net->frag_age) {
        const struct net_datagram *d = ft_container_of(node, struct net_datagram, age);
        uint32_t end = 0;

        ft_list_for_each (piece, &d->pieces) {
            const struct net_frag *f = ft_container_of(piece, struct net_frag, node);

            ft_assert(f->offset >= end);
            end = f->offset + f->len;
        }
        ft_assert(!d->total || end <= d->total);
        ft_assert(d->n_pieces <= net->env->config.limits.reassembly_fragments_max);
        octets += d->octets;
        n++;
    }
    ft_assert(octets == net->frag_octets && n == net->n_datagrams);
    ft_assert(octets <= net->env->config.limits.reassembly_octets_max);
    ft_assert(n == 0 || ft_timer_armed(&net->frag_timer));
}
