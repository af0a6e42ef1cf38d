/* SPDX-License-Identifier: MIT */
/*
 * What the stack must send, compared field by field with what it sent, and told in one line when
 * it differs; the user's side of the ladder; the handshakes.
 */
#include "ladder.h"

#include <stdio.h>

/* ---- telling --------------------------------------------------------------------------------- */

struct line {
    char text[400];
    size_t at;
};

static void say(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct line *line, const char *format, ...)
{
    size_t room = sizeof(line->text) - line->at;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(line->text + line->at, room, format, args);
    va_end(args);
    if (n > 0)
        line->at += (size_t)n < room ? (size_t)n : room - 1;
}

static void say_flags(struct line *line, unsigned flags)
{
    static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK",
                                        "URG", "ECE", "CWR", "AE"};
    const char *sep = "";

    for (unsigned i = 0; i < 9; i++) {
        if (!(flags & (1u << i)))
            continue;
        say(line, "%s%s", sep, names[i]);
        sep = "|";
    }
    if (!flags)
        say(line, "no flags");
}

static void say_field(struct line *line, const char *name, int64_t value)
{
    if (value == NONE)
        say(line, " no %s", name);
    else if (value != ANY)
        say(line, " %s %lld", name, (long long)value);
}

static void say_step(struct line *line, const struct step *s)
{
    say_flags(line, s->flags);
    say_field(line, "seq", s->seq);
    say_field(line, "ack", s->ack);
    say_field(line, "len", s->len);
    say_field(line, "wnd", s->wnd);
    say_field(line, "mss", s->mss);
    say_field(line, "wscale", s->wscale);
    say_field(line, "sack_ok", s->sack_ok);
    say_field(line, "ts", s->ts);
    say_field(line, "tsval", s->tsval);
    say_field(line, "tsecr", s->tsecr);
    say_field(line, "urg", s->urg);
    say_field(line, "psh", s->psh);
    say_field(line, "ttl", s->ttl);
    say_field(line, "tos", s->tos);
    say_field(line, "sport", s->sport);
    say_field(line, "dport", s->dport);
    say_field(line, "n_sack", s->n_sack);
    for (int64_t i = 0; s->n_sack != ANY && i < s->n_sack && i < LADDER_SACKS_MAX; i++)
        say(line, " [%lld,%lld)", (long long)s->sack[i].lo, (long long)s->sack[i].hi);
}

/* The last segment of the stack as a step that names everything. */
static struct step as_step(const struct ladder *t)
{
    const struct ft_tcp_seg *seg = &t->seg;
    struct step s = {
        .flags = seg->flags,
        .seq = (int64_t)seg->seq.v,
        .ack = (seg->flags & SEG_ACK) ? seg->ack.v : ANY,
        .len = seg->len,
        .wnd = seg->wnd,
        .mss = seg->has_mss ? seg->mss : NONE,
        .wscale = seg->has_wscale ? seg->wscale : NONE,
        .sack_ok = seg->sack_ok,
        .ts = seg->has_ts,
        .tsval = seg->has_ts ? seg->tsval : ANY,
        .tsecr = seg->has_ts ? seg->tsecr : ANY,
        .urg = (seg->flags & SEG_URG) ? seg->urg : ANY,
        .psh = !!(seg->flags & SEG_PSH),
        .n_sack = seg->n_sack,
        .ttl = t->last_ttl,
        .tos = t->last_tos,
        .sport = seg->src_port,
        .dport = seg->dst_port,
    };

    if (t->peer->iss_known)
        s.seq = seq_diff(seg->seq, seq_make(t->peer->iss));
    for (unsigned i = 0; i < seg->n_sack; i++) {
        s.sack[i].lo = seg->sack[i].lo.v;
        s.sack[i].hi = seg->sack[i].hi.v;
    }
    return s;
}

/* As as_step(), for people: without what is usual. */
static void say_last(struct line *line, const struct ladder *t)
{
    struct step s = as_step(t);

    s.ttl = s.tos = s.psh = s.sack_ok = s.ts = ANY;
    s.mss = s.mss == NONE ? ANY : s.mss;
    s.wscale = s.wscale == NONE ? ANY : s.wscale;
    s.n_sack = s.n_sack == 0 ? ANY : s.n_sack;
    if (s.sport == t->peer->stack_port && s.dport == t->peer->port)
        s.sport = s.dport = ANY;
    say_step(line, &s);
}

/* ---- comparing ------------------------------------------------------------------------------- */

static bool field_is(int64_t want, int64_t got)
{
    return want == ANY || want == got;
}

static bool sacks_are(const struct step *want, const struct step *got)
{
    if (want->n_sack == ANY)
        return true;
    if (want->n_sack != got->n_sack)
        return false;
    for (int64_t i = 0; i < want->n_sack; i++)
        if (want->sack[i].lo != got->sack[i].lo || want->sack[i].hi != got->sack[i].hi)
            return false;
    return true;
}

static bool ports_are(const struct ladder *t, const struct step *want, const struct step *got)
{
    int64_t sport = want->sport == ANY ? t->peer->stack_port : want->sport;
    int64_t dport = want->dport == ANY ? t->peer->port : want->dport;

    return got->sport == sport && got->dport == dport;
}

static bool matches(const struct ladder *t, const struct step *want, const struct step *got)
{
    unsigned ignored = (want->flags & SEG_PSH) ? 0 : SEG_PSH;

    return (want->flags | ignored) == (got->flags | ignored) && field_is(want->seq, got->seq) &&
           field_is(want->ack, got->ack) && want->len == got->len &&
           field_is(want->wnd, got->wnd) && field_is(want->mss, got->mss) &&
           field_is(want->wscale, got->wscale) && field_is(want->sack_ok, got->sack_ok) &&
           field_is(want->ts, got->ts) && field_is(want->tsval, got->tsval) &&
           field_is(want->tsecr, got->tsecr) && field_is(want->urg, got->urg) &&
           field_is(want->psh, got->psh) && field_is(want->ttl, got->ttl) &&
           field_is(want->tos, got->tos) && sacks_are(want, got) && ports_are(t, want, got);
}

/* Octets of the stack are the pattern's, whatever segment they are in. */
static bool payload_is_right(const struct ladder *t)
{
    uint32_t first = t->seg.seq.v - t->peer->iss - ((t->seg.flags & SEG_SYN) ? 0 : 1);

    for (uint32_t i = 0; i < t->seg.len; i++)
        if (t->payload[i] != ladder_octet(false, first + i))
            return false;
    return true;
}

void ladder_stack_sends(struct ladder *t, struct step want)
{
    struct line line = {.at = 0};
    struct step got;

    say(&line, "%s:%d: the stack was to send ", want.file, want.line);
    say_step(&line, &want);
    if (!ladder_take(t)) {
        fail_msg("%s, and sent nothing", line.text);
        return;
    }
    got = as_step(t);
    if (!matches(t, &want, &got)) {
        say(&line, ", and sent ");
        say_last(&line, t);
        fail_msg("%s", line.text);
    }
    if (!payload_is_right(t))
        fail_msg("%s:%d: octets of the stack are not those that the user wrote", want.file,
                 want.line);
}

void ladder_stack_sends_nothing(struct ladder *t, const char *file, int line_number)
{
    struct line line = {.at = 0};

    if (!ladder_take(t))
        return;
    say(&line, "%s:%d: the stack was to send nothing, and sent ", file, line_number);
    say_last(&line, t);
    fail_msg("%s", line.text);
}

/* ---- the user -------------------------------------------------------------------------------- */

socklen_t ladder_name(const struct ladder *t, const struct ft_addr *addr, uint16_t port,
                      struct sockaddr_storage *ret)
{
    struct ft_addr a = addr ? *addr : t->them;
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    memset(ret, 0, sizeof(*ret));
    if (t->v6) {
        for (unsigned i = 0; i < 8; i++) {
            sin6.sin6_addr.s6_addr[i] = (uint8_t)(a.hi >> (56 - 8 * i));
            sin6.sin6_addr.s6_addr[8 + i] = (uint8_t)(a.lo >> (56 - 8 * i));
        }
        memcpy(ret, &sin6, sizeof(sin6));
        return sizeof(sin6);
    }
    sin.sin_addr.s_addr = htonl((uint32_t)a.lo);
    memcpy(ret, &sin, sizeof(sin));
    return sizeof(sin);
}

void stack_listens(struct ladder *t)
{
    struct ft_addr any = t->v6 ? addr_any() : addr_v4(0);
    struct sockaddr_storage name;
    socklen_t len = ladder_name(t, &any, LADDER_PORT, &name);

    t->listener = ft_socket(t->stack, t->v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    assert_true(t->listener >= 0);
    assert_int_equal(ft_bind(t->stack, t->listener, (struct sockaddr *)&name, len), 0);
    assert_int_equal(ft_listen(t->stack, t->listener, 8), 0);
    ladder_check(t);
}

void user_sets(struct ladder *t, int level, int name, int value)
{
    ft_sock sock = t->peer->sock >= 0 ? t->peer->sock : t->listener;

    assert_int_equal(ft_setsockopt(t->stack, sock, level, name, &value, sizeof(value)), 0);
    ladder_check(t);
}

int user_gets(struct ladder *t, int level, int name)
{
    ft_sock sock = t->peer->sock >= 0 ? t->peer->sock : t->listener;
    int value = 0;
    socklen_t len = sizeof(value);

    assert_int_equal(ft_getsockopt(t->stack, sock, level, name, &value, &len), 0);
    return value;
}

void user_writes_flags(struct ladder *t, size_t n, int flags)
{
    uint8_t *octets = malloc(n ? n : 1);
    ssize_t sent;

    for (size_t i = 0; i < n; i++)
        octets[i] = ladder_octet(false, t->peer->written + i);
    sent = ft_send(t->stack, t->peer->sock, octets, n, flags);
    ladder_check(t);
    free(octets);
    assert_int_equal(sent, n);
    t->peer->written += n;
}

void user_writes(struct ladder *t, size_t n)
{
    user_writes_flags(t, n, 0);
}

void user_reads(struct ladder *t, size_t n)
{
    uint8_t *octets = malloc(n ? n : 1);
    ssize_t got = ft_recv(t->stack, t->peer->sock, octets, n, 0);

    ladder_check(t);
    assert_int_equal(got, n);
    for (size_t i = 0; i < n; i++)
        if (octets[i] != ladder_octet(true, t->peer->read + i))
            fail_msg("octet %llu of the stream is not what the peer sent",
                     (unsigned long long)(t->peer->read + i));
    t->peer->read += n;
    free(octets);
}

void user_reads_nothing(struct ladder *t, int answer)
{
    uint8_t octet;

    assert_int_equal(ft_recv(t->stack, t->peer->sock, &octet, 1, 0), answer);
    ladder_check(t);
}

void user_closes(struct ladder *t)
{
    assert_int_equal(ft_close(t->stack, t->peer->sock), 0);
    t->peer->sock = -1;
    ladder_check(t);
}

int stack_state(const struct ladder *t)
{
    struct ft_sock_info info;

    assert_int_equal(ft_sock_info(t->stack, t->peer->sock, &info), 0);
    return info.state;
}

/* ---- handshakes ------------------------------------------------------------------------------ */

void ladder_peer_connects(struct ladder *t, struct step syn)
{
    struct step ack = LADDER_STEP(SEG_ACK);

    if (t->listener < 0)
        stack_listens(t);
    if (syn.seq == ANY)
        syn.seq = LADDER_PEER_ISN;
    ladder_peer_sends(t, syn);
    stack_sends(t, SEG_SYN | SEG_ACK, .seq = 0, .ack = (uint32_t)syn.seq + 1);
    if (syn.tsval != ANY) {
        ack.tsval = syn.tsval;
        ack.tsecr = t->seg.tsval;
    }
    ladder_peer_sends(t, ack);
    t->peer->sock = ft_accept(t->stack, t->listener, NULL, NULL);
    assert_true(t->peer->sock >= 0);
    ladder_check(t);
    stack_sends_nothing(t);
}

void user_connects(struct ladder *t)
{
    struct sockaddr_storage name;
    socklen_t len = ladder_name(t, NULL, t->peer->port, &name);

    if (t->peer->sock < 0)
        t->peer->sock = ft_socket(t->stack, t->v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    assert_true(t->peer->sock >= 0);
    assert_int_equal(ft_connect(t->stack, t->peer->sock, (struct sockaddr *)&name, len),
                     -EINPROGRESS);
    ladder_check(t);
    assert_int_equal(ft_getsockname(t->stack, t->peer->sock, (struct sockaddr *)&name, &len), 0);
    t->peer->stack_port = ntohs(t->v6 ? ((struct sockaddr_in6 *)&name)->sin6_port
                                      : ((struct sockaddr_in *)&name)->sin_port);
    t->peer->iss_known = false;
}

void ladder_stack_connects(struct ladder *t, struct step syn_ack)
{
    user_connects(t);
    stack_sends(t, SEG_SYN, .seq = 0);
    if (syn_ack.seq == ANY)
        syn_ack.seq = LADDER_PEER_ISN;
    if (syn_ack.tsval != ANY && syn_ack.tsecr == ANY)
        syn_ack.tsecr = t->seg.tsval;
    ladder_peer_sends(t, syn_ack);
    stack_sends(t, SEG_ACK, .seq = 1, .ack = (uint32_t)syn_ack.seq + 1);
    stack_sends_nothing(t);
}
