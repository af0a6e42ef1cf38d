/* SPDX-License-Identifier: MIT */
/*
 * Two hosts, the link between them, and streams whose octets are known.
 */
#include "pair.h"

#define PORT 80

static void *pair_alloc(void *ctx, size_t size)
{
    struct pair_mem *m = ctx;

    m->n_allocs++;
    if (m->fail_at && (m->n_allocs == m->fail_at || (m->fail_from && m->n_allocs > m->fail_at))) {
        m->n_failed++;
        return NULL;
    }
    m->n_live++;
    m->octets_live += size;
    return malloc(size);
}

static void pair_free(void *ctx, void *ptr, size_t size)
{
    struct pair_mem *m = ctx;

    if (!ptr)
        return;
    assert_true(m->n_live > 0 && m->octets_live >= size);
    m->n_live--;
    m->octets_live -= size;
    free(ptr);
}

uint32_t pair_below(struct pair *p, uint32_t n)
{
    p->random = p->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(p->random >> 33) % n;
}

void pair_init(struct pair *p)
{
    memset(p, 0, sizeof(*p));
    ft_config_init(&p->config);
    p->config.limits.frames_out_max = PAIR_HELD_MAX + PAIR_BATCH;
    p->if_flags = FT_IF_NO_DAD;
    p->now = 1000 * FT_SEC;
    p->random = 1;
    p->listener = p->client = p->server = -1;
}

static struct ft_addr addr_of(unsigned who)
{
    return (struct ft_addr){0, UINT64_C(0xffff0a070001) + who};
}

static int start_host(struct pair *p, unsigned who)
{
    struct pair_host *h = &p->host[who];
    struct ft_if_config eth = {.size = sizeof(eth),
                               .name = "eth0",
                               .type = FT_IF_ETHER,
                               .mac = {2, 0, 0, 0, 0, (uint8_t)(who + 1)},
                               .mtu = 1500,
                               .flags = p->if_flags};
    struct ft_config config = p->config;
    struct ft_addr addr = addr_of(who);
    int err;

    for (size_t i = 0; i < sizeof(config.seed); i++)
        config.seed[i] = (uint8_t)(i + 1 + who * 50);
    config.allocator = (struct ft_allocator){pair_alloc, pair_free, &h->mem};
    err = ft_stack_new(&config, &h->stack);
    if (err)
        return err;
    ft_advance(h->stack, p->now);
    h->ifindex = ft_if_add(h->stack, &eth);
    if (h->ifindex < 0)
        return h->ifindex;
    return ft_addr_add(h->stack, h->ifindex, &addr, 24, 0);
}

int pair_start(struct pair *p)
{
    int err = start_host(p, 0);

    return err ? err : start_host(p, 1);
}

/* ---- the link -------------------------------------------------------------------------------- */

static void check(struct pair *p)
{
    for (unsigned i = 0; i < 2 && !p->unchecked; i++)
        if (p->host[i].stack)
            ft_stack_check(p->host[i].stack);
}

/* All octets of a frame in one block. */
static uint8_t *flatten(const struct ft_frame *f, size_t *ret_len)
{
    uint8_t *octets;
    size_t len = f->len, at = f->len;

    for (unsigned i = 0; i < f->n_spans; i++)
        len += f->spans[i].len;
    octets = malloc(len);
    memcpy(octets, f->buf, f->len);
    for (unsigned i = 0; i < f->n_spans; i++) {
        memcpy(octets + at, f->spans[i].data, f->spans[i].len);
        at += f->spans[i].len;
    }
    *ret_len = len;
    return octets;
}

/* Give the oldest kept frames back: nobody may have written where the link was lent. */
static void give_back(struct pair *p, unsigned who, unsigned n, bool sent)
{
    struct pair_host *h = &p->host[who];
    struct ft_frame frames[PAIR_HELD_MAX];

    for (unsigned i = 0; i < n; i++) {
        size_t len;
        uint8_t *now = flatten(&h->kept[i].frame, &len);

        assert_int_equal(len, h->kept[i].len);
        assert_memory_equal(now, h->kept[i].octets, len);
        free(now);
        frames[i] = h->kept[i].frame;
    }
    if (n > 0)
        ft_output_done(h->stack, h->ifindex, frames, n, sent ? n : 0);
    for (unsigned i = 0; i < n; i++) {
        free(h->kept[i].buf);
        free(h->kept[i].octets);
    }
    h->n_kept -= n;
    memmove(h->kept, h->kept + n, h->n_kept * sizeof(h->kept[0]));
    check(p);
}

void pair_give_back(struct pair *p, unsigned who, bool sent)
{
    give_back(p, who, p->host[who].n_kept, sent);
}

/* A frame has left: the other host gets a copy, the link keeps the frame. */
static void transmit(struct pair *p, unsigned who, const struct ft_frame *frame)
{
    struct pair_host *h = &p->host[who], *other = &p->host[1 - who];
    struct pair_kept *k = &h->kept[h->n_kept++];
    struct ft_frame in = {.n_segs = 1};

    *k = (struct pair_kept){.frame = *frame, .buf = frame->buf};
    k->octets = flatten(frame, &k->len);
    if (p->unplugged)
        return;
    in.buf = malloc(k->len);
    memcpy(in.buf, k->octets, k->len);
    in.cap = in.len = (uint32_t)k->len;
    ft_input(other->stack, other->ifindex, &in, 1, p->now);
    free(in.buf);
}

/* One batch. Return: whether there was anything. */
static bool carry_batch(struct pair *p, unsigned who)
{
    struct pair_host *h = &p->host[who];
    struct ft_frame frames[PAIR_BATCH];
    size_t n, n_sent;

    if (h->n_kept + PAIR_BATCH > PAIR_HELD_MAX)
        give_back(p, who, h->n_kept, true);
    memset(frames, 0, sizeof(frames));
    for (unsigned i = 0; i < PAIR_BATCH; i++) {
        frames[i].buf = malloc(PAIR_BUF);
        frames[i].cap = PAIR_BUF;
        frames[i].flags = pair_below(p, 4) ? 0 : FT_FRAME_LINEAR;
    }
    n = ft_output(h->stack, h->ifindex, frames, PAIR_BATCH, p->now);
    assert_true(n <= PAIR_BATCH);
    n_sent = n;
    if (n > 0 && p->refuse_1_in && pair_below(p, p->refuse_1_in) == 0)
        n_sent = pair_below(p, (uint32_t)n);
    p->n_refused += n - n_sent;
    for (size_t i = 0; i < n_sent; i++)
        transmit(p, who, &frames[i]);
    /* Frames go back in the order in which they came: first those that are kept. */
    if (n_sent < n) {
        give_back(p, who, h->n_kept, true);
        ft_output_done(h->stack, h->ifindex, frames + n_sent, n - n_sent, 0);
    }
    for (size_t i = n_sent; i < PAIR_BATCH; i++)
        free(frames[i].buf);
    if (h->n_kept > p->keep)
        give_back(p, who, h->n_kept - p->keep, true);
    check(p);
    return n > 0;
}

void pair_carry(struct pair *p)
{
    unsigned most = 100000;

    for (bool any = true; any;) {
        assert_true(most-- > 0);
        any = carry_batch(p, 0);
        any = carry_batch(p, 1) || any;
    }
}

void pair_after_ms(struct pair *p, uint64_t ms)
{
    ft_time until = p->now + ms * FT_MS;

    pair_carry(p);
    for (;;) {
        ft_time a = ft_deadline(p->host[0].stack), b = ft_deadline(p->host[1].stack);
        ft_time at = a < b ? a : b;

        if (at > until)
            break;
        if (at > p->now)
            p->now = at;
        ft_advance(p->host[0].stack, p->now);
        ft_advance(p->host[1].stack, p->now);
        check(p);
        pair_carry(p);
    }
    p->now = until;
    ft_advance(p->host[0].stack, p->now);
    ft_advance(p->host[1].stack, p->now);
}

void pair_end(struct pair *p)
{
    for (unsigned i = 0; i < 2; i++) {
        struct pair_host *h = &p->host[i];

        if (h->stack && h->n_kept)
            pair_give_back(p, i, true);
        h->mem.fail_at = 0;
        ft_stack_free(h->stack);
        h->stack = NULL;
        assert_int_equal(h->mem.n_live, 0);
        assert_int_equal(h->mem.octets_live, 0);
    }
}

/* ---- the streams ----------------------------------------------------------------------------- */

static uint8_t octet_of(unsigned who, uint64_t at)
{
    return (uint8_t)(at * 13 + at / 251 + who * 101);
}

static struct sockaddr_in name_of(unsigned who)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(PORT)};

    sin.sin_addr.s_addr = htonl((uint32_t)addr_of(who).lo);
    return sin;
}

int pair_connect(struct pair *p)
{
    struct sockaddr_in name = name_of(1);
    int err;

    p->listener = ft_socket(p->host[1].stack, AF_INET, SOCK_STREAM, 0);
    if (p->listener < 0)
        return (int)p->listener;
    err = ft_bind(p->host[1].stack, p->listener, (struct sockaddr *)&name, sizeof(name));
    if (err)
        return err;
    err = ft_listen(p->host[1].stack, p->listener, 8);
    if (err)
        return err;
    p->client = ft_socket(p->host[0].stack, AF_INET, SOCK_STREAM, 0);
    if (p->client < 0)
        return (int)p->client;
    err = ft_connect(p->host[0].stack, p->client, (struct sockaddr *)&name, sizeof(name));
    return err == -EINPROGRESS ? 0 : err;
}

bool pair_accept(struct pair *p)
{
    if (p->server < 0 && p->listener >= 0)
        p->server = ft_accept(p->host[1].stack, p->listener, NULL, NULL);
    return p->server >= 0;
}

ssize_t pair_write(struct pair *p, unsigned who, size_t n)
{
    ft_sock sock = who ? p->server : p->client;
    uint8_t *octets = malloc(n ? n : 1);
    ssize_t sent;

    for (size_t i = 0; i < n; i++)
        octets[i] = octet_of(who, p->sent[who] + i);
    sent = ft_send(p->host[who].stack, sock, octets, n, 0);
    free(octets);
    if (sent > 0)
        p->sent[who] += (uint64_t)sent;
    return sent;
}

ssize_t pair_read(struct pair *p, unsigned who)
{
    ft_sock sock = who ? p->server : p->client;
    uint8_t octets[4096];
    ssize_t total = 0, got;

    while ((got = ft_recv(p->host[who].stack, sock, octets, sizeof(octets), 0)) > 0) {
        for (ssize_t i = 0; i < got; i++)
            assert_int_equal(octets[i], octet_of(1 - who, p->got[1 - who] + (uint64_t)i));
        p->got[1 - who] += (uint64_t)got;
        total += got;
    }
    return total > 0 ? total : got;
}
