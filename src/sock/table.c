/* SPDX-License-Identifier: MIT */
/*
 * The four-tuple table: a keyed hash over buckets of one cache line, which grows and shrinks by one
 * bucket at a time, so that there is never a second table and no packet waits for a rehash. It
 * knows names of conversations and nothing of what they are.
 *
 * A line holds nine tags of eight bits, compared at once, and nine pointers, packed into six octets
 * each (objects are aligned to 8 and lie below 2^51). A hit reads the line and the object. What a
 * bucket cannot hold goes to lines linked behind it:
 *
 *     octet 0        8    9    10                       58      64
 *           | tags       | n  | pointers 0 to 7          | 8    |   n has LINK: 8 leads to a line
 *
 * Growth is spiral storage (Martin, 1979). With a buckets, those alive are numbered a to 2a - 1. A
 * hash is warped into w in [1, 2), and its bucket is floor(w 2^k) for the k by which that lies
 * among those alive. To grow, bucket a is split into 2a and 2a + 1; nothing else moves. Plain
 * linear hashing is w = 1 + u, which leaves buckets not yet split twice as full as the others.
 * w = 1 + (2u + u^2)/3 begins twice as steep as it ends, so fullness falls gently along the
 * buckets: the fullest has at most 1.5 times the mean. The number without its factors of two is
 * odd, 2s + 1, and s, always below a, is where the bucket lies in memory: bucket 2a takes the place
 * of a, and 2a + 1 the next new one.
 */
#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "base/env.h"
#include "base/hash.h"
#include "priv.h"

#define LINE_LEN         9u
#define LINE_LINKED      8u   /* entries of a line that has a link */
#define LINK             0x80 /* in n: the last pointer leads to another line */
#define N_MASK           0x0f
#define CHAIN_MAX        9u /* lines of a bucket; a keyed hash never comes near */
#define CHAIN_LEN_MAX    (LINE_LINKED * (CHAIN_MAX - 1) + LINE_LEN)
#define SEGMENT_SHIFT    8
#define SEGMENT_LINES    (1u << SEGMENT_SHIFT)
#define SEGMENT_SIZE     (SEGMENT_LINES * sizeof(struct line) + sizeof(struct line))
#define BUCKETS_MIN      16u
#define BUCKETS_MAX      (1u << 28) /* the hash distinguishes no more of them well */
#define DIRECTORY_MIN    8u
#define PACKED_SIZE      6
#define PACKED_SHIFT     3
#define PACKED_BITS      (8 * PACKED_SIZE + PACKED_SHIFT)

/* Entries a bucket that make it grow, in halves; shrunk at half of that. */
#define LOAD_GROW_HALVES 13u

struct line {
    uint8_t tags[LINE_LEN]; /* 0: empty; entries come first */
    uint8_t n;              /* entries, and LINK */
    uint8_t packed[LINE_LEN][PACKED_SIZE];
};

static_assert(sizeof(struct line) == 64, "one cache line");

struct ft_table {
    struct ft_env *env;
    void **segments;       /* of SEGMENT_SIZE; lines begin at the first multiple of 64 */
    uint32_t n_segments;   /* allocated: enough for @n_buckets */
    uint32_t cap_segments; /* entries of the directory */
    uint32_t n_buckets;
    uint32_t n;           /* entries */
    uint32_t n_changes;   /* entries put in, taken out and replaced */
    uint32_t n_checked;   /* n_changes when all of it was checked */
    struct ft_pool lines; /* those linked behind a bucket */
    uint8_t key[16];
};

struct entry {
    struct ft_conn *conn;
    uint8_t tag;
};

/* All of a bucket, while it is being split or merged. */
struct chain {
    uint32_t n;
    uint32_t n_spare;
    struct line *spare[2 * CHAIN_MAX]; /* lines to be used again */
    struct entry entries[2 * CHAIN_LEN_MAX];
};

/* ---- lines ------------------------------------------------------------------------------------
 */

static bool can_pack(const void *ptr)
{
    uint64_t v = (uint64_t)(uintptr_t)ptr;

    return v >> PACKED_BITS == 0 && (v & ((1u << PACKED_SHIFT) - 1)) == 0;
}

static void pack(uint8_t *at, const void *ptr)
{
    uint64_t v = (uint64_t)(uintptr_t)ptr >> PACKED_SHIFT;
    uint32_t low = (uint32_t)v;
    uint16_t high = (uint16_t)(v >> 32);

    memcpy(at, &low, sizeof(low));
    memcpy(at + sizeof(low), &high, sizeof(high));
}

static void *unpack(const uint8_t *at)
{
    uint32_t low;
    uint16_t high;

    memcpy(&low, at, sizeof(low));
    memcpy(&high, at + sizeof(low), sizeof(high));
    return (void *)(uintptr_t)(((uint64_t)high << 32 | low) << PACKED_SHIFT);
}

static struct line *next_line(const struct line *line)
{
    return line->n & LINK ? unpack(line->packed[LINE_LEN - 1]) : NULL;
}

static uint32_t line_len(const struct line *line)
{
    return line->n & N_MASK;
}

/* One bit in the high bit of each octet of @tags[0..7] that equals @tag. */
static uint64_t match_tags(const struct line *line, uint8_t tag)
{
    const uint64_t low7 = UINT64_C(0x7f7f7f7f7f7f7f7f);
    uint64_t x;

    memcpy(&x, line->tags, sizeof(x));
    x ^= UINT64_C(0x0101010101010101) * tag;
    return ~(((x & low7) + low7) | x | low7);
}

static uint32_t match_index(uint64_t match)
{
    uint32_t i = (uint32_t)__builtin_ctzll(match) >> 3;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    i = 7 - i;
#endif
    return i;
}

static void line_put(struct line *line, uint32_t i, const struct entry *entry)
{
    line->tags[i] = entry->tag;
    pack(line->packed[i], entry->conn);
}

static struct entry line_get(const struct line *line, uint32_t i)
{
    return (struct entry){.conn = unpack(line->packed[i]), .tag = line->tags[i]};
}

/* ---- where a name lives -----------------------------------------------------------------------
 */

uint64_t ft_table_hash(const struct ft_table *table, const struct ft_conn *name)
{
    uint64_t rest =
        (uint64_t)name->local_port << 32 | (uint64_t)name->remote_port << 16 | name->ifindex;
    uint64_t w[5] = {rest, name->local.lo, name->remote.lo, name->local.hi, name->remote.hi};

    if (addr_is_v4(&name->local) && addr_is_v4(&name->remote)) {
        w[1] = name->local.lo << 32 | (uint32_t)name->remote.lo;
        return ft_siphash13_words(table->key, w, 2);
    }
    return ft_siphash13_words(table->key, w, 5);
}

static uint8_t hash_tag(uint64_t hash)
{
    uint8_t tag = (uint8_t)hash;

    return tag ? tag : 1;
}

/* The upper half of the hash, u, becomes w = 1 + (2u + u^2)/3, with 63 bits behind the point. */
static uint64_t warp(uint64_t hash)
{
    uint64_t u = hash >> 32;

    return (UINT64_C(1) << 63) + 2 * (((u << 31) + (u * u >> 2)) / 3);
}

/* The number of a hash's bucket, out of n_buckets to 2 n_buckets - 1. */
static uint32_t bucket_number(uint64_t hash, uint32_t n_buckets)
{
    uint32_t k = 31 - (uint32_t)__builtin_clz(n_buckets);
    uint64_t w = warp(hash);
    uint32_t number = (uint32_t)(w >> (63 - k));

    return number < n_buckets ? (uint32_t)(w >> (62 - k)) : number;
}

static uint32_t bucket_place(uint32_t number)
{
    return number >> ((uint32_t)__builtin_ctz(number) + 1);
}

static struct line *line_at(const struct ft_table *table, uint32_t place)
{
    uintptr_t segment = (uintptr_t)table->segments[place >> SEGMENT_SHIFT];
    struct line *lines =
        (struct line *)((segment + sizeof(*lines) - 1) & ~(uintptr_t)(sizeof(*lines) - 1));

    return &lines[place & (SEGMENT_LINES - 1)];
}

static struct line *home(const struct ft_table *table, uint64_t hash)
{
    return line_at(table, bucket_place(bucket_number(hash, table->n_buckets)));
}

static bool same_name(const struct ft_conn *a, const struct ft_conn *b)
{
    return a->local_port == b->local_port && a->remote_port == b->remote_port &&
           addr_eq(&a->remote, &b->remote) && addr_eq(&a->local, &b->local) &&
           a->ifindex == b->ifindex;
}

/* ---- finding ----------------------------------------------------------------------------------
 */

void ft_table_prefetch(const struct ft_table *table, uint64_t hash)
{
    __builtin_prefetch(home(table, hash));
}

/* A TCB is five lines, of which a segment reads the first four at least. */
void ft_table_prefetch_conns(const struct ft_table *table, uint64_t hash)
{
    const struct line *line = home(table, hash);

    for (uint64_t match = match_tags(line, hash_tag(hash)); match; match &= match - 1) {
        const char *conn = unpack(line->packed[match_index(match)]);

        for (unsigned i = 0; i < 4; i++)
            __builtin_prefetch(conn + 64 * i);
    }
}

struct ft_conn *ft_table_find_hashed(const struct ft_table *table, const struct ft_conn *name,
                                     uint64_t hash)
{
    uint8_t tag = hash_tag(hash);

    for (struct line *line = home(table, hash); line; line = next_line(line)) {
        uint64_t match = match_tags(line, tag);

        table->env->counters.steps_table_probes++;
        for (; match; match &= match - 1) {
            struct ft_conn *conn = unpack(line->packed[match_index(match)]);

            if (same_name(conn, name))
                return conn;
        }
        if (line->tags[LINE_LEN - 1] == tag) {
            struct ft_conn *conn = unpack(line->packed[LINE_LEN - 1]);

            if (same_name(conn, name))
                return conn;
        }
    }
    return NULL;
}

struct ft_conn *ft_table_find(const struct ft_table *table, const struct ft_conn *name)
{
    return ft_table_find_hashed(table, name, ft_table_hash(table, name));
}

/* Finds the place of an object that is in the table. */
static struct line *find_place(const struct ft_table *table, const struct ft_conn *conn,
                               uint64_t hash, uint32_t *ret_i)
{
    for (struct line *line = home(table, hash); line; line = next_line(line)) {
        for (uint32_t i = 0; i < line_len(line); i++) {
            if (unpack(line->packed[i]) == conn) {
                *ret_i = i;
                return line;
            }
        }
    }
    return NULL;
}

/* ---- putting in and taking out ----------------------------------------------------------------
 */

/* Appends to a bucket. A full line gives its last entry to the line that is linked behind it. */
static int append(struct ft_table *table, struct line *line, const struct entry *entry,
                  struct chain *chain)
{
    uint32_t n_lines = 1;
    struct line *more;

    for (; line->n & LINK; n_lines++)
        line = next_line(line);
    if (line_len(line) < LINE_LEN) {
        line_put(line, line->n++, entry);
        return 0;
    }
    if (n_lines == CHAIN_MAX)
        return -ENOBUFS;
    more =
        chain && chain->n_spare > 0 ? chain->spare[--chain->n_spare] : ft_pool_get(&table->lines);
    if (!more)
        return -ENOBUFS;
    ft_assert(can_pack(more));
    more->tags[0] = line->tags[LINE_LEN - 1];
    memcpy(more->packed[0], line->packed[LINE_LEN - 1], PACKED_SIZE);
    line_put(more, 1, entry);
    more->n = 2;
    line->tags[LINE_LEN - 1] = 0;
    pack(line->packed[LINE_LEN - 1], more);
    line->n = LINE_LINKED | LINK;
    return 0;
}

/* Moves all of a bucket to @chain, behind what is there; its further lines become spare ones. */
static void take_all(struct line *bucket, struct chain *chain)
{
    struct line *line = bucket;

    while (line) {
        struct line *next = next_line(line);

        for (uint32_t i = 0; i < line_len(line); i++)
            chain->entries[chain->n++] = line_get(line, i);
        memset(line, 0, sizeof(*line));
        if (line != bucket)
            chain->spare[chain->n_spare++] = line;
        line = next;
    }
}

/* Puts entries where they belong now. There are spare lines enough for it never to fail. */
static void put_all(struct ft_table *table, struct chain *chain)
{
    for (uint32_t i = 0; i < chain->n; i++) {
        const struct entry *entry = &chain->entries[i];
        int err = append(table, home(table, ft_table_hash(table, entry->conn)), entry, chain);

        ft_assert(err == 0);
    }
    while (chain->n_spare > 0)
        ft_pool_put(&table->lines, chain->spare[--chain->n_spare]);
}

/* ---- growing and shrinking --------------------------------------------------------------------
 */

static int grow_directory(struct ft_table *table)
{
    struct ft_mem *mem = &table->env->mem;
    uint32_t cap = table->cap_segments ? 2 * table->cap_segments : DIRECTORY_MIN;
    void **segments = ft_mem_alloc(mem, cap * sizeof(*segments));

    if (!segments)
        return -ENOBUFS;
    if (table->n_segments > 0)
        memcpy(segments, table->segments, table->n_segments * sizeof(*segments));
    ft_mem_free(mem, table->segments, table->cap_segments * sizeof(*segments));
    table->segments = segments;
    table->cap_segments = cap;
    return 0;
}

static int add_segment(struct ft_table *table)
{
    void *segment;

    if (table->n_segments == table->cap_segments && grow_directory(table) < 0)
        return -ENOBUFS;
    segment = ft_mem_alloc(&table->env->mem, SEGMENT_SIZE);
    if (!segment)
        return -ENOBUFS;
    table->segments[table->n_segments++] = segment;
    return 0;
}

/* Splits the fullest bucket. When memory is refused the table only gets fuller. */
static void grow(struct ft_table *table)
{
    struct chain chain;

    if (table->n_buckets == BUCKETS_MAX)
        return;
    if (table->n_buckets == table->n_segments << SEGMENT_SHIFT && add_segment(table) < 0)
        return;
    chain.n = 0;
    chain.n_spare = 0;
    take_all(line_at(table, bucket_place(table->n_buckets)), &chain);
    table->n_buckets++;
    put_all(table, &chain);
}

static uint32_t bucket_len(const struct line *line)
{
    uint32_t n = 0;

    for (; line; line = next_line(line))
        n += line_len(line);
    return n;
}

/* Lines that must be linked behind a bucket of @n entries. */
static uint32_t lines_behind(uint32_t n)
{
    return n <= LINE_LEN ? 0 : (n - LINE_LEN + LINE_LINKED - 1) / LINE_LINKED;
}

/* Merges the last two buckets into the one that they came from, unless that needs memory that is
   refused. */
static void shrink(struct ft_table *table)
{
    uint32_t a = table->n_buckets - 1;
    struct line *even = line_at(table, bucket_place(2 * a));
    struct line *odd = line_at(table, a);
    uint32_t n_even = bucket_len(even), n_odd = bucket_len(odd);
    uint32_t n_more;
    struct chain chain;

    ft_assert(bucket_place(2 * a + 1) == a);
    if (lines_behind(n_even + n_odd) >= CHAIN_MAX)
        return;
    chain.n = 0;
    n_more = lines_behind(n_even + n_odd);
    n_more -= FT_MIN(n_more, lines_behind(n_even) + lines_behind(n_odd));
    for (chain.n_spare = 0; chain.n_spare < n_more; chain.n_spare++) {
        chain.spare[chain.n_spare] = ft_pool_get(&table->lines);
        if (!chain.spare[chain.n_spare])
            break;
    }
    if (chain.n_spare == n_more) {
        take_all(even, &chain);
        take_all(odd, &chain);
        table->n_buckets = a;
    }
    put_all(table, &chain);
    if (table->n_buckets == (table->n_segments - 1) << SEGMENT_SHIFT)
        ft_mem_free(&table->env->mem, table->segments[--table->n_segments], SEGMENT_SIZE);
}

/* ---- the face ---------------------------------------------------------------------------------
 */

struct ft_table *ft_table_new(struct ft_env *env, const char *label)
{
    struct ft_table *table = ft_mem_alloc(&env->mem, sizeof(*table));

    if (!table)
        return NULL;
    table->env = env;
    table->n_buckets = BUCKETS_MIN;
    ft_pool_init(&table->lines, &env->mem, sizeof(struct line), UINT32_MAX);
    ft_derive(env->config.seed, label, table->key, sizeof(table->key));
    if (add_segment(table) < 0) {
        ft_table_free(table);
        return NULL;
    }
    return table;
}

void ft_table_free(struct ft_table *table)
{
    struct ft_mem *mem;

    if (!table)
        return;
    mem = &table->env->mem;
    for (uint32_t place = 0; table->n > 0 && place < table->n_buckets; place++) {
        struct line *line = next_line(line_at(table, place));

        while (line) {
            struct line *next = next_line(line);

            ft_pool_put(&table->lines, line);
            line = next;
        }
    }
    ft_pool_fini(&table->lines);
    for (uint32_t i = 0; i < table->n_segments; i++)
        ft_mem_free(mem, table->segments[i], SEGMENT_SIZE);
    ft_mem_free(mem, table->segments, table->cap_segments * sizeof(*table->segments));
    ft_mem_free(mem, table, sizeof(*table));
}

int ft_table_insert(struct ft_table *table, struct ft_conn *conn)
{
    uint64_t hash = ft_table_hash(table, conn);
    struct entry entry = {.conn = conn, .tag = hash_tag(hash)};

    if (ft_table_find_hashed(table, conn, hash))
        return -EADDRINUSE;
    if (!can_pack(conn) || append(table, home(table, hash), &entry, NULL) < 0)
        return -ENOBUFS;
    table->n++;
    table->n_changes++;
    if (2 * (uint64_t)table->n > (uint64_t)LOAD_GROW_HALVES * table->n_buckets)
        grow(table);
    return 0;
}

void ft_table_remove(struct ft_table *table, struct ft_conn *conn)
{
    uint64_t hash = ft_table_hash(table, conn);
    struct line *last = home(table, hash), *before = NULL;
    uint32_t i = 0;
    struct line *line = find_place(table, conn, hash, &i);
    struct entry moved;

    ft_assert(line);
    while (last->n & LINK) {
        before = last;
        last = next_line(last);
    }
    /* The last entry of the bucket fills the hole. */
    moved = line_get(last, line_len(last) - 1);
    line_put(line, i, &moved);
    last->n--;
    last->tags[last->n] = 0;
    if (last->n == 0 && before) {
        before->n = LINE_LINKED;
        ft_pool_put(&table->lines, last);
    }
    table->n--;
    table->n_changes++;
    if (table->n_buckets > BUCKETS_MIN &&
        4 * (uint64_t)table->n < (uint64_t)LOAD_GROW_HALVES * table->n_buckets)
        shrink(table);
}

void ft_table_replace(struct ft_table *table, struct ft_conn *old, struct ft_conn *now)
{
    uint32_t i = 0;
    struct line *line = find_place(table, old, ft_table_hash(table, old), &i);

    ft_assert(line);
    ft_assert(same_name(old, now));
    ft_assert(can_pack(now));
    pack(line->packed[i], now);
    table->n_changes++;
}

uint32_t ft_table_len(const struct ft_table *table)
{
    return table->n;
}

struct ft_conn *ft_table_next(const struct ft_table *table, uint64_t *cursor)
{
    uint32_t place = (uint32_t)(*cursor >> 8);
    uint32_t skip = (uint32_t)(*cursor & 0xff);

    for (; place < table->n_buckets; place++, skip = 0) {
        uint32_t i = skip;

        for (const struct line *line = line_at(table, place); line; line = next_line(line)) {
            if (i < line_len(line)) {
                *cursor = (uint64_t)place << 8 | (skip + 1);
                return unpack(line->packed[i]);
            }
            i -= line_len(line);
        }
    }
    return NULL;
}

/* Neither an entry nor a link: nothing of what holds for a line can be broken. */
static bool is_blank(const struct line *line)
{
    uint64_t tags;

    static_assert(sizeof(tags) == LINE_LEN - 1, "the last tag is looked at by itself");
    memcpy(&tags, line->tags, sizeof(tags));
    return (tags | line->tags[LINE_LEN - 1] | line->n) == 0;
}

static uint32_t check_bucket(const struct ft_table *table, uint32_t place)
{
    uint32_t n = 0, n_lines = 0;

    if (is_blank(line_at(table, place)))
        return 0;
    for (const struct line *line = line_at(table, place); line; line = next_line(line)) {
        ft_assert(line_len(line) <= (line->n & LINK ? LINE_LINKED : LINE_LEN));
        ft_assert(!(line->n & LINK) || line_len(line) == LINE_LINKED);
        ft_assert(n_lines == 0 || line_len(line) > 0);
        ft_assert(++n_lines <= CHAIN_MAX);
        for (uint32_t i = 0; i < LINE_LEN; i++) {
            struct ft_conn *conn;
            uint64_t hash;

            ft_assert((i < line_len(line)) == (line->tags[i] != 0));
            if (i >= line_len(line))
                continue;
            conn = unpack(line->packed[i]);
            hash = ft_table_hash(table, conn);
            ft_assert(line->tags[i] == hash_tag(hash));
            ft_assert(home(table, hash) == line_at(table, place));
            ft_assert(ft_table_find_hashed(table, conn, hash) == conn);
        }
        n += line_len(line);
    }
    return n;
}

void ft_table_check(const struct ft_table *table)
{
    uint64_t probes = table->env->counters.steps_table_probes;
    uint32_t n = 0;

    ft_assert(table->n_buckets >= BUCKETS_MIN && table->n_buckets <= BUCKETS_MAX);
    ft_assert(table->n_buckets <= table->n_segments << SEGMENT_SHIFT);
    ft_assert(table->n_segments <= table->cap_segments);
    for (uint32_t place = 0; place < table->n_buckets; place++)
        n += check_bucket(table, place);
    ft_assert(n == table->n);
    table->env->counters.steps_table_probes = probes; /* checking is no work of a packet */
}

bool ft_table_check_changes(struct ft_table *table)
{
    if (table->n_checked == table->n_changes)
        return false;
    ft_table_check(table);
    table->n_checked = table->n_changes;
    return true;
}
