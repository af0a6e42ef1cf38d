/* SPDX-License-Identifier: MIT */
/*
 * Marks in the send stream: a ring in order of sequence, searched by halves. As on Linux what
 * follows a record is never put into its last segment, whether that is sent for the first time or
 * again; a short segment at a record's end is partial all the same, as Minshall's rule sees it.
 */
#include "priv.h"

static struct tcp_mark *mark_at(const struct tcp_marks *marks, uint32_t i)
{
    return &marks->ring[(marks->head + i) & (marks->cap - 1)];
}

/* The first mark whose end is beyond @seq; n: none is. */
static uint32_t first_beyond(const struct tcp_marks *marks, ft_seq seq)
{
    uint32_t lo = 0;
    uint32_t hi = marks->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (seq_gt(mark_at(marks, mid)->end, seq))
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

int ft_marks_reserve(struct ft_tcp *tcp, struct ft_tcb *tcb)
{
    struct tcp_marks *marks = &tcb->busy->marks;
    if (marks->n < marks->cap)
        return 0;
    uint32_t cap = marks->cap ? 2 * marks->cap : MARKS_FIRST;
    if (cap > MARKS_MAX)
        return -ENOBUFS;
    struct tcp_mark *ring = ft_mem_alloc(&tcp->env->mem, cap * sizeof *ring);
    if (!ring)
        return -ENOBUFS;
    for (uint32_t i = 0; i < marks->n; i++)
        ring[i] = *mark_at(marks, i);
    if (marks->ring)
        ft_mem_free(&tcp->env->mem, marks->ring, marks->cap * sizeof *ring);
    marks->ring = ring;
    marks->cap = cap;
    marks->head = 0;
    return 0;
}

void ft_marks_add(struct ft_tcb *tcb, uint32_t flags)
{
    struct tcp_marks *marks = &tcb->busy->marks;
    ft_seq end = tcb_snd_end(tcb);
    ft_assert(marks->n < marks->cap);
    ft_assert(marks->n == 0 || seq_lt(mark_at(marks, marks->n - 1)->end, end));
    *mark_at(marks, marks->n) = (struct tcp_mark){.end = end, .flags = flags};
    marks->n++;
}

uint32_t ft_marks_room(const struct ft_tcb *tcb, ft_seq seq, uint32_t most)
{
    const struct tcp_marks *marks = tcb->busy ? &tcb->busy->marks : NULL;
    if (!marks || marks->n == 0)
        return most;
    for (uint32_t i = first_beyond(marks, seq); i < marks->n; i++) {
        const struct tcp_mark *mark = mark_at(marks, i);
        uint32_t room = (uint32_t)seq_diff(mark->end, seq);
        if (room >= most)
            break;
        if (mark->flags & MARK_EOR)
            return room;
    }
    return most;
}

bool ft_marks_ends(const struct ft_tcb *tcb, ft_seq seq)
{
    const struct tcp_marks *marks = tcb->busy ? &tcb->busy->marks : NULL;
    if (!marks || marks->n == 0)
        return false;
    uint32_t i = first_beyond(marks, seq_sub(seq, 1));
    return i < marks->n && seq_eq(mark_at(marks, i)->end, seq) &&
           (mark_at(marks, i)->flags & MARK_EOR);
}

/* The link is asked for frames only when it has room for them, so both instants are one. A frame
   that it gives back all the same leaves again, untold. */
void ft_marks_left(struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq seq, uint32_t len)
{
    struct tcp_marks *marks = tcb->busy ? &tcb->busy->marks : NULL;
    if (!marks || marks->n == 0 || len == 0)
        return;
    ft_seq end = seq_add(seq, len);
    for (uint32_t i = first_beyond(marks, seq); i < marks->n; i++) {
        struct tcp_mark *mark = mark_at(marks, i);
        if (seq_gt(mark->end, end))
            break;
        if (mark->flags & MARK_SCHED)
            ft_notes_add(tcp, tcb, NOTE_SCHED, mark->end);
        if (mark->flags & MARK_SND)
            ft_notes_add(tcp, tcb, NOTE_SND, mark->end);
        mark->flags &= ~(uint32_t)(MARK_SCHED | MARK_SND);
    }
}

void ft_marks_acked(struct ft_tcp *tcp, struct ft_tcb *tcb, ft_seq una)
{
    struct tcp_marks *marks = tcb->busy ? &tcb->busy->marks : NULL;
    while (marks && marks->n > 0 && seq_le(mark_at(marks, 0)->end, una)) {
        if (mark_at(marks, 0)->flags & MARK_ACK)
            ft_notes_add(tcp, tcb, NOTE_ACK, mark_at(marks, 0)->end);
        marks->head++;
        marks->n--;
    }
}

void ft_marks_fini(struct ft_tcp *tcp, struct tcp_marks *marks)
{
    if (marks->ring)
        ft_mem_free(&tcp->env->mem, marks->ring, marks->cap * sizeof *marks->ring);
    *marks = (struct tcp_marks){0};
}
